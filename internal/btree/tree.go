// Tree: entries in the order of a number and, among equal numbers, of what their references stand
// for: the members of a sorted set by score.
//
// A counted B+ tree of entries (key, reference), 12 bytes each, in blocks of the heap. A branch
// carries the number of entries below each child, so that ranks cost one descent either way. It
// also carries the first entry of every child but its first, and exactly that one: comparing two
// references means reading both, so none may stay in the tree after its entry has gone. Which member
// is which is looked up in the blocks only among equal keys.
//
// Leaves are kept full as in a DeadlineTree: one that overflows first moves entries to a neighbour
// with room; entries that arrive in order, rising or falling, fill leaf after leaf; leaves that
// would fit together are joined.
//
// What must hold: the owner's lock is held; keys are not NaN; a reference is live while it is in the
// tree, and in every call that it is given to, except that Drain reads none. An empty tree holds
// no memory.

package btree

import (
	"unsafe"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// Number is what a Tree orders its entries by.
type Number interface{ float64 | uint64 }

// Order compares what two different references stand for, among entries of equal keys: negative
// when a comes first, positive when b does, never 0.
type Order interface {
	Compare(a, b mem.Ref) int
}

// Tree is an ordered set of (key, reference). References are never 0.
type Tree[K Number, O Order] struct {
	heap   *mem.Heap
	base   unsafe.Pointer
	order  O
	root   mem.Ref
	height int    // levels of branches above the leaves
	count  uint32 // entries
	bytes  uint64 // of all nodes
}

// entry is what a leaf holds.
type entry[K Number] struct {
	key K
	ref mem.Ref
}

// NewTree returns an empty tree, which holds no memory of h.
func NewTree[K Number, O Order](h *mem.Heap, o O) *Tree[K, O] {
	return &Tree[K, O]{heap: h, base: h.Base(), order: o}
}

// Len returns the number of entries.
func (t *Tree[K, O]) Len() int { return int(t.count) }

// Bytes returns the memory that the tree itself holds.
func (t *Tree[K, O]) Bytes() uint64 { return t.bytes }

// before reports whether a comes before b.
func (t *Tree[K, O]) before(a, b entry[K]) bool {
	return a.key < b.key || a.key == b.key && a.ref != b.ref && t.order.Compare(a.ref, b.ref) < 0
}

// Insert adds an entry that is not in the tree. It reports false, with the tree unchanged, when the
// heap refuses memory.
func (t *Tree[K, O]) Insert(key K, r mem.Ref) bool {
	invariant.Check(r != 0 && key == key, "an entry is some block's, its key a number")
	x := entry[K]{key, r}
	if t.root == 0 {
		if t.root = t.newLeaf(minLeafSize); t.root == 0 {
			return false
		}
	}
	var p treePath
	t.descend(x, &p)
	l := t.leaf(p.leaf)
	at := t.search(l, x)
	if l.full() {
		if !t.makeRoom(x, at, &p) {
			return false
		}
		t.descend(x, &p)
		l = t.leaf(p.leaf)
		at = t.search(l, x)
	}
	if invariant.Enabled {
		invariant.Check(at == l.count() || l.entry(at) != x, "an inserted entry is new")
	}
	l.insert(at, x)
	t.add(&p, 1)
	return true
}

// Delete removes an entry, and reports whether it was there.
func (t *Tree[K, O]) Delete(key K, r mem.Ref) bool {
	var p treePath
	at, found := t.locate(entry[K]{key, r}, &p)
	if found {
		t.remove(at, &p)
	}
	return found
}

// remove takes entry at out of the leaf of p.
func (t *Tree[K, O]) remove(at int, p *treePath) {
	l := t.leaf(p.leaf)
	l.remove(at, at+1)
	t.add(p, ^uint32(0))
	if at == 0 && l.count() > 0 {
		t.setFirst(p, t.height-1, l.entry(0))
	}
	t.tighten(p)
}

// Replace makes the entry (key, old) one of (key, fresh), which stands for the same in another
// block, and reports whether it was there. It takes no memory.
func (t *Tree[K, O]) Replace(key K, old, fresh mem.Ref) bool {
	var p treePath
	at, found := t.locate(entry[K]{key, old}, &p)
	if !found {
		return false
	}
	l := t.leaf(p.leaf)
	l.refs[at] = fresh
	if at == 0 {
		t.setFirst(&p, t.height-1, l.entry(0))
	}
	return true
}

// Move gives an entry that is in the tree another key. It reports false, with the tree unchanged,
// when the heap refuses memory; none is asked for when the entry stays in its leaf.
func (t *Tree[K, O]) Move(key, to K, r mem.Ref) bool {
	var p treePath
	at, found := t.locate(entry[K]{key, r}, &p)
	invariant.Check(found, "an entry that moves is in the tree")
	if !found {
		return false
	}
	l, x := t.leaf(p.leaf), entry[K]{to, r}
	if to == key {
		l.keys[at] = to // zeros of two signs are equal
		return true
	}
	// Entries at the ends of a leaf bound what may stand there; in a lone leaf anything may.
	if t.height == 0 || t.before(l.entry(0), x) && t.before(x, l.entry(l.count()-1)) {
		first := l.entry(0)
		l.remove(at, at+1)
		l.insert(t.search(l, x), x)
		if l.entry(0) != first {
			t.setFirst(&p, t.height-1, l.entry(0))
		}
		return true
	}
	return t.Insert(to, r) && t.Delete(key, r)
}

// Rank returns the number of entries before (key, r), or -1 when it is not in the tree.
func (t *Tree[K, O]) Rank(key K, r mem.Ref) int {
	var p treePath
	rank, found := t.locate(entry[K]{key, r}, &p)
	if !found {
		return -1
	}
	for _, s := range p.steps[:t.height] {
		rank += t.inner(s.node).before(int(s.at))
	}
	return rank
}

// Bound returns the number of entries, from the first on, for which less is true; it must be true for
// none behind one for which it is false. less must not change the tree.
func (t *Tree[K, O]) Bound(less func(key K, r mem.Ref) bool) int {
	if t.root == 0 {
		return 0
	}
	rank, r := 0, t.root
	for range t.height {
		b := t.inner(r)
		low, high := 1, int(b.count)
		for low < high {
			middle := int(uint(low+high) / 2)
			if less(b.keys[middle], b.refs[middle]) {
				low = middle + 1
			} else {
				high = middle
			}
		}
		rank += b.before(low - 1)
		r = b.children[low-1]
	}
	l := t.leaf(r)
	low, high := 0, l.count()
	for low < high {
		middle := int(uint(low+high) / 2)
		if less(l.keys[middle], l.refs[middle]) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return rank + low
}

// At returns the entry of a rank, from 0 to Len-1.
func (t *Tree[K, O]) At(rank int) (key K, r mem.Ref) {
	var p treePath
	at := t.seek(rank, &p)
	x := t.leaf(p.leaf).entry(at)
	return x.key, x.ref
}

// Ascend hands the entries from rank on to visit, in order, until it returns false. A rank of Len or
// more gives none. visit must not change the tree.
func (t *Tree[K, O]) Ascend(rank int, visit func(key K, r mem.Ref) bool) {
	if rank >= int(t.count) {
		return
	}
	var p treePath
	at := t.seek(rank, &p)
	for {
		l := t.leaf(p.leaf)
		for end := l.count(); at < end; at++ {
			if !visit(l.keys[at], l.refs[at]) {
				return
			}
		}
		if !t.nextLeaf(&p) {
			return
		}
		at = 0
	}
}

// Descend hands the entries from rank down to the first to visit, in that order, until it returns
// false. A rank below 0 gives none; it must be less than Len. visit must not change the tree.
func (t *Tree[K, O]) Descend(rank int, visit func(key K, r mem.Ref) bool) {
	if rank < 0 {
		return
	}
	var p treePath
	at := t.seek(rank, &p)
	for {
		l := t.leaf(p.leaf)
		for ; at >= 0; at-- {
			if !visit(l.keys[at], l.refs[at]) {
				return
			}
		}
		if !t.previousLeaf(&p) {
			return
		}
		at = t.leaf(p.leaf).count() - 1
	}
}

// Drain drops the last entries, with the nodes that hold them, until steps nodes are given back or
// the tree is empty, and reports which. The tree is whole after each call, but no other call may be
// made once a reference that was in it is freed.
func (t *Tree[K, O]) Drain(steps int) (done bool) {
	for ; steps > 0 && t.root != 0; steps-- {
		var p treePath
		t.seek(int(t.count)-1, &p)
		l := t.leaf(p.leaf)
		t.add(&p, -uint32(l.count()))
		l.remove(0, l.count())
		t.tighten(&p)
	}
	return t.root == 0
}
