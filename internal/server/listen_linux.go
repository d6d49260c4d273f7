//go:build !portable

// Listening sockets of the event loops.

package server

import (
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"tarn/internal/vfs"
)

// listener is a socket that accepts connections.
type listener struct {
	fd   int
	unix bool
	addr string
}

// listenTCP opens a listener on one word of the bind directive.
func listenTCP(host string, port, backlog int) (*listener, error) {
	family, sa := syscall.AF_INET, syscall.Sockaddr(nil)
	switch host {
	case "*":
		sa = &syscall.SockaddrInet4{Port: port}
	case "::*":
		family, sa = syscall.AF_INET6, &syscall.SockaddrInet6{Port: port}
	default:
		ip, err := resolve(host)
		if err != nil {
			return nil, err
		}
		if v4 := ip.To4(); v4 != nil {
			a := &syscall.SockaddrInet4{Port: port}
			copy(a.Addr[:], v4)
			sa = a
		} else {
			a := &syscall.SockaddrInet6{Port: port}
			copy(a.Addr[:], ip.To16())
			family, sa = syscall.AF_INET6, a
		}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if family == syscall.AF_INET6 {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 1)
	}
	return bindAndListen(fd, sa, backlog, false, net.JoinHostPort(host, fmt.Sprint(port)))
}

// listenUnix opens a listener on a path; what stood there before is removed.
func listenUnix(files vfs.FS, path string, perm uint32, backlog int) (*listener, error) {
	_ = files.Remove(path)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	l, err := bindAndListen(fd, &syscall.SockaddrUnix{Name: path}, backlog, true, path)
	if err == nil && perm != 0 {
		err = files.Chmod(path, fs.FileMode(perm))
	}
	return l, err
}

func bindAndListen(fd int, sa syscall.Sockaddr, backlog int, unix bool, addr string) (*listener, error) {
	err := syscall.Bind(fd, sa)
	if err == nil {
		err = syscall.Listen(fd, backlog)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return &listener{fd: fd, unix: unix, addr: addr}, nil
}

func (l *listener) close() { _ = syscall.Close(l.fd) }
