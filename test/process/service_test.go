// What service managers rely on: a message when the server is ready, a fast end in every state, and a clear
// end when the data cannot be read.

package process

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/test/harness"
)

// TestNotify shows what systemd is told, when NOTIFY_SOCKET names a socket and a directive asks for
// it; and that such a server stays in the foreground.
func TestNotify(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		for _, mode := range []string{"systemd", "auto"} {
			dir := t.TempDir()
			socket := filepath.Join(dir, "notify")
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			port := harness.Port(t)
			s := p.start(t, &exec.Cmd{Path: p.path, Dir: dir, Env: append(os.Environ(), "NOTIFY_SOCKET="+socket),
				Args: []string{p.path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--supervised", mode, "--daemonize", "yes", "--save", ""}})
			s.port = port
			var told strings.Builder
			for !strings.Contains(told.String(), "READY=1") {
				b := make([]byte, 4096)
				n, err := c.Read(b)
				if err != nil {
					t.Fatalf("%s: told %q, then %v:\n%s", mode, told.String(), err, s.log())
				}
				told.Write(b[:n])
				told.WriteByte('\n')
			}
			if got := s.info("process_supervised"); got != "systemd" {
				t.Errorf("%s: process_supervised is %s", mode, got)
			}
			if got := s.info("process_id"); got != strconv.Itoa(s.cmd.Process.Pid) {
				t.Errorf("%s: process_id is %s, want %d", mode, got, s.cmd.Process.Pid)
			}
			s.stop()
		}
	})
}

// TestEndWhileLoading shows that a server that is still loading tells its clients so, ends at once by
// SIGTERM, and leaves the file as it is.
func TestEndWhileLoading(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		s := p.serveIn(t, dir)
		s.must("DEBUG", "POPULATE", "20000")
		s.must("SAVE")
		s.stop()
		before := read(t, filepath.Join(dir, "dump.rdb"))

		port := harness.Port(t)
		s = p.launch(t, dir, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "900", "1",
			"--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
		s.port = port
		s.await("Loading RDB produced by")
		if v := s.do("GET", "key:1"); v.Text != "LOADING Redis is loading the dataset in memory" {
			t.Errorf("GET: %v", v)
		}
		if got := s.info("loading"); got != "1" {
			t.Errorf("loading is %s", got)
		}
		s.signal(syscall.SIGTERM)
		if code := s.code(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		inOrder(t, s.log(), "Received shutdown signal during loading, scheduling shutdown.", "User requested shutdown", "bye bye")
		if strings.Contains(s.log(), "Ready to accept") {
			t.Errorf("it was not loading:\n%s", s.log())
		}
		if read(t, filepath.Join(dir, "dump.rdb")) != before {
			t.Error("the file has changed")
		}
	})
}

// TestDamagedFile shows that a server does not start over data that it cannot read.
func TestDamagedFile(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		s := p.serveIn(t, dir, "--save", "900 1")
		s.must("DEBUG", "POPULATE", "100")
		s.stop()
		path := filepath.Join(dir, "dump.rdb")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, damaged := range map[string][]byte{
			"no RDB file": []byte("this is something else"),
			"cut":         whole[:len(whole)/2],
			"a bit":       append(bytes.Clone(whole[:len(whole)-9]), append([]byte{whole[len(whole)-9] ^ 1}, whole[len(whole)-8:]...)...),
		} {
			if err := os.WriteFile(path, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			s := p.launch(t, dir, "--port", strconv.Itoa(harness.Port(t)), "--bind", "127.0.0.1", "--save", "900", "1")
			if code := s.code(); code != 1 {
				t.Errorf("%s: exit code %d, want 1:\n%s", name, code, s.log())
			}
			if strings.Contains(s.log(), "Ready to accept") {
				t.Errorf("%s: it served:\n%s", name, s.log())
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) {
				t.Errorf("%s: the file was changed, or %v", name, err)
			}
		}
	})
}

// TestEndWhileSaving shows that SIGTERM during a slow BGSAVE ends the process soon, with a complete save.
func TestEndWhileSaving(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		s := p.serveIn(t, dir, "--save", "900 1")
		s.must("DEBUG", "POPULATE", "10000")
		s.must("CONFIG", "SET", "rdb-key-save-delay", "10000")
		s.must("BGSAVE")
		s.must("SET", "after", "1")
		s.must("CONFIG", "SET", "rdb-key-save-delay", "0")
		s.signal(syscall.SIGTERM)
		if code := s.code(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, s.log())
		}
		again := p.serveIn(t, dir)
		if got := again.must("DBSIZE").Text; got != "10001" {
			t.Errorf("%s keys are back, want 10001", got)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "temp-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}
