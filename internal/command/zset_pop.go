// Popping: ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms.
//
// One function takes members off an end of one sorted set; the commands differ in where they look
// for it and in how the reply is wrapped.

package command

import (
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errPopCount  resp.Error = "ERR value is out of range, must be positive"
	errNumKeys   resp.Error = "ERR numkeys should be greater than 0"
	errManyCount resp.Error = "ERR count should be greater than 0"
)

// end is an end of a sorted set.
type end bool

const (
	lowest  end = false
	highest end = true
)

func (e end) popEvent() string {
	if e == highest {
		return "zpopmax"
	}
	return "zpopmin"
}

func (e end) popWord() string {
	if e == highest {
		return "ZPOPMAX"
	}
	return "ZPOPMIN"
}

func zpopmin(c *Call) error { return c.zpop(lowest) }

func zpopmax(c *Call) error { return c.zpop(highest) }

// zpop pops one member, or a number of them, off the sorted set at the first key.
func (c *Call) zpop(from end) error {
	if len(c.Args) > 3 {
		return ErrSyntax
	}
	count, counted := int64(1), len(c.Args) == 3
	if counted {
		var ok bool
		if count, ok = resp.ParseInt(c.Args[2]); !ok || count < 0 {
			return errPopCount
		}
	}
	k := c.Write(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	n := int(min(count, int64(z.Len())))
	if n == 0 {
		c.Reply.Array(0)
		return nil
	}
	mark := c.Reply.Mark()
	nested := counted && c.Reply.Proto() == resp.RESP3
	if nested {
		c.Reply.Array(n)
	} else {
		c.Reply.Array(2 * n)
	}
	return c.popInto(z, &k, popping{from, n, nested, mark})
}

// popping is what popInto takes.
type popping struct {
	from   end
	n      int // at least 1, at most all
	nested bool
	mark   int // where the reply begins
}

// popInto pops members and replies with each and its score. When it fails, it takes the reply back.
func (c *Call) popInto(z value.ZSet, k *keyspace.Key, p popping) error {
	first, behind := 0, p.n
	if p.from == highest {
		first, behind = z.Len()-p.n, z.Len()
	}
	z.Each(first, behind, p.from == highest, func(m value.Member, score float64) bool {
		if p.nested {
			c.Reply.Array(2)
		}
		c.replyMember(m)
		c.Reply.Double(score)
		return true
	})
	if err := z.RemoveRanks(first, behind); err != nil {
		c.Reply.Truncate(p.mark)
		return err
	}
	k.ChangedBy(p.from.popEvent(), int64(p.n))
	changedIfGone(k)
	return nil
}

// manyPop is what ZMPOP and BZMPOP ask for.
type manyPop struct {
	keys  int // how many
	from  end
	count int64
}

// parseManyPop reads how many keys there are, from argument i, the end and the count.
func (c *Call) parseManyPop(i int) (p manyPop, err error) {
	n, ok := resp.ParseInt(c.Args[i])
	if !ok || n < 1 {
		return p, errNumKeys
	}
	rest := c.Args[i+1:]
	if n >= int64(len(rest)) {
		return p, ErrSyntax
	}
	p.keys, p.count = int(n), 1
	switch rest = rest[n:]; {
	case isToken(rest[0], "MAX"):
		p.from = highest
	case !isToken(rest[0], "MIN"):
		return p, ErrSyntax
	}
	switch rest = rest[1:]; {
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

func zmpop(c *Call) error {
	p, err := c.parseManyPop(1)
	if err != nil {
		return err
	}
	popped, err := c.popFirst(2, p)
	if !popped && err == nil {
		c.Reply.NullArray()
	}
	return err
}

// popFirst pops off the first of the keys from argument i on that holds a sorted set, and replies
// with its name and the members. It tells whether there is one.
func (c *Call) popFirst(i int, p manyPop) (popped bool, err error) {
	for ; p.keys > 0; p.keys-- {
		k := c.Write(i)
		z, err := value.ZSetAt(&k)
		if err != nil {
			return false, err
		}
		if k.Exists() {
			mark, n := c.Reply.Mark(), int(min(p.count, int64(z.Len())))
			c.Reply.Array(2)
			c.Reply.Bulk(k.Name())
			c.Reply.Array(n)
			if err := c.popInto(z, &k, popping{p.from, n, true, mark}); err != nil {
				return true, err
			}
			c.logPop(p.from.popWord(), c.Args[i], n)
			return true, nil
		}
		i++
	}
	return false, nil
}
