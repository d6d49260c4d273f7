// CLIENT: looking at connections and steering them.
//
// The world is stopped while a subcommand runs, so that the sessions of other executors hold still.

package command

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"tarn/internal/resp"
)

// Errors of CLIENT.
const (
	errClientID      resp.Error = "ERR Invalid client ID"
	errKillID        resp.Error = "ERR client-id should be greater than 0"
	errNoClient      resp.Error = "ERR No such client"
	errPauseMode     resp.Error = "ERR CLIENT PAUSE mode must be WRITE or ALL"
	errTimeoutNumber resp.Error = "ERR timeout is not an integer or out of range"
	errTimeoutBelow  resp.Error = "ERR timeout is negative"
	errTimeoutAbove  resp.Error = "ERR timeout is out of range"
	errUnblockReason resp.Error = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
)

func clientGetName(c *Call) error {
	if name := c.Session.Name(); name != "" {
		c.Reply.BulkString(name)
	} else {
		c.Reply.Null()
	}
	return nil
}

// clientGetRedir replies with the client that gets this one's invalidations: none, as nothing is
// tracked.
func clientGetRedir(c *Call) error {
	c.Reply.Int(-1)
	return nil
}

func clientID(c *Call) error {
	c.Reply.Int(c.Session.ID)
	return nil
}

func clientInfo(c *Call) error {
	c.Reply.Verbatim("txt", append(AppendClient(c.Scratch(), c.Session, c.Now()), '\n'))
	return nil
}

// clientKill closes the connections that meet all conditions. Its old form names one address.
func clientKill(c *Call) error {
	var f clientFilter
	old := len(c.Args) == 3
	if old {
		f.addr = c.Args[2]
	} else {
		f.skip = c.Session
		if err := f.parse(c); err != nil {
			return err
		}
	}
	killed := 0
	c.Env.Clients.Each(func(s *Session) bool {
		if f.matches(s) {
			c.Env.Clients.Kill(s, c.Session)
			killed++
		}
		return true
	})
	switch {
	case !old:
		c.Reply.Int(int64(killed))
	case killed == 0:
		return errNoClient
	default:
		c.Reply.OK()
	}
	return nil
}

// clientFilter chooses sessions. Its zero value chooses all.
type clientFilter struct {
	id          int64
	addr, laddr []byte
	class       string
	skip        *Session
}

// parse reads the conditions of CLIENT KILL.
func (f *clientFilter) parse(c *Call) error {
	for i := 2; i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) {
			return ErrSyntax
		}
		value := c.Args[i+1]
		switch name := c.Args[i]; {
		case isToken(name, "ID"):
			id, ok := resp.ParseInt(value)
			if !ok || id < 1 {
				return errKillID
			}
			f.id = id
		case isToken(name, "TYPE"):
			if f.class = clientClass(value); f.class == "" {
				return errClientType(value)
			}
		case isToken(name, "ADDR"):
			f.addr = value
		case isToken(name, "LADDR"):
			f.laddr = value
		case isToken(name, "USER"):
			if string(value) != defaultUser {
				return resp.Error("ERR No such user '" + quoted(value) + "'")
			}
		case isToken(name, "SKIPME"):
			switch {
			case isToken(value, "YES"):
				f.skip = c.Session
			case isToken(value, "NO"):
				f.skip = nil
			default:
				return ErrSyntax
			}
		default:
			return ErrSyntax
		}
	}
	return nil
}

func (f *clientFilter) matches(s *Session) bool {
	return (f.addr == nil || string(f.addr) == s.Conn.Addr()) &&
		(f.laddr == nil || string(f.laddr) == s.Conn.LocalAddr()) &&
		(f.class == "" || f.class == s.class()) &&
		(f.id == 0 || f.id == s.ID) &&
		s != f.skip
}

// Classes of clients. Output buffer limits and CLIENT's TYPE know them by these names.
const (
	classNormal  = "normal"
	classReplica = "replica"
	classPubSub  = "pubsub"
	classMaster  = "master"
)

// clientClass returns the class that a TYPE names, or "".
func clientClass(name []byte) string {
	switch {
	case isToken(name, "NORMAL"):
		return classNormal
	case isToken(name, "SLAVE"), isToken(name, "REPLICA"):
		return classReplica
	case isToken(name, "PUBSUB"):
		return classPubSub
	case isToken(name, "MASTER"):
		return classMaster
	}
	return ""
}

// class returns the class of a session.
func (s *Session) class() string { return classNormal }

func errClientType(name []byte) error {
	return resp.Error("ERR Unknown client type '" + quoted(name) + "'")
}

// clientList describes all sessions, those of a class, or those with the IDs given.
func clientList(c *Call) error {
	b := c.Scratch()
	add := func(s *Session) { b = append(AppendClient(b, s, c.Now()), '\n') }
	args := c.Args[2:]
	switch {
	case len(args) == 0:
		c.Env.Clients.Each(func(s *Session) bool { add(s); return true })
	case len(args) == 2 && isToken(args[0], "TYPE"):
		class := clientClass(args[1])
		if class == "" {
			return errClientType(args[1])
		}
		c.Env.Clients.Each(func(s *Session) bool {
			if s.class() == class {
				add(s)
			}
			return true
		})
	case len(args) >= 2 && isToken(args[0], "ID"):
		byID := map[int64]*Session{}
		c.Env.Clients.Each(func(s *Session) bool { byID[s.ID] = s; return true })
		for _, arg := range args[1:] {
			id, ok := resp.ParseInt(arg)
			if !ok {
				return errClientID
			}
			if s := byID[id]; s != nil {
				add(s)
			}
		}
	default:
		return ErrSyntax
	}
	c.Reply.Verbatim("txt", b)
	c.KeepScratch(b)
	return nil
}

// client returns the session with that ID, or nil.
func (c *Call) client(id int64) (found *Session) {
	c.Env.Clients.Each(func(s *Session) bool {
		if s.ID == id {
			found = s
		}
		return found == nil
	})
	return found
}

func clientNoEvict(c *Call) error { return c.switchState(NoEvict) }
func clientNoTouch(c *Call) error { return c.switchState(NoTouch) }

// switchState turns a condition of the session on or off, as argument 2 says.
func (c *Call) switchState(condition State) error {
	switch {
	case isToken(c.Args[2], "ON"):
		c.Session.State |= condition
	case isToken(c.Args[2], "OFF"):
		c.Session.State &^= condition
	default:
		return ErrSyntax
	}
	c.Reply.OK()
	return nil
}

// clientPause holds back commands for some ms: all, or those that may change keys.
func clientPause(c *Call) error {
	if len(c.Args) > 4 {
		return c.errSubcommand()
	}
	all := len(c.Args) == 3 || isToken(c.Args[3], "ALL")
	if !all && !isToken(c.Args[3], "WRITE") {
		return errPauseMode
	}
	ms, ok := resp.ParseInt(c.Args[2])
	switch {
	case !ok:
		return errTimeoutNumber
	case ms < 0:
		return errTimeoutBelow
	case ms > math.MaxInt64-c.Now():
		return errTimeoutAbove // Redis 7.2; 7.0 lets it wrap around
	}
	if ms > 0 {
		c.Env.Clients.Pause(c.Now()+ms, all)
	}
	c.Reply.OK()
	return nil
}

// errSubcommand is the error about a subcommand that does not exist, or not with so many arguments.
func (c *Call) errSubcommand() error {
	container := c.Spec
	if container.Parent != nil {
		container = container.Parent
	}
	return resp.Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try %s HELP.",
		quoted(c.Args[1]), strings.ToUpper(container.Name)))
}

// quoted returns an argument as error texts show it: to its first zero byte.
func quoted(arg []byte) string {
	text, _, _ := bytes.Cut(arg, []byte{0})
	return string(text)
}

// clientReply turns the replies to this session off or on, or drops the next command's. The
// dispatcher drops what is written while they are off, so only ON is answered.
func clientReply(c *Call) error {
	s := c.Session
	switch mode := c.Args[2]; {
	case isToken(mode, "ON"):
		s.State &^= ReplyOff | ReplySkip | ReplySkipNext
		c.Reply.OK()
	case isToken(mode, "OFF"):
		s.State |= ReplyOff
	case isToken(mode, "SKIP"):
		if s.State&ReplyOff == 0 {
			s.State |= ReplySkipNext
		}
	default:
		return ErrSyntax
	}
	return nil
}

// clientSetInfo records the name or the version of the client's library.
func clientSetInfo(c *Call) error {
	name, value := c.Args[2], c.Args[3]
	isName := isToken(name, "LIB-NAME")
	if !isName && !isToken(name, "LIB-VER") {
		return resp.Error("ERR Unrecognized option '" + quoted(name) + "'")
	}
	if !isPrintable(value) {
		return resp.Error("ERR " + string(name) + " cannot contain spaces, newlines or special characters.")
	}
	if isName {
		c.Session.Extra().LibName = string(value)
	} else {
		c.Session.Extra().LibVersion = string(value)
	}
	c.Reply.OK()
	return nil
}

func clientSetName(c *Call) error {
	if !isPrintable(c.Args[2]) {
		return errClientName
	}
	c.Session.Extra().Name = string(c.Args[2])
	c.Reply.OK()
	return nil
}

// clientUnblock ends another session's wait in a blocking command.
func clientUnblock(c *Call) error {
	if len(c.Args) > 4 {
		return c.errSubcommand()
	}
	withError := false
	if len(c.Args) == 4 {
		withError = isToken(c.Args[3], "ERROR")
		if !withError && !isToken(c.Args[3], "TIMEOUT") {
			return errUnblockReason
		}
	}
	id, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	unblocked := int64(0)
	if s := c.client(id); s != nil && c.Env.Clients.Unblock(s, withError) {
		unblocked = 1
	}
	c.Reply.Int(unblocked)
	return nil
}

func clientUnpause(c *Call) error {
	c.Env.Clients.Unpause()
	c.Reply.OK()
	return nil
}
