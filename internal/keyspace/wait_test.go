// Shown here: what a save makes commands wait for, and that they do not wait longer. Copies stay
// within their budget and what one command adds; who is refused is told when to try again, long before
// the save ends; a value too large to be copied is saved next when a command wants it; and a save
// that ends, however it ends, leaves nobody waiting and nothing behind.

package keyspace

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// fillKeys gives database 0 keys of values of the same size, and the model too.
func (a *actor) fillKeys(count, size int) {
	for i := range count {
		a.steps.Add(1)
		name := fmt.Appendf(nil, "key:%d", i)
		a.tx.LockHash(a.tx.Hash(name))
		a.tx.SetNow(a.now.Load())
		k := a.tx.Key(0, name, ForWrite)
		text := a.fill(nil, size)
		err := k.SetString(text, Raw, NoDeadline)
		a.done(&k, held{string(text), "raw", NoDeadline}, err)
		a.tx.Unlock()
	}
}

// overwrite tries to change a key of fillKeys, and tells whether the save was ready.
func (a *actor) overwrite(i, size int) bool {
	name := fmt.Appendf(nil, "key:%d", i)
	hash := a.tx.Hash(name)
	a.tx.LockHash(hash)
	defer a.tx.Unlock()
	if !a.tx.Ready(0, name, hash) {
		return false
	}
	a.steps.Add(1)
	k := a.tx.Key(0, name, ForWrite)
	text := a.fill(nil, size)
	a.done(&k, held{string(text), "raw", NoDeadline}, k.SetString(text, Raw, NoDeadline))
	return true
}

// TestBudget overwrites keys as fast as the save lets it, in an order of its own. Sixteen shards
// with a buffer each could keep the whole budget in buffers that are not full.
func TestBudget(t *testing.T) {
	const keys, size, limit = 4000, 1000, 64 << 10
	for _, shards := range []int{1, 16} {
		w := newWorld(t, 1, Options{Shards: shards, Databases: 1})
		a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, keys)
		a.fillKeys(keys, size)
		s, c := a.begin(a.tx, SnapshotOptions{Limit: limit})
		order := a.r.Perm(keys)
		refused, streak, longest := 0, 0, 0
		resumes := w.resumeCount()
		err := s.Run(func(r *Record) error {
			c.record(r)
			for len(order) > 0 {
				if !a.overwrite(order[0], size) {
					refused++
					streak++
					break
				}
				order, streak = order[1:], 0
				if now, _, _ := s.Held(); now > limit+2*(size+200) {
					t.Fatalf("shards=%d: %d bytes are held of %d", shards, now, limit)
				}
			}
			longest = max(longest, streak)
			return nil
		}, noTime)
		if err != nil {
			t.Fatal(err)
		}
		c.end()
		_, peak, total := s.Held()
		if refused == 0 || a.tx.Waits.Load() != int64(refused) || w.resumeCount() == resumes {
			t.Errorf("shards=%d: refused %d times, counted %d, resumed %d times", shards, refused, a.tx.Waits.Load(), w.resumeCount()-resumes)
		}
		if peak < limit || total < 4*limit || a.tx.HandedOver.Load() < total/(size+200) {
			t.Errorf("shards=%d: held at most %d of %d, %d in all, by %d entries", shards, peak, limit, total, a.tx.HandedOver.Load())
		}
		// A slice is 16 buckets of about 9 keys; then what writers have copied is written out.
		if longest > 1000 {
			t.Errorf("shards=%d: refused for %d records on end", shards, longest)
		}
		a.check()
	}
}

// TestResumeFollowsRefusal counts: whoever is refused sees Resume called afterwards, while the walk
// goes on if the budget was the reason.
func TestResumeFollowsRefusal(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 4, Databases: 1})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(2000, 500)
	s, _ := a.begin(a.tx, SnapshotOptions{Limit: 16 << 10})
	next, waits, heard, before := 0, false, 0, 0
	_ = s.Run(func(*Record) error {
		if waits && w.resumeCount() > before {
			waits = false
			heard++
		}
		for !waits && next < 2000 {
			before = w.resumeCount()
			if waits = !a.overwrite(next, 500); !waits {
				next++
			}
		}
		return nil
	}, noTime)
	if heard < 10 {
		t.Errorf("refused and told to try again %d times, want 10 at least", heard)
	}
	if waits && w.resumeCount() == before {
		t.Errorf("refused, and never told to try again")
	}
}

// TestWantedValueIsSavedNext wants a large value as soon as the walk has begun. The walk takes shards
// and buckets in order, so among 50 values spread over them most are far away.
func TestWantedValueIsSavedNext(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 16, Databases: 1})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(20_000, 20)
	a.fillKeys(50, 2*maxCopied)
	for wanted := 0; wanted < 50; wanted += 5 {
		s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20})
		name := fmt.Appendf(nil, "key:%d", wanted)
		records, at, ready, resumes := 0, -1, -1, 0
		err := s.Run(func(r *Record) error {
			records++
			c.record(r)
			if string(r.Key) == string(name) {
				at = records
				if a.isReady(name) {
					t.Errorf("%s: ready while it is read", name)
				}
			}
			if records == 1 && at < 0 {
				if a.isReady(name) {
					t.Errorf("%s: ready while unsaved", name)
				}
				resumes = w.resumeCount()
			}
			if at > 0 && ready < 0 && at != records && a.isReady(name) {
				ready = records
				if w.resumeCount() == resumes && at > 1 {
					t.Errorf("%s: ready, and nobody was told", name)
				}
			}
			return nil
		}, noTime)
		if err != nil {
			t.Fatal(err)
		}
		c.end()
		// After the slice under way, and perhaps one more large value.
		if at > 600 || at < 0 || ready < 0 && at != records || ready > at+600 {
			t.Errorf("%s was wanted at record 1, saved at %d, ready at %d of %d", name, at, ready, records)
		}
	}
}

func (a *actor) isReady(name []byte) bool {
	hash := a.tx.Hash(name)
	a.tx.LockHash(hash)
	defer a.tx.Unlock()
	return a.tx.Ready(0, name, hash)
}

// TestAnyLimit takes snapshots with the smallest and with large budgets; one entry always goes, when none
// is held. A budget that no memory can be had for is refused before the cut.
func TestAnyLimit(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 4, Databases: 1})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(3000, 100)
	for _, limit := range []int64{0, 1, handBytes, 1 << 30} {
		s, c := a.begin(a.tx, SnapshotOptions{Limit: limit})
		next := 0
		for next < 1000 && a.overwrite(next, 100) {
			next++
		}
		if all := limit > 1000*200; (next == 1000) != all || (next == 1) != (limit < 2) {
			t.Errorf("limit %d: %d of 1000 keys could be changed", limit, next)
		}
		if err := s.Run(func(r *Record) error { c.record(r); return nil }, noTime); err != nil {
			t.Fatal(err)
		}
		c.end()
		a.ended(s)
	}
	for _, limit := range []int64{1 << 55, math.MaxInt64} {
		if _, err := a.tx.Begin(SnapshotOptions{Limit: limit}); err == nil {
			t.Errorf("limit %d is not refused", limit)
		}
	}
	if a.ks.snap.Load() != nil || !a.isReady([]byte("key:0")) {
		t.Errorf("a refused snapshot goes on")
	}
	a.check()
}

// TestReadyWithoutNeed lists what never waits, with the budget used up and everything unsaved.
func TestReadyWithoutNeed(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 1, Databases: 2})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(100, 1000)
	s, _ := a.begin(a.tx, SnapshotOptions{Limit: 2000})
	for i := 0; a.overwrite(i, 1000); i++ {
		if i == 10 {
			t.Fatal("the budget is never used up")
		}
	}
	for name, want := range map[string]bool{"key:0": true, "key:50": false, "absent": true} {
		if got := a.isReady([]byte(name)); got != want {
			t.Errorf("Ready(%s) = %t, want %t", name, got, want)
		}
	}
	if hash := a.tx.Hash([]byte("key:50")); !a.tx.Ready(1, []byte("key:50"), hash) {
		t.Errorf("Ready = false for a database without keys")
	}
	if _, err := a.tx.Begin(SnapshotOptions{Limit: 1}); !errors.Is(err, ErrSnapshotRunning) {
		t.Errorf("Begin during a snapshot: %v, want %v", err, ErrSnapshotRunning)
	}
	s.Cancel()
	if err := s.Run(func(*Record) error { return nil }, noTime); !errors.Is(err, ErrCancelled) {
		t.Errorf("Run of a cancelled snapshot: %v", err)
	}
	a.ended(s)
	if !a.isReady([]byte("key:50")) {
		t.Errorf("not ready after the snapshot")
	}
	a.check()
}

// TestSinkFails has the disk fail at each of the first records: writers are let go, and the next
// snapshot is whole.
func TestSinkFails(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 2, Databases: 1})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(300, 300)
	a.fillKeys(2, 2*maxCopied)
	for fail := range 40 {
		s, c := a.begin(a.tx, SnapshotOptions{Limit: 3000})
		for i := range 20 {
			a.overwrite(i+100, 300)
		}
		resumes, records := w.resumeCount(), 0
		err := s.Run(func(r *Record) error {
			c.record(r)
			a.overwrite(records%2, 2*maxCopied)
			if records++; records > fail {
				return errSink
			}
			return nil
		}, noTime)
		if !errors.Is(err, errSink) || records != fail+1 {
			t.Fatalf("the %d-th record fails: %v after %d", fail, err, records)
		}
		a.ended(s)
		if w.resumeCount() == resumes || !a.isReady([]byte("key:0")) || !a.isReady([]byte("key:200")) {
			t.Errorf("the %d-th record fails: writers are not let go", fail)
		}
		a.verify()
	}
	s, c := a.begin(a.tx, SnapshotOptions{Limit: 3000})
	if err := s.Run(func(r *Record) error { c.record(r); return nil }, noTime); err != nil {
		t.Fatal(err)
	}
	c.end()
	a.check()
}

// TestRestServesWriters has the walker rest for an hour after its first slice. What a writer wants
// is done in that hour, and Cancel ends it.
func TestRestServesWriters(t *testing.T) {
	w := newWorld(t, 1, Options{Shards: 1, Databases: 1})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
	a.fillKeys(5000, 20)
	a.fillKeys(1, 2*maxCopied)
	rests := make(chan struct{}, 1)
	s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20, Pace: func(time.Duration) time.Duration {
		rests <- struct{}{}
		return time.Hour
	}})
	done := make(chan error)
	saved := make(chan struct{})
	go func() {
		done <- s.Run(func(r *Record) error {
			c.record(r)
			if string(r.Key) == "key:0" {
				close(saved)
			}
			return nil
		}, noTime)
	}()
	<-rests
	for count := w.resumeCount(); !a.isReady([]byte("key:0")); count = w.resumeCount() {
		w.await(count)
	}
	<-saved
	s.Cancel()
	if err := <-done; !errors.Is(err, ErrCancelled) {
		t.Errorf("Run, cancelled: %v", err)
	}
}
