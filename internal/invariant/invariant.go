// Package invariant states what must be true, and proves it in builds tagged "invariants".
package invariant

// Check panics with what when the invariant does not hold. It costs nothing in release builds,
// but its arguments are evaluated there too: guard costly ones with if invariant.Enabled.
func Check(holds bool, what string) {
	if Enabled && !holds {
		panic("invariant broken: " + what)
	}
}

// Poison overwrites freed memory, so that a read of it is seen as such.
func Poison(b []byte) {
	if Enabled {
		for i := range b {
			b[i] = 0xDB
		}
	}
}
