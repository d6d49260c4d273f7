// Prefetching: asking for cache lines ahead of need.
//
// Over a large table nearly all the time of a look-up is spent waiting for two lines: the bucket and
// the entry. A caller that has many keys at hand asks for all their buckets, then for all their
// entries, and finds both near when it comes to execute.
//
// PrefetchBucket and PrefetchEntry run without the shard's lock while another thread changes the table, so what they
// read may be out of date or torn. They stay harmless: a bucket's address comes from a directory
// entry that was a whole segment once, and memory that a heap once opened stays readable; what is
// read from the bucket itself is only prefetched, and a prefetch of any address is no fault.

package hashtable

import (
	"unsafe"

	"tarn/internal/mem"
)

// PrefetchBucket asks for the bucket of a hash. It needs no lock.
func (t *Table[K]) PrefetchBucket(hash uint64) {
	if b := t.lookAhead(hash); b != nil {
		Prefetch(unsafe.Pointer(b))
	}
}

// PrefetchEntry asks for the entries that a look-up of hash would read (two lines of each: the head,
// the key and a short value), or the next bucket of the chain when this one has none. It needs no lock, and waits for the bucket itself if that is not near.
func (t *Table[K]) PrefetchEntry(hash uint64) {
	b := t.lookAhead(hash)
	if b == nil {
		return
	}
	m := b.match(tagOf(hash))
	if m == 0 {
		if b.overflow != 0 {
			prefetchRef(t.base, b.overflow)
		}
		return
	}
	for ; m != 0; m &= m - 1 {
		prefetchEntry(t.base, b.refs[laneOf(m)])
	}
}

// PrefetchRef asks for the first line of block r, which may be anything.
func (t *Table[K]) PrefetchRef(r mem.Ref) { prefetchRef(t.base, r) }

// PrefetchWalk asks for the entries that Walk of bucket i, which need not be there, would hand out, but
// for those in overflow blocks. Unlike the others it needs the lock.
func (t *Table[K]) PrefetchWalk(i int) {
	if uint(i) >= uint(t.Buckets()) {
		return
	}
	b := t.bucket(t.bucketRef(uint32(i)))
	for lane := range b.used() {
		prefetchEntry(t.base, b.refs[lane])
	}
}

// lookAhead returns the bucket of a hash as far as it can be told without the lock, or nil: a small
// table is not worth it, and its block may be gone.
func (t *Table[K]) lookAhead(hash uint64) *bucket {
	directory := t.directory.Load()
	count := t.count.Load()
	if directory == nil || count == 0 {
		return nil
	}
	i := bucketIndex(hash, count)
	if int(i/segmentBuckets) >= len(*directory) {
		return nil
	}
	segment := (*directory)[i/segmentBuckets].Load()
	if segment == 0 {
		return nil
	}
	return t.bucket(mem.Ref(segment + i%segmentBuckets*bucketUnits))
}

// prefetchChain asks for all entries of the first bucket of a chain, whose hashes are needed next.
func (t *Table[K]) prefetchChain(r mem.Ref) {
	b := t.bucket(r)
	for lane := range b.used() {
		prefetchRef(t.base, b.refs[lane])
	}
}
