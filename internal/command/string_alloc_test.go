// Shown here: commands on strings and bitmaps make no garbage, from the request's bytes to the
// reply's; and what they cost.

package command_test

import (
	"fmt"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
)

// frugal are commands that allocate nothing. Together they leave the keys' lengths as they are.
var frugal = []string{
	"GET small", "GET int", "GET large", "GET absent",
	"SET small value", "SET int 12345678901", "SET other 64-bytes", "SET small value EX 100", "SET small value XX GET KEEPTTL",
	"SET small value NX", "SETEX timed 100 value", "PSETEX timed 100000 value", "SETNX small value",
	"GETSET small value", "GETEX timed EX 200", "GETEX timed PERSIST",
	"INCR int", "DECR int", "INCRBY int 1000000", "DECRBY int 1000000", "INCR absent-int",
	"MGET small int large absent small", "MSET small 1 int 2 other 3 small value",
	"STRLEN large", "GETRANGE large 10 -10", "SETRANGE large 100 part",
	"GETBIT large 1000", "SETBIT large 1000 1", "SETBIT bits 100000 0",
	"BITCOUNT large", "BITCOUNT large 3 -3 BIT", "BITPOS large 0", "BITPOS zeros 1 5 -1 BIT",
	"BITOP OR to large zeros", "BITOP XOR large large zeros", "BITOP NOT to large",
	"BITFIELD large GET u8 0 SET i5 #3 1 OVERFLOW SAT INCRBY u7 100 9", "BITFIELD_RO large GET i64 3 GET u63 1",
}

// frugalServer holds the keys that the commands above name.
func frugalServer(tb testing.TB) *client {
	c := newInProcess(tb, clock.NewManual(someDay)).client(resp.RESP2)
	c.do("MSET", "small", "value", "int", "12345", "large", strings.Repeat("x", 20_000), "zeros", strings.Repeat("\x00", 20_000))
	return c
}

func encode(text string) []byte {
	var args [][]byte
	for _, word := range strings.Fields(text) {
		args = append(args, []byte(word))
	}
	return resp.AppendCommand(nil, args...)
}

func TestStringsAllocateNothing(t *testing.T) {
	c := frugalServer(t)
	for _, text := range frugal {
		request := encode(text)
		if reply := c.feed(request); reply[0] == '-' {
			t.Errorf("%s: %q", text, reply)
		}
		if got := testing.AllocsPerRun(100, func() { c.feed(request) }); got != 0 {
			t.Errorf("%s allocates %v times, want 0", text, got)
		}
	}
}

func BenchmarkStrings(b *testing.B) {
	for _, text := range frugal {
		b.Run("command="+strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			c := frugalServer(b)
			request := encode(text)
			c.feed(request)
			b.ReportAllocs()
			for b.Loop() {
				c.feed(request)
			}
		})
	}
}

// BenchmarkBitOp combines strings too large for the cache.
func BenchmarkBitOp(b *testing.B) {
	const size = 8 << 20
	for _, op := range []string{"AND", "OR", "XOR", "NOT"} {
		b.Run(fmt.Sprintf("op=%s/bytes=%d", op, size), func(b *testing.B) {
			c := frugalServer(b)
			c.do("SET", "a", strings.Repeat("x", size))
			c.do("SET", "b", strings.Repeat("y", size))
			text := "BITOP " + op + " to a b"
			if op == "NOT" {
				text = "BITOP NOT to a"
			}
			request := encode(text)
			b.SetBytes(size)
			for b.Loop() {
				c.feed(request)
			}
		})
	}
	b.Run(fmt.Sprintf("op=count/bytes=%d", size), func(b *testing.B) {
		c := frugalServer(b)
		c.do("SET", "a", strings.Repeat("x", size))
		request := encode("BITCOUNT a")
		b.SetBytes(size)
		for b.Loop() {
			c.feed(request)
		}
	})
}

func BenchmarkLCS(b *testing.B) {
	for _, options := range []string{"", " LEN", " IDX"} {
		b.Run(fmt.Sprintf("options=%s/bytes=10000", strings.TrimSpace(options)), func(b *testing.B) {
			c := frugalServer(b)
			c.do("SET", "a", strings.Repeat("abcdefghij", 1000))
			c.do("SET", "b", strings.Repeat("bdacfehgji", 1000))
			request := encode("LCS a b" + options)
			b.ReportAllocs()
			for b.Loop() {
				c.feed(request)
			}
		})
	}
}
