// The table of versions, cell by cell. Shown here: a file of each version from 1 on, with every form that it
// may have, is read as what it says; and what is written in each version from 9 on is read back as the
// same commands, but for exactly what that version is said not to express.

package check

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tarn/internal/rdb"
)

// blob is a string of bytes, as a file has it.
func blob(b string) string { return string(rdb.AppendLength(nil, uint64(len(b)))) + b }

// ziplist of two elements: a text of one letter, and what is given with its encoding.
func ziplist(letter, second string) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(10+3+1+len(second)+1))
	b = binary.LittleEndian.AppendUint32(b, 10+3)
	b = append(binary.LittleEndian.AppendUint16(b, 2), 0, 1)
	return string(b) + letter + "\x03" + second + "\xff"
}

// forms are those of files, the version that brought each, and the commands that it stands for.
var forms = []struct {
	since    int
	part     string
	commands []string // words; a key's deadline stands behind
}{
	{1, "\x00\x06string\xc1\x39\x30", []string{"SET string 12345"}},
	{1, "\x01\x04list\x02\x01a\x01b", []string{"RPUSH list a b"}},
	{1, "\x02\x03set\x01\x01m", []string{"SADD set m"}},
	{1, "\x03\x04zset\x02\x01a\x031.5\x01b\xfe", []string{"ZADD zset 1.5 a inf b"}},
	{1, "\x04\x04hash\x01\x01f\x01v", []string{"HMSET hash f v"}},
	{1, "\xfd\x00\x94\x35\x77\x00\x02in\x01s", []string{"SET in s", "PEXPIREAT in 2000000000000"}},
	{2, "\x09\x06zipmap" + blob("\x01\x01f\x01\x00v\xff"), []string{"HMSET zipmap f v"}},
	{2, "\x0a\x07ziplist" + blob(ziplist("a", "\x01b")), []string{"RPUSH ziplist a b"}},
	{2, "\x0b\x06intset" + blob("\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00"), []string{"SADD intset 1 2"}},
	{3, "\x0c\x05zpack" + blob(ziplist("m", "\xf3")), []string{"ZADD zpack 2 m"}},
	{4, "\x0d\x05hpack" + blob(ziplist("f", "\x01v")), []string{"HMSET hpack f v"}},
	{5, "\xfc\x7b\xd8\xc3\x2c\xbb\x03\x00\x00\x00\x02ms\x01s", []string{"SET ms s", "PEXPIREAT ms 4102444800123"}},
	{6, "\x0a\x05small" + blob(ziplist("a", "\xfe\x80")), []string{"RPUSH small a -128"}},
	{7, "\xfa\x09redis-ver\x053.2.0\xfe\x00\xfb\x01\x00\x0e\x05quick\x01" + blob(ziplist("a", "\x01b")), []string{"RPUSH quick a b"}},
	{8, "\x05\x05zset2\x01\x01m\x00\x00\x00\x00\x00\x00\xf8\x3f", []string{"ZADD zset2 1.5 m"}},
	{8, "\x00\x04long\x81\x00\x00\x00\x00\x00\x00\x00\x02ab", []string{"SET long ab"}},
	{9, "\xf9\x07\x00\x04freq\x01f", []string{"SET freq f"}},
	{9, "\xf8\x40\xff\x00\x04idle\x01i", []string{"SET idle i"}},
	{10, "\x10\x02lp" + blob("\x0d\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xff"), []string{"HMSET lp f v"}},
	{11, packedSet, []string{"SADD set a"}},
	{12, timedHash, []string{"HMSET hash f v", "HPEXPIREAT hash 1000000000000 FIELDS 1 f"}},
	{80, valkeys, []string{"HMSET hash f v", "HPEXPIREAT hash 1000000000000 FIELDS 1 f"}},
}

// commandsOf returns what a log holds, sorted, without choices of databases.
func commandsOf(text string) (all []string) {
	for _, c := range strings.Split(text, "*") {
		lines := strings.Split(c, "\r\n")
		var words []string
		for i := 2; i < len(lines); i += 2 {
			words = append(words, lines[i])
		}
		if len(words) > 0 && words[0] != "SELECT" {
			all = append(all, strings.Join(words, " "))
		}
	}
	slices.Sort(all)
	return all
}

func TestEveryVersionIsRead(t *testing.T) {
	for version := 1; version <= rdb.ValkeyVersion; version++ {
		if !rdb.Readable(version) {
			continue
		}
		header := fmt.Sprintf("REDIS%04d", version)
		if version == rdb.ValkeyVersion {
			header = "VALKEY080"
		}
		var parts, want []string
		names := map[string]bool{}
		for _, f := range slices.Backward(forms) {
			foreign := version == rdb.ValkeyVersion && f.since == rdb.NewestVersion
			name := strings.Fields(f.commands[0])[1]
			if f.since > version || foreign || names[name] { // of two forms of one key, the newer
				continue
			}
			names[name] = true
			parts = append(parts, f.part)
			want = append(want, f.commands...)
		}
		file := headed(header, parts...)
		if version < 5 {
			file = file[:len(file)-8]
		}
		dir := t.TempDir()
		in, out := write(t, filepath.Join(dir, "in.rdb"), file), filepath.Join(dir, "out.aof")
		if good, said := try("", func(t *Tool) bool { return t.Convert(in, out, ConvertOptions{}) }); !good {
			t.Errorf("version %d:\n%s", version, said)
			continue
		}
		slices.Sort(want)
		if got := commandsOf(read(t, out)); !slices.Equal(got, want) {
			t.Errorf("version %d: %q, want %q", version, got, want)
		}
		if good, said := try("", func(t *Tool) bool { return t.RDB(in, RDBOptions{}) }); !good {
			t.Errorf("version %d:\n%s", version, said)
		}
	}
}

func TestEveryVersionIsWritten(t *testing.T) {
	log := request("HSET", "timed", "f", "1", "g", "2") + request("HPEXPIREAT", "timed", "4102444800000", "FIELDS", "1", "f")
	for _, c := range every() {
		log += request(c...)
	}
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "source.aof"), log)
	commands := func(in, out string, o ConvertOptions) []string {
		t.Helper()
		if good, said := try("", func(t *Tool) bool { return t.Convert(in, out, o) }); !good {
			t.Fatalf("%s to %s:\n%s", in, out, said)
		}
		return commandsOf(read(t, out))
	}
	newest := filepath.Join(dir, "newest.rdb") // commands that were run at different times differ in them
	commands(source, newest, ConvertOptions{})
	want := commands(newest, filepath.Join(dir, "want.aof"), ConvertOptions{})
	for version := rdb.OldestVersion; version <= rdb.NewestVersion; version++ {
		file := filepath.Join(dir, fmt.Sprint(version, ".rdb"))
		commands(newest, file, ConvertOptions{Version: version, Lossy: true})
		if header := fmt.Sprintf("REDIS%04d", version); !strings.HasPrefix(read(t, file), header) {
			t.Errorf("version %d: the header is %.9q", version, read(t, file))
		}
		got := commands(file, filepath.Join(dir, fmt.Sprint(version, ".aof")), ConvertOptions{})
		expected := slices.Clone(want)
		if version < 12 {
			expected = slices.DeleteFunc(expected, func(c string) bool { return strings.Fields(c)[1] == "timed" })
			expected = append(expected, "HMSET timed f 1 g 2")
			slices.Sort(expected)
		}
		lost := func(c string) bool { // how many entries were ever added, deleted, read
			return version < 10 && (strings.HasPrefix(c, "XSETID ") || strings.HasPrefix(c, "XGROUP CREATE "))
		}
		if version < 10 {
			if len(got) != len(expected) {
				t.Errorf("version %d: %d commands, want %d", version, len(got), len(expected))
			}
			got, expected = slices.DeleteFunc(got, lost), slices.DeleteFunc(expected, lost)
		}
		if !slices.Equal(got, expected) {
			t.Errorf("version %d: %s", version, difference(got, expected))
		}
	}
}

// difference names the first thing in which two lists differ.
func difference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("%.200q is missing", want[i])
		case i >= len(want):
			return fmt.Sprintf("%.200q is too much", got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("%.200q, want %.200q", got[i], want[i])
		}
	}
	return "none"
}
