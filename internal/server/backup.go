// Backups: how a running server reads one back. The checker of tarn check does it, which decodes every value.

package server

import (
	"io"

	"tarn/internal/check"
)

func (s *Server) verifyBackup(path string, rest func() error) (keys int64, damage, err error) {
	tool := check.Tool{Files: s.files, Out: io.Discard, Clock: s.clock}
	return tool.Verify(path, rest)
}
