//go:build !(amd64 || arm64) || race

// Counters where the memory model offers atomic operations only, and under the race detector,
// which must see each access.

package info

import "sync/atomic"

func addOwned(n *int64, delta int64) { atomic.AddInt64(n, delta) }

func addOwned2(n *[2]int64, delta int64) {
	atomic.AddInt64(&n[0], 1)
	atomic.AddInt64(&n[1], delta)
}
