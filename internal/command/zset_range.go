// Ranges of sorted sets: reading, counting, removing and storing the members between two ranks, two
// scores or two names.
//
// Every range becomes ranks, LIMIT included, so that a range far into a large set costs what one at
// its start does.

package command

import (
	"errors"
	"math"
	"strconv"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errRangeLimit  resp.Error = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	errRangeScores resp.Error = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
	errScoreRange  resp.Error = "ERR min or max is not a float"
	errNameRange   resp.Error = "ERR min or max not valid string range item"
)

// rangeKind says what a range is between.
type rangeKind uint8

const (
	byOption rangeKind = iota // ranks, unless an option says otherwise
	byRank
	byScore
	byName
)

// zrange is a range as a client asks for it.
type zrange struct {
	kind        rangeKind
	reverse     bool
	first, last int64 // ranks, from the end when negative
	scores      value.ScoreRange
	names       value.NameRange
	limited     bool
	skip, most  int64 // LIMIT; all of the rest when most is negative
	withScores  bool
}

// rangeForm is what a command's name says of its range.
type rangeForm struct {
	kind    rangeKind
	reverse bool
	store   bool // WITHSCORES is no option
}

// parse reads a range: two ends and options.
func (r *zrange) parse(args [][]byte, form rangeForm) error {
	r.kind, r.reverse, r.most = form.kind, form.reverse, -1
	for i := 2; i < len(args); i++ {
		switch arg := args[i]; {
		case !form.store && isToken(arg, "WITHSCORES"):
			r.withScores = true
		case isToken(arg, "LIMIT") && i+2 < len(args):
			var err error
			if r.skip, err = parseInt(args[i+1]); err != nil {
				return err
			}
			if r.most, err = parseInt(args[i+2]); err != nil {
				return err
			}
			r.limited = true
			i += 2
		case form.kind == byOption && !r.reverse && isToken(arg, "REV"):
			r.reverse = true
		case r.kind == byOption && isToken(arg, "BYLEX"):
			r.kind = byName
		case r.kind == byOption && isToken(arg, "BYSCORE"):
			r.kind = byScore
		default:
			return ErrSyntax
		}
	}
	if r.kind == byOption {
		r.kind = byRank
	}
	switch {
	case r.limited && r.most != -1 && r.kind == byRank:
		return errRangeLimit
	case r.withScores && r.kind == byName:
		return errRangeScores
	case r.reverse && r.kind != byRank:
		return r.parseEnds(args[1], args[0])
	}
	return r.parseEnds(args[0], args[1])
}

// parseEnds reads the lower and the upper end. Errors: keyspace.ErrNotInteger, errScoreRange,
// errNameRange.
func (r *zrange) parseEnds(low, high []byte) (err error) {
	ok := true
	switch r.kind {
	case byScore:
		r.scores, ok = parseScoreRange(low, high)
		if !ok {
			return errScoreRange
		}
	case byName:
		var other bool
		r.names.Min, ok = parseNameBound(low)
		r.names.Max, other = parseNameBound(high)
		if !ok || !other {
			return errNameRange
		}
	default:
		if r.first, err = parseInt(low); err != nil {
			return err
		}
		r.last, err = parseInt(high)
	}
	return err
}

// ranks returns the range in ranks: from up to but not including to.
func (r *zrange) ranks(z value.ZSet) (from, to int) {
	switch r.kind {
	case byScore:
		from, to = z.ScoreRanks(&r.scores)
	case byName:
		from, to = z.NameRanks(&r.names)
	default:
		length := int64(z.Len())
		first, last := fromEnd(r.first, length), r.last
		if last < 0 {
			last += length // and may be before the start, where no range ends
		}
		last = min(last, length-1)
		switch {
		case first > last:
			return 0, 0
		case r.reverse:
			return int(length - 1 - last), int(length - first)
		}
		return int(first), int(last + 1)
	}
	if !r.limited {
		return from, to
	}
	length := int64(to - from)
	if r.skip < 0 || r.skip >= length {
		return 0, 0
	}
	most := length - r.skip
	if r.most >= 0 {
		most = min(most, r.most)
	}
	if r.reverse {
		to -= int(r.skip)
		return to - int(most), to
	}
	from += int(r.skip)
	return from, from + int(most)
}

// parseScoreRange reads two scores, each open when preceded by a parenthesis.
func parseScoreRange(low, high []byte) (r value.ScoreRange, ok bool) {
	var lowOK, highOK bool
	r.Min, r.MinOpen, lowOK = parseScoreBound(low)
	r.Max, r.MaxOpen, highOK = parseScoreBound(high)
	return r, lowOK && highOK
}

// parseScoreBound reads a score as C's strtod does, which allows leading blanks, takes nothing for 0
// and what is too large for infinite.
func parseScoreBound(arg []byte) (score float64, open, ok bool) {
	text := upToNUL(arg)
	if open = len(text) > 0 && text[0] == '('; open {
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, open, true
	}
	for len(text) > 0 && (text[0] == ' ' || text[0]-'\t' < 5) {
		text = text[1:]
	}
	if score, ok = resp.ParseFloat(text); ok {
		return score, open, true
	}
	for _, c := range text {
		if c == '_' {
			return 0, open, false
		}
	}
	score, err := strconv.ParseFloat(string(text), 64)
	ok = (err == nil || errors.Is(err, strconv.ErrRange)) && !math.IsNaN(score)
	return score, open, ok
}

// parseNameBound reads an end of a range of names.
func parseNameBound(arg []byte) (b value.NameBound, ok bool) {
	if len(arg) == 0 {
		return b, false
	}
	switch arg[0] {
	case '-', '+':
		b.Least, b.Most = arg[0] == '-', arg[0] == '+'
		return b, len(upToNUL(arg)) == 1
	case '(', '[':
		b.Name, b.Open = arg[1:], arg[0] == '('
		return b, true
	}
	return b, false
}

func zrangeCommand(c *Call) error { return c.zrange(rangeForm{}) }

func zrevrange(c *Call) error { return c.zrange(rangeForm{kind: byRank, reverse: true}) }

func zrangebyscore(c *Call) error { return c.zrange(rangeForm{kind: byScore}) }

func zrevrangebyscore(c *Call) error { return c.zrange(rangeForm{kind: byScore, reverse: true}) }

func zrangebylex(c *Call) error { return c.zrange(rangeForm{kind: byName}) }

func zrevrangebylex(c *Call) error { return c.zrange(rangeForm{kind: byName, reverse: true}) }

// zrange replies with the members in a range.
func (c *Call) zrange(form rangeForm) error {
	var r zrange
	if err := r.parse(c.Args[2:], form); err != nil {
		return err
	}
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	from, to := r.ranks(z)
	if from == to {
		c.Reply.Array(0)
		return nil
	}
	c.replyPairs(to-from, r.withScores)
	if to-from >= LongReply && k.Shape() == keyspace.InBig {
		next, scores := z.Pieces(from, to, r.reverse), r.withScores
		c.Stream(&k, func(w *resp.Writer, limit int) (more bool) {
			end := w.Len() + limit
			return next(func(m value.Member, score float64) bool {
				replyPairTo(w, m, score, scores)
				return w.Len() < end
			})
		})
		return nil
	}
	z.Each(from, to, r.reverse, func(m value.Member, score float64) bool {
		c.replyPair(m, score, r.withScores)
		return true
	})
	return nil
}

// zrangestore stores the members in a range at the first key, and replies how many they are.
func zrangestore(c *Call) error {
	var r zrange
	if err := r.parse(c.Args[3:], rangeForm{store: true}); err != nil {
		return err
	}
	source := c.Read(2)
	z, err := value.ZSetAt(&source)
	if err != nil {
		return err
	}
	from, to := r.ranks(z)
	list := scoredList{members: make([]value.Scored, 0, to-from)}
	z.Each(from, to, false, func(m value.Member, score float64) bool {
		list.add(m, score)
		return true
	})
	return c.storeZSet(1, list.members, storing{"zrangestore", 1})
}

// storing says what is told of a sorted set that is stored.
type storing struct {
	event   string
	changes int64
}

// storeZSet makes the key at argument i hold these members, in order, deletes it when there are none,
// and replies how many they are.
func (c *Call) storeZSet(i int, sorted []value.Scored, told storing) error {
	k := c.Write(i)
	if len(sorted) == 0 {
		if k.Delete() {
			k.Changed("del")
		}
		c.Reply.Int(0)
		return nil
	}
	if err := value.StoreZSet(&k, sorted); err != nil {
		return err
	}
	k.ChangedBy(told.event, told.changes)
	c.Reply.Int(int64(len(sorted)))
	return nil
}

func zcount(c *Call) error { return c.zcount(byScore) }

func zlexcount(c *Call) error { return c.zcount(byName) }

// zcount replies how many members are in a range.
func (c *Call) zcount(kind rangeKind) error {
	r := zrange{kind: kind}
	if err := r.parseEnds(c.Args[2], c.Args[3]); err != nil {
		return err
	}
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	from, to := r.ranks(z)
	c.Reply.Int(int64(to - from))
	return nil
}

func zremrangebyrank(c *Call) error { return c.zremrange(byRank, "zremrangebyrank") }

func zremrangebyscore(c *Call) error { return c.zremrange(byScore, "zremrangebyscore") }

func zremrangebylex(c *Call) error { return c.zremrange(byName, "zremrangebylex") }

// zremrange removes the members in a range and replies how many they were.
func (c *Call) zremrange(kind rangeKind, event string) error {
	r := zrange{kind: kind}
	if err := r.parseEnds(c.Args[2], c.Args[3]); err != nil {
		return err
	}
	k := c.Write(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	from, to := r.ranks(z)
	if err := z.RemoveRanks(from, to); err != nil {
		return err
	}
	if to > from {
		k.ChangedBy(event, int64(to-from))
		changedIfGone(&k)
	}
	c.Reply.Int(int64(to - from))
	return nil
}
