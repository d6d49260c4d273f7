//go:build !linux || portable

// The portable loop: a goroutine for each connection, where there is no loop of our own.
//
// A connection's goroutine waits outside of the world: for input, for the client to read its
// replies, for its parked command's turn, or for its blocked command's reply. To run what it has
// read it takes one of a few executors and enters the world, in this order, since an executor may be
// stopping the world. It is the only one that touches its connection, as a loop is elsewhere. While
// replies wait, nothing is read.

package server

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"tarn/internal/command"
	"tarn/internal/dispatch"
	"tarn/internal/info"
)

const (
	// portableRead is how much a connection reads at once.
	portableRead = 16 << 10

	// drainSize is how much of the replies that wait is sent between two looks at their limit.
	drainSize = 64 << 10

	// acceptRest is the pause after a connection could not be accepted.
	acceptRest = 10 * time.Millisecond
)

// turner is an executor and what it counts.
type turner struct {
	executor
	busy    info.Counter // ns inside turns
	turns   info.Counter
	longest info.Counter // ns of the longest turn
	fullest info.Counter // commands of the turn with most
}

// link ties a connection to its socket.
type link struct {
	conn   *conn
	socket net.Conn
	raw    syscall.RawConn // socket's descriptor
	net    *network
	unix   bool
	wake   chan struct{} // tells that a parked command may run
	choked bool          // input waits for replies to be read
	held   int           // none: replies that wait for the disk are with all that wait
	until  int64         // position of the journal that must be on disk before they are sent

	replyMu sync.Mutex // guards the fields below
	replied bool       // the blocked command has its reply
	reply   []byte
}

// network is the server's listeners, and the executors that connections share.
type network struct {
	srv     *Server
	turners []*turner
	free    chan *turner

	mu        sync.Mutex // guards the fields below
	listeners []*listener
	parked    map[*conn]struct{}
	written   chan struct{} // closed, and replaced, when more is on disk
}

// start makes the executors and accepts connections.
func (n *network) start(s *Server, listeners []*listener) error {
	n.srv = s
	count := max(2*runtime.NumCPU(), 4)
	n.free = make(chan *turner, count)
	n.parked = map[*conn]struct{}{}
	n.written = make(chan struct{})
	for range count {
		t := &turner{executor: executor{srv: s, worker: s.dispatcher.NewWorker()}}
		n.turners = append(n.turners, t)
		n.free <- t
	}
	return n.listen(listeners)
}

// started tells whether connections are accepted.
func (n *network) started() bool { return n.free != nil }

// listen accepts connections from listeners.
func (n *network) listen(listeners []*listener) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = append(n.listeners, listeners...)
	for _, ln := range listeners {
		go n.accept(ln)
	}
	return nil
}

// unlisten closes the TCP listeners.
func (n *network) unlisten() {
	n.mu.Lock()
	defer n.mu.Unlock()
	var kept []*listener
	for _, ln := range n.listeners {
		if ln.unix {
			kept = append(kept, ln)
			continue
		}
		ln.close()
	}
	n.listeners = kept
}

// accept takes connections until the listener is closed.
func (n *network) accept(ln *listener) {
	for {
		socket, err := ln.Accept()
		if err != nil {
			if ln.closed.Load() {
				return
			}
			n.srv.log.Warning("Accepting client connection: %s", systemText(err))
			time.Sleep(acceptRest)
			continue
		}
		n.admit(socket, ln.unix)
	}
}

// admit gives a new connection its goroutine, or refuses it.
func (n *network) admit(socket net.Conn, unix bool) {
	c := &conn{}
	k := &c.link
	k.conn, k.socket, k.net, k.unix, k.wake = c, socket, n, unix, make(chan struct{}, 1)
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		_ = socket.Close()
		return
	}
	c.link.raw = raw
	if tcp, ok := socket.(*net.TCPConn); ok {
		setKeepalive(tcp, n.srv.cfg().TCPKeepalive)
	}
	world := &n.srv.dispatcher.World
	world.Enter()
	refusal := n.srv.admit(c)
	world.Leave()
	if refusal != "" {
		_, _ = c.link.write([]byte(refusal))
		_ = socket.Close()
		return
	}
	go n.serve(c)
}

// need is what a connection waits for.
type need uint8

const (
	needNothing need = iota // it has ended
	needInput
	needRoom   // for replies, at the client's end
	needResume // of its parked command
	needTurn   // for input that is here already
	needReply  // of its blocked command; input may come meanwhile
	needDisk   // to have what the replies tell of
)

// pending is a need and the bytes to read into, or to send.
type pending struct {
	need need
	data []byte
}

// serve is a connection's goroutine.
func (n *network) serve(c *conn) {
	buf := make([]byte, portableRead)
	for p := (pending{needInput, buf}); p.need != needNothing; {
		p = n.step(c, p, buf)
	}
	_ = c.link.socket.Close()
	n.unpark(c)
	n.turn(func(t *turner) { n.srv.forget(c, t.worker.Tx()) })
}

// turn runs f inside the world with an executor.
func (n *network) turn(f func(*turner)) {
	t := <-n.free
	world := &n.srv.dispatcher.World
	world.Enter()
	t.begin()
	began, ran := n.srv.clock.Mono(), t.worker.Commands()
	f(t)
	t.writeLog()
	spent := n.srv.clock.Mono() - began
	t.busy.Add(spent)
	t.turns.Add(1)
	if longest := t.longest.Load(); spent > longest {
		t.longest.Add(spent - longest)
	}
	ran = t.worker.Commands() - ran
	if fullest := t.fullest.Load(); ran > fullest {
		t.fullest.Add(ran - fullest)
	}
	world.Leave()
	n.free <- t
}

// step waits for what the connection needs and does it. It returns what is needed next. What others
// may look at while the world is stopped is touched inside the world only.
func (n *network) step(c *conn, p pending, buf []byte) (after pending) {
	var count int
	var err error
	switch p.need {
	case needInput:
		count, err = c.link.socket.Read(p.data)
	case needReply:
		if count, err = c.link.socket.Read(p.data); errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil // deliver's doing
		}
	case needRoom:
		count, err = c.link.socket.Write(p.data)
	case needResume:
		<-c.link.wake
	case needDisk:
		n.awaitDisk(c.link.until)
	}
	if err != nil {
		return pending{}
	}
	n.turn(func(t *turner) {
		if c.State&command.Killed == 0 && n.act(t, c, p, count) {
			after = c.pending(buf)
		}
	})
	return after
}

// act does what the connection waited for. It reports false when the connection has ended.
func (n *network) act(t *turner, c *conn, p pending, count int) bool {
	switch p.need {
	case needInput:
		n.srv.stats.netIn.Add(int64(count))
		data := p.data[:count]
		if len(c.in) > 0 {
			c.in = c.in[:len(c.in)+count]
			data = c.in
			if c.parser.Want() > len(c.in) && !c.parser.Idle() && int64(len(c.in)) <= n.srv.cfg().ClientQueryBufferLimit {
				return true // more of the same argument: look when it is whole
			}
		}
		return t.advance(c, data)
	case needRoom:
		n.srv.stats.netOut.Add(int64(count))
		if c.out.took(count); c.out.size() == 0 {
			c.out = nil
			return c.State&command.Closing == 0
		}
		return true
	case needReply:
		n.srv.stats.netIn.Add(int64(count))
		c.in = c.in[:len(c.in)+count]
		return !n.srv.overInputLimit(c)
	case needDisk:
		return true
	case needTurn:
		switch {
		case c.State&command.Streaming != 0:
			return t.stream(c)
		case c.State&command.Blocked != 0:
			return t.answer(c, c.link.takeReply())
		}
	case needResume:
		n.unpark(c)
		c.State &^= command.Parked | command.Pausing
	}
	c.link.choked = false
	return t.advance(c, c.in)
}

// pending tells what a connection needs. It is called inside the world.
func (c *conn) pending(buf []byte) pending {
	switch {
	case c.State&command.Killed != 0:
		return pending{}
	case c.out != nil && c.link.holds():
		return pending{need: needDisk}
	case c.out != nil:
		waiting := c.out.next()
		return pending{needRoom, waiting[:min(len(waiting), drainSize)]}
	case c.State&command.Parked != 0:
		return pending{need: needResume}
	case c.State&command.Blocked != 0 && !c.link.hasReply():
		return pending{needReply, c.room()}
	case c.link.choked || c.State&(command.Blocked|command.Streaming) != 0:
		return pending{need: needTurn}
	case len(c.in) > 0:
		return pending{needInput, c.room()}
	}
	return pending{needInput, buf}
}

// writesThrough tells that executors write the log where that needs no waiting: here many would want to at once.
const writesThrough = false

// mayHold tells whether a reply that must wait can be kept: it is the disk that it waits for.
func (x *executor) mayHold(int) bool { return true }

// sendNow is not needed, as all may be held.
func (k *link) sendNow(*conn) bool { return true }

// disk returns how many bytes of replies wait for the disk: they are among all that wait.
func (k *link) disk() int { return 0 }

// holdBack keeps replies until the disk has what they tell of.
func (k *link) holdBack(c *conn, b []byte) {
	c.hold(b, 0)
	k.until = k.net.srv.dispatcher.Journal().End()
}

// holds tells whether replies wait for the disk.
func (k *link) holds() bool {
	s := k.net.srv
	return k.until > s.onDisk.Load() && s.awaitsDisk(s.cfg())
}

// awaitDisk waits until the disk has the journal up to a position, or replies need not wait for it.
func (n *network) awaitDisk(until int64) {
	for {
		n.mu.Lock()
		written := n.written
		n.mu.Unlock()
		if until <= n.srv.onDisk.Load() || !n.srv.awaitsDisk(n.srv.cfg()) {
			return
		}
		<-written
	}
}

// release has connections whose replies wait look at the disk.
func (n *network) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.written != nil {
		close(n.written)
		n.written = make(chan struct{})
	}
}

// unpark ends a connection's waiting for its parked command's turn.
func (n *network) unpark(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.parked, c)
}

// resume lets every parked connection try its command again.
func (n *network) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.parked {
		c.link.rouse()
	}
}

// busy returns how long the executors have worked, in ns, and their turns.
func (n *network) busy() (nanos, turns int64) {
	for _, t := range n.turners {
		nanos += t.busy.Load()
		turns += t.turns.Load()
	}
	return nanos, turns
}

// longestTurn returns the longest turn of any executor in microseconds.
func (n *network) longestTurn() int64 {
	var longest int64
	for _, t := range n.turners {
		longest = max(longest, t.longest.Load())
	}
	return longest / 1000
}

// fullestTurn returns the most commands that any executor ran in one turn.
func (n *network) fullestTurn() int64 {
	var fullest int64
	for _, t := range n.turners {
		fullest = max(fullest, t.fullest.Load())
	}
	return fullest
}

// write sends what the socket takes at once: the caller is inside the world and must not wait.
func (k *link) write(b []byte) (sent int, err error) {
	var failed error
	err = k.raw.Write(func(fd uintptr) bool {
		sent, failed = syscall.Write(int(fd), b)
		return true
	})
	switch {
	case err != nil:
		return 0, err
	case failed == syscall.EAGAIN || failed == syscall.EINTR:
		return 0, nil
	}
	return max(sent, 0), failed
}

// wantWrite needs nothing: replies that wait are what the goroutine does next.
func (k *link) wantWrite(bool) {}

// closing needs nothing: the replies are sent before more is read.
func (k *link) closing() {}

// choke keeps input back until the client has read its replies.
func (k *link) choke() { k.choked = true }

// park has the goroutine wait until the waiting command may run.
func (k *link) park() {
	k.net.mu.Lock()
	defer k.net.mu.Unlock()
	k.net.parked[k.conn] = struct{}{}
}

// stream and streamed need nothing: the goroutine sees that a long reply is being written.
func (k *link) stream()   {}
func (k *link) streamed() {}

// block needs nothing: the goroutine sees that its command is blocked.
func (k *link) block() {}

// deliver hands the connection's goroutine the reply of its blocked command, and ends its reading.
func (k *link) deliver(_ *conn, reply []byte, _ *dispatch.Worker) {
	k.replyMu.Lock()
	defer k.replyMu.Unlock()
	k.replied, k.reply = true, reply
	_ = k.socket.SetReadDeadline(time.Unix(1, 0))
}

func (k *link) hasReply() bool {
	k.replyMu.Lock()
	defer k.replyMu.Unlock()
	return k.replied
}

// takeReply takes what deliver brought.
func (k *link) takeReply() []byte {
	k.replyMu.Lock()
	defer k.replyMu.Unlock()
	reply := k.reply
	k.replied, k.reply = false, nil
	_ = k.socket.SetReadDeadline(time.Time{})
	return reply
}

func (k *link) rouse() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// closeSoon has the connection's goroutine end it.
func (k *link) closeSoon() {
	_ = k.socket.Close()
	k.rouse()
}

// shut ends the connection without its goroutine, as the process ends.
func (k *link) shut() { _ = k.socket.Close() }

// Addr implements command.Conn.
func (c *conn) Addr() string {
	if c.link.unix {
		return c.link.socket.LocalAddr().String() + ":0"
	}
	return c.link.socket.RemoteAddr().String()
}

// LocalAddr implements command.Conn.
func (c *conn) LocalAddr() string {
	if c.link.unix {
		return c.link.socket.LocalAddr().String() + ":0"
	}
	return c.link.socket.LocalAddr().String()
}

// FD implements command.Conn.
func (c *conn) FD() int {
	number := -1
	_ = c.link.raw.Control(func(fd uintptr) { number = int(fd) })
	return number
}

const multiplexing = "Go netpoll"
