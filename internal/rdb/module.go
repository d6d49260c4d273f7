// Module data: skipped, by the annotations that modules must write for readers without them.
//
// See docs/formats/rdb.md#modules.

package rdb

import "fmt"

// What a module's data consists of, each announced by a length that says what follows.
const (
	moduleEnd    = 0
	moduleInt    = 1
	moduleUint   = 2
	moduleFloat  = 3
	moduleDouble = 4
	moduleString = 5
)

// skipModuleItems returns where the items of module data at b[pos:] end, behind what says so.
func skipModuleItems(b []byte, pos int) (end int, st status) {
	for {
		var what uint64
		if what, pos, st = readPlainLength(b, pos); st != done || what == moduleEnd {
			return pos, st
		}
		switch what {
		case moduleInt, moduleUint:
			_, pos, st = readPlainLength(b, pos)
		case moduleFloat:
			pos += 4
		case moduleDouble:
			pos += 8
		case moduleString:
			pos, st = skipString(b, pos)
		default:
			st = bad
		}
		if st == done && pos > len(b) {
			st = short
		}
		if st != done {
			return pos, st
		}
	}
}

// passModule passes over module data that takes more than half a buffer, without gathering it.
func (s *splitter) passModule() error {
	ev := &s.ev
	offset := s.offset + int64(ev.at)
	what, left := fmt.Sprintf("opcode %d", opModuleAux), LeftOut{}
	name := moduleName(ev.module)
	keyed := ev.kind == leftOutEvent
	if keyed {
		what, left = ev.describe(), s.leftOut()
	}
	headBytes := ev.value - ev.at
	value := offset + int64(headBytes)
	s.sum()
	if err := s.flush(); err != nil {
		return err
	}
	s.pos = headBytes
	v := &LargeValue{s: s}
	_, err := v.moduleLength() // the module's identity
	for err == nil {
		var item uint64
		if item, err = v.moduleLength(); err != nil || item == moduleEnd {
			break
		}
		if err = v.moduleItem(item); err == nil {
			err = v.discard()
		}
	}
	switch {
	case err != nil:
	case keyed:
		left.Bytes = s.offset + int64(s.pos) - value
		s.result.Records++
		s.state.keyDone()
		err = s.o.LeaveOut(&left)
	case s.o.Skipped != nil:
		err = s.o.Skipped(skippedModule(name))
	}
	if err != nil {
		return placed(offset, what, left.Key, err)
	}
	s.start = s.pos
	s.batch.start = s.state
	s.shrink()
	return nil
}

// moduleItem makes what an item of module data consists of be what is left to read.
func (v *LargeValue) moduleItem(item uint64) (err error) {
	switch item {
	case moduleInt, moduleUint:
		_, err = v.moduleLength()
	case moduleFloat:
		v.left = 4
	case moduleDouble:
		v.left = 8
	case moduleString:
		for {
			span, st := readString(v.s.batch.buf[:v.s.end], v.s.pos)
			if st == bad {
				return ErrCorrupt
			}
			if span.start != 0 { // its lengths are in the window
				v.left = span.end - span.start
				v.s.pos = span.start
				return nil
			}
			if err = v.refill(v.s.end - v.s.pos + 1); err != nil {
				return err
			}
		}
	default:
		err = ErrCorrupt
	}
	return err
}

// moduleLength reads a length.
func (v *LargeValue) moduleLength() (uint64, error) {
	s := v.s
	for {
		n, end, st := readPlainLength(s.batch.buf[:s.end], s.pos)
		switch st {
		case done:
			s.pos = end
			return n, nil
		case bad:
			return 0, ErrCorrupt
		}
		if err := v.refill(s.end - s.pos + 1); err != nil {
			return 0, err
		}
	}
}

// skippedModule names data of a module that was passed over.
func skippedModule(name string) string { return fmt.Sprintf("data of module %q", name) }

// moduleName returns the nine letters in a module's identity.
func moduleName(id uint64) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	const versionBits, letterBits = 10, 6
	var name [9]byte
	id >>= versionBits
	for i := len(name) - 1; i >= 0; i-- {
		name[i] = letters[id&(1<<letterBits-1)]
		id >>= letterBits
	}
	return string(name[:])
}
