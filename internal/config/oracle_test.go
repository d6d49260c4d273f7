// The same directives to a real redis-server and to this room: names, defaults, what values are
// taken and printed as, every refusal's text, the command line, and the rewritten file.
//
// A refusal at start ends redis-server at once, so those texts cost a short process each; a last line
// that is always wrong makes sure that no server stays when the line before it is taken. Deliberate
// differences stand in tables beside the tests. The real one is Debian's 7.0.15.

package config

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tarn/internal/vfs"
	"tarn/test/chance"
	"tarn/test/harness"
)

const product = "Redis 7.0.15"

// pair is a running redis-server and a Store that was loaded from the same file.
type pair struct {
	server *harness.Server
	conn   *harness.Conn
	store  *Store
}

func startPair(t *testing.T, directives ...string) pair {
	t.Helper()
	server := harness.Oracle(t).Start(t, directives...)
	s, _, err := Load([]string{"server.conf"}, Env{Files: vfs.OS{}, Dir: server.Dir, Product: product})
	if err != nil {
		t.Fatal(err)
	}
	return pair{server, server.Dial(t), s}
}

// ask sends a command to redis-server and returns its reply: an error or a status is one element.
func (p pair) ask(t *testing.T, words ...string) []string {
	t.Helper()
	v, err := p.conn.Do(words...)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	if v.Kind != '*' {
		return []string{v.Text}
	}
	var flat []string
	for _, e := range v.Elem {
		flat = append(flat, e.Text)
	}
	return flat
}

// answer is what ask would return for this room's CONFIG SET.
func answer(err error) string {
	if err != nil {
		return err.Error()
	}
	return "OK"
}

func TestOracleNamesAndDefaults(t *testing.T) {
	o := startPair(t)
	s := o.store
	theirs := map[string]string{}
	for pair := range slices.Chunk(o.ask(t, "CONFIG", "GET", "*"), 2) {
		theirs[pair[0]] = pair[1]
	}
	// Hidden in Redis 7.2, shown by 7.0.
	shownBy70 := []string{"aof-disable-auto-gc"}
	// Spelt with a hyphen since 7.2; 7.0 knows the underscore only.
	newSpelling := []string{"server-cpulist", "bio-cpulist", "aof-rewrite-cpulist", "bgsave-cpulist"}
	ours := map[string]string{}
	for _, p := range s.Get("*") {
		ours[p.Name] = p.Value
	}
	for name, value := range theirs {
		got, known := ours[name]
		if !known && !slices.Contains(shownBy70, name) {
			t.Errorf("CONFIG GET * lacks %s", name)
		}
		if known && got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	for name := range ours {
		_, known := theirs[name]
		if !known && Lookup(name).Origin == Redis70 && !slices.Contains(newSpelling, name) {
			t.Errorf("CONFIG GET * shows %s, which Redis does not have", name)
		}
	}
	for i := range directives {
		d := &directives[i]
		if !d.Hidden || d.Origin != Redis70 {
			continue
		}
		if got, want := d.print(s.Current()), o.ask(t, "CONFIG", "GET", d.Name); len(want) != 2 || got != want[1] {
			t.Errorf("hidden %s is %q, want %q", d.Name, got, want)
		}
	}
}

// probes are values that tell kinds and ranges apart.
var probes = []string{"", "x", "yes", "No", "-1", "0", "1", "007", "+1", "101", "1.5", "5%", "101%", "1kb", "8MB", "99999999999",
	"-99999999999", "60 1", "60  1", "60 1 5", "debug", "ALLKEYS-LFU", "local", "always", "relative", "clients", "swapdb", "hostname",
	"panic", "optional", "systemd", "local3", "allchannels", "force now", "save nosave", "default", "normal 1 2", "nobody 1 2 3",
	"1 2 3", "3 2 1", "1 2 3000", "50 99.9 0.00001", "KEA", "g$lm", "a/b", "{title} {", "{{x", "a_b", "2147483648", "4294967296"}

// notProbed are directives whose change redis-server carries out at once, so that the reply depends
// on the machine, or the connection would not survive it. Their values are probed in files.
var notProbed = []string{"port", "bind", "tls-", "maxclients", "maxmemory-clients", "client-output-buffer-limit", "oom-score-adj",
	"watchdog-period", "dir", "repl-backlog-size"}

// differs tells why an answer may differ from Redis's, or "".
func differs(d *Directive, value string) string {
	switch {
	case d.Needs != "" && strings.EqualFold(value, "yes"), d.Name == "aclfile", d.Name == "tls-port":
		return "refused by this version"
	case d.Name == "activedefrag":
		return "Debian's Redis cannot defragment"
	case d.Name == "save" && strings.Contains(value, "99999999999"):
		return "Redis cuts changes to 32 bits"
	case d.Name == "loglevel":
		return "the list of words has one more since 7.2"
	case d.Origin != Redis70 || slices.Contains([]string{"server-cpulist", "bio-cpulist", "aof-rewrite-cpulist", "bgsave-cpulist"}, d.Name):
		return "the name is unknown to 7.0"
	}
	return ""
}

func TestOracleConfigSet(t *testing.T) {
	o := startPair(t)
	s := o.store
	compared := 0
	for i := range directives {
		d := &directives[i]
		if slices.ContainsFunc(notProbed, func(prefix string) bool { return strings.HasPrefix(d.Name, prefix) }) {
			continue
		}
		usual := d.print(s.Current())
		for _, value := range probes {
			if differs(d, value) != "" {
				continue
			}
			for _, name := range d.names() {
				compared++
				want := o.ask(t, "CONFIG", "SET", name, value)[0]
				if got := answer(s.Set([]Pair{{name, value}}, Rights{Protected: true})); got != want {
					t.Errorf("CONFIG SET %s %q: got %q, want %q", name, value, got, want)
				}
				printed := o.ask(t, "CONFIG", "GET", name)
				if got := s.Get(name); len(got) != 1 || len(printed) != 2 || got[0].Value != printed[1] {
					t.Errorf("after CONFIG SET %s %q: got %q, want %q", name, value, got, printed)
				}
			}
		}
		if d.When == Live && differs(d, usual) == "" {
			o.ask(t, "CONFIG", "SET", d.Name, usual)
			_ = s.Set([]Pair{{d.Name, usual}}, Rights{Protected: true})
		}
	}
	if compared < 5000 {
		t.Errorf("only %d values were compared", compared)
	}
}

func TestOracleConfigSetOfSeveral(t *testing.T) {
	o := startPair(t, "enable-protected-configs no")
	s := o.store
	for _, words := range [][]string{
		{"Foo", "1"}, {"hz", "20", "foo", "1"}, {"daemonize", "yes", "foo", "1"}, {"foo", "1", "daemonize", "yes"},
		{"hz", "x", "foo", "1"}, {"hz", "1", "HZ", "2"}, {"hz", "1", "hz", "2", "foo", "1"}, {"slave-priority", "1", "replica-priority", "2"},
		{"replica-priority", "x", "slave-priority", "1"}, {"hz", "30", "timeout", "x"}, {"timeout", "1", "hz", "y", "tcp-keepalive", "z"},
		{"dir", ".", "hz", "x"}, {"hz", "x", "dbfilename", "y"}, {"hz", "33", "timeout", "44"}, {"HZ", "x"}, {"Dir", "y"},
	} {
		want := o.ask(t, append([]string{"CONFIG", "SET"}, words...)...)[0]
		if got := answer(s.Set(pairsOf(words...), Rights{})); got != want {
			t.Errorf("CONFIG SET %q: got %q, want %q", words, got, want)
		}
		printed := o.ask(t, "CONFIG", "GET", "hz", "timeout", "replica-priority")
		var got []string
		for _, p := range s.Get("hz", "timeout", "replica-priority") {
			got = append(got, p.Name, p.Value)
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(printed))) {
			t.Errorf("after CONFIG SET %q: got %q, want %q", words, got, printed)
		}
	}
	for _, words := range [][]string{{"PORT", "p?rt", "port"}, {"no*ne"}, {"watchdog*"}, {"Watchdog-period"}, {`h\z`}, {"[h]z", "hz"}, {"h[^a]"},
		{"*-PRIORITY"}, {"hz", "", "Hz"}} {
		want := o.ask(t, append([]string{"CONFIG", "GET"}, words...)...)
		var got []string
		for _, p := range s.Get(words...) {
			got = append(got, p.Name, p.Value)
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("CONFIG GET %q: got %q, want %q", words, got, want)
		}
	}
}

// logLine matches what redis-server logs before it reads its configuration.
var logLine = regexp.MustCompile(`(?m)^\d+:C .* # (Reading config from stdin|The oom-score-adj-values.*)\n`)

// lastLine is wrong, so that a text ends in an error whatever it says.
const lastLine = "zz the end"

// oracleMistake starts redis-server and returns what it says before it gives up.
func oracleMistake(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	server := exec.Command(harness.Oracle(t).Path, args...)
	server.Dir = dir
	server.Stdin = strings.NewReader(stdin)
	out, err := server.CombinedOutput()
	if err == nil {
		t.Fatalf("redis-server %q with %q ended well:\n%s", args, stdin, out)
	}
	text := logLine.ReplaceAllString(string(out), "")
	if at := strings.Index(text, "# Fatal error"); at >= 0 {
		return strings.TrimSuffix(text[at+2:], "\n")
	}
	return text
}

func ourMistake(dir, stdin string, args ...string) string {
	_, _, err := Load(args, Env{Files: vfs.OS{}, Dir: dir, Product: product, Stdin: strings.NewReader(stdin),
		Command: func(name string) bool {
			return slices.Contains([]string{"get", "set", "save", "config"}, strings.ToLower(name))
		}})
	return fmt.Sprint(err)
}

func compareMistakes(t *testing.T, dir, stdin string, args ...string) {
	t.Helper()
	got, want := ourMistake(dir, stdin, args...), oracleMistake(t, dir, stdin, args...)
	if got != want {
		t.Errorf("arguments %q, text %q: got\n%s\nwant\n%s", args, stdin, got, want)
	}
}

// TestOracleFileValues puts a few values of each kind into a file, for every directive.
func TestOracleFileValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range directives {
		d := &directives[i]
		for _, value := range []string{"", "x", "-1", "99999999999"} {
			if differs(d, value) != "" {
				continue
			}
			text := d.Name + " " + value + "\n"
			if value == "" {
				text += d.Name + " ''\n"
			}
			compareMistakes(t, dir, text+lastLine, "-")
		}
	}
}

func TestOracleFileLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.conf", "b.conf"} {
		if err := vfs.WriteFile(vfs.OS{}, filepath.Join(dir, name), filepath.Join(dir, "t"), dir, []byte("hz 1\n\nhz "+name+"\n")); err != nil {
			t.Fatal(err)
		}
	}
	lines := []string{
		"# x\r\n\t \r\n  PORT x  ", "bogus \"", "\"port\" 1", "'port' 'x'", "port 1 # c", "port \"1\"x", "port '1", "hz \"\\x31\"", "hz \" 1\"",
		"unixsocketperm 0700", "unixsocketperm 1000", "unixsocketperm -1", "unixsocketperm 0x1", "maxmemory 1Gb", "maxmemory kb", "maxmemory ''", "maxmemory -5",
		"maxmemory-clients 100%", "maxmemory-clients 101%", "maxmemory-clients -1%", "maxmemory-clients %", "maxmemory-clients 1.5%",
		"shutdown-on-sigterm", "shutdown-on-sigterm save nosave", "shutdown-on-sigterm 'save now'", "shutdown-on-sigterm NOW force default",
		"client-output-buffer-limit", "client-output-buffer-limit normal", "client-output-buffer-limit master 1 2 3", "client-output-buffer-limit normal -1 2 3",
		"client-output-buffer-limit normal 1x 2 3", "client-output-buffer-limit normal 1 2 3x", "client-output-buffer-limit 'normal 1 2 3 slave 1 2 3'",
		"client-output-buffer-limit replica 1gb 1 +3", "save", "save 1", "save 1 2 3", "save 0 1", "save 1 -1", "save +1 01", "save '' 1", "save 1x 2",
		"save '1 2' '3 4'", "bind", "bind ''", "bind '1 2 3'", "bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
		"replicaof", "replicaof ''", "replicaof a -1", "replicaof a 65536", "replicaof a x", "replicaof a 1 2", "slaveof 'no one'", "slaveof NO ONE",
		"oom-score-adj-values", "oom-score-adj-values 1 2", "oom-score-adj-values 1 2 x", "oom-score-adj-values 1 2 2001", "oom-score-adj-values '1 2 3'",
		"latency-tracking-info-percentiles", "latency-tracking-info-percentiles 1 '2 3'", "latency-tracking-info-percentiles nan", "latency-tracking-info-percentiles 0x10 100.0",
		"latency-tracking-info-percentiles 100.1", "latency-tracking-info-percentiles -0.1", "notify-keyspace-events", "notify-keyspace-events K E", "notify-keyspace-events q",
		"dir ''", "dir /nonexistent", "dir /etc/passwd", "dir .", "dbfilename ''", "dbfilename a/b", "dbfilename a\\\\b", "appendfilename ''", "appendfilename a/b",
		"appenddirname ''", "appenddirname a/b", "appenddirname ..", "cluster-announce-hostname a_b", "cluster-announce-hostname " + strings.Repeat("a", 256),
		"cluster-announce-hostname " + strings.Repeat("a", 255), "proc-title-template ''", "proc-title-template {x}", "proc-title-template {{x}", "proc-title-template x}",
		"cluster-enabled yes\nreplicaof a 1", "include", "include ''", "include a b", "include nonexistent.conf", "include a.conf", "include [ab].conf", "include ?.conf", "include x*.conf",
		"rename-command", "rename-command foo bar", "rename-command get SET", "rename-command get ''\nrename-command get x", "rename-command GET Foo\nrename-command foo bar",
		"rename-command get get", "user", "user foo on\nuser foo off", "loadmodule", "sentinel monitor a", "lua-replicate-commands yes", "list-max-ziplist-entries 3",
		"list-max-ziplist-value", "slave-read-only no", "hash-max-ziplist-value 1", "appendfsync ''", "appendonly YES",
	}
	for _, line := range lines {
		compareMistakes(t, dir, line+"\n"+lastLine, "-")
	}
	// Ends of the whole text, not of a line.
	compareMistakes(t, dir, "cluster-enabled yes\nreplicaof a 1", "-")
	compareMistakes(t, dir, "", "nonexistent.conf")
	compareMistakes(t, dir, "", "a.conf")
	compareMistakes(t, dir, "port x", "a.conf", "-")
}

// TestOracleWordSoup makes lines of words that are wrong in many ways at once.
func TestOracleWordSoup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	words := []string{"port", "Save", "bind", "hz", "slaveof", "shutdown-on-sigint", "client-output-buffer-limit", "maxmemory-clients", "unixsocketperm",
		"notify-keyspace-events", "latency-tracking-info-percentiles", "rename-command", "include", "1", "22", "0", "''", "\"a b\"", "'1 2'", "\"\\x31\"",
		"\"", "'", "\\", "#", "normal", "now", "force", "get", "set", "5%", "1kb", "-1", "\t", "\r", "\v", "\n", "\n", "no", "one", "\x01", "\xff"}
	for range 150 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		var text strings.Builder
		for range 1 + r.IntN(12) {
			text.WriteString(words[r.IntN(len(words))])
			if r.IntN(4) > 0 {
				text.WriteByte(' ')
			}
		}
		compareMistakes(t, dir, text.String()+"\n"+lastLine, "-")
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestOracleCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := vfs.WriteFile(vfs.OS{}, filepath.Join(dir, "a.conf"), filepath.Join(dir, "t"), dir, []byte("hz 1\n\nhz 2\n")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--port", "x"}, {"a.conf", "--port", "x"}, {"a.conf", "port", "x"}, {"a.conf", "port", "6379", "6380"}, {"a.conf", "--port", "6379", "6380"},
		{"--port x"}, {"--port 6379", "--hz", "y"}, {"--port ", "x"}, {"--port"}, {"--port", "--hz"}, {"--port", "1", "--hz"},
		{"--port", "--hz", "1"}, {"--save", "--port", "x"}, {"--save", "", "--port", "x"}, {"--save", "--save", "--port", "x"}, {"--SAVE", "--port", "x"},
		{"--save ", "--port", "x"}, {"--save", "3600 1", "--port", "x"}, {"--save", "3600", "1", "--port", "x"}, {"--save", "1", "2", "3", "--port", "x"},
		{"--shutdown-on-sigint", "nowait force"}, {"--shutdown-on-sigint", "now force", "--port", "x"}, {"--requirepass", "--port", "x"},
		{"--requirepass", "--x", "--port", "y"}, {"--port", "1", "-", "--hz", "x"}, {"-", "--hz", "x"}, {"--hz", "x", "-"}, {"a.conf", "-", "--hz", "x"},
		{"a.conf", "--hz", "x", "-"}, {"--appendfsync", "wrong"}, {"--replicaof", "127.0.0.1", "abc"}, {"--replicaof 127.0.0.1 abc"}, {"--slaveof", "127.0.0.1 abc"},
		{"--user", "foo", "--user", "foo"}, {"--user", "foo", "on", "--user", "foo", "off"}, {"--user foo on", "--user foo off"},
		{"--client-output-buffer-limit", "normal", "1", "2", "x"}, {"--bogus"}, {"--bogus", "1"}, {"--bogus 1 2"}, {`--port "1`, "--hz", "x"},
		{"--hz", "a\"\\\n\r\t\a\b\x01\xff'"}, {"--bind", "1", "2", "--port", "x"}, {"--include", "none.conf"}, {"--", "x"}, {"--  port x"}, {"--dir", "/nonexistent"},
		{"--port", "", "--hz", "1"}, {"--save", "-", "--port", "x"},
	} {
		compareMistakes(t, dir, "timeout x\n", args...)
	}
}

// TestOracleRewrite has both change and rewrite the same file, and compares it line by line: the
// lines that were there in their places, those added as a set.
func TestOracleRewrite(t *testing.T) {
	for _, everything := range []bool{false, true} {
		dir := t.TempDir()
		more := filepath.Join(dir, "more.conf")
		if err := vfs.WriteFile(vfs.OS{}, more, more+".t", dir, []byte("timeout 5\n")); err != nil {
			t.Fatal(err)
		}
		o := startPair(t, strings.NewReplacer("port 6390\n", "", "/tmp/s", filepath.Join(dir, "s"), "rename-command flushall", "rename-command get",
			"more.conf", more).Replace(before))
		s, path := o.store, filepath.Join(o.server.Dir, "server.conf")
		old := read(t, vfs.OS{}, path)
		words := []string{"save", "30 3", "latency-tracking-info-percentiles", "90 99.95", "requirepass", "a \"b\x01", "notify-keyspace-events", "KEA",
			"shutdown-on-sigterm", "now save", "maxmemory", "3145728", "maxmemory-clients", "7%", "hz", "0", "bind", "127.0.0.1 ::1"}
		want := o.ask(t, append([]string{"CONFIG", "SET"}, words...)...)[0]
		if got := answer(s.Set(pairsOf(words...), Rights{})); got != want || want != "OK" {
			t.Fatalf("CONFIG SET: got %s, want %s, which should be OK", got, want)
		}
		if everything {
			o.ask(t, "DEBUG", "CONFIG-REWRITE-FORCE-ALL")
		} else {
			o.ask(t, "CONFIG", "REWRITE")
		}
		theirs := read(t, vfs.OS{}, path)
		if err := vfs.WriteFile(vfs.OS{}, path, path+".t", o.server.Dir, []byte(old)); err != nil {
			t.Fatal(err)
		}
		if err := s.Rewrite(everything); err != nil {
			t.Fatal(err)
		}
		compareRewritten(t, read(t, vfs.OS{}, path), theirs)
	}
}

func compareRewritten(t *testing.T, ours, theirs string) {
	t.Helper()
	ourHead, ourTail := halves(ours)
	theirHead, theirTail := halves(theirs)
	if !slices.Equal(ourHead, theirHead) {
		t.Errorf("the old lines became\n%q, want\n%q", ourHead, theirHead)
	}
	for _, line := range ourTail {
		d := Lookup(strings.Fields(line)[0])
		if !slices.Contains(theirTail, line) && d.Origin == Redis70 && !strings.HasSuffix(d.Name, "-cpulist") {
			t.Errorf("added %q, which Redis does not", line)
		}
	}
	for _, line := range theirTail {
		// Redis writes its users; this version has none.
		if !slices.Contains(ourTail, line) && !strings.HasPrefix(line, "user ") {
			t.Errorf("did not add %q", line)
		}
	}
}

// halves returns the lines before and after the heading, without the empty ones.
func halves(text string) (head, tail []string) {
	before, after, _ := strings.Cut(text, addedUnder)
	notEmpty := func(text string) []string {
		return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
	}
	return notEmpty(before), notEmpty(after)
}
