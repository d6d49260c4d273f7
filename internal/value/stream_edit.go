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
	var tail streamNode
	if s.tail.r != 0 {
		tail = s.node(s.tail)
	}
	added := false
	if s.tail.r == 0 || tail.isFull(argBytes(args), limits) {
		added = s.appendNode(id, args, tail)
	} else {
		added = s.appendToTail(tail, id, args, limits)
	}
	if !added {
		return false
	}
	if len(s.dead) > 0 {
		s.freeDead(streamFreeSlice)
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
func (n streamNode) isFull(more int, limits StreamLimits) bool {
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

// appendNode begins a new node with an entry, with as much room as the last took.
func (s *Stream) appendNode(id StreamID, args [][]byte, last streamNode) bool {
	e := streamNewEntry{args: args, same: true}
	size := streamNodeHead(id) + streamMasterSize(args) + e.size()
	r := s.alloc(max(size, len(last.lp)))
	if r == 0 {
		return false
	}
	writeStreamNode(s.heap.Bytes(r, size), id, &e)
	if !s.insert(s.nodes, id.Ms, r) {
		s.free(r)
		return false
	}
	if s.tail.r != 0 {
		s.shrink(s.tail)
	}
	s.tail = streamPlace{id.Ms, r}
	return true
}

// appendToTail adds an entry to the last node, n.
func (s *Stream) appendToTail(n streamNode, id StreamID, args [][]byte, limits StreamLimits) bool {
	e := streamNewEntry{ms: id.Ms - n.master.Ms, seq: id.Seq - n.master.Seq, args: args, same: n.hasFields(args)}
	live, deleted := n.counts()
	size := n.size() + e.size() + listpack.SizeInt(int64(live+1)) - listpack.SizeInt(int64(live))
	room := size + size/2
	if limits.NodeBytes > 0 && int64(room) > limits.NodeBytes {
		room = int(limits.NodeBytes) // it will hardly grow beyond
	}
	p := s.edit(s.tail, size-n.size(), room)
	if p.r == 0 {
		return false
	}
	n = s.node(p)
	storage := n.storage()
	lp := setStreamCounts(n.lp, live+1, deleted)
	at := e.write(storage, len(lp)-1)
	storage[at] = 0xFF
	listpack.Fix(storage[:at+1], int(e.elements())+1)
	return true
}

// shrink gives back the room of a node that will not grow, where it can.
func (s *Stream) shrink(p streamPlace) {
	size := s.node(p).size()
	if mem.ClassSize(size) == s.heap.Size(p.r) || s.isUnsaved(p) {
		return
	}
	s.replace(p, size, size)
}

// replace puts a copy of the first size bytes of a node in its place, in a block of room bytes or
// more, and frees the node. It returns no place, with nothing changed, when there is no memory.
func (s *Stream) replace(p streamPlace, size, room int) streamPlace {
	moved := s.alloc(room)
	if moved == 0 {
		return streamPlace{}
	}
	copy(s.heap.Bytes(moved, size), s.heap.Bytes(p.r, size))
	to := s.putInPlace(p, moved)
	s.free(p.r)
	return to
}

// putInPlace makes block r the node p, and returns its place.
func (s *Stream) putInPlace(p streamPlace, r mem.Ref) streamPlace {
	s.nodes.Replace(p.ms, p.r, r)
	to := streamPlace{p.ms, r}
	if s.tail == p {
		s.tail = to
	}
	return to
}

// edit makes a node fit to be changed, with room for more bytes, and returns it, moved perhaps. It
// returns no place, with nothing changed, when there is no memory.
func (s *Stream) edit(p streamPlace, more, room int) streamPlace {
	size := s.node(p).size()
	if s.isUnsaved(p) {
		return s.setAsideNode(p, size, max(size+more, room))
	}
	if size+more <= s.heap.Size(p.r) {
		return p
	}
	return s.replace(p, size, max(size+more, room))
}

// Delete deletes an entry, and tells whether it was there. ok is false when there is no memory, and
// then nothing has changed.
func (s *Stream) Delete(id StreamID) (found, ok bool) {
	i := s.rank(s.nodes, id, true) - 1
	if i < 0 {
		return false, true
	}
	p := s.nodeAt(i)
	n := s.node(p)
	var e StreamEntry
	if !n.find(id, &e) {
		return false, true
	}
	if live, _ := n.counts(); live == 1 {
		if !s.removeNode(p) {
			return true, false
		}
	} else {
		if p = s.edit(p, streamCountsGrowth, 0); p.r == 0 {
			return true, false
		}
		s.node(p).lp[e.flagsAt] |= streamEntryDeleted
		s.recount(p, -1)
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
func (s *Stream) recount(p streamPlace, added int) {
	n := s.node(p)
	live, deleted := n.counts()
	listpack.Fix(setStreamCounts(n.lp, live+added, deleted-added), 0)
}

// removeNode takes a node out; false: no memory to set it aside, and then it stays.
func (s *Stream) removeNode(p streamPlace) bool {
	if s.isUnsaved(p) {
		if !s.keepNode(p) {
			return false
		}
		s.remove(s.nodes, p.ms, p.r)
	} else {
		s.remove(s.nodes, p.ms, p.r)
		s.free(p.r)
	}
	if s.tail == p {
		s.tail = streamPlace{}
		if last := s.nodes.Len() - 1; last >= 0 {
			s.tail = s.nodeAt(last)
		}
		s.lowerCut()
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
		p := s.nodeAt(0)
		n := s.node(p)
		live, _ := n.counts()
		if t.Limit != 0 && removed+int64(live) > t.Limit {
			break
		}
		if !t.covers(s.length-uint64(live), n) {
			if !t.Approximate {
				removed += s.trimNode(p, t)
			}
			break
		}
		if !s.removeNode(p) {
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
func (s *Stream) trimNode(p streamPlace, t *StreamTrim) (removed int64) {
	if p = s.edit(p, streamCountsGrowth, 0); p.r == 0 {
		return 0
	}
	var e StreamEntry
	for w := s.node(p).walk(false); w.next(&e); w.at = e.skip() {
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
		s.recount(p, int(-removed))
	}
	return removed
}

// dropTombstones removes the deleted entries behind the ID last, behind which none is alive, so that
// entries can be added there again. It returns false when there is no memory.
func (s *Stream) dropTombstones(last StreamID) bool {
	for s.tail.r != 0 && last.Less(s.node(s.tail).lastID()) {
		p := s.tail
		w := s.node(p).walk(true)
		var e StreamEntry
		dropped, elements, at := 0, 0, w.at
		for w.prev(&e) && last.Less(e.ID) {
			at = e.flagsAt
			dropped++
			elements += e.elements()
		}
		if at == w.first {
			if !s.removeNode(p) {
				return false
			}
			continue
		}
		if p = s.edit(p, streamCountsGrowth, 0); p.r == 0 {
			return false
		}
		lp := s.node(p).lp[:at+1]
		lp[at] = 0xFF
		listpack.Fix(lp, -elements)
		live, deleted := s.node(p).counts()
		listpack.Fix(setStreamCounts(lp, live, deleted-dropped), 0)
	}
	return true
}
