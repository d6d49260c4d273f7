// Shows what a backup leaves on the disk, in INFO and in the log; that it keeps out of the way of saves and
// rewrites as those do of each other; when it starts by itself, by a clock turned by hand; and which files go,
// and never go, when a newer one has been verified. Files are really read back, but for the verdicts that a test
// gives itself.

package persist

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/resp"
	"tarn/internal/vfs"
	"tarn/test/chance"
)

const backupDir = dataDir + "/backups"

// verify is Options.Verify: the file is decoded to its end.
func (r *rig) verify(path string, rest func() error) (keys int64, damage, err error) {
	r.mu.Lock()
	judge := r.judge
	r.mu.Unlock()
	if judge != nil {
		return judge(path, rest)
	}
	if err := rest(); err != nil {
		return 0, nil, err
	}
	text, err := vfs.ReadFile(r.p.o.Files, path)
	if err != nil {
		return 0, nil, err
	}
	keys, damage = decoded(text)
	return keys, damage, nil
}

// decoded reads an RDB file, and tells how many keys it holds or what is wrong with it.
func decoded(text []byte) (keys int64, damage error) {
	result, err := rdb.Scan(bytes.NewReader(text), rdb.Options{Size: int64(len(text))}, func(rec *rdb.Record) error {
		s, err := rec.Value.AsString()
		if err == nil {
			_, err = s.AppendTo(nil)
		}
		return err
	})
	if err == nil && (!result.Checked || result.Bytes != int64(len(text))) {
		err = fmt.Errorf("%d of %d bytes, checksum: %t", result.Bytes, len(text), result.Checked)
	}
	return result.Records, err
}

// verdict makes reading a backup back end so; all nil: it is really read.
func (r *rig) verdict(keys int64, damage, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge = func(string, func() error) (int64, error, error) { return keys, damage, err }
}

func (r *rig) readBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge = nil
}

// at sets the clock.
func (r *rig) at(text string) {
	r.t.Helper()
	when, err := time.Parse(time.DateTime, text)
	if err != nil {
		r.t.Fatal(err)
	}
	r.clock.Set(when)
}

// backup is BACKUP NOW, waited for until the file has been read back.
func (r *rig) backup() error {
	r.t.Helper()
	_, err := r.p.Backup(r.tx, false)
	r.p.Wait()
	r.p.AwaitVerified()
	return err
}

// filesOf lists the folder of backups.
func filesOf(t *testing.T, disk vfs.FS) string {
	t.Helper()
	entries, err := disk.ReadDir(backupDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func (r *rig) wantBackups(when, want string) {
	r.t.Helper()
	if got := filesOf(r.t, r.disk); got != want {
		r.t.Errorf("%s: the folder holds\n  %s\nwant\n  %s", when, got, want)
	}
}

// turn is a turn of Cron, and waits for what it starts.
func (r *rig) turn() {
	r.p.Cron()
	r.p.Wait()
	r.p.AwaitVerified()
}

func TestBackup(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.at("2026-11-21 03:00:00")
	r.cfg.Update(func(c *config.Config) { c.RDBChecksum = false }) // backups have one all the same
	r.change(3)
	r.put(2, "key", "value", keyspace.NoDeadline)
	r.log.take()
	r.wantInfo("at first", "backup_last_status:ok", "backup_last_error:-", "backup_last_time:0", "backup_last_time_sec:-1", "backup_last_verified_time:0", "backup_count:0")
	if scheduled, err := r.p.Backup(r.tx, false); scheduled || err != nil {
		t.Fatalf("BACKUP NOW: scheduled %t, %v", scheduled, err)
	}
	r.p.Wait()
	r.p.AwaitVerified()
	const name = "dump-2026-11-21T03-00-00Z.rdb"
	text, err := vfs.ReadFile(r.disk, filepath.Join(backupDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if keys, damage := decoded(text); keys != 2 || damage != nil {
		t.Errorf("the backup holds %d keys, %v; want 2", keys, damage)
	}
	r.wantBackups("made one", name)
	r.wantLog("made one", "* Background backup started by pid 22",
		fmt.Sprintf("* Backup %s.unverified written: 2 keys, %d bytes. Reading it back.", name, len(text)),
		fmt.Sprintf("* Backup %s verified: 2 keys, %d bytes, in 0 seconds", name, len(text)))
	r.wantInfo("made one", "backup_enabled:0", "backup_in_progress:0", "backup_scheduled:0", "backup_verify_in_progress:0", "backup_last_status:ok",
		fmt.Sprintf("backup_last_time:%d", r.clock.Now().Unix()), "backup_last_time_sec:0", fmt.Sprintf("backup_last_verified_time:%d", r.clock.Now().Unix()),
		"backup_next_time:0", "backup_count:1", "backup_unverified:0", "backup_damaged:0", fmt.Sprintf("backup_bytes:%d", len(text)), "backup_runs:1", "backup_failures:0",
		"rdb_saves:0", "rdb_changes_since_last_save:4", "total_forks:1") // it is no save
	if err := r.backup(); err != nil { // in the same second
		t.Fatal(err)
	}
	r.wantBackups("made another", name+" dump-2026-11-21T03-00-01Z.rdb")

	// Another folder, and another name of the dump: what is here is not looked at, and not touched.
	r.set("backup-dir", "/data/elsewhere")
	r.set("dbfilename", "other.rdb")
	r.set("backup-keep", "1")
	if err := r.backup(); err != nil {
		t.Fatal(err)
	}
	r.wantBackups("made one elsewhere", name+" dump-2026-11-21T03-00-01Z.rdb")
	if _, err := r.disk.Stat("/data/elsewhere/other-2026-11-21T03-00-00Z.rdb"); err != nil {
		t.Error(err)
	}
	r.set("backup-dir", "")
	if _, err := r.p.Backup(r.tx, false); err != ErrNoBackupDir {
		t.Errorf("BACKUP NOW without a folder: %v", err)
	}
}

// TestBackupNames: names are ours to the last letter, or not at all.
func TestBackupNames(t *testing.T) {
	at := backupPlace{"/b", "dump-"}
	for _, tc := range []struct {
		name  string
		state backupState
		ours  bool
	}{
		{"dump-2026-11-21T03-00-00Z.rdb", verified, true},
		{"dump-2026-11-21T03-00-00Z.rdb.unverified", unverified, true},
		{"dump-2026-11-21T03-00-00Z.rdb.bad", damaged, true},
		{name: "dump.rdb"},
		{name: "dump-2026-11-21T03-00-00.rdb"},
		{name: "dump-2026-11-21T03-00-00Z.rdb.gz"},
		{name: "dump-2026-11-21T03-00-00Z.rdb.bad.bad"},
		{name: "dump-2026-11-21T03-00-00Z"},
		{name: "dump-2026-11-31T03-00-00Z.rdb"},
		{name: "dump-2026-11-21T24-00-00Z.rdb"},
		{name: "dump-2026-1-21T03-00-00Z.rdb"},
		{name: "dump-other-2026-11-21T03-00-00Z.rdb"},
		{name: "xdump-2026-11-21T03-00-00Z.rdb"},
		{name: "DUMP-2026-11-21T03-00-00Z.rdb"},
	} {
		f, ours := at.parse(tc.name)
		if ours != tc.ours || ours && (f.state != tc.state || f.name() != tc.name) {
			t.Errorf("parse(%q) = %+v, %t; want state %d, %t", tc.name, f, ours, tc.state, tc.ours)
		}
	}
}

// TestSuperfluous holds the choice of what goes to what must be true of it, whatever lies in the folder.
func TestSuperfluous(t *testing.T) {
	seed := chance.Seed(t)
	c := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		var list []backupFile
		var stems []string
		for i := range 1 + c.IntN(12) {
			f := backupFile{stem: fmt.Sprintf("s%d", i), at: time.Unix(int64(i), 0), state: backupState(c.IntN(3))}
			if f.state == verified {
				stems = append(stems, f.stem)
			}
			list = append(list, f)
		}
		if len(stems) == 0 {
			continue
		}
		stem, keep := stems[len(stems)-1], c.IntN(5)
		if c.IntN(4) == 0 { // the clock was put back
			stem = stems[c.IntN(len(stems))]
		}
		gone := superfluous(list, stem, keep)
		what := fmt.Sprintf("keep %d, verified now %s, of %v went %v (seed %d)", keep, stem, list, gone, seed)
		var left []backupFile
		for _, f := range list {
			if !slices.Contains(gone, f) {
				left = append(left, f)
			}
		}
		good := func(files []backupFile) (n int) {
			for _, f := range files {
				if f.state == verified {
					n++
				}
			}
			return n
		}
		switch {
		case keep == 0 && len(gone) > 0:
			t.Errorf("%s: all are kept", what)
		case keep > 0 && good(left) != min(good(list), keep):
			t.Errorf("%s: %d verified ones are left, want %d", what, good(left), min(good(list), keep))
		case !slices.ContainsFunc(left, func(f backupFile) bool { return f.stem == stem }):
			t.Errorf("%s: the newest of all is gone", what)
		case good(list) < keep && len(gone) > 0:
			t.Errorf("%s: nothing need go", what)
		}
		for _, f := range gone {
			if f.state != verified && slices.ContainsFunc(left, func(l backupFile) bool { return l.state == verified && l.at.Before(f.at) }) {
				t.Errorf("%s: %s is younger than a verified one that is left", what, f.stem)
			}
		}
	}
}

func TestRetention(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.set("backup-keep", "2")
	r.change(1)
	foreign := []string{"dump.rdb", "dump-2020-01-01T00-00-00Z.rdb.gz", "notes", "other-2020-01-01T00-00-00Z.rdb"}
	if err := r.disk.Mkdir(backupDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range foreign {
		if err := vfs.WriteFile(r.disk, filepath.Join(backupDir, name), filepath.Join(backupDir, "t"), backupDir, []byte("mine")); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, names ...string) {
		t.Helper()
		names = append(slices.Clone(foreign), names...)
		slices.Sort(names)
		r.wantBackups(when, strings.Join(names, " "))
	}
	on := func(day int, verdict error) {
		t.Helper()
		r.at(fmt.Sprintf("2026-11-%02d 03:00:00", day))
		r.readBack()
		if verdict != nil {
			r.verdict(0, verdict, nil)
		}
		if err := r.backup(); err != nil {
			t.Fatal(err)
		}
	}
	name := func(day int, ending string) string {
		return fmt.Sprintf("dump-2026-11-%02dT03-00-00Z.rdb%s", day, ending)
	}
	broken := errors.New("offset 9: broken")
	on(1, nil)
	on(2, nil)
	on(3, broken)
	on(4, broken)
	want("two good and two bad", name(1, ""), name(2, ""), name(3, ".bad"), name(4, ".bad"))
	r.wantInfo("two bad", "backup_last_status:err", "backup_last_error:dump-2026-11-04T03-00-00Z is damaged: offset 9: broken", "backup_count:2", "backup_damaged:2", "backup_failures:2",
		fmt.Sprintf("backup_last_verified_time:%d", time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC).Unix()))
	r.log.take()
	on(5, nil)
	want("a good one", name(2, ""), name(3, ".bad"), name(4, ".bad"), name(5, ""))
	if log := r.log.take(); log[len(log)-1] != "* Backup "+name(1, "")+" removed: 2 newer ones are verified" {
		t.Errorf("the log says %q", log)
	}
	r.wantInfo("a good one", "backup_last_status:ok", "backup_last_error:-", "backup_count:2")
	on(6, nil)
	want("one more: the bad ones are older than all that count", name(5, ""), name(6, ""))
	r.set("backup-keep", "0")
	on(7, nil)
	on(8, nil)
	want("all are kept", name(5, ""), name(6, ""), name(7, ""), name(8, ""))
}

// TestVerdicts: what follows when a file does not read back, or nobody can tell.
func TestVerdicts(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.at("2026-11-21 03:00:00")
	r.change(1)
	const name = "dump-2026-11-21T03-00-00Z.rdb"
	r.verdict(7, nil, nil)
	if err := r.backup(); err != nil {
		t.Fatal(err)
	}
	r.wantBackups("another number of keys", name+".bad")
	r.wantInfo("another number of keys", "backup_last_error:dump-2026-11-21T03-00-00Z is damaged: it holds 7 keys, 1 were written")
	if log := r.log.take(); !slices.Equal(log[2:], []string{"# Backup " + name + ".unverified is DAMAGED: it holds 7 keys, 1 were written", "# It is kept as " + name + ".bad, and does not count."}) {
		t.Errorf("the log says %q", log)
	}

	// Asked again, it is found good after all, and gets its name back.
	r.readBack()
	if files, err := r.p.VerifyBackups(name + ".bad"); files != 1 || err != nil {
		t.Fatalf("BACKUP VERIFY: %d, %v", files, err)
	}
	r.p.AwaitVerified()
	r.wantBackups("verified again", name)
	r.wantInfo("verified again", "backup_last_status:err") // it was not a new one

	// Later its bits rot.
	r.verdict(0, errors.New("rotten"), nil)
	if files, err := r.p.VerifyBackups(""); files != 1 || err != nil {
		t.Fatalf("BACKUP VERIFY: %d, %v", files, err)
	}
	r.p.AwaitVerified()
	r.wantBackups("rotten", name+".bad")
	if _, err := r.p.VerifyBackups("../dump.rdb"); err != ErrNoBackup {
		t.Errorf("BACKUP VERIFY of another file: %v", err)
	}

	// One that nobody can read now keeps its name, and is read a minute later.
	r.at("2026-11-22 03:00:00")
	r.verdict(0, nil, syscall.EMFILE)
	if err := r.backup(); err != nil {
		t.Fatal(err)
	}
	r.readBack()
	const second = "dump-2026-11-22T03-00-00Z.rdb"
	r.wantInfo("not read", "backup_last_status:err", "backup_last_error:dump-2026-11-22T03-00-00Z could not be verified: too many open files", "backup_unverified:1")
	r.turn()
	r.clock.Advance(59 * time.Second)
	r.turn()
	r.wantBackups("59 s later", name+".bad "+second+".unverified")
	r.clock.Advance(time.Second)
	r.turn()
	r.wantBackups("a minute later", name+".bad "+second)
	r.wantInfo("a minute later", "backup_last_status:ok")
}

// TestVerifiedAfterRestart: what a server did not come to read, the next one does; what it did not come to
// write goes.
func TestVerifiedAfterRestart(t *testing.T) {
	disk := newDisk(t)
	r := newRig(t, disk, nil)
	r.at("2026-11-21 03:00:00")
	r.change(1)
	r.mu.Lock()
	reading := make(chan struct{})
	r.judge = func(_ string, rest func() error) (int64, error, error) {
		close(reading)
		for {
			if err := rest(); err != nil {
				return 0, nil, err
			}
		}
	}
	r.mu.Unlock()
	if _, err := r.p.Backup(r.tx, false); err != nil {
		t.Fatal(err)
	}
	<-reading
	r.wantInfo("while it is read", "backup_verify_in_progress:1", "backup_in_progress:0", "backup_unverified:1")
	r.end()
	const name = "dump-2026-11-21T03-00-00Z.rdb"
	r.wantBackups("stopped", name+".unverified")
	f, err := disk.Create(backupDir + "/temp-backup-99999999.rdb") // of a process that is not there
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	next := newRig(t, disk, nil)
	next.p.CleanTemp()
	next.wantInfo("before loading", "backup_unverified:1", "backup_count:0")
	next.turn()
	next.wantBackups("after a restart", name)
	next.wantInfo("after a restart", "backup_count:1", "backup_last_status:ok", "backup_runs:0")
}

// TestExclusion: a backup and other work that cuts the keyspace keep out of each other's way.
func TestExclusion(t *testing.T) {
	var g *gate
	r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g })
	r.at("2026-11-21 03:00:00")
	r.change(1)
	await, release := g.stopAt("create temp")
	if _, err := r.p.Backup(r.tx, false); err != nil {
		t.Fatal(err)
	}
	await()
	r.wantInfo("a backup is written", "backup_in_progress:1", "rdb_bgsave_in_progress:0", "aof_rewrite_in_progress:0", "rdb_current_bgsave_time_sec:-1")
	if _, err := r.p.Backup(r.tx, false); err != ErrBackingUp {
		t.Errorf("BACKUP NOW: %v", err)
	}
	if err := r.p.Save(); err != ErrInProgress {
		t.Errorf("SAVE: %v", err)
	}
	if _, err := r.p.BGSave(r.tx, false); err != ErrActive {
		t.Errorf("BGSAVE: %v", err)
	}
	if scheduled, err := r.p.BGSave(r.tx, true); !scheduled || err != nil {
		t.Errorf("BGSAVE SCHEDULE: %t, %v", scheduled, err)
	}
	if scheduled, err := r.p.BGRewrite(false); !scheduled || err != nil {
		t.Errorf("BGREWRITEAOF: %t, %v", scheduled, err)
	}
	if err := r.flushAll(); err != nil { // stops a save, and lets a backup go on
		t.Errorf("FLUSHALL: %v", err)
	}
	release()
	r.p.Wait()
	r.p.AwaitVerified()
	text, err := vfs.ReadFile(r.disk, backupDir+"/dump-2026-11-21T03-00-00Z.rdb")
	if keys, damage := decoded(text); err != nil || keys != 1 || damage != nil {
		t.Errorf("what FLUSHALL did away with is not in the backup: %d keys, %v, %v", keys, damage, err)
	}

	// The other way round.
	for range 3 { // what was scheduled above
		r.turn()
	}
	r.wantInfo("when all is done", "aof_rewrite_scheduled:0", "rdb_bgsave_in_progress:0", "backup_runs:1")
	await, release = g.stopAt("create temp")
	if _, err := r.p.BGSave(r.tx, false); err != nil {
		t.Fatal(err)
	}
	await()
	if scheduled, err := r.p.Backup(r.tx, false); !scheduled || err != nil {
		t.Errorf("BACKUP NOW during BGSAVE: %t, %v", scheduled, err)
	}
	r.wantInfo("during BGSAVE", "backup_scheduled:1", "backup_runs:1")
	release()
	r.p.Wait()
	r.turn()
	r.wantInfo("after BGSAVE", "backup_scheduled:0", "backup_runs:2", "backup_count:2")
	if scheduled, err := r.p.Backup(r.tx, true); !scheduled || err != nil {
		t.Errorf("BACKUP NOW in a transaction: %t, %v", scheduled, err)
	}
	if err := r.p.CancelBackup(); err != nil {
		t.Errorf("BACKUP CANCEL: %v", err)
	}
	r.turn()
	r.wantInfo("cancelled before its turn", "backup_scheduled:0", "backup_runs:2")
	if err := r.p.CancelBackup(); err != ErrNoBackupNow {
		t.Errorf("BACKUP CANCEL again: %v", err)
	}
}

func TestBackupCancelled(t *testing.T) {
	var g *gate
	r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g })
	r.at("2026-11-21 03:00:00")
	r.change(1)
	for _, cancel := range []func(){func() {
		if err := r.p.CancelBackup(); err != nil {
			t.Errorf("BACKUP CANCEL: %v", err)
		}
	}, r.p.EndBackups} {
		await, release := g.stopAt("sync")
		if _, err := r.p.Backup(r.tx, false); err != nil {
			t.Fatal(err)
		}
		await()
		cancel()
		release()
		r.p.Wait()
		r.p.AwaitVerified()
		r.wantBackups("cancelled", "")
		r.wantInfo("cancelled", "backup_in_progress:0", "backup_last_status:ok", "backup_failures:0")
	}
	if err := r.backup(); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("the next", "backup_count:1")
}

func TestBackupSchedule(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.at("2026-11-21 02:59:00")
	r.change(1)
	runs := func(when, want string) {
		t.Helper()
		r.turn()
		r.wantInfo(when, "backup_runs:"+want)
	}
	due := func(when, want string) {
		t.Helper()
		at, err := time.Parse(time.DateTime, want)
		if err != nil {
			t.Fatal(err)
		}
		r.wantInfo(when, "backup_enabled:1", fmt.Sprintf("backup_next_time:%d", at.Unix()))
	}
	runs("no schedule", "0")
	r.set("backup-schedule", "0 3 * * *; 30 12 * * *")
	runs("before", "0")
	due("before", "2026-11-21 03:00:00")
	r.clock.Advance(59*time.Second + 999*time.Millisecond)
	runs("a moment before", "0")
	r.clock.Advance(time.Millisecond)
	runs("at 3:00", "1")
	due("at 3:00", "2026-11-21 12:30:00")
	runs("again at 3:00", "1")
	r.wantBackups("at 3:00", "dump-2026-11-21T03-00-00Z.rdb")
	r.at("2026-11-21 12:29:59")
	runs("12:29:59", "1")
	r.at("2026-11-21 12:30:07") // Cron was late
	runs("12:30:07", "2")
	due("12:30:07", "2026-11-22 03:00:00")

	r.at("2036-11-21 12:30:00") // the clock goes wrong, which is one time that has come
	runs("ten years later", "3")
	due("ten years later", "2036-11-22 03:00:00")
	r.at("2026-11-21 12:31:00") // and right again
	runs("put back", "3")
	due("put back", "2026-11-22 03:00:00")

	// A schedule that changes, or goes, makes nothing due.
	r.at("2026-11-22 02:59:59")
	r.turn()
	r.set("backup-schedule", "15 4 * * *")
	r.at("2026-11-22 03:00:00")
	runs("another schedule", "3")
	due("another schedule", "2026-11-22 04:15:00")
	r.set("backup-schedule", "")
	r.at("2026-11-22 04:15:00")
	runs("none", "3")
	r.wantInfo("none", "backup_enabled:0", "backup_next_time:0")
	r.set("backup-schedule", "@hourly")
	r.set("backup-dir", "")
	r.turn()
	r.at("2026-11-22 05:00:00")
	runs("no folder", "3")
	r.wantInfo("no folder", "backup_enabled:0")

	for value, why := range map[string]string{
		"0 3 * *":    "'0 3 * *' has 4 fields; five are needed: minute, hour, day of the month, month, day of the week",
		"@fortnight": "unknown name '@fortnight': there are @hourly, @daily, @weekly, @monthly and @yearly",
	} {
		err := r.cfg.Set([]config.Pair{{Name: "backup-schedule", Value: value}}, config.Rights{})
		if want := resp.Error("ERR CONFIG SET failed (possibly related to argument 'backup-schedule') - Invalid schedule: " + why); err != want {
			t.Errorf("CONFIG SET backup-schedule %q: %v, want %v", value, err, want)
		}
	}
}

// TestBackupMissed: what came due while no server ran is said, and not made up for.
func TestBackupMissed(t *testing.T) {
	disk := newDisk(t)
	r := newRig(t, disk, nil)
	r.set("backup-schedule", "0 3 * * *")
	r.at("2026-11-21 02:00:00")
	r.log.take()
	r.turn()
	r.wantLog("none yet", "* There is no verified backup in /data/backups yet. The next is due at 2026-11-21 03:00:00.")
	r.at("2026-11-21 03:00:00")
	r.turn()
	r.end()
	for _, tc := range []struct {
		now  string
		want []string
	}{
		{"2026-11-22 02:59:00", nil},
		{"2026-11-25 12:00:00", []string{"# Backups were missed while no server ran: the newest is dump-2026-11-21T03-00-00Z.rdb. The next is due at 2026-11-26 03:00:00; BACKUP NOW makes one at once."}},
	} {
		next := newRig(t, disk, nil)
		next.set("backup-schedule", "0 3 * * *")
		next.at(tc.now)
		next.log.take()
		next.turn()
		next.wantLog(tc.now, tc.want...)
		next.wantInfo(tc.now, "backup_runs:0", "backup_count:1")
		next.end()
	}
}

// TestBackupsWait: a backup waits until the one before has been read, and is then not lost.
func TestBackupsWait(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.set("backup-schedule", "* * * * *")
	r.at("2026-11-21 03:00:30")
	r.change(1)
	r.turn()
	reading, verdict := make(chan struct{}), make(chan struct{})
	r.mu.Lock()
	r.judge = func(string, func() error) (int64, error, error) {
		close(reading)
		<-verdict
		return 1, nil, nil
	}
	r.mu.Unlock()
	r.at("2026-11-21 03:01:00")
	r.p.Cron()
	<-reading
	r.p.Wait()
	for minute := range 3 {
		r.at(fmt.Sprintf("2026-11-21 03:%02d:00", 2+minute))
		r.p.Cron()
		r.wantInfo("while one is read", "backup_runs:1", "backup_scheduled:1")
	}
	if scheduled, err := r.p.Backup(r.tx, false); !scheduled || err != nil {
		t.Errorf("BACKUP NOW while one is read: %t, %v", scheduled, err)
	}
	if _, err := r.p.BGSave(r.tx, false); err != nil { // reading is no work that saves wait for
		t.Errorf("BGSAVE while one is read: %v", err)
	}
	r.p.Wait()
	r.readBack()
	close(verdict)
	r.p.AwaitVerified()
	r.turn()
	r.turn()
	r.wantInfo("when it has been read", "backup_runs:2", "backup_scheduled:0", "backup_count:2")
}

// TestBackupWithoutRoom: nothing begins that would fill the disk, and the client is told.
func TestBackupWithoutRoom(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.at("2026-11-21 03:00:00")
	fill(r, rand.New(rand.NewPCG(1, 1)), 1<<20)
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	r.disk.SetRoom(vfs.Room{Free: 10, Bound: vfs.OnDisk, File: 1 << 40})
	err := r.backup()
	if err == nil || !strings.HasPrefix(err.Error(), "ERR Can't back up: not enough room on the disk: ") {
		t.Errorf("BACKUP NOW: %v", err)
	}
	r.wantBackups("no room", "")
	r.wantInfo("no room", "backup_last_status:err", "backup_failures:1", "backup_in_progress:0", "rdb_last_bgsave_status:ok")
	r.wantRefusal("no room", "")
	r.disk.SetRoom(vfs.Room{Free: 1 << 40, Bound: vfs.OnDisk, File: 1 << 40})
	if err := r.backup(); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("room", "backup_last_status:ok", "backup_last_error:-")
}

// TestBackupsTempIsLeftAlone shows that the first look at a folder spares the backup under way in it, and that the next
// start of a process with the same number does not.
func TestBackupsTempIsLeftAlone(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	name := filepath.Join(backupDir, "temp-backup-"+strconv.Itoa(rigPid)+".rdb")
	if err := r.disk.Mkdir(backupDir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := r.disk.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.p.Cron()
	if names := filesOf(t, r.disk); !strings.Contains(names, "temp-backup-") {
		t.Errorf("after the first look the folder holds %q", names)
	}
	r.p.CleanTemp()
	if names := filesOf(t, r.disk); names != "" {
		t.Errorf("after the start the folder holds %q", names)
	}
}
