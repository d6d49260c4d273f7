// Unit: what one command or transaction changed, while it is put together and when it is read.

package journal

import (
	"encoding/binary"
	"strconv"
)

// Unit is one executor's unit under construction. It is not safe for use by two goroutines. Nothing
// is kept while the journal is not active; the shards of what changes are locked throughout.
type Unit struct {
	j    *Journal
	buf  []byte
	ops  int
	op   int // where the op under construction begins, 0: there is none
	args int // it has yet to get
}

// keepBytes is how large a unit's buffer may stay.
const keepBytes = 64 << 10

// NewUnit returns an empty unit.
func (j *Journal) NewUnit() *Unit { return &Unit{j: j, buf: make([]byte, unitHeader, 1<<10)} }

// Active tells whether ops are to be added.
func (u *Unit) Active() bool { return u.j.active.Load() }

// Ops returns the number of ops.
func (u *Unit) Ops() int { return u.ops }

// Mark returns a place to which Truncate takes the unit back, dropping the ops since. Between ops.
func (u *Unit) Mark() Mark { return Mark{len(u.buf), u.ops} }

// Truncate drops the ops since a mark of the same unit, before its Commit.
func (u *Unit) Truncate(m Mark) { u.buf, u.ops = u.buf[:m.bytes], m.ops }

// Mark is a place in a unit.
type Mark struct{ bytes, ops int }

// Op begins an op of so many arguments, the command's name among them, in a database. They follow by
// Str, Bytes and Int.
func (u *Unit) Op(db, args int) *Unit {
	u.op, u.args = len(u.buf), args
	u.buf = binary.LittleEndian.AppendUint64(u.buf, uint64(db))
	u.buf = append(u.buf, 0, 0, 0, 0, 0, 0, 0, 0, '*')
	u.buf = strconv.AppendInt(u.buf, int64(args), 10)
	u.buf = append(u.buf, '\r', '\n')
	u.ops++
	return u
}

// Bytes adds an argument.
func (u *Unit) Bytes(b []byte) *Unit {
	u.head(len(b))
	u.buf = append(u.buf, b...)
	return u.tail()
}

// Str adds an argument.
func (u *Unit) Str(s string) *Unit {
	u.head(len(s))
	u.buf = append(u.buf, s...)
	return u.tail()
}

// Int adds a number as an argument.
func (u *Unit) Int(n int64) *Unit {
	var digits [20]byte
	return u.Bytes(strconv.AppendInt(digits[:0], n, 10))
}

// Uint adds a number as an argument.
func (u *Unit) Uint(n uint64) *Unit {
	var digits [20]byte
	return u.Bytes(strconv.AppendUint(digits[:0], n, 10))
}

func (u *Unit) head(n int) {
	u.buf = append(u.buf, '$')
	u.buf = strconv.AppendInt(u.buf, int64(n), 10)
	u.buf = append(u.buf, '\r', '\n')
}

func (u *Unit) tail() *Unit {
	u.buf = append(u.buf, '\r', '\n')
	if u.args--; u.args == 0 {
		binary.LittleEndian.PutUint64(u.buf[u.op+8:], uint64(len(u.buf)-u.op-opHeader))
		u.op = 0
	}
	return u
}

// Command adds an op: a command as it was sent.
func (u *Unit) Command(db int, args [][]byte) {
	u.Op(db, len(args))
	for _, a := range args {
		u.Bytes(a)
	}
}

// Commit appends the unit, if there is anything in it, to the journal, and empties it. ms is the
// Unix time in ms.
func (u *Unit) Commit(ms int64) {
	if u.ops == 0 {
		return
	}
	binary.LittleEndian.PutUint64(u.buf, uint64(len(u.buf)))
	binary.LittleEndian.PutUint64(u.buf[8:], uint64(u.ops))
	binary.LittleEndian.PutUint64(u.buf[16:], uint64(ms))
	if u.j.append(u.buf) || cap(u.buf) > keepBytes {
		u.buf = make([]byte, unitHeader, 1<<10)
	}
	u.buf, u.ops = u.buf[:unitHeader], 0
}

// Units goes through units as Reader.Next returns them.
type Units struct {
	rest []byte
	ops  []byte

	Ms    int64 // of the unit, Unix ms
	Ops   int   // in the unit
	Bytes int   // that the unit takes in the journal

	DB   int    // of the op
	Resp []byte // the op's command, borrowed
}

// Parse returns an iterator over units.
func Parse(units []byte) Units { return Units{rest: units} }

// Next goes to the next unit and tells whether there is one.
func (u *Units) Next() bool {
	if len(u.rest) == 0 {
		return false
	}
	u.Bytes = int(binary.LittleEndian.Uint64(u.rest))
	u.Ops = int(binary.LittleEndian.Uint64(u.rest[8:]))
	u.Ms = int64(binary.LittleEndian.Uint64(u.rest[16:]))
	u.ops, u.rest = u.rest[unitHeader:u.Bytes], u.rest[u.Bytes:]
	return true
}

// NextOp goes to the unit's next op and tells whether there is one.
func (u *Units) NextOp() bool {
	if len(u.ops) == 0 {
		return false
	}
	u.DB = int(binary.LittleEndian.Uint64(u.ops))
	end := opHeader + int(binary.LittleEndian.Uint64(u.ops[8:]))
	u.Resp, u.ops = u.ops[opHeader:end], u.ops[end:]
	return true
}
