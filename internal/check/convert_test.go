// Shown here: a data set that is converted, to RDB of each version, to commands, and back, is the same data
// set, as a redis-server's digest says it; what a version cannot express is named, key by key, and nothing is
// written unless asked for; what is read stays as it was, and whatever fails, nothing half is left.

package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/vfs"
	"tarn/test/harness"
)

// digest starts a redis-server on a file and returns the digest of what it loads.
func digest(t *testing.T, path string) string {
	t.Helper()
	dir := t.TempDir()
	directives := []string{"dir " + harness.Quote(dir)}
	name := "dump.rdb"
	if strings.HasSuffix(path, ".aof") {
		directives = append(directives, "appendonly yes")
		name = "appendonly.aof"
	}
	write(t, filepath.Join(dir, name), read(t, path))
	server := harness.Oracle(t).Start(t, directives...)
	return server.Dial(t).Must(t, "DEBUG", "DIGEST").Text
}

func TestOracleConvert(t *testing.T) {
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "source.rdb"), dump(t))
	want := digest(t, source)
	log := ""
	for _, c := range every() {
		log += request(c...)
	}
	write(t, filepath.Join(dir, "every.aof"), log)
	write(t, filepath.Join(dir, "hybrid.aof"), read(t, source)+request("SET", "later", "1")+request("MULTI")+request("DEL", "later")+request("EXEC"))
	write(t, filepath.Join(dir, "log", "x.manifest"), "file b seq 1 type b\nfile i seq 1 type i\n")
	write(t, filepath.Join(dir, "log", "b"), read(t, source))
	write(t, filepath.Join(dir, "log", "i"), request("SET", "later", "1")+request("DEL", "later"))
	for _, tc := range []struct {
		in, out string
		o       ConvertOptions
		header  string
	}{
		{"source.rdb", "commands.aof", ConvertOptions{}, "*2\r\n$6\r\nSEL"},
		{"commands.aof", "default.rdb", ConvertOptions{}, "REDIS0011"}, // a consumer that was never active
		{"commands.aof", "seven.rdb", ConvertOptions{Version: 10, Lossy: true}, "REDIS0010"},
		{"source.rdb", "ten.rdb", ConvertOptions{Version: 10}, "REDIS0010"},
		{"source.rdb", "nine.rdb", ConvertOptions{Version: 9, Lossy: true}, "REDIS0009"},
		{"source.rdb", "twelve.rdb", ConvertOptions{Version: 12}, "REDIS0012"},
		{"twelve.rdb", "again.rdb", ConvertOptions{Version: 10, Lossy: true}, "REDIS0010"},
		{"hybrid.aof", "plain.aof", ConvertOptions{}, "*2\r\n$6\r\nSEL"},
		{"hybrid.aof", "forced.rdb", ConvertOptions{Format: "rdb"}, "REDIS0010"},
		{"log", "joined.rdb", ConvertOptions{}, "REDIS0010"},
		{"log/x.manifest", "joined.aof", ConvertOptions{}, "*2\r\n$6\r\nSEL"},
		{"every.aof", "run.rdb", ConvertOptions{}, "REDIS0011"},
	} {
		in, out := filepath.Join(dir, tc.in), filepath.Join(dir, tc.out)
		good, said := try("", func(t *Tool) bool { return t.Convert(in, out, tc.o) })
		if !good {
			t.Errorf("%s to %s:\n%s", tc.in, tc.out, said)
			continue
		}
		if !strings.HasPrefix(read(t, out), tc.header) {
			t.Errorf("%s begins with %.20q, want %q", tc.out, read(t, out), tc.header)
		}
		if good, said := try("", func(t *Tool) bool { return t.Log(out, LogOptions{Look: Commands}) }); !good {
			t.Errorf("%s is not good:\n%s", tc.out, said)
		}
		if tc.header > "REDIS0010" { // too new for this server
			continue
		}
		if got := digest(t, out); got != want {
			t.Errorf("%s to %s: digest %s, want %s", tc.in, tc.out, got, want)
		}
	}
}

func TestConvertLosses(t *testing.T) {
	library := "\xf5\x0d#!lua name=ab" // of functions
	hash := request("HSET", "h", "f", "1", "g", "2") + request("HPEXPIREAT", "h", "4102444800000", "FIELDS", "1", "f")
	stream := request("XADD", "s", "1-1", "f", "v") + request("XADD", "s", "2-1", "f", "v") + request("XDEL", "s", "1-1")
	plain := request("XADD", "p", "1-1", "f", "v")
	for _, tc := range []struct {
		in      string
		version int
		lost    []string
		left    []string // commands of the result, as a log
		not     string
	}{
		{in: hash, version: 12},
		{in: hash, version: 0, left: []string{"HPEXPIREAT"}},
		{in: hash, version: 11, lost: []string{`lost: db 0 key "h": the deadlines of its fields, which need version 12`}, left: []string{"HMSET", "f", "1", "g", "2"}, not: "HPEXPIREAT"},
		{in: request("SELECT", "5") + hash, version: 9, lost: []string{`lost: db 5 key "h"`}, left: []string{"HMSET"}, not: "HPEXPIREAT"},
		{in: stream, version: 10},
		{in: plain, version: 9},
		{in: file("\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01a\x01v"), version: 10, left: []string{"SET", "PEXPIREAT", "1"}}, // past its deadline
		{in: request("SET", "a", "1") + request("PEXPIREAT", "a", "4102444800000"), version: 10, left: []string{"PEXPIREAT", "4102444800000"}},
		{in: stream + plain, version: 9, lost: []string{`lost: db 0 key "s": how many entries were ever added`}, left: []string{"XADD", "s", "2-1", "XADD", "p", "1-1"}},
		{in: file("\x00\x01a\x01v", library), version: 10, lost: []string{"lost: the file: a library of functions"}, left: []string{"SET"}},
		{in: file("\x00\x01a\x01v") + hash + stream, version: 9, lost: []string{"3 keys, 2 things"}},
	} {
		dir := t.TempDir()
		in := write(t, filepath.Join(dir, "in.aof"), tc.in)
		out := filepath.Join(dir, "out.rdb")
		for _, o := range []ConvertOptions{{Version: tc.version}, {Version: tc.version, Lossy: true}} {
			for _, to := range []string{"", out} {
				good, said := try("", func(t *Tool) bool { return t.Convert(in, to, o) })
				if want := len(tc.lost) == 0 || o.Lossy; good != want {
					t.Fatalf("%.60q to version %d, lossy %t: %t\n%s", tc.in, tc.version, o.Lossy, good, said)
				}
				wants(t, said, tc.lost...)
				if len(tc.lost) == 0 && strings.Contains(said, "lost:") {
					t.Errorf("%.60q to version %d: lost, though nothing is\n%s", tc.in, tc.version, said)
				}
				if present(out) != (to == out && good) {
					t.Errorf("%.60q to %q: there is a file: %t", tc.in, to, present(out))
				}
			}
			if present(out) && !o.Lossy {
				if good, said := try("", func(t *Tool) bool { return t.Convert(in, out, o) }); good {
					t.Errorf("a file was overwritten\n%s", said)
				}
				if err := os.Remove(out); err != nil {
					t.Fatal(err)
				}
			}
		}
		if good, said := try("", func(t *Tool) bool { return t.RDB(out, RDBOptions{}) }); !good {
			t.Errorf("%.60q to version %d:\n%s", tc.in, tc.version, said)
		}
		back := filepath.Join(dir, "back.aof")
		if good, said := try("", func(t *Tool) bool { return t.Convert(out, back, ConvertOptions{}) }); !good {
			t.Fatalf("%s", said)
		}
		text := read(t, back)
		if tc.not != "" && strings.Contains(text, tc.not) {
			t.Errorf("%.60q to version %d: %s is left in\n%s", tc.in, tc.version, tc.not, text)
		}
		for _, word := range tc.left {
			if !strings.Contains(text, "\r\n"+word+"\r\n") {
				t.Errorf("%.60q to version %d: no %s in\n%s", tc.in, tc.version, word, text)
			}
		}
		if read(t, in) != tc.in {
			t.Errorf("%.60q was changed", tc.in)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	set := request("SET", "a", "1")
	for _, tc := range []struct {
		in   string
		o    ConvertOptions
		says string
	}{
		{set + set[:9], ConvertOptions{}, fmt.Sprintf("offset %d: the file ends amid", len(set)+9)},
		{set + "garbage", ConvertOptions{}, fmt.Sprintf("offset %d: '*' expected", len(set))},
		{set + request("NOSUCH"), ConvertOptions{}, fmt.Sprintf("offset %d: command \"NOSUCH\": unknown command", len(set))},
		{set + request("RPUSH", "a", "1"), ConvertOptions{}, "rpush fails: WRONGTYPE"},
		{file("\x02\x01b\x02\x01m\x01m"), ConvertOptions{}, "key \"b\""},
		{file()[:12], ConvertOptions{}, "the data ends early"},
		{file("\x00\x01a\x01v", "\x00\x01b\x01v", "\x00\x01a\x01w"), ConvertOptions{}, "key \"a\": the key is there twice"},
		{set, ConvertOptions{Version: 3}, "version"},
		{set, ConvertOptions{Version: 13}, "version"},
	} {
		dir := t.TempDir()
		in := write(t, filepath.Join(dir, "in"), tc.in)
		good, said := try("", func(t *Tool) bool { return t.Convert(in, filepath.Join(dir, "out"), tc.o) })
		if good || !strings.Contains(said, tc.says) {
			t.Errorf("%.60q: %t, want %q in\n%s", tc.in, good, tc.says, said)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%.60q: left %v, %v", tc.in, entries, err)
		}
	}
}

// TestConvertFaults: each operation on the disk fails once, in turn: then there is no file, or a whole one.
func TestConvertFaults(t *testing.T) {
	for _, format := range []string{"rdb", "aof"} {
		for n := int64(1); ; n++ {
			mem := vfs.NewMem()
			files := vfs.NewFaulty(mem)
			for _, dir := range []string{"/in", "/out"} {
				if err := mem.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := vfs.WriteFile(mem, "/in/a", "/in/b", "/in", []byte(file("\x00\x01a\x01v")+request("SET", "b", "2"))); err != nil {
				t.Fatal(err)
			}
			files.Set(vfs.Fault{At: n, Err: syscall.EIO})
			var out bytes.Buffer
			good := (&Tool{Files: files, Out: &out, Clock: clock.System{}}).Convert("/in/a", "/out/a", ConvertOptions{Format: format})
			over := files.Ops() < n
			if over && !good {
				t.Fatalf("%s: fails without a fault\n%s", format, &out)
			}
			text, err := vfs.ReadFile(mem, "/out/a")
			if whole := err == nil && len(text) > 0; good && !whole {
				t.Errorf("%s, %s fails: good, but the file is %q, %v", format, files.Op(n), text, err)
			}
			if err == nil {
				var again bytes.Buffer
				if !(&Tool{Files: mem, Out: &again, Clock: clock.System{}}).Log("/out/a", LogOptions{Look: Commands}) {
					t.Errorf("%s, %s fails: a file that is not whole\n%s", format, files.Op(n), &again)
				}
			}
			if over {
				break
			}
		}
	}
}
