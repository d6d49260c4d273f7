// Shows that what clients see has one order: that every reply is that of a server which runs one
// command, or one transaction, after another, each at some instant between request and reply. Several
// connections send random commands on one and more keys and transactions with and without WATCH,
// on few keys, to one and more event loops and shards; keys expire; and a save is always under way,
// whose walk is slow and for which a further client makes writers hand over all they may, so that
// commands have to wait for it. The histories are checked by porcupine.
//
// checker_test.go shows that wrong histories are found.

// Package linear checks the order of what clients see.
package linear

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"tarn/test/chance"
	"tarn/test/harness"
)

var (
	timeFlag = flag.Duration("time", 20*time.Second, "how long TestLinear looks for a wrong history; with -short, a fifth")
	soakFlag = flag.Duration("soak", 0, "the same, whatever else is said")
	seedFlag = flag.Uint64("seed", 0, "seed of what clients send; 0: a new one")
)

const (
	turnsPerClient = 20
	fillers        = 3000 // keys of another database, for the save to walk
	checkTimeout   = 20 * time.Second
	decidedFor     = 20 // histories must be decided for each that is not
	mostUndecided  = 4  // the test gives up when there are more

	shownBefore, shownAfter = 25, 10 // steps of a wrong history
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

func TestLinear(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = chance.Seed(t)
	}
	t.Logf("seed %d: -seed=%d sends the same again", seed, seed)
	total := *timeFlag
	if testing.Short() {
		total /= 5
	}
	total = max(total, *soakFlag)
	threads, shards := []int{1, 2, 4}, []int{1, 16}
	for i, n := range threads {
		for j, m := range shards {
			t.Run(fmt.Sprintf("io-threads=%d/shards=%d", n, m), func(t *testing.T) {
				s := harness.Tarn(t).Start(t, "io-threads "+strconv.Itoa(n), "keyspace-shards "+strconv.Itoa(m),
					"rdb-key-save-delay 50", "snapshot-buffer-limit 1mb", "snapshot-walker-duty 100")
				run := seed + uint64(i*len(shards)+j)
				look(t, s, run, total/time.Duration(len(threads)*len(shards)))
			})
		}
	}
}

// TestOracle shows that the model is right: redis-server passes.
func TestOracle(t *testing.T) {
	seed := chance.Seed(t)
	t.Logf("seed %d", seed)
	look(t, harness.Oracle(t).Start(t, "rdb-key-save-delay 50"), seed, time.Second)
}

// TestTimeStandsStillInATransaction: no key expires in the middle of one, however long it takes.
func TestTimeStandsStillInATransaction(t *testing.T) {
	for _, program := range []func(testing.TB) harness.Program{harness.Oracle, harness.Tarn} {
		p := program(t)
		c := p.Start(t).Dial(t)
		c.Must(t, "MULTI")
		c.Must(t, "SET", "k", "v", "PX", "1")
		c.Must(t, "DEBUG", "SLEEP", "0.02")
		c.Must(t, "GET", "k")
		if got, want := compact(c.Must(t, "EXEC")), "[+OK +OK $v]"; got != want {
			t.Errorf("%s: MULTI; SET k v PX 1; DEBUG SLEEP 0.02; GET k; EXEC: %s, want %s", p.Name, got, want)
		}
		if got := compact(c.Must(t, "GET", "k")); got != null {
			t.Errorf("%s: GET k afterwards: %s, want %s", p.Name, got, null)
		}
	}
}

// look records and checks histories until the time is over.
func look(t *testing.T, s *harness.Server, seed uint64, limit time.Duration) {
	t.Helper()
	stop := disturb(t, s)
	var conns [clients]*harness.Conn
	for i := range conns {
		conns[i] = s.Dial(t)
	}
	var steps, unknown, histories int
	tooFew := func() bool { return histories < unknown*decidedFor }
	for began := time.Now(); histories == 0 || time.Since(began) < limit || tooFew() && unknown <= mostUndecided; histories++ {
		h := record(t, conns, seed, histories)
		steps += len(h)
		model := server.ToModel()
		result, info := porcupine.CheckOperationsVerbose(model, h, checkTimeout)
		switch result {
		case porcupine.Unknown:
			unknown++
		case porcupine.Illegal:
			complain(t, model, h, info, fmt.Sprintf("seed %d, history %d", seed, histories))
			stop()
			return
		}
	}
	saves := stop()
	if tooFew() {
		t.Errorf("%d of %d histories could not be decided in %v", unknown, histories, checkTimeout)
	}
	t.Logf("%d histories of %d steps, %d undecided; %s", histories, steps, unknown, saves)
}

// complain shows a wrong history: the longest beginning of an order that there is, the state it
// leads to, and the steps that would have to come next and of which none can.
func complain(t *testing.T, model porcupine.Model, h []porcupine.Operation, info porcupine.LinearizationInfo, what string) {
	t.Helper()
	var longest []porcupine.Operation
	for _, order := range info.PartialLinearizationsOperations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	rest := map[any]porcupine.Operation{}
	for _, op := range h {
		rest[op.Input] = op
	}
	var b strings.Builder
	line := func(op porcupine.Operation) {
		fmt.Fprintf(&b, "%9d %9d  client %d: %s\n", op.Call/1000, op.Return/1000, op.ClientId, model.DescribeOperation(op.Input, op.Output))
	}
	s := model.Init()
	for i, op := range longest {
		_, s = model.Step(s, op.Input, op.Output)
		delete(rest, op.Input)
		if i >= len(longest)-shownBefore {
			line(op)
		}
	}
	fmt.Fprintf(&b, "after %d steps: %s\n", len(longest), model.DescribeState(s))
	byCall := slices.SortedFunc(maps.Values(rest), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, op := range byCall[:min(len(byCall), shownAfter)] {
		line(op)
	}
	picture := "none"
	if f, err := os.CreateTemp("", "tarn-linear-*.html"); err == nil {
		if porcupine.Visualize(model, info, f) == nil {
			picture = f.Name()
		}
		_ = f.Close()
	}
	t.Errorf("%s: there is no order in which a server could have given these replies. Times of request and reply are in microseconds; a picture of all: %s\n%s",
		what, picture, b.String())
}

// record lets all clients send what the seed says, at the same time, on keys that are new.
func record(t *testing.T, conns [clients]*harness.Conn, seed uint64, n int) []porcupine.Operation {
	t.Helper()
	var each [clients][]porcupine.Operation
	var failed [clients]error
	var ready, done sync.WaitGroup
	ready.Add(clients)
	began := time.Now()
	for i, conn := range conns {
		done.Go(func() {
			r := &recorder{conn: conn, client: i, began: began, prefix: "h" + strconv.Itoa(n) + ":"}
			from := &source{chance: rand.New(rand.NewPCG(seed+uint64(n), uint64(i))), drawn: i * 1000}
			ready.Done()
			ready.Wait()
			for turn := 0; turn < turnsPerClient && failed[i] == nil; turn++ {
				for _, in := range from.turn(i) {
					if failed[i] = r.do(in, from.chance.IntN(2) == 0); failed[i] != nil {
						break
					}
				}
			}
			if _, err := conn.Do("UNWATCH"); err != nil {
				failed[i] = errors.Join(failed[i], err)
			}
			each[i] = r.history
		})
	}
	done.Wait()
	for i, err := range failed {
		if err != nil {
			t.Fatalf("seed %d, history %d, client %d: %v", seed, n, i, err)
		}
	}
	return slices.Concat(each[:]...)
}

// recorder sends steps and notes when, and what came back.
type recorder struct {
	conn    *harness.Conn
	client  int
	began   time.Time
	prefix  string
	history []porcupine.Operation
}

// do makes one step. A transaction goes out in one packet or in several.
func (r *recorder) do(in *input, onePacket bool) error {
	var packets [][]byte
	add := func(words ...string) { packets = append(packets, harness.AppendCommand(nil, words...)) }
	switch in.kind {
	case unwatch:
		add("UNWATCH")
	case exec:
		add("MULTI")
		for i := range in.calls {
			add(in.calls[i].wire(r.prefix)...)
		}
		add("EXEC")
	default:
		add(in.calls[0].wire(r.prefix)...)
	}
	replies := len(packets)
	last := packets[len(packets)-1]
	if onePacket {
		last, packets = slices.Concat(packets...), nil
	} else {
		packets = packets[:len(packets)-1]
	}
	for _, p := range packets {
		if err := r.conn.Write(p); err != nil {
			return err
		}
		if v, err := r.conn.Read(); err != nil || v.IsError() {
			return fmt.Errorf("%v: %v, %w", in, v, err)
		}
		replies--
	}
	called := time.Since(r.began)
	if err := r.conn.Write(last); err != nil {
		return err
	}
	var v harness.Value
	for range replies {
		var err error
		if v, err = r.conn.Read(); err != nil {
			return fmt.Errorf("%v: %w", in, err)
		}
	}
	returned := time.Since(r.began)
	r.history = append(r.history, porcupine.Operation{
		ClientId: r.client, Input: in, Output: compact(v), Call: int64(called), Return: int64(returned),
	})
	return nil
}

// compact renders a reply as the model does.
func compact(v harness.Value) string {
	switch {
	case v.Null:
		return null
	case v.Kind == '*':
		all := make([]string, len(v.Elem))
		for i, e := range v.Elem {
			all[i] = compact(e)
		}
		return list(all...)
	}
	return string(v.Kind) + strings.ReplaceAll(v.Text, long, pad)
}

// disturb keeps a save under way all the time, and overwrites the keys that it walks. stop ends it
// and tells what was done.
func disturb(t *testing.T, s *harness.Server) (stop func() string) {
	t.Helper()
	end := make(chan struct{})
	var done sync.WaitGroup
	var saves, overwrites int
	saver, writer := s.Dial(t), s.Dial(t)
	for _, c := range []*harness.Conn{saver, writer} {
		c.Must(t, "SELECT", "1")
	}
	saver.Must(t, "DEBUG", "POPULATE", strconv.Itoa(fillers), "filler", "1000")
	run := func(step func() error) {
		done.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if err := step(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	tick := time.NewTicker(2 * time.Millisecond)
	run(func() error {
		v, err := saver.Do("BGSAVE")
		if err != nil || v.IsError() && !strings.Contains(v.Text, "already in progress") {
			return fmt.Errorf("BGSAVE: %v, %w", v, err)
		}
		if !v.IsError() {
			saves++
		}
		<-tick.C
		return nil
	})
	value := strings.Repeat("x", 1000)
	run(func() error {
		var b []byte
		for i := range 16 {
			b = harness.AppendCommand(b, "SET", "filler:"+strconv.Itoa((overwrites+i)%fillers), value)
		}
		if err := writer.Write(b); err != nil {
			return err
		}
		for range 16 {
			if v, err := writer.Read(); err != nil || v.IsError() {
				return fmt.Errorf("SET: %v, %w", v, err)
			}
		}
		overwrites += 16
		return nil
	})
	return func() string {
		close(end)
		done.Wait()
		tick.Stop()
		return fmt.Sprintf("%d saves, %d other writes", saves, overwrites)
	}
}
