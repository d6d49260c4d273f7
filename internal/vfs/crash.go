// Losing power, for Mem.

package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sectorBytes is what a disk writes in one piece.
const sectorBytes = 512

// Crash returns the disk as it may be after losing power now. The seed decides what became of
// each change that was not synced. The disk it is called on lives on, as do its open files.
func (m *Mem) Crash(seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{
		rand:  rand.New(rand.NewPCG(seed, 0)),
		after: map[*node]*node{},
	}
	return &Mem{root: c.survivor(m.root), tick: m.tick, room: m.room}
}

type crash struct {
	rand  *rand.Rand
	after map[*node]*node // a node with two names, of which one is not removed yet, stays one node
}

// luck draws, for a list of unsynced changes, which of them reached the disk.
func (c *crash) luck(changes int) []bool {
	kept := make([]bool, changes)
	if changes == 0 {
		return kept
	}
	limit := 0
	switch c.rand.IntN(4) {
	case 0: // none
	case 1:
		limit = changes
	case 2:
		limit = c.rand.IntN(changes + 1)
	case 3: // in any order
		for i := range kept {
			kept[i] = c.rand.IntN(2) == 0
		}
	}
	for i := range limit {
		kept[i] = true
	}
	return kept
}

// survivor is what becomes of a node and of all below it.
func (c *crash) survivor(n *node) *node {
	if done := c.after[n]; done != nil {
		return done
	}
	s := &node{perm: n.perm, modified: n.modified}
	c.after[n] = s
	if n.names == nil {
		s.data = c.content(n)
		s.synced = slices.Clone(s.data)
		return s
	}
	names := maps.Clone(n.kept)
	for i, kept := range c.luck(len(n.renames)) {
		if !kept {
			continue
		}
		r := n.renames[i]
		delete(names, r.from)
		if r.node == nil {
			delete(names, r.name)
		} else {
			names[r.name] = r.node
		}
	}
	s.names = map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s.names[name] = c.survivor(names[name])
	}
	s.kept = maps.Clone(s.names)
	return s
}

// content is what becomes of a file's bytes. A write that was lost may leave zeros in its place,
// if the file was known to be longer already.
func (c *crash) content(n *node) []byte {
	data := slices.Clone(n.synced)
	for i, kept := range c.luck(len(n.changes)) {
		change := n.changes[i]
		switch {
		case kept && change.cut, kept && c.rand.IntN(4) != 0:
			data = patch(data, change)
		case kept:
			data = c.torn(data, change)
		}
	}
	return data
}

// torn applies some sectors of a write.
func (c *crash) torn(data []byte, w change) []byte {
	end := w.offset + int64(len(w.bytes))
	for from := w.offset; from < end; {
		to := min(end, (from/sectorBytes+1)*sectorBytes)
		if c.rand.IntN(2) == 0 {
			data = patch(data, change{offset: from, bytes: w.bytes[from-w.offset : to-w.offset]})
		}
		from = to
	}
	return data
}
