// Following: what the server does when a directive changes while it runs.

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"tarn/internal/config"
)

// rebind closes the TCP listeners and opens those of the new settings.
func (s *Server) rebind(old, c *config.Config) error {
	if !s.network.started() {
		return nil
	}
	if old.Port == c.Port && old.TCPBacklog == c.TCPBacklog && fmt.Sprint(old.Bind) == fmt.Sprint(c.Bind) {
		return nil
	}
	list, err := s.listen(c)
	if err != nil && old.Port == c.Port {
		// Some of the addresses are still held by the old listeners: let go of them first.
		s.network.unlisten()
		if list, err = s.listen(c); err != nil {
			if back, again := s.listen(old); again == nil {
				_ = s.network.listen(back)
			}
		}
	}
	if err != nil {
		if old.Port != c.Port {
			return fmt.Errorf("Unable to listen on this port")
		}
		return fmt.Errorf("Failed to bind to specified addresses.")
	}
	s.network.unlisten()
	return s.network.listen(list)
}

// changeDir makes the dir directive the process's working folder.
func (s *Server) changeDir(_, c *config.Config) error {
	if err := os.Chdir(c.Dir); err != nil {
		return err.(*os.PathError).Err
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
			return filepath.Base(os.Args[0])
		case "listen-addr":
			host := "*"
			if len(c.Bind) > 0 {
				host = c.Bind[0]
			}
			return host + ":" + strconv.FormatInt(c.Port, 10)
		case "port":
			return strconv.FormatInt(c.Port, 10)
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
