// How fast strings are encoded, found and decoded. Fixed seeds; MB/s are of the file's bytes.

package rdb

import (
	"bytes"
	"fmt"
	"io"
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

var benchKinds = []string{"random", "json", "constant"}

func BenchmarkAppendEntry(b *testing.B) {
	for _, kind := range benchKinds {
		for _, compress := range []bool{false, true} {
			b.Run(fmt.Sprintf("kind=%s/compress=%t", kind, compress), func(b *testing.B) {
				enc := &Encoder{Compress: compress}
				value := benchValue(rand.New(rand.NewPCG(1, 0)), kind, 400)
				key := []byte("key:000000012345")
				buf := make([]byte, 0, MaxEntryBytes(len(key), len(value)))
				for b.Loop() {
					buf = enc.AppendStringEntry(AppendExpireMs(buf[:0], 1700000000000), key, value)
				}
				b.SetBytes(int64(len(buf)))
			})
		}
	}
}

// benchFile is a file of keys with values of 400 bytes.
func benchFile(kind string, keys int) []byte {
	r := rand.New(rand.NewPCG(1, 0))
	enc := &Encoder{Compress: true}
	file := AppendSelectDB(AppendHeader(nil, DefaultVersion), 0)
	values := make([][]byte, 64)
	for i := range values {
		values[i] = benchValue(r, kind, 400)
	}
	for i := range keys {
		file = enc.AppendStringEntry(file, fmt.Appendf(nil, "key:%012d", i), values[i%len(values)])
	}
	var out bytes.Buffer
	w := NewWriter(&out, true)
	w.Write(file)
	w.End()
	return out.Bytes()
}

func BenchmarkSplit(b *testing.B) {
	for _, kind := range benchKinds {
		file := benchFile(kind, 100000)
		for _, bufferBytes := range []int{64 << 10, 256 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("kind=%s/buffer=%d", kind, bufferBytes), func(b *testing.B) {
				b.SetBytes(int64(len(file)))
				b.ReportAllocs()
				for b.Loop() {
					r, err := Split(bytes.NewReader(file), Options{BufferBytes: bufferBytes}, func(b *Batch) error { b.Release(); return nil })
					if err != nil || r.Records != 100000 {
						b.Fatal(r, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/key")
			})
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, kind := range benchKinds {
		file := benchFile(kind, 100000)
		b.Run("kind="+kind, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			dst := make([]byte, 400)
			for b.Loop() {
				_, err := Scan(bytes.NewReader(file), Options{SkipChecksum: true}, func(rec *Record) error {
					s, err := rec.Value.AsString()
					if err != nil {
						return err
					}
					return s.DecodeInto(dst[:s.Len()])
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/key")
		})
	}
}

func BenchmarkLarge(b *testing.B) {
	for _, kind := range benchKinds {
		enc := &Encoder{Compress: true}
		value := benchValue(rand.New(rand.NewPCG(1, 0)), kind, 8<<20)
		b.Run("write/kind="+kind, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			buf := make([]byte, 0, PieceBytes)
			for b.Loop() {
				w := NewWriter(io.Discard, true)
				_, p := enc.BeginLarge(nil, []byte("key"), value)
				for p.More() {
					buf = p.AppendTo(buf[:0])
					w.Write(buf)
				}
			}
		})
		file, p := enc.BeginLarge(AppendHeader(nil, DefaultVersion), []byte("key"), value)
		for p.More() {
			file = p.AppendTo(file)
		}
		file = append(file, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
		b.Run("read/kind="+kind, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			for b.Loop() {
				_, err := Scan(bytes.NewReader(file), Options{Large: func(_ *Record, v *LargeValue) error {
					_, err := io.ReadFull(v, value)
					return err
				}}, func(*Record) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
