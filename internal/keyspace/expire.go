// Expiry: keys that end at a set time.
//
// Such a key is also in its shard's deadline tree, soonest first. A look-up past the deadline
// deletes it; Sweep deletes those nobody asks for, without sampling: it takes them from the tree's
// front, a few at a time under the lock, until none is due or its time cap is reached.

package keyspace

import (
	"math"
	"time"
)

const (
	never = math.MaxInt64

	// deadlineBytes is what a key's place in the deadline tree costs, at the usual fill of its leaves.
	deadlineBytes = 14

	// sweepBatch bounds the keys deleted under one hold of a shard's lock: about 10 µs of work.
	sweepBatch = 32

	// sweepIdle is how long a sweep may be put off when no deadline is known, in ms.
	sweepIdle = 60_000
)

// SetDeadline makes the existing key end at a Unix time in ms; NoDeadline makes it last.
// Errors: ErrOutOfMemory, and then nothing has changed.
func (k *Key) SetDeadline(ms int64) error {
	l := k.e.layout()
	before := k.e.deadline(l)
	if before == ms {
		return nil
	}
	if before != NoDeadline && ms != NoDeadline {
		k.beforeChange()
		if !k.d.deadlines.Insert(ms, k.ref) {
			return ErrOutOfMemory
		}
		k.d.deadlines.Delete(before, k.ref)
		k.e.putDeadline(l, ms)
		k.sh.noteDeadline(ms)
		return nil
	}
	p := parts{typ: k.e.typ(), encoding: k.e.encoding(), clock: k.e.clock(), key: k.name, valueLen: l.valueLen, deadline: ms}
	old := k.e
	s, err := k.stage(&p)
	if err != nil {
		return err
	}
	copy(s.e.valueRaw(s.l), old.valueRaw(l))
	s.block, s.big = 0, 0 // the descriptor or handle has been copied: the value stays
	return k.commit(&s)
}

// noteDeadline keeps the shard's lower bound of deadlines; mu is held.
func (sh *shard) noteDeadline(ms int64) {
	if ms < sh.soonest.Load() {
		sh.soonest.Store(ms)
	}
}

// expire deletes the key because its deadline has passed. While the running save cannot take it, the
// key is only seen as absent, and the sweep deletes it later.
func (k *Key) expire() {
	if k.sh.busySaving(k.d, k.e) || k.tx.ks.paused.Load() {
		k.hidden, k.ref, k.e = k.ref, 0, entry{}
		return
	}
	k.deleteExpired()
	k.ChangedBy("expired", 0) // a key that ends is no change to save
}

func (k *Key) deleteExpired() {
	if k.tx.effects != nil {
		k.tx.effects.KeyExpired(k.db, k.name)
	}
	k.Delete()
	k.tx.Expired.Add(1)
}

// dropHidden deletes the entry that expire could not, whatever that costs the running save.
func (k *Key) dropHidden() {
	k.ref, k.e, k.hidden = k.hidden, k.sh.keyer.entry(k.hidden), 0
	k.deleteExpired()
}

// SetActiveExpire switches the sweep on or off; look-ups expire keys all the same.
func (ks *Keyspace) SetActiveExpire(on bool) { ks.hold.Store(!on) }

// HoldExpired makes keys past their deadline stay and be seen: while loading, and for tools.
func (ks *Keyspace) HoldExpired(on bool) { ks.frozen.Store(on) }

// PauseExpiry makes keys past their deadline be seen as absent but stay: nothing may change while
// clients are paused.
func (ks *Keyspace) PauseExpiry(on bool) { ks.paused.Store(on) }

// HoldsExpired tells whether HoldExpired is on.
func (ks *Keyspace) HoldsExpired() bool { return ks.frozen.Load() }

func (ks *Keyspace) keepExpired() bool { return ks.frozen.Load() }

// Sweep deletes keys whose deadline has passed, for at most limit, and tells when it next has
// something to do: Unix ms, at the earliest now+1, as when the cap was reached, and within a minute.
func (tx *Tx) Sweep(now int64, limit time.Duration, elapsed func() time.Duration) (next int64) {
	ks := tx.ks
	next = now + sweepIdle
	if ks.hold.Load() || ks.frozen.Load() || ks.paused.Load() {
		return next
	}
	tx.SetNow(now)
	start := int(tx.random() & ks.mask)
	for i := range ks.shards {
		sh := &ks.shards[(start+i)&int(ks.mask)]
		for sh.soonest.Load() <= now {
			if elapsed() >= limit {
				tx.CapReached.Add(1)
				return now + 1
			}
			sh.mu.Lock()
			if ks.frozen.Load() || ks.paused.Load() { // since a moment ago
				sh.mu.Unlock()
				return next
			}
			more, away := tx.sweepShard(sh)
			sh.mu.Unlock()
			if away {
				tx.sweepAway()
			}
			if !more {
				break
			}
		}
		next = min(next, sh.soonest.Load())
	}
	return max(next, now+1)
}

// sweepShard deletes up to sweepBatch due keys and renews the shard's bound. away: it has come upon one whose home is not
// locked, and kept it for sweepAway.
func (tx *Tx) sweepShard(sh *shard) (more, away bool) {
	left := sweepBatch
	soonest := int64(never)
	for db := range sh.dbs {
		d := sh.dbs[db].Load()
		if d == nil {
			continue
		}
		for left > 0 {
			due, more, away := tx.sweepFields(sh, d, db)
			if away {
				return true, true
			}
			if !more {
				soonest = min(soonest, due)
				break
			}
			left--
		}
		for {
			deadline, ref, ok := d.deadlines.Min()
			if !ok {
				break
			}
			if deadline > tx.now || left == 0 {
				soonest = min(soonest, deadline)
				break
			}
			e := sh.keyer.entry(ref)
			name := e.keyBytes(e.layout())
			if sh.busySaving(d, e) {
				if sh.mustWait(e) {
					sh.snap.s.hurry(place{sh, d, string(name)})
				}
				soonest = min(soonest, deadline)
				break
			}
			hash := tx.ks.hash.sum(name)
			if tx.isAway(sh, db, name, hash) {
				return true, true
			}
			k := Key{tx: tx, sh: sh, d: d, db: db, name: name, hash: hash, ref: ref, e: e}
			tx.tell(hash, db, name)
			k.deleteExpired()
			tx.release()
			left--
		}
		if left == 0 && d.fields != nil {
			if due, _, ok := d.fields.Min(); ok {
				soonest = min(soonest, due)
			}
		}
	}
	sh.soonest.Store(soonest)
	return left == 0, false
}

// ExpiredHeld returns how many keys, and how many bytes, are past their deadline and still held.
// All shards are locked.
func (tx *Tx) ExpiredHeld() (keys, bytes uint64) {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		if sh.soonest.Load() > tx.now {
			continue
		}
		for db := range sh.dbs {
			if d := sh.dbs[db].Load(); d != nil {
				n, b := d.deadlines.Before(tx.now + 1)
				keys += n
				bytes += b
			}
		}
	}
	return keys, bytes
}

// Contents says what a database holds.
type Contents struct {
	Keys, Expires int
	FieldExpires  int   // hashes of which some field has a deadline
	AvgTTL        int64 // ms, over keys whose deadline is yet to come
}

// Contents returns what database db holds. All shards are locked.
func (tx *Tx) Contents(db int) Contents {
	var c Contents
	var sum float64
	live := 0
	for i := range tx.ks.shards {
		d := tx.ks.shards[i].dbs[db].Load()
		if d == nil {
			continue
		}
		c.Keys += d.table.Len()
		c.Expires += d.deadlines.Len()
		if d.fields != nil {
			c.FieldExpires += d.fields.Len()
		}
		mean, n := d.meanTTL(tx.now)
		sum += mean * float64(n)
		live += n
	}
	if live > 0 {
		c.AvgTTL = int64(sum / float64(live))
	}
	return c
}

// ttlSamples bounds the keys looked at for the mean time to live of one shard.
const ttlSamples = 64

// meanTTL estimates the mean time to live, in ms, of the live keys with a deadline, from evenly spread
// ranks of the deadline tree.
func (d *database) meanTTL(now int64) (mean float64, live int) {
	past, _ := d.deadlines.Before(now + 1)
	live = d.deadlines.Len() - int(past)
	if live == 0 {
		return 0, 0
	}
	samples := min(live, ttlSamples)
	var sum float64
	for i := range samples {
		deadline, _ := d.deadlines.At(int(past) + (2*i+1)*live/(2*samples))
		sum += float64(deadline - now)
	}
	return sum / float64(samples), live
}
