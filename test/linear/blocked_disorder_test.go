// Shows that blocked clients leave no trace, whatever happens to them: clients wait in all ways, and
// hang up, are killed or unblocked at any moment, while keys of all types come, go, expire and change
// places, transactions run, saves run and end, and writers are paused. In the end nobody waits for
// anything, and the server answers. With the race detector and under the invariants tag the server
// looks at itself besides.

package linear

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tarn/test/chance"
	"tarn/test/harness"
)

const (
	disorderTime     = 2 * time.Second
	disorderWaiters  = 16
	disorderWriters  = 5
	disorderLongest  = "0.02" // seconds that a waiter who listens may wait
	disorderSessions = 3000   // about as many connections are made
)

var disorderKeys = []string{"a", "b", "c", "s"}

func TestBlockedDisorder(t *testing.T) {
	s := harness.Tarn(t).Start(t, "io-threads 4", "snapshot-buffer-limit 1mb")
	seed := chance.Seed(t)
	end := time.Now().Add(disorderTime)
	var all sync.WaitGroup
	for i := range disorderWaiters {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for time.Now().Before(end) {
				waitSomehow(s.Addr, r)
			}
		})
	}
	for i := range disorderWriters {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		all.Go(func() {
			for time.Now().Before(end) {
				writeSomething(s.Addr, r)
			}
		})
	}
	all.Wait()
	c := s.Dial(t)
	c.Must(t, "CLIENT", "UNPAUSE")
	for began := time.Now(); ; {
		text := c.Must(t, "INFO", "clients").Text
		if strings.Contains(text, "blocked_clients:0\r\n") && strings.Contains(text, "clients_in_timeout_table:0\r\n") &&
			strings.Contains(text, "total_blocking_keys:0\r\n") && strings.Contains(text, "total_blocking_keys_on_nokey:0\r\n") {
			return
		}
		if time.Since(began) > harness.ReplyTimeout {
			t.Fatalf("seed %d: all have hung up, and INFO says\n%s", seed, text)
		}
	}
}

// waitSomehow connects, waits for keys a few times, and hangs up, with or without having listened.
func waitSomehow(addr string, r *rand.Rand) {
	c, err := harness.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for range 1 + r.IntN(10) {
		listens := r.IntN(4) > 0
		timeout := "0"
		if listens {
			timeout = disorderLongest
		}
		if c.Send(blockingCommand(r, timeout)...) != nil || !listens {
			return
		}
		if _, err := c.Read(); err != nil {
			return
		}
	}
}

// blockingCommand draws a command that may block for so many seconds.
func blockingCommand(r *rand.Rand, timeout string) []string {
	var keys []string
	for _, i := range r.Perm(len(disorderKeys))[:1+r.IntN(3)] {
		keys = append(keys, disorderKeys[i])
	}
	count := strconv.Itoa(len(keys))
	millis := "0"
	if timeout != "0" {
		millis = "5"
	}
	switch r.IntN(6) {
	case 0:
		return append(append([]string{"BLPOP"}, keys...), timeout)
	case 1:
		return append(append([]string{"BZPOPMIN"}, keys...), timeout)
	case 2:
		return []string{"BLMOVE", keys[0], disorderKeys[r.IntN(len(disorderKeys))], "LEFT", "RIGHT", timeout}
	case 3:
		return append(append([]string{"BLMPOP", timeout, count}, keys...), "LEFT", "COUNT", "2")
	case 4:
		return []string{"XREAD", "BLOCK", millis, "STREAMS", "s", "$"}
	default:
		return []string{"XREADGROUP", "GROUP", "g", "consumer", "BLOCK", millis, "STREAMS", "s", ">"}
	}
}

// writeSomething connects and sends some writes, alone and in transactions.
func writeSomething(addr string, r *rand.Rand) {
	c, err := harness.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for range 1 + r.IntN(30) {
		out := harness.AppendCommand(nil, disturbance(r)...)
		replies := 1
		if r.IntN(3) == 0 {
			out = harness.AppendCommand(harness.AppendCommand(nil, "MULTI"), disturbance(r)...)
			out = harness.AppendCommand(out, "RPUSH", disorderKeys[r.IntN(len(disorderKeys))], "x")
			out = harness.AppendCommand(out, "EXEC")
			replies = 4
		}
		if c.Write(out) != nil {
			return
		}
		for range replies {
			if _, err := c.Read(); err != nil {
				return // it may have killed itself
			}
		}
	}
}

// disturbance draws a command that may wake, serve or end those who wait.
func disturbance(r *rand.Rand) []string {
	k, other := disorderKeys[r.IntN(len(disorderKeys))], disorderKeys[r.IntN(len(disorderKeys))]
	session := strconv.Itoa(1 + r.IntN(disorderSessions))
	list := [][]string{
		{"RPUSH", k, "1", "2", "3"}, {"ZADD", k, "1", "a", "2", "b"}, {"XADD", "s", "*", "f", "v"}, {"DEL", k},
		{"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"}, {"RENAME", k, other}, {"COPY", k, other}, {"SWAPDB", "0", "1"},
		{"FLUSHALL"}, {"PEXPIRE", k, "2"}, {"SET", k, "v", "PX", "2"}, {"LMOVE", k, other, "LEFT", "LEFT"}, {"SELECT", "1"},
		{"CLIENT", "UNBLOCK", session, "ERROR"}, {"CLIENT", "KILL", "ID", session}, {"CLIENT", "LIST"}, {"BGSAVE"},
		{"CLIENT", "PAUSE", "2", "WRITE"}, {"CLIENT", "PAUSE", "1", "ALL"},
	}
	return list[r.IntN(len(list))]
}
