// Shown here: adding entries to a stream, acknowledging and deleting them make no garbage, from the
// request's bytes to the reply's.

package command_test

import (
	"strconv"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
)

func TestStreamsAllocateNothing(t *testing.T) {
	c := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	for i := range 2000 {
		c.do("XADD", "s", strconv.Itoa(i+1)+"-1", "field", "value")
	}
	c.do("XGROUP", "CREATE", "s", "g", "0")
	c.do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
	for _, text := range []string{
		"XADD s * field value", "XADD s * other 12345 field value", "XADD s MAXLEN ~ 1000 * field value", "XADD s NOMKSTREAM * f v",
		"XACK s g 1500-1", "XACK s g 5-5", "XDEL s 1501-1", "XLEN s", "XTRIM s MAXLEN 900", "XPENDING s g",
	} {
		request := encode(text)
		if reply := c.feed(request); reply[0] == '-' {
			t.Errorf("%s: %q", text, reply)
		}
		if got := testing.AllocsPerRun(100, func() { c.feed(request) }); got != 0 {
			t.Errorf("%s allocates %v times, want 0", text, got)
		}
	}
}
