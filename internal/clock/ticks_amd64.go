// The time stamp counter of amd64.
//
// CPUID leaf 0x80000007 says whether it is invariant: one rate in every power state, never stopped,
// which is what Linux calls constant_tsc and nonstop_tsc together.

package clock

// tscInvariant is read by Ticks.
var tscInvariant = readInvariant()

const (
	leafHighest  = 0x80000000
	leafPower    = 0x80000007
	invariantBit = 1 << 8
)

func readInvariant() bool {
	highest, _ := cpuid(leafHighest)
	if highest < leafPower {
		return false
	}
	_, edx := cpuid(leafPower)
	return edx&invariantBit != 0
}

func ticksAreCounted() bool { return tscInvariant }

// monotonicTicks stands in for the counter where it is not invariant.
//
//lint:ignore U1000 Ticks jumps to it
func monotonicTicks() int64 { return System{}.Mono() }

// cpuid asks one leaf; of the answer only what is needed here.
func cpuid(leaf uint32) (eax, edx uint32)

// Ticks reads the counter. Only differences mean anything; see TicksToNanos.
func Ticks() int64
