// Streams: nodes, facts, groups and consumers, between the file's form and items.
//
// An item is a run of bytes that begins with its kind. It is what a server's stream hands out to be
// saved and takes in to be built, part by part. Numbers in it are 8 bytes little endian; IDs are 16
// bytes, milliseconds and sequence, both big endian, as the first ID of a node is stored.
//
//	'N' ID · listpack                                    a node
//	'H' nodes entries groups added · last ID · first ID · max deleted ID
//	'G' entriesRead pending consumers · last ID · name   a group; then what is pending in it, in any portions:
//	'P' (ID · delivery time in ms · delivery count)...
//	'C' seenTime activeTime pending · name               a consumer; then what it owns:
//	'I' (ID)...
//
// Saving, the header comes first, since it says how many nodes there are; loading, it follows the
// nodes, as in the file. A number that is not known is -1. 'h', 'g' and 'c' stand for items of old
// forms, in which added, first ID and max deleted ID; entriesRead; activeTime are not known, and 0.
// How many consumers a group has is never known when it is
// loaded, since the file says so behind what is pending.

package rdb

import "encoding/binary"

// Sizes of the items' fixed parts.
const (
	headerItemBytes   = 1 + 4*8 + 3*streamIDBytes
	nodeItemBytes     = 1 + streamIDBytes
	groupItemBytes    = 1 + 3*8 + streamIDBytes
	consumerItemBytes = 1 + 3*8
	pendingBytes      = streamIDBytes + 8 + 8
)

// streamPart reads a part behind the nodes.
func (w *walk) streamPart(f *field, p *part) {
	second := w.typ != typeStream
	switch w.phase {
	case atStreamFacts: // entries, last ID; first ID, max deleted ID, entries added
		clear(p.nums[:])
		n := 3
		if second {
			n = groupsAt
		}
		for i := range n {
			p.nums[i] = f.length()
		}
		w.groups = f.count()
		p.nums[groupsAt] = w.groups
		w.phase = atGroup
	case atGroup: // last ID, entries read
		p.a = f.string()
		p.nums[0], p.nums[1], p.nums[2] = f.length(), f.length(), unknown
		if second {
			p.nums[2] = f.length()
		}
		w.left = f.count()
		p.nums[3] = w.left
		w.groups--
		w.phase = atPending
	case atPending: // ID, delivery time; delivery count
		p.at = f.bytes(streamIDBytes + 8)
		p.nums[0] = f.length()
		w.left--
	case atConsumers:
		w.consumers = f.count()
		w.phase = atConsumer
	case atConsumer: // seen time, active time
		p.a = f.string()
		p.nums[0], p.nums[1] = f.uint64(), unknown
		if w.typ == typeStream3 {
			p.nums[1] = f.uint64()
		}
		w.left = f.count()
		p.nums[2] = w.left
		w.consumers--
		w.phase = atOwned
	case atOwned:
		p.at = f.bytes(streamIDBytes)
		w.left--
	}
}

// groupsAt is where a part of facts has the number of groups.
const groupsAt = 8

// unknown is -1, as numbers that are not known are.
const unknown = 1<<64 - 1

// appendStreamItem appends the item for the part p, in b, that a step from phase was found in. a and
// c are p's strings.
func appendStreamItem(dst []byte, from *walk, p *part, b, a, c []byte) []byte {
	old := from.typ == typeStream
	switch from.phase {
	case atParts:
		return append(append(append(dst, 'N'), a...), c...)
	case atStreamFacts:
		dst = append(dst, letter('H', old))
		dst = appendNumbers(dst, from.count, p.nums[0], p.nums[groupsAt], p.nums[7])
		for i := 1; i < 7; i += 2 {
			dst = appendID(dst, p.nums[i], p.nums[i+1])
		}
		return dst
	case atGroup:
		read := p.nums[2]
		if old {
			read = 0
		}
		dst = appendNumbers(append(dst, letter('G', old)), read, p.nums[3], unknown)
		return append(appendID(dst, p.nums[0], p.nums[1]), a...)
	case atPending:
		return appendNumbers(append(append(dst, 'P'), b[p.at:p.at+streamIDBytes+8]...), p.nums[0])
	case atConsumer:
		active := p.nums[1]
		if from.typ != typeStream3 {
			active = 0
		}
		dst = appendNumbers(append(dst, letter('C', from.typ != typeStream3)), p.nums[0], active, p.nums[2])
		return append(dst, a...)
	}
	return append(append(dst, 'I'), b[p.at:p.at+streamIDBytes]...)
}

// letter is an item's kind, small for one of an old form.
func letter(kind byte, old bool) byte {
	if old {
		return kind | 0x20
	}
	return kind
}

func appendNumbers(dst []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return dst
}

func appendID(dst []byte, ms, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, ms), sequence)
}

// streamWriter turns a stream's items into the file's form. What the file counts before its parts, the
// items say in the part before.
type streamWriter struct {
	facts     [headerItemBytes]byte // of the header: they follow the nodes
	nodes     uint64                // left
	groups    uint64                // left
	consumers uint64                // left of the group
	pending   uint64                // left of the group or consumer
	inGroup   bool                  // what is pending is the group's
}

// append appends what an item says.
func (w *streamWriter) append(dst []byte, c *Collection, item []byte) []byte {
	enc := c.enc
	body := item[1:]
	switch item[0] {
	case 'H':
		copy(w.facts[:], item)
		if c.typ == typeStream && countsDeleted(body) {
			enc.Lost |= StreamCounts
		}
		w.nodes, w.groups = number(body, 0), number(body, 2)
		dst = AppendLength(dst, w.nodes)
		if w.nodes == 0 {
			dst = w.appendFacts(dst, c.typ)
		}
	case 'N':
		w.nodes--
		dst = enc.AppendBlob(dst, body[:streamIDBytes])
		dst = enc.AppendBlob(dst, body[streamIDBytes:])
		if w.nodes == 0 {
			dst = w.appendFacts(dst, c.typ)
		}
	case 'G':
		w.pending, w.consumers = number(body, 1), number(body, 2)
		w.inGroup = true
		id := body[3*8:]
		dst = enc.AppendString(dst, id[streamIDBytes:])
		dst = appendIDLengths(dst, id)
		switch read := number(body, 0); {
		case c.typ != typeStream:
			dst = AppendLength(dst, read)
		case read != unknown:
			enc.Lost |= StreamCounts
		}
		dst = AppendLength(dst, w.pending)
		dst = w.settle(dst)
	case 'P':
		for ; len(body) > 0; body = body[pendingBytes:] {
			dst = append(dst, body[:streamIDBytes+8]...)
			dst = AppendLength(dst, binary.LittleEndian.Uint64(body[streamIDBytes+8:]))
			w.pending--
		}
		dst = w.settle(dst)
	case 'C':
		w.pending = number(body, 2)
		dst = enc.AppendString(dst, body[consumerItemBytes-1:])
		dst = append(dst, body[:8]...)
		switch {
		case c.typ == typeStream3:
			dst = append(dst, body[8:16]...)
		case number(body, 0) != number(body, 1):
			enc.Lost |= ActiveTimes
		}
		dst = AppendLength(dst, w.pending)
	case 'I':
		dst = append(dst, body...)
	}
	return dst
}

// countsDeleted tells whether a header says more than what the entries that are left do: that some were
// deleted.
func countsDeleted(header []byte) bool {
	const greatestDeleted = 4*8 + 2*streamIDBytes
	var none [streamIDBytes]byte
	return number(header, 1) != number(header, 3) || [streamIDBytes]byte(header[greatestDeleted:]) != none
}

// settle appends how many consumers a group has, once all that is pending in it is written.
func (w *streamWriter) settle(dst []byte) []byte {
	if w.inGroup && w.pending == 0 {
		w.inGroup = false
		dst = AppendLength(dst, w.consumers)
	}
	return dst
}

// appendFacts appends what follows the nodes.
func (w *streamWriter) appendFacts(dst []byte, typ byte) []byte {
	body := w.facts[1:]
	ids := body[4*8:]
	dst = AppendLength(dst, number(body, 1))
	dst = appendIDLengths(dst, ids)
	if typ != typeStream {
		dst = appendIDLengths(dst, ids[streamIDBytes:])
		dst = appendIDLengths(dst, ids[2*streamIDBytes:])
		dst = AppendLength(dst, number(body, 3))
	}
	return AppendLength(dst, w.groups)
}

// number returns the i-th of the numbers that an item's body begins with.
func number(body []byte, i int) uint64 { return binary.LittleEndian.Uint64(body[8*i:]) }

// appendIDLengths appends an ID as two lengths.
func appendIDLengths(dst, id []byte) []byte {
	return AppendLength(AppendLength(dst, binary.BigEndian.Uint64(id)), binary.BigEndian.Uint64(id[8:]))
}
