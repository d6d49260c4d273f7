// Size classes: how large a block really is.
//
// Classes step by 8 bytes to 128, then 8 to a doubling, to 8 KiB: 64 in all, so that at most one
// ninth of a block is rounding. What is larger is a run of whole pages. A span holds blocks of one
// class; it grows with the class, since half-used spans are the floor of waste, and within its
// range the length that leaves the smallest tail is taken. Spans start on a page, so a class whose
// size is a multiple of 64 gives blocks that start on a cache line.

package mem

import "math/bits"

const (
	pageShift = 12
	pageSize  = 1 << pageShift
	unitShift = 3                     // a Ref counts units of 8 bytes
	pageUnits = pageSize >> unitShift // units in a page
	unitsLog  = pageShift - unitShift // a Ref shifted by it is a page

	classes  = 64
	maxSmall = 8 << 10
)

// class is what Alloc and Free need to know of a size class.
type class struct {
	size   uint32 // bytes of a block, as accounted
	stride Ref    // units from one block to the next: the block and its guard
	blocks uint16 // in a span
	pages  uint16 // of a span
}

var (
	classOf    [maxSmall>>unitShift + 1]uint8 // by size in units, rounded up
	classTable [classes]class
)

func init() {
	for c := range classTable {
		classTable[c] = newClass(classBytes(c))
	}
	c := 0
	for units := range classOf {
		if units<<unitShift > int(classTable[c].size) {
			c++
		}
		classOf[units] = uint8(c)
	}
}

// classBytes is the block size of class c.
func classBytes(c int) uint32 {
	if c < 16 {
		return uint32(c+1) << 3
	}
	doubling, eighth := (c-16)/8, (c-16)%8
	return uint32(128+16*(eighth+1)) << doubling
}

// newClass chooses the span for blocks of the given size.
func newClass(size uint32) class {
	stride := size + guardBytes(size)
	least, most := 3, 4
	switch {
	case size > 1<<10:
		least, most = 8, 16
	case size > 256:
		least, most = 4, 8
	}
	pages, waste := 0, 1.0
	for n := most; n >= least; n-- {
		room := n*pageSize - firstBlock<<unitShift
		if w := float64(room%int(stride)) / float64(room); w < waste {
			pages, waste = n, w
		}
	}
	return class{
		size:   size,
		stride: Ref(stride >> unitShift),
		blocks: uint16((pages*pageSize - firstBlock<<unitShift) / int(stride)),
		pages:  uint16(pages),
	}
}

// ClassSize returns the usable bytes of the block that Alloc(size) would give.
func ClassSize(size int) int {
	if uint(size) <= maxSmall {
		return int(classTable[classOf[(size+7)>>unitShift]].size)
	}
	return (size + pageSize - 1) &^ (pageSize - 1)
}

// runPages is the number of pages that a block of size bytes above maxSmall takes, with its guard.
func runPages(size int) uint64 {
	return (uint64(size)+pageSize-1)>>pageShift + guardPages
}

// longestRun is the length of the longest run of ones in w.
func longestRun(w uint64) int {
	n := 0
	for ; w != 0; n++ {
		w &= w << 1
	}
	return n
}

// firstRun finds the lowest place in w where n ones stand in a row, 64 when there is none.
func firstRun(w uint64, n int) int {
	for have := 1; have < n && w != 0; {
		step := min(have, n-have)
		w &= w >> step
		have += step
	}
	return bits.TrailingZeros64(w)
}
