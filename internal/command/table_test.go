// Shown here: names are found in any case and only whole, by chance-made names against a map;
// renaming and removing behave as rename-command's; a lookup allocates nothing; the ranges and
// indexes derived from rows are sound.

package command

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tarn/test/chance"
)

// TestLookupFindsEveryRow looks up each command as it is, in capitals, and with one byte changed.
func TestLookupFindsEveryRow(t *testing.T) {
	table := NewTable()
	names := make(map[string]bool)
	for s := range table.All(false) {
		names[s.Name] = true
	}
	if len(names) != table.Count() {
		t.Fatalf("All yields %d names, Count is %d", len(names), table.Count())
	}
	for s := range table.All(true) {
		full := []byte(strings.ToUpper(s.FullName))
		if got := table.FindFullName(full); got != s {
			t.Errorf("FindFullName(%q) = %v, want the row", full, got)
		}
		if s.Parent != nil {
			continue
		}
		for _, name := range []string{s.Name, strings.ToUpper(s.Name), strings.ToUpper(s.Name[:1]) + s.Name[1:]} {
			if got := table.Lookup([]byte(name)); got != s {
				t.Errorf("Lookup(%q) = %v, want the row", name, got)
			}
		}
		for i := range len(s.Name) {
			for c := range 256 {
				other := []byte(s.Name)
				other[i] = byte(c)
				known := names[strings.ToLower(string(other))] && c < 0x80
				if got := table.Lookup(other); (got != nil) != known {
					t.Fatalf("Lookup(%q) = %v, want found=%t", other, got, known)
				}
			}
		}
		for _, name := range []string{s.Name + "x", s.Name + "\x00", s.Name[1:], ""} {
			if got := table.Lookup([]byte(name)); (got != nil) != names[name] {
				t.Errorf("Lookup(%q) = %v, want found=%t", name, got, names[name])
			}
		}
	}
}

// TestLookupAgainstModel renames commands at random and compares with a map.
func TestLookupAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	table := NewTable()
	model := make(map[string]*Spec)
	for s := range table.All(false) {
		model[s.Name] = s
	}
	names := make([]string, 0, len(model))
	for s := range table.All(false) {
		names = append(names, s.Name)
	}
	for range 40 {
		length := 1 + r.IntN(24)
		b := make([]byte, length)
		for i := range b {
			b[i] = byte('A'+r.IntN(58)) | byte(r.IntN(2))<<7 // letters, what stands between, and their like beyond ASCII
		}
		names = append(names, string(b))
	}
	for step := range 2000 {
		from, to := names[r.IntN(len(names))], names[r.IntN(len(names))]
		if r.IntN(4) == 0 {
			to = ""
		}
		if r.IntN(2) == 0 {
			from = changeCase(from, 'a', 'z')
		}
		want := error(nil)
		spec, known := model[changeCase(from, 'A', 'Z')]
		_, taken := model[changeCase(to, 'A', 'Z')]
		switch {
		case !known:
			want = ErrNoSuchCommand
		case taken:
			want = ErrNameTaken
		default:
			delete(model, changeCase(from, 'A', 'Z'))
			if to != "" {
				model[changeCase(to, 'A', 'Z')] = spec
			}
		}
		if got := table.Rename(from, to); got != want {
			t.Fatalf("seed %d step %d: Rename(%q, %q) = %v, want %v", seed, step, from, to, got, want)
		}
		if table.Count() != len(model) {
			t.Fatalf("seed %d step %d: Count = %d, want %d", seed, step, table.Count(), len(model))
		}
		for _, name := range names {
			if got, want := table.Lookup([]byte(name)), model[changeCase(name, 'A', 'Z')]; got != want {
				t.Fatalf("seed %d step %d: Lookup(%q) = %v, want %v", seed, step, name, got, want)
			}
		}
	}
}

// changeCase changes the case of the letters from one to another.
func changeCase(s string, from, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if from <= c && c <= to {
			b[i] ^= 'a' - 'A'
		}
	}
	return string(b)
}

// TestLowerWord gives every byte in every place between every neighbour, and compares with the
// lower case of each byte by itself.
func TestLowerWord(t *testing.T) {
	for c := range 256 {
		for _, beside := range []byte{0x00, '@', 'A', 'Z', '[', 0x7F, 0x80, 0xFF} {
			for place := range 8 {
				word := bytes.Repeat([]byte{beside}, 8)
				word[place] = byte(c)
				got := lowerWord(binary.LittleEndian.Uint64(word))
				want := binary.LittleEndian.Uint64([]byte(lowerASCII(string(word))))
				if got != want {
					t.Fatalf("lowerWord(%q) = %016x, want %016x", word, got, want)
				}
			}
		}
	}
}

// TestFind covers commands, containers and subcommands, known and not.
func TestFind(t *testing.T) {
	table := NewTable()
	for _, tc := range []struct {
		args, spec, container string
	}{
		{args: "GET k", spec: "get"},
		{args: "get", spec: "get"},
		{args: "nosuch"},
		{args: "nosuch get"},
		{args: "config", spec: "config"},
		{args: "Config GET x", spec: "config|get", container: "config"},
		{args: "config ge", container: "config"},
		{args: "config|get x"},
		{args: "command", spec: "command"},
	} {
		var args [][]byte
		for _, arg := range strings.Fields(tc.args) {
			args = append(args, []byte(arg))
		}
		spec, container := table.Find(args)
		if fullName(spec) != tc.spec || fullName(container) != tc.container {
			t.Errorf("Find(%q) = %q, %q; want %q, %q", tc.args, fullName(spec), fullName(container), tc.spec, tc.container)
		}
	}
}

func fullName(s *Spec) string {
	if s == nil {
		return ""
	}
	return s.FullName
}

// TestIndexes demands that indexes are dense and that subcommands know their container.
func TestIndexes(t *testing.T) {
	table := NewTable()
	seen := make([]bool, table.Size())
	for s := range table.All(true) {
		if seen[s.Index] {
			t.Errorf("%s: index %d is another command's too", s.FullName, s.Index)
		}
		seen[s.Index] = true
		for i := range s.Sub {
			if s.Sub[i].Parent != s {
				t.Errorf("%s: its parent is not %s", s.Sub[i].FullName, s.FullName)
			}
		}
	}
	for i, s := range seen {
		if !s {
			t.Errorf("no command has index %d", i)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	table := NewTable()
	args := [][]byte{[]byte("CONFIG"), []byte("GET")}
	long := []byte("georadiusbymember_RO")
	set := [][]byte{[]byte("SET"), []byte("k"), []byte("v")}
	refs := make([]KeyRef, 0, 4)
	got := testing.AllocsPerRun(100, func() {
		table.Find(args)
		table.Lookup(long)
		spec, _ := table.Find(set)
		refs, _ = spec.ExtractKeys(set, refs[:0])
	})
	if got != 0 {
		t.Errorf("Find, Lookup and ExtractKeys allocate %v times, want 0", got)
	}
}

func BenchmarkLookup(b *testing.B) {
	table := NewTable()
	for _, name := range []string{"GET", "SET", "get", "INCRBY", "ZRANGEBYSCORE", "GEORADIUSBYMEMBER_RO"} {
		b.Run(fmt.Sprintf("name=%s", name), func(b *testing.B) {
			arg := []byte(name)
			for b.Loop() {
				if table.Lookup(arg) == nil {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkNewTable(b *testing.B) {
	for b.Loop() {
		NewTable()
	}
}
