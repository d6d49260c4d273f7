// Invariants: facts that hold unless Tarn itself is wrong.
//
// They are checked in tests and in builds with the tag "invariants", and cost nothing elsewhere: in
// other builds Enabled is a false constant, and the compiler leaves out what depends on it. A broken
// one panics and is never recovered from, because memory may already be wrong.

// Package invariant states what must be true, and proves it in builds tagged "invariants".
package invariant

// Check panics with what when the invariant does not hold. It costs nothing in release builds,
// but its arguments are evaluated there too: guard costly ones with if invariant.Enabled.
func Check(holds bool, what string) {
	if Enabled && !holds {
		panic("invariant broken: " + what)
	}
}

// poison is a byte that is wrong nearly everywhere: as a length, an offset, a flag, a letter.
const poison = 0xDB

// Poison overwrites freed memory, so that a read of it is seen as such.
func Poison(b []byte) {
	if Enabled {
		for i := range b {
			b[i] = poison
		}
	}
}
