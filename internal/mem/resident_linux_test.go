// Shows, by asking the kernel which pages are resident, that memory taken follows blocks used: little for
// idle heaps, hardly more than the blocks for small heaps, and gone after they are freed; and that pages
// given back can still be read.

package mem

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"tarn/internal/invariant"
)

// resident returns the bytes of the open part of an area that are in memory.
func resident(t *testing.T, a *area) uint64 {
	t.Helper()
	size := uint64(syscall.Getpagesize())
	pages := (a.open + size - 1) / size
	if pages == 0 {
		return 0
	}
	in := make([]byte, pages)
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&a.bytes[0])), uintptr(a.open), uintptr(unsafe.Pointer(&in[0])))
	if errno != 0 {
		t.Skipf("mincore: %v", errno)
	}
	n := uint64(0)
	for _, b := range in {
		n += uint64(b & 1)
	}
	return n * size
}

// residentAll returns the bytes that heaps hold in memory, with their records.
func residentAll(t *testing.T, heaps []*Heap) (bytes uint64) {
	t.Helper()
	for _, h := range heaps {
		for _, a := range []*area{&h.data, &h.tagArea, &h.spanArea, &h.freeArea, &h.dirtyArea, &h.fixedArea} {
			bytes += resident(t, a)
		}
	}
	return bytes
}

func sixteenHeaps(t *testing.T) (heaps []*Heap) {
	t.Helper()
	for range 16 {
		heaps = append(heaps, testHeap(t, Options{Reserve: MaxReserve}))
	}
	return heaps
}

func skipUnderInvariants(t *testing.T) {
	t.Helper()
	if invariant.Enabled {
		t.Skip("guards and quarantine take memory of their own")
	}
}

func TestIdleHeapsCostLittle(t *testing.T) {
	heaps := sixteenHeaps(t)
	t.Logf("16 new heaps hold %d bytes", residentAll(t, heaps))
	if got := residentAll(t, heaps); got > 256<<10 {
		t.Errorf("16 new heaps hold %d bytes, want at most 256 KiB", got)
	}
	for _, h := range heaps {
		h.Alloc(88, Keys)
		h.Alloc(4096, Index)
	}
	t.Logf("with two blocks each, %d bytes", residentAll(t, heaps))
	if got := residentAll(t, heaps); got > 1<<20 {
		t.Errorf("16 heaps of two blocks hold %d bytes, want at most 1 MiB", got)
	}
}

// TestResidentFollowsUsed fills 16 heaps with 100,000 blocks and compares what is used, what Stats says,
// and what the kernel says.
func TestResidentFollowsUsed(t *testing.T) {
	skipUnderInvariants(t)
	for _, tc := range []struct {
		name        string
		least, most int
		ratio       float64
	}{
		{"one size", 88, 88, 1.06},
		{"key sizes", 48, 176, 1.15},
		{"large", 9000, 40000, 1.02},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			heaps := sixteenHeaps(t)
			blocks := 100_000
			if tc.least > maxSmall {
				blocks = 5_000
			}
			for i := range blocks {
				h := heaps[i%len(heaps)]
				size := tc.least + r.IntN(tc.most-tc.least+1)
				view := h.Bytes(h.Alloc(size, Keys), ClassSize(size))
				for i := 0; i < len(view); i += 64 {
					view[i] = 1
				}
			}
			var used, held uint64
			for _, h := range heaps {
				st := h.Stats()
				used += st.Used
				held += st.Spans + st.Runs + st.Held + st.Metadata
			}
			got := residentAll(t, heaps)
			t.Logf("resident / used = %.4f, by Stats %.4f", float64(got)/float64(used), float64(held)/float64(used))
			if ratio := float64(got) / float64(used); ratio > tc.ratio {
				t.Errorf("resident / used = %d / %d = %.3f, want at most %.2f", got, used, ratio, tc.ratio)
			}
			if got > held {
				t.Errorf("resident %d, more than Stats admits, %d", got, held)
			}
			if ratio := float64(held) / float64(used); tc.most == 88 && ratio > 1.15 {
				t.Errorf("Stats: held / used = %d / %d = %.3f, want at most 1.15", held, used, ratio)
			}
		})
	}
}

func TestFreedMemoryGoesBack(t *testing.T) {
	skipUnderInvariants(t)
	h := testHeap(t, Options{})
	var refs []Ref
	for i := range 60_000 {
		size := 200 + i%3000
		r := h.Alloc(size, Values)
		h.Bytes(r, size)[size-1] = 1
		*(*byte)(h.Pointer(r)) = 1
		refs = append(refs, r)
	}
	full := resident(t, &h.data)
	for _, r := range refs {
		h.Free(r, Values)
	}
	if got := resident(t, &h.data); got > full/20 {
		t.Errorf("all %d blocks are freed, and %d of %d bytes are resident", len(refs), got, full)
	}
	for h.Release(1<<20) > 0 {
	}
	if got := resident(t, &h.data); got != 0 {
		t.Errorf("all is released, and %d bytes are resident", got)
	}
	for _, r := range refs {
		if *(*byte)(unsafe.Add(h.Base(), uintptr(r)*8)) != 0 {
			t.Fatalf("a released block at %#x reads as %#x, want 0", r, *(*byte)(unsafe.Add(h.Base(), uintptr(r)*8)))
		}
	}
	if err := h.Verify(); err != nil {
		t.Error(err)
	}
}

// TestShrunkenMemoryGoesBack shrinks a block by Resize.
func TestShrunkenMemoryGoesBack(t *testing.T) {
	skipUnderInvariants(t)
	h := testHeap(t, Options{})
	r := h.Alloc(8<<20, Values)
	view := h.Bytes(r, 8<<20)
	for i := 0; i < len(view); i += pageSize {
		view[i] = 1
	}
	if got := h.Resize(r, 1<<20, Values); got != r {
		t.Errorf("shrinking moved %#x to %#x", r, got)
	}
	for h.Release(1<<20) > 0 {
	}
	if got := resident(t, &h.data); got != 1<<20 {
		t.Errorf("a block of 8 MiB shrunk to 1 MiB leaves %d bytes resident", got)
	}
}

// TestHugePages touches one byte of a heap that may have huge pages, and of one that may not.
func TestHugePages(t *testing.T) {
	touched := func(huge bool) uint64 {
		h := testHeap(t, Options{HugePages: huge})
		*(*byte)(h.Pointer(h.Alloc(64<<10, Values))) = 1
		return resident(t, &h.data)
	}
	if got := touched(false); got > 128<<10 {
		t.Errorf("a byte touched without huge pages takes %d bytes", got)
	}
	if got := touched(true); got != hugePage {
		t.Skipf("a byte touched with huge pages takes %d bytes: the kernel has none to give", got)
	}
}

// TestDetach gives a large freed block back without the lock, while the heap is used.
func TestDetach(t *testing.T) {
	skipUnderInvariants(t)
	h := testHeap(t, Options{})
	const size = 64 << 20
	r := h.Alloc(size, Values)
	view := h.Bytes(r, size)
	for i := 0; i < size; i += pageSize {
		view[i] = 1
	}
	h.Free(r, Values)
	kept := resident(t, &h.data)
	if kept < size/2 {
		t.Fatalf("freeing %d bytes gave back all but %d under the lock", size, kept)
	}
	idle := h.Detach(16 << 20)
	if idle.Size() != 16<<20 {
		t.Fatalf("Detach gave %d bytes, want 16 MiB", idle.Size())
	}
	if st := h.Stats(); st.Held < kept {
		t.Errorf("detached memory is not held: %d, want %d", st.Held, kept)
	}
	b := h.Alloc(size, Values) // must not touch what is detached
	if err := h.Verify(); err != nil {
		t.Fatal(err)
	}
	h.Free(b, Values)
	h.Attach(idle, idle.Discard())
	for {
		if idle = h.Detach(16 << 20); idle.Size() == 0 {
			break
		}
		h.Attach(idle, idle.Discard())
	}
	if got := resident(t, &h.data); got != 0 {
		t.Errorf("all was detached and given back, and %d bytes are resident", got)
	}
	if err := h.Verify(); err != nil {
		t.Error(err)
	}
}

// TestAddressSpaceLimited runs itself under ulimit -v, where sixteen heaps of 32 GiB do not fit.
func TestAddressSpaceLimited(t *testing.T) {
	const child = "TARN_TEST_LIMITED"
	if os.Getenv(child) != "" {
		for i := range 16 {
			h, err := NewHeap(Options{Reserve: Reserve(16)})
			if err != nil {
				t.Fatalf("heap %d: %v", i, err)
			}
			if r := h.Alloc(1<<20, Values); r == 0 || len(h.data.bytes) < 64<<20 {
				t.Errorf("heap %d: 1 MiB at %#x, %d bytes reserved; want 64 MiB", i, r, len(h.data.bytes))
			}
		}
		if _, err := NewHeap(Options{}); err != nil {
			t.Errorf("a heap that does not say how much: %v", err)
		}
		return
	}
	cmd := exec.Command("sh", "-c", `ulimit -v 6000000 && exec "$0" -test.run '^TestAddressSpaceLimited$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil && raceOrNoLimit(string(out)) {
		t.Skipf("the test binary itself does not start in 6 GB of address space: %s", out)
	}
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("under ulimit -v: %v\n%s", err, out)
	}
}

// raceOrNoLimit says whether the child could not run at all: the race detector needs terabytes.
func raceOrNoLimit(out string) bool { return !strings.Contains(out, "=== RUN") }
