// Loading: what lies in a file or payload becomes what a key holds.
//
// Small values that lie there as the bytes that keys hold go over in one copy; others are built from
// their elements. Nothing is a key's before all of it was read and found good.
//
// What must hold: the key's shard is locked during each call that is given the key; while a large
// value is read on from a file, only while a portion of it is added.

// Package object turns values into RDB objects and back. It knows what the rooms rdb and value say to
// each other, for files (persist) and for DUMP and RESTORE (command).
package object

import (
	"errors"
	"fmt"
	"io"

	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/value"
)

// ErrEmpty is returned for a collection without elements, which no key can hold.
var ErrEmpty = errors.New("a collection without elements")

// Loader loads one value at a time. Its zero value is ready.
type Loader struct {
	items rdb.Items
	value value.Loader
}

// typeOf are the keyspace's types of RDB's kinds.
var typeOf = [...]keyspace.Type{
	rdb.ListKind: keyspace.List, rdb.SetKind: keyspace.Set, rdb.ZSetKind: keyspace.ZSet,
	rdb.HashKind: keyspace.Hash, rdb.StreamKind: keyspace.Stream,
}

// Load makes k hold the collection v, whatever it held; its deadline stays. Errors: rdb.ErrCorrupt,
// rdb.ErrTruncated, rdb.ErrUnsupported, ErrEmpty, keyspace.ErrOutOfMemory; k has then not changed.
func (l *Loader) Load(k *keyspace.Key, v rdb.Value) error {
	if err := l.items.Open(v); err != nil {
		return err
	}
	stored, err := l.loadPacked(k, &l.items)
	if stored || err != nil {
		return kindOf(err)
	}
	l.value.Begin(k, typeOf[l.items.Kind()])
	for err == nil {
		err = l.add(&l.items)
	}
	if err == io.EOF {
		err = l.value.Store(k)
	}
	if err != nil {
		l.value.Discard()
	}
	return kindOf(err)
}

// turn is how many items are read on while the key is locked.
const turn = 64

// Read is Load for a collection that is read on: locked calls what it is given with the key of the
// value, locked, each time.
func (l *Loader) Read(it *rdb.Items, locked func(fn func(k *keyspace.Key) error) error) error {
	err := locked(func(k *keyspace.Key) error {
		l.value.Begin(k, typeOf[it.Kind()])
		return nil
	})
	for err == nil {
		err = locked(func(*keyspace.Key) (err error) {
			for n := 0; n < turn && err == nil; n++ {
				err = l.add(it)
			}
			return err
		})
	}
	if err == io.EOF {
		err = locked(l.value.Store)
	}
	if err != nil {
		_ = locked(func(*keyspace.Key) error { l.value.Discard(); return nil })
	}
	return kindOf(err)
}

// Check reads a value of any type to its end. Errors: rdb.ErrCorrupt, rdb.ErrTruncated,
// rdb.ErrUnsupported.
func Check(v rdb.Value) error {
	if v.Type == rdb.TypeString {
		s, err := v.AsString()
		if err == nil {
			_, err = s.AppendTo(nil)
		}
		return err
	}
	var it rdb.Items
	err := it.Open(v)
	for err == nil {
		_, err = it.Next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// shapes are those of the forms of packed values.
var shapes = [...]keyspace.Shape{rdb.Listpack: keyspace.Pack, rdb.Intset: keyspace.Alt, rdb.Triples: keyspace.Alt}

// loadPacked is Load for what lies there as bytes that k may hold.
func (l *Loader) loadPacked(k *keyspace.Key, it *rdb.Items) (stored bool, err error) {
	b, form, err := it.Packed()
	if err != nil || form == rdb.NotPacked {
		return false, err
	}
	return value.StorePacked(k, typeOf[it.Kind()], shapes[form], b)
}

// add adds the next item. Errors: io.EOF when there is none.
func (l *Loader) add(it *rdb.Items) error {
	item, err := it.Next()
	if err != nil {
		return err
	}
	return l.addItem(it.Kind(), item)
}

func (l *Loader) addItem(kind rdb.Kind, item *rdb.Item) error {
	switch kind {
	case rdb.SetKind:
		return l.value.AddMember(item.Key)
	case rdb.ZSetKind:
		return l.value.AddScored(item.Key, item.Score)
	case rdb.HashKind:
		return l.value.AddField(item.Key, item.Value, item.Deadline)
	case rdb.ListKind:
		if item.Node != nil {
			return l.value.AddNode(item.Node)
		}
		return l.value.AddElement(item.Key)
	}
	return l.value.AddPart(item.Key)
}

// kindOf returns err as one of the kinds that Load returns.
func kindOf(err error) error {
	switch {
	case errors.Is(err, value.ErrNoElement):
		return ErrEmpty
	case errors.Is(err, value.ErrDuplicate), errors.Is(err, value.ErrBadStream):
		return fmt.Errorf("%w: %w", rdb.ErrCorrupt, err)
	}
	return err
}
