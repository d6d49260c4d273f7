// Shown here, against Debian's redis-server (7.0.15): streams and groups behave as Redis's. A seeded
// stream of random commands goes to it and to a server without sockets, in both protocols, with
// nodes of few entries and of usual ones; after each command the replies must be the same, but for
// times and the fields of 7.2, and so must the numbers of changes to save, of hits and of misses. Every
// value is sound after each command.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

const streamDuelCommands = 6000 // per round

func TestStreamsAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t)
	for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
		for _, entries := range []int64{3, 100} {
			t.Run(fmt.Sprintf("proto=%d/entries=%d", proto, entries), func(t *testing.T) {
				seed := chance.Seed(t)
				d := newDuel(t, oracle, proto, seed)
				d.admin.Must(t, "CONFIG", "SET", "stream-node-max-entries", strconv.FormatInt(entries, 10))
				limits := keyspace.DefaultLimits
				limits.StreamNodeEntries = entries
				d.tarn.env.Keyspace.SetLimits(&limits)
				g := streamGenerator{r: d.random, top: 1}
				for d.step = range streamDuelCommands {
					d.playStream(g.command())
				}
			})
		}
	}
}

// timesOf matches what may differ: Unix times in ms, times since, and what is known of progress.
var timesOf = []*regexp.Regexp{
	regexp.MustCompile(`(:)\d{13}\r\n`),
	regexp.MustCompile(`(\$4\r\nidle\r\n:)\d+\r\n`),
	regexp.MustCompile(`(\$12\r\nentries-read\r\n)(?:\$-1|_|:-?\d+)\r\n`), // newer versions know more
	regexp.MustCompile(`(\$3\r\nlag\r\n)(?:\$-1|_|:-?\d+)\r\n`),
	regexp.MustCompile(`(\$2\r\nc\d\r\n:)\d+\r\n`), // XPENDING: the consumer, then the idle time
}

// newFields matches fields of Redis 7.2, and in those maps the headers.
var newFields = []struct {
	at   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\$8\r\ninactive\r\n:-?\d+\r\n`), ""},
	{regexp.MustCompile(`\$11\r\nactive-time\r\n:-?\d+\r\n`), ""},
	{regexp.MustCompile(`\*8\r\n\$4\r\nname`), "*6\r\n$$4\r\nname"},
	{regexp.MustCompile(`\*10\r\n\$4\r\nname`), "*8\r\n$$4\r\nname"},
	{regexp.MustCompile(`%4\r\n\$4\r\nname`), "%3\r\n$$4\r\nname"},
	{regexp.MustCompile(`%5\r\n\$4\r\nname`), "%4\r\n$$4\r\nname"},
}

// playStream sends a command to both.
func (d *duel) playStream(args []string) {
	d.t.Helper()
	d.recent = append(d.recent, fmt.Sprintf("%.200q", args))
	if err := d.oracle.Write(append(harness.AppendCommand(nil, args...), "*2\r\n$4\r\nECHO\r\n"+endMark...)); err != nil {
		d.t.Fatal(err)
	}
	raw, closed, err := d.oracle.ReadUntil([]byte(endMark))
	if err != nil || closed {
		d.t.Fatalf("%.200q: %v, closed %t", args, err, closed)
	}
	got, want := d.client.do(args...), string(raw)
	if args[0] == "XINFO" {
		for _, f := range newFields {
			got = f.at.ReplaceAllString(got, f.with)
		}
	}
	if args[0] == "XINFO" || args[0] == "XPENDING" {
		for _, at := range timesOf {
			got, want = at.ReplaceAllString(got, "$1"), at.ReplaceAllString(want, "$1")
		}
	}
	const unbalanced = "-ERR Unbalanced " // which goes on differently in Redis 7.2
	if got != want && !(strings.HasPrefix(got, unbalanced) && strings.HasPrefix(want, unbalanced)) {
		d.fail("reply is %.900q, want %.900q", got, want)
	}
	now := d.counts()
	oracle, tarn := now[0].minus(d.before[0]), now[1].minus(d.before[1])
	d.before = now
	if tarn != oracle {
		d.fail("counts (changes, hits, misses) are %v, want %v; reply %.200q", tarn, oracle, got)
	}
	d.tarn.verify(d.t)
}

// verify demands that every value is sound.
func (p *inProcess) verify(t *testing.T) {
	t.Helper()
	tx := p.worker.Tx()
	tx.LockAll()
	defer tx.Unlock()
	for _, name := range streamKeys {
		if k := tx.Key(0, []byte(name), keyspace.Peek); k.Exists() && k.Type() == keyspace.Stream {
			if err := k.Big().Verify(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

var streamKeys = []string{"s1", "s2", "s3", "str"}

// streamGenerator makes commands. IDs stay near top, so that they are often there.
type streamGenerator struct {
	r    *rand.Rand
	top  int        // about the last ID
	high int        // the highest ever
	next [][]string // commands that must follow
}

func (g *streamGenerator) pick(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *streamGenerator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *streamGenerator) key() string {
	if g.chance(2) {
		return g.pick("none", "str")
	}
	return g.pick("s1", "s1", "s2", "s3")
}

// id is an ID that may be in a stream.
func (g *streamGenerator) id() string {
	if g.chance(3) {
		return g.pick("0", "0-0", "x", "-1", "1-", "-", "+", "1-x", "18446744073709551615-18446744073709551615", "007-1",
			"+5", " 5-1", "1--0", "5-18446744073709551616", "", "1-*", "*", "$", ">", "(1")
	}
	ms := max(g.top-g.r.IntN(30), 0)
	if g.chance(30) {
		return strconv.Itoa(ms)
	}
	return fmt.Sprintf("%d-%d", ms, g.r.IntN(3))
}

// late is an ID behind all others, or none: Redis 7.2 refuses others that Redis 7.0 takes.
func (g *streamGenerator) late() string {
	if g.chance(10) {
		return g.pick("x", "1-x", "-", "")
	}
	return fmt.Sprintf("%d-%d", g.high+1, g.r.IntN(3))
}

func (g *streamGenerator) ids(most int) []string {
	var ids []string
	for range 1 + g.r.IntN(most) {
		ids = append(ids, g.id())
	}
	return ids
}

func (g *streamGenerator) bound() string {
	switch g.r.IntN(6) {
	case 0:
		return "-"
	case 1:
		return "+"
	case 2:
		return "(" + g.id()
	}
	return g.id()
}

func (g *streamGenerator) number() string {
	if g.chance(4) {
		return g.pick("x", "-1", "", "9223372036854775808", "-5")
	}
	return strconv.Itoa(g.r.IntN(12))
}

func (g *streamGenerator) group() string    { return g.pick("g1", "g1", "g1", "g2", "g3") }
func (g *streamGenerator) consumer() string { return g.pick("c1", "c2", "c3") }
func (g *streamGenerator) idle() string     { return g.pick("0", "0", "0", "1000000000", "-3", "y") }

// maybe returns words now and then.
func (g *streamGenerator) maybe(percent int, words ...string) []string {
	if g.chance(percent) {
		return words
	}
	return nil
}

func (g *streamGenerator) trim() []string {
	args := []string{g.pick("MAXLEN", "maxlen")}
	args = append(args, g.maybe(60, g.pick("~", "="))...)
	if g.chance(50) {
		args[0] = "MINID"
		args = append(args, g.id())
	} else {
		args = append(args, g.pick(g.number(), strconv.Itoa(20+g.r.IntN(20))))
	}
	return append(args, g.maybe(15, "LIMIT", g.number())...)
}

// command makes the next command. Where a group is made, so are its consumers: since Redis 7.2 they are
// made by more commands than before.
func (g *streamGenerator) command() []string {
	if len(g.next) > 0 {
		args := g.next[0]
		g.next = g.next[1:]
		return args
	}
	args := g.random()
	if len(args) > 3 && args[0] == "XGROUP" && (args[1] == "CREATE" || args[1] == "DELCONSUMER") {
		for _, consumer := range []string{"c1", "c2", "c3"} {
			g.next = append(g.next, []string{"XGROUP", "CREATECONSUMER", args[2], args[3], consumer})
		}
	}
	return args
}

func (g *streamGenerator) random() []string {
	if g.chance(2) {
		g.top = max(g.top-10, 1)
	}
	makers := []func() []string{g.add, g.add, g.add, g.change, g.list, g.manage, g.read, g.readGroup, g.readGroup, g.pending, g.claim, g.info}
	args := makers[g.r.IntN(len(makers))]()
	if g.chance(1) {
		args = args[:max(len(args)-1, 1)]
	}
	if g.chance(1) {
		args = append(args, g.pick("extra", "COUNT", "JUSTID", "5"))
	}
	return args
}

func (g *streamGenerator) add() []string {
	args := slices.Concat([]string{"XADD", g.key()}, g.maybe(5, "NOMKSTREAM"), g.maybe(5, "LIMIT", g.number()))
	if g.chance(10) {
		args = append(args, g.trim()...)
	}
	if g.chance(90) {
		g.top++
		g.high = max(g.high, g.top)
		args = append(args, fmt.Sprintf("%d-%s", g.top, g.pick("0", "1", "*", "7")))
	} else {
		args = append(args, g.id())
		if args[len(args)-1] == "*" {
			args[len(args)-1] = "1-*"
		}
	}
	fields := [][]string{{"a", "1"}, {"a", "x", "b", "y"}, {"temp", "22", "name", "joe"}, {"", "", "12", "-5"}, {"a", strings.Repeat("v", 70)}, {"a"}}
	return append(args, fields[min(g.r.IntN(40), 39)%len(fields)]...)
}

func (g *streamGenerator) change() []string {
	switch g.r.IntN(8) {
	case 0:
		return append([]string{"XTRIM", g.key()}, g.trim()...)
	case 1:
		return slices.Concat([]string{"XSETID", g.key(), g.late()}, g.maybe(20, "ENTRIESADDED", g.number()), g.maybe(20, "MAXDELETEDID", g.id()))
	case 2:
		if g.chance(10) {
			return []string{"DEL", g.pick("s2", "s3", "str")}
		}
		return []string{"XLEN", g.key()}
	case 3:
		return []string{"SET", "str", "1"}
	}
	return append([]string{"XDEL", g.key()}, g.ids(3)...)
}

func (g *streamGenerator) list() []string {
	return slices.Concat([]string{g.pick("XRANGE", "XREVRANGE"), g.key(), g.bound(), g.bound()}, g.maybe(40, "COUNT", g.number()))
}

func (g *streamGenerator) manage() []string {
	switch g.r.IntN(9) {
	case 0, 1, 2, 3:
		return slices.Concat([]string{"XGROUP", "CREATE", g.key(), g.group(), g.pick(g.id(), "$", "0")},
			g.maybe(30, "MKSTREAM"), g.maybe(10, "ENTRIESREAD", g.number()))
	case 4:
		return slices.Concat([]string{"XGROUP", "SETID", g.key(), g.group(), g.pick(g.id(), "$", "0")}, g.maybe(10, "ENTRIESREAD", g.number()))
	case 5:
		if g.chance(60) {
			return []string{"XLEN", g.key()}
		}
		return []string{"XGROUP", "DESTROY", g.key(), g.group()}
	case 6, 7:
		return []string{"XGROUP", "CREATECONSUMER", g.key(), g.group(), g.consumer()}
	}
	return []string{"XGROUP", "DELCONSUMER", g.key(), g.group(), g.consumer()}
}

func (g *streamGenerator) streams(of func() string) []string {
	n := 1 + g.r.IntN(4)/2
	args := []string{"STREAMS"}
	for range n {
		args = append(args, g.key())
	}
	for range n {
		args = append(args, of())
	}
	return args
}

func (g *streamGenerator) read() []string {
	return slices.Concat([]string{"XREAD"}, g.maybe(50, "COUNT", g.number()), g.maybe(2, "NOACK"),
		g.streams(func() string { return notTop(g.pick(g.id(), g.id(), g.id(), "$", "0")) }))
}

func (g *streamGenerator) readGroup() []string {
	return slices.Concat([]string{"XREADGROUP", "GROUP", g.group(), g.consumer()}, g.maybe(70, "COUNT", g.pick("1", "2", g.number())),
		g.maybe(10, "NOACK"), g.streams(func() string { return notTop(g.pick(">", ">", ">", ">", g.id(), "0")) }))
}

// notTop replaces "+", which Redis 7.4 has a meaning for.
func notTop(id string) string {
	if id == "+" {
		return "0"
	}
	return id
}

func (g *streamGenerator) pending() []string {
	if g.chance(50) {
		return append([]string{"XACK", g.key(), g.group()}, g.ids(3)...)
	}
	if g.chance(30) {
		return []string{"XPENDING", g.key(), g.group()}
	}
	return slices.Concat([]string{"XPENDING", g.key(), g.group()}, g.maybe(20, "IDLE", g.idle()),
		[]string{g.bound(), g.bound(), g.number()}, g.maybe(40, g.consumer()))
}

func (g *streamGenerator) claim() []string {
	if g.chance(40) {
		return slices.Concat([]string{"XAUTOCLAIM", g.key(), g.group(), g.consumer(), g.idle(), g.pick("-", g.bound(), "0")},
			g.maybe(40, "COUNT", g.number()), g.maybe(30, "JUSTID"))
	}
	return slices.Concat([]string{"XCLAIM", g.key(), g.group(), g.consumer(), g.idle()}, g.ids(4),
		g.maybe(20, "FORCE"), g.maybe(20, "JUSTID"), g.maybe(10, "IDLE", g.number()), g.maybe(10, "TIME", g.number()),
		g.maybe(10, "RETRYCOUNT", g.number()), g.maybe(5, "LASTID", g.id()))
}

func (g *streamGenerator) info() []string {
	switch g.r.IntN(4) {
	case 0:
		return []string{"XINFO", "STREAM", g.key()}
	case 1:
		return slices.Concat([]string{"XINFO", "STREAM", g.key(), "FULL"}, g.maybe(50, "COUNT", g.number()))
	case 2:
		return []string{"XINFO", "GROUPS", g.key()}
	}
	return []string{"XINFO", "CONSUMERS", g.key(), g.group()}
}
