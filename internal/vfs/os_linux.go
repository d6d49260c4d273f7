//go:build linux && (amd64 || arm64)

// Linux's finer ways to flush a file. They are for 64-bit machines, where an offset is one word.

package vfs

import (
	"math"
	"os"
	"runtime"
	"syscall"
)

// Flags of sync_file_range(2) and the advice of posix_fadvise(2).
const (
	rangeWaitBefore = 1
	rangeWrite      = 2
	rangeWaitAfter  = 4
	adviseDontNeed  = 4
)

// withFD lends the descriptor to call, repeating it when a signal interrupts. The file must not be
// closed by the garbage collector meanwhile.
func withFD(f *os.File, call func(fd int) error) error {
	defer runtime.KeepAlive(f)
	for {
		if err := call(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}

// syncData leaves out times of the inode, which saves one write of the file system's own log.
func syncData(f *os.File) error { return withFD(f, syscall.Fdatasync) }

func syncRange(f *os.File, offset, size int64, wait bool) error {
	flags := rangeWrite
	if wait {
		flags |= rangeWaitBefore | rangeWaitAfter
	}
	return withFD(f, func(fd int) error { return syscall.SyncFileRange(fd, offset, size, flags) })
}

func dontNeed(f *os.File, offset, size int64) error {
	return withFD(f, func(fd int) error {
		_, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, uintptr(fd), uintptr(offset), uintptr(size), adviseDontNeed, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// freeBytes returns how much of a file system is free to all, and how large it is.
func freeBytes(name string) (free, size int64, err error) {
	var st syscall.Statfs_t
	for {
		err := syscall.Statfs(name, &st)
		if err == nil {
			block := uint64(st.Bsize)
			most := math.MaxInt64 / block
			return int64(min(st.Bavail, most) * block), int64(min(st.Blocks, most) * block), nil
		}
		if err != syscall.EINTR {
			return 0, 0, err
		}
	}
}
