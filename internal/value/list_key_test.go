// Shown here: the list in a key answers as a slice of strings does while it moves between its shapes, and
// its encoding is what Redis's rules give: it becomes a quicklist at the element that these say, and
// is a listpack only within the limits. Where memory is refused, nothing has changed.

package value

import (
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

// listWorld is a keyspace with one list, and its model.
type listWorld struct {
	t       *testing.T
	seed    uint64
	step    int
	what    string
	random  *rand.Rand
	tx      *keyspace.Tx
	size    int // list-max-listpack-size
	model   []string
	hoarded []mem.Ref
}

func (w *listWorld) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, step %d, %.200s: %s", w.seed, w.step, w.what, fmt.Sprintf(format, args...))
}

func newListWorld(t *testing.T, seed uint64, options mem.Options) *listWorld {
	ks, err := keyspace.New(keyspace.Options{Shards: 1, Databases: 1, Heap: options})
	if err != nil {
		t.Fatal(err)
	}
	w := &listWorld{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), tx: ks.NewTx()}
	t.Cleanup(func() {
		w.tx.LockAll()
		w.tx.Flush(-1, false)
		w.tx.Unlock()
		for w.tx.FreeLazily() {
		}
		if used := ks.UsedMemory(); used != 0 && !t.Failed() {
			t.Errorf("seed %d: %d bytes are left", seed, used)
		}
		if err := ks.Close(); err != nil {
			t.Error(err)
		}
	})
	w.setLimit()
	return w
}

func (w *listWorld) setLimit() {
	l := keyspace.DefaultLimits
	l.ListPackSize = pick(w.random, -1, -2, -4, 1, 2, 3, 10, 40)
	l.ListCompressDepth = pick(w.random, 0, 1, 1, 3)
	w.size = l.ListPackSize
	w.tx.Keyspace().SetLimits(&l)
}

func (w *listWorld) elements() (texts []string, elems [][]byte) {
	count := pick(w.random, 1, 1, 2, 5, 1+w.random.IntN(200))
	for range count {
		text := strconv.Itoa(w.random.IntN(9))
		switch w.random.IntN(20) {
		case 0:
			text = strings.Repeat("x", w.random.IntN(9000))
		case 1, 2, 3:
			text = strings.Repeat("y", w.random.IntN(90))
		case 4, 5:
			text = strconv.FormatInt(int64(w.random.Uint64())>>w.random.IntN(64), 10)
		}
		texts, elems = append(texts, text), append(elems, []byte(text))
	}
	return texts, elems
}

// outgrows tells by the text of the rule whether a listpack of the model takes more elements.
func (w *listWorld) outgrows(texts []string) bool {
	lp, bytes := listpack.AppendNew(nil), 0
	for _, text := range w.model {
		lp = listpack.Append(lp, []byte(text))
	}
	for _, text := range texts {
		bytes += len(text)
	}
	limit := 8 << 10
	if w.size < 0 {
		return len(lp)+bytes > limit>>1<<(-w.size-1)
	}
	return len(lp)+bytes > limit || len(w.model)+len(texts) > w.size
}

// change makes one random change of the list, and returns its error.
func (w *listWorld) change(k *keyspace.Key, l *List, growing int) error {
	r, n := w.random, len(w.model)
	texts, elems := w.elements()
	isPack := !k.Exists() || k.Shape() == keyspace.Pack
	becomes := func(texts []string, err error) {
		if want := !w.outgrows(texts); err == nil && isPack && (k.Shape() == keyspace.Pack) != want {
			w.fatal("%d elements and %d more, limit %d: a listpack %t, want %t", n, len(texts), w.size, !want, want)
		}
	}
	switch kind := r.IntN(20); {
	case kind < growing || n == 0:
		atHead := r.IntN(2) == 0
		w.what = fmt.Sprintf("push %.100q, at head %t", texts, atHead)
		err := l.Push(elems, atHead)
		if becomes(texts, err); err == nil {
			if atHead {
				slices.Reverse(texts)
				w.model = append(texts, w.model...)
			} else {
				w.model = append(w.model, texts...)
			}
		}
		return err
	case kind < 12:
		i := r.IntN(n + 1)
		w.what = fmt.Sprintf("insert at %d: %.50q", i, texts[0])
		err := l.Insert(i, elems[0])
		if becomes(texts[:1], err); err == nil {
			w.model = slices.Insert(w.model, i, texts[0])
		}
		return err
	case kind < 14:
		i := r.IntN(n)
		w.what = fmt.Sprintf("set %d: %.50q", i, texts[0])
		err := l.Set(i, elems[0])
		if err == nil {
			w.model[i] = texts[0]
		}
		return err
	case kind < 15:
		toHead := r.IntN(2) == 0
		w.what = fmt.Sprintf("rotate, to head %t", toHead)
		err := l.Rotate(toHead)
		switch {
		case err != nil:
		case toHead:
			w.model = slices.Insert(w.model[:n-1], 0, w.model[n-1])
		default:
			w.model = append(w.model[1:], w.model[0])
		}
		return err
	}
	return w.take(l)
}

// take removes some elements.
func (w *listWorld) take(l *List) error {
	r, n := w.random, len(w.model)
	from := pick(r, 0, r.IntN(n), n-1)
	count := min(n-from, pick(r, 1, 3, 1+r.IntN(100)))
	switch r.IntN(6) {
	case 0:
		w.what = fmt.Sprintf("keep %d from %d", count, from)
		err := l.Keep(from, count)
		if err == nil {
			w.model = slices.Clone(w.model[from : from+count])
		}
		return err
	case 1:
		elem, most, back := w.model[from], pick(r, 1, 2, math.MaxInt), r.IntN(2) == 0
		w.what = fmt.Sprintf("remove %d of %.50q, back %t", most, elem, back)
		removed, err := l.RemoveEqual([]byte(elem), most, back)
		if err == nil {
			w.dropEqual(elem, removed, back)
		}
		return err
	}
	w.what = fmt.Sprintf("remove %d from %d", count, from)
	err := l.Remove(from, count)
	if err == nil {
		w.model = slices.Delete(w.model, from, from+count)
	}
	return err
}

func (w *listWorld) dropEqual(elem string, count int, back bool) {
	if back {
		slices.Reverse(w.model)
		defer func() { slices.Reverse(w.model) }()
	}
	w.model = slices.DeleteFunc(w.model, func(e string) bool {
		if e == elem && count > 0 {
			count--
			return true
		}
		return false
	})
}

// inKey makes a change, and compares the list with the model.
func (w *listWorld) inKey(growing int) error {
	w.t.Helper()
	w.tx.LockAll()
	defer w.tx.Unlock()
	k := w.tx.Key(0, []byte("list"), keyspace.Peek)
	l, err := ListAt(&k)
	if err != nil {
		w.fatal("ListAt: %v", err)
	}
	outcome := w.change(&k, &l, growing)
	if l.Len() != len(w.model) {
		w.fatal("Len() = %d, want %d", l.Len(), len(w.model))
	}
	k = w.tx.Key(0, []byte("list"), keyspace.Peek)
	if l, err = ListAt(&k); err != nil || k.Exists() != (len(w.model) > 0) {
		w.fatal("ListAt: %v; exists %t, want %d elements", err, k.Exists(), len(w.model))
	}
	c := l.From(0)
	for i, want := range w.model {
		if v, ok := c.Next(); !ok || string(v.AppendTo(nil)) != want {
			w.fatal("element %d is %.50q, want %.50q", i, v.AppendTo(nil), want)
		}
	}
	if _, more := c.Next(); more {
		w.fatal("there are more than %d elements", len(w.model))
	}
	if k.Exists() && k.Shape() == keyspace.InBig {
		if err := k.Big().Verify(); err != nil {
			w.fatal("Verify: %v", err)
		}
	} else if k.Exists() {
		if err := listpack.Validate(k.Packed()); err != nil {
			w.fatal("Validate: %v", err)
		}
	}
	return outcome
}

func TestListInKey(t *testing.T) {
	for range 30 {
		w := newListWorld(t, chance.Seed(t), mem.Options{})
		growing := 8
		for w.step = range 400 {
			if w.step%60 == 0 {
				growing = 3 + w.random.IntN(7)
				w.setLimit()
			}
			if err := w.inKey(growing); err != nil {
				w.fatal("%v", err)
			}
		}
		if err := w.tx.Keyspace().Verify(); err != nil {
			w.fatal("%v", err)
		}
	}
}

// TestListInKeyRefused changes a list while there is little memory: an error leaves it as it was.
func TestListInKeyRefused(t *testing.T) {
	refused, granted := 0, 0
	for range 10 {
		w := newListWorld(t, chance.Seed(t), mem.Options{Limit: 1 << 20})
		for w.step = range 400 {
			if w.step%40 == 20 {
				w.hoard()
			}
			if w.step%10 == 0 {
				w.give(w.random.IntN(10))
			}
			switch err := w.inKey(7); err {
			case nil:
				granted++
			case keyspace.ErrOutOfMemory:
				refused++
			default:
				w.fatal("%v", err)
			}
		}
		w.give(math.MaxInt)
	}
	if refused < 100 || granted < 100 {
		t.Errorf("%d changes refused, %d granted: the test shows little", refused, granted)
	}
}

func (w *listWorld) heap() *mem.Heap {
	k := w.tx.Key(0, []byte("list"), keyspace.Peek)
	return k.Heap()
}

// hoard takes nearly all memory there is.
func (w *listWorld) hoard() {
	w.tx.LockAll()
	defer w.tx.Unlock()
	for size := 16; size <= 32<<10; size += size / 2 {
		for range 1 << 16 {
			r := w.heap().Alloc(size, mem.Scratch)
			if r == 0 {
				break
			}
			w.hoarded = append(w.hoarded, r)
		}
	}
}

func (w *listWorld) give(blocks int) {
	w.tx.LockAll()
	defer w.tx.Unlock()
	for range min(blocks, len(w.hoarded)) {
		i, last := w.random.IntN(len(w.hoarded)), len(w.hoarded)-1
		w.heap().Free(w.hoarded[i], mem.Scratch)
		w.hoarded[i], w.hoarded = w.hoarded[last], w.hoarded[:last]
	}
}
