// A stage is where scripts are played: one server for all that leave no trace, and one of its own
// for each that changes the server.

package transcripts

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tarn/test/harness"
)

type stage struct {
	program harness.Program
	mode    *Mode
	owner   *testing.T      // the test that outlives the shared server
	shared  *harness.Server // started at first use
}

func newStage(t *testing.T, program harness.Program, mode *Mode) *stage {
	return &stage{program: program, mode: mode, owner: t}
}

// play plays one script on a server that is as new.
func (st *stage) play(t *testing.T, script *Script, got func(*Step, []string)) error {
	if len(script.Config) > 0 || script.Fresh {
		server := st.program.Start(t, append(st.mode.Directives, script.Config...)...)
		if script.Ends {
			server.ExpectEnd()
		}
		err := Play(server, script, st.mode, got)
		if script.Ends && server.AwaitEnd() != 0 {
			t.Errorf("%s.txt: the server ended with an error; its log:\n%s", script.Name, server.Log())
		}
		return err
	}
	if st.shared == nil || !st.shared.Alive() { // one that ended by itself has failed the owner
		st.shared = st.program.Start(st.owner, st.mode.Directives...)
	}
	before := st.reset(t)
	err := Play(st.shared, script, st.mode, got)
	if after := st.reset(t); !slices.Equal(after, before) {
		t.Errorf("%s.txt changes the configuration: give it a server of its own by \"! fresh\"", script.Name)
		st.shared = nil
	}
	return err
}

// reset empties the shared server and returns its configuration.
func (st *stage) reset(t *testing.T) (config []string) {
	control := st.shared.Dial(t)
	defer control.Close()
	control.Must(t, "FLUSHALL")
	v := control.Must(t, "CONFIG", "GET", "*")
	v.Kind = '%' // pairs, in an order that may change
	return sortedLines(v)
}

// check plays a script and reports each reply that differs.
func (st *stage) check(t *testing.T, script *Script) {
	err := st.play(t, script, func(s *Step, lines []string) {
		if !st.mode.excuses(s) && !s.Matches(lines) && !(st.mode.disorders(s) && sameLines(s.Want, lines)) {
			t.Error(difference(script, s, lines, s.Want))
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// rewrite plays a script and writes the replies into its file.
func (st *stage) rewrite(t *testing.T, script *Script) {
	old := script.Text()
	err := st.play(t, script, func(s *Step, lines []string) { s.Want = s.record(lines) })
	if err != nil {
		t.Fatal(err) // a file with half its replies would look whole
	}
	if text := script.Text(); text != old {
		path := filepath.Join(folder, script.Name+".txt")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s rewritten", path)
	}
}
