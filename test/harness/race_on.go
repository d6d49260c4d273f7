// Built with the race detector: Tarn is built with it too.

//go:build race

package harness

// Race tells whether tests, and the Tarn built for them, have the race detector.
const Race = true
