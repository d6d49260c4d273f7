// Table: unordered lookup that grows and shrinks by one bucket at a time.
//
// This is linear hashing: with n buckets, a hash's low bits choose among the next power of two, and
// a choice at or past n falls back to one bit less. Adding bucket n therefore divides exactly one
// older bucket, and there is never a second table, a doubling of the whole, or a rehash.
//
// A bucket is one cache line (bucket.go). Buckets stand in 4 KiB segments of the heap that a
// directory finds; a table of up to 32 buckets is a single smaller block (grow.go). The table holds
// references only: what they refer to, and its hash, it asks of its Keyer.
//
// What must hold: the table is used under its shard's lock, save the two Prefetch methods; a chain's
// blocks are full except its last; a table without entries holds no memory, unless shrinking is held.

// Package hashtable finds references by key, in a table that grows and shrinks by one bucket at a time.
package hashtable

import (
	"sync/atomic"
	"unsafe"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// Keyer tells a table about the blocks it refers to.
type Keyer interface {
	// Hash returns the hash of the key in block r, the same that Find and Insert are given.
	Hash(r mem.Ref) uint64
	// Equal reports whether the key in block r is key.
	Equal(r mem.Ref, key []byte) bool
}

// Table maps hashes of keys to references. Of a hash, bits 8 and up choose the bucket and the top 8
// bits are the tag; the low 8 bits are the caller's, to choose shards by.
type Table[K Keyer] struct {
	// What the Prefetch methods read without the lock. The directory is nil while the table is
	// small; every element it ever showed was a whole segment when it was written.
	directory atomic.Pointer[[]atomic.Uint32]
	count     atomic.Uint32 // buckets in use
	base      unsafe.Pointer

	// Writers touch what follows at every change: it stays off the line above.
	_         [64]byte
	heap      *mem.Heap
	keyer     K
	segments  []atomic.Uint32 // mem.Ref of each segment; 0 past the last
	small     [1]atomic.Uint32
	capacity  uint32 // buckets that the blocks in segments can hold
	entries   int
	overflows int // overflow blocks
	held      bool
	onSplit   func(from, to int)
}

// Slot is the place of one entry. It is valid until the next Insert or Remove; the zero Slot is
// that of an absent key.
type Slot struct {
	block mem.Ref
	home  uint32
	lane  uint8
}

// Found reports whether s is the slot of an entry.
func (s Slot) Found() bool { return s.block != 0 }

const (
	indexShift = 8  // hash bits below it are the caller's
	tagShift   = 56 // hash bits from it up are the tag

	fullLoad  = 9 // mean entries per bucket above which a bucket is split
	spareLoad = 5 // mean entries per bucket below which a bucket is merged
)

// New returns an empty table, which holds no memory of h.
func New[K Keyer](h *mem.Heap, keyer K) *Table[K] {
	t := &Table[K]{heap: h, keyer: keyer, base: h.Base()}
	t.segments = t.small[:]
	return t
}

// Len returns the number of entries.
func (t *Table[K]) Len() int { return t.entries }

// Buckets returns the number of buckets, for Walk.
func (t *Table[K]) Buckets() int { return int(t.count.Load()) }

// Bytes returns the memory that the table itself holds, without what its entries refer to.
func (t *Table[K]) Bytes() uint64 {
	bytes := (uint64(t.capacity) + uint64(t.overflows)) * bucketSize
	if t.capacity >= segmentBuckets {
		bytes += uint64(len(t.segments)) * 4
	}
	return bytes
}

// Find returns the slot of the entry with this key, or the zero Slot.
func (t *Table[K]) Find(hash uint64, key []byte) Slot {
	count := t.count.Load()
	if count == 0 {
		return Slot{}
	}
	home, tag := bucketIndex(hash, count), tagOf(hash)
	for block := t.bucketRef(home); block != 0; {
		b := t.bucket(block)
		for m := b.match(tag); m != 0; m &= m - 1 {
			lane := laneOf(m)
			if t.keyer.Equal(b.refs[lane], key) {
				return Slot{block: block, home: home, lane: lane}
			}
		}
		block = b.overflow
	}
	return Slot{}
}

// Ref returns the reference at s, which must be of a found entry.
func (t *Table[K]) Ref(s Slot) mem.Ref { return t.bucket(s.block).refs[s.lane] }

// Replace makes the entry at s refer to r, a block with the same key.
func (t *Table[K]) Replace(s Slot, r mem.Ref) {
	invariant.Check(r != 0, "a table refers to blocks only")
	t.bucket(s.block).refs[s.lane] = r
}

// Insert adds an entry whose key is known to be absent. It reports false, with the table unchanged,
// when the heap refuses memory.
func (t *Table[K]) Insert(hash uint64, r mem.Ref) bool {
	invariant.Check(r != 0, "a table refers to blocks only")
	if t.count.Load() == 0 && !t.open() {
		return false
	}
	b := t.lastOf(t.bucketRef(bucketIndex(hash, t.count.Load())))
	lane := b.used()
	if lane == lanes {
		block := t.newOverflow()
		if block == 0 {
			return false
		}
		b.overflow = block
		b, lane = t.bucket(block), 0
	}
	b.put(lane, tagOf(hash), r)
	t.entries++
	t.balance()
	return true
}

// Remove drops the entry at s. The last entry of the chain takes its place.
func (t *Table[K]) Remove(s Slot) {
	invariant.Check(s.block != 0, "a removed entry was found")
	b := t.bucket(s.block)
	before, last := mem.Ref(0), s.block
	for next := b.overflow; next != 0; next = t.bucket(last).overflow {
		before, last = last, next
	}
	end := t.bucket(last)
	lane := end.used() - 1
	b.put(int(s.lane), end.tags[lane], end.refs[lane])
	end.clear(lane)
	t.entries--
	if lane == 0 {
		t.dropEmpty(s.home, before, last)
	}
	t.balance()
}

// dropEmpty frees last, the emptied last block of the chain of bucket home, unless it is the bucket
// itself. The block before it, when 0, is looked for.
func (t *Table[K]) dropEmpty(home uint32, before, last mem.Ref) {
	at := t.bucketRef(home)
	if last == at {
		return
	}
	if before == 0 {
		for before = at; t.bucket(before).overflow != last; {
			before = t.bucket(before).overflow
		}
	}
	t.bucket(before).overflow = 0
	t.freeOverflow(last)
}

// bucketRef returns the block of bucket i, which must be in use.
func (t *Table[K]) bucketRef(i uint32) mem.Ref {
	return mem.Ref(t.segments[i/segmentBuckets].Load() + i%segmentBuckets*bucketUnits)
}

func (t *Table[K]) bucket(r mem.Ref) *bucket {
	return (*bucket)(unsafe.Add(t.base, uintptr(r)*8))
}

// lastOf returns the last bucket of the chain that begins at r.
func (t *Table[K]) lastOf(r mem.Ref) *bucket {
	b := t.bucket(r)
	for b.overflow != 0 {
		b = t.bucket(b.overflow)
	}
	return b
}
