// Cursor: a walk over a list, from any position to either end, leaf by leaf.

package value

import (
	"tarn/internal/btree"
	"tarn/internal/listpack"
)

// ListCursor walks a list. It is valid until the list changes. A walk that is no longer needed is
// closed, so that the next one finds its memory.
type ListCursor struct {
	nodes *listNodes // nil: lp is the whole list
	path  btree.Path
	lp    []byte // the leaf, nil when plain is
	plain []byte
	at    int // offset in lp of the next element; -1: none is left in the leaf
	pos   int // of the next element
	left  int // elements of lp from the next on; not kept by a walk back
	back  bool
	keeps bool       // what it returned stays readable
	buf   leafBuffer // of a squeezed leaf

	again  bool // the list has been searched before
	inVain int  // leaves without a summary that a search has read
}

// Walk returns a cursor whose next element is at position i, and which goes on towards the tail. A
// position beyond the list has no element. What the cursor returns is valid until it is called again.
func (l *List) Walk(i int) ListCursor { return l.cursor(ListCursor{pos: i}) }

// WalkBack is Walk towards the head.
func (l *List) WalkBack(i int) ListCursor { return l.cursor(ListCursor{pos: i, back: true}) }

// From is Walk with a cursor of which all that it returns is valid until the list changes.
func (l *List) From(i int) ListCursor { return l.cursor(ListCursor{pos: i, keeps: true}) }

// BackFrom is From towards the head.
func (l *List) BackFrom(i int) ListCursor {
	return l.cursor(ListCursor{pos: i, back: true, keeps: true})
}

// Close ends a walk. What the cursor returned is not valid any more, unless it is From's.
func (c *ListCursor) Close() {
	if !c.keeps {
		c.buf.close()
	}
	c.nodes, c.at = nil, -1
}

// cursor makes the next element of c the one at its position.
func (l *List) cursor(c ListCursor) ListCursor {
	i := c.pos
	c.nodes, c.at = l.nodes, -1
	switch {
	case i < 0 || i >= l.Len():
		c.nodes = nil
	case l.nodes == nil:
		c.lp = l.key.Packed()
		c.at = listpack.Seek(c.lp, i)
		c.left = l.Len() - i
	default:
		c.again = l.nodes.searched
		offset := c.seek(i)
		c.open()
		if c.lp != nil {
			c.at = listpack.Seek(c.lp, offset)
			c.left -= offset
		}
	}
	return c
}

// seek makes the path lead to the leaf of position i.
func (c *ListCursor) seek(i int) (offset int) {
	if n := c.nodes; i == n.Len()-1 {
		n.seq.Last(&c.path)
		return n.seq.Count(&c.path) - 1
	}
	return c.nodes.seq.Find(i, &c.path)
}

// open makes the path's leaf the cursor's, at its first element or its last.
func (c *ListCursor) open() {
	n, r := c.nodes, c.path.Leaf
	if c.keeps {
		c.buf = leafBuffer{}
	}
	lp := n.view(r, &c.buf)
	if n.kind(r) == leafPlain {
		c.lp, c.plain, c.at = nil, lp, 0
		return
	}
	c.lp, c.plain = lp, nil
	c.left = n.seq.Count(&c.path)
	if c.back {
		c.at = listpack.Last(c.lp)
	} else {
		c.at = listpack.First(c.lp)
	}
}

// turn opens the next leaf, and reports whether there is one.
func (c *ListCursor) turn() bool {
	if c.nodes == nil || c.back && !c.nodes.seq.Prev(&c.path) || !c.back && !c.nodes.seq.Next(&c.path) {
		return false
	}
	c.open()
	return true
}

// Position returns that of the next element.
func (c *ListCursor) Position() int { return c.pos }

// Next returns the next element, borrowed, and false at the end.
func (c *ListCursor) Next() (v listpack.Value, ok bool) {
	if c.at < 0 && !c.turn() {
		return v, false
	}
	switch {
	case c.lp == nil:
		v.Str, c.at = c.plain, -1
	case c.back:
		v = listpack.Get(c.lp, c.at)
		c.at = listpack.Prev(c.lp, c.at)
	default:
		v, c.at = listpack.Read(c.lp, c.at)
		c.left--
	}
	if c.back {
		c.pos--
	} else {
		c.pos++
	}
	return v, true
}

// Find goes on to the next element equal to elem, passes it, and returns its position, or -1 at the
// end or when the next most elements are others.
func (c *ListCursor) Find(elem []byte, most int) (pos int) {
	if c.back {
		return c.findBack(elem, most)
	}
	stop, hash := c.pos+most, c.hash(elem)
	for c.pos < stop {
		if c.at < 0 {
			if _, ok := c.turnTo(hash, stop-c.pos); !ok {
				break
			}
		}
		if c.lp == nil {
			found := string(c.plain) == string(elem)
			c.at = -1
			if c.pos++; found {
				return c.pos - 1
			}
			continue
		}
		found := listpack.Find(c.lp, c.at, elem, 0)
		end := found
		if found < 0 {
			if c.left <= stop-c.pos {
				c.pos += c.left
				c.at = -1
				c.summarize()
				continue
			}
			end = listpack.End(c.lp)
		}
		for c.at < end && c.pos < stop {
			c.at += listpack.EntrySize(c.lp, c.at)
			c.pos++
			c.left--
		}
		switch {
		case found < 0:
			c.at = -1
		case c.at == found && c.pos < stop:
			c.at = listpack.Next(c.lp, found)
			c.pos++
			c.left--
			return c.pos - 1
		}
	}
	return -1
}

func (c *ListCursor) findBack(elem []byte, most int) (pos int) {
	n, isInt := listpack.Integer(elem)
	hash := c.hash(elem)
	for most > 0 {
		if c.at < 0 {
			passed, ok := c.turnTo(hash, most)
			if most -= passed; !ok {
				break
			}
		}
		if c.lp == nil {
			found := string(c.plain) == string(elem)
			c.at = -1
			most--
			if c.pos--; found {
				return c.pos + 1
			}
			continue
		}
		for at := c.at; at >= 0 && most > 0; most-- {
			v := listpack.Get(c.lp, at)
			at = listpack.Prev(c.lp, at)
			c.at = at
			c.pos--
			if v.IsInt && isInt && v.Int == n || !v.IsInt && string(v.Str) == string(elem) {
				return c.pos + 1
			}
		}
		if c.at < 0 {
			c.summarize()
		}
	}
	return -1
}

// hash returns what summaries know elem by, where there are any.
func (c *ListCursor) hash(elem []byte) uint64 {
	if c.nodes == nil || c.nodes.summed == 0 {
		return 0
	}
	return hashElement(elem)
}
