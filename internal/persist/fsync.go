// Syncing: when what is written is on the disk.
//
// Under always the writer syncs what it has written before it takes more, and says how far that is:
// replies wait for it. What came meanwhile goes with the next sync. Under everysec a goroutine of its
// own syncs, a second after it last began, or at once when nothing was written for longer. A write beside
// it is the writer's goroutine's: if the disk makes it wait, nobody else does.
//
// A third goroutine watches how far behind the log is. Beyond the bound commands that write wait.
//
// A sync that fails is tried again every second, while writes are refused. What the system has kept of
// the bytes that it could not sync, nobody knows; so when syncs are good again, the log is rewritten.

package persist

import (
	"errors"
	"sync/atomic"
	"time"

	"tarn/internal/config"
)

const (
	// slowSync is how long a sync may last before a write beside it counts as delayed, and how old a
	// byte that is not on the disk may be before writes wait.
	slowSync = 2 * time.Second

	watchEvery = 20 * time.Millisecond
	calmLooks  = 50 // after which the watcher sleeps until it is stirred
)

// errGone says that a log is written no more.
var errGone = errors.New("the append-only file is closed")

// syncStats are figures of syncs.
type syncStats struct {
	count       atomic.Int64
	lastMicros  atomic.Int64
	lastEnded   atomic.Int64 // ns as mono has them
	worstMicros atomic.Int64
}

// lately returns how long the latest sync took; 0 when that is long ago, which says nothing any more.
func (s *syncStats) lately(now time.Duration) time.Duration {
	if int64(now)-s.lastEnded.Load() > int64(2*slowSync) {
		return 0
	}
	return time.Duration(s.lastMicros.Load()) * time.Microsecond
}

func (s *syncStats) note(took, now time.Duration) {
	s.lastEnded.Store(int64(now))
	micros := took.Microseconds()
	s.count.Add(1)
	s.lastMicros.Store(micros)
	if micros > s.worstMicros.Load() {
		s.worstMicros.Store(micros)
	}
}

// sync makes what is written durable, and takes note of how that ended. It does nothing when somebody else has done so while
// it waited for its turn. Errors: those of the disk; errGone when that ends the process.
func (w *logWriter) sync() error {
	w.syncing.Lock()
	w.mu.Lock()
	file, position := w.file, w.written
	if w.synced == position && w.syncErr == nil {
		w.mu.Unlock()
		w.syncing.Unlock()
		w.p.o.Durable(position) // perhaps before that somebody does
		return nil
	}
	began := max(w.p.mono(), 1)
	w.inflight, w.begun, w.began = w.begun, 0, began
	w.mu.Unlock()
	w.inSync.Store(true)
	err := file.Sync()
	w.inSync.Store(false)
	ended := w.p.mono()
	took := ended - began
	w.syncs.note(took, ended)
	w.mu.Lock()
	before := w.syncErr
	w.syncErr = err
	w.mu.Unlock()
	always := w.policy() == config.FsyncAlways
	switch { // before anybody hears of it
	case err != nil && always:
		w.p.o.Log.Warning("Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. Exiting...", systemText(err))
	case err != nil && before == nil:
		w.p.o.Log.Warning("Fail to fsync the AOF file: %s", systemText(err))
		w.p.judge()
	case err == nil && before != nil:
		w.p.solved()
	}
	w.mu.Lock()
	oldest := w.inflight
	w.inflight = 0
	if err == nil {
		w.synced = max(w.synced, position)
	} else {
		w.failures++
		w.wanted = 0 // whoever waits hears of it now; who asks later wants another try
		if oldest != 0 {
			w.begun = oldest
		}
	}
	w.moved.Broadcast()
	w.mu.Unlock()
	w.syncing.Unlock()
	switch {
	case err != nil && always:
		w.p.o.Exit(1)
		return errGone
	case err != nil:
		token(w.dirty) // writes are refused until one is good
	case before != nil:
		w.p.distrust()
	}
	if err == nil {
		if always {
			w.p.o.Latency.Observe("aof-fsync-always", took.Milliseconds())
		}
		w.p.o.Durable(position)
	}
	return err
}

// syncInLine is sync by the writer itself. It tells whether the writer goes on.
func (w *logWriter) syncInLine() bool {
	return w.sync() != errGone
}

// keepSynced is the goroutine that syncs every second, until the writer is stopped.
func (w *logWriter) keepSynced() {
	rested := make(chan struct{})
	close(rested)
	for {
		select {
		case <-w.dirty:
		case <-w.stop:
			return
		}
		select {
		case <-rested:
		case <-w.stop:
			return
		}
		if !w.syncDue() {
			continue
		}
		done := make(chan struct{})
		rested = done
		time.AfterFunc(w.p.log.second, func() { close(done) })
		if w.sync() == nil && !w.isSynced() {
			token(w.dirty)
		}
	}
}

// syncDue tells whether the log is to be synced now by keepSynced.
func (w *logWriter) syncDue() bool {
	policy, held := w.policy(), w.isHeld()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.synced != w.written && !held && (policy == config.FsyncEverySec || policy == config.FsyncNo && w.syncErr != nil)
}

// followPolicy makes the writer look at its policy again. Replies that wait under the old one are let go
// by a last sync.
func (w *logWriter) followPolicy() {
	w.mu.Lock()
	w.wanted = w.written
	w.mu.Unlock()
	token(w.nudge)
	token(w.dirty)
}

// watch is the goroutine that has commands wait when the log is too far behind.
func (w *logWriter) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for calm := 0; ; {
		if calm < calmLooks {
			select {
			case <-tick.C:
			case <-w.stop:
				w.setBehind(false)
				return
			}
		} else {
			tick.Stop()
			select {
			case <-w.stir:
			case <-w.stop:
				w.setBehind(false)
				return
			}
			tick.Reset(watchEvery)
			calm = 0
		}
		calm++
		if w.look() {
			calm = 0
		}
	}
}

// look decides whether commands that write must wait. It tells whether there is anything to look at.
func (w *logWriter) look() bool {
	bytes, oldest := w.unwritten()
	everySec := w.policy() == config.FsyncEverySec && !w.isHeld()
	age := max(w.age(), oldest)
	w.mu.Lock()
	limit := int64(behindBytes)
	if w.behind {
		limit /= 2
	}
	failing := w.writeErr != nil || w.syncErr != nil
	late := everySec && !w.unbound && age > slowSync
	pending := bytes > 0 || w.synced != w.written
	w.mu.Unlock()
	w.setBehind(!failing && (bytes > limit || late))
	return pending && (everySec || bytes > 0)
}

// unwritten returns how many bytes wait to be written, and for how long.
func (w *logWriter) unwritten() (bytes int64, age time.Duration) {
	bytes, oldest := w.reader.Lag()
	if oldest > 0 {
		age = time.Duration(w.p.o.Clock.Millis()-oldest) * time.Millisecond
	}
	return bytes + w.waiting.Load(), age
}

func (w *logWriter) setBehind(on bool) {
	w.mu.Lock()
	changed := w.behind != on
	w.behind = on
	w.mu.Unlock()
	if changed {
		w.p.o.Behind(on)
	}
}
