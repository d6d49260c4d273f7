// Following: what the server does when a directive changes while it runs.

package server

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"tarn/internal/config"
)

// rebind closes the TCP listeners and opens those of the new settings. What is open on another port
// stays until the new one is.
func (s *Server) rebind(old, c *config.Config) error {
	if !s.network.started() || old.Port == c.Port && slices.Equal(old.Bind, c.Bind) {
		return nil
	}
	if old.Port != c.Port {
		list, err := s.listen(c)
		if err != nil {
			return errPort
		}
		s.network.unlisten()
		return s.nowListening(list, c)
	}
	s.network.unlisten()
	list, err := s.listen(c)
	if err != nil {
		s.log.Warning("Failed to bind")
		if list, err = s.listen(old); err == nil {
			_ = s.nowListening(list, old)
		}
		return errBind
	}
	return s.nowListening(list, c)
}

func (s *Server) nowListening(list []*listener, c *config.Config) error {
	s.setTitle(c)
	return s.network.listen(list)
}

// What CONFIG SET says of addresses that cannot be listened on.
var (
	errPort = errors.New("Unable to listen on this port. Check server logs.")
	errBind = errors.New("Failed to bind to specified addresses.")
)

// changeDir makes the dir directive the process's working folder.
func (s *Server) changeDir(_, c *config.Config) error {
	if err := os.Chdir(c.Dir); err != nil {
		return errors.New(systemText(err))
	}
	return nil
}

// changeProcess applies the title and the OOM score.
func (s *Server) changeProcess(_, c *config.Config) error {
	s.setTitle(c)
	return s.setOOMScore(c)
}

// title is what the process calls itself under the proc-title-template directive.
func (s *Server) title(c *config.Config) string {
	text, _ := config.ExpandTitle(c.ProcTitleTemplate, func(variable string) string {
		switch variable {
		case "title":
			return os.Args[0]
		case "listen-addr":
			host := "*"
			if len(c.Bind) > 0 {
				host = c.Bind[0]
			}
			return host + ":" + strconv.FormatInt(c.Port, 10)
		case "port":
			return strconv.FormatInt(c.Port, 10)
		case "tls-port":
			return strconv.FormatInt(c.TLSPort, 10)
		case "config-file":
			return s.configFile
		case "unixsocket":
			return c.UnixSocket
		}
		return ""
	})
	return text
}

// setOOMScore tells the kernel how soon to kill this process when memory is short. An absolute
// score, or one relative to what it was at start.
func (s *Server) setOOMScore(c *config.Config) error {
	if c.OOMScoreAdj == config.OOMNo {
		if s.oomScoreSet {
			s.oomScoreSet = false
			return s.writeOOMScore(s.oomScoreBase)
		}
		return nil
	}
	if !s.oomScoreSet {
		s.oomScoreBase = s.readOOMScore()
	}
	score := c.OOMScoreAdjValues[0]
	if c.OOMScoreAdj == config.OOMRelative {
		score += s.oomScoreBase
	}
	if err := s.writeOOMScore(min(max(score, -1000), 1000)); err != nil {
		s.log.Warning("Unable to write oom_score_adj: %s", systemText(err))
		return fmt.Errorf("Failed to apply new oom_score_adj configuration, check server logs.")
	}
	s.oomScoreSet = true
	return nil
}
