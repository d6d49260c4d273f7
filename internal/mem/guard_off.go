//go:build !invariants

// Guards in release builds: none.

package mem

const (
	guardPages = 0 // pages behind each run
	firstBlock = 0 // units before the first block of a span
)

// guardBytes is the room behind each block of a class.
func guardBytes(size uint32) uint32 { return 0 }
