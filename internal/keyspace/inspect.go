// Inspect: what DEBUG shows of keys and tables.

package keyspace

import "fmt"

// Address returns where the existing key's entry stands. It stays while the value is changed in
// place, and changes when the entry is rewritten.
func (k *Key) Address() uint64 { return uint64(uintptr(k.e.p)) }

// Clock returns the existing key's clock as it is kept: of LRU seconds, 24 bits of Unix time; of
// LFU minutes, 16 bits, and 8 bits of counter.
func (k *Key) Clock() uint32 { return k.e.clock() }

// AppendTableStats describes the tables of database db in text: those of its keys, and the trees of
// its deadlines. With full set, by shard. All shards are locked.
func (tx *Tx) AppendTableStats(b []byte, db int, full bool) []byte {
	var sum tableStats
	sum.shards = len(tx.ks.shards)
	var parts []byte
	for i := range tx.ks.shards {
		var one tableStats
		if d := tx.ks.shards[i].dbs[db].Load(); d != nil {
			one = tableStats{
				keys: d.table.Len(), buckets: d.table.Buckets(), bytes: d.table.Bytes(),
				deadlines: d.deadlines.Len(), deadlineBytes: d.deadlines.Bytes(),
			}
		}
		one.strays = tx.ks.shards[i].guests // of all databases
		sum.add(&one)
		if full {
			parts = fmt.Appendf(parts, "shard %d: %d strays, %d keys in %d buckets, %d bytes; %d deadlines, %d bytes\n",
				i, one.strays, one.keys, one.buckets, one.bytes, one.deadlines, one.deadlineBytes)
		}
	}
	b = fmt.Appendf(b, "[Dictionary HT]\n shards: %d\n strays: %d\n keys: %d\n buckets: %d\n keys per bucket: %.2f\n bytes: %d\n",
		sum.shards, sum.strays, sum.keys, sum.buckets, float64(sum.keys)/float64(max(sum.buckets, 1)), sum.bytes)
	b = fmt.Appendf(b, "[Expires HT]\n keys: %d\n bytes: %d\n", sum.deadlines, sum.deadlineBytes)
	return append(b, parts...)
}

type tableStats struct {
	shards, strays, keys, buckets, deadlines int
	bytes, deadlineBytes                     uint64
}

func (s *tableStats) add(o *tableStats) {
	s.strays += o.strays
	s.keys += o.keys
	s.buckets += o.buckets
	s.bytes += o.bytes
	s.deadlines += o.deadlines
	s.deadlineBytes += o.deadlineBytes
}
