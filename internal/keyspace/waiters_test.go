// Shown here: a key that changes while it is waited for becomes ready, once for each executor that
// changed it, in the order of the changes; those in its line come out in the order in which they
// came, if the key is such that it wakes them; who has left does not. And where others wait, a
// change of a key that nobody waits for makes nothing ready.

package keyspace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/test/chance"
)

// waiting is a keyspace with waiters, all of whose shards are locked by tx.
type waiting struct {
	t  *testing.T
	tx *Tx
}

func newWaiting(t *testing.T) *waiting {
	tx := newKeyspace(t, Options{Shards: 4, Databases: 2}).NewTx()
	tx.SetNow(1_700_000_000_000)
	tx.LockAll()
	return &waiting{t, tx}
}

// set makes a string of database db, and says that it changed.
func (w *waiting) set(tx *Tx, db int, name string) {
	w.t.Helper()
	k := tx.Key(db, []byte(name), ForWrite)
	if err := k.SetString([]byte("x"), Auto, NoDeadline); err != nil {
		w.t.Fatal(err)
	}
	k.Changed("set")
}

// await makes a waiter for strings, called by a name.
func (w *waiting) await(owner string, db int, names ...string) *Waiter {
	waiter := &Waiter{Type: String, Owner: owner}
	raw := make([][]byte, len(names))
	for i := range names {
		raw[i] = []byte(names[i])
	}
	w.tx.Await(waiter, db, raw)
	return waiter
}

// serve empties the queue and returns each ready key with those it wakes.
func (w *waiting) serve() (log []string) {
	for {
		r, ok := w.tx.ks.NextReady()
		if !ok {
			return log
		}
		line := fmt.Sprintf("%d %s:", r.DB, r.Name)
		for waiter := w.tx.NextWaiter(&r); waiter != nil; waiter = w.tx.NextWaiter(&r) {
			line += fmt.Sprint(" ", waiter.Owner)
		}
		w.tx.Served(&r)
		log = append(log, line)
	}
}

func (w *waiting) expect(what string, want ...string) {
	w.t.Helper()
	if unserved := w.tx.Unserved(); unserved != (len(want) > 0) {
		w.t.Errorf("%s: unserved keys: %t, want %t", what, unserved, len(want) > 0)
	}
	if got := w.serve(); !slices.Equal(got, want) {
		w.t.Errorf("%s: served %q, want %q", what, got, want)
	}
	if w.tx.Unserved() {
		w.t.Errorf("%s: unserved keys after all were served", what)
	}
	if err := w.tx.Verify(); err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
}

func TestWaiters(t *testing.T) {
	w := newWaiting(t)
	other := w.tx.ks.NewTx() // of another executor, under the locks of w.tx
	a := w.await("a", 0, "k", "l", "k")
	b := w.await("b", 0, "k")
	c := w.await("c", 1, "k")
	w.set(w.tx, 0, "nobody's")
	w.expect("a key that nobody waits for")
	if w.tx.Stirred() {
		t.Error("stirred by a key that nobody waits for")
	}
	w.set(w.tx, 0, "k")
	w.set(w.tx, 0, "k")
	if !w.tx.Stirred() {
		t.Error("not stirred by a waited key")
	}
	w.expect("changed twice by one", "0 k: a b")
	w.set(w.tx, 0, "k")
	w.set(other, 0, "k")
	w.set(w.tx, 0, "l")
	w.expect("changed by two", "0 k: a b", "0 k: a b", "0 l: a")
	w.tx.Leave(a)
	w.set(w.tx, 0, "k")
	w.set(w.tx, 0, "l")
	w.expect("one has left", "0 k: b")
	w.tx.Swap(0, 1)
	log := w.serve()
	slices.Sort(log)
	if want := []string{"0 k:", "1 k: c"}; !slices.Equal(log, want) {
		t.Errorf("swapped: served %q, want %q", log, want)
	}
	if keys, gone := w.tx.Waited(); keys != 2 || gone != 0 {
		t.Errorf("waited for: %d keys, %d to go; want 2, 0", keys, gone)
	}
	w.tx.Leave(b)
	w.tx.Leave(c)
	w.set(w.tx, 0, "k")
	w.expect("all have left")
	w.tx.Unlock()
}

// TestWaitersWake shows which keys wake whom.
func TestWaitersWake(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(w *waiting)
		want string // of: a waiter for strings, one for lists, and one for lists that also waits for the end
	}{
		{"made", func(w *waiting) { w.set(w.tx, 0, "k") }, "0 k: string end"},
		{"deleted", func(w *waiting) {
			w.set(w.tx, 0, "k")
			k := w.tx.Key(0, []byte("k"), ForWrite)
			k.Delete()
			k.Changed("del")
		}, "0 k: end"},
		{"flushed", func(w *waiting) { w.set(w.tx, 0, "k"); w.serve(); w.tx.Flush(0, false) }, "0 k: end"},
		{"expired", func(w *waiting) {
			w.set(w.tx, 0, "k")
			k := w.tx.Key(0, []byte("k"), ForWrite)
			if err := k.SetDeadline(w.tx.Now() + 1); err != nil {
				w.t.Fatal(err)
			}
			w.serve()
			w.tx.SetNow(w.tx.Now() + 1)
			w.tx.Key(0, []byte("k"), ForRead)
		}, "0 k: end"},
	} {
		w := newWaiting(t)
		waiters := []*Waiter{{Type: String, Owner: "string"}, {Type: List, Owner: "list"}, {Type: List, Gone: true, Owner: "end"}}
		for _, waiter := range waiters {
			w.tx.Await(waiter, 0, [][]byte{[]byte("k")})
		}
		if keys, gone := w.tx.Waited(); keys != 1 || gone != 1 {
			t.Errorf("%s: waited for: %d keys, %d to go; want 1, 1", tc.name, keys, gone)
		}
		tc.do(w)
		w.expect(tc.name, tc.want)
		for _, waiter := range waiters {
			w.tx.Leave(waiter)
		}
		w.tx.Unlock()
	}
}

// TestWaitersAgainstModel compares lines with slices, under random coming, leaving and changing.
func TestWaitersAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWaiting(t)
	names := []string{"a", "b", "c", "d", "e"}
	lines := map[string][]*Waiter{}
	var all []*Waiter
	for step := range 3000 {
		switch r.IntN(3) {
		case 0:
			var wanted []string
			for _, i := range r.Perm(len(names))[:1+r.IntN(len(names))] {
				wanted = append(wanted, names[i])
			}
			waiter := w.await(fmt.Sprint(step), 0, wanted...)
			all = append(all, waiter)
			for _, name := range wanted {
				lines[name] = append(lines[name], waiter)
			}
		case 1:
			if len(all) > 0 {
				i := r.IntN(len(all))
				w.tx.Leave(all[i])
				for name, line := range lines {
					lines[name] = slices.DeleteFunc(line, func(x *Waiter) bool { return x == all[i] })
				}
				all = slices.Delete(all, i, i+1)
			}
		case 2:
			name := names[r.IntN(len(names))]
			var want []string
			if line := lines[name]; len(line) > 0 {
				text := "0 " + name + ":"
				for _, waiter := range line {
					text += fmt.Sprint(" ", waiter.Owner)
				}
				want = []string{text}
			}
			w.set(w.tx, 0, name)
			if got := w.serve(); !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d: served %q, want %q", seed, step, got, want)
			}
		}
		if err := w.tx.Verify(); err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, step, err)
		}
	}
	for _, waiter := range all {
		w.tx.Leave(waiter)
	}
	w.tx.Unlock()
}
