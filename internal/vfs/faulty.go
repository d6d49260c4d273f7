// A disk that fails when told to.
//
// Faulty counts the operations that pass through it. A test runs a task once to learn how many it
// makes, and then once for each, with that one failing; what the disk should hold after each is
// the test's to say. Counted are all methods of FS and of File but Name and Room.

package vfs

import (
	"fmt"
	"io/fs"
	"sync"
)

// Fault says which operation fails, and how.
type Fault struct {
	At    int64 // 1 is the first operation; 0 is none
	Err   error // such as syscall.EIO or syscall.ENOSPC
	Short bool  // a failing Write stores the first half of its bytes
	Stays bool  // so do all later operations that would change the disk
}

// Faulty stands before another FS.
type Faulty struct {
	fs FS

	mu    sync.Mutex // guards what follows
	fault Fault
	ops   []string
}

var _ FS = (*Faulty)(nil)

// NewFaulty returns a disk that passes everything on to below, until it is told to fail.
func NewFaulty(below FS) *Faulty { return &Faulty{fs: below} }

// Set makes fault the one to come and counts operations from 0 again.
func (f *Faulty) Set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.ops = fault, nil
}

// Ops is the number of operations since Set.
func (f *Faulty) Ops() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.ops))
}

// Op names the k-th operation since Set, counted from 1, for a test's failure message.
func (f *Faulty) Op(k int64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k < 1 || k > int64(len(f.ops)) {
		return "none"
	}
	return f.ops[k-1]
}

// fails counts an operation and returns its error, if this is one that fails. The error is final:
// it names the operation and the file.
func (f *Faulty) fails(op, name string, changes bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, fmt.Sprintf("%s %s", op, name))
	k := int64(len(f.ops))
	if f.fault.At == 0 || k < f.fault.At || k > f.fault.At && !(f.fault.Stays && changes) {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: f.fault.Err}
}

func (f *Faulty) short() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault.Short
}

// Open opens a file for reading.
func (f *Faulty) Open(name string) (File, error) {
	if err := f.fails("open", name, false); err != nil {
		return nil, err
	}
	return f.wrap(f.fs.Open(name))
}

// OpenFile opens a file by flags.
func (f *Faulty) OpenFile(name string, flags int, perm fs.FileMode) (File, error) {
	if err := f.fails("open", name, flags&New != 0); err != nil {
		return nil, err
	}
	return f.wrap(f.fs.OpenFile(name, flags, perm))
}

// Create makes an empty file, or empties one.
func (f *Faulty) Create(name string) (File, error) {
	if err := f.fails("create", name, true); err != nil {
		return nil, err
	}
	return f.wrap(f.fs.Create(name))
}

func (f *Faulty) wrap(file File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f}, nil
}

// Rename gives a file another name.
func (f *Faulty) Rename(from, to string) error {
	if err := f.fails("rename", from+" "+to, true); err != nil {
		return err
	}
	return f.fs.Rename(from, to)
}

// Link gives a file a second name.
func (f *Faulty) Link(from, to string) error {
	if err := f.fails("link", from+" "+to, true); err != nil {
		return err
	}
	return f.fs.Link(from, to)
}

// Remove removes a file or an empty folder.
func (f *Faulty) Remove(name string) error {
	if err := f.fails("remove", name, true); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// Stat describes a file or folder.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.fails("stat", name, false); err != nil {
		return nil, err
	}
	return f.fs.Stat(name)
}

// ReadDir lists a folder.
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.fails("readdir", name, false); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(name)
}

// Mkdir makes one folder.
func (f *Faulty) Mkdir(name string, perm fs.FileMode) error {
	if err := f.fails("mkdir", name, true); err != nil {
		return err
	}
	return f.fs.Mkdir(name, perm)
}

// Chmod changes permissions.
func (f *Faulty) Chmod(name string, perm fs.FileMode) error {
	if err := f.fails("chmod", name, true); err != nil {
		return err
	}
	return f.fs.Chmod(name, perm)
}

// SyncDir makes the names in a folder durable.
func (f *Faulty) SyncDir(name string) error {
	if err := f.fails("syncdir", name, true); err != nil {
		return err
	}
	return f.fs.SyncDir(name)
}

// MayWrite tells whether names may be made in a folder.
func (f *Faulty) MayWrite(name string) error {
	if err := f.fails("maywrite", name, true); err != nil {
		return err
	}
	return f.fs.MayWrite(name)
}

// Room tells how much there is room for.
func (f *Faulty) Room(name string) (Room, error) { return f.fs.Room(name) }

// faultyFile passes Name on by itself.
type faultyFile struct {
	File
	fs *Faulty
}

func (f *faultyFile) Read(b []byte) (int, error) {
	if err := f.fs.fails("read", f.Name(), false); err != nil {
		return 0, err
	}
	return f.File.Read(b)
}

func (f *faultyFile) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.fs.fails("read", f.Name(), false); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, offset)
}

func (f *faultyFile) Write(b []byte) (int, error) {
	fault := f.fs.fails("write", f.Name(), true)
	if fault == nil {
		return f.File.Write(b)
	}
	if !f.fs.short() {
		return 0, fault
	}
	written, err := f.File.Write(b[:len(b)/2])
	if err != nil {
		return written, err
	}
	return written, fault
}

// Close always closes the file below, even when it is told to fail, as Linux does.
func (f *faultyFile) Close() error {
	fault := f.fs.fails("close", f.Name(), false)
	err := f.File.Close()
	if fault != nil {
		return fault
	}
	return err
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.fs.fails("stat", f.Name(), false); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

func (f *faultyFile) Sync() error {
	if err := f.fs.fails("sync", f.Name(), true); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.fails("truncate", f.Name(), true); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) SyncRange(offset, size int64, wait bool) error {
	if err := f.fs.fails("syncrange", f.Name(), false); err != nil {
		return err
	}
	return f.File.SyncRange(offset, size, wait)
}

func (f *faultyFile) DontNeed(offset, size int64) error {
	if err := f.fs.fails("dontneed", f.Name(), false); err != nil {
		return err
	}
	return f.File.DontNeed(offset, size)
}
