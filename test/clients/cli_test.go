// redis-cli: what it prints must be the same for both servers.

package clients

import (
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

// cli runs redis-cli with what it reads from its standard input, and returns what it printed.
func cli(t *testing.T, s *harness.Server, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(harness.LookPath(t, "redis-cli"), append([]string{"-p", strconv.Itoa(s.Port)}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("redis-cli %q: %v\n%s", args, err, out.Bytes())
	}
	return out.String()
}

// TestCLI runs redis-cli's ways of use, in order, on one server after the other.
func TestCLI(t *testing.T) {
	pipe := string(harness.AppendCommand(harness.AppendCommand(nil, "SET", "p1", "1"), "INCRBY", "p1", "41"))
	uses := []struct {
		stdin  string
		args   []string
		sorted bool // the lines come in any order
	}{
		{args: []string{"PING"}},
		{args: []string{"SET", "k", "a b\x01"}},
		{args: []string{"GET", "k"}},
		{args: []string{"--no-raw", "GET", "k"}},
		{args: []string{"--no-raw", "GET", "absent"}},
		{args: []string{"--csv", "MGET", "k", "absent"}},
		{args: []string{"--json", "MGET", "k", "absent"}},
		{args: []string{"-r", "3", "INCR", "n"}},
		{args: []string{"-n", "3", "SET", "in3", "x"}},
		{args: []string{"-n", "3", "DBSIZE"}},
		{args: []string{"-3", "--no-raw", "CONFIG", "GET", "maxclients"}},
		{args: []string{"-3", "--no-raw", "DEBUG", "PROTOCOL", "map"}},
		{args: []string{"-x", "SET", "from-stdin"}, stdin: "the\nvalue"},
		{args: []string{"GET", "from-stdin"}},
		{args: []string{"--pipe"}, stdin: pipe},
		{args: []string{"GET", "p1"}},
		{stdin: "SET i 1\nINCR i\n\nNOSUCH\nGET i\n"},
		{stdin: "MULTI\nINCR i\nEXEC\n"},
		{args: []string{"--scan"}, sorted: true},
		{args: []string{"--scan", "--pattern", "p*"}},
		{args: []string{"-n", "3", "--bigkeys"}},
		{args: []string{"--no-raw", "CLIENT", "SETNAME", "a b"}},
		{args: []string{"-e", "PING"}},
	}
	var want []string
	onBoth(t, nil, func(t *testing.T, s *harness.Server) {
		for i, use := range uses {
			got := cli(t, s, use.stdin, use.args...)
			if use.sorted {
				lines := strings.Split(got, "\n")
				slices.Sort(lines)
				got = strings.Join(lines, "\n")
			}
			if len(want) <= i {
				want = append(want, got)
			}
			if got != want[i] {
				t.Errorf("redis-cli %q, stdin %q\ngot:\n%s\nwant:\n%s", use.args, use.stdin, got, want[i])
			}
		}
	})
}

// TestBenchmark runs redis-benchmark as the README does, and counts what it did.
func TestBenchmark(t *testing.T) {
	bench := harness.LookPath(t, "redis-benchmark")
	for _, extra := range [][]string{nil, {"--threads", "2"}, {"-r", "1000", "-d", "100"}} {
		name := "plain"
		if extra != nil {
			name = strings.Join(extra, "")
		}
		t.Run(name, func(t *testing.T) {
			onBoth(t, nil, func(t *testing.T, s *harness.Server) { runBenchmark(t, s, bench, extra) })
		})
	}
}

func runBenchmark(t *testing.T, s *harness.Server, bench string, extra []string) {
	args := append([]string{"-p", strconv.Itoa(s.Port), "-t", "set,get,incr,mset,ping",
		"-n", "2000", "-P", "16", "-q"}, extra...)
	out, err := exec.Command(bench, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-benchmark: %v\n%s", err, out)
	}
	for _, test := range []string{"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"} {
		if !strings.Contains(string(out), test+": ") {
			t.Errorf("redis-benchmark says nothing of %s:\n%s", test, out)
		}
	}
	for _, bad := range []string{"ERR", "Error", "WARN"} {
		if strings.Contains(string(out), bad) {
			t.Errorf("redis-benchmark complains:\n%s", out)
		}
	}
	total := 0
	c := s.Dial(t)
	for _, key := range c.Must(t, "KEYS", "counter:*").Elem {
		n, err := strconv.Atoi(c.Must(t, "GET", key.Text).Text)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total < 2000 {
		t.Errorf("redis-benchmark's INCRs added up to %d, want at least 2000", total)
	}
}
