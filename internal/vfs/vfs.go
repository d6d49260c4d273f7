// Disks: every file that Tarn touches, it touches through FS.
//
// There are three of them. OS is the real one. Mem lives in memory and can lose power: what was not
// synced may be gone, in part or wholly, and a name may be gone when its folder was not synced.
// Faulty stands before another and makes a chosen operation fail. So a test can run a save N times
// and break each of its N operations once, or pull the plug between any two.
//
// The rule that the crash test enforces: bytes are safe after File.Sync, and a file's name (its
// creation, renaming or removal) after FS.SyncDir of the folder that holds it.

// Package vfs is the only way to a disk.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Flags of OpenFile, as package os has them.
const (
	ReadOnly  = os.O_RDONLY
	WriteOnly = os.O_WRONLY
	ReadWrite = os.O_RDWR
	Append    = os.O_APPEND
	New       = os.O_CREATE // create it when it is absent
	Exclusive = os.O_EXCL   // with New: it must be absent
	Empty     = os.O_TRUNC
)

// FS is a tree of files. Errors are *fs.PathError or *os.LinkError, and answer errors.Is with
// fs.ErrNotExist, fs.ErrExist and the like. All methods may be called from any goroutine.
type FS interface {
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenFile opens a file by flags; perm serves if it is created.
	OpenFile(name string, flags int, perm fs.FileMode) (File, error)
	// Create makes an empty file, or empties one, for reading and writing.
	Create(name string) (File, error)
	// Rename gives a file another name, in one step, replacing a file that had it.
	Rename(from, to string) error
	// Link gives a file a second name, which must be free: what is then done to one name leaves the other.
	// File systems may refuse it.
	Link(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// Stat follows symbolic links.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Mkdir makes one folder; its parent must be there.
	Mkdir(name string, perm fs.FileMode) error
	// Chmod changes the permissions of a file, a folder or a socket.
	Chmod(name string, perm fs.FileMode) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// MayWrite tells, without writing, whether names may be made in a folder, as far as rights and a
	// file system that can only be read are concerned.
	MayWrite(name string) error
	// Lock opens a file for reading and writing, creating it when it is absent, and takes its lock, which
	// nobody else can take until the File is closed or its process has ended. Errors: ErrLocked when
	// somebody has it; Lock does not wait.
	Lock(name string, perm fs.FileMode) (File, error)
	// Room returns how much may still be written to a folder.
	Room(name string) (Room, error)
}

// Room is how much may still be written to a folder.
type Room struct {
	Free  int64  // bytes in all
	Bound string // what bounds them: "on the disk", "within the user's quota"
	Size  int64  // bytes of the file system, free or not
	File  int64  // bytes of a file at most; math.MaxInt64: no bound
}

// File is an open file. Read, Write and Close are for one goroutine at a time; the others may be
// called from any.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Name is the name it was opened by.
	Name() string
	Stat() (fs.FileInfo, error)
	// Sync returns when all that was written is on the disk. After it has failed, nothing is
	// known of what was written since the Sync before it, and a further Sync proves nothing.
	Sync() error
	// Truncate cuts the file to size bytes, or fills it up with zeros.
	Truncate(size int64) error

	// SyncRange is a hint: start writing the range to the disk, and with wait, return when it is
	// there. It promises nothing after a crash: only Sync does.
	SyncRange(offset, size int64, wait bool) error
	// DontNeed is a hint: the range need not stay in the page cache. Unwritten pages do stay.
	DontNeed(offset, size int64) error
}

// ReadFile returns the whole of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// WriteFile makes name hold data, durably and in one step: whatever happens, the file is then as
// it was or as it should be. The folder dir must be the one that name is in; temp is a name in it
// that serves meanwhile. A file that was there keeps its permissions, a new one has 0644.
func WriteFile(fsys FS, name, temp, dir string, data []byte) error {
	perm := fs.FileMode(0o644)
	info, err := fsys.Stat(name)
	switch {
	case err == nil:
		perm = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	err = writeSynced(fsys, temp, perm, data)
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		if gone := fsys.Remove(temp); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			return errors.Join(err, gone)
		}
		return err
	}
	return fsys.SyncDir(dir)
}

func writeSynced(fsys FS, name string, perm fs.FileMode, data []byte) error {
	f, err := fsys.OpenFile(name, WriteOnly|New|Empty, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
