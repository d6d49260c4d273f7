// Shows what holds while a save is under way in the background: no other starts, INFO tells how far
// it is, its file holds the instant of its start, and FLUSHALL or Abort end it without a file. A
// gate before the disk stops the save where the test wants it.

package persist

import (
	"errors"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tarn/internal/keyspace"
	"tarn/internal/vfs"
)

// newGated returns a rig whose saves can be stopped.
func newGated(t *testing.T) (*rig, *gate) {
	t.Helper()
	var g *gate
	return newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g }), g
}

// begin starts a save in the background and returns when it stands at op.
func begin(t *testing.T, r *rig, g *gate, op string) (release func()) {
	t.Helper()
	await, release := g.stopAt(op)
	if _, err := r.p.BGSave(r.tx, false); err != nil {
		t.Fatal(err)
	}
	await()
	return release
}

func TestWhileASaveRuns(t *testing.T) {
	r, g := newGated(t)
	r.set("save", "1 1")
	big := strings.Repeat("x", 10_000)
	for i := range 100 {
		r.put(0, "key:"+strconv.Itoa(i), big, keyspace.NoDeadline)
	}
	release := begin(t, r, g, "create")
	cut := r.dataset()
	for name, call := range map[string]func() error{
		"SAVE": r.p.Save, "BGSAVE": func() error { _, err := r.p.BGSave(r.tx, false); return err },
		"BGSAVE SCHEDULE":              func() error { _, err := r.p.BGSave(r.tx, true); return err },
		"BGSAVE put off by EXEC":       r.p.Schedule,
		"DEBUG RELOAD":                 func() error { return r.p.Reload(false, false, false) },
		"a save point that is met":     func() error { r.clock.Advance(time.Second); r.p.Cron(); return ErrInProgress },
		"the same a second time after": func() error { r.clock.Advance(time.Second); r.p.Cron(); return ErrInProgress },
	} {
		if err := call(); err != ErrInProgress {
			t.Errorf("%s while a save runs: %v, want %v", name, err, ErrInProgress)
		}
	}
	for i := range 50 {
		r.put(0, "key:"+strconv.Itoa(i), big+"y", keyspace.NoDeadline)
	}
	r.put(1, "another", "key", keyspace.NoDeadline)
	r.wantInfo("before the walk", "rdb_bgsave_in_progress:1", "rdb_saves:1", "rdb_current_bgsave_time_sec:2",
		"rdb_last_bgsave_time_sec:-1", "current_save_keys_total:100", "current_save_keys_processed:0", "current_fork_perc:0.00",
		"total_forks:1", "latest_fork_usec:0", "rdb_changes_since_last_save:151")
	held, err := strconv.Atoi(r.info("current_cow_size"))
	if err != nil || held < 50*len(big) || held > 60*len(big) {
		t.Errorf("current_cow_size %d (%v) after 50 values of %d bytes were overwritten", held, err, len(big))
	}
	if peak := r.info("current_cow_peak"); peak != strconv.Itoa(held) {
		t.Errorf("current_cow_peak %s, current_cow_size %d", peak, held)
	}
	r.log.take()
	release()
	r.p.Wait()
	r.wantLog("at the end", "* DB saved on disk", "* Fork CoW for RDB: current 0 MB, peak 0 MB, average 0 MB",
		"* Background saving terminated with success")
	r.wantInfo("at the end", "rdb_bgsave_in_progress:0", "rdb_current_bgsave_time_sec:-1", "rdb_last_bgsave_time_sec:2",
		"current_save_keys_total:0", "current_save_keys_processed:0", "current_cow_size:0", "current_cow_peak:0",
		"rdb_last_cow_size:"+strconv.Itoa(held), "rdb_changes_since_last_save:51", "rdb_last_bgsave_status:ok")
	if got, err := loaded(t, r.disk); err != nil || !maps.Equal(got, cut) {
		t.Errorf("the file holds %s (%v), at the cut there was %s", got.brief(), err, cut.brief())
	}
	if err := r.p.Save(); err != nil {
		t.Errorf("SAVE afterwards: %v", err)
	}
}

// TestHowFar: keys are counted while they are written.
func TestHowFar(t *testing.T) {
	r, g := newGated(t)
	for i := range 10 {
		r.put(0, strconv.Itoa(i), "value", keyspace.NoDeadline)
	}
	release := begin(t, r, g, "sync")
	r.wantInfo("before the sync", "current_save_keys_total:10", "current_save_keys_processed:10", "current_fork_perc:100.00")
	release()
	r.p.Wait()
}

func TestAbort(t *testing.T) {
	for _, op := range []string{"create", "sync"} {
		r, g := newGated(t)
		r.put(0, "saved", "1", keyspace.NoDeadline)
		if err := r.p.Save(); err != nil {
			t.Fatal(err)
		}
		want := r.dataset()
		lastSave := strconv.FormatInt(r.p.LastSave(), 10)
		r.clock.Advance(time.Minute)
		r.put(0, "unsaved", "2", keyspace.NoDeadline)
		release := begin(t, r, g, op)
		r.log.take()
		r.p.Abort()
		r.p.Abort()
		r.wantLog("aborted twice", "* There is a child saving an .rdb. Killing it!")
		release()
		r.p.Wait()
		r.wantLog("at the end", "# Background saving terminated by request")
		if got, err := loaded(t, r.disk); err != nil || !maps.Equal(got, want) {
			t.Errorf("aborted at %s: the file holds %s (%v), want %s", op, got.brief(), err, want.brief())
		}
		if left := temps(t, r.disk); len(left) > 0 {
			t.Errorf("aborted at %s: left: %q", op, left)
		}
		r.wantRefusal("aborted", "")
		r.wantInfo("aborted", "rdb_last_bgsave_status:ok", "rdb_changes_since_last_save:1", "rdb_last_save_time:"+lastSave)
		if err := r.bgsave(); err != nil {
			t.Fatal(err)
		}
		if got, err := loaded(t, r.disk); err != nil || !maps.Equal(got, r.dataset()) {
			t.Errorf("saved after an abort: %s (%v)", got.brief(), err)
		}
	}
	r := newRig(t, newDisk(t), nil)
	r.log.take()
	r.p.Abort()
	r.p.Wait()
	r.wantLog("nothing to abort")
}

// TestFlushAllWhileSaving: whatever the save under way has reached, what is on disk after both is
// the empty keyspace.
func TestFlushAllWhileSaving(t *testing.T) {
	for _, op := range []string{"create", "sync", "rename", "syncdir"} {
		r, g := newGated(t)
		r.put(0, "flushed", "1", keyspace.NoDeadline)
		if err := r.p.Save(); err != nil {
			t.Fatal(err)
		}
		r.put(0, "flushed", "2", keyspace.NoDeadline)
		release := begin(t, r, g, op)
		flushed := make(chan error, 1)
		awaitClose, releaseClose := g.stopAt("close")
		go func() { flushed <- r.flushAll() }()
		awaitClose()
		releaseClose()
		if op == "rename" { // FLUSHALL's own renaming, its next step, has to wait for this one
			for range 100_000 {
				runtime.Gosched()
			}
			if len(flushed) > 0 {
				t.Error("FLUSHALL's file was put in place before an older one that was on its way")
			}
			release()
		}
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		if op != "rename" {
			release()
		}
		r.p.Wait()
		if got, err := loaded(t, r.disk); err != nil || got == nil || len(got) != 0 {
			t.Errorf("FLUSHALL at %s: the file holds %s (%v), want nothing", op, got.brief(), err)
		}
		if left := temps(t, r.disk); len(left) > 0 {
			t.Errorf("FLUSHALL at %s: left: %q", op, left)
		}
		r.wantInfo("FLUSHALL at "+op, "rdb_changes_since_last_save:0", "rdb_last_bgsave_status:ok", "rdb_bgsave_in_progress:0")
	}
}

// TestFlushAllWithoutSavePoints ends the save under way and writes nothing.
func TestFlushAllWithoutSavePoints(t *testing.T) {
	r, g := newGated(t)
	r.set("save", "")
	r.put(0, "flushed", "1", keyspace.NoDeadline)
	release := begin(t, r, g, "sync")
	if err := r.flushAll(); err != nil {
		t.Fatal(err)
	}
	release()
	r.p.Wait()
	if got, err := loaded(t, r.disk); got != nil || err != nil {
		t.Errorf("there is a file with %s (%v)", got.brief(), err)
	}
	r.wantInfo("afterwards", "rdb_changes_since_last_save:2", "rdb_last_bgsave_status:ok")
}

// TestAllAtOnce has everybody save, abort, look and write at the same time; it is for the race
// detector. Afterwards a save is possible and holds what there is.
func TestAllAtOnce(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.set("save", "1 1")
	var wg sync.WaitGroup
	each := func(rounds int, f func(i int)) {
		wg.Go(func() {
			for i := range rounds {
				f(i)
			}
		})
	}
	allowed := func(err error) {
		if err != nil && !errors.Is(err, ErrInProgress) {
			t.Errorf("a save: %v", err)
		}
	}
	each(200, func(i int) { r.put(0, strconv.Itoa(i%20), strconv.Itoa(i), keyspace.NoDeadline) })
	each(60, func(int) { r.clock.Advance(700 * time.Millisecond); r.p.Cron() })
	tx := r.ks.NewTx()
	each(60, func(int) { _, err := r.p.BGSave(tx, false); allowed(err) })
	each(60, func(int) { allowed(r.p.Save()) })
	each(60, func(int) { r.p.Abort(); r.p.Wait() })
	each(60, func(int) {
		for _, f := range r.p.InfoFields() {
			f.Read(nil)
		}
	})
	wg.Wait()
	r.p.Wait()
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	if got, err := loaded(t, r.disk); err != nil || !maps.Equal(got, r.dataset()) {
		t.Errorf("the file holds %s (%v), want %s", got.brief(), err, r.dataset().brief())
	}
	r.wantInfo("afterwards", "rdb_bgsave_in_progress:0", "rdb_changes_since_last_save:0", "rdb_last_bgsave_status:ok")
}
