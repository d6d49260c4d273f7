// XINFO: what a stream, its groups and their consumers are like.

package command

import (
	"tarn/internal/value"
)

// describedStream looks up the stream at argument 2.
func (c *Call) describedStream() (s *value.Stream, err error) {
	k := c.Read(2)
	if s, err = streamAt(&k); err == nil && s == nil {
		err = ErrNoSuchKey
	}
	return s, err
}

func xinfoConsumers(c *Call) error {
	s, err := c.describedStream()
	if err != nil {
		return err
	}
	g := s.Group(c.Args[3])
	if g == nil {
		return errNoGroupOf(c.Args[3], c.Args[2])
	}
	c.Reply.Array(len(g.Consumers()))
	for _, r := range g.Consumers() {
		c.Reply.Map(4)
		c.Reply.BulkString("name")
		c.Reply.BulkString(r.Name)
		c.infoInt("pending", int64(r.Pending()))
		c.infoInt("idle", max(c.Now()-r.Seen, 0))
		inactive := int64(-1)
		if r.Active != -1 {
			inactive = max(c.Now()-r.Active, 0)
		}
		c.infoInt("inactive", inactive)
	}
	return nil
}

func xinfoGroups(c *Call) error {
	s, err := c.describedStream()
	if err != nil {
		return err
	}
	c.Reply.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Reply.Map(6)
		c.Reply.BulkString("name")
		c.Reply.BulkString(g.Name)
		c.infoInt("consumers", int64(len(g.Consumers())))
		c.infoInt("pending", int64(g.Pending()))
		c.infoProgress(s, g)
	}
	return nil
}

const xinfoCount = 10 // COUNT where it is not given

func xinfoStream(c *Call) error {
	s, err := c.describedStream()
	if err != nil {
		return err
	}
	count := int64(xinfoCount)
	switch n := len(c.Args); {
	case n == 3:
		c.Reply.Map(10)
		c.infoStream(s)
		c.infoInt("groups", int64(len(s.Groups())))
		c.Reply.BulkString("first-entry")
		c.infoEntry(s, s.FirstID())
		c.Reply.BulkString("last-entry")
		c.infoEntry(s, s.LastEntryID())
		return nil
	case !isToken(c.Args[3], "FULL"), n != 4 && n != 6, n == 6 && !isToken(c.Args[4], "COUNT"):
		return c.errSubcommand()
	case n == 6:
		if count, err = parseInt(c.Args[5]); err != nil {
			return err
		}
		if count < 0 {
			count = xinfoCount
		}
	}
	c.Reply.Map(9)
	c.infoStream(s)
	c.Reply.BulkString("entries")
	c.replyEntries(s, value.StreamID{}, value.MaxStreamID, count, false)
	c.Reply.BulkString("groups")
	c.Reply.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.infoGroupFull(s, g, count)
	}
	return nil
}

// infoStream replies with the seven fields that both forms of XINFO STREAM begin with.
func (c *Call) infoStream(s *value.Stream) {
	c.infoInt("length", int64(s.Len()))
	c.infoInt("radix-tree-keys", int64(s.Nodes()))
	c.infoInt("radix-tree-nodes", int64(s.RadixNodes()))
	c.infoID("last-generated-id", s.LastID())
	c.infoID("max-deleted-entry-id", s.MaxDeletedID())
	c.infoInt("entries-added", int64(s.Added()))
	c.infoID("recorded-first-entry-id", s.FirstID())
}

func (c *Call) infoInt(name string, n int64) {
	c.Reply.BulkString(name)
	c.Reply.Int(n)
}

func (c *Call) infoID(name string, id value.StreamID) {
	c.Reply.BulkString(name)
	c.replyStreamID(id)
}

// infoEntry replies with an entry, or a null when there is none.
func (c *Call) infoEntry(s *value.Stream, id value.StreamID) {
	if !c.replyEntryAt(s, id) {
		c.Reply.Null()
	}
}

// infoProgress replies with three fields: how far a group has come.
func (c *Call) infoProgress(s *value.Stream, g *value.StreamGroup) {
	c.infoID("last-delivered-id", g.LastID)
	c.Reply.BulkString("entries-read")
	if g.Read == value.NotRead {
		c.Reply.Null()
	} else {
		c.Reply.Int(g.Read)
	}
	c.Reply.BulkString("lag")
	if lag, known := s.Lag(g); known {
		c.Reply.Int(lag)
	} else {
		c.Reply.Null()
	}
}

// infoGroupFull replies with all of a group, and up to count of each list, 0: all.
func (c *Call) infoGroupFull(s *value.Stream, g *value.StreamGroup, count int64) {
	c.Reply.Map(7)
	c.Reply.BulkString("name")
	c.Reply.BulkString(g.Name)
	c.infoProgress(s, g)
	c.infoInt("pel-count", int64(g.Pending()))
	c.Reply.BulkString("pending")
	c.infoPending(s, g, nil, count)
	c.Reply.BulkString("consumers")
	c.Reply.Array(len(g.Consumers()))
	for _, r := range g.Consumers() {
		c.Reply.Map(5)
		c.Reply.BulkString("name")
		c.Reply.BulkString(r.Name)
		c.infoInt("seen-time", r.Seen)
		c.infoInt("active-time", r.Active)
		c.infoInt("pel-count", int64(r.Pending()))
		c.Reply.BulkString("pending")
		c.infoPending(s, g, r, count)
	}
}

// infoPending replies with what is pending for a group, or for one consumer.
func (c *Call) infoPending(s *value.Stream, g *value.StreamGroup, r *value.StreamConsumer, count int64) {
	mark, n := c.Reply.Deferred(), 0
	s.RangePending(g, r, value.StreamID{}, value.MaxStreamID, func(p value.StreamPending) bool {
		if count > 0 && int64(n) == count {
			return false
		}
		n++
		if r == nil {
			c.Reply.Array(4)
			c.replyStreamID(p.ID)
			c.Reply.BulkString(p.Consumer.Name)
		} else {
			c.Reply.Array(3)
			c.replyStreamID(p.ID)
		}
		c.Reply.Int(p.Time)
		c.Reply.Int(int64(p.Count))
		return true
	})
	c.Reply.SetArrayLen(mark, n)
}
