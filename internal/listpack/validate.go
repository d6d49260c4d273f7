// Validation of listpacks from outside: RESTORE and RDB files.
//
// Every element is walked. What is accepted can be walked both ways, and edited. Forms that Redis
// reads but never writes, such as a small integer in a wide encoding, are accepted as well.

package listpack

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt is wrapped by the errors of Validate.
var ErrCorrupt = errors.New("corrupt listpack")

// Validate checks all of lp. Errors: ErrCorrupt, wrapped with the offset and what is wrong there.
func Validate(lp []byte) error {
	if len(lp) < headBytes+1 || uint64(len(lp)) != uint64(binary.LittleEndian.Uint32(lp)) {
		return corrupt(0, "total bytes")
	}
	if lp[len(lp)-1] != end {
		return corrupt(len(lp)-1, "end mark")
	}
	at, count := headBytes, 0
	for ; at < len(lp)-1; count++ {
		size, ok := checkElement(lp[at : len(lp)-1])
		if !ok {
			return corrupt(at, "element")
		}
		at += size
	}
	if n := headCount(lp); n != manyCount && n != count {
		return corrupt(4, "number of elements")
	}
	return nil
}

func corrupt(at int, what string) error {
	return fmt.Errorf("%w: offset %d: %s", ErrCorrupt, at, what)
}

// checkElement checks the element that b, not empty, begins with, and returns its bytes.
func checkElement(b []byte) (size int, ok bool) {
	c := b[0]
	if c > tagInt64 || c >= tagStr12 && c < tagStr32 && len(b) < 2 || c == tagStr32 && len(b) < 5 {
		return 0, false
	}
	size = EntrySize(b, 0)
	if size > len(b) {
		return 0, false
	}
	if size < 6 {
		return size, int(b[size-1]) == size-1
	}
	back, bytes := readBack(b, size)
	return size, back+bytes == size && withBack(back) == size
}
