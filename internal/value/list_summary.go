// Summaries: what tells of a leaf that an element is not in it.
//
// LINSERT, LPOS and LREM look for an element from an end on. To read half of a list of millions is to
// read megabytes, so a large list that is searched again gets a Bloom filter for each leaf that a search
// has read in vain: a byte an element, or an eighth of the leaf's block, in a block of its own, to
// which the leaf's head leads. The next search reads two cache lines of a leaf instead of all of it.
// One search makes so many summaries and no more. A list that nobody searches has none.
//
// What must hold: a summary knows all elements of its leaf; it may know others, that have gone. So
// whoever adds an element to a leaf notes it, or drops the summary.

package value

import (
	"encoding/binary"
	"hash/maphash"

	"tarn/internal/listpack"
	"tarn/internal/mem"
)

const (
	summaryLine  = 64  // bytes: of a cache line, in which all bits of an element stand
	leastSummed  = 32  // elements of a leaf worth a summary
	mostSummed   = 256 // leaves that one search makes summaries of: about 1 ms
	searchedFrom = 64  // leaves read in vain that make a list one that is searched
)

var summarySeed = maphash.MakeSeed()

// hashElement returns the hash of an element by its text.
func hashElement(elem []byte) uint64 {
	if n, isInt := listpack.Integer(elem); isInt {
		return hashInteger(n)
	}
	return maphash.Bytes(summarySeed, elem)
}

func hashInteger(n int64) uint64 {
	h := uint64(n) * 0x9E3779B97F4A7C15
	h = (h ^ h>>32) * 0xD6E8FEB86659FD93
	return h ^ h>>32
}

// summaryOf returns a leaf's summary, nil when it has none.
func (n *listNodes) summaryOf(r mem.Ref) []byte {
	head := n.heap.Bytes(r, leafHead)
	if head[0]&leafSummed == 0 {
		return nil
	}
	s := mem.Ref(binary.LittleEndian.Uint32(head[4:]))
	return n.heap.Bytes(s, n.heap.Size(s))
}

// lineOf returns the line of a summary in which an element has its bits.
func lineOf(summary []byte, hash uint64) []byte {
	at := int(hash>>32*uint64(len(summary)/summaryLine)>>32) * summaryLine
	return summary[at : at+summaryLine]
}

// mayHold tells whether an element with this hash may be in a leaf.
func (n *listNodes) mayHold(r mem.Ref, hash uint64) bool {
	summary := n.summaryOf(r)
	if summary == nil {
		return true
	}
	line := lineOf(summary, hash)
	for shift := 0; shift < 36; shift += 9 {
		if bit := hash >> shift & 511; line[bit>>3]>>(bit&7)&1 == 0 {
			return false
		}
	}
	return true
}

func note(summary []byte, hash uint64) {
	line := lineOf(summary, hash)
	for shift := 0; shift < 36; shift += 9 {
		bit := hash >> shift & 511
		line[bit>>3] |= 1 << (bit & 7)
	}
}

// noteIn tells the summary of a leaf, if it has one, of an element that it gets.
func (n *listNodes) noteIn(r mem.Ref, elem []byte) {
	if summary := n.summaryOf(r); summary != nil {
		note(summary, hashElement(elem))
	}
}

// summarize gives a leaf a summary of its listpack, of count elements, if it has none and memory
// is granted.
func (n *listNodes) summarize(r mem.Ref, lp []byte, count int) {
	head := n.heap.Bytes(r, leafHead)
	if head[0]&leafSummed != 0 || count < leastSummed {
		return
	}
	lines := min((count+summaryLine-1)/summaryLine, max(n.heap.Size(r)/8/summaryLine, 1))
	s := n.heap.Alloc(lines*summaryLine, mem.Values)
	if s == 0 {
		return
	}
	n.bytes += uint64(n.heap.Size(s))
	n.summed++
	head[0] |= leafSummed
	binary.LittleEndian.PutUint32(head[4:], uint32(s))
	summary := n.summaryOf(r)
	clear(summary)
	for at := listpack.First(lp); at >= 0; {
		var v listpack.Value
		if v, at = listpack.Read(lp, at); v.IsInt {
			note(summary, hashInteger(v.Int))
		} else {
			note(summary, hashElement(v.Str))
		}
	}
}

// moveSummary gives the summary of a leaf, if it has one, to one of the same elements.
func (n *listNodes) moveSummary(from, to mem.Ref) {
	if head := n.heap.Bytes(from, leafHead); head[0]&leafSummed != 0 {
		head[0] &^= leafSummed
		fresh := n.heap.Bytes(to, leafHead)
		fresh[0] |= leafSummed
		copy(fresh[4:], head[4:])
	}
}

// dropSummary frees a leaf's summary, if it has one.
func (n *listNodes) dropSummary(r mem.Ref) {
	if head := n.heap.Bytes(r, leafHead); head[0]&leafSummed != 0 {
		head[0] &^= leafSummed
		s := mem.Ref(binary.LittleEndian.Uint32(head[4:]))
		n.bytes -= uint64(n.heap.Size(s))
		n.heap.Free(s, mem.Values)
		n.summed--
	}
}

// summarize gives the leaf that the cursor has just read in vain a summary, if searches go on like that.
func (c *ListCursor) summarize() {
	n := c.nodes
	if n == nil || n.heap.Bytes(c.path.Leaf, leafHead)[0]&leafSummed != 0 {
		return
	}
	if c.inVain++; c.inVain == searchedFrom {
		n.searched = true
	}
	if c.again && c.inVain <= mostSummed {
		n.summarize(c.path.Leaf, c.lp, n.seq.Count(&c.path))
	}
}

// turnTo is turn in search of an element with this hash: it passes over leaves in which that is not, as
// long as they are among the next most elements. It returns how many elements it has passed.
func (c *ListCursor) turnTo(hash uint64, most int) (passed int, ok bool) {
	n := c.nodes
	if n == nil || n.summed == 0 {
		return 0, c.turn()
	}
	for c.back && n.seq.Prev(&c.path) || !c.back && n.seq.Next(&c.path) {
		count := n.seq.Count(&c.path)
		if count > most-passed || n.mayHold(c.path.Leaf, hash) {
			c.open()
			return passed, true
		}
		passed += count
		if c.back {
			c.pos -= count
		} else {
			c.pos += count
		}
	}
	return passed, false
}
