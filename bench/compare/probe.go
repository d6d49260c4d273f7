// The probe: a client that asks for a key at a steady pace and notes how long each answer took.
//
// A request that is due while an earlier one waits is sent late, and its time counts from when it
// was due: a stall counts for all who would have asked during it. A request that is late only since
// this process overslept counts from when it was sent. The socket blocks, and the probe has a
// thread of its own, so no queue in this process adds to what is measured.

package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

const probeTimeoutSeconds = 60

// answer is one answered request: when it was asked, from the start of the probe, and how long it took.
type answer struct{ at, took time.Duration }

type probe struct {
	begun   time.Time
	stopped atomic.Bool
	done    chan struct{}
	answers []answer // these two are valid after done
	err     error
}

// startProbe asks rate times a second for one of the keys, which must exist.
func startProbe(addr string, rate, keys, valueBytes int, seed uint64) (*probe, error) {
	fd, err := connectBlocking(addr)
	if err != nil {
		return nil, err
	}
	p := &probe{begun: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer syscall.Close(fd)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c := get(valueBytes)
		r := rand.New(rand.NewPCG(seed, 0))
		p.err = p.ask(time.Second/time.Duration(rate), func() error {
			putNumber(c.request[c.keyAt:][:keyDigits], r.IntN(keys))
			return exchange(fd, c)
		})
	}()
	return p, nil
}

func (p *probe) ask(every time.Duration, exchange func() error) error {
	var due, answered time.Duration
	for ; !p.stopped.Load(); due += every {
		from := due
		if answered < due {
			time.Sleep(due - time.Since(p.begun))
			from = time.Since(p.begun)
			due = max(due, from-every) // oversleeping must not build up a debt
		}
		if err := exchange(); err != nil {
			return err
		}
		answered = time.Since(p.begun)
		p.answers = append(p.answers, answer{from, answered - from})
	}
	return nil
}

// stop ends the probe; until then its answers must not be looked at.
func (p *probe) stop() error {
	p.stopped.Store(true)
	<-p.done
	return p.err
}

// milliseconds returns, sorted, how long the requests took that waited at any time in from..to.
func (p *probe) milliseconds(from, to time.Time) []float64 {
	var took []float64
	for _, a := range p.answers {
		asked := p.begun.Add(a.at)
		if asked.Before(to) && asked.Add(a.took).After(from) {
			took = append(took, float64(a.took)/float64(time.Millisecond))
		}
	}
	slices.Sort(took)
	return took
}

func connectBlocking(addr string) (int, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	syscall.CloseOnExec(fd)
	patience := syscall.Timeval{Sec: probeTimeoutSeconds}
	for _, step := range []func() error{
		func() error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) },
		func() error { return syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &patience) },
		func() error {
			return syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()})
		},
	} {
		if err := step(); err != nil {
			syscall.Close(fd)
			return 0, fmt.Errorf("probe: %w", err)
		}
	}
	return fd, nil
}

// exchange sends one request and reads its reply.
func exchange(fd int, c command) error {
	if _, err := syscall.Write(fd, c.request); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	reply := make([]byte, 0, len(c.reply)+c.extra)
	for len(reply) < cap(reply) {
		n, err := syscall.Read(fd, reply[len(reply):cap(reply)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("probe: after %.60q: %w", reply, err)
		}
		if n == 0 {
			return fmt.Errorf("probe: the server hung up after %.60q", reply)
		}
		reply = reply[:len(reply)+n]
	}
	if string(reply[:len(c.reply)]) != c.reply {
		return fmt.Errorf("probe: got %.60q, want a reply that begins with %q", reply, c.reply)
	}
	return nil
}
