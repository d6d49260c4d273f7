// Sorted sets: members, each with a score, in the order of their scores and then of their bytes.
//
// A small one is a listpack of members and scores in turn (zset_pack.go), a large one a table of
// elements and a tree over the same blocks (zset_big.go). Every kind of range, by rank, by score or
// by name, is a range of ranks: one or two searches find its ends, and what is done to a range is
// done by rank.
//
// What must hold: a key never holds a sorted set without members, scores are never NaN, and the
// limits decide about the shape as a member is added; a large set stays large.

package value

import (
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/resp"
)

// Scored is a member and its score.
type Scored struct {
	Member []byte
	Score  float64
}

// ZSet is the sorted set at a key, which may be absent: a set without members.
type ZSet struct{ k *keyspace.Key }

// ZSetAt returns the sorted set at a key. Errors: keyspace.ErrWrongType.
func ZSetAt(k *keyspace.Key) (ZSet, error) { return ZSet{k}, k.CheckType(keyspace.ZSet) }

// ZSpot is where a member of a sorted set is, or would be: valid until the set changes.
type ZSpot struct {
	Exists bool
	Score  float64 // 0 when it does not exist
	member []byte
	offset int   // Pack
	place  place // InBig
}

func (z ZSet) isBig() bool { return z.k.Shape() == keyspace.InBig }

func (z ZSet) big() *bigZSet { return z.k.Big().(*bigZSet) }

// Len returns the number of members.
func (z ZSet) Len() int {
	switch {
	case !z.k.Exists():
		return 0
	case z.isBig():
		return z.big().Len()
	}
	return packedLen(z.k.Packed())
}

// Find looks a member up.
func (z ZSet) Find(member []byte) ZSpot {
	s := ZSpot{member: member}
	switch {
	case !z.k.Exists():
	case z.isBig():
		z.big().seek(&s)
	default:
		seekPacked(z.k.Packed(), &s)
	}
	return s
}

// Rank returns how many members stand before a member, and its score.
func (z ZSet) Rank(member []byte) (rank int, score float64, ok bool) {
	s := z.Find(member)
	switch {
	case !s.Exists:
		return 0, 0, false
	case z.isBig():
		return z.big().rank(&s), s.Score, true
	}
	return packedRank(z.k.Packed(), s.offset), s.Score, true
}

// Put gives the member at s, which Find returned, a score: it is added, or moved. The key is made
// when it is absent. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (z ZSet) Put(s *ZSpot, score float64) error {
	if z.k.Exists() && z.isBig() {
		return z.putBig(s, score)
	}
	if s.Exists {
		return z.movePacked(s, score)
	}
	limits, pairs := z.k.Limits(), 0
	if z.k.Exists() {
		pairs = packedLen(z.k.Packed())
	}
	if pairs+1 > limits.ZSetPackEntries || len(s.member) > limits.ZSetPackValue {
		return z.growWith(s.member, score)
	}
	return z.insertPacked(s.member, score)
}

// Remove takes out the member at s, which Find returned and which exists. The key goes with its last
// member. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (z ZSet) Remove(s *ZSpot) error {
	switch {
	case z.Len() == 1:
		z.k.Delete()
		return nil
	case z.isBig():
		z.k.EditBig()
		z.big().remove(s)
		return nil
	}
	return z.removePacked(s.offset, 1)
}

// RemoveRanks takes out the members of the ranks from up to but not including to. The key goes with
// its last member. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (z ZSet) RemoveRanks(from, to int) error {
	switch {
	case from >= to:
		return nil
	case from == 0 && to == z.Len():
		z.k.Delete()
		return nil
	case z.isBig():
		z.k.EditBig()
		z.big().removeRanks(from, to)
		return nil
	}
	return z.removePacked(listpack.Seek(z.k.Packed(), 2*from), to-from)
}

// Each hands the members of the ranks from up to but not including to, which must exist, to fn until
// it returns false; backwards when reverse is set. The set must not change meanwhile.
func (z ZSet) Each(from, to int, reverse bool, fn func(m Member, score float64) bool) {
	switch {
	case from >= to:
	case z.isBig():
		z.big().eachScored(from, to, reverse, fn)
	default:
		eachScored(z.k.Packed(), from, to, reverse, fn)
	}
}

// Pieces is Each of a set InBig that can be left and gone on with: each call hands members to fn until
// it says false, and tells whether any are left. It is for keyspace.Key.Read: the key is not used.
func (z ZSet) Pieces(from, to int, reverse bool) func(fn func(m Member, score float64) bool) (more bool) {
	b := z.big()
	return func(fn func(m Member, score float64) bool) bool {
		start, end := from, to
		b.eachScored(start, end, reverse, func(m Member, score float64) bool {
			if reverse {
				to--
			} else {
				from++
			}
			return fn(m, score)
		})
		return from < to
	}
}

// Scan hands some members to fn, which must not change the set, and returns the cursor to go on with,
// 0 at the end. A scan begins with 0, and any cursor is good at any time.
func (z ZSet) Scan(cursor uint64, fn func(m Member, score float64)) uint64 {
	switch {
	case !z.k.Exists():
		return 0
	case z.isBig():
		return z.big().scanScores(cursor, fn)
	}
	eachScored(z.k.Packed(), 0, z.Len(), false, func(m Member, score float64) bool {
		fn(m, score)
		return true
	})
	return 0
}

// Verify reads the whole set and returns the first thing found wrong, or nil.
func (z ZSet) Verify() error {
	switch {
	case !z.k.Exists():
		return nil
	case z.isBig():
		return z.big().Verify()
	}
	return verifyPacked(z.k.Packed())
}

// StoreZSet makes a key hold the sorted set of these members, which are in order, instead of what it
// held, without a deadline. There is at least one, and they may lie in the key's old value.
// Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func StoreZSet(k *keyspace.Key, sorted []Scored) error {
	if err := storeZSet(k, sorted); err != nil {
		return err
	}
	if k.Deadline() != keyspace.NoDeadline {
		return k.SetDeadline(keyspace.NoDeadline)
	}
	return nil
}

func storeZSet(k *keyspace.Key, sorted []Scored) error {
	limits := k.Limits()
	packs := len(sorted) <= limits.ZSetPackEntries
	for i := 0; packs && i < len(sorted); i++ {
		packs = len(sorted[i].Member) <= limits.ZSetPackValue
	}
	if packs {
		var room [1 << 10]byte
		return k.SetPacked(keyspace.ZSet, keyspace.Pack, appendPack(room[:0], sorted))
	}
	big := newBigZSet(k.Heap())
	for i := range sorted {
		if !big.add(sorted[i].Member, sorted[i].Score) {
			big.freeAll()
			return keyspace.ErrOutOfMemory
		}
	}
	return setBigZSet(k, big)
}

// growWith makes a small or absent set large, with a member more.
func (z ZSet) growWith(member []byte, score float64) error {
	big := newBigZSet(z.k.Heap())
	whole := true
	if z.k.Exists() {
		var room [integerDigits]byte
		eachScored(z.k.Packed(), 0, z.Len(), false, func(m Member, score float64) bool {
			whole = big.add(textOf(m, &room), score)
			return whole
		})
	}
	if !whole || !big.add(member, score) {
		big.freeAll()
		return keyspace.ErrOutOfMemory
	}
	return setBigZSet(z.k, big)
}

func setBigZSet(k *keyspace.Key, big *bigZSet) error {
	if err := k.SetBig(keyspace.ZSet, big); err != nil {
		big.freeAll()
		return err
	}
	return nil
}

// AppendScore appends a score of the set as ZSCAN replies it: a small set keeps whole numbers as such.
func (z ZSet) AppendScore(dst []byte, score float64) []byte {
	if !z.isBig() && isWhole(score) {
		return resp.AppendInt(dst, int64(score))
	}
	return AppendScore(dst, score)
}
