// The host: what the machine, the container and the kernel allow this process, and what it uses.
//
// Everything is read from files that Linux provides, through vfs, so that a test can hand in the
// files of any machine. What cannot be read is unknown and left at zero (or the value a field
// names): a server must start inside the strangest container. Other systems say less; they are for
// development.

// Package host tells what the machine allows and what the process uses.
package host

import "tarn/internal/vfs"

// Unknown is the value of settings that could not be read.
const Unknown = -1

// Facts are what matters to a server that lives in memory.
type Facts struct {
	Machine
	Process
	Cgroup
}

// Machine is what hardly changes while a process runs.
type Machine struct {
	MemoryBytes uint64 // installed memory
	SwapBytes   uint64 // swap space, used or free

	// CgroupVersion is 1 or 2, and 0 when no memory cgroup was found.
	CgroupVersion int
	// CgroupLimitBytes is the least limit from the process's cgroup up to the root; 0 is none.
	CgroupLimitBytes uint64

	// Overcommit is vm.overcommit_memory: 0 heuristic, 1 always, 2 never, or Unknown.
	Overcommit int
	// HugePages is the transparent huge pages setting: always, madvise, never; "" if unknown.
	HugePages string
	// BacklogMax is net.core.somaxconn, the longest queue of a listening socket, or Unknown.
	BacklogMax int
}

// LimitBytes is what the process can have before it is killed or swaps: the cgroup's limit or the
// machine's memory, whichever is less; 0 if neither is known.
func (m Machine) LimitBytes() uint64 {
	if m.CgroupLimitBytes > 0 && (m.MemoryBytes == 0 || m.CgroupLimitBytes < m.MemoryBytes) {
		return m.CgroupLimitBytes
	}
	return m.MemoryBytes
}

// Process is what this process uses at present.
type Process struct {
	RSSBytes     uint64 // resident memory
	PeakRSSBytes uint64 // its highest since the start
	SwappedBytes uint64 // on swap
	MajorFaults  uint64 // pages that had to be read from disk
}

// Cgroup is what the process's control group uses at present.
type Cgroup struct {
	// CgroupUsedBytes is what the whole cgroup holds, page cache included.
	CgroupUsedBytes uint64
	// CgroupOOMKills counts processes of the cgroup that the kernel has killed for want of memory.
	CgroupOOMKills uint64
}

// Read returns all facts. files is the machine's own disk, or a test's.
func Read(files vfs.FS) Facts {
	return Facts{Machine: ReadMachine(files), Process: ReadProcess(files), Cgroup: ReadCgroup(files)}
}
