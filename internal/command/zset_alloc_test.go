// Shown here: the sorted-set commands that servers are busy with take no Go memory, small sets and
// large, and neither do the geo commands that only read a place.

package command_test

import (
	"fmt"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
)

func TestSortedSetsTakeNoGoMemory(t *testing.T) {
	for _, members := range []int{10, 1000} {
		p := newInProcess(t, clock.NewManual(someDay))
		c := p.client(resp.RESP2)
		for i := range members {
			c.do("ZADD", "z", fmt.Sprint(i), fmt.Sprintf("member-%d", i))
			c.do("GEOADD", "g", fmt.Sprint(i%180), fmt.Sprint(i%80), fmt.Sprintf("member-%d", i))
		}
		for _, args := range [][]string{
			{"ZADD", "z", "3.25", "member-7"}, {"ZADD", "z", "7", "member-7"}, {"ZADD", "z", "GT", "CH", "5", "member-7"},
			{"ZINCRBY", "z", "1", "member-3"}, {"ZSCORE", "z", "member-9"}, {"ZRANK", "z", "member-9"}, {"ZREVRANK", "z", "nobody"},
			{"ZCARD", "z"}, {"ZCOUNT", "z", "(2", "+inf"}, {"ZRANGE", "z", "2", "6", "WITHSCORES"},
			{"ZRANGE", "z", "2", "(6", "BYSCORE", "LIMIT", "1", "2"}, {"ZREVRANGEBYSCORE", "z", "6", "2"}, {"ZLEXCOUNT", "z", "-", "[m"},
			{"ZMSCORE", "z", "member-1", "nobody"}, {"ZRANDMEMBER", "z"},
			{"GEOPOS", "g", "member-1"}, {"GEODIST", "g", "member-1", "member-2", "km"}, {"GEOHASH", "g", "member-1"},
			{"GEOADD", "g", "1.5", "2.5", "member-1", "3.5", "4.5", "member-2"},
		} {
			allocates(t, c, members, args)
		}
		// Operations on small sets come out of a pool, which the race detector empties now and then.
		c.do("ZADD", "few", "1", "member-1", "2", "member-2", "3", "17")
		c.do("GEOADD", "near", "1", "1", "a", "1.1", "1.1", "b")
		operations := [][]string{
			{"ZINTER", "2", "few", "z", "WITHSCORES"}, {"ZUNION", "2", "few", "few"}, {"ZDIFF", "2", "few", "z"},
			{"ZINTERSTORE", "out", "2", "few", "z"}, {"ZINTERCARD", "2", "few", "z"},
			{"GEOSEARCH", "near", "FROMLONLAT", "1", "1", "BYRADIUS", "100", "km", "ASC", "WITHDIST", "WITHCOORD"},
		}
		if underRace {
			operations = nil
		}
		for _, args := range operations {
			allocates(t, c, members, args)
		}
		// What pops or removes puts it back.
		allocates(t, c, members, []string{"ZADD", "z", "-1", "least"}, []string{"ZPOPMIN", "z"})
		allocates(t, c, members, []string{"ZADD", "z", "inf", "most"}, []string{"ZPOPMAX", "z", "1"})
		allocates(t, c, members, []string{"ZADD", "z", "4.5", "some"}, []string{"ZREM", "z", "some"})
		allocates(t, c, members, []string{"ZADD", "z", "-7", "some"}, []string{"ZREMRANGEBYSCORE", "z", "-inf", "-7"})
	}
}

// allocates fails when commands, sent at once, take Go memory.
func allocates(t *testing.T, c *client, members int, commands ...[]string) {
	t.Helper()
	var request []byte
	for _, args := range commands {
		raw := make([][]byte, len(args))
		for i, arg := range args {
			raw[i] = []byte(arg)
		}
		request = resp.AppendCommand(request, raw...)
	}
	c.feed(request)
	if n := testing.AllocsPerRun(50, func() { c.feed(request) }); n != 0 {
		t.Errorf("%d members, %q: %v allocations, want 0", members, commands, n)
	}
}
