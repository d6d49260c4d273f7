// Strings at several keys: MGET, MSET, MSETNX.
//
// A key may be named more than once: each look-up sees what the ones before it have done, and the
// last value stays. All keys are locked, so nobody sees some written and others not.

package command

import (
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

func mget(c *Call) error {
	c.Reply.Array(len(c.Args) - 1)
	for i := 1; i < len(c.Args); i++ {
		k := c.Read(i)
		if k.CheckType(keyspace.String) != nil {
			c.Reply.Null()
			continue
		}
		c.replyString(&k)
	}
	return nil
}

func mset(c *Call) error {
	if err := c.checkPairs(); err != nil {
		return err
	}
	if err := c.setPairs(); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

func msetnx(c *Call) error {
	if err := c.checkPairs(); err != nil {
		return err
	}
	for i := 1; i < len(c.Args); i += 2 {
		if k := c.Write(i); k.Exists() {
			c.Reply.Int(0)
			return nil
		}
	}
	if err := c.setPairs(); err != nil {
		return err
	}
	c.Reply.Int(1)
	return nil
}

// checkPairs returns an error when the arguments are not keys with a value each.
func (c *Call) checkPairs() error {
	if len(c.Args)%2 == 0 {
		return resp.Error("ERR wrong number of arguments for '" + c.Spec.FullName + "' command")
	}
	return nil
}

// setPairs writes the keys in their order. When memory runs out in between, those before stay
// written, as they are in what Changed has said.
func (c *Call) setPairs() error {
	for i := 1; i < len(c.Args); i += 2 {
		k := c.Write(i)
		if err := k.SetString(c.Args[i+1], keyspace.Auto, keyspace.NoDeadline); err != nil {
			return err
		}
		k.Changed("set")
	}
	return nil
}
