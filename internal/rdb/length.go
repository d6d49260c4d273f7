// Lengths and the forms of a string, read where they lie.
//
// A reader sees a window of the file that may end anywhere, so every function here has three
// outcomes: done, short (come back with more bytes), or bad. Nothing is copied or allocated.

package rdb

import (
	"encoding/binary"
	"math"

	"tarn/internal/lzf"
)

// status is the outcome of reading at a place in a window.
type status int

const (
	done  status = iota
	short        // the window ends before the thing does
	bad          // no continuation would make it right
)

// Special forms of a string, given in place of its length (docs/formats/rdb.md#strings).
const (
	formInt8 = iota
	formInt16
	formInt32
	formLZF

	specialForm = 0xc0 // added to one of these, in place of a length's first byte
)

// maxStringBytes is more than any server can hold; what claims to be longer is corrupt.
const maxStringBytes = 1 << 46

// readLength reads the length, or special form, at b[pos:] and returns where it ends.
func readLength(b []byte, pos int) (n uint64, special bool, end int, st status) {
	if pos >= len(b) {
		return 0, false, pos + 1, short
	}
	first := b[pos]
	switch first >> 6 {
	case 0:
		return uint64(first), false, pos + 1, done
	case 1:
		if pos+2 > len(b) {
			return 0, false, pos + 2, short
		}
		return uint64(first&0x3f)<<8 | uint64(b[pos+1]), false, pos + 2, done
	case 3:
		return uint64(first & 0x3f), true, pos + 1, done
	}
	switch first {
	case 0x80:
		if pos+5 > len(b) {
			return 0, false, pos + 5, short
		}
		return uint64(binary.BigEndian.Uint32(b[pos+1:])), false, pos + 5, done
	case 0x81:
		if pos+9 > len(b) {
			return 0, false, pos + 9, short
		}
		return binary.BigEndian.Uint64(b[pos+1:]), false, pos + 9, done
	}
	return 0, false, pos, bad
}

// readPlainLength is readLength where a special form would be wrong.
func readPlainLength(b []byte, pos int) (n uint64, end int, st status) {
	n, special, end, st := readLength(b, pos)
	if special {
		return 0, pos, bad
	}
	return n, end, st
}

// stringSpan is where a string's parts lie in a window.
type stringSpan struct {
	form   form
	start  int   // of the bytes, raw or compressed
	end    int   // of the string; may be known to lie beyond the window
	number int64 // the integer, or the length in bytes once decoded
}

// form is how a string is stored.
type form uint8

const (
	rawForm form = iota
	intForm
	lzfForm
)

// readString finds the parts of the string at b[pos:]. When the status is short, s.end is the least
// that the window must hold; s is otherwise complete if and only if s.start is not 0.
func readString(b []byte, pos int) (s stringSpan, st status) {
	n, special, at, st := readLength(b, pos)
	if st != done {
		return stringSpan{end: at}, st
	}
	if !special {
		if n > maxStringBytes {
			return stringSpan{}, bad
		}
		s = stringSpan{form: rawForm, start: at, end: at + int(n), number: int64(n)}
		return s, s.fits(b)
	}
	switch n {
	case formInt8, formInt16, formInt32:
		return readInt(b, at, int(n))
	case formLZF:
		return readCompressed(b, at)
	}
	return stringSpan{}, bad
}

// fits returns done or short.
func (s *stringSpan) fits(b []byte) status {
	if s.end > len(b) {
		return short
	}
	return done
}

// readInt reads the number at b[pos:] that is stored in 1<<log2Bytes bytes.
func readInt(b []byte, pos, log2Bytes int) (s stringSpan, st status) {
	end := pos + 1<<log2Bytes
	if end > len(b) {
		return stringSpan{end: end}, short
	}
	s = stringSpan{form: intForm, start: pos, end: end}
	switch log2Bytes {
	case 0:
		s.number = int64(int8(b[pos]))
	case 1:
		s.number = int64(int16(binary.LittleEndian.Uint16(b[pos:])))
	default:
		s.number = int64(int32(binary.LittleEndian.Uint32(b[pos:])))
	}
	return s, done
}

// readCompressed reads the two lengths at b[pos:] and finds the compressed bytes after them. It
// refuses a decoded length that so few bytes cannot yield, before anybody makes room for it.
func readCompressed(b []byte, pos int) (s stringSpan, st status) {
	packed, at, st := readPlainLength(b, pos)
	if st != done {
		return stringSpan{end: at}, st
	}
	length, at, st := readPlainLength(b, at)
	if st != done {
		return stringSpan{end: at}, st
	}
	if packed > maxStringBytes || length > packed*lzf.Expansion {
		return stringSpan{}, bad
	}
	s = stringSpan{form: lzfForm, start: at, end: at + int(packed), number: int64(length)}
	return s, s.fits(b)
}

// skipString returns where the string at b[pos:] ends.
func skipString(b []byte, pos int) (end int, st status) {
	s, st := readString(b, pos)
	return s.end, st
}

// AppendLength appends n as a length: 1, 2, 5 or 9 bytes (docs/formats/rdb.md#lengths).
func AppendLength(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 0x40|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0x81), n)
}
