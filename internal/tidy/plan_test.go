// Shows that plan.txt is the architecture: every package is listed, imports exactly what its line
// says, and stands below all that it imports, so that there are no circles.
//
// Tests may import more, since they sit beside the house: whatever stands above their own room in
// the plan, and the harness. Those of a package of their own (x_test) see a room as its users do,
// and may import what stands below it too.

package tidy

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

//go:embed plan.txt
var planText string

// planLine is one line: a package and what it may import. Packages of the module are named as the
// plan does, others by their import path.
type planLine struct {
	name    string
	imports []string
}

// parsePlan reads lines "room: imports"; # begins a comment, and a line that starts with a blank
// goes on with the one before.
func parsePlan(text string) ([]planLine, error) {
	var lines []planLine
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(lines) == 0 {
				return nil, fmt.Errorf("plan.txt:%d: goes on with no line", i+1)
			}
			last := &lines[len(lines)-1]
			last.imports = append(last.imports, strings.Fields(line)...)
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("plan.txt:%d: %q has no colon", i+1, line)
		}
		lines = append(lines, planLine{name: name, imports: strings.Fields(rest)})
	}
	return lines, nil
}

// packages maps each package to what its files import and one file that does.
type packages map[string]map[string]string

// checkPlan returns what is wrong between plan and packages.
func checkPlan(plan []planLine, found packages) []string {
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	above := map[string]bool{}
	for _, line := range plan {
		if above[line.name] {
			complain("%s is listed twice", line.name)
		}
		imports, exists := found[line.name]
		if !exists {
			complain("%s is listed, but there is no such package: remove its line", line.name)
		}
		for _, name := range line.imports {
			if !above[name] && !isForeign(name) {
				complain("%s may import %s, which must then be listed above it", line.name, name)
			}
			if _, used := imports[name]; exists && !used {
				complain("%s may import %s and does not: remove it from the line", line.name, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(imports)) {
			if !slices.Contains(line.imports, name) {
				complain("%s imports %s (%s), which its line does not allow", line.name, name, imports[name])
			}
		}
		above[line.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !above[name] {
			line := name + ": " + strings.Join(slices.Sorted(maps.Keys(found[name])), " ")
			complain("%s is not listed; as it is, its line would be %q", name, strings.TrimSpace(line))
		}
	}
	return wrong
}

// isForeign tells other modules' packages, whose paths begin with a domain, from rooms.
func isForeign(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

// planName is an import path as the plan names it; "" for the standard library.
func planName(importPath string) string {
	if rest, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return strings.TrimPrefix(rest, "internal/")
	}
	if isForeign(importPath) {
		return importPath
	}
	return ""
}

func importPath(quoted string) string { return strings.Trim(quoted, `"`+"`") }

func TestPlan(t *testing.T) {
	plan, err := parsePlan(planText)
	if err != nil {
		t.Fatal(err)
	}
	found := packages{}
	for _, s := range sources(t) {
		imports := found[s.room()]
		if imports == nil {
			imports = map[string]string{}
			found[s.room()] = imports
		}
		if s.isTest() {
			continue
		}
		for _, spec := range s.file.Imports {
			if name := planName(importPath(spec.Path.Value)); name != "" {
				imports[name] = s.path
			}
		}
	}
	for _, wrong := range checkPlan(plan, found) {
		t.Error(wrong)
	}
}

// testsImport are packages of other modules that tests may use, with the reason.
var testsImport = exceptions{
	"github.com/anishathalye/porcupine": "checks histories for linearizability",
	"github.com/redis/go-redis/v9":      "is the stock client that must work unmodified",
}

func TestImportsOfTests(t *testing.T) {
	plan, err := parsePlan(planText)
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, line := range plan {
		place[line.name] = i
	}
	for _, s := range sources(t) {
		if !s.isTest() || strings.HasPrefix(s.dir, "test/") {
			continue
		}
		outside := strings.HasSuffix(s.file.Name.Name, "_test")
		for _, spec := range s.file.Imports {
			name := planName(importPath(spec.Path.Value))
			switch {
			case name == "" || name == s.room() || strings.HasPrefix(name, "test/"):
			case isForeign(name):
				if !testsImport.allows(name) {
					t.Errorf("%s imports %s, which is not in testsImport", at(spec.Pos()), name)
				}
			case place[name] > place[s.room()] && !outside:
				t.Errorf("%s imports %s, which stands below %s in the plan", at(spec.Pos()), name, s.room())
			}
		}
	}
}

// TestCheckPlan gives the checker plans with one mistake each.
func TestCheckPlan(t *testing.T) {
	found := packages{"a": {}, "b": {"a": "b/b.go"}, "cmd/x": {"b": "cmd/x/x.go", "example.com/y": "cmd/x/x.go"}}
	for _, tc := range []struct {
		name, plan, want string
	}{
		{"right", "# floor\na:\nb: a # why\ncmd/x: b\n  example.com/y\n", ""},
		{"unlisted package", "a:\nb: a\n", "cmd/x is not listed"},
		{"line without a package", "a:\nb: a\nc:\ncmd/x: b example.com/y", "there is no such package"},
		{"import not allowed", "a:\nb:\ncmd/x: b example.com/y", "b imports a (b/b.go)"},
		{"foreign import not allowed", "a:\nb: a\ncmd/x: b", "cmd/x imports example.com/y"},
		{"permission not used", "a:\nb: a\ncmd/x: a b example.com/y", "cmd/x may import a and does not"},
		{"wrong way up", "b: a\na:\ncmd/x: b example.com/y", "must then be listed above"},
		{"twice", "a:\na:\nb: a\ncmd/x: b example.com/y", "listed twice"},
	} {
		plan, err := parsePlan(tc.plan)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		got := strings.Join(checkPlan(plan, found), "\n")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: complaints %q; want %q", tc.name, got, tc.want)
		}
	}
	for _, bad := range []string{"no colon", "  a\n"} {
		if _, err := parsePlan(bad); err == nil {
			t.Errorf("parsePlan(%q) has no error", bad)
		}
	}
}
