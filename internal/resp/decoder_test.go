// The Decoder against the Writer: what it reads, written again, must be the same bytes; and bytes
// that are no reply must be refused without a panic and without believing their lengths.

package resp

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// everything writes each type once.
func everything(w *Writer) {
	w.OK()
	w.Error("ERR no")
	w.Int(-5)
	w.Bulk([]byte("a\r\nb"))
	w.Null()
	w.NullArray()
	w.Double(1.5)
	w.Bool(true)
	w.BigNumber("123456789012345678901234567890")
	w.Verbatim("mkd", []byte("# hi"))
	if w.Attribute(1) {
		w.Simple("ttl")
		w.Int(3600)
	}
	w.Array(3)
	w.Set(1)
	w.Int(1)
	w.Map(1)
	w.BulkString("k")
	w.Array(0)
	w.Push(2)
	w.BulkString("message")
	w.Null()
}

func decodeAll(r io.Reader) (values []Value, err error) {
	d := NewDecoder(r)
	for {
		v, err := d.Decode()
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
}

func TestDecoderReadsWriter(t *testing.T) {
	for _, proto := range []int{RESP2, RESP3} {
		var w Writer
		w.Reset(nil, proto)
		everything(&w)
		values, err := decodeAll(iotest.OneByteReader(bytes.NewReader(w.Buffer())))
		if err != io.EOF {
			t.Errorf("RESP%d: %v; want EOF", proto, err)
		}
		var again Writer
		again.Reset(nil, proto)
		writeAll(&again, values)
		if !bytes.Equal(again.Buffer(), w.Buffer()) {
			t.Errorf("RESP%d\n got %q\nwant %q", proto, again.Buffer(), w.Buffer())
		}
		for cut := range w.Len() {
			if _, err := decodeAll(bytes.NewReader(w.Buffer()[:cut])); err != io.EOF && err != io.ErrUnexpectedEOF {
				t.Errorf("RESP%d cut at %d: %v", proto, cut, err)
			}
		}
	}
}

func TestDecoderValues(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Value
		text string
	}{
		{"+OK\r\n", Value{Kind: KindSimple, Text: "OK"}, "+OK"},
		{"-ERR x\r\n", Value{Kind: KindError, Text: "ERR x"}, "-ERR x"},
		{"!5\r\nERR x\r\n", Value{Kind: KindError, Text: "ERR x"}, "-ERR x"},
		{":-7\r\n", Value{Kind: KindInt, Int: -7}, "-7"},
		{"$3\r\na\"b\r\n", Value{Kind: KindBulk, Text: `a"b`}, `"a\"b"`},
		{"$-1\r\n", Value{Kind: KindBulk, IsNull: true}, "(nil)"},
		{"*-1\r\n", Value{Kind: KindArray, IsNull: true}, "(nil)"},
		{"_\r\n", Value{Kind: KindNull, IsNull: true}, "(nil)"},
		{"#f\r\n", Value{Kind: KindBool, Text: "f"}, "#f"},
		{",inf\r\n", Value{Kind: KindDouble, Text: "inf"}, ",inf"},
		{"(12\r\n", Value{Kind: KindBig, Text: "12"}, "(12"},
		{"%1\r\n+a\r\n:1\r\n", Value{Kind: KindMap, Elems: []Value{{Kind: KindSimple, Text: "a"}, {Kind: KindInt, Int: 1}}}, "%[+a 1]"},
		{"|1\r\n+a\r\n:1\r\n:2\r\n", Value{Kind: KindInt, Int: 2, Attributes: []Value{{Kind: KindSimple, Text: "a"}, {Kind: KindInt, Int: 1}}}, "2"},
	} {
		got, err := NewDecoder(strings.NewReader(tc.in)).Decode()
		if err != nil || !reflect.DeepEqual(got, tc.want) || got.String() != tc.text {
			t.Errorf("Decode(%q) = %+v (%s), %v; want %+v (%s)", tc.in, got, got, err, tc.want, tc.text)
		}
	}
	if err := (Value{Kind: KindError, Text: "ERR x"}).Err(); err != Error("ERR x") {
		t.Errorf("Err = %v", err)
	}
	if err := (Value{Kind: KindSimple}).Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

func TestDecoderRefuses(t *testing.T) {
	for _, in := range []string{
		"\r\n", "x\r\n", "+OK\n", ":x\r\n", ":+1\r\n", "$-2\r\n", "$x\r\n", "$1\r\nabc\r\n", "*-2\r\n", "*99999999999\r\n", "%-1\r\n", "~-1\r\n",
		"_x\r\n", "#x\r\n", "=3\r\ntxt\r\n", "=4\r\ntxtx\r\n", "$?\r\n", strings.Repeat("*1\r\n", 1000),
	} {
		if v, err := NewDecoder(strings.NewReader(in)).Decode(); !errors.Is(err, ErrReply) {
			t.Errorf("Decode(%.40q) = %v, %v; want ErrReply", in, v, err)
		}
	}
}

// TestDecoderBelievesNoLength shows that claims of huge lengths do not allocate.
func TestDecoderBelievesNoLength(t *testing.T) {
	for _, in := range []string{"$1000000000000\r\nx", "*2147483647\r\n:1\r\n", "%2147483647\r\n:1\r\n", "=1000000000\r\ntxt:"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewDecoder(strings.NewReader(in)).Decode()
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; err != io.ErrUnexpectedEOF || grown > 1<<20 {
			t.Errorf("Decode(%q): %v after allocating %d bytes; want an unexpected EOF and at most 1 MiB", in, err, grown)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, proto := range []int{RESP2, RESP3} {
		var w Writer
		w.Reset(nil, proto)
		everything(&w)
		f.Add(w.Buffer())
	}
	f.Add([]byte("!5\r\nERR x\r\n$?\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := decodeAll(bytes.NewReader(b))
		if err == nil {
			t.Fatal("no error at the end")
		}
		var w Writer
		w.Reset(nil, RESP3)
		writeAll(&w, values)
		once := bytes.Clone(w.Buffer())
		values, err = decodeAll(bytes.NewReader(once))
		if err != io.EOF {
			t.Fatalf("%q was written as %q, which reads as %v, %v", b, once, values, err)
		}
		w.Reset(nil, RESP3)
		writeAll(&w, values)
		if !bytes.Equal(w.Buffer(), once) {
			t.Fatalf("%q was written as %q, then as %q", b, once, w.Buffer())
		}
	})
}
