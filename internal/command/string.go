// Strings: reading and writing one key's value, whole or in part.
//
// A value that reads as a 64-bit integer is kept as one where the whole value is written; what
// changes part of it makes it plain bytes, as OBJECT ENCODING shows. Writing a whole value ends the
// key's deadline, changing part of it does not.

package command

import "tarn/internal/keyspace"

func appendString(c *Call) error {
	k := c.Write(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	tail := c.Args[2]
	if !k.Exists() {
		if err := k.SetString(tail, keyspace.Auto, keyspace.NoDeadline); err != nil {
			return err
		}
		k.Changed("append")
		c.Reply.Int(int64(len(tail)))
		return nil
	}
	had := k.StringLen()
	if err := c.checkStringSize(int64(had), len(tail)); err != nil {
		return err
	}
	value, err := k.Resize(had + len(tail))
	if err != nil {
		return err
	}
	copy(value[had:], tail)
	k.Changed("append")
	c.Reply.Int(int64(len(value)))
	return nil
}

func get(c *Call) error {
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	c.replyString(&k)
	return nil
}

func getDel(c *Call) error {
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	c.replyString(&k)
	if k.Delete() {
		k.Changed("del")
		c.logGone(c.Env.Config.Current().LazyfreeLazyUserDel)
	}
	return nil
}

// getRange replies with the bytes from a first to a last position, both counted from the end when
// negative.
func getRange(c *Call) error {
	first, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	last, err := parseInt(c.Args[3])
	if err != nil {
		return err
	}
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	value := k.StringBytes(nil)
	from, to, ok := clampRange(first, last, int64(len(value)))
	if !ok || isBackwards(first, last) {
		c.Reply.BulkString("")
		return nil
	}
	c.Reply.Bulk(value[from : to+1])
	return nil
}

func getSet(c *Call) error {
	stored, err := c.setOne(c.Args[2], &setOptions{get: true})
	if stored {
		c.logSet(c.Args[2], keyspace.NoDeadline)
	}
	return err
}

// setRange overwrites part of the value, padded with zero bytes up to there.
func setRange(c *Call) error {
	offset, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	if offset < 0 {
		return ErrOffset
	}
	k := c.Write(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	had, part := k.StringLen(), c.Args[3]
	if len(part) == 0 {
		c.Reply.Int(int64(had))
		return nil
	}
	if err := c.checkStringSize(offset, len(part)); err != nil {
		return err
	}
	value, err := k.Resize(max(had, int(offset)+len(part)))
	if err != nil {
		return err
	}
	copy(value[offset:], part)
	k.Changed("setrange")
	c.Reply.Int(int64(len(value)))
	return nil
}

func strlen(c *Call) error {
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	c.Reply.Int(int64(k.StringLen()))
	return nil
}

// replyString replies with the value of a key of type String, or a null when it is absent.
func (c *Call) replyString(k *keyspace.Key) {
	if !k.Exists() {
		c.Reply.Null()
		return
	}
	if k.IsInt() {
		n, _ := k.Int()
		c.Reply.BulkInt(n)
		return
	}
	c.Reply.Bulk(k.StringBytes(nil))
}

// checkStringSize returns ErrStringTooLong when a value of size bytes, neither negative, must not
// grow by more.
func (c *Call) checkStringSize(size int64, more int) error {
	if total := size + int64(more); total > c.Env.Config.Current().ProtoMaxBulkLen || total < size {
		return ErrStringTooLong
	}
	return nil
}

// clampRange turns the first and the last position of a range, counted from the end when negative,
// into positions inside 0..length-1. ok is false when nothing lies in the range. One that lies
// wholly before the start becomes the first position, unless isBackwards.
func clampRange(first, last, length int64) (from, to int64, ok bool) {
	from, to = fromEnd(first, length), min(fromEnd(last, length), length-1)
	return from, to, from <= to
}

// isBackwards tells whether a range counted from the end ends before it begins, at any length.
func isBackwards(first, last int64) bool { return first < 0 && last < 0 && first > last }

// fromEnd counts a negative position from the end; none is before the start.
func fromEnd(pos, length int64) int64 {
	if pos < 0 {
		return max(pos+length, 0)
	}
	return pos
}
