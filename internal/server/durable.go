// Durable: replies that wait for the log.
//
// Under appendfsync always a reply leaves when the append-only log is on disk up to where it was when
// the reply was made, so that no client sees what a crash could undo: neither its own change nor
// somebody else's. Under the other policies a loop's replies wait for the end of its turn, when the log
// is written unless that could take long (persist.WriteThrough): where it is, the end of the process
// undoes nothing that a client was told, only that of the machine does.

package server

import (
	"math"

	"tarn/internal/config"
	"tarn/internal/persist"
)

// awaitsDisk tells whether replies wait for the disk.
func (s *Server) awaitsDisk(cfg *config.Config) bool {
	return cfg.AppendFsync == config.FsyncAlways && cfg.AppendOnly && s.dispatcher.Journal().Active()
}

// durable says that what the journal holds before a position is on disk.
func (s *Server) durable(end int64) {
	for {
		before := s.onDisk.Load()
		if end <= before {
			return
		}
		if s.onDisk.CompareAndSwap(before, end) {
			break
		}
	}
	s.network.release()
}

// mustHold tells whether a connection's replies are to wait for the log.
func (x *executor) mustHold(c *conn) bool {
	return c.link.holds() || x.srv.dispatcher.Journal().End() > x.safe
}

// begin starts a turn of the executor.
func (x *executor) begin() {
	x.worker.Turn()
	x.always = x.srv.awaitsDisk(x.srv.cfg())
	switch j := x.srv.dispatcher.Journal(); {
	case x.always:
		x.safe = x.srv.onDisk.Load()
	case writesThrough && j.Active():
		x.safe = x.srv.persist.InFile()
	default:
		x.safe = math.MaxInt64
	}
}

// writeLog writes what the journal holds, or has somebody do so.
func (x *executor) writeLog() {
	if !writesThrough || !x.srv.persist.WriteThrough() {
		x.srv.dispatcher.Journal().Kick()
	}
}

// logBehind makes commands that write wait for the log, or lets them go on.
func (s *Server) logBehind(on bool) {
	s.dispatcher.SetBehind(on)
	if !on {
		s.resume()
	}
}

// replayer returns who runs a log's commands. alone tells that the world is stopped.
func (s *Server) replayer(alone bool) persist.Replayer {
	r := s.dispatcher.NewReplayer()
	r.Alone = alone
	r.Refused = func(name string, err error) {
		s.log.Warning("== CRITICAL == This server is sending an error to its AOF-loading-client: '%s' after processing the command '%s'", err, name)
	}
	return r
}
