// Clients: all connections together, as CLIENT and the periodic job see them.

package server

import (
	"sync"

	"tarn/internal/command"
	"tarn/internal/config"
)

// clients is the list of all connections, oldest first.
type clients struct {
	srv *Server

	mu          sync.Mutex // guards the links, and the fields below
	first, last *conn
	count       int
	nextID      int64
}

func (l *clients) add(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextID++
	c.ID = l.nextID
	if c.prev = l.last; c.prev != nil {
		c.prev.next = c
	} else {
		l.first = c
	}
	l.last = c
	l.count++
}

func (l *clients) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.last = c.prev
	}
	c.prev, c.next = nil, nil
	l.count--
}

// len returns the number of connections.
func (l *clients) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Each implements command.Clients.
func (l *clients) Each(f func(*command.Session) bool) {
	for c := l.first; c != nil; {
		next := c.next
		if c.State&command.Killed == 0 && !f(&c.Session) {
			return
		}
		c = next
	}
}

// Kill implements command.Clients.
func (l *clients) Kill(s, caller *command.Session) {
	if s == caller {
		s.State |= command.Closing
		return
	}
	l.srv.dispatcher.ForgetAlone(s)
	s.State |= command.Killed
	s.Conn.(*conn).link.closeSoon()
}

// Pause implements command.Clients. A longer pause, or one of all commands, is not weakened.
func (l *clients) Pause(until int64, all bool) { l.srv.dispatcher.Pause(until, all) }

// Unpause implements command.Clients.
func (l *clients) Unpause() {
	l.srv.dispatcher.Unpause()
	l.srv.resume()
}

// Unblock implements command.Clients.
func (l *clients) Unblock(s *command.Session, withError bool) bool {
	return l.srv.dispatcher.Unblock(s, withError)
}

// tidy closes the connections that are idle for too long or over their soft output limit. The world
// is stopped.
func (l *clients) tidy(cfg *config.Config, now uint32) {
	for c := l.first; c != nil; {
		next := c.next
		switch {
		case c.Aside() > 0 && l.srv.overOutputLimit(c):
			l.Kill(&c.Session, nil)
		case c.State&(command.Killed|command.Parked|command.Blocked|command.Streaming) != 0:
		case cfg.Timeout > 0 && int64(now-c.Active) > cfg.Timeout:
			l.srv.log.Verbose("Closing idle client")
			l.Kill(&c.Session, nil)
		case c.out != nil && l.srv.overOutputLimit(c):
			l.Kill(&c.Session, nil)
		}
		c = next
	}
}

// totals are sums over all connections.
type totals struct {
	memory              int64
	maxInput, maxOutput int64
	blocked, watching   int
}

// totals adds up what the connections hold. The world is stopped.
func (l *clients) totals() totals {
	var t totals
	for c := l.first; c != nil; c = c.next {
		b := c.Buffers()
		t.memory += int64(b.Total)
		t.maxInput = max(t.maxInput, int64(b.Query))
		t.maxOutput = max(t.maxOutput, int64(b.Output))
		if c.State&command.Watching != 0 {
			t.watching++
		}
		if c.State&(command.Parked|command.Blocked) != 0 {
			t.blocked++
		}
	}
	return t
}

// hangUp closes every connection, as the process ends.
func (l *clients) hangUp() {
	for c := l.first; c != nil; {
		next := c.next
		c.State |= command.Killed
		c.link.shut()
		c = next
	}
}
