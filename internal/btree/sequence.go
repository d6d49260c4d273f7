// Sequence: a counted tree of leaves in the order in which they were put.
//
// A leaf is a block of the caller's, of which the tree knows the ref and how many elements stand in
// it. Inner nodes hold the refs of their children and the elements below each, so that the element
// at a position is found in one descent, and a change of a leaf's count costs one addition a level.
// The first and the last leaf are found without looking at any count. One leaf alone is the root
// itself: a sequence of one leaf holds no memory of its own.
//
// The caller says where by a Path, which it gets from First, Last or Find and steps with Next and
// Prev. What must hold: the shard's lock is held; a Path is good until Insert, Remove, Drain or
// anything done to the sequence other than through this Path; a leaf in the sequence has at least
// one element; there are at most 2^32-1 elements.

package btree

import (
	"math"
	"unsafe"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// Sequence is an ordered sequence of leaves. The zero value is of no use: NewSequence.
type Sequence struct {
	heap   *mem.Heap
	base   unsafe.Pointer
	root   mem.Ref // a leaf while height is 0
	height int     // levels of nodes above the leaves
	leaves int
	total  uint32 // elements
	bytes  uint64 // of the nodes
}

// Path is the way to one leaf of a sequence.
type Path struct {
	Leaf  mem.Ref
	steps [sequenceHeight]sequenceStep
}

type sequenceStep struct {
	node mem.Ref
	at   int32
}

// NewSequence returns an empty sequence, which holds no memory of h.
func NewSequence(h *mem.Heap) Sequence { return Sequence{heap: h, base: h.Base()} }

// Len returns the number of elements.
func (s *Sequence) Len() int { return int(s.total) }

// Leaves returns the number of leaves.
func (s *Sequence) Leaves() int { return s.leaves }

// Bytes returns the memory of the tree's nodes; the leaves are the caller's to count.
func (s *Sequence) Bytes() uint64 { return s.bytes }

// First makes p lead to the first leaf, and reports whether there is one.
func (s *Sequence) First(p *Path) bool {
	r := s.root
	for level := range s.height {
		p.steps[level] = sequenceStep{r, 0}
		r = s.node(r).children[0]
	}
	p.Leaf = r
	return r != 0
}

// Last makes p lead to the last leaf, and reports whether there is one.
func (s *Sequence) Last(p *Path) bool {
	r := s.root
	for level := range s.height {
		n := s.node(r)
		at := n.count() - 1
		p.steps[level] = sequenceStep{r, int32(at)}
		r = n.children[at]
	}
	p.Leaf = r
	return r != 0
}

// Find makes p lead to the leaf of the element at position i, from 0 to Len-1, and returns the
// element's position in the leaf.
func (s *Sequence) Find(i int, p *Path) (offset int) {
	invariant.Check(i >= 0 && i < int(s.total), "a position is within the sequence")
	r, left := s.root, uint32(i)
	for level := range s.height {
		n := s.node(r)
		at := 0
		for left >= n.counts[at] {
			left -= n.counts[at]
			at++
		}
		p.steps[level] = sequenceStep{r, int32(at)}
		r = n.children[at]
	}
	p.Leaf = r
	return int(left)
}

// Next makes p lead to the leaf after its own; at the end it reports false and leaves p as it was.
func (s *Sequence) Next(p *Path) bool {
	level := s.height - 1
	for ; level >= 0; level-- {
		if int(p.steps[level].at)+1 < s.node(p.steps[level].node).count() {
			break
		}
	}
	if level < 0 {
		return false
	}
	p.steps[level].at++
	r := s.node(p.steps[level].node).children[p.steps[level].at]
	for level++; level < s.height; level++ {
		p.steps[level] = sequenceStep{r, 0}
		r = s.node(r).children[0]
	}
	p.Leaf = r
	return true
}

// Prev makes p lead to the leaf before its own; at the start it reports false and leaves p as it was.
func (s *Sequence) Prev(p *Path) bool {
	level := s.height - 1
	for level >= 0 && p.steps[level].at == 0 {
		level--
	}
	if level < 0 {
		return false
	}
	p.steps[level].at--
	r := s.node(p.steps[level].node).children[p.steps[level].at]
	for level++; level < s.height; level++ {
		n := s.node(r)
		p.steps[level] = sequenceStep{r, int32(n.count() - 1)}
		r = n.children[n.count()-1]
	}
	p.Leaf = r
	return true
}

// Count returns the elements of p's leaf.
func (s *Sequence) Count(p *Path) int {
	if s.height == 0 {
		return int(s.total)
	}
	at := p.steps[s.height-1]
	return int(s.node(at.node).counts[at.at])
}

// Position returns the number of elements before p's leaf.
func (s *Sequence) Position(p *Path) int {
	before := uint32(0)
	for _, at := range p.steps[:s.height] {
		for _, count := range s.node(at.node).counts[:at.at] {
			before += count
		}
	}
	return int(before)
}

// Add records that p's leaf has delta more elements, and p stays good. It reports false, with
// nothing changed, when that would be too many elements in all.
func (s *Sequence) Add(p *Path, delta int) bool {
	if int(s.total)+delta > math.MaxUint32 {
		return false
	}
	if invariant.Enabled {
		invariant.Check(s.Count(p)+delta > 0, "a leaf has elements")
	}
	s.add(p, uint32(delta))
	return true
}

// add counts n into all nodes of p. Counts wrap, so that n may stand for a negative number.
func (s *Sequence) add(p *Path, n uint32) {
	s.total += n
	for _, at := range p.steps[:s.height] {
		s.node(at.node).counts[at.at] += n
	}
}

// Set makes leaf, with as many elements, stand in the place of p's leaf, and p stays good.
func (s *Sequence) Set(p *Path, leaf mem.Ref) {
	p.Leaf = leaf
	if s.height == 0 {
		s.root = leaf
		return
	}
	at := p.steps[s.height-1]
	s.node(at.node).children[at.at] = leaf
}

// Insert puts a leaf of count elements before p's leaf, or after it. In an empty sequence p does not
// matter. It reports false, with nothing changed, when the heap refuses memory or there would be
// too many elements; else p is of no use afterwards.
func (s *Sequence) Insert(p *Path, after bool, leaf mem.Ref, count int) bool {
	invariant.Check(leaf != 0 && count > 0, "a leaf has elements")
	if int(s.total)+count > math.MaxUint32 {
		return false
	}
	switch {
	case s.root == 0:
		s.root, s.total = leaf, uint32(count)
	case s.height == 0:
		if !s.addRoot(after, leaf, uint32(count)) {
			return false
		}
	default:
		if !s.insert(p, after, leaf, uint32(count)) {
			return false
		}
	}
	s.leaves++
	return true
}

// Remove takes p's leaf out of the sequence; its block is the caller's to free. p is of no use
// afterwards.
func (s *Sequence) Remove(p *Path) {
	s.leaves--
	if s.height == 0 {
		s.root, s.total = 0, 0
		return
	}
	at := p.steps[s.height-1]
	n := s.node(at.node)
	s.add(p, -n.counts[at.at])
	n.remove(int(at.at), int(at.at)+1)
	s.tighten(p)
}

// Refs appends the refs of all leaves, in order, to dst.
func (s *Sequence) Refs(dst []mem.Ref) []mem.Ref {
	if s.height == 0 {
		if s.root != 0 {
			dst = append(dst, s.root)
		}
		return dst
	}
	return s.refs(dst, s.root, s.height)
}

func (s *Sequence) refs(dst []mem.Ref, r mem.Ref, height int) []mem.Ref {
	n := s.node(r)
	children := n.children[:n.count()]
	if height == 1 {
		return append(dst, children...)
	}
	for _, child := range children {
		dst = s.refs(dst, child, height-1)
	}
	return dst
}

// Drain takes leaves off the end, handing each to free, until steps are gone or the sequence is
// empty, and reports which. The sequence is whole after each call.
func (s *Sequence) Drain(steps int, free func(leaf mem.Ref)) (done bool) {
	var p Path
	for ; steps > 0 && s.Last(&p); steps-- {
		leaf := p.Leaf
		s.Remove(&p)
		free(leaf)
	}
	return s.root == 0
}
