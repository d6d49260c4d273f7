// Fields: hashes of which some field ends at a set time.
//
// Such a hash stands in its shard's tree of soonest field deadlines, by which the sweep finds it; which
// of its fields are due, and what becomes of the hash, is known above (value). What the tree says of
// a hash is kept with the hash: in the first 8 bytes of an Alt, or beside a Big.

package keyspace

import (
	"encoding/binary"

	"tarn/internal/btree"
	"tarn/internal/mem"
)

// DueBytes is the length of the soonest field deadline at the start of an Alt hash.
const DueBytes = 8

// weightless makes a tree that only counts.
type weightless struct{}

// Weigh returns 0.
func (weightless) Weigh(mem.Ref) uint64 { return 0 }

type fieldTree = btree.DeadlineTree[weightless]

// OnFieldsDue sets what the sweep calls for a hash that has fields past their deadline at tx.Now(): it
// deletes up to about limit of them, and the hash with its last field; else it calls SetFieldsDue. It
// returns how many fields went.
func (ks *Keyspace) OnFieldsDue(expire func(k *Key, limit int) int) { ks.fieldsDue = expire }

// AppendDue appends the soonest field deadline that an Alt hash begins with.
func AppendDue(dst []byte, ms int64) []byte { return binary.LittleEndian.AppendUint64(dst, uint64(ms)) }

// due returns the soonest field deadline that the tree knows of an entry, or NoDeadline.
func (sh *shard) due(e entry, l layout) int64 {
	if e.typ() != Hash {
		return NoDeadline
	}
	switch e.encoding() {
	case encAlt:
		return int64(binary.LittleEndian.Uint64(e.bytes(l.value, DueBytes)))
	case encAltBlock:
		block, _ := e.descriptor(l)
		return int64(binary.LittleEndian.Uint64(sh.heap.Bytes(block, DueBytes)))
	case encBig:
		return sh.bigs.at(e.handle(l)).due
	}
	return NoDeadline
}

// Now returns the time by which it is told what has ended, Unix ms.
func (k *Key) Now() int64 { return k.tx.now }

// FieldExpired says that a field of the hash is being deleted because its deadline has passed.
func (k *Key) FieldExpired(field []byte) {
	if k.tx.effects != nil {
		k.tx.effects.FieldExpired(k.db, k.name, field)
	}
}

// FieldsDue returns the soonest field deadline set last, NoDeadline when there is none.
func (k *Key) FieldsDue() int64 {
	if k.ref == 0 {
		return NoDeadline
	}
	return k.sh.due(k.e, k.e.layout())
}

// SetFieldsDue says when the soonest field of the existing hash ends, Unix ms or NoDeadline. The hash
// is an Alt or InBig; whoever makes it one, or copies it, says so too.
func (k *Key) SetFieldsDue(ms int64) {
	l := k.e.layout()
	before := k.sh.due(k.e, l)
	if before == ms {
		return
	}
	k.beforeChange()
	k.d.forgetFields(before, k.ref)
	switch k.e.encoding() {
	case encAlt:
		binary.LittleEndian.PutUint64(k.e.bytes(l.value, DueBytes), uint64(ms))
	case encAltBlock:
		block, _ := k.e.descriptor(l)
		binary.LittleEndian.PutUint64(k.sh.heap.Bytes(block, DueBytes), uint64(ms))
	default:
		k.sh.bigs.at(k.e.handle(l)).due = ms
	}
	k.sh.noteFields(k.d, ms, k.ref)
}

// forgetFields takes an entry out of the tree, if it is in it.
func (d *database) forgetFields(ms int64, ref mem.Ref) {
	if ms != NoDeadline && d.fields != nil {
		d.fields.Delete(ms, ref)
	}
}

// noteFields puts an entry into the tree. Without memory for that the fields are still seen as gone
// in time, and deleted with the next that the tree hears of.
func (sh *shard) noteFields(d *database, ms int64, ref mem.Ref) {
	if ms == NoDeadline {
		return
	}
	if d.fields == nil {
		d.fields = btree.New(sh.heap, weightless{})
	}
	if d.fields.Insert(ms, ref) {
		sh.noteDeadline(ms)
	}
}

// fieldSlice is how many fields are deleted under one hold of a shard's lock.
const fieldSlice = 128

// sweepFields deletes due fields of one database in one shard, and returns the soonest deadline that
// is left, or never, and whether there is more to do now. away is as sweepShard has it.
func (tx *Tx) sweepFields(sh *shard, d *database, db int) (soonest int64, more, away bool) {
	if d.fields == nil || tx.ks.fieldsDue == nil {
		return never, false, false
	}
	ms, ref, ok := d.fields.Min()
	switch {
	case !ok:
		return never, false, false
	case ms > tx.now:
		return ms, false, false
	}
	e := sh.keyer.entry(ref)
	if sh.cannotLose(d, e) {
		return ms, false, false
	}
	// The key may go while it is worked on, and its name with it.
	name := append(tx.name[:0], e.keyBytes(e.layout())...)
	tx.name = name
	hash := tx.ks.hash.sum(name)
	if tx.isAway(sh, db, name, hash) {
		return ms, true, true
	}
	k := Key{tx: tx, sh: sh, d: d, db: db, name: name, hash: hash, ref: ref, e: e}
	n := tx.ks.fieldsDue(&k, fieldSlice)
	tx.release()
	tx.ExpiredFields.Add(int64(n))
	return ms, n > 0, false
}

// cannotLose tells whether fields of a hash must stay until the running save can take what they are.
func (sh *shard) cannotLose(d *database, e entry) bool {
	return sh.busySaving(d, e) || sh.beingSaved(e) && sh.snap != nil && sh.snap.s.full()
}

// fieldsAreDue tells whether fields of an existing hash have ended and can be deleted now.
func (tx *Tx) fieldsAreDue(k *Key) bool {
	due := k.FieldsDue()
	return due != NoDeadline && due <= tx.now && tx.ks.fieldsDue != nil && !k.sh.cannotLose(k.d, k.e)
}
