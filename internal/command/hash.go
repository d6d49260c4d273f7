// Hashes: reading and writing fields.
//
// Where a command is about several fields, those of a small hash change together or not at all. In a
// large hash a refusal of memory can come in between: then the fields before it stay written, as
// Changed says.

package command

import (
	"math"
	"strconv"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// expireAtOnce is how many fields that have ended a command deletes before it changes a hash, at most.
const expireAtOnce = 128

// hashAt returns the hash at a key, in room that the next call takes. Errors: keyspace.ErrWrongType.
func (c *Call) hashAt(k *keyspace.Key) (value.Hash, error) {
	return value.HashIn(&c.fields, k, c.fieldsNow())
}

// editHash returns the hash at a key that is to be changed, without the fields that have ended.
// Errors: keyspace.ErrWrongType, keyspace.ErrOutOfMemory.
func (c *Call) editHash(k *keyspace.Key) (value.Hash, error) {
	h, err := c.hashAt(k)
	if err != nil {
		return h, err
	}
	gone, err := h.Expire(expireAtOnce)
	if gone > 0 {
		c.Tx.ExpiredFields.Add(int64(gone))
		fieldsExpired(k)
	}
	return h, err
}

// fieldsExpired says that fields of a hash have ended, and perhaps the hash with them: no change to
// save.
func fieldsExpired(k *keyspace.Key) {
	k.ChangedBy("hexpired", 0)
	if !k.Exists() {
		k.ChangedBy("del", 0)
	}
}

// ExpireFields deletes up to about limit fields of a hash that have ended, and returns how many: for
// keyspace.OnFieldsDue.
func ExpireFields(k *keyspace.Key, limit int) (gone int) {
	if gone = value.ExpireFields(k, limit); gone > 0 {
		fieldsExpired(k)
	}
	return gone
}

// changedFields says that so many fields of a hash have changed, by which it may have gone.
func changedFields(k *keyspace.Key, event string, fields int64) {
	k.ChangedBy(event, fields)
	if !k.Exists() {
		k.ChangedBy("del", 0)
	}
}

func hdel(c *Call) error {
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	deleted, err := c.deleteFields(&k, &h, c.Args[2:])
	if err != nil && deleted == 0 {
		return err
	}
	if deleted > 0 {
		changedFields(&k, "hdel", deleted)
	}
	c.Reply.Int(deleted)
	return nil
}

// deleteFields deletes fields and returns how many were there.
func (c *Call) deleteFields(k *keyspace.Key, h *value.Hash, fields [][]byte) (deleted int64, err error) {
	if !k.Exists() {
		return 0, nil
	}
	if len(fields) == 1 {
		found, err := h.Delete(fields[0])
		if found {
			deleted = 1
		}
		return deleted, err
	}
	h.Begin(&c.scratch)
	for _, field := range fields {
		found, err := h.Remove(field)
		if err != nil {
			break
		}
		if found {
			deleted++
		}
	}
	if deleted == 0 {
		h.Abort()
		return 0, nil
	}
	if err := h.End(); err != nil {
		return 0, err
	}
	c.trimScratch()
	return deleted, nil
}

func hexists(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	if _, ok := h.Get(c.Args[2]); ok {
		c.Reply.Int(1)
		return nil
	}
	c.Reply.Int(0)
	return nil
}

func hget(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	c.replyField(&h, c.Args[2])
	return nil
}

// replyField replies with the value of a field, or a null.
func (c *Call) replyField(h *value.Hash, field []byte) (found bool) {
	v, found := h.Get(field)
	if !found {
		c.Reply.Null()
		return false
	}
	c.replyMember(v)
	return true
}

func hgetall(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	n := h.Len()
	c.Reply.Map(n)
	c.replyFields(&k, &h, n, func(w *resp.Writer, field, v value.Item) {
		replyMemberTo(w, field)
		replyMemberTo(w, v)
	})
	return nil
}

// replyFields writes what each makes of every field of a hash of n.
func (c *Call) replyFields(k *keyspace.Key, h *value.Hash, n int, each func(w *resp.Writer, field, v value.Item)) {
	if n < LongReply || k.Shape() != keyspace.InBig {
		h.Each(func(field, v value.Item, _ int64) bool {
			each(c.Reply, field, v)
			return true
		})
		return
	}
	next, key := h.Pieces(), *k // a copy, lest every key were on Go's heap
	c.Stream(&key, func(w *resp.Writer, limit int) (more bool) {
		end := w.Len() + limit
		return next(func(field, v value.Item) bool {
			each(w, field, v)
			return w.Len() < end
		})
	})
}

func hincrby(c *Call) error {
	delta, err := parseInt(c.Args[3])
	if err != nil {
		return err
	}
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	n, ok := int64(0), true
	if v, found := h.Get(c.Args[2]); found {
		if n, ok = v.Int, v.IsInt; !ok {
			n, ok = resp.ParseInt(v.Str)
		}
	}
	if !ok {
		return ErrHashInteger
	}
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return ErrOverflow
	}
	var text [integerText]byte
	if _, err := h.Set(c.Args[2], resp.AppendInt(text[:0], sum), value.Keep); err != nil {
		return err
	}
	k.Changed("hincrby")
	c.Reply.Int(sum)
	return nil
}

// integerText is the length of the longest integer in decimal.
const integerText = 20

func hincrbyfloat(c *Call) error {
	delta, ok := resp.ParseLongDouble(c.Args[3])
	if !ok {
		return resp.ErrNotFloat
	}
	if _, ok := delta.Add(resp.LongDoubleFromInt(0)); !ok {
		return ErrNotFinite
	}
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	before := resp.LongDoubleFromInt(0)
	v, deadline, found := h.GetTimed(c.Args[2])
	if found {
		if before, ok = resp.LongDoubleFromInt(v.Int), v.IsInt; !ok {
			before, ok = resp.ParseLongDouble(v.Str)
		}
	}
	if !ok {
		return ErrHashFloat
	}
	sum, ok := before.Add(delta)
	if !ok {
		return resp.ErrFloatRange
	}
	text := sum.AppendTo(nil)
	if _, err := h.Set(c.Args[2], text, value.Keep); err != nil {
		return err
	}
	k.Changed("hincrbyfloat")
	if c.Logs() {
		c.Log(4).Str("HSET").Bytes(c.Args[1]).Bytes(c.Args[2]).Bytes(text)
		if found && deadline != keyspace.NoDeadline { // which HSET ends
			c.logFields("HPEXPIREAT", deadline, nil, c.Args[2:3])
		}
	}
	c.Reply.Bulk(text)
	return nil
}

func hkeys(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	n := h.Len()
	c.Reply.Array(n)
	c.replyFields(&k, &h, n, func(w *resp.Writer, field, _ value.Item) { replyMemberTo(w, field) })
	return nil
}

func hlen(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(h.Len()))
	return nil
}

func hmget(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Array(len(c.Args) - 2)
	for _, field := range c.Args[2:] {
		c.replyField(&h, field)
	}
	return nil
}

func hmset(c *Call) error {
	if _, err := c.setFields(); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

func hset(c *Call) error {
	added, err := c.setFields()
	if err != nil {
		return err
	}
	c.Reply.Int(added)
	return nil
}

// setFields writes the fields and values from argument 2 on and returns how many are new.
func (c *Call) setFields() (added int64, err error) {
	if len(c.Args)%2 != 0 {
		return 0, c.errArity()
	}
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return 0, err
	}
	if len(c.Args) == 4 {
		isNew, err := h.Set(c.Args[2], c.Args[3], keyspace.NoDeadline)
		if err != nil {
			return 0, err
		}
		if isNew {
			added = 1
		}
		k.Changed("hset")
		return added, nil
	}
	added, written, err := c.putFields(&h, c.Args[2:], keyspace.NoDeadline)
	if written > 0 {
		k.ChangedBy("hset", int64(written))
		if err != nil && c.Logs() {
			c.logArgs(c.Args[:2+2*written])
		}
	}
	return added, err
}

// putFields writes several fields, with a deadline or value.Keep. It returns how many are new and how
// many are written; on an error there are none, or those of a large hash before memory was refused.
func (c *Call) putFields(h *value.Hash, pairs [][]byte, deadline int64) (added int64, written int, err error) {
	large := h.IsLarge()
	h.Begin(&c.scratch)
	err = h.Expect(len(pairs) / 2)
	for i := 0; i < len(pairs) && err == nil; i += 2 {
		var isNew bool
		if isNew, err = h.Put(pairs[i], pairs[i+1], deadline); err == nil {
			written++
			if isNew {
				added++
			}
		}
	}
	if err == nil {
		err = h.End()
	} else {
		h.Abort()
	}
	if err != nil && !large {
		return 0, 0, err
	}
	c.trimScratch()
	return added, written, err
}

func hscan(c *Call) error {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		return ErrCursor
	}
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	o := scanOptions{elements: true, count: scanCount}
	names := false
	if k.Exists() { // else Redis does not look at them
		if names, err = o.parseHash(c.Args[3:]); err != nil {
			return err
		}
	}
	var list resp.Writer // aside, since the cursor comes first
	list.Reset(c.Scratch(), c.Reply.Proto())
	met, found := int64(0), 0
	steps := min(o.count, math.MaxInt64/scanSparse-1)*scanSparse + 1
	for more := true; more; more = cursor != 0 && steps > 0 && met < o.count {
		cursor = h.Scan(cursor, func(field, v value.Item) {
			met++
			if !o.matches(field) {
				return
			}
			found++
			replyMemberTo(&list, field)
			if !names {
				found++
				replyMemberTo(&list, v)
			}
		})
		steps--
	}
	c.Reply.Array(2)
	c.Reply.BulkString(strconv.FormatUint(cursor, 10))
	c.Reply.Array(found)
	c.Reply.Raw(list.Buffer())
	c.KeepScratch(list.Buffer())
	return nil
}

// parseHash reads the options of HSCAN. names: NOVALUES, only the fields are wanted.
func (o *scanOptions) parseHash(args [][]byte) (names bool, err error) {
	for len(args) > 0 {
		if isToken(args[0], "NOVALUES") {
			names, args = true, args[1:]
			continue
		}
		n := min(len(args), 2)
		if err := o.parse(args[:n]); err != nil {
			return names, err
		}
		args = args[n:]
	}
	return names, nil
}

func hsetnx(c *Call) error {
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	if _, found := h.Get(c.Args[2]); found {
		c.Reply.Int(0)
		return nil
	}
	if _, err := h.Set(c.Args[2], c.Args[3], keyspace.NoDeadline); err != nil {
		return err
	}
	k.Changed("hset")
	c.Reply.Int(1)
	return nil
}

func hstrlen(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	length := 0
	if v, found := h.Get(c.Args[2]); found {
		length = v.Len()
	}
	c.Reply.Int(int64(length))
	return nil
}

func hvals(c *Call) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	n := h.Len()
	c.Reply.Array(n)
	c.replyFields(&k, &h, n, func(w *resp.Writer, _, v value.Item) { replyMemberTo(w, v) })
	return nil
}
