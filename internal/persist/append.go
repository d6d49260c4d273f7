// Appending: from the journal into the file.
//
// Units are taken from the journal, rendered as a redis-server would and written to the increment at hand:
// by the executor that has appended them, at the end of its turn, or, whenever that is expected to wait for the
// disk (a sync is under way, the last write was slow or failed), by a goroutine.
// At the position of a cut the file is changed for the next one, which whoever cut has put on the disk
// before: so base and increments join exactly. The old one is synced before the first byte goes into the
// new one; a power cut can then tear only the last increment that holds anything.
//
// A write that fails is tried again ten times a second; what was written of it is cut off first. Meanwhile
// commands that write are refused, and what others still append waits in the journal. Under the
// policy always there is nothing to be tried again: a client would wait, and the process ends.

package persist

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/journal"
	"tarn/internal/vfs"
)

const (
	appendBatch = 1 << 20 // bytes of units taken at once
	keptBuffer  = 4 << 20 // what the buffers may stay at

	// behindBytes is how much may wait to be written before commands that write must wait.
	behindBytes = 16 << 20

	// crowded is how soon after one batch another is that says that there will be more: then the
	// writer lets them gather for napping, which spares whoever appends the waking of it.
	crowded = 300 * time.Microsecond
	napping = 500 * time.Microsecond

	// Executors write in their turns while that is quick. A write, or under always a write and its sync, that takes
	// longer than slowTurn is followed by a second in which it is left to the goroutine, the next such one by two
	// seconds, up to mostShy. (A thread that does not get a processor is late by less.) Nor do they write more than
	// throughBytes, or while syncs take longer than slowDisk, or while more than floodRate bytes a second are written:
	// then the system makes some writes wait, and waking the goroutine costs little in comparison.
	slowTurn     = 5 * time.Millisecond
	slowDisk     = 50 * time.Millisecond
	mostShy      = 64 // seconds
	throughBytes = 256 << 10
	floodRate    = 32 << 20

	errorLogEvery = 30 * time.Second
)

// logWriter writes one log, from when it is switched on until it is switched off.
type logWriter struct {
	p      *Store
	reader *journal.Reader
	nudge  chan struct{} // something else than units is to be looked at
	dirty  chan struct{} // the syncer is to look
	stir   chan struct{} // the watcher is to look
	stop   chan struct{} // closed to end all three
	ended  sync.WaitGroup

	step sync.Mutex // held by who takes units and writes them, once; before syncing and mu

	// Guarded by step.
	units      []byte
	rendered   []byte        // what units are in the log
	out        []byte        // the rest of it, which is not written yet
	end        int64         // position after what is in out
	db         int           // of the last command in the file; -1: none yet
	second     int64         // of the last timestamp
	complained time.Duration // when the log was last told of an error
	shyFor     time.Duration // how long executors last left writing to the writer's goroutine
	flood      flood

	last time.Duration // when that last wrote, its own

	shy     atomic.Int64 // until when executors do so, ns as mono has them
	inTurn  atomic.Bool  // step is held by an executor, for as long as a quick write takes
	waiting atomic.Int64 // bytes rendered and not written
	delayed atomic.Int64 // writes while a sync had been running for too long
	inSync  atomic.Bool
	syncs   syncStats

	syncing sync.Mutex // held while a file is synced or closed; before mu

	mu       sync.Mutex // guards what follows; before the journal's
	moved    *sync.Cond // written, synced or failures have changed
	file     vfs.File
	size     int64 // of file, bytes
	turns    []turn
	written  int64         // position: units before it are in files
	synced   int64         // position: units before it are on the disk
	wanted   int64         // position up to which somebody waits for a sync
	covered  int64         // position of the cut of the base on the disk: what is before it needs no increment
	begun    time.Duration // when the oldest byte was written that no sync covers; 0: there is none
	inflight time.Duration // when the oldest byte was written that the sync under way covers
	began    time.Duration // of the sync under way
	unbound  bool          // the log is not yet complete: it need not keep up
	failures int64
	writeErr error // of the latest write; nil: it was good
	syncErr  error // of the latest sync
	behind   bool
	gone     bool // nothing will be written any more
}

// turn is a change of file that is to come.
type turn struct {
	at   int64 // position from which on file is written
	file vfs.File
	size int64
}

// newLogWriter returns the writer of what reader reads, into file, whose size is given.
func (p *Store) newLogWriter(reader *journal.Reader, position int64, file vfs.File, size int64) *logWriter {
	w := &logWriter{
		p: p, reader: reader, file: file, size: size, db: -1, end: position, written: position, synced: position,
		nudge: make(chan struct{}, 1), dirty: make(chan struct{}, 1), stir: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	w.moved = sync.NewCond(&w.mu)
	p.log.inFile.Store(position)
	return w
}

// start begins to write.
func (w *logWriter) start() {
	w.ended.Add(3)
	go func() { defer w.ended.Done(); w.run() }()
	go func() { defer w.ended.Done(); w.keepSynced() }()
	go func() { defer w.ended.Done(); w.watch() }()
}

func token(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// isHeld tells whether syncs are held back while a save or a rewrite runs.
func (w *logWriter) isHeld() bool {
	return w.p.o.Config.Current().NoAppendfsyncOnRewrite && w.p.running() != nil
}

func (w *logWriter) policy() config.AppendFsync { return w.p.o.Config.Current().AppendFsync }

// run writes until the writer is stopped or cannot go on.
func (w *logWriter) run() {
	defer func() {
		w.mu.Lock()
		w.gone = true
		w.moved.Broadcast()
		w.mu.Unlock()
	}()
	for {
		switch bytes, err := w.advance(); {
		case err == errGone:
			return
		case err != nil:
			if !w.pause() {
				return
			}
		case bytes > 0:
			w.nap(bytes)
		case w.turnDue():
		case !w.rest():
			return
		}
	}
}

// advance does the next thing that is to be done with the file: it writes units, and says how many bytes of them, or changes
// the file. Errors: errGone when the writer does not go on; those of the disk, after which this is to be tried again. It does
// not wait for that itself: an executor may be about to lock step, and would wait as long.
func (w *logWriter) advance() (bytes int, err error) {
	w.step.Lock()
	defer w.step.Unlock()
	switch {
	case len(w.out) > 0: // what could not be written
	case w.take():
		w.render()
	case w.turnDue():
		return 0, w.changeFile()
	default:
		return 0, nil
	}
	return max(len(w.units), 1), w.write()
}

// writeThrough writes what the journal holds, in the turn of an executor, and under always syncs it, if neither is
// expected to wait for long: then nobody has to be woken. It reports false when the writer's goroutine is to be woken
// instead.
func (w *logWriter) writeThrough() bool {
	if !w.isQuick() {
		return false
	}
	defer w.step.Unlock()
	began, backlog := w.p.mono(), w.p.o.Journal.End()-w.end
	switch {
	case backlog == 0:
		return true
	case backlog > throughBytes || len(w.out) > 0 || w.flood.isHigh(began) || !w.isWell() || !w.take():
		return false // it may have come to an end, or failed, since isQuick
	}
	w.inTurn.Store(true)
	defer w.inTurn.Store(false)
	w.render()
	if err := w.writeOnce(); err != nil {
		w.p.writeFailed(w, err) // the rest is the goroutine's
		return false
	}
	done := w.settle()
	switch ended := w.p.mono(); {
	case ended-began > slowTurn:
		w.shyFor = min(max(2*w.shyFor, w.p.log.second), mostShy*w.p.log.second)
		w.shy.Store(int64(ended + w.shyFor))
	case w.shyFor > 0 && int64(ended)-w.shy.Load() > 2*int64(w.shyFor):
		w.shyFor = 0
	}
	return done && w.end == w.p.o.Journal.End()
}

// isQuick tells whether an executor is to write in its turn; then it has locked step.
func (w *logWriter) isQuick() bool {
	c, now := w.p.o.Config.Current(), w.p.mono()
	always := c.AppendFsync == config.FsyncAlways
	lately := w.syncs.lately(now)
	if int64(now) < w.shy.Load() || lately > slowDisk || w.inSync.Load() && !always || w.p.log.flushSleep.Load() > 0 || !w.isWell() {
		return false
	}
	// Of a sync under way, several executors share the next, which is the goroutine's. A single one waits, and does it: the
	// goroutine, once woken, would otherwise go on for ever, since during its sync every turn is left to it.
	if mayWait := w.inTurn.Load(); mayWait && !always || always && c.IOThreads <= 1 && lately < slowTurn {
		w.step.Lock()
		return true
	}
	return w.step.TryLock()
}

// flood is how much has been written of late: a level that what is written raises, and that sinks by floodRate a second.
type flood struct {
	level int64         // bytes
	at    time.Duration // when it was that
}

func (f *flood) add(n int64) { f.level = min(f.level+n, 2*floodRate) }

// isHigh tells whether it is higher than what sinks in a second.
func (f *flood) isHigh(now time.Duration) bool {
	sunk := int64(float64(now-f.at) / float64(time.Second) * floodRate)
	f.level, f.at = max(f.level-sunk, 0), now
	return f.level > floodRate
}

// take gets units from the journal. A turn is always known before the units behind it are appended:
// both happen with all shards locked, or before and after; so mu is held from asking for turns on.
func (w *logWriter) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	until := int64(-1)
	if len(w.turns) > 0 {
		until = w.turns[0].at
	}
	if cap(w.units) > keptBuffer {
		w.units = nil
	}
	w.units, w.end = w.reader.Next(w.units[:0], appendBatch, until)
	return len(w.units) > 0
}

// turnAt registers a change of file; the caller has locked all shards, or does not care where it is.
func (w *logWriter) turnAt(t turn) {
	w.mu.Lock()
	w.turns = append(w.turns, t)
	w.mu.Unlock()
	token(w.nudge)
}

func (w *logWriter) turnDue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.turns) > 0
}

// render makes out what units are in the log.
func (w *logWriter) render() {
	if cap(w.rendered) > keptBuffer {
		w.rendered = nil
	}
	stamps := w.p.o.Config.Current().AOFTimestampEnabled
	out := w.rendered[:0]
	for it := journal.Parse(w.units); it.Next(); {
		if second := it.Ms / 1000; stamps && second > w.second {
			w.second = second
			out = aof.AppendTimestamp(out, second)
		}
		if it.Ops > 1 {
			out = append(out, aof.Multi...)
		}
		for it.NextOp() {
			if it.DB != w.db {
				w.db = it.DB
				out = aof.AppendSelect(out, it.DB)
			}
			out = append(out, it.Resp...)
		}
		if it.Ops > 1 {
			out = append(out, aof.Exec...)
		}
	}
	w.rendered, w.out = out, out
	w.waiting.Store(int64(len(out)))
	token(w.stir)
}

// write puts out into the file, unless a base has come to hold it. Errors as advance has them.
func (w *logWriter) write() error {
	if w.isCovered(w.end) {
		w.out = w.out[:0]
	} else if err := w.writeOnce(); err != nil {
		if !w.p.writeFailed(w, err) {
			return errGone
		}
		return err
	}
	if !w.settle() {
		return errGone
	}
	return nil
}

// isWell tells whether the writer is at work, and has not just failed.
func (w *logWriter) isWell() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.gone && w.writeErr == nil
}

// settle takes note that all that was taken is in the file, and does what the policy asks for then. It tells whether the
// writer goes on.
func (w *logWriter) settle() bool {
	w.waiting.Store(0)
	w.mu.Lock()
	solved := w.writeErr != nil
	w.writeErr = nil
	w.mu.Unlock()
	if solved {
		w.p.solved()
	}
	w.p.log.inFile.Store(w.end)
	w.mu.Lock()
	w.written = w.end
	w.moved.Broadcast()
	w.mu.Unlock()
	switch {
	case w.policy() != config.FsyncAlways:
		token(w.dirty)
	case w.isHeld():
		w.p.o.Durable(w.end) // as no-appendfsync-on-rewrite has it: it is written, and that is all
	default:
		return w.syncInLine()
	}
	return true
}

// writeOnce tries to write out, which is then what is left of it. Of a write that fails it cuts off what got into
// the file; if that fails too, the rest must follow it.
func (w *logWriter) writeOnce() error {
	if micros := w.p.log.flushSleep.Load(); micros > 0 {
		time.Sleep(time.Duration(micros) * time.Microsecond)
	}
	began := w.p.mono()
	w.mu.Lock()
	file, size := w.file, w.size
	if w.begun == 0 {
		w.begun = max(began, 1)
	}
	slow := w.inflight != 0 && began-w.began > slowSync
	w.mu.Unlock()
	if slow {
		w.delayed.Add(1)
		w.p.o.Log.Notice("Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis.")
	}
	written, err := file.Write(w.out)
	w.observeWrite(w.p.mono() - began)
	if err != nil {
		loud := w.mayComplain()
		switch {
		case written == 0:
			if loud {
				w.p.o.Log.Warning("Error writing to the AOF file: %s", systemText(err))
			}
		case loud:
			w.p.o.Log.Warning("Short write while writing to the AOF file: (nwritten=%d, expected=%d)", written, len(w.out))
		}
		if written > 0 {
			err = syscall.ENOSPC // as a redis-server says of any write cut short
			if cut := file.Truncate(size); cut == nil {
				written = 0
			} else if loud {
				w.p.o.Log.Warning("Could not remove short write from the append-only file.  Redis may refuse to load the AOF the next time it starts.  ftruncate: %s", systemText(cut))
			}
		}
	}
	w.out = w.out[written:]
	w.waiting.Store(int64(len(w.out)))
	w.flood.add(int64(written))
	w.mu.Lock()
	w.size += int64(written)
	w.mu.Unlock()
	w.p.log.size.Add(int64(written))
	return err
}

// observeWrite tells the latency monitor of a write, under the names that Redis has.
func (w *logWriter) observeWrite(took time.Duration) {
	l := w.p.o.Latency
	l.Observe("aof-write", took.Milliseconds())
	switch {
	case w.inSync.Load():
		l.Observe("aof-write-pending-fsync", took.Milliseconds())
	case w.p.running() != nil:
		l.Observe("aof-write-active-child", took.Milliseconds())
	default:
		l.Observe("aof-write-alone", took.Milliseconds())
	}
}

// mayComplain tells whether the log is to be told of an error: not more often than twice a minute.
func (w *logWriter) mayComplain() bool {
	now := w.p.mono()
	if w.complained != 0 && now-w.complained <= errorLogEvery {
		return false
	}
	w.complained = max(now, 1)
	return true
}

// writeFailed takes note of a write that failed. It tells whether it is to be tried again.
func (p *Store) writeFailed(w *logWriter, err error) bool {
	if w.policy() == config.FsyncAlways {
		p.o.Log.Warning("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
		p.o.Exit(1)
		return false
	}
	w.mu.Lock()
	w.writeErr = err
	w.mu.Unlock()
	p.judge() // before anybody hears of it
	w.mu.Lock()
	w.failures++
	w.moved.Broadcast()
	w.mu.Unlock()
	return true
}

// pause waits before another try: a tenth of a second, or until somebody is in a hurry. It tells whether the writer goes on.
func (w *logWriter) pause() bool {
	t := time.NewTimer(w.p.log.second / 10)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.nudge:
	case <-w.stop:
		return false
	}
	return true
}

// isCovered tells whether a base on the disk holds all units before a position.
func (w *logWriter) isCovered(position int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.covered >= position
}

// cover says that a base on the disk holds all units before a position.
func (w *logWriter) cover(position int64) {
	w.mu.Lock()
	w.covered = position
	w.mu.Unlock()
	token(w.nudge)
}

// changeFile takes the next turn: all units before it are written. Errors as advance has them.
func (w *logWriter) changeFile() error {
	if !w.isCovered(w.end) && !w.isSynced() {
		if err := w.sync(); err != nil {
			return err
		}
	}
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.mu.Lock()
	failing := w.syncErr != nil
	w.syncErr = nil // a base holds what could not be synced
	w.mu.Unlock()
	if failing {
		w.p.solved()
	}
	w.mu.Lock()
	old, t := w.file, w.turns[0]
	w.turns = w.turns[1:]
	w.file, w.size = t.file, t.size
	w.synced = w.written
	w.begun = 0
	w.moved.Broadcast()
	w.mu.Unlock()
	w.db = -1
	_ = old.Close() // it is synced, or needed no more
	w.p.o.Durable(w.end)
	return nil
}

func (w *logWriter) isSynced() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.synced == w.written
}

// measure takes the size of the file from the disk.
func (w *logWriter) measure() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st, err := w.file.Stat(); err == nil {
		w.size = st.Size()
	}
}

// nap lets units gather when there are many. Nobody waits for them then.
func (w *logWriter) nap(bytes int) {
	now := w.p.mono()
	soon := now-w.last < crowded
	w.last = now
	if !soon || bytes > appendBatch/2 || w.policy() == config.FsyncAlways {
		return
	}
	time.Sleep(napping)
	w.last = w.p.mono()
}

// rest waits until there is something to do. It tells whether the writer goes on.
func (w *logWriter) rest() bool {
	always := w.policy() == config.FsyncAlways && !w.isHeld()
	w.mu.Lock()
	lacking := w.synced < w.written && (w.wanted > w.synced || always)
	w.mu.Unlock()
	if lacking {
		return w.syncInLine()
	}
	select {
	case <-w.reader.Ready():
	case <-w.nudge:
	case <-w.stop:
		return false
	}
	return true
}

// flush returns when all units before a position are in the file, and with sync, on the disk. It does
// not wait for a disk that fails: the error is then that of a try made meanwhile.
func (w *logWriter) flush(position int64, sync bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	failures := w.failures
	for w.written < position || sync && w.synced < position {
		switch {
		case w.failures != failures && w.writeErr != nil:
			return w.writeErr
		case w.failures != failures && w.syncErr != nil:
			return w.syncErr
		case w.gone:
			return errGone
		}
		if sync {
			w.wanted = max(w.wanted, position) // again, after a sync that failed and one that was good but came too early
		}
		token(w.nudge)
		w.moved.Wait()
	}
	return nil
}

// close ends the writer, without writing what is not written yet.
func (w *logWriter) close() {
	close(w.stop)
	w.ended.Wait()
	w.step.Lock()
	defer w.step.Unlock()
	_ = w.file.Close()
	for _, t := range w.turns {
		_ = t.file.Close()
	}
	w.reader.Close()
}
