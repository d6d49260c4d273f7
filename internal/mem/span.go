// Spans: blocks of one class, a few pages together.
//
// A span hands out its blocks in order of address first, so that its pages are touched as they are
// used, and then those freed, which are linked through their first word. Each class has a current
// span. When it is full the fullest partly used span follows, so that sparse ones may empty; only
// when there is none is a new one made. Partly used spans stand in bins by eighths of fullness,
// newest first. An empty span gives its pages back at once, unless it is current.
//
// What must hold: a span is current, or in one bin, or full, or marked. Blocks never used, freed and
// live add up. low is the count of live blocks below which Free must move the span.

package mem

import "math/bits"

const (
	bins    = 8
	binMark = bins     // the list of marked spans
	binNone = bins + 1 // full or current
)

// span is the record of one span. Its number is its index in Heap.spans.
type span struct {
	free       Ref    // first of the freed blocks
	bump       Ref    // the next block that was never used
	limit      Ref    // where blocks end
	page       uint32 // where it starts
	prev, next uint32 // span numbers in its bin, 0: none
	used       uint16 // blocks live
	low        uint16
	class      uint8
	bin        uint8
}

// partialSpans are the partly used spans of a class.
type partialSpans struct {
	filled uint16           // bit b: bin b is not empty
	head   [bins + 1]uint32 // bins, and the marked spans
}

// refill replaces a full current span by one with room. When no memory is to be had the class has
// none, and the result is false.
func (h *Heap) refill(c uint8) bool {
	if old := h.current[c]; old != h.none {
		old.low = classTable[c].blocks // so that the next Free puts it into a bin
		h.current[c] = h.none
	}
	id := uint32(0)
	if filled := h.partial[c].filled & (1<<bins - 1); filled != 0 {
		id = h.partial[c].head[bits.Len16(filled)-1]
		h.unlink(id)
	} else if id = h.newSpan(c); id == 0 {
		return false
	}
	s := &h.spans[id]
	s.low = 0
	h.current[c] = s
	return true
}

// newSpan makes an empty span, and returns 0 when there is no memory for it.
func (h *Heap) newSpan(c uint8) uint32 {
	k := &classTable[c]
	page := h.takePages(uint32(k.pages))
	if page == noPage {
		return 0
	}
	id := h.spareSpan
	if id != 0 {
		h.spareSpan = h.spans[id].next
	} else {
		id = h.spanTop
		h.spanTop++
	}
	start := Ref(page) << unitsLog
	h.spans[id] = span{
		bump:  start + firstBlock,
		limit: start + firstBlock + Ref(k.blocks)*k.stride,
		page:  page,
		class: c,
		bin:   binNone,
	}
	for i := range uint32(k.pages) {
		h.tags[page+i] = id<<tagShift | uint32(c+1)
	}
	h.spanCount++
	h.spanPages += uint64(k.pages)
	return id
}

// thin moves a span that is not current and has lost a block to the bin that it now belongs to, or
// gives it back when it is empty.
func (h *Heap) thin(id uint32) {
	s := &h.spans[id]
	if s.bin == binMark {
		h.marked--
	}
	if s.bin != binNone {
		h.unlink(id)
	}
	if s.used == 0 {
		h.dropSpan(id)
		return
	}
	h.file(id)
}

// file puts a partly used span into its bin.
func (h *Heap) file(id uint32) {
	s := &h.spans[id]
	blocks := uint32(classTable[s.class].blocks)
	bin := uint32(s.used) * bins / blocks
	s.low = uint16(max((bin*blocks+bins-1)/bins, 1))
	h.enlist(id, uint8(bin))
}

// dropSpan gives the pages of an empty span back.
func (h *Heap) dropSpan(id uint32) {
	s := &h.spans[id]
	k := &classTable[s.class]
	for i := range uint32(k.pages) {
		h.tags[s.page+i] = 0
	}
	touched := (s.bump - Ref(s.page)<<unitsLog + pageUnits - 1) >> unitsLog
	h.pages.soil(s.page, min(uint32(touched), uint32(k.pages)))
	h.spanCount--
	h.spanPages -= uint64(k.pages)
	page := s.page
	*s = span{next: h.spareSpan}
	h.spareSpan = id
	h.givePages(page, uint32(k.pages))
}

func (h *Heap) enlist(id uint32, bin uint8) {
	s, p := &h.spans[id], &h.partial[h.spans[id].class]
	s.bin, s.prev, s.next = bin, 0, p.head[bin]
	if s.next != 0 {
		h.spans[s.next].prev = id
	}
	p.head[bin] = id
	p.filled |= 1 << bin
}

func (h *Heap) unlink(id uint32) {
	s, p := &h.spans[id], &h.partial[h.spans[id].class]
	if s.prev != 0 {
		h.spans[s.prev].next = s.next
	} else if p.head[s.bin] = s.next; s.next == 0 {
		p.filled &^= 1 << s.bin
	}
	if s.next != 0 {
		h.spans[s.next].prev = s.prev
	}
	s.bin, s.prev, s.next = binNone, 0, 0
}
