// Sets: adding, removing and asking about members.

package command

import (
	"bytes"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

func sadd(c *Call) error {
	k := c.Write(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	added, err := s.AddAll(c.Args[2:])
	if err != nil {
		return err
	}
	if added > 0 {
		k.ChangedBy("sadd", int64(added))
	}
	c.Reply.Int(int64(added))
	return nil
}

func scard(c *Call) error {
	k := c.Read(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(s.Len()))
	return nil
}

func sismember(c *Call) error {
	k := c.Read(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	c.replyFlag(s.Has(c.Args[2]))
	return nil
}

func smembers(c *Call) error {
	k := c.Read(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Set(s.Len())
	c.replyMembers(&k, s)
	return nil
}

func smismember(c *Call) error {
	k := c.Read(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Array(len(c.Args) - 2)
	for _, m := range c.Args[2:] {
		c.replyFlag(s.Has(m))
	}
	return nil
}

// smove adds the member to the one set before it removes it from the other: the first may be refused
// memory.
func smove(c *Call) error {
	from, to := c.Write(1), c.Write(2)
	if !from.Exists() {
		c.Reply.Int(0)
		return nil
	}
	source, err := value.SetAt(&from)
	if err != nil {
		return err
	}
	target, err := value.SetAt(&to)
	if err != nil {
		return err
	}
	member := c.Args[3]
	if has := source.Has(member); !has || bytes.Equal(c.Args[1], c.Args[2]) {
		c.replyFlag(has)
		return nil
	}
	added, err := target.Add(member)
	if err != nil {
		return err
	}
	if _, err := source.Remove(member); err != nil {
		if added {
			target.Remove(member) // it has the room it had before
		}
		return err
	}
	from.Changed("srem")
	changedIfGone(&from)
	if added {
		to.Changed("sadd")
	}
	c.Reply.Int(1)
	return nil
}

// srem stops where memory is refused, which removing needs only to move a set to a smaller block;
// then it replies with what it has removed.
func srem(c *Call) error {
	k := c.Write(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	removed := int64(0)
	for i := 2; i < len(c.Args) && k.Exists(); i++ {
		was, err := s.Remove(c.Args[i])
		if err != nil {
			if removed == 0 {
				return err
			}
			break
		}
		if was {
			removed++
		}
	}
	if removed > 0 {
		k.ChangedBy("srem", removed)
		changedIfGone(&k)
	}
	c.Reply.Int(removed)
	return nil
}

// replyMembers replies with all members of the set in k, without announcing them. The key may be
// deleted afterwards, but not changed.
func (c *Call) replyMembers(k *keyspace.Key, s value.Set) {
	if s.Len() < LongReply || k.Shape() != keyspace.InBig {
		s.Each(func(m value.Member) bool {
			c.replyMember(m)
			return true
		})
		return
	}
	next := s.Pieces()
	c.Stream(k, func(w *resp.Writer, limit int) (more bool) {
		end := w.Len() + limit
		return next(func(m value.Member) bool {
			replyMemberTo(w, m)
			return w.Len() < end
		})
	})
}
