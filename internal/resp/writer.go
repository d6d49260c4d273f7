// Writer: replies to bytes.
//
// Handlers write their reply here in terms of what it means (a map, a double, nothing), and the
// Writer spells it in the client's protocol: RESP3 has a type for each, RESP2 makes do with arrays
// and bulk strings. It appends to a buffer of its caller, so that the replies of a whole read leave
// in one write; it keeps nothing else, and allocates only when that buffer is too small.
//
// What must hold: the bytes between two top-level replies are always whole replies, so Truncate to
// a Mark taken there is safe.

// Package resp speaks RESP2 and RESP3 both ways: requests to arguments, replies to bytes, and the
// numbers inside both.
package resp

import "strings"

// Protocol versions, as HELLO names them.
const (
	RESP2 = 2
	RESP3 = 3
)

// Writer appends replies to a buffer. The zero Writer writes RESP2 to a buffer of its own.
type Writer struct {
	buf   []byte
	resp3 bool
}

// Reset makes w append to buf, after what is there, in protocol proto (RESP2 or RESP3).
func (w *Writer) Reset(buf []byte, proto int) {
	w.buf = buf
	w.resp3 = proto == RESP3
}

// Buffer returns everything in the buffer. It is the caller's again until the next method call.
func (w *Writer) Buffer() []byte { return w.buf }

// Len returns the number of bytes in the buffer.
func (w *Writer) Len() int { return len(w.buf) }

// Proto returns RESP2 or RESP3.
func (w *Writer) Proto() int {
	if w.resp3 {
		return RESP3
	}
	return RESP2
}

// SetProto makes all later replies RESP2 or RESP3.
func (w *Writer) SetProto(proto int) { w.resp3 = proto == RESP3 }

// Mark returns a place for Truncate to go back to.
func (w *Writer) Mark() int { return len(w.buf) }

// Truncate takes back everything written since mark.
func (w *Writer) Truncate(mark int) { w.buf = w.buf[:mark] }

// Raw appends bytes that are in the client's protocol already.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// RawString appends text that is in the client's protocol already.
func (w *Writer) RawString(s string) { w.buf = append(w.buf, s...) }

// OK writes +OK.
func (w *Writer) OK() { w.buf = append(w.buf, '+', 'O', 'K', '\r', '\n') }

// Pong writes +PONG.
func (w *Writer) Pong() { w.buf = append(w.buf, '+', 'P', 'O', 'N', 'G', '\r', '\n') }

// Queued writes +QUEUED.
func (w *Writer) Queued() { w.buf = append(w.buf, "+QUEUED\r\n"...) }

// Simple writes a status line. s holds no line break.
func (w *Writer) Simple(s string) {
	w.buf = append(w.buf, '+')
	w.buf = append(w.buf, s...)
	w.buf = append(w.buf, '\r', '\n')
}

// Error writes an error reply. Line breaks at either end are dropped, others become blanks, since
// what a client sent may be quoted in the text.
func (w *Writer) Error(e Error) {
	s := string(e)
	if strings.ContainsAny(s, "\r\n") {
		s = strings.NewReplacer("\r", " ", "\n", " ").Replace(strings.Trim(s, "\r\n"))
	}
	w.buf = append(w.buf, '-')
	w.buf = append(w.buf, s...)
	w.buf = append(w.buf, '\r', '\n')
}

// Int writes an integer.
func (w *Writer) Int(n int64) {
	if uint64(n) < 10 {
		w.buf = append(w.buf, ':', byte('0'+n), '\r', '\n')
		return
	}
	buf := append(w.buf, ':')
	buf = AppendInt(buf, n)
	w.buf = append(buf, '\r', '\n')
}

// Bulk writes a string of any bytes.
func (w *Writer) Bulk(b []byte) {
	buf := appendHeader(w.buf, '$', len(b))
	buf = append(buf, b...)
	w.buf = append(buf, '\r', '\n')
}

// BulkString writes a string of any bytes.
func (w *Writer) BulkString(s string) {
	buf := appendHeader(w.buf, '$', len(s))
	buf = append(buf, s...)
	w.buf = append(buf, '\r', '\n')
}

// BulkInt writes an integer as a string, which is how values that look like integers are replied.
func (w *Writer) BulkInt(n int64) {
	var digits [maxIntLen]byte
	w.Bulk(AppendInt(digits[:0], n))
}

// Null writes that there is no value, where a string would stand.
func (w *Writer) Null() {
	if w.resp3 {
		w.buf = append(w.buf, '_', '\r', '\n')
		return
	}
	w.buf = append(w.buf, '$', '-', '1', '\r', '\n')
}

// NullArray writes that there is no value, where an array would stand.
func (w *Writer) NullArray() {
	if w.resp3 {
		w.buf = append(w.buf, '_', '\r', '\n')
		return
	}
	w.buf = append(w.buf, '*', '-', '1', '\r', '\n')
}

// Array announces n replies.
func (w *Writer) Array(n int) { w.buf = appendHeader(w.buf, '*', n) }

// Map announces n pairs of replies: in RESP2 an array of 2n.
func (w *Writer) Map(n int) {
	if w.resp3 {
		w.buf = appendHeader(w.buf, '%', n)
		return
	}
	w.buf = appendHeader(w.buf, '*', 2*n)
}

// Set announces n replies in no order: in RESP2 an array.
func (w *Writer) Set(n int) { w.aggregate('~', n) }

// Push announces n replies that answer no request: in RESP2 an array.
func (w *Writer) Push(n int) { w.aggregate('>', n) }

// Attribute announces n pairs of replies about the reply that follows them. RESP2 has no such
// thing: then it writes nothing and returns false, and the pairs must not be written either.
func (w *Writer) Attribute(n int) bool {
	if w.resp3 {
		w.buf = appendHeader(w.buf, '|', n)
	}
	return w.resp3
}

// Bool writes true or false: in RESP2 the integers 1 and 0.
func (w *Writer) Bool(b bool) {
	kind, digit := byte('#'), byte('f')
	if b {
		digit = 't'
	}
	if !w.resp3 {
		kind, digit = ':', '0'
		if b {
			digit = '1'
		}
	}
	w.buf = append(w.buf, kind, digit, '\r', '\n')
}

// Double writes f in its shortest exact form (AppendDouble): in RESP2 as a string.
func (w *Writer) Double(f float64) {
	var digits [maxDoubleLen]byte
	w.number(',', AppendDouble(digits[:0], f))
}

// HumanDouble writes f without an exponent, to at most 17 decimals, as coordinates are replied: in
// RESP2 as a string.
func (w *Writer) HumanDouble(f float64) {
	var digits [maxDoubleLen]byte
	w.number(',', AppendHumanDouble(digits[:0], f))
}

// BigNumber writes an integer of any size, given as its decimal digits: in RESP2 as a string.
func (w *Writer) BigNumber(digits string) { w.number('(', []byte(digits)) }

// Verbatim writes text with its format, of at most three letters ("txt", "mkd"): in RESP2 as a
// string without it.
func (w *Writer) Verbatim(format string, text []byte) {
	if !w.resp3 {
		w.Bulk(text)
		return
	}
	w.buf = appendHeader(w.buf, '=', len(text)+4)
	for i := range 3 {
		letter := byte(' ')
		if i < len(format) {
			letter = format[i]
		}
		w.buf = append(w.buf, letter)
	}
	w.buf = append(w.buf, ':')
	w.buf = append(w.buf, text...)
	w.buf = append(w.buf, '\r', '\n')
}

// deferredLen is the room that Deferred leaves: a header for up to 9 elements.
const deferredLen = len("*0\r\n")

// Deferred leaves room for the header of an aggregate whose length is not known yet, and returns
// where. One of the Set…Len methods must fill it, after the elements are written; of several, the
// last one first. The elements move once, and only when there are more than 9.
func (w *Writer) Deferred() (mark int) {
	mark = len(w.buf)
	w.buf = append(w.buf, '*', '0', '\r', '\n')
	return mark
}

// SetArrayLen makes what follows mark an array of n replies.
func (w *Writer) SetArrayLen(mark, n int) { w.setHeader(mark, '*', n) }

// SetSetLen makes what follows mark a set of n replies: in RESP2 an array.
func (w *Writer) SetSetLen(mark, n int) {
	if w.resp3 {
		w.setHeader(mark, '~', n)
		return
	}
	w.setHeader(mark, '*', n)
}

// SetMapLen makes what follows mark a map of n pairs: in RESP2 an array of 2n.
func (w *Writer) SetMapLen(mark, n int) {
	if w.resp3 {
		w.setHeader(mark, '%', n)
		return
	}
	w.setHeader(mark, '*', 2*n)
}

// setHeader overwrites the room at mark with a header, and widens it first if it is too narrow.
func (w *Writer) setHeader(mark int, kind byte, n int) {
	var room [maxHeaderLen]byte
	header := appendHeader(room[:0], kind, n)
	if wider := len(header) - deferredLen; wider > 0 {
		end := len(w.buf)
		w.buf = append(w.buf, header[:wider]...)
		copy(w.buf[mark+len(header):], w.buf[mark+deferredLen:end])
	}
	copy(w.buf[mark:], header)
}

// aggregate writes a header whose type only RESP3 has.
func (w *Writer) aggregate(kind byte, n int) {
	if !w.resp3 {
		kind = '*'
	}
	w.buf = appendHeader(w.buf, kind, n)
}

// number writes digits as a RESP3 line of the given kind, or as a RESP2 string.
func (w *Writer) number(kind byte, digits []byte) {
	if !w.resp3 {
		w.Bulk(digits)
		return
	}
	buf := append(w.buf, kind)
	buf = append(buf, digits...)
	w.buf = append(buf, '\r', '\n')
}

// maxHeaderLen holds a kind, a length and a line end.
const maxHeaderLen = 1 + maxIntLen + 2

// appendHeader appends a kind, a length and a line end. Lengths below 1000 are nearly all there
// are, and one append of a known size is much faster than several.
func appendHeader(dst []byte, kind byte, n int) []byte {
	switch u := uint(n); {
	case u < 10:
		return append(dst, kind, byte('0'+u), '\r', '\n')
	case u < 100:
		return append(dst, kind, byte('0'+u/10), byte('0'+u%10), '\r', '\n')
	case u < 1000:
		return append(dst, kind, byte('0'+u/100), byte('0'+u/10%10), byte('0'+u%10), '\r', '\n')
	}
	dst = append(dst, kind)
	dst = AppendInt(dst, int64(n))
	return append(dst, '\r', '\n')
}

// AppendCommand appends a request of the given arguments, as a client, the AOF and a replication
// stream write it.
func AppendCommand(dst []byte, args ...[]byte) []byte {
	dst = appendHeader(dst, '*', len(args))
	for _, arg := range args {
		dst = appendHeader(dst, '$', len(arg))
		dst = append(dst, arg...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}
