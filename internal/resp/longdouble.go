// LongDouble: the arithmetic of INCRBYFLOAT.
//
// Redis adds floats in x86's 80-bit long double, a sign, a 64-bit mantissa and a 15-bit exponent,
// and stores the sum with 17 decimals. Clients see its rounding (3.0 + 1.0e-18 is 3, 0.1 + 0.2 is
// 0.3), so sums must come out the same to the last digit, on any machine. This file has that
// format in integers: reading decimal and hexadecimal text, adding, and printing, each rounded
// once, to nearest, ties to even. Numbers whose digits fit in 64 bits take a road without
// allocations; others go through math/big.
//
// What must hold: a finite number other than 0 has the top bit of its mantissa set, unless its
// exponent is minExponent.

package resp

import (
	"bytes"
	"math"
	"math/big"
	"math/bits"
)

// ErrNotFloat is the reply to an argument or a value that is not a float.
const ErrNotFloat Error = "ERR value is not a valid float"

// ErrFloatRange is the reply to an increment whose sum is infinite or undefined.
const ErrFloatRange Error = "ERR increment would produce NaN or Infinity"

// maxLongDoubleText is the length of the longest text that is read as a number.
const maxLongDoubleText = 5*1024 - 1

const (
	minExponent = -16445 // of the mantissa's lowest bit: the smallest subnormal
	maxExponent = 16320  // of the mantissa's lowest bit: the largest number
)

// LongDouble is an 80-bit float: mantissa × 2^exponent, or infinity. The zero LongDouble is 0.
type LongDouble struct {
	mantissa uint64
	exponent int32
	negative bool
	infinite bool
}

// AddLongDouble returns the sum of two numbers given as text, as INCRBYFLOAT stores and replies it.
// Errors: ErrNotFloat, ErrFloatRange.
func AddLongDouble(a, b []byte) ([]byte, error) {
	x, ok := ParseLongDouble(a)
	if !ok {
		return nil, ErrNotFloat
	}
	y, ok := ParseLongDouble(b)
	if !ok {
		return nil, ErrNotFloat
	}
	sum, ok := x.Add(y)
	if !ok {
		return nil, ErrFloatRange
	}
	return sum.AppendTo(nil), nil
}

// LongDoubleFromInt returns n, which is exact.
func LongDoubleFromInt(n int64) LongDouble {
	if n < 0 {
		return roundLongDouble(true, 0, -uint64(n), 0)
	}
	return roundLongDouble(false, 0, uint64(n), 0)
}

// ParseLongDouble reads a number as C's strtold does in the C locale: decimal or hexadecimal, or
// infinity. ok is false when b is not a number in whole, begins with a blank, is NaN, is too long,
// or is too large or too small for the format.
func ParseLongDouble(b []byte) (x LongDouble, ok bool) {
	if len(b) == 0 || len(b) > maxLongDoubleText {
		return LongDouble{}, false
	}
	negative := b[0] == '-'
	if negative || b[0] == '+' {
		b = b[1:]
	}
	if equalFold(b, "inf") || equalFold(b, "infinity") {
		return LongDouble{negative: negative, infinite: true}, true
	}
	base, exponentLetter := 10, byte('e')
	if isHex(b) {
		base, exponentLetter = 16, 'p'
		b = b[2:]
	}
	digits, power, ok := splitExponent(b, exponentLetter)
	if !ok {
		return LongDouble{}, false
	}
	m, fraction, ok := scanMantissa(digits, base)
	if !ok {
		return LongDouble{}, false
	}
	if base == 16 {
		x = m.timesPowerOfTwo(negative, power-4*fraction)
	} else {
		x = m.timesPowerOfTen(negative, power-fraction)
	}
	underflow := x.mantissa == 0 && !x.infinite && !m.isZero()
	return x, !underflow && !x.infinite
}

// equalFold tells whether b is word, which is in small letters, in any case.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c|0x20 != word[i] {
			return false
		}
	}
	return true
}

// splitExponent cuts the exponent off a number. It is held within ±1,000,000, far outside what a
// mantissa of maxLongDoubleText digits could bring back into range.
func splitExponent(b []byte, letter byte) (digits []byte, exponent int, ok bool) {
	at := bytes.IndexByte(b, letter)
	if at < 0 {
		at = bytes.IndexByte(b, letter-0x20)
	}
	if at < 0 {
		return b, 0, true
	}
	digits, b = b[:at], b[at+1:]
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return nil, 0, false
	}
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return nil, 0, false
		}
		exponent = min(exponent*10+int(d), 1_000_000)
	}
	if negative {
		exponent = -exponent
	}
	return digits, exponent, true
}

// mantissa is the digits of a number as an integer: small when it fits in 64 bits, else large.
type mantissa struct {
	small uint64
	large *big.Int
}

func (m mantissa) isZero() bool { return m.large == nil && m.small == 0 }

func (m mantissa) big() *big.Int {
	if m.large != nil {
		return m.large
	}
	return new(big.Int).SetUint64(m.small)
}

// scanMantissa reads digits with at most one point among them. fraction is how many stand after it.
func scanMantissa(b []byte, base int) (m mantissa, fraction int, ok bool) {
	seen, point, small := 0, -1, true
	for i, c := range b {
		if c == '.' && point < 0 {
			point = i
			continue
		}
		d := digitValue(c)
		if d >= base {
			return mantissa{}, 0, false
		}
		seen++
		high, low := bits.Mul64(m.small, uint64(base))
		sum, carry := bits.Add64(low, uint64(d), 0)
		small = small && high == 0 && carry == 0
		m.small = sum
	}
	if seen == 0 {
		return mantissa{}, 0, false
	}
	if point >= 0 {
		fraction = len(b) - 1 - point
	}
	if !small {
		text := string(b)
		if point >= 0 {
			text = string(b[:point]) + string(b[point+1:])
		}
		m.large, _ = new(big.Int).SetString(text, base)
	}
	return m, fraction, true
}

// digitValue returns the value of a hexadecimal digit, or 16.
func digitValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 16
}

// timesPowerOfTwo returns m × 2^power, rounded.
func (m mantissa) timesPowerOfTwo(negative bool, power int) LongDouble {
	if m.large == nil {
		return roundLongDouble(negative, 0, m.small, power)
	}
	return roundBig(negative, m.large, power, false)
}

// fivesInOneWord is how many fives multiply to less than 2^64.
const fivesInOneWord = 27

// timesPowerOfTen returns m × 10^power, rounded.
func (m mantissa) timesPowerOfTen(negative bool, power int) LongDouble {
	if m.isZero() {
		return LongDouble{negative: negative}
	}
	if m.large == nil && power >= -fivesInOneWord && power <= fivesInOneWord {
		return smallTimesPowerOfTen(negative, m.small, power)
	}
	// Outside these every mantissa that is short enough to be read is 0 or infinite.
	if power > 5000 {
		return LongDouble{negative: negative, infinite: true}
	}
	if power < -5000-maxLongDoubleText {
		return LongDouble{negative: negative}
	}
	n := m.big()
	five := big.NewInt(5)
	if power >= 0 {
		n.Mul(n, five.Exp(five, big.NewInt(int64(power)), nil))
		return roundBig(negative, n, power, false)
	}
	divisor := five.Exp(five, big.NewInt(int64(-power)), nil)
	// Enough bits that the quotient has more than 64: what is left over only breaks ties.
	shift := max(0, divisor.BitLen()-n.BitLen()+66)
	n.Lsh(n, uint(shift))
	quotient, rest := new(big.Int).QuoRem(n, divisor, new(big.Int))
	return roundBig(negative, quotient, power-shift, rest.Sign() != 0)
}

// smallTimesPowerOfTen is timesPowerOfTen where five to the power fits in 64 bits.
func smallTimesPowerOfTen(negative bool, m uint64, power int) LongDouble {
	if power >= 0 {
		high, low := bits.Mul64(m, powersOfFive[power])
		return roundLongDouble(negative, high, low, power)
	}
	divisor := powersOfFive[-power]
	left := bits.LeadingZeros64(divisor)
	up := bits.LeadingZeros64(m)
	// Both with their top bit set, and m halved, so that the quotient fits in one word: 63 or 64
	// bits of it, then 64 bits more by dividing the rest.
	divisor <<= left
	m <<= up
	high, rest := bits.Div64(m>>1, m<<63, divisor)
	low, rest := bits.Div64(rest, 0, divisor)
	if rest != 0 {
		low |= 1
	}
	return roundLongDouble(negative, high, low, power+left-up+1-128)
}

var powersOfFive = func() (powers [fivesInOneWord + 1]uint64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1] * 5
	}
	return powers
}()

// roundBig rounds n × 2^exponent, plus a little when inexact.
func roundBig(negative bool, n *big.Int, exponent int, inexact bool) LongDouble {
	if drop := n.BitLen() - 128; drop > 0 {
		inexact = inexact || n.TrailingZeroBits() < uint(drop)
		n = new(big.Int).Rsh(n, uint(drop))
		exponent += drop
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	high := new(big.Int).Rsh(n, 64).Uint64()
	if inexact {
		// The quotient has more than 65 bits, so its lowest one is below those that are kept.
		low |= 1
	}
	return roundLongDouble(negative, high, low, exponent)
}

// roundLongDouble rounds (high·2^64 + low) × 2^exponent to the format.
func roundLongDouble(negative bool, high, low uint64, exponent int) LongDouble {
	if high == 0 && low == 0 {
		return LongDouble{negative: negative}
	}
	up := bits.LeadingZeros64(high)
	if high == 0 {
		up = 64 + bits.LeadingZeros64(low)
	}
	high, low = shiftLeft(high, low, up)
	exponent += 64 - up // now of the lowest bit of high
	if exponent < minExponent {
		high, low = shiftRight(high, low, minExponent-exponent)
		exponent = minExponent
	}
	if low > 1<<63 || low == 1<<63 && high&1 == 1 {
		high++
		if high == 0 {
			high = 1 << 63
			exponent++
		}
	}
	if exponent > maxExponent {
		return LongDouble{negative: negative, infinite: true}
	}
	return LongDouble{mantissa: high, exponent: int32(exponent), negative: negative}
}

// shiftLeft shifts 128 bits by less than 128.
func shiftLeft(high, low uint64, by int) (uint64, uint64) {
	if by >= 64 {
		return low << (by - 64), 0
	}
	return high<<by | low>>(64-by), low << by
}

// shiftRight shifts 128 bits, and sets the lowest bit when it drops any that is set.
func shiftRight(high, low uint64, by int) (uint64, uint64) {
	switch {
	case by == 0:
		return high, low
	case by < 64:
		dropped := low << (64 - by)
		return high >> by, high<<(64-by) | low>>by | oneIf(dropped != 0)
	case by == 64:
		return 0, high | oneIf(low != 0)
	case by < 128:
		dropped := high<<(128-by) | low
		return 0, high>>(by-64) | oneIf(dropped != 0)
	}
	return 0, oneIf(high|low != 0)
}

func oneIf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Add returns x + y, rounded. ok is false when that is infinite or undefined.
func (x LongDouble) Add(y LongDouble) (sum LongDouble, ok bool) {
	if x.infinite || y.infinite {
		return LongDouble{}, false
	}
	if x.mantissa == 0 || y.mantissa == 0 {
		switch {
		case x.mantissa != 0:
			return x, true
		case y.mantissa != 0:
			return y, true
		}
		return LongDouble{negative: x.negative && y.negative}, true
	}
	if x.exponent < y.exponent || x.exponent == y.exponent && x.mantissa < y.mantissa {
		x, y = y, x
	}
	// 128 bits with x at the top. What y loses when it is moved far down only breaks ties.
	yHigh, yLow := shiftRight(y.mantissa, 0, int(x.exponent)-int(y.exponent))
	exponent := int(x.exponent) - 64
	if x.negative != y.negative {
		low, borrow := bits.Sub64(0, yLow, 0)
		high, _ := bits.Sub64(x.mantissa, yHigh, borrow)
		if high == 0 && low == 0 {
			return LongDouble{}, true
		}
		sum = roundLongDouble(x.negative, high, low, exponent)
		return sum, !sum.infinite
	}
	high, carry := bits.Add64(x.mantissa, yHigh, 0)
	low := yLow
	if carry != 0 {
		high, low = shiftRight(high, low, 1)
		high |= 1 << 63
		exponent++
	}
	sum = roundLongDouble(x.negative, high, low, exponent)
	return sum, !sum.infinite
}

// AppendTo appends x without an exponent, rounded to 17 decimals, without trailing zeros: up to
// 4,953 bytes.
func (x LongDouble) AppendTo(dst []byte) []byte {
	if x.infinite {
		if x.negative {
			return append(dst, "-inf"...)
		}
		return append(dst, "inf"...)
	}
	start := len(dst)
	if x.negative {
		dst = append(dst, '-')
	}
	if x.exponent > 0 {
		n := new(big.Int).SetUint64(x.mantissa)
		return n.Lsh(n, uint(x.exponent)).Append(dst, 10)
	}
	whole, decimals := x.split()
	dst = AppendUint(dst, whole)
	dst = append(dst, '.')
	for place := uint64(1e16); place > 0; place /= 10 {
		dst = append(dst, byte('0'+decimals/place%10))
	}
	return trimDecimals(dst, start)
}

// split returns the integer part of x and its fraction in units of 10^-17, rounded. x < 2^64.
func (x LongDouble) split() (whole, decimals uint64) {
	down := -int(x.exponent) // bits of fraction
	fraction := x.mantissa
	if down < 64 {
		whole = x.mantissa >> down
		fraction = x.mantissa & (1<<down - 1)
	}
	const unit = 1e17
	high, low := bits.Mul64(fraction, unit)
	// Two bits more, so that half a unit and less than that stay apart below the unit.
	high, low = shiftRight(high<<2|low>>62, low<<2, down)
	decimals = high<<62 | low>>2
	if rest := low & 3; rest == 3 || rest == 2 && decimals&1 == 1 {
		decimals++
	}
	if decimals == unit {
		return whole + 1, 0
	}
	return whole, decimals
}
