// Sorted sets: adding, removing and asking about members.
//
// ZADD's conditions look at the member's score before and decide whether it gets the new one. What
// they leave alone is no change: nobody watching sees it, and it is not counted.

package command

import (
	"math"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errAddNX        resp.Error = "ERR XX and NX options at the same time are not compatible"
	errAddGT        resp.Error = "ERR GT, LT, and/or NX options at the same time are not compatible"
	errAddIncrement resp.Error = "ERR INCR option supports a single increment-element pair"
	errScoreNaN     resp.Error = "ERR resulting score is not a number (NaN)"
)

// zaddOptions are what stands before ZADD's scores.
type zaddOptions struct {
	onlyNew, onlyOld      bool // NX, XX
	onlyHigher, onlyLower bool // GT, LT
	countChanged          bool // CH
	increment             bool // INCR
}

// parse reads the options and returns how many there are.
func (o *zaddOptions) parse(args [][]byte) int {
	for i, arg := range args {
		switch {
		case isToken(arg, "NX"):
			o.onlyNew = true
		case isToken(arg, "XX"):
			o.onlyOld = true
		case isToken(arg, "GT"):
			o.onlyHigher = true
		case isToken(arg, "LT"):
			o.onlyLower = true
		case isToken(arg, "CH"):
			o.countChanged = true
		case isToken(arg, "INCR"):
			o.increment = true
		default:
			return i
		}
	}
	return len(args)
}

// check returns an error when the options contradict each other, or do not go with that many pairs.
func (o *zaddOptions) check(pairs int) error {
	switch {
	case o.onlyNew && o.onlyOld:
		return errAddNX
	case o.onlyHigher && o.onlyLower, o.onlyNew && (o.onlyHigher || o.onlyLower):
		return errAddGT
	case o.increment && pairs > 1:
		return errAddIncrement
	}
	return nil
}

// wants tells whether a member that has a score, or is absent, gets another.
func (o *zaddOptions) wants(s *value.ZSpot, score float64) bool {
	if !s.Exists {
		return !o.onlyOld
	}
	return !o.onlyNew && !(o.onlyHigher && score <= s.Score) && !(o.onlyLower && score >= s.Score)
}

func zadd(c *Call) error { return c.zaddWith(zaddOptions{}) }

func zincrby(c *Call) error { return c.zaddWith(zaddOptions{increment: true}) }

// zaddWith reads options, of which some are given, and pairs. ZINCRBY's increment, too, may not be the
// name of an option.
func (c *Call) zaddWith(o zaddOptions) error {
	first := 2 + o.parse(c.Args[2:])
	pairs := c.Args[first:]
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		return ErrSyntax
	}
	if err := o.check(len(pairs) / 2); err != nil {
		return err
	}
	return c.zadd(pairs, &o)
}

// zadd adds pairs of score and member to the sorted set at the first key. When memory runs out in
// between, those before stay.
func (c *Call) zadd(pairs [][]byte, o *zaddOptions) error {
	for i := 0; i < len(pairs); i += 2 {
		if _, ok := resp.ParseFloat(pairs[i]); !ok {
			return resp.ErrNotFloat
		}
	}
	k := c.Write(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	var added, moved int64
	var last zaddOutcome
	done := 0
	for ; done < len(pairs) && err == nil; done += 2 {
		score, _ := resp.ParseFloat(pairs[done])
		if last, err = zaddOne(z, pairs[done+1], score, o); err == nil {
			added += last.added
			moved += last.moved
		}
	}
	if added+moved > 0 {
		event := "zadd"
		if o.increment {
			event = "zincr"
		}
		k.ChangedBy(event, added+moved)
		if err != nil {
			done -= 2 // the one that failed
		}
		if arePlaces := c.Spec.Name == "geoadd"; arePlaces || err != nil {
			c.logPairs(pairs, done, arePlaces)
		}
	}
	switch {
	case err != nil:
		return err
	case !o.increment && o.countChanged:
		c.Reply.Int(added + moved)
	case !o.increment:
		c.Reply.Int(added)
	case last.wanted:
		c.Reply.Double(last.score)
	default:
		c.Reply.Null()
	}
	return nil
}

// zaddOutcome is what became of one pair.
type zaddOutcome struct {
	wanted       bool // by the conditions
	score        float64
	added, moved int64
}

// zaddOne gives a member a score, or adds to it. Errors: errScoreNaN, keyspace.ErrOutOfMemory.
func zaddOne(z value.ZSet, member []byte, score float64, o *zaddOptions) (out zaddOutcome, err error) {
	s := z.Find(member)
	if o.increment && s.Exists {
		score += s.Score
		if math.IsNaN(score) && !o.onlyNew {
			return out, errScoreNaN
		}
	}
	if !o.wants(&s, score) {
		return out, nil
	}
	out.wanted, out.score = true, score
	if s.Exists && score == s.Score {
		return out, nil
	}
	if err := z.Put(&s, score); err != nil {
		return out, err
	}
	if s.Exists {
		out.moved = 1
	} else {
		out.added = 1
	}
	return out, nil
}

func zcard(c *Call) error {
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(z.Len()))
	return nil
}

func zscore(c *Call) error {
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	c.replyScoreOf(z, c.Args[2])
	return nil
}

func zmscore(c *Call) error {
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		c.replyScoreOf(z, member)
	}
	return nil
}

// replyScoreOf replies with the score of a member, or a null.
func (c *Call) replyScoreOf(z value.ZSet, member []byte) {
	if s := z.Find(member); s.Exists {
		c.Reply.Double(s.Score)
		return
	}
	c.Reply.Null()
}

func zrank(c *Call) error { return c.zrank(false) }

func zrevrank(c *Call) error { return c.zrank(true) }

// zrank replies with the rank of a member, counted from the end when reverse is set, and with its
// score when asked to.
func (c *Call) zrank(reverse bool) error {
	withScore := len(c.Args) == 4
	switch {
	case len(c.Args) > 4:
		return resp.Error("ERR wrong number of arguments for '" + c.Spec.FullName + "' command")
	case withScore && !isToken(c.Args[3], "WITHSCORE"):
		return ErrSyntax
	}
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	rank, score, ok := z.Rank(c.Args[2])
	switch {
	case !ok && withScore:
		c.Reply.NullArray()
		return nil
	case !ok:
		c.Reply.Null()
		return nil
	case reverse:
		rank = z.Len() - 1 - rank
	}
	if withScore {
		c.Reply.Array(2)
	}
	c.Reply.Int(int64(rank))
	if withScore {
		c.Reply.Double(score)
	}
	return nil
}

// zrem removes members. When memory runs out in between, those before stay removed.
func zrem(c *Call) error {
	k := c.Write(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	removed := int64(0)
	for i := 2; i < len(c.Args) && k.Exists() && err == nil; i++ {
		s := z.Find(c.Args[i])
		if !s.Exists {
			continue
		}
		if err = z.Remove(&s); err == nil {
			removed++
		}
	}
	if removed > 0 {
		k.ChangedBy("zrem", removed)
		changedIfGone(&k)
	}
	if err != nil {
		return err
	}
	c.Reply.Int(removed)
	return nil
}

// changedIfGone says that a key went with the last of what it held.
func changedIfGone(k *keyspace.Key) {
	if !k.Exists() {
		k.ChangedBy("del", 0)
	}
}

// replyMember replies with a member.
func (c *Call) replyMember(m value.Member) {
	if m.IsInt {
		c.Reply.BulkInt(m.Int)
		return
	}
	c.Reply.Bulk(m.Str)
}

// replyPairs announces a list of n members, each with its score when scores is set: in RESP3 then
// pairs.
func (c *Call) replyPairs(n int, scores bool) {
	if scores && c.Reply.Proto() == resp.RESP2 {
		n *= 2
	}
	c.Reply.Array(n)
}

// replyPair replies with a member of such a list.
func (c *Call) replyPair(m value.Member, score float64, scores bool) {
	replyPairTo(c.Reply, m, score, scores)
}

func replyPairTo(w *resp.Writer, m value.Member, score float64, scores bool) {
	if scores && w.Proto() == resp.RESP3 {
		w.Array(2)
	}
	replyMemberTo(w, m)
	if scores {
		w.Double(score)
	}
}
