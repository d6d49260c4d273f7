// Who writes, and who saves, until the server is killed.

package crash

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tarn/test/harness"
)

const pipeline = 8

// traffic is all writers of a round.
type traffic struct{ done sync.WaitGroup }

// startWriters lets everybody write until the server is gone.
func startWriters(m *model, addr string, seed uint64) *traffic {
	t := &traffic{}
	for w, h := range m.histories {
		t.done.Go(func() { h.write(w, addr, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	t.done.Go(func() { writePairs(addr) })
	t.done.Go(func() { writeChain(addr) })
	return t
}

func (t *traffic) wait() { t.done.Wait() }

// write sets random keys of a writer, several to a packet.
func (h *history) write(w int, addr string, chance *rand.Rand) {
	c, err := harness.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for seq := h.start; ; {
		var request []byte
		for range pipeline {
			seq++
			k := chance.IntN(keysPerWriter)
			h.log = append(h.log, int32(k))
			e := entryOf(w, k, seq)
			args := []string{"SET", keyOf(w, k), e.value}
			if e.deadline >= 0 {
				args = append(args, "PXAT", strconv.FormatInt(e.deadline, 10))
			}
			request = harness.AppendCommand(request, args...)
		}
		h.sent.Store(seq)
		if c.Write(request) != nil {
			return
		}
		for range pipeline {
			if v, err := c.Read(); err != nil || v.IsError() {
				return // an error reply leaves the number unacknowledged, and the log wrong: it is noticed
			}
		}
		h.acked.Store(seq)
	}
}

// writePairs sets two keys at a time to the same value.
func writePairs(addr string) {
	c, err := harness.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for n := 0; ; n++ {
		value := strconv.Itoa(n)
		request := harness.AppendCommand(nil, "MULTI")
		request = harness.AppendCommand(request, "SET", pairKey("a", n%pairs), value)
		request = harness.AppendCommand(request, "SET", pairKey("b", n%pairs), value)
		request = harness.AppendCommand(request, "EXEC")
		if c.Write(request) != nil {
			return
		}
		for range 4 {
			if _, err := c.Read(); err != nil {
				return
			}
		}
	}
}

// writeChain sets two keys in turn to the number of the round, each over a connection of its own
// and each after the one before was acknowledged.
func writeChain(addr string) {
	var conns [2]*harness.Conn
	for i := range conns {
		c, err := harness.Dial(addr)
		if err != nil {
			return
		}
		defer c.Close()
		conns[i] = c
	}
	first := int64(1)
	for i, c := range conns { // go on from where the file stands
		v, err := c.Do("GET", chainKey(i))
		if err != nil {
			return
		}
		if seq, err := seqOf(v.Text); err == nil {
			first = max(first, seq+1)
		}
	}
	if _, err := conns[0].Do("DEL", chainKey(0), chainKey(1)); err != nil {
		return
	}
	for n := first; ; n++ {
		for i, c := range conns {
			if v, err := c.Do("SET", chainKey(i), strconv.FormatInt(n, 10)); err != nil || v.IsError() {
				return
			}
		}
	}
}

// saver asks for saves of all kinds.
type saver struct {
	*run
	conn    *harness.Conn
	killed  <-chan struct{}
	doing   string // the command not yet answered, "" between commands
	running *save  // in the background, not yet known to be complete
}

// errKilled ends the saver when the server is gone.
var errKilled = errors.New("the server is gone")

// saveUntilKilled returns what is wrong, which a server that is gone is not.
func (c *saver) saveUntilKilled() error {
	for {
		step := c.pause
		switch n := c.chance.IntN(100); {
		case n < 40:
			step = c.bgsaveAndWait
		case n < 55:
			step = c.bgsave
		case n < 70:
			step = c.saveNow
		case n < 75:
			step = c.flushAll
		case n < 85:
			step = c.flushWhileSaving
		}
		if err := step(); err != nil {
			if errors.Is(err, errKilled) {
				return nil
			}
			return err
		}
	}
}

// do sends a command and returns its reply. Errors: errKilled.
func (c *saver) do(args ...string) (harness.Value, error) {
	c.doing = args[0]
	v, err := c.conn.Do(args...)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return v, errKilled
		}
		return v, fmt.Errorf("%q: %w", args, err)
	}
	c.doing = ""
	return v, nil
}

// pause lets the writers write for a moment.
func (c *saver) pause() error { return c.wait(time.Duration(c.chance.IntN(30)) * time.Millisecond) }

func (c *saver) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.killed:
		return errKilled
	}
}

func (c *saver) bgsave() error {
	s := c.model.begin("BGSAVE")
	v, err := c.do("BGSAVE")
	switch {
	case err != nil:
		return err
	case v.Text == "Background saving started":
		c.model.replied(s)
		c.running = s
	case v.Text == "ERR Background save already in progress":
		c.model.refused(s)
	default:
		return fmt.Errorf("BGSAVE: %v", v)
	}
	return nil
}

// bgsaveAndWait waits until no save is under way, which must have been a good one.
func (c *saver) bgsaveAndWait() error {
	if err := c.bgsave(); err != nil {
		return err
	}
	for c.running != nil {
		v, err := c.do("INFO", "persistence")
		switch {
		case err != nil:
			return err
		case !strings.Contains(v.Text, "\r\nrdb_last_bgsave_status:ok\r\n"):
			return fmt.Errorf("a save failed: %s", v.Text)
		case strings.Contains(v.Text, "\r\nrdb_bgsave_in_progress:0\r\n"):
			c.complete(c.running)
		default:
			if err := c.wait(time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *saver) complete(s *save) {
	c.model.complete(s)
	c.running = nil
	c.tally.saves++
}

func (c *saver) saveNow() error {
	s := c.model.begin("SAVE")
	v, err := c.do("SAVE")
	switch {
	case err != nil:
		return err
	case v.Text == "OK":
		c.model.replied(s)
		c.complete(s)
	case v.Text == "ERR Background save already in progress":
		c.model.refused(s)
	default:
		return fmt.Errorf("SAVE: %v", v)
	}
	return nil
}

// flushAll empties the data set, which ends a save under way and is saved.
func (c *saver) flushAll() error {
	s := c.model.begin("FLUSHALL's save")
	s.empty = true
	v, err := c.do("FLUSHALL", pick(c.chance, "SYNC", "ASYNC"))
	if err != nil {
		return err
	}
	if v.Text != "OK" {
		return fmt.Errorf("FLUSHALL: %v", v)
	}
	c.model.replied(s)
	c.model.flush = &s.at
	c.complete(s)
	return nil
}

// flushWhileSaving gives a save that FLUSHALL ends time to go on if it does not.
func (c *saver) flushWhileSaving() error {
	for _, step := range []func() error{c.bgsave, c.pause, c.flushAll, c.pause, c.pause, c.pause} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// stopChildren kills the processes that a server has made.
func stopChildren(s *harness.Server) {
	s.Signal(syscall.SIGSTOP) // so that it makes no more
	pid := strconv.Itoa(s.Pid)
	list, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err != nil {
		return
	}
	for _, word := range strings.Fields(string(list)) {
		if child, err := strconv.Atoi(word); err == nil {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	}
}
