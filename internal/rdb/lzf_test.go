// LZF: what is compressed is decompressed to the same, whole or in segments, also when one table
// serves many inputs and positions wrap round; no token stream makes the decoder panic, write
// outside its output or say yes to a wrong length. The plain decoder here is the format's definition.

package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// lzfInputs are inputs from incompressible to constant.
func lzfInputs(r *rand.Rand) [][]byte {
	var inputs [][]byte
	for _, length := range []int{0, 1, 3, 4, 5, 21, 40, 100, 263, 264, 265, 300, 1000, 8192, 8200, 20000, 100000} {
		for _, alphabet := range []int{1, 2, 4, 26, 256} {
			in := make([]byte, length)
			for i := range in {
				in[i] = byte(r.IntN(alphabet))
			}
			inputs = append(inputs, in)
			period := bytes.Clone(in)
			for i := 1 + r.IntN(9000); i < len(period); i++ { // repeats at random distances
				period[i] = period[r.IntN(i)]
				if back := 1 + r.IntN(min(i, 8300)); r.IntN(4) != 0 {
					n := copy(period[i:], period[i-back:min(i, i-back+r.IntN(300)+1)])
					i += n
				}
			}
			inputs = append(inputs, period)
		}
	}
	return inputs
}

func TestLZFRoundTrip(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	var c compressor
	for round := range 3 {
		if round == 2 {
			c.base = math.MaxUint32 - 50000 // the positions are about to wrap
		}
		for i, in := range lzfInputs(r) {
			packed, ok := c.appendCompressed([]byte("before"), in, 2*len(in)+10)
			if !ok {
				t.Fatalf("seed %d, round %d, input %d: not compressed into %d bytes", seed, round, i, 2*len(in)+10)
			}
			checkUnpacks(t, fmt.Sprintf("seed %d, round %d, input %d", seed, round, i), packed[len("before"):], in)
			full := len(packed) - len("before")
			for limit := max(0, full-8); limit < full+8 && full < 2000; limit++ {
				got, ok := c.appendCompressed(nil, in, limit)
				if ok && len(got) != full || ok && limit < full || !ok && limit > full {
					t.Fatalf("seed %d, round %d, input %d: %d bytes, %t, with a limit of %d; %d without", seed, round, i, len(got), ok, limit, full)
				}
			}

			segment := 1 + r.IntN(len(in)+1)
			packed = packed[:0]
			c.begin(len(in))
			for from := 0; from < len(in); from += segment {
				packed, _ = c.appendSegment(packed, in, from, min(from+segment, len(in)), math.MaxInt32)
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
	if err := decompress(out[:len(in)], packed); err != nil || !bytes.Equal(out[:len(in)], in) || out[len(in)] != 0xA5 {
		t.Fatalf("%s: decompress: %v, equal %t, byte after the end %#x", context, err, bytes.Equal(out[:len(in)], in), out[len(in)])
	}
	if len(in) > 0 && decompress(out[:len(in)-1], packed) == nil {
		t.Fatalf("%s: decompressed into a byte less than it has", context)
	}
	if decompress(out, packed) == nil {
		t.Fatalf("%s: decompressed into a byte more than it has", context)
	}
}

// TestLZFSaves shows that strings worth it get smaller, and others are given up within the limit.
func TestLZFSaves(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	random := make([]byte, 1000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var c compressor
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
		got, ok := c.appendCompressed(nil, []byte(tc.in), tc.limit)
		if ok != (tc.most > 0) || len(got) > tc.most {
			t.Errorf("%s: %d bytes, %t; want at most %d bytes", tc.name, len(got), ok, tc.most)
		}
	}
}

func appendAll(c *compressor, in string) []byte {
	out, _ := c.appendCompressed(nil, []byte(in), math.MaxInt32)
	return out
}

// TestPieces shows that a string written in pieces reads as the same string, that the encoder can
// be used again after being left half way, and how little memory it takes.
func TestPieces(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	enc := &Encoder{}
	inputs := append(lzfInputs(r), []byte("123456"), bytes.Repeat([]byte("abcdefgh"), 100000))
	for i, in := range inputs {
		for _, compress := range []bool{true, false} {
			enc.Compress = compress
			_, left := enc.BeginLarge(nil, []byte("left"), bytes.Repeat([]byte("half way "), 10000))
			left.AppendTo(nil)

			file, p := enc.BeginLarge(AppendHeader(nil, DefaultVersion), []byte("key"), in)
			for p.More() {
				before := len(file)
				if file = p.AppendTo(file); len(file) == before || len(file)-before > PieceBytes {
					t.Fatalf("seed %d, input %d: a piece of %d bytes", seed, i, len(file)-before)
				}
			}
			if len(file) > headerBytes+5+MaxStringBytes(len(in)) {
				t.Errorf("seed %d, input %d: %d bytes take %d", seed, i, len(in), len(file))
			}
			file = append(file, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
			for _, withLarge := range []bool{true, false} {
				got, _ := scanAll(t, fmt.Sprintf("seed %d, input %d", seed, i), bytes.NewReader(file), Options{BufferBytes: 128}, withLarge)
				checkEntries(t, fmt.Sprintf("seed %d, input %d", seed, i), got, []entry{{0, "key", string(in), None, None, None}})
			}
		}
	}
}

func FuzzLZFDecompress(f *testing.F) {
	var c compressor
	for _, in := range lzfInputs(rand.New(rand.NewPCG(1, 0))) {
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
		err := decompress(out[:length:length], packed)
		if want := plainDecompress(packed); err == nil && !bytes.Equal(out[:length], want) {
			t.Fatalf("decompressed to %q, want %q", out[:length], want)
		}
		for i, b := range out[length:] {
			if b != 0xA5 {
				t.Fatalf("wrote %d bytes past the end", i)
			}
		}
		fuzzLargeValue(t, packed, length, err)
	})
}

// fuzzLargeValue demands that reading as a stream agrees with decoding at once.
func fuzzLargeValue(t *testing.T, packed []byte, length int, want error) {
	file := append(AppendHeader(nil, DefaultVersion), TypeString, 1, 'k')
	file = append(appendCompressedHeader(file, len(packed), length), packed...)
	file = append(file, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
	streamed := false
	_, err := Scan(bytes.NewReader(file), Options{BufferBytes: 64, Large: func(_ *Record, value *LargeValue) error {
		streamed = true
		out, err := io.ReadAll(value)
		if err == nil && !bytes.Equal(out, plainDecompress(packed)) {
			t.Fatalf("streamed as %q, want %q", out, plainDecompress(packed))
		}
		return err
	}}, func(rec *Record) error { return nil })
	if streamed && (err == nil) != (want == nil) || err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("streamed: %v; at once: %v", err, want)
	}
}

func FuzzLZFRoundTrip(f *testing.F) {
	for _, in := range lzfInputs(rand.New(rand.NewPCG(2, 0))) {
		if len(in) < 2000 {
			f.Add(in, 100)
		}
	}
	var c compressor
	f.Fuzz(func(t *testing.T, in []byte, segment int) {
		packed, ok := c.appendCompressed(nil, in, len(in)-leastSaving)
		if ok {
			checkUnpacks(t, "whole", packed, in)
		}
		if segment <= 0 {
			return
		}
		packed = packed[:0]
		c.begin(len(in))
		for from := 0; from < len(in); from += segment {
			packed, _ = c.appendSegment(packed, in, from, min(from+segment, len(in)), math.MaxInt32)
		}
		checkUnpacks(t, "segments", packed, in)
	})
}
