// Recovery: the log's files, in their order, back into the keyspace.
//
// The manifest says which files there are. A base in RDB format is loaded like any RDB file; commands
// are read and cut into runs of whole ones by one goroutine, and run by another. A log that is not
// whole ends the process, with one exception: at its very end a write may have been cut off, and with
// aof-load-truncated what is left of it is cut off too. The end is in the last increment that holds
// anything: those behind it, made for a rewrite and not yet written when the power went, do not count.
//
// What is read, decided and logged is what a redis-server reads, decides and logs.

package persist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/vfs"
)

// Kinds of errors of loading a log. What is wrong has been logged.
var (
	errLogAbsent   = errors.New("there is no append-only log")
	errLogEmpty    = errors.New("the append-only log is empty")
	errLogCut      = errors.New("the end of the append-only file was cut off")
	errLogRefused  = errors.New("the append-only log cannot be loaded")
	errLogManifest = errors.New("the manifest of the append-only log cannot be read")
)

// Recover loads the data set at start: from the log when it is on, else from the RDB file. Then the log
// is ready to be written. Errors: what is wrong, of an RDB file; of the log it has been logged already,
// and ErrLoadLog is returned.
func (p *Store) Recover() error {
	c := p.o.Config.Current()
	if !c.AppendOnly {
		p.log.files.Lock()
		err := p.readManifest(c)
		p.log.files.Unlock()
		if err != nil {
			return ErrLoadLog
		}
		return p.Load()
	}
	began := p.mono()
	err := p.readLog(c, false)
	switch {
	case errors.Is(err, errLogAbsent):
	case err == nil, errors.Is(err, errLogEmpty), errors.Is(err, errLogCut):
		p.o.Log.Notice("DB loaded from append only file: %.3f seconds", (p.mono() - began).Seconds())
	default:
		return ErrLoadLog
	}
	p.saved.Store(p.o.Keyspace.Dirty())
	if p.openAtStart(c) != nil {
		return ErrLoadLog
	}
	return p.replaceBeginning()
}

// replaceBeginning rewrites a log of which only the beginning of the base could be read, before anybody
// writes to it: what is written behind such a base could not be loaded (beginningOnly). Errors: ErrLoadLog.
func (p *Store) replaceBeginning() error {
	if !p.partly.cut.Load() {
		return nil
	}
	err := p.startRewrite("The beginning of a log that cannot be read on from there is written anew")
	if err == nil {
		if j := p.running(); j != nil {
			<-j.done
		}
		p.mu.Lock()
		if p.log.failed {
			err = errLogRefused
		}
		p.mu.Unlock()
	}
	if err != nil {
		p.o.Log.Warning("The log could only be read in part, and a whole one could not be written in its place")
		return ErrLoadLog
	}
	p.partly.cut.Store(false)
	return nil
}

// Reread is DEBUG LOADAOF: it writes the log out, empties the keyspace and loads the log. The world is
// stopped. Errors: ErrLoadLog.
func (p *Store) Reread() error {
	c := p.o.Config.Current()
	_ = p.Flush() // what cannot be written is not there to be loaded
	p.tx.LockAll()
	p.tx.Flush(-1, false)
	p.tx.Unlock()
	err := p.readLog(c, true)
	if w := p.writer(); w != nil {
		w.measure() // somebody else may have changed the file, and its end may have been cut off
	}
	if err != nil && !errors.Is(err, errLogEmpty) {
		return ErrLoadLog
	}
	p.saved.Store(p.o.Keyspace.Dirty())
	p.o.Log.Notice("Append Only File loaded by DEBUG LOADAOF")
	return nil
}

// readLog reads the manifest and loads its files. Meanwhile no rewrite removes any of them. alone: the world
// is stopped, and the log is being written. Errors: the kinds above.
func (p *Store) readLog(c *config.Config, alone bool) error {
	p.log.files.Lock()
	defer p.log.files.Unlock()
	if err := p.readManifest(c); err != nil {
		return err
	}
	if !alone {
		p.cleanLogTemps(c)
	}
	return p.loadLog(c, alone)
}

// readManifest reads the manifest, if there is one. What is wrong is logged. The files are locked.
func (p *Store) readManifest(c *config.Config) error {
	data, err := vfs.ReadFile(p.o.Files, logPath(c, aof.ManifestName(c.AppendFilename)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		p.o.Log.Warning("Fatal error: can't open the AOF manifest file %s for reading: %s", aof.ManifestName(c.AppendFilename), systemText(err))
		return errLogManifest
	}
	m, err := aof.ParseManifest(data)
	var wrong *aof.ManifestError
	if errors.As(err, &wrong) {
		p.o.Log.Warning("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")
		if wrong.Line > 0 {
			p.o.Log.Warning("Reading the manifest file, at line %d\n", wrong.Line)
			p.o.Log.Warning(">>> '%s'\n", wrong.Text)
		}
		p.o.Log.Warning("%s\n", wrong.What)
		return errLogManifest
	}
	p.adopt(m)
	return nil
}

// loadLog loads all files of the manifest, as readLog says.
func (p *Store) loadLog(c *config.Config, alone bool) error {
	if err := p.upgrade(c); err != nil {
		return err
	}
	p.mu.Lock()
	files := p.log.manifest.Live()
	base := p.log.manifest.Base.Seq != 0
	p.mu.Unlock()
	if len(files) == 0 {
		return errLogAbsent
	}
	sizes := make([]int64, len(files))
	total, end := int64(0), 0 // end: index of the last file that holds anything
	for i, f := range files {
		st, err := p.o.Files.Stat(logPath(c, f.Name))
		if err != nil {
			p.o.Log.Warning("Unable to obtain the AOF file %s length. stat: %s", f.Name, systemText(err))
			return errLogRefused
		}
		if sizes[i] = st.Size(); sizes[i] > 0 {
			end = i
		}
		total += sizes[i]
	}
	if total == 0 {
		return errLogEmpty
	}
	defer p.beginLoading(total)()
	cut := false
	for i, f := range files {
		began := p.mono()
		err := p.loadLogFile(&replay{p: p, c: c, name: f.Name, size: sizes[i], alone: alone})
		if errors.Is(err, errLogCut) && i < end {
			p.o.Log.Warning("Fatal error: the truncated file is not the last file")
			return errLogRefused
		}
		switch {
		case errors.Is(err, errLogEmpty):
			continue
		case errors.Is(err, errLogCut):
			cut = true
			st, statErr := p.o.Files.Stat(logPath(c, f.Name))
			if statErr != nil {
				return errLogRefused
			}
			total -= sizes[i] - st.Size()
		case err != nil:
			return err
		}
		kind := "incr"
		if f.Type == aof.Base {
			kind = "base"
		}
		p.o.Log.Notice("DB loaded from %s file %s: %.3f seconds", kind, f.Name, (p.mono() - began).Seconds())
	}
	p.log.size.Store(total)
	p.mu.Lock()
	p.log.baseSize = 0
	if base {
		p.log.baseSize = sizes[0]
	}
	p.mu.Unlock()
	if base {
		p.noteSize(&p.baseSize, sizes[0])
	}
	if cut {
		return errLogCut
	}
	return nil
}

// upgrade makes a log of one file, as servers before 7.0 wrote it, the base of one with a manifest. The files
// are locked.
func (p *Store) upgrade(c *config.Config) error {
	old := filepath.Join(c.Dir, c.AppendFilename)
	if st, err := p.o.Files.Stat(old); err != nil || st.IsDir() {
		return nil
	}
	m := p.log.manifest
	if len(m.Live()) > 0 {
		if _, err := p.o.Files.Stat(logPath(c, c.AppendFilename)); !m.IsUpgraded(c.AppendFilename) || !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	if p.makeLogDir(c) != nil {
		return errLogRefused
	}
	m = aof.Upgraded(c.AppendFilename)
	if p.putManifest(c, m) != nil {
		return errLogRefused
	}
	err := p.o.Files.Rename(old, logPath(c, c.AppendFilename))
	if err != nil {
		p.o.Log.Warning("Error trying to move the old AOF file %s into dir %s: %s", c.AppendFilename, c.AppendDirname, systemText(err))
		return errLogRefused
	}
	if p.syncLogDir(c) != nil {
		return errLogRefused
	}
	if err := p.o.Files.SyncDir(c.Dir); err != nil {
		p.o.Log.Warning("Fail to fsync AOF directory %s: %s.", c.Dir, systemText(err))
		return errLogRefused
	}
	p.adopt(m)
	p.o.Log.Notice("Successfully migrated an old-style AOF file (%s) into the AOF directory (%s).", c.AppendFilename, c.AppendDirname)
	return nil
}

// loadLogFile loads one file. Errors: the kinds above.
func (p *Store) loadLogFile(r *replay) error {
	file, err := p.o.Files.Open(logPath(r.c, r.name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			p.o.Log.Warning("The append log file %s doesn't exist: %s", r.name, systemText(err))
		} else {
			p.o.Log.Warning("Fatal error: can't open the append log file %s for reading: %s", r.name, systemText(err))
		}
		return errLogRefused
	}
	defer file.Close()
	if r.size == 0 {
		return errLogEmpty
	}
	tail, err := p.loadPreamble(r.c, file, r.name, r.size)
	if err != nil {
		return err
	}
	return r.judge(r.run(io.NewSectionReader(file, tail, r.size-tail), tail))
}

// loadPreamble loads what a file begins with in RDB format, if anything, and returns how long that is.
func (p *Store) loadPreamble(c *config.Config, file vfs.File, name string, size int64) (tail int64, err error) {
	var start [6]byte
	if _, err := file.ReadAt(start[:min(size, int64(len(start)))], 0); err != nil {
		p.o.Log.Warning("Unrecoverable error reading the append only file %s: %s", name, systemText(err))
		return 0, errLogRefused
	}
	if !aof.IsSnapshot(start[:]) {
		return 0, nil
	}
	old := name == c.AppendFilename
	if old {
		p.o.Log.Notice("Reading RDB preamble from AOF file...")
	} else {
		p.o.Log.Notice("Reading RDB base file on AOF loading...")
	}
	before := p.load.loaded.Load()
	st, err := file.Stat()
	if err != nil {
		p.o.Log.Warning("Unrecoverable error reading the append only file %s: %s", name, systemText(err))
		return 0, errLogRefused
	}
	path := logPath(c, name)
	left := p.newLeftOut(path, st)
	res, err := p.readRDB(io.NewSectionReader(file, 0, size), size, &loading{log: true, left: left})
	if err == nil && left.cut {
		if err = p.beginningOnly(c, name); err == nil {
			res.Bytes = size
		}
	}
	if err != nil {
		p.sayRefused(path, res, err)
		p.o.Log.Warning("%s: %s", name, err)
		if old {
			p.o.Log.Warning("Error reading the RDB preamble of the AOF file %s, AOF loading aborted", name)
		} else {
			p.o.Log.Warning("Error reading the RDB base file %s, AOF loading aborted", name)
		}
		return 0, errLogRefused
	}
	p.partlyLoadedLog(c, left)
	p.load.loaded.Store(before + res.Bytes)
	if old {
		p.o.Log.Notice("Reading the remaining AOF tail...")
	}
	return res.Bytes, nil
}

// beginningOnly returns an error unless a base that was read only up to a place is all that the log holds.
// Commands that follow may concern any key behind that place: what they would make of keys that are not
// there are values that nobody ever wrote.
func (p *Store) beginningOnly(c *config.Config, base string) error {
	for _, f := range p.log.manifest.Live() {
		if f.Name == base {
			continue
		}
		st, err := p.o.Files.Stat(logPath(c, f.Name))
		if err != nil {
			return err
		}
		if st.Size() > 0 {
			return fmt.Errorf("the rest of the base cannot be read, and %s holds commands that follow it: they would change keys that are not there; to load the beginning of the base alone, start from it as an RDB file", f.Name)
		}
	}
	return nil
}

// replay is one reading of a file's commands.
type replay struct {
	p     *Store
	c     *config.Config
	name  string
	size  int64
	alone bool // the world is stopped
}

// replayBatches is how many runs of commands are read ahead.
const replayBatches = 4

// batch is a run of whole commands.
type batch struct {
	b        []byte
	commands int
}

// commandError is the refusal of a command of the log.
type commandError struct {
	at   int64
	name []byte
	err  error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("offset %d: command '%s': %s", e.at, e.name, e.err)
}

// run reads commands and runs them. Errors: *aof.Damage, *commandError, those of the disk.
func (r *replay) run(from io.Reader, offset int64) error {
	full, free := make(chan batch, replayBatches), make(chan []byte, replayBatches)
	quit := make(chan struct{})
	var ended error
	go func() { // what it sets it sets before full is closed
		defer close(full)
		ended = r.read(from, offset, full, free, quit)
	}()
	replayer := r.p.o.Replay(r.alone)
	defer replayer.Close()
	at := offset
	var refused error
	for b := range full {
		if refused != nil {
			continue
		}
		used, err := replayer.Feed(b.b)
		if err != nil {
			refused = &commandError{at + int64(used), commandName(b.b[used:]), err}
			close(quit)
			continue
		}
		at += int64(len(b.b))
		r.p.load.loaded.Add(int64(len(b.b)))
		r.delay(b.commands)
		select {
		case free <- b.b:
		default:
		}
	}
	if refused != nil {
		return refused
	}
	return ended
}

// read cuts the file into runs, until its end or until quit is closed.
func (r *replay) read(from io.Reader, offset int64, full chan<- batch, free <-chan []byte, quit <-chan struct{}) error {
	s := aof.NewScanner(from, aof.ScanOptions{Offset: offset, Size: r.size})
	for {
		run, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var buf []byte
		select {
		case buf = <-free:
		default:
		}
		select {
		case full <- batch{append(buf[:0], run.Bytes...), run.Commands}:
		case <-quit:
			return nil
		}
	}
}

// commandName returns the name of the command that b begins with.
func commandName(b []byte) []byte {
	if args := aof.Args(b, nil); len(args) > 0 {
		return bytes.Clone(args[0])
	}
	return nil
}

// delay sleeps as key-load-delay says, a test's means to make loading last.
func (r *replay) delay(commands int) {
	micros := r.p.o.Config.Current().KeyLoadDelay
	if micros < 0 {
		time.Sleep(time.Microsecond * time.Duration(int64(commands)/-micros))
		return
	}
	for left := time.Duration(micros) * time.Microsecond * time.Duration(commands); left > 0; left -= delaySlice {
		time.Sleep(min(left, delaySlice))
		if r.p.o.Config.Current().KeyLoadDelay != micros {
			return
		}
	}
}

// judge says what becomes of a file, and cuts off what a write that was cut off has left.
func (r *replay) judge(err error) error {
	log := r.p.o.Log
	var damage *aof.Damage
	var command *commandError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &command):
		log.Warning("%s: %s", r.name, command)
		if command.name != nil {
			log.Warning("Unknown command '%s' reading the append only file %s", command.name, r.name)
		} else {
			log.Warning("Unrecoverable error reading the append only file %s: %s", r.name, command.err)
		}
		return errLogRefused
	case !errors.As(err, &damage):
		log.Warning("Unrecoverable error reading the append only file %s: %s", r.name, systemText(err))
		return errLogRefused
	case errors.Is(err, aof.ErrBad) && !(r.c.AOFLoadTruncated && r.isTorn(damage)):
		log.Warning("%s: %s", r.name, damage)
		log.Warning("Bad file format reading the append only file %s: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>", r.name)
		return errLogRefused
	}
	if damage.Unfinished {
		log.Warning("Revert incomplete MULTI/EXEC transaction in AOF file %s", r.name)
	}
	if r.c.AOFLoadTruncated {
		log.Warning("!!! Warning: short read while loading the AOF file %s!!!", r.name)
		log.Warning("!!! Truncating the AOF %s at offset %d !!!", r.name, damage.Good)
		if r.truncate(damage) {
			log.Warning("Dropped from %s: %d bytes behind offset %d (%s)", r.name, r.size-damage.Good, damage.Good, damage.What)
			log.Warning("AOF %s loaded anyway because aof-load-truncated is enabled", r.name)
			return errLogCut
		}
	}
	log.Warning("Unexpected end of file reading the append only file %s. You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server.", r.name)
	return errLogRefused
}

// sectorBytes is what a disk writes in one piece. tornBytes is how much may be dropped behind a hole: more
// than is ever written without a sync in between.
const (
	sectorBytes = 512
	lineEnd     = 2
	tornBytes   = 64 << 20
)

// isTorn tells whether a log is damaged as a power cut damages it. What was not synced then may lack
// sectors in its middle, which read as zeros, where no server writes any. A redis-server refuses
// such a log; but the next sync proves that all before is whole, so a hole is where the end is.
func (r *replay) isTorn(d *aof.Damage) bool {
	if r.size-d.Good > tornBytes {
		return false
	}
	file, err := r.p.o.Files.Open(logPath(r.c, r.name))
	if err != nil {
		return false
	}
	defer file.Close()
	b := make([]byte, min(d.At+lineEnd, r.size)-d.Good)
	if _, err := file.ReadAt(b, d.Good); err != nil && err != io.EOF {
		return false
	}
	if bytes.IndexByte(b[d.At-d.Good:], 0) >= 0 {
		return true
	}
	var hole [sectorBytes]byte
	for from := int(-d.Good & (sectorBytes - 1)); from+sectorBytes <= len(b); from += sectorBytes {
		if bytes.Equal(b[from:from+sectorBytes], hole[:]) {
			return true
		}
	}
	return false
}

// truncate cuts the file, for good. What stood behind a hole is kept in a file of its own: should the
// hole have another cause, it may be wanted.
func (r *replay) truncate(d *aof.Damage) bool {
	if errors.Is(d, aof.ErrBad) {
		if err := r.keepTail(d.Good); err != nil {
			r.p.o.Log.Warning("Can't keep what is to be cut off the AOF file %s: %s", r.name, systemText(err))
			return false
		}
	}
	f, err := r.p.o.Files.OpenFile(logPath(r.c, r.name), vfs.WriteOnly, 0)
	if err == nil {
		if err = f.Truncate(d.Good); err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		r.p.o.Log.Warning("Error truncating the AOF file %s: %s", r.name, systemText(err))
	}
	return err == nil
}

// keepTail copies what the file holds from an offset on.
func (r *replay) keepTail(offset int64) error {
	name := fmt.Sprintf("%s.dropped-at-%d", r.name, offset)
	from, err := r.p.o.Files.Open(logPath(r.c, r.name))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := r.p.o.Files.OpenFile(logPath(r.c, name), vfs.WriteOnly|vfs.New|vfs.Empty, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.NewSectionReader(from, offset, r.size-offset))
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	r.p.o.Log.Warning("What is cut off the AOF file %s, behind a hole that a power cut leaves, is kept in %s", r.name, name)
	return r.p.o.Files.SyncDir(logDir(r.c))
}
