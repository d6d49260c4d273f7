// Shown here: a few bytes do not ask for a reply of any length. Who draws more than it may leave unread,
// or more than is drawn for anybody, gets an error and nothing else, also in a transaction.

package command_test

import (
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/resp"
)

func TestDrawsAreLimited(t *testing.T) {
	p := newInProcess(t, clock.NewManual(someDay))
	p.env.Config.Update(func(c *config.Config) { c.ClientOutputBufferLimit.Normal.HardBytes = 1 << 20 })
	for _, proto := range []uint8{resp.RESP2, resp.RESP3} {
		cl := p.client(proto)
		member := strings.Repeat("m", 1000)
		cl.do("SADD", "set", member)
		cl.do("HSET", "hash", member, "v")
		cl.do("ZADD", "zset", "1", member)
		for _, text := range []string{"SRANDMEMBER set %", "HRANDFIELD hash %", "HRANDFIELD hash % WITHVALUES", "ZRANDMEMBER zset %", "ZRANDMEMBER zset % WITHSCORES"} {
			draw := func(count string) string { return cl.do(strings.Fields(strings.ReplaceAll(text, "%", count))...) }
			for _, count := range []string{"-2000", "-67108864", "-67108865", "-4611686018427387903"} {
				if got, want := draw(count), "-ERR value is out of range\r\n"; got != want {
					t.Errorf("proto %d: %s of %s: %.60q, want %q", proto, text, count, got, want)
				}
			}
			if got := strings.Count(draw("-900"), member); got != 900 {
				t.Errorf("proto %d: %s: %d members, want 900", proto, text, got)
			}
			cl.do("MULTI")
			draw("-67108864")
			cl.do("ECHO", "behind")
			if got, want := cl.do("EXEC"), "*2\r\n-ERR value is out of range\r\n$6\r\nbehind\r\n"; got != want {
				t.Errorf("proto %d: %s in a transaction: %.80q, want %q", proto, text, got, want)
			}
		}
	}
}
