// The outbox against a plain buffer: what goes in comes out, in order, and its sums are right.

package server

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tarn/test/chance"
)

func TestOutboxAgainstModel(t *testing.T) {
	for range 200 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		var o outbox
		var model []byte
		for step := range 100 {
			b := make([]byte, r.IntN(1<<r.IntN(18)))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			switch {
			case r.IntN(2) == 0 && o.size() > 0:
				next := o.next()
				n := r.IntN(len(next) + 1)
				if !bytes.Equal(next[:n], model[:n]) {
					t.Fatalf("seed %d, step %d: the bytes to send are not those that came first", seed, step)
				}
				o.took(n)
				model = model[n:]
			case r.IntN(4) == 0 && len(b) > 0:
				model = append(model, b...)
				o.adopt(b)
			default:
				model = append(model, b...)
				o.add(b)
			}
			if o.size() != len(model) {
				t.Fatalf("seed %d, step %d: size() = %d, want %d", seed, step, o.size(), len(model))
			}
			if held, _ := o.held(); held < o.size() {
				t.Fatalf("seed %d, step %d: %d bytes unsent in chunks of %d", seed, step, o.size(), held)
			}
		}
		for o.size() > 0 {
			next := o.next()
			if len(next) == 0 || !bytes.Equal(next, model[:len(next)]) {
				t.Fatalf("seed %d: what is left comes out wrong", seed)
			}
			model = model[len(next):]
			o.took(len(next))
		}
	}
}
