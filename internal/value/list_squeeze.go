// Squeezed leaves: the inner leaves of a large list, compressed (list-compress-depth).
//
// A leaf beyond the depth at either end is compressed when it gets there and whenever it was changed,
// if that makes its block smaller. It is decompressed for who reads it, into memory of Go's; for a
// change it is replaced by an open leaf, which is compressed again at the end of the command. Where
// the depth has changed, each list follows as its leaves are touched: what is squeezed can be read
// anywhere, and what is open needs nothing.
//
// What must hold: leaves are squeezed and opened between changes only, since a change counts on the
// leaves that it has made its own; to be refused memory then is no error.

package value

import (
	"encoding/binary"
	"sync"

	"tarn/internal/btree"
	"tarn/internal/lzf"
	"tarn/internal/mem"
)

const (
	leastSqueezed = 48      // bytes that are worth trying, as Redis has it
	leastSaved    = 8       // bytes that it must save, as Redis has it
	mostSqueezed  = 1 << 20 // bytes: each reader of a larger element would wait for milliseconds
	keptBuffer    = 64 << 10
)

// leafBuffer is memory into which a squeezed leaf is decompressed. Its zero value is ready.
type leafBuffer struct{ room *leafRoom }

// leafRoom is what a leafBuffer has of the pool. It is put back by its own pointer: by the buffer's the
// compiler would hold that all that a cursor points to escapes, and with it each command's key.
type leafRoom struct {
	self  *leafRoom
	bytes []byte
}

var leafRooms = sync.Pool{New: func() any {
	r := new(leafRoom)
	r.self = r
	return r
}}

// take returns size bytes, which are good until take or close.
func (b *leafBuffer) take(size int) []byte {
	if b.room == nil {
		b.room = leafRooms.Get().(*leafRoom)
	}
	if cap(b.room.bytes) < size {
		b.room.bytes = make([]byte, mem.ClassSize(size))
	}
	return b.room.bytes[:size]
}

// close gives the memory to whoever needs some next.
func (b *leafBuffer) close() {
	if b.room != nil && cap(b.room.bytes) <= keptBuffer {
		leafRooms.Put(b.room.self)
	}
	b.room = nil
}

// isSqueezed tells whether a leaf is compressed.
func (n *listNodes) isSqueezed(r mem.Ref) bool {
	return (n.squeezed > 0 || n.cut.running) && n.heap.Bytes(r, leafHead)[0]&leafSqueezed != 0
}

// squeezedParts returns the bytes that a squeezed leaf holds, how many and in compressed form; nothing of
// another leaf.
func (n *listNodes) squeezedParts(r mem.Ref) (raw int, packed []byte) {
	if !n.isSqueezed(r) {
		return 0, nil
	}
	sizes := n.heap.Bytes(r, squeezedHead)[leafHead:]
	size := int(binary.LittleEndian.Uint32(sizes[4:]))
	return int(binary.LittleEndian.Uint32(sizes)), n.heap.Bytes(r, squeezedHead+size)[squeezedHead:]
}

// newSqueezed returns a leaf of what packed decompresses to; 0 when memory is refused.
func (n *listNodes) newSqueezed(kind byte, raw int, packed []byte) mem.Ref {
	r := n.newLeaf(kind|leafSqueezed, squeezedHead+len(packed))
	if r != 0 {
		b := n.heap.Bytes(r, squeezedHead+len(packed))
		binary.LittleEndian.PutUint32(b[8:], uint32(raw))
		binary.LittleEndian.PutUint32(b[12:], uint32(len(packed)))
		copy(b[squeezedHead:], packed)
		n.squeezed++
	}
	return r
}

// unsqueeze fills dst from its compressed form.
func unsqueeze(dst, packed []byte) {
	if !lzf.Decompress(dst, packed) {
		panic("value: a squeezed leaf does not hold what it did")
	}
}

// size returns the bytes of what a leaf holds, as they are when it is open.
func (n *listNodes) size(r mem.Ref) int {
	if n.isSqueezed(r) {
		return int(binary.LittleEndian.Uint32(n.heap.Bytes(r, squeezedHead)[leafHead:]))
	}
	return len(n.contents(r))
}

// view returns what a leaf holds: where it stands, or decompressed into buf.
func (n *listNodes) view(r mem.Ref, buf *leafBuffer) []byte {
	if !n.isSqueezed(r) {
		return n.contents(r)
	}
	raw, packed := n.squeezedParts(r)
	contents := buf.take(raw)
	unsqueeze(contents, packed)
	return contents
}

// opened makes p's leaf one that is not squeezed. It reports false when memory is refused.
func (n *listNodes) opened(p *btree.Path) bool {
	if !n.isSqueezed(p.Leaf) {
		return true
	}
	raw, packed := n.squeezedParts(p.Leaf)
	kind, head := n.kind(p.Leaf), leafHead
	r := n.newLeaf(kind, head+raw)
	if r == 0 {
		return false
	}
	block := n.heap.Bytes(r, head+raw)
	if kind == leafPlain {
		binary.LittleEndian.PutUint32(block[4:], uint32(raw))
	}
	unsqueeze(block[head:], packed)
	n.replace(p, r)
	return true
}

// squeezer is what it takes to compress leaves.
type squeezer struct {
	lzf lzf.Compressor
	out []byte
}

var squeezers = sync.Pool{New: func() any { return new(squeezer) }}

// squeeze compresses p's leaf if that saves enough.
func (n *listNodes) squeeze(p *btree.Path) {
	head := n.heap.Bytes(p.Leaf, leafHead)
	if head[0]&(leafSqueezed|leafTried) != 0 {
		return
	}
	contents := n.contents(p.Leaf)
	if len(contents) < leastSqueezed || len(contents) > mostSqueezed {
		head[0] |= leafTried
		return
	}
	s := squeezers.Get().(*squeezer)
	defer squeezers.Put(s)
	packed, ok := s.lzf.Append(s.out[:0], contents, len(contents)-leastSaved)
	if cap(packed) <= keptBuffer {
		s.out = packed[:0]
	}
	if !ok || mem.ClassSize(squeezedHead+len(packed)) >= n.heap.Size(p.Leaf) {
		head[0] |= leafTried
		return
	}
	if r := n.newSqueezed(n.kind(p.Leaf), len(contents), packed); r != 0 {
		n.replace(p, r)
	}
}

// settleEnd ends a change that was pushes to an end: the leaves are squeezed that these have moved
// beyond the depth.
func (n *listNodes) settleEnd(head bool) {
	if n.fresh > 0 {
		n.squeezeFrom(head, n.fresh)
		n.fresh = 0
	}
}

// squeezeFrom squeezes the first leaves beyond the depth at an end.
func (n *listNodes) squeezeFrom(head bool, leaves int) {
	var p btree.Path
	inner := min(leaves, n.seq.Leaves()-2*n.limit.depth)
	if n.limit.depth == 0 || inner <= 0 || !n.end(&p, head) {
		return
	}
	for range n.limit.depth {
		n.step(&p, head)
	}
	for ; inner > 0; inner-- {
		n.squeeze(&p)
		n.step(&p, head)
	}
}

// step makes p lead to the next leaf away from an end, and reports whether there is one.
func (n *listNodes) step(p *btree.Path, head bool) bool {
	if head {
		return n.seq.Next(p)
	}
	return n.seq.Prev(p)
}

// settle ends a change at position i: the leaves around it are squeezed again that stand beyond the
// depth, and at the ends those that others have moved beyond it; where leaves have gone, those that
// are within it now are opened.
func (n *listNodes) settle(i int) {
	if n.gone && n.squeezed > 0 {
		n.openEnds()
	}
	if n.fresh > 0 {
		n.squeezeFrom(true, n.fresh)
		n.squeezeFrom(false, n.fresh)
	}
	n.fresh, n.gone = 0, false
	if n.limit.depth == 0 || n.seq.Leaves() <= 2*n.limit.depth {
		return
	}
	var p btree.Path
	n.seq.Find(min(i, n.Len()-1), &p)
	if before := p; n.seq.Prev(&before) {
		n.squeezeInner(&before)
	}
	if next := p; n.seq.Next(&next) {
		n.squeezeInner(&next)
	}
	n.squeezeInner(&p)
}

// squeezeInner squeezes p's leaf if it stands beyond the depth.
func (n *listNodes) squeezeInner(p *btree.Path) {
	if n.heap.Bytes(p.Leaf, leafHead)[0]&(leafSqueezed|leafTried) != 0 {
		return
	}
	before, next := *p, *p
	for range n.limit.depth {
		if !n.seq.Prev(&before) || !n.seq.Next(&next) {
			return
		}
	}
	n.squeeze(p)
}

// openEnds opens the leaves within the depth at each end.
func (n *listNodes) openEnds() {
	for _, head := range [...]bool{true, false} {
		var p btree.Path
		more := n.end(&p, head)
		for left := n.limit.depth; left > 0 && more && n.squeezed > 0; left-- {
			if !n.opened(&p) {
				return
			}
			more = n.step(&p, head)
		}
	}
}
