// DeadlineTree: the keys of one database in one shard that end at a set time, soonest first.
//
// A counted B+ tree of items (deadline, reference), 12 bytes each, in blocks of the heap. A branch
// carries the number of items below it and the sum of their weights, so that "how many keys, and
// how many bytes, end before t" costs one descent. Items do not carry their weight: the tree asks
// its Weigher when items change leaves, and for part of one leaf in Before.
//
// Leaves are kept full: one that overflows first moves items to a neighbour with room, and deadlines
// that arrive in order, as they do when all keys live equally long, fill leaf after leaf. Only
// then is it split. Leaves that would fit together are joined, so that memory follows the count.
//
// What must hold: the shard's lock is held; an item's weight, as the Weigher tells it, changes only
// together with a call of Reweigh; a reference is live while it is in the tree, and in Insert,
// Delete and Replace. An empty tree holds no memory.

// Package btree keeps ordered items in the heap, to be found by order and by rank.
package btree

import (
	"unsafe"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// Weigher tells a tree how many bytes a reference stands for.
type Weigher interface {
	Weigh(r mem.Ref) uint64
}

// DeadlineTree is an ordered set of (deadline, reference). Deadlines are Unix times in milliseconds,
// any int64; references are never 0.
type DeadlineTree[W Weigher] struct {
	heap    *mem.Heap
	base    unsafe.Pointer
	weigher W
	root    mem.Ref
	height  int    // levels of branches above the leaves
	total   sum    // of all items
	bytes   uint64 // of all nodes
}

// item is what a leaf holds. Items are ordered by deadline, then reference.
type item struct {
	deadline int64
	ref      mem.Ref
}

func (a item) before(b item) bool {
	return a.deadline < b.deadline || a.deadline == b.deadline && a.ref < b.ref
}

// sum is what a branch knows of the items below it.
type sum struct {
	count  uint32
	weight uint64
}

// New returns an empty tree, which holds no memory of h.
func New[W Weigher](h *mem.Heap, weigher W) *DeadlineTree[W] {
	return &DeadlineTree[W]{heap: h, base: h.Base(), weigher: weigher}
}

// Len returns the number of items.
func (t *DeadlineTree[W]) Len() int { return int(t.total.count) }

// Weight returns the sum of the weights of all items.
func (t *DeadlineTree[W]) Weight() uint64 { return t.total.weight }

// Bytes returns the memory that the tree itself holds.
func (t *DeadlineTree[W]) Bytes() uint64 { return t.bytes }

// Insert adds an item that is not in the tree. It reports false, with the tree unchanged, when the
// heap refuses memory.
func (t *DeadlineTree[W]) Insert(deadline int64, ref mem.Ref) bool {
	invariant.Check(ref != 0, "a deadline is some block's")
	x := item{deadline, ref}
	if t.root == 0 {
		if t.root = t.newLeaf(minLeafSize); t.root == 0 {
			return false
		}
	}
	var p path
	t.descend(x, &p)
	if t.leaf(p.leaf).full() {
		if !t.makeRoom(x, &p) {
			return false
		}
		t.descend(x, &p)
	}
	l := t.leaf(p.leaf)
	at := l.search(x)
	if invariant.Enabled {
		invariant.Check(at == l.count() || l.item(at) != x, "an inserted deadline is new")
	}
	l.insert(at, x)
	t.add(&p, sum{1, t.weigher.Weigh(ref)})
	return true
}

// Delete removes an item, and reports whether it was there.
func (t *DeadlineTree[W]) Delete(deadline int64, ref mem.Ref) bool {
	var p path
	at, found := t.locate(item{deadline, ref}, &p)
	if !found {
		return false
	}
	t.leaf(p.leaf).remove(at, at+1)
	t.subtract(&p, sum{1, t.weigher.Weigh(ref)})
	t.tighten(&p)
	return true
}

// Reweigh records that the weight of an item in the tree has changed by delta.
func (t *DeadlineTree[W]) Reweigh(deadline int64, ref mem.Ref, delta int64) {
	var p path
	_, found := t.locate(item{deadline, ref}, &p)
	invariant.Check(found, "a reweighed deadline is in the tree")
	if found {
		t.add(&p, sum{0, uint64(delta)})
	}
}

// Replace makes the item (deadline, old) one of (deadline, fresh), as when a block moves or is
// rewritten. It reports false, with the tree unchanged, when the item is not there or the heap
// refuses memory, which it is asked for only when both do not have the same place in their leaf.
func (t *DeadlineTree[W]) Replace(deadline int64, old, fresh mem.Ref) bool {
	var p path
	at, found := t.locate(item{deadline, old}, &p)
	if !found || old == fresh {
		return found
	}
	x := item{deadline, fresh}
	if l := t.leaf(p.leaf); l.fits(at, x) {
		l.refs[at] = fresh
		t.add(&p, sum{0, t.weigher.Weigh(fresh) - t.weigher.Weigh(old)})
		return true
	}
	return t.Insert(deadline, fresh) && t.Delete(deadline, old)
}

// Min returns the first item; ok is false when the tree is empty.
func (t *DeadlineTree[W]) Min() (deadline int64, ref mem.Ref, ok bool) {
	if t.root == 0 {
		return 0, 0, false
	}
	r := t.root
	for range t.height {
		r = t.branches(r).children[0]
	}
	x := t.leaf(r).item(0)
	return x.deadline, x.ref, true
}

// Before returns the number of items whose deadline is less than deadline, and the sum of their
// weights, in O(log n) and the weighing of at most half a leaf.
func (t *DeadlineTree[W]) Before(deadline int64) (count, weight uint64) {
	if t.root == 0 {
		return 0, 0
	}
	x, r, below := item{deadline, 0}, t.root, t.total
	for range t.height {
		b := t.branches(r)
		at := b.search(x)
		for i := range at {
			count += uint64(b.counts[i])
			weight += b.weights[i]
		}
		r, below = b.children[at], b.sum(at)
	}
	l := t.leaf(r)
	at := l.search(x)
	count += uint64(at)
	if at <= l.count()/2 {
		return count, weight + t.weigh(l.refs[:at])
	}
	return count, weight + below.weight - t.weigh(l.refs[at:l.count()])
}

// At returns the item of rank i, from 0 to Len-1, in O(log n).
func (t *DeadlineTree[W]) At(i int) (deadline int64, ref mem.Ref) {
	invariant.Check(i >= 0 && i < int(t.total.count), "a rank is within the tree")
	r := t.root
	for range t.height {
		b, at := t.branches(r), 0
		for i >= int(b.counts[at]) {
			i -= int(b.counts[at])
			at++
		}
		r = b.children[at]
	}
	x := t.leaf(r).item(i)
	return x.deadline, x.ref
}

// Ascend hands the items with deadlines from on to visit, in order, until it returns false. visit
// must not change the tree.
func (t *DeadlineTree[W]) Ascend(from int64, visit func(deadline int64, ref mem.Ref) bool) {
	if t.root == 0 {
		return
	}
	var p path
	x := item{from, 0}
	t.descend(x, &p)
	at := t.leaf(p.leaf).search(x)
	for {
		l := t.leaf(p.leaf)
		for ; at < l.count(); at++ {
			if !visit(l.deadlines[at], l.refs[at]) {
				return
			}
		}
		if !t.nextLeaf(&p) {
			return
		}
		at = 0
	}
}

// Drain drops the last items, with the nodes that hold them, until steps nodes are given back or the
// tree is empty, and reports which. The tree is whole after each call. It does not read what the
// items refer to.
func (t *DeadlineTree[W]) Drain(steps int) (done bool) {
	for ; steps > 0 && t.root != 0; steps-- {
		var p path
		t.last(&p)
		dropped := t.total
		if t.height > 0 {
			end := p.steps[t.height-1]
			dropped = t.branches(end.node).sum(end.at)
		}
		t.subtract(&p, dropped)
		t.leaf(p.leaf).remove(0, t.leaf(p.leaf).count())
		t.tighten(&p)
	}
	return t.root == 0
}
