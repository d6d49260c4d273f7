// Shows the layout of log lines, what is left out, where they go, and that a file that was moved away is
// made anew.

package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tarn/internal/config"
	"tarn/internal/vfs"
)

// noted is a system log that remembers.
type noted []string

func (n *noted) Log(level config.LogLevel, text string) {
	*n = append(*n, fmt.Sprintf("%d %s", level, text))
}

func testLog() (*Log, *strings.Builder, *vfs.Mem) {
	var out strings.Builder
	files := vfs.NewMem()
	at := time.Date(2024, time.March, 5, 6, 7, 8, 9_000_000, time.UTC)
	l := newLog(files, func() time.Time { return at })
	l.out, l.pid = &out, 42
	return l, &out, files
}

func TestLogLayout(t *testing.T) {
	l, out, _ := testLog()
	l.configure(config.LogDebug, "")
	l.role = 'C'
	l.Debug("one")
	l.Verbose("two %d", 2)
	l.role = 'M'
	l.Notice("100%")
	l.Warning("%s", strings.Repeat("x", 2*maxLine))
	l.Signal("five")
	l.Raw("six")
	want := "42:C 05 Mar 2024 06:07:08.009 . one\n" +
		"42:C 05 Mar 2024 06:07:08.009 - two 2\n" +
		"42:M 05 Mar 2024 06:07:08.009 * 100%\n" +
		"42:M 05 Mar 2024 06:07:08.009 # " + strings.Repeat("x", maxLine) + "\n" +
		"42:signal-handler (1709618828) five\n" +
		"six"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

func TestLogLevels(t *testing.T) {
	for level := config.LogDebug; level <= config.LogNothing; level++ {
		l, out, _ := testLog()
		var system noted
		l.attach(&system)
		l.configure(level, "")
		l.Debug("0")
		l.Verbose("1")
		l.Notice("2")
		l.Warning("3")
		if got, want := strings.Count(out.String(), "\n"), 4-int(level); got != want || len(system) != want {
			t.Errorf("level %d: %d lines, and %d to the system, want %d", level, got, len(system), want)
		}
	}
}

func TestLogFileIsAppendedTo(t *testing.T) {
	l, out, files := testLog()
	if err := vfs.WriteFile(files, "log", "log.new", ".", []byte("before\n")); err != nil {
		t.Fatal(err)
	}
	l.configure(config.LogNotice, "log")
	l.Notice("one")
	if err := files.Rename("log", "log.1"); err != nil {
		t.Fatal(err)
	}
	l.Notice("two")
	const stamp = "42:M 05 Mar 2024 06:07:08.009 * "
	for name, want := range map[string]string{"log.1": "before\n" + stamp + "one\n", "log": stamp + "two\n"} {
		if got, err := vfs.ReadFile(files, name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
	if out.String() != "" {
		t.Errorf("standard output got %q", out)
	}
}

func TestErrorFlood(t *testing.T) {
	l, out, _ := testLog()
	s := &Server{log: l}
	s.errorFlood([]string{"ERR", "WRONGTYPE"})
	const stamp = "42:M 05 Mar 2024 06:07:08.009 # "
	want := stamp + "Errorstats stopped adding new errors because the number of errors reached the limit (2).\n" +
		stamp + "Current errors code list:\n" + stamp + "  - ERR\n" + stamp + "  - WRONGTYPE\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}
