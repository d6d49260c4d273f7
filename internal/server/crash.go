// Crash: what is left in the log when the process dies of a signal, and how it then dies.
//
// Whoever kills a server that hangs wants to know where it hung. So a fatal signal from outside is
// answered with the stacks of all goroutines, between marks that log readers look for, and the
// process then dies of that very signal, as whoever started it expects. A fault of our own is
// reported by Go's runtime, which is told to write to the log too.

package server

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// crashSignals are those that only a broken process gets, or one that somebody gave up on.
var crashSignals = []os.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL}

// Crash implements command.Host.
func (s *Server) Crash(why string) { s.crash(syscall.SIGABRT, "crashed by request: "+why) }

// crash reports and dies of a signal.
func (s *Server) crash(sig syscall.Signal, how string) {
	if s.cfg().CrashLogEnabled {
		s.log.Raw("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n")
		s.log.Warning("Tarn %s (Redis %s) %s", Version, RedisVersion, how)
		s.log.Raw("\n------ STACK TRACE ------\n" + stacks() + "\n=== REDIS BUG REPORT END. ===\n")
	}
	dieOf(sig)
}

// lastWordsTo has Go's runtime report faults of our own to the log file too, since nobody may read
// standard error. "" is standard output, whose reader has that as well.
func lastWordsTo(logFile string) error {
	if logFile == "" {
		return nil
	}
	f, err := os.OpenFile(logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close())
}

// stacks returns the stacks of all goroutines.
func stacks() string {
	const most = 4 << 20
	b := make([]byte, most)
	return string(b[:runtime.Stack(b, true)])
}
