// The patterns of SORT's BY and GET: from an element to what another key holds.
//
// The first * stands for the element. "key_*" names a string, "key_*->field" a field of a hash, "#"
// the element itself. As in C, a pattern ends at a zero byte where it is searched.

package command

import (
	"bytes"

	"tarn/internal/keyspace"
	"tarn/internal/value"
)

// sortPattern is a pattern taken apart.
type sortPattern struct {
	varies         bool // it has a *
	itself         bool // #
	prefix, suffix []byte
	field          []byte // nil: the key is a string
}

func parseSortPattern(pattern []byte) sortPattern {
	p := sortPattern{itself: string(pattern) == "#"}
	star := bytes.IndexByte(upToNUL(pattern), '*')
	if star < 0 {
		return p
	}
	p.varies = true
	p.prefix, p.suffix = pattern[:star], pattern[star+1:]
	if arrow := bytes.Index(upToNUL(p.suffix), []byte("->")); arrow >= 0 && len(upToNUL(p.suffix[arrow+2:])) > 0 {
		p.suffix, p.field = p.suffix[:arrow], p.suffix[arrow+2:]
	}
	return p
}

// lookUp returns what a pattern makes of an element, borrowed until the shards are unlocked; false
// when there is no such thing.
func (c *Call) lookUp(p *sortPattern, m value.Member) (found value.Member, ok bool) {
	switch {
	case p.itself:
		return m, true
	case !p.varies:
		return found, false
	}
	name := append(c.Scratch(), p.prefix...)
	name = append(m.AppendTo(name), p.suffix...)
	c.KeepScratch(name)
	k := c.Tx.Key(c.DB(), name, keyspace.ForRead)
	switch {
	case !k.Exists():
		return found, false
	case p.field != nil:
		h, err := value.HashAt(&k, c.Now())
		if err != nil {
			return found, false
		}
		return h.Get(p.field)
	case k.Type() != keyspace.String:
		return found, false
	case k.IsInt():
		n, _ := k.Int()
		return value.Member{Int: n, IsInt: true}, true
	}
	return value.Member{Str: k.StringBytes(nil)}, true
}

// replyGet replies with what a pattern makes of an element, or a null.
func (c *Call) replyGet(p *sortPattern, m value.Member) {
	if found, ok := c.lookUp(p, m); ok {
		c.replyMember(found)
		return
	}
	c.Reply.Null()
}
