// Linux says everything in files.

package host

import "tarn/internal/vfs"

// ReadMachine returns what hardly changes: read it once.
func ReadMachine(files vfs.FS) Machine { return readLinuxMachine(files) }

// ReadProcess returns what this process uses now. It takes about 50 microseconds.
func ReadProcess(files vfs.FS) Process { return readLinuxProcess(files) }

// ReadCgroup returns what this process's control group uses now, in about 100 microseconds.
func ReadCgroup(files vfs.FS) Cgroup { return readLinuxCgroup(files) }
