// Shown here: the bit-parallel LCS finds the very subsequence that walking back through the plain
// table of lengths finds, on random strings of every proportion and alphabet; its memory stays a
// fraction of that table's; and strings are refused where the table would be too large.

package command

import (
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/test/chance"
)

// slowMatches is the definition: the table of all lengths, and the walk back through it.
func slowMatches(a, b []byte) (length int, runs []commonRun) {
	table := make([][]int, len(a)+1)
	table[0] = make([]int, len(b)+1)
	for i := range a {
		table[i+1] = make([]int, len(b)+1)
		for j := range b {
			if a[i] == b[j] {
				table[i+1][j+1] = table[i][j] + 1
			} else {
				table[i+1][j+1] = max(table[i][j+1], table[i+1][j])
			}
		}
	}
	var run commonRun
	i, j := len(a), len(b)
	for i > 0 && j > 0 {
		if a[i-1] == b[j-1] {
			i, j = i-1, j-1
			run = commonRun{i, j, run.length + 1}
			continue
		}
		if run.length > 0 {
			runs, run = append(runs, run), commonRun{}
		}
		if table[i-1][j] > table[i][j-1] {
			i--
		} else {
			j--
		}
	}
	if run.length > 0 {
		runs = append(runs, run)
	}
	return table[len(a)][len(b)], runs
}

func TestLCSAgainstTable(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	lengths := []int{0, 1, 2, 5, 30, 63, 64, 65, 100, 127, 128, 129, 200, 300}
	text := func() []byte {
		letters := 1 + r.IntN(1<<r.IntN(9))
		b := make([]byte, lengths[r.IntN(len(lengths))])
		for i := range b {
			b[i] = byte(r.IntN(letters))
		}
		return b
	}
	for round := range 600 {
		a, b := text(), text()
		if r.IntN(3) == 0 { // alike but for a few bytes
			b = slices.Clone(a)
			for range r.IntN(20) {
				if len(b) > 0 {
					at := r.IntN(len(b))
					b = slices.Insert(slices.Delete(b, at, at+1), r.IntN(len(b)), byte(r.IntN(256)))
				}
			}
		}
		want, wantRuns := slowMatches(a, b)
		got, steps := commonLength(a, b, true)
		var runs []commonRun
		walkBack(a, b, steps, func(m commonRun) { runs = append(runs, m) })
		if got != want || !slices.Equal(runs, wantRuns) {
			t.Fatalf("seed %d round %d: LCS of\n%q and\n%q is %d %v, want %d %v", seed, round, a, b, got, runs, want, wantRuns)
		}
		if got, _ := commonLength(a, b, false); got != want {
			t.Fatalf("seed %d round %d: length of LCS of\n%q and\n%q is %d, want %d", seed, round, a, b, got, want)
		}
	}
}

// TestLCSMemory takes the proportions at which most is left unused, and compares with the bound by
// which strings are refused.
func TestLCSMemory(t *testing.T) {
	for _, tc := range []struct{ a, b int }{{1, 1_000_000}, {1_000_000, 1}, {5000, 5000}, {60, 100_000}, {100_000, 60}} {
		a, b := make([]byte, tc.a), make([]byte, tc.b)
		for i := range a {
			a[i] = byte(i)
		}
		for i := range b {
			b[i] = byte(i * 7)
		}
		_, steps := commonLength(a, b, true)
		const slack = 64 // bytes of a row's last word, and of rows of one word
		bytes, cells := uint64(8*len(steps.rows)), tc.a*tc.b
		if bytes > uint64(cells/8+slack*min(tc.a, tc.b)) || bytes > lcsBytes(tc.a, tc.b, true) {
			t.Errorf("LCS of %d and %d bytes keeps %d bytes for %d cells, said to be at most %d", tc.a, tc.b, bytes, cells, lcsBytes(tc.a, tc.b, true))
		}
	}
}
