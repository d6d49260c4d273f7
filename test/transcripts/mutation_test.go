// The transcripts can fail: against the replies of the oracle, every recorded line that is changed,
// dropped or doubled is noticed. And the files are read and written back without loss.

package transcripts

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tarn/test/harness"
)

// TestMutationsAreNoticed plays every transcript on redis-server once and then judges the replies
// by wrong expectations.
func TestMutationsAreNoticed(t *testing.T) {
	skipOracle(t)
	stage := newStage(t, harness.Oracle(t), &plain)
	mutants := 0
	for _, script := range load(t) {
		if script.TarnOnly != "" {
			continue
		}
		err := stage.play(t, script, func(s *Step, got []string) {
			for _, want := range mutations(s) {
				mutants++
				mutant := *s
				mutant.Want = want
				if mutant.Matches(got) {
					t.Error("a wrong expectation passes: ", difference(script, s, got, want))
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	if mutants == 0 {
		t.Error("nothing was mutated")
	}
}

// mutations returns wrong variants of what the step expects.
func mutations(s *Step) (wrong [][]string) {
	for i, line := range s.Want {
		if strings.TrimSpace(line) == "..." {
			continue // it takes anything
		}
		changed := slices.Clone(s.Want)
		changed[i] += "!"
		if s.Has("near") {
			changed[i] += "0" // no number at all
		}
		wrong = append(wrong, changed, slices.Insert(slices.Clone(s.Want), i, line))
		if !s.Has("fields") { // there the server may have more than is expected
			wrong = append(wrong, slices.Delete(slices.Clone(s.Want), i, i+1))
		}
	}
	if s.Has("like") { // beside a line "..." what is dropped or doubled may pass
		wrong = slices.DeleteFunc(wrong, func(want []string) bool {
			return slices.ContainsFunc(want, func(line string) bool { return strings.TrimSpace(line) == "..." })
		})
	}
	return wrong
}

// TestTextRoundTrip shows that -rewrite changes nothing but replies.
func TestTextRoundTrip(t *testing.T) {
	for _, script := range load(t) {
		text, err := os.ReadFile(filepath.Join(folder, script.Name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if script.Text() != string(text) {
			t.Errorf("%s.txt: read and written back it differs", script.Name)
		}
	}
}

// TestParseErrors shows that what is no transcript is refused, with the line.
func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"+OK\n", `x.txt:1: reply "+OK" under no line sent`},
		{"> PING\n\n+PONG\n", `x.txt:3: reply "+PONG" under no line sent`},
		{"> PING\n! fresh\n", `x.txt:2: option after the first line sent`},
		{"! nosuch\n", `x.txt:1: unknown option "nosuch"`},
		{"! opt-out nosuch\n", `x.txt:1: unknown mode "nosuch"`},
		{"! proto 2\n", `x.txt:1: proto "2": files are in protocol 2 unless they say 3`},
		{">nosuch PING\n", `x.txt:1: unknown modifier "nosuch"`},
		{"> \"a\n", `x.txt:1: unbalanced quotes`},
		{">\n", `x.txt:1: a line sends words, unless it is >read`},
		{">read PING\n", `x.txt:1: a line sends words, unless it is >read`},
		{"{\n> PING\n", `x.txt: no } at the end`},
		{"}\n", `x.txt:1: } without {`},
		{"{\n{\n", `x.txt:2: { inside {`},
		{"{\n>read\n}\n", `x.txt:2: [read] inside a batch`},
		{"{\nA> PING\nB> PING\n}\n", `x.txt:3: two connections in one batch`},
		{">send PING\n+PONG\n", `x.txt:2: reply "+PONG" under no line sent`},
	} {
		_, err := Parse("x", tc.text)
		if err == nil || err.Error() != tc.want {
			t.Errorf("Parse(%q) = %v, want %s", tc.text, err, tc.want)
		}
	}
}

func TestFieldNames(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"# Server\r\nos:Linux a=b\r\nconfig_file:/x=1/y\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n", "[Server] os config_file [Keyspace] db0"},
		{"id=1 addr=127.0.0.1:5 name= user=default\n", "id addr name user"},
		{"txt:# A\r\nb:\r\n", "[A] b"},
		{"", ""},
	} {
		if got := strings.Join(fieldNames(tc.text), " "); got != tc.want {
			t.Errorf("fieldNames(%q) = %s, want %s", tc.text, got, tc.want)
		}
	}
}

// TestMatches judges single replies.
func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		mod       string
		want, got string // lines, joined by "|"
		match     bool
	}{
		{"", "+OK", "+OK", true},
		{"", "+OK", "-OK", false},
		{"", ":<n>", ":1", false},
		{"like", ":<n>", ":-12", true},
		{"like", ":<n>", ":", false},
		{"like", ":<n>", ":1x", false},
		{"like", `"<hex>"`, `"0123456789012345678901234567890123456789"`, true},
		{"like", `"<hex>"`, `"012345678901234567890123456789012345678"`, false},
		{"like", `"a <*> z"`, `"a  z"`, true},
		{"like", `"a.c"`, `"abc"`, false},
		{"like", "...|b|...", "a|b|c", true},
		{"like", "...|b|...", "b", true},
		{"like", "...|b|...", "a|c", false},
		{"like", "a|...", "a", true},
		{"like", "a|...|c", "a|b|b|c", true},
		{"like", "a|...|c", "a|b|b", false},
		{"near", ":1000", ":990", true},
		{"near", ":1000", ":979", false},
		{"near", ":1000", ":1021", false},
		{"near", ":-1", ":-1", false},
		{"near", ":1000", "-ERR", false},
		{"fields", "a|c", "a|b|c", true},
		{"fields", "a|c", "c|a", false},
		{"fields", "a|c", "a", false},
	} {
		s := Step{Want: strings.Split(tc.want, "|")}
		if tc.mod != "" {
			s.Mods = []string{tc.mod}
		}
		if got := s.Matches(strings.Split(tc.got, "|")); got != tc.match {
			t.Errorf("%s: %q against %q: %t, want %t", tc.mod, tc.got, tc.want, got, tc.match)
		}
	}
}
