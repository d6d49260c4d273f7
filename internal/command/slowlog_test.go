// Shown here: how the entries of the slow log and the samples of latency are replied.

package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/info"
)

func TestSlowLog(t *testing.T) {
	a := newAdmin(t)
	a.env.SlowLog.SetLimit(20)
	for i := range 12 {
		a.env.SlowLog.Add(info.SlowEntry{UnixTime: 100, Micros: int64(i), ClientAddr: "1.2.3.4:5", ClientName: "me"}, [][]byte{[]byte("GET"), []byte("k")})
	}
	c := a.connect()
	entry := func(id int) string {
		return fmt.Sprintf("*6\r\n:%d\r\n:100\r\n:%d\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n$9\r\n1.2.3.4:5\r\n$2\r\nme\r\n", id, id)
	}
	latest := func(count int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", count)
		for i := range count {
			b.WriteString(entry(11 - i))
		}
		return b.String()
	}
	const wrong = "-ERR count should be greater than or equal to -1\r\n"
	a.talk(c, []exchange{
		{"SLOWLOG LEN", ":12\r\n", ""},
		{"SLOWLOG GET", latest(10), ""},
		{"SLOWLOG GET 1", latest(1), ""},
		{"SLOWLOG GET 0", latest(0), ""},
		{"SLOWLOG GET -1", latest(12), ""},
		{"SLOWLOG GET 1000", latest(12), ""},
		{"SLOWLOG GET -2", wrong, ""},
		{"SLOWLOG GET 1.5", wrong, ""},
		{"SLOWLOG GET 1 2", "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n", ""},
		{"SLOWLOG RESET", "+OK\r\n", ""},
		{"SLOWLOG LEN", ":0\r\n", ""},
		{"SLOWLOG GET -1", "*0\r\n", ""},
	})
}

func TestLatency(t *testing.T) {
	a := newAdmin(t)
	m := a.env.Latency
	m.SetThreshold(1)
	second := someDay.Unix()
	m.Observe("command", 5)
	a.clock.Advance(2 * time.Second)
	m.Observe("command", 3)
	m.Observe("fork", 7)
	c := a.connect()
	a.talk(c, []exchange{
		{"LATENCY LATEST", fmt.Sprintf("*2\r\n*4\r\n$7\r\ncommand\r\n:%d\r\n:3\r\n:5\r\n*4\r\n$4\r\nfork\r\n:%d\r\n:7\r\n:7\r\n", second+2, second+2), ""},
		{"LATENCY HISTORY command", fmt.Sprintf("*2\r\n*2\r\n:%d\r\n:5\r\n*2\r\n:%d\r\n:3\r\n", second, second+2), ""},
		{"LATENCY HISTORY nosuch", "*0\r\n", ""},
		{"LATENCY GRAPH nosuch", "-ERR No samples available for event 'nosuch'\r\n", ""},
		{"LATENCY RESET nosuch fork", ":1\r\n", ""},
	})
	for _, x := range []struct{ request, part string }{
		{"LATENCY GRAPH command", "command - high 5 ms, low 3 ms (all time high 5 ms)\n"},
		{"LATENCY DOCTOR", "command: 2 latency spikes (average 4ms,"},
	} {
		if got, _ := a.ask(c, strings.Fields(x.request)...); !strings.Contains(got, x.part) {
			t.Errorf("%s: %q, want %q in it", x.request, got, x.part)
		}
	}
	a.talk(c, []exchange{{"LATENCY RESET", ":1\r\n", ""}, {"LATENCY LATEST", "*0\r\n", ""}})
}

// TestLatencyHistogram shows which commands appear: those named that have run, a container with all
// its subcommands.
func TestLatencyHistogram(t *testing.T) {
	a := newAdmin(t)
	loop := a.env.Commands.NewLoop()
	index := func(name string) int { return a.env.Table.FindFullName([]byte(name)).Index }
	record := func(name string, micros ...int64) {
		for _, n := range micros {
			loop.Record(index(name), clock.NanosToTicks(n*1000))
		}
	}
	record("get", 3, 3, 30)
	record("config|get", 1)
	record("config|set", 1)
	c := a.connect()
	names := func(request string) string {
		got, _ := a.ask(c, strings.Fields(request)...)
		var list []string
		for _, name := range []string{"get", "config|get", "config|set", "set"} {
			if strings.Contains(got, fmt.Sprintf("\r\n$%d\r\n%s\r\n", len(name), name)) {
				list = append(list, name)
			}
		}
		return strings.Join(list, " ")
	}
	for _, x := range []struct{ request, want string }{
		{"LATENCY HISTOGRAM", "get config|get config|set"},
		{"LATENCY HISTOGRAM GET set nosuch", "get"},
		{"LATENCY HISTOGRAM config", "config|get config|set"},
		{"LATENCY HISTOGRAM config|set", "config|set"},
	} {
		if got := names(x.request); got != x.want {
			t.Errorf("%s shows %s, want %s", x.request, got, x.want)
		}
	}
	a.ask(c, "HELLO", "3")
	got, _ := a.ask(c, "LATENCY", "HISTOGRAM", "get")
	const want = "%1\r\n$3\r\nget\r\n%2\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n%2\r\n:4\r\n:2\r\n:33\r\n:3\r\n"
	if got != want {
		t.Errorf("histogram is %q, want %q", got, want)
	}
}
