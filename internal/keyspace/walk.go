// Walk: the reading side of a snapshot, run by one goroutine.
//
// It copies a slice of a table under the shard's lock, then hands the copies out without it, and in
// between whatever the writers have handed over, so that their buffers stay few.

package keyspace

import (
	"encoding/binary"
	"time"
	"unsafe"

	"tarn/internal/hashtable"
	"tarn/internal/mem"
)

type slot = hashtable.Slot

func appendUint32(b []byte, n uint32) []byte { return binary.LittleEndian.AppendUint32(b, n) }

// walker is Run's state.
type walker struct {
	s     *Snapshot
	out   func(*Record) error
	err   error  // of out; from then on nothing more is written
	stage []byte // copies of the slice under way
	items []byte // of the Big under way
	whole bool   // every entry has been reached
	rec   Record

	elapsed func() time.Duration
	resumed time.Duration // when the walker last began to work
}

// Run hands every key as of the cut to out, once each, in no particular order, and ends the
// snapshot. elapsed is a monotonic clock. Errors: the first of out, or ErrCancelled; the snapshot is
// ended all the same.
func (s *Snapshot) Run(out func(*Record) error, elapsed func() time.Duration) error {
	w := &walker{s: s, out: out, stage: make([]byte, 0, 2*sliceBytes), elapsed: elapsed}
	w.walk(w.stopped)
	s.leaveAll(w)
	if !w.whole && s.ks.unended.Load() >= finishFrom {
		w.walk(func() bool { return false })
	}
	s.end(w)
	if w.err == nil && s.cancelled.Load() {
		return ErrCancelled
	}
	return w.err
}

// Cancel makes Run stop soon.
func (s *Snapshot) Cancel() {
	s.cancelled.Store(true)
	s.nudge()
}

// Keys returns the number of keys at the cut, and how many of them are written out.
func (s *Snapshot) Keys() (total, done int64) { return s.keys, s.done.Load() }

// Sizes returns how many keys each database had at the cut; AvgTTL is not filled in.
func (s *Snapshot) Sizes() []Contents { return s.sizes }

// Held returns the bytes copied by writers: held now, at most, and in all.
func (s *Snapshot) Held() (now, peak, total int64) {
	return s.held.Load(), s.peak.Load(), s.copied.Load()
}

func (w *walker) stopped() bool { return w.err != nil || w.s.cancelled.Load() }

// walk goes through what is left of all shards, slice by slice, until stopped says so.
func (w *walker) walk(stopped func() bool) {
	for i := range w.s.ks.shards {
		for more := true; more; {
			if stopped() {
				return
			}
			began := w.elapsed()
			w.resumed = began
			more = w.slice(&w.s.ks.shards[i])
			worked := w.elapsed() - max(began, w.resumed)
			w.serve()
			if w.s.pace != nil {
				w.rest(w.s.pace(worked))
			}
		}
	}
	w.whole = true
}

// slice copies the next buckets of a shard and hands them out. It returns false when the shard is
// done.
func (w *walker) slice(sh *shard) (more bool) {
	sh.mu.Lock()
	for b := 0; b < sliceBuckets && sh.snap != nil; b++ {
		if !w.advance(sh) {
			break
		}
	}
	more = sh.snap != nil
	sh.mu.Unlock()
	w.flush()
	return more
}

// advance takes the walk of a shard one bucket further, past the end of a table, or out of the
// shard. It returns false when the slice is over.
func (w *walker) advance(sh *shard) bool {
	st := sh.snap
	switch {
	case len(st.parts) == 0:
		st.pushHand()
		sh.snap = nil
	case st.cursor == st.end:
		sh.finish()
	case !w.bucket(sh, st.parts[0], st.cursor):
		return false
	default:
		st.cursor++
	}
	return true
}

// bucket copies the unsaved entries of a bucket. It returns false when the slice is over before all
// of them are: it has become long, or a large value was among them and has been written out, with
// the lock dropped meanwhile.
func (w *walker) bucket(sh *shard, d *database, b int) (all bool) {
	epoch, quiet := w.s.ks.epoch, sh.snap.quiet
	var large mem.Ref
	all = true
	d.table.Walk(b, func(_ slot, r mem.Ref) {
		e := sh.keyer.entry(r)
		switch {
		case e.epoch() == epoch:
		case quiet:
			e.setEpoch(epoch)
		case sh.mustWait(e):
			large, all = r, false
		case len(w.stage) >= sliceBytes:
			all = false
		default:
			w.stage = appendRecord(w.stage, sh, d.saveAs, e)
			e.setEpoch(epoch)
		}
	})
	if large != 0 {
		w.pinned(sh, d.saveAs, sh.keyer.entry(large))
	}
	return all
}

// pinned writes out a large value in place. It is called with the shard's lock, and drops it while
// writing.
func (w *walker) pinned(sh *shard, db int, e entry) {
	st := sh.snap
	l := e.layout()
	block, length := e.descriptor(l)
	e.setEpoch(w.s.ks.epoch)
	rec := Record{DB: db, Type: e.typ(), Key: append([]byte(nil), e.keyBytes(l)...),
		Shape: e.shape(), Value: sh.heap.Bytes(block, length), Deadline: e.deadline(l), Clock: e.clock()}
	st.pinned = block
	sh.mu.Unlock()
	w.emit(&rec)
	sh.mu.Lock()
	st.pinned = 0
	if st.orphaned {
		st.orphaned = false
		sh.heap.Free(block, mem.Values)
	}
}

// serve does what writers wait for.
func (w *walker) serve() {
	w.drain()
	w.hurried()
	if w.s.waiting.Load() {
		w.gather()
	}
}

// gather hands out what is in buffers that are not full, so that commands need not wait for it.
func (w *walker) gather() {
	for i := range w.s.ks.shards {
		sh := &w.s.ks.shards[i]
		sh.mu.Lock()
		if sh.snap != nil {
			sh.snap.pushHand()
		}
		sh.mu.Unlock()
	}
	w.drain()
}

// hurried writes out the large values that commands wait for.
func (w *walker) hurried() {
	w.s.mu.Lock()
	list := w.s.urgent
	w.s.urgent = nil
	w.s.mu.Unlock()
	for _, p := range list {
		p.sh.mu.Lock()
		if p.sh.snap != nil && p.d.unsaved {
			name := []byte(p.key)
			if at := p.d.table.Find(w.s.ks.hash.sum(name), name); at.Found() {
				if e := p.sh.keyer.entry(p.d.table.Ref(at)); !p.sh.saved(p.d, e) && p.sh.mustWait(e) {
					w.pinned(p.sh, p.d.saveAs, e)
				}
			}
		}
		p.sh.mu.Unlock()
	}
	if w.s.wanted.Swap(false) {
		w.s.resume()
	}
}

// flush hands out what the last slice copied.
func (w *walker) flush() { w.records(w.stage); w.stage = w.stage[:0] }

// drain hands out what writers have queued.
func (w *walker) drain() {
	for h, ok := w.s.pop(); ok; h, ok = w.s.pop() {
		w.records(h.b)
		w.s.release(h)
	}
}

// rest lets the machine have the time, but goes on doing what writers wait for. Cancel ends it.
func (w *walker) rest(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !w.stopped() {
		select {
		case <-w.s.work:
			w.serve()
		case <-timer.C:
			return
		}
	}
}

// pause rests in the middle of a value, when nothing else can be handed out. What a command waits
// for ends it, and Cancel.
func (w *walker) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !w.stopped() && !w.s.waiting.Load() {
		select {
		case <-w.s.work:
		case <-timer.C:
			return
		}
	}
}

// records hands out the records in b.
func (w *walker) records(b []byte) {
	for len(b) > 0 {
		size := int(binary.LittleEndian.Uint32(b))
		e := entry{unsafe.Pointer(&b[recordHead])}
		l := e.layout()
		w.rec = Record{DB: int(binary.LittleEndian.Uint32(b[4:])), Type: e.typ(), Key: e.keyBytes(l), Shape: e.shape(),
			Deadline: e.deadline(l), Clock: e.clock()}
		sh := &w.s.ks.shards[binary.LittleEndian.Uint32(b[8:])]
		b = b[recordHead+size:]
		switch e.encoding() {
		case encInt:
			w.rec.IsInt, w.rec.Int = true, e.integer(l)
		case encBig:
			w.big(sh, e.handle(l))
			continue
		case encBlock, encAltBlock:
			_, length := e.descriptor(l)
			w.rec.Value = b[:length]
			b = b[length:]
		default:
			w.rec.Value = e.valueRaw(l)
		}
		w.emit(&w.rec)
	}
}

func (w *walker) emit(r *Record) {
	w.s.done.Add(1)
	if w.err == nil && !w.s.cancelled.Load() {
		w.err = w.out(r)
	}
}

// leaveAll has writers hand over no more, and lets those go on that wait.
func (s *Snapshot) leaveAll(w *walker) {
	for i := range s.ks.shards {
		sh := &s.ks.shards[i]
		sh.mu.Lock()
		if sh.snap != nil {
			sh.snap.pushHand()
			sh.snap.quiet = true
		}
		sh.mu.Unlock()
	}
	w.drain()
	s.resume()
}

// end takes the snapshot out of the keyspace and gives its memory back.
func (s *Snapshot) end(w *walker) {
	for i := range s.ks.shards {
		sh := &s.ks.shards[i]
		sh.mu.Lock()
		if sh.snap != nil {
			for len(sh.snap.parts) > 0 {
				sh.finish()
			}
			sh.snap = nil
		}
		sh.mu.Unlock()
	}
	if w.whole {
		s.ks.unended.Store(0)
	}
	if err := s.ks.keepRegion(s.region); w.err == nil {
		w.err = err
	}
	s.ks.snap.Store(nil)
	s.resume()
}
