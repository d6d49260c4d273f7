// Saving a table: its elements as of an instant, read piece by piece while they change.
//
// The cut advances the table's epoch: an element that does not carry it is unsaved. The save reads
// what has been set aside, to have it freed soon, and then walks the buckets, and stamps what it has
// read. What a change takes out of the table before the save came by is set aside: its block lives on,
// unchanged, in a list. Elements made after the cut carry the new epoch and are never read.
//
// What must hold: an unsaved element is in the list, or in a bucket that the walk has not passed.
// Splits keep it so, since the walk goes on into buckets born from ones it has not passed, and
// merges are held back. Epochs have seven bits: after looseMost saves in a row that were ended before
// their time, all elements are stamped, lest an old epoch be taken for the new one.

package value

import (
	"errors"
	"fmt"

	"tarn/internal/hashtable"
	"tarn/internal/invariant"
	"tarn/internal/mem"
)

const (
	looseMost  = 100
	asideChunk = 1 << 10 // refs in a part of the list
)

// save is the state of a save under way.
type save struct {
	hold   func(bytes int64)
	count  int // elements at the cut
	cursor int // buckets before it have been passed
	end    int // buckets from it on hold nothing unsaved
	aside  [][]mem.Ref
	held   uint64 // bytes of the blocks in aside
}

// cut begins a save of the elements as of now. hold is told what is set aside, in bytes, and with a
// negative number what of it has been freed.
func (t *table) cut(hold func(bytes int64)) {
	invariant.Check(t.save == nil, "one save of a table at a time")
	t.epoch = (t.epoch + 1) & epochMask
	t.loose++
	s := &save{hold: hold, count: t.Len(), end: t.index.Buckets()}
	t.save = s
	t.index.HoldShrink(true)
	t.index.SetSplitHook(func(from, to int) {
		if from >= s.cursor {
			s.end = max(s.end, to+1)
		}
	})
}

// countAtCut returns the number of elements at the cut.
func (t *table) countAtCut() int { return t.save.count }

// retire frees a block that has left the table, unless the save has yet to read it.
func (t *table) retire(r mem.Ref) {
	if t.isMutable(r) {
		t.drop(r)
		return
	}
	s := t.save
	last := len(s.aside) - 1
	if last < 0 || len(s.aside[last]) == asideChunk {
		s.aside = append(s.aside, make([]mem.Ref, 0, asideChunk))
		last++
	}
	s.aside[last] = append(s.aside[last], r)
	size := uint64(t.heap.Size(r))
	t.bytes -= size
	s.held += size
	s.hold(int64(size))
}

// takeAside takes a block out of the list, 0 when it is empty; to be dropped with dropAside.
func (s *save) takeAside() mem.Ref {
	last := len(s.aside) - 1
	if last < 0 {
		return 0
	}
	part := s.aside[last]
	r := part[len(part)-1]
	if s.aside[last] = part[:len(part)-1]; len(part) == 1 {
		s.aside[last], s.aside = nil, s.aside[:last]
	}
	return r
}

func (t *table) dropAside(r mem.Ref) {
	size := uint64(t.heap.Size(r))
	t.heap.Free(r, mem.Values)
	t.save.held -= size
	t.save.hold(-int64(size))
}

// freeAside frees up to steps of the blocks set aside and returns how many steps are left.
func (t *table) freeAside(steps int) (left int) {
	for ; steps > 0; steps-- {
		r := t.save.takeAside()
		if r == 0 {
			break
		}
		t.dropAside(r)
	}
	return steps
}

// appendUnsaved appends the next elements as of the cut, as item writes them, until limit bytes have
// been appended. more is false when none are left.
func (t *table) appendUnsaved(dst []byte, limit int, item func(dst []byte, e *element) []byte) (out []byte, more bool) {
	s, full := t.save, len(dst)+limit
	for len(dst) < full {
		r := s.takeAside()
		if r == 0 {
			break
		}
		e := t.read(r)
		dst = item(dst, &e)
		t.dropAside(r)
	}
	for s.cursor < s.end && len(dst) < full {
		whole := true
		t.index.PrefetchWalk(s.cursor + walkAhead)
		t.index.Walk(s.cursor, func(_ hashtable.Slot, r mem.Ref) {
			switch {
			case t.epochOf(r) == t.epoch:
			case len(dst) >= full:
				whole = false
			default:
				e := t.read(r)
				dst = item(dst, &e)
				t.setEpoch(r, t.epoch)
			}
		})
		if whole {
			s.cursor++
		}
	}
	return dst, s.cursor < s.end || len(s.aside) > 0
}

// endSave ends the save, whether everything has been read or not.
func (t *table) endSave() {
	s := t.save
	t.freeAside(len(s.aside) * asideChunk)
	t.index.SetSplitHook(nil)
	t.index.HoldShrink(false)
	t.save = nil
	if s.cursor >= s.end {
		t.loose = 0
	}
	if t.loose >= looseMost {
		t.each(func(r mem.Ref) bool {
			t.setEpoch(r, t.epoch)
			return true
		})
		t.loose = 0
	}
}

// verifySave checks what is set aside.
func (t *table) verifySave() error {
	held := uint64(0)
	for _, part := range t.save.aside {
		if len(part) == 0 {
			return errors.New("value: an empty part of what is set aside")
		}
		for _, r := range part {
			if t.epochOf(r) == t.epoch {
				return fmt.Errorf("value: element %d, %q, is set aside and saved", r, t.name(r))
			}
			held += uint64(t.heap.Size(r))
		}
	}
	if held != t.save.held {
		return fmt.Errorf("value: %d bytes are set aside, counted %d", held, t.save.held)
	}
	return nil
}
