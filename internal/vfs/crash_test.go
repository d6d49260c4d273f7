// Shows what Crash may and may not take: synced bytes under synced names stay, everything else is
// lost for some seed, kept for some, and torn for some; and one seed always gives one outcome.

package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"tarn/test/chance"
)

// put writes data to a file, and syncs the file and the name as told.
func put(t *testing.T, fsys FS, name string, data []byte, syncFile, syncName bool) {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if syncFile {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if syncName {
		if err := fsys.SyncDir("."); err != nil {
			t.Fatal(err)
		}
	}
}

const seeds = 300

// outcomes counts, over many crashes, what became of a file.
func outcomes(t *testing.T, m *Mem, name string, content []byte) map[string]int {
	t.Helper()
	count := map[string]int{}
	for seed := range uint64(seeds) {
		got, err := ReadFile(m.Crash(seed), name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			count["gone"]++
		case err != nil:
			t.Fatalf("seed %d: %v", seed, err)
		case bytes.Equal(got, content):
			count["whole"]++
		case len(got) == 0:
			count["empty"]++
		default:
			count["torn"]++
		}
	}
	return count
}

func TestCrash(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 200)
	for _, tc := range []struct {
		name               string
		syncFile, syncName bool
		may                []string
	}{
		{"synced-both", true, true, []string{"whole"}},
		{"synced-file", true, false, []string{"whole", "gone"}},
		{"synced-name", false, true, []string{"whole", "empty", "torn"}},
		{"synced-none", false, false, []string{"whole", "empty", "torn", "gone"}},
	} {
		m := NewMem()
		put(t, m, tc.name, content, tc.syncFile, tc.syncName)
		got := outcomes(t, m, tc.name, content)
		sum := 0
		for _, outcome := range tc.may {
			if got[outcome] == 0 {
				t.Errorf("%s: never %s in %d crashes: %v", tc.name, outcome, seeds, got)
			}
			sum += got[outcome]
		}
		if sum != seeds {
			t.Errorf("%s: outcomes %v; only %v are allowed", tc.name, got, tc.may)
		}
	}
}

func TestCrashMayUndoNames(t *testing.T) {
	m := NewMem()
	put(t, m, "old", []byte("1"), true, true)
	put(t, m, "doomed", []byte("2"), true, true)
	if err := m.Rename("old", "new"); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove("doomed"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		seen[list(t, m.Crash(seed), ".")]++
	}
	for _, want := range []string{"doomed old", "new", "doomed new", "old"} {
		if seen[want] == 0 {
			t.Errorf("never %q: %v", want, seen)
		}
	}
	if len(seen) != 4 {
		t.Errorf("a rename was seen half done: %v", seen)
	}
	if err := m.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(seeds) {
		if got := list(t, m.Crash(seed), "."); got != "new" {
			t.Fatalf("seed %d: after SyncDir the folder holds %q; want new", seed, got)
		}
	}
}

func TestCrashLeavesTheDiskAlone(t *testing.T) {
	m := NewMem()
	put(t, m, "f", []byte("abc"), false, false)
	for seed := range uint64(seeds) {
		after := m.Crash(seed)
		put(t, after, "g", []byte("x"), true, true)
		put(t, after, "f", []byte("overwritten"), true, true)
		if got := list(t, m, "."); got != "f" {
			t.Fatalf("seed %d: the disk holds %q; want f", seed, got)
		}
		if got, err := ReadFile(m, "f"); string(got) != "abc" || err != nil {
			t.Fatalf("seed %d: the file holds %q, %v; want abc", seed, got, err)
		}
	}
}

// TestCrashAgainstModel appends numbered records, syncing now and then, and demands of every
// crash that the synced ones are there, and that the same seed leaves the same disk.
func TestCrashAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	m := NewMem()
	f, err := m.Create("log")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	var all []byte
	synced := 0
	for step := range 300 {
		switch r.IntN(5) {
		case 0:
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
			synced = len(all)
		default:
			record := fmt.Appendf(nil, "%d,", step)
			record = append(record, bytes.Repeat([]byte("x"), r.IntN(1500))...)
			if _, err := f.Write(record); err != nil {
				t.Fatal(err)
			}
			all = append(all, record...)
		}
		crashSeed := r.Uint64()
		got, err := ReadFile(m.Crash(crashSeed), "log")
		if err != nil {
			t.Fatalf("seed %d step %d crash %d: %v", seed, step, crashSeed, err)
		}
		if len(got) < synced || len(got) > len(all) || !bytes.Equal(got[:synced], all[:synced]) {
			t.Fatalf("seed %d step %d crash %d: %d bytes left, of %d synced and %d written",
				seed, step, crashSeed, len(got), synced, len(all))
		}
		for i, c := range got[synced:] {
			if c != all[synced+i] && c != 0 {
				t.Fatalf("seed %d step %d crash %d: byte %d is %q; want %q or a zero",
					seed, step, crashSeed, synced+i, c, all[synced+i])
			}
		}
		again, _ := ReadFile(m.Crash(crashSeed), "log")
		if !bytes.Equal(got, again) {
			t.Fatalf("seed %d step %d: crash %d has two outcomes", seed, step, crashSeed)
		}
	}
}

func TestCrashOfATruncation(t *testing.T) {
	m := NewMem()
	put(t, m, "f", []byte("abcdef"), true, true)
	f, err := m.OpenFile("f", ReadWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(2); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		got, _ := ReadFile(m.Crash(seed), "f")
		seen[string(got)]++
	}
	if len(seen) != 2 || seen["ab"] == 0 || seen["abcdef"] == 0 {
		t.Errorf("a truncation that was not synced left %v; want ab or abcdef", seen)
	}
}
