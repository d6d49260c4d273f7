// Scan: reading many keys, in slices (SCAN) or at one instant (KEYS, DEBUG DIGEST).

package keyspace

import (
	"math/bits"

	"tarn/internal/mem"
)

// Scan calls f with the keys of one virtual bucket of database db and returns the next cursor, 0
// at the end. A key that is there during the whole iteration is seen at least once, whatever the
// tables do meanwhile. All shards are locked. Keys past their deadline are left out.
func (tx *Tx) Scan(db int, cursor uint64, f func(*Key)) (next uint64) {
	ks := tx.ks
	width := bits.Len64(ks.mask)
	i := int(cursor & ks.mask)
	sh := &ks.shards[i]
	from, inner := cursor>>width, uint64(0)
	if d := sh.dbs[db].Load(); d != nil && d.table.Len() > 0 {
		inner = d.table.Scan(from, func(r mem.Ref) {
			if sh.guests == 0 || ks.home(sh.keyer.Hash(r)) == sh {
				tx.show(sh, d, db, r, f)
			}
		})
	}
	inner = tx.scanStrays(sh, db, from, inner, f)
	if inner != 0 {
		return inner<<width | uint64(i)
	}
	if i+1 == len(ks.shards) {
		return 0
	}
	return uint64(i + 1)
}

// Each calls f with every key of database db that has not expired. All shards are locked.
func (tx *Tx) Each(db int, f func(*Key)) {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		d := sh.dbs[db].Load()
		if d.len() == 0 {
			continue
		}
		for b := range d.table.Buckets() {
			d.table.Walk(b, func(_ slot, r mem.Ref) { tx.show(sh, d, db, r, f) })
		}
	}
}

// show calls f with entry r unless it has expired. f must not change the key.
func (tx *Tx) show(sh *shard, d *database, db int, r mem.Ref, f func(*Key)) {
	e := sh.keyer.entry(r)
	l := e.layout()
	if l.deadline != 0 && e.deadline(l) <= tx.now && !tx.ks.keepExpired() {
		return
	}
	k := Key{tx: tx, sh: sh, d: d, db: db, name: e.keyBytes(l), ref: r, e: e}
	f(&k)
}

// maxRandomTries bounds how many expired keys RandomKey deletes before it searches in order.
const maxRandomTries = 100

// RandomKey returns the name of a key of database db, chosen by chance, or nil when there is none.
// Keys past their deadline that it comes upon are deleted. The name is borrowed. All shards are
// locked.
func (tx *Tx) RandomKey(db int) []byte {
	for range maxRandomTries {
		total := tx.Len(db)
		if total == 0 {
			return nil
		}
		k := tx.keyAt(db, int(tx.random()%uint64(total)))
		if !k.Stale() || tx.ks.keepExpired() {
			return k.name
		}
		k.name = append([]byte(nil), k.name...) // it lies in what is deleted
		k.hash = tx.ks.hash.sum(k.name)
		k.expire()
	}
	return tx.firstFrom(db, int(tx.random()&tx.ks.mask))
}

// keyAt returns a random key of the shard that the entry numbered at, of the whole database, is in:
// so every shard has the chance that its size gives it.
func (tx *Tx) keyAt(db, at int) Key {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		d := sh.dbs[db].Load()
		if n := d.len(); at >= n {
			at -= n
			continue
		}
		r := d.table.Random(tx.chance)
		e := sh.keyer.entry(r)
		return Key{tx: tx, sh: sh, d: d, db: db, name: e.keyBytes(e.layout()), ref: r, e: e}
	}
	panic("keyspace: an entry beyond the last")
}

// firstFrom returns the name of the first key of database db that has not expired, from a shard on,
// or nil. It may walk the whole database: nearly all of its keys have expired.
func (tx *Tx) firstFrom(db, shard int) (name []byte) {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[(shard+i)&int(tx.ks.mask)]
		d := sh.dbs[db].Load()
		if d.len() == 0 {
			continue
		}
		for b := 0; b < d.table.Buckets() && name == nil; b++ {
			d.table.Walk(b, func(_ slot, r mem.Ref) {
				tx.show(sh, d, db, r, func(k *Key) { name = k.name })
			})
		}
		if name != nil {
			return name
		}
	}
	return nil
}
