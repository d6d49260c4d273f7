//go:build invariants

// Shows that misuse is found in invariants builds, each kind by the panic or error that names it.

package mem

import (
	"fmt"
	"strings"
	"testing"
)

func TestMisusePanics(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		misuse     func(h *Heap, r Ref)
	}{
		{"double free", "live block when it is freed", func(h *Heap, r Ref) { h.Free(r, Keys); h.Free(r, Keys) }},
		{"free of none", "live block when it is freed", func(h *Heap, r Ref) { h.Free(0, Keys) }},
		{"free inside a block", "live block when it is freed", func(h *Heap, r Ref) { h.Free(r+1, Keys) }},
		{"another purpose", "freed as what it was allocated for", func(h *Heap, r Ref) { h.Free(r, Values) }},
		{"write past the end", "not written past its end", func(h *Heap, r Ref) { h.view(r, 0, h.Size(r)+1)[h.Size(r)] = 0; h.Free(r, Keys) }},
		{"write past the end, then resize", "not written past its end", func(h *Heap, r Ref) { h.view(r, 0, h.Size(r)+1)[h.Size(r)] = 0; h.Resize(r, 300, Keys) }},
		{"size of a freed block", "is a live block", func(h *Heap, r Ref) { h.Free(r, Keys); h.Size(r) }},
		{"view of a freed block", "is a live block", func(h *Heap, r Ref) { h.Free(r, Keys); h.Bytes(r, 1) }},
		{"resize of a freed block", "is a live block", func(h *Heap, r Ref) { h.Free(r, Keys); h.Resize(r, 1, Keys) }},
		{"view too long", "view inside its block", func(h *Heap, r Ref) { h.Bytes(r, h.Size(r)+1) }},
		{"write after free", "freed block is not written to", func(h *Heap, r Ref) { h.Free(r, Keys); h.view(r, 0, 1)[0] = 1; h.Release(0) }},
		{"write after quarantine", "free block is not written to", func(h *Heap, r Ref) {
			h.Free(r, Keys)
			other := h.Alloc(104, Keys) // keeps the span
			h.emptyQuarantine()
			h.view(r, 0, 8)[7] = 1
			h.Alloc(104, Keys)
			h.Free(other, Keys)
		}},
		{"use after close", "heap is open", func(h *Heap, r Ref) { h.Free(r, Keys); _ = h.Close(); h.Alloc(1, Keys) }},
		{"unknown purpose", "purpose is known", func(h *Heap, r Ref) { h.Alloc(1, Purposes) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := testHeap(t, Options{})
			r := h.Alloc(100, Keys)
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, tc.want) {
					t.Errorf("panic %q, want one with %q", got, tc.want)
				}
			}()
			tc.misuse(h, r)
		})
	}
}

func TestOwnerLockIsAsserted(t *testing.T) {
	locked := true
	h := testHeap(t, Options{Owned: func() bool { return locked }})
	r := h.Alloc(100, Keys)
	locked = false
	for name, call := range map[string]func(){
		"Alloc":   func() { h.Alloc(1, Keys) },
		"Free":    func() { h.Free(r, Keys) },
		"Resize":  func() { h.Resize(r, 1000, Keys) },
		"Release": func() { h.Release(1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, "owner's lock is held") {
					t.Errorf("panic %q, want one about the owner's lock", got)
				}
			}()
			call()
		})
	}
}

func TestLeaksAreReported(t *testing.T) {
	h := testHeap(t, Options{})
	h.Alloc(100, Keys)
	h.Alloc(100, Keys)
	h.Alloc(9000, Snapshot)
	h.Free(h.Alloc(10, Index), Index)
	err := h.Close()
	const want = "mem: 2 blocks of keys, 208 bytes, were not freed\nmem: 1 blocks of snapshot, 12288 bytes, were not freed"
	if err == nil || err.Error() != want {
		t.Errorf("Close: %v, want %s", err, want)
	}
}

func TestVerifySeesOverrun(t *testing.T) {
	h := testHeap(t, Options{})
	r := h.Alloc(10000, Values)
	if err := h.Verify(); err != nil {
		t.Fatal(err)
	}
	h.view(r, 0, h.Size(r)+1)[h.Size(r)] = 0
	if err := h.Verify(); err == nil || !strings.Contains(err.Error(), "guard") {
		t.Errorf("Verify after a write past the end: %v, want one about the guard", err)
	}
}
