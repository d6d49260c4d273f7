// Shows how the log runs: what is said and refused when a write or a sync fails, that a slow sync makes
// nobody wait but writers, and these only when too much would be lost; that saves and rewrites keep out
// of each other's way; when a rewrite starts by itself, and when it no longer does.

package persist

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// bootedRig returns a rig that has started with the log on, over a disk with a gate.
func bootedRig(t *testing.T, directives ...string) (*rig, *gate) {
	t.Helper()
	var g *gate
	r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g })
	if err := r.boot(directives...); err != nil {
		t.Fatalf("%v: %q", err, r.log.take())
	}
	r.log.take()
	return r, g
}

// until waits until a condition that a callback of the Store brings about holds.
func (r *rig) until(holds func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !holds() {
		r.told.Wait()
	}
}

func TestAlwaysEndsTheProcess(t *testing.T) {
	for _, tc := range []struct {
		op   int64
		want []string
	}{
		{1, []string{"# Error writing to the AOF file: No space left on device", "# Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."}},
		{2, []string{"# Can't persist AOF for fsync error when the AOF fsync policy is 'always': No space left on device. Exiting..."}},
	} {
		r, _ := bootedRig(t, "appendfsync", "always")
		r.fault.Set(vfs.Fault{At: tc.op, Err: syscall.ENOSPC})
		if end := r.write(0, "k", "v"); r.awaitDurable(end) {
			t.Errorf("operation %d, %s, fails: the write is said to be durable", tc.op, r.fault.Op(tc.op))
		}
		r.wantLog(r.fault.Op(tc.op), tc.want...)
	}
}

func TestWriteErrors(t *testing.T) {
	for _, tc := range []struct {
		fault vfs.Fault
		want  string
	}{
		{vfs.Fault{At: 1, Err: syscall.ENOSPC, Stays: true}, "# Error writing to the AOF file: No space left on device"},
		{vfs.Fault{At: 1, Err: syscall.ENOSPC, Short: true, Stays: true}, "# Short write while writing to the AOF file: (nwritten=25, expected=51)"},
	} {
		r, _ := bootedRig(t, "appendfsync", "no")
		r.fault.Set(tc.fault)
		end := r.write(0, "k", "v1")
		if err := r.p.Flush(); err == nil {
			t.Errorf("%s: Flush does not say so", tc.want)
		}
		r.wantRefusal(tc.want, "MISCONF Errors writing to the AOF file: No space left on device")
		r.wantInfo(tc.want, "aof_last_write_status:err")
		if log := r.log.take(); len(log) == 0 || log[0] != tc.want || len(log) > 2 {
			t.Errorf("the log says %q, want %q first, and no more than what follows from it", log, tc.want)
		}
		r.fault.Set(vfs.Fault{})
		if err := r.mended(); err != nil {
			t.Errorf("%s: Flush, with the disk back: %v", tc.want, err)
		}
		r.until(func() bool { return r.durable >= end })
		r.wantRefusal(tc.want+", with the disk back", "")
		r.wantInfo(tc.want+", with the disk back", "aof_last_write_status:ok", "aof_buffer_length:0", "aof_unsynced_bytes:0")
		r.wantLog("the disk is back", "* AOF write error looks solved. The server can write again.")
		if got, err := booted(t, r.disk); err != nil || len(got) != 1 || got["0/k"] != "v1" {
			t.Errorf("%s: then %s (%v)", tc.want, got.brief(), err)
		}
	}
}

// TestSyncErrors shows that whoever asks for a sync after one that failed has it, and that without a policy that syncs,
// nobody has to ask: else writes would be refused for ever.
func TestSyncErrors(t *testing.T) {
	r, _ := bootedRig(t, "appendfsync", "no")
	for i := range 300 {
		end := r.write(0, "k", strconv.Itoa(i))
		if err := r.p.writer().flush(end, false); err != nil {
			t.Fatal(err)
		}
		r.fault.Set(vfs.Fault{At: 1, Err: syscall.EIO})
		_ = r.p.Flush() // tells of the failure, unless another sync was good meanwhile
		r.fault.Set(vfs.Fault{})
		if i%2 == 0 { // ask again at once
			if err := r.mended(); err != nil {
				t.Fatalf("Flush, with the disk back: %v", err)
			}
		}
		r.until(func() bool { return r.durable >= end })
		r.wantRefusal("the disk is back", "")
		r.wantInfo("the disk is back", "aof_last_write_status:ok", "aof_unsynced_bytes:0")
	}
	if failed := strings.Count(strings.Join(r.log.take(), "\n"), "# Fail to fsync the AOF file: Input/output error"); failed < 100 {
		t.Errorf("%d syncs failed, want most of 300", failed)
	}
}

// TestAlwaysAfterAFailure shows that the log is written on when appendfsync becomes always just after a sync has failed for
// which, as it was then, the process does not end.
func TestAlwaysAfterAFailure(t *testing.T) {
	for _, change := range []bool{false, true} {
		r, _ := bootedRig(t, "appendfsync", "no")
		refuse := r.p.o.Refuse
		r.p.o.Refuse = func(e resp.Error) {
			if refuse(e); e != "" {
				r.set("appendfsync", "always")
			}
		}
		end := r.write(0, "k", "1")
		if err := r.p.writer().flush(end, false); err != nil {
			t.Fatal(err)
		}
		if change {
			file, _, err := r.p.openIncr(r.cfg.Current(), "next", true)
			if err != nil {
				t.Fatal(err)
			}
			r.fault.Set(vfs.Fault{At: 1, Err: syscall.EIO})
			r.p.writer().turnAt(turn{at: end, file: file})
		} else {
			r.fault.Set(vfs.Fault{At: 1, Err: syscall.EIO})
			_ = r.p.Flush() // tells of the failure, unless another sync has been good since
		}
		if err := r.mended(); err != nil {
			t.Fatalf("change of file: %t: Flush, with the disk back: %v", change, err)
		}
		if r.cfg.Current().AppendFsync != config.FsyncAlways {
			t.Error("no sync has failed")
		}
		end = r.write(0, "k", "2")
		if !r.awaitDurable(end) {
			t.Error("the process ends")
		}
	}
}

// badFile is a disk on which one file cannot be synced.
type badFile struct {
	vfs.FS
	name string
}

func (d badFile) OpenFile(name string, flags int, perm fs.FileMode) (vfs.File, error) {
	f, err := d.FS.OpenFile(name, flags, perm)
	if err != nil || !strings.HasSuffix(name, d.name) {
		return f, err
	}
	return unsyncable{f}, nil
}

type unsyncable struct{ vfs.File }

func (unsyncable) Sync() error { return syscall.EIO }

// TestRewriteMendsSyncErrors shows that when a file of the log cannot be synced and a rewrite has made it history, writes
// are no longer refused and nobody waits for it: there would be nothing more to sync, so that nobody would try again.
func TestRewriteMendsSyncErrors(t *testing.T) {
	for _, policy := range []string{"everysec", "no"} {
		r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { return badFile{below, ".1.incr.aof"} })
		if err := r.boot("appendfsync", policy); err != nil {
			t.Fatal(err)
		}
		end := r.write(0, "k", "1")
		if err := r.p.Flush(); err == nil {
			t.Fatal("the file can be synced")
		}
		r.wantRefusal("before the rewrite", "MISCONF Errors writing to the AOF file: Input/output error")
		r.mustRewrite()
		r.p.Wait()
		err := r.p.Flush()
		for range 100 { // the tries that are made before the writer hears of the rewrite's end
			if err == nil {
				break
			}
			err = r.p.Flush()
		}
		if err != nil {
			t.Fatalf("appendfsync %s: Flush, after the rewrite: %v", policy, err)
		}
		r.until(func() bool { return r.durable >= end })
		r.wantRefusal("after the rewrite", "")
		r.wantInfo("after the rewrite", "aof_last_write_status:ok", "aof_last_bgrewrite_status:ok", "aof_unsynced_bytes:0")
		r.sound("in the end")
	}
}

// TestSyncsAreShared shows that of two who are about to sync the same, one does. A test that has flushed relies on it: the next
// sync is not the log's.
func TestSyncsAreShared(t *testing.T) {
	r, _ := bootedRig(t, "appendfsync", "no")
	w := r.p.writer()
	end := r.write(0, "k", "1")
	if err := w.flush(end, false); err != nil {
		t.Fatal(err)
	}
	before := w.syncs.count.Load()
	w.syncing.Lock()
	ended := make(chan error)
	for range 2 {
		go func() { ended <- w.sync() }()
	}
	w.syncing.Unlock()
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Fatal(err)
	}
	if got := w.syncs.count.Load() - before; got != 1 {
		t.Errorf("%d syncs, want 1", got)
	}
	if !r.awaitDurable(end) {
		t.Error("the end is not durable")
	}
}

// TestFailuresHoldNobody shows that who is about to write in its turn does not wait for a disk that fails to be mended, be it
// that the writer's goroutine cannot write or that it cannot change the file: that executor's clients, and whoever stops
// the world, would wait with it.
func TestFailuresHoldNobody(t *testing.T) {
	for _, what := range []string{"write", "change of file"} {
		r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { return badFile{below, ".1.incr.aof"} })
		if err := r.boot("appendfsync", "no"); err != nil {
			t.Fatal(err)
		}
		w := r.p.writer()
		end := r.write(0, "k", "1")
		if err := w.flush(end, false); err != nil {
			t.Fatal(err)
		}
		if what == "write" {
			r.fault.Set(vfs.Fault{At: 1, Err: syscall.ENOSPC, Stays: true})
			r.write(0, "k", "2")
		} else {
			file, _, err := r.p.openIncr(r.cfg.Current(), "next", true)
			if err != nil {
				t.Fatal(err)
			}
			w.turnAt(turn{at: end, file: file})
		}
		fails := func() {
			if r.p.Flush() == nil {
				t.Fatalf("%s: nothing fails", what)
			}
		}
		fails()
		passed := make(chan struct{})
		go func() { // what isQuick does when it looked at failures before there was one
			w.step.Lock()
			defer w.step.Unlock()
			close(passed)
		}()
		const most = 10_000
		hung := true
		for tries := 0; hung && tries < most; tries++ {
			fails()
			select {
			case <-passed:
				hung = false
			default:
			}
		}
		if hung {
			t.Errorf("%s: an executor waits while %d tries fail", what, most)
		}
		r.fault.Set(vfs.Fault{})
	}
}

// TestSlowSync shows that while a sync hangs, writes reach the file, and that writers wait when what is
// not on the disk gets older than two seconds, until the sync is over.
func TestSlowSync(t *testing.T) {
	r, g := bootedRig(t)
	await, release := g.stopAt("sync")
	r.write(0, "k", "1")
	await()
	r.write(0, "k", "2")
	if err := r.p.writer().flush(r.journal.End(), false); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("a sync hangs", "aof_pending_bio_fsync:1", "aof_delayed_fsync:0", "aof_buffer_length:0")
	r.clock.Advance(slowSync + time.Millisecond)
	r.until(func() bool { return r.behind })
	end := r.write(0, "k", "3")
	if err := r.p.writer().flush(end, false); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("a sync hangs for two seconds", "aof_delayed_fsync:1")
	if log := r.log.take(); len(log) != 1 || !strings.HasPrefix(log[0], "* Asynchronous AOF fsync is taking too long (disk is busy?).") {
		t.Errorf("the log says %q", log)
	}
	release()
	r.until(func() bool { return !r.behind })
	r.until(func() bool { return r.durable >= end })
}

// TestWriteThrough shows that an executor writes the log in its turn, and under always syncs it, but leaves it to the
// writer's goroutine while a sync is under way and while writes fail.
func TestWriteThrough(t *testing.T) {
	r, g := bootedRig(t)
	r.through = true
	text := func() string {
		b, err := vfs.ReadFile(r.disk, logPath(r.cfg.Current(), r.p.log.manifest.Incrs[0].Name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first, _ := r.writeThrough("first")
	if !strings.Contains(text(), first) {
		t.Errorf("the file holds %q after the turn", text())
	}
	await, release := g.stopAt("sync")
	r.write(0, "k", "0")
	await()
	if r.write(0, "k", "second"); r.p.WriteThrough() {
		t.Error("written through while a sync is under way")
	}
	release()
	if err := r.p.Flush(); err != nil {
		t.Fatal(err)
	}
	r.fault.Set(vfs.Fault{At: 1, Err: syscall.ENOSPC, Short: true, Stays: true})
	r.write(0, "k", "third")
	if r.p.Flush() == nil {
		t.Error("Flush does not tell of the failure")
	}
	if r.write(0, "k", "fourth"); r.p.WriteThrough() {
		t.Error("written through while writes fail")
	}
	r.fault.Set(vfs.Fault{})
	if err := r.mended(); err != nil {
		t.Fatal(err)
	}
	r.set("appendfsync", "always")
	if err := r.p.Flush(); err != nil {
		t.Fatal(err)
	}
	fifth, end := r.writeThrough("fifth")
	r.mu.Lock()
	if r.durable < end {
		t.Error("under always it is not on the disk after the turn")
	}
	r.mu.Unlock()
	got := text()
	for _, value := range []string{first, "second", "third", "fourth", fifth} {
		if strings.Count(got, value) != 1 {
			t.Errorf("%s is %d times in %q", value, strings.Count(got, value), got)
		}
	}
}

// TestWriteThroughAfterSlowSyncs shows that a sync that took long keeps executors from writing for some seconds, and no
// longer: under no there may be none after it.
func TestWriteThroughAfterSlowSyncs(t *testing.T) {
	r, _ := bootedRig(t, "appendfsync", "no")
	r.through = true
	w := r.p.writer()
	w.syncs.note(slowDisk+time.Microsecond, w.p.mono())
	if r.write(0, "k", "1"); r.wrote {
		t.Error("written through after a slow sync")
	}
	r.clock.Advance(2*slowSync + time.Millisecond)
	if _, end := r.writeThrough("2"); r.p.InFile() != end {
		t.Errorf("in the file until %d of %d", r.p.InFile(), end)
	}
}

// TestWriteThroughAndFloods shows that executors leave writing to the goroutine while much is written, and for as long as
// it takes the flood to sink.
func TestWriteThroughAndFloods(t *testing.T) {
	r, _ := bootedRig(t, "appendfsync", "no")
	r.through = true
	piece := strings.Repeat("x", throughBytes/2)
	written, refused := 0, false
	for ; written < 4*floodRate && !refused; written += len(piece) {
		r.write(0, "k", piece)
		if refused = !r.wrote && written > floodRate; !r.wrote {
			if err := r.p.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !refused || written > floodRate+4*throughBytes {
		t.Errorf("after %d bytes: left to the goroutine: %t", written, refused)
	}
	r.clock.Advance(time.Second)
	r.writeThrough("small")
}

// TestTooMuchUnwritten shows that writers wait when too many bytes are not written.
func TestTooMuchUnwritten(t *testing.T) {
	r, g := bootedRig(t, "appendfsync", "no")
	await, release := g.stopAt("write")
	r.write(0, "k", "1")
	await()
	big := strings.Repeat("x", behindBytes/4)
	for range 5 {
		r.write(0, "big", big)
	}
	r.until(func() bool { return r.behind })
	release()
	r.until(func() bool { return !r.behind })
}

func TestSavesAndRewrites(t *testing.T) {
	r, g := bootedRig(t)
	ask := func(what string, want any, ask func() (bool, error)) {
		t.Helper()
		scheduled, err := ask()
		var got any = scheduled
		if err != nil {
			got = err
		}
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	rewrite := func() (bool, error) { return r.p.BGRewrite(false) }
	save := func() (bool, error) { return r.p.BGSave(r.tx, false) }
	await, release := g.stopAt("create temp")
	ask("BGREWRITEAOF", false, rewrite)
	await()
	ask("BGREWRITEAOF while one runs", ErrRewriting, rewrite)
	ask("BGSAVE while a rewrite runs", ErrActive, save)
	ask("BGSAVE SCHEDULE while a rewrite runs", true, func() (bool, error) { return r.p.BGSave(r.tx, true) })
	r.wantInfo("a rewrite runs", "aof_rewrite_in_progress:1", "rdb_bgsave_in_progress:0", "aof_current_rewrite_time_sec:0", "rdb_current_bgsave_time_sec:-1")
	r.p.Cron()
	r.wantInfo("a rewrite runs", "rdb_bgsave_in_progress:0")
	release()
	r.p.Wait()
	await, release = g.stopAt("create temp")
	r.p.Cron()
	await()
	r.wantInfo("the save that was scheduled runs", "aof_rewrite_in_progress:0", "rdb_bgsave_in_progress:1")
	ask("BGREWRITEAOF while a save runs", true, rewrite)
	ask("BGSAVE while one runs", ErrInProgress, save)
	r.wantInfo("a rewrite is scheduled", "aof_rewrite_scheduled:1", "aof_rewrites:1")
	release()
	r.p.Wait()
	ask("BGREWRITEAOF in a transaction", true, func() (bool, error) { return r.p.BGRewrite(true) })
	r.p.Cron()
	r.p.Wait()
	r.wantInfo("in the end", "aof_rewrite_scheduled:0", "aof_rewrites:2", "rdb_saves:1", "aof_last_bgrewrite_status:ok")
}

// TestRewritesAreLimited shows that after three failures in a row a rewrite waits a minute, and then
// twice as long each time, up to an hour.
func TestRewritesAreLimited(t *testing.T) {
	r, _ := bootedRig(t)
	r.set("auto-aof-rewrite-min-size", "1")
	r.set("auto-aof-rewrite-percentage", "1")
	r.write(0, "k", "v")
	if err := r.p.Flush(); err != nil {
		t.Fatal(err)
	}
	const line = "# Background AOF rewrite has repeatedly failed and triggered the limit, will retry in "
	r.p.mu.Lock()
	r.p.log.failures = limitFrom
	r.p.mu.Unlock()
	for _, minutes := range []string{"1", "2", "4", "8", "16", "32", "60", "60"} {
		r.log.take()
		r.p.Cron()
		r.wantLog("the log has grown", line+minutes+" minutes")
		pause, _ := time.ParseDuration(minutes + "m")
		r.clock.Advance(pause - time.Second)
		r.p.Cron()
		r.wantLog("a second too early")
		r.clock.Advance(time.Second)
		r.p.mu.Lock()
		if r.p.limited(r.clock.Millis() / 1000) {
			t.Errorf("after %s minutes a rewrite may not start", minutes)
		}
		r.p.mu.Unlock()
	}
	r.p.mu.Lock()
	r.p.log.failures = 0
	r.p.mu.Unlock()
	r.p.Cron()
	r.p.Wait()
	r.wantInfo("without failures", "aof_rewrites:1", "aof_last_bgrewrite_status:ok")
	if log := r.log.take(); len(log) == 0 || !strings.HasPrefix(log[0], "* Starting automatic rewriting of AOF on ") {
		t.Errorf("the log says %q", log)
	}
}

// TestNoRoom shows that no save and no rewrite writes anything that the disk has no place for, and that
// both do again when it has. A save says so at once, a rewrite when it has begun.
func TestNoRoom(t *testing.T) {
	r, _ := bootedRig(t)
	const why = "not enough room on the disk: about 1 MB are needed in /data, 0 MB are free (save-space-check no tries nevertheless)"
	r.write(0, "k", "v")
	if err := r.p.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name string
		run  func() error
		want []string // log
	}{
		{"BGSAVE", r.bgsave, []string{"# Can't save in background: " + why}},
		{"BGREWRITEAOF", func() error {
			_, err := r.p.BGRewrite(false)
			r.p.Wait()
			if r.info("aof_last_bgrewrite_status") == "err" {
				err = ErrCantRewrite
			}
			return err
		}, []string{"# Can't rewrite append only file in background: " + why, "# Background AOF rewrite terminated with error"}},
	} {
		if err := kind.run(); err != nil {
			t.Fatalf("%s: %v", kind.name, err)
		}
		r.log.take()
		r.fault.Set(vfs.Fault{})
		r.disk.SetRoom(vfs.Room{Free: 10, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 40})
		if err := kind.run(); err == nil {
			t.Errorf("%s is a good one", kind.name)
		}
		r.wantLog(kind.name+" without room", kind.want...)
		for k := range r.fault.Ops() {
			op := r.fault.Op(k + 1)
			if name, _, _ := strings.Cut(op, " "); name != "stat" && name != "maywrite" && name != "close" { // of the increment before
				t.Errorf("%s without room: operation %s", kind.name, op)
			}
		}
		r.disk.SetRoom(vfs.Room{Free: 1 << 30, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 40})
		if err := kind.run(); err != nil {
			t.Errorf("%s with room: %v", kind.name, err)
		}
	}
	r.wantInfo("in the end", "aof_last_bgrewrite_status:ok", "rdb_last_bgsave_status:ok", "aof_rewrites_consecutive_failures:0")
}

// TestSwitches shows CONFIG SET appendonly: in a transaction, while a save runs, and off amid a rewrite.
func TestSwitches(t *testing.T) {
	r, g := bootedRig(t)
	r.write(0, "k", "1")
	r.set("appendonly", "no")
	r.wantInfo("off", "aof_enabled:0", "aof_current_size:-")
	if r.journal.Active() {
		t.Error("off: changes are journalled")
	}
	r.write(0, "k", "2")
	r.p.Transaction(true)
	r.set("appendonly", "yes")
	r.p.Transaction(false)
	r.wantInfo("on, in a transaction", "aof_enabled:1", "aof_rewrite_scheduled:1", "aof_rewrite_in_progress:0")
	await, release := g.stopAt("create temp")
	r.p.Cron()
	await()
	r.set("appendonly", "no")
	release()
	r.p.Wait()
	r.wantInfo("off amid a rewrite", "aof_enabled:0", "aof_rewrite_scheduled:0", "aof_rewrite_in_progress:0", "aof_last_bgrewrite_status:ok")
	await, release = g.stopAt("create temp")
	if _, err := r.p.BGSave(r.tx, false); err != nil {
		t.Fatal(err)
	}
	await()
	r.set("appendonly", "yes")
	r.wantInfo("on, while a save runs", "aof_enabled:1", "aof_rewrite_scheduled:1")
	release()
	r.p.Wait()
	r.p.Cron()
	r.write(0, "k", "3")
	r.p.Wait()
	r.wantInfo("on", "aof_rewrite_scheduled:0", "aof_last_bgrewrite_status:ok")
	if !r.p.EndLog(false) {
		t.Error("it cannot end")
	}
	if got, err := booted(t, r.disk.Crash(3)); err != nil || got["0/k"] != "3" {
		t.Errorf("then %s (%v)", got.brief(), err)
	}
	if err := r.cfg.Set([]config.Pair{{Name: "appendonly", Value: "no"}}, config.Rights{}); err != nil {
		t.Error(err)
	}
	r.fault.Set(vfs.Fault{At: 1, Err: syscall.EACCES, Stays: true})
	err := r.cfg.Set([]config.Pair{{Name: "appendonly", Value: "yes"}}, config.Rights{})
	if want := resp.Error("ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs."); err != want {
		t.Errorf("on a disk that fails: %v, want %s", err, want)
	}
	r.wantInfo("on a disk that fails", "aof_enabled:0", "aof_rewrite_in_progress:0")
}

// TestEndingBeforeTheFirstBase shows that SHUTDOWN waits for a log to be complete, unless forced.
func TestEndingBeforeTheFirstBase(t *testing.T) {
	r, g := bootedRig(t)
	r.set("appendonly", "no")
	await, release := g.stopAt("create temp")
	r.set("appendonly", "yes")
	await()
	r.log.take()
	if r.p.EndLog(false) {
		t.Error("it may end")
	}
	r.wantLog("not forced", "# Writing initial AOF, can't exit.")
	if !r.p.EndLog(true) {
		t.Error("it may not end by force")
	}
	if log := r.log.take(); len(log) < 2 || log[0] != "# Writing initial AOF. Exit anyway." || log[1] != "# There is a child rewriting the AOF. Killing it!" {
		t.Errorf("the log says %q", log)
	}
	release()
	r.p.Wait()
}
