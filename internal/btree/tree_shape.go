// The shape of a Tree: room made before an insertion, nodes joined after a deletion.
//
// All memory that an insertion needs is asked for before anything is changed. Splits go upwards and
// leave every inner node's counts and firsts right; so do joins. A leaf is split in the middle,
// except at an edge of the tree, where an entry that goes past nearly all of it leaves it full.

package btree

import "tarn/internal/mem"

const (
	treeEdge  = treeLeafRoom / 8               // entries from an end that still count as past all
	treeShift = treeLeafRoom / 8               // room in a neighbour worth moving entries into
	treeJoin  = treeLeafRoom - treeLeafRoom/16 // most entries of two leaves that are joined
	joinInner = treeFanout - treeFanout/4      // most children of two inner nodes that are joined
	treeFew   = treeFanout / 8                 // children that a split at an edge of the tree parts
)

func (t *Tree[K, O]) newLeaf(size int) mem.Ref {
	r := t.newNode(size)
	if r != 0 {
		*(*leafHead)(t.at(r)) = leafHead{room: uint16((size - headSize) / 12)}
	}
	return r
}

func (t *Tree[K, O]) newNode(size int) mem.Ref {
	r := t.heap.Alloc(size, mem.Nodes)
	if r != 0 {
		t.bytes += uint64(size)
	}
	return r
}

func (t *Tree[K, O]) freeNode(r mem.Ref, size int) {
	t.heap.Free(r, mem.Nodes)
	t.bytes -= uint64(size)
}

// makeRoom changes the tree so that the leaf for x, which is the full one of p, where its place is
// at, will not be full. p is of no use afterwards. It reports false, with nothing changed, when the
// heap refuses memory.
func (t *Tree[K, O]) makeRoom(x entry[K], at int, p *treePath) bool {
	l := t.leaf(p.leaf)
	if l.count() < treeLeafRoom {
		return t.resizeRoot(leafSize(l.count()) * 2)
	}
	return t.height > 0 && t.spill(at, p) || t.split(x, at, p)
}

// resizeRoot gives a leaf that is the whole tree a block of another size.
func (t *Tree[K, O]) resizeRoot(size int) bool {
	r := t.newLeaf(size)
	if r == 0 {
		return false
	}
	old := t.leaf(t.root)
	t.leaf(r).take(0, old, 0, old.count())
	t.freeNode(t.root, leafSize(int(old.head.room)))
	t.root = r
	return true
}

// spill moves entries from the full leaf of p to a neighbour under the same parent, if one has room
// enough. When the new entry, whose place is at, goes to an end of the leaf it is taken for one of a
// series, and the neighbour at the other end is filled up, since nothing more will come there.
func (t *Tree[K, O]) spill(at int, p *treePath) bool {
	s := p.steps[t.height-1]
	b, i := t.inner(s.node), int(s.at)
	left, right := 0, 0
	if i > 0 {
		left = treeLeafRoom - int(b.counts[i-1])
	}
	if i+1 < int(b.count) {
		right = treeLeafRoom - int(b.counts[i+1])
	}
	const most = treeLeafRoom - treeEdge - 1 // the new entry's place stays in this leaf
	switch {
	case max(left, right) < treeShift:
		return false
	case at >= treeLeafRoom-treeEdge && left >= treeShift:
		t.moveLeft(b, i, min(left, most))
	case at < treeEdge && right >= treeShift:
		t.moveRight(b, i, min(right, most))
	case left >= right:
		t.moveLeft(b, i, (left+1)/2)
	default:
		t.moveRight(b, i, (right+1)/2)
	}
	return true
}

// moveLeft moves the first n entries of the leaf that is child at of b to the leaf before it.
func (t *Tree[K, O]) moveLeft(b *inner[K], at, n int) {
	from, to := t.leaf(b.children[at]), t.leaf(b.children[at-1])
	to.take(to.count(), from, 0, n)
	b.shift(at, at-1, uint32(n))
	b.setFirst(at, from.entry(0))
}

// moveRight moves the last n entries of the leaf that is child at of b to the leaf after it.
func (t *Tree[K, O]) moveRight(b *inner[K], at, n int) {
	from, to := t.leaf(b.children[at]), t.leaf(b.children[at+1])
	to.take(0, from, from.count()-n, from.count())
	b.shift(at, at+1, uint32(n))
	b.setFirst(at+1, to.entry(0))
}

// split divides the full leaf of p, and those above it that are full too. x, whose place is at, is
// the entry to come: at the right edge of the tree it may be all that the new leaf will hold, at the
// left edge all that the old one will.
func (t *Tree[K, O]) split(x entry[K], at int, p *treePath) bool {
	nodes, ok := t.reserve(p)
	if !ok {
		return false
	}
	l := t.leaf(p.leaf)
	keep, moved := treeLeafRoom/2, entry[K]{}
	low, high := t.isFirst(p), t.isLast(p)
	switch {
	case high && at >= treeLeafRoom-treeEdge:
		keep, moved = at, x
	case low && at < treeEdge:
		keep, moved = at, l.entry(at)
	default:
		low, high = false, false
		moved = l.entry(keep)
	}
	r := nodes.take()
	*(*leafHead)(t.at(r)) = leafHead{room: treeLeafRoom}
	t.leaf(r).take(0, l, keep, treeLeafRoom)
	part := treeFanout / 2
	if high {
		part = treeFanout - treeFew
	} else if low {
		part = treeFew
	}
	t.adopt(p, child[K]{moved, r, uint32(treeLeafRoom - keep)}, &nodes, part)
	return true
}

// adopt gives the parent of the split node of each level its new child, splitting the parent too
// where it is full, behind its first keep children, up to a new root.
func (t *Tree[K, O]) adopt(p *treePath, x child[K], nodes *reserve, keep int) {
	for level := t.height - 1; level >= 0; level-- {
		s := p.steps[level]
		b, at := t.inner(s.node), int(s.at)
		b.counts[at] -= x.count
		if b.count < treeFanout {
			b.insert(at+1, x)
			return
		}
		r := nodes.take()
		fresh := t.inner(r)
		fresh.count = 0
		moved := fresh.take(b, keep)
		if at+1 <= keep {
			b.insert(at+1, x)
		} else {
			fresh.insert(at+1-keep, x)
			moved += x.count
		}
		x = child[K]{fresh.first(0), r, moved}
	}
	r := nodes.take()
	b := t.inner(r)
	b.count = 0
	b.insert(0, child[K]{node: t.root, count: t.count - x.count})
	b.insert(1, x)
	t.root = r
	t.height++
}

// isFirst reports whether p leads to the first leaf.
func (t *Tree[K, O]) isFirst(p *treePath) bool {
	for _, s := range p.steps[:t.height] {
		if s.at != 0 {
			return false
		}
	}
	return true
}

// isLast reports whether p leads to the last leaf.
func (t *Tree[K, O]) isLast(p *treePath) bool {
	for _, s := range p.steps[:t.height] {
		if int(s.at)+1 != int(t.inner(s.node).count) {
			return false
		}
	}
	return true
}

// reserve allocates as many nodes as splitting the leaf of p takes, or none.
func (t *Tree[K, O]) reserve(p *treePath) (n reserve, ok bool) {
	need := 1
	level := t.height - 1
	for ; level >= 0 && t.inner(p.steps[level].node).count == treeFanout; level-- {
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

// tighten joins the leaf of p, from which entries were taken, with a neighbour, or drops it when it
// is empty, and does the same upwards as long as nodes go.
func (t *Tree[K, O]) tighten(p *treePath) {
	if t.height == 0 {
		t.tightenRoot()
		return
	}
	count := t.leaf(p.leaf).count()
	for level := t.height - 1; level >= 0; level-- {
		s := p.steps[level]
		b, join := t.inner(s.node), t.joinInners
		if level == t.height-1 {
			join = t.joinLeaves
		}
		if count == 0 {
			t.drop(p, level)
		} else if !join(b, int(s.at)) {
			break
		}
		count = int(b.count)
	}
	for t.height > 0 && t.inner(t.root).count <= 1 {
		t.dropRoot()
	}
}

// drop frees the empty child that p takes at a level.
func (t *Tree[K, O]) drop(p *treePath, level int) {
	s := p.steps[level]
	b := t.inner(s.node)
	t.freeNode(b.children[s.at], nodeSize)
	b.remove(int(s.at))
	if s.at == 0 && b.count > 0 {
		t.setFirst(p, level-1, b.first(0)) // what was child 1 is child 0, its first still told
	}
}

// dropRoot makes the only child of the root the root.
func (t *Tree[K, O]) dropRoot() {
	old := t.root
	t.root = t.inner(old).children[0]
	t.height--
	t.freeNode(old, nodeSize)
}

// tightenRoot gives a leaf that is the whole tree a smaller block, or none.
func (t *Tree[K, O]) tightenRoot() {
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

// joinLeaves joins child at of b with a neighbour if both fit well in one leaf, or shares it out to
// both neighbours if the three fit well in two. It reports whether b lost a child.
func (t *Tree[K, O]) joinLeaves(b *inner[K], at int) bool {
	left := at
	switch {
	case at > 0 && b.counts[at-1]+b.counts[at] <= treeJoin:
		left = at - 1
	case at+1 < int(b.count) && b.counts[at]+b.counts[at+1] <= treeJoin:
	case at > 0 && at+1 < int(b.count) && b.counts[at-1]+b.counts[at]+b.counts[at+1] <= 2*treeJoin:
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

// joinInners joins child at of b with a neighbour if both fit well in one node, and reports whether b
// lost a child.
func (t *Tree[K, O]) joinInners(b *inner[K], at int) bool {
	count := func(i int) int { return int(t.inner(b.children[i]).count) }
	left := at
	switch {
	case at > 0 && count(at-1)+count(at) <= joinInner:
		left = at - 1
	case at+1 < int(b.count) && count(at)+count(at+1) <= joinInner:
	default:
		return false
	}
	to, from := t.inner(b.children[left]), t.inner(b.children[left+1])
	from.setFirst(0, b.first(left+1))
	to.take(from, 0)
	t.forget(b, left+1)
	return true
}

// forget frees child at of b, whose entries have gone to the child before it.
func (t *Tree[K, O]) forget(b *inner[K], at int) {
	b.shift(at, at-1, b.counts[at])
	t.freeNode(b.children[at], nodeSize)
	b.remove(at)
}
