// Shows what holds in each phase of a rewrite of the log: while it prepares, when it is ready for its
// cut, while it writes. From its first moment on it is what INFO says is under way, and excludes others;
// writes go on and become durable meanwhile, however long the disk takes for it; and switching off,
// SHUTDOWN, FLUSHALL and SAVE find their way, also with the world stopped. What is there afterwards is
// what a server finds that starts on the disk.

package persist

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tarn/internal/config"
	"tarn/internal/vfs"
)

// rewritePhases are moments of a rewrite, as the operation on the disk that it is stopped at; "": it
// is ready for the cut.
var rewritePhases = []string{"create", "syncdir", "sync", "rename", "", "create temp"}

// stopped is a rewrite that stands still in a phase.
type stopped struct {
	*rig
	phase   string
	release func()
}

// stopIn starts what start does, and returns when the rewrite is in the phase.
func (r *rig) stopIn(g *gate, phase string, start func()) *stopped {
	r.t.Helper()
	if err := r.p.Flush(); r.p.LogOn() && err != nil { // the syncs that follow are those of the rewrite
		r.t.Fatal(err)
	}
	select {
	case <-r.asked:
	default:
	}
	s := &stopped{rig: r, phase: phase}
	if phase == "" {
		r.world.Lock()
		start()
		r.awaitPrepared()
		s.release = r.world.Unlock
		return s
	}
	await, release := g.stopAt(phase)
	start()
	await()
	s.release = release
	return s
}

// stopWorld does something as a command that stops the world does it. When the rewrite stands still before
// its cut, it goes on while the world is still stopped.
func (s *stopped) stopWorld(do func()) {
	if s.phase != "" {
		s.world.Lock()
		s.release()
	}
	do()
	s.world.Unlock()
}

// sound demands that a server that starts on the disk finds what there is, and nothing is left over.
func (r *rig) sound(when string) {
	r.t.Helper()
	if err := r.p.Flush(); err != nil {
		r.t.Errorf("%s: Flush: %v", when, err)
	}
	want := r.dataset()
	if got, err := booted(r.t, r.disk.Crash(1)); err != nil || !maps.Equal(got, want) {
		r.t.Errorf("%s: found %s (%v), want %s", when, got.brief(), err, want.brief())
	}
	r.tidy(when)
}

// tidy demands that the folders hold no temporary file.
func (r *rig) tidy(when string) {
	r.t.Helper()
	for _, dir := range []string{dataDir, dataDir + "/appendonlydir"} {
		entries, err := r.disk.ReadDir(dir)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "temp") {
				r.t.Errorf("%s: %s is left in %s", when, e.Name(), dir)
			}
		}
	}
}

func (r *rig) mustRewrite() {
	r.t.Helper()
	if scheduled, err := r.p.BGRewrite(false); scheduled || err != nil {
		r.t.Fatalf("BGREWRITEAOF: scheduled %t, %v", scheduled, err)
	}
}

// eachPhase runs a test in each phase of a rewrite of a log that is on.
func eachPhase(t *testing.T, test func(s *stopped)) {
	for _, phase := range rewritePhases {
		t.Run("at "+phase, func(t *testing.T) {
			r, g := bootedRig(t)
			r.write(0, "before", "1")
			test(r.stopIn(g, phase, r.mustRewrite))
			r.sound("in the end")
		})
	}
}

func TestRewriteHindersNobody(t *testing.T) {
	eachPhase(t, func(s *stopped) {
		s.wantInfo("stopped", "aof_rewrite_in_progress:1", "aof_current_rewrite_time_sec:0", "rdb_bgsave_in_progress:0", "aof_last_bgrewrite_status:ok")
		if _, err := s.p.BGRewrite(false); err != ErrRewriting {
			t.Errorf("BGREWRITEAOF: %v", err)
		}
		if _, err := s.p.BGSave(s.tx, false); err != ErrActive {
			t.Errorf("BGSAVE: %v", err)
		}
		s.write(0, "counted", "1")
		s.set("save", "1 1")
		s.clock.Advance(5e9)
		s.p.Cron()
		s.wantInfo("after Cron", "rdb_bgsave_in_progress:0", "rdb_saves:0", "aof_current_rewrite_time_sec:5")
		end := s.write(0, "meanwhile", "2")
		if err := s.p.Flush(); err != nil || !s.awaitDurable(end) {
			t.Errorf("a write is not durable: %v", err)
		}
		s.release()
		s.write(0, "then", "3")
		s.p.Wait()
		s.wantInfo("in the end", "aof_rewrites:1", "aof_rewrite_in_progress:0", "aof_current_rewrite_time_sec:-1", "aof_last_bgrewrite_status:ok")
	})
}

func TestRewriteAndFlushAll(t *testing.T) {
	eachPhase(t, func(s *stopped) {
		s.tx.LockAll()
		s.tx.Dirty.Add(s.tx.Flush(-1, false))
		s.unit.Op(0, 1).Str("FLUSHALL")
		s.unit.Commit(s.clock.Millis())
		s.tx.Unlock()
		s.journal.Kick()
		s.write(1, "after", "FLUSHALL")
		s.release()
		s.p.Wait()
		if got := s.dataset(); len(got) != 1 {
			t.Errorf("there is %s", got.brief())
		}
	})
}

func TestRewriteAndSave(t *testing.T) {
	eachPhase(t, func(s *stopped) {
		s.write(0, "saved", "2")
		s.stopWorld(func() {
			if err := s.p.Save(); err != nil {
				t.Errorf("SAVE: %v", err)
			}
		})
		if got, err := loaded(t, s.disk); err != nil || !maps.Equal(got, s.dataset()) {
			t.Errorf("the RDB file holds %s (%v), want %s", got.brief(), err, s.dataset().brief())
		}
		s.wantInfo("SAVE is over", "aof_rewrite_in_progress:0", "aof_last_bgrewrite_status:ok")
	})
}

// TestRewriteAndReload shows the same of DEBUG RELOAD, and of DEBUG LOADAOF, which empty the keyspace on the way:
// no cut is made meanwhile.
func TestRewriteAndReload(t *testing.T) {
	for _, reload := range []func(p *Store) error{
		func(p *Store) error { return p.Reload(false, false, false) }, (*Store).Reread,
	} {
		eachPhase(t, func(s *stopped) {
			s.write(0, "last", "2")
			want := s.dataset()
			s.stopWorld(func() {
				if err := reload(s.p); err != nil {
					t.Errorf("reload: %v", err)
				}
			})
			s.p.Wait()
			if got := s.dataset(); !maps.Equal(got, want) {
				t.Errorf("there is %s, want %s", got.brief(), want.brief())
			}
			s.wantInfo("reloaded", "aof_last_bgrewrite_status:ok")
		})
	}
}

func TestRewriteAndShutdown(t *testing.T) {
	eachPhase(t, func(s *stopped) {
		s.write(0, "last", "2")
		s.stopWorld(func() {
			if !s.p.EndLog(false) {
				t.Error("SHUTDOWN is refused")
			}
			s.p.Wait()
		})
		s.wantInfo("ended", "aof_rewrite_in_progress:0")
		s.write(0, "a shutdown that failed", "3")
	})
}

func TestRewriteAndSwitchingOff(t *testing.T) {
	eachPhase(t, func(s *stopped) {
		s.write(0, "logged", "2")
		s.stopWorld(func() { s.set("appendonly", "no") })
		s.p.Wait()
		s.wantInfo("off", "aof_enabled:0", "aof_rewrite_in_progress:0", "aof_last_bgrewrite_status:ok")
		if s.journal.Active() {
			t.Error("changes are journalled")
		}
		s.tidy("off")
		s.set("appendonly", "yes")
		s.p.Wait()
		s.write(0, "on", "again")
		s.wantInfo("on again", "aof_enabled:1", "aof_last_bgrewrite_status:ok")
	})
}

// TestSwitchingOnHindersNobody shows the same of CONFIG SET appendonly yes, which answers at once: the
// log cannot be shut down before it has a base, and switched off it leaves nothing.
func TestSwitchingOnHindersNobody(t *testing.T) {
	for _, phase := range []string{"create", "", "create temp", "rename"} {
		t.Run("at "+phase, func(t *testing.T) {
			var g *gate
			r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g })
			if err := r.disk.Mkdir(dataDir+"/appendonlydir", 0o755); err != nil {
				t.Fatal(err)
			}
			switchOn := func() { r.set("appendonly", "yes") }
			r.write(0, "before", "1")
			s := r.stopIn(g, phase, switchOn)
			s.wantInfo("switched on", "aof_enabled:1", "aof_rewrite_in_progress:1", "aof_rewrite_scheduled:0")
			if s.p.EndLog(false) {
				t.Error("SHUTDOWN is not refused")
			}
			s.stopWorld(func() { s.set("appendonly", "no") })
			s.p.Wait()
			s.wantInfo("switched off", "aof_enabled:0", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0")
			s.tidy("switched off")

			s = r.stopIn(g, phase, switchOn)
			s.write(0, "meanwhile", "2")
			s.set("appendonly", "no")
			s.set("appendonly", "yes")
			s.wantInfo("on, off and on", "aof_enabled:1", "aof_rewrite_scheduled:1")
			s.release()
			s.p.Wait()
			s.p.Cron()
			s.p.Wait()
			s.write(0, "then", "3")
			s.wantInfo("in the end", "aof_rewrite_scheduled:0", "aof_last_bgrewrite_status:ok")
			s.sound("in the end")
		})
	}
}

// TestPreparationFails shows that a rewrite that fails before its cut is one that failed: it was begun,
// as far as anybody was told, and a further one is good. What can be told at once is told at once.
func TestPreparationFails(t *testing.T) {
	for at, last := int64(3), false; !last; at++ { // two looks are taken before the reply
		r, _ := bootedRig(t)
		r.write(0, "k", "1")
		if err := r.p.Flush(); err != nil {
			t.Fatal(err)
		}
		r.fault.Set(vfs.Fault{At: at, Err: syscall.ENOSPC, Stays: true})
		r.world.Lock()
		r.mustRewrite()
		r.awaitPrepared()
		last = r.fault.Ops() < at
		what := "ENOSPC at " + r.fault.Op(at) + " and after"
		r.fault.Set(vfs.Fault{})
		r.world.Unlock()
		r.p.Wait()
		if !last {
			r.wantInfo(what, "aof_rewrite_in_progress:0", "aof_last_bgrewrite_status:err", "aof_rewrites_consecutive_failures:1", "aof_rewrites:0", "aof_last_rewrite_time_sec:-1")
		}
		r.write(0, "k", "2")
		r.mustRewrite()
		r.p.Wait()
		r.wantInfo("after "+what, "aof_last_bgrewrite_status:ok", "aof_rewrites_consecutive_failures:0")
		r.sound(what)
	}
}

// TestRefusedAtOnce shows what BGREWRITEAOF and CONFIG SET appendonly yes refuse in their reply.
func TestRefusedAtOnce(t *testing.T) {
	const dir = dataDir + "/appendonlydir"
	for _, tc := range []struct {
		name string
		on   bool
		make func(r *rig) error // what is wrong
		want string
	}{
		{"a file in the folder's place", false, func(r *rig) error { _, err := r.disk.Create(dir); return err },
			"# Can't open or create append-only dir appendonlydir: Not a directory"},
		{"no right to make the folder", false, func(r *rig) error { r.fault.Set(vfs.Fault{At: 2, Err: syscall.EACCES}); return nil },
			"# Can't open or create append-only dir appendonlydir: Permission denied"},
		{"a folder that can only be read", true, func(r *rig) error { r.fault.Set(vfs.Fault{At: 2, Err: syscall.EROFS}); return nil },
			"# Can't open the append-only file appendonly.aof.2.incr.aof: Read-only file system"},
	} {
		r := newRig(t, newDisk(t), nil)
		if tc.on {
			if err := r.boot(); err != nil {
				t.Fatal(err)
			}
		}
		r.log.take()
		if err := tc.make(r); err != nil {
			t.Fatal(err)
		}
		if _, err := r.p.BGRewrite(false); err != ErrCantRewrite {
			t.Errorf("%s: BGREWRITEAOF: %v", tc.name, err)
		}
		r.wantLog(tc.name, tc.want)
		r.wantInfo(tc.name, "aof_last_bgrewrite_status:err", "aof_rewrite_in_progress:0", "aof_rewrites_consecutive_failures:0")
		if tc.on {
			r.refusedToCron(tc.name)
			continue
		}
		if err := tc.make(r); err != nil {
			t.Fatal(err)
		}
		if err := r.cfg.Set([]config.Pair{{Name: "appendonly", Value: "yes"}}, config.Rights{}); err == nil || !strings.Contains(err.Error(), "Unable to turn on AOF. Check server logs.") {
			t.Errorf("%s: CONFIG SET appendonly yes: %v", tc.name, err)
		}
		if log := r.log.take(); !slices.Contains(log, tc.want) {
			t.Errorf("%s: the log says %q", tc.name, log)
		}
	}
}

// refusedToCron shows that a rewrite that is due and refused is not tried again ten times a second.
func (r *rig) refusedToCron(what string) {
	r.t.Helper()
	r.fault.Set(vfs.Fault{})
	r.p.Cron() // its first turn looks for backups
	if _, err := r.p.BGRewrite(true); err != nil {
		r.t.Fatal(err)
	}
	r.fault.Set(vfs.Fault{At: 1, Err: syscall.EROFS, Stays: true})
	for range 10 {
		r.p.Cron()
	}
	r.fault.Set(vfs.Fault{})
	log := r.log.take()
	if want := "# Background AOF rewrite has repeatedly failed and triggered the limit, will retry in 1 minutes"; len(log) != limitFrom+1 || log[limitFrom] != want {
		r.t.Errorf("%s: the log says %q, want %d refusals and %q", what, log, limitFrom, want)
	}
	r.wantInfo(what, "aof_rewrite_scheduled:1", "aof_rewrites_consecutive_failures:3")
}
