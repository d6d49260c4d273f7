// Deadlines of fields: HEXPIRE and its like, HTTL and its like, HPERSIST.
//
// A deadline is kept as Unix ms. A field whose deadline is not in the future goes at once. Writing a
// field ends its deadline, incrementing it does not.

package command

import (
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// maxFieldDeadline is the latest deadline of a field, Unix ms: Redis keeps them in 46 bits.
const maxFieldDeadline = 1<<46 - 1

// What the commands say of each field.
const (
	fieldAbsent  = -2
	fieldLasting = -1 // it has no deadline
	fieldRefused = 0  // the condition does not hold
	fieldChanged = 1
	fieldDeleted = 2
)

func hexpire(c *Call) error     { return c.expireFields(c.Now(), secondPerUnit) }
func hexpireat(c *Call) error   { return c.expireFields(0, secondPerUnit) }
func hpexpire(c *Call) error    { return c.expireFields(c.Now(), msPerUnit) }
func hpexpireat(c *Call) error  { return c.expireFields(0, msPerUnit) }
func hexpiretime(c *Call) error { return c.replyFieldDeadlines(0, secondPerUnit) }

func hpexpiretime(c *Call) error { return c.replyFieldDeadlines(0, msPerUnit) }
func hpttl(c *Call) error        { return c.replyFieldDeadlines(c.Now(), msPerUnit) }
func httl(c *Call) error         { return c.replyFieldDeadlines(c.Now(), secondPerUnit) }

// expireFields gives fields the deadline at argument 2, in units of unitMs since base.
func (c *Call) expireFields(base, unitMs int64) error {
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	at, err := c.parseFieldDeadline(c.Args[2], base, unitMs)
	if err != nil {
		return err
	}
	when, word := parseFieldCondition(c.Args[3]), 3
	if when != (expireIf{}) {
		word++
	}
	fields, err := c.fieldsAt(word, ErrFieldsAboveZero)
	if err != nil {
		return err
	}
	changed := make([][]byte, 0, len(fields))
	mark := c.mark()
	err = c.editFields(&k, &h, fields, "hexpire", func(field []byte) (said int, err error) {
		_, current, found := h.GetTimed(field)
		switch {
		case !found:
			return fieldAbsent, nil
		case !when.allow(current, at):
			return fieldRefused, nil
		case c.isPast(at):
			_, err := h.Remove(field)
			c.logFieldGone(field)
			return fieldDeleted, err
		}
		if err = h.SetDeadline(field, at); err == nil {
			changed = append(changed, field)
		}
		return fieldChanged, err
	})
	if !c.isChanged(mark) {
		c.takeBackLog(mark)
	} else if len(changed) > 0 {
		c.logFields("HPEXPIREAT", at, c.Args[3:word], changed)
	}
	return err
}

// parseFieldDeadline reads a deadline in units of unitMs since base. Errors:
// keyspace.ErrNotInteger, ErrExpireNegative, one that names the command.
func (c *Call) parseFieldDeadline(arg []byte, base, unitMs int64) (ms int64, err error) {
	n, err := parseInt(arg)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, ErrExpireNegative
	}
	if n > maxFieldDeadline/unitMs || n*unitMs > maxFieldDeadline-base {
		return 0, c.errExpireTime()
	}
	return n*unitMs + base, nil
}

// parseFieldCondition reads the condition of HEXPIRE, of which there is at most one.
func parseFieldCondition(arg []byte) (when expireIf) {
	switch {
	case isToken(arg, "NX"):
		when.none = true
	case isToken(arg, "XX"):
		when.some = true
	case isToken(arg, "GT"):
		when.later = true
	case isToken(arg, "LT"):
		when.earlier = true
	}
	return when
}

// fieldsAt reads FIELDS, which must stand at argument word, a number, and as many fields. Errors:
// ErrFieldsMissing, ErrFieldsNumber, and badNumber when the number is none above 0.
func (c *Call) fieldsAt(word int, badNumber error) (fields [][]byte, err error) {
	if !isToken(c.Args[word], "FIELDS") {
		return nil, ErrFieldsMissing
	}
	n, ok := resp.ParseInt(c.Args[word+1])
	if !ok || n < 1 {
		return nil, badNumber
	}
	if fields = c.Args[word+2:]; int64(len(fields)) != n {
		return nil, ErrFieldsNumber
	}
	return fields, nil
}

// editFields calls edit for each field and replies with what it says. Those that it says were changed
// or deleted are told as an event, or as hdel.
func (c *Call) editFields(k *keyspace.Key, h *value.Hash, fields [][]byte, event string, edit func(field []byte) (said int, err error)) error {
	mark := c.Reply.Mark()
	c.Reply.Array(len(fields))
	if !k.Exists() {
		for range fields {
			c.Reply.Int(fieldAbsent)
		}
		return nil
	}
	h.Begin(&c.scratch)
	changed, deleted := int64(0), int64(0)
	var err error
	for _, field := range fields {
		said := 0
		if said, err = edit(field); err != nil {
			break
		}
		switch said {
		case fieldChanged:
			changed++
		case fieldDeleted:
			deleted++
		}
		c.Reply.Int(int64(said))
	}
	if err = c.endFields(k, h, err, event, changed, deleted); err != nil {
		c.Reply.Truncate(mark)
	}
	return err
}

// endFields ends changes of fields, so many of which were changed and deleted before err, if any.
func (c *Call) endFields(k *keyspace.Key, h *value.Hash, err error, event string, changed, deleted int64) error {
	large := h.IsLarge()
	if changed+deleted == 0 || err != nil {
		h.Abort()
	} else {
		err = h.End()
		c.trimScratch()
	}
	if changed+deleted == 0 || err != nil && !large {
		return err
	}
	if deleted > 0 {
		event = "hdel"
	}
	changedFields(k, event, changed+deleted)
	return err
}

// replyFieldDeadlines replies with the deadlines of fields in units of unitMs since base, rounded up.
func (c *Call) replyFieldDeadlines(base, unitMs int64) error {
	k := c.Read(1)
	h, err := c.hashAt(&k)
	if err != nil {
		return err
	}
	fields, err := c.fieldsAt(2, ErrFieldsPositive)
	if err != nil {
		return err
	}
	c.Reply.Array(len(fields))
	for _, field := range fields {
		switch _, at, found := h.GetTimed(field); {
		case !found:
			c.Reply.Int(fieldAbsent)
		case at == keyspace.NoDeadline:
			c.Reply.Int(fieldLasting)
		default:
			c.Reply.Int((at - base + unitMs - 1) / unitMs)
		}
	}
	return nil
}

func hpersist(c *Call) error {
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	fields, err := c.fieldsAt(2, ErrFieldsPositive)
	if err != nil {
		return err
	}
	return c.editFields(&k, &h, fields, "hpersist", func(field []byte) (said int, err error) {
		_, current, found := h.GetTimed(field)
		switch {
		case !found:
			return fieldAbsent, nil
		case current == keyspace.NoDeadline:
			return fieldLasting, nil
		}
		return fieldChanged, h.SetDeadline(field, keyspace.NoDeadline)
	})
}
