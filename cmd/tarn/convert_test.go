// Shown here, on the built binary: the arguments and exit codes of "tarn convert"; and that what a killed Tarn
// leaves on the disk passes Tarn's check and Redis's, and can be converted and loaded.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tarn/test/harness"
)

func TestConvert(t *testing.T) {
	tarn := harness.Tarn(t).Path
	for _, tc := range []struct {
		args string // DIR stands for the folder of the files
		code int
		says string
		out  string // what the file out begins with; "": there is none
	}{
		{args: "convert DIR/good.rdb", says: "1 keys, 0 things that cannot be expressed"},
		{args: "convert DIR/good.rdb DIR/out", says: "Written: DIR/out", out: "REDIS0010"},
		{args: "convert DIR/good.rdb DIR/out --format=aof", says: "Written: DIR/out", out: "*2\r\n$6\r\nSELECT"},
		{args: "convert --rdb-version 9 DIR/good.aof DIR/out", says: "Written: DIR/out", out: "REDIS0009"},
		{args: "convert DIR/log DIR/out --rdb-version 12 --lossy", says: "Written: DIR/out", out: "REDIS0012"},
		{args: "convert DIR/good.rdb DIR/none/out", code: 1, says: "could not be written"},
		{args: "convert DIR/good.rdb DIR/short.rdb", code: 1, says: "is there already"},
		{args: "convert DIR/short.rdb DIR/out", code: 1, says: "ends early"},
		{args: "convert DIR/newer.rdb DIR/out --lossy", code: 1, says: "version 13"},
		{args: "convert DIR/newer.rdb DIR/out --load-what-you-can", code: 1, says: "lost: the file: version 13 is newer"},
		{args: "convert DIR/newer.rdb DIR/out --load-what-you-can --lossy", says: "Written: DIR/out", out: "REDIS0010"},
		{args: "convert DIR/short.aof DIR/out", code: 1, says: "offset 36"},
		{args: "convert DIR/none DIR/out", code: 1, says: "No such file or directory"},
		{args: "convert DIR/good.rdb DIR/out --rdb-version 8", code: 1, says: "version"},
		{args: "convert DIR/good.rdb DIR/out --format json", code: 1, says: "usage: tarn convert"},
		{args: "convert", code: 1, says: "usage: tarn convert"},
		{args: "convert a b c", code: 1, says: "usage: tarn convert"},
		{args: "convert --fix a b", code: 1, says: "not defined: -fix"},
		{args: "convert --help", says: "usage: tarn convert"},
	} {
		dir := files(t)
		code, output := call(t, tarn, "", strings.Fields(strings.ReplaceAll(tc.args, "DIR", dir))...)
		if says := strings.ReplaceAll(tc.says, "DIR", dir); code != tc.code || !strings.Contains(output, says) {
			t.Errorf("tarn %s: exit code %d, want %d, and %q in\n%s", tc.args, code, tc.code, says, output)
		}
		text, err := os.ReadFile(filepath.Join(dir, "out"))
		if !strings.HasPrefix(string(text), tc.out) || (err == nil) != (tc.out != "") {
			t.Errorf("tarn %s: the file begins with %.20q, %v; want %q", tc.args, text, err, tc.out)
		}
	}
}

// TestWhatAServerLeaves kills a Tarn that logs, and has its files checked and converted.
func TestWhatAServerLeaves(t *testing.T) {
	program := harness.Tarn(t)
	server := program.Start(t, "appendonly yes", "appendfsync always", "aof-timestamp-enabled yes", "save \"\"")
	conn := server.Dial(t)
	for i := range 200 {
		key := fmt.Sprint(i)
		conn.Must(t, "SET", "string:"+key, strings.Repeat("x", i), "PX", "100000000")
		conn.Must(t, "HSET", "hash", key, key)
		conn.Must(t, "XADD", "stream", "*", "f", key)
		if i == 100 {
			conn.Must(t, "SAVE")
		}
	}
	want := conn.Must(t, "DBSIZE").Text
	server.ExpectEnd()
	server.Kill()
	server.AwaitEnd()
	manifest := filepath.Join(server.Dir, "appendonlydir", "appendonly.aof.manifest")
	for _, check := range [][]string{
		{program.Path, "check", "aof", server.Dir}, {program.Path, "check", "backup", server.Dir}, {program.Path, "check", "rdb", filepath.Join(server.Dir, "dump.rdb")},
		{harness.LookPath(t, "redis-check-aof"), manifest}, {harness.LookPath(t, "redis-check-rdb"), filepath.Join(server.Dir, "dump.rdb")},
	} {
		if code, output := call(t, check[0], "", check[1:]...); code != 0 {
			t.Errorf("%q: exit code %d\n%s", check, code, output)
		}
	}
	dir := t.TempDir()
	if code, output := call(t, program.Path, "", "convert", server.Dir, filepath.Join(dir, "dump.rdb")); code != 0 {
		t.Fatalf("convert: %d\n%s", code, output)
	}
	again := harness.Oracle(t).Start(t, "dir "+harness.Quote(dir)).Dial(t)
	if got := again.Must(t, "DBSIZE").Text; got != want {
		t.Errorf("%s keys after the conversion, want %s", got, want)
	}
	if got := again.Must(t, "XLEN", "stream").Text; got != "200" {
		t.Errorf("%s entries of the stream after the conversion, want 200", got)
	}
}
