// Shown here: a key that is there during the whole of a SCAN is seen, whatever is written meanwhile,
// by the scanner's own thread or by others; what COUNT bounds; and that KEYS and SCAN leave out what
// has expired.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/resp"
	"tarn/test/chance"
)

// another returns a second executor of the same server.
func (p *inProcess) another() *inProcess {
	q := *p
	q.worker = p.dis.NewWorker()
	return &q
}

// scan makes one step of a SCAN and returns the next cursor and the keys.
func (c *client) scan(cursor string, options ...string) (next string, found []string) {
	reply := c.do(append([]string{"SCAN", cursor}, options...)...)
	if !strings.HasPrefix(reply, "*2\r\n$") {
		c.on.tb.Fatalf("SCAN %s %q: %q", cursor, options, reply)
	}
	for _, line := range strings.Split(reply, "\r\n")[2:] {
		if next == "" {
			next = line
		} else if strings.HasPrefix(line, "stays:") || strings.HasPrefix(line, "comes:") {
			found = append(found, line)
		}
	}
	return next, found
}

const staying = 400 // keys that are there all the time

// TestScanWhileKeysComeAndGo changes the keyspace between the steps, so that its tables grow and
// shrink many times over in one scan.
func TestScanWhileKeysComeAndGo(t *testing.T) {
	for range 12 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
		for i := range staying {
			cl.do("SET", "stays:"+strconv.Itoa(i), "v")
		}
		most := 100 << r.IntN(6)
		count := pick(r, []string{"1", "3", "10", "50"})
		seen := map[string]bool{}
		present, steps := 0, 0
		for cursor := ""; cursor != "0"; steps++ {
			next, found := cl.scan(max(cursor, "0"), "COUNT", count)
			cursor = next
			for _, name := range found {
				seen[name] = true
			}
			target := r.IntN(most)
			for ; present < target; present++ {
				cl.do("SET", "comes:"+strconv.Itoa(present), "v")
			}
			for ; present > target; present-- {
				cl.do("DEL", "comes:"+strconv.Itoa(present-1))
			}
		}
		for i := range staying {
			if name := "stays:" + strconv.Itoa(i); !seen[name] {
				t.Errorf("seed %d: %s was not seen in %d steps", seed, name, steps)
			}
		}
	}
}

// TestScanBesideWriters scans while other executors write.
func TestScanBesideWriters(t *testing.T) {
	p := newInProcess(t, clock.System{})
	cl := p.client(resp.RESP2)
	for i := range staying {
		cl.do("SET", "stays:"+strconv.Itoa(i), "v")
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 2 {
		other := p.another().client(resp.RESP2)
		writers.Go(func() {
			name := func(i int) string { return fmt.Sprintf("comes:%d:%d", w, i) }
			for round := 0; ; round++ {
				for i := range 1000 {
					other.do("SET", name(i), "v")
				}
				for i := range 1000 {
					other.do("RENAME", name(i), name(i+1000))
				}
				for i := range 1000 {
					other.do("DEL", name(i+1000))
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for round := range 20 {
		seen := map[string]bool{}
		for cursor := ""; cursor != "0"; {
			next, found := cl.scan(max(cursor, "0"), "COUNT", strconv.Itoa(1+round*3), "MATCH", "stays:*")
			cursor = next
			for _, name := range found {
				seen[name] = true
			}
		}
		if len(seen) != staying {
			t.Errorf("round %d: %d keys of %d were seen", round, len(seen), staying)
		}
	}
	close(stop)
	writers.Wait()
}

// TestScanCount shows that a step meets COUNT keys, and at most what one bucket holds beyond; that
// keys left out by MATCH count as met; and that a sparse table does not make a step long.
func TestScanCount(t *testing.T) {
	const keys, bucket = 3000, 64
	cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	for i := range keys {
		cl.do("SET", "stays:"+strconv.Itoa(i), "v")
	}
	for _, count := range []int{1, 10, 100, 1000} {
		total := 0
		for cursor := ""; cursor != "0"; {
			next, found := cl.scan(max(cursor, "0"), "COUNT", strconv.Itoa(count))
			if len(found) > count+bucket || len(found) < count && next != "0" && count > 10 {
				t.Errorf("COUNT %d: a step of %d keys", count, len(found))
			}
			cursor, total = next, total+len(found)
		}
		if total != keys {
			t.Errorf("COUNT %d: %d keys of %d", count, total, keys)
		}
	}
	steps := 0
	for cursor := ""; cursor != "0"; steps++ {
		cursor, _ = cl.scan(max(cursor, "0"), "COUNT", "100", "MATCH", "nosuch")
	}
	if steps < keys/(100+bucket) || steps > keys/100+1 {
		t.Errorf("%d steps of COUNT 100 that match nothing, over %d keys", steps, keys)
	}
	if next, found := cl.scan("0", "COUNT", "9223372036854775807"); next != "0" || len(found) != keys {
		t.Errorf("the largest COUNT: cursor %s, %d keys", next, len(found))
	}
}

// TestScanFromAnywhere gives cursors that no SCAN replied with.
func TestScanFromAnywhere(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	for i := range 100 {
		cl.do("SET", "stays:"+strconv.Itoa(i), "v")
	}
	for range 2000 {
		cursor := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		steps := 0
		for at := cursor; at != "0" || steps == 0; steps++ {
			if at, _ = cl.scan(at); steps > 1000 {
				t.Fatalf("seed %d: a scan from cursor %s does not end", seed, cursor)
			}
		}
	}
}

// TestWalksLeaveOutExpired shows that KEYS and SCAN do not reply with keys past their deadline.
func TestWalksLeaveOutExpired(t *testing.T) {
	c := clock.NewManual(someDay)
	cl := newInProcess(t, c).client(resp.RESP2)
	for i := range 50 {
		cl.do("SET", "comes:"+strconv.Itoa(i), "v", "PX", "1000")
	}
	cl.do("SET", "stays:", "v")
	c.Advance(time.Second)
	cl.expect([2]string{"KEYS *", "*1\r\n$6\r\nstays:"})
	if next, found := cl.scan("0", "COUNT", "1000"); next != "0" || fmt.Sprint(found) != "[stays:]" {
		t.Errorf("SCAN: cursor %s, keys %q", next, found)
	}
}
