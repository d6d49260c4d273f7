// Fields together with their deadlines: HGETDEL, HGETEX, HSETEX.

package command

import (
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// fieldOptions are what stands before FIELDS, and the arguments behind it.
type fieldOptions struct {
	fields   [][]byte
	deadline int64 // Unix ms; NoDeadline, value.Keep
	timed    bool  // an expiration was given
	none     bool  // FNX
	all      bool  // FXX
}

// parseFieldOptions reads the options of HSETEX (toSet), whose fields have a value each, or of HGETEX.
// The deadline is otherwise unless told.
func (c *Call) parseFieldOptions(toSet bool, otherwise int64) (o fieldOptions, err error) {
	o.deadline = otherwise
	for i := 2; i < len(c.Args); i++ {
		word := c.Args[i]
		switch unit, base := c.expirationUnit(word); {
		case isToken(word, "FIELDS"):
			o.fields, err = c.fieldsBehind(i, toSet)
			return o, err
		case unit != 0:
			if o.timed {
				return o, errOneExpiration(toSet)
			}
			if i++; i == len(c.Args) {
				return o, ErrExpireMissing
			}
			if o.deadline, err = c.parseFieldDeadline(c.Args[i], base, unit); err != nil {
				return o, err
			}
			o.timed = true
		case toSet && isToken(word, "KEEPTTL"), !toSet && isToken(word, "PERSIST"):
			if o.timed {
				return o, errOneExpiration(toSet)
			}
			o.timed, o.deadline = true, keyspace.NoDeadline
			if toSet {
				o.deadline = value.Keep
			}
		case toSet && (isToken(word, "FNX") || isToken(word, "FXX")):
			if o.none || o.all {
				return o, ErrFieldsOneCondition
			}
			o.none = isToken(word, "FNX")
			o.all = !o.none
		default:
			return o, resp.Error("ERR unknown argument: " + string(upToNUL(word)))
		}
	}
	return o, c.errArity()
}

// expirationUnit returns the unit of an expiration's word in ms, 0 for another word, and since when
// it counts.
func (c *Call) expirationUnit(word []byte) (unitMs, base int64) {
	switch {
	case isToken(word, "EX"):
		return secondPerUnit, c.Now()
	case isToken(word, "PX"):
		return msPerUnit, c.Now()
	case isToken(word, "EXAT"):
		return secondPerUnit, 0
	case isToken(word, "PXAT"):
		return msPerUnit, 0
	}
	return 0, 0
}

func errOneExpiration(toSet bool) error {
	if toSet {
		return ErrExpireOneOrKeep
	}
	return ErrExpireOneOrPersist
}

// fieldsBehind reads the number behind FIELDS, which stands at argument word, and the fields, each
// with a value when paired is set.
func (c *Call) fieldsBehind(word int, paired bool) (fields [][]byte, err error) {
	size := int64(1)
	if paired {
		size = 2
	}
	if int64(len(c.Args)-word-2) < size {
		return nil, c.errArity()
	}
	n, ok := resp.ParseInt(c.Args[word+1])
	if !ok || n < 1 || n > math.MaxInt32 {
		return nil, ErrFieldsInvalid
	}
	if fields = c.Args[word+2:]; int64(len(fields)) != n*size {
		return nil, c.errArity()
	}
	return fields, nil
}

func hgetdel(c *Call) error {
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	fields, err := c.fieldsAt(2, ErrFieldsPositive)
	if err != nil {
		return err
	}
	mark := c.mark()
	err = c.getFields(&k, &h, fields, "hdel", func(field []byte, _ int64) (said int, err error) {
		_, err = h.Remove(field)
		return fieldDeleted, err
	})
	if c.isChanged(mark) && c.Logs() {
		u := c.Log(2 + len(fields)).Str("HDEL").Bytes(c.Args[1])
		for _, field := range fields {
			u.Bytes(field)
		}
	}
	return err
}

func hgetex(c *Call) error {
	o, err := c.parseFieldOptions(false, keyspace.NoDeadline)
	if err != nil {
		return err
	}
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	event, name := "hexpire", "HPEXPIREAT"
	if o.deadline == keyspace.NoDeadline {
		event, name = "hpersist", "HPERSIST"
	}
	changed := false
	mark := c.mark()
	err = c.getFields(&k, &h, o.fields, event, func(field []byte, current int64) (said int, err error) {
		switch {
		case !o.timed || o.deadline == current:
			return fieldRefused, nil
		case o.deadline != keyspace.NoDeadline && c.isPast(o.deadline):
			_, err = h.Remove(field)
			c.logFieldGone(field)
			return fieldDeleted, err
		}
		changed = true
		return fieldChanged, h.SetDeadline(field, o.deadline)
	})
	if !c.isChanged(mark) {
		c.takeBackLog(mark)
	} else if changed {
		c.logFields(name, o.deadline, nil, o.fields)
	}
	return err
}

// getFields replies with the values of fields, and calls edit for those that are there, with their
// deadlines; what it says is not replied.
func (c *Call) getFields(k *keyspace.Key, h *value.Hash, fields [][]byte, event string, edit func(field []byte, current int64) (said int, err error)) error {
	mark := c.Reply.Mark()
	c.Reply.Array(len(fields))
	if !k.Exists() {
		for range fields {
			c.Reply.Null()
		}
		return nil
	}
	h.Begin(&c.scratch)
	changed, deleted := int64(0), int64(0)
	var err error
	for _, field := range fields {
		v, current, found := h.GetTimed(field)
		if !found {
			c.Reply.Null()
			continue
		}
		c.replyMember(v)
		said := 0
		if said, err = edit(field, current); err != nil {
			break
		}
		switch said {
		case fieldChanged:
			changed++
		case fieldDeleted:
			deleted++
		}
	}
	if err = c.endFields(k, h, err, event, changed, deleted); err != nil {
		c.Reply.Truncate(mark)
	}
	return err
}

func hsetex(c *Call) error {
	o, err := c.parseFieldOptions(true, keyspace.NoDeadline)
	if err != nil {
		return err
	}
	k := c.Write(1)
	h, err := c.editHash(&k)
	if err != nil {
		return err
	}
	for i := 0; i < len(o.fields) && (o.none || o.all); i += 2 {
		if _, found := h.Get(o.fields[i]); found == o.none {
			c.Reply.Int(0)
			return nil
		}
	}
	if o.deadline >= 0 && c.isPast(o.deadline) {
		err = c.dropFields(&k, &h, o.fields)
	} else {
		_, written, failed := c.putFields(&h, o.fields, o.deadline)
		if err = failed; written > 0 {
			k.ChangedBy("hset", int64(written))
			if o.deadline >= 0 {
				k.ChangedBy("hexpire", 0)
			}
			if o.deadline >= 0 || failed != nil {
				c.logSetFields(o.deadline, written)
			}
		}
	}
	if err != nil {
		return err
	}
	c.Reply.Int(1)
	return nil
}

// logSetFields keeps HSETEX of so many fields, with its expiration, if any, as a deadline.
func (c *Call) logSetFields(deadline int64, fields int) {
	if !c.Logs() {
		return
	}
	word := 2
	for !isToken(c.Args[word], "FIELDS") {
		word++
	}
	args := c.Args[:word+2+2*fields]
	u := c.Log(len(args))
	for i := 0; i < len(args); i++ {
		unit, _ := c.expirationUnit(args[i])
		switch {
		case i == word+1:
			u.Int(int64(fields))
		case i > 1 && i < word && unit != 0:
			u.Str("PXAT").Int(deadline)
			i++
		default:
			u.Bytes(args[i])
		}
	}
}

// dropFields deletes fields that were to be written with a deadline that has passed.
func (c *Call) dropFields(k *keyspace.Key, h *value.Hash, pairs [][]byte) error {
	if !k.Exists() {
		return nil
	}
	mark := c.mark()
	h.Begin(&c.scratch)
	deleted := int64(0)
	var err error
	for i := 0; i < len(pairs) && err == nil; i += 2 {
		var found bool
		if found, err = h.Remove(pairs[i]); found {
			deleted++
			c.logFieldGone(pairs[i])
		}
	}
	if err = c.endFields(k, h, err, "hdel", 0, deleted); !c.isChanged(mark) {
		c.takeBackLog(mark)
	}
	return err
}
