// Shows that every size has a class that is large enough and wastes little, that spans are within their
// ranges, and that blocks of whole cache lines start on one.

package mem

import (
	"testing"

	"tarn/internal/invariant"
)

func TestClassSize(t *testing.T) {
	for _, tc := range []struct{ size, want int }{
		{0, 8}, {1, 8}, {8, 8}, {9, 16}, {64, 64}, {88, 88}, {121, 128}, {128, 128}, {129, 144},
		{256, 256}, {257, 288}, {512, 512}, {1024, 1024}, {1025, 1152}, {2048, 2048}, {4096, 4096},
		{4097, 4608}, {7681, 8192}, {8192, 8192}, {8193, 12288}, {512 << 20, 512 << 20}, {512<<20 + 1, 512<<20 + 4096},
	} {
		if got := ClassSize(tc.size); got != tc.want {
			t.Errorf("ClassSize(%d) = %d, want %d", tc.size, got, tc.want)
		}
	}
}

func TestClassesWasteLittle(t *testing.T) {
	last := 0
	for size := 1; size <= maxSmall; size++ {
		got := ClassSize(size)
		if got < size || got < last || got%8 != 0 {
			t.Fatalf("ClassSize(%d) = %d, after %d", size, got, last)
		}
		if size > 128 && got-size > size/8 {
			t.Errorf("ClassSize(%d) = %d: more than an eighth is rounding", size, got)
		}
		if size <= 128 && got-size >= 8 {
			t.Errorf("ClassSize(%d) = %d: more than a word is rounding", size, got)
		}
		last = got
	}
}

func TestSpans(t *testing.T) {
	for c, k := range classTable {
		pages := 4
		if k.size > 256 {
			pages = 8
		}
		if k.size > 1<<10 {
			pages = 16
		}
		if int(k.pages) > pages || k.pages < 3 {
			t.Errorf("class %d of %d bytes: spans of %d pages, want 3 to %d", c, k.size, k.pages, pages)
		}
		room := int(k.pages) << pageShift
		used := int(k.blocks) * int(k.size)
		if used > room || !invariant.Enabled && k.blocks < 7 {
			t.Errorf("class %d of %d bytes: %d blocks in %d bytes", c, k.size, k.blocks, room)
		}
		if !invariant.Enabled && (room-used)*60 > room {
			t.Errorf("class %d of %d bytes: a span of %d bytes has a tail of %d", c, k.size, room, room-used)
		}
		if k.size%64 == 0 && (k.stride<<unitShift)%64 != 0 {
			t.Errorf("class %d of %d bytes: blocks are %d apart, which leaves cache lines", c, k.size, k.stride<<unitShift)
		}
	}
}
