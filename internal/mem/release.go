// Release: giving free pages back to the kernel.
//
// Freed pages are kept a while, since they are likely to be used again and a fault costs more than
// any Alloc. When more are held than a thirty-second of what is in use plus a little, each return of
// pages to the map gives up to 512 KiB back, until half of that allowance is left: nobody stalls for
// long with a lock held, not even whoever frees 512 MiB. The owner's cron gives back the rest, with
// the lock held (Release), or without it while the kernel works (Detach, Discard, Attach). Pages are
// looked for downwards, from where the last look ended: blocks settle at the low end.
//
// What must hold: detached pages are used in the page map, and their first has the tag tagAway.

package mem

import "tarn/internal/invariant"

const (
	heldSlack = 256 << 10 >> pageShift // pages held that are never too many
	batch     = 512 << 10 >> pageShift // pages given back at once by themselves: about 40 µs
)

// givePages makes used pages free, and gives some back to the kernel when too many are held.
func (h *Heap) givePages(page, n uint32) {
	h.pages.give(page, n)
	allowed := heldSlack + (h.spanPages+h.runPages)/32
	if h.pages.held > allowed {
		h.discardHeld(min(batch, h.pages.held-allowed/2))
	}
}

// Release gives up to max bytes of free memory back to the kernel, and returns how many. To be called
// now and then with the owner's lock, in small portions: 1 MiB takes about 80 µs.
func (h *Heap) Release(max int) int {
	if invariant.Enabled {
		h.checkOwned()
		h.emptyQuarantine()
	}
	h.dropEmpty()
	return int(h.discardHeld(uint64(max)>>pageShift)) << pageShift
}

// Idle is a run of free pages taken out of a heap, so that the kernel can have them back while the
// heap is in use.
type Idle struct {
	page, n uint32
	bytes   []byte // what the kernel can take
}

// Size returns the bytes that were detached, 0 when the heap holds nothing to give back.
func (i Idle) Size() int { return int(i.n) << pageShift }

// Detach takes up to max bytes of free memory, one run of pages, out of the heap. It must come back by
// Attach.
func (h *Heap) Detach(max int) Idle {
	if invariant.Enabled {
		h.checkOwned()
		h.emptyQuarantine()
	}
	h.dropEmpty()
	page, n := h.nextHeld(uint64(max) >> pageShift)
	if n == 0 {
		return Idle{}
	}
	h.pages.take(page, n)
	h.tags[page] = n<<tagShift | tagAway
	h.awayPages += uint64(n)
	return Idle{page, n, h.wholePages(page, n)}
}

// Discard gives the memory back to the kernel. It needs no lock. Errors: the OS's; the memory is then
// still held, which costs no more than that.
func (i Idle) Discard() error {
	if len(i.bytes) == 0 {
		return nil
	}
	return discard(i.bytes)
}

// Attach puts detached memory back; err is what Discard returned.
func (h *Heap) Attach(i Idle, err error) {
	if i.n == 0 {
		return
	}
	if invariant.Enabled {
		h.checkOwned()
	}
	h.tags[i.page] = 0
	h.awayPages -= uint64(i.n)
	h.pages.give(i.page, i.n)
	if err == nil {
		h.pages.clean(i.page, i.n)
	}
}

// dropEmpty gives the pages of empty current spans back to the map.
func (h *Heap) dropEmpty() {
	for c, s := range h.current {
		if s != h.none && s.used == 0 {
			h.current[c] = h.none
			h.dropSpan(h.tags[s.page] >> tagShift)
		}
	}
}

// discardHeld gives up to n pages back to the kernel, and returns how many.
func (h *Heap) discardHeld(n uint64) (done uint64) {
	for done < n {
		page, cnt := h.nextHeld(n - done)
		if cnt == 0 {
			break
		}
		if b := h.wholePages(page, cnt); len(b) != 0 && discard(b) != nil {
			break
		}
		h.pages.clean(page, cnt)
		done += uint64(cnt)
	}
	return done
}

// nextHeld finds the next run of up to most pages that may be given back, 0 pages when there is none.
func (h *Heap) nextHeld(most uint64) (page, n uint32) {
	if h.pages.held == 0 || most == 0 {
		return 0, 0
	}
	most = min(most, MaxReserve>>pageShift)
	if page, n = h.pages.lastHeld(h.sweep, uint32(most)); n == 0 {
		page, n = h.pages.lastHeld(h.opened, uint32(most))
	}
	h.sweep = page
	return page, n
}

// wholePages is the part of a run of our pages that is whole pages of the OS. Where those are larger, the
// ends stay resident, which costs less than keeping them on the books for ever.
func (h *Heap) wholePages(page, n uint32) []byte {
	size := uint64(h.osPageSize)
	first, last := roundUp(uint64(page)<<pageShift, size), uint64(page+n)<<pageShift&^(size-1)
	if first >= last {
		return nil
	}
	return h.data.bytes[first:last]
}
