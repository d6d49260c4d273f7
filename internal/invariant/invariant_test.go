// Shows that a broken invariant panics, and freed memory is overwritten, in builds tagged
// "invariants" and in no other.

package invariant

import (
	"bytes"
	"testing"
)

func TestCheck(t *testing.T) {
	caught := func(holds bool) (message any) {
		defer func() { message = recover() }()
		Check(holds, "the sky is up")
		return nil
	}
	if got := caught(true); got != nil {
		t.Errorf("Check(true) panicked with %v", got)
	}
	var want any
	if Enabled {
		want = "invariant broken: the sky is up"
	}
	if got := caught(false); got != want {
		t.Errorf("Check(false) panicked with %v; want %v", got, want)
	}
}

func TestPoison(t *testing.T) {
	b := []byte("secret")
	want := []byte("secret")
	if Enabled {
		want = bytes.Repeat([]byte{poison}, len(b))
	}
	Poison(b)
	if !bytes.Equal(b, want) {
		t.Errorf("Poison left %x; want %x", b, want)
	}
}
