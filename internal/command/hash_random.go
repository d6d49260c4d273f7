// HRANDFIELD: fields of a hash by chance.

package command

import (
	"math"

	"tarn/internal/resp"
	"tarn/internal/value"
)

func hrandfield(c *Call) error {
	if len(c.Args) == 2 {
		return c.hrandfield()
	}
	count, err := parseDraws(c.Args[2])
	if err != nil {
		return err
	}
	values := len(c.Args) == 4 && isToken(c.Args[3], "WITHVALUES")
	switch {
	case len(c.Args) > 3 && !values:
		return ErrSyntax
	case values && (count < -math.MaxInt64/2 || count > math.MaxInt64/2):
		return ErrOutOfRange
	}
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	length := h.Len()
	reply := func(field, v value.Item) { replyFieldTo(c.Reply, field, v, values) }
	switch {
	case length == 0 || count == 0:
		c.Reply.Array(0)
	case count < 0:
		return c.draw(-count, func(n int) { c.replyPairs(n, values) }, func(n int64) { h.Draw(c.Tx.Rand(), n, reply) })
	case count < int64(length):
		c.replyPairs(int(count), values)
		h.Sample(c.Tx.Rand(), int(count), reply)
	default:
		c.replyPairs(length, values)
		c.replyFields(&k, &h, length, func(w *resp.Writer, field, v value.Item) { replyFieldTo(w, field, v, values) })
	}
	return nil
}

// hrandfield replies with one field, or a null.
func (c *Call) hrandfield() error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	if h.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	field, _ := h.Random(c.Tx.Rand())
	c.replyMember(field)
	return nil
}

// replyFieldTo writes a field, with its value if that is wanted: a pair of its own in RESP3.
func replyFieldTo(w *resp.Writer, field, v value.Item, values bool) {
	if values && w.Proto() == resp.RESP3 {
		w.Array(2)
	}
	replyMemberTo(w, field)
	if values {
		replyMemberTo(w, v)
	}
}
