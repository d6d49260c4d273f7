// Dispatch: what all executors share, and how one of them is fed.
//
// A Worker serves one executor: an event loop, or a connection's goroutine where there are no
// loops. It is fed with the bytes of a read. It cuts them into commands, up to a batch at a time,
// asks the processor for the buckets and entries of their keys, and then runs them in order; by
// then the memory has arrived. Replies gather in one buffer.

// Package dispatch takes parsed commands to their replies: look-up, gates, locks, handler, effects.
package dispatch

import (
	"math"
	"sync"
	"sync/atomic"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/journal"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// batchSize is how many commands are looked up ahead: enough to hide a miss behind the others,
// few enough for what was fetched to be still in the cache when its turn comes.
const batchSize = 64

// Dispatcher is what all workers of a server share.
type Dispatcher struct {
	World World

	env      *command.Env
	locks    []lockKind // by Spec.Index
	elements []uint8    // by Spec.Index: the argument that names an element of the key's value, 0: none
	state    atomic.Uint32

	pauseUntil atomic.Int64 // Unix ms; CLIENT PAUSE
	pauseAll   atomic.Bool
	reason     atomic.Pointer[resp.Error] // why writes are refused, in state Misconf

	room  room
	Nudge chan struct{} // tells the keeper of time to look at once

	// Deliver hands the reply of a blocked command to its session's connection, which clears
	// command.Blocked and goes on. reply is the callee's. by is the worker whose executor calls, inside
	// the world; nil: not known.
	Deliver func(by *Worker, s *command.Session, reply []byte)

	alone   *Worker // runs with the world stopped; others are not inside then
	journal *journal.Journal
	own     *keyspace.Tx // for WithAll without a worker, under mu
	mu      sync.Mutex   // guards workers and own
	workers map[*Worker]struct{}
	past    totals // of workers that are gone

	overhead atomic.Int64 // used memory outside of the keyspace, as last told
}

// New returns the dispatcher of a server. env must be complete before the first command.
func New(env *command.Env) *Dispatcher {
	d := &Dispatcher{env: env}
	d.locks = lockKinds(env.Table)
	d.elements = elementArgs(env.Table)
	d.workers = map[*Worker]struct{}{}
	d.room.blocked = map[*command.Session]*waiter{}
	d.room.awake = never
	d.Nudge = make(chan struct{}, 1)
	d.record()
	d.own = env.Keyspace.NewTx()
	env.Exec = d
	return d
}

// Env returns what calls share.
func (d *Dispatcher) Env() *command.Env { return d.env }

// Worker runs the commands of one executor.
type Worker struct {
	// Writer gathers the replies. Its owner sends and resets the buffer between feeds.
	Writer resp.Writer

	d     *Dispatcher
	tx    *keyspace.Tx
	call  command.Call
	unit  *journal.Unit // of effects; the Tx commits it
	stats *info.LoopStats
	cfg   *config.Config

	limits resp.Limits
	args   [][]byte
	batch  [batchSize]request
	keys   []command.KeyRef
	hashes []uint64

	replayer *Replayer // whose commands it runs; nil: clients'

	stopped bool // the world, for a transaction
	again   bool // a command that blocked is run again
	still   bool // and has blocked again

	totals totals

	ticks     int64 // when the last command ended
	nowTicks  int64 // when the time was read
	msTicks   int64 // ticks in a millisecond
	slowTicks int64 // a command that takes as long is looked at: slow log, latency monitor
}

// request is a command cut from the input.
type request struct {
	spec      *command.Spec
	container *command.Spec // whose subcommand is unknown
	args      [][]byte
	start     int // of its bytes in the input
	hash      uint64
	hashed    int // argument whose hash that is; 0: none

	big         keyspace.Foreseer // of the key's value, if that is large and known; nil: nothing
	elementHash uint64
}

// NewWorker returns a worker for one executor.
func (d *Dispatcher) NewWorker() *Worker {
	w := d.newWorker(d.env.Commands.NewLoop())
	d.mu.Lock()
	d.workers[w] = struct{}{}
	d.mu.Unlock()
	return w
}

func (d *Dispatcher) newWorker(stats *info.LoopStats) *Worker {
	w := &Worker{d: d, tx: d.env.Keyspace.NewTx(), stats: stats}
	w.unit = w.tx.Effects().(*effects).unit
	w.call = command.Call{Reply: &w.Writer, Tx: w.tx, Env: d.env, Unit: w.unit, Runner: w}
	w.args = make([][]byte, 0, 4*batchSize)
	w.Turn()
	return w
}

// Close ends the worker; its counters stay in the sums.
func (w *Worker) Close() {
	w.d.env.Keyspace.CloseTx(w.tx)
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	delete(w.d.workers, w)
	w.d.past.commands.Add(w.totals.commands.Load())
	w.d.past.ticks.Add(w.totals.ticks.Load())
}

// totals count a worker's work.
type totals struct{ commands, ticks info.Counter }

// Commands returns how many commands have run since the start or the last ResetStats.
func (d *Dispatcher) Commands() int64 {
	return d.sum(func(t *totals) int64 { return t.commands.Load() })
}

// Commands returns how many commands the worker has run since the start or the last ResetStats.
func (w *Worker) Commands() int64 { return w.totals.commands.Load() }

// CommandMicros returns how many microseconds commands have taken.
func (d *Dispatcher) CommandMicros() int64 {
	return clock.TicksToMicros(d.sum(func(t *totals) int64 { return t.ticks.Load() }))
}

func (d *Dispatcher) sum(pick func(*totals) int64) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := pick(&d.past)
	for w := range d.workers {
		n += pick(&w.totals)
	}
	return n
}

// ResetStats makes the totals begin anew. The world is stopped.
func (d *Dispatcher) ResetStats() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.past = totals{}
	for w := range d.workers {
		w.totals = totals{}
	}
}

// WithAll runs f with every shard locked: through the worker that has stopped the world, if that
// is the caller's, since it may hold locks already.
func (d *Dispatcher) WithAll(f func(*keyspace.Tx)) {
	tx := d.own
	if d.alone != nil {
		tx = d.alone.tx
	} else {
		d.mu.Lock()
		defer d.mu.Unlock()
		tx.SetNow(d.env.Clock.Millis())
	}
	tx.LockAll()
	f(tx)
	tx.Unlock()
	if tx == d.own {
		d.Sweep(tx)
	}
}

// Tx returns the worker's way into the keyspace, for its executor's own jobs.
func (w *Worker) Tx() *keyspace.Tx { return w.tx }

// Turn begins a turn of the executor: it reads the clock and the configuration.
func (w *Worker) Turn() {
	w.follow()
	if w.cfg.MaxMemory > 0 || w.d.state.Load()&OverMemory != 0 {
		w.d.checkMemory(w.cfg.MaxMemory)
	}
	w.msTicks = max(clock.NanosToTicks(1e6), 1)
	w.readClock(clock.Ticks())
}

// follow takes over the configuration in force.
func (w *Worker) follow() {
	cfg := w.d.env.Config.Current()
	if cfg != w.cfg {
		w.cfg = cfg
		w.limits.MaxBulk = cfg.ProtoMaxBulkLen
		w.limits.MaxInline = resp.DefaultMaxInline
		if w.slowTicks = slowest(cfg); w.replayer != nil {
			w.slowTicks = math.MaxInt64
		}
	}
}

func (w *Worker) readClock(now int64) {
	w.ticks, w.nowTicks = now, now
	w.tx.SetNow(w.d.env.Clock.Millis())
}

// Verdict says why Feed stopped.
type Verdict uint8

// Verdicts.
const (
	Hungry    Verdict = iota // all whole commands have run; more input is needed
	Parked                   // a command must wait; it and what follows were not consumed
	Close                    // the connection is to be closed once its replies are sent
	Full                     // the replies are to be sent before more commands run
	Blocked                  // a command waits for keys; what follows it was not consumed
	Streaming                // the rest of a long reply comes before what follows, which was not consumed
)

// flushAt is how many bytes of replies may gather before they are sent.
const flushAt = 256 << 10

// Feed runs the commands at the front of buf for a session and returns how many bytes are done
// with. The world has been entered.
func (w *Worker) Feed(s *command.Session, p *resp.Parser, buf []byte) (consumed int, v Verdict) {
	w.Writer.SetProto(int(s.Proto))
	w.call.Session = s
	for {
		n, next, more, bad := w.cut(s, p, buf, consumed)
		if n > 1 {
			w.prefetch(int(s.DB), n)
		}
		for i := range n {
			r := &w.batch[i]
			if !w.run(s, r) {
				p.Reset()
				return r.start, Parked
			}
			if s.State&(command.Closing|command.Killed|command.Blocked|command.Streaming) != 0 {
				switch {
				case s.State&command.Streaming != 0:
					v = Streaming
				case s.State&command.Blocked != 0:
					v = Blocked
				default:
					return next, Close
				}
				p.Reset()
				return w.after(i, n, next), v
			}
			if w.Writer.Len() >= flushAt {
				p.Reset()
				return w.after(i, n, next), Full
			}
		}
		consumed = next
		if bad != "" {
			w.Writer.Error(bad)
			w.d.env.Errors.Count([]byte(bad))
			s.State |= command.Closing
			return consumed, Close
		}
		if !more {
			return consumed, Hungry
		}
	}
}

// after returns where the input goes on after the command i of a batch of n that ends at next.
func (w *Worker) after(i, n, next int) int {
	if i+1 < n {
		return w.batch[i+1].start
	}
	return next
}

// cut parses up to a batch of commands from buf[from:]. more tells that there may be another batch.
func (w *Worker) cut(s *command.Session, p *resp.Parser, buf []byte, from int) (n, next int, more bool, bad resp.Error) {
	w.limits.Authenticated = s.State&command.Unauthenticated == 0
	w.args = w.args[:0]
	next = from
	for n < batchSize && next < len(buf) {
		first := len(w.args)
		used, out, status, err := p.Next(buf[next:], w.args, &w.limits)
		switch status {
		case resp.NeedMore:
			return n, next, false, ""
		case resp.Bad:
			return n, next, false, err
		case resp.Empty:
			next += used
			continue
		}
		w.args = out
		r := &w.batch[n]
		r.args = out[first:len(out):len(out)]
		r.start = next
		w.lookup(r)
		n++
		next += used
		if !w.limits.Authenticated || len(w.args) > 16*batchSize {
			// What may follow depends on whether this one is let in; and args stay few.
			return n, next, next < len(buf), ""
		}
	}
	return n, next, next < len(buf), ""
}

// lookup finds a request's command and the hash of its first key.
func (w *Worker) lookup(r *request) {
	r.hashed = 0
	r.spec, r.container = w.d.env.Table.Find(r.args)
	if r.spec == nil {
		return
	}
	if k := r.spec.FirstKey; k > 0 && k < len(r.args) {
		r.hashed = k
		r.hash = w.tx.Hash(r.args[k])
	}
}

// prefetch asks for the memory that a batch is about to touch.
func (w *Worker) prefetch(db, n int) {
	ks := w.d.env.Keyspace
	elements := false
	for i := range n {
		r := &w.batch[i]
		if r.big = nil; r.hashed == 0 {
			continue
		}
		ks.PrefetchBucket(db, r.hash)
		if at := int(w.d.elements[r.spec.Index]); at > 0 && at < len(r.args) {
			r.big, r.elementHash = w.tx.PrefetchIndex(r.hash, r.args[at])
			elements = elements || r.big != nil
		}
	}
	for i := range n {
		if r := &w.batch[i]; r.hashed != 0 {
			ks.PrefetchEntry(db, r.hash)
		}
	}
	if elements {
		for i := range n {
			if r := &w.batch[i]; r.big != nil {
				r.big.PrefetchElement(r.elementHash)
			}
		}
	}
}
