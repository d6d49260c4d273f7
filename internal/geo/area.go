// Areas: circles and boxes, and where in the grid their places are.
//
// An area is covered by a cell of about its size and the eight around it. A cell is a range of
// geohashes, so looking there is nine ranges of a sorted set at most; what lies outside the area is
// then left out by its distance.

package geo

import "math"

const (
	earthRadius = 6372797.560856 // m
	mercatorMax = 20037726.37    // m, half of the map's side
	radian      = float64(math.Pi) / 180
)

// place is a point in radians, with the cosine of its latitude.
type place struct{ lon, lat, cos float64 }

func placeOf(p Point) place {
	lat := float64(p.Lat * radian)
	return place{float64(p.Lon * radian), lat, math.Cos(lat)}
}

// Distance returns the meters between two points, along the great circle. It is good to some 1e-8 m.
func Distance(a, b Point) float64 { return distance(placeOf(a), placeOf(b)) }

func distance(a, b place) float64 {
	v := nearSin((b.lon - a.lon) / 2)
	if v == 0 {
		return earthRadius * math.Abs(b.lat-a.lat)
	}
	u := nearSin((b.lat - a.lat) / 2)
	h := float64(u*u) + float64(a.cos*b.cos*v*v)
	return 2 * earthRadius * nearAsin(math.Sqrt(h))
}

// near is up to where a few terms of a series give a sine or an arc sine: most places that are
// compared are near each other.
const near = 0.1

func nearSin(x float64) float64 {
	if math.Abs(x) > near {
		return math.Sin(x)
	}
	s := x * x
	return x + x*s*(-1.0/6+s*(1.0/120+s*(-1.0/5040+s*(1.0/362880-s/39916800))))
}

func nearAsin(y float64) float64 {
	if y > near {
		return math.Asin(y)
	}
	s := y * y
	return y + y*s*(1.0/6+s*(3.0/40+s*(15.0/336+s*(105.0/3456+s*(945.0/42240+s*(10395.0/599040+s*135135.0/9676800))))))
}

// latDistance returns the meters between two latitudes.
func latDistance(a, b float64) float64 {
	return earthRadius * math.Abs(float64(b*radian)-float64(a*radian))
}

// Area is a circle or, when Box is set, a box.
type Area struct {
	Center        Point
	Box           bool
	Radius        float64 // in units, as are the sides
	Width, Height float64
	Unit          float64 // m

	center   place // of Center, once prepared
	prepared bool
}

// Distance returns the meters from the center to a point, and whether the point is in the area, which
// must not change after the first call.
func (a *Area) Distance(p Point) (meters float64, ok bool) {
	if !a.prepared {
		a.center, a.prepared = placeOf(a.Center), true
	}
	if !a.Box {
		meters = distance(a.center, placeOf(p))
		return meters, meters <= a.Radius*a.Unit
	}
	if latDistance(p.Lat, a.Center.Lat) > a.Height*a.Unit/2 {
		return 0, false
	}
	if Distance(p, Point{a.Center.Lon, p.Lat}) > a.Width*a.Unit/2 {
		return 0, false
	}
	return distance(a.center, placeOf(p)), true
}

// bounds returns the longitudes and latitudes between which the area lies.
func (a *Area) bounds() (west, east, south, north float64) {
	up, side := a.Radius, a.Radius
	if a.Box {
		up, side = a.Height/2, a.Width/2
	}
	up, side = up*a.Unit, side*a.Unit
	lat := up / earthRadius / radian
	// A degree of longitude is shortest where the area is nearest to a pole.
	nearest := a.Center.Lat + lat
	if a.Center.Lat < 0 {
		nearest = a.Center.Lat - lat
	}
	lon := side / earthRadius / math.Cos(nearest*radian) / radian
	return a.Center.Lon - lon, a.Center.Lon + lon, a.Center.Lat - lat, a.Center.Lat + lat
}

// reach returns the meters from the center to the farthest point of the area.
func (a *Area) reach() float64 {
	if !a.Box {
		return a.Radius * a.Unit
	}
	w, h := a.Width/2, a.Height/2
	return math.Sqrt(float64(w*w)+float64(h*h)) * a.Unit
}

// steps estimates how often the axes are to be halved for cells of about a size. Near the poles cells
// are narrower.
func steps(meters, lat float64) int {
	if meters == 0 {
		return maxStep
	}
	step := -1
	for ; meters < mercatorMax; meters *= 2 {
		step++
	}
	if lat > 66 || lat < -66 {
		step--
	}
	if lat > 80 || lat < -80 {
		step--
	}
	return max(1, min(step, maxStep))
}

// Range is the geohashes from From up to but not including To.
type Range struct{ From, To uint64 }

// around is where the cells are that cover an area, in the order in which they are looked at.
var around = [...]struct{ east, north int }{
	{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1},
}

// AppendRanges appends the ranges of geohashes in which all places of the area are, with others.
// Cells that are one and the same in a small grid follow each other, and are there once.
func (a *Area) AppendRanges(dst []Range) []Range {
	west, east, south, north := a.bounds()
	step := steps(a.reach(), a.Center.Lat)
	middle := cellOf(a.Center, step, MaxLat)
	if step > 1 && !covers(middle, west, east, south, north) {
		step--
		middle = cellOf(a.Center, step, MaxLat)
	}
	w, e, s, n := middle.edges()
	skip := func(dEast, dNorth int) bool { // cells behind an edge that the area does not reach
		return step >= 2 && (dNorth < 0 && s < south || dNorth > 0 && n > north ||
			dEast < 0 && w < west || dEast > 0 && e > east)
	}
	last, some := uint64(0), false
	for _, d := range around {
		bits := middle.moved(d.east, d.north).bits()
		if skip(d.east, d.north) || some && bits == last {
			continue
		}
		last, some = bits, true
		shift := Bits - 2*step
		dst = append(dst, Range{bits << shift, (bits + 1) << shift})
	}
	return dst
}

// covers tells whether a cell and those around it reach as far as an area.
func covers(c cell, west, east, south, north float64) bool {
	_, _, _, n := c.moved(0, 1).edges()
	_, _, s, _ := c.moved(0, -1).edges()
	_, e, _, _ := c.moved(1, 0).edges()
	w, _, _, _ := c.moved(-1, 0).edges()
	return !(n < north || s > south || e < east || w > west) // a bound may be NaN near a pole
}
