// Consumer groups: who was given which entries and has not acknowledged them.
//
// Names and a few numbers are Go values; what there can be millions of, pending entries, are blocks in
// two trees, the group's and that of the consumer they were given to:
//
//	offset 0   ID, two big-endian numbers
//	      16   time of the last delivery, Unix ms
//	      24   number of deliveries
//	      32   number of the consumer in its group, 4 bytes
//	      36   number of the last cut before it was made or changed, 4 bytes (stream_save_groups.go)
//
// The other numbers are little endian. A pending entry need not be in the stream any more.

package value

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tarn/internal/mem"
)

const (
	pendingTimeAt     = 16
	pendingCountAt    = 24
	pendingConsumerAt = 32
	pendingCutAt      = 36
	pendingSize       = 40

	consumerNone = ^uint32(0) // only while a stream is loaded
)

// NotRead says that it is not known how many entries a group has read.
const NotRead int64 = -1

// StreamGroup is a consumer group.
type StreamGroup struct {
	Name   string
	LastID StreamID // the last that was given to a consumer
	Read   int64    // entries given out or passed over since the first ever, or NotRead

	pending   *streamTree
	consumers []*StreamConsumer // by name
	numbered  []*StreamConsumer // by number; nil: free
}

// StreamConsumer is one of a group's readers.
type StreamConsumer struct {
	Name   string
	Seen   int64 // Unix ms of its last attempt to read or claim
	Active int64 // Unix ms of its last success, -1: never

	pending *streamTree
	number  uint32
	cut     *consumerCut // nil: no save needs what is pending for it
}

// StreamPending is an entry that was given out and not acknowledged.
type StreamPending struct {
	ID       StreamID
	Consumer *StreamConsumer
	Time     int64 // of the last delivery, Unix ms
	Count    uint64

	ref mem.Ref
}

// Groups returns the groups by name, to be read only.
func (s *Stream) Groups() []*StreamGroup { return s.groups }

// Consumers returns the consumers by name, to be read only.
func (g *StreamGroup) Consumers() []*StreamConsumer { return g.consumers }

// Pending returns the number of pending entries.
func (g *StreamGroup) Pending() int { return g.pending.Len() }

// Pending returns the number of pending entries.
func (c *StreamConsumer) Pending() int { return c.pending.Len() }

// Group finds a group; nil: there is none of the name.
func (s *Stream) Group(name []byte) *StreamGroup {
	if i, ok := s.groupAt(name); ok {
		return s.groups[i]
	}
	return nil
}

func (s *Stream) groupAt(name []byte) (i int, ok bool) {
	return slices.BinarySearchFunc(s.groups, name, func(g *StreamGroup, name []byte) int { return compareName(g.Name, name) })
}

// AddGroup makes a group whose name is not taken.
func (s *Stream) AddGroup(name []byte, last StreamID, read int64) *StreamGroup {
	i, _ := s.groupAt(name)
	g := &StreamGroup{Name: string(name), LastID: last, Read: read, pending: newStreamTree(s.heap, true)}
	s.groups = slices.Insert(s.groups, i, g)
	return g
}

// RemoveGroup destroys a group. Its pending entries are freed bit by bit.
func (s *Stream) RemoveGroup(g *StreamGroup) {
	i := slices.Index(s.groups, g)
	s.groups = slices.Delete(s.groups, i, i+1)
	s.dead = append(s.dead, g)
	s.freeDead(streamFreeSlice)
}

// streamFreeSlice is the number of blocks of destroyed groups that are freed at a time.
const streamFreeSlice = 64

// freeDead frees up to steps pending entries of destroyed groups, and tells whether all are freed.
func (s *Stream) freeDead(steps int) (done bool) {
	for len(s.dead) > 0 {
		g := s.dead[len(s.dead)-1]
		for ; steps > 0 && g.pending.Len() > 0; steps-- {
			_, r := g.pending.At(g.pending.Len() - 1)
			s.dropPending(g, s.readPending(g, r))
		}
		if g.pending.Len() > 0 {
			return false
		}
		s.dead[len(s.dead)-1] = nil
		s.dead = s.dead[:len(s.dead)-1]
	}
	s.dead = nil
	return true
}

// Consumer finds a consumer; nil: there is none of the name.
func (g *StreamGroup) Consumer(name []byte) *StreamConsumer {
	if i, ok := g.consumerAt(name); ok {
		return g.consumers[i]
	}
	return nil
}

func (g *StreamGroup) consumerAt(name []byte) (i int, ok bool) {
	return slices.BinarySearchFunc(g.consumers, name, func(c *StreamConsumer, name []byte) int { return compareName(c.Name, name) })
}

// compareName is cmp.Compare without a copy of b.
func compareName(a string, b []byte) int {
	switch {
	case a < string(b):
		return -1
	case a > string(b):
		return 1
	}
	return 0
}

// AddConsumer makes a consumer whose name is not taken, last seen now and never active.
func (s *Stream) AddConsumer(g *StreamGroup, name []byte, now int64) *StreamConsumer {
	i, _ := g.consumerAt(name)
	c := &StreamConsumer{Name: string(name), Seen: now, Active: -1, pending: newStreamTree(s.heap, true)}
	number := slices.Index(g.numbered, nil)
	if number < 0 {
		number = len(g.numbered)
		g.numbered = append(g.numbered, nil)
	}
	c.number, g.numbered[number] = uint32(number), c
	g.consumers = slices.Insert(g.consumers, i, c)
	return c
}

// RemoveConsumer removes a consumer and what is pending for it, and returns how much that was.
func (s *Stream) RemoveConsumer(g *StreamGroup, c *StreamConsumer) (pending int) {
	for ; c.pending.Len() > 0; pending++ {
		_, r := c.pending.At(c.pending.Len() - 1)
		s.dropPending(g, s.readPending(g, r))
	}
	g.numbered[c.number] = nil
	i := slices.Index(g.consumers, c)
	g.consumers = slices.Delete(g.consumers, i, i+1)
	return pending
}

func (s *Stream) readPending(g *StreamGroup, r mem.Ref) StreamPending {
	var c *StreamConsumer
	if number := binary.LittleEndian.Uint32(s.heap.Bytes(r, pendingSize)[pendingConsumerAt:]); number != consumerNone {
		c = g.numbered[number]
	}
	return s.readPendingOf(c, r)
}

// readPendingOf reads the entry in a block that is pending for a consumer.
func (s *Stream) readPendingOf(c *StreamConsumer, r mem.Ref) StreamPending {
	b := s.heap.Bytes(r, pendingSize)
	return StreamPending{
		ID:       readStreamID(b),
		Consumer: c,
		Time:     int64(binary.LittleEndian.Uint64(b[pendingTimeAt:])),
		Count:    binary.LittleEndian.Uint64(b[pendingCountAt:]),
		ref:      r,
	}
}

func (s *Stream) writePending(p *StreamPending) {
	b := s.heap.Bytes(p.ref, pendingSize)
	putStreamID(b, p.ID)
	binary.LittleEndian.PutUint64(b[pendingTimeAt:], uint64(p.Time))
	binary.LittleEndian.PutUint64(b[pendingCountAt:], p.Count)
	number := consumerNone
	if p.Consumer != nil {
		number = p.Consumer.number
	}
	binary.LittleEndian.PutUint32(b[pendingConsumerAt:], number)
	binary.LittleEndian.PutUint32(b[pendingCutAt:], s.cuts)
}

// FindPending finds the pending entry of an ID.
func (s *Stream) FindPending(g *StreamGroup, id StreamID) (p StreamPending, found bool) {
	r := s.lookup(g.pending, id)
	if r == 0 {
		return p, false
	}
	return s.readPending(g, r), true
}

// AddPending makes an ID pending that is not; false: no memory, and nothing has changed.
func (s *Stream) AddPending(g *StreamGroup, p StreamPending) bool {
	if p.ref = s.alloc(pendingSize); p.ref == 0 {
		return false
	}
	s.writePending(&p)
	if !s.insert(g.pending, p.ID.Ms, p.ref) {
		s.free(p.ref)
		return false
	}
	if !s.insert(p.Consumer.pending, p.ID.Ms, p.ref) {
		s.remove(g.pending, p.ID.Ms, p.ref)
		s.free(p.ref)
		return false
	}
	return true
}

// ChangePending makes the pending entry p, found before, another consumer's, or delivered at another
// time or another number of times; false: no memory, and nothing has changed.
func (s *Stream) ChangePending(g *StreamGroup, p, to StreamPending) bool {
	if s.isPendingUnsaved(p) {
		return s.replacePending(g, p, to)
	}
	if p.Consumer != to.Consumer {
		if !s.insert(to.Consumer.pending, p.ID.Ms, p.ref) {
			return false
		}
		s.remove(p.Consumer.pending, p.ID.Ms, p.ref)
	}
	to.ID, to.ref = p.ID, p.ref
	s.writePending(&to)
	return true
}

// replacePending is ChangePending for an entry that must not change: a new block takes its place.
func (s *Stream) replacePending(g *StreamGroup, p, to StreamPending) bool {
	to.ID = p.ID
	if to.ref = s.alloc(pendingSize); to.ref == 0 {
		return false
	}
	s.writePending(&to)
	if p.Consumer == to.Consumer {
		to.Consumer.pending.Replace(p.ID.Ms, p.ref, to.ref)
	} else {
		if !s.insert(to.Consumer.pending, p.ID.Ms, to.ref) {
			s.free(to.ref)
			return false
		}
		s.remove(p.Consumer.pending, p.ID.Ms, p.ref)
	}
	g.pending.Replace(p.ID.Ms, p.ref, to.ref)
	s.keepPending(p)
	return true
}

// RemovePending removes the pending entry of an ID, and tells whether there was one.
func (s *Stream) RemovePending(g *StreamGroup, id StreamID) bool {
	p, found := s.FindPending(g, id)
	if found {
		s.dropPending(g, p)
	}
	return found
}

func (s *Stream) dropPending(g *StreamGroup, p StreamPending) {
	s.remove(g.pending, p.ID.Ms, p.ref)
	if p.Consumer != nil {
		s.remove(p.Consumer.pending, p.ID.Ms, p.ref)
	}
	if !s.keepPending(p) {
		s.free(p.ref)
	}
}

// RangePending calls fn with the pending entries of the group, or of one consumer when c is not nil,
// from from to to, both included, in order, until fn returns false. fn may change nothing.
func (s *Stream) RangePending(g *StreamGroup, c *StreamConsumer, from, to StreamID, fn func(p StreamPending) bool) {
	t := g.pending
	if c != nil {
		t = c.pending
	}
	t.Ascend(s.rank(t, from, false), func(_ uint64, r mem.Ref) bool {
		p := s.readPending(g, r)
		return !to.Less(p.ID) && fn(p)
	})
}

// PendingAfter returns the first pending entry, of the group or of one consumer, whose ID is id or
// greater. So a caller can step through them while it changes them.
func (s *Stream) PendingAfter(g *StreamGroup, c *StreamConsumer, id StreamID) (p StreamPending, found bool) {
	t := g.pending
	if c != nil {
		t = c.pending
	}
	i := s.rank(t, id, false)
	if i == t.Len() {
		return p, false
	}
	_, r := t.At(i)
	return s.readPending(g, r), true
}

// PendingBounds returns the first and the last ID pending in a group that has any.
func (s *Stream) PendingBounds(g *StreamGroup) (first, last StreamID) {
	_, a := g.pending.At(0)
	_, b := g.pending.At(g.pending.Len() - 1)
	return s.readPending(g, a).ID, s.readPending(g, b).ID
}

// HasDeletedSince tells whether an entry with an ID of from or greater may have been deleted.
func (s *Stream) HasDeletedSince(from StreamID) bool {
	if s.length == 0 || s.deleted.IsZero() || s.deleted.Less(s.firstID) {
		return false
	}
	return !s.deleted.Less(from)
}

// CountTo returns how many entries were ever added up to id, counting it, or NotRead when that
// cannot be known.
func (s *Stream) CountTo(id StreamID) int64 {
	switch {
	case s.added == 0:
		return 0
	case s.length == 0 && !s.lastID.Less(id):
		return int64(s.added)
	case !id.IsZero() && id.Less(s.deleted):
		return NotRead
	}
	if c := id.Compare(s.lastID); c == 0 {
		return int64(s.added)
	} else if c > 0 {
		return NotRead
	}
	if s.deleted.IsZero() || s.deleted.Less(s.firstID) {
		if id.Less(s.firstID) {
			return int64(s.added - s.length)
		}
		if id == s.firstID {
			return int64(s.added - s.length + 1)
		}
	}
	return NotRead
}

// Lag returns how many entries the group has still to be given; false: that cannot be known.
func (s *Stream) Lag(g *StreamGroup) (lag int64, known bool) {
	switch {
	case s.added == 0:
		return 0, true
	case g.LastID.Less(s.firstID) && s.deleted.Less(s.firstID):
		return int64(s.length), true
	}
	read := g.Read
	if read == NotRead || s.HasDeletedSince(g.LastID) {
		if read = s.CountTo(g.LastID); read == NotRead {
			return 0, false
		}
	}
	return int64(s.added) - read, true
}

// Pass notes that the group was given the entry id.
func (s *Stream) Pass(g *StreamGroup, id StreamID) {
	if !g.LastID.Less(id) {
		return
	}
	if g.Read != NotRead && !g.LastID.Less(s.firstID) && !s.HasDeletedSince(g.LastID) {
		g.Read++
	} else if s.added != 0 {
		g.Read = s.CountTo(id)
	}
	g.LastID = id
}

// cloneGroup copies a group of another stream; false: no memory.
func (s *Stream) cloneGroup(of *Stream, from *StreamGroup) bool {
	g := s.AddGroup([]byte(from.Name), from.LastID, from.Read)
	for _, c := range from.consumers {
		s.AddConsumer(g, []byte(c.Name), c.Seen).Active = c.Active
	}
	ok := true
	of.RangePending(from, nil, StreamID{}, MaxStreamID, func(p StreamPending) bool {
		p.Consumer = g.Consumer([]byte(p.Consumer.Name))
		ok = s.AddPending(g, p)
		return ok
	})
	return ok
}

// verifyGroups checks the groups, and that bytes and what their entries take are what is counted.
func (s *Stream) verifyGroups(bytes uint64) error {
	if !slices.IsSortedFunc(s.groups, func(a, b *StreamGroup) int { return cmp.Compare(a.Name, b.Name) }) {
		return errors.New("groups are out of order")
	}
	for _, g := range slices.Concat(s.groups, s.dead) {
		of, err := s.verifyGroup(g)
		if err != nil {
			return fmt.Errorf("group %q: %w", g.Name, err)
		}
		bytes += of
	}
	if bytes != s.bytes {
		return fmt.Errorf("%d bytes are counted, %d are there", s.bytes, bytes)
	}
	return nil
}

func (s *Stream) verifyGroup(g *StreamGroup) (bytes uint64, err error) {
	if err := g.pending.Verify(); err != nil {
		return 0, err
	}
	if !slices.IsSortedFunc(g.consumers, func(a, b *StreamConsumer) int { return cmp.Compare(a.Name, b.Name) }) {
		return 0, errors.New("consumers are out of order")
	}
	bytes = g.pending.Bytes()
	g.pending.Ascend(0, func(_ uint64, r mem.Ref) bool {
		bytes += uint64(s.heap.Size(r))
		return true
	})
	held := 0
	for _, c := range g.consumers {
		if err := c.pending.Verify(); err != nil {
			return 0, fmt.Errorf("consumer %q: %w", c.Name, err)
		}
		bytes += c.pending.Bytes()
		held += c.pending.Len()
		c.pending.Ascend(0, func(_ uint64, r mem.Ref) bool {
			if p := s.readPending(g, r); p.Consumer != c || s.lookup(g.pending, p.ID) != r {
				err = fmt.Errorf("consumer %q: %v is not its own", c.Name, p.ID)
			}
			return err == nil
		})
	}
	if err == nil && held != g.pending.Len() {
		err = fmt.Errorf("%d entries are pending, %d for its consumers", g.pending.Len(), held)
	}
	return bytes, err
}

// Give makes an entry pending for a consumer, delivered once and now, whoever it was pending for;
// false: no memory, and nothing has changed.
func (s *Stream) Give(g *StreamGroup, c *StreamConsumer, id StreamID, now int64) bool {
	to := StreamPending{ID: id, Consumer: c, Time: now, Count: 1}
	if p, found := s.FindPending(g, id); found {
		return s.ChangePending(g, p, to)
	}
	return s.AddPending(g, to)
}
