// Shown here: what the journal keeps of a random stream of commands brings an empty server to the same
// data set. Keys and fields end in between, by a look or by the sweep; clients wait and are served;
// transactions run. The log is read at the end's time, when most deadlines in it have passed.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/dispatch"
	"tarn/internal/journal"
	"tarn/internal/resp"
	"tarn/test/chance"
)

const replayCommands = 6000

// recorded is a server whose journal is read.
type recorded struct {
	*inProcess
	clock  *clock.Manual
	reader *journal.Reader
	log    []byte // as a file holds it
	db     int    // of the last command in log
}

func newRecorded(t *testing.T) *recorded {
	m := clock.NewManual(someDay)
	p := &recorded{inProcess: newInProcess(t, m), clock: m}
	p.env.Saver = &noSaver{env: p.env}
	p.dis.Deliver = func(_ *dispatch.Worker, s *command.Session, _ []byte) { s.State &^= command.Blocked }
	p.reader = p.dis.Journal().Open()
	return p
}

// drain moves what the journal holds to the log, and returns its commands but for SELECT.
func (p *recorded) drain() (ops []string) {
	raw, _ := p.reader.Next(nil, 1<<30, -1)
	for u := journal.Parse(raw); u.Next(); {
		if u.Ops > 1 {
			p.log = append(p.log, "*1\r\n$5\r\nMULTI\r\n"...)
		}
		for u.NextOp() {
			if u.DB != p.db {
				p.db = u.DB
				p.log = resp.AppendCommand(p.log, []byte("SELECT"), []byte(strconv.Itoa(u.DB)))
			}
			p.log = append(p.log, u.Resp...)
			ops = append(ops, string(u.Resp))
		}
		if u.Ops > 1 {
			p.log = append(p.log, "*1\r\n$4\r\nEXEC\r\n"...)
		}
	}
	return ops
}

// replayed returns a server on which the log was run.
func (p *recorded) replayed(t *testing.T, context string) *inProcess {
	t.Helper()
	q := newInProcess(t, p.clock)
	q.env.Saver = &noSaver{env: q.env}
	q.env.Keyspace.HoldExpired(true)
	r := q.dis.NewReplayer()
	r.Refused = func(name string, err error) { t.Fatalf("%s: the log's %s: %v", context, name, err) }
	if used, err := r.Feed(p.log); err != nil || used != len(p.log) {
		t.Fatalf("%s: replayed %d of %d bytes: %v", context, used, len(p.log), err)
	}
	r.Close()
	q.env.Keyspace.HoldExpired(false)
	return q
}

// patient is a client that may block: a new one for each command.
func (p *recorded) patient(args []string) {
	c := p.client(resp.RESP2)
	request := encodeWords(args)
	p.dis.World.Enter()
	defer p.dis.World.Leave()
	p.worker.Turn()
	p.worker.Feed(c.session, &c.parser, request)
	p.worker.Writer.Truncate(0)
}

func encodeWords(args []string) []byte {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	return resp.AppendCommand(nil, raw...)
}

// replayGenerator makes the commands.
type replayGenerator struct {
	r       *rand.Rand
	streams *streamGenerator
}

var (
	replayKeys = []string{"a", "b", "s1", "h1", "h2", "l1", "z1", "z2", "s2", "t"}
	shortTimes = []string{"1", "3", "10", "40", "100000"}
)

func (g *replayGenerator) command() []string {
	r := g.r
	switch r.IntN(12) {
	case 0:
		return randomCommand(r)
	case 1:
		return randomKeyCommand(r)
	case 2, 3:
		return randomHashCommand(r, 8)
	case 4:
		return randomListCommand(r, r.IntN(20) == 0)
	case 5:
		return randomZSetCommand(r, zsetTemplates)
	case 6:
		return randomZSetCommand(r, geoTemplates)
	case 7, 8:
		args := g.streams.command()
		if args[0] == "XREADGROUP" { // reading history again changes what no log keeps
			for i := len(args) - 1; args[i] != "STREAMS" && i > len(args)/2; i-- {
				args[i] = ">"
			}
		}
		return args
	case 9:
		return g.timed()
	case 10:
		return g.waiting()
	}
	return g.chancy()
}

// timed is a command about deadlines.
func (g *replayGenerator) timed() []string {
	r := g.r
	key, field, ms := pick(r, replayKeys), pick(r, hashFields), pick(r, shortTimes)
	hash := pick(r, hashKeys[:3])
	switch r.IntN(12) {
	case 0:
		return []string{"SET", key, "v", "PX", ms}
	case 1:
		return []string{"PEXPIRE", key, ms, pick(r, []string{"NX", "XX", "GT", "LT"})}
	case 2:
		return []string{"PEXPIRE", key, pick(r, []string{ms, "-1"})}
	case 3:
		return []string{"GETEX", key, pick(r, []string{"PX", "PXAT", "EX"}), ms}
	case 4:
		return []string{"GETDEL", key}
	case 5:
		return []string{"HEXPIRE", hash, pick(r, []string{"0", "1", "100"}), "FIELDS", "2", field, pick(r, hashFields)}
	case 6, 7:
		return []string{"HPEXPIRE", hash, ms, pick(r, []string{"NX", "GT", "LT"}), "FIELDS", "3", field, pick(r, hashFields), pick(r, hashFields)}
	case 8:
		return []string{"HGETEX", hash, pick(r, []string{"PX", "PXAT"}), ms, "FIELDS", "2", field, pick(r, hashFields)}
	case 9:
		return []string{"HSETEX", hash, pick(r, []string{"FNX", "FXX"}), pick(r, []string{"PX", "EX", "PXAT"}), ms, "FIELDS", "2", field, "x", pick(r, hashFields), "y"}
	case 10:
		return []string{"HGETEX", hash, "PERSIST", "FIELDS", "1", field}
	}
	return []string{"HGETDEL", hash, "FIELDS", "2", field, pick(r, hashFields)}
}

// waiting is a command that may wait.
func (g *replayGenerator) waiting() []string {
	r := g.r
	list, other, zset := pick(r, listKeys), pick(r, listKeys), pick(r, zduelKeys[:3])
	switch r.IntN(8) {
	case 0:
		return []string{"BLPOP", list, other, "0"}
	case 1:
		return []string{"BRPOP", other, list, "0"}
	case 2:
		return []string{"BLMOVE", list, other, pick(r, []string{"LEFT", "right"}), "LEFT", "0"}
	case 3:
		return []string{"BRPOPLPUSH", list, other, "0"}
	case 4:
		return []string{"BLMPOP", "0", "2", list, other, "RIGHT", "COUNT", "3"}
	case 5:
		return []string{"BZPOPMIN", zset, "z3", "0"}
	case 6:
		return []string{"BZMPOP", "0", "2", zset, "z3", "MAX", "COUNT", "2"}
	}
	return []string{"XREADGROUP", "GROUP", "g1", "c1", "BLOCK", "0", "STREAMS", pick(r, []string{"s1", "s2"}), ">"}
}

// chancy is a command whose outcome is chance, or the server's to choose.
func (g *replayGenerator) chancy() []string {
	r := g.r
	set := pick(r, []string{"set", "sa", "sb"})
	switch r.IntN(8) {
	case 0, 1:
		args := []string{"SADD", set}
		for range 1 + r.IntN(20) {
			args = append(args, pick(r, []string{"", "m"})+strconv.Itoa(r.IntN(60)))
		}
		return args
	case 2:
		return []string{"SPOP", set}
	case 3:
		return []string{"SPOP", set, strconv.Itoa(r.IntN(30))}
	case 4:
		return []string{"XADD", pick(r, []string{"x1", "x2"}), "MAXLEN", "~", strconv.Itoa(r.IntN(30)), "*", "a", "1"}
	case 5:
		return []string{"XTRIM", pick(r, []string{"x1", "x2"}), pick(r, []string{"MAXLEN", "MINID"}), "~", strconv.Itoa(r.IntN(30)), "LIMIT", "3"}
	case 6:
		return []string{"INCRBYFLOAT", pick(r, replayKeys), "0.1"}
	}
	return []string{"PFADD", "pf" + strconv.Itoa(r.IntN(2)), strconv.Itoa(r.IntN(1000))}
}

func TestJournalReplays(t *testing.T) {
	for round := range 3 {
		seed := chance.Seed(t)
		context := fmt.Sprintf("round %d, seed %d", round, seed)
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		p := newRecorded(t)
		p.env.Keyspace.SetActiveExpire(round > 0)
		sweeper := p.env.Keyspace.NewTx()
		c, other := p.client(resp.RESP2), p.client(resp.RESP2)
		g := replayGenerator{r: r, streams: &streamGenerator{r: r, top: 1}}
		kept := 0
		for step := range replayCommands {
			args := g.command()
			switch name := strings.ToUpper(args[0]); {
			case r.IntN(40) == 0:
				p.clock.Advance(time.Duration(r.IntN(20)) * time.Millisecond)
				sweeper.Sweep(p.clock.Millis(), time.Second, func() time.Duration { return 0 })
			case strings.HasPrefix(name, "B") && !strings.HasPrefix(name, "BIT"), slices.Contains(args, "BLOCK"):
				p.patient(args)
			case r.IntN(20) == 0:
				other.do("MULTI")
				for range r.IntN(4) {
					other.do(g.command()...)
				}
				other.do("EXEC")
			case slices.Contains([]string{"RESTORE", "WAIT", "SELECT", "SCAN"}, name):
				c.do("SELECT", strconv.Itoa(r.IntN(2)))
			case name == "DUMP" && len(args) > 1:
				if payload := bulkOf(c.do("DUMP", args[1])); payload != "" {
					c.do("RESTORE", pick(r, replayKeys), pick(r, shortTimes), payload, "REPLACE")
				}
			case strings.HasPrefix(name, "FLUSH") && r.IntN(20) > 0:
			default:
				c.do(args...)
			}
			if step%50 == 0 {
				kept += len(p.drain())
			}
			if step%1500 == 1499 || step == replayCommands-1 {
				p.clock.Advance(time.Millisecond)
				want := p.contents()
				p.drain()
				if got := p.replayed(t, context).contents(); got != want {
					t.Fatalf("%s, step %d: the log makes another data set:\n%s", context, step, firstDifference(got, want))
				}
			}
		}
		if kept < replayCommands/10 {
			t.Errorf("%s: the journal got %d commands only", context, kept)
		}
	}
}

// bulkOf returns the text of a bulk reply.
func bulkOf(reply string) string {
	_, text, _ := strings.Cut(reply, "\r\n")
	return strings.TrimSuffix(text, "\r\n")
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			return fmt.Sprintf("got:\n%.3000s\nwant:\n%.3000s", strings.Join(g[min(i, len(g)):min(i+1, len(g))], "\n"), w[i])
		}
	}
	return "got more:\n" + strings.Join(g[len(w):], "\n")
}

// contents describes the data set, a key a line.
func (p *inProcess) contents() string {
	var b strings.Builder
	c := p.client(resp.RESP2)
	for db := range 2 {
		c.do("SELECT", strconv.Itoa(db))
		for _, key := range bulks(c.do("KEYS", "*")) {
			kind := strings.TrimSpace(c.do("TYPE", key)[1:])
			fmt.Fprintf(&b, "%d %q %s %q %s\n", db, key, kind, c.do("PEXPIRETIME", key), p.describe(c, key, kind))
		}
	}
	return b.String()
}

// describe tells what a key of a type holds.
func (p *inProcess) describe(c *client, key, kind string) string {
	switch kind {
	case "string":
		return fmt.Sprintf("%q", c.do("GET", key))
	case "list":
		return fmt.Sprintf("%q", c.do("LRANGE", key, "0", "-1"))
	case "set":
		return fmt.Sprintf("%q", bulks(c.do("SMEMBERS", key)))
	case "zset":
		return fmt.Sprintf("%q", c.do("ZRANGE", key, "0", "-1", "WITHSCORES"))
	case "hash":
		var fields []string
		for _, f := range bulks(c.do("HKEYS", key)) {
			fields = append(fields, fmt.Sprintf("%q %q %q", f, c.do("HGET", key, f), c.do("HPEXPIRETIME", key, "FIELDS", "1", f)))
		}
		return strings.Join(fields, ", ")
	}
	parts := []string{c.do("XRANGE", key, "-", "+"), streamFacts(c.do("XINFO", "STREAM", key)), c.do("XINFO", "GROUPS", key)}
	for _, group := range []string{"g1", "g2", "g3"} {
		parts = append(parts, c.do("XPENDING", key, group, "-", "+", "10000"))
	}
	return fmt.Sprintf("%q", parts)
}

// streamFacts leaves out of XINFO STREAM how the entries lie in memory.
func streamFacts(reply string) string {
	_, facts, _ := strings.Cut(reply, "last-generated-id")
	return facts
}

// bulks returns the elements of a flat reply, sorted.
func bulks(reply string) (list []string) {
	_, rest, _ := strings.Cut(reply, "\r\n")
	for rest != "" {
		head, tail, _ := strings.Cut(rest, "\r\n")
		n, _ := strconv.Atoi(head[1:])
		list = append(list, tail[:n])
		rest = tail[n+2:]
	}
	slices.Sort(list)
	return list
}
