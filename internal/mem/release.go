// Release: giving free pages back to the kernel.
//
// Freed pages are kept a while, since they are likely to be used again and a fault costs more than
// any Alloc. When more are held than a thirty-second of what is in use plus a little, each return of
// pages to the map gives up to 1 MiB back, until half of that allowance is left: nobody stalls for
// long with a lock held, not even whoever frees 512 MiB. The owner's cron calls Release for the rest.
// Pages are looked for downwards, from where the last look ended: blocks settle at the low end.

package mem

import "tarn/internal/invariant"

const (
	heldSlack = 256 << 10 >> pageShift // pages held that are never too many
	batch     = 1 << 20 >> pageShift   // pages given back at once by themselves
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
// now and then with the owner's lock, in small portions: 1 MiB takes about 50 µs.
func (h *Heap) Release(max int) int {
	if invariant.Enabled {
		h.checkOwned()
		h.emptyQuarantine()
	}
	h.dropEmpty()
	return int(h.discardHeld(uint64(max)>>pageShift)) << pageShift
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
	wrapped := false
	for done < n && h.pages.held > 0 {
		page, cnt := h.pages.lastHeld(h.sweep, uint32(n-done))
		if cnt == 0 {
			if wrapped {
				break
			}
			wrapped, h.sweep = true, h.opened
			continue
		}
		h.sweep = page
		if !h.discardPages(page, cnt) {
			break
		}
		done += uint64(cnt)
	}
	return done
}

// discardPages gives free pages back. Where the OS's pages are larger than ours, the parts at the ends
// stay resident, which costs less than keeping them on the books for ever.
func (h *Heap) discardPages(page, n uint32) bool {
	size := uint64(h.osPageSize)
	first, last := roundUp(uint64(page)<<pageShift, size), uint64(page+n)<<pageShift&^(size-1)
	if first < last {
		if err := discard(h.data.bytes[first:last]); err != nil {
			return false
		}
	}
	h.pages.clean(page, n)
	return true
}
