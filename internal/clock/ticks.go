// Ticks: a counter cheap enough to read around every command.
//
// On amd64 it is the time stamp counter, when the processor promises that it runs at one rate and
// never stops; on arm64 the virtual counter; elsewhere, nanoseconds of the monotonic clock. What a
// tick lasts is measured, not asked for: a pair (ticks, monotonic) is taken when the process begins
// and another at the first conversion; Refine takes more as time passes, and the longer the
// distance between two pairs, the better the ratio. The older of the two pairs is given up after a
// minute, so that a virtual machine moved to another processor is noticed.

package clock

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// firstSpanNanos is the least distance of two pairs. A pair is good to some tens of
	// nanoseconds, so this is far inside 1 %.
	firstSpanNanos = 50_000
	// keepPairNanos is how long a pair serves as the far end of the measurement.
	keepPairNanos = 60_000_000_000
	// pairTries readings are made for a pair; the quickest, which was not interrupted, is kept.
	pairTries = 5
)

type pair struct {
	ticks, nanos int64
}

// scale is nanoseconds per tick in units of 2^-32; 0 means not measured yet.
var scale atomic.Uint64

var calibration struct {
	mu    sync.Mutex // guards older and newer
	older pair
	newer pair
}

func init() {
	if !ticksAreCounted() {
		scale.Store(1 << 32)
		return
	}
	first := readPair()
	calibration.older, calibration.newer = first, first
}

// readPair reads both clocks as close together as it can.
func readPair() pair {
	best, width := pair{}, int64(-1)
	for range pairTries {
		before := Ticks()
		nanos := System{}.Mono()
		after := Ticks()
		if w := after - before; w >= 0 && (width < 0 || w < width) {
			best, width = pair{ticks: before + w/2, nanos: nanos}, w
		}
	}
	return best
}

// Refine measures the length of a tick again. It takes well under a microsecond; a server does
// it about once a second. Conversions are within 1 % even if it is never called.
func Refine() {
	if !ticksAreCounted() {
		return
	}
	c := &calibration
	c.mu.Lock()
	defer c.mu.Unlock()
	now := readPair()
	for now.nanos-c.older.nanos < firstSpanNanos {
		now = readPair()
	}
	ticks, nanos := now.ticks-c.older.ticks, now.nanos-c.older.nanos
	if ticks <= 0 {
		// The counter was set back (a machine was restored or moved): start over.
		c.older, c.newer = now, now
		return
	}
	scale.Store(perTick(nanos, ticks))
	if now.nanos-c.newer.nanos > keepPairNanos {
		c.older, c.newer = c.newer, now
	}
}

// perTick divides in 32.32 fixed point, without overflow for spans of many years.
func perTick(nanos, ticks int64) uint64 {
	hi, lo := bits.Mul64(uint64(nanos), 1<<32)
	quotient, _ := bits.Div64(hi%uint64(ticks), lo, uint64(ticks))
	return quotient
}

// TicksToNanos converts a difference of two Ticks to nanoseconds. A negative difference, which two
// processors may show one another, counts as 0.
func TicksToNanos(ticks int64) int64 {
	s := scale.Load()
	if s == 0 {
		Refine()
		s = scale.Load()
	}
	if ticks <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(ticks), s)
	return int64(hi<<32 | lo>>32)
}

// TicksToMicros converts a difference of two Ticks to whole microseconds, rounded down.
func TicksToMicros(ticks int64) int64 { return TicksToNanos(ticks) / 1000 }

// NanosToTicks is the inverse of TicksToNanos: a limit in nanoseconds becomes one that differences
// of Ticks can be compared with directly.
func NanosToTicks(nanos int64) int64 {
	s := scale.Load()
	if s == 0 {
		Refine()
		s = scale.Load()
	}
	if nanos <= 0 || s == 0 {
		return 0
	}
	hi, lo := uint64(nanos)>>32, uint64(nanos)<<32
	if hi >= s {
		return 1<<63 - 1
	}
	quotient, _ := bits.Div64(hi, lo, s)
	return int64(min(quotient, 1<<63-1))
}
