// Items: what a collection holds, decoded one thing at a time.
//
// A collection in a batch or payload is there as a whole; one too large for that is read on as its
// items are asked for, in a window that holds the longest of them. Either way Items takes the same
// walk (object.go) and gives the same items. Decoding an item takes no memory beyond it.

package rdb

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"

	"tarn/internal/intset"
	"tarn/internal/listpack"
)

// Item is one thing of a collection. Its slices are borrowed until the next one is asked for.
type Item struct {
	Key      []byte  // the element of a list, the member, the field; of a stream, the item (stream.go)
	Value    []byte  // of a hash
	Node     []byte  // of a list: a listpack of elements, in place of Key
	Score    float64 // of a sorted set
	Deadline int64   // of a field: Unix ms, or 0
}

// Items reads a collection. It may be used for one after another. Once it has returned an error, it
// is used no more for that one.
type Items struct {
	walk walk
	kind Kind
	b    []byte // all of the object, when it is not read on
	pos  int
	s    *splitter // reads on, if not nil: the object goes on at s.pos

	item    Item
	part    part
	scratch [3][]byte // two decoded strings, and what is made of them
	digits  [2][20]byte

	packed []byte // bytes of a packed value, once loaded
	form   Form
	at     int // of the next element of packed: an offset, or an index into an Intset; -1: none
	dup    duplicates
}

// Open begins a collection. Errors: ErrUnsupported when v is of a type that is no collection, or is
// not read.
func (it *Items) Open(v Value) error {
	if int(v.Type) >= len(types) || v.Type == TypeString || types[v.Type].name == "" || types[v.Type].refused {
		return fmt.Errorf("type %d (%s) where a collection was expected: %w", v.Type, TypeName(v.Type), ErrUnsupported)
	}
	it.begin(v.Type)
	it.b, it.pos, it.s = v.Body, 0, nil
	return nil
}

// begin makes ready for an object of type t.
func (it *Items) begin(t byte) {
	it.walk, it.kind = walk{typ: t}, types[t].kind
	it.packed, it.form, it.at = nil, NotPacked, 0
	for i := range it.scratch {
		if cap(it.scratch[i]) > maxKeptScratch {
			it.scratch[i] = nil
		}
	}
}

// maxKeptScratch is how large a buffer may be to be kept for the next collection.
const maxKeptScratch = 1 << 20

// Kind returns what the collection is.
func (it *Items) Kind() Kind { return it.kind }

// Deadlines tells whether the collection is a hash of a type whose fields may have deadlines.
func (it *Items) Deadlines() bool {
	return it.kind == HashKind && it.walk.typ >= typeHashDeadlinesA
}

// Packed returns the bytes of a collection that is stored as such, in the form said, checked, and
// borrowed until Next is called or another collection opened. A ziplist or zipmap is returned as the
// Listpack that it would be now. NotPacked: it is not stored so; ask for Next. It may be asked before
// any Next, which then goes through the elements all the same. Errors: ErrCorrupt; with a collection
// that is read on, ErrTruncated and those of the source.
func (it *Items) Packed() ([]byte, Form, error) {
	if it.walk.phase == atHead {
		if err := it.step(); err != nil {
			return nil, NotPacked, err
		}
	}
	if it.walk.phase == atBlob {
		if err := it.loadPacked(); err != nil {
			return nil, NotPacked, err
		}
	}
	return it.packed, it.form, nil
}

// Next returns the next item, or io.EOF when there is none. Errors: as Packed.
func (it *Items) Next() (*Item, error) {
	if it.packed == nil {
		if _, _, err := it.Packed(); err != nil {
			return nil, err
		}
	}
	if it.packed != nil {
		return it.nextPacked()
	}
	for it.walk.phase != atEnd {
		from := it.walk
		if err := it.step(); err != nil {
			return nil, err
		}
		if from.phase == atConsumers {
			continue
		}
		if err := it.decode(&from); err != nil {
			return nil, err
		}
		return &it.item, nil
	}
	return nil, io.EOF
}

// step takes the walk's next step, reading on if it must.
func (it *Items) step() error {
	for {
		b, pos := it.window()
		end, st := it.walk.step(b, pos, &it.part)
		switch {
		case st == done && it.s == nil:
			it.pos = end
			return nil
		case st == done:
			it.s.pos = end
			return nil
		case st == bad:
			return ErrCorrupt
		case it.s == nil:
			return ErrTruncated
		}
		if err := it.s.readOn(end); err != nil {
			return err
		}
	}
}

// pass goes on to the end of the object.
func (it *Items) pass() error {
	for it.walk.phase != atEnd {
		if err := it.step(); err != nil {
			return err
		}
	}
	return nil
}

// window returns where the walk reads.
func (it *Items) window() (b []byte, pos int) {
	if it.s != nil {
		return it.s.batch.buf[:it.s.end], it.s.pos
	}
	return it.b, it.pos
}

// text returns the string whose parts are span, in scratch buffer i if it is not stored as such.
func (it *Items) text(span *stringSpan, i int) ([]byte, error) {
	b, _ := it.window()
	s := span.in(b)
	if text, ok := s.BytesView(); ok {
		return text, nil
	}
	out, err := s.AppendTo(it.scratch[i][:0])
	it.scratch[i] = out
	return out, err
}

// loadPacked reads the string that is the whole value.
func (it *Items) loadPacked() error {
	if err := it.step(); err != nil {
		return err
	}
	b, err := it.text(&it.part.a, 0)
	if err != nil {
		return err
	}
	form := Listpack
	switch it.walk.typ {
	case typeSetIntset:
		form = Intset
	case typeHashTriples, typeHashTriplesA:
		form = Triples
	case typeHashZipmap:
		b, err = it.converted(appendZipmap, b)
	case typeListZiplist, typeHashZiplist, typeZSetZiplist:
		b, err = it.converted(appendZiplist, b)
	}
	if err == nil {
		err = it.dup.check(it.kind, form, b)
	}
	if err != nil {
		return err
	}
	it.packed, it.form = b, form
	if form == Listpack || form == Triples {
		it.at = listpack.First(b)
	} else if intset.Len(b) == 0 {
		it.at = -1
	}
	return nil
}

// converted returns the listpack that append makes of an old form.
func (it *Items) converted(convert func(dst, old []byte) ([]byte, error), old []byte) ([]byte, error) {
	out, err := convert(it.scratch[2][:0], old)
	it.scratch[2] = out
	return out, err
}

// nextPacked returns the next item of a packed value.
func (it *Items) nextPacked() (*Item, error) {
	if it.at < 0 {
		return nil, io.EOF
	}
	item := &it.item
	*item = Item{}
	if it.kind == ListKind {
		item.Node, it.at = it.packed, -1
		return item, nil
	}
	if it.form == Intset {
		item.Key = strconv.AppendInt(it.digits[0][:0], intset.At(it.packed, it.at), 10)
		if it.at++; it.at == intset.Len(it.packed) {
			it.at = -1
		}
		return item, nil
	}
	item.Key = it.elementText(0)
	switch it.kind {
	case ZSetKind:
		item.Score, _ = scoreOf(it.element())
	case HashKind:
		item.Value = it.elementText(1)
		if it.form == Triples {
			item.Deadline = it.element().Int
		}
	}
	return item, nil
}

// element returns the next element of a packed value.
func (it *Items) element() (v listpack.Value) {
	v, it.at = listpack.Read(it.packed, it.at)
	return v
}

// elementText returns the text of the next element of a packed value, that of an integer in
// it.digits[i].
func (it *Items) elementText(i int) []byte {
	v := it.element()
	if !v.IsInt {
		return v.Str
	}
	return strconv.AppendInt(it.digits[i][:0], v.Int, 10)
}

// decode makes the item of the part that a step from the walk from has found.
func (it *Items) decode(from *walk) error {
	item, p := &it.item, &it.part
	*item = Item{}
	var err error
	if from.phase != atPending && from.phase != atOwned && from.phase != atStreamFacts {
		if item.Key, err = it.text(&p.a, 0); err != nil {
			return err
		}
	}
	b, _ := it.window()
	switch from.typ {
	case typeHash, typeHashDeadlines, typeHashDeadlinesA, typeHashValkey:
		if item.Value, err = it.text(&p.b, 1); err != nil {
			return err
		}
		if from.typ != typeHash {
			item.Deadline, err = fieldDeadline(from, p.nums[0])
		}
	case typeZSet:
		item.Score, err = storedScore(b[p.at:])
	case typeZSet2:
		item.Score = math.Float64frombits(binary.LittleEndian.Uint64(b[p.at:]))
		if math.IsNaN(item.Score) {
			err = ErrCorrupt
		}
	case typeQuicklist, typeQuicklist2:
		err = it.node()
	case typeStream, typeStream2, typeStream3:
		err = it.streamItem(from)
	}
	return err
}

// fieldDeadline returns the deadline that is stored as n: Unix ms, or 0.
func fieldDeadline(from *walk, n uint64) (int64, error) {
	if n == 0 || from.typ == typeHashValkey && n == unknown {
		return 0, nil
	}
	at := int64(n)
	if from.typ == typeHashDeadlines {
		at = from.soonest + int64(n) - 1
	}
	if n > maxDeadline || at < 0 || at > maxDeadline {
		return 0, ErrCorrupt
	}
	return at, nil
}

// storedScore returns the score that b begins with: a length, or a special value, and text.
func storedScore(b []byte) (float64, error) {
	switch b[0] {
	case scoreInf:
		return math.Inf(1), nil
	case scoreNInf:
		return math.Inf(-1), nil
	case scoreNaN:
		return 0, ErrCorrupt
	}
	score, ok := parseScore(b[1 : 1+int(b[0])])
	if !ok {
		return 0, ErrCorrupt
	}
	return score, nil
}

// node makes the item of a list's node, whose bytes it has in Key.
func (it *Items) node() (err error) {
	item := &it.item
	switch {
	case it.walk.typ == typeQuicklist:
		item.Node, err = it.converted(appendZiplist, item.Key)
	case it.part.nums[0] == quicklistPlainNode:
		return nil
	case it.part.nums[0] == quicklistPackedNode:
		item.Node = item.Key
	default:
		return ErrCorrupt
	}
	item.Key = nil
	if err == nil {
		err = it.dup.check(ListKind, Listpack, item.Node)
	}
	return err
}

// streamItem makes the item of a stream's part, whose string it has in Key.
func (it *Items) streamItem(from *walk) (err error) {
	item := &it.item
	var value []byte
	if from.phase == atParts {
		if value, err = it.text(&it.part.b, 1); err != nil {
			return err
		}
		if len(item.Key) != streamIDBytes || listpack.Validate(value) != nil {
			return ErrCorrupt
		}
	}
	b, _ := it.window()
	it.scratch[2] = appendStreamItem(it.scratch[2][:0], from, &it.part, b, item.Key, value)
	item.Key = it.scratch[2]
	return nil
}
