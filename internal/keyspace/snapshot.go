// Snapshot: the whole keyspace as of one instant, read while writers go on.
//
// The cut locks all shards for an instant and advances the epoch. From then on an entry that does
// not carry the new epoch is unsaved. Run walks the tables bucket by bucket and stamps what it has
// copied; a writer first copies the one entry it is about to change (handOver). Both copy under the
// shard's lock, a few microseconds; all encoding and writing is done by Run, outside of locks.
//
// What must hold: an unsaved entry is in a bucket the walker has not passed. Splits keep it so
// because the walk goes on into buckets born from ones it has not passed; merges are held back
// while a table is walked. A flushed database is walked like the others and freed afterwards.
//
// Memory: copies by writers are bounded by a budget. At the budget, and before changing a value too
// large to copy, a command waits (Ready says no, its caller parks the connection) until Run has
// caught up. Large values are pinned and read in place.

package keyspace

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tarn/internal/mem"
)

// ErrCancelled is returned by Run after Cancel.
var ErrCancelled = errors.New("keyspace: snapshot cancelled")

const (
	sliceBuckets = 16       // walked under one hold of a shard's lock
	sliceBytes   = 64 << 10 // copied under one hold, beyond which the slice ends
	handBytes    = 64 << 10 // size of a writers' buffer
	maxCopied    = 64 << 10 // values longer than this are pinned, not copied
	recordHead   = 8        // length of the entry, number of the database
)

// Record is one key as of the cut. Its slices are valid during the call it is passed to.
type Record struct {
	DB       int
	Type     Type
	Key      []byte
	Value    []byte // of a string that is not an integer
	Int      int64
	IsInt    bool
	Deadline int64 // Unix ms, or NoDeadline
	Clock    uint32
}

// Snapshot is a cut of the keyspace. One exists at a time.
type Snapshot struct {
	ks     *Keyspace
	region *mem.Region
	resume func() // tells the executors that parked commands may go on
	limit  int64  // budget of the writers' copies, bytes
	pace   func(time.Duration) time.Duration

	keys      int64        // at the cut
	sizes     []Contents   // by database, at the cut
	done      atomic.Int64 // keys written out
	copied    atomic.Int64 // bytes handed over in all
	held      atomic.Int64 // bytes handed over and not written out
	peak      atomic.Int64 // highest held
	waiting   atomic.Bool  // some command waits for held to fall
	cancelled atomic.Bool

	queued chan struct{} // has a token when queue may have become non-empty

	mu     sync.Mutex // guards the fields below; taken last
	free   [][]byte   // writers' buffers at hand
	queue  [][]byte   // writers' buffers to be written out
	urgent []place    // large values that commands wait for
}

// place names an entry.
type place struct {
	sh  *shard
	d   *database
	key string
}

// shardSnapshot is a snapshot's state in one shard, guarded by the shard's lock.
type shardSnapshot struct {
	s        *Snapshot
	parts    []*database // with keys at the cut; the first of them is being walked
	cursor   int         // buckets before it have been walked
	end      int         // buckets from it on hold nothing unsaved
	hand     []byte      // writers' copies not yet queued
	pinned   mem.Ref     // value being read without the lock
	orphaned bool        // pinned has no owner any more: free it afterwards
}

// SnapshotOptions say how a snapshot behaves.
type SnapshotOptions struct {
	Limit  int64  // bytes that writers' copies may take
	Resume func() // called when commands that were told to wait may be tried again
	// Pace is told how long the walker has worked and returns how long it shall rest; nil: never.
	Pace func(worked time.Duration) (rest time.Duration)
	// AtCut is called once, with every shard locked.
	AtCut func()
}

// Begin cuts: the snapshot holds what the keyspace holds now. It locks all shards through tx, which
// may hold them already. The caller must Run or Cancel-and-Run it. Errors: of the system, when
// memory for the writers' buffers cannot be reserved.
func (tx *Tx) Begin(o SnapshotOptions) (*Snapshot, error) {
	ks := tx.ks
	buffers := max(int(o.Limit/handBytes), len(ks.shards)) + len(ks.shards)
	region, err := mem.NewRegion(buffers * handBytes)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{
		ks: ks, region: region, resume: o.Resume, limit: o.Limit, pace: o.Pace,
		queued: make(chan struct{}, 1), sizes: make([]Contents, ks.databases),
	}
	if s.resume == nil {
		s.resume = func() {}
	}
	for i := range buffers {
		at := (buffers - 1 - i) * handBytes
		s.free = append(s.free, region.Bytes()[at:at:at+handBytes])
	}
	states := make([]shardSnapshot, len(ks.shards))
	lists := make([]*database, len(ks.shards)*ks.databases)
	tx.LockAll()
	defer tx.Unlock()
	ks.epoch = (ks.epoch + 1) % epochs
	ks.unended++
	for i := range ks.shards {
		sh := &ks.shards[i]
		if ks.unended >= epochs-1 {
			sh.restamp(ks.epoch)
		}
		st := &states[i]
		*st = shardSnapshot{s: s, parts: lists[i*ks.databases : i*ks.databases : (i+1)*ks.databases]}
		for db := range sh.dbs {
			if d := sh.dbs[db].Load(); d.len() > 0 {
				d.saveAs, d.unsaved = db, true
				st.parts = append(st.parts, d)
				s.keys += int64(d.table.Len())
				s.sizes[db].Keys += d.table.Len()
				s.sizes[db].Expires += d.deadlines.Len()
			}
		}
		sh.snap = st
		st.start()
	}
	if ks.unended >= epochs-1 {
		ks.unended = 1
	}
	ks.snap.Store(s)
	if o.AtCut != nil {
		o.AtCut()
	}
	return s, nil
}

// restamp gives all entries the epoch before the current one, so that marks left by walks that did
// not end cannot be taken for the new cut's. Needed after many cancelled saves in a row.
func (sh *shard) restamp(epoch byte) {
	old := (epoch + epochs - 1) % epochs
	for db := range sh.dbs {
		if d := sh.dbs[db].Load(); d != nil {
			for b := range d.table.Buckets() {
				d.table.Walk(b, func(_ slot, r mem.Ref) { sh.keyer.entry(r).setEpoch(old) })
			}
		}
	}
}

// start prepares the walk of the first of parts.
func (st *shardSnapshot) start() {
	if len(st.parts) == 0 {
		return
	}
	t := st.parts[0].table
	st.cursor, st.end = 0, t.Buckets()
	t.HoldShrink(true)
	t.SetSplitHook(func(from, to int) {
		if from >= st.cursor {
			st.end = max(st.end, to+1)
		}
	})
}

// finish ends the walk of the first of parts.
func (st *shardSnapshot) finish() {
	d := st.parts[0]
	d.unsaved = false
	d.table.SetSplitHook(nil)
	d.table.HoldShrink(false)
	st.parts = st.parts[1:]
	st.start()
}

// Ready tells whether a command may change a key now, whose shard is locked. If not, the command
// must be put off, with nothing done, until the snapshot's Resume is called.
func (tx *Tx) Ready(db int, name []byte, hash uint64) bool {
	s := tx.ks.snap.Load()
	if s == nil {
		return true
	}
	sh := tx.ks.shardOf(hash)
	d := sh.dbs[db].Load()
	if sh.snap == nil || d == nil {
		return true
	}
	at := d.table.Find(hash, name)
	if !at.Found() {
		return true
	}
	e := sh.keyer.entry(d.table.Ref(at))
	switch {
	case sh.mustWait(e):
		s.hurry(place{sh, d, string(name)})
	case s.held.Load() < s.limit || sh.saved(d, e):
		return true
	default:
		s.waiting.Store(true)
		if s.held.Load() < s.limit/2 {
			return true // drained meanwhile: Run may have missed the flag
		}
	}
	tx.Waits.Add(1)
	return false
}

// saved tells whether the running save needs nothing more of an entry.
func (sh *shard) saved(d *database, e entry) bool {
	return sh.snap == nil || !d.unsaved || e.epoch() == sh.snap.s.ks.epoch
}

// mustWait tells whether an entry's value is too large to be copied for the save that needs it.
func (sh *shard) mustWait(e entry) bool {
	if sh.snap == nil || e.encoding() != encBlock {
		return false
	}
	block, length := e.descriptor(e.layout())
	return block == sh.snap.pinned || length > maxCopied && e.epoch() != sh.snap.s.ks.epoch
}

// hurry asks Run to save an entry next.
func (s *Snapshot) hurry(p place) {
	s.mu.Lock()
	s.urgent = append(s.urgent, p)
	s.mu.Unlock()
}

// beforeChange lets the running save have the key's entry before it is changed or freed.
func (k *Key) beforeChange() {
	if k.sh.snap != nil {
		k.sh.handOver(k.d, k.e)
	}
}

// handOver copies an unsaved entry for the running save and stamps it as saved. A value that is too
// large to be copied reaches this only on paths that cannot wait; it is copied all the same.
func (sh *shard) handOver(d *database, e entry) {
	if sh.saved(d, e) {
		return
	}
	st := sh.snap
	s := st.s
	need := recordSize(sh, e)
	if cap(st.hand)-len(st.hand) < need {
		if len(st.hand) > 0 {
			s.push(st.hand)
		}
		st.hand = s.buffer(need)
	}
	st.hand = appendRecord(st.hand, sh, d.saveAs, e)
	e.setEpoch(s.ks.epoch)
	s.copied.Add(int64(need))
	held := s.held.Add(int64(need))
	if held > s.peak.Load() {
		s.peak.Store(held)
	}
}

// buffer returns an empty buffer of at least size bytes.
func (s *Snapshot) buffer(size int) []byte {
	if size <= handBytes {
		s.mu.Lock()
		defer s.mu.Unlock()
		if last := len(s.free) - 1; last >= 0 {
			b := s.free[last]
			s.free = s.free[:last]
			return b
		}
	}
	return make([]byte, 0, max(size, handBytes))
}

// push queues a buffer to be written out.
func (s *Snapshot) push(b []byte) {
	s.mu.Lock()
	s.queue = append(s.queue, b)
	s.mu.Unlock()
	select {
	case s.queued <- struct{}{}:
	default:
	}
}

// pop takes the oldest queued buffer, nil when there is none.
func (s *Snapshot) pop() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil
	}
	b := s.queue[0]
	s.queue = s.queue[1:]
	return b
}

// release takes a buffer back that has been written out.
func (s *Snapshot) release(b []byte) {
	s.held.Add(-int64(len(b)))
	if s.region.Owns(b) {
		s.mu.Lock()
		s.free = append(s.free, b[:0])
		s.mu.Unlock()
	}
	if s.waiting.Load() && s.held.Load() < s.limit/2 {
		s.waiting.Store(false)
		s.resume()
	}
}

func recordSize(sh *shard, e entry) int {
	l := e.layout()
	n := recordHead + l.size()
	if e.encoding() == encBlock {
		_, length := e.descriptor(l)
		n += length
	}
	return n
}

// appendRecord copies an entry, and after it the block of its value if it has one.
func appendRecord(dst []byte, sh *shard, db int, e entry) []byte {
	l := e.layout()
	size := l.size()
	dst = appendUint32(appendUint32(dst, uint32(size)), uint32(db))
	dst = append(dst, e.bytes(0, size)...)
	if e.encoding() == encBlock {
		block, length := e.descriptor(l)
		dst = append(dst, sh.heap.Bytes(block, length)...)
	}
	return dst
}
