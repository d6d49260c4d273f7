// Packed values: small collections that are stored as the bytes a server keeps them in.
//
// Those bytes are taken over as they are, so everything that later code relies on is checked first:
// that they can be walked both ways, hold whole pairs, hold nothing twice, and that scores and
// deadlines are numbers, in their order. This is what sanitize-dump-payload asks for at its most,
// and it is done always: nothing from outside may break the server.

package rdb

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"

	"tarn/internal/intset"
	"tarn/internal/listpack"
)

// Form is how the bytes of a packed value are to be read.
type Form uint8

// Forms.
const (
	NotPacked Form = iota
	Listpack       // elements; members; fields and values; members and scores
	Intset         // a set's integers
	Triples        // a listpack of fields, values, and deadlines in Unix ms, 0 for none
)

// duplicates finds out whether things are different from each other. Its table is kept.
type duplicates struct {
	seed  maphash.Seed
	table []duplicate
	few   bool // so few that a hash which somebody may have made collide is good enough
}

// duplicate is an element of the table: its offset, 0 for none, and a part of its hash.
type duplicate struct {
	at   int32
	hash uint32
}

// mostFew is how many elements are few.
const mostFew = 64

// reset makes room for count elements.
func (d *duplicates) reset(count int) {
	size := 16
	for size < 2*count {
		size *= 2
	}
	if cap(d.table) < size {
		d.table = make([]duplicate, size)
		d.seed = maphash.MakeSeed()
	}
	d.few = count <= mostFew
	d.table = d.table[:size]
	clear(d.table)
}

// mayBeInt tells whether a text may be that of an integer; most are not.
func mayBeInt(text []byte) bool { return len(text) > 0 && text[0] <= '9' }

// canonical returns v as the integer that its text reads as, if it does.
func canonical(v listpack.Value) listpack.Value {
	if !v.IsInt {
		if n, ok := listpack.Integer(v.Str); ok {
			return listpack.Value{Int: n, IsInt: true}
		}
	}
	return v
}

// seen tells whether an element of lp that is the same as v, which is at offset at, was seen before.
func (d *duplicates) seen(lp []byte, at int, v listpack.Value) bool {
	if mayBeInt(v.Str) {
		v = canonical(v)
	}
	h := d.hash(v)
	mask := uint64(len(d.table) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		other := d.table[i]
		if other.at == 0 {
			d.table[i] = duplicate{int32(at), uint32(h >> 32)}
			return false
		}
		if other.hash != uint32(h>>32) {
			continue
		}
		o := canonical(listpack.Get(lp, int(other.at)))
		if o.IsInt == v.IsInt && o.Int == v.Int && bytes.Equal(o.Str, v.Str) {
			return true
		}
	}
}

// mix is an odd number whose bits are those of the golden ratio.
const mix = 0x9E3779B97F4A7C15

func (d *duplicates) hash(v listpack.Value) uint64 {
	switch {
	case d.few && v.IsInt:
		return bits.ReverseBytes64(uint64(v.Int) * mix)
	case d.few:
		return quickHash(v.Str)
	case v.IsInt:
		return maphash.Comparable(d.seed, v.Int)
	}
	return maphash.Bytes(d.seed, v.Str)
}

// quickHash hashes the length, the first and the last 8 bytes.
func quickHash(b []byte) uint64 {
	var head, tail uint64
	if len(b) >= 8 {
		head, tail = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[len(b)-8:])
	} else {
		for _, c := range b {
			head = head<<8 | uint64(c)
		}
	}
	high, low := bits.Mul64(head^mix, tail+uint64(len(b))^bits.ReverseBytes64(mix))
	return (high ^ low) * mix
}

// check checks the bytes of a packed value of a kind. Errors: ErrCorrupt.
func (d *duplicates) check(kind Kind, form Form, b []byte) error {
	if form == Intset {
		if intset.Validate(b) != nil {
			return ErrCorrupt
		}
		return nil
	}
	if listpack.Validate(b) != nil || len(b) > math.MaxInt32 {
		return ErrCorrupt
	}
	if kind == ListKind {
		return nil
	}
	stride := 1
	switch {
	case form == Triples:
		stride = 3
	case kind != SetKind:
		stride = 2
	}
	count := listpack.Count(b)
	if count%stride != 0 {
		return ErrCorrupt
	}
	d.reset(count / stride)
	last, lastMember := math.Inf(-1), listpack.Value{}
	for at := listpack.First(b); at >= 0; {
		member, next := listpack.Read(b, at)
		if d.seen(b, at, member) {
			return ErrCorrupt
		}
		if kind == HashKind && form == Listpack { // the value may be anything
			at = listpack.Next(b, next)
			continue
		}
		for i := 1; i < stride; i++ {
			var v listpack.Value
			v, next = listpack.Read(b, next)
			if form == Triples && i == 2 && (!v.IsInt || v.Int < 0 || v.Int > maxDeadline) {
				return ErrCorrupt
			}
			if kind != ZSetKind {
				continue
			}
			score, ok := scoreOf(v)
			if !ok || score < last || score == last && at != listpack.First(b) && compare(lastMember, member) >= 0 {
				return ErrCorrupt
			}
			last, lastMember = score, member
		}
		at = next
	}
	return nil
}

// compare compares the texts of two elements.
func compare(a, b listpack.Value) int {
	var left, right [24]byte
	x, y := a.Str, b.Str
	if a.IsInt {
		x = strconv.AppendInt(left[:0], a.Int, 10)
	}
	if b.IsInt {
		y = strconv.AppendInt(right[:0], b.Int, 10)
	}
	return bytes.Compare(x, y)
}

// scoreOf returns the score that an element of a sorted set is.
func scoreOf(v listpack.Value) (float64, bool) {
	if v.IsInt {
		return float64(v.Int), true
	}
	return parseScore(v.Str)
}

// parseScore reads a score in text. No score is NaN.
func parseScore(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, !math.IsNaN(f)
}
