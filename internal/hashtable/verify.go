// Verify: whether a table is sound, told by reading all of it.

package hashtable

import (
	"fmt"

	"tarn/internal/mem"
)

// Verify reads the whole table and returns the first thing found wrong, or nil.
func (t *Table[K]) Verify() error {
	count := t.count.Load()
	if count > t.capacity {
		return fmt.Errorf("hashtable: %d buckets in room for %d", count, t.capacity)
	}
	if err := t.verifyStorage(); err != nil {
		return err
	}
	entries, overflows := 0, 0
	for i := range count {
		for r := t.bucketRef(i); r != 0; {
			b := t.bucket(r)
			if err := t.verifyBucket(i, r); err != nil {
				return err
			}
			entries += b.used()
			if b.overflow != 0 {
				overflows++
			}
			r = b.overflow
		}
	}
	if entries != t.entries || overflows != t.overflows {
		return fmt.Errorf("hashtable: found %d entries in %d overflow blocks, counted %d in %d",
			entries, overflows, t.entries, t.overflows)
	}
	return nil
}

func (t *Table[K]) verifyStorage() error {
	whole := t.capacity >= segmentBuckets
	if whole != (t.directory.Load() != nil) {
		return fmt.Errorf("hashtable: room for %d buckets, directory published: %t", t.capacity, !whole)
	}
	if !whole && t.capacity&(t.capacity-1) != 0 || whole && t.capacity%segmentBuckets != 0 {
		return fmt.Errorf("hashtable: room for %d buckets", t.capacity)
	}
	if used := int(t.capacity / segmentBuckets); len(t.segments) > max(minDirectory, 4*used) {
		return fmt.Errorf("hashtable: directory of %d for %d segments", len(t.segments), used)
	}
	for i := range t.segments {
		r := mem.Ref(t.segments[i].Load())
		if used := uint32(i)*segmentBuckets < t.capacity; used != (r != 0) {
			return fmt.Errorf("hashtable: segment %d of room for %d buckets is %d", i, t.capacity, r)
		}
		if r == 0 {
			continue
		}
		if size := int(min(t.capacity, segmentBuckets)) * bucketSize; t.heap.Size(r) < size {
			return fmt.Errorf("hashtable: segment %d has %d bytes, not %d", i, t.heap.Size(r), size)
		}
	}
	return nil
}

// verifyBucket checks the block r in the chain of bucket i.
func (t *Table[K]) verifyBucket(i uint32, r mem.Ref) error {
	b := t.bucket(r)
	used := b.used()
	if b.overflow != 0 && used != lanes {
		return fmt.Errorf("hashtable: bucket %d block %d: %d entries before another block", i, r, used)
	}
	if used == 0 && r != t.bucketRef(i) {
		return fmt.Errorf("hashtable: bucket %d block %d: empty overflow block", i, r)
	}
	for lane := range lanes {
		tag, ref := b.tags[lane], b.refs[lane]
		if (lane < used) != (tag != 0) || (tag != 0) != (ref != 0) {
			return fmt.Errorf("hashtable: bucket %d block %d lane %d of %d: tag %d, ref %d", i, r, lane, used, tag, ref)
		}
		if ref == 0 {
			continue
		}
		hash := t.keyer.Hash(ref)
		if home := bucketIndex(hash, t.count.Load()); home != i || tagOf(hash) != tag {
			return fmt.Errorf("hashtable: bucket %d block %d lane %d: ref %d has hash %#x, of bucket %d, and tag %d",
				i, r, lane, ref, hash, home, tag)
		}
	}
	return nil
}
