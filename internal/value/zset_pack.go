// Small sorted sets: a listpack of member and score, in order.
//
// A score that is a whole number of up to 2^62 is kept as an integer, else as the text that C's
// "%.17g" prints, so that the bytes are those of Redis. Everything walks: a small set is one or a few
// cache lines.

package value

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/resp"
)

// wholeMost is the largest score, either way, that a listpack keeps as an integer.
const wholeMost = 1 << 62

func isWhole(score float64) bool {
	return score >= -wholeMost && score <= wholeMost && score == math.Trunc(score)
}

// packedScore is a score as a listpack holds it.
type packedScore struct {
	whole  int64
	isText bool
	length int
	text   [32]byte
}

func (p *packedScore) set(score float64) {
	if isWhole(score) {
		p.whole = int64(score)
		return
	}
	p.isText = true
	p.length = len(AppendScore(p.text[:0], score))
}

func (p *packedScore) size() int {
	if p.isText {
		return listpack.Size(p.text[:p.length])
	}
	return listpack.SizeInt(p.whole)
}

func (p *packedScore) put(lp []byte, at, added int) {
	if p.isText {
		listpack.Put(lp, at, p.text[:p.length], added)
		return
	}
	listpack.PutInt(lp, at, p.whole, added)
}

// AppendScore appends a score as Redis keeps it in listpacks and replies to ZSCAN: the text that C's
// "%.17g" prints.
func AppendScore(dst []byte, score float64) []byte {
	switch {
	case math.IsInf(score, 1):
		return append(dst, "inf"...)
	case math.IsInf(score, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, score, 'g', 17, 64)
}

// scoreAt reads the score at an offset.
func scoreAt(lp []byte, at int) float64 {
	v := listpack.Get(lp, at)
	if v.IsInt {
		return float64(v.Int)
	}
	score, _ := resp.ParseFloat(v.Str)
	return score
}

func packedLen(lp []byte) int { return listpack.Count(lp) / 2 }

// seekPacked finds the member of s.
func seekPacked(lp []byte, s *ZSpot) {
	if s.offset = listpack.Find(lp, listpack.First(lp), s.member, 1); s.offset >= 0 {
		s.Exists = true
		s.Score = scoreAt(lp, listpack.Next(lp, s.offset))
	}
}

// packedRank returns how many members stand before the one at an offset.
func packedRank(lp []byte, offset int) (rank int) {
	for at := listpack.First(lp); at < offset; rank++ {
		at = listpack.Next(lp, listpack.Next(lp, at))
	}
	return rank
}

// pairSize returns the bytes of the member at an offset and its score.
func pairSize(lp []byte, at int) int {
	size := listpack.EntrySize(lp, at)
	return size + listpack.EntrySize(lp, at+size)
}

// compareMember orders the member at an offset and a name.
func compareMember(lp []byte, at int, name []byte) int {
	var room [integerDigits]byte
	return bytes.Compare(textOf(listpack.Get(lp, at), &room), name)
}

// packedPlace returns the offset before which a member of this score stands, or would stand.
func packedPlace(lp []byte, member []byte, score float64) int {
	at := listpack.First(lp)
	for at >= 0 {
		scoreOffset := at + listpack.EntrySize(lp, at)
		other := scoreAt(lp, scoreOffset)
		if other > score || other == score && compareMember(lp, at, member) >= 0 {
			return at
		}
		at = listpack.Next(lp, scoreOffset)
	}
	return listpack.End(lp)
}

// insertPacked adds a member, which is absent, to a small or absent set.
func (z ZSet) insertPacked(member []byte, score float64) error {
	var p packedScore
	p.set(score)
	if !z.k.Exists() {
		var scratch [256]byte
		lp := listpack.Append(listpack.AppendNew(scratch[:0]), member)
		return z.k.SetPacked(keyspace.ZSet, keyspace.Pack, p.appendTo(lp))
	}
	at := packedPlace(z.k.Packed(), member, score)
	size := listpack.Size(member)
	lp, err := z.k.Splice(at, 0, size+p.size())
	if err != nil {
		return err
	}
	listpack.Put(lp, at, member, 1)
	p.put(lp, at+size, 1)
	return nil
}

// appendTo appends the score to a listpack.
func (p *packedScore) appendTo(lp []byte) []byte {
	if p.isText {
		return listpack.Append(lp, p.text[:p.length])
	}
	return listpack.AppendInt(lp, p.whole)
}

// movePacked gives the member at s another score, and its place.
func (z ZSet) movePacked(s *ZSpot, score float64) error {
	var p packedScore
	p.set(score)
	lp, from, size := z.k.Packed(), s.offset, listpack.Size(s.member)
	before, after := pairSize(lp, from), size+p.size()
	to := packedPlace(lp, s.member, score)
	// The room of the pair changes first, where it stands; then it moves past what is between.
	lp, err := z.k.Splice(from, before, after)
	if err != nil {
		return err
	}
	switch {
	case to > from+before: // to is of the time before the change
		to -= before
		copy(lp[from:to], lp[from+after:])
	case to < from:
		copy(lp[to+after:], lp[to:from])
	default:
		to = from
	}
	listpack.Put(lp, to, s.member, 0)
	p.put(lp, to+size, 0)
	return nil
}

// removePacked takes out a number of pairs, not all, from an offset on.
func (z ZSet) removePacked(from, pairs int) error {
	lp, to := z.k.Packed(), from
	for range pairs {
		to += pairSize(lp, to)
	}
	lp, err := z.k.Splice(from, to-from, 0)
	if err != nil {
		return err
	}
	listpack.Fix(lp, -2*pairs)
	return nil
}

// eachScored is ZSet.Each.
func eachScored(lp []byte, from, to int, reverse bool, fn func(m Member, score float64) bool) {
	at, left := listpack.Seek(lp, 2*from), to-from
	if reverse {
		at = listpack.Seek(lp, 2*to-2)
	}
	for ; left > 0; left-- {
		score := at + listpack.EntrySize(lp, at)
		if !fn(listpack.Get(lp, at), scoreAt(lp, score)) {
			return
		}
		if !reverse {
			at = listpack.Next(lp, score)
		} else if at = listpack.Prev(lp, at); at >= 0 {
			at = listpack.Prev(lp, at)
		}
	}
}

// packedScoreBound returns the rank of the first member whose score is not below.
func packedScoreBound(lp []byte, below func(score float64) bool) (rank int) {
	for at := listpack.First(lp); at >= 0; rank++ {
		at = listpack.Next(lp, at)
		if !below(scoreAt(lp, at)) {
			return rank
		}
		at = listpack.Next(lp, at)
	}
	return rank
}

// packedNameBound returns how many members lie before a range that begins at a bound or, when upper is
// set, up to the end of one that ends there.
func packedNameBound(lp []byte, b *NameBound, upper bool) (rank int) {
	var room [integerDigits]byte
	for at := listpack.First(lp); at >= 0; rank++ {
		name := textOf(listpack.Get(lp, at), &room)
		if upper && !b.reaches(name) || !upper && !b.isAbove(name) {
			return rank
		}
		at = listpack.Next(lp, listpack.Next(lp, at))
	}
	return rank
}

// packScored returns the listpack of members in order.
func packScored(sorted []Scored) []byte { return appendPack(nil, sorted) }

func appendPack(dst []byte, sorted []Scored) []byte {
	lp := listpack.AppendNew(dst)
	for i := range sorted {
		var p packedScore
		p.set(sorted[i].Score)
		lp = p.appendTo(listpack.Append(lp, sorted[i].Member))
	}
	return lp
}

// verifyPacked checks a small set.
func verifyPacked(lp []byte) error {
	if err := listpack.Validate(lp); err != nil {
		return err
	}
	if n := listpack.Count(lp); n == 0 || n%2 != 0 {
		return fmt.Errorf("value: a sorted set of %d elements", n)
	}
	seen := map[string]bool{}
	var last []byte
	var lastScore float64
	for at := listpack.First(lp); at >= 0; at = listpack.Next(lp, at) {
		member := listpack.Get(lp, at).AppendTo(nil)
		at = listpack.Next(lp, at)
		text := listpack.Get(lp, at).AppendTo(nil)
		score, ok := resp.ParseFloat(text)
		switch {
		case !ok:
			return fmt.Errorf("value: member %q has the score %q", member, text)
		case seen[string(member)]:
			return fmt.Errorf("value: member %q is there twice", member)
		case last != nil && (score < lastScore || score == lastScore && bytes.Compare(last, member) >= 0):
			return fmt.Errorf("value: member %q of %v stands behind %q of %v", member, score, last, lastScore)
		}
		seen[string(member)] = true
		last, lastScore = member, score
	}
	return nil
}
