// Areas: ranges of address space, reserved once and opened in steps.
//
// A reservation has no access rights, so the kernel neither counts nor backs it (also under
// overcommit_memory=2, which counts what is writable). Opening makes the next part readable and
// writable; a page costs memory only from its first touch on. What was opened stays readable until
// the area is closed, because other threads may read through stale refs: giving memory back drops
// the pages and keeps the rights. The ranges are left out of core dumps.

package mem

import (
	"fmt"
	"syscall"
	"unsafe"
)

const hugePage = 2 << 20

type area struct {
	mapped []byte // what was reserved, for unmapping
	bytes  []byte // the aligned part that is used
	open   uint64 // bytes from the start that may be touched
}

// reserve takes size bytes of address space, aligned to a huge page when align is set.
func reserve(size uint64, align bool) (area, error) {
	spare := uint64(0)
	if align {
		spare = hugePage
	}
	mapped, err := syscall.Mmap(-1, 0, int(size+spare), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return area{}, fmt.Errorf("mem: reserve %d bytes of address space: %w", size+spare, err)
	}
	skip := uint64(0)
	if align {
		skip = -uint64(uintptr(unsafe.Pointer(&mapped[0]))) % hugePage
	}
	a := area{mapped: mapped, bytes: mapped[skip : skip+size : skip+size]}
	adviseReserved(a.bytes)
	return a, nil
}

// openTo makes at least the first size bytes usable, in whole steps, which are powers of two and at
// least an OS page.
func (a *area) openTo(size, step uint64) error {
	if size <= a.open {
		return nil
	}
	end := min((size+step-1)&^(step-1), uint64(len(a.bytes)))
	if err := syscall.Mprotect(a.bytes[a.open:end], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		return fmt.Errorf("mem: open %d bytes: %w", end-a.open, err)
	}
	a.open = end
	return nil
}

func (a *area) close() error {
	if a.mapped == nil {
		return nil
	}
	err := syscall.Munmap(a.mapped)
	*a = area{}
	if err != nil {
		return fmt.Errorf("mem: unmap: %w", err)
	}
	return nil
}

// sliceOf sees the area as values of T, which holds no Go pointers.
func sliceOf[T any](a *area) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(&a.bytes[0])), len(a.bytes)/int(unsafe.Sizeof(t)))
}
