// Shows that an intset edited at random holds what a sorted slice holds, in the bytes that redis-server
// dumps for it (skipped where it is not installed), and that what Validate accepts can be edited.

package intset

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

var edges = []int64{0, 1, -1, math.MaxInt16, math.MaxInt16 + 1, math.MinInt16, math.MinInt16 - 1,
	math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxInt64, math.MinInt64}

// draw returns an integer of at most some bits, or an edge that has no more.
func draw(r *rand.Rand, bits int) int64 {
	if n := edges[r.IntN(len(edges))]; r.IntN(4) == 0 && 8*widthOf(n) <= bits {
		return n
	}
	return int64(r.Uint64()) >> (64 - bits + r.IntN(bits-1))
}

func TestAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	for round := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, round))
		b, model, bits := AppendNew(nil), []int64{}, []int{8, 16}[r.IntN(2)]
		for step := range 300 {
			if step%100 == 99 {
				bits = min(bits*2, 64)
			}
			n, changed, width := draw(r, bits), false, Width(b)
			i, has := slices.BinarySearch(model, n)
			if at, found := Find(b, n); at != i || found != has {
				t.Fatalf("seed %d, round %d, step %d: Find(%d) = %d, %t; want %d, %t", seed, round, step, n, at, found, i, has)
			}
			adds := r.IntN(3) > 0
			if adds {
				if b, changed = Add(b, n); changed {
					model = slices.Insert(model, i, n)
					width = max(width, widthOf(n))
				}
			} else if b, changed = Remove(b, n); changed {
				model = slices.Delete(model, i, i+1)
			}
			if changed != (has != adds) || Width(b) != width {
				t.Fatalf("seed %d, round %d, step %d: %d, add %t: changed %t, width %d, want %d", seed, round, step, n, adds, changed, Width(b), width)
			}
			if err := Validate(b); err != nil || !slices.Equal(integers(b), model) {
				t.Fatalf("seed %d, round %d, step %d: %v: %d, want %d", seed, round, step, err, integers(b), model)
			}
		}
	}
}

func integers(b []byte) (all []int64) {
	all = []int64{}
	for i := range Len(b) {
		all = append(all, At(b, i))
	}
	return all
}

func TestOracleDumpsTheSame(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	c := harness.Oracle(t).Start(t, "rdbcompression no").Dial(t)
	b := AppendNew(nil)
	for i := range 120 {
		n := draw(r, 16<<(i/40))
		b, _ = Add(b, n)
		c.Must(t, "SADD", "s", strconv.FormatInt(n, 10))
		if i%5 == 4 {
			n = At(b, r.IntN(Len(b)))
			b, _ = Remove(b, n)
			c.Must(t, "SREM", "s", strconv.FormatInt(n, 10))
		}
		payload := []byte(c.Must(t, "DUMP", "s").Text)
		if got := payload[len(payload)-10-len(b) : len(payload)-10]; !bytes.Equal(got, b) {
			t.Fatalf("seed %d, after %d: redis-server has % x, we have % x", seed, n, got, b)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	b := AppendNew(make([]byte, 0, 1024))
	wider := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		for n := range int64(20) {
			b, _ = Add(b, n*7%20)
		}
		wider = AppendWider(wider[:0], b, 1<<40)
		for n := range int64(20) {
			b, _ = Remove(b, n)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzValidate: what Validate accepts can be read and edited, and stays valid.
func FuzzValidate(f *testing.F) {
	b := AppendNew(nil)
	for _, n := range edges {
		b, _ = Add(b, n)
		f.Add(b, n)
	}
	f.Add(AppendNew(nil), int64(5))
	f.Add([]byte{2, 0, 0, 0, 255, 255, 255, 255}, int64(5))
	f.Fuzz(func(t *testing.T, b []byte, n int64) {
		if Validate(b) != nil {
			return
		}
		want := integers(b)
		b, added := Add(slices.Clone(b), n)
		if added {
			want = append(want, n)
			slices.Sort(want)
		}
		if err := Validate(b); err != nil || !slices.Equal(integers(b), want) {
			t.Fatalf("with %d: %v: %d, want %d", n, err, integers(b), want)
		}
		if _, found := Find(b, n); !found {
			t.Fatalf("%d was added, and is not found in %d", n, want)
		}
		if b, _ = Remove(b, n); Validate(b) != nil || binary.LittleEndian.Uint32(b[4:]) != uint32(len(want)-1) {
			t.Fatalf("without %d: %d", n, integers(b))
		}
	})
}
