// DUMP and RESTORE: a value as bytes, and back.

package command

import (
	"errors"
	"sync"

	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
	"tarn/internal/resp"
)

// encoders are shared by all calls: each is 64 KiB, and few clients ever dump.
var encoders = sync.Pool{New: func() any { return new(rdb.Encoder) }}

// encoder returns an encoder that does as the directives say. It is to be put back.
func (c *Call) encoder() *rdb.Encoder {
	e := encoders.Get().(*rdb.Encoder)
	cfg := c.Env.Config.Current()
	e.Compress, e.Version = cfg.RDBCompression, int(cfg.RDBVersion)
	return e
}

func dump(c *Call) error {
	k := c.held(c.Read(1))
	if !k.Exists() {
		c.Reply.Null()
		return nil
	}
	e := c.encoder()
	defer encoders.Put(e)
	payload, err := object.Dump(e, c.Scratch(), k)
	if err != nil {
		return err
	}
	c.Reply.Bulk(payload)
	c.KeepScratch(payload)
	return nil
}

// loaders are shared by all calls, like encoders.
var loaders = sync.Pool{New: func() any { return new(object.Loader) }}

// restoreOptions say how RESTORE goes about its work.
type restoreOptions struct {
	replace, absolute bool  // ABSTTL: the time to live is a deadline
	idle, frequency   int64 // -1: not given
}

func restore(c *Call) error {
	o, err := parseRestore(c.Args[4:])
	if err != nil {
		return err
	}
	k := c.Write(1)
	if k.Exists() && !o.replace {
		return ErrBusyKey
	}
	deadline, err := c.restoreDeadline(&o)
	if err != nil {
		return err
	}
	v, err := rdb.ParseDump(c.Args[3], !c.Env.SkipChecksum.Load())
	if err != nil {
		return payloadError(c.Args[3], err)
	}
	if deadline != keyspace.NoDeadline && c.isPast(deadline) {
		return c.restorePast(&k, v)
	}
	if err := c.restoreValue(&k, v, deadline); err != nil {
		return payloadError(c.Args[3], err)
	}
	k.Renew()
	if o.idle >= 0 {
		k.SetIdleSeconds(o.idle)
	}
	if o.frequency >= 0 {
		k.SetFrequency(uint8(o.frequency))
	}
	k.Changed("restore")
	if deadline != keyspace.NoDeadline && !o.absolute {
		c.logRestore(deadline)
	}
	c.Reply.OK()
	return nil
}

// logRestore keeps RESTORE with its time to live as a deadline.
func (c *Call) logRestore(deadline int64) {
	if !c.Logs() {
		return
	}
	u := c.Log(len(c.Args) + 1)
	for i, arg := range c.Args {
		if i == 2 {
			u.Int(deadline)
		} else {
			u.Bytes(arg)
		}
	}
	u.Str("ABSTTL")
}

// parseRestore reads RESTORE's options.
func parseRestore(args [][]byte) (o restoreOptions, err error) {
	o.idle, o.frequency = -1, -1
	for i := 0; i < len(args); i++ {
		switch arg, more := args[i], i+1 < len(args); {
		case isToken(arg, "REPLACE"):
			o.replace = true
		case isToken(arg, "ABSTTL"):
			o.absolute = true
		case isToken(arg, "IDLETIME") && more && o.frequency < 0:
			i++
			if o.idle, err = parseInt(args[i]); err != nil {
				return o, err
			}
			if o.idle < 0 {
				return o, ErrIdleTime
			}
		case isToken(arg, "FREQ") && more && o.idle < 0:
			i++
			if o.frequency, err = parseInt(args[i]); err != nil {
				return o, err
			}
			if o.frequency < 0 || o.frequency > 255 {
				return o, ErrFrequency
			}
		default:
			return o, ErrSyntax
		}
	}
	return o, nil
}

// restoreDeadline returns the deadline at argument 2: Unix ms, or NoDeadline.
func (c *Call) restoreDeadline(o *restoreOptions) (int64, error) {
	at, err := parseInt(c.Args[2])
	switch {
	case err != nil:
		return 0, err
	case at < 0:
		return 0, ErrTTL
	case at == 0:
		return keyspace.NoDeadline, nil
	case o.absolute:
		return at, nil
	}
	if at += c.Now(); at < 0 { // it wrapped round: Redis takes it for the past
		return 0, nil
	}
	return at, nil
}

// restorePast replies to RESTORE of a value whose time is over: the key is gone, if there was one.
func (c *Call) restorePast(k *keyspace.Key, v rdb.Value) error {
	if err := object.Check(v); err != nil {
		return payloadError(c.Args[3], err)
	}
	if k.Delete() {
		k.Changed("del")
		c.logGone(c.Env.Config.Current().LazyfreeLazyServerDel)
	}
	c.Reply.OK()
	return nil
}

// restoreValue makes k hold a value until deadline. Errors: rdb's, object's, keyspace.ErrOutOfMemory,
// and then nothing has changed.
func (c *Call) restoreValue(k *keyspace.Key, v rdb.Value, deadline int64) error {
	if v.Type == rdb.TypeString {
		return c.restoreString(k, v, deadline)
	}
	before := k.Deadline()
	if k.Exists() && before != deadline {
		if err := k.SetDeadline(deadline); err != nil {
			return err
		}
	}
	existed := k.Exists()
	l := loaders.Get().(*object.Loader)
	defer loaders.Put(l)
	err := l.Load(k, v)
	if err == nil && !existed && deadline != keyspace.NoDeadline {
		if err = k.SetDeadline(deadline); err != nil {
			k.Delete()
		}
		return err
	}
	if err != nil && existed && before != deadline {
		_ = k.SetDeadline(before) // the memory for it has just been given back
	}
	return err
}

// restoreString is restoreValue for a string.
func (c *Call) restoreString(k *keyspace.Key, v rdb.Value, deadline int64) error {
	s, err := v.AsString()
	if err != nil {
		return err
	}
	text, stored := s.BytesView()
	if !stored {
		if text, err = s.AppendTo(c.Scratch()); err != nil {
			return err
		}
		c.KeepScratch(text)
	}
	return k.SetString(text, keyspace.Auto, deadline)
}

// payloadError is the reply to a payload that rdb refuses, or to what else went wrong with it.
func payloadError(payload []byte, err error) error {
	switch {
	case errors.Is(err, keyspace.ErrOutOfMemory):
		return err
	case errors.Is(err, rdb.ErrVersion), errors.Is(err, rdb.ErrChecksum):
		return ErrPayloadFooter
	case errors.Is(err, rdb.ErrUnsupported) && rdb.TypeName(payload[0]) != "unknown":
		return resp.Error("ERR tarn: values of the type '" + rdb.TypeName(payload[0]) + "' are not restored")
	}
	return ErrPayload
}
