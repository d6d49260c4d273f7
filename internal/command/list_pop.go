// Popping and moving elements: LPOP, RPOP, LMPOP, LMOVE, RPOPLPUSH and their blocking forms.
//
// One function takes elements off an end of one list, one moves an element between two; the commands
// differ in where they look, how the reply is wrapped, and whether they wait. A move pushes first and
// pops then: the push may be refused memory.

package command

import (
	"bytes"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

func blmove(c *Call) error {
	m, err := c.parseMove()
	if err != nil {
		return err
	}
	return c.moveOrWait(m, 5)
}

func blmpop(c *Call) error {
	p, err := c.parseListPop(2)
	if err != nil {
		return err
	}
	millis, err := c.timeout(1)
	if err != nil {
		return err
	}
	popped, err := c.popFirstList(3, p)
	if popped || err != nil {
		return err
	}
	return c.waitForLists(c.Args[3:3+p.keys], millis)
}

func blpop(c *Call) error { return c.popOrWait(left) }

func brpop(c *Call) error { return c.popOrWait(right) }

func brpoplpush(c *Call) error { return c.moveOrWait(listMove{right, left}, 3) }

func lmove(c *Call) error {
	m, err := c.parseMove()
	if err != nil {
		return err
	}
	return c.moveOrNull(m)
}

func lmpop(c *Call) error {
	p, err := c.parseListPop(1)
	if err != nil {
		return err
	}
	popped, err := c.popFirstList(2, p)
	if !popped && err == nil {
		c.Reply.NullArray()
	}
	return err
}

func lpop(c *Call) error { return c.popList(left) }

func rpop(c *Call) error { return c.popList(right) }

func rpoplpush(c *Call) error { return c.moveOrNull(listMove{right, left}) }

// popList pops one element, or a number of them, off the list at the first key.
func (c *Call) popList(from side) error {
	if len(c.Args) > 3 {
		return c.errArity()
	}
	count, counted := int64(1), len(c.Args) == 3
	if counted {
		var ok bool
		if count, ok = resp.ParseInt(c.Args[2]); !ok || count < 0 {
			return errPopCount
		}
	}
	k := c.Write(1)
	l, err := value.ListAt(&k)
	switch {
	case err != nil:
		return err
	case !k.Exists() && counted:
		c.Reply.NullArray()
		return nil
	case !k.Exists():
		c.Reply.Null()
		return nil
	case count == 0:
		c.Reply.Array(0)
		return nil
	}
	mark, n := c.Reply.Mark(), int(min(count, int64(l.Len())))
	if counted {
		c.Reply.Array(n)
	}
	return c.popElements(&k, &l, listPop{from: from, n: n, mark: mark})
}

// listPop is what popElements takes.
type listPop struct {
	from side
	n    int // at least 1, at most all
	mark int // where the reply begins
}

// popElements pops elements and replies with each. When it fails, it takes the reply back.
func (c *Call) popElements(k *keyspace.Key, l *value.List, p listPop) error {
	first := 0
	if p.from == right {
		first = l.Len() - p.n
	}
	c.replyEnd(l, p)
	if err := l.Remove(first, p.n); err != nil {
		c.Reply.Truncate(p.mark)
		return err
	}
	k.ChangedBy(p.from.popEvent(), int64(p.n))
	changedIfGone(k)
	return nil
}

// replyEnd replies with elements from an end of a list, without announcing them.
func (c *Call) replyEnd(l *value.List, p listPop) {
	if p.n == 1 {
		if v, ok := l.Edge(p.from == right); ok {
			c.replyMember(v)
			return
		}
	}
	cursor := l.Walk(0)
	if p.from == right {
		cursor = l.WalkBack(l.Len() - 1)
	}
	c.replyElements(&cursor, p.n)
}

// manyListPop is what LMPOP and BLMPOP ask for.
type manyListPop struct {
	keys  int // how many
	from  side
	count int64
}

// parseListPop reads how many keys there are, from argument i, the side and the count.
func (c *Call) parseListPop(i int) (p manyListPop, err error) {
	n, ok := resp.ParseInt(c.Args[i])
	if !ok || n < 1 {
		return p, errNumKeys
	}
	rest := c.Args[i+1:]
	if n >= int64(len(rest)) {
		return p, ErrSyntax
	}
	p.keys, p.count = int(n), 1
	if p.from, err = parseSide(rest[n]); err != nil {
		return p, err
	}
	switch rest = rest[n+1:]; {
	case len(rest) == 0:
		return p, nil
	case len(rest) < 2 || !isToken(rest[0], "COUNT"):
		return p, ErrSyntax
	}
	if p.count, ok = resp.ParseInt(rest[1]); !ok || p.count < 1 {
		return p, errManyCount
	}
	if len(rest) > 2 {
		return p, ErrSyntax
	}
	return p, nil
}

// isTurn tells whether a handler that may have blocked may take from the key at argument i: in its
// first run from any, then from the one that is ready.
func (c *Call) isTurn(i int) bool {
	ready := c.ReadyKey()
	return ready == nil || bytes.Equal(ready, c.Args[i])
}

// popFirstList pops off the first of the keys from argument i on that holds a list, and replies
// with its name and the elements. It tells whether there is one.
func (c *Call) popFirstList(i int, p manyListPop) (popped bool, err error) {
	for end := i + p.keys; i < end; i++ {
		if !c.isTurn(i) {
			continue
		}
		k := c.Write(i)
		l, err := value.ListAt(&k)
		if err != nil {
			return false, err
		}
		if k.Exists() {
			mark, n := c.Reply.Mark(), int(min(p.count, int64(l.Len())))
			c.Reply.Array(2)
			c.Reply.Bulk(k.Name())
			c.Reply.Array(n)
			if err := c.popElements(&k, &l, listPop{p.from, n, mark}); err != nil {
				return true, err
			}
			c.logPop(p.from.popWord(), c.Args[i], n)
			return true, nil
		}
	}
	return false, nil
}

// popOrWait pops one element off the first list of the keys, or waits for one.
func (c *Call) popOrWait(from side) error {
	last := len(c.Args) - 1
	millis, err := c.timeout(last)
	if err != nil {
		return err
	}
	for i := 1; i < last; i++ {
		if !c.isTurn(i) {
			continue
		}
		k := c.Write(i)
		l, err := value.ListAt(&k)
		if err != nil {
			return err
		}
		if k.Exists() {
			mark := c.Reply.Mark()
			c.Reply.Array(2)
			c.Reply.Bulk(k.Name())
			if err := c.popElements(&k, &l, listPop{from, 1, mark}); err != nil {
				return err
			}
			c.logPopOne(from.popWord(), c.Args[i])
			return nil
		}
	}
	return c.waitForLists(c.Args[1:last], millis)
}

// waitForLists blocks until one of the keys holds a list.
func (c *Call) waitForLists(keys [][]byte, millis int64) error {
	if !c.CanBlock() {
		c.Reply.NullArray()
		return nil
	}
	return c.Block(Wait{Keys: keys, Type: keyspace.List, Millis: millis})
}

// listMove is from which end an element goes to which.
type listMove struct{ from, to side }

// parseMove reads two sides.
func (c *Call) parseMove() (m listMove, err error) {
	if m.from, err = parseSide(c.Args[3]); err == nil {
		m.to, err = parseSide(c.Args[4])
	}
	return m, err
}

// moveOrNull moves an element, or replies that there is none.
func (c *Call) moveOrNull(m listMove) error {
	moved, err := c.move(m)
	if !moved && err == nil {
		c.Reply.Null()
	}
	return err
}

// moveOrWait moves an element, or waits for one for the time in argument i.
func (c *Call) moveOrWait(m listMove, i int) error {
	millis, err := c.timeout(i)
	if err != nil {
		return err
	}
	moved, err := c.move(m)
	switch {
	case moved || err != nil:
		return err
	case !c.CanBlock():
		c.Reply.Null()
		return nil
	}
	return c.Block(Wait{Keys: c.Args[1:2], Type: keyspace.List, Millis: millis})
}

// move moves an element from the list at the first key to that at the second, replies with it, and
// tells whether there was one.
func (c *Call) move(m listMove) (moved bool, err error) {
	from := c.Write(1)
	source, err := value.ListAt(&from)
	if err != nil || !from.Exists() {
		return false, err
	}
	at := 0
	if m.from == right {
		at = source.Len() - 1
	}
	if bytes.Equal(c.Args[1], c.Args[2]) {
		return true, c.moveWithin(&from, &source, m, at)
	}
	to := c.Write(2)
	target, err := value.ListAt(&to)
	if err != nil {
		return false, err
	}
	elem := source.AppendAt(c.Scratch(), at)
	c.KeepScratch(elem)
	elems := [1][]byte{elem}
	if err := target.Push(elems[:], m.to == left); err != nil {
		return false, err
	}
	if err := source.Remove(at, 1); err != nil {
		last := 0
		if m.to == right {
			last = target.Len() - 1
		}
		_ = target.Remove(last, 1) // it has the room it had before
		return false, err
	}
	to.ChangedBy(m.to.pushEvent(), 0)
	from.Changed(m.from.popEvent())
	changedIfGone(&from)
	c.Reply.Bulk(elem)
	c.logMove(m)
	return true, nil
}

// moveWithin moves the element at an end of a list to one of its ends.
func (c *Call) moveWithin(k *keyspace.Key, l *value.List, m listMove, at int) error {
	mark := c.Reply.Mark()
	cursor := l.Walk(at)
	c.replyElements(&cursor, 1)
	if m.from != m.to {
		if err := l.Rotate(m.from == right); err != nil {
			c.Reply.Truncate(mark)
			return err
		}
	}
	k.ChangedBy(m.to.pushEvent(), 0)
	k.Changed(m.from.popEvent())
	c.logMove(m)
	return nil
}

// logMove keeps a move as one that does not wait. Where the client has waited, Redis writes the sides
// its own way.
func (c *Call) logMove(m listMove) {
	switch c.Spec.Name {
	case "blmove":
		if c.ReadyKey() == nil {
			c.logAs("LMOVE", 5)
		} else if c.Logs() {
			c.Log(5).Str("LMOVE").Bytes(c.Args[1]).Bytes(c.Args[2]).Str(m.from.word()).Str(m.to.word())
		}
	case "brpoplpush":
		c.logAs("RPOPLPUSH", 3)
	}
}
