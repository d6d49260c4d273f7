// Large values: long strings read as a stream, straight to where they will live, and collections
// item by item.
//
// Gathering such a value in a buffer first would take its size twice. A string stored as it is goes
// from the source to the reader's memory without a copy in between; a compressed one is decoded
// through a window of 64 KiB, since copies reach back no more than 8 KiB. A collection is walked in
// the splitter's own buffer, which holds the item under way.

package rdb

import (
	"io"

	"tarn/internal/invariant"
	"tarn/internal/lzf"
)

// directBytes is from which size on a read goes past the buffer.
const directBytes = 32 << 10

// largeWindowBytes is what a compressed value is decoded through.
const largeWindowBytes = 64 << 10

// LargeValue is a value that is being read. It is only good until Options.Large returns.
type LargeValue struct {
	s      *splitter
	items  *Items // of a collection; what follows is of a string
	form   form
	length int64 // once decoded
	given  int64 // how much of that was decoded
	left   int   // stored bytes not read yet

	window []byte // of a compressed value: what was decoded last
	from   int    // window[from:to] is decoded and not read
	to     int
}

// Items returns the items of a collection, of which none has been asked for, or nil for a string, which
// is to be Read.
func (v *LargeValue) Items() *Items { return v.items }

// Len returns the string's length in bytes. As the file says so, it need not be true: unless the
// file's size was given, do not take that much memory for it at once.
func (v *LargeValue) Len() int64 { return v.length }

// Read reads the string: Len bytes, then io.EOF. Errors: ErrCorrupt, ErrTruncated, those of the
// source.
func (v *LargeValue) Read(p []byte) (int, error) {
	if v.given-int64(v.to-v.from) == v.length {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if v.form == rawForm {
		return v.readRaw(p)
	}
	if v.from == v.to {
		if err := v.decodeMore(); err != nil {
			return 0, err
		}
	}
	n := copy(p, v.window[v.from:v.to])
	v.from += n
	return n, nil
}

// readRaw reads stored bytes as they are.
func (v *LargeValue) readRaw(p []byte) (n int, err error) {
	s := v.s
	p = p[:min(len(p), v.left)]
	if s.pos == s.end && len(p) >= directBytes {
		n, err = s.readPast(p[:min(len(p), defaultBufferBytes)])
	} else {
		if err = v.refill(1); err != nil {
			return 0, err
		}
		n = copy(p, s.batch.buf[s.pos:s.end])
		s.pos += n
	}
	v.left -= n
	v.given += int64(n)
	return n, err
}

// refill sees to it that at least need of the stored bytes, which are left, are in the buffer.
func (v *LargeValue) refill(need int) error {
	s := v.s
	for s.end-s.pos < need {
		if s.ended {
			return ErrTruncated
		}
		s.sum()
		if err := s.flush(); err != nil { // moves what is left to the start; there are no records
			return err
		}
		if err := s.read(); err != nil {
			return err
		}
	}
	return nil
}

// decodeMore decodes on into the window, all of which has been read.
func (v *LargeValue) decodeMore() error {
	s := v.s
	if v.to > len(v.window)-lzf.MaxCopy {
		copy(v.window, v.window[v.to-lzf.Window:v.to])
		v.from, v.to = lzf.Window, lzf.Window
	}
	const longestToken = 1 + lzf.MaxLiterals
	if err := v.refill(min(longestToken, v.left)); err != nil {
		return err
	}
	stored := s.batch.buf[s.pos:min(s.end, s.pos+v.left)]
	to, used, ok := lzf.DecompressTokens(v.window, v.to, stored)
	v.given += int64(to - v.to)
	v.to = to
	v.left -= used
	s.pos += used
	if !ok || used == 0 || v.given > v.length || (v.given == v.length) != (v.left == 0) {
		return ErrCorrupt
	}
	return nil
}

// discard passes over what was not read.
func (v *LargeValue) discard() error {
	if v.items != nil {
		return v.items.pass()
	}
	for v.left > 0 {
		if err := v.refill(1); err != nil {
			return err
		}
		n := min(v.left, v.s.end-v.s.pos)
		v.left -= n
		v.s.pos += n
	}
	return nil
}

// isLarge tells whether the walk met a value that is handed over, or passed over, as a stream.
func (s *splitter) isLarge(got status) bool {
	ev := &s.ev
	if got == bad || ev.value == 0 || ev.end-ev.value <= s.o.BufferBytes/2 {
		return false
	}
	return ev.kind == keyEvent && s.o.Large != nil || ev.kind == leftOutEvent || ev.kind == moduleEvent
}

// large hands over the value that the walk met.
func (s *splitter) large() error {
	ev := &s.ev
	if s.o.Size > 0 && s.offset+int64(ev.end) > s.o.Size {
		return s.truncated()
	}
	key, err := s.decode(&ev.key)
	rec := Record{
		DB: s.state.db, Key: key, ExpireMs: s.state.expireMs, Idle: s.state.idle, Freq: s.state.freq,
		Value: Value{Type: ev.typ}, Offset: s.offset + int64(ev.at),
	}
	if err != nil {
		return placed(rec.Offset, ev.describe()+": the key", nil, err)
	}
	what, v := ev.describe(), &LargeValue{s: s}
	headBytes := ev.value - ev.at
	if ev.typ == TypeString {
		span, _ := readString(s.batch.buf[:s.end], ev.value)
		invariant.Check(span.start != 0, "a value known to be large has its lengths in the window")
		headBytes = span.start - ev.at
		v.form, v.length, v.left = span.form, span.number, span.end-span.start
	}
	s.sum()
	if err := s.flush(); err != nil {
		return err
	}
	s.pos = headBytes
	if ev.typ == TypeString {
		err = v.prepare()
	} else {
		v.items = &s.items
		s.items.begin(ev.typ)
		s.items.s = s
	}
	if err == nil {
		err = s.o.Large(&rec, v)
	}
	if err == nil {
		err = v.discard()
	}
	if err != nil {
		return placed(rec.Offset, what, rec.Key, err)
	}
	s.result.Records++
	s.state.keyDone()
	s.start = s.pos
	s.batch.start = s.state
	s.shrink()
	return nil
}

// prepare makes ready for decoding a string.
func (v *LargeValue) prepare() error {
	if v.form != lzfForm {
		return nil
	}
	if v.length == 0 {
		return ErrCorrupt
	}
	if v.s.window == nil {
		v.s.window = make([]byte, largeWindowBytes)
	}
	v.window = v.s.window
	return nil
}

// shrink gives back a buffer that one item made grow, if what is read beyond it fits a usual one.
func (s *splitter) shrink() {
	rest := s.batch.buf[s.pos:s.end]
	if len(s.batch.buf) <= s.o.BufferBytes || len(rest) >= s.o.BufferBytes {
		return
	}
	s.sum()
	s.batch.buf = make([]byte, s.o.BufferBytes)
	copy(s.batch.buf, rest)
	s.offset += int64(s.pos)
	s.start, s.pos, s.summed, s.end = 0, 0, 0, len(rest)
}

// readPast reads once into p, past the buffer, which is all parsed.
func (s *splitter) readPast(p []byte) (int, error) {
	if s.ended {
		return 0, ErrTruncated
	}
	s.sum()
	if err := s.flush(); err != nil {
		return 0, err
	}
	own := s.batch.buf
	s.batch.buf = p
	err := s.read()
	n := s.end
	s.pos = n
	s.sum()
	s.batch.buf = own
	s.offset += int64(n)
	s.pos, s.summed, s.end = 0, 0, 0
	return n, err
}
