// Lists: reading and changing one list.
//
// Handlers that take elements off reply first, from the list as it is, and take the reply back where
// memory is refused: what they reply with is borrowed.

package command

import (
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// Of lists.
const (
	errIndex     resp.Error = "ERR index out of range"
	errRankZero  resp.Error = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
	errPosCount  resp.Error = "ERR COUNT can't be negative"
	errPosLength resp.Error = "ERR MAXLEN can't be negative"
	errLongRange resp.Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
)

// side is an end of a list.
type side bool

const (
	left  side = false
	right side = true
)

func (s side) pushEvent() string {
	if s == right {
		return "rpush"
	}
	return "lpush"
}

func (s side) popEvent() string {
	if s == right {
		return "rpop"
	}
	return "lpop"
}

func (s side) word() string {
	if s == right {
		return "right"
	}
	return "left"
}

func (s side) popWord() string {
	if s == right {
		return "RPOP"
	}
	return "LPOP"
}

// parseSide reads LEFT or RIGHT.
func parseSide(arg []byte) (side, error) {
	switch {
	case isToken(arg, "LEFT"):
		return left, nil
	case isToken(arg, "RIGHT"):
		return right, nil
	}
	return left, ErrSyntax
}

func lindex(c *Call) error {
	k := c.Read(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.Null()
		return nil
	}
	index, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	at, ok := inList(index, l.Len())
	if !ok {
		c.Reply.Null()
		return nil
	}
	cursor := l.Walk(at)
	c.replyElements(&cursor, 1)
	return nil
}

// inList returns the position that an index, counted from the end when negative, stands for. ok is
// false when it is not in a list of so many elements.
func inList(index int64, length int) (at int, ok bool) {
	if index < 0 {
		index += int64(length)
	}
	return int(index), index >= 0 && index < int64(length)
}

func linsert(c *Call) error {
	behind := isToken(c.Args[2], "AFTER")
	if !behind && !isToken(c.Args[2], "BEFORE") {
		return ErrSyntax
	}
	k := c.Write(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.Int(0)
		return nil
	}
	cursor := l.Walk(0)
	at := cursor.Find(c.Args[3], math.MaxInt)
	cursor.Close()
	if at < 0 {
		c.Reply.Int(-1)
		return nil
	}
	if behind {
		at++
	}
	if err := l.Insert(at, c.Args[4]); err != nil {
		return err
	}
	k.Changed("linsert")
	c.Reply.Int(int64(l.Len()))
	return nil
}

func llen(c *Call) error {
	k := c.Read(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(l.Len()))
	return nil
}

// posOptions are LPOS's.
type posOptions struct {
	skip   int64 // matches to pass over
	back   bool  // from the tail
	count  int64 // matches to reply with, 0: all
	many   bool  // count was given: the reply is an array
	maxLen int64 // elements to compare, 0: all
}

func (o *posOptions) parse(args [][]byte) error {
	for ; len(args) > 0; args = args[2:] {
		if len(args) < 2 {
			return ErrSyntax
		}
		n, ok := resp.ParseInt(args[1])
		switch {
		case isToken(args[0], "RANK"):
			switch {
			case !ok:
				return keyspace.ErrNotInteger
			case n == math.MinInt64:
				return errLongRange
			case n == 0:
				return errRankZero
			}
			o.skip, o.back = max(n, -n)-1, n < 0
		case isToken(args[0], "COUNT"):
			if !ok || n < 0 {
				return errPosCount
			}
			o.count, o.many = n, true
		case isToken(args[0], "MAXLEN"):
			if !ok || n < 0 {
				return errPosLength
			}
			o.maxLen = n
		default:
			return ErrSyntax
		}
	}
	return nil
}

func lpos(c *Call) error {
	o := posOptions{count: 1}
	if err := o.parse(c.Args[3:]); err != nil {
		return err
	}
	k := c.Read(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	cursor, most := l.Walk(0), l.Len()
	if o.back {
		cursor = l.WalkBack(most - 1)
	}
	defer cursor.Close()
	if o.maxLen > 0 {
		most = int(min(int64(most), o.maxLen))
	}
	mark, found := 0, 0
	if o.many {
		mark = c.Reply.Deferred()
	}
	for at := 0; o.count == 0 || int64(found) < o.count; {
		before := cursor.Position()
		if at = cursor.Find(c.Args[2], most); at < 0 {
			break
		}
		passed := cursor.Position() - before
		most -= max(passed, -passed)
		if o.skip > 0 {
			o.skip--
			continue
		}
		c.Reply.Int(int64(at))
		found++
	}
	switch {
	case o.many:
		c.Reply.SetArrayLen(mark, found)
	case found == 0:
		c.Reply.Null()
	}
	return nil
}

func lpush(c *Call) error { return c.push(left, false) }

func lpushx(c *Call) error { return c.push(left, true) }

// push puts elements to an end of a list, or does nothing where there must be one and is none.
func (c *Call) push(to side, mustExist bool) error {
	k := c.Write(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	if mustExist && !k.Exists() {
		c.Reply.Int(0)
		return nil
	}
	elems := c.Args[2:]
	if err := l.Push(elems, to == left); err != nil {
		return err
	}
	k.ChangedBy(to.pushEvent(), int64(len(elems)))
	c.Reply.Int(int64(l.Len()))
	return nil
}

func lrange(c *Call) error {
	first, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	last, err := parseInt(c.Args[3])
	if err != nil {
		return err
	}
	k := c.Read(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	from, n := listRange(first, last, l.Len())
	c.Reply.Array(n)
	if n >= LongReply && k.Shape() == keyspace.InBig {
		return c.streamElements(from, n)
	}
	if n > 0 {
		cursor := l.Walk(from)
		c.replyElements(&cursor, n)
	}
	return nil
}

// listRange turns the first and the last index of a range, counted from the end when negative, into
// the first position of the list that is in it, and how many are.
func listRange(first, last int64, length int) (from, count int) {
	all := int64(length)
	if last < 0 {
		last += all
	}
	first, last = fromEnd(first, all), min(last, all-1)
	if first > last {
		return 0, 0
	}
	return int(first), int(last - first + 1)
}

// streamElements is replyElements for very many. It looks the list up again: what the rest of the
// reply is made from moves to Go's heap, and so would the key of each short reply.
func (c *Call) streamElements(from, n int) error {
	k := c.Peek(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	cursor := l.Walk(from)
	c.Stream(&k, func(w *resp.Writer, limit int) (more bool) {
		for end := w.Len() + limit; n > 0 && w.Len() < end; n-- {
			v, _ := cursor.Next()
			replyMemberTo(w, v)
		}
		if n == 0 {
			cursor.Close()
		}
		return n > 0
	})
	return nil
}

// replyElements replies with the next n elements of a cursor, without announcing them, and closes it.
func (c *Call) replyElements(cursor *value.ListCursor, n int) {
	for range n {
		v, _ := cursor.Next()
		c.replyMember(v)
	}
	cursor.Close()
}

// lrem removes up to a number of elements equal to another, from the tail on if the number is
// negative, and all of them if it is 0.
func lrem(c *Call) error {
	count, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	if count == math.MinInt64 {
		return errLongRange
	}
	k := c.Write(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.Int(0)
		return nil
	}
	most := max(count, -count)
	if count == 0 {
		most = math.MaxInt
	}
	removed, err := l.RemoveEqual(c.Args[3], int(most), count < 0)
	if err != nil {
		return err
	}
	if removed > 0 {
		k.ChangedBy("lrem", int64(removed))
		changedIfGone(&k)
	}
	c.Reply.Int(int64(removed))
	return nil
}

func lset(c *Call) error {
	k := c.Write(1)
	if !k.Exists() {
		return ErrNoSuchKey
	}
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	index, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	at, ok := inList(index, l.Len())
	if !ok {
		return errIndex
	}
	if err := l.Set(at, c.Args[3]); err != nil {
		return err
	}
	k.Changed("lset")
	c.Reply.OK()
	return nil
}

func ltrim(c *Call) error {
	first, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	last, err := parseInt(c.Args[3])
	if err != nil {
		return err
	}
	k := c.Write(1)
	l, err := value.ListAt(&k)
	if err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.OK()
		return nil
	}
	all := l.Len()
	from, kept := listRange(first, last, all)
	if err := l.Keep(from, kept); err != nil {
		return err
	}
	k.ChangedBy("ltrim", int64(all-kept))
	changedIfGone(&k)
	c.Reply.OK()
	return nil
}

func rpush(c *Call) error { return c.push(right, false) }

func rpushx(c *Call) error { return c.push(right, true) }
