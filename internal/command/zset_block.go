// Blocking pops of sorted sets: BZPOPMIN, BZPOPMAX, BZMPOP.
//
// A client waits for the first of its keys to hold a sorted set. When one does, the command is run
// again: it takes from that key only, since others may have become ready after it.

package command

import (
	"bytes"

	"tarn/internal/keyspace"
	"tarn/internal/value"
)

func bzpopmin(c *Call) error { return c.bzpop(lowest) }

func bzpopmax(c *Call) error { return c.bzpop(highest) }

// bzpop pops one member off the first key that holds a sorted set, and replies with the key, the
// member and its score.
func (c *Call) bzpop(from end) error {
	last := len(c.Args) - 1
	millis, err := c.timeout(last)
	if err != nil {
		return err
	}
	for i := 1; i < last; i++ {
		if c.isPassedOver(i) {
			continue
		}
		k := c.Write(i)
		z, err := value.ZSetAt(&k)
		if err != nil {
			return err
		}
		if k.Exists() {
			mark := c.Reply.Mark()
			c.Reply.Array(3)
			c.Reply.Bulk(k.Name())
			if err := c.popInto(z, &k, popping{from, 1, false, mark}); err != nil {
				return err
			}
			c.logPopOne(from.popWord(), c.Args[i])
			return nil
		}
	}
	return c.waitForZSet(c.Args[1:last], millis)
}

func bzmpop(c *Call) error {
	p, err := c.parseManyPop(2)
	if err != nil {
		return err
	}
	millis, err := c.timeout(1)
	if err != nil {
		return err
	}
	keys := c.Args[3 : 3+p.keys]
	for i := range keys {
		if c.isPassedOver(3 + i) {
			continue
		}
		one := p
		one.keys = 1
		if popped, err := c.popFirst(3+i, one); popped || err != nil {
			return err
		}
	}
	return c.waitForZSet(keys, millis)
}

// isPassedOver tells whether the key at argument i is not the one that the command is run again for.
func (c *Call) isPassedOver(i int) bool {
	ready := c.ReadyKey()
	return ready != nil && !bytes.Equal(ready, c.Args[i])
}

// waitForZSet waits for one of the keys to hold a sorted set.
func (c *Call) waitForZSet(keys [][]byte, millis int64) error {
	if !c.CanBlock() {
		c.Reply.NullArray()
		return nil
	}
	return c.Block(Wait{Keys: keys, Type: keyspace.ZSet, Millis: millis})
}
