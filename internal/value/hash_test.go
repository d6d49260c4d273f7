// Shown here: a hash answers as a Go map does, its fields end in time, it is sound after every step
// and leaves its compact form at the limits; what a save reads of a large one are its fields as of the
// cut; and where memory is refused, what changes together has not changed.

package value

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/internal/keyspace"
	"tarn/internal/mem"
	"tarn/test/chance"
)

// fieldModel is what a field holds, and when it ends; keyspace.NoDeadline for never.
type fieldModel struct {
	value    string
	deadline int64
}

// hashWorld is a keyspace with hashes, and their models: the fields that have not ended.
type hashWorld struct {
	t      testing.TB
	seed   uint64
	step   int
	random *rand.Rand
	tx     *keyspace.Tx
	limits keyspace.Limits
	now    int64
	model  map[string]map[string]fieldModel
	large  map[string]bool // in a table
	saves  map[string]*hashSave
	hoard  []mem.Ref // blocks that make memory short
	short  bool      // memory is made short at times: what has ended may stay
	denied int       // changes that were refused memory
}

// hashSave is a save of a large hash: what it has still to hand out, and what it may.
type hashSave struct {
	big    *bigHash
	unread map[string]fieldModel
	cutAt  int64
	timed  bool
	held   int64
}

func newHashWorld(t testing.TB, seed uint64, heap mem.Options) *hashWorld {
	t.Helper()
	ks, err := keyspace.New(keyspace.Options{Shards: 1, Databases: 1, Heap: heap})
	if err != nil {
		t.Fatal(err)
	}
	w := &hashWorld{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), tx: ks.NewTx(), limits: keyspace.DefaultLimits,
		now: 1_700_000_000_000, model: map[string]map[string]fieldModel{}, large: map[string]bool{}, saves: map[string]*hashSave{}}
	ks.OnFieldsDue(ExpireFields)
	w.tx.SetNow(w.now)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		w.tx.LockAll()
		for name := range w.saves {
			w.endSave(name)
		}
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

func (w *hashWorld) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, step %d: %s", w.seed, w.step, fmt.Sprintf(format, args...))
}

func (w *hashWorld) field() string {
	n := w.random.IntN(40)
	switch w.random.IntN(12) {
	case 0:
		return strings.Repeat("long", n)
	case 1:
		return []string{"", "0", "-0", "01", "9223372036854775807", "9223372036854775808", "a\x00b"}[n%7]
	case 2, 3, 4:
		return strconv.Itoa(n * n * n)
	}
	return "f" + strconv.Itoa(n)
}

func (w *hashWorld) value() string {
	switch w.random.IntN(10) {
	case 0:
		return strings.Repeat("v", w.random.IntN(300))
	case 1:
		return ""
	}
	return strconv.FormatInt(int64(w.random.Uint64())>>w.random.IntN(64), 10)
}

// deadline draws one: none, or a time that will come soon.
func (w *hashWorld) deadline() int64 {
	if w.random.IntN(3) == 0 {
		return keyspace.NoDeadline
	}
	return w.now + 1 + w.random.Int64N(300)
}

// grows tells whether a hash of so many fields, with such texts among them, goes to a table, as in Redis.
func (w *hashWorld) grows(fields int, texts ...string) bool {
	return fields > w.limits.HashPackEntries || slices.ContainsFunc(texts, func(s string) bool { return len(s) > w.limits.HashPackValue })
}

// inKey runs f on a hash, as commands do: after what has ended has gone.
func (w *hashWorld) inKey(name string, f func(k *keyspace.Key, h *Hash, m map[string]fieldModel)) {
	w.t.Helper()
	w.tx.LockAll()
	defer w.tx.Unlock()
	m := w.model[name]
	if m == nil {
		m = map[string]fieldModel{}
		w.model[name] = m
	}
	k := w.tx.Key(0, []byte(name), keyspace.Peek)
	h, err := HashAt(&k, w.now)
	if err != nil {
		w.fatal("HashAt: %v", err)
	}
	w.compare(&k, &h, m)
	if w.saves[name] != nil && len(m) == 0 {
		w.endSave(name)
	}
	if _, err := h.Expire(1 + w.random.IntN(2)<<20); err == nil {
		if !k.Exists() {
			w.large[name] = false // what f makes is another hash
		}
		f(&k, &h, m)
	}
	w.look(name)
}

// look compares a hash with its model.
func (w *hashWorld) look(name string) {
	w.t.Helper()
	k := w.tx.Key(0, []byte(name), keyspace.Peek)
	h, err := HashAt(&k, w.now)
	if err != nil {
		w.fatal("HashAt: %v", err)
	}
	w.compare(&k, &h, w.model[name])
	if !k.Exists() {
		w.large[name] = false
	} else if got := k.Encoding() == "hashtable"; got != w.large[name] {
		w.fatal("%s: encoding is %s, in a table: want %t; %d fields, limits %+v", name, k.Encoding(), w.large[name], h.Len(), w.limits)
	}
	if s := w.saves[name]; s != nil && (!k.Exists() || k.Shape() != keyspace.InBig || k.Big() != keyspace.Big(s.big)) {
		w.fatal("%s: a hash that is saved has lost its key", name)
	}
}

func (w *hashWorld) compare(k *keyspace.Key, h *Hash, m map[string]fieldModel) {
	w.t.Helper()
	if err := h.Verify(); err != nil {
		w.fatal("%v", err)
	}
	if h.Len() != len(m) || len(m) > 0 && !k.Exists() {
		w.fatal("Len() = %d, exists %t; want %d", h.Len(), k.Exists(), len(m))
	}
	seen := map[string]fieldModel{}
	h.Each(func(field, value Item, deadline int64) bool {
		name := string(field.AppendTo(nil))
		if _, again := seen[name]; again {
			w.fatal("Each hands out %q twice", name)
		}
		seen[name] = fieldModel{string(value.AppendTo(nil)), deadline}
		v, at, ok := h.GetTimed([]byte(name))
		if !ok || at != deadline || string(v.AppendTo(nil)) != seen[name].value {
			w.fatal("GetTimed(%q) = %v, %d, %t; Each says %v", name, v, at, ok, seen[name])
		}
		return true
	})
	if !maps.Equal(seen, m) {
		w.fatal("fields are %v, want %v", seen, m)
	}
	absent := w.field()
	if _, there := m[absent]; !there {
		if v, ok := h.Get([]byte(absent)); ok {
			w.fatal("Get(%q) = %v, which is absent", absent, v)
		}
	}
	if len(m) == 0 {
		return
	}
	count := 1 + w.random.IntN(len(m))
	drawn := map[string]bool{}
	h.Sample(w.random, count, func(field, value Item) {
		name := string(field.AppendTo(nil))
		if m[name].value != string(value.AppendTo(nil)) || drawn[name] {
			w.fatal("Sample hands out %q: %v, again %t", name, value, drawn[name])
		}
		drawn[name] = true
	})
	if len(drawn) != count {
		w.fatal("Sample hands out %d, want %d", len(drawn), count)
	}
	h.Draw(w.random, 3, func(field, _ Item) {
		if _, there := m[string(field.AppendTo(nil))]; !there {
			w.fatal("Draw hands out %v", field)
		}
	})
}

// pass lets time go by, and sometimes has the sweep delete what has ended.
func (w *hashWorld) pass() {
	w.t.Helper()
	w.now += w.random.Int64N(60)
	w.tx.SetNow(w.now)
	for _, m := range w.model {
		maps.DeleteFunc(m, func(_ string, f fieldModel) bool { return f.deadline != keyspace.NoDeadline && f.deadline <= w.now })
	}
	if w.random.IntN(2) > 0 {
		return
	}
	for name, m := range w.model {
		if w.saves[name] != nil && len(m) == 0 {
			w.tx.LockAll()
			w.endSave(name)
			w.tx.Unlock()
		}
	}
	w.tx.Sweep(w.now, time.Minute, func() time.Duration { return 0 })
	w.tx.LockAll()
	for name, m := range w.model {
		k := w.tx.Key(0, []byte(name), keyspace.Peek)
		if k.Exists() != (len(m) > 0) && !w.short {
			w.fatal("%s exists after the sweep: %t, with %d fields", name, k.Exists(), len(m))
		}
		w.look(name)
	}
	w.tx.Unlock()
}

// change makes one change of one of the kinds there are.
func (w *hashWorld) change(k *keyspace.Key, name string, h *Hash, m map[string]fieldModel) {
	w.t.Helper()
	field, value := w.field(), w.value()
	old, there := m[field]
	switch w.random.IntN(8) {
	case 0, 1:
		keep := int64(keyspace.NoDeadline)
		want := fieldModel{value, keyspace.NoDeadline}
		if w.random.IntN(2) == 0 {
			if keep = Keep; there {
				want.deadline = old.deadline
			}
		}
		added, err := h.Set([]byte(field), []byte(value), keep)
		if w.refused(err) {
			return // nothing has changed, as look will see
		}
		if added == there {
			w.fatal("Set(%q): added %t, want %t", field, added, !there)
		}
		m[field] = want
		w.large[name] = w.large[name] || w.grows(len(m), field, value)
	case 2, 3:
		w.putSome(name, h, m)
	case 4:
		if !w.mayEnd(name, m, 1) {
			return
		}
		found, err := h.Delete([]byte(field))
		if w.refused(err) {
			return
		}
		if found != there {
			w.fatal("Delete(%q) = %t, want %t", field, found, there)
		}
		delete(m, field)
	case 5:
		w.removeSome(name, h, m)
	default:
		w.timeSome(name, k, h, m)
	}
}

// refused tells whether an error is that memory was refused, which must be possible, or nil.
func (w *hashWorld) refused(err error) bool {
	w.t.Helper()
	if err == nil {
		return false
	}
	if err != keyspace.ErrOutOfMemory || !w.short {
		w.fatal("%v", err)
	}
	w.denied++
	return true
}

// squeeze takes all memory that a small block could be given, or gives some of it back.
func (w *hashWorld) squeeze(take bool) {
	w.tx.LockAll()
	defer w.tx.Unlock()
	k := w.tx.Key(0, []byte("a"), keyspace.Peek)
	heap := k.Heap()
	for size := 8; take && size <= 64<<10; size *= 2 {
		for r := heap.Alloc(size, mem.Scratch); r != 0; r = heap.Alloc(size, mem.Scratch) {
			w.hoard = append(w.hoard, r)
		}
	}
	for n := w.random.IntN(200); !take && n > 0 && len(w.hoard) > 0; n-- {
		i, last := w.random.IntN(len(w.hoard)), len(w.hoard)-1
		heap.Free(w.hoard[i], mem.Scratch)
		w.hoard[i] = w.hoard[last]
		w.hoard = w.hoard[:last]
	}
}

// mayEnd tells whether the next change cannot delete a hash that is being saved.
func (w *hashWorld) mayEnd(name string, m map[string]fieldModel, fields int) bool {
	return w.saves[name] == nil || len(m) > fields
}

// putSome writes several fields, some with a deadline.
func (w *hashWorld) putSome(name string, h *Hash, m map[string]fieldModel) {
	w.t.Helper()
	pairs := 1 + w.random.IntN(6)
	next, large := maps.Clone(m), w.large[name]
	wasLarge := h.IsLarge()
	h.Begin(new([]byte))
	err := h.Expect(pairs)
	large = large || pairs > w.limits.HashPackEntries
	for range pairs {
		if err != nil {
			break
		}
		field, value, deadline := w.field(), w.value(), w.deadline()
		_, there := next[field]
		var added bool
		if added, err = h.Put([]byte(field), []byte(value), deadline); err != nil {
			break
		}
		if added == there {
			w.fatal("Put(%q): added %t, want %t", field, added, !there)
		}
		next[field] = fieldModel{value, deadline}
		large = large || w.grows(len(next), field, value)
	}
	if err == nil {
		err = h.End()
	} else {
		h.Abort()
	}
	if !w.refused(err) || wasLarge {
		w.model[name], w.large[name] = next, large
	}
}

func (w *hashWorld) removeSome(name string, h *Hash, m map[string]fieldModel) {
	w.t.Helper()
	count := 1 + w.random.IntN(12)
	if !w.mayEnd(name, m, count) || len(m) == 0 {
		return
	}
	next := maps.Clone(m)
	h.Begin(new([]byte))
	for range count {
		field := w.field()
		_, there := next[field]
		if found, err := h.Remove([]byte(field)); found != there || err != nil {
			w.fatal("Remove(%q) = %t, %v; want %t", field, found, err, there)
		}
		delete(next, field)
	}
	if !w.refused(h.End()) {
		w.model[name] = next
	}
}

// timeSome gives several fields a deadline, or none.
func (w *hashWorld) timeSome(name string, k *keyspace.Key, h *Hash, m map[string]fieldModel) {
	w.t.Helper()
	if len(m) == 0 {
		return
	}
	next, wasLarge := maps.Clone(m), h.IsLarge()
	h.Begin(new([]byte))
	var err error
	for _, field := range slices.Sorted(maps.Keys(m)) {
		if w.random.IntN(3) > 0 {
			continue
		}
		deadline := w.deadline()
		if err = h.SetDeadline([]byte(field), deadline); err != nil {
			break
		}
		next[field] = fieldModel{next[field].value, deadline}
	}
	if err == nil {
		err = h.End()
	} else {
		h.Abort()
	}
	if !w.refused(err) || wasLarge {
		w.model[name] = next
	}
}

// saving takes a large hash's save a step further.
func (w *hashWorld) saving(name string) {
	w.t.Helper()
	w.tx.LockAll()
	defer w.tx.Unlock()
	k := w.tx.Key(0, []byte(name), keyspace.Peek)
	s := w.saves[name]
	switch {
	case s == nil && k.Exists() && k.Shape() == keyspace.InBig && len(w.model[name]) > 0:
		s = &hashSave{big: k.Big().(*bigHash), unread: maps.Clone(w.model[name]), cutAt: w.now}
		w.saves[name] = s
		s.big.Cut(func(bytes int64) { s.held += bytes })
		s.timed = s.big.Facts().(HashFacts).Deadlines
	case s != nil && w.random.IntN(20) == 0:
		w.endSave(name)
	case s != nil:
		out, more := s.big.Save(nil, w.random.IntN(300))
		w.take(s, out)
		if !more && len(s.unread) > 0 {
			w.fatal("%d fields were not saved: %v", len(s.unread), s.unread)
		}
		if !more {
			w.endSave(name)
		}
	}
}

// take takes what has been saved off what is unread. A field that had ended at the cut may come too.
func (w *hashWorld) take(s *hashSave, items []byte) {
	w.t.Helper()
	for len(items) > 0 {
		var field, value, end []byte
		field, items = part(items)
		value, items = part(items)
		got := fieldModel{string(value), keyspace.NoDeadline}
		if s.timed {
			end, items = part(items)
			got.deadline = endOf(int64(binary.LittleEndian.Uint64(end)))
		}
		want, due := s.unread[string(field)]
		if due && got != want || !due && (got.deadline == keyspace.NoDeadline || got.deadline > s.cutAt) {
			w.fatal("saved %q: %v, want (%t) %v", field, got, due, want)
		}
		delete(s.unread, string(field))
	}
}

func (w *hashWorld) endSave(name string) {
	s := w.saves[name]
	s.big.EndSave()
	if s.held != 0 {
		w.fatal("%d bytes are held after a save", s.held)
	}
	delete(w.saves, name)
}

func (w *hashWorld) run(steps int) {
	w.t.Helper()
	for w.step = range steps {
		name := string(rune('a' + w.random.IntN(3)))
		switch w.random.IntN(12) {
		case 0:
			w.pass()
		case 1, 2:
			w.saving(name)
		case 3:
			if w.random.IntN(6) == 0 {
				l := keyspace.DefaultLimits
				l.HashPackEntries, l.HashPackValue = w.random.IntN(40), w.random.IntN(400)
				w.limits = l
				w.tx.Keyspace().SetLimits(&l)
			}
		case 4:
			w.copy(name)
			if w.short {
				w.squeeze(w.random.IntN(3) == 0)
			}
		default:
			w.inKey(name, func(k *keyspace.Key, h *Hash, m map[string]fieldModel) { w.change(k, name, h, m) })
		}
		if w.step%20 == 0 {
			if err := w.tx.Verify(); err != nil && len(w.saves) == 0 {
				w.fatal("keyspace: %v", err)
			}
		}
	}
}

// copy copies one hash to another key.
func (w *hashWorld) copy(name string) {
	w.t.Helper()
	to := string(rune('a' + w.random.IntN(3)))
	if to == name || w.saves[to] != nil || len(w.model[name]) == 0 {
		return
	}
	w.tx.LockAll()
	defer w.tx.Unlock()
	k := w.tx.Key(0, []byte(name), keyspace.Peek)
	other := w.tx.Key(0, []byte(to), keyspace.Peek)
	if k.CopyTo(&other) == nil {
		w.model[to], w.large[to] = maps.Clone(w.model[name]), w.large[name]
	}
	w.look(to)
}

func TestHashAgainstModel(t *testing.T) {
	for range 40 {
		newHashWorld(t, chance.Seed(t), mem.Options{}).run(600)
	}
}

// TestHashRefusedMemory makes memory short at random.
func TestHashRefusedMemory(t *testing.T) {
	denied := 0
	for range 15 {
		w := newHashWorld(t, chance.Seed(t), mem.Options{Limit: 1 << 20})
		w.short = true
		w.run(1200)
		denied += w.denied
		for len(w.hoard) > 0 {
			w.squeeze(false)
		}
	}
	if denied < 300 {
		t.Errorf("%d changes were refused memory: the test shows little", denied)
	}
}
