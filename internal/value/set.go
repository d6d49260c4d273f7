// Set: members without order, in three shapes.
//
// Integers alone are kept as an intset, a few short members as a listpack, others in a table. A set
// moves on to a larger shape at the limits and in the order Redis does, since clients see it in
// OBJECT ENCODING: an intset that meets another member becomes a listpack, or a table where a
// listpack may not hold it all; one that has grown too long becomes a table. There is no way back but
// for sets that are stored anew (set_build.go, set_pop.go).
//
// What must hold: the key's shard is locked; a key with an empty set does not exist. Members handed
// out are borrowed until the set changes. Reading, and adding to and removing from a set that keeps
// its shape, allocates no Go memory.

package value

import (
	"fmt"
	"strconv"

	"tarn/internal/intset"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

const (
	maxPackBytes  = 1 << 30 // Redis makes no longer listpacks by adding to them
	maxIntsetLen  = 1 << 30
	integerDigits = 20 // bytes of the longest 64-bit integer in decimal
)

// Member is a member of a set: an integer when IsInt, else a string.
type Member = listpack.Value

// Set is the set in one key. To be made by SetAt.
type Set struct{ key *keyspace.Key }

// SetAt returns the set in a key, empty when the key is absent. Errors: keyspace.ErrWrongType.
func SetAt(k *keyspace.Key) (Set, error) { return Set{k}, k.CheckType(keyspace.Set) }

// Len returns the number of members.
func (s Set) Len() int {
	if !s.key.Exists() {
		return 0
	}
	switch s.key.Shape() {
	case keyspace.Pack:
		return listpack.Count(s.key.Packed())
	case keyspace.Alt:
		return intset.Len(s.key.Packed())
	}
	return s.table().Len()
}

// Has tells whether member is in the set.
func (s Set) Has(member []byte) bool {
	if !s.key.Exists() {
		return false
	}
	switch s.key.Shape() {
	case keyspace.Pack:
		lp := s.key.Packed()
		return listpack.Find(lp, listpack.First(lp), member, 0) >= 0
	case keyspace.Alt:
		n, ok := listpack.Integer(member)
		return ok && hasInt(s.key.Packed(), n)
	}
	return s.table().find(member).found()
}

func hasInt(ints []byte, n int64) bool {
	_, found := intset.Find(ints, n)
	return found
}

// HasMember is Has for a member of another set.
func (s Set) HasMember(m Member) bool {
	if !m.IsInt || !s.key.Exists() {
		return s.Has(m.Str)
	}
	switch s.key.Shape() {
	case keyspace.Pack:
		var room [integerDigits]byte
		lp := s.key.Packed()
		return listpack.Find(lp, listpack.First(lp), textOf(m, &room), 0) >= 0
	case keyspace.Alt:
		return hasInt(s.key.Packed(), m.Int)
	}
	t := s.table()
	return t.find(t.nameOf(m)).found()
}

// textOf returns the text of a member, in room when it is an integer.
func textOf(m Member, room *[integerDigits]byte) []byte {
	if m.IsInt {
		return strconv.AppendInt(room[:0], m.Int, 10)
	}
	return m.Str
}

// Each hands the members to fn, in no order, until it returns false. fn must not change the set.
func (s Set) Each(fn func(m Member) bool) {
	if !s.key.Exists() {
		return
	}
	if shape := s.key.Shape(); shape != keyspace.InBig {
		eachPacked(shape, s.key.Packed(), fn)
		return
	}
	s.table().eachMember(fn)
}

func eachPacked(shape keyspace.Shape, b []byte, fn func(m Member) bool) {
	if shape == keyspace.Alt {
		for i := range intset.Len(b) {
			if !fn(Member{Int: intset.At(b, i), IsInt: true}) {
				return
			}
		}
		return
	}
	for at := listpack.First(b); at >= 0; {
		m, next := listpack.Read(b, at)
		if !fn(m) {
			return
		}
		at = next
	}
}

// Pieces returns an iteration over the members of a set InBig that can be left and gone on with: each
// call hands members to fn until it says false, and a few more, and tells whether any are left. It is
// for keyspace.Key.Read: the key is not used.
func (s Set) Pieces() func(fn func(m Member) bool) (more bool) {
	t := s.table()
	next := t.pieces()
	return func(fn func(m Member) bool) bool {
		return next(func(r mem.Ref) bool { return fn(Member{Str: t.name(r)}) })
	}
}

// Scan hands members to fn and returns the cursor to go on with, 0 at the end: all of them when the
// set is small, else those of one bucket. fn must not change the set.
func (s Set) Scan(cursor uint64, fn func(m Member)) uint64 {
	if !s.key.Exists() {
		return 0
	}
	if s.key.Shape() != keyspace.InBig {
		s.Each(func(m Member) bool {
			fn(m)
			return true
		})
		return 0
	}
	t := s.table()
	return t.scan(cursor, func(r mem.Ref) { fn(Member{Str: t.name(r)}) })
}

// AddAll adds members, at least one, and returns how many were missing. Errors:
// keyspace.ErrOutOfMemory, and then none were added.
func (s Set) AddAll(members [][]byte) (added int, err error) {
	if len(members) == 1 {
		if err = s.expect(1); err == nil {
			var was bool
			if was, err = s.add(members[0], 1); was && err == nil {
				added = 1
			}
		}
		return added, err
	}
	if s.key.Exists() && s.key.Shape() == keyspace.InBig {
		return s.addMarked(members)
	}
	var room [2048]byte // keeps what is there, to be put back
	var old []byte
	shape := keyspace.InBig
	if s.key.Exists() {
		shape, old = s.key.Shape(), append(room[:0], s.key.Packed()...)
	}
	err = s.expect(len(members))
	for i := 0; i < len(members) && err == nil; i++ {
		var was bool
		if was, err = s.add(members[i], len(members)); was {
			added++
		}
	}
	if err == nil {
		return added, nil
	}
	if old == nil {
		s.key.Delete()
	} else if put := s.key.SetPacked(keyspace.Set, shape, old); put != nil {
		return 0, put // what it had is free again, so this does not come
	}
	return 0, err
}

// addMarked is AddAll of a table, from which to remove takes no memory.
func (s Set) addMarked(members [][]byte) (added int, err error) {
	var few [4]uint64
	missing := few[:]
	if len(members) > 64*len(missing) {
		missing = make([]uint64, (len(members)+63)/64)
	}
	for i, m := range members {
		was, err := s.add(m, len(members))
		if err != nil {
			s.takeBack(members[:i], missing)
			return 0, err
		}
		if was {
			missing[i/64] |= 1 << (i % 64)
			added++
		}
	}
	return added, nil
}

// takeBack removes the members marked as having been missing.
func (s Set) takeBack(members [][]byte, missing []uint64) {
	for i, m := range members {
		if missing[i/64]&(1<<(i%64)) != 0 {
			s.cutFromTable(s.table().find(m))
		}
	}
}

// Add adds member and tells whether it was missing. Errors: keyspace.ErrOutOfMemory, and then
// nothing has changed.
func (s Set) Add(member []byte) (added bool, err error) { return s.add(member, 1) }

// expect gets an existing set ready for so many members more.
func (s Set) expect(members int) error {
	if !s.key.Exists() {
		return nil
	}
	l := s.key.Limits()
	switch s.key.Shape() {
	case keyspace.Pack:
		if members > l.SetPackEntries {
			return s.spread()
		}
	case keyspace.Alt:
		if members > l.SetIntsetEntries {
			return s.spread()
		}
	}
	return nil
}

// add adds a member. An absent set is made for expected members.
func (s Set) add(member []byte, expected int) (added bool, err error) {
	if !s.key.Exists() {
		return true, s.create(member, expected)
	}
	switch s.key.Shape() {
	case keyspace.Pack:
		return s.addToPack(member)
	case keyspace.Alt:
		return s.addToInts(member)
	}
	t := s.table()
	p := t.find(member)
	if p.found() {
		return false, nil
	}
	s.key.EditBig()
	if t.put(p, element{name: member}) == 0 {
		return false, keyspace.ErrOutOfMemory
	}
	return true, nil
}

// create makes the set of its first member.
func (s Set) create(first []byte, expected int) error {
	l := s.key.Limits()
	n, isInt := listpack.Integer(first)
	if isInt && expected <= l.SetIntsetEntries {
		var empty, room [16]byte
		return s.key.SetPacked(keyspace.Set, keyspace.Alt, intset.AppendWider(room[:0], intset.AppendNew(empty[:0]), n))
	}
	if expected <= l.SetPackEntries && len(first) <= l.SetPackValue {
		var room [128]byte
		return s.key.SetPacked(keyspace.Set, keyspace.Pack, listpack.Append(listpack.AppendNew(room[:0]), first))
	}
	return s.spread(first)
}

func (s Set) addToPack(member []byte) (added bool, err error) {
	lp := s.key.Packed()
	if listpack.Find(lp, listpack.First(lp), member, 0) >= 0 {
		return false, nil
	}
	if !packTakes(s.key.Limits(), lp, member) {
		return true, s.spread(member)
	}
	at := listpack.End(lp)
	if lp, err = s.key.Splice(at, 0, listpack.Size(member)); err != nil {
		return false, err
	}
	listpack.Put(lp, at, member, 1)
	return true, nil
}

// packTakes tells whether a listpack may take one more member.
func packTakes(l *keyspace.Limits, lp, member []byte) bool {
	return listpack.Count(lp) < l.SetPackEntries && len(member) <= l.SetPackValue && len(lp)+len(member) <= maxPackBytes
}

func (s Set) addToInts(member []byte) (added bool, err error) {
	ints, l := s.key.Packed(), s.key.Limits()
	n, isInt := listpack.Integer(member)
	if !isInt {
		if !intsFitPack(l, ints, member) {
			return true, s.spread(member)
		}
		var room [1024]byte
		return true, s.key.SetPacked(keyspace.Set, keyspace.Pack, listpack.Append(appendPackOfInts(room[:0], ints), member))
	}
	i, found := intset.Find(ints, n)
	switch {
	case found:
		return false, nil
	case !intsTake(l, ints):
		return true, s.spread(member)
	case !intset.Fits(ints, n):
		var room [1024]byte
		return true, s.key.SetPacked(keyspace.Set, keyspace.Alt, intset.AppendWider(room[:0], ints, n))
	}
	if ints, err = s.key.Splice(intset.Offset(ints, i), 0, intset.Width(ints)); err != nil {
		return false, err
	}
	intset.Put(ints, i, n)
	return true, nil
}

// intsTake tells whether an intset may take one more integer.
func intsTake(l *keyspace.Limits, ints []byte) bool {
	return intset.Len(ints) < min(l.SetIntsetEntries, maxIntsetLen)
}

// intsFitPack tells whether the members of an intset, and one more that is no integer, may become a
// listpack.
func intsFitPack(l *keyspace.Limits, ints, member []byte) bool {
	count := intset.Len(ints)
	longest, size := 0, 0
	if count > 0 {
		for _, i := range [...]int{0, count - 1} {
			m := Member{Int: intset.At(ints, i), IsInt: true}
			longest, size = max(longest, m.Len()), max(size, listpack.SizeInt(m.Int))
		}
	}
	return count < l.SetPackEntries && max(longest, len(member)) <= l.SetPackValue && count*size+len(member) < maxPackBytes
}

// appendPackOfInts appends a listpack of the members of an intset to dst, which is empty.
func appendPackOfInts(dst, ints []byte) []byte {
	dst = listpack.AppendNew(dst)
	for i := range intset.Len(ints) {
		dst = listpack.AppendInt(dst, intset.At(ints, i))
	}
	return dst
}

// spread turns the set into a table of its members and more, which are missing in it. Errors:
// keyspace.ErrOutOfMemory, and then nothing has changed.
func (s Set) spread(more ...[]byte) error {
	t := newBigSet(s.key.Heap())
	err := t.addAll(s.Each)
	for i := 0; i < len(more) && err == nil; i++ {
		_, err = t.add(Member{Str: more[i]})
	}
	if err == nil {
		err = s.key.SetBig(keyspace.Set, t)
	}
	if err != nil {
		t.freeAll()
	}
	return err
}

// Remove removes member and tells whether it was there. With the last member the key goes. Errors:
// keyspace.ErrOutOfMemory, and then nothing has changed.
func (s Set) Remove(member []byte) (removed bool, err error) {
	if !s.key.Exists() {
		return false, nil
	}
	switch s.key.Shape() {
	case keyspace.Pack:
		lp := s.key.Packed()
		if at := listpack.Find(lp, listpack.First(lp), member, 0); at >= 0 {
			return true, s.cutFromPack(at)
		}
	case keyspace.Alt:
		if n, ok := listpack.Integer(member); ok {
			if i, found := intset.Find(s.key.Packed(), n); found {
				return true, s.cutFromInts(i)
			}
		}
	default:
		if p := s.table().find(member); p.found() {
			s.cutFromTable(p)
			return true, nil
		}
	}
	return false, nil
}

// cutFromPack removes the member at an offset of the listpack.
func (s Set) cutFromPack(at int) error {
	lp := s.key.Packed()
	if listpack.Count(lp) == 1 {
		s.key.Delete()
		return nil
	}
	lp, err := s.key.Splice(at, listpack.EntrySize(lp, at), 0)
	if err != nil {
		return err
	}
	listpack.Fix(lp, -1)
	return nil
}

// cutFromInts removes the member at an index of the intset.
func (s Set) cutFromInts(i int) error {
	ints := s.key.Packed()
	if intset.Len(ints) == 1 {
		s.key.Delete()
		return nil
	}
	ints, err := s.key.Splice(intset.Offset(ints, i), intset.Width(ints), 0)
	if err != nil {
		return err
	}
	intset.Fix(ints)
	return nil
}

func (s Set) cutFromTable(p place) {
	t := s.table()
	if t.Len() == 1 {
		s.key.Delete()
		return
	}
	s.key.EditBig()
	t.remove(p)
}

// Verify reads the whole set and returns the first thing found wrong, or nil.
func (s Set) Verify() error {
	if !s.key.Exists() {
		return nil
	}
	if s.Len() == 0 {
		return fmt.Errorf("value: the key of an empty set")
	}
	switch s.key.Shape() {
	case keyspace.InBig:
		return s.table().Verify()
	case keyspace.Alt:
		return intset.Validate(s.key.Packed())
	}
	lp := s.key.Packed()
	if err := listpack.Validate(lp); err != nil {
		return err
	}
	for at := listpack.First(lp); at >= 0; at = listpack.Next(lp, at) {
		text := listpack.Get(lp, at).AppendTo(nil)
		if first := listpack.Find(lp, listpack.First(lp), text, 0); first != at {
			return fmt.Errorf("value: member %q stands at %d and at %d", text, first, at)
		}
	}
	return nil
}

// IsIntset tells whether the set is kept as integers alone.
func (s Set) IsIntset() bool { return s.key.Exists() && s.key.Shape() == keyspace.Alt }
