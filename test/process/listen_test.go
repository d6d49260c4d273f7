// Listening: on which addresses, at the start and after CONFIG SET, on a unix socket; and who is let in
// without a password.

package process

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tarn/test/harness"
)

// elsewhere is an address that this machine does not have (RFC 5737).
const elsewhere = "192.0.2.1"

// TestBind shows which addresses a server insists on.
func TestBind(t *testing.T) {
	for _, tc := range []struct {
		bind string
		say  string // before it ends; "": it serves
	}{
		{"127.0.0.1", ""}, {"127.0.0.1 127.0.0.2", ""}, {"127.0.0.1 -" + elsewhere, ""}, {"-" + elsewhere + " 127.0.0.1", ""}, {"127.0.0.1 -::1", ""},
		{"localhost", ""}, {"*", ""}, {"* -::*", ""},
		{elsewhere, "Failed listening on port"}, {"127.0.0.1 " + elsewhere, "Failed listening on port"},
		{"no..such..host", "Name or service not known"}, // no nameserver is asked for such a name
		{"-" + elsewhere, "Configured to not listen anywhere, exiting."},
	} {
		t.Run(tc.bind, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				port := harness.Port(t)
				s := p.launch(t, t.TempDir(), append([]string{"--port", strconv.Itoa(port), "--save", "", "--bind"}, strings.Fields(tc.bind)...)...)
				s.port = port
				if tc.say == "" {
					s.await("Ready to accept connections")
					s.must("PING")
					return
				}
				if code := s.code(); code != 1 {
					t.Errorf("exit code %d, want 1", code)
				}
				if !strings.Contains(s.log(), tc.say) {
					t.Errorf("says no %q:\n%s", tc.say, s.log())
				}
			})
		})
	}
}

// TestNowhere shows that a server without a port and without a socket ends.
func TestNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.launch(t, t.TempDir(), "--port", "0")
		if code := s.code(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		inOrder(t, s.log(), "Configured to not listen anywhere, exiting.")
	})
}

// TestUnixSocket shows the socket's permissions, that a stale one is replaced, that it serves without
// a port, and the end of a server that cannot make it.
func TestUnixSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		socket := write(t, dir, "socket", "left over")
		s := p.launch(t, dir, "--port", "0", "--unixsocket", "socket", "--unixsocketperm", "720", "--save", "")
		s.await("Ready to accept connections|ready to accept connections at")
		info, err := os.Stat(socket)
		if err != nil || info.Mode().Type() != os.ModeSocket || info.Mode().Perm() != 0o720 {
			t.Fatalf("socket: %v, %v", info.Mode(), err)
		}
		c, err := harness.Dial(socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		list := c.Must(t, "CLIENT", "INFO").Text
		if !strings.Contains(list, " addr=socket:0 laddr=socket:0 ") || !strings.Contains(list, " flags=U ") {
			t.Errorf("CLIENT INFO: %s", list)
		}
		s.signal(syscall.SIGTERM)
		if code := s.code(); code != 0 {
			t.Errorf("exit code %d", code)
		}

		bad := p.launch(t, dir, "--port", "0", "--unixsocket", "/nonexistent/folder/socket")
		if code := bad.code(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		inOrder(t, bad.log(), "Failed opening Unix socket: bind: No such file or directory")
	})
}

// TestMove shows that CONFIG SET port and bind move a server while it runs: what is open stays open, what
// cannot be listened on is refused and changes nothing.
func TestMove(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--save", "")
		c := s.dial()
		set := func(want string, args ...string) {
			t.Helper()
			v, err := c.Do(append([]string{"CONFIG", "SET"}, args...)...)
			if err != nil || v.Text != want {
				t.Fatalf("CONFIG SET %q: %v, %v; want %s", args, v, err, want)
			}
		}
		reach := func(addr string, want bool) {
			t.Helper()
			nc, err := net.Dial("tcp", addr)
			if err == nil {
				nc.Close()
			}
			if (err == nil) != want {
				t.Fatalf("reach %s: %v, want reached: %t", addr, err, want)
			}
		}
		first, second := s.addr(), harness.Port(t)
		set("OK", "port", strconv.Itoa(second))
		s.port = second
		reach(first, false)
		reach(s.addr(), true)
		if got := s.config("port"); got != strconv.Itoa(second) {
			t.Errorf("port is %s", got)
		}

		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		set("ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.",
			"port", strconv.Itoa(taken.Addr().(*net.TCPAddr).Port))
		reach(s.addr(), true)

		set("OK", "bind", "127.0.0.2")
		reach(s.addr(), false)
		reach("127.0.0.2:"+strconv.Itoa(second), true)
		set("ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.", "bind", elsewhere)
		reach("127.0.0.2:"+strconv.Itoa(second), true)
		set("OK", "bind", "127.0.0.1 127.0.0.2 -::1")
		reach(s.addr(), true)
		reach("127.0.0.2:"+strconv.Itoa(second), true)
		set("OK", "bind", "")
		reach(s.addr(), false)
		set("OK", "bind", "*")
		reach(s.addr(), true)
		set("OK", "port", "0")
		reach(s.addr(), false)
		c.Must(t, "PING")
	})
}

// TestProtectedMode shows that a server without a password tells clients of other machines to go away,
// and not those of its own.
func TestProtectedMode(t *testing.T) {
	host := anotherAddress(t)
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--bind", "*", "--save", "")
		outside := net.JoinHostPort(host, strconv.Itoa(s.port))
		first := func() string {
			nc, err := net.Dial("tcp", outside)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if _, err := io.WriteString(nc, "PING\r\n"); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 64)
			n, _ := io.ReadAtLeast(nc, b, 7)
			return string(b[:n])
		}
		s.must("PING")
		if got := first(); !strings.HasPrefix(got, "-DENIED Redis is running in protected mode because") {
			t.Errorf("from outside: %q", got)
		}
		s.must("CONFIG", "SET", "requirepass", "secret")
		if got := first(); !strings.HasPrefix(got, "-NOAUTH") {
			t.Errorf("from outside, with a password: %q", got)
		}
		c := s.dial()
		c.Must(t, "AUTH", "secret")
		c.Must(t, "CONFIG", "SET", "requirepass", "", "protected-mode", "no")
		if got := first(); got != "+PONG\r\n" {
			t.Errorf("from outside, unprotected: %q", got)
		}
	})
}

// anotherAddress returns an address of this machine beyond the loopback interface.
func anotherAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil && !ip.IP.IsLinkLocalUnicast() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has the loopback interface only")
	return ""
}

// TestPidFileRefused shows that a pid file that cannot be written is no reason not to serve.
func TestPidFileRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--pidfile", filepath.Join(t.TempDir(), "nosuch", "pid"))
		s.must("PING")
		s.stop()
	})
}
