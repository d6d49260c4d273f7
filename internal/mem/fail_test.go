// Shows that a refusal of the OS, of the limit or of the address space costs an operation and nothing
// else: Alloc and Resize return 0, blocks keep their bytes, the records stay sound, and the heap goes
// on when there is memory again.

package mem

import (
	"math/rand/v2"
	"testing"
)

// TestEveryOpeningFails runs one workload again and again, letting the OS refuse from the first, second,
// third... opening on, until none is left to refuse.
func TestEveryOpeningFails(t *testing.T) {
	for allowed := 0; ; allowed++ {
		h := testHeap(t, Options{FailAfter: allowed})
		if allowed == 0 {
			h.failAfter = -1 // refuses the first too
		}
		m := &model{h: h}
		r := rand.New(rand.NewPCG(7, 7))
		workload := func(steps int) {
			for step := range steps {
				size := 1 << r.IntN(19)
				var err error
				switch {
				case len(m.blocks) == 0 || r.IntN(3) > 0:
					err = m.alloc(size, Purpose(r.IntN(Purposes)))
				case r.IntN(2) == 0:
					err = m.resize(r.IntN(len(m.blocks)), size)
				default:
					err = m.free(r.IntN(len(m.blocks)))
				}
				if err == nil && step%100 == 0 {
					err = m.verify()
				}
				if err != nil {
					t.Fatalf("%d openings allowed, step %d: %v", allowed, step, err)
				}
			}
		}
		workload(600)
		refused := h.opens > allowed
		h.failAfter = 0
		had := len(m.blocks)
		workload(600)
		if len(m.blocks) <= had {
			t.Fatalf("%d openings allowed: %d blocks after the refusals end, %d before", allowed, len(m.blocks), had)
		}
		_ = h.unmap()
		if !refused {
			if allowed < 3 {
				t.Fatalf("the workload opens memory only %d times: too few to show anything", allowed)
			}
			return
		}
	}
}

func TestLimitRefuses(t *testing.T) {
	h := testHeap(t, Options{Limit: 1 << 20})
	var refs []Ref
	for {
		r := h.Alloc(4096, Values)
		if r == 0 {
			break
		}
		refs = append(refs, r)
	}
	used := h.Used()
	if used < 800<<10 || used > 1<<20 {
		t.Errorf("a heap of 1 MiB took %d bytes of blocks of 4 KiB", used)
	}
	if r := h.Alloc(1<<20, Values); r != 0 {
		t.Errorf("a full heap gave %#x", r)
	}
	if r := h.Resize(refs[0], 64<<10, Values); r != 0 {
		t.Errorf("a full heap resized to %#x", r)
	}
	if h.Used() != used || h.Verify() != nil {
		t.Errorf("after refusals: used %d, want %d; Verify %v", h.Used(), used, h.Verify())
	}
	for _, r := range refs {
		h.Free(r, Values)
	}
	h.Release(1 << 20)
	if r := h.Alloc(512<<10, Values); r == 0 {
		t.Error("an emptied heap of 1 MiB refuses 512 KiB")
	}
}

// TestLastPages takes a heap's last pages, some of them open and some not, as one run.
func TestLastPages(t *testing.T) {
	const limit = 4 << 20
	h := testHeap(t, Options{Limit: limit})
	first := h.Alloc(12<<10, Values)
	rest := limit - int(h.Stats().Runs) - (1+guardPages)*pageSize // the first page is nobody's
	if r := h.Alloc(rest+1, Values); r != 0 {
		t.Errorf("Alloc(%d) = %#x, a page more than there is", rest+1, r)
	}
	r := h.Alloc(rest, Values)
	if r == 0 {
		t.Errorf("Alloc(%d), the rest of the heap, is refused", rest)
	}
	h.Free(first, Values)
	h.Free(r, Values)
}

func TestSizesOutOfReach(t *testing.T) {
	h := testHeap(t, Options{Reserve: minReserve})
	for _, size := range []int{-1, -1 << 63, 1<<63 - 1, MaxReserve, MaxReserve + 1, minReserve, 1 << 40} {
		if r := h.Alloc(size, Values); r != 0 {
			t.Errorf("Alloc(%d) = %#x in a heap of %d bytes", size, r, minReserve)
		}
	}
	r := h.Alloc(100<<10, Values)
	for _, size := range []int{1<<63 - 1, MaxReserve, minReserve} {
		if moved := h.Resize(r, size, Values); moved != 0 {
			t.Errorf("Resize to %d = %#x in a heap of %d bytes", size, moved, minReserve)
		}
	}
	if err := h.Verify(); err != nil {
		t.Error(err)
	}
}

func TestHalfGiB(t *testing.T) {
	h := testHeap(t, Options{})
	r := h.Alloc(512<<20, Values)
	if r == 0 {
		t.Fatal("no block of 512 MiB in a heap of 1 GiB")
	}
	view := h.Bytes(r, 512<<20)
	view[0], view[len(view)-1] = 1, 2
	bigger := h.Resize(r, 600<<20, Values)
	if bigger != r {
		t.Errorf("the last run of a heap moved from %#x to %#x when it grew", r, bigger)
	}
	if view = h.Bytes(bigger, 600<<20); view[0] != 1 || view[512<<20-1] != 2 {
		t.Errorf("growing lost bytes: %d, %d; want 1, 2", view[0], view[512<<20-1])
	}
	h.Free(bigger, Values)
	if err := h.Verify(); err != nil {
		t.Error(err)
	}
}
