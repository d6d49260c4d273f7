//go:build !race

// See race_on_test.go.

package command_test

const underRace = false
