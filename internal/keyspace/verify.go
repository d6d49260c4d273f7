// Verify: whether the keyspace is sound, told by reading all of it.
//
// It is for tests and DEBUG VERIFY. Every heap, table and tree checks itself; here they are checked
// against each other: each entry is well laid out, in the shard and table of its key, there once,
// and in the deadline tree exactly when it has a deadline; and the heap holds nothing that none of
// them accounts for.

package keyspace

import (
	"fmt"
	"math"

	"tarn/internal/mem"
)

// Verify says what is wrong with the keyspace, nil when nothing is. It locks all shards.
func (ks *Keyspace) Verify() error {
	tx := Tx{ks: ks}
	tx.LockAll()
	defer tx.Unlock()
	return tx.Verify()
}

// Verify says what is wrong with the keyspace, nil when nothing is. All shards are locked.
func (tx *Tx) Verify() error {
	for i := range tx.ks.shards {
		if err := tx.ks.verifyShard(i); err != nil {
			return fmt.Errorf("keyspace: shard %d: %w", i, err)
		}
	}
	return nil
}

// shardCheck is what has been counted of a shard.
type shardCheck struct {
	ks           *Keyspace
	sh           *shard
	index        uint64
	keys, values mem.Tally // that entries account for
	soonest      int64
}

func (ks *Keyspace) verifyShard(i int) error {
	c := &shardCheck{ks: ks, sh: &ks.shards[i], index: uint64(i), soonest: never}
	if err := c.sh.heap.Verify(); err != nil {
		return err
	}
	for db := range c.sh.dbs {
		if d := c.sh.dbs[db].Load(); d != nil {
			if err := c.database(d); err != nil {
				return fmt.Errorf("database %d: %w", db, err)
			}
		}
	}
	if bound := c.sh.soonest.Load(); bound > c.soonest {
		return fmt.Errorf("the soonest deadline is %d, said to be at least %d", c.soonest, bound)
	}
	if err := c.dropped(); err != nil {
		return fmt.Errorf("a flushed database: %w", err)
	}
	if st := c.sh.snap; st != nil && st.orphaned {
		c.values.Blocks++
		c.values.Bytes += uint64(c.sh.heap.Size(st.pinned))
	}
	for db, names := range c.sh.watch {
		for name, watchers := range names {
			if len(watchers) == 0 {
				return fmt.Errorf("database %d: nobody watches %q", db, name)
			}
		}
	}
	for p, want := range map[mem.Purpose]mem.Tally{mem.Keys: c.keys, mem.Values: c.values} {
		if have := c.sh.heap.UsedFor(p); have != want {
			return fmt.Errorf("%s: found %d blocks of %d bytes, the heap has %d of %d", p, want.Blocks, want.Bytes, have.Blocks, have.Bytes)
		}
	}
	return nil
}

// dropped checks what waits to be freed in the background. Its deadlines go first.
func (c *shardCheck) dropped() error {
	lazy := &c.ks.lazy
	lazy.mu.Lock()
	defer lazy.mu.Unlock()
	for _, p := range lazy.dropped {
		if p.sh == c.sh {
			if _, err := c.tables(p.d); err != nil {
				return err
			}
		}
	}
	return nil
}

// database checks a database that is in use.
func (c *shardCheck) database(d *database) error {
	if d.unsaved && c.sh.snap == nil {
		return fmt.Errorf("awaits a save that is not there")
	}
	mortal, err := c.tables(d)
	if err != nil {
		return err
	}
	if mortal != d.deadlines.Len() {
		return fmt.Errorf("%d keys have a deadline, the tree has %d", mortal, d.deadlines.Len())
	}
	d.deadlines.Ascend(math.MinInt64, func(deadline int64, ref mem.Ref) bool {
		c.soonest = min(c.soonest, deadline)
		e := c.sh.keyer.entry(ref)
		if own := e.deadline(e.layout()); own != deadline {
			err = fmt.Errorf("entry %d ends at %d, at %d in the tree", ref, own, deadline)
		}
		return err == nil
	})
	return err
}

// tables checks a database's table, tree and entries, and returns how many of these have a deadline.
func (c *shardCheck) tables(d *database) (mortal int, err error) {
	if err := d.table.Verify(); err != nil {
		return 0, err
	}
	if err := d.deadlines.Verify(); err != nil {
		return 0, err
	}
	for b := range d.table.Buckets() {
		d.table.Walk(b, func(_ slot, ref mem.Ref) {
			if err == nil {
				err = c.entry(d, ref)
			}
			if c.sh.keyer.entry(ref).hasDeadline() {
				mortal++
			}
		})
	}
	return mortal, err
}

// entry checks one entry and takes it into the sums.
func (c *shardCheck) entry(d *database, ref mem.Ref) error {
	e := c.sh.keyer.entry(ref)
	l := e.layout()
	size := c.sh.heap.Size(ref)
	if l.size() > size || mem.ClassSize(l.size()) != mem.ClassSize(size) {
		return fmt.Errorf("entry %d is %d bytes long, in a block of %d", ref, l.size(), size)
	}
	c.keys.Blocks++
	c.keys.Bytes += uint64(size)
	if *e.flags()&^(flagDeadline|(epochs-1)<<epochShift) != 0 {
		return fmt.Errorf("entry %d has flags %#x", ref, *e.flags())
	}
	if want := entrySize(l.keyLen, l.valueLen, e.hasDeadline()); want != l.size() {
		return fmt.Errorf("entry %d is %d bytes long, its parts %d", ref, l.size(), want)
	}
	key := e.keyBytes(l)
	hash := c.ks.hash.sum(key)
	if hash&c.ks.mask != c.index {
		return fmt.Errorf("key %q belongs to shard %d", key, hash&c.ks.mask)
	}
	if at := d.table.Find(hash, key); !at.Found() || d.table.Ref(at) != ref {
		return fmt.Errorf("key %q is there twice", key)
	}
	if err := c.value(e, l); err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	return nil
}

// value checks the value of an entry, and takes the block it may have into the sums.
func (c *shardCheck) value(e entry, l layout) error {
	if e.typ() != String {
		return fmt.Errorf("type %d", e.typ())
	}
	switch e.encoding() {
	case encBytes, encRaw:
		return nil
	case encInt:
		if l.valueLen != 4 && l.valueLen != 8 {
			return fmt.Errorf("an integer of %d bytes", l.valueLen)
		}
		return nil
	case encBlock:
	default:
		return fmt.Errorf("encoding %d", e.encoding())
	}
	if l.valueLen != descriptorSize {
		return fmt.Errorf("a descriptor of %d bytes", l.valueLen)
	}
	block, length := e.descriptor(l)
	if block == 0 || length < 0 {
		return fmt.Errorf("a value of %d bytes in block %d", length, block)
	}
	size := c.sh.heap.Size(block)
	if length > size {
		return fmt.Errorf("a value of %d bytes in a block of %d", length, size)
	}
	c.values.Blocks++
	c.values.Bytes += uint64(size)
	return nil
}
