// LATENCY DOCTOR: the latency monitor's samples in words, with advice.
//
// The layout is Redis's: an opening, a numbered line for each event, a list of advice; the words are
// Tarn's. Advice is a table, each row with the events that call for it.

package info

import (
	"fmt"
	"slices"
	"strings"
)

// DoctorFacts are what the advice depends on besides the samples.
type DoctorFacts struct {
	SlowLogMicros int64 // slowlog-log-slower-than; negative when the slow log is off
}

// latencySummary describes an event's samples.
type latencySummary struct {
	event           string
	samples         int64
	averageMillis   int64
	deviationMillis int64 // mean of the distances from the average
	periodSeconds   float64
	maxMillis       int64
}

var latencyAdvice = []struct {
	events []string // prefixes, where they end in '*'
	advice func(m *LatencyMonitor, facts DoctorFacts) string
}{
	{[]string{"command", "fast-command"}, func(m *LatencyMonitor, facts DoctorFacts) string {
		limit := m.Threshold() * 1000
		switch {
		case facts.SlowLogMicros < 0:
			return fmt.Sprintf("The slow log is off, so the slow commands have no names. Turn it on with 'CONFIG SET slowlog-log-slower-than %d'.", limit)
		case facts.SlowLogMicros > limit && limit > 0:
			return fmt.Sprintf("The slow log takes only commands slower than the latency monitor's threshold. Bring it in line with 'CONFIG SET slowlog-log-slower-than %d'.", limit)
		}
		return ""
	}},
	{[]string{"command"}, advise("Look for the slow commands by name in the slow log: 'SLOWLOG GET'. Commands that walk a whole collection or the whole keyspace are the usual ones; SCAN and its kin do the same work in small pieces.")},
	{[]string{"fast-command"}, advise("A command that takes constant time was slow, so the machine was: check with 'top' or 'vmstat' whether other processes, swapping, or a busy host under a virtual machine take the processor away.")},
	{[]string{"snapshot-cut", "fork"}, advise("The pause at the start of a snapshot does not depend on the size of the data, so a long one means that the processor was not there. Check for other work on the machine.")},
	{[]string{"aof-*"}, advise("Writing the append-only file was held up by the disk. Look at it with 'iostat -x', keep other heavy writers off it, and weigh 'appendfsync everysec' and 'no-appendfsync-on-rewrite yes'.")},
	{[]string{"rdb-*"}, advise("Removing a large temporary file took long. The file system, not the data, decides how long; a faster disk or another file system helps.")},
	{[]string{"expire-*"}, advise("Many keys end at the same time. Spread their deadlines: add a random part to each.")},
	{[]string{"eviction-*"}, advise("Making room for new keys took long. Leave more distance between the data and 'maxmemory', and keep single values small.")},
	{[]string{"command", "expire-del", "eviction-del"}, advise("Large values take long to remove at once. UNLINK instead of DEL, the 'lazyfree-lazy-*' directives, or smaller values avoid it.")},
	{[]string{"active-defrag-cycle"}, advise("Moving values together took long. Lower 'active-defrag-cycle-max'.")},
}

func advise(text string) func(*LatencyMonitor, DoctorFacts) string {
	return func(*LatencyMonitor, DoctorFacts) string { return text }
}

// AppendDoctor appends the report.
func (m *LatencyMonitor) AppendDoctor(b []byte, facts DoctorFacts) []byte {
	summaries := m.summaries()
	if len(summaries) == 0 {
		if m.Threshold() == 0 {
			return append(b, "The latency monitor is off, so there is nothing to tell. Turn it on with "+
				"\"CONFIG SET latency-monitor-threshold <milliseconds>\", let the server run for a while, and ask again.\n"...)
		}
		return append(b, "No latency spike has been seen since the monitor was turned on or last reset. All is well.\n"...)
	}
	b = append(b, "Latency spikes have been seen in this server:\n\n"...)
	for i, s := range summaries {
		b = fmt.Appendf(b, "%d. %s: %d latency spikes (average %dms, mean deviation %dms, period %.2f sec). Worst all time event %dms.\n",
			i+1, s.event, s.samples, s.averageMillis, s.deviationMillis, s.periodSeconds, s.maxMillis)
	}
	advice := m.adviceFor(summaries, facts)
	if len(advice) == 0 {
		return b
	}
	b = append(b, "\nSome advice:\n\n"...)
	for _, text := range advice {
		b = append(append(append(b, "- "...), text...), '\n')
	}
	return b
}

func (m *LatencyMonitor) adviceFor(summaries []latencySummary, facts DoctorFacts) []string {
	var advice []string
	for _, row := range latencyAdvice {
		calls := slices.ContainsFunc(summaries, func(s latencySummary) bool {
			return slices.ContainsFunc(row.events, func(pattern string) bool {
				prefix, isPrefix := strings.CutSuffix(pattern, "*")
				return s.event == pattern || isPrefix && strings.HasPrefix(s.event, prefix)
			})
		})
		if !calls {
			continue
		}
		if text := row.advice(m, facts); text != "" {
			advice = append(advice, text)
		}
	}
	return advice
}

// summaries describes every event, by name.
func (m *LatencyMonitor) summaries() []latencySummary {
	now := m.clock.Now().Unix()
	var all []latencySummary
	for _, event := range m.Latest() {
		samples := m.History(event.Name)
		if len(samples) == 0 {
			continue // it was reset meanwhile
		}
		s := latencySummary{event: event.Name, samples: int64(len(samples)), maxMillis: event.MaxMillis}
		var sum, distances int64
		for _, sample := range samples {
			sum += sample.Millis
		}
		s.averageMillis = sum / s.samples
		for _, sample := range samples {
			distances += max(sample.Millis-s.averageMillis, s.averageMillis-sample.Millis)
		}
		s.deviationMillis = distances / s.samples
		s.periodSeconds = float64(now-samples[0].UnixTime) / float64(s.samples)
		all = append(all, s)
	}
	return all
}
