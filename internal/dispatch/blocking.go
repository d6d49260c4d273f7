// Blocking: clients that wait for keys, and how they are served.
//
// A handler that blocks leaves a waiter behind: a copy of its command, standing in the lines of its
// keys. A command that made waited keys ready (EXEC as a whole is one) serves them when it has
// released its locks, before its executor runs anything else: the keys in the order in which they
// became ready, the waiters of each in the order in which they came. Serving is to lock what the
// waiter's command needs and to run its handler again; either that replies, and the waiter is done,
// or it blocks again and keeps its place. Serving may make further keys ready: it goes on until
// there are none.
//
// The waiter's connection may belong to another executor. The handler runs with a stand-in for its
// session, and the reply goes to the connection by Deliver.
//
// One executor serves at a time. Under the same lock a wait ends by timeout, by CLIENT UNBLOCK or
// with its connection, so that a waiter is either served or ended, once. Between a change and the
// service that it calls for the locks are free, but whoever takes the lock of a shard with unserved
// keys serves them before its own command runs (lock): nobody is served before somebody who has
// waited for longer. One exception: while the running save cannot take what a waiter's command
// would change, its ready key is put off until the save's Resume, and commands that the save does
// not hold back may come first.
//
// The order of locks: world, room.serving, shards, room.mu.

package dispatch

import (
	"container/heap"
	"math"
	"sync"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// ErrUnblocked is the reply to a blocking command ended by CLIENT UNBLOCK with ERROR.
const ErrUnblocked resp.Error = "UNBLOCKED client unblocked via CLIENT UNBLOCK"

// waiter is a blocked client and its command.
type waiter struct {
	keyspace.Waiter
	session  *command.Session
	guest    command.Session // stands in for the session where another executor runs the command
	spec     *command.Spec
	args     [][]byte
	mute     bool  // the reply is not wanted
	deadline int64 // Unix ms, never: none
	at       int   // in room.due
}

// never is a deadline that does not come.
const never = math.MaxInt64

// room is where blocked clients wait.
type room struct {
	serving  sync.Mutex          // held by who serves or ends waiters
	deferred []keyspace.ReadyKey // ready keys that wait for the save; guarded by serving
	mu       sync.Mutex          // guards the fields below
	blocked  map[*command.Session]*waiter
	due      deadlines
	awake    int64 // Unix ms when the keeper of time will look next
}

// Block implements command.Executor. The shards of the waited keys are locked.
func (d *Dispatcher) Block(c *command.Call, o *command.Wait) {
	w := c.Runner.(*Worker)
	if w.again {
		w.still = true
		return
	}
	s := c.Session
	wt := &waiter{session: s, spec: c.Spec, args: copyArgs(c.Args), deadline: never}
	wt.Waiter = keyspace.Waiter{Type: o.Type, Gone: o.Gone, Owner: wt}
	wt.mute = s.State&(command.ReplyOff|command.ReplySkip) != 0
	g := &wt.guest
	g.ID, g.Conn, g.LastCmd, g.More, g.State, g.DB, g.Proto = s.ID, s.Conn, c.Spec, s.More, s.State, s.DB, s.Proto
	if o.Millis > 0 {
		wt.deadline = c.Now() + o.Millis
	}
	s.State |= command.Blocked
	w.tx.Await(&wt.Waiter, int(s.DB), o.Keys)
	if d.room.enter(wt) {
		d.nudge()
	}
}

// copyArgs copies arguments, which lie in a read buffer, into one block.
func copyArgs(args [][]byte) [][]byte {
	size := 0
	for _, a := range args {
		size += len(a)
	}
	text := make([]byte, 0, size)
	own := make([][]byte, len(args))
	for i, a := range args {
		at := len(text)
		text = append(text, a...)
		own[i] = text[at:len(text):len(text)]
	}
	return own
}

// enter takes note of a waiter. It tells whether its deadline comes before the next look at them.
func (r *room) enter(wt *waiter) (sooner bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked[wt.session] = wt
	if wt.deadline == never {
		return false
	}
	heap.Push(&r.due, wt)
	if wt.deadline >= r.awake {
		return false
	}
	r.awake = wt.deadline
	return true
}

// leave forgets a waiter.
func (r *room) leave(wt *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.blocked, wt.session)
	if wt.deadline != never {
		heap.Remove(&r.due, wt.at)
	}
}

// of returns the waiter of a session, or nil.
func (r *room) of(s *command.Session) *waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.blocked[s]
}

// overdue returns a waiter whose deadline has come, or nil and when the next deadline comes.
func (r *room) overdue(now int64) (wt *waiter, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awake = never
	if len(r.due) > 0 {
		if r.due[0].deadline <= now {
			return r.due[0], now
		}
		r.awake = r.due[0].deadline
	}
	return nil, r.awake
}

// Blocked returns how many clients are blocked, and how many of them with a timeout.
func (d *Dispatcher) Blocked() (clients, timed int) {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	return len(d.room.blocked), len(d.room.due)
}

// nudge has the keeper of time look at once.
func (d *Dispatcher) nudge() {
	select {
	case d.Nudge <- struct{}{}:
	default:
	}
}

// Retry has the keys that waited for a save served.
func (d *Dispatcher) Retry() { d.nudge() }

// Sweep is told of a job that may have made waited keys ready through a Tx that is no worker's.
func (d *Dispatcher) Sweep(tx *keyspace.Tx) {
	if tx.Stirred() {
		tx.Settle()
		d.nudge()
	}
}

// Keep is the turn of the keeper of time: it ends the waits whose deadline has come, and serves what
// nobody else does. It returns when it is to be called next, Unix ms, unless Nudge asks for it
// sooner; ok is false when nobody waits with a timeout. The world has been entered.
func (w *Worker) Keep(now int64) (next int64, ok bool) {
	w.serve()
	for {
		wt, next := w.d.room.overdue(now)
		if wt == nil {
			return next, next != never
		}
		w.d.end(wt.session, w.tx, replyNull)
	}
}

// Unblock ends the wait of a session, with an error or as by timeout. It reports false when the
// session is not blocked. The caller has stopped the world.
func (d *Dispatcher) Unblock(s *command.Session, withError bool) bool {
	if !withError {
		return d.endAlone(s, replyNull)
	}
	ended := d.endAlone(s, replyUnblocked)
	if ended {
		d.env.Errors.Count([]byte(ErrUnblocked))
	}
	return ended
}

// Forget ends the wait of a session, if it waits, without a reply: its connection ends. tx is the
// executor's; it holds no locks.
func (d *Dispatcher) Forget(s *command.Session, tx *keyspace.Tx) {
	if s.State&command.Blocked != 0 {
		d.end(s, tx, nil)
	}
}

// ForgetAlone is Forget for a caller that has stopped the world.
func (d *Dispatcher) ForgetAlone(s *command.Session) {
	if s.State&command.Blocked != 0 {
		d.endAlone(s, nil)
	}
}

// endAlone is end with the world stopped.
func (d *Dispatcher) endAlone(s *command.Session, reply func(*resp.Writer)) (ended bool) {
	tx := d.own
	if d.alone != nil {
		tx = d.alone.tx
	} else {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	return d.end(s, tx, reply)
}

// end ends the wait of a session with a reply; nil: with none. It reports false when it does not
// wait any more.
func (d *Dispatcher) end(s *command.Session, tx *keyspace.Tx, reply func(*resp.Writer)) bool {
	d.room.serving.Lock()
	defer d.room.serving.Unlock()
	wt := d.room.of(s)
	if wt == nil {
		return false
	}
	tx.WantWaiter(&wt.Waiter)
	tx.LockWanted()
	tx.Leave(&wt.Waiter)
	tx.Unlock()
	d.room.leave(wt)
	if reply == nil {
		return true
	}
	var b resp.Writer
	b.SetProto(int(wt.guest.Proto))
	reply(&b)
	d.deliver(nil, wt, b.Buffer())
	return true
}

// What the client of a wait that was ended is told.
func replyNull(b *resp.Writer)      { b.NullArray() }
func replyUnblocked(b *resp.Writer) { b.Error(ErrUnblocked) }

// deliver hands the reply of a blocked command to its connection, which goes on from there.
func (d *Dispatcher) deliver(by *Worker, wt *waiter, reply []byte) {
	if wt.mute {
		reply = nil
	}
	d.Deliver(by, wt.session, reply)
}

// serve serves the ready keys until there are none. The worker holds no locks.
func (w *Worker) serve() {
	r := &w.d.room
	r.serving.Lock()
	defer r.serving.Unlock()
	for _, key := range r.takeDeferred() {
		w.tx.LockHash(key.Hash)
		w.tx.MarkReady(&key)
		w.tx.Unlock()
	}
	for {
		key, ok := w.tx.Keyspace().NextReady()
		if !ok {
			break
		}
		w.serveKey(&key)
	}
	w.tx.Settle()
}

func (r *room) takeDeferred() []keyspace.ReadyKey {
	keys := r.deferred
	r.deferred = nil
	return keys
}

// serveKey runs the commands that wait for a key.
func (w *Worker) serveKey(key *keyspace.ReadyKey) {
	for served := true; ; {
		w.tx.LockHash(key.Hash)
		var next *keyspace.Waiter
		if served {
			next = w.tx.NextWaiter(key)
		}
		if next == nil {
			w.tx.Served(key)
		}
		w.tx.Unlock()
		if next == nil {
			return
		}
		if served = w.runAgain(next.Owner.(*waiter), key.Name); !served {
			w.d.room.deferred = append(w.d.room.deferred, keyspace.ReadyKey{DB: key.DB, Name: key.Name, Hash: key.Hash})
		}
	}
}

// runAgain runs a waiter's command on account of a key that is ready. It reports false, with
// nothing done, when the command must wait for the running save.
func (w *Worker) runAgain(wt *waiter, ready []byte) bool {
	spec := wt.spec
	w.wantKeys(spec, wt.args)
	w.tx.LockWanted()
	if spec.Flags&command.Write != 0 && !w.keysReady(&wt.guest, spec, wt.args) {
		w.tx.Unlock()
		return false
	}
	mark, proto, saved := w.Writer.Mark(), w.Writer.Proto(), w.call // of a command that has yet to run
	w.Writer.SetProto(int(wt.guest.Proto))
	w.call.Session = &wt.guest
	w.tx.SetNoTouch(wt.guest.State&command.NoTouch != 0)
	w.call.BeginAgain(spec, wt.args, ready)
	w.again, w.still = true, false
	err := w.perform(&wt.guest, spec, wt.args)
	w.again = false
	w.call = saved
	if w.still {
		w.tx.Unlock()
	} else {
		w.tx.Leave(&wt.Waiter)
		w.tx.Unlock()
		w.d.room.leave(wt)
		w.finishAgain(wt, err)
		w.d.deliver(w, wt, append([]byte(nil), w.Writer.Buffer()[mark:]...))
	}
	w.Writer.Truncate(mark)
	w.Writer.SetProto(proto)
	return true
}

// finishAgain writes the reply of a handler that failed when it was run again, and takes the run
// into the statistics. The call itself was counted when it blocked.
func (w *Worker) finishAgain(wt *waiter, err error) {
	if err != nil {
		w.fail(err)
		w.stats.Failed(wt.spec.Index)
	}
	now := clock.Ticks()
	spent := now - w.ticks
	w.ticks = now
	w.totals.ticks.Add(spent)
	if spent >= w.slowTicks {
		w.slow(&wt.guest, wt.spec, wt.args, spent)
	}
}

// deadlines is a heap of waiters by their deadline.
type deadlines []*waiter

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].deadline < h[j].deadline }

func (h deadlines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *deadlines) Push(x any) {
	wt := x.(*waiter)
	wt.at = len(*h)
	*h = append(*h, wt)
}

// Pop implements heap.Interface.
func (h *deadlines) Pop() any {
	last := len(*h) - 1
	wt := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return wt
}
