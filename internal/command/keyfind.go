// Key finders: the commands whose keys, or what is done to them, only their options tell.

package command

// findSetKeys finds the key of SET, which is read when GET is given and overwritten when not.
func findSetKeys(args [][]byte, dst []KeyRef) []KeyRef {
	flags := OW | Update
	for _, arg := range args[min(3, len(args)):] {
		if isToken(arg, "GET") {
			flags = RW | Access | Update
			break
		}
	}
	return append(dst, KeyRef{1, flags})
}

// findBitfieldKeys finds the key of BITFIELD, which is only read when every operation is a GET.
func findBitfieldKeys(args [][]byte, dst []KeyRef) []KeyRef {
	flags := RO | Access
	for pos := 2; pos < len(args); pos++ {
		left := len(args) - pos - 1
		switch {
		case isToken(args[pos], "GET") && left >= 2:
			pos += 2
		case isToken(args[pos], "OVERFLOW") && left >= 1:
			pos++
		default:
			return append(dst, KeyRef{1, RW | Access | Update})
		}
	}
	return append(dst, KeyRef{1, flags})
}

// findSortKeys finds the key to sort and the one behind the last STORE. Keys that BY and GET make
// out of the elements are nobody's to find.
func findSortKeys(args [][]byte, dst []KeyRef) []KeyRef {
	dst = append(dst, KeyRef{1, RO | Access})
	store := 0
	for pos := 2; pos < len(args); pos++ {
		switch {
		case isToken(args[pos], "LIMIT"):
			pos += 2
		case isToken(args[pos], "GET"), isToken(args[pos], "BY"):
			pos++
		case isToken(args[pos], "STORE") && pos+1 < len(args):
			pos++
			store = pos
		}
	}
	if store == 0 {
		return dst
	}
	return append(dst, KeyRef{store, OW | Update})
}

// findSortROKeys finds the key of SORT_RO.
func findSortROKeys(_ [][]byte, dst []KeyRef) []KeyRef {
	return append(dst, KeyRef{1, RO | Access})
}

// findMigrateKeys finds the one key of MIGRATE or, when that is empty, those behind KEYS.
func findMigrateKeys(args [][]byte, dst []KeyRef) []KeyRef {
	const flags = RW | Access | Delete
	for pos := 6; pos < len(args); pos++ {
		switch {
		case isToken(args[pos], "AUTH"):
			pos++
		case isToken(args[pos], "AUTH2"):
			pos += 2
		case isToken(args[pos], "KEYS"):
			if len(args[3]) > 0 {
				return dst
			}
			for pos++; pos < len(args); pos++ {
				dst = append(dst, KeyRef{pos, flags})
			}
			return dst
		}
	}
	return append(dst, KeyRef{3, flags})
}
