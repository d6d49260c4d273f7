// Reading: a long reply made from a Big, slice by slice.
//
// The reply must be of one instant, and the value must not be locked for as long as it takes. So a
// reader is known to the value it reads: whoever is about to change that value first has the rest of
// each reply made at once (finish), up to what its reader may leave unread. A value that only loses
// its key stays until its readers are done. Long replies of values that do not change meanwhile, which
// is nearly all, take no memory and stall nobody.

package keyspace

import (
	"slices"
	"sync/atomic"

	"tarn/internal/resp"
)

// Reading is the rest of a reply that is being made.
type Reading struct {
	sh      *shard
	handle  uint32
	produce func(w *resp.Writer, limit int) (more bool)
	proto   int
	limit   int64        // bytes: how much may be made at once, 0 for any number
	done    bool         // the value is not needed any more
	rest    [][]byte     // made by finishReaders, not yet handed out
	told    bool         // the reader knows that it is done: done and rest are its own
	aside   atomic.Int64 // bytes of rest
	cut     atomic.Bool  // rest is not all: it came to the limit
}

// Read begins a reply from the key's Big, which the caller has found in that shape. produce writes
// its next part, about limit bytes, and tells whether there is more; it is called with the shard
// locked, and the value is then as it is now. When the value is about to change, no more than about
// atOnce bytes of the reply are made; 0 means any number. The caller must Append until there is no
// more, or Drop.
func (k *Key) Read(proto int, atOnce int64, produce func(w *resp.Writer, limit int) (more bool)) *Reading {
	r := &Reading{sh: k.sh, handle: k.e.handle(k.e.layout()), produce: produce, proto: proto, limit: atOnce}
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
	for limit > 0 && len(r.rest) > 0 {
		first := r.rest[0]
		n := min(limit, len(first))
		w.Raw(first[:n])
		limit -= n
		r.aside.Add(-int64(n))
		if r.rest[0] = first[n:]; n == len(first) {
			r.rest[0] = nil
			r.rest = r.rest[1:]
		}
	}
	return len(r.rest) > 0 || r.cut.Load()
}

// Aside returns how many bytes of the reply had to be made before they were asked for, and wait.
func (r *Reading) Aside() int64 { return r.aside.Load() }

// IsCut tells whether the reply cannot be completed, since that would have taken too much at once.
func (r *Reading) IsCut() bool { return r.cut.Load() }

// Drop ends a reply that nobody waits for. No shard is locked by the caller.
func (r *Reading) Drop() {
	r.sh.mu.Lock()
	defer r.sh.mu.Unlock()
	if !r.done {
		r.leave()
	}
	r.rest = nil
	r.aside.Store(0)
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
		r.finish()
	}
	st.readers = nil
}

// finish makes the rest of the reply. The shard is locked.
func (r *Reading) finish() {
	made, more := int64(0), true
	for more {
		if r.limit > 0 && made > r.limit {
			r.cut.Store(true)
			break
		}
		var w resp.Writer
		var block []byte // the first may stay small
		if made > 0 {
			block = make([]byte, 0, finishSlice+finishSlice/16)
		}
		w.Reset(block, r.proto)
		more = r.produce(&w, finishSlice)
		made += int64(w.Len())
		r.rest = append(r.rest, w.Buffer())
	}
	r.aside.Store(made)
	r.done = true
}

// finishSlice is how many bytes of a reply are made in one block.
const finishSlice = 1 << 20
