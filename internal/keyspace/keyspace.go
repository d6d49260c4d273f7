// Keyspace: shards, and the databases across them.
//
// A shard is a heap, a lock, and its part of every database. What can be read without the lock says
// so: the pointers to databases, for prefetching; the lower bound of deadlines, for the sweep. What
// must hold: a key is in the shard that the low bits of its hash name, or where that has noted it
// (strays), in one table, once.

// Package keyspace holds the databases: keys, values and deadlines, in shards that are locked apart.
//
// A key's hash chooses its shard. A shard has one heap, one lock, and its part of every database: a
// table of entries and a tree of deadlines. All work on keys goes through a Tx, which locks the
// shards of the keys it was told of, in ascending order, and hands out Keys. The order of locks in
// the whole server: world, the right to serve blocked clients, shards ascending, journal.
package keyspace

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"tarn/internal/btree"
	"tarn/internal/hashtable"
	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// NoDeadline is the deadline of a key that does not expire.
const NoDeadline int64 = -1

// MaxShards is the largest number of shards.
const MaxShards = 256

// ErrShards says that a number of shards is not a power of two within 1..MaxShards.
var ErrShards = errors.New("keyspace: shards must be a power of two from 1 to 256")

// Options say how a keyspace is laid out.
type Options struct {
	Shards    int // power of two, 1 to 256
	Databases int
	Heap      mem.Options // of each shard's heap; the zero value is the usual one
}

// Keyspace is all databases of a server.
type Keyspace struct {
	shards    []shard
	mask      uint64
	databases int
	hash      hasher

	epoch   byte                     // of the latest cut; changes only under all locks
	snap    atomic.Pointer[Snapshot] // the one being taken, or nil
	unended atomic.Int32             // cuts since a walk reached every entry

	policy atomic.Uint32 // clockPolicy
	lfuSettings
	hold   atomic.Bool // no sweep: DEBUG SET-ACTIVE-EXPIRE 0
	frozen atomic.Bool // keys past their deadline stay, and are seen
	paused atomic.Bool // keys past their deadline stay, unseen

	strayAll  bool // small values are not copied into other shards either: tests
	limits    atomic.Pointer[Limits]
	fieldsDue func(k *Key, limit int) int
	effects   func(*Tx) Effects

	txMu sync.Mutex
	txs  []*Tx // guarded by txMu; for their counters

	ready  readyQueue
	lazy   lazyfree
	region atomic.Pointer[mem.Region] // of the next snapshot's buffers
}

// shard is one part of the keyspace. mu guards every field.
type shard struct {
	mu     sync.Mutex
	number int
	heap   *mem.Heap
	bigs   bigs
	keyer  keyer
	dbs    []atomic.Pointer[database] // nil where nothing was ever stored; written under mu
	watch  []map[string][]Watcher
	lines  []map[string]*line
	snap   *shardSnapshot // nil: no entry of this shard awaits the save
	strays *strays        // notes of keys that should be here; nil: there are none
	guests int            // strays of other shards that are here
	moves  uint64         // insertions and removals so far: each makes the slots found before void

	heeded   int // names watched or waited for
	unserved int // keys of the shard that are in the queue of ready keys or being served

	soonest atomic.Int64 // lower bound of the deadlines held; read without mu
	untidy  atomic.Bool  // a table may have merges to make up for

	_ [64]byte
}

// database is a database's part in one shard.
type database struct {
	table     *hashtable.Table[keyer]
	deadlines *btree.DeadlineTree[keyer]
	fields    *fieldTree // of hashes whose fields have deadlines; nil until there is one
	saveAs    int        // number under which the running snapshot writes it
	unsaved   bool       // the running snapshot has not walked all of it
	reserved  bool       // merges are held back by Reserve
}

// hasher hashes keys: low 8 bits choose the shard, bits from 8 the bucket, the top 8 are the tag.
type hasher struct{ seed maphash.Seed }

func (h *hasher) sum(key []byte) uint64 { return maphash.Bytes(h.seed, key) }

// New makes an empty keyspace. It reserves address space and takes no memory yet.
func New(o Options) (*Keyspace, error) {
	if o.Shards < 1 || o.Shards > MaxShards || o.Shards&(o.Shards-1) != 0 {
		return nil, ErrShards
	}
	ks := &Keyspace{
		shards:    make([]shard, o.Shards),
		mask:      uint64(o.Shards - 1),
		databases: o.Databases,
		hash:      hasher{maphash.MakeSeed()},
	}
	ks.strayAll = invariant.Enabled // so that all tests have some
	ks.limits.Store(&DefaultLimits)
	for i := range ks.shards {
		sh := &ks.shards[i]
		heap, err := mem.NewHeap(sh.heapOptions(o))
		if err != nil {
			return nil, fmt.Errorf("keyspace: shard %d: %w", i, err)
		}
		sh.heap = heap
		sh.number = i
		sh.keyer = keyer{base: heap.Base(), heap: heap, hash: &ks.hash, bigs: &sh.bigs}
		sh.dbs = make([]atomic.Pointer[database], o.Databases)
		sh.watch = make([]map[string][]Watcher, o.Databases)
		sh.lines = make([]map[string]*line, o.Databases)
		sh.soonest.Store(never)
	}
	return ks, nil
}

// heapOptions are those of the shard's heap. In invariants builds it checks that the lock is held.
func (sh *shard) heapOptions(o Options) mem.Options {
	h := o.Heap
	if h.Reserve == 0 {
		h.Reserve = mem.Reserve(o.Shards)
	}
	if invariant.Enabled {
		h.Owned = func() bool {
			if sh.mu.TryLock() {
				sh.mu.Unlock()
				return false
			}
			return true
		}
	}
	return h
}

// Close gives all memory back. Nothing may use the keyspace afterwards.
func (ks *Keyspace) Close() error {
	var errs []error
	if invariant.Enabled {
		ks.freeAll() // what is then left has no owner
	}
	if region := ks.region.Swap(nil); region != nil {
		errs = append(errs, region.Close())
	}
	for i := range ks.shards {
		errs = append(errs, ks.shards[i].heap.Close())
	}
	return errors.Join(errs...)
}

// freeAll frees every key, flushed ones too. No snapshot runs.
func (ks *Keyspace) freeAll() {
	tx := ks.NewTx()
	tx.LockAll()
	tx.Flush(-1, true)
	tx.Unlock()
	for tx.FreeLazily() {
	}
}

// Databases returns how many databases there are.
func (ks *Keyspace) Databases() int { return ks.databases }

// Shards returns how many shards there are.
func (ks *Keyspace) Shards() int { return len(ks.shards) }

// Hash returns the hash of a key in this keyspace.
func (ks *Keyspace) Hash(key []byte) uint64 { return ks.hash.sum(key) }

// PrefetchBucket asks the processor for the bucket of a key. It takes no lock.
func (ks *Keyspace) PrefetchBucket(db int, hash uint64) {
	if d := ks.home(hash).dbs[db].Load(); d != nil {
		d.table.PrefetchBucket(hash)
	}
}

// PrefetchEntry asks the processor for the entry of a key whose bucket has arrived. It takes no lock.
func (ks *Keyspace) PrefetchEntry(db int, hash uint64) {
	if d := ks.home(hash).dbs[db].Load(); d != nil {
		d.table.PrefetchEntry(hash)
	}
}

func (sh *shard) newDatabase() *database {
	return &database{table: hashtable.New(sh.heap, sh.keyer), deadlines: btree.New(sh.heap, sh.keyer)}
}

func (d *database) len() int {
	if d == nil {
		return 0
	}
	return d.table.Len()
}
