// Ahead: asking for what commands will touch inside large values, before they run.
//
// Over a large value nearly all the time of a command is spent waiting for two lines of memory, as it
// is over a large keyspace. Which value a key holds cannot be known without its shard's lock; but
// whoever sends many commands sends many to the same few keys. So an executor remembers the values it
// used last. What it remembers may be out of date, gone even: then the wrong memory is asked for, and
// nothing else happens.

package keyspace

// Foreseer is a Big whose elements can be asked for ahead of need. Its methods need no lock.
type Foreseer interface {
	// PrefetchIndex asks for what finds the element of this name, and returns the name's hash.
	PrefetchIndex(name []byte) (hash uint64)
	// PrefetchElement asks for the element itself, once the index has arrived.
	PrefetchElement(hash uint64)
}

const recentBigs = 16

// recent is a Big that an executor used.
type recent struct {
	hash uint64 // of its key
	of   *bigState
	big  Foreseer // nil: it cannot be asked for
}

// remember notes that the key's Big is being used.
func (k *Key) remember(st *bigState) {
	r := &k.tx.recent[k.hash>>8%recentBigs]
	if r.of == st && r.hash == k.hash {
		return
	}
	r.hash, r.of = k.hash, st
	r.big, _ = st.big.(Foreseer)
}

// PrefetchIndex asks for what finds an element of the Big of a key, given by its hash, if the executor
// has used it lately. It returns what to give PrefetchElement.
func (tx *Tx) PrefetchIndex(hash uint64, element []byte) (found Foreseer, elementHash uint64) {
	r := &tx.recent[hash>>8%recentBigs]
	if r.hash != hash || r.big == nil {
		return nil, 0
	}
	return r.big, r.big.PrefetchIndex(element)
}
