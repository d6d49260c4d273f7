// Shows that a region is zeroed, all writable, and knows its own bytes.

package mem

import "testing"

func TestRegion(t *testing.T) {
	const size = 3<<20 + 5000 // no whole pages
	r, err := NewRegion(size)
	if err != nil {
		t.Fatal(err)
	}
	b := r.Bytes()
	if len(b) != size {
		t.Fatalf("a region of %d bytes has %d", size, len(b))
	}
	if !all(b, 0) {
		t.Error("a new region is not zeroed")
	}
	b[0], b[size-1] = 1, 2
	for _, tc := range []struct {
		what string
		b    []byte
		want bool
	}{
		{"all", b, true},
		{"its first byte", b[:1], true},
		{"its last byte", b[size-1:], true},
		{"none of it, but room", b[:0], true},
		{"another slice", make([]byte, 10), false},
		{"nil", nil, false},
	} {
		if got := r.Owns(tc.b); got != tc.want {
			t.Errorf("Owns(%s) = %t, want %t", tc.what, got, tc.want)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewRegion(-1); err == nil {
		t.Error("a region of -1 bytes is granted")
	}
}
