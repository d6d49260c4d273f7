// Shows what a real disk that is full, or can only be read, does to a server that serves: nothing but
// that it does not save. The file in place stays as it is, byte by byte, nothing is left beside it,
// reads are answered, writes are refused as the settings say, and when there is room again the next
// save is good.

package crash

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tarn/test/harness"
)

// badDisk is a server whose folder has a good file in it, and then no room or no right.
type badDisk struct {
	t    *testing.T
	dir  string // as the test sees it
	disk *smallDisk
	s    *harness.Server
	c    *harness.Conn
	file []byte // that must stay
}

func newBadDisk(t *testing.T, d *smallDisk, program harness.Program) *badDisk {
	b := &badDisk{t: t, dir: d.seen, disk: d}
	b.s = program.Start(t, `dir `+harness.Quote(d.dir), `save 3600 1000000000`, `rdbcompression no`)
	b.c = b.s.Dial(t)
	b.c.Must(t, "SET", "kept", strings.Repeat("k", 100_000))
	b.c.Must(t, "SAVE")
	var err error
	if b.file, err = os.ReadFile(filepath.Join(b.dir, "dump.rdb")); err != nil {
		t.Fatal(err)
	}
	return b
}

// reply sends a command and wants a reply that begins with want.
func (b *badDisk) reply(want string, args ...string) {
	b.t.Helper()
	v, err := b.c.Do(args...)
	if got := string(v.Kind) + v.Text; err != nil || !strings.HasPrefix(got, want) {
		b.t.Errorf("%q: %.80q, %v; want %q", args, got, err, want)
	}
}

// bgsave runs one to its end and returns its status.
func (b *badDisk) bgsave() (status string) {
	b.t.Helper()
	b.reply("+Background saving started", "BGSAVE")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		info := b.c.Must(b.t, "INFO", "persistence").Text
		if strings.Contains(info, "rdb_bgsave_in_progress:0") {
			_, rest, _ := strings.Cut(info, "rdb_last_bgsave_status:")
			status, _, _ = strings.Cut(rest, "\r\n")
			break
		}
	}
	return status
}

// untouched demands that the file is as it was, and alone.
func (b *badDisk) untouched(when string) {
	b.t.Helper()
	got, err := os.ReadFile(filepath.Join(b.dir, "dump.rdb"))
	if err != nil || !bytes.Equal(got, b.file) {
		b.t.Errorf("%s: the file has %d bytes (%v), and had %d", when, len(got), err, len(b.file))
	}
	entries, err := os.ReadDir(b.dir)
	if len(entries) != 1 || err != nil {
		b.t.Errorf("%s: %v (%v), want the file alone", when, entries, err)
	}
}

// fails shows all that holds while nothing can be saved. cause is in the log.
func (b *badDisk) fails(cause string) {
	b.t.Helper()
	b.reply("-ERR", "SAVE")
	b.untouched("after SAVE")
	b.reply("+OK", "SET", "after", "SAVE: a failed SAVE forbids nothing")
	if got := b.bgsave(); got != "err" {
		b.t.Errorf("BGSAVE: status %q, want err", got)
	}
	b.untouched("after BGSAVE")
	b.reply("-MISCONF Redis is configured to save RDB snapshots", "SET", "a", "1")
	b.reply("-MISCONF", "FLUSHALL")
	b.reply("$"+strings.Repeat("k", 100), "GET", "kept")
	b.reply("+OK", "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	b.reply("+OK", "SET", "a", "1")
	b.reply("+OK", "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
	b.reply("-MISCONF", "SET", "a", "1")
	if !strings.Contains(b.s.Log(), cause) {
		b.t.Errorf("the log does not say %q:\n%s", cause, b.s.Log())
	}
}

// recovers shows that the next save is good, allows writes again, and is found at the next start.
func (b *badDisk) recovers() {
	b.t.Helper()
	if got := b.bgsave(); got != "ok" {
		b.t.Errorf("BGSAVE on a disk repaired: status %q, want ok; the log:\n%s", got, b.s.Log())
	}
	b.reply("+OK", "SET", "b", "2")
	b.reply("+OK", "SAVE")
	b.s.Kill()
	again := b.s.Program.Start(b.t, `dir `+harness.Quote(b.disk.dir))
	b.c = again.Dial(b.t)
	b.reply("$1", "GET", "a")
	b.reply("$2", "GET", "b")
	b.reply("$kkk", "GET", "kept")
}

func TestFullDisk(t *testing.T) {
	onDisks(t, func(t *testing.T, d *smallDisk, program harness.Program) {
		b := newBadDisk(t, d, program)
		b.c.Must(t, "SET", "too much", strings.Repeat("x", 2<<20))
		if d.limit {
			d.limitFiles(b.s, "1000000")
		}
		b.fails(d.full)
		b.reply("+OK", "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
		b.reply(":1", "DEL", "too much")
		b.reply("+OK", "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
		b.recovers()
	})
}

func TestReadOnlyDisk(t *testing.T) {
	onBoth(t, func(t *testing.T, program harness.Program) {
		d, protect, says := readOnly(t, "")
		b := newBadDisk(t, d, d.in(program))
		protect(true)
		b.fails("for saving: " + says)
		protect(false)
		b.recovers()
	})
}

// onBoth runs a test on redis-server, which shows that the test is right, and on Tarn.
func onBoth(t *testing.T, test func(t *testing.T, program harness.Program)) {
	for _, program := range []func(testing.TB) harness.Program{harness.Oracle, harness.Tarn} {
		p := program(t)
		t.Run(p.Name, func(t *testing.T) { test(t, p) })
	}
}
