// DUMP and RESTORE: a value as bytes, and back.

package command

import (
	"errors"
	"sync"

	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/resp"
)

// encoders are shared by all calls: each is 64 KiB, and few clients ever dump.
var encoders = sync.Pool{New: func() any { return new(rdb.Encoder) }}

func dump(c *Call) error {
	k := c.Read(1)
	if !k.Exists() {
		c.Reply.Null()
		return nil
	}
	e := encoders.Get().(*rdb.Encoder)
	defer encoders.Put(e)
	e.Compress = c.Env.Config.Current().RDBCompression
	payload := c.Scratch()
	if n, err := k.Int(); k.IsInt() && err == nil {
		payload = e.AppendDumpInt(payload, n)
	} else {
		payload = e.AppendDump(payload, k.StringBytes(nil))
	}
	c.Reply.Bulk(payload)
	c.KeepScratch(payload)
	return nil
}

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
	value, buf, err := c.parsePayload(c.Args[3])
	if err != nil {
		return err
	}
	if deadline != keyspace.NoDeadline && deadline <= c.Now() {
		if k.Delete() {
			k.Changed("del")
		}
		c.Reply.OK()
		return nil
	}
	if err := k.SetString(value, keyspace.Auto, deadline); err != nil {
		return err
	}
	c.KeepScratch(buf)
	k.Renew()
	if o.idle >= 0 {
		k.SetIdleSeconds(o.idle)
	}
	if o.frequency >= 0 {
		k.SetFrequency(uint8(o.frequency))
	}
	k.Changed("restore")
	c.Reply.OK()
	return nil
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

// parsePayload returns the string in a payload of DUMP. It borrows the payload or the scratch
// buffer, which is buf when it has grown.
func (c *Call) parsePayload(payload []byte) (value, buf []byte, err error) {
	v, err := rdb.ParseDump(payload, !c.Env.SkipChecksum.Load())
	if err != nil {
		return nil, nil, payloadError(payload, err)
	}
	s, err := v.AsString()
	if err != nil {
		return nil, nil, payloadError(payload, err)
	}
	if b, ok := s.BytesView(); ok {
		return b, nil, nil
	}
	buf, err = s.AppendTo(c.Scratch())
	if err != nil {
		return nil, nil, ErrPayload
	}
	return buf, buf, nil
}

// payloadError is the reply to a payload that rdb refuses.
func payloadError(payload []byte, err error) error {
	switch {
	case errors.Is(err, rdb.ErrVersion), errors.Is(err, rdb.ErrChecksum):
		return ErrPayloadFooter
	case errors.Is(err, rdb.ErrUnsupported) && rdb.TypeName(payload[0]) != "unknown":
		return resp.Error("ERR tarn: values of the type '" + rdb.TypeName(payload[0]) + "' come in a later version")
	}
	return ErrPayload
}
