// Shows when a save is believed not to fit, before the first file and after, by which bound, that the
// operator can have it tried all the same, and that a growing file leaves the log what it may need.

package persist

import (
	"strings"
	"testing"
	"time"

	"tarn/internal/keyspace"
	"tarn/internal/vfs"
)

// wide has no bound that counts.
var wide = vfs.Room{Free: 1 << 50, Bound: vfs.OnDisk, Size: 1 << 50, File: 1 << 50}

// filled returns a rig that holds mib MiB in one value of a kind, for which text is repeated.
func filled(t *testing.T, text string, mib int) *rig {
	t.Helper()
	r := newRig(t, newDisk(t), nil)
	r.put(0, "big", strings.Repeat(text, mib<<20/len(text)), keyspace.NoDeadline)
	return r
}

func TestRoomFor(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		name       string
		compressed bool
		last       sizeMemo // with 3 MiB used now
		log        bool
		room       vfs.Room
		want       string // "": it may begin
	}{
		{"first, an eighth of 16 MiB", false, sizeMemo{}, false, vfs.Room{Free: mib, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50},
			"not enough room on the disk: about 3 MB are needed in /data, 1 MB are free"},
		{"first, with room for an eighth", false, sizeMemo{}, false, vfs.Room{Free: 3 * mib, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50}, ""},
		{"first, a hundredth", true, sizeMemo{}, false, vfs.Room{Free: 100 << 10, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50},
			"not enough room on the disk: about 1 MB are needed in /data, 0 MB are free"},
		{"first, with room for a hundredth", true, sizeMemo{}, false, vfs.Room{Free: mib, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50}, ""},
		{"as the last, which had half of the memory", true, sizeMemo{100 * mib, 3 * mib / 2}, false, vfs.Room{Free: 150 * mib, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50},
			"not enough room on the disk: about 201 MB are needed in /data, 150 MB are free"},
		{"as the last", true, sizeMemo{100 * mib, 3 * mib}, false, vfs.Room{Free: 101 * mib, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50}, ""},
		{"as the last, beside a log", true, sizeMemo{100 * mib, 3 * mib}, true, vfs.Room{Free: 101 * mib, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50},
			"not enough room on the disk: about 117 MB are needed in /data, 101 MB are free"},
		{"as the last, beside a log on a small disk", true, sizeMemo{100 * mib, 3 * mib}, true, vfs.Room{Free: 101 * mib, Bound: vfs.OnDisk, Size: 128 * mib, File: 1 << 50},
			"not enough room on the disk: about 103 MB are needed in /data, 101 MB are free"},
		{"a quota", true, sizeMemo{100 * mib, 3 * mib}, false, vfs.Room{Free: 5 * mib, Bound: "within the user's quota", File: 1 << 50},
			"not enough room within the user's quota: about 101 MB are needed in /data, 5 MB are free"},
		{"a limit of files", true, sizeMemo{100 * mib, 3 * mib}, false, vfs.Room{Free: 1 << 50, Bound: vfs.OnDisk, Size: 1 << 40, File: 10 * mib},
			"not enough room within the limit of a file's size (RLIMIT_FSIZE): about 101 MB are needed in /data, 10 MB are free"},
	} {
		r := filled(t, "x", 16)
		if tc.log {
			r.set("appendonly", "yes")
			r.p.Wait()
		}
		r.disk.SetRoom(tc.room)
		got := ""
		if err := r.p.roomFor(&tc.last, r.cfg.Current(), tc.compressed); err != nil {
			got = err.Error()
		}
		want := tc.want
		if want != "" {
			want += " (save-space-check no tries nevertheless)"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", tc.name, got, want)
		}
		r.set("save-space-check", "no")
		if err := r.p.roomFor(&tc.last, r.cfg.Current(), tc.compressed); err != nil {
			t.Errorf("%s, told not to look: %v", tc.name, err)
		}
	}
}

// TestLogIsSpared shows that a base that grows is given up when less is left than the log may need, and
// that a save is not when there is no log, or nobody is to look.
func TestLogIsSpared(t *testing.T) {
	for _, tc := range []struct {
		name       string
		log, check bool
		spared     bool
	}{
		{"beside a log", true, true, true},
		{"told not to look", true, false, false},
		{"without a log", false, true, false},
	} {
		r := filled(t, "y", 12)
		r.set("rdbcompression", "no")
		if tc.log {
			r.set("appendonly", "yes")
			r.p.Wait()
		}
		if !tc.check {
			r.set("save-space-check", "no")
		}
		r.p.baseSize, r.p.rdbSize = sizeMemo{}, sizeMemo{}
		r.log.take()
		// There is room for all that is believed to come, and while the file grows less is left.
		r.disk.SetRoom(vfs.Room{Free: logReserve - 1, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50})
		err := r.p.Save()
		if spared := err != nil; spared != tc.spared {
			t.Errorf("%s: SAVE: %v, the log says %q", tc.name, err, r.log.take())
		}
		if left := temps(t, r.disk); tc.spared && strings.Contains(strings.Join(left, " "), "temp-") {
			t.Errorf("%s: left: %q", tc.name, left)
		}
		if log := r.log.take(); tc.spared && (len(log) != 1 || !strings.Contains(log[0], "only 15 MB are left on the disk, which the append-only file may need")) {
			t.Errorf("%s: the log says %q", tc.name, log)
		}
		r.disk.SetRoom(wide)
		if err := r.p.Save(); err != nil {
			t.Errorf("%s: with room: %v", tc.name, err)
		}
	}
}

// TestDiskDoesNotAnswer shows that a BGSAVE begins while the disk does not say how much room there is, and
// that what it says then counts.
func TestDiskDoesNotAnswer(t *testing.T) {
	for _, tc := range []struct {
		free   int64
		status string
	}{{1 << 30, "ok"}, {10, "err"}} {
		r, g := newGated(t)
		r.put(0, "k", strings.Repeat("v", 1<<20), keyspace.NoDeadline)
		over := make(chan time.Time)
		r.p.patience = func() <-chan time.Time { return over }
		r.disk.SetRoom(vfs.Room{Free: tc.free, Bound: vfs.OnDisk, Size: 1 << 40, File: 1 << 50})
		await, release := g.stopAt("room")
		begun := make(chan error)
		go func() {
			_, err := r.p.BGSave(r.tx, false)
			begun <- err
		}()
		await() // the first question is asked; now patience may end, and the second be asked and answered
		close(over)
		if err := <-begun; err != nil {
			t.Fatalf("BGSAVE: %v", err)
		}
		r.put(0, "k", strings.Repeat("later", 1000), keyspace.NoDeadline) // still more than 10 bytes in a file
		r.p.Wait()                                                        // for the second answer: the first is still to come
		release()
		r.wantInfo("then", "rdb_last_bgsave_status:"+tc.status)
		text, err := fileHolds(t, r.disk, "k")
		if tc.status == "ok" && (err != nil || len(text) != 1<<20) || tc.status == "err" && err == nil {
			t.Errorf("%d bytes free: the file holds %d bytes (%v)", tc.free, len(text), err)
		}
	}
}
