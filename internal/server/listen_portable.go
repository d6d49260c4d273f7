//go:build !linux || portable

// Listening sockets, as Go opens them: the length of the queue is the system's.

package server

import (
	"io/fs"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"tarn/internal/vfs"
)

// listener is a socket that accepts connections.
type listener struct {
	net.Listener
	unix   bool
	closed atomic.Bool
}

// listenTCP opens a listener on one word of the bind directive.
func listenTCP(host string, port, _ int) (*listener, error) {
	network, address := "tcp4", ""
	switch host {
	case "*":
	case "::*":
		network = "tcp6"
	default:
		ip, err := resolve(host)
		if err != nil {
			return nil, err
		}
		if ip.To4() == nil {
			network = "tcp6"
		}
		address = ip.String()
	}
	l, err := net.Listen(network, net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l}, nil
}

// listenUnix opens a listener on a path; what stood there before is removed.
func listenUnix(files vfs.FS, path string, perm uint32, _ int) (*listener, error) {
	_ = files.Remove(path)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if perm != 0 {
		err = files.Chmod(path, fs.FileMode(perm))
	}
	return &listener{Listener: l, unix: true}, err
}

func (l *listener) close() {
	l.closed.Store(true)
	_ = l.Close()
}

// setKeepalive asks the system to probe a silent peer after so many seconds; 0: never.
func setKeepalive(c *net.TCPConn, seconds int64) {
	idle := time.Duration(seconds) * time.Second
	_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: seconds > 0, Idle: idle, Interval: max(idle/3, time.Second), Count: 3})
}
