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

// setTitle writes the title over the arguments, where /proc/PID/cmdline shows it. A title longer
// than all the arguments together is cut.
func (s *Server) setTitle(c *config.Config) {
	if !c.SetProcTitle {
		return
	}
	text := s.title(c)
	room := argvArea()
	if len(room) == 0 {
		return
	}
	n := copy(room[:len(room)-1], text)
	clear(room[n:])
	name := append([]byte(text[:min(len(text), 15)]), 0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0)
}

// argvArea returns the memory that the kernel put the arguments in. Go's own strings of them point
// there, so a copy of os.Args is taken before it is written over.
var argvArea = func() func() []byte {
	var area []byte
	return func() []byte {
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
		for i, a := range os.Args {
			os.Args[i] = string(append([]byte(nil), a...))
		}
		area = unsafe.Slice(first, size)
		return area
	}
}()

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
