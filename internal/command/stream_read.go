// XREAD and XREADGROUP: reading entries of several streams, waiting for new ones if asked.
//
// All streams are looked up before anything is replied or changed, and what is given to a consumer
// is made pending before it is replied. "$" means what is last when the command is first run: it is
// replaced in the arguments by that ID, so that the handler can be run again when a stream has grown.

package command

import (
	"bytes"
	"fmt"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errReadGroupOption resp.Error = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
	errReadNoAck       resp.Error = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
	errReadNoGroup     resp.Error = "ERR Missing GROUP option for XREADGROUP"
	errReadLast        resp.Error = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the " +
		"history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just " +
		"return an empty result set."
	errReadTop resp.Error = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the " +
		"history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just " +
		"return an empty result set."
	errReadNew resp.Error = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)

// streamRead is what XREAD and XREADGROUP read from their arguments.
type streamRead struct {
	group, consumer []byte // nil: XREAD
	noAck           bool
	count           int64 // 0: all
	blocks          bool
	millis          int64
	first           int // index of the first key
	streams         int
	from            []streamFrom
}

// streamFrom is one stream to be read from.
type streamFrom struct {
	key   keyspace.Key
	s     *value.Stream // nil: absent
	group *value.StreamGroup
	after value.StreamID // the last that is not wanted
	fresh bool           // ">": what nobody of the group was given
	made  bool           // the consumer is new, and not logged yet
}

func xread(c *Call) error { return c.xread(false) }

func xreadgroup(c *Call) error { return c.xread(true) }

func (c *Call) xread(grouped bool) error {
	var o streamRead
	if err := o.parse(c, grouped); err != nil {
		return err
	}
	o.from = make([]streamFrom, o.streams)
	for i := range o.from {
		if err := o.find(c, i); err != nil {
			return err
		}
	}
	if o.reply(c) {
		return nil
	}
	if !o.blocks || !c.CanBlock() {
		c.Reply.NullArray()
		return nil
	}
	return o.block(c)
}

// parse reads what stands before the keys.
func (o *streamRead) parse(c *Call, grouped bool) (err error) {
	args := c.Args
	for i := 1; i < len(args) && o.first == 0; i++ {
		more := len(args) - i - 1
		switch {
		case more >= 1 && isToken(args[i], "BLOCK"):
			i++
			o.blocks = true
			if o.millis, err = c.timeoutMillis(i); err != nil {
				return err
			}
		case more >= 1 && isToken(args[i], "COUNT"):
			i++
			n, err := parseInt(args[i])
			if err != nil {
				return err
			}
			o.count = max(n, 0)
		case more >= 1 && isToken(args[i], "STREAMS"):
			o.first, o.streams = i+1, more/2
			if more%2 != 0 {
				return errUnbalanced(c.Spec.FullName, grouped)
			}
		case more >= 2 && isToken(args[i], "GROUP"):
			if !grouped {
				return errReadGroupOption
			}
			o.group, o.consumer = args[i+1], args[i+2]
			i += 2
		case isToken(args[i], "NOACK"):
			if !grouped {
				return errReadNoAck
			}
			o.noAck = true
		default:
			return ErrSyntax
		}
	}
	switch {
	case o.first == 0:
		return ErrSyntax
	case grouped && o.group == nil:
		return errReadNoGroup
	}
	return nil
}

func errUnbalanced(name string, grouped bool) error {
	symbol := '$'
	if grouped {
		symbol = '>'
	}
	return resp.Error(fmt.Sprintf("ERR Unbalanced '%s' list of streams: for each stream key an ID or '%c' must be specified.", name, symbol))
}

// find looks up the stream number i, and its group, and reads its ID.
func (o *streamRead) find(c *Call, i int) (err error) {
	f := &o.from[i]
	f.key = c.Read(o.first + i)
	if f.s, err = streamAt(&f.key); err != nil {
		return err
	}
	if o.group != nil {
		if f.s != nil {
			f.group = f.s.Group(o.group)
		}
		if f.group == nil {
			return resp.Error(fmt.Sprintf("NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option",
				untilZero(c.Args[o.first+i]), untilZero(o.group)))
		}
	}
	at := o.first + o.streams + i
	switch symbol(c.Args[at]) {
	case '$':
		if o.group != nil {
			return errReadLast
		}
		if f.s != nil {
			f.after = f.s.LastID()
		}
		c.Args[at] = f.after.AppendTo(nil)
		return nil
	case '+':
		if o.group != nil {
			return errReadTop
		}
		if f.s != nil {
			f.after, _ = f.s.LastEntryID().Prev()
			if f.s.Len() == 0 {
				f.after = f.s.LastID()
			}
		}
		return nil
	case '>':
		if o.group == nil {
			return errReadNew
		}
		f.fresh = true
		return nil
	}
	f.after, err = parseStreamID(c.Args[at], 0, nil)
	// The greatest ID is how Redis says ">" to itself.
	if err == nil && o.group != nil && f.after == value.MaxStreamID {
		f.fresh = true
	}
	return err
}

// symbol returns an argument of one character, else 0.
func symbol(arg []byte) byte {
	if arg = untilZero(arg); len(arg) == 1 {
		return arg[0]
	}
	return 0
}

// untilZero returns what C sees of an argument.
func untilZero(arg []byte) []byte {
	if end := bytes.IndexByte(arg, 0); end >= 0 {
		return arg[:end]
	}
	return arg
}

// reply replies with what there is, and tells whether there was anything. One after another, since
// what a group is given from a stream it is not given again, should the stream come twice.
func (o *streamRead) reply(c *Call) (any bool) {
	mark, n := c.Reply.Deferred(), 0
	c.LogNothing() // but what is given
	for i := range o.from {
		f := &o.from[i]
		f.key = c.Read(o.first + i) // Redis looks twice, and both count
		if f.group != nil {
			o.meet(c, f)
		}
		serves := f.serves()
		if o.noAck || !serves || !f.fresh {
			o.logMeet(c, f)
		}
		if !serves {
			continue
		}
		n++
		if c.Reply.Proto() != resp.RESP3 {
			c.Reply.Array(2)
		}
		c.Reply.Bulk(f.key.Name())
		switch {
		case f.group == nil:
			from, _ := f.after.Next()
			c.replyEntries(f.s, from, value.MaxStreamID, o.count, false)
			continue
		case f.fresh:
			o.give(c, f)
		default:
			o.history(c, f)
		}
		f.key.ChangedAside("", 1)
	}
	switch {
	case n == 0:
		c.Reply.Truncate(mark)
	case c.Reply.Proto() == resp.RESP3:
		c.Reply.SetMapLen(mark, n)
	default:
		c.Reply.SetArrayLen(mark, n)
	}
	return n > 0
}

// serves tells whether there is something to reply. A consumer's history is always replied, even
// when it is empty.
func (f *streamFrom) serves() bool {
	switch {
	case f.s == nil:
		return false
	case f.group != nil && !f.fresh:
		return true
	case f.fresh:
		f.after = f.group.LastID
	}
	return f.s.Len() > 0 && f.after.Less(f.s.LastEntryID())
}

// meet makes the consumer known to the group, and notes that it was seen.
func (o *streamRead) meet(c *Call, f *streamFrom) {
	s := f.key.EditBig().(*value.Stream)
	consumer := f.group.Consumer(o.consumer)
	if consumer == nil {
		consumer = s.AddConsumer(f.group, o.consumer, c.Now())
		f.key.ChangedAside("xgroup-createconsumer", 1)
		f.made = true
	}
	consumer.Seen = c.Now()
}

// logMeet keeps that the consumer was made known.
func (o *streamRead) logMeet(c *Call, f *streamFrom) {
	if f.made {
		c.logConsumer(f.key.Name(), o.group, o.consumer)
		f.made = false
	}
}

// give replies with entries that the group was not given yet.
func (o *streamRead) give(c *Call, f *streamFrom) {
	consumer := f.group.Consumer(o.consumer)
	from, _ := f.after.Next()
	mark, n := c.Reply.Deferred(), 0
	f.s.Range(from, value.MaxStreamID, false, func(e *value.StreamEntry) bool {
		if !o.noAck && !f.s.Give(f.group, consumer, e.ID, c.Now()) {
			return false
		}
		f.s.Pass(f.group, e.ID)
		if !o.noAck {
			c.logGiven(f, consumer, e.ID)
		}
		c.replyEntry(e)
		n++
		return o.count == 0 || int64(n) < o.count
	})
	if n > 0 {
		consumer.Active = c.Now()
		c.logGroup(f.key.Name(), f.group)
	} else {
		o.logMeet(c, f)
	}
	c.Reply.SetArrayLen(mark, n)
}

// history replies with entries that are pending for the consumer, null for those that are no more in
// the stream. It delivers them anew.
func (o *streamRead) history(c *Call, f *streamFrom) {
	consumer := f.group.Consumer(o.consumer)
	mark, n := c.Reply.Deferred(), 0
	for id, more := f.after.Next(); more && (o.count == 0 || int64(n) < o.count); {
		p, found := f.s.PendingAfter(f.group, consumer, id)
		if !found {
			break
		}
		if c.replyEntryAt(f.s, p.ID) {
			to := p
			to.Time = c.Now()
			to.Count++
			f.s.ChangePending(f.group, p, to)
		} else {
			c.Reply.Array(2)
			c.replyStreamID(p.ID)
			c.Reply.NullArray()
		}
		n++
		id, more = p.ID.Next()
	}
	c.Reply.SetArrayLen(mark, n)
}

// replyEntryAt replies with the entry of an ID, or with nothing when there is none.
func (c *Call) replyEntryAt(s *value.Stream, id value.StreamID) (found bool) {
	s.Range(id, id, false, func(e *value.StreamEntry) bool {
		c.replyEntry(e)
		found = true
		return false
	})
	return found
}

// block has the client wait for the streams to grow.
func (o *streamRead) block(c *Call) error {
	return c.Block(Wait{
		Keys: c.Args[o.first : o.first+o.streams], Type: keyspace.Stream, Millis: o.millis,
		Gone: o.group != nil,
	})
}
