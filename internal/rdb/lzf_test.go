// Compressed strings: one written in pieces reads as the same string; one that is read as a stream is
// what it is when it is decoded at once, whatever its bytes are.

package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"tarn/internal/lzf"
	"tarn/test/chance"
)

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

func appendAll(c *lzf.Compressor, in string) []byte {
	out, _ := c.Append(nil, []byte(in), math.MaxInt32)
	return out
}

func FuzzLargeCompressed(f *testing.F) {
	var c lzf.Compressor
	for _, in := range lzfInputs(rand.New(rand.NewPCG(1, 0))) {
		if len(in) < 2000 {
			f.Add(appendAll(&c, string(in)), len(in))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte, length int) {
		if length < 0 || length > 1<<20 {
			return
		}
		whole := make([]byte, length)
		ok := lzf.Decompress(whole, packed)
		fuzzLargeValue(t, packed, whole, ok)
	})
}

// fuzzLargeValue demands that reading as a stream agrees with decoding at once.
func fuzzLargeValue(t *testing.T, packed, whole []byte, ok bool) {
	file := append(AppendHeader(nil, DefaultVersion), TypeString, 1, 'k')
	file = append(appendCompressedHeader(file, len(packed), len(whole)), packed...)
	file = append(file, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
	streamed := false
	_, err := Scan(bytes.NewReader(file), Options{BufferBytes: 64, Large: func(_ *Record, value *LargeValue) error {
		streamed = true
		out, err := io.ReadAll(value)
		if err == nil && !bytes.Equal(out, whole) {
			t.Fatalf("streamed as %q, want %q", out, whole)
		}
		return err
	}}, func(rec *Record) error { return nil })
	if streamed && (err == nil) != ok || err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("streamed: %v; at once: %t", err, ok)
	}
}
