// Strings as numbers: DECR, DECRBY, INCR, INCRBY, INCRBYFLOAT. An absent key counts as 0, and a
// deadline stays.

package command

import (
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

func decr(c *Call) error { return c.addToInt(-1) }

func decrBy(c *Call) error {
	delta, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	if delta == math.MinInt64 {
		return ErrDecrementOverflow // it has no opposite
	}
	return c.addToInt(-delta)
}

func incr(c *Call) error { return c.addToInt(1) }

func incrBy(c *Call) error {
	delta, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	return c.addToInt(delta)
}

func incrByFloat(c *Call) error {
	k := c.Write(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	var text [20]byte
	value := k.StringBytes(text[:0])
	if !k.Exists() {
		value = append(text[:0], '0')
	}
	sum, err := resp.AddLongDouble(value, c.Args[2])
	if err != nil {
		return err
	}
	if err := k.SetString(sum, keyspace.Plain, keyspace.KeepDeadline); err != nil {
		return err
	}
	k.Changed("incrbyfloat")
	if c.Logs() {
		c.Log(4).Str("SET").Bytes(c.Args[1]).Bytes(sum).Str("KEEPTTL")
	}
	c.Reply.Bulk(sum)
	return nil
}

// addToInt adds delta to the integer at the key and replies with the sum. Nothing is changed when
// the sum would not fit in 64 bits.
func (c *Call) addToInt(delta int64) error {
	k := c.Write(1)
	n, err := k.Int()
	if err != nil {
		return err
	}
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return ErrOverflow
	}
	if err := k.SetInt(sum); err != nil {
		return err
	}
	k.Changed("incrby")
	c.Reply.Int(sum)
	return nil
}

// parseInt reads an integer argument. Errors: keyspace.ErrNotInteger.
func parseInt(arg []byte) (int64, error) {
	n, ok := resp.ParseInt(arg)
	if !ok {
		return 0, keyspace.ErrNotInteger
	}
	return n, nil
}
