// Shown here: manifests are read and written as Redis 7 does, errors included (oracle_test.go asks a
// real one); what a Manifest writes it reads back; a rewrite, an increment and an upgrade change it as
// they should, and leave the one they began with alone.

package aof

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const (
	baseLine  = "file appendonly.aof.1.base.rdb seq 1 type b\n"
	incr1Line = "file appendonly.aof.1.incr.aof seq 1 type i\n"
	incr2Line = "file appendonly.aof.2.incr.aof seq 2 type i\n"
)

// manifests are texts, with what is wrong with each, on which line.
var manifests = []struct {
	text string
	line int
	what string
}{
	{text: "", what: errEmpty},
	{text: "\n", line: 1, what: errFormat},
	{text: "#c\n"},
	{text: "# no line end"},
	{text: "\n" + baseLine, line: 1, what: errFormat},
	{text: strings.TrimSuffix(baseLine, "\n"), what: errLongLine},
	{text: baseLine + "x", what: errLongLine},
	{text: baseLine + "#"},
	{text: baseLine + baseLine, line: 2, what: errTwoBases},
	{text: baseLine + incr1Line + incr1Line, line: 3, what: errSequence},
	{text: baseLine + incr2Line + incr1Line, line: 3, what: errSequence},
	{text: incr1Line + baseLine},
	{text: "#\n" + baseLine + "#x\n" + incr2Line + "#\n" + incr1Line, line: 6, what: errSequence},
	{text: baseLine + incr1Line + "\n", line: 3, what: errFormat},
	{text: "  " + baseLine},
	{text: strings.TrimSuffix(baseLine, "\n") + "\r\n"},
	{text: " #c\n", line: 1, what: errFormat},
	{text: "file a/b seq 1 type b\n", line: 1, what: errPath},
	{text: "file a\\b seq 1 type b\n", line: 1, what: errPath},
	{text: "file ../a seq 1 type\n", line: 1, what: errFormat},
	{text: "file a seq 1 type x\n", line: 1, what: errWrongType},
	{text: "file a seq 1 type\n", line: 1, what: errFormat},
	{text: "file a seq 1\n", line: 1, what: errFormat},
	{text: "file a type b seq 1\n"},
	{text: "seq 1 type b\n", line: 1, what: errFormat},
	{text: "a a seq 1 type b\n", line: 1, what: errFormat},
	{text: "file a seq 0 type b\n", line: 1, what: errFormat},
	{text: "file a seq x type b\n", line: 1, what: errFormat},
	{text: "file a seq -1 type b\n"},
	{text: "file a seq -1 type i\n", line: 1, what: errSequence},
	{text: "file a seq 1x type b\n"},
	{text: "file a seq \" +1\" type b\n"},
	{text: "file a seq \"1\" type \"\"\n", line: 1, what: errFormat},
	{text: "file \"a b\" seq 1 type b\n"},
	{text: "file \"a b seq 1 type b\n", line: 1, what: errFormat},
	{text: "file a seq 1 type bb\n"},
	{text: "FILE a SEQ 1 TYPE b\n"},
	{text: "file a seq 1 type B\n", line: 1, what: errWrongType},
	{text: "file a seq 1 type b foo bar\n"},
	{text: "file a seq 1 type b foo\n", line: 1, what: errFormat},
	{text: "file a seq 1 type b startoffset 5\n"},
	{text: "file a seq 1 type b file c\n"},
	{text: "file a seq 1 type i\nfile b seq 99999999999999999999 type i\n"},
	{text: "file a seq 1 type h\n"},
	{text: strings.Repeat("x", 1023) + "\n", line: 1, what: errFormat},
	{text: strings.Repeat("x", 1024) + "\n", what: errLongLine},
	{text: "#" + strings.Repeat("x", 1022) + "\n" + baseLine},
	{text: "#" + strings.Repeat("x", 1023) + "\n" + baseLine, line: 2, what: errFormat},
	{text: "#" + strings.Repeat("x", 1023) + baseLine, line: 0},
	{text: "\x00\n", what: errLongLine},
	{text: "#\x00\n"},
	{text: "file a\x00 seq 1 type b\n", what: errLongLine},
	{text: "file \"a\\x00b\" seq 1 type b\n"},
	{text: "file 'a' seq 1 type b\n"},
	{text: "file a'b seq 1 type b\n", line: 1, what: errFormat},
}

func TestParseManifest(t *testing.T) {
	for _, tc := range manifests {
		m, err := ParseManifest([]byte(tc.text))
		if tc.what == "" {
			if err != nil {
				t.Errorf("%.80q: %v", tc.text, err)
				continue
			}
			checkAgain(t, m)
			continue
		}
		var wrong *ManifestError
		if !errors.As(err, &wrong) || wrong.Line != tc.line || wrong.What != tc.what {
			t.Errorf("%.80q: %v, want %q in line %d", tc.text, err, tc.what, tc.line)
		}
	}
}

// checkAgain checks that m is read as it is written.
func checkAgain(t *testing.T, m Manifest) {
	t.Helper()
	text := m.AppendTo(nil)
	if len(text) == 0 {
		return
	}
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if len(line) > maxLine {
			return // names that long are nobody's
		}
	}
	again, err := ParseManifest(text)
	if err != nil || !reflect.DeepEqual(again, m) {
		t.Errorf("%q: read as %+v, %v; want %+v", text, again, err, m)
	}
}

func TestManifestFormat(t *testing.T) {
	m, err := ParseManifest([]byte("file i1 seq 3 type i\nfile \"h \\\"1\" seq 9 type h\nfile b seq 7 type b\nfile i2 seq 4 type i\nfile h2 seq 8 type h\n"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "file b seq 7 type b\nfile \"h \\\"1\" seq 9 type h\nfile h2 seq 8 type h\nfile i1 seq 3 type i\nfile i2 seq 4 type i\n"
	if got := string(m.AppendTo(nil)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"a.aof": "a.aof", "": `""`, "a b": `"a b"`, "a\"\\\n\r\t\a\b\x00\x7f\xff": `"a\"\\\n\r\t\a\b\x00\x7f\xff"`, "ä": `"\xc3\xa4"`, "it's": `"it's"`,
	} {
		if got := string(appendName(nil, name)); got != want {
			t.Errorf("name %q: written %s, want %s", name, got, want)
		}
	}
}

func TestManifestChanges(t *testing.T) {
	const name = "x.aof"
	steps := []struct {
		change func(Manifest) Manifest
		want   string
	}{
		{func(m Manifest) Manifest { m, _ = m.Rewritten(name, true, 0); return m }, "file x.aof.1.base.rdb seq 1 type b\n"},
		{func(m Manifest) Manifest { m, _ = m.WithIncr(name); return m }, "file x.aof.1.base.rdb seq 1 type b\nfile x.aof.1.incr.aof seq 1 type i\n"},
		{func(m Manifest) Manifest { m, _ = m.WithIncr(name); return m }, "file x.aof.1.base.rdb seq 1 type b\nfile x.aof.1.incr.aof seq 1 type i\nfile x.aof.2.incr.aof seq 2 type i\n"},
		{func(m Manifest) Manifest { m, _ = m.Rewritten(name, false, 1); return m }, "file x.aof.2.base.aof seq 2 type b\nfile x.aof.1.incr.aof seq 1 type h\nfile x.aof.1.base.rdb seq 1 type h\nfile x.aof.2.incr.aof seq 2 type i\n"},
		{func(m Manifest) Manifest { m, _ = m.WithIncr(name); m, _ = m.Rewritten(name, true, 1); return m }, "file x.aof.3.base.rdb seq 3 type b\nfile x.aof.2.incr.aof seq 2 type h\nfile x.aof.2.base.aof seq 2 type h\nfile x.aof.1.incr.aof seq 1 type h\nfile x.aof.1.base.rdb seq 1 type h\nfile x.aof.3.incr.aof seq 3 type i\n"},
		{Manifest.WithoutHistory, "file x.aof.3.base.rdb seq 3 type b\nfile x.aof.3.incr.aof seq 3 type i\n"},
		{func(m Manifest) Manifest { m, _ = m.Rewritten(name, true, 0); return m.WithoutHistory() }, "file x.aof.4.base.rdb seq 4 type b\n"},
		{func(m Manifest) Manifest { m, _ = m.WithIncr(name); return m }, "file x.aof.4.base.rdb seq 4 type b\nfile x.aof.4.incr.aof seq 4 type i\n"},
		{func(Manifest) Manifest { return Upgraded("old.aof") }, "file old.aof seq 1 type b\n"},
		{func(m Manifest) Manifest { m, _ = m.WithIncr(name); m, _ = m.Rewritten(name, true, 1); return m }, "file x.aof.2.base.rdb seq 2 type b\nfile old.aof seq 1 type h\nfile x.aof.1.incr.aof seq 1 type i\n"},
	}
	var m Manifest
	for i, step := range steps {
		before := string(m.AppendTo(nil))
		next := step.change(m)
		if got := string(next.AppendTo(nil)); got != step.want {
			t.Fatalf("step %d: got %q, want %q", i, got, step.want)
		}
		if string(m.AppendTo(nil)) != before {
			t.Fatalf("step %d changed what it began with: %q, was %q", i, m.AppendTo(nil), before)
		}
		m = next
	}
	if f, ok := m.LastIncr(); !ok || f.Name != "x.aof.1.incr.aof" {
		t.Errorf("last increment %+v", f)
	}
	if live := m.Live(); len(live) != 2 || live[0].Type != Base || live[1].Type != Incr {
		t.Errorf("live files %+v", live)
	}
	if !Upgraded("a").IsUpgraded("a") || Upgraded("a").IsUpgraded("b") || m.IsUpgraded("x.aof.2.base.rdb") {
		t.Error("IsUpgraded is wrong")
	}
}

func FuzzParseManifest(f *testing.F) {
	for _, tc := range manifests {
		f.Add([]byte(tc.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err == nil {
			checkAgain(t, m)
		}
	})
}
