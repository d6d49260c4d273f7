// Package keyspace holds the databases: keys, values and deadlines, in shards that are locked apart.
//
// A key's hash chooses its shard. A shard has one heap, one lock, and its part of every database: a
// table of entries and a tree of deadlines. All work on keys goes through a Tx, which locks the
// shards of the keys it was told of, in ascending order, and hands out Keys. The order of locks in
// the whole server: world, shards ascending, journal.
package keyspace

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"

	"tarn/internal/btree"
	"tarn/internal/hashtable"
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
}

// Keyspace is all databases of a server.
type Keyspace struct {
	shards    []shard
	mask      uint64
	databases int
	hash      hasher

	epoch   byte                     // of the latest cut; changes only under all locks
	snap    atomic.Pointer[Snapshot] // the one being taken, or nil
	unended int                      // walks in a row that did not reach every entry

	policy atomic.Uint32 // clockPolicy
	lfuSettings
	hold   atomic.Bool // no sweep: DEBUG SET-ACTIVE-EXPIRE 0
	frozen atomic.Bool // keys past their deadline stay

	txMu sync.Mutex
	txs  []*Tx // guarded by txMu; for their counters

	lazy lazyfree
}

// shard is one part of the keyspace. mu guards every field.
type shard struct {
	mu    sync.Mutex
	heap  *mem.Heap
	keyer keyer
	dbs   []atomic.Pointer[database] // nil where nothing was ever stored; written under mu
	watch []map[string][]Watcher
	snap  *shardSnapshot // nil: no entry of this shard awaits the save
	seed  uint64         // of random choices

	soonest atomic.Int64 // lower bound of the deadlines held; read without mu

	_ [64]byte
}

// database is a database's part in one shard.
type database struct {
	table     *hashtable.Table[keyer]
	deadlines *btree.DeadlineTree[keyer]
	saveAs    int  // number under which the running snapshot writes it
	unsaved   bool // the running snapshot has not walked all of it
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
	for i := range ks.shards {
		sh := &ks.shards[i]
		heap, err := mem.NewHeap(mem.Options{Reserve: mem.Reserve(len(ks.shards))})
		if err != nil {
			return nil, fmt.Errorf("keyspace: shard %d: %w", i, err)
		}
		sh.heap = heap
		sh.keyer = keyer{base: heap.Base(), heap: heap, hash: &ks.hash}
		sh.dbs = make([]atomic.Pointer[database], o.Databases)
		sh.watch = make([]map[string][]Watcher, o.Databases)
		sh.seed = uint64(i)*0x9E3779B97F4A7C15 + 1
		sh.soonest.Store(never)
	}
	return ks, nil
}

// Close gives all memory back. Nothing may use the keyspace afterwards.
func (ks *Keyspace) Close() error {
	var errs []error
	for i := range ks.shards {
		errs = append(errs, ks.shards[i].heap.Close())
	}
	return errors.Join(errs...)
}

// Databases returns how many databases there are.
func (ks *Keyspace) Databases() int { return ks.databases }

// Shards returns how many shards there are.
func (ks *Keyspace) Shards() int { return len(ks.shards) }

// Hash returns the hash of a key in this keyspace.
func (ks *Keyspace) Hash(key []byte) uint64 { return ks.hash.sum(key) }

func (ks *Keyspace) shardOf(hash uint64) *shard { return &ks.shards[hash&ks.mask] }

// PrefetchBucket asks the processor for the bucket of a key. It takes no lock.
func (ks *Keyspace) PrefetchBucket(db int, hash uint64) {
	if d := ks.shardOf(hash).dbs[db].Load(); d != nil {
		d.table.PrefetchBucket(hash)
	}
}

// PrefetchEntry asks the processor for the entry of a key whose bucket has arrived. It takes no lock.
func (ks *Keyspace) PrefetchEntry(db int, hash uint64) {
	if d := ks.shardOf(hash).dbs[db].Load(); d != nil {
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

// random returns a pseudo-random number; mu is held.
func (sh *shard) random() uint64 {
	sh.seed += 0x9E3779B97F4A7C15
	hi, lo := bits.Mul64(sh.seed, 0xD1B54A32D192ED03^sh.seed)
	return hi ^ lo
}
