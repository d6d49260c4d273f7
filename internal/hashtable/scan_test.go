// Shown here: SCAN's promise, under growth, shrinking and churn between any two calls; and that
// prefetching from another thread survives all of that.

package hashtable

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// TestScanWhole shows that a scan of a table at rest hands out each entry exactly once, at every
// number of buckets, and that ScanOrder and ScanPoint tell which.
func TestScanWhole(t *testing.T) {
	f := newFixture(t, 0, allBits)
	for i := range 1200 {
		f.toggle(i, keyOf(uint64(i)))
		seen, calls := map[mem.Ref]int{}, 0
		for cursor := uint64(0); ; {
			next := f.table.Scan(cursor, func(r mem.Ref) {
				seen[r]++
				if hash := f.keyer.Hash(r); i%50 == 0 && cursor != 0 && ScanOrder(hash) < ScanPoint(cursor) {
					f.fatal(i, "an entry of hash %#x is handed out from %d on, and said to be before", hash, cursor)
				}
			})
			if i%50 == 0 {
				f.table.Scan(cursor, func(r mem.Ref) {
					if hash := f.keyer.Hash(r); ScanOrder(hash) < ScanPoint(cursor) || next != 0 && ScanOrder(hash) >= ScanPoint(next) {
						f.fatal(i, "an entry of hash %#x is handed out from %d to %d, and said not to be", hash, cursor, next)
					}
				})
			}
			cursor = next
			calls++
			if cursor == 0 {
				break
			}
		}
		if calls != f.table.Buckets() || len(seen) != f.table.Len() {
			f.fatal(i, "%d calls for %d buckets, %d entries of %d", calls, f.table.Buckets(), len(seen), f.table.Len())
		}
		for r, times := range seen {
			if times != 1 {
				f.fatal(i, "entry %d handed out %d times", r, times)
			}
		}
	}
	f.empty()
}

// TestScanGuarantee changes the table between the calls of a scan: some rounds grow it many times
// over, some shrink it to almost nothing, some do both. Entries present throughout must all be
// handed out, and nothing that was never there.
func TestScanGuarantee(t *testing.T) {
	for range 80 {
		seed := chance.Seed(t)
		random := rand.New(rand.NewPCG(seed, 0))
		f := newFixture(t, seed, allBits)
		resident := random.IntN(300)
		start := resident + random.IntN(3000)
		for i := range start {
			f.toggle(i, keyOf(uint64(i)))
		}
		seen := map[string]bool{}
		space := uint64(start + random.IntN(8000) + 1)
		next, insertShare := uint64(start), random.IntN(11)
		calls := 0
		for cursor := uint64(0); ; {
			cursor = f.table.Scan(cursor, func(r mem.Ref) { seen[string(f.keyer.key(r))] = true })
			if cursor >= 1<<32 {
				f.fatal(calls, "cursor %#x", cursor)
			}
			if cursor == 0 {
				break
			}
			calls++
			if calls%40 == 0 {
				insertShare = random.IntN(11)
			}
			for range random.IntN(60) {
				if next < space && random.IntN(10) < insertShare {
					f.toggle(calls, keyOf(next))
					next++
				} else if i := uint64(resident) + random.Uint64N(space); f.model[string(keyOf(i))] != 0 {
					f.toggle(calls, keyOf(i))
				}
			}
		}
		for i := range resident {
			if !seen[string(keyOf(uint64(i)))] {
				f.fatal(calls, "%s was there throughout and was not handed out (%d buckets at the end)", keyOf(uint64(i)), f.table.Buckets())
			}
		}
		f.empty()
	}
}

// TestScanAnyCursor shows that no cursor, however wrong, faults or leaves the range.
func TestScanAnyCursor(t *testing.T) {
	f := newFixture(t, 0, allBits)
	for i := range 777 {
		f.toggle(i, keyOf(uint64(i)))
		for _, cursor := range []uint64{1, 0xffff_ffff, 0x8000_0000, allBits, rand.Uint64()} {
			if got := f.table.Scan(cursor, func(mem.Ref) {}); got >= 1<<32 {
				t.Fatalf("Scan(%#x) = %#x", cursor, got)
			}
		}
	}
	f.empty()
}

// TestPrefetchWhileChanging prefetches without a lock from another goroutine while the table grows
// from nothing to many segments and shrinks to nothing, several times. It passes if nothing faults
// and the table stays sound; under -race, also if there is no race on Go's own memory.
func TestPrefetchWhileChanging(t *testing.T) {
	f := newFixture(t, 0, allBits)
	var stop atomic.Bool
	var running, started sync.WaitGroup
	started.Add(1)
	running.Go(func() {
		random := rand.New(rand.NewPCG(3, 4))
		started.Done()
		for !stop.Load() {
			hash := random.Uint64()
			f.table.PrefetchBucket(hash)
			f.table.PrefetchEntry(hash)
		}
	})
	started.Wait()
	for round := range 3 {
		for i := range 2000 * (round + 1) {
			f.toggle(i, keyOf(uint64(i)))
		}
		f.sound(round)
		for i := range 2000 * (round + 1) {
			f.toggle(i, keyOf(uint64(i)))
		}
		f.sound(round)
	}
	stop.Store(true)
	running.Wait()
	f.empty()
}
