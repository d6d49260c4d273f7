// What the other tests look at: every Go file of the module, parsed, whatever its build tags; and
// the documents. The sources are read by the test itself and not through the go command: go's test
// cache sees what a test reads, but not what its child processes read.

// Package tidy holds tests that keep the house in order: the plan of imports, the rules of style
// that a machine can check, and the links in documents.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "tarn"

// source is one Go file.
type source struct {
	path string // from the module's root, with slashes
	dir  string
	text string
	file *ast.File
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// room is the folder as plan.txt names it: without internal/.
func (s *source) room() string { return strings.TrimPrefix(s.dir, "internal/") }

// isGenerated goes by the line that the go command specifies.
func (s *source) isGenerated() bool { return ast.IsGenerated(s.file) }

var tree struct {
	sync.Once
	root    string
	fset    *token.FileSet
	sources []*source
	papers  map[string]string // documents by path
	others  map[string]bool   // all other files and folders
	err     error
}

// sources returns every Go file of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	tree.Do(func() { tree.err = readTree() })
	if tree.err != nil {
		t.Fatal(tree.err)
	}
	return tree.sources
}

// at names a position for a failure message: file:line.
func at(pos token.Pos) string {
	p := tree.fset.Position(pos)
	p.Column = 0
	return p.String()
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fs.ErrNotExist
		}
		dir = parent
	}
}

func readTree() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	tree.root, tree.fset = root, token.NewFileSet()
	tree.papers, tree.others = map[string]string{}, map[string]bool{}
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if rel != "." && (entry.Name()[0] == '.' && rel != ".github" || rel == "bin") {
				return filepath.SkipDir
			}
			tree.others[rel] = true
			return nil
		}
		return readOne(name, rel)
	})
}

func readOne(name, rel string) error {
	isGo := strings.HasSuffix(rel, ".go") && !strings.Contains(rel, "testdata/")
	if !isGo && !strings.HasSuffix(rel, ".md") {
		tree.others[rel] = true
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !isGo {
		tree.papers[rel] = string(text)
		return nil
	}
	file, err := parser.ParseFile(tree.fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	tree.sources = append(tree.sources, &source{path: rel, dir: path.Dir(rel), text: string(text), file: file})
	return nil
}

// exceptions is a list of places where a rule does not hold, each with the reason. A place is a
// file, a folder that ends in a slash, or a file and what is said of it.
type exceptions map[string]string

// allows tells whether a place or the folder it is in is listed.
func (e exceptions) allows(place string) bool {
	for listed, reason := range e {
		if reason != "" && (place == listed || strings.HasSuffix(listed, "/") && strings.HasPrefix(place, listed)) {
			return true
		}
	}
	return false
}
