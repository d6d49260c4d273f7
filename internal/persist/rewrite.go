// Rewriting: a new base for the log, from a snapshot.
//
// A rewrite prepares on a goroutine, without any lock, for a disk can take its time: the increment for
// what comes after the cut is made, and a manifest that names it, both for good. Then it cuts, with the
// world stopped for an instant, and the writer turns to the new increment there. The base is written
// beside. Only when it is whole and has its name for good does a manifest take it in, and what it stands
// for becomes history. Until then the old files are the log, together with the new increment; whatever
// fails, they are whole.
//
// From the first moment on it is the save or rewrite under way, and excludes others. It can be cancelled
// at any time. Who has stopped the world and waits for its end cuts in its place: it could not.
//
// A rewrite that fails again and again is tried more and more seldom, so that it does not fill the
// folder with increments.

package persist

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// Errors of BGREWRITEAOF.
const (
	ErrRewriting   resp.Error = "ERR Background append only file rewriting already in progress"
	ErrCantRewrite resp.Error = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information."
)

// rewrite is what a rewrite of the log works with.
type rewrite struct {
	p     *Store
	c     *config.Config
	j     *job
	again bool // it had been scheduled

	prepared chan struct{} // closed when the disk is ready for the cut, or err says why it is not
	cutting  sync.Once
	begun    chan struct{} // closed when the cut has been made, or err says why not
	err      error         // written before prepared is closed, or where begun is

	state    logState // of the log
	incr     vfs.File // the increment from the cut on, until the writer has it
	position int64    // of the cut, in the journal
	w        *logWriter
	base     base
}

// BGRewrite starts a rewrite of the log, or schedules one if something is in its way. The world is
// stopped. Errors: ErrRewriting, ErrCantRewrite.
func (p *Store) BGRewrite(inTransaction bool) (scheduled bool, err error) {
	p.mu.Lock()
	j := p.job
	switch {
	case j != nil && j.kind == jobRewrite && !j.cancelled.Load():
		err = ErrRewriting
	case p.busy || inTransaction:
		p.log.scheduled, p.log.failures, scheduled = true, 0, true
	}
	p.mu.Unlock()
	if err != nil || scheduled {
		return scheduled, err
	}
	err = p.startRewrite("")
	var held *heldError
	switch {
	case errors.As(err, &held):
		p.mu.Lock()
		p.log.scheduled, p.log.failures = true, 0
		p.mu.Unlock()
		return true, nil
	case err != nil:
		return false, ErrCantRewrite
	}
	return false, nil
}

// startRewrite starts a rewrite, and waits for no disk. The log is told why, when that is not "", and what goes
// wrong. Errors: ErrInProgress, *heldError; others.
func (p *Store) startRewrite(why string) error {
	r := &rewrite{p: p, c: p.o.Config.Current(), j: p.newJob(), prepared: make(chan struct{}), begun: make(chan struct{})}
	r.j.kind, r.j.begin = jobRewrite, r.begin
	if err := p.enter(r.j, "BGREWRITEAOF", ErrInProgress); err != nil {
		return err
	}
	if why != "" {
		p.o.Log.Notice("%s", why)
	}
	err := r.mayBegin()
	p.mu.Lock()
	r.again = p.log.scheduled
	if err == nil {
		p.log.scheduled = false
	} else {
		p.log.failed = true
	}
	p.mu.Unlock()
	if err != nil {
		p.release()
		close(r.j.done)
		return err
	}
	go r.run()
	return nil
}

// mayBegin finds what forbids a rewrite and can be told without writing: a folder that is no folder,
// or that nothing can be made in.
func (r *rewrite) mayBegin() error {
	p, dir := r.p, logDir(r.c)
	p.mu.Lock()
	r.state = p.log.state
	m := p.log.manifest
	p.mu.Unlock()
	st, err := p.o.Files.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = p.o.Files.MayWrite(r.c.Dir)
	case err == nil && !st.IsDir():
		err = syscall.ENOTDIR
	case err == nil && r.state != logOff:
		if err = p.o.Files.MayWrite(dir); err != nil {
			name := aof.TempIncrName(r.c.AppendFilename)
			if r.state == logOn {
				_, next := m.WithIncr(r.c.AppendFilename)
				name = next.Name
			}
			p.o.Log.Warning("Can't open the append-only file %s: %s", name, systemText(err))
			return err
		}
	}
	if err != nil {
		p.o.Log.Warning("Can't open or create append-only dir %s: %s", r.c.AppendDirname, systemText(err))
	}
	return err
}

// run is the goroutine of a rewrite.
func (r *rewrite) run() {
	err := r.prepare()
	r.err = err
	close(r.prepared)
	if err == nil {
		go r.p.o.Alone(r.begin) // or somebody else, who has stopped the world already
		<-r.begun
		err = r.err
	}
	if err == nil {
		err = r.write()
	}
	if err == nil {
		err = r.install()
	}
	r.ended(err)
	close(r.j.done)
}

// prepare makes the folder, and the increment from the cut on.
func (r *rewrite) prepare() error {
	p := r.p
	if err := p.roomFor(&p.baseSize, r.c, r.c.AOFUseRDBPreamble && r.c.RDBCompression); err != nil {
		p.o.Log.Warning("Can't rewrite append only file in background: %s", err)
		return err
	}
	if err := p.makeLogDir(r.c); err != nil {
		return err
	}
	p.log.files.Lock()
	defer p.log.files.Unlock()
	if r.j.cancelled.Load() {
		return keyspace.ErrCancelled
	}
	p.mu.Lock()
	m := p.log.manifest
	p.mu.Unlock()
	var err error
	switch r.state {
	case logWaiting:
		name := aof.TempIncrName(r.c.AppendFilename)
		if r.incr, _, err = p.openIncr(r.c, name, true); err == nil {
			p.o.Log.Notice("Creating AOF incr file %s on background rewrite", name)
		}
	case logOn:
		var f aof.File
		m, f = m.WithIncr(r.c.AppendFilename)
		if r.incr, _, err = p.openIncr(r.c, f.Name, true); err != nil {
			return err
		}
		p.o.Log.Notice("Creating AOF incr file %s on background rewrite", f.Name)
		if err = p.syncLogDir(r.c); err == nil {
			err = p.putManifest(r.c, m)
		}
		if err != nil {
			r.withdraw(m, f, err)
			return err
		}
		p.adopt(m)
	}
	return err
}

// withdraw takes back an increment that could not be announced. One that the manifest in place names
// stays, empty, since a power cut may take that manifest back: the increment before it is written on,
// and the next rewrite makes both history.
func (r *rewrite) withdraw(m aof.Manifest, f aof.File, err error) {
	_ = r.incr.Close()
	r.incr = nil
	var loose *notDurable
	if errors.As(err, &loose) {
		r.p.adopt(m)
		return
	}
	_ = r.p.o.Files.Remove(logPath(r.c, f.Name))
}

// begin makes the cut, once the disk is ready for it, unless that has been tried. The world is stopped,
// and no shard is locked by the caller.
func (r *rewrite) begin() {
	<-r.prepared
	r.cutting.Do(func() {
		if r.err == nil {
			r.err = r.cut()
		}
		close(r.begun)
	})
}

// cut begins the snapshot, and has the writer turn to the new increment where it begins.
func (r *rewrite) cut() error {
	p := r.p
	if r.j.cancelled.Load() {
		return keyspace.ErrCancelled
	}
	if p.rewriting == nil {
		p.rewriting = p.o.Keyspace.NewTx()
	}
	p.log.rewrites.Add(1)
	if err := p.cut(p.rewriting, r.j, r.pace, r.turn); err != nil {
		p.o.Log.Warning("Can't rewrite append only file in background: fork: %s", systemText(err))
		return err
	}
	p.o.Log.Notice("Background append only file rewriting started by pid %d", p.o.Pid)
	return nil
}

// turn gives the writer the new increment, from here on. All shards are locked.
func (r *rewrite) turn() {
	p := r.p
	r.position = p.o.Journal.End()
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.writer()
	switch {
	case r.j.cancelled.Load(): // the log may be off
	case r.state == logWaiting:
		r.w = p.newLogWriter(p.o.Journal.Open(), r.position, r.incr, 0)
		r.w.unbound = true
		r.w.start()
		p.log.w.Store(r.w)
		r.incr = nil
	case r.state == logOn && w != nil:
		r.w = w
		w.turnAt(turn{at: r.position, file: r.incr})
		r.incr = nil
	}
}

// pace is that of saves, but not while somebody waits for the end.
func (r *rewrite) pace(worked time.Duration) time.Duration {
	if r.j.hurried.Load() {
		return 0
	}
	return r.p.pace(worked)
}

// write runs the snapshot into the temporary file of the base.
func (r *rewrite) write() error {
	p, s := r.p, r.j.snapshot
	r.base = p.newBase(r.c)
	switch b := r.base.(type) {
	case *rdbWriter:
		b.cancelled = r.j.cancelled.Load
	case *commandWriter:
		b.cancelled = r.j.cancelled.Load
	}
	err := r.base.create()
	// The snapshot is run even when there is no file, so that writers are let go.
	if err != nil {
		p.o.Log.Warning("Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): %s", systemText(err))
		s.Cancel()
	} else {
		r.base.sizes(s.Sizes())
	}
	runErr := s.Run(r.base.record, p.mono)
	if err == nil {
		if err = runErr; err == nil {
			err = r.base.complete()
		}
		if err != nil && !isCancelled(err) {
			p.o.Log.Warning("Write error writing append only file on disk: %s", systemText(err))
		}
	}
	if err != nil {
		return err
	}
	p.o.Log.Notice("Successfully created the temporary AOF base file %s", filepath.Base(r.base.temp().name))
	_, peak, total := s.Held()
	p.o.Log.Notice("Fork CoW for AOF rewrite: current %d MB, peak %d MB, average %d MB", total>>20, peak>>20, peak>>20)
	p.o.Log.Notice("Background AOF rewrite terminated with success")
	return nil
}

// install makes the base, and with it the increments from the cut on, the log.
func (r *rewrite) install() error {
	p, c := r.p, r.c
	p.log.files.Lock()
	defer p.log.files.Unlock()
	if r.j.cancelled.Load() {
		return keyspace.ErrCancelled
	}
	if err := p.keepLog(c); err != nil {
		return err
	}
	keep := 0
	if r.state == logOn {
		keep = 1
	}
	temp := r.base.temp()
	m, base := p.log.manifest.Rewritten(c.AppendFilename, c.AOFUseRDBPreamble, keep)
	began := p.mono()
	if err := p.o.Files.Rename(temp.name, logPath(c, base.Name)); err != nil {
		p.o.Log.Warning("Error trying to rename the temporary AOF base file %s into %s: %s", filepath.Base(temp.name), base.Name, systemText(err))
		return err
	}
	p.o.Latency.Observe("aof-rename", (p.mono() - began).Milliseconds())
	p.o.Log.Notice("Successfully renamed the temporary AOF base file %s into %s", filepath.Base(temp.name), base.Name)
	var err error
	made := []aof.File{base}
	if r.state == logWaiting {
		var incr aof.File
		m, incr = m.WithIncr(c.AppendFilename)
		if err = r.nameIncr(incr.Name); err == nil {
			made = append(made, incr)
		}
	}
	if err == nil {
		err = p.syncLogDir(c)
	}
	if err == nil {
		err = p.putManifest(c, m)
	}
	var loose *notDurable
	if err != nil && !errors.As(err, &loose) {
		for _, f := range made {
			_ = p.o.Files.Remove(logPath(c, f.Name))
		}
		return err
	}
	p.adopt(m)
	if err != nil {
		return err // what is history may yet be needed
	}
	r.account(temp.written)
	p.baseLosses.Store(0)
	if w, ok := r.base.(*rdbWriter); ok {
		w.losses.report(p.o.Log, base.Name, w.cfg.RDBVersion)
		p.baseLosses.Store(w.losses.keys)
	}
	_ = p.removeHistory(c) // logged, and tried again after the next rewrite
	return nil
}

// nameIncr gives the first increment of a log that was switched on its name.
func (r *rewrite) nameIncr(name string) error {
	temp := aof.TempIncrName(r.c.AppendFilename)
	began := r.p.mono()
	if err := r.p.o.Files.Rename(logPath(r.c, temp), logPath(r.c, name)); err != nil {
		r.p.o.Log.Warning("Error trying to rename the temporary AOF incr file %s into %s: %s", temp, name, systemText(err))
		return err
	}
	r.p.o.Latency.Observe("aof-rename", (r.p.mono() - began).Milliseconds())
	r.p.o.Log.Notice("Successfully renamed the temporary AOF incr file %s into %s", temp, name)
	return nil
}

// account sets the sizes that tell when to rewrite again, and lets the writer drop what the base holds.
func (r *rewrite) account(written int64) {
	p := r.p
	p.noteSize(&p.baseSize, written)
	size := written
	if r.w != nil {
		r.w.cover(r.position)
		r.w.mu.Lock()
		if len(r.w.turns) == 0 {
			size += r.w.size
		}
		r.w.mu.Unlock()
	}
	p.log.size.Store(size)
	p.mu.Lock()
	p.log.baseSize = size
	p.mu.Unlock()
}

// ended takes note of how a rewrite ended. All that is told of it changes at once, when nothing of it
// is left that could be in the way of the next.
func (r *rewrite) ended(err error) {
	p := r.p
	var loose *notDurable
	switch {
	case err == nil:
		p.o.Log.Notice("Background AOF rewrite finished successfully")
	case isCancelled(err):
		p.o.Log.Notice("Background AOF rewrite terminated by request")
	default:
		p.o.Log.Warning("Background AOF rewrite terminated with error")
	}
	placed := errors.As(err, &loose)
	if err != nil {
		r.clear(placed)
	}
	p.mu.Lock()
	log := &p.log
	if r.j.snapshot != nil {
		_, peak, _ := r.j.snapshot.Held()
		log.lastSecs, log.lastHeld = int64((p.mono()-r.j.began)/time.Second), peak
	}
	mine := log.state == r.state && p.writer() == r.w // it may have been switched off, and on again
	switch {
	case err == nil:
		log.failed, log.failures, log.distrusted = false, 0, false
	case isCancelled(err):
	default:
		log.failed = true
		log.failures++
		log.scheduled = log.scheduled || log.distrusted || r.again && r.j.snapshot == nil || mine && r.state == logWaiting
	}
	if mine && r.w != nil && (err == nil || placed) {
		log.state = logOn // when it only may be in place for good, a further rewrite makes sure
	}
	p.free()
	p.judgeHeld()
	p.mu.Unlock()
	if r.w != nil {
		r.w.mu.Lock()
		r.w.unbound = false
		r.w.mu.Unlock()
	}
	p.letSync()
}

// clear removes what a rewrite that failed has made and nobody needs. placed tells that a manifest that
// names its base is in place.
func (r *rewrite) clear(placed bool) {
	p := r.p
	if r.base != nil {
		r.base.temp().abandon()
	}
	waiting := r.state == logWaiting && !placed
	named := waiting && (r.w != nil || r.incr != nil) // the increment, temporarily
	var retired *logWriter
	p.mu.Lock()
	w := p.writer()
	switch {
	case waiting && r.w != nil && w == r.w:
		retired, r.w = r.w, nil
		p.log.w.Store(nil)
	case r.state == logOn && r.incr != nil && w != nil: // the manifest names the increment
		w.turnAt(turn{at: p.o.Journal.End(), file: r.incr})
		r.incr = nil
	}
	p.mu.Unlock()
	if retired != nil {
		p.retire(retired)
	}
	if r.incr != nil {
		_ = r.incr.Close()
	}
	if named {
		r.removeTempIncr()
	}
}

func (r *rewrite) removeTempIncr() {
	name := aof.TempIncrName(r.c.AppendFilename)
	r.p.o.Log.Notice("Removing the temp incr aof file %s in the background", name)
	_ = r.p.o.Files.Remove(logPath(r.c, name))
}

// cancel makes a rewrite end soon, without a base. mu is held.
func (p *Store) cancel(j *job) {
	if j.cancelled.Swap(true) {
		return
	}
	p.o.Log.Notice("Killing running AOF rewrite child: %d", p.o.Pid)
	if j.snapshot != nil {
		j.snapshot.Cancel()
	}
}

// Rewriting tells whether a rewrite is under way.
func (p *Store) Rewriting() bool {
	j := p.running()
	return j != nil && j.kind == jobRewrite
}

const (
	limitFrom      = 3  // failures in a row from which on rewrites are limited
	limitMostPause = 60 // minutes
)

// rewriteLimit keeps rewrites that fail apart.
type rewriteLimit struct {
	minutes int   // of the latest pause
	until   int64 // Unix s at which it ends; 0: none
}

// limited tells whether no rewrite is to start by itself now. mu is held.
func (p *Store) limited(now int64) bool {
	l := &p.log.limit
	switch {
	case p.log.failures < limitFrom:
		*l = rewriteLimit{}
		return false
	case l.until != 0 && now < l.until:
		return true
	case l.until != 0:
		l.until = 0
		return false
	}
	l.minutes = min(max(2*l.minutes, 1), limitMostPause)
	l.until = now + int64(l.minutes)*60
	p.o.Log.Warning("Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes", l.minutes)
	return true
}
