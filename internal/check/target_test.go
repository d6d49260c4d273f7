// Shown here: what of a file another server would not load, key by key, and that what is said of Redis 7.0 is
// what it does; what a check says of newer files and of values of modules, and what a conversion makes of
// them.

package check

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tarn/internal/rdb"
	"tarn/test/harness"
)

// Parts of files.
const (
	plain     = "\x00\x01a\x01v"
	packedSet = "\x14\x03set\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff"
	timedHash = "\x18\x04hash\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01\x01\x01f\x01v"
	valkeys   = "\x16\x04hash\x01\x01f\x01v\x00\x10\xa5\xd4\xe8\x00\x00\x00"
	library   = "\xf5\x0d#!lua name=ab"
	unknown   = "\x63\x03bad\x01x"
)

// modules is the value of a module: its identity, a string, the end.
var modules = "\x07\x04json" + string(binary.BigEndian.AppendUint64([]byte{0x81}, 0x2f5a5a8c<<10|1)) + "\x05\x05hello\x00"

// headed returns a file of a header and parts, with its checksum.
func headed(header string, parts ...string) string {
	b := []byte(header + strings.Join(parts, "") + "\xff")
	return string(binary.LittleEndian.AppendUint64(b, rdb.CRC64(0, b)))
}

func TestFor(t *testing.T) {
	for _, tc := range []struct {
		file, target string
		good         bool
		says         []string
		not          string
	}{
		{headed("REDIS0010", plain), "redis-7.0", true, []string{"It loads there as it is"}, "not known"},
		{headed("REDIS0009", plain), "redis-6.2", true, nil, ""},
		{headed("REDIS0006", plain), "6", true, nil, ""},
		{headed("REDIS0011", plain), "valkey-9.0", true, nil, ""},
		{headed("VALKEY080", plain, valkeys), "valkey-9.0", true, nil, ""},
		{headed("REDIS0012", plain, timedHash), "redis-7.4", true, nil, ""},
		{headed("REDIS0010", library, plain), "redis-7.0", true, nil, ""},
		{headed("REDIS0010", library, plain), "redis-6.2", false, []string{"version 10: it is refused", "libraries of functions", "--rdb-version 9 --lossy"}, ""},
		{headed("REDIS0010", plain), "redis-6.2", false, []string{"version 10: it is refused as a whole", "nothing is lost: tarn convert FILE OUT --rdb-version 9"}, "not known"},
		{headed("REDIS0011", plain, packedSet), "redis-7.0", false, []string{"type 20 (set as listpack) is not known there: 1 keys, the first db 0 key \"set\"", "nothing is lost"}, ""},
		{headed("REDIS0010", plain, timedHash), "redis-7.0", false,
			[]string{"type 24 (hash with field deadlines) is not known there: 1 keys", `db 0 key "hash": the deadlines of its fields`, "without the 1 things above"}, "refused as a whole"},
		{headed("VALKEY080", plain, valkeys), "redis-8.0", false, []string{"version 80: it is refused", "type 22 (hash with field deadlines, Valkey's) is not known", "nothing is lost: tarn convert FILE OUT --rdb-version 12"}, ""},
		{headed("REDIS0012", plain, timedHash), "valkey-9.0", false, []string{"version 12: it is refused", "type 24", "--rdb-version 11 --lossy"}, ""},
		{headed("REDIS0010", plain, modules), "redis-7.0", false, []string{`db 0 key "json": type 7 (module value of`, "which needs that module there"}, "refused as a whole"},
		{headed("REDIS0009", plain), "redis-4.0", false, []string{"files for it cannot be written: version 9 is the oldest"}, ""},
		{headed("REDIS0010", plain)[:12], "redis-7.0", false, []string{"cannot be read to its end"}, ""},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.rdb"), tc.file)
		target, err := ParseTarget(tc.target)
		if err != nil {
			t.Fatal(err)
		}
		good, said := try("", func(t *Tool) bool { return t.RDB(path, RDBOptions{For: &target}) })
		if good != tc.good {
			t.Errorf("%.40q for %s: %t\n%s", tc.file, tc.target, good, said)
		}
		wants(t, said, tc.says...)
		if tc.not != "" && strings.Contains(said, tc.not) {
			t.Errorf("%.40q for %s: %q in\n%s", tc.file, tc.target, tc.not, said)
		}
	}
	for _, text := range []string{"", "redis-1", "13", "0", "79", "81", "-1"} {
		if got, err := ParseTarget(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

// TestOracleFor shows, of files that are made for it and others, that redis-server loads just those which
// are said to load there.
func TestOracleFor(t *testing.T) {
	target, err := ParseTarget("redis-7.0")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"its own": dump(t), "timed": headed("REDIS0010", plain, timedHash), "packed": headed("REDIS0011", packedSet),
		"packed, and lying": headed("REDIS0010", packedSet), "module": headed("REDIS0010", modules), "Valkey's": headed("VALKEY080", plain)}
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "source.rdb"), dump(t))
	for version := rdb.OldestVersion; version <= rdb.NewestVersion; version++ {
		name := fmt.Sprint("version ", version)
		out := filepath.Join(dir, name)
		if good, said := try("", func(t *Tool) bool { return t.Convert(source, out, ConvertOptions{Version: version, Lossy: true}) }); !good {
			t.Fatalf("%s:\n%s", name, said)
		}
		files[name] = read(t, out)
	}
	loaded := 0
	for name, text := range files {
		folder := t.TempDir()
		path := write(t, filepath.Join(folder, "dump.rdb"), text)
		good, said := try("", func(t *Tool) bool { return t.RDB(path, RDBOptions{For: &target}) })
		command := exec.Command(harness.LookPath(t, "redis-check-rdb"), path)
		output, err := command.CombinedOutput()
		if strings.Contains(name, "module") { // which redis-check-rdb passes over, and the server does not
			err = os.ErrInvalid
		}
		if good != (err == nil) {
			t.Errorf("%s: said to load: %t\n%s\nredis-check-rdb: %v\n%s", name, good, said, err, output)
		}
		if !good {
			continue
		}
		loaded++
		harness.Oracle(t).Start(t, "dir "+harness.Quote(folder)).Dial(t).Must(t, "PING")
	}
	if loaded != 3 { // its own, versions 9 and 10
		t.Errorf("%d files are loaded, want 3", loaded)
	}
}

func TestNewerAndModules(t *testing.T) {
	for _, tc := range []struct {
		file string
		o    RDBOptions
		good bool
		says []string
	}{
		{headed("REDIS0011", plain, modules), RDBOptions{}, true, []string{`not loaded: db 0 key "json": type 7 (module value of`, "1 values of modules", "2 keys read"}},
		{headed("REDIS0011", plain, modules), RDBOptions{WhatYouCan: true}, false, []string{`not loaded: db 0 key "json"`}},
		{headed("REDIS0013", plain), RDBOptions{}, false, []string{"Can't handle RDB format version"}},
		{headed("REDIS0013", plain), RDBOptions{WhatYouCan: true}, false, []string{"version 13 is newer", "1 keys read"}},
		{headed("REDIS0011", plain), RDBOptions{WhatYouCan: true}, true, nil},
		{headed("REDIS0011", "\xfe\x00\xfb\x05\x00", plain, unknown), RDBOptions{WhatYouCan: true}, false,
			[]string{"type 99 (unknown)", "cannot be read", "as the file counts them, 4 keys or more are there"}},
	} {
		path := write(t, filepath.Join(t.TempDir(), "a.rdb"), tc.file)
		good, said := try("", func(t *Tool) bool { return t.RDB(path, tc.o) })
		if good != tc.good {
			t.Errorf("%.40q, %+v: %t\n%s", tc.file, tc.o, good, said)
		}
		wants(t, said, tc.says...)
	}
}

func TestConvertWhatYouCan(t *testing.T) {
	brokenSet := "\x02\x03set\x02\x01m\x01m"
	for _, tc := range []struct {
		file string
		o    ConvertOptions
		good bool
		says []string
	}{
		{headed("REDIS0011", plain, modules), ConvertOptions{}, false, []string{`lost: db 0 key "json": type 7`, "use --lossy"}},
		{headed("REDIS0011", plain, modules), ConvertOptions{Lossy: true}, true, []string{"1 keys, 1 things"}},
		{headed("REDIS0013", plain), ConvertOptions{Lossy: true}, false, []string{"version 13"}},
		{headed("REDIS0013", plain), ConvertOptions{WhatYouCan: true}, false, []string{"lost: the file: version 13 is newer"}},
		{headed("REDIS0013", plain), ConvertOptions{WhatYouCan: true, Lossy: true}, true, nil},
		{headed("REDIS0010", plain, unknown), ConvertOptions{Lossy: true}, false, []string{"type 99"}},
		{headed("REDIS0010", "\xfe\x00\xfb\x05\x00", plain, unknown), ConvertOptions{WhatYouCan: true, Lossy: true}, true,
			[]string{"lost: the file: 16 bytes from offset 19 on", "as the file counts them, 4 keys or more"}},
		{headed("REDIS0010", plain, brokenSet), ConvertOptions{Lossy: true}, false, nil},
		{headed("REDIS0010", brokenSet, plain), ConvertOptions{WhatYouCan: true, Lossy: true}, true, []string{`lost: db 0 key "set": `}},
		{headed("REDIS0010", plain, plain), ConvertOptions{WhatYouCan: true, Lossy: true}, true, []string{`lost: db 0 key "a": the key is there twice`}},
		{headed("REDIS0010", plain)[:15] + "12345678", ConvertOptions{WhatYouCan: true, Lossy: true}, true, []string{"lost: the file: rdb: offset"}},
	} {
		dir := t.TempDir()
		in, out := write(t, filepath.Join(dir, "in.rdb"), tc.file), filepath.Join(dir, "out.aof")
		good, said := try("", func(t *Tool) bool { return t.Convert(in, out, tc.o) })
		if good != tc.good || good != present(out) {
			t.Errorf("%.40q, %+v: %t\n%s", tc.file, tc.o, good, said)
			continue
		}
		wants(t, said, tc.says...)
		if good && !strings.Contains(read(t, out), "\r\na\r\n$1\r\nv\r\n") {
			t.Errorf("%.40q, %+v: written is %q", tc.file, tc.o, read(t, out))
		}
	}
}
