//go:build linux

// What others see of the process in /proc: its title, and how soon it is to be killed when memory is
// short.

package process

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

// proc reads a file of the process in /proc.
func (s *process) proc(name string) string {
	s.t.Helper()
	return read(s.t, fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, name))
}

// TestTitle shows the process's title, which may be longer than its arguments were.
func TestTitle(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		port := harness.Port(t)
		write(t, dir, "c", "port "+strconv.Itoa(port), "bind 127.0.0.1", "save ''", "unixsocket u")
		s := p.launch(t, dir, "c")
		s.port = port
		s.await("Ready to accept connections")
		title := func() string {
			text, _, _ := strings.Cut(s.proc("cmdline"), "\x00")
			return strings.TrimRight(text, " ")
		}
		if want := fmt.Sprintf("%s 127.0.0.1:%d", p.path, port); title() != want {
			t.Errorf("title %q, want %q", title(), want)
		}
		long := strings.Repeat("long ", 20)
		s.must("CONFIG", "SET", "proc-title-template", "TEST "+long+"{title} {listen-addr} {port} {tls-port} {unixsocket} {config-file} {server-mode}")
		want := fmt.Sprintf("TEST %s%s 127.0.0.1:%d %d 0 u %s", long, p.path, port, port, filepath.Join(dir, "c"))
		if title() != want {
			t.Errorf("title %q, want %q", title(), want)
		}
		if v := s.do("CONFIG", "SET", "proc-title-template", "{nope}"); !v.IsError() || title() != want {
			t.Errorf("a wrong template: %v, title %q", v, title())
		}
		s.must("CONFIG", "SET", "proc-title-template", "short")
		if title() != "short" {
			t.Errorf("title %q, want short", title())
		}
	})
}

// TestTitleOff shows that set-proc-title no leaves the arguments in place.
func TestTitleOff(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--set-proc-title", "no")
		if got := s.proc("cmdline"); got != strings.Join(s.cmd.Args, "\x00")+"\x00" {
			t.Errorf("arguments: %q", got)
		}
	})
}

// TestOOMScore shows that /proc/PID/oom_score_adj follows the directives, and goes back.
func TestOOMScore(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t)
		score := func() int {
			n, err := strconv.Atoi(strings.TrimSpace(s.proc("oom_score_adj")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		base := score()
		s.must("CONFIG", "SET", "oom-score-adj", "yes", "oom-score-adj-values", "7 8 9")
		if got := score(); got != base+7 {
			t.Errorf("relative: %d, want %d", got, base+7)
		}
		s.must("CONFIG", "SET", "oom-score-adj", "absolute", "oom-score-adj-values", "33 44 55")
		if got := score(); got != 33 {
			t.Errorf("absolute: %d, want 33", got)
		}
		for _, wrong := range []string{"1", "1 2", "1 2 3 4", "a b c", "1 2 2001"} {
			if v := s.do("CONFIG", "SET", "oom-score-adj-values", wrong); !v.IsError() || score() != 33 {
				t.Errorf("oom-score-adj-values %q: %v, score %d", wrong, v, score())
			}
		}
		s.must("CONFIG", "SET", "oom-score-adj", "no")
		if got := score(); got != base {
			t.Errorf("off: %d, want %d", got, base)
		}
		at := p.serve(t, "--oom-score-adj", "relative", "--oom-score-adj-values", "20", "30", "40")
		await(t, "the score is the one of the start", func() bool {
			return strings.TrimSpace(at.proc("oom_score_adj")) == strconv.Itoa(base+20)
		})
	})
}
