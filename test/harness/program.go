// Which programs there are to start: the oracle and Tarn.

package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"tarn/internal/invariant"
)

// Oracle returns the installed redis-server, whose replies are the truth that Tarn is held to.
// Where it is not installed the test is skipped, or failed when CI is set: a skip must not look
// like a pass there.
func Oracle(tb testing.TB) Program {
	tb.Helper()
	return Program{Name: "redis-server", Path: LookPath(tb, "redis-server")}
}

// LookPath finds an installed program by name. A missing one skips the test, or fails it in CI.
func LookPath(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is not installed, and CI needs it", name)
	}
	tb.Skipf("%s is not installed (Debian: apt-get install redis-server redis-tools)", name)
	return ""
}

var build struct {
	sync.Once
	path string
	out  []byte
	err  error
}

// Tarn returns Tarn as built from this tree, once per test binary. The build has the tags and the
// race detector of the test that asks for it; TARN_BINARY names a ready binary instead.
func Tarn(tb testing.TB) Program {
	tb.Helper()
	build.Do(func() {
		if build.path = os.Getenv("TARN_BINARY"); build.path != "" {
			return
		}
		build.path, build.out, build.err = buildTarn()
	})
	if build.err != nil {
		tb.Fatalf("go build tarn/cmd/tarn: %v\n%s", build.err, build.out)
	}
	return Program{Name: "tarn", Path: build.path, Args: []string{"server"}}
}

// buildTarn builds into a temporary folder, which Main removes.
func buildTarn() (path string, out []byte, err error) {
	args := []string{"build"}
	name := "tarn"
	if invariant.Enabled {
		args = append(args, "-tags=invariants")
		name += "-invariants"
	}
	if Race {
		args = append(args, "-race")
		name += "-race"
	}
	dir, err := os.MkdirTemp("", "tarn-test-")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, name)
	out, err = exec.Command("go", append(args, "-o", path, "tarn/cmd/tarn")...).CombinedOutput()
	return path, out, err
}

// Main runs the tests of a package that uses Tarn and removes the binary built for them.
// A package's TestMain calls it and exits with what it returns.
func Main(m *testing.M) int {
	code := m.Run()
	if build.path != "" && build.path != os.Getenv("TARN_BINARY") {
		os.RemoveAll(filepath.Dir(build.path))
	}
	return code
}
