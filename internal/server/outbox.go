// Outbox: the replies of one client that its socket has not taken yet.
//
// They stand in chunks that are freed one by one as they are sent, so that a slow reader costs what
// it leaves unread and not a multiple of it. Most clients never have one.

package server

const (
	leastChunk = 16 << 10
	mostChunk  = 1 << 20
)

// outbox holds unsent bytes in order. A nil outbox is empty.
type outbox struct {
	chunks    [][]byte
	sent      int    // bytes of the first chunk that are sent
	unsent    int    // bytes in all
	softSince uint32 // Unix s since when it is over the soft limit, 0: it is not
}

// size returns the number of bytes not sent.
func (o *outbox) size() int {
	if o == nil {
		return 0
	}
	return o.unsent
}

// held returns the bytes that the chunks take, and their number.
func (o *outbox) held() (bytes, chunks int) {
	if o == nil {
		return 0, 0
	}
	for _, c := range o.chunks {
		bytes += cap(c)
	}
	return bytes, len(o.chunks)
}

// add appends a copy of b.
func (o *outbox) add(b []byte) {
	o.unsent += len(b)
	size := leastChunk
	if last := len(o.chunks) - 1; last >= 0 {
		c := o.chunks[last]
		n := min(len(b), cap(c)-len(c))
		o.chunks[last] = append(c, b[:n]...)
		b = b[n:]
		size = 2 * cap(c)
	}
	for len(b) > 0 {
		size = min(max(size, leastChunk), mostChunk)
		n := min(len(b), size)
		o.chunks = append(o.chunks, append(make([]byte, 0, size), b[:n]...))
		b = b[n:]
		size *= 2
	}
}

// adopt appends b itself, which is the outbox's from now on.
func (o *outbox) adopt(b []byte) {
	o.unsent += len(b)
	o.chunks = append(o.chunks, b[:len(b):len(b)])
}

// next returns the bytes to be sent next; there are some.
func (o *outbox) next() []byte { return o.chunks[0][o.sent:] }

// took takes note that the socket took n of the bytes that next returned.
func (o *outbox) took(n int) {
	o.unsent -= n
	if o.sent += n; o.sent == len(o.chunks[0]) {
		o.chunks[0] = nil
		o.chunks, o.sent = o.chunks[1:], 0
	}
}
