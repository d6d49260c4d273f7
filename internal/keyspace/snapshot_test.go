// Shown here: a snapshot is the keyspace as of its cut: each key of then, once, with its value, type
// and deadline, and no other, whatever is done while it is taken: overwriting, editing in place,
// deleting, moving between shards and databases, deadlines that change and pass, flushing, swapping,
// tables that grow and shrink, values too large to be copied.
//
// Twice: with everything in one goroutine, operations being done between the records that a snapshot
// hands out, so that a seed repeats a failure; and with writers, sweeper and freer in goroutines of
// their own, for the races. What must come out is told by the model, copied at the cut with all locks
// held. TestTheProofFails (mutation_test.go) shows that these tests notice each rule that is missing.

package keyspace

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tarn/test/chance"
)

// cut is the model as of a cut, less what a snapshot has handed out.
type cut struct {
	w    *world
	now  int64
	left []modelDB
}

// begin cuts, and copies the model at the same instant.
func (w *world) begin(tx *Tx, o SnapshotOptions) (*Snapshot, *cut) {
	c := &cut{w: w}
	o.Resume = w.resume
	o.AtCut = func() { c.now, c.left = w.now.Load(), w.clone() }
	s, err := tx.Begin(o)
	if err != nil {
		w.fatalf("%v", err)
	}
	for db, keys := range c.left {
		live, _ := countLive(keys, c.now)
		if n := s.Sizes()[db].Keys; n < live || n > len(keys) {
			w.fatalf("database %d had %d keys at the cut, want %d to %d", db, n, live, len(keys))
		}
	}
	return s, c
}

func countLive(keys modelDB, now int64) (live, dead int) {
	for _, h := range keys {
		if h.live(now) {
			live++
		} else {
			dead++
		}
	}
	return live, dead
}

// record takes one key that the snapshot hands out.
func (c *cut) record(r *Record) {
	c.w.t.Helper()
	if r.DB < 0 || r.DB >= len(c.left) {
		c.w.fatalf("not as of the cut: database %d", r.DB)
	}
	got := held{string(r.Value), "", r.Deadline}
	if r.IsInt {
		got.text = strconv.FormatInt(r.Int, 10)
	}
	want, ok := c.left[r.DB][string(r.Key)]
	if !ok {
		c.w.fatalf("not as of the cut: key %.60q of %d is %v, and should not be there, or not again", r.Key, r.DB, got)
	}
	isInt := want.encoding == "int"
	want.encoding = ""
	if got != want || r.IsInt != isInt || r.Type != String {
		c.w.fatalf("not as of the cut: key %.60q of %d is %v, type %v, integer %t, want %v, integer %t",
			r.Key, r.DB, got, r.Type, r.IsInt, want, isInt)
	}
	delete(c.left[r.DB], string(r.Key))
}

// end demands that nothing is missing. What had expired may be.
func (c *cut) end() {
	c.w.t.Helper()
	for db, keys := range c.left {
		for name, h := range keys {
			if h.live(c.now) {
				c.w.fatalf("not as of the cut: key %.60q of %d is missing, and %d others; it was %v", name, db, len(keys)-1, h)
			}
		}
	}
}

func noTime() time.Duration { return 0 }

var errSink = errors.New("the disk is full")

// proofRounds is how many rounds the proof has in one goroutine.
func proofRounds() int {
	if testing.Short() || underRace {
		return 6
	}
	return 16
}

func TestSnapshotAmongOperations(t *testing.T) {
	for round := range proofRounds() {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, seed, Options{Shards: []int{1, 1, 4, 16}[round%4], Databases: 3})
		a := w.newActor(r, swarm(r), 300<<r.IntN(5))
		a.large = []int{0, 100, 20}[r.IntN(3)]
		a.bulk = []int{0, 2, 10}[r.IntN(3)]
		a.rude = r.IntN(4) == 0
		for range 30 {
			a.burst(opGrow)
		}
		for range 6 {
			a.chances = swarm(r)
			a.sum = 0
			for _, n := range a.chances {
				a.sum += n
			}
			for range 300 {
				a.step()
			}
			a.snapshot()
		}
		a.check()
	}
}

// snapshot takes a snapshot, with operations between its records and its slices. One in five is broken off.
func (a *actor) snapshot() {
	r := a.r
	o := SnapshotOptions{Limit: 1 << (10 + r.IntN(14))}
	perSlice, perRecord := r.IntN(6), 1+r.IntN(40)
	o.Pace = func(time.Duration) time.Duration {
		for range perSlice {
			a.step()
		}
		return 0
	}
	s, c := a.begin(a.tx, o)
	for range r.IntN(300) {
		a.step()
	}
	records, broken := 0, -1
	if r.IntN(5) == 0 {
		broken = r.IntN(1000)
	}
	err := s.Run(func(rec *Record) error {
		c.record(rec)
		was := string(rec.Value)
		if records++; records%perRecord == 0 || len(was) > maxCopied {
			a.step()
		}
		if string(rec.Value) != was {
			a.fatalf("not as of the cut: the value of %.60q has changed while it was read", rec.Key)
		}
		if records%2000 == 0 {
			a.verify()
		}
		if records == broken {
			if broken%2 == 0 {
				return errSink
			}
			s.Cancel()
		}
		return nil
	}, noTime)
	a.ended(s)
	switch {
	case err == nil:
		c.end()
	case broken < 0 || !errors.Is(err, errSink) && !errors.Is(err, ErrCancelled):
		a.fatalf("Run: %v", err)
	}
	a.verify()
}

func (a *actor) verify() {
	a.t.Helper()
	if err := a.ks.Verify(); err != nil {
		a.fatalf("%v", err)
	}
}

// ended demands that nothing is left of a snapshot: copies, marks, or merges that are held back.
func (w *world) ended(s *Snapshot) {
	w.t.Helper()
	if now, peak, total := s.Held(); now != 0 || peak > total+peak/2 || w.ks.snap.Load() != nil {
		w.fatalf("ended: %d bytes are held, at most %d of %d", now, peak, total)
	}
}

func TestSnapshotAmongWriters(t *testing.T) {
	snapshots := 16
	if testing.Short() || underRace {
		snapshots = 6
	}
	for _, shards := range []int{1, 4, 16} {
		t.Run("shards="+strconv.Itoa(shards), func(t *testing.T) {
			seed := chance.Seed(t)
			r := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t, seed, Options{Shards: shards, Databases: 3})
			g := startWriters(w, r, 4)
			tx := w.ks.NewTx()
			for range snapshots {
				if t.Failed() {
					break
				}
				g.snapshot(tx, r)
			}
			g.stop()
			if t.Failed() {
				return
			}
			a := w.newActor(r, usual, 10)
			a.check()
			if g.parked.Load() == 0 {
				t.Logf("seed %#x: no writer ever waited", seed)
			}
		})
	}
}

// writers are the goroutines that work while snapshots are taken.
type writers struct {
	*world
	over   atomic.Bool
	all    sync.WaitGroup
	parked atomic.Int64
}

func startWriters(w *world, r *rand.Rand, count int) *writers {
	g := &writers{world: w}
	for range count {
		c := usual
		c[opSweep], c[opFree], c[opClock], c[opRandomKey] = 0, 0, 0, 0
		a := w.newActor(rand.New(rand.NewPCG(r.Uint64(), 0)), c, 3000)
		a.large, a.waits = 60, true
		for range 10 {
			a.burst(opGrow)
		}
		g.run(func() {
			a.step()
			g.parked.Add(int64(a.parked))
			a.parked = 0
			runtime.Gosched() // by force it would give way after 10 ms, which is long where there are few processors
		})
	}
	sweeper := w.newActor(rand.New(rand.NewPCG(r.Uint64(), 0)), usual, 3000)
	g.run(func() { sweeper.now.Add(1); sweeper.sweep(); runtime.Gosched() })
	freer := w.newActor(rand.New(rand.NewPCG(r.Uint64(), 0)), usual, 3000)
	g.run(func() { freer.free(); runtime.Gosched() })
	return g
}

func (g *writers) run(turn func()) {
	g.all.Go(func() {
		for !g.over.Load() && !g.t.Failed() {
			turn()
		}
	})
}

func (g *writers) stop() {
	g.over.Store(true)
	g.all.Wait()
}

// snapshot takes one snapshot while the writers work, and breaks some off. It gives way now and then,
// that writers get ahead of the walk.
func (g *writers) snapshot(tx *Tx, r *rand.Rand) {
	limit := int64(64 << 10 << r.IntN(6))
	s, c := g.begin(tx, SnapshotOptions{Limit: limit})
	records, broken := 0, -1
	if r.IntN(6) == 0 {
		broken = r.IntN(2000)
	}
	err := s.Run(func(rec *Record) error {
		c.record(rec)
		if records++; records == broken {
			return errSink
		}
		if records%2 == 0 {
			g.giveWay(20)
		}
		return nil
	}, noTime)
	g.ended(s)
	if err == nil {
		c.end()
	} else if broken < 0 || !errors.Is(err, errSink) {
		g.fatalf("Run: %v", err)
	}
	if _, peak, _ := s.Held(); peak > limit+4*mostHeld {
		g.fatalf("%d bytes were held, of %d and what four commands may add", peak, limit)
	}
}

// mostHeld is what one operation of an actor may add to the bytes held: two entries with long keys and
// values at the edge of maxCopied, and as much room at the end of buffers.
const mostHeld = 4 * (maxCopied + 6000)

// giveWay lets the other goroutines do a few operations, if they can.
func (w *world) giveWay(steps int64) {
	before := w.steps.Load()
	for range 50 {
		if w.steps.Load() >= before+steps {
			return
		}
		runtime.Gosched()
	}
}

// TestBrokenOff breaks snapshots off in rows that are about as long as there are epochs, each
// somewhere else, and after each row takes one that must be whole.
func TestBrokenOff(t *testing.T) {
	for _, shards := range []int{1, 4} {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, seed, Options{Shards: shards, Databases: 2})
		a := w.newActor(r, chances{opSet: 3, opDelete: 1, opDeadline: 1}, 2000)
		for range 40 {
			a.burst(opGrow)
		}
		for _, row := range []int{1, epochs - 3, epochs - 2, epochs - 1, epochs, epochs + 1, 2*epochs - 1} {
			for range row {
				a.step()
				a.breakOff(r.IntN(300))
			}
			s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20})
			if err := s.Run(func(rec *Record) error { c.record(rec); return nil }, noTime); err != nil {
				a.fatalf("after %d that were cancelled: %v", row, err)
			}
			c.end()
		}
		a.check()
	}
}

// breakOff takes a snapshot that is cancelled after so many records.
func (a *actor) breakOff(records int) {
	s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20})
	err := s.Run(func(rec *Record) error {
		c.record(rec)
		if records--; records < 0 {
			s.Cancel()
		}
		return nil
	}, noTime)
	if !errors.Is(err, ErrCancelled) {
		a.fatalf("a cancelled snapshot: %v", err)
	}
	a.ended(s)
	a.verify()
}

// TestSnapshotOfEachChange does each operation on each kind of value between the cut and the walk,
// when every key is unsaved.
func TestSnapshotOfEachChange(t *testing.T) {
	sizes := map[string]int{"empty": 0, "short": 20, "embedded": 3000, "block": 20_000, "large": 2 * maxCopied}
	for kind, size := range sizes {
		for _, deadline := range []int64{NoDeadline, 1_700_000_000_500} {
			t.Run(kind+"/deadline="+strconv.FormatInt(deadline, 10), func(t *testing.T) {
				for op := range len(changes) {
					snapshotOfChange(t, op, size, deadline)
				}
			})
		}
	}
}

// changes are operations on a key; other is a free name of the same shard.
var changes = []func(a *actor, k *Key, other *Key){
	func(a *actor, k, _ *Key) { _ = k.SetString(a.fill(nil, k.StringLen()), Auto, KeepDeadline) },
	func(a *actor, k, _ *Key) { _ = k.SetString(a.fill(nil, 10), Plain, NoDeadline) },
	func(a *actor, k, _ *Key) { _ = k.SetString(a.fill(nil, 5000), Plain, KeepDeadline) },
	func(a *actor, k, _ *Key) { _ = k.SetInt(7); _ = k.SetInt(8) },
	func(a *actor, k, _ *Key) {
		v, _ := k.MakeString(k.StringLen(), KeepDeadline)
		copy(v, a.fill(nil, len(v)))
	},
	func(a *actor, k, _ *Key) { v, _ := k.Resize(k.StringLen()); copy(v, a.fill(nil, len(v))) },
	func(a *actor, k, _ *Key) { v, _ := k.Resize(k.StringLen() + 1); copy(v, a.fill(nil, len(v))) },
	func(a *actor, k, _ *Key) { v, _ := k.Resize(k.StringLen() / 2); copy(v, a.fill(nil, len(v))) },
	func(a *actor, k, _ *Key) { v, _ := k.Resize(3 * maxCopied); copy(v, a.fill(nil, len(v))) },
	func(_ *actor, k, _ *Key) { k.Delete() },
	func(_ *actor, k, _ *Key) { _ = k.SetDeadline(1_700_000_000_700) },
	func(_ *actor, k, _ *Key) { _ = k.SetDeadline(NoDeadline) },
	func(_ *actor, k, to *Key) { _ = k.MoveTo(to) },
	func(_ *actor, k, to *Key) { _ = to.SetString([]byte("x"), Auto, NoDeadline); _ = k.MoveTo(to) },
	func(_ *actor, k, to *Key) { _ = to.SetString([]byte("x"), Auto, NoDeadline); _ = to.MoveTo(k) },
	func(_ *actor, k, to *Key) { _ = to.SetString([]byte("x"), Auto, NoDeadline); _ = to.CopyTo(k) },
}

func snapshotOfChange(t *testing.T, op, size int, deadline int64) {
	w := newWorld(t, uint64(op), Options{Shards: 1, Databases: 2})
	a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 100)
	name := []byte("the key")
	a.tx.LockAll()
	a.tx.SetNow(a.now.Load())
	k := a.tx.Key(0, name, ForWrite)
	a.steps.Add(1)
	text := a.fill(nil, size)
	a.done(&k, held{string(text), encodingOf(size), deadline}, k.SetString(text, Plain, deadline))
	a.tx.Unlock()

	s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20})
	a.tx.LockAll()
	a.steps.Add(1)
	k = a.tx.Key(0, name, ForWrite)
	other := a.tx.Key(1, []byte("another"), ForWrite)
	changes[op](a, &k, &other)
	a.tx.Unlock()
	a.verify()
	if err := s.Run(func(r *Record) error { c.record(r); return nil }, noTime); err != nil {
		t.Fatalf("change %d: %v", op, err)
	}
	c.end()
	a.verify()
	if t.Failed() {
		t.Logf("change %d, of a value of %d bytes", op, size)
	}
}

func encodingOf(size int) string {
	if size <= embstrMax {
		return "embstr"
	}
	return "raw"
}

// TestLargeValuesAreLeftAlone changes a value of a size that is not copied while a snapshot reads it,
// and demands that what it reads stays as it was, and that the memory comes back.
func TestLargeValuesAreLeftAlone(t *testing.T) {
	for op := range len(changes) + 2 {
		w := newWorld(t, uint64(op), Options{Shards: 1, Databases: 2})
		a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 100)
		name, size := []byte("large"), 5*maxCopied
		a.tx.LockAll()
		a.tx.SetNow(a.now.Load())
		k := a.tx.Key(0, name, ForWrite)
		text := a.fill(nil, size)
		a.done(&k, held{string(text), "raw", a.now.Load() + 10}, k.SetString(text, Plain, a.now.Load()+10))
		a.tx.Unlock()
		s, c := a.begin(a.tx, SnapshotOptions{Limit: 1 << 20})
		err := s.Run(func(r *Record) error {
			c.record(r)
			a.tx.LockAll()
			defer a.tx.Unlock()
			if a.tx.Ready(0, name, a.tx.Hash(name)) {
				t.Errorf("change %d: the value is being read, and Ready to be changed", op)
			}
			a.steps.Add(1)
			k := a.tx.Key(0, name, ForWrite)
			other := a.tx.Key(1, []byte("another"), ForWrite)
			switch op - len(changes) {
			case 0:
				a.tx.Flush(-1, false)
			case 1: // its deadline passes, and something takes its place
				a.tx.SetNow(a.now.Load() + 20)
				k = a.tx.Key(0, name, ForWrite)
				if k.Exists() {
					t.Errorf("a key past its deadline is seen")
				}
				_ = k.SetString([]byte("new"), Plain, NoDeadline)
			default:
				changes[op](a, &k, &other)
			}
			// What has been freed would be used again.
			for i := range 8 {
				k := a.tx.Key(1, []byte{byte(i)}, ForWrite)
				_ = k.SetString(a.fill(nil, size), Plain, NoDeadline)
			}
			if string(r.Value) != string(text) {
				t.Errorf("change %d: not as of the cut: the value has changed while it was read", op)
			}
			if err := a.tx.Verify(); err != nil {
				t.Errorf("change %d: %v", op, err)
			}
			return nil
		}, noTime)
		if err != nil {
			t.Errorf("change %d: %v", op, err)
		}
		c.end()
		a.verify()
	}
}
