// The ends of a large list: single elements that come and go there, the way most lists are used.
//
// Here is only what can be done where the leaf stands, in a few stores: the listpack's head moves, or
// its end mark. Whatever needs more than that (another block, a save's copy, a squeezed leaf) is
// left to the general way in list_nodes.go, to the same outcome.

package value

import (
	"encoding/binary"

	"tarn/internal/btree"
	"tarn/internal/listpack"
)

// openEnd returns the block of p's leaf and the span in it of its listpack, when that may be changed
// where it stands; else nil.
func (n *listNodes) openEnd(p *btree.Path) (block []byte, start, total int) {
	head := n.heap.Bytes(p.Leaf, leafHead)
	if head[0]&(leafKindMask|leafSqueezed) != leafPacked || n.cut.running && head[1] != n.epoch {
		return nil, 0, 0
	}
	block = n.heap.Bytes(p.Leaf, n.heap.Size(p.Leaf))
	start = int(binary.LittleEndian.Uint16(block[2:]))
	return block, start, listpack.Total(block[start:])
}

// pushInPlace is push into the room that p's leaf has, and reports whether there is any.
func (n *listNodes) pushInPlace(p *btree.Path, elem []byte, size int, atHead bool) bool {
	block, start, total := n.openEnd(p)
	if block == nil || !n.limit.holds(total+size, n.seq.Count(p)+1) {
		return false
	}
	var lp []byte
	if atHead {
		if start-size < leafHead {
			return false
		}
		count := binary.LittleEndian.Uint16(block[start+4:])
		start -= size
		lp = block[start : start+size+total]
		binary.LittleEndian.PutUint16(lp[4:], count)
		binary.LittleEndian.PutUint16(block[2:], uint16(start))
		listpack.Write(lp[packHead:], elem)
	} else {
		if start+total+size > len(block) {
			return false
		}
		lp = block[start : start+total+size]
		listpack.Write(lp[total-1:], elem)
		lp[len(lp)-1] = 0xFF
	}
	block[0] &^= leafTried
	listpack.Fix(lp, 1)
	n.noteIn(p.Leaf, elem)
	return n.seq.Add(p, 1)
}

// popInPlace removes the first element or the last, if its leaf keeps others and its block, which is
// too large soon: of a long list that does not matter, since the leaf goes or fills again.
func (n *listNodes) popInPlace(tail bool) bool {
	var p btree.Path
	n.end(&p, !tail)
	block, start, total := n.openEnd(&p)
	if block == nil || n.seq.Count(&p) < 2 {
		return false
	}
	lp := block[start : start+total]
	at, size := listpack.Last(lp), 0
	if tail {
		size = total - 1 - at
	} else {
		size = listpack.EntrySize(lp, packHead)
	}
	if n.seq.Leaves() < manyLeaves && len(block)-leafHead > 2*(total-size)+leafSpare {
		return false // it is to move to a smaller block
	}
	if tail {
		lp = lp[:total-size]
		lp[at] = 0xFF
	} else {
		count := binary.LittleEndian.Uint16(lp[4:])
		lp = lp[size:]
		binary.LittleEndian.PutUint16(lp[4:], count)
		binary.LittleEndian.PutUint16(block[2:], uint16(start+size))
	}
	block[0] &^= leafTried
	listpack.Fix(lp, -1)
	return n.seq.Add(&p, -1)
}

// Edge returns the first element or the last, borrowed until the list changes. ok is false when it must
// be looked at by a walk.
func (l *List) Edge(tail bool) (v listpack.Value, ok bool) {
	var lp []byte
	if n := l.nodes; n == nil {
		lp = l.key.Packed()
	} else {
		var p btree.Path
		n.end(&p, !tail)
		if n.kind(p.Leaf) != leafPacked || n.isSqueezed(p.Leaf) {
			return v, false
		}
		lp = n.pack(p.Leaf)
	}
	if tail {
		return listpack.Get(lp, listpack.Last(lp)), true
	}
	return listpack.Get(lp, packHead), true
}
