// Benchmarks of look-ups in listpacks as small hashes are, and of building one.

package listpack

import (
	"fmt"
	"testing"
)

// packed is a hash of n fields.
func packed(n int) (lp []byte, fields [][]byte) {
	lp = AppendNew(nil)
	for i := range n {
		field := fmt.Appendf(nil, "field:%d", i)
		fields = append(fields, field)
		lp = Append(Append(lp, field), fmt.Appendf(nil, "%d", i*i*i))
	}
	return lp, fields
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{8, 128} {
		lp, fields := packed(n)
		b.Run(fmt.Sprintf("fields=%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if Find(lp, First(lp), fields[i%n], 1) < 0 {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprintf("fields=%d/absent", n), func(b *testing.B) {
			for b.Loop() {
				if Find(lp, First(lp), []byte("other:12"), 1) >= 0 {
					b.Fatal("found")
				}
			}
		})
	}
}

func BenchmarkWalk(b *testing.B) {
	lp, _ := packed(128)
	b.Run("forth", func(b *testing.B) {
		for b.Loop() {
			for at := First(lp); at >= 0; {
				_, at = Read(lp, at)
			}
		}
	})
	b.Run("back", func(b *testing.B) {
		for b.Loop() {
			for at := Last(lp); at >= 0; at = Prev(lp, at) {
				Get(lp, at)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, text := range []string{"member", "1234567"} {
		b.Run(text, func(b *testing.B) {
			elem, lp := []byte(text), AppendNew(make([]byte, 0, 4096))
			for b.Loop() {
				if lp = Append(lp, elem); len(lp) > 4000 {
					lp = AppendNew(lp[:0])
				}
			}
		})
	}
}
