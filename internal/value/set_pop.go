// Members of a set by chance: SRANDMEMBER, SPOP.
//
// Every member, and every choice of several, has the same chance. Several are picked from a small
// set in one walk over it, each with the chance of those still wanted among those still to come;
// from a table so when they are a large part of it, else one by one.

package value

import (
	"math/rand/v2"
	"slices"

	"tarn/internal/intset"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

const (
	// sparse is how much larger a table must be than what is picked for picking one by one.
	sparse = 8

	// moveRatio is Redis's: a set of which at most one in so many stays is made anew, and may then
	// have a smaller shape.
	moveRatio = 5
)

// Pick is a member and where it stands, valid until the set changes.
type Pick struct {
	Member
	at int // offset or index in the bytes
}

// Random returns a random member of a set that has some.
func (s Set) Random(r *rand.Rand) Pick {
	switch s.key.Shape() {
	case keyspace.Pack:
		lp := s.key.Packed()
		at := listpack.Seek(lp, r.IntN(listpack.Count(lp)))
		return Pick{listpack.Get(lp, at), at}
	case keyspace.Alt:
		ints := s.key.Packed()
		i := r.IntN(intset.Len(ints))
		return Pick{Member{Int: intset.At(ints, i), IsInt: true}, i}
	}
	t := s.table()
	return Pick{Member: Member{Str: t.name(t.random(r))}}
}

// Drop removes what Random returned; with the last member the key goes. Errors:
// keyspace.ErrOutOfMemory, and then nothing has changed.
func (s Set) Drop(p Pick) error {
	switch s.key.Shape() {
	case keyspace.Pack:
		return s.cutFromPack(p.at)
	case keyspace.Alt:
		return s.cutFromInts(p.at)
	}
	s.cutFromTable(s.table().find(p.Str))
	return nil
}

// Draw hands count random members to fn; the same may come again.
func (s Set) Draw(r *rand.Rand, count int64, fn func(m Member)) {
	if s.key.Shape() != keyspace.Pack {
		for range count {
			fn(s.Random(r).Member)
		}
		return
	}
	lp := s.key.Packed()
	var room [256]int32
	places := room[:0]
	for at := listpack.First(lp); at >= 0; at = listpack.Next(lp, at) {
		places = append(places, int32(at))
	}
	for range count {
		fn(listpack.Get(lp, int(places[r.IntN(len(places))])))
	}
}

// Sample hands count members, of which there are as many, to fn, each once.
func (s Set) Sample(r *rand.Rand, count int, fn func(m Member)) {
	if s.key.Shape() == keyspace.InBig && s.Len()/sparse > count {
		s.sampleTable(r, count, fn)
		return
	}
	s.divide(r, count, func(m Member, picked bool) bool {
		if picked {
			fn(m)
		}
		return true
	})
}

// divide hands all members to fn, until it returns false, of which count are picked.
func (s Set) divide(r *rand.Rand, count int, fn func(m Member, picked bool) bool) {
	left := s.Len()
	s.Each(func(m Member) bool {
		picked := r.IntN(left) < count
		if picked {
			count--
		}
		left--
		return fn(m, picked)
	})
}

// sampleTable draws until it has count different elements.
func (s Set) sampleTable(r *rand.Rand, count int, fn func(m Member)) {
	t := s.table()
	refs := make([]mem.Ref, 0, count)
	for len(refs) < count {
		for range count - len(refs) {
			refs = append(refs, t.random(r))
		}
		slices.Sort(refs)
		refs = slices.Compact(refs)
	}
	for _, ref := range refs {
		fn(Member{Str: t.name(ref)})
	}
}

// Pop removes count members, fewer than there are, each of which fn is handed before. Errors:
// keyspace.ErrOutOfMemory, and then nothing has changed, though fn has been called.
func (s Set) Pop(r *rand.Rand, count int, fn func(m Member)) error {
	left := s.Len() - count
	switch {
	case left*moveRatio <= count:
		return s.popMost(r, count, fn)
	case s.key.Shape() != keyspace.InBig:
		return s.popPacked(r, count, fn)
	}
	for range count {
		p := s.Random(r)
		fn(p.Member)
		s.cutFromTable(s.table().find(p.Str))
	}
	return nil
}

// popMost builds a new set of what is left.
func (s Set) popMost(r *rand.Rand, count int, fn func(m Member)) (err error) {
	start := keyspace.Pack
	if s.key.Shape() == keyspace.Alt {
		start = keyspace.Alt
	}
	rest := NewSetBuilder(s.key, start)
	rest.Distinct = true
	s.divide(r, count, func(m Member, picked bool) bool {
		if picked {
			fn(m)
		} else {
			_, err = rest.Add(m)
		}
		return err == nil
	})
	if err == nil {
		err = rest.replace(s.key)
	}
	if err != nil {
		rest.Discard()
	}
	return err
}

// popPacked writes the bytes anew, in their shape.
func (s Set) popPacked(r *rand.Rand, count int, fn func(m Member)) error {
	var room [2048]byte
	shape, old, i := s.key.Shape(), s.key.Packed(), -1
	rest := room[:0]
	if shape == keyspace.Pack {
		rest = listpack.AppendNew(rest)
	} else {
		rest = append(rest, old[:intset.Offset(old, 0)]...)
	}
	s.divide(r, count, func(m Member, picked bool) bool {
		i++
		switch {
		case picked:
			fn(m)
		case shape == keyspace.Alt:
			rest = append(rest, old[intset.Offset(old, i):intset.Offset(old, i+1)]...)
		case m.IsInt:
			rest = listpack.AppendInt(rest, m.Int)
		default:
			rest = listpack.Append(rest, m.Str)
		}
		return true
	})
	if shape == keyspace.Alt {
		intset.Fix(rest)
	}
	return s.key.SetPacked(keyspace.Set, shape, rest)
}
