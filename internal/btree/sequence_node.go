// Nodes of a Sequence: their layout, and how they split and join.
//
// A node is a block of sequenceNode bytes, save the root, which doubles from sequenceRoot. Nodes
// are split in the middle, except at the edges of the tree, where the full part is left behind:
// lists grow at their ends. Neighbours that would fit well together are joined. All memory that an
// insertion needs is asked for before anything is changed.

package btree

import (
	"unsafe"

	"tarn/internal/mem"
)

const (
	sequenceNode  = 512
	sequenceRoot  = 64
	sequenceHead  = 8
	sequenceChild = 8

	sequenceRoom = (sequenceNode - sequenceHead) / sequenceChild
	sequenceKeep = sequenceRoom - sequenceRoom/8 // children left behind by a split at an edge
	sequenceJoin = sequenceRoom - sequenceRoom/4 // most children of two nodes that are joined

	// sequenceHeight is out of reach: two neighbours hold more than sequenceJoin children, so that
	// 2^32 leaves, more than a heap can hold, stand below seven levels.
	sequenceHeight = 8
)

// sequenceNodeHead begins a node; room children and room counts follow.
type sequenceNodeHead struct {
	count uint16
	room  uint16
	_     uint32
}

// sequenceView is a view of a node's block. The slices have the node's whole room, used or not.
type sequenceView struct {
	head     *sequenceNodeHead
	children []mem.Ref
	counts   []uint32
}

func (s *Sequence) node(r mem.Ref) sequenceView {
	head := (*sequenceNodeHead)(unsafe.Add(s.base, uintptr(r)*8))
	room := uintptr(head.room)
	children := unsafe.Add(unsafe.Pointer(head), sequenceHead)
	return sequenceView{
		head:     head,
		children: unsafe.Slice((*mem.Ref)(children), room),
		counts:   unsafe.Slice((*uint32)(unsafe.Add(children, 4*room)), room),
	}
}

func (n sequenceView) count() int { return int(n.head.count) }
func (n sequenceView) full() bool { return n.head.count == n.head.room }
func (n sequenceView) size() int  { return sequenceSize(int(n.head.room)) }

// sum returns the elements below the node.
func (n sequenceView) sum() (elements uint32) {
	for _, count := range n.counts[:n.count()] {
		elements += count
	}
	return elements
}

func (n sequenceView) insert(at int, child mem.Ref, count uint32) {
	end := n.count()
	copy(n.children[at+1:end+1], n.children[at:end])
	copy(n.counts[at+1:end+1], n.counts[at:end])
	n.children[at], n.counts[at] = child, count
	n.head.count++
}

// remove takes out the children from place from up to to.
func (n sequenceView) remove(from, to int) {
	end := n.count()
	copy(n.children[from:], n.children[to:end])
	copy(n.counts[from:], n.counts[to:end])
	n.head.count -= uint16(to - from)
}

// take moves the children of other from place from on to the end, and returns their elements.
func (n sequenceView) take(other sequenceView, from int) (elements uint32) {
	at, end := n.count(), other.count()
	copy(n.children[at:], other.children[from:end])
	copy(n.counts[at:], other.counts[from:end])
	n.head.count += uint16(end - from)
	other.head.count = uint16(from)
	for _, count := range n.counts[at:n.count()] {
		elements += count
	}
	return elements
}

// sequenceSize returns the size of the block of a node with this room.
func sequenceSize(room int) int { return sequenceHead + room*sequenceChild }

func (s *Sequence) newNode(size int) mem.Ref {
	r := s.heap.Alloc(size, mem.Nodes)
	if r != 0 {
		head := (*sequenceNodeHead)(unsafe.Add(s.base, uintptr(r)*8))
		*head = sequenceNodeHead{room: uint16((size - sequenceHead) / sequenceChild)}
		s.bytes += uint64(size)
	}
	return r
}

func (s *Sequence) freeNode(r mem.Ref) {
	s.bytes -= uint64(s.node(r).size())
	s.heap.Free(r, mem.Nodes)
}

// addRoot puts a node above the only leaf, and another leaf beside that.
func (s *Sequence) addRoot(after bool, leaf mem.Ref, count uint32) bool {
	r := s.newNode(sequenceRoot)
	if r == 0 {
		return false
	}
	n := s.node(r)
	n.insert(0, s.root, s.total)
	at := 0
	if after {
		at = 1
	}
	n.insert(at, leaf, count)
	s.root, s.height = r, 1
	s.total += count
	return true
}

// insert puts a leaf beside that of p, which has a node above it.
func (s *Sequence) insert(p *Path, after bool, leaf mem.Ref, count uint32) bool {
	if s.height == 1 {
		if n := s.node(s.root); n.full() && n.count() < sequenceRoom {
			if !s.resizeRoot(2 * n.size()) {
				return false
			}
			p.steps[0].node = s.root
		}
	}
	level := s.height - 1
	at := int(p.steps[level].at)
	if after {
		at++
	}
	n := s.node(p.steps[level].node)
	if n.full() {
		return s.split(p, at, leaf, count)
	}
	for _, above := range p.steps[:level] {
		s.node(above.node).counts[above.at] += count
	}
	s.total += count
	n.insert(at, leaf, count)
	return true
}

// resizeRoot gives the root another size.
func (s *Sequence) resizeRoot(size int) bool {
	r := s.newNode(size)
	if r == 0 {
		return false
	}
	s.node(r).take(s.node(s.root), 0)
	s.freeNode(s.root)
	s.root = r
	return true
}

// sequenceReserve is a number of nodes allocated ahead of a split.
type sequenceReserve struct {
	nodes [sequenceHeight + 1]mem.Ref
	count int
}

func (n *sequenceReserve) take() mem.Ref {
	n.count--
	return n.nodes[n.count]
}

// reserve allocates as many nodes as splitting the lowest node of p takes, or none. A new root of
// two children is a small one.
func (s *Sequence) reserve(p *Path) (n sequenceReserve, ok bool) {
	need := 0
	level := s.height - 1
	for ; level >= 0 && s.node(p.steps[level].node).full(); level-- {
		need++
	}
	if level < 0 {
		if n.nodes[0] = s.newNode(sequenceRoot); n.nodes[0] == 0 {
			return n, false
		}
		n.count++
		need++
	}
	for ; n.count < need; n.count++ {
		r := s.newNode(sequenceNode)
		if r == 0 {
			for n.count > 0 {
				s.freeNode(n.take())
			}
			return n, false
		}
		n.nodes[n.count] = r
	}
	return n, true
}

// split puts a child at place at of the lowest node of p, which is full, dividing it and those above
// it that are full too. A root that is full but small enough to grow is not divided.
func (s *Sequence) split(p *Path, at int, child mem.Ref, count uint32) bool {
	if root := s.node(s.root); s.height > 1 && root.full() && root.count() < sequenceRoom {
		if !s.resizeRoot(2 * root.size()) {
			return false
		}
		p.steps[0].node = s.root
	}
	nodes, ok := s.reserve(p)
	if !ok {
		return false
	}
	added := count
	s.total += added
	level := s.height - 1
	for ; level >= 0; level-- {
		n := s.node(p.steps[level].node)
		if !n.full() {
			n.insert(at, child, count)
			for _, above := range p.steps[:level] {
				s.node(above.node).counts[above.at] += added
			}
			return true
		}
		keep := sequenceRoom / 2
		switch at {
		case sequenceRoom:
			keep = sequenceKeep
		case 0:
			keep = sequenceRoom - sequenceKeep
		}
		r := nodes.take()
		fresh := s.node(r)
		moved := fresh.take(n, keep)
		if at < keep {
			n.insert(at, child, count)
		} else {
			fresh.insert(at-keep, child, count)
			moved += count
		}
		if level > 0 { // the parent's count of n, of which moved goes to the new child
			above := p.steps[level-1]
			parent := s.node(above.node)
			parent.counts[above.at] += added - moved
			at = int(above.at) + 1
		}
		child, count = r, moved
	}
	r := nodes.take()
	root := s.node(r)
	root.insert(0, s.root, s.total-count)
	root.insert(1, child, count)
	s.root = r
	s.height++
	return true
}

// tighten joins the lowest node of p, which has lost a child, with a neighbour, or drops it when it
// is empty, and does the same upwards as long as nodes go.
func (s *Sequence) tighten(p *Path) {
	for level := s.height - 1; level > 0; level-- {
		above := p.steps[level-1]
		if !s.join(s.node(above.node), int(above.at)) {
			break
		}
	}
	for s.height > 0 && s.node(s.root).count() == 1 {
		old := s.root
		s.root = s.node(old).children[0]
		s.height--
		s.freeNode(old)
	}
	if s.height == 0 {
		return
	}
	if root := s.node(s.root); root.size() > sequenceRoot && root.count() < int(root.head.room)/4 {
		s.resizeRoot(root.size() / 2) // refused, it stays as it is
	}
}

// join drops child at of parent if it is empty, or joins it with a neighbour if both fit well in one
// node. It reports whether parent lost a child.
func (s *Sequence) join(parent sequenceView, at int) bool {
	count := func(i int) int { return s.node(parent.children[i]).count() }
	if count(at) == 0 {
		s.freeNode(parent.children[at])
		parent.remove(at, at+1)
		return true
	}
	left := at
	switch {
	case at > 0 && count(at-1)+count(at) <= sequenceJoin:
		left = at - 1
	case at+1 < parent.count() && count(at)+count(at+1) <= sequenceJoin:
	default:
		return false
	}
	from := s.node(parent.children[left+1])
	parent.counts[left] += s.node(parent.children[left]).take(from, 0)
	s.freeNode(parent.children[left+1])
	parent.remove(left+1, left+2)
	return true
}
