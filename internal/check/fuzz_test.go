// Shown here: whatever bytes a file has, a check of it ends, without a panic; a backup is only good when its
// file is; a log that is repaired is good.

package check

import (
	"bytes"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/vfs"
)

func FuzzFiles(f *testing.F) {
	f.Add([]byte(file("\x00\x01a\x01v", "\x02\x01b\x02\x01m\x01n")))
	f.Add([]byte(file("\x10\x01h\x0d\x0d\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xff")))
	f.Add([]byte(file("\x00\x01a\x01v") + request("SET", "b", "1") + "#TS:5\r\n" + request("MULTI") + request("DEL", "b")))
	f.Add([]byte("file a seq 1 type b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		files := vfs.NewMem()
		if err := files.Mkdir("/d", 0o755); err != nil {
			t.Fatal(err)
		}
		write := func() {
			if err := vfs.WriteFile(files, "/d/a", "/d/b", "/d", text); err != nil {
				t.Fatal(err)
			}
		}
		check := func(run func(t *Tool) bool) (bool, string) {
			var out bytes.Buffer
			good := run(&Tool{Files: files, In: strings.NewReader(""), Out: &out, Clock: clock.System{}})
			return good, out.String()
		}
		write()
		rdb, _ := check(func(t *Tool) bool { return t.RDB("/d/a", RDBOptions{}) })
		log, _ := check(func(t *Tool) bool { return t.Log("/d/a", LogOptions{Look: Commands}) })
		if backup, said := check(func(t *Tool) bool { return t.Backup("/d") }); backup && !rdb && !log {
			t.Errorf("%q: a good backup, but neither a good RDB file nor a good log\n%s", text, said)
		}
		if fixed, said := check(func(t *Tool) bool { return t.Log("/d/a", LogOptions{Fix: true, Yes: true}) }); fixed {
			if good, again := check(func(t *Tool) bool { return t.Log("/d/a", LogOptions{}) }); !good {
				t.Errorf("%q: repaired, and not good\n%s\nthen\n%s", text, said, again)
			}
		} else if log {
			t.Errorf("%q: good, and could not be repaired\n%s", text, said)
		}
	})
}
