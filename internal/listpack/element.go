// Elements: encoding, contents, back length.
//
//	0vvvvvvv                      integer of 0 to 127
//	10nnnnnn ...                  string of n bytes
//	110vvvvv vvvvvvvv             integer of 13 bits, two's complement, high byte first
//	1110nnnn nnnnnnnn ...         string of n bytes, n < 4096, high byte first
//	0xF0 n n n n ...              string of n bytes, little endian
//	0xF1, 0xF2, 0xF3, 0xF4 ...    integer of 2, 3, 4, 8 bytes, little endian
//
// The back length is the size of encoding and contents, for walking backwards: 7 bits a byte, the low
// ones last, the top bit set in all bytes but the first. Its thresholds are Redis's, one short
// of what would fit.
//
// A string that reads as an integer is written as one, in the shortest form.

package listpack

import (
	"encoding/binary"
	"math"
	"strconv"
)

// The first byte of an element; the first four begin a range of them.
const (
	tagStr6  = 0x80
	tagInt13 = 0xC0
	tagStr12 = 0xE0
	tagStr32 = 0xF0
	tagInt16 = 0xF1
	tagInt24 = 0xF2
	tagInt32 = 0xF3
	tagInt64 = 0xF4
)

// steps tells, by its first byte, the bytes of an element with its back length; 0 where the first
// byte alone does not say.
var steps = func() (steps [256]uint8) {
	for c := range tagStr12 {
		switch {
		case c < tagStr6:
			steps[c] = 2
		case c < tagInt13:
			steps[c] = uint8(c-tagStr6) + 2
		default:
			steps[c] = 3
		}
	}
	steps[tagInt16], steps[tagInt24], steps[tagInt32], steps[tagInt64] = 4, 5, 6, 10
	return steps
}()

// Value is what an element holds: an integer when IsInt, else a string, which is borrowed.
type Value struct {
	Str   []byte
	Int   int64
	IsInt bool
}

// Get returns the element at offset at.
func Get(lp []byte, at int) Value {
	if size := int(lp[at]) - tagStr6; uint(size) < tagInt13-tagStr6 {
		return Value{Str: lp[at+1 : at+1+size]}
	}
	return get(lp, at)
}

// get is Get for all but short strings.
func get(lp []byte, at int) Value {
	c := lp[at]
	switch {
	case c < tagStr6:
		return Value{Int: int64(c), IsInt: true}
	case c < tagStr12:
		return Value{Int: int64(int(c)<<8|int(lp[at+1])) << 51 >> 51, IsInt: true}
	case c < tagStr32:
		at += 2
		return Value{Str: lp[at : at+(int(c&0xF)<<8|int(lp[at-1]))]}
	case c == tagStr32:
		size := int(binary.LittleEndian.Uint32(lp[at+1:]))
		return Value{Str: lp[at+5 : at+5+size]}
	}
	return Value{Int: wideInt(lp[at:]), IsInt: true}
}

// wideInt decodes an integer of 2 to 8 bytes.
func wideInt(b []byte) int64 {
	switch b[0] {
	case tagInt16:
		return int64(int(b[2])<<8|int(b[1])) << 48 >> 48
	case tagInt24:
		return int64(int(b[3])<<16|int(b[2])<<8|int(b[1])) << 40 >> 40
	case tagInt32:
		return int64(binary.LittleEndian.Uint32(b[1:])) << 32 >> 32
	}
	return int64(binary.LittleEndian.Uint64(b[1:]))
}

// Read returns the element at offset at and the offset of the next, -1 when there is none.
func Read(lp []byte, at int) (v Value, next int) {
	if size := int(lp[at]) - tagStr6; uint(size) < tagInt13-tagStr6 {
		next = at + size + 2
		v.Str = lp[at+1 : next-1]
	} else {
		next = at + EntrySize(lp, at)
		v = get(lp, at)
	}
	if lp[next] == end {
		next = -1
	}
	return v, next
}

// AppendTo appends the text of the value to dst.
func (v Value) AppendTo(dst []byte) []byte {
	if v.IsInt {
		return strconv.AppendInt(dst, v.Int, 10)
	}
	return append(dst, v.Str...)
}

// Is reports whether the text of the value is elem.
func (v Value) Is(elem []byte) bool {
	if !v.IsInt {
		return string(v.Str) == string(elem)
	}
	n, isInt := Integer(elem)
	return isInt && n == v.Int
}

// Len returns the bytes of the text of the value.
func (v Value) Len() int {
	if !v.IsInt {
		return len(v.Str)
	}
	digits, n := 1, uint64(v.Int)
	if v.Int < 0 {
		digits, n = 2, -n
	}
	for ; n >= 10; n /= 10 {
		digits++
	}
	return digits
}

// EntrySize returns the bytes of the element at offset at, with its back length.
func EntrySize(lp []byte, at int) int {
	c := lp[at]
	if size := int(steps[c]); size != 0 {
		return size
	}
	if c < tagStr32 {
		return withBack(2 + (int(c&0xF)<<8 | int(lp[at+1])))
	}
	return withBack(5 + int(binary.LittleEndian.Uint32(lp[at+1:])))
}

// Size returns the bytes that elem takes as an element.
func Size(elem []byte) int {
	if n, isInt := Integer(elem); isInt {
		return SizeInt(n)
	}
	return stringSize(len(elem))
}

func stringSize(size int) int {
	switch {
	case size < 64:
		return 2 + size
	case size < 4096:
		return withBack(2 + size)
	}
	return withBack(5 + size)
}

// SizeInt returns the bytes that n takes as an element.
func SizeInt(n int64) int {
	switch {
	case n >= 0 && n < 1<<7:
		return 2
	case n >= -1<<12 && n < 1<<12:
		return 3
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 4
	case n >= -1<<23 && n < 1<<23:
		return 5
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 6
	}
	return 10
}

// Write writes elem as an element to the first Size(elem) bytes of b, and returns how many they are.
func Write(b, elem []byte) int {
	if n, isInt := Integer(elem); isInt {
		return WriteInt(b, n)
	}
	return writeString(b, elem)
}

func writeString(b, elem []byte) int {
	size, head := len(elem), 1
	switch {
	case size < 64:
		b[0] = tagStr6 | byte(size)
		copy(b[1:], elem)
		b[1+size] = byte(1 + size)
		return 2 + size
	case size < 4096:
		b[0], b[1] = tagStr12|byte(size>>8), byte(size)
		head = 2
	default:
		b[0] = tagStr32
		binary.LittleEndian.PutUint32(b[1:], uint32(size))
		head = 5
	}
	copy(b[head:], elem)
	return writeBack(b, head+size)
}

// WriteInt writes n as an element to the first SizeInt(n) bytes of b, and returns how many they are.
func WriteInt(b []byte, n int64) int {
	size := SizeInt(n)
	b[size-1] = byte(size - 1)
	switch size {
	case 2:
		b[0] = byte(n)
	case 3:
		b[0], b[1] = tagInt13|byte(n>>8)&0x1F, byte(n)
	case 4:
		b[0], b[1], b[2] = tagInt16, byte(n), byte(n>>8)
	case 5:
		b[0], b[1], b[2], b[3] = tagInt24, byte(n), byte(n>>8), byte(n>>16)
	case 6:
		b[0] = tagInt32
		binary.LittleEndian.PutUint32(b[1:], uint32(n))
	default:
		b[0] = tagInt64
		binary.LittleEndian.PutUint64(b[1:], uint64(n))
	}
	return size
}

// Integer reports whether a listpack holds elem as an integer, and which: the shortest decimal text
// of an int64.
func Integer(elem []byte) (n int64, ok bool) {
	size := len(elem)
	if size == 0 || size > 20 || elem[0] > '9' || elem[size-1] > '9' {
		return 0, false
	}
	digits := elem
	if elem[0] == '-' {
		digits = elem[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] < '1' {
		return 0, size == 1 && elem[0] == '0'
	}
	u := uint64(0) // 19 digits fit
	for _, c := range digits {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		u = u*10 + uint64(c)
	}
	if len(digits) < size {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// withBack returns the bytes of encoding and contents together with those of their back length.
func withBack(size int) int {
	switch {
	case size <= 127:
		return size + 1
	case size < 1<<14-1:
		return size + 2
	case size < 1<<21-1:
		return size + 3
	case size < 1<<28-1:
		return size + 4
	}
	return size + 5
}

// writeBack writes the back length behind size bytes of b, and returns the bytes of all.
func writeBack(b []byte, size int) int {
	total, rest := withBack(size), size
	for at := total - 1; at > size; at-- {
		b[at] = byte(rest) | 0x80
		rest >>= 7
	}
	b[size] = byte(rest)
	return total
}

// readBack reads the back length that ends before offset at: a size, in a number of bytes.
func readBack(lp []byte, at int) (size, bytes int) {
	for shift := 0; ; shift += 7 {
		bytes++
		c := lp[at-bytes]
		size |= int(c&0x7F) << shift
		if c < 0x80 || bytes == 5 {
			return size, bytes
		}
	}
}
