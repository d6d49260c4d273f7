// Shown here: what a check says of damage, where, and of what a repair loses; that a log is cut where a moment
// or a command says, and never unasked, within a transaction, or anywhere but in its last file; that folders
// of backups are judged by every file; that a failing disk is a failing check.

package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/rdb"
	"tarn/internal/vfs"
)

// wants checks that all the texts were said, in this order.
func wants(t *testing.T, said string, texts ...string) {
	t.Helper()
	rest := said
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			t.Errorf("not said, or not there: %q, in\n%s", text, said)
			return
		}
		rest = after
	}
}

func TestLoss(t *testing.T) {
	set := func(k string) string { return request("SET", k, "1") }
	head := set("a") + set("b")
	for _, tc := range []struct {
		tail     string
		good     int
		lost     int
		commands int
		first    string
	}{
		{tail: set("c")[:10], good: 2, lost: 10},
		{tail: "garbage", good: 2, lost: 7},
		{tail: "x" + set("c") + set("d"), good: 2, lost: 1 + 2*len(set("c")), commands: 1, first: "SET d 1"}, // c does not begin a line
		{tail: "x\r\n" + set("c") + "*9\r\n" + set("d") + set("e")[:5], good: 2, lost: 3 + 4 + 2*len(set("c")) + 5, commands: 2, first: "SET c 1"},
		{tail: request("MULTI") + set("c") + set("d"), good: 2, lost: len(request("MULTI")) + 2*len(set("c")), commands: 3, first: "MULTI"},
		{tail: request("MULTI") + set("c") + "!\r\n" + request("EXEC") + set("d"), good: 2,
			lost: len(request("MULTI")+request("EXEC")) + 2*len(set("c")) + 3, commands: 4, first: "MULTI"},
		{tail: "*1\r\n$99999999\r\nx\r\n" + set("c"), good: 2, lost: 4 + 11 + 3 + len(set("c")), commands: 1, first: "SET c 1"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.aof"), head+tc.tail)
		good, said := try("", func(t *Tool) bool { return t.Log(path, LogOptions{}) })
		if good {
			t.Errorf("%q is good", tc.tail)
		}
		wants(t, said, fmt.Sprintf("[info] %d commands are good, up to offset %d; a repair loses the %d bytes from there on: %d whole commands\n",
			tc.good, len(head), tc.lost, tc.commands))
		if tc.first != "" {
			wants(t, said, "the first command lost is at offset ", ": "+tc.first+"\n")
		}
		if read(t, path) != head+tc.tail {
			t.Errorf("%q: the file was changed", tc.tail)
		}
	}
}

func TestUntil(t *testing.T) {
	before := request("SET", "a", "1") + "#TS:5\r\n"
	transaction := request("MULTI") + request("SET", "b", "2") + request("FLUSHALL", "ASYNC") + request("EXEC")
	after := request("SET", "c", "3")
	log := before + transaction + after
	for _, tc := range []struct {
		match string
		left  string
	}{
		{match: "FLUSHALL", left: before},
		{match: "flushall as*", left: log}, // patterns tell cases apart
		{match: "flushall AS*", left: before},
		{match: "SET c", left: before + transaction},
		{match: "SET [ac] 1", left: ""},
		{match: "SET [bc] 3", left: before + transaction},
		{match: "SET c 3 EX", left: log},
		{match: "DEL", left: log},
	} {
		m, ok := ParseMatch(tc.match)
		if !ok {
			t.Fatalf("%q is no pattern", tc.match)
		}
		for _, answer := range []string{"n\n", "y\n", ""} {
			path := write(t, filepath.Join(t.TempDir(), "a.aof"), log)
			good, said := try(answer, func(t *Tool) bool { return t.Log(path, LogOptions{Until: m}) })
			left := log
			if answer == "y\n" {
				left = tc.left
			}
			cut := tc.left != log && answer == "y\n"
			if got := read(t, path); good != cut || got != left {
				t.Errorf("%q, answer %q: good %t, left %q, want %t, %q\n%s", tc.match, answer, good, got, cut, left, said)
			}
			if tc.left != log {
				wants(t, said, fmt.Sprintf("%d bytes from offset %d on are to be cut off", len(log)-len(tc.left), len(tc.left)), "Continue? [y/N]: ")
			}
		}
	}
	if _, ok := ParseMatch(`SET "a`); ok {
		t.Error("an open quote is taken")
	}
	if _, ok := ParseMatch("  "); ok {
		t.Error("nothing is taken for a command")
	}
}

// parts makes a log of many files and returns its folder.
func parts(t *testing.T, base string, incrs ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "appendonlydir")
	manifest := "file a.1.base.aof seq 1 type b\n"
	write(t, filepath.Join(dir, "a.1.base.aof"), base)
	for i, text := range incrs {
		name := fmt.Sprintf("a.%d.incr.aof", i+1)
		manifest += fmt.Sprintf("file %s seq %d type i\n", name, i+1)
		write(t, filepath.Join(dir, name), text)
	}
	write(t, filepath.Join(dir, "a.manifest"), manifest)
	return dir
}

func TestFolders(t *testing.T) {
	set := request("SET", "a", "1")
	dir := parts(t, set, set, set[:9])
	for _, path := range []string{dir, filepath.Dir(dir), filepath.Join(dir, "a.manifest")} {
		good, said := try("", func(t *Tool) bool { return t.Log(path, LogOptions{}) })
		if good {
			t.Errorf("%s is good", path)
		}
		wants(t, said, "Start checking Multi Part AOF", "BASE AOF a.1.base.aof is valid", "INCR AOF a.1.incr.aof is valid", "AOF a.2.incr.aof is not valid")
	}
	if good, said := try("", func(t *Tool) bool { return t.Log(dir, LogOptions{Fix: true, Yes: true}) }); !good || read(t, filepath.Join(dir, "a.2.incr.aof")) != "" {
		t.Errorf("not repaired\n%s", said)
	}
	m, _ := ParseMatch("SET")
	good, said := try("y\n", func(t *Tool) bool { return t.Log(dir, LogOptions{Until: m}) })
	if good || read(t, filepath.Join(dir, "a.1.base.aof")) != set {
		t.Errorf("cut in the first of three files\n%s", said)
	}
	wants(t, said, "because it is not the last file")
	write(t, filepath.Join(dir, "b.manifest"), "#\n")
	if good, said := try("", func(t *Tool) bool { return t.Log(dir, LogOptions{}) }); good || !strings.Contains(said, "More than one manifest") {
		t.Errorf("two manifests: %t\n%s", good, said)
	}
	if good, said := try("", func(tool *Tool) bool { return tool.Log(t.TempDir(), LogOptions{}) }); good {
		t.Errorf("an empty folder is good\n%s", said)
	}
}

func TestCommands(t *testing.T) {
	payload := rdb.EndDump([]byte{2, 1, 1, 'a'}, 0) // a set of one member
	for _, tc := range []struct {
		log  string
		want string // "" for good
	}{
		{log: request("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")},
		{log: request("NOSUCH", "a"), want: "unknown command: NOSUCH a"},
		{log: request("FUNCTION", "FLUSH"), want: "a command that this version does not run: FUNCTION FLUSH"},
		{log: request("GET"), want: "wrong number of arguments: GET"},
		{log: request("RESTORE", "k", "0", string(payload))},
		{log: request("RESTORE", "k", "0", string(payload[:len(payload)-1])), want: "a value that does not decode"},
		{log: request("RESTORE", "k", "0", string(rdb.EndDump([]byte{2, 2, 1, 'a', 1, 'a'}, 0))), want: "a value that does not decode"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.aof"), request("SET", "a", "1")+tc.log)
		good, said := try("", func(t *Tool) bool { return t.Log(path, LogOptions{Look: Commands}) })
		if good != (tc.want == "") {
			t.Errorf("%q: good %t\n%s", tc.log, good, said)
		}
		wants(t, said, tc.want)
		if good, _ := try("", func(t *Tool) bool { return t.Log(path, LogOptions{Redis: true}) }); !good {
			t.Errorf("%q: not good for redis-check-aof", tc.log)
		}
	}
}

// file returns an RDB file without a checksum that holds the entries.
func file(entries ...string) string {
	return "REDIS0010\xfe\x00" + strings.Join(entries, "") + "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
}

func TestDamagedValues(t *testing.T) {
	const good, twice = "\x00\x01a\x01v", "\x02\x01b\x02\x01m\x01m" // a string; a set with a member twice
	const lzf = "\x00\x01c\xc3\x02\x14\xff\xff"                     // a compressed string of garbage
	var many []string
	for range 30 {
		many = append(many, twice)
	}
	for _, tc := range []struct {
		text string
		want []string
	}{
		{file(good, twice, good), []string{"[offset 16] the data is corrupt", "Reading key 'b' of database 0", "1 of 3 values are damaged", "3 keys read"}},
		{file(lzf, good, twice), []string{"[offset 11]", "Reading key 'c'", "[offset 24]", "Reading key 'b'", "2 of 3 values are damaged"}},
		{file(many...), []string{"[offset 11]", "[offset 19]", "10 further values are damaged", "30 of 30 values are damaged"}},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.rdb"), tc.text)
		ok, said := try("", func(t *Tool) bool { return t.RDB(path, RDBOptions{}) })
		if ok {
			t.Errorf("%q is good", tc.text)
		}
		wants(t, said, tc.want...)
	}
	path := write(t, filepath.Join(t.TempDir(), "a.rdb"), file(good, "\xfc\x01\x00\x00\x00\x00\x00\x00\x00"+good))
	ok, said := try("", func(t *Tool) bool { return t.RDB(path, RDBOptions{}) })
	if !ok {
		t.Error("a good file is not good")
	}
	wants(t, said, "2 keys read", "1 expires", "1 already expired")
}

// TestLargeValues: values that are read in pieces are judged like others, and what follows them is found.
func TestLargeValues(t *testing.T) {
	const after = "\x00\x05after\x01v"
	length := func(n int) string { return string([]byte{0x80, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	members := func(n int, twice bool) string {
		var b strings.Builder
		b.WriteString("\x02\x05large" + length(n))
		for i := range n {
			if twice && i == n/2 {
				i--
			}
			fmt.Fprintf(&b, "\x10member%010d", i)
		}
		return b.String()
	}
	text := "\x00\x05large" + length(3<<20) + strings.Repeat("x", 3<<20)
	for _, tc := range []struct {
		name, text string
		good       bool
		want       []string
	}{
		{"string", file(text, after), true, []string{"2 keys read"}},
		{"set", file(members(100_000, false), after), true, []string{"2 keys read"}},
		{"member twice", file(members(100_000, true), after), false, []string{"the same member twice", "Reading key 'large'", "1 of 2 values are damaged", "2 keys read"}},
		{"string cut off", file(text)[:1<<20], false, []string{"Unexpected EOF", "cannot be read"}},
		{"set cut off", file(members(100_000, false))[:1<<20], false, []string{"Unexpected EOF"}},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.rdb"), tc.text)
		good, said := try("", func(t *Tool) bool { return t.RDB(path, RDBOptions{}) })
		if good != tc.good {
			t.Errorf("%s: good %t, want %t", tc.name, good, tc.good)
		}
		wants(t, said, tc.want...)
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	set := request("SET", "a", "1")
	rdb := file("\x00\x01a\x01v")
	write(t, filepath.Join(dir, "mon", "dump.rdb"), rdb)
	write(t, filepath.Join(dir, "tue", "dump.rdb"), rdb)
	write(t, filepath.Join(dir, "tue", "notes.txt"), "hello")
	write(t, filepath.Join(dir, "tue", "temp-17.rdb"), rdb[:12])
	write(t, filepath.Join(dir, "wed", "appendonlydir", "a.manifest"), "file b seq 1 type b\nfile i seq 1 type i\nfile gone seq 9 type h\n")
	write(t, filepath.Join(dir, "wed", "appendonlydir", "b"), rdb)
	write(t, filepath.Join(dir, "wed", "appendonlydir", "i"), set)
	write(t, filepath.Join(dir, "wed", "old"), rdb+set)
	check := func(t *Tool) bool { return t.Backup(dir) }
	good, said := try("", check)
	if !good {
		t.Errorf("good backups are bad\n%s", said)
	}
	wants(t, said, "good  ", "mon/dump.rdb (RDB, 1 keys)", "notes.txt: passed over", "temp-17.rdb: passed over", "wed/old (RDB, 1 keys)", "a.manifest (RDB, 1 keys)",
		fmt.Sprintf("4 good, 0 bad, 2 passed over, %d bytes", 4*len(rdb)+2*len(set)))
	for path, text := range map[string]string{
		"mon/dump.rdb": rdb[:20], "wed/appendonlydir/i": set[:9], "wed/appendonlydir/a.manifest": "file b seq 1 type b\nfile b seq 1 type b\n", "wed/old": rdb + set[:9],
		"thu.aof": "garbage", "thu.rdb": "", "fri.manifest": "#\n",
	} {
		var before string
		full := filepath.Join(dir, path)
		if present(full) {
			before = read(t, full)
		}
		write(t, full, text)
		if good, said := try("", check); good || !strings.Contains(said, "BAD   "+dir) {
			t.Errorf("%s is %q: good %t\n%s", path, text, good, said)
		}
		if before == "" {
			if err := (vfs.OS{}).Remove(full); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, full, before)
		}
	}
	if good, said := try("", check); !good {
		t.Errorf("restored, and still bad\n%s", said)
	}
	if good, _ := try("", func(tool *Tool) bool { return tool.Backup(t.TempDir()) }); good {
		t.Error("an empty folder is a good backup")
	}
	if good, _ := try("", func(t *Tool) bool { return t.Backup(filepath.Join(dir, "none")) }); good {
		t.Error("no folder is a good backup")
	}
}

func present(path string) bool {
	_, err := vfs.OS{}.Stat(path)
	return err == nil
}

// TestFaults: each operation on the disk fails once, in turn; then the check does.
func TestFaults(t *testing.T) {
	set := request("SET", "a", "1")
	for _, tc := range []struct {
		name string
		run  func(t *Tool) bool
	}{
		{"rdb", func(t *Tool) bool { return t.RDB("a.rdb", RDBOptions{}) }},
		{"log", func(t *Tool) bool { return t.Log("d", LogOptions{Look: Commands}) }},
		{"fix", func(t *Tool) bool { return t.Log("d", LogOptions{Fix: true, Yes: true}) }},
		{"backup", func(t *Tool) bool { return t.Backup("d") }},
	} {
		for n := int64(1); ; n++ {
			mem := vfs.NewMem()
			files := vfs.NewFaulty(mem)
			if err := mem.Mkdir("d", 0o755); err != nil {
				t.Fatal(err)
			}
			last := set
			if tc.name == "fix" {
				last += "*"
			}
			for name, text := range map[string]string{"a.rdb": file("\x00\x01a\x01v"), "d/a.manifest": "file b seq 1 type b\nfile i seq 1 type i\n", "d/b": file(), "d/i": last} {
				if err := vfs.WriteFile(mem, name, name+"~", ".", []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			files.Set(vfs.Fault{At: n, Err: syscall.EIO})
			var out bytes.Buffer
			good := tc.run(&Tool{Files: files, In: strings.NewReader(""), Out: &out, Clock: clock.System{}})
			if files.Ops() < n {
				if !good {
					t.Errorf("%s: bad without a fault\n%s", tc.name, &out)
				}
				break
			}
			if good && !strings.HasPrefix(files.Op(n), "close") {
				t.Errorf("%s: good though %s, operation %d, failed\n%s", tc.name, files.Op(n), n, &out)
			}
		}
	}
}

// slow is a disk on which reading takes time.
type slow struct {
	vfs.FS
	clock *clock.Manual
}

type slowFile struct {
	vfs.File
	clock *clock.Manual
}

func (s slow) Open(name string) (vfs.File, error) {
	f, err := s.FS.Open(name)
	return slowFile{f, s.clock}, err
}

func (s slowFile) Read(b []byte) (int, error) {
	s.clock.Advance(time.Second)
	return s.File.Read(b[:min(len(b), 64)])
}

func TestProgress(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.rdb"), file("\x00\x01a\x40\xff"+strings.Repeat("x", 255)))
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		now := clock.NewManual(time.Unix(1e9, 0))
		tool := &Tool{Files: slow{vfs.OS{}, now}, In: strings.NewReader(""), Out: &out, Clock: now, Terminal: terminal}
		if !tool.RDB(path, RDBOptions{}) {
			t.Errorf("not good\n%s", &out)
		}
		if drawn := strings.Contains(out.String(), "\r"); drawn != terminal {
			t.Errorf("terminal %t: drawn %t: %q", terminal, drawn, &out)
		}
		if terminal {
			wants(t, out.String(), "[####", "....]", "%, ", "\r\x1b[K", "RDB looks OK")
		}
	}
}

func TestReason(t *testing.T) {
	for want, err := range map[string]error{
		"No such file or directory": &fs.PathError{Op: "open", Path: "a", Err: fs.ErrNotExist}, "Permission denied": fs.ErrPermission,
		"input/output error": &fs.PathError{Op: "read", Path: "a", Err: syscall.EIO}, "other": errors.New("other"),
	} {
		if got := reason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
