// Databases as wholes: choosing, counting, emptying, swapping.

package command

import (
	"math"

	"tarn/internal/resp"
)

func dbsize(c *Call) error {
	c.Reply.Int(int64(c.Tx.Len(c.DB())))
	return nil
}

// flushAll empties all databases. A background save is of no use any more and ends; with save
// points, the empty keyspace is saved before the reply, and a failure is the save's own to tell.
func flushAll(c *Call) error {
	background, err := c.flushInBackground()
	if err != nil {
		return err
	}
	c.Env.Saver.Abort()
	c.Tx.Dirty.Add(c.Tx.Flush(-1, background))
	_ = c.Env.Saver.FlushedAll() // logged, and seen in INFO
	c.logSent()
	c.Reply.OK()
	return nil
}

func flushDB(c *Call) error {
	background, err := c.flushInBackground()
	if err != nil {
		return err
	}
	c.Tx.Dirty.Add(c.Tx.Flush(c.DB(), background))
	c.logSent()
	c.Reply.OK()
	return nil
}

// flushInBackground reads the argument of FLUSHDB and FLUSHALL.
func (c *Call) flushInBackground() (bool, error) {
	switch {
	case len(c.Args) == 1:
		return c.Env.Config.Current().LazyfreeLazyUserFlush, nil
	case len(c.Args) == 2 && isToken(c.Args[1], "ASYNC"):
		return true, nil
	case len(c.Args) == 2 && isToken(c.Args[1], "SYNC"):
		return false, nil
	}
	return false, ErrSyntax
}

func selectDB(c *Call) error {
	db, err := c.parseDB(c.Args[1])
	if err != nil {
		return err
	}
	c.Session.DB = int32(db)
	c.Reply.OK()
	return nil
}

func swapDB(c *Call) error {
	a, ok := parseInt32(c.Args[1])
	if !ok {
		return ErrFirstDB
	}
	b, ok := parseInt32(c.Args[2])
	if !ok {
		return ErrSecondDB
	}
	if !c.hasDB(a) || !c.hasDB(b) {
		return ErrDBIndex
	}
	c.Tx.Swap(int(a), int(b))
	c.Tx.Dirty.Add(1)
	c.Reply.OK()
	return nil
}

// parseDB reads the number of a database that exists. Errors: keyspace.ErrNotInteger, ErrInt32,
// ErrDBIndex.
func (c *Call) parseDB(arg []byte) (int, error) {
	n, err := parseInt(arg)
	switch {
	case err != nil:
		return 0, err
	case n < math.MinInt32 || n > math.MaxInt32:
		return 0, ErrInt32
	case !c.hasDB(n):
		return 0, ErrDBIndex
	}
	return int(n), nil
}

func (c *Call) hasDB(n int64) bool { return n >= 0 && n < int64(c.Tx.Keyspace().Databases()) }

// parseInt32 reads an integer of 32 bits.
func parseInt32(arg []byte) (n int64, ok bool) {
	n, ok = resp.ParseInt(arg)
	return n, ok && n >= math.MinInt32 && n <= math.MaxInt32
}
