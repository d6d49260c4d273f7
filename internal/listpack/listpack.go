// The listpack: a sequence of small strings and integers in one block.
//
// Layout, byte for byte Redis's, so that small values go to RDB files and DUMP as they are:
//
//	0   total bytes, 4 bytes little endian
//	4   elements, 2 bytes little endian; 65535: not known, walk to count
//	6   elements: encoding, contents, back length (element.go)
//	    0xFF
//
// An element is named by its offset. The functions are pure: the caller owns the storage, makes room
// in it or closes a gap, and then has Put or Fix set the bytes right. Nothing here allocates, save
// Append and its kin where the caller's slice has no capacity left.
//
// What must hold: the bytes are a listpack that this package has built, or that Validate has
// accepted. On other bytes functions may panic on an index out of range, but touch nothing else.

// Package listpack reads and edits listpacks, Redis's compact sequences, in slices of bytes.
package listpack

import "encoding/binary"

const (
	// MaxBytes is the most that a listpack should grow to; Redis refuses to go beyond.
	MaxBytes = 1 << 30

	headBytes = 6
	end       = 0xFF
	manyCount = 65535 // in the header: count by walking
)

// AppendNew appends an empty listpack to dst.
func AppendNew(dst []byte) []byte {
	return append(dst, headBytes+1, 0, 0, 0, 0, 0, end)
}

// Total returns the bytes of the listpack, as its header says.
func Total(lp []byte) int { return int(binary.LittleEndian.Uint32(lp)) }

// Count returns the number of elements: at once below 65535, else by walking.
func Count(lp []byte) int {
	if n := headCount(lp); n != manyCount {
		return n
	}
	n := 0
	for at := headBytes; lp[at] != end; at += EntrySize(lp, at) {
		n++
	}
	return n
}

func headCount(lp []byte) int { return int(binary.LittleEndian.Uint16(lp[4:])) }

// First returns the offset of the first element, -1 when there is none.
func First(lp []byte) int {
	if lp[headBytes] == end {
		return -1
	}
	return headBytes
}

// Last returns the offset of the last element, -1 when there is none.
func Last(lp []byte) int { return Prev(lp, len(lp)-1) }

// End returns the offset behind the last element, where one may be put.
func End(lp []byte) int { return len(lp) - 1 }

// Next returns the offset of the element behind that at at, -1 when at is the last.
func Next(lp []byte, at int) int {
	at += EntrySize(lp, at)
	if lp[at] == end {
		return -1
	}
	return at
}

// Prev returns the offset of the element before at, an element or the end; -1 when at is the first.
func Prev(lp []byte, at int) int {
	if at <= headBytes {
		return -1
	}
	last := lp[at-1]
	if last < 0x80 {
		return at - 1 - int(last)
	}
	size, bytes := readBack(lp, at)
	return at - bytes - size
}

// Seek returns the offset of the element of an index, counted from the end when negative (-1 is the
// last), or -1 when there is no such element. It walks from the nearer end.
func Seek(lp []byte, index int) int {
	if n := headCount(lp); n != manyCount {
		switch {
		case index < -n || index >= n:
			return -1
		case index >= 0 && index > n/2:
			index -= n
		case index < 0 && index+n <= n/2:
			index += n
		}
	}
	if index < 0 {
		at := Last(lp)
		for ; index < -1 && at >= 0; index++ {
			at = Prev(lp, at)
		}
		return at
	}
	at := headBytes
	for ; index > 0 && lp[at] != end; index-- {
		at += EntrySize(lp, at)
	}
	if lp[at] == end {
		return -1
	}
	return at
}

// ReadInt returns the integer at at, and the offset of what follows it.
func ReadInt(lp []byte, at int) (n int64, next int) {
	if c := lp[at]; c < tagStr6 {
		return int64(c), at + 2
	}
	return Get(lp, at).Int, at + EntrySize(lp, at)
}

// Skip returns the offset of what follows count elements, the first of which is at at. All of them
// must be there.
func Skip(lp []byte, at, count int) int {
	for ; count > 0; count-- {
		step := int(steps[lp[at]])
		if step == 0 {
			step = EntrySize(lp, at)
		}
		at += step
	}
	return at
}

// Find returns the offset of the first element equal to elem, comparing the one at from and then
// every (skip+1)th, or -1. A from of -1 finds nothing. Integers are compared as numbers: nothing
// is formatted.
func Find(lp []byte, from int, elem []byte, skip int) int {
	if from < 0 {
		return -1
	}
	n, isInt := Integer(elem)
	last := byte(tagStr6) // of an empty one: what stands before the contents
	if len(elem) > 0 {
		last = elem[len(elem)-1]
	}
	for at := from; lp[at] != end; {
		c, step := lp[at], 2
		switch {
		case c < tagStr6:
			if isInt && n == int64(c) {
				return at
			}
		case c < tagInt13:
			size := int(c - tagStr6)
			step += size // and not from the table, which would take longer
			if size == len(elem) && lp[at+size] == last && string(lp[at+1:at+1+size]) == string(elem) {
				return at
			}
		default:
			step = EntrySize(lp, at)
			if v := Get(lp, at); v.IsInt && isInt && v.Int == n || !v.IsInt && string(v.Str) == string(elem) {
				return at
			}
		}
		at += step
		for skips := skip; skips > 0 && lp[at] != end; skips-- {
			if step = int(steps[lp[at]]); step == 0 {
				step = EntrySize(lp, at)
			}
			at += step
		}
	}
	return -1
}

// Put writes elem at offset at, where the storage has made room of Size(elem) bytes, and sets the
// header: the total to len(lp), the count changed by added (0 when another element was replaced).
func Put(lp []byte, at int, elem []byte, added int) {
	Write(lp[at:], elem)
	Fix(lp, added)
}

// PutInt is Put of an integer, in room of SizeInt(n) bytes.
func PutInt(lp []byte, at int, n int64, added int) {
	WriteInt(lp[at:], n)
	Fix(lp, added)
}

// Fix sets the header after elements were put or removed: the total to len(lp), the count changed by
// added. A count that is not known stays so.
func Fix(lp []byte, added int) {
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	if n := headCount(lp); n != manyCount && added != 0 {
		binary.LittleEndian.PutUint16(lp[4:], uint16(min(n+added, manyCount)))
	}
}

// Append returns lp with elem added at its end. lp must be the listpack and nothing else.
func Append(lp, elem []byte) []byte {
	if n, isInt := Integer(elem); isInt {
		return AppendInt(lp, n)
	}
	at := len(lp) - 1
	lp = grow(lp, stringSize(len(elem)))
	writeString(lp[at:], elem)
	Fix(lp, 1)
	return lp
}

// AppendInt returns lp with n added at its end. lp must be the listpack and nothing else.
func AppendInt(lp []byte, n int64) []byte {
	at := len(lp) - 1
	lp = grow(lp, SizeInt(n))
	WriteInt(lp[at:], n)
	Fix(lp, 1)
	return lp
}

// grow returns lp longer by size, its end mark in place.
func grow(lp []byte, size int) []byte {
	total := len(lp) + size
	if total <= cap(lp) {
		lp = lp[:total]
	} else {
		lp = append(lp, make([]byte, size)...)
	}
	lp[total-1] = end
	return lp
}
