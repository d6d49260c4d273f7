// Table: the elements of a large hash, set or sorted set, found by name.
//
// It is a hashtable of element blocks (element.go) that owns them and knows their bytes. A type wraps
// one and adds what is its own: a sorted set the tree of scores, a hash the tree of its fields'
// deadlines, both of which refer to the same blocks. To let them keep step even when memory is
// refused, a change comes in three parts: make a block, which can fail; enter it elsewhere, which can
// fail too and then the block is dropped; put it into the table, which cannot fail for a name that
// is there. put does all of it for those who have nothing else to keep.
//
// While the table is being saved (table_save.go) an element that is not saved yet is immutable:
// isMutable says no, and a replacement takes its place. The replaced block is set aside until the
// save has read it, so it may be referred to by nothing but the table.
//
// What must hold: the shard's lock is held; the table owns each of its blocks alone; names are unique.

// Package value holds Redis's types in their shapes: what a collection is made of, and what changes it.
package value

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"

	"tarn/internal/hashtable"
	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// table is the element table of one Big. To be made by newTable.
type table struct {
	elements
	index *hashtable.Table[elements]
	bytes uint64 // of the blocks of the elements in the table, and of those made for it
	epoch byte   // of the last cut; new elements carry it
	loose byte   // cuts in a row whose save did not pass every element
	save  *save  // nil: no save under way
}

// place is where an element is, or would be. It is valid until the next insert or remove.
type place struct {
	slot hashtable.Slot
	hash uint64
}

func (p place) found() bool { return p.slot.Found() }

// newTable returns an empty table, which holds no memory of h. values: its elements have values.
func newTable(h *mem.Heap, values bool) *table {
	b := elements{heap: h, values: values}
	return &table{elements: b, index: hashtable.New(h, b)}
}

// Len returns the number of elements.
func (t *table) Len() int { return t.index.Len() }

// Bytes returns the size of all blocks, of elements and of the index; not of what is set aside.
func (t *table) Bytes() uint64 { return t.bytes + t.index.Bytes() }

// find looks a name up.
func (t *table) find(name []byte) place {
	hash := maphash.Bytes(seed, name)
	return place{t.index.Find(hash, name), hash}
}

// findHashed is find for a name whose hash is known.
func (t *table) findHashed(hash uint64, name []byte) place {
	return place{t.index.Find(hash, name), hash}
}

// PrefetchIndex implements keyspace.Foreseer.
func (t *table) PrefetchIndex(name []byte) (hash uint64) {
	hash = maphash.Bytes(seed, name)
	t.index.PrefetchBucket(hash)
	return hash
}

// PrefetchElement implements keyspace.Foreseer.
func (t *table) PrefetchElement(hash uint64) { t.index.PrefetchEntry(hash) }

// ref returns the block at a found place.
func (t *table) ref(p place) mem.Ref { return t.index.Ref(p.slot) }

// at returns the element at a found place, borrowed.
func (t *table) at(p place) element { return t.read(t.ref(p)) }

// isMutable tells whether the element in block r, which is in the table, may be changed in place.
func (t *table) isMutable(r mem.Ref) bool {
	return t.save == nil || t.epochOf(r) == t.epoch
}

// make returns a new block that holds e, to be inserted, replaced or dropped; 0 when memory is
// refused.
func (t *table) make(e element) mem.Ref {
	l := t.layoutOf(&e)
	r := t.heap.Alloc(l.size(), mem.Values)
	if r != 0 {
		t.bytes += uint64(t.heap.Size(r))
		t.write(r, &e, l, t.epoch)
	}
	return r
}

// drop frees a block of make's that has not been put into the table.
func (t *table) drop(r mem.Ref) {
	t.bytes -= uint64(t.heap.Size(r))
	t.heap.Free(r, mem.Values)
}

// insert adds block r, whose name is absent, at its place. It reports false, with nothing changed,
// when memory is refused.
func (t *table) insert(p place, r mem.Ref) bool {
	return t.index.Insert(p.hash, r)
}

// replace puts block r in the place of an element with the same name, which is freed or set aside.
func (t *table) replace(p place, r mem.Ref) {
	old := t.ref(p)
	t.index.Replace(p.slot, r)
	t.retire(old)
}

// remove takes the element at a found place out and frees it or sets it aside.
func (t *table) remove(p place) {
	old := t.ref(p)
	t.index.Remove(p.slot)
	t.retire(old)
}

// isRewritable tells whether block r, which is in the table, may be made to hold e.
func (t *table) isRewritable(r mem.Ref, e *element) bool {
	return t.isMutable(r) && t.heap.Size(r) == mem.ClassSize(t.layoutOf(e).size())
}

// rewrite makes block r hold e, which has the same name.
func (t *table) rewrite(r mem.Ref, e *element) { t.write(r, e, t.layoutOf(e), t.epoch) }

// put makes e the element at its place: in place where that can be, else in a new block. It returns
// the block, or 0 with nothing changed when memory is refused. Nothing of e may lie in a block of
// the table.
func (t *table) put(p place, e element) mem.Ref {
	if p.found() {
		if r := t.ref(p); t.isRewritable(r, &e) {
			t.rewrite(r, &e)
			return r
		}
	}
	r := t.make(e)
	if r == 0 {
		return 0
	}
	if p.found() {
		t.replace(p, r)
		return r
	}
	if !t.insert(p, r) {
		t.drop(r)
		return 0
	}
	return r
}

// setNumber changes the number of the element in block r, which must be mutable and have one.
func (t *table) setNumber(r mem.Ref, number uint64) {
	if invariant.Enabled {
		invariant.Check(t.isMutable(r), "what is not saved yet is not changed")
	}
	t.elements.setNumber(r, number)
}

// scan hands the elements of one bucket to fn, which must not change the table, and returns the
// cursor to go on with, 0 at the end. It begins with 0, and any cursor is good at any time.
func (t *table) scan(cursor uint64, fn func(r mem.Ref)) uint64 {
	return t.index.Scan(cursor, fn)
}

// walkAhead is how many buckets ahead of a walk elements are asked for.
const walkAhead = 2

// each hands all elements to fn, in no order, until it returns false. fn must not change the table.
func (t *table) each(fn func(r mem.Ref) bool) {
	more := true
	for i := 0; i < t.index.Buckets() && more; i++ {
		t.index.PrefetchWalk(i + walkAhead)
		t.index.Walk(i, func(_ hashtable.Slot, r mem.Ref) { more = more && fn(r) })
	}
}

// pieces returns an iteration over all elements that can be left and gone on with: each call hands
// elements to fn until it says false, then those that are left of the bucket, and tells whether there
// are more. The table must not change between the calls, but for what saving it does.
func (t *table) pieces() func(fn func(r mem.Ref) bool) (more bool) {
	bucket := 0
	return func(fn func(r mem.Ref) bool) bool {
		for more := true; more && bucket < t.index.Buckets(); bucket++ {
			t.index.PrefetchWalk(bucket + walkAhead)
			t.index.Walk(bucket, func(_ hashtable.Slot, r mem.Ref) { more = fn(r) && more })
		}
		return bucket < t.index.Buckets()
	}
}

// random returns the block of a random element of a table that has some; all have nearly the same
// chance.
func (t *table) random(source *rand.Rand) mem.Ref { return t.index.Random(source) }

// cloneTo copies the table, without what a save has to do with it, into another heap or the same.
// each is told of every element's new block, and may say no; nil: nobody is told. It returns nil, and
// keeps nothing, when memory is refused or each has said no.
func (t *table) cloneTo(to *mem.Heap, each func(r mem.Ref) bool) *table {
	c := newTable(to, t.values)
	c.index.HoldShrink(true) // what is reserved is not to be given back again
	c.index.Reserve(t.Len())
	whole := true
	t.each(func(old mem.Ref) bool {
		e := t.read(old)
		r := c.make(e)
		if r == 0 {
			whole = false
		} else if !c.index.Insert(maphash.Bytes(seed, e.name), r) {
			c.drop(r)
			whole = false
		} else {
			whole = each == nil || each(r)
		}
		return whole
	})
	c.index.HoldShrink(false)
	if !whole {
		for !c.free(freeAtOnce) {
		}
		return nil
	}
	return c
}

const freeAtOnce = 1 << 10

// free gives back up to about so many blocks, and tells whether none is left. A table that is partly
// freed holds the rest of its elements and is sound.
func (t *table) free(steps int) (done bool) {
	if t.save != nil {
		if steps = t.freeAside(steps); steps <= 0 {
			return false
		}
	}
	return t.index.Drain(steps, t.drop)
}

// Verify reads the whole table and returns the first thing found wrong, or nil.
func (t *table) Verify() error {
	if err := t.index.Verify(); err != nil {
		return err
	}
	found := uint64(0)
	for i := range t.index.Buckets() {
		var err error
		t.index.Walk(i, func(_ hashtable.Slot, r mem.Ref) {
			found += uint64(t.heap.Size(r))
			if err == nil {
				err = t.verifyElement(i, r)
			}
		})
		if err != nil {
			return err
		}
	}
	if t.save != nil {
		if err := t.verifySave(); err != nil {
			return err
		}
	}
	if found != t.bytes {
		return fmt.Errorf("value: elements of %d bytes, counted %d", found, t.bytes)
	}
	return nil
}

// verifyElement checks block r of bucket i.
func (t *table) verifyElement(i int, r mem.Ref) error {
	l, size := t.layout(r), t.heap.Size(r)
	if mem.ClassSize(l.size()) != size {
		return fmt.Errorf("value: element %d of %d bytes is in a block of %d", r, l.size(), size)
	}
	name := t.name(r)
	if at := t.find(name); !at.found() || t.ref(at) != r {
		return fmt.Errorf("value: element %d, %q, is not found by its name", r, name)
	}
	switch s, age := t.save, (t.epoch-t.epochOf(r))&epochMask; {
	case int(age) > int(t.loose):
		return fmt.Errorf("value: element %d, %q, is %d cuts old, after %d without a whole save", r, name, age, t.loose)
	case s != nil && age != 0 && (i < s.cursor || i >= s.end):
		return fmt.Errorf("value: element %d, %q, is unsaved in bucket %d, not from %d to %d", r, name, i, s.cursor, s.end)
	}
	return nil
}
