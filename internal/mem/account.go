// Accounts: who holds how many bytes.
//
// Every block is counted under the purpose it was allocated for, at its whole size, so that sums are
// exact and used_memory is not an estimate. The counters are written by the owner with plain stores
// and read by any thread with atomic loads: a word is never torn, and a locked instruction for each
// Alloc and Free would cost a third of either. They stand outside Go's heap.

package mem

import "sync/atomic"

// Purpose says what a block is for.
type Purpose uint8

const (
	Keys      Purpose = iota // entries of a keyspace: the key, its head, short values
	Values                   // blocks of values that do not stand in their entry
	Index                    // table buckets and directories
	Deadlines                // nodes of deadline trees
	Nodes                    // nodes of collections
	Snapshot                 // what is set aside for a snapshot
	Buffers                  // bytes on their way
	Scratch                  // anything short-lived
	Purposes  = 8            // how many there are
)

var purposeNames = [Purposes]string{"keys", "values", "index", "deadlines", "nodes", "snapshot", "buffers", "scratch"}

// String returns the purpose's name, in lower case.
func (p Purpose) String() string {
	if p < Purposes {
		return purposeNames[p]
	}
	return "unknown"
}

// Tally is what is held for one purpose.
type Tally struct {
	Bytes  uint64 // whole blocks: what Size says of each
	Blocks uint64
}

// Stats is what a heap holds. All but the counts are bytes.
type Stats struct {
	Used      uint64          // sum of the sizes of all blocks
	Blocks    uint64          // number of blocks
	ByPurpose [Purposes]Tally // sums up to Used and Blocks
	Spans     uint64          // in spans: blocks of up to 8 KiB, and the room between and beside them
	SpanCount uint64
	Runs      uint64 // in page runs: blocks above 8 KiB
	RunCount  uint64
	Held      uint64 // free, and perhaps still resident: what Release can give back
	Opened    uint64 // address space made usable; the rest of it beyond Spans, Runs and Held costs nothing
	Reserved  uint64 // address space
	Metadata  uint64 // upper bound of the memory that the heap's own records take
}

// Used returns the sum of the sizes of all blocks. Any thread may call it, without the lock.
func (h *Heap) Used() uint64 {
	sum := uint64(0)
	for i := range h.tally {
		sum += atomic.LoadUint64(&h.tally[i].Bytes)
	}
	return sum
}

// UsedFor returns the bytes and blocks held for one purpose. Any thread may call it, without the lock.
func (h *Heap) UsedFor(p Purpose) Tally {
	t := &h.tally[p%Purposes]
	return Tally{Bytes: atomic.LoadUint64(&t.Bytes), Blocks: atomic.LoadUint64(&t.Blocks)}
}

// Stats returns the heap's figures, exact while the caller holds the owner's lock.
func (h *Heap) Stats() Stats {
	st := Stats{
		Spans:     h.spanPages << pageShift,
		SpanCount: h.spanCount,
		Runs:      h.runPages << pageShift,
		RunCount:  h.runCount,
		Held:      (h.pages.held + h.awayPages) << pageShift,
		Opened:    h.data.open,
		Reserved:  uint64(len(h.data.bytes)),
		Metadata:  h.metadataBytes(),
	}
	for p := range st.ByPurpose {
		t := h.UsedFor(Purpose(p))
		st.ByPurpose[p] = t
		st.Used += t.Bytes
		st.Blocks += t.Blocks
	}
	return st
}

func (h *Heap) count(p Purpose, size uint64) {
	t := &h.tally[p%Purposes]
	t.Bytes += size
	t.Blocks++
}

func (h *Heap) discount(p Purpose, size uint64) {
	t := &h.tally[p%Purposes]
	t.Bytes -= size
	t.Blocks--
}
