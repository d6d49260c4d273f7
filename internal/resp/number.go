// Numbers as text, exactly as strict as Redis.
//
// A client may store "12" and have it counted on, but "012", "+12" and " 12" are just strings: an
// integer is one only when its digits are those that it would be printed with. Floats are read as
// C's strtod reads them in the C locale (hexadecimal and infinity included), but whole, without a
// leading blank, and never NaN.
//
// What must hold: ParseInt(AppendInt(nil, n)) is n, and ParseFloat(AppendDouble(nil, f)) is f.

package resp

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
)

// maxIntLen is the length of the longest integer: "-9223372036854775808".
const maxIntLen = 20

// maxDoubleLen is room for the shortest form of any double, and for most human forms.
const maxDoubleLen = 48

// ParseInt reads an integer written in its only right form: digits without leading zeros, after an
// optional minus. ok is false for anything else and for what does not fit in 64 bits.
func ParseInt(b []byte) (n int64, ok bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	if digits[0] == '0' {
		return 0, len(b) == 1
	}
	var u uint64 // 19 digits fit in 64 bits without a sign
	for _, c := range digits {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	if negative {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// ParseUint reads an unsigned integer as Redis reads the halves of a stream ID: as ParseInt, and
// where that fails as C's strtoull, which allows leading blanks, a sign and leading zeros, and
// takes "-01" for the largest number.
func ParseUint(b []byte) (n uint64, ok bool) {
	if i, isInt := ParseInt(b); isInt {
		return uint64(i), i >= 0
	}
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		high, low := bits.Mul64(n, 10)
		sum, carry := bits.Add64(low, uint64(d), 0)
		if high != 0 || carry != 0 {
			return 0, false
		}
		n = sum
	}
	if negative {
		n = -n
	}
	return n, true
}

// ParseFloat reads a double. ok is false when b is not a number in whole, is NaN, or is too large
// or too small for a double.
func ParseFloat(b []byte) (f float64, ok bool) {
	if f, ok = parseShortFloat(b); ok {
		return f, true
	}
	if !isFloatText(b) {
		return 0, false
	}
	text := string(b)
	hex := isHex(b)
	switch {
	case hex && !bytes.ContainsAny(b, "pP"):
		text += "p0" // C's exponent is optional, Go's is not
	case !hex && len(b) > longestWhole:
		text = asFraction(b)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return f, f != 0 || !hasNonzeroDigit(b, hex)
}

// longestWhole is the most digits before the point that strconv is sure to read rightly: it forgets
// how many there were beyond 800.
const longestWhole = 800

// asFraction writes a number as 0.digits with an exponent. What is no number stays none.
func asFraction(b []byte) string {
	sign := ""
	if b[0] == '-' || b[0] == '+' {
		sign, b = string(b[:1]), b[1:]
	}
	digits, exponent, ok := splitExponent(b, 'e')
	if !ok || len(digits) == 0 {
		return ""
	}
	whole, fraction, _ := bytes.Cut(digits, []byte{'.'})
	return sign + "0." + string(whole) + string(fraction) + "e" + strconv.Itoa(exponent+len(whole))
}

// parseShortFloat reads plain decimals of at most 16 bytes. With a point these are 15 digits, and
// such integers and powers of ten are doubles, so that the division is all that rounds; without one
// the conversion is.
func parseShortFloat(b []byte) (f float64, ok bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 16 {
		return 0, false
	}
	var mantissa uint64
	point := -1
	for i, c := range digits {
		if c == '.' && point < 0 {
			point = i
			continue
		}
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		mantissa = mantissa*10 + uint64(d)
	}
	decimals := 0
	if point >= 0 {
		decimals = len(digits) - 1 - point
	}
	if len(digits) == 1 && point >= 0 {
		return 0, false
	}
	f = float64(mantissa) / powersOfTen[decimals]
	if len(digits) != len(b) {
		f = -f
	}
	return f, true
}

var powersOfTen = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
}

// isFloatText tells whether b has only characters that C's numbers are made of. It keeps out
// underscores, which Go allows.
func isFloatText(b []byte) bool {
	return len(b) > 0 && bytes.IndexByte(b, '_') < 0
}

// isHex tells whether b, after a sign, begins as a hexadecimal number.
func isHex(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	return len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x'
}

// hasNonzeroDigit tells whether the mantissa of a valid number is not 0.
func hasNonzeroDigit(b []byte, hex bool) bool {
	for _, c := range b {
		switch {
		case c >= '1' && c <= '9':
			return true
		case hex && (c|0x20 >= 'a' && c|0x20 <= 'f'):
			return true
		case c|0x20 == 'p', !hex && c|0x20 == 'e':
			return false
		}
	}
	return false
}

// isSpace is C's isspace in the C locale.
func isSpace(c byte) bool { return c == ' ' || c-'\t' < 5 }

// digitPairs is "00" to "99".
const digitPairs = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// AppendInt appends the decimal digits of n.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return AppendUint(append(dst, '-'), -uint64(n))
	}
	return AppendUint(dst, uint64(n))
}

// AppendUint appends the decimal digits of u.
func AppendUint(dst []byte, u uint64) []byte {
	if u < 10 {
		return append(dst, byte('0'+u))
	}
	var digits [maxIntLen]byte
	at := maxIntLen
	for u >= 100 {
		pair := u % 100 * 2
		u /= 100
		at -= 2
		digits[at+1] = digitPairs[pair+1]
		digits[at] = digitPairs[pair]
	}
	if u >= 10 {
		at -= 2
		digits[at+1] = digitPairs[u*2+1]
		digits[at] = digitPairs[u*2]
	} else {
		at--
		digits[at] = byte('0' + u)
	}
	return append(dst, digits[at:]...)
}

// AppendDouble appends f as scores are replied: an integer without a point where it is one, else
// the fewest digits that read back as f; "inf", "-inf", "nan". This is the form of Redis 7.2.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case f == 0:
		if math.Signbit(f) {
			return append(dst, '-', '0')
		}
		return append(dst, '0')
	case f > -1<<52 && f < 1<<52 && f == math.Trunc(f):
		return AppendInt(dst, int64(f))
	}
	return appendShortest(dst, f)
}

// appendShortest appends the shortest digits of f. Where they stand, with an exponent or without,
// is Redis's own choice (neither C's nor Go's).
func appendShortest(dst []byte, f float64) []byte {
	if f < 0 {
		dst = append(dst, '-')
		f = -f
	}
	var scratch [32]byte
	text := strconv.AppendFloat(scratch[:0], f, 'e', -1, 64) // d.ddde±xx
	e := bytes.IndexByte(text, 'e')
	exponent, _ := strconv.Atoi(string(text[e+1:]))
	digits := append(text[:1], text[min(2, e):e]...)
	last := exponent - len(digits) + 1 // power of ten of the last digit
	size := exponent
	if size < 0 {
		size = -size
	}
	switch {
	case last >= 0 && size < len(digits)+7:
		dst = append(dst, digits...)
		for range last {
			dst = append(dst, '0')
		}
		return dst
	case last < 0 && exponent >= 0 && (last > -7 || size < 4):
		dst = append(dst, digits[:exponent+1]...)
		dst = append(dst, '.')
		return append(dst, digits[exponent+1:]...)
	case last < 0 && exponent < 0 && (last > -7 || size < 4):
		dst = append(dst, '0', '.')
		for range size - 1 {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	sign := byte('+')
	if exponent < 0 {
		sign = '-'
	}
	dst = append(dst, 'e', sign)
	return AppendInt(dst, int64(size))
}

// AppendHumanDouble appends f without an exponent, rounded to 17 decimals, without trailing zeros.
func AppendHumanDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', 17, 64)
	return trimDecimals(dst, start)
}

// trimDecimals cuts trailing zeros, and a point that would be last, off the number at dst[start:],
// which has decimals. Minus zero becomes zero.
func trimDecimals(dst []byte, start int) []byte {
	end := len(dst)
	for dst[end-1] == '0' {
		end--
	}
	if dst[end-1] == '.' {
		end--
	}
	if end == start+2 && dst[start] == '-' && dst[start+1] == '0' {
		dst[start] = '0'
		end--
	}
	return dst[:end]
}
