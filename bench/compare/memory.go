// mem, grow and conns: what keys, growing and idle connections take of memory.

package main

import (
	"context"
	"time"
)

// measureMemory is mem: bytes per key, as the server counts them and as the kernel does, beyond
// what the empty server had.
func measureMemory(ctx context.Context, b *bench, p program) ([]reading, error) {
	s, err := b.start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	used, resident, err := b.memoryOf(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, err := fill(b.memKeys, smallValueBytes, plainValue).run(s.addr); err != nil {
		return nil, err
	}
	usedFull, residentFull, err := b.memoryOf(ctx, s)
	keys := float64(b.memKeys)
	return []reading{
		{"mem: used_memory per key", "B", (usedFull - used) / keys},
		{"mem: RSS per key", "B", (residentFull - resident) / keys},
	}, err
}

func (b *bench) memoryOf(ctx context.Context, s *server) (used, resident float64, err error) {
	if err := pause(ctx, b.settle); err != nil {
		return 0, 0, err
	}
	if used, err = s.infoNumber("used_memory"); err != nil {
		return 0, 0, err
	}
	resident, err = rss(s.pid)
	return used, resident, err
}

// measureGrowth is grow: from no key to many, at full rate, with a probe asking for the first key.
func measureGrowth(ctx context.Context, b *bench, p program) ([]reading, error) {
	s, err := b.start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := fill(1, smallValueBytes, plainValue).run(s.addr); err != nil {
		return nil, err
	}
	asking, err := startProbe(s.addr, b.probeRate, 1, smallValueBytes, b.seed)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	_, err = fill(b.growKeys, smallValueBytes, plainValue).run(s.addr)
	ended := time.Now()
	if probeErr := asking.stop(); err == nil {
		err = probeErr
	}
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, b.settle); err != nil {
		return nil, err
	}
	peak, err := peakRSS(s.pid)
	if err != nil {
		return nil, err
	}
	final, err := rss(s.pid)
	took := asking.milliseconds(begun, ended)
	return []reading{
		{"grow: peak RSS ÷ final RSS", "×", peak / final},
		{"grow: GET p99.9", "ms", quantile(took, 0.999)},
		{"grow: longest GET", "ms", quantile(took, 1)},
	}, err
}

// measureConnections is conns: RSS per connection that has sent one PING and gone quiet.
func measureConnections(ctx context.Context, b *bench, p program) ([]reading, error) {
	s, err := b.start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := pause(ctx, b.settle); err != nil {
		return nil, err
	}
	before, err := rss(s.pid)
	if err != nil {
		return nil, err
	}
	for range b.conns {
		c, err := dial(s.addr)
		if err != nil {
			return nil, err
		}
		defer c.close()
		if _, err := c.do("PING"); err != nil {
			return nil, err
		}
	}
	if err := pause(ctx, b.connsIdle); err != nil {
		return nil, err
	}
	after, err := rss(s.pid)
	return []reading{{"conns: RSS per idle connection", "B", (after - before) / float64(b.conns)}}, err
}
