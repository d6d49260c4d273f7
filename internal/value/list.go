// List: Redis's list, of a key.
//
// A list is a listpack in its entry as long as list-max-listpack-size allows, then a large list
// (list_nodes.go), and a listpack again when it has shrunk to one leaf of half that size. What is
// about to be pushed counts by the length of its text, as Redis counts it, so that both change their
// encoding at the same element.
//
// What must hold: the key's shard is locked; a List is used for one command, and the key is not
// changed but through it meanwhile. Values are borrowed until the list changes.

package value

import (
	"math"
	"slices"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
)

// List is a view of the list at a key, empty when the key is absent.
type List struct {
	key   *keyspace.Key
	nodes *listNodes // nil: a listpack, or absent
}

// ListAt returns the list in a key. Errors: keyspace.ErrWrongType.
func ListAt(k *keyspace.Key) (List, error) {
	l := List{key: k}
	if !k.Exists() {
		return l, nil
	}
	if err := k.CheckType(keyspace.List); err != nil {
		return l, err
	}
	if k.Shape() == keyspace.InBig {
		l.nodes = k.Big().(*listNodes)
	}
	return l, nil
}

// Len returns the number of elements.
func (l *List) Len() int {
	switch {
	case l.nodes != nil:
		return l.nodes.Len()
	case l.key.Exists():
		return listpack.Count(l.key.Packed())
	}
	return 0
}

// edit returns the large list to be changed.
func (l *List) edit() *listNodes {
	n := l.key.EditBig().(*listNodes)
	if limits := l.key.Limits(); limits != n.limits {
		n.limit, n.limits = limitOfLeaves(limits), limits
	}
	l.nodes = n
	return n
}

// Push puts the elements, one after the other, before the first or behind the last, and makes the
// key if it is absent. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (l *List) Push(elems [][]byte, atHead bool) error {
	if l.nodes != nil {
		return l.pushAll(l.edit(), elems, atHead)
	}
	var old []byte
	if l.key.Exists() {
		old = l.key.Packed()
	}
	if l.outgrows(old, elems) {
		return l.unpack(old, func(n *listNodes) bool { return n.pushMany(elems, atHead) })
	}
	more := 0
	for _, elem := range elems {
		more += listpack.Size(elem)
	}
	if old == nil {
		return l.create(elems, atHead, more)
	}
	at := packHead
	if !atHead {
		at = listpack.End(old)
	}
	lp, err := l.key.Splice(at, 0, more)
	if err == nil {
		writeElements(lp, at, elems, atHead)
	}
	return err
}

// create makes the key a listpack of the elements, which take so many bytes.
func (l *List) create(elems [][]byte, atHead bool, size int) error {
	var scratch [256]byte
	lp := scratch[:]
	if packBytes+size > len(lp) {
		lp = make([]byte, packBytes+size)
	}
	lp = lp[:packBytes+size]
	writePack(lp, nil, 0)
	writeElements(lp, packHead, elems, atHead)
	return l.key.SetPacked(keyspace.List, keyspace.Pack, lp)
}

// writeElements writes elements into the room made for them at offset at of a listpack, the last
// one first if reversed.
func writeElements(lp []byte, at int, elems [][]byte, reversed bool) {
	for i := range elems {
		elem := elems[i]
		if reversed {
			elem = elems[len(elems)-1-i]
		}
		at += listpack.Write(lp[at:], elem)
	}
	listpack.Fix(lp, len(elems))
}

// outgrows tells whether a listpack, nil for none, may not take the elements.
func (l *List) outgrows(lp []byte, elems [][]byte) bool {
	bytes, elements := packBytes, 0
	if lp != nil {
		bytes, elements = len(lp), listpack.Count(lp)
	}
	for _, elem := range elems {
		bytes += len(elem)
	}
	mostBytes, mostElements := packLimit(l.key.Limits().ListPackSize)
	return bytes > mostBytes || elements+len(elems) > mostElements
}

// unpack makes the key, which holds the listpack lp or is absent, a large list, changed by change.
func (l *List) unpack(lp []byte, change func(*listNodes) bool) error {
	n := newListNodes(l.key.Heap(), limitOfLeaves(l.key.Limits()))
	if lp != nil && !n.appendPack(lp) || !change(n) {
		n.freeAll()
		return keyspace.ErrOutOfMemory
	}
	n.settleEnd(false)
	if err := l.key.SetBig(keyspace.List, n); err != nil {
		n.freeAll()
		return err
	}
	l.nodes = n
	return nil
}

// pushAll pushes all elements or none.
func (l *List) pushAll(n *listNodes, elems [][]byte, atHead bool) error {
	if !n.pushMany(elems, atHead) {
		return keyspace.ErrOutOfMemory
	}
	n.settleEnd(atHead)
	return nil
}

// pushMany pushes all elements or none. What has been pushed stands in leaves that may be changed,
// so taking it back needs no memory.
func (n *listNodes) pushMany(elems [][]byte, atHead bool) bool {
	for i, elem := range elems {
		if n.push(elem, atHead) {
			continue
		}
		n.takeBack(i, atHead)
		return false
	}
	return true
}

// takeBack removes what was just pushed.
func (n *listNodes) takeBack(count int, atHead bool) {
	first := 0
	if !atHead {
		first = n.Len() - count
	}
	if count > 0 {
		n.remove(first, count)
	}
}

// pack makes a large list that has shrunk a listpack again. Memory that is refused is none that was
// needed.
func (l *List) pack() {
	n := l.nodes
	if n == nil || n.seq.Leaves() != 1 {
		return
	}
	l.packOnly()
}

func (l *List) packOnly() {
	n := l.nodes
	var buf leafBuffer
	defer buf.close()
	lp := n.only(&buf)
	if lp == nil {
		return
	}
	bytes, elements := packLimit(l.key.Limits().ListPackSize)
	if len(lp) > bytes/2 || n.Len() > elements/2 {
		return
	}
	if l.key.SetPacked(keyspace.List, keyspace.Pack, lp) == nil {
		l.nodes = nil
	}
}

// changed ends a change of a large list, at position i, that may have made it small.
func (l *List) changed(i int) {
	l.pack()
	if l.nodes != nil {
		l.nodes.settle(i)
	}
}

// AppendAt appends the element at position i, from 0 to Len-1, to dst.
func (l *List) AppendAt(dst []byte, i int) []byte {
	c := l.Walk(i)
	defer c.Close()
	v, _ := c.Next()
	return v.AppendTo(dst)
}

// Set makes elem the element at position i, from 0 to Len-1. Errors: keyspace.ErrOutOfMemory, and then
// nothing has changed.
func (l *List) Set(i int, elem []byte) error {
	if l.nodes == nil {
		lp := l.key.Packed()
		if l.outgrows(lp, [][]byte{elem}) {
			return l.unpack(lp, func(n *listNodes) bool { return n.set(i, elem) })
		}
		at := listpack.Seek(lp, i)
		lp, err := l.key.Splice(at, listpack.EntrySize(lp, at), listpack.Size(elem))
		if err == nil {
			listpack.Put(lp, at, elem, 0)
		}
		return err
	}
	if !l.edit().set(i, elem) {
		return keyspace.ErrOutOfMemory
	}
	l.changed(i)
	return nil
}

// Insert puts elem before the element at position i, from 0 to Len. Errors: keyspace.ErrOutOfMemory,
// and then nothing has changed.
func (l *List) Insert(i int, elem []byte) error {
	if l.nodes == nil {
		lp := l.key.Packed()
		if l.outgrows(lp, [][]byte{elem}) {
			return l.unpack(lp, func(n *listNodes) bool { return n.insertAt(i, elem) })
		}
		at := listpack.Seek(lp, i)
		if at < 0 {
			at = listpack.End(lp)
		}
		lp, err := l.key.Splice(at, 0, listpack.Size(elem))
		if err == nil {
			listpack.Put(lp, at, elem, 1)
		}
		return err
	}
	n := l.edit()
	if !n.insertAt(i, elem) {
		return keyspace.ErrOutOfMemory
	}
	if i == n.Len()-1 {
		n.settleEnd(false)
	} else {
		n.settle(i)
	}
	return nil
}

// insertAt is insert for any position from 0 to Len.
func (n *listNodes) insertAt(i int, elem []byte) bool {
	if i == n.Len() {
		return n.push(elem, false)
	}
	return n.insert(i, elem)
}

// Remove takes out count elements from position from on; both are within the list. A list that has
// none left is gone with its key. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (l *List) Remove(from, count int) error {
	all := l.Len()
	switch {
	case count == 0:
		return nil
	case count == all:
		l.key.Delete()
		l.nodes = nil
		return nil
	case l.nodes != nil:
		n := l.edit()
		if count == 1 && (from == 0 || from == all-1) && n.popInPlace(from > 0) {
			l.pack()
			return nil
		}
		if !n.remove(from, count) {
			return keyspace.ErrOutOfMemory
		}
		l.changed(from)
		return nil
	}
	start, end := packSpan(l.key.Packed(), from, count, all)
	lp, err := l.key.Splice(start, end-start, 0)
	if err == nil {
		listpack.Fix(lp, -count)
	}
	return err
}

// Rotate moves the last element before the first, or the first behind the last. Errors:
// keyspace.ErrOutOfMemory, and then nothing has changed.
func (l *List) Rotate(lastToHead bool) error {
	all := l.Len()
	if all < 2 {
		return nil
	}
	if l.nodes != nil {
		i := 0
		if lastToHead {
			i = all - 1
		}
		var scratch [128]byte
		elem := l.AppendAt(scratch[:0], i)
		if !l.edit().push(elem, lastToHead) {
			return keyspace.ErrOutOfMemory
		}
		if lastToHead {
			i = all
		}
		if !l.nodes.remove(i, 1) {
			l.nodes.takeBack(1, lastToHead)
			return keyspace.ErrOutOfMemory
		}
		l.nodes.settleEnd(lastToHead)
		l.nodes.settle(i)
		return nil
	}
	lp, err := l.key.Splice(packHead, 0, 0)
	if err != nil {
		return err
	}
	elements := lp[packHead:listpack.End(lp)]
	if lastToHead {
		last := listpack.Last(lp) - packHead
		rotate(elements, last)
		return nil
	}
	rotate(elements, listpack.EntrySize(lp, packHead))
	return nil
}

// rotate moves the first n bytes of b behind the others.
func rotate(b []byte, n int) {
	slices.Reverse(b[:n])
	slices.Reverse(b[n:])
	slices.Reverse(b)
}

// Keep drops all but count elements from position from on; both are within the list. A list that has
// none left is gone with its key. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (l *List) Keep(from, count int) error {
	end := from + count
	if count == 0 {
		return l.Remove(0, l.Len())
	}
	if l.nodes == nil {
		return l.keepPacked(from, count)
	}
	n := l.edit()
	if !n.ownEnds(from, count) {
		return keyspace.ErrOutOfMemory
	}
	if end < n.Len() && !n.remove(end, n.Len()-end) || from > 0 && !n.remove(0, from) {
		return keyspace.ErrOutOfMemory
	}
	l.changed(0)
	return nil
}

func (l *List) keepPacked(from, count int) error {
	lp := l.key.Packed()
	all := listpack.Count(lp)
	if count == all {
		return nil
	}
	start, end := packSpan(lp, from, count, all)
	var scratch [1024]byte
	kept := scratch[:]
	if packBytes+end-start > len(kept) {
		kept = make([]byte, packBytes+end-start)
	}
	kept = kept[:packBytes+end-start]
	writePack(kept, lp[start:end], count)
	return l.key.SetPacked(keyspace.List, keyspace.Pack, kept)
}

// RemoveEqual takes out up to most elements equal to elem, from the tail on if back, and returns how
// many. A list that has none left is gone with its key. Errors: keyspace.ErrOutOfMemory, and then
// nothing has changed; where memory is refused when some are gone already, those are all.
func (l *List) RemoveEqual(elem []byte, most int, back bool) (removed int, err error) {
	if l.nodes == nil {
		return l.removeEqualPacked(elem, most, back)
	}
	first := l.first(elem, back)
	if first < 0 {
		return 0, nil
	}
	if back {
		first++
	}
	removed, whole := l.edit().removeEqual(first, elem, most, back)
	switch {
	case !whole && removed == 0:
		return 0, keyspace.ErrOutOfMemory
	case l.nodes.Len() == 0:
		l.key.Delete()
		l.nodes = nil
	case removed > 0:
		l.pack()
	}
	return removed, nil
}

// first returns the position of the first element equal to elem, or of the last if back, or -1.
func (l *List) first(elem []byte, back bool) int {
	cursor := l.Walk(0)
	if back {
		cursor = l.WalkBack(l.Len() - 1)
	}
	defer cursor.Close()
	return cursor.Find(elem, math.MaxInt)
}

func (l *List) removeEqualPacked(elem []byte, most int, back bool) (removed int, err error) {
	lp := l.key.Packed()
	first, removed := findEqual(lp, elem, most, back)
	if removed == 0 {
		return 0, nil
	}
	if removed == listpack.Count(lp) {
		l.key.Delete()
		return removed, nil
	}
	var scratch [1024]byte
	copied := append(scratch[:0], lp...)
	end := dropEqual(copied, first, elem, removed)
	copied[end] = 0xFF
	copied = copied[:end+1]
	listpack.Fix(copied, -removed)
	return removed, l.key.SetPacked(keyspace.List, keyspace.Pack, copied)
}
