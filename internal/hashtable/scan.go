// Visits: SCAN, walks by bucket, random entries, and emptying in slices.
//
// SCAN's promise is that an entry present from the first call to the last is handed out at least
// once, however the table grew or shrank between calls. Order hashes by their bits reversed, lowest
// first: every bucket then owns one interval of that order, halved by a split and joined by a merge.
// A cursor is a point in that order. A call hands out the whole bucket that owns the point and moves
// to the end of its interval, so all that lies before a cursor has been handed out, whatever the
// buckets were at the time. A table of n buckets needs ⌈log2 n⌉ bits of cursor.

package hashtable

import (
	"math/bits"
	"math/rand/v2"

	"tarn/internal/mem"
)

// Scan hands the entries of one bucket to fn and returns the cursor of the next, or 0 at the end.
// A scan begins with cursor 0; any cursor is valid at any time, and less than 2^32. fn must not
// change the table.
func (t *Table[K]) Scan(cursor uint64, fn func(mem.Ref)) uint64 {
	count := t.count.Load()
	if count == 0 {
		return 0
	}
	mask := maskFor(count)
	i := uint32(cursor) & mask
	if i >= count || i|(mask>>1+1) >= count {
		mask >>= 1 // not divided yet in this round: the bucket owns both halves
		i &= mask
	}
	for r := t.bucketRef(i); r != 0; {
		b := t.bucket(r)
		for lane := range b.used() {
			fn(b.refs[lane])
		}
		r = b.overflow
	}
	return uint64(bits.Reverse32(bits.Reverse32(uint32(cursor)|^mask) + 1))
}

// ScanOrder is where an entry of a hash stands in the order in which Scan hands entries out.
func ScanOrder(hash uint64) uint32 { return bits.Reverse32(uint32(hash >> indexShift)) }

// ScanPoint is the ScanOrder from which on Scan hands entries out for a cursor: all lower ones have been. A bucket that begins
// below it is handed out whole.
func ScanPoint(cursor uint64) uint32 { return bits.Reverse32(uint32(cursor)) }

// CursorAt is the cursor of a ScanPoint.
func CursorAt(point uint32) uint64 { return uint64(bits.Reverse32(point)) }

// FindHash returns an entry whose key has this hash, or 0.
func (t *Table[K]) FindHash(hash uint64) (found mem.Ref) {
	t.Scan(CursorAt(ScanOrder(hash)), func(r mem.Ref) {
		if t.keyer.Hash(r) == hash {
			found = r
		}
	})
	return found
}

// Walk hands all entries of bucket i, less than Buckets, to fn, which may Replace them.
func (t *Table[K]) Walk(i int, fn func(Slot, mem.Ref)) {
	home := uint32(i)
	for r := t.bucketRef(home); r != 0; {
		b := t.bucket(r)
		for lane := range b.used() {
			fn(Slot{block: r, home: home, lane: uint8(lane)}, b.refs[lane])
		}
		r = b.overflow
	}
}

// walkAhead is how many buckets ahead entries are asked for.
const walkAhead = 2

const (
	fairChain   = 32 // entries of a chain that Random gives equal chances
	fairAttempt = 64 // buckets that Random tries before it takes what it finds

	fairTogether = 4 // of them at a time
)

// Random returns a random entry, or 0 when there is none. Entries have equal chances, unless chains
// are longer than fairChain or nearly all buckets are empty.
func (t *Table[K]) Random(random *rand.Rand) mem.Ref {
	if t.entries == 0 {
		return 0
	}
	count := t.count.Load()
	for range fairAttempt / fairTogether {
		var tries [fairTogether]mem.Ref
		for i := range tries { // all asked for before the first is waited for
			tries[i] = t.bucketRef(random.Uint32N(count))
			prefetchRef(t.base, tries[i])
		}
		for _, r := range tries {
			n, length := random.IntN(fairChain), t.entriesOf(r)
			if length > fairChain {
				n = random.IntN(length)
			}
			if n < length {
				return t.entry(r, n)
			}
		}
	}
	for i := random.Uint32N(count); ; i = (i + 1) % count {
		if length := t.entriesOf(t.bucketRef(i)); length > 0 {
			return t.entry(t.bucketRef(i), random.IntN(length))
		}
	}
}

// entry returns the n-th entry of the chain that begins at r.
func (t *Table[K]) entry(r mem.Ref, n int) mem.Ref {
	for ; n >= lanes; n -= lanes {
		r = t.bucket(r).overflow
	}
	return t.bucket(r).refs[n]
}

// Drain drops up to steps entries, handing each to fn, and gives back buckets as they empty; a
// bucket given back is a step too. It reports whether the table is empty of entries and memory. The
// table is whole after each call, without the entries dropped.
func (t *Table[K]) Drain(steps int, fn func(mem.Ref)) (done bool) {
	for ; steps > 0 && t.count.Load() > 0; steps-- {
		last := t.count.Load() - 1
		home := t.bucketRef(last)
		before, block := mem.Ref(0), home
		for next := t.bucket(block).overflow; next != 0; next = t.bucket(block).overflow {
			before, block = block, next
		}
		b := t.bucket(block)
		used := b.used()
		if used > 0 {
			r := b.refs[used-1]
			b.clear(used - 1)
			t.entries--
			if used == 1 {
				t.dropEmpty(last, before, block)
			}
			fn(r)
			continue
		}
		if last == 0 {
			t.close()
			break
		}
		t.count.Store(last)
		t.retractSegment()
		t.PrefetchWalk(int(last) - walkAhead)
	}
	return t.count.Load() == 0
}
