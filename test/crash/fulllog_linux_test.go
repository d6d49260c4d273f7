// Shows what a real disk that is full does to a server that keeps an append-only log. Under everysec
// reads are answered, writes are refused with what the system said, and when there is room again all is
// well by itself: whatever was answered with OK is found at the next start, whatever was refused is not.
// Under always the process ends before it answers what is not on the disk. A rewrite that has no room
// leaves the log as it was and nothing beside it; so does one whose folder is none any more. All of it
// is shown of redis-server too, which says what is to be expected.

package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/test/harness"
)

// fullLog is a server with a log on a small disk.
type fullLog struct {
	badDisk
	d       *smallDisk
	policy  string
	written int // keys that were answered with OK
}

func newFullLog(t *testing.T, d *smallDisk, program harness.Program, policy string) *fullLog {
	l := &fullLog{badDisk: badDisk{t: t, dir: d.seen}, d: d, policy: policy}
	l.start(program)
	return l
}

func (l *fullLog) start(program harness.Program) {
	l.t.Helper()
	l.s = program.Start(l.t, `dir `+harness.Quote(l.d.dir), `appendonly yes`, `appendfsync `+l.policy, `auto-aof-rewrite-percentage 0`, `rdbcompression no`)
	l.c = l.s.Dial(l.t)
}

// value is what key i holds.
func (l *fullLog) value(i int) string { return strings.Repeat(strconv.Itoa(i)+" ", 1000)[:1000] }

// write sets the next key and returns the reply.
func (l *fullLog) write() (harness.Value, error) {
	v, err := l.c.Do("SET", "key:"+strconv.Itoa(l.written), l.value(l.written))
	if err == nil && !v.IsError() {
		l.written++
	}
	return v, err
}

// until repeats a look until it says that it has seen what it waits for.
func (l *fullLog) until(what string, look func() bool) {
	l.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	give := time.After(harness.ReplyTimeout)
	for !look() {
		select {
		case <-tick.C:
		case <-give:
			l.t.Fatalf("%s: not seen; the log:\n%s", what, l.s.Log())
		}
	}
}

// says waits until the server's log has a text.
func (l *fullLog) says(text string) {
	l.t.Helper()
	l.until(text, func() bool { return strings.Contains(l.s.Log(), text) })
}

// awaitWritten returns when the log is in its file.
func (l *fullLog) awaitWritten() {
	l.t.Helper()
	l.until("aof_buffer_length:0", func() bool { return l.info("aof_buffer_length") == "0" })
}

func (l *fullLog) info(field string) string {
	l.t.Helper()
	_, rest, _ := strings.Cut(l.c.Must(l.t, "INFO", "persistence").Text, "\n"+field+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// restart kills the server when its log is in the file, and demands that the next one, and
// redis-check-aof, find all that was answered with OK, and nothing else.
func (l *fullLog) restart(program harness.Program) {
	l.t.Helper()
	if l.s.Alive() {
		l.awaitWritten()
		l.s.Kill()
	}
	l.check()
	l.start(program)
	if got := l.c.Must(l.t, "DBSIZE").Text; got != strconv.Itoa(l.written) {
		l.t.Errorf("%s keys are found, %d were written", got, l.written)
	}
	for i := range l.written {
		if got := l.c.Must(l.t, "GET", "key:"+strconv.Itoa(i)).Text; got != l.value(i) {
			l.t.Fatalf("key:%d of %d: %.20q, want %.20q", i, l.written, got, l.value(i))
		}
	}
}

// check demands that the log is whole, and alone in its folder.
func (l *fullLog) check() {
	l.t.Helper()
	folder := filepath.Join(l.dir, "appendonlydir")
	manifest := filepath.Join(folder, "appendonly.aof.manifest")
	if out, err := exec.Command(harness.LookPath(l.t, "redis-check-aof"), manifest).CombinedOutput(); err != nil {
		l.t.Errorf("redis-check-aof: %v\n%s", err, out)
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		l.t.Fatal(err)
	}
	named := map[string]bool{"appendonly.aof.manifest": true}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 {
			named[words[1]] = true
		}
	}
	for _, dir := range []string{l.dir, folder} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); !named[name] && name != "appendonlydir" && name != "filler" {
				l.t.Errorf("%s is left in %s", name, dir)
			}
		}
	}
}

func TestLogOnFullDisk(t *testing.T) {
	onDisks(t, func(t *testing.T, d *smallDisk, program harness.Program) {
		l := newFullLog(t, d, program, "everysec")
		refusal := "-MISCONF Errors writing to the AOF file: No space left on device" // so it is said of any write cut short
		for range 20 {
			l.reply("+OK", "SET", "key:"+strconv.Itoa(l.written), l.value(l.written))
			l.written++
		}
		for round := range 2 {
			l.awaitWritten()
			d.fill(l.s)
			l.until(refusal, func() bool {
				v, err := l.write()
				if err != nil {
					t.Fatalf("SET on a full disk: %v; the log:\n%s", err, l.s.Log())
				}
				return v.IsError()
			})
			l.reply(refusal, "SET", "refused", "1")
			l.reply(refusal, "DEL", "key:0")
			l.reply("-MISCONF", "PING")
			l.reply("$"+l.value(1)[:20], "GET", "key:1")
			if got := l.info("aof_last_write_status"); got != "err" {
				t.Errorf("aof_last_write_status:%s", got)
			}
			d.free(l.s)
			l.until("a write is taken", func() bool { v, err := l.write(); return err == nil && !v.IsError() })
			if got := l.info("aof_last_write_status"); got != "ok" {
				t.Errorf("with room again, aof_last_write_status:%s", got)
			}
			if round == 0 {
				l.restart(program)
			}
		}
		l.s.Stop()
		l.restart(program)
	})
}

func TestAlwaysOnFullDisk(t *testing.T) {
	onDisks(t, func(t *testing.T, d *smallDisk, program harness.Program) {
		l := newFullLog(t, d, program, "always")
		for range 20 {
			l.reply("+OK", "SET", "key:"+strconv.Itoa(l.written), l.value(l.written))
			l.written++
		}
		d.fill(l.s)
		l.s.ExpectEnd()
		for tries := 0; ; tries++ {
			v, err := l.write()
			if err != nil {
				break
			}
			if v.IsError() || tries == 100 {
				t.Fatalf("SET on a full disk: %v", v)
			}
		}
		if code := l.s.AwaitEnd(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		l.says("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
		if !d.limit {
			d.free(l.s)
		}
		l.restart(program)
	})
}

// rewritten runs a rewrite to its end and returns its status.
func (l *fullLog) rewritten() string {
	l.t.Helper()
	l.reply("+Background append only file rewriting started", "BGREWRITEAOF")
	l.until("the end of a rewrite", func() bool { return l.info("aof_rewrite_in_progress") == "0" })
	return l.info("aof_last_bgrewrite_status")
}

func TestRewriteOnFullDisk(t *testing.T) {
	onDisks(t, func(t *testing.T, d *smallDisk, program harness.Program) {
		l := newFullLog(t, d, program, "everysec")
		if got := l.rewritten(); got != "ok" {
			t.Errorf("with room: aof_last_bgrewrite_status:%s", got)
		}
		for range 400 {
			l.reply("+OK", "SET", "key:"+strconv.Itoa(l.written), l.value(l.written))
			l.written++
		}
		l.awaitWritten()
		if d.limit {
			d.limitFiles(l.s, "100000")
		} else {
			l.fillBut(100 << 10)
		}
		for range 2 {
			if got := l.rewritten(); got != "err" {
				t.Errorf("without room: aof_last_bgrewrite_status:%s", got)
			}
			l.check()
		}
		for range 5 { // into the increment that there is now
			l.reply("+OK", "SET", "key:"+strconv.Itoa(l.written), l.value(l.written))
			l.written++
		}
		d.free(l.s)
		l.restart(program)
		if got := l.rewritten(); got != "ok" {
			t.Errorf("with room again: aof_last_bgrewrite_status:%s; the log:\n%s", got, l.s.Log())
		}
		l.restart(program)
	})
}

// fillBut leaves some room.
func (l *fullLog) fillBut(bytes int64) {
	l.t.Helper()
	l.d.fill(l.s)
	info, err := os.Stat(l.d.filler)
	if err == nil {
		err = os.Truncate(l.d.filler, info.Size()-bytes)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestLogFolderReplaced shows a rewrite when the log's folder has become a file, and when it is back.
func TestLogFolderReplaced(t *testing.T) {
	onBoth(t, func(t *testing.T, program harness.Program) {
		dir := t.TempDir()
		l := newFullLog(t, &smallDisk{t: t, dir: dir, seen: dir}, program, "everysec")
		folder, away := filepath.Join(dir, "appendonlydir"), filepath.Join(t.TempDir(), "away")
		l.reply("+OK", "SET", "key:0", l.value(0))
		l.written++
		if err := os.Rename(folder, away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l.reply("-ERR Can't execute an AOF background rewriting. Please check the server logs for more information.", "BGREWRITEAOF")
		l.says("Can't open or create append-only dir appendonlydir: Not a directory")
		if got := l.info("aof_last_bgrewrite_status"); got != "err" {
			t.Errorf("aof_last_bgrewrite_status:%s", got)
		}
		l.reply("+OK", "SET", "key:1", l.value(1)) // the file is open
		l.written++
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, folder); err != nil {
			t.Fatal(err)
		}
		if got := l.rewritten(); got != "ok" {
			t.Errorf("the folder is back: aof_last_bgrewrite_status:%s; the log:\n%s", got, l.s.Log())
		}
		l.restart(program)
	})
}

// TestReadOnlyLog shows a log whose folder can only be read: it is written on, no rewrite begins, the
// log cannot be switched on, and all is well when the folder can be written to again.
func TestReadOnlyLog(t *testing.T) {
	onBoth(t, func(t *testing.T, program harness.Program) {
		d, protect, expect := readOnly(t, "appendonlydir")
		program = d.in(program)
		l := newFullLog(t, d, program, "everysec")
		l.reply("+OK", "SET", "key:0", l.value(0))
		l.written++
		l.awaitWritten()
		protect(true)
		l.reply("-ERR Can't execute an AOF background rewriting. Please check the server logs for more information.", "BGREWRITEAOF")
		l.says("Can't open the append-only file appendonly.aof.2.incr.aof: " + expect)
		l.reply("+OK", "CONFIG", "SET", "appendonly", "no")
		l.reply("-ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.", "CONFIG", "SET", "appendonly", "yes")
		protect(false)
		l.reply("+OK", "CONFIG", "SET", "appendonly", "yes")
		l.until("the first base", func() bool {
			return l.info("aof_rewrite_in_progress") == "0" && l.info("aof_rewrite_scheduled") == "0"
		})
		if v, err := l.write(); err != nil || v.IsError() {
			t.Errorf("SET: %v, %v", v, err)
		}
		l.restart(program)
	})
}
