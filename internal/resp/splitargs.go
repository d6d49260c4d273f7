// SplitArgs: words of a line, as a person types them.
//
// Inline commands and lines of the configuration file are words between blanks. A word may hold
// quoted parts: in double quotes \n \r \t \b \a \xHH and \" mean what they do in C, in single
// quotes only \' is special. A closing quote must end its word.

package resp

// SplitArgs splits a line into words. Words without quotes are slices of line, others are new. A
// NUL ends the line. ok is false when a quote is not closed or is followed by more of the word.
func SplitArgs(line []byte) (words [][]byte, ok bool) {
	return appendSplit(nil, line)
}

// appendSplit is SplitArgs, appending to words.
func appendSplit(words [][]byte, line []byte) ([][]byte, bool) {
	at := 0
	for {
		for at < len(line) && isSpace(line[at]) {
			at++
		}
		if at == len(line) || line[at] == 0 {
			return words, true
		}
		start := at
		for at < len(line) && !endsWord(line[at]) && line[at] != '"' && line[at] != '\'' {
			at++
		}
		if at == len(line) || endsWord(line[at]) {
			words = append(words, line[start:at:at])
			continue
		}
		quote := line[at]
		word, end := unquote(append([]byte(nil), line[start:at]...), line, at+1, quote)
		if end < 0 {
			return nil, false
		}
		words = append(words, word)
		at = end
	}
}

// endsWord tells whether c, outside quotes, is no more part of a word. Vertical tab and form feed
// are, though they are blanks between words: Redis has it so.
func endsWord(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0
}

// unquote appends to word what the quoted part beginning at line[at:] means. It returns the place
// after the closing quote, or -1 when there is none or it does not end the word.
func unquote(word, line []byte, at int, quote byte) ([]byte, int) {
	for at < len(line) && line[at] != 0 {
		c := line[at]
		at++
		if c == quote {
			if at < len(line) && line[at] != 0 && !isSpace(line[at]) {
				return nil, -1
			}
			return word, at
		}
		if c == '\\' && at < len(line) && line[at] != 0 {
			switch {
			case quote == '\'':
				if line[at] == '\'' {
					c = '\''
					at++
				}
			case line[at] == 'x' && at+2 < len(line) && digitValue(line[at+1]) < 16 && digitValue(line[at+2]) < 16:
				c = byte(digitValue(line[at+1])<<4 | digitValue(line[at+2]))
				at += 3
			default:
				c = escaped(line[at])
				at++
			}
		}
		word = append(word, c)
	}
	return nil, -1
}

// escaped returns what a backslash before c means in double quotes.
func escaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}
