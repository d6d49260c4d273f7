// Shows the slow log and the latency monitor: what is kept, for how long, and how it is drawn. What
// the slow log keeps of long commands, and LATENCY GRAPH's picture, are compared with a real
// redis-server's.

package info

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/test/harness"
)

func words(args []string) [][]byte {
	var list [][]byte
	for _, a := range args {
		list = append(list, []byte(a))
	}
	return list
}

func ids(entries []SlowEntry) []int64 {
	var list []int64
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

func TestSlowLog(t *testing.T) {
	l := NewSlowLog(3)
	arg := []byte("SET")
	for i := range 5 {
		l.Add(SlowEntry{UnixTime: int64(i), Micros: 7, ClientAddr: "a:1", ClientName: "n"}, [][]byte{arg})
	}
	arg[0] = 'X' // the log must have its own copy
	latest := l.Latest(-1)
	if got := ids(latest); !slices.Equal(got, []int64{4, 3, 2}) || l.Len() != 3 {
		t.Errorf("ids %v, Len %d; want [4 3 2], 3", got, l.Len())
	}
	e := latest[0]
	if e.UnixTime != 4 || e.Micros != 7 || e.ClientAddr != "a:1" || e.ClientName != "n" || !slices.Equal(e.Args, []string{"SET"}) {
		t.Errorf("entry %+v", e)
	}
	if got := ids(l.Latest(2)); !slices.Equal(got, []int64{4, 3}) {
		t.Errorf("Latest(2) = %v; want [4 3]", got)
	}
	l.SetLimit(1)
	if l.Len() != 3 {
		t.Errorf("SetLimit trimmed at once to %d", l.Len())
	}
	l.Add(SlowEntry{}, nil)
	if got := ids(l.Latest(10)); !slices.Equal(got, []int64{5}) {
		t.Errorf("after SetLimit(1) and Add: %v; want [5]", got)
	}
	l.Reset()
	if got := l.Latest(-1); len(got) != 0 || l.Len() != 0 {
		t.Errorf("after Reset: %v", got)
	}
	l.SetLimit(0)
	l.Add(SlowEntry{}, nil)
	if l.Len() != 0 {
		t.Errorf("with limit 0: %d entries", l.Len())
	}
	l.SetLimit(1)
	l.Add(SlowEntry{}, nil)
	if got := ids(l.Latest(1)); !slices.Equal(got, []int64{7}) {
		t.Errorf("ids after Reset go on: %v; want [7]", got)
	}
}

func TestSlowLogFromSeveralGoroutines(t *testing.T) {
	l := NewSlowLog(100)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				l.Add(SlowEntry{}, [][]byte{[]byte("PING")})
				l.Latest(10)
			}
		})
	}
	all.Wait()
	got := ids(l.Latest(-1))
	for i, id := range got {
		if id != int64(1999-i) {
			t.Fatalf("ids %v; want 1999 downwards", got)
		}
	}
}

// TestSlowArgsAgainstRedis makes Redis log commands at the limits of what it keeps.
func TestSlowArgsAgainstRedis(t *testing.T) {
	conn := harness.Oracle(t).Start(t, "slowlog-log-slower-than 0", "slowlog-max-len 1000").Dial(t)
	for _, tc := range []struct{ args, bytes int }{
		{3, 1}, {31, 1}, {32, 1}, {33, 1}, {34, 1}, {100, 1}, {2, 127}, {2, 128}, {2, 129}, {40, 1000},
	} {
		args := []string{"DEL"}
		for i := 1; i < tc.args; i++ {
			args = append(args, strings.Repeat("x", tc.bytes))
		}
		conn.Must(t, args...)
		var want []string
		for _, v := range conn.Must(t, "SLOWLOG", "GET", "1").Elem[0].Elem[3].Elem {
			want = append(want, v.Text)
		}
		if got := keepArgs(words(args)); !slices.Equal(got, want) {
			t.Errorf("%d arguments of %d bytes: kept %q; Redis keeps %q", tc.args, tc.bytes, got, want)
		}
	}
}

func TestLatencyMonitor(t *testing.T) {
	c := clock.NewManual(time.Unix(1_700_000_000, 0))
	m := NewLatencyMonitor(c)
	m.Observe("command", 1000)
	if got := m.Latest(); got != nil {
		t.Errorf("when off: %v", got)
	}
	m.SetThreshold(10)
	m.Observe("command", 9)
	m.Observe("command", 10)
	m.Observe("command", 30)
	m.Observe("command", 20) // the same second: only the worst counts
	c.Advance(time.Second)
	m.Observe("command", 15)
	m.Observe("aof-write", 12)
	want := []LatencyEvent{
		{Name: "aof-write", Latest: LatencySample{1_700_000_001, 12}, MaxMillis: 12},
		{Name: "command", Latest: LatencySample{1_700_000_001, 15}, MaxMillis: 30},
	}
	if got := m.Latest(); !slices.Equal(got, want) {
		t.Errorf("Latest() = %v; want %v", got, want)
	}
	if got, want := m.History("command"), []LatencySample{{1_700_000_000, 30}, {1_700_000_001, 15}}; !slices.Equal(got, want) {
		t.Errorf("History = %v; want %v", got, want)
	}
	if got := m.History("nosuch"); got != nil {
		t.Errorf("History of nothing = %v", got)
	}
	for i := range 300 {
		c.Advance(time.Second)
		m.Observe("command", int64(100+i))
	}
	history := m.History("command")
	if len(history) != latencySamplesMax || history[0].Millis != 100+300-latencySamplesMax || history[latencySamplesMax-1].Millis != 399 {
		t.Errorf("after 300 more: %d samples, from %v to %v", len(history), history[0], history[len(history)-1])
	}
	if got := m.Reset("command", "nosuch"); got != 1 || m.History("command") != nil {
		t.Errorf("Reset of one event = %d; want 1", got)
	}
	m.Observe("command", 50)
	if got := m.Reset(); got != 2 || m.Latest() != nil {
		t.Errorf("Reset of all = %d; want 2", got)
	}
}

// TestGraphAgainstRedis has Redis sleep for chosen times, and draws its history anew.
func TestGraphAgainstRedis(t *testing.T) {
	conn := harness.Oracle(t).Start(t, "latency-monitor-threshold 1").Dial(t)
	for _, millis := range []int{10, 1150, 950, 60, 1300} { // each sample needs a second of its own
		conn.Must(t, "DEBUG", "SLEEP", fmt.Sprintf("%.3f", float64(millis)/1000))
	}
	conn.Must(t, "CONFIG", "SET", "latency-monitor-threshold", "0") // what is asked for below may be slow too
	var samples []LatencySample
	var want string
	now := int64(0)
	for { // until the clock shows the same second before and after
		before := conn.Must(t, "TIME").Elem[0].Text
		want = conn.Must(t, "LATENCY", "GRAPH", "command").Text
		samples = nil
		for _, v := range conn.Must(t, "LATENCY", "HISTORY", "command").Elem {
			when, _ := strconv.ParseInt(v.Elem[0].Text, 10, 64)
			millis, _ := strconv.ParseInt(v.Elem[1].Text, 10, 64)
			samples = append(samples, LatencySample{when, millis})
		}
		if conn.Must(t, "TIME").Elem[0].Text == before {
			now, _ = strconv.ParseInt(before, 10, 64)
			break
		}
	}
	if len(samples) < 3 {
		t.Fatalf("Redis has only the samples %v", samples)
	}
	worst := slices.MaxFunc(samples, func(a, b LatencySample) int { return int(a.Millis - b.Millis) })
	if got := string(appendGraph(nil, "command", samples, worst.Millis, now)); got != want {
		t.Errorf("samples %v at %d:\n%s\nRedis draws:\n%s", samples, now, got, want)
	}
}

func TestGraph(t *testing.T) {
	c := clock.NewManual(time.Unix(1_700_000_000, 0))
	m := NewLatencyMonitor(c)
	m.SetThreshold(1)
	if b, ok := m.AppendGraph(nil, "command"); ok || len(b) != 0 {
		t.Errorf("graph of nothing: %q, %t", b, ok)
	}
	for range 100 {
		m.Observe("command", 5)
		c.Advance(time.Hour)
	}
	b, ok := m.AppendGraph(nil, "command")
	lines := strings.Split(string(b), "\n")
	want := map[int]string{
		0:  "command - high 5 ms, low 5 ms (all time high 5 ms)",
		1:  strings.Repeat("-", 80),
		2:  strings.Repeat(" ", 80),
		5:  strings.Repeat("_", 80),
		6:  strings.Repeat(" ", 80),
		7:  strings.Repeat("4", 5) + strings.Repeat("3", 24) + strings.Repeat("2", 24) + strings.Repeat("1", 24) + "222",
		8:  strings.Repeat("d", 77) + "321",
		9:  strings.Repeat(" ", 77) + "hhh",
		10: "", // the second strip
		14: strings.Repeat("_", 20),
	}
	if !ok {
		t.Fatal("no graph")
	}
	for i, line := range want {
		if i >= len(lines) || lines[i] != line {
			t.Errorf("line %d is not %q:\n%s", i, line, b)
		}
	}
	for seconds, label := range map[int64]string{0: "0s", 59: "59s", 60: "1m", 3599: "59m", 3600: "1h", 86399: "23h", 86400: "1d", 864000: "10d"} {
		if got := ageLabel(seconds); got != label {
			t.Errorf("ageLabel(%d) = %q; want %q", seconds, got, label)
		}
	}
}

func TestDoctor(t *testing.T) {
	c := clock.NewManual(time.Unix(1_700_000_000, 0))
	m := NewLatencyMonitor(c)
	report := func(slower int64) string { return string(m.AppendDoctor(nil, DoctorFacts{SlowLogMicros: slower})) }
	if got := report(10_000); !strings.Contains(got, "CONFIG SET latency-monitor-threshold") {
		t.Errorf("when off: %q", got)
	}
	m.SetThreshold(1)
	if got := report(10_000); !strings.Contains(got, "No latency spike") {
		t.Errorf("without samples: %q", got)
	}
	for _, millis := range []int64{10, 53, 200, 100, 3, 300} {
		m.Observe("command", millis)
		c.Advance(time.Second)
	}
	c.Advance(time.Second)
	const line = "1. command: 6 latency spikes (average 111ms, mean deviation 92ms, period 1.17 sec). Worst all time event 300ms.\n"
	for _, tc := range []struct {
		slower int64
		has    string
		not    string
	}{
		{10_000, "CONFIG SET slowlog-log-slower-than 1000'", "is off"},
		{-1, "The slow log is off", "Bring it in line"},
		{1000, "SLOWLOG GET", "slowlog-log-slower-than"},
	} {
		got := report(tc.slower)
		if !strings.Contains(got, line) || !strings.Contains(got, tc.has) || strings.Contains(got, tc.not) {
			t.Errorf("with a slow log from %d us:\n%s\nwant %q and %q, and not %q", tc.slower, got, line, tc.has, tc.not)
		}
	}
	m.Reset()
	m.Observe("aof-fsync-always", 70)
	m.Observe("unheard-of", 5)
	if got := report(1000); !strings.Contains(got, "iostat") || strings.Contains(got, "SLOWLOG") || !strings.Contains(got, "\n2. unheard-of: 1 ") {
		t.Errorf("for a slow disk:\n%s", got)
	}
	m.Reset("aof-fsync-always")
	if got := report(1000); strings.Contains(got, "advice") {
		t.Errorf("for an event without advice:\n%s", got)
	}
}
