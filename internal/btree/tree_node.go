// Nodes of a Tree: leaves of entries, inner nodes of children, and the path to a leaf.
//
// Every node is a block of nodeSize bytes, save a leaf that is the whole tree, which doubles from
// minLeafSize. The first of an inner node's child i is the first entry below it, exactly, but for
// child 0, whose first means nothing.

package btree

import (
	"unsafe"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

const (
	treeLeafRoom = (nodeSize - headSize) / 12
	treeFanout   = (nodeSize - headSize) / 20

	// treeMaxHeight is out of reach: two neighbours have more than joinInner children together, so
	// 2^32 entries stand below fewer than 8 levels.
	treeMaxHeight = 12
)

// treeLeaf is a view of a leaf's block. The slices have the leaf's whole room, used or not.
type treeLeaf[K Number] struct {
	head *leafHead
	keys []K
	refs []mem.Ref
}

func (t *Tree[K, O]) leaf(r mem.Ref) treeLeaf[K] {
	head := (*leafHead)(t.at(r))
	room := uintptr(head.room)
	keys := unsafe.Add(unsafe.Pointer(head), headSize)
	return treeLeaf[K]{
		head: head,
		keys: unsafe.Slice((*K)(keys), room),
		refs: unsafe.Slice((*mem.Ref)(unsafe.Add(keys, 8*room)), room),
	}
}

func (t *Tree[K, O]) at(r mem.Ref) unsafe.Pointer {
	return unsafe.Add(t.base, uintptr(r)*8)
}

func (l treeLeaf[K]) count() int           { return int(l.head.count) }
func (l treeLeaf[K]) full() bool           { return l.head.count == l.head.room }
func (l treeLeaf[K]) entry(i int) entry[K] { return entry[K]{l.keys[i], l.refs[i]} }

// search returns the place of the first entry of l that is not before x.
func (t *Tree[K, O]) search(l treeLeaf[K], x entry[K]) int {
	low, high := 0, l.count()
	for low < high {
		middle := int(uint(low+high) / 2)
		if l.keys[middle] < x.key || l.keys[middle] == x.key && t.before(l.entry(middle), x) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// open makes room for n entries at place at.
func (l treeLeaf[K]) open(at, n int) {
	count := l.count()
	copy(l.keys[at+n:count+n], l.keys[at:count])
	copy(l.refs[at+n:count+n], l.refs[at:count])
	l.head.count += uint16(n)
}

func (l treeLeaf[K]) insert(at int, x entry[K]) {
	l.open(at, 1)
	l.keys[at], l.refs[at] = x.key, x.ref
}

// remove takes out the entries from place from up to to.
func (l treeLeaf[K]) remove(from, to int) {
	count := l.count()
	copy(l.keys[from:], l.keys[to:count])
	copy(l.refs[from:], l.refs[to:count])
	l.head.count -= uint16(to - from)
}

// take moves the entries from place from up to to of other to place at.
func (l treeLeaf[K]) take(at int, other treeLeaf[K], from, to int) {
	l.open(at, to-from)
	copy(l.keys[at:], other.keys[from:to])
	copy(l.refs[at:], other.refs[from:to])
	other.remove(from, to)
}

// inner is an inner node; keys and refs are the firsts.
type inner[K Number] struct {
	count    uint16
	_        [headSize - 2]byte
	keys     [treeFanout]K
	refs     [treeFanout]mem.Ref
	children [treeFanout]mem.Ref
	counts   [treeFanout]uint32
}

// child is one child of an inner node.
type child[K Number] struct {
	first entry[K]
	node  mem.Ref
	count uint32
}

func (t *Tree[K, O]) inner(r mem.Ref) *inner[K] {
	return (*inner[K])(t.at(r))
}

func (b *inner[K]) first(i int) entry[K]       { return entry[K]{b.keys[i], b.refs[i]} }
func (b *inner[K]) setFirst(i int, x entry[K]) { b.keys[i], b.refs[i] = x.key, x.ref }

// before returns the number of entries below the children before at.
func (b *inner[K]) before(at int) (count int) {
	for _, n := range b.counts[:at] {
		count += int(n)
	}
	return count
}

// shift counts n entries as having moved from child from to child to.
func (b *inner[K]) shift(from, to int, n uint32) {
	b.counts[from] -= n
	b.counts[to] += n
}

func (b *inner[K]) insert(at int, x child[K]) {
	count := int(b.count)
	copy(b.keys[at+1:], b.keys[at:count])
	copy(b.refs[at+1:], b.refs[at:count])
	copy(b.children[at+1:], b.children[at:count])
	copy(b.counts[at+1:], b.counts[at:count])
	b.setFirst(at, x.first)
	b.children[at], b.counts[at] = x.node, x.count
	b.count++
}

func (b *inner[K]) remove(at int) {
	count := int(b.count)
	copy(b.keys[at:], b.keys[at+1:count])
	copy(b.refs[at:], b.refs[at+1:count])
	copy(b.children[at:], b.children[at+1:count])
	copy(b.counts[at:], b.counts[at+1:count])
	b.count--
}

// take moves the children of other from place from on to the end, and returns how many entries are
// below them.
func (b *inner[K]) take(other *inner[K], from int) (moved uint32) {
	at, count := int(b.count), int(other.count)
	copy(b.keys[at:], other.keys[from:count])
	copy(b.refs[at:], other.refs[from:count])
	copy(b.children[at:], other.children[from:count])
	copy(b.counts[at:], other.counts[from:count])
	b.count += uint16(count - from)
	other.count = uint16(from)
	for _, n := range b.counts[at:b.count] {
		moved += n
	}
	return moved
}

// treePath is the way from the root to a leaf: the node at each level and the child taken.
type treePath struct {
	steps [treeMaxHeight]treeStep
	leaf  mem.Ref
}

type treeStep struct {
	node mem.Ref
	at   int32
}

// descend finds the leaf that x belongs to.
func (t *Tree[K, O]) descend(x entry[K], p *treePath) {
	r := t.root
	for level := range t.height {
		b := t.inner(r)
		low, high := 1, int(b.count)
		for low < high {
			middle := int(uint(low+high) / 2)
			if x.key < b.keys[middle] || x.key == b.keys[middle] && t.before(x, b.first(middle)) {
				high = middle
			} else {
				low = middle + 1
			}
		}
		p.steps[level] = treeStep{r, int32(low - 1)}
		r = b.children[low-1]
	}
	p.leaf = r
}

// seek finds the leaf of the entry of a rank, and returns its place there.
func (t *Tree[K, O]) seek(rank int, p *treePath) (at int) {
	invariant.Check(rank >= 0 && rank < int(t.count), "a rank is within the tree")
	r := t.root
	for level := range t.height {
		b, i := t.inner(r), 0
		for rank >= int(b.counts[i]) {
			rank -= int(b.counts[i])
			i++
		}
		p.steps[level] = treeStep{r, int32(i)}
		r = b.children[i]
	}
	p.leaf = r
	return rank
}

// nextLeaf moves p to the leaf after its own, and reports false at the end.
func (t *Tree[K, O]) nextLeaf(p *treePath) bool {
	level := t.height - 1
	for level >= 0 && int(p.steps[level].at)+1 == int(t.inner(p.steps[level].node).count) {
		level--
	}
	if level < 0 {
		return false
	}
	p.steps[level].at++
	r := t.inner(p.steps[level].node).children[p.steps[level].at]
	for level++; level < t.height; level++ {
		p.steps[level] = treeStep{r, 0}
		r = t.inner(r).children[0]
	}
	p.leaf = r
	return true
}

// previousLeaf moves p to the leaf before its own, and reports false at the beginning.
func (t *Tree[K, O]) previousLeaf(p *treePath) bool {
	level := t.height - 1
	for level >= 0 && p.steps[level].at == 0 {
		level--
	}
	if level < 0 {
		return false
	}
	p.steps[level].at--
	r := t.inner(p.steps[level].node).children[p.steps[level].at]
	for level++; level < t.height; level++ {
		b := t.inner(r)
		p.steps[level] = treeStep{r, int32(b.count) - 1}
		r = b.children[b.count-1]
	}
	p.leaf = r
	return true
}

// locate finds the leaf and the place of x, and reports whether it is there.
func (t *Tree[K, O]) locate(x entry[K], p *treePath) (at int, found bool) {
	if t.root == 0 {
		return 0, false
	}
	t.descend(x, p)
	l := t.leaf(p.leaf)
	at = t.search(l, x)
	return at, at < l.count() && l.entry(at) == x
}

// add counts n entries into all inner nodes of p; it may stand for a negative number.
func (t *Tree[K, O]) add(p *treePath, n uint32) {
	t.count += n
	for _, s := range p.steps[:t.height] {
		t.inner(s.node).counts[s.at] += n
	}
}

// setFirst records that the first entry below the child that p takes at a level is now x.
func (t *Tree[K, O]) setFirst(p *treePath, level int, x entry[K]) {
	for ; level >= 0; level-- {
		if s := p.steps[level]; s.at > 0 {
			t.inner(s.node).setFirst(int(s.at), x)
			return
		}
	}
}
