// Searching geo indexes: GEOSEARCH, GEOSEARCHSTORE and the GEORADIUS family.
//
// All find the places of one area, in the order of its parts of the grid or by their distance from
// its center, and reply with them or store them. They differ in how the area is said.

package command

import (
	"cmp"
	"slices"
	"sync"

	"tarn/internal/geo"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errGeoCount resp.Error = "ERR COUNT must be > 0"
	errGeoAny   resp.Error = "ERR the ANY argument requires COUNT argument"
)

// geoForm is what a command's name says of a search.
type geoForm struct {
	source   int  // argument of the key that is searched
	fixed    int  // arguments before the options
	search   bool // GEOSEARCH: the area is said by options
	byMember bool // GEORADIUSBYMEMBER
	stores   bool // GEOSEARCHSTORE
	readOnly bool // STORE and STOREDIST are no options
}

// geoOrder is how the places found are ordered.
type geoOrder int8

const (
	nearestFirst  geoOrder = 1
	farthestFirst geoOrder = -1
)

// geoSearch is a search as a client asks for it.
type geoSearch struct {
	form                          geoForm
	area                          geo.Area
	fromMember, fromPoint         bool // how the center is said, and the shape
	byRadius, byBox               bool
	withDist, withHash, withCoord bool
	count                         int64 // 0: all
	any                           bool
	order                         geoOrder // 0: none
	store                         int      // argument of the key to store in, 0: none
	storeDist                     bool
}

func geosearch(c *Call) error {
	return c.geoSearch(geoForm{source: 1, fixed: 2, search: true, readOnly: true})
}

func geosearchstore(c *Call) error {
	return c.geoSearch(geoForm{source: 2, fixed: 3, search: true, stores: true, readOnly: true})
}

func georadius(c *Call) error { return c.geoSearch(geoForm{source: 1, fixed: 6}) }

func georadiusRO(c *Call) error { return c.geoSearch(geoForm{source: 1, fixed: 6, readOnly: true}) }

func georadiusbymember(c *Call) error {
	return c.geoSearch(geoForm{source: 1, fixed: 5, byMember: true})
}

func georadiusbymemberRO(c *Call) error {
	return c.geoSearch(geoForm{source: 1, fixed: 5, byMember: true, readOnly: true})
}

// geoSearch finds places, and replies with them or stores them.
func (c *Call) geoSearch(form geoForm) error {
	k := c.Read(form.source)
	z, err := value.ZSetAt(&k)
	if err != nil {
		return err
	}
	s := geoSearch{form: form}
	if form.stores {
		s.store = 1
	}
	if err := s.parse(c, z); err != nil {
		return err
	}
	room := foundRoom.Get().(*[]foundPlace)
	found := s.find(z, (*room)[:0])
	defer s.giveBack(room, found)
	total := len(found)
	if s.count > 0 && int64(total) > s.count {
		total = int(s.count)
	}
	s.sort(found)
	if s.store != 0 {
		return c.storeFound(&s, found[:total])
	}
	c.replyFound(&s, found[:total])
	return nil
}

// parse reads the search; of a key that is absent, members are not asked for.
func (s *geoSearch) parse(c *Call, z value.ZSet) (err error) {
	fixed := c.Args[2:s.form.fixed]
	switch {
	case s.form.search:
	case s.form.byMember && z.Len() == 0:
	case s.form.byMember:
		if err = s.centerOn(z, fixed[0]); err != nil {
			return err
		}
		err = s.circle(fixed[1], fixed[2])
	default:
		if s.area.Center, err = parsePoint(fixed[0], fixed[1]); err != nil {
			return err
		}
		err = s.circle(fixed[2], fixed[3])
	}
	if err != nil {
		return err
	}
	for i := s.form.fixed; i < len(c.Args); {
		n, err := s.option(c, i, z)
		if err != nil {
			return err
		}
		i += n
	}
	return s.check(c)
}

// option reads the option at argument i and returns how many arguments it has.
func (s *geoSearch) option(c *Call, i int, z value.ZSet) (n int, err error) {
	arg, rest := c.Args[i], c.Args[i+1:]
	switch {
	case isToken(arg, "WITHDIST"):
		s.withDist = true
	case isToken(arg, "WITHHASH"):
		s.withHash = true
	case isToken(arg, "WITHCOORD"):
		s.withCoord = true
	case isToken(arg, "ANY"):
		s.any = true
	case isToken(arg, "ASC"):
		s.order = nearestFirst
	case isToken(arg, "DESC"):
		s.order = farthestFirst
	case isToken(arg, "COUNT") && len(rest) >= 1:
		if s.count, err = parseInt(rest[0]); err == nil && s.count <= 0 {
			err = errGeoCount
		}
		return 2, err
	case s.form.search:
		return s.areaOption(arg, rest, z)
	case !s.form.readOnly && isToken(arg, "STORE") && len(rest) >= 1:
		s.store, s.storeDist = i+1, false
		return 2, nil
	case !s.form.readOnly && isToken(arg, "STOREDIST") && len(rest) >= 1:
		s.store, s.storeDist = i+1, true
		return 2, nil
	default:
		return 0, ErrSyntax
	}
	return 1, nil
}

// areaOption reads an option of GEOSEARCH and GEOSEARCHSTORE alone.
func (s *geoSearch) areaOption(arg []byte, rest [][]byte, z value.ZSet) (n int, err error) {
	switch {
	case isToken(arg, "FROMMEMBER") && len(rest) >= 1 && !s.fromPoint:
		s.fromMember = true
		if z.Len() > 0 {
			err = s.centerOn(z, rest[0])
		}
		return 2, err
	case isToken(arg, "FROMLONLAT") && len(rest) >= 2 && !s.fromMember:
		s.fromPoint = true
		s.area.Center, err = parsePoint(rest[0], rest[1])
		return 3, err
	case isToken(arg, "BYRADIUS") && len(rest) >= 2 && !s.byBox:
		return 3, s.circle(rest[0], rest[1])
	case isToken(arg, "BYBOX") && len(rest) >= 3 && !s.byRadius:
		return 4, s.box(rest[0], rest[1], rest[2])
	case isToken(arg, "STOREDIST") && s.form.stores:
		s.storeDist = true
		return 1, nil
	}
	return 0, ErrSyntax
}

func (s *geoSearch) centerOn(z value.ZSet, member []byte) error {
	p, ok := placeOf(z, member)
	if !ok {
		return errNoPlace
	}
	s.area.Center = p
	return nil
}

func (s *geoSearch) circle(radius, unit []byte) (err error) {
	r, ok := resp.ParseFloat(radius)
	switch {
	case !ok:
		return errRadius
	case r < 0:
		return errRadiusSign
	}
	s.area.Radius, s.byRadius = r, true
	s.area.Unit, err = parseUnit(unit)
	return err
}

func (s *geoSearch) box(width, height, unit []byte) (err error) {
	w, ok := resp.ParseFloat(width)
	if !ok {
		return errWidth
	}
	h, ok := resp.ParseFloat(height)
	switch {
	case !ok:
		return errHeight
	case w < 0 || h < 0:
		return errSidesSign
	}
	s.area.Box, s.area.Width, s.area.Height, s.byBox = true, w, h, true
	s.area.Unit, err = parseUnit(unit)
	return err
}

// check returns an error when options contradict each other or are missing, and fills in the order
// that COUNT implies.
func (s *geoSearch) check(c *Call) error {
	switch {
	case s.store != 0 && (s.withDist || s.withHash || s.withCoord):
		what := "STORE option in GEORADIUS"
		if s.form.stores {
			what = "GEOSEARCHSTORE"
		}
		return resp.Error("ERR " + what + " is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
	case s.store != 0 && !c.declares(s.store):
		return ErrSyntax
	case s.form.search && !s.fromMember && !s.fromPoint:
		return resp.Error("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + string(c.Args[0]))
	case s.form.search && !s.byRadius && !s.byBox:
		return resp.Error("ERR exactly one of BYRADIUS and BYBOX can be specified for " + string(c.Args[0]))
	case s.any && s.count == 0:
		return errGeoAny
	case s.count > 0 && s.order == 0 && !s.any:
		s.order = nearestFirst
	}
	return nil
}

// declares tells whether argument i is one of the command's keys, as its specifications find them:
// only those are locked. They miss a key only when STORE is given twice, or as a key's name.
func (c *Call) declares(i int) bool {
	var room [4]KeyRef
	refs, _ := c.Spec.ExtractKeys(c.Args, room[:0])
	return slices.ContainsFunc(refs, func(r KeyRef) bool { return r.Pos == i })
}

// foundPlace is a member in the area, borrowed.
type foundPlace struct {
	member        value.Member
	score, meters float64
	point         geo.Point
}

// find returns the places in the area: with ANY no more than asked for.
func (s *geoSearch) find(z value.ZSet, found []foundPlace) []foundPlace {
	if z.Len() == 0 {
		return found
	}
	var room [9]geo.Range
	for _, r := range s.area.AppendRanges(room[:0]) {
		from, to := z.ScoreRanks(&value.ScoreRange{Min: float64(r.From), Max: float64(r.To), MaxOpen: true})
		likely := to - from
		if s.any {
			likely = int(min(int64(likely), s.count))
		}
		found = slices.Grow(found, min(likely, manyPlaces))
		z.Each(from, to, false, func(m value.Member, score float64) bool {
			p := geo.Decode(geo.BitsOf(score))
			if meters, inside := s.area.Distance(p); inside {
				found = append(found, foundPlace{m, score, meters, p})
			}
			return !s.isEnough(len(found))
		})
		if s.isEnough(len(found)) {
			break
		}
	}
	return found
}

// manyPlaces is the most places that room is made for before they are found, and kept afterwards.
const manyPlaces = 256

// foundRoom keeps room for the places of a search: garbage would be most of what a small one costs.
var foundRoom = sync.Pool{New: func() any { return new([]foundPlace) }}

func (s *geoSearch) giveBack(room *[]foundPlace, found []foundPlace) {
	if cap(found) <= manyPlaces {
		*room = found
	}
	foundRoom.Put(room)
}

func (s *geoSearch) isEnough(found int) bool { return s.any && int64(found) >= s.count }

// sort orders the places by their distance, if that is asked for.
func (s *geoSearch) sort(found []foundPlace) {
	if s.order == 0 {
		return
	}
	slices.SortStableFunc(found, func(a, b foundPlace) int {
		return int(s.order) * cmp.Compare(a.meters, b.meters)
	})
}

// replyFound replies with places.
func (c *Call) replyFound(s *geoSearch, found []foundPlace) {
	c.Reply.Array(len(found))
	parts := 1
	for _, with := range [...]bool{s.withDist, s.withHash, s.withCoord} {
		if with {
			parts++
		}
	}
	for i := range found {
		f := &found[i]
		if parts > 1 {
			c.Reply.Array(parts)
		}
		c.replyMember(f.member)
		if s.withDist {
			c.replyDistance(geo.ToFourDecimals(f.meters, s.area.Unit, s.area.Center, f.point))
		}
		if s.withHash {
			c.Reply.Int(int64(f.score))
		}
		if s.withCoord {
			c.replyPoint(f.point)
		}
	}
}

// storeFound stores places with their geohashes or their distances.
func (c *Call) storeFound(s *geoSearch, found []foundPlace) error {
	list := scoredList{members: make([]value.Scored, 0, len(found))}
	for i := range found {
		f := &found[i]
		score := f.score
		if s.storeDist {
			score = geo.Exact(s.area.Center, f.point) / s.area.Unit
		}
		list.add(f.member, score)
	}
	list.sort()
	event := "georadiusstore"
	if s.form.search {
		event = "geosearchstore"
	}
	return c.storeZSet(s.store, list.members, storing{event, int64(len(found))})
}
