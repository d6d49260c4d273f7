// Watch: who must be told when a key changes (WATCH, and later client-side caching).
//
// Watchers stand with the shard of the key, by database number and name, so that they outlive the
// key, its deletion and SWAPDB.

package keyspace

// Watcher is told that a key it watches has changed. Touch is called with the shard's lock held.
type Watcher interface{ Touch() }

// Watch makes w be told of changes of a key, whose shard is locked. The caller watches a key once.
func (tx *Tx) Watch(db int, name []byte, w Watcher) {
	sh := tx.ks.home(tx.ks.hash.sum(name))
	if sh.watch[db] == nil {
		sh.watch[db] = make(map[string][]Watcher)
	}
	list := sh.watch[db][string(name)]
	if len(list) == 0 {
		sh.heeded++
	}
	sh.watch[db][string(name)] = append(list, w)
}

// Unwatch undoes Watch. The key's shard is locked.
func (tx *Tx) Unwatch(db int, name []byte, w Watcher) {
	sh := tx.ks.home(tx.ks.hash.sum(name))
	list := sh.watch[db][string(name)]
	if len(list) == 0 {
		return
	}
	for i := range list {
		if list[i] == w {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) > 0 {
		sh.watch[db][string(name)] = list
	} else {
		delete(sh.watch[db], string(name))
		sh.heeded--
	}
}

// Stale tells whether a key of the past deadline is still held: WATCH remembers it, since its later
// disappearance is no change.
func (k *Key) Stale() bool {
	return k.ref != 0 && k.e.hasDeadline() && k.e.deadline(k.e.layout()) <= k.tx.now
}

func (sh *shard) touchWatchers(db int, name []byte) {
	if len(sh.watch[db]) == 0 {
		return
	}
	for _, w := range sh.watch[db][string(name)] {
		w.Touch()
	}
}

// touchAll tells the watchers of database db's keys that exist, or would exist in other after a
// swap, that they are changing, and marks all its waited keys. All shards are locked.
func (tx *Tx) touchAll(db, other int) {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		for name, list := range sh.watch[db] {
			b := []byte(name)
			hash := tx.ks.hash.sum(b)
			at := tx.ks.shardOf(hash)
			if !at.dbs[db].Load().has(hash, b) && !at.dbs[other].Load().has(hash, b) {
				continue
			}
			for _, w := range list {
				w.Touch()
			}
		}
		for _, l := range sh.lines[db] {
			tx.mark(l)
		}
	}
}

func (d *database) has(hash uint64, name []byte) bool {
	return d != nil && d.table.Find(hash, name).Found()
}
