// The live comparison: one random stream of commands goes to redis-server and to Tarn, over several
// connections in both protocols, and every reply must be the same, byte for byte; at the end, so
// must every key. A failure prints the seed; -seed and -steps run it again.

package transcripts

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/test/chance"
	"tarn/test/harness"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of the differential test; 0 draws one")
	stepsFlag = flag.Int("steps", 12_000, "commands per round of the differential test")
)

const (
	rigConns     = 3
	traceLength  = 40
	settledAt    = "30177117420123" // where relative deadlines are moved to
	settleWithin = 20 * time.Second
)

// rig sends to two servers: sides[0] is right.
type rig struct {
	t     *testing.T
	seed  uint64
	step  int
	sides [2]*side
	trace []string

	reread bool // one side has read its data set from a log, which may change encodings
}

type side struct {
	name  string
	conns []*harness.Conn
}

func newRig(t *testing.T, right, judged *harness.Server) *rig {
	seed := *seedFlag
	if seed == 0 {
		seed = chance.Seed(t)
	}
	g := &rig{t: t, seed: seed}
	for i, server := range []*harness.Server{right, judged} {
		g.sides[i] = &side{name: server.Program.Name}
		for n := range rigConns {
			c := server.Dial(t)
			if n == rigConns-1 {
				c.Must(t, "HELLO", "3")
			}
			g.sides[i].conns = append(g.sides[i].conns, c)
		}
	}
	return g
}

// TestDifferential compares Tarn with the oracle.
func TestDifferential(t *testing.T) {
	oracle, tarn := harness.Oracle(t), harness.Tarn(t)
	for _, mode := range []Mode{plain, {Name: "snapshot", Directives: []string{"rdb-key-save-delay 2000"}, Before: keepSnapshotRunning},
		{Name: "shards=1", Directives: []string{"keyspace-shards 1"}}} {
		t.Run(mode.Name, func(t *testing.T) {
			judged := tarn.Start(t, mode.Directives...)
			g := newRig(t, oracle.Start(t), judged)
			control := judged.Dial(t)
			g.run(*stepsFlag, func(step int) {
				if mode.Before != nil && step%200 == 0 {
					if err := mode.Before(control); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// TestDifferentialOfEquals compares the oracle with itself: the test must not see differences where
// there are none.
func TestDifferentialOfEquals(t *testing.T) {
	skipOracle(t)
	oracle := harness.Oracle(t)
	newRig(t, oracle.Start(t), oracle.Start(t)).run(*stepsFlag, func(int) {})
}

// TestDifferentialNotices changes values on one side behind the test's back, which it must see: in
// the stream of replies, and in the comparison of all keys.
func TestDifferentialNotices(t *testing.T) {
	skipOracle(t)
	oracle := harness.Oracle(t)
	judged := oracle.Start(t)
	g := newRig(t, oracle.Start(t), judged)
	meddler := judged.Dial(t)
	meddle := func() { meddler.Must(t, "MSET", "a", "meddled", "b", "meddled", "c", "meddled", "d", "meddled") }
	meddle()
	if g.compareKeys() == nil {
		t.Error("keys on one side alone went unnoticed")
	}
	calls := newGenerator(rand.New(rand.NewPCG(g.seed, 0)), rigConns)
	for g.step = range 2000 {
		if g.step%20 == 0 {
			meddle()
		}
		for _, c := range calls.next() {
			if g.send(c) != nil {
				return
			}
		}
	}
	t.Errorf("seed %d: changes on one side went unnoticed", g.seed)
}

// run sends steps random calls, ends all transactions, and compares the keys.
func (g *rig) run(steps int, before func(step int)) {
	if harness.Race {
		steps /= 4 // everything is that much slower, and what it looks for is found early
	}
	calls := newGenerator(rand.New(rand.NewPCG(g.seed, 0)), rigConns)
	for g.step = range steps {
		before(g.step)
		for _, c := range calls.next() {
			if err := g.send(c); err != nil {
				g.fail(err)
			}
		}
	}
	for n := range rigConns {
		if calls.inMulti[n] {
			if err := g.send(call{conn: n, args: []string{"EXEC"}}); err != nil {
				g.fail(err)
			}
		}
	}
	if err := g.compareKeys(); err != nil {
		g.fail(err)
	}
}

func (g *rig) fail(err error) {
	g.t.Helper()
	g.t.Fatalf("-seed=%d, step %d: %v\nlast commands:\n%s", g.seed, g.step, err, strings.Join(g.trace, "\n"))
}

// send sends a call to both sides and compares the replies.
func (g *rig) send(c call) error {
	if c.from != "" {
		if err := g.fillIn(&c); err != nil {
			return err
		}
	}
	line := fmt.Sprintf("%d>", c.conn)
	for _, a := range c.args {
		line += " " + harness.Quote(a)
	}
	g.trace = append(g.trace, line)
	if len(g.trace) > traceLength {
		g.trace = g.trace[1:]
	}
	var replies [2][]string
	for i, s := range g.sides {
		lines, err := s.exchange(c)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", line, s.name, err)
		}
		replies[i] = lines
	}
	if !slices.Equal(replies[0], replies[1]) {
		if !(c.judge == dumping && !g.payloadsDiffer(c) || c.judge == encoding && g.isNewEncoding(c, replies[0], replies[1])) {
			return fmt.Errorf("%s\ngot:\n\t%s\nwant:\n\t%s", line,
				strings.Join(replies[1], "\n\t"), strings.Join(replies[0], "\n\t"))
		}
	}
	for _, key := range c.settle {
		if err := g.settle(c.conn, key); err != nil {
			return err
		}
	}
	return nil
}

// fillIn puts the oracle's dump of a key, sometimes damaged, into a RESTORE.
func (g *rig) fillIn(c *call) error {
	v, err := g.sides[0].conns[c.conn].Do("DUMP", c.from)
	if err != nil {
		return err
	}
	data := []byte(v.Text)
	if len(data) > 0 && g.step%3 == 0 {
		data[g.step%len(data)] ^= 1 << (g.step % 8)
	}
	c.args[slices.Index(c.args, payload)] = string(data)
	return nil
}

// exchange sends the call to one side and renders the reply as it is judged.
func (s *side) exchange(c call) ([]string, error) {
	conn := s.conns[c.conn]
	if c.judge == scanning {
		return scanAll(conn, c.args)
	}
	v, err := conn.Do(c.args...)
	if err != nil {
		return nil, err
	}
	switch {
	case c.judge == inOrder:
		return sortedLines(v), nil
	case c.judge == asNull && !v.IsError():
		return []string{strconv.FormatBool(v.Null || v.Kind == '_')}, nil
	}
	return v.Lines(), nil
}

// scanAll runs a whole iteration and returns the keys found, each once.
func scanAll(conn *harness.Conn, args []string) ([]string, error) {
	args = slices.Clone(args)
	var keys []string
	for {
		v, err := conn.Do(args...)
		if err != nil || len(v.Elem) != 2 {
			return v.Lines(), err
		}
		for _, k := range v.Elem[1].Elem {
			keys = append(keys, k.String())
		}
		if args[1] = v.Elem[0].Text; args[1] == "0" {
			slices.Sort(keys)
			return slices.Compact(keys), nil
		}
	}
}

// isNewEncoding tells whether a set or list is kept as a listpack, as Redis does since 7.2.
func (g *rig) isNewEncoding(c call, old, now []string) bool {
	v, err := g.sides[0].conns[c.conn].Do("TYPE", c.args[2])
	was := map[string]string{"set": `"hashtable"`, "list": `"quicklist"`}[v.Text]
	return err == nil && slices.Equal(old, []string{was}) && slices.Equal(now, []string{`"listpack"`})
}

// payloadsDiffer tells whether the two sides' dumps of a key mean different values.
func (g *rig) payloadsDiffer(c call) bool {
	v, err := g.sides[0].conns[c.conn].Do("TYPE", c.args[1])
	if err != nil || v.Text == "string" {
		return err != nil || g.stringPayloadsDiffer(c)
	}
	return g.collectionsDiffer(c, v.Text)
}

const scratch = "\x01scratch"

// readers read whole collections.
var readers = map[string][]string{
	"set": {"SMEMBERS"}, "hash": {"HGETALL"}, "list": {"LRANGE", "0", "-1"}, "zset": {"ZRANGE", "0", "-1", "WITHSCORES"},
}

// collectionsDiffer tells whether a key's two values are different, or the second side restores the
// first one's payload to another. The first cannot read what is new in the second's.
func (g *rig) collectionsDiffer(c call, typeName string) bool {
	reader := readers[typeName]
	if reader == nil {
		return true
	}
	read := func(side int, key string) []string {
		args := append([]string{reader[0], key}, reader[1:]...)
		v, err := g.sides[side].conns[c.conn].Do(args...)
		if err != nil || v.IsError() {
			return nil
		}
		return sortedLines(v)
	}
	want := read(0, c.args[1])
	payload, err := g.sides[0].conns[c.conn].Do("DUMP", c.args[1])
	if err != nil || want == nil {
		return true
	}
	judge := g.sides[1].conns[c.conn]
	restored, err := judge.Do("RESTORE", scratch, "0", payload.Text)
	if err != nil || restored.IsError() || !slices.Equal(read(1, scratch), want) {
		return true
	}
	gone, err := judge.Do("DEL", scratch)
	return err != nil || gone.Text != "1" || !slices.Equal(read(1, c.args[1]), want)
}

// stringPayloadsDiffer is payloadsDiffer for strings. The bytes may differ where a value was
// compressed, since compressors choose; the value restored may not.
func (g *rig) stringPayloadsDiffer(c call) bool {
	var values [2]string
	for i, s := range g.sides {
		v, err := s.conns[c.conn].Do("DUMP", c.args[1])
		if err != nil || v.Kind != '$' || v.Null {
			return true
		}
		judge := g.sides[1-i].conns[c.conn]
		restored, err1 := judge.Do("RESTORE", scratch, "0", v.Text)
		got, err2 := judge.Do("GETDEL", scratch)
		if err1 != nil || err2 != nil || restored.IsError() {
			return true
		}
		const shortestCompressed = 21
		if len(got.Text) < shortestCompressed {
			return true
		}
		values[i] = got.Text
	}
	return values[0] != values[1]
}

// settle waits until a key's relative deadline has passed on both sides, or, when it is far, makes
// it an absolute one.
func (g *rig) settle(conn int, key string) error {
	timer := time.NewTimer(settleWithin)
	defer timer.Stop()
	for {
		var left [2]int64
		for i, s := range g.sides {
			v, err := s.conns[conn].Do("PTTL", key)
			if err != nil {
				return fmt.Errorf("settle %q: %s: %w", key, s.name, err)
			}
			if v.Kind != ':' {
				return nil // the connection is in a transaction, of which both sides said the same
			}
			left[i], _ = strconv.ParseInt(v.Text, 10, 64)
		}
		const far = 100_000 // ms; what the generator draws is much shorter or longer
		switch {
		case left[0] < 0 && left[0] == left[1]:
			return nil
		case min(left[0], left[1]) > far:
			if max(left[0]-left[1], left[1]-left[0]) > far/2 {
				return fmt.Errorf("PTTL %q: got %d, want %d", key, left[1], left[0])
			}
			return g.send(call{conn: conn, args: []string{"PEXPIREAT", key, settledAt, "XX"}})
		}
		select {
		case <-timer.C:
			return fmt.Errorf("PTTL %q: got %d, want %d", key, left[1], left[0])
		default:
		}
	}
}

// compareKeys compares every key of the databases used: its payload and its deadline.
func (g *rig) compareKeys() error {
	for _, db := range []string{"0", "1", "2"} {
		if err := g.send(call{args: []string{"SELECT", db}}); err != nil {
			return err
		}
		if err := g.send(call{args: []string{"KEYS", "*"}, judge: inOrder}); err != nil {
			return err
		}
		keys, err := g.sides[0].conns[0].Do("KEYS", "*")
		if err != nil {
			return err
		}
		for _, k := range keys.Elem {
			for _, c := range []call{
				{args: []string{"GET", k.Text}}, {args: []string{"DUMP", k.Text}, judge: dumping},
				{args: []string{"PEXPIRETIME", k.Text}}, {args: []string{"OBJECT", "ENCODING", k.Text}, judge: encoding},
			} {
				if c.judge == encoding && g.reread {
					continue
				}
				if err := g.send(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
