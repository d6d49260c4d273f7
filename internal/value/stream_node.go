// Stream nodes: runs of entries in one listpack, laid out as Redis lays them out.
//
// A block holds the sequence number of the node's master ID, a uvarint, and the listpack:
//
//	live · deleted · fields · field... · 0                   the master entry
//	flags · ms · seq · value... · count                      an entry with the master's fields
//	flags · ms · seq · fields · (field value)... · count     any other entry
//
// ms and seq are differences to the master ID, which is that of the entry the node was made with.
// count is the number of elements before it in the entry, for walking backwards. A deleted entry
// stays, with a flag. Here is what concerns the bytes of one node; which nodes there are is known to
// Stream.

package value

import (
	"encoding/binary"

	"tarn/internal/listpack"
)

const (
	streamEntryDeleted = 1 // flags of an entry
	streamSameFields   = 2

	streamFlagsSize   = 2       // bytes of the element of flags
	streamPlainHead   = 3       // elements of an entry before its values: flags, ms, seq
	streamFieldsHead  = 4       // the same and the number of fields
	streamMasterFixed = 3       // elements of the master entry before its fields
	streamMaxListpack = 1 << 30 // bytes
)

// streamNode is a view of one node.
type streamNode struct {
	master StreamID
	lp     []byte
}

// minNodeBlock is less than the size of any node's block: bytes that may be read of it.
const minNodeBlock = 16

// streamNodeHead returns how many bytes stand before the listpack of a node.
func streamNodeHead(master StreamID) int {
	head := 1
	for seq := master.Seq; seq >= 0x80; seq >>= 7 {
		head++
	}
	return head
}

// viewStreamNode returns a view of a node's block. b may be longer than the node.
func viewStreamNode(ms uint64, b []byte) streamNode {
	seq, head := binary.Uvarint(b)
	lp := b[head:]
	return streamNode{StreamID{ms, seq}, lp[:listpack.Total(lp)]}
}

// size returns the bytes that the node takes of its block.
func (n streamNode) size() int { return streamNodeHead(n.master) + len(n.lp) }

// storage returns the listpack with all of the block that is behind it.
func (n streamNode) storage() []byte { return n.lp[:cap(n.lp)] }

// counts returns the numbers of live and of deleted entries.
func (n streamNode) counts() (live, deleted int) {
	first, at := listpack.Read(n.lp, listpack.First(n.lp))
	return int(first.Int), int(listpack.Get(n.lp, at).Int)
}

// fields returns the number of master fields and the offset of the first, which is that of the
// closing zero when there are none.
func (n streamNode) fields() (fields, at int) {
	at = listpack.First(n.lp)
	at += listpack.EntrySize(n.lp, at)
	at += listpack.EntrySize(n.lp, at)
	return int(listpack.Get(n.lp, at).Int), at + listpack.EntrySize(n.lp, at)
}

// StreamEntry is an entry being read. It is borrowed from its stream.
type StreamEntry struct {
	ID     StreamID
	Fields int // not yet read by Next

	lp      []byte
	at      int // of the next element of the entry: at last, its count
	master  int // of the next master field; 0: the entry has its own
	flagsAt int
	deleted bool
}

// Next returns the next field and its value. There must be one.
func (e *StreamEntry) Next() (field, value listpack.Value) {
	e.Fields--
	if e.master != 0 {
		field = listpack.Get(e.lp, e.master)
		e.master += listpack.EntrySize(e.lp, e.master)
	} else {
		field = listpack.Get(e.lp, e.at)
		e.at += listpack.EntrySize(e.lp, e.at)
	}
	value = listpack.Get(e.lp, e.at)
	e.at += listpack.EntrySize(e.lp, e.at)
	return field, value
}

// elements returns how many elements an entry takes of which nothing was read.
func (e *StreamEntry) elements() int {
	if e.master != 0 {
		return e.Fields + streamPlainHead + 1
	}
	return 2*e.Fields + streamFieldsHead + 1
}

// skip goes to the element behind the entry, of which some fields may have been read.
func (e *StreamEntry) skip() (next int) {
	elements := e.Fields + 1
	if e.master == 0 {
		elements += e.Fields
	}
	for ; elements > 0; elements-- {
		e.at += listpack.EntrySize(e.lp, e.at)
	}
	e.Fields = 0
	return e.at
}

// streamWalk reads the entries of a node, deleted ones too, in either direction.
type streamWalk struct {
	node   streamNode
	fields int // master fields
	master int // offset of the first
	first  int // offset of the first entry
	at     int // of the next entry; backwards: the offset behind it
}

// walk returns a reader of the node's entries.
func (n streamNode) walk(backwards bool) streamWalk {
	w := streamWalk{node: n}
	w.fields, w.master = n.fields()
	w.first = w.master
	for i := 0; i <= w.fields; i++ {
		w.first += listpack.EntrySize(n.lp, w.first)
	}
	w.at = w.first
	if backwards {
		w.at = listpack.End(n.lp)
	}
	return w
}

// next reads the entry that begins at w.at into e. The caller moves w.at on, to what e.skip returns.
// It reports false at the end.
func (w *streamWalk) next(e *StreamEntry) bool {
	if w.at == listpack.End(w.node.lp) {
		return false
	}
	w.read(w.at, e)
	return true
}

// seek moves w.at on to the first entry whose ID is id or greater, or to the end.
func (w *streamWalk) seek(id StreamID) {
	lp, end, master := w.node.lp, listpack.End(w.node.lp), w.node.master
	for w.at < end {
		ms, at := listpack.ReadInt(lp, w.at+streamFlagsSize)
		seq, at := listpack.ReadInt(lp, at)
		if e := (StreamID{master.Ms + uint64(ms), master.Seq + uint64(seq)}); !e.Less(id) {
			return
		}
		left := w.fields + 1
		if lp[w.at]&streamSameFields == 0 {
			var own int64
			own, at = listpack.ReadInt(lp, at)
			left = 2*int(own) + 1
		}
		w.at = listpack.Skip(lp, at, left)
	}
}

// prev reads the entry that ends before w.at, and moves w.at to its beginning.
func (w *streamWalk) prev(e *StreamEntry) bool {
	if w.at == w.first {
		return false
	}
	at := listpack.Prev(w.node.lp, w.at)
	for steps := listpack.Get(w.node.lp, at).Int; steps > 0; steps-- {
		at = listpack.Prev(w.node.lp, at)
	}
	w.at = at
	w.read(at, e)
	return true
}

func (w *streamWalk) read(at int, e *StreamEntry) {
	lp := w.node.lp
	e.lp, e.flagsAt = lp, at
	flags := lp[at]
	at += streamFlagsSize
	v := listpack.Get(lp, at)
	e.ID.Ms = w.node.master.Ms + uint64(v.Int)
	at += listpack.EntrySize(lp, at)
	v = listpack.Get(lp, at)
	e.ID.Seq = w.node.master.Seq + uint64(v.Int)
	at += listpack.EntrySize(lp, at)
	e.deleted = flags&streamEntryDeleted != 0
	if flags&streamSameFields != 0 {
		e.Fields, e.master = w.fields, w.master
	} else {
		e.Fields, e.master = int(listpack.Get(lp, at).Int), 0
		at += listpack.EntrySize(lp, at)
	}
	e.at = at
}

// lastID returns the ID of the last entry, be it deleted or not.
func (n streamNode) lastID() StreamID {
	w := n.walk(true)
	var e StreamEntry
	if !w.prev(&e) {
		return n.master
	}
	return e.ID
}

// find looks for a live entry.
func (n streamNode) find(id StreamID, e *StreamEntry) bool {
	w := n.walk(false)
	for w.seek(id); w.next(e) && e.ID == id; w.at = e.skip() {
		if !e.deleted {
			return true
		}
	}
	return false
}

// streamNewEntry is an entry about to be written: fields and values in turns.
type streamNewEntry struct {
	ms, seq uint64 // differences to the master ID
	args    [][]byte
	same    bool // it has the master's fields
}

// elements returns the entry's count.
func (e *streamNewEntry) elements() int64 {
	if e.same {
		return int64(len(e.args)/2 + streamPlainHead)
	}
	return int64(len(e.args) + streamFieldsHead)
}

// size returns the bytes that the entry takes.
func (e *streamNewEntry) size() int {
	size := streamFlagsSize + listpack.SizeInt(int64(e.ms)) + listpack.SizeInt(int64(e.seq)) + listpack.SizeInt(e.elements())
	for i, arg := range e.args {
		if !e.same || i%2 == 1 {
			size += listpack.Size(arg)
		}
	}
	if !e.same {
		size += listpack.SizeInt(int64(len(e.args) / 2))
	}
	return size
}

// write writes the entry at offset at, where there is room for it, and returns where it ends.
func (e *streamNewEntry) write(lp []byte, at int) int {
	flags := int64(0)
	if e.same {
		flags = streamSameFields
	}
	at += listpack.WriteInt(lp[at:], flags)
	at += listpack.WriteInt(lp[at:], int64(e.ms))
	at += listpack.WriteInt(lp[at:], int64(e.seq))
	if !e.same {
		at += listpack.WriteInt(lp[at:], int64(len(e.args)/2))
	}
	for i, arg := range e.args {
		if !e.same || i%2 == 1 {
			at += listpack.Write(lp[at:], arg)
		}
	}
	return at + listpack.WriteInt(lp[at:], e.elements())
}

// hasFields tells whether the fields of args are the master's.
func (n streamNode) hasFields(args [][]byte) bool {
	fields, at := n.fields()
	if fields != len(args)/2 {
		return false
	}
	for i := 0; i < len(args); i += 2 {
		if !listpack.Get(n.lp, at).Is(args[i]) {
			return false
		}
		at += listpack.EntrySize(n.lp, at)
	}
	return true
}

// streamMasterSize returns the bytes of a listpack with a master entry for args and nothing else.
func streamMasterSize(args [][]byte) int {
	size := len(emptyListpack) + 2 + 2 + listpack.SizeInt(int64(len(args)/2)) + 2
	for i := 0; i < len(args); i += 2 {
		size += listpack.Size(args[i])
	}
	return size
}

var emptyListpack = listpack.AppendNew(nil)

// writeStreamNode writes a node of one entry to b, which has its size. e.same is set.
func writeStreamNode(b []byte, master StreamID, e *streamNewEntry) {
	lp := b[binary.PutUvarint(b, master.Seq):]
	copy(lp, emptyListpack)
	at := listpackHead
	at += listpack.WriteInt(lp[at:], 1)
	at += listpack.WriteInt(lp[at:], 0)
	fields := len(e.args) / 2
	at += listpack.WriteInt(lp[at:], int64(fields))
	for i := 0; i < len(e.args); i += 2 {
		at += listpack.Write(lp[at:], e.args[i])
	}
	at += listpack.WriteInt(lp[at:], 0)
	at = e.write(lp, at)
	lp[at] = 0xFF
	listpack.Fix(lp[:at+1], streamMasterFixed+fields+1+int(e.elements())+1)
}

// setStreamCounts rewrites the numbers of live and deleted entries of the listpack lp, whose storage
// has streamCountsGrowth bytes more, and returns it in its new length. Its header is to be fixed.
func setStreamCounts(lp []byte, live, deleted int) []byte {
	at := listpackHead
	rest := at + listpack.EntrySize(lp, at)
	rest += listpack.EntrySize(lp, rest)
	to := at + listpack.SizeInt(int64(live)) + listpack.SizeInt(int64(deleted))
	end := len(lp) + to - rest
	if to != rest {
		lp = lp[:max(end, len(lp))]
		copy(lp[to:end], lp[rest:end-to+rest])
	}
	at += listpack.WriteInt(lp[at:], int64(live))
	listpack.WriteInt(lp[at:], int64(deleted))
	return lp[:end]
}

const (
	listpackHead = 6 // offset of the first element

	// streamCountsGrowth is the most bytes that a change of both counts by one or more can add.
	streamCountsGrowth = 8
)
