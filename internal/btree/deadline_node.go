// Nodes of a DeadlineTree: leaves of items, branches of children, and the path to a leaf.
//
// Every node is a block of nodeSize bytes, save a leaf that is the whole tree, which doubles from
// minLeafSize. The first item of a branch's child i is not less than firsts i, and that of child
// i-1 less; firsts 0 means nothing, since the parent knows better.

package btree

import (
	"unsafe"

	"tarn/internal/mem"
)

const (
	nodeSize    = 1024
	minLeafSize = 128
	headSize    = 8
	itemSize    = 12
	childSize   = 28
	leafRoom    = (nodeSize - headSize) / itemSize
	fanout      = (nodeSize - headSize) / childSize

	// maxHeight is out of reach: neighbours that would fit together are joined, so that with
	// 2^32 items, the most that a heap can refer to, there are less than half as many levels.
	maxHeight = 16
)

// leafHead begins a leaf; room deadlines and room references follow.
type leafHead struct {
	count uint16
	room  uint16
	_     uint32
}

// leaf is a view of a leaf's block. The slices have the leaf's whole room, used or not.
type leaf struct {
	head      *leafHead
	deadlines []int64
	refs      []mem.Ref
}

func (t *DeadlineTree[W]) leaf(r mem.Ref) leaf {
	head := (*leafHead)(t.at(r))
	room := uintptr(head.room)
	deadlines := unsafe.Add(unsafe.Pointer(head), headSize)
	return leaf{
		head:      head,
		deadlines: unsafe.Slice((*int64)(deadlines), room),
		refs:      unsafe.Slice((*mem.Ref)(unsafe.Add(deadlines, 8*room)), room),
	}
}

func (t *DeadlineTree[W]) at(r mem.Ref) unsafe.Pointer {
	return unsafe.Add(t.base, uintptr(r)*8)
}

func (l leaf) count() int      { return int(l.head.count) }
func (l leaf) full() bool      { return l.head.count == l.head.room }
func (l leaf) item(i int) item { return item{l.deadlines[i], l.refs[i]} }

// search returns the place of the first item that is not before x.
func (l leaf) search(x item) int {
	low, high := 0, l.count()
	for low < high {
		middle := int(uint(low+high) / 2)
		if l.item(middle).before(x) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// fits reports whether x may take the place of the item at i. At an end of the leaf only those that
// are further inside are known to.
func (l leaf) fits(i int, x item) bool {
	lowest, highest := i-1, i+1
	if i == 0 {
		lowest = 0
	}
	if highest == l.count() {
		highest = i
	}
	return l.item(lowest).before(x) && x.before(l.item(highest))
}

// open makes room for n items at place at.
func (l leaf) open(at, n int) {
	count := l.count()
	copy(l.deadlines[at+n:count+n], l.deadlines[at:count])
	copy(l.refs[at+n:count+n], l.refs[at:count])
	l.head.count += uint16(n)
}

func (l leaf) insert(at int, x item) {
	l.open(at, 1)
	l.deadlines[at], l.refs[at] = x.deadline, x.ref
}

// remove takes out the items from place from up to to.
func (l leaf) remove(from, to int) {
	count := l.count()
	copy(l.deadlines[from:], l.deadlines[to:count])
	copy(l.refs[from:], l.refs[to:count])
	l.head.count -= uint16(to - from)
}

// take moves the items from place from up to to of other to place at.
func (l leaf) take(at int, other leaf, from, to int) {
	l.open(at, to-from)
	copy(l.deadlines[at:], other.deadlines[from:to])
	copy(l.refs[at:], other.refs[from:to])
	other.remove(from, to)
}

// branches is an inner node.
type branches struct {
	count     uint16
	_         [headSize - 2]byte
	deadlines [fanout]int64 // with refs: the firsts
	weights   [fanout]uint64
	refs      [fanout]mem.Ref
	children  [fanout]mem.Ref
	counts    [fanout]uint32
}

// branch is one child of an inner node.
type branch struct {
	first item
	child mem.Ref
	sum   sum
}

func (t *DeadlineTree[W]) branches(r mem.Ref) *branches {
	return (*branches)(t.at(r))
}

// search returns the child that x belongs to.
func (b *branches) search(x item) int {
	low, high := 1, int(b.count)
	for low < high {
		middle := int(uint(low+high) / 2)
		if x.before(b.first(middle)) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1
}

func (b *branches) first(i int) item { return item{b.deadlines[i], b.refs[i]} }
func (b *branches) sum(i int) sum    { return sum{b.counts[i], b.weights[i]} }

func (b *branches) setFirst(i int, x item) {
	b.deadlines[i], b.refs[i] = x.deadline, x.ref
}

// shift moves s from the sum of child i to that of child j.
func (b *branches) shift(i, j int, s sum) {
	b.counts[i] -= s.count
	b.weights[i] -= s.weight
	b.counts[j] += s.count
	b.weights[j] += s.weight
}

func (b *branches) insert(at int, x branch) {
	count := int(b.count)
	copy(b.deadlines[at+1:count+1], b.deadlines[at:count])
	copy(b.weights[at+1:count+1], b.weights[at:count])
	copy(b.refs[at+1:count+1], b.refs[at:count])
	copy(b.children[at+1:count+1], b.children[at:count])
	copy(b.counts[at+1:count+1], b.counts[at:count])
	b.setFirst(at, x.first)
	b.children[at], b.counts[at], b.weights[at] = x.child, x.sum.count, x.sum.weight
	b.count++
}

func (b *branches) remove(at int) {
	count := int(b.count)
	copy(b.deadlines[at:], b.deadlines[at+1:count])
	copy(b.weights[at:], b.weights[at+1:count])
	copy(b.refs[at:], b.refs[at+1:count])
	copy(b.children[at:], b.children[at+1:count])
	copy(b.counts[at:], b.counts[at+1:count])
	b.count--
}

// take moves the children of other from place from on to the end, and returns the sum of them.
func (b *branches) take(other *branches, from int) (moved sum) {
	at, count := int(b.count), int(other.count)
	copy(b.deadlines[at:], other.deadlines[from:count])
	copy(b.weights[at:], other.weights[from:count])
	copy(b.refs[at:], other.refs[from:count])
	copy(b.children[at:], other.children[from:count])
	copy(b.counts[at:], other.counts[from:count])
	b.count += uint16(count - from)
	other.count = uint16(from)
	for i := at; i < int(b.count); i++ {
		moved.count += b.counts[i]
		moved.weight += b.weights[i]
	}
	return moved
}

// path is the way from the root to a leaf: the node at each level and the child taken.
type path struct {
	steps [maxHeight]step
	leaf  mem.Ref
}

type step struct {
	node mem.Ref
	at   int
}

// descend finds the leaf that x belongs to.
func (t *DeadlineTree[W]) descend(x item, p *path) {
	r := t.root
	for level := range t.height {
		b := t.branches(r)
		at := b.search(x)
		p.steps[level] = step{r, at}
		r = b.children[at]
	}
	p.leaf = r
}

// last finds the last leaf.
func (t *DeadlineTree[W]) last(p *path) {
	r := t.root
	for level := range t.height {
		b := t.branches(r)
		p.steps[level] = step{r, int(b.count) - 1}
		r = b.children[b.count-1]
	}
	p.leaf = r
}

// nextLeaf moves p to the leaf after its own, and reports false at the end.
func (t *DeadlineTree[W]) nextLeaf(p *path) bool {
	level := t.height - 1
	for level >= 0 && p.steps[level].at+1 == int(t.branches(p.steps[level].node).count) {
		level--
	}
	if level < 0 {
		return false
	}
	p.steps[level].at++
	r := t.branches(p.steps[level].node).children[p.steps[level].at]
	for level++; level < t.height; level++ {
		p.steps[level] = step{r, 0}
		r = t.branches(r).children[0]
	}
	p.leaf = r
	return true
}

// locate finds the leaf and the place of x, and reports whether it is there.
func (t *DeadlineTree[W]) locate(x item, p *path) (at int, found bool) {
	if t.root == 0 {
		return 0, false
	}
	t.descend(x, p)
	l := t.leaf(p.leaf)
	at = l.search(x)
	return at, at < l.count() && l.item(at) == x
}

// add counts s into all branches of p. Weights wrap, so that s may stand for a negative one.
func (t *DeadlineTree[W]) add(p *path, s sum) {
	t.total.count += s.count
	t.total.weight += s.weight
	for _, at := range p.steps[:t.height] {
		b := t.branches(at.node)
		b.counts[at.at] += s.count
		b.weights[at.at] += s.weight
	}
}

// subtract counts s out of all branches of p.
func (t *DeadlineTree[W]) subtract(p *path, s sum) {
	t.add(p, sum{-s.count, -s.weight})
}

// weigh returns the sum of the weights of refs.
func (t *DeadlineTree[W]) weigh(refs []mem.Ref) (weight uint64) {
	for _, r := range refs {
		weight += t.weigher.Weigh(r)
	}
	return weight
}
