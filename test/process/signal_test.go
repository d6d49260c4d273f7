// Signals: an orderly end, a pause, a crash; and that what was saved is back.

package process

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestOrderlyEnd shows that SIGTERM and SIGINT end a server with exit code 0, that it saves when there
// are save points or the directive for the signal says so, and that the data is back.
func TestOrderlyEnd(t *testing.T) {
	for _, tc := range []struct {
		name       string
		signal     syscall.Signal
		directives []string
		saves      bool
	}{
		{"term with save points", syscall.SIGTERM, []string{"--save", "900", "1"}, true},
		{"int with save points", syscall.SIGINT, []string{"--save", "900", "1"}, true},
		{"term without save points", syscall.SIGTERM, []string{"--save", ""}, false},
		{"int without save points", syscall.SIGINT, []string{"--save", ""}, false},
		{"term that saves anyway", syscall.SIGTERM, []string{"--save", "", "--shutdown-on-sigterm", "save"}, true},
		{"int that does not save", syscall.SIGINT, []string{"--save", "900", "1", "--shutdown-on-sigint", "nosave now"}, false},
		{"int that saves anyway", syscall.SIGINT, []string{"--save", "", "--shutdown-on-sigint", "save"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				dir := t.TempDir()
				pidFile := filepath.Join(dir, "server.pid")
				socket := filepath.Join(dir, "socket")
				s := p.serveIn(t, dir, append(tc.directives, "--pidfile", pidFile, "--unixsocket", socket)...)
				for i := range 100 {
					s.must("SET", "key:"+strconv.Itoa(i), "value")
				}
				if got := read(t, pidFile); got != strconv.Itoa(s.cmd.Process.Pid)+"\n" {
					t.Errorf("pid file holds %q", got)
				}
				s.signal(tc.signal)
				if code := s.code(); code != 0 {
					t.Errorf("exit code %d", code)
				}
				if isThere(pidFile) || isThere(socket) {
					t.Errorf("left behind: pid file %t, socket %t", isThere(pidFile), isThere(socket))
				}
				want := "0"
				if tc.saves {
					want = "100"
				}
				again := p.serveIn(t, dir)
				if got := again.must("DBSIZE").Text; got != want {
					t.Errorf("%s keys are back, want %s:\n%s", got, want, s.log())
				}
			})
		})
	}
}

// TestSaveFails shows that a server that cannot save stays, until it is forced to go.
func TestSaveFails(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		mkdir(t, dir, "data")
		s := p.serveIn(t, filepath.Join(dir, "data"), "--save", "900", "1")
		s.must("SET", "a", "1")
		if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
		if v := s.do("SHUTDOWN"); v.Text != "ERR Errors trying to SHUTDOWN. Check logs." {
			t.Errorf("SHUTDOWN: %v", v)
		}
		s.await(`(?s)User requested shutdown.*Error trying to save the DB, can't exit.*Errors trying to shut down the server`)
		said := len(s.log())
		s.signal(syscall.SIGTERM)
		await(t, "SIGTERM was tried", func() bool {
			return regexp.MustCompile(`(?s)SIGTERM scheduling.*can't exit.*Errors trying to shut down`).MatchString(s.log()[said:])
		})
		s.must("PING")
		s.must("CONFIG", "SET", "shutdown-on-sigterm", "force")
		s.signal(syscall.SIGTERM)
		if code := s.code(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		inOrder(t, s.log(), `Error trying to save the DB.*[Ee]xit`, "bye bye")
	})
}

// TestPausedProcess shows that a stopped process goes on where it was.
func TestPausedProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t)
		c := s.dial()
		c.Must(t, "SET", "a", "1")
		s.signal(syscall.SIGSTOP)
		if err := c.Send("INCR", "a"); err != nil {
			t.Fatal(err)
		}
		s.signal(syscall.Signal(0))
		s.signal(syscall.SIGCONT)
		if v, err := c.Read(); err != nil || v.Text != "2" {
			t.Errorf("INCR: %v, %v", v, err)
		}
	})
}

// TestIgnoredSignals shows that a lost terminal and a broken pipe do not end a server.
func TestIgnoredSignals(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t)
		s.signal(syscall.SIGHUP)
		s.signal(syscall.SIGPIPE)
		s.must("PING")
	})
}

// TestCrash shows that a fatal signal leaves a report in the log and ends the process by that signal.
func TestCrash(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE} {
		t.Run(sig.String(), func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				s := p.serve(t)
				s.signal(sig)
				status := s.wait().Sys().(syscall.WaitStatus)
				// Debian's redis-server now and then faults again while it reports.
				if !status.Signaled() || p.tarn && status.Signal() != sig {
					t.Errorf("ended by %v, want signal %v", s.cmd.ProcessState, sig)
				}
				if !regexp.MustCompile(`crashed by signal|STACK TRACE`).MatchString(s.log()) {
					t.Errorf("the log has no report:\n%s", s.log())
				}
			})
		})
	}
	t.Run("without a report", func(t *testing.T) {
		onBoth(t, func(t *testing.T, p program) {
			s := p.serve(t, "--crash-log-enabled", "no")
			s.signal(syscall.SIGABRT)
			if code := s.code(); code == 0 {
				t.Error("exit code 0")
			}
			if regexp.MustCompile(`REDIS BUG REPORT`).MatchString(s.log()) {
				t.Errorf("there is a report:\n%s", s.log())
			}
		})
	})
}

// TestDebugSegfault shows that DEBUG SEGFAULT ends the process with a report.
func TestDebugSegfault(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t)
		c := s.dial()
		if v, err := c.Do("DEBUG", "SEGFAULT"); err != io.EOF {
			t.Errorf("DEBUG SEGFAULT: %v, %v", v, err)
		}
		if code := s.code(); code == 0 {
			t.Error("exit code 0")
		}
		if !regexp.MustCompile(`crashed by signal|STACK TRACE`).MatchString(s.log()) {
			t.Errorf("the log has no report:\n%s", s.log())
		}
	})
}

// TestPausedCron shows that SIGTERM is acted on by the periodic job: not while that is paused.
func TestPausedCron(t *testing.T) {
	s := tarn(t).serve(t)
	s.must("DEBUG", "PAUSE-CRON", "1")
	s.signal(syscall.SIGTERM)
	s.await("Received SIGTERM")
	s.must("PING")
	s.must("DEBUG", "PAUSE-CRON", "0")
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestShutdown shows the modifiers of SHUTDOWN.
func TestShutdown(t *testing.T) {
	for _, tc := range []struct {
		words string
		save  string // the directive
		saves bool
	}{
		{"", "900 1", true}, {"", "", false}, {"NOSAVE", "900 1", false}, {"SAVE", "", true},
		{"NOW", "900 1", true}, {"NOW SAVE FORCE", "", true}, {"nosave now force", "900 1", false},
	} {
		t.Run(tc.words+" with save points "+tc.save, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				dir := t.TempDir()
				s := p.serveIn(t, dir, "--save", tc.save)
				s.must("SET", "a", "1")
				c := s.dial()
				if v, err := c.Do(append([]string{"SHUTDOWN"}, strings.Fields(tc.words)...)...); err != io.EOF {
					t.Errorf("SHUTDOWN: %v, %v", v, err)
				}
				if code := s.code(); code != 0 {
					t.Errorf("exit code %d", code)
				}
				if got := isThere(filepath.Join(dir, "dump.rdb")); got != tc.saves {
					t.Errorf("saved: %t, want %t", got, tc.saves)
				}
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		onBoth(t, func(t *testing.T, p program) {
			s := p.serve(t)
			for words, want := range map[string]string{
				"SAVE NOSAVE": "ERR syntax error", "FOO": "ERR syntax error", "ABORT NOW": "ERR syntax error",
				"ABORT": "ERR No shutdown in progress.",
			} {
				if v := s.do(append([]string{"SHUTDOWN"}, strings.Fields(words)...)...); v.Text != want {
					t.Errorf("SHUTDOWN %s: %v, want %s", words, v, want)
				}
			}
		})
	})
}
