// Shown here: a DeadlineTree whose heap refuses memory at random stays sound and loses nothing.

package btree

import (
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

func TestRefusedMemory(t *testing.T) {
	refused, taken := 0, 0
	for range 12 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newFixture(t, seed, mem.Options{Limit: 1 << 20})
		heap := f.tree.heap
		var hoard []mem.Ref
		fill := func() { // some blocks of each size, so that there are some to give, then all
			for _, most := range []int{100, 1 << 20} {
				for size := minLeafSize; size <= nodeSize; size *= 2 {
					for n := 0; n < most; n++ {
						r := heap.Alloc(size, mem.Scratch)
						if r == 0 {
							break
						}
						hoard = append(hoard, r)
					}
				}
			}
		}
		give := func(n int) {
			for range min(n, len(hoard)) {
				i, last := random.IntN(len(hoard)), len(hoard)-1
				heap.Free(hoard[i], mem.Scratch)
				hoard[i], hoard = hoard[last], hoard[:last]
			}
		}
		for i := range random.IntN(6000) {
			f.insert(-1, item{random.Int64N(1000), mem.Ref(1 + i%50)})
		}
		fill()
		share := 5 + random.IntN(5)
		for step := range 8000 {
			switch random.IntN(300) {
			case 0:
				fill()
			case 1:
				share = random.IntN(10)
			case 2, 3, 4, 5, 6, 7:
				give(1 + random.IntN(3))
			}
			x := item{random.Int64N(1000), mem.Ref(1 + random.Uint32N(50))}
			i, found := f.search(x)
			switch {
			case random.IntN(10) >= share:
				f.delete(step, x)
			case found:
				fresh := mem.Ref(1 + random.Uint32N(50))
				if _, taken := f.search(item{x.deadline, fresh}); taken {
					continue
				}
				if !f.tree.Replace(x.deadline, x.ref, fresh) {
					refused++
					continue
				}
				f.model = slices.Delete(f.model, i, i+1)
				f.model = insertAt(f, item{x.deadline, fresh})
			case f.tree.Insert(x.deadline, x.ref):
				f.model = insertAt(f, x)
				taken++
			default:
				refused++
			}
			if step%50 == 0 {
				f.sound(step)
			}
		}
		f.sound(8000)
		f.ascend(8000, 0, len(f.model)+1)
		give(len(hoard))
		f.empty()
	}
	if refused < 1000 || taken < 1000 {
		t.Errorf("%d changes refused, %d taken: the test shows little", refused, taken)
	}
}

// insertAt returns the model with x in it.
func insertAt(f *fixture, x item) []item {
	i, _ := f.search(x)
	return slices.Insert(f.model, i, x)
}
