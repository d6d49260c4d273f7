// What the wire costs per command, in and out. The unit is ns/cmd where one iteration is several.

package resp

import (
	"bytes"
	"fmt"
	"testing"
)

func perCommand(b *testing.B, commands int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(commands), "ns/cmd")
}

// BenchmarkSet is all that the wire does for a pipeline of SETs: 16-byte keys, 64-byte values.
func BenchmarkSet(b *testing.B) {
	for _, commands := range []int{1, 16} {
		b.Run(fmt.Sprintf("pipeline=%d", commands), func(b *testing.B) {
			request := pipeline(commands)
			arena := make([][]byte, 0, 3*commands)
			room := make([]byte, 0, 4096)
			var p Parser
			var w Writer
			b.SetBytes(int64(len(request)))
			b.ReportAllocs()
			for b.Loop() {
				w.Reset(room, RESP2)
				args := arena
				for at := 0; at < len(request); {
					var n int
					n, args, _, _ = p.Next(request[at:], args, &testLimits)
					w.OK()
					at += n
				}
			}
			perCommand(b, commands)
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, tc := range []struct {
		name string
		args []string
	}{
		{"command=PING", []string{"PING"}},
		{"command=GET", []string{"GET", "key:000000000001"}},
		{"command=SET", []string{"SET", "key:000000000001", string(bytes.Repeat([]byte("v"), 64))}},
		{"command=SET-1k", []string{"SET", "key:000000000001", string(bytes.Repeat([]byte("v"), 1024))}},
		{"command=HSET-20", append([]string{"HSET", "key:000000000001"}, bytesOf(18)...)},
	} {
		b.Run(tc.name, func(b *testing.B) {
			var args [][]byte
			for _, a := range tc.args {
				args = append(args, []byte(a))
			}
			request := AppendCommand(nil, args...)
			arena := make([][]byte, 0, len(args))
			var p Parser
			b.ReportAllocs()
			for b.Loop() {
				_, _, status, _ := p.Next(request, arena, &testLimits)
				if status != Complete {
					b.Fatal(status)
				}
			}
		})
	}
}

func bytesOf(n int) (words []string) {
	for i := range n {
		words = append(words, fmt.Sprintf("field-%d", i*i*i))
	}
	return words
}

// BenchmarkParseSplit receives an array of many small arguments in pieces of one packet.
func BenchmarkParseSplit(b *testing.B) {
	request := AppendCommand(nil, bytes.Fields(bytes.Repeat([]byte("field value "), 50_000))...)
	const packet = 1448
	arena := make([][]byte, 0, 100_000)
	var p Parser
	for b.Loop() {
		for have := 0; have < len(request); {
			have = min(have+packet, len(request))
			_, _, _, _ = p.Next(request[:have], arena, &testLimits)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/arg")
}

func BenchmarkReply(b *testing.B) {
	value := bytes.Repeat([]byte("v"), 64)
	for _, tc := range []struct {
		name  string
		write func(*Writer)
	}{
		{"type=OK", (*Writer).OK},
		{"type=Int", func(w *Writer) { w.Int(123456) }},
		{"type=Bulk-64", func(w *Writer) { w.Bulk(value) }},
		{"type=BulkInt", func(w *Writer) { w.BulkInt(123456789) }},
		{"type=Null", (*Writer).Null},
		{"type=Double", func(w *Writer) { w.Double(3.141) }},
	} {
		b.Run(tc.name, func(b *testing.B) {
			room := make([]byte, 0, 4096)
			var w Writer
			b.ReportAllocs()
			for b.Loop() {
				w.Reset(room, RESP3)
				for range 16 {
					tc.write(&w)
				}
			}
			perCommand(b, 16)
		})
	}
}

func BenchmarkNumbers(b *testing.B) {
	for _, text := range []string{"7", "1234567", "-9223372036854775808"} {
		b.Run("func=ParseInt/text="+text, func(b *testing.B) {
			in := []byte(text)
			for b.Loop() {
				_, _ = ParseInt(in)
			}
		})
	}
	for _, text := range []string{"3.14", "0.12345678901234567"} {
		b.Run("func=ParseFloat/text="+text, func(b *testing.B) {
			in := []byte(text)
			for b.Loop() {
				_, _ = ParseFloat(in)
			}
		})
	}
	b.Run("func=AddLongDouble/text=0.1", func(b *testing.B) {
		in := []byte("0.1")
		for b.Loop() {
			_, _ = AddLongDouble(in, in)
		}
	})
}
