// Every transcript is played on a real redis-server, which it must describe exactly, and on Tarn,
// which must read the same, plainly and under each metamorphic mode. With -rewrite the oracle's
// replies are written into the files instead.

package transcripts

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tarn/internal/invariant"
	"tarn/test/harness"
)

var rewrite = flag.Bool("rewrite", false, "write the oracle's replies into the transcripts")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(harness.Main(m))
}

const folder = "testdata"

// load parses all transcripts, in the order of their names.
func load(t *testing.T) []*Script {
	t.Helper()
	var scripts []*Script
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txt" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(path), folder+"/"), ".txt")
		script, err := Parse(name, string(text))
		scripts = append(scripts, script)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return scripts
}

// skipOracle leaves out what shows that the transcripts are redis-server's, when that is not what is asked.
func skipOracle(t *testing.T) {
	if invariant.Enabled {
		t.Skip("redis-server is the same in every build")
	}
}

// TestOracle plays every transcript on redis-server.
func TestOracle(t *testing.T) {
	skipOracle(t)
	stage := newStage(t, harness.Oracle(t), &plain)
	for _, script := range load(t) {
		if script.TarnOnly != "" {
			continue
		}
		t.Run(script.Name, func(t *testing.T) {
			if !*rewrite {
				stage.check(t, script)
				return
			}
			stage.rewrite(t, script)
		})
	}
}

// TestOracleModes plays them on redis-server under the modes that it has too, which shows that the
// modes by themselves change no reply.
func TestOracleModes(t *testing.T) {
	skipOracle(t)
	for i := range sharedModes {
		playAll(t, harness.Oracle(t), &sharedModes[i], func(s *Script) bool { return s.TarnOnly == "" })
	}
}

// TestTarn plays them on Tarn, plainly and under each mode.
func TestTarn(t *testing.T) {
	program := harness.Tarn(t)
	modes := append([]Mode{plain}, tarnModes...)
	if os.Getenv("TARN_MODES") == plain.Name {
		modes = modes[:1]
	}
	for i := range modes {
		playAll(t, program, &modes[i], func(s *Script) bool { return !s.Later })
	}
}

func playAll(t *testing.T, program harness.Program, mode *Mode, wanted func(*Script) bool) {
	t.Run(mode.Name, func(t *testing.T) {
		t.Parallel() // most of the time is spent waiting
		stage := newStage(t, program, mode)
		for _, script := range load(t) {
			if !wanted(script) || mode.Skips(script) {
				continue
			}
			t.Run(script.Name, func(t *testing.T) { stage.check(t, script) })
		}
	})
}

// TestTarnRESP3 plays every transcript that is written in protocol 2 once more in protocol 3, on
// Tarn and on redis-server side by side.
func TestTarnRESP3(t *testing.T) {
	oracle := newStage(t, harness.Oracle(t), &resp3)
	tarn := newStage(t, harness.Tarn(t), &resp3)
	for _, script := range load(t) {
		if script.TarnOnly != "" || script.Later || resp3.Skips(script) {
			continue
		}
		t.Run(script.Name, func(t *testing.T) { compareRESP3(t, script, oracle, tarn) })
	}
}

func compareRESP3(t *testing.T, script *Script, oracle, tarn *stage) {
	wants := map[int][]string{}
	if err := oracle.play(t, script, func(s *Step, lines []string) { wants[s.Line] = lines }); err != nil {
		t.Fatalf("redis-server: %v", err)
	}
	err := tarn.play(t, script, func(s *Step, lines []string) {
		want := wants[s.Line]
		expected := Step{Mods: s.Mods, Want: want}
		if s.Has("like") { // the file's patterns are those of protocol 2: compare the types
			lines, want = kinds(s, lines), kinds(s, want)
			expected = Step{Want: want}
		}
		if !expected.Matches(lines) {
			t.Error(difference(script, s, lines, want))
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// kinds reduces reply lines to the type of the value, and the count of its elements unless the
// step's pattern leaves that open.
func kinds(s *Step, lines []string) []string {
	if len(lines) > 0 && (!header.MatchString(lines[0]) || strings.Contains(s.Want[0], "<n>")) {
		return []string{lines[0][:1]}
	}
	return lines[:min(1, len(lines))]
}

// difference is the message of a reply that is not the expected one.
func difference(script *Script, s *Step, got, want []string) string {
	return fmt.Sprintf("%s/%s.txt:%d: %s\ngot:\n\t%s\nwant:\n\t%s", folder, script.Name, s.Line, s.Text,
		strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
}
