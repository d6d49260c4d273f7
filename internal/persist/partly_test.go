// Shows what load-what-you-can loads, and that what it leaves out is never lost: the file that was loaded
// in part is on the disk under some name, whole, whatever operation fails and whenever the power goes,
// before and after the saves that take its place; the same for the files of a log. Without the directive
// such files are refused, in a redis-server's words.

package persist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tarn/internal/aof"
	"tarn/internal/rdb"
	"tarn/internal/vfs"
)

// Parts of files. A module's value is its identity, an integer, a string, the end.
const (
	partA, partB = "\x00\x01a\x01x", "\x00\x01b\x01y"
	unknownValue = "\x63\x03bad\x01x"
	brokenSet    = "\x02\x03set\x02\x01m\x01m"
)

// identity is how a module's name stands in a file.
func identity(name string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	id := uint64(0)
	for i := range len(name) {
		id = id<<6 | uint64(strings.IndexByte(letters, name[i]))
	}
	return string(binary.BigEndian.AppendUint64([]byte{0x81}, id<<10|1))
}

// crafted returns a file of a header and parts.
func crafted(header string, parts ...string) []byte {
	b := []byte(header + strings.Join(parts, "") + "\xff")
	return binary.LittleEndian.AppendUint64(b, rdb.CRC64(0, b))
}

// module returns the value of a module, with a key.
func module(key, name string) string {
	return "\x07" + string(rune(len(key))) + key + identity(name) + "\x01\x05\x05\x05hello\x00"
}

// original returns the names in a folder under which a file holds data.
func holding(t *testing.T, disk vfs.FS, dir string, data []byte) (names []string) {
	t.Helper()
	entries, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if got, err := vfs.ReadFile(disk, filepath.Join(dir, e.Name())); err == nil && bytes.Equal(got, data) {
			names = append(names, e.Name())
		}
	}
	return names
}

// listed returns the lines of the list of what was left out, but for its head.
func listed(t *testing.T, disk vfs.FS, dir string) (lines []string) {
	t.Helper()
	entries, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.Contains(e.Name(), ".left-out-") {
			continue
		}
		text, err := vfs.ReadFile(disk, filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return lines
}

func TestLoadWhatYouCan(t *testing.T) {
	long := strings.Repeat("z", 300<<10) // too large for a batch
	longString := "\x00\x04long\x80" + string(binary.BigEndian.AppendUint32(nil, uint32(len(long)))) + long
	whole := dataset{"0/a": "x", "0/b": "y"}
	for _, tc := range []struct {
		name    string
		data    []byte
		refused string   // what the log says without the directive; "": it is loaded
		list    []string // beginnings of lines, with it
		info    []string
		want    dataset
	}{
		{"newer, and understood", crafted("REDIS0013", partA, partB), "Can't handle RDB format version 13",
			[]string{"-\t-\t-\t-\tversion 13 is newer"}, []string{"rdb_last_load_keys_left_out:0"}, whole},
		{"a newer Valkey", crafted("VALKEY081", partA, partB), "Can't handle RDB format version 81",
			[]string{"-\t-\t-\t-\tversion 81 is newer"}, nil, whole},
		{"a module's value", crafted("REDIS0011", partA, module("json", "ReJSON-RL"), partB),
			"The RDB file contains module data I can't load: no matching module type 'ReJSON-RL'",
			[]string{"14\t19\t0\t\"json\"\ttype 7 (module value of \"ReJSON-RL\")"}, []string{"rdb_last_load_keys_left_out:1", "rdb_last_load_bytes_left_out:0"}, whole},
		{"an unknown type", crafted("REDIS0010", "\xfe\x00\xfb\x03\x00", partA, unknownValue, partB), "Unknown RDB encoding type 99",
			[]string{"-\t-\t-\t-\tfrom offset 19 on, 21 bytes and, as the file counts them, 2 keys or more cannot be read"},
			[]string{"rdb_last_load_bytes_left_out:21"}, dataset{"0/a": "x"}},
		{"an unknown type of a newer file", crafted("REDIS0014", partA, unknownValue, partB), "Can't handle RDB format version 14",
			[]string{"-\t-\t-\t-\tfrom offset 14 on", "-\t-\t-\t-\tversion 14"}, nil, dataset{"0/a": "x"}},
		{"cut off", crafted("REDIS0010", partA, partB)[:17], "Short read or OOM loading DB. Unrecoverable error, aborting now.",
			[]string{"-\t-\t-\t-\tfrom offset 14 on, 3 bytes"}, nil, dataset{"0/a": "x"}},
		{"cut off in a long value", append([]byte("REDIS0010"+partA), longString[:1000]...), "Short read or OOM loading DB.",
			[]string{"-\t-\t-\t-\tfrom offset 14 on, 1000 bytes"}, []string{"rdb_last_load_keys_loaded:1"}, dataset{"0/a": "x"}},
		{"a value that does not decode", crafted("REDIS0010", partA, brokenSet, partB), "",
			[]string{"14\t5\t0\t\"set\"\ttype 2 (set): does not decode"}, []string{"rdb_last_load_keys_loaded:2"}, whole},
		{"a key twice", crafted("REDIS0010", partA, partB, partA), "", []string{"19\t2\t0\t\"a\"\ttwice in the file"}, nil, whole},
		{"a database too many", crafted("REDIS0010", partA, partB, "\xfe\x10", partA), "", []string{"21\t2\t16\t\"a\"\tthe databases directive"}, nil, whole},
		{"a wrong checksum", append(crafted("REDIS0010", partA, partB)[:20], "12345678"...), "",
			[]string{"-\t-\t-\t-\trdb: offset 20: checksum"}, nil, whole},
		{"all at once", crafted("REDIS0013", "\xf7"+identity("aux------")+"\x02\x01\x00", module("m", "ReJSON-RL"), brokenSet, partA, partB),
			"Can't handle RDB format version 13", []string{"-\t-\t-\t-\tdata of module \"aux------\"", "22\t19\t0\t\"m\"", "44\t5\t0\t\"set\"", "-\t-\t-\t-\tversion 13"},
			[]string{"rdb_last_load_keys_left_out:2"}, whole},
	} {
		r := newRig(t, newDisk(t), nil)
		place(t, r.disk, tc.data)
		r.log.take()
		err := r.p.Load()
		text := strings.Join(r.log.take(), "\n")
		if err == nil || !strings.Contains(text, tc.refused) || len(temps(t, r.disk)) > 0 {
			t.Errorf("%s: without the directive: %v, the log says\n%s\nfiles: %q", tc.name, err, text, temps(t, r.disk))
		}
		r.set("load-what-you-can", "yes")
		r.tx.LockAll()
		r.tx.Flush(-1, false)
		r.tx.Unlock()
		if err := r.p.Load(); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := r.dataset(); !maps.Equal(got, tc.want) {
			t.Errorf("%s: loaded %s, want %s", tc.name, got.brief(), tc.want.brief())
		}
		lines := listed(t, r.disk, dataDir)
		for i, want := range tc.list {
			if len(lines) != len(tc.list) || !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: the list is %q, want what begins with %q", tc.name, lines, tc.list)
				break
			}
		}
		r.wantInfo(tc.name, tc.info...)
		kept := r.info("rdb_partly_loaded_kept_as")
		for range 2 { // saves
			if got := holding(t, r.disk, dataDir, tc.data); !slices.Contains(got, filepath.Base(kept)) {
				t.Errorf("%s: the file is kept as %q, and told to be %q", tc.name, got, kept)
			}
			if err := r.bgsave(); err != nil {
				t.Errorf("%s: save: %v", tc.name, err)
			}
		}
		if got, err := loaded(t, r.disk); err != nil || !maps.Equal(got, tc.want) {
			t.Errorf("%s: after a save there is %s (%v)", tc.name, got.brief(), err)
		}
	}
}

// TestKeptOnce shows that a file that is loaded again and again is kept once, and that a whole one is not.
func TestKeptOnce(t *testing.T) {
	data := crafted("REDIS0010", partA, "\xf5\x0d#!lua name=ab")
	disk := newDisk(t)
	place(t, disk, data)
	for range 3 {
		r := newRig(t, disk, nil)
		if err := r.p.Load(); err != nil {
			t.Fatal(err)
		}
	}
	if got := holding(t, disk, dataDir, data); len(got) != 2 || len(temps(t, disk)) != 2 {
		t.Errorf("the file is there as %q, and the folder holds %q besides", got, temps(t, disk))
	}
	r := newRig(t, newDisk(t), nil)
	r.set("load-what-you-can", "yes")
	place(t, r.disk, crafted("REDIS0010", partA))
	if err := r.p.Load(); err != nil || len(temps(t, r.disk)) != 0 {
		t.Errorf("a whole file: %v, and left %q", err, temps(t, r.disk))
	}
	r.wantInfo("a whole file", "rdb_last_load_keys_left_out:-", "rdb_partly_loaded_kept_as:-")
}

// unlinked is a file system without links.
type unlinked struct{ vfs.FS }

func (unlinked) Link(from, to string) error {
	return &fs.PathError{Op: "link", Path: to, Err: syscall.EPERM}
}

// TestOriginalSurvives breaks each operation of a load and two saves in turn, once or from then on, and
// cuts the power there: the file as it was is always there.
func TestOriginalSurvives(t *testing.T) {
	data := crafted("REDIS0010", partA, module("json", "ReJSON-RL"), partB)
	for _, over := range []func(vfs.FS) vfs.FS{nil, func(below vfs.FS) vfs.FS { return unlinked{below} }} {
		for at, last := int64(1), false; !last; at++ {
			for _, stays := range []bool{false, true} {
				r := newRig(t, newDisk(t), over)
				place(t, r.disk, data)
				r.set("load-what-you-can", "yes")
				r.fault.Set(vfs.Fault{At: at, Err: syscall.ENOSPC, Short: true, Stays: stays})
				loadErr := r.p.Load()
				good := 0
				for range 2 {
					if loadErr == nil && r.p.Save() == nil {
						good++
					}
				}
				last = r.fault.Ops() < at
				what := fmt.Sprintf("links %t, fault at %d (%s), stays %t", over == nil, at, r.fault.Op(at), stays)
				if last && good != 2 {
					t.Fatalf("%s: %d saves are good without a fault, load: %v", what, good, loadErr)
				}
				if good > 0 && len(holding(t, r.disk, dataDir, data)) == 0 {
					t.Errorf("%s: the file is gone", what)
				}
				for seed := range uint64(cutSeeds) {
					disk := r.disk.Crash(seed)
					if len(holding(t, disk, dataDir, data)) == 0 {
						t.Errorf("%s, power cut, seed %d: the file is gone; there is %q", what, seed, temps(t, disk))
					}
					if _, err := scanned(disk); err != nil && !errors.Is(err, rdb.ErrUnsupported) {
						t.Errorf("%s, power cut, seed %d: nothing can be loaded: %v", what, seed, err)
					}
				}
			}
		}
	}
}

// TestNothingIsKept shows that saves fail, and say so, as long as the file can be kept in no way, and that
// all is well when it can, or when somebody has moved it.
func TestNothingIsKept(t *testing.T) {
	data := crafted("REDIS0010", partA, module("json", "ReJSON-RL"))
	for _, moved := range []bool{false, true} {
		r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { return unlinked{below} })
		place(t, r.disk, data)
		r.set("load-what-you-can", "yes")
		r.set("save-space-check", "no")
		r.disk.SetRoom(vfs.Room{Free: 10, Bound: "on the disk", File: 1 << 40})
		if err := r.p.Load(); err != nil {
			t.Fatal(err)
		}
		r.wantInfo("not kept", "rdb_partly_loaded_kept_as:")
		if err := r.p.Save(); err == nil {
			t.Error("the file was replaced")
		}
		if err := r.bgsave(); err != nil {
			t.Error(err)
		}
		r.wantInfo("not kept", "rdb_last_bgsave_status:err")
		if got := holding(t, r.disk, dataDir, data); !slices.Equal(got, []string{"dump.rdb"}) {
			t.Errorf("the file is there as %q", got)
		}
		if moved {
			if err := r.disk.Rename(dumpRDB, dataDir+"/mine"); err != nil {
				t.Fatal(err)
			}
		} else {
			r.disk.SetRoom(vfs.Room{Free: 1 << 40, Bound: "on the disk", File: 1 << 40})
		}
		if err := r.bgsave(); err != nil {
			t.Error(err)
		}
		r.wantInfo("kept", "rdb_last_bgsave_status:ok")
		if got := holding(t, r.disk, dataDir, data); len(got) != 1 || got[0] == "dump.rdb" {
			t.Errorf("moved %t: the file is there as %q", moved, got)
		}
	}
}

// logOf makes a log of a base and an increment.
func logOf(t *testing.T, disk vfs.FS, base []byte, incr string) (dir string) {
	t.Helper()
	dir = dataDir + "/appendonlydir"
	if err := disk.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"appendonly.aof.1.base.rdb": string(base), "appendonly.aof.1.incr.aof": incr,
		"appendonly.aof.manifest": "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n",
	} {
		if err := vfs.WriteFile(disk, dir+"/"+name, dir+"/new", dir, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.SyncDir(dataDir); err != nil {
		t.Fatal(err)
	}
	return dir
}

const setC = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r\nz\r\n"

// keptLog returns the folder beside the log's in which one is kept, if it is whole: with a manifest all of
// whose files are there.
func keptLog(t *testing.T, disk vfs.FS, base []byte) string {
	t.Helper()
	entries, err := disk.ReadDir(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		dir := filepath.Join(dataDir, e.Name())
		text, err := vfs.ReadFile(disk, dir+"/appendonly.aof.manifest")
		if err != nil || !e.IsDir() {
			continue
		}
		m, err := aof.ParseManifest(text)
		if err != nil || m.Base.Seq == 0 {
			continue
		}
		got, err := vfs.ReadFile(disk, filepath.Join(dir, m.Base.Name))
		whole := err == nil && bytes.Equal(got, base)
		for _, f := range m.Incrs {
			text, err := vfs.ReadFile(disk, filepath.Join(dir, f.Name))
			whole = whole && err == nil && (f.Seq != 1 || strings.HasPrefix(string(text), setC))
		}
		if whole {
			return dir
		}
	}
	return ""
}

func TestLogLoadedInPart(t *testing.T) {
	base := crafted("REDIS0011", partA, module("json", "ReJSON-RL"), partB)
	r := newRig(t, newDisk(t), nil)
	dir := logOf(t, r.disk, base, setC)
	if err := r.boot(); err != ErrLoadLog {
		t.Errorf("without the directive: %v", err)
	}
	if text := strings.Join(r.log.take(), "\n"); !strings.Contains(text, "no matching module type 'ReJSON-RL'") || !strings.Contains(text, "Error reading the RDB base file") {
		t.Errorf("the log says\n%s", text)
	}
	r = newRig(t, r.disk, nil)
	if err := r.boot("load-what-you-can", "yes"); err != nil {
		t.Fatal(err)
	}
	want := dataset{"0/a": "x", "0/b": "y", "0/c": "z"}
	if got := r.dataset(); !maps.Equal(got, want) {
		t.Errorf("loaded %s", got.brief())
	}
	if lines := listed(t, r.disk, dir); len(lines) != 1 || !strings.Contains(lines[0], `"json"`) {
		t.Errorf("the list is %q", lines)
	}
	r.mustRewrite()
	r.p.Wait()
	kept := r.info("rdb_partly_loaded_kept_as")
	if got := keptLog(t, r.disk, base); got == "" || got != kept {
		t.Errorf("the log is kept in %q, and told to be in %q", got, kept)
	}
	r.end()
	if got, err := booted(t, r.disk); err != nil || !maps.Equal(got, want) {
		t.Errorf("after a rewrite there is %s (%v)", got.brief(), err)
	}
}

// TestBaseCutOff shows that commands are never run behind a base that could not be read to its end, and that
// such a base alone is replaced before anything is written behind it.
func TestBaseCutOff(t *testing.T) {
	base := crafted("REDIS0010", partA, unknownValue, partB)
	r := newRig(t, newDisk(t), nil)
	logOf(t, r.disk, base, setC)
	if err := r.boot("load-what-you-can", "yes"); err != ErrLoadLog {
		t.Errorf("with commands behind it: %v", err)
	}
	if text := strings.Join(r.log.take(), "\n"); !strings.Contains(text, "appendonly.aof.1.incr.aof holds commands that follow it") {
		t.Errorf("the log says\n%s", text)
	}
	r = newRig(t, newDisk(t), nil)
	logOf(t, r.disk, base, "")
	if err := r.boot("load-what-you-can", "yes"); err != nil {
		t.Fatal(err)
	}
	r.write(0, "new", "1")
	r.end()
	if keptLog(t, r.disk, base) == "" && len(holding(t, r.disk, r.info("rdb_partly_loaded_kept_as"), base)) == 0 {
		t.Error("the base is gone")
	}
	got, err := booted(t, r.disk)
	if err != nil || got["0/a"] != "x" {
		t.Errorf("started again without the directive: %s (%v)", got.brief(), err)
	}
}

// TestLogSurvives is TestOriginalSurvives of a log: of its start and a rewrite.
func TestLogSurvives(t *testing.T) {
	base := crafted("REDIS0011", partA, module("json", "ReJSON-RL"), partB)
	for _, over := range []func(vfs.FS) vfs.FS{nil, func(below vfs.FS) vfs.FS { return unlinked{below} }} {
		for at, last := int64(1), false; !last; at += 1 + at/40 {
			r := newRig(t, newDisk(t), over)
			logOf(t, r.disk, base, setC)
			r.fault.Set(vfs.Fault{At: at, Err: syscall.EIO, Stays: at%2 == 0})
			if r.boot("load-what-you-can", "yes", "appendfsync", "no") == nil {
				for range 2 {
					_, _ = r.p.BGRewrite(false) // what fails is what is looked at
					r.p.Wait()
				}
			}
			last = r.fault.Ops() < at
			what := fmt.Sprintf("links %t, fault at %d (%s)", over == nil, at, r.fault.Op(at))
			r.end()
			if keptLog(t, r.disk, base) == "" {
				t.Errorf("%s: the log is gone", what)
			}
			for seed := range uint64(cutSeeds) {
				if keptLog(t, r.disk.Crash(seed), base) == "" {
					t.Errorf("%s, power cut, seed %d: the log is gone", what, seed)
				}
			}
		}
	}
}
