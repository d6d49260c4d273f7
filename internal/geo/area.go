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

// Distance returns the meters between two points, along the great circle.
func Distance(a, b Point) float64 {
	v := math.Sin((float64(b.Lon*radian) - float64(a.Lon*radian)) / 2)
	if v == 0 {
		return latDistance(a.Lat, b.Lat)
	}
	lat1, lat2 := float64(a.Lat*radian), float64(b.Lat*radian)
	u := math.Sin((lat2 - lat1) / 2)
	h := float64(u*u) + float64(math.Cos(lat1)*math.Cos(lat2)*v*v)
	return 2 * earthRadius * math.Asin(math.Sqrt(h))
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
}

// Distance returns the meters from the center to a point, and whether the point is in the area.
func (a *Area) Distance(p Point) (meters float64, ok bool) {
	if !a.Box {
		meters = Distance(a.Center, p)
		return meters, meters <= a.Radius*a.Unit
	}
	if latDistance(p.Lat, a.Center.Lat) > a.Height*a.Unit/2 {
		return 0, false
	}
	if Distance(p, Point{a.Center.Lon, p.Lat}) > a.Width*a.Unit/2 {
		return 0, false
	}
	return Distance(a.Center, p), true
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
