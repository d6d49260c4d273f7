// Shows that the checker can fail: histories with one thing wrong are found, their right neighbours
// pass, and so do histories of a simulated server, until it runs transactions in two halves.

package linear

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// parse reads a request as it is shown: "SET k0 v PX 3", "WATCH k1", "UNWATCH", "MULTI; GET k0; EXEC".
func parse(t *testing.T, client int, text string) *input {
	t.Helper()
	in := &input{client: client}
	if text == "UNWATCH" {
		in.kind = unwatch
		return in
	}
	if inner, ok := strings.CutPrefix(text, "MULTI; "); ok {
		in.kind, text = exec, strings.TrimSuffix(inner, "; EXEC")
	}
	for _, one := range strings.Split(text, "; ") {
		c := parseCall(t, one)
		if c.cmd.name == "WATCH" {
			in.kind = watch
		}
		in.calls = append(in.calls, c)
	}
	return in
}

func parseCall(t *testing.T, text string) call {
	t.Helper()
	words := strings.Fields(text)
	for _, cmd := range append(watchCommands[:len(watchCommands):len(watchCommands)], commands...) {
		if c, ok := cmd.read(words); ok {
			return c
		}
	}
	t.Fatalf("%q is no command of the test", text)
	return call{}
}

// read takes words as this command, if they are it.
func (cmd *command) read(words []string) (c call, ok bool) {
	pattern := strings.Fields(cmd.args)
	if words[0] != cmd.name || len(words)-1 != len(pattern) {
		return c, false
	}
	c.cmd = cmd
	for i, word := range words[1:] {
		switch pattern[i] {
		case "K":
			k, err := strconv.Atoi(strings.TrimPrefix(word, "k"))
			if err != nil {
				return c, false
			}
			c.keys = append(c.keys, k)
		case "V":
			c.text = word
		case "P":
			c.px, _ = strconv.Atoi(word)
		default:
			if word != pattern[i] {
				return c, false
			}
		}
	}
	return c, true
}

// TestCheckerNotices gives the checker short histories. A line is "client from-to request -> reply".
func TestCheckerNotices(t *testing.T) {
	for _, tc := range []struct {
		name    string
		right   bool
		history string
	}{
		{"a read after a write", true, "0 0-1 SET k0 a -> +OK\n1 2-3 GET k0 -> $a"},
		{"a read during a write may miss it", true, "0 0-3 SET k0 a -> +OK\n1 1-2 GET k0 -> nil"},
		{"a read after a write that misses it", false, "0 0-1 SET k0 a -> +OK\n1 2-3 GET k0 -> nil"},
		{"a read back in time", false, "0 0-9 SET k0 a -> +OK\n1 1-2 GET k0 -> $a\n2 3-4 GET k0 -> nil"},
		{"two increments", true, "0 0-2 INCR k0 -> :1\n1 1-3 INCR k0 -> :2"},
		{"a lost increment", false, "0 0-2 INCR k0 -> :1\n1 1-3 INCR k0 -> :1"},
		{"two that were first", false, "0 0-2 SETNX k0 a -> :1\n1 1-3 SETNX k0 b -> :1"},
		{"half of MSET", false, "0 0-9 MSET k0 a k1 a -> +OK\n1 1-2 MGET k0 k1 k2 -> [$a nil nil]"},
		{"both halves of MSETNX, seen in turn", false, "0 0-9 MSETNX k0 a k1 a -> :1\n1 1-2 GET k0 -> $a\n1 3-4 GET k1 -> nil"},
		{"a key under both names", false, "0 0-1 SET k0 a -> +OK\n0 2-9 RENAME k0 k1 -> +OK\n1 3-4 MGET k0 k1 k2 -> [$a $a nil]"},
		{"a key under neither name", false, "0 0-1 SET k0 a -> +OK\n0 2-9 RENAME k0 k1 -> +OK\n1 3-4 EXISTS k0 k1 -> :0"},
		{"a delete of two, of which one was there", false, "0 0-1 SET k0 a -> +OK\n0 2-3 DEL k0 k1 -> :2"},
		{"a transaction", true, "0 0-9 MULTI; SET k0 a; SET k1 a; EXEC -> [+OK +OK]\n1 1-2 MGET k0 k1 k2 -> [$a $a nil]"},
		{"half a transaction", false, "0 0-9 MULTI; SET k0 a; SET k1 a; EXEC -> [+OK +OK]\n1 1-2 MGET k0 k1 k2 -> [$a nil nil]"},
		{"a write into a transaction", false, "0 0-9 MULTI; INCR k0; GET k0; EXEC -> [:1 $2]\n1 1-2 INCR k0 -> :2"},
		{"watched and unchanged", true, "0 0-1 WATCH k0 -> +OK\n1 2-3 SET k1 a -> +OK\n0 4-5 MULTI; SET k0 b; EXEC -> [+OK]"},
		{"watched, changed, and run", false, "0 0-1 WATCH k0 -> +OK\n1 2-3 SET k0 a -> +OK\n0 4-5 MULTI; SET k0 b; EXEC -> [+OK]"},
		{"watched, changed, not run", true, "0 0-1 WATCH k0 -> +OK\n1 2-3 SET k0 a -> +OK\n0 4-5 MULTI; SET k0 b; EXEC -> nil"},
		{"watched, unchanged, not run", false, "0 0-1 WATCH k0 -> +OK\n1 2-3 SET k1 a -> +OK\n0 4-5 MULTI; SET k0 b; EXEC -> nil"},
		{"watched, changed, no longer watched", true, "0 0-1 WATCH k0 -> +OK\n1 2-3 SET k0 a -> +OK\n0 4-5 UNWATCH -> +OK\n0 6-7 MULTI; GET k0; EXEC -> [$a]"},
		{"not watched, not run", false, "0 0-1 WATCH k0 -> +OK\n1 2-3 SET k0 a -> +OK\n0 4-5 UNWATCH -> +OK\n0 6-7 MULTI; GET k0; EXEC -> nil"},
		{"watched and flushed", true, "0 0-1 SET k0 a -> +OK\n0 2-3 WATCH k0 -> +OK\n1 4-5 FLUSHDB -> +OK\n0 6-7 MULTI; GET k0; EXEC -> nil"},
		{"nothing to flush", false, "0 2-3 WATCH k0 -> +OK\n1 4-5 FLUSHDB -> +OK\n0 6-7 MULTI; GET k0; EXEC -> nil"},
		{"expired", true, "0 0-1 SET k0 a PX 1 -> +OK\n1 2-3 GET k0 -> $a\n1 4-5 GET k0 -> nil"},
		{"expired and back", false, "0 0-1 SET k0 a PX 1 -> +OK\n1 2-3 GET k0 -> nil\n1 4-5 GET k0 -> $a"},
		{"gone without a deadline", false, "0 0-1 SET k0 a -> +OK\n1 4-5 GET k0 -> nil"},
		{"gone though PERSIST found it", false, "0 0-1 SET k0 a PX 1 -> +OK\n1 2-3 PERSIST k0 -> :1\n1 4-5 GET k0 -> nil"},
		{"expired in the middle of a transaction", false, "0 0-1 MULTI; SET k0 a PX 1; GET k0; EXEC -> [+OK nil]"},
		{"the same, first there and then not", false, "0 0-1 SET k0 a PX 1 -> +OK\n0 2-3 MULTI; GET k0; GET k0; EXEC -> [$a nil]"},
		{"expired while watched", true, "0 0-1 SET k0 a PX 1 -> +OK\n0 2-3 WATCH k0 -> +OK\n0 4-5 MULTI; GET k0; EXEC -> nil"},
		{"a renamed key keeps its deadline", true, "0 0-1 SET k0 a PX 1 -> +OK\n0 2-3 RENAME k0 k1 -> +OK\n0 4-5 GET k1 -> nil"},
	} {
		var h []porcupine.Operation
		for _, line := range strings.Split(tc.history, "\n") {
			request, reply, _ := strings.Cut(line, " -> ")
			who, request, _ := strings.Cut(request, " ")
			when, request, _ := strings.Cut(request, " ")
			op := porcupine.Operation{Output: reply}
			if _, err := fmt.Sscanf(who+" "+when, "%d %d-%d", &op.ClientId, &op.Call, &op.Return); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			op.Input = parse(t, op.ClientId, request)
			h = append(h, op)
		}
		if got := porcupine.CheckOperations(server.ToModel(), h); got != tc.right {
			t.Errorf("%s: found right: %t, want %t:\n%s", tc.name, got, tc.right, tc.history)
		}
	}
}

// simulate makes the history of a server that runs steps one after another, in an order in which
// they overlap for the clients. With halves, a transaction's commands run at two instants.
func simulate(seed uint64, halves bool) []porcupine.Operation {
	chance := rand.New(rand.NewPCG(seed, 0))
	var s state
	var queue [clients][]*input
	var h []porcupine.Operation
	for i := range queue {
		from := &source{chance: rand.New(rand.NewPCG(seed, uint64(i))), drawn: i * 1000}
		for range turnsPerClient {
			queue[i] = append(queue[i], from.turn(i)...)
		}
	}
	type begun struct { // a transaction whose second half is to come
		op    porcupine.Operation
		rest  *input
		first string
	}
	var waiting [clients]*begun
	for at := int64(0); len(h) < 400; at += 10 {
		i := chance.IntN(clients)
		if b := waiting[i]; b != nil {
			waiting[i] = nil
			b.op.Output = strings.TrimSuffix(b.first, "]") + " " + strings.TrimPrefix(s.run(b.rest), "[")
			b.op.Return = at
			h = append(h, b.op)
			continue
		}
		if len(queue[i]) == 0 {
			break
		}
		in := queue[i][0]
		queue[i] = queue[i][1:]
		op := porcupine.Operation{ClientId: i, Input: in, Call: at - chance.Int64N(9), Return: at + chance.Int64N(9)}
		if halves && in.kind == exec && len(in.calls) > 1 && !s.dirty[i] {
			first := &input{client: i, kind: exec, calls: in.calls[:1]}
			rest := &input{client: i, kind: exec, calls: in.calls[1:]}
			waiting[i] = &begun{op: op, rest: rest, first: s.run(first)}
			continue
		}
		op.Output = s.run(in)
		h = append(h, op)
	}
	return h
}

func TestCheckerOnASimulatedServer(t *testing.T) {
	const histories = 20
	torn := 0
	for seed := range uint64(histories) {
		h := simulate(seed, false)
		if got := porcupine.CheckOperationsTimeout(server.ToModel(), h, checkTimeout); got != porcupine.Ok {
			t.Errorf("seed %d: a right history of %d steps is %s", seed, len(h), got)
		}
		at := rand.New(rand.NewPCG(seed, 1)).IntN(len(h))
		was := h[at].Output
		h[at].Output = "$nobody"
		if got := porcupine.CheckOperationsTimeout(server.ToModel(), h, checkTimeout); got != porcupine.Illegal {
			t.Errorf("seed %d: with one reply, %v, changed from %q to one that nobody wrote, it is %s", seed, h[at].Input, was, got)
		}
		if porcupine.CheckOperationsTimeout(server.ToModel(), simulate(seed, true), checkTimeout) == porcupine.Illegal {
			torn++
		}
	}
	if torn < histories*3/4 {
		t.Errorf("transactions in two halves are found in %d of %d histories", torn, histories)
	}
}
