// Module data: skipped, by the annotations that modules must write for readers without them.
//
// See docs/formats/rdb.md#modules.

package rdb

// What a module's data consists of, each announced by a length that says what follows.
const (
	moduleEnd    = 0
	moduleInt    = 1
	moduleUint   = 2
	moduleFloat  = 3
	moduleDouble = 4
	moduleString = 5
)

// readModuleAux finds the end of the module data at b[pos:], and the module's identity.
func readModuleAux(b []byte, pos int) (id uint64, end int, st status) {
	if id, pos, st = readPlainLength(b, pos); st != done {
		return id, pos, st
	}
	for { // The first item, an integer, says when it was saved; the rest are the module's.
		var what uint64
		if what, pos, st = readPlainLength(b, pos); st != done || what == moduleEnd {
			return id, pos, st
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
			return id, pos, st
		}
	}
}

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
