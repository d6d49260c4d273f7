// The shape of a DeadlineTree: room made before an insertion, nodes joined after a deletion.
//
// All memory that an insertion needs is asked for before anything is changed. Splits go upwards and
// leave every branch's sums right; so do joins. A leaf is split in the middle, except at the right
// edge of the tree, where it is left full behind an item that goes past nearly all of it.

package btree

import (
	"tarn/internal/mem"
)

const (
	edge        = leafRoom / 8              // items from the end that still count as past all of it
	minShift    = leafRoom / 8              // room in a neighbour worth moving items into
	joinLeaf    = leafRoom - leafRoom/16    // most items of two leaves that are joined
	joinBranch  = fanout - fanout/4         // most children of two inner nodes that are joined
	keepAtRight = fanout - max(1, fanout/8) // children left behind by a split at the right edge
	sparseRoot  = 4                         // a lone leaf of which less than 1/4 is used is halved
)

func (t *DeadlineTree[W]) newLeaf(size int) mem.Ref {
	r := t.newNode(size)
	if r != 0 {
		*(*leafHead)(t.at(r)) = leafHead{room: uint16((size - headSize) / itemSize)}
	}
	return r
}

func (t *DeadlineTree[W]) newNode(size int) mem.Ref {
	r := t.heap.Alloc(size, mem.Deadlines)
	if r != 0 {
		t.bytes += uint64(size)
	}
	return r
}

func (t *DeadlineTree[W]) freeNode(r mem.Ref, size int) {
	t.heap.Free(r, mem.Deadlines)
	t.bytes -= uint64(size)
}

// leafSize returns the size of the block of a leaf with this room.
func leafSize(room int) int {
	size := minLeafSize
	for (size-headSize)/itemSize < room {
		size *= 2
	}
	return size
}

// makeRoom changes the tree so that the leaf for x, which is the full one of p, will not be full. p
// is of no use afterwards. It reports false, with nothing changed, when the heap refuses memory.
func (t *DeadlineTree[W]) makeRoom(x item, p *path) bool {
	l := t.leaf(p.leaf)
	if l.count() < leafRoom {
		return t.resizeRoot(leafSize(l.count()) * 2)
	}
	return t.height > 0 && t.spill(x, p) || t.split(x, p)
}

// resizeRoot gives a leaf that is the whole tree a block of another size.
func (t *DeadlineTree[W]) resizeRoot(size int) bool {
	r := t.newLeaf(size)
	if r == 0 {
		return false
	}
	old := t.leaf(t.root)
	oldSize := leafSize(int(old.head.room))
	t.leaf(r).take(0, old, 0, old.count())
	t.freeNode(t.root, oldSize)
	t.root = r
	return true
}

// spill moves items from the full leaf of p to a neighbour under the same parent, if one has room
// enough. When x goes to the leaf's end it is taken for one of a rising series, and the left
// neighbour is filled up, since nothing more will come there.
func (t *DeadlineTree[W]) spill(x item, p *path) bool {
	s := p.steps[t.height-1]
	b, l := t.branches(s.node), t.leaf(p.leaf)
	left, right := 0, 0
	if s.at > 0 {
		left = leafRoom - int(b.counts[s.at-1])
	}
	if s.at+1 < int(b.count) {
		right = leafRoom - int(b.counts[s.at+1])
	}
	rising := l.search(x) >= leafRoom-edge // and stays in this leaf: fewer items than that move
	switch {
	case max(left, right) < minShift:
		return false
	case rising && left >= minShift:
		t.moveLeft(b, s.at, min(left, leafRoom-edge-1))
	case left >= right:
		t.moveLeft(b, s.at, (left+1)/2)
	default:
		t.moveRight(b, s.at, (right+1)/2)
	}
	return true
}

// moveLeft moves the first n items of the leaf that is child at of b to the leaf before it.
func (t *DeadlineTree[W]) moveLeft(b *branches, at, n int) {
	from, to := t.leaf(b.children[at]), t.leaf(b.children[at-1])
	moved := sum{uint32(n), t.weigh(from.refs[:n])}
	to.take(to.count(), from, 0, n)
	b.shift(at, at-1, moved)
	b.setFirst(at, from.item(0))
}

// moveRight moves the last n items of the leaf that is child at of b to the leaf after it.
func (t *DeadlineTree[W]) moveRight(b *branches, at, n int) {
	from, to := t.leaf(b.children[at]), t.leaf(b.children[at+1])
	keep := from.count() - n
	moved := sum{uint32(n), t.weigh(from.refs[keep:])}
	to.take(0, from, keep, from.count())
	b.shift(at, at+1, moved)
	b.setFirst(at+1, to.item(0))
}

// split divides the full leaf of p, and those above it that are full too.
func (t *DeadlineTree[W]) split(x item, p *path) bool {
	nodes, ok := t.reserve(p)
	if !ok {
		return false
	}
	l := t.leaf(p.leaf)
	keep, atRight := leafRoom/2, t.isLast(p)
	first := l.item(keep)
	if at := l.search(x); atRight && at >= leafRoom-edge {
		keep, first = at, x
	}
	r := nodes.take()
	*(*leafHead)(t.at(r)) = leafHead{room: leafRoom}
	moved := sum{uint32(leafRoom - keep), t.weigh(l.refs[keep:])}
	t.leaf(r).take(0, l, keep, leafRoom)
	t.adopt(p, branch{first, r, moved}, &nodes, atRight)
	return true
}

// adopt gives the parent of the split node of each level its new child, splitting the parent too
// where it is full, up to a new root.
func (t *DeadlineTree[W]) adopt(p *path, x branch, nodes *reserve, atRight bool) {
	for level := t.height - 1; level >= 0; level-- {
		s := p.steps[level]
		b := t.branches(s.node)
		b.counts[s.at] -= x.sum.count
		b.weights[s.at] -= x.sum.weight
		if b.count < fanout {
			b.insert(s.at+1, x)
			return
		}
		keep := fanout / 2
		if atRight {
			keep = keepAtRight
		}
		r := nodes.take()
		fresh := t.branches(r)
		fresh.count = 0
		moved := fresh.take(b, keep)
		if s.at+1 <= keep {
			b.insert(s.at+1, x)
		} else {
			fresh.insert(s.at+1-keep, x)
			moved.count += x.sum.count
			moved.weight += x.sum.weight
		}
		x = branch{fresh.first(0), r, moved}
	}
	r := nodes.take()
	b := t.branches(r)
	b.count = 0
	b.insert(0, branch{child: t.root, sum: sum{t.total.count - x.sum.count, t.total.weight - x.sum.weight}})
	b.insert(1, x)
	t.root = r
	t.height++
}

// isLast reports whether p leads to the last leaf.
func (t *DeadlineTree[W]) isLast(p *path) bool {
	for _, s := range p.steps[:t.height] {
		if s.at+1 != int(t.branches(s.node).count) {
			return false
		}
	}
	return true
}

// reserve is a number of nodes allocated ahead of a split.
type reserve struct {
	nodes [maxHeight + 2]mem.Ref
	count int
}

func (n *reserve) take() mem.Ref {
	n.count--
	return n.nodes[n.count]
}

// reserve allocates as many nodes as splitting the leaf of p takes, or none.
func (t *DeadlineTree[W]) reserve(p *path) (n reserve, ok bool) {
	need := 1
	level := t.height - 1
	for ; level >= 0 && t.branches(p.steps[level].node).count == fanout; level-- {
		need++
	}
	if level < 0 {
		need++
	}
	for ; n.count < need; n.count++ {
		r := t.newNode(nodeSize)
		if r == 0 {
			for n.count > 0 {
				t.freeNode(n.take(), nodeSize)
			}
			return n, false
		}
		n.nodes[n.count] = r
	}
	return n, true
}

// tighten joins the leaf of p, from which items were taken, with a neighbour, or drops it when it is
// empty, and does the same upwards as long as nodes go.
func (t *DeadlineTree[W]) tighten(p *path) {
	if t.height == 0 {
		t.tightenRoot()
		return
	}
	s := p.steps[t.height-1]
	if !t.joinLeaves(t.branches(s.node), s.at) {
		return
	}
	for level := t.height - 1; level > 0; level-- {
		s := p.steps[level-1]
		if !t.joinBranches(t.branches(s.node), s.at) {
			break
		}
	}
	for t.height > 0 && t.branches(t.root).count <= 1 {
		t.dropRoot()
	}
}

// dropRoot makes the only child of the root the root, if it has one.
func (t *DeadlineTree[W]) dropRoot() {
	old := t.root
	if b := t.branches(old); b.count == 0 {
		t.root, t.height = 0, 0
	} else {
		t.root = b.children[0]
		t.height--
	}
	t.freeNode(old, nodeSize)
}

// tightenRoot gives a leaf that is the whole tree a smaller block, or none.
func (t *DeadlineTree[W]) tightenRoot() {
	l := t.leaf(t.root)
	size := leafSize(int(l.head.room))
	if l.count() == 0 {
		t.freeNode(t.root, size)
		t.root = 0
		return
	}
	if size > minLeafSize && l.count() < int(l.head.room)/sparseRoot {
		t.resizeRoot(size / 2) // refused, it stays as it is
	}
}

// joinLeaves drops child at of b if it is empty, joins it with a neighbour if both fit well in one
// leaf, or shares it out to both neighbours if the three fit well in two. It reports whether b lost a
// child.
func (t *DeadlineTree[W]) joinLeaves(b *branches, at int) bool {
	if b.counts[at] == 0 {
		t.freeNode(b.children[at], nodeSize)
		b.remove(at)
		return true
	}
	left := at
	switch {
	case at > 0 && b.counts[at-1]+b.counts[at] <= joinLeaf:
		left = at - 1
	case at+1 < int(b.count) && b.counts[at]+b.counts[at+1] <= joinLeaf:
	case at > 0 && at+1 < int(b.count) && b.counts[at-1]+b.counts[at]+b.counts[at+1] <= 2*joinLeaf:
		// The left one gets half of all three, which is more than it has and less than it would
		// have with all of this one: else two of them would fit in one leaf.
		half := (b.counts[at-1] + b.counts[at] + b.counts[at+1]) / 2
		t.moveLeft(b, at, int(half-b.counts[at-1]))
	default:
		return false
	}
	to, from := t.leaf(b.children[left]), t.leaf(b.children[left+1])
	to.take(to.count(), from, 0, from.count())
	t.forget(b, left+1)
	return true
}

// joinBranches does for inner nodes what joinLeaves does for leaves.
func (t *DeadlineTree[W]) joinBranches(b *branches, at int) bool {
	count := func(i int) int { return int(t.branches(b.children[i]).count) }
	if count(at) == 0 {
		t.freeNode(b.children[at], nodeSize)
		b.remove(at)
		return true
	}
	left := at
	switch {
	case at > 0 && count(at-1)+count(at) <= joinBranch:
		left = at - 1
	case at+1 < int(b.count) && count(at)+count(at+1) <= joinBranch:
	default:
		return false
	}
	to, from := t.branches(b.children[left]), t.branches(b.children[left+1])
	from.setFirst(0, b.first(left+1))
	to.take(from, 0)
	t.forget(b, left+1)
	return true
}

// forget frees child at of b, whose items have gone to the child before it.
func (t *DeadlineTree[W]) forget(b *branches, at int) {
	b.shift(at, at-1, b.sum(at))
	t.freeNode(b.children[at], nodeSize)
	b.remove(at)
}
