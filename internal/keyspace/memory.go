// Memory: what the keyspace takes, and giving back what it does not need.

package keyspace

import "tarn/internal/mem"

// UsedMemory returns the bytes of all blocks of all heaps. It takes no lock.
func (ks *Keyspace) UsedMemory() uint64 {
	var n uint64
	for i := range ks.shards {
		n += ks.shards[i].heap.Used()
	}
	return n
}

// DataMemory returns the bytes of the blocks that hold keys and values, without what finds them and
// what is spare. It takes no lock.
func (ks *Keyspace) DataMemory() uint64 {
	var n uint64
	for i := range ks.shards {
		for _, purpose := range []mem.Purpose{mem.Keys, mem.Values, mem.Nodes} {
			n += ks.shards[i].heap.UsedFor(purpose).Bytes
		}
	}
	return n
}

// Memory adds up the heaps' figures. All shards are locked.
func (tx *Tx) Memory() mem.Stats {
	var sum mem.Stats
	for i := range tx.ks.shards {
		s := tx.ks.shards[i].heap.Stats()
		sum.Used += s.Used
		sum.Blocks += s.Blocks
		for p := range s.ByPurpose {
			sum.ByPurpose[p].Bytes += s.ByPurpose[p].Bytes
			sum.ByPurpose[p].Blocks += s.ByPurpose[p].Blocks
		}
		sum.Spans += s.Spans
		sum.SpanCount += s.SpanCount
		sum.Runs += s.Runs
		sum.RunCount += s.RunCount
		sum.Held += s.Held
		sum.Opened += s.Opened
		sum.Reserved += s.Reserved
		sum.Metadata += s.Metadata
	}
	return sum
}

const (
	// trimBytes is how much idle memory is given back at once, per shard.
	trimBytes = 4 << 20

	// A heap keeps keepBytes and one keepShare-th of what it uses: a page that comes and goes is not
	// to cost two system calls each time. Freeing by itself leaves twice as much.
	keepBytes = 128 << 10
	keepShare = 64

	// tidySteps is how many buckets are merged under one hold of a shard's lock.
	tidySteps = 64
)

// Trim gives memory that is not needed back to the system, a slice of each shard's, and tells whether
// there was any: merges of buckets that a save held back, then pages that the heaps hold idle. The
// kernel's part of the work is done without the shard's lock.
func (ks *Keyspace) Trim() (some bool) {
	some = ks.Tidy()
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		st := sh.heap.Stats()
		keep := keepBytes + (st.Spans+st.Runs)/keepShare
		idle := sh.heap.Detach(int(min(trimBytes, st.Held-min(st.Held, keep))))
		sh.mu.Unlock()
		if idle.Size() == 0 {
			continue
		}
		some = true
		err := idle.Discard()
		sh.mu.Lock()
		sh.heap.Attach(idle, err)
		sh.mu.Unlock()
	}
	return some
}

// Tidy makes up for a slice of the merges that were held back while tables were walked, and tells
// whether there are more.
func (ks *Keyspace) Tidy() (more bool) {
	for i := range ks.shards {
		sh := &ks.shards[i]
		if !sh.untidy.Load() {
			continue
		}
		sh.mu.Lock()
		sh.untidy.Store(false)
		for db := range sh.dbs {
			if d := sh.dbs[db].Load(); d != nil && !d.table.Tidy(tidySteps) {
				sh.untidy.Store(true)
				more = true
			}
		}
		sh.mu.Unlock()
	}
	return more
}
