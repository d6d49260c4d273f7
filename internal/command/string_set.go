// SET and its like: a whole value is written, perhaps on a condition, perhaps with a deadline.
//
// The options of SET and GETEX are parsed in full before anything is looked up, and a deadline is
// judged before the key: so the errors come in Redis's order. A deadline in the past is stored like
// any other; the next look-up ends the key. GETEX deletes it at once.

package command

import (
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// expiry is what a command does to a key's deadline.
type expiry uint8

const (
	expiryNone expiry = iota // SET ends it, GETEX leaves it
	expiryEX                 // seconds from now
	expiryPX                 // ms from now
	expiryEXAT               // Unix s
	expiryPXAT               // Unix ms
	expiryKeep               // KEEPTTL
	expiryEnd                // PERSIST
)

// setOptions say how SET, and GETEX, go about their work.
type setOptions struct {
	ifAbsent, ifPresent bool // NX, XX
	get                 bool
	expiry              expiry
	amount              []byte // of expiryEX to expiryPXAT
}

// getEx replies with the value and changes the deadline.
func getEx(c *Call) error {
	var o setOptions
	if err := o.parse(c.Args[2:], false); err != nil {
		return err
	}
	k := c.Read(1)
	if !k.Exists() {
		c.Reply.Null()
		return nil
	}
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	deadline, err := c.deadline(&o)
	if err != nil {
		return err
	}
	mark := c.Reply.Mark()
	c.replyString(&k)
	switch {
	case o.expiry == expiryNone:
	case o.expiry == expiryEnd:
		if k.Deadline() == keyspace.NoDeadline {
			return nil
		}
		if err := k.SetDeadline(keyspace.NoDeadline); err != nil {
			c.Reply.Truncate(mark)
			return err
		}
		k.Changed("persist")
		c.logAs("PERSIST", 2)
	case c.isPast(deadline):
		k.Delete()
		k.Changed("del")
		c.logGone(c.Env.Config.Current().LazyfreeLazyExpire)
	default:
		if err := k.SetDeadline(deadline); err != nil {
			c.Reply.Truncate(mark)
			return err
		}
		k.Changed("expire")
		c.logDeadline(deadline, len(c.Args))
	}
	return nil
}

func psetex(c *Call) error { return setFor(c, expiryPX) }

func set(c *Call) error {
	if len(c.Args) == 3 {
		k := c.Write(1)
		if err := k.SetString(c.Args[2], keyspace.Auto, keyspace.NoDeadline); err != nil {
			return err
		}
		k.Changed("set")
		c.Reply.OK()
		return nil
	}
	var o setOptions
	if err := o.parse(c.Args[3:], true); err != nil {
		return err
	}
	stored, err := c.setOne(c.Args[2], &o)
	switch {
	case err != nil:
		return err
	case o.get:
	case stored:
		c.Reply.OK()
	default:
		c.Reply.Null()
	}
	return nil
}

func setex(c *Call) error { return setFor(c, expiryEX) }

func setnx(c *Call) error {
	stored, err := c.setOne(c.Args[2], &setOptions{ifAbsent: true})
	if err != nil {
		return err
	}
	if stored {
		c.Reply.Int(1)
	} else {
		c.Reply.Int(0)
	}
	return nil
}

// setFor is SETEX and PSETEX: key, time to live, value.
func setFor(c *Call, unit expiry) error {
	if _, err := c.setOne(c.Args[3], &setOptions{expiry: unit, amount: c.Args[2]}); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// setOne writes value to the key at argument 1 if the options let it, and tells whether they did.
// With get it replies with the old value; all other replies are the caller's.
func (c *Call) setOne(value []byte, o *setOptions) (stored bool, err error) {
	deadline, err := c.deadline(o)
	if err != nil {
		return false, err
	}
	mark := c.Reply.Mark()
	var k keyspace.Key
	if o.get {
		k = c.Read(1)
		if err := k.CheckType(keyspace.String); err != nil {
			return false, err
		}
		c.replyString(&k)
	} else {
		k = c.Write(1)
	}
	if o.ifAbsent && k.Exists() || o.ifPresent && !k.Exists() {
		return false, nil
	}
	if err := k.SetString(value, keyspace.Auto, deadline); err != nil {
		c.Reply.Truncate(mark)
		return false, err
	}
	k.Changed("set")
	if o.amount != nil {
		k.ChangedBy("expire", 0) // one change, two events
		c.logSet(value, deadline)
	} else if o.get && c.Spec.Name == "set" {
		c.logWithoutGet()
	}
	return true, nil
}

// parse reads the options of SET (toSet) or of GETEX. Errors: ErrSyntax.
func (o *setOptions) parse(args [][]byte, toSet bool) error {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case toSet && isToken(arg, "NX") && !o.ifPresent:
			o.ifAbsent = true
			continue
		case toSet && isToken(arg, "XX") && !o.ifAbsent:
			o.ifPresent = true
			continue
		case toSet && isToken(arg, "GET"):
			o.get = true
			continue
		}
		kind := expiryOf(arg, toSet)
		if kind == expiryNone || o.expiry != expiryNone && o.expiry != kind {
			return ErrSyntax
		}
		o.expiry = kind
		if kind <= expiryPXAT {
			if i++; i == len(args) {
				return ErrSyntax
			}
			o.amount = args[i]
		}
	}
	return nil
}

// expiryOf returns what an option of SET (toSet) or of GETEX does to the deadline, or expiryNone.
func expiryOf(arg []byte, toSet bool) expiry {
	switch {
	case isToken(arg, "EX"):
		return expiryEX
	case isToken(arg, "PX"):
		return expiryPX
	case isToken(arg, "EXAT"):
		return expiryEXAT
	case isToken(arg, "PXAT"):
		return expiryPXAT
	case toSet && isToken(arg, "KEEPTTL"):
		return expiryKeep
	case !toSet && isToken(arg, "PERSIST"):
		return expiryEnd
	}
	return expiryNone
}

// deadline returns the deadline that the options ask for: Unix ms, NoDeadline or KeepDeadline.
// Errors: ErrNotInteger, and one that names the command.
func (c *Call) deadline(o *setOptions) (int64, error) {
	switch {
	case o.expiry == expiryKeep:
		return keyspace.KeepDeadline, nil
	case o.amount == nil:
		return keyspace.NoDeadline, nil
	}
	at, err := parseInt(o.amount)
	if err != nil {
		return 0, err
	}
	if o.expiry == expiryEX || o.expiry == expiryEXAT {
		if at > math.MaxInt64/1000 {
			return 0, c.errExpireTime()
		}
		at *= 1000
	}
	if at <= 0 {
		return 0, c.errExpireTime()
	}
	if o.expiry == expiryEX || o.expiry == expiryPX {
		if at > math.MaxInt64-c.Now() {
			return 0, c.errExpireTime()
		}
		at += c.Now()
	}
	return at, nil
}

func (c *Call) errExpireTime() error {
	return resp.Error("ERR invalid expire time in '" + c.Spec.FullName + "' command")
}
