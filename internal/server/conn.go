// Conn: one client's connection, from bytes read to bytes sent.
//
// An idle connection is this struct and nothing else: what is read goes into a buffer that many share
// and replies gather in the worker's. Only what cannot be finished at once is kept here: the start
// of a command that is not all there, commands that wait, replies the client does not read.

package server

import (
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/dispatch"
	"tarn/internal/resp"
)

const (
	// readSize is how much is read at once: more than a full pipeline of small commands.
	readSize = 64 << 10

	// keepSize is the least room given to input that must be kept.
	keepSize = 16 << 10

	// maxUnsent is how many bytes of replies a client may leave unread before its next commands
	// wait, when no client-output-buffer-limit ends it sooner.
	maxUnsent = 1 << 30
)

// conn is a client's connection. Its executor alone uses it, except while the world is stopped.
type conn struct {
	command.Session
	parser resp.Parser
	in     []byte  // input that waits
	out    *outbox // replies that wait; nil when all is sent
	link   link    // to the socket and its executor

	prev, next *conn // in clients
}

// keep keeps input for later. data may lie in c.in.
func (c *conn) keep(data []byte) {
	switch {
	case len(data) == 0:
		c.in = nil
	case len(c.in) > 0 && &data[len(data)-1] == &c.in[len(c.in)-1]:
		if len(data) < len(c.in) {
			c.in = c.in[:copy(c.in, data)]
		}
	default:
		c.in = append(make([]byte, 0, max(keepSize, len(data))), data...)
	}
}

// room makes space in c.in for more input: as much as the command under way is known to need, but
// never more than twice what has arrived.
func (c *conn) room() []byte {
	if free := cap(c.in) - len(c.in); free < keepSize/4 {
		size := max(2*len(c.in), 2*keepSize)
		if want := c.parser.Want(); want > len(c.in) && want < size {
			size = want + 2
		}
		size = max(size, len(c.in)+keepSize/4)
		c.in = append(make([]byte, 0, size), c.in...)
	}
	return c.in[len(c.in):cap(c.in)]
}

// overLimit tells whether the replies that wait are over the limit of a class of clients. now is
// Unix s.
func (c *conn) overLimit(l *config.BufferLimit, now uint32) bool {
	n := int64(c.out.size()+c.link.disk()) + c.Aside()
	if l.HardBytes > 0 && n >= l.HardBytes {
		return true
	}
	if c.out == nil {
		return false
	}
	if l.SoftBytes <= 0 || n < l.SoftBytes {
		c.out.softSince = 0
		return false
	}
	if c.out.softSince == 0 {
		c.out.softSince = now
	}
	return int64(now-c.out.softSince) > l.SoftSeconds
}

// unsent returns the bytes of replies that wait: for the client to read, or for the log.
func (c *conn) unsent() int { return c.out.size() + c.link.held }

// hold keeps replies that could not be sent. A buffer too large to be used again is not copied.
func (c *conn) hold(b []byte, whole int) {
	if c.out == nil {
		c.out = new(outbox)
	}
	if whole > maxWriterBuffer {
		c.out.adopt(b)
	} else {
		c.out.add(b)
	}
}

// Buffers implements command.Conn.
func (c *conn) Buffers() command.Buffers {
	b := command.Buffers{
		Query: len(c.in), QueryFree: cap(c.in) - len(c.in),
		Readable: c.State&command.Parked == 0, Writable: c.out != nil,
	}
	aside := int(c.Aside())
	b.Output = c.unsent() + aside
	held, chunks := c.out.held()
	b.OutputChunks = chunks
	b.Total = connSize + cap(c.in) + held + c.link.held + aside
	if c.More != nil {
		b.Total += int(c.More.QueueBytes) + moreSize
	}
	return b
}

// Sizes of a connection's structs, for CLIENT LIST.
const (
	connSize = 224
	moreSize = 144
)

// executor is what runs a connection's commands: a loop, or a goroutine of its own.
type executor struct {
	srv    *Server
	worker *dispatch.Worker

	// Of the turn under way.
	always bool  // replies wait for the disk
	safe   int64 // position of the journal up to which replies need not wait
}

// advance feeds a connection's input to the worker until it is used up, or must wait, or the
// connection is to be closed (false). data may lie in c.in.
func (x *executor) advance(c *conn, data []byte) bool {
	c.Active = x.srv.unixSeconds()
	for {
		used, verdict := x.worker.Feed(&c.Session, &c.parser, data)
		data = data[used:]
		if c.State&command.Killed != 0 {
			x.resetWriter(x.worker.Writer.Buffer())
			return false
		}
		if !x.send(c) {
			return false
		}
		switch {
		case verdict == dispatch.Close:
			c.in = nil
			if c.unsent() == 0 {
				return false
			}
			c.link.closing()
			return true
		case verdict == dispatch.Parked:
			c.keep(data)
			c.State |= command.Parked
			c.link.park()
			return true
		case verdict == dispatch.Blocked:
			c.keep(data)
			c.link.block()
			return true
		case verdict == dispatch.Streaming:
			c.keep(data)
			c.link.stream()
			return true
		case c.unsent() > maxUnsent:
			c.keep(data)
			c.link.choke()
			return true
		case verdict == dispatch.Full:
			continue
		}
		c.keep(data)
		return !x.srv.overInputLimit(c)
	}
}

// answer writes the reply of a connection's blocked command and goes on with its input. It reports
// false when the connection is to be closed.
func (x *executor) answer(c *conn, reply []byte) bool {
	c.State &^= command.Blocked
	x.worker.Writer.Raw(reply)
	return x.advance(c, c.in)
}

// pieceSize is how much of a long reply is made at once: some 100 µs of work.
const pieceSize = 64 << 10

// stream writes the next piece of a connection's long reply, all before it having been sent. At its end
// it goes on with the input. It reports false when the connection is to be closed.
func (x *executor) stream(c *conn) bool {
	x.worker.Writer.SetProto(int(c.Proto))
	more := c.More.Rest.Append(&x.worker.Writer, pieceSize)
	if c.More.Rest.IsCut() && x.srv.overOutputLimit(c) {
		x.resetWriter(x.worker.Writer.Buffer())
		return false
	}
	if more {
		if !x.send(c) {
			return false
		}
		if c.unsent() == 0 {
			c.link.stream()
		}
		return true
	}
	c.More.Rest = nil
	c.State &^= command.Streaming
	c.link.streamed()
	return x.advance(c, c.in)
}

// send writes the worker's replies to the connection and keeps what the socket does not take. It
// reports false when the connection is broken or over its limit.
func (x *executor) send(c *conn) bool {
	w := &x.worker.Writer
	b := w.Buffer()
	defer x.resetWriter(b)
	if len(b) == 0 {
		return true
	}
	if x.mustHold(c) {
		if x.mayHold(len(b)) {
			c.link.holdBack(c, b)
			return !x.srv.overOutputLimit(c)
		}
		if !c.link.sendNow(c) {
			return false
		}
	}
	rest := b
	if c.out == nil {
		n, err := c.link.write(b)
		if err != nil {
			return false
		}
		x.srv.stats.netOut.Add(int64(n))
		if rest = b[n:]; len(rest) == 0 {
			return true
		}
		c.link.wantWrite(true)
	}
	c.hold(rest, cap(b))
	return !x.srv.overOutputLimit(c)
}

// maxWriterBuffer is how large a worker's reply buffer may stay.
const maxWriterBuffer = 1 << 20

func (x *executor) resetWriter(b []byte) {
	if cap(b) > maxWriterBuffer {
		b = make([]byte, 0, readSize)
	}
	x.worker.Writer.Reset(b[:0], resp.RESP2)
}
