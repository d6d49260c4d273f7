// Saving of streams: the items of Save, and the cut.
//
// Numbers are 8 bytes little endian, IDs 16 bytes: ms and sequence, both big endian, as in the master
// ID of a node. The first byte of an item is its kind. They come in the order in which RDB's type
// STREAM_LISTPACKS wants them, so that they are written out as they come, with lengths that are
// known before what they count:
//
//	'H' nodes entries groups added · last ID · first ID · max deleted ID     once, first
//	'N' ID · listpack                                                        nodes times
//	'G' entriesRead pending consumers · last ID · name                       groups times; after each:
//	'P' (ID · delivery time in ms · delivery count)...                       until pending of them have come
//	'C' seenTime activeTime pending · name                                   consumers times; after each:
//	'I' (ID)...                                                              until pending of them have come
//
// Kinds P and I do not come where nothing is pending, and their entries come in no order. entriesRead
// is -1 where it is not known, activeTime -1 for never. A loader takes the same items (StreamBuilder),
// but the header may come behind the nodes, and consumers need not be known. Of an older RDB version some facts are missing: then the first byte of the
// header is 'h' instead of 'H' and added, first ID and max deleted ID are zeros, 'g' instead of 'G'
// and entriesRead is 0, 'c' instead of 'C' and activeTime is 0; the loader fills them in.
//
// Cut writes down the header and the groups; how pending entries are saved is told in
// stream_save_groups.go. Nodes are left where they are: one that the save has not
// come to is unsaved, and immutable. What would change it copies it and sets the old one aside; what
// would remove it sets it aside too. The save reads nodes by ID, each from aside if it is there, and
// frees those.
//
// What must hold: a node made after the cut has a greater ID than end, behind which the save reads none
// but those aside, and these alone when closed.

package value

import (
	"encoding/binary"

	"tarn/internal/mem"
)

// Kinds of items.
const (
	streamItemHead      = 'H'
	streamItemNode      = 'N'
	streamItemGroup     = 'G'
	streamItemPending   = 'P'
	streamItemConsumer  = 'C'
	streamItemHeld      = 'I'
	streamItemOldHead   = 'h'
	streamItemOldGroup  = 'g'
	streamItemOldReader = 'c'

	streamPendingItem = streamIDSize + 8 + 8 // bytes of an entry of kind P
	streamItemEntries = 1024                 // most entries of an item of kind P or I
)

// streamCut is the state of a save under way.
type streamCut struct {
	hold   func(bytes int64)
	count  int         // entries at the cut
	head   []byte      // the header, as an item with its length
	groups []*groupCut // not saved, or not to the end
	item   []byte      // of theirs that is being made
	steps  int         // pending entries looked at for that
	held   int64       // bytes of what is written down, and of pending entries aside
	next   StreamID    // nodes before it are saved
	end    StreamID    // the last node of the cut that is still in the tree, or less than it was
	closed bool        // no node in the tree is unsaved
	aside  *streamTree // nodes that were replaced or removed, and are not saved
}

// Cut implements keyspace.Big.
func (s *Stream) Cut(hold func(bytes int64)) {
	c := &streamCut{hold: hold, count: int(s.length), closed: s.tail.r == 0, aside: newStreamTree(s.heap, false)}
	if s.tail.r != 0 {
		c.end = s.id(s.tail)
	}
	c.head = appendItem(nil, s.appendHead(nil))
	s.cutGroups(c)
	s.cut = c
	hold(c.held)
}

// Count implements keyspace.Big.
func (s *Stream) Count() int { return s.cut.count }

// Save implements keyspace.Big.
func (s *Stream) Save(dst []byte, limit int) (out []byte, more bool) {
	c, start := s.cut, len(dst)
	dst = append(dst, c.head...)
	c.head = nil
	for len(dst)-start < limit {
		p, found := s.nextUnsaved()
		if !found {
			break
		}
		n := s.node(p)
		dst = binary.AppendUvarint(dst, uint64(1+streamIDSize+len(n.lp)))
		dst = append(appendStreamID(append(dst, streamItemNode), n.master), n.lp...)
		c.pass(s, n.master)
	}
	if dst, more = s.saveGroups(dst, start+limit); more {
		return dst, true
	}
	_, more = s.nextUnsaved()
	return dst, more
}

// EndSave implements keyspace.Big.
func (s *Stream) EndSave() {
	c := s.cut
	for c.aside.Len() > 0 {
		ms, r := c.aside.At(0)
		s.dropAside(ms, r)
	}
	s.endGroups()
	c.hold(-c.held)
	s.cut = nil
}

// nextUnsaved returns the node to be saved next.
func (s *Stream) nextUnsaved() (p streamPlace, found bool) {
	c := s.cut
	var first StreamID // aside, where there is one
	if c.aside.Len() > 0 {
		p.ms, p.r = c.aside.At(0)
		first = s.id(p)
	}
	if c.closed {
		return p, p.r != 0
	}
	i := s.rank(s.nodes, c.next, false)
	if i == s.nodes.Len() {
		return p, p.r != 0
	}
	live := s.nodeAt(i)
	if id := s.id(live); (p.r == 0 || id.Less(first)) && !c.end.Less(id) {
		return live, true
	}
	return p, p.r != 0
}

// pass notes that the node id is saved.
func (c *streamCut) pass(s *Stream, id StreamID) {
	next, more := id.Next()
	c.next = next
	if !more || id == c.end {
		c.closed = true
	}
	if c.aside.Len() > 0 {
		if ms, r := c.aside.At(0); s.id(streamPlace{ms, r}) == id {
			s.dropAside(ms, r)
		}
	}
}

// isUnsaved tells whether a node in the tree must not change.
func (s *Stream) isUnsaved(p streamPlace) bool {
	c := s.cut
	if c == nil || c.closed {
		return false
	}
	id := s.id(p)
	return !id.Less(c.next) && !c.end.Less(id) && s.lookup(c.aside, id) == 0
}

// keepNode sets an unsaved node aside; false: no memory, and nothing has changed.
func (s *Stream) keepNode(p streamPlace) bool {
	c := s.cut
	before := c.aside.Bytes()
	if !c.aside.Insert(p.ms, p.r) {
		return false
	}
	size := s.heap.Size(p.r)
	s.bytes -= uint64(size)
	c.hold(int64(size) + int64(c.aside.Bytes()-before))
	return true
}

// setAsideNode puts a copy of the first size bytes of an unsaved node in its place, in a block of
// room bytes or more, and returns it; no place: no memory, and nothing has changed.
func (s *Stream) setAsideNode(p streamPlace, size, room int) streamPlace {
	moved := s.alloc(room)
	if moved == 0 {
		return streamPlace{}
	}
	copy(s.heap.Bytes(moved, size), s.heap.Bytes(p.r, size))
	if !s.keepNode(p) {
		s.free(moved)
		return streamPlace{}
	}
	return s.putInPlace(p, moved)
}

// dropAside frees the first of the nodes aside.
func (s *Stream) dropAside(ms uint64, r mem.Ref) {
	c := s.cut
	size, before := int64(s.heap.Size(r)), c.aside.Bytes()
	c.aside.Delete(ms, r)
	s.heap.Free(r, mem.Nodes)
	c.hold(-size - int64(before-c.aside.Bytes()))
}

// lowerCut keeps the save from taking a node for its own that is made from now on: there the IDs of nodes that were
// removed from the end may come again.
func (s *Stream) lowerCut() {
	switch c := s.cut; {
	case c == nil:
	case s.tail.r == 0:
		c.closed = true
	default:
		if id := s.id(s.tail); id.Less(c.end) {
			c.end = id
		}
	}
}

// closeCut lets the save read none but the nodes aside, of which the stream, now empty, has put all.
func (s *Stream) closeCut() {
	if s.cut != nil {
		s.cut.closed = true
	}
}

func appendItem(dst, item []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(item))), item...)
}

func appendWord(dst []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(dst, n) }

func (s *Stream) appendHead(item []byte) []byte {
	item = append(item, streamItemHead)
	item = appendWord(item, uint64(s.nodes.Len()))
	item = appendWord(item, s.length)
	item = appendWord(item, uint64(len(s.groups)))
	item = appendWord(item, s.added)
	item = appendStreamID(item, s.lastID)
	item = appendStreamID(item, s.firstID)
	return appendStreamID(item, s.deleted)
}
