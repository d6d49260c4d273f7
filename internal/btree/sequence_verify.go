// Verify: whether a Sequence is sound, told by reading all of it.

package btree

import (
	"fmt"

	"tarn/internal/mem"
)

// Verify reads the whole tree, asks check about each leaf with the count that the tree has of it, and
// returns the first thing found wrong, or nil.
func (s *Sequence) Verify(check func(leaf mem.Ref, count int) error) error {
	if s.root == 0 {
		if s.height != 0 || s.leaves != 0 || s.total != 0 || s.bytes != 0 {
			return fmt.Errorf("btree: no root, but height %d, %d leaves of %d elements, %d bytes", s.height, s.leaves, s.total, s.bytes)
		}
		return nil
	}
	v := sequenceVerify{s: s, check: check}
	if err := v.walk(s.root, s.height, s.total); err != nil {
		return err
	}
	if v.leaves != s.leaves || v.bytes != s.bytes {
		return fmt.Errorf("btree: found %d leaves, %d bytes of nodes; counted %d, %d", v.leaves, v.bytes, s.leaves, s.bytes)
	}
	return nil
}

type sequenceVerify struct {
	s      *Sequence
	check  func(leaf mem.Ref, count int) error
	leaves int
	bytes  uint64
}

func (v *sequenceVerify) walk(r mem.Ref, height int, count uint32) error {
	if height == 0 {
		v.leaves++
		if count == 0 {
			return fmt.Errorf("btree: leaf %d has no elements", r)
		}
		return v.check(r, int(count))
	}
	n := v.s.node(r)
	size := n.size()
	v.bytes += uint64(v.s.heap.Size(r))
	if n.count() == 0 || n.count() > int(n.head.room) || r != v.s.root && size != sequenceNode || r == v.s.root && n.count() < 2 {
		return fmt.Errorf("btree: node %d holds %d children in %d bytes", r, n.count(), size)
	}
	if sum := n.sum(); sum != count {
		return fmt.Errorf("btree: node %d has %d elements, its parent counts %d", r, sum, count)
	}
	for i, child := range n.children[:n.count()] {
		if err := v.walk(child, height-1, n.counts[i]); err != nil {
			return err
		}
	}
	return nil
}
