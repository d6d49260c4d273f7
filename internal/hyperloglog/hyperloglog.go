// HyperLogLogs: how many distinct elements were seen, told from 16384 small numbers.
//
// An element's hash picks a register, and its rank is one more than the trailing zeros of what is left
// of the hash: a register holds the highest rank it has met. The bytes are Redis's:
//
//	0   "HYLL"
//	4   encoding: 0 dense, 1 sparse
//	5   3 bytes of no meaning
//	8   the estimate as of when it was last asked for, little endian; the top bit: it is out of date
//	16  dense (here): 16384 registers of 6 bits, low bits first, 12304 bytes in all
//	    sparse (sparse.go): runs of equal registers
//
// What must hold: bytes given to any function but Check have passed Check. The runs of a sparse one
// are not checked by it: functions that read them return ErrCorrupt instead.

// Package hyperloglog reads and edits HyperLogLogs, byte for byte as Redis keeps them in strings.
package hyperloglog

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// Registers is the number of registers.
const Registers = 1 << indexBits

const (
	magic     = "HYLL"
	headBytes = 16
	cacheAt   = 8
	outdated  = 1 << 7 // in the last byte of the head

	dense  = 0
	sparse = 1

	indexBits  = 14
	maxRank    = 64 - indexBits + 1
	denseBytes = headBytes + Registers*6/8
)

// ErrCorrupt says that the runs of a sparse HyperLogLog do not cover all registers.
var ErrCorrupt = errors.New("corrupt HyperLogLog")

// Check reports whether b has the form of a HyperLogLog.
func Check(b []byte) bool {
	if len(b) < headBytes || string(b[:len(magic)]) != magic {
		return false
	}
	return b[len(magic)] == sparse || b[len(magic)] == dense && len(b) == denseBytes
}

// AppendNew appends an empty HyperLogLog to dst.
func AppendNew(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, sparse, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	return appendZeros(dst, Registers)
}

// IsDense reports whether b is dense: then its length never changes.
func IsDense(b []byte) bool { return b[len(magic)] == dense }

// Cached returns the estimate kept in b; ok is false when it is out of date.
func Cached(b []byte) (n uint64, ok bool) {
	return binary.LittleEndian.Uint64(b[cacheAt:]), b[headBytes-1]&outdated == 0
}

// SetCached keeps an estimate in b.
func SetCached(b []byte, n uint64) { binary.LittleEndian.PutUint64(b[cacheAt:], n) }

// Outdate says that the estimate kept in b is out of date.
func Outdate(b []byte) { b[headBytes-1] |= outdated }

// place returns the register of an element, and its rank there.
func place(elem []byte) (index int, rank uint8) {
	h := hash(elem)
	rest := h>>indexBits | 1<<(64-indexBits)
	return int(h & (Registers - 1)), uint8(bits.TrailingZeros64(rest) + 1)
}

// Adds reports whether adding elem to b, which is dense, would change it.
func Adds(b, elem []byte) bool {
	index, rank := place(elem)
	return register(b[headBytes:], index) < rank
}

// register returns a register of dense ones.
func register(regs []byte, index int) uint8 {
	at, shift := index*6>>3, index*6&7
	v := uint(regs[at]) >> shift
	if shift > 2 {
		v |= uint(regs[at+1]) << (8 - shift)
	}
	return uint8(v & 63)
}

// setRegister sets a register of dense ones.
func setRegister(regs []byte, index int, rank uint8) {
	at, shift := index*6>>3, index*6&7
	regs[at] = regs[at]&^byte(63<<shift) | rank<<shift
	if shift > 2 {
		regs[at+1] = regs[at+1]&^(63>>(8-shift)) | rank>>(8-shift)
	}
}

// Editor changes a HyperLogLog in a slice.
type Editor struct {
	b         []byte
	sparseMax int
	from      position // sparse: of the run before the one changed last
}

// Edit returns an editor of b, which is changed in place while its capacity lasts. A sparse one that
// would grow beyond sparseMax bytes is made dense; a dense one is always changed in place.
func Edit(b []byte, sparseMax int) Editor {
	return Editor{b: b, sparseMax: sparseMax, from: start}
}

// Bytes returns the HyperLogLog as it is now.
func (e *Editor) Bytes() []byte { return e.b }

// Add adds an element, and reports whether that changed a register; the estimate is then out of
// date. Errors: ErrCorrupt.
func (e *Editor) Add(elem []byte) (changed bool, err error) {
	return e.Raise(place(elem))
}

// Raise makes a register at least rank, from 1 to 51, and reports whether that changed it; the
// estimate is then out of date. Errors: ErrCorrupt.
func (e *Editor) Raise(index int, rank uint8) (changed bool, err error) {
	if IsDense(e.b) {
		return e.raiseDense(index, rank), nil
	}
	return e.raiseSparse(index, rank)
}

func (e *Editor) raiseDense(index int, rank uint8) bool {
	regs := e.b[headBytes:]
	if register(regs, index) >= rank {
		return false
	}
	setRegister(regs, index, rank)
	Outdate(e.b)
	return true
}

// MakeDense turns a sparse HyperLogLog into a dense one, the estimate staying as it is. A dense one
// stays. Errors: ErrCorrupt, and then nothing has changed.
func (e *Editor) MakeDense() error {
	if IsDense(e.b) {
		return nil
	}
	var all Ranks
	if err := all.Merge(e.b); err != nil {
		return err
	}
	e.b = slices.Grow(e.b[:headBytes], denseBytes-headBytes)[:denseBytes]
	e.b[len(magic)] = dense
	all.pack(e.b[headBytes:])
	return nil
}

// RaiseAll makes the registers those of all, none of which may be lower than it is. Errors:
// ErrCorrupt.
func (e *Editor) RaiseAll(all *Ranks) error {
	for i := 0; i < Registers && !IsDense(e.b); i++ {
		if all[i] > 0 {
			if _, err := e.raiseSparse(i, all[i]); err != nil {
				return err
			}
		}
	}
	if IsDense(e.b) {
		all.pack(e.b[headBytes:])
		Outdate(e.b)
	}
	return nil
}

// pack writes the registers in the dense form.
func (all *Ranks) pack(regs []byte) {
	for i := 0; i < Registers; i += 4 {
		v := uint32(all[i]) | uint32(all[i+1])<<6 | uint32(all[i+2])<<12 | uint32(all[i+3])<<18
		at := i * 6 / 8
		regs[at], regs[at+1], regs[at+2] = byte(v), byte(v>>8), byte(v>>16)
	}
}
