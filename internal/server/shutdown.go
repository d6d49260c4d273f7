// Shutdown: an orderly end, by SHUTDOWN or a signal.

package server

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/resp"
)

// Errors of SHUTDOWN.
const (
	errShutdown   resp.Error = "ERR Errors trying to SHUTDOWN. Check logs."
	errNoShutdown resp.Error = "ERR No shutdown in progress."
)

// watchSignals obeys signals until the process ends.
func (s *Server) watchSignals() {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		for sig := range ch {
			s.onSignal(sig)
		}
	}()
}

func (s *Server) onSignal(sig os.Signal) {
	if sig != syscall.SIGTERM && sig != syscall.SIGINT {
		s.Crash(sig.String())
	}
	for s.cronPaused.Load() {
		time.Sleep(sweepIdle)
	}
	flags := s.cfg().ShutdownOnSigterm
	text := "Received SIGTERM scheduling shutdown..."
	if sig == syscall.SIGINT {
		if s.ending.Load() || s.dispatcher.IsLoading() {
			s.log.Warning("You insist... exiting now.")
			s.removeFiles()
			os.Exit(1)
		}
		flags = s.cfg().ShutdownOnSigint
		text = "Received SIGINT scheduling shutdown..."
	}
	s.log.Warning(text)
	if s.dispatcher.IsLoading() {
		s.removeFiles()
		os.Exit(0)
	}
	s.dispatcher.World.Alone(func() {
		s.end(shutdownOptions(flags))
		s.log.Warning("SIGTERM received but errors trying to shut down the server, check the logs for more information")
	})
}

func shutdownOptions(f config.ShutdownFlags) command.ShutdownOptions {
	return command.ShutdownOptions{
		Save: f&config.ShutdownSave != 0, NoSave: f&config.ShutdownNoSave != 0,
		Now: f&config.ShutdownNow != 0, Force: f&config.ShutdownForce != 0,
	}
}

// Shutdown implements command.Host.
func (s *Server) Shutdown(c *command.Call, o command.ShutdownOptions) error {
	s.log.Warning("User requested shutdown...")
	s.end(o)
	return errShutdown
}

// AbortShutdown implements command.Host. A shutdown of this version never waits, so that there is
// none to abort.
func (s *Server) AbortShutdown() error { return errNoShutdown }

// end saves if that is due and ends the process. It returns only when the process must go on.
func (s *Server) end(o command.ShutdownOptions) {
	s.ending.Store(true)
	cfg := s.cfg()
	s.persist.Abort()
	s.persist.Wait()
	if o.Save || len(cfg.Save) > 0 && !o.NoSave {
		s.log.Notice("Saving the final RDB snapshot before exiting.")
		if err := s.persist.Save(); err != nil {
			if !o.Force {
				s.log.Warning("Error trying to save the DB, can't exit.")
				s.log.Warning("Errors trying to shut down the server. Check the logs for more information.")
				s.ending.Store(false)
				return
			}
			s.log.Warning("Error trying to save the DB, but the server is forced to exit.")
		}
	}
	s.removeFiles()
	s.clients.hangUp()
	s.log.Warning("Redis is now ready to exit, bye bye...")
	os.Exit(0)
}

// removeFiles removes what only a running server has.
func (s *Server) removeFiles() {
	cfg := s.cfg()
	if s.pidPath != "" {
		s.log.Notice("Removing the pid file.")
		_ = s.files.Remove(s.pidPath)
	}
	if cfg.UnixSocket != "" {
		s.log.Notice("Removing the unix socket file.")
		_ = s.files.Remove(cfg.UnixSocket)
	}
}

// PauseCron implements command.Host.
func (s *Server) PauseCron(paused bool) { s.cronPaused.Store(paused) }

// Crash implements command.Host.
func (s *Server) Crash(why string) {
	s.log.Raw("\n\n=== TARN BUG REPORT START ===\n")
	s.log.Warning("Tarn %s crashed by signal: %s", Version, why)
	s.log.Raw("------ STACK TRACE ------\n" + stack() + "\n=== TARN BUG REPORT END ===\n")
	signal.Reset()
	_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
	os.Exit(134)
}

// Log implements command.Host.
func (s *Server) Log(text string) { s.log.Warning("DEBUG LOG: %s", text) }

// Warn implements command.Host.
func (s *Server) Warn(text string) { s.log.Warning("%s", text) }

// ResetStats implements command.Host: the counters that CONFIG RESETSTAT zeroes and no room of
// their own keeps.
func (s *Server) ResetStats() {
	st := &s.stats
	for _, c := range []*atomic.Int64{&st.netIn, &st.netOut, &st.connections, &st.rejected, &st.queryLimit, &st.outputLimit, &st.sweepNanos} {
		c.Store(0)
	}
	s.persist.ResetStats()
	s.dispatcher.ResetStats()
}
