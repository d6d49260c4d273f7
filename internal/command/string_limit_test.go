// Shown here: sizes that no memory holds are refused with nothing changed, however far
// proto-max-bulk-len has been raised, and LCS is refused at the size at which Redis refuses it.

package command_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

func TestSizesBeyondMemory(t *testing.T) {
	p := newInProcess(t, clock.NewManual(someDay))
	p.env.Config.Update(func(c *config.Config) { c.ProtoMaxBulkLen = math.MaxInt64 })
	c := p.client(resp.RESP2)
	for _, size := range []int64{1 << 38, 1 << 44, 1 << 55, 1 << 60, math.MaxInt64 / 2, math.MaxInt64 - 1<<20, math.MaxInt64 - 64} {
		for _, value := range []string{"", "12345", "short", strings.Repeat("long", 3000)} {
			for _, text := range []string{
				fmt.Sprintf("SETRANGE k %d x", size),
				fmt.Sprintf("SETBIT k %d 1", size),
				fmt.Sprintf("BITFIELD k SET u8 %d 1", size),
			} {
				c.do("GETDEL", "k")
				if value != "" {
					c.do("SET", "k", value, "PXAT", "33177117420123")
				}
				before, counts := p.state("k"), p.counts()
				got := string(c.feed(encode(text)))
				if got != "-"+string(keyspace.ErrOutOfMemory)+"\r\n" {
					t.Errorf("%s of %.10q: %q, want %q", text, value, got, keyspace.ErrOutOfMemory)
				}
				if after := p.state("k"); after != before || p.counts() != counts {
					t.Errorf("%s of %.10q: %.100v is left, had %.100v", text, value, after, before)
				}
			}
		}
	}
	for text, want := range map[string]resp.Error{
		"SETRANGE k 9223372036854775807 xx":           command.ErrStringTooLong,
		"SETBIT k 9223372036854775807 1":              command.ErrBitOffset,
		"BITFIELD k INCRBY i64 9223372036854775800 1": command.ErrBitOffset,
	} {
		if got := string(c.feed(encode(text))); got != "-"+string(want)+"\r\n" {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestLCSLimit: 4 bytes for each pair of prefixes, the empty ones included, must fit in
// proto-max-bulk-len.
func TestLCSLimit(t *testing.T) {
	p := newInProcess(t, clock.NewManual(someDay))
	c := p.client(resp.RESP2)
	const limit = 1 << 20 // bytes, that is 512 × 512 pairs
	p.env.Config.Update(func(c *config.Config) { c.ProtoMaxBulkLen = limit })
	for _, tc := range []struct {
		a, b int
		ok   bool
	}{{511, 511, true}, {511, 512, false}, {512, 511, false}, {0, limit/4 - 1, true}, {0, limit / 4, false}, {1, limit/8 - 1, true}, {1, limit / 8, false}} {
		c.do("MSET", "a", strings.Repeat("x", tc.a), "b", strings.Repeat("x", tc.b))
		want := fmt.Sprintf(":%d\r\n", min(tc.a, tc.b))
		if !tc.ok {
			want = "-" + string(command.ErrLCSTooLarge) + "\r\n"
		}
		if got := c.do("LCS", "a", "b", "LEN"); got != want {
			t.Errorf("LCS of %d and %d bytes: %q, want %q", tc.a, tc.b, got, want)
		}
	}
	// With no limit but memory's. Only the lengths matter: nothing of this size is compared.
	p.env.Config.Update(func(c *config.Config) { c.ProtoMaxBulkLen = math.MaxInt64 })
	c.do("SETRANGE", "a", "200000", "x")
	c.do("SETRANGE", "b", "200000", "x")
	if got, want := c.do("LCS", "a", "b"), "-"+string(command.ErrLCSMemory)+"\r\n"; got != want {
		t.Errorf("LCS of 200,000 bytes and as many: %q, want %q", got, want)
	}
}
