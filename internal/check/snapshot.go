// Snapshots: an RDB file, or one at the front of a log, read and decoded to its end.
//
// A value that does not decode does not end the check: its neighbours are where they are, and whoever
// must decide what to do with the file wants to know of all that is wrong. What cannot be told apart
// any more ends it.

package check

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tarn/internal/rdb"
)

// shownKeys is how many damaged keys are named, and how many that are not loaded.
const shownKeys = 20

// snapshot is what was found in one.
type snapshot struct {
	rdb.Result
	expires, expired atomic.Int64

	o         RDBOptions
	fit       *fit  // nil: there is no target
	functions int64 // libraries
	left      int64 // values that are not loaded
	announced int64 // keys, by the file's own word, as far as it was read

	mu     sync.Mutex // guards the fields below
	broken []brokenKey
	breaks int64
}

// brokenKey is a key whose value does not decode.
type brokenKey struct {
	offset int64
	db     int
	key    string
	typ    byte
	err    error
}

// RDB checks an RDB file and tells whether it is good; with a target, whether that would load it.
func (t *Tool) RDB(path string, o RDBOptions) bool {
	t.say("[offset 0] Checking RDB file %s\n", path)
	f, err := t.Files.Open(path)
	if err != nil {
		t.say("Cannot open file %s: %s\n", path, reason(err))
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.say("Cannot stat file: %s: %s\n", path, reason(err))
		return false
	}
	s, good := t.snapshot(path, f, st.Size(), o)
	if rest := st.Size() - s.Bytes; good && rest > 0 {
		t.say("[info] %d bytes follow the end of the RDB file\n", rest)
	}
	if s.fit != nil {
		good = s.fit.report(t, s.Version, s.functions, good)
	}
	return good
}

// snapshot checks what r holds, size bytes, and says what it found. Result.Bytes is where it ends.
func (t *Tool) snapshot(path string, r io.Reader, size int64, o RDBOptions) (*snapshot, bool) {
	s := &snapshot{o: o}
	if o.For != nil {
		s.fit = &fit{Target: *o.For, unknown: map[byte]*unknownType{}}
	}
	p := t.watch(path, r, size)
	err := s.read(t, p, size)
	p.end()
	s.report(t, size, err)
	return s, err == nil && s.breaks == 0 && !(o.WhatYouCan && (s.left > 0 || !rdb.Readable(s.Version)))
}

// read reads and decodes everything. Errors: those of the file's structure, and the reader's.
func (s *snapshot) read(t *Tool, r io.Reader, size int64) error {
	workers := max(runtime.NumCPU()-1, 1)
	var places []*scratch
	defer func() {
		for _, place := range places {
			_ = place.close() // memory of this process, which is about to end
		}
	}()
	records := make([]*rdb.Record, workers+1) // that each is at
	for i := range workers + 1 {
		place, err := newScratch()
		if err != nil {
			return err
		}
		place.look = s.fit.look(&records[i])
		places = append(places, place)
	}
	now := t.Clock.Millis()
	options := rdb.Options{
		Size: size,
		Aux: func(name, fact []byte) error {
			t.say("[info] AUX FIELD %s = '%s'\n", name, fact)
			return nil
		},
		Function: func([]byte) error { s.functions++; return nil },
		ResizeDB: func(_ int, keys, _ uint64) error {
			s.announced += int64(min(keys, uint64(size)))
			return nil
		},
		LeaveOut: func(l *rdb.LeftOut) error { s.leave(t, l); return nil },
		Newer:    s.o.WhatYouCan,
		Skipped: func(what string) error {
			t.say("[info] passed over: %s\n", what)
			return nil
		},
		Large: func(rec *rdb.Record, v *rdb.LargeValue) error {
			s.count(rec, now)
			records[workers] = rec
			err := places[workers].read(v)
			if errors.Is(err, rdb.ErrTruncated) {
				return err
			}
			s.note(rec, err)
			return nil
		},
	}
	result, err := rdb.Load(r, options, workers, func(worker int, rec *rdb.Record) error {
		s.count(rec, now)
		records[worker] = rec
		s.note(rec, places[worker].hold(rec.Value))
		return nil
	})
	s.Result = result
	if s.functions > 0 {
		t.say("[info] %d libraries of functions\n", s.functions)
	}
	return err
}

// leave takes note of a value that is not loaded. There is one goroutine that does.
func (s *snapshot) leave(t *Tool, l *rdb.LeftOut) {
	s.left++
	if s.o.WhatYouCan || s.left <= shownKeys {
		t.say("[offset %d] not loaded: %s: %s, %d bytes\n", l.Offset, keyName(l.DB, l.Key), l.What, l.Bytes)
	}
	if s.fit != nil {
		s.fit.module(l)
	}
}

func (s *snapshot) count(rec *rdb.Record, now int64) {
	if s.fit != nil {
		s.fit.see(rec)
	}
	if rec.ExpireMs == rdb.None {
		return
	}
	s.expires.Add(1)
	if rec.ExpireMs < now {
		s.expired.Add(1)
	}
}

// note takes note of a value that cannot be loaded.
func (s *snapshot) note(rec *rdb.Record, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaks++
	s.broken = append(s.broken, brokenKey{rec.Offset, rec.DB, string(rec.Key), rec.Value.Type, err})
	if len(s.broken) > 2*shownKeys { // keep the first ones in the file, whoever finds them
		s.sort()
	}
}

func (s *snapshot) sort() {
	slices.SortFunc(s.broken, func(a, b brokenKey) int { return int(max(min(a.offset-b.offset, 1), -1)) })
	s.broken = s.broken[:min(len(s.broken), shownKeys)]
}

// report says what was found; err is what ended the reading.
func (s *snapshot) report(t *Tool, size int64, err error) {
	s.sort()
	for _, b := range s.broken {
		t.say("--- RDB ERROR DETECTED ---\n[offset %d] %s\n", b.offset, b.err)
		t.say("[additional info] While doing: read-object-value\n[additional info] Reading key '%s' of database %d\n", b.key, b.db)
		t.say("[additional info] Reading type %d (%s)\n", b.typ, rdb.TypeName(b.typ))
	}
	if more := s.breaks - int64(len(s.broken)); more > 0 {
		t.say("[info] %d further values are damaged\n", more)
	}
	switch {
	case err != nil:
		s.reportEnd(t, size, err)
	case s.breaks > 0:
		t.say("[info] %d of %d values are damaged, the others are good\n", s.breaks, s.Records)
	case s.Checked:
		t.say("[offset %d] Checksum OK\n", s.Bytes)
	case s.Version < 5:
		t.say("[offset %d] RDB version %d has no checksum: no check performed.\n", s.Bytes, s.Version)
	default:
		t.say("[offset %d] RDB file was saved with checksum disabled: no check performed.\n", s.Bytes)
	}
	if err == nil && s.breaks == 0 {
		t.say("[offset %d] \\o/ RDB looks OK! \\o/\n", s.Bytes)
	}
	if err == nil && !rdb.Readable(s.Version) {
		t.say("[info] version %d is newer than what this server knows: what it takes for a value may be meant as another\n", s.Version)
	}
	if s.left > 0 {
		t.say("[info] %d values of modules, which were not decoded: only with load-what-you-can does this server load the file, without them\n", s.left)
	}
	t.say("[info] %d keys read\n[info] %d expires\n[info] %d already expired\n", s.Records, s.expires.Load(), s.expired.Load())
}

// reportEnd says why a file could not be read to its end.
func (s *snapshot) reportEnd(t *Tool, size int64, err error) {
	offset, what := s.Bytes, err.Error()
	var e *rdb.Error
	if errors.As(err, &e) {
		offset, what = e.Offset, e.What
	}
	t.say("--- RDB ERROR DETECTED ---\n")
	switch {
	case errors.Is(err, rdb.ErrTruncated):
		t.say("[offset %d] Unexpected EOF reading RDB file%s\n", offset, inBrackets(what))
	case errors.Is(err, rdb.ErrChecksum):
		t.say("[offset %d] RDB CRC error\n[additional info] While doing: check-sum\n", offset)
	case errors.Is(err, rdb.ErrVersion):
		t.say("[offset %d] Can't handle RDB format version%s\n", offset, inBrackets(what))
	case e != nil && s.Version == 0:
		t.say("[offset %d] Wrong signature trying to load DB from file%s\n", offset, inBrackets(what))
	case e != nil:
		t.say("[offset %d] %s%s\n", offset, e.Err, inBrackets(what))
	default:
		t.say("[offset %d] %s\n", offset, what)
	}
	if e != nil && e.Key != nil {
		t.say("[additional info] Reading key '%s'\n", e.Key)
	}
	if !errors.Is(err, rdb.ErrChecksum) && size > offset {
		t.say("[info] %d bytes from offset %d on cannot be read\n", size-offset, offset)
	}
	if more := s.announced - s.Records; more > 0 && !errors.Is(err, rdb.ErrChecksum) {
		t.say("[info] as the file counts them, %d keys or more are there\n", more)
	}
}

func inBrackets(what string) string {
	if what == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", what)
}
