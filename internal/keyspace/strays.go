// Strays: keys that live in another shard than their hash names.
//
// RENAME may give a value a name that belongs to another shard, and so to another heap. A large value
// is not copied there, which would stop everybody who needs either shard for as long as that takes: it
// stays where it is, and so does its key. The shard that the new name's hash names, the key's home,
// has a note of where the key is. Whoever locks a key locks its home, and with a note, the shard that
// is noted too.
//
// What must hold: a note changes only while the home and the shards it named before and names then are
// locked. A hash has one shard for all databases. A note stands while some database holds its key, and
// until the locks under which the last of them went are released: Keys found under them stay valid.
// Who watches a key or waits for it stands with its home, and Scan shows it there.

package keyspace

import "tarn/internal/invariant"

const (
	// strayBig is the size in bytes from which a value of many blocks is not copied: that takes some
	// 250 µs, one element after the other.
	strayBig = 16 << 10
	// strayBlock is the same for a value in one block.
	strayBlock = 256 << 10
)

// note says where the keys of a hash are that are not at home.
type note struct {
	sh   *shard
	name string
}

// home returns the shard that a hash names.
func (ks *Keyspace) home(hash uint64) *shard { return &ks.shards[hash&ks.mask] }

// shardOf returns the shard in which the keys of a hash are. Its home is locked.
func (ks *Keyspace) shardOf(hash uint64) *shard {
	sh := ks.home(hash)
	if sh.strays != nil {
		if n, ok := sh.strays[hash]; ok {
			return n.sh
		}
	}
	return sh
}

// isHome tells whether the key is where its hash says.
func (k *Key) isHome() bool { return k.sh == k.tx.ks.home(k.hash) }

// lockStray locks, of a key of which only the home is locked, the shard where it is.
func (tx *Tx) lockStray(hash uint64) {
	home := tx.one
	if home.strays[hash].sh == nil {
		return
	}
	home.mu.Unlock() // the other may come first
	tx.one = nil
	tx.Want(hash)
	tx.LockWanted()
}

// wantStrays adds the shards where wanted keys are to those wanted, and tells whether there were any that
// are not locked yet. Their homes are locked.
func (tx *Tx) wantStrays() (found bool) {
	var missing [MaxShards / 64]uint64
	for _, hash := range tx.wanted {
		i := tx.ks.shardOf(hash).number
		if bit := uint64(1) << (i % 64); tx.many[i/64]&bit == 0 {
			missing[i/64] |= bit
			found = true
		}
	}
	if found {
		tx.eachWanted(func(sh *shard) { sh.mu.Unlock() })
		for w := range missing {
			tx.many[w] |= missing[w]
		}
	}
	return found
}

// mayStray tells whether to, a key of another shard, can take over the existing key's value without a
// copy, and whether that is better.
func (k *Key) mayStray(to *Key) bool {
	size, from := uint64(0), k.tx.ks.strayFrom
	switch {
	case k.e.encoding() == encBig:
		size = k.sh.bigs.at(k.e.bigHandle()).big.Bytes()
		from = min(from, strayBig)
	case k.e.hasBlock():
		_, length := k.e.descriptor(k.e.layout())
		size = uint64(length)
		from = min(from, strayBlock)
	}
	if size == 0 || size < from {
		return false
	}
	for db := range to.sh.dbs {
		if db != to.db && to.sh.dbs[db].Load().has(to.hash, to.name) {
			return false // it would have to come along
		}
	}
	return true
}

// stray is MoveTo for a value that stays in its shard under a name of another.
func (k *Key) stray(to *Key) error {
	there := Key{tx: k.tx, sh: k.sh, d: k.sh.dbs[to.db].Load(), db: to.db, name: to.name, hash: to.hash}
	if err := k.moveWithin(&there); err != nil {
		return err
	}
	if to.hidden != 0 {
		to.dropHidden()
	}
	to.Delete()
	home := k.tx.ks.home(to.hash)
	home.forgetStray(to.hash)
	if home != k.sh {
		if home.strays == nil {
			home.strays = make(map[uint64]note)
		}
		home.strays[to.hash] = note{k.sh, string(to.name)}
		k.sh.guests++
	}
	*to = there
	return nil
}

// left says that the key is gone from where it was, maybe the last of its hash.
func (k *Key) left() {
	if !k.isHome() {
		k.tx.left = append(k.tx.left, k.hash)
	}
}

// forgetStrays removes the notes of keys that are gone. Their shards are still locked.
func (tx *Tx) forgetStrays() {
	for _, hash := range tx.left {
		tx.ks.home(hash).checkStray(hash)
	}
	tx.left = tx.left[:0]
	if cap(tx.left) > maxWanted {
		tx.left = nil
	}
}

// checkStray removes a note, if there is one, when no database holds a key of it.
func (sh *shard) checkStray(hash uint64) {
	n, ok := sh.strays[hash]
	if !ok {
		return
	}
	if !n.sh.hasAny(hash, []byte(n.name)) {
		sh.forgetStray(hash)
	}
}

// hasAny tells whether some database has a key in the shard.
func (sh *shard) hasAny(hash uint64, name []byte) bool {
	for db := range sh.dbs {
		if sh.dbs[db].Load().has(hash, name) {
			return true
		}
	}
	return false
}

func (sh *shard) forgetStray(hash uint64) {
	n, ok := sh.strays[hash]
	if !ok {
		return
	}
	n.sh.guests--
	if delete(sh.strays, hash); len(sh.strays) == 0 {
		sh.strays = nil
	}
}

// strayHome locks the home of a key that was found in sh, which is locked, without waiting. ok: it is locked
// now, and to be unlocked by done, or is sh itself.
func (tx *Tx) strayHome(sh *shard, hash uint64) (done func(), ok bool) {
	home := tx.ks.home(hash)
	if home == sh {
		return func() {}, true
	}
	if !home.mu.TryLock() {
		return nil, false
	}
	if invariant.Enabled {
		invariant.Check(tx.ks.shardOf(hash) == sh, "a key is where its home says")
	}
	return func() {
		tx.forgetStrays()
		home.mu.Unlock()
	}, true
}
