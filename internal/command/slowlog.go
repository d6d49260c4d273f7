// SLOWLOG: the commands that took long.

package command

import "tarn/internal/resp"

// slowlogDefault is how many entries SLOWLOG GET replies without being told.
const slowlogDefault = 10

const errSlowCount resp.Error = "ERR count should be greater than or equal to -1"

// slowlogGet replies with the latest entries, newest first.
func slowlogGet(c *Call) error {
	count := int64(slowlogDefault)
	switch len(c.Args) {
	case 2:
	case 3:
		var ok bool
		if count, ok = resp.ParseInt(c.Args[2]); !ok || count < -1 {
			return errSlowCount
		}
	default:
		return c.errSubcommand()
	}
	entries := c.Env.SlowLog.Latest(int(count))
	w := c.Reply
	w.Array(len(entries))
	for i := range entries {
		e := &entries[i]
		w.Array(6)
		w.Int(e.ID)
		w.Int(e.UnixTime)
		w.Int(e.Micros)
		w.Array(len(e.Args))
		for _, arg := range e.Args {
			w.BulkString(arg)
		}
		w.BulkString(e.ClientAddr)
		w.BulkString(e.ClientName)
	}
	return nil
}

func slowlogLen(c *Call) error {
	c.Reply.Int(int64(c.Env.SlowLog.Len()))
	return nil
}

func slowlogReset(c *Call) error {
	c.Env.SlowLog.Reset()
	c.Reply.OK()
	return nil
}
