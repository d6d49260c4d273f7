// Shown here: what DEBUG does to a server without sockets, and that digests tell data sets apart by
// what is in them and by nothing else.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/test/chance"
)

func newDebug(t *testing.T) (*admin, *client) {
	a := newAdmin(t)
	a.set(func(c *config.Config) { c.EnableDebugCommand = config.ProtectedYes })
	return a, a.connect()
}

func TestDebugAsks(t *testing.T) {
	a, c := newDebug(t)
	const ok = "+OK\r\n"
	a.talk(c, []exchange{
		{"DEBUG RELOAD", ok, "reload false false false"},
		{"DEBUG RELOAD nosave NOFLUSH merge", ok, "reload true true true"},
		{"DEBUG RELOAD NOFLUSH", ok, "reload false true false"},
		{"DEBUG RELOAD NOSUCH", "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n", ""},
		{"MULTI", ok, ""},
		{"DEBUG RELOAD", "+QUEUED\r\n", ""},
		{"EXEC", "*1\r\n-ERR tarn: DEBUG RELOAD cannot run inside a transaction\r\n", ""},
		{"DEBUG PAUSE-CRON 1", ok, "cron paused true"},
		{"DEBUG PAUSE-CRON 0", ok, "cron paused false"},
		{"DEBUG LOG hello", ok, "warn: DEBUG LOG: hello"},
		{"DEBUG SEGFAULT", "", "crash: segmentation fault: DEBUG SEGFAULT"},
		{"DEBUG PANIC", "", "crash: panic: DEBUG PANIC"},
		{"DEBUG ASSERT", "", "crash: assertion failed: DEBUG ASSERT"},
		{"DEBUG LOADAOF", ok, "reread"},
		{"DEBUG AOF-FLUSH-SLEEP 20", ok, "sleep 20"},
		{"DEBUG ERROR ONE_WORD", "-ONE_WORD\r\n", ""},
		{"DEBUG SLEEP 0.000001", ok, ""},
	})
	a.fail = resp.Error("ERR no")
	a.talk(c, []exchange{{"DEBUG RELOAD", "-ERR no\r\n", "reload false false false"}})
}

func TestDebugHelp(t *testing.T) {
	a, c := newDebug(t)
	help, _ := a.ask(c, "DEBUG", "HELP")
	lines := strings.Split(help, "\r\n")
	if want := fmt.Sprintf("*%d", len(lines)-2); lines[0] != want || !strings.HasPrefix(lines[1], "+DEBUG <subcommand> ") {
		t.Fatalf("HELP begins %q, %q; want %s lines", lines[0], lines[1], want)
	}
	for _, line := range lines[2 : len(lines)-1] {
		if strings.HasPrefix(line, "+    ") {
			continue
		}
		// Every subcommand is known, whatever it says to these arguments.
		name, _, _ := strings.Cut(line[1:], " ")
		got, _ := a.ask(c, "DEBUG", name, "1", "2", "3", "4", "5")
		if want := "-ERR unknown subcommand or wrong number of arguments for '" + name + "'. Try DEBUG HELP.\r\n"; got[0] == '-' && got != want && !strings.Contains(got, " later version") && name != "RELOAD" {
			t.Errorf("DEBUG %s with 5 arguments: %q", name, got)
		}
	}
}

func TestDebugSwitches(t *testing.T) {
	a, c := newDebug(t)
	for _, x := range []struct {
		value string
		want  bool
	}{{"1", true}, {"0", false}, {"2", true}, {"x", false}} {
		if got, _ := a.ask(c, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", x.value); got != "+OK\r\n" || a.env.SkipChecksum.Load() != x.want {
			t.Errorf("SET-SKIP-CHECKSUM-VALIDATION %s: %q, checksums skipped %t", x.value, got, a.env.SkipChecksum.Load())
		}
	}
}

func TestPopulate(t *testing.T) {
	a, c := newDebug(t)
	a.ask(c, "SET", "key:1", "mine")
	before := a.counts()
	w := a.connect()
	a.ask(w, "WATCH", "key:2")
	a.talk(c, []exchange{
		{"DEBUG POPULATE 3", "+OK\r\n", ""},
		{"DEBUG POPULATE 2 long 10", "+OK\r\n", ""},
		{"DEBUG POPULATE 2 short 3", "+OK\r\n", ""},
		{"DEBUG POPULATE 0 none", "+OK\r\n", ""},
		{"GET key:0", "$7\r\nvalue:0\r\n", ""},
		{"GET key:1", "$4\r\nmine\r\n", ""},
		{"GET key:2", "$7\r\nvalue:2\r\n", ""},
		{"GET key:3", "$-1\r\n", ""},
		{"GET long:1", "$10\r\nvalue:1\x00\x00\x00\r\n", ""},
		{"GET short:1", "$3\r\nval\r\n", ""},
		{"GET none:0", "$-1\r\n", ""},
	})
	if dirty := a.counts().minus(before).dirty; dirty != 0 {
		t.Errorf("%d changes are counted; Redis counts none", dirty)
	}
	if !w.session.Changed() {
		t.Error("a watched key was made, and its watcher was not told")
	}
	if err := a.env.Keyspace.Verify(); err != nil {
		t.Error(err)
	}
	a.talk(c, []exchange{{"DEBUG VERIFY", "+OK\r\n", ""}})
}

func TestDebugObject(t *testing.T) {
	a, c := newDebug(t)
	object := func(name string) []string {
		reply, _ := a.ask(c, "DEBUG", "OBJECT", name)
		words := strings.Fields(reply)
		if len(words) != 7 || words[0] != "+Value" || !strings.HasPrefix(words[1], "at:0x") {
			t.Fatalf("DEBUG OBJECT %s: %q", name, reply)
		}
		return words
	}
	for _, x := range []struct{ value, encoding, length string }{
		{"5", "int", "2"},
		{"500", "int", "3"},
		{"short", "embstr", "6"},
		{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS", "raw", "46"},
	} {
		a.ask(c, "SET", "k", x.value)
		if got := strings.Join(object("k")[2:5], " "); got != fmt.Sprintf("refcount:1 encoding:%s serializedlength:%s", x.encoding, x.length) {
			t.Errorf("%.10s: %s", x.value, got)
		}
	}
	a.ask(c, "SET", "k", strings.Repeat("x", 1000))
	if got := object("k")[4]; len(got) != len("serializedlength:NN") {
		t.Errorf("1000 equal bytes: %s, want them compressed", got)
	}
	a.set(func(c *config.Config) { c.RDBCompression = false })
	if got := object("k")[4]; got != "serializedlength:1002" {
		t.Errorf("1000 bytes without compression: %s", got)
	}
	a.ask(c, "SET", "n", "20000")
	before := object("n")
	a.clock.Advance(10e9)
	if got := object("n"); got[6] != "lru_seconds_idle:10" || got[5] != before[5] {
		t.Errorf("after 10 s: %s %s, want the clock as it was: %s", got[5], got[6], before[5])
	}
	a.ask(c, "INCR", "n")
	if got := object("n"); got[1] != before[1] {
		t.Errorf("INCR moved the value from %s to %s", before[1], got[1])
	}
	a.talk(c, []exchange{
		{"DEBUG OBJECT absent", "-ERR no such key\r\n", ""},
		{"DEBUG HTSTATS-KEY n", "-ERR The value stored at the specified key is not represented using an hash table\r\n", ""},
	})
}

// TestDigest makes one data set in many ways, and others that differ from it in one thing.
func TestDigest(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	base := []string{
		"0 SET a 1", "0 SET b 12345678901", "0 SET c text", "1 SET a 1", "0 SET e v PXAT 99999999999999", "0 SET f " + strings.Repeat("y", 9000),
	}
	digest := func(commands []string) string {
		a, c := newDebug(t)
		for _, text := range commands {
			words := strings.Fields(text)
			c.session.DB = int32(words[0][0] - '0')
			a.ask(c, words[1:]...)
		}
		c.session.DB = 0
		got, _ := a.ask(c, "DEBUG", "DIGEST")
		if len(got) != 43 || strings.Trim(got[1:41], "0123456789abcdef") != "" {
			t.Fatalf("DEBUG DIGEST: %q", got)
		}
		return got
	}
	want := digest(base)
	if zeros := digest(nil); zeros != "+"+strings.Repeat("0", 40)+"\r\n" || want == zeros {
		t.Errorf("the digest of nothing is %q, that of something %q", zeros, want)
	}
	for range 10 {
		other := append([]string(nil), base...)
		random.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if got := digest(other); got != want {
			t.Errorf("seed %d: in another order the digest is %q, not %q", seed, got, want)
		}
	}
	for _, same := range [][]string{
		{"0 SET a 0", "0 INCR a"},
		{"0 APPEND a2 1", "0 RENAME a2 a"}, // raw instead of int
		{"0 DEL e", "0 SET e v", "0 PEXPIREAT e 99999999999999"},
		{"0 SET z z", "0 DEL z"},
		{"0 SET z z PX 1000", "0 PEXPIRE z -1"},
		{"0 PEXPIREAT e 99999999999998"}, // that it ends counts, and not when
	} {
		if got := digest(append(append([]string(nil), base...), same...)); got != want {
			t.Errorf("after %q the digest is %q, not %q", same, got, want)
		}
	}
	seen := map[string]string{want: "the same"}
	for _, other := range []string{
		"0 SET a 2", "0 DEL a", "1 DEL a", "0 SET A 1", "0 PERSIST e", "0 SET c text PXAT 99999999999999",
		"0 SETRANGE f 8000 z", "0 APPEND c x", "0 RENAME a aa", "1 SET c text",
	} {
		got := digest(append(append([]string(nil), base...), other))
		if before, ok := seen[got]; ok {
			t.Errorf("after %q the digest is that of %s", other, before)
		}
		seen[got] = other
	}
}

func TestDigestValue(t *testing.T) {
	a, c := newDebug(t)
	for _, text := range []string{"SET a 7", "SET b 8", "DECR b", "SET c 7 PXAT 99999999999999", "SET d other"} {
		a.ask(c, strings.Fields(text)...)
	}
	got, _ := a.ask(c, "DEBUG", "DIGEST-VALUE", "a", "b", "c", "d", "absent")
	digests := strings.Split(strings.TrimPrefix(got, "*5\r\n"), "\r\n")
	if len(digests) != 6 || digests[0] != digests[1] || digests[0] == digests[2] || digests[0] == digests[3] ||
		digests[4] != "+"+strings.Repeat("0", 40) {
		t.Errorf("digests are %q: want the first two equal, the next ones others, the last zeros", digests)
	}
}

// TestDebugInExec shows that the locks of a transaction suffice for every subcommand that locks.
func TestDebugInExec(t *testing.T) {
	a, c := newDebug(t)
	a.ask(c, "SET", "k", "v")
	a.ask(c, "MULTI")
	for _, text := range []string{
		"DEBUG DIGEST", "DEBUG DIGEST-VALUE k absent", "DEBUG OBJECT k", "DEBUG VERIFY", "DEBUG POPULATE 100",
		"DEBUG HTSTATS 0 FULL", "DEBUG HTSTATS-KEY k", "CLIENT LIST", "CONFIG GET timeout", "INFO", "SLOWLOG GET", "LATENCY LATEST",
	} {
		a.ask(c, strings.Fields(text)...)
	}
	got, _ := a.ask(c, "EXEC")
	if !strings.HasPrefix(got, "*12\r\n+") || strings.Count(got, "\r\n-") != 1 {
		t.Errorf("EXEC: %q", got)
	}
	if c.session.State&command.InMulti != 0 {
		t.Error("still in MULTI")
	}
}
