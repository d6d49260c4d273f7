// Shows that the k-th operation fails, with the error asked for and no other, whatever kind it is;
// that short writes store half; and that a lasting fault lets reads pass.

package vfs

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"
)

// every returns one call for each operation there is, in an order in which all of them succeed.
func every(fsys FS) (names []string, calls []func() error) {
	var f File
	var err error
	add := func(name string, call func() error) {
		names = append(names, name)
		calls = append(calls, call)
	}
	withFile := func(call func() error) func() error {
		return func() error {
			if f == nil {
				return fs.ErrInvalid
			}
			return call()
		}
	}
	add("mkdir d", func() error { return fsys.Mkdir("d", 0o755) })
	add("create d/f", func() error { f, err = fsys.Create("d/f"); return err })
	add("write d/f", withFile(func() error { _, err := f.Write([]byte("12345678")); return err }))
	add("truncate d/f", withFile(func() error { return f.Truncate(4) }))
	add("sync d/f", withFile(func() error { return f.Sync() }))
	add("syncrange d/f", withFile(func() error { return f.SyncRange(0, 4, true) }))
	add("dontneed d/f", withFile(func() error { return f.DontNeed(0, 4) }))
	add("stat d/f", withFile(func() error { _, err := f.Stat(); return err }))
	add("read d/f", withFile(func() error { _, err := f.ReadAt(make([]byte, 4), 0); return err }))
	add("close d/f", withFile(func() error { return f.Close() }))
	add("open d/f", func() error { f, err = fsys.Open("d/f"); return err })
	add("read d/f", withFile(func() error { _, err := f.Read(make([]byte, 4)); return err }))
	add("close d/f", withFile(func() error { return f.Close() }))
	add("open d/f", func() error { f, err = fsys.OpenFile("d/f", ReadWrite|New, 0o644); return err })
	add("close d/f", withFile(func() error { return f.Close() }))
	add("rename d/f d/g", func() error { return fsys.Rename("d/f", "d/g") })
	add("link d/g d/h", func() error { return fsys.Link("d/g", "d/h") })
	add("remove d/h", func() error { return fsys.Remove("d/h") })
	add("syncdir d", func() error { return fsys.SyncDir("d") })
	add("stat d/g", func() error { _, err := fsys.Stat("d/g"); return err })
	add("chmod d/g", func() error { return fsys.Chmod("d/g", 0o600) })
	add("readdir d", func() error { _, err := fsys.ReadDir("d"); return err })
	add("remove d/g", func() error { return fsys.Remove("d/g") })
	return names, calls
}

func TestEveryOperationFailsInTurn(t *testing.T) {
	disk := NewFaulty(NewMem())
	names, calls := every(disk)
	for i, call := range calls {
		if err := call(); err != nil {
			t.Fatalf("%s without a fault: %v", names[i], err)
		}
	}
	if got := disk.Ops(); got != int64(len(calls)) {
		t.Errorf("Ops() = %d; want %d", got, len(calls))
	}
	for k := range calls {
		disk := NewFaulty(NewMem())
		disk.Set(Fault{At: int64(k) + 1, Err: syscall.EIO})
		_, calls := every(disk)
		for i, call := range calls[:k+1] {
			err := call()
			if want := i == k; errors.Is(err, syscall.EIO) != want {
				t.Errorf("fault at %d (%s): call %d (%s) returned %v", k+1, names[k], i+1, names[i], err)
			}
		}
		if got := disk.Op(int64(k) + 1); got != names[k] {
			t.Errorf("Op(%d) = %q; want %q", k+1, got, names[k])
		}
		if got := disk.Op(int64(k) + 2); got != "none" {
			t.Errorf("Op(%d), which never came, = %q; want none", k+2, got)
		}
	}
}

func TestFaultOnceThenWell(t *testing.T) {
	disk := NewFaulty(NewMem())
	disk.Set(Fault{At: 1, Err: syscall.EIO})
	if err := disk.Mkdir("d", 0o755); !errors.Is(err, syscall.EIO) {
		t.Errorf("first Mkdir: %v; want EIO", err)
	}
	if err := disk.Mkdir("d", 0o755); err != nil {
		t.Errorf("second Mkdir: %v; want none", err)
	}
}

func TestShortWrite(t *testing.T) {
	for _, tc := range []struct {
		short bool
		want  string
	}{{false, ""}, {true, "abc"}} {
		mem := NewMem()
		disk := NewFaulty(mem)
		f, err := disk.Create("f")
		if err != nil {
			t.Fatal(err)
		}
		disk.Set(Fault{At: 1, Err: syscall.ENOSPC, Short: tc.short})
		n, err := f.Write([]byte("abcdef"))
		if n != len(tc.want) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("short=%t: Write = %d, %v; want %d, ENOSPC", tc.short, n, err, len(tc.want))
		}
		if got, err := ReadFile(mem, "f"); string(got) != tc.want || err != nil {
			t.Errorf("short=%t: the file holds %q, %v; want %q", tc.short, got, err, tc.want)
		}
	}
}

func TestLastingFaultSparesReads(t *testing.T) {
	mem := NewMem()
	put(t, mem, "f", []byte("abc"), true, true)
	disk := NewFaulty(mem)
	disk.Set(Fault{At: 1, Err: syscall.ENOSPC, Stays: true})
	var refused []string
	for _, call := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { _, err := disk.Create("g"); return err }},
		{"rename", func() error { return disk.Rename("f", "g") }},
		{"remove", func() error { return disk.Remove("f") }},
		{"mkdir", func() error { return disk.Mkdir("d", 0o755) }},
		{"syncdir", func() error { return disk.SyncDir(".") }},
		{"read", func() error { _, err := ReadFile(disk, "f"); return err }},
	} {
		if err := call.do(); errors.Is(err, syscall.ENOSPC) {
			refused = append(refused, call.name)
		} else if err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	if want := []string{"create", "rename", "remove", "mkdir", "syncdir"}; !slices.Equal(refused, want) {
		t.Errorf("refused: %v; want %v", refused, want)
	}
}
