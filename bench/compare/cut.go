// The proof that a saved file is one moment of the database.
//
// Writer w of W owns the keys w, w+W, w+2W, ... and overwrites them in an order that follows from a
// seed. A value holds the number of the write that made it, from 1 (0: the fill), and the rest of it
// follows from key and number. So the file tells, for each writer, how many writes it holds: the
// largest number c among the writer's keys. Replaying c writes says what every one of these
// keys must hold, since a write after c would have been the largest. And c must not be less than
// what had been answered before the save was asked for, nor more than had been sent when the
// request for it was answered.

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
)

const numberDigits = 12

// overwriting is what all the writers do.
type overwriting struct {
	keys, writers int
	seed          uint64
}

// picks returns the function that says which key a writer's next write goes to.
func (o overwriting) picks(writer int) func() int {
	r := rand.New(rand.NewPCG(o.seed, uint64(writer)))
	owned := (o.keys - writer + o.writers - 1) / o.writers
	return func() int { return writer + o.writers*r.IntN(owned) }
}

// numberedValue makes the value of a key as of the writer's write with that number.
func numberedValue(dst []byte, key, number int) {
	putNumber(dst[:numberDigits], number)
	rest := dst[numberDigits:]
	copy(rest, noiseText[(key*31+number*1009)%(noiseBytes-len(rest)):])
}

// numberIn returns the number in a value, having compared all the rest. scratch has a value's size.
func numberIn(value []byte, key int, scratch []byte) (int, error) {
	if len(value) != len(scratch) {
		return 0, fmt.Errorf("%s: a value of %d bytes, want %d", keyName(key), len(value), len(scratch))
	}
	number, err := strconv.Atoi(string(value[:numberDigits]))
	if err != nil {
		return 0, fmt.Errorf("%s: no number at the start of %.40q", keyName(key), value)
	}
	numberedValue(scratch, key, number)
	if !bytes.Equal(value, scratch) {
		return 0, fmt.Errorf("%s: says it is of write %d, and its bytes are not", keyName(key), number)
	}
	return number, nil
}

// span is what a save may hold of a writer's writes: at least acked, at most sent.
type span struct{ acked, sent int64 }

// checkMoment proves that numbers, the write in each key's value, are one moment for each writer.
func (o overwriting) checkMoment(numbers []int, spans []span) error {
	want := make([]int, o.keys)
	for writer, may := range spans {
		held := 0
		for key := writer; key < o.keys; key += o.writers {
			held = max(held, numbers[key])
		}
		if int64(held) < may.acked || int64(held) > may.sent {
			return fmt.Errorf("writer %d: the file holds %d writes; it may hold %d to %d", writer, held, may.acked, may.sent)
		}
		pick := o.picks(writer)
		for number := 1; number <= held; number++ {
			want[pick()] = number
		}
	}
	for key, number := range numbers {
		if number != want[key] {
			return fmt.Errorf("%s of writer %d: the file holds write %d, and at that moment it was write %d",
				keyName(key), key%o.writers, number, want[key])
		}
	}
	return nil
}
