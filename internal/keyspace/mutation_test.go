//go:build !race && !invariants

// Shown here: the proof notices. Each rule that makes a snapshot right is taken out of the source in
// turn, and each time the tests of snapshots must fail; with no rule taken out they must pass.
//
// All changes are made to one copy of the package, each behind a question for the name of the mutant,
// so that a single test program, built with go's -overlay, is every mutant. It is enough to do so in
// plain builds, where no invariant is checked that might do the proof's work.

package keyspace

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// mutation is a place in the source. When a mutant of the same name runs, was is replaced by is,
// with WAS standing for what was there.
type mutation struct {
	name, file string
	was, is    string
}

// unless is what is there, except in the mutant.
const unless = "if !mutant(NAME) {\nWAS\n}"

var mutations = []mutation{
	// What is about to change is handed over.
	{"overwriting hands over nothing", "key.go", "\t\tk.beforeChange()\n\t\told := k.e.layout()\n", unless + "\nold := k.e.layout()\n"},
	{"deleting hands over nothing", "key.go", "\tk.beforeChange()\n\tl := k.e.layout()\n\tk.unlink(l)\n", unless + "\nl := k.e.layout()\nk.unlink(l)\n"},
	{"an integer is changed in place", "string.go", "\t\t\tk.beforeChange()\n\t\t\tk.e.putInteger(l, n)\n", unless + "\nk.e.putInteger(l, n)\n"},
	{"Resize changes an entry in place", "string.go", "\t\t\tk.beforeChange()\n\t\t\thad := l.valueLen\n", unless + "\nhad := l.valueLen\n"},
	{"Resize changes a block in place", "string.go", "\tk.beforeChange()\n\tl := k.e.layout()\n\tblock, had :=", unless + "\nl := k.e.layout()\nblock, had :="},
	{"a deadline is changed in place", "expire.go", "\t\tk.beforeChange()\n\t\tif !k.d.deadlines.Insert(", unless + "\nif !k.d.deadlines.Insert("},
	{"Splice changes an entry in place", "collection.go", "\t\tk.beforeChange()\n\t\tall := k.e.bytes(l.value, max(n, l.valueLen))\n", unless + "\nall := k.e.bytes(l.value, max(n, l.valueLen))\n"},
	{"Splice changes a block in place", "collection.go", "\tk.beforeChange()\n\tif n > size {\n", unless + "\nif n > size {\n"},
	{"a Big is changed without being claimed", "big.go", "\tk.beforeChange()\n\thandle := k.e.bigHandle()\n", unless + "\nhandle := k.e.bigHandle()\n"},
	{"a Big is moved without being claimed", "big.go", "\tk.beforeChange()\n\tl := k.e.layout()\n", unless + "\nl := k.e.layout()\n"},
	{"a Big is freed before it is saved", "big.go", "\tif st := b.at(handle); st.doomed && !st.cut &&", "if st := b.at(handle); st.doomed && (!st.cut || mutant(NAME)) &&"},
	{"moving a block hands over nothing", "database.go", "\tk.beforeChange()\n\tl := k.e.layout()\n", unless + "\nl := k.e.layout()\n"},

	// What has been saved is stamped.
	{"a new entry is not stamped", "key.go", "\tp.epoch = k.tx.ks.epoch\n", "WAS\nif mutant(NAME) { p.epoch = (p.epoch + epochs - 1) % epochs }\n"},
	{"the walker does not stamp", "walk.go", "\t\t\te.setEpoch(epoch)\n\t\t}\n\t})\n", unless + "\n}\n})\n"},
	{"writers do not stamp", "snapshot.go", "\te.setEpoch(s.ks.epoch)\n\ts.copied.Add(", unless + "\ns.copied.Add("},
	{"a pinned value is not stamped", "walk.go", "\te.setEpoch(w.s.ks.epoch)\n", unless},
	{"epochs come round", "walk.go", "\tif !w.whole && s.ks.unended.Load() >= finishFrom {\n", "if !mutant(NAME) && !w.whole && s.ks.unended.Load() >= finishFrom {\n"},

	// An unsaved entry stays where the walk will come by.
	{"the walk stops short of new buckets", "snapshot.go", "\t\t\tst.end = max(st.end, to+1)\n", unless},
	{"the walk takes new buckets for passed ones", "snapshot.go", "\t\tif from >= st.cursor {\n", "if from > st.cursor || !mutant(NAME) && from == st.cursor {\n"},
	{"merges are not held back", "snapshot.go", "\tt.HoldShrink(true)\n", "t.HoldShrink(!mutant(NAME))\n"},
	{"the end of a load lets a walked table merge", "reserve.go", "\t\t\t\td.table.HoldShrink(sh.walks(d))\n", "d.table.HoldShrink(sh.walks(d) && !mutant(NAME))"},
	{"a flushed database is freed at once", "database.go", "\t\t\tif d.unsaved || background {\n", "if d.unsaved && !mutant(NAME) || background {\n"},
	{"a flushed database is freed in the background", "database.go", "\t\tif p.d.unsaved {\n", "if p.d.unsaved && !mutant(NAME) {\n"},

	// A value that is being read is left alone.
	{"a pinned block is freed", "tx.go", "\tif sh.snap != nil && sh.snap.pinned == block {\n", "if sh.snap != nil && sh.snap.pinned == block && !mutant(NAME) {\n"},
	{"a pinned block is changed", "string.go", "\treturn k.sh.snap != nil && k.sh.snap.pinned == block\n", "return k.sh.snap != nil && k.sh.snap.pinned == block && !mutant(NAME)\n"},
	{"a pinned block is lost", "walk.go", "\t\tsh.heap.Free(block, mem.Values)\n", unless},

	// What was copied comes out, once, under its own name.
	{"the last copies of a shard are lost", "walk.go", "\t\tst.pushHand()\n\t\tsh.snap = nil\n", unless + "\nsh.snap = nil\n"},
	{"a swapped database is saved under its new number", "database.go", "\t\tsh.dbs[a].Store(db)\n", "WAS\nif db != nil && mutant(NAME) { db.saveAs = a }\n"},
	{"what cannot be deleted yet is there twice", "key.go", "\t\tk.dropHidden()\n", unless},
	{"a bucket that is too long is left", "walk.go", "\t\t\tall = false\n\t\tdefault:\n", "all = mutant(NAME)\ndefault:\n"},
	{"a broken-off walk holds merges back for ever", "walk.go", "\t\t\tfor len(sh.snap.parts) > 0 {\n\t\t\t\tsh.finish()\n\t\t\t}\n", unless},
}

const mutantSource = `package keyspace

import "os"

var mutantName = os.Getenv("TARN_MUTANT")

func mutant(name string) bool { return name == mutantName }
`

// mutantRuns is how often a mutant may run before it must have failed: a short run draws few cases,
// and may miss the one in which a rule counts.
const mutantRuns = 8

// mutantLimit is when one that hangs is taken to have failed.
const mutantLimit = "60s"

// proofTests are the tests of which one at least must fail for each mutant.
const proofTests = "^Test(Snapshot|BrokenOff|LargeValues)"

func TestTheProofFails(t *testing.T) {
	if os.Getenv("TARN_MUTANT") != "" {
		return
	}
	program := buildMutants(t)
	run := func(name, limit string) (string, error) {
		cmd := exec.Command(program, "-test.run", proofTests, "-test.short", "-test.failfast", "-test.timeout", limit)
		cmd.Env = append(os.Environ(), "TARN_MUTANT="+name, "CI=") // each run draws seeds of its own
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("", "20m"); err != nil {
		t.Fatalf("without a mutation: %v\n%s", err, out)
	}
	slots := make(chan struct{}, runtime.NumCPU())
	t.Run("mutants", func(t *testing.T) {
		for _, m := range mutations {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				for range mutantRuns {
					if out, err := run(m.name, mutantLimit); err != nil {
						t.Logf("%s", firstLines(out, 4))
						return
					}
				}
				t.Errorf("the proof passes %d times", mutantRuns)
			})
		}
	})
}

func firstLines(s string, count int) string {
	lines := strings.SplitN(s, "\n", count+1)
	return strings.Join(lines[:min(count, len(lines))], "\n")
}

// buildMutants returns the path of a test program that is any mutant.
func buildMutants(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	sources := map[string]string{"mutant.go": mutantSource}
	for _, m := range mutations {
		source, ok := sources[m.file]
		if !ok {
			b, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			source = string(b)
		}
		if n := strings.Count(source, m.was); n != 1 {
			t.Fatalf("%s: %q: what it changes stands %d times in %s", m.name, m.was, n, m.file)
		}
		sources[m.file] = strings.Replace(source, m.was, m.text(), 1)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for file, source := range sources {
		path := filepath.Join(temp, file)
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(dir, file)] = path
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(overlayFile, list, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(temp, "mutants.test")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlayFile, "-o", program, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	return program
}

// text is what the mutation puts in the place of was. In the pattern unless, WAS is the first line
// of what was there.
func (m mutation) text() string {
	was := m.was
	if strings.HasPrefix(m.is, unless) && len(m.is) > len(unless) {
		was = was[:strings.Index(was, "\n")]
	}
	return strings.NewReplacer("WAS", was, "NAME", fmt.Sprintf("%q", m.name)).Replace(m.is) + "\n"
}
