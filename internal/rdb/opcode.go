// Opcodes: the walk through a file's body, one thing at a time.
//
// The same walk serves the splitter, which looks for where things end, and the batches, which
// decode them. Opcodes that describe the next key, or all that follow, are kept in a state; so the
// body may be cut in two after any opcode, if the second part is given the state at the cut.

package rdb

import (
	"encoding/binary"
	"fmt"
)

// state is what opcodes said of the keys that follow them.
type state struct {
	db       int
	expireMs int64 // of the next key, like idle and freq: None when not said
	idle     int64
	freq     int
	version  int  // of the file
	lenient  bool // what is not read, and ends where it says, is passed over
}

// newState is the state at the start of a body.
func newState() state { return state{expireMs: None, idle: None, freq: None} }

// keyDone forgets what was said of one key.
func (s *state) keyDone() { s.expireMs, s.idle, s.freq = None, None, None }

// eventKind says what the walk met.
type eventKind uint8

const (
	noEvent eventKind = iota // nothing whole, or opcodes for the state
	keyEvent
	auxEvent
	resizeEvent
	functionEvent
	moduleEvent
	leftOutEvent // a key whose value is passed over
	otherEvent   // something without a key that is passed over
	eofEvent
)

// event is one thing met. Positions are in the window. Which fields are set follows from the kind.
type event struct {
	kind eventKind
	typ  byte       // of keyEvent and leftOutEvent; the opcode of otherEvent
	at   int        // of the opcode or type; every opcode before it is in the state
	end  int        // after the thing; when the status is short, the least the window must hold
	key  stringSpan // of keyEvent and leftOutEvent; the name of auxEvent; the code of functionEvent
	fact stringSpan // of auxEvent

	// value is where the object starts, in a keyEvent or leftOutEvent, or the data of a moduleEvent. When
	// the status is short, it is 0 unless the key is complete.
	value int

	keys, deadlines uint64 // resizeEvent
	module          uint64 // moduleEvent, and of a module's value; else 0

	// When the status is bad: what is wrong, with the key concerned if there is one.
	what   string
	badKey []byte
	err    error
}

// next takes opcodes from b[pos:] into the state until it meets something that is not for the
// state alone, and describes that in ev. When the thing met is short, ev.at says where to go on.
func (s *state) next(b []byte, pos int, ev *event) status {
	ev.kind, ev.value, ev.module = noEvent, 0, 0
	for {
		ev.at = pos
		if pos >= len(b) {
			ev.end = pos + 1
			return short
		}
		op := b[pos]
		if op < LowestOpcode {
			return s.readObject(b, pos, ev)
		}
		end, forState, st := s.take(op, b, pos+1)
		if !forState {
			return s.readEvent(op, b, pos+1, ev)
		}
		if st != done {
			ev.end = end
			return ev.check(op, st)
		}
		pos = end
	}
}

// take takes into the state the opcode whose operand is at b[pos:], if it is one that only says
// something of the keys that follow.
func (s *state) take(op byte, b []byte, pos int) (end int, forState bool, st status) {
	switch op {
	case opExpireMs:
		if end = pos + 8; end > len(b) {
			return end, true, short
		}
		s.expireMs = int64(binary.LittleEndian.Uint64(b[pos:]))
	case opExpire:
		if end = pos + 4; end > len(b) {
			return end, true, short
		}
		s.expireMs = int64(int32(binary.LittleEndian.Uint32(b[pos:]))) * 1000
	case opFreq:
		if end = pos + 1; end > len(b) {
			return end, true, short
		}
		s.freq = int(b[pos])
	case opIdle, opSelectDB:
		n, end, st := readPlainLength(b, pos)
		if st != done {
			return end, true, st
		}
		if n > maxIdleOrDB {
			return pos, true, bad
		}
		if op == opIdle {
			s.idle = int64(n)
			return end, true, done
		}
		s.db = int(n)
		return end, true, done
	case opSlotInfo:
		end, st = skipLengths(b, pos, 3) // the slot, how many keys it has, how many deadlines
		return end, true, st
	default:
		return pos, false, done
	}
	return end, true, done
}

// maxIdleOrDB is far above any true idle time in seconds and any number of databases.
const maxIdleOrDB = 1 << 40

// skipLengths returns where count lengths at b[pos:] end.
func skipLengths(b []byte, pos, count int) (end int, st status) {
	for range count {
		if _, pos, st = readPlainLength(b, pos); st != done {
			break
		}
	}
	return pos, st
}

// check returns st, having made ev tell of opcode op if it is bad.
func (ev *event) check(op byte, st status) status {
	if st == bad {
		ev.what, ev.badKey, ev.err = fmt.Sprintf("opcode %d", op), nil, ErrCorrupt
	}
	return st
}

// readObject finds the parts of the type, key and value at b[pos:].
func (s *state) readObject(b []byte, pos int, ev *event) status {
	ev.kind, ev.typ = keyEvent, meant(b[pos], s.version)
	key, st := readString(b, pos+1)
	ev.key, ev.end = key, key.end
	if int(ev.typ) >= len(types) || types[ev.typ].name == "" {
		if ev.typ = b[pos]; Readable(s.version) {
			return ev.refuse(b, st, ErrCorrupt)
		}
		return ev.refuse(b, st, ErrUnsupported)
	}
	if st == bad {
		return ev.refuse(b, st, ErrCorrupt)
	}
	if st == short {
		return short
	}
	ev.value = key.end
	if types[ev.typ].refused {
		return s.readUnknown(b, ev)
	}
	ev.end, st = skipValue(ev.typ, b, ev.value)
	if st == bad {
		return ev.refuse(b, done, ErrCorrupt)
	}
	return st
}

// readUnknown deals with an object that no value is made of. Where it ends is only known of the values
// of modules.
func (s *state) readUnknown(b []byte, ev *event) (st status) {
	if ev.typ != typeModule {
		return ev.refuse(b, done, ErrUnsupported)
	}
	var end int
	if ev.module, end, st = readPlainLength(b, ev.value); st == short {
		ev.end = end
		return short
	}
	if st == done && !s.lenient {
		return ev.refuse(b, done, ErrUnsupported)
	}
	if st == done {
		ev.kind = leftOutEvent
		ev.end, st = skipModuleItems(b, end)
	}
	if st == bad {
		return ev.refuse(b, done, ErrCorrupt)
	}
	return st
}

// describe names the object of a keyEvent or leftOutEvent.
func (ev *event) describe() string {
	if ev.typ == typeModule && ev.module != 0 {
		return fmt.Sprintf("type %d (%s of %q)", ev.typ, TypeName(ev.typ), moduleName(ev.module))
	}
	return fmt.Sprintf("type %d (%s)", TypeNumber(ev.typ), TypeName(ev.typ))
}

// refuse makes ev tell of an object that is not read, with its key if that is there.
func (ev *event) refuse(b []byte, keyStatus status, err error) status {
	ev.what, ev.badKey, ev.err = ev.describe(), nil, err
	if keyStatus == done {
		if key, err := ev.key.in(b).AppendTo(nil); err == nil {
			ev.badKey = shownKey(key)
		}
	}
	return bad
}

// readEvent finds the parts of the opcode whose operands are at b[pos:].
func (s *state) readEvent(op byte, b []byte, pos int, ev *event) (st status) {
	switch op {
	case opEOF:
		ev.kind, ev.end = eofEvent, pos
		return done
	case opAux:
		ev.kind = auxEvent
		if ev.key, st = readString(b, pos); st == done {
			ev.fact, st = readString(b, ev.key.end)
			ev.end = ev.fact.end
		} else {
			ev.end = ev.key.end
		}
	case opResizeDB:
		ev.kind = resizeEvent
		if ev.keys, ev.end, st = readPlainLength(b, pos); st == done {
			ev.deadlines, ev.end, st = readPlainLength(b, ev.end)
		}
	case opFunction2:
		ev.kind = functionEvent
		ev.key, st = readString(b, pos)
		ev.end = ev.key.end
	case opModuleAux:
		ev.kind, ev.value = moduleEvent, pos
		if ev.module, ev.end, st = readPlainLength(b, pos); st == done {
			ev.end, st = skipModuleItems(b, ev.end) // the first says when it was saved; the rest are the module's
		}
	case opFunction:
		ev.what, ev.badKey, ev.err = "opcode 246 (function, as before Redis 7.0's release)", nil, ErrUnsupported
		return bad
	default:
		ev.kind, ev.typ = otherEvent, op
		name := s.otherName()
		if !s.lenient || name == "" {
			if name == "" {
				name = "slot import, or key metadata"
			}
			ev.what, ev.badKey, ev.err = fmt.Sprintf("opcode %d (%s)", op, name), nil, ErrUnsupported
			return bad
		}
		ev.end, st = s.skipOther(b, pos)
	}
	return ev.check(op, st)
}

// otherName says what opcode 243 is in the file: Redis and Valkey have each given it a meaning.
func (s *state) otherName() string {
	switch {
	case s.version >= ValkeyVersion:
		return "import of slots"
	case s.version >= keyMetaSince:
		return "metadata of a key"
	}
	return ""
}

// skipOther returns where the operands of opcode 243 at b[pos:] end: the name of a job and ranges of slots,
// or classes of four bytes with data of modules.
func (s *state) skipOther(b []byte, pos int) (end int, st status) {
	slots := s.version >= ValkeyVersion
	if slots {
		if pos, st = skipString(b, pos); st != done {
			return pos, st
		}
	}
	count, pos, st := readPlainLength(b, pos)
	for ; count > 0 && st == done; count-- {
		if slots {
			pos, st = skipLengths(b, pos, 2)
		} else {
			const class = 4
			pos, st = skipModuleItems(b, pos+class)
		}
	}
	return pos, st
}
