// Verify: whether the keyspace is sound, told by reading all of it.
//
// It is for tests and DEBUG VERIFY. Every heap, table and tree checks itself; here they are checked
// against each other: each entry is well laid out, in the shard and table of its key, there once,
// and in the deadline tree exactly when it has a deadline; each block has one owner, and the heap
// holds nothing that none of them accounts for. Epochs must tell what the running save has passed.
// It takes 4 bytes a block for one shard at a time.

package keyspace

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tarn/internal/hashtable"
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
	tx.forgetStrays()
	for i := range tx.ks.shards {
		if err := tx.ks.verifyShard(i); err != nil {
			return fmt.Errorf("keyspace: shard %d: %w", i, err)
		}
	}
	guests := make([]int, len(tx.ks.shards))
	for i := range tx.ks.shards {
		if err := tx.ks.verifyStrays(&tx.ks.shards[i], guests); err != nil {
			return fmt.Errorf("keyspace: shard %d: %w", i, err)
		}
	}
	for i := range guests {
		if got := tx.ks.shards[i].guests; got != guests[i] {
			return fmt.Errorf("keyspace: shard %d: %d strays of others are here, the shard counts %d", i, guests[i], got)
		}
	}
	return nil
}

// verifyStrays checks that what a shard notes of keys elsewhere is true, and counts where they are.
func (ks *Keyspace) verifyStrays(sh *shard, guests []int) error {
	if sh.strays == nil {
		return nil
	}
	s := sh.strays
	if len(s.order) == 0 || len(s.order) != len(s.at) || !slices.IsSortedFunc(s.order, func(a, b uint64) int {
		return cmp.Compare(hashtable.ScanOrder(a), hashtable.ScanOrder(b))
	}) {
		return fmt.Errorf("%d strays, %d in the order of Scan, or out of order", len(s.at), len(s.order))
	}
	for _, hash := range s.order {
		at := s.at[hash]
		switch {
		case at == nil || at == sh || ks.home(hash) != sh:
			return fmt.Errorf("a stray of hash %#x is noted in the wrong place", hash)
		case !at.hasHash(hash):
			return fmt.Errorf("no stray of hash %#x is in shard %d", hash, at.number)
		}
		guests[at.number]++
	}
	return nil
}

// shardCheck is what has been counted of a shard.
type shardCheck struct {
	ks           *Keyspace
	sh           *shard
	keys, values mem.Tally // that entries account for
	index, trees uint64    // bytes that tables and deadline trees say they hold
	tables       uint64    // tables that hold any
	owned        []mem.Ref // entries and value blocks
	bigs         uint64    // bytes that values of many blocks say they hold
	handles      []uint32  // of those that keys hold
	kept         bool      // some of them keep blocks aside for a save, or are being freed
	dropping     bool      // what is looked at waits to be freed
	soonest      int64
}

func (ks *Keyspace) verifyShard(i int) error {
	c := &shardCheck{ks: ks, sh: &ks.shards[i], soonest: never}
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
		c.own(&c.values, st.pinned)
	}
	if err := c.registered(); err != nil {
		return err
	}
	slices.Sort(c.owned)
	for i := 1; i < len(c.owned); i++ {
		if c.owned[i] == c.owned[i-1] {
			return fmt.Errorf("block %d has two owners", c.owned[i])
		}
	}
	heeded := 0
	for db, names := range c.sh.watch {
		heeded += len(names)
		for name, watchers := range names {
			if len(watchers) == 0 {
				return fmt.Errorf("database %d: nobody watches %q", db, name)
			}
		}
	}
	for db, lines := range c.sh.lines {
		heeded += len(lines)
		for name, l := range lines {
			if err := l.verify(); err != nil {
				return fmt.Errorf("database %d: line of %q: %w", db, name, err)
			}
		}
	}
	if heeded != c.sh.heeded {
		return fmt.Errorf("%d names are watched or waited for, the shard counts %d", heeded, c.sh.heeded)
	}
	return c.sums()
}

// sums compares what was found with the heap's account.
func (c *shardCheck) sums() error {
	heap := c.sh.heap
	if c.bigs > 0 || c.kept {
		return c.total()
	}
	for p, want := range map[mem.Purpose]mem.Tally{mem.Keys: c.keys, mem.Values: c.values} {
		if have := heap.UsedFor(p); have != want {
			return fmt.Errorf("%s: found %d blocks of %d bytes, the heap has %d of %d", p, want.Blocks, want.Bytes, have.Blocks, have.Bytes)
		}
	}
	if have := heap.UsedFor(mem.Deadlines).Bytes; have != c.trees {
		return fmt.Errorf("deadline trees hold %d bytes, the heap has %d", c.trees, have)
	}
	// A table counts its directory too, which is not in the heap: 4 bytes for each 4 KiB, at most
	// four times too many, and at least 16.
	directories := c.tables*16 + c.index/256
	if have := heap.UsedFor(mem.Index).Bytes; have > c.index || have+directories < c.index {
		return fmt.Errorf("tables hold %d bytes with their directories, the heap has %d", c.index, have)
	}
	return nil
}

// total is sums where there are values of many blocks, which tell of all their blocks at once.
func (c *shardCheck) total() error {
	if c.kept {
		return nil
	}
	heap := c.sh.heap
	var have uint64
	for _, p := range []mem.Purpose{mem.Keys, mem.Values, mem.Index, mem.Deadlines, mem.Nodes} {
		have += heap.UsedFor(p).Bytes
	}
	want := c.keys.Bytes + c.values.Bytes + c.index + c.trees + c.bigs
	directories := (c.tables+uint64(len(c.handles)))*16 + (c.index+c.bigs)/256
	if have > want || have+directories < want {
		return fmt.Errorf("keys, values and their indexes hold %d bytes, the heap has %d", want, have)
	}
	return nil
}

// registered checks that each value of many blocks has one owner: a key, or the doomed.
func (c *shardCheck) registered() error {
	slices.Sort(c.handles)
	for i := 1; i < len(c.handles); i++ {
		if c.handles[i] == c.handles[i-1] {
			return fmt.Errorf("value %d has two owners", c.handles[i])
		}
	}
	doomed := 0
	for handle, st := range c.sh.bigs.states {
		if st == nil {
			continue
		}
		_, owned := slices.BinarySearch(c.handles, uint32(handle))
		if owned == st.doomed {
			return fmt.Errorf("value %d is owned: %t, and doomed: %t", handle, owned, st.doomed)
		}
		if st.doomed {
			doomed++
		}
		c.kept = c.kept || st.doomed || st.cut
	}
	if n := int(c.sh.bigs.doomed.Load()); n != doomed {
		return fmt.Errorf("%d values are doomed, said to be %d", doomed, n)
	}
	return nil
}

// own takes a block into a sum.
func (c *shardCheck) own(sum *mem.Tally, r mem.Ref) {
	sum.Blocks++
	sum.Bytes += uint64(c.sh.heap.Size(r))
	c.owned = append(c.owned, r)
}

// dropped checks what waits to be freed in the background. Its deadlines go first.
func (c *shardCheck) dropped() error {
	lazy := &c.ks.lazy
	lazy.mu.Lock()
	defer lazy.mu.Unlock()
	c.dropping = true
	for _, p := range lazy.dropped {
		if p.sh == c.sh {
			if _, err := c.contents(p.d, p.d.unsaved); err != nil {
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
	first := len(c.owned)
	mortal, err := c.contents(d, true)
	if err != nil {
		return err
	}
	if mortal != d.deadlines.Len() {
		return fmt.Errorf("%d keys have a deadline, the tree has %d", mortal, d.deadlines.Len())
	}
	slices.Sort(c.owned[first:])
	if err := c.fields(d, c.owned[first:]); err != nil {
		return err
	}
	d.deadlines.Ascend(math.MinInt64, func(deadline int64, ref mem.Ref) bool {
		c.soonest = min(c.soonest, deadline)
		if _, ok := slices.BinarySearch(c.owned[first:], ref); !ok {
			err = fmt.Errorf("block %d is in the tree, and no entry", ref)
			return false
		}
		e := c.sh.keyer.entry(ref)
		if own := e.deadline(e.layout()); own != deadline {
			err = fmt.Errorf("entry %d ends at %d, at %d in the tree", ref, own, deadline)
		}
		return err == nil
	})
	return err
}

// contents checks a database's table, tree and entries, and returns how many of these have a deadline.
// Epochs say nothing in a database that no save will walk.
func (c *shardCheck) contents(d *database, walked bool) (mortal int, err error) {
	if err := d.table.Verify(); err != nil {
		return 0, err
	}
	c.trees += d.deadlines.Bytes()
	if d.fields != nil {
		c.trees += d.fields.Bytes()
		if err := d.fields.Verify(); err != nil {
			return 0, err
		}
	}
	if bytes := d.table.Bytes(); bytes > 0 {
		c.index += bytes
		c.tables++
	}
	for b := range d.table.Buckets() {
		d.table.Walk(b, func(_ slot, ref mem.Ref) {
			if err == nil {
				err = c.entry(d, ref)
			}
			if err == nil && walked {
				err = c.epoch(d, b, ref)
			}
			if c.sh.keyer.entry(ref).hasDeadline() {
				mortal++
			}
		})
	}
	if err == nil {
		err = d.deadlines.Verify()
	}
	return mortal, err
}

// epoch checks that an entry in bucket b is saved if the running save will not come by, and that its
// epoch is one of those since all entries had the same.
func (c *shardCheck) epoch(d *database, b int, ref mem.Ref) error {
	e := c.sh.keyer.entry(ref)
	age := int(c.ks.epoch-e.epoch()) & (epochs - 1)
	if cuts := int(c.ks.unended.Load()); age > cuts {
		return fmt.Errorf("entry %d is %d epochs old after %d cuts", ref, age, cuts)
	}
	st := c.sh.snap
	if st == nil || st.quiet || age == 0 {
		return nil
	}
	if !d.unsaved || d == st.parts[0] && (b < st.cursor || b >= st.end) {
		return fmt.Errorf("entry %d in bucket %d of %d is not saved, and the walk is at %d of %d",
			ref, b, d.table.Buckets(), st.cursor, st.end)
	}
	return nil
}

// entry checks one entry and takes it into the sums.
func (c *shardCheck) entry(d *database, ref mem.Ref) error {
	e := c.sh.keyer.entry(ref)
	l := e.layout()
	size := c.sh.heap.Size(ref)
	if l.size() > size || mem.ClassSize(l.size()) != mem.ClassSize(size) {
		return fmt.Errorf("entry %d is %d bytes long, in a block of %d", ref, l.size(), size)
	}
	c.own(&c.keys, ref)
	if *e.flags()&^(flagDeadline|(epochs-1)<<epochShift) != 0 {
		return fmt.Errorf("entry %d has flags %#x", ref, *e.flags())
	}
	if want := entrySize(l.keyLen, l.valueLen, e.hasDeadline()); want != l.size() {
		return fmt.Errorf("entry %d is %d bytes long, its parts %d", ref, l.size(), want)
	}
	key := e.keyBytes(l)
	hash := c.ks.hash.sum(key)
	if at := c.ks.shardOf(hash); at != c.sh && !c.dropping {
		return fmt.Errorf("key %q belongs to shard %d", key, at.number)
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
	if e.typ() > Stream || e.typ() == Module {
		return fmt.Errorf("type %d", e.typ())
	}
	if str := e.encoding() == encRaw || e.encoding() == encInt; str && e.typ() != String || e.encoding() >= encAlt && e.typ() == String {
		return fmt.Errorf("a %s of encoding %d", e.typ(), e.encoding())
	}
	switch e.encoding() {
	case encBytes, encRaw, encAlt:
		return nil
	case encBig:
		return c.big(e.handle(l))
	case encInt:
		if l.valueLen != 4 && l.valueLen != 8 {
			return fmt.Errorf("an integer of %d bytes", l.valueLen)
		}
		return nil
	case encBlock, encAltBlock:
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
	c.own(&c.values, block)
	return nil
}

// big checks a value of many blocks, and takes its bytes into the sums.
func (c *shardCheck) big(handle uint32) error {
	if handle == 0 || int(handle) >= len(c.sh.bigs.states) || c.sh.bigs.at(handle) == nil {
		return fmt.Errorf("a value that is not there: %d", handle)
	}
	b := c.sh.bigs.at(handle).big
	c.handles = append(c.handles, handle)
	c.bigs += b.Bytes()
	return b.Verify()
}

// fields checks the tree of field deadlines against the entries, whose blocks stand in owned, sorted.
func (c *shardCheck) fields(d *database, owned []mem.Ref) (err error) {
	if d.fields == nil {
		return nil
	}
	d.fields.Ascend(math.MinInt64, func(ms int64, ref mem.Ref) bool {
		c.soonest = min(c.soonest, ms)
		if _, ok := slices.BinarySearch(owned, ref); !ok {
			err = fmt.Errorf("block %d is in the tree of fields, and no entry", ref)
			return false
		}
		e := c.sh.keyer.entry(ref)
		if own := c.sh.due(e, e.layout()); own != ms {
			err = fmt.Errorf("the fields of entry %d are due at %d, at %d in the tree", ref, own, ms)
		}
		return err == nil
	})
	return err
}
