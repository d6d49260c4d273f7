// What each command has cost: calls, time, refusals, failures and a histogram of durations.
//
// Every loop writes to a table of its own, without locked instructions; a reader adds the tables
// up. CONFIG RESETSTAT gives every loop a fresh table: a call that is being recorded at that moment
// may go to the old one and be forgotten. Time is kept in clock ticks, and converted when read.

package info

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"tarn/internal/clock"
)

// CommandStats are the statistics of all commands of a server.
type CommandStats struct {
	names       []string
	tracking    atomic.Bool
	percentiles atomic.Pointer[[]float64]

	mu    sync.Mutex // guards loops
	loops []*LoopStats
}

// LoopStats is one loop's part. All its methods are for the goroutine that owns it.
type LoopStats struct {
	rows atomic.Pointer[[]statsRow]
	all  *CommandStats
}

type statsRow struct {
	spent    [2]int64 // calls, ticks: counters with one writer
	rejected Counter
	failed   Counter
	latency  atomic.Pointer[Histogram]
}

// CommandTotals are one command's sums over all loops.
type CommandTotals struct {
	Calls, Micros    int64
	Rejected, Failed int64 // refused before they ran; ran and returned an error
}

// NewCommandStats makes statistics for commands known by their index in names, such as "get" and
// "config|get". Durations are tracked, with percentiles 50, 99 and 99.9, as Redis does by default.
func NewCommandStats(names []string) *CommandStats {
	s := &CommandStats{names: names}
	s.tracking.Store(true)
	s.SetPercentiles([]float64{50, 99, 99.9})
	return s
}

// SetTracking turns the histograms on or off (directive latency-tracking).
func (s *CommandStats) SetTracking(on bool) { s.tracking.Store(on) }

// Tracking tells whether histograms are kept.
func (s *CommandStats) Tracking() bool { return s.tracking.Load() }

// SetPercentiles says which percentiles INFO shows (latency-tracking-info-percentiles).
func (s *CommandStats) SetPercentiles(percents []float64) { s.percentiles.Store(&percents) }

// NewLoop returns the part for one more loop.
func (s *CommandStats) NewLoop() *LoopStats {
	l := &LoopStats{all: s}
	l.rows.Store(s.freshRows())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loops = append(s.loops, l)
	return l
}

// NewAside returns the counters of a loop that no figure shows.
func (s *CommandStats) NewAside() *LoopStats {
	l := &LoopStats{all: s}
	l.rows.Store(s.freshRows())
	return l
}

func (s *CommandStats) freshRows() *[]statsRow {
	rows := make([]statsRow, len(s.names))
	return &rows
}

// Record counts a call and its duration, a difference of two clock.Ticks.
func (l *LoopStats) Record(cmd int, ticks int64) {
	row := &(*l.rows.Load())[cmd]
	ticks = max(0, ticks) // another processor's counter may be slightly behind
	addOwned2(&row.spent, ticks)
	if l.all.tracking.Load() {
		h := row.latency.Load()
		if h == nil {
			h = new(Histogram)
			row.latency.Store(h)
		}
		h.Record(clock.TicksToNanos(ticks))
	}
}

// Rejected counts a call that was refused before it ran.
func (l *LoopStats) Rejected(cmd int) { (*l.rows.Load())[cmd].rejected.Add(1) }

// Failed counts a call that ran and returned an error. Record counts the call itself.
func (l *LoopStats) Failed(cmd int) { (*l.rows.Load())[cmd].failed.Add(1) }

// Reset forgets everything.
func (s *CommandStats) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loops {
		l.rows.Store(s.freshRows())
	}
}

// eachRow visits a command's row in every loop.
func (s *CommandStats) eachRow(cmd int, visit func(*statsRow)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loops {
		visit(&(*l.rows.Load())[cmd])
	}
}

// Totals adds up one command.
func (s *CommandStats) Totals(cmd int) CommandTotals {
	var t CommandTotals
	var ticks int64
	s.eachRow(cmd, func(row *statsRow) {
		t.Calls += atomic.LoadInt64(&row.spent[0])
		ticks += atomic.LoadInt64(&row.spent[1])
		t.Rejected += row.rejected.Load()
		t.Failed += row.failed.Load()
	})
	t.Micros = clock.TicksToMicros(ticks)
	return t
}

// Latency returns the durations of one command over all loops. ok is false when none was tracked.
func (s *CommandStats) Latency(cmd int) (d *Distribution, ok bool) {
	s.eachRow(cmd, func(row *statsRow) {
		if h := row.latency.Load(); h != nil {
			if d == nil {
				d = new(Distribution)
			}
			d.Add(h)
		}
	})
	return d, d != nil && d.Total() > 0
}

// InfoFields are the sections commandstats and latencystats.
func (s *CommandStats) InfoFields() []Field {
	return []Field{
		Lines("commandstats", "cmdstat_*",
			"Calls of a command, the microseconds spent in it, and calls refused before or failed while running.",
			s.appendCommandStats),
		Lines("latencystats", "latency_percentiles_usec_*",
			"Percentiles of a command's duration in microseconds.",
			s.appendLatencyStats),
	}
}

func (s *CommandStats) appendCommandStats(b []byte) []byte {
	for cmd, name := range s.names {
		t := s.Totals(cmd)
		if t == (CommandTotals{}) {
			continue
		}
		perCall := 0.0
		if t.Calls > 0 {
			perCall = float64(t.Micros) / float64(t.Calls)
		}
		b = appendSafe(append(b, "cmdstat_"...), name)
		b = strconv.AppendInt(append(b, ":calls="...), t.Calls, 10)
		b = strconv.AppendInt(append(b, ",usec="...), t.Micros, 10)
		b = strconv.AppendFloat(append(b, ",usec_per_call="...), perCall, 'f', 2, 64)
		b = strconv.AppendInt(append(b, ",rejected_calls="...), t.Rejected, 10)
		b = strconv.AppendInt(append(b, ",failed_calls="...), t.Failed, 10)
		b = append(b, "\r\n"...)
	}
	return b
}

func (s *CommandStats) appendLatencyStats(b []byte) []byte {
	if !s.Tracking() {
		return b
	}
	for cmd, name := range s.names {
		d, ok := s.Latency(cmd)
		if !ok {
			continue
		}
		b = appendSafe(append(b, "latency_percentiles_usec_"...), name)
		b = append(b, ':')
		for i, percent := range *s.percentiles.Load() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, 'p'), shortDecimal(percent)...)
			b = strconv.AppendFloat(append(b, '='), float64(d.Percentile(percent))/1000, 'f', 3, 64)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

// shortDecimal prints up to six decimals, without zeros at the end.
func shortDecimal(x float64) string {
	text := strconv.FormatFloat(x, 'f', 6, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
