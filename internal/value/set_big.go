// The large shape of sets: a table of elements that have a name and nothing else.

package value

import (
	"encoding/binary"

	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// bigSet is a keyspace.Big. To be made by newBigSet.
type bigSet struct {
	*table
	digits [integerDigits]byte // nameOf's
}

func newBigSet(h *mem.Heap) *bigSet { return &bigSet{table: newTable(h, false)} }

// table returns the table of a set that is InBig.
func (s Set) table() *bigSet { return s.key.Big().(*bigSet) }

// nameOf returns the text of a member, valid until the next call. (What a table looks for cannot lie
// on the stack: the compiler does not see that it is not kept.)
func (b *bigSet) nameOf(m Member) []byte { return textOf(m, &b.digits) }

// add adds a member and tells whether it was missing. Errors: keyspace.ErrOutOfMemory.
func (b *bigSet) add(m Member) (added bool, err error) {
	name := b.nameOf(m)
	p := b.find(name)
	if p.found() {
		return false, nil
	}
	if b.put(p, element{name: name}) == 0 {
		return false, keyspace.ErrOutOfMemory
	}
	return true, nil
}

// addAll adds the members that each hands out.
func (b *bigSet) addAll(each func(fn func(m Member) bool)) (err error) {
	each(func(m Member) bool {
		_, err = b.add(m)
		return err == nil
	})
	return err
}

// eachMember hands all members to fn until it returns false.
func (b *bigSet) eachMember(fn func(m Member) bool) {
	b.each(func(r mem.Ref) bool { return fn(Member{Str: b.name(r)}) })
}

// freeAll gives everything back at once.
func (b *bigSet) freeAll() {
	for !b.free(freeAtOnce) {
	}
}

// Encoding is what OBJECT ENCODING replies.
func (b *bigSet) Encoding() string { return "hashtable" }

// Clone returns a copy with its blocks in another heap; false when memory is refused.
func (b *bigSet) Clone(to *mem.Heap) (keyspace.Big, bool) {
	t := b.cloneTo(to, nil)
	if t == nil {
		return nil, false
	}
	return &bigSet{table: t}, true
}

// Free gives back up to about so many blocks, and tells whether none is left.
func (b *bigSet) Free(steps int) (done bool) { return b.free(steps) }

// Cut begins a save.
func (b *bigSet) Cut(hold func(bytes int64)) { b.cut(hold) }

// Count returns the number of members at the cut.
func (b *bigSet) Count() int { return b.countAtCut() }

// Save appends the next members as of the cut: an item each.
func (b *bigSet) Save(dst []byte, limit int) (out []byte, more bool) {
	return b.appendUnsaved(dst, limit, func(dst []byte, e *element) []byte {
		return append(binary.AppendUvarint(dst, uint64(len(e.name))), e.name...)
	})
}

// EndSave ends the save.
func (b *bigSet) EndSave() { b.endSave() }
