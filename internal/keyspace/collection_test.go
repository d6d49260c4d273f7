// Shown here: collections of every shape, as the keyspace keeps them. Random operations (splices,
// changes of Bigs, moves, copies, deadlines, deletions, flushes) are compared with a plain map, with
// Verify after every burst, and saves taken among them must hold exactly what was there at their cut,
// whether a value was saved by the walk, claimed by a writer, moved, or deleted before its turn.

package keyspace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tarn/internal/mem"
	"tarn/internal/resp"
	"tarn/test/chance"
)

// pile is a Big for tests: elements, a block each, in order.
type pile struct {
	heap  *mem.Heap
	refs  []mem.Ref
	sizes []int
	bytes uint64

	cutRefs  []mem.Ref // nil: not cut
	cutSizes []int
	saved    int
	cut      bool
	aside    map[mem.Ref]bool // replaced since the cut
	hold     func(int64)
}

func (p *pile) Len() int         { return len(p.refs) }
func (p *pile) Bytes() uint64    { return p.bytes }
func (p *pile) Encoding() string { return "pile" }

func (p *pile) add(b []byte) bool {
	r := p.heap.Alloc(len(b), mem.Values)
	if r == 0 {
		return false
	}
	copy(p.heap.Bytes(r, len(b)), b)
	p.refs, p.sizes = append(p.refs, r), append(p.sizes, len(b))
	p.bytes += uint64(p.heap.Size(r))
	return true
}

// remove drops an element; one that the save may need is kept aside.
func (p *pile) remove(i int) {
	r := p.refs[i]
	size := p.heap.Size(r)
	p.bytes -= uint64(size)
	if p.cut && p.cutHas(r) {
		p.aside[r] = true
		p.hold(int64(size))
	} else {
		p.heap.Free(r, mem.Values)
	}
	p.refs = append(p.refs[:i], p.refs[i+1:]...)
	p.sizes = append(p.sizes[:i], p.sizes[i+1:]...)
}

func (p *pile) cutHas(r mem.Ref) bool {
	for _, c := range p.cutRefs[p.saved:] {
		if c == r {
			return true
		}
	}
	return false
}

func (p *pile) Clone(to *mem.Heap) (Big, bool) {
	c := &pile{heap: to}
	for i, r := range p.refs {
		if !c.add(p.heap.Bytes(r, p.sizes[i])) {
			return nil, false
		}
	}
	return c, true
}

func (p *pile) Free(steps int) bool {
	for ; steps > 0 && len(p.refs) > 0; steps-- {
		p.remove(len(p.refs) - 1)
	}
	return len(p.refs) == 0
}

func (p *pile) Verify() error {
	var n uint64
	for _, r := range p.refs {
		n += uint64(p.heap.Size(r))
	}
	if n != p.bytes {
		return fmt.Errorf("%d bytes, said to be %d", n, p.bytes)
	}
	return nil
}

func (p *pile) Cut(hold func(int64)) {
	if p.cut {
		panic("cut twice")
	}
	p.cut, p.hold, p.saved, p.aside = true, hold, 0, map[mem.Ref]bool{}
	p.cutRefs, p.cutSizes = append([]mem.Ref(nil), p.refs...), append([]int(nil), p.sizes...)
}

func (p *pile) Count() int { return len(p.cutRefs) }

func (p *pile) Save(dst []byte, limit int) ([]byte, bool) {
	limit = min(limit, 300) // several slices for a small value
	for start := len(dst); p.saved < len(p.cutRefs) && len(dst)-start < limit; {
		r, size := p.cutRefs[p.saved], p.cutSizes[p.saved]
		dst = append(binary.AppendUvarint(dst, uint64(size)), p.heap.Bytes(r, size)...)
		p.drop(r)
		p.saved++
	}
	return dst, p.saved < len(p.cutRefs)
}

func (p *pile) drop(r mem.Ref) {
	if p.aside[r] {
		delete(p.aside, r)
		p.hold(-int64(p.heap.Size(r)))
		p.heap.Free(r, mem.Values)
	}
}

func (p *pile) EndSave() {
	for ; p.saved < len(p.cutRefs); p.saved++ {
		p.drop(p.cutRefs[p.saved])
	}
	p.cut, p.cutRefs, p.cutSizes = false, nil, nil
}

// thing is what a key of the model holds.
type thing struct {
	typ      Type
	shape    Shape
	parts    [][]byte // one for bytes
	deadline int64
}

func (v thing) String() string {
	return fmt.Sprintf("%s/%d %q until %d", v.typ, v.shape, v.parts, v.deadline)
}

func (v thing) clone() thing {
	parts := make([][]byte, len(v.parts))
	for i, p := range v.parts {
		parts[i] = bytes.Clone(p)
	}
	v.parts = parts
	return v
}

// shelf is the keyspace under test and its model.
type shelf struct {
	t     *testing.T
	r     *rand.Rand
	ks    *Keyspace
	tx    *Tx
	model [2]map[string]thing
	step  int
}

func (h *shelf) key(db int) Key {
	name := fmt.Appendf(nil, "key:%d", h.r.IntN(60))
	return h.tx.Key(db, name, ForWrite)
}

func (h *shelf) bytes(most int) []byte {
	b := make([]byte, 8+h.r.IntN(most)) // an Alt hash begins with a deadline
	for i := range b {
		b[i] = byte('a' + h.r.IntN(26))
	}
	return b
}

func (h *shelf) ok(err error) {
	if err != nil {
		h.t.Fatalf("step %d: %v", h.step, err)
	}
}

// op does one random operation on both sides.
func (h *shelf) op() {
	h.step++
	db := h.r.IntN(2)
	h.tx.LockAll()
	defer h.tx.Unlock()
	k := h.key(db)
	name, m := string(k.name), h.model[db]
	if !h.tx.Ready(db, k.name, k.hash) {
		return
	}
	old := m[name]
	if old.parts == nil {
		old.deadline = NoDeadline
	}
	switch h.r.IntN(12) {
	case 0, 1:
		v := thing{Type(1 + h.r.IntN(4)), Shape(h.r.IntN(2)), [][]byte{h.bytes(10 << h.r.IntN(12))}, old.deadline}
		if v.typ == Hash && v.shape == Alt {
			copy(v.parts[0], AppendDue(nil, NoDeadline))
		}
		h.ok(k.SetPacked(v.typ, v.shape, v.parts[0]))
		m[name] = v
	case 2, 3:
		v := thing{Type(1 + h.r.IntN(4)), InBig, nil, old.deadline}
		big := &pile{heap: k.Heap()}
		for range 1 + h.r.IntN(20) {
			b := h.bytes(60)
			big.add(b)
			v.parts = append(v.parts, b)
		}
		h.ok(k.SetBig(v.typ, big))
		m[name] = v
	case 4, 5, 6, 7:
		h.change(&k, m, name)
	case 8:
		if k.Exists() {
			h.ok(k.SetDeadline([]int64{NoDeadline, 1 << 50, 1<<50 + int64(h.r.IntN(9))}[h.r.IntN(3)]))
			v := m[name]
			v.deadline = k.Deadline()
			m[name] = v
		}
	case 9:
		if k.Delete() {
			k.Changed("del")
		}
		delete(m, name)
	case 10:
		h.transfer(&k, db)
	case 11:
		if h.r.IntN(20) == 0 {
			h.tx.Flush(db, h.r.IntN(2) == 0)
			h.model[db] = map[string]thing{}
		} else if k.Exists() {
			h.ok(k.SetString([]byte("text"), Plain, NoDeadline))
			delete(m, name)
			k.Delete()
		}
	}
}

// change changes a value in place.
func (h *shelf) change(k *Key, m map[string]thing, name string) {
	if !k.Exists() {
		return
	}
	v := m[name]
	if k.Shape() == InBig {
		big := k.EditBig().(*pile)
		if len(big.refs) > 1 && h.r.IntN(2) == 0 {
			i := h.r.IntN(len(big.refs))
			big.remove(i)
			v.parts = append(append([][]byte(nil), v.parts[:i]...), v.parts[i+1:]...)
		} else {
			b := h.bytes(60)
			big.add(b)
			v.parts = append(v.parts[:len(v.parts):len(v.parts)], b)
		}
		k.Changed("edit")
		m[name] = v
		return
	}
	had := v.parts[0]
	at := min(8+h.r.IntN(max(len(had)-7, 1)), len(had))
	del := h.r.IntN(len(had) - at + 1)
	ins := h.bytes(4 << h.r.IntN(11))[8:]
	b, err := k.Splice(at, del, len(ins))
	h.ok(err)
	copy(b[at:], ins)
	k.Changed("splice")
	want := append(append(bytes.Clone(had[:at]), ins...), had[at+del:]...)
	if !bytes.Equal(b, want) || !bytes.Equal(k.Packed(), want) {
		h.t.Fatalf("step %d: after Splice(%d, %d, %d) of %q: %q, want %q", h.step, at, del, len(ins), had, b, want)
	}
	v.parts = [][]byte{want}
	m[name] = v
}

// transfer copies or moves a value to another key.
func (h *shelf) transfer(k *Key, db int) {
	to := h.key(h.r.IntN(2))
	if !k.Exists() || to.db == k.db && string(to.name) == string(k.name) || !h.tx.Ready(to.db, to.name, to.hash) {
		return
	}
	v := h.model[db][string(k.name)]
	if h.r.IntN(2) == 0 {
		h.ok(k.CopyTo(&to))
	} else {
		h.ok(k.MoveTo(&to))
		delete(h.model[db], string(k.name))
	}
	h.model[to.db][string(to.name)] = v
}

// check compares both sides, and has the keyspace check itself.
func (h *shelf) check() {
	h.tx.LockAll()
	defer h.tx.Unlock()
	if err := h.tx.Verify(); err != nil {
		h.t.Fatalf("step %d: %v", h.step, err)
	}
	for db, m := range h.model {
		if n := h.tx.Len(db); n != len(m) {
			h.t.Fatalf("step %d: database %d has %d keys, want %d", h.step, db, n, len(m))
		}
		for name, want := range m {
			k := h.tx.Key(db, []byte(name), Peek)
			if !k.Exists() {
				h.t.Fatalf("step %d: %q of %d is missing", h.step, name, db)
			}
			got := thing{typ: k.Type(), shape: k.Shape(), deadline: k.Deadline()}
			if got.shape == InBig {
				big := k.Big().(*pile)
				for i, r := range big.refs {
					got.parts = append(got.parts, big.heap.Bytes(r, big.sizes[i]))
				}
			} else {
				got.parts = [][]byte{k.Packed()}
			}
			if got.String() != want.String() {
				h.t.Fatalf("step %d: %q of %d: got %v, want %v", h.step, name, db, got, want)
			}
		}
	}
}

// save takes a snapshot among operations and compares it with the model at the cut.
func (h *shelf) save(breakOff bool) {
	var s *Snapshot
	o := SnapshotOptions{Limit: 1 << (10 + h.r.IntN(12)), Pace: func(time.Duration) time.Duration {
		for range h.r.IntN(5) {
			h.op()
		}
		if breakOff && h.r.IntN(6) == 0 {
			s.Cancel()
		}
		return 0
	}}
	var want [2]map[string]thing
	for db := range want {
		want[db] = map[string]thing{}
		for name, v := range h.model[db] {
			want[db][name] = v.clone()
		}
	}
	s, err := h.tx.Begin(o)
	h.ok(err)
	for range h.r.IntN(100) {
		h.op()
	}
	h.check()
	err = s.Run(func(r *Record) error {
		got := thing{typ: r.Type, shape: r.Shape, deadline: r.Deadline}
		if r.Big != nil {
			for items, ok := r.Big.Next(); ok; items, ok = r.Big.Next() {
				for len(items) > 0 {
					n, w := binary.Uvarint(items)
					got.parts = append(got.parts, bytes.Clone(items[w:w+int(n)]))
					items = items[w+int(n):]
				}
			}
			if len(got.parts) != r.Big.Count {
				h.t.Errorf("%q: %d elements, said to be %d", r.Key, len(got.parts), r.Big.Count)
			}
		} else {
			got.parts = [][]byte{r.Value}
		}
		if w, ok := want[r.DB][string(r.Key)]; !ok || got.String() != w.String() && !breakOff {
			h.t.Errorf("step %d: saved %q of %d: got %v, want %v", h.step, r.Key, r.DB, got, w)
		}
		delete(want[r.DB], string(r.Key))
		for range h.r.IntN(3) {
			h.op()
		}
		return nil
	}, func() time.Duration { return 0 })
	if err == ErrCancelled && breakOff {
		return
	}
	h.ok(err)
	if n := len(want[0]) + len(want[1]); n > 0 {
		h.t.Errorf("step %d: %d keys are missing from the save", h.step, n)
	}
	if held, _, _ := s.Held(); held != 0 {
		h.t.Errorf("step %d: %d bytes are held after the save", h.step, held)
	}
}

func TestSnapshotOfCollections(t *testing.T) {
	for _, shards := range []int{1, 1, 4} {
		seed := chance.Seed(t)
		ks, err := New(Options{Shards: shards, Databases: 2})
		if err != nil {
			t.Fatal(err)
		}
		h := &shelf{t: t, r: rand.New(rand.NewPCG(seed, 0)), ks: ks, tx: ks.NewTx(), model: [2]map[string]thing{{}, {}}}
		h.tx.SetNow(1)
		for range 12 {
			for range 300 {
				h.op()
			}
			h.check()
			h.save(h.r.IntN(3) == 0)
			h.check()
			if h.r.IntN(2) == 0 {
				for h.tx.FreeLazily() {
				}
				h.check()
			}
		}
		for h.tx.FreeLazily() {
		}
		if err := ks.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("seed %#x, shards %d", seed, shards)
		}
	}
}

// TestReading reads values slice by slice while they are changed, moved and dropped: each reply must
// hold what was there when it began.
func TestReading(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	ks, err := New(Options{Shards: 1, Databases: 2})
	if err != nil {
		t.Fatal(err)
	}
	h := &shelf{t: t, r: r, ks: ks, tx: ks.NewTx(), model: [2]map[string]thing{{}, {}}}
	h.tx.SetNow(1)
	type reply struct {
		reading *Reading
		want    []byte
		w       resp.Writer
		more    bool
	}
	var open []*reply
	for range 3000 {
		h.op()
		if db := r.IntN(2); len(open) < 10 && r.IntN(2) == 0 {
			h.tx.LockAll()
			if k := h.key(db); k.Exists() && k.Type() != String && k.Shape() == InBig {
				big, next := k.Big().(*pile), 0
				p := &reply{more: true}
				p.w.Reset(nil, resp.RESP2)
				p.reading = k.Read(resp.RESP2, 0, func(w *resp.Writer, limit int) bool {
					for start := w.Len(); next < len(big.refs) && w.Len()-start < limit; next++ {
						w.Raw(big.heap.Bytes(big.refs[next], big.sizes[next]))
					}
					return next < len(big.refs)
				})
				p.want = bytes.Join(h.model[db][string(k.name)].parts, nil)
				open = append(open, p)
			}
			h.tx.Unlock()
		}
		if len(open) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(open))
			p := open[i]
			switch {
			case r.IntN(10) == 0:
				p.reading.Drop()
			case p.reading.Append(&p.w, 100):
				continue
			case !bytes.Equal(p.w.Buffer(), p.want):
				t.Fatalf("seed %#x: read %q, want %q", seed, p.w.Buffer(), p.want)
			}
			open = append(open[:i], open[i+1:]...)
		}
		if r.IntN(10) == 0 {
			h.tx.FreeLazily()
		}
	}
	for _, p := range open {
		p.reading.Drop()
	}
	h.check()
	for h.tx.FreeLazily() {
	}
	if err := ks.Close(); err != nil {
		t.Error(err)
	}
}

// TestReadingIsLimited changes a value that is being read, by a reader who takes no more than so much at
// once: what is made aside is counted, and the reply is known to be cut.
func TestReadingIsLimited(t *testing.T) {
	ks, err := New(Options{Shards: 1, Databases: 1})
	if err != nil {
		t.Fatal(err)
	}
	tx := ks.NewTx()
	tx.SetNow(1)
	read := func(parts int, atOnce int64) *Reading {
		tx.LockAll()
		defer tx.Unlock()
		k := tx.Key(0, []byte("k"), ForWrite)
		if err := k.SetBig(Hash, &pile{heap: k.Heap()}); err != nil {
			t.Fatal(err)
		}
		k.Changed("")
		reading := k.Read(resp.RESP2, atOnce, func(w *resp.Writer, limit int) bool {
			for start := w.Len(); parts > 0 && w.Len()-start < limit; parts-- {
				w.Raw(make([]byte, 1<<10))
			}
			return parts > 0
		})
		k.EditBig()
		k.Changed("")
		return reading
	}
	r := read(4<<10, 0)
	if r.IsCut() || r.Aside() != 4<<20 {
		t.Errorf("without a limit: cut %t, %d bytes aside, want %d", r.IsCut(), r.Aside(), 4<<20)
	}
	var w resp.Writer
	for r.Append(&w, 100<<10) {
		if got := int64(w.Len()) + r.Aside(); got != 4<<20 {
			t.Fatalf("%d bytes are handed out or aside, want %d", got, 4<<20)
		}
	}
	if r.Aside() != 0 || w.Len() != 4<<20 {
		t.Errorf("at the end %d bytes were handed out, %d are aside", w.Len(), r.Aside())
	}
	r = read(64<<10, 3<<20)
	if !r.IsCut() || r.Aside() < 3<<20 || r.Aside() > 5<<20 {
		t.Errorf("a limit of 3 MiB: cut %t, %d bytes aside", r.IsCut(), r.Aside())
	}
	w.Reset(nil, resp.RESP2)
	for range 1000 {
		if !r.Append(&w, 100<<10) {
			t.Fatal("a reply that was cut came to an end")
		}
	}
	if r.Drop(); r.Aside() != 0 {
		t.Errorf("%d bytes are aside after Drop", r.Aside())
	}
	for tx.FreeLazily() {
	}
	if err := ks.Close(); err != nil {
		t.Error(err)
	}
}
