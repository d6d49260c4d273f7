// Shown here, against Debian's redis-server (7.0.15): sorted sets and geo indexes behave as Redis's.
// A seeded stream of random commands goes to it and to a server without sockets, in both protocols,
// under small and under usual limits; after each command the replies must be the same byte for byte,
// and so must the numbers of changes to save, of hits and of misses. Now and then every key is
// compared: encoding, members and scores, and the dump of small sets without its version and checksum.
// Scores are such as both print alike: Redis 7.2, whose form
// Tarn's replies have, prints the fewest digits, 7.0 prints 17.

package command_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

const (
	zduelCommands = 3000 // per round
	zduelLook     = 250  // commands between comparisons of all keys
)

func TestSortedSetsAgainstOracle(t *testing.T) {
	playZSets(t, zsetTemplates)
}

func TestGeoAgainstOracle(t *testing.T) {
	playZSets(t, geoTemplates)
}

func playZSets(t *testing.T, templates []string) {
	oracle := harness.Oracle(t).Start(t)
	for _, entries := range []int{0, 5, 128} {
		for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
			t.Run(fmt.Sprintf("entries=%d/proto=%d", entries, proto), func(t *testing.T) {
				d := newDuel(t, oracle, proto, chance.Seed(t))
				d.admin.Must(t, "CONFIG", "SET", "zset-max-listpack-entries", strconv.Itoa(entries), "zset-max-listpack-value", "20")
				d.admin.Must(t, "CONFIG", "SET", "rdbcompression", "no")
				d.tarn.env.Config.Update(func(c *config.Config) { c.RDBCompression = false })
				limits := keyspace.DefaultLimits
				limits.ZSetPackEntries, limits.ZSetPackValue = entries, 20
				d.tarn.env.Keyspace.SetLimits(&limits)
				d.before = d.counts()
				for d.step = range zduelCommands {
					args := randomZSetCommand(d.random, templates)
					d.play(args)
					if d.step%zduelLook == zduelLook-1 {
						d.lookAtZSets()
					}
				}
			})
		}
	}
}

// lookAtZSets compares what the keys hold. It leaves both sides' counters moved.
func (d *duel) lookAtZSets() {
	d.t.Helper()
	for _, name := range zduelKeys {
		if name == "set" { // its encodings are those of 7.2
			continue
		}
		for _, args := range [][]string{{"TYPE", name}, {"OBJECT", "ENCODING", name}, {"ZRANGE", name, "0", "-1", "WITHSCORES"}, {"TTL", name}} {
			d.play(args)
		}
		if d.client.do("OBJECT", "ENCODING", name) == "$8\r\nlistpack\r\n" {
			d.compareDumps(name)
		}
		d.before = d.counts()
	}
}

// compareDumps compares a key's bytes. What follows them is a version and a checksum.
func (d *duel) compareDumps(name string) {
	d.t.Helper()
	const footer = 10
	want := d.admin.Must(d.t, "DUMP", name).Text
	_, got, _ := strings.Cut(d.client.do("DUMP", name), "\r\n")
	got = strings.TrimSuffix(got, "\r\n")
	if len(got) < footer || len(want) < footer || got[:len(got)-footer] != want[:len(want)-footer] {
		d.fail("the dump of %q is %q, want %q", name, got, want)
	}
}

var zduelKeys = []string{"z1", "z2", "z3", "set", "text", "names"} // all scores of names are 0

// randomZSetCommand returns a command that may be well-formed, at an edge, or wrong.
func randomZSetCommand(r *rand.Rand, templates []string) []string {
	words := strings.Fields(pick(r, templates))
	args := words[:1:1]
	for _, w := range words[1:] {
		if fill := zduelFills[w]; fill != nil {
			args = append(args, fill(r)...)
		} else {
			args = append(args, w)
		}
	}
	if args[0] == "ZRANDMEMBER" { // these are not random, others would be
		return args
	}
	switch r.IntN(30) {
	case 0:
		if strings.HasSuffix(args[0], "RANK") { // WITHSCORE came with 7.2
			break
		}
		args = append(args, pick(r, zduelWords))
	case 1:
		if len(args) > 1 {
			args = args[:len(args)-1]
		}
	case 2:
		if len(args) > 1 && args[1] != "names" {
			args[1+r.IntN(len(args)-1)] = pick(r, zduelWords)
		}
	}
	return args
}

var zsetTemplates = []string{
	"ZADD key pairs", "ZADD key pairs", "ZADD key pairs", "ZADD key pairs", "ZADD key addoptions pairs", "ZADD key addoptions score member",
	"ZADD key addoptions score member", "ZADD key INCR score member", "ZINCRBY key score member", "ZREM key member", "ZREM key member member member",
	"ZCARD key", "ZCOUNT key bound bound", "ZLEXCOUNT names lex lex", "ZSCORE key member", "ZMSCORE key member member",
	"ZRANK key member", "ZREVRANK key member",
	"ZRANGE key rank rank rangeoptions", "ZRANGE key bound bound BYSCORE rangeoptions", "ZRANGE names lex lex BYLEX rangeoptions",
	"ZRANGE key bound bound BYSCORE REV rangeoptions", "ZRANGE names lex lex REV BYLEX rangeoptions", "ZRANGE key rank rank REV rangeoptions",
	"ZRANGESTORE key key rank rank rangeoptions", "ZRANGESTORE key key bound bound BYSCORE rangeoptions", "ZRANGESTORE key names lex lex BYLEX REV",
	"ZRANGEBYSCORE key bound bound rangeoptions", "ZREVRANGEBYSCORE key bound bound rangeoptions", "ZRANGEBYLEX names lex lex rangeoptions",
	"ZREVRANGEBYLEX names lex lex rangeoptions", "ZREVRANGE key rank rank rangeoptions", "ZREMRANGEBYRANK key rank rank",
	"ZREMRANGEBYSCORE key bound bound", "ZREMRANGEBYLEX names lex lex", "ZPOPMIN key", "ZPOPMAX key", "ZPOPMIN key count", "ZPOPMAX key count",
	"ZMPOP keys end", "ZMPOP keys end COUNT count",
	"ZRANDMEMBER nokey", "ZRANDMEMBER key 1000", "ZRANDMEMBER key 1000 WITHSCORES", "ZRANDMEMBER key 0", "ZRANDMEMBER nokey count",
	"ZUNION keys algebra", "ZINTER keys algebra", "ZDIFF keys", "ZDIFF keys WITHSCORES", "ZUNIONSTORE key keys algebra", "ZINTERSTORE key keys algebra",
	"ZDIFFSTORE key keys", "ZINTERCARD keys", "ZINTERCARD keys LIMIT count", "SADD set member member", "ZADD names 0 member 0 member", "ZADD names 0 member 0 member 0 member", "SREM set member", "SET text x", "DEL key",
	"EXPIRE key 100000", "ZSCAN nokey 0 COUNT x",
}

var geoTemplates = []string{
	"GEOADD key places", "GEOADD key places", "GEOADD key places", "GEOADD key geoaddoptions places", "ZREM key member", "GEODIST key member member",
	"GEODIST key member member unit", "GEOHASH key member member", "GEOPOS key member member", "SET text x", "DEL key",
	"GEORADIUS key lon lat radius unit geooptions", "GEORADIUS_RO key lon lat radius unit geooptions", "GEORADIUS key lon lat radius unit store",
	"GEORADIUSBYMEMBER key member radius unit geooptions", "GEORADIUSBYMEMBER_RO key member radius unit geooptions", "GEORADIUSBYMEMBER key member radius unit store",
	"GEOSEARCH key center shape geooptions", "GEOSEARCH key center shape geooptions", "GEOSEARCH key shape center geooptions",
	"GEOSEARCHSTORE key key center shape", "GEOSEARCHSTORE key key center shape COUNT count", "ZRANGE key 0 -1",
}

// zduelWords stand in wrong places.
var zduelWords = []string{
	"", "nx", "XX", "GT", "lt", "CH", "incr", "WITHSCORES", "LIMIT", "BYSCORE", "bylex", "REV", "WEIGHTS", "aggregate", "SUM", "-1", "0", "abc", "1.5",
	" 1", "nan", "inf", "(1", "[a", "4294967296", "COUNT", "min", "MATCH", "WITHDIST", "ANY", "ASC", "STORE", "BYBOX", "FROMLONLAT", "km",
}

var zduelFills map[string]func(*rand.Rand) []string

func init() {
	one := func(f func(*rand.Rand) string) func(*rand.Rand) []string {
		return func(r *rand.Rand) []string { return []string{f(r)} }
	}
	from := func(list ...string) func(*rand.Rand) []string {
		return func(r *rand.Rand) []string { return []string{pick(r, list)} }
	}
	some := func(most int, list ...string) func(*rand.Rand) []string {
		return func(r *rand.Rand) (args []string) {
			for range r.IntN(most + 1) {
				args = append(args, strings.Fields(pick(r, list))...)
			}
			return args
		}
	}
	degrees := func(most float64) func(*rand.Rand) string {
		return func(r *rand.Rand) string {
			x := r.Float64()*2 - 1
			if r.IntN(2) == 0 {
				x /= 200 // places near each other
			}
			return strconv.FormatFloat(x*most, 'f', 3+r.IntN(5), 64)
		}
	}
	zduelFills = map[string]func(*rand.Rand) []string{
		"key": one(func(r *rand.Rand) string {
			if r.IntN(12) == 0 {
				return pick(r, zduelKeys[:5])
			}
			return pick(r, zduelKeys[:3])
		}),
		"keys": func(r *rand.Rand) []string {
			args := []string{strconv.Itoa(1 + r.IntN(3))}
			n, _ := strconv.Atoi(args[0])
			for range n {
				args = append(args, pick(r, zduelKeys[:4]))
			}
			return args
		},
		"member": one(randomMember),
		"score":  one(randomScore),
		"pairs": func(r *rand.Rand) (args []string) {
			for range 1 + r.IntN(5) {
				args = append(args, randomScore(r), randomMember(r))
			}
			return args
		},
		"addoptions":    some(3, "NX", "XX", "GT", "LT", "CH", "INCR", "ch"),
		"geoaddoptions": some(2, "NX", "XX", "CH"),
		"rank":          from("0", "1", "2", "-1", "-2", "-3", "5", "100", "-100", "x", "3"),
		"bound": one(func(r *rand.Rand) string {
			switch r.IntN(5) {
			case 0:
				return pick(r, []string{"-inf", "+inf", "inf", "(-inf", "(inf", "(", "", " 1", "x", "nan", "1e400", "0x10", "(1.5"})
			case 1:
				return "(" + randomScore(r)
			}
			return randomScore(r)
		}),
		"lex": one(func(r *rand.Rand) string {
			switch r.IntN(6) {
			case 0:
				return pick(r, []string{"-", "+", "-x", "+x", "", "[", "(", "a"})
			case 1, 2:
				return "(" + randomMember(r)
			case 3:
				return pick(r, []string{"-", "+"})
			}
			return "[" + randomMember(r)
		}),
		"rangeoptions": some(2, "WITHSCORES", "LIMIT 0 2", "LIMIT 1 -1", "LIMIT -1 2", "LIMIT 0 0", "LIMIT 2 100", "REV"),
		"count":        from("1", "2", "3", "10", "0", "-1", "x"),
		"end":          from("MIN", "max", "MAX", "mid"),
		"algebra":      some(2, "WEIGHTS 2", "WEIGHTS 1 2", "WEIGHTS 0.5 -1 4", "WEIGHTS 1 inf", "AGGREGATE SUM", "AGGREGATE min", "AGGREGATE MAX", "WITHSCORES"),
		"places": func(r *rand.Rand) (args []string) {
			for range 1 + r.IntN(4) {
				args = append(args, degrees(180)(r), degrees(85.05112878)(r), randomMember(r))
			}
			return args
		},
		"lon":    one(degrees(180.5)),
		"lat":    one(degrees(85.5)),
		"unit":   from("m", "KM", "ft", "Mi", "km", "x"),
		"radius": from("0", "1", "10", "500", "10000", "123456", "20000", "1e6", "3e7", "-1", "x"),
		"center": func(r *rand.Rand) []string {
			if r.IntN(2) == 0 {
				return []string{"FROMMEMBER", randomMember(r)}
			}
			return []string{"FROMLONLAT", degrees(180)(r), degrees(85.05112878)(r)}
		},
		"shape": func(r *rand.Rand) []string {
			size := func() string { return pick(r, []string{"0", "10", "200", "5000", "300000", "2e7", "-1", "x"}) }
			unit := pick(r, []string{"m", "km", "ft", "MI"})
			if r.IntN(2) == 0 {
				return []string{"BYRADIUS", size(), unit}
			}
			return []string{"BYBOX", size(), size(), unit}
		},
		"geooptions": some(4, "WITHDIST", "WITHHASH", "WITHCOORD", "COUNT 1", "COUNT 3", "COUNT 2 ANY", "ASC", "DESC", "COUNT 100", "COUNT 0", "ASC"),
		"store":      some(1, "STORE z3", "STORE z1", "COUNT 2"),
	}
}

// randomMember returns one of few members: integers, short and long text.
func randomMember(r *rand.Rand) string {
	n := r.IntN(25)
	switch r.IntN(10) {
	case 0:
		return strings.Repeat("long", 4+r.IntN(3))
	case 1, 2, 3:
		return strconv.Itoa((n - 3) * n)
	}
	return string(rune('a' + n))
}

// randomScore returns a score that 17 digits print as the fewest digits do.
func randomScore(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return pick(r, []string{"inf", "-inf", "+inf", "1e12", "1e3", "0x20", "4294967295", "1e300000", "nan", "x"})
	case 1, 2, 3:
		return strconv.FormatFloat(math.Trunc(r.NormFloat64()*1000)/8, 'f', -1, 64)
	}
	return strconv.Itoa(r.IntN(12))
}
