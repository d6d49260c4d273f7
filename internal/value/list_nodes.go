// A large list: leaves (list_leaf.go) in a counted sequence.
//
// An element is found by one descent to its leaf and a walk through that. Leaves grow up to the limit
// of list-max-listpack-size; one that is full is left behind by a push and split by an insertion in
// its middle. Where elements go from the middle, small neighbours are joined; at the ends a leaf just
// dwindles. An element too large for any leaf is one alone.
//
// Changes report false when memory is refused, and then the list holds what it held.

package value

import (
	"errors"
	"fmt"
	"math"

	"tarn/internal/btree"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

// listNodes is a keyspace.Big. To be made by newListNodes.
type listNodes struct {
	heap     *mem.Heap
	seq      btree.Sequence
	limit    leafLimit
	limits   *keyspace.Limits // of which limit was made last, or nil
	bytes    uint64           // of the leaves' blocks
	squeezed int              // leaves
	summed   int              // leaves
	searched bool             // a search has read many leaves in vain
	fresh    int              // leaves that came since the list was last settled
	gone     bool             // whether leaves went since
	epoch    byte             // that new leaves carry, 0 or 1
	cut      listCut
}

func newListNodes(h *mem.Heap, limit leafLimit) *listNodes {
	return &listNodes{heap: h, seq: btree.NewSequence(h), limit: limit}
}

// Len returns the number of elements.
func (n *listNodes) Len() int { return n.seq.Len() }

// Bytes returns the size of all blocks, of leaves and of the tree; not of what is kept aside.
func (n *listNodes) Bytes() uint64 { return n.bytes + n.seq.Bytes() }

// Encoding returns "quicklist".
func (n *listNodes) Encoding() string { return "quicklist" }

// push puts elem before the first element or behind the last.
func (n *listNodes) push(elem []byte, atHead bool) bool {
	if n.Len() == math.MaxUint32 {
		return false
	}
	var p btree.Path
	size := listpack.Size(elem)
	if n.end(&p, atHead) {
		if n.pushInPlace(&p, elem, size, atHead) {
			return true
		}
		if n.fits(&p, size) {
			return n.opened(&p) && n.put(&p, n.endOf(&p, atHead), elem, size)
		}
		n.trim(&p)
	}
	expected := 0
	if n.seq.Leaves() >= manyLeaves {
		expected = n.heap.Size(p.Leaf) // it grows like the last one, without a copy
	}
	return n.insertLeaf(&p, !atHead, n.newEnd(elem, size, atHead, expected), 1)
}

// end makes p lead to the first or the last leaf.
func (n *listNodes) end(p *btree.Path, head bool) bool {
	if head {
		return n.seq.First(p)
	}
	return n.seq.Last(p)
}

// endOf returns the offset at which an element is put to the head or the tail of p's leaf.
func (n *listNodes) endOf(p *btree.Path, head bool) int {
	if head {
		return packHead
	}
	return listpack.End(n.pack(p.Leaf))
}

// fits tells whether p's leaf may take another element of so many bytes.
func (n *listNodes) fits(p *btree.Path, size int) bool {
	return n.kind(p.Leaf) == leafPacked && n.limit.holds(n.size(p.Leaf)+size, n.seq.Count(p)+1)
}

// put writes elem, of size bytes as an element, into p's leaf at offset at.
func (n *listNodes) put(p *btree.Path, at int, elem []byte, size int) bool {
	lp := n.splice(p, at, 0, size)
	if lp == nil {
		return false
	}
	listpack.Put(lp, at, elem, 1)
	n.noteIn(p.Leaf, elem)
	return n.seq.Add(p, 1)
}

// insertLeaf puts a new leaf, 0 where memory was refused, beside p's.
func (n *listNodes) insertLeaf(p *btree.Path, after bool, r mem.Ref, count int) bool {
	if r == 0 {
		return false
	}
	if !n.seq.Insert(p, after, r, count) {
		n.release(r)
		return false
	}
	n.fresh++
	return true
}

// insert puts elem before the element at position i, from 0 to Len-1.
func (n *listNodes) insert(i int, elem []byte) bool {
	if n.Len() == math.MaxUint32 {
		return false
	}
	size := listpack.Size(elem)
	large := !n.limit.holds(packBytes+size, 1)
	for {
		var p btree.Path
		offset := n.seq.Find(i, &p)
		if n.fits(&p, size) {
			return n.opened(&p) && n.put(&p, listpack.Seek(n.pack(p.Leaf), offset), elem, size)
		}
		if offset == 0 {
			before := p
			if n.seq.Prev(&before) && n.fits(&before, size) {
				return n.opened(&before) && n.put(&before, n.endOf(&before, false), elem, size)
			}
			return n.insertLeaf(&p, false, n.newOne(elem, size), 1)
		}
		if !large {
			offset = n.seq.Count(&p) / 2
		}
		if !n.split(&p, offset) {
			return false
		}
	}
}

// split divides p's leaf, a packed one, before the element at offset, which is not the first. p is of
// no use afterwards.
func (n *listNodes) split(p *btree.Path, offset int) bool {
	if !n.own(p) {
		return false
	}
	lp, moved, first := n.pack(p.Leaf), n.seq.Count(p)-offset, n.seq.Position(p)
	at := listpack.Seek(lp, offset)
	elements := lp[at:listpack.End(lp)]
	r := n.newPack(elements, moved)
	n.seq.Add(p, -moved)
	if !n.insertLeaf(p, true, r, moved) {
		n.seq.Add(p, moved)
		return false
	}
	n.seq.Find(first, p)
	listpack.Fix(n.splice(p, at, len(elements), 0), -moved)
	return true
}

// set makes elem the element at position i.
func (n *listNodes) set(i int, elem []byte) bool {
	var p btree.Path
	offset, size := n.seq.Find(i, &p), listpack.Size(elem)
	if n.seq.Count(&p) == 1 && !(n.kind(p.Leaf) == leafPacked && n.limit.holds(packBytes+size, 1)) {
		r := n.newOne(elem, size)
		if r == 0 {
			return false
		}
		old := p.Leaf
		n.seq.Set(&p, r)
		n.release(old)
		return true
	}
	if !n.opened(&p) {
		return false
	}
	lp := n.pack(p.Leaf)
	at := listpack.Seek(lp, offset)
	had := listpack.EntrySize(lp, at)
	if size > had && !n.limit.holds(len(lp)-had+size, n.seq.Count(&p)) {
		return n.own(&p) && n.insert(i, elem) && n.remove(i+1, 1)
	}
	if lp = n.splice(&p, at, had, size); lp == nil {
		return false
	}
	listpack.Put(lp, at, elem, 0)
	n.noteIn(p.Leaf, elem)
	if had-size > leafSpare {
		n.join(i)
	}
	return true
}

// remove takes out count elements from position from on.
func (n *listNodes) remove(from, count int) bool {
	if !n.ownEnds(from, count) {
		return false
	}
	inside := from > 0 && from+count < n.Len()
	var p btree.Path
	for count > 0 {
		offset := 0
		if last := from + count; last == n.Len() { // from the tail, without searching
			n.seq.Last(&p)
			offset = max(n.seq.Count(&p)-count, 0)
		} else {
			offset = n.seq.Find(from, &p)
		}
		here := min(count, n.seq.Count(&p)-offset)
		n.cutOut(&p, offset, here)
		count -= here
	}
	if inside {
		n.join(from - 1)
	}
	return true
}

// ownEnds makes the leaves mutable that lose only part of their elements when a range goes.
func (n *listNodes) ownEnds(from, count int) bool {
	if !n.cut.running && n.squeezed == 0 {
		return true
	}
	for _, i := range [...]int{from, from + count - 1} {
		var p btree.Path
		n.seq.Find(i, &p)
		first := n.seq.Position(&p)
		whole := from <= first && first+n.seq.Count(&p) <= from+count
		if !whole && !n.own(&p) {
			return false
		}
	}
	return true
}

// cutOut takes count elements out of p's leaf, which is mutable or goes as a whole. p is of no use
// when it does.
func (n *listNodes) cutOut(p *btree.Path, offset, count int) {
	if count == n.seq.Count(p) {
		r := p.Leaf
		n.seq.Remove(p)
		n.release(r)
		n.gone = true
		return
	}
	lp := n.pack(p.Leaf)
	from, to := packSpan(lp, offset, count, n.seq.Count(p))
	listpack.Fix(n.splice(p, from, to-from, 0), -count)
	n.seq.Add(p, -count)
}

// packSpan returns from which offset to which count elements stand in a listpack of all elements.
func packSpan(lp []byte, index, count, all int) (from, to int) {
	end := listpack.End(lp)
	if index+count == all {
		from, to = end, end
		if count <= all/2 {
			for range count {
				from = listpack.Prev(lp, from)
			}
			return from, to
		}
		return listpack.Seek(lp, index), end
	}
	from = listpack.Seek(lp, index)
	to = from
	for range count {
		to += listpack.EntrySize(lp, to)
	}
	return from, to
}

// join makes one leaf of the one at position i and a neighbour, if they fit well into one. Memory
// that is refused is none that was needed.
func (n *listNodes) join(i int) {
	if n.seq.Leaves() < 2 {
		return
	}
	var p btree.Path
	n.seq.Find(min(i, n.Len()-1), &p)
	next := p
	if n.seq.Next(&next) && n.joinLeaves(&p, &next) {
		n.seq.Find(min(i, n.Len()-1), &p)
	}
	if before := p; n.seq.Prev(&before) {
		n.joinLeaves(&before, &p)
	}
}

// joinLeaves puts the elements of b's leaf behind those of a's, if both are small. Then neither
// path is of use any more.
func (n *listNodes) joinLeaves(a, b *btree.Path) bool {
	if n.kind(a.Leaf) != leafPacked || n.kind(b.Leaf) != leafPacked {
		return false
	}
	count := n.seq.Count(b)
	if !n.limit.holds((n.size(a.Leaf)+n.size(b.Leaf))*4/3, n.seq.Count(a)+count) {
		return false
	}
	var buf leafBuffer
	defer buf.close()
	from := n.view(b.Leaf, &buf)
	if !n.extend(a, from[packHead:listpack.End(from)], count) {
		return false
	}
	r := b.Leaf
	n.seq.Remove(b)
	n.release(r)
	n.gone = true
	return true
}

// appendPack puts the elements of a listpack behind the last. The last leaf takes some if it has room
// that is worth a copy.
func (n *listNodes) appendPack(lp []byte) bool {
	for rest := lp[packHead:listpack.End(lp)]; len(rest) > 0; {
		var p btree.Path
		var elements []byte
		count, added := 0, false
		if n.seq.Last(&p) && n.fits(&p, n.limit.bytes/8) {
			elements, count = n.limit.take(rest, n.size(p.Leaf), n.seq.Count(&p))
		}
		if count > 0 {
			added = n.extend(&p, elements, count)
		} else if elements, count = n.limit.take(rest, packBytes, 0); count > 0 {
			added = n.insertLeaf(&p, true, n.newPack(elements, count), count)
		} else { // too large for a leaf
			elements = rest[:listpack.EntrySize(rest, 0)]
			added = n.insertLeaf(&p, true, n.newPlain(listpack.Get(rest, 0).AppendTo(nil)), 1)
		}
		if !added {
			return false
		}
		rest = rest[len(elements):]
	}
	return true
}

// take returns the first of some elements, as they stand in a listpack, that a listpack of so many
// bytes and elements may take, and how many they are.
func (m leafLimit) take(elements []byte, bytes, count int) (taken []byte, more int) {
	at := 0
	for at < len(elements) {
		size := listpack.EntrySize(elements, at)
		if !m.holds(bytes+at+size, count+more+1) {
			break
		}
		at += size
		more++
	}
	return elements[:at], more
}

// extend puts elements, as they stand in a listpack of another leaf or none, behind those of p's leaf.
func (n *listNodes) extend(p *btree.Path, elements []byte, count int) bool {
	if n.Len() > math.MaxUint32-count || !n.opened(p) {
		return false
	}
	at := listpack.End(n.pack(p.Leaf))
	lp := n.splice(p, at, 0, len(elements))
	if lp == nil {
		return false
	}
	copy(lp[at:], elements)
	listpack.Fix(lp, count)
	n.dropSummary(p.Leaf)
	return n.seq.Add(p, count)
}

// removeEqual takes out up to most elements equal to elem, from position at on, or before it if back,
// and returns how many. The leaf of that position has no other such element on the near side. It
// ends early when memory is refused, which whole tells.
func (n *listNodes) removeEqual(at int, elem []byte, most int, back bool) (removed int, whole bool) {
	var p btree.Path
	for removed < most && (back && at > 0 || !back && at < n.Len()) {
		n.findSide(at, back, &p)
		count, first := n.seq.Count(&p), n.seq.Position(&p)
		gone, ok := n.removeEqualIn(&p, elem, most-removed, back)
		if !ok {
			return removed, false
		}
		removed += gone
		if at = first; !back {
			at += count - gone
		}
		if gone > 0 && first < n.Len() {
			n.join(first)
		}
		if gone > 0 && n.Len() > 0 {
			n.settle(first)
		}
	}
	return removed, true
}

// findSide makes p lead to the leaf of position at, or of the one before it if back.
func (n *listNodes) findSide(at int, back bool, p *btree.Path) {
	if back {
		at--
	}
	n.seq.Find(at, p)
}

// removeEqualIn is removeEqual in p's leaf, which goes when nothing is left in it.
func (n *listNodes) removeEqualIn(p *btree.Path, elem []byte, most int, back bool) (removed int, ok bool) {
	if n.summed > 0 && !n.mayHold(p.Leaf, hashElement(elem)) {
		return 0, true
	}
	var buf leafBuffer
	defer buf.close()
	lp := n.view(p.Leaf, &buf)
	if n.kind(p.Leaf) == leafPlain {
		if string(lp) != string(elem) {
			return 0, true
		}
		n.cutOut(p, 0, 1)
		return 1, true
	}
	first, equal := findEqual(lp, elem, most, back)
	switch {
	case equal == 0:
		return 0, true
	case equal == n.seq.Count(p):
		n.cutOut(p, 0, equal)
		return equal, true
	case !n.own(p):
		return 0, false
	}
	lp = n.pack(p.Leaf)
	end := dropEqual(lp, first, elem, equal)
	listpack.Fix(n.splice(p, end, listpack.End(lp)-end, 0), -equal)
	n.seq.Add(p, -equal)
	return equal, true
}

// findEqual returns how many elements are equal to elem, up to most, counted from the end if back,
// and the offset of the first of those.
func findEqual(lp, elem []byte, most int, back bool) (first, equal int) {
	if !back {
		first = listpack.Find(lp, listpack.First(lp), elem, 0)
		for at := first; at >= 0 && equal < most; at = listpack.Find(lp, listpack.Next(lp, at), elem, 0) {
			equal++
		}
		return first, equal
	}
	for at := listpack.Last(lp); at >= 0 && equal < most; at = listpack.Prev(lp, at) {
		if listpack.Get(lp, at).Is(elem) {
			first = at
			equal++
		}
	}
	return first, equal
}

// dropEqual closes the gaps of the given number of elements equal to elem, the first of them at
// offset at, and returns where the elements end now.
func dropEqual(lp []byte, at int, elem []byte, equal int) (end int) {
	end = at
	for ; equal > 0; equal-- {
		from := at + listpack.EntrySize(lp, at)
		if at = listpack.End(lp); equal > 1 {
			at = listpack.Find(lp, from, elem, 0)
		}
		end += copy(lp[end:], lp[from:at])
	}
	return end
}

// only returns the listpack of the only leaf; nil when it is plain.
func (n *listNodes) only(buf *leafBuffer) []byte {
	var p btree.Path
	n.seq.First(&p)
	if n.kind(p.Leaf) == leafPlain {
		return nil
	}
	return n.view(p.Leaf, buf)
}

// trim takes the spare room from p's leaf, to which nothing will be pushed for a while.
func (n *listNodes) trim(p *btree.Path) {
	if n.kind(p.Leaf) != leafPacked || !n.isMutable(p.Leaf) || n.isSqueezed(p.Leaf) {
		return
	}
	lp := n.pack(p.Leaf)
	if mem.ClassSize(leafHead+len(lp)) >= n.heap.Size(p.Leaf) {
		return
	}
	if r := n.newPack(lp[packHead:listpack.End(lp)], n.seq.Count(p)); r != 0 {
		n.replace(p, r)
	}
}

// Clone returns a copy in another heap, without what a save has to do with it.
func (n *listNodes) Clone(to *mem.Heap) (keyspace.Big, bool) {
	c := newListNodes(to, n.limit)
	var from, at btree.Path
	for more := n.seq.First(&from); more; more = n.seq.Next(&from) {
		r := mem.Ref(0)
		switch {
		case n.isSqueezed(from.Leaf):
			raw, packed := n.squeezedParts(from.Leaf)
			r = c.newSqueezed(n.kind(from.Leaf), raw, packed)
		case n.kind(from.Leaf) == leafPlain:
			r = c.newPlain(n.plain(from.Leaf))
		default:
			lp := n.pack(from.Leaf)
			r = c.newPack(lp[packHead:listpack.End(lp)], n.seq.Count(&from))
		}
		c.seq.Last(&at)
		if !c.insertLeaf(&at, true, r, n.seq.Count(&from)) {
			c.freeAll()
			return nil, false
		}
	}
	return c, true
}

// Free gives back up to about so many blocks, and tells whether none is left.
func (n *listNodes) Free(steps int) (done bool) {
	n.EndSave()
	return n.seq.Drain(steps, n.release)
}

func (n *listNodes) freeAll() {
	for !n.Free(freeAtOnce) {
	}
}

// Verify reads the whole list and returns the first thing found wrong, or nil.
func (n *listNodes) Verify() error {
	var bytes uint64
	live := map[mem.Ref]bool{}
	squeezed, summed := 0, 0
	err := n.seq.Verify(func(r mem.Ref, count int) error {
		bytes += uint64(n.heap.Size(r))
		if n.heap.Bytes(r, leafHead)[0]&leafSqueezed != 0 {
			squeezed++
		}
		if summary := n.summaryOf(r); summary != nil {
			bytes += uint64(len(summary))
			summed++
		}
		live[r] = true
		return n.verifyLeaf(r, count)
	})
	if err != nil {
		return err
	}
	if bytes != n.bytes || squeezed != n.squeezed || summed != n.summed {
		return fmt.Errorf("value: leaves of %d bytes, %d of them squeezed, %d with a summary; counted %d, %d, %d",
			bytes, squeezed, summed, n.bytes, n.squeezed, n.summed)
	}
	held := uint64(0)
	if n.cut.running {
		for _, r := range n.cut.leaves[n.cut.next:] {
			orphan := n.heap.Bytes(r, leafHead)[0]&leafOrphan != 0
			if orphan == live[r] {
				return fmt.Errorf("value: leaf %d of the cut is an orphan: %t, and in the list: %t", r, orphan, live[r])
			}
			if orphan {
				held += uint64(n.heap.Size(r))
			}
			delete(live, r)
		}
	}
	if held != n.cut.held {
		return fmt.Errorf("value: %d bytes are kept aside, counted %d", held, n.cut.held)
	}
	for r := range live {
		if n.heap.Bytes(r, leafHead)[1] != n.epoch {
			return fmt.Errorf("value: leaf %d is of an old epoch and no cut's", r)
		}
	}
	return nil
}

func (n *listNodes) verifyLeaf(r mem.Ref, count int) error {
	var buf leafBuffer
	defer buf.close()
	if raw, packed := n.squeezedParts(r); n.isSqueezed(r) && (raw < leastSqueezed || len(packed) > raw-leastSaved) {
		return fmt.Errorf("value: leaf %d of %d bytes is squeezed to %d", r, raw, len(packed))
	}
	lp := n.view(r, &buf)
	switch n.kind(r) {
	case leafPlain:
		if count != 1 {
			return fmt.Errorf("value: plain leaf %d counts as %d elements", r, count)
		}
		return nil
	case leafPacked:
	default:
		return fmt.Errorf("value: leaf %d is of no kind", r)
	}
	if found := listpack.Count(lp); found != count {
		return fmt.Errorf("value: leaf %d has %d elements, counted %d", r, found, count)
	}
	if err := listpack.Validate(lp); err != nil {
		return errors.Join(fmt.Errorf("value: leaf %d", r), err)
	}
	for at := listpack.First(lp); at >= 0; at = listpack.Next(lp, at) {
		if elem := listpack.Get(lp, at).AppendTo(nil); !n.mayHold(r, hashElement(elem)) {
			return fmt.Errorf("value: the summary of leaf %d does not know %.50q", r, elem)
		}
	}
	return nil
}
