// The watcher: what invariants builds know of every block.
//
// It keeps each live block's size and purpose, so that a free of what is not live, or for another
// purpose, panics. Behind each block stands a guard, checked when the block is freed. Freed blocks
// are poisoned and wait in quarantine before they can be used again; a write to one is found when it
// leaves, or when it is handed out. New blocks are poisoned too, since their contents are undefined.
// In release builds none of this is called.

package mem

import (
	"fmt"
	"unsafe"

	"tarn/internal/invariant"
)

const (
	guardByte      = 0xA5
	poisonByte     = 0xDB     // what invariant.Poison writes
	poisonMost     = 64 << 10 // the part of a block that is poisoned, and the largest block in quarantine
	quarantineSize = 64
)

type liveBlock struct {
	size    int
	purpose Purpose
}

type watcher struct {
	live       map[Ref]liveBlock
	quarantine [quarantineSize]Ref // a ring
	next       int                 // the oldest, and the next to be replaced
	waiting    uint64              // bytes in quarantine
}

func (w *watcher) init() {
	if invariant.Enabled {
		w.live = make(map[Ref]liveBlock)
	}
}

func (h *Heap) view(r Ref, from, to int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(h.base, uintptr(r)<<unitShift)), to)[from:]
}

// guardOf is the guard behind a block of the given size.
func (h *Heap) guardOf(r Ref, size int) []byte {
	if size > maxSmall {
		return h.view(r, size, size+guardPages*64)
	}
	return h.view(r, size, size+int(guardBytes(uint32(size))))
}

func (h *Heap) born(r Ref, size int, p Purpose) {
	_, twice := h.watch.live[r]
	invariant.Check(!twice, "a new block is nobody's")
	invariant.Check(p < Purposes, "the purpose is known")
	h.watch.live[r] = liveBlock{size, p}
	invariant.Poison(h.view(r, 0, min(size, poisonMost)))
	h.setGuard(r, size)
}

func (h *Heap) setGuard(r Ref, size int) {
	g := h.guardOf(r, size)
	for i := range g {
		g[i] = guardByte
	}
}

func (h *Heap) guardIntact(r Ref, size int) bool { return all(h.guardOf(r, size), guardByte) }

// resized notes a block's new size.
func (h *Heap) resized(r Ref, size int) {
	b := h.watch.live[r]
	b.size = size
	h.watch.live[r] = b
	h.setGuard(r, size)
}

// die checks that a block may be freed, accounts for it, and puts it into quarantine unless it is
// large; then the result is false and the caller frees it.
func (h *Heap) die(r Ref, p Purpose) bool {
	b, ok := h.watch.live[r]
	if !ok {
		panic(fmt.Sprintf("invariant broken: ref %#x is a live block when it is freed", r))
	}
	if b.purpose != p {
		panic(fmt.Sprintf("invariant broken: ref %#x of %s is freed as what it was allocated for, not %s", r, b.purpose, p))
	}
	if !h.guardIntact(r, b.size) {
		panic(fmt.Sprintf("invariant broken: block %#x of %d bytes of %s was not written past its end", r, b.size, p))
	}
	delete(h.watch.live, r)
	h.discount(p, uint64(b.size))
	invariant.Poison(h.view(r, 0, min(b.size, poisonMost)))
	if b.size > poisonMost {
		return false
	}
	w := &h.watch
	w.waiting += uint64(b.size)
	oldest := w.quarantine[w.next]
	w.quarantine[w.next] = r
	w.next = (w.next + 1) % quarantineSize
	h.leaveQuarantine(oldest)
	return true
}

func (h *Heap) leaveQuarantine(r Ref) {
	if r == 0 {
		return
	}
	size := h.blockSize(r)
	if invariant.Enabled {
		invariant.Check(all(h.view(r, 0, size), poisonByte), "a freed block is not written to")
	}
	h.watch.waiting -= uint64(size)
	h.giveBack(r)
}

// emptyQuarantine frees all that waits there.
func (h *Heap) emptyQuarantine() {
	for i, r := range h.watch.quarantine {
		h.watch.quarantine[i] = 0
		h.leaveQuarantine(r)
	}
}

func (w *watcher) waitingBlocks() (n uint64) {
	for _, r := range w.quarantine {
		if r != 0 {
			n++
		}
	}
	return n
}

// checkFreed checks a free block that is about to be handed out.
func (h *Heap) checkFreed(r Ref, k *class) {
	_, twice := h.watch.live[r]
	invariant.Check(!twice, "a free block is nobody's")
	if invariant.Enabled {
		invariant.Check(all(h.view(r, 4, int(k.size)), poisonByte), "a free block is not written to")
	}
}

func (h *Heap) checkLive(r Ref) {
	if _, ok := h.watch.live[r]; !ok {
		panic(fmt.Sprintf("invariant broken: ref %#x is a live block", r))
	}
}

// all says whether every byte of b is want.
func all(b []byte, want byte) bool {
	for _, have := range b {
		if have != want {
			return false
		}
	}
	return true
}
