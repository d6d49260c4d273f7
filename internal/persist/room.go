// Room: a save does not begin that the disk has no place for.
//
// A save that fills the disk fails, and until it does, everything else that writes there fails too,
// the append-only log first. How large a file will be is told from the last one, in proportion to the
// memory then and now; of the first one nobody knows.

package persist

import (
	"fmt"
	"math"
)

// sizeMemo is how large the latest file of a kind was, and how much memory was used then; zero: there
// was none. Guarded by Store.mu.
type sizeMemo struct{ bytes, used int64 }

// noteSize takes note of a file that has been written or loaded.
func (p *Store) noteSize(m *sizeMemo, bytes int64) {
	used := p.o.UsedMemory()
	p.mu.Lock()
	defer p.mu.Unlock()
	*m = sizeMemo{bytes, used}
}

// roomFor tells whether there is room in a folder for the next file of a kind. What cannot be told
// speaks for it. Errors: there is not.
func (p *Store) roomFor(m *sizeMemo, dir string) error {
	used := p.o.UsedMemory()
	p.mu.Lock()
	last := *m
	p.mu.Unlock()
	if last.bytes == 0 || last.used <= 0 {
		return nil
	}
	need := int64(math.Min(float64(last.bytes)*(float64(used)/float64(last.used)), 1<<62))
	free, err := p.o.Files.Free(dir)
	if err != nil || free >= need {
		return nil
	}
	return fmt.Errorf("not enough room on the disk: about %d MB are needed in %s, %d MB are free", need>>20+1, dir, free>>20)
}
