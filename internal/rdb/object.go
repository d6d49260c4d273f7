// Objects: how each type but the string lies in the file, as a walk from part to part.
//
// The same walk serves the splitter, which only asks where an object ends, and Items, which decodes.
// A part is a thing that is read whole or not at all: a member, a field with its value, a node, a
// consumer. Between two parts the walk is a few counters, so it can stop where the window ends and
// go on in the next one; nothing is copied or allocated, and no count makes anybody take memory.

package rdb

import "encoding/binary"

// Kind is what an object is, in whichever form it is stored.
type Kind uint8

// Kinds.
const (
	StringKind Kind = iota
	ListKind
	SetKind
	ZSetKind
	HashKind
	StreamKind
	ModuleKind
)

// Object types, but for strings.
const (
	typeList            = 1
	typeSet             = 2
	typeZSet            = 3
	typeHash            = 4
	typeZSet2           = 5
	typeModulePre       = 6
	typeModule          = 7
	typeHashZipmap      = 9
	typeListZiplist     = 10
	typeSetIntset       = 11
	typeZSetZiplist     = 12
	typeHashZiplist     = 13
	typeQuicklist       = 14
	typeStream          = 15
	typeHashListpack    = 16
	typeZSetListpack    = 17
	typeQuicklist2      = 18
	typeStream2         = 19
	typeSetListpack     = 20
	typeStream3         = 21
	typeHashDeadlinesA  = 22 // before 7.4 was released: deadlines as they are
	typeHashTriplesA    = 23
	typeHashDeadlines   = 24 // deadlines count from the soonest
	typeHashTriples     = 25
	typeStream4         = 26  // of Redis 8.6: not read
	typeStream5         = 27  // of Redis 8.8: not read
	typeHashValkey      = 255 // 22 in files, in which 255 is an opcode
	noType              = 242
	maxCount            = 1 << 40 // elements: no server holds so many
	maxDeadline         = 1<<48 - 1
	streamIDBytes       = 16
	quicklistPlainNode  = 1
	quicklistPackedNode = 2
)

// KindOf returns the kind of objects of type t, which is a known one.
func KindOf(t byte) Kind { return types[t].kind }

// phase is what a walk meets next.
type phase uint8

const (
	atHead phase = iota
	atBlob       // the whole value as one string
	atParts
	atStreamFacts // after the nodes
	atGroup
	atPending
	atConsumers // their number
	atConsumer
	atOwned
	atEnd
)

// walk is a position between two parts of an object.
type walk struct {
	typ       byte
	phase     phase
	left      uint64 // parts left of the list that the walk is in
	groups    uint64 // left
	consumers uint64 // left, of the group
	count     uint64 // parts of the first list, once the head is read
	soonest   int64  // the soonest deadline of a hash's fields, Unix ms, or 0
}

// part is what one step found. Which fields are set follows from the walk's phase before the step.
type part struct {
	a, b stringSpan
	at   int // of the fixed bytes: a score, an ID, a time
	nums [9]uint64
}

// field reads one field after another. Once the status is not done, the rest reads nothing.
type field struct {
	b   []byte
	pos int
	st  status
}

func (f *field) length() (n uint64) {
	if f.st == done {
		n, f.pos, f.st = readPlainLength(f.b, f.pos)
	}
	return n
}

// count is a length that says how many follow.
func (f *field) count() uint64 {
	n := f.length()
	if n > maxCount {
		f.st = bad
	}
	return n
}

func (f *field) string() (s stringSpan) {
	if f.st == done {
		s, f.st = readString(f.b, f.pos)
		f.pos = s.end
	}
	return s
}

// bytes returns where size bytes begin.
func (f *field) bytes(size int) (at int) {
	if f.st == done {
		if at, f.pos = f.pos, f.pos+size; f.pos > len(f.b) {
			f.st = short
		}
	}
	return at
}

func (f *field) uint64() uint64 {
	at := f.bytes(8)
	if f.st != done {
		return 0
	}
	return binary.LittleEndian.Uint64(f.b[at:])
}

// scoreText returns where a score in text begins: its length, or a special value in its place.
func (f *field) scoreText() (at int) {
	if at = f.bytes(1); f.st == done && f.b[at] < scoreNaN {
		f.bytes(int(f.b[at]))
	}
	return at
}

// What stands in place of the length of a score in text.
const (
	scoreNaN  = 253
	scoreInf  = 254
	scoreNInf = 255
)

// step reads the next part, at b[pos:], into p. Unless the status is done, the walk stays where it
// was; when it is short, end is the least that the window must hold.
func (w *walk) step(b []byte, pos int, p *part) (end int, st status) {
	f := field{b: b, pos: pos}
	next := *w
	switch w.phase {
	case atHead:
		next.head(&f)
	case atBlob:
		p.a = f.string()
		next.phase = atEnd
	case atParts:
		next.element(&f, p)
		next.left--
	default:
		next.streamPart(&f, p)
	}
	if f.st == done {
		next.settle()
		*w = next
	}
	return f.pos, f.st
}

// head reads what precedes the first part.
func (w *walk) head(f *field) {
	switch w.typ {
	case typeHashZipmap, typeListZiplist, typeSetIntset, typeZSetZiplist, typeHashZiplist, typeHashListpack,
		typeZSetListpack, typeSetListpack, typeHashTriplesA:
		w.phase = atBlob
		return
	case typeHashTriples:
		w.soonest = int64(f.uint64())
		w.phase = atBlob
		return
	case typeHashDeadlines:
		w.soonest = int64(f.uint64())
	}
	w.left = f.count()
	w.count, w.phase = w.left, atParts
}

// element reads a part of the first list.
func (w *walk) element(f *field, p *part) {
	switch w.typ {
	case typeHash, typeStream, typeStream2, typeStream3:
		p.a, p.b = f.string(), f.string()
	case typeHashDeadlines, typeHashDeadlinesA:
		p.nums[0] = f.length()
		p.a, p.b = f.string(), f.string()
	case typeHashValkey:
		p.a, p.b = f.string(), f.string()
		p.nums[0] = f.uint64()
	case typeZSet:
		p.a = f.string()
		p.at = f.scoreText()
	case typeZSet2:
		p.a = f.string()
		p.at = f.bytes(8)
	case typeQuicklist2:
		p.nums[0] = f.length()
		p.a = f.string()
	default:
		p.a = f.string()
	}
}

// leastPartBytes returns what a part of the first list takes at least.
func (w *walk) leastPartBytes() uint64 {
	switch w.typ {
	case typeHash, typeZSet, typeQuicklist2, typeStream, typeStream2, typeStream3:
		return 2
	case typeHashDeadlines, typeHashDeadlinesA:
		return 3
	case typeZSet2:
		return 9
	case typeHashValkey:
		return 10
	}
	return 1
}

// settle moves on from lists that have ended.
func (w *walk) settle() {
	for {
		switch {
		case w.phase == atParts && w.left == 0:
			w.phase = atEnd
			if types[w.typ].kind == StreamKind {
				w.phase = atStreamFacts
			}
		case w.phase == atPending && w.left == 0:
			w.phase = atConsumers
		case w.phase == atOwned && w.left == 0:
			w.phase = atConsumer
		case w.phase == atConsumer && w.consumers == 0:
			w.phase = atGroup
		case w.phase == atGroup && w.groups == 0:
			w.phase = atEnd
		default:
			return
		}
	}
}

// skipValue returns where the object of type typ at b[pos:] ends, without decoding it. The end may lie
// beyond b, as far as is known yet, when the status is short. The type is one that is loaded.
func skipValue(typ byte, b []byte, pos int) (end int, st status) {
	if typ == TypeString {
		return skipString(b, pos)
	}
	w := walk{typ: typ}
	var p part
	for w.phase != atEnd {
		if end, st = w.step(b, pos, &p); st != done {
			if st == short && w.phase == atParts {
				end = max(end, pos+int((w.left*w.leastPartBytes())))
			}
			return end, st
		}
		pos = end
	}
	return pos, done
}
