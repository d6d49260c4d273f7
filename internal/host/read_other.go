//go:build !linux

// Elsewhere little is told without a C library: installed memory by sysctl, and the process's
// highest resident size, which stands in for the present one.

package host

import (
	"encoding/binary"
	"syscall"

	"tarn/internal/vfs"
)

// ReadMachine returns what hardly changes: read it once.
func ReadMachine(vfs.FS) Machine {
	m := Machine{Overcommit: Unknown, BacklogMax: Unknown}
	if raw, err := syscall.Sysctl("hw.memsize"); err == nil {
		// Sysctl takes the number for a text and drops a zero byte at its end.
		var word [8]byte
		copy(word[:], raw)
		m.MemoryBytes = binary.LittleEndian.Uint64(word[:])
	}
	return m
}

// ReadProcess returns what this process uses now.
func ReadProcess(vfs.FS) Process {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return Process{}
	}
	peak := uint64(usage.Maxrss) // macOS counts bytes here
	return Process{RSSBytes: peak, PeakRSSBytes: peak, MajorFaults: uint64(usage.Majflt)}
}

// ReadCgroup returns nothing: there are no control groups here.
func ReadCgroup(vfs.FS) Cgroup { return Cgroup{} }
