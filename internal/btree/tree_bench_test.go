// Benchmarks of a Tree of members in blocks, by score, as a sorted set has it.

package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"tarn/internal/mem"
)

// firstWords orders blocks by their first word.
type firstWords struct{ base unsafe.Pointer }

func (o firstWords) Compare(a, b mem.Ref) int {
	x, y := *(*uint64)(unsafe.Add(o.base, uintptr(a)*8)), *(*uint64)(unsafe.Add(o.base, uintptr(b)*8))
	if x < y {
		return -1
	}
	return 1
}

// scores are the ways in which n members have theirs.
var scores = []struct {
	name  string
	score func(random *rand.Rand, n int) float64
}{
	{"random", func(random *rand.Rand, n int) float64 { return float64(random.IntN(n * 8)) }},
	{"alike", func(random *rand.Rand, n int) float64 { return float64(random.IntN(4)) }},
}

func BenchmarkTree(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		for _, kind := range scores {
			b.Run(fmt.Sprintf("scores=%s/members=%d", kind.name, n), func(b *testing.B) {
				heap, err := mem.NewHeap(mem.Options{})
				if err != nil {
					b.Fatal(err)
				}
				tree := NewTree[float64](heap, firstWords{heap.Base()})
				random := rand.New(rand.NewPCG(1, 2))
				entries := make([]entry[float64], n)
				for i := range entries {
					r := heap.Alloc(40, mem.Nodes)
					*(*uint64)(heap.Pointer(r)) = random.Uint64()
					entries[i] = entry[float64]{kind.score(random, n), r}
					tree.Insert(entries[i].key, r)
				}
				benchTree(b, tree, entries, func() float64 { return kind.score(random, n) }, random)
				for _, x := range entries {
					heap.Free(x.ref, mem.Nodes)
				}
				tree.Drain(n)
				if err := heap.Close(); err != nil {
					b.Error(err)
				}
			})
		}
	}
}

func benchTree(b *testing.B, tree *Tree[float64, firstWords], entries []entry[float64], score func() float64, random *rand.Rand) {
	n := len(entries)
	b.Run("move", func(b *testing.B) {
		for b.Loop() {
			x := &entries[random.IntN(n)]
			to := score()
			tree.Move(x.key, to, x.ref)
			x.key = to
		}
		b.ReportMetric(float64(tree.Bytes())/float64(n), "B/member")
	})
	b.Run("step", func(b *testing.B) { // as ZINCRBY by one
		for b.Loop() {
			x := &entries[random.IntN(n)]
			tree.Move(x.key, x.key+1, x.ref)
			x.key++
		}
	})
	b.Run("rank", func(b *testing.B) {
		for b.Loop() {
			x := entries[random.IntN(n)]
			tree.Rank(x.key, x.ref)
		}
	})
	b.Run("range100", func(b *testing.B) {
		for b.Loop() {
			left := 100
			tree.Ascend(random.IntN(n), func(float64, mem.Ref) bool { left--; return left > 0 })
		}
	})
}
