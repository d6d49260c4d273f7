// Values: what follows a key, as it lies in the file.
//
// A Value borrows the bytes of its batch or payload and is decoded when asked, into memory of the
// caller's choice: a server decodes straight into the place where the string will live.

package rdb

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"tarn/internal/lzf"
)

// Value is an encoded object. It borrows its bytes.
type Value struct {
	Type byte   // TypeString, or another type byte
	Body []byte // all of the object's encoding, as a Batch or ParseDump checked it
}

// AsString returns the value as a string. Errors: ErrUnsupported when it is of another type,
// ErrCorrupt.
func (v Value) AsString() (String, error) {
	if v.Type != TypeString {
		return String{}, fmt.Errorf("type %d (%s) where a string was expected: %w", v.Type, TypeName(v.Type), ErrUnsupported)
	}
	s, st := readString(v.Body, 0)
	if st != done {
		return String{}, ErrCorrupt
	}
	return s.in(v.Body), nil
}

// String is an encoded string. It borrows its bytes.
type String struct {
	form   form
	number int64
	stored []byte
}

// in returns the string whose parts lie in b.
func (s *stringSpan) in(b []byte) String {
	return String{form: s.form, number: s.number, stored: b[s.start:s.end]}
}

// Int returns the integer that the string is stored as, if it is.
func (s String) Int() (n int64, ok bool) { return s.number, s.form == intForm }

// BytesView returns the bytes of a string that is stored as such. They are borrowed.
func (s String) BytesView() (b []byte, ok bool) { return s.stored, s.form == rawForm }

// Len returns the length in bytes of what AppendTo would append.
func (s String) Len() int {
	if s.form == intForm {
		var digits [20]byte
		return len(strconv.AppendInt(digits[:0], s.number, 10))
	}
	return int(s.number)
}

// DecodeInto writes the string to dst, which is Len bytes long. Errors: ErrCorrupt, and dst is
// then partly written.
func (s String) DecodeInto(dst []byte) error {
	switch s.form {
	case rawForm:
		copy(dst, s.stored)
		return nil
	case lzfForm:
		if !lzf.Decompress(dst, s.stored) {
			return ErrCorrupt
		}
		return nil
	}
	strconv.AppendInt(dst[:0], s.number, 10)
	return nil
}

// AppendTo appends the string to dst. Errors: ErrCorrupt, and dst is then returned as it was.
func (s String) AppendTo(dst []byte) ([]byte, error) {
	switch s.form {
	case rawForm:
		return append(dst, s.stored...), nil
	case intForm:
		return strconv.AppendInt(dst, s.number, 10), nil
	}
	start, end := len(dst), len(dst)+int(s.number)
	dst = slices.Grow(dst, int(s.number))
	if !lzf.Decompress(dst[start:end], s.stored) {
		return dst[:start], ErrCorrupt
	}
	return dst[:end], nil
}

// smallInt returns the integer that b is the shortest decimal form of, when it fits 32 bits.
func smallInt(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > len("-2147483648") {
		return 0, false
	}
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if b[0] == '-' {
		n = -n
	}
	return n, n >= math.MinInt32 && n <= math.MaxInt32
}
