// Big: values of many blocks, as the keyspace holds them.
//
// An entry names such a value by a handle into its shard's list, since a value keeps Go state that
// no entry can hold. The value itself is a room's above (value): here it is counted, saved, moved
// and given back. A value that loses its key is not freed at once: it joins the doomed, from which
// FreeLazily takes slices, so that no command pays for what it drops.
//
// Saving: a value is cut when the walk reaches its entry, or when a writer is about to touch it,
// whichever is first. From then until it is written out it keeps aside what changes replace, and
// counts that against the save's budget. It survives its key for as long as that takes.

package keyspace

import (
	"sync/atomic"

	"tarn/internal/mem"
)

// Big is a collection of many blocks in a shard's heap. All methods are called with the lock of its
// shard held. Whoever changes one calls Key.EditBig before and Key.Changed after.
type Big interface {
	Len() int         // elements
	Bytes() uint64    // of its blocks, exactly; not what is kept aside for a save
	Encoding() string // as OBJECT ENCODING replies
	// Clone returns a copy with its blocks in another heap; false: no memory, and nothing was kept.
	Clone(to *mem.Heap) (Big, bool)
	// Free gives back up to about steps blocks and tells whether all are gone.
	Free(steps int) (done bool)
	Verify() error

	// Cut keeps the elements as of now readable by Save until EndSave. hold is told how many bytes
	// are held for that, and, by negative numbers, how many no longer are.
	Cut(hold func(bytes int64))
	// Count returns how many elements there were at Cut.
	Count() int
	// Save appends the next elements as of Cut, as items: uvarint length, bytes. It stops when about
	// limit bytes were appended, and tells whether there are more.
	Save(dst []byte, limit int) (out []byte, more bool)
	// EndSave ends what Cut began, whether all was saved or not.
	EndSave()
}

// bigState is what the keyspace knows of a Big.
type bigState struct {
	big     Big
	weighed uint64 // bytes that the deadline tree was told of
	due     int64  // of a hash, the soonest field deadline that the tree was told of
	cut     bool   // a record of the running save will be made from it
	doomed  bool   // no key holds it any more
	readers []*Reading
}

// bigs is a shard's list of its Bigs, by handle. Handle 0 is none.
type bigs struct {
	states []*bigState
	free   []uint32
	queue  []uint32     // doomed, and not cut
	doomed atomic.Int32 // all doomed
}

func (b *bigs) at(handle uint32) *bigState { return b.states[handle] }

// add takes a Big in and returns its handle.
func (b *bigs) add(big Big) uint32 {
	st := &bigState{big: big, weighed: big.Bytes(), due: NoDeadline}
	if last := len(b.free) - 1; last >= 0 {
		handle := b.free[last]
		b.free = b.free[:last]
		b.states[handle] = st
		return handle
	}
	if len(b.states) == 0 {
		b.states = append(b.states, nil)
	}
	b.states = append(b.states, st)
	return uint32(len(b.states) - 1)
}

// remove forgets a Big that has no key and no blocks.
func (b *bigs) remove(handle uint32) {
	b.states[handle] = nil
	b.free = append(b.free, handle)
}

// drop dooms a Big whose key is gone.
func (b *bigs) drop(handle uint32) {
	st := b.at(handle)
	st.doomed = true
	b.doomed.Add(1)
	b.release(handle)
}

// release has a doomed Big freed when nobody needs it any more.
func (b *bigs) release(handle uint32) {
	if st := b.at(handle); st.doomed && !st.cut && len(st.readers) == 0 {
		b.queue = append(b.queue, handle)
	}
}

// cut has a Big keep what it holds now until endSave.
func (b *bigs) cut(handle uint32, hold func(int64)) {
	st := b.at(handle)
	st.cut = true
	st.big.Cut(hold)
}

func (b *bigs) endSave(handle uint32) {
	st := b.at(handle)
	st.cut = false
	st.big.EndSave()
	b.release(handle)
}

// bigFreeSlice is how many blocks of a Big are freed under one hold of a shard's lock: some 20 µs.
const bigFreeSlice = 256

// freeBigs frees a slice of the doomed, and tells whether there are more that can be freed now.
func (tx *Tx) freeBigs() (more bool) {
	for i := range tx.ks.shards {
		sh := &tx.ks.shards[i]
		if sh.bigs.doomed.Load() == 0 {
			continue
		}
		sh.mu.Lock()
		if n := len(sh.bigs.queue); n > 0 {
			handle := sh.bigs.queue[n-1]
			if sh.bigs.at(handle).big.Free(bigFreeSlice) {
				sh.bigs.queue = sh.bigs.queue[:n-1]
				sh.bigs.remove(handle)
				sh.bigs.doomed.Add(-1)
				tx.LazyFreed.Add(1)
			}
			more = true
		}
		sh.mu.Unlock()
		if more {
			return true
		}
	}
	return false
}

// beingSaved tells whether an entry's value is kept readable for the running save.
func (sh *shard) beingSaved(e entry) bool {
	return e.encoding() == encBig && sh.bigs.at(e.handle(e.layout())).cut
}

// Big returns the value of a key whose Shape is InBig, for reading.
func (k *Key) Big() Big {
	st := k.sh.bigs.at(k.e.bigHandle())
	k.remember(st)
	return st.big
}

// EditBig returns the value of a key whose Shape is InBig, for changing: the running save has
// claimed it, if it needs it. Changed must be called afterwards.
func (k *Key) EditBig() Big {
	k.beforeChange()
	handle := k.e.bigHandle()
	st := k.sh.bigs.at(handle)
	if len(st.readers) > 0 {
		k.sh.bigs.finishReaders(handle)
	}
	k.remember(st)
	return st.big
}

// SetBig makes the key hold b, whose blocks are in the key's Heap, instead of what it held; its
// deadline stays. Errors: ErrOutOfMemory, and then nothing has changed and b is still the caller's.
func (k *Key) SetBig(t Type, b Big) error {
	return k.putBig(&parts{typ: t, key: k.name, clock: k.clockOfNew(), deadline: k.resolve(KeepDeadline)}, b)
}

func (k *Key) putBig(p *parts, b Big) error {
	handle := k.sh.bigs.add(b)
	if err := k.putHandle(p, handle); err != nil {
		k.sh.bigs.remove(handle)
		return err
	}
	return nil
}

// putHandle makes the key the owner of a Big of its shard.
func (k *Key) putHandle(p *parts, handle uint32) error {
	p.encoding, p.valueLen = encBig, handleSize
	s, err := k.stage(p)
	if err != nil {
		return err
	}
	s.e.putHandle(s.l, handle)
	return k.commit(&s)
}

// moveBig is MoveTo for a Big that stays in its shard.
func (k *Key) moveBig(to *Key) error {
	k.beforeChange()
	l := k.e.layout()
	p := parts{typ: k.e.typ(), clock: k.e.clock(), key: to.name, deadline: k.e.deadline(l)}
	if err := to.putHandle(&p, k.e.handle(l)); err != nil {
		return err
	}
	k.forget()
	return nil
}

// cloneTo is copyTo for a Big.
func (k *Key) cloneTo(to *Key, p *parts) error {
	k.reweigh()
	b, ok := k.Big().Clone(to.sh.heap)
	if !ok {
		return ErrOutOfMemory
	}
	if err := to.putBig(p, b); err != nil {
		for !b.Free(bigFreeSlice) {
		}
		return err
	}
	if due := k.FieldsDue(); due != NoDeadline {
		to.SetFieldsDue(due)
	}
	return nil
}

// reweigh tells the deadline tree how the bytes of a Big have changed.
func (k *Key) reweigh() {
	if k.ref == 0 || k.e.encoding() != encBig {
		return
	}
	st := k.sh.bigs.at(k.e.bigHandle())
	now := st.big.Bytes()
	if now == st.weighed {
		return
	}
	if k.e.hasDeadline() {
		k.d.deadlines.Reweigh(k.e.deadline(k.e.layout()), k.ref, int64(now-st.weighed))
	}
	st.weighed = now
}

// BigReader hands out the elements that a Big held at its cut.
type BigReader struct {
	Value Big // for what does not change: ask it nothing else without its shard's lock
	Count int // elements
	Facts any // what the value says of itself as of the cut, if it is a Describer

	w      *walker
	sh     *shard
	handle uint32
	buf    []byte
	more   bool
}

// Describer is a Big that has facts to tell whoever saves it, besides its elements.
type Describer interface {
	// Facts returns them as of Cut; they stay as they are.
	Facts() any
}

// Next returns the next items, as Big.Save appends them, and false when there are none left. They
// are valid until Next is called again.
func (r *BigReader) Next() (items []byte, ok bool) {
	for r.more {
		if r.buf != nil {
			r.w.between()
		}
		r.sh.mu.Lock()
		r.buf, r.more = r.sh.bigs.at(r.handle).big.Save(r.buf[:0], sliceBytes)
		r.sh.mu.Unlock()
		if len(r.buf) > 0 {
			return r.buf, true
		}
	}
	return nil, false
}

// big writes out a value of many blocks that was cut, and lets go of it.
func (w *walker) big(sh *shard, handle uint32) {
	sh.mu.Lock()
	st := sh.bigs.at(handle)
	r := &BigReader{Value: st.big, Count: st.big.Count(), w: w, sh: sh, handle: handle, buf: w.items[:0], more: true}
	if d, ok := st.big.(Describer); ok {
		r.Facts = d.Facts()
	}
	sh.mu.Unlock()
	w.rec.Big = r
	w.emit(&w.rec)
	w.items = r.buf
	sh.mu.Lock()
	sh.bigs.endSave(handle)
	sh.mu.Unlock()
}

// between is called between two slices of one value: nothing else can be written out meanwhile, so
// the walker rests only while no command waits for it.
func (w *walker) between() {
	if w.s.pace == nil || w.stopped() || w.s.waiting.Load() {
		return
	}
	now := w.elapsed()
	if rest := w.s.pace(now - w.resumed); rest > 0 && !w.s.waiting.Load() {
		w.pause(rest)
	}
	w.resumed = w.elapsed()
}
