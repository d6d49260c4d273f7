// The commands that clients send, and what each is in the model.

package linear

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// command is a row: how it is sent and what it does.
type command struct {
	name   string
	weight int // share of the random traffic
	keys   int // how many different ones it takes
	all    bool
	args   string // K: a key, V: the call's text, P: its px; else a word as it is
	run    func(s *state, c *call) string
}

var long = strings.Repeat("~", padBytes)

// wire returns the words to send for a call on keys named prefix0, prefix1, ...
func (c *call) wire(prefix string) []string {
	words := []string{c.cmd.name}
	next := 0
	for _, word := range strings.Fields(c.cmd.args) {
		switch word {
		case "K":
			word = prefix + strconv.Itoa(c.keys[next])
			next++
		case "V":
			word = strings.ReplaceAll(c.text, pad, long)
		case "P":
			word = strconv.Itoa(c.px)
		}
		words = append(words, word)
	}
	return words
}

var commands = []*command{
	{name: "GET", weight: 14, keys: 1, args: "K", run: func(s *state, c *call) string { return s.cells[c.keys[0]].read() }},
	{name: "SET", weight: 10, keys: 1, args: "K V", run: func(s *state, c *call) string {
		s.set(c.keys[0], c.text, false)
		return okay
	}},
	{name: "SET", weight: 8, keys: 1, args: "K V PX P", run: func(s *state, c *call) string {
		s.set(c.keys[0], c.text, true)
		return okay
	}},
	{name: "SET", weight: 3, keys: 1, args: "K V XX GET KEEPTTL", run: func(s *state, c *call) string {
		k := c.keys[0]
		old := s.cells[k]
		if old.there {
			s.set(k, c.text, old.mortal)
		}
		return old.read()
	}},
	{name: "INCR", weight: 10, keys: 1, args: "K", run: increment},
	{name: "APPEND", weight: 6, keys: 1, args: "K V", run: func(s *state, c *call) string {
		k := c.keys[0]
		s.set(k, s.cells[k].text+c.text, s.cells[k].mortal)
		return number(length(s.cells[k].text))
	}},
	{name: "SETNX", weight: 5, keys: 1, args: "K V", run: func(s *state, c *call) string {
		if s.cells[c.keys[0]].there {
			return number(0)
		}
		s.set(c.keys[0], c.text, false)
		return number(1)
	}},
	{name: "GETSET", weight: 4, keys: 1, args: "K V", run: func(s *state, c *call) string {
		old := s.cells[c.keys[0]].read()
		s.set(c.keys[0], c.text, false)
		return old
	}},
	{name: "GETDEL", weight: 3, keys: 1, args: "K", run: func(s *state, c *call) string {
		old := s.cells[c.keys[0]].read()
		s.remove(c.keys[0])
		return old
	}},
	{name: "PERSIST", weight: 2, keys: 1, args: "K", run: func(s *state, c *call) string {
		k := c.keys[0]
		if !s.cells[k].there || !s.cells[k].mortal {
			return number(0)
		}
		s.set(k, s.cells[k].text, false)
		return number(1)
	}},
	{name: "DEL", weight: 3, keys: 1, args: "K", run: deleteAll},
	{name: "DEL", weight: 3, keys: 2, args: "K K", run: deleteAll},
	{name: "UNLINK", weight: 1, keys: 3, args: "K K K", run: deleteAll},
	{name: "EXISTS", weight: 2, keys: 2, args: "K K", run: func(s *state, c *call) string {
		n := 0
		for _, k := range c.keys {
			if s.cells[k].there {
				n++
			}
		}
		return number(n)
	}},
	{name: "MGET", weight: 8, keys: 3, args: "K K K", run: func(s *state, c *call) string {
		var replies []string
		for _, k := range c.keys {
			replies = append(replies, s.cells[k].read())
		}
		return list(replies...)
	}},
	{name: "MSET", weight: 6, keys: 2, args: "K V K V", run: func(s *state, c *call) string {
		for _, k := range c.keys {
			s.set(k, c.text, false)
		}
		return okay
	}},
	{name: "MSETNX", weight: 4, keys: 2, args: "K V K V", run: func(s *state, c *call) string {
		for _, k := range c.keys {
			if s.cells[k].there {
				return number(0)
			}
		}
		for _, k := range c.keys {
			s.set(k, c.text, false)
		}
		return number(1)
	}},
	{name: "RENAME", weight: 4, keys: 2, args: "K K", run: func(s *state, c *call) string {
		from := s.cells[c.keys[0]]
		if !from.there {
			return "-ERR no such key"
		}
		s.remove(c.keys[0])
		s.set(c.keys[1], from.text, from.mortal)
		return okay
	}},
	{name: "RENAMENX", weight: 2, keys: 2, args: "K K", run: func(s *state, c *call) string {
		from := s.cells[c.keys[0]]
		switch {
		case !from.there:
			return "-ERR no such key"
		case s.cells[c.keys[1]].there:
			return number(0)
		}
		s.remove(c.keys[0])
		s.set(c.keys[1], from.text, from.mortal)
		return number(1)
	}},
	{name: "COPY", weight: 2, keys: 2, args: "K K", run: func(s *state, c *call) string {
		from := s.cells[c.keys[0]]
		if !from.there || s.cells[c.keys[1]].there {
			return number(0)
		}
		s.set(c.keys[1], from.text, from.mortal)
		return number(1)
	}},
	{name: "COPY", weight: 3, keys: 2, args: "K K REPLACE", run: func(s *state, c *call) string {
		from := s.cells[c.keys[0]]
		if !from.there {
			return number(0)
		}
		s.set(c.keys[1], from.text, from.mortal)
		return number(1)
	}},
	{name: "FLUSHDB", weight: 1, all: true, run: func(s *state, _ *call) string {
		for k := range s.cells {
			s.remove(k)
		}
		return okay
	}},
}

func increment(s *state, c *call) string {
	k := c.keys[0]
	old := s.cells[k]
	n := 0
	if old.there {
		var err error
		if n, err = strconv.Atoi(old.text); err != nil {
			return notIn
		}
	}
	s.set(k, strconv.Itoa(n+1), old.mortal)
	return number(n + 1)
}

func deleteAll(s *state, c *call) string {
	n := 0
	for _, k := range c.keys {
		n += s.remove(k)
	}
	return number(n)
}

// watchCommands are WATCH of so many keys, less one.
var watchCommands = []*command{{name: "WATCH", keys: 1, args: "K"}, {name: "WATCH", keys: 2, args: "K K"}}

// source draws what a client does next.
type source struct {
	chance *rand.Rand
	drawn  int
}

// call draws a command.
func (r *source) call() call {
	total := 0
	for _, cmd := range commands {
		total += cmd.weight
	}
	at := r.chance.IntN(total)
	for _, cmd := range commands {
		if at -= cmd.weight; at < 0 {
			return call{cmd: cmd, keys: r.chance.Perm(keys)[:cmd.keys], text: r.text(cmd), px: 1 + r.chance.IntN(4)}
		}
	}
	panic("weights do not add up")
}

// text draws a value that nobody else writes, so that who reads it tells whose it is.
func (r *source) text(cmd *command) string {
	r.drawn++
	n := strconv.Itoa(r.drawn)
	switch at := r.chance.IntN(20); {
	case cmd.name == "APPEND":
		return "," + n
	case at == 0: // too long to be copied for a save
		return n + ":" + pad
	case at < 8:
		return strconv.Itoa(r.drawn * 1000)
	}
	return "v" + n
}

// turn draws one command, or a transaction with or without WATCH.
func (r *source) turn(client int) (steps []*input) {
	if r.chance.IntN(4) > 0 {
		return []*input{{client: client, calls: []call{r.call()}}}
	}
	if r.chance.IntN(2) == 0 {
		cmd := watchCommands[r.chance.IntN(len(watchCommands))]
		w := call{cmd: cmd, keys: r.chance.Perm(keys)[:cmd.keys]}
		steps = append(steps, &input{client: client, kind: watch, calls: []call{w}})
		for range r.chance.IntN(3) {
			steps = append(steps, &input{client: client, calls: []call{r.call()}})
		}
	}
	if r.chance.IntN(10) == 0 {
		return append(steps, &input{client: client, kind: unwatch})
	}
	tx := &input{client: client, kind: exec}
	for range 1 + r.chance.IntN(4) {
		tx.calls = append(tx.calls, r.call())
	}
	return append(steps, tx)
}
