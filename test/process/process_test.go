// The process contract: a server is launched, watched and ended as init scripts, test benches and
// orchestration do it, by its arguments, its files, its output, its signals and its sockets. What can
// be compared runs against redis-server first, which shows that the test is right, then against
// Tarn, called through a link named redis-server.
//
// This file has the launcher. It waits for what a process prints as it prints it.

// Package process tests what programs that start, watch and end a redis-server rely on.
package process

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tarn/test/harness"
)

func TestMain(m *testing.M) {
	code := harness.Main(m)
	portableBuild.clean()
	os.Exit(code)
}

// patience is how long anything may take before a test gives up. Nothing is ever waited for so long where all is well, on the
// slowest machine either.
const patience = 2 * time.Minute

// program is a binary under test.
type program struct {
	name string
	path string
	tarn bool
}

func oracle(t *testing.T) program {
	return program{name: "redis-server", path: harness.Oracle(t).Path}
}

// tarn returns Tarn as a link named redis-server, the way it takes another server's place.
func tarn(t *testing.T) program {
	t.Helper()
	return linked(t, "tarn", harness.Tarn(t).Path)
}

func linked(t *testing.T, name, binary string) program {
	t.Helper()
	link := filepath.Join(t.TempDir(), "redis-server")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	return program{name: name, path: link, tarn: true}
}

// portableBuild is Tarn with a goroutine for each connection, built at most once.
var portableBuild portable

type portable struct {
	sync.Once
	dir string
	err error
}

func (p *portable) clean() {
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
}

// portableTarn returns Tarn as it is where there is no epoll.
func portableTarn(t *testing.T) program {
	t.Helper()
	p := &portableBuild
	p.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "tarn-portable-"); p.err != nil {
			return
		}
		args := []string{"build", "-tags=portable"}
		if harness.Race {
			args = append(args, "-race")
		}
		out, err := exec.Command("go", append(args, "-o", filepath.Join(p.dir, "tarn"), "tarn/cmd/tarn")...).CombinedOutput()
		if err != nil {
			p.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return linked(t, "portable", filepath.Join(p.dir, "tarn"))
}

// onBoth runs a test with redis-server and with Tarn.
func onBoth(t *testing.T, test func(t *testing.T, p program)) {
	t.Helper()
	for _, get := range []func(*testing.T) program{oracle, tarn} {
		p := get(t)
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// process is one run of a program.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string // its folder at the start
	port   int    // that it was told to listen on
	output output
	ended  chan struct{}
}

// launch starts a program in a folder. It is killed at the end of the test if it still runs.
func (p program) launch(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return p.launchWith(t, dir, nil, args...)
}

func (p program) launchWith(t *testing.T, dir string, stdin io.Reader, args ...string) *process {
	t.Helper()
	return p.start(t, &exec.Cmd{Path: p.path, Args: append([]string{p.path}, args...), Dir: dir, Stdin: stdin})
}

func (p program) start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	s := &process{t: t, cmd: cmd, dir: cmd.Dir, ended: make(chan struct{})}
	s.output.changed = make(chan struct{})
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.ended
		if report := ownFault.FindString(s.log()); report != "" {
			t.Errorf("%s:\n%s", report, s.log())
		}
	})
	return s
}

// ownFault is what Go's runtime and the race detector print.
var ownFault = regexp.MustCompile(`(?m)^(WARNING: DATA RACE|panic: .*|fatal error: .*)$`)

// serve launches a program with directives on a port of its own of the loopback interface and returns
// once it serves. The directives are arguments, so one is "--name" and its values.
func (p program) serve(t *testing.T, directives ...string) *process {
	t.Helper()
	return p.serveIn(t, t.TempDir(), directives...)
}

func (p program) serveIn(t *testing.T, dir string, directives ...string) *process {
	t.Helper()
	port := harness.Port(t)
	args := append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir,
		"--enable-debug-command", "yes", "--enable-protected-configs", "yes"}, directives...)
	s := p.launch(t, dir, args...)
	s.port = port
	s.await("Ready to accept connections")
	return s
}

// output keeps what a process prints.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed and replaced at each write
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(b), nil
}

func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.changed
}

// log returns what was printed so far.
func (s *process) log() string {
	text, _ := s.output.read()
	return text
}

// await waits until what was printed matches a pattern.
func (s *process) await(pattern string) {
	s.t.Helper()
	if !s.awaitOr(pattern, `\z\A`) {
		s.t.Fatalf("printed no %q:\n%s", pattern, s.log())
	}
}

// awaitOr waits until what was printed matches one of two patterns, and tells whether it is good.
func (s *process) awaitOr(good, bad string) bool {
	s.t.Helper()
	isGood, isBad := regexp.MustCompile(good), regexp.MustCompile(bad)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	ended := s.ended
	for over := false; ; {
		text, changed := s.output.read()
		switch {
		case isGood.MatchString(text):
			return true
		case isBad.MatchString(text) && text != "":
			return false
		case over:
			s.t.Fatalf("ended with code %d before it printed %q:\n%s", s.cmd.ProcessState.ExitCode(), good, text)
		}
		select {
		case <-changed:
		case <-ended:
			over, ended = true, nil
		case <-timer.C:
			s.t.Fatalf("no %q after %v:\n%s", good, patience, text)
		}
	}
}

// wait waits for the process to end and returns how.
func (s *process) wait() *os.ProcessState {
	s.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.ended:
		return s.cmd.ProcessState
	case <-timer.C:
		s.t.Fatalf("still runs after %v:\n%s", patience, s.log())
		return nil
	}
}

// code waits for the end and returns the exit code.
func (s *process) code() int {
	s.t.Helper()
	return s.wait().ExitCode()
}

func (s *process) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal %v: %v\n%s", sig, err, s.log())
	}
}

// addr is where the process was told to listen.
func (s *process) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *process) dial() *harness.Conn {
	s.t.Helper()
	c, err := harness.Dial(s.addr())
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log())
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// do runs one command on a connection of its own.
func (s *process) do(args ...string) harness.Value {
	s.t.Helper()
	c := s.dial()
	defer c.Close()
	v, err := c.Do(args...)
	if err != nil {
		s.t.Fatalf("%q: %v\n%s", args, err, s.log())
	}
	return v
}

// must is do that demands no error reply.
func (s *process) must(args ...string) harness.Value {
	s.t.Helper()
	v := s.do(args...)
	if v.IsError() {
		s.t.Fatalf("%q: %v", args, v)
	}
	return v
}

// config returns the value of a directive.
func (s *process) config(name string) string {
	s.t.Helper()
	v := s.must("CONFIG", "GET", name)
	if len(v.Elem) != 2 {
		s.t.Fatalf("CONFIG GET %s: %v", name, v)
	}
	return v.Elem[1].Text
}

// info returns a field of INFO.
func (s *process) info(field string) string {
	s.t.Helper()
	for line := range strings.Lines(s.must("INFO", "everything").Text) {
		if value, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), field+":"); ok {
			return value
		}
	}
	s.t.Fatalf("INFO has no %s", field)
	return ""
}

// stop ends the process by SIGTERM and demands that it is orderly.
func (s *process) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		s.t.Fatalf("exit code %d after SIGTERM:\n%s", code, s.log())
	}
}

// write makes a file and returns its path.
func write(t *testing.T, dir, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// inOrder demands that patterns match in a text, each after the one before.
func inOrder(t *testing.T, text string, patterns ...string) {
	t.Helper()
	rest := text
	for _, pattern := range patterns {
		at := regexp.MustCompile(pattern).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("no %q, or not after the ones before it %q, in:\n%s", pattern, slices.Clone(patterns), text)
		}
		rest = rest[at[1]:]
	}
}
