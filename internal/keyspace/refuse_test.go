// Shown here: where memory is refused, the operation says so and the key is as it was, for every
// operation and wherever in it the refusal strikes; the keyspace stays sound, and so do snapshots.

package keyspace

import (
	"math/rand/v2"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// hoard takes the memory of heaps, to be handed out block by block. The shards are not locked.
type hoard struct {
	ks     *Keyspace
	blocks [][]mem.Ref // by shard
}

// hoardSizes are those of entries, buckets, tree nodes and value blocks.
var hoardSizes = []int{16, 24, 32, 40, 48, 64, 80, 128, 256, 512, 640, 1024, 2048, 4096, 8192, 12_000, 40_000}

// fill takes some blocks of each size, so that there are some of each to give, then all there are.
func (h *hoard) fill() {
	for i := range h.ks.shards {
		sh := &h.ks.shards[i]
		sh.mu.Lock()
		for _, most := range []int{20, 1 << 20} {
			for j := range hoardSizes {
				for range most {
					r := sh.heap.Alloc(hoardSizes[len(hoardSizes)-1-j], mem.Scratch)
					if r == 0 {
						break
					}
					h.blocks[i] = append(h.blocks[i], r)
				}
			}
		}
		sh.mu.Unlock()
	}
}

// give frees up to count random blocks of each shard.
func (h *hoard) give(r *rand.Rand, count int) {
	for i := range h.ks.shards {
		sh := &h.ks.shards[i]
		sh.mu.Lock()
		for range min(count, len(h.blocks[i])) {
			at, last := r.IntN(len(h.blocks[i])), len(h.blocks[i])-1
			sh.heap.Free(h.blocks[i][at], mem.Scratch)
			h.blocks[i][at] = h.blocks[i][last]
			h.blocks[i] = h.blocks[i][:last]
		}
		sh.mu.Unlock()
	}
}

func TestRefusedMemory(t *testing.T) {
	refused := map[int]int{}
	rounds := 8
	if underRace {
		rounds = 2
	}
	for round := range rounds {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, seed, Options{Shards: 1 << (round % 2), Databases: 2, Heap: mem.Options{Limit: 3 << 20}})
		c := usual
		c[opFlush], c[opSwap], c[opShrink] = 0, 0, 0
		a := w.newActor(r, c, 50+r.IntN(1000))
		a.refused, a.bulk = refused, 10
		h := &hoard{ks: w.ks, blocks: make([][]mem.Ref, len(w.ks.shards))}
		for range 10 {
			a.burst(opGrow)
		}
		for step := range 4000 {
			switch n := r.IntN(100); {
			case n == 0:
				h.fill()
			case n < 12:
				h.give(r, 1+r.IntN(3))
			case n == 12:
				a.tx.FreeLazily()
			}
			if step == 2000 {
				a.snapshot()
			}
			a.step()
			if step%400 == 0 {
				a.check()
			}
		}
		a.check()
		h.give(r, 1<<30)
	}
	for _, op := range []int{opSet, opSetInt, opMake, opEdit, opDeadline, opCopy, opMove} {
		if refused[op] < 5 && !underRace {
			t.Errorf("operation %d was refused memory %d times: the test shows little", op, refused[op])
		}
	}
}

// TestRefusedOpening has the system refuse each of the first openings of memory in turn.
func TestRefusedOpening(t *testing.T) {
	for after := 1; after < 5; after++ {
		w := newWorld(t, uint64(after), Options{Shards: 1, Databases: 1, Heap: mem.Options{FailAfter: after}})
		a := w.newActor(rand.New(rand.NewPCG(1, 2)), chances{opSet: 1}, 3000)
		a.refused = map[int]int{}
		for range 4000 {
			a.step()
		}
		if a.refused[opSet] == 0 {
			t.Errorf("after %d openings nothing was refused", after)
		}
		a.check()
	}
}
