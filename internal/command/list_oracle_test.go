// Shown here, against Debian's redis-server (7.0.15): the commands on lists behave as Redis's. A
// seeded stream of random commands goes to it and to a server without sockets; after each command
// the replies must be the same, and so must the numbers of changes to save, of hits and of misses.
// Now and then all lists are compared. The limits of listpacks change on the way, so that small lists
// are large ones, of many leaves, too. Blocking commands run inside MULTI, where they do not block.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/test/harness"
)

const listDuelCommands = 6000 // per round

var listKeys = []string{"l1", "l2", "l3", "l4", "{l}5", "string", "absent"}

func TestListsAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, "databases 2")
	for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
		t.Run(fmt.Sprintf("proto=%d", proto), func(t *testing.T) {
			d := newKeyDuel(t, oracle, proto)
			d.play([]string{"SET", "string", "value"})
			long := false
			for d.step = range listDuelCommands {
				if d.step%200 == 0 {
					d.limitLists()
					long = d.random.IntN(3) == 0
				}
				switch args := randomListCommand(d.random, long); {
				case args[0][:2] != "LI" && slices.Contains(args, "-9223372036854775808"): // refused since 7.2
				case strings.HasPrefix(args[0], "B"):
					d.playInMulti(args)
				default:
					d.play(args)
				}
				if d.step%100 == 99 {
					d.compareLists()
				}
			}
		})
	}
}

// playInMulti plays a command that might block where it does not.
func (d *keyDuel) playInMulti(args []string) {
	d.t.Helper()
	d.recent = append(d.recent, fmt.Sprintf("in MULTI: %.200q", args))
	var request []byte
	for _, c := range [][]string{{"MULTI"}, args, {"EXEC"}} {
		request = harness.AppendCommand(request, c...)
	}
	if err := d.oracle.Write(append(request[:len(request):len(request)], "*2\r\n$4\r\nECHO\r\n"+endMark...)); err != nil {
		d.t.Fatal(err)
	}
	want, closed, err := d.oracle.ReadUntil([]byte(endMark))
	if err != nil || closed {
		d.t.Fatalf("%.200q: %v, closed %t", args, err, closed)
	}
	if got := string(d.client.feed(request)); got != string(want) {
		d.fail("reply is %.500q, want %.500q", got, want)
	}
	d.compareCounts()
}

// limitLists sets list-max-listpack-size and list-compress-depth on both sides.
func (d *keyDuel) limitLists() {
	d.t.Helper()
	size := pick(d.random, []int{-2, -1, -5, 1, 2, 4, 7, 20, 128})
	depth := pick(d.random, []int{0, 1, 1, 2})
	d.recent = append(d.recent, fmt.Sprintf("list-max-listpack-size %d, list-compress-depth %d", size, depth))
	d.admin.Must(d.t, "CONFIG", "SET", "list-max-listpack-size", strconv.Itoa(size), "list-compress-depth", strconv.Itoa(depth))
	limits := keyspace.DefaultLimits
	limits.ListPackSize, limits.ListCompressDepth = size, depth
	d.tarn.env.Keyspace.SetLimits(&limits)
}

// compareLists compares all lists, and has Tarn's verified.
func (d *keyDuel) compareLists() {
	d.t.Helper()
	for _, key := range listKeys {
		d.play([]string{"TYPE", key})
		d.play([]string{"LRANGE", key, "0", "-1"})
		d.play([]string{"LLEN", key})
	}
	if err := d.tarn.env.Keyspace.Verify(); err != nil {
		d.fail("Verify: %v", err)
	}
}

// randomListCommand returns a command; long lists get more and longer elements.
func randomListCommand(r *rand.Rand, long bool) []string {
	key, other := pick(r, listKeys), pick(r, listKeys)
	index := func() string {
		switch r.IntN(12) {
		case 0:
			return pick(r, []string{"", "x", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808", " 1"})
		case 1, 2, 3:
			return strconv.Itoa(r.IntN(2000) - 1000)
		}
		return strconv.Itoa(r.IntN(21) - 10)
	}
	element := func() string {
		switch r.IntN(10) {
		case 0:
			return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
		case 1:
			if long {
				return strings.Repeat(pick(r, []string{"a", "bc", "\x00"}), r.IntN(6000))
			}
			return strings.Repeat("a", r.IntN(300))
		case 2:
			return pick(r, []string{"", "-1", "0", "01", "a b", "\r\n"})
		}
		return strconv.Itoa(r.IntN(8))
	}
	side := func() string { return pick(r, []string{"LEFT", "RIGHT", "left", "Right", "LEFT", "UP"}) }
	timeout := func() string { return pick(r, []string{"0", "1", "0.5", "-1", "x", ""}) }
	count := func() string { return pick(r, []string{"1", "2", "5", "100", "0", "-1", "x"}) }
	push := func() []string {
		args := []string{pick(r, []string{"LPUSH", "RPUSH", "RPUSH", "LPUSHX", "RPUSHX"}), key, element()}
		for range r.IntN(6) {
			args = append(args, element())
		}
		return args
	}
	many := func(args ...string) []string {
		args = append(args, pick(r, []string{"1", "2", "2", "3", "0", "x", "9"}), key, other, side())
		if r.IntN(2) == 0 {
			args = append(args, pick(r, []string{"COUNT", "count", "COUNTS"}), count())
		}
		if r.IntN(12) == 0 {
			args = append(args, "COUNT", "1")
		}
		return args
	}
	switch r.IntN(26) {
	case 0, 1, 2, 3:
		return push()
	case 4:
		if long {
			args := push()
			for range r.IntN(900) {
				args = append(args, element())
			}
			return args
		}
		return push()
	case 5, 6:
		return []string{pick(r, []string{"LPOP", "RPOP"}), key}
	case 7:
		return []string{pick(r, []string{"LPOP", "RPOP"}), key, count()}
	case 8:
		return []string{"LLEN", key}
	case 9, 10:
		return []string{"LINDEX", key, index()}
	case 11:
		return []string{"LSET", key, index(), element()}
	case 12, 13:
		return []string{"LINSERT", key, pick(r, []string{"BEFORE", "AFTER", "before", "AT"}), element(), element()}
	case 14, 15:
		return []string{"LRANGE", key, index(), index()}
	case 16:
		return []string{"LREM", key, index(), element()}
	case 17:
		if r.IntN(3) == 0 {
			return []string{"LTRIM", key, index(), index()}
		}
		return []string{"LTRIM", key, strconv.Itoa(r.IntN(5)), strconv.Itoa(-r.IntN(5))}
	case 18, 19:
		args := []string{"LPOS", key, element()}
		for _, option := range []string{"RANK", "COUNT", "MAXLEN", "RANKS"} {
			if r.IntN(3) == 0 {
				args = append(args, option, index())
			}
		}
		return args
	case 20:
		return []string{"LMOVE", key, other, side(), side()}
	case 21:
		return []string{"RPOPLPUSH", key, other}
	case 22:
		return many("LMPOP")
	case 23:
		return many("BLMPOP", timeout())
	case 24:
		return []string{pick(r, []string{"BLPOP", "BRPOP"}), key, other, timeout()}
	}
	if r.IntN(2) == 0 {
		return []string{"BRPOPLPUSH", key, other, timeout()}
	}
	return []string{"BLMOVE", key, other, side(), side(), timeout()}
}
