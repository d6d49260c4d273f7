// Shutdown: an orderly end, by SHUTDOWN or a signal.

package server

import (
	"fmt"
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
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT)
	if s.cfg().CrashLogEnabled {
		signal.Notify(ch, crashSignals...)
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		for sig := range ch {
			s.onSignal(sig.(syscall.Signal))
		}
	}()
}

func (s *Server) onSignal(sig syscall.Signal) {
	if sig != syscall.SIGTERM && sig != syscall.SIGINT {
		s.crash(sig, fmt.Sprintf("crashed by signal: %d, %s", sig, sig))
	}
	switch {
	case sig == syscall.SIGINT && s.ending.Load():
		s.log.Signal("You insist... exiting now.")
		s.persist.CleanTemp()
		s.removeFiles()
		os.Exit(1)
	case s.dispatcher.IsLoading():
		s.log.Signal("Received shutdown signal during loading, scheduling shutdown.")
	case sig == syscall.SIGINT:
		s.log.Signal("Received SIGINT scheduling shutdown...")
	default:
		s.log.Signal("Received SIGTERM scheduling shutdown...")
	}
	if !s.ending.Swap(true) {
		go s.endBySignal(sig)
	}
}

// endBySignal is SHUTDOWN without a client. Where cron would do it, it waits for cron's pause to end.
func (s *Server) endBySignal(sig syscall.Signal) {
	for s.cronPaused.Load() {
		time.Sleep(sweepIdle)
	}
	flags := s.cfg().ShutdownOnSigterm
	if sig == syscall.SIGINT {
		flags = s.cfg().ShutdownOnSigint
	}
	s.dispatcher.World.Alone(func() {
		s.log.Notice("User requested shutdown...")
		s.end(shutdownOptions(flags))
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
	s.log.Notice("User requested shutdown...")
	s.end(o)
	return errShutdown
}

// AbortShutdown implements command.Host. A shutdown of this version never waits, so that there is
// none to abort.
func (s *Server) AbortShutdown() error { return errNoShutdown }

// end saves if that is due and ends the process. It returns only when the process must go on, with
// the reason logged. The world is stopped.
func (s *Server) end(o command.ShutdownOptions) {
	s.ending.Store(true)
	s.persist.Abort()
	s.persist.EndBackups()
	if !s.persist.EndLog(o.Force) {
		s.log.Warning("Errors trying to shut down the server. Check the logs for more information.")
		s.ending.Store(false)
		return
	}
	s.persist.Wait()
	save := o.Save || len(s.cfg().Save) > 0 && !o.NoSave
	if save && !s.dispatcher.IsLoading() && !s.lastSave(o.Force) {
		s.ending.Store(false)
		return
	}
	s.notify("STOPPING=1\n")
	s.removeFiles()
	s.network.unlisten() // before clients can see the end: who starts the next server needs the port
	s.clients.hangUp()
	s.log.Warning("Redis is now ready to exit, bye bye...")
	os.Exit(0)
}

// lastSave saves before the end, and tells whether the process may end.
func (s *Server) lastSave(force bool) bool {
	s.log.Notice("Saving the final RDB snapshot before exiting.")
	err := s.persist.Save()
	switch {
	case err == nil:
		return true
	case force:
		s.log.Warning("Error trying to save the DB. Exit anyway.")
		return true
	}
	s.log.Warning("Error trying to save the DB, can't exit.")
	s.log.Warning("Errors trying to shut down the server. Check the logs for more information.")
	return false
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

// Log implements command.Host.
func (s *Server) Log(text string) { s.log.Notice("%s", text) }

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
