// Words and quotes as in redis-cli, inline commands and redis.conf.
//
// A word is bare, or in double quotes with the escapes \n \r \t \b \a \\ \" and \xHH, or in single
// quotes where only \' is an escape. A closing quote must be followed by a blank or the end.

package harness

import (
	"errors"
	"strconv"
	"strings"
)

// ErrQuotes reports unbalanced quotes, or text right after a closing quote.
var ErrQuotes = errors.New("unbalanced quotes")

// SplitArgs splits line into words. Errors: ErrQuotes.
func SplitArgs(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" {
			return words, nil
		}
		word, rest, err := nextWord(line)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
}

// nextWord takes the first word of line, which does not begin with a blank.
func nextWord(line string) (word, rest string, err error) {
	var w strings.Builder
	for i := 0; i < len(line); {
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			return w.String(), line[i:], nil
		case '"', '\'':
			used, err := quoted(&w, line[i:])
			if err != nil {
				return "", "", err
			}
			i += used
			if i < len(line) && !isBlank(line[i]) {
				return "", "", ErrQuotes
			}
		default:
			w.WriteByte(c)
			i++
		}
	}
	return w.String(), "", nil
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// quoted appends to w what the quoted string at the start of s says, and returns its length with
// both quotes.
func quoted(w *strings.Builder, s string) (used int, err error) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote:
			return i + 1, nil
		case c != '\\' || i+1 == len(s):
			w.WriteByte(c)
		case quote == '\'':
			if s[i+1] == '\'' {
				i++
				c = '\''
			}
			w.WriteByte(c)
		default:
			used, b := escape(s[i:])
			w.WriteByte(b)
			i += used - 1
		}
	}
	return 0, ErrQuotes
}

// escape reads the escape at the start of s, which begins with a backslash and has more.
func escape(s string) (used int, b byte) {
	if s[1] == 'x' && len(s) >= 4 {
		if n, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
			return 4, byte(n)
		}
	}
	switch s[1] {
	case 'n':
		return 2, '\n'
	case 'r':
		return 2, '\r'
	case 't':
		return 2, '\t'
	case 'b':
		return 2, '\b'
	case 'a':
		return 2, '\a'
	}
	return 2, s[1]
}

// Quote writes s as one double-quoted word that SplitArgs reads back; bytes outside printable
// ASCII are escaped.
func Quote(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\a':
			b = append(b, `\a`...)
		case '\b':
			b = append(b, `\b`...)
		default:
			if c < ' ' || c > '~' {
				b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
			} else {
				b = append(b, c)
			}
		}
	}
	return string(append(b, '"'))
}
