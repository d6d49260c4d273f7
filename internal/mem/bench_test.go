// What the heap costs: time of an operation, and bytes beside the block.

package mem

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkAllocFree(b *testing.B) {
	for _, size := range []int{88, 4096, 16 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			h := testHeap(b, Options{})
			for b.Loop() {
				h.Free(h.Alloc(size, Keys), Keys)
			}
		})
	}
}

// BenchmarkFill takes a million blocks from an empty heap and writes to each, so that most of its time
// is the kernel's for new pages.
func BenchmarkFill(b *testing.B) {
	const blocks = 1 << 20
	for _, size := range []int{88, 400} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			var st Stats
			for b.Loop() {
				h := testHeap(b, Options{})
				for range blocks {
					*(*uint64)(h.Pointer(h.Alloc(size, Keys))) = 1
				}
				st = h.Stats()
				b.StopTimer()
				_ = h.unmap()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*blocks), "ns/block")
			b.ReportMetric(float64(st.Spans+st.Metadata)/blocks-float64(size), "overhead-B/block")
		})
	}
}

// BenchmarkChurn replaces random blocks of many, by blocks of another size.
func BenchmarkChurn(b *testing.B) {
	for _, tc := range []struct{ blocks, least, most int }{
		{1 << 20, 88, 88},
		{1 << 20, 64, 128},
		{100 << 10, 12 << 10, 200 << 10}, // page runs
	} {
		b.Run(fmt.Sprintf("blocks=%d/size=%d-%d", tc.blocks, tc.least, tc.most), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			h := testHeap(b, Options{Reserve: MaxReserve})
			size := func() int { return tc.least + r.IntN(tc.most-tc.least+1) }
			refs := make([]Ref, tc.blocks)
			for i := range refs {
				refs[i] = h.Alloc(size(), Keys)
			}
			for b.Loop() {
				i := r.IntN(len(refs))
				h.Free(refs[i], Keys)
				refs[i] = h.Alloc(size(), Keys)
			}
			st := h.Stats()
			b.ReportMetric(float64(st.Spans+st.Runs+st.Held+st.Metadata)/float64(st.Used), "resident/used")
			b.ReportMetric(float64(st.Opened)/float64(st.Used), "opened/used")
		})
	}
}

// BenchmarkUsed reads what INFO and the memory gate read for each command.
func BenchmarkUsed(b *testing.B) {
	h := testHeap(b, Options{})
	for b.Loop() {
		h.Used()
	}
}
