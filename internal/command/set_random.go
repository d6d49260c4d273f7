// Sets by chance and step by step: SPOP, SRANDMEMBER, SSCAN.

package command

import (
	"math"
	"strconv"

	"tarn/internal/glob"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

func spop(c *Call) error {
	switch len(c.Args) {
	case 2:
		return c.spopOne()
	case 3:
		return c.spopMany()
	}
	return ErrSyntax
}

func (c *Call) spopOne() error {
	k := c.Write(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.Null()
		return nil
	}
	mark := c.mark()
	p := s.Random(c.Tx.Rand())
	c.replyMember(p.Member)
	c.logMemberGone(p.Member)
	if err := s.Drop(p); err != nil {
		c.takeBack(mark)
		return err
	}
	k.Changed("spop")
	changedIfGone(&k)
	return nil
}

func (c *Call) spopMany() error {
	count, ok := resp.ParseInt(c.Args[2])
	if !ok || count < 0 {
		return ErrNotPositive
	}
	k := c.Write(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	length := s.Len()
	if length == 0 || count == 0 {
		c.Reply.Set(0)
		return nil
	}
	if count >= int64(length) {
		c.Tx.Hits.Add(1) // in Redis the set is read as by SUNION
		c.Reply.Set(length)
		c.replyMembers(&k, s)
		k.Delete()
		k.ChangedBy("spop", int64(length))
		k.ChangedBy("del", 0)
		c.logGone(c.Env.Config.Current().LazyfreeLazyServerDel)
		return nil
	}
	mark := c.mark()
	c.Reply.Set(int(count))
	err = s.Pop(c.Tx.Rand(), int(count), func(m value.Member) {
		c.replyMember(m)
		c.logMemberGone(m)
	})
	if err != nil {
		c.takeBack(mark)
		return err
	}
	k.ChangedBy("spop", count)
	return nil
}

func srandmember(c *Call) error {
	if len(c.Args) > 3 {
		return ErrSyntax
	}
	var count int64
	if len(c.Args) == 3 {
		var err error
		if count, err = parseDraws(c.Args[2]); err != nil {
			return err
		}
	}
	k := c.Read(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	switch {
	case len(c.Args) == 3:
		return c.srandmembers(&k, s, count)
	case !k.Exists():
		c.Reply.Null()
	default:
		c.replyMember(s.Random(c.Tx.Rand()).Member)
	}
	return nil
}

// srandmembers replies with count different members, or -count of which some may be the same.
func (c *Call) srandmembers(k *keyspace.Key, s value.Set, count int64) error {
	length := s.Len()
	switch {
	case length == 0 || count == 0:
		c.Reply.Array(0)
	case count < 0:
		return c.draw(-count, c.Reply.Array, func(n int64) { s.Draw(c.Tx.Rand(), n, c.replyMember) })
	case count >= int64(length):
		c.Reply.Array(length)
		c.replyMembers(k, s)
	default:
		c.Reply.Array(int(count))
		s.Sample(c.Tx.Rand(), int(count), c.replyMember)
	}
	return nil
}

// parseDraws reads how many elements to pick.
func parseDraws(arg []byte) (count int64, err error) {
	if count, err = parseInt(arg); err == nil && count == math.MinInt64 {
		return 0, ErrDraws
	}
	return count, err
}

// sscan replies with the next cursor and the members met on the way there.
func sscan(c *Call) error {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		return ErrCursor
	}
	k := c.Read(1)
	s, err := value.SetAt(&k)
	if err != nil {
		return err
	}
	o := scanOptions{elements: true, count: scanCount}
	if k.Exists() { // else Redis does not look at them
		if err := o.parse(c.Args[3:]); err != nil {
			return err
		}
	}
	var list resp.Writer // aside, since the cursor comes first
	list.Reset(c.Scratch(), c.Reply.Proto())
	met, found := int64(0), 0
	steps := min(o.count, math.MaxInt64/scanSparse-1)*scanSparse + 1
	for more := true; more; more = cursor != 0 && steps > 0 && met < o.count {
		cursor = s.Scan(cursor, func(m value.Member) {
			met++
			if o.matches(m) {
				found++
				replyMemberTo(&list, m)
			}
		})
		steps--
	}
	c.Reply.Array(2)
	c.Reply.BulkString(strconv.FormatUint(cursor, 10))
	c.Reply.Array(found)
	c.Reply.Raw(list.Buffer())
	c.KeepScratch(list.Buffer())
	return nil
}

// matches tells whether a member's text is what MATCH asks for.
func (o *scanOptions) matches(m value.Member) bool {
	if o.pattern == nil || !m.IsInt {
		return o.pattern == nil || glob.Match(o.pattern, m.Str, false)
	}
	var digits [24]byte
	return glob.Match(o.pattern, strconv.AppendInt(digits[:0], m.Int, 10), false)
}

func replyMemberTo(w *resp.Writer, m value.Member) {
	if m.IsInt {
		w.BulkInt(m.Int)
		return
	}
	w.Bulk(m.Str)
}
