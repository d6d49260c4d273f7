// MULTI, EXEC, DISCARD, WATCH and UNWATCH. Queueing and running are the dispatcher's.

package command

import (
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// Errors of transactions.
const (
	errNestedMulti    resp.Error = "ERR MULTI calls can not be nested"
	errDiscardNoMulti resp.Error = "ERR DISCARD without MULTI"
	errWatchInMulti   resp.Error = "ERR WATCH inside MULTI is not allowed"
)

func multi(c *Call) error {
	if c.Session.State&InMulti != 0 {
		return errNestedMulti
	}
	c.Session.State |= InMulti
	c.Reply.OK()
	return nil
}

func exec(c *Call) error { return c.Env.Exec.Exec(c) }

func discard(c *Call) error {
	if c.Session.State&InMulti == 0 {
		return errDiscardNoMulti
	}
	c.Session.DropQueue()
	c.Session.Unwatch(c.Tx)
	c.Reply.OK()
	return nil
}

func watch(c *Call) error {
	s := c.Session
	if s.State&InMulti != 0 {
		return errWatchInMulti
	}
	m := s.Extra()
	for _, name := range c.Args[1:] {
		if s.watches(name) {
			continue
		}
		// A key that has ended goes now, so that its disappearance is no change later. The running
		// save may hold it back.
		c.Tx.Key(c.DB(), name, keyspace.Peek)
		k := c.Tx.Stored(c.DB(), name)
		c.Tx.Watch(c.DB(), name, s)
		m.Watched = append(m.Watched, WatchedKey{DB: c.DB(), Name: string(name), Expired: k.Exists() && k.Stale()})
		s.State |= Watching
	}
	c.Reply.OK()
	return nil
}

// watches tells whether a key of the session's database is watched already.
func (s *Session) watches(name []byte) bool {
	for i := range s.More.Watched {
		if w := &s.More.Watched[i]; w.DB == int(s.DB) && w.Name == string(name) {
			return true
		}
	}
	return false
}

func unwatch(c *Call) error {
	c.Session.Unwatch(c.Tx)
	c.Reply.OK()
	return nil
}
