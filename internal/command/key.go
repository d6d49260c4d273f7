// Keys of any type: deleting, counting, renaming, copying, moving.
//
// A Key is good until something changes through another: a second look-up may delete a key whose
// deadline has passed. So a handler looks up what it changes last, and asks the keys it found
// before only for what stays true.

package command

import (
	"bytes"

	"tarn/internal/keyspace"
)

func copyKey(c *Call) error {
	db, replace, err := c.copyOptions()
	if err != nil {
		return err
	}
	if db == c.DB() && bytes.Equal(c.Args[1], c.Args[2]) {
		return ErrSameObject
	}
	from := c.Read(1)
	if !from.Exists() {
		c.Reply.Int(0)
		return nil
	}
	to := c.Tx.Key(db, c.Args[2], keyspace.ForWrite)
	if to.Exists() && !replace {
		c.Reply.Int(0)
		return nil
	}
	if err := from.CopyTo(&to); err != nil {
		return err
	}
	to.Changed("copy_to")
	c.Reply.Int(1)
	return nil
}

// copyOptions reads COPY's options: the database to copy to, and whether to replace a key there.
func (c *Call) copyOptions() (db int, replace bool, err error) {
	db = c.DB()
	for i := 3; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case isToken(arg, "REPLACE"):
			replace = true
		case isToken(arg, "DB") && i+1 < len(c.Args):
			i++
			if db, err = c.parseDB(c.Args[i]); err != nil {
				return 0, false, err
			}
		default:
			return 0, false, ErrSyntax
		}
	}
	return db, replace, nil
}

// del is DEL, and UNLINK: a string is freed in no time, however large.
func del(c *Call) error {
	deleted := int64(0)
	for i := 1; i < len(c.Args); i++ {
		if k := c.Peek(i); k.Delete() {
			k.Changed("del")
			deleted++
		}
	}
	c.Reply.Int(deleted)
	return nil
}

// exists counts a key as often as it is named.
func exists(c *Call) error {
	found := int64(0)
	for i := 1; i < len(c.Args); i++ {
		if k := c.Inspect(i); k.Exists() {
			found++
		}
	}
	c.Reply.Int(found)
	return nil
}

func move(c *Call) error {
	db, err := c.parseDB(c.Args[2])
	if err != nil {
		return err
	}
	if db == c.DB() {
		return ErrSameObject
	}
	from := c.Write(1)
	if !from.Exists() {
		c.Reply.Int(0)
		return nil
	}
	to := c.Tx.KeyHashed(db, c.Args[1], c.hashOf(1), keyspace.ForWrite)
	if to.Exists() {
		c.Reply.Int(0)
		return nil
	}
	if err := from.MoveTo(&to); err != nil {
		return err
	}
	from.Changed("move_from")
	to.ChangedBy("move_to", 0) // one change, two events
	c.Reply.Int(1)
	return nil
}

func rename(c *Call) error {
	if _, err := c.renameKey(false); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

func renamenx(c *Call) error {
	renamed, err := c.renameKey(true)
	if err != nil {
		return err
	}
	c.replyFlag(renamed)
	return nil
}

// renameKey gives the key at argument 1 the name at argument 2 and tells whether it did; with
// ifAbsent it does not take a name in use, such as its own. Errors: ErrNoSuchKey, and of memory.
func (c *Call) renameKey(ifAbsent bool) (renamed bool, err error) {
	from := c.Write(1)
	if !from.Exists() {
		return false, ErrNoSuchKey
	}
	if bytes.Equal(c.Args[1], c.Args[2]) {
		return false, nil
	}
	to := c.Write(2)
	if ifAbsent && to.Exists() {
		return false, nil
	}
	if err := from.MoveTo(&to); err != nil {
		return false, err
	}
	from.Changed("rename_from")
	to.ChangedBy("rename_to", 0) // one change, two events
	return true, nil
}

// touch marks keys as used, also for a client under CLIENT NO-TOUCH.
func touch(c *Call) error {
	found := int64(0)
	for i := 1; i < len(c.Args); i++ {
		if k := c.Inspect(i); k.Exists() {
			k.Touch()
			found++
		}
	}
	c.Reply.Int(found)
	return nil
}

func typeOf(c *Call) error {
	k := c.Inspect(1)
	if !k.Exists() {
		c.Reply.Simple("none")
		return nil
	}
	c.Reply.Simple(k.Type().String())
	return nil
}

// replyFlag replies with 1 or 0.
func (c *Call) replyFlag(yes bool) {
	if yes {
		c.Reply.Int(1)
		return
	}
	c.Reply.Int(0)
}
