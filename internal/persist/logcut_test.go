// Shows what of the log a power cut, or a disk that fails, takes: never anything that was said to be
// durable, never anything but the end of the history. Every operation on the disk, of the start, of
// writing, of rewriting and of switching on, is the last one in turn, or fails once; what was not
// synced then is on the disk in part or not, as seeds decide. The proof is proved: where syncs do nothing, things are lost.

package persist

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"

	"tarn/internal/config"
	"tarn/internal/vfs"
)

const logSeeds = 4 // outcomes looked at for each moment of a power cut

// life is what a server does between two starts. acked is the last step that was said to be durable.
type life struct {
	r     *rig
	steps int // made
	acked int
	alive bool
}

// grow makes steps, and waits for each to be durable under the policy always.
func (l *life) grow(steps int) {
	for range steps {
		if !l.alive {
			return
		}
		l.steps++
		db, pairs := step(l.steps)
		end := l.r.write(db, pairs...)
		if l.r.cfg.Current().AppendFsync == config.FsyncAlways && l.r.cfg.Current().AppendOnly {
			if l.alive = l.r.awaitDurable(end); l.alive {
				l.acked = l.steps
			}
		}
	}
}

// flush is what SHUTDOWN does to the log.
func (l *life) flush() {
	if !l.alive {
		return
	}
	if l.alive = l.r.p.Flush() == nil; l.alive {
		l.acked = l.steps
	}
}

func (l *life) rewrite() {
	if l.alive {
		_, _ = l.r.p.BGRewrite(false)
	}
}

// rewriteLate is a rewrite before whose cut something happens.
func (l *life) rewriteLate(before func()) {
	if l.alive {
		_ = l.r.beforeTheCut(before)
	}
}

// cancel is what SHUTDOWN does to a rewrite, and CONFIG SET appendonly no.
func (l *life) cancel() {
	l.r.p.mu.Lock()
	defer l.r.p.mu.Unlock()
	if j := l.r.p.job; j != nil {
		l.r.p.cancel(j)
	}
}

// logLives are kinds of lives, from a start to a power cut.
var logLives = []struct {
	name       string
	directives []string
	live       func(l *life)
}{
	{"always", []string{"appendfsync", "always"}, func(l *life) {
		l.grow(3)
		l.rewrite()
		l.grow(3)
		l.r.p.Wait()
		l.grow(2)
		l.rewrite()
		l.r.p.Wait()
		l.grow(1)
	}},
	{"always, base of commands", []string{"appendfsync", "always", "aof-use-rdb-preamble", "no", "aof-timestamp-enabled", "yes"}, func(l *life) {
		l.grow(2)
		l.rewrite()
		l.r.p.Wait()
		l.grow(2)
	}},
	{"everysec", nil, func(l *life) {
		l.grow(4)
		l.flush()
		l.grow(2)
		l.rewrite()
		l.grow(2)
		l.flush()
		l.r.p.Wait()
		l.grow(1)
	}},
	{"always, writes before the cut", []string{"appendfsync", "always"}, func(l *life) {
		l.grow(2)
		l.rewriteLate(func() { l.grow(2) })
		l.grow(1)
		l.r.p.Wait()
		l.grow(1)
		l.rewriteLate(func() { l.grow(1) })
		l.r.p.Wait()
		l.grow(1)
	}},
	{"always, cancelled before the cut", []string{"appendfsync", "always"}, func(l *life) {
		l.grow(1)
		l.rewriteLate(func() {
			l.grow(1)
			l.cancel()
			l.grow(1)
		})
		l.grow(1)
		l.r.p.Wait()
		l.grow(1)
		l.rewrite()
		l.r.p.Wait()
		l.grow(1)
	}},
	{"everysec, writes before the cut", nil, func(l *life) {
		l.grow(3)
		l.rewriteLate(func() {
			l.flush()
			l.grow(2)
		})
		l.grow(2)
		l.r.p.Wait()
		l.flush()
		l.grow(1)
	}},
	{"no", []string{"appendfsync", "no"}, func(l *life) {
		l.grow(4)
		l.rewrite()
		l.grow(2)
		l.r.p.Wait()
		l.flush()
		l.grow(2)
	}},
}

// runLife starts a server on disk, lets it live, and says whether it could start.
func runLife(r *rig, directives []string, live func(l *life), from int) *life {
	l := &life{r: r, steps: from, acked: from}
	if r.boot(directives...) != nil {
		return l
	}
	l.alive = true
	live(l)
	return l
}

// after holds disks that a power cut may leave against the history.
func (l *life) after(t *testing.T, what string) (wrong []string) {
	t.Helper()
	l.r.end()
	h := history(l.steps)
	for seed := range uint64(logSeeds) {
		disk := l.r.disk.Crash(seed)
		got, err := booted(t, disk)
		if at := placeIn(h, got); err != nil || at < l.acked {
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: found %s (%v), step %d of %d, of which %d were durable", what, seed, got.brief(), err, at, l.steps, l.acked))
			continue
		}
		if again, err := booted(t, disk); err != nil || !maps.Equal(got, again) {
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: found %s, then %s (%v)", what, seed, got.brief(), again.brief(), err))
		}
	}
	return wrong
}

// cutLives cuts the power at each operation of a life. Each is one on a disk where another life has
// been, so that there is a log to be started from.
func cutLives(t *testing.T, directives []string, live func(l *life), over func(vfs.FS) vfs.FS, enough int) (wrong []string) {
	t.Helper()
	first := newDisk(t)
	before := runLife(newRig(t, first, nil), []string{"appendfsync", "always"}, func(l *life) { l.grow(2) }, 0)
	before.r.end()
	for at, last := int64(1), false; !last && len(wrong) <= enough; at++ {
		disk := newDisk(t)
		from := 0
		if at%2 == 0 { // every other one on a new disk: its operations come a little later
			disk, from = first.Crash(0), before.steps
		}
		r := newRig(t, disk, over)
		r.through = at%4 < 2
		r.fault.Set(vfs.Fault{At: at, Err: syscall.EIO, Short: at%3 == 0, Stays: true})
		l := runLife(r, directives, live, from)
		r.p.Wait()
		last = r.fault.Ops() < at
		wrong = append(wrong, l.after(t, fmt.Sprintf("power cut at operation %d, %s", at, r.fault.Op(at)))...)
	}
	return wrong
}

func TestLogPowerCut(t *testing.T) {
	for _, tc := range logLives {
		t.Run(tc.name, func(t *testing.T) {
			for _, wrong := range cutLives(t, tc.directives, tc.live, nil, 20) {
				t.Error(wrong)
			}
		})
	}
}

// TestLogPowerCutIsSeen runs the same on disks that do not do what they are told.
func TestLogPowerCutIsSeen(t *testing.T) {
	for _, tc := range []struct {
		name string
		over func(vfs.FS) vfs.FS
	}{
		{"files are not synced", func(below vfs.FS) vfs.FS { return unsyncedFiles{below} }},
		{"folders are not synced", func(below vfs.FS) vfs.FS { return unsyncedFolders{below} }},
	} {
		if wrong := cutLives(t, logLives[0].directives, logLives[0].live, tc.over, 0); len(wrong) == 0 {
			t.Errorf("%s: nothing is lost", tc.name)
		}
	}
}

// TestLogEveryOperationFails lets each operation of a life fail once. The server then goes on: what it
// writes afterwards is durable, and all of it is there after the next start. One that could not start
// starts the second time.
func TestLogEveryOperationFails(t *testing.T) {
	for _, tc := range logLives {
		if slices.Contains(tc.directives, "always") {
			continue // ends the process
		}
		t.Run(tc.name, func(t *testing.T) {
			for at, last := int64(1), false; !last; at++ {
				r := newRig(t, newDisk(t), nil)
				r.through = at%4 < 2
				r.fault.Set(vfs.Fault{At: at, Err: syscall.ENOSPC, Short: at%2 == 0})
				l := &life{r: r}
				what := fmt.Sprintf("ENOSPC at operation %d, ", at)
				if err := r.boot(tc.directives...); err != nil {
					what += r.fault.Op(at)
					if got, err := booted(t, r.disk.Crash(uint64(at))); err != nil || len(got) != 0 {
						t.Errorf("%s: the start failed, and the next finds %s (%v)", what, got.brief(), err)
					}
					continue
				}
				l.alive = true
				tc.live(l)
				r.p.Wait()
				last = r.fault.Ops() < at
				what += r.fault.Op(at)
				l.alive = true
				l.grow(1)
				end := r.journal.End()
				for range 3 { // the first may still hear of the failure
					if r.p.Flush() == nil {
						r.until(func() bool { return r.durable >= end }) // said last of all
						break
					}
				}
				l.acked = l.steps
				r.wantRefusal(what, "")
				if got := r.info("aof_last_write_status"); got != "ok" {
					t.Errorf("%s: aof_last_write_status is %s in the end", what, got)
				}
				for _, wrong := range l.after(t, what) {
					t.Error(wrong)
				}
				if t.Failed() {
					t.Fatalf("the log says %q", r.log.take())
				}
			}
		})
	}
}

// TestSwitchingOn cuts the power at each operation of CONFIG SET appendonly yes, and what follows: until
// the log is complete, what counts is that whatever is found is a prefix; when it is, that nothing
// durable is lost.
func TestSwitchingOn(t *testing.T) {
	for at, last := int64(1), false; !last; at++ {
		r := newRig(t, newDisk(t), nil)
		r.p.log.second = 1e6
		l := &life{r: r, alive: true}
		l.grow(3)
		r.fault.Set(vfs.Fault{At: at, Err: syscall.EIO, Stays: true})
		err := r.cfg.Set([]config.Pair{{Name: "appendonly", Value: "yes"}}, config.Rights{Protected: true})
		l.grow(2)
		r.p.Wait()
		last = r.fault.Ops() < at
		complete := r.info("aof_last_bgrewrite_status") == "ok" && err == nil && r.p.log.state == logOn
		if last {
			if !complete {
				t.Fatalf("nothing failed, and the log is not complete: %q", r.log.take())
			}
			r.fault.Set(vfs.Fault{})
			l.flush()
			if l.acked != 5 {
				t.Errorf("flush: %d steps are durable, want 5", l.acked)
			}
		}
		for _, wrong := range l.after(t, fmt.Sprintf("power cut at operation %d, %s", at, r.fault.Op(at))) {
			t.Error(wrong)
		}
	}
}

// TestCutIsExact shows that base and increment join where the cut was, while others write: a key that
// counts is in the base what it was at the cut, and the increment goes on from there.
func TestCutIsExact(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	if err := r.boot(); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		other := &rig{t: t, p: r.p, through: true, ks: r.ks, tx: r.ks.NewTx(), clock: r.clock, journal: r.journal, unit: r.journal.NewUnit()}
		i := 0
		for ; ; i++ {
			select {
			case <-stop:
				done <- i
				return
			default:
			}
			db, pairs := step(i + 1)
			other.write(db, pairs...)
		}
	}()
	for range 20 {
		if _, err := r.p.BGRewrite(false); err != nil {
			t.Error(err)
		}
		r.p.Wait()
	}
	close(stop)
	steps := <-done
	if err := r.p.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := r.info("aof_rewrites"); got != "20" {
		t.Errorf("%s rewrites, want 20: %q", got, r.log.take())
	}
	got, err := booted(t, r.disk.Crash(1))
	if at := placeIn(history(steps), got); err != nil || at != steps {
		t.Errorf("found %s (%v), step %d of %d", got.brief(), err, at, steps)
	}
}

// TestRereadDuringRewrites shows that the log is loaded whole while rewrites replace its files.
func TestRereadDuringRewrites(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	if err := r.boot(); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		db, pairs := step(i + 1)
		r.write(db, pairs...)
		if _, err := r.p.BGRewrite(false); err != nil {
			t.Fatal(err)
		}
		r.world.Lock()
		err := r.p.Reread()
		r.world.Unlock()
		if err != nil {
			t.Fatalf("round %d: %v: %q", i, err, r.log.take())
		}
		r.p.Wait()
		r.log.take()
	}
	if got := r.dataset(); placeIn(history(300), got) != 300 {
		t.Errorf("found %s, step %d of 300", got.brief(), placeIn(history(300), got))
	}
}
