// Shown here, against a map that is sorted whenever order is asked for: sorted sets of any shape hold
// what was put into them, in order, at the ranks and within the bounds they say; they grow at the
// limits and not before; a save reads what was there at its cut, whatever happens meanwhile; and all
// memory comes back. Every step is followed by now and then a full Verify.

package value

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
	"tarn/test/chance"
)

// zsetWorld is one key, its model, and a save of it that may be under way.
type zsetWorld struct {
	t      *testing.T
	seed   uint64
	step   int
	random *rand.Rand
	ks     *keyspace.Keyspace
	tx     *keyspace.Tx
	key    keyspace.Key
	limits keyspace.Limits
	model  map[string]float64
	wasBig bool

	saving  *bigZSet
	atCut   map[string]float64
	saved   []byte
	holding int64
}

func newZSetWorld(t *testing.T, seed uint64) *zsetWorld {
	w := &zsetWorld{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), model: map[string]float64{}}
	ks, err := keyspace.New(keyspace.Options{Shards: 1, Databases: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.ks, w.tx = ks, ks.NewTx()
	w.limits = keyspace.DefaultLimits
	w.limits.ZSetPackEntries = w.random.IntN(60)
	w.limits.ZSetPackValue = w.random.IntN(40)
	ks.SetLimits(&w.limits)
	w.tx.LockAll()
	w.key = w.tx.Key(0, []byte("zset"), keyspace.ForWrite)
	t.Cleanup(func() {
		w.tx.Unlock()
		if err := ks.Close(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	})
	return w
}

func (w *zsetWorld) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d step %d: %s", w.seed, w.step, fmt.Sprintf(format, args...))
}

func (w *zsetWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.fatal("%v", err)
	}
}

func (w *zsetWorld) zset() ZSet {
	z, err := ZSetAt(&w.key)
	w.must(err)
	return z
}

// sorted returns the model in order.
func (w *zsetWorld) sorted() []Scored {
	var all []Scored
	for name, score := range w.model {
		all = append(all, Scored{[]byte(name), score})
	}
	slices.SortFunc(all, func(a, b Scored) int {
		if a.Score != b.Score {
			return map[bool]int{true: -1, false: 1}[a.Score < b.Score]
		}
		return bytes.Compare(a.Member, b.Member)
	})
	return all
}

// randomMember returns one of few members: integers, short text, and now and then long text.
func (w *zsetWorld) randomMember() []byte {
	n := w.random.IntN(150)
	switch w.random.IntN(12) {
	case 0:
		return []byte(strings.Repeat("x", w.random.IntN(70)))
	case 1, 2, 3:
		return fmt.Append(nil, n*n-50)
	case 4:
		return fmt.Append(nil, math.MaxInt64-n%3)
	}
	return fmt.Append(nil, "m", n)
}

var edgeScores = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, -0.5, 1e-300, 5e-324, 1e17, 1 << 52, 1<<53 + 2, 1 << 62, -(1 << 62), 1 << 63, 1e300,
	math.Inf(1), math.Inf(-1), math.MaxFloat64, 127, 128, 4095, 4096, -4096, 32767, 32768, 8388607, 2147483648,
}

func (w *zsetWorld) randomScore() float64 {
	switch w.random.IntN(4) {
	case 0:
		return edgeScores[w.random.IntN(len(edgeScores))]
	case 1:
		return w.random.NormFloat64()
	}
	return float64(w.random.IntN(20))
}

func (w *zsetWorld) put() {
	member, score := w.randomMember(), w.randomScore()
	z := w.zset()
	s := z.Find(member)
	before, ok := w.model[string(member)]
	if s.Exists != ok || s.Score != before {
		w.fatal("Find(%q) = %v, %v; want %v, %v", member, s.Exists, s.Score, ok, before)
	}
	if s.Exists && s.Score == score {
		return
	}
	if !s.Exists {
		w.wasBig = w.wasBig || len(w.model)+1 > w.limits.ZSetPackEntries || len(member) > w.limits.ZSetPackValue
	}
	w.must(z.Put(&s, score))
	w.model[string(member)] = score
}

func (w *zsetWorld) remove() {
	member := w.randomMember()
	z := w.zset()
	s := z.Find(member)
	if _, ok := w.model[string(member)]; ok != s.Exists {
		w.fatal("Find(%q) = %v, want %v", member, s.Exists, ok)
	}
	if s.Exists {
		w.leaving(1)
		w.must(z.Remove(&s))
		delete(w.model, string(member))
	}
}

// leaving is told before members leave: a save of a set whose last ones do is ended by its key.
func (w *zsetWorld) leaving(members int) {
	if members == len(w.model) {
		w.endSave()
	}
}

func (w *zsetWorld) removeRanks() {
	all := w.sorted()
	if len(all) == 0 {
		return
	}
	from := w.random.IntN(len(all))
	to := min(len(all), from+w.random.IntN(1+w.random.IntN(len(all))))
	w.leaving(to - from)
	w.must(w.zset().RemoveRanks(from, to))
	for _, s := range all[from:to] {
		delete(w.model, string(s.Member))
	}
}

// look compares everything that can be asked.
func (w *zsetWorld) look() {
	w.t.Helper()
	z, all := w.zset(), w.sorted()
	w.must(z.Verify())
	if z.Len() != len(all) {
		w.fatal("Len() = %d, want %d", z.Len(), len(all))
	}
	if len(all) == 0 {
		w.wasBig = false
		if w.key.Exists() {
			w.fatal("an empty set has a key")
		}
		return
	}
	if z.isBig() != w.wasBig {
		w.fatal("large is %v, want %v", z.isBig(), w.wasBig)
	}
	for rank, s := range all {
		got, score, ok := z.Rank(s.Member)
		if !ok || got != rank || score != s.Score {
			w.fatal("Rank(%q) = %d, %v, %v; want %d, %v", s.Member, got, score, ok, rank, s.Score)
		}
	}
	from := w.random.IntN(len(all) + 1)
	to := from + w.random.IntN(len(all)+1-from)
	w.lookAt(from, to, false)
	w.lookAt(from, to, true)
	w.lookByScore(all)
	w.lookByName(all)
	w.lookAtScan()
}

func (w *zsetWorld) lookAt(from, to int, reverse bool) {
	w.t.Helper()
	want := slices.Clone(w.sorted()[from:to])
	if reverse {
		slices.Reverse(want)
	}
	var got []Scored
	w.zset().Each(from, to, reverse, func(m Member, score float64) bool {
		got = append(got, Scored{m.AppendTo(nil), score})
		return true
	})
	if !slices.EqualFunc(got, want, func(a, b Scored) bool { return string(a.Member) == string(b.Member) && a.Score == b.Score }) {
		w.fatal("Each(%d, %d, %v) gives %v, want %v", from, to, reverse, got, want)
	}
}

func (w *zsetWorld) lookByScore(all []Scored) {
	w.t.Helper()
	r := ScoreRange{Min: w.randomScore(), Max: w.randomScore(), MinOpen: w.random.IntN(2) == 0, MaxOpen: w.random.IntN(2) == 0}
	if w.random.IntN(2) == 0 {
		r.Min, r.Max = all[w.random.IntN(len(all))].Score, all[w.random.IntN(len(all))].Score
	}
	from, to := w.zset().ScoreRanks(&r)
	for rank, s := range all {
		in := (s.Score > r.Min || s.Score == r.Min && !r.MinOpen) && (s.Score < r.Max || s.Score == r.Max && !r.MaxOpen)
		if in != (rank >= from && rank < to) {
			w.fatal("ScoreRanks(%+v) = %d, %d; score %v of rank %d", r, from, to, s.Score, rank)
		}
	}
}

// lookByName asks for names when all scores are the same.
func (w *zsetWorld) lookByName(all []Scored) {
	w.t.Helper()
	if all[0].Score != all[len(all)-1].Score {
		return
	}
	bound := func() NameBound {
		b := NameBound{Name: w.randomMember(), Open: w.random.IntN(2) == 0}
		b.Least = w.random.IntN(8) == 0
		b.Most = !b.Least && w.random.IntN(8) == 0
		return b
	}
	r := NameRange{bound(), bound()}
	above := func(b *NameBound, name []byte) bool { // b lies below name
		order := bytes.Compare(name, b.Name)
		return b.Least || !b.Most && (order > 0 || order == 0 && !b.Open)
	}
	below := func(b *NameBound, name []byte) bool {
		order := bytes.Compare(name, b.Name)
		return b.Most || !b.Least && (order < 0 || order == 0 && !b.Open)
	}
	from, to := w.zset().NameRanks(&r)
	for rank, s := range all {
		if in := above(&r.Min, s.Member) && below(&r.Max, s.Member); in != (rank >= from && rank < to) {
			w.fatal("NameRanks(%+v) = %d, %d; %q of rank %d", r, from, to, s.Member, rank)
		}
	}
}

func (w *zsetWorld) lookAtScan() {
	w.t.Helper()
	got := map[string]float64{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = w.zset().Scan(cursor, func(m Member, score float64) { got[string(m.AppendTo(nil))] = score })
	}
	if !maps.Equal(got, w.model) {
		w.fatal("Scan gives %v, want %v", got, w.model)
	}
}

// save moves a save of a large set on: it begins, reads a little, or ends before its time.
func (w *zsetWorld) save() {
	switch {
	case w.saving == nil:
		if !w.key.Exists() || !w.zset().isBig() {
			return
		}
		w.saving, w.atCut, w.saved = w.zset().big(), maps.Clone(w.model), nil
		w.saving.Cut(func(bytes int64) { w.holding += bytes })
	case w.random.IntN(40) == 0:
		w.endSave()
	default:
		var more bool
		if w.saved, more = w.saving.Save(w.saved, w.random.IntN(300)); !more {
			w.compareSaved()
			w.endSave()
		}
	}
}

func (w *zsetWorld) endSave() {
	if w.saving == nil {
		return
	}
	w.saving.EndSave()
	w.saving = nil
	if w.holding != 0 {
		w.fatal("%d bytes are held after the save", w.holding)
	}
}

func (w *zsetWorld) compareSaved() {
	w.t.Helper()
	if w.saving.Count() != len(w.atCut) {
		w.fatal("Count() = %d, want %d", w.saving.Count(), len(w.atCut))
	}
	got := map[string]float64{}
	item := func() []byte {
		n, size := binary.Uvarint(w.saved)
		b := w.saved[size : size+int(n)]
		w.saved = w.saved[size+int(n):]
		return b
	}
	for len(w.saved) > 0 {
		name := item()
		if _, again := got[string(name)]; again {
			w.fatal("%q is saved twice", name)
		}
		got[string(name)] = math.Float64frombits(binary.LittleEndian.Uint64(item()))
	}
	if !maps.Equal(got, w.atCut) {
		w.fatal("saved %v, want %v", got, w.atCut)
	}
}

// store replaces the set by a new one.
func (w *zsetWorld) store() {
	w.endSave()
	w.model = map[string]float64{}
	w.wasBig = false
	for range 1 + w.random.IntN(2*w.limits.ZSetPackEntries+2) {
		w.model[string(w.randomMember())] = w.randomScore()
	}
	w.wasBig = len(w.model) > w.limits.ZSetPackEntries
	for name := range w.model {
		w.wasBig = w.wasBig || len(name) > w.limits.ZSetPackValue
	}
	w.must(StoreZSet(&w.key, w.sorted()))
}

// clone compares a copy of a large set with it.
func (w *zsetWorld) clone() {
	if !w.key.Exists() || !w.zset().isBig() {
		return
	}
	b, ok := w.zset().big().Clone(w.key.Heap())
	if !ok {
		w.fatal("no memory for a copy")
	}
	c := b.(*bigZSet)
	w.must(c.Verify())
	if c.Len() != len(w.model) || c.Encoding() != "skiplist" {
		w.fatal("a copy of %d members, want %d", c.Len(), len(w.model))
	}
	for name, score := range w.model {
		s := ZSpot{member: []byte(name)}
		if c.seek(&s); !s.Exists || s.Score != score {
			w.fatal("the copy has %q %v at %v, want %v", name, s.Exists, s.Score, score)
		}
	}
	for !c.Free(1 + w.random.IntN(50)) {
	}
}

func TestZSetAgainstModel(t *testing.T) {
	for range 12 {
		seed := chance.Seed(t)
		w := newZSetWorld(t, seed)
		sameScore := w.random.IntN(4) == 0
		for w.step = range 3000 {
			switch n := w.random.IntN(100); {
			case n < 50:
				w.put()
			case n < 70:
				w.remove()
			case n < 72:
				w.removeRanks()
			case n < 73:
				w.store()
			case n < 75:
				w.clone()
			default:
				w.save()
			}
			if len(w.model) == 0 {
				w.wasBig = false
			}
			if sameScore && w.step%100 == 0 {
				w.level()
			}
			if w.step%20 == 0 {
				w.look()
			}
		}
		w.endSave()
		w.key.Delete()
	}
}

// level gives all members the same score.
func (w *zsetWorld) level() {
	for name := range w.model {
		z := w.zset()
		if s := z.Find([]byte(name)); s.Score != 0 {
			w.must(z.Put(&s, 0))
		}
		w.model[name] = 0
	}
}

// TestPackedScores fixes how scores stand in listpacks: as redis-server 7.0.15 writes them.
func TestPackedScores(t *testing.T) {
	for _, tc := range []struct {
		score float64
		text  string
		whole bool
	}{
		{0, "0", true},
		{math.Copysign(0, -1), "0", true},
		{1e17, "100000000000000000", true},
		{1 << 62, "4611686018427387904", true},
		{-(1 << 62), "-4611686018427387904", true},
		{1 << 63, "9.2233720368547758e+18", false},
		{0.1, "0.10000000000000001", false},
		{1e-5, "1.0000000000000001e-05", false},
		{123456.789, "123456.789", false},
		{1e300, "1.0000000000000001e+300", false},
		{5e-324, "4.9406564584124654e-324", false},
		{math.Inf(1), "inf", false},
		{math.Inf(-1), "-inf", false},
	} {
		lp := packScored([]Scored{{[]byte("a"), tc.score}})
		v := listpack.Get(lp, listpack.Last(lp))
		if got := string(v.AppendTo(nil)); got != tc.text || v.IsInt != tc.whole {
			t.Errorf("%v is kept as %q, whole %v; want %q, %v", tc.score, got, v.IsInt, tc.text, tc.whole)
		}
		if got := scoreAt(lp, listpack.Last(lp)); got != tc.score {
			t.Errorf("%v reads back as %v", tc.score, got)
		}
	}
}

// TestZSetRefusedMemory shows that a change for which there is no memory leaves the set as it was.
func TestZSetRefusedMemory(t *testing.T) {
	h, err := mem.NewHeap(mem.Options{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	b := newBigZSet(h)
	refused := 0
	for i := 0; refused < 200; i++ {
		s := ZSpot{member: fmt.Append(nil, "member-", random.IntN(i+1), strings.Repeat("x", random.IntN(40)))}
		b.seek(&s)
		before, length := s, b.Len()
		score := random.Float64()
		if s.Exists && b.move(&s, score) || !s.Exists && b.insertScored(s.place, s.member, score) {
			continue
		}
		refused++
		s = ZSpot{member: s.member}
		if b.seek(&s); b.Len() != length || s.Exists != before.Exists || s.Score != before.Score {
			t.Fatalf("seed %d: refused memory changed %q: %v %v, was %v %v", seed, s.member, s.Exists, s.Score, before.Exists, before.Score)
		}
		if err := b.Verify(); refused%50 == 0 && err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if s.Exists {
			b.remove(&s)
		}
	}
	b.freeAll()
	if err := h.Close(); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}
