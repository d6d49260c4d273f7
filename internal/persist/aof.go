// The append-only log as a whole: its folder, its manifest, whether it is on.
//
// The log's files lie in a folder of their own, and a manifest lists them: a base, which holds all data
// at some moment, and increments, which hold the changes since. The last increment is written
// (append.go, fsync.go). A rewrite (rewrite.go) makes a new base for what the old files hold; they are
// history from then on, and removed. At start the files are read in order (recover.go).
//
// The manifest is what counts: a file that it does not name does not exist. It is replaced as a whole,
// by renaming a complete, synced temporary file, and only after all that it names has its name for
// good; what it no longer names is removed only after the new one is in place for good. So whatever
// happens, the one in place names whole files.
//
// Switched on at run time, the log has no base yet. Its first increment then has a temporary name, and
// gets a real one together with the base: until then the old files, if any, stay what they are.

package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// Errors of CONFIG SET appendonly and DEBUG LOADAOF.
const (
	ErrLoadLog resp.Error = "ERR Error trying to load the AOF files, check server logs."

	errMisconfLog = "MISCONF Errors writing to the AOF file: "
)

// logState tells how far the log is on.
type logState uint8

const (
	logOff     logState = iota
	logWaiting          // on, but its first base is not written yet
	logOn
)

// appendLog is the log of a Store.
type appendLog struct {
	flushSleep atomic.Int64  // DEBUG AOF-FLUSH-SLEEP: µs before each write
	second     time.Duration // between syncs, and before another try
	size       atomic.Int64  // of the live files, bytes
	delayed    atomic.Int64  // of writers that are no more
	inFile     atomic.Int64  // position up to which the files have the journal

	files sync.Mutex // held while the log's files and manifest change; before Store.mu

	// What follows is guarded by Store.mu; manifest changes only with files held too.
	manifest aof.Manifest
	state    logState
	w        atomic.Pointer[logWriter] // nil while the log is off, and while one that waits has no rewrite
	baseSize int64                     // of the log after its latest rewrite, bytes

	scheduled  bool // a rewrite waits for what is under way to end
	distrusted bool // a sync has failed, and no rewrite has ended well since
	failed     bool // the latest rewrite failed
	failures   int  // rewrites in a row that failed
	lastSecs   int64
	lastHeld   int64
	limit      rewriteLimit
	rewrites   atomic.Int64

	inTransaction bool // the CONFIG SET under way is in one
}

// notDurable says that a name is in place, but that it is not known whether it survives a power cut.
type notDurable struct{ err error }

func (e *notDurable) Error() string { return e.err.Error() }
func (e *notDurable) Unwrap() error { return e.err }

func logDir(c *config.Config) string { return filepath.Join(c.Dir, c.AppendDirname) }

// logPath returns the path of a file of the log.
func logPath(c *config.Config, name string) string { return filepath.Join(logDir(c), name) }

// makeLogDir makes the log's folder unless it is there, for good. It logs what goes wrong.
func (p *Store) makeLogDir(c *config.Config) error {
	err := p.o.Files.Mkdir(logDir(c), 0o755)
	if errors.Is(err, fs.ErrExist) {
		if st, statErr := p.o.Files.Stat(logDir(c)); statErr == nil && st.IsDir() {
			return nil
		}
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = p.o.Files.SyncDir(c.Dir)
	}
	if err != nil {
		p.o.Log.Warning("Can't open or create append-only dir %s: %s", c.AppendDirname, systemText(err))
	}
	return err
}

// putManifest makes m the manifest on the disk. It logs what goes wrong. Errors: those of the disk;
// *notDurable when it is in place and may not stay.
func (p *Store) putManifest(c *config.Config, m aof.Manifest) error {
	files, log := p.o.Files, p.o.Log
	temp, name := aof.TempManifestName(c.AppendFilename), aof.ManifestName(c.AppendFilename)
	f, err := files.OpenFile(logPath(c, temp), vfs.WriteOnly|vfs.Empty|vfs.New, 0o644)
	if err != nil {
		log.Warning("Can't open the AOF manifest file %s: %s", temp, systemText(err))
		return err
	}
	_, err = f.Write(m.AppendTo(nil))
	if err != nil {
		log.Warning("Error trying to write the temporary AOF manifest file %s: %s", temp, systemText(err))
	} else if err = f.Sync(); err != nil {
		log.Warning("Fail to fsync the temp AOF file %s: %s.", temp, systemText(err))
	}
	if closed := f.Close(); err == nil && closed != nil {
		err = closed
		log.Warning("Error trying to write the temporary AOF manifest file %s: %s", temp, systemText(err))
	}
	if err == nil {
		if err = files.Rename(logPath(c, temp), logPath(c, name)); err != nil {
			log.Warning("Error trying to rename the temporary AOF manifest file %s into %s: %s", temp, name, systemText(err))
		}
	}
	if err != nil {
		_ = files.Remove(logPath(c, temp))
		return err
	}
	if err := p.syncLogDir(c); err != nil {
		return &notDurable{err}
	}
	return nil
}

// syncLogDir makes the names in the log's folder durable, and logs it if that fails.
func (p *Store) syncLogDir(c *config.Config) error {
	err := p.o.Files.SyncDir(logDir(c))
	if err != nil {
		p.o.Log.Warning("Fail to fsync AOF directory %s: %s.", c.AppendDirname, systemText(err))
	}
	return err
}

// adopt makes m, which is on the disk, the manifest. files is held.
func (p *Store) adopt(m aof.Manifest) {
	p.mu.Lock()
	p.log.manifest = m
	p.mu.Unlock()
}

// removeHistory removes files that the log needs no more, unless it is told not to. files is held.
func (p *Store) removeHistory(c *config.Config) error {
	m := p.log.manifest
	if c.AOFDisableAutoGC || len(m.History) == 0 {
		return nil
	}
	for _, f := range m.History {
		p.o.Log.Notice("Removing the history file %s in the background", f.Name)
		if err := p.o.Files.Remove(logPath(c, f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.o.Log.Warning("Can't remove the history file %s: %s", f.Name, systemText(err))
			return nil // it stays in the manifest, and is tried again
		}
	}
	m = m.WithoutHistory()
	err := p.putManifest(c, m)
	var loose *notDurable
	if err == nil || errors.As(err, &loose) {
		p.adopt(m)
	}
	return err
}

// openIncr makes an empty file for an increment, or opens one that is there. Its name is durable only
// when the folder has been synced.
func (p *Store) openIncr(c *config.Config, name string, fresh bool) (vfs.File, int64, error) {
	flags := vfs.WriteOnly | vfs.Append | vfs.New
	if fresh {
		flags |= vfs.Empty
		p.setAside(c, name)
	}
	f, err := p.o.Files.OpenFile(logPath(c, name), flags, 0o644)
	if err != nil {
		p.o.Log.Warning("Can't open the append-only file %s: %s", name, systemText(err))
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		p.o.Log.Warning("Unable to obtain the AOF file %s length. stat: %s", name, systemText(err))
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// setAside keeps a file that no manifest names and whose name is needed: if the manifest was lost, it may
// be all that there is.
func (p *Store) setAside(c *config.Config, name string) {
	st, err := p.o.Files.Stat(logPath(c, name))
	if err != nil || st.Size() == 0 || name == aof.TempIncrName(c.AppendFilename) {
		return
	}
	aside := name + ".unlisted"
	if p.o.Files.Rename(logPath(c, name), logPath(c, aside)) == nil {
		p.o.Log.Warning("Found the AOF file %s, which no manifest names: it is now %s", name, aside)
	}
}

// writer returns the writer, or nil.
func (p *Store) writer() *logWriter { return p.log.w.Load() }

// WriteThrough writes what the journal holds into the log, in the turn of an executor and as far as that is quick. It
// reports false when the journal's readers are to be woken.
func (p *Store) WriteThrough() bool {
	w := p.writer()
	return w != nil && w.writeThrough()
}

// InFile returns the position of the journal before which all is in the log's files.
func (p *Store) InFile() int64 { return p.log.inFile.Load() }

// LogOn tells whether the log is on.
func (p *Store) LogOn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.state != logOff
}

// Flush returns when all that has happened is in the log's files and on the disk, or cannot be.
func (p *Store) Flush() error {
	if w := p.writer(); w != nil {
		return w.flush(p.o.Journal.End(), true)
	}
	return nil
}

// EndLog writes and syncs the log before the process ends, and stops a rewrite. It returns false when the
// process must go on, since the log is not yet complete, unless it is to end by force. The world is
// stopped, and no shard is locked.
func (p *Store) EndLog(force bool) bool {
	p.mu.Lock()
	state, j := p.log.state, p.job
	isRewrite := j != nil && j.kind == jobRewrite
	p.mu.Unlock()
	if state == logOff {
		return true
	}
	if isRewrite {
		if state == logWaiting {
			if !force {
				p.o.Log.Warning("Writing initial AOF, can't exit.")
				return false
			}
			p.o.Log.Warning("Writing initial AOF. Exit anyway.")
		}
		p.o.Log.Warning("There is a child rewriting the AOF. Killing it!")
		p.mu.Lock()
		p.cancel(j)
		p.mu.Unlock()
	}
	p.o.Log.Notice("Calling fsync() on the AOF file.")
	if err := p.Flush(); err != nil {
		p.o.Log.Warning("Fail to fsync the AOF file: %s.", systemText(err))
	}
	return true
}

// Transaction says whether the CONFIG SET that follows is in a transaction: what it has locked then
// cannot be cut.
func (p *Store) Transaction(in bool) { p.log.inTransaction = in }

// SetFlushSleep makes each write to the log wait before, for tests.
func (p *Store) SetFlushSleep(micros int64) { p.log.flushSleep.Store(micros) }

// errCannotTurnOn is what CONFIG SET appendonly yes says when it fails.
var errCannotTurnOn = errors.New("Unable to turn on AOF. Check server logs.")

// followSwitch is the hook of appendonly. The world is stopped.
func (p *Store) followSwitch(_, c *config.Config) error {
	switch on := p.LogOn(); {
	case c.AppendOnly && !on:
		return p.turnOn()
	case !c.AppendOnly && on:
		p.turnOff()
	}
	return nil
}

// turnOn begins the log's first rewrite, or schedules it.
func (p *Store) turnOn() error {
	p.mu.Lock()
	p.log.state = logWaiting
	j, scheduled := p.job, true
	switch {
	case p.busy && (j == nil || j.kind != jobRewrite || j.cancelled.Load()):
		p.o.Log.Warning("AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible.")
	case p.busy:
		p.o.Log.Warning("AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a rewrite now.")
		p.cancel(j)
	case p.log.inTransaction:
		p.o.Log.Warning("AOF was enabled during a transaction. An AOF background was scheduled to start when possible.")
	default:
		scheduled = false
	}
	p.log.scheduled = scheduled
	p.mu.Unlock()
	if scheduled {
		return nil
	}
	err := p.startRewrite("")
	var held *heldError
	if errors.As(err, &held) {
		p.o.Log.Warning("AOF was enabled but %s. An AOF background was scheduled to start when possible.", held)
		p.mu.Lock()
		p.log.scheduled = true
		p.mu.Unlock()
		return nil
	}
	if err == nil {
		return nil
	}
	p.mu.Lock()
	p.log.state, p.log.scheduled = logOff, false
	p.mu.Unlock()
	p.o.Log.Warning("Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for more info about the error.")
	return errCannotTurnOn
}

// turnOff ends the log: what it has is written and synced, and a rewrite under way is of no use.
func (p *Store) turnOff() {
	if err := p.Flush(); err != nil {
		p.o.Log.Warning("Fail to fsync the AOF file: %s", systemText(err))
	}
	p.mu.Lock()
	w, j := p.log.w.Swap(nil), p.job
	p.log.state, p.log.scheduled = logOff, false
	if j != nil && j.kind == jobRewrite {
		p.cancel(j)
	}
	p.mu.Unlock()
	if w != nil {
		p.retire(w)
	}
	p.judge()
}

// retire ends a writer, and keeps what its figures add up to.
func (p *Store) retire(w *logWriter) {
	w.close()
	p.log.delayed.Add(w.delayed.Load())
	p.o.Durable(p.o.Journal.End()) // nobody is left who could say more
}

// distrust has the log rewritten: what a sync that failed has left of it is not known.
func (p *Store) distrust() {
	p.o.Log.Warning("The AOF is rewritten, since nobody knows what of it reached the disk while fsync failed")
	p.mu.Lock()
	p.log.distrusted = p.log.state == logOn
	p.log.scheduled = p.log.scheduled || p.log.distrusted
	p.mu.Unlock()
}

// solved says that the log can be written and synced again, before anybody else can hear of it.
func (p *Store) solved() {
	p.o.Log.Notice("AOF write error looks solved. The server can write again.")
	p.judge()
}

// logRefusal returns why writes are refused on account of the log; "" when they are not. mu is held.
func (p *Store) logRefusal() resp.Error {
	w := p.writer()
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range []error{w.writeErr, w.syncErr} {
		if err != nil {
			return resp.Error(errMisconfLog + systemText(err))
		}
	}
	return ""
}

// cleanLogTemps removes what an earlier process left of a log's files that were never part of it.
func (p *Store) cleanLogTemps(c *config.Config) {
	for _, name := range []string{aof.TempManifestName(c.AppendFilename), aof.TempIncrName(c.AppendFilename)} {
		if err := p.o.Files.Remove(logPath(c, name)); err == nil {
			p.o.Log.Notice("Removed the temporary file %s of an append-only log", name)
		}
	}
}

// openAtStart makes the log ready to be written after it has been loaded, with a base and an increment
// if it has none. Errors are logged.
func (p *Store) openAtStart(c *config.Config) error {
	if err := p.makeLogDir(c); err != nil {
		return err
	}
	p.log.files.Lock()
	defer p.log.files.Unlock()
	m := p.log.manifest
	had := len(m.Live()) > 0
	if !had {
		base, next, err := p.emptyBase(c, m)
		if err != nil {
			return err
		}
		p.o.Log.Notice("Creating AOF base file %s on server start", base.Name)
		m = next
	}
	incr, old := m.LastIncr()
	if !old {
		m, incr = m.WithIncr(c.AppendFilename)
	}
	file, size, err := p.openIncr(c, incr.Name, !old)
	if err != nil {
		return err
	}
	err = p.syncLogDir(c)
	if err == nil && !(had && old) {
		err = p.putManifest(c, m)
	}
	if err == nil && size > 0 {
		err = file.Sync() // what a power cut may yet take of it is not to be followed by what stays
	}
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("open the append-only log: %w", err)
	}
	p.adopt(m)
	if old {
		p.o.Log.Notice("Opening AOF incr file %s on server start", incr.Name)
	} else {
		p.o.Log.Notice("Creating AOF incr file %s on server start", incr.Name)
	}
	reader := p.o.Journal.Open()
	w := p.newLogWriter(reader, p.o.Journal.End(), file, size)
	p.mu.Lock()
	p.log.state = logOn
	p.log.w.Store(w)
	p.mu.Unlock()
	w.start()
	_ = p.removeHistory(c) // logged, and tried again after the next rewrite
	return nil
}

// emptyBase writes the base of a log that begins with nothing.
func (p *Store) emptyBase(c *config.Config, m aof.Manifest) (aof.File, aof.Manifest, error) {
	m, base := m.Rewritten(c.AppendFilename, c.AOFUseRDBPreamble, 0)
	b := p.newBase(c)
	err := b.create()
	if err == nil {
		err = b.complete()
	}
	if err == nil {
		if err = p.o.Files.Rename(b.temp().name, logPath(c, base.Name)); err != nil {
			p.o.Log.Warning("Error moving temp append only file on the final destination: %s", systemText(err))
		}
	}
	if err != nil {
		b.temp().abandon()
		return base, m, err
	}
	if st, err := p.o.Files.Stat(logPath(c, base.Name)); err == nil {
		p.log.size.Store(st.Size())
	}
	return base, m, nil
}
