// OBJECT: how a value is kept and how its key is used.

package command

import (
	"math"

	"tarn/internal/config"
	"tarn/internal/keyspace"
)

// inspected looks up the key at argument 2. When it is absent it replies with a null.
func (c *Call) inspected() (k keyspace.Key, exists bool) {
	k = c.Inspect(2)
	if !k.Exists() {
		c.Reply.Null()
		return k, false
	}
	return k, true
}

func objectEncoding(c *Call) error {
	if k, ok := c.inspected(); ok {
		c.Reply.BulkString(k.Encoding())
	}
	return nil
}

func objectFreq(c *Call) error {
	k, ok := c.inspected()
	if !ok {
		return nil
	}
	if !c.Env.Config.Current().MaxMemoryPolicy.LFU() {
		return ErrNotLFU
	}
	c.Reply.Int(k.Frequency())
	return nil
}

func objectIdletime(c *Call) error {
	k, ok := c.inspected()
	if !ok {
		return nil
	}
	if c.Env.Config.Current().MaxMemoryPolicy.LFU() {
		return ErrLFU
	}
	c.Reply.Int(k.IdleSeconds())
	return nil
}

// Redis has one object for all values that are the same small integer, and says so by a count of
// references that no object reaches.
const (
	sharedIntegers = 10_000
	sharedRefcount = math.MaxInt32
)

// objectRefcount replies with what Redis would: Tarn shares nothing.
func objectRefcount(c *Call) error {
	k, ok := c.inspected()
	if !ok {
		return nil
	}
	if k.Type() == keyspace.String && k.IsInt() && c.sharesIntegers() {
		if n, err := k.Int(); err == nil && n >= 0 && n < sharedIntegers {
			c.Reply.Int(sharedRefcount)
			return nil
		}
	}
	c.Reply.Int(1)
	return nil
}

// sharesIntegers tells whether Redis would share small integers: not where eviction needs to know
// of each key when it was used.
func (c *Call) sharesIntegers() bool {
	cfg := c.Env.Config.Current()
	switch cfg.MaxMemoryPolicy {
	case config.VolatileLRU, config.AllKeysLRU, config.VolatileLFU, config.AllKeysLFU:
		return cfg.MaxMemory == 0
	}
	return true
}
