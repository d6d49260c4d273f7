// Leaves of a large list: blocks of a few KiB, each a listpack or one large element.
//
//	packed    0  kind, epoch; offset of the listpack, 2 bytes; summary, 4 bytes; free room, the
//	             listpack, free room
//	plain     0  kind, epoch, 2 unused; length, 4 bytes; the element
//	squeezed  0  kind, epoch, 2 unused; summary, 4 bytes; bytes of what a leaf of the kind would hold,
//	             4 bytes; bytes of that in compressed form, 4 bytes, and these (list_squeeze.go)
//
// All numbers are little endian. A summary is the ref of a block (list_summary.go). A listpack stands anywhere in its block, so that what comes and
// goes at either end of it moves its head of six bytes and nothing else. A leaf that elements are
// pushed to has room to spare; one that has lost half its elements moves to a smaller block, except at the ends
// of a long list.
//
// While the list is saved (list_save.go), a leaf of the old epoch is not changed: a copy is, and takes
// its place. Everything here that may need memory says so by its result, and has then changed
// nothing.

package value

import (
	"encoding/binary"

	"tarn/internal/btree"
	"tarn/internal/invariant"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

// Kinds of leaves. Those of whole leaves are the first bytes of Save's items.
const (
	leafPlain  = 1
	leafPacked = 2

	leafKindMask = 0x0F
	leafSqueezed = 0x10 // in the kind: compressed
	leafTried    = 0x20 // in the kind: as it is, it is not worth compressing
	leafSummed   = 0x40 // in the kind: has a summary
	leafOrphan   = 0x80 // in the kind: no list's any more, kept for the save
)

const (
	leafHead     = 8
	plainHead    = 8
	squeezedHead = 16

	packHead  = 6 // bytes of a listpack before its first element
	packBytes = 7 // of an empty one

	leafSpare  = 64 // bytes of room that are nothing to save
	manyLeaves = 16 // of a list in which the room for one more leaf is little
)

// leafLimit is how large a leaf may grow.
type leafLimit struct {
	bytes    int // of its block
	elements int
	depth    int // leaves at each end that are not compressed; 0: none is
}

const (
	safeNodeBytes = 8 << 10 // of a listpack limited by its elements
	manyElements  = 1 << 30
)

// nodeBytes are the limits that a list-max-listpack-size of -1 to -5 stands for.
var nodeBytes = [...]int{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10}

// packLimit returns what a list-max-listpack-size means: the most bytes of a listpack and the most
// elements. One of elements has a limit of bytes too, which bounds growth but not shrinking.
func packLimit(size int) (bytes, elements int) {
	if size >= 0 {
		return safeNodeBytes, max(size, 1)
	}
	return nodeBytes[min(-size, len(nodeBytes))-1], manyElements
}

// limitOfLeaves returns the limit of leaves. Blocks of up to 8 KiB stay below by an eighth: of
// such, spans have the least room to spare.
func limitOfLeaves(l *keyspace.Limits) leafLimit {
	bytes, elements := packLimit(l.ListPackSize)
	if bytes <= 8<<10 {
		bytes -= bytes / 8
	}
	return leafLimit{bytes, elements, l.ListCompressDepth}
}

// holds tells whether a listpack that has so many bytes and elements may be a leaf.
func (m leafLimit) holds(bytes, elements int) bool {
	return leafHead+bytes <= m.bytes && elements <= m.elements
}

// kind returns the kind of a leaf.
func (n *listNodes) kind(r mem.Ref) byte { return n.heap.Bytes(r, leafHead)[0] & leafKindMask }

// isMutable tells whether a leaf may be changed in place.
func (n *listNodes) isMutable(r mem.Ref) bool {
	return !n.cut.running || n.heap.Bytes(r, leafHead)[1] == n.epoch
}

// pack returns the listpack of a packed leaf that is not squeezed.
func (n *listNodes) pack(r mem.Ref) []byte {
	if invariant.Enabled {
		invariant.Check(!n.isSqueezed(r), "a leaf is read where it stands")
	}
	start := int(binary.LittleEndian.Uint16(n.heap.Bytes(r, leafHead)[2:]))
	total := listpack.Total(n.heap.Bytes(r, start+packHead)[start:])
	return n.heap.Bytes(r, start+total)[start:]
}

// plain returns the element of a plain leaf that is not squeezed.
func (n *listNodes) plain(r mem.Ref) []byte {
	if invariant.Enabled {
		invariant.Check(!n.isSqueezed(r), "a leaf is read where it stands")
	}
	size := int(binary.LittleEndian.Uint32(n.heap.Bytes(r, plainHead)[4:]))
	return n.heap.Bytes(r, plainHead+size)[plainHead:]
}

// newLeaf returns a block of at least size bytes, its head written; 0 when memory is refused.
func (n *listNodes) newLeaf(kind byte, size int) mem.Ref {
	r := n.heap.Alloc(size, mem.Values)
	if r != 0 {
		n.bytes += uint64(n.heap.Size(r))
		head := n.heap.Bytes(r, leafHead)
		head[0], head[1], head[2], head[3] = kind, n.epoch, leafHead, 0
		clear(head[4:])
	}
	return r
}

// newPlain returns a leaf of one large element.
func (n *listNodes) newPlain(elem []byte) mem.Ref {
	r := n.newLeaf(leafPlain, plainHead+len(elem))
	if r != 0 {
		b := n.heap.Bytes(r, plainHead+len(elem))
		binary.LittleEndian.PutUint32(b[4:], uint32(len(elem)))
		copy(b[plainHead:], elem)
	}
	return r
}

// newPack returns a leaf of count elements, given as they stand in a listpack, at the end that grows
// with room for more.
func (n *listNodes) newPack(elements []byte, count int) mem.Ref {
	r := n.newLeaf(leafPacked, leafHead+packBytes+len(elements))
	if r != 0 {
		writePack(n.heap.Bytes(r, leafHead+packBytes+len(elements))[leafHead:], elements, count)
	}
	return r
}

// writePack makes lp a listpack of count elements, given as they stand in one.
func writePack(lp, elements []byte, count int) {
	lp[4], lp[5] = 0, 0
	copy(lp[packHead:], elements)
	lp[len(lp)-1] = 0xFF
	listpack.Fix(lp, count)
}

// newOne returns a leaf of one element, plain when no listpack may hold it.
func (n *listNodes) newOne(elem []byte, size int) mem.Ref {
	return n.newEnd(elem, size, false, 0)
}

// newEnd is newOne for an end of the list, where a leaf is expected to grow to a block of about so many
// bytes.
func (n *listNodes) newEnd(elem []byte, size int, atHead bool, expected int) mem.Ref {
	if !n.limit.holds(packBytes+size, 1) {
		return n.newPlain(elem)
	}
	r := n.newLeaf(leafPacked, max(n.roomToGrow(packBytes+size), min(expected, n.limit.bytes)))
	if r != 0 {
		lp := n.placePack(r, packBytes+size, atHead)
		lp[4], lp[5], lp[len(lp)-1] = 0, 0, 0xFF
		listpack.Put(lp, packHead, elem, 1)
	}
	return r
}

// placePack gives the listpack of a new leaf its place, at the end of the block or at its start,
// and returns its bytes, which are not written yet.
func (n *listNodes) placePack(r mem.Ref, size int, atEnd bool) []byte {
	start := leafHead
	if atEnd {
		start = n.heap.Size(r) - size
	}
	block := n.heap.Bytes(r, start+size)
	binary.LittleEndian.PutUint16(block[2:], uint16(start))
	return block[start:]
}

// roomToGrow returns the size of a block for a listpack of size bytes to which more will be pushed.
func (n *listNodes) roomToGrow(size int) int {
	return leafHead + max(size, min(size+size/2, n.limit.bytes-leafHead))
}

// release gives up a leaf that the list has no more, or keeps it aside for the save.
func (n *listNodes) release(r mem.Ref) {
	if n.isSqueezed(r) {
		n.squeezed--
	}
	n.dropSummary(r)
	size := uint64(n.heap.Size(r))
	n.bytes -= size
	if n.isMutable(r) {
		n.heap.Free(r, mem.Values)
		return
	}
	n.heap.Bytes(r, leafHead)[0] |= leafOrphan
	n.cut.keep(size)
}

// replace puts a leaf of the same elements in the place of p's.
func (n *listNodes) replace(p *btree.Path, r mem.Ref) {
	old := p.Leaf
	n.moveSummary(old, r)
	n.seq.Set(p, r)
	n.release(old)
}

// own makes p's leaf, a packed one, one that may be changed. It reports false when memory is refused.
func (n *listNodes) own(p *btree.Path) bool {
	return n.isMutable(p.Leaf) && !n.isSqueezed(p.Leaf) || n.splice(p, packHead, 0, 0) != nil
}

// splice replaces del bytes at at, of the listpack of p's leaf, by ins undefined ones, and returns the
// whole listpack, of which all but those and its header is right; nil when memory is refused, which
// does not happen when the leaf is mutable and does not grow.
func (n *listNodes) splice(p *btree.Path, at, del, ins int) []byte {
	if !n.opened(p) {
		return nil
	}
	old := p.Leaf
	lp := n.pack(old)
	size := len(lp) - del + ins
	room := n.heap.Size(old) - leafHead
	inPlace := size <= room && n.isMutable(old)
	if inPlace && (ins >= del || room <= 2*size+leafSpare) {
		return n.shift(old, lp, at, del, ins)
	}
	wanted := leafHead + size
	atHead, atTail := at == packHead, at+del == len(lp)-1
	if ins > del && (atHead || atTail) {
		wanted = n.roomToGrow(size)
	}
	r := n.newLeaf(leafPacked, wanted)
	if r == 0 {
		if inPlace {
			return n.shift(old, lp, at, del, ins)
		}
		return nil
	}
	to := n.placePack(r, size, atHead && !atTail)
	copy(to, lp[:at])
	copy(to[at+ins:], lp[at+del:])
	n.replace(p, r)
	return to
}

// shift is splice within the block, which has room. It moves the shorter side where that side has
// room, else the other, else both.
func (n *listNodes) shift(r mem.Ref, lp []byte, at, del, ins int) []byte {
	block := n.heap.Bytes(r, n.heap.Size(r))
	start := int(binary.LittleEndian.Uint16(block[2:]))
	grow, used := ins-del, len(lp)
	size := used + grow
	before, behind := start-leafHead, len(block)-start-used
	to := start
	switch {
	case grow <= before && (at < used-at-del || grow > behind):
		to = start - grow
	case grow <= behind:
	case at == packHead:
		to = len(block) - size
	default:
		to = leafHead
	}
	head, tail := block[start:start+at], block[start+at+del:start+used]
	if to > start { // the tail makes way
		copy(block[to+at+ins:], tail)
		copy(block[to:], head)
	} else {
		copy(block[to:], head)
		copy(block[to+at+ins:], tail)
	}
	block[0] &^= leafTried
	binary.LittleEndian.PutUint16(block[2:], uint16(to))
	return block[to : to+size]
}
