// Reserve: room for keys that are known to come.

package keyspace

// Reserve gives database db, where it is empty, the index that so many keys will need, so that
// loading them splits no buckets. Until EndReserve the room is kept although it is not used yet.
// No shard is locked.
func (tx *Tx) Reserve(db, keys int) {
	perShard := keys / len(tx.ks.shards)
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		sh.mu.Lock()
		d := sh.openDatabase(db)
		d.reserved = true
		d.table.HoldShrink(true)
		d.table.Reserve(perShard)
		sh.mu.Unlock()
	}
}

// EndReserve ends Reserve for every database: room that was not needed goes as the table is used,
// and by Tidy.
func (tx *Tx) EndReserve() {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		sh.mu.Lock()
		for db := range sh.dbs {
			if d := sh.dbs[db].Load(); d != nil {
				d.reserved = false
				d.table.HoldShrink(sh.walks(d))
				sh.untidy.Store(true)
			}
		}
		sh.mu.Unlock()
	}
}
