// What XINFO tells of the radix tree in which Redis would keep the stream's nodes.

package value

import "tarn/internal/mem"

const radixExact = 4096 // nodes that are looked at; more are estimated from them

// RadixNodes returns the number of nodes of a radix tree of the master IDs, in which a run of bytes
// without a branch is one node.
func (s *Stream) RadixNodes() int {
	if s.nodes.Len() == 0 {
		return 1
	}
	c := radixCounter{count: min(s.nodes.Len(), radixExact)}
	var before [streamIDSize]byte
	rank := 0
	var key [streamIDSize]byte
	s.nodes.Ascend(0, func(ms uint64, r mem.Ref) bool {
		putStreamID(key[:], s.id(streamPlace{ms, r}))
		if rank > 0 {
			c.branchAt(commonBytes(&before, &key))
		}
		before = key
		rank++
		return rank < radixExact
	})
	last := c.closeTo(-1, streamIDSize)
	c.chain(last)
	if s.nodes.Len() > radixExact {
		return int(float64(c.count) * float64(s.nodes.Len()) / radixExact)
	}
	return c.count
}

func commonBytes(a, b *[streamIDSize]byte) int {
	n := 0
	for n < streamIDSize && a[n] == b[n] {
		n++
	}
	return n
}

// radixCounter counts nodes; leaves are counted already. depths are those of the open branches.
type radixCounter struct {
	count  int
	depths []int
}

// chain counts the node of a run of so many bytes.
func (c *radixCounter) chain(bytes int) {
	if bytes > 0 {
		c.count++
	}
}

// closeTo closes the branches deeper than depth, the deepest of which has a child that begins at
// below, and returns where the last one closed begins.
func (c *radixCounter) closeTo(depth, below int) int {
	for len(c.depths) > 0 && c.depths[len(c.depths)-1] > depth {
		top := c.depths[len(c.depths)-1]
		c.depths = c.depths[:len(c.depths)-1]
		c.chain(below - top - 1)
		c.count++
		below = top
	}
	return below
}

// branchAt notes that a key differs from the one before it first in the byte at depth.
func (c *radixCounter) branchAt(depth int) {
	c.chain(c.closeTo(depth, streamIDSize) - depth - 1)
	if len(c.depths) == 0 || c.depths[len(c.depths)-1] != depth {
		c.depths = append(c.depths, depth)
	}
}
