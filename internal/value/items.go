// Items: a large value as it is now, in the form in which Save hands it out, for DUMP.
//
// A save may be under way, whose place in the value must not be lost. So nothing is cut here but a
// copy of a stream, whose parts refer to each other; other values are walked as they stand.
//
// What must hold: the key's shard is locked until Items returns.

package value

import (
	"encoding/binary"

	"tarn/internal/btree"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// ListFacts are what a large list tells whoever saves it, as of the cut.
type ListFacts struct {
	Nodes int // items that it hands out
}

// Facts returns ListFacts.
func (n *listNodes) Facts() any { return ListFacts{Nodes: len(n.cut.leaves)} }

// Shown is what precedes the items of a value.
type Shown struct {
	Count     int  // elements
	Nodes     int  // of a list
	Deadlines bool // of a hash: see HashFacts
}

// Show returns what precedes the items of a key that is InBig.
func Show(k *keyspace.Key) Shown {
	s := Shown{Count: k.Big().Len()}
	switch b := k.Big().(type) {
	case *listNodes:
		s.Nodes = b.seq.Leaves()
	case *bigHash:
		s.Deadlines = b.timed() > 0
	}
	return s
}

// itemsBytes is about how many bytes Items hands out at a time.
const itemsBytes = 64 << 10

// Items hands the items of a key that is InBig to emit, in portions, as Save would. Errors:
// keyspace.ErrOutOfMemory, for a stream.
func Items(k *keyspace.Key, emit func(items []byte)) error {
	w := itemsWriter{emit: emit}
	switch b := k.Big().(type) {
	case *listNodes:
		var p btree.Path
		var buf leafBuffer
		for ok := b.seq.First(&p); ok; ok = b.seq.Next(&p) {
			w.add(b.view(p.Leaf, &buf), b.kind(p.Leaf))
			w.flush(itemsBytes)
		}
		buf.close()
	case *bigSet:
		w.elements(b.table, func(e *element) { w.add(e.name) })
	case *bigZSet:
		w.elements(b.table, func(e *element) {
			w.add(e.name)
			w.number(e.number)
		})
	case *bigHash:
		timed := b.timed() > 0
		w.elements(b.table, func(e *element) {
			w.add(e.name)
			w.add(e.value)
			if timed {
				w.number(e.number)
			}
		})
	default:
		return w.copied(k, b)
	}
	w.flush(0)
	return nil
}

// itemsWriter gathers items.
type itemsWriter struct {
	items []byte
	emit  func(items []byte)
}

// add appends an item: the bytes of head, then b.
func (w *itemsWriter) add(b []byte, head ...byte) {
	w.items = binary.AppendUvarint(w.items, uint64(len(head)+len(b)))
	w.items = append(append(w.items, head...), b...)
}

func (w *itemsWriter) number(n uint64) {
	w.items = binary.LittleEndian.AppendUint64(append(w.items, numberSize), n)
}

// flush hands out what was gathered, if it is more than least.
func (w *itemsWriter) flush(least int) {
	if len(w.items) > least {
		w.emit(w.items)
		w.items = w.items[:0]
	}
}

// elements calls add for each element of a table.
func (w *itemsWriter) elements(t *table, add func(e *element)) {
	t.each(func(r mem.Ref) bool {
		e := t.read(r)
		add(&e)
		w.flush(itemsBytes)
		return true
	})
}

// copied hands out the items of a copy of b.
func (w *itemsWriter) copied(k *keyspace.Key, b keyspace.Big) error {
	c, ok := b.Clone(k.Heap())
	if !ok {
		return keyspace.ErrOutOfMemory
	}
	c.Cut(func(int64) {})
	for more := true; more; {
		w.items, more = c.Save(w.items, itemsBytes)
		w.flush(0)
	}
	c.EndSave()
	for !c.Free(itemsBytes) {
	}
	return nil
}
