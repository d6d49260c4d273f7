// Patterns: the little language of KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL.
//
//	*        any number of bytes, also none
//	?        any one byte
//	[a-z_]   one byte of a set; [^a-z] one that is not in it
//	\x       the byte x itself, whatever it means elsewhere
//
// Its odd corners are Redis's, because users' patterns rest on them: a set need not be closed, a
// backslash at the end stands for itself, the ends of a range may come in either order and are
// compared as signed bytes, an escaped byte in a set heeds case, and the empty string is matched by
// the empty pattern only.
//
// When two stars are passed, only the later one is ever widened: if the rest of the pattern fits
// nowhere behind it, widening an earlier star cannot help. So the work is at most the product of
// both lengths, where naive backtracking needs exponential time.

// Package glob matches strings with patterns as Redis does.
package glob

import "bytes"

// Match tells whether the whole of s fits pattern. With nocase, ASCII letters match in either
// case. It does not allocate.
func Match(pattern, s []byte, nocase bool) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	var (
		p, i     int       // next of pattern, next of s
		star     = -1      // where the pattern goes on behind the last star; -1: none was passed
		starFrom int       // where in s that rest was last tried
		stay     = byte(0) // the byte that rest begins with
		seek     = false   // whether stay says where the rest may fit
	)
	for i < len(s) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				for p < len(pattern) && pattern[p] == '*' {
					p++
				}
				if p == len(pattern) {
					return true
				}
				star, starFrom = p, i
				stay, seek = pattern[p], !nocase && isPlain(pattern[p])
				if seek {
					skip := bytes.IndexByte(s[i:], stay)
					if skip < 0 {
						return false
					}
					starFrom += skip
					i = starFrom
				}
				continue
			}
			if next, ok := step(pattern, p, s[i], nocase); ok {
				p = next
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		starFrom++
		if seek {
			skip := bytes.IndexByte(s[starFrom:], stay)
			if skip < 0 {
				return false
			}
			starFrom += skip
		}
		p, i = star, starFrom
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// isPlain tells whether c stands for itself at the head of a pattern.
func isPlain(c byte) bool { return c != '?' && c != '[' && c != '\\' }

// step matches the one byte c with the element of pattern at p, which is not a star. It returns
// where the next element begins.
func step(pattern []byte, p int, c byte, nocase bool) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return stepSet(pattern, p+1, c, nocase)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	if nocase {
		return p + 1, lower(pattern[p]) == lower(c)
	}
	return p + 1, pattern[p] == c
}

// stepSet matches c with the set whose first byte behind the bracket is at p.
func stepSet(pattern []byte, p int, c byte, nocase bool) (next int, ok bool) {
	negated := p < len(pattern) && pattern[p] == '^'
	if negated {
		p++
	}
	found := false
	for p < len(pattern) && pattern[p] != ']' {
		left := len(pattern) - p
		switch {
		case left >= 2 && pattern[p] == '\\':
			found = found || pattern[p+1] == c
			p += 2
		case left >= 3 && pattern[p+1] == '-':
			found = found || inRange(pattern[p], pattern[p+2], c, nocase)
			p += 3
		default:
			found = found || pattern[p] == c || nocase && lower(pattern[p]) == lower(c)
			p++
		}
	}
	if p < len(pattern) {
		p++ // the closing bracket
	}
	return p, found != negated
}

// inRange compares signed bytes. The ends are put in order before their case is folded.
func inRange(from, to, c byte, nocase bool) bool {
	if int8(from) > int8(to) {
		from, to = to, from
	}
	if nocase {
		from, to, c = lower(from), lower(to), lower(c)
	}
	return int8(from) <= int8(c) && int8(c) <= int8(to)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
