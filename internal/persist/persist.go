// Store: one save at a time, and what others see of it.
//
// A Store runs at most one save, rewrite of the append-only log (aof.go) or backup (backup.go) at a time. A save in the background cuts the keyspace at once and
// writes on a goroutine of its own (rdbfile.go); save points and retries are looked at by Cron
// (schedule.go); load.go reads a file back. Other servers of the host may be kept from saving meanwhile (hostlock.go). The file in place is only ever replaced as a whole: by
// renaming a complete, synced temporary file over it.

// Package persist keeps the keyspace on disk: when it is saved, in which files, and how it comes
// back at start.
package persist

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/journal"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// Errors of SAVE, BGSAVE and DEBUG RELOAD.
const (
	ErrInProgress resp.Error = "ERR Background save already in progress"
	ErrSave       resp.Error = "ERR"
	ErrActive     resp.Error = "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
	ErrReload     resp.Error = "ERR Error trying to load the RDB dump, check server logs."

	errMisconf resp.Error = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
)

// Log is where a Store says what happens.
type Log interface {
	Notice(format string, args ...any)
	Warning(format string, args ...any)
}

// Options are what a Store works with.
type Options struct {
	Files      vfs.FS
	Config     *config.Store
	Keyspace   *keyspace.Keyspace
	Clock      clock.Clock
	Log        Log
	Latency    *info.LatencyMonitor
	UsedMemory func() int64
	Resume     func()           // commands that waited for a save may be tried again
	Refuse     func(resp.Error) // writes are to fail with this; "": no more
	Loading    func(bool)       // the data set is being loaded
	Version    string           // written into files as redis-ver
	Pid        int

	Journal *journal.Journal
	Durable func(end int64)           // the log is on the disk up to a position of the journal; nil: nobody waits
	Behind  func(bool)                // commands that write are to wait until the log has caught up; nil: none do
	Replay  func(alone bool) Replayer // runs the commands of a log; alone: the world is stopped
	Exit    func(code int)            // ends the process
	Alone   func(f func())            // runs f with the world stopped, called by who has not stopped it; nil: there is none

	// Verify reads a backup to its end, in the background, asking rest before each read. It returns how many
	// keys the file holds and what is wrong with it; err says why nothing can be told, rest's error at least.
	Verify func(path string, rest func() error) (keys int64, damage, err error)
}

// Store is the durable side of a keyspace.
type Store struct {
	o    Options
	tx   *keyspace.Tx // of saves in the foreground; used with the world stopped
	cron *keyspace.Tx // of Cron

	rewriting *keyspace.Tx // of rewrites of the log: there is one at a time

	place      sync.Mutex // held from the last look at whether a save is cancelled to its renaming; before mu
	backupLook sync.Mutex // held while the folder of backups is read; before mu

	mu        sync.Mutex // guards the fields below
	busy      bool       // a save is under way, in the foreground or the background
	job       *job       // the one in the background, of either kind, or nil
	scheduled bool       // BGSAVE SCHEDULE waits
	lastTry   int64      // Unix s of the latest start of a save in the background
	failed    bool       // the latest save in the background failed
	lastSecs  int64      // how long it took, -1: there was none
	lastHeld  int64      // bytes that writers handed over to it, at most

	lastSave  atomic.Int64 // Unix s
	saved     atomic.Int64 // keyspace.Dirty as of the latest good save
	saves     atomic.Int64
	cuts      atomic.Int64
	cutMicros atomic.Int64
	load      loadState
	partly    partlyState
	log       appendLog
	host      hostLock
	backups   backups
	patience  func() <-chan time.Time // ends when the disk need not be waited for any more: roomPatience
	rdbSize   sizeMemo
	baseSize  sizeMemo

	// Keys of the last file, and of the last base, that hold what the version asked for cannot express.
	saveLosses, baseLosses atomic.Int64
}

// New returns a Store that has neither saved nor loaded anything.
func New(o Options) *Store {
	if o.Durable == nil {
		o.Durable = func(int64) {}
	}
	if o.Behind == nil {
		o.Behind = func(bool) {}
	}
	if o.Alone == nil {
		o.Alone = func(f func()) { f() }
	}
	if o.Verify == nil {
		o.Verify = func(string, func() error) (int64, error, error) { return 0, nil, errNoChecker }
	}
	p := &Store{o: o, tx: o.Keyspace.NewTx(), lastSecs: -1}
	p.patience = func() <-chan time.Time { return time.After(roomPatience) }
	p.backups.lastSecs = -1
	p.log.lastSecs, p.log.second = -1, time.Second
	// Begin asks again if this is refused, and a save then says why it cannot start.
	_ = o.Keyspace.Prepare(o.Config.Current().SnapshotBufferLimit)
	p.lastSave.Store(o.Clock.Millis() / 1000)
	p.o.Config.Watch(func(_, _ *config.Config) error { p.judge(); return nil }, "save", "stop-writes-on-bgsave-error")
	p.o.Config.Watch(p.followSwitch, "appendonly")
	p.o.Config.Watch(p.checkLockFile, "save-lock-file")
	p.o.Config.Watch(func(_, _ *config.Config) error {
		if w := p.writer(); w != nil {
			w.followPolicy()
		}
		return nil
	}, "appendfsync", "no-appendfsync-on-rewrite")
	return p
}

// LastSave returns the Unix time of the last good save.
func (p *Store) LastSave() int64 { return p.lastSave.Load() }

// Changes returns the number of changes since the last good save.
func (p *Store) Changes() int64 { return p.o.Keyspace.Dirty() - p.saved.Load() }

// ResetStats zeroes the counters that CONFIG RESETSTAT does: how many cuts there were, and how long
// the latest took.
func (p *Store) ResetStats() {
	p.cuts.Store(0)
	p.cutMicros.Store(0)
}

// Saving tells whether a save is under way in the background.
func (p *Store) Saving() bool {
	j := p.running()
	return j != nil && j.kind == jobSave
}

// running returns the save, rewrite or backup under way in the background, or nil.
func (p *Store) running() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.job
}

// claim makes j the only save, unless there is one already. It is nil for a save in the foreground.
func (p *Store) claim(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return false
	}
	p.busy, p.job = true, j
	return true
}

// release lets another save begin.
func (p *Store) release() {
	p.mu.Lock()
	p.free()
	p.mu.Unlock()
	p.letSync()
}

// free is release for those who hold mu, and call letSync afterwards.
func (p *Store) free() {
	p.busy, p.job = false, nil
	p.unlockHost()
}

// letSync has the log synced again, if that was held back by what has ended.
func (p *Store) letSync() {
	if w := p.writer(); w != nil {
		token(w.dirty)
		token(w.nudge)
	}
}

// judge decides whether writes are refused because the last save failed, or the log cannot be written. mu is held throughout, so
// that the last decision is the one that stays.
func (p *Store) judge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judgeHeld()
}

// judgeHeld is judge for those who hold mu.
func (p *Store) judgeHeld() {
	c := p.o.Config.Current()
	if p.failed && c.StopWritesOnBgsaveError && len(c.Save) > 0 {
		p.o.Refuse(errMisconf)
	} else {
		p.o.Refuse(p.logRefusal())
	}
}

// isCancelled tells whether a save ended because it was told to.
func isCancelled(err error) bool { return errors.Is(err, keyspace.ErrCancelled) }
