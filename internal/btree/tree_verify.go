// Verify: whether a Tree is sound, told by reading all of it and comparing all neighbours.

package btree

import (
	"fmt"

	"tarn/internal/mem"
)

// Verify reads the whole tree and returns the first thing found wrong, or nil. Every reference in it
// must be live.
func (t *Tree[K, O]) Verify() error {
	if t.root == 0 {
		if t.height != 0 || t.count != 0 || t.bytes != 0 {
			return fmt.Errorf("btree: no root, but height %d, %d entries, %d bytes", t.height, t.count, t.bytes)
		}
		return nil
	}
	v := treeVerifier[K, O]{tree: t}
	count, _, err := v.node(t.root, t.height)
	if err != nil {
		return err
	}
	if count != t.count || v.bytes != t.bytes {
		return fmt.Errorf("btree: found %d entries in %d bytes, counted %d in %d", count, v.bytes, t.count, t.bytes)
	}
	return nil
}

type treeVerifier[K Number, O Order] struct {
	tree  *Tree[K, O]
	bytes uint64   // of the nodes read
	last  entry[K] // the entry read last; ref 0: none yet
}

// node checks the node r with height levels of inner nodes, and returns the number of entries in it
// and the first of them.
func (v *treeVerifier[K, O]) node(r mem.Ref, height int) (count uint32, first entry[K], err error) {
	if height == 0 {
		return v.leaf(r)
	}
	v.bytes += nodeSize
	b := v.tree.inner(r)
	if b.count == 0 || b.count > treeFanout || r == v.tree.root && b.count == 1 {
		return 0, first, fmt.Errorf("btree: node %d has %d children", r, b.count)
	}
	for i := range int(b.count) {
		below, begin, err := v.node(b.children[i], height-1)
		if err != nil {
			return 0, first, err
		}
		if i == 0 {
			first = begin
		} else if begin != b.first(i) {
			return 0, first, fmt.Errorf("btree: node %d child %d begins with %v, said %v", r, i, begin, b.first(i))
		}
		if below != b.counts[i] {
			return 0, first, fmt.Errorf("btree: node %d child %d has %d entries, counted %d", r, i, below, b.counts[i])
		}
		count += below
	}
	return count, first, nil
}

func (v *treeVerifier[K, O]) leaf(r mem.Ref) (count uint32, first entry[K], err error) {
	l := v.tree.leaf(r)
	v.bytes += uint64(leafSize(int(l.head.room)))
	if l.count() == 0 || l.head.count > l.head.room || r != v.tree.root && l.head.room != treeLeafRoom {
		return 0, first, fmt.Errorf("btree: leaf %d holds %d entries in room for %d", r, l.count(), l.head.room)
	}
	for i := range l.count() {
		x := l.entry(i)
		if x.ref == 0 || v.last.ref != 0 && !v.tree.before(v.last, x) {
			return 0, first, fmt.Errorf("btree: leaf %d entry %d is %v, behind %v", r, i, x, v.last)
		}
		v.last = x
	}
	return uint32(l.count()), l.entry(0), nil
}
