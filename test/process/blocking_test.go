// Blocked clients, on each kind of loop: many in one line, with input behind their command, gone
// while they wait, or there when the server ends. What is shown: the line is kept across loops, what
// was meant for one that is gone goes to the next or stays, and INFO counts who waits for what.

package process

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

// awaitBlocked waits until so many clients are blocked.
func (s *process) awaitBlocked(count int) {
	s.t.Helper()
	await(s.t, strconv.Itoa(count)+" blocked clients", func() bool { return s.info("blocked_clients") == strconv.Itoa(count) })
}

// TestLongLine has many clients wait for two keys each, in a known order, and then feeds the line.
func TestLongLine(t *testing.T) {
	const clients = 60
	onLoops(t, func(t *testing.T, s *process) {
		var line []*harness.Conn
		for i := range clients {
			c := s.dial()
			defer c.Close()
			if err := c.Send("BLPOP", "own"+strconv.Itoa(i%3), "shared", "0"); err != nil {
				t.Fatal(err)
			}
			s.awaitBlocked(i + 1)
			line = append(line, c)
		}
		if got := s.info("total_blocking_keys"); got != "4" {
			t.Errorf("total_blocking_keys:%s, want 4", got)
		}
		pushed := []string{"RPUSH", "shared"}
		for i := range clients / 2 {
			pushed = append(pushed, strconv.Itoa(i))
		}
		s.must(pushed...)
		for i := clients / 2; i < clients; i++ {
			s.must("RPUSH", "shared", strconv.Itoa(i))
		}
		for i, c := range line {
			if v, err := c.Read(); err != nil || len(v.Elem) != 2 || v.Elem[1].Text != strconv.Itoa(i) {
				t.Errorf("client %d in line got %v, %v; want element %d", i, v, err, i)
			}
			c.Close()
		}
		s.expectNobodyWaits()
		s.awaitClients(1)
	})
}

// expectNobodyWaits demands that no trace of a blocked client is left.
func (s *process) expectNobodyWaits() {
	s.t.Helper()
	for _, name := range []string{"blocked_clients", "clients_in_timeout_table", "total_blocking_keys", "total_blocking_keys_on_nokey"} {
		if got := s.info(name); got != "0" {
			s.t.Errorf("%s:%s, want 0", name, got)
		}
	}
}

// TestBlockedClientGoes ends blocked clients in several ways. Elements pushed then stay for others.
func TestBlockedClientGoes(t *testing.T) {
	for name, leave := range map[string]func(s *process, c *net.TCPConn, id string) error{
		"closes":                  func(_ *process, c *net.TCPConn, _ string) error { return c.Close() },
		"closes its writing side": func(_ *process, c *net.TCPConn, _ string) error { return c.CloseWrite() },
		"resets": func(_ *process, c *net.TCPConn, _ string) error {
			if err := c.SetLinger(0); err != nil {
				return err
			}
			return c.Close()
		},
		"leaves input behind": func(_ *process, c *net.TCPConn, _ string) error {
			if _, err := c.Write([]byte(strings.Repeat("SET trace x\r\n", 3))); err != nil {
				return err
			}
			return c.Close()
		},
		"is killed": func(s *process, _ *net.TCPConn, id string) error { s.must("CLIENT", "KILL", "ID", id); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			onLoops(t, func(t *testing.T, s *process) {
				raw, err := net.Dial("tcp", s.addr())
				if err != nil {
					t.Fatal(err)
				}
				c := raw.(*net.TCPConn)
				defer c.Close()
				s.awaitClients(2)
				if _, err := c.Write([]byte("BLPOP q p 100\r\n")); err != nil {
					t.Fatal(err)
				}
				s.awaitBlocked(1)
				next := s.dial()
				defer next.Close()
				if err := next.Send("BLPOP", "q", "0"); err != nil {
					t.Fatal(err)
				}
				s.awaitBlocked(2)
				id, _, _ := strings.Cut(s.firstBlocked(), " ")
				if err := leave(s, c, id); err != nil {
					t.Fatal(err)
				}
				s.awaitBlocked(1)
				s.must("RPUSH", "q", "1", "2")
				if v, err := next.Read(); err != nil || v.String() != `*2   "q"   "1"` {
					t.Errorf("the next in line got %v, %v; want 1", v, err)
				}
				if v := s.must("LRANGE", "q", "0", "-1"); v.String() != `*1   "2"` {
					t.Errorf("left behind: %v, want 2", v)
				}
				if v := s.must("EXISTS", "trace"); v.Text != "0" {
					t.Error("input behind a blocked command of a client that is gone was run")
				}
				s.expectNobodyWaits()
			})
		})
	}
}

// firstBlocked returns what CLIENT LIST says of the first blocked client, from its ID on.
func (s *process) firstBlocked() string {
	s.t.Helper()
	for line := range strings.Lines(s.must("CLIENT", "LIST").Text) {
		if strings.Contains(line, "flags=b ") {
			return strings.TrimPrefix(line, "id=")
		}
	}
	s.t.Fatal("nobody is blocked")
	return ""
}

// TestInputBehindBlocked sends more than a read's worth of commands behind one that blocks.
func TestInputBehindBlocked(t *testing.T) {
	const commands = 60000
	onLoops(t, func(t *testing.T, s *process) {
		c := s.dial()
		defer c.Close()
		request := harness.AppendCommand(nil, "BLPOP", "q", "0")
		for i := range commands {
			request = harness.AppendCommand(request, "ECHO", strconv.Itoa(i))
		}
		request = harness.AppendCommand(request, "BLPOP", "q", "0")
		request = harness.AppendCommand(request, "ECHO", "end")
		written := make(chan error)
		go func() { written <- c.Write(request) }()
		s.awaitBlocked(1)
		s.must("RPUSH", "q", "1")
		if v, err := c.Read(); err != nil || v.String() != `*2   "q"   "1"` {
			t.Fatalf("BLPOP: %v, %v", v, err)
		}
		for i := range commands {
			if v, err := c.Read(); err != nil || v.Text != strconv.Itoa(i) {
				t.Fatalf("ECHO %d: %v, %v", i, v, err)
			}
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		s.awaitBlocked(1)
		s.must("RPUSH", "q", "2")
		for _, want := range []string{`*2   "q"   "2"`, `"end"`} {
			if v, err := c.Read(); err != nil || v.String() != want {
				t.Errorf("%v, %v; want %s", v, err, want)
			}
		}
	})
}
