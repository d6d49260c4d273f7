// Values: each is loaded as a server loads it, into a key that is then deleted.
//
// So what passes here is what a server takes: listpacks and intsets walked to their end, members found
// to differ from each other, groups of streams found to refer to entries that are there.

package check

import (
	"errors"
	"io"

	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
)

// scratch is a keyspace for one value at a time.
type scratch struct {
	ks      *keyspace.Keyspace
	tx      *keyspace.Tx
	name    []byte
	hash    uint64
	loader  object.Loader
	decoded []byte

	look func(k *keyspace.Key) error // shown each collection, if not nil
}

// newScratch returns a scratch that close gives back. Errors: the operating system's, of memory.
func newScratch() (*scratch, error) {
	ks, err := keyspace.New(keyspace.Options{Shards: 1, Databases: 1})
	if err != nil {
		return nil, err
	}
	s := &scratch{ks: ks, tx: ks.NewTx(), name: []byte("value")}
	s.hash = s.tx.Hash(s.name)
	ks.HoldExpired(true) // fields past their deadline are read, too
	return s, nil
}

func (s *scratch) close() error {
	s.ks.CloseTx(s.tx)
	return s.ks.Close()
}

// hold loads a value. An empty collection is no error. Errors: those of object.Loader.Load.
func (s *scratch) hold(v rdb.Value) error {
	if v.Type == rdb.TypeString {
		return s.decode(v)
	}
	s.tx.LockHash(s.hash)
	defer s.tx.Unlock()
	k := s.tx.KeyHashed(0, s.name, s.hash, keyspace.Peek)
	err := s.loader.Load(&k, v)
	if errors.Is(err, object.ErrEmpty) {
		err = nil
	}
	return s.drop(&k, err)
}

// drop has the key looked at, if it holds anything, and deletes it.
func (s *scratch) drop(k *keyspace.Key, err error) error {
	if !k.Exists() {
		return err
	}
	if err == nil && s.look != nil {
		err = s.look(k)
	}
	k.Delete()
	return err
}

// decode decodes a string. Errors: rdb.ErrCorrupt.
func (s *scratch) decode(v rdb.Value) error {
	text, err := v.AsString()
	if err == nil {
		s.decoded, err = text.AppendTo(s.decoded[:0])
	}
	return err
}

// read is hold of a value that is read on, and used no further.
func (s *scratch) read(v *rdb.LargeValue) error {
	it := v.Items()
	if it == nil {
		_, err := io.Copy(io.Discard, v)
		return err
	}
	locked := func(fn func(k *keyspace.Key) error) error {
		s.tx.LockHash(s.hash)
		defer s.tx.Unlock()
		k := s.tx.KeyHashed(0, s.name, s.hash, keyspace.Peek)
		return fn(&k)
	}
	err := s.loader.Read(it, locked)
	if errors.Is(err, object.ErrEmpty) {
		err = nil
	}
	return locked(func(k *keyspace.Key) error { return s.drop(k, err) })
}
