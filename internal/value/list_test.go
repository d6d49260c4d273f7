// Shown here: a large list answers as a slice of strings does, from any position and either end, and
// is sound after every step, with leaves of all limits, squeezed or not, and where memory is refused; it counts its
// bytes exactly and gives all of them back; and what a save reads, whatever is changed, refused or
// broken off between its pieces, are the elements as of the cut, in order. That the last test sees
// a leaf changed in place is shown by having it so.

package value

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
	"tarn/test/chance"
)

// listFixture is a large list, the heap under it, and the model of both: what is there now, and what
// of the elements as of the cut has not been read yet.
type listFixture struct {
	t       testing.TB
	seed    uint64
	step    int
	what    string
	random  *rand.Rand
	heap    *mem.Heap
	list    *listNodes
	model   []string
	cut     []string
	saving  bool
	held    int64
	large   int // one in so many elements is large
	at      int // where the last change was
	hoarded []mem.Ref
}

func newListFixture(t testing.TB, seed uint64, options mem.Options) *listFixture {
	random := rand.New(rand.NewPCG(seed, 0))
	heap := newHeap(t, options)
	sizes := []int{-1, -2, -3, -5, 1, 2, 3, 10, 128}
	limit := limitOfLeaves(&keyspace.Limits{ListPackSize: sizes[random.IntN(len(sizes))]})
	if random.IntN(2) == 0 {
		limit.bytes = 100 + random.IntN(500) // many leaves of few elements
	}
	limit.depth = pick(random, 0, 1, 1, 2, 7)
	list := newListNodes(heap, limit)
	list.searched = random.IntN(3) > 0 // summaries are made from the first search on
	return &listFixture{t: t, seed: seed, random: random, heap: heap, list: list, large: 20 + random.IntN(200)}
}

func (f *listFixture) fatal(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("seed %d, step %d, %.100s: %s", f.seed, f.step, f.what, fmt.Sprintf(format, args...))
}

func (f *listFixture) element() string {
	r := f.random
	switch {
	case r.IntN(f.large) == 0:
		return strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(9000))
	case r.IntN(4) == 0:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case r.IntN(3) == 0:
		return strings.Repeat("x", r.IntN(80))
	}
	return strconv.Itoa(r.IntN(6))
}

// change makes one random change, as a command does, and reports whether memory was granted.
func (f *listFixture) change(growth int) bool {
	if f.random.IntN(500) == 0 {
		f.list.limit.depth = pick(f.random, 0, 1, 1, 2, 7)
	}
	if !f.changeOnce(growth) {
		return false
	}
	if f.random.IntN(2) == 0 {
		f.list.settleEnd(f.random.IntN(2) == 0)
	} else if len(f.model) > 0 {
		f.list.settle(f.at)
	}
	return true
}

func (f *listFixture) changeOnce(growth int) bool {
	r, n := f.random, len(f.model)
	elem := f.element()
	switch kind := r.IntN(20); {
	case kind < growth && r.IntN(20) == 0:
		return f.append()
	case kind < growth || n < 2:
		return f.add(elem)
	case kind < 14:
		from := pick(r, 0, r.IntN(n), n-1)
		count := min(1+r.IntN(3)*r.IntN(30), n-from)
		f.what = fmt.Sprintf("remove %d from %d of %d", count, from, n)
		f.at = from
		if inPlace := count == 1 && (from == 0 || from == n-1) && f.list.popInPlace(from > 0); !inPlace && !f.list.remove(from, count) {
			return false
		}
		f.model = slices.Delete(f.model, from, from+count)
	case kind < 17:
		i := pick(r, 0, r.IntN(n), n-1)
		f.what = fmt.Sprintf("set %d of %d to %q", i, n, elem)
		f.at = i
		if !f.list.set(i, []byte(elem)) {
			return false
		}
		f.model[i] = elem
	default:
		return f.removeEqual(pick(r, elem, f.model[r.IntN(n)]), pick(r, 1, 2, 50, math.MaxInt), r.IntN(2) == 0)
	}
	return true
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (f *listFixture) add(elem string) bool {
	n := len(f.model)
	i := pick(f.random, 0, n, f.random.IntN(n+1))
	f.what = fmt.Sprintf("insert at %d of %d: %q", i, n, elem)
	f.at = i
	added := false
	if i == 0 && f.random.IntN(2) == 0 {
		added = f.list.push([]byte(elem), true)
	} else {
		added = f.list.insertAt(i, []byte(elem))
	}
	if added {
		f.model = slices.Insert(f.model, i, elem)
	}
	return added
}

// append puts a listpack of a few elements at the end.
func (f *listFixture) append() bool {
	lp, added := listpack.AppendNew(nil), []string{}
	for range 1 + f.random.IntN(60) {
		elem := f.element()
		lp, added = listpack.Append(lp, []byte(elem)), append(added, elem)
	}
	f.what = fmt.Sprintf("append %d to %d", len(added), len(f.model))
	before := f.list.Len()
	whole := f.list.appendPack(lp)
	f.model = append(f.model, added[:f.list.Len()-before]...)
	if whole && f.list.Len()-before < len(added) {
		f.fatal("%d of them were added", f.list.Len()-before)
	}
	return whole
}

func (f *listFixture) removeEqual(elem string, most int, back bool) bool {
	f.what = fmt.Sprintf("remove %d of %q, back %t", most, elem, back)
	at := 0
	if back {
		at = f.list.Len()
	}
	got, whole := f.list.removeEqual(at, []byte(elem), most, back)
	want, limit := 0, most
	if !whole {
		limit = got
	}
	if back {
		slices.Reverse(f.model)
	}
	f.model = slices.DeleteFunc(f.model, func(e string) bool {
		if e != elem || want == limit {
			return false
		}
		want++
		return true
	})
	if back {
		slices.Reverse(f.model)
	}
	if got != want {
		f.fatal("removed %d, want %d", got, want)
	}
	return whole
}

func (f *listFixture) sound() {
	f.t.Helper()
	if err := f.list.Verify(); err != nil {
		f.fatal("Verify: %v", err)
	}
	if f.list.Len() != len(f.model) {
		f.fatal("Len = %d, want %d", f.list.Len(), len(f.model))
	}
	used := f.heap.UsedFor(mem.Values).Bytes + f.heap.UsedFor(mem.Nodes).Bytes
	if got := f.list.Bytes() + uint64(f.held); got != used {
		f.fatal("%d bytes, of which %d are held; the heap has %d", got, f.held, used)
	}
}

// look reads the whole list both ways, and from a random position.
func (f *listFixture) look() {
	f.t.Helper()
	l := List{nodes: f.list}
	n := len(f.model)
	c := l.Walk(0)
	for i, want := range f.model {
		if v, ok := c.Next(); !ok || string(v.AppendTo(nil)) != want || c.Position() != i+1 {
			f.fatal("element %d is %.50q, %t at %d, want %.50q", i, v.AppendTo(nil), ok, c.Position()-1, want)
		}
	}
	if _, ok := c.Next(); ok {
		f.fatal("there is an element behind the last")
	}
	c.Close()
	c = l.WalkBack(n - 1)
	for i := n - 1; i >= 0; i-- {
		if v, ok := c.Next(); !ok || string(v.AppendTo(nil)) != f.model[i] || c.Position() != i-1 {
			f.fatal("from the tail, element %d is %.50q, %t, want %.50q", i, v.AppendTo(nil), ok, f.model[i])
		}
	}
	if _, ok := c.Next(); ok {
		f.fatal("there is an element before the first")
	}
	c.Close()
	f.keep(&l)
	if n == 0 {
		return
	}
	i := f.random.IntN(n)
	if got := l.AppendAt(nil, i); string(got) != f.model[i] {
		f.fatal("AppendAt(%d) = %.50q, want %.50q", i, got, f.model[i])
	}
	f.find(&l, i, f.model[f.random.IntN(n)], 1+f.random.IntN(n))
}

// keep demands that all of what From and BackFrom return stays readable.
func (f *listFixture) keep(l *List) {
	f.t.Helper()
	for _, back := range []bool{false, true} {
		c, model := l.From(0), slices.Clone(f.model)
		if back {
			c = l.BackFrom(len(f.model) - 1)
			slices.Reverse(model)
		}
		var kept []listpack.Value
		for v, ok := c.Next(); ok; v, ok = c.Next() {
			kept = append(kept, v)
		}
		c.Close()
		for i, want := range model {
			if i >= len(kept) || string(kept[i].AppendTo(nil)) != want {
				f.fatal("back %t: element %d of %d was not kept as %.50q", back, i, len(kept), want)
			}
		}
	}
}

// find compares all that cursors find from position i on among the next most elements.
func (f *listFixture) find(l *List, i int, elem string, most int) {
	f.t.Helper()
	for _, back := range []bool{false, true} {
		c, step, left := l.Walk(i), 1, most
		if back {
			c, step = l.WalkBack(i), -1
		}
		for at := i; at >= 0 && at < len(f.model) && left > 0; at += step {
			left--
			if f.model[at] != elem {
				continue
			}
			room := most - max(c.Position()-i, i-c.Position())
			if got := c.Find([]byte(elem), room); got != at {
				f.fatal("Find(%.50q, %d) from %d, back %t = %d, want %d", elem, room, i, back, got, at)
			}
		}
		room := most - max(c.Position()-i, i-c.Position())
		if got := c.Find([]byte(elem), room); got != -1 {
			f.fatal("Find(%.50q, %d) from %d, back %t = %d, want none", elem, room, i, back, got)
		}
		c.Close()
	}
}

func (f *listFixture) beginSave() {
	f.what = "cut"
	f.list.Cut(func(bytes int64) { f.held += bytes })
	f.saving, f.cut = true, slices.Clone(f.model)
	if f.list.Count() != len(f.model) {
		f.fatal("Count = %d, want %d", f.list.Count(), len(f.model))
	}
}

// saveOn reads a piece of the save, or breaks it off.
func (f *listFixture) saveOn() {
	f.t.Helper()
	if f.random.IntN(100) == 0 {
		f.endSave()
		return
	}
	f.what = "save"
	items, more := f.list.Save(nil, 1+f.random.IntN(3000))
	for _, got := range savedElements(items) {
		if len(f.cut) == 0 || got != f.cut[0] {
			f.fatal("saved %.50q, want %.50q and %d more", got, f.cut[:min(1, len(f.cut))], len(f.cut)-1)
		}
		f.cut = f.cut[1:]
	}
	if !more {
		if len(f.cut) > 0 {
			f.fatal("saved all, but for %d elements", len(f.cut))
		}
		f.endSave()
	}
}

// savedElements returns the elements of Save's items.
func savedElements(items []byte) (elements []string) {
	for len(items) > 0 {
		size, n := binary.Uvarint(items)
		item := items[n : n+int(size)]
		items = items[n+int(size):]
		if item[0] == leafPlain {
			elements = append(elements, string(item[1:]))
			continue
		}
		for lp, at := item[1:], packHead; at >= 0; at = listpack.Next(lp, at) {
			elements = append(elements, string(listpack.Get(lp, at).AppendTo(nil)))
		}
	}
	return elements
}

func (f *listFixture) endSave() {
	f.what = "end of save"
	f.list.EndSave()
	f.saving = false
	if f.held != 0 {
		f.fatal("%d bytes are held", f.held)
	}
	f.sound()
}

// finish copies the list, and frees both in slices.
func (f *listFixture) finish() {
	f.t.Helper()
	f.what = "finish"
	to := newHeap(f.t, mem.Options{})
	copied, ok := f.list.Clone(to)
	if !ok {
		f.fatal("Clone refused")
	}
	c := &listFixture{t: f.t, seed: f.seed, step: f.step, what: "clone", random: f.random, heap: to, list: copied.(*listNodes), model: f.model}
	c.sound()
	c.look()
	for _, l := range []*listNodes{f.list, c.list} {
		for !l.Free(1 + f.random.IntN(20)) {
		}
		if l.Bytes() != 0 || l.Verify() != nil {
			f.fatal("freed, it holds %d bytes, %v", l.Bytes(), l.Verify())
		}
	}
}

func TestListAgainstModel(t *testing.T) {
	for range 40 {
		f := newListFixture(t, chance.Seed(t), mem.Options{})
		growth := 10
		for f.step = range 1500 {
			if f.step%300 == 0 {
				growth = 2 + f.random.IntN(11)
			}
			if !f.change(growth) {
				f.fatal("refused")
			}
			switch {
			case f.saving && f.random.IntN(6) == 0:
				f.saveOn()
			case !f.saving && f.random.IntN(60) == 0:
				f.beginSave()
			}
			if f.step%10 == 0 || len(f.model) < 30 {
				f.sound()
			}
			if f.step%50 == 0 {
				f.look()
			}
		}
		f.sound()
		f.finish()
	}
}

func TestListRefusedMemory(t *testing.T) {
	refused, granted := 0, 0
	for range 10 {
		f := newListFixture(t, chance.Seed(t), mem.Options{Limit: 2 << 20})
		for range 300 {
			f.change(10)
		}
		f.hoard()
		for f.step = range 1500 {
			if f.change(9) {
				granted++
			} else {
				refused++
			}
			switch f.random.IntN(40) {
			case 0:
				f.hoard()
			case 1, 2:
				f.give(1 + f.random.IntN(20))
			}
			switch {
			case f.saving && f.random.IntN(6) == 0:
				f.saveOn()
			case !f.saving && f.random.IntN(20) == 0:
				f.beginSave()
			}
			f.sound()
			if f.step%50 == 0 {
				f.look()
			}
		}
		f.give(math.MaxInt)
		f.finish()
	}
	if refused < 300 || granted < 300 {
		t.Errorf("%d changes refused, %d granted: the test shows little", refused, granted)
	}
}

// hoard takes nearly all memory there is.
func (f *listFixture) hoard() {
	for _, most := range []int{4, 1 << 20} {
		for size := 16; size <= 16<<10; size += size / 2 {
			for range most {
				r := f.heap.Alloc(size, mem.Scratch)
				if r == 0 {
					break
				}
				f.hoarded = append(f.hoarded, r)
			}
		}
	}
}

func (f *listFixture) give(blocks int) {
	for range min(blocks, len(f.hoarded)) {
		i, last := f.random.IntN(len(f.hoarded)), len(f.hoarded)-1
		f.heap.Free(f.hoarded[i], mem.Scratch)
		f.hoarded[i], f.hoarded = f.hoarded[last], f.hoarded[:last]
	}
}

// TestListSaveNeedsCopies changes a list after the cut in ways that would fit its leaves, once as it
// should be and once with leaves that take themselves for new, and demands that the save reads the
// elements as of the cut then, and only then.
func TestListSaveNeedsCopies(t *testing.T) {
	for _, change := range []struct {
		name string
		do   func(n *listNodes) bool
	}{
		{"set", func(n *listNodes) bool { return n.set(500, []byte("b")) }},
		{"insert", func(n *listNodes) bool { return n.insert(500, []byte("b")) }},
		{"remove", func(n *listNodes) bool { return n.remove(500, 2) }},
		{"pop", func(n *listNodes) bool { return n.remove(0, 1) }},
		{"push", func(n *listNodes) bool { return n.push([]byte("b"), false) }},
		{"remove equal", func(n *listNodes) bool {
			_, whole := n.removeEqual(0, []byte("7"), 3, false)
			return whole
		}},
	} {
		for _, copies := range []bool{true, false} {
			heap := newHeap(t, mem.Options{})
			n := newListNodes(heap, leafLimit{400, manyElements, 0})
			var want []string
			for i := range 1000 {
				want = append(want, strconv.Itoa(i))
				if !n.push([]byte(want[i]), false) {
					t.Fatal("push refused")
				}
			}
			n.Cut(func(int64) {})
			if !copies {
				n.epoch ^= 1 // leaves of the cut are taken for new ones
			}
			if !change.do(n) {
				t.Fatalf("%s refused", change.name)
			}
			items, _ := n.Save(nil, math.MaxInt)
			if same := slices.Equal(savedElements(items), want); same != copies {
				t.Errorf("%s: copied on write %t, saved what there was %t", change.name, copies, same)
			}
			n.freeAll()
		}
	}
}
