// Shown here: a large list that is searched again gets summaries, so many a search, of no more than an
// eighth of its bytes; with them a search reads few leaves and finds the same; they know what is
// put into a leaf, move with it, and go with it; and a summary that forgets an element is found out.

package value

import (
	"fmt"
	"math"
	"testing"

	"tarn/internal/btree"
	"tarn/internal/mem"
)

// searchList looks for an element and says how many leaves might have held it.
func searchList(n *listNodes, elem string, back bool) (at, read int) {
	l := List{nodes: n}
	c := l.Walk(0)
	if back {
		c = l.WalkBack(n.Len() - 1)
	}
	defer c.Close()
	at = c.Find([]byte(elem), math.MaxInt)
	var p btree.Path
	for more := n.seq.First(&p); more; more = n.seq.Next(&p) {
		if n.mayHold(p.Leaf, hashElement([]byte(elem))) {
			read++
		}
	}
	return at, read
}

func TestListSummaries(t *testing.T) {
	for _, tc := range []struct {
		name   string
		format string
		depth  int
		most   float64 // part of the leaves that may be read in vain
	}{
		{"strings", "element:%012d", 0, 0.06},
		{"integers", "%d", 0, 0.2},
		{"squeezed", "element:%012d", 1, 0.6},
	} {
		n := newListNodes(newHeap(t, mem.Options{}), leafLimit{bytes: 7 << 10, elements: manyElements, depth: tc.depth})
		const elements = 150_000
		for i := range elements {
			if !n.push(fmt.Appendf(nil, tc.format, i), false) {
				t.Fatal("push refused")
			}
			n.settleEnd(false)
		}
		plain, leaves := n.Bytes(), n.seq.Leaves()
		for search := range 3 + leaves/mostSummed {
			last := fmt.Sprintf(tc.format, elements-1)
			if at, _ := searchList(n, last, false); at != elements-1 {
				t.Fatalf("%s: found at %d, want %d", tc.name, at, elements-1)
			}
			if at, _ := searchList(n, last, true); at != elements-1 {
				t.Fatalf("%s: found from the tail at %d, want %d", tc.name, at, elements-1)
			}
			if most := min(search*mostSummed, leaves); n.summed > most || search > 0 && n.summed < most-1 {
				t.Fatalf("%s: %d of %d leaves are summarized after search %d", tc.name, n.summed, leaves, search)
			}
		}
		if n.Bytes() > plain+plain/8 {
			t.Errorf("%s: %d bytes, %d without summaries", tc.name, n.Bytes(), plain)
		}
		read := 0
		for i := range 100 {
			want := i * (elements / 100)
			at, found := searchList(n, fmt.Sprintf(tc.format, want), i%2 == 0)
			if at != want {
				t.Fatalf("%s: found at %d, want %d", tc.name, at, want)
			}
			read += found - 1
		}
		if got := float64(read) / 100 / float64(leaves); got > tc.most {
			t.Errorf("%s: %.3f of the leaves might hold what they do not, want at most %.3f", tc.name, got, tc.most)
		}
		changeSummarized(t, tc.name, n, elements)
		n.freeAll()
	}
}

// changeSummarized puts, moves and removes elements, and looks for them.
func changeSummarized(t *testing.T, name string, n *listNodes, elements int) {
	for i := range 200 {
		at, elem := i*elements/200, fmt.Sprintf("-%d", i)
		done := n.insert(at, []byte(elem))
		if i%2 == 0 {
			done = done && n.set(at, []byte(elem+"longer than it was")) && n.set(at, []byte(elem))
		}
		if n.settle(at); !done {
			t.Fatal("refused")
		}
		if got, _ := searchList(n, elem, i%3 == 0); got != at {
			t.Fatalf("%s: %q is found at %d, want %d", name, elem, got, at)
		}
		if removed, _ := n.removeEqual(0, []byte(elem), math.MaxInt, false); i%5 == 0 && removed != 1 {
			t.Fatalf("%s: %d of %q are removed, want 1", name, removed, elem)
		}
	}
	for i := range 100 {
		if from := i * 500; !n.remove(from, 400) {
			t.Fatal("refused")
		}
	}
	if err := n.Verify(); err != nil || n.summed == 0 {
		t.Errorf("%s: %d leaves are summarized; %v", name, n.summed, err)
	}
}

func TestListSummaryThatForgets(t *testing.T) {
	n := newListNodes(newHeap(t, mem.Options{}), leafLimit{bytes: 7 << 10, elements: manyElements})
	defer n.freeAll()
	for i := range 100 {
		n.push(fmt.Appendf(nil, "element:%d", i), false)
	}
	var p btree.Path
	n.seq.First(&p)
	n.summarize(p.Leaf, n.pack(p.Leaf), 100)
	if err := n.Verify(); err != nil || n.summed != 1 {
		t.Fatalf("%d leaves are summarized; %v", n.summed, err)
	}
	clear(n.summaryOf(p.Leaf)[:summaryLine])
	if n.Verify() == nil {
		t.Error("a summary that forgets elements is held to be sound")
	}
}
