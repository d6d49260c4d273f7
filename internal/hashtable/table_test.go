// Shown here: a Table answers as a Go map does and is sound after every step, through growth,
// shrinking, held merges, long chains, refused memory and draining; and it gives all memory back.

package hashtable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
	"unsafe"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// entries is the Keyer of these tests: a block is the key's length in 2 bytes and the key. Hashes
// keep only the bits of mask, so that chains can be made as long as wished.
type entries struct {
	base unsafe.Pointer
	mask uint64
}

func (e entries) key(r mem.Ref) []byte {
	p := unsafe.Add(e.base, uintptr(r)*8)
	return unsafe.Slice((*byte)(unsafe.Add(p, 2)), *(*uint16)(p))
}

func (e entries) Hash(r mem.Ref) uint64            { return hashOf(e.key(r)) & e.mask }
func (e entries) Equal(r mem.Ref, key []byte) bool { return string(e.key(r)) == string(key) }

// hashOf is a plain multiplicative hash of whole words.
func hashOf(key []byte) uint64 {
	h := uint64(len(key)) + 0x9e3779b97f4a7c15
	for ; len(key) >= 8; key = key[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(key))
	}
	for _, c := range key {
		h = mix(h ^ uint64(c))
	}
	return mix(h)
}

func mix(x uint64) uint64 {
	high, low := bits.Mul64(x, 0xd6e8feb86659fd93)
	return high ^ low
}

const allBits = ^uint64(0)

// fixture is a table, the heap under it, and the model: key to block.
type fixture struct {
	t     testing.TB
	seed  uint64
	heap  *mem.Heap
	keyer entries
	table *Table[entries]
	model map[string]mem.Ref
}

func newFixture(t testing.TB, seed, hashMask uint64) *fixture {
	t.Helper()
	heap := newHeap(t, mem.Options{})
	keyer := entries{base: heap.Base(), mask: hashMask}
	f := &fixture{t: t, seed: seed, heap: heap, keyer: keyer, table: New(heap, keyer), model: map[string]mem.Ref{}}
	return f
}

// newHeap makes a heap that must be empty at the test's end.
func newHeap(t testing.TB, options mem.Options) *mem.Heap {
	t.Helper()
	heap, err := mem.NewHeap(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if used := heap.Used(); used != 0 && !t.Failed() {
			t.Errorf("%d bytes are left in the heap", used)
		}
		if err := heap.Close(); err != nil {
			t.Error(err)
		}
	})
	return heap
}

// block makes an entry's block.
func (f *fixture) block(key []byte) mem.Ref {
	r := f.heap.Alloc(2+len(key), mem.Keys)
	if r == 0 {
		f.t.Fatalf("seed %#x: heap refuses %d bytes", f.seed, 2+len(key))
	}
	b := f.heap.Bytes(r, 2+len(key))
	binary.LittleEndian.PutUint16(b, uint16(len(key)))
	copy(b[2:], key)
	return r
}

func (f *fixture) hash(key []byte) uint64 { return hashOf(key) & f.keyer.mask }

func (f *fixture) fatal(step int, format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("seed %#x step %d: %s", f.seed, step, fmt.Sprintf(format, args...))
}

// find looks the key up and compares with the model.
func (f *fixture) find(step int, key []byte) Slot {
	f.t.Helper()
	slot := f.table.Find(f.hash(key), key)
	want, ok := f.model[string(key)]
	if slot.Found() != ok {
		f.fatal(step, "Find(%x) found %t, want %t", key, slot.Found(), ok)
	}
	if ok && f.table.Ref(slot) != want {
		f.fatal(step, "Find(%x) is block %d, want %d", key, f.table.Ref(slot), want)
	}
	return slot
}

// toggle removes the key if it is there, else inserts it.
func (f *fixture) toggle(step int, key []byte) {
	f.t.Helper()
	slot := f.find(step, key)
	if slot.Found() {
		r := f.table.Ref(slot)
		f.table.Remove(slot)
		f.heap.Free(r, mem.Keys)
		delete(f.model, string(key))
		return
	}
	r := f.block(key)
	if !f.table.Insert(f.hash(key), r) {
		f.fatal(step, "Insert(%x) refused", key)
	}
	f.model[string(key)] = r
}

// replace moves the key's entry to another block.
func (f *fixture) replace(step int, key []byte) {
	f.t.Helper()
	slot := f.find(step, key)
	if !slot.Found() {
		return
	}
	r := f.block(key)
	f.table.Replace(slot, r)
	f.heap.Free(f.model[string(key)], mem.Keys)
	f.model[string(key)] = r
	f.find(step, key)
}

func (f *fixture) sound(step int) {
	f.t.Helper()
	if err := f.table.Verify(); err != nil {
		f.fatal(step, "%v", err)
	}
	if f.table.Len() != len(f.model) {
		f.fatal(step, "Len %d, want %d", f.table.Len(), len(f.model))
	}
}

// empty drains the table and demands that the heap is empty too.
func (f *fixture) empty() {
	f.t.Helper()
	for {
		left := f.table.Len()
		handed := 0
		done := f.table.Drain(37, func(r mem.Ref) {
			key := string(f.keyer.key(r))
			if f.model[key] != r {
				f.fatal(-1, "Drain hands out block %d of %x, want %d", r, key, f.model[key])
			}
			delete(f.model, key)
			f.heap.Free(r, mem.Keys)
			handed++
		})
		if handed > 37 || f.table.Len() != left-handed {
			f.fatal(-1, "Drain(37) handed out %d; %d entries before, %d after", handed, left, f.table.Len())
		}
		f.sound(-1)
		if done {
			break
		}
	}
	if len(f.model) != 0 || f.table.Bytes() != 0 || f.table.Buckets() != 0 {
		f.fatal(-1, "drained: %d of the model left, %d bytes, %d buckets", len(f.model), f.table.Bytes(), f.table.Buckets())
	}
}

// keyOf makes the i-th key, some short and some long.
func keyOf(i uint64) []byte {
	key := fmt.Appendf(nil, "key:%d", i)
	return append(key, bytes.Repeat([]byte{'x'}, int(i%3)*9)...)
}

// TestAgainstModel runs random operations on a table and a map. Each round has its own share of
// inserts, so that some mostly grow and some mostly shrink, its own number of keys, and some have
// hashes so poor that chains are long.
func TestAgainstModel(t *testing.T) {
	masks := []uint64{allBits, allBits, allBits, 0xff00_0000_0000_0700, 0x0100_0000_0000_ff00, 0}
	for round := range 60 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newFixture(t, seed, masks[round%len(masks)])
		space := uint64(1) << random.IntN(13)
		if f.keyer.mask == 0 {
			space = min(space, 200)
		}
		verifyEvery := 1
		if space > 256 {
			verifyEvery = 64
		}
		steps := int(min(4*space+200, 8000))
		for step := range steps {
			key := keyOf(random.Uint64N(space))
			switch random.IntN(10) {
			case 0:
				f.replace(step, key)
			case 1:
				f.find(step, key)
			case 2:
				f.table.HoldShrink(random.IntN(2) == 0)
			case 3:
				f.table.Tidy(random.IntN(4))
			default:
				f.toggle(step, key)
			}
			if step%verifyEvery == 0 {
				f.sound(step)
			}
		}
		f.sound(steps)
		f.empty()
		f.table.HoldShrink(false)
		f.toggle(-1, keyOf(1))
		f.toggle(-1, keyOf(1))
		if f.table.Bytes() != 0 {
			f.fatal(-1, "a table that lost its last entry holds %d bytes", f.table.Bytes())
		}
	}
}

// TestGrowsAndShrinks takes a table through every number of buckets up to several segments and back,
// and demands that the load stays between its bounds and that memory follows the count.
func TestGrowsAndShrinks(t *testing.T) {
	const most = 6000
	f := newFixture(t, 0, allBits)
	for i := range most {
		before := f.table.Buckets()
		f.toggle(i, keyOf(uint64(i)))
		if grown := f.table.Buckets() - before; grown > 1 {
			f.fatal(i, "one insert added %d buckets", grown)
		}
		if f.table.Len() > f.table.Buckets()*fullLoad {
			f.fatal(i, "%d entries in %d buckets", f.table.Len(), f.table.Buckets())
		}
	}
	f.sound(most)
	for i := range most {
		before := f.table.Buckets()
		f.toggle(i, keyOf(uint64(i)))
		if shrunk := before - f.table.Buckets(); shrunk > 1 {
			f.fatal(i, "one removal took %d buckets", shrunk)
		}
		if f.table.Len() < (f.table.Buckets()-1)*spareLoad {
			f.fatal(i, "%d entries in %d buckets", f.table.Len(), f.table.Buckets())
		}
		// A segment and a directory beside what the load allows.
		if bytes := f.table.Bytes(); bytes > uint64(f.table.Len())*16+segmentSize+64 && f.table.Len() > 100 {
			f.fatal(i, "%d bytes for %d entries", bytes, f.table.Len())
		}
		if i%50 == 0 || f.table.Len() < 400 {
			f.sound(i)
		}
	}
	if f.table.Bytes() != 0 {
		t.Errorf("an emptied table holds %d bytes", f.table.Bytes())
	}
}

// TestHoldShrink shows that merges wait while held and are made up for by Tidy.
func TestHoldShrink(t *testing.T) {
	f := newFixture(t, 0, allBits)
	for i := range 5000 {
		f.toggle(i, keyOf(uint64(i)))
	}
	f.table.HoldShrink(true)
	buckets := f.table.Buckets()
	for i := range 4990 {
		f.toggle(i, keyOf(uint64(i)))
	}
	if f.table.Buckets() != buckets || !f.table.Tidy(10) {
		t.Fatalf("held: %d buckets, want %d, and nothing to tidy", f.table.Buckets(), buckets)
	}
	f.sound(0)
	f.table.HoldShrink(false)
	if f.table.Tidy(10) || f.table.Buckets() != buckets-10 {
		t.Fatalf("after Tidy(10): %d buckets, want %d and more to do", f.table.Buckets(), buckets-10)
	}
	f.toggle(0, keyOf(4999))
	if f.table.Buckets() != buckets-11 {
		t.Fatalf("after one removal: %d buckets, want %d", f.table.Buckets(), buckets-11)
	}
	if !f.table.Tidy(buckets) || f.table.Buckets() > 2 {
		t.Fatalf("tidied: %d buckets for %d entries", f.table.Buckets(), f.table.Len())
	}
	f.sound(1)
	f.empty()
}

// TestSplitHook keeps a second table's worth of knowledge, which keys stand in which bucket, by the
// hook alone, and compares it with Walk.
func TestSplitHook(t *testing.T) {
	f := newFixture(t, 0, allBits)
	born := map[int]int{}
	f.table.SetSplitHook(func(from, to int) {
		if to != f.table.Buckets()-1 || from >= to || from != to&^(1<<(bits.Len(uint(to))-1)) {
			t.Fatalf("hook(%d, %d) with %d buckets", from, to, f.table.Buckets())
		}
		born[to] = from
	})
	for i := range 3000 {
		f.toggle(i, keyOf(uint64(i)))
	}
	if len(born) != f.table.Buckets()-1 {
		t.Errorf("%d births for %d buckets", len(born), f.table.Buckets())
	}
	f.table.SetSplitHook(nil)
	f.empty()
}

// TestWalk shows that the buckets together hold every entry once, and that Replace within a walk
// takes effect.
func TestWalk(t *testing.T) {
	for _, mask := range []uint64{allBits, 0x0100_0000_0000_0100} {
		f := newFixture(t, 0, mask)
		for i := range 700 {
			f.toggle(i, keyOf(uint64(i)))
		}
		seen := map[string]bool{}
		for i := range f.table.Buckets() {
			f.table.Walk(i, func(slot Slot, r mem.Ref) {
				key := f.keyer.key(r)
				if seen[string(key)] || f.table.Ref(slot) != r {
					f.fatal(i, "walked %s: seen %t, slot's ref %d, given %d", key, seen[string(key)], f.table.Ref(slot), r)
				}
				seen[string(key)] = true
				moved := f.block(key)
				f.table.Replace(slot, moved)
				f.model[string(key)] = moved
				f.heap.Free(r, mem.Keys)
			})
		}
		if len(seen) != len(f.model) {
			t.Errorf("walked %d of %d", len(seen), len(f.model))
		}
		for i := range 700 {
			f.find(i, keyOf(uint64(i)))
		}
		f.sound(0)
		f.empty()
	}
}

// TestRandom shows that every entry is drawn, about as often as the others.
func TestRandom(t *testing.T) {
	f := newFixture(t, 0, allBits)
	random := rand.New(rand.NewPCG(1, 2))
	if r := f.table.Random(random); r != 0 {
		t.Errorf("an empty table's random entry is %d", r)
	}
	const keys, draws = 1000, 200
	for i := range keys {
		f.toggle(i, keyOf(uint64(i)))
	}
	drawn := map[mem.Ref]int{}
	for range keys * draws {
		drawn[f.table.Random(random)]++
	}
	for key, r := range f.model {
		// The standard deviation is about 14.
		if drawn[r] < draws-90 || drawn[r] > draws+90 {
			t.Errorf("%s drawn %d times, want about %d", key, drawn[r], draws)
		}
	}
	f.table.HoldShrink(true)
	for i := range keys - 1 {
		f.toggle(i, keyOf(uint64(i)))
	}
	last := f.table.Find(f.hash(keyOf(keys-1)), keyOf(keys-1))
	if r := f.table.Random(random); r != f.table.Ref(last) {
		t.Errorf("the only entry is %d, drew %d", f.table.Ref(last), r)
	}
	f.empty()
}

// TestRandomInLongChain shows that no entry of a chain is out of reach.
func TestRandomInLongChain(t *testing.T) {
	f := newFixture(t, 0, 0)
	const keys = 5 * fairChain
	for i := range keys {
		f.toggle(i, keyOf(uint64(i)))
	}
	random, drawn := rand.New(rand.NewPCG(1, 2)), map[mem.Ref]bool{}
	for range keys * 30 {
		drawn[f.table.Random(random)] = true
	}
	if len(drawn) != keys {
		t.Errorf("drew %d different entries of %d", len(drawn), keys)
	}
	f.empty()
}

// TestNoGoAllocation shows that look-ups, and changes that do not extend the directory, leave Go's
// heap alone.
func TestNoGoAllocation(t *testing.T) {
	f := newFixture(t, 0, allBits)
	for i := range 3000 {
		f.toggle(i, keyOf(uint64(i)))
	}
	key := []byte("another key")
	hash, r := f.hash(key), f.block(key)
	visit := func(mem.Ref) {}
	allocs := testing.AllocsPerRun(1000, func() {
		f.table.PrefetchBucket(hash)
		f.table.PrefetchEntry(hash)
		f.table.Insert(hash, r)
		f.table.Scan(0, visit)
		f.table.Remove(f.table.Find(hash, key))
	})
	if allocs != 0 {
		t.Errorf("%v allocations for each round, want 0", allocs)
	}
	f.heap.Free(r, mem.Keys)
	f.empty()
}

// FuzzTable reads operations, two bytes each, and runs them on a table and a map.
func FuzzTable(f *testing.F) {
	f.Add(uint8(0), []byte("\x00\x01\x00\x02\x00\x01\x01\x03\x02\x00\x03\x00"))
	f.Add(uint8(1), bytes.Repeat([]byte("\x00\x01\x00\x02\x00\x03\x00\x04\x01\x01"), 40))
	f.Add(uint8(2), bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz"), 20))
	f.Fuzz(func(t *testing.T, hashes uint8, program []byte) {
		masks := []uint64{allBits, 0xff00_0000_0000_0100, 0}
		x := newFixture(t, 0, masks[int(hashes)%len(masks)])
		for step := 0; step+2 <= len(program); step += 2 {
			key := keyOf(uint64(program[step+1]) | uint64(program[step]&0x30)<<4)
			switch program[step] & 7 {
			case 0:
				x.replace(step, key)
			case 1:
				x.table.HoldShrink(program[step+1]&1 == 0)
			case 2:
				x.table.Tidy(int(program[step+1]))
			default:
				x.toggle(step, key)
			}
			x.sound(step)
		}
		x.empty()
	})
}
