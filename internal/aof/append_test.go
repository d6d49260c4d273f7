// Shown here: what is written beside the commands is what a redis-server writes, and the Scanner takes it;
// names of files; what is said of damage.

package aof

import (
	"io"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	var log []byte
	log = AppendTimestamp(log, 1628217470)
	for _, db := range []int{0, 9, 10, 1<<31 - 1} {
		log = AppendSelect(log, db)
	}
	log = append(log, Multi+Exec...)
	want := "#TS:1628217470\r\n" + command("SELECT", "0") + command("SELECT", "9") + command("SELECT", "10") + command("SELECT", "2147483647") + command("MULTI") + command("EXEC")
	if string(log) != want {
		t.Errorf("got %q, want %q", log, want)
	}
	if out, err := readAll(t, strings.NewReader(want), ScanOptions{Strict: true}, false); err != io.EOF || out != want {
		t.Errorf("read as %q, %v", out, err)
	}
}

func TestTimestamp(t *testing.T) {
	for line, want := range map[string]int64{"#TS:1628217470\r\n": 1628217470, "#TS:0\n": 0, "#TS:-5\r\n": -5, "#TS:7": 7} {
		if got, ok := Timestamp([]byte(line)); !ok || got != want {
			t.Errorf("%q: %d, %t, want %d", line, got, ok, want)
		}
	}
	for _, line := range []string{"", "#", "#TS:", "#TS:\r\n", "#TS:x\r\n", "#ts:1\r\n", "TS:1\r\n", "#TS:99999999999999999999\r\n", "#TS: 1\r\n"} {
		if got, ok := Timestamp([]byte(line)); ok {
			t.Errorf("%q is taken for %d", line, got)
		}
	}
}

func TestIsSnapshot(t *testing.T) {
	for start, want := range map[string]bool{"REDIS0": true, "VALKEY": true, "REDIS": true, "REDI": false, "": false, "*3\r\n$3": false, "redis0": false} {
		if got := IsSnapshot([]byte(start)); got != want {
			t.Errorf("%q: %t, want %t", start, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	const name = "appendonly.aof"
	for got, want := range map[string]string{
		ManifestName(name): "appendonly.aof.manifest", TempManifestName(name): "temp-appendonly.aof.manifest", TempIncrName(name): "temp-appendonly.aof.incr",
		TempBaseName(17): "temp-rewriteaof-bg-17.aof", BaseName(name, 3, true): "appendonly.aof.3.base.rdb", BaseName(name, 3, false): "appendonly.aof.3.base.aof",
		IncrName(name, 12): "appendonly.aof.12.incr.aof",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&ManifestError{What: errEmpty}, "Found an empty AOF manifest"},
		{&ManifestError{Line: 2, Text: "a \"b\"", What: errFormat}, `line 2: Invalid AOF manifest file format: "a \"b\""`},
		{&Damage{Kind: ErrShort, At: 9, Good: 5, What: "it ends"}, "offset 9: it ends (whole up to offset 5)"},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
