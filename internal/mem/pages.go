// The page map: which pages of a heap are free, and where a run of free pages is.
//
// A bit a page says free; over the bits stands a tree of summaries, eight to a node. A summary
// holds the length of the run of free pages at the start of its part, of the longest, and of the
// one at the end, so that the lowest place where n pages fit is found in one walk from the root.
// Runs need no list and no merging: they are what the bits say. Lowest first keeps the high
// addresses empty. A second bit says that the page may be resident, and counts while it is free.
//
// What must hold: a summary equals what its bits say; held is the number of pages with both bits.

package mem

import "math/bits"

const (
	chunkShift = 9 // pages in a chunk, the part of a lowest summary: 512, 2 MiB
	chunkPages = 1 << chunkShift
	fanShift   = 3
	fan        = 1 << fanShift
	maxLevels  = 6 // 512 · 8⁵ pages are 64 GiB
	noPage     = ^uint32(0)
)

// summary describes the runs of free pages in one part of the heap.
type summary struct {
	start, most, end uint32 // pages
}

type pageMap struct {
	free  []uint64 // bit a page
	dirty []uint64 // bit a page: it may be resident. Of pages in use it says what held before
	held  uint64   // pages both free and dirty
	depth int      // levels in use; the last has one node, the root
	level [maxLevels][]summary
}

// summaryNodes is the number of nodes that the tree over a number of pages has.
func summaryNodes(pages uint64) (nodes uint64) {
	n := (pages + chunkPages - 1) >> chunkShift
	for ; n > 1; n = (n + fan - 1) >> fanShift {
		nodes += n
	}
	return nodes + 1
}

// init lays the tree over nodes, which are zero, the root first so that a small heap touches few of
// their pages.
func (m *pageMap) init(pages uint64, nodes []summary) {
	var counts [maxLevels]uint64
	n := (pages + chunkPages - 1) >> chunkShift
	for m.depth = 1; ; m.depth++ {
		counts[m.depth-1] = n
		if n <= 1 {
			break
		}
		n = (n + fan - 1) >> fanShift
	}
	for k := m.depth - 1; k >= 0; k-- {
		m.level[k], nodes = nodes[:counts[k]:counts[k]], nodes[counts[k]:]
	}
}

// find returns the lowest page from which n pages are free, noPage when there is none.
func (m *pageMap) find(n uint32) uint32 {
	if m.level[m.depth-1][0].most < n {
		return noPage
	}
	node := 0
	for k := m.depth - 2; k >= 0; k-- {
		kids := m.level[k]
		part := uint32(chunkPages) << (k * fanShift)
		run := uint32(0)
		for i := node << fanShift; ; i++ {
			s := &kids[i] // in range: the parent says that the run is here
			if run+s.start >= n {
				return uint32(i)*part - run
			}
			if s.most >= n {
				node = i
				break
			}
			if s.start == part {
				run += part
			} else {
				run = s.end
			}
		}
	}
	return m.findInChunk(uint32(node), n)
}

func (m *pageMap) findInChunk(chunk, n uint32) uint32 {
	run := uint32(0)
	first := chunk << (chunkShift - 6)
	for i, w := range m.free[first : first+chunkPages/64] {
		at := chunk<<chunkShift + uint32(i)<<6
		if run+uint32(bits.TrailingZeros64(^w)) >= n {
			return at - run
		}
		if w == ^uint64(0) {
			run += 64
			continue
		}
		if n < 64 {
			if bit := firstRun(w, int(n)); bit < 64 {
				return at + uint32(bit)
			}
		}
		run = uint32(bits.LeadingZeros64(^w))
	}
	panic("mem: the page map's summary promises a run that its bits lack")
}

// take makes n free pages used, and says how many of them may be resident.
func (m *pageMap) take(page, n uint32) {
	forWords(page, n, func(i uint32, mask uint64) {
		m.held -= uint64(bits.OnesCount64(m.dirty[i] & mask))
		m.free[i] &^= mask
	})
	m.update(page, n)
}

// give makes n used pages free.
func (m *pageMap) give(page, n uint32) {
	forWords(page, n, func(i uint32, mask uint64) {
		m.held += uint64(bits.OnesCount64(m.dirty[i] & mask))
		m.free[i] |= mask
	})
	m.update(page, n)
}

// soil says that n used pages may be resident.
func (m *pageMap) soil(page, n uint32) {
	forWords(page, n, func(i uint32, mask uint64) { m.dirty[i] |= mask })
}

// clean says that n free pages are not resident.
func (m *pageMap) clean(page, n uint32) {
	forWords(page, n, func(i uint32, mask uint64) {
		m.held -= uint64(bits.OnesCount64(m.dirty[i] & mask))
		m.dirty[i] &^= mask
	})
}

// allFree says whether n pages are all free.
func (m *pageMap) allFree(page, n uint32) bool {
	all := true
	forWords(page, n, func(i uint32, mask uint64) {
		all = all && m.free[i]&mask == mask
	})
	return all
}

// lastHeld finds the last run of free pages that may be resident, ending at or before page end. Its
// length is at most limit pages, 0 when there is none.
func (m *pageMap) lastHeld(end, limit uint32) (page, n uint32) {
	for i := int((end + 63) >> 6); i > 0; i-- {
		w := m.free[i-1] & m.dirty[i-1]
		if top := uint32(i) << 6; top > end {
			w &= ^uint64(0) >> (top - end)
		}
		if w == 0 {
			continue
		}
		page = uint32(i-1)<<6 + uint32(bits.Len64(w))
		for n < limit && page > 0 && m.isHeld(page-1) {
			page--
			n++
		}
		return page, n
	}
	return 0, 0
}

func (m *pageMap) isFree(page uint32) bool {
	return m.free[page>>6]>>(page&63)&1 == 1
}

func (m *pageMap) isHeld(page uint32) bool {
	return m.free[page>>6]&m.dirty[page>>6]>>(page&63)&1 == 1
}

// update makes the summaries over n pages agree with their bits.
func (m *pageMap) update(page, n uint32) {
	first, last := page>>chunkShift, (page+n-1)>>chunkShift
	changed := false
	for c := first; c <= last; c++ {
		s := m.summarize(c)
		changed = changed || s != m.level[0][c]
		m.level[0][c] = s
	}
	for k := 1; k < m.depth && changed; k++ {
		first, last = first>>fanShift, last>>fanShift
		changed = false
		for i := first; i <= last; i++ {
			s := m.combine(k, i)
			changed = changed || s != m.level[k][i]
			m.level[k][i] = s
		}
	}
}

// summarize reads the bits of a chunk.
func (m *pageMap) summarize(chunk uint32) (s summary) {
	first := chunk << (chunkShift - 6)
	run, whole := uint32(0), true
	for _, w := range m.free[first : first+chunkPages/64] {
		if w == ^uint64(0) {
			run += 64
			continue
		}
		run += uint32(bits.TrailingZeros64(^w))
		if whole {
			s.start, whole = run, false
		}
		s.most = max(s.most, run)
		if uint32(bits.OnesCount64(w)) > s.most {
			s.most = max(s.most, uint32(longestRun(w)))
		}
		run = uint32(bits.LeadingZeros64(^w))
	}
	if whole {
		s.start = run
	}
	s.most = max(s.most, run)
	s.end = run
	return s
}

// combine reads the summaries under node i of level k.
func (m *pageMap) combine(k int, i uint32) (s summary) {
	part := uint32(chunkPages) << ((k - 1) * fanShift)
	kids := m.level[k-1]
	run, whole := uint32(0), true
	for j := i << fanShift; j < (i+1)<<fanShift; j++ {
		var kid summary // past the heap's end nothing is free
		if int(j) < len(kids) {
			kid = kids[j]
		}
		if kid.start == part {
			run += part
			continue
		}
		run += kid.start
		if whole {
			s.start, whole = run, false
		}
		s.most = max(s.most, run, kid.most)
		run = kid.end
	}
	if whole {
		s.start = run
	}
	s.most = max(s.most, run)
	s.end = run
	return s
}

// forWords calls do for each word of a bitmap that holds some of n pages, with their bits.
func forWords(page, n uint32, do func(word uint32, mask uint64)) {
	for n > 0 {
		at := page & 63
		cnt := min(64-at, n)
		do(page>>6, ^uint64(0)>>(64-cnt)<<at)
		page += cnt
		n -= cnt
	}
}
