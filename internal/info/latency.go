// The latency monitor: what kept the server from answering, by event.
//
// An event is a kind of work that everybody waits for: a command, an fsync, a snapshot's cut. When
// one takes at least latency-monitor-threshold milliseconds, its duration becomes a sample. An event
// keeps 160 samples, one a second at most: within a second only the worst counts.

package info

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"tarn/internal/clock"
)

const latencySamplesMax = 160

// LatencySample is the worst duration of an event within one second.
type LatencySample struct {
	UnixTime int64 // seconds
	Millis   int64
}

// LatencyEvent is the present state of an event.
type LatencyEvent struct {
	Name      string
	Latest    LatencySample
	MaxMillis int64 // of all time, or since a reset
}

// LatencyMonitor keeps samples by event. Its methods may be called from any goroutine.
type LatencyMonitor struct {
	clock     clock.Clock
	threshold atomic.Int64 // milliseconds; 0 is off

	mu     sync.Mutex // guards events
	events map[string]*latencySeries
}

// latencySeries is a ring: next is the place of the next sample, and so of the oldest when full.
type latencySeries struct {
	samples   [latencySamplesMax]LatencySample
	next      int
	count     int
	maxMillis int64
}

// NewLatencyMonitor returns a monitor that is off.
func NewLatencyMonitor(c clock.Clock) *LatencyMonitor {
	return &LatencyMonitor{clock: c, events: map[string]*latencySeries{}}
}

// SetThreshold changes the least duration that counts, in milliseconds; 0 turns the monitor off.
func (m *LatencyMonitor) SetThreshold(millis int64) { m.threshold.Store(millis) }

// Threshold is the least duration that counts, in milliseconds; 0 when the monitor is off.
func (m *LatencyMonitor) Threshold() int64 { return m.threshold.Load() }

// Observe notes that event took the given time. Below the threshold it costs one comparison.
func (m *LatencyMonitor) Observe(event string, millis int64) {
	if threshold := m.threshold.Load(); threshold <= 0 || millis < threshold {
		return
	}
	now := m.clock.Now().Unix()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.events[event]
	if s == nil {
		s = &latencySeries{}
		m.events[event] = s
	}
	s.maxMillis = max(s.maxMillis, millis)
	if last := s.latest(); s.count > 0 && last.UnixTime == now {
		last.Millis = max(last.Millis, millis)
		return
	}
	s.samples[s.next] = LatencySample{UnixTime: now, Millis: millis}
	s.next = (s.next + 1) % latencySamplesMax
	s.count = min(s.count+1, latencySamplesMax)
}

func (s *latencySeries) latest() *LatencySample {
	return &s.samples[(s.next+latencySamplesMax-1)%latencySamplesMax]
}

// list copies the samples, oldest first.
func (s *latencySeries) list() []LatencySample {
	list := make([]LatencySample, s.count)
	for i := range list {
		list[i] = s.samples[(s.next-s.count+i+latencySamplesMax)%latencySamplesMax]
	}
	return list
}

// Latest returns every event that has samples, by name.
func (m *LatencyMonitor) Latest() []LatencyEvent {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []LatencyEvent
	for _, name := range slices.Sorted(maps.Keys(m.events)) {
		s := m.events[name]
		all = append(all, LatencyEvent{Name: name, Latest: *s.latest(), MaxMillis: s.maxMillis})
	}
	return all
}

// History returns an event's samples, oldest first; none if it is not known.
func (m *LatencyMonitor) History(event string) []LatencySample {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.events[event]
	if s == nil {
		return nil
	}
	return s.list()
}

// Reset forgets the given events, or all when none is given, and returns how many there were.
func (m *LatencyMonitor) Reset(events ...string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(events) == 0 {
		count := len(m.events)
		clear(m.events)
		return count
	}
	count := 0
	for _, event := range events {
		if m.events[event] != nil {
			delete(m.events, event)
			count++
		}
	}
	return count
}

// AppendGraph appends the picture that LATENCY GRAPH shows of an event. ok is false when the event
// has no samples.
func (m *LatencyMonitor) AppendGraph(b []byte, event string) (graph []byte, ok bool) {
	now := m.clock.Now().Unix()
	m.mu.Lock()
	s := m.events[event]
	if s == nil {
		m.mu.Unlock()
		return b, false
	}
	samples, maxMillis := s.list(), s.maxMillis
	m.mu.Unlock()
	return appendGraph(b, event, samples, maxMillis, now), true
}
