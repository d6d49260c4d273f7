//go:build invariants

// Guards in invariants builds: room behind each block that nobody may write.
//
// Blocks keep their sizes and their alignment, so that what is tested is what is shipped: blocks of a
// multiple of 64 bytes are followed by 64 of guard, others by 8.

package mem

const (
	guardPages = 1 // pages behind each run
	firstBlock = 8 // units before the first block of a span
)

// guardBytes is the room behind each block of a class.
func guardBytes(size uint32) uint32 {
	if size%64 == 0 {
		return 64
	}
	return 8
}
