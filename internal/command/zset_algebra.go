// Unions, intersections and differences of sorted sets and sets, whose members count as scored 1.
//
// Scores are added up from the smallest set to the largest, as in Redis: sums of floats depend on the
// order. A member of several sets belongs to the first of them that has it; there it is looked up in
// the others, so that no table of members met has to be kept.

package command

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errWeight    resp.Error = "ERR weight value is not a float"
	errCardLimit resp.Error = "ERR LIMIT can't be negative"
)

// scoredList is members and scores on Go's heap. Members are borrowed, except that the digits of
// integers are kept.
type scoredList struct {
	members []value.Scored
	digits  []byte
}

func (l *scoredList) add(m value.Member, score float64) {
	name := m.Str
	if m.IsInt {
		start := len(l.digits)
		l.digits = resp.AppendInt(l.digits, m.Int)
		name = l.digits[start:]
	}
	l.members = append(l.members, value.Scored{Member: name, Score: score})
}

// sort puts the members in the order of a sorted set.
func (l *scoredList) sort() {
	slices.SortFunc(l.members, func(a, b value.Scored) int {
		if a.Score != b.Score {
			return cmp.Compare(a.Score, b.Score)
		}
		return bytes.Compare(a.Member, b.Member)
	})
}

// operand is a sorted set or a set.
type operand struct {
	key    keyspace.Key
	weight float64
	digits [20]byte // room for the text of an integer
}

func (o *operand) isSet() bool { return o.key.Exists() && o.key.Type() == keyspace.Set }

// zset and set are the operand as what it is.
func (o *operand) zset() value.ZSet {
	z, _ := value.ZSetAt(&o.key)
	return z
}

func (o *operand) set() value.Set {
	s, _ := value.SetAt(&o.key)
	return s
}

func (o *operand) len() int {
	if o.isSet() {
		return o.set().Len()
	}
	return o.zset().Len()
}

// weighed returns the score of a member, by its weight; ok is false when it is absent. It may be NaN.
func (o *operand) weighed(m value.Member) (score float64, ok bool) {
	if o.isSet() {
		return o.weight, o.set().HasMember(m)
	}
	name := m.Str
	if m.IsInt {
		name = m.AppendTo(o.digits[:0])
	}
	s := o.zset().Find(name)
	return s.Score * o.weight, s.Exists
}

func (o *operand) has(m value.Member) bool {
	_, ok := o.weighed(m)
	return ok
}

// orZero returns a score, or 0 for one that is none.
func orZero(score float64) float64 {
	if math.IsNaN(score) {
		return 0
	}
	return score
}

// each hands all members and their scores, by their weight, to fn until it returns false.
func (o *operand) each(fn func(m value.Member, score float64) bool) {
	if o.isSet() {
		o.set().Each(func(m value.Member) bool { return fn(m, o.weight) })
		return
	}
	z := o.zset()
	z.Each(0, z.Len(), false, func(m value.Member, score float64) bool { return fn(m, orZero(score*o.weight)) })
}

// aggregate makes one score of two.
type aggregate func(a, b float64) float64

// The first score is never NaN, and stays when the second is, or is a zero of the other sign.
func sumScores(a, b float64) float64 { return orZero(a + b) }

func minScore(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

func maxScore(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// algebra is what a command of this file asks for, and what comes out. It is taken from a pool, and
// given back: small operations are many, and garbage would be most of what they cost.
type algebra struct {
	out        scoredList
	operands   []operand
	aggregate  aggregate
	withScores bool
	limit      int64 // of ZINTERCARD; 0: none
}

var algebras = sync.Pool{New: func() any { return new(algebra) }}

// keptMembers is for how many members room is kept.
const keptMembers = 256

func (a *algebra) giveBack() {
	clear(a.operands)
	out := scoredList{members: a.out.members[:0], digits: a.out.digits[:0]}
	if cap(out.members) > keptMembers || cap(out.digits) > keptMembers*8 {
		out = scoredList{}
	}
	*a = algebra{operands: a.operands[:0], out: out}
	algebras.Put(a)
}

// algebraOptions says which options a command takes.
type algebraOptions struct {
	weights, withScores, limit bool
}

// parseAlgebra reads the operands, whose number is argument i, and options. The outcome is to be given
// back.
func (c *Call) parseAlgebra(i int, takes algebraOptions) (*algebra, error) {
	n, err := parseInt(c.Args[i])
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, resp.Error("ERR at least 1 input key is needed for '" + c.Spec.FullName + "' command")
	}
	first := i + 1
	if n > int64(len(c.Args)-first) {
		return nil, ErrSyntax
	}
	a := algebras.Get().(*algebra)
	a.aggregate = sumScores
	for j := range int(n) {
		o := operand{key: c.Read(first + j), weight: 1}
		a.operands = append(a.operands, o)
		if o.key.CheckType(keyspace.ZSet) != nil && o.key.CheckType(keyspace.Set) != nil {
			a.giveBack()
			return nil, keyspace.ErrWrongType
		}
	}
	if err := a.parseOptions(c.Args[first+int(n):], takes); err != nil {
		a.giveBack()
		return nil, err
	}
	return a, nil
}

func (a *algebra) parseOptions(args [][]byte, takes algebraOptions) error {
	for len(args) > 0 {
		switch arg := args[0]; {
		case takes.weights && isToken(arg, "WEIGHTS") && len(args) > len(a.operands):
			for i := range a.operands {
				weight, ok := resp.ParseFloat(args[1+i])
				if !ok {
					return errWeight
				}
				a.operands[i].weight = weight
			}
			args = args[1+len(a.operands):]
		case takes.weights && isToken(arg, "AGGREGATE") && len(args) > 1:
			switch kind := args[1]; {
			case isToken(kind, "SUM"):
				a.aggregate = sumScores
			case isToken(kind, "MIN"):
				a.aggregate = minScore
			case isToken(kind, "MAX"):
				a.aggregate = maxScore
			default:
				return ErrSyntax
			}
			args = args[2:]
		case takes.withScores && isToken(arg, "WITHSCORES"):
			a.withScores = true
			args = args[1:]
		case takes.limit && isToken(arg, "LIMIT") && len(args) > 1:
			limit, ok := resp.ParseInt(args[1])
			if !ok || limit < 0 {
				return errCardLimit
			}
			a.limit = limit
			args = args[2:]
		default:
			return ErrSyntax
		}
	}
	return nil
}

// bySize orders the operands by their size.
func (a *algebra) bySize() {
	slices.SortStableFunc(a.operands, func(x, y operand) int { return cmp.Compare(x.len(), y.len()) })
}

// union finds the members of any operand.
func (a *algebra) union() {
	a.bySize()
	for i := range a.operands {
		before, behind := a.operands[:i], a.operands[i+1:]
		a.operands[i].each(func(m value.Member, score float64) bool {
			for j := range before {
				if before[j].has(m) {
					return true
				}
			}
			for j := range behind {
				if other, ok := behind[j].weighed(m); ok {
					score = a.aggregate(score, orZero(other))
				}
			}
			a.out.add(m, score)
			return true
		})
	}
}

// common hands the members of all operands to fn until it returns false.
func (a *algebra) common(fn func(m value.Member, score float64) bool) {
	a.bySize()
	a.operands[0].each(func(m value.Member, score float64) bool {
		for j := range a.operands[1:] {
			other, ok := a.operands[1+j].weighed(m)
			if !ok {
				return true
			}
			score = a.aggregate(score, other)
		}
		return fn(m, score)
	})
}

// inter finds the members of all operands.
func (a *algebra) inter() {
	a.common(func(m value.Member, score float64) bool {
		a.out.add(m, score)
		return true
	})
}

// diff finds the members of the first operand that no other has.
func (a *algebra) diff() {
	a.operands[0].each(func(m value.Member, score float64) bool {
		for j := range a.operands[1:] {
			if a.operands[1+j].has(m) {
				return true
			}
		}
		a.out.add(m, score)
		return true
	})
}

func zunion(c *Call) error { return c.algebra((*algebra).union, true) }

func zinter(c *Call) error { return c.algebra((*algebra).inter, true) }

func zdiff(c *Call) error { return c.algebra((*algebra).diff, false) }

// algebra replies with the outcome of an operation.
func (c *Call) algebra(operation func(*algebra), weights bool) error {
	a, err := c.parseAlgebra(1, algebraOptions{weights: weights, withScores: true})
	if err != nil {
		return err
	}
	defer a.giveBack()
	operation(a)
	a.out.sort()
	c.replyPairs(len(a.out.members), a.withScores)
	for _, s := range a.out.members {
		c.replyPair(value.Member{Str: s.Member}, s.Score, a.withScores)
	}
	return nil
}

func zunionstore(c *Call) error { return c.algebraStore((*algebra).union, true) }

func zinterstore(c *Call) error { return c.algebraStore((*algebra).inter, true) }

func zdiffstore(c *Call) error { return c.algebraStore((*algebra).diff, false) }

// algebraStore stores the outcome of an operation at the first key.
func (c *Call) algebraStore(operation func(*algebra), weights bool) error {
	a, err := c.parseAlgebra(2, algebraOptions{weights: weights})
	if err != nil {
		return err
	}
	defer a.giveBack()
	operation(a)
	a.out.sort()
	return c.storeZSet(1, a.out.members, storing{c.Spec.FullName, 1})
}

func zintercard(c *Call) error {
	a, err := c.parseAlgebra(1, algebraOptions{limit: true})
	if err != nil {
		return err
	}
	defer a.giveBack()
	found := int64(0)
	a.common(func(value.Member, float64) bool {
		found++
		return found != a.limit
	})
	c.Reply.Int(found)
	return nil
}
