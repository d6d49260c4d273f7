// The rig: files to check, made by hand or by a redis-server, and what a check of them says.

package check

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/vfs"
	"tarn/test/harness"
)

// request returns a command as it stands in a log.
func request(args ...string) string { return string(harness.AppendCommand(nil, args...)) }

// write makes a file, and the folders that it is in, and returns its path.
func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// try runs a check with an answer to its questions, and returns its outcome and what it said.
func try(answer string, run func(t *Tool) bool) (good bool, said string) {
	var out bytes.Buffer
	good = run(&Tool{Files: vfs.OS{}, In: strings.NewReader(answer), Out: &out, Clock: clock.System{}})
	return good, out.String()
}

// every is commands that make a value of each type, in each of its forms.
func every() [][]string {
	long := strings.Repeat("x", 100)
	commands := [][]string{
		{"SET", "string", "a"}, {"SET", "long", strings.Repeat("ab", 3000)}, {"SET", "int", "12345", "PXAT", "4102444800000"},
		{"RPUSH", "list", "a", "1", long}, {"SADD", "ints", "1", "2", "70000"}, {"SADD", "set", "a", long},
		{"ZADD", "zset", "1", "a", "-inf", "b"}, {"ZADD", "bigzset", "1.5", long, "2", "b"}, {"HSET", "hash", "f", "v"}, {"HSET", "bighash", "f", long},
		{"XADD", "stream", "1-1", "f", "v"}, {"XADD", "stream", "2-0", "f", "v", "g", "w"}, {"XDEL", "stream", "1-1"},
		{"XGROUP", "CREATE", "stream", "group", "0"}, {"XREADGROUP", "GROUP", "group", "me", "STREAMS", "stream", ">"}, {"XGROUP", "CREATECONSUMER", "stream", "group", "idle"},
		{"XADD", "gone", "7-7", "f", "v"}, {"XDEL", "gone", "7-7"}, {"PEXPIREAT", "hash", "4102444800000"},
		{"SELECT", "3"}, {"SET", "elsewhere", ""}, {"HSET", "h", "a", "1", "b", "", "c d", "\x00\xff"}, {"SELECT", "0"},
	}
	many := []string{"RPUSH", "biglist"}
	for range 500 {
		many = append(many, long)
	}
	return append(commands, many)
}

// dump returns the RDB file that a redis-server writes with a value of each type.
func dump(t testing.TB) string {
	t.Helper()
	server := harness.Oracle(t).Start(t, "save \"\"")
	conn := server.Dial(t)
	for _, c := range every() {
		conn.Must(t, c...)
	}
	conn.Must(t, "SAVE")
	return read(t, filepath.Join(server.Dir, "dump.rdb"))
}
