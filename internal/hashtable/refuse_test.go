// Shown here: a table whose heap refuses memory at random stays sound and loses nothing, and makes
// up for what was refused when memory is to be had again.

package hashtable

import (
	"math/rand/v2"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// hoard takes all memory of a heap that a table could be given, so that it can be handed out block
// by block.
type hoard struct {
	heap   *mem.Heap
	blocks []mem.Ref
}

// fill takes some blocks of each size, so that there are some of each to give, then all there are.
func (h *hoard) fill() {
	for _, most := range []int{100, 1 << 20} {
		for size := bucketSize; size <= segmentSize; size *= 2 {
			for n := 0; n < most; n++ {
				r := h.heap.Alloc(size, mem.Scratch)
				if r == 0 {
					break
				}
				h.blocks = append(h.blocks, r)
			}
		}
	}
}

// give frees up to n random blocks.
func (h *hoard) give(random *rand.Rand, n int) {
	for range min(n, len(h.blocks)) {
		i, last := random.IntN(len(h.blocks)), len(h.blocks)-1
		h.heap.Free(h.blocks[i], mem.Scratch)
		h.blocks[i] = h.blocks[last]
		h.blocks = h.blocks[:last]
	}
}

func TestRefusedMemory(t *testing.T) {
	const keys = 3000
	refused, taken := 0, 0
	for round := range 12 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		mask := []uint64{allBits, 0x0300_0000_0000_3f00, 0x0100_0000_0000_0000}[round%3]
		space := []uint64{keys, keys, 150}[round%3]
		f := &fixture{t: t, seed: seed, heap: newHeap(t, mem.Options{Limit: 1 << 20}), model: map[string]mem.Ref{}}
		f.keyer = entries{base: f.heap.Base(), mask: mask}
		f.table = New(f.heap, f.keyer)
		spare := map[string]mem.Ref{}
		for i := range space {
			spare[string(keyOf(i))] = f.block(keyOf(i))
		}
		h := &hoard{heap: f.heap}
		h.fill()
		share := random.IntN(10)
		for step := range 6000 {
			switch random.IntN(200) {
			case 0:
				h.fill()
			case 1:
				share = random.IntN(10)
			case 2, 3, 4, 5:
				h.give(random, 1)
			}
			key := keyOf(random.Uint64N(space))
			slot := f.find(step, key)
			if random.IntN(10) < share && slot.Found() {
				f.table.Remove(slot)
				spare[string(key)] = f.model[string(key)]
				delete(f.model, string(key))
			} else if !slot.Found() {
				if f.table.Insert(f.hash(key), spare[string(key)]) {
					f.model[string(key)] = spare[string(key)]
					delete(spare, string(key))
					taken++
				} else {
					refused++
					f.find(step, key)
				}
			}
			if step%100 == 0 {
				f.sound(step)
			}
		}
		f.sound(6000)
		h.give(random, len(h.blocks))
		if !f.table.Tidy(1000) || mask == allBits && f.table.Len() > f.table.Buckets()*fullLoad {
			f.fatal(6000, "tidied: %d entries in %d buckets", f.table.Len(), f.table.Buckets())
		}
		f.sound(6001)
		f.empty()
		for _, r := range spare {
			f.heap.Free(r, mem.Keys)
		}
	}
	if refused < 1000 || taken < 1000 {
		t.Errorf("%d insertions refused, %d taken: the test shows little", refused, taken)
	}
}
