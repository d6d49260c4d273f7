// Stream: entries ordered by ID, and the groups that read them.
//
// Entries stand in nodes (stream_node.go), blocks of some thousand bytes, which are kept in a tree by
// master ID: the tree has the time of it, and the block the rest. New entries go to the last node until it is as large as configured; deleted ones are
// flagged, and a node goes when nothing in it is alive. So the tree is small, and finding an entry
// is a descent and a walk through one node.
//
// A node is changed only after edit has made it the stream's own, with room: while a save is under
// way, one that is not saved yet is copied, and the old one is set aside (stream_save.go).
//
// What must hold: the shard's lock is held; master IDs rise, and so do IDs within a node; length is
// the number of live entries of all nodes.

package value

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"tarn/internal/btree"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// streamTree holds nodes, or pending entries, by ID.
type streamTree struct {
	btree.Tree[uint64, bySequence]
	bySequence
}

// bySequence orders blocks whose IDs have the same time.
type bySequence struct {
	heap    *mem.Heap
	pending bool // else nodes
}

// Compare returns -1, 0 or +1.
func (o bySequence) Compare(a, b mem.Ref) int { return cmp.Compare(o.sequence(a), o.sequence(b)) }

// sequence returns the second half of a block's ID.
func (o bySequence) sequence(r mem.Ref) uint64 {
	if o.pending {
		return readStreamID(o.heap.Bytes(r, streamIDSize)).Seq
	}
	seq, _ := binary.Uvarint(o.heap.Bytes(r, minNodeBlock))
	return seq
}

// streamPlace names a node: the time of its master ID, and its block, 0: none.
type streamPlace struct {
	ms uint64
	r  mem.Ref
}

// id returns the master ID of a node.
func (s *Stream) id(p streamPlace) StreamID { return StreamID{p.ms, s.nodes.sequence(p.r)} }

// Stream is a stream. It is also a keyspace.Big.
type Stream struct {
	heap  *mem.Heap
	nodes *streamTree
	tail  streamPlace // the last node, or none
	bytes uint64      // of nodes, of pending entries and of all trees

	length  uint64
	lastID  StreamID
	firstID StreamID // of the first live entry; zero when there is none
	deleted StreamID // the greatest ID that was ever deleted
	added   uint64   // entries ever added

	groups []*StreamGroup // by name
	dead   []*StreamGroup // destroyed, their pending entries not all freed
	cuts   uint32         // how many there were, in 31 bits
	cut    *streamCut     // nil: no save under way
}

// NewStream returns an empty stream, whose blocks will be h's.
func NewStream(h *mem.Heap) *Stream {
	return &Stream{heap: h, nodes: newStreamTree(h, false)}
}

func newStreamTree(h *mem.Heap, pending bool) *streamTree {
	o := bySequence{h, pending}
	return &streamTree{*btree.NewTree[uint64](h, o), o}
}

// Len returns the number of entries.
func (s *Stream) Len() int { return int(s.length) }

// Encoding returns what OBJECT ENCODING replies with.
func (s *Stream) Encoding() string { return "stream" }

// Bytes returns the size of all blocks.
func (s *Stream) Bytes() uint64 { return s.bytes }

// GoBytes returns about what Go's heap holds for the stream, its groups and their consumers.
func (s *Stream) GoBytes() uint64 {
	bytes := uint64(streamGoBytes)
	for _, g := range s.groups {
		bytes += groupGoBytes + uint64(len(g.Name)) + uint64(len(g.consumers))*consumerGoBytes
	}
	return bytes
}

// About the bytes that Go's heap holds for a stream, a group and a consumer, each with its tree and
// its place in lists. Names of consumers are counted as if they were short.
const (
	streamGoBytes   = 320
	groupGoBytes    = 240
	consumerGoBytes = 192
)

// LastID returns the ID of the entry added last, or what SetID made of it.
func (s *Stream) LastID() StreamID { return s.lastID }

// FirstID returns the ID of the first entry, zero when there is none.
func (s *Stream) FirstID() StreamID { return s.firstID }

// MaxDeletedID returns the greatest ID that was deleted.
func (s *Stream) MaxDeletedID() StreamID { return s.deleted }

// Added returns the number of entries ever added.
func (s *Stream) Added() uint64 { return s.added }

// Nodes returns the number of nodes.
func (s *Stream) Nodes() int { return s.nodes.Len() }

// SetID sets the last ID, not less than that of any entry, and, where not nil, the number of entries
// ever added and the greatest ID that was deleted. Of an empty stream, whose last ID may become less,
// it removes what is left of deleted entries. It returns false, with nothing set, when there is no
// memory to keep that for a save.
func (s *Stream) SetID(last StreamID, added *uint64, deleted *StreamID) bool {
	if s.length == 0 {
		for s.nodes.Len() > 0 {
			if !s.removeNode(s.nodeAt(0)) {
				return false
			}
		}
		s.closeCut()
	} else if !s.dropTombstones(last) {
		return false
	}
	s.lastID = last
	if added != nil {
		s.added = *added
	}
	if deleted != nil {
		s.deleted = *deleted
	}
	return true
}

// insert adds a block, whose ID has the time ms, to one of the stream's trees; false: no memory.
func (s *Stream) insert(t *streamTree, ms uint64, r mem.Ref) bool {
	before := t.Bytes()
	ok := t.Insert(ms, r)
	s.bytes += t.Bytes() - before
	return ok
}

func (s *Stream) remove(t *streamTree, ms uint64, r mem.Ref) {
	before := t.Bytes()
	t.Delete(ms, r)
	s.bytes += t.Bytes() - before
}

// alloc takes a block of at least size bytes; 0: no memory.
func (s *Stream) alloc(size int) mem.Ref {
	r := s.heap.Alloc(size, mem.Nodes)
	if r != 0 {
		s.bytes += uint64(s.heap.Size(r))
	}
	return r
}

func (s *Stream) free(r mem.Ref) {
	s.bytes -= uint64(s.heap.Size(r))
	s.heap.Free(r, mem.Nodes)
}

// nodeAt returns the node of a rank.
func (s *Stream) nodeAt(rank int) streamPlace {
	ms, r := s.nodes.At(rank)
	return streamPlace{ms, r}
}

// node returns a view of a node.
func (s *Stream) node(p streamPlace) streamNode {
	return viewStreamNode(p.ms, s.heap.Bytes(p.r, s.heap.Size(p.r)))
}

// rank returns the number of blocks in a tree whose IDs are less than id, or not greater.
func (s *Stream) rank(t *streamTree, id StreamID, orEqual bool) int {
	return t.Bound(func(ms uint64, r mem.Ref) bool {
		if ms != id.Ms {
			return ms < id.Ms
		}
		seq := t.sequence(r)
		return seq < id.Seq || orEqual && seq == id.Seq
	})
}

// lookup finds the block of an ID in a tree; 0: none.
func (s *Stream) lookup(t *streamTree, id StreamID) mem.Ref {
	if i := s.rank(t, id, false); i < t.Len() {
		if ms, r := t.At(i); ms == id.Ms && t.sequence(r) == id.Seq {
			return r
		}
	}
	return 0
}

// Range calls fn with the entries from from to to, both included, in order or backwards, until fn
// returns false. The stream is not changed meanwhile.
func (s *Stream) Range(from, to StreamID, backwards bool, fn func(e *StreamEntry) bool) {
	if s.length == 0 || to.Less(from) || to.Less(s.firstID) || s.lastID.Less(from) {
		return
	}
	if backwards {
		s.descend(from, to, fn)
		return
	}
	var e StreamEntry
	s.nodes.Ascend(max(s.rank(s.nodes, from, true)-1, 0), func(ms uint64, r mem.Ref) bool {
		w := s.node(streamPlace{ms, r}).walk(false)
		for w.seek(from); w.next(&e); w.at = e.skip() {
			if to.Less(e.ID) {
				return false
			}
			if !e.deleted && !fn(&e) {
				return false
			}
		}
		return true
	})
}

func (s *Stream) descend(from, to StreamID, fn func(e *StreamEntry) bool) {
	last := s.rank(s.nodes, to, true) - 1
	if last < 0 {
		return
	}
	var e StreamEntry
	s.nodes.Descend(last, func(ms uint64, r mem.Ref) bool {
		w := s.node(streamPlace{ms, r}).walk(true)
		if behind, ok := to.Next(); ok && to.Less(s.lastID) {
			w.at = w.first
			w.seek(behind)
		}
		for w.prev(&e) {
			if e.ID.Less(from) {
				return false
			}
			if !e.deleted && !fn(&e) {
				return false
			}
		}
		return true
	})
}

// Has tells whether there is an entry with the given ID.
func (s *Stream) Has(id StreamID) bool {
	found := false
	s.Range(id, id, false, func(*StreamEntry) bool {
		found = true
		return false
	})
	return found
}

// LastEntryID returns the ID of the last entry, zero when there is none.
func (s *Stream) LastEntryID() (id StreamID) {
	s.Range(StreamID{}, MaxStreamID, true, func(e *StreamEntry) bool {
		id = e.ID
		return false
	})
	return id
}

// findFirst sets firstID after entries were removed.
func (s *Stream) findFirst() {
	first := StreamID{}
	if s.length > 0 {
		s.firstID = StreamID{}
		s.Range(StreamID{}, MaxStreamID, false, func(e *StreamEntry) bool {
			first = e.ID
			return false
		})
	}
	s.firstID = first
}

// Free gives back about steps blocks, and tells whether none is left.
func (s *Stream) Free(steps int) (done bool) {
	for ; steps > 0 && s.nodes.Len() > 0; steps-- {
		last := s.nodeAt(s.nodes.Len() - 1)
		s.remove(s.nodes, last.ms, last.r)
		s.free(last.r)
	}
	s.dead = append(s.dead, s.groups...)
	s.groups = nil
	return s.freeDead(steps) && s.nodes.Len() == 0
}

// Clone returns a copy with its blocks in another heap; false: no memory, and nothing was kept.
func (s *Stream) Clone(to *mem.Heap) (keyspace.Big, bool) {
	c := NewStream(to)
	c.length, c.lastID, c.firstID, c.deleted, c.added = s.length, s.lastID, s.firstID, s.deleted, s.added
	ok := true
	s.nodes.Ascend(0, func(ms uint64, r mem.Ref) bool {
		n := s.node(streamPlace{ms, r})
		ok = c.addNode(n.master, n.lp)
		return ok
	})
	for i := 0; ok && i < len(s.groups); i++ {
		ok = c.cloneGroup(s, s.groups[i])
	}
	if !ok {
		for !c.Free(1 << 10) {
		}
		return nil, false
	}
	return c, true
}

// addNode adds a copy of a node behind the others; false: no memory.
func (s *Stream) addNode(master StreamID, lp []byte) bool {
	size := streamNodeHead(master) + len(lp)
	r := s.alloc(size)
	if r == 0 {
		return false
	}
	b := s.heap.Bytes(r, size)
	copy(b[binary.PutUvarint(b, master.Seq):], lp)
	if !s.insert(s.nodes, master.Ms, r) {
		s.free(r)
		return false
	}
	s.tail = streamPlace{master.Ms, r}
	return true
}

// Verify checks everything that must hold.
func (s *Stream) Verify() error {
	if err := s.nodes.Verify(); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	live, bytes := 0, s.nodes.Bytes()
	var err error
	var before, first StreamID
	tail := streamPlace{}
	s.nodes.Ascend(0, func(ms uint64, r mem.Ref) bool {
		at := streamPlace{ms, r}
		n := s.node(at)
		count, from, to, e := validateStreamNode(n.master, n.lp)
		switch {
		case e != nil:
			err = e
		case !before.Less(from):
			err = fmt.Errorf("node %v: entry %v follows %v", n.master, from, before)
		}
		if live == 0 && count > 0 {
			first = firstLive(n)
		}
		live += count
		bytes += uint64(s.heap.Size(r))
		before, tail = to, at
		return err == nil
	})
	if err != nil {
		return err
	}
	switch {
	case uint64(live) != s.length:
		return fmt.Errorf("%d entries are counted, %d are there", s.length, live)
	case first != s.firstID:
		return fmt.Errorf("the first entry is %v, not %v", first, s.firstID)
	case tail != s.tail:
		return errors.New("the tail is not the last node")
	case s.lastID.Less(before) && live > 0 && s.lastID.Less(s.LastEntryID()):
		return fmt.Errorf("the last ID %v is less than that of the last entry", s.lastID)
	}
	return s.verifyGroups(bytes)
}

func firstLive(n streamNode) StreamID {
	var e StreamEntry
	for w := n.walk(false); w.next(&e); w.at = e.skip() {
		if !e.deleted {
			return e.ID
		}
	}
	return StreamID{}
}
