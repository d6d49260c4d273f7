// Rates: what happens per second at present (instantaneous_ops_per_sec and its kind).
//
// Cron takes a sample every 100 ms or so; the rate is the mean of the last 16. Before there are 16,
// the missing ones count as 0, so that a rate rises from 0 over the first 1.6 seconds, as Redis's does.

package info

import "sync/atomic"

const rateSamples = 16

// Rate turns a growing counter into a rate. Sample is for one goroutine, Mean for any.
type Rate struct {
	samples   [rateSamples]int64
	next      int
	lastValue int64
	lastBase  int64
	mean      atomic.Int64
}

// Sample notes that the counter stands at value while base (a time, or another counter) stands at
// base. The sample is the growth of value, times factor, over the growth of base: with base in
// milliseconds a factor of 1000 gives a rate per second. The first call only sets the start.
func (r *Rate) Sample(value, base, factor int64) {
	if r.lastBase > 0 {
		var sample int64
		if grown := base - r.lastBase; grown > 0 {
			sample = (value - r.lastValue) * factor / grown
		}
		r.samples[r.next] = sample
		r.next = (r.next + 1) % rateSamples
		var sum int64
		for _, s := range r.samples {
			sum += s
		}
		r.mean.Store(sum / rateSamples)
	}
	r.lastValue, r.lastBase = value, base
}

// Mean is the mean of the last 16 samples.
func (r *Rate) Mean() int64 { return r.mean.Load() }

// Reset starts over (CONFIG RESETSTAT). It belongs to the goroutine that samples.
func (r *Rate) Reset() {
	r.samples, r.next, r.lastValue, r.lastBase = [rateSamples]int64{}, 0, 0, 0
	r.mean.Store(0)
}
