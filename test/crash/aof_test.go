// Shows that a server with an append-only log that is killed at any moment, amid writes and rewrites,
// finds all that it had acknowledged under appendfsync always, and no more than was sent. Each of
// several clients counts by itself, one command at a time, sometimes two keys at once, which must stay
// equal. Under everysec what a kill takes is no more than the end: later keys never without earlier ones.

package crash

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"tarn/test/harness"
)

const counters = 4

// counter is one client's count: what was acknowledged and what was sent.
type counter struct{ acked, sent int }

func TestKillWithLog(t *testing.T) {
	rounds := min(*roundsFlag, 25)
	if testing.Short() {
		rounds = min(rounds, 5)
	}
	for _, policy := range []string{"always", "everysec"} {
		t.Run(policy, func(t *testing.T) {
			seed := newSeed(t)
			chance := rand.New(rand.NewPCG(seed, 4))
			dir := t.TempDir()
			program := harness.Tarn(t)
			var counts [counters]counter
			for round := range rounds {
				s := program.Start(t, `dir `+harness.Quote(dir), `save ""`, `appendonly yes`, `appendfsync `+policy,
					`aof-use-rdb-preamble `+pick(chance, "yes", "no"), `io-threads `+pick(chance, "1", "2"), `keyspace-shards `+pick(chance, "1", "4"))
				c := s.Dial(t)
				for i := range counts {
					n := &counts[i]
					a, b := c.Must(t, "GET", "a"+strconv.Itoa(i)).Text, c.Must(t, "GET", "b"+strconv.Itoa(i)).Text
					found, _ := strconv.Atoi(a)
					least := n.acked
					if policy != "always" {
						least = 0
					}
					if a != b || found < least || found > n.sent {
						t.Fatalf("round %d, seed %d, client %d: found %q and %q; %d were acknowledged, %d sent; the log:\n%s", round, seed, i, a, b, n.acked, n.sent, s.Log())
					}
					n.acked, n.sent = found, found
				}
				countUntilKilled(t, s, chance, &counts)
			}
		})
	}
}

// countUntilKilled has all clients count while the log is rewritten, and kills the server.
func countUntilKilled(t *testing.T, s *harness.Server, chance *rand.Rand, counts *[counters]counter) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range counts {
		conn := s.Dial(t)
		wg.Go(func() {
			n := &counts[i]
			for {
				n.sent++
				a, b := "a"+strconv.Itoa(i), "b"+strconv.Itoa(i)
				request := harness.AppendCommand(nil, "MULTI")
				request = harness.AppendCommand(request, "INCR", a)
				request = harness.AppendCommand(request, "INCR", b)
				request = harness.AppendCommand(request, "EXEC")
				if conn.Write(request) != nil {
					return
				}
				for range 4 {
					if v, err := conn.Read(); err != nil || v.IsError() {
						return
					}
				}
				n.acked = n.sent
			}
		})
	}
	conn := s.Dial(t)
	commands := chance.Uint64()
	wg.Go(func() {
		r := rand.New(rand.NewPCG(commands, 5))
		for {
			if _, err := conn.Do("BGREWRITEAOF"); err != nil {
				return
			}
			for range r.IntN(200) {
				if _, err := conn.Do("PING"); err != nil {
					return
				}
			}
		}
	})
	time.AfterFunc(time.Duration(5+chance.IntN(250))*time.Millisecond, s.Kill)
	wg.Wait()
}
