// Shown here: commands on a few fields of a hash make no garbage, from the request's bytes to the
// reply's, whether the hash is compact, has deadlines, or stands in a table; and what they cost.

package command_test

import (
	"fmt"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
)

// frugalHash are commands that allocate nothing. Together they leave the hashes' lengths as they are.
var frugalHash = []string{
	"HSET @ f1 value", "HSET @ f2 12345", "HSET @ f3 other", "HSET @ f1 v f2 w f3 x", "HMSET @ f1 value f2 123",
	"HGET @ f1", "HGET @ f2", "HGET @ absent", "HMGET @ f1 f2 absent", "HEXISTS @ f1", "HSTRLEN @ f2",
	"HLEN @", "HSETNX @ f1 v", "HINCRBY @ n 1000000", "HDEL @ absent", "HKEYS @", "HVALS @", "HGETALL @",
	"HSCAN @ 0 COUNT 5", "HRANDFIELD @", "HRANDFIELD @ -3 WITHVALUES",
	"HTTL @ FIELDS 2 f1 f4", "HEXPIRE @ 1000 XX FIELDS 1 f1", "HPERSIST @ FIELDS 1 f1", "HGETEX @ FIELDS 2 f1 f2",
}

// hashServer holds three hashes of the same fields.
func hashServer(tb testing.TB) *client {
	c := newInProcess(tb, clock.NewManual(someDay)).client(resp.RESP2)
	for _, key := range []string{"pack", "timed", "table"} {
		c.do("HSET", key, "f1", "value", "f2", "123", "f3", "other", "f4", "x", "n", "1234567")
	}
	c.do("HEXPIRE", "timed", "100000", "FIELDS", "1", "f4")
	c.do("HSET", "table", "long", strings.Repeat("x", 1000))
	return c
}

func TestHashesAllocateNothing(t *testing.T) {
	c := hashServer(t)
	for _, key := range []string{"pack", "timed", "table"} {
		for _, text := range frugalHash {
			request := encode(strings.ReplaceAll(text, "@", key))
			if reply := c.feed(request); reply[0] == '-' {
				t.Errorf("%s: %q", text, reply)
			}
			if got := testing.AllocsPerRun(100, func() { c.feed(request) }); got != 0 {
				t.Errorf("%s of %s allocates %v times, want 0", text, key, got)
			}
		}
	}
	request := encode("HSET new f1 v f2 w")
	del := encode("DEL new")
	if got := testing.AllocsPerRun(100, func() { c.feed(request); c.feed(del) }); got != 0 {
		t.Errorf("a new hash allocates %v times, want 0", got)
	}
}

func BenchmarkHashes(b *testing.B) {
	for _, key := range []string{"pack", "table"} {
		for _, text := range []string{"HSET @ f1 value", "HGET @ f1", "HGETALL @", "HINCRBY @ n 1"} {
			b.Run(fmt.Sprintf("shape=%s/command=%s", key, strings.Fields(text)[0]), func(b *testing.B) {
				c := hashServer(b)
				request := encode(strings.ReplaceAll(text, "@", key))
				for b.Loop() {
					c.feed(request)
				}
			})
		}
	}
}
