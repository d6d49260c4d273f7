// Benchmarks of sorted sets and geo, from the request's bytes to the reply's.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
)

func BenchmarkSortedSets(b *testing.B) {
	for _, members := range []int{100, 100_000} {
		c := newInProcess(b, clock.NewManual(someDay)).client(resp.RESP2)
		random := rand.New(rand.NewPCG(1, 2))
		words := func(n int) []string {
			return []string{fmt.Sprint(random.IntN(n)), fmt.Sprintf("element:%012d", random.IntN(n))}
		}
		for range 2 * members {
			w := words(members)
			c.do("ZADD", "z", w[0], w[1])
			c.do("GEOADD", "g", fmt.Sprint(random.Float64()), fmt.Sprint(random.Float64()), w[1])
		}
		for _, bench := range []struct {
			name string
			args func() []string
		}{
			{"zadd", func() []string { w := words(members); return []string{"ZADD", "z", w[0], w[1]} }},
			{"zincrby", func() []string { return []string{"ZINCRBY", "z", "1.5", words(members)[1]} }},
			{"zscore", func() []string { return []string{"ZSCORE", "z", words(members)[1]} }},
			{"zrank", func() []string { return []string{"ZRANK", "z", words(members)[1]} }},
			{"zrange", func() []string { return []string{"ZRANGE", "z", "40", "49", "WITHSCORES"} }},
			{"zcount", func() []string { return []string{"ZCOUNT", "z", "10", words(members)[0]} }},
			{"geosearch", func() []string {
				return []string{"GEOSEARCH", "g", "FROMLONLAT", "0.5", "0.5", "BYRADIUS", "50", "km", "COUNT", "100", "ANY", "WITHDIST"}
			}},
		} {
			requests := make([][]byte, 1<<12)
			for i := range requests {
				var raw [][]byte
				for _, arg := range bench.args() {
					raw = append(raw, []byte(arg))
				}
				requests[i] = resp.AppendCommand(nil, raw...)
			}
			b.Run(fmt.Sprintf("command=%s/members=%d", bench.name, members), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					c.feed(requests[i%len(requests)])
					i++
				}
			})
		}
	}
}
