// Reading: a long reply made from a Big, slice by slice.
//
// The reply must be of one instant, and the value must not be locked for as long as it takes. So a
// reader is known to the value it reads: whoever is about to change that value first has the rest of
// each reply made at once (finish). A value that only loses its key stays until its readers are done.
// Long replies of values that do not change meanwhile, which is nearly all, take no memory and stall
// nobody.

package keyspace

import (
	"slices"

	"tarn/internal/resp"
)

// Reading is the rest of a reply that is being made.
type Reading struct {
	sh      *shard
	handle  uint32
	produce func(w *resp.Writer, limit int) (more bool)
	proto   int
	done    bool   // the value is not needed any more
	rest    []byte // made by finishReaders, not yet handed out
	told    bool   // the reader knows that it is done: done and rest are its own
}

// Read begins a reply from the key's Big, which the caller has found in that shape. produce writes
// its next part, about limit bytes, and tells whether there is more; it is called with the shard
// locked, and the value is then as it is now. The caller must Append until there is no more, or Drop.
func (k *Key) Read(proto int, produce func(w *resp.Writer, limit int) (more bool)) *Reading {
	r := &Reading{sh: k.sh, handle: k.e.handle(k.e.layout()), produce: produce, proto: proto}
	st := k.sh.bigs.at(r.handle)
	st.readers = append(st.readers, r)
	return r
}

// Append writes the next part of the reply, about limit bytes, and tells whether there is more. No
// shard is locked by the caller.
func (r *Reading) Append(w *resp.Writer, limit int) (more bool) {
	if !r.told {
		r.sh.mu.Lock()
		if !r.done {
			if more = r.produce(w, limit); !more {
				r.leave()
			}
			r.sh.mu.Unlock()
			return more
		}
		r.told = true
		r.sh.mu.Unlock()
	}
	n := min(limit, len(r.rest))
	w.Raw(r.rest[:n])
	r.rest = r.rest[n:]
	return len(r.rest) > 0
}

// Drop ends a reply that nobody waits for. No shard is locked by the caller.
func (r *Reading) Drop() {
	r.sh.mu.Lock()
	defer r.sh.mu.Unlock()
	if !r.done {
		r.leave()
	}
	r.rest = nil
}

// leave ends the reader's claim on the value; the shard is locked.
func (r *Reading) leave() {
	r.done = true
	st := r.sh.bigs.at(r.handle)
	at := slices.Index(st.readers, r)
	st.readers = slices.Delete(st.readers, at, at+1)
	r.sh.bigs.release(r.handle)
}

// finishReaders has the rest of every reply made that is read from a value: it is about to change.
func (b *bigs) finishReaders(handle uint32) {
	st := b.at(handle)
	for _, r := range st.readers {
		var w resp.Writer
		w.Reset(nil, r.proto)
		for r.produce(&w, finishSlice) {
		}
		r.rest, r.done = w.Buffer(), true
	}
	st.readers = nil
}

const finishSlice = 1 << 20
