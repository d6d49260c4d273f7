// Splitting lines: a table of what the real server was seen to do (oracle_test.go sends the same
// kinds of lines to it), and a fuzz test that quoting any word and splitting gives it back.

package resp

import (
	"bytes"
	"fmt"
	"testing"
)

func TestSplitArgs(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{" \t\v\f\r\n", nil, true},
		{"a b\tc\r\n", []string{"a", "b", "c"}, true},
		{"a\vb \vc", []string{"a\vb", "c"}, true},
		{"a\x00b", []string{"a"}, true},
		{`"a b" 'c d'`, []string{"a b", "c d"}, true},
		{`a"b c" d'e'`, []string{"ab c", "de"}, true},
		{`"\x41\n\r\t\b\a\q\\\"" "\x4"`, []string{"A\n\r\t\b\aq\\\"", "x4"}, true},
		{`'a\'b\n'`, []string{`a'b\n`}, true},
		{"\"a\"\vb 'c'\fd", []string{"a", "b", "c", "d"}, true},
		{`"" ''`, []string{"", ""}, true},
		{`a\ b \x41`, []string{`a\`, "b", `\x41`}, true},
		{`"a"b`, nil, false},
		{`'a'b`, nil, false},
		{`"a`, nil, false},
		{`'a`, nil, false},
		{`a"`, nil, false},
		{`"a\`, nil, false},
		{"\"a\x00\"", nil, false},
	} {
		words, ok := SplitArgs([]byte(tc.in))
		if ok != tc.ok || fmt.Sprintf("%q", words) != fmt.Sprintf("%q", tc.want) {
			t.Errorf("SplitArgs(%q) = %q, %t; want %q, %t", tc.in, words, ok, tc.want, tc.ok)
		}
	}
}

func FuzzSplitArgs(f *testing.F) {
	for _, s := range []string{"", `a "b\x00" 'c\''`, `"`, `'a'b`, "a\x00b", `\`, `"\x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		words, ok := SplitArgs(b)
		if !bytes.Equal(b, before) {
			t.Fatalf("SplitArgs(%q) changed the line to %q", before, b)
		}
		size := 0
		for _, w := range words {
			size += len(w)
		}
		if size > len(b) || !ok && words != nil {
			t.Fatalf("SplitArgs(%q) = %q, %t", b, words, ok)
		}
		var quoted []byte
		for _, c := range b {
			quoted = fmt.Appendf(quoted, `\x%02x`, c)
		}
		line := fmt.Sprintf(`x "%s" '' y`, quoted)
		words, ok = SplitArgs([]byte(line))
		if !ok || len(words) != 4 || !bytes.Equal(words[1], b) {
			t.Fatalf("SplitArgs(%q) = %q, %t; want %q second", line, words, ok, b)
		}
	})
}
