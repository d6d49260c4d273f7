// Databases as wholes: flushing, swapping, and what moves between keys and databases.

package keyspace

import (
	"sync"

	"tarn/internal/mem"
)

// Flush empties database db, or all when db is -1, and returns how many keys went. Every shard is
// locked. With background set the memory is given back by FreeLazily, else before Flush returns,
// except where a running save still reads it.
func (tx *Tx) Flush(db int, background bool) (removed int64) {
	ks := tx.ks
	for n := range ks.databases {
		if db < 0 || n == db {
			tx.touchAll(n, n)
		}
	}
	for i := range ks.shards {
		sh := &ks.shards[i]
		for n := range sh.dbs {
			d := sh.dbs[n].Load()
			if d == nil || db >= 0 && n != db {
				continue
			}
			removed += int64(d.table.Len())
			sh.dbs[n].Store(nil)
			if d.unsaved || background {
				ks.lazy.add(sh, d)
			} else {
				for !sh.drain(d, 1<<20) {
				}
			}
		}
	}
	if removed > 0 {
		ks.flushed(db)
	}
	return removed
}

// Swap exchanges two databases. Every shard is locked.
func (tx *Tx) Swap(a, b int) {
	if a == b {
		return
	}
	tx.touchAll(a, b)
	tx.touchAll(b, a)
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		da, db := sh.dbs[a].Load(), sh.dbs[b].Load()
		sh.dbs[a].Store(db)
		sh.dbs[b].Store(da)
	}
}

// Len returns the number of keys in database db. All shards are locked.
func (tx *Tx) Len(db int) int {
	n := 0
	for i := range tx.ks.shards {
		n += tx.ks.shards[i].dbs[db].Load().len()
	}
	return n
}

// CopyTo makes to hold what k holds, with its deadline, instead of what it may have held; its clock
// is that of a new key. k exists, is another key, and both their shards are locked; to was looked
// up last. Errors: ErrOutOfMemory, and then nothing has changed.
func (k *Key) CopyTo(to *Key) error { return k.copyTo(to, k.tx.clock) }

func (k *Key) copyTo(to *Key, clock uint32) error {
	l := k.e.layout()
	p := parts{typ: k.e.typ(), encoding: k.e.encoding(), clock: clock, key: to.name, valueLen: l.valueLen, deadline: k.e.deadline(l)}
	if k.e.encoding() == encBig {
		return k.cloneTo(to, &p)
	}
	if k.e.hasBlock() {
		block, length := k.e.descriptor(l)
		return to.putBlock(&p, k.sh.heap.Bytes(block, length))
	}
	s, err := to.stage(&p)
	if err != nil {
		return err
	}
	copy(s.e.valueRaw(s.l), k.e.valueRaw(l))
	return to.commit(&s)
}

// MoveTo is CopyTo, but for the clock, which stays k's, and then deletes k. A large value is not
// copied.
func (k *Key) MoveTo(to *Key) error {
	switch {
	case k.sh == to.sh && k.hasBlocks():
		return k.moveWithin(to)
	case k.sh != to.sh && k.mayStray(to):
		return k.stray(to)
	}
	if err := k.copyTo(to, k.e.clock()); err != nil {
		return err
	}
	k.Delete()
	return nil
}

// hasBlocks tells whether the value of the existing key stands outside its entry.
func (k *Key) hasBlocks() bool { return k.e.hasBlock() || k.e.encoding() == encBig }

// moveWithin is MoveTo for a value that stands outside its entry, and a key of the same shard.
func (k *Key) moveWithin(to *Key) error {
	if k.e.encoding() == encBig {
		return k.moveBig(to)
	}
	k.beforeChange()
	l := k.e.layout()
	block, length := k.e.descriptor(l)
	p := parts{typ: k.e.typ(), encoding: k.e.encoding(), clock: k.e.clock(), key: to.name, deadline: k.e.deadline(l)}
	if err := to.adoptBlock(&p, block, length); err != nil {
		return err
	}
	k.forget()
	return nil
}

// forget removes the key, whose value has another owner by now.
func (k *Key) forget() {
	k.unlink(k.e.layout())
	k.sh.heap.Free(k.ref, mem.Keys)
	k.ref, k.e = 0, entry{}
}

// lazyfree holds the databases that have been flushed and still occupy memory.
type lazyfree struct {
	mu      sync.Mutex
	dropped []droppedDatabase
}

type droppedDatabase struct {
	sh *shard
	d  *database
}

func (l *lazyfree) add(sh *shard, d *database) {
	if d.table.Len() == 0 && d.table.Bytes() == 0 {
		return
	}
	l.mu.Lock()
	l.dropped = append(l.dropped, droppedDatabase{sh, d})
	l.mu.Unlock()
}

// freeSlice is how many entries are freed under one hold of a shard's lock.
const freeSlice = 128

// FreeLazily frees a slice of what was flushed in the background, and tells whether there is more
// that can be freed now.
func (tx *Tx) FreeLazily() (more bool) {
	lazy := &tx.ks.lazy
	lazy.mu.Lock()
	list := append([]droppedDatabase(nil), lazy.dropped...)
	lazy.mu.Unlock()
	for _, p := range list {
		p.sh.mu.Lock()
		if p.d.unsaved {
			p.sh.mu.Unlock()
			continue
		}
		held, doomed := p.d.table.Len(), p.sh.bigs.doomed.Load()
		done := p.sh.drain(p.d, freeSlice)
		// Values of many blocks are not freed by that, and count when they are.
		tx.LazyFreed.Add(int64(held-p.d.table.Len()) - int64(p.sh.bigs.doomed.Load()-doomed))
		p.sh.mu.Unlock()
		if !done {
			return true
		}
		lazy.remove(p.d)
		return true
	}
	return tx.freeBigs()
}

func (l *lazyfree) remove(d *database) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.dropped {
		if l.dropped[i].d == d {
			l.dropped = append(l.dropped[:i], l.dropped[i+1:]...)
			return
		}
	}
}

// LazyPending returns the number of values that wait to be freed in the background. All shards are
// locked.
func (tx *Tx) LazyPending() int64 {
	tx.ks.lazy.mu.Lock()
	defer tx.ks.lazy.mu.Unlock()
	var n int64
	for _, p := range tx.ks.lazy.dropped {
		n += int64(p.d.table.Len())
	}
	for i := range tx.ks.shards {
		n += int64(tx.ks.shards[i].bigs.doomed.Load())
	}
	return n
}

// drain frees up to n entries of a database nobody can reach any more; mu is held.
func (sh *shard) drain(d *database, n int) (done bool) {
	if d.deadlines.Len() > 0 && !d.deadlines.Drain(n) || d.fields != nil && d.fields.Len() > 0 && !d.fields.Drain(n) {
		return false
	}
	return d.table.Drain(n, func(r mem.Ref) {
		e := sh.keyer.entry(r)
		sh.free(e, r, e.layout())
	})
}
