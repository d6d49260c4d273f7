// Bitmaps: strings seen as bits, the first being the highest of the first byte.
//
// Beyond its end a string counts as zeros for ever. Writing a bit makes the string as long as it
// needs to be and plain bytes, even when the bit is what it was; that alone is no change that
// counts.

package command

import (
	"math"

	"tarn/internal/keyspace"
)

func bitCount(c *Call) error {
	r := bitRange{last: -1}
	switch len(c.Args) {
	case 2:
	case 4, 5:
		var err error
		if r.first, err = parseInt(c.Args[2]); err != nil {
			return err
		}
		if r.last, err = parseInt(c.Args[3]); err != nil {
			return err
		}
		if len(c.Args) == 5 {
			if err := r.parseUnit(c.Args[4]); err != nil {
				return err
			}
		}
	default:
		return ErrSyntax
	}
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	var text [20]byte
	value := k.StringBytes(text[:0])
	from, to, ok := r.clamp(len(value))
	if !ok || isBackwards(r.first, r.last) {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(countBits(value, from, to))
	return nil
}

// bitPos replies with the position of the first bit that is as asked for. Where no end of the range
// is given, the zeros beyond the string count too.
func bitPos(c *Call) error {
	bit, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	if bit != 0 && bit != 1 {
		return ErrBitArgument
	}
	r := bitRange{last: -1}
	if err := r.parsePos(c.Args[3:]); err != nil {
		return err
	}
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	if !k.Exists() {
		c.Reply.Int(-bit)
		return nil
	}
	var text [20]byte
	value := k.StringBytes(text[:0])
	from, to, ok := r.clamp(len(value))
	if !ok {
		c.Reply.Int(-1)
		return nil
	}
	pos := firstBit(value, bit, from, to)
	if pos < 0 && bit == 0 && len(c.Args) < 5 {
		pos = to + 1
	}
	c.Reply.Int(pos)
	return nil
}

func getBit(c *Call) error {
	offset, err := c.parseBitOffset(c.Args[2], 0)
	if err != nil {
		return err
	}
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	var text [20]byte
	value := k.StringBytes(text[:0])
	if offset>>3 >= int64(len(value)) {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(int64(value[offset>>3] >> (7 - offset&7) & 1))
	return nil
}

func setBit(c *Call) error {
	offset, err := c.parseBitOffset(c.Args[2], 0)
	if err != nil {
		return err
	}
	bit, err := parseInt(c.Args[3])
	if err != nil || bit != 0 && bit != 1 {
		return ErrBit
	}
	k := c.Write(1)
	value, grown, err := reachBit(&k, offset)
	if err != nil {
		return err
	}
	b, shift := &value[offset>>3], 7-offset&7
	old := int64(*b >> shift & 1)
	if grown || old != bit {
		*b = *b&^(1<<shift) | byte(bit)<<shift
		k.Changed("setbit")
	}
	c.Reply.Int(old)
	return nil
}

// bitRange is a range of bytes, or of bits, counted from the end when negative.
type bitRange struct {
	first, last int64
	inBits      bool
}

// parsePos reads what may follow BITPOS's bit: a first position, a last one, a unit.
func (r *bitRange) parsePos(args [][]byte) (err error) {
	if len(args) > 3 {
		return ErrSyntax
	}
	if len(args) > 0 {
		if r.first, err = parseInt(args[0]); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		if err := r.parseUnit(args[2]); err != nil {
			return err
		}
	}
	if len(args) > 1 {
		r.last, err = parseInt(args[1])
	}
	return err
}

func (r *bitRange) parseUnit(arg []byte) error {
	switch {
	case isToken(arg, "BIT"):
		r.inBits = true
	case isToken(arg, "BYTE"):
	default:
		return ErrSyntax
	}
	return nil
}

// clamp returns the first and the last bit of the range in a string of length bytes. ok is false
// when there are none.
func (r *bitRange) clamp(length int) (from, to int64, ok bool) {
	if r.inBits {
		return clampRange(r.first, r.last, 8*int64(length))
	}
	from, to, ok = clampRange(r.first, r.last, int64(length))
	return 8 * from, 8*to + 7, ok
}

// maxBitOffset leaves room to count to the end of the widest field.
const maxBitOffset = math.MaxInt64 - 64

// parseBitOffset reads the position of a bit. With a width, "#n" stands for n fields of that many
// bits; a product beyond 64 bits wraps around, as it does in Redis. Errors: ErrBitOffset.
func (c *Call) parseBitOffset(arg []byte, width int64) (int64, error) {
	unit := int64(1)
	if width > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, unit = arg[1:], width
	}
	n, err := parseInt(arg)
	offset := n * unit
	if err != nil || offset < 0 || offset > maxBitOffset || offset>>3 >= c.Env.Config.Current().ProtoMaxBulkLen {
		return 0, ErrBitOffset
	}
	return offset, nil
}

// reachBit makes the key's value long enough to hold a bit, and returns it to be changed in place.
// grown tells whether it was shorter, or absent. Errors: keyspace.ErrWrongType, ErrOutOfMemory.
func reachBit(k *keyspace.Key, offset int64) (value []byte, grown bool, err error) {
	if err := k.CheckType(keyspace.String); err != nil {
		return nil, false, err
	}
	had, need := k.StringLen(), int(offset>>3)+1
	value, err = k.Resize(max(had, need))
	return value, need > had, err
}
