// Key: one key of one database, as a command sees it while its shard is locked.
//
// A Key is found once and then read, changed or deleted; it follows its own changes, but not those
// made through another Key of the same name. Whatever is about to change is first handed to the
// running save (beforeChange): every path that alters or frees an entry goes through here.

package keyspace

import (
	"tarn/internal/hashtable"
	"tarn/internal/mem"
	"tarn/internal/resp"
)

// Errors that any command on keys may reply with.
const (
	ErrWrongType   resp.Error = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrNotInteger  resp.Error = "ERR value is not an integer or out of range"
	ErrOutOfMemory resp.Error = "OOM command not allowed when used memory > 'maxmemory'."
)

// Key is valid until its shard is unlocked.
type Key struct {
	tx   *Tx
	sh   *shard
	d    *database
	db   int
	name []byte
	hash uint64
	slot hashtable.Slot
	at   uint64  // the shard's moves when slot was found
	ref  mem.Ref // 0: absent
	e    entry

	// hidden is the entry of a key that is past its deadline but could not be deleted because of the
	// running save: the key is seen as absent, and what takes its place deletes the entry first.
	hidden mem.Ref
}

// Exists tells whether the key holds a value.
func (k *Key) Exists() bool { return k.ref != 0 }

// Name returns the key's name, borrowed from the command's arguments.
func (k *Key) Name() []byte { return k.name }

// DB returns the number of the key's database.
func (k *Key) DB() int { return k.db }

// Type returns the type of the value; the key must exist.
func (k *Key) Type() Type { return k.e.typ() }

// CheckType returns ErrWrongType when the key exists and holds another type.
func (k *Key) CheckType(t Type) error {
	if k.ref != 0 && k.e.typ() != t {
		return ErrWrongType
	}
	return nil
}

// Encoding returns the name that OBJECT ENCODING replies with; the key must exist.
func (k *Key) Encoding() string {
	if k.e.typ() != String {
		return k.collectionEncoding()
	}
	switch enc := k.e.encoding(); {
	case enc == encInt:
		return "int"
	case enc == encBytes && k.e.layout().valueLen <= embstrMax:
		return "embstr"
	default:
		return "raw"
	}
}

// Bytes returns what the key costs: its blocks, and its share of the index.
func (k *Key) Bytes() uint64 {
	k.reweigh()
	n := k.sh.keyer.Weigh(k.ref) + k.d.table.Bytes()/uint64(k.d.table.Len())
	if k.e.hasDeadline() {
		n += deadlineBytes
	}
	return n
}

// Deadline returns the Unix time in ms at which the key ends, or NoDeadline.
func (k *Key) Deadline() int64 {
	if k.ref == 0 {
		return NoDeadline
	}
	return k.e.deadline(k.e.layout())
}

// Delete removes the key and tells whether it was there.
func (k *Key) Delete() bool {
	if k.ref == 0 {
		return false
	}
	k.beforeChange()
	l := k.e.layout()
	k.unlink(l)
	k.sh.free(k.e, k.ref, l)
	k.ref, k.e = 0, entry{}
	return true
}

// unlink takes the key's entry out of all that finds it.
func (k *Key) unlink(l layout) {
	if l.deadline != 0 {
		k.d.deadlines.Delete(k.e.deadline(l), k.ref)
	}
	k.d.forgetFields(k.sh.due(k.e, l), k.ref)
	k.d.table.Remove(k.place())
	k.sh.moves++
	k.left()
}

// Changed says that the key's value or deadline changed: WATCH sees it, and the change counts
// towards the next save. event is the name of the keyspace event.
func (k *Key) Changed(event string) { k.ChangedBy(event, 1) }

// ChangedBy is Changed for a command that counts as n changes.
func (k *Key) ChangedBy(event string, n int64) {
	k.reweigh()
	k.tx.Dirty.Add(n)
	k.tx.tell(k.hash, k.db, k.name)
}

// ChangedAside is ChangedBy for changes that those who wait for the key do not wait for: they are not
// woken.
func (k *Key) ChangedAside(event string, n int64) {
	k.reweigh()
	k.tx.Dirty.Add(n)
	k.tx.ks.home(k.hash).touchWatchers(k.db, k.name)
}

// database returns the key's database, made on first use.
func (k *Key) database() *database {
	if k.d == nil {
		k.d = k.sh.openDatabase(k.db)
	}
	return k.d
}

func (sh *shard) openDatabase(db int) *database {
	d := sh.dbs[db].Load()
	if d == nil {
		d = sh.newDatabase()
		sh.dbs[db].Store(d)
	}
	return d
}

// staged is an entry under construction: laid out, its value to be written before commit.
type staged struct {
	ref     mem.Ref
	e       entry
	l       layout
	inPlace bool
	block   mem.Ref // the old entry's value block, freed by commit unless cleared
	big     uint32  // the old entry's value of many blocks, likewise
	weight  uint64  // of the old entry, when inPlace and it has a deadline
	due     int64   // the old entry's soonest field deadline
}

// stage makes room for an entry of p in the key's place. On ErrOutOfMemory nothing has changed.
// p.key must not lie in the old entry.
func (k *Key) stage(p *parts) (staged, error) {
	p.epoch = k.tx.ks.epoch
	s := staged{due: NoDeadline}
	if k.hidden != 0 {
		k.dropHidden()
	}
	if k.ref != 0 {
		k.beforeChange()
		old := k.e.layout()
		s.due = k.sh.due(k.e, old)
		switch {
		case k.e.hasBlock():
			s.block, _ = k.e.descriptor(old)
		case k.e.encoding() == encBig:
			s.big = k.e.handle(old)
		}
		if fits(p.size(), old.size()) && k.e.deadline(old) == p.deadline {
			if old.deadline != 0 {
				s.weight = k.sh.keyer.Weigh(k.ref)
			}
			s.ref, s.e, s.inPlace = k.ref, k.e, true
			s.l = s.e.write(p)
			return s, nil
		}
	}
	if s.ref = k.sh.heap.Alloc(p.size(), mem.Keys); s.ref == 0 {
		return s, ErrOutOfMemory
	}
	s.e = k.sh.keyer.entry(s.ref)
	s.l = s.e.write(p)
	return s, nil
}

// commit puts the staged entry, its value now written, in the key's place. On ErrOutOfMemory the
// staged entry is gone and the key is as before; its new value block is the caller's to free.
func (k *Key) commit(s *staged) error {
	if s.inPlace {
		if s.l.deadline != 0 {
			k.d.deadlines.Reweigh(s.e.deadline(s.l), s.ref, int64(k.sh.keyer.Weigh(s.ref)-s.weight))
		}
		k.moveFields(s)
		k.freeOldValue(s)
		return nil
	}
	d := k.database()
	deadline := s.e.deadline(s.l)
	if deadline != NoDeadline {
		if !d.deadlines.Insert(deadline, s.ref) {
			k.sh.heap.Free(s.ref, mem.Keys)
			return ErrOutOfMemory
		}
		k.sh.noteDeadline(deadline)
	}
	if k.ref == 0 {
		if !d.table.Insert(k.hash, s.ref) {
			if deadline != NoDeadline {
				d.deadlines.Delete(deadline, s.ref)
			}
			k.sh.heap.Free(s.ref, mem.Keys)
			return ErrOutOfMemory
		}
		k.sh.moves++
		k.moveFields(s)
	} else {
		if before := k.e.deadline(k.e.layout()); before != NoDeadline {
			d.deadlines.Delete(before, k.ref)
		}
		d.table.Replace(k.place(), s.ref)
		k.moveFields(s)
		k.freeOldValue(s)
		k.sh.heap.Free(k.ref, mem.Keys)
	}
	k.ref, k.e = s.ref, s.e
	return nil
}

// moveFields tells the tree of field deadlines that the staged entry takes the old one's place.
func (k *Key) moveFields(s *staged) {
	due := k.sh.due(s.e, s.l)
	if due == s.due && s.inPlace {
		return
	}
	d := k.database()
	d.forgetFields(s.due, k.ref)
	k.sh.noteFields(d, due, s.ref)
}

func (k *Key) freeOldValue(s *staged) {
	if s.block != 0 {
		k.sh.freeBlock(s.block)
	}
	if s.big != 0 {
		k.sh.bigs.drop(s.big)
	}
}

// place returns the key's slot. What another key did to the table may have moved it since it was
// found.
func (k *Key) place() hashtable.Slot {
	if k.at != k.sh.moves || !k.slot.Found() {
		k.slot, k.at = k.d.table.Find(k.hash, k.name), k.sh.moves
	}
	return k.slot
}
