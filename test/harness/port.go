// Ports for servers that are told where to listen. A port that was only found free may be anybody's by the time the
// server binds it: another test's, or a connection's own end. Here it stays taken, by a socket that is bound and never
// listens, while the test runs, also between two servers of one test. The kernel then gives it to nobody who asks for any
// port, and still lets a server bind it by number, which says SO_REUSEADDR as all servers do.

package harness

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
)

// Port returns a port of the loopback interface that is this test's until it ends.
func Port(tb testing.TB) int {
	tb.Helper()
	port, giveBack, err := reservePort()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(giveBack)
	return port
}

// reservePort keeps a port until giveBack is called.
func reservePort() (port int, giveBack func(), err error) {
	fd, err := newSocket()
	if err != nil {
		return 0, nil, fmt.Errorf("find a free port: socket: %w", err)
	}
	giveBack = func() { _ = syscall.Close(fd) }
	if port, err = bindAny(fd); err != nil {
		giveBack()
		return 0, nil, fmt.Errorf("find a free port: %w", err)
	}
	if runtime.GOOS != "linux" { // elsewhere a socket that is bound keeps the server out too
		giveBack()
		giveBack = func() {}
	}
	return port, giveBack, nil
}

// newSocket returns a socket that programs which are started do not inherit.
func newSocket() (fd int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

func bindAny(fd int) (port int, err error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, fmt.Errorf("SO_REUSEADDR: %w", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("bind: %w", err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("getsockname: %w", err)
	}
	return at.(*syscall.SockaddrInet4).Port, nil
}
