// Saving: what a key holds, or held at a snapshot's cut, as an RDB object.
//
// A collection kept as bytes is appended at once; one of many blocks is begun, and its items follow in
// portions, so that a file is written without a buffer of its size.

package object

import (
	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/value"
)

// kindsOf are RDB's kinds of the keyspace's types.
var kindsOf = [...]rdb.Kind{
	keyspace.List: rdb.ListKind, keyspace.Set: rdb.SetKind, keyspace.ZSet: rdb.ZSetKind,
	keyspace.Hash: rdb.HashKind, keyspace.Stream: rdb.StreamKind,
}

// AppendRecord appends the type, key and value of a snapshot's record that is no string. Of one with
// a Big only what precedes its items: c.AppendItems is to be called with what r.Big.Next returns.
func AppendRecord(enc *rdb.Encoder, dst []byte, r *keyspace.Record) (out []byte, c rdb.Collection) {
	h := rdb.Head{Kind: kindsOf[r.Type], Key: r.Key}
	if r.Shape != keyspace.InBig {
		return appendPacked(enc, dst, &h, r.Shape, r.Value), c
	}
	shown := value.Shown{Count: r.Big.Count}
	switch facts := r.Big.Facts.(type) {
	case value.ListFacts:
		shown.Nodes = facts.Nodes
	case value.HashFacts:
		shown.Deadlines = facts.Deadlines
	}
	return begin(enc, dst, &h, shown)
}

// begin appends what precedes the items of a large value.
func begin(enc *rdb.Encoder, dst []byte, h *rdb.Head, shown value.Shown) ([]byte, rdb.Collection) {
	h.Count, h.Deadlines = shown.Count, shown.Deadlines
	if h.Kind == rdb.ListKind && !enc.CountsElements() {
		h.Count = shown.Nodes
	}
	return enc.BeginCollection(dst, h)
}

// appendPacked appends a collection kept as bytes.
func appendPacked(enc *rdb.Encoder, dst []byte, h *rdb.Head, shape keyspace.Shape, b []byte) []byte {
	form := rdb.Listpack
	switch {
	case shape == keyspace.Alt && h.Kind == rdb.SetKind:
		form = rdb.Intset
	case shape == keyspace.Alt:
		form, b = rdb.Triples, b[keyspace.DueBytes:]
	}
	return enc.AppendPacked(dst, h, form, b)
}

// Dump appends the DUMP payload of a key that exists, of any type. Errors: keyspace.ErrOutOfMemory.
func Dump(enc *rdb.Encoder, dst []byte, k *keyspace.Key) ([]byte, error) {
	if k.Type() == keyspace.String {
		if n, err := k.Int(); k.IsInt() && err == nil {
			return enc.AppendDumpInt(dst, n), nil
		}
		return enc.AppendDump(dst, k.StringBytes(nil)), nil
	}
	start := len(dst)
	h := rdb.Head{Kind: kindsOf[k.Type()], Payload: true}
	if k.Shape() != keyspace.InBig {
		return rdb.EndDump(appendPacked(enc, dst, &h, k.Shape(), k.Packed()), start), nil
	}
	return dumpBig(enc, dst, &h, k)
}

// dumpBig is Dump of a Big: apart, since what it captures stands in Go's heap.
func dumpBig(enc *rdb.Encoder, dst []byte, h *rdb.Head, k *keyspace.Key) ([]byte, error) {
	start := len(dst)
	dst, c := begin(enc, dst, h, value.Show(k))
	err := value.Items(k, func(items []byte) { dst = c.AppendItems(dst, items) })
	if err != nil {
		return dst[:start], err
	}
	return rdb.EndDump(dst, start), nil
}
