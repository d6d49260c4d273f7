// Partly loaded: a file of which something was left out is not to be lost at the next save.
//
// Some things a file holds are not loaded: libraries of functions and data of modules, in any case; and
// with load-what-you-can, values of modules, what a newer server wrote, what is damaged. Each is told: the
// first ones in the log, all of them in a list beside the file. The file itself gets a second name at
// once, a link, so that the save which replaces it under its first one leaves it where it was. The name
// holds the time at which the file was written: however often the same one is loaded, it is kept once.
//
// What must hold: as long as the file has no second name, no save takes its place, and no rewrite of the
// log removes it. They fail, and say so.

package persist

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/rdb"
	"tarn/internal/vfs"
)

const (
	shownLeftOut = 20  // keys that are left out and named in the log
	mostReasons  = 100 // that are told apart, for there may be as many modules as values
)

// stamp is how the time at which a file was written stands in the names of what is kept of it.
const stamp = "20060102T150405Z"

// partlyState is what was left out of the latest load, and what is to be kept because of it.
type partlyState struct {
	keys, bytes atomic.Int64 // keys, and bytes that could not be read
	cut         atomic.Bool  // the log in place has a base that cannot be read to its end

	mu       sync.Mutex // guards what follows; taken within place and log.files
	snapshot original   // the RDB file that was loaded in part
	log      original   // the same of a log: the folder that it is kept in has kept as its name
}

// original is a file, or the files of a log, that was loaded only in part.
type original struct {
	path string // the file's; "": there is none
	kept string // the name that it is kept by, "" as long as it has none
}

// any tells whether something was left out of the latest load.
func (s *partlyState) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot.path != "" || s.log.path != ""
}

// keptAs returns the names that originals are kept by.
func (s *partlyState) keptAs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log.kept != "" {
		return s.log.kept
	}
	return s.snapshot.kept
}

// leftOut gathers what is left out of one file.
type leftOut struct {
	p     *Store
	path  string
	stamp string

	mu     sync.Mutex // guards what follows
	keys   int64
	things int64 // that are no keys
	why    map[string]int64
	list   vfs.File // nil: not open
	text   *bufio.Writer
	failed error // of the list
	doubt  bool  // the file is newer, or its checksum wrong: what was loaded may not be what was saved
	cut    bool  // the file could not be read to its end
	lost   int64 // bytes behind that place
}

// newLeftOut returns that of a file.
func (p *Store) newLeftOut(path string, st fs.FileInfo) *leftOut {
	return &leftOut{p: p, path: path, stamp: st.ModTime().UTC().Format(stamp), why: map[string]int64{}}
}

func (l *leftOut) listName() string { return l.path + ".left-out-" + l.stamp }

// any tells whether something was left out.
func (l *leftOut) any() bool { return l.keys+l.things > 0 || l.cut || l.doubt }

// key takes note of a key. bytes is how many its value takes in the file.
func (l *leftOut) key(db int, key []byte, offset, bytes int64, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys++
	l.count(why)
	l.line(fmt.Sprintf("%d\t%d\t%d\t%q\t%s", offset, bytes, db, key, why))
	if l.keys <= shownLeftOut {
		l.p.o.Log.Warning("Left out: database %d, key %q: %s, %d bytes at offset %d", db, shortKey(key), why, bytes, offset)
	}
}

// thing takes note of something that is no key.
func (l *leftOut) thing(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.things++
	if l.count(what) == 1 {
		l.line("-\t-\t-\t-\t" + what)
		l.p.o.Log.Warning("Loading RDB: skipped %s", what)
	}
}

// count counts a reason, and returns how often there was that. mu is held.
func (l *leftOut) count(why string) int64 {
	if l.why[why] == 0 && len(l.why) >= mostReasons {
		why = "other reasons"
	}
	l.why[why]++
	return l.why[why]
}

// shortKey is as much of a key as the log shows.
func shortKey(key []byte) []byte {
	const shown = 128
	return key[:min(len(key), shown)]
}

// line writes a line of the list. A list that cannot be written is given up: what is kept can be
// checked again. mu is held.
func (l *leftOut) line(text string) {
	if l.failed != nil {
		return
	}
	if l.list == nil {
		l.list, l.failed = l.p.o.Files.OpenFile(l.listName(), vfs.New|vfs.WriteOnly|vfs.Empty, 0o644)
		if l.failed != nil {
			return
		}
		l.text = bufio.NewWriter(l.list)
		_, l.failed = fmt.Fprintf(l.text, "# What was not loaded of %s\n# offset\tbytes of the value\tdatabase\tkey\twhy\n", l.path)
	}
	if l.failed == nil {
		_, l.failed = l.text.WriteString(text + "\n")
	}
}

// rest takes note that the file could not be read on from where e says. It has size bytes, and announced is
// how many keys it said to have, so far.
func (l *leftOut) rest(e *rdb.Error, size, announced, records int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.lost = true, size-e.Offset
	text := fmt.Sprintf("from offset %d on, %d bytes", e.Offset, l.lost)
	if missing := announced - records; missing > 0 {
		text += fmt.Sprintf(" and, as the file counts them, %d keys or more", missing)
	}
	text += fmt.Sprintf(" cannot be read (%s)", e)
	l.line("-\t-\t-\t-\t" + text)
	behind := "where it ends cannot be known, and so nothing behind it be told apart"
	if errors.Is(e, rdb.ErrTruncated) {
		behind = "the file ends amid it"
	}
	l.p.o.Log.Warning("%s: %s: %s", l.path, text, behind)
}

// doubtful takes note that what was loaded may not be what was saved.
func (l *leftOut) doubtful(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt = true
	l.line("-\t-\t-\t-\t" + why)
	l.p.o.Log.Warning("%s: %s", l.path, why)
}

// end closes the list and sums up. Nothing is logged when nothing was left out.
func (l *leftOut) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	reasons := l.reasons()
	if l.list != nil {
		for _, reason := range reasons {
			l.line("# " + reason)
		}
		if l.failed == nil {
			l.failed = l.text.Flush()
		}
		if l.failed == nil {
			l.failed = l.list.Sync()
		}
		l.failed = errors.Join(l.failed, l.list.Close())
		l.list = nil
	}
	if !l.any() {
		return
	}
	log := l.p.o.Log
	if l.keys+l.things > int64(len(reasons)) { // else each has been named
		log.Warning("Not loaded of %s: %s", l.path, strings.Join(reasons, "; "))
	}
	if l.failed != nil {
		log.Warning("Can't write the list of it to %s: %s", l.listName(), systemText(l.failed))
		return
	}
	log.Warning("All that was not loaded is listed in %s", l.listName())
}

// reasons returns how often there was which. mu is held.
func (l *leftOut) reasons() (all []string) {
	for _, why := range slices.Sorted(maps.Keys(l.why)) {
		all = append(all, fmt.Sprintf("%d × %s", l.why[why], why))
	}
	return all
}

// partlyLoaded takes note of what a load has left out, and keeps its file. A load that left out nothing
// forgets what an earlier one did.
func (p *Store) partlyLoaded(l *leftOut) {
	p.partly.keys.Store(l.keys)
	p.partly.bytes.Store(l.lost)
	p.partly.mu.Lock()
	p.partly.snapshot = original{}
	if l.any() {
		p.partly.snapshot.path = l.path
	}
	p.partly.mu.Unlock()
	_ = p.keepSnapshot(l.path) // logged, and tried again before the first save
}

// keepSnapshot makes sure that the file at path may be replaced: it is kept, if it was loaded only in part.
// What fails is logged, and returned.
func (p *Store) keepSnapshot(path string) error {
	p.partly.mu.Lock()
	defer p.partly.mu.Unlock()
	s := &p.partly.snapshot
	if s.path != path || s.kept != "" {
		return nil
	}
	kept, err := p.keepFile(path, "", false)
	return p.judgeKept(s, kept, err)
}

// judgeKept says how the keeping of an original has ended. partly.mu is held.
func (p *Store) judgeKept(o *original, kept string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist): // somebody else has taken it away
		*o = original{}
		return nil
	case err != nil:
		p.o.Log.Warning("Can't keep %s, which was loaded only in part: %s. Until it is kept, or moved away, nothing takes its place", o.path, systemText(err))
		return &keepError{o.path, err}
	}
	o.kept = kept
	p.o.Log.Warning("%s was loaded only in part, and is kept as %s: saves do not touch that", o.path, kept)
	return nil
}

// keepFile gives a file a second name: to, or if that is "", one beside it with the time at which it was
// written. One that grows may be there as it was once. Errors: the disk's; fs.ErrNotExist when the file
// is not there.
func (p *Store) keepFile(path, to string, grows bool) (kept string, err error) {
	st, err := p.o.Files.Stat(path)
	if err != nil {
		return "", err
	}
	if to == "" {
		to = path + ".partly-loaded-" + st.ModTime().UTC().Format(stamp)
	}
	if there, err := p.o.Files.Stat(to); err == nil {
		switch {
		case there.Size() == st.Size():
			return to, nil
		case !grows || there.Size() > st.Size():
			return "", fmt.Errorf("%s is there already, and another file", to)
		}
		if err = p.o.Files.Remove(to); err != nil {
			return "", err
		}
	}
	if err = p.o.Files.Link(path, to); err != nil {
		err = p.copyFile(path, to, st.Size())
	}
	if err == nil {
		err = p.o.Files.SyncDir(filepath.Dir(to))
	}
	return to, err
}

// copyFile is for file systems without links.
func (p *Store) copyFile(path, to string, size int64) error {
	if room, err := p.o.Files.Room(filepath.Dir(to)); err == nil && room.Free < size {
		return fmt.Errorf("a copy takes %d bytes, and there are %d %s", size, room.Free, room.Bound)
	}
	from, err := p.o.Files.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	temp := tempFile{files: p.o.Files, name: to + ".tmp", gradual: true}
	if err := temp.create(); err != nil {
		return err
	}
	_, err = io.Copy(&temp, from)
	if err == nil {
		err = temp.finish()
	}
	if err == nil {
		err = p.o.Files.Rename(temp.name, to)
	}
	if err != nil {
		temp.abandon()
	}
	return err
}

// keepError is the refusal to replace a file that was loaded only in part and is not kept.
type keepError struct {
	path string
	err  error
}

func (e *keepError) Error() string {
	return fmt.Sprintf("%s was loaded only in part, and cannot be kept: %s", e.path, systemText(e.err))
}

func (e *keepError) Unwrap() error { return e.err }

// partlyLoadedLog is partlyLoaded of a log's base. log.files is held.
func (p *Store) partlyLoadedLog(c *config.Config, l *leftOut) {
	p.partly.keys.Store(l.keys)
	p.partly.bytes.Store(l.lost)
	p.partly.cut.Store(l.cut)
	p.partly.mu.Lock()
	p.partly.log = original{}
	if l.any() {
		p.partly.log.path = l.path
	}
	p.partly.mu.Unlock()
	_ = p.keepLog(c) // logged, and tried again before the first rewrite
}

// keepLog makes sure that the files of the log may be removed: they are kept, if the base was loaded only
// in part, in a folder beside the log's own, with a manifest: a log that another server can load. What
// fails is logged, and returned. log.files is held.
func (p *Store) keepLog(c *config.Config) error {
	p.partly.mu.Lock()
	defer p.partly.mu.Unlock()
	o := &p.partly.log
	if o.path == "" || o.kept != "" {
		return nil
	}
	kept, err := p.linkLog(c, o.path)
	return p.judgeKept(o, kept, err)
}

// linkLog gives every file of the log a second name. The last one goes on to grow under both, until the
// next rewrite.
func (p *Store) linkLog(c *config.Config, base string) (dir string, err error) {
	st, err := p.o.Files.Stat(base)
	if err != nil {
		return "", err
	}
	dir = logDir(c) + ".partly-loaded-" + st.ModTime().UTC().Format(stamp)
	if err := p.o.Files.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	m := p.log.manifest.WithoutHistory()
	for _, f := range m.Live() {
		if _, err := p.keepFile(logPath(c, f.Name), filepath.Join(dir, f.Name), f.Type == aof.Incr); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%s is missing", f.Name) // all is kept, or nothing
			}
			return "", err
		}
	}
	name := filepath.Join(dir, aof.ManifestName(c.AppendFilename))
	if err := vfs.WriteFile(p.o.Files, name, name+".tmp", dir, m.AppendTo(nil)); err != nil {
		return "", err
	}
	return dir, p.o.Files.SyncDir(filepath.Dir(dir))
}

// sayRefused logs why an RDB file is not loaded, in the words that a redis-server has for it, and what
// would load it.
func (p *Store) sayRefused(path string, res rdb.Result, err error) {
	var e *rdb.Error
	if !errors.As(err, &e) {
		return
	}
	log := p.o.Log
	hint := true
	switch {
	case errors.Is(e, rdb.ErrVersion):
		log.Warning("Can't handle RDB format version %d", res.Version)
		if hint = res.Version > rdb.NewestVersion; hint {
			log.Warning("%s is of version %d; this server reads 1 to %d, and %d of Valkey", path, res.Version, rdb.NewestVersion, rdb.ValkeyVersion)
		}
	case res.Version == 0 && errors.Is(e, rdb.ErrCorrupt):
		log.Warning("Wrong signature trying to load DB from file")
		hint = false
	case res.Broken == nil:
		hint = false // of a record, or of the server
	case errors.Is(e, rdb.ErrTruncated):
		log.Warning("Short read or OOM loading DB. Unrecoverable error, aborting now.")
	case errors.Is(e, rdb.ErrChecksum):
		log.Warning("Wrong RDB checksum expected: (%x) but got (%x). Aborting now.", e.Computed, e.Stored)
	case e.Module != "":
		log.Warning("The RDB file contains module data I can't load: no matching module type '%s'", e.Module)
	case errors.Is(e, rdb.ErrUnsupported), errors.Is(e, rdb.ErrCorrupt) && e.Byte < rdb.LowestOpcode && rdb.TypeName(e.Byte) == "unknown":
		log.Warning("Unknown RDB encoding type %d", e.Byte)
	}
	if hint {
		log.Warning("With load-what-you-can yes, what is known of it is loaded, the rest is listed key by key, and the file is kept")
	}
}
