// Streams as commands.
//
// A stream's items are those of its RDB form (rdb/stream.go): header, nodes, and for each group what is
// pending and its consumers with what they own. Entries become XADD, what the header says XSETID, a
// group XGROUP CREATE, a consumer that owns nothing XGROUP CREATECONSUMER, an entry that is owned XCLAIM.

package persist

import (
	"encoding/binary"
	"strconv"

	"tarn/internal/listpack"
)

const (
	streamIDBytes = 16
	entryDeleted  = 1 // flags of an entry in a node
	entrySame     = 2 // it has the node's fields
)

// streamID is an ID as items have it.
type streamID [streamIDBytes]byte

func (id streamID) String() string { return idText(id.parts()) }

func (id streamID) parts() (ms, sequence uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

func idText(ms, sequence uint64) string {
	return strconv.FormatUint(ms, 10) + "-" + strconv.FormatUint(sequence, 10)
}

// delivery is what is known of a pending entry.
type delivery struct{ time, count uint64 }

// streamCommands writes one stream.
type streamCommands struct {
	head     []byte // the header's body
	settled  bool   // XSETID is written
	group    string
	consumer string
	pending  map[streamID]delivery // of the group
}

// add writes what an item says.
func (s *streamCommands) add(w *commandWriter, item []byte) {
	kind, body := item[0], item[1:]
	switch kind {
	case 'H':
		s.head = append([]byte(nil), body...)
	case 'N':
		addEntries(w, body)
	case 'G':
		s.settle(w)
		s.group, s.pending = string(body[24+streamIDBytes:]), map[streamID]delivery{}
		read := strconv.FormatInt(int64(binary.LittleEndian.Uint64(body)), 10)
		w.words("XGROUP", "CREATE", string(w.key), s.group, streamID(body[24:24+streamIDBytes]).String(), "ENTRIESREAD", read)
	case 'P':
		for ; len(body) > 0; body = body[streamIDBytes+16:] {
			s.pending[streamID(body[:streamIDBytes])] = delivery{binary.LittleEndian.Uint64(body[streamIDBytes:]), binary.LittleEndian.Uint64(body[streamIDBytes+8:])}
		}
	case 'C':
		s.consumer = string(body[24:])
		if binary.LittleEndian.Uint64(body[16:]) == 0 {
			w.words("XGROUP", "CREATECONSUMER", string(w.key), s.group, s.consumer)
		}
	case 'I':
		for ; len(body) > 0; body = body[streamIDBytes:] {
			id := streamID(body[:streamIDBytes])
			d := s.pending[id]
			w.words("XCLAIM", string(w.key), s.group, s.consumer, "0", id.String(), "TIME", strconv.FormatUint(d.time, 10),
				"RETRYCOUNT", strconv.FormatUint(d.count, 10), "JUSTID", "FORCE")
		}
	}
}

// end writes what has to follow the last item.
func (s *streamCommands) end(w *commandWriter) { s.settle(w) }

// settle writes, behind the entries, what the header says. A stream without entries is made by adding
// one that does not stay.
func (s *streamCommands) settle(w *commandWriter) {
	if s.settled {
		return
	}
	s.settled = true
	const entries, added, last = 8, 24, 32
	if binary.LittleEndian.Uint64(s.head[entries:]) == 0 {
		w.words("XADD", string(w.key), "MAXLEN", "0", "0-1", "x", "y")
	}
	w.words("XSETID", string(w.key), streamID(s.head[last:last+streamIDBytes]).String(),
		"ENTRIESADDED", strconv.FormatUint(binary.LittleEndian.Uint64(s.head[added:]), 10),
		"MAXDELETEDID", streamID(s.head[last+2*streamIDBytes:last+3*streamIDBytes]).String())
}

// addEntries writes the entries of a node: its first ID, then a listpack.
func addEntries(w *commandWriter, node []byte) {
	ms, sequence := streamID(node[:streamIDBytes]).parts()
	lp := node[streamIDBytes:]
	at := listpack.First(lp)
	next := func() (v listpack.Value) {
		v, at = listpack.Read(lp, at)
		return v
	}
	next() // how many entries live
	next() // how many are deleted
	masters := int(next().Int)
	master := at
	for range masters + 1 { // and a zero
		next()
	}
	for at >= 0 {
		flags := next().Int
		id := idText(ms+uint64(next().Int), sequence+uint64(next().Int))
		fields, field := masters, master
		if flags&entrySame == 0 {
			fields = int(next().Int)
		}
		if flags&entryDeleted == 0 {
			w.buf = appendArray(w.buf, 3+2*fields)
			w.buf = appendArg(appendArg(appendArg(w.buf, "XADD"), w.key), id)
		}
		for range fields {
			var name listpack.Value
			if flags&entrySame != 0 {
				name, field = listpack.Read(lp, field)
			} else {
				name = next()
			}
			text := next()
			if flags&entryDeleted == 0 {
				w.buf = appendElement(appendElement(w.buf, name), text)
			}
		}
		next() // how many elements the entry has
	}
}
