// Shown here: memory comes back. Merges that a save held back are made up for however it ends; what
// was flushed is given back, by slices and at once; idle pages go to the system but for a little;
// and the sums of heaps say what there is.

package keyspace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"tarn/internal/mem"
)

// index returns the bytes of all tables, and their buckets.
func (a *actor) index() (bytes uint64, buckets int) {
	a.tx.LockAll()
	defer a.tx.Unlock()
	for i := range a.ks.shards {
		for db := range a.ks.databases {
			if d := a.ks.shards[i].dbs[db].Load(); d != nil {
				buckets += d.table.Buckets()
			}
		}
	}
	return a.tx.Memory().ByPurpose[mem.Index].Bytes, buckets
}

// TestMergesAreMadeUpFor deletes nearly all keys during a save, which holds the merges back, and
// demands that the tables are small again once it has ended, however it ended.
func TestMergesAreMadeUpFor(t *testing.T) {
	const keys, left = 5000, 20
	for name, during := range map[string]func(a *actor, s *Snapshot) error{
		"complete":  func(*actor, *Snapshot) error { return nil },
		"cancelled": func(_ *actor, s *Snapshot) error { s.Cancel(); return nil },
		"failed":    func(*actor, *Snapshot) error { return errSink },
		"swapped":   func(a *actor, _ *Snapshot) error { a.swap(); return nil },
		"flushed":   func(a *actor, _ *Snapshot) error { a.flush(true); return nil },
		"cancelled after a flush": func(a *actor, s *Snapshot) error {
			a.flush(false)
			s.Cancel()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, Options{Shards: 4, Databases: 2})
			a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, keys)
			a.fillKeys(keys, 8)
			full, buckets := a.index()
			s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 30})
			var end error
			first := true
			err := s.Run(func(r *Record) error {
				c.record(r)
				if !first {
					return nil
				}
				first = false
				for i := left; i < keys; i++ {
					a.one(opDelete, 0, fmt.Appendf(nil, "key:%d", i))
				}
				// Only the walked table of each shard is held, and merges lag behind by one an operation.
				if _, now := a.index(); now < buckets/4 {
					t.Errorf("%d buckets during the save, of %d", now, buckets)
				}
				end = during(a, s)
				return end
			}, noTime)
			if !errors.Is(err, end) && !errors.Is(err, ErrCancelled) {
				t.Fatalf("Run: %v", err)
			}
			for a.tx.FreeLazily() {
			}
			turns := 1
			for a.ks.Tidy() {
				turns++
			}
			if bytes, now := a.index(); now > 4*left || bytes > full/20 {
				t.Errorf("after %d turns of Tidy: %d buckets in %d bytes, of %d in %d", turns, now, bytes, buckets, full)
			}
			if a.ks.Tidy() {
				t.Errorf("Tidy has more to do")
			}
			a.check()
		})
	}
}

func (a *actor) swap() {
	a.tx.LockAll()
	a.tx.Swap(0, 1)
	a.tx.Unlock()
	for _, sh := range a.shards {
		sh[0], sh[1] = sh[1], sh[0]
	}
}

func (a *actor) flush(background bool) {
	a.tx.LockAll()
	a.tx.Flush(-1, background)
	a.tx.Unlock()
	for _, sh := range a.shards {
		for db := range sh {
			sh[db] = modelDB{}
		}
	}
}

// TestFlushGivesMemoryBack fills, flushes, and demands that the heaps hold nothing but what they keep
// for the next page, at once or after the background has done its part.
func TestFlushGivesMemoryBack(t *testing.T) {
	for _, background := range []bool{false, true} {
		w := newWorld(t, 1, Options{Shards: 4, Databases: 2})
		a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
		a.fillKeys(10_000, 300)
		a.fillKeys(20, 1<<20)
		a.flush(background)
		a.tx.LockAll()
		pending, used := a.tx.LazyPending(), a.ks.UsedMemory()
		a.tx.Unlock()
		if background != (pending == 10_000) || background != (used > 0) {
			t.Errorf("background %t: %d keys pending, %d bytes used", background, pending, used)
		}
		slices := 0
		for a.tx.FreeLazily() {
			slices++
		}
		if background && slices < 10_000/freeSlice {
			t.Errorf("10,000 keys were freed in %d slices", slices)
		}
		if freed := a.tx.LazyFreed.Load(); background != (freed == 10_000) {
			t.Errorf("background %t: %d values freed lazily", background, freed)
		}
		turns := 0
		for a.ks.Trim() {
			turns++
		}
		a.tx.LockAll()
		st := a.tx.Memory()
		a.tx.Unlock()
		if st.Used != 0 || st.Spans != 0 || st.Runs != 0 || st.Held > 4*keepBytes {
			t.Errorf("background %t, after %d turns of Trim: %+v", background, turns, st)
		}
		if st.Blocks != 0 || st.Reserved < 4*mem.Reserve(4) || st.Metadata == 0 {
			t.Errorf("sums of 4 heaps: %+v", st)
		}
	}
}

// TestTrimKeepsALittle demands that pages which come and go between two calls of Trim are not given
// to the system and asked back each time.
func TestTrimKeepsALittle(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 1, Databases: 1})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(3000, 300)
	for a.ks.Trim() {
	}
	for range 50 {
		a.fillKeys(1, 60_000)
		a.fillKeys(1, 10)
		if a.ks.Trim() {
			t.Fatal("64 KiB that were freed have been given back at once")
		}
	}
}

// TestFlushDuringSave keeps what was flushed until it is saved, and frees it then.
func TestFlushDuringSave(t *testing.T) {
	for _, background := range []bool{false, true} {
		w := newWorld(t, 1, Options{Shards: 4, Databases: 2})
		a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
		a.fillKeys(4000, 100)
		s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20})
		records := 0
		if err := s.Run(func(r *Record) error {
			c.record(r)
			if records++; records == 1 {
				a.flush(background)
				a.fillKeys(100, 50)
			}
			for a.tx.FreeLazily() {
			}
			return nil
		}, noTime); err != nil {
			t.Fatal(err)
		}
		c.end()
		for a.tx.FreeLazily() {
		}
		if used, want := a.ks.UsedMemory(), uint64(100*500); used > want {
			t.Errorf("100 short keys use %d bytes, want at most %d", used, want)
		}
		a.check()
	}
}
