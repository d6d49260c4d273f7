// Shown: a gate's seeds depend on the test's name and on nothing else, differ from draw to draw, and
// give way to the one that is asked for.

package chance

import "testing"

func TestDraw(t *testing.T) {
	first, second := draw("a", "", true), draw("a", "", true)
	if first == second {
		t.Errorf("two draws of one test: both %d", first)
	}
	if other := draw("b", "", true); other == first {
		t.Errorf("two tests: both %d", first)
	}
	if got := draw("a", "17", true); got != 17 {
		t.Errorf("asked for 17: got %d", got)
	}
	if a, b := draw("a", "", false), draw("a", "", false); a == b {
		t.Errorf("two free draws: both %d", a)
	}
	mu.Lock()
	delete(drawn, "a")
	mu.Unlock()
	if got := draw("a", "", true); got != first {
		t.Errorf("the first draw again: got %d, want %d", got, first)
	}
}
