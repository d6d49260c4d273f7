// Connections at their worst: requests in crumbs, replies nobody reads, clients that vanish or are killed
// while they wait, many at once. Each on one event loop, on four, and with a goroutine for each
// connection. What is shown: every reply is right and in order, others are served meanwhile, nobody
// is left behind, and the server lives.

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

// onLoops runs a test on each kind of loop.
func onLoops(t *testing.T, test func(t *testing.T, s *process), directives ...string) {
	t.Helper()
	for _, kind := range []struct {
		name    string
		get     func(*testing.T) program
		threads string
	}{{"one loop", tarn, "1"}, {"four loops", tarn, "4"}, {"portable", portableTarn, "1"}} {
		t.Run(kind.name, func(t *testing.T) {
			s := kind.get(t).serve(t, append([]string{"--save", "", "--io-threads", kind.threads}, directives...)...)
			test(t, s)
			if t.Failed() {
				return
			}
			s.must("PING")
			s.awaitClients(1)
			s.stop()
		})
	}
}

// awaitClients waits until so many clients are connected, with the one that asks.
func (s *process) awaitClients(count int) {
	s.t.Helper()
	await(s.t, strconv.Itoa(count)+" clients", func() bool { return s.info("connected_clients") == strconv.Itoa(count) })
}

// TestCrumbs writes requests byte by byte on three connections by turns.
func TestCrumbs(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		var all []*harness.Conn
		var requests []string
		for i := range 3 {
			name := "key" + strconv.Itoa(i)
			all = append(all, s.dial())
			requests = append(requests, string(harness.AppendCommand(nil, "SET", name, strings.Repeat("v", i+1)))+
				"GET "+name+"\r\n\r\n"+"PING \"a b\"\n"+string(harness.AppendCommand(nil, "STRLEN", name)))
		}
		for at := range requests[0] {
			for i, c := range all {
				if err := c.Write([]byte(requests[i][at : at+1])); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, c := range all {
			if err := c.Write([]byte(requests[i][len(requests[0]):])); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"+OK", `"` + strings.Repeat("v", i+1) + `"`, `"a b"`, ":" + strconv.Itoa(i+1)} {
				if v, err := c.Read(); err != nil || v.String() != want {
					t.Errorf("connection %d: %v, %v; want %s", i, v, err, want)
				}
			}
			c.Close()
		}
	})
}

// TestCuts cuts a pipeline in two at each of its bytes.
func TestCuts(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		request := harness.AppendCommand(nil, "SET", "a", "12")
		request = harness.AppendCommand(append(request, "INCR a\r\n"...), "GET", "a")
		c := s.dial()
		defer c.Close()
		for at := range request {
			for _, part := range [][]byte{request[:at], request[at:]} {
				if err := c.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{"+OK", ":13", `"13"`} {
				if v, err := c.Read(); err != nil || v.String() != want {
					t.Fatalf("cut at %d: %v, %v; want %s", at, v, err, want)
				}
			}
		}
	})
}

// TestLongPipeline sends 100,000 commands, some with large replies, before it reads.
func TestLongPipeline(t *testing.T) {
	commands, size := 100000, 200000
	if testing.Short() || harness.Race {
		commands = 10000
	}
	onLoops(t, func(t *testing.T, s *process) {
		s.must("SET", "big", strings.Repeat("x", size))
		c := s.dial()
		defer c.Close()
		var request []byte
		for i := range commands {
			if i%200 == 0 {
				request = append(request, "GET big\r\n"...)
			} else {
				request = harness.AppendCommand(request, "ECHO", strconv.Itoa(i))
			}
		}
		sent := make(chan error, 1)
		go func() { sent <- c.Write(request) }()
		for i := range commands {
			v, err := c.Read()
			if err != nil {
				t.Fatalf("reply %d: %v\n%s", i, err, s.log())
			}
			if i%200 == 0 {
				if len(v.Text) != size {
					t.Fatalf("reply %d has %d bytes", i, len(v.Text))
				}
			} else if v.Text != strconv.Itoa(i) {
				t.Fatalf("reply %d: %v", i, v)
			}
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

// TestSlowReader has one client that asks for far more than it reads, while another is served; then the
// first reads all of it.
func TestSlowReader(t *testing.T) {
	const size, count = 1 << 20, 64
	onLoops(t, func(t *testing.T, s *process) {
		s.must("SET", "big", strings.Repeat("x", size))
		slow := s.raw()
		defer slow.Close()
		if _, err := slow.Write(bytes.Repeat([]byte("GET big\r\n"), count)); err != nil {
			t.Fatal(err)
		}
		other := s.dial()
		for i := range 100 {
			if v, err := other.Do("INCR", "n"); err != nil || v.Text != strconv.Itoa(i+1) {
				t.Fatalf("INCR: %v, %v", v, err)
			}
		}
		other.Close()
		one := len(fmt.Sprintf("$%d\r\n", size)) + size + 2
		n, err := io.CopyN(io.Discard, slow, int64(count*one))
		if err != nil {
			t.Fatalf("read %d of %d bytes: %v", n, count*one, err)
		}
		if _, err := io.WriteString(slow, "PING\r\n"); err != nil {
			t.Fatal(err)
		}
		pong := make([]byte, 7)
		if _, err := io.ReadFull(slow, pong); err != nil || string(pong) != "+PONG\r\n" {
			t.Errorf("after all: %q, %v", pong, err)
		}
	})
}

// TestWaiting shows what may befall a client whose command is put off by CLIENT PAUSE: it goes on
// in order, it vanishes, it is killed.
func TestWaiting(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		admin := s.dial()
		defer admin.Close()
		admin.Must(t, "CLIENT", "PAUSE", "1000000", "WRITE")
		var waiting []*harness.Conn
		var ids []string
		for i := range 12 {
			c := s.dial()
			ids = append(ids, c.Must(t, "CLIENT", "ID").Text)
			if err := c.Write([]byte("PING\r\nINCR n" + strconv.Itoa(i) + "\r\nGET n" + strconv.Itoa(i) + "\r\nPING\r\n")); err != nil {
				t.Fatal(err)
			}
			if v, err := c.Read(); err != nil || v.Text != "PONG" {
				t.Fatalf("PING: %v, %v", v, err)
			}
			waiting = append(waiting, c)
		}
		for i, c := range waiting {
			switch i % 3 {
			case 1:
				c.Close()
			case 2:
				admin.Must(t, "CLIENT", "KILL", "ID", ids[i])
				if v, err := c.Read(); !errors.Is(err, io.EOF) {
					t.Errorf("killed client %d read %v, %v", i, v, err)
				}
				c.Close()
			}
		}
		if list := admin.Must(t, "CLIENT", "LIST").Text; strings.Contains(list, "id="+ids[2]+" ") {
			t.Errorf("a killed client is still there:\n%s", list)
		}
		admin.Must(t, "CLIENT", "UNPAUSE")
		for i, c := range waiting {
			if i%3 == 0 {
				for _, want := range []string{":1", `"1"`, "+PONG"} {
					if v, err := c.Read(); err != nil || v.String() != want {
						t.Errorf("client %d: %v, %v; want %s", i, v, err, want)
					}
				}
				c.Close()
			} else if i%3 == 2 {
				if v := admin.Must(t, "EXISTS", "n"+strconv.Itoa(i)); v.Text != "0" {
					t.Errorf("the command of killed client %d has run", i)
				}
			}
		}
	})
}

// TestKilledWhileReading kills clients whose replies are under way.
func TestKilledWhileReading(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		s.must("SET", "big", strings.Repeat("x", 1<<20))
		admin := s.dial()
		defer admin.Close()
		for range 20 {
			c := s.dial()
			id := c.Must(t, "CLIENT", "ID").Text
			if err := c.Write(bytes.Repeat([]byte("GET big\r\n"), 20)); err != nil {
				t.Fatal(err)
			}
			admin.Must(t, "CLIENT", "KILL", "ID", id)
			for {
				if v, err := c.Read(); err != nil {
					break
				} else if len(v.Text) != 1<<20 {
					t.Fatalf("read %d bytes", len(v.Text))
				}
			}
			c.Close()
		}
	})
}

// TestKillsItself shows that a client that kills itself gets its reply, and nothing after it.
func TestKillsItself(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		c := s.dial()
		defer c.Close()
		id := c.Must(t, "CLIENT", "ID").Text
		if err := c.Write([]byte("CLIENT KILL ID " + id + " SKIPME no\r\nSET after 1\r\n")); err != nil {
			t.Fatal(err)
		}
		if v, err := c.Read(); err != nil || v.Text != "1" {
			t.Errorf("CLIENT KILL: %v, %v", v, err)
		}
		if v, err := c.Read(); !errors.Is(err, io.EOF) {
			t.Errorf("after it: %v, %v", v, err)
		}
		if v := s.must("EXISTS", "after"); v.Text != "0" {
			t.Error("a command after the kill has run")
		}
	})
}

// TestResets has clients that reset the connection with replies unread, some in the middle of a request.
func TestResets(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		s.must("SET", "big", strings.Repeat("x", 300000))
		for i := range 150 {
			nc, err := net.Dial("tcp", s.addr())
			if err != nil {
				t.Fatal(err)
			}
			if err := nc.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			request := strings.Repeat("GET big\r\n", 1+i%20)
			if i%3 == 0 {
				request += "*2\r\n$3\r\nGET\r\n$3"
			}
			if _, err := io.WriteString(nc, request); err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			if i%2 == 0 {
				if _, err := io.ReadFull(nc, make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
			}
			nc.Close()
		}
	})
}

// TestHalfClosed shows that a client that only closes its sending side gets its replies.
func TestHalfClosed(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		nc := s.raw()
		defer nc.Close()
		if _, err := io.WriteString(nc, "SET a 1\r\nINCR a\r\nGET a\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := nc.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, want := rest(t, nc), "+OK\r\n:2\r\n$1\r\n2\r\n"; got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	})
}

// TestQuitAndErrors shows that what ends a connection ends it after the replies before it.
func TestQuitAndErrors(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		s.must("SET", "big", strings.Repeat("x", 3<<20))
		big := "$" + strconv.Itoa(3<<20) + "\r\n" + strings.Repeat("x", 3<<20) + "\r\n"
		for end, want := range map[string]string{
			"QUIT\r\nSET after 1\r\n":               "+OK\r\n",
			"*1\r\nnot a length\r\nSET after 1\r\n": "-ERR Protocol error: expected '$', got 'n'\r\n",
			"*x\r\nSET after 1\r\n":                 "-ERR Protocol error: invalid multibulk length\r\n",
			"*1\r\n$-5\r\nSET after 1\r\n":          "-ERR Protocol error: invalid bulk length\r\n",
			"SET \"unbalanced\r\nSET after 1\r\n":   "-ERR Protocol error: unbalanced quotes in request\r\n",
		} {
			nc := s.raw()
			go func() { _, _ = io.WriteString(nc, "GET big\r\nGET big\r\n"+end) }()
			if got := rest(t, nc); got != big+big+want {
				t.Errorf("%.40q: read %d bytes ending in %q, want %q", end, len(got), got[max(len(got)-80, 0):], want)
			}
			nc.Close()
		}
		if v := s.must("EXISTS", "after"); v.Text != "0" {
			t.Error("a command after the end has run")
		}
	})
}

// TestBurst has hundreds of clients connect at once, again and again.
func TestBurst(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		for range 3 {
			var all sync.WaitGroup
			for i := range 300 {
				all.Go(func() {
					c, err := harness.Dial(s.addr())
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					if v, err := c.Do("ECHO", strconv.Itoa(i)); err != nil || v.Text != strconv.Itoa(i) {
						t.Errorf("ECHO %d: %v, %v", i, v, err)
					}
				})
			}
			all.Wait()
		}
	})
}

// TestManyIdle holds 8,000 connections, or as many as the limit on open files lets this process have,
// and speaks on some.
func TestManyIdle(t *testing.T) {
	if testing.Short() || harness.Race {
		t.Skip("opens thousands of connections")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	count := min(8000, int(limit.Cur)-200)
	onLoops(t, func(t *testing.T, s *process) {
		all := make([]net.Conn, 0, count)
		defer func() {
			for _, nc := range all {
				nc.Close()
			}
		}()
		for range count {
			all = append(all, s.raw())
		}
		s.awaitClients(count + 1)
		for i, nc := range all {
			if i%100 == 0 {
				if _, err := io.WriteString(nc, "PING\r\n"); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(nc, make([]byte, 7)); err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
			}
		}
		for _, nc := range all {
			nc.Close()
		}
		s.awaitClients(1)
	})
}

// TestLargest sets and gets the largest value there may be.
func TestLargest(t *testing.T) {
	if testing.Short() || harness.Race {
		t.Skip("moves gigabytes")
	}
	const size = 512 << 20
	onLoops(t, func(t *testing.T, s *process) {
		c := s.raw()
		defer c.Close()
		piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go func() {
			_, _ = fmt.Fprintf(c, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n", size)
			for range size / len(piece) {
				if _, err := c.Write(piece); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, "\r\nGET big\r\n")
		}()
		head := make([]byte, 5+len(fmt.Sprintf("$%d\r\n", size)))
		if _, err := io.ReadFull(c, head); err != nil || string(head) != fmt.Sprintf("+OK\r\n$%d\r\n", size) {
			t.Fatalf("read %q, %v\n%s", head, err, s.log())
		}
		got := make([]byte, len(piece))
		for i := range size / len(piece) {
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, piece) {
				t.Fatalf("piece %d differs, or %v", i, err)
			}
		}
		if _, err := io.ReadFull(c, got[:2]); err != nil {
			t.Fatal(err)
		}
		over := s.raw()
		defer over.Close()
		if _, err := fmt.Fprintf(over, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n", size+1); err != nil {
			t.Fatal(err)
		}
		if got := rest(t, over); got != "-ERR Protocol error: invalid bulk length\r\n" {
			t.Errorf("one byte more: %q", got)
		}
	})
}

// TestChaos has clients do all of that at random, while an administrator looks, kills, pauses, saves and
// changes settings. Each client counts in a key of its own; in the end each count is at least what was
// acknowledged and at most what was sent.
func TestChaos(t *testing.T) {
	seed := chance.Seed(t)
	rounds := 30
	if testing.Short() {
		rounds = 10
	}
	onLoops(t, func(t *testing.T, s *process) {
		t.Logf("seed %d", seed)
		s.must("SET", "big", strings.Repeat("x", 400000))
		const clients = 12
		var sent, acknowledged [clients]int
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				for range rounds {
					sends, acks := chaoticClient(s, r, "count"+strconv.Itoa(i))
					sent[i] += sends
					acknowledged[i] += acks
				}
			})
		}
		over := make(chan struct{})
		var admin sync.WaitGroup
		admin.Go(func() { chaoticAdmin(s, rand.New(rand.NewPCG(seed, clients)), over) })
		all.Wait()
		close(over)
		admin.Wait()
		s.must("CLIENT", "UNPAUSE")
		for i := range clients {
			v := s.must("GET", "count"+strconv.Itoa(i))
			if n, _ := strconv.Atoi(v.Text); n < acknowledged[i] || n > sent[i] {
				t.Errorf("seed %d: client %d counted %d, of which %d acknowledged; its key holds %v", seed, i, sent[i], acknowledged[i], v)
			}
		}
	})
}

// chaoticClient is one connection of TestChaos. It returns how many INCRs it sent, and how many of them
// were answered.
func chaoticClient(s *process, r *rand.Rand, key string) (sent, acknowledged int) {
	nc, err := net.Dial("tcp", s.addr())
	if err != nil {
		return 0, 0
	}
	defer nc.Close()
	if r.IntN(4) == 0 {
		_ = nc.(*net.TCPConn).SetLinger(0)
	}
	count := 1 + r.IntN(40)
	var request []byte
	for range count {
		switch r.IntN(6) {
		case 0:
			request = append(request, "GET big\r\n"...)
		case 1:
			request = append(request, "MULTI\r\nGET "+key+"\r\nDISCARD\r\n"...)
		default:
			request = harness.AppendCommand(request, "INCR", key)
			sent++
		}
	}
	for len(request) > 0 {
		n := min(len(request), 1+r.IntN(len(request)))
		if r.IntN(3) == 0 {
			n = min(n, 5)
		}
		if _, err := nc.Write(request[:n]); err != nil {
			return sent, 0
		}
		request = request[n:]
		if r.IntN(60) == 0 {
			return sent, 0 // in the middle of a request
		}
	}
	if r.IntN(5) == 0 {
		return sent, 0 // without reading
	}
	_ = nc.(*net.TCPConn).CloseWrite()
	replies, _ := io.ReadAll(nc)
	return sent, bytes.Count(replies, []byte("\r\n:")) + bytes.Count(replies[:min(len(replies), 1)], []byte(":"))
}

// chaoticAdmin does to the clients of TestChaos what an administrator may.
func chaoticAdmin(s *process, r *rand.Rand, over <-chan struct{}) {
	c, err := harness.Dial(s.addr())
	if err != nil {
		return
	}
	defer c.Close()
	for {
		select {
		case <-over:
			return
		default:
		}
		requests := []string{
			"CLIENT LIST", "CLIENT KILL TYPE normal SKIPME yes", "CLIENT PAUSE 5 ALL", "CLIENT PAUSE 1000 WRITE", "CLIENT UNPAUSE",
			"BGSAVE", "CONFIG SET timeout 100", "CONFIG SET client-output-buffer-limit normal_300000_0_0",
			"CONFIG SET client-output-buffer-limit normal_0_0_0", "INFO everything", "DEBUG SLEEP 0.001", "CLIENT UNPAUSE",
		}
		args := strings.Fields(requests[r.IntN(len(requests))])
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		if _, err := c.Do(args...); err != nil {
			return
		}
	}
}
