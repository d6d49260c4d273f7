// The large shape of hashes: a table of elements with values, whose numbers are the fields' deadlines.
//
// Fields with a deadline also stand in a tree, soonest first, that refers to the same blocks. A block
// that is made for a change enters the tree before it takes the old one's place, so that a refusal
// of memory leaves both as they were.

package value

import (
	"encoding/binary"
	"fmt"
	"math"

	"tarn/internal/btree"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// bigHash is a keyspace.Big.
type bigHash struct {
	*table
	ends       *btree.DeadlineTree[weightless] // nil: no field has had a deadline
	endsAtCut  bool                            // some field had one at the cut
	endsBroken bool                            // Free has begun
}

// weightless makes a tree that only counts.
type weightless struct{}

// Weigh returns 0.
func (weightless) Weigh(mem.Ref) uint64 { return 0 }

// HashFacts are what a large hash tells whoever saves it, as of the cut.
type HashFacts struct {
	Deadlines bool // each field's value is followed by an item with its deadline, 8 bytes little endian, 0: none
}

func newBigHash(h *mem.Heap) *bigHash { return &bigHash{table: newTable(h, true)} }

// timed returns the number of fields with a deadline.
func (b *bigHash) timed() int {
	if b.ends == nil {
		return 0
	}
	return b.ends.Len()
}

// due returns the soonest deadline of a field, or NoDeadline.
func (b *bigHash) due() int64 {
	if b.ends != nil {
		if ms, _, ok := b.ends.Min(); ok {
			return ms
		}
	}
	return keyspace.NoDeadline
}

// live returns how many fields have not ended by now.
func (b *bigHash) live(now int64) int {
	if b.ends == nil || now == math.MaxInt64 {
		return b.Len()
	}
	gone, _ := b.ends.Before(now + 1)
	return b.Len() - int(gone)
}

// enter puts a block into the tree. It reports false, with nothing changed, when memory is refused.
func (b *bigHash) enter(deadline uint64, r mem.Ref) bool {
	if deadline == 0 {
		return true
	}
	if b.ends == nil {
		b.ends = btree.New(b.heap, weightless{})
	}
	return b.ends.Insert(int64(deadline), r)
}

// leave takes a block out of the tree.
func (b *bigHash) leave(deadline uint64, r mem.Ref) {
	if deadline != 0 {
		b.ends.Delete(int64(deadline), r)
	}
}

// write makes e the field at its place, and reports false, with nothing changed, when memory is
// refused. Nothing of e may lie in a block of the table.
func (b *bigHash) write(p place, e element) bool {
	if p.found() {
		r := b.ref(p)
		if b.number(r) == e.number && b.isRewritable(r, &e) {
			b.rewrite(r, &e)
			return true
		}
	}
	return b.swap(p, e)
}

// swap is write by way of a new block, for an e that may lie in the old one.
func (b *bigHash) swap(p place, e element) bool {
	r := b.make(e)
	if r == 0 {
		return false
	}
	if !b.enter(e.number, r) {
		b.drop(r)
		return false
	}
	if p.found() {
		old := b.ref(p)
		b.leave(b.number(old), old)
		b.replace(p, r)
		return true
	}
	if !b.insert(p, r) {
		b.leave(e.number, r)
		b.drop(r)
		return false
	}
	return true
}

// setDeadline gives the field at a found place a deadline, 0 for none. It reports false, with nothing
// changed, when memory is refused.
func (b *bigHash) setDeadline(p place, deadline uint64) bool {
	r := b.ref(p)
	before := b.number(r)
	if before == deadline {
		return true
	}
	if before == 0 || deadline == 0 || !b.isMutable(r) {
		e := b.read(r)
		e.number, e.numbered = deadline, deadline != 0
		return b.swap(p, e)
	}
	if !b.enter(deadline, r) {
		return false
	}
	b.leave(before, r)
	b.setNumber(r, deadline)
	return true
}

// take deletes the field at a found place.
func (b *bigHash) take(p place) {
	r := b.ref(p)
	b.leave(b.number(r), r)
	b.remove(p)
}

// expire deletes up to limit fields that have ended by now, soonest first, and returns how many.
func (b *bigHash) expire(now int64, limit int, tell func(field []byte)) (gone int) {
	for ; gone < limit && b.ends != nil; gone++ {
		ms, r, ok := b.ends.Min()
		if !ok || ms > now {
			break
		}
		tell(b.name(r))
		b.take(b.find(b.name(r)))
	}
	return gone
}

// Bytes returns the size of all blocks, but for what a save holds.
func (b *bigHash) Bytes() uint64 {
	if b.ends == nil {
		return b.table.Bytes()
	}
	return b.table.Bytes() + b.ends.Bytes()
}

// Encoding is what OBJECT ENCODING replies.
func (b *bigHash) Encoding() string { return "hashtable" }

// Clone returns a copy with its blocks in another heap; false when memory is refused.
func (b *bigHash) Clone(to *mem.Heap) (keyspace.Big, bool) {
	c := newBigHash(to)
	copied := c.table
	c.table = b.cloneTo(to, func(r mem.Ref) bool { return c.enter(copied.number(r), r) })
	if c.table != nil {
		return c, true
	}
	if c.ends != nil {
		for !c.ends.Drain(freeAtOnce) {
		}
	}
	return nil, false
}

// Free gives back up to about so many blocks, and tells whether none is left.
func (b *bigHash) Free(steps int) (done bool) {
	b.endsBroken = true
	if b.ends != nil && b.ends.Len() > 0 {
		b.ends.Drain(steps)
		return false
	}
	return b.free(steps)
}

func (b *bigHash) freeAll() {
	for !b.Free(freeAtOnce) {
	}
}

// Verify reads all of the hash and returns the first thing found wrong, or nil.
func (b *bigHash) Verify() error {
	if err := b.table.Verify(); err != nil || b.ends == nil || b.endsBroken {
		return err
	}
	if err := b.ends.Verify(); err != nil {
		return err
	}
	timed := 0
	b.each(func(r mem.Ref) bool {
		if b.number(r) != 0 {
			timed++
		}
		return true
	})
	if timed != b.ends.Len() {
		return fmt.Errorf("value: %d fields with a deadline, %d in the tree", timed, b.ends.Len())
	}
	var err error
	b.ends.Ascend(math.MinInt64, func(ms int64, r mem.Ref) bool {
		if p := b.find(b.name(r)); !p.found() || b.ref(p) != r || b.number(r) != uint64(ms) {
			err = fmt.Errorf("value: block %d ends at %d in the tree, and not in the table", r, ms)
		}
		return err == nil
	})
	return err
}

// Cut begins a save.
func (b *bigHash) Cut(hold func(bytes int64)) {
	b.endsAtCut = b.timed() > 0
	b.cut(hold)
}

// Count returns the number of fields at the cut.
func (b *bigHash) Count() int { return b.countAtCut() }

// Facts returns HashFacts.
func (b *bigHash) Facts() any { return HashFacts{Deadlines: b.endsAtCut} }

// Save appends the next fields as of the cut: an item for the field, one for the value, and one for
// the deadline if HashFacts say so.
func (b *bigHash) Save(dst []byte, limit int) (out []byte, more bool) {
	return b.appendUnsaved(dst, limit, func(dst []byte, e *element) []byte {
		dst = append(binary.AppendUvarint(dst, uint64(len(e.name))), e.name...)
		dst = append(binary.AppendUvarint(dst, uint64(len(e.value))), e.value...)
		if b.endsAtCut {
			dst = binary.LittleEndian.AppendUint64(append(dst, numberSize), e.number)
		}
		return dst
	})
}

// EndSave ends the save.
func (b *bigHash) EndSave() { b.endSave() }
