// Shows that a power cut at any operation of a save leaves the old file or the new one, whole, and
// that a save which was said to be good is there afterwards. The disk in memory loses what was not
// synced, in part or wholly, as a seed decides. The proof is proved: without the sync of the file,
// or without that of the folder, it finds what is lost.

package persist

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"syscall"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/vfs"
)

const cutSeeds = 25 // outcomes looked at for each moment of a power cut

// scanned reads the file in place without a Store.
func scanned(disk *vfs.Mem) (dataset, error) {
	whole, err := vfs.ReadFile(disk, dumpRDB)
	if err != nil {
		return nil, err
	}
	d := dataset{}
	_, err = rdb.Scan(bytes.NewReader(whole), rdb.Options{Size: int64(len(whole))}, func(rec *rdb.Record) error {
		s, err := rec.Value.AsString()
		if err != nil {
			return err
		}
		value := ""
		if n, ok := s.Int(); ok {
			value = strconv.FormatInt(n, 10)
		} else if text, err := s.AppendTo(nil); err != nil {
			return err
		} else {
			value = string(text)
		}
		if rec.ExpireMs != rdb.None {
			value += " until " + strconv.FormatInt(rec.ExpireMs, 10)
		}
		d[strconv.Itoa(rec.DB)+"/"+string(rec.Key)] = value
		return nil
	})
	return d, err
}

// cutPower saves one state, durably, and then cuts the power at each operation of a save of
// another. It returns what should not be.
func cutPower(t *testing.T, save func(r *rig) error, over func(vfs.FS) vfs.FS) (wrong []string) {
	t.Helper()
	for at, last := int64(1), false; !last; at++ {
		for _, short := range []bool{false, true} {
			r := newRig(t, newDisk(t), over)
			r.put(0, "old", "state", keyspace.NoDeadline)
			r.put(7, "until", "later", r.clock.Millis()+1e6)
			if err := r.p.Save(); err != nil {
				t.Fatal(err)
			}
			if err := r.disk.SyncDir(dataDir); err != nil { // whatever over leaves out, this state is kept
				t.Fatal(err)
			}
			keep(t, r.disk)
			before := r.dataset()
			r.put(0, "old", "overwritten", keyspace.NoDeadline)
			r.put(0, "new", string(bytes.Repeat([]byte("state"), 1000)), keyspace.NoDeadline)
			r.fault.Set(vfs.Fault{At: at, Err: syscall.EIO, Short: short, Stays: true})
			err := save(r)
			good := err == nil && r.info("rdb_last_bgsave_status") == "ok"
			what := fmt.Sprintf("power cut at operation %d, %s (half done: %t)", at, r.fault.Op(at), short)
			last = r.fault.Ops() < at
			if last != good {
				t.Fatalf("%s: the save is said to be good: %t, all %d operations done: %t", what, good, r.fault.Ops(), last)
			}
			wrong = append(wrong, survivors(t, r, what, before, good)...)
		}
	}
	return wrong
}

// keep makes the file in place as durable as a whole disk's life makes it.
func keep(t *testing.T, disk *vfs.Mem) {
	t.Helper()
	f, err := disk.Open(dumpRDB)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// survivors looks at many disks that a power cut may have made of r's.
func survivors(t *testing.T, r *rig, what string, before dataset, good bool) (wrong []string) {
	t.Helper()
	after := r.dataset()
	for seed := range uint64(cutSeeds) {
		disk := r.disk.Crash(seed)
		got, err := scanned(disk)
		switch {
		case err == nil && maps.Equal(got, after):
		case err == nil && maps.Equal(got, before) && !good:
		default:
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: found %s (%v); before the save it was %s, now it is %s, told of success: %t",
				what, seed, got.brief(), err, before.brief(), after.brief(), good))
			continue
		}
		if seed > 0 {
			continue
		}
		if again, err := loaded(t, disk); err != nil || !maps.Equal(again, got) {
			wrong = append(wrong, fmt.Sprintf("%s, seed %d: Load finds %s (%v), the file holds %s", what, seed, again.brief(), err, got.brief()))
		}
	}
	return wrong
}

func TestPowerCut(t *testing.T) {
	for _, kind := range saveKinds {
		t.Run(kind.name, func(t *testing.T) {
			for _, wrong := range cutPower(t, kind.run, nil) {
				t.Error(wrong)
			}
		})
	}
}

// TestPowerCutIsSeen runs the same with a disk that does not do what it is told.
func TestPowerCutIsSeen(t *testing.T) {
	for _, tc := range []struct {
		name string
		over func(vfs.FS) vfs.FS
	}{
		{"files are not synced", func(below vfs.FS) vfs.FS { return unsyncedFiles{below} }},
		{"folders are not synced", func(below vfs.FS) vfs.FS { return unsyncedFolders{below} }},
	} {
		for _, kind := range saveKinds {
			if wrong := cutPower(t, kind.run, tc.over); len(wrong) == 0 {
				t.Errorf("%s: %s: nothing is lost", tc.name, kind.name)
			}
		}
	}
}

type unsyncedFolders struct{ vfs.FS }

func (unsyncedFolders) SyncDir(string) error { return nil }

type unsyncedFiles struct{ vfs.FS }

func (u unsyncedFiles) OpenFile(name string, flags int, perm fs.FileMode) (vfs.File, error) {
	f, err := u.FS.OpenFile(name, flags, perm)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error { return nil }
