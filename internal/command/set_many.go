// Several sets at once: intersection, union, difference, replied or stored.
//
// What is replied is streamed from the sets themselves: a member goes out when it is known from the
// other sets that it belongs, and nothing is gathered, save the union of more sets than are cheaply
// asked for every member. What is stored is built beside them, as a large shape in the heap of the
// destination, and then takes its place.

package command

import (
	"bytes"
	"slices"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// askedSets is the most sets that the union asks about each member: beyond, it gathers them.
const askedSets = 16

// sets are those of a command's keys; absent keys are empty sets. They refer to each other's memory:
// keys must stay where it is.
type sets struct {
	keys []keyspace.Key
	all  []value.Set
}

// fewSets holds as many sets as most commands name.
type fewSets struct {
	keys [4]keyspace.Key
	all  [4]value.Set
}

// readSets looks up the sets at arguments from first up to end. Errors: keyspace.ErrWrongType.
func (c *Call) readSets(first, end int, few *fewSets) (s sets, err error) {
	n := end - first
	if n <= len(few.keys) {
		s = sets{few.keys[:n], few.all[:n]}
	} else {
		s = sets{make([]keyspace.Key, n), make([]value.Set, n)}
	}
	for i := range n {
		s.keys[i] = c.Read(first + i)
		if s.all[i], err = value.SetAt(&s.keys[i]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// bySize puts the smallest set first and returns false when it is empty.
func (s *sets) bySize() bool {
	slices.SortFunc(s.all, func(a, b value.Set) int { return a.Len() - b.Len() })
	return s.all[0].Len() > 0
}

// intersect hands what all sets share to fn, until it returns false.
func (s *sets) intersect(fn func(m value.Member) bool) {
	if !s.bySize() {
		return
	}
	s.all[0].Each(func(m value.Member) bool {
		for _, other := range s.all[1:] {
			if !other.HasMember(m) {
				return true
			}
		}
		return fn(m)
	})
}

// unite hands what any set holds to fn, until it returns false.
func (s *sets) unite(fn func(m value.Member) bool) {
	more := true
	for i, set := range s.all {
		if !more {
			return
		}
		set.Each(func(m value.Member) bool {
			for _, before := range s.all[:i] {
				if before.HasMember(m) {
					return true
				}
			}
			more = fn(m)
			return more
		})
	}
}

// subtract hands what the first set alone holds to fn, until it returns false.
func (s *sets) subtract(fn func(m value.Member) bool) {
	for i := range s.keys[1:] {
		if bytes.Equal(s.keys[i+1].Name(), s.keys[0].Name()) {
			return
		}
	}
	rest := s.all[1:]
	slices.SortFunc(rest, func(a, b value.Set) int { return b.Len() - a.Len() }) // the likeliest first
	s.all[0].Each(func(m value.Member) bool {
		for _, other := range rest {
			if other.HasMember(m) {
				return true
			}
		}
		return fn(m)
	})
}

func sinter(c *Call) error { return c.replyOf((*sets).intersect) }
func sdiff(c *Call) error  { return c.replyOf((*sets).subtract) }

func sunion(c *Call) error {
	if len(c.Args)-1 > askedSets {
		return c.sunionGathered()
	}
	return c.replyOf((*sets).unite)
}

// replyOf replies with what op makes of the sets at all arguments: of one, all of it.
func (c *Call) replyOf(op func(*sets, func(value.Member) bool)) error {
	if len(c.Args) == 2 {
		return smembers(c)
	}
	var few fewSets
	s, err := c.readSets(1, len(c.Args), &few)
	if err != nil {
		return err
	}
	mark, found := c.Reply.Deferred(), 0
	op(&s, func(m value.Member) bool {
		c.replyMember(m)
		found++
		return true
	})
	c.Reply.SetSetLen(mark, found)
	return nil
}

// sunionGathered replies with the union of many sets.
func (c *Call) sunionGathered() error {
	s, err := c.readSets(1, len(c.Args), &fewSets{})
	if err != nil {
		return err
	}
	b := value.NewSetBuilder(&s.keys[0], keyspace.Alt)
	defer b.Discard()
	if err := s.gather(&b); err != nil {
		return err
	}
	c.Reply.Set(b.Len())
	b.Each(func(m value.Member) bool {
		c.replyMember(m)
		return true
	})
	return nil
}

// gather adds all members of all sets to b.
func (s *sets) gather(b *value.SetBuilder) (err error) {
	for i := 0; i < len(s.all) && err == nil; i++ {
		s.all[i].Each(func(m value.Member) bool {
			_, err = b.Add(m)
			return err == nil
		})
	}
	return err
}

func sintercard(c *Call) error {
	count, ok := resp.ParseInt(c.Args[1])
	if !ok || count <= 0 {
		return ErrKeyCount
	}
	if count > int64(len(c.Args)-2) {
		return ErrFewKeys
	}
	end := 2 + int(count)
	limit := int64(0)
	for i := end; i < len(c.Args); i += 2 {
		if !isToken(c.Args[i], "LIMIT") || i+1 == len(c.Args) {
			return ErrSyntax
		}
		if limit, ok = resp.ParseInt(c.Args[i+1]); !ok || limit < 0 {
			return ErrLimit
		}
	}
	var few fewSets
	s, err := c.readSets(2, end, &few)
	if err != nil {
		return err
	}
	found := int64(0)
	s.intersect(func(value.Member) bool {
		found++
		return found != limit
	})
	c.Reply.Int(found)
	return nil
}

// sinterstore keeps the shape of the smallest set where it can, or a smaller one.
func sinterstore(c *Call) error {
	var few fewSets
	s, err := c.readSets(2, len(c.Args), &few)
	if err != nil {
		return err
	}
	start := keyspace.Pack
	if s.bySize() && s.all[0].IsIntset() {
		start = keyspace.Alt
	}
	b := c.buildAt(1, start)
	defer b.Discard()
	b.Distinct = true
	s.intersect(func(m value.Member) bool {
		_, err = b.Add(m)
		return err == nil
	})
	if err != nil {
		return err
	}
	b.Compact()
	return c.storeSet(&b, "sinterstore")
}

func sunionstore(c *Call) error {
	var few fewSets
	s, err := c.readSets(2, len(c.Args), &few)
	if err != nil {
		return err
	}
	b := c.buildAt(1, keyspace.Alt)
	defer b.Discard()
	if err := s.gather(&b); err != nil {
		return err
	}
	return c.storeSet(&b, "sunionstore")
}

func sdiffstore(c *Call) error {
	var few fewSets
	s, err := c.readSets(2, len(c.Args), &few)
	if err != nil {
		return err
	}
	b := c.buildAt(1, keyspace.Alt)
	defer b.Discard()
	b.Distinct = true
	s.subtract(func(m value.Member) bool {
		_, err = b.Add(m)
		return err == nil
	})
	if err != nil {
		return err
	}
	return c.storeSet(&b, "sdiffstore")
}

// buildAt begins a set for the key at argument i.
func (c *Call) buildAt(i int, start keyspace.Shape) value.SetBuilder {
	k := c.Peek(i)
	return value.NewSetBuilder(&k, start)
}

// storeSet puts a set at the key at argument 1, or deletes the key when the set is empty, and replies
// with its length.
func (c *Call) storeSet(b *value.SetBuilder, event string) error {
	k := c.Write(1)
	length := b.Len()
	if length == 0 {
		if k.Delete() {
			k.Changed("del")
		}
		c.Reply.Int(0)
		return nil
	}
	if err := b.Store(&k); err != nil {
		return err
	}
	k.Changed(event)
	c.Reply.Int(int64(length))
	return nil
}
