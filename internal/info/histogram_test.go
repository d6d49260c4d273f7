// Shows that a histogram answers as the rules of HdrHistogram say, against a model that keeps every
// value and sorts; that all values have the bucket that their size calls for; and that LATENCY
// HISTOGRAM's steps are those of a real redis-server.

package info

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

// modelEnds returns the smallest and largest value that are not told apart from v.
func modelEnds(v int64) (low, high int64) {
	unit := int64(1)
	for v/unit >= 256 {
		unit *= 2
	}
	return v / unit * unit, v/unit*unit + unit - 1
}

func TestBuckets(t *testing.T) {
	check := func(v int64) {
		page, slot := bucketOf(uint64(v))
		low, high := modelEnds(v)
		if gotLow, gotHigh := lowestIn(int(page), int(slot)), highestIn(int(page), int(slot)); gotLow != low || gotHigh != high {
			t.Fatalf("value %d is in page %d slot %d, which spans [%d, %d]; want [%d, %d]", v, page, slot, gotLow, gotHigh, low, high)
		}
	}
	for v := int64(1); v < 5000; v++ {
		check(v)
	}
	for v := int64(4096); v <= histogramMaxNanos; v += v / 100 {
		check(v)
	}
	for shift := range 30 {
		check(1 << shift)
		check(1<<shift - 1 | 1)
	}
	check(histogramMaxNanos)
	if last := highestIn(pageCount-1, pageSlots-1); last != 1<<30-1 {
		t.Errorf("the last bucket ends at %d; want 2^30-1", last)
	}
}

func TestHistogramAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 50 {
		var one, other Histogram
		var all []int64
		top := int64(1) << (1 + r.IntN(31))
		for range 1 + r.IntN(2000) {
			v := r.Int64N(top) - 2
			if r.IntN(2) == 0 {
				one.Record(v)
			} else {
				other.Record(v)
			}
			all = append(all, max(1, min(v, histogramMaxNanos)))
		}
		slices.Sort(all)
		var d Distribution
		d.Add(&one)
		d.Add(&other)
		if d.Total() != int64(len(all)) {
			t.Fatalf("seed %d round %d: Total() = %d; want %d", seed, round, d.Total(), len(all))
		}
		for _, percent := range []float64{0, 0.001, 1, 25, 50, 90, 99, 99.9, 99.999, 100, 120} {
			rank := int(min(percent, 100)/100*float64(len(all)) + 0.5)
			low, want := modelEnds(all[max(rank, 1)-1])
			if percent == 0 {
				want = low
			}
			if got := d.Percentile(percent); got != want {
				t.Fatalf("seed %d round %d: Percentile(%v) of %d values = %d; want %d", seed, round, percent, len(all), got, want)
			}
		}
		checkSteps(t, seed, &d, all)
	}
}

func checkSteps(t *testing.T, seed uint64, d *Distribution, sorted []int64) {
	t.Helper()
	steps := d.Steps()
	last := Step{}
	for _, s := range steps {
		if s.Micros <= last.Micros || s.Count <= last.Count {
			t.Fatalf("seed %d: step %+v follows %+v", seed, s, last)
		}
		end := s.Micros*1000 + 999 // the step's end in ns is somewhere in this microsecond
		below, _ := slices.BinarySearch(sorted, s.Micros*1000)
		atMost, _ := slices.BinarySearch(sorted, end+1)
		if s.Count < int64(below) || s.Count > int64(atMost) {
			t.Fatalf("seed %d: step %+v; want a count from %d to %d", seed, s, below, atMost)
		}
		last = s
	}
	if last.Count != int64(len(sorted)) {
		t.Fatalf("seed %d: the last step counts %d of %d", seed, last.Count, len(sorted))
	}
}

func TestEmptyDistribution(t *testing.T) {
	var d Distribution
	if d.Percentile(50) != 0 || d.Total() != 0 || d.Steps() != nil {
		t.Errorf("empty: Percentile %d, Total %d, Steps %v; want 0, 0, none", d.Percentile(50), d.Total(), d.Steps())
	}
}

// TestStepsAgainstRedis lets Redis record durations of all magnitudes and demands that the steps
// it shows are among those that Tarn can show, so that graphs line up.
func TestStepsAgainstRedis(t *testing.T) {
	possible := map[int64]bool{}
	for shift := 10; shift < 30; shift++ {
		page, slot := bucketOf(1 << shift)
		possible[highestIn(int(page), int(slot))/1000] = true
	}
	possible[(1<<30-1)/1000] = true
	conn := harness.Oracle(t).Start(t).Dial(t)
	for _, seconds := range []string{"0", "0.00001", "0.0001", "0.001", "0.005", "0.02", "0.04", "0.09", "0.15", "0.3", "0.6"} {
		conn.Must(t, "DEBUG", "SLEEP", seconds)
	}
	reply := conn.Must(t, "LATENCY", "HISTOGRAM", "debug")
	steps := reply.Elem[1].Elem[3].Elem
	if len(steps) < 10 {
		t.Fatalf("Redis shows %d steps; want at least 10", len(steps)/2)
	}
	for i := 0; i < len(steps); i += 2 {
		micros, err := strconv.ParseInt(steps[i].Text, 10, 64)
		if err != nil || !possible[micros] {
			t.Errorf("Redis shows a step at %q us, which Tarn has not", steps[i].Text)
		}
	}
}
