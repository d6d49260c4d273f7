// Shown here: a command on collections that is refused memory, wherever in it that strikes, says so; what
// it has done all the same counts as a change; the keyspace stays sound, and no memory is lost.
//
// Most commands leave no trace. HSET and ZADD of several elements to a large value keep those that came
// before the refusal. A value kept as bytes moves to a smaller entry when it shrinks, which takes
// memory for a moment: where even that is refused, pops are, and SADD and LTRIM cannot take back what
// they did. The test knows these four.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
	"tarn/internal/resp"
	"tarn/test/chance"
)

// hoard takes the memory of the only shard's heap, to be handed out block by block.
type hoard struct {
	p      *inProcess
	client *client
	random *rand.Rand
	blocks []mem.Ref
}

// hoardSizes are those of entries, elements, buckets, tree nodes and leaves.
var hoardSizes = []int{16, 24, 32, 40, 48, 64, 80, 112, 128, 256, 512, 640, 1024, 2048, 4096, 8192, 12_000}

// with runs f on the heap, locked.
func (h *hoard) with(f func(heap *mem.Heap)) {
	tx := h.p.env.Keyspace.NewTx()
	defer h.p.env.Keyspace.CloseTx(tx)
	tx.LockAll()
	defer tx.Unlock()
	k := tx.Key(0, []byte("any"), keyspace.Peek)
	f(k.Heap())
}

// fill takes a few blocks of each size, so that there are some to give, and then all there are.
func (h *hoard) fill() {
	h.with(func(heap *mem.Heap) {
		for _, most := range []int{10, 1 << 20} {
			for i := range hoardSizes {
				for range most {
					r := heap.Alloc(hoardSizes[len(hoardSizes)-1-i], mem.Scratch)
					if r == 0 {
						break
					}
					h.blocks = append(h.blocks, r)
				}
			}
		}
	})
}

// give frees up to count random blocks.
func (h *hoard) give(count int) {
	h.with(func(heap *mem.Heap) {
		for range min(count, len(h.blocks)) {
			i, last := h.random.IntN(len(h.blocks)), len(h.blocks)-1
			heap.Free(h.blocks[i], mem.Scratch)
			h.blocks[i], h.blocks = h.blocks[last], h.blocks[:last]
		}
	})
}

func TestRefusedMemoryIsTold(t *testing.T) {
	refused := map[string]int{}
	for round := range uint64(12) {
		seed := chance.Seed(t)
		p := newInProcessOf(t, clock.NewManual(someDay), keyspace.Options{Shards: 1, Databases: 1, Heap: mem.Options{Limit: 1 << 20}})
		p.env.Config.Update(func(c *config.Config) { c.EnableDebugCommand = config.ProtectedYes })
		limits := *p.env.Keyspace.Limits()
		limits.HashPackEntries, limits.SetPackEntries, limits.ZSetPackEntries, limits.SetIntsetEntries = 10, 10, 10, 20
		limits.ListPackSize = 8
		p.env.Keyspace.SetLimits(&limits)
		h := &hoard{p: p, random: rand.New(rand.NewPCG(seed, round)), client: p.client(resp.RESP2)}
		for range 200 {
			h.client.do(randomCollectionCommand(h.random)...)
		}
		for step := range 600 {
			if step%100 == 0 {
				h.fill()
			}
			if h.random.IntN(3) == 0 {
				h.give(h.random.IntN(4))
			}
			args := randomCollectionCommand(h.random)
			context := fmt.Sprintf("seed %d, step %d, %.100q", seed, step, args)
			if h.isRefused(t, args, context) {
				refused[args[0]]++
			}
			if step%20 == 19 {
				checkMemory(t, p, context, map[string]bool{}, h.held())
			}
		}
	}
	for _, name := range []string{"HSET", "HINCRBY", "SADD", "SUNIONSTORE", "ZADD", "ZINCRBY", "ZUNIONSTORE", "LPUSH", "RPUSH", "LMOVE"} {
		if refused[name] < 2 {
			t.Errorf("%s was refused %d times: the test shows little", name, refused[name])
		}
	}
}

// isRefused runs a command, compares what keys of its kind hold, and tells whether it was refused memory.
func (h *hoard) isRefused(t *testing.T, args []string, context string) bool {
	t.Helper()
	kind, _, _ := strings.Cut(args[1], ":")
	look := []string{"DEBUG", "DIGEST-VALUE"}
	for i := range 5 {
		look = append(look, fmt.Sprintf("%s:%d", kind, i), fmt.Sprintf("%s:%d'", kind, i))
	}
	before, dirty := h.client.do(look...), h.p.counts().dirty
	if !strings.HasPrefix(before, "*10") {
		t.Fatalf("%s: %q", context, before)
	}
	reply := h.client.do(args...)
	if !strings.HasPrefix(reply, "-") {
		return false
	}
	expected := []string{"-" + string(keyspace.ErrOutOfMemory) + "\r\n", "-" + string(command.ErrNoSuchKey) + "\r\n"}
	if !slices.Contains(expected, reply) && !strings.HasPrefix(reply, "-NOGROUP") {
		t.Fatalf("%s: %s", context, reply)
	}
	if after := h.client.do(look...); after != before {
		switch args[0] {
		case "SADD", "LTRIM":
		case "HSET", "ZADD":
			if h.p.counts().dirty == dirty {
				t.Fatalf("%s: a trace that counts as no change", context)
			}
		default:
			t.Fatalf("%s: left a trace", context)
		}
	}
	return strings.HasPrefix(reply, "-OOM")
}

// held returns the bytes held here.
func (h *hoard) held() (bytes uint64) {
	h.with(func(heap *mem.Heap) { bytes = heap.UsedFor(mem.Scratch).Bytes })
	return bytes
}
