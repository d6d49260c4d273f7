// Wait: how a handler blocks its client.
//
// A handler that finds nothing to reply with says what it waits for and returns. Nothing has been
// changed and nothing replied; the dispatcher keeps the command, and when a key it waits for becomes
// ready it runs the handler again, as a whole, under fresh locks. That run replies, or blocks again
// and keeps its place in line. What must hold: Wait.Keys are keys of the command, in the session's
// database, and the handler is one that could run any number of times before it replies.

package command

import (
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// errTimeoutFloat refuses a blocking command's timeout.
const errTimeoutFloat resp.Error = "ERR timeout is not a float or out of range"

// Wait is what a blocking command waits for.
type Wait struct {
	Keys   [][]byte      // in the order of the arguments; one may be there twice
	Type   keyspace.Type // a key wakes the client once it holds this type
	Millis int64         // after which the client gets a null array; 0: it waits for ever
	Gone   bool          // also wake the client when a key goes, or holds another type
}

// CanBlock tells whether the handler may block. Where it is false, as in EXEC, the handler replies
// with its null at once.
func (c *Call) CanBlock() bool { return !c.InExec && c.Session.State&Replaying == 0 }

// Block makes the client wait. The handler returns its result. w and what it points to are the
// caller's again when Block returns.
func (c *Call) Block(w Wait) error {
	c.Env.Exec.Block(c, &w)
	return nil
}

// ReadyKey is the key on whose account a handler that blocked is run again; nil in its first run. A
// handler that takes from one of many keys takes from this one only: among several that became
// ready at once, it is the one written first.
func (c *Call) ReadyKey() []byte { return c.ready }

// timeout reads argument i as the seconds that a command may block, and returns them in ms, rounded
// up; 0 is for ever. Errors: errTimeoutFloat, errTimeoutBelow, errTimeoutAbove.
func (c *Call) timeout(i int) (millis int64, err error) {
	arg := c.Args[i]
	if _, ok := resp.ParseLongDouble(arg); !ok {
		return 0, errTimeoutFloat
	}
	seconds, ok := resp.ParseFloat(arg)
	if !ok { // beyond a double, within a long double
		seconds = beyondDouble(arg)
	}
	switch ms := math.Ceil(seconds * 1000); {
	case ms < 0:
		return 0, errTimeoutBelow
	case ms >= math.MaxInt64:
		return 0, errTimeoutAbove
	default:
		return c.checkTimeout(int64(ms))
	}
}

// beyondDouble stands for a number that is too large or too small for a double.
func beyondDouble(arg []byte) float64 {
	const longest = 300 // digits of a double, or nearly
	x, _ := resp.ParseLongDouble(arg)
	negative := arg[0] == '-'
	switch large := len(x.AppendTo(nil)) > longest; {
	case large && negative:
		return math.Inf(-1)
	case large:
		return math.Inf(1)
	case negative:
		return 0
	}
	return math.SmallestNonzeroFloat64
}

// timeoutMillis reads argument i as the ms that a command may block; 0 is for ever. Errors:
// errTimeoutNumber, errTimeoutBelow, errTimeoutAbove.
func (c *Call) timeoutMillis(i int) (millis int64, err error) {
	ms, ok := resp.ParseInt(c.Args[i])
	if !ok {
		return 0, errTimeoutNumber
	}
	return c.checkTimeout(ms)
}

// checkTimeout refuses a timeout that is negative, or whose end is not a time.
func (c *Call) checkTimeout(ms int64) (int64, error) {
	switch {
	case ms < 0:
		return 0, errTimeoutBelow
	case ms > math.MaxInt64-c.Now():
		return 0, errTimeoutAbove
	}
	return ms, nil
}
