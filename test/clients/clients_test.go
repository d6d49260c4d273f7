// Stock clients work unmodified: redis-cli and redis-benchmark as Debian ships them, and go-redis.
// Each test runs against redis-server first, which shows that the test is right, and then against
// Tarn.

// Package clients holds tests of Tarn by clients that others wrote.
package clients

import (
	"os"
	"testing"

	"tarn/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// onBoth runs a test on a redis-server and on Tarn, each started with the directives.
func onBoth(t *testing.T, directives []string, test func(t *testing.T, s *harness.Server)) {
	for _, program := range []func(testing.TB) harness.Program{harness.Oracle, harness.Tarn} {
		p := program(t)
		t.Run(p.Name, func(t *testing.T) { test(t, p.Start(t, directives...)) })
	}
}
