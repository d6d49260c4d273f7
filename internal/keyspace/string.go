// Strings: what a key of type String holds, in four encodings of an entry.
//
// A value that reads as a 64-bit integer is kept as one; up to about 4 KiB it lies in the entry;
// above, in a block of its own that grows by doubling up to 1 MiB at a time, as appends need.

package keyspace

import (
	"strconv"

	"tarn/internal/mem"
	"tarn/internal/resp"
)

// KeepDeadline, given as a deadline, leaves the key's deadline as it is.
const KeepDeadline int64 = -2

// Form says how the bytes of a string are to be encoded.
type Form uint8

// Forms of a string.
const (
	Auto  Form = iota // an integer when it reads as one
	Plain             // bytes, even when they read as an integer
	Raw               // bytes, reported as "raw"
)

const (
	integerTextMax = 20 // bytes of the longest 64-bit integer in decimal
	growthMax      = 1 << 20
)

// SetString makes the key hold a copy of v, with a deadline in Unix ms, NoDeadline or KeepDeadline.
// Errors: ErrOutOfMemory, and then nothing has changed.
func (k *Key) SetString(v []byte, form Form, deadline int64) error {
	p := parts{typ: String, key: k.name, deadline: k.resolve(deadline)}
	p.clock = k.clockOfNew()
	if form == Auto && len(v) <= integerTextMax && len(v) > 0 && v[0] <= '9' {
		if n, ok := resp.ParseInt(v); ok {
			return k.putInt(&p, n)
		}
	}
	if form == Raw {
		p.encoding = encRaw
	}
	p.valueLen = len(v)
	if !p.embeds() {
		return k.putBlock(&p, v)
	}
	s, err := k.stage(&p)
	if err != nil {
		return err
	}
	copy(s.e.valueRaw(s.l), v)
	return k.commit(&s)
}

// MakeString makes the key hold n bytes of undefined contents, reported as raw, and returns them to
// be written before the shard is unlocked. The deadline is as SetString's. Errors: ErrOutOfMemory,
// and then nothing has changed.
func (k *Key) MakeString(n int, deadline int64) ([]byte, error) {
	p := parts{typ: String, encoding: encRaw, key: k.name, valueLen: n, clock: k.clockOfNew(), deadline: k.resolve(deadline)}
	if !p.embeds() {
		block := k.sh.heap.Alloc(n, mem.Values)
		if block == 0 {
			return nil, ErrOutOfMemory
		}
		if err := k.adoptBlock(&p, block, n); err != nil {
			k.sh.heap.Free(block, mem.Values)
			return nil, err
		}
		return k.sh.heap.Bytes(block, n), nil
	}
	s, err := k.stage(&p)
	if err != nil {
		return nil, err
	}
	if err := k.commit(&s); err != nil {
		return nil, err
	}
	return s.e.valueRaw(s.l), nil
}

// SetInt makes the key hold n and keeps its deadline. Errors: ErrOutOfMemory.
func (k *Key) SetInt(n int64) error {
	if k.ref != 0 && k.e.kind() == byte(String)|encInt<<4 {
		if l := k.e.layout(); integerSize(n) <= l.valueLen {
			k.beforeChange()
			k.e.putInteger(l, n)
			return nil
		}
	}
	return k.putInt(&parts{typ: String, key: k.name, clock: k.clockOfNew(), deadline: k.resolve(KeepDeadline)}, n)
}

func (k *Key) putInt(p *parts, n int64) error {
	p.encoding = encInt
	p.valueLen = integerSize(n)
	s, err := k.stage(p)
	if err != nil {
		return err
	}
	s.e.putInteger(s.l, n)
	return k.commit(&s)
}

// putBlock stores v in a block of its own.
func (k *Key) putBlock(p *parts, v []byte) error {
	block := k.sh.heap.Alloc(len(v), mem.Values)
	if block == 0 {
		return ErrOutOfMemory
	}
	copy(k.sh.heap.Bytes(block, len(v)), v)
	if err := k.adoptBlock(p, block, len(v)); err != nil {
		k.sh.heap.Free(block, mem.Values)
		return err
	}
	return nil
}

// adoptBlock makes the key hold a block of its shard's heap, of which it becomes the owner.
func (k *Key) adoptBlock(p *parts, block mem.Ref, length int) error {
	if p.encoding != encAltBlock {
		p.encoding = encBlock
	}
	p.valueLen = descriptorSize
	s, err := k.stage(p)
	if err != nil {
		return err
	}
	s.e.putDescriptor(s.l, block, length)
	return k.commit(&s)
}

func (k *Key) resolve(deadline int64) int64 {
	if deadline == KeepDeadline {
		return k.Deadline()
	}
	return deadline
}

// StringLen returns the length of the value in bytes, 0 when the key is absent.
func (k *Key) StringLen() int {
	if k.ref == 0 {
		return 0
	}
	l := k.e.layout()
	switch k.e.encoding() {
	case encInt:
		return decimalLen(k.e.integer(l))
	case encBlock:
		_, length := k.e.descriptor(l)
		return length
	}
	return l.valueLen
}

func decimalLen(n int64) int {
	var b [integerTextMax]byte
	return len(strconv.AppendInt(b[:0], n, 10))
}

// StringBytes returns the value, borrowed until the shard is unlocked or the key changes; an
// integer's text is appended to scratch[:0]. It is nil when the key is absent.
func (k *Key) StringBytes(scratch []byte) []byte {
	if k.ref == 0 {
		return nil
	}
	l := k.e.layout()
	switch k.e.encoding() {
	case encInt:
		return strconv.AppendInt(scratch[:0], k.e.integer(l), 10)
	case encBlock:
		block, length := k.e.descriptor(l)
		return k.sh.heap.Bytes(block, length)
	}
	return k.e.valueRaw(l)
}

// IsInt tells whether the value is kept as an integer; the key must exist.
func (k *Key) IsInt() bool { return k.e.encoding() == encInt }

// Int returns the value as an integer, 0 when the key is absent.
// Errors: ErrWrongType, ErrNotInteger.
func (k *Key) Int() (int64, error) {
	if k.ref == 0 {
		return 0, nil
	}
	if k.e.typ() != String {
		return 0, ErrWrongType
	}
	l := k.e.layout()
	if k.e.encoding() == encInt {
		return k.e.integer(l), nil
	}
	if n, ok := resp.ParseInt(k.StringBytes(nil)); ok {
		return n, nil
	}
	return 0, ErrNotInteger
}

// Resize makes the value n bytes long, cut or padded with zero bytes, and returns all of it to be
// changed in place until the shard is unlocked. An absent key is made. The value is reported as raw
// from then on; the deadline stays. Errors: ErrOutOfMemory, and then nothing has changed.
func (k *Key) Resize(n int) ([]byte, error) {
	if k.ref != 0 && k.e.encoding() == encBlock && n > maxEmbedded/2 && !k.isPinned() {
		return k.resizeBlock(n)
	}
	p := parts{typ: String, encoding: encRaw, key: k.name, valueLen: n, clock: k.clockOfNew(), deadline: k.resolve(KeepDeadline)}
	if k.ref != 0 && k.e.encoding() <= encRaw {
		// The value stays where it is when the entry's head and size class do not change.
		l := k.e.layout()
		if varintSize(n) == varintSize(l.valueLen) && fits(p.size(), l.size()) {
			k.beforeChange()
			had := l.valueLen
			k.e.setKind(String, encRaw)
			k.e.putVarint(lensAt+varintSize(l.keyLen), n)
			l.valueLen = n
			v := k.e.valueRaw(l)
			if n > had {
				clear(v[had:])
			}
			return v, nil
		}
	}
	var scratch [maxEmbedded]byte
	old := k.StringBytes(scratch[:0])
	old = old[:min(len(old), n)]
	if k.ref != 0 && k.e.encoding() <= encRaw {
		old = append(scratch[:0], old...) // it may be written over
	}
	if !p.embeds() {
		return k.resizeIntoBlock(&p, old, n)
	}
	s, err := k.stage(&p)
	if err != nil {
		return nil, err
	}
	v := s.e.valueRaw(s.l)
	clear(v[copy(v, old):])
	if err := k.commit(&s); err != nil {
		return nil, err
	}
	return v, nil
}

// isPinned tells whether the value's block is being read by the running save.
func (k *Key) isPinned() bool {
	block, _ := k.e.descriptor(k.e.layout())
	return k.sh.snap != nil && k.sh.snap.pinned == block
}

// resizeIntoBlock moves a value that outgrows its entry, or must leave its block alone.
func (k *Key) resizeIntoBlock(p *parts, old []byte, n int) ([]byte, error) {
	block := k.sh.heap.Alloc(roomFor(n), mem.Values)
	if block == 0 {
		return nil, ErrOutOfMemory
	}
	v := k.sh.heap.Bytes(block, n)
	clear(v[copy(v, old):])
	if err := k.adoptBlock(p, block, n); err != nil {
		k.sh.heap.Free(block, mem.Values)
		return nil, err
	}
	return v, nil
}

// resizeBlock changes the length of a value that has its own block and keeps it.
func (k *Key) resizeBlock(n int) ([]byte, error) {
	k.beforeChange()
	l := k.e.layout()
	block, had := k.e.descriptor(l)
	if n > k.sh.heap.Size(block) {
		before := k.sh.keyer.Weigh(k.ref)
		grown := k.sh.heap.Resize(block, roomFor(n), mem.Values)
		if grown == 0 {
			return nil, ErrOutOfMemory
		}
		block = grown
		k.e.putDescriptor(l, block, n)
		if l.deadline != 0 {
			k.d.deadlines.Reweigh(k.e.deadline(l), k.ref, int64(k.sh.keyer.Weigh(k.ref)-before))
		}
	}
	k.e.putDescriptor(l, block, n)
	v := k.sh.heap.Bytes(block, n)
	if n > had {
		clear(v[had:])
	}
	return v, nil
}

// roomFor is how much to take for a value that has just grown to n bytes and may grow on.
func roomFor(n int) int { return n + min(n, growthMax) }

// SetIntUntil makes the key hold n, with a deadline as SetString. Errors: ErrOutOfMemory.
func (k *Key) SetIntUntil(n, deadline int64) error {
	return k.putInt(&parts{typ: String, key: k.name, clock: k.clockOfNew(), deadline: k.resolve(deadline)}, n)
}
