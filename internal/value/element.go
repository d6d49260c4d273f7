// Elements: the blocks that the large shapes of hashes, sets and sorted sets are made of.
//
//	offset 0   stamp: low 7 bits the epoch of its Big, top bit: a number follows
//	       1   number, 8 bytes little-endian: a sorted set's score, a hash field's deadline
//	           length of the name: 1 byte up to 253; 254 and 2 bytes; 255 and 4 bytes
//	           length of the value, likewise, where elements have values (hashes)
//	           name: a field or member
//	           value
//
// An element never knows its block's size: it is the size class of its length, which every change in
// place keeps. Equal names have equal hashes in all tables of the process.

package value

import (
	"encoding/binary"
	"hash/maphash"

	"tarn/internal/mem"
)

const (
	epochMask   = 1<<7 - 1
	numberedBit = 1 << 7

	numberAt   = 1
	numberSize = 8
	minBlock   = 8 // bytes that every block has

	length16 = 254 // a length byte that 2 bytes follow
	length32 = 255 // a length byte that 4 bytes follow
	maxHead  = 1 + numberSize + 2*5
)

// seed is the process's own, so that nobody outside can make names collide.
var seed = maphash.MakeSeed()

// element is what a block says. What is borrowed from a block is valid until the element is changed
// or its shard is unlocked.
type element struct {
	name     []byte
	value    []byte // hashes only
	number   uint64 // 0 unless numbered
	numbered bool
}

// elements reads and writes blocks of one kind; it is the keyer of a table.
type elements struct {
	heap   *mem.Heap
	values bool // elements have values
}

// layout is where the parts of an element are.
type layout struct {
	name, nameLen   int
	value, valueLen int
}

func (l layout) size() int { return l.value + l.valueLen }

// layoutOf lays out an element that is to be written.
func (b elements) layoutOf(e *element) layout {
	at := 1
	if e.numbered {
		at += numberSize
	}
	at += lengthSize(len(e.name))
	if b.values {
		at += lengthSize(len(e.value))
	}
	return layout{name: at, nameLen: len(e.name), value: at + len(e.name), valueLen: len(e.value)}
}

// layout reads the layout of block r. A head with a long length is followed by so many bytes that
// the longest head lies inside the block.
func (b elements) layout(r mem.Ref) layout {
	head, at := b.heap.Bytes(r, minBlock), 1
	if head[0]&numberedBit != 0 {
		head, at = b.heap.Bytes(r, 2*minBlock), 1+numberSize
	}
	l := layout{nameLen: int(head[at])}
	at++
	if b.values && l.nameLen < length16 {
		l.valueLen = int(head[at])
		at++
	}
	if l.nameLen >= length16 || l.valueLen >= length16 {
		return b.longLayout(r)
	}
	l.name, l.value = at, at+l.nameLen
	return l
}

func (b elements) longLayout(r mem.Ref) layout {
	head, at := b.heap.Bytes(r, maxHead), 1
	if head[0]&numberedBit != 0 {
		at += numberSize
	}
	var l layout
	l.nameLen, at = getLength(head, at)
	if b.values {
		l.valueLen, at = getLength(head, at)
	}
	l.name, l.value = at, at+l.nameLen
	return l
}

// read returns the element in block r, its parts borrowed.
func (b elements) read(r mem.Ref) element {
	l := b.layout(r)
	block := b.heap.Bytes(r, l.size())
	e := element{name: block[l.name:l.value:l.value], numbered: block[0]&numberedBit != 0}
	if b.values {
		e.value = block[l.value:]
	}
	if e.numbered {
		e.number = binary.LittleEndian.Uint64(block[numberAt:])
	}
	return e
}

func (b elements) name(r mem.Ref) []byte {
	l := b.layout(r)
	return b.heap.Bytes(r, l.value)[l.name:]
}

// number returns the element's number, 0 when it has none.
func (b elements) number(r mem.Ref) uint64 {
	if b.heap.Bytes(r, minBlock)[0]&numberedBit == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(b.heap.Bytes(r, 2*minBlock)[numberAt:])
}

func (b elements) setNumber(r mem.Ref, number uint64) {
	binary.LittleEndian.PutUint64(b.heap.Bytes(r, 2*minBlock)[numberAt:], number)
}

// write fills block r. The parts of e must not lie in the block.
func (b elements) write(r mem.Ref, e *element, l layout, epoch byte) {
	block, at := b.heap.Bytes(r, l.size()), 1
	block[0] = epoch
	if e.numbered {
		block[0] |= numberedBit
		binary.LittleEndian.PutUint64(block[numberAt:], e.number)
		at += numberSize
	}
	at = putLength(block, at, len(e.name))
	if b.values {
		putLength(block, at, len(e.value))
	}
	copy(block[l.name:], e.name)
	copy(block[l.value:], e.value)
}

func (b elements) epochOf(r mem.Ref) byte { return b.heap.Bytes(r, 1)[0] & epochMask }

func (b elements) setEpoch(r mem.Ref, epoch byte) {
	stamp := &b.heap.Bytes(r, 1)[0]
	*stamp = *stamp&^epochMask | epoch
}

// Hash returns the hash of the name in block r.
func (b elements) Hash(r mem.Ref) uint64 { return maphash.Bytes(seed, b.name(r)) }

// Equal reports whether name is that of the element in block r.
func (b elements) Equal(r mem.Ref, name []byte) bool { return string(b.name(r)) == string(name) }

func lengthSize(n int) int {
	switch {
	case n < length16:
		return 1
	case n < 1<<16:
		return 3
	}
	return 5
}

func putLength(b []byte, at, n int) (next int) {
	switch {
	case n < length16:
		b[at] = byte(n)
		return at + 1
	case n < 1<<16:
		b[at] = length16
		binary.LittleEndian.PutUint16(b[at+1:], uint16(n))
		return at + 3
	}
	b[at] = length32
	binary.LittleEndian.PutUint32(b[at+1:], uint32(n))
	return at + 5
}

func getLength(b []byte, at int) (n, next int) {
	switch first := b[at]; first {
	case length16:
		return int(binary.LittleEndian.Uint16(b[at+1:])), at + 3
	case length32:
		return int(binary.LittleEndian.Uint32(b[at+1:])), at + 5
	default:
		return int(first), at + 1
	}
}
