// The virtual counter of arm64, which by its architecture has one rate and never stops.

package clock

func ticksAreCounted() bool { return true }

// Ticks reads the counter. Only differences mean anything; see TicksToNanos.
func Ticks() int64
