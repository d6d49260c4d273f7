// A client connection that sends what it is told, byte for byte, and reads one reply at a time.

package harness

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// ReplyTimeout is how long a reply may take before a test is told that none came. Nothing is ever waited for so long where
// all is well, on the slowest machine either.
const ReplyTimeout = time.Minute

// writePiece is how much of a long request has that time to leave: what answers a pipeline may be slow, and need not be stuck.
const writePiece = 64 << 10

// Conn is one connection to a server. It is not safe for concurrent use.
type Conn struct {
	nc net.Conn
	r  *bufio.Reader
}

// Dial connects to host:port, or to a unix socket when addr is a path.
func Dial(addr string) (*Conn, error) {
	network := "tcp"
	if addr[0] == '/' {
		network = "unix"
	}
	nc, err := net.DialTimeout(network, addr, ReplyTimeout)
	if err != nil {
		return nil, err
	}
	return &Conn{nc: nc, r: bufio.NewReaderSize(nc, 64<<10)}, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.nc.Close() }

// LocalAddr is the client's side, as CLIENT LIST shows it under addr.
func (c *Conn) LocalAddr() string { return c.nc.LocalAddr().String() }

// AppendCommand appends one request to b in the form all clients use.
func AppendCommand(b []byte, args ...string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	b = append(b, "\r\n"...)
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
		b = append(b, "\r\n"...)
	}
	return b
}

// Write sends bytes as they are. A connection that the server has closed is no error here: the
// next read tells.
func (c *Conn) Write(b []byte) error {
	for piece := range slices.Chunk(b, writePiece) {
		var err error
		limit(c.nc.SetWriteDeadline, func() { _, err = c.nc.Write(piece) })
		if isClosed(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Send sends one command.
func (c *Conn) Send(args ...string) error { return c.Write(AppendCommand(nil, args...)) }

// Read reads one reply. Errors: io.EOF when the server has closed the connection.
func (c *Conn) Read() (v Value, err error) {
	limit(c.nc.SetReadDeadline, func() { v, err = readValue(c.r, 0) })
	if isClosed(err) {
		err = io.EOF
	}
	return v, err
}

// Do sends one command and reads one reply.
func (c *Conn) Do(args ...string) (Value, error) {
	if err := c.Send(args...); err != nil {
		return Value{}, err
	}
	return c.Read()
}

// Must is Do that ends the test when there is no reply or an error reply.
func (c *Conn) Must(tb testing.TB, args ...string) Value {
	tb.Helper()
	v, err := c.Do(args...)
	if err != nil || v.IsError() {
		tb.Fatalf("%q: %v, %v", args, v, err)
	}
	return v
}

// ReadUntil reads raw bytes up to and without mark. closed tells that the stream ended first; then
// all that came is returned.
func (c *Conn) ReadUntil(mark []byte) (got []byte, closed bool, err error) {
	limit(c.nc.SetReadDeadline, func() {
		for !bytes.HasSuffix(got, mark) {
			var b byte
			if b, err = c.r.ReadByte(); err != nil {
				return
			}
			got = append(got, b)
		}
	})
	if isClosed(err) || errors.Is(err, io.EOF) {
		return got, true, nil
	}
	return bytes.TrimSuffix(got, mark), false, err
}

// limit runs one blocking exchange and breaks it off, by its deadline, after ReplyTimeout.
func limit(setDeadline func(time.Time) error, exchange func()) {
	longAgo := time.Unix(1, 0)
	timer := time.AfterFunc(ReplyTimeout, func() { _ = setDeadline(longAgo) })
	defer timer.Stop()
	exchange()
}

// isClosed tells whether err says that the other side has gone, with or without unread data.
func isClosed(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
