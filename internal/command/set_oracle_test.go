// Shown here, against Debian's redis-server (7.0.15): sets behave as Redis's, and so does SORT. A
// seeded stream of random commands goes to it and to a server without sockets, in both protocols.
// Replies whose order is free are compared sorted, and random ones by their length; after those that
// removed something at random both sides are given the same set again. The numbers of changes, hits
// and misses must be the same, and now and then what all keys hold. A listpack in Tarn, as in Redis
// 7.2, is a hash table in the oracle.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

const (
	setDuelCommands = 5000 // per round
	setDuelLook     = 250
)

func TestSetsAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, fmt.Sprintf("proto-max-bulk-len %d", duelMaxBulk))
	for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
		t.Run(fmt.Sprintf("proto=%d", proto), func(t *testing.T) {
			d := &setDuel{newDuel(t, oracle, proto, chance.Seed(t))}
			d.furnish()
			for d.step = range setDuelCommands {
				d.play()
				if d.step%setDuelLook == setDuelLook-1 {
					d.look()
				}
			}
		})
	}
}

// setDuel is one round.
type setDuel struct{ *duel }

var (
	setDuelKeys  = []string{"a", "b", "c", "d", "e", "str", "z", "list"}
	setDuelWords = []string{"", "LIMIT", "-1", "0", "9223372036854775808", "STORE", "BY", "GET", "str", "DESC", "COUNT", "nosuch", "1.5"}
)

// furnish makes the keys that SORT asks for, and one of another type.
func (d *setDuel) furnish() {
	d.both("SET", "str", "x")
	for i := range 60 {
		n := strconv.Itoa(i)
		d.both("SET", "w_"+n, pick(d.random, []string{"1", "2", "7", "-3", "0.5", "1e2", n, "7"}))
		d.both("HSET", "h_"+n, "weight", strconv.Itoa(d.random.IntN(20)), "text", "text of "+n)
		d.both("ZADD", "z", strconv.Itoa(d.random.IntN(1000)), n)
	}
	d.both("SET", "bad_7", "abc")
	d.both("SADD", "list", "3", "1", "2")
	d.both("SORT", "list", "STORE", "list")
	d.before = d.counts()
}

// both sends a command to both sides and returns the replies' bytes.
func (d *setDuel) both(args ...string) (want, got string) {
	d.t.Helper()
	if err := d.oracle.Write(append(harness.AppendCommand(nil, args...), "*2\r\n$4\r\nECHO\r\n"+endMark...)); err != nil {
		d.t.Fatal(err)
	}
	raw, closed, err := d.oracle.ReadUntil([]byte(endMark))
	if err != nil || closed {
		d.t.Fatalf("%.200q: %v, closed %t", args, err, closed)
	}
	return string(raw), d.client.do(args...)
}

// judge says what of a reply must be the same.
type judge func(reply string) string

func asIs(reply string) string { return reply }

// inAnyOrder sorts the elements of a reply that has some.
func inAnyOrder(reply string) string {
	head, rest, _ := strings.Cut(reply, "\r\n")
	if head == "" || head[0] != '*' && head[0] != '~' {
		return reply
	}
	var elements []string
	for rest != "" {
		length, after, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.Atoi(strings.TrimPrefix(length, "$"))
		if err != nil || n > len(after)-2 {
			return reply
		}
		elements = append(elements, after[:max(n, 0)])
		rest = after[max(n+2, 0):]
	}
	slices.Sort(elements)
	return fmt.Sprintf("%s %q", head, elements)
}

// byLength keeps the number of elements, and of a reply without elements whether it is a null or an
// error.
func byLength(reply string) string {
	if reply != "" && reply[0] == '$' && reply != "$-1\r\n" {
		return "a string"
	}
	if reply != "" && (reply[0] == '*' || reply[0] == '~') {
		head, _, _ := strings.Cut(reply, "\r\n")
		return head
	}
	return reply
}

// play sends one random command.
func (d *setDuel) play() {
	d.t.Helper()
	args, by := d.command()
	if d.random.IntN(24) == 0 && len(args) > 1 {
		args = d.damage(args)
	}
	d.recent = append(d.recent, fmt.Sprintf("%.300q", args))
	want, got := d.both(args...)
	now := d.counts()
	oracle, tarn := now[0].minus(d.before[0]), now[1].minus(d.before[1])
	d.before = now
	if by(got) != by(want) {
		d.fail("reply is %.500q, want %.500q", got, want)
	}
	if tarn != oracle {
		d.fail("counts (changes, hits, misses) are %v, want %v; reply %.200q", tarn, oracle, got)
	}
	if args[0] == "SPOP" && len(args) > 1 {
		d.level(args[1])
	}
}

// damage makes a command wrong, perhaps: SORT for sure, lest its outcome be left to chance.
func (d *setDuel) damage(args []string) []string {
	if strings.EqualFold(args[0], "SORT") || strings.EqualFold(args[0], "SORT_RO") {
		return append(args, pick(d.random, []string{"nosuch", "LIMIT", "BY", "GET", "STORE"}))
	}
	switch i := 1 + d.random.IntN(len(args)-1); d.random.IntN(3) {
	case 0:
		return slices.Delete(args, i, i+1)
	case 1:
		return append(args, pick(d.random, setDuelWords))
	default:
		args[i] = pick(d.random, setDuelWords)
		return args
	}
}

// level gives both sides the oracle's set, of which members were removed at random.
func (d *setDuel) level(key string) {
	d.t.Helper()
	v := d.admin.Must(d.t, "TYPE", key)
	if v.Text == "set" {
		args := []string{"SADD", key}
		for _, e := range d.admin.Must(d.t, "SMEMBERS", key).Elem {
			args = append(args, e.Text)
		}
		size, _ := d.both("SCARD", key)
		if other := d.client.do("SCARD", key); size != other {
			d.fail("SCARD is %q, want %q", other, size)
		}
		d.both("DEL", key)
		d.both(args...)
	}
	d.before = d.counts()
}

func (d *setDuel) key() string { return pick(d.random, setDuelKeys) }

func (d *setDuel) setKey() string { return pick(d.random, setDuelKeys[:5]) }

func (d *setDuel) member() string {
	switch d.random.IntN(12) {
	case 0:
		return pick(d.random, []string{"", "x", "y", "01", "-0", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "70000", strings.Repeat("long", 30)})
	case 1:
		return "m" + strconv.Itoa(d.random.IntN(200))
	case 2:
		return strconv.Itoa(d.random.IntN(2000))
	}
	return strconv.Itoa(d.random.IntN(60))
}

func (d *setDuel) members(most int) (args []string) {
	for range 1 + d.random.IntN(most) {
		args = append(args, d.member())
	}
	return args
}

func (d *setDuel) keys(most int) (args []string) {
	for range 1 + d.random.IntN(most) {
		args = append(args, d.key())
	}
	return args
}

// command returns a random command and how its replies are compared.
func (d *setDuel) command() ([]string, judge) {
	r, k := d.random, d.key()
	count := pick(r, []string{"0", "1", "2", "3", "10", "100", "1000", "-1", "-3", "x", "9223372036854775808"})
	switch r.IntN(23) {
	case 0, 1, 2, 3:
		most := 5
		if r.IntN(10) == 0 {
			most = 120
		}
		return append([]string{"SADD", d.setKey()}, d.members(most)...), asIs
	case 4, 5:
		return append([]string{"SREM", k}, d.members(30)...), asIs
	case 6:
		return []string{"SISMEMBER", k, d.member()}, asIs
	case 7:
		return append([]string{"SMISMEMBER", k}, d.members(4)...), asIs
	case 8:
		return []string{pick(r, []string{"SCARD", "TYPE", "EXISTS"}), k}, asIs
	case 9:
		return []string{"SMEMBERS", k}, inAnyOrder
	case 10:
		return []string{"SMOVE", k, d.key(), d.member()}, asIs
	case 11, 12:
		if r.IntN(2) == 0 {
			return []string{"SPOP", k}, byLength
		}
		return []string{"SPOP", k, count}, byLength
	case 13:
		if r.IntN(2) == 0 {
			return []string{"SRANDMEMBER", k}, byLength
		}
		return []string{"SRANDMEMBER", k, count}, byLength
	case 14, 15:
		return append([]string{pick(r, []string{"SINTER", "SUNION", "SDIFF"})}, d.keys(4)...), inAnyOrder
	case 16, 17:
		return append([]string{pick(r, []string{"SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"}), d.setKey()}, d.keys(3)...), asIs
	case 18:
		keys := d.keys(3)
		args := append([]string{"SINTERCARD", strconv.Itoa(len(keys))}, keys...)
		if r.IntN(2) == 0 {
			args = append(args, "LIMIT", count)
		}
		return args, asIs
	case 19:
		return []string{"EXPIREAT", d.setKey(), "33177117420"}, asIs
	}
	return d.sort()
}

// hasOrder tells whether a key holds no set: then SORT may leave its elements in their own order.
func (d *setDuel) hasOrder(key string) bool {
	if d.admin == nil {
		return true
	}
	v := d.admin.Must(d.t, "TYPE", key)
	d.before = d.counts()
	return v.Text != "set"
}

// sort returns a SORT whose outcome is determined: not by texts that are the same for several
// elements, and not in the own order of a set.
func (d *setDuel) sort() ([]string, judge) {
	r := d.random
	args := []string{pick(r, []string{"SORT", "SORT", "sort_ro"}), d.key()}
	alpha, free := r.IntN(3) == 0, false
	if alpha {
		args = append(args, "alpha")
	}
	if !alpha || r.IntN(3) == 0 {
		by := []string{"w_*", "h_*->weight", "nosuch_*", "bad_*", "h_*->", "h_*->text"}
		if alpha {
			by = []string{"h_*->text"}
		}
		if d.hasOrder(args[1]) {
			by = append(by, "nosort", "nosort")
		}
		if r.IntN(3) > 0 {
			args = append(args, "BY", pick(r, by))
			free = alpha // elements without a text are in any order
		}
	}
	for range r.IntN(3) {
		args = append(args, "GET", pick(r, []string{"#", "w_*", "h_*->text", "h_*->nosuch", "nostar", "*", "h_*"}))
	}
	if r.IntN(3) == 0 && !free {
		args = append(args, "LIMIT", pick(r, []string{"0", "1", "5", "-2", "1000", "x"}), pick(r, []string{"0", "3", "10", "-1", "9223372036854775807"}))
	}
	if r.IntN(2) == 0 {
		args = append(args, pick(r, []string{"DESC", "asc"}))
	}
	if r.IntN(4) == 0 && args[0] == "SORT" && !free {
		args = append(args, "STORE", "list")
	}
	if free {
		return args, byLength
	}
	return args, asIs
}

// look compares what the keys hold.
func (d *setDuel) look() {
	d.t.Helper()
	for _, key := range setDuelKeys {
		for _, c := range []struct {
			by   judge
			args []string
		}{
			{asIs, []string{"TYPE", key}}, {inAnyOrder, []string{"SMEMBERS", key}}, {asIs, []string{"PEXPIRETIME", key}},
			{hashtableIsListpack, []string{"OBJECT", "ENCODING", key}},
		} {
			want, got := d.both(c.args...)
			if key == "z" && c.args[0] == "OBJECT" {
				continue // SORT makes the oracle's a skiplist
			}
			if c.by(got) != c.by(want) {
				d.fail("%q: reply is %.500q, want %.500q", c.args, got, want)
			}
		}
	}
	if want, _ := d.both("TYPE", "list"); want == "+list\r\n" {
		if want, got := d.both("SORT", "list", "BY", "nosort"); got != want {
			d.fail("the list is %.500q, want %.500q", got, want)
		}
	}
	d.both("SADD", "again", "3", "1", "2") // in case that it is no list any more
	d.both("SORT", "again", "STORE", "list")
	d.both("DEL", "again")
	d.both("SET", "str", "x")
	d.before = d.counts()
}

// hashtableIsListpack takes the oracle's only large encoding of sets, and its only of lists, for any.
func hashtableIsListpack(reply string) string {
	for _, name := range []string{"listpack", "quicklist"} {
		reply = strings.ReplaceAll(reply, fmt.Sprintf("$%d\r\n%s", len(name), name), "$9\r\nhashtable")
	}
	return reply
}

// TestRandomSetCommandsReachEveryHandler keeps the stream above from losing a command unseen.
func TestRandomSetCommandsReachEveryHandler(t *testing.T) {
	seed := chance.Seed(t)
	d := &setDuel{&duel{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0))}}
	c := frugalServer(t)
	good := map[string]bool{}
	for range 4000 {
		args, _ := d.command()
		if reply := c.do(args...); !strings.HasPrefix(reply, "-") {
			good[strings.ToLower(args[0])] = true
		}
	}
	for s := range c.on.env.Table.All(false) {
		if s.Group == "set" && s.Name != "sscan" && !good[s.Name] || strings.HasPrefix(s.Name, "sort") && !good[s.Name] {
			t.Errorf("seed %d: no %s in the stream succeeds", seed, s.Name)
		}
	}
}
