// Random commands for the differential test: what clients send, and what they should not.
//
// Keys and values come from small pools, so that commands meet; numbers stand at the edges; one
// command in sixteen is damaged. Deadlines are far away and absolute, or relative and then settled
// by the test, so that the clock decides nothing.

package transcripts

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// judging tells how two servers' replies to a call are compared.
type judging int

const (
	exactly  judging = iota // equal
	inOrder                 // equal but for the order of elements
	asNull                  // both null or neither
	scanning                // the whole iteration is run, and the sets of keys are equal
	dumping                 // equal payloads, or payloads that restore to the same value
	encoding                // equal, or what became a listpack in 7.2
)

// call is one command to send to both servers.
type call struct {
	conn   int
	args   []string
	judge  judging
	settle []string // keys that may now have a relative deadline
	from   string   // a key whose DUMP takes the place of the argument payload
}

const payload = "<payload>"

type generator struct {
	r       *rand.Rand
	conns   int
	inMulti []bool // by connection
}

func newGenerator(r *rand.Rand, conns int) *generator {
	return &generator{r: r, conns: conns, inMulti: make([]bool, conns)}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (g *generator) oneIn(n int) bool { return g.r.IntN(n) == 0 }

func (g *generator) key() string {
	return pick(g.r, "a", "b", "c", "d", "e", "f", "key:1", "key:22", "k\x00\xff", "", "h[a]*", strings.Repeat("long", 30))
}

// integer gives integers near the edges of what commands take, and a few that are none.
func (g *generator) integer() string {
	switch g.r.IntN(6) {
	case 0:
		return pick(g.r, "9223372036854775807", "-9223372036854775808", "9223372036854775806", "4294967295",
			"-2147483648", "2147483647", "65535", "-32768", "127", "-128")
	case 1:
		return pick(g.r, "9223372036854775808", "-9223372036854775809", "1.5", "abc", "", " 1", "1 ", "+1", "01",
			"-0", "0x10", "1e3", "99999999999999999999")
	}
	return strconv.Itoa(g.r.IntN(41) - 20)
}

func (g *generator) float() string {
	switch g.r.IntN(4) {
	case 0:
		return g.integer()
	case 1:
		return pick(g.r, "0.1", "1e10", "-1e-5", "3.0e3", "inf", "-inf", "nan", "1.7e308", ".5", "5.", "1e400",
			"0.30000000000000004", "1234567890.123456789", "0x1p3", "1e-10")
	}
	return strconv.FormatFloat(float64(g.r.IntN(2_000_000)-1_000_000)/1000, 'f', -1, 64)
}

func (g *generator) value() string {
	switch g.r.IntN(8) {
	case 0, 1:
		return g.integer()
	case 2:
		return g.float()
	case 3:
		return strings.Repeat(pick(g.r, "a", "ab", "\x00", "\xff\x0f", "0123456789"), 1+g.r.IntN(60))
	case 4:
		b := make([]byte, g.r.IntN(100))
		for i := range b {
			b[i] = byte(g.r.Uint32())
		}
		return string(b)
	}
	return pick(g.r, "", "v", "hello", "foobar", "\x00", "a b", "ohmytext", "mynewtext", strings.Repeat("x", 44), strings.Repeat("x", 45))
}

// offset gives positions in strings, some beyond what is allowed, none that would take much memory.
func (g *generator) offset() string {
	if g.oneIn(6) {
		return pick(g.r, "536870912", "4294967296", "-1", "-5", "abc", "9223372036854775807", "-9223372036854775808")
	}
	return strconv.Itoa(g.r.IntN(120))
}

// position gives valid places in strings, from either end. BITCOUNT and BITPOS get no others: Redis
// 7.0 does not look at them when the key is absent, 7.2 does.
func (g *generator) position() string {
	if g.oneIn(6) {
		return pick(g.r, "9223372036854775807", "-9223372036854775808", "4294967296")
	}
	return strconv.Itoa(g.r.IntN(401) - 200)
}

// deadline gives an option of an absolute deadline, or a relative one when it can be settled.
func (g *generator) deadline(conn int) (opts []string, relative bool) {
	if g.oneIn(8) {
		return []string{pick(g.r, "EX", "PX", "EXAT", "PXAT"), pick(g.r, "0", "-1", "abc", "9223372036854775807", "9223372036854776", "1.5")}, !g.inMulti[conn]
	}
	if g.inMulti[conn] || g.oneIn(2) {
		return pick(g.r, []string{"EXAT", g.absolute()}, []string{"PXAT", g.absolute() + "123"}), false
	}
	// A key set with a deadline in the past may be counted until somebody looks at it.
	return pick(g.r, []string{"EX", "1000"}, []string{"PX", "2000000"}, []string{"PX", "1"}, []string{"PX", "4"},
		[]string{"PXAT", "5"}), true
}

// absolute gives a far deadline in seconds.
func (g *generator) absolute() string {
	return pick(g.r, "33177117420", "33177117421", "44177117420", "20177117420")
}

// some keeps each option with one chance in three, in random order and letter case.
func (g *generator) some(options ...[]string) (args []string) {
	g.r.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
	for _, o := range options {
		if g.oneIn(3) {
			o = slices.Clone(o)
			if g.oneIn(3) {
				o[0] = strings.ToLower(o[0])
			}
			args = append(args, o...)
		}
	}
	return args
}

func words(line string) []string { return strings.Fields(line) }

// next returns calls that belong together, in order.
func (g *generator) next() []call {
	conn := g.r.IntN(g.conns)
	if g.oneIn(12) {
		return g.transaction(conn)
	}
	c := g.command(conn)
	c.conn = conn
	if g.oneIn(16) {
		g.damage(&c)
	}
	return []call{c}
}

// damage drops, doubles or replaces an argument.
func (g *generator) damage(c *call) {
	switch {
	case len(c.args) == 1, c.judge == scanning, c.from != "":
		return
	case slices.Contains([]string{"BITCOUNT", "BITPOS", "SRANDMEMBER", "SPOP"}, c.args[0]):
		return
	}
	i := 1 + g.r.IntN(len(c.args)-1)
	c.args = slices.Clone(c.args)
	switch g.r.IntN(3) {
	case 0:
		c.args = slices.Delete(c.args, i, i+1)
	case 1:
		c.args = slices.Insert(c.args, i, c.args[i])
	case 2:
		c.args[i] = pick(g.r, "nosuch", "", "-1", "\xff", "NX", "GET")
	}
	if len(c.args) > 1 && !g.inMulti[c.conn] {
		c.settle = c.args[1:2]
	}
}

// transaction moves the connection in or out of MULTI, or watches.
func (g *generator) transaction(conn int) []call {
	one := func(args ...string) []call { return []call{{conn: conn, args: args}} }
	if g.inMulti[conn] {
		if g.oneIn(5) {
			g.inMulti[conn] = false
			return one("DISCARD")
		}
		if g.oneIn(6) {
			return one(pick(g.r, "MULTI", "WATCH", "NOSUCH", "UNWATCH"), "a")
		}
		g.inMulti[conn] = false
		return one("EXEC")
	}
	switch g.r.IntN(8) {
	case 0:
		return one("UNWATCH")
	case 1:
		return one(pick(g.r, "EXEC", "DISCARD"))
	case 2, 3, 4:
		return one("WATCH", g.key(), g.key())
	}
	g.inMulti[conn] = true
	return one("MULTI")
}

// command returns one command for the connection.
func (g *generator) command(conn int) call {
	families := []func(int) call{g.stringWrite, g.stringWrite, g.stringRead, g.numeric, g.bits, g.bits, g.estimates,
		g.sets, g.sets, g.sets, g.lists, g.lists, g.hashes, g.hashes,
		g.generic, g.generic, g.expiry, g.expiry, g.spread, g.serial}
	if g.inMulti[conn] {
		families = families[:len(families)-3] // what is compared by more than one command, or settled
		c := g.familyWithoutSettling(families, conn)
		return c
	}
	return pick(g.r, families...)(conn)
}

// familyWithoutSettling draws until the call can stand in a transaction.
func (g *generator) familyWithoutSettling(families []func(int) call, conn int) call {
	for {
		if c := pick(g.r, families...)(conn); c.settle == nil && c.judge == exactly {
			return c
		}
	}
}

// sets have keys of their own, and visit others.
func (g *generator) sets(int) call {
	key := func() string {
		if g.oneIn(10) {
			return g.key()
		}
		return "set:" + strconv.Itoa(g.r.IntN(5))
	}
	several := func(most int, draw func() string) (list []string) {
		for range 1 + g.r.IntN(most) {
			list = append(list, draw())
		}
		return list
	}
	switch g.r.IntN(12) {
	case 0, 1, 2:
		return call{args: append([]string{"SADD", key()}, several(6, g.member)...)}
	case 3:
		return call{args: append([]string{"SREM", key()}, several(12, g.member)...)}
	case 4:
		return call{args: append([]string{pick(g.r, "SISMEMBER", "SMISMEMBER", "SMISMEMBER"), key()}, several(3, g.member)...)}
	case 5:
		return call{args: []string{"SMOVE", key(), key(), g.member()}}
	case 6:
		return call{args: append([]string{pick(g.r, "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"), key()}, several(3, key)...)}
	case 7:
		keys := several(3, key)
		args := append([]string{"SINTERCARD", strconv.Itoa(len(keys))}, keys...)
		return call{args: append(args, g.some([]string{"LIMIT", g.integer()})...)}
	case 8:
		return call{args: append([]string{pick(g.r, "SINTER", "SUNION", "SDIFF")}, several(4, key)...), judge: inOrder}
	case 9:
		return call{args: []string{pick(g.r, "SCARD", "TYPE"), key()}}
	case 10:
		// What is picked by chance is all there is.
		return call{args: pick(g.r, []string{"SMEMBERS", key()}, []string{"SRANDMEMBER", key(), "1000"}, []string{"SPOP", key(), "1000"}),
			judge: inOrder}
	}
	args := append([]string{"SORT", key()}, g.some(words("DESC"), []string{"LIMIT", g.integer(), g.integer()}, words("GET #"))...)
	if g.oneIn(2) {
		args = append(args, "ALPHA")
	}
	if g.oneIn(3) {
		args = append(args, "STORE", pick(g.r, "sorted", key()))
	}
	return call{args: args}
}

// hashes have keys of their own, and visit others.
func (g *generator) hashes(int) call {
	key := func() string {
		if g.oneIn(10) {
			return g.key()
		}
		return "hash:" + strconv.Itoa(g.r.IntN(4))
	}
	several := func(args ...string) []string {
		for range 1 + g.r.IntN(8) {
			args = append(args, g.member())
		}
		return args
	}
	switch g.r.IntN(12) {
	case 0, 1, 2:
		args := []string{pick(g.r, "HSET", "HMSET"), key()}
		for range 1 + g.r.IntN(6) {
			args = append(args, g.member(), g.value())
		}
		return call{args: args}
	case 3:
		return call{args: []string{"HSETNX", key(), g.member(), g.value()}}
	case 4, 5:
		return call{args: several("HDEL", key())}
	case 6:
		return call{args: several("HMGET", key())}
	case 7:
		return call{args: []string{pick(g.r, "HGET", "HEXISTS", "HSTRLEN"), key(), g.member()}}
	case 8:
		return call{args: []string{"HINCRBY", key(), g.member(), g.integer()}}
	case 9:
		return call{args: []string{"HINCRBYFLOAT", key(), g.member(), g.float()}}
	case 10:
		return call{args: []string{pick(g.r, "HKEYS", "HVALS"), key()}, judge: inOrder}
	}
	return call{args: []string{pick(g.r, "HLEN", "TYPE"), key()}}
}

// member draws from few, so that sets have some in common.
func (g *generator) member() string {
	if g.oneIn(20) {
		return g.value()
	}
	return pick(g.r, "", "x", "y", "z") + strconv.Itoa(g.r.IntN(30))
}

// estimates are of HyperLogLogs, which have keys of their own: few strings are any.
func (g *generator) estimates(int) call {
	key := func() string {
		if g.oneIn(10) {
			return g.key()
		}
		return pick(g.r, "hll:1", "hll:2", "hll:3")
	}
	args := []string{pick(g.r, "PFADD", "PFADD", "PFADD", "PFCOUNT", "PFMERGE"), key()}
	for range g.r.IntN(4) {
		if args[0] == "PFADD" {
			args = append(args, g.value())
		} else {
			args = append(args, key())
		}
	}
	return call{args: args}
}

func (g *generator) stringWrite(conn int) call {
	k := g.key()
	switch g.r.IntN(10) {
	case 0, 1, 2:
		opts, relative := g.deadline(conn)
		c := call{args: append([]string{"SET", k, g.value()},
			g.some(words("NX"), words("XX"), words("GET"), words("KEEPTTL"), opts)...)}
		if relative {
			c.settle = []string{k}
		}
		return c
	case 3:
		if g.inMulti[conn] || g.oneIn(4) {
			return call{args: []string{pick(g.r, "SETEX", "PSETEX"), k, pick(g.r, "0", "-1", "x", "9223372036854775807"), g.value()}}
		}
		return call{args: []string{pick(g.r, "SETEX", "PSETEX"), k, "1000000", g.value()}, settle: []string{k}}
	case 4:
		return call{args: []string{"SETNX", k, g.value()}}
	case 5:
		args := []string{pick(g.r, "MSET", "MSETNX")}
		for range 1 + g.r.IntN(3) {
			args = append(args, g.key(), g.value())
		}
		return call{args: args}
	case 6:
		return call{args: []string{"APPEND", k, g.value()}}
	case 7:
		return call{args: []string{"SETRANGE", k, g.offset(), g.value()}}
	case 8:
		return call{args: []string{"GETSET", k, g.value()}}
	}
	opts, relative := g.deadline(conn)
	c := call{args: append([]string{"GETEX", k}, g.some(opts, words("PERSIST"))...)}
	if relative {
		c.settle = []string{k}
	}
	return c
}

func (g *generator) stringRead(int) call {
	k := g.key()
	switch g.r.IntN(7) {
	case 0, 1:
		return call{args: []string{"GET", k}}
	case 2:
		return call{args: []string{"MGET", k, g.key(), g.key()}}
	case 3:
		return call{args: []string{pick(g.r, "GETRANGE", "SUBSTR"), k, g.integer(), g.integer()}}
	case 4:
		return call{args: []string{"STRLEN", k}}
	case 5:
		return call{args: []string{"GETDEL", k}}
	}
	return call{args: append([]string{"LCS", k, g.key()},
		g.some(words("LEN"), words("IDX"), words("WITHMATCHLEN"), []string{"MINMATCHLEN", g.integer()})...)}
}

func (g *generator) numeric(int) call {
	k := g.key()
	switch g.r.IntN(4) {
	case 0:
		return call{args: []string{pick(g.r, "INCR", "DECR"), k}}
	case 1:
		return call{args: []string{pick(g.r, "INCRBY", "DECRBY"), k, g.integer()}}
	case 2:
		return call{args: []string{"SET", k, g.integer()}}
	}
	return call{args: []string{"INCRBYFLOAT", k, g.float()}}
}

func (g *generator) bits(int) call {
	k := g.key()
	unit := pick(g.r, nil, words("BIT"), words("byte"))
	switch g.r.IntN(6) {
	case 0:
		return call{args: []string{"SETBIT", k, g.offset(), pick(g.r, "0", "1", "1", "2", "x")}}
	case 1:
		return call{args: []string{"GETBIT", k, g.offset()}}
	case 2:
		args := []string{"BITCOUNT", k}
		if g.oneIn(2) {
			args = append(append(args, g.position(), g.position()), unit...)
		}
		return call{args: args}
	case 3:
		args := []string{"BITPOS", k, pick(g.r, "0", "1", "1", "2")}
		for range g.r.IntN(3) {
			args = append(args, g.position())
		}
		if len(args) == 5 {
			args = append(args, unit...)
		}
		return call{args: args}
	case 4:
		args := []string{"BITOP", pick(g.r, "AND", "OR", "XOR", "NOT", "nand"), k, g.key()}
		for range g.r.IntN(3) {
			args = append(args, g.key())
		}
		return call{args: args}
	}
	args := []string{pick(g.r, "BITFIELD", "BITFIELD", "BITFIELD", "BITFIELD_RO"), k}
	for range g.r.IntN(4) {
		args = append(args, g.bitfieldPart()...)
	}
	return call{args: args}
}

func (g *generator) bitfieldPart() []string {
	kind := pick(g.r, "u", "i") + strconv.Itoa(1+g.r.IntN(65))
	at := pick(g.r, "", "#") + strconv.Itoa(g.r.IntN(40))
	switch g.r.IntN(5) {
	case 0:
		return []string{"OVERFLOW", pick(g.r, "WRAP", "SAT", "FAIL", "nosuch")}
	case 1:
		return []string{"GET", kind, at}
	case 2:
		return []string{"SET", kind, at, g.integer()}
	}
	return []string{"INCRBY", kind, at, g.integer()}
}

func (g *generator) generic(int) call {
	k := g.key()
	switch g.r.IntN(12) {
	case 0:
		return call{args: []string{pick(g.r, "DEL", "UNLINK"), k, g.key()}}
	case 1:
		return call{args: []string{pick(g.r, "EXISTS", "TOUCH"), k, g.key(), k}}
	case 2:
		return call{args: []string{"TYPE", k}}
	case 3, 4:
		return call{args: []string{pick(g.r, "RENAME", "RENAMENX"), k, g.key()}}
	case 5, 6:
		return call{args: append([]string{"COPY", k, g.key()},
			g.some(words("REPLACE"), []string{"DB", pick(g.r, "0", "1", "2", "16", "x")})...)}
	case 7:
		return call{args: []string{"MOVE", k, pick(g.r, "0", "1", "2", "99")}}
	case 8:
		return call{args: []string{"OBJECT", "ENCODING", k}, judge: encoding}
	case 9:
		return call{args: []string{"DBSIZE"}}
	case 10:
		return call{args: []string{"SELECT", pick(g.r, "0", "0", "1", "2", "16", "-1")}}
	}
	return call{args: []string{"COMMAND", pick(g.r, "GETKEYS", "GETKEYSANDFLAGS"), pick(g.r, "GET", "SET", "MSET", "BITOP", "nosuch"), k, g.key(), g.key()}}
}

func (g *generator) expiry(conn int) call {
	k := g.key()
	conditions := g.some(words("NX"), words("XX"), words("GT"), words("LT"))
	switch g.r.IntN(6) {
	case 0:
		if g.inMulti[conn] {
			return call{args: []string{"PERSIST", k}}
		}
		args := []string{pick(g.r, "EXPIRE", "PEXPIRE"), k, pick(g.r, "1000000", "2000000", "0", "-5", "9223372036854775807", "x")}
		return call{args: append(args, conditions...), settle: []string{k}}
	case 1:
		return call{args: append([]string{"EXPIREAT", k, g.absolute()}, conditions...)}
	case 2:
		return call{args: append([]string{"PEXPIREAT", k, pick(g.r, g.absolute()+"000", g.absolute()+"123", "1", "-1", "x")}, conditions...)}
	case 3:
		return call{args: []string{"PERSIST", k}}
	}
	return call{args: []string{pick(g.r, "EXPIRETIME", "PEXPIRETIME"), k}}
}

// spread gives commands over many keys or databases.
func (g *generator) spread(int) call {
	pattern := pick(g.r, "*", "k*", "?", "[a-c]", "*1", "h\\[*", "key:*", "\x00*", "[^a]")
	switch g.r.IntN(12) {
	case 0, 1:
		return call{args: []string{"KEYS", pattern}, judge: inOrder}
	case 2, 3, 4:
		return call{args: append([]string{"SCAN", "0"}, g.some([]string{"MATCH", pattern},
			[]string{"COUNT", pick(g.r, "1", "3", "1000")}, []string{"TYPE", pick(g.r, "string", "list")})...), judge: scanning}
	case 5:
		return call{args: []string{"RANDOMKEY"}, judge: asNull}
	case 6, 7:
		return call{args: []string{"SWAPDB", pick(g.r, "0", "1", "2", "16"), pick(g.r, "0", "1", "x")}}
	case 8:
		return call{args: []string{"FLUSHDB", pick(g.r, "ASYNC", "SYNC", "nosuch", "sync")}}
	case 9:
		if g.oneIn(3) {
			return call{args: []string{"FLUSHALL"}}
		}
	}
	return call{args: []string{"DBSIZE"}}
}

// serial gives DUMP and RESTORE.
func (g *generator) serial(int) call {
	k := g.key()
	if g.oneIn(2) {
		return call{args: []string{"DUMP", k}, judge: dumping}
	}
	target := g.key()
	args := []string{"RESTORE", target, pick(g.r, "0", g.absolute()+"000", "-1", "x"), payload}
	args = append(args, g.some(words("REPLACE"), words("REPLACE"), words("ABSTTL"),
		[]string{"IDLETIME", g.integer()}, []string{"FREQ", g.integer()})...)
	return call{args: args, from: k, settle: []string{target}}
}
