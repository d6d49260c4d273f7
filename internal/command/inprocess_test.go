// A server without sockets, for the tests of handlers: requests in, replies out, through the
// dispatcher as a loop would.

package command_test

import (
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/dispatch"
	"tarn/internal/info"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// inProcess is a server with one worker.
type inProcess struct {
	tb     testing.TB
	env    *command.Env
	worker *dispatch.Worker
	dis    *dispatch.Dispatcher
}

// client is a session on it.
type client struct {
	on      *inProcess
	session *command.Session
	parser  resp.Parser
}

// nowhere is a connection that nobody looks at.
type nowhere struct{}

func (nowhere) Addr() string             { return "127.0.0.1:1" }
func (nowhere) LocalAddr() string        { return "127.0.0.1:2" }
func (nowhere) FD() int                  { return 1 }
func (nowhere) Buffers() command.Buffers { return command.Buffers{} }

// newInProcess starts a server whose clock is c.
func newInProcess(tb testing.TB, c clock.Clock) *inProcess {
	tb.Helper()
	return newInProcessOf(tb, c, keyspace.Options{Shards: 4, Databases: 2})
}

// newInProcessOf starts one whose keyspace has these options.
func newInProcessOf(tb testing.TB, c clock.Clock, o keyspace.Options) *inProcess {
	tb.Helper()
	ks, err := keyspace.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ks.OnFieldsDue(command.ExpireFields)
	table := command.NewTable()
	var names []string
	for s := range table.All(true) {
		names = append(names, s.FullName)
	}
	env := &command.Env{
		Table: table, Config: config.New(vfs.NewMem(), "/"), Keyspace: ks, Clock: c,
		Info: &info.Registry{}, Commands: info.NewCommandStats(names), Errors: &info.ErrorStats{},
		SlowLog: info.NewSlowLog(0), Latency: info.NewLatencyMonitor(c),
	}
	env.Config.Update(func(c *config.Config) { c.SlowlogLogSlowerThan = -1 })
	d := dispatch.New(env)
	return &inProcess{tb: tb, env: env, dis: d, worker: d.NewWorker()}
}

// client opens a session that speaks a protocol, resp.RESP2 or resp.RESP3.
func (p *inProcess) client(proto uint8) *client {
	return &client{on: p, session: &command.Session{ID: 1, Conn: nowhere{}, Proto: proto}}
}

// feed runs whole requests and returns the replies, valid until the next feed.
func (c *client) feed(request []byte) []byte {
	w := c.on.worker
	w.Writer.Truncate(0)
	c.on.dis.World.Enter()
	w.Turn()
	defer c.on.dis.World.Leave()
	for len(request) > 0 {
		consumed, verdict := w.Feed(c.session, &c.parser, request)
		request = request[consumed:]
		if verdict == dispatch.Streaming {
			c.readRest()
			continue
		}
		if verdict != dispatch.Full && (verdict != dispatch.Hungry || len(request) > 0) {
			c.on.tb.Fatalf("%.100q is left, verdict %d", request, verdict)
		}
	}
	return w.Writer.Buffer()
}

// readRest reads the rest of a long reply, piece by piece.
func (c *client) readRest() {
	const piece = 16 << 10
	for c.session.More.Rest.Append(&c.on.worker.Writer, piece) {
	}
	c.session.State &^= command.Streaming
	c.session.More.Rest = nil
}

// do runs one command and returns its reply.
func (c *client) do(args ...string) string {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	return string(c.feed(resp.AppendCommand(nil, raw...)))
}

// state is what a key holds.
type state struct {
	value, encoding string
	deadline        int64
	exists          bool
}

// state looks a key of database 0 up without leaving a trace in the statistics.
func (p *inProcess) state(name string) state {
	tx := p.worker.Tx()
	hash := tx.Hash([]byte(name))
	tx.SetNow(p.env.Clock.Millis())
	tx.LockHash(hash)
	defer tx.Unlock()
	k := tx.KeyHashed(0, []byte(name), hash, keyspace.Peek)
	if !k.Exists() {
		return state{deadline: keyspace.NoDeadline}
	}
	return state{string(k.StringBytes(nil)), k.Encoding(), k.Deadline(), true}
}

// counts are the counters that handlers move.
type counts struct{ dirty, hits, misses int64 }

func (p *inProcess) counts() counts {
	var s keyspace.Stats
	p.env.Keyspace.Sum(&s)
	return counts{s.Dirty.Load(), s.Hits.Load(), s.Misses.Load()}
}

func (c counts) minus(d counts) counts {
	return counts{c.dirty - d.dirty, c.hits - d.hits, c.misses - d.misses}
}

// someDay is where manual clocks begin.
var someDay = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
