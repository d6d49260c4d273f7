// Members of sorted sets by chance, and step by step: ZRANDMEMBER and ZSCAN.

package command

import (
	"math"
	"strconv"

	"tarn/internal/glob"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errRandomCount  resp.Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
	errRandomScores resp.Error = "ERR value is out of range"
)

func zrandmember(c *Call) error {
	if len(c.Args) == 2 {
		return c.zrandmember()
	}
	count, ok := resp.ParseInt(c.Args[2])
	switch {
	case !ok:
		return keyspace.ErrNotInteger
	case count == math.MinInt64:
		return errRandomCount
	case len(c.Args) > 4, len(c.Args) == 4 && !isToken(c.Args[3], "WITHSCORES"):
		return ErrSyntax
	}
	scores := len(c.Args) == 4
	if scores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		return errRandomScores
	}
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	length := z.Len()
	switch {
	case length == 0 || count == 0:
		c.Reply.Array(0)
	case count < 0:
		return c.draw(-count, func(n int) { c.replyPairs(n, scores) }, func(n int64) { c.replyDraws(z, n, scores) })
	case count >= int64(length):
		c.replyPairs(length, scores)
		c.eachPair(z, length, scores)
	default:
		c.replySample(z, int(count), scores)
	}
	return nil
}

// zrandmember replies with a random member, or a null.
func (c *Call) zrandmember() error {
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	if z.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	rank := c.Tx.Rand().IntN(z.Len())
	z.Each(rank, rank+1, false, func(m value.Member, _ float64) bool {
		c.replyMember(m)
		return true
	})
	return nil
}

// eachPair replies with all of a set's members, the last one first.
func (c *Call) eachPair(z value.ZSet, length int, scores bool) {
	z.Each(0, length, true, func(m value.Member, score float64) bool {
		c.replyPair(m, score, scores)
		return true
	})
}

// replyDraws adds so many members to the reply, each drawn from all.
func (c *Call) replyDraws(z value.ZSet, draws int64, scores bool) {
	for random := c.Tx.Rand(); draws > 0; draws-- {
		rank := random.IntN(z.Len())
		z.Each(rank, rank+1, false, func(m value.Member, score float64) bool {
			c.replyPair(m, score, scores)
			return true
		})
	}
}

// replySample replies with so many different members, fewer than all, in the order of their scores.
// Each is taken with the chance of those still wanted among those left; where few of many are wanted,
// the ranks between two of them are skipped.
func (c *Call) replySample(z value.ZSet, wanted int, scores bool) {
	c.replyPairs(wanted, scores)
	random, length := c.Tx.Rand(), z.Len()
	if wanted > length/sampleSparse {
		left := length
		z.Each(0, length, false, func(m value.Member, score float64) bool {
			if random.IntN(left) < wanted {
				wanted--
				c.replyPair(m, score, scores)
			}
			left--
			return wanted > 0
		})
		return
	}
	drawn := make(map[int]struct{}, wanted)
	for len(drawn) < wanted {
		rank := random.IntN(length)
		if _, again := drawn[rank]; again {
			continue
		}
		drawn[rank] = struct{}{}
		z.Each(rank, rank+1, false, func(m value.Member, score float64) bool {
			c.replyPair(m, score, scores)
			return true
		})
	}
}

// sampleSparse is how many members there are for each wanted, where it is faster to look them up.
const sampleSparse = 8

// zscan replies with the next cursor and the members met on the way there, each with its score.
func zscan(c *Call) error {
	cursor, ok := parseCursor(c.Args[2])
	if !ok {
		return ErrCursor
	}
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.Array(2)
		c.Reply.BulkString("0")
		c.Reply.Array(0)
		return nil
	}
	o := scanOptions{count: scanCount}
	if err := o.parse(c.Args[3:]); err != nil {
		return err
	}
	if o.typeName != nil {
		return ErrSyntax
	}
	c.zscan(z, cursor, &o)
	return nil
}

// zscan replies to ZSCAN. Scores are strings in both protocols, of all their digits.
func (c *Call) zscan(z value.ZSet, cursor uint64, o *scanOptions) {
	var list resp.Writer // aside, since the cursor comes first
	list.Reset(c.Scratch(), c.Reply.Proto())
	met, found := int64(0), 0
	steps := min(o.count, math.MaxInt64/scanSparse-1)*scanSparse + 1
	var digits [32]byte
	for more := true; more; more = cursor != 0 && steps > 0 && met < o.count {
		cursor = z.Scan(cursor, func(m value.Member, score float64) {
			met++
			if o.pattern != nil {
				name := m.Str
				if m.IsInt {
					name = m.AppendTo(digits[:0])
				}
				if !glob.Match(o.pattern, name, false) {
					return
				}
			}
			found++
			if m.IsInt {
				list.BulkInt(m.Int)
			} else {
				list.Bulk(m.Str)
			}
			list.Bulk(z.AppendScore(digits[:0], score))
		})
		steps--
	}
	c.Reply.Array(2)
	c.Reply.BulkString(strconv.FormatUint(cursor, 10))
	c.Reply.Array(2 * found)
	c.Reply.Raw(list.Buffer())
	c.KeepScratch(list.Buffer())
}
