//go:build linux && (amd64 || arm64)

// How much a folder may still take, as Linux tells it.
//
// Three may set a bound: the file system, which on a folder with a quota of its own (a project's) tells
// that instead of the disk; the quotas of the process's user and group, where the file system keeps any
// and the kernel has quotactl_fd (5.14); and RLIMIT_FSIZE, which bounds each file. Quotas do not hold
// for the superuser.

package vfs

import (
	"math"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

const (
	sysQuotactlFD  = 443 // on both architectures
	getQuota       = 0x800007
	userQuota      = 0
	groupQuota     = 1
	quotaBlock     = 1024 // bytes
	hasBlockLimits = 1
	hasSpace       = 2
)

// diskQuota is the kernel's struct if_dqblk.
type diskQuota struct {
	hardBlocks, softBlocks uint64 // of quotaBlock bytes; 0: no limit
	bytes                  uint64 // taken
	hardInodes, softInodes uint64
	inodes                 uint64
	blockTime, inodeTime   uint64
	valid                  uint32
	_                      uint32
}

// left returns how many bytes may still be taken; false: there is no limit.
func (q *diskQuota) left() (int64, bool) {
	if q.valid&(hasBlockLimits|hasSpace) != hasBlockLimits|hasSpace || q.hardBlocks == 0 {
		return 0, false
	}
	limit := min(q.hardBlocks, math.MaxInt64/quotaBlock) * quotaBlock
	return int64(limit - min(limit, q.bytes)), true
}

// quotas lowers room to what the quotas of the process leave in a folder.
func quotas(name string, room *Room) {
	if os.Geteuid() == 0 {
		return
	}
	dir, err := os.Open(name)
	if err != nil {
		return
	}
	defer dir.Close()
	for _, of := range []struct {
		kind  uintptr
		id    int
		bound string
	}{{userQuota, os.Geteuid(), "within the user's quota"}, {groupQuota, os.Getegid(), "within the group's quota"}} {
		var q diskQuota
		_, _, errno := syscall.Syscall6(sysQuotactlFD, dir.Fd(), getQuota<<8|of.kind, uintptr(of.id), uintptr(unsafe.Pointer(&q)), 0, 0)
		if errno != 0 {
			continue // no quotas here, or nobody who knows of any
		}
		if left, ok := q.left(); ok && left < room.Free {
			room.Free, room.Bound = left, of.bound
		}
	}
	runtime.KeepAlive(dir)
}

// fileLimit is RLIMIT_FSIZE.
func fileLimit() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit) != nil {
		return math.MaxInt64
	}
	return int64(min(limit.Cur, math.MaxInt64))
}
