// What is compressed is decompressed to the same, whole or in segments, also when one table serves
// many inputs and positions wrap round; no token stream makes the decoder panic, write outside its
// output or say yes to a wrong length. The plain decoder here is the format's definition.

package lzf

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"tarn/test/chance"
)

// plainDecompress is the format, byte by byte. It returns nil for a stream that is not valid.
func plainDecompress(src []byte) []byte {
	out := []byte{}
	for len(src) > 0 {
		token := int(src[0])
		src = src[1:]
		if token < 32 {
			if len(src) < token+1 {
				return nil
			}
			out = append(out, src[:token+1]...)
			src = src[token+1:]
			continue
		}
		length := token >> 5
		if length == 7 {
			if len(src) == 0 {
				return nil
			}
			length += int(src[0])
			src = src[1:]
		}
		if len(src) == 0 {
			return nil
		}
		from := len(out) - 1 - ((token&31)<<8 | int(src[0]))
		src = src[1:]
		if from < 0 {
			return nil
		}
		for range length + 2 {
			out = append(out, out[from])
			from++
		}
	}
	return out
}

// inputs returns some, from incompressible to constant.
func inputs(r *rand.Rand) [][]byte {
	var all [][]byte
	for _, length := range []int{0, 1, 3, 4, 5, 21, 40, 100, 263, 264, 265, 300, 1000, 8192, 8200, 20000, 100000} {
		for _, alphabet := range []int{1, 2, 4, 26, 256} {
			in := make([]byte, length)
			for i := range in {
				in[i] = byte(r.IntN(alphabet))
			}
			all = append(all, in)
			period := bytes.Clone(in)
			for i := 1 + r.IntN(9000); i < len(period); i++ { // repeats at random distances
				period[i] = period[r.IntN(i)]
				if back := 1 + r.IntN(min(i, 8300)); r.IntN(4) != 0 {
					n := copy(period[i:], period[i-back:min(i, i-back+r.IntN(300)+1)])
					i += n
				}
			}
			all = append(all, period)
		}
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	var c Compressor
	for round := range 3 {
		if round == 2 {
			c.base = math.MaxUint32 - 50000 // the positions are about to wrap
		}
		for i, in := range inputs(r) {
			packed, ok := c.Append([]byte("before"), in, 2*len(in)+10)
			if !ok {
				t.Fatalf("seed %d, round %d, input %d: not compressed into %d bytes", seed, round, i, 2*len(in)+10)
			}
			checkUnpacks(t, fmt.Sprintf("seed %d, round %d, input %d", seed, round, i), packed[len("before"):], in)
			full := len(packed) - len("before")
			for limit := max(0, full-8); limit < full+8 && full < 2000; limit++ {
				got, ok := c.Append(nil, in, limit)
				if ok && len(got) != full || ok && limit < full || !ok && limit > full {
					t.Fatalf("seed %d, round %d, input %d: %d bytes, %t, with a limit of %d; %d without", seed, round, i, len(got), ok, limit, full)
				}
			}

			segment := 1 + r.IntN(len(in)+1)
			packed = packed[:0]
			c.Begin(len(in))
			for from := 0; from < len(in); from += segment {
				packed, _ = c.AppendSegment(packed, in, from, min(from+segment, len(in)), math.MaxInt32)
			}
			checkUnpacks(t, fmt.Sprintf("seed %d, round %d, input %d, segments of %d", seed, round, i, segment), packed, in)
		}
	}
}

// checkUnpacks demands that packed is in, by the plain decoder, ours, and ours in a stream.
func checkUnpacks(t *testing.T, context string, packed, in []byte) {
	t.Helper()
	if plain := plainDecompress(packed); !bytes.Equal(plain, in) {
		t.Fatalf("%s: is no valid stream of its %d bytes", context, len(in))
	}
	out := make([]byte, len(in)+1)
	out[len(in)] = 0xA5
	if ok := Decompress(out[:len(in)], packed); !ok || !bytes.Equal(out[:len(in)], in) || out[len(in)] != 0xA5 {
		t.Fatalf("%s: Decompress: %t, equal %t, byte after the end %#x", context, ok, bytes.Equal(out[:len(in)], in), out[len(in)])
	}
	if len(in) > 0 && Decompress(out[:len(in)-1], packed) {
		t.Fatalf("%s: decompressed into a byte less than it has", context)
	}
	if Decompress(out, packed) {
		t.Fatalf("%s: decompressed into a byte more than it has", context)
	}
}

// TestSaves shows that strings worth it get smaller, and others are given up within the limit.
func TestSaves(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	random := make([]byte, 1000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var c Compressor
	for _, tc := range []struct {
		name  string
		in    string
		limit int
		most  int // bytes, 0: not compressed
	}{
		{name: "constant", in: strings.Repeat("x", 1000), limit: 996, most: 16},
		{name: "text", in: strings.Repeat("GET key:000001 VALUE ", 40), limit: 800, most: 60},
		{name: "random", in: string(random), limit: 996},
		{name: "exactly the limit", in: strings.Repeat("x", 1000), limit: len(appendAll(&c, strings.Repeat("x", 1000))), most: 16},
		{name: "one more than the limit", in: strings.Repeat("x", 1000), limit: len(appendAll(&c, strings.Repeat("x", 1000))) - 1},
	} {
		got, ok := c.Append(nil, []byte(tc.in), tc.limit)
		if ok != (tc.most > 0) || len(got) > tc.most {
			t.Errorf("%s: %d bytes, %t; want at most %d bytes", tc.name, len(got), ok, tc.most)
		}
	}
}

func appendAll(c *Compressor, in string) []byte {
	out, _ := c.Append(nil, []byte(in), math.MaxInt32)
	return out
}

func FuzzDecompress(f *testing.F) {
	var c Compressor
	for _, in := range inputs(rand.New(rand.NewPCG(1, 0))) {
		if len(in) < 2000 {
			f.Add(appendAll(&c, string(in)), len(in))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte, length int) {
		if length < 0 || length > 1<<20 {
			return
		}
		if len(packed) < 1<<12 {
			if plain := plainDecompress(packed); plain != nil {
				checkUnpacks(t, "plain", packed, plain)
			}
		}
		out := make([]byte, length+40)
		for i := range out[length:] {
			out[length+i] = 0xA5
		}
		ok := Decompress(out[:length:length], packed)
		if want := plainDecompress(packed); ok && !bytes.Equal(out[:length], want) {
			t.Fatalf("decompressed to %q, want %q", out[:length], want)
		}
		for i, b := range out[length:] {
			if b != 0xA5 {
				t.Fatalf("wrote %d bytes past the end", i)
			}
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, in := range inputs(rand.New(rand.NewPCG(2, 0))) {
		if len(in) < 2000 {
			f.Add(in, 100)
		}
	}
	var c Compressor
	f.Fuzz(func(t *testing.T, in []byte, segment int) {
		packed, ok := c.Append(nil, in, len(in)-4)
		if ok {
			checkUnpacks(t, "whole", packed, in)
		}
		if segment <= 0 {
			return
		}
		packed = packed[:0]
		c.Begin(len(in))
		for from := 0; from < len(in); from += segment {
			packed, _ = c.AppendSegment(packed, in, from, min(from+segment, len(in)), math.MaxInt32)
		}
		checkUnpacks(t, "segments", packed, in)
	})
}
