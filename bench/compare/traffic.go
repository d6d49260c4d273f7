// Traffic: many connections, each sending batches of one command and waiting for their replies.
//
// A command has one size, and so has its reply. So a lane (one connection, one goroutine) keeps a
// batch ready, writes only what changes into it (the digits of a key), sends it with one call,
// and reads as many bytes as the replies must have. Lanes end after a number of requests or
// at a time, whichever comes first.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tarn/internal/resp"
)

const (
	keyDigits   = 12
	keyBytes    = len("key:") + keyDigits
	laneGrace   = time.Minute // how long the last replies may take
	forever     = 24 * time.Hour
	unlimited   = 1 << 60
	okReply     = "+OK\r\n"
	noiseBytes  = 1 << 16
	noiseStream = 0x6e6f697365
)

// command is one request of fixed size.
type command struct {
	request []byte
	keyAt   int // where the digits of the key are
	valueAt int // where the value is; 0 if there is none
	reply   string
	extra   int // bytes of a reply after its beginning, reply
}

func keyName(n int) string { return fmt.Sprintf("key:%0*d", keyDigits, n) }

func get(valueBytes int) command {
	request := resp.AppendCommand(nil, []byte("GET"), []byte(keyName(0)))
	return command{
		request: request, keyAt: bytes.Index(request, []byte("key:")) + len("key:"),
		reply: fmt.Sprintf("$%d\r\n", valueBytes), extra: valueBytes + len("\r\n"),
	}
}

func set(valueBytes int) command {
	request := resp.AppendCommand(nil, []byte("SET"), []byte(keyName(0)), make([]byte, valueBytes))
	return command{
		request: request, keyAt: bytes.Index(request, []byte("key:")) + len("key:"),
		valueAt: len(request) - valueBytes - len("\r\n"), reply: okReply,
	}
}

// putNumber writes n in decimal over all of dst.
func putNumber(dst []byte, n int) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

// noiseText is what values are made of: random bytes, since a save compresses what it can.
var noiseText = func() []byte {
	text := make([]byte, noiseBytes)
	r := rand.New(rand.NewPCG(noiseStream, 0))
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	return text
}()

// work is what the lanes of one traffic do. prepare returns the function that makes the next
// request of a lane out of the last one that was in its place.
type work struct {
	command
	lanes, depth int
	requests     int // of all lanes together
	limit        time.Duration
	prepare      func(lane int) func(request []byte)
}

// traffic is work under way.
type traffic struct {
	work
	lane     []laneState
	stopping atomic.Bool
	ended    sync.WaitGroup
}

// laneState counts requests: acked ones have been answered, sent ones may have been received.
type laneState struct {
	sent, acked atomic.Int64
	err         error    // valid after ended
	_           [64]byte // two lanes' counters shall not share a cache line
}

// begin connects all lanes and starts them.
func (w work) begin(addr string) (*traffic, error) {
	t := &traffic{work: w, lane: make([]laneState, w.lanes)}
	sockets := make([]net.Conn, w.lanes)
	for i := range sockets {
		nc, err := net.DialTimeout("tcp", addr, questionTimeout)
		if err != nil {
			for _, open := range sockets[:i] {
				open.Close()
			}
			return nil, err
		}
		sockets[i] = nc
	}
	for i, nc := range sockets {
		t.ended.Go(func() {
			defer nc.Close()
			t.lane[i].err = t.drive(i, nc)
		})
	}
	return t, nil
}

// run does all the work and returns how many requests were answered.
func (w work) run(addr string) (int64, error) {
	t, err := w.begin(addr)
	if err != nil {
		return 0, err
	}
	err = t.wait()
	return t.acked(), err
}

func (t *traffic) wait() error {
	t.ended.Wait()
	var errs []error
	for i := range t.lane {
		errs = append(errs, t.lane[i].err)
	}
	return errors.Join(errs...)
}

// stop ends all lanes after the batch they are at.
func (t *traffic) stop() error {
	t.stopping.Store(true)
	return t.wait()
}

func (t *traffic) acked() (sum int64) {
	for i := range t.lane {
		sum += t.lane[i].acked.Load()
	}
	return sum
}

// share is how many of the requests fall to a lane.
func (w work) share(lane int) int {
	share := w.requests / w.lanes
	if lane < w.requests%w.lanes {
		share++
	}
	return share
}

func (t *traffic) drive(lane int, nc net.Conn) error {
	end := time.Now().Add(t.limit)
	if err := nc.SetDeadline(end.Add(laneGrace)); err != nil {
		return err
	}
	size, replySize := len(t.request), len(t.reply)+t.extra
	batch := bytes.Repeat(t.request, t.depth)
	replies := make([]byte, t.depth*replySize)
	next := t.prepare(lane)
	state := &t.lane[lane]
	for left := t.share(lane); left > 0 && !t.stopping.Load() && time.Now().Before(end); {
		n := min(left, t.depth)
		left -= n
		for i := range n {
			next(batch[i*size : (i+1)*size])
		}
		state.sent.Add(int64(n))
		if _, err := nc.Write(batch[:n*size]); err != nil {
			return err
		}
		if err := t.readReplies(nc, replies[:n*replySize]); err != nil {
			return fmt.Errorf("lane %d: %w", lane, err)
		}
		state.acked.Add(int64(n))
	}
	return nil
}

// readReplies fills b with replies. A reply that begins otherwise than it should is noticed as soon as
// it has come: it may be shorter, and then b would never be full.
func (w work) readReplies(r io.Reader, b []byte) error {
	got, checked := 0, 0 // checked is where the next reply to be looked at begins
	for got < len(b) {
		n, err := r.Read(b[got:])
		got += n
		for ; checked < got && got-checked >= len(w.reply); checked += len(w.reply) + w.extra {
			if string(b[checked:][:len(w.reply)]) != w.reply {
				return fmt.Errorf("got %.60q, want a reply that begins with %q", b[checked:got], w.reply)
			}
		}
		if err != nil && got < len(b) {
			return fmt.Errorf("after %.60q: %w", b[min(checked, got):got], err)
		}
	}
	return nil
}

// fill is the work that sets keys 0 to keys-1, each once. The value of a key is what valueOf makes.
func fill(keys, valueBytes int, valueOf func(dst []byte, key int)) work {
	w := work{command: set(valueBytes), lanes: fillConns, depth: fillDepth, requests: keys, limit: forever}
	w.prepare = func(lane int) func([]byte) {
		key := lane
		return func(request []byte) {
			putNumber(request[w.keyAt:][:keyDigits], key)
			valueOf(request[w.valueAt:][:valueBytes], key)
			key += fillConns
		}
	}
	return w
}

// plainValue is a value of noise.
func plainValue(dst []byte, key int) {
	copy(dst, noiseText[key*31%(noiseBytes-len(dst)):])
}

// numbers returns a function that draws numbers below n, in an order of its own for each stream.
func (b *bench) numbers(stream uint64) func(n int) int {
	return rand.New(rand.NewPCG(b.seed, stream)).IntN
}

// random is the work that sends one command about random keys, and its value as it is.
func random(c command, keys int, seed uint64) work {
	return work{command: c, prepare: func(lane int) func([]byte) {
		r := rand.New(rand.NewPCG(seed, uint64(lane)))
		return func(request []byte) { putNumber(request[c.keyAt:][:keyDigits], r.IntN(keys)) }
	}}
}
