// Long doubles against big.Float with the same mantissa, which rounds the same but is slow and has
// no limits, and against sums that a real redis-server gave (oracle_test.go asks it for thousands
// more).

package resp

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"tarn/test/chance"
)

func TestAddLongDouble(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want string
		err  error
	}{
		{a: "0.1", b: "0.2", want: "0.3"},
		{a: "10.5", b: "0.1", want: "10.6"},
		{a: "5.0e3", b: "2.0e2", want: "5200"},
		{a: "3.0", b: "1e-18", want: "3"},
		{a: "1", b: "-1", want: "0"},
		{a: "-1e-18", b: "0", want: "0"},
		{a: "0", b: "-0", want: "0"},
		{a: "17179869184", b: "1.5", want: "17179869185.5"},
		{a: "1e22", b: "1", want: "10000000000000000000000"},
		{a: "0x10", b: "0.5", want: "16.5"},
		{a: "18446744073709551615", b: "0.5", want: "18446744073709551616"},
		{a: "9007199254740993", b: "0", want: "9007199254740993"},
		{a: "1e-17", b: "5e-18", want: "0.00000000000000002"},
		{a: "1.18973149535723176502e4932", b: "1.18973149535723176502e4932", err: ErrFloatRange},
		{a: "inf", b: "1", err: ErrFloatRange},
		{a: "1", b: "-infinity", err: ErrFloatRange},
		{a: "1e5000", b: "1", err: ErrNotFloat},
		{a: "1e-5000", b: "1", err: ErrNotFloat},
		{a: "nan", b: "1", err: ErrNotFloat},
		{a: "1", b: " 1", err: ErrNotFloat},
		{a: "1", b: "", err: ErrNotFloat},
		{a: "1", b: strings.Repeat("1", 5120), err: ErrNotFloat},
	} {
		got, err := AddLongDouble([]byte(tc.a), []byte(tc.b))
		if string(got) != tc.want || err != tc.err {
			t.Errorf("AddLongDouble(%q, %q) = %q, %v; want %q, %v", tc.a, tc.b, got, err, tc.want, tc.err)
		}
	}
}

func (x LongDouble) bigFloat() *big.Float {
	f := new(big.Float).SetPrec(64).SetUint64(x.mantissa)
	f.SetMantExp(f, int(x.exponent))
	if x.negative {
		f.Neg(f)
	}
	return f
}

// randomLongDouble favours mantissas with long runs of equal bits, where rounding is hard.
func randomLongDouble(r *rand.Rand, exponents int) LongDouble {
	m := r.Uint64()
	switch r.IntN(4) {
	case 0:
		m = 0
	case 1:
		m = 1<<63 - 1
	case 2:
		m = 1 << r.IntN(64)
	}
	return LongDouble{mantissa: m | 1<<63, exponent: int32(r.IntN(2*exponents) - exponents - 63), negative: r.IntN(2) == 0}
}

func TestLongDoubleAddAgainstBig(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 50000 {
		x, y := randomLongDouble(r, 80), randomLongDouble(r, 80)
		got, ok := x.Add(y)
		want := new(big.Float).SetPrec(64).Add(x.bigFloat(), y.bigFloat())
		if !ok || got.bigFloat().Cmp(want) != 0 {
			t.Fatalf("%+v + %+v = %+v, %t; want %s (seed %d)", x, y, got, ok, want.Text('p', 0), seed)
		}
	}
}

// TestLongDoublePrintAgainstRat prints and compares with exact fractions.
func TestLongDoublePrintAgainstRat(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(17), nil))
	for range 20000 {
		x := randomLongDouble(r, 100)
		exact, _ := x.bigFloat().Rat(nil)
		scaled := new(big.Rat).Mul(exact, unit)
		floor := new(big.Int).Div(scaled.Num(), scaled.Denom())
		rest := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(floor))
		if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && floor.Bit(0) == 1 {
			floor.Add(floor, big.NewInt(1))
		}
		want := new(big.Rat).Quo(new(big.Rat).SetInt(floor), unit)
		text := x.AppendTo([]byte("x"))[1:]
		got, ok := new(big.Rat).SetString(string(text))
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%+v prints as %q; want %s (seed %d)", x, text, want.FloatString(17), seed)
		}
	}
}

// TestLongDoubleParseAgainstRat reads decimals of all sizes and demands the nearest number.
func TestLongDoubleParseAgainstRat(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		text := fmt.Sprintf("%d.%de%d", r.Uint64()>>r.IntN(64), r.Uint64()>>r.IntN(64), r.IntN(100)-60)
		if r.IntN(2) == 0 {
			text = fmt.Sprintf("%d.%0*de%d", r.IntN(1000), r.IntN(40), r.IntN(100), r.IntN(600)-300)
		}
		exact, _ := new(big.Rat).SetString(text)
		want := new(big.Float).SetPrec(64).SetRat(exact)
		got, ok := ParseLongDouble([]byte(text))
		if !ok || got.bigFloat().Cmp(want) != 0 {
			t.Fatalf("ParseLongDouble(%q) = %+v, %t; want %s (seed %d)", text, got, ok, want.Text('p', 0), seed)
		}
	}
}

// TestLongDoubleParseEdges has the smallest and largest numbers, and ties that only a far digit breaks.
func TestLongDoubleParseEdges(t *testing.T) {
	const top = 1 << 63
	for _, tc := range []struct {
		in       string
		mantissa uint64
		exponent int32
	}{
		{"0x1p-16445", 1, minExponent},
		{"0x1.0000001p-16446", 1, minExponent},
		{"0x1.8p-16445", 2, minExponent},
		{"0x1.fffffffffffffffcp-16383", top - 1, minExponent},
		{"0x1.fffffffffffffffep-16383", top, minExponent},
		{"0x1p-16382", top, minExponent},
		{"0x1.fffffffffffffffep16383", 1<<64 - 1, maxExponent},
		{"0x8000000000000000" + "8", top, 4},
		{"0x8000000000000000" + "8" + strings.Repeat("0", 40) + "1", top + 1, 4 + 41*4},
		{"0x8000000000000001" + "8", top + 2, 4},
		{"9223372036854775808.5", top, 0},
		{"9223372036854775808.5" + strings.Repeat("0", 60) + "1", top + 1, 0},
		{"9223372036854775809.5", top + 2, 0},
	} {
		got, ok := ParseLongDouble([]byte(tc.in))
		if want := (LongDouble{mantissa: tc.mantissa, exponent: tc.exponent}); !ok || got != want {
			t.Errorf("ParseLongDouble(%q) = %+v, %t; want %+v", tc.in, got, ok, want)
		}
	}
	for _, in := range []string{"0x1p-16446", "0x1p16384", "0x1.ffffffffffffffffp16383"} {
		if got, ok := ParseLongDouble([]byte(in)); ok {
			t.Errorf("ParseLongDouble(%q) = %+v; want none", in, got)
		}
	}
}

func FuzzParseLongDouble(f *testing.F) {
	for _, s := range []string{"1.5", "0x1p-16445", "1e4932", "-inf", "1e", ".", "0x.8", "1e-4951", strings.Repeat("9", 60)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, ok := ParseLongDouble(b)
		if !ok {
			return
		}
		if x.mantissa != 0 && (x.mantissa < 1<<63 && x.exponent != minExponent || x.exponent < minExponent) {
			t.Fatalf("ParseLongDouble(%q) = %+v, which is not normal", b, x)
		}
		text := x.AppendTo(nil)
		back, ok := ParseLongDouble(text)
		if !ok || string(back.AppendTo(nil)) != string(text) {
			t.Fatalf("ParseLongDouble(%q) prints as %q, which reads as %+v, %t", b, text, back, ok)
		}
	})
}
