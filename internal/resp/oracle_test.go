// The same bytes to a real redis-server and to this room, and the same answers demanded: which
// requests are refused and how, which texts are numbers, and what long doubles add up to. The server
// gets bytes until the write side is closed, and is read from until it closes too, so nothing here
// waits for a time to pass. Needs Debian's redis-server (7.0.15): go test -tags oracle -count=1.

//go:build oracle

package resp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

// oracle is the socket of a running redis-server.
type oracle struct{ socket string }

func startOracle(t *testing.T, flags ...string) oracle {
	t.Helper()
	binary := harness.Oracle(t).Path
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	args := append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir}, flags...)
	server := exec.Command(binary, args...)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	log := bufio.NewScanner(out)
	for log.Scan() && !strings.Contains(log.Text(), "ready to accept connections") &&
		!strings.Contains(log.Text(), "now ready to accept") {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return oracle{socket}
}

func (o oracle) dial(t *testing.T) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: o.socket})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends a request, then the end, and returns all the server says. That must be short: at the
// end of its input the server drops replies which it has not sent.
func (o oracle) say(t *testing.T, request []byte) []byte {
	t.Helper()
	c := o.dial(t)
	defer c.Close()
	go func() {
		_, _ = c.Write(request)
		_ = c.CloseWrite()
	}()
	reply, _ := io.ReadAll(c) // a reset after the last reply is the server's way to close
	return reply
}

// ask sends commands and returns one reply for each.
func (o oracle) ask(t *testing.T, request []byte, replies int) []Value {
	t.Helper()
	c := o.dial(t)
	defer c.Close()
	go func() { _, _ = c.Write(request) }()
	d := NewDecoder(c)
	values := make([]Value, replies)
	for i := range values {
		v, err := d.Decode()
		if err != nil {
			t.Fatalf("reply %d of %d: %v", i, replies, err)
		}
		values[i] = v
	}
	return values
}

// echoServer answers requests as a Redis that knows only ECHO.
func echoServer(request []byte, lim *Limits, chunk int) []byte {
	var w Writer
	var p Parser
	for have, at := 0, 0; have < len(request); {
		have = min(have+chunk, len(request))
		for {
			n, args, status, err := p.Next(request[at:have], nil, lim)
			if status == NeedMore {
				break
			}
			if status == Bad {
				w.Error(err)
				return w.Buffer()
			}
			at += n
			if status == Complete {
				answer(&w, args, lim)
			}
		}
	}
	return w.Buffer()
}

func answer(w *Writer, args [][]byte, lim *Limits) {
	switch {
	case !bytes.EqualFold(args[0], []byte("echo")):
		w.Error(unknownCommand(args))
	case len(args) != 2:
		w.Error("ERR wrong number of arguments for 'echo' command")
	case !lim.Authenticated:
		w.Error("NOAUTH Authentication required.")
	default:
		w.Bulk(args[1])
	}
}

// unknownCommand is what Redis says, which quotes at most 128 bytes, each up to a NUL.
func unknownCommand(args [][]byte) Error {
	quote := func(b []byte, most int) string {
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
		return string(b[:min(len(b), most)])
	}
	var rest string
	for _, a := range args[1:] {
		if len(rest) >= 128 {
			break
		}
		rest += "'" + quote(a, 128-len(rest)) + "' "
	}
	return Error("ERR unknown command '" + quote(args[0], 128) + "', with args beginning with: " + rest)
}

func compareProtocol(t *testing.T, o oracle, lim *Limits, request []byte) {
	t.Helper()
	want := o.say(t, request)
	for _, chunk := range []int{1, 1 << 20} {
		if got := echoServer(request, lim, chunk); !bytes.Equal(got, want) {
			t.Errorf("request %.300q (%d bytes) in pieces of %d\n got %.300q\nwant %.300q", request, len(request), chunk, got, want)
		}
	}
}

var limits = Limits{MaxBulk: 512 << 20, MaxInline: DefaultMaxInline, Authenticated: true}

func TestOracleProtocol(t *testing.T) {
	o := startOracle(t)
	long := strings.Repeat("A", DefaultMaxInline)
	for _, request := range []string{
		"", "\n", "\r\n", "\r\n\r\nECHO a\r\n", "*0\r\n*1\r\n$1\r\nx\r\n", "*-1\r\nECHO b\n", "*-10\r\nECHO b\n",
		"*\r\n", "*1\r", "* 1\r\n", "*01\r\n", "*+1\r\n", "*1 \r\n", "*x\r\n", "*9223372036854775808\r\n",
		"*2147483647\r\n", "*2147483648\r\n", "*1048577\r\n$4\r\nECHO\r\n", "*-9223372036854775809\r\n", "*-2147483649\r\nECHO c\n",
		"*1\rX$4\rXECHOab", "*2\r\n$4\r\nECHO\r\n$1\r\nabc", "*2\r\n$4\r\nECHO$1\r\na\r\n",
		"*1\r\n\r\n", "*1\r\nfoo\r\n", "*1\r\nfoo", "*1\r\n\xff\r\n", "*1\r\n:1\r\n",
		"*1\r\n$\r\n", "*1\r\n$-1\r\n", "*1\r\n$x\r\n", "*1\r\n$01\r\n", "*1\r\n$536870912\r\n", "*1\r\n$536870913\r\n",
		"*1\r\n$9223372036854775807\r\n", "*1\r\n$99999999999999999999\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
		"*1\r\n$0\r\n\r\n", "*2\r\n$0\r\n\r\n$0\r\n\r\n", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
		"*2\r\n$4\r\nECHO\r\n$10\r\n0123456789\r\nECHO more\r\n", "*0000\r\n", "*1\n$4\r\nECHO\r\n",
		"ECHO a\n", "ECHO a\r\n", "  ECHO   a  \r\n", "echo a\r\r\n", "ECHO \x00\n", "\x00\nECHO a\r\n", "*\x001\r\nECHO a\r\n",
		"*1\r\n$\x00\r\n", "*1\r\n\x00\r\n", "ECHO\va\r\n", "\v\fECHO a\r\n", "ECHO a\fb\r\n",
		`ECHO "a b"` + "\n", `ECHO 'a b'` + "\n", `ECHO "a`, `ECHO "a` + "\n", `ECHO 'a` + "\n", `ECHO "a"b` + "\n",
		`ECHO 'a'b` + "\n", `ECHO a"b c"` + "\n", `ECHO "\x41\x4\n\r\t\b\a\q\\\""` + "\n", `ECHO 'a\'b\n'` + "\n",
		`ECHO ""` + "\n", `""` + "\n", `"" a` + "\n", `ECHO "\` + "\n", `ECHO '\` + "\n", `ECHO "\x` + "\n", `ECHO "a"` + "\v\n",
		`ECHO a\ b` + "\n", `ECHO \x41` + "\n",
		long + "\nx\n", long, long + "A", "*" + long, "*" + long[1:] + "\r\n", "*" + long[2:] + "\r\n",
		"*1\r\n$" + long, "*1\r\n$" + long[1:] + "\r\n", "*1\r\n" + long + "\r\n", "\x00" + long, "*\x00" + long, "*1\r\n$\x00" + long,
		"*1\r\n$" + long[1:], "*1\r\n$" + long[1:] + "\r", "*" + long[1:] + "\r", long[1:] + "\r", long[1:] + "\r\n",
	} {
		compareProtocol(t, o, &limits, []byte(request))
	}
}

func TestOracleProtocolUnauthenticated(t *testing.T) {
	o := startOracle(t, "--requirepass", "p")
	lim := limits
	lim.Authenticated = false
	for _, request := range []string{
		"*10\r\n", "*11\r\n", "*11\r\nxx", "*2147483648\r\n", "*1\r\n$16384\r\n", "*1\r\n$16385\r\n", "*1\r\n$536870913\r\n",
		"ECHO a\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\n", "*2\r\n$4\r\nECHO\r\n$16385\r\n",
		"*2\r\n$4\r\nECHO\r\n$16384\r\n" + strings.Repeat("x", 16384) + "\r\n",
		"*1\r\n$4\r\nECHO\r\n", "*1\r\n$3\r\nfoo\r\n", "ECHO 1 2 3 4 5 6 7 8 9 10 11 12\r\n",
	} {
		compareProtocol(t, o, &lim, []byte(request))
	}
}

// TestOracleProtocolMutated sends good requests with a few bytes changed, and demands the same
// replies to the last byte.
func TestOracleProtocolMutated(t *testing.T) {
	o := startOracle(t)
	seed := chance.Seed(t)
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	alphabet := []byte("*$\r\n\x00\"'\\x \t\v01239-+ab\xff")
	for range 3000 {
		var request []byte
		for range 1 + r.IntN(4) {
			if r.IntN(2) == 0 {
				request = AppendCommand(request, []byte("ECHO"), randomBytes(r, alphabet, r.IntN(12)))
			} else {
				request = append(request, "ECHO \"a\\x41 b\" 'c'\r\n"...)
				if r.IntN(2) == 0 {
					request = append(append(request, "echo "...), randomBytes(r, alphabet, r.IntN(9))...)
					request = append(request, '\n')
				}
			}
		}
		for range r.IntN(4) {
			i := r.IntN(len(request))
			switch r.IntN(3) {
			case 0:
				request[i] = alphabet[r.IntN(len(alphabet))]
			case 1:
				request = append(request[:i], request[i+1:]...)
			case 2:
				request = append(request[:i:i], append([]byte{alphabet[r.IntN(len(alphabet))]}, request[i:]...)...)
			}
		}
		compareProtocol(t, o, &limits, request)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomBytes(r *rand.Rand, alphabet []byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return b
}

func command(dst []byte, words ...string) []byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return AppendCommand(dst, args...)
}

// numberTexts are texts at the edges of what is a number.
var numberTexts = []string{
	"", "0", "-0", "+0", "00", "1", "-1", "+1", "01", "-01", " 1", "1 ", "\t1", "1\n", "1\x00", "\x001", "a", "-", "+", ".", "-.", "e", "e5",
	".5", "5.", "-.5", "5.e1", ".e1", "1e", "1e+", "1e-", "1e5", "1E5", "1e+5", "1e-5", "1e05", "1e5.0", "1.2.3", "1_000", "0x_1p0", "1e1_0",
	"0x", "0x1", "0X1F", "0x1p4", "0x1P-4", "0x1p", "0x.8", "0x.", "0x1.8", "-0x10", "0x1e5", "0xg", "0x1p0x1", "0b1", "0o7", "0x1.8p1.0",
	"inf", "-inf", "+inf", "Inf", "INF", "infinity", "-Infinity", "infin", "infx", "i", "nan", "NaN", "-nan", "nan(1)", "nan()",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
	"99999999999999999999", "10000000000000000000", "000000000000000000000001", "-18446744073709551615", "+5",
	"1e308", "1e309", "-1e309", "1.7976931348623157e308", "1.7976931348623159e308", "4.9e-324", "2e-324", "2.4703282292062327e-324",
	"2.4703282292062328e-324", "1e-400", "0e-400", "0e400", "1e-4000", "1e-4950", "3.6e-4951", "1.8e-4951", "1.9e-4951", "1e-4951", "1e-5000", "1e-99999",
	"1e99999", "0e99999", "1e4932", "1.18973149535723176502e4932", "1.18973149535723176508e4932", "1.2e4932", "1e4933", "-1e5000",
	"1e99999999999999999999", "1e-99999999999999999999", "0x1p16383", "0x1p16384", "0x1p-16445", "0x1p-16446", "0x1.8p-16446", "0x1p-16447",
	"0x1p1023", "0x1p1024", "0x1p-1074", "0x1p-1075", "0x1.8p-1075", "0x1.fffffffffffff8p1023",
	"0.1", "0.2", "0.3", "3.0e3", "5.0e3", "3.14159265358979323846", "1.00000000000000000001", "123456789012345678901234567890",
	"0.00000000000000000001", "0.000000000000000005", "0.000000000000000015", "0.000000000000000025", "1.0e-17", "4.9e-18", "5e-18", "1.5e-17",
	"17179869184", "18446744073709551615.5", "9007199254740993", "0.5", "999999999999999.9", "99999999999999.99", "9999999999999999", "0.999999999999999999999",
	strings.Repeat("1", 300), strings.Repeat("1", 5119), strings.Repeat("0", 5118) + "1", strings.Repeat("1", 5120), "0." + strings.Repeat("0", 4900) + "1e4900",
	"1" + strings.Repeat("0", 5000) + "e-5000", "0x" + strings.Repeat("1", 1000) + "p-3996", "1" + strings.Repeat("0", 900) + ".5e-900", "-" + strings.Repeat("9", 850),
	"+" + strings.Repeat("9", 1000) + ".e-700", strings.Repeat("9", 1000) + "..e-700", "e" + strings.Repeat("9", 1000), "-." + strings.Repeat("0", 1000) + "1e1000",
}

func randomNumber(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case 1:
		return strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(1<<62)|uint64(r.IntN(2))<<62), "efg"[r.IntN(3)], -1, 64)
	case 2:
		return strconv.FormatFloat(r.NormFloat64()*math.Pow10(r.IntN(30)-10), 'f', r.IntN(20), 64)
	case 3:
		return fmt.Sprintf("%d.%0*d", r.IntN(1000)-500, 1+r.IntN(18), r.IntN(100))
	case 4:
		return fmt.Sprintf("%de%d", int64(r.Uint64())>>r.IntN(64), r.IntN(80)-50)
	case 5:
		return fmt.Sprintf("%d.%d%de%d", int64(r.Uint64())>>r.IntN(64), r.Uint64(), r.Uint64(), r.IntN(9000)-5000)
	case 6:
		return fmt.Sprintf("%s0x%x.%xp%d", [...]string{"", "-"}[r.IntN(2)], r.Uint64()>>r.IntN(64), r.Uint64()>>r.IntN(64), r.IntN(200)-120)
	}
	return fmt.Sprintf("%d.%d", r.IntN(10), r.IntN(1000))
}

func TestOracleInts(t *testing.T) {
	o := startOracle(t)
	var request []byte
	for _, text := range numberTexts {
		request = command(request, "SET", "k", "0")
		request = command(request, "INCRBY", "k", text)
		request = command(request, "DEL", "s")
		request = command(request, "XADD", "s", text+"-7", "f", "v")
	}
	replies := o.ask(t, request, 4*len(numberTexts))
	for i, text := range numberTexts {
		want := replies[4*i+1]
		got, ok := ParseInt([]byte(text))
		if ok != (want.Kind == KindInt) || got != want.Int && ok {
			t.Errorf("ParseInt(%.80q) = %d, %t; want %v", text, got, ok, want)
		}
		want = replies[4*i+3]
		if len(text) > 100 || strings.ContainsAny(text, "-\x00") {
			continue // the ID is cut at the first minus, so the text is not what is read
		}
		u, ok := ParseUint([]byte(text))
		if id := fmt.Sprintf("%d-7", u); ok != (want.Kind == KindBulk) || ok && want.Text != id {
			t.Errorf("ParseUint(%.80q) = %d, %t; want %v", text, u, ok, want)
		}
	}
}

func TestOracleFloats(t *testing.T) {
	o := startOracle(t)
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	texts := numberTexts
	for range 3000 {
		texts = append(texts, randomNumber(r))
	}
	var request []byte
	for _, text := range texts {
		request = command(request, "DEL", "z")
		request = command(request, "ZADD", "z", text, "m")
		request = command(request, "ZSCORE", "z", "m")
	}
	replies := o.ask(t, request, 3*len(texts))
	for i, text := range texts {
		want := replies[3*i+2]
		got, ok := ParseFloat([]byte(text))
		if ok == want.IsNull {
			t.Errorf("ParseFloat(%.80q) = %g, %t; want %v %v (seed %d)", text, got, ok, replies[3*i+1], want, seed)
			continue
		}
		if printed := strconv.FormatFloat(got, 'g', 17, 64); ok && got != 0 && asC(printed) != asC(want.Text) {
			t.Errorf("ParseFloat(%.80q) = %s; want %s (seed %d)", text, printed, want.Text, seed)
		}
		if back, _ := ParseFloat(AppendDouble(nil, got)); back != got {
			t.Errorf("ParseFloat(AppendDouble(%g)) = %g", got, back)
		}
	}
}

// asC brings Go's and C's %g to one form.
func asC(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(f, 'x', -1, 64)
}

func TestOracleLongDoubles(t *testing.T) {
	o := startOracle(t)
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	type sum struct{ a, b string }
	var sums []sum
	for _, a := range numberTexts {
		sums = append(sums, sum{a, "0"}, sum{"0", a}, sum{a, "1"}, sum{a, a}, sum{a, "-0.1"}, sum{a, "-" + a}, sum{a, "1e-18"}, sum{a, "1.18e4932"})
	}
	for range 8000 {
		a, b := randomNumber(r), randomNumber(r)
		if r.IntN(4) == 0 {
			b = "-" + strings.TrimPrefix(a, "-")
			b = b[:max(1, len(b)-r.IntN(3))]
		}
		sums = append(sums, sum{a, b})
	}
	var request []byte
	for _, s := range sums {
		request = command(request, "SET", "k", s.a)
		request = command(request, "INCRBYFLOAT", "k", s.b)
	}
	replies := o.ask(t, request, 2*len(sums))
	differ := 0
	for i, s := range sums {
		want := replies[2*i+1]
		got, err := AddLongDouble([]byte(s.a), []byte(s.b))
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want.Text {
			t.Errorf("%.100q + %.100q = %.200s; want %.200s (seed %d)", s.a, s.b, got, want.Text, seed)
			if differ++; differ > 20 {
				t.FailNow()
			}
		}
	}
}

// TestOracleWriter compares each type's spelling with the samples that DEBUG PROTOCOL sends.
func TestOracleWriter(t *testing.T) {
	o := startOracle(t, "--enable-debug-command", "yes")
	samples := []struct {
		name  string
		write func(*Writer)
	}{
		{"string", func(w *Writer) { w.BulkString("Hello World") }},
		{"integer", func(w *Writer) { w.Int(12345) }},
		{"double", func(w *Writer) { w.Double(3.141) }},
		{"null", func(w *Writer) { w.Null() }},
		{"array", func(w *Writer) { w.Array(3); w.Int(0); w.Int(1); w.Int(2) }},
		{"set", func(w *Writer) { w.Set(3); w.Int(0); w.Int(1); w.Int(2) }},
		{"map", func(w *Writer) {
			w.Map(3)
			for i := range 3 {
				w.Int(int64(i))
				w.Bool(i == 1)
			}
		}},
		{"attrib", func(w *Writer) {
			if w.Attribute(1) {
				w.BulkString("key-popularity")
				w.Array(2)
				w.BulkString("key:123")
				w.Int(90)
			}
			w.BulkString("Some real reply following the attribute")
		}},
		{"true", func(w *Writer) { w.Bool(true) }},
		{"false", func(w *Writer) { w.Bool(false) }},
		{"bignum", func(w *Writer) { w.BigNumber("1234567999999999999999999999999999999") }},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", []byte("This is a verbatim\nstring")) }},
	}
	for _, proto := range []int{RESP2, RESP3} {
		for _, s := range samples {
			request := command(nil, "DEBUG", "PROTOCOL", s.name)
			if proto == RESP3 {
				request = append(command(nil, "HELLO", "3"), request...)
			}
			var w Writer
			w.Reset(nil, proto)
			s.write(&w)
			want := o.say(t, request)
			if proto == RESP3 {
				_, want, _ = bytes.Cut(want, []byte("modules\r\n*0\r\n")) // the end of HELLO's reply
			}
			if s.name == "double" {
				want = bytes.ReplaceAll(want, []byte("$18\r\n3.1410000000000000"), []byte("$5\r\n3.141"))
				want = bytes.ReplaceAll(want, []byte("3.1410000000000000"), []byte("3.141")) // 7.0 has 17 digits
			}
			if !bytes.Equal(w.Buffer(), want) {
				t.Errorf("RESP%d %s\n got %q\nwant %q", proto, s.name, w.Buffer(), want)
			}
		}
	}
}
