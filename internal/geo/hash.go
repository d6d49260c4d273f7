// Geohashes: a place on earth as 52 bits.
//
// A longitude and a latitude are halved 26 times each, and the bits of the two take turns, so that
// places with the same leading bits lie in the same cell of a grid. Latitudes end at 85.05112878
// degrees, where a Mercator map is a square.
//
// Products that are added to something are rounded on their own, by an explicit conversion: where a
// compiler fused the two, digits would differ from Redis's.

// Package geo does the arithmetic of places: geohashes, distances, and the parts of the grid that an
// area touches. Angles are in degrees, distances in meters on a sphere.
package geo

// Limits of what has a geohash, in degrees.
const (
	MaxLon = 180
	MaxLat = 85.05112878
)

// Bits is the length of a whole geohash; a double holds it exactly.
const Bits = 2 * maxStep

const maxStep = 26 // halvings of each axis

// Point is a place.
type Point struct{ Lon, Lat float64 }

// Valid tells whether a point has a geohash.
func (p Point) Valid() bool {
	return p.Lon >= -MaxLon && p.Lon <= MaxLon && p.Lat >= -MaxLat && p.Lat <= MaxLat
}

// Encode returns the geohash of a valid point.
func Encode(p Point) uint64 { return cellOf(p, maxStep, MaxLat).bits() }

// BitsOf returns the geohash that a score stands for. Scores that are none are read as x86-64 converts
// a double to an integer, on every machine.
func BitsOf(score float64) uint64 {
	const top = 1 << 63
	switch {
	case score >= 2*top:
		return 0
	case score >= top:
		return uint64(int64(score-top)) + top
	case score < -top:
		return top
	}
	return uint64(int64(score))
}

// Decode returns the middle of the smallest cell, whose geohash is bits.
func Decode(bits uint64) Point {
	west, east, south, north := cellAt(bits, maxStep).edges()
	return Point{clamp((west+east)/2, MaxLon), clamp((south+north)/2, MaxLat)}
}

func clamp(x, limit float64) float64 { return max(-limit, min(x, limit)) }

// alphabet is that of geohash.org.
const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

const (
	textLen    = 11
	letterBits = 5
	wholeLat   = 90 // latitudes of geohash strings go up to the poles
)

// AppendText appends the geohash string of a point: 11 letters of 5 bits, of which the last is always
// a 0, since 52 bits fill ten.
func AppendText(dst []byte, p Point) []byte {
	bits := cellOf(p, maxStep, wholeLat).bits()
	for i := 1; i < textLen; i++ {
		dst = append(dst, alphabet[bits>>(Bits-i*letterBits)&(1<<letterBits-1)])
	}
	return append(dst, alphabet[0])
}

// cell is a cell of the grid whose axes are halved step times.
type cell struct {
	lon, lat uint32 // counted from the west and the south
	step     int
}

// cellOf returns the cell of a point, in a grid whose latitudes end at maxLat.
func cellOf(p Point, step int, maxLat float64) cell {
	lon := (p.Lon + MaxLon) / (2 * MaxLon)
	lat := (p.Lat + maxLat) / (2 * maxLat)
	cells := float64(uint64(1) << step)
	return cell{lon: uint32(lon * cells), lat: uint32(lat * cells), step: step}
}

func cellAt(bits uint64, step int) cell {
	return cell{lon: gather(bits >> 1), lat: gather(bits), step: step}
}

// bits returns the geohash: 2 bits for each step, the latitude's the lower ones.
func (c cell) bits() uint64 { return spread(c.lat) | spread(c.lon)<<1 }

// edges returns where a cell begins and ends.
func (c cell) edges() (west, east, south, north float64) {
	cells := float64(uint64(1) << c.step)
	west = -MaxLon + float64(float64(c.lon)/cells*(2*MaxLon))
	east = -MaxLon + float64(float64(uint64(c.lon)+1)/cells*(2*MaxLon))
	south = -MaxLat + float64(float64(c.lat)/cells*(2*MaxLat))
	north = -MaxLat + float64(float64(uint64(c.lat)+1)/cells*(2*MaxLat))
	return west, east, south, north
}

// moved returns the cell so many cells to the east and north, round the globe on both axes.
func (c cell) moved(east, north int) cell {
	mask := uint32(1)<<c.step - 1
	if east != 0 {
		c.lon = (c.lon + uint32(east)) & mask
	}
	if north != 0 {
		c.lat = (c.lat + uint32(north)) & mask
	}
	return c
}

// spread puts a zero before each bit.
func spread(x uint32) uint64 {
	n := uint64(x)
	n = (n | n<<16) & 0x0000FFFF0000FFFF
	n = (n | n<<8) & 0x00FF00FF00FF00FF
	n = (n | n<<4) & 0x0F0F0F0F0F0F0F0F
	n = (n | n<<2) & 0x3333333333333333
	return (n | n<<1) & 0x5555555555555555
}

// gather undoes spread: it takes every other bit, from the lowest on.
func gather(n uint64) uint32 {
	n &= 0x5555555555555555
	n = (n | n>>1) & 0x3333333333333333
	n = (n | n>>2) & 0x0F0F0F0F0F0F0F0F
	n = (n | n>>4) & 0x00FF00FF00FF00FF
	n = (n | n>>8) & 0x0000FFFF0000FFFF
	return uint32(n | n>>16)
}
