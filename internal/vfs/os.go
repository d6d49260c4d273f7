// The real disk.

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// OS is the operating system's file system.
type OS struct{}

var _ FS = OS{}

type osFile struct{ *os.File }

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open opens a file for reading.
func (OS) Open(name string) (File, error) { return wrap(os.Open(name)) }

// OpenFile opens a file by flags; perm, less the process's umask, serves if it is created.
func (OS) OpenFile(name string, flags int, perm fs.FileMode) (File, error) {
	return wrap(os.OpenFile(name, flags, perm))
}

// Create makes or empties a file with permissions 0644, less the process's umask.
func (OS) Create(name string) (File, error) {
	return wrap(os.OpenFile(name, ReadWrite|New|Empty, 0o644))
}

// Rename gives a file another name.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Link gives a file a second name.
func (OS) Link(from, to string) error { return os.Link(from, to) }

// Remove removes a file or an empty folder.
func (OS) Remove(name string) error { return os.Remove(name) }

// Stat follows symbolic links.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// ReadDir lists a folder, sorted by name.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Mkdir makes one folder.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Chmod changes permissions.
func (OS) Chmod(name string, perm fs.FileMode) error { return os.Chmod(name, perm) }

// SyncDir makes the names in a folder durable.
func (OS) SyncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // a file system that keeps names safe by itself, or cannot: nothing is left to do
	}
	return errors.Join(err, dir.Close())
}

// MayWrite asks the system, by the process's real user.
func (OS) MayWrite(name string) error {
	const writeAndSearch = 2 | 1
	if err := syscall.Access(name, writeAndSearch); err != nil {
		return &fs.PathError{Op: "access", Path: name, Err: err}
	}
	return nil
}

// OnDisk is the bound of a Room that the file system itself sets.
const OnDisk = "on the disk"

// Room asks the file system that a folder is in, less what is kept for the superuser; the quotas; and
// the limits of the process.
func (OS) Room(name string) (Room, error) {
	free, size, err := freeBytes(name)
	if err != nil {
		return Room{}, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	room := Room{Free: free, Bound: OnDisk, Size: size, File: fileLimit()}
	quotas(name, &room)
	return room, nil
}

// Sync flushes the data and what is needed to read it back.
func (f osFile) Sync() error {
	if err := syncData(f.File); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

// SyncRange starts, and with wait ends, writing a range to the disk.
func (f osFile) SyncRange(offset, size int64, wait bool) error {
	if err := syncRange(f.File, offset, size, wait); err != nil {
		return &fs.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
	}
	return nil
}

// DontNeed drops the written pages of a range from the page cache.
func (f osFile) DontNeed(offset, size int64) error {
	if err := dontNeed(f.File, offset, size); err != nil {
		return &fs.PathError{Op: "fadvise", Path: f.Name(), Err: err}
	}
	return nil
}
