// Shown here: a large value that is renamed into another shard stays where it is, and nobody can tell:
// it is found, changed, scanned, saved, watched, waited for, expired and flushed under its new name.
// Notes of where such keys are go with the keys.

package keyspace

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// strayRig is a keyspace in which every value outside its entry is too large to be copied.
type strayRig struct {
	t  *testing.T
	ks *Keyspace
	tx *Tx
}

func newStrayRig(t *testing.T, shards int) *strayRig {
	ks := newKeyspace(t, Options{Shards: shards, Databases: 3})
	ks.strayAll = true
	return &strayRig{t, ks, ks.NewTx()}
}

// away returns the first name, of those with a prefix, that belongs to another shard than key.
func (r *strayRig) away(prefix, key string) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint(prefix, i); r.ks.home(r.ks.Hash([]byte(name))) != r.ks.home(r.ks.Hash([]byte(key))) {
			return name
		}
	}
}

// with does something with keys of a database, locked together.
func (r *strayRig) with(do func(keys []*Key), db int, names ...string) {
	r.t.Helper()
	keys := make([]*Key, len(names))
	for _, name := range names {
		r.tx.Want(r.ks.Hash([]byte(name)))
	}
	r.tx.LockWanted()
	for i, name := range names {
		k := r.tx.Key(db, []byte(name), ForWrite)
		keys[i] = &k
	}
	do(keys)
	r.tx.Unlock()
	if err := r.ks.Verify(); err != nil {
		r.t.Fatal(err)
	}
}

// put makes a key hold a pile of n elements.
func (r *strayRig) put(db int, name string, n int) {
	r.t.Helper()
	r.with(func(keys []*Key) {
		p := &pile{heap: keys[0].Heap()}
		for i := range n {
			p.add(fmt.Append(nil, "element ", i))
		}
		if err := keys[0].SetBig(List, p); err != nil {
			r.t.Fatal(err)
		}
		keys[0].Changed("set")
	}, db, name)
}

func (r *strayRig) move(db int, from, to string) {
	r.t.Helper()
	r.with(func(keys []*Key) {
		big := keys[0].Big()
		if err := keys[0].MoveTo(keys[1]); err != nil {
			r.t.Fatal(err)
		}
		if keys[0].Exists() || !keys[1].Exists() || keys[1].Big() != big {
			r.t.Errorf("%s to %s: the value was not moved, or is another", from, to)
		}
		keys[0].Changed("rename_from")
		keys[1].Changed("rename_to")
	}, db, from, to)
}

func (r *strayRig) strays() (n int) {
	for i := range r.ks.shards {
		if s := r.ks.shards[i].strays; s != nil {
			n += len(s.at)
		}
	}
	return n
}

func (r *strayRig) wantStrays(when string, want int) {
	r.t.Helper()
	if got := r.strays(); got != want {
		r.t.Errorf("%s: %d keys are strays, want %d", when, got, want)
	}
}

func (r *strayRig) exists(db int, name string) (yes bool) {
	r.with(func(keys []*Key) { yes = keys[0].Exists() }, db, name)
	return yes
}

// TestStraysComeAndGo follows notes: by each way in which a key can go, and home again.
func TestStraysComeAndGo(t *testing.T) {
	type step struct {
		name string
		do   func(r *strayRig, home, away string)
		want int // strays then
	}
	for _, s := range []step{
		{"stays", func(*strayRig, string, string) {}, 1},
		{"changed", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) { keys[0].EditBig().(*pile).add([]byte("more")); keys[0].Changed("rpush") }, 0, away)
		}, 1},
		{"overwritten", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) { _ = keys[0].SetString([]byte("small"), Plain, NoDeadline) }, 0, away)
		}, 1},
		{"deleted", func(r *strayRig, _, away string) { r.with(func(keys []*Key) { keys[0].Delete() }, 0, away) }, 0},
		{"deleted, and made again under the same lock", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) { keys[0].Delete(); _ = keys[0].SetString([]byte("x"), Plain, NoDeadline) }, 0, away)
		}, 1},
		{"renamed home", func(r *strayRig, home, away string) { r.move(0, away, home) }, 0},
		{"renamed to a third", func(r *strayRig, home, away string) { r.move(0, away, r.away("third", home)) }, 1},
		{"another is renamed over it", func(r *strayRig, home, away string) {
			r.put(0, away+"2", 5)
			r.move(0, away+"2", away)
		}, -1},
		{"expired by a look", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) { _ = keys[0].SetDeadline(2000) }, 0, away)
			r.tx.SetNow(3000)
			if r.exists(0, away) {
				r.t.Error("it does not expire")
			}
		}, 0},
		{"expired by the sweep", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) { _ = keys[0].SetDeadline(2000) }, 0, away)
			r.tx.Sweep(3000, time.Hour, noTime)
			if r.exists(0, away) {
				r.t.Error("it does not expire")
			}
		}, 0},
		{"some of its fields expire", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) {
				p := &pile{heap: keys[0].Heap()}
				p.add([]byte("field"))
				if err := keys[0].SetBig(Hash, p); err != nil {
					r.t.Fatal(err)
				}
				keys[0].SetFieldsDue(2000)
			}, 0, away)
			r.ks.OnFieldsDue(func(k *Key, _ int) int { k.SetFieldsDue(NoDeadline); return 1 })
			r.tx.Sweep(3000, time.Hour, noTime)
			if n := r.tx.ExpiredFields.Load(); n != 1 || !r.exists(0, away) {
				r.t.Errorf("%d fields expire, want 1", n)
			}
		}, 1},
		{"the last of its fields expires", func(r *strayRig, _, away string) {
			r.with(func(keys []*Key) {
				_ = keys[0].SetBig(Hash, &pile{heap: keys[0].Heap()})
				keys[0].SetFieldsDue(2000)
			}, 0, away)
			r.ks.OnFieldsDue(func(k *Key, _ int) int { k.Delete(); k.Changed("del"); return 1 })
			r.tx.Sweep(3000, time.Hour, noTime)
		}, 0},
		{"its database is flushed", func(r *strayRig, _, _ string) { r.tx.LockAll(); r.tx.Flush(0, true); r.tx.Unlock() }, 0},
		{"another database is flushed", func(r *strayRig, _, _ string) { r.tx.LockAll(); r.tx.Flush(1, true); r.tx.Unlock() }, 1},
		{"databases are exchanged", func(r *strayRig, _, away string) {
			r.tx.LockAll()
			r.tx.Swap(0, 2)
			r.tx.Unlock()
			if !r.exists(2, away) || r.exists(0, away) {
				r.t.Error("it did not go along")
			}
		}, 1},
		{"moved to another database", func(r *strayRig, _, away string) {
			r.tx.LockAll()
			from, to := r.tx.Key(0, []byte(away), ForWrite), r.tx.Key(1, []byte(away), ForWrite)
			if err := from.MoveTo(&to); err != nil || to.sh != from.sh {
				r.t.Errorf("%v, from %d to %d", err, from.sh.number, to.sh.number)
			}
			r.tx.Unlock()
		}, 1},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := newStrayRig(t, 4)
			r.tx.SetNow(1000)
			const home = "home"
			away := r.away("away", home)
			r.put(0, home, 10)
			r.move(0, home, away)
			r.wantStrays("renamed", 1)
			s.do(r, home, away)
			if s.want < 0 { // by chance the other belongs where the stray is, or even to its home
				s.want = r.strays()
			}
			if err := r.ks.Verify(); err != nil {
				t.Error(err)
			}
			r.wantStrays("then", s.want)
		})
	}
}

// TestSmallValuesAreCopied shows that only what is large becomes a stray, and nothing whose name another database holds.
func TestSmallValuesAreCopied(t *testing.T) {
	r := newStrayRig(t, 4)
	const home = "home"
	away := r.away("away", home)
	for _, tc := range []struct {
		what   string
		all    bool
		before func()
		want   int
	}{
		{"a small value", false, func() { r.put(0, home, 20) }, 0},
		{"a value of 16 KiB", false, func() { r.put(0, home, strayBig/16) }, 1},
		{"the name is taken in another database", true, func() { r.put(0, home, 20); r.put(1, away, 3) }, 0},
	} {
		r.ks.strayAll = tc.all
		tc.before()
		r.with(func(keys []*Key) {
			if err := keys[0].MoveTo(keys[1]); err != nil {
				t.Fatal(err)
			}
		}, 0, home, away)
		r.wantStrays(tc.what, tc.want)
		if !r.exists(0, away) || r.exists(0, home) {
			t.Errorf("%s: it did not go from %s to %s", tc.what, home, away)
		}
		r.with(func(keys []*Key) { keys[0].Delete() }, 0, away)
	}
	if !r.exists(1, away) {
		t.Error("the other database has lost its key")
	}
}

// touched is a Watcher that counts.
type touched struct{ n int }

func (w *touched) Touch() { w.n++ }

// TestStraysAreWatched shows that those who watch a key or wait for it hear of it wherever it is.
func TestStraysAreWatched(t *testing.T) {
	r := newStrayRig(t, 4)
	r.tx.SetNow(1000)
	const home = "home"
	away := r.away("away", home)
	w, waiter := &touched{}, &Waiter{Type: List}
	r.with(func([]*Key) {
		r.tx.Watch(0, []byte(away), w)
		r.tx.Await(waiter, 0, [][]byte{[]byte(away)})
	}, 0, away)
	hear := func(what string, want int, do func()) {
		t.Helper()
		before := w.n
		do()
		if w.n-before != want {
			t.Errorf("%s: a watcher is told %d times, want %d", what, w.n-before, want)
		}
		for told := false; ; told = true {
			ready, ok := r.ks.NextReady()
			if !ok {
				if told != (want > 0) {
					t.Errorf("%s: the key is ready: %t", what, told)
				}
				break
			}
			r.tx.LockHash(ready.Hash)
			for r.tx.NextWaiter(&ready) != nil {
			}
			r.tx.Served(&ready)
			r.tx.Unlock()
			r.tx.Settle()
		}
	}
	r.put(0, home, 10)
	hear("it becomes a stray", 1, func() { r.move(0, home, away) })
	hear("it is changed", 1, func() { r.with(func(keys []*Key) { keys[0].EditBig(); keys[0].Changed("lset") }, 0, away) })
	hear("it is exchanged", 1, func() { r.tx.LockAll(); r.tx.Swap(0, 1); r.tx.Unlock() })
	hear("it is exchanged back", 1, func() { r.tx.LockAll(); r.tx.Swap(0, 1); r.tx.Unlock() })
	hear("another database is flushed", 0, func() {
		r.put(1, "other", 1)
		r.tx.LockAll()
		r.tx.Flush(1, true)
		r.tx.Unlock()
	})
	hear("it is given a deadline", 0, func() { r.with(func(keys []*Key) { _ = keys[0].SetDeadline(2000) }, 0, away) })
	hear("it expires", 1, func() { r.tx.Sweep(3000, time.Hour, noTime) })
	r.put(0, home, 10)
	r.move(0, home, away)
	hear("it is flushed", 1, func() { r.tx.LockAll(); r.tx.Flush(0, true); r.tx.Unlock() })
	r.with(func([]*Key) { r.tx.Unwatch(0, []byte(away), w); r.tx.Leave(waiter) }, 0, away)
}

// TestStraysAgainstModel moves values about more than anything else, with an iteration by Scan going on. (Worlds of even seeds have strays too, in all tests.)
func TestStraysAgainstModel(t *testing.T) {
	chances := chances{opSet: 30, opEdit: 10, opDelete: 1, opDeadline: 1, opCopy: 4, opMove: 60, opRead: 5, opRandomKey: 2, opSweep: 4, opClock: 4, opSwap: 1}
	strays := 0
	for range 12 {
		seed := chance.Seed(t)
		rnd := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, seed, Options{Shards: 4, Databases: 2})
		w.ks.strayAll = true
		a := w.newActor(rnd, chances, 1<<(2+rnd.IntN(7)))
		a.large = 3
		s := &scanning{a: a}
		for step := range 3000 {
			a.step()
			if step%10 == 0 {
				s.step()
			}
			if step%100 == 0 {
				a.check()
				strays += (&strayRig{ks: w.ks}).strays()
			}
		}
		a.check()
		if t.Failed() {
			return
		}
	}
	if strays == 0 {
		t.Error("there was never a stray")
	}
}

// TestStraysTogether has many move the same few values about at once: none is lost, none is there twice, and
// nobody waits for ever.
func TestStraysTogether(t *testing.T) {
	const values, names, movers, moves = 5, 12, 4, 4000
	r := newStrayRig(t, 4)
	for i := range values {
		r.put(0, fmt.Sprint("name", i), 3+i)
	}
	var wg sync.WaitGroup
	for range movers {
		seed := chance.Seed(t)
		wg.Go(func() {
			rnd, tx := rand.New(rand.NewPCG(seed, 0)), r.ks.NewTx()
			for range moves {
				from, to := fmt.Append(nil, "name", rnd.IntN(names)), fmt.Append(nil, "name", rnd.IntN(names))
				tx.Want(tx.Hash(from))
				tx.Want(tx.Hash(to))
				tx.LockWanted()
				k, dest := tx.Key(0, from, ForWrite), tx.Key(0, to, ForWrite)
				if k.Exists() && !dest.Exists() {
					if err := k.MoveTo(&dest); err != nil {
						t.Error(err)
					}
				}
				tx.Unlock()
				tx.LockHash(tx.Hash(to))
				if k := tx.Key(0, to, ForRead); k.Exists() && k.Big().Len() < 3 {
					t.Errorf("%s has %d elements", to, k.Big().Len())
				}
				tx.Unlock()
			}
		})
	}
	wg.Wait()
	if err := r.ks.Verify(); err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	r.tx.LockAll()
	r.tx.Each(0, func(k *Key) { found[k.Big().Len()]++ })
	r.tx.Unlock()
	for i := range values {
		if found[3+i] != 1 || len(found) != values {
			t.Fatalf("values by length: %v, want each of %d once", found, values)
		}
	}
}

// TestStraysInStress does everything at once: what is left is sound.
func TestStraysInStress(t *testing.T) {
	r := newStrayRig(t, 4)
	var clock atomic.Int64
	var movers, others sync.WaitGroup
	for range 3 {
		seed := chance.Seed(t)
		movers.Go(func() {
			m := &strayMover{rnd: rand.New(rand.NewPCG(seed, 0)), tx: r.ks.NewTx()}
			for range 6000 {
				m.tx.SetNow(clock.Add(1))
				m.step()
			}
		})
	}
	done := make(chan struct{})
	until := func(do func()) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					do()
					runtime.Gosched()
				}
			}
		})
	}
	sweeper, saver := r.ks.NewTx(), r.ks.NewTx()
	until(func() {
		sweeper.Sweep(clock.Load(), time.Hour, noTime)
		sweeper.FreeLazily()
	})
	until(func() {
		s, err := saver.Begin(SnapshotOptions{Limit: 1 << 20})
		if err != nil {
			t.Error(err)
			return
		}
		seen := map[string]bool{}
		err = s.Run(func(rec *Record) error {
			id := fmt.Sprint(rec.DB, string(rec.Key))
			if seen[id] {
				t.Errorf("%s is saved twice", id)
			}
			seen[id] = true
			return nil
		}, noTime)
		if err != nil {
			t.Error(err)
		}
	})
	movers.Wait()
	close(done)
	others.Wait()
	if err := r.ks.Verify(); err != nil {
		t.Error(err)
	}
	r.tx.SetNow(clock.Load() + 100)
	r.tx.LockAll()
	r.tx.Flush(-1, true)
	r.tx.Unlock()
	r.wantStrays("flushed", 0)
}

// strayMover makes lists, moves and deletes them, and looks at all.
type strayMover struct {
	rnd *rand.Rand
	tx  *Tx
}

func (m *strayMover) name() []byte { return fmt.Append(nil, "name", m.rnd.IntN(40)) }

func (m *strayMover) step() {
	tx, a, b, db := m.tx, m.name(), m.name(), m.rnd.IntN(2)
	hash := tx.Hash(a)
	defer tx.Unlock()
	switch op := m.rnd.IntN(100); {
	case op < 30:
		tx.LockHash(hash)
		if !tx.Ready(db, a, hash) {
			return
		}
		k := tx.Key(db, a, ForWrite)
		p := &pile{heap: k.Heap()}
		for range 1 + m.rnd.IntN(4) {
			p.add(make([]byte, 50))
		}
		_ = k.SetBig(List, p)
		_ = k.SetDeadline(tx.Now() + int64(m.rnd.IntN(30)))
	case op < 80:
		tx.Want(hash)
		tx.Want(tx.Hash(b))
		tx.LockWanted()
		if string(a) == string(b) || !tx.Ready(db, a, hash) || !tx.Ready(db, b, tx.Hash(b)) {
			return
		}
		if k, to := tx.Key(db, a, ForWrite), tx.Key(db, b, ForWrite); k.Exists() {
			_ = k.MoveTo(&to)
		}
	case op < 85:
		tx.LockHash(hash)
		if !tx.Ready(db, a, hash) {
			return
		}
		if k, to := tx.Key(db, a, ForWrite), tx.Key(1-db, a, ForWrite); k.Exists() && !to.Exists() {
			_ = k.MoveTo(&to)
		}
	case op < 88:
		tx.LockAll()
		for cursor := tx.Scan(db, 0, func(*Key) {}); cursor != 0; {
			cursor = tx.Scan(db, cursor, func(*Key) {})
		}
		tx.RandomKey(db)
	case op < 89:
		tx.LockAll()
		if m.rnd.IntN(10) == 0 {
			tx.Flush(db, true)
		} else {
			tx.Swap(0, 1)
		}
	default:
		tx.LockHash(hash)
		if k := tx.Key(db, a, ForWrite); tx.Ready(db, a, hash) {
			k.Delete()
		}
	}
}

// TestStraysDoNotCrowd builds one value after the other under the same name: when the shard of that name is crowded, they
// go to their own.
func TestStraysDoNotCrowd(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 4, Databases: 1, Heap: mem.Options{Reserve: 16 << 20}})
	r := &strayRig{t, ks, ks.NewTx()}
	element := make([]byte, 1000)
	for i, full := 0, false; !full; i++ {
		r.tx.Want(r.tx.Hash([]byte("temporary")))
		to := fmt.Append(nil, "key", i)
		r.tx.Want(r.tx.Hash(to))
		r.tx.LockWanted()
		k, dest := r.tx.Key(0, []byte("temporary"), ForWrite), r.tx.Key(0, to, ForWrite)
		p := &pile{heap: k.Heap()}
		for range strayBig/1000 + 1 {
			full = full || !p.add(element)
		}
		if full {
			for !p.Free(100) {
			}
		} else {
			full = k.SetBig(List, p) != nil || k.MoveTo(&dest) != nil
		}
		r.tx.Unlock()
		for r.tx.FreeLazily() {
		}
	}
	capacity := uint64(0)
	for i := range ks.shards {
		capacity += ks.shards[i].heap.Capacity()
	}
	if used := ks.UsedMemory(); used < capacity/10*7 || r.strays() == 0 {
		t.Errorf("out of memory with %d bytes of %d used, and %d strays", used, capacity, r.strays())
	}
}

// TestScanOfManyStrays shows that strays come in steps too, each once while nothing changes, and cost nothing in other databases.
func TestScanOfManyStrays(t *testing.T) {
	const keys = 2000
	r := newStrayRig(t, 4)
	r.tx.LockAll()
	for i := range keys {
		k := r.tx.Key(0, fmt.Append(nil, "temporary", i%7), ForWrite)
		p := &pile{heap: k.Heap()}
		p.add([]byte("element"))
		if err := k.SetBig(List, p); err != nil {
			t.Fatal(err)
		}
		to := r.tx.Key(0, fmt.Append(nil, "key", i), ForWrite)
		if err := k.MoveTo(&to); err != nil {
			t.Fatal(err)
		}
	}
	r.tx.Unlock()
	if n := r.strays(); n < keys/2 {
		t.Fatalf("only %d strays", n)
	}
	for db, want := range []int{keys, 0} {
		seen := map[string]bool{}
		r.tx.LockAll()
		for cursor, last := uint64(0), false; !last; last = cursor == 0 {
			n := 0
			cursor = r.tx.Scan(db, cursor, func(k *Key) { seen[string(k.Name())] = true; n++ })
			if n > strayStep+50 {
				t.Errorf("database %d: a step shows %d keys", db, n)
			}
		}
		r.tx.Unlock()
		if len(seen) != want {
			t.Errorf("database %d: Scan shows %d keys, want %d", db, len(seen), want)
		}
	}
}
