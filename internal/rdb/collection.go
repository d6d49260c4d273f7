// Collections: the writing of every type but the string, in the form that the file's version has.
//
// A value kept as one run of bytes is one string of the file where the version knows such a string,
// else its elements are written one by one. A value of many blocks is a head, then the items that it
// hands out, in portions as they come, so that nobody needs memory of its size. An item is a uvarint
// length and bytes: a member; a field and a value (and 8 bytes of deadline where the head says so);
// a member and 8 bytes of score; a node of a list, whose first byte is 1 before an element and 2 before
// a listpack; a part of a stream (stream.go). What makes up one element comes in one portion.
//
// Files claim version 10 by default, and then hold only what Redis 7.0 knows: small sets as plain
// members, streams without the times that consumers were active. What no older type can hold is
// written in the type that can: hash fields with deadlines are type 24 in files of any version.

package rdb

import (
	"encoding/binary"
	"math"

	"tarn/internal/invariant"
	"tarn/internal/listpack"
)

// Versions that brought a form.
const (
	listpacksSince    = 10
	setListpacksSince = 11
	activeTimeSince   = 11

	fieldDeadlinesSince = 12
)

// Head is what precedes the elements of a collection.
type Head struct {
	Kind      Kind
	Key       []byte
	Payload   bool  // of DUMP: there is no key
	Count     int   // elements; of a list, nodes; of a stream, not used
	Deadlines bool  // hash: the fields may have deadlines
	Soonest   int64 // no deadline is before it, Unix ms, if not 0
}

// Collection writes the items of one collection.
type Collection struct {
	enc     *Encoder
	typ     byte
	soonest int64
	stream  streamWriter
}

// version returns the version that is written.
func (e *Encoder) version() int {
	if e.Version == 0 {
		return DefaultVersion
	}
	return e.Version
}

// bigType returns the type that collections of many blocks are written as.
func (e *Encoder) bigType(h *Head) byte {
	switch h.Kind {
	case ListKind:
		if e.version() < listpacksSince {
			return typeList
		}
		return typeQuicklist2
	case SetKind:
		return typeSet
	case ZSetKind:
		return typeZSet2
	case HashKind:
		if h.Deadlines {
			if e.version() < fieldDeadlinesSince {
				e.Lost |= FieldDeadlines
			}
			return typeHashDeadlines
		}
		return typeHash
	}
	switch {
	case e.version() < listpacksSince:
		return typeStream
	case e.version() < activeTimeSince:
		return typeStream2
	}
	return typeStream3
}

// start appends the type and the key.
func (e *Encoder) start(dst []byte, typ byte, h *Head) []byte {
	dst = append(dst, typ)
	if h.Payload {
		return dst
	}
	return e.AppendString(dst, h.Key)
}

// BeginCollection appends what precedes the items of a collection, which c.AppendItems then appends.
func (e *Encoder) BeginCollection(dst []byte, h *Head) (out []byte, c Collection) {
	c = Collection{enc: e, typ: e.bigType(h), soonest: max(h.Soonest, 1)}
	dst = e.start(dst, c.typ, h)
	if h.Kind == StreamKind {
		return dst, c
	}
	if c.typ == typeHashDeadlines {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(c.soonest))
	}
	return AppendLength(dst, uint64(h.Count)), c
}

// CountsElements tells whether the Count of a list's head is to be that of its elements, since the
// version has no nodes.
func (e *Encoder) CountsElements() bool { return e.version() < listpacksSince }

// cut returns the first item and what follows it.
func cut(items []byte) (item, rest []byte) {
	n, size := binary.Uvarint(items)
	invariant.Check(size > 0 && n <= uint64(len(items)-size), "items are whole")
	return items[size : size+int(n)], items[size+int(n):]
}

// AppendItems appends what the items say.
func (c *Collection) AppendItems(dst, items []byte) []byte {
	var a, b, d []byte
	for len(items) > 0 {
		a, items = cut(items)
		switch c.typ {
		case typeSet:
			dst = c.enc.AppendString(dst, a)
		case typeZSet2:
			b, items = cut(items)
			dst = append(c.enc.AppendString(dst, a), b[:8]...)
		case typeHash:
			b, items = cut(items)
			dst = c.enc.AppendString(c.enc.AppendString(dst, a), b)
		case typeHashDeadlines:
			b, items = cut(items)
			d, items = cut(items)
			dst = c.appendDeadline(dst, int64(binary.LittleEndian.Uint64(d)))
			dst = c.enc.AppendString(c.enc.AppendString(dst, a), b)
		case typeList, typeQuicklist2:
			dst = c.appendNode(dst, a)
		default:
			dst = c.stream.append(dst, c, a)
		}
	}
	return dst
}

// appendDeadline appends a field's deadline.
func (c *Collection) appendDeadline(dst []byte, deadline int64) []byte {
	invariant.Check(deadline == 0 || deadline >= c.soonest, "no deadline is before the soonest")
	if deadline != 0 {
		deadline -= c.soonest - 1
	}
	return AppendLength(dst, uint64(deadline))
}

// appendNode appends a node of a list, or its elements.
func (c *Collection) appendNode(dst, item []byte) []byte {
	container, node := item[0], item[1:]
	if c.typ == typeQuicklist2 {
		return c.enc.AppendBlob(AppendLength(dst, uint64(container)), node)
	}
	if container == quicklistPlainNode {
		return c.enc.AppendString(dst, node)
	}
	return c.enc.appendElements(dst, node)
}

// appendElements appends the elements of a listpack as strings.
func (e *Encoder) appendElements(dst, lp []byte) []byte {
	for at := listpack.First(lp); at >= 0; {
		var v listpack.Value
		v, at = listpack.Read(lp, at)
		dst = e.appendElement(dst, v)
	}
	return dst
}

func (e *Encoder) appendElement(dst []byte, v listpack.Value) []byte {
	if v.IsInt {
		return AppendInt(dst, v.Int)
	}
	return e.AppendString(dst, v.Str)
}

// AppendBlob appends bytes that are no text: never as an integer.
func (e *Encoder) AppendBlob(dst, b []byte) []byte {
	if e.Compress && len(b) > compressAbove {
		if out, ok := e.appendCompressed(dst, b); ok {
			return out
		}
	}
	return append(AppendLength(dst, uint64(len(b))), b...)
}

// AppendPacked appends a collection that is kept as the bytes b. Of the head only kind and key are
// used.
func (e *Encoder) AppendPacked(dst []byte, h *Head, form Form, b []byte) []byte {
	since, typ := listpacksSince, byte(0)
	switch {
	case form == Intset:
		return e.AppendBlob(e.start(dst, typeSetIntset, h), b)
	case form == Triples:
		return e.appendTriples(dst, h, b)
	case h.Kind == SetKind:
		since, typ = setListpacksSince, typeSetListpack
	case h.Kind == ZSetKind:
		typ = typeZSetListpack
	case h.Kind == HashKind:
		typ = typeHashListpack
	case h.Kind == ListKind:
		typ = typeQuicklist2
	}
	if e.version() < since {
		return e.appendUnpacked(dst, h, b)
	}
	dst = e.start(dst, typ, h)
	if typ == typeQuicklist2 {
		dst = append(dst, 1, quicklistPackedNode)
	}
	return e.AppendBlob(dst, b)
}

// appendUnpacked appends the elements of a listpack as a collection of the plain type.
func (e *Encoder) appendUnpacked(dst []byte, h *Head, lp []byte) []byte {
	count := listpack.Count(lp)
	if h.Kind == HashKind || h.Kind == ZSetKind {
		count /= 2
	}
	typ := e.bigType(&Head{Kind: h.Kind})
	dst = AppendLength(e.start(dst, typ, h), uint64(count))
	if h.Kind != ZSetKind {
		return e.appendElements(dst, lp)
	}
	for at := listpack.First(lp); at >= 0; {
		var member, score listpack.Value
		member, at = listpack.Read(lp, at)
		score, at = listpack.Read(lp, at)
		f, ok := scoreOf(score)
		invariant.Check(ok, "a sorted set's scores are numbers")
		dst = binary.LittleEndian.AppendUint64(e.appendElement(dst, member), math.Float64bits(f))
	}
	return dst
}

// appendTriples appends a hash whose fields may have deadlines. Without any it is a plain hash.
func (e *Encoder) appendTriples(dst []byte, h *Head, lp []byte) []byte {
	soonest := soonestOf(lp)
	dst, c := e.BeginCollection(dst, &Head{
		Kind: HashKind, Key: h.Key, Payload: h.Payload, Deadlines: soonest != 0, Soonest: soonest, Count: listpack.Count(lp) / 3,
	})
	for at := listpack.First(lp); at >= 0; {
		var field, value, deadline listpack.Value
		field, at = listpack.Read(lp, at)
		value, at = listpack.Read(lp, at)
		deadline, at = listpack.Read(lp, at)
		if soonest != 0 {
			dst = c.appendDeadline(dst, deadline.Int)
		}
		dst = e.appendElement(e.appendElement(dst, field), value)
	}
	return dst
}

// soonestOf returns the soonest deadline in a listpack of triples, or 0.
func soonestOf(lp []byte) (soonest int64) {
	for at := listpack.First(lp); at >= 0; {
		at = listpack.Next(lp, listpack.Next(lp, at))
		var deadline listpack.Value
		deadline, at = listpack.Read(lp, at)
		if deadline.Int != 0 && (soonest == 0 || deadline.Int < soonest) {
			soonest = deadline.Int
		}
	}
	return soonest
}
