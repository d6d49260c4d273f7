// The parser against a reader that is slow and obviously right, over any bytes cut at any points:
// the same commands, the same error. That it does no work twice is shown by where it stands after
// each piece; that it allocates nothing, by counting.

package resp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"tarn/test/chance"
)

var testLimits = Limits{MaxBulk: 512 << 20, MaxInline: DefaultMaxInline, Authenticated: true}

// event is what a whole conversation comes to, in order.
type event struct {
	status Status
	args   []string
	err    Error
}

// model reads everything that is in b: it looks for line ends from the start each time and knows
// neither state nor speed.
func model(b []byte, lim *Limits) (events []event) {
	bad := func(err Error) []event { return append(events, event{status: Bad, err: err}) }
	line := func(b []byte, mark byte) (line []byte, tooLong, found bool) {
		visible, _, _ := bytes.Cut(b[:min(len(b), lim.MaxInline+1)], []byte{0})
		i := bytes.IndexByte(visible, mark)
		if i < 0 {
			return nil, len(b) > lim.MaxInline, false
		}
		return b[:i], false, mark == '\n' || i+1 < len(b)
	}
	for len(b) > 0 {
		if b[0] != '*' {
			l, tooLong, found := line(b, '\n')
			if tooLong {
				return bad(errBigInline)
			}
			if !found {
				return events
			}
			b = b[len(l)+1:]
			words, ok := SplitArgs(bytes.TrimSuffix(l, []byte("\r")))
			if !ok {
				return bad(errUnbalanced)
			}
			e := event{status: Empty}
			for _, w := range words {
				e.status = Complete
				e.args = append(e.args, string(w))
			}
			events = append(events, e)
			continue
		}
		l, tooLong, found := line(b, '\r')
		if tooLong {
			return bad(errBigCount)
		}
		if !found {
			return events
		}
		count, ok := ParseInt(l[1:])
		if !ok || count > 1<<31-1 {
			return bad(errBadCount)
		}
		if count > 10 && !lim.Authenticated {
			return bad(errStrangerCount)
		}
		b = b[len(l)+2:]
		if count <= 0 {
			events = append(events, event{status: Empty})
			continue
		}
		e := event{status: Complete}
		for range count {
			l, tooLong, found := line(b, '\r')
			if tooLong {
				return bad(errBigBulkCount)
			}
			if !found {
				return events
			}
			if !bytes.HasPrefix(l, []byte("$")) {
				return bad(Error("ERR Protocol error: expected '$', got '" + string(b[:1]) + "'"))
			}
			size, ok := ParseInt(l[1:])
			if !ok || size < 0 || size > lim.MaxBulk {
				return bad(errBadBulkLength)
			}
			if size > 16384 && !lim.Authenticated {
				return bad(errStrangerBulkSize)
			}
			b = b[len(l)+2:]
			if int64(len(b)) < size+2 {
				return events
			}
			e.args = append(e.args, string(b[:size]))
			b = b[size+2:]
		}
		events = append(events, e)
	}
	return events
}

// feed gives b to a parser in pieces that end at cuts, moving what is not consumed to a new buffer
// each time, as connections do.
func feed(t testing.TB, b []byte, cuts []int, lim *Limits) (events []event) {
	t.Helper()
	var p Parser
	var args [][]byte
	start := 0
	for _, end := range append(cuts, len(b)) {
		for {
			piece := bytes.Clone(b[start:end])
			n, out, status, err := p.Next(piece, args[:0], lim)
			args = out
			if status == NeedMore {
				if n != 0 || len(out) != 0 || p.Want() <= len(piece) || p.Idle() != (len(piece) == 0) {
					t.Fatalf("Next(%.200q) = %d, %d arguments; wants %d bytes, idle %t", piece, n, len(out), p.Want(), p.Idle())
				}
				break
			}
			if status == Bad {
				return append(events, event{status: Bad, err: err})
			}
			if n <= 0 || n > len(piece) || !p.Idle() || p != (Parser{}) {
				t.Fatalf("Next(%.200q) = %d, status %d, leaves %+v", piece, n, status, p)
			}
			e := event{status: status}
			for _, a := range out {
				e.args = append(e.args, string(a))
			}
			events = append(events, e)
			start += n
		}
	}
	return events
}

func compare(t testing.TB, b []byte, cuts []int, lim *Limits) {
	t.Helper()
	got, want := feed(t, b, cuts, lim), model(b, lim)
	if len(got) != len(want) {
		t.Fatalf("%.300q cut at %v: %d events %.300q; want %d: %.300q", b, cuts, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%.300q cut at %v: event %d is %.300q; want %.300q", b, cuts, i, fmt.Sprint(got[i]), fmt.Sprint(want[i]))
		}
	}
}

// randomRequest returns mostly good commands with, at times, a few bytes changed.
func randomRequest(r *rand.Rand) []byte {
	var b []byte
	alphabet := []byte("*$\r\n\x00\"'\\x \t\v01239-+ab\xff")
	word := func() []byte {
		w := make([]byte, r.IntN(1<<r.IntN(8)))
		for i := range w {
			w[i] = alphabet[r.IntN(len(alphabet))]
		}
		return w
	}
	for range 1 + r.IntN(5) {
		switch r.IntN(6) {
		case 0:
			b = append(append(b, word()...), '\n')
		case 1:
			b = append(b, "*0\r\n\r\n"...)
		default:
			var args [][]byte
			for range 1 + r.IntN(14) {
				args = append(args, word())
			}
			b = AppendCommand(b, args...)
		}
	}
	for range r.IntN(3) * r.IntN(2) {
		b[r.IntN(len(b))] = alphabet[r.IntN(len(alphabet))]
	}
	return b
}

func randomCuts(r *rand.Rand, size int) (cuts []int) {
	step := 1 + r.IntN(1<<r.IntN(10))
	for at := r.IntN(step); at < size; at += 1 + r.IntN(step) {
		cuts = append(cuts, at)
	}
	return cuts
}

func TestParserAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	for range 5000 {
		lim := testLimits
		lim.Authenticated = r.IntN(4) > 0
		if r.IntN(3) == 0 {
			lim.MaxBulk, lim.MaxInline = 20, 12
		}
		b := randomRequest(r)
		compare(t, b, randomCuts(r, len(b)), &lim)
	}
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{
		"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n", "PING\r\n\n\r\nset \"a\\x00b\" 'c d'\n", "*0\r\n*-1\r\n*1\r\n$0\r\n\r\n",
		"*2147483648\r\n", "*1\r\n$-1\r\n", "*1\r\nx\r\n", "*1\r\n$20\r\n01234567890123456789\r\n", "\x00\n", "*\x00\r\n", "GET \"a",
	} {
		f.Add([]byte(s), uint64(len(s)))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		lim := testLimits
		lim.Authenticated = seed%4 > 0
		if seed%3 == 0 {
			lim.MaxBulk, lim.MaxInline = 20, 12
		}
		compare(t, b, nil, &lim)
		compare(t, b, randomCuts(r, len(b)), &lim)
	})
}

// TestParserErrors has each error once; the oracle's test has the edges.
func TestParserErrors(t *testing.T) {
	stranger := testLimits
	stranger.Authenticated = false
	long := strings.Repeat("1", DefaultMaxInline+1)
	for _, tc := range []struct {
		in   string
		lim  *Limits
		want Error
	}{
		{long, &testLimits, "ERR Protocol error: too big inline request"},
		{"*" + long, &testLimits, "ERR Protocol error: too big mbulk count string"},
		{"*1\r\n$" + long, &testLimits, "ERR Protocol error: too big bulk count string"},
		{"*2147483648\r\n", &testLimits, "ERR Protocol error: invalid multibulk length"},
		{"*x\r\n", &testLimits, "ERR Protocol error: invalid multibulk length"},
		{"*11\r\n", &stranger, "ERR Protocol error: unauthenticated multibulk length"},
		{"*1\r\nfoo\r\n", &testLimits, "ERR Protocol error: expected '$', got 'f'"},
		{"*1\r\n\xff\r\n", &testLimits, "ERR Protocol error: expected '$', got '\xff'"},
		{"*1\r\n$-1\r\n", &testLimits, "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$536870913\r\n", &testLimits, "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$9223372036854775807\r\n", &Limits{MaxBulk: 1<<63 - 1, MaxInline: 64, Authenticated: true}, "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$16385\r\n", &stranger, "ERR Protocol error: unauthenticated bulk length"},
		{"get \"a\n", &testLimits, "ERR Protocol error: unbalanced quotes in request"},
	} {
		var p Parser
		_, _, status, err := p.Next([]byte(tc.in), nil, tc.lim)
		if status != Bad || err != tc.want {
			t.Errorf("Next(%.60q) = status %d, %q; want %q", tc.in, status, err, tc.want)
		}
	}
}

// TestParserWant shows that a long argument can be received into a buffer of the right size.
func TestParserWant(t *testing.T) {
	request := AppendCommand(nil, []byte("SET"), []byte("k"), bytes.Repeat([]byte("v"), 1<<20))
	var p Parser
	if _, _, status, _ := p.Next(request[:100], nil, &testLimits); status != NeedMore || p.Want() != len(request) {
		t.Errorf("after 100 bytes: status %d, wants %d; want NeedMore, %d", status, p.Want(), len(request))
	}
}

// TestParserIsLinear shows, byte by byte, that all before the line or argument under way is never
// looked at again, and that of a line only the last byte is.
func TestParserIsLinear(t *testing.T) {
	var args [][]byte
	var begins []int // of arguments' headers, in the request
	request := []byte("*3000\r\n")
	for i := range 3000 {
		arg := bytes.Repeat([]byte("x"), i%40)
		args = append(args, arg)
		begins = append(begins, len(request))
		request = append(request, AppendCommand(nil, arg)[len("*1\r\n"):]...)
	}
	var p Parser
	arg := -1
	for have := range len(request) {
		if _, _, status, _ := p.Next(request[:have], nil, &testLimits); status != NeedMore {
			t.Fatalf("%d bytes: status %d", have, status)
		}
		if arg+1 < len(begins) && have >= begins[arg+1] {
			arg++
		}
		if arg >= 0 && p.at < begins[arg] {
			t.Fatalf("%d bytes: stands at %d, though argument %d began at %d", have, p.at, arg, begins[arg])
		}
		if p.step == stepHeader && p.want < have+1 {
			t.Fatalf("%d bytes: a line is searched again from %d", have, p.want-2)
		}
	}
	_, out, status, _ := p.Next(request, nil, &testLimits)
	if status != Complete || !reflect.DeepEqual(out, args) {
		t.Errorf("at the end: status %d, %d arguments; want %d", status, len(out), len(args))
	}
}

func TestParserSize(t *testing.T) {
	if got := reflect.TypeFor[Parser]().Size(); got > 32 {
		t.Errorf("a Parser has %d bytes; want at most 32", got)
	}
}

// TestParserAppends shows that arguments are added to the arena and cannot grow into each other.
func TestParserAppends(t *testing.T) {
	buf := []byte("*2\r\n$1\r\na\r\n$1\r\nb\r\n")
	arena := [][]byte{[]byte("before")}
	var p Parser
	n, out, _, _ := p.Next(buf, arena, &testLimits)
	if n != len(buf) || len(out) != 3 || string(out[0]) != "before" || cap(out[1]) != 1 || &out[1][0] != &buf[8] {
		t.Errorf("Next = %d, %q", n, out)
	}
}

func TestParserAllocs(t *testing.T) {
	request := pipeline(16)
	arena := make([][]byte, 0, 64)
	var p Parser
	allocs := testing.AllocsPerRun(100, func() {
		args := arena
		for at := 0; at < len(request); {
			_, _, status, _ := p.Next(request[at:at+20], args, &testLimits)
			if status != NeedMore {
				t.Fatal("20 bytes are not a command")
			}
			var n int
			n, args, _, _ = p.Next(request[at:], args, &testLimits)
			at += n
		}
	})
	if allocs != 0 {
		t.Errorf("16 commands in two pieces each: %g allocations; want 0", allocs)
	}
}

// pipeline returns SETs of a 16-byte key to a 64-byte value.
func pipeline(commands int) (request []byte) {
	value := bytes.Repeat([]byte("v"), 64)
	for i := range commands {
		request = AppendCommand(request, []byte("SET"), fmt.Appendf(nil, "key:%012d", i), value)
	}
	return request
}
