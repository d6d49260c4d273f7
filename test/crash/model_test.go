// What a file may hold after a crash.
//
// Every writer owns its keys and numbers its writes; the number is part of the value. So the data
// set as of an instant is known from one number per writer: how many of its writes had been made.
// A save is an instant of which only bounds are known: it lies after the writes that were
// acknowledged before the save was asked for, and before those sent after its reply came. The newest
// number found says which instant it would have to be, and then every key must be what the writer's
// log says it was. FLUSHALL is an instant of the same kind, before which nothing counts.
//
// Besides, two keys written by one MULTI must be equal, and two written one after the other over
// two connections, each acknowledged before the next is sent, must not be cut the wrong way round.

package crash

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"tarn/test/harness"
)

const (
	writers       = 3
	keysPerWriter = 200
	largeValue    = 150 << 10 // of each writer's key 0

	farDeadline = 4102444800000 // Unix ms, in the year 2100: deadlines are this plus the write's number
)

// entry is what a key holds.
type entry struct {
	value    string
	deadline int64 // Unix ms, -1 for none
}

// state is a data set, read from a server.
type state map[string]entry

func keyOf(writer, key int) string { return fmt.Sprintf("w%d:%d", writer, key) }

// entryOf is what write number seq of a writer makes of a key: a number, a short value, or a long
// one, with a deadline or without.
func entryOf(writer, key int, seq int64) entry {
	e := entry{value: strconv.FormatInt(seq, 10), deadline: -1}
	chance := rand.New(rand.NewPCG(uint64(seq), uint64(writer<<32|key)))
	switch {
	case key == 0:
		e.value += ":" + strings.Repeat(strconv.FormatUint(chance.Uint64(), 36), largeValue/12)
	case key%7 != 1:
		size := chance.IntN(1500)
		b := make([]byte, 0, size+8)
		for len(b) < size {
			b = strconv.AppendUint(b, chance.Uint64(), 36)
		}
		e.value += ":" + string(b)
	}
	if key%5 == 0 {
		e.deadline = farDeadline + seq
	}
	return e
}

// seqOf is the number of the write that made a value.
func seqOf(value string) (int64, error) {
	digits, _, _ := strings.Cut(value, ":")
	return strconv.ParseInt(digits, 10, 64)
}

// history is what one writer has done since the state that the latest start found.
type history struct {
	base  [keysPerWriter]int64 // number of each key's last write in that state, 0: the key was absent
	start int64                // number of the last write before it
	log   []int32              // keys of the writes since
	sent  atomic.Int64         // number of the last write handed to the socket
	acked atomic.Int64         // number of the last write answered
}

// bounds are the first and last instants, one of each for every writer, between which something was.
type bounds struct{ from, to [writers]int64 }

// save is one that was asked for.
type save struct {
	name   string
	at     bounds  // when its cut was
	empty  bool    // FLUSHALL's: it holds nothing
	flush  *bounds // the last FLUSHALL before it since the latest start, or nil
	closed bool    // at.to is known: the reply came
	torn   bool    // FLUSHALL may have come between the two writes of the chain
}

// model is all that is known. Its writers' histories grow while they run; the rest belongs to the
// test's goroutine.
type model struct {
	histories [writers]*history
	flush     *bounds
	torn      bool    // the latest start found half a chain
	kept      *save   // the last save known to be complete; nil: what the latest start found
	begun     []*save // those asked for since, which may be complete
}

func newModel() *model {
	m := &model{}
	for w := range m.histories {
		m.histories[w] = &history{}
	}
	return m
}

// begin notes that a save is about to be asked for. It may be the one found from now on.
func (m *model) begin(name string) *save {
	s := &save{name: name, flush: m.flush, torn: m.torn || m.flush != nil}
	for w, h := range m.histories {
		s.at.from[w] = h.acked.Load()
	}
	m.begun = append(m.begun, s)
	return s
}

// replied notes that the answer to the request for s has come.
func (m *model) replied(s *save) {
	s.closed = true
	for w, h := range m.histories {
		s.at.to[w] = h.sent.Load()
	}
}

// refused notes that s was not begun.
func (m *model) refused(s *save) {
	m.begun = slices.DeleteFunc(m.begun, func(b *save) bool { return b == s })
}

// complete notes that s is in place, so that none from before it can be found any more.
func (m *model) complete(s *save) { m.kept, m.begun = s, nil }

// found looks for a save that may be what a start found, the latest first, and goes on from there.
// The writers have ended.
func (m *model) found(got state) error {
	candidates := slices.Clone(m.begun)
	slices.Reverse(candidates)
	kept := m.kept
	if kept == nil {
		kept = &save{name: "what the start before found", closed: true, torn: m.torn}
		for w, h := range m.histories {
			kept.at.from[w], kept.at.to[w] = h.start, h.start
		}
	}
	candidates = append(candidates, kept)
	var errs []error
	for _, s := range candidates {
		err := m.match(s, got)
		if err == nil {
			m.goOnFrom(got)
			return nil
		}
		errs = append(errs, fmt.Errorf("is not %s: %w", s.name, err))
	}
	return errors.Join(errs...)
}

// match tells why got is not what s holds; nil if it is.
func (m *model) match(s *save, got state) error {
	if s.empty {
		if len(got) > 0 {
			return fmt.Errorf("it holds %d keys", len(got))
		}
		return nil
	}
	seen := 0
	for w := range m.histories {
		n, err := m.matchWriter(s, w, got)
		if err != nil {
			return fmt.Errorf("writer %d: %w", w, err)
		}
		seen += n
	}
	n, err := matchOthers(s, got)
	if err != nil {
		return err
	}
	if seen += n; seen != len(got) {
		return fmt.Errorf("%d keys are nobody's", len(got)-seen)
	}
	return nil
}

// matchWriter does so for the keys of one writer, and counts them.
func (m *model) matchWriter(s *save, w int, got state) (count int, err error) {
	h := m.histories[w]
	var found [keysPerWriter]int64
	newest := h.start
	for k := range found {
		e, ok := got[keyOf(w, k)]
		if !ok {
			continue
		}
		count++
		seq, err := seqOf(e.value)
		if err != nil || e != entryOf(w, k, seq) {
			return 0, fmt.Errorf("key %d holds %.60q until %d, which was never written", k, e.value, e.deadline)
		}
		found[k], newest = seq, max(newest, seq)
	}
	from, to := s.at.from[w], s.at.to[w]
	if !s.closed {
		to = h.sent.Load()
	}
	if count == 0 && s.flush != nil { // every write made since the flush came after the cut
		from, to = max(from, s.flush.from[w]), min(to, s.flush.to[w])
		newest = from
	}
	if newest < from || newest > to {
		return 0, fmt.Errorf("its newest write is %d, and the cut was between %d and %d", newest, from, to)
	}
	return count, h.replay(newest, s.flush, w, found[:])
}

// replay compares what was found with the state after write number last.
func (h *history) replay(last int64, flush *bounds, w int, found []int64) error {
	want := h.base
	for i, k := range h.log[:last-h.start] {
		want[k] = h.start + int64(i) + 1
	}
	flushed, kept := int64(-1), int64(1<<62) // newest write that is gone, oldest that is not
	for k, seq := range want {
		switch {
		case found[k] == seq && seq > 0:
			kept = min(kept, seq)
		case found[k] == 0:
			flushed = max(flushed, seq)
		default:
			return fmt.Errorf("key %d is of write %d, and at write %d it was of %d", k, found[k], last, seq)
		}
	}
	switch {
	case flush == nil && flushed > 0:
		return fmt.Errorf("a key is missing that was of write %d", flushed)
	case flush != nil && (flushed > flush.to[w] || kept <= flush.from[w] || flushed >= kept):
		return fmt.Errorf("the newest write gone is %d and the oldest there %d, and FLUSHALL was between %d and %d",
			flushed, kept, flush.from[w], flush.to[w])
	}
	return nil
}

// matchOthers looks at the pairs and the chain, and counts their keys.
func matchOthers(s *save, got state) (count int, err error) {
	for i := range pairs {
		a, hasA := got[pairKey("a", i)]
		b, hasB := got[pairKey("b", i)]
		if a != b || hasA != hasB {
			return 0, fmt.Errorf("pair %d was written by one MULTI: %q (%t) and %q (%t)", i, a.value, hasA, b.value, hasB)
		}
		if hasA {
			count += 2
		}
	}
	first, hasFirst := got[chainKey(0)]
	second, hasSecond := got[chainKey(1)]
	if hasFirst {
		count++
	}
	if hasSecond {
		count++
	}
	if s.torn && hasFirst != hasSecond || !hasFirst && !hasSecond {
		return count, nil
	}
	a, errA := seqOf(first.value)
	b, errB := seqOf(second.value)
	if !hasSecond { // the first round may stand between its two writes
		b, errB = a-1, nil
	}
	if err := errors.Join(errA, errB); err != nil || b > a || b < a-1 {
		return 0, fmt.Errorf("of the chain, the first is %q, the second %q (%v)", first.value, second.value, err)
	}
	return count, nil
}

// goOnFrom makes got what the next start goes on from.
func (m *model) goOnFrom(got state) {
	for w, h := range m.histories {
		next := &history{start: h.sent.Load()}
		for k := range next.base {
			if e, ok := got[keyOf(w, k)]; ok {
				next.base[k], _ = seqOf(e.value)
			}
		}
		next.sent.Store(next.start)
		next.acked.Store(next.start)
		m.histories[w] = next
	}
	_, hasFirst := got[chainKey(0)]
	_, hasSecond := got[chainKey(1)]
	m.flush, m.kept, m.begun, m.torn = nil, nil, nil, hasFirst != hasSecond
}

const pairs = 50

func pairKey(side string, i int) string { return "pair:" + side + ":" + strconv.Itoa(i) }
func chainKey(i int) string             { return "chain:" + strconv.Itoa(i) }

// allKeys are all that anybody writes.
func allKeys() []string {
	var names []string
	for w := range writers {
		for k := range keysPerWriter {
			names = append(names, keyOf(w, k))
		}
	}
	for i := range pairs {
		names = append(names, pairKey("a", i), pairKey("b", i))
	}
	return append(names, chainKey(0), chainKey(1))
}

// readState reads the data set of a server: every key that anybody writes, and that there are no others.
func readState(c *harness.Conn) (state, error) {
	got := state{}
	for names := range slices.Chunk(allKeys(), 50) {
		var request []byte
		for _, name := range names {
			request = harness.AppendCommand(request, "GET", name)
			request = harness.AppendCommand(request, "PEXPIRETIME", name)
		}
		if err := c.Write(request); err != nil {
			return nil, err
		}
		for _, name := range names {
			value, err := c.Read()
			if err != nil {
				return nil, err
			}
			deadline, err := c.Read()
			if err != nil {
				return nil, err
			}
			if value.IsError() || deadline.IsError() {
				return nil, fmt.Errorf("key %q: %v, %v", name, value, deadline)
			}
			if !value.Null {
				ms, err := strconv.ParseInt(deadline.Text, 10, 64)
				if err != nil {
					return nil, err
				}
				got[name] = entry{value.Text, ms}
			}
		}
	}
	size, err := c.Do("DBSIZE")
	if err == nil && size.Text != strconv.Itoa(len(got)) {
		err = fmt.Errorf("DBSIZE %v, and %d keys are known of", size, len(got))
	}
	return got, err
}

// TestModelNotices shows that the model takes what a save may hold, and nothing else.
func TestModelNotices(t *testing.T) {
	// A writer's log of 6 writes: keys 1 2 3 1 2 4; saves were asked for between writes.
	build := func() (*model, state) {
		m := newModel()
		h := m.histories[0]
		h.log = append(h.log, 1, 2, 3, 1, 2, 4)
		h.sent.Store(6)
		h.acked.Store(6)
		got := state{}
		for k, seq := range map[int]int64{1: 4, 2: 5, 3: 3, 4: 6} {
			got[keyOf(0, k)] = entryOf(0, k, seq)
		}
		return m, got
	}
	between := func(from, to int64) *save {
		s := &save{name: "save", closed: true}
		s.at.from[0], s.at.to[0] = from, to
		return s
	}
	for _, tc := range []struct {
		name   string
		change func(m *model, got state)
		save   *save
		want   string // part of the complaint; "" for none
	}{
		{"right", func(*model, state) {}, between(6, 6), ""},
		{"within bounds", func(*model, state) {}, between(4, 8), ""},
		{"too new", func(*model, state) {}, between(3, 5), "cut was between 3 and 5"},
		{"too old", func(m *model, got state) {
			delete(got, keyOf(0, 4))
		}, between(6, 6), "newest write is 5"},
		{"a lost write", func(m *model, got state) { delete(got, keyOf(0, 3)) }, between(6, 6), "missing that was of write 3"},
		{"an old value", func(m *model, got state) {
			got[keyOf(0, 1)] = entryOf(0, 1, 1)
		}, between(6, 6), "key 1 is of write 1"},
		{"a damaged value", func(m *model, got state) {
			got[keyOf(0, 3)] = entry{entryOf(0, 3, 3).value + "x", -1}
		}, between(6, 6), "never written"},
		{"a lost deadline", func(m *model, got state) {
			m.histories[0].log[2] = 5
			delete(got, keyOf(0, 3))
			got[keyOf(0, 5)] = entry{entryOf(0, 5, 3).value, -1}
		}, between(6, 6), "never written"},
		{"a key of nobody", func(m *model, got state) { got["what"] = entry{"x", -1} }, between(6, 6), "nobody's"},
		{"half a pair", func(m *model, got state) { got[pairKey("a", 0)] = entry{"1", -1} }, between(6, 6), "one MULTI"},
		{"a torn pair", func(m *model, got state) {
			got[pairKey("a", 0)], got[pairKey("b", 0)] = entry{"1", -1}, entry{"2", -1}
		}, between(6, 6), "one MULTI"},
		{"a chain cut in the middle", func(m *model, got state) {
			got[chainKey(0)], got[chainKey(1)] = entry{"8", -1}, entry{"7", -1}
		}, between(6, 6), ""},
		{"a chain without its first", func(m *model, got state) {
			got[chainKey(1)] = entry{"8", -1}
		}, between(6, 6), "chain"},
		{"a chain without its first, after FLUSHALL", func(m *model, got state) {
			got[chainKey(1)] = entry{"8", -1}
		}, &save{closed: true, torn: true, at: between(6, 6).at}, ""},
		{"a chain cut the wrong way round", func(m *model, got state) {
			got[chainKey(0)], got[chainKey(1)] = entry{"7", -1}, entry{"8", -1}
		}, between(6, 6), "chain"},
		{"flushed", func(m *model, got state) { // after write 3: keys 1 and 2 were written again
			delete(got, keyOf(0, 3))
		}, withFlush(between(6, 6), 2, 3), ""},
		{"flushed too much", func(m *model, got state) {
			delete(got, keyOf(0, 3))
			delete(got, keyOf(0, 1))
		}, withFlush(between(6, 6), 2, 3), "FLUSHALL was between 2 and 3"},
		{"flushed too little", func(m *model, got state) {}, withFlush(between(6, 6), 3, 3), "FLUSHALL was between 3 and 3"},
		{"flushed all", func(m *model, got state) { clear(got) }, withFlush(between(5, 6), 4, 6), ""},
		{"flushed more than was flushed", func(m *model, got state) { clear(got) }, withFlush(between(6, 6), 4, 5), "cut was between"},
		{"not empty", func(m *model, got state) {}, &save{name: "FLUSHALL", empty: true, closed: true}, "holds 4 keys"},
	} {
		m, got := build()
		tc.change(m, got)
		err := m.match(tc.save, got)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	testWhichSave(t, build, between)
}

func withFlush(s *save, from, to int64) *save {
	s.flush = &bounds{}
	s.flush.from[0], s.flush.to[0] = from, to
	return s
}

// testWhichSave: a save that is complete rules out those before it, and one begun since may be found.
func testWhichSave(t *testing.T, build func() (*model, state), between func(from, to int64) *save) {
	t.Helper()
	m, got := build()
	old := maps.Clone(got)
	delete(old, keyOf(0, 4))
	m.kept = between(5, 5)
	if err := m.found(got); err == nil {
		t.Error("a file with more than any save is taken")
	}
	m.begun = []*save{between(6, 6)}
	if err := m.found(maps.Clone(got)); err != nil {
		t.Errorf("a save begun after the last complete one is not taken: %v", err)
	}
	m, _ = build()
	m.kept = between(5, 5)
	m.begun = []*save{between(6, 6)}
	if err := m.found(old); err != nil {
		t.Errorf("the last complete save is not taken: %v", err)
	}
	m, _ = build()
	m.complete(between(6, 6))
	if err := m.found(old); err == nil {
		t.Error("a save from before the last complete one is taken")
	}
}
