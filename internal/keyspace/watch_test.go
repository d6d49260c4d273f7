// Shown here: who watches a key is told when it changes, expires, is flushed or swapped, and not
// otherwise; and no longer after Unwatch.

package keyspace

import (
	"math/rand/v2"
	"testing"
	"time"
)

type counter int

func (c *counter) Touch() { *c++ }

func TestWatch(t *testing.T) {
	const start = 1_700_000_000_000
	type env struct {
		tx *Tx
		k  func(db int, name string) *Key
	}
	for _, tc := range []struct {
		name   string
		do     func(e env)
		a0, b0 bool // told of key a, and of the absent key b, of database 0
		a1     bool // of a in database 1, where it is absent
	}{
		{name: "nothing", do: func(env) {}},
		{name: "changed", do: func(e env) { e.k(0, "a").Changed("set") }, a0: true},
		{name: "made", do: func(e env) { e.k(0, "b").Changed("set") }, b0: true},
		{name: "another database", do: func(e env) { e.k(1, "a").Changed("set") }, a1: true},
		{name: "read", do: func(e env) { e.tx.Key(0, []byte("a"), ForRead) }},
		{name: "past its deadline, looked up", do: func(e env) { e.tx.SetNow(start + 100); e.k(0, "a") }, a0: true},
		{name: "past its deadline, stored", do: func(e env) { e.tx.SetNow(start + 100); e.tx.Stored(0, []byte("a")) }},
		{name: "past its deadline, but kept", do: func(e env) { e.tx.ks.HoldExpired(true); e.tx.SetNow(start + 100); e.k(0, "a") }},
		{name: "flushed", do: func(e env) { e.tx.Flush(0, false) }, a0: true},
		{name: "flushed in the background", do: func(e env) { e.tx.Flush(-1, true) }, a0: true},
		{name: "another is flushed", do: func(e env) { e.tx.Flush(1, false) }},
		{name: "swapped", do: func(e env) { e.tx.Swap(0, 1) }, a0: true, a1: true},
		{name: "swapped with itself", do: func(e env) { e.tx.Swap(0, 0) }},
		{name: "others are swapped", do: func(e env) { e.tx.Swap(1, 2) }},
	} {
		ks := newKeyspace(t, Options{Shards: 2, Databases: 3})
		tx := ks.NewTx()
		tx.SetNow(start)
		tx.LockAll()
		look := func(db int, name string) *Key { k := tx.Key(db, []byte(name), ForWrite); return &k }
		if err := look(0, "a").SetString([]byte("x"), Auto, start+50); err != nil {
			t.Fatal(err)
		}
		var a0, b0, a1, gone counter
		tx.Watch(0, []byte("a"), &gone)
		tx.Watch(0, []byte("a"), &a0)
		tx.Watch(0, []byte("b"), &b0)
		tx.Watch(1, []byte("a"), &a1)
		tx.Unwatch(0, []byte("a"), &gone)
		tc.do(env{tx, look})
		for name, got := range map[string]struct {
			told counter
			want bool
		}{"a of 0": {a0, tc.a0}, "b of 0": {b0, tc.b0}, "a of 1": {a1, tc.a1}, "unwatched": {gone, false}} {
			if (got.told > 0) != got.want {
				t.Errorf("%s: watcher of %s told %d times, want any: %t", tc.name, name, got.told, got.want)
			}
		}
		tx.Unwatch(0, []byte("a"), &a0)
		tx.Unwatch(0, []byte("b"), &b0)
		tx.Unwatch(1, []byte("a"), &a1)
		tx.ks.HoldExpired(false)
		if err := tx.Verify(); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		tx.Unlock()
	}
}

// TestWatchSweep has a sweep delete keys, and demands that the watchers of those, and of no others,
// are told, once.
func TestWatchSweep(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 4, Databases: 2})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	start := a.now.Load()
	told := make([]counter, 200)
	a.tx.LockAll()
	a.tx.SetNow(start)
	for i := range told {
		k := a.tx.Key(i%2, []byte{byte(i)}, ForWrite)
		if err := k.SetInt(1); err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 {
			if err := k.SetDeadline(start + int64(i%3)*10); err != nil {
				t.Fatal(err)
			}
		}
		a.tx.Watch(i%2, []byte{byte(i)}, &told[i])
	}
	a.tx.Unlock()
	if next := a.tx.Sweep(start+9, time.Second, noTime); next != start+10 {
		t.Errorf("Sweep before the first deadline: next at +%d, want +10", next-start)
	}
	if next := a.tx.Sweep(start+10, time.Second, noTime); next != start+20 {
		t.Errorf("Sweep at the first deadline: next at +%d, want +20", next-start)
	}
	for i := range told {
		want := counter(0)
		if i%3 == 1 {
			want = 1
		}
		if told[i] != want {
			t.Errorf("key %d, with deadline %d: watcher told %d times, want %d", i, i%3*10, told[i], want)
		}
	}
	a.tx.LockAll()
	for i := range told {
		a.tx.Unwatch(i%2, []byte{byte(i)}, &told[i])
	}
	a.tx.Unlock()
}
