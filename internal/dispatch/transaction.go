// Transactions: MULTI queues, EXEC runs the queue as one.
//
// EXEC locks the shards of every key that is queued or watched, all of them when a queued command
// concerns the whole keyspace, and stops the world when one needs that. Under these locks it
// decides whether a watched key has changed, and runs the queue; nobody sees anything in between.

package dispatch

import (
	"tarn/internal/command"
	"tarn/internal/resp"
)

// Errors of EXEC.
const (
	ErrExecWithoutMulti resp.Error = "ERR EXEC without MULTI"
	ErrExecAbort        resp.Error = "EXECABORT Transaction discarded because of previous errors."
)

// queuedOverhead is what a queued command costs besides its arguments' bytes.
const (
	queuedOverhead = 48
	queuedPerArg   = 24
)

// queue keeps a command for EXEC. Its arguments are copied: they lie in the read buffer.
func (w *Worker) queue(s *command.Session, r *request) {
	m := s.Extra()
	size := 0
	for _, a := range r.args {
		size += len(a)
	}
	args := copyArgs(r.args)
	m.Queue = append(m.Queue, command.Queued{Spec: r.spec, Args: args})
	m.QueueBytes += int64(size + queuedOverhead + queuedPerArg*len(args))
	w.Writer.Queued()
}

// lockQueue takes the locks of a session's queue and watched keys. It reports false, holding none,
// when a queued command must wait for the running save.
func (w *Worker) lockQueue(s *command.Session) bool {
	if s.State&command.InMulti == 0 {
		return true
	}
	m := s.Extra()
	kind := lockKeys
	for i := range m.Queue {
		kind = max(kind, w.d.locks[m.Queue[i].Spec.Index])
	}
	w.stopped = kind == lockWorld
	if w.stopped {
		w.stopWorld()
	}
	if kind >= lockAll {
		w.tx.WantAll()
	}
	for i := range m.Watched {
		w.tx.Want(w.tx.Hash([]byte(m.Watched[i].Name)))
	}
	for i := range m.Queue {
		w.wantKeys(m.Queue[i].Spec, m.Queue[i].Args)
	}
	w.tx.LockWanted()
	if s.State&command.MultiError == 0 && !w.queueReady(s) {
		w.unlockQueue()
		return false
	}
	w.tx.Nest()
	return true
}

func (w *Worker) unlockQueue() {
	w.tx.Unlock()
	if w.stopped {
		w.stopped = false
		w.resumeWorld()
	}
}

// queueReady tells whether the running save lets the queue change its keys. A SELECT in the queue
// changes the database of what follows it.
func (w *Worker) queueReady(s *command.Session) bool {
	db := int(s.DB)
	for i := range s.More.Queue {
		q := &s.More.Queue[i]
		if q.Spec.Name == "select" && len(q.Args) == 2 {
			if n, ok := resp.ParseInt(q.Args[1]); ok && n >= 0 && n < int64(w.tx.Keyspace().Databases()) {
				db = int(n)
			}
		}
		if q.Spec.Flags&command.Write == 0 {
			continue
		}
		w.keys, _ = q.Spec.ExtractKeys(q.Args, w.keys[:0])
		for _, k := range w.keys {
			name := q.Args[k.Pos]
			if k.Flags&command.RO == 0 && !w.tx.Ready(db, name, w.tx.Hash(name)) {
				return false
			}
		}
	}
	return true
}

// Exec runs the queue of c's session: the body of EXEC's handler. Its locks are held (lockQueue).
func (d *Dispatcher) Exec(c *command.Call) error {
	s := c.Session
	if s.State&command.InMulti == 0 {
		return ErrExecWithoutMulti
	}
	w := c.Runner.(*Worker)
	defer w.tx.Unnest()
	queue := s.More.Queue
	doomed, changed := s.State&command.MultiError != 0, s.Changed() || w.watchedExpired(s)
	s.DropQueue()
	s.Unwatch(w.tx)
	if doomed {
		return ErrExecAbort
	}
	if changed {
		c.Reply.NullArray()
		return nil
	}
	c.Reply.Array(len(queue))
	c.InExec = true
	limit, over := w.cfg.ClientOutputBufferLimit.Normal.HardBytes, false
	for i := range queue {
		mark := c.Reply.Mark()
		w.nested(s, &queue[i])
		if over {
			c.Reply.Truncate(mark)
		}
		over = over || limit > 0 && int64(c.Reply.Len()) > limit
	}
	c.InExec = false
	if over { // the transaction is done, but its replies are more than the client may leave unread
		s.State |= command.Killed
		w.d.env.Host.Warn("Client " + s.Conn.Addr() + " closed for overcoming of output buffer limits, by the replies of a transaction.")
	}
	return nil
}

// watchedExpired tells whether the deadline of a watched key has passed since WATCH.
func (w *Worker) watchedExpired(s *command.Session) bool {
	if s.State&command.Watching == 0 {
		return false
	}
	for i := range s.More.Watched {
		watched := &s.More.Watched[i]
		if watched.Expired {
			continue
		}
		k := w.tx.Stored(watched.DB, []byte(watched.Name))
		if k.Exists() && k.Stale() {
			return true
		}
	}
	return false
}
