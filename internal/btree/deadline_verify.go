// Verify: whether a DeadlineTree is sound, told by reading all of it.

package btree

import (
	"fmt"
	"math"

	"tarn/internal/mem"
)

// Verify reads the whole tree, weighs every item, and returns the first thing found wrong, or nil.
func (t *DeadlineTree[W]) Verify() error {
	if t.root == 0 {
		if t.height != 0 || t.total != (sum{}) || t.bytes != 0 {
			return fmt.Errorf("btree: no root, but height %d, sum %v, %d bytes", t.height, t.total, t.bytes)
		}
		return nil
	}
	bytes := uint64(0)
	lowest, highest := item{math.MinInt64, 0}, item{math.MaxInt64, math.MaxUint32}
	s, err := t.verifyNode(t.root, t.height, lowest, highest, &bytes)
	if err != nil {
		return err
	}
	if s != t.total || bytes != t.bytes {
		return fmt.Errorf("btree: found %v in %d bytes, counted %v in %d", s, bytes, t.total, t.bytes)
	}
	return nil
}

// verifyNode checks the node r with height levels of branches, whose items must be from lowest to
// before highest, adds the bytes of its nodes to bytes and returns what is in it.
func (t *DeadlineTree[W]) verifyNode(r mem.Ref, height int, lowest, highest item, bytes *uint64) (s sum, err error) {
	if height == 0 {
		return t.verifyLeaf(r, lowest, highest, bytes)
	}
	*bytes += nodeSize
	b := t.branches(r)
	count := int(b.count)
	if count == 0 || count > fanout || r == t.root && count == 1 {
		return s, fmt.Errorf("btree: node %d has %d children", r, count)
	}
	for i := range count {
		from, to := lowest, highest
		if i > 0 {
			from = b.first(i)
		}
		if i+1 < count {
			to = b.first(i + 1)
		}
		if from.before(lowest) || highest.before(to) {
			return s, fmt.Errorf("btree: node %d child %d from %v to %v is not within %v to %v", r, i, from, to, lowest, highest)
		}
		below, err := t.verifyNode(b.children[i], height-1, from, to, bytes)
		if err != nil {
			return s, err
		}
		if below != b.sum(i) {
			return s, fmt.Errorf("btree: node %d child %d has %v, counted %v", r, i, below, b.sum(i))
		}
		s.count += below.count
		s.weight += below.weight
	}
	return s, nil
}

func (t *DeadlineTree[W]) verifyLeaf(r mem.Ref, lowest, highest item, bytes *uint64) (s sum, err error) {
	l := t.leaf(r)
	*bytes += uint64(leafSize(int(l.head.room)))
	if l.count() == 0 || l.head.count > l.head.room || r != t.root && l.head.room != leafRoom {
		return s, fmt.Errorf("btree: leaf %d holds %d items in room for %d", r, l.count(), l.head.room)
	}
	for i := range l.count() {
		x := l.item(i)
		if x.ref == 0 || x.before(lowest) || !x.before(highest) || i > 0 && !l.item(i-1).before(x) {
			return s, fmt.Errorf("btree: leaf %d item %d is %v, within %v to %v", r, i, x, lowest, highest)
		}
	}
	return sum{uint32(l.count()), t.weigh(l.refs[:l.count()])}, nil
}
