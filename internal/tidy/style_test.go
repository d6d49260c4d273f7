// Shows that files and packages look as docs/style asks: each file opens with its story, one file
// documents the package, names say what is inside, files and functions stay of a size to be read.

package tidy

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryFileOpensWithItsStory(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isGenerated() && !hasStory(s.file) {
			t.Errorf("%s: no story: a comment before the package clause, with a blank line after it", s.path)
		}
	}
}

// hasStory tells whether a comment stands before the package clause that is neither the package's
// documentation nor made of directives.
func hasStory(file *ast.File) bool {
	for _, group := range file.Comments {
		if group.Pos() > file.Package {
			return false
		}
		if group != file.Doc && strings.TrimSpace(group.Text()) != "" {
			return true
		}
	}
	return false
}

func TestOneFileDocumentsThePackage(t *testing.T) {
	documents := map[string][]string{}
	hasCode := map[string]bool{}
	for _, s := range sources(t) {
		hasCode[s.dir] = hasCode[s.dir] || !s.isTest()
		if s.file.Doc == nil {
			continue
		}
		documents[s.dir] = append(documents[s.dir], s.path)
		begins := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			begins = "Command "
		}
		if !strings.HasPrefix(s.file.Doc.Text(), begins) {
			t.Errorf("%s: the package's documentation must begin with %q", s.path, begins)
		}
	}
	for dir, code := range hasCode {
		files := documents[dir]
		if len(files) > 1 {
			t.Errorf("%s: %v document the package; want one", dir, files)
		}
		if code && len(files) == 0 {
			t.Errorf("%s: no file documents the package", dir)
		}
	}
}

func TestPackageNames(t *testing.T) {
	banned := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "manager", "core",
		"misc", "base", "shared", "lib"}
	for _, s := range sources(t) {
		if name := strings.TrimSuffix(s.file.Name.Name, "_test"); slices.Contains(banned, name) {
			t.Errorf("%s: package %s: a thing without a home has not been understood yet", s.path, name)
		}
		base := strings.TrimSuffix(s.path[strings.LastIndexByte(s.path, '/')+1:], ".go")
		if slices.Contains(banned, strings.TrimSuffix(base, "_test")) {
			t.Errorf("%s: a file is named for its concept", s.path)
		}
	}
}

const (
	fileLinesMax     = 900
	functionLinesMax = 90
)

// longPlaces may be longer: "file" or "file function".
var longPlaces = exceptions{}

func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.isGenerated() {
			continue
		}
		if lines := strings.Count(s.text, "\n"); lines > fileLinesMax && !longPlaces.allows(s.path) {
			t.Errorf("%s: %d lines; beyond about 800 it is probably two concepts", s.path, lines)
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || s.isTest() || isTable(f) || longPlaces.allows(s.path+" "+f.Name.Name) {
				continue
			}
			from, to := tree.fset.Position(f.Pos()).Line, tree.fset.Position(f.End()).Line
			if to-from > functionLinesMax {
				t.Errorf("%s: %s has %d lines; beyond 60 a function is hard to change safely", at(f.Pos()), f.Name.Name, to-from+1)
			}
		}
	}
}

// isTable tells whether a function is mostly one thing written out: a return statement that takes
// up nearly all of it.
func isTable(f *ast.FuncDecl) bool {
	if f.Body == nil || len(f.Body.List) == 0 {
		return false
	}
	last, ok := f.Body.List[len(f.Body.List)-1].(*ast.ReturnStmt)
	return ok && last.End()-last.Pos() > (f.Body.End()-f.Body.Pos())*4/5
}

var (
	laterWithoutIssue = regexp.MustCompile(`\bTODO\b($|[^(]|\([^#]|\(#\D)`)
	laterAtAll        = regexp.MustCompile(`\b(FIXME|XXX|HACK)\b`)
)

func TestNothingIsLeftForLater(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, comment := range group.List {
				switch {
				case laterWithoutIssue.MatchString(comment.Text) && s.room() != "tidy":
					t.Errorf("%s: a TODO names its issue: TODO(#123)", at(comment.Pos()))
				case laterAtAll.MatchString(comment.Text) && s.room() != "tidy":
					t.Errorf("%s: %s", at(comment.Pos()), comment.Text)
				}
			}
		}
	}
}
