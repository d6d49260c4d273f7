// Replies, decoded so that nothing is lost: the RESP type is kept, in both protocols, so that two
// servers' replies are equal exactly when the clients see the same.

package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Value is one reply. Kind is its first byte on the wire.
type Value struct {
	Kind byte    // + - : $ * _ , # ! = ( % ~ > and, for a RESP2 null of either sort, $ or * with Null
	Null bool    // $-1 or *-1
	Text string  // of every kind that has no elements, as sent; a verbatim string has its "txt:" prefix
	Elem []Value // of * ~ > and, keys and values in turn, of %
	Attr []Value // keys and values of an attribute that came before the reply
}

var errProtocol = errors.New("reply is not RESP")

const maxReplyDepth = 64

// readValue reads one reply. Errors: io.EOF when the stream ends before it, io.ErrUnexpectedEOF
// inside it, errProtocol.
func readValue(r *bufio.Reader, depth int) (Value, error) {
	line, err := readLine(r)
	if err != nil {
		if depth > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Value{}, err
	}
	if line == "" || depth > maxReplyDepth {
		return Value{}, fmt.Errorf("%w: line %q at depth %d", errProtocol, line, depth)
	}
	v := Value{Kind: line[0], Text: line[1:]}
	switch v.Kind {
	case '+', '-', ':', '_', ',', '#', '(':
		return v, nil
	case '$', '!', '=':
		return readBlob(r, v)
	case '*', '~', '>':
		return readElements(r, v, 1, depth)
	case '%':
		return readElements(r, v, 2, depth)
	case '|':
		attr, err := readElements(r, v, 2, depth)
		if err != nil {
			return Value{}, err
		}
		v, err := readValue(r, depth+1)
		v.Attr = attr.Elem
		return v, err
	}
	return Value{}, fmt.Errorf("%w: line %q", errProtocol, line)
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if line != "" && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	body, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", fmt.Errorf("%w: line %q", errProtocol, line)
	}
	return body, nil
}

func readBlob(r *bufio.Reader, v Value) (Value, error) {
	length, err := strconv.Atoi(v.Text)
	if err != nil || length < -1 {
		return Value{}, fmt.Errorf("%w: length %q", errProtocol, v.Text)
	}
	if length == -1 {
		return Value{Kind: v.Kind, Null: true}, nil
	}
	body := make([]byte, length+2)
	if _, err := io.ReadFull(r, body); err != nil {
		return Value{}, io.ErrUnexpectedEOF
	}
	if string(body[length:]) != "\r\n" {
		return Value{}, fmt.Errorf("%w: no line end after %d bytes", errProtocol, length)
	}
	v.Text = string(body[:length])
	return v, nil
}

// readElements reads the elements of an aggregate whose header line is in v; each entry counts for
// perEntry values.
func readElements(r *bufio.Reader, v Value, perEntry, depth int) (Value, error) {
	count, err := strconv.Atoi(v.Text)
	if err != nil || count < -1 {
		return Value{}, fmt.Errorf("%w: count %q", errProtocol, v.Text)
	}
	v.Text = ""
	if count == -1 {
		return Value{Kind: v.Kind, Null: true}, nil
	}
	for range count * perEntry {
		e, err := readValue(r, depth+1)
		if err != nil {
			return Value{}, err
		}
		v.Elem = append(v.Elem, e)
	}
	return v, nil
}

// IsError tells whether v is an error reply.
func (v Value) IsError() bool { return v.Kind == '-' || v.Kind == '!' }

// String renders v on one line, for messages.
func (v Value) String() string { return strings.Join(v.Lines(), " ") }

// Equal tells whether v and w are the same reply.
func (v Value) Equal(w Value) bool { return slices.Equal(v.Lines(), w.Lines()) }

// Lines renders v, exactly and readably, one line per scalar:
//
//	+OK -ERR text :1 ,3.14 (123 #t   as on the wire, control characters escaped
//	"text"                           a bulk string; one with line ends inside is split after each,
//	                                 lines but the last ending in " \"
//	$-1 *-1 _                        the nulls of RESP2 and of RESP3
//	="txt:text" !"ERR text"          verbatim string, bulk error
//	*2 ~2 %2 >>2 |1                  array, set, map (key and value by turns), push, attribute;
//	                                 elements follow, indented by two blanks
func (v Value) Lines() []string {
	var lines []string
	if v.Attr != nil {
		lines = appendElements(append(lines, fmt.Sprintf("|%d", len(v.Attr)/2)), v.Attr)
	}
	switch v.Kind {
	case '$', '=', '!':
		if v.Null {
			return append(lines, string(v.Kind)+"-1")
		}
		text := textLines(v.Text)
		if v.Kind != '$' {
			text[0] = string(v.Kind) + text[0]
		}
		return append(lines, text...)
	case '*', '~', '%', '>':
		return append(lines, v.aggregateLines()...)
	}
	q := Quote(v.Text)
	return append(lines, string(v.Kind)+strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`))
}

func (v Value) aggregateLines() []string {
	head := string(v.Kind)
	count := len(v.Elem)
	switch v.Kind {
	case '>':
		head = ">>" // a single one would look like a line to send
	case '%':
		count /= 2
	}
	if v.Null {
		return []string{head + "-1"}
	}
	return appendElements([]string{head + strconv.Itoa(count)}, v.Elem)
}

func appendElements(lines []string, elements []Value) []string {
	for _, e := range elements {
		for _, line := range e.Lines() {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// textLines quotes s, split after each line end.
func textLines(s string) []string {
	var lines []string
	for {
		i := strings.IndexByte(s, '\n')
		if i < 0 || i == len(s)-1 {
			return append(lines, Quote(s))
		}
		lines = append(lines, Quote(s[:i+1])+` \`)
		s = s[i+1:]
	}
}

// RawLines renders bytes as they came, split after each line end; none at all gives no lines.
func RawLines(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return textLines(string(b))
}
