// Collections: what a key of any type but String holds, as bytes in the entry or a block of its own.
//
// What the bytes mean is known above (value). They come in two forms, since the entry must tell a
// sorted array of integers from a listpack, and a hash whose fields have deadlines from one whose
// fields have none.

package keyspace

import (
	"tarn/internal/mem"
)

// Shape is how a collection is kept.
type Shape uint8

// Shapes.
const (
	Pack  Shape = iota // bytes: a listpack
	Alt                // bytes of a second form: a set's integers, a hash's fields with deadlines
	InBig              // many blocks
)

// Limits say up to which size collections are kept as bytes: Redis's directives of nearly these names.
type Limits struct {
	HashPackEntries, HashPackValue                 int
	SetPackEntries, SetPackValue, SetIntsetEntries int
	ZSetPackEntries, ZSetPackValue                 int
	ListPackSize, ListCompressDepth                int
	StreamNodeBytes, StreamNodeEntries             int64
	HLLSparseBytes                                 int
}

// DefaultLimits are those of a server without a configuration.
var DefaultLimits = Limits{
	HashPackEntries: 512, HashPackValue: 64, SetPackEntries: 128, SetPackValue: 64, SetIntsetEntries: 512,
	ZSetPackEntries: 128, ZSetPackValue: 64, ListPackSize: -2, StreamNodeBytes: 4096, StreamNodeEntries: 100,
	HLLSparseBytes: 3000,
}

// SetLimits makes l the limits; it is not changed afterwards.
func (ks *Keyspace) SetLimits(l *Limits) { ks.limits.Store(l) }

// Limits returns the limits of collections kept as bytes.
func (ks *Keyspace) Limits() *Limits { return ks.limits.Load() }

// Limits returns the limits of collections kept as bytes.
func (k *Key) Limits() *Limits { return k.tx.ks.limits.Load() }

// Heap returns the heap in which the blocks of the key's value stand.
func (k *Key) Heap() *mem.Heap { return k.sh.heap }

func (e entry) shape() Shape {
	switch e.encoding() {
	case encAlt, encAltBlock:
		return Alt
	case encBig:
		return InBig
	}
	return Pack
}

// Shape returns how the existing key, no string, is kept.
func (k *Key) Shape() Shape { return k.e.shape() }

func (k *Key) collectionEncoding() string {
	switch k.e.shape() {
	case InBig:
		return k.Big().Encoding()
	case Alt:
		if k.e.typ() == Hash {
			return "listpackex"
		}
		return "intset"
	}
	return "listpack"
}

// Packed returns the bytes of a Pack or Alt, borrowed until the key changes or its shard is unlocked.
func (k *Key) Packed() []byte {
	l := k.e.layout()
	if k.e.hasBlock() {
		block, length := k.e.descriptor(l)
		return k.sh.heap.Bytes(block, length)
	}
	return k.e.valueRaw(l)
}

// shapeEncodings are those of a Shape in the entry, and in a block.
var shapeEncodings = [...][2]byte{Pack: {encBytes, encBlock}, Alt: {encAlt, encAltBlock}}

// SetPacked makes the key hold a copy of b, as Pack or Alt, instead of what it held; its deadline
// stays. b is not part of the value. Errors: ErrOutOfMemory, and then nothing has changed.
func (k *Key) SetPacked(t Type, shape Shape, b []byte) error {
	p := parts{typ: t, encoding: shapeEncodings[shape][0], key: k.name, valueLen: len(b), clock: k.clockOfNew(), deadline: k.resolve(KeepDeadline)}
	if !p.embeds() {
		p.encoding = shapeEncodings[shape][1]
		return k.putBlock(&p, b)
	}
	s, err := k.stage(&p)
	if err != nil {
		return err
	}
	copy(s.e.valueRaw(s.l), b)
	return k.commit(&s)
}

// Splice replaces del bytes at at, of the bytes of a Pack or Alt, by ins undefined ones, and returns
// all of them, to be written until the shard is unlocked. Errors: ErrOutOfMemory, and then nothing
// has changed.
func (k *Key) Splice(at, del, ins int) ([]byte, error) {
	if k.e.hasBlock() {
		return k.spliceBlock(at, del, ins)
	}
	l := k.e.layout()
	n := l.valueLen - del + ins
	p := parts{typ: k.e.typ(), encoding: k.e.encoding(), key: k.name, valueLen: n, clock: k.clockOfNew(), deadline: k.e.deadline(l)}
	if varintSize(n) == varintSize(l.valueLen) && fits(p.size(), l.size()) {
		k.beforeChange()
		all := k.e.bytes(l.value, max(n, l.valueLen))
		copy(all[at+ins:n], all[at+del:l.valueLen])
		k.e.putVarint(lensAt+varintSize(l.keyLen), n)
		return all[:n], nil
	}
	if !p.embeds() {
		return k.spliceIntoBlock(&p, at, del, ins)
	}
	var scratch [maxEmbedded]byte
	old := append(scratch[:0], k.e.valueRaw(l)...) // it may be written over
	s, err := k.stage(&p)
	if err != nil {
		return nil, err
	}
	v := s.e.valueRaw(s.l)
	copy(v, old[:at])
	copy(v[at+ins:], old[at+del:])
	if err := k.commit(&s); err != nil {
		return nil, err
	}
	return v, nil
}

// spliceIntoBlock is Splice for a value that leaves its entry, or its block.
func (k *Key) spliceIntoBlock(p *parts, at, del, ins int) ([]byte, error) {
	p.encoding = shapeEncodings[k.e.shape()][1]
	n := p.valueLen
	old := k.Packed()
	block := k.sh.heap.Alloc(n, mem.Values)
	if block == 0 {
		return nil, ErrOutOfMemory
	}
	v := k.sh.heap.Bytes(block, n)
	copy(v, old[:at])
	copy(v[at+ins:], old[at+del:])
	if err := k.adoptBlock(p, block, n); err != nil {
		k.sh.heap.Free(block, mem.Values)
		return nil, err
	}
	return v, nil
}

// spliceBlock is Splice for a value that has its own block.
func (k *Key) spliceBlock(at, del, ins int) ([]byte, error) {
	l := k.e.layout()
	block, had := k.e.descriptor(l)
	n := had - del + ins
	size := k.sh.heap.Size(block)
	if n <= maxEmbedded/2 || n < size/2 || k.isPinned() {
		return k.respliceBlock(at, del, ins, n)
	}
	k.beforeChange()
	if n > size {
		before := k.sh.keyer.Weigh(k.ref)
		grown := k.sh.heap.Resize(block, n+n/8, mem.Values)
		if grown == 0 {
			return nil, ErrOutOfMemory
		}
		block = grown
		k.e.putDescriptor(l, block, had)
		if l.deadline != 0 {
			k.d.deadlines.Reweigh(k.e.deadline(l), k.ref, int64(k.sh.keyer.Weigh(k.ref)-before))
		}
	}
	all := k.sh.heap.Bytes(block, max(n, had))
	copy(all[at+ins:n], all[at+del:had])
	k.e.putDescriptor(l, block, n)
	return all[:n], nil
}

// respliceBlock moves a value to a smaller block, or back into its entry.
func (k *Key) respliceBlock(at, del, ins, n int) ([]byte, error) {
	p := parts{typ: k.e.typ(), encoding: shapeEncodings[k.e.shape()][0], key: k.name, valueLen: n, clock: k.clockOfNew(), deadline: k.Deadline()}
	if !p.embeds() {
		return k.spliceIntoBlock(&p, at, del, ins)
	}
	var scratch [maxEmbedded]byte
	old := k.Packed() // the block, which stage leaves alone and commit frees
	kept := append(append(scratch[:0], old[:at]...), old[at+del:]...)
	s, err := k.stage(&p)
	if err != nil {
		return nil, err
	}
	v := s.e.valueRaw(s.l)
	copy(v, kept[:at])
	copy(v[at+ins:], kept[at:])
	if err := k.commit(&s); err != nil {
		return nil, err
	}
	return v, nil
}
