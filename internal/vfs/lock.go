// Locks: files of which only one process of the machine has the lock.
//
// The lock is the kernel's, not the file's content or being there: what a killed process leaves behind is free
// at once. It is advisory: only those who ask for it notice.

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// ErrLocked says that somebody else has the lock of a file.
var ErrLocked = errors.New("file is locked")

// Lock opens a file and takes its lock.
func (OS) Lock(name string, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, ReadWrite|New, perm)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		_ = f.Close() // nothing was written
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return osFile{f}, nil
}

func flock(f *os.File) error {
	defer runtime.KeepAlive(f)
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
		case syscall.EINTR:
		case syscall.EWOULDBLOCK:
			return ErrLocked
		default:
			return err
		}
	}
}

// Lock opens a file and takes its lock.
func (m *Mem) Lock(name string, perm fs.FileMode) (File, error) {
	f, err := m.OpenFile(name, ReadWrite|New, perm)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	file := f.(*memFile)
	if file.node.holder != nil {
		return nil, failure("lock", name, ErrLocked)
	}
	file.node.holder = file
	return f, nil
}

// Lock opens a file and takes its lock.
func (f *Faulty) Lock(name string, perm fs.FileMode) (File, error) {
	if err := f.fails("lock", name, true); err != nil {
		return nil, err
	}
	return f.wrap(f.fs.Lock(name, perm))
}
