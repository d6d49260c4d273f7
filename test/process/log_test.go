// The log: what launchers poll for and in which order, the layout of lines, and where they go.

package process

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tarn/test/harness"
)

// TestPolledTexts shows the texts that benches wait for: the pid in the logo, "Server initialized"
// after it, and "Ready to accept" when the data is there; also after a restart into the same file,
// which others write to as well.
func TestPolledTexts(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		port := harness.Port(t)
		write(t, dir, "server.conf", "always-show-logo yes", "loglevel verbose", "daemonize no", "pidfile /nonexistent/folder/redis.pid",
			"port "+strconv.Itoa(port), "bind 127.0.0.1", "save 900 1", "dir "+dir, "logfile ''", "unixsocket socket")
		stdout := filepath.Join(dir, "stdout")
		for range 2 {
			out, err := os.OpenFile(stdout, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			from := len(read(t, stdout))
			cmd := exec.Command(p.path, "./server.conf")
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			await(t, "ready", func() bool { return strings.Contains(read(t, stdout)[from:], "Ready to accept") })
			if _, err := out.WriteString("### Starting test one\n"); err != nil {
				t.Fatal(err)
			}
			s := &process{t: t, port: port}
			s.must("SET", "a", "1")
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
			out.Close()
			text := read(t, stdout)[from:]
			pid := strconv.Itoa(cmd.Process.Pid)
			inOrder(t, text, " PID: "+pid+`\b`, "Server initialized", "Ready to accept connections", "### Starting test one", "DB saved on disk", "bye bye")
			if first, _, _ := strings.Cut(text, "\n"); strings.Contains(first, "already in use") {
				t.Errorf("first line: %s", first)
			}
		}
		if n := strings.Count(read(t, stdout), "Ready to accept connections"); n < 2 {
			t.Errorf("%d times ready in the file", n)
		}
	})
}

// logLine is the layout of a line: pid, role, time, level, message.
var logLine = regexp.MustCompile(`^(\d+):([CM]) \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] .+$|` +
	`^\d+:signal-handler \(\d+\) .+$`)

// TestLayout shows that every line has redis-server's layout and the right pid.
func TestLayout(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--loglevel", "debug")
		s.must("SET", "a", "1")
		s.must("SAVE")
		s.stop()
		for line := range strings.Lines(s.log()) {
			line = strings.TrimSuffix(line, "\n")
			if !logLine.MatchString(line) || !strings.HasPrefix(line, strconv.Itoa(s.cmd.Process.Pid)+":") {
				t.Errorf("line %q", line)
			}
		}
		inOrder(t, s.log(), `:C .* oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo`, `:C .* Redis version=\S+, bits=64, commit=\S+, modified=0, pid=\d+, just started`,
			`:C .* Configuration loaded`, `:M .* Running mode=standalone, port=\d+\.`, `:M .* Server initialized`, `:M .* Ready to accept connections`,
			`DB saved on disk`, `signal-handler \(\d+\) Received SIGTERM scheduling shutdown\.\.\.`, `User requested shutdown\.\.\.`,
			`Redis is now ready to exit, bye bye\.\.\.`)
	})
}

// TestLevels shows that loglevel leaves out what is below it, at the start and after CONFIG SET.
func TestLevels(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		port := harness.Port(t)
		s := p.launch(t, dir, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--loglevel", "warning", "--save", "900", "1")
		s.port = port
		await(t, "it serves", func() bool {
			c, err := harness.Dial(s.addr())
			if err != nil {
				return false
			}
			defer c.Close()
			v, err := c.Do("GET", "a")
			return err == nil && !v.IsError()
		})
		s.must("SET", "a", "1")
		s.must("SAVE")
		if strings.Contains(s.log(), "Ready to accept") || strings.Contains(s.log(), "DB saved") {
			t.Errorf("notices at level warning:\n%s", s.log())
		}
		s.must("CONFIG", "SET", "loglevel", "notice")
		s.must("SAVE")
		s.await("DB saved on disk")
	})
}

// TestLogFile shows that a log file is appended to, that its path starts in the working folder of the
// settings, and that it may be moved away while the server runs.
func TestLogFile(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		mkdir(t, dir, "data")
		log := write(t, dir, "data/server.log", "### mine")
		port := harness.Port(t)
		s := p.launch(t, dir, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", "data", "--logfile", "server.log")
		s.port = port
		awaitFile(t, log, "Ready to accept connections")
		if isThere(filepath.Join(dir, "server.log")) {
			t.Error("there is a log in the folder it was started from")
		}
		inOrder(t, read(t, log), "### mine", "Redis is starting", "Ready")
		if err := os.Rename(log, log+".1"); err != nil {
			t.Fatal(err)
		}
		s.must("SAVE")
		awaitFile(t, log, "DB saved on disk")
		if s.log() != "" {
			t.Errorf("standard output got %q", s.log())
		}
	})
}

// TestPortTaken shows the words and the end of a server whose port is somebody else's.
func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	onBoth(t, func(t *testing.T, p program) {
		s := p.launch(t, t.TempDir(), "--port", port, "--bind", "127.0.0.1", "--always-show-logo", "yes")
		if code := s.code(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		inOrder(t, s.log(), "Redis is starting",
			"Could not create server TCP listening socket 127.0.0.1:"+port+": bind: Address already in use",
			"Failed listening on port "+port+` \((TCP|tcp)\), aborting\.`)
		if strings.Contains(s.log(), "Ready to accept") {
			t.Errorf("says that it is ready:\n%s", s.log())
		}
	})
}
