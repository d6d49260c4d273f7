//go:build !amd64 && !arm64

// No counter known: the monotonic clock serves.

package clock

func ticksAreCounted() bool { return false }

// Ticks reads the monotonic clock. Only differences mean anything; see TicksToNanos.
func Ticks() int64 { return System{}.Mono() }
