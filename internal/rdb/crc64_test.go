// The checksum is Redis's: by the published check value, and by agreement with the definition, one
// bit at a time, for every length and split around the group size.

package rdb

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tarn/test/chance"
)

func TestCRC64KnownValues(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint64
	}{
		{in: "", want: 0},
		{in: "123456789", want: 0xe9c6d914c4b8d9ca},
	} {
		if got := CRC64(0, []byte(tc.in)); got != tc.want {
			t.Errorf("CRC64(0, %q) = %#x, want %#x", tc.in, got, tc.want)
		}
	}
}

// crcBitwise is the definition.
func crcBitwise(crc uint64, p []byte) uint64 {
	for _, b := range p {
		crc ^= uint64(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ jonesReflected
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

func TestCRC64AgainstDefinition(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for length := range 200 {
		p := make([]byte, length)
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		start := r.Uint64()
		want := crcBitwise(start, p)
		if got := CRC64(start, p); got != want {
			t.Fatalf("seed %d, length %d: CRC64 = %#x, want %#x", seed, length, got, want)
		}
		cut := r.IntN(length + 1)
		if got := CRC64(CRC64(start, p[:cut]), p[cut:]); got != want {
			t.Fatalf("seed %d, length %d cut at %d: CRC64 = %#x, want %#x", seed, length, cut, got, want)
		}
	}
}

func BenchmarkCRC64(b *testing.B) {
	for _, size := range []int{64, 512, 256 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			p := make([]byte, size)
			for i := range p {
				p[i] = byte(i * 7)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				CRC64(0, p)
			}
		})
	}
}
