// Shown here, against Debian's redis-server (7.0.15): the commands on keys of any type behave as
// Redis's. A seeded stream of random commands, over two databases and with keys that expire, goes
// to it and to a server without sockets; after each command the replies must be the same, and so
// must the numbers of changes to save, of hits and of misses. Now and then all keys are compared.
//
// Time: keys that are to expire during the test get a few ms to live, and then both sides let more
// pass, the oracle by DEBUG SLEEP. All other deadlines are far away, and compared with some slack
// where they are relative. Neither side sweeps, so that only what a command touches expires.

package command_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

const keyDuelCommands = 5000 // per round

func TestKeysAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, "databases 2")
	for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
		t.Run(fmt.Sprintf("proto=%d", proto), func(t *testing.T) {
			d := newKeyDuel(t, oracle, proto)
			for d.step = range keyDuelCommands {
				d.next()
				if d.step%100 == 99 {
					d.lookAtAll()
				}
			}
		})
	}
}

// noSaver is a Saver that notes what FLUSHALL asks of it.
type noSaver struct {
	command.Saver
	calls []string
	env   *command.Env
}

func (s *noSaver) Abort() { s.note("abort") }

func (s *noSaver) FlushedAll() error { s.note("flushed"); return nil }

func (s *noSaver) note(call string) {
	s.calls = append(s.calls, fmt.Sprintf("%s at %d changes", call, s.env.Keyspace.Dirty()))
}

// keyDuel is a duel whose Tarn has a clock turned by hand.
type keyDuel struct {
	*duel
	clock *clock.Manual
}

func newKeyDuel(t *testing.T, oracle *harness.Server, proto uint8) *keyDuel {
	seed := chance.Seed(t)
	d := &keyDuel{
		duel:  &duel{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), oracle: oracle.Dial(t), admin: oracle.Dial(t)},
		clock: clock.NewManual(clock.System{}.Now()),
	}
	d.admin.Must(t, "FLUSHALL")
	d.admin.Must(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	d.oracle.Must(t, "HELLO", strconv.Itoa(int(proto)))
	d.tarn = newInProcess(t, d.clock)
	d.tarn.env.Saver = &noSaver{env: d.tarn.env}
	d.client = d.tarn.client(proto)
	d.before = d.counts()
	return d
}

// wait lets short deadlines pass on both sides.
func (d *keyDuel) wait() {
	d.recent = append(d.recent, "wait")
	d.admin.Must(d.t, "DEBUG", "SLEEP", "0.006")
	d.clock.Advance(6 * time.Millisecond)
}

// shortMs is the time to live of a key that is to expire: more than one ms, of which a busy machine
// may lose all before Redis compares it with the time.
const shortMs = "5"

// soon are the commands by which a number in a wrong place may make a key end at an unknown time.
var soon = map[string]bool{"EXPIRE": true, "PEXPIRE": true, "SET": true, "RESTORE": true}

// next plays one random command.
func (d *keyDuel) next() {
	d.t.Helper()
	r := d.random
	args := randomKeyCommand(r)
	switch name := strings.ToUpper(args[0]); {
	case soon[name] && (slices.Contains(args[1:], "1") || slices.Contains(args[1:], "2")):
	case name == "WAIT":
		d.play([]string{"PEXPIRE", pick(r, duelKeys), shortMs})
		d.wait()
	case name == "SCAN":
		d.scan(args)
	case name == "RANDOMKEY":
		d.randomKey()
	case name == "DUMP":
		d.dump(args)
	case name == "RESTORE" && len(args) > 3:
		args[3] = d.payload(args[3])
		d.play(args)
		if args[2] == shortMs {
			d.wait()
		}
	default:
		d.play(args)
	}
}

// play sends a command to both and compares the replies and the counts.
func (d *keyDuel) play(args []string) {
	d.t.Helper()
	got, want := d.send(args)
	if !sameReply(args, got, want) {
		d.fail("reply is %.500q, want %.500q", got, want)
	}
	d.compareCounts()
}

// send sends a command to both and returns the replies.
func (d *keyDuel) send(args []string) (got, want string) {
	d.t.Helper()
	d.recent = append(d.recent, fmt.Sprintf("%.200q", args))
	if err := d.oracle.Write(append(harness.AppendCommand(nil, args...), "*2\r\n$4\r\nECHO\r\n"+endMark...)); err != nil {
		d.t.Fatal(err)
	}
	raw, closed, err := d.oracle.ReadUntil([]byte(endMark))
	if err != nil || closed {
		d.t.Fatalf("%.200q: %v, closed %t", args, err, closed)
	}
	return d.client.do(args...), string(raw)
}

func (d *keyDuel) compareCounts() {
	d.t.Helper()
	now := d.counts()
	oracle, tarn := now[0].minus(d.before[0]), now[1].minus(d.before[1])
	d.before = now
	if tarn != oracle {
		d.fail("counts (changes, hits, misses) are %v, want %v", tarn, oracle)
	}
}

// sameReply tells whether replies are the same, but for order where there is none, and for the time
// that the test takes.
func sameReply(args []string, got, want string) bool {
	if got == want {
		return true
	}
	a, errA := strconv.ParseInt(strings.Trim(got, ":\r\n"), 10, 64)
	b, errB := strconv.ParseInt(strings.Trim(want, ":\r\n"), 10, 64)
	near := errA == nil && errB == nil && max(a-b, b-a) < duelSlackMs
	switch name := strings.ToUpper(args[0]); {
	case name == "KEYS":
		return slices.Equal(sortedLines(got), sortedLines(want))
	case name == "TTL", name == "PTTL", name == "EXPIRETIME", name == "PEXPIRETIME":
		return near && a > 0 && b > 0
	case name == "OBJECT" && strings.EqualFold(args[1], "IDLETIME"):
		return near && a >= 0 && b >= 0
	case name == "OBJECT" && strings.EqualFold(args[1], "REFCOUNT"):
		// A copy of a small integer is not the one object that Redis shares.
		return got == ":2147483647\r\n" && want == ":1\r\n"
	}
	return false
}

func sortedLines(reply string) []string {
	lines := strings.Split(reply, "\r\n")
	slices.Sort(lines)
	return lines
}

// scan plays a SCAN: a whole walk when it begins one, since its steps are each server's own.
func (d *keyDuel) scan(args []string) {
	d.t.Helper()
	got, want := d.send(args)
	if strings.HasPrefix(want, "-") {
		if got != want {
			d.fail("reply is %.500q, want %.500q", got, want)
		}
		d.compareCounts()
		return
	}
	found := [2][]string{}
	for side, do := range []func([]string) string{
		func(args []string) string { return d.client.do(args...) },
		func(args []string) string {
			v := d.admin.Must(d.t, args...)
			text := fmt.Sprintf("*2\r\n$%d\r\n%s\r\n*%d\r\n", len(v.Elem[0].Text), v.Elem[0].Text, len(v.Elem[1].Elem))
			for _, e := range v.Elem[1].Elem {
				text += fmt.Sprintf("$%d\r\n%s\r\n", len(e.Text), e.Text)
			}
			return text
		},
	} {
		d.admin.Must(d.t, "SELECT", strconv.Itoa(int(d.client.session.DB)))
		for cursor := ""; cursor != "0"; {
			reply := do(append([]string{"SCAN", max(cursor, "0")}, args[2:]...))
			parts := splitBulks(d.t, reply)
			cursor = parts[0]
			found[side] = append(found[side], parts[1:]...)
		}
		slices.Sort(found[side])
		found[side] = slices.Compact(found[side])
	}
	if !slices.Equal(found[0], found[1]) {
		d.fail("found %.500q, want %.500q", found[0], found[1])
	}
	d.lookAtAll() // the oracle has deleted what had expired
}

// splitBulks returns the bulk strings of a reply, however nested.
func splitBulks(t *testing.T, reply string) (bulks []string) {
	for reply != "" {
		line, rest, ok := strings.Cut(reply, "\r\n")
		n, err := strconv.Atoi(line[1:])
		if !ok || err != nil {
			t.Fatalf("bad reply %q", reply)
		}
		if line[0] == '$' {
			bulks = append(bulks, rest[:n])
			rest = rest[n+2:]
		}
		reply = rest
	}
	return bulks
}

func (d *keyDuel) randomKey() {
	d.t.Helper()
	got, want := d.send([]string{"RANDOMKEY"})
	if strings.HasPrefix(want, "$-1") || strings.HasPrefix(want, "_") {
		if got != want {
			d.fail("reply is %q, want %q", got, want)
		}
	} else if keys := d.client.do("KEYS", "*"); !strings.HasPrefix(got, "$") || !strings.Contains(keys, got) {
		d.fail("reply is %q, the keys %q", got, keys)
	}
	d.lookAtAll() // each has deleted what it came upon
}

// compressed stands where the length of a string does that is not compressed.
const compressed = 0xc3

// dump compares payloads. How a value is compressed is each server's own: then ours must restore on
// the oracle and mean the same there.
func (d *keyDuel) dump(args []string) {
	d.t.Helper()
	got, want := d.send(args)
	d.compareCounts()
	if got == want {
		return
	}
	ours, theirs := splitBulks(d.t, got), splitBulks(d.t, want)
	if len(ours) != 1 || len(theirs) != 1 || ours[0][1] != compressed && theirs[0][1] != compressed {
		d.fail("payload is %.300q, want %.300q", got, want)
	}
	d.admin.Must(d.t, "SELECT", strconv.Itoa(int(d.client.session.DB)))
	d.admin.Must(d.t, "RESTORE", "restored", "0", ours[0])
	a, b := d.admin.Must(d.t, "GET", "restored").Text, d.admin.Must(d.t, "GET", args[1]).Text
	d.admin.Must(d.t, "DEL", "restored")
	if a != b {
		d.fail("payload %.300q means %.300q, want %.300q", ours[0], a, b)
	}
	d.before = d.counts()
}

// payload makes an argument for RESTORE out of what it is called.
func (d *keyDuel) payload(kind string) string {
	d.t.Helper()
	d.admin.Must(d.t, "SELECT", strconv.Itoa(int(d.client.session.DB)))
	v := d.admin.Must(d.t, "DUMP", pick(d.random, duelKeys))
	d.lookAtAll()
	payload := v.Text
	if v.Null {
		payload = seal([]byte("\x00\x05value"), 10)
	}
	body := []byte(payload[:len(payload)-10])
	switch kind {
	case "flipped":
		broken := []byte(payload)
		broken[d.random.IntN(len(broken))] ^= 1 << d.random.IntN(8)
		return string(broken)
	case "cut":
		return payload[:d.random.IntN(len(payload))]
	case "version":
		return seal(body, uint16(pick(d.random, []int{0, 1, 9, 10, 13, 79, 81, 65535})))
	case "long":
		return seal(append(body, "more"...), 10)
	case "empty":
		return seal(nil, 10)
	case "type":
		return seal([]byte{byte(30 + d.random.IntN(200)), 5, 'v', 'a', 'l', 'u', 'e'}, 10)
	}
	return payload
}

// seal puts the footer of a payload behind its body.
func seal(body []byte, version uint16) string {
	body = binary.LittleEndian.AppendUint16(slices.Clone(body), version)
	return string(binary.LittleEndian.AppendUint64(body, rdb.CRC64(0, body)))
}

// lookAtAll compares what the keys of both databases hold, and what the databases count, once both
// sides have noticed what has expired.
func (d *keyDuel) lookAtAll() {
	d.t.Helper()
	for db := range 2 {
		d.admin.Must(d.t, "SELECT", strconv.Itoa(db))
		for _, name := range duelKeys {
			got := d.tarn.stateIn(db, name)
			want := state{deadline: keyspace.NoDeadline}
			if d.admin.Must(d.t, "EXISTS", name).Text == "1" {
				want.exists = true
				want.value = d.admin.Must(d.t, "GET", name).Text
				want.encoding = d.admin.Must(d.t, "OBJECT", "ENCODING", name).Text
				want.deadline, _ = strconv.ParseInt(d.admin.Must(d.t, "PEXPIRETIME", name).Text, 10, 64)
			}
			if diff := got.deadline - want.deadline; got.deadline > 0 && want.deadline > 0 && max(diff, -diff) < duelSlackMs {
				got.deadline = want.deadline
			}
			if got != want {
				d.fail("%q of database %d holds %.300q, want %.300q", name, db, fmt.Sprint(got), fmt.Sprint(want))
			}
		}
		d.admin.Must(d.t, append([]string{"EXISTS"}, keyWords...)...) // wrong names of keys may expire too
		for _, name := range keyWords {
			d.tarn.stateIn(db, name)
		}
		size := d.admin.Must(d.t, "DBSIZE").Text
		other := d.tarn.client(resp.RESP2)
		other.session.DB = int32(db)
		if got := other.do("DBSIZE"); got != ":"+size+"\r\n" {
			d.fail("database %d has %q keys, want %s", db, got, size)
		}
	}
	now := d.counts()
	if got, want := now[1].dirty-d.before[1].dirty, now[0].dirty-d.before[0].dirty; got != want {
		d.fail("expiring what had ended counted %d changes, want %d", got, want)
	}
	d.before = now
}

// stateIn looks a key up without leaving a trace in the statistics.
func (p *inProcess) stateIn(db int, name string) state {
	tx := p.worker.Tx()
	hash := tx.Hash([]byte(name))
	tx.SetNow(p.env.Clock.Millis())
	tx.LockHash(hash)
	defer tx.Unlock()
	k := tx.KeyHashed(db, []byte(name), hash, keyspace.Peek)
	if !k.Exists() {
		return state{deadline: keyspace.NoDeadline}
	}
	return state{string(k.StringBytes(nil)), k.Encoding(), k.Deadline(), true}
}

// randomKeyCommand returns a command that may be well-formed, at an edge, or wrong.
func randomKeyCommand(r *rand.Rand) []string {
	words := strings.Fields(pick(r, keyTemplates))
	args := words[:1:1]
	for _, w := range words[1:] {
		if fill := keyFills[w]; fill != nil {
			args = append(args, fill(r)...)
		} else if fill := duelFills[w]; fill != nil {
			args = append(args, fill(r)...)
		} else {
			args = append(args, w)
		}
	}
	switch r.IntN(24) {
	case 0:
		args = append(args, pick(r, keyWords))
	case 1:
		if len(args) > 1 {
			args = args[:len(args)-1]
		}
	case 2:
		if len(args) > 1 && args[0] != "WAIT" {
			args[1+r.IntN(len(args)-1)] = pick(r, keyWords)
		}
	}
	return args
}

// keyTemplates are commands; lower-case words stand for what keyFills and duelFills put in their
// place.
var keyTemplates = []string{
	"SET key value", "SET key value", "SET key int", "SET key value", "MSET key value key int key value", "APPEND key value",
	"SET key value options", "GET key",
	"DEL key", "DEL key key", "UNLINK key key key", "EXISTS key", "EXISTS key key key", "TYPE key", "TOUCH key", "TOUCH key key key",
	"RENAME key key", "RENAME key key", "RENAME key key", "RENAMENX key key", "RENAMENX key key",
	"COPY key key copyoptions", "COPY key key copyoptions", "COPY key key copyoptions", "MOVE key db", "MOVE key db", "MOVE key db",
	"EXPIRE key secs conditions", "PEXPIRE key millis conditions", "EXPIREAT key unixsecs conditions", "PEXPIREAT key unixms conditions",
	"EXPIRE key secs", "PEXPIRE key millis", "EXPIREAT key unixsecs", "PEXPIREAT key unixms",
	"TTL key", "PTTL key", "EXPIRETIME key", "PEXPIRETIME key", "PERSIST key", "PERSIST key",
	"OBJECT ENCODING key", "OBJECT REFCOUNT key", "OBJECT FREQ key", "OBJECT IDLETIME key", "OBJECT subcommand key",
	"KEYS pattern", "KEYS pattern", "SCAN 0 scanoptions", "SCAN cursor scanoptions", "RANDOMKEY", "DBSIZE",
	"DUMP key", "RESTORE key ttl payload restoreoptions", "RESTORE key ttl payload restoreoptions", "RESTORE key ttl whole REPLACE",
	"SELECT db", "SELECT db", "SWAPDB db db", "FLUSHDB flushoptions", "FLUSHALL flushoptions",
	"WAIT", "WAIT", "WAIT",
}

// keyWords stand in wrong places.
var keyWords = []string{
	"", "nx", "XX", "gt", "LT", "REPLACE", "db", "DB", "0", "1", "-1", "2", "abc", " 1", "+1", "01", "COUNT", "match", "TYPE", "string",
	"ABSTTL", "idletime", "FREQ", "async", "SYNC", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "a\x00b\r\n", "*",
}

var keyFills = map[string]func(*rand.Rand) []string{
	"db":           oneOf("0", "1", "0", "1", "0", "1", "2", "-1", "16", "x", "2147483648", "9223372036854775808"),
	"secs":         orFar(1e9, "0", "-1", "-1000", "9223372036854775", "9223372036854776", "-9223372036854775", "-9223372036854776", "x"),
	"millis":       orFar(1e12, "0", "-1", "9223372036854775807", "-9223372036854775808", "x"),
	"unixsecs":     oneOf("33177117420", "33177117421", "1", "0", "-1", "9223372036854775", "9223372036854776", "-9223372036854776", "x"),
	"unixms":       oneOf("33177117420123", "33177117420499", "33177117420500", "1", "0", "-1", "9223372036854775807", "-9223372036854775808", "x"),
	"conditions":   randomWords("NX", "xx", "GT", "lt", "GT", "LT", "XX"),
	"copyoptions":  randomCopyOptions,
	"subcommand":   oneOf("ENCODING", "nosuch", "HELPME", ""),
	"pattern":      oneOf("*", "?", "[a-c]", "[^a]", "key*", "", "**", "a", "*e*", "\\a", "[", "*\r\n"),
	"cursor":       oneOf("0", "1", "17", "", "-1", "+0", "00", " 0", "0 ", "x", "18446744073709551615", "18446744073709551616", "0\x00x", "-", "1e1"),
	"scanoptions":  randomScanOptions,
	"ttl":          oneOf("0", "0", "0", "1000000", "5000000", "-1", "x", "9223372036854775807", shortMs),
	"payload":      oneOf("whole", "whole", "whole", "whole", "flipped", "cut", "version", "long", "empty", "type"),
	"whole":        oneOf("whole"),
	"flushoptions": randomFlushOptions,
	"restoreoptions": func(r *rand.Rand) (args []string) {
		for range r.IntN(4) {
			switch r.IntN(6) {
			case 0:
				args = append(args, "idletime", pick(r, []string{"0", "1000", "-1", "x"}))
			case 1:
				args = append(args, "FREQ", pick(r, []string{"0", "255", "256", "-1", "x"}))
			case 2:
				args = append(args, "absttl")
			default:
				args = append(args, "REPLACE")
			}
		}
		return args
	},
}

func oneOf(list ...string) func(*rand.Rand) []string {
	return func(r *rand.Rand) []string { return []string{pick(r, list)} }
}

// orFar returns mostly a time far from now, no two of which are near each other: GT and LT would
// compare what the test itself takes.
func orFar(span int64, list ...string) func(*rand.Rand) []string {
	return func(r *rand.Rand) []string {
		if r.IntN(3) > 0 {
			return []string{strconv.FormatInt(span/100+r.Int64N(span), 10)}
		}
		return []string{pick(r, list)}
	}
}

// randomWords returns some of the words, mostly one.
func randomWords(list ...string) func(*rand.Rand) []string {
	return func(r *rand.Rand) (args []string) {
		for range pick(r, []int{0, 1, 1, 1, 2, 3}) {
			args = append(args, pick(r, list))
		}
		return args
	}
}

func randomCopyOptions(r *rand.Rand) (args []string) {
	for range r.IntN(3) {
		if r.IntN(2) == 0 {
			args = append(args, "replace")
			continue
		}
		args = append(args, "DB", pick(r, []string{"0", "1", "0", "1", "2", "x", "-1", "2147483648"}))
	}
	return args
}

func randomScanOptions(r *rand.Rand) (args []string) {
	for range r.IntN(3) {
		switch r.IntN(3) {
		case 0:
			args = append(args, "COUNT", pick(r, []string{"1", "2", "100", "9223372036854775807", "0", "-1", "x", "9223372036854775808"}))
		case 1:
			args = append(args, "match", pick(r, []string{"*", "?", "k*", "[ab]", "", "**"}))
		case 2:
			args = append(args, "TYPE", pick(r, []string{"string", "STRING", "list", "nosuch", "", "string\x00x"}))
		}
	}
	return args
}

func randomFlushOptions(r *rand.Rand) []string {
	if r.IntN(3) == 0 {
		return nil
	}
	return []string{pick(r, []string{"ASYNC", "sync", "now", ""})}
}
