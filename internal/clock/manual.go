// A clock turned by hand, for tests.
//
// Advance lets time pass on both scales. Set moves the wall alone, as an administrator or a time
// daemon does. Wall and monotonic time show different numbers on purpose: code that mixes them up
// fails at once.

package clock

import (
	"sync"
	"time"
)

// Manual is a Clock that stands still until it is moved.
type Manual struct {
	mu   sync.Mutex // guards wall and mono
	wall time.Time
	mono int64
}

// NewManual returns a clock that shows t.
func NewManual(t time.Time) *Manual { return &Manual{wall: t, mono: 1} }

// Now is the wall time shown.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wall
}

// Millis is the wall time shown, in milliseconds since 1970.
func (m *Manual) Millis() int64 { return m.Now().UnixMilli() }

// Micros is the wall time shown, in microseconds since 1970.
func (m *Manual) Micros() int64 { return m.Now().UnixMicro() }

// Mono is the monotonic time shown, in nanoseconds.
func (m *Manual) Mono() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mono
}

// Advance lets d pass, which must not be negative.
func (m *Manual) Advance(d time.Duration) {
	if d < 0 {
		panic("clock: time cannot pass backwards; use Set")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall = m.wall.Add(d)
	m.mono += int64(d)
}

// Set steps the wall time to t, forwards or back. Monotonic time does not notice.
func (m *Manual) Set(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall = t
}
