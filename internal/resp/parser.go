// Parser: bytes to commands.
//
// A connection's reader hands over what it has; the Parser cuts commands off the front, their
// arguments being slices of those very bytes. What it sees of a half-received command it does not
// read again: it remembers how far it came and how long the buffer must be before anything can
// change, so a command costs time linear in its size however small the pieces it comes in. No
// arguments are kept meanwhile. When the last byte is there, the headers, known to be good, are
// walked once more to cut them.
//
// What must hold: until a command is complete, its bytes stay at the front of what Next is given,
// unchanged, though they may move to another buffer.

package resp

import (
	"bytes"
	"math"
)

// Status tells what Next found.
type Status uint8

const (
	// Complete: a command with at least one argument (which may be empty).
	Complete Status = iota
	// NeedMore: a command that is not all there yet. Nothing is consumed.
	NeedMore
	// Empty: a bare line end, or an array of no elements. There is nothing to run.
	Empty
	// Bad: not the protocol. The error is to be replied and the connection closed.
	Bad
)

// DefaultMaxInline is the most bytes that a line may have: an inline command, or the count of an
// array or a string.
const DefaultMaxInline = 64 << 10

// What a connection that has not said who it is may send.
const (
	maxStrangerArgs = 10
	maxStrangerBulk = 16384
)

// Protocol errors. The one that is not here quotes what came instead of a '$'.
const (
	errBigInline        Error = "ERR Protocol error: too big inline request"
	errUnbalanced       Error = "ERR Protocol error: unbalanced quotes in request"
	errBigCount         Error = "ERR Protocol error: too big mbulk count string"
	errBadCount         Error = "ERR Protocol error: invalid multibulk length"
	errStrangerCount    Error = "ERR Protocol error: unauthenticated multibulk length"
	errBigBulkCount     Error = "ERR Protocol error: too big bulk count string"
	errBadBulkLength    Error = "ERR Protocol error: invalid bulk length"
	errStrangerBulkSize Error = "ERR Protocol error: unauthenticated bulk length"
)

// Limits are what a connection may send at this moment.
type Limits struct {
	MaxBulk       int64 // bytes of one argument: proto-max-bulk-len
	MaxInline     int   // bytes of a line: DefaultMaxInline
	Authenticated bool  // else at most 10 arguments of at most 16,384 bytes each
}

// Parser is the state of one connection's requests: 32 bytes, since idle connections are many. The
// zero Parser awaits a command.
type Parser struct {
	at      int   // of the first byte that is not understood yet: of a line or of an argument
	want    int   // bytes that there must be before anything changes; below want-1 no line ends
	left    int32 // arguments of the array that are not complete
	step    step
	deadEnd bool // a NUL stands in the line at at: like Redis, see no line end behind it
}

// step is what stands at Parser.at.
type step uint8

const (
	stepFirst  step = iota // the first byte of a command
	stepInline             // the line of an inline command
	stepCount              // the line that counts the elements of an array
	stepHeader             // the line that gives the length of an argument
	stepArg                // an argument and its line end
)

// Reset forgets a half-received command.
func (p *Parser) Reset() { *p = Parser{} }

// Idle tells whether no command is half-received.
func (p *Parser) Idle() bool { return p.step == stepFirst }

// Want returns, after NeedMore, how many bytes of the command there must be, counted from its
// first, before Next can get any further. Until all of a long argument is there, it tells exactly
// where that ends: a buffer of that size is filled without growing. It is what the client claims,
// up to Limits.MaxBulk: memory should follow what has arrived.
func (p *Parser) Want() int { return max(p.want, 1) }

// Next reads one command from the front of buf. Complete: its arguments are slices of buf (quoted
// inline ones are new), appended to args. Complete and Empty: consumed bytes are done with.
// NeedMore: the next call gets these bytes again, and more. Bad: err is the reply.
func (p *Parser) Next(buf []byte, args [][]byte, lim *Limits) (consumed int, out [][]byte, status Status, err Error) {
	if p.step == stepFirst && len(buf) > 0 && buf[0] == '*' {
		maxArgs, maxBulk := math.MaxInt32, lim.MaxBulk
		if !lim.Authenticated {
			maxArgs, maxBulk = maxStrangerArgs, min(maxBulk, maxStrangerBulk)
		}
		if out, end := cut(buf, args, maxArgs, maxBulk); end > 0 {
			return end, out, Complete, ""
		}
	}
	return p.walk(buf, args, lim)
}

// cut appends the arguments of the array at the front of buf to args, and returns where it ends.
// end is 0 when the array is anything but complete, good and not empty.
func cut(buf []byte, args [][]byte, maxArgs int, maxBulk int64) (out [][]byte, end int) {
	count, at := readLength(buf, 1)
	if at == 0 || count > maxArgs {
		return args, 0
	}
	for range count {
		if at >= len(buf) || buf[at] != '$' {
			return args, 0
		}
		size, start := readLength(buf, at+1)
		if start == 0 || size > len(buf)-start-2 || int64(size) > maxBulk {
			return args, 0
		}
		at = start + size
		args = append(args, buf[start:at:at])
		at += 2
	}
	if count == 0 {
		return args, 0
	}
	return args, at
}

// readLength reads the number at buf[at:] and its line end, of which only the first byte is looked
// at, as in Redis. next is the place behind it, or 0 when there is no such number in whole.
func readLength(buf []byte, at int) (n, next int) {
	if at+2 >= len(buf) {
		return 0, 0
	}
	digit := buf[at] - '0'
	if digit > 9 {
		return 0, 0
	}
	if buf[at+1] == '\r' {
		return int(digit), at + 3
	}
	if digit == 0 {
		return 0, 0
	}
	n = int(digit)
	for at++; at < len(buf)-1; at++ {
		digit = buf[at] - '0'
		if digit > 9 {
			if buf[at] == '\r' {
				return n, at + 2
			}
			return 0, 0
		}
		if n > math.MaxInt32*1000 {
			return 0, 0 // no buffer is that large: walk will say what is wrong
		}
		n = n*10 + int(digit)
	}
	return 0, 0
}

// walk is Next for what is not simply there: it goes on where it stopped, checking, and has the
// arguments cut when it comes to the end.
func (p *Parser) walk(buf []byte, args [][]byte, lim *Limits) (consumed int, out [][]byte, status Status, err Error) {
	if p.step == stepFirst {
		if len(buf) == 0 {
			return 0, args, NeedMore, ""
		}
		p.step = stepInline
		if buf[0] == '*' {
			p.step = stepCount
		}
	}
	for {
		if p.step == stepArg {
			if len(buf) < p.want {
				return 0, args, NeedMore, ""
			}
			p.at = p.want
			p.left--
			if p.left == 0 {
				return p.finish(buf, args)
			}
			p.step = stepHeader
		}
		end, err := p.lineEnd(buf, lim.MaxInline)
		if err != "" {
			return 0, args, Bad, err
		}
		if end < 0 {
			return 0, args, NeedMore, ""
		}
		switch p.step {
		case stepInline:
			return p.inline(buf, end, args)
		case stepCount:
			count, err := readCount(buf[1:end], lim)
			if err != "" {
				return 0, args, Bad, err
			}
			if count <= 0 {
				p.Reset()
				return end + 2, args, Empty, ""
			}
			p.left = int32(count)
			p.at = end + 2
			p.step = stepHeader
		case stepHeader:
			size, err := readHeader(buf[p.at:end+1], lim)
			if err != "" {
				return 0, args, Bad, err
			}
			p.at = end + 2
			p.want = p.at + size + 2
			p.step = stepArg
		}
	}
}

// finish cuts the arguments of a command that has been walked to its end.
func (p *Parser) finish(buf []byte, args [][]byte) (int, [][]byte, Status, Error) {
	out, end := cut(buf, args, math.MaxInt32, math.MaxInt64)
	if end != p.at {
		panic("resp: the bytes of a half-received command have changed")
	}
	p.Reset()
	return end, out, Complete, ""
}

// inline splits an inline command, whose line feed is at buf[end].
func (p *Parser) inline(buf []byte, end int, args [][]byte) (int, [][]byte, Status, Error) {
	line := buf[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	out, ok := appendSplit(args, line)
	if !ok {
		return 0, args, Bad, errUnbalanced
	}
	p.Reset()
	if len(out) == len(args) {
		return end + 1, args, Empty, ""
	}
	return end + 1, out, Complete, ""
}

// lineEnd returns the place of the line feed of an inline command, or of the carriage return of any
// other line once a byte follows it; -1 when that has not come yet.
func (p *Parser) lineEnd(buf []byte, maxLine int) (end int, err Error) {
	mark := byte('\r')
	if p.step == stepInline {
		mark = '\n'
	}
	line := buf[p.at:]
	if len(line) > maxLine {
		line = line[:maxLine+1] // a longer one is wrong, whatever follows
	}
	from := min(max(p.want-2-p.at, 0), len(line))
	if !p.deadEnd {
		end = bytes.IndexByte(line[from:], mark)
		fresh := line[from:]
		if end >= 0 {
			fresh = fresh[:end]
		}
		p.deadEnd = bytes.IndexByte(fresh, 0) >= 0
	}
	if p.deadEnd || end < 0 {
		p.want = len(buf) + 1
		if len(line) > maxLine {
			return -1, tooLong(p.step)
		}
		return -1, ""
	}
	end += p.at + from
	if mark == '\r' && end+1 == len(buf) {
		p.want = end + 2
		return -1, ""
	}
	return end, ""
}

// tooLong returns the error for a line without an end.
func tooLong(s step) Error {
	switch s {
	case stepInline:
		return errBigInline
	case stepCount:
		return errBigCount
	}
	return errBigBulkCount
}

// readCount reads the line that counts the elements of an array, without its first and last byte.
func readCount(line []byte, lim *Limits) (int64, Error) {
	count, ok := ParseInt(line)
	if !ok || count > math.MaxInt32 {
		return 0, errBadCount
	}
	if count > maxStrangerArgs && !lim.Authenticated {
		return 0, errStrangerCount
	}
	return count, ""
}

// readHeader reads the line that gives the length of an argument, with its carriage return.
func readHeader(line []byte, lim *Limits) (int, Error) {
	if line[0] != '$' {
		return 0, Error("ERR Protocol error: expected '$', got '" + string(line[:1]) + "'")
	}
	size, ok := ParseInt(line[1 : len(line)-1])
	if !ok || size < 0 || size > lim.MaxBulk || size > math.MaxInt32*1000 {
		return 0, errBadBulkLength
	}
	if size > maxStrangerBulk && !lim.Authenticated {
		return 0, errStrangerBulkSize
	}
	return int(size), ""
}
