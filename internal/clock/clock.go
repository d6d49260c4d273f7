// Time: where every room gets it.
//
// Nothing else in Tarn asks the operating system what time it is, so a test that hands out a
// Manual clock turns the server's time by hand. A reading costs tens of nanoseconds: a loop takes
// one per turn and passes it on. Wall time may step when an administrator sets it; Mono never
// does, and is what intervals are measured with.

// Package clock is the only source of time.
package clock

import "time"

// Clock tells the time. All methods may be called from any goroutine.
type Clock interface {
	// Now is the wall time.
	Now() time.Time
	// Millis is the wall time in milliseconds since 1970.
	Millis() int64
	// Micros is the wall time in microseconds since 1970.
	Micros() int64
	// Mono is a time in nanoseconds that never goes back; only differences mean anything.
	Mono() int64
}

// System is the machine's own clock.
type System struct{}

// started anchors monotonic time: time.Since of it reads the monotonic clock alone.
var started = time.Now()

// Now is the wall time.
func (System) Now() time.Time { return time.Now() }

// Millis is the wall time in milliseconds since 1970.
func (System) Millis() int64 { return time.Now().UnixMilli() }

// Micros is the wall time in microseconds since 1970.
func (System) Micros() int64 { return time.Now().UnixMicro() }

// Mono is the number of nanoseconds since the process began.
func (System) Mono() int64 { return int64(time.Since(started)) }
