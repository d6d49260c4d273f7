// Bit fields: integers of 1 to 64 bits at any bit of a string, the highest bit first.
//
// All operations are parsed and judged before the first is carried out, so an error leaves no
// trace. When one of them writes, the string is first made long enough for all of them. What
// overflows wraps around, stays at the limit, or is not written, as the OVERFLOW before it says.

package command

import (
	"encoding/binary"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// fieldAction is what a bit field operation does.
type fieldAction uint8

const (
	fieldGet fieldAction = iota
	fieldSet
	fieldAdd
)

// overflow is what becomes of a value that does not fit.
type overflow uint8

const (
	overflowWrap overflow = iota
	overflowSaturate
	overflowFail
)

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	offset   int64 // bits
	operand  int64 // the value of SET, the increment of INCRBY
	action   fieldAction
	overflow overflow
	field    field
}

// field is the type of a bit field: a width of 1 to 64 bits when signed, else to 63.
type field struct {
	width  uint8
	signed bool
}

func bitField(c *Call) error { return c.bitField(false) }

func bitFieldRO(c *Call) error { return c.bitField(true) }

func (c *Call) bitField(readOnly bool) error {
	var few [8]fieldOp
	ops := few[:0]
	mode, highest := overflowWrap, int64(-1) // last bit of all that is written, -1: nothing is
	for args := c.Args[2:]; len(args) > 0; {
		if isToken(args[0], "OVERFLOW") && len(args) > 1 {
			var err error
			if mode, err = parseOverflow(args[1]); err != nil {
				return err
			}
			args = args[2:]
			continue
		}
		op, used, err := c.parseFieldOp(args)
		if err != nil {
			return err
		}
		op.overflow = mode
		if op.action != fieldGet {
			highest = max(highest, op.offset+int64(op.field.width)-1)
		}
		ops = append(ops, op)
		args = args[used:]
	}
	if highest < 0 {
		return c.readFields(ops)
	}
	if readOnly {
		return ErrFieldWrite
	}
	return c.changeFields(ops, highest)
}

// readFields replies to operations that are all GET.
func (c *Call) readFields(ops []fieldOp) error {
	k := c.Read(1)
	if err := k.CheckType(keyspace.String); err != nil {
		return err
	}
	var text [20]byte
	value := k.StringBytes(text[:0])
	c.Reply.Array(len(ops))
	for i := range ops {
		c.Reply.Int(ops[i].field.read(value, ops[i].offset))
	}
	return nil
}

// changeFields carries out operations on a string that is made to reach the bit highest. Each that
// makes a difference counts as a change; in a string that has grown, each that writes does.
func (c *Call) changeFields(ops []fieldOp, highest int64) error {
	k := c.Write(1)
	value, grown, err := reachBit(&k, highest)
	if err != nil {
		return err
	}
	changes := int64(0)
	c.Reply.Array(len(ops))
	for i := range ops {
		op := &ops[i]
		old := op.field.read(value, op.offset)
		if op.action == fieldGet {
			c.Reply.Int(old)
			continue
		}
		result, fits := op.result(old)
		switch {
		case !fits && op.overflow == overflowFail:
			c.Reply.Null()
			continue
		case op.action == fieldSet:
			c.Reply.Int(old)
		default:
			c.Reply.Int(result)
		}
		if grown || old != result {
			op.field.write(value, op.offset, result)
			changes++
		}
	}
	if changes > 0 {
		k.ChangedBy("setbit", changes)
	} else if grown {
		c.logSent() // Redis forgets it: the string is longer for an operation that failed
	}
	return nil
}

// parseFieldOp reads the operation at the front of args and tells how many arguments it has.
func (c *Call) parseFieldOp(args [][]byte) (op fieldOp, used int, err error) {
	used = 4
	switch {
	case isToken(args[0], "GET"):
		op.action, used = fieldGet, 3
	case isToken(args[0], "SET"):
		op.action = fieldSet
	case isToken(args[0], "INCRBY"):
		op.action = fieldAdd
	default:
		return op, 0, ErrSyntax
	}
	if len(args) < used {
		return op, 0, ErrSyntax
	}
	if op.field, err = parseField(args[1]); err != nil {
		return op, 0, err
	}
	if op.offset, err = c.parseBitOffset(args[2], int64(op.field.width)); err != nil {
		return op, 0, err
	}
	if op.action != fieldGet {
		op.operand, err = parseInt(args[3])
	}
	return op, used, err
}

func parseOverflow(arg []byte) (overflow, error) {
	switch {
	case isToken(arg, "WRAP"):
		return overflowWrap, nil
	case isToken(arg, "SAT"):
		return overflowSaturate, nil
	case isToken(arg, "FAIL"):
		return overflowFail, nil
	}
	return 0, ErrOverflowType
}

// parseField reads a type such as i16 or u8.
func parseField(arg []byte) (field, error) {
	if len(arg) == 0 || arg[0] != 'i' && arg[0] != 'u' {
		return field{}, ErrFieldType
	}
	signed, widest := arg[0] == 'i', int64(63)
	if signed {
		widest = 64
	}
	width, ok := resp.ParseInt(arg[1:])
	if !ok || width < 1 || width > widest {
		return field{}, ErrFieldType
	}
	return field{width: uint8(width), signed: signed}, nil
}

// fieldReach is how many bytes a field may touch: 64 bits that do not begin with a byte.
const fieldReach = 9

// read returns the field at a bit of p, which counts as padded with zeros.
func (f field) read(p []byte, offset int64) int64 {
	hi, lo := loadField(p, offset)
	shift := uint(offset & 7)
	return f.number(hi<<shift | lo>>(64-shift))
}

// write puts the low bits of n into the field at a bit of p, which reaches to its end.
func (f field) write(p []byte, offset, n int64) {
	hi, lo := loadField(p, offset)
	shift := uint(offset & 7)
	mask := ^uint64(0) << (64 - f.width)
	v := uint64(n) << (64 - f.width)
	hi = hi&^(mask>>shift) | v>>shift
	lo = lo&^(mask<<(64-shift)) | v<<(64-shift)
	var buf [16]byte
	binary.BigEndian.PutUint64(buf[:], hi)
	binary.BigEndian.PutUint64(buf[8:], lo)
	copy(p[offset>>3:], buf[:fieldReach])
}

// loadField returns the bytes of p around a field, as two words of which the second's first byte
// may be the field's last.
func loadField(p []byte, offset int64) (hi, lo uint64) {
	var buf [16]byte
	if at := offset >> 3; at < int64(len(p)) {
		copy(buf[:fieldReach], p[at:])
	}
	return binary.BigEndian.Uint64(buf[:]), binary.BigEndian.Uint64(buf[8:])
}

// result returns what a SET or INCRBY makes of the field's old value. When that does not fit, it is
// what overflow asks for, and for overflowFail of no meaning.
func (op *fieldOp) result(old int64) (n int64, fits bool) {
	value, delta := old, op.operand
	if op.action == fieldSet {
		value, delta = op.operand, 0
	}
	var over, under bool
	var lowest, highest int64
	if op.field.signed {
		highest = 1<<(op.field.width-1) - 1
		lowest = -highest - 1
		over, under = op.field.exceeds(value, delta, lowest, highest)
	} else {
		highest = 1<<op.field.width - 1
		// A negative value to SET is a very large one.
		over = uint64(value) > uint64(highest) || delta > 0 && delta > highest-value
		under = !over && delta < 0 && delta < -value
	}
	switch {
	case !over && !under:
		return value + delta, true
	case op.overflow != overflowSaturate:
		return op.field.wrap(value + delta), false
	case over:
		return highest, false
	}
	return lowest, false
}

// exceeds tells whether a signed sum is above the highest or below the lowest number of the field.
// Differences wrap around, as in Redis: so the very lowest numbers to SET count as too high.
func (f field) exceeds(value, delta, lowest, highest int64) (over, under bool) {
	room, depth := highest-value, lowest-value
	if f.width == 64 {
		return value >= 0 && delta > room, value < 0 && delta < depth
	}
	over = value > highest || delta > room
	return over, !over && (value < lowest || delta < depth)
}

// wrap keeps the bits of n that the field has.
func (f field) wrap(n int64) int64 { return f.number(uint64(n) << (64 - f.width)) }

// number returns the field that the highest bits of a word hold.
func (f field) number(word uint64) int64 {
	if f.signed {
		return int64(word) >> (64 - f.width)
	}
	return int64(word >> (64 - f.width))
}
