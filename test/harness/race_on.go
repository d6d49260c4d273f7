// Built with the race detector: Tarn is built with it too.

//go:build race

package harness

const raceEnabled = true
