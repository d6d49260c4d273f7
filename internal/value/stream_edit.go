// Changes of a stream's entries: adding, deleting, trimming.
//
// They are Redis's to the byte, so that a stream has the same nodes here and there: when a new node is
// begun, what an approximate trimming leaves, what an exact one flags. A change that is refused for
// lack of memory has changed nothing, save that a trimming may have removed some nodes already.

package value

import (
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

// StreamLimits bound a node: a new one is begun when the last has that many bytes or entries. 0:
// no bound.
type StreamLimits struct{ NodeBytes, NodeEntries int64 }

// StreamEntryTooLarge tells whether fields and values are more than one entry can hold.
func StreamEntryTooLarge(args [][]byte) bool { return argBytes(args) > streamMaxListpack }

func argBytes(args [][]byte) (n int) {
	for _, arg := range args {
		n += len(arg)
	}
	return n
}

// Append adds an entry; args are its fields and values in turns, at least one of each, and id is
// greater than LastID. It returns false, with nothing changed, when there is no memory.
func (s *Stream) Append(id StreamID, args [][]byte, limits StreamLimits) bool {
	if s.tail == 0 || s.isFull(s.tail, argBytes(args), limits) {
		if !s.appendNode(id, args) {
			return false
		}
	} else if !s.appendToTail(id, args, limits) {
		return false
	}
	s.length++
	s.added++
	s.lastID = id
	if s.length == 1 {
		s.firstID = id
	}
	return true
}

// isFull tells whether a node takes no more entries of so many bytes.
func (s *Stream) isFull(r mem.Ref, more int, limits StreamLimits) bool {
	n := s.node(r)
	most := limits.NodeBytes
	if most <= 0 || most > streamMaxListpack {
		most = streamMaxListpack
	}
	if int64(len(n.lp))+int64(more) >= most {
		return true
	}
	live, deleted := n.counts()
	return limits.NodeEntries > 0 && int64(live+deleted) >= limits.NodeEntries
}

// appendNode begins a new node with an entry.
func (s *Stream) appendNode(id StreamID, args [][]byte) bool {
	e := streamNewEntry{args: args, same: true}
	size := streamIDSize + streamMasterSize(args) + e.size()
	r := s.alloc(size)
	if r == 0 {
		return false
	}
	writeStreamNode(s.heap.Bytes(r, size), id, &e)
	if !s.insert(s.nodes, id, r) {
		s.free(r)
		return false
	}
	if s.tail != 0 {
		s.shrink(s.tail)
	}
	s.tail = r
	return true
}

// shrink gives back the room of a node that will not grow, where it can.
func (s *Stream) shrink(r mem.Ref) {
	size := streamIDSize + len(s.node(r).lp)
	if mem.ClassSize(size) == s.heap.Size(r) || s.isUnsaved(r) {
		return
	}
	s.replace(r, size, size)
}

// replace puts a copy of the first size bytes of a node in its place, in a block of room bytes or
// more, and frees the node. It returns 0, with nothing changed, when there is no memory.
func (s *Stream) replace(r mem.Ref, size, room int) mem.Ref {
	moved := s.alloc(room)
	if moved == 0 {
		return 0
	}
	copy(s.heap.Bytes(moved, size), s.heap.Bytes(r, size))
	s.nodes.Replace(streamIDOf(s.heap, r).Ms, r, moved)
	if s.tail == r {
		s.tail = moved
	}
	s.free(r)
	return moved
}

// edit makes a node fit to be changed, with room for more bytes, and returns it, moved perhaps. It
// returns 0, with nothing changed, when there is no memory.
func (s *Stream) edit(r mem.Ref, more, room int) mem.Ref {
	size := streamIDSize + len(s.node(r).lp)
	if s.isUnsaved(r) {
		return s.setAsideNode(r, size, max(size+more, room))
	}
	if size+more <= s.heap.Size(r) {
		return r
	}
	return s.replace(r, size, max(size+more, room))
}

// appendToTail adds an entry to the last node.
func (s *Stream) appendToTail(id StreamID, args [][]byte, limits StreamLimits) bool {
	n := s.node(s.tail)
	e := streamNewEntry{ms: id.Ms - n.master.Ms, seq: id.Seq - n.master.Seq, args: args, same: n.hasFields(args)}
	more := e.size() + streamCountsGrowth
	room := streamIDSize + len(n.lp) + more
	room += room / 4
	if limits.NodeBytes > 0 && int64(room) > limits.NodeBytes+streamIDSize {
		room = 0
	}
	r := s.edit(s.tail, more, room)
	if r == 0 {
		return false
	}
	n = s.node(r)
	lp, storage := n.lp, s.heap.Bytes(r, s.heap.Size(r))[streamIDSize:]
	live, deleted := n.counts()
	lp = setStreamCounts(storage[:len(lp)], live+1, deleted)
	at := e.write(storage, len(lp)-1)
	storage[at] = 0xFF
	listpack.Fix(storage[:at+1], int(e.elements())+1)
	return true
}

// Delete deletes an entry, and tells whether it was there. ok is false when there is no memory, and
// then nothing has changed.
func (s *Stream) Delete(id StreamID) (found, ok bool) {
	i := s.rank(s.nodes, id, true) - 1
	if i < 0 {
		return false, true
	}
	_, r := s.nodes.At(i)
	n := s.node(r)
	var e StreamEntry
	if !n.find(id, &e) {
		return false, true
	}
	if live, _ := n.counts(); live == 1 {
		if !s.removeNode(r) {
			return true, false
		}
	} else {
		if r = s.edit(r, streamCountsGrowth, 0); r == 0 {
			return true, false
		}
		s.node(r).lp[e.flagsAt] |= streamEntryDeleted
		s.recount(r, -1)
	}
	s.length--
	if s.deleted.Less(id) {
		s.deleted = id
	}
	if s.length == 0 || id == s.firstID {
		s.findFirst()
	}
	return true, true
}

// recount changes the count of live entries of a node that edit has returned, and the count of
// deleted ones by as much the other way.
func (s *Stream) recount(r mem.Ref, added int) {
	n := s.node(r)
	live, deleted := n.counts()
	storage := s.heap.Bytes(r, s.heap.Size(r))[streamIDSize:]
	lp := setStreamCounts(storage[:len(n.lp):len(storage)], live+added, deleted-added)
	listpack.Fix(lp, 0)
}

// removeNode takes a node out; false: no memory to set it aside, and then it stays.
func (s *Stream) removeNode(r mem.Ref) bool {
	id := streamIDOf(s.heap, r)
	if s.isUnsaved(r) {
		if !s.keepNode(id, r) {
			return false
		}
		s.remove(s.nodes, id, r)
	} else {
		s.remove(s.nodes, id, r)
		s.free(r)
	}
	if s.tail == r {
		s.tail = 0
		if last := s.nodes.Len() - 1; last >= 0 {
			_, s.tail = s.nodes.At(last)
		}
	}
	return true
}

// StreamTrim says what to trim: to a length, or, with ByID, to IDs not less than one.
type StreamTrim struct {
	ByID   bool
	Length uint64
	ID     StreamID

	Approximate bool  // whole nodes only
	Limit       int64 // the most entries to remove, of an approximate trimming; 0: no limit
}

// Trim removes the oldest entries and returns how many they were. It stops early when there is no
// memory to keep for a save what it removes.
func (s *Stream) Trim(t *StreamTrim) (removed int64) {
	for s.nodes.Len() > 0 && (t.ByID || s.length > t.Length) {
		_, r := s.nodes.At(0)
		n := s.node(r)
		live, _ := n.counts()
		if t.Limit != 0 && removed+int64(live) > t.Limit {
			break
		}
		if !t.covers(s.length-uint64(live), n) {
			if !t.Approximate {
				removed += s.trimNode(r, t)
			}
			break
		}
		if !s.removeNode(r) {
			break
		}
		s.length -= uint64(live)
		removed += int64(live)
	}
	if removed > 0 {
		s.findFirst()
	}
	return removed
}

// covers tells whether all of a node is to go, after which length entries are left.
func (t *StreamTrim) covers(length uint64, n streamNode) bool {
	if t.ByID {
		return n.lastID().Less(t.ID)
	}
	return length >= t.Length
}

// trimNode removes the oldest entries of a node, as far as need be.
func (s *Stream) trimNode(r mem.Ref, t *StreamTrim) (removed int64) {
	if r = s.edit(r, streamCountsGrowth, 0); r == 0 {
		return 0
	}
	var e StreamEntry
	for w := s.node(r).walk(false); w.next(&e); w.at = e.skip() {
		if t.ByID && !e.ID.Less(t.ID) || !t.ByID && s.length <= t.Length {
			break
		}
		if !e.deleted {
			e.lp[e.flagsAt] |= streamEntryDeleted
			s.length--
			removed++
		}
	}
	if removed > 0 {
		s.recount(r, int(-removed))
	}
	return removed
}

// dropTombstones removes the deleted entries behind the ID last, behind which none is alive, so that
// entries can be added there again. It returns false when there is no memory.
func (s *Stream) dropTombstones(last StreamID) bool {
	for s.tail != 0 && last.Less(s.node(s.tail).lastID()) {
		r := s.tail
		w := s.node(r).walk(true)
		var e StreamEntry
		dropped, elements, at := 0, 0, w.at
		for w.prev(&e) && last.Less(e.ID) {
			at = e.flagsAt
			dropped++
			elements += e.elements()
		}
		if at == w.first {
			if !s.removeNode(r) {
				return false
			}
			continue
		}
		if r = s.edit(r, streamCountsGrowth, 0); r == 0 {
			return false
		}
		lp := s.node(r).lp[:at+1]
		lp[at] = 0xFF
		listpack.Fix(lp, -elements)
		live, deleted := s.node(r).counts()
		listpack.Fix(setStreamCounts(lp, live, deleted-dropped), 0)
	}
	return true
}
