// How fast bytes are compressed and decompressed. Fixed seed; MB/s are of the bytes, not compressed.

package lzf

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchValue returns length bytes of the kind named.
func benchValue(r *rand.Rand, kind string, length int) []byte {
	b := make([]byte, 0, length+32)
	for len(b) < length {
		switch kind {
		case "random":
			b = append(b, byte(r.Uint32()))
		case "json":
			b = fmt.Appendf(b, `{"id":%d,"name":"user%d","ok":true},`, r.IntN(1e6), r.IntN(1e4))
		default:
			b = append(b, 'x')
		}
	}
	return b[:length]
}

func BenchmarkCompress(b *testing.B) {
	for _, kind := range []string{"random", "json", "constant"} {
		for _, size := range []int{64, 400, 16 << 10, 1 << 20} {
			in := benchValue(rand.New(rand.NewPCG(1, 0)), kind, size)
			var c Compressor
			var out []byte
			b.Run(fmt.Sprintf("compress/kind=%s/bytes=%d", kind, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					out, _ = c.Append(out[:0], in, len(in)-4)
				}
				b.ReportMetric(float64(len(out))/float64(size), "ratio")
			})
			packed := appendAll(&c, string(in))
			b.Run(fmt.Sprintf("decompress/kind=%s/bytes=%d", kind, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				dst := make([]byte, size)
				for b.Loop() {
					if !Decompress(dst, packed) {
						b.Fatal("is not valid")
					}
				}
			})
		}
	}
}
