// Shown here: geohashes are those that are known of well-known places, and lose no more than a cell;
// an area's parts of the grid hold all its places, each once; and the precise functions round as
// arithmetic of 200 bits does.

package geo

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"tarn/test/chance"
)

func TestKnownPlaces(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   Point
		bits uint64
		text string
	}{
		{"Palermo", Point{13.361389, 38.115556}, 3479099956230698, "sqc8b49rny0"},
		{"Catania", Point{15.087269, 37.502669}, 3479447370796909, "sqdtr74hyu0"},
		{"the south-west corner", Point{-180, -85.05112878}, 0, "00bh0hbj200"},
		{"the middle", Point{0, 0}, 0xC000000000000, "s0000000000"},
	} {
		bits := Encode(tc.at)
		text := string(AppendText(nil, Decode(bits)))
		if bits != tc.bits || text != tc.text {
			t.Errorf("%s: %d, %q; want %d, %q", tc.name, bits, text, tc.bits, tc.text)
		}
	}
	from, to := Decode(3479099956230698), Decode(3479447370796909)
	for _, got := range []float64{Distance(from, to), Exact(from, to)} {
		if math.Abs(got-166274.1516) > 5e-5 {
			t.Errorf("from Palermo to Catania it is %v m, want 166274.1516", got)
		}
	}
}

func TestGeohashesLoseLittle(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		p := Point{random.Float64()*360 - 180, (random.Float64()*2 - 1) * MaxLat}
		bits := Encode(p)
		q := Decode(bits)
		if math.Abs(p.Lon-q.Lon) > 180.0/(1<<maxStep) || math.Abs(p.Lat-q.Lat) > MaxLat/(1<<maxStep) {
			t.Fatalf("seed %d: %v becomes %v", seed, p, q)
		}
		if again := Encode(q); again != bits || bits>>Bits != 0 {
			t.Fatalf("seed %d: %v is %d and then %d", seed, p, bits, again)
		}
	}
}

func TestBitsOfScores(t *testing.T) {
	for _, tc := range []struct {
		score float64
		want  uint64
	}{
		{0, 0}, {2.5, 2}, {-1, math.MaxUint64}, {-5.5, math.MaxUint64 - 4}, {1 << 52, 1 << 52}, {1 << 63, 1 << 63},
		{1e19, 10_000_000_000_000_000_000}, {1 << 64, 0}, {1e300, 0}, {math.Inf(1), 0}, {math.Inf(-1), 1 << 63}, {-1e300, 1 << 63},
	} {
		if got := BitsOf(tc.score); got != tc.want {
			t.Errorf("BitsOf(%v) = %d, want %d", tc.score, got, tc.want)
		}
	}
}

func TestInterleaving(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		x, want := random.Uint32(), uint64(0)
		for i := range 32 {
			want |= uint64(x>>i&1) << (2 * i)
		}
		if got := spread(x); got != want || gather(got) != x || gather(got|got<<1) != x {
			t.Fatalf("seed %d: spread(%#x) = %#x, want %#x; back %#x", seed, x, got, want, gather(got))
		}
	}
}

// TestAreasAreCovered looks away from the poles, where cells are too narrow for it to hold.
func TestAreasAreCovered(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	inside := 0
	for range 2000 {
		a := Area{Center: Point{random.Float64()*360 - 180, random.Float64()*120 - 60}, Unit: 1}
		size := math.Pow(10, random.Float64()*6)
		if a.Box = random.IntN(2) == 0; a.Box {
			a.Width, a.Height = size, size*(0.5+random.Float64())
		} else {
			a.Radius = size
		}
		ranges := a.AppendRanges(nil)
		if len(ranges) == 0 || len(ranges) > len(around) {
			t.Fatalf("seed %d: %+v has %d ranges", seed, a, len(ranges))
		}
		for range 50 {
			p := Point{a.Center.Lon + random.NormFloat64()*size/60_000, a.Center.Lat + random.NormFloat64()*size/110_000}
			if p.Lon > 180 {
				p.Lon -= 360
			} else if p.Lon < -180 {
				p.Lon += 360
			}
			if !p.Valid() {
				continue
			}
			bits := Encode(p)
			if _, in := a.Distance(Decode(bits)); !in {
				continue
			}
			inside++
			found := 0
			for _, r := range ranges {
				if bits >= r.From && bits < r.To {
					found++
				}
			}
			if found != 1 {
				t.Fatalf("seed %d: %+v has %v in %d of its ranges %v", seed, a, p, found, ranges)
			}
		}
	}
	if inside < 10_000 {
		t.Fatalf("seed %d: only %d points were inside an area", seed, inside)
	}
}

// bigSine returns the sine of x, or its cosine, rounded.
func bigSine(x float64, cosine bool) float64 {
	const precision = 200
	num := func(f float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(f) }
	square := num(0).Mul(num(x), num(x))
	term, n := num(x), 1.0
	if cosine {
		term, n = num(1), 0
	}
	sum := num(0)
	for range 60 {
		sum.Add(sum, term)
		term.Mul(term, square)
		term.Quo(term, num(-(n+1)*(n+2)))
		n += 2
	}
	f, _ := sum.Float64()
	return f
}

func TestPreciseFunctions(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		x := (random.Float64()*2 - 1) * math.Pi
		if random.IntN(2) == 0 {
			x *= math.Pow(10, -random.Float64()*9)
		}
		if got, want := sin(x), bigSine(x, false); got != want {
			t.Fatalf("seed %d: sin(%v) = %v, want %v", seed, x, got, want)
		}
		if got, want := cos(x), bigSine(x, true); got != want {
			t.Fatalf("seed %d: cos(%v) = %v, want %v", seed, x, got, want)
		}
		y := math.Abs(sin(x))
		// The right one of neighboring doubles is the one whose sine is nearest; asin may not be beside it.
		z := asin(y)
		below, above := bigSine(math.Nextafter(z, -1), false), bigSine(math.Nextafter(z, 4), false)
		if z < 1.5 && (below > y || above < y) {
			t.Fatalf("seed %d: asin(%v) = %v, whose neighbors have the sines %v and %v", seed, y, z, below, above)
		}
	}
}

func TestDoubtfulDecimals(t *testing.T) {
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		a := Point{random.Float64()*360 - 180, random.Float64()*170 - 85}
		b := Point{a.Lon + random.NormFloat64(), a.Lat + random.NormFloat64()}
		fast, exact := Distance(a, b), Exact(a, b)
		if math.Abs(fast-exact) > 1e-8*math.Max(1, exact/1e6) {
			t.Fatalf("seed %d: from %v to %v it is %v m, exactly %v", seed, a, b, fast, exact)
		}
		got, want := math.Round(ToFourDecimals(fast, 1, a, b)*1e4), math.Round(exact*1e4)
		if got != want {
			t.Fatalf("seed %d: from %v to %v it is %v m to four decimals, want %v", seed, a, b, got/1e4, want/1e4)
		}
	}
}

func BenchmarkDistance(b *testing.B) {
	from, to := Point{13.361389, 38.115556}, Point{15.087269, 37.502669}
	b.Run("exact=false", func(b *testing.B) {
		for b.Loop() {
			Distance(from, to)
		}
	})
	b.Run("exact=true", func(b *testing.B) {
		for b.Loop() {
			Exact(from, to)
		}
	})
}
