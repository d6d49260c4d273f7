// Shows that with save-lock-file nothing is cut in the background while another server of the host has the
// lock: what is due waits and goes on, what a client asks for is refused or scheduled as Redis does it, SAVE is
// not held up. And that a lock that cannot be had keeps nobody from saving. The other server is a lock that the
// test takes on the same disk.

package persist

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/config"
	"tarn/internal/vfs"
)

const lockPath = "/data/host.lock"

// lockedRig returns a rig with a lock, which another server has, and how that gives it back.
func lockedRig(t *testing.T, over func(vfs.FS) vfs.FS) (r *rig, free func()) {
	t.Helper()
	r = newRig(t, newDisk(t), over)
	r.at("2026-11-21 03:00:00")
	r.set("save-lock-file", "host.lock")
	f, err := r.disk.Lock(lockPath, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(f, "%spid 4711, port 6380, BGSAVE\n", lockMark)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.change(1)
	r.log.take()
	return r, func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// lockIsFree tells whether somebody could take the lock now.
func lockIsFree(t *testing.T, disk *vfs.Mem) bool {
	t.Helper()
	f, err := disk.Lock(lockPath, 0o644)
	if errors.Is(err, vfs.ErrLocked) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestHostLockOnDemand(t *testing.T) {
	r, free := lockedRig(t, nil)
	const refusal = "ERR Another server of this host is saving (pid 4711, port 6380, BGSAVE): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
	if _, err := r.p.BGSave(r.tx, false); err == nil || err.Error() != refusal {
		t.Errorf("BGSAVE: %v\nwant %s", err, refusal)
	}
	r.wantInfo("BGSAVE was refused", "rdb_saves:0", "rdb_last_bgsave_status:ok", "save_lock_status:free") // nothing waits
	if err := r.p.Save(); err != nil {
		t.Errorf("SAVE: %v", err)
	}
	if scheduled, err := r.p.BGSave(r.tx, true); !scheduled || err != nil {
		t.Errorf("BGSAVE SCHEDULE: %t, %v", scheduled, err)
	}
	if scheduled, err := r.p.BGRewrite(false); !scheduled || err != nil {
		t.Errorf("BGREWRITEAOF: %t, %v", scheduled, err)
	}
	if scheduled, err := r.p.Backup(r.tx, false); !scheduled || err != nil {
		t.Errorf("BACKUP NOW: %t, %v", scheduled, err)
	}
	r.log.take()
	for range 50 {
		r.turn()
		r.clock.Advance(100 * time.Millisecond)
	}
	r.wantLog("while another server has it", "* A save that is due waits: another server of this host has the lock host.lock (pid 4711, port 6380, BGSAVE)")
	r.wantInfo("while another server has it", "save_lock_status:waiting", "save_lock_holder:pid 4711, port 6380, BGSAVE", "save_lock_waits:1",
		"rdb_saves:1", "aof_rewrite_scheduled:1", "aof_last_bgrewrite_status:ok", "backup_scheduled:1", "backup_runs:0", "backup_last_status:ok")
	free()
	for range 20 {
		r.clock.Advance(100 * time.Millisecond)
		r.turn()
	}
	r.wantInfo("when it is free", "save_lock_status:free", "save_lock_holder:-", "rdb_saves:2", "aof_rewrite_scheduled:0", "aof_rewrites:1", "backup_scheduled:0", "backup_count:1")
	if !lockIsFree(t, r.disk) {
		t.Error("the lock was not given back")
	}
}

// TestHostLockSavePoint: a save point waits without being counted as a failure, and without a word in the log but one.
func TestHostLockSavePoint(t *testing.T) {
	r, free := lockedRig(t, nil)
	r.set("save", "60 1")
	r.clock.Advance(61 * time.Second)
	for range 30 {
		r.turn()
		r.clock.Advance(100 * time.Millisecond)
	}
	r.wantLog("locked", "* A save that is due waits: another server of this host has the lock host.lock (pid 4711, port 6380, BGSAVE)")
	r.wantInfo("locked", "rdb_saves:0", "rdb_last_bgsave_status:ok")
	r.wantRefusal("locked", "")
	free()
	r.clock.Advance(time.Second)
	r.turn()
	r.wantLog("free", "* The lock /data/host.lock is free. Going on with BGSAVE.", "* 1 changes in 60 seconds. Saving...", "* Background saving started by pid 22",
		"* DB saved on disk", "* Fork CoW for RDB: current 0 MB, peak 0 MB, average 0 MB", "* Background saving terminated with success")
	r.turn()
	r.wantInfo("free", "rdb_saves:1", "save_lock_status:free", "save_lock_waits:1")

	// A save that no longer needs to be made does not wait any more.
	other, err := r.disk.Lock(lockPath, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	r.change(1)
	r.clock.Advance(61 * time.Second)
	r.turn()
	r.wantInfo("locked again", "save_lock_status:waiting", "save_lock_waits:2")
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Second)
	r.turn()
	r.wantInfo("saved by hand", "save_lock_status:free")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHostLockHeld: the lock is had from before the cut to the end, and says by whom.
func TestHostLockHeld(t *testing.T) {
	var g *gate
	r, free := lockedRig(t, func(below vfs.FS) vfs.FS { g = newGate(below); return g })
	free()
	for what, start := range map[string]func() error{
		"BGSAVE":       func() error { _, err := r.p.BGSave(r.tx, false); return err },
		"BGREWRITEAOF": func() error { _, err := r.p.BGRewrite(false); return err },
		"BACKUP":       func() error { _, err := r.p.Backup(r.tx, false); return err },
	} {
		await, release := g.stopAt("sync")
		if err := start(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		await()
		text, err := vfs.ReadFile(r.disk, lockPath)
		if want := fmt.Sprintf("%spid 22, port 6379, %s\n", lockMark, what); err != nil || string(text) != want {
			t.Errorf("%s: the file holds %q, %v; want %q", what, text, err, want)
		}
		if lockIsFree(t, r.disk) {
			t.Errorf("%s does not have the lock", what)
		}
		r.wantInfo(what, "save_lock_status:held")
		release()
		r.p.Wait()
		r.p.AwaitVerified()
		if !lockIsFree(t, r.disk) {
			t.Errorf("%s has not given the lock back", what)
		}
	}
	r.fault.Set(vfs.Fault{At: 3, Err: syscall.EIO, Stays: true}) // a save that fails gives it back, too
	if err := r.bgsave(); err != nil {
		t.Fatal(err)
	}
	r.fault.Set(vfs.Fault{})
	r.wantInfo("a save that failed", "rdb_last_bgsave_status:err")
	if !lockIsFree(t, r.disk) {
		t.Error("a save that failed has not given the lock back")
	}
}

// TestHostLockUnusable: saving goes on, and it is said; CONFIG SET says it at once.
func TestHostLockUnusable(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	if err := vfs.WriteFile(r.disk, "/data/notes", "/data/t", "/data", []byte("dear diary")); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{
		"notes/lock": "Not a directory", "/data": "Is a directory",
		"notes": "the file holds something else", "dump.rdb": "saves replace this file",
	} {
		err := r.cfg.Set([]config.Pair{{Name: "save-lock-file", Value: path}}, config.Rights{Protected: true})
		want := "ERR CONFIG SET failed (possibly related to argument 'save-lock-file') - " + why
		if err == nil || err.Error() != want {
			t.Errorf("CONFIG SET save-lock-file %s: %v, want %s", path, err, want)
		}
		if path == "dump.rdb" {
			continue
		}
		r.cfg.Update(func(c *config.Config) { c.SaveLockFile = path }) // as a file of settings may
		r.log.take()
		if err := r.bgsave(); err != nil {
			t.Errorf("BGSAVE with the lock %s: %v", path, err)
		}
		if log := r.log.take(); !strings.HasSuffix(log[0], " cannot be taken: "+why+". Other servers of this host may save at the same time.") {
			t.Errorf("%s: the log says %q", path, log)
		}
		r.wantInfo(path, "rdb_last_bgsave_status:ok", "save_lock_status:err", "save_lock_error:"+why)
		r.cfg.Update(func(c *config.Config) { c.SaveLockFile = "" })
	}
	if text, err := vfs.ReadFile(r.disk, "/data/notes"); string(text) != "dear diary" || err != nil {
		t.Errorf("somebody's file holds %q now, %v", text, err)
	}
	if err := r.cfg.Set([]config.Pair{{Name: "save-lock-file", Value: "lock"}}, config.Rights{}); err == nil {
		t.Error("save-lock-file is not protected")
	}
}

// TestHostLockForTheFirstLog: CONFIG SET appendonly yes waits for its turn too.
func TestHostLockForTheFirstLog(t *testing.T) {
	r, free := lockedRig(t, nil)
	r.set("appendonly", "yes")
	r.turn()
	r.wantInfo("locked", "aof_enabled:1", "aof_rewrite_scheduled:1", "aof_rewrite_in_progress:0")
	free()
	r.clock.Advance(time.Second)
	r.turn()
	r.wantInfo("free", "aof_rewrite_scheduled:0", "aof_rewrites:1", "aof_last_bgrewrite_status:ok")
}
