// Tx: one executor's way into the keyspace, a command at a time.
//
// An executor (an event loop, a connection's goroutine, a background job) owns one Tx for its life.
// For each command it sets the time, locks the shards of the command's keys, works through Keys,
// and unlocks. Locks taken by an enclosing transaction stay: a nested Lock is then a no-op, checked
// under the invariants tag to cover what it asks for.

package keyspace

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// Stats are one executor's counters. Others may read them at any time.
type Stats struct {
	Hits, Misses atomic.Int64 // look-ups by reading commands
	Expired      atomic.Int64 // keys deleted because their deadline had passed
	Dirty        atomic.Int64 // changes, as rdb_changes_since_last_save counts them
	Waits        atomic.Int64 // commands put off because a save could not take what they change
	HandedOver   atomic.Int64 // entries handed to a save by a writer
	CapReached   atomic.Int64 // sweeps of expired keys that ended by their time cap
	LazyFreed    atomic.Int64 // values freed in the background

	ExpiredFields atomic.Int64 // fields of hashes deleted because their deadline had passed

	_ [64]byte
}

// Tx is an executor's view of the keyspace. It is not safe for use by two goroutines.
type Tx struct {
	Stats
	ks      *Keyspace
	now     int64 // Unix ms
	clock   uint32
	one     *shard                 // the only shard locked, or nil
	many    [MaxShards / 64]uint64 // shards locked, when more than one
	wanted  []uint64               // hashes of keys of which the shards are to be locked
	left    []uint64               // hashes of strays that have gone
	away    awayKey                // what the sweep has come upon last and is to lock anew
	nested  int
	noTouch bool
	stirred bool // has made waited keys ready
	rand    uint64
	name    []byte // of the key that the sweep works on
	chance  *rand.Rand
	effects Effects // nil: nobody is told
	recent  [recentBigs]recent
}

// Effects is told, by each Tx of its own, of what the keyspace does by itself, under the lock of the
// shard where it happens.
type Effects interface {
	// KeyExpired says that a key is being deleted because its deadline has passed.
	KeyExpired(db int, name []byte)
	// FieldExpired says the same of a field of a hash.
	FieldExpired(db int, name, field []byte)
	// Release says that the executor is about to release its locks. ms is its time, Unix ms.
	Release(ms int64)
}

// SetEffects makes every Tx, also those to come, tell one of its own. Nobody uses a Tx meanwhile.
func (ks *Keyspace) SetEffects(of func(*Tx) Effects) {
	ks.txMu.Lock()
	defer ks.txMu.Unlock()
	ks.effects = of
	for _, tx := range ks.txs {
		tx.effects = of(tx)
	}
}

// Effects returns who is told of effects, or nil.
func (tx *Tx) Effects() Effects { return tx.effects }

// release tells that locks are about to be released.
func (tx *Tx) release() {
	if tx.effects != nil {
		tx.effects.Release(tx.now)
	}
}

// NewTx returns a Tx for one executor.
func (ks *Keyspace) NewTx() *Tx {
	tx := &Tx{ks: ks}
	ks.txMu.Lock()
	ks.txs = append(ks.txs, tx)
	tx.rand = uint64(len(ks.txs)) * 0x9E3779B97F4A7C15
	tx.chance = rand.New(rand.NewPCG(tx.rand, uint64(ks.hash.sum(nil))))
	if ks.effects != nil {
		tx.effects = ks.effects(tx)
	}
	ks.txMu.Unlock()
	return tx
}

// CloseTx ends an executor; its counters are kept in the sums.
func (ks *Keyspace) CloseTx(tx *Tx) {
	ks.txMu.Lock()
	defer ks.txMu.Unlock()
	for i, t := range ks.txs {
		if t == tx && i > 0 {
			sumInto(&ks.txs[0].Stats, &tx.Stats)
			ks.txs = append(ks.txs[:i], ks.txs[i+1:]...)
			return
		}
	}
}

func sumInto(to, from *Stats) {
	a, b := to.all(), from.all()
	for i := range a {
		a[i].Add(b[i].Load())
	}
}

func (s *Stats) all() [9]*atomic.Int64 {
	return [...]*atomic.Int64{&s.Hits, &s.Misses, &s.Expired, &s.Dirty, &s.Waits, &s.HandedOver, &s.CapReached, &s.LazyFreed, &s.ExpiredFields}
}

// Sum adds up the counters of all executors into to.
func (ks *Keyspace) Sum(to *Stats) {
	ks.txMu.Lock()
	defer ks.txMu.Unlock()
	for _, t := range ks.txs {
		sumInto(to, &t.Stats)
	}
}

// Dirty returns the number of changes since the server started.
func (ks *Keyspace) Dirty() int64 {
	ks.txMu.Lock()
	defer ks.txMu.Unlock()
	var n int64
	for _, t := range ks.txs {
		n += t.Stats.Dirty.Load()
	}
	return n
}

// ResetStats zeroes the counters that CONFIG RESETSTAT does.
func (ks *Keyspace) ResetStats() {
	ks.txMu.Lock()
	defer ks.txMu.Unlock()
	for _, t := range ks.txs {
		for _, c := range []*atomic.Int64{&t.Hits, &t.Misses, &t.Expired, &t.Waits, &t.HandedOver, &t.CapReached, &t.LazyFreed, &t.ExpiredFields} {
			c.Store(0)
		}
	}
}

// SetNow tells the time, Unix ms, to the commands that follow.
func (tx *Tx) SetNow(ms int64) {
	if ms != tx.now {
		tx.now = ms
		tx.clock = clockOf(tx.ks.clockPolicy(), ms)
	}
}

// Now returns the time set last, Unix ms.
func (tx *Tx) Now() int64 { return tx.now }

// SetNoTouch makes look-ups leave the keys' clocks alone (CLIENT NO-TOUCH).
func (tx *Tx) SetNoTouch(on bool) { tx.noTouch = on }

// Rand returns the executor's source of chance, for commands that pick elements.
func (tx *Tx) Rand() *rand.Rand { return tx.chance }

// Keyspace returns the keyspace.
func (tx *Tx) Keyspace() *Keyspace { return tx.ks }

// Hash returns the hash of key, for LockHash and KeyHashed.
func (tx *Tx) Hash(key []byte) uint64 { return tx.ks.hash.sum(key) }

// LockHash locks the shard of a key.
func (tx *Tx) LockHash(hash uint64) {
	if tx.nested > 0 {
		if invariant.Enabled {
			invariant.Check(tx.holds(hash), "a nested command's key lies in a locked shard")
		}
		return
	}
	sh := tx.ks.home(hash)
	sh.mu.Lock()
	tx.one = sh
	if sh.strays != nil {
		tx.lockStray(hash)
	}
}

// holds tells whether the shard of a key is locked by this Tx.
func (tx *Tx) holds(hash uint64) bool {
	return tx.isLocked(tx.ks.home(hash)) && tx.isLocked(tx.ks.shardOf(hash))
}

func (tx *Tx) isLocked(sh *shard) bool {
	return tx.one == sh || tx.many[sh.number/64]&(1<<(sh.number%64)) != 0
}

// Want adds the shard of a key to those that LockWanted will lock.
func (tx *Tx) Want(hash uint64) {
	if tx.nested == 0 {
		i := hash & tx.ks.mask
		tx.many[i/64] |= 1 << (i % 64)
		tx.wanted = append(tx.wanted, hash)
	} else if invariant.Enabled {
		invariant.Check(tx.holds(hash), "a nested command's key lies in a locked shard")
	}
}

// WantAll adds all shards.
func (tx *Tx) WantAll() {
	if tx.nested == 0 {
		for i := range tx.ks.shards {
			tx.many[i/64] |= 1 << (i % 64)
		}
	}
}

// LockWanted locks the shards asked for by Want, in ascending order.
func (tx *Tx) LockWanted() {
	if tx.nested > 0 {
		return
	}
	for more := true; more; more = tx.wantStrays() {
		tx.eachWanted(func(sh *shard) { sh.mu.Lock() })
	}
	if tx.wanted = tx.wanted[:0]; cap(tx.wanted) > maxWanted {
		tx.wanted = nil
	}
}

// maxWanted is how many hashes a Tx keeps room for.
const maxWanted = 1 << 16

// LockAll locks every shard: the whole keyspace stands still.
func (tx *Tx) LockAll() {
	tx.WantAll()
	tx.LockWanted()
}

// Unlock releases what was locked.
func (tx *Tx) Unlock() {
	if tx.nested > 0 {
		return
	}
	tx.release()
	if len(tx.left) > 0 {
		tx.forgetStrays()
	}
	if tx.one != nil {
		tx.one.mu.Unlock()
		tx.one = nil
		return
	}
	tx.eachWanted(func(sh *shard) { sh.mu.Unlock() })
	tx.many = [MaxShards / 64]uint64{}
}

func (tx *Tx) eachWanted(f func(*shard)) {
	for w, set := range tx.many {
		for ; set != 0; set &= set - 1 {
			f(&tx.ks.shards[w*64+bits.TrailingZeros64(set)])
		}
	}
}

// Nest keeps the locks held now until Unnest: Lock and Unlock in between do nothing.
func (tx *Tx) Nest() { tx.nested++ }

// Unnest ends Nest.
func (tx *Tx) Unnest() { tx.nested-- }

// Mode says why a key is looked up.
type Mode uint8

// Modes of looking up.
const (
	ForRead  Mode = iota // counts a hit or a miss, and touches the key's clock
	ForWrite             // touches the clock
	Inspect              // counts a hit or a miss and leaves the clock: TTL, OBJECT and the like
	Peek                 // neither
)

// Key looks a key up in a database. Its shard must be locked. A key whose deadline has passed is
// deleted and seen as absent.
func (tx *Tx) Key(db int, name []byte, mode Mode) Key {
	return tx.KeyHashed(db, name, tx.ks.hash.sum(name), mode)
}

// KeyHashed is Key for a caller that knows the hash.
func (tx *Tx) KeyHashed(db int, name []byte, hash uint64, mode Mode) Key {
	sh := tx.ks.shardOf(hash)
	k := Key{tx: tx, sh: sh, d: sh.dbs[db].Load(), db: db, name: name, hash: hash}
	k.find()
	if k.ref != 0 && k.e.hasDeadline() && k.e.deadline(k.e.layout()) <= tx.now && !tx.ks.keepExpired() {
		k.expire()
	}
	if mode == Peek {
		return k
	}
	if k.ref != 0 && mode != Inspect && !tx.noTouch {
		tx.touch(k.e)
	}
	if mode != ForWrite {
		if k.ref != 0 {
			tx.Hits.Add(1)
		} else {
			tx.Misses.Add(1)
		}
	}
	return k
}

// Stored looks a key up without expiring, counting or marking it: it may be past its deadline.
func (tx *Tx) Stored(db int, name []byte) Key {
	hash := tx.ks.hash.sum(name)
	sh := tx.ks.shardOf(hash)
	k := Key{tx: tx, sh: sh, d: sh.dbs[db].Load(), db: db, name: name, hash: hash}
	k.find()
	return k
}

// find looks the key up in its table.
func (k *Key) find() {
	if k.d == nil {
		return
	}
	if s := k.d.table.Find(k.hash, k.name); s.Found() {
		k.slot, k.at = s, k.sh.moves
		k.ref = k.d.table.Ref(s)
		k.e = k.sh.keyer.entry(k.ref)
	}
}

// free gives an entry and its value back. The running save has what it needs of it.
func (sh *shard) free(e entry, ref mem.Ref, l layout) {
	switch {
	case e.hasBlock():
		block, _ := e.descriptor(l)
		sh.freeBlock(block)
	case e.encoding() == encBig:
		sh.bigs.drop(e.handle(l))
	}
	sh.heap.Free(ref, mem.Keys)
}

// freeBlock frees a value's own block, or leaves it to the save that is reading it.
func (sh *shard) freeBlock(block mem.Ref) {
	if sh.snap != nil && sh.snap.pinned == block {
		sh.snap.orphaned = true
		return
	}
	sh.heap.Free(block, mem.Values)
}
