//go:build (amd64 || arm64) && !race

// Counters by plain instructions.

package info

// addOwned adds delta to *n without a lock.
//
//go:noescape
func addOwned(n *int64, delta int64)

// addOwned2 adds 1 to n[0] and delta to n[1].
//
//go:noescape
func addOwned2(n *[2]int64, delta int64)
