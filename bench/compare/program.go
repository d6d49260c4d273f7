// Servers as processes: started on a free loopback port, asked until they answer, stopped by pid.
//
// Both servers get the same directives. A server is ready when it answers PING with PONG: one that
// still loads a file answers with an error.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTries   = 5 // another process may take a free port first
	startTimeout = 5 * time.Minute
	stopTimeout  = 20 * time.Second
	readyEvery   = 2 * time.Millisecond
	logBytesKept = 8 << 10
)

// program is a server that can be started.
type program struct {
	name string // with its version
	path string
	args []string // before the directives that every server gets
	more []string // after them
}

// newProgram splits words into what stands before the first directive and the directives.
func newProgram(name, path, words string) (program, error) {
	path, err := absolute(path)
	if err != nil {
		return program{}, err
	}
	path, err = exec.LookPath(path)
	if err != nil {
		return program{}, fmt.Errorf("%s: %w", name, err)
	}
	version, err := versionOf(path)
	if err != nil {
		return program{}, fmt.Errorf("%s --version: %w", path, err)
	}
	p := program{name: name + " " + version, path: path, args: strings.Fields(words)}
	if i := slices.IndexFunc(p.args, func(word string) bool { return strings.HasPrefix(word, "--") }); i >= 0 {
		p.args, p.more = p.args[:i], p.args[i:]
	}
	return p, nil
}

// versionOf finds v=VERSION in what a server says of itself.
func versionOf(path string) (string, error) {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", err
	}
	for _, word := range strings.Fields(string(out)) {
		if version, ok := strings.CutPrefix(word, "v="); ok {
			return version, nil
		}
	}
	return "", fmt.Errorf("no version in %q", out)
}

// server is a running one.
type server struct {
	addr    string
	dir     string
	pid     int
	ready   time.Duration // from the start of the process to its first PONG
	control *conn         // for one goroutine

	cmd   *exec.Cmd
	log   logEnd
	ended chan struct{} // closed when the process has been waited for
}

// start runs the program in dir and waits until it is ready. The server ends at the latest with ctx.
func (p program) start(ctx context.Context, dir string, directives ...string) (*server, error) {
	for try := 1; ; try++ {
		s, err := p.launch(ctx, dir, directives)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, errEndedEarly) || try == startTries {
			return nil, err
		}
	}
}

var errEndedEarly = errors.New("ended before it was ready")

func (p program) launch(ctx context.Context, dir string, directives []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args := slices.Concat(p.args, []string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--appendonly", "no", "--daemonize", "no"}, p.more, directives)
	s := &server{addr: net.JoinHostPort("127.0.0.1", port), dir: dir, ended: make(chan struct{})}
	s.cmd = exec.CommandContext(ctx, p.path, args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr, s.cmd.SysProcAttr = dir, &s.log, &s.log, dieWithParent()
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.pid = s.cmd.Process.Pid
	go func() {
		s.cmd.Wait() // how it ended matters only to who waits for it to be ready
		close(s.ended)
	}()
	if err := s.awaitReady(begun); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) awaitReady(begun time.Time) error {
	for time.Since(begun) < startTimeout {
		select {
		case <-s.ended:
			return fmt.Errorf("%s %w: %s", s.cmd.Path, errEndedEarly, s.log.String())
		case <-time.After(readyEvery):
		}
		if s.control == nil {
			c, err := dial(s.addr)
			if err != nil {
				continue // not listening yet
			}
			s.control = c
		}
		reply, err := s.control.do("PING")
		switch {
		case err == nil && reply.Text == "PONG":
			s.ready = time.Since(begun)
			return nil
		case err != nil && reply.Err() == nil: // no reply at all
			s.control.close()
			s.control = nil
		}
	}
	return fmt.Errorf("%s: not ready after %v: %s", s.cmd.Path, startTimeout, s.log.String())
}

// stop ends the server and waits for its end.
func (s *server) stop() {
	if s.control != nil {
		s.control.close()
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		s.cmd.Process.Kill()
		<-s.ended
	}
}

// info returns one field of INFO.
func (s *server) info(field string) (string, error) {
	reply, err := s.control.do("INFO", "everything")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(reply.Text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value, nil
		}
	}
	return "", fmt.Errorf("INFO has no %s", field)
}

func (s *server) infoNumber(field string) (float64, error) {
	text, err := s.info(field)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// logEnd keeps the end of what a server prints, for messages.
type logEnd struct {
	mu   sync.Mutex // guards kept
	kept []byte
}

func (l *logEnd) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if excess := len(l.kept) - logBytesKept; excess > 0 {
		l.kept = append(l.kept[:0], l.kept[excess:]...)
	}
	return len(p), nil
}

func (l *logEnd) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.kept))
}
