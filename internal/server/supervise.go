// Supervision: telling the init system that started the server when it is ready.
//
// systemd names a socket in NOTIFY_SOCKET and is sent lines there, as in sd_notify(3). upstart sets
// UPSTART_JOB and waits for the process to stop itself, then lets it go on.

package server

import (
	"net"
	"os"
	"strings"
	"syscall"

	"tarn/internal/config"
)

// supervise finds out, once, who supervises the process, and says so.
func (s *Server) supervise() {
	socket, job := os.Getenv("NOTIFY_SOCKET"), os.Getenv("UPSTART_JOB")
	mode := s.cfg().Supervised
	if mode == config.SupervisedAuto {
		switch {
		case job != "":
			mode = config.SupervisedUpstart
		case socket != "":
			mode = config.SupervisedSystemd
		}
	}
	switch mode {
	case config.SupervisedSystemd:
		if socket == "" {
			s.log.Warning("systemd supervision error: NOTIFY_SOCKET not found!")
			return
		}
		s.supervisor = "systemd"
		s.notifySocket = socket
		s.notify("STATUS=Redis is loading...\n")
		s.log.Notice("supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.")
	case config.SupervisedUpstart:
		if job == "" {
			s.log.Warning("upstart supervision requested, but UPSTART_JOB not found!")
			return
		}
		s.supervisor = "upstart"
		s.log.Notice("supervised by upstart, will stop to signal readiness.")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		_ = os.Unsetenv("UPSTART_JOB")
	}
}

// notify sends lines to systemd, if that supervises the process.
func (s *Server) notify(lines string) {
	if s.notifySocket == "" {
		return
	}
	name := s.notifySocket
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:] // a name that is in no file system
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		_, err = c.Write([]byte(lines))
		_ = c.Close()
	}
	if err != nil {
		s.log.Warning("systemd supervision error: sd_notify: %s", systemText(err))
	}
}
