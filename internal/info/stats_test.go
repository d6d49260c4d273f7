// Shows that the statistics of commands and errors add up over loops, survive being read and reset
// while loops write, print as Redis prints them, and cost no allocation per call.

package info

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"tarn/internal/clock"
)

func linesOf(fields []Field, name string) string {
	r := &Registry{}
	r.Add(fields...)
	text := string(r.AppendInfo(nil, name))
	_, lines, _ := strings.Cut(text, "\r\n")
	return lines
}

func TestCommandStats(t *testing.T) {
	s := NewCommandStats([]string{"get", "config|get", "never", "odd:name"})
	one, two := s.NewLoop(), s.NewLoop()
	micro := clock.NanosToTicks(1_000_000) / 1000 * 1001 / 1000 // a little more, so that sums round as expected
	one.Record(0, 5000*micro)
	two.Record(0, 6000*micro)
	two.Failed(0)
	one.Record(1, 0)
	one.Record(1, -50)
	one.Rejected(3)
	want := "cmdstat_get:calls=2,usec=11*,usec_per_call=55*,rejected_calls=0,failed_calls=1\r\n" +
		"cmdstat_config|get:calls=2,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0\r\n" +
		"cmdstat_odd_name:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n"
	if got := linesOf(s.InfoFields(), "commandstats"); !like(got, want) {
		t.Errorf("commandstats:\n%s; want\n%s", got, want)
	}
	got := linesOf(s.InfoFields(), "latencystats")
	want = "latency_percentiles_usec_get:p50=5*,p99=6*,p99.9=6*\r\n" +
		"latency_percentiles_usec_config|get:p50=0.001,p99=0.001,p99.9=0.001\r\n"
	if !like(got, want) {
		t.Errorf("latencystats:\n%s; want\n%s", got, want)
	}
	s.SetPercentiles([]float64{0, 99.999, 100})
	if got := linesOf(s.InfoFields(), "latencystats"); !strings.HasPrefix(got, "latency_percentiles_usec_get:p0=") ||
		!strings.Contains(got, ",p99.999=") || !strings.Contains(got, ",p100=") {
		t.Errorf("latencystats with other percentiles:\n%s", got)
	}
	s.SetTracking(false)
	one.Record(2, 1)
	if got := linesOf(s.InfoFields(), "latencystats"); got != "" {
		t.Errorf("latencystats when tracking is off:\n%s; want nothing", got)
	}
	if _, ok := s.Latency(2); ok || s.Totals(2).Calls != 1 {
		t.Errorf("with tracking off: histogram %t, calls %d; want none, 1", ok, s.Totals(2).Calls)
	}
	s.Reset()
	s.SetTracking(true)
	if got := linesOf(s.InfoFields(), "commandstats") + linesOf(s.InfoFields(), "latencystats"); got != "" {
		t.Errorf("after Reset:\n%s; want nothing", got)
	}
}

// like compares line by line; a * in want stands for any characters up to what follows it.
func like(got, want string) bool {
	for part := range strings.SplitSeq(want, "*") {
		i := strings.Index(got, part)
		if i < 0 {
			return false
		}
		got = got[i+len(part):]
	}
	return got == ""
}

// TestCommandStatsWhileRunning writes from several loops while others read, and demands that no
// call is lost, and that sums only grow.
func TestCommandStatsWhileRunning(t *testing.T) {
	const loops, calls = 4, 20_000
	s := NewCommandStats([]string{"a", "b"})
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	readers.Go(func() {
		var last int64
		for {
			got := s.Totals(0).Calls
			if got < last {
				t.Errorf("calls went from %d to %d", last, got)
				return
			}
			last = got
			s.Latency(1)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range loops {
		l := s.NewLoop()
		writers.Go(func() {
			for i := range calls {
				l.Record(i%2, int64(i))
				if i%10 == 0 {
					l.Failed(0)
					l.Rejected(1)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	a, b := s.Totals(0), s.Totals(1)
	if a.Calls != loops*calls/2 || b.Calls != loops*calls/2 || a.Failed != loops*calls/10 || b.Rejected != loops*calls/10 {
		t.Errorf("totals %+v and %+v; want %d calls each, %d failed and rejected", a, b, loops*calls/2, loops*calls/10)
	}
	d, ok := s.Latency(0)
	if !ok || d.Total() != loops*calls/2 {
		t.Errorf("histogram has %d; want %d", d.Total(), loops*calls/2)
	}
}

// TestResetWhileRunning demands only that a reset leaves no more than what was recorded since.
func TestResetWhileRunning(t *testing.T) {
	const calls = 50_000
	s := NewCommandStats([]string{"a"})
	l := s.NewLoop()
	var writer sync.WaitGroup
	writer.Go(func() {
		for range calls {
			l.Record(0, 1)
		}
	})
	for range 100 {
		s.Reset()
	}
	writer.Wait()
	if got := s.Totals(0).Calls; got > calls {
		t.Errorf("calls = %d; want at most %d", got, calls)
	}
	s.Reset()
	if got := s.Totals(0); got != (CommandTotals{}) {
		t.Errorf("after the last Reset: %+v; want nothing", got)
	}
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	s := NewCommandStats([]string{"a"})
	l := s.NewLoop()
	l.Record(0, clock.NanosToTicks(5000)) // makes the histogram and its page
	errors := &ErrorStats{}
	text := []byte("WRONGTYPE Operation against a key holding the wrong kind of value")
	errors.Count(text)
	m := NewLatencyMonitor(clock.System{})
	m.SetThreshold(10)
	if got := testing.AllocsPerRun(100, func() {
		l.Record(0, clock.NanosToTicks(5000))
		l.Failed(0)
		l.Rejected(0)
		errors.Count(text)
		m.Observe("command", 9)
	}); got != 0 {
		t.Errorf("allocations per call = %v; want 0", got)
	}
}

func TestErrorStats(t *testing.T) {
	e := &ErrorStats{}
	for _, text := range []string{
		"ERR syntax error", "WRONGTYPE Operation", "ERR x", "one-word", "",
		"NAMEISLONGERTHANTHIRTYBYTESREALLY text", "A:B\r#C text",
		"123456789012345678901234567890 text",
	} {
		e.Count([]byte(text))
	}
	want := "errorstat_123456789012345678901234567890:count=1\r\n" +
		"errorstat_A_B__C:count=1\r\nerrorstat_ERR:count=5\r\nerrorstat_WRONGTYPE:count=1\r\n"
	if got := linesOf(e.InfoFields(), "errorstats"); got != want {
		t.Errorf("errorstats:\n%s; want\n%s", got, want)
	}
	if got := linesOf(e.InfoFields(), "stats"); got != "total_error_replies:8\r\n" {
		t.Errorf("stats: %q; want 8 error replies", got)
	}
	e.Reset()
	if got := linesOf(e.InfoFields(), "errorstats"); got != "" || e.Total() != 0 {
		t.Errorf("after Reset: %q, total %d; want nothing", got, e.Total())
	}
}

func TestErrorStatsAreBounded(t *testing.T) {
	var told [][]string
	e := &ErrorStats{OnFlood: func(codes []string) { told = append(told, codes) }}
	for i := range 1100 {
		e.Count(fmt.Appendf(nil, "E%04d text", i))
	}
	if got := linesOf(e.InfoFields(), "errorstats"); got != "errorstat_ERRORSTATS_DISABLED:count=1\r\n" {
		t.Errorf("after 1100 codes: %q; want them disabled", got)
	}
	if len(told) != 1 || len(told[0]) != errorCodesMax || told[0][0] != "E0000" {
		t.Errorf("OnFlood was called with %v; want once, with the first %d codes", told, errorCodesMax)
	}
	if e.Total() != 1100 {
		t.Errorf("Total() = %d; want 1100", e.Total())
	}
	e.Reset()
	e.Count([]byte("ERR again"))
	if got := linesOf(e.InfoFields(), "errorstats"); got != "errorstat_ERR:count=1\r\n" {
		t.Errorf("after Reset: %q; want codes counted again", got)
	}
}

func TestRate(t *testing.T) {
	var r Rate
	value, millis := int64(1000), int64(5_000_000)
	r.Sample(value, millis, 1000)
	if got := r.Mean(); got != 0 {
		t.Errorf("after the first sample: %d; want 0", got)
	}
	for i := int64(1); i <= 20; i++ {
		value, millis = value+50, millis+100
		r.Sample(value, millis, 1000)
		if got, want := r.Mean(), 500*min(i, rateSamples)/rateSamples; got != want {
			t.Errorf("after %d samples at 500 per second: %d; want %d", i, got, want)
		}
	}
	r.Sample(value+99, millis, 1000) // no time has passed
	if got, want := r.Mean(), int64(500*15/16); got != want {
		t.Errorf("after a sample without time: %d; want %d", got, want)
	}
	r.Reset()
	r.Sample(0, millis, 1000)
	if got := r.Mean(); got != 0 {
		t.Errorf("after Reset: %d; want 0", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	s := NewCommandStats(make([]string, 400))
	l := s.NewLoop()
	r := rand.New(rand.NewPCG(1, 0))
	durations := make([]int64, 1024)
	for i := range durations {
		durations[i] = clock.NanosToTicks(200 + r.Int64N(5000))
	}
	for _, tracking := range []bool{false, true} {
		b.Run(fmt.Sprintf("tracking=%t", tracking), func(b *testing.B) {
			s.SetTracking(tracking)
			i := 0
			for b.Loop() {
				l.Record(7, durations[i%1024])
				i++
			}
		})
	}
}
