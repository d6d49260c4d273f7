// Shows that the page map finds the lowest place for a run, and that its summaries and its count of held
// pages follow every change, against a slice of booleans scanned from the start.

package mem

import (
	"math/rand/v2"
	"testing"

	"tarn/test/chance"
)

// plainPages is the model: a page is free, dirty, both or neither.
type plainPages struct{ free, dirty []bool }

func (p *plainPages) find(n uint32) uint32 {
	run := uint32(0)
	for i, free := range p.free {
		if !free {
			run = 0
		} else if run++; run == n {
			return uint32(i) + 1 - n
		}
	}
	return noPage
}

func (p *plainPages) lastHeld(end, limit uint32) (page, n uint32) {
	for page = end; page > 0; page-- {
		if p.free[page-1] && p.dirty[page-1] {
			break
		}
	}
	if page == 0 {
		return 0, 0
	}
	for n < limit && page > 0 && p.free[page-1] && p.dirty[page-1] {
		page--
		n++
	}
	return page, n
}

func (p *plainPages) held() (n uint64) {
	for i := range p.free {
		if p.free[i] && p.dirty[i] {
			n++
		}
	}
	return n
}

func fill(b []bool, page, n uint32, v bool) {
	for i := page; i < page+n; i++ {
		b[i] = v
	}
}

func newTestMap(pages uint32) *pageMap {
	m := &pageMap{free: make([]uint64, pages/64), dirty: make([]uint64, pages/64)}
	m.init(uint64(pages), make([]summary, summaryNodes(uint64(pages))))
	return m
}

func TestPageMapAgainstModel(t *testing.T) {
	for round := range 30 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		pages := uint32(chunkPages) * (1 + r.Uint32N(1<<(round%8)))
		m := newTestMap(pages)
		p := &plainPages{make([]bool, pages), make([]bool, pages)}
		most := 1 + r.Uint32N(1<<(1+r.IntN(11)))
		m.give(0, pages)
		fill(p.free, 0, pages, true)
		type run struct{ page, n uint32 }
		var used []run
		for step := range 600 {
			n := 1 + r.Uint32N(most)
			page, want := m.find(n), p.find(n)
			if page != want {
				t.Fatalf("seed %d, step %d: find(%d) = %d, want %d", seed, step, n, page, want)
			}
			if page != noPage && r.IntN(100) < 60 {
				m.take(page, n)
				fill(p.free, page, n, false)
				used = append(used, run{page, n})
			} else if len(used) > 0 {
				i := r.IntN(len(used))
				u := used[i]
				used[i] = used[len(used)-1]
				used = used[:len(used)-1]
				if r.IntN(2) == 0 {
					m.soil(u.page, u.n)
					fill(p.dirty, u.page, u.n, true)
				}
				m.give(u.page, u.n)
				fill(p.free, u.page, u.n, true)
			}
			end, limit := r.Uint32N(pages+1), 1+r.Uint32N(200)
			page, cnt := m.lastHeld(end, limit)
			wantPage, wantCnt := p.lastHeld(end, limit)
			if cnt != wantCnt || cnt > 0 && page != wantPage {
				t.Fatalf("seed %d, step %d: lastHeld(%d, %d) = %d, %d; want %d, %d", seed, step, end, limit, page, cnt, wantPage, wantCnt)
			}
			if cnt > 0 && r.IntN(2) == 0 {
				m.clean(page, cnt)
				fill(p.dirty, page, cnt, false)
			}
			if have, want := m.held, p.held(); have != want {
				t.Fatalf("seed %d, step %d: held %d, want %d", seed, step, have, want)
			}
		}
		checkTree(t, seed, m)
	}
}

// checkTree demands that every summary says what lies below it.
func checkTree(t *testing.T, seed uint64, m *pageMap) {
	t.Helper()
	for c := range m.level[0] {
		if have, want := m.level[0][c], m.summarize(uint32(c)); have != want {
			t.Fatalf("seed %d: chunk %d: %v, want %v", seed, c, have, want)
		}
	}
	for k := 1; k < m.depth; k++ {
		for i := range m.level[k] {
			if have, want := m.level[k][i], m.combine(k, uint32(i)); have != want {
				t.Fatalf("seed %d: level %d, node %d: %v, want %v", seed, k, i, have, want)
			}
		}
	}
}

// TestPageMapWhole fills and empties the largest map there is by one run, and finds it across all levels.
func TestPageMapWhole(t *testing.T) {
	pages := uint32(MaxReserve >> pageShift)
	m := newTestMap(pages)
	if m.depth > maxLevels || len(m.level[m.depth-1]) != 1 {
		t.Fatalf("%d levels, the last of %d nodes; want at most %d, and 1", m.depth, len(m.level[m.depth-1]), maxLevels)
	}
	m.give(0, pages)
	if got := m.find(pages); got != 0 {
		t.Errorf("find(%d) in an empty map = %d, want 0", pages, got)
	}
	m.take(pages/2-1, 1)
	if got := m.find(pages / 2); got != pages/2 {
		t.Errorf("find(%d) beside one used page = %d, want %d", pages/2, got, pages/2)
	}
	if got := m.find(pages/2 + 1); got != noPage {
		t.Errorf("find(%d) beside one used page = %d, want none", pages/2+1, got)
	}
}

func TestFirstRun(t *testing.T) {
	for range 20000 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		w := r.Uint64() | r.Uint64()
		if r.IntN(2) == 0 {
			w |= r.Uint64()
		}
		longest := 0
		for n := 1; n <= 64; n++ {
			want := 64
			for i := 64 - n; i >= 0; i-- {
				if mask := ^uint64(0) >> (64 - n) << i; w&mask == mask {
					want = i
				}
			}
			if want < 64 {
				longest = n
			}
			if got := firstRun(w, n); got != want {
				t.Fatalf("firstRun(%#x, %d) = %d, want %d", w, n, got, want)
			}
		}
		if got := longestRun(w); got != longest {
			t.Fatalf("longestRun(%#x) = %d, want %d", w, got, longest)
		}
	}
}
