// Shown here: MEMORY USAGE is exact. Random commands make, change and drop collections of every type
// and shape; now and then the sum over all keys must be what the heaps hold, and everything must be
// sound. Two things keep the sum from being equal: a key's share of the index is rounded down, by less
// than a byte, and a table's directory, 4 bytes for 64 buckets, is counted and does not lie in a heap.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
	"tarn/internal/resp"
	"tarn/test/chance"
)

func TestMemoryUsageIsExact(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	p := newInProcess(t, clock.NewManual(someDay))
	limits := *p.env.Keyspace.Limits()
	limits.HashPackEntries, limits.SetPackEntries, limits.ZSetPackEntries, limits.SetIntsetEntries = 10, 10, 10, 20
	limits.ListPackSize, limits.ListCompressDepth = 8, 1
	p.env.Keyspace.SetLimits(&limits)
	c := p.client(resp.RESP2)
	for i := range 100 {
		c.do("SET", fmt.Sprintf("string:%d", i), randomText(r, r.IntN(10_000)))
	}
	seen := map[string]bool{}
	for i := range 5 {
		c.do("XGROUP", "CREATE", fmt.Sprintf("stream:%d", i), "g", "0", "MKSTREAM")
	}
	for step := range 20_000 {
		args := randomCollectionCommand(r)
		if reply := c.do(args...); strings.HasPrefix(reply, "-") && !strings.HasPrefix(reply, "-ERR no such key") && !strings.HasPrefix(reply, "-NOGROUP") {
			t.Fatalf("seed %d, step %d: %.100q: %s", seed, step, args, reply)
		}
		if step%100 == 99 {
			checkMemory(t, p, fmt.Sprintf("seed %d, step %d, after %.100q", seed, step, args), seen, 0)
		}
	}
	for _, want := range []string{"hash listpack", "hash hashtable", "set intset", "set listpack", "set hashtable",
		"zset listpack", "zset skiplist", "stream stream", "list listpack", "list quicklist"} {
		if !seen[want] {
			t.Errorf("seed %d: no %s was looked at, but %v", seed, want, seen)
		}
	}
}

// checkMemory compares, but for bytes beside the keys, and notes the types and encodings that it has seen.
func checkMemory(t *testing.T, p *inProcess, context string, seen map[string]bool, beside uint64) {
	t.Helper()
	tx := p.env.Keyspace.NewTx()
	defer p.env.Keyspace.CloseTx(tx)
	for tx.FreeLazily() {
	}
	if err := p.env.Keyspace.Verify(); err != nil {
		t.Fatalf("%s: %v", context, err)
	}
	tx.LockAll()
	defer tx.Unlock()
	sum, keys := uint64(0), uint64(0)
	tx.Each(0, func(k *keyspace.Key) {
		keys++
		sum += k.Bytes()
		seen[k.Type().String()+" "+k.Encoding()] = true
	})
	used := p.env.Keyspace.UsedMemory() - beside
	directories := tx.Memory().ByPurpose[mem.Index].Bytes/(64*64)*4 + 4*keys
	if used >= sum+keys || used+directories < sum {
		t.Fatalf("%s: %d keys say that they take %d bytes, the heaps hold %d: %d more; directories take up to %d",
			context, keys, sum, used, int64(used-sum), directories)
	}
}

// randomCollectionCommand returns a command that is right, if its key is there.
func randomCollectionCommand(r *rand.Rand) []string {
	some := func() string {
		if r.IntN(20) == 0 {
			return randomText(r, r.IntN(3000))
		}
		return strconv.Itoa(r.IntN(100 << r.IntN(20)))
	}
	key := func(kind string) string { return kind + ":" + strconv.Itoa(r.IntN(5)) }
	kind := pick(r, []string{"hash", "set", "zset", "list", "stream"})
	name := key(kind)
	if r.IntN(200) == 0 {
		return []string{pick(r, []string{"DEL", "UNLINK"}), name}
	}
	if r.IntN(100) == 0 {
		return []string{"COPY", name, key(kind) + "'", "REPLACE"}
	}
	args := []string{pick(r, collectionCommands[kind]), name}
	if kind == "stream" {
		return append(args, randomStreamArguments(r, args[0], some)...)
	}
	n := 1 + r.IntN(6)
	switch args[0] {
	case "HSET", "ZADD":
		for range n {
			pair := []string{some(), some()}
			if args[0] == "ZADD" {
				pair[0] = strconv.Itoa(r.IntN(1000))
			}
			args = append(args, pair...)
		}
	case "HDEL", "SADD", "SREM", "ZREM", "LPUSH", "RPUSH":
		for range n {
			args = append(args, some())
		}
	case "HINCRBY":
		args = append(args, "n"+strconv.Itoa(r.IntN(50)), "7")
	case "ZINCRBY":
		args = append(args, "3", some())
	case "SPOP", "ZPOPMIN", "ZPOPMAX", "LPOP", "RPOP":
		args = append(args, strconv.Itoa(r.IntN(30)))
	case "LINSERT":
		args = append(args, "BEFORE", strconv.Itoa(r.IntN(50)), some())
	case "LREM":
		args = append(args, strconv.Itoa(r.IntN(5)-2), strconv.Itoa(r.IntN(50)))
	case "LTRIM":
		args = append(args, strconv.Itoa(r.IntN(5)), strconv.Itoa(-1-r.IntN(20)))
	case "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE", "SMOVE", "LMOVE":
		args = append(args, key(kind))
		switch args[0] {
		case "SMOVE":
			args = append(args, some())
		case "LMOVE":
			args = append(args, pick(r, []string{"LEFT", "RIGHT"}), pick(r, []string{"LEFT", "RIGHT"}))
		}
	case "ZUNIONSTORE", "ZDIFFSTORE":
		args = append(args, "2", key(kind), key("set"))
	}
	return args
}

// randomStreamArguments returns what follows the key, or the key of XREADGROUP, which is then another.
func randomStreamArguments(r *rand.Rand, name string, some func() string) []string {
	id := func() string { return strconv.FormatInt(someDay.UnixMilli(), 10) + "-" + strconv.Itoa(r.IntN(300)) }
	switch name {
	case "XADD":
		args := []string{"*", "f", some(), "g", some()}
		if r.IntN(3) == 0 {
			args = append(args, "field"+some(), some())
		}
		return args
	case "XTRIM":
		return []string{"MAXLEN", pick(r, []string{"=", "~"}), strconv.Itoa(r.IntN(200))}
	case "XACK":
		return []string{"g", id(), id(), id()}
	case "XCLAIM":
		return []string{"g", "d", "0", id(), id(), "FORCE"}
	}
	return []string{id(), id(), id()} // XDEL
}

// collectionCommands are those that change one type's; a few also read another.
var collectionCommands = map[string][]string{
	"hash":   {"HSET", "HSET", "HSET", "HDEL", "HINCRBY"},
	"set":    {"SADD", "SADD", "SADD", "SREM", "SPOP", "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE", "SMOVE"},
	"zset":   {"ZADD", "ZADD", "ZADD", "ZREM", "ZINCRBY", "ZPOPMIN", "ZPOPMAX", "ZUNIONSTORE", "ZDIFFSTORE"},
	"stream": {"XADD", "XADD", "XADD", "XDEL", "XTRIM", "XACK", "XCLAIM"},
	"list":   {"LPUSH", "RPUSH", "LPOP", "RPOP", "LINSERT", "LREM", "LTRIM", "LMOVE"},
}
