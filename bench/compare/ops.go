// ops: what one GET and one SET cost the server in CPU time, user and system, by pipeline.
//
// Only the server's CPU is counted, so the client may be slow. It must not be idle at random though:
// a server that is asked less often finds less to do each time it looks, and pays more for each.

package main

import (
	"context"
	"fmt"
	"time"
)

var opsDepths = []int{1, 16, 64}

const opsBigDepth = 16

func measureOps(ctx context.Context, b *bench, p program) (readings []reading, err error) {
	s, err := b.start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := fill(b.opsKeys, smallValueBytes, plainValue).run(s.addr); err != nil {
		return nil, err
	}
	for _, verb := range []struct {
		name string
		command
	}{{"GET", get(smallValueBytes)}, {"SET", set(smallValueBytes)}} {
		for _, depth := range opsDepths {
			micros, err := b.cpuPerRequest(ctx, s, random(verb.command, b.opsKeys, b.seed), depth)
			if err != nil {
				return readings, fmt.Errorf("%s at pipeline %d: %w", verb.name, depth, err)
			}
			readings = append(readings, reading{fmt.Sprintf("ops: CPU per %s, pipeline %d", verb.name, depth), "µs", micros})
		}
	}
	if b.opsBigKeys == 0 {
		return readings, nil
	}
	if _, err := fill(b.opsBigKeys, smallValueBytes, plainValue).run(s.addr); err != nil {
		return readings, err
	}
	micros, err := b.cpuPerRequest(ctx, s, random(get(smallValueBytes), b.opsBigKeys, b.seed), opsBigDepth)
	return append(readings, reading{fmt.Sprintf("ops: CPU per GET, pipeline %d, over %s keys", opsBigDepth,
		number(float64(b.opsBigKeys))), "µs", micros}), err
}

// cpuPerRequest returns microseconds of the server's CPU for each request.
func (b *bench) cpuPerRequest(ctx context.Context, s *server, w work, depth int) (float64, error) {
	if err := pause(ctx, b.settle); err != nil {
		return 0, err
	}
	w.lanes, w.depth, w.requests, w.limit = b.opsConns, depth, b.opsRequests, b.opsTime
	before, err := cpuTime(s.pid)
	if err != nil {
		return 0, err
	}
	answered, err := w.run(s.addr)
	if err != nil {
		return 0, err
	}
	after, err := cpuTime(s.pid)
	return float64(after-before) / float64(time.Microsecond) / float64(max(1, answered)), err
}
