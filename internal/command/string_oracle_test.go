// Shown here, against Debian's redis-server (7.0.15): strings and bitmaps behave as Redis's. A
// seeded stream of random commands goes to it and to a server without sockets, in both protocols;
// after each command the replies must be the same byte for byte, and so must the numbers of changes
// to save, of hits and of misses. Now and then every key is compared: value, encoding, deadline.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

const (
	duelCommands = 4000 // per round
	duelLook     = 500  // commands between comparisons of all keys
	duelMaxBulk  = 1 << 20
	duelSlackMs  = 600_000 // relative deadlines may differ by the time that the test takes
)

// In what follows, 1000000 is a past time where a time is meant, and long enough where a time to
// live is meant: so no key ends while it is looked at.

func TestStringsAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, fmt.Sprintf("proto-max-bulk-len %d", duelMaxBulk))
	for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
		t.Run(fmt.Sprintf("proto=%d", proto), func(t *testing.T) {
			seed := chance.Seed(t)
			d := newDuel(t, oracle, proto, seed)
			for d.step = range duelCommands {
				d.play(randomCommand(d.random))
				if d.step%duelLook == duelLook-1 {
					d.look()
				}
			}
		})
	}
}

// duel is one round.
type duel struct {
	t      *testing.T
	seed   uint64
	step   int
	random *rand.Rand
	oracle *harness.Conn // what is compared
	admin  *harness.Conn // INFO and the like
	tarn   *inProcess
	client *client
	before [2]counts // oracle's, Tarn's
	recent []string
}

func newDuel(t *testing.T, oracle *harness.Server, proto uint8, seed uint64) *duel {
	d := &duel{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0))}
	d.oracle, d.admin = oracle.Dial(t), oracle.Dial(t)
	d.admin.Must(d.t, "FLUSHALL")
	d.oracle.Must(d.t, "HELLO", strconv.Itoa(int(proto)))
	d.tarn = newInProcess(t, clock.System{})
	d.tarn.env.Config.Update(func(c *config.Config) { c.ProtoMaxBulkLen = duelMaxBulk })
	d.client = d.tarn.client(proto)
	d.before = d.counts()
	return d
}

// endMark is what an ECHO puts behind the oracle's reply.
const endMark = "$8\r\nend-mark\r\n"

// play sends a command to both.
func (d *duel) play(args []string) {
	d.t.Helper()
	d.recent = append(d.recent, fmt.Sprintf("%.200q", args))
	if err := d.oracle.Write(append(harness.AppendCommand(nil, args...), "*2\r\n$4\r\nECHO\r\n"+endMark...)); err != nil {
		d.t.Fatal(err)
	}
	want, closed, err := d.oracle.ReadUntil([]byte(endMark))
	if err != nil || closed {
		d.t.Fatalf("%.200q: %v, closed %t", args, err, closed)
	}
	got := d.client.do(args...)
	now := d.counts()
	oracle, tarn := now[0].minus(d.before[0]), now[1].minus(d.before[1])
	d.before = now
	if isNewer(args, got, want) {
		return
	}
	if got != string(want) {
		d.fail("reply is %.500q, want %.500q", got, want)
	}
	if tarn != oracle {
		d.fail("counts (changes, hits, misses) are %v, want %v; reply %.200q", tarn, oracle, got)
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasSuffix(strings.ToUpper(a), "XAT") }) {
		d.settle(args[1])
	}
}

// settle looks a key up on both sides, so that one which has ended is gone: when else it goes is a
// matter of time.
func (d *duel) settle(name string) {
	d.t.Helper()
	d.admin.Must(d.t, "EXISTS", name)
	d.tarn.state(name)
	d.before = d.counts()
}

// isNewer tells a difference that Redis 7.2 made: BITCOUNT and BITPOS judge all arguments before
// they look for the key. So they fail where the key is absent too, and count no hit.
func isNewer(args []string, got string, want []byte) bool {
	name := strings.ToUpper(args[0])
	return (name == "BITCOUNT" || name == "BITPOS") && strings.HasPrefix(got, "-ERR") &&
		(got == string(want) || string(want) == ":0\r\n" || string(want) == ":-1\r\n")
}

func (d *duel) fail(format string, args ...any) {
	d.t.Helper()
	from := max(len(d.recent)-12, 0)
	d.t.Fatalf("seed %d step %d: %s\n%s", d.seed, d.step, strings.Join(d.recent[from:], "\n"), fmt.Sprintf(format, args...))
}

// counts returns the oracle's and Tarn's counters.
func (d *duel) counts() [2]counts {
	d.t.Helper()
	text := d.admin.Must(d.t, "INFO", "persistence", "stats").Text
	field := func(name string) int64 {
		_, rest, ok := strings.Cut(text, "\r\n"+name+":")
		digits, _, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil {
			d.t.Fatalf("no field %s in INFO", name)
		}
		return n
	}
	return [2]counts{
		{field("rdb_changes_since_last_save"), field("keyspace_hits"), field("keyspace_misses")},
		d.tarn.counts(),
	}
}

// look compares what the keys hold. It leaves the oracle's counters moved.
func (d *duel) look() {
	d.t.Helper()
	for _, name := range duelKeys {
		got := d.tarn.state(name)
		want := state{deadline: -1}
		if d.admin.Must(d.t, "EXISTS", name).Text == "1" {
			want.exists = true
			want.value = d.admin.Must(d.t, "GET", name).Text
			want.encoding = d.admin.Must(d.t, "OBJECT", "ENCODING", name).Text
			want.deadline, _ = strconv.ParseInt(d.admin.Must(d.t, "PEXPIRETIME", name).Text, 10, 64)
		}
		if diff := got.deadline - want.deadline; got.deadline > 0 && want.deadline > 0 && -duelSlackMs < diff && diff < duelSlackMs {
			got.deadline = want.deadline
		}
		if got != want {
			d.fail("%q holds %.300q, want %.300q", name, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	d.before = d.counts()
}

var duelKeys = []string{"a", "b", "c", "d", "e", "", "key\x00\r\n"}

// randomCommand returns a command that may be well-formed, at an edge, or wrong.
func randomCommand(r *rand.Rand) []string {
	words := strings.Fields(pick(r, duelTemplates))
	args := words[:1:1]
	for _, w := range words[1:] {
		if fill := duelFills[w]; fill != nil {
			args = append(args, fill(r)...)
		} else {
			args = append(args, w)
		}
	}
	switch r.IntN(24) {
	case 0:
		args = append(args, pick(r, duelWords))
	case 1:
		if len(args) > 1 {
			args = args[:len(args)-1]
		}
	case 2:
		if len(args) > 1 {
			args[1+r.IntN(len(args)-1)] = pick(r, duelWords)
		}
	}
	return args
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// duelTemplates are commands; lower-case words stand for what duelFills puts in their place.
var duelTemplates = []string{
	"SET key value", "SET key value", "SET key int", "SET key value options", "SET key int options",
	"SET key value options", "SETNX key value", "SETEX key seconds value", "PSETEX key ms value",
	"GET key", "GETDEL key", "GETDEL key", "GETSET key value", "GETEX key exoptions", "GETEX key exoptions",
	"GETRANGE key pos pos", "SUBSTR key pos pos", "SETRANGE key offset value", "STRLEN key", "APPEND key value", "APPEND key int",
	"INCR key", "DECR key", "INCRBY key int", "DECRBY key int", "INCRBYFLOAT key float", "INCRBYFLOAT key int",
	"MGET key", "MGET key key key", "MSET key value", "MSET key value key int key value", "MSETNX key value key value", "MSETNX key value",
	"LCS key key lcsoptions", "LCS key key lcsoptions", "LCS key key",
	"SETBIT key offset bit", "SETBIT key bitoffset bit", "GETBIT key bitoffset",
	"BITCOUNT key", "BITCOUNT key pos pos", "BITCOUNT key pos pos unit",
	"BITPOS key bit", "BITPOS key bit pos", "BITPOS key bit pos pos", "BITPOS key bit pos pos unit",
	"BITOP bitop key key", "BITOP bitop key key key", "BITOP bitop key key key key",
	"BITFIELD key fields", "BITFIELD key fields", "BITFIELD key fields", "BITFIELD_RO key gets", "BITFIELD_RO key fields",
}

// duelWords stand in wrong places.
var duelWords = []string{
	"", "nx", "XX", "GET", "keepttl", "PERSIST", "EX", "px", "EXAT", "PXAT", "1000000", "-1", "0", "abc", "1.5", " 1", "+1", "01", "BIT", "byte",
	"OVERFLOW", "u8", "#1", "IDX", "LEN", "MINMATCHLEN", "9223372036854775808", "-9223372036854775808", "i64", "SET", "INCRBY",
}

var duelInts = []string{
	"0", "1", "-1", "5", "10", "-10", "100", "9999", "10000", "-128", "127", "255", "2147483647", "-2147483648", "2147483648", "4611686018427387904",
	"9223372036854775807", "-9223372036854775808", "-9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e3", "007", "",
}

var duelFloats = []string{
	"0.1", "-0.1", "1.5", "3", "1e10", "-2.5e-3", "0x1p3", "1e17", "123456789.123", "nan", "inf", "-inf", "1e400", "1e5000", "abc", ".5", "5.", "-0",
}

var duelFills map[string]func(*rand.Rand) []string

func init() {
	one := func(f func(*rand.Rand) string) func(*rand.Rand) []string {
		return func(r *rand.Rand) []string { return []string{f(r)} }
	}
	from := func(list ...string) func(*rand.Rand) []string {
		return func(r *rand.Rand) []string { return []string{pick(r, list)} }
	}
	duelFills = map[string]func(*rand.Rand) []string{
		"key":        one(func(r *rand.Rand) string { return pick(r, duelKeys) }),
		"value":      one(randomValue),
		"int":        one(func(r *rand.Rand) string { return pick(r, duelInts) }),
		"float":      one(func(r *rand.Rand) string { return pick(r, duelFloats) }),
		"pos":        one(randomPosition),
		"offset":     one(randomOffset),
		"bitoffset":  from("0", "7", "8", "63", "64", "1000", "39999", "8388607", "8388608", "-1", "4294967296", "x", "#1"),
		"bit":        from("0", "1", "0", "1", "2", "-1", "x"),
		"unit":       from("BIT", "byte", "bits"),
		"bitop":      from("AND", "or", "Xor", "NOT", "NAND"),
		"seconds":    from("1000", "100000", "0", "-1", "9223372036854775", "9223372036854776", "x"),
		"ms":         from("1000000", "0", "-5", "9223372036854775807", "x"),
		"options":    randomSetOptions,
		"exoptions":  randomGetExOptions,
		"lcsoptions": randomLCSOptions,
		"fields":     randomFields,
		"gets": func(r *rand.Rand) (args []string) {
			for range r.IntN(4) {
				args = append(args, "GET", randomFieldType(r), randomFieldOffset(r))
			}
			return args
		},
	}
}

// randomValue returns text of lengths at which encodings and blocks change.
func randomValue(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return pick(r, duelInts)
	case 1:
		return pick(r, duelFloats)
	case 2:
		return strings.Repeat(pick(r, []string{"\xff", "\x00", "ab"}), r.IntN(40))
	case 3, 4:
		n := pick(r, []int{0, 1, 7, 43, 44, 45, 63, 64, 65, 127, 128, 300, 511, 512})
		return randomText(r, n)
	case 5:
		if r.IntN(4) == 0 {
			return randomText(r, pick(r, []int{4050, 4096, 5000, 9000, 33000}))
		}
	}
	return randomText(r, r.IntN(30))
}

func randomText(r *rand.Rand, n int) string {
	b := make([]byte, n)
	letters := pick(r, []string{"ab", "abcd", "acgt\xff\x00", "0123456789"})
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

func randomPosition(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return pick(r, duelInts)
	case 1, 2:
		return strconv.Itoa(r.IntN(600) - 300)
	}
	return strconv.Itoa(r.IntN(20) - 10)
}

func randomOffset(r *rand.Rand) string {
	switch r.IntN(16) {
	case 0:
		return pick(r, duelInts)
	case 1:
		return pick(r, []string{"1048575", "1048576", "4096", "1000000"})
	case 2, 3, 4:
		return strconv.Itoa(r.IntN(6000))
	}
	return strconv.Itoa(r.IntN(100))
}

func randomSetOptions(r *rand.Rand) (args []string) {
	for range 1 + r.IntN(3) {
		switch r.IntN(8) {
		case 0, 1:
			args = append(args, pick(r, []string{"NX", "xx"}))
		case 2, 3:
			args = append(args, "GET")
		case 4:
			args = append(args, "KEEPTTL")
		default:
			args = append(args, randomExpiry(r)...)
		}
	}
	return args
}

func randomGetExOptions(r *rand.Rand) (args []string) {
	for range r.IntN(3) {
		if r.IntN(3) == 0 {
			args = append(args, "persist")
			continue
		}
		args = append(args, randomExpiry(r)...)
	}
	return args
}

func randomExpiry(r *rand.Rand) []string {
	switch r.IntN(5) {
	case 0:
		return []string{"EX", pick(r, []string{"1000", "100000", "0", "-1", "9223372036854775", "9223372036854776", "x"})}
	case 1:
		return []string{"px", pick(r, []string{"1000000", "0", "9223372036854775807", ""})}
	case 2:
		return []string{"EXAT", pick(r, []string{"33177117420", "1000000", "0", "9223372036854775", "9223372036854776", "-7"})}
	}
	return []string{"pxat", pick(r, []string{"33177117420123", "1000000", "9223372036854775807", "0", "x"})}
}

func randomLCSOptions(r *rand.Rand) (args []string) {
	for range r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			args = append(args, "LEN")
		case 1:
			args = append(args, "withmatchlen")
		case 2:
			args = append(args, "MINMATCHLEN", pick(r, []string{"0", "1", "2", "3", "10", "-1", "x", "9223372036854775807"}))
		default:
			args = append(args, "IDX")
		}
	}
	return args
}

func randomFields(r *rand.Rand) (args []string) {
	for range r.IntN(6) {
		switch r.IntN(6) {
		case 0:
			args = append(args, "GET", randomFieldType(r), randomFieldOffset(r))
		case 1, 2:
			args = append(args, "OVERFLOW", pick(r, []string{"WRAP", "sat", "SAT", "fail", "FAIL", "WRAP", "SAT", "x"}))
		case 3:
			args = append(args, "set", randomFieldType(r), randomFieldOffset(r), randomFieldValue(r))
		default:
			args = append(args, "INCRBY", randomFieldType(r), randomFieldOffset(r), randomFieldValue(r))
		}
	}
	return args
}

func randomFieldType(r *rand.Rand) string {
	if r.IntN(30) == 0 {
		return pick(r, []string{"u64", "i65", "u0", "i0", "I8", "u", "i", "x8", "u08"})
	}
	if r.IntN(2) == 0 {
		return "u" + strconv.Itoa(1+r.IntN(63))
	}
	return "i" + strconv.Itoa(1+r.IntN(64))
}

func randomFieldOffset(r *rand.Rand) string {
	switch r.IntN(30) {
	case 0:
		return pick(r, []string{"-1", "#-1", "#", "x", "8388607", "8388608", "#1048576", "9223372036854775807", "#2305843009213693952"})
	case 1, 2, 3:
		return "#" + strconv.Itoa(r.IntN(20))
	}
	return strconv.Itoa(r.IntN(200))
}

func randomFieldValue(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return pick(r, duelInts)
	}
	shift := r.IntN(64)
	return strconv.FormatInt(int64(r.Uint64())>>shift, 10)
}

// TestRandomCommandsReachEveryHandler keeps the stream above from losing a command unseen.
func TestRandomCommandsReachEveryHandler(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	p := newInProcess(t, clock.NewManual(someDay))
	p.env.Config.Update(func(c *config.Config) { c.ProtoMaxBulkLen = duelMaxBulk })
	c := p.client(resp.RESP2)
	good := map[string]bool{}
	for range 5000 {
		args := randomCommand(r)
		if reply := c.do(args...); !strings.HasPrefix(reply, "-") {
			good[strings.ToLower(args[0])] = true
		}
	}
	for s := range p.env.Table.All(false) {
		if (s.Group == "string" || s.Group == "bitmap") && !good[s.Name] {
			t.Errorf("seed %d: no %s in the stream succeeds", seed, s.Name)
		}
	}
}
