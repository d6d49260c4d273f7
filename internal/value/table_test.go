// Shown here: a table of elements answers as a Go map does, and is sound after every step; it counts
// its bytes exactly and gives all of them back; and what a save reads, whatever is changed, refused
// or broken off between its pieces, are the elements as of the cut, each once.

package value

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// content is what the model knows of an element, beside its name.
type content struct {
	value    string
	number   uint64
	numbered bool
}

// fixture is a table, the heap under it, and the model of both: what is there now, and what of the
// elements as of the cut has not been read yet.
type fixture struct {
	t       testing.TB
	seed    uint64
	step    int
	random  *rand.Rand
	heap    *mem.Heap
	table   *table
	model   map[string]content
	unread  map[string]content // nil: no save under way
	held    int64
	scratch []mem.Ref // blocks that make memory short
	mutant  bool      // what is removed is not set aside
}

func newHeap(t testing.TB, options mem.Options) *mem.Heap {
	t.Helper()
	heap, err := mem.NewHeap(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if used := heap.Used(); used != 0 && !t.Failed() {
			t.Errorf("%d bytes are left in the heap", used)
		}
		if err := heap.Close(); err != nil {
			t.Error(err)
		}
	})
	return heap
}

func newFixture(t testing.TB, seed uint64, options mem.Options) *fixture {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	heap := newHeap(t, options)
	return &fixture{t: t, seed: seed, random: random, heap: heap,
		table: newTable(heap, random.IntN(2) == 0), model: map[string]content{}}
}

func (f *fixture) fatal(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("seed %d, step %d: %s", f.seed, f.step, fmt.Sprintf(format, args...))
}

// nameOf makes names of all lengths of their length, by number.
func nameOf(n uint64) []byte {
	name := binary.LittleEndian.AppendUint32(nil, uint32(n))
	switch n % 97 {
	case 0:
		name = append(name, bytes.Repeat([]byte("n"), 260)...)
	case 1:
		name = append(name, bytes.Repeat([]byte("N"), 70_000)...)
	}
	if n == 2 {
		name = nil
	}
	return name
}

// randomContent draws an element's content; most are short.
func (f *fixture) randomContent() content {
	c := content{numbered: f.random.IntN(3) == 0}
	if c.numbered {
		c.number = f.random.Uint64()
	}
	if f.table.values {
		length := f.random.IntN(12)
		switch f.random.IntN(60) {
		case 0:
			length = 250 + f.random.IntN(10)
		case 1:
			length = 65_530 + f.random.IntN(10)
		}
		value := make([]byte, length)
		for i := range value {
			value[i] = byte(f.random.Uint32())
		}
		c.value = string(value)
	}
	return c
}

func (c content) element(name []byte) element {
	return element{name: name, value: []byte(c.value), number: c.number, numbered: c.numbered}
}

func contentOf(e *element) content {
	return content{value: string(e.value), number: e.number, numbered: e.numbered}
}

// find looks a name up and compares with the model.
func (f *fixture) find(name []byte) place {
	f.t.Helper()
	p := f.table.find(name)
	want, there := f.model[string(name)]
	if p.found() != there {
		f.fatal("find(%.20q): %t, want %t", name, p.found(), there)
	}
	if there {
		e := f.table.at(p)
		if got := contentOf(&e); got != want || !bytes.Equal(e.name, name) {
			f.fatal("at(%.20q) is %.20q: %.60v, want %.60v", name, e.name, got, want)
		}
	}
	return p
}

// put writes an element in one of the ways there are, and tells whether memory was granted.
func (f *fixture) put(name []byte) (granted bool) {
	f.t.Helper()
	p, c := f.find(name), f.randomContent()
	switch old, there := f.model[string(name)]; {
	case there && f.random.IntN(4) == 0:
		r := f.table.make(c.element(name))
		if granted = r != 0; granted {
			f.table.replace(p, r)
		}
	case there && old.numbered && f.table.isMutable(f.table.ref(p)) && f.random.IntN(4) == 0:
		c = content{old.value, f.random.Uint64(), true}
		f.table.setNumber(f.table.ref(p), c.number)
		granted = true
	default:
		r := f.table.put(p, c.element(name))
		if granted = r != 0; granted && f.table.find(name).found() && f.table.ref(f.table.find(name)) != r {
			f.fatal("put(%.20q) is not at the block it returned", name)
		}
	}
	if granted {
		f.model[string(name)] = c
	}
	f.find(name)
	return granted
}

// sound verifies the table and compares the counts.
func (f *fixture) sound() {
	f.t.Helper()
	if err := f.table.Verify(); err != nil {
		f.fatal("%v", err)
	}
	if f.table.Len() != len(f.model) {
		f.fatal("Len() = %d, want %d", f.table.Len(), len(f.model))
	}
	// A table counts its directory too, which is not in the heap, and not what a save holds.
	blocks, index := f.heap.UsedFor(mem.Values).Bytes-uint64(f.held), f.heap.UsedFor(mem.Index).Bytes
	if got, most := f.table.Bytes(), blocks+index+16+index/256; got < blocks+index || got > most {
		f.fatal("Bytes() = %d, want %d to %d", got, blocks+index, most)
	}
}

// item is how these tests save an element: name and content, each part with its length.
func (f *fixture) item(dst []byte, e *element) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(e.name))), e.name...)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.value))), e.value...)
	dst = binary.LittleEndian.AppendUint64(dst, e.number)
	if e.numbered {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func part(b []byte) (p, rest []byte) {
	n, size := binary.Uvarint(b)
	return b[size : size+int(n)], b[size+int(n):]
}

// read saves a piece and takes it off what is unread.
func (f *fixture) read(limit int) (more bool) {
	f.t.Helper()
	out, more := f.table.appendUnsaved([]byte("head"), limit, f.item)
	if string(out[:4]) != "head" {
		f.fatal("a piece begins with %q", out[:4])
	}
	for b := out[4:]; len(b) > 0; {
		var name, value []byte
		name, b = part(b)
		value, b = part(b)
		got := content{string(value), binary.LittleEndian.Uint64(b), b[8] == 1}
		b = b[9:]
		want, due := f.unread[string(name)]
		if !due || got != want {
			f.fatal("saved %.20q: %.60v, want (%t) %.60v", name, got, due, want)
		}
		delete(f.unread, string(name))
	}
	if !more && len(f.unread) > 0 {
		f.fatal("%d elements were not saved", len(f.unread))
	}
	return more
}

func (f *fixture) cut() {
	f.table.cut(func(bytes int64) { f.held += bytes })
	f.unread = maps.Clone(f.model)
	if got := f.table.countAtCut(); got != len(f.unread) {
		f.fatal("countAtCut() = %d, want %d", got, len(f.unread))
	}
}

func (f *fixture) endSave() {
	f.table.endSave()
	f.unread = nil
	if f.held != 0 {
		f.fatal("%d bytes are held after the save", f.held)
	}
}

// saving does the next step of a save: begin, read a piece, or end, in time or before.
func (f *fixture) saving(patience int) {
	f.t.Helper()
	switch {
	case f.unread == nil:
		f.cut()
	case f.random.IntN(patience) == 0:
		f.endSave()
	default:
		if !f.read(f.random.IntN(400)) {
			f.endSave()
		}
	}
}

// remove removes an element that is there.
func (f *fixture) remove(name []byte) {
	f.t.Helper()
	p := f.find(name)
	if !p.found() {
		return
	}
	save := f.table.save
	if f.mutant {
		f.table.save = nil
	}
	f.table.remove(p)
	f.table.save = save
	delete(f.model, string(name))
}

// trial is a test that is to fail.
type trial struct {
	testing.TB
	failed *string
}

func (t trial) Fatalf(format string, args ...any) {
	*t.failed = fmt.Sprintf(format, args...)
	panic(t.failed)
}

// TestTableProofNotices takes the set-aside of removed elements out: the model must miss them.
func TestTableProofNotices(t *testing.T) {
	for range 20 {
		if failed := runMutant(t); failed != "" {
			t.Logf("noticed: %s", failed)
			return
		}
	}
	t.Error("elements that are removed during a save need not be saved, says the test")
}

// runMutant runs a round of the model on a table that sets nothing aside, and returns how it failed.
func runMutant(t *testing.T) (failed string) {
	heap, err := mem.NewHeap(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = heap.Close() // the round is broken off, with blocks that nobody frees
		if r := recover(); r != nil && r != any(&failed) {
			panic(r)
		}
	}()
	seed := chance.Seed(t)
	f := &fixture{t: trial{t, &failed}, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), heap: heap,
		table: newTable(heap, true), model: map[string]content{}, mutant: true}
	for f.step = range 2000 {
		switch name := nameOf(2 + f.random.Uint64N(90)); f.random.IntN(3) {
		case 0:
			f.saving(1000)
		case 1:
			f.remove(name)
		default:
			f.put(name)
		}
	}
	return ""
}

// TestTableAgainstModel also shows that many broken-off saves in a row confuse no epochs: some rounds
// have little patience.
func TestTableAgainstModel(t *testing.T) {
	for round := range 60 {
		f := newFixture(t, chance.Seed(t), mem.Options{})
		space := uint64(1) << f.random.IntN(11)
		shrink, save, patience := 1+f.random.IntN(9), 1+f.random.IntN(40), 2+f.random.IntN(60)
		if round%4 == 0 {
			save, patience = 3, 1
		}
		for f.step = range 1500 {
			name := nameOf(f.random.Uint64N(space))
			switch {
			case f.random.IntN(save) == 0:
				f.saving(patience)
			case f.random.IntN(10) < shrink:
				f.remove(name)
			case !f.put(name):
				f.fatal("memory was refused")
			}
			if f.step%50 == 0 {
				f.sound()
				f.visits()
			}
		}
		f.sound()
		f.finish()
	}
}

// visits compares what each, scan and random hand out with the model.
func (f *fixture) visits() {
	f.t.Helper()
	seen := map[string]bool{}
	f.table.each(func(r mem.Ref) bool {
		name := string(f.table.name(r))
		if _, there := f.model[name]; !there || seen[name] {
			f.fatal("each hands out %.20q, which is there (%t) or was seen (%t)", name, there, seen[name])
		}
		seen[name] = true
		return true
	})
	scanned := map[string]bool{}
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		cursor = f.table.scan(cursor, func(r mem.Ref) { scanned[string(f.table.name(r))] = true })
	}
	if len(seen) != len(f.model) || len(scanned) != len(f.model) {
		f.fatal("each hands out %d, scan %d, want %d", len(seen), len(scanned), len(f.model))
	}
	if len(f.model) > 0 {
		name := string(f.table.name(f.table.random(f.random)))
		if _, there := f.model[name]; !there {
			f.fatal("random hands out %.20q", name)
		}
	}
}

// finish ends the save, compares a clone, and frees both slice by slice.
func (f *fixture) finish() {
	f.t.Helper()
	if f.unread != nil {
		for f.read(1 << 10) {
		}
		if f.random.IntN(2) == 0 {
			f.endSave()
		}
	}
	other := newHeap(f.t, mem.Options{})
	clone := f.table.cloneTo(other, nil)
	if clone == nil {
		f.fatal("cloneTo was refused memory")
	}
	if err := clone.Verify(); err != nil {
		f.fatal("clone: %v", err)
	}
	original, heap := f.table, f.heap
	f.table, f.heap = clone, other
	f.sound()
	for name := range f.model {
		f.find([]byte(name))
	}
	f.release(clone)
	f.table, f.heap = original, heap
	f.release(original)
}

// release frees a table in slices, sound in between.
func (f *fixture) release(t *table) {
	f.t.Helper()
	for !t.free(1 + f.random.IntN(300)) {
		if err := t.Verify(); err != nil {
			f.fatal("half freed: %v", err)
		}
	}
	if t.Len() != 0 || t.Bytes() != 0 {
		f.fatal("%d elements and %d bytes are left", t.Len(), t.Bytes())
	}
}

// TestTableRefusedMemory makes memory short at random: a change is made whole or not at all.
func TestTableRefusedMemory(t *testing.T) {
	refused, granted, clones := 0, 0, 0
	for range 20 {
		f := newFixture(t, chance.Seed(t), mem.Options{Limit: 1 << 20})
		for f.step = range 2000 {
			switch f.random.IntN(8) {
			case 0:
				f.hoard()
			case 1:
				f.give(1 + f.random.IntN(200))
			case 2:
				f.saving(10)
			case 3:
				if c := f.table.cloneTo(f.heap, nil); c == nil {
					clones++
				} else {
					f.release(c)
				}
			}
			name := nameOf(2 + f.random.Uint64N(90))
			if p := f.find(name); p.found() && f.random.IntN(3) == 0 {
				f.table.remove(p)
				delete(f.model, string(name))
			} else if f.put(name) {
				granted++
			} else {
				refused++
			}
			f.sound()
		}
		f.give(len(f.scratch))
		f.finish()
	}
	if refused < 1000 || granted < 1000 || clones < 100 {
		t.Errorf("%d changes and %d clones refused, %d changes granted: the test shows little", refused, clones, granted)
	}
}

// hoard takes all the memory that a small element could be given.
func (f *fixture) hoard() {
	for size := 8; size <= 64<<10; size *= 2 {
		for r := f.heap.Alloc(size, mem.Scratch); r != 0; r = f.heap.Alloc(size, mem.Scratch) {
			f.scratch = append(f.scratch, r)
		}
	}
}

// give gives up to n random blocks of the hoard back.
func (f *fixture) give(n int) {
	for range min(n, len(f.scratch)) {
		i, last := f.random.IntN(len(f.scratch)), len(f.scratch)-1
		f.heap.Free(f.scratch[i], mem.Scratch)
		f.scratch[i] = f.scratch[last]
		f.scratch = f.scratch[:last]
	}
}
