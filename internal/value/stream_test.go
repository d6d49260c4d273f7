// Shown here: a stream does what a plain list of entries and maps of groups do, whatever its nodes'
// limits; it is sound and its bytes are exact after every step; a save, however interleaved with
// changes, hands out what was there at the cut, and a stream built from that is the same; a stream
// gives back all its memory; bytes from outside are refused or make a sound node, and no more.

package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/mem"
	"tarn/test/chance"
)

// streamModel is slow and obviously right.
type streamModel struct {
	entries []modelEntry
	groups  map[string]*modelGroup
}

type modelEntry struct {
	id   StreamID
	args string
}

type modelGroup struct {
	last      StreamID
	consumers map[string]bool
	pending   map[StreamID]modelPending
}

type modelPending struct {
	consumer string
	time     int64
	count    uint64
}

func (m *streamModel) clone() *streamModel {
	c := &streamModel{entries: slices.Clone(m.entries), groups: map[string]*modelGroup{}}
	for name, g := range m.groups {
		c.groups[name] = &modelGroup{g.last, maps.Clone(g.consumers), maps.Clone(g.pending)}
	}
	return c
}

// text writes a model out, to be compared.
func (m *streamModel) text() string {
	var b strings.Builder
	for _, e := range m.entries {
		fmt.Fprintf(&b, "%v %s\n", e.id, e.args)
	}
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		fmt.Fprintf(&b, "group %s %v %q\n", name, g.last, slices.Sorted(maps.Keys(g.consumers)))
		for _, id := range slices.SortedFunc(maps.Keys(g.pending), StreamID.Compare) {
			fmt.Fprintf(&b, "\t%v %v\n", id, g.pending[id])
		}
	}
	return b.String()
}

// modelOf reads a stream.
func modelOf(s *Stream) *streamModel {
	m := &streamModel{groups: map[string]*modelGroup{}}
	s.Range(StreamID{}, MaxStreamID, false, func(e *StreamEntry) bool {
		m.entries = append(m.entries, modelEntry{e.ID, textOfEntry(e)})
		return true
	})
	for _, g := range s.Groups() {
		mg := &modelGroup{g.LastID, map[string]bool{}, map[StreamID]modelPending{}}
		for _, c := range g.Consumers() {
			mg.consumers[c.Name] = true
			s.RangePending(g, c, StreamID{}, MaxStreamID, func(p StreamPending) bool {
				mg.pending[p.ID] = modelPending{c.Name, p.Time, p.Count}
				return true
			})
		}
		m.groups[g.Name] = mg
	}
	return m
}

func textOfEntry(e *StreamEntry) string {
	var b []byte
	for e.Fields > 0 {
		field, val := e.Next()
		b = append(val.AppendTo(append(field.AppendTo(b), '=')), ' ')
	}
	return string(b)
}

// streamRig is a stream, its model, and a save of it that may be under way.
type streamRig struct {
	t      *testing.T
	r      *rand.Rand
	seed   uint64
	step   int
	heap   *mem.Heap
	s      *Stream
	m      *streamModel
	limits StreamLimits
	now    int64

	cut   *streamModel // of the save under way
	saved []byte
	held  int64
}

func (g *streamRig) fail(format string, args ...any) {
	g.t.Helper()
	g.t.Fatalf("seed %d step %d: %s", g.seed, g.step, fmt.Sprintf(format, args...))
}

func TestStreamAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	for round := range 6 {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		heap := newStreamHeap(t)
		g := &streamRig{t: t, r: r, seed: seed, heap: heap, s: NewStream(heap), m: &streamModel{groups: map[string]*modelGroup{}}}
		g.limits = StreamLimits{NodeBytes: []int64{0, 200, 4096}[r.IntN(3)], NodeEntries: []int64{1, 3, 10, 100, 200}[r.IntN(5)]}
		weights := make([]int, len(streamSteps))
		for i := range weights {
			weights[i] = 1 + r.IntN(6)
		}
		weights[0] *= 4
		for g.step = range 1500 {
			g.now++
			at := r.IntN(sum(weights))
			i := 0
			for ; at >= weights[i]; i++ {
				at -= weights[i]
			}
			streamSteps[i](g)
			g.check()
		}
		g.finish()
	}
}

func sum(of []int) (n int) {
	for _, x := range of {
		n += x
	}
	return n
}

func newStreamHeap(t testing.TB) *mem.Heap {
	t.Helper()
	h, err := mem.NewHeap(mem.Options{Reserve: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// streamSteps are what may happen.
var streamSteps = []func(*streamRig){
	(*streamRig).add, (*streamRig).delete, (*streamRig).trim, (*streamRig).setID, (*streamRig).group,
	(*streamRig).give, (*streamRig).ack, (*streamRig).claim, (*streamRig).save, (*streamRig).clone,
}

func (g *streamRig) add() {
	for range 1 + g.r.IntN(10) {
		id := g.s.LastID()
		id.Ms, id.Seq = id.Ms+g.r.Uint64N(2)*g.r.Uint64N(300), id.Seq+1
		if g.r.IntN(10) == 0 && id.Ms > g.s.LastID().Ms {
			id.Seq = 0
		}
		var args [][]byte
		text := ""
		for i := range 1 + g.r.IntN(2) {
			field := fmt.Sprintf("f%d", i+g.r.IntN(8)/7)
			val := []string{"12", "-70000", "x", strings.Repeat("y", g.r.IntN(90)), "9223372036854775807"}[g.r.IntN(5)]
			args = append(args, []byte(field), []byte(val))
			text += field + "=" + val + " "
		}
		if !g.s.Append(id, args, g.limits) {
			g.fail("no memory")
		}
		g.m.entries = append(g.m.entries, modelEntry{id, text})
	}
}

// someID is the ID of an entry, or near one.
func (g *streamRig) someID() StreamID {
	if len(g.m.entries) == 0 || g.r.IntN(10) == 0 {
		return StreamID{g.r.Uint64N(3), g.r.Uint64N(5)}
	}
	id := g.m.entries[g.r.IntN(len(g.m.entries))].id
	if g.r.IntN(8) == 0 {
		id.Seq++
	}
	return id
}

func (g *streamRig) delete() {
	for range 1 + g.r.IntN(4) {
		id := g.someID()
		i := slices.IndexFunc(g.m.entries, func(e modelEntry) bool { return e.id == id })
		found, ok := g.s.Delete(id)
		if !ok || found != (i >= 0) {
			g.fail("Delete(%v) = %t, %t; want %t, true", id, found, ok, i >= 0)
		}
		if found {
			g.m.entries = slices.Delete(g.m.entries, i, i+1)
		}
	}
}

func (g *streamRig) trim() {
	t := StreamTrim{Approximate: g.r.IntN(2) == 0}
	drop := 0
	if n := len(g.m.entries); g.r.IntN(2) == 0 {
		drop = min(g.r.IntN(10+n/10), n)
		t.Length = uint64(n - drop)
	} else {
		t.ByID, t.ID = true, g.someID()
		drop = slices.IndexFunc(g.m.entries, func(e modelEntry) bool { return !e.id.Less(t.ID) })
		if drop < 0 {
			drop = n
		}
		if drop > 30 && g.r.IntN(20) > 0 {
			return
		}
	}
	removed := int(g.s.Trim(&t))
	if removed > drop || removed < drop && !t.Approximate {
		g.fail("Trim(%+v) = %d, want %d", t, removed, drop)
	}
	g.m.entries = g.m.entries[removed:]
}

func (g *streamRig) setID() {
	id := g.s.LastEntryID()
	switch g.r.IntN(4) {
	case 0:
		id.Ms += 5
	case 1:
		id.Seq++
	case 2:
		if g.r.IntN(10) != 0 {
			return
		}
		g.m.entries = nil
		for g.s.Len() > 0 {
			if g.s.Trim(&StreamTrim{Length: 0}) == 0 {
				g.fail("nothing was trimmed")
			}
		}
		id = StreamID{1, 1}
	}
	deleted := StreamID{}
	if !g.s.SetID(id, nil, &deleted) || g.s.LastID() != id {
		g.fail("SetID(%v): the last ID is %v", id, g.s.LastID())
	}
}

func (g *streamRig) group() {
	name := []string{"a", "b", "c"}[g.r.IntN(3)]
	group := g.s.Group([]byte(name))
	switch {
	case group == nil:
		last := g.someID()
		g.s.AddGroup([]byte(name), last, NotRead)
		g.m.groups[name] = &modelGroup{last, map[string]bool{}, map[StreamID]modelPending{}}
	case g.r.IntN(4) == 0:
		g.s.RemoveGroup(group)
		delete(g.m.groups, name)
	default:
		who := []string{"x", "y", "z"}[g.r.IntN(3)]
		mg := g.m.groups[name]
		if c := group.Consumer([]byte(who)); c == nil {
			g.s.AddConsumer(group, []byte(who), g.now)
			mg.consumers[who] = true
		} else if g.r.IntN(4) == 0 {
			removed := 0
			maps.DeleteFunc(mg.pending, func(_ StreamID, p modelPending) bool {
				if p.consumer == who {
					removed++
				}
				return p.consumer == who
			})
			if got := g.s.RemoveConsumer(group, c); got != removed {
				g.fail("RemoveConsumer = %d, want %d", got, removed)
			}
			delete(mg.consumers, who)
		}
	}
}

// reader returns some group with some consumer, if there are any.
func (g *streamRig) reader() (*StreamGroup, *StreamConsumer, *modelGroup) {
	for _, group := range g.s.Groups() {
		if n := len(group.Consumers()); n > 0 && g.r.IntN(2) == 0 {
			return group, group.Consumers()[g.r.IntN(n)], g.m.groups[group.Name]
		}
	}
	return nil, nil, nil
}

func (g *streamRig) give() {
	group, c, mg := g.reader()
	if group == nil {
		return
	}
	from, _ := group.LastID.Next()
	left := 1 + g.r.IntN(40)
	g.s.Range(from, MaxStreamID, false, func(e *StreamEntry) bool {
		if !g.s.Give(group, c, e.ID, g.now) {
			g.fail("no memory")
		}
		g.s.Pass(group, e.ID)
		mg.pending[e.ID] = modelPending{c.Name, g.now, 1}
		mg.last = e.ID
		left--
		return left > 0
	})
}

// pendingID is an ID pending in a group, or another.
func (g *streamRig) pendingID(mg *modelGroup) StreamID {
	if ids := slices.SortedFunc(maps.Keys(mg.pending), StreamID.Compare); len(ids) > 0 && g.r.IntN(10) > 0 {
		return ids[g.r.IntN(len(ids))]
	}
	return g.someID()
}

func (g *streamRig) ack() {
	group, _, mg := g.reader()
	if group == nil {
		return
	}
	for range 1 + g.r.IntN(5) {
		id := g.pendingID(mg)
		_, want := mg.pending[id]
		if got := g.s.RemovePending(group, id); got != want {
			g.fail("RemovePending(%v) = %t", id, got)
		}
		delete(mg.pending, id)
	}
}

func (g *streamRig) claim() {
	group, c, mg := g.reader()
	if group == nil {
		return
	}
	for range 1 + g.r.IntN(5) {
		id := g.pendingID(mg)
		p, found := g.s.FindPending(group, id)
		if _, want := mg.pending[id]; found != want {
			g.fail("FindPending(%v) = %t", id, found)
		}
		if !found {
			continue
		}
		to := StreamPending{Consumer: c, Time: g.now, Count: p.Count + 1}
		if !g.s.ChangePending(group, p, to) {
			g.fail("no memory")
		}
		mg.pending[id] = modelPending{c.Name, g.now, p.Count + 1}
	}
}

// save begins a save, goes on with it, or ends it.
func (g *streamRig) save() {
	if g.cut == nil {
		g.cut, g.saved = g.m.clone(), nil
		g.s.Cut(func(bytes int64) { g.held += bytes })
		if g.s.Count() != len(g.cut.entries) {
			g.fail("Count = %d, want %d", g.s.Count(), len(g.cut.entries))
		}
		return
	}
	var more bool
	g.saved, more = g.s.Save(g.saved, 1+g.r.IntN(2000))
	switch {
	case !more:
		g.endSave()
		g.rebuild()
	case g.r.IntN(60) == 0:
		g.endSave()
		g.cut = nil
	}
}

func (g *streamRig) endSave() {
	g.s.EndSave()
	if g.held != 0 {
		g.fail("%d bytes are held after the save", g.held)
	}
}

// rebuild builds a stream from what was saved.
func (g *streamRig) rebuild() {
	b := NewStreamBuilder(g.heap)
	for rest := g.saved; len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		if err := b.Add(rest[n : n+int(size)]); err != nil {
			g.fail("item %q: %v", rest[n], err)
		}
		rest = rest[n+int(size):]
	}
	s, err := b.Finish()
	if err != nil {
		g.fail("Finish: %v", err)
	}
	if err := s.Verify(); err != nil {
		g.fail("saved: %v", err)
	}
	if got, want := modelOf(s).text(), g.cut.text(); got != want {
		g.fail("saved is\n%s\nwant\n%s", got, want)
	}
	b.Abort()
	g.cut = nil
}

func (g *streamRig) clone() {
	if g.r.IntN(10) != 0 {
		return
	}
	c, ok := g.s.Clone(g.heap)
	if !ok {
		g.fail("no memory")
	}
	if got, want := modelOf(c.(*Stream)).text(), g.m.text(); got != want {
		g.fail("a copy is\n%s\nwant\n%s", got, want)
	}
	if err := c.Verify(); err != nil {
		g.fail("copy: %v", err)
	}
	for !c.Free(1 + g.r.IntN(50)) {
	}
}

func (g *streamRig) check() {
	g.t.Helper()
	if err := g.s.Verify(); err != nil {
		g.fail("%v", err)
	}
	if g.step%10 == 0 {
		if got, want := modelOf(g.s).text(), g.m.text(); got != want {
			g.fail("got\n%s\nwant\n%s", got, want)
		}
	}
	from, to := g.someID(), g.someID()
	var got, back, want []StreamID
	collect := func(into *[]StreamID) func(*StreamEntry) bool {
		return func(e *StreamEntry) bool { *into = append(*into, e.ID); return true }
	}
	g.s.Range(from, to, false, collect(&got))
	g.s.Range(from, to, true, collect(&back))
	for _, e := range g.m.entries {
		if !e.id.Less(from) && !to.Less(e.id) {
			want = append(want, e.id)
		}
	}
	slices.Reverse(back)
	if !slices.Equal(got, want) || !slices.Equal(back, want) {
		g.fail("Range(%v, %v) = %v, and backwards %v; want %v", from, to, got, back, want)
	}
}

func (g *streamRig) finish() {
	if g.cut != nil {
		g.s.EndSave()
		if g.held != 0 {
			g.fail("%d bytes are held after the save", g.held)
		}
	}
	for !g.s.Free(1 + g.r.IntN(100)) {
	}
	if used := g.heap.Used(); used != 0 {
		g.fail("%d bytes are left", used)
	}
}

// TestStreamItemsRefused damages what was saved: it is refused, or makes a sound stream.
// TestStreamEndMadeAnew shows that nodes which take the place of the last ones after the cut are not saved.
func TestStreamEndMadeAnew(t *testing.T) {
	for entries := range 5 {
		for saved := range 4 {
			heap := newStreamHeap(t)
			g := &streamRig{t: t, r: rand.New(rand.NewPCG(1, 1)), seed: uint64(entries), step: saved, heap: heap, s: NewStream(heap), m: &streamModel{groups: map[string]*modelGroup{}}}
			g.limits = StreamLimits{NodeEntries: 1}
			put := func(ms uint64) {
				if !g.s.Append(StreamID{Ms: ms}, [][]byte{[]byte("f"), []byte("v")}, g.limits) {
					g.fail("no memory")
				}
				g.m.entries = append(g.m.entries, modelEntry{StreamID{Ms: ms}, "f=v "})
			}
			for i := range entries {
				put(uint64(i+1) * 100)
			}
			g.cut = g.m.clone()
			g.s.Cut(func(bytes int64) { g.held += bytes })
			for range saved {
				g.saved, _ = g.s.Save(g.saved, 1)
			}
			for i := range entries - 1 {
				if found, ok := g.s.Delete(StreamID{Ms: uint64(entries-i) * 100}); !found || !ok {
					g.fail("Delete: %t, %t", found, ok)
				}
				g.m.entries = g.m.entries[:len(g.m.entries)-1]
				if !g.s.SetID(g.s.LastEntryID(), nil, nil) {
					g.fail("SetID")
				}
				put(uint64(entries-i)*100 - 50)
				g.check()
				if found, ok := g.s.Delete(StreamID{Ms: uint64(entries-i)*100 - 50}); !found || !ok {
					g.fail("Delete: %t, %t", found, ok)
				}
				g.m.entries = g.m.entries[:len(g.m.entries)-1]
				if !g.s.SetID(g.s.LastEntryID(), nil, nil) {
					g.fail("SetID")
				}
			}
			for more := true; more; {
				g.saved, more = g.s.Save(g.saved, 1)
			}
			g.endSave()
			g.rebuild()
			g.finish()
		}
	}
}

func TestStreamItemsRefused(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	heap := newStreamHeap(t)
	s := NewStream(heap)
	for i := range uint64(40) {
		if !s.Append(StreamID{i + 1, 0}, [][]byte{[]byte("f"), []byte("v")}, StreamLimits{NodeEntries: 7}) {
			t.Fatal("no memory")
		}
	}
	g := s.AddGroup([]byte("g"), StreamID{}, 0)
	c := s.AddConsumer(g, []byte("c"), 5)
	for i := range uint64(9) {
		s.Give(g, c, StreamID{i + 1, 0}, 7)
	}
	s.Cut(func(int64) {})
	saved, _ := s.Save(nil, 1<<20)
	s.EndSave()
	refused := 0
	for range 3000 {
		bad := slices.Clone(saved)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] = byte(r.Uint32())
		}
		b := NewStreamBuilder(heap)
		err := addItems(b, bad)
		if err == nil {
			_, err = b.Finish()
		}
		if err == nil {
			err = b.s.Verify()
		} else if refused++; !errors.Is(err, ErrBadStream) && !errors.Is(err, keyspace.ErrOutOfMemory) {
			t.Fatalf("seed %d: %v", seed, err)
		} else {
			err = nil
		}
		if err != nil {
			t.Fatalf("seed %d: taken, and then: %v", seed, err)
		}
		b.Abort()
	}
	if refused < 1000 {
		t.Errorf("seed %d: %d of 3000 were refused", seed, refused)
	}
	for !s.Free(100) {
	}
}

// addItems adds items until one is refused, or ends too soon.
func addItems(b *StreamBuilder, items []byte) error {
	for len(items) > 0 {
		size, n := binary.Uvarint(items)
		if n <= 0 || size > uint64(len(items)-n) {
			return nil
		}
		if err := b.Add(items[n : n+int(size)]); err != nil {
			return err
		}
		items = items[n+int(size):]
	}
	return nil
}

// FuzzStreamNode demands that what is taken as a node can be read both ways, to the same end.
func FuzzStreamNode(f *testing.F) {
	heap := newStreamHeap(f)
	s := NewStream(heap)
	for i := range uint64(5) {
		field := []string{"a", "b"}[i/4]
		s.Append(StreamID{100 + i, i}, [][]byte{[]byte(field), []byte("12"), []byte("c"), []byte(strings.Repeat("x", int(i)*30))}, StreamLimits{})
	}
	s.Delete(StreamID{102, 2})
	f.Add(slices.Clone(s.node(s.tail).lp))
	for !s.Free(10) {
	}
	f.Fuzz(func(t *testing.T, lp []byte) {
		if len(lp) < 7 {
			return
		}
		lp = slices.Clone(lp) // with the frame set right, so that the elements matter
		binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
		lp[4], lp[5], lp[len(lp)-1] = 0xFF, 0xFF, 0xFF
		master := StreamID{100, 0}
		live, _, last, err := validateStreamNode(master, lp)
		if err != nil {
			return
		}
		n := streamNode{master, lp}
		var there, back []StreamID
		var e StreamEntry
		for w := n.walk(false); w.next(&e); w.at = e.skip() {
			if !e.deleted {
				there = append(there, e.ID)
			}
		}
		for w := n.walk(true); w.prev(&e); {
			if !e.deleted {
				back = append(back, e.ID)
			}
		}
		slices.Reverse(back)
		if len(there) != live || !slices.Equal(there, back) || n.lastID() != last {
			t.Fatalf("%d live, last %v: %v, and backwards %v", live, last, there, back)
		}
		for _, id := range there {
			w := n.walk(false)
			if w.seek(id); !w.next(&e) || e.ID != id {
				t.Fatalf("sought %v, found %v, among %v", id, e.ID, there)
			}
		}
	})
}
