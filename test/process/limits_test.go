// Limits: how many clients, how long they may be silent, how much they may send and leave unread, and
// what strangers may do.

package process

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/test/harness"
)

// raw is a connection without a protocol. Whatever is done with it must go on: each read and each write has its own time.
func (s *process) raw() *rawConn {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.addr())
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log())
	}
	s.t.Cleanup(func() { nc.Close() })
	return &rawConn{nc.(*net.TCPConn)}
}

type rawConn struct{ *net.TCPConn }

func (c *rawConn) Read(b []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return c.TCPConn.Read(b)
}

func (c *rawConn) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	return c.TCPConn.Write(b)
}

// rest reads until the server closes the connection.
func rest(t *testing.T, nc net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(nc)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

// TestMaxClients shows that a client too many is told so, and that a place that becomes free is given.
func TestMaxClients(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--maxclients", "3")
		var all []*harness.Conn
		for range 3 {
			c := s.dial()
			c.Must(t, "PING")
			all = append(all, c)
		}
		if got := rest(t, s.raw()); got != "-ERR max number of clients reached\r\n" {
			t.Errorf("the fourth: %q", got)
		}
		if got := all[0].Must(t, "CONFIG", "SET", "maxclients", "4").Text; got != "OK" {
			t.Errorf("CONFIG SET: %s", got)
		}
		s.must("PING")
		all[0].Must(t, "CONFIG", "SET", "maxclients", "3")
		all[2].Close()
		await(t, "a place is free", func() bool {
			c := s.dial()
			defer c.Close()
			v, err := c.Do("PING")
			return err == nil && v.Text == "PONG"
		})
		v, err := all[0].Do("CONFIG", "SET", "maxclients", "2000000")
		if v.Text == "OK" {
			t.Log("this machine allows two million open files")
			return
		}
		if err != nil || !strings.Contains(v.Text, "The operating system is not able to handle the specified number of clients, try with ") {
			t.Errorf("CONFIG SET maxclients too high: %v, %v", v, err)
		}
		if got := all[1].Must(t, "CONFIG", "GET", "maxclients").Elem[1].Text; got != "3" {
			t.Errorf("maxclients is %s after that", got)
		}
		if !strings.Contains(all[0].Must(t, "INFO", "stats").Text, "rejected_connections:") {
			t.Error("INFO has no rejected_connections")
		}
	})
}

// TestTimeout shows that an idle client is disconnected, and one that is not idle is not.
func TestTimeout(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--timeout", "1", "--loglevel", "verbose")
		idle, busy := s.raw(), s.dial()
		gone := make(chan string, 1)
		go func() {
			b, _ := io.ReadAll(idle)
			gone <- string(b)
		}()
		asked := time.Now()
		for left := true; left; {
			// A machine that stands still for a second makes everybody idle.
			if v, err := busy.Do("PING"); err == io.EOF && time.Since(asked) >= time.Second {
				busy = s.dial()
			} else if err != nil || v.Text != "PONG" {
				t.Fatalf("PING of a client that is not idle: %v, %v\n%s", v, err, s.log())
			}
			asked = time.Now()
			select {
			case got := <-gone:
				if got != "" {
					t.Errorf("the idle one read %q", got)
				}
				left = false
			default:
			}
		}
		s.await("Closing idle client")
	})
}

// TestQueryLimit shows that a client that sends more than it may without end is disconnected.
func TestQueryLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--client-query-buffer-limit", "1mb")
		nc := s.raw()
		go func() { _, _ = nc.Write([]byte("*2\r\n$3\r\nGET\r\n$4000000\r\n" + strings.Repeat("x", 3<<20))) }()
		if got := rest(t, nc); got != "" {
			t.Errorf("read %q", got)
		}
		s.await("Closing client that reached max query buffer length: id=")
		if p.tarn { // the oracle is older than the field
			if got := s.info("client_query_buffer_limit_disconnections"); got != "1" {
				t.Errorf("client_query_buffer_limit_disconnections is %s", got)
			}
		}

		// A pipeline of small commands is no long request, however long it is.
		many := s.dial()
		const pings = 200000
		go func() { _ = many.Write(bytes.Repeat([]byte("PING\r\n"), pings)) }()
		for i := range pings {
			if v, err := many.Read(); err != nil || v.Text != "PONG" {
				t.Fatalf("reply %d: %v, %v", i, v, err)
			}
		}
	})
}

// TestOutputLimit shows that a client that leaves too much unread is disconnected: over the hard limit
// at once, over the soft limit after its seconds.
func TestOutputLimit(t *testing.T) {
	for _, tc := range []struct{ name, limit string }{
		{"hard", "normal 3000000 0 0"},
		{"soft", "normal 0 3000000 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				s := p.serve(t, "--save", "")
				s.must("CONFIG", "SET", "client-output-buffer-limit", tc.limit)
				s.must("SET", "big", strings.Repeat("x", 1<<20))
				nc := s.raw()
				if _, err := nc.Write(bytes.Repeat([]byte("GET big\r\n"), 30)); err != nil {
					t.Fatal(err)
				}
				s.await(`Client id=\d+ addr=127.0.0.1:\d+ .* for overcoming of output buffer limits\.`)
				got := rest(t, nc)
				if len(got) >= 30<<20 {
					t.Errorf("read all %d bytes", len(got))
				}
				if p.tarn {
					if disconnections := s.info("client_output_buffer_limit_disconnections"); disconnections != "1" {
						t.Errorf("client_output_buffer_limit_disconnections is %s", disconnections)
					}
				}
			})
		})
	}
	t.Run("none", func(t *testing.T) {
		onBoth(t, func(t *testing.T, p program) {
			s := p.serve(t, "--save", "")
			s.must("SET", "big", strings.Repeat("x", 1<<20))
			c := s.dial()
			if err := c.Write(bytes.Repeat([]byte("GET big\r\n"), 30)); err != nil {
				t.Fatal(err)
			}
			for i := range 30 {
				if v, err := c.Read(); err != nil || len(v.Text) != 1<<20 {
					t.Fatalf("reply %d: %d bytes, %v", i, len(v.Text), err)
				}
			}
		})
	})
}

// TestStrangers shows what a client may send before AUTH.
func TestStrangers(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--requirepass", "secret")
		for sent, want := range map[string]string{
			"PING\r\n":                                  "-NOAUTH Authentication required.\r\n",
			"*11\r\n":                                   "-ERR Protocol error: unauthenticated multibulk length\r\n",
			"*2\r\n$4\r\nAUTH\r\n$16385\r\n":            "-ERR Protocol error: unauthenticated bulk length\r\n",
			"*2\r\n$4\r\nAUTH\r\n$5\r\nwrong\r\n":       "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
			"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n":      "+OK\r\n",
			"*1\r\n$4\r\nQUIT\r\n":                      "+OK\r\n",
			"AUTH secret\r\n*11\r\n$4\r\nMGET\r\n":      "+OK\r\n",
			"HELLO 2 AUTH default secret SETNAME x\r\n": "*14\r\n",
		} {
			nc := s.raw()
			if _, err := io.WriteString(nc, sent); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(nc, got); err != nil || string(got) != want {
				t.Errorf("%q: read %q, %v; want %q", sent, got, err, want)
			}
		}
	})
}

// TestRenamedCommands shows that a renamed command answers by its new name only, one renamed to
// nothing by none.
func TestRenamedCommands(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		conf := write(t, dir, "server.conf", "bind 127.0.0.1", "rename-command FLUSHALL ''", "rename-command get holla", "rename-command set get")
		port := harness.Port(t)
		s := p.launch(t, dir, conf, "--port", strconv.Itoa(port))
		s.port = port
		s.await("Ready to accept")
		for request, want := range map[string]string{
			"FLUSHALL":  "-ERR unknown command 'FLUSHALL', with args beginning with: ",
			"SET a 1":   "-ERR unknown command 'SET', with args beginning with: 'a' '1' ",
			"GET a 1":   "+OK",
			"HOLLA nil": "$-1",
		} {
			if v := s.do(strings.Fields(request)...); v.String() != want {
				t.Errorf("%s: %v, want %s", request, v, want)
			}
		}
	})
}

// TestProtectedCommands shows who may use DEBUG and protected directives.
func TestProtectedCommands(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		for _, tc := range []struct {
			setting string
			allowed bool
		}{{"no", false}, {"local", true}, {"yes", true}} {
			s := p.serve(t, "--enable-debug-command", tc.setting, "--enable-protected-configs", tc.setting)
			for _, words := range []string{"DEBUG SLEEP 0", "CONFIG SET dbfilename other.rdb"} {
				if v := s.do(strings.Fields(words)...); v.IsError() == tc.allowed {
					t.Errorf("with %s, %s: %v", tc.setting, words, v)
				}
			}
			s.stop()
		}
	})
}

// TestDatabases shows that the directive counts.
func TestDatabases(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		for _, count := range []int{1, 16, 40} {
			s := p.serve(t, "--databases", strconv.Itoa(count))
			c := s.dial()
			c.Must(t, "SELECT", strconv.Itoa(count-1))
			if v, err := c.Do("SELECT", strconv.Itoa(count)); err != nil || v.Text != "ERR DB index is out of range" {
				t.Errorf("SELECT %d: %v, %v", count, v, err)
			}
			s.stop()
		}
	})
}

// TestInlineContact is the first contact of launchers: a bare line, and any answer is good.
func TestInlineContact(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t)
		nc := s.raw()
		if _, err := fmt.Fprint(nc, "PING\r\n"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 7)
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != "+PONG\r\n" {
			t.Errorf("PING: %q, %v", got, err)
		}
	})
}

// TestFewFiles shows what a server does where the limit on open files is low: fewer clients, or no start.
func TestFewFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		start := func(files int) *process {
			port := harness.Port(t)
			script := fmt.Sprintf("ulimit -n %d && exec %s --port %d --bind 127.0.0.1 --save ''", files, p.path, port)
			s := p.start(t, &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Dir: t.TempDir()})
			s.port = port
			return s
		}
		few := start(100)
		if !few.awaitOr("Ready to accept connections", "Increased maximum number of open files to 10032") {
			t.Skip("this user may raise the limit")
		}
		inOrder(t, few.log(), "You requested maxclients of 10000 requiring at least 10032 max file descriptors",
			"Server can't set maximum open files to 10032 because of OS error: Operation not permitted",
			"Current maximum open files is 100. maxclients has been reduced to 68 to compensate for low ulimit")
		if got := few.config("maxclients"); got != "68" {
			t.Errorf("maxclients is %s", got)
		}
		none := start(30)
		if code := none.code(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		inOrder(t, none.log(), "Your current 'ulimit -n' of 30 is not enough for the server to start. Please increase your open file limit to at least 10032. Exiting.")
	})
}

// TestOutputLimitBesideALog shows that replies which wait for the log do not count as unread.
func TestOutputLimitBesideALog(t *testing.T) {
	for _, policy := range []string{"always", "everysec", "no"} {
		t.Run(policy, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				s := p.serve(t, "--save", "", "--appendonly", "yes", "--appendfsync", policy)
				s.must("CONFIG", "SET", "client-output-buffer-limit", "normal 100 0 0")
				c := s.dial()
				value := strings.Repeat("x", 2000)
				if err := c.Write([]byte(strings.Repeat("SET a 1\r\n", 50) + "SET v " + value + "\r\n" + strings.Repeat("GET v\r\n", 3))); err != nil {
					t.Fatal(err)
				}
				for i := range 54 {
					want := "OK"
					if i > 50 {
						want = value
					}
					if v, err := c.Read(); err != nil || v.Text != want {
						t.Fatalf("reply %d: %.20q, %v", i, v.Text, err)
					}
				}
			})
		})
	}
}

// TestTransactionOverOutputLimit: a client does not make the server build, by one EXEC, more replies than
// it may leave unread.
func TestTransactionOverOutputLimit(t *testing.T) {
	s := tarn(t).serve(t, "--save", "")
	s.must("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0")
	c := s.dial()
	c.Must(t, "SETRANGE", "large", "200000", "x")
	c.Must(t, "MULTI")
	for range 1000 {
		c.Must(t, "GET", "large")
	}
	c.Must(t, "INCR", "done")
	if v, err := c.Do("EXEC"); err == nil {
		t.Errorf("EXEC: %.100s, want a closed connection", v)
	}
	if got := s.must("GET", "done").Text; got != "1" {
		t.Errorf("the transaction's last command: %q, want it done", got)
	}
}
