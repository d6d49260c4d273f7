// Consumer groups: XGROUP, XACK, XPENDING, XCLAIM, XAUTOCLAIM.
//
// A claim of an entry that is no more in its stream drops it from what is pending.

package command

import (
	"fmt"
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errGroupKey resp.Error = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to " +
		"use the MKSTREAM option to create an empty stream automatically."
	errGroupBusy     resp.Error = "BUSYGROUP Consumer Group name already exists"
	errGroupRead     resp.Error = "ERR value for ENTRIESREAD must be positive or -1"
	errClaimIdle     resp.Error = "ERR Invalid min-idle-time argument for XCLAIM"
	errClaimTime     resp.Error = "ERR Invalid TIME option argument for XCLAIM"
	errClaimIdleTime resp.Error = "ERR Invalid IDLE option argument for XCLAIM"
	errClaimRetry    resp.Error = "ERR Invalid RETRYCOUNT option argument for XCLAIM"
	errAutoClaimIdle resp.Error = "ERR Invalid min-idle-time argument for XAUTOCLAIM"
	errClaimCount    resp.Error = "ERR COUNT must be > 0"
)

func errNoGroup(key, group []byte) error {
	return resp.Error(fmt.Sprintf("NOGROUP No such key '%s' or consumer group '%s'", untilZero(key), untilZero(group)))
}

func errNoGroupOf(group, key []byte) error {
	return resp.Error(fmt.Sprintf("NOGROUP No such consumer group '%s' for key name '%s'", untilZero(group), untilZero(key)))
}

func xack(c *Call) error {
	k := c.Read(1)
	s, err := streamAt(&k)
	if err != nil {
		return err
	}
	var g *value.StreamGroup
	if s != nil {
		g = s.Group(c.Args[2])
	}
	if g == nil {
		c.Reply.Int(0)
		return nil
	}
	for _, arg := range c.Args[3:] {
		if _, err := parseStreamID(arg, 0, nil); err != nil {
			return err
		}
	}
	s = k.EditBig().(*value.Stream)
	removed := int64(0)
	for _, arg := range c.Args[3:] {
		if id, _ := parseStreamID(arg, 0, nil); s.RemovePending(g, id) {
			removed++
		}
	}
	if removed > 0 {
		k.ChangedAside("", removed)
	}
	c.Reply.Int(removed)
	return nil
}

// groupOf finds the group that a subcommand of XGROUP is about. The key must exist; g is nil when the
// group does not.
func (c *Call) groupOf(k *keyspace.Key) (s *value.Stream, g *value.StreamGroup, err error) {
	s, err = streamAt(k)
	switch {
	case err != nil:
		return nil, nil, err
	case s == nil:
		return nil, nil, errGroupKey
	}
	return s, s.Group(c.Args[3]), nil
}

// groupOptions reads what follows the ID of XGROUP CREATE and SETID.
func (c *Call) groupOptions(creates bool) (read int64, makes bool, err error) {
	read = value.NotRead
	for i := 5; i < len(c.Args); i++ {
		switch {
		case creates && isToken(c.Args[i], "MKSTREAM"):
			makes = true
		case i+1 < len(c.Args) && isToken(c.Args[i], "ENTRIESREAD"):
			i++
			if read, err = parseInt(c.Args[i]); err != nil {
				return 0, false, err
			}
			if read < 0 && read != value.NotRead {
				return 0, false, errGroupRead
			}
		default:
			return 0, false, c.errSubcommand()
		}
	}
	return read, makes, nil
}

func xgroupCreate(c *Call) error {
	read, makes, err := c.groupOptions(true)
	if err != nil {
		return err
	}
	k := c.Write(2)
	s, err := streamAt(&k)
	switch {
	case err != nil:
		return err
	case s == nil && !makes:
		return errGroupKey
	case len(c.Args) > 8:
		return c.errSubcommand()
	}
	var last value.StreamID
	if symbol(c.Args[4]) != '$' {
		if last, err = parseStreamID(c.Args[4], 0, nil); err != nil {
			return err
		}
	} else if s != nil {
		last = s.LastID()
	}
	changed := (*keyspace.Key).ChangedAside
	if s == nil {
		if s, err = newStream(&k); err != nil {
			return err
		}
		changed = (*keyspace.Key).ChangedBy
	} else {
		if s.Group(c.Args[3]) != nil {
			return errGroupBusy
		}
		s = k.EditBig().(*value.Stream)
	}
	s.AddGroup(c.Args[3], last, read)
	changed(&k, "xgroup-create", 1)
	c.Reply.OK()
	return nil
}

func xgroupCreateconsumer(c *Call) error {
	k := c.Write(2)
	_, g, err := c.groupOf(&k)
	switch {
	case err != nil:
		return err
	case g == nil:
		return errNoGroupOf(c.Args[3], c.Args[2])
	case g.Consumer(c.Args[4]) != nil:
		c.Reply.Int(0)
		return nil
	}
	k.EditBig().(*value.Stream).AddConsumer(g, c.Args[4], c.Now())
	k.ChangedAside("xgroup-createconsumer", 1)
	c.Reply.Int(1)
	return nil
}

func xgroupDelconsumer(c *Call) error {
	k := c.Write(2)
	_, g, err := c.groupOf(&k)
	switch {
	case err != nil:
		return err
	case g == nil:
		return errNoGroupOf(c.Args[3], c.Args[2])
	}
	pending := 0
	if r := g.Consumer(c.Args[4]); r != nil {
		pending = k.EditBig().(*value.Stream).RemoveConsumer(g, r)
		k.ChangedAside("xgroup-delconsumer", 1)
	}
	c.Reply.Int(int64(pending))
	return nil
}

func xgroupDestroy(c *Call) error {
	k := c.Write(2)
	_, g, err := c.groupOf(&k)
	if err != nil {
		return err
	}
	if g == nil {
		c.Reply.Int(0)
		return nil
	}
	k.EditBig().(*value.Stream).RemoveGroup(g)
	k.Changed("xgroup-destroy")
	c.Reply.Int(1)
	return nil
}

func xgroupSetid(c *Call) error {
	read, _, err := c.groupOptions(false)
	if err != nil {
		return err
	}
	k := c.Write(2)
	s, g, err := c.groupOf(&k)
	switch {
	case err != nil:
		return err
	case g == nil:
		return errNoGroupOf(c.Args[3], c.Args[2])
	case len(c.Args) != 5 && len(c.Args) != 7:
		return c.errSubcommand()
	}
	last := s.LastID()
	if symbol(c.Args[4]) != '$' {
		if last, err = parseStreamBound(c.Args[4], 0); err != nil {
			return err
		}
	}
	k.EditBig()
	g.LastID, g.Read = last, read
	k.ChangedAside("xgroup-setid", 1)
	c.Reply.OK()
	return nil
}

// pendingQuery is what XPENDING asks for.
type pendingQuery struct {
	minIdle  int64
	from, to value.StreamID
	count    int64
	consumer []byte // nil: all
}

// parse reads what follows the group. Errors are reported in Redis's order.
func (q *pendingQuery) parse(args [][]byte) (err error) {
	if isToken(args[0], "IDLE") {
		if q.minIdle, err = parseInt(args[1]); err != nil {
			return err
		}
		if len(args) < 5 {
			return ErrSyntax
		}
		args = args[2:]
	}
	if q.count, err = parseInt(args[2]); err != nil {
		return err
	}
	if q.from, q.to, err = parseStreamRange(args[0], args[1]); err != nil {
		return err
	}
	if len(args) > 3 {
		q.consumer = args[3]
	}
	return nil
}

func xpending(c *Call) error {
	n := len(c.Args)
	if n != 3 && (n < 6 || n > 9) {
		return ErrSyntax
	}
	var q pendingQuery
	if n > 3 {
		if err := q.parse(c.Args[3:]); err != nil {
			return err
		}
	}
	k := c.Read(1)
	s, err := streamAt(&k)
	if err != nil {
		return err
	}
	var g *value.StreamGroup
	if s != nil {
		g = s.Group(c.Args[2])
	}
	switch {
	case g == nil:
		return errNoGroup(c.Args[1], c.Args[2])
	case n == 3:
		c.replyPendingSummary(s, g)
	default:
		c.replyPending(s, g, &q)
	}
	return nil
}

func (c *Call) replyPendingSummary(s *value.Stream, g *value.StreamGroup) {
	c.Reply.Array(4)
	c.Reply.Int(int64(g.Pending()))
	if g.Pending() == 0 {
		c.Reply.Null()
		c.Reply.Null()
		c.Reply.NullArray()
		return
	}
	first, last := s.PendingBounds(g)
	c.replyStreamID(first)
	c.replyStreamID(last)
	mark, n := c.Reply.Deferred(), 0
	for _, r := range g.Consumers() {
		if r.Pending() > 0 {
			n++
			c.Reply.Array(2)
			c.Reply.BulkString(r.Name)
			c.Reply.BulkInt(int64(r.Pending()))
		}
	}
	c.Reply.SetArrayLen(mark, n)
}

func (c *Call) replyPending(s *value.Stream, g *value.StreamGroup, q *pendingQuery) {
	var r *value.StreamConsumer
	if q.consumer != nil {
		if r = g.Consumer(q.consumer); r == nil {
			c.Reply.Array(0)
			return
		}
	}
	mark, n := c.Reply.Deferred(), 0
	s.RangePending(g, r, q.from, q.to, func(p value.StreamPending) bool {
		if int64(n) >= q.count {
			return false
		}
		idle := c.Now() - p.Time
		if q.minIdle != 0 && idle < q.minIdle {
			return true
		}
		n++
		c.Reply.Array(4)
		c.replyStreamID(p.ID)
		c.Reply.BulkString(p.Consumer.Name)
		c.Reply.Int(max(idle, 0))
		c.Reply.Int(int64(p.Count))
		return true
	})
	c.Reply.SetArrayLen(mark, n)
}

// streamClaim is a claim under way, of XCLAIM or XAUTOCLAIM.
type streamClaim struct {
	minIdle int64
	time    int64 // of delivery, to be noted; -1: now
	retries int64 // -1: one more, unless justID
	justID  bool
	force   bool
	last    value.StreamID

	k        *keyspace.Key
	s        *value.Stream
	g        *value.StreamGroup
	consumer *value.StreamConsumer
	changes  int64
	made     bool // the consumer is new
	claims   int  // logged
	taken    int
}

// begin finds the group, in a key that was looked up.
func (o *streamClaim) begin(c *Call, k *keyspace.Key) (err error) {
	o.k = k
	if o.s, err = streamAt(k); err != nil {
		return err
	}
	if o.s != nil {
		o.g = o.s.Group(c.Args[2])
	}
	if o.g == nil {
		return errNoGroup(c.Args[1], c.Args[2])
	}
	return nil
}

// meet makes the consumer known to the group.
func (o *streamClaim) meet(c *Call) {
	o.s = o.k.EditBig().(*value.Stream)
	if o.consumer = o.g.Consumer(c.Args[3]); o.consumer == nil {
		o.consumer = o.s.AddConsumer(o.g, c.Args[3], c.Now())
		o.k.ChangedAside("xgroup-createconsumer", 1)
		o.made = true
	}
	o.consumer.Seen = c.Now()
	c.LogNothing() // but what is claimed
}

// end counts the changes, and keeps of them what no claim tells. moved: the group has another last ID.
func (o *streamClaim) end(c *Call, moved bool) {
	if moved && o.claims == 0 {
		c.logGroup(c.Args[1], o.g)
		o.changes++
	}
	if o.made && o.taken == 0 {
		c.logConsumer(c.Args[1], c.Args[2], c.Args[3])
	}
	if o.changes > 0 {
		o.k.ChangedAside("", o.changes)
	}
}

// lose drops a pending entry that is no more in the stream.
func (o *streamClaim) lose(c *Call, p value.StreamPending, id []byte) {
	c.logClaim(c.Args[1], o.g, p, id)
	o.claims++
	o.s.RemovePending(o.g, p.ID)
	o.changes++
}

// take hands a pending entry, which is in the stream, to the consumer, and replies with it; false: no
// memory, and nothing has changed. id is its ID as it is to be logged.
func (o *streamClaim) take(c *Call, p value.StreamPending, id []byte) bool {
	to := value.StreamPending{Consumer: o.consumer, Time: o.time, Count: p.Count}
	switch {
	case o.retries >= 0:
		to.Count = uint64(o.retries)
	case !o.justID:
		to.Count++
	}
	if p.Consumer == nil { // to be made by force
		to.ID = p.ID
		if !o.s.AddPending(o.g, to) {
			return false
		}
	} else if !o.s.ChangePending(o.g, p, to) {
		return false
	}
	c.logClaim(c.Args[1], o.g, to, id)
	o.claims++
	o.taken++
	if o.justID {
		c.replyStreamID(p.ID)
	} else {
		c.replyEntryAt(o.s, p.ID)
	}
	o.consumer.Active = c.Now()
	o.changes++
	return true
}

// parse reads the options of XCLAIM, args[i:], up to which all arguments are IDs.
func (o *streamClaim) parse(args [][]byte, now int64) (err error) {
	o.time, o.retries = -1, -1
	for i := 0; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case isToken(args[i], "FORCE"):
			o.force = true
		case isToken(args[i], "JUSTID"):
			o.justID = true
		case more && isToken(args[i], "IDLE"):
			i++
			n, ok := resp.ParseInt(args[i])
			if !ok {
				return errClaimIdleTime
			}
			o.time = now - n
		case more && isToken(args[i], "TIME"):
			i++
			n, ok := resp.ParseInt(args[i])
			if !ok {
				return errClaimTime
			}
			o.time = n
		case more && isToken(args[i], "RETRYCOUNT"):
			i++
			n, ok := resp.ParseInt(args[i])
			if !ok {
				return errClaimRetry
			}
			o.retries = n
		case more && isToken(args[i], "LASTID"):
			i++
			if o.last, err = parseStreamID(args[i], 0, nil); err != nil {
				return err
			}
		default:
			return resp.Error(fmt.Sprintf("ERR Unrecognized XCLAIM option '%s'", untilZero(args[i])))
		}
	}
	if o.time < 0 || o.time > now {
		o.time = now
	}
	return nil
}

func xclaim(c *Call) error {
	var o streamClaim
	k := c.Read(1)
	if err := o.begin(c, &k); err != nil {
		return err
	}
	minIdle, ok := resp.ParseInt(c.Args[4])
	if !ok {
		return errClaimIdle
	}
	end := 5
	for end < len(c.Args) {
		if _, err := parseStreamID(c.Args[end], 0, nil); err != nil {
			break
		}
		end++
	}
	if err := o.parse(c.Args[end:], c.Now()); err != nil {
		return err
	}
	o.minIdle = max(minIdle, 0)
	o.meet(c)
	moved := o.g.LastID.Less(o.last)
	if moved {
		o.g.LastID = o.last
	}
	mark, n := c.Reply.Deferred(), 0
	for _, arg := range c.Args[5:end] {
		id, _ := parseStreamID(arg, 0, nil)
		taken, ok := o.claim(c, id, arg)
		if taken {
			n++
		}
		if !ok {
			break
		}
	}
	c.Reply.SetArrayLen(mark, n)
	o.end(c, moved)
	return nil
}

// claim takes one entry, if it is there to be had; ok is false when there is no memory.
func (o *streamClaim) claim(c *Call, id value.StreamID, text []byte) (taken, ok bool) {
	p, found := o.s.FindPending(o.g, id)
	switch {
	case !o.s.Has(id):
		if found {
			o.lose(c, p, text)
		}
		return false, true
	case !found && !o.force:
		return false, true
	case !found:
		p = value.StreamPending{ID: id, Count: 1}
	case o.minIdle > 0 && c.Now()-p.Time < o.minIdle:
		return false, true
	}
	ok = o.take(c, p, text)
	return ok, ok
}

// xautoclaimAttempts is how many pending entries are looked at for each that is asked for.
const xautoclaimAttempts = 10

// xautoclaimCount is COUNT where it is not given.
const xautoclaimCount = 100

func xautoclaim(c *Call) error {
	o := streamClaim{time: c.Now(), retries: -1}
	k := c.Read(1)
	minIdle, ok := resp.ParseInt(c.Args[4])
	if !ok {
		return errAutoClaimIdle
	}
	o.minIdle = max(minIdle, 0)
	next, err := parseStreamStart(c.Args[5])
	if err != nil {
		return err
	}
	count := int64(xautoclaimCount)
	for i := 6; i < len(c.Args); i++ {
		switch {
		case i+1 < len(c.Args) && isToken(c.Args[i], "COUNT"):
			i++
			if count, ok = resp.ParseInt(c.Args[i]); !ok || count < 1 || count > math.MaxInt64/16 {
				return errClaimCount
			}
		case isToken(c.Args[i], "JUSTID"):
			o.justID = true
		default:
			return ErrSyntax
		}
	}
	if err := o.begin(c, &k); err != nil {
		return err
	}
	o.meet(c)
	o.scan(c, next, count)
	o.end(c, false)
	return nil
}

// scan claims up to count pending entries from next on, and replies with where to go on, the entries,
// and the IDs of those that were no more in the stream.
func (o *streamClaim) scan(c *Call, next value.StreamID, count int64) {
	c.Reply.Array(3)
	start := c.Reply.Mark()
	var deleted []value.StreamID
	var text [streamIDText]byte
	mark, n := c.Reply.Deferred(), 0
	more := true
	for attempts := count * xautoclaimAttempts; attempts > 0 && count > 0 && more; attempts-- {
		p, found := o.s.PendingAfter(o.g, nil, next)
		if !found {
			break
		}
		switch {
		case !o.s.Has(p.ID):
			o.lose(c, p, p.ID.AppendTo(text[:0]))
			deleted = append(deleted, p.ID)
			count--
		case o.minIdle > 0 && c.Now()-p.Time < o.minIdle:
		default:
			if !o.take(c, p, p.ID.AppendTo(text[:0])) {
				count = 0
				continue
			}
			n++
			count--
		}
		next, more = p.ID.Next()
	}
	c.Reply.SetArrayLen(mark, n)
	end := value.StreamID{}
	if p, found := o.s.PendingAfter(o.g, nil, next); found && more {
		end = p.ID
	}
	entries := append(c.Scratch(), c.Reply.Buffer()[start:]...)
	c.Reply.Truncate(start)
	c.replyStreamID(end)
	c.Reply.Raw(entries)
	c.KeepScratch(entries)
	c.Reply.Array(len(deleted))
	for _, id := range deleted {
		c.replyStreamID(id)
	}
}
