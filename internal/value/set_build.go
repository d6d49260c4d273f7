// Building a set that is in no key yet: what SUNIONSTORE and its kin store, what loading reads.
//
// The shape is the one that adding the members one by one gives, and small shapes are built in Go
// memory. A builder must end in Store or Discard.

package value

import (
	"tarn/internal/intset"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

// SetBuilder gathers the members of a new set. To be made by NewSetBuilder.
type SetBuilder struct {
	// Distinct promises that no member is added twice: then Add does not look for it.
	Distinct bool

	heap   *mem.Heap
	limits *keyspace.Limits
	shape  keyspace.Shape
	packed []byte  // Pack and Alt
	table  *bigSet // InBig
	mixed  bool    // a member is no integer
}

// NewSetBuilder returns an empty set of a shape that may change as members come; it is to be stored
// in a key of k's shard.
func NewSetBuilder(k *keyspace.Key, start keyspace.Shape) SetBuilder {
	b := SetBuilder{heap: k.Heap(), limits: k.Limits(), shape: start}
	switch start {
	case keyspace.Pack:
		b.packed = listpack.AppendNew(nil)
	case keyspace.Alt:
		b.packed = intset.AppendNew(nil)
	default:
		b.table = newBigSet(b.heap)
	}
	return b
}

// Len returns the number of members.
func (b *SetBuilder) Len() int {
	switch b.shape {
	case keyspace.Pack:
		return listpack.Count(b.packed)
	case keyspace.Alt:
		return intset.Len(b.packed)
	}
	return b.table.Len()
}

// Each hands the members to fn, in no order, until it returns false.
func (b *SetBuilder) Each(fn func(m Member) bool) {
	if b.shape == keyspace.InBig {
		b.table.eachMember(fn)
		return
	}
	eachPacked(b.shape, b.packed, fn)
}

// Add adds a member and tells whether it was missing. Errors: keyspace.ErrOutOfMemory.
func (b *SetBuilder) Add(m Member) (added bool, err error) {
	n, isInt := m.Int, m.IsInt
	if !isInt && !b.mixed {
		n, isInt = listpack.Integer(m.Str)
	}
	if !isInt {
		b.mixed = true
	}
	switch b.shape {
	case keyspace.Alt:
		if isInt {
			return b.addInt(n)
		}
		return true, b.leaveInts(m)
	case keyspace.Pack:
		return b.addPacked(m)
	}
	return b.table.add(m)
}

func (b *SetBuilder) addInt(n int64) (added bool, err error) {
	if intsTake(b.limits, b.packed) {
		b.packed, added = intset.Add(b.packed, n)
		return added, nil
	}
	if hasInt(b.packed, n) {
		return false, nil
	}
	if err := b.spread(); err != nil {
		return false, err
	}
	return b.table.add(Member{Int: n, IsInt: true})
}

// leaveInts adds a member that is no integer to an intset.
func (b *SetBuilder) leaveInts(m Member) error {
	if intsFitPack(b.limits, b.packed, m.Str) {
		b.packed, b.shape = listpack.Append(appendPackOfInts(nil, b.packed), m.Str), keyspace.Pack
		return nil
	}
	if err := b.spread(); err != nil {
		return err
	}
	_, err := b.table.add(m)
	return err
}

func (b *SetBuilder) addPacked(m Member) (added bool, err error) {
	var room [integerDigits]byte
	member := textOf(m, &room)
	if !b.Distinct && listpack.Find(b.packed, listpack.First(b.packed), member, 0) >= 0 {
		return false, nil
	}
	if packTakes(b.limits, b.packed, member) {
		b.packed = listpack.Append(b.packed, member)
		return true, nil
	}
	if err := b.spread(); err != nil {
		return false, err
	}
	return b.table.add(m)
}

// spread moves the members to a table.
func (b *SetBuilder) spread() error {
	t := newBigSet(b.heap)
	if err := t.addAll(b.Each); err != nil {
		t.freeAll()
		return err
	}
	b.table, b.packed, b.shape = t, nil, keyspace.InBig
	return nil
}

// Compact makes the set an intset when that may hold all its members: the outcome of an intersection
// is kept so.
func (b *SetBuilder) Compact() {
	if b.mixed || b.shape == keyspace.Alt || b.Len() > min(b.limits.SetIntsetEntries, maxIntsetLen) {
		return
	}
	ints := intset.AppendNew(nil)
	b.Each(func(m Member) bool {
		n, isInt := m.Int, m.IsInt
		if !isInt {
			n, _ = listpack.Integer(m.Str)
		}
		ints, _ = intset.Add(ints, n)
		return true
	})
	b.Discard()
	b.packed, b.shape = ints, keyspace.Alt
}

// Store makes the set, which has members, that of k, whatever k held, without a deadline. Errors:
// keyspace.ErrOutOfMemory: nothing has changed, and the set is to be discarded.
func (b *SetBuilder) Store(k *keyspace.Key) error {
	ended := k.Deadline()
	if ended != keyspace.NoDeadline {
		if err := k.SetDeadline(keyspace.NoDeadline); err != nil {
			return err
		}
	}
	err := b.replace(k)
	if err != nil && ended != keyspace.NoDeadline {
		k.SetDeadline(ended) // the memory for it has just been given back
	}
	return err
}

// replace is Store, but for the deadline.
func (b *SetBuilder) replace(k *keyspace.Key) error {
	if b.shape != keyspace.InBig {
		return k.SetPacked(keyspace.Set, b.shape, b.packed)
	}
	if err := k.SetBig(keyspace.Set, b.table); err != nil {
		return err
	}
	b.table = nil
	return nil
}

// Discard gives the set's memory back, unless a key has it.
func (b *SetBuilder) Discard() {
	if b.table != nil {
		b.table.freeAll()
		b.table = nil
	}
}
