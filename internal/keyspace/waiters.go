// Waiters: who waits for a key, in which order, and which waited keys have become ready.
//
// A shard keeps a line of waiters for each name waited for, by database number and name as watch.go
// does, so that a line outlives the key. A change of a waited key puts the key at the end of one
// queue of ready keys, which executors serve; until the key has been served its shard says so
// (Unserved), and whoever locks that shard for a command serves first. So nobody gets between a
// change and the waiters' share in it. Where nobody waits or watches, a change costs the look at
// one counter of its shard.
//
// What must hold: lines and their shards' counters change under the shard's lock; a waiter leaves
// and is chosen only by the one executor that serves (dispatch sees to it).

package keyspace

import (
	"errors"
	"sync"

	"tarn/internal/invariant"
)

// Waiter stands in the lines of the keys it waits for.
type Waiter struct {
	Type  Type // a key wakes it that holds this type
	Gone  bool // so does one that is gone or holds another
	Owner any  // who made it

	places []*stand
}

// ReadyKey is a key that changed while it was waited for.
type ReadyKey struct {
	DB   int
	Name []byte
	Hash uint64

	began bool
	next  *stand // first waiter not yet asked
}

// stand is a waiter's place in one line.
type stand struct {
	waiter     *Waiter
	line       *line
	prev, next *stand
}

// line is who waits for one name, the longest waiting first.
type line struct {
	sh          *shard
	db          int
	name        string
	first, last *stand
	marked      *Tx // that put the key into the queue last, until it is served
}

// readyQueue holds the ready keys, in the order in which they became so.
type readyQueue struct {
	mu   sync.Mutex // taken last of all locks
	keys []ReadyKey
}

// Await puts w at the end of the lines of names, whose shards are locked.
func (tx *Tx) Await(w *Waiter, db int, names [][]byte) {
	for _, name := range names {
		hash := tx.ks.hash.sum(name)
		if invariant.Enabled {
			invariant.Check(tx.holds(hash), "a waited key lies in a locked shard")
		}
		sh := tx.ks.home(hash)
		l := sh.lines[db][string(name)]
		if l == nil {
			l = &line{sh: sh, db: db, name: string(name)}
			if sh.lines[db] == nil {
				sh.lines[db] = make(map[string]*line)
			}
			sh.lines[db][l.name] = l
			sh.heeded++
		} else if l.last.waiter == w {
			continue // named twice
		}
		s := &stand{waiter: w, line: l, prev: l.last}
		if l.last == nil {
			l.first = s
		} else {
			l.last.next = s
		}
		l.last = s
		w.places = append(w.places, s)
	}
}

// WantWaiter adds the shards of a waiter's keys to those that LockWanted will lock.
func (tx *Tx) WantWaiter(w *Waiter) {
	for _, s := range w.places {
		tx.Want(tx.ks.hash.sum([]byte(s.line.name)))
	}
}

// Leave takes w out of all its lines. Their shards are locked.
func (tx *Tx) Leave(w *Waiter) {
	for _, s := range w.places {
		l := s.line
		if s.prev != nil {
			s.prev.next = s.next
		} else {
			l.first = s.next
		}
		if s.next != nil {
			s.next.prev = s.prev
		} else {
			l.last = s.prev
		}
		if l.first == nil {
			delete(l.sh.lines[l.db], l.name)
			l.sh.heeded--
		}
	}
	w.places = nil
}

// tell tells all that care for a key that it has changed; its home is locked.
func (tx *Tx) tell(hash uint64, db int, name []byte) {
	sh := tx.ks.home(hash)
	if sh.heeded == 0 {
		return
	}
	sh.touchWatchers(db, name)
	if l := sh.lines[db][string(name)]; l != nil {
		tx.mark(l)
	}
}

// mark puts a waited key into the queue of ready keys, unless this executor has just done so.
func (tx *Tx) mark(l *line) {
	tx.stirred = true
	if l.marked == tx {
		return
	}
	l.marked = tx
	l.sh.unserved++
	name := []byte(l.name)
	q := &tx.ks.ready
	q.mu.Lock()
	q.keys = append(q.keys, ReadyKey{DB: l.db, Name: name, Hash: tx.ks.hash.sum(name)})
	q.mu.Unlock()
}

// MarkReady puts a key that is waited for into the queue of ready keys. Its shard is locked.
func (tx *Tx) MarkReady(r *ReadyKey) {
	if l := tx.ks.home(r.Hash).lines[r.DB][string(r.Name)]; l != nil {
		tx.mark(l)
	}
}

// Stirred tells whether this executor has made waited keys ready since Settle.
func (tx *Tx) Stirred() bool { return tx.stirred }

// Settle says that the ready keys have been served, or that somebody else was told to.
func (tx *Tx) Settle() { tx.stirred = false }

// Unserved tells whether a locked shard has ready keys that were not served yet.
func (tx *Tx) Unserved() bool {
	if tx.one != nil {
		return tx.one.unserved != 0
	}
	return tx.manyUnserved()
}

func (tx *Tx) manyUnserved() (found bool) {
	tx.eachWanted(func(sh *shard) { found = found || sh.unserved != 0 })
	return found
}

// NextReady takes the key that has been ready for longest out of the queue. The caller serves it
// and then calls Served.
func (ks *Keyspace) NextReady() (r ReadyKey, ok bool) {
	q := &ks.ready
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.keys) == 0 {
		return ReadyKey{}, false
	}
	r = q.keys[0]
	if q.keys = q.keys[1:]; len(q.keys) == 0 {
		q.keys = nil
	}
	return r, true
}

// NextWaiter returns the next in the key's line whom the key wakes as it now is, or nil. Its shard
// is locked. Each waiter is returned once, whether or not it stays in line.
func (tx *Tx) NextWaiter(r *ReadyKey) *Waiter {
	sh := tx.ks.home(r.Hash)
	if !r.began {
		r.began = true
		if l := sh.lines[r.DB][string(r.Name)]; l != nil {
			l.marked = nil
			r.next = l.first
		}
	}
	if r.next == nil {
		return nil
	}
	k := tx.KeyHashed(r.DB, r.Name, r.Hash, Peek)
	for s := r.next; s != nil; s = s.next {
		if s.waiter.wakes(&k) {
			r.next = s.next
			return s.waiter
		}
	}
	return nil
}

func (w *Waiter) wakes(k *Key) bool {
	if k.Exists() && k.Type() == w.Type {
		return true
	}
	return w.Gone
}

// Served says that a key taken by NextReady has been served. Its shard is locked.
func (tx *Tx) Served(r *ReadyKey) { tx.ks.home(r.Hash).unserved-- }

// Waited returns how many keys are waited for, and how many of them by somebody who would be woken
// by the key's end. All shards are locked.
func (tx *Tx) Waited() (keys, gone int64) {
	for i := range tx.ks.shards {
		for _, lines := range tx.ks.shards[i].lines {
			keys += int64(len(lines))
			for _, l := range lines {
				if l.caresForEnd() {
					gone++
				}
			}
		}
	}
	return keys, gone
}

func (l *line) caresForEnd() bool {
	for s := l.first; s != nil; s = s.next {
		if s.waiter.Gone {
			return true
		}
	}
	return false
}

// errLine says that a line is not what its waiters' places make it.
var errLine = errors.New("its places do not hang together")

func (l *line) verify() error {
	if l.first == nil || l.last == nil || l.first.prev != nil || l.last.next != nil {
		return errLine
	}
	for s := l.first; s != nil; s = s.next {
		if s.line != l || s.next == nil && s != l.last || s.next != nil && s.next.prev != s {
			return errLine
		}
	}
	return nil
}
