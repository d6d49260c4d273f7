//go:build !portable

// Held: the replies of a loop that wait for the log, turn by turn.
//
// What is held in one turn waits for one position of the journal, that of the turn's end. A
// connection with held replies gets all that follow behind them.

package server

import (
	"math"
	"sync/atomic"

	"tarn/internal/command"
)

// writesThrough tells that executors write the log where that needs no waiting.
const writesThrough = true

const (
	// heldSize is how much one buffer of held replies takes, unless one reply is larger.
	heldSize = 256 << 10

	// keepHeld is how many such buffers a loop keeps.
	keepHeld = 8

	// uncounted is how much may wait for the disk before it counts as unread: as much as a redis-server has room for in a
	// client itself.
	uncounted = 16 << 10

	// largeReply is the size from which a reply is not copied to be sent at the end of the turn: the log is
	// written for it.
	largeReply = 4 << 10
)

// held is a queue of turns whose replies wait.
type held struct {
	turns []heldTurn
	free  []heldTurn // their memory, for other turns
	open  int        // how many of turns, the last ones, are of the turn under way
	any   atomic.Bool
	looks atomic.Bool // the loop will look at the disk anyway
}

// heldTurn holds replies of one turn: all, or as many as a buffer takes.
type heldTurn struct {
	until   int64 // position of the journal at the turn's end; under always the disk must have it
	bytes   []byte
	replies []heldReply
}

// heldReply is one connection's part of a turn: bytes[from:to].
type heldReply struct {
	c        *conn
	from, to int
}

// holdBack keeps replies until the log has what they tell of.
func (k *link) holdBack(c *conn, b []byte) {
	t := k.loop.held.room(len(b))
	from := len(t.bytes)
	t.bytes = append(t.bytes, b...)
	t.replies = append(t.replies, heldReply{c, from, len(t.bytes)})
	k.held += len(b)
}

// room returns what the turn under way holds, with room for size bytes.
func (h *held) room(size int) *heldTurn {
	last := len(h.turns) - 1
	if h.open > 0 && len(h.turns[last].bytes)+size <= cap(h.turns[last].bytes) {
		return &h.turns[last]
	}
	var t heldTurn
	if n := len(h.free); n > 0 && size <= heldSize {
		t, h.free = h.free[n-1], h.free[:n-1]
	} else {
		t.bytes = make([]byte, 0, max(size, heldSize))
	}
	t.until = math.MaxInt64 // until seal
	h.turns = append(h.turns, t)
	h.open++
	h.any.Store(true)
	return &h.turns[last+1]
}

// holds tells whether replies of the connection are held.
func (k *link) holds() bool { return k.held > 0 }

// disk returns how many bytes of replies count as unread because they wait for the disk, and not only for the turn's end.
func (k *link) disk() int {
	if k.held > 0 && k.loop.always {
		return max(k.held-uncounted, 0)
	}
	return 0
}

// seal ends the turn under way: what it held waits for end.
func (h *held) seal(end int64) {
	for ; h.open > 0; h.open-- {
		h.turns[len(h.turns)-h.open].until = end
	}
}

// release has every loop that holds replies look at the disk.
func (n *network) release() {
	for _, l := range n.loops {
		if l.held.any.Load() && !l.held.looks.Load() {
			l.wake()
		}
	}
}

// mayHold tells whether a reply that must wait can be kept, small as it is, or since it is the disk that it waits for.
func (x *executor) mayHold(size int) bool {
	return size < largeReply || x.srv.awaitsDisk(x.srv.cfg())
}

// sendNow sends what a connection's replies held in the turn under way, before the turn ends, so that a large one need not
// be copied: the log is written first. It reports false when the connection is broken or over its limit.
func (k *link) sendNow(c *conn) bool {
	l := k.loop
	end := l.srv.dispatcher.Journal().End()
	if l.hasUnwritten() {
		l.writeLog()
	}
	l.safe = end
	for i := 0; i < len(l.held.turns) && k.held > 0; i++ {
		t := &l.held.turns[i]
		for at, r := range t.replies {
			if r.c != c {
				continue
			}
			t.replies[at].c = nil
			if !l.deliver(c, t.bytes[r.from:r.to]) {
				return false
			}
		}
	}
	return true
}

// hasUnwritten tells whether the journal holds what the log does not.
func (x *executor) hasUnwritten() bool {
	j := x.srv.dispatcher.Journal()
	return j.Active() && j.End() != x.srv.persist.InFile()
}

// settle ends a turn's changes: the log gets them, and replies that wait for no more than that leave.
func (l *loop) settle() {
	end := l.srv.dispatcher.Journal().End()
	if l.hasUnwritten() {
		// Outside of the world: whoever stops it need not wait for a disk.
		world := &l.srv.dispatcher.World
		world.Leave()
		l.held.looks.Store(true)
		l.writeLog()
		l.held.looks.Store(false)
		world.Enter()
	}
	if !l.held.any.Load() {
		return
	}
	l.held.seal(end)
	ran := l.worker.Commands()
	l.releaseHeld()
	if l.worker.Commands() != ran {
		l.own = true // what went on by it belongs to another turn
	}
}

// releaseHeld sends the replies that need not wait any more. Connections that go on by it may have
// further replies held, in a turn behind those that are released.
func (l *loop) releaseHeld() {
	h := &l.held
	onDisk := l.srv.onDisk.Load()
	if !l.srv.awaitsDisk(l.srv.cfg()) {
		h.seal(onDisk)
		onDisk = math.MaxInt64 - 1
	}
	done := 0
	for ; done < len(h.turns) && h.turns[done].until <= onDisk; done++ {
		t := h.turns[done]
		for i, r := range t.replies {
			t.replies[i].c = nil // sendNow, if it comes to that, is not to send it again
			if r.c != nil && r.c.link.loop != nil && !l.sendHeld(r.c, t.bytes[r.from:r.to]) {
				l.close(r.c)
			}
		}
		clear(t.replies)
		if cap(t.bytes) == heldSize && len(h.free) < keepHeld {
			h.free = append(h.free, heldTurn{bytes: t.bytes[:0], replies: t.replies[:0]})
		}
	}
	h.turns = h.turns[:copy(h.turns, h.turns[done:])]
	h.any.Store(len(h.turns) > 0)
}

// sendHeld writes replies that were held, and lets the connection go on that has waited for it. It reports false when the
// connection is to be closed.
func (l *loop) sendHeld(c *conn, b []byte) bool {
	return l.deliver(c, b) && (c.out != nil || c.link.holds() || l.sentAll(c))
}

// deliver writes replies that were held, and keeps what the socket does not take. It reports false when the connection is
// broken or over its limit.
func (l *loop) deliver(c *conn, b []byte) bool {
	c.link.held -= len(b)
	rest := b
	if c.out == nil {
		n, err := c.link.write(b)
		if err != nil {
			return false
		}
		l.srv.stats.netOut.Add(int64(n))
		if rest = b[n:]; len(rest) > 0 {
			c.link.wantWrite(true)
		}
	}
	if len(rest) > 0 {
		c.hold(rest, 0)
		return !l.srv.overOutputLimit(c)
	}
	return true
}

// sentAll lets a connection go on that has waited for its replies to be sent. It reports false when it
// was only kept for them.
func (l *loop) sentAll(c *conn) bool {
	switch {
	case c.State&command.Closing != 0:
		return false
	case c.State&command.Streaming != 0:
		l.queue = append(l.queue, c)
	case c.link.armed&armedInput == 0 && c.State&(command.Parked|command.Blocked) == 0:
		c.link.arm(c.link.armed | armedInput)
		return l.advance(c, c.in)
	}
	return true
}
