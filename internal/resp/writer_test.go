// Every reply in both protocols, by a table (oracle_test.go compares the types with a real server's
// samples); lengths known later, against the same written straight; and that nothing allocates.

package resp

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"tarn/test/chance"
)

func TestWriter(t *testing.T) {
	for _, tc := range []struct {
		name         string
		write        func(*Writer)
		resp2, resp3 string
	}{
		{"OK", (*Writer).OK, "+OK\r\n", "+OK\r\n"},
		{"Pong", (*Writer).Pong, "+PONG\r\n", "+PONG\r\n"},
		{"Queued", (*Writer).Queued, "+QUEUED\r\n", "+QUEUED\r\n"},
		{"Simple", func(w *Writer) { w.Simple("Background saving started") }, "+Background saving started\r\n", "+Background saving started\r\n"},
		{"Error", func(w *Writer) { w.Error("ERR no") }, "-ERR no\r\n", "-ERR no\r\n"},
		{"Error, lines", func(w *Writer) { w.Error("\r\nERR a\r\nb\n") }, "-ERR a  b\r\n", "-ERR a  b\r\n"},
		{"Int", func(w *Writer) { w.Int(-42) }, ":-42\r\n", ":-42\r\n"},
		{"Int, small", func(w *Writer) { w.Int(9) }, ":9\r\n", ":9\r\n"},
		{"Int, least", func(w *Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"Bulk", func(w *Writer) { w.Bulk([]byte("a\r\nb")) }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
		{"Bulk, empty", func(w *Writer) { w.Bulk(nil) }, "$0\r\n\r\n", "$0\r\n\r\n"},
		{"BulkString", func(w *Writer) { w.BulkString("hello, world") }, "$12\r\nhello, world\r\n", "$12\r\nhello, world\r\n"},
		{"BulkInt", func(w *Writer) { w.BulkInt(-100) }, "$4\r\n-100\r\n", "$4\r\n-100\r\n"},
		{"Null", (*Writer).Null, "$-1\r\n", "_\r\n"},
		{"NullArray", (*Writer).NullArray, "*-1\r\n", "_\r\n"},
		{"Array", func(w *Writer) { w.Array(0) }, "*0\r\n", "*0\r\n"},
		{"Array, long", func(w *Writer) { w.Array(1234567) }, "*1234567\r\n", "*1234567\r\n"},
		{"Map", func(w *Writer) { w.Map(5) }, "*10\r\n", "%5\r\n"},
		{"Set", func(w *Writer) { w.Set(100) }, "*100\r\n", "~100\r\n"},
		{"Push", func(w *Writer) { w.Push(3) }, "*3\r\n", ">3\r\n"},
		{"Attribute", func(w *Writer) { w.Attribute(1) }, "", "|1\r\n"},
		{"Bool, true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"Bool, false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"Double", func(w *Writer) { w.Double(3.141) }, "$5\r\n3.141\r\n", ",3.141\r\n"},
		{"Double, inf", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"HumanDouble", func(w *Writer) { w.HumanDouble(0.1) }, "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"},
		{"BigNumber", func(w *Writer) { w.BigNumber("-123") }, "$4\r\n-123\r\n", "(-123\r\n"},
		{"Verbatim", func(w *Writer) { w.Verbatim("txt", []byte("a\nb")) }, "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"},
		{"Verbatim, short", func(w *Writer) { w.Verbatim("t", nil) }, "$0\r\n\r\n", "=4\r\nt  :\r\n"},
		{"Raw", func(w *Writer) { w.Raw([]byte("+a\r\n")); w.RawString("+b\r\n") }, "+a\r\n+b\r\n", "+a\r\n+b\r\n"},
	} {
		for proto, want := range map[int]string{RESP2: tc.resp2, RESP3: tc.resp3} {
			var w Writer
			w.Reset([]byte("x"), proto)
			tc.write(&w)
			if got := string(w.Buffer()); got != "x"+want || w.Len() != len(want)+1 || w.Proto() != proto {
				t.Errorf("RESP%d %s: %q; want %q", proto, tc.name, got, want)
			}
		}
	}
}

func TestWriterTruncate(t *testing.T) {
	var w Writer
	w.OK()
	mark := w.Mark()
	w.Array(2)
	w.Int(1)
	w.Truncate(mark)
	w.SetProto(RESP3)
	w.Null()
	if got := string(w.Buffer()); got != "+OK\r\n_\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestWriterDeferred nests aggregates of all lengths whose headers are written last, and compares
// with the same written in order.
func TestWriterDeferred(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		proto := RESP2 + r.IntN(2)
		var got, want Writer
		got.Reset(nil, proto)
		want.Reset(nil, proto)
		deferred(r, &got, &want, 0)
		if !bytes.Equal(got.Buffer(), want.Buffer()) {
			t.Fatalf("seed %d\n got %.500q\nwant %.500q", seed, got.Buffer(), want.Buffer())
		}
	}
}

func deferred(r *rand.Rand, got, want *Writer, depth int) {
	n := r.IntN(1 << r.IntN(11-3*depth))
	mark := got.Deferred()
	kind := r.IntN(3)
	elems := n
	switch kind {
	case 0:
		want.Array(n)
	case 1:
		want.Set(n)
	case 2:
		want.Map(n)
		elems = 2 * n
	}
	for range elems {
		if depth < 2 && r.IntN(20) == 0 {
			deferred(r, got, want, depth+1)
			continue
		}
		s := strings.Repeat("e", r.IntN(12))
		got.BulkString(s)
		want.BulkString(s)
	}
	switch kind {
	case 0:
		got.SetArrayLen(mark, n)
	case 1:
		got.SetSetLen(mark, n)
	case 2:
		got.SetMapLen(mark, n)
	}
}

func TestWriterAllocs(t *testing.T) {
	room := make([]byte, 0, 64<<10)
	value := bytes.Repeat([]byte("v"), 1000)
	var w Writer
	for _, proto := range []int{RESP2, RESP3} {
		allocs := testing.AllocsPerRun(100, func() {
			w.Reset(room, proto)
			w.OK()
			w.Error("ERR no such key")
			w.Int(math.MinInt64)
			w.Bulk(value)
			w.BulkString("hello")
			w.BulkInt(123456789)
			w.Null()
			w.NullArray()
			w.Double(0.1)
			w.Double(1e300)
			w.HumanDouble(13.361389338970184)
			w.BigNumber("1234567999999999999999999999999999999")
			w.Verbatim("txt", value)
			w.Bool(true)
			mark := w.Deferred()
			for i := range 12 {
				w.Int(int64(i))
			}
			w.SetArrayLen(mark, 12)
		})
		if allocs != 0 {
			t.Errorf("RESP%d: %g allocations; want 0", proto, allocs)
		}
	}
}

func TestAppendCommand(t *testing.T) {
	got := AppendCommand([]byte("x"), []byte("SET"), []byte("k"), nil)
	if want := "x*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"; string(got) != want {
		t.Errorf("got %q; want %q", got, want)
	}
}
