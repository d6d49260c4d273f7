// Areas on macOS: advice to the kernel.
//
// There are no huge pages to refuse and no dumps to leave. MADV_FREE gives pages back when the
// machine is short of memory; until then they count as resident.

package mem

import (
	"syscall"
	"unsafe"
)

const madvFree = 5

func adviseReserved(b []byte) {}

func adviseHuge(b []byte) {}

// discard lets the kernel take the pages of a range back; it stays readable.
func discard(b []byte) error {
	_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), madvFree)
	if errno != 0 {
		return errno
	}
	return nil
}

// addressLimit is the number of bytes of address space that the process may have, 0 when unlimited.
func addressLimit() uint64 { return 0 }
