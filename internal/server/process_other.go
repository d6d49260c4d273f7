//go:build !linux

// The process where there is no /proc: it keeps its title, and nothing kills for memory.

package server

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"tarn/internal/config"
	"tarn/internal/info"
)

func (s *Server) setTitle(*config.Config) {}

func (s *Server) readOOMScore() int64 { return 0 }

func (s *Server) writeOOMScore(int64) error { return errors.ErrUnsupported }

func mainThreadFields(func(who int, pick func(*syscall.Rusage) syscall.Timeval) func() string) []info.Field {
	return nil
}

// dieOf ends the process with the status that shells give to that signal.
func dieOf(sig syscall.Signal) { os.Exit(128 + int(sig)) }

func (s *Server) refuseHugePages() {}

// systemName is the system's name, release and machine, as uname tells them.
func systemName() string {
	release, _ := syscall.Sysctl("kern.osrelease")
	name, _ := syscall.Sysctl("kern.ostype")
	return name + " " + release + " " + runtime.GOARCH
}
