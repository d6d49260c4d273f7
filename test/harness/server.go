// Servers for tests: start one, wait until it is ready, talk to it, stop it.
//
// A Program is something that can be started as a redis-server: Debian's own (the oracle) or Tarn,
// built from this tree. Start writes the directives into a config file in a fresh folder, keeps a
// loopback port as long as the server runs, and waits for the log line that says the server takes connections. Every
// server is stopped, by its own pid, when the test that started it ends; one that ended by itself
// before that fails the test and shows the end of its log.

// Package harness starts the servers that the tests across rooms talk to, and speaks to them with
// a client of its own, which shares no code with the server under test.
package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyTimeout = time.Minute // from exec to the ready line
	stopTimeout  = time.Minute // from SIGTERM to the end of the process
	portTries    = 8           // where a port cannot be kept, another process may take it before the server does
)

// Program is a binary that serves when it is called with Args, the path of a config file, and After.
type Program struct {
	Name  string // "redis-server" or "tarn", for messages
	Path  string // the binary
	Args  []string
	After []string
}

// Server is one running server. Its fields are read-only.
type Server struct {
	Program Program
	Addr    string // host:port of its TCP listener
	Port    int
	Dir     string // its working directory; the config file is server.conf in it
	Pid     int

	tb       testing.TB
	cmd      *exec.Cmd
	log      *logTail
	exited   chan struct{} // closed once the process has been waited for
	exitErr  error         // valid after exited is closed
	mayEnd   bool
	stopping bool
}

// baseDirectives suit every test: nothing is saved unless asked for, and DEBUG is open.
var baseDirectives = []string{
	`bind 127.0.0.1`,
	`save ""`,
	`daemonize no`,
	`logfile ""`,
	`enable-debug-command yes`,
	`enable-protected-configs yes`,
}

// Start runs p with the given directives, one config line each, and returns once it answers.
// It fails the test when the server does not come up.
func (p Program) Start(tb testing.TB, directives ...string) *Server {
	tb.Helper()
	for try := 1; ; try++ {
		s, err := p.start(tb, directives)
		if err == nil {
			tb.Cleanup(s.Stop)
			return s
		}
		if !errors.Is(err, errPortTaken) || try == portTries {
			tb.Fatalf("start %s: %v", p.Name, err)
		}
	}
}

// StartError runs p with the given directives and expects it to refuse them: it returns what the
// process printed and its exit code. It fails the test when the server comes up.
func (p Program) StartError(tb testing.TB, directives ...string) (output string, exitCode int) {
	tb.Helper()
	s, err := p.start(tb, directives)
	if err == nil {
		s.Stop()
		tb.Fatalf("start %s with %q: it came up", p.Name, directives)
	}
	var ended *endedError
	if !errors.As(err, &ended) {
		tb.Fatalf("start %s with %q: %v", p.Name, directives, err)
	}
	return ended.log, ended.code
}

var errPortTaken = errors.New("port taken")

// endedError reports a server that ended before it was ready.
type endedError struct {
	code int
	log  string
}

func (e *endedError) Error() string {
	return fmt.Sprintf("ended with exit code %d before it was ready; its log:\n%s", e.code, e.log)
}

func (e *endedError) Is(target error) bool {
	return target == errPortTaken && strings.Contains(e.log, "Failed listening on port")
}

func (p Program) start(tb testing.TB, directives []string) (*Server, error) {
	dir := tb.TempDir()
	port, giveBack, err := reservePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Program: p, Dir: dir, Port: port, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		tb: tb, log: newLogTail("Ready to accept connections"), exited: make(chan struct{}),
	}
	conf, err := s.writeConfig(directives)
	if err != nil {
		giveBack()
		return nil, err
	}
	s.cmd = exec.Command(p.Path, slices.Concat(p.Args, []string{conf}, p.After)...)
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = dieWithParent()
	if err := s.cmd.Start(); err != nil {
		giveBack()
		return nil, fmt.Errorf("exec %s: %w", p.Path, err)
	}
	s.Pid = s.cmd.Process.Pid
	go func() {
		s.exitErr = s.cmd.Wait()
		giveBack()
		close(s.exited)
	}()
	return s, s.awaitReady()
}

func (s *Server) writeConfig(directives []string) (path string, err error) {
	lines := append([]string{"port " + strconv.Itoa(s.Port), "dir " + Quote(s.Dir)}, baseDirectives...)
	lines = append(lines, directives...)
	path = filepath.Join(s.Dir, "server.conf")
	return path, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// awaitReady waits for the ready line and then for one PING.
func (s *Server) awaitReady() error {
	timer := time.NewTimer(readyTimeout)
	defer timer.Stop()
	select {
	case <-s.log.found:
	case <-s.exited:
		return &endedError{code: s.cmd.ProcessState.ExitCode(), log: s.log.String()}
	case <-timer.C:
		s.kill()
		return fmt.Errorf("not ready after %v; its log:\n%s", readyTimeout, s.log)
	}
	c, err := Dial(s.Addr)
	if err != nil {
		s.kill()
		return fmt.Errorf("said that it was ready: %w", err)
	}
	defer c.Close()
	if v, err := c.Do("PING"); err != nil || v.Kind != '+' && v.Kind != '-' {
		s.kill()
		return fmt.Errorf("PING: got %v, %v", v, err)
	}
	return nil
}

// Dial connects to the server; the connection is closed at the end of the test.
func (s *Server) Dial(tb testing.TB) *Conn {
	tb.Helper()
	c, err := Dial(s.Addr)
	if err != nil {
		tb.Fatalf("%s: %v; its log:\n%s", s.Program.Name, err, s.log)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// Log returns the end of what the server has printed.
func (s *Server) Log() string { return s.log.String() }

// Alive tells whether the process has not ended.
func (s *Server) Alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// ExpectEnd declares that the server may now end by itself, as after SHUTDOWN.
func (s *Server) ExpectEnd() { s.mayEnd = true }

// AwaitEnd waits until the process has ended and returns its exit code.
func (s *Server) AwaitEnd() int {
	s.tb.Helper()
	s.mayEnd = true
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-timer.C:
		s.tb.Errorf("%s still runs after %v; its log:\n%s", s.Program.Name, stopTimeout, s.log)
		s.kill()
		return -1
	}
}

// Stop ends the server by SIGTERM, as an init script would, and fails the test when that does not
// work, when the exit code is not 0, or when the server had ended by itself before.
func (s *Server) Stop() {
	s.tb.Helper()
	if s.stopping {
		return
	}
	s.stopping = true
	if !s.Alive() {
		if !s.mayEnd {
			s.tb.Errorf("%s ended by itself (%v); its log:\n%s", s.Program.Name, s.exitErr, s.log)
		}
		return
	}
	s.Signal(syscall.SIGTERM)
	if code := s.AwaitEnd(); code > 0 {
		s.tb.Errorf("%s: exit code %d after SIGTERM; its log:\n%s", s.Program.Name, code, s.log)
	}
}

// Kill ends the process at once, as a power cut would as far as the process can tell.
func (s *Server) Kill() {
	s.stopping = true
	s.kill()
}

func (s *Server) kill() {
	s.Signal(syscall.SIGKILL)
	<-s.exited
}

// Signal sends sig to the server's process.
func (s *Server) Signal(sig syscall.Signal) {
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Errorf("signal %v to %s: %v", sig, s.Program.Name, err)
	}
}
