// Chance: the seeds of tests that draw at random.
//
// A gate must say the same of the same code: where CI is set, a test's seeds are made from its name,
// so a merge is not refused for an input that another change would have met. Everywhere else each
// run draws new ones, and TARN_SEED repeats a run. A seed stands in the output of a test that fails.

// Package chance draws the seeds of random tests.
package chance

import (
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
)

var (
	mu    sync.Mutex
	drawn = map[string]uint64{} // seeds given to a test so far
)

// Seed returns the next seed of the test, and prints it when the test fails.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := draw(t.Name(), os.Getenv("TARN_SEED"), os.Getenv("CI") != "")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("a seed of %s: TARN_SEED=%d draws the same again", t.Name(), seed)
		}
	})
	return seed
}

// draw makes a seed: the one asked for, one of the test's own, or any.
func draw(test, asked string, fixed bool) uint64 {
	if seed, err := strconv.ParseUint(asked, 10, 64); err == nil {
		return seed
	}
	if !fixed {
		return rand.Uint64()
	}
	mu.Lock()
	drawn[test]++
	n := drawn[test]
	mu.Unlock()
	h := fnv.New64a()
	_, _ = h.Write([]byte(test))
	return rand.New(rand.NewPCG(h.Sum64(), n)).Uint64()
}
