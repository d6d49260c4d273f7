// Shown here, against Debian's redis-server (7.0.15): the commands on hashes behave as Redis's. A
// seeded stream of random commands goes to it and to a server without sockets; after each command
// the replies must be the same, and so must the numbers of changes to save, of hits and of misses.
// Now and then all hashes are compared, field by field and with their encodings, and small ones by
// their dumps. The limits of
// listpacks change on the way, so that small hashes stand in tables, too.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/test/harness"
)

const hashDuelCommands = 6000 // per round

var (
	hashKeys   = []string{"h1", "h2", "h3", "string", "absent"}
	hashFields = hashFieldPool()
)

// hashFieldPool returns the fields that the commands name: some read as integers, some are long.
func hashFieldPool() (fields []string) {
	for i := range 30 {
		fields = append(fields, "f"+strconv.Itoa(i), strconv.Itoa(i*i*i-100))
	}
	return append(fields, "", "007", "-0", "9223372036854775807", "9223372036854775808", "a\x00b", strings.Repeat("f", 64),
		strings.Repeat("g", 65), strings.Repeat("long", 100))
}

func TestHashesAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, "databases 2")
	for proto := uint8(resp.RESP2); proto <= resp.RESP3; proto++ {
		t.Run(fmt.Sprintf("proto=%d", proto), func(t *testing.T) {
			d := newKeyDuel(t, oracle, proto)
			d.admin.Must(t, "CONFIG", "SET", "rdbcompression", "no")
			d.tarn.env.Config.Update(func(c *config.Config) { c.RDBCompression = false })
			d.play([]string{"SET", "string", "value"})
			entries := 0
			for d.step = range hashDuelCommands {
				if d.step%200 == 0 {
					entries = d.limitHashes()
				}
				d.play(randomHashCommand(d.random, entries))
				if d.step%50 == 49 {
					d.compareHashes()
				}
			}
		})
	}
}

// limitHashes sets the limits of listpacks on both sides, and returns that of fields.
func (d *keyDuel) limitHashes() (entries int) {
	d.t.Helper()
	limits := keyspace.DefaultLimits
	limits.HashPackEntries = pick(d.random, []int{0, 1, 3, 8, 512, 512})
	limits.HashPackValue = pick(d.random, []int{0, 5, 20, 64, 64, 1000})
	d.recent = append(d.recent, fmt.Sprintf("limits %d, %d", limits.HashPackEntries, limits.HashPackValue))
	d.admin.Must(d.t, "CONFIG", "SET", "hash-max-listpack-entries", strconv.Itoa(limits.HashPackEntries),
		"hash-max-listpack-value", strconv.Itoa(limits.HashPackValue))
	d.tarn.env.Keyspace.SetLimits(&limits)
	return limits.HashPackEntries
}

// compareHashes compares all hashes, and has Tarn's verified.
func (d *keyDuel) compareHashes() {
	d.t.Helper()
	tx := d.tarn.env.Keyspace.NewTx()
	defer d.tarn.env.Keyspace.CloseTx(tx)
	for _, key := range hashKeys {
		d.play([]string{"OBJECT", "ENCODING", key})
		d.play([]string{"HLEN", key})
		d.play(append([]string{"HMGET", key}, hashFields...))
		tx.LockAll()
		k := tx.Stored(0, []byte(key))
		inOrder := k.Exists() && k.Encoding() == "listpack"
		tx.Unlock()
		if inOrder {
			d.play([]string{"HGETALL", key})
			d.play([]string{"DUMP", key})
			d.play([]string{"HSCAN", key, "0", "MATCH", pick(d.random, []string{"*", "f*", "[0-9]*", "-?"})})
		}
	}
	if err := d.tarn.env.Keyspace.Verify(); err != nil {
		d.fail("Verify: %v", err)
	}
}

// randomHashCommand returns a command. Where listpacks take so many fields, no command writes more
// pairs than that with a field twice: since 7.2 their number alone decides.
func randomHashCommand(r *rand.Rand, entries int) []string {
	key := pick(r, hashKeys)
	field := func() string { return pick(r, hashFields) }
	fields := func(args ...string) []string {
		for range 1 + r.IntN(5) {
			args = append(args, field())
		}
		return args
	}
	value := func() string {
		switch r.IntN(8) {
		case 0:
			return strings.Repeat(pick(r, []string{"v", "vw"}), r.IntN(70))
		case 1:
			return pick(r, []string{"", "-0", "007", " 1", "1.5", "1e3", "inf", "nan", "9223372036854775807", "-9223372036854775808"})
		case 2:
			return pick(r, hashFields)
		}
		return strconv.FormatInt(int64(r.Uint64())>>(r.IntN(64)), 10)
	}
	pairs := func(args ...string) []string {
		n := 1 + r.IntN(6)
		for i := range n {
			if n > entries {
				args = append(args, "f"+strconv.Itoa(i), value())
				continue
			}
			args = append(args, field(), value())
		}
		if r.IntN(30) == 0 {
			args = append(args, field())
		}
		return args
	}
	switch r.IntN(24) {
	case 0, 1, 2, 3:
		return pairs("HSET", key)
	case 4, 5:
		return pairs("HMSET", key)
	case 6:
		return []string{"HSETNX", key, field(), value()}
	case 7, 8:
		return fields("HDEL", key)
	case 9:
		return append(append([]string{"HDEL", key}, hashFields...), hashFields...)
	case 10, 11:
		return []string{"HGET", key, field()}
	case 12:
		return fields("HMGET", key)
	case 13:
		return []string{pick(r, []string{"HEXISTS", "HSTRLEN"}), key, field()}
	case 14, 15, 16:
		return []string{"HINCRBY", key, field(), value()}
	case 17, 18:
		return []string{"HINCRBYFLOAT", key, field(), pick(r, []string{value(), "0.1", "-1.25", "3.0e3", "1e-17", "x"})}
	case 19:
		return []string{"HRANDFIELD", key, pick(r, []string{"0", "x", "-9223372036854775808", "1.5"})}
	case 20:
		return []string{pick(r, []string{"COPY", "RENAME"}), pick(r, hashKeys[:3]), pick(r, hashKeys[:3])}
	case 21:
		return []string{"HSCAN", key, pick(r, []string{"0", "x", ""}), pick(r, []string{"COUNT", "TYPE", "X"}), pick(r, []string{"0", "-1", "x"})}
	case 22:
		return []string{"DEL", pick(r, hashKeys[:3])}
	}
	return []string{"HLEN", key}
}
