//go:build !race

// See race_on_test.go.

package keyspace

const underRace = false
