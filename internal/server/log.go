// Log: one line a message, in the layout that Redis's log readers know.
//
//	pid:role DD Mon YYYY HH:MM:SS.mmm level message
//
// The role is M for a primary; the level is one of . - * # for debug, verbose, notice and warning.
// A line leaves in one unbuffered write to a file opened for appending, so that other writers of
// the same file never tear it.

package server

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"tarn/internal/config"
	"tarn/internal/vfs"
)

// maxLine is the longest message logged, in bytes, as in Redis.
const maxLine = 1024

// Log writes the server's log. It may be used from any goroutine.
type Log struct {
	mu    sync.Mutex // guards the fields below
	level config.LogLevel
	path  string // "": out
	out   io.Writer
	files vfs.FS
	sys   systemLog
	now   func() time.Time
	pid   int
	role  byte
}

// systemLog is the system's logger, or nil.
type systemLog interface {
	Log(level config.LogLevel, text string)
}

func newLog(files vfs.FS, now func() time.Time) *Log {
	return &Log{out: os.Stdout, files: files, now: now, pid: os.Getpid(), role: 'M', level: config.LogNotice}
}

// configure sets the level and where lines go.
func (l *Log) configure(level config.LogLevel, path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level, l.path = level, path
}

// attach makes lines go to the system's logger too, unless it is nil.
func (l *Log) attach(sys systemLog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sys = sys
}

// Debug logs at level debug.
func (l *Log) Debug(format string, args ...any) { l.write(config.LogDebug, format, args) }

// Verbose logs at level verbose.
func (l *Log) Verbose(format string, args ...any) { l.write(config.LogVerbose, format, args) }

// Notice logs at level notice.
func (l *Log) Notice(format string, args ...any) { l.write(config.LogNotice, format, args) }

// Warning logs at level warning.
func (l *Log) Warning(format string, args ...any) { l.write(config.LogWarning, format, args) }

const levelMarks = ".-*#"

func (l *Log) write(level config.LogLevel, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level < l.level {
		return
	}
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if len(text) > maxLine {
		text = text[:maxLine]
	}
	at := l.now()
	line := fmt.Sprintf("%d:%c %s.%03d %c %s\n", l.pid, l.role, at.Format("02 Jan 2006 15:04:05"), at.Nanosecond()/1e6, levelMarks[level], text)
	l.put(line)
	if l.sys != nil {
		l.sys.Log(level, text)
	}
}

// Signal logs what a signal was answered with, in the layout that Redis has for it: the time is in
// Unix seconds and there is no level.
func (l *Log) Signal(text string) {
	l.Raw(fmt.Sprintf("%d:signal-handler (%d) %s\n", l.pid, l.now().Unix(), text))
}

// Raw writes text as it is: the start-up logo.
func (l *Log) Raw(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(text)
}

// put writes to the log file, opened anew each time so that it may be rotated, or to out.
func (l *Log) put(text string) {
	if l.path == "" {
		_, _ = io.WriteString(l.out, text)
		return
	}
	f, err := l.files.OpenFile(l.path, vfs.Append|vfs.New|vfs.WriteOnly, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = io.WriteString(f, text)
}

// errorFlood logs that error replies are no longer counted by their codes, and which were.
func (s *Server) errorFlood(codes []string) {
	s.log.Warning("Errorstats stopped adding new errors because the number of errors reached the limit (%d).", len(codes))
	s.log.Warning("Current errors code list:")
	for _, code := range codes {
		s.log.Warning("  - %s", code)
	}
}
