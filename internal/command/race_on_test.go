//go:build race

// Tests in one goroutine do fewer rounds under the race detector, which has nothing to see there.

package command_test

const underRace = true
