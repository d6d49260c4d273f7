// Verify: every record of a heap against every other.
//
// It walks all open pages once and each span's free blocks once, so it is for tests and DEBUG VERIFY.

package mem

import (
	"fmt"

	"tarn/internal/invariant"
)

// checkup is what one Verify has counted.
type checkup struct {
	*Heap
	spanCount, spanPages, runCount, runPages, awayPages uint64
	bytes, blocks                                       uint64
}

// Verify says what is wrong with the heap's records, nil when nothing is.
func (h *Heap) Verify() error {
	c := &checkup{Heap: h}
	for _, check := range []func() error{c.walkPages, c.walkBins, c.checkMap, c.checkSums, c.checkLiveBlocks} {
		if err := check(); err != nil {
			return fmt.Errorf("mem: %w", err)
		}
	}
	return nil
}

// walkPages demands that each page is nobody's, or free, or in one span, or in one run.
func (c *checkup) walkPages() error {
	if uint64(c.opened)<<pageShift > c.data.open {
		return fmt.Errorf("%d pages counted as open, %d bytes are", c.opened, c.data.open)
	}
	for page := uint32(1); page < c.opened; {
		n, err := c.thingAt(page)
		if err != nil {
			return fmt.Errorf("page %d: %w", page, err)
		}
		page += n
	}
	return nil
}

// thingAt checks what begins at a page and returns its length in pages.
func (c *checkup) thingAt(page uint32) (uint32, error) {
	tag := c.tags[page]
	if c.pages.isFree(page) {
		if tag != 0 {
			return 0, fmt.Errorf("free, with tag %#x", tag)
		}
		return 1, nil
	}
	n := tag >> tagShift
	switch low := tag & (1<<tagShift - 1); {
	case low-1 < classes:
		if n == 0 || n >= c.spanTop || c.spans[n].page != page || uint32(c.spans[n].class)+1 != low {
			return 0, fmt.Errorf("tag %#x does not name the span that starts here", tag)
		}
		return c.span(n)
	case low != tagRun && low != tagAway || low == tagRun && n <= guardPages || n == 0 || uint64(page)+uint64(n) > uint64(c.opened):
		return 0, fmt.Errorf("in use, with tag %#x", tag)
	}
	for i := page + 1; i < page+n; i++ {
		if c.tags[i] != 0 || c.pages.isFree(i) {
			return 0, fmt.Errorf("run of %d pages: page %d has tag %#x, or is free", n, i, c.tags[i])
		}
	}
	if tag&(1<<tagShift-1) == tagAway {
		c.awayPages += uint64(n)
		return n, nil
	}
	c.runCount++
	c.runPages += uint64(n)
	c.blocks++
	c.bytes += uint64(n-guardPages) << pageShift
	return n, nil
}

// span checks one span and its free blocks.
func (c *checkup) span(id uint32) (uint32, error) {
	s := &c.spans[id]
	k := &classTable[s.class]
	pages := uint32(k.pages)
	for i := s.page; i < s.page+pages; i++ {
		if c.tags[i] != c.tags[s.page] || c.pages.isFree(i) {
			return 0, fmt.Errorf("span %d: page %d has tag %#x, or is free", id, i, c.tags[i])
		}
	}
	first := Ref(s.page)<<unitsLog + firstBlock
	if s.limit != first+Ref(k.blocks)*k.stride || s.bump < first || s.bump > s.limit || (s.bump-first)%k.stride != 0 {
		return 0, fmt.Errorf("span %d: bump %#x, limit %#x, first block %#x", id, s.bump, s.limit, first)
	}
	out := uint16((s.bump - first) / k.stride)
	freed := uint16(0)
	for r := s.free; r != 0; r = *c.link(r) {
		if freed++; r < first || r >= s.bump || (r-first)%k.stride != 0 || freed > out {
			return 0, fmt.Errorf("span %d: free block %#x, the %d-th, is outside, or between blocks, or in a circle", id, r, freed)
		}
	}
	if s.used+freed != out {
		return 0, fmt.Errorf("span %d: %d live and %d freed, of %d handed out", id, s.used, freed, out)
	}
	if err := c.place(id); err != nil {
		return 0, err
	}
	c.spanCount++
	c.spanPages += uint64(pages)
	c.blocks += uint64(s.used)
	c.bytes += uint64(s.used) * uint64(k.size)
	return pages, nil
}

// place demands that Free finds out when the span must move.
func (c *checkup) place(id uint32) error {
	s := &c.spans[id]
	blocks := uint32(classTable[s.class].blocks)
	ok := false
	switch current := c.current[s.class] == s; {
	case current:
		ok = s.bin == binNone && s.low == 0
	case s.bin == binNone:
		ok = uint32(s.used) == blocks && uint32(s.low) == blocks
	case s.bin == binMark:
		ok = s.low == 1 && s.used > 0
	default:
		bin := uint32(s.bin)
		// Between refills a span only gets emptier, and moves when it leaves its eighth.
		ok = uint32(s.used) >= uint32(s.low) && uint32(s.low) == max((bin*blocks+bins-1)/bins, 1) && uint32(s.used)*bins/blocks == bin
	}
	if !ok {
		return fmt.Errorf("span %d: %d of %d blocks live, in bin %d, moves below %d", id, s.used, blocks, s.bin, s.low)
	}
	return nil
}

// walkBins demands that lists hold the spans that say so.
func (c *checkup) walkBins() error {
	listed, marked := uint64(0), 0
	for class := range c.partial {
		p := &c.partial[class]
		for bin, head := range p.head {
			if (head != 0) != (p.filled>>bin&1 == 1) {
				return fmt.Errorf("class %d: bin %d starts with %d, filled is %b", class, bin, head, p.filled)
			}
			prev := uint32(0)
			for id := head; id != 0; id = c.spans[id].next {
				s := &c.spans[id]
				if listed++; int(s.bin) != bin || int(s.class) != class || s.prev != prev || listed > c.Heap.spanCount {
					return fmt.Errorf("class %d: bin %d lists span %d, of class %d and bin %d", class, bin, id, s.class, s.bin)
				}
				if bin == binMark {
					marked++
				}
				prev = id
			}
		}
	}
	if marked != c.marked {
		return fmt.Errorf("%d spans marked, %d counted", marked, c.marked)
	}
	return nil
}

// checkMap demands that the summaries and the count of held pages say what the bits say.
func (c *checkup) checkMap() error {
	m := &c.pages
	held := uint64(0)
	for page := range c.opened {
		if m.isHeld(page) {
			held++
		}
	}
	if held != m.held {
		return fmt.Errorf("%d pages held, %d counted", held, m.held)
	}
	for chunk := range (c.opened + chunkPages - 1) >> chunkShift {
		if have, want := m.level[0][chunk], m.summarize(chunk); have != want {
			return fmt.Errorf("chunk %d: summary %v, want %v", chunk, have, want)
		}
	}
	for k := 1; k < m.depth; k++ {
		for i := range uint32(len(m.level[k])) {
			if have, want := m.level[k][i], m.combine(k, i); have != want {
				return fmt.Errorf("level %d, node %d: summary %v, want %v", k, i, have, want)
			}
		}
	}
	return nil
}

// checkSums compares the counters with what was walked.
func (c *checkup) checkSums() error {
	st := c.Stats()
	wantBytes, wantBlocks := st.Used, st.Blocks
	if invariant.Enabled {
		wantBytes += c.watch.waiting
		wantBlocks += c.watch.waitingBlocks()
	}
	for _, sum := range []struct {
		what       string
		have, want uint64
	}{
		{"spans", c.spanCount, c.Heap.spanCount},
		{"span pages", c.spanPages, c.Heap.spanPages},
		{"runs", c.runCount, c.Heap.runCount},
		{"run pages", c.runPages, c.Heap.runPages},
		{"detached pages", c.awayPages, c.Heap.awayPages},
		{"bytes", c.bytes, wantBytes},
		{"blocks", c.blocks, wantBlocks},
	} {
		if sum.have != sum.want {
			return fmt.Errorf("%s: %d found, %d counted", sum.what, sum.have, sum.want)
		}
	}
	return nil
}

// checkLiveBlocks checks, in invariants builds, every block's guard, and what the watcher counts.
func (c *checkup) checkLiveBlocks() error {
	if !invariant.Enabled {
		return nil
	}
	var sum [Purposes]Tally
	for r, b := range c.watch.live {
		if size := c.blockSize(r); size != b.size || !c.guardIntact(r, size) {
			return fmt.Errorf("block %#x of %d bytes, now %d, of %s: its guard was written to, or its size is wrong", r, b.size, size, b.purpose)
		}
		sum[b.purpose].Bytes += uint64(b.size)
		sum[b.purpose].Blocks++
	}
	if sum != c.Stats().ByPurpose {
		return fmt.Errorf("live blocks %v, tallies %v", sum, c.Stats().ByPurpose)
	}
	return nil
}
