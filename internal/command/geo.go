// Geo indexes: sorted sets whose scores are geohashes.

package command

import (
	"math"
	"strconv"

	"tarn/internal/geo"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errUnit       resp.Error = "ERR unsupported unit provided. please use M, KM, FT, MI"
	errRadius     resp.Error = "ERR need numeric radius"
	errRadiusSign resp.Error = "ERR radius cannot be negative"
	errWidth      resp.Error = "ERR need numeric width"
	errHeight     resp.Error = "ERR need numeric height"
	errSidesSign  resp.Error = "ERR height or width cannot be negative"
	errNoPlace    resp.Error = "ERR could not decode requested zset member"
)

// geoadd is ZADD of the geohashes of places.
func geoadd(c *Call) error {
	var o zaddOptions
	places := c.Args[2:]
options:
	for ; len(places) > 0; places = places[1:] {
		switch arg := places[0]; {
		case isToken(arg, "NX"):
			o.onlyNew = true
		case isToken(arg, "XX"):
			o.onlyOld = true
		case isToken(arg, "CH"):
			o.countChanged = true
		default:
			break options
		}
	}
	if len(places) == 0 || len(places)%3 != 0 || o.onlyNew && o.onlyOld {
		return ErrSyntax
	}
	var room [16][]byte
	pairs, digits := room[:0], c.Scratch()
	for ; len(places) > 0; places = places[3:] {
		p, err := parsePoint(places[0], places[1])
		if err != nil {
			return err
		}
		start := len(digits)
		digits = resp.AppendUint(digits, geo.Encode(p))
		pairs = append(pairs, digits[start:], places[2])
	}
	c.KeepScratch(digits)
	return c.zadd(pairs, &o)
}

// parsePoint reads a longitude and a latitude.
func parsePoint(lon, lat []byte) (p geo.Point, err error) {
	var ok bool
	if p.Lon, ok = resp.ParseFloat(lon); !ok {
		return p, resp.ErrNotFloat
	}
	if p.Lat, ok = resp.ParseFloat(lat); !ok {
		return p, resp.ErrNotFloat
	}
	if !p.Valid() {
		return p, resp.Error("ERR invalid longitude,latitude pair " + sixDecimals(p.Lon) + "," + sixDecimals(p.Lat))
	}
	return p, nil
}

// sixDecimals formats a number as C's "%f" does.
func sixDecimals(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return strconv.FormatFloat(x, 'f', 6, 64)
}

// parseUnit reads a unit and returns its meters.
func parseUnit(arg []byte) (meters float64, err error) {
	switch {
	case isToken(arg, "M"):
		return 1, nil
	case isToken(arg, "KM"):
		return 1000, nil
	case isToken(arg, "FT"):
		return 0.3048, nil
	case isToken(arg, "MI"):
		return 1609.34, nil
	}
	return 0, errUnit
}

// placeOf returns where a member is.
func placeOf(z value.ZSet, member []byte) (p geo.Point, ok bool) {
	s := z.Find(member)
	return geo.Decode(geo.BitsOf(s.Score)), s.Exists
}

func geodist(c *Call) error {
	unit := 1.0
	if len(c.Args) > 4 {
		var err error
		if unit, err = parseUnit(c.Args[4]); err != nil && len(c.Args) == 5 {
			return err
		}
		if len(c.Args) > 5 {
			return ErrSyntax
		}
	}
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	from, ok := placeOf(z, c.Args[2])
	to, also := placeOf(z, c.Args[3])
	if !ok || !also {
		c.Reply.Null()
		return nil
	}
	c.replyDistance(geo.ToFourDecimals(geo.Distance(from, to), unit, from, to))
	return nil
}

// replyDistance replies with a distance to four decimals: a string in both protocols.
func (c *Call) replyDistance(d float64) {
	var digits [64]byte
	c.Reply.Bulk(appendFourDecimals(digits[:0], d))
}

// appendFourDecimals appends a number that is not negative, rounded to four decimals. All but those
// next to the middle of two are rounded here, several times as fast as in general.
func appendFourDecimals(dst []byte, d float64) []byte {
	const most, doubt = 1 << 40, 1e-3
	whole, rest := math.Modf(d * 1e4)
	if !(d < most) || math.Abs(rest-0.5) < doubt {
		return strconv.AppendFloat(dst, d, 'f', 4, 64)
	}
	n := uint64(whole + math.Round(rest))
	dst = resp.AppendUint(dst, n/10_000)
	n %= 10_000
	return append(dst, '.', byte('0'+n/1000), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}

func geohash(c *Call) error {
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		p, ok := placeOf(z, member)
		if !ok {
			c.Reply.Null()
			continue
		}
		var text [16]byte
		c.Reply.Bulk(geo.AppendText(text[:0], p))
	}
	return nil
}

func geopos(c *Call) error {
	k := c.Read(1)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	c.Reply.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		p, ok := placeOf(z, member)
		if !ok {
			c.Reply.NullArray()
			continue
		}
		c.replyPoint(p)
	}
	return nil
}

func (c *Call) replyPoint(p geo.Point) {
	c.Reply.Array(2)
	c.Reply.HumanDouble(p.Lon)
	c.Reply.HumanDouble(p.Lat)
}
