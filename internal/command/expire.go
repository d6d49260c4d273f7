// Deadlines: when keys end, and when they are to end.
//
// A deadline is kept as Unix ms. What is asked for in other units is turned into that first, and
// refused where it does not fit; a deadline that is not in the future deletes the key at once.

package command

import (
	"bytes"
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// expireIf are the conditions of EXPIRE and its like.
type expireIf struct {
	none, some bool // NX, XX: only without, only with a deadline
	later      bool // GT: only when it comes later; none is the latest
	earlier    bool // LT: only when it comes earlier
}

const (
	msPerUnit     = 1
	secondPerUnit = 1000
)

func expire(c *Call) error    { return c.expireAt(c.Now(), secondPerUnit) }
func expireat(c *Call) error  { return c.expireAt(0, secondPerUnit) }
func pexpire(c *Call) error   { return c.expireAt(c.Now(), msPerUnit) }
func pexpireat(c *Call) error { return c.expireAt(0, msPerUnit) }

// expireAt gives the key at argument 1 the deadline at argument 2, in units of unitMs since base.
func (c *Call) expireAt(base, unitMs int64) error {
	when, err := parseExpireIf(c.Args[3:])
	if err != nil {
		return err
	}
	at, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	if at > math.MaxInt64/unitMs || at < math.MinInt64/unitMs || at*unitMs > math.MaxInt64-base {
		return c.errExpireTime()
	}
	at = at*unitMs + base
	k := c.Write(1)
	if !k.Exists() || !when.allow(k.Deadline(), at) {
		c.Reply.Int(0)
		return nil
	}
	if c.isPast(at) {
		k.Delete()
		k.Changed("del")
		c.logGone(c.Env.Config.Current().LazyfreeLazyExpire)
		c.Reply.Int(1)
		return nil
	}
	if err := k.SetDeadline(at); err != nil {
		return err
	}
	k.Changed("expire")
	if c.Spec.Name != "pexpireat" {
		c.logDeadline(at, 3)
	}
	c.Reply.Int(1)
	return nil
}

// parseExpireIf reads the conditions. Errors: one that quotes an unknown word, and those of
// conditions that exclude each other.
func parseExpireIf(args [][]byte) (when expireIf, err error) {
	for _, arg := range args {
		switch {
		case isToken(arg, "NX"):
			when.none = true
		case isToken(arg, "XX"):
			when.some = true
		case isToken(arg, "GT"):
			when.later = true
		case isToken(arg, "LT"):
			when.earlier = true
		default:
			return when, resp.Error("ERR Unsupported option " + string(upToNUL(arg)))
		}
	}
	if when.none && (when.some || when.later || when.earlier) {
		return when, ErrExpireNX
	}
	if when.later && when.earlier {
		return when, ErrExpireGT
	}
	return when, nil
}

// allow tells whether a key whose deadline is current, or NoDeadline, may get the deadline at.
func (when expireIf) allow(current, at int64) bool {
	if current == keyspace.NoDeadline {
		return !when.some && !when.later
	}
	return !when.none && !(when.later && at <= current) && !(when.earlier && at >= current)
}

func expiretime(c *Call) error  { return c.replyDeadline(0, secondPerUnit) }
func pexpiretime(c *Call) error { return c.replyDeadline(0, msPerUnit) }
func pttl(c *Call) error        { return c.replyDeadline(c.Now(), msPerUnit) }
func ttl(c *Call) error         { return c.replyDeadline(c.Now(), secondPerUnit) }

// replyDeadline replies with the deadline of the key at argument 1 in units of unitMs since base,
// to the nearest: -2 without the key, -1 without a deadline.
func (c *Call) replyDeadline(base, unitMs int64) error {
	k := c.Inspect(1)
	switch at := k.Deadline(); {
	case !k.Exists():
		c.Reply.Int(-2)
	case at == keyspace.NoDeadline:
		c.Reply.Int(-1)
	case unitMs == msPerUnit:
		c.Reply.Int(max(at-base, 0))
	default:
		left := max(at-base, 0)
		c.Reply.Int(left/unitMs + (left%unitMs+unitMs/2)/unitMs)
	}
	return nil
}

func persist(c *Call) error {
	k := c.Write(1)
	if k.Deadline() == keyspace.NoDeadline {
		c.Reply.Int(0)
		return nil
	}
	if err := k.SetDeadline(keyspace.NoDeadline); err != nil {
		return err
	}
	k.Changed("persist")
	c.Reply.Int(1)
	return nil
}

// upToNUL returns what a C program prints of arg.
func upToNUL(arg []byte) []byte {
	text, _, _ := bytes.Cut(arg, []byte{0})
	return text
}
