// Batches: whole entries in a buffer of the file, to be decoded on any goroutine.
//
// A batch owns its buffer until it is released, then the splitter reads on into it. There is a
// fixed number of batches, so loading takes a fixed amount of memory: who keeps one holds up the
// reading.

package rdb

import "tarn/internal/invariant"

// Record is one key as the file has it. All but the key and the value are copies; those are
// borrowed from the batch, until its Release.
type Record struct {
	DB       int
	Key      []byte
	Value    Value
	ExpireMs int64 // deadline in Unix milliseconds, or None
	Idle     int64 // seconds since the key was last used, or None
	Freq     int   // logarithmic use count, 0 to 255, or None
	Offset   int64 // bytes from the start of the file to the record's type byte
}

// Batch is a run of entries. One goroutine uses it at a time.
type Batch struct {
	buf     []byte // where the file was read to
	entries []byte // the part of buf that this batch is about
	offset  int64  // of entries, from the start of the file
	start   state  // at the first entry
	records int
	keys    []byte // where keys not stored as such are decoded to
	home    *pool  // nil while released

	event  event // of Each, like record: here, since there they would be allocated each time
	record Record
}

// Offset returns how many bytes of the file lie before the batch.
func (b *Batch) Offset() int64 { return b.offset }

// Len returns how many bytes of the file the batch covers.
func (b *Batch) Len() int { return len(b.entries) }

// Records returns how many keys the batch has.
func (b *Batch) Records() int { return b.records }

// Each calls fn for every record, in order, until fn returns an error: that one is returned, as an
// *Error that says where the record is. The Record itself is only fn's during the call. Errors:
// ErrCorrupt for a key that does not decode; those of fn.
func (b *Batch) Each(fn func(*Record) error) error {
	ev, rec := &b.event, &b.record
	st, pos := b.start, 0
	for {
		if got := st.next(b.entries, pos, ev); got != done {
			invariant.Check(got == short && ev.at == len(b.entries), "a batch has whole entries that were read before")
			return nil
		}
		pos = ev.end
		if ev.kind == leftOutEvent {
			st.keyDone()
		}
		if ev.kind != keyEvent {
			continue
		}
		*rec = Record{
			DB: st.db, ExpireMs: st.expireMs, Idle: st.idle, Freq: st.freq,
			Value:  Value{Type: ev.typ, Body: b.entries[ev.value:ev.end]},
			Offset: b.offset + int64(ev.at),
		}
		st.keyDone()
		key, err := b.decodeKey(ev.key.in(b.entries))
		if err != nil {
			return placed(rec.Offset, ev.describe()+": the key", nil, err)
		}
		rec.Key = key
		if err = fn(rec); err != nil {
			return placed(rec.Offset, ev.describe(), key, err)
		}
	}
}

// decodeKey returns the bytes of s: borrowed from the file's buffer, or else from b.keys. Where that
// has no room it is replaced, and keys in the old one stay as they are.
func (b *Batch) decodeKey(s String) ([]byte, error) {
	if key, ok := s.BytesView(); ok {
		return key, nil
	}
	start, length := len(b.keys), s.Len()
	if cap(b.keys)-start < length {
		b.keys = make([]byte, 0, max(length, 2*cap(b.keys), 4<<10))
		start = 0
	}
	key := b.keys[start : start+length : start+length]
	b.keys = b.keys[:start+length]
	return key, s.DecodeInto(key)
}

// Release gives the batch back. It, and all that was borrowed from it, are used no more.
func (b *Batch) Release() {
	home := b.home
	invariant.Check(home != nil, "a batch is released once")
	b.home = nil
	if len(b.buf) != home.bufferBytes { // it was grown for one long record
		b.buf = nil
	}
	if cap(b.keys) > home.bufferBytes {
		b.keys = nil
	}
	invariant.Poison(b.buf)
	home.free <- b
}

// pool hands out a fixed number of batches. One goroutine takes, any give back.
type pool struct {
	free        chan *Batch
	unmade      int
	bufferBytes int
}

// take returns an empty batch with a buffer, and waits for one if it must.
func (p *pool) take() *Batch {
	var b *Batch
	select {
	case b = <-p.free:
	default:
		if p.unmade > 0 {
			p.unmade--
			b = new(Batch)
		} else {
			b = <-p.free
		}
	}
	if b.buf == nil {
		b.buf = make([]byte, p.bufferBytes)
	}
	b.home, b.entries, b.records, b.keys = p, nil, 0, b.keys[:0]
	return b
}
