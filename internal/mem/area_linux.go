// Areas on Linux: advice to the kernel.
//
// Advice is advice: an old kernel that refuses it costs memory or dump size, never correctness, so
// its refusals are dropped here, except where the caller counts on the pages being gone.

package mem

import "syscall"

const (
	madvNoHugePage = 15
	madvHugePage   = 14
	madvDontDump   = 16
)

// adviseReserved keeps a range out of core dumps, and free of huge pages, which would make a touch
// of one byte cost 2 MiB where the machine's default is "always".
func adviseReserved(b []byte) {
	_ = syscall.Madvise(b, madvDontDump)
	_ = syscall.Madvise(b, madvNoHugePage)
}

// adviseHuge lets the kernel back a range with huge pages.
func adviseHuge(b []byte) {
	_ = syscall.Madvise(b, madvHugePage)
}

// discard gives the pages of a range back; it stays readable, as zeros. The range is whole OS pages.
func discard(b []byte) error {
	return syscall.Madvise(b, syscall.MADV_DONTNEED)
}

// addressLimit is the number of bytes of address space that the process may have, 0 when unlimited.
func addressLimit() uint64 {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &lim); err != nil || lim.Cur >= 1<<62 {
		return 0
	}
	return lim.Cur
}
