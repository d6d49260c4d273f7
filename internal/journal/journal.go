// Journal: one sequence of units, in memory, until its readers have passed.
//
// A unit is what one command, or one transaction, changed: the commands that bring another server
// from the state before it to the state after it. It is appended while the locks of what it changed
// are held, so the order of units is the order of every key. Readers copy units out, each at its own
// pace. Chunks that all readers have passed are used again; without a reader nothing is appended.
//
// Units lie in chunks as
//
//	length | ops | Unix ms | ops × ( database | length | command as RESP )
//
// all numbers of 8 bytes, little endian, the first length being that of the whole unit. A position is the number of such
// bytes appended before it since the process started.

// Package journal keeps what happened to the data set, in order, for those who write it down or
// send it on.
package journal

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

const (
	unitHeader = 24
	opHeader   = 16
	chunkBytes = 256 << 10
	keepChunks = 4 // of those that all have passed
)

// Journal is a sequence of units. Its methods may be called by any goroutine.
type Journal struct {
	active atomic.Bool
	end    atomic.Int64
	kicked atomic.Int64 // end as of the last Kick
	held   atomic.Int64

	mu      sync.Mutex // guards the fields below, and the chunks; after all shard locks
	tail    *chunk
	free    []*chunk
	readers []*Reader
}

// chunk holds some units, one after the other.
type chunk struct {
	buf     []byte
	next    *chunk
	start   int64 // position of buf[0]
	readers int   // that have yet to pass it
}

// New returns a journal that nobody reads.
func New() *Journal { return &Journal{} }

// Active tells whether somebody reads. It does not change while any shard is locked.
func (j *Journal) Active() bool { return j.active.Load() }

// End returns the position after the last unit.
func (j *Journal) End() int64 { return j.end.Load() }

// Held returns the bytes of memory that units take.
func (j *Journal) Held() int64 { return j.held.Load() }

// append adds a whole unit. It tells whether it keeps the slice itself, as it does with large ones.
func (j *Journal) append(unit []byte) (kept bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.readers) == 0 {
		return false
	}
	c := j.tail
	if len(c.buf)+len(unit) > cap(c.buf) {
		kept = len(unit) > chunkBytes
		if c = j.grow(unit, kept); kept {
			j.end.Add(int64(len(unit)))
			return true
		}
	}
	c.buf = append(c.buf, unit...)
	j.end.Add(int64(len(unit)))
	return false
}

// grow adds a chunk: an empty one, or one that is a unit.
func (j *Journal) grow(unit []byte, whole bool) *chunk {
	c := &chunk{}
	switch n := len(j.free); {
	case whole:
		c.buf = unit
		j.held.Add(int64(cap(unit)))
	case n > 0:
		c, j.free = j.free[n-1], j.free[:n-1]
		*c = chunk{buf: c.buf[:0]}
	default:
		c.buf = make([]byte, 0, chunkBytes)
		j.held.Add(chunkBytes)
	}
	c.start, c.readers = j.end.Load(), len(j.readers)
	if j.tail != nil {
		j.tail.next = c
	}
	j.tail = c
	return c
}

// pass takes note that a reader has left a chunk behind.
func (j *Journal) pass(c *chunk) {
	if c.readers--; c.readers > 0 {
		return
	}
	c.next = nil
	if cap(c.buf) == chunkBytes && len(j.free) < keepChunks && len(j.readers) > 0 {
		j.free = append(j.free, c)
		return
	}
	j.held.Add(-int64(cap(c.buf)))
}

// Kick wakes the readers if there is something new. Executors call it when they have released their
// locks, once for many commands.
func (j *Journal) Kick() {
	end := j.end.Load()
	if end == j.kicked.Load() {
		return
	}
	j.kicked.Store(end)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.readers {
		r.Wake()
	}
}

// Open returns a reader of what is appended from now on. With every shard locked, that is what
// happens after this instant.
func (j *Journal) Open() *Reader {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &Reader{j: j, wake: make(chan struct{}, 1), pos: j.end.Load()}
	j.readers = append(j.readers, r)
	if j.tail == nil {
		j.grow(nil, false)
	} else {
		j.tail.readers++
	}
	r.chunk = j.tail
	j.active.Store(true)
	return r
}

// Reader reads units in order. One goroutine may call Next; the other methods any.
type Reader struct {
	j     *Journal
	wake  chan struct{}
	chunk *chunk // nil when closed; guarded by j.mu, like pos
	pos   int64
}

// Ready receives a value when there may be something to read, or after Wake.
func (r *Reader) Ready() <-chan struct{} { return r.wake }

// Wake makes Ready receive a value.
func (r *Reader) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Next appends whole units to dst, about limit bytes of them but at least one if there is any, none
// from position until on; until < 0 is no bound. It returns dst and the position after them. It does
// not wait.
func (r *Reader) Next(dst []byte, limit int, until int64) ([]byte, int64) {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	for got := 0; r.chunk != nil; {
		c := r.chunk
		rest := c.buf[r.pos-c.start:]
		if len(rest) == 0 {
			if c.next == nil {
				break
			}
			r.chunk = c.next
			r.j.pass(c)
			continue
		}
		size := int(binary.LittleEndian.Uint64(rest))
		if got > 0 && got+size > limit || until >= 0 && r.pos >= until {
			break
		}
		dst = append(dst, rest[:size]...)
		got += size
		r.pos += int64(size)
	}
	return dst, r.pos
}

// Lag returns how many bytes there are to be read, and when the oldest of them came about, Unix ms.
func (r *Reader) Lag() (bytes, oldest int64) {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	if r.chunk == nil {
		return 0, 0
	}
	bytes = r.j.end.Load() - r.pos
	for c := r.chunk; bytes > 0 && c != nil; c = c.next {
		if rest := c.buf[max(r.pos-c.start, 0):]; len(rest) > 0 {
			return bytes, int64(binary.LittleEndian.Uint64(rest[16:]))
		}
	}
	return bytes, 0
}

// Close ends the reader. When it was the last one, the journal is no longer active.
func (r *Reader) Close() {
	j := r.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.chunk == nil {
		return
	}
	for i, other := range j.readers {
		if other == r {
			j.readers = append(j.readers[:i], j.readers[i+1:]...)
			break
		}
	}
	for c := r.chunk; c != nil; {
		next := c.next
		j.pass(c)
		c = next
	}
	r.chunk = nil
	if len(j.readers) == 0 {
		j.active.Store(false)
		j.tail, j.free = nil, nil
		j.held.Store(0)
	}
	r.Wake()
}
