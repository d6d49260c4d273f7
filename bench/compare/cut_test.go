// The proof of one moment can fail: a state that is one passes, and with each kind of mistake it
// does not. The states are maps from keys to values as a file would hold them.

package main

import (
	"maps"
	"strings"
	"testing"

	"tarn/test/chance"
)

const (
	testKeys    = 101 // no multiple of the writers
	testWriters = 3
)

// stateAfter is the database after each writer has made so many writes.
func stateAfter(o overwriting, writes []int) map[int][]byte {
	state := map[int][]byte{}
	put := func(key, number int) {
		value := make([]byte, largeValueBytes)
		numberedValue(value, key, number)
		state[key] = value
	}
	for key := range o.keys {
		put(key, 0)
	}
	for writer, count := range writes {
		pick := o.picks(writer)
		for number := 1; number <= count; number++ {
			put(pick(), number)
		}
	}
	return state
}

// checkState is what verify does with a loaded file.
func checkState(o overwriting, state map[int][]byte, spans []span) error {
	numbers := make([]int, o.keys)
	scratch := make([]byte, largeValueBytes)
	for key := range numbers {
		var err error
		if numbers[key], err = numberIn(state[key], key, scratch); err != nil {
			return err
		}
	}
	return o.checkMoment(numbers, spans)
}

func TestCheckMoment(t *testing.T) {
	seed := chance.Seed(t)
	o := overwriting{keys: testKeys, writers: testWriters, seed: seed}
	writes := []int{500, 0, 321}
	spans := []span{{acked: 490, sent: 510}, {acked: 0, sent: 0}, {acked: 321, sent: 321}}
	right := stateAfter(o, writes)
	lastPick := func(count int) int {
		pick, key := o.picks(0), 0
		for range count {
			key = pick()
		}
		return key
	}
	put := func(key, number int) func(map[int][]byte) {
		return func(state map[int][]byte) {
			value := make([]byte, largeValueBytes)
			numberedValue(value, key, number)
			state[key] = value
		}
	}
	for _, tc := range []struct {
		name   string
		tamper func(map[int][]byte)
		spans  []span
		want   string // in the error; "" for none
	}{
		{name: "right", tamper: func(map[int][]byte) {}},
		{name: "a moment later for one writer", tamper: func(state map[int][]byte) {
			maps.Copy(state, stateAfter(o, []int{501, 0, 321}))
		}},
		{name: "a write lost", tamper: put(lastPick(499), 0), want: "the file holds write 0, and at that moment"},
		{name: "a write from later leaked in", tamper: put(lastPick(505), 505), want: "at that moment it was write"},
		{name: "a write of a later moment than was sent", tamper: put(3, 511), want: "the file holds 511 writes"},
		{name: "a write of nobody", tamper: put(1, 1), want: "writer 1: the file holds 1 writes"},
		{name: "older than what was answered", tamper: func(state map[int][]byte) {
			maps.Copy(state, stateAfter(o, []int{489, 0, 321}))
		}, want: "the file holds 489 writes; it may hold 490 to 510"},
		{name: "two values changed places", tamper: func(state map[int][]byte) {
			state[3], state[6] = state[6], state[3]
		}, want: "its bytes are not"},
		{name: "one bit wrong", tamper: func(state map[int][]byte) { state[7][300] ^= 1 }, want: "its bytes are not"},
		{name: "no number", tamper: func(state map[int][]byte) { state[7][0] = 'x' }, want: "no number"},
		{name: "a value cut short", tamper: func(state map[int][]byte) { state[7] = state[7][:399] }, want: "399 bytes"},
		{name: "a key missing", tamper: func(state map[int][]byte) { delete(state, 100) }, want: "0 bytes"},
	} {
		state := map[int][]byte{}
		for key, value := range right {
			state[key] = append([]byte(nil), value...)
		}
		tc.tamper(state)
		err := checkState(o, state, spans)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s, seed %d: got %v; want %q", tc.name, seed, err, tc.want)
		}
	}
}

// TestEachWriterOwnsItsKeys: writers pick only keys of theirs, and each of them sooner or later.
func TestEachWriterOwnsItsKeys(t *testing.T) {
	seed := chance.Seed(t)
	o := overwriting{keys: testKeys, writers: testWriters, seed: seed}
	for writer := range testWriters {
		picked := map[int]bool{}
		pick := o.picks(writer)
		for range 100 * testKeys {
			picked[pick()] = true
		}
		for key := range testKeys {
			if picked[key] != (key%testWriters == writer) {
				t.Errorf("seed %d: writer %d picked %s: %t", seed, writer, keyName(key), picked[key])
			}
		}
	}
}
