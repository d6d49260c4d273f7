//go:build !portable

// Loop: an event loop over epoll, one thread of the server.
//
// It waits for sockets, reads each once, runs what was read and writes the replies with one call,
// all by raw system calls on sockets that never block. Between turns it leaves the world. Other
// threads reach it through its mailbox only. The first loop accepts connections and deals them out.

package server

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"tarn/internal/command"
	"tarn/internal/dispatch"
	"tarn/internal/info"
)

const maxEvents = 256

// armedInput is the event that a connection is read on.
const armedInput = syscall.EPOLLIN

// maxAhead bounds the bytes that are read while a command is blocked.
const maxAhead = 1 << 20

// maxAccepts bounds the connections accepted in one turn.
const maxAccepts = 128

// loop is one event loop.
type loop struct {
	executor
	buf    []byte // what is read goes here first
	epoll  int
	wakeFD int
	conns  []*conn // by file descriptor
	parked []*conn // whose command waits for Resume
	held   held
	queue  []*conn // of which the next piece of a long reply is to be written

	listeners map[int32]*listener // of the first loop

	mail    mailbox
	own     bool // it has written to itself
	woken   atomic.Bool
	retry   atomic.Bool // parked commands are to be tried again
	events  [maxEvents]syscall.EpollEvent
	busy    info.Counter // ns inside turns
	turns   info.Counter
	longest info.Counter // ns of the longest turn
	fullest info.Counter // commands of the turn with most
}

// mailbox holds what other threads ask of a loop.
type mailbox struct {
	mu   sync.Mutex
	jobs []func()
}

// link ties a connection to its socket and loop.
type link struct {
	loop  *loop
	fd    int32
	unix  bool
	armed uint32 // epoll events waited for
	held  int    // bytes of replies that wait for the log
}

// network is the server's listeners and loops.
type network struct {
	loops     []*loop
	listeners []*listener
	next      int // loop that gets the next connection
}

func newLoop(s *Server) (*loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := eventfd()
	if err != nil {
		return nil, err
	}
	l := &loop{epoll: ep, wakeFD: wake, buf: make([]byte, readSize), listeners: map[int32]*listener{}}
	l.executor = executor{srv: s, worker: s.dispatcher.NewWorker()}
	return l, l.control(syscall.EPOLL_CTL_ADD, int32(wake), syscall.EPOLLIN)
}

func eventfd() (int, error) {
	fd, _, e := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

func (l *loop) control(op int, fd int32, events uint32) error {
	ev := syscall.EpollEvent{Events: events, Fd: fd}
	_, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(l.epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// run serves until the process ends.
func (l *loop) run() {
	world := &l.srv.dispatcher.World
	for {
		n := l.wait()
		world.Enter()
		l.begin()
		began, ran := l.srv.clock.Mono(), l.worker.Commands()
		for i := range n {
			l.event(&l.events[i])
		}
		if l.own || l.woken.Load() {
			l.own = false
			l.openMail()
		}
		if l.retry.Load() {
			l.retryParked()
		}
		if len(l.queue) > 0 {
			l.streamQueued()
		}
		l.settle()
		spent := l.srv.clock.Mono() - began
		l.busy.Add(spent)
		l.turns.Add(1)
		if longest := l.longest.Load(); spent > longest {
			l.longest.Add(spent - longest)
		}
		ran = l.worker.Commands() - ran
		if fullest := l.fullest.Load(); ran > fullest {
			l.fullest.Add(ran - fullest)
		}
		world.Leave()
	}
}

// patience is how many ms the loop waits for events while it keeps its place among Go's runners.
const patience = 1

// wait returns the number of events at hand: at least one, unless long replies or own mail wait.
// Under load the next event is near: a raw wait gets it without the two hand-overs to Go's scheduler
// that an ordinary call costs. (The scheduler interrupts a raw wait by a signal when it needs the
// place.) With nothing to do, the place is given up.
func (l *loop) wait() int {
	wait := uintptr(patience)
	if len(l.queue) > 0 || l.own {
		wait = 0
	}
	n, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), maxEvents, wait, 0, 0)
	switch {
	case e == 0 && int(n) > 0:
		return int(n)
	case wait == 0:
		return 0
	}
	for {
		n, err := syscall.EpollWait(l.epoll, l.events[:], -1)
		if err == nil {
			return n
		}
		if err != syscall.EINTR {
			l.srv.log.Warning("epoll_wait: %v", err)
			time.Sleep(time.Millisecond)
		}
	}
}

func (l *loop) event(ev *syscall.EpollEvent) {
	if ev.Fd == int32(l.wakeFD) {
		l.clearWake()
		return
	}
	if ln := l.listeners[ev.Fd]; ln != nil {
		l.accept(ln)
		return
	}
	c := l.conns[ev.Fd]
	if c == nil {
		return
	}
	if ev.Events&(syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLRDHUP) != 0 && c.link.armed&syscall.EPOLLIN == 0 {
		l.close(c)
		return
	}
	if ev.Events&syscall.EPOLLOUT != 0 && c.out != nil && !l.drained(c) {
		l.close(c)
		return
	}
	if ev.Events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 && c.link.armed&syscall.EPOLLIN != 0 && !l.readable(c) {
		l.close(c)
	}
}

// drained sends replies that waited, and lets a choked connection go on.
func (l *loop) drained(c *conn) bool {
	if !l.flush(c) {
		return false
	}
	return c.out != nil || c.link.holds() || l.sentAll(c)
}

// flush sends replies that waited. It reports false when the connection is broken.
func (l *loop) flush(c *conn) bool {
	for c.out.size() > 0 {
		b := c.out.next()
		n, err := c.link.write(b)
		if err != nil {
			return false
		}
		l.srv.stats.netOut.Add(int64(n))
		if c.out.took(n); n < len(b) {
			return true
		}
	}
	c.out = nil
	c.link.wantWrite(false)
	return true
}

// readable reads once and runs what there is.
func (l *loop) readable(c *conn) bool {
	buf, kept := l.buf, len(c.in)
	blocked := c.State&command.Blocked != 0
	if kept > 0 || blocked {
		buf = c.room()
	}
	n, err := rawRead(c.link.fd, buf)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return true
	}
	if n <= 0 {
		return false
	}
	l.srv.stats.netIn.Add(int64(n))
	if blocked {
		if c.in = c.in[:kept+n]; len(c.in) > maxAhead {
			c.link.arm(c.link.armed&^syscall.EPOLLIN | syscall.EPOLLRDHUP)
		}
		return true
	}
	if kept > 0 {
		c.in = c.in[:kept+n]
		if c.parser.Want() > len(c.in) && !c.parser.Idle() {
			return int64(len(c.in)) <= l.srv.cfg().ClientQueryBufferLimit || l.advance(c, c.in)
		}
		return l.advance(c, c.in)
	}
	return l.advance(c, buf[:n])
}

// retryParked runs again the commands that waited.
func (l *loop) retryParked() {
	l.retry.Store(false)
	list := l.parked
	l.parked = nil
	for _, c := range list {
		if c.link.loop == nil || c.State&command.Parked == 0 {
			continue
		}
		c.State &^= command.Parked | command.Pausing
		c.link.arm(c.link.armed | syscall.EPOLLIN)
		if !l.advance(c, c.in) {
			l.close(c)
		}
	}
}

// streamQueued writes a piece of each long reply that waits for its turn.
func (l *loop) streamQueued() {
	list := l.queue
	l.queue = nil
	for _, c := range list {
		if c.link.loop != nil && c.State&command.Streaming != 0 && !l.stream(c) {
			l.close(c)
		}
	}
}

// post runs f in the loop's next turn.
func (l *loop) post(f func()) {
	l.mail.mu.Lock()
	l.mail.jobs = append(l.mail.jobs, f)
	l.mail.mu.Unlock()
	l.wake()
}

// postOwn is post for the loop itself, in a turn: f is run at its end, or in the next.
func (l *loop) postOwn(f func()) {
	l.mail.mu.Lock()
	l.mail.jobs = append(l.mail.jobs, f)
	l.mail.mu.Unlock()
	l.own = true
}

// wake makes the loop take a turn soon.
func (l *loop) wake() {
	if l.woken.CompareAndSwap(false, true) {
		one := [8]byte{1}
		_, _ = syscall.Write(l.wakeFD, one[:])
	}
}

func (l *loop) clearWake() {
	var b [8]byte
	_, _ = rawRead(int32(l.wakeFD), b[:])
}

func (l *loop) openMail() {
	l.woken.Store(false)
	l.mail.mu.Lock()
	jobs := l.mail.jobs
	l.mail.jobs = nil
	l.mail.mu.Unlock()
	for _, f := range jobs {
		f()
	}
}

// accept takes the connections that wait at a listener.
func (l *loop) accept(ln *listener) {
	for range maxAccepts {
		fd, _, err := syscall.Accept4(ln.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			if err != syscall.EAGAIN && err != syscall.EINTR && err != syscall.ECONNABORTED {
				l.srv.log.Warning("Accepting client connection: %v", err)
			}
			return
		}
		c := &conn{}
		c.link = link{fd: int32(fd), unix: ln.unix, armed: syscall.EPOLLIN}
		if refusal := l.srv.admit(c); refusal != "" {
			_, _ = rawWrite(int32(fd), []byte(refusal))
			_ = syscall.Close(fd)
			continue
		}
		if !ln.unix {
			setTCPOptions(fd, l.srv.cfg().TCPKeepalive)
		}
		net := &l.srv.network
		to := net.loops[net.next%len(net.loops)]
		net.next++
		if to == l {
			l.adopt(c)
		} else {
			to.post(func() { to.adopt(c) })
		}
	}
}

func setTCPOptions(fd int, keepalive int64) {
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if keepalive > 0 {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(keepalive))
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(max(keepalive/3, 1)))
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3)
	}
}

// adopt makes a connection this loop's.
func (l *loop) adopt(c *conn) {
	fd := int(c.link.fd)
	for len(l.conns) <= fd {
		l.conns = append(l.conns, make([]*conn, max(64, len(l.conns)))...)
	}
	c.link.loop = l
	l.conns[fd] = c
	// It may have been killed on its way here.
	if c.State&command.Killed != 0 || l.control(syscall.EPOLL_CTL_ADD, c.link.fd, c.link.armed) != nil {
		l.close(c)
	}
}

// close ends a connection and forgets it.
func (l *loop) close(c *conn) {
	if c.link.loop == nil {
		return
	}
	l.srv.forget(c, l.worker.Tx())
	l.conns[c.link.fd] = nil
	_ = syscall.Close(int(c.link.fd))
	c.link.loop = nil
}

// arm changes the events waited for.
func (k *link) arm(events uint32) {
	if events != k.armed && k.loop != nil {
		k.armed = events
		_ = k.loop.control(syscall.EPOLL_CTL_MOD, k.fd, events)
	}
}

func (k *link) wantWrite(on bool) {
	if on {
		k.arm(k.armed | syscall.EPOLLOUT)
	} else {
		k.arm(k.armed &^ syscall.EPOLLOUT)
	}
}

// closing stops reading: the connection is only kept for its replies.
func (k *link) closing() { k.arm(k.armed &^ syscall.EPOLLIN) }

// choke stops reading until the client has read its replies.
func (k *link) choke() { k.arm(k.armed &^ syscall.EPOLLIN) }

// park stops reading until the waiting command has run.
func (k *link) park() {
	k.arm(k.armed &^ syscall.EPOLLIN)
	k.loop.parked = append(k.loop.parked, k.owner())
}

// stream stops reading until the long reply is written. Its next piece is written in the next turn, or
// when what has been written before is sent.
func (k *link) stream() {
	k.arm(k.armed &^ syscall.EPOLLIN)
	if c := k.owner(); c.unsent() == 0 {
		k.loop.queue = append(k.loop.queue, c)
	}
}

// streamed starts reading again.
func (k *link) streamed() { k.arm(k.armed | syscall.EPOLLIN) }

// block needs nothing: what is read while a command is blocked is kept, and the client's end seen.
func (k *link) block() {}

// deliver has the connection's loop answer its blocked command. by is who calls, inside the world.
func (k *link) deliver(c *conn, reply []byte, by *dispatch.Worker) {
	l := k.loop
	job := func() {
		if k.loop == nil {
			return // closed meanwhile
		}
		k.arm(k.armed&^syscall.EPOLLRDHUP | syscall.EPOLLIN)
		if !l.answer(c, reply) {
			l.close(c)
		}
	}
	if by == l.worker {
		l.postOwn(job)
	} else {
		l.post(job)
	}
}

// owner returns the connection this link is part of.
func (k *link) owner() *conn { return k.loop.conns[k.fd] }

func (k *link) write(b []byte) (int, error) {
	n, err := rawWrite(k.fd, b)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return 0, nil
	}
	return n, err
}

func rawRead(fd int32, b []byte) (int, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}

func rawWrite(fd int32, b []byte) (int, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}

// Addr implements command.Conn.
func (c *conn) Addr() string {
	if c.link.unix {
		return c.link.unixPath() + ":0"
	}
	sa, err := syscall.Getpeername(int(c.link.fd))
	if err != nil {
		return "?:0"
	}
	return printAddr(sa)
}

// LocalAddr implements command.Conn.
func (c *conn) LocalAddr() string {
	if c.link.unix {
		return c.link.unixPath() + ":0"
	}
	sa, err := syscall.Getsockname(int(c.link.fd))
	if err != nil {
		return "?:0"
	}
	return printAddr(sa)
}

// FD implements command.Conn.
func (c *conn) FD() int { return int(c.link.fd) }

func (k *link) unixPath() string {
	sa, err := syscall.Getsockname(int(k.fd))
	if u, ok := sa.(*syscall.SockaddrUnix); ok && err == nil {
		return u.Name
	}
	return ""
}

func printAddr(sa syscall.Sockaddr) string {
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port))
	case *syscall.SockaddrInet6:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port))
	}
	return "?:0"
}

// closeSoon has the connection's loop close it.
func (k *link) closeSoon() {
	l := k.loop
	if l == nil {
		return
	}
	c := k.owner()
	l.post(func() { l.close(c) })
}

// shut ends the connection without its loop, as the process ends.
func (k *link) shut() { _ = syscall.Shutdown(int(k.fd), syscall.SHUT_RDWR) }

// start makes the loops and lets the first of them accept.
func (n *network) start(s *Server, listeners []*listener) error {
	for range max(s.cfg().IOThreads, 1) {
		l, err := newLoop(s)
		if err != nil {
			return err
		}
		n.loops = append(n.loops, l)
	}
	if err := n.listen(listeners); err != nil {
		return err
	}
	for _, l := range n.loops {
		go l.run()
	}
	return nil
}

// started tells whether connections are accepted.
func (n *network) started() bool { return len(n.loops) > 0 }

// listen makes the first loop accept from listeners.
func (n *network) listen(listeners []*listener) error {
	first := n.loops[0]
	for _, ln := range listeners {
		first.listeners[int32(ln.fd)] = ln
		if err := first.control(syscall.EPOLL_CTL_ADD, int32(ln.fd), syscall.EPOLLIN); err != nil {
			return err
		}
	}
	n.listeners = append(n.listeners, listeners...)
	return nil
}

// unlisten closes the TCP listeners.
func (n *network) unlisten() {
	var kept []*listener
	for _, ln := range n.listeners {
		if ln.unix {
			kept = append(kept, ln)
			continue
		}
		delete(n.loops[0].listeners, int32(ln.fd))
		ln.close()
	}
	n.listeners = kept
}

// resume has every loop try its parked commands again.
func (n *network) resume() {
	for _, l := range n.loops {
		l.retry.Store(true)
		l.wake()
	}
}

// busy returns how long the loops have worked, in ns, and their turns.
func (n *network) busy() (nanos, turns int64) {
	for _, l := range n.loops {
		nanos += l.busy.Load()
		turns += l.turns.Load()
	}
	return nanos, turns
}

// longestTurn returns the longest turn of any loop in microseconds.
func (n *network) longestTurn() int64 {
	var longest int64
	for _, l := range n.loops {
		longest = max(longest, l.longest.Load())
	}
	return longest / 1000
}

// fullestTurn returns the most commands that any loop ran in one turn.
func (n *network) fullestTurn() int64 {
	var fullest int64
	for _, l := range n.loops {
		fullest = max(fullest, l.fullest.Load())
	}
	return fullest
}

const multiplexing = "epoll"
