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
// caught up. Large values are pinned and read in place. What nobody can be told to wait for, a key
// that expires, stays a little longer instead.
//
// Epochs have four bits. A walk that did not end leaves entries of an older epoch behind, so before
// the epochs come round, a walk that is broken off is finished without output.

package keyspace

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tarn/internal/invariant"
	"tarn/internal/mem"
)

// ErrCancelled is returned by Run after Cancel.
var ErrCancelled = errors.New("keyspace: snapshot cancelled")

// ErrSnapshotRunning is returned by Begin while Run has not returned.
var ErrSnapshotRunning = errors.New("keyspace: a snapshot is being taken")

const (
	sliceBuckets = 16       // walked under one hold of a shard's lock
	sliceBytes   = 64 << 10 // copied under one hold, beyond which the slice ends
	handBytes    = 64 << 10 // size of a writers' buffer
	maxCopied    = 64 << 10 // values longer than this are pinned, not copied
	recordHead   = 12       // length of the entry, numbers of the database and the shard
	maxRegion    = 1 << 62  // bytes that writers' buffers are asked for, at most
	maxUrgent    = 64       // large values that commands wait for and Run is told of

	// finishFrom is the number of cuts in a row without a whole walk at which a walk is finished
	// although it was broken off. An entry is then at most that many epochs old.
	finishFrom = epochs - 2
)

// Record is one key as of the cut. Its slices are valid during the call it is passed to.
type Record struct {
	DB       int
	Type     Type
	Key      []byte
	Shape    Shape  // of a collection
	Value    []byte // of a string that is not an integer, and of a collection that is no Big
	Int      int64
	IsInt    bool
	Big      *BigReader // of a collection of that Shape
	Deadline int64      // Unix ms, or NoDeadline
	Clock    uint32
}

// Snapshot is a cut of the keyspace. One exists at a time.
type Snapshot struct {
	ks     *Keyspace
	region *mem.Region
	resume func() // tells the executors that parked commands may go on
	limit  int64  // budget of the writers' copies, bytes
	hold   func(bytes int64)
	pace   func(time.Duration) time.Duration

	keys      int64        // at the cut
	sizes     []Contents   // by database, at the cut
	done      atomic.Int64 // keys written out
	copied    atomic.Int64 // bytes handed over in all
	held      atomic.Int64 // bytes handed over and not written out
	peak      atomic.Int64 // highest held
	waiting   atomic.Bool  // some command waits for held to fall
	wanted    atomic.Bool  // some command waits for a large value
	cancelled atomic.Bool

	work chan struct{} // has a token when queue or urgent may have become non-empty

	mu     sync.Mutex // guards the fields below; taken last
	free   [][]byte   // writers' buffers that have been used and are at hand
	unused []byte     // of the region
	queue  []handed   // writers' buffers to be written out
	urgent []place    // large values that commands wait for
}

// handed is a buffer of copies, and what it counts in held: they, and the room at its end that the
// next one was too long for.
type handed struct {
	b    []byte
	held int64
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
	quiet    bool        // nothing is wanted any more: the walk only stamps
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
// may hold them already. The caller must Run or Cancel-and-Run it. Errors: ErrSnapshotRunning; of
// the system, when memory for the writers' buffers cannot be reserved.
func (tx *Tx) Begin(o SnapshotOptions) (*Snapshot, error) {
	ks := tx.ks
	buffers := ks.buffersFor(o.Limit)
	region, err := ks.takeRegion(buffers * handBytes)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{
		ks: ks, region: region, unused: region.Bytes()[:buffers*handBytes], resume: o.Resume, limit: o.Limit, pace: o.Pace,
		work: make(chan struct{}, 1), sizes: make([]Contents, ks.databases),
	}
	s.hold = s.account
	if s.resume == nil {
		s.resume = func() {}
	}
	states := make([]shardSnapshot, len(ks.shards))
	lists := make([]*database, len(ks.shards)*ks.databases)
	tx.LockAll()
	defer tx.Unlock()
	if ks.snap.Load() != nil {
		return nil, errors.Join(ErrSnapshotRunning, ks.keepRegion(region))
	}
	ks.epoch = (ks.epoch + 1) % epochs
	cuts := ks.unended.Add(1)
	invariant.Check(cuts < epochs, "an entry's epoch is told from the cut's")
	for i := range ks.shards {
		sh := &ks.shards[i]
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
	ks.snap.Store(s)
	if o.AtCut != nil {
		o.AtCut()
	}
	return s, nil
}

// buffersFor returns how many writers' buffers a budget allows.
func (ks *Keyspace) buffersFor(limit int64) int {
	return max(int(min(limit, maxRegion)/handBytes), len(ks.shards)) + len(ks.shards)
}

// Prepare takes the address space for the writers' buffers of a snapshot with this budget. Begin
// then asks the system for nothing: a mapping made at the cut can wait for whoever reads the
// process's memory map, and everybody with it.
func (ks *Keyspace) Prepare(limit int64) error {
	region, err := ks.takeRegion(ks.buffersFor(limit) * handBytes)
	if err != nil {
		return err
	}
	return ks.keepRegion(region)
}

// takeRegion returns the region that is at hand, when it is large enough, or a new one.
func (ks *Keyspace) takeRegion(size int) (*mem.Region, error) {
	spare := ks.region.Swap(nil)
	if spare != nil && len(spare.Bytes()) >= size {
		return spare, nil
	}
	region, err := mem.NewRegion(size)
	if spare != nil {
		err = errors.Join(err, spare.Close())
	}
	return region, err
}

// keepRegion gives a region's pages back and keeps it for the next snapshot.
func (ks *Keyspace) keepRegion(region *mem.Region) error {
	err := region.Discard()
	if other := ks.region.Swap(region); other != nil {
		err = errors.Join(err, other.Close())
	}
	return err
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

// walks tells whether a database is being walked.
func (sh *shard) walks(d *database) bool {
	return sh.snap != nil && len(sh.snap.parts) > 0 && sh.snap.parts[0] == d
}

// finish ends the walk of the first of the parts.
func (sh *shard) finish() {
	st := sh.snap
	d := st.parts[0]
	d.unsaved = false
	d.table.SetSplitHook(nil)
	d.table.HoldShrink(d.reserved)
	sh.untidy.Store(true)
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
	case sh.saved(d, e) && !sh.beingSaved(e) || !s.full():
		return true
	}
	tx.Waits.Add(1)
	return false
}

// saved tells whether the running save needs nothing more of an entry.
func (sh *shard) saved(d *database, e entry) bool {
	return sh.snap == nil || sh.snap.quiet || !d.unsaved || e.epoch() == sh.snap.s.ks.epoch
}

// mustWait tells whether an entry's value is too large to be copied for the save that needs it, or
// is being read.
func (sh *shard) mustWait(e entry) bool {
	if sh.snap == nil || sh.snap.quiet || !e.hasBlock() {
		return false
	}
	block, length := e.descriptor(e.layout())
	return block == sh.snap.pinned || length > maxCopied && e.epoch() != sh.snap.s.ks.epoch
}

// busySaving tells whether the running save cannot take an entry now, were it changed.
func (sh *shard) busySaving(d *database, e entry) bool {
	return sh.snap != nil && (sh.mustWait(e) || !sh.saved(d, e) && sh.snap.s.full())
}

// full tells whether the budget of copies is used up, and has Run call resume when it no longer is.
func (s *Snapshot) full() bool {
	if s.held.Load() < s.limit {
		return false
	}
	s.waiting.Store(true)
	if s.held.Load() <= s.limit/2 {
		return false // drained meanwhile: Run may have missed the flag
	}
	s.nudge()
	return true
}

// hurry asks Run to save an entry next, and to call resume when a large value has been saved.
func (s *Snapshot) hurry(p place) {
	s.wanted.Store(true)
	s.mu.Lock()
	if len(s.urgent) < maxUrgent && !slices.Contains(s.urgent, p) {
		s.urgent = append(s.urgent, p)
	}
	s.mu.Unlock()
	s.nudge()
}

// nudge ends Run's rest, if it has one.
func (s *Snapshot) nudge() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// beforeChange lets the running save have the key's entry before it is changed or freed.
func (k *Key) beforeChange() {
	if k.sh.snap != nil && !k.sh.saved(k.d, k.e) {
		k.sh.handOver(k.d, k.e)
		k.tx.HandedOver.Add(1)
	}
}

// handOver copies an unsaved entry for the running save and stamps it as saved. A value that is too
// large to be copied reaches this only on paths that cannot wait; it is copied all the same.
func (sh *shard) handOver(d *database, e entry) {
	st := sh.snap
	s := st.s
	need := recordSize(sh, e)
	if room := cap(st.hand) - len(st.hand); room < need {
		if len(st.hand) > 0 {
			s.hold(int64(room))
			s.push(st.hand, int64(cap(st.hand)))
		}
		st.hand = s.buffer(need)
	}
	st.hand = appendRecord(st.hand, sh, d.saveAs, e)
	e.setEpoch(s.ks.epoch)
	s.copied.Add(int64(need))
	s.hold(int64(need))
}

// account adds to the bytes held, or takes from them.
func (s *Snapshot) account(bytes int64) {
	held := s.held.Add(bytes)
	if bytes < 0 {
		s.relieve()
		return
	}
	for peak := s.peak.Load(); held > peak && !s.peak.CompareAndSwap(peak, held); peak = s.peak.Load() {
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
		if len(s.unused) > 0 {
			b := s.unused[:0:handBytes]
			s.unused = s.unused[handBytes:]
			return b
		}
	}
	return make([]byte, 0, max(size, handBytes))
}

// push queues a buffer, which counts so many bytes, to be written out.
func (s *Snapshot) push(b []byte, held int64) {
	s.mu.Lock()
	s.queue = append(s.queue, handed{b, held})
	s.mu.Unlock()
	s.nudge()
}

// pushHand queues what a shard's writers have copied. The shard's lock is held.
func (st *shardSnapshot) pushHand() {
	if len(st.hand) > 0 {
		st.s.push(st.hand, int64(len(st.hand)))
	}
	st.hand = nil
}

// pop takes the oldest queued buffer; ok is false when there is none.
func (s *Snapshot) pop() (h handed, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return h, false
	}
	h = s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	return h, true
}

// release takes a buffer back that has been written out.
func (s *Snapshot) release(h handed) {
	s.held.Add(-h.held)
	if s.region.Owns(h.b) {
		s.mu.Lock()
		s.free = append(s.free, h.b[:0])
		s.mu.Unlock()
	}
	s.relieve()
}

// relieve lets commands go on that wait for the bytes held to fall.
func (s *Snapshot) relieve() {
	if s.waiting.Load() && s.held.Load() <= s.limit/2 && s.waiting.Swap(false) {
		s.resume()
	}
}

func recordSize(sh *shard, e entry) int {
	l := e.layout()
	n := recordHead + l.size()
	if e.hasBlock() {
		_, length := e.descriptor(l)
		n += length
	}
	return n
}

// appendRecord copies an entry, and after it the block of its value if it has one. A value of many
// blocks is cut instead: it keeps what it holds now readable until the record is written out.
func appendRecord(dst []byte, sh *shard, db int, e entry) []byte {
	l := e.layout()
	size := l.size()
	dst = appendUint32(appendUint32(appendUint32(dst, uint32(size)), uint32(db)), uint32(sh.number))
	dst = append(dst, e.bytes(0, size)...)
	switch {
	case e.hasBlock():
		block, length := e.descriptor(l)
		dst = append(dst, sh.heap.Bytes(block, length)...)
	case e.encoding() == encBig:
		sh.bigs.cut(e.handle(l), sh.snap.s.hold)
	}
	return dst
}
