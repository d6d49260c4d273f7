// The process on Linux: title, OOM score, threads.

package server

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/vfs"
)

// setTitle writes the title over the arguments and, where it is longer, over the environment behind
// them, as /proc/PID/cmdline is meant to be used.
func (s *Server) setTitle(c *config.Config) {
	if !c.SetProcTitle {
		return
	}
	room := argvArea(s.files)
	if len(room) == 0 {
		return
	}
	n := copy(room[:len(room)-1], s.title(c))
	clear(room[n:])
}

// argvArea returns the memory that the kernel put the arguments and the environment in. Go's own
// strings of the arguments point there, so os.Args is made a copy; of the environment it has copies.
var argvArea = func() func(vfs.FS) []byte {
	var area []byte
	return func(files vfs.FS) []byte {
		if area != nil || len(os.Args) == 0 {
			return area
		}
		first := unsafe.StringData(os.Args[0])
		size := 0
		for _, a := range os.Args {
			if unsafe.Add(unsafe.Pointer(first), size) != unsafe.Pointer(unsafe.StringData(a)) {
				break // not one behind the other: use what is
			}
			size += len(a) + 1
		}
		start := uint64(uintptr(unsafe.Pointer(first)))
		if bounds := argvBounds(files); bounds.start == start && bounds.end == start+uint64(size) && bounds.environ == bounds.end {
			size = int(bounds.environEnd - start)
		}
		for i, a := range os.Args {
			os.Args[i] = string(append([]byte(nil), a...))
		}
		area = unsafe.Slice(first, size)
		return area
	}
}()

// bounds are addresses of the arguments and of the environment.
type bounds struct{ start, end, environ, environEnd uint64 }

// argvBounds reads them from /proc/self/stat; zeros if it cannot.
func argvBounds(files vfs.FS) (b bounds) {
	text, err := vfs.ReadFile(files, "/proc/self/stat")
	if err != nil {
		return bounds{}
	}
	// Fields are counted from 1, and the second, in parentheses, may hold anything.
	const firstAfterName, argStart = 3, 48
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	for i, to := range []*uint64{&b.start, &b.end, &b.environ, &b.environEnd} {
		at := argStart - firstAfterName + i
		if at >= len(fields) {
			return bounds{}
		}
		if *to, err = strconv.ParseUint(string(fields[at]), 10, 64); err != nil {
			return bounds{}
		}
	}
	return b
}

const oomScoreFile = "/proc/self/oom_score_adj"

func (s *Server) readOOMScore() int64 {
	b, err := vfs.ReadFile(s.files, oomScoreFile)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n
}

func (s *Server) writeOOMScore(score int64) error {
	return writeWhole(s.files, oomScoreFile, strconv.FormatInt(score, 10))
}

// mainThreadFields say what the calling thread used: INFO runs on an event loop.
func mainThreadFields(cpu func(who int, pick func(*syscall.Rusage) syscall.Timeval) func() string) []info.Field {
	const section, thread = "cpu", 1 // RUSAGE_THREAD
	return []info.Field{
		info.Text(section, "used_cpu_sys_main_thread", "Processor seconds in the kernel, of the event loop asked.", cpu(thread, func(u *syscall.Rusage) syscall.Timeval { return u.Stime })),
		info.Text(section, "used_cpu_user_main_thread", "Processor seconds in the program, of the event loop asked.", cpu(thread, func(u *syscall.Rusage) syscall.Timeval { return u.Utime })),
	}
}

// dieOf makes a signal do what it does to a program that does not handle it. Go's runtime would
// dump all stacks again and exit instead.
func dieOf(sig syscall.Signal) {
	var byDefault struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0, unsafe.Sizeof(byDefault.mask), 0, 0)
	_ = syscall.Kill(os.Getpid(), sig)
	select {}
}

// refuseHugePages keeps the kernel from giving this process transparent huge pages.
func (s *Server) refuseHugePages() {
	const prSetTHPDisable = 41
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0); e != 0 {
		s.log.Warning("Transparent huge pages cannot be disabled for this process: %s", systemText(e))
	}
}

// systemName is the system's name, release and machine, as uname tells them.
func systemName() string {
	var uts syscall.Utsname
	_ = syscall.Uname(&uts)
	return utsText(uts.Sysname[:]) + " " + utsText(uts.Release[:]) + " " + utsText(uts.Machine[:])
}

func utsText[T int8 | uint8](field []T) string {
	var b []byte
	for _, c := range field {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}
