//go:build !race && !invariants

// Shown here: the paths of single-key commands allocate no Go memory, however the key's entry changes,
// with a deadline or without. Other builds keep books that do.

package keyspace

import (
	"fmt"
	"testing"
)

func TestNoGoAllocations(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 4, Databases: 1})
	tx := ks.NewTx()
	tx.SetNow(1_700_000_000_000)
	names := make([][]byte, 2000)
	texts := [][]byte{make([]byte, 10), make([]byte, 100), make([]byte, 1000), make([]byte, 6000)}
	turn := 0
	with := func(f func(k *Key) error) func() {
		return func() {
			turn++
			name := names[turn%len(names)]
			hash := tx.Hash(name)
			tx.LockHash(hash)
			if !tx.Ready(0, name, hash) {
				t.Fatal("not ready")
			}
			k := tx.KeyHashed(0, name, hash, ForWrite)
			if err := f(&k); err != nil {
				t.Fatal(err)
			}
			k.Changed("x")
			tx.Unlock()
		}
	}
	for i := range names {
		names[i] = fmt.Appendf(nil, "key:%d", i)
		with(func(k *Key) error { return k.SetString(texts[0], Plain, NoDeadline) })()
	}
	mortal := with(func(k *Key) error { return k.SetString(texts[0], Plain, tx.Now()+1) })
	immortal := with(func(k *Key) error { return k.SetString(texts[0], Plain, NoDeadline) })
	absent := []byte("absent")
	scratch := make([]byte, 32)
	for _, tc := range []struct {
		name string
		run  func()
	}{
		{"hit", func() {
			turn++
			name := names[turn%len(names)]
			hash := tx.Hash(name)
			tx.LockHash(hash)
			k := tx.KeyHashed(0, name, hash, ForRead)
			scratch = k.StringBytes(scratch)[:0]
			tx.Unlock()
		}},
		{"miss", func() {
			hash := tx.Hash(absent)
			tx.LockHash(hash)
			tx.KeyHashed(0, absent, hash, ForRead)
			tx.Unlock()
		}},
		{"overwrite in place", with(func(k *Key) error { return k.SetString(texts[0], Plain, NoDeadline) })},
		{"overwrite in another block", with(func(k *Key) error { return k.SetString(texts[turn%3], Plain, KeepDeadline) })},
		{"overwrite by a block of its own", with(func(k *Key) error { return k.SetString(texts[2+turn%2], Plain, NoDeadline) })},
		{"integer", with(func(k *Key) error { return k.SetInt(int64(turn)) })},
		{"integer read and written", with(func(k *Key) error {
			n, err := k.Int()
			if err != nil {
				return err
			}
			return k.SetInt(n + 1)
		})},
		{"integer as text", with(func(k *Key) error { return k.SetString([]byte("12345"), Auto, NoDeadline) })},
		{"append", with(func(k *Key) error { _, err := k.Resize(k.StringLen()%500 + 1); return err })},
		{"deadline", with(func(k *Key) error { return k.SetDeadline(tx.Now() + 1000 + int64(turn)) })},
		{"no deadline", with(func(k *Key) error { return k.SetDeadline(NoDeadline) })},
		{"overwrite with a deadline", with(func(k *Key) error { return k.SetString(texts[turn%3], Plain, tx.Now()+500+int64(turn%100)) })},
		{"delete and insert", with(func(k *Key) error { k.Delete(); return k.SetString(texts[turn%2], Plain, NoDeadline) })},
		{"expire and insert", func() {
			mortal()
			turn--
			tx.SetNow(tx.Now() + 2)
			immortal()
		}},
	} {
		for range len(names) {
			tc.run() // heaps and trees get their shape
		}
		if n := testing.AllocsPerRun(2*len(names), tc.run); n != 0 {
			t.Errorf("%s: %v allocations", tc.name, n)
		}
	}
}

// TestHandingOverAllocatesLittle: while a save runs, writers copy into its buffers, not Go's memory.
func TestHandingOverAllocatesLittle(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 1, Databases: 1})
	tx := ks.NewTx()
	value, name := make([]byte, 100), make([]byte, 2)
	write := func(i int) {
		name[0], name[1] = byte(i), byte(i>>8)
		tx.LockHash(tx.Hash(name))
		k := tx.Key(0, name, ForWrite)
		if err := k.SetString(value, Plain, NoDeadline); err != nil {
			t.Fatal(err)
		}
		tx.Unlock()
	}
	for i := range 10_000 {
		write(i)
	}
	s, err := tx.Begin(SnapshotOptions{Limit: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	// The queue of full buffers grows now and then.
	if n := testing.AllocsPerRun(9000, func() { write(i); i++ }); n != 0 {
		t.Errorf("%v allocations a write", n)
	}
	if _, _, total := s.Held(); total < 9000*100 {
		t.Errorf("%d bytes were handed over, want 900,000 at least", total)
	}
	s.Cancel()
	_ = s.Run(func(*Record) error { return nil }, noTime)
}
