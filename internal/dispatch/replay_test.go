// Shown here: what commands change becomes units, whole and in order, and nothing else does; units
// fed to an empty server make the same keys; a replay ends at what cannot be run, and says where;
// writes wait while the log is behind.

package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tarn/internal/command"
	"tarn/internal/journal"
	"tarn/internal/resp"
)

// units returns what the journal got, a unit a line: the ops with their databases.
func units(r *journal.Reader) (lines []string, stream []byte) {
	raw, _ := r.Next(nil, 1<<30, -1)
	db := -1
	for u := journal.Parse(raw); u.Next(); {
		var ops []string
		if u.Ops > 1 {
			stream = resp.AppendCommand(stream, []byte("MULTI"))
		}
		for u.NextOp() {
			if u.DB != db {
				db = u.DB
				stream = resp.AppendCommand(stream, []byte("SELECT"), fmt.Append(nil, db))
			}
			stream = append(stream, u.Resp...)
			words := strings.Split(strings.TrimSuffix(string(u.Resp), "\r\n"), "\r\n")
			var args []string
			for i := 2; i < len(words); i += 2 {
				args = append(args, words[i])
			}
			ops = append(ops, fmt.Sprintf("%d %s", u.DB, strings.Join(args, " ")))
		}
		if u.Ops > 1 {
			stream = resp.AppendCommand(stream, []byte("EXEC"))
		}
		lines = append(lines, strings.Join(ops, "; "))
	}
	return lines, stream
}

func TestEffectsBecomeUnits(t *testing.T) {
	r := newRig(t)
	a, b := r.client("a"), r.client("b")
	a.do("SET", "before", "1")
	reader := r.d.Journal().Open()
	for _, line := range []string{
		"SET k 1", "GET k", "set k 2", "SETNX k 3", "INCR k", "NOPE", "HGET k f", "HSET k f v",
		"SELECT 1", "SET k x", "DEL nobody", "SELECT 0",
		"MULTI", "SET m 1", "GET m", "SELECT 1", "APPEND m 2", "EXEC", "SELECT 0",
		"MULTI", "SET one 1", "GET one", "EXEC", "MULTI", "GET one", "EXEC", "MULTI", "SET one 2", "DISCARD",
		"MSET x 1 y 2", "RENAME x z", "PEXPIREAT z 1709208000500", "DEL y nobody",
	} {
		a.do(strings.Fields(line)...)
	}
	r.clock.Advance(1e9)
	a.do("GET", "z")
	a.do("PEXPIREAT", "k", "1709208001500")
	r.clock.Advance(1e9)
	a.do("APPEND", "k", "again")
	b.expect(blocked, "BZPOPMIN", "zset", "0")
	a.do("ZADD", "zset", "1", "m", "2", "n")
	got, stream := units(reader)
	want := []string{
		"0 SET k 1", "0 set k 2", "0 INCR k", "1 SET k x", "0 SET m 1; 1 APPEND m 2", "0 SET one 1",
		"0 MSET x 1 y 2", "0 RENAME x z", "0 PEXPIREAT z 1709208000500", "0 DEL y nobody",
		"0 DEL z", "0 PEXPIREAT k 1709208001500", "0 DEL k; 0 APPEND k again", "0 ZADD zset 1 m 2 n",
	}
	if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) || !strings.HasPrefix(got[len(want)], "0 ") {
		t.Errorf("units:\n%s\nwant, and the member popped:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	again := newRig(t)
	replay(t, again, stream)
	c := again.client("c")
	for _, check := range []struct{ want, line string }{
		{"$5\r\nagain\r\n", "GET k"}, {"$-1\r\n", "GET z"}, {"$1\r\n1\r\n", "GET m"}, {"*1\r\n$1\r\nn\r\n", "ZRANGE zset 0 -1"},
		{"$-1\r\n", "GET before"}, {":4\r\n", "DBSIZE"}, {"+OK\r\n", "SELECT 1"}, {"$1\r\nx\r\n", "GET k"}, {"$1\r\n2\r\n", "GET m"},
	} {
		c.expect(check.want, strings.Fields(check.line)...)
	}
	if again.d.Commands() != 9 {
		t.Errorf("%d commands counted, want those of the client alone", again.d.Commands())
	}
}

// replay feeds a log to a rig while it is loading.
func replay(t *testing.T, r *rig, stream []byte) {
	t.Helper()
	r.d.SetLoading(true)
	p := r.d.NewReplayer()
	reader := r.d.Journal().Open() // as for DEBUG LOADAOF
	defer func() {
		if lines, _ := units(reader); len(lines) > 0 {
			t.Errorf("logged again: %q", lines)
		}
	}()
	p.Refused = func(command string, err error) { t.Errorf("%s: %s", command, err) }
	if used, err := p.Feed(stream); used != len(stream) || err != nil || p.Pending() {
		t.Fatalf("%d of %d bytes replayed, %v, open transaction %t", used, len(stream), err, p.Pending())
	}
	p.Close()
	r.d.SetLoading(false)
}

func TestReplayEnds(t *testing.T) {
	cmd := func(line string) string {
		var args [][]byte
		for _, word := range strings.Fields(line) {
			args = append(args, []byte(word))
		}
		return string(resp.AppendCommand(nil, args...))
	}
	good := cmd("SET a 1") + cmd("HSET h f v")
	long := cmd("SET long " + strings.Repeat("x", 3*replaySlice))
	for _, tc := range []struct {
		name, log string
		used      int
		err       error
		pending   bool
		refused   int
	}{
		{"whole", good, len(good), nil, false, 0},
		{"long", good + long + good, 2*len(good) + len(long), nil, false, 0},
		{"cut", good + long[:len(long)-1], len(good), nil, false, 0},
		{"unknown", good + cmd("NOPE 1") + good, len(good), ErrReplayUnknown, false, 0},
		{"later", good + cmd("PUBLISH a b") + good, len(good), ErrReplayLater, false, 0},
		{"arity", good + cmd("SET a") + good, len(good), ErrReplayArgs, false, 0},
		{"in a transaction", good + cmd("MULTI") + cmd("SET a 2") + cmd("NOPE"), len(good + cmd("MULTI") + cmd("SET a 2")), ErrReplayUnknown, true, 0},
		{"open transaction", good + cmd("MULTI") + cmd("SET a 2"), len(good + cmd("MULTI") + cmd("SET a 2")), nil, true, 0},
		{"refused", good + cmd("LPUSH a 1") + good, 2*len(good) + len(cmd("LPUSH a 1")), nil, false, 1},
		{"garbage", good + "*1\r\n$-5\r\n", len(good), ErrReplayFormat, false, 0},
	} {
		r := newRig(t)
		r.d.SetLoading(true)
		p := r.d.NewReplayer()
		refused := 0
		p.Refused = func(string, error) { refused++ }
		used, err := p.Feed([]byte(tc.log))
		if used != tc.used && tc.err != ErrReplayFormat || !errors.Is(err, tc.err) || p.Pending() != tc.pending || refused != tc.refused {
			t.Errorf("%s: %d bytes, %v, open transaction %t, %d refused; want %d, %v, %t, %d",
				tc.name, used, err, p.Pending(), refused, tc.used, tc.err, tc.pending, tc.refused)
		}
		p.Close()
		r.d.SetLoading(false)
		r.client("c").expect("$1\r\n1\r\n", "GET", "a")
	}
}

func TestWritesWaitWhileTheLogIsBehind(t *testing.T) {
	r := newRig(t)
	c := r.client("c")
	c.do("SET", "k", "1")
	r.d.SetBehind(true)
	c.expect("$1\r\n1\r\n", "GET", "k")
	if got := c.do("SET", "k", "2"); !strings.Contains(got, fmt.Sprintf("verdict %d", Parked)) {
		t.Errorf("SET: %q", got)
	}
	c.expect("+OK\r\n", "MULTI")
	c.expect("+QUEUED\r\n", "SET", "k", "2")
	if got := c.do("EXEC"); !strings.Contains(got, fmt.Sprintf("verdict %d", Parked)) {
		t.Errorf("EXEC: %q", got)
	}
	r.d.SetBehind(false)
	c.expect("*1\r\n+OK\r\n", "EXEC")
	if c.session.State&command.InMulti != 0 {
		t.Error("still in MULTI")
	}
}
