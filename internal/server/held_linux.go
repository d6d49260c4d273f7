//go:build !portable

// Held: the replies of a loop that wait for the disk, turn by turn.
//
// What is held in one turn waits for one position of the journal, that of the turn's end. A
// connection with held replies gets all that follow behind them.

package server

import (
	"math"
	"sync/atomic"

	"tarn/internal/command"
)

// keepHeld is how large a turn's buffer may stay.
const keepHeld = 1 << 20

// held is a queue of turns whose replies wait.
type held struct {
	turns []heldTurn
	free  []heldTurn // their memory, for other turns
	open  bool       // the last of turns is of the turn under way
	any   atomic.Bool
}

// heldTurn holds the replies of one turn.
type heldTurn struct {
	until   int64 // position of the journal that must be on disk
	bytes   []byte
	replies []heldReply
}

// heldReply is one connection's part of a turn: bytes[from:to].
type heldReply struct {
	c        *conn
	from, to int
}

// holdBack keeps replies until the disk has what they tell of.
func (k *link) holdBack(c *conn, b []byte) {
	h := &k.loop.held
	if !h.open {
		var t heldTurn
		if n := len(h.free); n > 0 {
			t, h.free = h.free[n-1], h.free[:n-1]
		}
		t.until = math.MaxInt64 // until seal
		h.turns = append(h.turns, t)
		h.open = true
		h.any.Store(true)
	}
	t := &h.turns[len(h.turns)-1]
	from := len(t.bytes)
	t.bytes = append(t.bytes, b...)
	t.replies = append(t.replies, heldReply{c, from, len(t.bytes)})
	k.held += len(b)
}

// holds tells whether replies of the connection are held.
func (k *link) holds() bool { return k.held > 0 }

// seal ends the turn under way: what it held waits for end.
func (h *held) seal(end int64) {
	if h.open {
		h.turns[len(h.turns)-1].until = end
		h.open = false
	}
}

// release has every loop that holds replies look at the disk.
func (n *network) release() {
	for _, l := range n.loops {
		if l.held.any.Load() {
			l.wake()
		}
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
		for _, r := range t.replies {
			if r.c.link.loop != nil && !l.sendHeld(r.c, t.bytes[r.from:r.to]) {
				l.close(r.c)
			}
		}
		clear(t.replies)
		if cap(t.bytes) <= keepHeld {
			h.free = append(h.free, heldTurn{bytes: t.bytes[:0], replies: t.replies[:0]})
		}
	}
	h.turns = h.turns[:copy(h.turns, h.turns[done:])]
	h.any.Store(len(h.turns) > 0)
}

// sendHeld writes replies that were held. It reports false when the connection is to be closed.
func (l *loop) sendHeld(c *conn, b []byte) bool {
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
	return c.link.holds() || l.sentAll(c)
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
