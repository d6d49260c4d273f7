// Large sorted sets: a table of elements by member, whose numbers are the scores, and a tree of the
// same blocks by score and member, which counts them.
//
// The tree refers to a block for as long as the table does: a change enters the tree first, where
// memory may be refused, and then the table. A block that a running save has not read is replaced,
// in both, by a new one.
//
// What must hold: the tree has each block of the table once, under the score in the block.

package value

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"

	"tarn/internal/btree"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// bigZSet is a keyspace.Big.
type bigZSet struct {
	*table
	tree *btree.Tree[float64, memberOrder]
	pops uint8 // from an end, for foresee
}

// memberOrder is the order of elements of the same score.
type memberOrder struct{ elements }

// Compare orders the members in two blocks by their bytes.
func (o memberOrder) Compare(a, b mem.Ref) int { return bytes.Compare(o.name(a), o.name(b)) }

func newBigZSet(h *mem.Heap) *bigZSet {
	t := newTable(h, false)
	return &bigZSet{table: t, tree: btree.NewTree[float64](h, memberOrder{t.elements})}
}

func scoredElement(member []byte, score float64) element {
	return element{name: member, number: math.Float64bits(score), numbered: true}
}

func (b *bigZSet) score(r mem.Ref) float64 { return math.Float64frombits(b.number(r)) }

// seek finds the member of s.
func (b *bigZSet) seek(s *ZSpot) {
	s.place = b.find(s.member)
	if s.Exists = s.place.found(); s.Exists {
		s.Score = b.score(b.ref(s.place))
	}
}

// rank returns how many members stand before the one at s.
func (b *bigZSet) rank(s *ZSpot) int { return b.tree.Rank(s.Score, b.ref(s.place)) }

// putBig is ZSet.Put of a large set.
func (z ZSet) putBig(s *ZSpot, score float64) error {
	z.k.EditBig()
	b := z.big()
	whole := false
	if s.Exists {
		whole = b.move(s, score)
	} else {
		whole = b.insertScored(s.place, s.member, score)
	}
	if !whole {
		return keyspace.ErrOutOfMemory
	}
	return nil
}

// add adds a member that is absent. It reports false, with nothing changed, when memory is refused.
func (b *bigZSet) add(member []byte, score float64) bool {
	return b.insertScored(b.find(member), member, score)
}

func (b *bigZSet) insertScored(p place, member []byte, score float64) bool {
	return b.insertElement(p, scoredElement(member, score))
}

// insertElement adds e, whose member is absent. It reports false, with nothing changed, when memory is refused.
func (b *bigZSet) insertElement(p place, e element) bool {
	score := math.Float64frombits(e.number)
	r := b.make(e)
	if r == 0 {
		return false
	}
	if !b.tree.Insert(score, r) {
		b.drop(r)
		return false
	}
	if !b.insert(p, r) {
		b.tree.Delete(score, r)
		b.drop(r)
		return false
	}
	return true
}

// move gives the member at s another score. It reports false, with nothing changed, when memory is
// refused.
func (b *bigZSet) move(s *ZSpot, score float64) bool {
	old := b.ref(s.place)
	if b.isMutable(old) {
		if !b.tree.Move(s.Score, score, old) {
			return false
		}
		b.setNumber(old, math.Float64bits(score))
		return true
	}
	r := b.make(scoredElement(s.member, score))
	if r == 0 {
		return false
	}
	if !b.tree.Insert(score, r) {
		b.drop(r)
		return false
	}
	b.tree.Delete(s.Score, old)
	b.replace(s.place, r)
	return true
}

// remove takes out the member at s.
func (b *bigZSet) remove(s *ZSpot) {
	b.tree.Delete(s.Score, b.ref(s.place))
	b.table.remove(s.place)
}

// removeRanks takes out the members of the ranks from up to but not including to.
func (b *bigZSet) removeRanks(from, to int) {
	if from == 0 || to == b.Len() {
		b.foresee(from > 0)
	}
	for range to - from {
		score, r := b.tree.At(from)
		p := b.find(b.name(r))
		b.tree.Delete(score, r)
		b.table.remove(p)
	}
}

// Members are popped from an end one after the other. Every so many pops the memory is asked for that
// the next ones will touch: the buckets of the nearer members, the blocks of those behind them.
const (
	foreseeEvery = 8
	foreseeLeast = 1024 // members below which all is near anyway
)

// foresee is called before a pop from the lower end, or the upper.
func (b *bigZSet) foresee(upper bool) {
	if b.pops++; b.pops%foreseeEvery != 0 || b.Len() < foreseeLeast {
		return
	}
	seen := 0
	visit := func(_ float64, r mem.Ref) bool {
		if seen++; seen <= foreseeEvery {
			b.index.PrefetchBucket(maphash.Bytes(seed, b.name(r)))
		} else {
			b.index.PrefetchRef(r)
		}
		return seen < 2*foreseeEvery
	}
	if upper {
		b.tree.Descend(b.Len()-1, visit)
		return
	}
	b.tree.Ascend(0, visit)
}

// eachAhead is how many members ahead of the one that is handed out are asked for.
const eachAhead = 16

// eachScored is ZSet.Each.
func (b *bigZSet) eachScored(from, to int, reverse bool, fn func(m Member, score float64) bool) {
	type met struct {
		r     mem.Ref
		score float64
	}
	var ahead [eachAhead]met // those asked for last, in a ring
	asked, handed, more := 0, 0, true
	hand := func() {
		m := ahead[handed%eachAhead]
		handed++
		more = fn(Member{Str: b.name(m.r)}, m.score)
	}
	visit := func(score float64, r mem.Ref) bool {
		b.index.PrefetchRef(r)
		if asked-handed == eachAhead {
			hand()
		}
		ahead[asked%eachAhead] = met{r, score}
		asked++
		return more && asked < to-from
	}
	if reverse {
		b.tree.Descend(to-1, visit)
	} else {
		b.tree.Ascend(from, visit)
	}
	for more && handed < asked {
		hand()
	}
}

// scanScores is ZSet.Scan.
func (b *bigZSet) scanScores(cursor uint64, fn func(m Member, score float64)) uint64 {
	return b.scan(cursor, func(r mem.Ref) { fn(Member{Str: b.name(r)}, b.score(r)) })
}

// scoreRanks is ZSet.ScoreRanks.
func (b *bigZSet) scoreRanks(r *ScoreRange) (from, to int) {
	from = b.tree.Bound(func(score float64, _ mem.Ref) bool { return r.isBelow(score) })
	to = b.tree.Bound(func(score float64, _ mem.Ref) bool { return r.reaches(score) })
	return from, to
}

// nameRanks is ZSet.NameRanks.
func (b *bigZSet) nameRanks(r *NameRange) (from, to int) {
	from = b.tree.Bound(func(_ float64, ref mem.Ref) bool { return r.Min.isAbove(b.name(ref)) })
	to = b.tree.Bound(func(_ float64, ref mem.Ref) bool { return r.Max.reaches(b.name(ref)) })
	return from, to
}

// Encoding is what OBJECT ENCODING replies.
func (b *bigZSet) Encoding() string { return "skiplist" }

// Bytes returns the size of all blocks.
func (b *bigZSet) Bytes() uint64 { return b.table.Bytes() + b.tree.Bytes() }

// Clone copies the set into a heap; false: memory was refused, and nothing is kept.
func (b *bigZSet) Clone(to *mem.Heap) (keyspace.Big, bool) {
	c := &bigZSet{tree: btree.NewTree[float64](to, memberOrder{elements{heap: to}})}
	source := elements{heap: to}
	c.table = b.cloneTo(to, func(r mem.Ref) bool {
		return c.tree.Insert(math.Float64frombits(source.number(r)), r)
	})
	if c.table == nil {
		for !c.tree.Drain(freeAtOnce) {
		}
		return nil, false
	}
	return c, true
}

// Free gives back up to about so many blocks, and tells whether none is left.
func (b *bigZSet) Free(steps int) (done bool) {
	return b.tree.Drain(steps) && b.free(steps)
}

// freeAll frees a set that no key has.
func (b *bigZSet) freeAll() {
	for !b.Free(freeAtOnce) {
	}
}

// Cut begins a save of the set as of now.
func (b *bigZSet) Cut(hold func(bytes int64)) { b.cut(hold) }

// Count returns the number of members at the cut.
func (b *bigZSet) Count() int { return b.countAtCut() }

// Save appends the next members as of the cut: each an item, followed by an item of the 8 bytes of
// its score.
func (b *bigZSet) Save(dst []byte, limit int) (out []byte, more bool) {
	return b.appendUnsaved(dst, limit, func(dst []byte, e *element) []byte {
		dst = binary.AppendUvarint(dst, uint64(len(e.name)))
		dst = append(append(dst, e.name...), numberSize)
		return binary.LittleEndian.AppendUint64(dst, e.number)
	})
}

// EndSave ends the save.
func (b *bigZSet) EndSave() { b.endSave() }

// Verify reads the whole set and returns the first thing found wrong, or nil.
func (b *bigZSet) Verify() error {
	if err := b.table.Verify(); err != nil {
		return err
	}
	if err := b.tree.Verify(); err != nil {
		return err
	}
	if b.tree.Len() != b.Len() {
		return fmt.Errorf("value: %d members in the table, %d in the tree", b.Len(), b.tree.Len())
	}
	var err error
	b.tree.Ascend(0, func(score float64, r mem.Ref) bool {
		name := b.name(r)
		switch p := b.find(name); {
		case !p.found() || b.ref(p) != r:
			err = fmt.Errorf("value: the tree's element %d, %q, is not the table's", r, name)
		case score != b.score(r) || math.IsNaN(score):
			err = fmt.Errorf("value: member %q is at %v in the tree, scored %v", name, score, b.score(r))
		}
		return err == nil
	})
	return err
}
