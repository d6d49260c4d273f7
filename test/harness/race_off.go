// Built without the race detector.

//go:build !race

package harness

const raceEnabled = false
