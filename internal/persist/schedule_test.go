// Shows when a save starts by itself: a save point needs more than its seconds and at least its
// changes, a failed save is tried again after more than 5 s, and a scheduled one starts at the next
// turn of Cron. The clock is turned by hand. Shows too that writes are refused exactly while a save
// in the background has failed and the settings ask for it.

package persist

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/vfs"
)

func TestSavePoints(t *testing.T) {
	const three = "900 1 300 10 60 10000"
	for _, tc := range []struct {
		save    string
		changes int
		elapsed time.Duration
		want    string // first line of the log, "" for no save
	}{
		{three, 0, 1e6 * time.Second, ""},
		{three, 1, 900 * time.Second, ""},
		{three, 1, 900*time.Second + 999*time.Millisecond, ""}, // seconds are whole ones
		{three, 1, 901 * time.Second, "* 1 changes in 900 seconds. Saving..."},
		{three, 9, 301 * time.Second, ""},
		{three, 10, 300 * time.Second, ""},
		{three, 10, 301 * time.Second, "* 10 changes in 300 seconds. Saving..."},
		{three, 11, 301 * time.Second, "* 10 changes in 300 seconds. Saving..."},
		{three, 9999, 61 * time.Second, ""},
		{three, 10000, 60 * time.Second, ""},
		{three, 10000, 61 * time.Second, "* 10000 changes in 60 seconds. Saving..."},
		{three, 10000, 901 * time.Second, "* 1 changes in 900 seconds. Saving..."}, // the first in order of those met
		{"60 10000 900 1", 10000, 901 * time.Second, "* 10000 changes in 60 seconds. Saving..."},
		{"", 1e5, 1e6 * time.Second, ""},
	} {
		r := newRig(t, newDisk(t), nil)
		r.set("save", tc.save)
		r.change(tc.changes)
		r.clock.Advance(tc.elapsed)
		r.log.take()
		r.p.Cron()
		r.p.Wait()
		what := fmt.Sprintf("save %q, %d changes in %v", tc.save, tc.changes, tc.elapsed)
		if tc.want == "" {
			r.wantLog(what)
			continue
		}
		r.wantLog(what, tc.want, "* Background saving started by pid 22", "* DB saved on disk",
			"* Fork CoW for RDB: current 0 MB, peak 0 MB, average 0 MB", "* Background saving terminated with success")
		r.clock.Advance(tc.elapsed)
		r.p.Cron() // nothing has changed since
		r.p.Wait()
		r.wantLog(what + ", again, without a change")
	}
}

// TestWorkedExample plays the story of requirement R098: with the three save points and 20 changes,
// 301 seconds after the last save the second point fires; the save takes 4 s, during which 3 more
// changes are made; after it, those 3 are what has changed, and lastsave has moved.
func TestWorkedExample(t *testing.T) {
	const finished = 1638023962
	var g *gate
	r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g })
	r.set("save", "900 1 300 10 60 10000")
	r.clock.Set(time.Unix(finished-4-301, 0))
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("at the start", "rdb_changes_since_last_save:0", fmt.Sprintf("rdb_last_save_time:%d", finished-4-301))
	r.change(20)
	for range 300 * 10 { // Cron looks ten times a second
		r.clock.Advance(100 * time.Millisecond)
		r.p.Cron()
	}
	r.wantLog("after 300 s", "* DB saved on disk")
	r.clock.Advance(time.Second)
	await, release := g.stopAt("sync")
	r.p.Cron()
	await()
	r.wantLog("after 301 s", "* 10 changes in 300 seconds. Saving...", "* Background saving started by pid 22")
	r.change(3)
	for range 40 {
		r.clock.Advance(100 * time.Millisecond)
		r.p.Cron()
	}
	r.wantInfo("while it is saved", "rdb_bgsave_in_progress:1", "rdb_changes_since_last_save:23", "rdb_current_bgsave_time_sec:4")
	release()
	r.p.Wait()
	r.wantLog("at the end", "* DB saved on disk", "* Fork CoW for RDB: current 0 MB, peak 0 MB, average 0 MB",
		"* Background saving terminated with success")
	r.wantInfo("at the end", "rdb_bgsave_in_progress:0", "rdb_changes_since_last_save:3", "rdb_last_bgsave_status:ok",
		"rdb_last_bgsave_time_sec:4", fmt.Sprintf("rdb_last_save_time:%d", finished))
	if got := r.p.LastSave(); got != finished {
		t.Errorf("LASTSAVE %d, want %d", got, finished)
	}
}

// TestRetry: a save that failed is tried again by itself after more than 5 s, and BGSAVE at once.
func TestRetry(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.set("save", "60 1")
	r.change(1)
	r.clock.Advance(61 * time.Second)
	tries := func() (n int) {
		for _, line := range r.log.take() {
			if strings.HasPrefix(line, "* Background saving started") {
				n++
			}
		}
		return n
	}
	r.fault.Set(vfs.Fault{At: 1, Err: syscall.EIO, Stays: true})
	for second, want := range []int{1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0} { // tried at 0, 6 and 12 s
		r.p.Cron()
		r.p.Wait()
		if got := tries(); got != want {
			t.Errorf("second %d: %d tries, want %d", second, got, want)
		}
		r.clock.Advance(time.Second)
	}
	r.wantInfo("all failed", "rdb_last_bgsave_status:err", "rdb_changes_since_last_save:1", "rdb_saves:3")
	if err := r.bgsave(); err != nil || tries() != 1 { // 2 s after the last try
		t.Errorf("BGSAVE: %v, and it has not tried", err)
	}
	r.fault.Set(vfs.Fault{})
	for second := range 8 { // BGSAVE counted as a try
		r.p.Cron()
		r.p.Wait()
		if got, want := tries(), map[int]int{6: 1}[second]; got != want {
			t.Errorf("disk repaired, second %d: %d tries, want %d", second, got, want)
		}
		r.clock.Advance(time.Second)
	}
	r.wantInfo("repaired", "rdb_last_bgsave_status:ok", "rdb_changes_since_last_save:0", "rdb_saves:5")
}

func TestScheduled(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	cron := func() (saves int) {
		before, _ := strconv.Atoi(r.info("rdb_saves"))
		r.p.Cron()
		r.p.Wait()
		after, _ := strconv.Atoi(r.info("rdb_saves"))
		return after - before
	}
	if err := r.p.Schedule(); err != nil {
		t.Fatal(err)
	}
	if a, b := cron(), cron(); a != 1 || b != 0 { // whatever has changed: nothing has
		t.Errorf("scheduled once, saved at the next turns of Cron: %d, %d; want 1, 0", a, b)
	}
	r.fault.Set(vfs.Fault{At: 1, Err: syscall.ENOSPC})
	if err := r.bgsave(); err != nil {
		t.Fatal(err)
	}
	if err := r.p.Schedule(); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(5 * time.Second)
	if got := cron(); got != 0 {
		t.Errorf("scheduled 5 s after a failure: %d saves, want 0", got)
	}
	r.clock.Advance(time.Second)
	if a, b := cron(), cron(); a != 1 || b != 0 {
		t.Errorf("scheduled, 6 s after a failure: %d, %d saves; want 1, 0", a, b)
	}
	r.wantInfo("at the end", "rdb_last_bgsave_status:ok")
}

// TestCutFails: a save that cannot begin is a failed one. Here there is no room for what writers are
// to keep aside.
func TestCutFails(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.set("save", "60 1")
	limit := strconv.FormatInt(r.cfg.Current().SnapshotBufferLimit, 10)
	r.set("snapshot-buffer-limit", strconv.FormatInt(1<<55, 10))
	r.change(1)
	r.log.take()
	if err := r.bgsave(); err == nil {
		t.Fatal("BGSAVE began with 32 PiB kept aside")
	}
	if log := r.log.take(); len(log) != 1 || !strings.HasPrefix(log[0], "# Can't save in background: ") {
		t.Errorf("the log says %q", log)
	}
	r.wantInfo("BGSAVE failed", "rdb_last_bgsave_status:err", "rdb_bgsave_in_progress:0", "rdb_changes_since_last_save:1", "total_forks:0")
	r.wantRefusal("BGSAVE failed", errMisconf)
	if err := r.p.Save(); err != ErrSave {
		t.Errorf("SAVE: %v, want %v", err, ErrSave)
	}
	if err := r.p.Schedule(); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(6 * time.Second)
	r.p.Cron()
	r.set("snapshot-buffer-limit", limit)
	r.clock.Advance(6 * time.Second)
	r.p.Cron() // what was scheduled still is
	r.p.Wait()
	r.wantInfo("at the end", "rdb_last_bgsave_status:ok", "rdb_changes_since_last_save:0", "total_forks:1")
	r.wantRefusal("at the end", "")
}

// TestRefusal: MISCONF needs a failed save in the background, stop-writes-on-bgsave-error and a
// save point, and goes with any of them.
func TestRefusal(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	fail := func(save func() error) {
		t.Helper()
		r.fault.Set(vfs.Fault{At: 1, Err: syscall.EIO})
		_ = save()
		r.fault.Set(vfs.Fault{})
	}
	fail(r.p.Save)
	r.wantRefusal("SAVE failed", "")
	fail(r.bgsave)
	r.wantRefusal("BGSAVE failed", errMisconf)
	fail(r.p.Save)
	r.wantRefusal("and SAVE too", errMisconf)
	r.set("stop-writes-on-bgsave-error", "no")
	r.wantRefusal("stop-writes-on-bgsave-error no", "")
	r.set("stop-writes-on-bgsave-error", "yes")
	r.wantRefusal("stop-writes-on-bgsave-error yes", errMisconf)
	r.set("save", "")
	r.wantRefusal("no save points", "")
	fail(r.bgsave)
	r.wantRefusal("no save points, failed again", "")
	r.set("save", "3600 1")
	r.wantRefusal("a save point", errMisconf)
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	r.wantRefusal("SAVE was good", "")
	fail(r.bgsave)
	r.wantRefusal("BGSAVE failed once more", errMisconf)
	if err := r.flushAll(); err != nil {
		t.Fatal(err)
	}
	r.wantRefusal("FLUSHALL saved", "")
	fail(r.bgsave)
	if err := r.bgsave(); err != nil {
		t.Fatal(err)
	}
	r.wantRefusal("BGSAVE was good", "")
	r.wantInfo("at the end", "rdb_last_bgsave_status:ok")
}
