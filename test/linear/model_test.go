// The server as one sequence of steps: a few keys, and what each client watches.
//
// A key with a deadline may go away at any time from then on, which the model leaves open: at each
// step that concerns such a key there are two futures. What it does not leave open is that the key
// stays away, goes away for all at once, and does so for nobody in the middle of a transaction.

package linear

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

const (
	keys    = 4
	clients = 6
)

// cell is what a key holds. Long values are shortened: see pad.
type cell struct {
	there, mortal bool // it exists; it has a deadline
	text          string
}

// state is compared with ==.
type state struct {
	cells   [keys]cell
	watched [clients]uint8 // bit k: the client watches key k
	dirty   [clients]bool  // a key that the client watches has changed
}

// kind is what a step is to a client.
type kind uint8

const (
	plain   kind = iota // the one command
	watch               // WATCH of the one command's keys
	unwatch             // UNWATCH or DISCARD
	exec                // MULTI, the commands, EXEC
)

// input is what a client asks.
type input struct {
	client int
	kind   kind
	calls  []call
}

// call is one command.
type call struct {
	cmd  *command
	keys []int
	text string // its value or argument, if it takes one
	px   int    // milliseconds, of SET PX
}

// padBytes is the length of a long value, which is shown as pad.
const (
	padBytes = 70_000
	pad      = "\x01"
)

func length(text string) int { return len(text) + strings.Count(text, pad)*(padBytes-len(pad)) }

// touch tells the clients that watch a key of its change.
func (s *state) touch(k int) {
	for c := range s.watched {
		if s.watched[c]&(1<<k) != 0 {
			s.dirty[c] = true
		}
	}
}

func (s *state) set(k int, text string, mortal bool) {
	s.cells[k] = cell{true, mortal, text}
	s.touch(k)
}

// remove deletes a key and returns how many were deleted: 1 or 0.
func (s *state) remove(k int) int {
	if !s.cells[k].there {
		return 0
	}
	s.cells[k] = cell{}
	s.touch(k)
	return 1
}

// concerns returns the keys whose deadline matters to a step, as bits.
func (in *input) concerns(s *state) uint8 {
	var bits uint8
	if in.kind == exec {
		bits = s.watched[in.client]
	}
	for _, c := range in.calls {
		if c.cmd.all {
			bits = 1<<keys - 1
		}
		for _, k := range c.keys {
			bits |= 1 << k
		}
	}
	for k := range s.cells {
		if !s.cells[k].there || !s.cells[k].mortal {
			bits &^= 1 << k
		}
	}
	return bits
}

// step returns the states that may follow when a step gets this reply.
func step(before state, in *input, reply string) (after []any) {
	mortal := before.concerns(in)
	for gone := mortal; ; gone = (gone - 1) & mortal { // every subset, the empty one last
		s := before
		for k := range s.cells {
			if gone&(1<<k) != 0 {
				s.remove(k)
			}
		}
		if s.run(in) == reply {
			after = append(after, s)
		}
		if gone == 0 {
			return after
		}
	}
}

func (s *state) concerns(in *input) uint8 { return in.concerns(s) }

// run makes a step and returns its reply.
func (s *state) run(in *input) string {
	me := in.client
	switch in.kind {
	case watch:
		for _, k := range in.calls[0].keys {
			s.watched[me] |= 1 << k
		}
		return "+OK"
	case unwatch:
		s.watched[me], s.dirty[me] = 0, false
		return "+OK"
	case exec:
		dirty := s.dirty[me]
		s.watched[me], s.dirty[me] = 0, false
		if dirty {
			return null
		}
		replies := make([]string, len(in.calls))
		for i := range in.calls {
			replies[i] = in.calls[i].cmd.run(s, &in.calls[i])
		}
		return list(replies...)
	}
	return in.calls[0].cmd.run(s, &in.calls[0])
}

// Replies, on one line each.
const (
	null  = "nil"
	okay  = "+OK"
	notIn = "-ERR value is not an integer or out of range"
)

func number(n int) string       { return ":" + strconv.Itoa(n) }
func bulk(text string) string   { return "$" + text }
func list(all ...string) string { return "[" + strings.Join(all, " ") + "]" }
func (c *cell) read() string    { return readOr(c.there, c.text) }
func readOr(ok bool, t string) string {
	if !ok {
		return null
	}
	return bulk(t)
}

// server is the model as porcupine takes it.
var server = porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, in, out any) []any { return step(s.(state), in.(*input), out.(string)) },
	DescribeOperation: func(in, out any) string {
		return fmt.Sprintf("%v -> %s", in.(*input), out)
	},
	DescribeState: func(s any) string { return fmt.Sprintf("%+v", s) },
}

func (in *input) String() string {
	var all []string
	for i := range in.calls {
		all = append(all, strings.Join(in.calls[i].wire("k"), " "))
	}
	text := strings.Join(all, "; ")
	switch in.kind {
	case exec:
		text = "MULTI; " + text + "; EXEC"
	case unwatch:
		text = "UNWATCH"
	}
	return strings.ReplaceAll(text, long, "<long>")
}
