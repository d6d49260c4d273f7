// Validation of stream nodes from outside: RESTORE and RDB files.
//
// Every element is checked: what is accepted can be walked both ways and edited. IDs must rise, as
// they do in all that Redis writes, since look-ups rely on it.

package value

import (
	"fmt"

	"tarn/internal/listpack"
)

// validateStreamNode checks the listpack of a node with the given master ID. It returns the number
// of live entries and the IDs of the first and the last entry, deleted ones counted. Errors:
// ErrBadStream, wrapped.
func validateStreamNode(master StreamID, lp []byte) (live int, first, last StreamID, err error) {
	if err := listpack.Validate(lp); err != nil {
		return 0, first, last, fmt.Errorf("%w: %w", ErrBadStream, err)
	}
	c := streamChecker{lp: lp, at: listpack.First(lp)}
	wantLive, wantDeleted, fields := c.count(), c.count(), c.count()
	c.skip(fields)
	if c.int() != 0 {
		c.fail("end of the master entry")
	}
	deleted, entries := 0, 0
	for ; c.at >= 0 && c.err == nil; entries++ {
		id, isDeleted := c.entry(master, fields)
		if c.err != nil {
			break
		}
		if id.Less(master) || entries > 0 && !last.Less(id) {
			c.fail("order of IDs")
		}
		if entries == 0 {
			first = id
		}
		last = id
		if isDeleted {
			deleted++
		} else {
			live++
		}
	}
	if c.err == nil && (live != wantLive || deleted != wantDeleted || entries == 0) {
		c.fail("number of entries")
	}
	return live, first, last, c.err
}

// streamChecker reads elements one after another until something is wrong.
type streamChecker struct {
	lp       []byte
	at       int // -1: behind the last
	elements int // read
	err      error
}

func (c *streamChecker) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: offset %d: %s", ErrBadStream, c.at, what)
	}
}

// int reads an integer.
func (c *streamChecker) int() int64 {
	if c.err != nil || c.at < 0 {
		c.fail("missing element")
		return 0
	}
	v, next := listpack.Read(c.lp, c.at)
	if !v.IsInt {
		c.fail("not an integer")
		return 0
	}
	c.at = next
	c.elements++
	return v.Int
}

// count reads a number of things of which each takes an element.
func (c *streamChecker) count() int {
	n := c.int()
	if n < 0 || n > int64(len(c.lp)) {
		c.fail("number out of range")
		return 0
	}
	return int(n)
}

// skip passes n elements.
func (c *streamChecker) skip(n int) {
	for ; n > 0 && c.err == nil; n-- {
		if c.at < 0 {
			c.fail("missing element")
			return
		}
		c.at = listpack.Next(c.lp, c.at)
		c.elements++
	}
}

// entry reads one entry.
func (c *streamChecker) entry(master StreamID, fields int) (id StreamID, deleted bool) {
	c.elements = 0
	if c.err == nil && listpack.EntrySize(c.lp, c.at) != streamFlagsSize {
		c.fail("flags")
	}
	flags := c.int()
	if flags&^(streamEntryDeleted|streamSameFields) != 0 {
		c.fail("flags")
	}
	id = StreamID{master.Ms + uint64(c.int()), master.Seq + uint64(c.int())}
	if flags&streamSameFields != 0 {
		c.skip(fields)
	} else {
		c.skip(2 * c.count())
	}
	want := int64(c.elements)
	if c.int() != want {
		c.fail("count of elements")
	}
	return id, flags&streamEntryDeleted != 0
}
