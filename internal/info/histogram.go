// Histograms of durations, with the buckets of HdrHistogram (hdrhistogram.org) for 1 ns to 1 s and
// two significant digits, so that percentiles come out as Redis prints them.
//
// Values below 256 have a bucket each. From there every doubling is cut into 128 equal buckets,
// which keeps the error under 1/128. A doubling is a page of 128 counters, made when its first value
// comes: a command's durations seldom spread over more than six, so a histogram takes 6 KiB and not 24.
//
// A Histogram has one writer and any number of readers. A reader adds the histograms of all loops
// into a Distribution, which then answers questions at leisure.

package info

import (
	"math/bits"
	"sync/atomic"
)

const (
	histogramMinNanos = 1
	histogramMaxNanos = 1_000_000_000

	pageSlotBits = 7
	pageSlots    = 1 << pageSlotBits
	// pageCount: two pages for 0 to 255, and one for each doubling up to 2^30, the first beyond 1 s.
	pageCount = 24
)

// Histogram counts durations. The zero value is empty. One goroutine may record.
type Histogram struct {
	pages [pageCount]atomic.Pointer[histogramPage]
}

type histogramPage [pageSlots]Counter

// bucketOf returns the page and slot of a value from 1 to 1e9.
func bucketOf(nanos uint64) (page, slot uint) {
	// The number of low bits that are dropped: 0 below 256, one more for every doubling.
	dropped := uint(bits.Len64(nanos|(2*pageSlots-1))) - (pageSlotBits + 1)
	index := dropped<<pageSlotBits + uint(nanos>>dropped)
	return index >> pageSlotBits, index % pageSlots
}

// highestIn is the largest value that falls into a bucket.
func highestIn(page, slot int) int64 {
	if page == 0 {
		return int64(slot)
	}
	dropped := page - 1
	return int64(pageSlots+slot+1)<<dropped - 1
}

// lowestIn is the smallest value that falls into a bucket.
func lowestIn(page, slot int) int64 {
	if page == 0 {
		return int64(slot)
	}
	return int64(pageSlots+slot) << (page - 1)
}

// Record counts a duration. One below 1 ns counts as 1 ns, one above 1 s as 1 s.
func (h *Histogram) Record(nanos int64) {
	nanos = max(histogramMinNanos, min(nanos, histogramMaxNanos))
	page, slot := bucketOf(uint64(nanos))
	p := h.pages[page].Load()
	if p == nil {
		p = new(histogramPage)
		h.pages[page].Store(p)
	}
	p[slot].Add(1)
}

// Distribution is a histogram at rest.
type Distribution struct {
	counts [pageCount * pageSlots]int64
	total  int64
}

// Add adds a histogram, which may be counting meanwhile.
func (d *Distribution) Add(h *Histogram) {
	for page := range h.pages {
		p := h.pages[page].Load()
		if p == nil {
			continue
		}
		for slot := range p {
			count := p[slot].Load()
			d.counts[page*pageSlots+slot] += count
			d.total += count
		}
	}
}

// Total is the number of durations counted.
func (d *Distribution) Total() int64 { return d.total }

// Percentile returns the duration in nanoseconds that the given percentage (0 to 100) of all did
// not exceed, or 0 when there are none. It is the upper end of a bucket, and for 0 % the lower.
func (d *Distribution) Percentile(percent float64) int64 {
	if d.total == 0 {
		return 0
	}
	rank := max(1, int64(min(percent, 100)/100*float64(d.total)+0.5))
	var passed int64
	for i, count := range d.counts {
		passed += count
		if passed < rank {
			continue
		}
		if percent == 0 {
			return lowestIn(i/pageSlots, i%pageSlots)
		}
		return highestIn(i/pageSlots, i%pageSlots)
	}
	return 0
}

// Step is one line of a cumulative distribution: Count durations were at most Micros.
type Step struct {
	Micros, Count int64
}

// Steps returns the cumulative distribution as LATENCY HISTOGRAM shows it: at doublings from
// 1024 ns to 2^29, then the end of the last bucket; those that add nothing are left out.
func (d *Distribution) Steps() []Step {
	var steps []Step
	var passed int64
	next := 0
	pass := func(end int) {
		before := passed
		for ; next <= end; next++ {
			passed += d.counts[next]
		}
		if passed > before {
			steps = append(steps, Step{Micros: highestIn(end/pageSlots, end%pageSlots) / 1000, Count: passed})
		}
	}
	for shift := 10; shift < 30; shift++ {
		page, slot := bucketOf(1 << shift)
		pass(int(page)*pageSlots + int(slot))
	}
	pass(len(d.counts) - 1)
	return steps
}
