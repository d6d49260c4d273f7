// Ranges of sorted sets: which ranks lie between two scores, or between two names.
//
// The ends are found by searching for the first member that is not below a bound, or that is above
// it. Ranges by name mean something only where all scores are equal, as in Redis.

package value

import "bytes"

// ScoreRange is the scores from Min to Max; an open end is not part of it.
type ScoreRange struct {
	Min, Max         float64
	MinOpen, MaxOpen bool
}

// Contains tells whether a score lies in the range.
func (r *ScoreRange) Contains(score float64) bool { return !r.isBelow(score) && r.reaches(score) }

// isBelow tells whether a score lies below the range.
func (r *ScoreRange) isBelow(score float64) bool {
	return score < r.Min || r.MinOpen && score == r.Min
}

// reaches tells whether a score does not lie above the range.
func (r *ScoreRange) reaches(score float64) bool {
	return score < r.Max || !r.MaxOpen && score == r.Max
}

// NameBound is an end of a range of names.
type NameBound struct {
	Name  []byte
	Open  bool // the name itself is not part of the range
	Least bool // before all names
	Most  bool // behind all names
}

// isAbove tells whether the bound, as a lower one, leaves a name out.
func (b *NameBound) isAbove(name []byte) bool {
	if b.Least || b.Most {
		return b.Most
	}
	order := bytes.Compare(name, b.Name)
	return order < 0 || order == 0 && b.Open
}

// reaches tells whether the bound, as an upper one, lets a name in.
func (b *NameBound) reaches(name []byte) bool {
	if b.Least || b.Most {
		return b.Most
	}
	order := bytes.Compare(name, b.Name)
	return order < 0 || order == 0 && !b.Open
}

// NameRange is the names from Min to Max.
type NameRange struct{ Min, Max NameBound }

// ScoreRanks returns the ranks of the scores in a range: from up to but not including to.
func (z ZSet) ScoreRanks(r *ScoreRange) (from, to int) {
	switch {
	case !z.k.Exists():
		return 0, 0
	case z.isBig():
		from, to = z.big().scoreRanks(r)
	default:
		lp := z.k.Packed()
		from = packedScoreBound(lp, r.isBelow)
		to = packedScoreBound(lp, r.reaches)
	}
	return from, max(from, to)
}

// NameRanks returns the ranks of the names in a range: from up to but not including to.
func (z ZSet) NameRanks(r *NameRange) (from, to int) {
	switch {
	case !z.k.Exists():
		return 0, 0
	case z.isBig():
		from, to = z.big().nameRanks(r)
	default:
		lp := z.k.Packed()
		from = packedNameBound(lp, &r.Min, false)
		to = packedNameBound(lp, &r.Max, true)
	}
	return from, max(from, to)
}
