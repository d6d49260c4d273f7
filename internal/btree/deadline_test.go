// Shown here: a DeadlineTree answers as a sorted slice does and is sound after every step, with
// right sums, through growth, spills, splits, joins, refused memory and draining; that its leaves
// are full where they should be; and that it gives all memory back.

package btree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// weights is the Weigher of these tests: the trees here never look at what they refer to. Refs
// beyond it weigh one byte more than their number's low bits.
type weights struct{ extra map[mem.Ref]uint64 }

func (w weights) Weigh(r mem.Ref) uint64 { return uint64(r%97) + 1 + w.extra[r] }

// fixture is a tree, the heap under it, and the model.
type fixture struct {
	t       testing.TB
	seed    uint64
	weights weights
	tree    *DeadlineTree[weights]
	model   []item
}

func newFixture(t testing.TB, seed uint64, options mem.Options) *fixture {
	t.Helper()
	heap, err := mem.NewHeap(options)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, seed: seed, weights: weights{map[mem.Ref]uint64{}}}
	f.tree = New(heap, f.weights)
	t.Cleanup(func() {
		if used := heap.Used(); used != 0 && !t.Failed() {
			t.Errorf("seed %#x: %d bytes are left in the heap", seed, used)
		}
		if err := heap.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) fatal(step int, format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("seed %#x step %d: %s", f.seed, step, fmt.Sprintf(format, args...))
}

func (f *fixture) search(x item) (int, bool) {
	return slices.BinarySearchFunc(f.model, x, func(a, b item) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
}

func (f *fixture) insert(step int, x item) {
	f.t.Helper()
	i, found := f.search(x)
	if found {
		return
	}
	if !f.tree.Insert(x.deadline, x.ref) {
		f.fatal(step, "Insert(%v) refused", x)
	}
	f.model = slices.Insert(f.model, i, x)
}

func (f *fixture) delete(step int, x item) {
	f.t.Helper()
	i, found := f.search(x)
	if got := f.tree.Delete(x.deadline, x.ref); got != found {
		f.fatal(step, "Delete(%v) = %t, want %t", x, got, found)
	}
	if found {
		f.model = slices.Delete(f.model, i, i+1)
	}
}

func (f *fixture) replace(step int, x item, fresh mem.Ref) {
	f.t.Helper()
	i, found := f.search(x)
	if _, taken := f.search(item{x.deadline, fresh}); taken && fresh != x.ref {
		return
	}
	if got := f.tree.Replace(x.deadline, x.ref, fresh); got != found {
		f.fatal(step, "Replace(%v, %d) = %t, want %t", x, fresh, got, found)
	}
	if found {
		f.model = slices.Delete(f.model, i, i+1)
		i, _ = f.search(item{x.deadline, fresh})
		f.model = slices.Insert(f.model, i, item{x.deadline, fresh})
	}
}

// reweigh changes the weight of a reference that is in the tree once, so that it has one item.
func (f *fixture) reweigh(step int, x item, delta uint64) {
	f.t.Helper()
	if _, found := f.search(x); !found {
		return
	}
	for _, y := range f.model {
		if y.ref == x.ref && y != x {
			return
		}
	}
	f.weights.extra[x.ref] += delta
	f.tree.Reweigh(x.deadline, x.ref, int64(delta))
}

// before compares Before with the model.
func (f *fixture) before(step int, deadline int64) {
	f.t.Helper()
	wantCount, wantWeight := uint64(0), uint64(0)
	for _, x := range f.model {
		if x.deadline < deadline {
			wantCount++
			wantWeight += f.weights.Weigh(x.ref)
		}
	}
	if count, weight := f.tree.Before(deadline); count != wantCount || weight != wantWeight {
		f.fatal(step, "Before(%d) = %d, %d, want %d, %d", deadline, count, weight, wantCount, wantWeight)
	}
}

// ascend compares Ascend with the model, for at most most items.
func (f *fixture) ascend(step int, from int64, most int) {
	f.t.Helper()
	i, _ := f.search(item{from, 0})
	want := f.model[i:min(len(f.model), i+most)]
	var got []item
	f.tree.Ascend(from, func(deadline int64, ref mem.Ref) bool {
		got = append(got, item{deadline, ref})
		return len(got) < most
	})
	if !slices.Equal(got, want) {
		f.fatal(step, "Ascend(%d) for %d items gives %v, want %v", from, most, got, want)
	}
}

func (f *fixture) sound(step int) {
	f.t.Helper()
	if err := f.tree.Verify(); err != nil {
		f.fatal(step, "%v", err)
	}
	if f.tree.Len() != len(f.model) {
		f.fatal(step, "Len %d, want %d", f.tree.Len(), len(f.model))
	}
	deadline, ref, ok := f.tree.Min()
	if ok != (len(f.model) > 0) || ok && f.model[0] != (item{deadline, ref}) {
		f.fatal(step, "Min %d, %d, %t, want the first of %v", deadline, ref, ok, f.model[:min(1, len(f.model))])
	}
}

// empty drains the tree, in slices, from the end.
func (f *fixture) empty() {
	f.t.Helper()
	for done := false; !done; {
		before := f.tree.Len()
		done = f.tree.Drain(3)
		if dropped := before - f.tree.Len(); dropped > 3*leafRoom {
			f.fatal(-1, "Drain(3) dropped %d items", dropped)
		}
		f.model = f.model[:f.tree.Len()]
		f.sound(-1)
		if done != (f.tree.Len() == 0) {
			f.fatal(-1, "Drain says done: %t; %d items left", done, f.tree.Len())
		}
	}
	if f.tree.Bytes() != 0 {
		f.fatal(-1, "an empty tree holds %d bytes", f.tree.Bytes())
	}
}

// TestAgainstModel runs random operations on a tree and a sorted slice. Each round has its own range
// of deadlines, from all alike to hardly any alike, and its own share of insertions, which changes
// within the round.
func TestAgainstModel(t *testing.T) {
	for range 80 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newFixture(t, seed, mem.Options{})
		deadlines, refs := int64(1)<<random.IntN(20), uint32(1)<<(1+random.IntN(13))
		rising := random.IntN(3) == 0
		share, steps := random.IntN(11), 200+random.IntN(5000)
		for step := range steps {
			if step%1000 == 999 {
				share = random.IntN(11)
			}
			x := item{random.Int64N(deadlines) - deadlines/2, mem.Ref(1 + random.Uint32N(refs))}
			if rising && random.IntN(4) != 0 {
				x.deadline += int64(step) * deadlines / 100
			}
			if len(f.model) > 0 && random.IntN(2) == 0 {
				x = f.model[random.IntN(len(f.model))]
			}
			switch random.IntN(12) {
			case 0:
				f.replace(step, x, mem.Ref(1+random.Uint32N(refs)))
			case 1:
				f.reweigh(step, x, random.Uint64N(1000)-f.weights.extra[x.ref])
			case 2:
				f.before(step, x.deadline+random.Int64N(3)-1)
			case 3:
				f.ascend(step, x.deadline+random.Int64N(3)-1, 1+random.IntN(300))
			case 4:
				if n := len(f.model); n > 0 {
					i := random.IntN(n)
					if deadline, ref := f.tree.At(i); f.model[i] != (item{deadline, ref}) {
						f.fatal(step, "At(%d) = %d, %d, want %v", i, deadline, ref, f.model[i])
					}
				}
			default:
				if random.IntN(10) < share {
					f.insert(step, item{x.deadline, mem.Ref(1 + random.Uint32N(refs))})
				} else {
					f.delete(step, x)
				}
			}
			if len(f.model) < 300 || step%32 == 0 {
				f.sound(step)
			}
		}
		f.sound(steps)
		f.ascend(steps, math.MinInt64, len(f.model)+1)
		if random.IntN(2) == 0 {
			f.empty()
			continue
		}
		for len(f.model) > 0 {
			f.delete(-1, f.model[random.IntN(len(f.model))])
		}
		f.sound(-1)
		if f.tree.Bytes() != 0 {
			f.fatal(-1, "an emptied tree holds %d bytes", f.tree.Bytes())
		}
	}
}

// TestDeep does what TestAgainstModel does on a tree of several levels, whose inner nodes split and
// join: it grows by random and by rising deadlines, and shrinks at random and by whole ranges.
func TestDeep(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	f := newFixture(t, seed, mem.Options{})
	step := 0
	check := func() {
		if step++; step%400 == 0 {
			f.sound(step)
		}
	}
	for _, size := range []int{30_000, 2_000, 15_000, 0} {
		for len(f.model) < size {
			from := random.Int64N(1_000_000)
			for i := range int64(1 + random.IntN(200)) {
				f.insert(step, item{from + i*random.Int64N(4), mem.Ref(1 + random.Uint32N(10_000))})
				check()
			}
		}
		for len(f.model) > size {
			from := random.IntN(len(f.model))
			for range 1 + random.IntN(300) {
				if random.IntN(4) == 0 {
					from = random.IntN(len(f.model))
				}
				f.delete(step, f.model[min(from, len(f.model)-1)])
				check()
				if len(f.model) == 0 {
					break
				}
			}
		}
		f.sound(step)
		f.ascend(step, math.MinInt64, len(f.model)+1)
		for range 20 {
			f.before(step, random.Int64N(1_000_000))
		}
	}
}

// TestLoneLeaf shows that a small tree is small, while it grows and while it shrinks.
func TestLoneLeaf(t *testing.T) {
	f := newFixture(t, 0, mem.Options{})
	for i := range leafRoom {
		f.insert(i, item{int64(i), 1})
		if most := uint64(max(minLeafSize, 2*(headSize+itemSize*(i+1)))); f.tree.Bytes() > most {
			f.fatal(i, "%d bytes for %d items", f.tree.Bytes(), i+1)
		}
	}
	for i := range leafRoom {
		f.sound(i)
		f.delete(i, item{int64(i), 1})
		left := leafRoom - i - 1
		if most := uint64(max(minLeafSize, (sparseRoot+1)*itemSize*(left+1))); f.tree.Bytes() > most {
			f.fatal(i, "%d bytes for %d items", f.tree.Bytes(), left)
		}
	}
	f.sound(leafRoom)
}

// TestRisingBesideNearlyEmpty is about the one item that goes to a full leaf's end when the leaf
// before it has room for more than may move.
func TestRisingBesideNearlyEmpty(t *testing.T) {
	for at := range leafRoom {
		f := newFixture(t, 0, mem.Options{})
		for i := range 2 * leafRoom {
			f.insert(i, item{int64(2 * i), 1})
		}
		for i := range leafRoom - 1 {
			f.delete(i, item{int64(2 * i), 1})
		}
		if f.tree.height != 1 || f.tree.branches(f.tree.root).counts[0] != 1 {
			t.Fatalf("height %d: not the tree that this test is about", f.tree.height)
		}
		f.insert(at, item{int64(2*(leafRoom+at) + 1), 1})
		f.sound(at)
		f.empty()
	}
}

// TestJoinBelowFirst is about an inner node that lost its first child, then got an item before what
// was its second, then is joined to the node before it: only the parent knows where it begins.
func TestJoinBelowFirst(t *testing.T) {
	f := newFixture(t, 0, mem.Options{})
	for i := range 8000 {
		f.insert(i, item{int64(i), 1})
	}
	root := f.tree.branches(f.tree.root)
	if f.tree.height != 2 || root.count < 3 {
		t.Fatalf("height %d, %d children: not the tree that this test is about", f.tree.height, root.count)
	}
	begin := root.first(1).deadline
	end := f.tree.branches(root.children[1]).first(1).deadline
	for i := begin; i < end; i++ {
		f.delete(int(i), item{i, 1})
	}
	f.insert(int(begin), item{begin, 1})
	f.sound(int(begin))
	inner, node := int(root.count), root.children[1]
	last := root.first(2).deadline - 1
	for i := last; f.tree.branches(node).count > joinBranch/2; i-- {
		f.delete(int(i), item{i, 1})
	}
	for i := int64(0); int(f.tree.branches(f.tree.root).count) == inner; i++ {
		f.delete(int(i), item{i, 1})
	}
	if f.model[0].deadline >= begin {
		t.Fatal("no join: not the tree that this test is about")
	}
	f.sound(0)
	f.ascend(0, 0, len(f.model))
	f.empty()
}

// TestFill shows how full leaves are, as bytes for an item, when deadlines come in order, in several
// rising series at once, at random, and after random deletions; and that bytes never stay behind
// the count.
func TestFill(t *testing.T) {
	const n = 20_000
	random := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct {
		name     string
		deadline func(i int) int64
		most     float64 // bytes for an item
	}{
		{"rising", func(i int) int64 { return int64(i) }, 12.8},
		{"rising, many alike", func(i int) int64 { return int64(i / 64) }, 13.5},
		{"three series", func(i int) int64 { return int64(i) + int64(i%3)*1_000_000 }, 13.5},
		{"random", func(i int) int64 { return random.Int64() }, 15.5},
		{"falling", func(i int) int64 { return int64(-i) }, 15.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, 0, mem.Options{})
			for i := range n {
				x := item{tc.deadline(i), mem.Ref(1 + mix(uint32(i)))}
				if !f.tree.Insert(x.deadline, x.ref) {
					t.Fatalf("Insert(%v) refused", x)
				}
				f.model = append(f.model, x)
			}
			if got := float64(f.tree.Bytes()) / n; got > tc.most {
				t.Errorf("%.2f bytes for an item, want at most %.2f", got, tc.most)
			}
			random.Shuffle(n, func(i, j int) { f.model[i], f.model[j] = f.model[j], f.model[i] })
			for len(f.model) > 0 {
				x := f.model[len(f.model)-1]
				f.model = f.model[:len(f.model)-1]
				if !f.tree.Delete(x.deadline, x.ref) {
					t.Fatalf("Delete(%v) finds nothing", x)
				}
				if most := uint64(22*len(f.model) + 4*nodeSize); f.tree.Bytes() > most {
					t.Fatalf("%d bytes for %d items, want at most %d", f.tree.Bytes(), len(f.model), most)
				}
			}
			if err := f.tree.Verify(); err != nil {
				t.Error(err)
			}
		})
	}
}

// mix scatters i over 31 bits, differently for different i.
func mix(i uint32) uint32 { return i * 0x9e3779b1 >> 1 }

// TestNoGoAllocation shows that no operation touches Go's heap.
func TestNoGoAllocation(t *testing.T) {
	f := newFixture(t, 0, mem.Options{})
	for i := range 5000 {
		f.insert(i, item{int64(i) * 7919 % 5000, mem.Ref(i + 1)})
	}
	i, items := int64(0), 0
	visit := func(int64, mem.Ref) bool { items++; return items%100 != 0 }
	allocs := testing.AllocsPerRun(2000, func() {
		i++
		f.tree.Insert(i%700, mem.Ref(10_000+i))
		f.tree.Reweigh(i%700, mem.Ref(10_000+i), 0)
		f.tree.Before(i)
		f.tree.Ascend(i, visit)
		f.tree.Replace(i%700, mem.Ref(10_000+i), mem.Ref(50_000-i))
		if i > 100 {
			f.tree.Delete((i-100)%700, mem.Ref(50_000-(i-100)))
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for each round, want 0", allocs)
	}
	f.tree.Drain(1 << 20)
}

// FuzzDeadlineTree reads operations, three bytes each, and runs them on a tree and a sorted slice.
func FuzzDeadlineTree(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x00\x01\x03\x01\x01\x02"))
	long := []byte{}
	for i := range 1200 {
		long = append(long, byte(i>>8)<<4, byte(i), byte(i*7))
	}
	f.Add(long)
	f.Fuzz(func(t *testing.T, program []byte) {
		x := newFixture(t, 0, mem.Options{})
		for step := 0; step+3 <= len(program); step += 3 {
			high := int64(program[step] & 0xf0)
			at := item{int64(program[step+1]) + high<<4, mem.Ref(program[step+2]) + 1}
			switch program[step] & 7 {
			case 0, 1, 2, 3:
				x.insert(step, at)
			case 4:
				x.replace(step, at, at.ref^3+1)
			case 5:
				x.before(step, at.deadline)
			default:
				x.delete(step, at)
			}
			if step%(3*8) == 0 {
				x.sound(step)
			}
		}
		x.sound(len(program))
		x.empty()
	})
}
