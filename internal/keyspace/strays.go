// Strays: keys that live in another shard than their hash names.
//
// RENAME may give a value a name that belongs to another shard, and so to another heap. A large value
// is not copied there, which would stop everybody who needs either shard for as long as that takes: it
// stays where it is, and so does its key. The shard that the new name's hash names, the key's home,
// has a note of where the key is. Whoever locks a key locks its home, and with a note, the shard that
// is noted too.
//
// What must hold: a note changes only while the home and the shards it named before and names then are
// locked. A hash has one shard for all databases. A note stands while some database holds a key of it, and
// until the locks under which the last of them went are released: Keys found under them stay valid, but a
// heap remembered beyond them may be another one's by then. Who watches a key or waits for it stands
// with its home, and Scan shows it there.

package keyspace

import (
	"slices"

	"tarn/internal/hashtable"
	"tarn/internal/mem"
)

const (
	// strayBig is the size in bytes from which a value of many blocks is not copied: that takes some
	// 250 µs, one element after the other.
	strayBig = 16 << 10
	// strayBlock is the same for a value in one block.
	strayBlock = 256 << 10
	// strayAlways is the size from which a value is not copied even if its shard is crowded, as it is when many
	// are built under one name in turn; but it is when a quarter of what the heap can ever hold is in use.
	strayAlways = 256 << 10
	// crowdBytes is how many bytes a shard may hold beyond twice its share without being crowded.
	crowdBytes = 16 << 20

	// strayStep is how many strays one step of Scan shows.
	strayStep = 64
)

// strays are a shard's notes.
type strays struct {
	at    map[uint64]*shard // by hash
	order []uint64          // the hashes, as Scan shows them
}

// noted returns where a note says that the keys of a hash are, or nil. The notes may be nil.
func (s *strays) noted(hash uint64) *shard {
	if s == nil {
		return nil
	}
	return s.at[hash]
}

// from returns the place in order of the first hash that Scan shows at a point or later.
func (s *strays) from(point uint32) int {
	i, _ := slices.BinarySearchFunc(s.order, point, func(hash uint64, point uint32) int {
		if hashtable.ScanOrder(hash) < point {
			return -1
		}
		return 1
	})
	return i
}

// home returns the shard that a hash names.
func (ks *Keyspace) home(hash uint64) *shard { return &ks.shards[hash&ks.mask] }

// shardOf returns the shard in which the keys of a hash are. Its home is locked.
func (ks *Keyspace) shardOf(hash uint64) *shard {
	home := ks.home(hash)
	if sh := home.strays.noted(hash); sh != nil {
		return sh
	}
	return home
}

// lockStray locks, if there is a note of a hash, the noted shard as well as the home, which is locked.
func (tx *Tx) lockStray(hash uint64) {
	home := tx.one
	sh := home.strays.noted(hash)
	if sh == nil {
		return
	}
	home.mu.Unlock() // the other may come first
	tx.one = nil
	tx.many[sh.number/64] |= 1 << (sh.number % 64)
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
	var size, from uint64
	switch {
	case k.e.encoding() == encBig:
		size, from = k.sh.bigs.at(k.e.bigHandle()).big.Bytes(), strayBig
	case k.e.hasBlock():
		_, length := k.e.descriptor(k.e.layout())
		size, from = uint64(length), strayBlock
	default:
		return false
	}
	if size < from && !k.tx.ks.strayAll || k.isCrowded(to, size) {
		return false
	}
	for db := range to.sh.dbs {
		if db != to.db && to.sh.dbs[db].Load().hasHash(to.hash) {
			return false // it would have to come along
		}
	}
	return true
}

// isCrowded tells whether the key's shard should get rid of a value of a size that may go to to's.
func (k *Key) isCrowded(to *Key, size uint64) bool {
	ks, used := k.tx.ks, k.sh.heap.Used()
	share := ks.UsedMemory() / uint64(len(ks.shards))
	return size < strayAlways && used > 2*share+crowdBytes || used > k.sh.heap.Capacity()/4 && used > to.sh.heap.Used()
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
		home.noteStray(to.hash, k.sh)
	}
	*to = there
	return nil
}

// left says that the key is gone from where it was, maybe the last of its hash.
func (k *Key) left() {
	if k.sh != k.tx.ks.home(k.hash) {
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
	if at := sh.strays.noted(hash); at != nil && !at.hasHash(hash) {
		sh.forgetStray(hash)
	}
}

// noteStray notes that the keys of a hash are in another shard.
func (sh *shard) noteStray(hash uint64, at *shard) {
	if sh.strays == nil {
		sh.strays = &strays{at: make(map[uint64]*shard)}
	}
	s := sh.strays
	s.at[hash] = at
	s.order = slices.Insert(s.order, s.from(hashtable.ScanOrder(hash)), hash)
	at.guests++
}

// forgetStray removes a note, if there is one.
func (sh *shard) forgetStray(hash uint64) {
	s := sh.strays
	at := s.noted(hash)
	if at == nil {
		return
	}
	at.guests--
	if delete(s.at, hash); len(s.at) == 0 {
		sh.strays = nil
		return
	}
	i := s.from(hashtable.ScanOrder(hash))
	for s.order[i] != hash { // of those at the same point
		i++
	}
	s.order = slices.Delete(s.order, i, i+1)
}

// hasHash tells whether some database has a key of a hash in the shard.
func (sh *shard) hasHash(hash uint64) bool {
	for db := range sh.dbs {
		if sh.dbs[db].Load().hasHash(hash) {
			return true
		}
	}
	return false
}

func (d *database) hasHash(hash uint64) bool { return d.findHash(hash) != 0 }

// findHash returns the entry of a key of a hash, or 0.
func (d *database) findHash(hash uint64) mem.Ref {
	if d == nil {
		return 0
	}
	return d.table.FindHash(hash)
}

// scanStrays shows the keys of database db that Scan would come upon in the shard, from one cursor to the next, were
// they at home. It returns the next one, nearer where there are too many for one step. So a key that is there all the time
// is shown, wherever it is when.
func (tx *Tx) scanStrays(sh *shard, db int, cursor, next uint64, f func(*Key)) uint64 {
	s := sh.strays
	if s == nil {
		return next
	}
	first, end := s.from(hashtable.ScanPoint(cursor)), len(s.order)
	if next != 0 {
		end = s.from(hashtable.ScanPoint(next))
	}
	if end-first > strayStep {
		if point := hashtable.ScanOrder(s.order[first+strayStep]); point > hashtable.ScanPoint(cursor) {
			end, next = s.from(point), hashtable.CursorAt(point)
		}
	}
	for _, hash := range s.order[first:max(first, end)] {
		at := s.at[hash]
		d := at.dbs[db].Load()
		if r := d.findHash(hash); r != 0 {
			tx.show(at, d, db, r, f)
		}
	}
	return next
}

// flushed removes the notes of keys that went with a database, or with all when db is -1. All shards are
// locked.
func (ks *Keyspace) flushed(db int) {
	for i := range ks.shards {
		sh := &ks.shards[i]
		if db < 0 {
			sh.strays, sh.guests = nil, 0
		}
		if sh.strays == nil {
			continue
		}
		for _, hash := range slices.Clone(sh.strays.order) {
			sh.checkStray(hash)
		}
	}
}

// awayKey is a key that the sweep has come upon away from home.
type awayKey struct {
	db   int
	name []byte
	hash uint64
}

// isAway tells whether a key that the sweep has come upon in a shard has its home elsewhere, and then keeps it for
// sweepAway. The name is copied.
func (tx *Tx) isAway(sh *shard, db int, name []byte, hash uint64) bool {
	if tx.ks.home(hash) == sh {
		return false
	}
	tx.away = awayKey{db, append(tx.away.name[:0], name...), hash}
	return true
}

// sweepAway deletes the key kept by isAway if its deadline has passed, or those of its fields of which it has. No
// shard is locked.
func (tx *Tx) sweepAway() {
	a := &tx.away
	tx.LockHash(a.hash)
	k := tx.KeyHashed(a.db, a.name, a.hash, Peek) // which deletes it
	if k.Exists() && tx.fieldsAreDue(&k) {
		tx.ExpiredFields.Add(int64(tx.ks.fieldsDue(&k, fieldSlice)))
	}
	tx.Unlock()
}
