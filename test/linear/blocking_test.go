// Shows that nothing is lost between those who push and those who wait. Every element pushed comes
// out exactly once: producers push alone, several at once, in transactions and by LMOVE; consumers
// wait with and without timeouts, on one key and on several, move from list to list, and have their
// waits ended by CLIENT UNBLOCK. And nobody waits beside a list that has elements: in rounds, what
// was pushed must reach consumers who wait for ever.

package linear

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"tarn/test/chance"
	"tarn/test/harness"
)

const (
	producers = 4
	consumers = 7
	batches   = 150 // of each producer
	stop      = "stop"
)

var blockingServers = []struct {
	name       string
	program    func(testing.TB) harness.Program
	directives []string
}{
	{"oracle", harness.Oracle, nil},
	{"loops=1", harness.Tarn, []string{"io-threads 1"}},
	{"loops=4", harness.Tarn, []string{"io-threads 4"}},
	{"loops=4 shards=1", harness.Tarn, []string{"io-threads 4", "keyspace-shards 1"}},
}

func TestBlockingDeliversOnce(t *testing.T) {
	for _, tc := range blockingServers {
		t.Run(tc.name, func(t *testing.T) {
			exchange(t, tc.program(t).Start(t, tc.directives...), chance.Seed(t))
		})
	}
}

// TestNobodyWaitsBesideElements pushes from several connections at once and expects all of it at
// consumers who wait without a timeout, before the next round.
func TestNobodyWaitsBesideElements(t *testing.T) {
	const rounds = 200
	for _, tc := range blockingServers {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.program(t).Start(t, tc.directives...)
			seed := chance.Seed(t)
			got := make(chan string, 1000)
			for i := range consumers {
				c := s.Dial(t)
				r := rand.New(rand.NewPCG(seed, uint64(100+i)))
				go drain(c, r, i, got)
			}
			var conns []*harness.Conn
			for range producers {
				conns = append(conns, s.Dial(t))
			}
			r := rand.New(rand.NewPCG(seed, 0))
			for round := range rounds {
				pushRound(t, conns, r, round)
				want := map[string]bool{}
				for p := range producers {
					for _, e := range elements(p, round) {
						want[e] = true
					}
				}
				for len(want) > 0 {
					select {
					case e := <-got:
						if !want[e] {
							t.Fatalf("seed %d: round %d: element %s came out, and not for the first time or in its round", seed, round, e)
						}
						delete(want, e)
					case <-time.After(harness.ReplyTimeout):
						t.Fatalf("seed %d: round %d: nobody got %v; q0 q1 q2 hold %v %v %v", seed, round, want,
							conns[0].Must(t, "LRANGE", "q0", "0", "-1"), conns[0].Must(t, "LRANGE", "q1", "0", "-1"), conns[0].Must(t, "LRANGE", "q2", "0", "-1"))
					}
				}
			}
		})
	}
}

// pushRound pushes each producer's batch, all at the same time.
func pushRound(t *testing.T, conns []*harness.Conn, r *rand.Rand, round int) {
	t.Helper()
	var pushing sync.WaitGroup
	for p, c := range conns {
		var out []byte
		list := elements(p, round)
		for _, e := range list {
			out = harness.AppendCommand(out, "RPUSH", queues[r.IntN(3)], e)
		}
		pushing.Go(func() {
			err := c.Write(out)
			for range list {
				if err == nil {
					_, err = c.Read()
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	pushing.Wait()
}

// drain waits for elements until its connection ends. The first three consumers wait for one key
// each, so that each has somebody.
func drain(c *harness.Conn, r *rand.Rand, consumer int, got chan<- string) {
	for {
		args := []string{"BLPOP"}
		if consumer < 3 {
			args = append(args, queues[consumer])
		} else {
			for _, i := range r.Perm(3)[:1+r.IntN(3)] {
				args = append(args, queues[i])
			}
		}
		v, err := c.Do(append(args, "0")...)
		if err != nil || len(v.Elem) != 2 {
			return
		}
		got <- v.Elem[1].Text
	}
}

// exchange runs producers and consumers to their end and compares what went in with what came out.
func exchange(t *testing.T, s *harness.Server, seed uint64) {
	var pushing, popping sync.WaitGroup
	counts := make([]map[string]int, consumers)
	for i := range producers {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		c := s.Dial(t)
		pushing.Go(func() { produce(t, c, r, i) })
	}
	ids := make(chan string, consumers)
	for i := range consumers {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		c := s.Dial(t)
		ids <- c.Must(t, "CLIENT", "ID").Text
		popping.Go(func() { counts[i] = consume(t, c, r) })
	}
	close(ids)
	control := s.Dial(t)
	var all []string
	for id := range ids {
		all = append(all, id)
	}
	done := make(chan struct{})
	go func() { pushing.Wait(); close(done) }()
	r := rand.New(rand.NewPCG(seed, 99))
	for running := true; running; {
		control.Must(t, "CLIENT", "UNBLOCK", all[r.IntN(len(all))], []string{"TIMEOUT", "ERROR"}[r.IntN(2)])
		select {
		case <-done:
			running = false
		default:
		}
	}
	for range consumers {
		control.Must(t, "RPUSH", "q3", stop) // read last of all keys, one by each
	}
	popping.Wait()
	total := map[string]int{}
	for _, count := range counts {
		for e, n := range count {
			total[e] += n
		}
	}
	for _, q := range queues {
		for _, e := range control.Must(t, "LRANGE", q, "0", "-1").Elem {
			total[e.Text]++
		}
	}
	compareCounts(t, seed, total)
}

// compareCounts demands each element once.
func compareCounts(t *testing.T, seed uint64, total map[string]int) {
	t.Helper()
	for p := range producers {
		for n := range batches {
			for _, e := range elements(p, n) {
				if total[e] != 1 {
					t.Errorf("seed %d: element %s came out %d times", seed, e, total[e])
				}
				delete(total, e)
			}
		}
	}
	delete(total, stop)
	if len(total) > 0 {
		t.Errorf("seed %d: came out and never went in: %v", seed, total)
	}
}

var queues = []string{"q0", "q1", "q2", "q3"}

// elements are what batch n of a producer pushes.
func elements(producer, n int) []string {
	list := make([]string, 1+n%3)
	for i := range list {
		list[i] = fmt.Sprintf("%d-%d-%d", producer, n, i)
	}
	return list
}

// produce pushes its batches in random ways.
func produce(t *testing.T, c *harness.Conn, r *rand.Rand, producer int) {
	own := "own" + strconv.Itoa(producer)
	for n := range batches {
		q := queues[r.IntN(3)]
		list := elements(producer, n)
		var commands [][]string
		switch r.IntN(4) {
		case 0:
			commands = append(commands, append([]string{"RPUSH", q}, list...))
		case 1:
			for _, e := range list {
				commands = append(commands, []string{"LPUSH", q, e})
			}
		case 2:
			commands = append(commands, []string{"MULTI"})
			for _, e := range list {
				commands = append(commands, []string{"RPUSH", queues[r.IntN(3)], e})
			}
			commands = append(commands, []string{"EXEC"})
		case 3:
			commands = append(commands, append([]string{"RPUSH", own}, list...))
			for range list {
				commands = append(commands, []string{"LMOVE", own, q, "LEFT", "RIGHT"})
			}
		}
		var out []byte
		for _, args := range commands {
			out = harness.AppendCommand(out, args...)
		}
		if err := c.Write(out); err != nil {
			t.Error(err)
			return
		}
		for _, args := range commands {
			if v, err := c.Read(); err != nil || v.IsError() {
				t.Errorf("%q: %v, %v", args, v, err)
				return
			}
		}
	}
}

// consume takes elements until it is told to stop, and returns how often it got each.
func consume(t *testing.T, c *harness.Conn, r *rand.Rand) map[string]int {
	count := map[string]int{}
	for {
		var args []string
		timeout := []string{"0", "0.001", "0.01"}[r.IntN(3)]
		moves := false
		switch r.IntN(4) {
		case 0:
			args = []string{"BLPOP", "q0", "q1", "q2", "q3", timeout}
		case 1:
			args = []string{"BRPOP", "q2", "q1", "q0", "q3", timeout}
		case 2:
			args = []string{"BLMOVE", queues[r.IntN(2)], "q2", "LEFT", "RIGHT", "0.002"}
			moves = true
		case 3:
			args = []string{"BLMPOP", "0.003", "3", "q1", "q0", "q2", "LEFT", "COUNT", "2"}
		}
		v, err := c.Do(args...)
		switch {
		case err != nil:
			t.Errorf("%q: %v", args, err)
			return count
		case v.IsError() && v.Text[:9] == "UNBLOCKED", moves, v.Null:
			continue
		case v.IsError():
			t.Errorf("%q: %v", args, v)
			return count
		}
		for _, e := range flat(v.Elem[1]) {
			if e == stop {
				return count
			}
			count[e]++
		}
	}
}

// flat returns the elements of a reply that is one or an array.
func flat(v harness.Value) []string {
	if v.Elem == nil {
		return []string{v.Text}
	}
	var list []string
	for _, e := range v.Elem {
		list = append(list, e.Text)
	}
	return list
}
