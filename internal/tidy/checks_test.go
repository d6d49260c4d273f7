// Shows that the rules catch what they are for: each is given a small file that breaks it.

package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

func parse(t *testing.T, text string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestHasStory(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{
		{"// A story.\n\npackage x\n", true},
		{"// A story.\n\n// Package x does it.\npackage x\n", true},
		{"//go:build linux\n\n// A story.\n\npackage x\n", true},
		{"// A story.\n\n//go:build linux\n\npackage x\n", true},
		{"// Package x does it.\npackage x\n", false},
		{"//go:build linux\n\npackage x\n", false},
		{"package x\n\n// Too late.\n", false},
		{"package x\n", false},
	} {
		if got := hasStory(parse(t, tc.text)); got != tc.want {
			t.Errorf("hasStory(%q) = %t; want %t", tc.text, got, tc.want)
		}
	}
}

func TestEachUse(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int
	}{
		{"package x\nimport \"time\"\nvar a = time.Now()\nvar b = time.Second\n", 2},
		{"package x\nimport clk \"time\"\nvar a = clk.Now()\n", 1},
		{"package x\nvar time struct{ Now func() }\nfunc f() { time.Now() }\n", 0},
	} {
		got := 0
		eachUse(&source{file: parse(t, tc.text)}, "time", func(string, *ast.SelectorExpr) { got++ })
		if got != tc.want {
			t.Errorf("%q: %d uses; want %d", tc.text, got, tc.want)
		}
	}
}

func TestCostly(t *testing.T) {
	types := map[string]bool{"Ref": true, "mem.Ref": true}
	for _, tc := range []struct {
		stmt string
		want int
	}{
		{`invariant.Check(a < b, "m")`, 0},
		{`invariant.Check(len(a) < int(b), "m")`, 0},
		{`invariant.Check(Ref(a) == mem.Ref(b), "m")`, 0},
		{`invariant.Check(f(a), "m")`, 1},
		{`invariant.Check(a.ok(), "m")`, 1},
		{`invariant.Check(len(f(a)) > 0, "m")`, 1},
		{`invariant.Check(a, fmt.Sprint(b))`, 1},
		{`if invariant.Enabled { invariant.Check(f(a), "m") }`, 0},
		{`if invariant.Enabled && a > 1 { invariant.Check(f(a), "m") }`, 0},
		{`if invariant.Enabled || a > 1 { invariant.Check(f(a), "m") }`, 1},
		{`if invariant.Enabled { a() } else { invariant.Check(f(a), "m") }`, 1},
		{`if a { invariant.Check(f(a), "m") }`, 1},
		{`other.Check(f(a), "m")`, 0},
	} {
		got := 0
		guarded(parse(t, "package x\nfunc g() {\n"+tc.stmt+"\n}\n"), func(call *ast.CallExpr) {
			for _, arg := range call.Args {
				if costly(arg, types) != nil {
					got++
				}
			}
		})
		if got != tc.want {
			t.Errorf("%s: %d costly; want %d", tc.stmt, got, tc.want)
		}
	}
}

func TestLaterPatterns(t *testing.T) {
	for text, want := range map[string]bool{
		"// TODO: x": true, "// TODO(me): x": true, "// TODO(#): x": true, "// TODO": true,
		"// TODO(#12): x": false, "// MASTODON": false, "// todo list": false,
	} {
		if got := laterWithoutIssue.MatchString(text); got != want {
			t.Errorf("%q matches: %t; want %t", text, got, want)
		}
	}
}
