// Shows that the system clock agrees with the operating system's, that a manual clock moves only
// as told, that ticks converted to nanoseconds agree with the monotonic clock within 1 % soon after
// the process starts, and what a reading costs.

package clock

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tarn/test/chance"
)

func TestSystem(t *testing.T) {
	var c Clock = System{}
	before := time.Now()
	now, millis, micros := c.Now(), c.Millis(), c.Micros()
	after := time.Now()
	if now.Before(before) || now.After(after) {
		t.Errorf("Now() = %v, outside [%v, %v]", now, before, after)
	}
	if millis < before.UnixMilli() || millis > after.UnixMilli() {
		t.Errorf("Millis() = %d, outside [%d, %d]", millis, before.UnixMilli(), after.UnixMilli())
	}
	if micros < before.UnixMicro() || micros > after.UnixMicro() {
		t.Errorf("Micros() = %d, outside [%d, %d]", micros, before.UnixMicro(), after.UnixMicro())
	}
	last := c.Mono()
	for range 1000 {
		next := c.Mono()
		if next < last {
			t.Fatalf("Mono() went back from %d to %d", last, next)
		}
		last = next
	}
}

func TestManual(t *testing.T) {
	start := time.UnixMicro(1_700_000_000_123_456)
	m := NewManual(start)
	var c Clock = m
	mono := c.Mono()
	m.Advance(1500 * time.Microsecond)
	if got, want := c.Micros(), int64(1_700_000_000_124_956); got != want {
		t.Errorf("after Advance: Micros() = %d; want %d", got, want)
	}
	if got, want := c.Millis(), int64(1_700_000_000_124); got != want {
		t.Errorf("after Advance: Millis() = %d; want %d", got, want)
	}
	if got, want := c.Mono()-mono, int64(1_500_000); got != want {
		t.Errorf("after Advance: Mono() moved by %d; want %d", got, want)
	}
	mono = c.Mono()
	m.Set(start)
	if !c.Now().Equal(start) || c.Mono() != mono {
		t.Errorf("after Set: Now() = %v, Mono() moved by %d; want %v, 0", c.Now(), c.Mono()-mono, start)
	}
}

func TestManualRefusesToGoBack(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Advance(-1) did not panic")
		}
	}()
	NewManual(time.Unix(0, 0)).Advance(-1)
}

// spanTicks lets at least the given time pass and returns it by both clocks.
func spanTicks(span time.Duration) (byTicks, byMono int64) {
	from := readPair()
	to := readPair()
	for to.nanos-from.nanos < int64(span) {
		to = readPair()
	}
	return TicksToNanos(to.ticks - from.ticks), to.nanos - from.nanos
}

func TestTicksAgreeWithTheMonotonicClock(t *testing.T) {
	for _, refined := range []bool{false, true} {
		if refined {
			Refine()
		}
		// A machine that is taken away between two readings spoils one span, not all of them.
		best := math.Inf(1)
		for range 20 {
			byTicks, byMono := spanTicks(2 * time.Millisecond)
			best = min(best, math.Abs(float64(byTicks-byMono))/float64(byMono))
		}
		if best > 0.01 {
			t.Errorf("refined=%t: ticks and monotonic clock differ by %.2f %% at best; want at most 1 %%", refined, best*100)
		}
	}
}

// TestFirstCalibration measures anew from a pair taken just now, as the first conversion of a
// young process does.
func TestFirstCalibration(t *testing.T) {
	if !ticksAreCounted() {
		t.Log("no counter here: ticks are nanoseconds")
	}
	c := &calibration
	keep, keepScale := c.older, scale.Load()
	defer func() { c.older = keep; scale.Store(keepScale) }()
	best := math.Inf(1)
	for range 20 {
		if ticksAreCounted() {
			c.older = readPair()
			scale.Store(0)
		}
		first := TicksToNanos(1 << 40)
		c.older = keep
		Refine()
		later := TicksToNanos(1 << 40)
		best = min(best, math.Abs(float64(first-later))/float64(later))
	}
	if best > 0.01 {
		t.Errorf("the first calibration is off by %.3f %% at best; want at most 1 %%", best*100)
	}
}

func TestConversions(t *testing.T) {
	keep := scale.Load()
	defer scale.Store(keep)
	scale.Store(1 << 31) // two ticks to the nanosecond
	for _, tc := range []struct{ ticks, nanos, micros int64 }{
		{ticks: -5}, {ticks: 0}, {ticks: 1}, {ticks: 2, nanos: 1},
		{ticks: 4000, nanos: 2000, micros: 2},
		{ticks: 3999, nanos: 1999, micros: 1},
		{ticks: math.MaxInt64, nanos: math.MaxInt64 / 2, micros: math.MaxInt64 / 2000},
	} {
		if got := TicksToNanos(tc.ticks); got != tc.nanos {
			t.Errorf("TicksToNanos(%d) = %d; want %d", tc.ticks, got, tc.nanos)
		}
		if got := TicksToMicros(tc.ticks); got != tc.micros {
			t.Errorf("TicksToMicros(%d) = %d; want %d", tc.ticks, got, tc.micros)
		}
	}
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		s := uint64(1)<<28 + r.Uint64N(1<<38) // from 1/16 to 64 ns a tick
		scale.Store(s)
		nanos := r.Int64N(1 << 45)
		ticks := NanosToTicks(nanos)
		back := TicksToNanos(ticks)
		slack := int64(s>>32) + 1
		if back > nanos || back < nanos-slack {
			t.Fatalf("seed %d: scale %d: %d ns -> %d ticks -> %d ns", seed, s, nanos, ticks, back)
		}
	}
	scale.Store(1)
	if got := NanosToTicks(math.MaxInt64); got != math.MaxInt64 {
		t.Errorf("NanosToTicks(max) = %d; want it to stop at the largest number", got)
	}
	if got := NanosToTicks(-1); got != 0 {
		t.Errorf("NanosToTicks(-1) = %d; want 0", got)
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	var sum int64
	if got := testing.AllocsPerRun(100, func() {
		sum += Ticks() + TicksToNanos(Ticks()) + System{}.Millis() + System{}.Mono()
	}); got != 0 {
		t.Errorf("allocations per reading = %v; want 0", got)
	}
}

func BenchmarkTicks(b *testing.B) {
	for b.Loop() {
		Ticks()
	}
}

func BenchmarkTicksToNanos(b *testing.B) {
	for b.Loop() {
		TicksToNanos(12345)
	}
}

func BenchmarkMono(b *testing.B) {
	for b.Loop() {
		System{}.Mono()
	}
}

func BenchmarkMillis(b *testing.B) {
	for b.Loop() {
		System{}.Millis()
	}
}
