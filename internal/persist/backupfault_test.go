// Shows that whatever operation of a backup fails, and at whichever the power goes, there are afterwards as many
// verified backups as before, each whole; that a backup which is said to be good is there; and that the next one,
// on a sound disk, tidies up. A backup here is all of it: written, read back, renamed, and an old one removed. The
// proof is proved: without the sync of files, or of folders, it finds what is lost.

package persist

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/vfs"
)

const backupsKept = 2

// backupRig returns a rig with two verified backups, which the third is about to push one out of.
func backupRig(t *testing.T, over func(vfs.FS) vfs.FS) *rig {
	t.Helper()
	r := newRig(t, newDisk(t), over)
	r.set("backup-keep", fmt.Sprint(backupsKept))
	r.put(0, "text", strings.Repeat("some text ", 500), keyspace.NoDeadline)
	for day := range backupsKept {
		r.at(fmt.Sprintf("2026-11-%02d 03:00:00", 1+day))
		r.change(1)
		if err := r.backup(); err != nil {
			t.Fatal(err)
		}
	}
	r.wantInfo("at first", fmt.Sprintf("backup_count:%d", backupsKept), "backup_last_status:ok")
	r.at("2026-11-03 03:00:00")
	r.change(1)
	r.log.take()
	return r
}

// wholeBackups counts the verified backups on a disk, and returns what is wrong with them.
func wholeBackups(t *testing.T, disk vfs.FS) (whole int, wrong []string) {
	t.Helper()
	for _, name := range strings.Fields(filesOf(t, disk)) {
		if !strings.HasSuffix(name, ".rdb") || strings.HasPrefix(name, "temp-") {
			continue
		}
		text, err := vfs.ReadFile(disk, filepath.Join(backupDir, name))
		if err == nil {
			var keys int64
			if keys, err = decoded(text); err == nil && keys != 2 {
				err = fmt.Errorf("it holds %d keys", keys)
			}
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s is named as if it were good: %v", name, err))
			continue
		}
		whole++
	}
	return whole, wrong
}

func TestEveryOperationOfABackupFails(t *testing.T) {
	sound := backupRig(t, nil)
	sound.fault.Set(vfs.Fault{})
	if err := sound.backup(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for k := range sound.fault.Ops() {
		name, _, _ := strings.Cut(sound.fault.Op(k+1), " ")
		seen[name] = true
		for _, way := range ways {
			failBackup(t, k+1, way.name, way.fault)
		}
	}
	for _, op := range []string{"mkdir", "open", "write", "sync", "close", "rename", "syncdir", "readdir", "read", "remove"} {
		if !seen[op] {
			t.Errorf("a backup makes no operation %s", op)
		}
	}
}

func failBackup(t *testing.T, k int64, way string, fault vfs.Fault) {
	t.Helper()
	r := backupRig(t, nil)
	fault.At = k
	r.fault.Set(fault)
	err := r.backup()
	what := fmt.Sprintf("%s at operation %d, %s", way, k, r.fault.Op(k))
	r.fault.Set(vfs.Fault{})
	whole, wrong := wholeBackups(t, r.disk)
	for _, w := range wrong {
		t.Errorf("%s: %s", what, w)
	}
	made := strings.Contains(filesOf(t, r.disk), "dump-2026-11-03T03-00-00Z.rdb") && !strings.Contains(filesOf(t, r.disk), "dump-2026-11-03T03-00-00Z.rdb.")
	said := err == nil && r.info("backup_last_status") == "ok"
	if whole < backupsKept || said && !made {
		t.Errorf("%s: %d good ones are left; said to be good: %t, made: %t; the folder holds %s", what, whole, said, made, filesOf(t, r.disk))
	}
	if r.info("backup_in_progress") != "0" || r.info("backup_verify_in_progress") != "0" {
		t.Fatalf("%s: it is said to be under way", what)
	}
	if log := strings.Join(r.log.take(), "\n"); !said && !strings.Contains(log, "# ") {
		t.Errorf("%s: it failed, and the log says %q", what, log)
	}
	r.wantRefusal(what, "")
	r.at("2026-11-04 03:00:00")
	r.clock.Advance(verifyRetry)
	r.turn()
	if err := r.backup(); err != nil {
		t.Fatalf("after %s: %v", what, err)
	}
	r.wantInfo("after "+what, fmt.Sprintf("backup_count:%d", backupsKept), "backup_last_status:ok", "backup_unverified:0", "save_lock_status:off")
	if names := filesOf(t, r.disk); strings.Contains(names, "temp-") {
		t.Errorf("after %s: the folder holds %s", what, names)
	}
	r.end()
}

// cutBackups cuts the power at each operation of a backup, and returns what should not be.
func cutBackups(t *testing.T, over func(vfs.FS) vfs.FS, seeds uint64) (wrong []string) {
	t.Helper()
	for at, last := int64(1), false; !last; at++ {
		r := backupRig(t, over)
		settle(t, r.disk) // whatever over leaves out, what was there before is kept
		r.fault.Set(vfs.Fault{At: at, Err: syscall.EIO, Short: at%2 == 0, Stays: true})
		err := r.backup()
		said := err == nil && r.info("backup_last_status") == "ok"
		last = r.fault.Ops() < at
		what := fmt.Sprintf("power cut at operation %d, %s", at, r.fault.Op(at))
		if last && !said {
			t.Fatalf("%s: the backup is not said to be good, and nothing has failed", what)
		}
		for seed := range seeds {
			disk := r.disk.Crash(seed)
			whole, damage := wholeBackups(t, disk)
			for _, w := range damage {
				wrong = append(wrong, fmt.Sprintf("%s, seed %d: %s", what, seed, w))
			}
			names := filesOf(t, disk)
			if whole < backupsKept || said && !strings.Contains(names, "dump-2026-11-03T03-00-00Z.rdb") {
				wrong = append(wrong, fmt.Sprintf("%s, seed %d: %d good ones are left, said to be good: %t; the folder holds %s", what, seed, whole, said, names))
			}
		}
		next := newRig(t, r.disk.Crash(seeds), nil)
		next.p.CleanTemp()
		next.turn()
		if names := filesOf(t, next.disk); strings.Contains(names, "temp-") || strings.Contains(names, ".unverified") {
			wrong = append(wrong, fmt.Sprintf("%s: the next server leaves %s", what, names))
		}
		next.end()
		r.end()
	}
	return wrong
}

// settle makes all backups durable.
func settle(t *testing.T, disk *vfs.Mem) {
	t.Helper()
	for _, name := range strings.Fields(filesOf(t, disk)) {
		f, err := disk.Open(filepath.Join(backupDir, name))
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{backupDir, dataDir} {
		if err := disk.SyncDir(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPowerCutDuringABackup(t *testing.T) {
	for _, wrong := range cutBackups(t, nil, cutSeeds) {
		t.Error(wrong)
	}
}

func TestPowerCutDuringABackupIsSeen(t *testing.T) {
	for name, over := range map[string]func(vfs.FS) vfs.FS{
		"files are not synced":   func(below vfs.FS) vfs.FS { return unsyncedFiles{below} },
		"folders are not synced": func(below vfs.FS) vfs.FS { return unsyncedFolders{below} },
	} {
		if len(cutBackups(t, over, cutSeeds)) == 0 {
			t.Errorf("%s: nothing is lost", name)
		}
	}
}
