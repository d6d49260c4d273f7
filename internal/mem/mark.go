// Marks: which spans are worth emptying.
//
// Defragmentation needs no back-pointers: sparse spans are marked, the owner walks its blocks, moves
// each whose span is marked, and an emptied span gives its pages back. A marked span gives out no
// blocks, so what is moved lands in the fuller ones.

package mem

// MarkSparse marks, class by class, the emptiest spans whose blocks fit into the room of the other
// partly used ones, and returns the number of bytes that moving them would free.
func (h *Heap) MarkSparse() int {
	won := 0
	for c := range uint8(classes) {
		won += h.markClass(c)
	}
	return won
}

func (h *Heap) markClass(c uint8) (won int) {
	p, k := &h.partial[c], &classTable[c]
	room := 0
	for b := range bins {
		for id := p.head[b]; id != 0; id = h.spans[id].next {
			room += int(k.blocks - h.spans[id].used)
		}
	}
	for b := range bins {
		for id := p.head[b]; id != 0; {
			s := &h.spans[id]
			next := s.next
			if room -= int(k.blocks); room < 0 { // its own room goes, and its blocks take some
				return won
			}
			h.unlink(id)
			s.low = 1
			h.enlist(id, binMark)
			h.marked++
			won += int(k.pages) << pageShift
			id = next
		}
	}
	return won
}

// Marked says whether a block should move: allocate, copy, free.
func (h *Heap) Marked(r Ref) bool {
	tag := h.tags[r>>unitsLog]
	return tag&(1<<tagShift-1)-1 < classes && h.spans[tag>>tagShift].bin == binMark
}

// MarkedSpans returns the number of marked spans that still hold blocks.
func (h *Heap) MarkedSpans() int { return h.marked }

// Unmark ends a defragmentation: spans still marked give out blocks again.
func (h *Heap) Unmark() {
	for c := range h.partial {
		for id := h.partial[c].head[binMark]; id != 0; id = h.partial[c].head[binMark] {
			h.unlink(id)
			h.file(id)
		}
	}
	h.marked = 0
}
