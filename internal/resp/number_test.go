// Numbers as text: tables of edges, each line of which the oracle's test also asks of a real server,
// and properties over random numbers.

package resp

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"tarn/test/chance"
)

func TestParseInt(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{in: "0", want: 0, ok: true},
		{in: "-1", want: -1, ok: true},
		{in: "1234567890", want: 1234567890, ok: true},
		{in: "9223372036854775807", want: math.MaxInt64, ok: true},
		{in: "-9223372036854775808", want: math.MinInt64, ok: true},
		{in: "9223372036854775808"}, {in: "-9223372036854775809"}, {in: "9999999999999999999"}, {in: "10000000000000000000"},
		{in: ""}, {in: "-"}, {in: "+1"}, {in: "-0"}, {in: "00"}, {in: "01"}, {in: "-01"}, {in: " 1"}, {in: "1 "}, {in: "1\x00"},
		{in: "1a"}, {in: "0x1"}, {in: "1.0"}, {in: "--1"}, {in: "1/"}, {in: "1:"},
	} {
		if got, ok := ParseInt([]byte(tc.in)); ok != tc.ok || ok && got != tc.want {
			t.Errorf("ParseInt(%q) = %d, %t; want %d, %t", tc.in, got, ok, tc.want, tc.ok)
		}
	}
}

func TestParseUint(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{in: "0", want: 0, ok: true},
		{in: "18446744073709551615", want: math.MaxUint64, ok: true},
		{in: " \t\n\v\f\r+0012", want: 12, ok: true},
		{in: "-01", want: math.MaxUint64, ok: true},
		{in: "00000000000000000000000000007", want: 7, ok: true},
		{in: "18446744073709551616"}, {in: "99999999999999999999"}, {in: "-1"}, {in: ""}, {in: " "}, {in: "+"}, {in: "+-1"}, {in: "1 "}, {in: "x"},
	} {
		if got, ok := ParseUint([]byte(tc.in)); ok != tc.ok || ok && got != tc.want {
			t.Errorf("ParseUint(%q) = %d, %t; want %d, %t", tc.in, got, ok, tc.want, tc.ok)
		}
	}
}

func TestParseFloat(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want float64
		ok   bool
	}{
		{in: "0", want: 0, ok: true}, {in: "+5", want: 5, ok: true}, {in: ".5", want: .5, ok: true}, {in: "5.", want: 5, ok: true},
		{in: "-3.25e2", want: -325, ok: true}, {in: "0x10", want: 16, ok: true}, {in: "0X1.8p1", want: 3, ok: true},
		{in: "0.1", want: 0.1, ok: true}, {in: "123456789012.345", want: 123456789012.345, ok: true},
		{in: "inf", want: math.Inf(1), ok: true}, {in: "-INFINITY", want: math.Inf(-1), ok: true},
		{in: "4.9e-324", want: math.SmallestNonzeroFloat64, ok: true}, {in: "0e-999", want: 0, ok: true},
		{in: "1" + strings.Repeat("0", 5000) + "e-5000", want: 1, ok: true},
		{in: "1e309"}, {in: "-1e309"}, {in: "1e-400"}, {in: "0x1p-1075"}, {in: "nan"}, {in: "nan(1)"}, {in: " 1"}, {in: "1 "}, {in: ""},
		{in: "."}, {in: "-"}, {in: "e5"}, {in: "1e"}, {in: "1_0"}, {in: "0x"}, {in: "0x_1p0"}, {in: "1.2.3"}, {in: "1\x00"}, {in: "infin"},
		{in: "e" + strings.Repeat("9", 1000)},
	} {
		if got, ok := ParseFloat([]byte(tc.in)); ok != tc.ok || ok && got != tc.want {
			t.Errorf("ParseFloat(%.60q) = %g, %t; want %g, %t", tc.in, got, ok, tc.want, tc.ok)
		}
	}
}

func TestParseFloatAsStrconv(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		want := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			want = float64(r.IntN(1<<r.IntN(32))) / math.Pow10(r.IntN(8))
		}
		if math.IsNaN(want) || math.IsInf(want, 0) {
			continue
		}
		text := strconv.FormatFloat(want, "efg"[r.IntN(3)], -1, 64)
		if got, ok := ParseFloat([]byte(text)); !ok || got != want {
			t.Fatalf("ParseFloat(%q) = %g, %t; want %g (seed %d)", text, got, ok, want, seed)
		}
	}
}

// TestAppendDouble has the form of Redis 7.2 by documentation: the server at hand, 7.0, prints 17
// digits.
func TestAppendDouble(t *testing.T) {
	for _, tc := range []struct {
		in   float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-1, "-1"}, {3, "3"}, {0.1, "0.1"}, {-0.5, "-0.5"}, {1.5, "1.5"}, {3.141, "3.141"},
		{100, "100"}, {1e15, "1000000000000000"}, {1 << 52, "4503599627370496"}, {1e17, "1e+17"},
		{123456789012345680000, "123456789012345680000"}, {1e20, "1e+20"}, {1e18, "1e+18"}, {1e21, "1e+21"}, {1e300, "1e+300"}, {1.5e300, "1.5e+300"},
		{0.001, "0.001"}, {0.00001, "0.00001"}, {0.000001, "0.000001"}, {0.0000001, "1e-7"}, {1.25e-7, "1.25e-7"}, {1e-300, "1e-300"}, {5e-324, "5e-324"},
		{12.345678901234567, "12.345678901234567"}, {123456.789012345, "1.23456789012345e+5"}, {1234.5678901234567, "1234.5678901234567"},
		{math.MaxFloat64, "1.7976931348623157e+308"}, {math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"},
	} {
		if got := string(AppendDouble(nil, tc.in)); got != tc.want {
			t.Errorf("AppendDouble(%g) = %q; want %q", tc.in, got, tc.want)
		}
	}
}

func TestAppendHumanDouble(t *testing.T) {
	for _, tc := range []struct {
		in   float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "0"}, {3, "3"}, {1.5, "1.5"}, {0.1, "0.10000000000000001"}, {-1e-18, "0"}, {1e-17, "0.00000000000000001"},
		{100, "100"}, {1e22, "10000000000000000000000"}, {13.361389338970184, "13.36138933897018433"}, {math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"},
	} {
		if got := string(AppendHumanDouble(nil, tc.in)); got != tc.want {
			t.Errorf("AppendHumanDouble(%g) = %q; want %q", tc.in, got, tc.want)
		}
	}
}

// TestNumbersReadBack prints random numbers and reads them.
func TestNumbersReadBack(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		n := int64(r.Uint64()) >> r.IntN(64)
		text := AppendInt([]byte("x"), n)[1:]
		if string(text) != strconv.FormatInt(n, 10) {
			t.Fatalf("AppendInt(%d) = %q (seed %d)", n, text, seed)
		}
		if got, ok := ParseInt(text); !ok || got != n {
			t.Fatalf("ParseInt(%q) = %d, %t (seed %d)", text, got, ok, seed)
		}
		u := r.Uint64() >> r.IntN(64)
		if got, ok := ParseUint(AppendUint(nil, u)); !ok || got != u {
			t.Fatalf("ParseUint(AppendUint(%d)) = %d, %t (seed %d)", u, got, ok, seed)
		}
		f := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			f = math.Round(r.NormFloat64()*1e6) / math.Pow10(r.IntN(6))
		}
		if got, ok := ParseFloat(AppendDouble(nil, f)); !math.IsNaN(f) && (!ok || got != f) {
			t.Fatalf("ParseFloat(AppendDouble(%g)) = %g, %t (seed %d)", f, got, ok, seed)
		}
	}
}

func TestNumberAllocs(t *testing.T) {
	inputs := [][]byte{[]byte("12345"), []byte("-9223372036854775808"), []byte("0.12345678901234567"), []byte("3.14"), []byte("1e5"), []byte("inf")}
	room := make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		for _, in := range inputs {
			_, _ = ParseInt(in)
			_, _ = ParseUint(in)
			f, _ := ParseFloat(in)
			_ = AppendDouble(room, f)
			x, _ := ParseLongDouble(in)
			sum, _ := x.Add(LongDoubleFromInt(7))
			_ = sum.AppendTo(room)
		}
	})
	if allocs != 0 {
		t.Errorf("%g allocations; want 0", allocs)
	}
}
