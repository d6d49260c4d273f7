// BITOP: strings combined bit by bit.
//
// The outcome is written where it will stay, with no copy of it in between, piece by piece so that
// a piece is still in the processor's cache when the next source is folded into it. A destination
// that is also a source is combined in place: it is the first operand, since their order does not
// matter.

package command

import (
	"bytes"
	"crypto/subtle"

	"tarn/internal/keyspace"
)

// bitOperation is what BITOP does.
type bitOperation uint8

const (
	bitAnd bitOperation = iota
	bitOr
	bitXor
	bitNot
)

var bitOperations = [...]string{"AND", "OR", "XOR", "NOT"}

// bitPiece is how many bytes of the outcome are worked on at a time.
const bitPiece = 16 << 10

// bitOp combines the strings at the keys from argument 3 on and stores the outcome at argument 2:
// as long as the longest, with zeros where a source has ended.
func bitOp(c *Call) error {
	op := bitOperation(0)
	for int(op) < len(bitOperations) && !isToken(c.Args[1], bitOperations[op]) {
		op++
	}
	if int(op) == len(bitOperations) {
		return ErrSyntax
	}
	if op == bitNot && len(c.Args) != 4 {
		return ErrBitOpNot
	}
	var few [8][]byte
	o := bitCombination{op: op, others: few[:0]}
	length := 0
	for i := 3; i < len(c.Args); i++ {
		k := c.Read(i)
		if err := k.CheckType(keyspace.String); err != nil {
			return err
		}
		length = max(length, k.StringLen())
		if k.Exists() && bytes.Equal(c.Args[i], c.Args[2]) {
			o.own++
			continue
		}
		o.others = append(o.others, k.StringBytes(nil))
	}
	to := c.Write(2)
	if length == 0 {
		if to.Delete() {
			to.Changed("del")
		}
		c.Reply.Int(0)
		return nil
	}
	if err := o.store(&to, length); err != nil {
		return err
	}
	to.Changed("set")
	c.Reply.Int(int64(length))
	return nil
}

// bitCombination is a BITOP under way.
type bitCombination struct {
	op     bitOperation
	own    int      // how often the destination is a source
	others [][]byte // the sources besides
}

// store writes the outcome, length bytes, to its key. Errors: keyspace.ErrOutOfMemory.
func (o *bitCombination) store(to *keyspace.Key, length int) error {
	if o.own == 0 {
		value, err := to.MakeString(length, keyspace.NoDeadline)
		if err != nil {
			return err
		}
		o.combine(value, o.others[0], o.others[1:])
		return nil
	}
	deadline := to.Deadline()
	if err := to.SetDeadline(keyspace.NoDeadline); err != nil {
		return err
	}
	value, err := to.Resize(length)
	if err != nil {
		_ = to.SetDeadline(deadline) // its room was there a moment ago
		return err
	}
	if o.op == bitXor && o.own%2 == 0 {
		clear(value) // it has cancelled itself out
	}
	o.combine(value, nil, o.others)
	return nil
}

// combine fills value with the outcome. It begins with first or, when that is nil and value is a
// source itself, with what is there.
func (o *bitCombination) combine(value, first []byte, others [][]byte) {
	for off := 0; off < len(value); off += bitPiece {
		piece := value[off:min(off+bitPiece, len(value))]
		if o.own == 0 {
			clear(piece[copy(piece, pieceOf(first, off)):])
		}
		for _, source := range others {
			o.op.fold(piece, pieceOf(source, off))
		}
		if o.op == bitNot {
			invert(piece)
		}
	}
}

// pieceOf returns what a source has for the piece at an offset.
func pieceOf(source []byte, off int) []byte {
	if off >= len(source) {
		return nil
	}
	return source[off:min(off+bitPiece, len(source))]
}

// fold makes dst the outcome of dst and src, which is no longer and counts as padded with zeros.
func (op bitOperation) fold(dst, src []byte) {
	switch op {
	case bitAnd:
		clear(dst[len(src):])
		andWords(dst, src)
	case bitOr:
		orWords(dst, src)
	case bitXor:
		subtle.XORBytes(dst, dst, src)
	}
}

func andWords(dst, src []byte) {
	for len(src) >= 32 {
		d, s := dst[:32], src[:32]
		le.PutUint64(d, le.Uint64(d)&le.Uint64(s))
		le.PutUint64(d[8:], le.Uint64(d[8:])&le.Uint64(s[8:]))
		le.PutUint64(d[16:], le.Uint64(d[16:])&le.Uint64(s[16:]))
		le.PutUint64(d[24:], le.Uint64(d[24:])&le.Uint64(s[24:]))
		dst, src = dst[32:], src[32:]
	}
	for i, b := range src {
		dst[i] &= b
	}
}

func orWords(dst, src []byte) {
	for len(src) >= 32 {
		d, s := dst[:32], src[:32]
		le.PutUint64(d, le.Uint64(d)|le.Uint64(s))
		le.PutUint64(d[8:], le.Uint64(d[8:])|le.Uint64(s[8:]))
		le.PutUint64(d[16:], le.Uint64(d[16:])|le.Uint64(s[16:]))
		le.PutUint64(d[24:], le.Uint64(d[24:])|le.Uint64(s[24:]))
		dst, src = dst[32:], src[32:]
	}
	for i, b := range src {
		dst[i] |= b
	}
}

func invert(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		le.PutUint64(b, ^le.Uint64(b))
	}
	for i := range b {
		b[i] = ^b[i]
	}
}
