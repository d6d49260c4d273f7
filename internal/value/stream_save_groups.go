// Saving of a stream's groups: what was pending at the cut, read while it changes.
//
// Cut writes down the groups and consumers, not what is pending: of that there can be millions. A
// pending entry bears the number of the last cut before it was made or changed; one that was there at
// the cut under way bears a lesser one, and is unsaved and immutable. What changes it makes a new
// block, and the old one is set aside with its consumer, as is one that is removed.
//
// Each is saved twice: in the group's list, with times and counts, and in its consumer's. Both are
// walked by ID, so that an ID tells whether the walk has passed an entry that is set aside. One that
// the first walk had passed is marked as listed; one that the second had passed need not be set aside.

package value

import (
	"encoding/binary"

	"tarn/internal/mem"
)

const (
	pendingListed = 1 << 31 // in the number of the cut: the group's list has the entry
	pendingCuts   = pendingListed - 1

	asideBytes     = 8    // about what Go's heap holds for a block aside
	streamCutSteps = 4096 // entries that are looked at in one go
)

// groupCut is a group that is being saved.
type groupCut struct {
	g         *StreamGroup
	item      []byte         // the group's own, with its length; nil: saved
	next      StreamID       // entries before it are listed
	listed    bool           // so are all the others that the group still has
	at        int            // consumers before it have everything aside listed
	consumers []*consumerCut // those not saved
}

// consumerCut is a consumer that is being saved.
type consumerCut struct {
	of     *groupCut
	c      *StreamConsumer
	item   []byte    // as the group's
	next   StreamID  // entries before it are saved
	saved  bool      // so are all the others that the consumer still has
	aside  []mem.Ref // entries that were changed or removed before they were saved
	looked int       // entries aside before it are listed
}

// cutGroups writes the groups down.
func (s *Stream) cutGroups(c *streamCut) {
	s.cuts = (s.cuts + 1) & pendingCuts
	for _, g := range s.groups {
		item := appendWord([]byte{streamItemGroup}, uint64(g.Read))
		item = appendWord(item, uint64(g.pending.Len()))
		item = appendWord(item, uint64(len(g.consumers)))
		item = append(appendStreamID(item, g.LastID), g.Name...)
		of := &groupCut{g: g, item: appendItem(nil, item)}
		c.held += int64(len(item))
		for _, reader := range g.consumers {
			item = append(item[:0], streamItemConsumer)
			item = appendWord(item, uint64(reader.Seen))
			item = appendWord(item, uint64(reader.Active))
			item = append(appendWord(item, uint64(reader.pending.Len())), reader.Name...)
			reader.cut = &consumerCut{of: of, c: reader, item: appendItem(nil, item)}
			of.consumers = append(of.consumers, reader.cut)
			c.held += int64(len(item))
		}
		c.groups = append(c.groups, of)
	}
}

// wasCut tells whether the entry in block r was there, as it is, at the cut.
func (s *Stream) wasCut(r mem.Ref) bool {
	return binary.LittleEndian.Uint32(s.heap.Bytes(r, pendingSize)[pendingCutAt:])&pendingCuts != s.cuts
}

// isPendingUnsaved tells whether a pending entry must not change.
func (s *Stream) isPendingUnsaved(p StreamPending) bool {
	if s.cut == nil || p.Consumer == nil || p.Consumer.cut == nil || !s.wasCut(p.ref) {
		return false
	}
	c := p.Consumer.cut
	return !c.saved && !p.ID.Less(c.next)
}

// keepPending sets the block of an entry aside that has left the trees, if the save needs it, and
// tells whether it does.
func (s *Stream) keepPending(p StreamPending) bool {
	if !s.isPendingUnsaved(p) {
		return false
	}
	c := p.Consumer.cut
	if c.of.listed || p.ID.Less(c.of.next) {
		b := s.heap.Bytes(p.ref, pendingSize)[pendingCutAt:]
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)|pendingListed)
	}
	c.aside = append(c.aside, p.ref)
	size := s.heap.Size(p.ref)
	s.bytes -= uint64(size)
	s.cut.account(int64(size + asideBytes))
	return true
}

// account counts bytes held for the save, or no longer held.
func (c *streamCut) account(bytes int64) {
	c.held += bytes
	c.hold(bytes)
}

// dropLastAside frees the last of the entries that a consumer has aside.
func (s *Stream) dropLastAside(c *consumerCut) {
	last := len(c.aside) - 1
	r := c.aside[last]
	c.aside = c.aside[:last]
	size := s.heap.Size(r)
	s.heap.Free(r, mem.Nodes)
	s.cut.account(-int64(size + asideBytes))
}

// endGroups frees what the save has not come to.
func (s *Stream) endGroups() {
	for _, g := range s.cut.groups {
		for _, c := range g.consumers {
			for len(c.aside) > 0 {
				s.dropLastAside(c)
			}
			c.c.cut = nil
		}
	}
}

// saveGroups appends the next items of the groups, until dst has about full bytes or many entries were
// looked at, and tells whether there are more.
func (s *Stream) saveGroups(dst []byte, full int) (out []byte, more bool) {
	c := s.cut
	for c.steps = 0; len(dst) < full && c.steps < streamCutSteps && len(c.groups) > 0; {
		c.item = c.item[:0]
		switch g := c.groups[0]; {
		case g.item != nil:
			dst = append(dst, g.item...)
			g.item = nil
		case !g.listed:
			s.listPending(g, full-len(dst))
		case g.at < len(g.consumers):
			s.listAside(g, full-len(dst))
		case len(g.consumers) > 0:
			dst = s.saveConsumer(dst, g, full-len(dst))
		default:
			c.groups = c.groups[1:]
		}
		if len(c.item) > 1 {
			dst = appendItem(dst, c.item)
		}
	}
	return dst, len(c.groups) > 0
}

// isFull tells whether the item that is being made is to be ended, and otherwise counts a step.
func (c *streamCut) isFull(limit, entrySize int) bool {
	if len(c.item) > 1 && len(c.item) >= min(limit, streamItemEntries*entrySize) || c.steps >= streamCutSteps {
		return true
	}
	c.steps++
	return false
}

// listPending makes an item of the next entries of a group.
func (s *Stream) listPending(g *groupCut, limit int) {
	c := s.cut
	c.item = append(c.item, streamItemPending)
	g.listed = true
	s.RangePending(g.g, nil, g.next, MaxStreamID, func(p StreamPending) bool {
		if c.isFull(limit, streamPendingItem) {
			g.listed = false
			return false
		}
		if s.wasCut(p.ref) {
			c.item = appendPendingItem(c.item, p)
		}
		if next, ok := p.ID.Next(); ok {
			g.next = next
		}
		return true
	})
}

func appendPendingItem(item []byte, p StreamPending) []byte {
	return appendWord(appendWord(appendStreamID(item, p.ID), uint64(p.Time)), p.Count)
}

// listAside makes an item of entries that a consumer has aside, and that are not listed.
func (s *Stream) listAside(g *groupCut, limit int) {
	c, reader := s.cut, g.consumers[g.at]
	c.item = append(c.item, streamItemPending)
	for ; reader.looked < len(reader.aside); reader.looked++ {
		if c.isFull(limit, streamPendingItem) {
			return
		}
		r := reader.aside[reader.looked]
		if binary.LittleEndian.Uint32(s.heap.Bytes(r, pendingSize)[pendingCutAt:])&pendingListed == 0 {
			c.item = appendPendingItem(c.item, s.readPendingOf(reader.c, r))
		}
	}
	g.at++
}

// saveConsumer appends the consumer's own item, or makes one of its next entries, and lets go of a
// consumer that has no more.
func (s *Stream) saveConsumer(dst []byte, g *groupCut, limit int) []byte {
	c, reader := s.cut, g.consumers[0]
	if reader.item != nil {
		dst = append(dst, reader.item...)
		reader.item = nil
		return dst
	}
	c.item = append(c.item, streamItemHeld)
	if !reader.saved {
		reader.saved = true
		s.RangePending(g.g, reader.c, reader.next, MaxStreamID, func(p StreamPending) bool {
			if c.isFull(limit, streamIDSize) {
				reader.saved = false
				return false
			}
			if s.wasCut(p.ref) {
				c.item = appendStreamID(c.item, p.ID)
			}
			if next, ok := p.ID.Next(); ok {
				reader.next = next
			}
			return true
		})
		return dst
	}
	for last := len(reader.aside) - 1; last >= 0 && !c.isFull(limit, streamIDSize); last-- {
		c.item = append(c.item, s.heap.Bytes(reader.aside[last], streamIDSize)...)
		s.dropLastAside(reader)
	}
	if len(reader.aside) == 0 {
		reader.c.cut = nil
		g.consumers = g.consumers[1:]
	}
	return dst
}
