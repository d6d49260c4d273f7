// Shows that the heap hands out blocks that do not overlap, keep their bytes, are counted exactly, and
// that its records stay sound, by random operations against a Go map of what should be there. The mix
// of operations, sizes and purposes is itself drawn anew for every round, so that rounds that only
// grow, only churn one class, or mostly fail are all met. A failure prints seed and step.

package mem

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"tarn/internal/invariant"
	"tarn/test/chance"
)

func testHeap(t testing.TB, o Options) *Heap {
	t.Helper()
	if o.Reserve == 0 {
		o.Reserve = 1 << 30
	}
	h, err := NewHeap(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !h.closed.Load() {
			_ = h.unmap() // blocks may be live: the test may have failed
		}
	})
	return h
}

// modelBlock is what the model knows of a block. Its bytes are a pattern of its mark.
type modelBlock struct {
	ref     Ref
	size    int // asked for
	purpose Purpose
	mark    uint64
}

// model is a slow and obviously right account of a heap.
type model struct {
	h      *Heap
	blocks []modelBlock
	sums   [Purposes]Tally
	marks  uint64
}

// paint writes the block's pattern; whole says whether also the room past the size asked for.
func (m *model) paint(b *modelBlock) {
	m.marks++
	b.mark = m.marks * 0x9E3779B97F4A7C15
	view := m.h.Bytes(b.ref, m.h.Size(b.ref))
	for i := 0; i+8 <= len(view); i += paintStep(len(view)) {
		binary.LittleEndian.PutUint64(view[i:], b.mark+uint64(i))
	}
}

// check compares the first n bytes of a block with its pattern, which was laid at size laid.
func (m *model) check(b *modelBlock, n, laid int) error {
	view := m.h.Bytes(b.ref, n)
	for i := 0; i+8 <= len(view); i += paintStep(laid) {
		if have, want := binary.LittleEndian.Uint64(view[i:]), b.mark+uint64(i); have != want {
			return fmt.Errorf("block %#x of %d bytes: at %d is %#x, want %#x", b.ref, b.size, i, have, want)
		}
	}
	return nil
}

// paintStep leaves most of a large block alone, to be quick.
func paintStep(size int) int {
	if size > 16<<10 {
		return 1 << 10
	}
	return 8
}

func (m *model) add(p Purpose, size int, blocks uint64) {
	m.sums[p].Bytes += uint64(size)
	m.sums[p].Blocks += blocks
}

func (m *model) alloc(size int, p Purpose) error {
	r := m.h.Alloc(size, p)
	if r == 0 {
		return nil
	}
	if have, want := m.h.Size(r), ClassSize(size); have != want || have < size {
		return fmt.Errorf("Alloc(%d): Size %d, ClassSize %d", size, have, want)
	}
	if align := uintptr(m.h.Pointer(r)) % 64; m.h.Size(r)%64 == 0 && align != 0 {
		return fmt.Errorf("Alloc(%d): block of %d bytes starts at %d of a cache line", size, m.h.Size(r), align)
	}
	b := modelBlock{ref: r, size: size, purpose: p}
	m.paint(&b)
	m.blocks = append(m.blocks, b)
	m.add(p, m.h.Size(r), 1)
	return nil
}

func (m *model) free(i int) error {
	b := m.blocks[i]
	size := m.h.Size(b.ref)
	if err := m.check(&b, size, size); err != nil {
		return err
	}
	m.h.Free(b.ref, b.purpose)
	m.add(b.purpose, -size, ^uint64(0))
	m.blocks[i] = m.blocks[len(m.blocks)-1]
	m.blocks = m.blocks[:len(m.blocks)-1]
	return nil
}

func (m *model) resize(i, size int) error {
	b := m.blocks[i]
	old := m.h.Size(b.ref)
	r := m.h.Resize(b.ref, size, b.purpose)
	if r == 0 {
		return m.check(&b, old, old)
	}
	b.ref, b.size = r, size
	if have, want := m.h.Size(r), ClassSize(size); have != want {
		return fmt.Errorf("Resize to %d: Size %d, ClassSize %d", size, have, want)
	}
	if err := m.check(&b, min(old, size), old); err != nil {
		return err
	}
	m.paint(&b)
	m.blocks[i] = b
	m.add(b.purpose, m.h.Size(r)-old, 0)
	return nil
}

// verify compares all that can be compared without touching the blocks.
func (m *model) verify() error {
	if err := m.h.Verify(); err != nil {
		return err
	}
	var used, blocks uint64
	for _, t := range m.sums {
		used += t.Bytes
		blocks += t.Blocks
	}
	st := m.h.Stats()
	if st.ByPurpose != m.sums || st.Used != used || m.h.Used() != used || st.Blocks != blocks {
		return fmt.Errorf("accounts: %+v, Used %d; want %v, %d", st, m.h.Used(), m.sums, used)
	}
	if inUse := st.Spans + st.Runs; inUse < used || inUse+st.Held > st.Opened {
		return fmt.Errorf("used %d, in spans and runs %d, held %d, opened %d: not ascending", used, inUse, st.Held, st.Opened)
	}
	return m.overlap()
}

// overlap demands that no block begins inside another.
func (m *model) overlap() error {
	sorted := slices.Clone(m.blocks)
	slices.SortFunc(sorted, func(a, b modelBlock) int { return int(a.ref) - int(b.ref) })
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if end := uint64(a.ref)<<unitShift + uint64(m.h.Size(a.ref)); end > uint64(b.ref)<<unitShift {
			return fmt.Errorf("block %#x of %d bytes reaches into block %#x", a.ref, m.h.Size(a.ref), b.ref)
		}
	}
	return nil
}

// mix is one round's character.
type mix struct {
	alloc, free, resize, release, mark, clear int // weights
	sizes                                     func(*rand.Rand) int
}

func drawMix(r *rand.Rand) mix {
	one := 1 + r.IntN(maxSmall)
	shapes := []func(*rand.Rand) int{
		func(r *rand.Rand) int { return r.IntN(129) },
		func(r *rand.Rand) int { return one + r.IntN(16) },
		func(r *rand.Rand) int { return r.IntN(maxSmall + 1) },
		func(r *rand.Rand) int { return 1 << r.IntN(21) },
		func(r *rand.Rand) int { return maxSmall + r.IntN(200<<10) },
	}
	m := mix{
		alloc: 1 + r.IntN(10), free: r.IntN(10), resize: r.IntN(6),
		release: r.IntN(2), mark: r.IntN(2), clear: r.IntN(2),
	}
	a, b := shapes[r.IntN(len(shapes))], shapes[r.IntN(len(shapes))]
	m.sizes = func(r *rand.Rand) int {
		if r.IntN(4) == 0 {
			return b(r)
		}
		return a(r)
	}
	return m
}

func (m *model) step(r *rand.Rand, x mix) error {
	n := r.IntN(100 * (x.alloc + x.free + x.resize))
	switch {
	case n < x.release:
		m.h.Release(r.IntN(4 << 20))
		return nil
	case n < x.release+x.mark:
		_, err := m.defrag()
		return err
	case n < x.release+x.mark+x.clear:
		for len(m.blocks) > 0 && r.IntN(500) != 0 {
			if err := m.free(len(m.blocks) - 1); err != nil {
				return err
			}
		}
		return nil
	}
	n = r.IntN(x.alloc + x.free + x.resize)
	if n < x.alloc || len(m.blocks) == 0 {
		return m.alloc(x.sizes(r), Purpose(r.IntN(Purposes)))
	}
	i := r.IntN(len(m.blocks))
	if n < x.alloc+x.free {
		return m.free(i)
	}
	return m.resize(i, x.sizes(r))
}

// defrag moves every marked block, as an owner would, and returns what MarkSparse promised.
func (m *model) defrag() (won int, err error) {
	won = m.h.MarkSparse()
	for i := range m.blocks {
		b := &m.blocks[i]
		if !m.h.Marked(b.ref) {
			continue
		}
		size := m.h.Size(b.ref)
		moved := m.h.Alloc(size, b.purpose)
		if moved == 0 {
			break
		}
		if m.h.Marked(moved) {
			return 0, fmt.Errorf("Alloc gave %#x, in a marked span", moved)
		}
		copy(m.h.Bytes(moved, size), m.h.Bytes(b.ref, size))
		m.h.Free(b.ref, b.purpose)
		b.ref = moved
	}
	m.h.Unmark()
	return won, nil
}

func TestAgainstModel(t *testing.T) {
	rounds, steps := 60, 4000
	if testing.Short() || invariant.Enabled {
		rounds, steps = 20, 2000
	}
	for range rounds {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		o := Options{}
		if r.IntN(3) == 0 {
			o.Limit = 1 << (18 + r.IntN(8))
		}
		m := &model{h: testHeap(t, o)}
		x := drawMix(r)
		for step := range steps {
			err := m.step(r, x)
			if err == nil && step%200 == 0 {
				err = m.verify()
			}
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
		for len(m.blocks) > 0 {
			if err := m.free(r.IntN(len(m.blocks))); err != nil {
				t.Fatalf("seed %d, at the end: %v", seed, err)
			}
		}
		m.h.Release(1 << 30)
		if err := m.verify(); err != nil {
			t.Fatalf("seed %d, at the end: %v", seed, err)
		}
		if st := m.h.Stats(); st.Spans+st.Runs+st.Held+st.Used != 0 {
			t.Fatalf("seed %d: all is freed and released, yet %+v", seed, st)
		}
		if err := m.h.Close(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func TestPointersAgree(t *testing.T) {
	h := testHeap(t, Options{})
	r := h.Alloc(100, Keys)
	view := h.Bytes(r, 100)
	if at := unsafe.Add(h.Base(), uintptr(r)*8); at != h.Pointer(r) || at != unsafe.Pointer(&view[0]) {
		t.Errorf("base + 8 * %#x is %p, Pointer %p, Bytes at %p", r, at, h.Pointer(r), &view[0])
	}
}

func TestNoGoMemory(t *testing.T) {
	if invariant.Enabled {
		t.Skip("the watcher keeps a Go map")
	}
	h := testHeap(t, Options{})
	var refs [64]Ref
	i := 0
	if got := testing.AllocsPerRun(1000, func() {
		r := &refs[i%len(refs)]
		if *r != 0 {
			*r = h.Resize(*r, 40+i%5000*8, Values)
			h.Free(*r, Values)
		}
		*r = h.Alloc(i*i%20000, Values)
		h.Release(1 << 16)
		h.Used()
		i++
	}); got != 0 {
		t.Errorf("%v Go allocations for each round of calls, want 0", got)
	}
}

// TestUsedFromOtherThreads reads Used without a lock; the race detector must not object.
func TestUsedFromOtherThreads(t *testing.T) {
	h := testHeap(t, Options{})
	done := make(chan uint64)
	go func() {
		most := uint64(0)
		for range 10000 {
			most = max(most, h.Used(), h.UsedFor(Keys).Bytes)
		}
		done <- most
	}()
	for range 1000 {
		h.Alloc(100, Keys)
	}
	if most := <-done; most > 1000*104 {
		t.Errorf("Used was %d at times, want at most %d", most, 1000*104)
	}
	if got := h.Used(); got != 1000*104 {
		t.Errorf("Used = %d, want %d", got, 1000*104)
	}
}

func TestResizeInPlace(t *testing.T) {
	h := testHeap(t, Options{})
	first := h.Alloc(40<<10, Values)
	second := h.Alloc(40<<10, Values)
	for _, step := range []struct {
		what  string
		size  int
		moves bool
	}{
		{"the same size", 40 << 10, false},
		{"less, in whole pages", 20 << 10, false},
		{"into the pages that it gave back", 40 << 10, false},
		{"into another block", 80 << 10, true},
		{"into a class", 100, true},
		{"within the class", 97, false},
		{"to the next class", 105, true},
	} {
		r := h.Resize(first, step.size, Values)
		if moved := r != first; moved != step.moves || r == 0 {
			t.Errorf("resizing to %s: from %#x to %#x, moved is %t, want %t", step.what, first, r, moved, step.moves)
		}
		first = r
		h.Release(0) // in invariants builds: what was freed leaves quarantine
	}
	for size := 44 << 10; size < 8<<20; size += 100 << 10 {
		if r := h.Resize(second, size, Values); r != second {
			t.Fatalf("the last run moved from %#x to %#x when it grew to %d", second, r, size)
		}
	}
	if err := h.Verify(); err != nil {
		t.Error(err)
	}
}

// TestFullestFirst leaves one span nearly full and others nearly empty, and demands that new blocks go to
// the former, so that the others can empty.
func TestFullestFirst(t *testing.T) {
	if invariant.Enabled {
		t.Skip("quarantine keeps blocks back")
	}
	h := testHeap(t, Options{})
	perSpan := int(classTable[classOf[4096>>unitShift]].blocks)
	var refs []Ref
	for range perSpan * 5 {
		refs = append(refs, h.Alloc(4096, Values))
	}
	for s := range 4 { // the fifth is current
		keep := 1 + s%2*(perSpan-2) // 1, all but 1, 1, all but 1
		for _, r := range refs[s*perSpan+keep : (s+1)*perSpan] {
			h.Free(r, Values)
		}
	}
	for i, want := range []Ref{refs[4*perSpan-1], refs[2*perSpan-1]} {
		if got := h.Alloc(4096, Values); got != want {
			t.Errorf("block %d went to %#x, want %#x, in a span that lacked only that", i, got, want)
		}
	}
	h.Free(refs[0], Values)
	h.Free(refs[2*perSpan], Values)
	if st := h.Stats(); st.SpanCount != 3 {
		t.Errorf("%d spans are left when two of five are empty", st.SpanCount)
	}
}

// TestMarkSparse thins out a heap, moves what is marked, and demands that the spans won are won.
func TestMarkSparse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	m := &model{h: testHeap(t, Options{})}
	for range 20000 {
		if err := m.alloc(64+r.IntN(64), Keys); err != nil {
			t.Fatal(err)
		}
	}
	for range 16000 {
		if err := m.free(r.IntN(len(m.blocks))); err != nil {
			t.Fatal(err)
		}
	}
	m.h.Release(0)
	before := m.h.Stats()
	won, err := m.defrag()
	if err != nil {
		t.Fatal(err)
	}
	m.h.Release(1 << 30)
	after := m.h.Stats()
	if err := m.verify(); err != nil {
		t.Fatal(err)
	}
	if before.Used != after.Used {
		t.Errorf("used %d before, %d after", before.Used, after.Used)
	}
	if got := int(before.Spans) - int(after.Spans); got < won || won < int(before.Spans)/2 {
		t.Errorf("%d bytes of spans were won, MarkSparse promised %d, of %d", got, won, before.Spans)
	}
	t.Logf("spans / used: %.2f before, %.2f after", float64(before.Spans)/float64(before.Used), float64(after.Spans)/float64(after.Used))
	if float64(after.Spans) > 1.3*float64(after.Used)+float64(classes<<14) {
		t.Errorf("%d bytes of blocks are in spans of %d bytes, before %d", after.Used, after.Spans, before.Spans)
	}
	for len(m.blocks) > 0 {
		if err := m.free(len(m.blocks) - 1); err != nil {
			t.Fatal(err)
		}
	}
}
