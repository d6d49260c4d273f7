// Shows that a server killed at any moment finds in its append-only log, when it starts again, a
// prefix of what was done: all of a transaction or nothing of it, in every writer's order and across
// writers, and with appendfsync always everything that was replied to. Values of every type are
// written while the log is rewritten and saves run. The test is pointed at redis-server first, and
// from time to time each of the two reads what the other has written.

package crash

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tarn/test/harness"
)

const (
	loggers  = 3  // writers of transactions
	kept     = 20 // elements that stay in their collections
	perWrite = 4  // transactions in a packet
)

// logger is one writer of transactions: number n makes what logged tells.
type logger struct {
	start       int64 // when its server was started
	sent, acked atomic.Int64
}

// logRun is one folder in which servers with a log are started and killed.
type logRun struct {
	*run
	policy  string
	loggers [loggers]logger
	chain   logger // SET x n, and when that is replied to, SET y n
	found   int64  // transactions
	lost    int64  // of those replied to, where the policy lets them
	rewrote int
}

func TestLogHarnessOnRedis(t *testing.T) {
	r := &logRun{run: newRun(t, harness.Oracle(t), newSeed(t))}
	for n := 0; n < 4 || !r.shown() && n < slowest; n++ {
		r.round()
	}
	r.wantWork()
}

func TestKillWithLog(t *testing.T) {
	rounds := *roundsFlag
	if testing.Short() {
		rounds = min(rounds, 10)
	}
	r := &logRun{run: newRun(t, harness.Tarn(t), newSeed(t))}
	began := time.Now()
	for n := 0; n < rounds || !r.shown() && n < slowest || time.Since(began) < *soakFlag; n++ {
		r.round()
		if n%10 == 9 {
			r.exchange()
		}
	}
	r.wantWork()
	t.Logf("%d rounds, %d rewrites begun, %d transactions found, %d lost where they may be", r.tally.rounds, r.rewrote, r.found, r.lost)
}

// shown tells whether anything was.
func (r *logRun) shown() bool { return r.found > 0 && r.rewrote > 0 }

func (r *logRun) wantWork() {
	r.t.Helper()
	if !r.shown() {
		r.t.Errorf("nothing was shown: %d transactions found, %d rewrites begun", r.found, r.rewrote)
	}
}

// settings are those of a start on the folder.
func (r *logRun) settings(program harness.Program) []string {
	s := []string{
		`dir ` + harness.Quote(r.dir), `appendonly yes`, `appendfsync ` + r.policy, `save ""`,
		`aof-use-rdb-preamble ` + pick(r.chance, "yes", "yes", "no"),
		`rdb-key-save-delay ` + pick(r.chance, "0", "0", "30", "200"),
		`auto-aof-rewrite-percentage ` + pick(r.chance, "0", "10"), `auto-aof-rewrite-min-size 64kb`,
	}
	if program.Name == "tarn" {
		s = append(s, `keyspace-shards `+pick(r.chance, "1", "4", "16"), `io-threads `+pick(r.chance, "1", "2"))
	}
	return s
}

// round starts a server, looks at what it found, lets everybody write, and kills it.
func (r *logRun) round() {
	r.t.Helper()
	r.tally.rounds++
	before := r.policy
	r.policy = pick(r.chance, "always", "always", "everysec", "no")
	s := r.program.Start(r.t, r.settings(r.program)...)
	c := s.Dial(r.t)
	for w := range r.loggers {
		r.look(s, c, w, before)
	}
	r.lookAtChain(s, c, before)
	var writers sync.WaitGroup
	for w := range r.loggers {
		writers.Go(func() { r.loggers[w].write(w, s.Addr) })
	}
	writers.Go(func() { r.chain.writeChain(s.Addr) })
	killed := make(chan struct{})
	alive := true
	time.AfterFunc(time.Duration(5+r.chance.IntN(400))*time.Millisecond, func() {
		alive = s.Alive()
		killAll(s)
		close(killed)
	})
	r.rewrite(c, killed)
	<-killed
	writers.Wait()
	if !alive {
		r.fail(s, errors.New("the server ended by itself"))
	}
}

// fail ends the test and keeps the folder for whoever looks into it.
func (r *logRun) fail(s *harness.Server, err error) {
	r.t.Helper()
	s.Kill()
	keep, copyErr := os.MkdirTemp("", "tarn-crash-")
	if copyErr == nil {
		copyErr = os.CopyFS(keep, os.DirFS(r.dir))
	}
	r.t.Fatalf("round %d, seed %d: %v\nthe folder, kept: %s (%v)\nthe server's log:\n%s", r.tally.rounds, r.seed, err, keep, copyErr, s.Log())
}

// rewrite has the log rewritten, and the data set saved, again and again until the kill.
func (r *logRun) rewrite(c *harness.Conn, killed chan struct{}) {
	for {
		v, err := c.Do(pick(r.chance, "BGREWRITEAOF", "BGREWRITEAOF", "BGSAVE"))
		if err != nil {
			return
		}
		if !v.IsError() && strings.Contains(v.Text, "rewriting") {
			r.rewrote++
		}
		rest := time.NewTimer(time.Duration(r.chance.IntN(60)) * time.Millisecond)
		select {
		case <-killed:
			return
		case <-rest.C:
		}
	}
}

// write does one transaction after the other.
func (l *logger) write(w int, addr string) {
	c, err := harness.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for seq := l.sent.Load(); ; {
		var request []byte
		replies := 0
		for range perWrite {
			seq++
			for _, args := range transaction(w, seq) {
				request = harness.AppendCommand(request, args...)
				replies++
			}
		}
		l.sent.Store(seq)
		if c.Write(request) != nil {
			return
		}
		for i := range replies {
			v, err := c.Read()
			if err != nil || v.IsError() {
				return // an error reply leaves the number unacknowledged, and what follows wrong: it is noticed
			}
			if perCommand := replies / perWrite; i%perCommand == perCommand-1 {
				l.acked.Add(1)
			}
		}
	}
}

// transaction returns the commands of a writer's transaction number seq.
func transaction(w int, seq int64) [][]string {
	name := strconv.Itoa(w)
	n, slot, old := strconv.FormatInt(seq, 10), strconv.FormatInt(seq%kept, 10), strconv.FormatInt(seq-kept, 10)
	return [][]string{
		{"MULTI"}, {"INCR", "n:" + name},
		{"RPUSH", "l:" + name, n}, {"LTRIM", "l:" + name, strconv.Itoa(-kept), "-1"},
		{"HSET", "h:" + name, slot, n}, {"ZADD", "z:" + name, n, slot},
		{"SADD", "s:" + name, n}, {"SREM", "s:" + name, old},
		{"XADD", "x:" + name, "MAXLEN", strconv.Itoa(kept), n + "-0", "n", n},
		{"SET", "e:" + name, n, "EX", "1000"},
		{"EXEC"},
	}
}

// writeChain sets two keys, in other shards perhaps, one after the other.
func (l *logger) writeChain(addr string) {
	c, err := harness.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for seq := l.sent.Load() + 1; ; seq++ {
		l.sent.Store(seq)
		for _, key := range []string{"chain:x", "chain:y"} {
			if v, err := c.Do("SET", key, strconv.FormatInt(seq, 10)); err != nil || v.IsError() {
				return
			}
		}
		l.acked.Store(seq)
	}
}

// judge compares the number of what was found with what was sent and replied to before a kill.
func (r *logRun) judge(s *harness.Server, who string, l *logger, n int64, policy string) {
	r.t.Helper()
	sent, acked := l.sent.Load(), l.acked.Load()
	if n > sent || policy == "always" && n < acked {
		r.fail(s, fmt.Errorf("%s: found %d, of %d sent and %d replied to, with appendfsync %s", who, n, sent, acked, policy))
	}
	r.lost += max(acked-n, 0)
	r.found += max(n-l.start, 0)
	l.start = n
	l.sent.Store(n)
	l.acked.Store(n)
}

// look checks that what a writer made is what its first n transactions make.
func (r *logRun) look(s *harness.Server, c *harness.Conn, w int, policy string) {
	r.t.Helper()
	got, n := readLogged(r.t, c, w)
	if want := logged(n); !maps.Equal(got, want) {
		r.fail(s, fmt.Errorf("writer %d, %d transactions: found\n%v\nwant\n%v", w, n, got, want))
	}
	r.judge(s, fmt.Sprintf("writer %d", w), &r.loggers[w], n, policy)
}

func (r *logRun) lookAtChain(s *harness.Server, c *harness.Conn, policy string) {
	r.t.Helper()
	x, _ := strconv.ParseInt(c.Must(r.t, "GET", "chain:x").Text, 10, 64)
	y, _ := strconv.ParseInt(c.Must(r.t, "GET", "chain:y").Text, 10, 64)
	if y > x || x > y+1 {
		r.fail(s, fmt.Errorf("a later write was found without an earlier one: x is %d, y is %d", x, y))
	}
	r.judge(s, "the chain", &r.chain, y, policy)
}

// readLogged returns what a writer has made, and the number of its transactions.
func readLogged(t *testing.T, c *harness.Conn, w int) (map[string]string, int64) {
	t.Helper()
	name := strconv.Itoa(w)
	n, _ := strconv.ParseInt(c.Must(t, "GET", "n:"+name).Text, 10, 64)
	got := map[string]string{}
	for key, args := range map[string][]string{
		"list": {"LRANGE", "l:" + name, "0", "-1"}, "zset": {"ZRANGE", "z:" + name, "0", "-1", "WITHSCORES"},
		"string": {"GET", "e:" + name}, "stream": {"XRANGE", "x:" + name, "-", "+"}, "set": {"SORT", "s:" + name}, "hash": {"HGETALL", "h:" + name},
	} {
		words := flat(nil, c.Must(t, args...))
		if key == "hash" {
			words = sortPairs(words)
		}
		got[key] = strings.Join(words, " ")
	}
	return got, n
}

// logged is what readLogged finds after n transactions.
func logged(n int64) map[string]string {
	var list, zset, stream []string
	bySlot := map[string]string{}
	for i := max(n-kept, 0) + 1; i <= n; i++ {
		text, slot := strconv.FormatInt(i, 10), strconv.FormatInt(i%kept, 10)
		list = append(list, text)
		zset = append(zset, slot, text)
		stream = append(stream, text+"-0", "n", text)
		bySlot[slot] = text
	}
	var hash []string
	for slot, text := range bySlot {
		hash = append(hash, slot, text)
	}
	last := ""
	if n > 0 {
		last = strconv.FormatInt(n, 10)
	}
	return map[string]string{
		"list": strings.Join(list, " "), "zset": strings.Join(zset, " "), "string": last, "stream": strings.Join(stream, " "),
		"set": strings.Join(list, " "), "hash": strings.Join(sortPairs(hash), " "),
	}
}

// flat appends the texts of a reply, whatever it nests.
func flat(words []string, v harness.Value) []string {
	if len(v.Elem) == 0 && v.Kind != '*' {
		if v.Null {
			return words
		}
		return append(words, v.Text)
	}
	for _, e := range v.Elem {
		words = flat(words, e)
	}
	return words
}

// sortPairs sorts fields with their values.
func sortPairs(words []string) []string {
	pairs := slices.Collect(slices.Chunk(words, 2))
	slices.SortFunc(pairs, slices.Compare)
	return slices.Concat(pairs...)
}

// exchange shows that redis-server finds in Tarn's log what Tarn does, and the other way round.
func (r *logRun) exchange() {
	r.t.Helper()
	for i, program := range []harness.Program{harness.Tarn(r.t), harness.Oracle(r.t), harness.Tarn(r.t)} {
		before := r.policy
		r.policy = "always"
		s := program.Start(r.t, r.settings(program)...)
		c := s.Dial(r.t)
		for w := range r.loggers {
			r.look(s, c, w, before)
		}
		r.lookAtChain(s, c, before)
		writeSome(r.t, c, &r.loggers[0], 0, 5+i)
		s.Kill()
	}
}

// writeSome does a few transactions of a writer and awaits their replies.
func writeSome(t *testing.T, c *harness.Conn, l *logger, w, count int) {
	t.Helper()
	for range count {
		seq := l.sent.Add(1)
		for _, args := range transaction(w, seq) {
			c.Must(t, args...)
		}
		l.acked.Store(seq)
	}
}
