// Shows that the facts are read right from the files of several machines and containers, written
// down below; that broken files make unknown facts and not errors; and, on Linux, that this very
// process's numbers are sensible and grow with its memory.

package host

import (
	"path"
	"runtime"
	"strings"
	"testing"

	"tarn/internal/vfs"
)

// machine makes a disk of files.
func machine(t *testing.T, files map[string]string) vfs.FS {
	t.Helper()
	disk := vfs.NewMem()
	for name, text := range files {
		dir := ""
		for part := range strings.SplitSeq(path.Dir(name)[1:], "/") {
			dir += "/" + part
			if _, err := disk.Stat(dir); err == nil {
				continue
			}
			if err := disk.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		f, err := disk.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

const mib = 1 << 20

func TestLinuxMachine(t *testing.T) {
	files := machine(t, map[string]string{
		"/proc/meminfo":                                           "MemTotal:       16384 kB\nMemFree: 1 kB\nSwapTotal:  2048 kB\n",
		"/proc/sys/vm/overcommit_memory":                          "1\n",
		"/sys/kernel/mm/transparent_hugepage/enabled":             "always [madvise] never\n",
		"/proc/sys/net/core/somaxconn":                            "4096\n",
		"/proc/self/status":                                       "Name:\ttarn\nVmHWM:\t    3000 kB\nVmRSS:\t    2000 kB\nVmSwap:\t 7 kB\n",
		"/proc/self/stat":                                         "12 (a ) b) S 1 2 3 4 5 6 700 8 900 10 11\n",
		"/proc/self/cgroup":                                       "0::/system.slice/tarn.service\n",
		"/proc/self/mountinfo":                                    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
		"/sys/fs/cgroup/system.slice/tarn.service/memory.max":     "max\n",
		"/sys/fs/cgroup/system.slice/memory.max":                  "8388608\n",
		"/sys/fs/cgroup/system.slice/tarn.service/memory.current": "4194304\n",
		"/sys/fs/cgroup/system.slice/tarn.service/memory.events":  "low 0\nhigh 0\nmax 5\noom 2\noom_kill 3\n",
	})
	wantMachine := Machine{
		MemoryBytes: 16 * mib, SwapBytes: 2 * mib, CgroupVersion: 2, CgroupLimitBytes: 8 * mib,
		Overcommit: 1, HugePages: "madvise", BacklogMax: 4096,
	}
	if got := readLinuxMachine(files); got != wantMachine {
		t.Errorf("machine:\n%+v; want\n%+v", got, wantMachine)
	}
	wantProcess := Process{
		RSSBytes: 2000 * 1024, PeakRSSBytes: 3000 * 1024, SwappedBytes: 7 * 1024, MajorFaults: 900,
	}
	if got := readLinuxProcess(files); got != wantProcess {
		t.Errorf("process:\n%+v; want\n%+v", got, wantProcess)
	}
	wantCgroup := Cgroup{CgroupUsedBytes: 4 * mib, CgroupOOMKills: 3}
	if got := readLinuxCgroup(files); got != wantCgroup {
		t.Errorf("cgroup:\n%+v; want\n%+v", got, wantCgroup)
	}
}

func TestCgroupLimit(t *testing.T) {
	const (
		v2mount  = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		v1mounts = "31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
			"32 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	)
	for _, tc := range []struct {
		name          string
		cgroup, mount string
		limits        map[string]string
		version       int
		want          uint64
	}{
		{"nothing known", "", "", nil, 0, 0},
		{"v2, no limit", "0::/a\n", v2mount, map[string]string{"/sys/fs/cgroup/a/memory.max": "max"}, 2, 0},
		{"v2, own limit", "0::/a\n", v2mount, map[string]string{"/sys/fs/cgroup/a/memory.max": "1048576"}, 2, mib},
		{"v2, the parent's is less", "0::/a/b\n", v2mount, map[string]string{
			"/sys/fs/cgroup/a/memory.max": "1048576", "/sys/fs/cgroup/a/b/memory.max": "2097152"}, 2, mib},
		{"v2, namespace: the mount is the group", "0::/\n", v2mount, map[string]string{"/sys/fs/cgroup/memory.max": "1048576"}, 2, mib},
		{"v2, a part is mounted", "0::/pod/box/sub\n",
			"30 23 0:26 /pod/box /sys/fs/cgroup ro - cgroup2 cgroup ro\n",
			map[string]string{"/sys/fs/cgroup/memory.max": "3145728", "/sys/fs/cgroup/sub/memory.max": "max"}, 2, 3 * mib},
		{"v2, another part is mounted", "0::/elsewhere\n",
			"30 23 0:26 /pod/box /sys/fs/cgroup ro - cgroup2 cgroup ro\n",
			map[string]string{"/sys/fs/cgroup/memory.max": "3145728"}, 2, 3 * mib},
		{"v2, a name that only begins alike", "0::/pod/boxer\n",
			"30 23 0:26 /pod/box /sys/fs/cgroup ro - cgroup2 cgroup ro\n",
			map[string]string{"/sys/fs/cgroup/memory.max": "3145728", "/sys/fs/cgroup/er/memory.max": "1"}, 2, 3 * mib},
		{"v1, own limit", "5:memory:/a\n4:cpu:/a\n", v1mounts,
			map[string]string{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1048576"}, 1, mib},
		{"v1, no limit", "5:memory:/\n", v1mounts,
			map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 1, 0},
		{"v1, docker: the host's name, the container's part", "5:memory:/docker/abc\n",
			"32 23 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152"}, 1, 2 * mib},
		{"both, memory is v1's", "5:memory:/a\n0::/a\n", v1mounts + v2mount,
			map[string]string{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1048576", "/sys/fs/cgroup/a/memory.max": "1"}, 1, mib},
		{"v2 named, not mounted", "0::/a\n", "23 1 0:1 / /proc rw - proc proc rw\n", nil, 0, 0},
		{"nonsense", "::::\nx\n0::/a", "- - -\n - cgroup2 x y\n", nil, 0, 0},
	} {
		files := map[string]string{"/proc/self/cgroup": tc.cgroup, "/proc/self/mountinfo": tc.mount}
		for name, text := range tc.limits {
			files[name] = text
		}
		got := readLinuxMachine(machine(t, files))
		if got.CgroupVersion != tc.version || got.CgroupLimitBytes != tc.want {
			t.Errorf("%s: version %d, limit %d; want %d, %d", tc.name, got.CgroupVersion, got.CgroupLimitBytes, tc.version, tc.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	want := Machine{Overcommit: Unknown, BacklogMax: Unknown}
	for name, files := range map[string]map[string]string{
		"no files": {},
		"empty files": {"/proc/meminfo": "", "/proc/self/stat": "", "/proc/self/status": "",
			"/sys/kernel/mm/transparent_hugepage/enabled": ""},
		"nonsense": {"/proc/meminfo": "MemTotal:\nMemTotal: many kB\n", "/proc/self/stat": "1 (x", "/proc/self/status": "VmRSS: -1 kB",
			"/sys/kernel/mm/transparent_hugepage/enabled": "[always", "/proc/sys/vm/overcommit_memory": "x"},
	} {
		disk := machine(t, files)
		if got := readLinuxMachine(disk); got != want {
			t.Errorf("%s: %+v; want %+v", name, got, want)
		}
		if got := readLinuxProcess(disk); got != (Process{}) {
			t.Errorf("%s: %+v; want nothing", name, got)
		}
		if got := readLinuxCgroup(disk); got != (Cgroup{}) {
			t.Errorf("%s: %+v; want nothing", name, got)
		}
	}
}

func TestLimitBytes(t *testing.T) {
	for _, tc := range []struct{ memory, group, want uint64 }{
		{0, 0, 0}, {100, 0, 100}, {100, 60, 60}, {100, 160, 100}, {0, 60, 60},
	} {
		if got := (Machine{MemoryBytes: tc.memory, CgroupLimitBytes: tc.group}).LimitBytes(); got != tc.want {
			t.Errorf("memory %d, cgroup %d: limit %d; want %d", tc.memory, tc.group, got, tc.want)
		}
	}
}

// touched keeps memory alive, so that the compiler does not leave it out.
var touched []byte

func TestThisProcess(t *testing.T) {
	before := Read(vfs.OS{})
	if before.MemoryBytes < 64*mib || before.RSSBytes < mib || before.RSSBytes > before.MemoryBytes {
		t.Errorf("memory %d, resident %d: not sensible", before.MemoryBytes, before.RSSBytes)
	}
	if before.PeakRSSBytes < before.RSSBytes/2 {
		t.Errorf("peak %d is far below the present %d", before.PeakRSSBytes, before.RSSBytes)
	}
	const size = 64 * mib
	touched = make([]byte, size)
	for i := 0; i < size; i += 4096 {
		touched[i] = 1
	}
	after := ReadProcess(vfs.OS{})
	if grown := int64(after.PeakRSSBytes) - int64(before.RSSBytes); grown < size/2 {
		t.Errorf("after touching %d bytes the peak is only %d above what was resident", size, grown)
	}
	runtime.KeepAlive(touched)
	touched = nil
}

func FuzzCgroup(f *testing.F) {
	f.Add("0::/a\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "1 (x) S 1 2 3 4 5 6 7 8 9")
	f.Add("5:memory:/docker/a", "32 23 0:28 /docker/a /m ro - cgroup cgroup rw,memory\n", "(")
	f.Fuzz(func(t *testing.T, group, mounts, stat string) {
		files := machine(t, map[string]string{
			"/proc/self/cgroup": group, "/proc/self/mountinfo": mounts, "/proc/self/stat": stat, "/proc/self/status": stat})
		readLinuxMachine(files)
		readLinuxProcess(files)
		readLinuxCgroup(files)
	})
}

func BenchmarkReadCgroup(b *testing.B) {
	for b.Loop() {
		ReadCgroup(vfs.OS{})
	}
}

func BenchmarkReadProcess(b *testing.B) {
	for b.Loop() {
		ReadProcess(vfs.OS{})
	}
}
