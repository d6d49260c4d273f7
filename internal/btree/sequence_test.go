// Shown here: a Sequence answers as a slice of leaves does and is sound after every step, through
// growth at the ends and in the middle, splits, joins, refused memory and draining; and gives all
// memory back.

package btree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// sequenceLeaf is a leaf of the model. Leaves here are only numbers: the tree never looks at them.
type sequenceLeaf struct {
	ref   mem.Ref
	count int
}

type sequenceFixture struct {
	t     testing.TB
	seed  uint64
	heap  *mem.Heap
	seq   Sequence
	model []sequenceLeaf
	fresh mem.Ref
}

func newSequenceFixture(t testing.TB, seed uint64, options mem.Options) *sequenceFixture {
	t.Helper()
	heap, err := mem.NewHeap(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if used := heap.Used(); used != 0 && !t.Failed() {
			t.Errorf("seed %#x: %d bytes are left in the heap", seed, used)
		}
		if err := heap.Close(); err != nil {
			t.Error(err)
		}
	})
	return &sequenceFixture{t: t, seed: seed, heap: heap, seq: NewSequence(heap)}
}

func (f *sequenceFixture) fatal(step int, format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("seed %#x step %d: %s", f.seed, step, fmt.Sprintf(format, args...))
}

// path returns a path to leaf i of the model, found in one of the ways there are.
func (f *sequenceFixture) path(step, i int, random *rand.Rand) (p Path) {
	f.t.Helper()
	before := 0
	for _, l := range f.model[:i] {
		before += l.count
	}
	want := 0
	switch {
	case i == 0:
		f.seq.First(&p)
	case i == len(f.model)-1:
		f.seq.Last(&p)
	case random.IntN(3) == 0:
		f.seq.Find(before-1, &p)
		if !f.seq.Next(&p) {
			f.fatal(step, "no leaf after leaf %d of %d", i-1, len(f.model))
		}
	case random.IntN(3) == 0:
		f.seq.Find(before+f.model[i].count, &p)
		if !f.seq.Prev(&p) {
			f.fatal(step, "no leaf before leaf %d of %d", i+1, len(f.model))
		}
	default:
		want = random.IntN(f.model[i].count)
		if got := f.seq.Find(before+want, &p); got != want {
			f.fatal(step, "Find(%d) = offset %d, want %d", before+want, got, want)
		}
	}
	if p.Leaf != f.model[i].ref || f.seq.Count(&p) != f.model[i].count || f.seq.Position(&p) != before {
		f.fatal(step, "leaf %d is %d of %d elements at %d, want %v at %d", i, p.Leaf, f.seq.Count(&p), f.seq.Position(&p), f.model[i], before)
	}
	return p
}

// insert puts a new leaf at place i of the model, and reports whether the tree took it.
func (f *sequenceFixture) insert(step, i int, random *rand.Rand) bool {
	f.t.Helper()
	f.fresh++
	l := sequenceLeaf{f.fresh, 1 + random.IntN(100)}
	var p Path
	after := false
	if len(f.model) > 0 {
		after = i > 0 && (i == len(f.model) || random.IntN(2) == 0)
		at := i
		if after {
			at--
		}
		p = f.path(step, at, random)
	}
	if !f.seq.Insert(&p, after, l.ref, l.count) {
		return false
	}
	f.model = slices.Insert(f.model, i, l)
	return true
}

func (f *sequenceFixture) remove(step, i int, random *rand.Rand) {
	f.t.Helper()
	p := f.path(step, i, random)
	f.seq.Remove(&p)
	f.model = slices.Delete(f.model, i, i+1)
}

// change gives a leaf another count and another ref, through one path.
func (f *sequenceFixture) change(step, i int, random *rand.Rand) {
	f.t.Helper()
	p := f.path(step, i, random)
	count := 1 + random.IntN(100)
	if !f.seq.Add(&p, count-f.model[i].count) {
		f.fatal(step, "Add refused")
	}
	f.fresh++
	f.seq.Set(&p, f.fresh)
	f.model[i] = sequenceLeaf{f.fresh, count}
	if p.Leaf != f.fresh || f.seq.Count(&p) != count {
		f.fatal(step, "the path leads to %d of %d, want %v", p.Leaf, f.seq.Count(&p), f.model[i])
	}
}

func (f *sequenceFixture) sound(step int) {
	f.t.Helper()
	total, at := 0, 0
	err := f.seq.Verify(func(leaf mem.Ref, count int) error {
		if at == len(f.model) || f.model[at] != (sequenceLeaf{leaf, count}) {
			return fmt.Errorf("leaf %d is %d of %d elements", at, leaf, count)
		}
		total += count
		at++
		return nil
	})
	if err != nil || at != len(f.model) {
		f.fatal(step, "Verify: %v, %d leaves, want %d", err, at, len(f.model))
	}
	if f.seq.Len() != total || f.seq.Leaves() != len(f.model) {
		f.fatal(step, "Len %d, Leaves %d, want %d, %d", f.seq.Len(), f.seq.Leaves(), total, len(f.model))
	}
	if used := f.heap.UsedFor(mem.Nodes).Bytes; f.seq.Bytes() != used {
		f.fatal(step, "Bytes %d, the heap holds %d", f.seq.Bytes(), used)
	}
	refs := f.seq.Refs(nil)
	for i, l := range f.model {
		if refs[i] != l.ref {
			f.fatal(step, "Refs[%d] = %d, want %d", i, refs[i], l.ref)
		}
	}
}

func (f *sequenceFixture) drain(random *rand.Rand) {
	f.t.Helper()
	for done := false; !done; {
		steps := 1 + random.IntN(50)
		before := len(f.model)
		done = f.seq.Drain(steps, func(leaf mem.Ref) {
			if last := f.model[len(f.model)-1]; last.ref != leaf {
				f.fatal(-1, "Drain frees %d, want %d", leaf, last.ref)
			}
			f.model = f.model[:len(f.model)-1]
		})
		if done != (len(f.model) == 0) || before-len(f.model) != min(steps, before) {
			f.fatal(-1, "Drain(%d) of %d = %t, %d left", steps, before, done, len(f.model))
		}
		f.sound(-1)
	}
}

// place returns where the next change falls: at the start, at the end, or anywhere.
func place(random *rand.Rand, bias, n int) int {
	switch {
	case n == 0 || bias == 0:
		return 0
	case bias == 1:
		return n
	}
	return random.IntN(n + 1)
}

func TestSequenceModel(t *testing.T) {
	for range 30 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newSequenceFixture(t, seed, mem.Options{})
		bias, share := random.IntN(4), 2+random.IntN(7)
		for step := range 2500 {
			if step%500 == 0 {
				bias, share = random.IntN(4), 1+random.IntN(9)
			}
			at := place(random, bias, len(f.model))
			switch n := len(f.model); {
			case random.IntN(10) < share || n == 0:
				if !f.insert(step, at, random) {
					f.fatal(step, "Insert refused")
				}
			case random.IntN(4) == 0:
				f.change(step, min(at, n-1), random)
			default:
				f.remove(step, min(at, n-1), random)
			}
			if len(f.model) < 20 || step%20 == 0 {
				f.sound(step)
			}
		}
		f.sound(2500)
		f.drain(random)
	}
}

// TestSequenceDeep holds enough leaves for three levels of nodes, and shows that leaves put at
// either end fill the nodes.
func TestSequenceDeep(t *testing.T) {
	for _, front := range []bool{false, true} {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newSequenceFixture(t, seed, mem.Options{})
		const leaves = 20_000
		var p Path
		for i := range leaves {
			f.seq.Last(&p)
			if front {
				f.seq.First(&p)
			}
			if !f.seq.Insert(&p, !front, mem.Ref(i+1), 3) {
				f.fatal(i, "Insert refused")
			}
			l := sequenceLeaf{mem.Ref(i + 1), 3}
			f.model = append(f.model, l)
		}
		if front {
			slices.Reverse(f.model)
		}
		f.fresh = leaves
		if f.seq.height != 3 {
			f.fatal(leaves, "height %d, want 3", f.seq.height)
		}
		if most := uint64(leaves * sequenceChild * 5 / 4); f.seq.Bytes() > most {
			f.fatal(leaves, "%d bytes of nodes for %d leaves, want at most %d", f.seq.Bytes(), leaves, most)
		}
		f.sound(leaves)
		for step := range 500 {
			f.change(step, random.IntN(len(f.model)), random)
			f.insert(step, random.IntN(len(f.model)), random)
			f.remove(step, random.IntN(len(f.model)), random)
		}
		for step := range leaves - 100 {
			f.seq.Find(random.IntN(f.seq.Len()), &p)
			at := slices.IndexFunc(f.model, func(l sequenceLeaf) bool { return l.ref == p.Leaf })
			f.seq.Remove(&p)
			f.model = slices.Delete(f.model, at, at+1)
			if step%1000 == 0 {
				f.sound(step)
			}
		}
		f.sound(leaves)
		if most := uint64(8 * sequenceNode); f.seq.Bytes() > most {
			f.fatal(leaves, "%d bytes of nodes for %d leaves, want at most %d", f.seq.Bytes(), len(f.model), most)
		}
		f.drain(random)
	}
}

func TestSequenceRefusedMemory(t *testing.T) {
	refused, taken := 0, 0
	for range 8 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newSequenceFixture(t, seed, mem.Options{Limit: 1 << 20})
		var hoard []mem.Ref
		fill := func() {
			for _, most := range []int{100, 1 << 20} {
				for size := sequenceRoot; size <= sequenceNode; size *= 2 {
					for range most {
						r := f.heap.Alloc(size, mem.Scratch)
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
				f.heap.Free(hoard[i], mem.Scratch)
				hoard[i], hoard = hoard[last], hoard[:last]
			}
		}
		fill()
		for step := range 3000 {
			switch random.IntN(60) {
			case 0:
				fill()
			case 1, 2, 3:
				give(1 + random.IntN(3))
			}
			if n := len(f.model); n > 0 && random.IntN(10) < 3 {
				f.remove(step, random.IntN(n), random)
			} else if f.insert(step, place(random, random.IntN(6), n), random) {
				taken++
			} else {
				refused++
			}
			if step%10 == 0 {
				f.sound(step)
			}
		}
		f.sound(3000)
		give(len(hoard))
		f.drain(random)
	}
	if refused < 500 || taken < 500 {
		t.Errorf("%d insertions refused, %d taken: the test shows little", refused, taken)
	}
}

// TestSequenceTooMany shows that counts do not overflow.
func TestSequenceTooMany(t *testing.T) {
	f := newSequenceFixture(t, 0, mem.Options{})
	var p Path
	if !f.seq.Insert(&p, false, 1, 1<<32-2) || !f.seq.First(&p) {
		t.Fatal("Insert of 2^32-2 elements refused")
	}
	if f.seq.Insert(&p, true, 2, 2) {
		t.Error("Insert of a leaf that makes 2^32 elements is not refused")
	}
	if f.seq.Add(&p, 2) {
		t.Error("Add that makes 2^32 elements is not refused")
	}
	if !f.seq.Add(&p, 1) || f.seq.Len() != 1<<32-1 {
		t.Errorf("Len = %d, want 2^32-1", f.seq.Len())
	}
	f.seq.Remove(&p)
}
