// Entry: the one block that holds a key, what is said of it, and its value when that is small.
//
//	offset 0   type (low 4 bits) and encoding (high 4 bits)
//	       1   flags: bit 0 has a deadline; bits 4-7 the snapshot epoch
//	       2   clock, 3 bytes little-endian: LRU seconds, or LFU minutes (16) and counter (8)
//	       5   key length, value length: varints
//	           deadline, 8 bytes: Unix time in ms, when flag bit 0 is set
//	           key
//	           value: bytes, or an integer of 4 or 8 bytes, or a descriptor of a block of its own,
//	           or the handle of a value of many blocks (big.go)
//
// Seven bytes over a small key and value. An entry never knows its block's size: it is the size
// class of its length, which every rewrite in place keeps (fits). All numbers are little-endian.

package keyspace

import (
	"encoding/binary"
	"unsafe"

	"tarn/internal/mem"
)

// Type is what kind of value a key holds, numbered as RDB and Redis number them.
type Type uint8

// The types of values.
const (
	String Type = iota
	List
	Set
	ZSet
	Hash
	Module
	Stream
)

var typeNames = [...]string{"string", "list", "set", "zset", "hash", "module", "stream"}

// String returns the name that TYPE replies with.
func (t Type) String() string { return typeNames[t] }

// Encodings of a value. A collection is of the Shape in brackets.
const (
	encBytes    = iota // in the entry; a string is "embstr" up to 44 bytes, else "raw" [Pack]
	encRaw             // a string in the entry; "raw" at any length, since it was changed in place
	encInt             // a string: 4 or 8 bytes, signed
	encBlock           // descriptor: block's Ref (4), length (8) [Pack]
	encAlt             // in the entry [Alt]
	encAltBlock        // descriptor [Alt]
	encBig             // handle (4) [InBig]
)

const (
	flagDeadline = 1 << 0
	epochShift   = 4
	epochs       = 16

	clockAt = 2
	lensAt  = 5

	descriptorSize = 12
	handleSize     = 4
	embstrMax      = 44 // bytes: Redis's limit for reporting "embstr"

	// maxEmbedded is the largest entry that holds a value above embstrMax itself, in bytes. Above, it
	// has a block of its own, so that changing its end need not move its key and a save can pin it.
	maxEmbedded = 4096
)

// entry is a view of an entry's block, borrowed until its shard is unlocked.
type entry struct{ p unsafe.Pointer }

// layout says where an entry's parts are, as offsets and lengths in bytes.
type layout struct {
	deadline        int // 0: none
	key, keyLen     int
	value, valueLen int
}

func (e entry) at(off int) unsafe.Pointer { return unsafe.Add(e.p, off) }
func (e entry) kind() byte                { return *(*byte)(e.p) }
func (e entry) flags() *byte              { return (*byte)(e.at(1)) }
func (e entry) typ() Type                 { return Type(e.kind() & 15) }
func (e entry) encoding() byte            { return e.kind() >> 4 }
func (e entry) hasDeadline() bool         { return *e.flags()&flagDeadline != 0 }
func (e entry) epoch() byte               { return *e.flags() >> epochShift }

// hasBlock tells whether the value has one block of its own.
func (e entry) hasBlock() bool { return e.encoding() == encBlock || e.encoding() == encAltBlock }

func (e entry) setEpoch(epoch byte) {
	*e.flags() = *e.flags()&(1<<epochShift-1) | epoch<<epochShift
}

func (e entry) setKind(t Type, enc byte) { *(*byte)(e.p) = byte(t) | enc<<4 }

func (e entry) clock() uint32 {
	b := (*[3]byte)(e.at(clockAt))
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
}

func (e entry) setClock(c uint32) {
	b := (*[3]byte)(e.at(clockAt))
	b[0], b[1], b[2] = byte(c), byte(c>>8), byte(c>>16)
}

func (e entry) layout() layout {
	var l layout
	off := lensAt
	l.keyLen, off = e.varint(off)
	l.valueLen, off = e.varint(off)
	if e.hasDeadline() {
		l.deadline = off
		off += 8
	}
	l.key = off
	l.value = off + l.keyLen
	return l
}

func (e entry) varint(off int) (n, next int) {
	b := *(*byte)(e.at(off))
	if b < 0x80 {
		return int(b), off + 1
	}
	n = int(b & 0x7f)
	for shift := 7; ; shift += 7 {
		off++
		b = *(*byte)(e.at(off))
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, off + 1
		}
	}
}

func (e entry) putVarint(off, n int) (next int) {
	for n >= 0x80 {
		*(*byte)(e.at(off)) = byte(n) | 0x80
		n >>= 7
		off++
	}
	*(*byte)(e.at(off)) = byte(n)
	return off + 1
}

func varintSize(n int) int {
	s := 1
	for n >= 0x80 {
		n >>= 7
		s++
	}
	return s
}

// entrySize is the length in bytes of an entry with these parts.
func entrySize(keyLen, valueLen int, deadline bool) int {
	n := lensAt + varintSize(keyLen) + varintSize(valueLen) + keyLen + valueLen
	if deadline {
		n += 8
	}
	return n
}

func (l layout) size() int { return l.value + l.valueLen }

func (e entry) bytes(off, n int) []byte  { return unsafe.Slice((*byte)(e.at(off)), n) }
func (e entry) keyBytes(l layout) []byte { return e.bytes(l.key, l.keyLen) }
func (e entry) valueRaw(l layout) []byte { return e.bytes(l.value, l.valueLen) }
func (e entry) deadline(l layout) int64 {
	if l.deadline == 0 {
		return NoDeadline
	}
	return int64(binary.LittleEndian.Uint64(e.bytes(l.deadline, 8)))
}

func (e entry) putDeadline(l layout, ms int64) {
	binary.LittleEndian.PutUint64(e.bytes(l.deadline, 8), uint64(ms))
}

func (e entry) integer(l layout) int64 {
	if l.valueLen == 4 {
		return int64(*(*int32)(e.at(l.value)))
	}
	return int64(binary.LittleEndian.Uint64(e.bytes(l.value, 8)))
}

func (e entry) putInteger(l layout, n int64) {
	if l.valueLen == 4 {
		*(*int32)(e.at(l.value)) = int32(n)
		return
	}
	binary.LittleEndian.PutUint64(e.bytes(l.value, 8), uint64(n))
}

// integerSize is the number of bytes in which n is kept.
func integerSize(n int64) int {
	if n == int64(int32(n)) {
		return 4
	}
	return 8
}

func (e entry) descriptor(l layout) (block mem.Ref, length int) {
	d := e.bytes(l.value, descriptorSize)
	return mem.Ref(binary.LittleEndian.Uint32(d)), int(binary.LittleEndian.Uint64(d[4:]))
}

func (e entry) putDescriptor(l layout, block mem.Ref, length int) {
	d := e.bytes(l.value, descriptorSize)
	binary.LittleEndian.PutUint32(d, uint32(block))
	binary.LittleEndian.PutUint64(d[4:], uint64(length))
}

// handle is that of a value of many blocks.
func (e entry) handle(l layout) uint32 {
	return binary.LittleEndian.Uint32(e.bytes(l.value, handleSize))
}

// bigHandle is handle without a layout: of one whose encoding is encBig.
func (e entry) bigHandle() uint32 {
	keyLen, off := e.varint(lensAt)
	off += 1 + keyLen // the value's length takes one byte
	if e.hasDeadline() {
		off += 8
	}
	return binary.LittleEndian.Uint32(e.bytes(off, handleSize))
}

func (e entry) putHandle(l layout, handle uint32) {
	binary.LittleEndian.PutUint32(e.bytes(l.value, handleSize), handle)
}

// parts is what an entry is made from. The value is filled in by the caller.
type parts struct {
	typ      Type
	encoding byte
	epoch    byte
	clock    uint32
	key      []byte
	valueLen int
	deadline int64 // NoDeadline: none
}

// embeds tells whether the value stands in the entry. What is reported as embstr always does.
func (p *parts) embeds() bool { return p.valueLen <= embstrMax || p.size() <= maxEmbedded }

func (p *parts) size() int { return entrySize(len(p.key), p.valueLen, p.deadline != NoDeadline) }

// write lays the parts out at e, whose block must have room for p.size() bytes. The key may lie in
// the block that is written over.
func (e entry) write(p *parts) layout {
	var l layout
	l.keyLen, l.valueLen = len(p.key), p.valueLen
	off := lensAt + varintSize(l.keyLen) + varintSize(l.valueLen)
	flags := p.epoch << epochShift
	if p.deadline != NoDeadline {
		flags |= flagDeadline
		l.deadline = off
		off += 8
	}
	l.key = off
	l.value = off + l.keyLen
	copy(e.bytes(l.key, l.keyLen), p.key)
	e.setKind(p.typ, p.encoding)
	*e.flags() = flags
	e.setClock(p.clock)
	e.putVarint(e.putVarint(lensAt, l.keyLen), l.valueLen)
	if l.deadline != 0 {
		e.putDeadline(l, p.deadline)
	}
	return l
}

// fits tells whether an entry of newSize bytes may be written over one of oldSize.
func fits(newSize, oldSize int) bool { return mem.ClassSize(newSize) == mem.ClassSize(oldSize) }

// keyer lets a table of entries hash and compare the keys in them.
type keyer struct {
	base unsafe.Pointer
	heap *mem.Heap
	hash *hasher
	bigs *bigs
}

func (k keyer) entry(r mem.Ref) entry { return entry{unsafe.Add(k.base, uintptr(r)*8)} }

// Hash returns the hash of the key of entry r.
func (k keyer) Hash(r mem.Ref) uint64 {
	e := k.entry(r)
	return k.hash.sum(e.keyBytes(e.layout()))
}

// Equal tells whether key is the key of entry r.
func (k keyer) Equal(r mem.Ref, key []byte) bool {
	e := k.entry(r)
	l := e.layout()
	return l.keyLen == len(key) && string(e.keyBytes(l)) == string(key)
}

// Weigh returns the bytes that entry r and its value hold, for the deadline tree's sums.
func (k keyer) Weigh(r mem.Ref) uint64 {
	e := k.entry(r)
	l := e.layout()
	n := uint64(mem.ClassSize(l.size()))
	switch {
	case e.hasBlock():
		block, _ := e.descriptor(l)
		n += uint64(k.heap.Size(block))
	case e.encoding() == encBig:
		n += k.bigs.at(e.handle(l)).weighed
	}
	return n
}
