// Decoder: replies as a client sees them.
//
// The other end of the Writer, for tests and tools: it reads RESP2 and RESP3 replies from a stream
// into trees of Values. It believes no length before the bytes have come, so that a broken or
// hostile server cannot make it allocate more than a fixed multiple of what it sends.
//
// What must hold: Value.WriteTo in the protocol that the value came in writes the bytes that were
// read, for all that the Writer writes.

package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// ErrReply is what Decode wraps when the stream is not a reply.
var ErrReply = errors.New("malformed reply")

// Kind is the type of a reply: its first byte on the wire.
type Kind byte

// The types of both protocols. A RESP2 null is a KindBulk or KindArray that IsNull.
const (
	KindSimple   Kind = '+'
	KindError    Kind = '-'
	KindInt      Kind = ':'
	KindBulk     Kind = '$'
	KindArray    Kind = '*'
	KindNull     Kind = '_'
	KindBool     Kind = '#'
	KindDouble   Kind = ','
	KindBig      Kind = '('
	KindVerbatim Kind = '='
	KindMap      Kind = '%'
	KindSet      Kind = '~'
	KindPush     Kind = '>'

	kindBlobError Kind = '!'
	kindAttribute Kind = '|'
)

// Limits of a reply.
const (
	maxDepth      = 256
	maxReplyBulk  = 1 << 40
	readAheadSize = 64 << 10 // bytes of a string that are allocated before they have come
)

// Value is a reply.
type Value struct {
	Kind       Kind
	IsNull     bool
	Text       string  // of all but ints and aggregates; a verbatim's includes "txt:"; a bool's is t or f
	Int        int64   // of KindInt
	Elems      []Value // of aggregates; a map's are key, value, key, value
	Attributes []Value // pairs that came before the reply
}

// Err returns an error reply as an error, and nil for others.
func (v Value) Err() error {
	if v.Kind != KindError {
		return nil
	}
	return Error(v.Text)
}

// WriteTo writes v in w's protocol: kinds that RESP2 lacks become what the Writer makes of them.
func (v Value) WriteTo(w *Writer) {
	if len(v.Attributes) > 0 && w.Attribute(len(v.Attributes)/2) {
		writeAll(w, v.Attributes)
	}
	switch v.Kind {
	case KindSimple:
		w.Simple(v.Text)
	case KindError:
		w.Error(Error(v.Text))
	case KindInt:
		w.Int(v.Int)
	case KindBool:
		w.Bool(v.Text == "t")
	case KindDouble:
		w.number(',', []byte(v.Text))
	case KindBig:
		w.BigNumber(v.Text)
	case KindVerbatim:
		w.Verbatim(v.Text[:3], []byte(v.Text[4:]))
	case KindNull:
		w.Null()
	case KindBulk:
		if v.IsNull {
			w.Null()
			return
		}
		w.BulkString(v.Text)
	case KindArray:
		if v.IsNull {
			w.NullArray()
			return
		}
		w.Array(len(v.Elems))
	case KindMap:
		w.Map(len(v.Elems) / 2)
	case KindSet:
		w.Set(len(v.Elems))
	case KindPush:
		w.Push(len(v.Elems))
	}
	writeAll(w, v.Elems)
}

func writeAll(w *Writer, values []Value) {
	for _, v := range values {
		v.WriteTo(w)
	}
}

// String returns v in redis-cli's spirit, on one line: strings quoted, aggregates in brackets.
func (v Value) String() string {
	var b strings.Builder
	v.print(&b)
	return b.String()
}

func (v Value) print(b *strings.Builder) {
	if v.IsNull || v.Kind == KindNull {
		b.WriteString("(nil)")
		return
	}
	switch v.Kind {
	case KindInt:
		fmt.Fprintf(b, "%d", v.Int)
	case KindBulk, KindVerbatim:
		b.WriteString(strconv.Quote(v.Text))
	case KindSimple, KindError, KindBool, KindDouble, KindBig:
		b.WriteByte(byte(v.Kind))
		b.WriteString(v.Text)
	default:
		b.WriteByte(byte(v.Kind))
		b.WriteByte('[')
		for i, e := range v.Elems {
			if i > 0 {
				b.WriteByte(' ')
			}
			e.print(b)
		}
		b.WriteByte(']')
	}
}

// Decoder reads replies from a stream.
type Decoder struct{ r *bufio.Reader }

// NewDecoder returns a Decoder that reads from r, and may read ahead.
func NewDecoder(r io.Reader) *Decoder {
	if b, ok := r.(*bufio.Reader); ok {
		return &Decoder{r: b}
	}
	return &Decoder{r: bufio.NewReader(r)}
}

// Buffered returns how many bytes have been read from the stream and not been decoded.
func (d *Decoder) Buffered() int { return d.r.Buffered() }

// Decode reads one reply, which may be a push. Errors: io.EOF when the stream ends before a reply,
// io.ErrUnexpectedEOF when inside, ErrReply, and those of the stream.
func (d *Decoder) Decode() (Value, error) {
	if _, err := d.r.Peek(1); err != nil {
		return Value{}, err
	}
	v, err := d.value(0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

func (d *Decoder) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, fmt.Errorf("%w: nested deeper than %d", ErrReply, maxDepth)
	}
	line, err := d.line()
	if err != nil {
		return Value{}, err
	}
	if len(line) == 0 {
		return Value{}, fmt.Errorf("%w: empty line", ErrReply)
	}
	kind, rest := Kind(line[0]), line[1:]
	if kind == kindAttribute {
		attributes, err := d.elems(rest, 2, depth)
		if err != nil {
			return Value{}, err
		}
		v, err := d.value(depth + 1)
		v.Attributes = attributes
		return v, err
	}
	return d.body(kind, rest, depth)
}

// body reads the rest of a reply, of which the first line was kind and rest.
func (d *Decoder) body(kind Kind, rest string, depth int) (Value, error) {
	v := Value{Kind: kind}
	var err error
	switch kind {
	case KindSimple, KindError, KindBig, KindDouble:
		v.Text = rest
	case KindInt:
		n, ok := ParseInt([]byte(rest))
		if !ok {
			return v, fmt.Errorf("%w: integer %q", ErrReply, rest)
		}
		v.Int = n
	case KindNull:
		if rest != "" {
			return v, fmt.Errorf("%w: null %q", ErrReply, rest)
		}
		v.IsNull = true
	case KindBool:
		if rest != "t" && rest != "f" {
			return v, fmt.Errorf("%w: boolean %q", ErrReply, rest)
		}
		v.Text = rest
	case KindBulk, KindArray:
		if rest == "-1" {
			v.IsNull = true
			break
		}
		if kind == KindArray {
			v.Elems, err = d.elems(rest, 1, depth)
			break
		}
		v.Text, err = d.text(rest)
	case kindBlobError:
		v.Kind = KindError
		v.Text, err = d.text(rest)
	case KindVerbatim:
		v.Text, err = d.text(rest)
		if err == nil && (len(v.Text) < 4 || v.Text[3] != ':') {
			err = fmt.Errorf("%w: verbatim string without a format", ErrReply)
		}
	case KindMap:
		v.Elems, err = d.elems(rest, 2, depth)
	case KindSet, KindPush:
		v.Elems, err = d.elems(rest, 1, depth)
	default:
		err = fmt.Errorf("%w: type %q", ErrReply, byte(kind))
	}
	return v, err
}

// length reads the length of a string or an aggregate.
func length(digits string, most int64) (int64, error) {
	n, ok := ParseInt([]byte(digits))
	if !ok || n < 0 || n > most {
		return 0, fmt.Errorf("%w: length %q", ErrReply, digits)
	}
	return n, nil
}

// elems reads the elements of an aggregate, which are perCount times as many as it says.
func (d *Decoder) elems(digits string, perCount int64, depth int) ([]Value, error) {
	n, err := length(digits, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	elems := make([]Value, 0, min(n*perCount, 16))
	for range n * perCount {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		elems = append(elems, v)
	}
	return elems, nil
}

// text reads a string and its line end.
func (d *Decoder) text(digits string) (string, error) {
	n, err := length(digits, maxReplyBulk)
	if err != nil {
		return "", err
	}
	var text []byte
	for left := n + 2; left > 0; {
		start := len(text)
		text = append(text, make([]byte, min(left, int64(max(readAheadSize, start))))...)
		if _, err := io.ReadFull(d.r, text[start:]); err != nil {
			return "", err
		}
		left -= int64(len(text) - start)
	}
	if text[n] != '\r' || text[n+1] != '\n' {
		return "", fmt.Errorf("%w: string longer than its length %d", ErrReply, n)
	}
	return string(text[:n]), nil
}

// line reads a line and cuts its end off.
func (d *Decoder) line() (string, error) {
	line, err := d.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return "", fmt.Errorf("%w: line without carriage return", ErrReply)
	}
	return line[:len(line)-2], nil
}
