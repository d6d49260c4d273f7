// The server as a whole: what it says of itself, its saves, its end.

package command

import (
	"math/rand/v2"
)

// bgrewriteaof starts a rewrite of the append-only log in the background, which also one that is off
// can have.
func bgrewriteaof(c *Call) error {
	scheduled, err := c.Env.Saver.BGRewrite(c.InExec)
	switch {
	case err != nil:
		return err
	case scheduled:
		c.Reply.Simple("Background append only file rewriting scheduled")
	default:
		c.Reply.Simple("Background append only file rewriting started")
	}
	return nil
}

// bgsave starts a save in the background. Inside a transaction it is put off to its end: the save
// must not show half of it.
func bgsave(c *Call) error {
	if len(c.Args) > 2 || len(c.Args) == 2 && !isToken(c.Args[1], "SCHEDULE") {
		return ErrSyntax
	}
	scheduled, err := c.InExec, error(nil)
	if c.InExec {
		err = c.Env.Saver.Schedule()
	} else {
		scheduled, err = c.Env.Saver.BGSave(c.Tx, len(c.Args) == 2)
	}
	switch {
	case err != nil:
		return err
	case scheduled:
		c.Reply.Simple("Background saving scheduled")
	default:
		c.Reply.Simple("Background saving started")
	}
	return nil
}

// infoText replies with the sections named, or the usual ones.
func infoText(c *Call) error {
	names := make([]string, len(c.Args)-1)
	for i, arg := range c.Args[1:] {
		names[i] = string(arg)
	}
	text := c.Env.Info.AppendInfo(c.Scratch(), names...)
	c.Reply.Verbatim("txt", text)
	c.KeepScratch(text)
	return nil
}

func lastSave(c *Call) error {
	c.Reply.Int(c.Env.Saver.LastSave())
	return nil
}

// lolwut draws a tarn, a mountain lake, and tells the version. Columns and rows may follow.
func lolwut(c *Call) error {
	args := c.Args[1:]
	if len(args) >= 2 && isToken(args[0], "VERSION") {
		if _, err := parseInt(args[1]); err != nil {
			return err
		}
		args = args[2:]
	}
	size := [2]int64{60, 16}
	for i := range min(len(args), len(size)) {
		n, err := parseInt(args[i])
		if err != nil {
			return err
		}
		size[i] = min(max(n, 4), 256)
	}
	chance := rand.New(rand.NewPCG(uint64(c.Env.Clock.Micros()), uint64(c.Session.ID)))
	art := appendTarn(c.Scratch(), int(size[0]), int(size[1]), chance)
	art = append(art, "\nRedis ver. "+RedisVersion+"\n"...)
	c.Reply.Verbatim("txt", art)
	c.KeepScratch(art)
	return nil
}

// role replies with the server's place in replication: a master without replicas.
func role(c *Call) error {
	c.Reply.Array(3)
	c.Reply.BulkString("master")
	c.Reply.Int(0)
	c.Reply.Array(0)
	return nil
}

func save(c *Call) error {
	if err := c.Env.Saver.Save(); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// shutdown ends the process, or stops its end. The client of a successful SHUTDOWN is not answered.
func shutdown(c *Call) error {
	var o ShutdownOptions
	abort := false
	for _, arg := range c.Args[1:] {
		switch {
		case isToken(arg, "NOSAVE"):
			o.NoSave = true
		case isToken(arg, "SAVE"):
			o.Save = true
		case isToken(arg, "NOW"):
			o.Now = true
		case isToken(arg, "FORCE"):
			o.Force = true
		case isToken(arg, "ABORT"):
			abort = true
		default:
			return ErrSyntax
		}
	}
	if abort && o != (ShutdownOptions{}) || o.Save && o.NoSave {
		return ErrSyntax
	}
	if !abort {
		return c.Env.Host.Shutdown(c, o)
	}
	if err := c.Env.Host.AbortShutdown(); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// timeNow replies with the Unix time: seconds, and the microseconds in the second under way.
func timeNow(c *Call) error {
	micros := c.Env.Clock.Micros()
	c.Reply.Array(2)
	c.Reply.BulkInt(micros / 1e6)
	c.Reply.BulkInt(micros % 1e6)
	return nil
}
