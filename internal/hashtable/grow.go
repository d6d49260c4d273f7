// Growth: splitting and merging one bucket at a time.
//
// An operation that leaves the mean above fullLoad divides the oldest undivided bucket; one that
// leaves it below spareLoad folds the newest bucket into the one it came from. Neither can fail
// half-way: a split reuses the overflow blocks of the chain that it divides, of which there are
// always enough, and a merge asks for the one block it may lack before it begins. A refusal of
// memory only leaves the table a little fuller or emptier than it would be, and is made up for later.
//
// Storage: up to 32 buckets stand in one block that doubles and halves (a copy of at most 2 KiB);
// from 64 on they stand in segments, found by a directory whose length doubles and halves too. It
// costs 4 bytes for 64 buckets. A directory that prefetching threads may still hold is never changed
// to refer to anything but segments: the way back to a small block takes a new one.

package hashtable

import (
	"sync/atomic"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

const (
	segmentBuckets = 64
	segmentSize    = segmentBuckets * bucketSize
	minDirectory   = 4 // length of the shortest directory
)

// HoldShrink suspends merges, or lets them happen again. Those held back are made up for one at
// each operation, and by Tidy.
func (t *Table[K]) HoldShrink(hold bool) { t.held = hold }

// SetSplitHook makes the table call hook after each split with the bucket that was divided and the
// bucket that was born; nil for none.
func (t *Table[K]) SetSplitHook(hook func(from, to int)) { t.onSplit = hook }

// Tidy does up to n splits or merges that are due, and reports whether none is left to do. A merge
// refused memory counts as done.
func (t *Table[K]) Tidy(n int) (done bool) {
	for range n {
		if !t.balance() {
			return true
		}
	}
	return !t.splitDue() && !t.mergeDue()
}

// Reserve gives a table without entries the buckets that so many will need, as far as memory is
// granted. While merges are held they stay; else they go again one by one.
func (t *Table[K]) Reserve(entries int) {
	if t.entries != 0 {
		return
	}
	if t.count.Load() == 0 && !t.open() {
		return
	}
	for n := t.count.Load(); int(n)*fullLoad < entries && t.extend(); n++ {
		*t.bucket(t.bucketRef(n)) = bucket{}
		t.count.Store(n + 1)
	}
}

// balance does one split or merge that is due, and reports whether it did.
func (t *Table[K]) balance() bool {
	if t.splitDue() {
		return t.split()
	}
	if t.mergeDue() {
		return t.merge()
	}
	return false
}

func (t *Table[K]) splitDue() bool {
	return t.entries > int(t.count.Load())*fullLoad
}

func (t *Table[K]) mergeDue() bool {
	count := int(t.count.Load())
	return !t.held && t.entries < count*spareLoad && (count > 1 || t.entries == 0)
}

// open gives an empty table its first bucket.
func (t *Table[K]) open() bool {
	if !t.extend() {
		return false
	}
	*t.bucket(t.bucketRef(0)) = bucket{}
	t.count.Store(1)
	return true
}

// split adds one bucket and moves to it what is its own of the bucket that it divides.
func (t *Table[K]) split() bool {
	to := t.count.Load()
	if !t.extend() {
		return false
	}
	mask := maskFor(to + 1)
	from := to & (mask >> 1)
	t.prefetchChain(t.bucketRef(from))
	t.divide(from, to, mask)
	t.count.Store(to + 1)
	if t.onSplit != nil {
		t.onSplit(int(from), int(to))
	}
	return true
}

// divide shares the chain of bucket from between it and the unused bucket to. Each block is copied
// out before its entries are dealt, so that it can serve either chain again: both need together at
// most one block more than were read, and that one is the new bucket.
func (t *Table[K]) divide(from, to, mask uint32) {
	source := t.bucketRef(from)
	stays := chain{end: t.bucket(source)}
	moves := chain{end: t.bucket(t.bucketRef(to))}
	line, pool := *stays.end, mem.Ref(0)
	*stays.end, *moves.end = bucket{}, bucket{}
	for {
		for lane := range line.used() {
			r := line.refs[lane]
			goes := &stays
			if uint32(t.keyer.Hash(r)>>indexShift)&mask == to {
				goes = &moves
			}
			pool = t.push(goes, line.tags[lane], r, pool)
		}
		block := line.overflow
		if block == 0 {
			break
		}
		line = *t.bucket(block)
		t.bucket(block).overflow = pool
		pool = block
	}
	t.freePool(pool)
}

// merge folds the last bucket into the one that it was divided from. With no entries at all, the
// last bucket goes and the table is empty of memory.
func (t *Table[K]) merge() bool {
	last := t.count.Load() - 1
	if last == 0 {
		t.close()
		return true
	}
	if !t.fold(last&(maskFor(last+1)>>1), last) {
		return false
	}
	t.count.Store(last)
	t.retract()
	return true
}

// fold moves the entries of bucket last to bucket into. It reports false, with nothing moved, when
// the heap refuses the one block that may be lacking. The blocks of the emptied chain are read
// before the bucket itself, so that there is always one to go on with.
func (t *Table[K]) fold(into, last uint32) bool {
	to, from := t.bucketRef(into), t.bucketRef(last)
	kept, moved := t.entriesOf(to), t.entriesOf(from)
	pool := mem.Ref(0)
	if blocksFor(kept+moved) > blocksFor(kept)+blocksFor(moved)-1 {
		if pool = t.newOverflow(); pool == 0 {
			return false
		}
	}
	end := chain{end: t.lastOf(to)}
	end.used = end.end.used()
	for block := t.bucket(from).overflow; block != 0; {
		line := *t.bucket(block)
		t.bucket(block).overflow = pool
		pool = t.pushAll(&end, &line, block)
		block = line.overflow
	}
	t.freePool(t.pushAll(&end, t.bucket(from), pool))
	return true
}

// chain is the end of a chain being filled.
type chain struct {
	end  *bucket
	used int
}

// push adds an entry to c. When another block is needed, it is the first of pool, a list linked
// like a chain; what is left of the pool is returned.
func (t *Table[K]) push(c *chain, tag uint8, r, pool mem.Ref) mem.Ref {
	if c.used == lanes {
		next := t.bucket(pool)
		c.end.overflow, pool = pool, next.overflow
		*next = bucket{}
		c.end, c.used = next, 0
	}
	c.end.put(c.used, tag, r)
	c.used++
	return pool
}

func (t *Table[K]) pushAll(c *chain, b *bucket, pool mem.Ref) mem.Ref {
	for lane := range b.used() {
		pool = t.push(c, b.tags[lane], b.refs[lane], pool)
	}
	return pool
}

func (t *Table[K]) freePool(pool mem.Ref) {
	for pool != 0 {
		block := pool
		pool = t.bucket(block).overflow
		t.freeOverflow(block)
	}
}

// blocksFor returns how many blocks a chain of so many entries has.
func blocksFor(entries int) int { return max(1, (entries+lanes-1)/lanes) }

// entriesOf returns the number of entries in the chain that begins at r.
func (t *Table[K]) entriesOf(r mem.Ref) int {
	entries := 0
	for r != 0 {
		b := t.bucket(r)
		entries += b.used()
		r = b.overflow
	}
	return entries
}

func (t *Table[K]) newOverflow() mem.Ref {
	r := t.heap.Alloc(bucketSize, mem.Index)
	if r != 0 {
		*t.bucket(r) = bucket{}
		t.overflows++
	}
	return r
}

func (t *Table[K]) freeOverflow(r mem.Ref) {
	t.heap.Free(r, mem.Index)
	t.overflows--
}

// extend makes sure that there is a place for one more bucket.
func (t *Table[K]) extend() bool {
	if t.count.Load() < t.capacity {
		return true
	}
	if t.capacity < segmentBuckets {
		return t.resize(max(1, t.capacity*2))
	}
	r := t.heap.Alloc(segmentSize, mem.Index)
	if r == 0 {
		return false
	}
	used := int(t.capacity / segmentBuckets)
	if used == len(t.segments) {
		t.moveDirectory(2 * used)
	}
	t.segments[used].Store(uint32(r))
	t.capacity += segmentBuckets
	return true
}

// retract gives back the storage that the buckets no longer need.
func (t *Table[K]) retract() {
	if t.capacity <= segmentBuckets {
		if t.count.Load() <= t.capacity/2 {
			t.resize(t.capacity / 2)
		}
		return
	}
	t.retractSegment()
}

// retractSegment gives back the last of several segments when no bucket in use stands there.
func (t *Table[K]) retractSegment() {
	if t.capacity <= segmentBuckets || t.count.Load() > t.capacity-segmentBuckets {
		return
	}
	used := int(t.capacity/segmentBuckets) - 1
	t.heap.Free(mem.Ref(t.segments[used].Load()), mem.Index)
	t.segments[used].Store(0)
	t.capacity -= segmentBuckets
	if len(t.segments) > minDirectory && used <= len(t.segments)/4 {
		t.moveDirectory(len(t.segments) / 2)
	}
}

// resize gives a table of one block a block for capacity buckets, up to a segment.
func (t *Table[K]) resize(capacity uint32) bool {
	r := t.heap.Alloc(int(capacity)*bucketSize, mem.Index)
	if r == 0 {
		return false
	}
	old := mem.Ref(t.segments[0].Load())
	if used := int(t.count.Load()) * bucketSize; used > 0 {
		copy(t.heap.Bytes(r, used), t.heap.Bytes(old, used))
	}
	if capacity == segmentBuckets {
		t.segments = make([]atomic.Uint32, minDirectory)
		t.segments[0].Store(uint32(r))
		t.publish()
	} else {
		t.directory.Store(nil)
		t.segments = t.small[:]
		t.segments[0].Store(uint32(r))
	}
	if old != 0 {
		t.heap.Free(old, mem.Index)
	}
	t.capacity = capacity
	return true
}

// moveDirectory makes the directory length segments long. The old one is left as it is, for the
// threads that may be reading it.
func (t *Table[K]) moveDirectory(length int) {
	segments := make([]atomic.Uint32, length)
	for i := range min(length, len(t.segments)) {
		segments[i].Store(t.segments[i].Load())
	}
	t.segments = segments
	t.publish()
}

func (t *Table[K]) publish() {
	segments := t.segments
	t.directory.Store(&segments)
}

// close gives back the storage of a table whose buckets are all empty.
func (t *Table[K]) close() {
	invariant.Check(t.entries == 0 && t.overflows == 0, "a closed table is empty")
	t.count.Store(0)
	t.directory.Store(nil)
	for i := range t.segments {
		if r := mem.Ref(t.segments[i].Load()); r != 0 {
			t.heap.Free(r, mem.Index)
		}
	}
	t.small[0].Store(0)
	t.segments = t.small[:]
	t.capacity = 0
}
