// Log: how a command is to be done again, where what was sent would not do.
//
// A log is read at another time, and chance falls differently then. So a log has times as Unix ms, an
// element that was picked by its name, an ID that was made up as it was; and what a command that may
// wait took, as a command that does not. The forms are those of Redis, to the letter: others read the
// logs too. What must hold: a form is told after the change, and once; the arguments are still there.

package command

import (
	"tarn/internal/journal"
	"tarn/internal/keyspace"
	"tarn/internal/value"
)

// Replays tells whether the command comes from a log.
func (c *Call) Replays() bool { return c.Session.State&Replaying != 0 }

// isPast tells whether a deadline has passed, so that what it is given to goes at once. While a log is
// read nothing goes for its deadline: the log says when it went.
func (c *Call) isPast(at int64) bool {
	return at <= c.Now() && !c.Tx.Keyspace().HoldsExpired()
}

// fieldsNow returns the time by which fields of hashes have ended.
func (c *Call) fieldsNow() int64 {
	if c.Tx.Keyspace().HoldsExpired() {
		return 0
	}
	return c.Now()
}

// callMark is a place in the reply and in what is logged.
type callMark struct {
	reply int
	log   journal.Mark
	dirty int64
}

func (c *Call) mark() callMark {
	m := callMark{reply: c.Reply.Mark(), dirty: c.Tx.Dirty.Load()}
	if c.Logs() {
		m.log = c.Unit.Mark()
	}
	return m
}

// takeBack drops what was replied and logged since a mark.
func (c *Call) takeBack(m callMark) {
	c.Reply.Truncate(m.reply)
	c.takeBackLog(m)
}

// takeBackLog drops what was logged since a mark.
func (c *Call) takeBackLog(m callMark) {
	if c.Logs() {
		c.Unit.Truncate(m.log)
	}
}

// isChanged tells whether a change was counted since a mark.
func (c *Call) isChanged(m callMark) bool { return c.Tx.Dirty.Load() != m.dirty }

// logSent keeps the command as it was sent although it counts no change.
func (c *Call) logSent() {
	if c.Logs() {
		c.logArgs(c.Args)
	}
}

// logArgs keeps a command given by its arguments.
func (c *Call) logArgs(args [][]byte) {
	u := c.Log(len(args))
	for _, arg := range args {
		u.Bytes(arg)
	}
}

// logAs keeps the command with so many of its arguments, from the second on, under another name.
func (c *Call) logAs(name string, args int) {
	if !c.Logs() {
		return
	}
	u := c.Log(args).Str(name)
	for _, arg := range c.Args[1:args] {
		u.Bytes(arg)
	}
}

// logGone keeps that the first key has gone; lazily where a directive says so.
func (c *Call) logGone(lazily bool) {
	word := "DEL"
	if lazily {
		word = "UNLINK"
	}
	c.logAs(word, 2)
}

// logSet keeps that the first key holds a string until a deadline, if it has one.
func (c *Call) logSet(value []byte, deadline int64) {
	switch {
	case !c.Logs():
	case deadline == keyspace.NoDeadline:
		c.Log(3).Str("SET").Bytes(c.Args[1]).Bytes(value)
	default:
		c.Log(5).Str("SET").Bytes(c.Args[1]).Bytes(value).Str("PXAT").Int(deadline)
	}
}

// logWithoutGet keeps SET without its GETs.
func (c *Call) logWithoutGet() {
	if !c.Logs() {
		return
	}
	args := len(c.Args)
	for _, arg := range c.Args[3:] {
		if isToken(arg, "GET") {
			args--
		}
	}
	u := c.Log(args)
	for i, arg := range c.Args {
		if i < 3 || !isToken(arg, "GET") {
			u.Bytes(arg)
		}
	}
}

// logDeadline keeps that the first key ends at a Unix time in ms, on the conditions from argument i
// on.
func (c *Call) logDeadline(at int64, i int) {
	if !c.Logs() {
		return
	}
	u := c.Log(3 + len(c.Args[i:])).Str("PEXPIREAT").Bytes(c.Args[1]).Int(at)
	for _, arg := range c.Args[i:] {
		u.Bytes(arg)
	}
}

// logPop keeps that n elements went off an end of a key.
func (c *Call) logPop(word string, name []byte, n int) {
	if c.Logs() {
		c.Log(3).Str(word).Bytes(name).Int(int64(n))
	}
}

// logPopOne keeps that one element did.
func (c *Call) logPopOne(word string, name []byte) {
	if c.Logs() {
		c.Log(2).Str(word).Bytes(name)
	}
}

// logMemberGone keeps that a member has left the set at the first key.
func (c *Call) logMemberGone(m value.Member) {
	if !c.Logs() {
		return
	}
	u := c.Log(3).Str("SREM").Bytes(c.Args[1])
	if m.IsInt {
		u.Int(m.Int)
	} else {
		u.Bytes(m.Str)
	}
}

// logPairs keeps ZADD of the first done of pairs, which a place gives two arguments for, and its member.
func (c *Call) logPairs(pairs [][]byte, done int, arePlaces bool) {
	if !c.Logs() {
		return
	}
	sent := len(pairs)
	if arePlaces {
		sent += len(pairs) / 2
	}
	options := c.Args[1 : len(c.Args)-sent]
	u := c.Log(1 + len(options) + done).Str("zadd")
	for _, arg := range options {
		u.Bytes(arg)
	}
	for _, arg := range pairs[:done] {
		u.Bytes(arg)
	}
}

// logFields keeps a command on fields of the hash at the first key: name key, words, FIELDS n field...
func (c *Call) logFields(name string, at int64, words, fields [][]byte) {
	if !c.Logs() {
		return
	}
	args := 4 + len(words) + len(fields)
	if at != keyspace.NoDeadline {
		args++
	}
	u := c.Log(args).Str(name).Bytes(c.Args[1])
	if at != keyspace.NoDeadline {
		u.Int(at)
	}
	for _, word := range words {
		u.Bytes(word)
	}
	u.Str("FIELDS").Int(int64(len(fields)))
	for _, field := range fields {
		u.Bytes(field)
	}
}

// logFieldGone keeps that a field has left the hash at the first key.
func (c *Call) logFieldGone(field []byte) {
	if c.Logs() {
		c.Log(3).Str("HDEL").Bytes(c.Args[1]).Bytes(field)
	}
}
