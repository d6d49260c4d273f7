// Saving a large list: its leaves as of an instant, read piece by piece while the list changes.
//
// The cut notes the refs of all leaves, in order, and changes the epoch. A leaf of the old epoch that
// the save has not passed is not changed any more: what replaces or removes it leaves it aside,
// marked as an orphan. The save walks the refs noted: it gives each leaf that is still the list's the
// new epoch, and frees each orphan. Hence all leaves are of one epoch when no save is under way, and
// two epochs are enough.

package value

import (
	"encoding/binary"
	"slices"

	"tarn/internal/mem"
)

// listCut is the state of a save under way.
type listCut struct {
	running bool
	leaves  []mem.Ref // as of the cut
	next    int       // the first of them not passed
	count   int       // elements at the cut
	held    uint64    // bytes of the orphans
	hold    func(bytes int64)
}

func (c *listCut) keep(bytes uint64) {
	c.held += bytes
	c.hold(int64(bytes))
}

// Cut keeps the elements as of now readable by Save until EndSave.
func (n *listNodes) Cut(hold func(bytes int64)) {
	n.EndSave()
	leaves := make([]mem.Ref, 0, n.seq.Leaves())
	n.cut = listCut{running: true, leaves: n.seq.Refs(leaves), count: n.seq.Len(), hold: hold}
	n.epoch ^= 1
}

// Count returns the number of elements at the cut.
func (n *listNodes) Count() int { return n.cut.count }

// Save appends the next leaves, each an item: a byte of its kind, 1 for one plain element or 2 for a
// listpack, and its contents.
func (n *listNodes) Save(dst []byte, limit int) (out []byte, more bool) {
	c := &n.cut
	for end := len(dst) + limit; c.next < len(c.leaves) && len(dst) < end; c.next++ {
		r := c.leaves[c.next]
		if n.isSqueezed(r) {
			dst = n.appendSqueezed(dst, r)
		} else {
			contents := n.contents(r)
			dst = binary.AppendUvarint(dst, uint64(1+len(contents)))
			dst = append(append(dst, n.kind(r)), contents...)
		}
		n.pass(r)
	}
	return dst, c.next < len(c.leaves)
}

// appendSqueezed is what Save appends of a squeezed leaf.
func (n *listNodes) appendSqueezed(dst []byte, r mem.Ref) []byte {
	raw, packed := n.squeezedParts(r)
	dst = append(binary.AppendUvarint(dst, uint64(1+raw)), n.kind(r))
	at := len(dst)
	dst = slices.Grow(dst, raw)[:at+raw]
	unsqueeze(dst[at:], packed)
	return dst
}

// contents returns what a leaf that is not squeezed holds: an element or a listpack.
func (n *listNodes) contents(r mem.Ref) []byte {
	if n.kind(r) == leafPlain {
		return n.plain(r)
	}
	return n.pack(r)
}

// pass lets a leaf of the cut be changed again, or frees it when the list has it no more.
func (n *listNodes) pass(r mem.Ref) {
	head := n.heap.Bytes(r, leafHead)
	if head[0]&leafOrphan == 0 {
		head[1] = n.epoch
		return
	}
	size := uint64(n.heap.Size(r))
	n.heap.Free(r, mem.Values)
	n.cut.held -= size
	n.cut.hold(-int64(size))
}

// EndSave ends what Cut began, whether all was saved or not.
func (n *listNodes) EndSave() {
	if !n.cut.running {
		return
	}
	for _, r := range n.cut.leaves[n.cut.next:] {
		n.pass(r)
	}
	n.cut = listCut{}
}
