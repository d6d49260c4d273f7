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

// trimBytes is how much idle memory is given back at once, per shard.
const trimBytes = 4 << 20

// Trim gives memory that the heaps hold idle back to the system, a slice of each shard's, and tells
// whether there was any. The kernel's part of the work is done without the shard's lock.
func (ks *Keyspace) Trim() (some bool) {
	for i := range ks.shards {
		sh := &ks.shards[i]
		sh.mu.Lock()
		idle := sh.heap.Detach(trimBytes)
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
