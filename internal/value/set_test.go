// Shown here: a set answers as a Go map does, is sound after every step, and has the encoding that
// Redis's rules give, told apart in the model; members picked by chance have equal chances; and
// where memory is refused, nothing has changed.

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

// setModel is a set and its encoding, by Redis's rules as its documentation of the directives and its
// behaviour tell them.
type setModel struct {
	members  map[string]bool
	encoding string // "": there is no set
}

func isInteger(member string) bool {
	n, err := strconv.ParseInt(member, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == member
}

// begin gives an absent set the encoding for its first member, of so many.
func (m *setModel) begin(l *keyspace.Limits, first string, expected int) {
	switch {
	case isInteger(first) && expected <= l.SetIntsetEntries:
		m.encoding = "intset"
	case expected <= l.SetPackEntries:
		m.encoding = "listpack"
	default:
		m.encoding = "hashtable"
	}
}

func (m *setModel) add(l *keyspace.Limits, member string) (added bool) {
	if m.members[member] {
		return false
	}
	packs := len(m.members) < l.SetPackEntries && len(member) <= l.SetPackValue
	switch {
	case m.encoding == "intset" && isInteger(member):
		if len(m.members) >= l.SetIntsetEntries {
			m.encoding = "hashtable"
		}
	case m.encoding == "intset":
		m.encoding = "listpack"
		for old := range m.members {
			packs = packs && len(old) <= l.SetPackValue
		}
		fallthrough
	case m.encoding == "listpack":
		if !packs {
			m.encoding = "hashtable"
		}
	}
	m.members[member] = true
	return true
}

func (m *setModel) addAll(l *keyspace.Limits, members []string) (added int) {
	switch {
	case m.encoding == "":
		m.begin(l, members[0], len(members))
	case m.encoding == "intset" && len(members) > l.SetIntsetEntries, m.encoding == "listpack" && len(members) > l.SetPackEntries:
		m.encoding = "hashtable"
	}
	for _, member := range members {
		if m.add(l, member) {
			added++
		}
	}
	return added
}

func (m *setModel) remove(member string) (removed bool) {
	removed = m.members[member]
	delete(m.members, member)
	if len(m.members) == 0 {
		m.encoding = ""
	}
	return removed
}

// setWorld is a keyspace with sets, and their models.
type setWorld struct {
	t      testing.TB
	seed   uint64
	step   int
	random *rand.Rand
	tx     *keyspace.Tx
	limits keyspace.Limits
	model  map[string]*setModel
}

// newSetWorld makes a keyspace that is found empty of memory when the test has emptied it.
func newSetWorld(t testing.TB, seed uint64, heap mem.Options) *setWorld {
	t.Helper()
	ks, err := keyspace.New(keyspace.Options{Shards: 1, Databases: 1, Heap: heap})
	if err != nil {
		t.Fatal(err)
	}
	w := &setWorld{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), tx: ks.NewTx(),
		limits: keyspace.DefaultLimits, model: map[string]*setModel{}}
	w.tx.SetNow(1_700_000_000_000)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		w.tx.LockAll()
		w.tx.Flush(-1, false)
		w.tx.Unlock()
		for w.tx.FreeLazily() {
		}
		if used := ks.UsedMemory(); used != 0 {
			t.Errorf("seed %d: %d bytes are left", seed, used)
		}
		if err := ks.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *setWorld) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, step %d: %s", w.seed, w.step, fmt.Sprintf(format, args...))
}

// setLimits puts limits in force; those of the model are never changed afterwards.
func (w *setWorld) setLimits(l keyspace.Limits) {
	w.limits = l
	w.tx.Keyspace().SetLimits(&l)
}

func (w *setWorld) modelOf(name string) *setModel {
	m := w.model[name]
	if m == nil {
		m = &setModel{members: map[string]bool{}}
		w.model[name] = m
	}
	return m
}

// member draws one; kinds of them choose the shapes.
func (w *setWorld) member(kind int) string {
	n := w.random.Int64N(60)
	switch {
	case kind == 0 || kind == 1 && w.random.IntN(40) > 0:
		return strconv.FormatInt(n*n*n*n*n*n*n*(1-2*(n&1)), 10)
	case w.random.IntN(30) == 0:
		return strings.Repeat("long", 10+int(n))
	case w.random.IntN(8) == 0:
		return []string{"", "0", "-0", "01", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "a\x00b"}[n%8]
	}
	return "m" + strconv.FormatInt(n, 10)
}

// inKey runs f on a set, and afterwards compares the set with its model.
func (w *setWorld) inKey(name string, f func(k *keyspace.Key, s Set, m *setModel)) {
	w.t.Helper()
	w.tx.LockAll()
	defer w.tx.Unlock()
	k := w.tx.Key(0, []byte(name), keyspace.Peek)
	s, err := SetAt(&k)
	if err != nil {
		w.fatal("SetAt: %v", err)
	}
	f(&k, s, w.modelOf(name))
	k = w.tx.Key(0, []byte(name), keyspace.Peek)
	w.compare(&k, w.modelOf(name))
}

func (w *setWorld) compare(k *keyspace.Key, m *setModel) {
	w.t.Helper()
	s, err := SetAt(k)
	if err != nil {
		w.fatal("SetAt: %v", err)
	}
	if err := s.Verify(); err != nil {
		w.fatal("%v", err)
	}
	if s.Len() != len(m.members) || k.Exists() != (len(m.members) > 0) {
		w.fatal("Len() = %d, exists %t; want %d", s.Len(), k.Exists(), len(m.members))
	}
	if k.Exists() && k.Encoding() != m.encoding {
		w.fatal("encoding is %s, want %s, of %d members, limits %+v", k.Encoding(), m.encoding, s.Len(), w.limits)
	}
	seen := map[string]bool{}
	s.Each(func(member Member) bool {
		text := string(member.AppendTo(nil))
		if seen[text] || !m.members[text] {
			w.fatal("Each hands out %q, which is there (%t) or was seen (%t)", text, m.members[text], seen[text])
		}
		seen[text] = true
		if !s.Has([]byte(text)) || !s.HasMember(member) {
			w.fatal("Has(%q) = false", text)
		}
		return true
	})
	if len(seen) != len(m.members) {
		w.fatal("Each hands out %d members of %d", len(seen), len(m.members))
	}
}

// TestSetAgainstModel also changes the limits under the sets.
func TestSetAgainstModel(t *testing.T) {
	for range 40 {
		seed := chance.Seed(t)
		w := newSetWorld(t, seed, mem.Options{})
		adding := 2 + w.random.IntN(6)
		for w.step = range 400 {
			if w.random.IntN(60) == 0 || w.step == 0 {
				l := keyspace.DefaultLimits
				l.SetIntsetEntries, l.SetPackEntries, l.SetPackValue = w.random.IntN(50), w.random.IntN(50), 1+w.random.IntN(80)
				w.setLimits(l)
			}
			name := string(rune('a' + w.random.IntN(3)))
			w.inKey(name, func(k *keyspace.Key, s Set, m *setModel) {
				if w.random.IntN(10) < adding {
					kind := int(name[0] - 'a') // so that there are sets of integers alone
					if w.random.IntN(40) == 0 {
						kind = w.random.IntN(3)
					}
					w.addSome(s, m, kind)
				} else {
					w.takeSome(k, s, m)
				}
			})
			if w.random.IntN(10) == 0 {
				w.store()
			}
		}
	}
}

func (w *setWorld) addSome(s Set, m *setModel, kind int) {
	w.t.Helper()
	count := 1
	switch w.random.IntN(12) {
	case 0:
		count = 1 + w.random.IntN(300)
	case 1, 2:
		count = 1 + w.random.IntN(5)
	}
	var texts []string
	var members [][]byte
	for range count {
		texts = append(texts, w.member(kind))
		members = append(members, []byte(texts[len(texts)-1]))
	}
	want := m.addAll(&w.limits, texts)
	if added, err := s.AddAll(members); added != want || err != nil {
		w.fatal("AddAll(%.200q) = %d, %v; want %d", texts, added, err, want)
	}
}

func (w *setWorld) takeSome(k *keyspace.Key, s Set, m *setModel) {
	w.t.Helper()
	size := len(m.members)
	switch op := w.random.IntN(6); {
	case op == 0 || size == 0:
		text := w.member(w.random.IntN(3))
		if got, err := s.Remove([]byte(text)); got != m.remove(text) || err != nil {
			w.fatal("Remove(%q) = %t, %v", text, got, err)
		}
	case op == 1:
		p := s.Random(w.random)
		text := string(p.AppendTo(nil))
		if err := s.Drop(p); err != nil || !m.remove(text) {
			w.fatal("Random() = %q, which is not there, or Drop: %v", text, err)
		}
	case op == 2 && size > 1:
		w.pop(s, m, 1+w.random.IntN(size-1))
	case op == 3:
		w.different(m, 1+w.random.IntN(size), func(count int, fn func(Member)) { s.Sample(w.random, count, fn) })
	case op == 4:
		s.Draw(w.random, int64(w.random.IntN(20)), func(member Member) {
			if text := string(member.AppendTo(nil)); !m.members[text] {
				w.fatal("Draw hands out %q", text)
			}
		})
	default:
		seen := map[string]bool{}
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			cursor = s.Scan(cursor, func(member Member) { seen[string(member.AppendTo(nil))] = true })
		}
		if len(seen) != size {
			w.fatal("Scan hands out %d members of %d", len(seen), size)
		}
	}
}

// different demands that pick hands out count different members of the model.
func (w *setWorld) different(m *setModel, count int, pick func(count int, fn func(Member))) map[string]bool {
	w.t.Helper()
	seen := map[string]bool{}
	pick(count, func(member Member) {
		text := string(member.AppendTo(nil))
		if seen[text] || !m.members[text] {
			w.fatal("%q was picked, and is there (%t) or was picked before (%t)", text, m.members[text], seen[text])
		}
		seen[text] = true
	})
	if len(seen) != count {
		w.fatal("%d members were picked, want %d", len(seen), count)
	}
	return seen
}

// pop removes count members. Where few are left, the set's shape is chosen anew.
func (w *setWorld) pop(s Set, m *setModel, count int) {
	w.t.Helper()
	gone := w.different(m, count, func(count int, fn func(Member)) {
		if err := s.Pop(w.random, count, fn); err != nil {
			w.fatal("Pop(%d): %v", count, err)
		}
	})
	anew := (len(m.members)-count)*5 <= count
	for text := range gone {
		m.remove(text)
	}
	if anew {
		fresh := setModel{members: map[string]bool{}, encoding: "listpack"}
		if m.encoding == "intset" {
			fresh.encoding = "intset"
		}
		for text := range m.members {
			fresh.add(&w.limits, text)
		}
		*m = fresh
	}
}

// store builds the union of two sets, or what SINTERSTORE makes of one, and stores it in a third.
func (w *setWorld) store() {
	w.t.Helper()
	w.tx.LockAll()
	defer w.tx.Unlock()
	one, two := w.tx.Key(0, []byte("a"), keyspace.Peek), w.tx.Key(0, []byte("b"), keyspace.Peek)
	to := w.tx.Key(0, []byte("c"), keyspace.Peek)
	starts := []keyspace.Shape{keyspace.Alt, keyspace.Pack, keyspace.InBig}
	start := starts[w.random.IntN(len(starts))]
	b := NewSetBuilder(&to, start)
	m := setModel{members: map[string]bool{}, encoding: []string{"listpack", "intset", "hashtable"}[start]}
	mixed := false
	add := func(member Member) bool {
		text := string(member.AppendTo(nil))
		mixed = mixed || !isInteger(text)
		if added, err := b.Add(member); err != nil || added != m.add(&w.limits, text) {
			w.fatal("Add(%q) = %t, %v", text, added, err)
		}
		return true
	}
	for i, k := range []*keyspace.Key{&one, &two} {
		b.Distinct = i == 0
		s, _ := SetAt(k)
		s.Each(add)
	}
	if w.random.IntN(2) == 0 {
		b.Compact()
		if !mixed && len(m.members) <= w.limits.SetIntsetEntries {
			m.encoding = "intset"
		}
	}
	if b.Len() != len(m.members) {
		w.fatal("the built set has %d members, want %d", b.Len(), len(m.members))
	}
	if b.Len() == 0 || w.random.IntN(4) == 0 {
		b.Discard()
		return
	}
	if to.Exists() && w.random.IntN(2) == 0 {
		if err := to.SetDeadline(1_800_000_000_000); err != nil {
			w.fatal("%v", err)
		}
	}
	if err := b.Store(&to); err != nil {
		w.fatal("Store: %v", err)
	}
	if to.Deadline() != keyspace.NoDeadline {
		w.fatal("what is stored has the deadline of what was there")
	}
	*w.modelOf("c") = m
	w.compare(&to, &m)
}

// TestSetRefusedMemory makes memory short at random: a change is made whole or not at all.
func TestSetRefusedMemory(t *testing.T) {
	refused, granted := 0, 0
	for range 20 {
		seed := chance.Seed(t)
		w := newSetWorld(t, seed, mem.Options{Limit: 1 << 20})
		var hoard []mem.Ref
		for w.step = range 300 {
			w.tx.LockAll()
			k := w.tx.Key(0, []byte("a"), keyspace.Peek)
			heap := k.Heap()
			for range w.random.IntN(len(hoard) + 1) {
				heap.Free(hoard[len(hoard)-1], mem.Scratch)
				hoard = hoard[:len(hoard)-1]
			}
			for size := 64 << 10; size >= 8 && w.random.IntN(3) > 0; size /= 2 {
				for r := heap.Alloc(size, mem.Scratch); r != 0; r = heap.Alloc(size, mem.Scratch) {
					hoard = append(hoard, r)
				}
			}
			s, _ := SetAt(&k)
			before := textsOf(s)
			var members [][]byte
			for range 1 + w.random.IntN(4)*w.random.IntN(40) {
				members = append(members, []byte(w.member(w.random.IntN(3))))
			}
			var err error
			switch {
			case len(before) > 1 && w.random.IntN(3) == 0:
				err = s.Pop(w.random, 1+w.random.IntN(len(before)-1), func(Member) {})
			default:
				_, err = s.AddAll(members)
			}
			if err == nil {
				granted++
			} else if refused++; err != keyspace.ErrOutOfMemory {
				w.fatal("%v", err)
			} else if after := textsOf(s); !slices.Equal(before, after) {
				w.fatal("after a refusal the set is %q, was %q", after, before)
			}
			if err := s.Verify(); err != nil {
				w.fatal("%v", err)
			}
			w.tx.Unlock()
		}
		w.tx.LockAll()
		k := w.tx.Key(0, []byte("a"), keyspace.Peek)
		for _, r := range hoard {
			k.Heap().Free(r, mem.Scratch)
		}
		w.tx.Unlock()
	}
	if refused < 200 || granted < 200 {
		t.Errorf("%d changes refused, %d granted: the test shows little", refused, granted)
	}
}

func textsOf(s Set) (texts []string) {
	s.Each(func(m Member) bool {
		texts = append(texts, string(m.AppendTo(nil)))
		return true
	})
	slices.Sort(texts)
	return texts
}

// TestSetChances counts how often each member is picked, in each shape and each way, and compares
// with equal chances: the statistic is beyond the bound once in 10^9 runs.
func TestSetChances(t *testing.T) {
	const size, rounds = 100, 1500
	seed := chance.Seed(t)
	for _, shape := range []string{"intset", "listpack", "hashtable"} {
		w := newSetWorld(t, seed, mem.Options{})
		l := keyspace.DefaultLimits
		l.SetPackEntries = 10 * size
		if shape == "hashtable" {
			l.SetPackEntries, l.SetIntsetEntries = 0, 0
		}
		w.setLimits(l)
		w.tx.LockAll()
		k := w.tx.Key(0, []byte("a"), keyspace.Peek)
		s, _ := SetAt(&k)
		if shape == "listpack" {
			s.Add([]byte("x"))
		}
		for i := range size {
			s.Add([]byte(strconv.Itoa(i)))
		}
		if shape == "listpack" {
			s.Remove([]byte("x"))
		}
		if k.Encoding() != shape {
			t.Fatalf("the set is %s, want %s", k.Encoding(), shape)
		}
		for _, way := range []struct {
			name string
			pick func(fn func(Member))
			each int // members picked at once
		}{
			{"Random", func(fn func(Member)) { fn(s.Random(w.random).Member) }, 1},
			{"Draw", func(fn func(Member)) { s.Draw(w.random, 5, fn) }, 5},
			{"Sample few", func(fn func(Member)) { s.Sample(w.random, 5, fn) }, 5},
			{"Sample many", func(fn func(Member)) { s.Sample(w.random, 75, fn) }, 75},
			{"Pop", func(fn func(Member)) { w.popAndPutBack(&k, 20, fn) }, 20},
			{"Pop most", func(fn func(Member)) { w.popAndPutBack(&k, 95, fn) }, 95},
		} {
			counts := map[string]int{}
			for range rounds {
				way.pick(func(m Member) { counts[string(m.AppendTo(nil))]++ })
			}
			p := float64(way.each) / size
			mean := rounds * p
			variance := mean * max(1-p, 1.0/size)
			if way.name == "Draw" {
				variance = mean
			}
			statistic := 0.0
			for i := range size {
				d := float64(counts[strconv.Itoa(i)]) - mean
				statistic += d * d / variance
			}
			// A sum of so many squares has mean size and deviation √(2·size).
			if bound := size + 9*math.Sqrt(2*size); statistic > bound {
				t.Errorf("seed %d: %s, %s: the statistic is %.0f, bound %.0f", seed, shape, way.name, statistic, bound)
			}
		}
		w.tx.Unlock()
	}
}

// popAndPutBack pops members, hands them to fn, and adds them again.
func (w *setWorld) popAndPutBack(k *keyspace.Key, count int, fn func(Member)) {
	s, _ := SetAt(k)
	var gone [][]byte
	if err := s.Pop(w.random, count, func(m Member) {
		fn(m)
		gone = append(gone, m.AppendTo(nil))
	}); err != nil {
		w.fatal("%v", err)
	}
	if _, err := s.AddAll(gone); err != nil {
		w.fatal("%v", err)
	}
}

// TestSmallSetsAllocateNothing shows it for what keeps a set's shape.
func TestSmallSetsAllocateNothing(t *testing.T) {
	for _, members := range [][]string{{"1", "2", "300"}, {"a", "b", "1"}, {"a", strings.Repeat("b", 100), "c"}} {
		w := newSetWorld(t, 1, mem.Options{})
		w.tx.LockAll()
		k := w.tx.Key(0, []byte("a"), keyspace.Peek)
		s, _ := SetAt(&k)
		for _, m := range members {
			s.Add([]byte(m))
		}
		extra, absent, room := [][]byte{[]byte("77")}, []byte("nosuch"), make([]byte, 0, 128)
		if got := testing.AllocsPerRun(100, func() {
			s.AddAll(extra)
			if !s.Has(extra[0]) || s.Has(absent) {
				t.Fatal("Has is wrong")
			}
			s.Remove(extra[0])
			p := s.Random(w.random)
			text := p.AppendTo(room[:0])
			if !s.HasMember(p.Member) {
				t.Fatal("HasMember is wrong")
			}
			s.Drop(p)
			s.Add(text)
			s.Each(func(m Member) bool { return m.Len() > 0 })
		}); got != 0 {
			t.Errorf("a set of %q (%s): %v allocations, want 0", members, k.Encoding(), got)
		}
		w.tx.Unlock()
	}
}

// TestSetOrder shows that integers are handed out ascending, as Redis does.
func TestSetOrder(t *testing.T) {
	w := newSetWorld(t, 1, mem.Options{})
	w.tx.LockAll()
	defer w.tx.Unlock()
	k := w.tx.Key(0, []byte("a"), keyspace.Peek)
	s, _ := SetAt(&k)
	if _, err := s.AddAll([][]byte{[]byte("30"), []byte("-5"), []byte("100000")}); err != nil {
		t.Fatal(err)
	}
	var got []int64
	s.Each(func(m listpack.Value) bool {
		got = append(got, m.Int)
		return true
	})
	if want := []int64{-5, 30, 100000}; !slices.Equal(got, want) || !s.IsIntset() {
		t.Errorf("Each hands out %d, want %d", got, want)
	}
}
