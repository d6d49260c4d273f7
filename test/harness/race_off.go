// Built without the race detector.

//go:build !race

package harness

// Race tells whether tests, and the Tarn built for them, have the race detector.
const Race = false
