// Splitting: the fast first stage of reading a file.
//
// One goroutine reads, keeps the checksum, and finds where entries end, without decoding any. What
// it has read goes out in batches of whole entries, which other goroutines decode while it reads on
// (load.go). An entry cut off by the end of a buffer is moved to the start of the next. A value
// that is long is not gathered in a buffer but handed over as a stream (large.go).
//
// Memory is bounded: buffers × bufferBytes, whatever the file says. Only a long key, or one long
// element of a collection, makes a buffer grow, and then by no more than twice what was truly read:
// a length alone never makes room.

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	defaultBufferBytes = 256 << 10
	defaultBuffers     = 8
	leastBufferBytes   = 64
)

// Options says how a file is read, and who is told what is in it. Its zero value reads everything
// and tells nobody. The functions are called on the goroutine that reads, what is passed to them is
// borrowed, and an error from one ends the reading.
type Options struct {
	Size         int64 // of the file in bytes, when known: a value that says it is longer is refused at once
	SkipChecksum bool
	BufferBytes  int // of one buffer; 0 means 256 KiB
	Buffers      int // how many buffers, at least 2; 0 means 8

	Aux      func(name, fact []byte) error
	ResizeDB func(db int, keys, deadlines uint64) error
	Function func(code []byte) error // a library of functions
	Skipped  func(what string) error // something that is no key was passed over, with its name

	// LeaveOut, if set, is told of keys with values that are not read but end where they say: those of
	// modules. Without it such a value ends the reading. Opcodes that are known of newer files alone are
	// then passed over, too.
	LeaveOut func(*LeftOut) error
	// Newer has files read whose version is newer than all that are known, as far as they are
	// understood. What their types mean may have changed: that a value is sound is not proof.
	Newer bool

	// Ahead is shown every record of a batch, on the worker's goroutine, before Load has the first
	// of them inserted: the worker can ask for the memory that they will touch.
	Ahead func(worker int, rec *Record)

	// Large is given each value that is stored in more than half a buffer. It must have been read
	// when Large returns, or it is lost. Without Large it comes in a batch.
	Large func(rec *Record, value *LargeValue) error
}

// LeftOut is a key that is not read. Its slices are borrowed.
type LeftOut struct {
	DB     int
	Key    []byte
	What   string // its type
	Offset int64  // bytes from the start of the file to the type
	Bytes  int64  // of the value
}

// Result is what was read.
type Result struct {
	Version int
	Records int64 // keys, with those that were left out
	Bytes   int64 // from the start of the header to the end of the footer; the source may have been read further
	Checked bool  // there was a checksum, and it was right
	// Broken is set when the file itself ended the reading: all whole records before its place have been
	// handed out. It is of the kinds ErrCorrupt, ErrTruncated, ErrUnsupported or ErrChecksum, and the
	// error returned unless one of a record was before it.
	Broken *Error
}

// Split reads a file from r and hands every batch of its entries to emit, which must see to it that
// the batch is released, in its own time, and whatever happens. Errors: ErrCorrupt, ErrTruncated,
// ErrVersion, ErrChecksum, ErrUnsupported, as *Error; those of r, of emit and of the options'
// functions. The result is right as far as it goes also when there is an error.
func Split(r io.Reader, o Options, emit func(*Batch) error) (Result, error) {
	if o.BufferBytes == 0 {
		o.BufferBytes = defaultBufferBytes
	}
	if o.Buffers == 0 {
		o.Buffers = defaultBuffers
	}
	o.BufferBytes, o.Buffers = max(o.BufferBytes, leastBufferBytes), max(o.Buffers, 2)
	p := &pool{free: make(chan *Batch, o.Buffers), unmade: o.Buffers, bufferBytes: o.BufferBytes}
	s := &splitter{source: r, o: o, emit: emit, pool: p, state: newState()}
	s.batch = p.take()
	s.batch.start = s.state
	err := s.run()
	if s.refused == nil { // Whole entries before what is wrong are entries all the same.
		s.emitParsed()
	}
	s.result.Broken = brokenBy(err)
	if s.refused != nil { // It concerns what lies before err's place.
		err = s.refused
	}
	s.result.Bytes = s.offset + int64(s.pos) + s.footerBytes
	return s.result, err
}

// brokenBy returns err if it is of the file.
func brokenBy(err error) *Error {
	e, _ := err.(*Error)
	if e == nil {
		return nil
	}
	for _, kind := range []error{ErrCorrupt, ErrTruncated, ErrUnsupported, ErrChecksum} {
		if errors.Is(e.Err, kind) {
			return e
		}
	}
	return nil
}

// splitter is the first stage. What it has read and not emitted is batch.buf[start:end], of which
// [start:pos) is parsed; [:summed) is in the checksum.
type splitter struct {
	source io.Reader
	o      Options
	emit   func(*Batch) error
	pool   *pool
	result Result

	batch  *Batch
	offset int64 // of batch.buf, from the start of the file
	start  int
	pos    int
	summed int
	end    int
	crc    uint64
	ended  bool // the source has no more

	footerBytes int64 // 0 until the footer is read
	refused     error // what emit returned

	window []byte // for compressed large strings; nil until there is one
	items  Items  // for large collections

	state state // at pos
	ev    event
}

// run reads a whole file.
func (s *splitter) run() error {
	if err := s.header(); err != nil {
		return err
	}
	for {
		got := s.state.next(s.batch.buf[:s.end], s.pos, &s.ev)
		s.pos = s.ev.at
		if s.isLarge(got) {
			pass := s.large
			if s.ev.kind != keyEvent {
				pass = s.passModule
			}
			if err := pass(); err != nil {
				return err
			}
			continue
		}
		switch got {
		case bad:
			return s.bad()
		case short:
			if err := s.more(s.ev.end); err != nil {
				return err
			}
		case done:
			if err := s.event(); err != nil {
				return placed(s.offset+int64(s.ev.at), fmt.Sprintf("opcode %d", s.batch.buf[s.ev.at]), nil, err)
			}
			s.pos = s.ev.end
			if s.ev.kind == eofEvent {
				return s.footer()
			}
		}
	}
}

// bad tells what cannot be read at pos.
func (s *splitter) bad() error {
	ev := &s.ev
	e := &Error{Offset: s.offset + int64(ev.at), What: ev.what, Key: ev.badKey, Err: ev.err, Byte: s.batch.buf[ev.at]}
	if ev.typ == typeModule && ev.module != 0 {
		e.Module = moduleName(ev.module)
	}
	return e
}

// header reads the header.
func (s *splitter) header() error {
	for s.end < headerBytes {
		if err := s.more(headerBytes); err != nil {
			return err
		}
	}
	version, err := parseHeader(s.batch.buf, s.o.Newer)
	s.result.Version, s.state.version, s.state.lenient = version, version, s.o.LeaveOut != nil
	s.batch.start = s.state
	s.pos, s.start = headerBytes, headerBytes
	return err
}

// footer reads the checksum and compares it.
func (s *splitter) footer() error {
	if s.result.Version < checksumSince {
		return nil
	}
	for s.end < s.pos+checksumBytes {
		if err := s.more(s.pos + checksumBytes); err != nil {
			return err
		}
	}
	s.sum()
	want := binary.LittleEndian.Uint64(s.batch.buf[s.pos:])
	offset := s.offset + int64(s.pos)
	s.footerBytes = checksumBytes
	if want == 0 || s.o.SkipChecksum {
		return nil
	}
	if want != s.crc {
		what := fmt.Sprintf("checksum %016x in the file, %016x of the file", want, s.crc)
		return &Error{Offset: offset, What: what, Err: ErrChecksum, Stored: want, Computed: s.crc}
	}
	s.result.Checked = true
	return nil
}

// event deals with what the walk met.
func (s *splitter) event() error {
	ev := &s.ev
	switch ev.kind {
	case keyEvent:
		s.batch.records++
		s.result.Records++
		s.state.keyDone()
		return nil
	case resizeEvent:
		if s.o.ResizeDB != nil {
			return s.o.ResizeDB(s.state.db, ev.keys, ev.deadlines)
		}
	case auxEvent:
		if s.o.Aux != nil {
			return s.aux()
		}
	case functionEvent:
		if s.o.Function != nil {
			code, err := s.decode(&ev.key)
			if err != nil {
				return err
			}
			return s.o.Function(code)
		}
	case moduleEvent:
		if s.o.Skipped != nil {
			return s.o.Skipped(skippedModule(moduleName(ev.module)))
		}
	case otherEvent:
		if s.o.Skipped != nil {
			return s.o.Skipped(s.state.otherName())
		}
	case leftOutEvent:
		s.result.Records++
		left := s.leftOut()
		s.state.keyDone()
		return s.o.LeaveOut(&left)
	}
	return nil
}

// leftOut describes the key met, whose value is passed over.
func (s *splitter) leftOut() LeftOut {
	ev := &s.ev
	key, err := s.decode(&ev.key)
	if err != nil { // who it is cannot be told, but where it is
		key = ev.key.in(s.batch.buf).stored
	}
	return LeftOut{
		DB: s.state.db, Key: key, What: ev.describe(), Offset: s.offset + int64(ev.at), Bytes: int64(ev.end - ev.value),
	}
}

// aux tells of a named fact.
func (s *splitter) aux() error {
	name, err := s.decode(&s.ev.key)
	if err != nil {
		return err
	}
	fact, err := s.decode(&s.ev.fact)
	if err != nil {
		return err
	}
	return s.o.Aux(name, fact)
}

// decode returns the string whose parts lie in the buffer.
func (s *splitter) decode(span *stringSpan) ([]byte, error) {
	return span.in(s.batch.buf).AppendTo(nil)
}

// sum takes into the checksum what is parsed and not in it yet.
func (s *splitter) sum() {
	if !s.o.SkipChecksum {
		s.crc = CRC64(s.crc, s.batch.buf[s.summed:s.pos])
	}
	s.summed = s.pos
}

// more reads on, since what begins at pos goes on at least to need, a position in the buffer.
func (s *splitter) more(need int) error {
	err := s.readOn(need)
	if err == ErrTruncated {
		return s.truncated()
	}
	return err
}

// readOn is more whose ErrTruncated has no place.
func (s *splitter) readOn(need int) error {
	if s.ended || s.o.Size > 0 && s.offset+int64(need) > s.o.Size {
		return ErrTruncated
	}
	s.sum()
	if s.end == len(s.batch.buf) {
		if err := s.makeRoom(); err != nil {
			return err
		}
	}
	return s.read()
}

// truncated tells what is cut off at pos: a thing that begins there.
func (s *splitter) truncated() error {
	e := &Error{Offset: s.offset + int64(s.pos), Err: ErrTruncated}
	switch ev := &s.ev; {
	case s.result.Version == 0:
		e.What = "the header"
	case ev.kind == eofEvent:
		e.What = "the checksum"
	case s.pos == s.end:
		e.What = "an opcode"
	case ev.kind == keyEvent, ev.kind == leftOutEvent:
		e.What = ev.describe()
		if ev.value != 0 {
			if key, err := s.decode(&ev.key); err == nil {
				e.Key = shownKey(key)
			}
		}
	default:
		e.What = fmt.Sprintf("opcode %d", s.batch.buf[s.pos])
	}
	return e
}

// read reads once into the rest of the buffer, which is not empty.
func (s *splitter) read() error {
	for range maxEmptyReads {
		n, err := s.source.Read(s.batch.buf[s.end:])
		s.end += n
		if errors.Is(err, io.EOF) {
			s.ended = true
			err = nil
		}
		if err != nil {
			return fmt.Errorf("rdb: read at offset %d: %w", s.offset+int64(s.end), err)
		}
		if n > 0 || s.ended {
			return nil
		}
	}
	return fmt.Errorf("rdb: read at offset %d: %w", s.offset+int64(s.end), io.ErrNoProgress)
}

// maxEmptyReads is how often a source may return nothing, and no error, in a row.
const maxEmptyReads = 100

// makeRoom makes room after what is read and not parsed: in a buffer twice as large when that fills
// the buffer, else in another one, after emitting what is parsed.
func (s *splitter) makeRoom() error {
	if s.pos == 0 {
		s.batch.buf = append(s.batch.buf, make([]byte, len(s.batch.buf))...)
		return nil
	}
	return s.flush()
}

// flush emits what is parsed, if there are records in it, and moves what is not parsed to the
// start of a buffer.
func (s *splitter) flush() error {
	old, rest := s.batch, s.batch.buf[s.pos:s.end]
	if old.records > 0 {
		s.batch = s.pool.take()
		for len(s.batch.buf) <= len(rest) { // reading on needs room too
			s.batch.buf = make([]byte, 2*len(s.batch.buf))
		}
	}
	copy(s.batch.buf, rest)
	s.batch.start = s.state
	if s.batch != old {
		s.emitFrom(old)
	}
	s.offset += int64(s.pos)
	s.start, s.pos, s.summed, s.end = 0, 0, 0, len(rest)
	return s.refused
}

// emitParsed emits what is parsed, if there are records in it, at the end.
func (s *splitter) emitParsed() {
	if b := s.batch; b.records > 0 {
		s.batch = nil
		s.emitFrom(b)
	}
}

// emitFrom emits b, whose entries are where start and pos say.
func (s *splitter) emitFrom(b *Batch) {
	b.entries = b.buf[s.start:s.pos]
	b.offset = s.offset + int64(s.start)
	s.refused = s.emit(b)
}
