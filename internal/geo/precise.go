// Precise distances: to the last digit, as a C library computes them.
//
// Distance is good to some 1e-8 m, which can be seen in two places: a distance that is stored as a
// score keeps all its digits, and one that lies between two roundings may go either way. For these
// the sines are computed with twice the digits of a double and then rounded, which is what a good
// library's own come to, nearly always. It takes a few µs.

package geo

import "math"

// double2 is a number of twice a double's digits: the sum of both, of which low is the small rest.
type double2 struct{ high, low float64 }

func add2(a, b float64) double2 {
	sum := a + b
	t := sum - a
	return double2{sum, (a - (sum - t)) + (b - t)}
}

// join normalizes a large and a small part.
func join(high, low float64) double2 {
	sum := high + low
	return double2{sum, low - (sum - high)}
}

func (x double2) add(y double2) double2 {
	s := add2(x.high, y.high)
	return join(s.high, s.low+(x.low+y.low))
}

func (x double2) times(y double2) double2 {
	p := float64(x.high * y.high)
	rest := math.FMA(x.high, y.high, -p)
	return join(p, rest+(float64(x.high*y.low)+float64(x.low*y.high)))
}

func (x double2) over(n float64) double2 {
	q := x.high / n
	rest := math.FMA(-q, n, x.high) + x.low
	return join(q, rest/n)
}

// quarter is π/2, to three doubles' digits.
var quarter = [3]float64{1.57079632679489655800e+00, 6.12323399573676603587e-17, -1.49738490485916983294e-33}

// terms of the series for up to π/4: what is left out is below 1e-35.
const terms = 14

// sine returns the sine of so many quarter turns and an angle of at most π either way.
func sine(x float64, quarters int) double2 {
	n := math.Round(x / quarter[0])
	r := add2(x, -n*quarter[0]).add(double2{-n * quarter[1], 0}).add(double2{-n * quarter[2], 0})
	quarters = (quarters + int(n)) & 3
	odd := quarters & 1 // a cosine is wanted: 1 - r²/(1·2) + ...; else r·(1 - r²/(2·3) + ...)
	square, sum := r.times(r), double2{1, 0}
	for i := terms; i > 0; i-- {
		part := square.times(sum).over(float64((2*i - odd) * (2*i + 1 - odd)))
		sum = double2{1, 0}.add(double2{-part.high, -part.low})
	}
	if odd == 0 {
		sum = sum.times(r)
	}
	if quarters >= 2 {
		return double2{-sum.high, -sum.low}
	}
	return sum
}

func sin(x float64) float64 { return sine(x, 0).high }

func cos(x float64) float64 { return sine(x, 1).high }

// asin returns the arc sine of y from 0 to 1: a library's, mended by a step of Newton's.
func asin(y float64) float64 {
	x := math.Asin(y)
	s, slope := sine(x, 0), math.Cos(x)
	if slope < 1e-6 { // the step would divide by next to nothing
		return x
	}
	return x + ((y-s.high)-s.low)/slope
}

// Exact returns the meters between two points to the last digit.
func Exact(a, b Point) float64 {
	v := sin((float64(b.Lon*radian) - float64(a.Lon*radian)) / 2)
	if v == 0 {
		return latDistance(a.Lat, b.Lat)
	}
	lat1, lat2 := float64(a.Lat*radian), float64(b.Lat*radian)
	u := sin((lat2 - lat1) / 2)
	h := float64(u*u) + float64(cos(lat1)*cos(lat2)*v*v)
	return 2 * earthRadius * asin(math.Sqrt(h))
}

// ToFourDecimals returns a distance of meters between two points in a unit, exact where the rounding
// to four decimals depends on it.
func ToFourDecimals(meters, unit float64, a, b Point) float64 {
	const doubt = 1e-3 // of the last decimal; Distance is better by far
	d := meters / unit
	if _, rest := math.Modf(d * 1e4); math.Abs(rest-0.5) > doubt {
		return d
	}
	return Exact(a, b) / unit
}
