// The world of the tests: a keyspace, and beside it a model that is plain Go maps and obviously right.
//
// Actors do random operations on both. Each shard has its part of the model, which is read and
// changed under the shard's lock only, so that the model too is exact with several actors, and the
// race detector sees a lock that the keyspace forgot. A model never expires: it keeps what is past
// its deadline, and all that compare take such a key as one that may be there or not.

package keyspace

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// held is what the model knows of a key.
type held struct {
	text     string
	encoding string
	deadline int64
}

func (h held) String() string {
	return fmt.Sprintf("{%.100q, %d bytes, %s, deadline %d}", h.text, len(h.text), h.encoding, h.deadline)
}

type modelDB map[string]held

// world is shared by all actors.
type world struct {
	t      testing.TB
	seed   uint64
	ks     *Keyspace
	shards [][]modelDB // by shard and database; guarded by the shard's lock
	now    atomic.Int64
	steps  atomic.Int64

	mu      sync.Mutex
	resumes int // calls of resume; guarded by mu
	resumed sync.Cond
}

func newKeyspace(t testing.TB, o Options) *Keyspace {
	t.Helper()
	ks, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeEmpty(t, ks) })
	return ks
}

// closeEmpty flushes and closes a keyspace, and demands that nothing is left in its heaps.
func closeEmpty(t testing.TB, ks *Keyspace) {
	t.Helper()
	if t.Failed() {
		return // memory may be wrong
	}
	for i := range ks.shards {
		if !ks.shards[i].mu.TryLock() {
			return // the test panics: do not wait here for its lock
		}
		ks.shards[i].mu.Unlock()
	}
	tx := ks.NewTx()
	tx.LockAll()
	tx.Flush(-1, false)
	tx.Unlock()
	for tx.FreeLazily() {
	}
	if used := ks.UsedMemory(); used != 0 {
		t.Errorf("%d bytes are left in an emptied keyspace", used)
	}
	if err := ks.Close(); err != nil {
		t.Error(err)
	}
}

func newWorld(t testing.TB, seed uint64, o Options) *world {
	w := &world{t: t, seed: seed, ks: newKeyspace(t, o)}
	w.resumed.L = &w.mu
	if seed&1 == 0 {
		w.ks.strayAll = true
	}
	w.now.Store(1_700_000_000_000)
	w.shards = make([][]modelDB, o.Shards)
	for i := range w.shards {
		w.shards[i] = make([]modelDB, o.Databases)
		for db := range w.shards[i] {
			w.shards[i][db] = modelDB{}
		}
	}
	return w
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %#x step %d: %s", w.seed, w.steps.Load(), fmt.Sprintf(format, args...))
}

// model returns the part of the model that a key belongs to.
func (w *world) model(db int, name []byte) modelDB {
	return w.shards[w.ks.Hash(name)&w.ks.mask][db]
}

// resume is a Snapshot's Resume.
func (w *world) resume() {
	w.mu.Lock()
	w.resumes++
	w.mu.Unlock()
	w.resumed.Broadcast()
}

func (w *world) resumeCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resumes
}

// await returns when resume has been called more than count times.
func (w *world) await(count int) {
	w.mu.Lock()
	for w.resumes == count {
		w.resumed.Wait()
	}
	w.mu.Unlock()
}

// chances weighs the operations of an actor, drawn anew for each round so that some rounds mostly
// grow, some mostly delete, and some leave operations out.
type chances [opCount]int

const (
	opSet = iota
	opSetInt
	opMake
	opEdit
	opDelete
	opDeadline
	opCopy
	opMove
	opRead
	opRandomKey
	opSweep
	opClock
	opFree
	opGrow
	opShrink
	opFlush
	opSwap
	opCount
)

// usual is the weight that an operation has when it is not left out.
var usual = chances{opSet: 40, opSetInt: 20, opMake: 5, opEdit: 20, opDelete: 20, opDeadline: 15, opCopy: 8, opMove: 8,
	opRead: 20, opRandomKey: 2, opSweep: 6, opClock: 8, opFree: 6, opGrow: 2, opShrink: 2, opFlush: 1, opSwap: 1}

func swarm(r *rand.Rand) chances {
	c := usual
	for op := range c {
		switch r.IntN(5) {
		case 0:
			c[op] = 0
		case 1:
			c[op] *= 4
		}
	}
	c[opSet]++
	return c
}

// actor does operations through a Tx of its own.
type actor struct {
	*world
	tx      *Tx
	r       *rand.Rand
	chances chances
	sum     int
	keys    int  // names it draws from
	bulk    int  // of a hundred values, so many are of up to 50,000 bytes
	large   int  // one value in so many is above maxCopied; 0: none
	waits   bool // whether it waits until a save is ready for it, or else gives the operation up
	rude    bool // it changes keys without asking whether the running save is ready
	parked  int
	refused map[int]int // operations that were refused memory; nil: that is a failure
	text    []byte
}

func (w *world) newActor(r *rand.Rand, c chances, keys int) *actor {
	a := &actor{world: w, tx: w.ks.NewTx(), r: r, chances: c, keys: keys, bulk: 2}
	for _, n := range c {
		a.sum += n
	}
	return a
}

// name draws a key's name; now and then a long one, or one longer than what an entry embeds.
func (a *actor) name() []byte {
	n := a.r.IntN(a.keys)
	name := fmt.Appendf(nil, "key:%d", n)
	switch {
	case n%101 == 7:
		name = append(name, bytes.Repeat([]byte{'+'}, 5000)...)
	case n%7 == 3:
		name = append(name, bytes.Repeat([]byte{'-'}, 20+n%300)...)
	}
	return name
}

func (a *actor) db() int { return min(a.r.IntN(2*a.ks.databases), a.ks.databases-1) }

// value draws a value that is like no other: its first bytes are the number of the step.
func (a *actor) value() []byte {
	var size int
	switch n := a.r.IntN(100); {
	case n < 5:
		size = 0
	case n < 60:
		size = a.r.IntN(60)
	case n < 90:
		size = a.r.IntN(600)
	case n < 100-a.bulk:
		size = a.r.IntN(6000)
	default:
		size = a.r.IntN(50_000)
	}
	if a.large > 0 && a.r.IntN(a.large) == 0 {
		size = maxCopied + a.r.IntN(2*maxCopied)
	}
	a.text = a.fill(a.text[:0], size)
	return a.text
}

// fill appends size bytes that no other step does.
func (a *actor) fill(b []byte, size int) []byte {
	from := len(b)
	b = fmt.Appendf(b, "%d/", a.steps.Load())
	for len(b)-from < size {
		b = append(b, b[from:min(len(b), from+size-(len(b)-from))]...)
	}
	return b[:from+size]
}

func (a *actor) deadline() int64 {
	if a.r.IntN(3) > 0 {
		return NoDeadline
	}
	return a.now.Load() + 1 + a.r.Int64N(200)
}

// step does one operation.
func (a *actor) step() {
	a.steps.Add(1)
	n := a.r.IntN(a.sum)
	op := 0
	for n >= a.chances[op] {
		n -= a.chances[op]
		op++
	}
	switch op {
	case opGrow, opShrink:
		a.burst(op)
	case opSweep:
		a.sweep()
	case opClock:
		a.now.Add(a.r.Int64N(20))
		if a.r.IntN(10) == 0 {
			a.ks.PauseExpiry(a.r.IntN(3) == 0)
		}
	case opFree:
		a.free()
	case opRandomKey:
		a.randomKey()
	case opFlush, opSwap:
		a.whole(op)
	case opCopy, opMove:
		a.two(op)
	default:
		a.one(op, a.db(), a.name())
	}
}

// burst inserts or deletes many keys, so that tables grow and shrink while they are walked.
func (a *actor) burst(op int) {
	db, first, count := a.db(), a.r.IntN(a.keys), a.r.IntN(300)
	for i := range count {
		name := fmt.Appendf(nil, "key:%d", (first+i)%a.keys)
		if op == opGrow {
			a.one(opSetInt, db, name)
		} else {
			a.one(opDelete, db, name)
		}
	}
}

func (a *actor) free() {
	switch a.r.IntN(6) {
	case 0, 1:
		a.tx.FreeLazily()
	case 2:
		a.ks.Trim()
	case 3:
		a.tx.Reserve(a.db(), a.r.IntN(2000))
	case 4:
		a.tx.EndReserve()
	default:
		a.ks.Tidy()
	}
}

// sweep deletes what is due; now and then for a limited time only, told by a clock that counts the
// questions.
func (a *actor) sweep() {
	asked, most := time.Duration(0), time.Duration(a.r.IntN(6))
	a.tx.Sweep(a.now.Load(), most, func() time.Duration { asked++; return asked - 1 })
}

// lock locks the shards of keys and sets the time, and tells whether the running save is ready for
// them to be changed. Otherwise nothing is locked, and the save has resumed unless the actor does
// not wait.
func (a *actor) lock(db int, name []byte, otherDB int, other []byte) bool {
	for {
		count := a.resumeCount()
		hash := a.tx.Hash(name)
		a.ks.PrefetchBucket(db, hash)
		a.ks.PrefetchEntry(db, hash)
		if other == nil {
			a.tx.LockHash(hash)
		} else {
			a.tx.Want(hash)
			a.tx.Want(a.tx.Hash(other))
			a.tx.LockWanted()
		}
		a.tx.SetNow(a.now.Load())
		if a.rude || a.tx.Ready(db, name, hash) && (other == nil || a.tx.Ready(otherDB, other, a.tx.Hash(other))) {
			return true
		}
		a.tx.Unlock()
		a.parked++
		if !a.waits {
			return false
		}
		a.await(count)
	}
}

// look looks a key up and compares it with the model.
func (a *actor) look(db int, name []byte, mode Mode) (Key, held, bool) {
	k := a.tx.Key(db, name, mode)
	was, ok := a.model(db, name)[string(name)]
	if ok && was.deadline != NoDeadline && was.deadline <= a.tx.Now() {
		ok = false
	}
	if k.Exists() != ok {
		a.fatalf("key %.60q of %d exists: %t, want %t (model %v, now %d)", name, db, k.Exists(), ok, was, a.tx.Now())
	}
	if ok {
		a.same(&k, was)
	}
	return k, was, ok
}

func (w *world) same(k *Key, want held) {
	got := held{string(k.StringBytes(make([]byte, 20))), k.Encoding(), k.Deadline()}
	if got != want || k.StringLen() != len(want.text) || k.Type() != String {
		w.fatalf("key %.60q of %d is %v, want %v", k.Name(), k.DB(), got, want)
	}
}

// one does an operation on one key.
func (a *actor) one(op, db int, name []byte) {
	if op == opRead {
		a.read(db, name)
		return
	}
	if !a.lock(db, name, 0, nil) {
		return
	}
	defer a.tx.Unlock()
	k, before, ok := a.look(db, name, ForWrite)
	was := before
	if !ok {
		was = held{deadline: NoDeadline}
	}
	var err error
	switch op {
	case opSet:
		was, err = a.set(&k, was)
	case opSetInt:
		n := a.integer()
		if a.r.IntN(4) == 0 {
			was.deadline = a.deadline()
			err = k.SetIntUntil(n, was.deadline)
		} else {
			err = k.SetInt(n)
		}
		was.text, was.encoding = fmt.Sprint(n), "int"
	case opMake:
		was.text, was.encoding, was.deadline = string(a.value()), "raw", a.deadline()
		var v []byte
		v, err = k.MakeString(len(was.text), was.deadline)
		copy(v, was.text)
	case opEdit:
		was, err = a.edit(&k, was)
	case opDelete:
		if k.Delete() != ok || k.Exists() {
			a.fatalf("Delete(%.60q): was there %t", name, ok)
		}
		if ok { // else it is past its deadline, and may be held for a save
			delete(a.model(db, name), string(name))
		}
		return
	case opDeadline:
		if !ok {
			return
		}
		was.deadline = a.deadline()
		err = k.SetDeadline(was.deadline)
	}
	if !a.wasRefused(op, err, &k, before, ok) {
		a.done(&k, was, err)
	}
}

// wasRefused tells whether an operation was refused memory, and demands that the key is as before.
func (a *actor) wasRefused(op int, err error, k *Key, before held, existed bool) bool {
	if a.refused == nil || err != ErrOutOfMemory {
		return false
	}
	a.refused[op]++
	if k.Exists() != existed {
		a.fatalf("operation %d on %.60q was refused memory: exists: %t, want %t", op, k.Name(), !existed, existed)
	}
	if existed {
		a.same(k, before)
	}
	a.look(k.DB(), k.Name(), Peek)
	return true
}

// done takes what an operation made of a key into the model.
func (a *actor) done(k *Key, is held, err error) {
	if err != nil {
		a.fatalf("key %.60q of %d: %v", k.Name(), k.DB(), err)
	}
	a.model(k.DB(), k.Name())[string(k.Name())] = is
	a.same(k, is)
}

func (a *actor) read(db int, name []byte) {
	a.tx.LockHash(a.tx.Hash(name))
	defer a.tx.Unlock()
	a.tx.SetNow(a.now.Load())
	a.look(db, name, Mode(a.r.IntN(4)))
}

// integer draws an integer of any size, and every now and then one at the edge of a size.
func (a *actor) integer() int64 {
	switch a.r.IntN(4) {
	case 0:
		return a.r.Int64() >> a.r.IntN(64)
	case 1:
		return -a.r.Int64() >> a.r.IntN(64)
	case 2:
		return []int64{-1 << 63, 1<<63 - 1, -1 << 31, 1<<31 - 1, -1<<31 - 1, 1 << 31, 0, -1}[a.r.IntN(8)]
	default:
		return a.steps.Load()
	}
}

func (a *actor) set(k *Key, was held) (held, error) {
	v, form := a.value(), Form(a.r.IntN(3))
	is := held{encoding: "raw", deadline: was.deadline}
	if a.r.IntN(4) == 0 {
		v = []byte(oddTexts[a.r.IntN(len(oddTexts))])
	} else if a.r.IntN(4) == 0 {
		v = fmt.Append(nil, a.integer())
	}
	is.text = string(v)
	switch {
	case form == Auto && isInteger(is.text):
		is.encoding = "int"
	case form != Raw && len(v) <= 44:
		is.encoding = "embstr"
	}
	given := KeepDeadline
	if a.r.IntN(3) > 0 {
		given = a.deadline()
		is.deadline = given
	}
	return is, k.SetString(v, form, given)
}

// edit changes a value's length and some of its bytes in place.
func (a *actor) edit(k *Key, was held) (held, error) {
	size := len(a.value())
	if a.r.IntN(2) == 0 {
		size = max(0, len(was.text)+a.r.IntN(40)-10)
	}
	want := make([]byte, size)
	copy(want, was.text)
	v, err := k.Resize(size)
	if err != nil {
		return was, err
	}
	if string(v) != string(want) {
		a.fatalf("Resize(%d) of %.60q returns %.200q, want %.200q", size, k.Name(), v, want)
	}
	if size > 0 {
		at := a.r.IntN(size)
		part := a.fill(nil, min(size-at, 30))
		copy(v[at:], part)
		copy(want[at:], part)
	}
	return held{string(want), "raw", was.deadline}, nil
}

// two copies or moves a key to another name, database, or both.
func (a *actor) two(op int) {
	db, name, toDB, to := a.db(), a.name(), a.db(), a.name()
	if a.r.IntN(4) == 0 {
		to = name
	}
	if db == toDB && bytes.Equal(name, to) || !a.lock(db, name, toDB, to) {
		return
	}
	defer a.tx.Unlock()
	from, was, ok := a.look(db, name, ForWrite)
	if !ok {
		return
	}
	dest, before, existed := a.look(toDB, to, ForWrite)
	if op == opCopy {
		if err := from.CopyTo(&dest); !a.wasRefused(op, err, &dest, before, existed) {
			a.done(&dest, was, err)
		}
		a.same(&from, was)
		return
	}
	err := from.MoveTo(&dest)
	if a.wasRefused(op, err, &dest, before, existed) {
		a.same(&from, was)
		return
	}
	a.done(&dest, was, err)
	if from.Exists() {
		a.fatalf("a key that was moved is still there")
	}
	delete(a.model(db, name), string(name))
	a.look(db, name, Peek)
}

// whole flushes or exchanges databases.
func (a *actor) whole(op int) {
	x, y := a.db(), a.db()
	a.tx.LockAll()
	defer a.tx.Unlock()
	a.tx.SetNow(a.now.Load())
	if op == opSwap {
		a.tx.Swap(x, y)
		for _, sh := range a.shards {
			sh[x], sh[y] = sh[y], sh[x]
		}
		return
	}
	held := int64(a.tx.Len(x))
	if removed := a.tx.Flush(x, a.r.IntN(2) == 0); removed != held {
		a.fatalf("Flush removed %d keys of %d", removed, held)
	}
	for _, sh := range a.shards {
		sh[x] = modelDB{}
	}
}

// live tells whether a key of the model has not expired.
func (h held) live(now int64) bool { return h.deadline == NoDeadline || h.deadline > now }

// count returns how many keys of the model are alive in a database, and how many it knows.
func (w *world) count(db int, now int64) (live, known int) {
	for _, sh := range w.shards {
		for _, h := range sh[db] {
			if h.live(now) {
				live++
			}
			known++
		}
	}
	return live, known
}

func (a *actor) randomKey() {
	db := a.db()
	a.tx.LockAll()
	defer a.tx.Unlock()
	a.tx.SetNow(a.now.Load())
	name := a.tx.RandomKey(db)
	if name == nil {
		if live, _ := a.count(db, a.tx.Now()); live > 0 {
			a.fatalf("RandomKey of %d finds none of %d", db, live)
		}
		return
	}
	if h, ok := a.model(db, name)[string(name)]; !ok || !h.live(a.tx.Now()) {
		a.fatalf("RandomKey of %d: %.60q, which is %v, %t", db, name, h, ok)
	}
}

// check compares all of the keyspace with all of the model, and verifies it.
func (a *actor) check() {
	a.t.Helper()
	a.tx.LockAll()
	defer a.tx.Unlock()
	a.tx.SetNow(a.now.Load())
	if err := a.tx.Verify(); err != nil {
		a.fatalf("%v", err)
	}
	for db := range a.ks.databases {
		live, known := a.count(db, a.tx.Now())
		if n := a.tx.Len(db); n < live || n > known {
			a.fatalf("database %d has %d keys, want %d to %d", db, n, live, known)
		}
		seen := 0
		a.tx.Each(db, func(k *Key) {
			want, ok := a.model(db, k.Name())[string(k.Name())]
			if !ok {
				a.fatalf("database %d has %.60q", db, k.Name())
			}
			a.same(k, want)
			seen++
		})
		if seen != live {
			a.fatalf("database %d: Each found %d of %d", db, seen, live)
		}
	}
}

// clone returns a copy of the model: by database, all shards in one. All shards are locked.
func (w *world) clone() []modelDB {
	all := make([]modelDB, w.ks.databases)
	for db := range all {
		all[db] = modelDB{}
		for _, sh := range w.shards {
			maps.Copy(all[db], sh[db])
		}
	}
	return all
}
