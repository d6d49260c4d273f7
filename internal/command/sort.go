// SORT: the elements of a list, a set or a sorted set in order, replied or stored as a list.
//
// The weight of each element is itself, or what the key or the hash's field holds that BY makes out
// of it; an absent one weighs nothing. Numbers of equal weight are in the order of their bytes, so
// that the outcome is the same each time; texts of equal weight stay in the order they came. Keys
// that BY and GET make out of elements are known only by now: such a command holds every shard
// (sortsByOthers).

package command

import (
	"bytes"
	"cmp"
	"slices"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// sortOptions are SORT's options.
type sortOptions struct {
	by            *sortPattern // nil: the elements weigh themselves
	constant      bool         // BY what is the same for all: there is no sorting
	gets          []sortPattern
	alpha, desc   bool
	offset, count int64 // count < 0: all
	store         int   // the argument that names the destination, 0: none
}

// sortItem is an element to sort, borrowed from the key that is sorted.
type sortItem struct {
	value.Member
	score  float64
	text   []byte // ALPHA's weight
	absent bool   // there is none
}

func sortKey(c *Call) error   { return c.sort(true) }
func sortKeyRO(c *Call) error { return c.sort(false) }

// sortsByOthers tells whether SORT looks at keys that no argument names.
func sortsByOthers(args [][]byte) bool {
	for _, arg := range args[min(2, len(args)):] {
		if isToken(arg, "BY") || isToken(arg, "GET") {
			return true
		}
	}
	return false
}

func (c *Call) sort(mayStore bool) error {
	o := sortOptions{count: -1}
	if err := o.parse(c.Args, mayStore); err != nil {
		return err
	}
	k := c.Read(1)
	if k.Exists() && k.Type() != keyspace.List && k.Type() != keyspace.Set && k.Type() != keyspace.ZSet {
		return keyspace.ErrWrongType
	}
	if k.Exists() && o.constant && k.Type() == keyspace.Set && o.store != 0 {
		o.by, o.constant, o.alpha = nil, false, true // what is stored is not to be left to chance
	}
	items, err := c.sortItems(&k, &o)
	if err != nil {
		return err
	}
	if o.store != 0 {
		return c.sortStore(items, &o)
	}
	c.Reply.Array(len(items) * max(len(o.gets), 1))
	for i := range items {
		if o.gets == nil {
			c.replyMember(items[i].Member)
		}
		for g := range o.gets {
			c.replyGet(&o.gets[g], items[i].Member)
		}
	}
	return nil
}

// parse reads the options.
func (o *sortOptions) parse(args [][]byte, mayStore bool) (err error) {
	for i := 2; i < len(args); i++ {
		left := len(args) - i - 1
		switch arg := args[i]; {
		case isToken(arg, "ASC"):
			o.desc = false
		case isToken(arg, "DESC"):
			o.desc = true
		case isToken(arg, "ALPHA"):
			o.alpha = true
		case isToken(arg, "LIMIT") && left >= 2:
			if o.offset, err = parseInt(args[i+1]); err != nil {
				return err
			}
			if o.count, err = parseInt(args[i+2]); err != nil {
				return err
			}
			i += 2
		case isToken(arg, "STORE") && left >= 1 && mayStore:
			i++
			o.store = i
		case isToken(arg, "BY") && left >= 1:
			i++
			by := parseSortPattern(args[i])
			o.by, o.constant = &by, o.constant || !by.varies
		case isToken(arg, "GET") && left >= 1:
			i++
			o.gets = append(o.gets, parseSortPattern(args[i]))
		default:
			return ErrSyntax
		}
	}
	return nil
}

// window returns the positions, from the first up to but not including the last, that LIMIT leaves of
// so many elements.
func (o *sortOptions) window(length int) (from, to int) {
	from = int(min(max(o.offset, 0), int64(length)))
	if o.count < 0 || o.count > int64(length-from) {
		return from, length
	}
	return from, from + int(o.count)
}

// sortItems returns the elements asked for, in order.
func (c *Call) sortItems(k *keyspace.Key, o *sortOptions) ([]sortItem, error) {
	if !k.Exists() {
		return nil, nil
	}
	if o.constant {
		return inOwnOrder(k, o), nil
	}
	items := inOwnOrder(k, &sortOptions{count: -1})
	numbers := true
	for i := range items {
		numbers = c.weigh(&items[i], o) && numbers
	}
	if !numbers {
		return nil, ErrNotDouble
	}
	slices.SortStableFunc(items, o.compare())
	from, to := o.window(len(items))
	return items[from:to], nil
}

// inOwnOrder returns the elements that LIMIT leaves, in the order in which the key has them, or from
// its end.
func inOwnOrder(k *keyspace.Key, o *sortOptions) (items []sortItem) {
	add := func(m value.Member) { items = append(items, sortItem{Member: m}) }
	switch k.Type() {
	case keyspace.List:
		l, _ := value.ListAt(k)
		from, to := o.window(l.Len())
		items = make([]sortItem, 0, to-from)
		cursor := l.From(from)
		if o.desc {
			cursor = l.BackFrom(l.Len() - 1 - from)
		}
		for range to - from {
			m, _ := cursor.Next()
			add(m)
		}
	case keyspace.ZSet:
		z, _ := value.ZSetAt(k)
		from, to := o.window(z.Len())
		items = make([]sortItem, 0, to-from)
		if o.desc {
			from, to = z.Len()-to, z.Len()-from
		}
		z.Each(from, to, o.desc, func(m value.Member, _ float64) bool {
			add(m)
			return true
		})
	case keyspace.Set:
		s, _ := value.SetAt(k)
		items = make([]sortItem, 0, s.Len())
		s.Each(func(m value.Member) bool {
			add(m)
			return true
		})
		from, to := o.window(len(items))
		items = items[from:to]
	}
	return items
}

// weigh finds an element's weight. It returns false when that is no number and should be.
func (c *Call) weigh(item *sortItem, o *sortOptions) bool {
	weight := item.Member
	if o.by != nil {
		var there bool
		if weight, there = c.lookUp(o.by, item.Member); !there {
			item.absent = true
			return true
		}
	}
	switch {
	case o.alpha && o.by == nil && !weight.IsInt:
		item.text = weight.Str
		return true
	case o.alpha:
		item.text = weight.AppendTo(nil)
		return true
	case weight.IsInt:
		item.score = float64(weight.Int)
		return true
	}
	var ok bool
	item.score, ok = parseWeight(weight.Str)
	return ok
}

// parseWeight reads a number as the C function strtod does: blanks before it, and nothing at all, are
// good.
func parseWeight(text []byte) (score float64, ok bool) {
	text = bytes.TrimLeft(upToNUL(text), " \t\n\v\f\r")
	if len(text) == 0 {
		return 0, true
	}
	return resp.ParseFloat(text)
}

// compare returns the order of items.
func (o *sortOptions) compare() func(a, b sortItem) int {
	sign := 1
	if o.desc {
		sign = -1
	}
	if o.alpha {
		return func(a, b sortItem) int {
			if a.absent || b.absent {
				return sign * (presence(b.absent) - presence(a.absent))
			}
			return sign * bytes.Compare(a.text, b.text)
		}
	}
	return func(a, b sortItem) int {
		if a.score != b.score {
			return sign * cmp.Compare(a.score, b.score)
		}
		var left, right [24]byte
		return sign * bytes.Compare(memberText(a.Member, left[:0]), memberText(b.Member, right[:0]))
	}
}

func presence(absent bool) int {
	if absent {
		return 1
	}
	return 0
}

// memberText returns the text of a member, in room when it is an integer.
func memberText(m value.Member, room []byte) []byte {
	if m.IsInt {
		return m.AppendTo(room)
	}
	return m.Str
}

// sortStore stores the outcome as a list at the destination, which is deleted when it is empty, and
// replies with its length. What GET does not find is stored as an empty string.
func (c *Call) sortStore(items []sortItem, o *sortOptions) error {
	elems := make([][]byte, 0, len(items)*max(len(o.gets), 1))
	for i := range items {
		if o.gets == nil {
			elems = append(elems, memberText(items[i].Member, nil))
		}
		for g := range o.gets {
			m, _ := c.lookUp(&o.gets[g], items[i].Member)
			elems = append(elems, memberText(m, nil))
		}
	}
	k := c.Write(o.store)
	switch {
	case len(elems) > 0:
		if err := value.StoreList(&k, elems); err != nil {
			return err
		}
		k.ChangedBy("sortstore", int64(len(elems)))
	case k.Delete():
		k.Changed("del")
	}
	c.Reply.Int(int64(len(elems)))
	return nil
}
