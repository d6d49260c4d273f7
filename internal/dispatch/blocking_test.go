// Shown here, without sockets: a newcomer does not get before those who have waited for longer, not
// even between a change and the service that it calls for; timeouts end waits at their millisecond,
// and the keeper of time is called when there is a sooner one; and who is gone is not served.

package dispatch

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// rig is a server without sockets, with a worker for each of its loops.
type rig struct {
	t     *testing.T
	d     *Dispatcher
	clock *clock.Manual

	mu  sync.Mutex // guards log
	log []string   // replies delivered to blocked clients: "name reply"
}

// client is a session and the worker that runs its commands.
type client struct {
	rig     *rig
	name    string
	session *command.Session
	parser  resp.Parser
	worker  *Worker
}

// nowhere is a connection that nobody looks at.
type nowhere struct{ *client }

func (nowhere) Addr() string             { return "127.0.0.1:1" }
func (nowhere) LocalAddr() string        { return "127.0.0.1:2" }
func (nowhere) FD() int                  { return 1 }
func (nowhere) Buffers() command.Buffers { return command.Buffers{} }

func newRig(t *testing.T) *rig {
	t.Helper()
	ks, err := keyspace.New(keyspace.Options{Shards: 4, Databases: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ks.Close(); err != nil {
			t.Error(err)
		}
	})
	table := command.NewTable()
	var names []string
	for s := range table.All(true) {
		names = append(names, s.FullName)
	}
	r := &rig{t: t, clock: clock.NewManual(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))}
	r.d = New(&command.Env{
		Table: table, Config: config.New(vfs.NewMem(), "/"), Keyspace: ks, Clock: r.clock,
		Info: &info.Registry{}, Commands: info.NewCommandStats(names), Errors: &info.ErrorStats{},
		SlowLog: info.NewSlowLog(0), Latency: info.NewLatencyMonitor(r.clock),
	})
	r.d.Deliver = func(_ *Worker, s *command.Session, reply []byte) {
		c := s.Conn.(nowhere).client
		r.mu.Lock()
		defer r.mu.Unlock()
		s.State &^= command.Blocked
		r.log = append(r.log, fmt.Sprintf("%s %q", c.name, reply))
	}
	return r
}

// client opens a session on a worker of its own.
func (r *rig) client(name string) *client {
	c := &client{rig: r, name: name, worker: r.d.NewWorker()}
	c.session = &command.Session{ID: 1, Conn: nowhere{c}, Proto: resp.RESP2}
	return c
}

// do runs one command and returns its reply; "" when it is blocked.
func (c *client) do(args ...string) string {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	request := resp.AppendCommand(nil, raw...)
	c.rig.d.World.Enter()
	defer c.rig.d.World.Leave()
	w := c.worker
	w.Turn()
	w.Writer.Truncate(0)
	consumed, verdict := w.Feed(c.session, &c.parser, request)
	if consumed != len(request) || verdict != Hungry && verdict != Blocked {
		return fmt.Sprintf("%d of %d bytes used, verdict %d", consumed, len(request), verdict)
	}
	reply := string(w.Writer.Buffer())
	if verdict == Blocked && reply != "" {
		return "blocked and replied " + reply
	}
	return reply
}

// keep is a turn of the keeper of time, now.
func (r *rig) keep(w *Worker) (next int64, ok bool) {
	r.d.World.Enter()
	defer r.d.World.Leave()
	w.Turn()
	return w.Keep(r.clock.Millis())
}

// nudged tells whether the keeper of time is called.
func (r *rig) nudged() bool {
	select {
	case <-r.d.Nudge:
		return true
	default:
		return false
	}
}

// expect demands that these and no other replies were delivered since the last call.
func (r *rig) expect(what string, want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.log, want) {
		r.t.Errorf("%s: delivered %q, want %q", what, r.log, want)
	}
	r.log = nil
}

func (c *client) expect(want string, args ...string) {
	c.rig.t.Helper()
	if got := c.do(args...); got != want {
		c.rig.t.Errorf("%s: %q: %q, want %q", c.name, args, got, want)
	}
}

const blocked = ""

// popped is how a reply of BZPOPMIN is logged.
func popped(who, key, member, score string) string {
	return fmt.Sprintf("%s %q", who, fmt.Sprintf("*3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(member), member, len(score), score))
}

// TestNewcomerWaits stops a writer between its change and the service. What others send then comes
// after the service.
func TestNewcomerWaits(t *testing.T) {
	for _, newcomer := range []string{
		"BZPOPMIN k 0", "BZPOPMIN other k 0", "ZPOPMIN k", "ZCARD k", "ZUNION 2 k other", "DBSIZE", "EXEC",
	} {
		r := newRig(t)
		waiter, writer, late := r.client("waiter"), r.client("writer"), r.client("late")
		waiter.expect(blocked, "BZPOPMIN", "k", "0")
		late.expect("+OK\r\n", "MULTI")
		late.expect("+QUEUED\r\n", "ZCARD", "k")
		if newcomer != "EXEC" {
			late.expect("+OK\r\n", "DISCARD")
		}
		var done sync.WaitGroup
		r.d.room.serving.Lock()
		done.Go(func() { writer.do("ZADD", "k", "1", "a") })
		tx := r.d.own
		for unserved := false; !unserved; runtime.Gosched() {
			tx.LockHash(tx.Hash([]byte("k")))
			unserved = tx.Unserved()
			tx.Unlock()
		}
		var reply string
		done.Go(func() { reply = late.do(strings.Fields(newcomer)...) })
		for range 1000 {
			runtime.Gosched()
		}
		r.d.room.serving.Unlock()
		done.Wait()
		r.expect(newcomer, popped("waiter", "k", "a", "1"))
		if !slices.Contains([]string{blocked, ":0\r\n", "*0\r\n", "*1\r\n:0\r\n"}, reply) {
			t.Errorf("%s saw what the waiter was to have: %q", newcomer, reply)
		}
		r.d.Forget(late.session, late.worker.tx)
	}
}

func TestTimeout(t *testing.T) {
	r := newRig(t)
	keeper := r.d.NewWorker()
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	if _, ok := r.keep(keeper); ok {
		t.Error("there is a next deadline though nobody waits")
	}
	a.expect(blocked, "BZPOPMIN", "k", "0.2")
	if !r.nudged() {
		t.Error("the first deadline did not call the keeper")
	}
	b.expect(blocked, "BZPOPMIN", "k", "l", "0.3")
	if r.nudged() {
		t.Error("a later deadline called the keeper")
	}
	c.expect(blocked, "BZPOPMIN", "l", "0.1001")
	if !r.nudged() {
		t.Error("a sooner deadline did not call the keeper")
	}
	for _, step := range []struct{ after, next int64 }{{0, 101}, {100, 1}, {1, 99}, {98, 1}, {1, 100}} {
		r.clock.Advance(time.Duration(step.after) * time.Millisecond)
		next, ok := r.keep(keeper)
		if !ok || next != r.clock.Millis()+step.next {
			t.Errorf("%d ms later: the next deadline is in %d ms, %t; want %d", step.after, next-r.clock.Millis(), ok, step.next)
		}
	}
	null := fmt.Sprintf("%q", "*-1\r\n")
	r.expect("the first two", "c "+null, "a "+null)
	a.expect(":1\r\n", "ZADD", "l", "7", "m")
	r.expect("served", popped("b", "l", "m", "7"))
	if clients, timed := r.d.Blocked(); clients != 0 || timed != 0 {
		t.Errorf("blocked: %d clients, %d with a timeout; want none", clients, timed)
	}
	r.clock.Advance(time.Hour)
	if _, ok := r.keep(keeper); ok {
		t.Error("there is a next deadline though nobody waits any more")
	}
	r.expect("an hour later")
}

func TestForgetAndUnblock(t *testing.T) {
	r := newRig(t)
	a, b, c, writer := r.client("a"), r.client("b"), r.client("c"), r.client("writer")
	a.expect(blocked, "BZPOPMIN", "k", "0")
	b.expect(blocked, "BZPOPMIN", "k", "5")
	c.expect(blocked, "BZPOPMIN", "k", "0")
	r.d.Forget(a.session, a.worker.tx)
	if !r.d.Unblock(b.session, true) || r.d.Unblock(b.session, true) {
		t.Error("Unblock of a blocked session, and then again: want true, false")
	}
	writer.expect(":2\r\n", "ZADD", "k", "1", "a", "2", "b")
	r.expect("served", fmt.Sprintf("b %q", "-"+ErrUnblocked+"\r\n"), popped("c", "k", "a", "1"))
	writer.expect(":1\r\n", "ZCARD", "k")
}

// TestServiceWaitsForTheSave: while the save cannot take what a service would change, the service is
// put off and nobody is served; afterwards it comes by itself.
func TestServiceWaitsForTheSave(t *testing.T) {
	r := newRig(t)
	keeper := r.d.NewWorker()
	waiter, writer := r.client("waiter"), r.client("writer")
	writer.expect("+OK\r\n", "SET", "other", "x")
	writer.expect("+OK\r\n", "SELECT", "1")
	writer.expect(":1\r\n", "ZADD", "k", "1", "a")
	save, err := r.d.own.Begin(keyspace.SnapshotOptions{Limit: 1, Resume: r.d.Retry})
	if err != nil {
		t.Fatal(err)
	}
	waiter.expect(blocked, "BZPOPMIN", "k", "0")
	writer.expect("+OK\r\n", "SELECT", "0")
	writer.expect("+OK\r\n", "SET", "other", "y") // the save now holds a copy, which is all it may
	writer.expect("+OK\r\n", "SWAPDB", "0", "1")
	r.keep(keeper)
	r.expect("while the save is in the way")
	if got := r.client("late").do("ZPOPMIN", "k"); !strings.HasSuffix(got, fmt.Sprint("verdict ", Parked)) {
		t.Errorf("a late ZPOPMIN: %q, want it put off", got)
	}
	if err := save.Run(func(*keyspace.Record) error { return nil }, func() time.Duration { return 0 }); err != nil {
		t.Fatal(err)
	}
	if !r.nudged() {
		t.Error("the end of the save did not call the keeper")
	}
	r.keep(keeper)
	r.expect("after the save", popped("waiter", "k", "a", "1"))
}
