// snap: a save while clients overwrite random keys as fast as they can.
//
// Writers and probe run for a while, for comparison, then BGSAVE; memory is sampled throughout. The
// file is then loaded into a redis-server, whichever server wrote it, and every key is compared
// (cut.go).

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	sampleEvery   = 50 * time.Millisecond
	verifyBatch   = 1000
	bytesPerMiB   = 1 << 20
	forkFieldUsec = "latest_fork_usec"
)

// sample is what a server and its children had of memory at one time.
type sample struct {
	at    time.Time
	bytes float64
}

// sampleMemory samples until ctx ends.
func sampleMemory(ctx context.Context, pid int) (samples []sample, err error) {
	for {
		at := time.Now()
		pss, err := treePSS(pid)
		if err != nil {
			return samples, err
		}
		samples = append(samples, sample{at, pss})
		if pause(ctx, sampleEvery-min(sampleEvery/2, time.Since(at))) != nil {
			return samples, nil
		}
	}
}

// snapshot is one save under way: who writes, and what was seen of it.
type snapshot struct {
	b        *bench
	s        *server
	order    overwriting
	writers  *traffic
	asking   *probe
	samples  []sample
	spans    []span
	moments  [3]time.Time // writing since, save asked for, save done
	writes   [3]int64     // answered by then
	forkUsec float64
}

func measureSnapshot(ctx context.Context, b *bench, p program) ([]reading, error) {
	n := &snapshot{b: b, order: overwriting{keys: b.snapKeys, writers: b.snapWriters, seed: b.seed}}
	if err := n.save(ctx, p); err != nil {
		return nil, err
	}
	readings := n.readings()
	if err := n.verify(ctx); err != nil {
		return readings, fmt.Errorf("the saved file is not one moment (seed %d): %w", b.seed, err)
	}
	return append(readings, reading{"snap: keys of the file proved to be of one moment", "", float64(b.snapKeys)}), nil
}

// save starts the server, runs everything, and stops it all.
func (n *snapshot) save(ctx context.Context, p program) (err error) {
	if n.s, err = n.b.start(ctx, p); err != nil {
		return err
	}
	defer n.s.stop()
	value := func(dst []byte, key int) { numberedValue(dst, key, 0) }
	if _, err := fill(n.b.snapKeys, largeValueBytes, value).run(n.s.addr); err != nil {
		return err
	}
	if n.writers, err = n.overwrite().begin(n.s.addr); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.writers.stop()) }()
	if n.asking, err = startProbe(n.s.addr, n.b.probeRate, n.b.snapKeys, largeValueBytes, n.b.seed); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.asking.stop()) }()
	sampling, stopSampling := context.WithCancel(ctx)
	sampled := make(chan error)
	go func() {
		var err error
		n.samples, err = sampleMemory(sampling, n.s.pid)
		sampled <- err
	}()
	defer func() {
		stopSampling()
		err = errors.Join(err, <-sampled)
	}()
	return n.watch(ctx)
}

// overwrite is the writers' work.
func (n *snapshot) overwrite() work {
	c := set(largeValueBytes)
	return work{command: c, lanes: n.b.snapWriters, depth: n.b.snapDepth, requests: unlimited, limit: forever,
		prepare: func(writer int) func([]byte) {
			pick, number := n.order.picks(writer), 0
			return func(request []byte) {
				key := pick()
				number++
				putNumber(request[c.keyAt:][:keyDigits], key)
				numberedValue(request[c.valueAt:][:largeValueBytes], key, number)
			}
		}}
}

// watch sees the server through the time before the save and the save.
func (n *snapshot) watch(ctx context.Context) error {
	mark := func(i int) { n.moments[i], n.writes[i] = time.Now(), n.writers.acked() }
	mark(0)
	if err := n.b.letWrite(ctx, n.writers.acked); err != nil {
		return err
	}
	n.spans = make([]span, n.b.snapWriters)
	for i := range n.spans {
		n.spans[i].acked = n.writers.lane[i].acked.Load()
	}
	mark(1)
	if _, err := n.s.control.do("BGSAVE"); err != nil {
		return err
	}
	for i := range n.spans {
		n.spans[i].sent = n.writers.lane[i].sent.Load()
	}
	if err := n.b.awaitSave(ctx, n.s); err != nil {
		return err
	}
	mark(2)
	usec, err := n.s.infoNumber(forkFieldUsec)
	n.forkUsec = usec
	return err
}

// letWrite lets writers write for the time before a save, and on a slow machine until they have written at all: what
// they do during the save is divided by it.
func (b *bench) letWrite(ctx context.Context, acked func() int64) error {
	begun, had := time.Now(), acked()
	err := pause(ctx, b.snapBefore)
	for err == nil && acked() == had && time.Since(begun) < b.snapLimit {
		err = pause(ctx, sampleEvery)
	}
	return err
}

// awaitSave waits until no save runs, and expects that the last one went well.
func (b *bench) awaitSave(ctx context.Context, s *server) error {
	for begun := time.Now(); ; {
		running, err := s.info("rdb_bgsave_in_progress")
		if err != nil {
			return err
		}
		if running == "0" {
			break
		}
		if time.Since(begun) > b.snapLimit {
			return fmt.Errorf("the save takes more than %v", b.snapLimit)
		}
		if err := pause(ctx, sampleEvery); err != nil {
			return err
		}
	}
	status, err := s.info("rdb_last_bgsave_status")
	if err == nil && status != "ok" {
		err = fmt.Errorf("the save ended with status %q", status)
	}
	return err
}

func (n *snapshot) readings() []reading {
	rate := func(i int) float64 {
		return float64(n.writes[i+1]-n.writes[i]) / n.moments[i+1].Sub(n.moments[i]).Seconds()
	}
	slowest := func(i int) float64 {
		return quantile(n.asking.milliseconds(n.moments[i], n.moments[i+1]), 0.999)
	}
	return []reading{
		{"snap: peak extra memory", "MiB", peakExtra(n.samples, n.moments) / bytesPerMiB},
		{"snap: writes/s before", "1/s", rate(0)},
		{"snap: writes/s during ÷ before", "×", rate(1) / rate(0)},
		{"snap: GET p99.9 before", "ms", slowest(0)},
		{"snap: GET p99.9 during ÷ before", "×", slowest(1) / slowest(0)},
		{"snap: longest GET during", "ms", quantile(n.asking.milliseconds(n.moments[1], n.moments[2]), 1)},
		{"snap: " + forkFieldUsec, "µs", n.forkUsec},
		{"snap: duration of the save", "s", n.moments[2].Sub(n.moments[1]).Seconds()},
	}
}

// peakExtra is the most memory during a save, less the median before it; 0 if the save was shorter than the
// pace of samples. moments: since when it is before, the beginning of the save, its end.
func peakExtra(samples []sample, moments [3]time.Time) float64 {
	var before []float64
	peak := 0.0
	for _, s := range samples {
		switch {
		case s.at.Before(moments[1]):
			before = append(before, s.bytes)
		case s.at.Before(moments[2]):
			peak = max(peak, s.bytes)
		}
	}
	if len(before) == 0 || peak == 0 {
		return 0
	}
	return peak - median(before)
}

// verify loads the file into a redis-server and checks every key.
func (n *snapshot) verify(ctx context.Context) error {
	dir, err := n.b.newFolder()
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(n.s.dir, dumpName), filepath.Join(dir, dumpName)); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	judge, err := n.b.redis.start(ctx, dir)
	if err != nil {
		return err
	}
	defer judge.stop()
	if err := expectKeys(judge, n.b.snapKeys); err != nil {
		return err
	}
	numbers, err := readNumbers(judge, n.b.snapKeys)
	if err != nil {
		return err
	}
	return n.order.checkMoment(numbers, n.spans)
}

// readNumbers gets every key and returns the numbers in their values.
func readNumbers(s *server, keys int) ([]int, error) {
	numbers := make([]int, keys)
	scratch := make([]byte, largeValueBytes)
	for from := 0; from < keys; from += verifyBatch {
		to := min(keys, from+verifyBatch)
		for key := from; key < to; key++ {
			s.control.ask("GET", keyName(key))
		}
		if err := s.control.flush(); err != nil {
			return nil, err
		}
		for key := from; key < to; key++ {
			reply, err := s.control.answer()
			if err != nil {
				return nil, err
			}
			if numbers[key], err = numberIn([]byte(reply.Text), key, scratch); err != nil {
				return nil, err
			}
		}
	}
	return numbers, nil
}
