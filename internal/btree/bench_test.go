// Benchmarks of a DeadlineTree whose references are to real blocks, of which a weigher reads a word.

package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"tarn/internal/mem"
)

// blocks weighs a block by its first word.
type blocks struct{ base unsafe.Pointer }

func (b blocks) Weigh(r mem.Ref) uint64 { return *(*uint64)(unsafe.Add(b.base, uintptr(r)*8)) }

const blockSize = 88

// patterns are the orders in which n deadlines come.
var patterns = []struct {
	name     string
	deadline func(random *rand.Rand, i int) int64
}{
	{"rising", func(_ *rand.Rand, i int) int64 { return int64(i / 8) }},
	{"series", func(random *rand.Rand, i int) int64 {
		return int64(i/8) + []int64{60_000, 600_000, 3_600_000, 86_400_000}[random.IntN(4)]
	}},
	{"random", func(random *rand.Rand, i int) int64 { return random.Int64N(86_400_000) }},
}

// filled makes a heap, a tree of n items, and the items in random order.
func filled(b *testing.B, n int, deadline func(*rand.Rand, int) int64) (*DeadlineTree[blocks], []item, func()) {
	heap, err := mem.NewHeap(mem.Options{})
	if err != nil {
		b.Fatal(err)
	}
	tree := New(heap, blocks{heap.Base()})
	random := rand.New(rand.NewPCG(1, 2))
	items := make([]item, n)
	for i, j := range random.Perm(n) {
		r := heap.Alloc(blockSize, mem.Keys)
		*(*uint64)(heap.Pointer(r)) = blockSize
		items[j].ref = r
		items[i].deadline = deadline(random, i)
	}
	for _, x := range items {
		tree.Insert(x.deadline, x.ref)
	}
	random.Shuffle(n, func(i, j int) { items[i], items[j] = items[j], items[i] })
	return tree, items, func() {
		tree.Drain(n)
		for _, x := range items {
			heap.Free(x.ref, mem.Keys)
		}
		if err := heap.Close(); err != nil {
			b.Error(err)
		}
	}
}

var benchSizes = []int{10_000, 1_000_000}

func BenchmarkInsert(b *testing.B) {
	for _, pattern := range patterns {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("pattern=%s/items=%d", pattern.name, n), func(b *testing.B) {
				tree, items, done := filled(b, n, pattern.deadline)
				defer done()
				bytes := tree.Bytes()
				for _, x := range items {
					tree.Delete(x.deadline, x.ref)
				}
				random := rand.New(rand.NewPCG(1, 2))
				for i := 0; b.Loop(); i++ {
					if i == n {
						b.StopTimer()
						tree.Drain(n)
						i = 0
						b.StartTimer()
					}
					tree.Insert(pattern.deadline(random, i), items[i].ref)
				}
				b.ReportMetric(float64(bytes)/float64(n), "B/item")
			})
		}
	}
}

// BenchmarkRenew gives a random item a later deadline, as EXPIRE does.
func BenchmarkRenew(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			tree, items, done := filled(b, n, patterns[0].deadline)
			defer done()
			random := rand.New(rand.NewPCG(3, 4))
			for now := int64(n / 8); b.Loop(); now++ {
				x := &items[random.IntN(n)]
				tree.Insert(now, x.ref)
				tree.Delete(x.deadline, x.ref)
				x.deadline = now
			}
			b.ReportMetric(float64(tree.Bytes())/float64(n), "B/item")
		})
	}
}

// BenchmarkExpire removes the first item, and puts it back at the end.
func BenchmarkExpire(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			tree, _, done := filled(b, n, patterns[0].deadline)
			defer done()
			for now := int64(n / 8); b.Loop(); now++ {
				deadline, ref, _ := tree.Min()
				tree.Delete(deadline, ref)
				tree.Insert(now, ref)
			}
		})
	}
}

func BenchmarkBefore(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			tree, _, done := filled(b, n, patterns[2].deadline)
			defer done()
			random := rand.New(rand.NewPCG(3, 4))
			for b.Loop() {
				tree.Before(random.Int64N(86_400_000))
			}
		})
	}
}
