// Shows that patterns mean what they mean to Redis: by a table of the odd corners, by a slow
// recursive model on random input, and by asking a real redis-server through KEYS (case matters)
// and CONFIG GET (it does not). Shows too that no pattern takes more than a product of lengths, and
// that matching does not allocate.

package glob

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, s    string
		plain, folded bool
	}{
		{"", "", true, true},
		{"", "a", false, false},
		{"*", "", false, false}, // KEYS * does not ask
		{"*", "a", true, true},
		{"**", "abc", true, true},
		{"a*", "a", true, true},
		{"a**", "a", true, true},
		{"a*?", "a", false, false},
		{"?", "", false, false},
		{"h?llo", "hello", true, true},
		{"h?llo", "HeLLo", false, true},
		{"h*llo", "hllo", true, true},
		{"h*llo", "heeeello", true, true},
		{"*a*b*c*", "xxaxxbxxcxx", true, true},
		{"*a*b*c", "xxaxxbxxcxx", false, false},
		{"*abc", "ababc", true, true},
		{"*a?c", "aacabc", true, true},
		{"user:*:name", "user:17:name", true, true},
		{"user:*:name", "user:17:names", false, false},
		{"h[ae]llo", "hallo", true, true},
		{"h[ae]llo", "hillo", false, false},
		{"h[^e]llo", "hallo", true, true},
		{"h[^e]llo", "hello", false, false},
		{"h[^E]llo", "hello", true, false},
		{"h[a-c]llo", "hbllo", true, true},
		{"h[c-a]llo", "hbllo", true, true},
		{"h[A-C]llo", "hbllo", false, true},
		{"[a-]", "-", false, false}, // a range up to the bracket, left open
		{"[a-]", "]", true, true},
		{"[-a]", "-", true, true},
		{"[abc", "c", true, true},
		{"[abc", "d", false, false},
		{"[", "[", false, false},
		{"[^", "x", true, true},
		{"[]", "a", false, false},
		{"[^]", "a", true, true},
		{"[]a]", "a]", false, false},
		{`[\]]`, "]", true, true},
		{`[\a]`, "A", false, false}, // an escaped byte heeds case
		{`[\`, `\`, true, true},
		{`\*`, "*", true, true},
		{`\*`, "a", false, false},
		{`a\`, `a\`, true, true},
		{`\a`, "A", false, true},
		{`*\`, `x\`, true, true},
		{"[\x01-\xff]", "\x00", true, true}, // -1 to 1, signed
		{"[\x01-\xff]", "a", false, false},
		{"é?", "éa", true, true},
	} {
		if got := Match([]byte(tc.pattern), []byte(tc.s), false); got != tc.plain {
			t.Errorf("Match(%q, %q, false) = %t; want %t", tc.pattern, tc.s, got, tc.plain)
		}
		if got := Match([]byte(tc.pattern), []byte(tc.s), true); got != tc.folded {
			t.Errorf("Match(%q, %q, true) = %t; want %t", tc.pattern, tc.s, got, tc.folded)
		}
	}
}

// modelMatch tries every length for every star.
func modelMatch(pattern, s []byte, nocase bool) bool {
	if len(pattern) == 0 {
		return len(s) == 0
	}
	if pattern[0] == '*' {
		for i := range len(s) + 1 {
			if modelMatch(pattern[1:], s[i:], nocase) {
				return true
			}
		}
		return false
	}
	if len(s) == 0 {
		return false
	}
	next, ok := step(pattern, 0, s[0], nocase)
	return ok && modelMatch(pattern[next:], s[1:], nocase)
}

const alphabet = "aabbAB**?[]^-\\\x01\xff"

func randomBytes(r *rand.Rand, from string, longest int) []byte {
	b := make([]byte, r.IntN(longest+1))
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return b
}

func TestAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	matched := 0
	for range 200_000 {
		pattern, s := randomBytes(r, alphabet, 8), randomBytes(r, alphabet, 8)
		nocase := r.IntN(2) == 0
		if len(s) == 0 {
			continue
		}
		got, want := Match(pattern, s, nocase), modelMatch(pattern, s, nocase)
		if got != want {
			t.Fatalf("seed %d: Match(%q, %q, %t) = %t; want %t", seed, pattern, s, nocase, got, want)
		}
		if got {
			matched++
		}
	}
	if matched < 1000 {
		t.Errorf("seed %d: only %d of the random pairs matched; the test shows little", seed, matched)
	}
}

// TestManyStars would not end in a lifetime if stars were widened independently.
func TestManyStars(t *testing.T) {
	pattern := []byte(strings.Repeat("a*", 200) + "b")
	s := bytes.Repeat([]byte("a"), 5000)
	if Match(pattern, s, false) || Match(pattern, s, true) {
		t.Error("a string without b matched a pattern that ends with b")
	}
	pattern = []byte(strings.Repeat("*?", 200) + "[b]")
	if Match(pattern, s, false) {
		t.Error("a string without b matched a pattern that ends with [b]")
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	pattern, s := []byte("user:*:[a-z]?*"), []byte("user:1234567:name")
	if got := testing.AllocsPerRun(100, func() {
		if !Match(pattern, s, false) || !Match(pattern, s, true) {
			t.Errorf("%q does not match %q", s, pattern)
		}
	}); got != 0 {
		t.Errorf("allocations per Match = %v; want 0", got)
	}
}

// asker returns a function that sends a command to a real redis-server and returns the strings of
// its reply.
func asker(t *testing.T) func(args ...string) []string {
	conn := harness.Oracle(t).Start(t).Dial(t)
	return func(args ...string) []string {
		var list []string
		for _, v := range conn.Must(t, args...).Elem {
			list = append(list, v.Text)
		}
		return list
	}
}

func TestAgainstRedisKeys(t *testing.T) {
	ask := asker(t)
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	keys := map[string]bool{"": true}
	for range 150 {
		keys[string(randomBytes(r, alphabet+"\x00", 5))] = true
	}
	for k := range keys {
		ask("SET", k, "1")
	}
	for range 3000 {
		pattern := string(randomBytes(r, alphabet, 7))
		if pattern == "*" {
			continue // KEYS lists everything without matching
		}
		var want []string
		for k := range keys {
			if Match([]byte(pattern), []byte(k), false) {
				want = append(want, k)
			}
		}
		got := ask("KEYS", pattern)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: pattern %q: Redis lists %q; Match takes %q", seed, pattern, got, want)
		}
	}
}

func TestAgainstRedisConfigNames(t *testing.T) {
	ask := asker(t)
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	names := everyOther(ask("CONFIG", "GET", "*"))
	hits := 0
	for range 1000 {
		// A name, with some of its bytes made patterns and some in upper case.
		var pattern []byte
		for _, c := range []byte(names[r.IntN(len(names))]) {
			if c == 'a' || r.IntN(2) == 0 {
				c = bytes.ToUpper([]byte{c})[0]
			}
			switch r.IntN(8) {
			case 0:
				pattern = append(pattern, '*')
			case 1:
				pattern = append(pattern, '?')
			case 2:
				pattern = append(pattern, '[', c, '-', c+2, ']')
			case 3:
				pattern = append(pattern, '[', '^', '\\', c, ']')
			default:
				pattern = append(pattern, c)
			}
		}
		pattern = append(pattern, "*?["[r.IntN(3)])
		var want []string
		for _, name := range names {
			if Match(pattern, []byte(name), true) {
				want = append(want, name)
			}
		}
		hits += len(want)
		got := everyOther(ask("CONFIG", "GET", string(pattern)))
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: pattern %q: Redis lists %q; Match takes %q", seed, pattern, got, want)
		}
	}
	if hits < 100 {
		t.Errorf("seed %d: only %d names matched; the test shows little", seed, hits)
	}
}

func everyOther(list []string) []string {
	var names []string
	for i := 0; i < len(list); i += 2 {
		names = append(names, list[i])
	}
	return names
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"", "*", "[", "[^", "[a-", "\\", "[\\", "*a*b[^]x"} {
		f.Add([]byte(seed), []byte("ab"), false)
	}
	f.Fuzz(func(t *testing.T, pattern, s []byte, nocase bool) {
		got := Match(pattern, s, nocase)
		if len(pattern) > 10 || len(s) > 10 || len(s) == 0 {
			return
		}
		if want := modelMatch(pattern, s, nocase); got != want {
			t.Errorf("Match(%q, %q, %t) = %t; want %t", pattern, s, nocase, got, want)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, bc := range []struct{ name, pattern, s string }{
		{"kind=prefix", "user:*", "user:1234567:name"},
		{"kind=miss", "session:*", "user:1234567:name"},
		{"kind=middle", "*:1234567:*", "user:1234567:name"},
		{"kind=set", "user:[0-9]*:n?me", "user:1234567:name"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			pattern, s := []byte(bc.pattern), []byte(bc.s)
			for b.Loop() {
				Match(pattern, s, false)
			}
		})
	}
}
