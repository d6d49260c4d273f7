// Connections: who is at the other end, and which protocol it speaks.
//
// There is one user, default, whose password is requirepass; without one anybody is that user. A
// session that arrives while a password is set is Unauthenticated until AUTH or HELLO name it; a
// change of the password does not throw out those that are in. Passwords are compared in a time
// that depends on neither of them.

package command

import (
	"crypto/sha256"
	"crypto/subtle"

	"tarn/internal/config"
	"tarn/internal/resp"
)

// RedisVersion is the Redis whose commands and replies these are.
const RedisVersion = "7.2.6"

// Errors of AUTH and HELLO.
const (
	ErrWrongPass   resp.Error = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPassword  resp.Error = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	errHelloNoAuth resp.Error = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	errProtoNumber resp.Error = "ERR Protocol version is not an integer or out of range"
	errProto       resp.Error = "NOPROTO unsupported protocol version"
	errClientName  resp.Error = "ERR Client names cannot contain spaces, newlines or special characters."
)

const defaultUser = "default"

func auth(c *Call) error {
	if len(c.Args) > 3 {
		return ErrSyntax
	}
	cfg := c.Env.Config.Current()
	user, password := []byte(defaultUser), c.Args[len(c.Args)-1]
	c.redact(len(c.Args) - 1)
	if len(c.Args) == 3 {
		user = c.Args[1]
		c.redact(1)
	} else if cfg.RequirePass == "" {
		return errNoPassword
	}
	if err := c.authenticate(cfg, user, password); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// authenticate lets the session in if the user and the password are right. Errors: ErrWrongPass.
func (c *Call) authenticate(cfg *config.Config, user, password []byte) error {
	want, got := sha256.Sum256([]byte(cfg.RequirePass)), sha256.Sum256(password)
	same := subtle.ConstantTimeCompare(want[:], got[:]) == 1 || cfg.RequirePass == ""
	if string(user) != defaultUser || !same {
		return ErrWrongPass
	}
	c.Session.State &^= Unauthenticated
	return nil
}

// redact hides an argument from the slow log. The handler has read it.
func (c *Call) redact(i int) { c.Args[i] = redacted }

var redacted = []byte("(redacted)")

func echo(c *Call) error {
	c.Reply.Bulk(c.Args[1])
	return nil
}

// helloOptions are what follows the protocol version.
type helloOptions struct {
	user, password []byte // nil: not given
	name           []byte // nil: not given
}

func hello(c *Call) error {
	proto := int64(c.Session.Proto)
	var o helloOptions
	if len(c.Args) > 1 {
		n, ok := resp.ParseInt(c.Args[1])
		if !ok {
			return errProtoNumber
		}
		if n != resp.RESP2 && n != resp.RESP3 {
			return errProto
		}
		proto = n
		if err := c.helloOptions(&o); err != nil {
			return err
		}
	}
	if o.user != nil {
		if err := c.authenticate(c.Env.Config.Current(), o.user, o.password); err != nil {
			return err
		}
	}
	s := c.Session
	if s.State&Unauthenticated != 0 {
		return errHelloNoAuth
	}
	if o.name != nil {
		s.Extra().Name = string(o.name)
	}
	s.Proto = uint8(proto)
	c.Reply.SetProto(int(proto))
	c.replyHello()
	return nil
}

// helloOptions reads what follows the protocol version.
func (c *Call) helloOptions(o *helloOptions) error {
	for i := 2; i < len(c.Args); i++ {
		more := len(c.Args) - 1 - i
		switch {
		case isToken(c.Args[i], "AUTH") && more >= 2:
			o.user, o.password = c.Args[i+1], c.Args[i+2]
			c.redact(i + 1)
			c.redact(i + 2)
			i += 2
		case isToken(c.Args[i], "SETNAME") && more >= 1:
			i++
			if o.name = c.Args[i]; !isPrintable(o.name) {
				return errClientName
			}
		default:
			return resp.Error("ERR Syntax error in HELLO option '" + quoted(c.Args[i]) + "'")
		}
	}
	return nil
}

// replyHello describes the server and the connection.
func (c *Call) replyHello() {
	w := c.Reply
	w.Map(7)
	writeText(w, "server", "redis")
	writeText(w, "version", RedisVersion)
	writeField(w, "proto", int(c.Session.Proto))
	w.BulkString("id")
	w.Int(c.Session.ID)
	writeText(w, "mode", "standalone")
	writeText(w, "role", "master")
	w.BulkString("modules")
	w.Array(0)
}

// isPrintable tells whether a client's name, or another thing that it says of itself, would leave
// the lines of CLIENT LIST readable: no blanks, no control characters, ASCII only.
func isPrintable(text []byte) bool {
	for _, c := range text {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

func ping(c *Call) error {
	switch len(c.Args) {
	case 1:
		c.Reply.Pong()
	case 2:
		c.Reply.Bulk(c.Args[1])
	default:
		return c.errArity()
	}
	return nil
}

// errArity is the error about a number of arguments that only the handler can judge.
func (c *Call) errArity() error {
	return resp.Error("ERR wrong number of arguments for '" + c.Spec.FullName + "' command")
}

func quit(c *Call) error {
	c.Session.State |= Closing
	c.Reply.OK()
	return nil
}

// reset makes the session as new, except for what it said of its library.
func reset(c *Call) error {
	s := c.Session
	s.DropQueue()
	s.Unwatch(c.Tx)
	s.State &^= ReplyOff | ReplySkip | ReplySkipNext | NoEvict | NoTouch
	s.DB = 0
	s.Proto = resp.RESP2
	if s.More != nil {
		s.More.Name = ""
	}
	if c.Env.Config.Current().RequirePass == "" {
		s.State &^= Unauthenticated
	} else {
		s.State |= Unauthenticated
	}
	c.Reply.SetProto(resp.RESP2)
	c.Reply.Simple("RESET")
	return nil
}
