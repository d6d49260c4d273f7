// Shows that a disk that fails at any operation of a save costs nothing but that save: the file in
// place is whole and is the old one (or the new one, if only its name could not be made durable),
// no temporary file stays, and what INFO, the log and the refusal of writes say is true. A save is
// run once to count its operations and then once for each, with that one failing in every way.

package persist

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/vfs"
	"tarn/test/chance"
)

// ways are how an operation can fail.
var ways = []struct {
	name  string
	fault vfs.Fault
}{
	{"ENOSPC", vfs.Fault{Err: syscall.ENOSPC}},
	{"ENOSPC, short", vfs.Fault{Err: syscall.ENOSPC, Short: true}},
	{"EIO", vfs.Fault{Err: syscall.EIO}},
	{"EIO and all after it", vfs.Fault{Err: syscall.EIO, Stays: true}},
}

// saveKinds are the ways in which the keyspace is put on disk.
var saveKinds = []struct {
	name       string
	background bool
	run        func(r *rig) error // its error is what the client is told
}{
	{"SAVE", false, func(r *rig) error { return r.p.Save() }},
	{"BGSAVE", true, func(r *rig) error { return r.bgsave() }},
	{"FLUSHALL", false, func(r *rig) error { return r.flushAll() }},
}

// fill stores about size bytes in large and small values of both kinds, in two databases.
func fill(r *rig, chance *rand.Rand, size int) {
	for stored := 0; stored < size; {
		value := make([]byte, chance.IntN(min(size, 100<<10)))
		for i := 0; i+8 <= len(value); i += 8 {
			binary.LittleEndian.PutUint64(value[i:], chance.Uint64())
		}
		r.put(0, "bytes:"+strconv.Itoa(stored), string(value), keyspace.NoDeadline)
		r.put(3, "number:"+strconv.Itoa(stored), strconv.Itoa(chance.Int()), r.clock.Millis()+1e9)
		stored += len(value) + 1
	}
}

func TestEveryOperationOfASaveFails(t *testing.T) {
	for _, size := range []int{2 << 10, 9 << 20} {
		for _, kind := range saveKinds {
			if kind.name == "FLUSHALL" && size > 2<<10 {
				continue // what it writes has always the same size
			}
			t.Run(fmt.Sprintf("%s/size=%d", kind.name, size), func(t *testing.T) {
				seed := chance.Seed(t)
				t.Logf("seed %d", seed)
				f := &faultRun{rig: newRig(t, newDisk(t), nil), kind: kind.name, background: kind.background, save: kind.run}
				f.large = size > syncBytes
				f.cfg.Update(func(c *config.Config) { c.RDBChecksum, c.RDBCompression = !f.large, !f.large }) // for speed
				fill(f.rig, rand.New(rand.NewPCG(seed, 1)), size)
				f.all()
			})
		}
	}
}

// faultRun fails one kind of save in every way. The key "version" tells the states apart: before
// each failing save the file holds version-1 and the keyspace version, or after FLUSHALL nothing.
type faultRun struct {
	*rig
	kind       string
	background bool
	save       func(r *rig) error
	large      bool // enough for the hints that a long file gets; only they fail
	version    int
}

// next makes another version and saves it, then makes one more, which is the one that fails.
func (f *faultRun) next() {
	f.t.Helper()
	f.version++
	f.put(0, "version", strconv.Itoa(f.version), keyspace.NoDeadline)
	f.fault.Set(vfs.Fault{})
	if err := f.p.Save(); err != nil {
		f.t.Fatalf("SAVE on a sound disk: %v", err)
	}
	f.clock.Advance(time.Minute)
	if f.kind != "FLUSHALL" {
		f.version++
		f.put(0, "version", strconv.Itoa(f.version), keyspace.NoDeadline)
	}
	f.log.take()
}

func (f *faultRun) all() {
	f.next()
	f.fault.Set(vfs.Fault{})
	if err := f.save(f.rig); err != nil {
		f.t.Fatalf("on a sound disk: %v", err)
	}
	var ops []string
	for k := range f.fault.Ops() {
		ops = append(ops, f.fault.Op(k+1))
	}
	tried := map[string]bool{}
	for k, op := range ops {
		name, _, _ := strings.Cut(op, " ")
		if f.large && name != "syncrange" && name != "dontneed" {
			continue
		}
		tried[name] = true
		for i, way := range ways {
			if !f.large || i == k%len(ways) {
				f.one(int64(k+1), way.name, way.fault)
			}
		}
	}
	want := []string{"close", "open", "rename", "sync", "syncdir", "write"}
	if f.large {
		want = []string{"dontneed", "syncrange"}
	}
	if got := slices.Sorted(maps.Keys(tried)); !slices.Equal(got, want) {
		f.t.Errorf("a save makes operations %q, want %q", got, want)
	}
}

// one fails operation k and looks at what is left.
func (f *faultRun) one(k int64, way string, fault vfs.Fault) {
	f.next()
	t, before := f.t, f.snapshotOfInfo()
	f.clock.Advance(2 * time.Second)
	fault.At = k
	f.fault.Set(fault)
	err := f.save(f.rig)
	op := f.fault.Op(k)
	what := fmt.Sprintf("%s: %s at operation %d, %s", f.kind, way, k, op)
	f.fault.Set(vfs.Fault{})

	kept, placed := strconv.Itoa(f.version-1), strconv.Itoa(f.version)
	if f.kind == "FLUSHALL" {
		kept, placed = strconv.Itoa(f.version), ""
	}
	got, readErr := fileHolds(t, f.disk, "version")
	hint := strings.HasPrefix(op, "dontneed") && !fault.Stays
	syncsFolder := strings.HasPrefix(op, "syncdir")
	want := kept
	if hint || syncsFolder {
		want = placed
	}
	if readErr != nil || got != want {
		t.Errorf("%s: the file holds version %q (%v), want %q", what, got, readErr, want)
	}
	log, left := f.log.take(), temps(t, f.disk)
	if fault.Stays && len(left) == 1 { // it could not be removed: the next start does it
		f.p.CleanTemp()
		left = temps(t, f.disk)
	}
	if len(left) != 0 {
		t.Errorf("%s: left in the folder: %q", what, left)
	}
	if f.p.Saving() {
		t.Fatalf("%s: a save is said to be under way", what)
	}
	if hint {
		f.wantSuccess(what, err)
		return
	}
	f.wantFailure(what, before, err)
	if !tellsOfFailure(log, f.background) {
		t.Errorf("%s: the log says %q", what, log)
	}
	if !f.large {
		f.heal(what)
	}
}

// infoBefore is what a failed save must leave as it was.
type infoBefore struct {
	changes, lastSave int64
	status            string
}

func (f *faultRun) snapshotOfInfo() infoBefore {
	return infoBefore{f.p.Changes(), f.p.LastSave(), f.info("rdb_last_bgsave_status")}
}

func (f *faultRun) wantSuccess(what string, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Errorf("%s: %v, want success: it was only a hint", what, err)
	}
	f.wantInfo(what, "rdb_changes_since_last_save:0", "rdb_last_bgsave_status:ok",
		"rdb_last_save_time:"+strconv.FormatInt(f.clock.Millis()/1000, 10))
}

// wantFailure checks what is said after a save that failed.
func (f *faultRun) wantFailure(what string, before infoBefore, err error) {
	f.t.Helper()
	status, refusal := "ok", resp.Error("")
	wantErr := error(ErrSave)
	if f.background { // only such a save has a status, and fails after the reply
		status, refusal, wantErr = "err", errMisconf, nil
	}
	if err != wantErr {
		f.t.Errorf("%s: error %v, want %v", what, err, wantErr)
	}
	changes := before.changes
	if f.kind == "FLUSHALL" {
		changes = f.p.Changes() // FLUSHALL itself made some
		if changes == 0 {
			f.t.Errorf("%s: FLUSHALL is not a change since the last save", what)
		}
	}
	f.wantInfo(what, "rdb_last_bgsave_status:"+status,
		"rdb_changes_since_last_save:"+strconv.FormatInt(changes, 10),
		"rdb_last_save_time:"+strconv.FormatInt(before.lastSave, 10))
	f.wantRefusal(what, refusal)
}

// tellsOfFailure says whether a log has the cause once and, of a save in the background, the
// end, and does not say that anything was saved.
func tellsOfFailure(log []string, background bool) bool {
	causes, ends := 0, 0
	for _, line := range log {
		switch {
		case strings.HasPrefix(line, "# Failed opening the temp RDB file temp-"),
			strings.HasPrefix(line, "# Write error saving DB on disk("),
			strings.HasPrefix(line, "# Error moving temp DB file temp-"):
			causes++
			if !strings.HasSuffix(line, ": No space left on device") && !strings.HasSuffix(line, ": Input/output error") {
				return false
			}
		case line == "# Background saving error":
			ends++
		case line != fmt.Sprintf("* Background saving started by pid %d", rigPid):
			return false
		}
	}
	return causes == 1 && (ends == 1) == background
}

// heal shows that the next save of the same kind, on a sound disk, is a good one and is seen to be.
func (f *faultRun) heal(what string) {
	f.t.Helper()
	f.clock.Advance(3 * time.Second)
	if f.background && f.version%2 == 0 { // every other time by a save that has no status of its own
		if err := f.p.Save(); err != nil {
			f.t.Fatalf("after %s: SAVE: %v", what, err)
		}
	} else if err := f.save(f.rig); err != nil {
		f.t.Fatalf("after %s: %v", what, err)
	}
	f.wantInfo("a save after "+what, "rdb_last_bgsave_status:ok", "rdb_changes_since_last_save:0",
		"rdb_last_save_time:"+strconv.FormatInt(f.clock.Millis()/1000, 10))
	f.wantRefusal("a save after "+what, "")
	if left := temps(f.t, f.disk); len(left) != 0 {
		f.t.Errorf("a save after %s leaves %q", what, left)
	}
}
