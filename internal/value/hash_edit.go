// Changing hashes.
//
// A change of one field of a small hash is one splice. Several changes are made to a draft, a copy of
// the listpack in Go memory, which takes the key's place in one step (Begin, End): an error leaves the
// hash as it was. A draft that outgrows the limits goes on in a table. A hash that already is in a
// table is changed field by field.

package value

import (
	"encoding/binary"
	"slices"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
)

// Keep, given as a deadline, leaves that of a field as it is.
const Keep int64 = -2

// Begin starts changes that take effect together at End, in a draft for which buf gives the room and
// gets what it has grown to. What is read of h sees them at once.
func (h *Hash) Begin(buf *[]byte) {
	if h.big != nil {
		h.key.EditBig()
		return
	}
	var due [keyspace.DueBytes]byte
	*buf = append((*buf)[:0], due[:]...)
	if h.lp == nil {
		*buf = listpack.AppendNew(*buf)
	} else {
		*buf = append(*buf, h.lp...)
	}
	h.draft = buf
	h.lp = (*buf)[keyspace.DueBytes:]
}

// End makes the changes since Begin the key's; a hash left without fields is deleted. Errors:
// keyspace.ErrOutOfMemory, and then nothing has changed. h is to be read no more.
func (h *Hash) End() error {
	switch {
	case h.loose:
		return h.adopt()
	case h.big != nil:
		h.settle()
		return nil
	case h.stored() == 0:
		h.key.Delete()
		return nil
	case h.stride == plainStride:
		return h.key.SetPacked(keyspace.Hash, keyspace.Pack, h.lp)
	}
	binary.LittleEndian.PutUint64(*h.draft, uint64(h.due()))
	return h.key.SetPacked(keyspace.Hash, keyspace.Alt, *h.draft)
}

// Abort gives up the changes since Begin that End has not made; a hash in a table keeps them.
func (h *Hash) Abort() {
	if h.loose {
		h.big.freeAll()
		h.big, h.loose = nil, false
	} else if h.big != nil {
		h.settle()
	}
}

// adopt makes the table of a draft the key's.
func (h *Hash) adopt() error {
	if err := h.key.SetBig(keyspace.Hash, h.big); err != nil {
		h.Abort()
		return err
	}
	h.loose = false
	h.settle()
	return nil
}

// settle ends changes of a hash in a table.
func (h *Hash) settle() {
	if h.big.Len() == 0 {
		h.key.Delete()
		return
	}
	if h.big.ends != nil {
		h.key.SetFieldsDue(h.big.due())
	}
}

// due returns the soonest deadline of a field in the listpack, or NoDeadline.
func (h *Hash) due() int64 {
	due := int64(0)
	for at := listpack.First(h.lp); at >= 0; {
		var end Item
		_, at = listpack.Read(h.lp, at)
		_, at = listpack.Read(h.lp, at)
		end, at = listpack.Read(h.lp, at)
		if end.Int != 0 && (due == 0 || end.Int < due) {
			due = end.Int
		}
	}
	return endOf(due)
}

// Set makes one field hold a value and tells whether it is new; its deadline ends, or stays if told to
// Keep it. Not between Begin and End. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (h *Hash) Set(field, value []byte, deadline int64) (added bool, err error) {
	if h.big == nil && h.takes(field, value) {
		return h.putPacked(field, value, deadline)
	}
	var room *[]byte // a table takes none
	if h.big == nil {
		room = new([]byte)
	}
	h.Begin(room)
	if added, err = h.Put(field, value, deadline); err != nil {
		h.Abort()
		return false, err
	}
	return added, h.End()
}

// Put is Set between Begin and End, and may also give the field a deadline in Unix ms.
func (h *Hash) Put(field, value []byte, deadline int64) (added bool, err error) {
	if h.big == nil && !h.takes(field, value) {
		if err := h.spread(); err != nil {
			return false, err
		}
	}
	if h.big != nil {
		return h.putBig(field, value, deadline)
	}
	if deadline > 0 {
		h.timeAll()
	}
	return h.putPacked(field, value, deadline)
}

// Expect prepares a draft for so many fields to be put: more than a listpack may have go to a table at
// once, as in Redis. Errors: keyspace.ErrOutOfMemory.
func (h *Hash) Expect(fields int) error {
	if h.big == nil && fields > h.key.Limits().HashPackEntries {
		return h.spread()
	}
	return nil
}

// takes tells whether the listpack may hold a field with a value.
func (h *Hash) takes(field, value []byte) bool {
	l := h.key.Limits()
	if len(field) > l.HashPackValue || len(value) > l.HashPackValue || len(h.lp)+len(field)+len(value) > maxPackBytes {
		return false
	}
	fields := h.stored()
	return fields < l.HashPackEntries || fields == l.HashPackEntries && h.find(field) >= 0
}

// splice replaces del bytes at at of the listpack, in the key or the draft, by ins undefined ones.
func (h *Hash) splice(at, del, ins int) error {
	if h.draft == nil {
		all, err := h.key.Splice(h.base+at, del, ins)
		if err == nil {
			h.lp = all[h.base:]
		}
		return err
	}
	at += keyspace.DueBytes
	had := len(*h.draft)
	all := slices.Grow(*h.draft, max(ins-del, 0))[:max(had, had-del+ins)]
	copy(all[at+ins:], all[at+del:had])
	*h.draft = all[:had-del+ins]
	h.lp = (*h.draft)[keyspace.DueBytes:]
	return nil
}

// putPacked makes a field of the listpack, which takes it, hold a value.
func (h *Hash) putPacked(field, value []byte, deadline int64) (added bool, err error) {
	if h.lp == nil {
		return true, h.create(field, value)
	}
	if at := h.find(field); at >= 0 {
		return false, h.overwrite(at, value, deadline)
	}
	at, size := listpack.End(h.lp), listpack.Size(field)+listpack.Size(value)
	if h.stride == timedStride {
		size += listpack.SizeInt(max(deadline, 0))
	}
	if err := h.splice(at, 0, size); err != nil {
		return false, err
	}
	at += listpack.Write(h.lp[at:], field)
	at += listpack.Write(h.lp[at:], value)
	if h.stride == timedStride {
		listpack.WriteInt(h.lp[at:], max(deadline, 0))
	}
	listpack.Fix(h.lp, h.stride)
	return true, nil
}

// createRoom is the length of most listpacks of one field.
const createRoom = 256

// create makes the absent key a hash of one field.
func (h *Hash) create(field, value []byte) error {
	var room [createRoom]byte
	lp := listpack.Append(listpack.Append(listpack.AppendNew(room[:0]), field), value)
	if err := h.key.SetPacked(keyspace.Hash, keyspace.Pack, lp); err != nil {
		return err
	}
	h.load()
	return nil
}

// overwrite gives the field at at of the listpack another value.
func (h *Hash) overwrite(at int, value []byte, deadline int64) error {
	before := h.endAt(at)
	if deadline == Keep || before == 0 && deadline < 0 {
		deadline = before
	}
	deadline = max(deadline, 0)
	at = h.valueAt(at)
	del, ins := listpack.EntrySize(h.lp, at), listpack.Size(value)
	if deadline != before {
		del += listpack.EntrySize(h.lp, at+del)
		ins += listpack.SizeInt(deadline)
	}
	if err := h.splice(at, del, ins); err != nil {
		return err
	}
	at += listpack.Write(h.lp[at:], value)
	if deadline != before {
		listpack.WriteInt(h.lp[at:], deadline)
	}
	listpack.Fix(h.lp, 0)
	h.noteDue(before, deadline)
	return nil
}

// noteDue tells the key that a field's deadline before has gone, unless a draft will.
func (h *Hash) noteDue(before, deadline int64) {
	if h.draft == nil && before != deadline && before == h.key.FieldsDue() {
		h.key.SetFieldsDue(h.due())
	}
}

// putBig makes a field of the table hold a value.
func (h *Hash) putBig(field, value []byte, deadline int64) (added bool, err error) {
	p := h.big.find(field)
	added = !p.found()
	e := element{name: field, value: value, number: uint64(max(deadline, 0))}
	if !added {
		before := h.big.number(h.big.ref(p))
		added = h.isPast(int64(before))
		if deadline == Keep && !added {
			e.number = before
		}
	}
	e.numbered = e.number != 0
	if !h.big.write(p, e) {
		return false, keyspace.ErrOutOfMemory
	}
	return added, nil
}

// spread moves a draft to a table.
func (h *Hash) spread() error {
	b := newBigHash(h.key.Heap())
	whole := true
	var field, value [integerDigits]byte
	h.Each(func(f, v Item, deadline int64) bool {
		e := element{name: textOf(f, &field), value: textOf(v, &value), number: uint64(max(deadline, 0))}
		e.numbered = e.number != 0
		whole = b.write(b.find(e.name), e)
		return whole
	})
	if !whole {
		b.freeAll()
		return keyspace.ErrOutOfMemory
	}
	h.big, h.loose, h.lp = b, true, nil
	return nil
}

// timeAll makes room for deadlines in a draft.
func (h *Hash) timeAll() {
	if h.stride == timedStride {
		return
	}
	fields := h.stored()
	timed := make([]byte, keyspace.DueBytes, len(*h.draft)+fields*listpack.SizeInt(0)+draftRoom)
	end := listpack.End(h.lp)
	at := end
	if fields > 0 {
		at = listpack.First(h.lp)
	}
	timed = append(timed, h.lp[:at]...)
	for at < end {
		next := h.valueAt(h.valueAt(at))
		timed = append(timed, h.lp[at:next]...)
		timed = append(timed, make([]byte, listpack.SizeInt(0))...)
		listpack.WriteInt(timed[len(timed)-listpack.SizeInt(0):], 0)
		at = next
	}
	*h.draft = append(timed, h.lp[end:]...)
	h.lp = (*h.draft)[keyspace.DueBytes:]
	h.stride = timedStride
	listpack.Fix(h.lp, fields)
}

// draftRoom is what a copy of a draft may grow by before it is copied again.
const draftRoom = 256

// Delete deletes one field and tells whether it was there; with the last one the hash goes. Not
// between Begin and End. Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (h *Hash) Delete(field []byte) (found bool, err error) {
	if h.big == nil && h.stored() > 1 {
		return h.removePacked(field)
	}
	if _, found = h.Get(field); !found {
		return false, nil
	}
	if h.big == nil {
		h.key.Delete()
		return true, nil
	}
	h.Begin(nil)
	if found, err = h.Remove(field); err != nil {
		return false, err
	}
	return found, h.End()
}

// Remove is Delete between Begin and End.
func (h *Hash) Remove(field []byte) (found bool, err error) {
	if h.big == nil {
		return h.removePacked(field)
	}
	p := h.big.find(field)
	if !p.found() {
		return false, nil
	}
	found = !h.isPast(int64(h.big.number(h.big.ref(p))))
	h.big.take(p)
	return found, nil
}

func (h *Hash) removePacked(field []byte) (found bool, err error) {
	at := h.find(field)
	if at < 0 {
		return false, nil
	}
	before := h.endAt(at)
	size := 0
	for range h.stride {
		size += listpack.EntrySize(h.lp, at+size)
	}
	if err := h.splice(at, size, 0); err != nil {
		return false, err
	}
	listpack.Fix(h.lp, -h.stride)
	h.noteDue(before, 0)
	return !h.isPast(before), nil
}

// SetDeadline gives a field that is there a deadline in Unix ms, or NoDeadline. Between Begin and End.
// Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func (h *Hash) SetDeadline(field []byte, deadline int64) error {
	if h.big != nil {
		if !h.big.setDeadline(h.big.find(field), uint64(max(deadline, 0))) {
			return keyspace.ErrOutOfMemory
		}
		return nil
	}
	if deadline > 0 {
		h.timeAll()
	}
	at := h.find(field)
	before := h.endAt(at)
	if deadline = max(deadline, 0); deadline == before {
		return nil
	}
	at = h.valueAt(h.valueAt(at))
	if err := h.splice(at, listpack.SizeInt(before), listpack.SizeInt(deadline)); err != nil {
		return err
	}
	listpack.PutInt(h.lp, at, deadline, 0)
	return nil
}

// Expire deletes fields that have ended, up to about limit of a large hash, and the hash with its last
// field. It returns how many went. Not between Begin and End. Errors: keyspace.ErrOutOfMemory, and
// then nothing has changed.
func (h *Hash) Expire(limit int) (gone int, err error) {
	due := h.key.FieldsDue()
	if due == keyspace.NoDeadline || due > h.now {
		return 0, nil
	}
	if h.big != nil {
		h.key.EditBig()
		gone = h.big.expire(h.now, limit, h.key.FieldExpired)
		h.settle()
	} else {
		gone, err = h.expirePacked()
	}
	h.load()
	return gone, err
}

func (h *Hash) expirePacked() (gone int, err error) {
	at, end := listpack.First(h.lp), listpack.End(h.lp)
	left := make([]byte, keyspace.DueBytes, keyspace.DueBytes+len(h.lp))
	left = append(left, h.lp[:at]...)
	for at < end {
		next := h.valueAt(h.valueAt(h.valueAt(at)))
		if h.isPast(h.endAt(at)) {
			var text [integerDigits]byte
			h.key.FieldExpired(textOf(listpack.Get(h.lp, at), &text))
			gone++
		} else {
			left = append(left, h.lp[at:next]...)
		}
		at = next
	}
	left = append(left, h.lp[end:]...)
	h.draft, h.lp = &left, left[keyspace.DueBytes:]
	listpack.Fix(h.lp, -gone*timedStride)
	if err = h.End(); err != nil {
		gone = 0
	}
	return gone, err
}

// ExpireFields is Expire of the hash in a key, for the sweep.
func ExpireFields(k *keyspace.Key, limit int) (gone int) {
	h, err := HashAt(k, k.Now())
	if err != nil {
		return 0
	}
	gone, err = h.Expire(limit)
	if err != nil {
		return 0
	}
	return gone
}
