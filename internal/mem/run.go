// Runs: blocks above 8 KiB, each some whole pages, and Resize, which is mostly about them.
//
// The tag of a run's first page holds its length; the others have none. A run shrinks by giving back
// its last pages and grows into free pages behind it, opening more when it is the last of the heap,
// so that a long string under APPEND is seldom copied.

package mem

import "tarn/internal/invariant"

// allocRun is Alloc for what no class holds.
func (h *Heap) allocRun(size int, p Purpose) Ref {
	if size < 0 || uint64(size) > MaxReserve {
		return 0
	}
	n := runPages(size)
	if n > uint64(h.limit) {
		return 0
	}
	page := h.takePages(uint32(n))
	if page == noPage {
		return 0
	}
	h.tags[page] = uint32(n)<<tagShift | tagRun
	h.runCount++
	h.runPages += n
	bytes := (n - guardPages) << pageShift
	h.count(p, bytes)
	r := Ref(page) << unitsLog
	if invariant.Enabled {
		h.born(r, int(bytes), p)
	}
	return r
}

// freeRun gives back a run with the given tag, and returns its size.
func (h *Heap) freeRun(r Ref, tag uint32) uint64 {
	if tag&(1<<tagShift-1) != tagRun || r&(pageUnits-1) != 0 {
		panic("mem: Free of what is no block")
	}
	page, n := uint32(r>>unitsLog), tag>>tagShift
	h.tags[page] = 0
	h.runCount--
	h.runPages -= uint64(n)
	h.pages.soil(page, n)
	h.givePages(page, n)
	return uint64(n-guardPages) << pageShift
}

// Resize makes a block hold at least size bytes, in place where that is possible, and returns its ref,
// which is r when it did not move. The contents up to the smaller size are kept. It returns 0 when
// there is no memory; then the block is as it was.
func (h *Heap) Resize(r Ref, size int, p Purpose) Ref {
	if invariant.Enabled {
		h.checkOwned()
		h.checkLive(r)
		invariant.Check(h.guardIntact(r, h.blockSize(r)), "a block was not written past its end")
	}
	old := h.blockSize(r)
	if old == ClassSize(size) {
		return r
	}
	if old > maxSmall && uint(size) > maxSmall && h.resizeRun(r, old, size, p) {
		return r
	}
	moved := h.Alloc(size, p)
	if moved == 0 {
		return 0
	}
	n := min(old, size)
	copy(h.Bytes(moved, n), h.Bytes(r, n))
	h.Free(r, p)
	return moved
}

// resizeRun changes the length of a run where it stands, when that is possible.
func (h *Heap) resizeRun(r Ref, old, size int, p Purpose) bool {
	if uint64(size) > MaxReserve || runPages(size) > uint64(h.limit) {
		return false
	}
	page, have, want := uint32(r>>unitsLog), uint32(runPages(old)), uint32(runPages(size))
	if want > have && !h.takePagesAt(page+have, want-have) {
		return false
	}
	h.tags[page] = want<<tagShift | tagRun
	h.runPages += uint64(want) - uint64(have)
	h.discount(p, uint64(old))
	h.count(p, uint64(want-guardPages)<<pageShift)
	if want < have {
		h.pages.soil(page+want, have-want)
		h.givePages(page+want, have-want)
	}
	if invariant.Enabled {
		h.resized(r, int(want-guardPages)<<pageShift)
	}
	return true
}

// takePagesAt takes n pages from page on when they are free, opening them when need be.
func (h *Heap) takePagesAt(page, n uint32) bool {
	end := uint64(page) + uint64(n)
	if end > uint64(h.limit) {
		return false
	}
	here := min(end, uint64(h.opened)) - uint64(page)
	if !h.pages.allFree(page, uint32(here)) {
		return false
	}
	if end > uint64(h.opened) && !h.open(uint32(end)-h.opened) {
		return false
	}
	h.pages.take(page, n)
	return true
}
