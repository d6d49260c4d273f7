// RDB files: writing one from a snapshot.
//
// The records of the snapshot are encoded into a buffer that goes to a temporary file when it is
// full. What is written is sent to the disk and dropped from the page cache as the file grows, so
// that a save neither floods the disk at its end nor pushes out other programs' pages. Only a file
// that is complete and synced takes the place of the old one.

package persist

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
)

const (
	outBytes   = 256 << 10 // of the buffer before the file
	largeBytes = 64 << 10  // values from this size on are encoded in pieces
	delaySlice = 10 * time.Millisecond

	// longestRest bounds how late the walk notices that it is cancelled, or that writers wait.
	longestRest = 20 * time.Millisecond
)

// jobKind says what a job writes.
type jobKind uint8

const (
	jobSave    jobKind = iota // the RDB file
	jobRewrite                // a base of the log
	jobBackup                 // a backup
)

// job is a save, a rewrite or a backup under way.
type job struct {
	kind      jobKind
	unasked   bool               // the disk has not said before the cut whether there is room
	begin     func()             // of a rewrite: makes its cut, for who has stopped the world and waits
	snapshot  *keyspace.Snapshot // nil until the cut; of a save in the background, guarded by Store.mu until then
	began     time.Duration      // monotonic
	dirty     int64              // keyspace.Dirty at the cut
	cancelled atomic.Bool
	hurried   atomic.Bool // somebody stands still until it ends
	done      chan struct{}
}

// Save writes the RDB file before it returns. The world is stopped. Errors: ErrInProgress, ErrSave.
func (p *Store) Save() error {
	err := p.saveNow()
	if err != ErrInProgress {
		p.saves.Add(1)
	}
	return err
}

// saveNow is Save for those whose saves are not counted. Errors: ErrInProgress, ErrSave.
func (p *Store) saveNow() error {
	p.awaitRewrite()
	if !p.claim(nil) {
		return ErrInProgress
	}
	defer p.release()
	j := p.newJob()
	c := p.o.Config.Current()
	err := p.roomFor(&p.rdbSize, c, c.RDBCompression)
	if err == nil {
		err = p.cut(p.tx, j, nil, nil)
	}
	if err == nil {
		err = p.write(j, false)
	}
	if err != nil {
		p.o.Log.Warning("%s", saveText(err))
		return ErrSave
	}
	p.mu.Lock()
	p.succeeded(j.dirty)
	p.mu.Unlock()
	p.judge()
	return nil
}

// BGSave starts a save in the background, or with schedule, makes Cron start it when a rewrite of the
// log or a backup has ended, or another server of the host its save. The world is stopped. Errors: ErrInProgress, ErrActive; those of the system.
func (p *Store) BGSave(tx *keyspace.Tx, schedule bool) (scheduled bool, err error) {
	j := p.running()
	switch {
	case j == nil || j.kind == jobSave:
		err = p.start(tx, "")
		var held *heldError
		switch {
		case !errors.As(err, &held):
			return false, err
		case schedule:
			return true, p.Schedule()
		}
		return false, held.refusal()
	case schedule:
		return true, p.Schedule()
	}
	return false, ErrActive
}

// awaitRewrite returns when no rewrite of the log is under way: there is one snapshot at a time. It
// hurries up. The world is stopped, and no shard is locked.
func (p *Store) awaitRewrite() {
	if j := p.running(); j != nil && j.kind == jobRewrite {
		j.hurried.Store(true)
		j.begin()
		<-j.done
	}
}

// Schedule makes Cron start a save in the background. Errors: ErrInProgress.
func (p *Store) Schedule() error {
	if p.Saving() {
		return ErrInProgress
	}
	p.mu.Lock()
	p.scheduled = true
	p.mu.Unlock()
	return nil
}

// start cuts now and writes on a goroutine. The log is told why, when that is not "". Errors: ErrInProgress,
// *heldError; those of the system.
func (p *Store) start(tx *keyspace.Tx, why string) error {
	j := p.newJob()
	if err := p.enter(j, "BGSAVE", ErrInProgress); err != nil {
		return err
	}
	if why != "" {
		p.o.Log.Notice("%s", why)
	}
	p.saves.Add(1)
	p.mu.Lock()
	p.lastTry = p.o.Clock.Millis() / 1000
	p.mu.Unlock()
	c := p.o.Config.Current()
	told, err := p.roomSoon(&p.rdbSize, c, c.RDBCompression)
	j.unasked = !told
	if err == nil {
		err = p.cut(tx, j, p.pace, nil)
	}
	if err != nil {
		p.o.Log.Warning("Can't save in background: %s", err)
		p.mu.Lock()
		p.failed = true
		p.mu.Unlock()
		p.release()
		close(j.done)
		p.judge()
		return err
	}
	p.o.Log.Notice("Background saving started by pid %d", p.o.Pid)
	go func() {
		p.ended(j, p.write(j, true))
		close(j.done)
	}()
	return nil
}

// enter makes j the only job, of this server and, with save-lock-file, of the host. Errors: busy, *heldError.
func (p *Store) enter(j *job, what string, busy error) error {
	if !p.claim(j) {
		return busy
	}
	err := p.lockHost(what)
	if err != nil {
		p.release()
		close(j.done)
	}
	return err
}

func (p *Store) newJob() *job { return &job{done: make(chan struct{}), began: p.mono()} }

// cut begins the snapshot of a job and takes the time that everybody stood still. at is called with
// all shards locked, if it is not nil.
func (p *Store) cut(tx *keyspace.Tx, j *job, pace func(time.Duration) time.Duration, at func()) error {
	before := p.mono()
	s, err := tx.Begin(keyspace.SnapshotOptions{
		Limit: p.o.Config.Current().SnapshotBufferLimit, Resume: p.o.Resume, Pace: pace,
		AtCut: func() {
			j.dirty = p.o.Keyspace.Dirty()
			if at != nil {
				at()
			}
		},
	})
	if err != nil {
		return fmt.Errorf("cut the keyspace: %w", err)
	}
	took := p.mono() - before
	p.cutMicros.Store(took.Microseconds())
	p.cuts.Add(1)
	p.o.Latency.Observe("fork", took.Milliseconds())
	p.mu.Lock()
	j.snapshot = s
	p.mu.Unlock()
	if j.cancelled.Load() { // between the claim and the cut
		s.Cancel()
	}
	return nil
}

func (p *Store) mono() time.Duration { return time.Duration(p.o.Clock.Mono()) }

// pace says how long the walk rests after having worked: snapshot-walker-duty percent of one
// processor is its share, all of it at 100.
func (p *Store) pace(worked time.Duration) time.Duration {
	duty := p.o.Config.Current().SnapshotWalkerDuty
	if duty >= 100 || duty <= 0 {
		return 0
	}
	return min(worked*time.Duration(100-duty)/time.Duration(duty), longestRest)
}

// ended takes note of how a save in the background ended. All that is told of it changes at once,
// so that who sees that it is over sees how.
func (p *Store) ended(j *job, err error) {
	switch {
	case err == nil:
		p.o.Log.Notice("Background saving terminated with success")
	case isCancelled(err):
		p.o.Log.Warning("Background saving terminated by request")
	default:
		p.o.Log.Warning("%s", saveText(err))
		p.o.Log.Warning("Background saving error")
	}
	_, peak, _ := j.snapshot.Held()
	p.mu.Lock()
	p.free()
	p.lastSecs = int64((p.mono() - j.began) / time.Second)
	p.lastHeld = peak
	if err == nil {
		p.succeeded(j.dirty)
	} else if !isCancelled(err) {
		p.failed = true
	}
	p.judgeHeld()
	p.mu.Unlock()
	p.letSync()
}

// succeeded takes note of a file put in place that holds the first dirty changes. mu is held.
func (p *Store) succeeded(dirty int64) {
	p.saved.Store(max(p.saved.Load(), dirty)) // FLUSHALL may have saved later changes meanwhile
	p.lastSave.Store(p.o.Clock.Millis() / 1000)
	p.failed = false
}

// Abort makes a save in the background end soon, without a file. It does not wait. A backup goes on: what is
// about to be flushed may be just what somebody will want back.
func (p *Store) Abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := p.job
	if j == nil || j.kind != jobSave || j.cancelled.Swap(true) {
		return
	}
	p.o.Log.Notice("There is a child saving an .rdb. Killing it!")
	if j.snapshot != nil {
		j.snapshot.Cancel()
	}
}

// Wait returns when no save, no rewrite and no backup is under way. The world is stopped, and no shard is locked.
func (p *Store) Wait() {
	p.awaitRewrite()
	if j := p.running(); j != nil {
		<-j.done
	}
}

// FlushedAll saves the empty keyspace after FLUSHALL, when there are save points. Shards may be
// locked: nothing of them is read.
func (p *Store) FlushedAll() error {
	w := p.newFile(false)
	if len(w.cfg.Save) == 0 {
		return nil
	}
	dirty := p.o.Keyspace.Dirty()
	err := w.create()
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		w.file.abandon()
		p.o.Log.Warning("%s", saveText(err))
		return ErrSave
	}
	p.o.Log.Notice("DB saved on disk")
	p.saveLosses.Store(0)
	p.mu.Lock()
	p.succeeded(dirty)
	p.mu.Unlock()
	p.judge()
	return nil
}

// newFile returns the writer of the next RDB file. A save in the background has a temporary file of
// its own: FLUSHALL may save beside it.
func (p *Store) newFile(background bool) *rdbWriter {
	c := p.o.Config.Current()
	mark := ""
	if background {
		mark = "bg-"
	}
	return &rdbWriter{
		store: p, cfg: c, cancelled: func() bool { return false },
		file: tempFile{files: p.o.Files, name: filepath.Join(c.Dir, "temp-"+mark+strconv.Itoa(p.o.Pid)+".rdb"), gradual: c.RDBSaveIncrementalFsync,
			spare: p.sparing(c)},
	}
}

// write runs the snapshot of a job into the RDB file.
func (p *Store) write(j *job, background bool) error {
	w := p.newFile(background)
	w.cancelled = j.cancelled.Load
	create := func() error {
		if j.unasked {
			if err := p.roomFor(&p.rdbSize, w.cfg, w.cfg.RDBCompression); err != nil {
				return err
			}
		}
		return w.create()
	}
	if err := w.writeAll(j, create); err != nil {
		return err
	}
	p.o.Log.Notice("DB saved on disk")
	w.losses.report(p.o.Log, w.cfg.DBFilename, w.cfg.RDBVersion)
	p.saveLosses.Store(w.losses.keys)
	if background {
		_, peak, total := j.snapshot.Held()
		p.o.Log.Notice("Fork CoW for RDB: current %d MB, peak %d MB, average %d MB", total>>20, peak>>20, peak>>20)
	}
	return nil
}

// writeAll runs the snapshot of a job into the file, which create makes, and puts it in place.
func (w *rdbWriter) writeAll(j *job, create func() error) error {
	p := w.store
	err := create()
	// The snapshot is run even when there is no file, so that writers are let go.
	if err != nil {
		j.snapshot.Cancel()
	} else {
		w.sizes(j.snapshot.Sizes())
	}
	runErr := j.snapshot.Run(w.record, p.mono)
	if err == nil {
		err = runErr
	}
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		w.file.abandon()
		return err
	}
	p.noteSize(&p.rdbSize, w.file.written)
	return nil
}

// rdbWriter writes a file in RDB format.
type rdbWriter struct {
	store     *Store
	cfg       *config.Config
	base      bool // of a log
	cancelled func() bool
	file      tempFile
	out       *rdb.Writer
	enc       rdb.Encoder
	buf       []byte
	db        int
	keys      int64 // that were written
	losses    losses
}

// create opens the temporary file and writes the header.
func (w *rdbWriter) create() error {
	if err := w.file.create(); err != nil {
		return &openError{filepath.Base(w.file.name), w.cfg.Dir, err}
	}
	w.buf = make([]byte, 0, outBytes+rdb.MaxEntryBytes(1<<10, largeBytes))
	w.db = -1
	w.enc.Compress, w.enc.Version = w.cfg.RDBCompression, int(w.cfg.RDBVersion)
	w.out = rdb.NewWriter(&w.file, w.cfg.RDBChecksum)
	version := int(w.cfg.RDBVersion)
	if version == 0 {
		version = rdb.VersionFor(rdb.TypeString)
	}
	if err := w.out.Begin(version); err != nil {
		return err
	}
	o := &w.store.o
	base := "0"
	if w.base {
		base = "1"
	}
	for _, fact := range [][2]string{
		{"redis-ver", o.Version}, {"redis-bits", strconv.Itoa(strconv.IntSize)},
		{"ctime", strconv.FormatInt(o.Clock.Millis()/1000, 10)},
		{"used-mem", strconv.FormatInt(o.UsedMemory(), 10)}, {"aof-base", base},
	} {
		w.buf = w.enc.AppendAux(w.buf, fact[0], fact[1])
	}
	return nil
}

// sizes tells how much each database holds.
func (w *rdbWriter) sizes(of []keyspace.Contents) {
	for db, n := range of {
		if n.Keys > 0 {
			w.selectDB(db)
			w.buf = rdb.AppendResizeDB(w.buf, uint64(n.Keys), uint64(n.Expires))
		}
	}
}

func (w *rdbWriter) selectDB(db int) {
	if db != w.db {
		w.db = db
		w.buf = rdb.AppendSelectDB(w.buf, db)
	}
}

// record encodes one key.
func (w *rdbWriter) record(r *keyspace.Record) error {
	w.keys++
	w.selectDB(r.DB)
	if r.Deadline != keyspace.NoDeadline {
		w.buf = rdb.AppendExpireMs(w.buf, r.Deadline)
	}
	switch policy := w.cfg.MaxMemoryPolicy; {
	case policy.LFU():
		w.buf = rdb.AppendFreq(w.buf, w.store.o.Keyspace.Frequency(r.Clock, w.store.o.Clock.Millis()))
	case policy == config.AllKeysLRU || policy == config.VolatileLRU:
		w.buf = rdb.AppendIdle(w.buf, uint64(w.store.o.Keyspace.IdleSeconds(r.Clock, w.store.o.Clock.Millis())))
	}
	switch {
	case r.Type != keyspace.String:
		if err := w.collection(r); err != nil {
			return err
		}
		if w.enc.Lost != 0 && w.cfg.RDBVersion != 0 {
			w.losses.note(r, w.enc.Lost)
		}
		w.enc.Lost = 0
	case r.IsInt:
		w.buf = w.enc.AppendIntEntry(w.buf, r.Key, r.Int)
	case len(r.Value) < largeBytes:
		w.buf = w.enc.AppendStringEntry(w.buf, r.Key, r.Value)
	default:
		if err := w.large(r); err != nil {
			return err
		}
	}
	w.delay()
	if len(w.buf) < outBytes {
		return nil
	}
	return w.flush()
}

// collection writes a value that is no string, one of many blocks portion by portion.
func (w *rdbWriter) collection(r *keyspace.Record) error {
	var rest rdb.Collection
	w.buf, rest = object.AppendRecord(&w.enc, w.buf, r)
	if r.Shape != keyspace.InBig {
		return nil
	}
	for items, ok := r.Big.Next(); ok; items, ok = r.Big.Next() {
		if w.buf = rest.AppendItems(w.buf, items); len(w.buf) >= outBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
		if w.cancelled() {
			return keyspace.ErrCancelled
		}
	}
	return nil
}

// large writes a value piece by piece.
func (w *rdbWriter) large(r *keyspace.Record) error {
	var rest rdb.Pieces
	w.buf, rest = w.enc.BeginLarge(w.buf, r.Key, r.Value)
	for rest.More() {
		if w.buf = rest.AppendTo(w.buf); len(w.buf) >= outBytes {
			if err := w.flush(); err != nil {
				return err
			}
			if w.cancelled() {
				return keyspace.ErrCancelled
			}
		}
	}
	return nil
}

func (w *rdbWriter) flush() error {
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// delay is saveDelay.
func (w *rdbWriter) delay() { w.store.saveDelay(w.file.written, w.cancelled) }

// saveDelay sleeps as rdb-key-save-delay says, a test's means to make a save last. The directive may
// change meanwhile, and the save may be cancelled.
func (p *Store) saveDelay(written int64, cancelled func() bool) {
	micros := p.o.Config.Current().RDBKeySaveDelay
	if micros == 0 {
		return
	}
	if micros < 0 { // one microsecond in so many keys
		if written%-micros == 0 {
			time.Sleep(time.Microsecond)
		}
		return
	}
	for left := time.Duration(micros) * time.Microsecond; left > 0; left -= delaySlice {
		time.Sleep(min(left, delaySlice))
		if p.o.Config.Current().RDBKeySaveDelay != micros || cancelled() {
			return
		}
	}
}

// complete writes what is left of the file, and makes it durable.
func (w *rdbWriter) complete() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.out.End(); err != nil {
		return err
	}
	return w.file.finish()
}

func (w *rdbWriter) temp() *tempFile { return &w.file }

// finish completes the file and puts it in place, unless the save was cancelled meanwhile.
func (w *rdbWriter) finish() error {
	if err := w.complete(); err != nil {
		return err
	}
	if err := w.moveIntoPlace(); err != nil {
		return err
	}
	if err := w.store.o.Files.SyncDir(w.cfg.Dir); err != nil {
		return &stepError{"fsync of the directory", err}
	}
	return nil
}

// moveIntoPlace gives the file its name. One that was cancelled by FLUSHALL must not get it after
// the file that FLUSHALL saved.
func (w *rdbWriter) moveIntoPlace() error {
	w.store.place.Lock()
	defer w.store.place.Unlock()
	if w.cancelled() {
		return keyspace.ErrCancelled
	}
	name := filepath.Join(w.cfg.Dir, w.cfg.DBFilename)
	if err := w.store.keepSnapshot(name); err != nil {
		return err
	}
	if err := w.store.o.Files.Rename(w.file.name, name); err != nil {
		return &moveError{filepath.Base(w.file.name), w.cfg.DBFilename, w.cfg.Dir, err}
	}
	return nil
}
