// Shown here: of a list whose depth is set all leaves are squeezed but those within the depth, at
// whichever end it grows or shrinks and wherever it is changed; what does not get smaller stays as it
// is; a new depth is followed as leaves are touched; reading makes no garbage; and a save reads the
// elements as of the cut from squeezed leaves too.

package value

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/internal/btree"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
	"tarn/test/chance"
)

// checkSqueezed demands that all leaves are squeezed but so many at each end, and such as are small and
// have been tried in vain.
func checkSqueezed(t *testing.T, when string, n *listNodes) {
	t.Helper()
	if err := n.Verify(); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	var p btree.Path
	leaves, i := n.seq.Leaves(), 0
	for more := n.seq.First(&p); more; more = n.seq.Next(&p) {
		inner := n.limit.depth > 0 && i >= n.limit.depth && i < leaves-n.limit.depth
		tried := n.heap.Bytes(p.Leaf, leafHead)[0]&leafTried != 0 && n.size(p.Leaf) < 100
		if got := n.isSqueezed(p.Leaf); got != inner && !(inner && tried) {
			t.Fatalf("%s: leaf %d of %d, of %d bytes, is squeezed %t, want %t", when, i, leaves, n.size(p.Leaf), got, inner)
		}
		i++
	}
}

// listAt runs do with the list at a key, under its lock.
func listAt(t *testing.T, tx *keyspace.Tx, do func(l *List)) {
	t.Helper()
	tx.LockAll()
	defer tx.Unlock()
	k := tx.Key(0, []byte("list"), keyspace.Peek)
	l, err := ListAt(&k)
	if err != nil {
		t.Fatal(err)
	}
	do(&l)
}

func TestListSqueezes(t *testing.T) {
	for _, depth := range []int{0, 1, 2, 5} {
		w := newListWorld(t, chance.Seed(t), mem.Options{})
		limits := keyspace.DefaultLimits
		limits.ListPackSize, limits.ListCompressDepth = 20, depth
		w.tx.Keyspace().SetLimits(&limits)
		push := func(l *List, i int, atHead bool) {
			if err := l.Push([][]byte{fmt.Appendf(nil, "an element of a list:%08d", i)}, atHead); err != nil {
				t.Fatal(err)
			}
		}
		look := func(when string) {
			t.Helper()
			listAt(t, w.tx, func(l *List) { checkSqueezed(t, fmt.Sprintf("depth %d, %s", depth, when), l.nodes) })
		}
		for i := range 1000 {
			listAt(t, w.tx, func(l *List) { push(l, i, i%3 == 0) })
			if i > 20 {
				look("pushed")
			}
		}
		for range 300 {
			listAt(t, w.tx, func(l *List) {
				i, elem := w.random.IntN(l.Len()), fmt.Appendf(nil, "another element:%d", w.random.IntN(1e9))
				var err error
				switch w.random.IntN(5) {
				case 0:
					err = l.Set(i, elem)
				case 1:
					err = l.Insert(i, elem)
				case 2:
					err = l.Remove(i, min(l.Len()-i, 1+w.random.IntN(30)))
				case 3:
					err = l.Rotate(i%2 == 0)
				case 4:
					elem = l.AppendAt(nil, i)
					_, err = l.RemoveEqual(elem, 1, i%2 == 0)
				}
				if err == nil && l.Len() < 500 {
					err = l.Push(slices.Repeat([][]byte{elem}, 400), i%2 == 0)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
			look("changed in the middle")
		}
		for big := true; big; {
			listAt(t, w.tx, func(l *List) {
				from := 0
				if w.random.IntN(2) == 0 {
					from = l.Len() - 1
				}
				if err := l.Remove(from, 1); err != nil {
					t.Fatal(err)
				}
				big = l.nodes != nil
			})
			if big {
				look("popped")
			}
		}
	}
}

// TestListFollowsDepth changes the depth of a list that is there.
func TestListFollowsDepth(t *testing.T) {
	n := newListNodes(newHeap(t, mem.Options{}), leafLimit{bytes: 1000, elements: manyElements})
	defer n.freeAll()
	for i := range 1000 {
		if !n.push(fmt.Appendf(nil, "an element of a list:%08d", i), false) {
			t.Fatal("push refused")
		}
		n.settleEnd(false)
	}
	touch := func(depth int) {
		n.limit.depth = depth
		for i := range n.Len() {
			if !n.set(i, fmt.Appendf(nil, "an element of a list:%08d", i+1)) {
				t.Fatal("set refused")
			}
			n.settle(i)
		}
		checkSqueezed(t, fmt.Sprintf("depth %d", depth), n)
	}
	open := n.Bytes()
	touch(0)
	if n.Bytes() != open {
		t.Errorf("%d bytes without a depth, want %d", n.Bytes(), open)
	}
	touch(1)
	if n.Bytes() > open/2 {
		t.Errorf("squeezed, %d bytes, of %d", n.Bytes(), open)
	}
	touch(3)
	touch(0)
}

func TestListKeepsWhatIsRandom(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	n := newListNodes(newHeap(t, mem.Options{}), leafLimit{bytes: 4000, elements: manyElements, depth: 1})
	defer n.freeAll()
	for range 2000 {
		elem := make([]byte, 60)
		for i := range elem {
			elem[i] = byte(random.Uint32())
		}
		if !n.push(elem, false) {
			t.Fatal("push refused")
		}
		n.settleEnd(false)
	}
	if err := n.Verify(); err != nil || n.squeezed != 0 {
		t.Errorf("seed %d: %d leaves of random bytes are squeezed; %v", seed, n.squeezed, err)
	}
	var p btree.Path
	n.seq.Find(n.Len()/2, &p)
	if n.heap.Bytes(p.Leaf, leafHead)[0]&leafTried == 0 {
		t.Errorf("seed %d: an inner leaf has not been tried", seed)
	}
}

func TestListWalkMakesNoGarbage(t *testing.T) {
	n := newListNodes(newHeap(t, mem.Options{}), leafLimit{bytes: 1000, elements: manyElements, depth: 1})
	defer n.freeAll()
	for i := range 1000 {
		if !n.push(fmt.Appendf(nil, "an element of a list:%08d", i), false) {
			t.Fatal("push refused")
		}
		n.settleEnd(false)
	}
	l := List{nodes: n}
	got := testing.AllocsPerRun(100, func() {
		c := l.Walk(300)
		for range 300 {
			c.Next()
		}
		c.Close()
	})
	if got != 0 {
		t.Errorf("a walk allocates %v times, want 0", got)
	}
}

// TestListSavesSqueezed changes squeezed leaves after the cut.
func TestListSavesSqueezed(t *testing.T) {
	for name, change := range map[string]func(n *listNodes) bool{
		"set":    func(n *listNodes) bool { return n.set(500, []byte("b")) },
		"insert": func(n *listNodes) bool { return n.insert(500, []byte("b")) },
		"remove": func(n *listNodes) bool { return n.remove(300, 400) },
		"nothing, but that the depth is gone": func(n *listNodes) bool {
			n.limit.depth = 0
			return n.set(500, []byte("c"))
		},
		"remove equal": func(n *listNodes) bool {
			_, whole := n.removeEqual(0, []byte("an element of a list:00000500"), math.MaxInt, false)
			return whole
		},
	} {
		n := newListNodes(newHeap(t, mem.Options{}), leafLimit{bytes: 1000, elements: manyElements, depth: 1})
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprintf("an element of a list:%08d", i))
			if !n.push([]byte(want[i]), false) {
				t.Fatal("push refused")
			}
			n.settleEnd(false)
		}
		held := int64(0)
		n.Cut(func(bytes int64) { held += bytes })
		if !change(n) {
			t.Fatalf("%s refused", name)
		}
		n.settle(500)
		if err := n.Verify(); err != nil || held == 0 {
			t.Errorf("%s: %d bytes are held; %v", name, held, err)
		}
		items, _ := n.Save(nil, math.MaxInt)
		if !slices.Equal(savedElements(items), want) {
			t.Errorf("%s: the save did not read what there was", name)
		}
		n.EndSave()
		if err := n.Verify(); err != nil || held != 0 {
			t.Errorf("%s, saved: %d bytes are held; %v", name, held, err)
		}
		n.freeAll()
	}
}
