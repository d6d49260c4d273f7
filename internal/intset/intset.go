// The intset: a set of integers, sorted, in one block.
//
// Layout, byte for byte Redis's, all little endian:
//
//	0   width: 2, 4 or 8 bytes an integer, 4 bytes
//	4   length: how many integers, 4 bytes
//	8   the integers, ascending
//
// The width is that of the widest integer ever added: it grows and never shrinks. The functions are
// pure. A caller with storage of its own adds an integer that is missing so: where Fits says yes,
// it makes room of Width bytes at Offset(Find) and calls Put; otherwise it takes what AppendWider
// builds. To remove one it closes the gap and calls Fix. Add and Remove do so on a Go slice.
//
// What must hold: the bytes are an intset that this package has built, or that Validate has accepted.

// Package intset reads and edits intsets, Redis's sorted integers, in slices of bytes.
package intset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

const headBytes = 8

// ErrCorrupt is wrapped by the errors of Validate.
var ErrCorrupt = errors.New("corrupt intset")

// AppendNew appends an empty intset to dst.
func AppendNew(dst []byte) []byte {
	return append(dst, 2, 0, 0, 0, 0, 0, 0, 0)
}

// Width returns the bytes of each integer: 2, 4 or 8.
func Width(b []byte) int { return int(b[0]) }

// Len returns the number of integers.
func Len(b []byte) int { return int(binary.LittleEndian.Uint32(b[4:])) }

// Offset returns where the integer of index i stands, or would stand.
func Offset(b []byte, i int) int { return headBytes + i*Width(b) }

// At returns the integer of index i, from 0 to Len-1, in ascending order.
func At(b []byte, i int) int64 {
	switch b[0] {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b[headBytes+2*i:])))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b[headBytes+4*i:])))
	}
	return int64(binary.LittleEndian.Uint64(b[headBytes+8*i:]))
}

// Find returns the index of n, or where it would have to be put, and whether it is there.
func Find(b []byte, n int64) (i int, found bool) {
	low, high := 0, Len(b)
	if high == 0 || n > At(b, high-1) {
		return high, false
	}
	for low < high {
		middle := int(uint(low+high) / 2)
		if At(b, middle) < n {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, At(b, low) == n
}

// Fits reports whether n fits the set's width.
func Fits(b []byte, n int64) bool { return widthOf(n) <= Width(b) }

func widthOf(n int64) int {
	switch {
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 2
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 4
	}
	return 8
}

// Put writes n, which fits, at index i, and sets the length from len(b): room has been made.
func Put(b []byte, i int, n int64) {
	write(b[Offset(b, i):], Width(b), n)
	Fix(b)
}

func write(b []byte, width int, n int64) {
	switch width {
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(n))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(n))
	default:
		binary.LittleEndian.PutUint64(b, uint64(n))
	}
}

// Fix sets the length from len(b), after room was made or a gap closed.
func Fix(b []byte) {
	binary.LittleEndian.PutUint32(b[4:], uint32((len(b)-headBytes)/Width(b)))
}

// AppendWider appends to dst the set b with n, which does not fit it, in the width that n needs.
func AppendWider(dst, b []byte, n int64) []byte {
	width, count, start := widthOf(n), Len(b), len(dst)
	dst = slices.Grow(dst, headBytes+(count+1)*width)[:start+headBytes+(count+1)*width]
	out := dst[start:]
	binary.LittleEndian.PutUint32(out, uint32(width))
	binary.LittleEndian.PutUint32(out[4:], uint32(count+1))
	at := headBytes
	if n < 0 { // it is less than all others, or greater
		write(out[at:], width, n)
		at += width
	}
	for i := range count {
		write(out[at:], width, At(b, i))
		at += width
	}
	if n >= 0 {
		write(out[at:], width, n)
	}
	return dst
}

// Add returns the set with n, and whether it was missing. b must be the intset and nothing else.
func Add(b []byte, n int64) (out []byte, added bool) {
	if !Fits(b, n) {
		return AppendWider(nil, b, n), true
	}
	i, found := Find(b, n)
	if found {
		return b, false
	}
	var room [8]byte
	at := Offset(b, i)
	b = slices.Insert(b, at, room[:Width(b)]...)
	Put(b, i, n)
	return b, true
}

// Remove returns the set without n, and whether it was there. b must be the intset and nothing else.
func Remove(b []byte, n int64) (out []byte, removed bool) {
	i, found := Find(b, n)
	if !found {
		return b, false
	}
	b = slices.Delete(b, Offset(b, i), Offset(b, i+1))
	Fix(b)
	return b, true
}

// Validate checks all of b; an empty set is valid. Errors: ErrCorrupt, wrapped with what is wrong.
func Validate(b []byte) error {
	if len(b) < headBytes {
		return fmt.Errorf("%w: %d bytes", ErrCorrupt, len(b))
	}
	width, count := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if width != 2 && width != 4 && width != 8 {
		return fmt.Errorf("%w: width %d", ErrCorrupt, width)
	}
	if uint64(len(b)) != headBytes+uint64(width)*uint64(count) {
		return fmt.Errorf("%w: %d integers of %d bytes in %d bytes", ErrCorrupt, count, width, len(b))
	}
	for i := 1; i < int(count); i++ {
		if At(b, i-1) >= At(b, i) {
			return fmt.Errorf("%w: integer %d is not greater than the one before", ErrCorrupt, i)
		}
	}
	return nil
}
