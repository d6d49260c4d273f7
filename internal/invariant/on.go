//go:build invariants

// The build that checks.

package invariant

// Enabled tells whether invariants are checked in this build.
const Enabled = true
