// Shows that the outside world is reached through the rooms made for it: time, files, mapped
// memory, unsafe; that checks of invariants cost nothing where they are compiled out; that chance
// is seeded; and that tests do not sleep. Each rule lists its exceptions, with the reason.

package tidy

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// eachUse calls visit for every use of pkg.Name in a file, where pkg is imported by the given path.
func eachUse(s *source, path string, visit func(name string, use *ast.SelectorExpr)) {
	local := ""
	for _, spec := range s.file.Imports {
		if importPath(spec.Path.Value) != path {
			continue
		}
		local = path[strings.LastIndexByte(path, '/')+1:]
		if path == "math/rand/v2" {
			local = "rand"
		}
		if spec.Name != nil {
			local = spec.Name.Name
		}
	}
	if local == "" {
		return
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if ok {
			if pkg, ok := use.X.(*ast.Ident); ok && pkg.Name == local {
				visit(use.Sel.Name, use)
			}
		}
		return true
	})
}

var readsTime = exceptions{
	"internal/clock/": "is the source of time",
	"test/":           "bounds how long a real process may take",
	"bench/":          "times real processes",
}

func TestTimeComesFromTheClock(t *testing.T) {
	for _, s := range sources(t) {
		if readsTime.allows(s.path) {
			continue
		}
		eachUse(s, "time", func(name string, use *ast.SelectorExpr) {
			if slices.Contains([]string{"Now", "Since", "Until"}, name) {
				t.Errorf("%s: time.%s: time comes from tarn/internal/clock", at(use.Pos()), name)
			}
		})
	}
}

var sleeps = exceptions{}

func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() && !strings.HasPrefix(s.path, "test/") || sleeps.allows(s.path) {
			continue
		}
		eachUse(s, "time", func(name string, use *ast.SelectorExpr) {
			if name == "Sleep" {
				t.Errorf("%s: time.Sleep: use a manual clock, testing/synctest, or wait for the event itself", at(use.Pos()))
			}
		})
	}
}

var (
	fileCalls = regexp.MustCompile(`^(Open.*|Create.*|Rename|Remove.*|Stat|Lstat|ReadDir|ReadFile|WriteFile|DirFS|` +
		`Mkdir.*|Chmod|Chown|Lchown|Chtimes|Truncate|Link|Symlink|Readlink|CopyFS)$`)
	pathCalls = regexp.MustCompile(`^(Walk|WalkDir|Glob|EvalSymlinks)$`)
	callsFile = exceptions{
		"internal/vfs/": "is the way to a disk",
		"cmd/":          "starts before there is a server",
		"test/":         "prepares folders for real processes",

		"internal/server/crash.go": "gives Go's runtime a file for its last words",
		"bench/":                   "prepares folders for real processes and reads /proc",
	}
)

func TestFilesComeFromVFS(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || callsFile.allows(s.path) {
			continue
		}
		complain := func(calls *regexp.Regexp, pkg string) {
			eachUse(s, pkg, func(name string, use *ast.SelectorExpr) {
				if calls.MatchString(name) {
					t.Errorf("%s: %s.%s: files come from tarn/internal/vfs", at(use.Pos()), pkg, name)
				}
			})
		}
		complain(fileCalls, "os")
		complain(pathCalls, "path/filepath")
		complain(regexp.MustCompile(`^(Open.*|Creat|Rename.*|Unlink.*|Mkdir.*|Rmdir|Truncate|Ftruncate|Fsync|Fdatasync|SyncFileRange)$`), "syscall")
	}
}

var (
	mapCalls = regexp.MustCompile(`^(Mmap|Munmap|Mprotect|Madvise|Mremap|Mlock.*|MmapPtr|MunmapPtr|SYS_(MMAP|MUNMAP|MPROTECT|MADVISE|MREMAP))$`)
	mapsPage = exceptions{"internal/mem/": "is the allocator"}
)

func TestMemoryIsMappedByMem(t *testing.T) {
	for _, s := range sources(t) {
		if mapsPage.allows(s.path) {
			continue
		}
		for _, pkg := range []string{"syscall", "golang.org/x/sys/unix"} {
			eachUse(s, pkg, func(name string, use *ast.SelectorExpr) {
				if mapCalls.MatchString(name) {
					t.Errorf("%s: %s: memory is mapped by tarn/internal/mem", at(use.Pos()), name)
				}
			})
		}
	}
}

var importsUnsafe = exceptions{
	"internal/mem/":       "hands out mapped memory as slices",
	"internal/hashtable/": "reads tags of a bucket as words and prefetches",
	"internal/btree/":     "reads nodes in place",
	"internal/keyspace/":  "reads entries in place and prefetches",

	"internal/server/loop_linux.go":    "hands buffers to raw system calls",
	"internal/server/process_linux.go": "gives the process its title",
	"internal/vfs/room_linux.go":       "asks the kernel for quotas",
}

func TestUnsafe(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			if importPath(spec.Path.Value) == "unsafe" && !importsUnsafe.allows(s.path) {
				t.Errorf("%s: imports unsafe, and is not in the list", at(spec.Pos()))
			}
		}
		if strings.Contains(s.text, "\n//go:"+"linkname") {
			t.Errorf("%s: go:linkname reaches into what others keep private", s.path)
		}
	}
}

// seeded are the functions of math/rand/v2 that make a source instead of drawing from the global one.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "ChaCha8", "Source", "Zipf"}

func TestChanceIsSeeded(t *testing.T) {
	for _, s := range sources(t) {
		eachUse(s, "math/rand", func(_ string, use *ast.SelectorExpr) {
			t.Errorf("%s: math/rand: use math/rand/v2", at(use.Pos()))
		})
		if s.isTest() || strings.HasPrefix(s.path, "test/") {
			continue // a test draws its seed from the global source, and prints it
		}
		eachUse(s, "math/rand/v2", func(name string, use *ast.SelectorExpr) {
			if !slices.Contains(seeded, name) {
				t.Errorf("%s: rand.%s: chance comes from a seeded *rand.Rand", at(use.Pos()), name)
			}
		})
	}
}

// TestTheOracleComesFromTheHarness: where a program of Redis's is missing, the harness skips the
// test at home and fails it in CI. A test that looks for the program itself forgets the second.
func TestTheOracleComesFromTheHarness(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir == "test/harness" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isSelector(call.Fun, "exec", "LookPath") && !isSelector(call.Fun, "exec", "Command") {
				return true
			}
			if name, ok := call.Args[0].(*ast.BasicLit); ok && strings.HasPrefix(name.Value, `"redis-`) {
				t.Errorf("%s: %s is found by harness.LookPath or harness.Oracle, which do not skip in CI", at(call.Pos()), name.Value)
			}
			return true
		})
	}
}

var recovers = exceptions{}

func TestNothingRecovers(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || strings.HasPrefix(s.path, "test/") || recovers.allows(s.path) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "recover" {
					t.Errorf("%s: recover: after a panic memory may be wrong", at(call.Pos()))
				}
			}
			return true
		})
	}
}

// cheap are built-in functions and conversions: in a condition they cost nothing when the check is
// compiled out.
var cheap = strings.Fields(`len cap min max bool string byte rune uintptr float32 float64
	int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64`)

// costly returns the first call in an expression that is not cheap; types are the module's own.
func costly(e ast.Expr, types map[string]bool) (found ast.Node) {
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found != nil {
			return found == nil
		}
		switch f := ast.Unparen(call.Fun).(type) {
		case *ast.Ident:
			if slices.Contains(cheap, f.Name) || types[f.Name] {
				return true
			}
		case *ast.SelectorExpr:
			if pkg, ok := f.X.(*ast.Ident); ok && (types[pkg.Name+"."+f.Sel.Name] || pkg.Name == "unsafe") {
				return true
			}
		}
		found = call
		return false
	})
	return found
}

// guarded visits the calls of invariant.Check that are not inside "if invariant.Enabled".
func guarded(n ast.Node, visit func(call *ast.CallExpr)) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			if mentionsEnabled(n.Cond) {
				if n.Else != nil {
					guarded(n.Else, visit)
				}
				return false
			}
		case *ast.CallExpr:
			if isSelector(n.Fun, "invariant", "Check") {
				visit(n)
			}
		}
		return true
	})
}

func isSelector(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func mentionsEnabled(cond ast.Expr) (found bool) {
	switch e := ast.Unparen(cond).(type) {
	case *ast.BinaryExpr:
		return e.Op.String() == "&&" && (mentionsEnabled(e.X) || mentionsEnabled(e.Y))
	default:
		return isSelector(e, "invariant", "Enabled")
	}
}

// typeNames lists the types that a file can convert to by name: those of its own package, and
// those of the module's others as pkg.Name.
func typeNames(t *testing.T) (own map[string]map[string]bool, all map[string]bool) {
	own, all = map[string]map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if own[s.dir] == nil {
			own[s.dir] = map[string]bool{}
		}
		for _, decl := range s.file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range d.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					own[s.dir][spec.Name.Name] = true
					all[s.file.Name.Name+"."+spec.Name.Name] = true
				}
			}
		}
	}
	return own, all
}

func TestInvariantsCostNothing(t *testing.T) {
	own, all := typeNames(t)
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		types := map[string]bool{}
		for name := range own[s.dir] {
			types[name] = true
		}
		for name := range all {
			types[name] = true
		}
		guarded(s.file, func(check *ast.CallExpr) {
			for _, arg := range check.Args {
				if call := costly(arg, types); call != nil {
					t.Errorf("%s: invariant.Check calls a function, which happens in release builds too: put it inside if invariant.Enabled", at(call.Pos()))
				}
			}
		})
	}
}
