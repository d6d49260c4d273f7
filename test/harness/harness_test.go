// The harness itself: quoting is reversible, replies are rendered so that no two look alike, broken
// replies are errors, and a server that does not start or ends by itself is noticed.

package harness

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tarn/test/chance"
)

func TestSplitArgs(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string
		err  error
	}{
		{in: ""},
		{in: " \t "},
		{in: "a  b\tc", want: []string{"a", "b", "c"}},
		{in: `"" ''`, want: []string{"", ""}},
		{in: `"\x41\xff\n\r\t\b\a\\\"\q"`, want: []string{"A\xff\n\r\t\b\a\\\"q"}},
		{in: `'a\'b\n'`, want: []string{`a'b\n`}},
		{in: `a"b c"`, want: []string{"ab c"}},
		{in: `"\x4"`, want: []string{"x4"}},
		{in: `"a"b`, err: ErrQuotes},
		{in: `"a`, err: ErrQuotes},
		{in: `'a`, err: ErrQuotes},
		{in: `"a\`, err: ErrQuotes},
	} {
		got, err := SplitArgs(tc.in)
		if !slices.Equal(got, tc.want) || !errors.Is(err, tc.err) {
			t.Errorf("SplitArgs(%q) = %q, %v; want %q, %v", tc.in, got, err, tc.want, tc.err)
		}
	}
}

// FuzzQuote shows that SplitArgs reads back what Quote writes, and survives anything else.
func FuzzQuote(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\xff\"\\'\n")
	f.Fuzz(func(t *testing.T, s string) {
		words, err := SplitArgs(Quote(s) + " " + Quote(s))
		if err != nil || !slices.Equal(words, []string{s, s}) {
			t.Errorf("SplitArgs of two of Quote(%q) = %q, %v", s, words, err)
		}
		SplitArgs(s)
	})
}

func TestValueLines(t *testing.T) {
	for _, tc := range []struct{ wire, want string }{
		{"+OK\r\n", "+OK"},
		{"-ERR \"x\" \xff\r\n", `-ERR "x" \xff`},
		{":-5\r\n", ":-5"},
		{"$3\r\nfoo\r\n", `"foo"`},
		{"$0\r\n\r\n", `""`},
		{"$-1\r\n", "$-1"},
		{"*-1\r\n", "*-1"},
		{"*0\r\n", "*0"},
		{"_\r\n", "_"},
		{",3.14\r\n", ",3.14"},
		{"#t\r\n", "#t"},
		{"(123\r\n", "(123"},
		{"=7\r\ntxt:abc\r\n", `="txt:abc"`},
		{"!7\r\nERR bad\r\n", `!"ERR bad"`},
		{"$8\r\na\r\nb\r\n\r\n\r\n", `"a\r\n" \|"b\r\n" \|"\r\n"`},
		{"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", `*2|  "a"|  *1|    :1`},
		{"%1\r\n+k\r\n~1\r\n:1\r\n", "%1|  +k|  ~1|    :1"},
		{">1\r\n+m\r\n", ">>1|  +m"},
		{"|1\r\n+k\r\n+v\r\n:7\r\n", "|1|  +k|  +v|:7"},
	} {
		v, err := readValue(bufio.NewReader(strings.NewReader(tc.wire)), 0)
		if got := strings.Join(v.Lines(), "|"); got != tc.want || err != nil {
			t.Errorf("%q: %s, %v; want %s", tc.wire, got, err, tc.want)
		}
		for cut := range len(tc.wire) {
			_, err := readValue(bufio.NewReader(strings.NewReader(tc.wire[:cut])), 0)
			want := io.ErrUnexpectedEOF
			if cut == 0 {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", tc.wire[:cut], err, want)
			}
		}
	}
	for _, wire := range []string{"x\r\n", "\r\n", "+OK\n", "$a\r\n", "$-2\r\n", "*-2\r\n", "*a\r\n", "$1\r\nabc\r\n",
		strings.Repeat("*1\r\n", 100)} {
		if v, err := readValue(bufio.NewReader(strings.NewReader(wire)), 0); !errors.Is(err, errProtocol) {
			t.Errorf("%.20q: %v, %v; want a protocol error", wire, v, err)
		}
	}
}

// TestLogTailFindsLine shows that the line is found however the writes are cut.
func TestLogTailFindsLine(t *testing.T) {
	const log = "one\ntwo Ready to accept connections tcp\nthree\n"
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		l := newLogTail("Ready to accept")
		for rest := log; rest != ""; {
			n := 1 + r.IntN(len(rest))
			l.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		select {
		case <-l.found:
		default:
			t.Fatalf("seed %d: not found in %q", seed, l)
		}
		if l.String() != log {
			t.Fatalf("seed %d: kept %q, want %q", seed, l, log)
		}
	}
}

// TestPortIsKept shows that a port is nobody else's, that a server can listen on it nevertheless, and that it is kept between
// two servers.
func TestPortIsKept(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("a port cannot be kept here")
		return
	}
	port := Port(t)
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 2 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Errorf("%s is connected to, and nobody listens", addr)
		}
		// A connection's own end does not say SO_REUSEADDR.
		stranger := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}}
		if c, err := stranger.Dial("tcp", "127.0.0.1:1"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a connection from port %d: %v, %v; want %v", port, c, err, syscall.EADDRINUSE)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("listen on a port that is kept: %v", err)
		}
		l.Close()
	}
}

func TestServerLifecycle(t *testing.T) {
	oracle := Oracle(t)
	out, code := oracle.StartError(t, "nosuch 1")
	if code != 1 || !strings.Contains(out, "nosuch") {
		t.Errorf("an unknown directive: exit code %d, output %q", code, out)
	}
	s := oracle.Start(t, "maxclients 77")
	c := s.Dial(t)
	if got, want := c.Must(t, "CONFIG", "GET", "maxclients").String(), `*2   "maxclients"   "77"`; got != want {
		t.Errorf("CONFIG GET maxclients: %s, want %s", got, want)
	}
	if err := c.Send("SHUTDOWN"); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Read(); err != io.EOF {
		t.Errorf("after SHUTDOWN: %v, %v; want EOF", v, err)
	}
	if code := s.AwaitEnd(); code != 0 {
		t.Errorf("after SHUTDOWN: exit code %d", code)
	}
}
