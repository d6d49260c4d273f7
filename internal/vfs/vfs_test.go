// Shows that the real disk, the one in memory and a faulty one that never fails behave alike: one
// script of operations, with its answers, runs against each. Shows that WriteFile is all or nothing,
// whichever operation fails and whenever the power goes.

package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // that rights are those asked for, whoever runs this
	os.Exit(m.Run())
}

// disks returns every kind of disk, with the folder to work in.
func disks(t *testing.T) map[string]struct {
	fs  FS
	dir string
} {
	type disk = struct {
		fs  FS
		dir string
	}
	mem := NewMem()
	if err := mem.Mkdir("work", 0o755); err != nil {
		t.Fatal(err)
	}
	return map[string]disk{
		"os":     {OS{}, t.TempDir()},
		"mem":    {mem, "work"},
		"faulty": {NewFaulty(NewMem()), "/"},
	}
}

func list(t *testing.T, fsys FS, dir string) string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatalf("ReadDir(%q): %v", dir, err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || (got != nil) != (want != nil) {
		t.Errorf("%s: error %v; want %v", what, got, want)
	}
}

func TestDisksBehaveAlike(t *testing.T) {
	for name, d := range disks(t) {
		t.Run(name, func(t *testing.T) {
			at := func(name string) string { return path.Join(d.dir, name) }
			testFiles(t, d.fs, at)
			testNames(t, d.fs, at)
			testLinks(t, d.fs, at)
			testErrors(t, d.fs, at)
			testLocks(t, d.fs, at)
		})
	}
}

func testFiles(t *testing.T, fsys FS, at func(string) string) {
	f, err := fsys.Create(at("a"))
	wantErr(t, "Create", err, nil)
	for range 3 {
		n, err := f.Write([]byte("abcdefgh"))
		if n != 8 || err != nil {
			t.Errorf("Write = %d, %v; want 8, nil", n, err)
		}
	}
	wantErr(t, "Truncate", f.Truncate(20), nil)
	wantErr(t, "Sync", f.Sync(), nil)
	wantErr(t, "SyncRange", f.SyncRange(0, 20, true), nil)
	wantErr(t, "SyncRange", f.SyncRange(0, 20, false), nil)
	wantErr(t, "DontNeed", f.DontNeed(0, 20), nil)
	if f.Name() != at("a") {
		t.Errorf("Name() = %q; want %q", f.Name(), at("a"))
	}
	b := make([]byte, 6)
	n, err := f.ReadAt(b, 6)
	if n != 6 || err != nil || string(b) != "ghabcd" {
		t.Errorf("ReadAt(6) = %d, %v, %q; want ghabcd", n, err, b)
	}
	n, err = f.ReadAt(b, 17)
	if n != 3 || err != io.EOF {
		t.Errorf("ReadAt past the end = %d, %v; want 3, EOF", n, err)
	}
	// The position is behind the third write, beyond the end: a write there leaves a gap of zeros.
	n, err = f.Write([]byte("Z"))
	if n != 1 || err != nil {
		t.Errorf("Write beyond the end = %d, %v", n, err)
	}
	info, err := f.Stat()
	if err != nil || info.Size() != 25 || info.IsDir() || info.Mode().Perm() != 0o644 {
		t.Errorf("Stat = %v, %v; want 25 bytes, 0644", info, err)
	}
	wantErr(t, "Close", f.Close(), nil)
	wantErr(t, "Close again", f.Close(), fs.ErrClosed)
	_, err = f.Write([]byte("x"))
	wantErr(t, "Write when closed", err, fs.ErrClosed)

	got, err := ReadFile(fsys, at("a"))
	if want := "abcdefghabcdefghabcd\x00\x00\x00\x00Z"; err != nil || string(got) != want {
		t.Errorf("ReadFile = %q, %v; want %q", got, err, want)
	}
	f, err = fsys.OpenFile(at("a"), WriteOnly|Append, 0)
	wantErr(t, "open to append", err, nil)
	wantErr(t, "Truncate", f.Truncate(2), nil)
	if n, err := f.Write([]byte("!")); n != 1 || err != nil {
		t.Errorf("append = %d, %v", n, err)
	}
	_, err = f.Read(b)
	wantErr(t, "Read of a file opened for writing", err, syscall.EBADF)
	wantErr(t, "Close", f.Close(), nil)
	got, _ = ReadFile(fsys, at("a"))
	if string(got) != "ab!" {
		t.Errorf("after append: %q; want ab!", got)
	}
	f, err = fsys.OpenFile(at("a"), WriteOnly|New|Empty, 0o600)
	wantErr(t, "open and empty", err, nil)
	wantErr(t, "Close", f.Close(), nil)
	if info, err := fsys.Stat(at("a")); err != nil || info.Size() != 0 || info.Name() != "a" {
		t.Errorf("Stat of an emptied file = %v, %v", info, err)
	}
	wantErr(t, "Remove", fsys.Remove(at("a")), nil)
}

// testLinks shows that a second name keeps a file whose first one is given to another.
func testLinks(t *testing.T, fsys FS, at func(string) string) {
	for _, name := range []string{"one", "two"} {
		if err := WriteFile(fsys, at(name), at("temp"), at("."), []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, "Mkdir", fsys.Mkdir(at("folder"), 0o755), nil)
	wantErr(t, "Link to a name that is taken", fsys.Link(at("one"), at("two")), fs.ErrExist)
	wantErr(t, "Link of what is not there", fsys.Link(at("none"), at("kept")), fs.ErrNotExist)
	wantErr(t, "Link into a folder that is not there", fsys.Link(at("one"), at("none/kept")), fs.ErrNotExist)
	wantErr(t, "Link of a folder", fsys.Link(at("folder"), at("kept")), syscall.EPERM)
	wantErr(t, "Link", fsys.Link(at("one"), at("folder/kept")), nil)
	wantErr(t, "Rename over the first name", fsys.Rename(at("two"), at("one")), nil)
	for name, want := range map[string]string{"one": "two", "folder/kept": "one"} {
		if got, err := ReadFile(fsys, at(name)); string(got) != want || err != nil {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"one", "folder/kept", "folder"} {
		wantErr(t, "Remove "+name, fsys.Remove(at(name)), nil)
	}
}

func testNames(t *testing.T, fsys FS, at func(string) string) {
	for _, name := range []string{"c", "b"} {
		f, err := fsys.Create(at(name))
		wantErr(t, "Create", err, nil)
		fmt.Fprint(f, name)
		wantErr(t, "Close", f.Close(), nil)
	}
	wantErr(t, "Mkdir", fsys.Mkdir(at("sub"), 0o755), nil)
	wantErr(t, "Rename into a folder", fsys.Rename(at("c"), at("sub/d")), nil)
	if got := list(t, fsys, at("")); got != "b sub/" {
		t.Errorf("folder holds %q; want b sub/", got)
	}
	wantErr(t, "Rename over a file", fsys.Rename(at("sub/d"), at("b")), nil)
	if got, err := ReadFile(fsys, at("b")); string(got) != "c" || err != nil {
		t.Errorf("b holds %q, %v; want c", got, err)
	}
	wantErr(t, "Rename to itself", fsys.Rename(at("b"), at("b")), nil)
	wantErr(t, "SyncDir", fsys.SyncDir(at("")), nil)
	wantErr(t, "Chmod", fsys.Chmod(at("b"), 0o600), nil)
	if info, err := fsys.Stat(at("b")); err != nil || info.Mode() != 0o600 {
		t.Errorf("after Chmod: %v, %v; want -rw-------", info.Mode(), err)
	}
	if info, err := fsys.Stat(at("sub")); err != nil || !info.IsDir() || !info.Mode().IsDir() {
		t.Errorf("Stat of a folder = %v, %v", info, err)
	}

	f, err := fsys.Open(at("b"))
	wantErr(t, "Open", err, nil)
	wantErr(t, "Remove of an open file", fsys.Remove(at("b")), nil)
	if got, err := io.ReadAll(f); string(got) != "c" || err != nil {
		t.Errorf("a removed file, still open, holds %q, %v; want c", got, err)
	}
	wantErr(t, "Close", f.Close(), nil)
	wantErr(t, "Remove of a folder", fsys.Remove(at("sub")), nil)
	if got := list(t, fsys, at("")); got != "" {
		t.Errorf("folder holds %q; want nothing", got)
	}
}

func testLocks(t *testing.T, fsys FS, at func(string) string) {
	f, err := fsys.Lock(at("lock"), 0o644)
	wantErr(t, "Lock", err, nil)
	fmt.Fprint(f, "mine")
	_, err = fsys.Lock(at("lock"), 0o644)
	wantErr(t, "Lock of what is locked", err, ErrLocked)
	if got, err := ReadFile(fsys, at("lock")); string(got) != "mine" || err != nil {
		t.Errorf("a locked file holds %q, %v; want mine", got, err)
	}
	other, err := fsys.Lock(at("other"), 0o644)
	wantErr(t, "Lock of another file", err, nil)
	wantErr(t, "Close", f.Close(), nil)
	f, err = fsys.Lock(at("lock"), 0o644)
	wantErr(t, "Lock again", err, nil)
	var b [5]byte
	if n, err := f.ReadAt(b[:], 0); string(b[:n]) != "mine" || err != io.EOF {
		t.Errorf("the file holds %q, %v; want what was written under the first lock", b[:n], err)
	}
	wantErr(t, "Truncate", f.Truncate(0), nil)
	wantErr(t, "Close", f.Close(), nil)
	wantErr(t, "Close", other.Close(), nil)
	_, err = fsys.Lock(at("absent/lock"), 0o644)
	wantErr(t, "Lock in nothing", err, fs.ErrNotExist)
	wantErr(t, "Mkdir", fsys.Mkdir(at("folder"), 0o755), nil)
	_, err = fsys.Lock(at("folder"), 0o644)
	wantErr(t, "Lock of a folder", err, syscall.EISDIR)
	for _, name := range []string{"lock", "other", "folder"} {
		wantErr(t, "Remove", fsys.Remove(at(name)), nil)
	}
}

func testErrors(t *testing.T, fsys FS, at func(string) string) {
	f, err := fsys.Create(at("f"))
	wantErr(t, "Create", err, nil)
	wantErr(t, "Close", f.Close(), nil)
	wantErr(t, "Mkdir", fsys.Mkdir(at("d"), 0o755), nil)
	f, err = fsys.Create(at("d/x"))
	wantErr(t, "Create", err, nil)
	wantErr(t, "Close", f.Close(), nil)

	_, err = fsys.Open(at("absent"))
	wantErr(t, "Open of nothing", err, fs.ErrNotExist)
	_, err = fsys.Stat(at("absent"))
	wantErr(t, "Stat of nothing", err, fs.ErrNotExist)
	_, err = fsys.ReadDir(at("absent"))
	wantErr(t, "ReadDir of nothing", err, fs.ErrNotExist)
	_, err = fsys.Create(at("absent/x"))
	wantErr(t, "Create in nothing", err, fs.ErrNotExist)
	_, err = fsys.Create(at("f/x"))
	wantErr(t, "Create in a file", err, syscall.ENOTDIR)
	_, err = fsys.OpenFile(at("f"), WriteOnly|New|Exclusive, 0o644)
	wantErr(t, "exclusive open of what is there", err, fs.ErrExist)
	_, err = fsys.Create(at("d"))
	wantErr(t, "Create over a folder", err, syscall.EISDIR)
	wantErr(t, "Mkdir again", fsys.Mkdir(at("d"), 0o755), fs.ErrExist)
	wantErr(t, "Mkdir in nothing", fsys.Mkdir(at("absent/d"), 0o755), fs.ErrNotExist)
	wantErr(t, "Mkdir in a file", fsys.Mkdir(at("f/d"), 0o755), syscall.ENOTDIR)
	wantErr(t, "Remove of nothing", fsys.Remove(at("absent")), fs.ErrNotExist)
	wantErr(t, "Remove of a full folder", fsys.Remove(at("d")), syscall.ENOTEMPTY)
	wantErr(t, "Rename of nothing", fsys.Rename(at("absent"), at("g")), fs.ErrNotExist)
	wantErr(t, "Rename into nothing", fsys.Rename(at("f"), at("absent/f")), fs.ErrNotExist)
	wantErr(t, "Rename over a folder", fsys.Rename(at("f"), at("d")), fs.ErrExist)
	wantErr(t, "SyncDir of nothing", fsys.SyncDir(at("absent")), fs.ErrNotExist)
	wantErr(t, "Chmod of nothing", fsys.Chmod(at("absent"), 0o600), fs.ErrNotExist)

	f, err = fsys.Open(at("f"))
	wantErr(t, "Open", err, nil)
	_, err = f.Write([]byte("x"))
	wantErr(t, "Write to a file opened for reading", err, syscall.EBADF)
	if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read of an empty file = %d, %v; want 0, EOF", n, err)
	}
	if n, err := f.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of no bytes = %d, %v; want 0, nil", n, err)
	}
	wantErr(t, "Close", f.Close(), nil)
	for _, name := range []string{"d/x", "d", "f"} {
		wantErr(t, "Remove", fsys.Remove(at(name)), nil)
	}
}

// oldOrNew demands that a file holds one of two contents, and returns which.
func oldOrNew(t *testing.T, what string, fsys FS, before, after []byte) []byte {
	t.Helper()
	got, err := ReadFile(fsys, "f")
	if err != nil || !bytes.Equal(got, before) && !bytes.Equal(got, after) {
		t.Fatalf("%s: the file holds %d bytes, %v; want the %d before or the %d after",
			what, len(got), err, len(before), len(after))
	}
	return got
}

func TestWriteFileKeepsPermissions(t *testing.T) {
	for name, d := range disks(t) {
		file := path.Join(d.dir, "f")
		for _, want := range []fs.FileMode{0o644, 0o600} {
			if want == 0o600 {
				wantErr(t, "Chmod", d.fs.Chmod(file, want), nil)
			}
			wantErr(t, "WriteFile", WriteFile(d.fs, file, file+".t", d.dir, []byte("x")), nil)
			if info, err := d.fs.Stat(file); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: Stat = %v, %v; want %v", name, info, err, want)
			}
		}
	}
}

func TestWriteFileIsAllOrNothing(t *testing.T) {
	before, after := bytes.Repeat([]byte("old "), 500), bytes.Repeat([]byte("new!"), 800)
	write := func(fsys FS, data []byte) error { return WriteFile(fsys, "f", "temp", ".", data) }
	prepare := func() (*Faulty, *Mem) {
		mem := NewMem()
		if err := write(mem, before); err != nil {
			t.Fatal(err)
		}
		return NewFaulty(mem), mem
	}
	disk, _ := prepare()
	if err := write(disk, after); err != nil {
		t.Fatal(err)
	}
	ops := disk.Ops()
	if ops < 5 {
		t.Fatalf("WriteFile made %d operations; want at least open, write, sync, close, rename, syncdir", ops)
	}
	for k := int64(1); k <= ops; k++ {
		for _, fault := range []Fault{
			{At: k, Err: syscall.EIO},
			{At: k, Err: syscall.ENOSPC, Short: true, Stays: true},
		} {
			disk, mem := prepare()
			disk.Set(fault)
			err := write(disk, after)
			what := fmt.Sprintf("fault %+v in %q", fault, disk.Op(k))
			wantErr(t, what, err, fault.Err)
			oldOrNew(t, what, mem, before, after)
			if _, err := mem.Stat("temp"); !fault.Stays && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: the temporary file is left: %v", what, err)
			}
			for seed := range uint64(20) {
				oldOrNew(t, fmt.Sprintf("%s, then crash %d", what, seed), mem.Crash(seed), before, after)
			}
		}
	}
	disk, mem := prepare()
	if err := write(disk, after); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(100) {
		what := fmt.Sprintf("crash %d after WriteFile returned", seed)
		if got := oldOrNew(t, what, mem.Crash(seed), before, after); !bytes.Equal(got, after) {
			t.Fatalf("%s: the file is as before", what)
		}
	}
}

// TestRoom shows that room is told for a folder that is there, and for none that is not.
func TestRoom(t *testing.T) {
	mem := NewMem()
	want := Room{Free: 12345, Bound: "within the user's quota", File: 99}
	mem.SetRoom(want)
	if got, err := mem.Room("/"); got != want || err != nil {
		t.Errorf("Mem.Room = %+v, %v; want %+v", got, err, want)
	}
	if got, err := mem.Crash(1).Room("/"); got != want || err != nil {
		t.Errorf("after a crash Mem.Room = %+v, %v; want %+v", got, err, want)
	}
	dir := t.TempDir()
	if got, err := (OS{}).Room(dir); got.Free <= 0 || got.Size < got.Free || got.File <= 0 || got.Bound == "" || err != nil {
		t.Errorf("OS.Room = %+v, %v; want some", got, err)
	}
	for _, fsys := range []FS{mem, OS{}} {
		if got, err := fsys.Room(dir + "/absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%T.Room of no folder = %+v, %v", fsys, got, err)
		}
	}
}

// TestMayWrite shows that a folder that is there may be written to, and one that is not may not.
func TestMayWrite(t *testing.T) {
	dir := t.TempDir()
	mem := NewMem()
	if err := mem.Mkdir("/folder", 0o755); err != nil {
		t.Fatal(err)
	}
	for fsys, name := range map[FS]string{mem: "/folder", OS{}: dir} {
		if err := fsys.MayWrite(name); err != nil {
			t.Errorf("%T.MayWrite: %v", fsys, err)
		}
		if err := fsys.MayWrite(name + "/absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%T.MayWrite of no folder: %v", fsys, err)
		}
	}
}
