// Backups and the lock between servers of a host, as an operator meets them: real files, real processes, one of
// which is killed. Redis has neither; what it does have is asked to read what Tarn writes.

package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tarn/test/harness"
)

// files lists a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// put writes a file as it is.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *process) awaitField(name, want string) {
	s.t.Helper()
	await(s.t, name+" is "+want, func() bool { return s.info(name) == want })
}

func TestBackups(t *testing.T) {
	p, dir := tarn(t), t.TempDir()
	s := p.serveIn(t, dir, "--save", "", "--backup-keep", "2")
	s.must("RPUSH", "list", "a", "b")
	s.must("HSET", "hash", "f", "v")
	for i := range 3 {
		s.must("SET", "round", strconv.Itoa(i))
		if got := s.must("BACKUP", "NOW").Text; got != "Background backup started" && got != "Background backup scheduled" {
			t.Fatalf("BACKUP NOW: %s", got)
		}
		s.awaitField("backup_runs", strconv.Itoa(i+1))
		await(t, "it is verified", func() bool {
			return s.info("backup_in_progress")+s.info("backup_unverified")+s.info("backup_verify_in_progress") == "000"
		})
	}
	folder := filepath.Join(dir, "backups")
	names := files(t, folder)
	if len(names) != 2 || s.info("backup_count") != "2" || s.info("backup_last_status") != "ok" {
		t.Fatalf("the folder holds %q, want two\n%s", names, s.log())
	}
	newest := filepath.Join(folder, names[1])
	list := s.must("BACKUP", "LIST")
	if len(list.Elem) != 2 || list.Elem[0].Elem[1].Text != names[1] || list.Elem[0].Elem[3].Text != "verified" {
		t.Errorf("BACKUP LIST: %v", list)
	}

	// Others read it.
	if out, err := exec.Command(harness.LookPath(t, "redis-check-rdb"), newest).CombinedOutput(); err != nil {
		t.Errorf("redis-check-rdb: %v\n%s", err, out)
	}
	if out, err := exec.Command(harness.Tarn(t).Path, "check", "backup", folder).CombinedOutput(); err != nil {
		t.Errorf("tarn check backup: %v\n%s", err, out)
	}
	onBoth(t, func(t *testing.T, p program) {
		restored := t.TempDir()
		put(t, filepath.Join(restored, "dump.rdb"), read(t, newest))
		again := p.serveIn(t, restored, "--save", "")
		if got := again.must("GET", "round").Text + again.must("LRANGE", "list", "0", "-1").String(); got != "2"+s.must("LRANGE", "list", "0", "-1").String() {
			t.Errorf("the backup holds %s", got)
		}
	})

	// A disk that forgets.
	old := filepath.Join(folder, names[0])
	text := []byte(read(t, old))
	text[len(text)/2] ^= 4
	put(t, old, string(text))
	if got := s.must("BACKUP", "VERIFY").Text; got != "2" {
		t.Errorf("BACKUP VERIFY reads %s files, want 2", got)
	}
	s.awaitField("backup_damaged", "1")
	s.awaitField("backup_last_status", "err") // is said after that
	s.await(`# Backup ` + names[0] + ` is DAMAGED: .*`)
	if got := files(t, folder); len(got) != 2 || got[0] != names[0]+".bad" || got[1] != names[1] {
		t.Errorf("the folder holds %q", got)
	}
	if got := s.info("backup_last_error"); !strings.Contains(got, " is damaged: ") || s.info("backup_last_status") != "err" {
		t.Errorf("INFO says %q", got)
	}
	inOrder(t, s.must("INFO", "commandstats").Text, `cmdstat_backup\|list:calls=1,`, `cmdstat_backup\|now:calls=3,`)
}

// TestKilledDuringABackup shows that nothing but a temporary file is left, which goes at the next start.
func TestKilledDuringABackup(t *testing.T) {
	p, dir := tarn(t), t.TempDir()
	s := p.serveIn(t, dir, "--save", "")
	s.must("SET", "a", "1")
	s.must("BACKUP", "NOW")
	s.awaitField("backup_count", "1")
	s.must("CONFIG", "SET", "rdb-key-save-delay", "100000000")
	s.must("BACKUP", "NOW")
	s.awaitField("backup_in_progress", "1")
	folder := filepath.Join(dir, "backups")
	await(t, "the temporary file is there", func() bool { return len(files(t, folder)) == 2 })
	s.signal(syscall.SIGKILL)
	<-s.ended
	s = p.serveIn(t, dir, "--save", "")
	await(t, "it is gone", func() bool { return len(files(t, folder)) == 1 })
	s.awaitField("backup_count", "1")
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestBackupsByTheClock shows a schedule at work, and that SIGTERM ends a backup under way without waiting.
func TestBackupsByTheClock(t *testing.T) {
	p, dir := tarn(t), t.TempDir()
	put(t, filepath.Join(dir, "tarn.conf"), "backup-dir copies\nbackup-schedule \"0 3 * * mon-fri; @weekly\"\n")
	s := p.serveIn(t, dir, "--include", filepath.Join(dir, "tarn.conf"), "--save", "")
	if got := s.config("backup-schedule"); got != "0 3 * * mon-fri; @weekly" {
		t.Errorf("backup-schedule is %q", got)
	}
	s.awaitField("backup_enabled", "1")
	next, err := strconv.ParseInt(s.info("backup_next_time"), 10, 64)
	now, err2 := strconv.ParseInt(s.must("TIME").Elem[0].Text, 10, 64)
	if err != nil || err2 != nil || next <= now || next > now+7*24*3600 {
		t.Errorf("the next is due at %d, now it is %d", next, now)
	}
	s.must("SET", "a", "1")
	s.must("CONFIG", "SET", "rdb-key-save-delay", "100000000")
	s.must("BACKUP", "NOW")
	s.awaitField("backup_in_progress", "1")
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := files(t, filepath.Join(dir, "copies")); len(got) != 0 {
		t.Errorf("the folder holds %q", got)
	}
	inOrder(t, s.log(), `Stopping it!`, `bye bye`)
	inOrder(t, s.log(), `Background backup terminated by request`, `bye bye`)
	for _, schedule := range []string{"0 3 * *", "61 3 * * *", "0 3 31 2 *"} {
		bad := p.launch(t, dir, "--port", "0", "--backup-schedule", schedule)
		if code := bad.code(); code != 1 || !strings.Contains(bad.log(), "Invalid schedule: '"+schedule+"'") {
			t.Errorf("schedule %q: exit code %d\n%s", schedule, code, bad.log())
		}
	}
}

// TestHostLock shows two servers that do not save at the same time, and that the death of one frees the other.
func TestHostLock(t *testing.T) {
	p, dir := tarn(t), t.TempDir()
	lock := filepath.Join(dir, "lock")
	first := p.serve(t, "--save", "", "--save-lock-file", lock, "--rdb-key-save-delay", "100000000")
	second := p.serve(t, "--save", "", "--save-lock-file", lock)
	for _, s := range []*process{first, second} {
		s.must("SET", "a", "1")
	}
	first.must("BGSAVE")
	first.awaitField("save_lock_status", "held")
	holder := "pid " + strconv.Itoa(first.cmd.Process.Pid) + ", port " + strconv.Itoa(first.port) + ", BGSAVE"
	want := "ERR Another server of this host is saving (" + holder + "): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
	if got := second.do("BGSAVE").Text; got != want {
		t.Errorf("BGSAVE: %s\nwant %s", got, want)
	}
	for _, tc := range [][2]string{
		{"SAVE", "OK"}, {"BGSAVE SCHEDULE", "Background saving scheduled"},
		{"BGREWRITEAOF", "Background append only file rewriting scheduled"}, {"BACKUP NOW", "Background backup scheduled"},
	} {
		if got := second.do(strings.Fields(tc[0])...).Text; got != tc[1] {
			t.Errorf("%s: %s, want %s", tc[0], got, tc[1])
		}
	}
	second.awaitField("save_lock_status", "waiting")
	second.awaitField("save_lock_holder", holder)
	second.await(`A save that is due waits: another server of this host has the lock .*` + holder)
	first.signal(syscall.SIGKILL)
	<-first.ended
	second.await(`The lock .* is free\. Going on with`)
	second.await(`Background AOF rewrite finished successfully`)
	second.await(`Background saving terminated with success`)
	second.awaitField("backup_count", "1")

	// A server that waits ends at once when it is told to.
	third := p.serve(t, "--save", "", "--save-lock-file", lock, "--rdb-key-save-delay", "100000000")
	third.must("SET", "a", "1")
	third.must("BGSAVE")
	third.awaitField("save_lock_status", "held")
	second.must("BGSAVE", "SCHEDULE")
	second.awaitField("save_lock_status", "waiting")
	second.signal(syscall.SIGTERM)
	if code := second.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
