// The large shape of sets: a table of elements that have a name and nothing else.

package value

import (
	"encoding/binary"

	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// bigSet is a keyspace.Big.
type bigSet struct{ *table }

// table returns the table of a set that is InBig.
func (s Set) table() bigSet { return s.key.Big().(bigSet) }

// putMember adds a member, and reports false when memory is refused.
func (t *table) putMember(m Member) bool {
	var room [integerDigits]byte
	name := textOf(m, &room)
	return t.put(t.find(name), element{name: name}) != 0
}

// eachMember hands all elements' names to fn until it returns false.
func (t *table) eachMember(fn func(m Member) bool) {
	t.each(func(r mem.Ref) bool { return fn(Member{Str: t.name(r)}) })
}

// freeAll gives everything back at once.
func (t *table) freeAll() {
	for !t.free(freeAtOnce) {
	}
}

// Encoding is what OBJECT ENCODING replies.
func (b bigSet) Encoding() string { return "hashtable" }

// Clone returns a copy with its blocks in another heap; false when memory is refused.
func (b bigSet) Clone(to *mem.Heap) (keyspace.Big, bool) {
	t := b.cloneTo(to, nil)
	if t == nil {
		return nil, false
	}
	return bigSet{t}, true
}

// Free gives back up to about so many blocks, and tells whether none is left.
func (b bigSet) Free(steps int) (done bool) { return b.free(steps) }

// Cut begins a save.
func (b bigSet) Cut(hold func(bytes int64)) { b.cut(hold) }

// Count returns the number of members at the cut.
func (b bigSet) Count() int { return b.countAtCut() }

// Save appends the next members as of the cut: an item each.
func (b bigSet) Save(dst []byte, limit int) (out []byte, more bool) {
	return b.appendUnsaved(dst, limit, func(dst []byte, e *element) []byte {
		return append(binary.AppendUvarint(dst, uint64(len(e.name))), e.name...)
	})
}

// EndSave ends the save.
func (b bigSet) EndSave() { b.endSave() }
