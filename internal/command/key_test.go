// Shown here, without a server: keys that are renamed, copied and moved about, with deadlines and
// values of all sizes, are those of a plain model; times to live are rounded as they should be;
// what the commands keep of a key's use; what FLUSHALL asks of the saver; and that the common ones
// allocate nothing.

package command_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/test/chance"
)

// expect runs commands, given as text with blanks between arguments, and demands their replies.
func (c *client) expect(steps ...[2]string) {
	c.on.tb.Helper()
	for _, s := range steps {
		if got := c.do(strings.Fields(s[0])...); got != s[1]+"\r\n" {
			c.on.tb.Errorf("%s\n got %q\nwant %q", s[0], got, s[1]+"\r\n")
		}
	}
}

// model is two databases as maps.
type model [2]map[string]state

// TestRenamesAgainstModel moves thousands of keys about while their tables grow and shrink, so that
// a command on two keys of one shard finds either elsewhere than where it was looked up.
func TestRenamesAgainstModel(t *testing.T) {
	for range 4 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		m := &moves{t: t, seed: seed, r: r, clock: clock.NewManual(someDay), names: 1 << (4 + r.IntN(8))}
		m.tarn = newInProcess(t, m.clock)
		m.client = m.tarn.client(resp.RESP2)
		m.model = model{{}, {}}
		removing := r.IntN(20) // out of 40: some rounds mostly add, some mostly delete
		for m.step = range 6000 {
			m.next(removing)
			if m.step%1000 == 999 {
				m.compare()
			}
		}
	}
}

// moves is one round of TestRenamesAgainstModel.
type moves struct {
	t      *testing.T
	seed   uint64
	step   int
	r      *rand.Rand
	clock  *clock.Manual
	names  int
	tarn   *inProcess
	client *client
	model  model
}

func (m *moves) name() string { return "key:" + strconv.Itoa(m.r.IntN(m.names)) }

// do runs a command on database db and demands the reply.
func (m *moves) do(want string, db int, args ...string) {
	m.t.Helper()
	m.client.session.DB = int32(db)
	if got := m.client.do(args...); got != want+"\r\n" {
		m.t.Fatalf("seed %d step %d: %.200q in database %d\n got %q\nwant %q", m.seed, m.step, args, db, got, want)
	}
}

func (m *moves) next(removing int) {
	m.t.Helper()
	r, db := m.r, m.r.IntN(2)
	from, to := m.name(), m.name()
	now := m.clock.Millis()
	for _, name := range []string{from, to} {
		for i := range m.model {
			if s := m.model[i][name]; s.exists && s.deadline != keyspace.NoDeadline && s.deadline <= now {
				delete(m.model[i], name)
			}
		}
	}
	source := m.model[db][from]
	switch op := r.IntN(40); {
	case op < removing:
		m.do(fmt.Sprintf(":%d", count(source.exists)), db, "DEL", from)
		delete(m.model[db], from)
	case op < 25:
		size := pick(r, []int{0, 1, 30, 100, 4000, 5000, 70000})
		s := state{strings.Repeat(strconv.Itoa(m.step), size)[:size], "", keyspace.NoDeadline, true}
		args := []string{"SET", from, s.value}
		if r.IntN(3) == 0 {
			s.deadline = now + 1 + r.Int64N(2000)
			args = append(args, "PXAT", strconv.FormatInt(s.deadline, 10))
		}
		m.do("+OK", db, args...)
		m.model[db][from] = s
	case op < 26:
		m.clock.Advance(time.Duration(r.IntN(100)) * time.Millisecond)
	case op < 32:
		m.rename(db, from, to)
	case op < 36:
		m.copy(db, r.IntN(2), from, to)
	case op < 38:
		other := 1 - db
		moved := source.exists && !m.model[other][from].exists
		m.do(fmt.Sprintf(":%d", count(moved)), db, "MOVE", from, strconv.Itoa(other))
		if moved {
			m.model[other][from] = source
			delete(m.model[db], from)
		}
	default:
		m.do(fmt.Sprintf(":%d", count(source.exists && source.deadline != keyspace.NoDeadline)), db, "PERSIST", from)
		if source.exists {
			source.deadline = keyspace.NoDeadline
			m.model[db][from] = source
		}
	}
}

func (m *moves) rename(db int, from, to string) {
	m.t.Helper()
	source, had := m.model[db][from], m.model[db][to].exists
	onlyNew := m.r.IntN(2) == 0
	switch {
	case !source.exists:
		m.do("-ERR no such key", db, pick(m.r, []string{"RENAME", "RENAMENX"}), from, to)
		return
	case onlyNew:
		m.do(fmt.Sprintf(":%d", count(!had)), db, "RENAMENX", from, to)
		if had {
			return
		}
	default:
		m.do("+OK", db, "RENAME", from, to)
	}
	delete(m.model[db], from)
	m.model[db][to] = source
}

func (m *moves) copy(db, into int, from, to string) {
	m.t.Helper()
	source, had := m.model[db][from], m.model[into][to].exists
	if db == into && from == to {
		m.do("-ERR source and destination objects are the same", db, "COPY", from, to)
		return
	}
	args := []string{"COPY", from, to, "DB", strconv.Itoa(into)}
	replace := m.r.IntN(2) == 0
	if replace {
		args = append(args, "REPLACE")
	}
	copied := source.exists && (replace || !had)
	m.do(fmt.Sprintf(":%d", count(copied)), db, args...)
	if copied {
		m.model[into][to] = source
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// compare compares all keys.
func (m *moves) compare() {
	m.t.Helper()
	now := m.clock.Millis()
	for db := range m.model {
		live := 0
		for i := range m.names {
			name := "key:" + strconv.Itoa(i)
			got, want := m.tarn.stateIn(db, name), m.model[db][name]
			if !want.exists || want.deadline != keyspace.NoDeadline && want.deadline <= now {
				want = state{deadline: keyspace.NoDeadline}
			} else {
				live++
			}
			got.encoding = ""
			if got != want {
				m.t.Fatalf("seed %d step %d: %s of database %d holds %.200q, want %.200q", m.seed, m.step, name, db,
					fmt.Sprint(got), fmt.Sprint(want))
			}
		}
		m.do(fmt.Sprintf(":%d", live), db, "DBSIZE")
	}
	tx := m.tarn.worker.Tx()
	tx.LockAll()
	defer tx.Unlock()
	if err := tx.Verify(); err != nil {
		m.t.Fatalf("seed %d step %d: %v", m.seed, m.step, err)
	}
}

// TestTimeToLiveIsRounded pins what the oracle cannot show without waiting.
func TestTimeToLiveIsRounded(t *testing.T) {
	c := clock.NewManual(someDay)
	p := newInProcess(t, c)
	cl := p.client(resp.RESP2)
	for _, tc := range []struct {
		leftMs  int64
		seconds int64
	}{
		{1, 0}, {499, 0}, {500, 1}, {1499, 1}, {1500, 2}, {1_000_000_499, 1_000_000}, {1_000_000_500, 1_000_001},
	} {
		cl.do("SET", "k", "v")
		cl.expect(
			[2]string{fmt.Sprintf("PEXPIRE k %d", tc.leftMs), ":1"},
			[2]string{"PTTL k", fmt.Sprintf(":%d", tc.leftMs)},
			[2]string{"TTL k", fmt.Sprintf(":%d", tc.seconds)},
			[2]string{"PEXPIRETIME k", fmt.Sprintf(":%d", c.Millis()+tc.leftMs)},
			[2]string{"EXPIRETIME k", fmt.Sprintf(":%d", (c.Millis()+tc.leftMs+500)/1000)},
		)
	}
	c.Advance(24 * time.Hour)
	cl.do("SET", "k", "v")
	cl.expect(
		[2]string{"PEXPIREAT k 9223372036854775807", ":1"},
		[2]string{"EXPIRETIME k", ":9223372036854776"},
		[2]string{"PTTL k", fmt.Sprintf(":%d", 9223372036854775807-c.Millis())},
		[2]string{"PEXPIRE k 1", ":1"},
	)
	c.Advance(time.Millisecond)
	cl.expect([2]string{"TTL k", ":-2"}, [2]string{"PTTL k", ":-2"}, [2]string{"EXPIRETIME k", ":-2"}, [2]string{"DBSIZE", ":0"})
}

// TestUseOfKeys shows which commands mark a key as used, by OBJECT IDLETIME, and what becomes of
// the mark when the key moves.
func TestUseOfKeys(t *testing.T) {
	for _, tc := range []struct {
		command string
		marked  bool
	}{
		{"EXISTS k", false}, {"TYPE k", false}, {"TTL k", false}, {"PTTL k", false}, {"EXPIRETIME k", false},
		{"OBJECT ENCODING k", false}, {"OBJECT REFCOUNT k", false}, {"KEYS *", false}, {"SCAN 0 TYPE string", false},
		{"RANDOMKEY", false}, {"DBSIZE", false}, {"DEL other", false},
		{"TOUCH k", true}, {"GET k", true}, {"DUMP k", true}, {"PERSIST k", true}, {"EXPIRE k 1000", true}, {"MOVE k 0", false},
		{"COPY k copy", true}, {"RENAMENX k other", true}, {"RENAME other k", true},
	} {
		c := clock.NewManual(someDay)
		cl := newInProcess(t, c).client(resp.RESP2)
		cl.do("MSET", "k", "v", "other", "v")
		c.Advance(100 * time.Second)
		cl.do(strings.Fields(tc.command)...)
		want := ":100"
		if tc.marked {
			want = ":0"
		}
		if tc.command == "RENAME other k" {
			want = ":0" // the mark is that of what was renamed, at that moment
		}
		cl.expect([2]string{"OBJECT IDLETIME k", want})
	}

	// By documentation of 7.2 only: CLIENT NO-TOUCH holds for all commands but TOUCH.
	c := clock.NewManual(someDay)
	p := newInProcess(t, c)
	cl := p.client(resp.RESP2)
	cl.do("SET", "k", "v")
	c.Advance(100 * time.Second)
	cl.expect(
		[2]string{"CLIENT NO-TOUCH ON", "+OK"}, [2]string{"GET k", "$1\r\nv"}, [2]string{"EXPIRE k 1000", ":1"}, [2]string{"OBJECT IDLETIME k", ":100"},
		[2]string{"TOUCH k", ":1"}, [2]string{"OBJECT IDLETIME k", ":0"},
	)
	c.Advance(100 * time.Second)
	other := p.client(resp.RESP2)
	other.expect([2]string{"OBJECT IDLETIME k", ":100"}, [2]string{"GET k", "$1\r\nv"}, [2]string{"OBJECT IDLETIME k", ":0"})

	payload := splitBulks(t, cl.do("DUMP", "k"))[0]
	for _, idle := range []string{"0", "1", "1000", "16777215"} {
		if got := cl.do("RESTORE", "r", "0", payload, "IDLETIME", idle, "REPLACE"); got != "+OK\r\n" {
			t.Fatalf("RESTORE IDLETIME %s: %q", idle, got)
		}
		cl.expect([2]string{"OBJECT IDLETIME r", ":" + idle})
	}
	cl.do("RESTORE", "r", "0", payload, "FREQ", "9", "REPLACE")
	cl.expect([2]string{"OBJECT IDLETIME r", ":0"})
}

// TestFrequencies shows the same of how often keys are used.
func TestFrequencies(t *testing.T) {
	c := clock.NewManual(someDay)
	p := newInProcess(t, c)
	p.env.Config.Update(func(c *config.Config) { c.MaxMemoryPolicy = config.AllKeysLFU })
	p.env.Keyspace.SetLFU(true, 10, 1)
	c.Advance(time.Minute)
	cl := p.client(resp.RESP2)
	cl.do("SET", "k", "v")
	payload := splitBulks(t, cl.do("DUMP", "k"))[0]
	cl.do("RESTORE", "r", "0", payload, "FREQ", "200")
	cl.expect(
		[2]string{"OBJECT FREQ r", ":200"},
		[2]string{"EXISTS r", ":1"},
		[2]string{"OBJECT FREQ r", ":200"},
		[2]string{"OBJECT IDLETIME r", "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when " +
			"switching between policies at runtime LRU and LFU data will take some time to adjust."},
		[2]string{"OBJECT IDLETIME absent", "$-1"},
		[2]string{"RENAME r moved", "+OK"},
	)
	moved := frequency(t, cl, "moved")
	if moved < 200 || moved > 201 {
		t.Errorf("a renamed key has frequency %d, want that it had", moved)
	}
	cl.expect([2]string{"COPY moved copy", ":1"}, [2]string{"OBJECT FREQ copy", ":5"})
	cl.do("RESTORE", "moved", "0", payload, "REPLACE", "IDLETIME", "1000")
	cl.expect([2]string{"OBJECT FREQ moved", ":5"})
	cl.do("RESTORE", "aged", "0", payload, "FREQ", "255")
	c.Advance(3 * time.Minute)
	cl.expect([2]string{"OBJECT FREQ aged", ":252"})
}

func frequency(t *testing.T, cl *client, name string) int64 {
	t.Helper()
	reply := cl.do("OBJECT", "FREQ", name)
	n, err := strconv.ParseInt(strings.Trim(reply, ":\r\n"), 10, 64)
	if err != nil {
		t.Fatalf("OBJECT FREQ: %q", reply)
	}
	return n
}

// TestRefcounts shows where Redis has one object for a small integer.
func TestRefcounts(t *testing.T) {
	p := newInProcess(t, clock.NewManual(someDay))
	cl := p.client(resp.RESP2)
	cl.do("MSET", "zero", "0", "last", "9999", "next", "10000", "minus", "-1", "text", "a")
	shared := ":2147483647"
	check := func(zero string) {
		t.Helper()
		cl.expect([2]string{"OBJECT REFCOUNT zero", zero}, [2]string{"OBJECT REFCOUNT last", zero},
			[2]string{"OBJECT REFCOUNT next", ":1"}, [2]string{"OBJECT REFCOUNT minus", ":1"}, [2]string{"OBJECT REFCOUNT text", ":1"})
	}
	check(shared)
	p.env.Config.Update(func(c *config.Config) { c.MaxMemoryPolicy = config.VolatileLRU })
	check(shared)
	p.env.Config.Update(func(c *config.Config) { c.MaxMemory = 1 << 30 })
	check(":1")
	p.env.Config.Update(func(c *config.Config) { c.MaxMemoryPolicy = config.VolatileTTL })
	check(shared)
}

// TestFlushAllAndTheSaver shows that a background save ends before the keys go, and that the empty
// keyspace is saved when they are gone and counted; and that FLUSHDB asks for nothing.
func TestFlushAllAndTheSaver(t *testing.T) {
	p := newInProcess(t, clock.NewManual(someDay))
	saver := &noSaver{env: p.env}
	p.env.Saver = saver
	cl := p.client(resp.RESP2)
	cl.expect(
		[2]string{"MSET a 1 b 2", "+OK"},
		[2]string{"FLUSHDB", "+OK"},
		[2]string{"MSET a 1 b 2 c 3", "+OK"},
		[2]string{"FLUSHALL NOW", "-ERR syntax error"},
	)
	if len(saver.calls) != 0 {
		t.Errorf("before FLUSHALL the saver was asked to %q", saver.calls)
	}
	cl.expect([2]string{"FLUSHALL", "+OK"}, [2]string{"DBSIZE", ":0"})
	want := "[abort at 7 changes flushed at 10 changes]"
	if got := fmt.Sprint(saver.calls); got != want {
		t.Errorf("the saver was asked to %s, want %s", got, want)
	}
}

// TestFlushInBackground shows who frees the memory of what was flushed.
func TestFlushInBackground(t *testing.T) {
	for _, tc := range []struct {
		command string
		lazily  bool // lazyfree-lazy-user-flush
		pending int64
	}{
		{"FLUSHALL ASYNC", false, 100}, {"FLUSHDB async", false, 100}, {"FLUSHALL SYNC", true, 0}, {"FLUSHDB Sync", true, 0},
		{"FLUSHALL", false, 0}, {"FLUSHDB", false, 0}, {"FLUSHALL", true, 100}, {"FLUSHDB", true, 100},
	} {
		p := newInProcess(t, clock.NewManual(someDay))
		p.env.Saver = &noSaver{env: p.env}
		p.env.Config.Update(func(c *config.Config) { c.LazyfreeLazyUserFlush = tc.lazily })
		cl := p.client(resp.RESP2)
		for i := range 100 {
			cl.do("SET", strconv.Itoa(i), "v")
		}
		cl.expect([2]string{tc.command, "+OK"}, [2]string{"DBSIZE", ":0"})
		tx := p.worker.Tx()
		tx.LockAll()
		pending := tx.LazyPending()
		tx.Unlock()
		if pending != tc.pending {
			t.Errorf("%s, lazyfree-lazy-user-flush %t: %d keys wait to be freed, want %d", tc.command, tc.lazily, pending, tc.pending)
		}
	}
}

// TestRandomKeyAmongExpired shows that the one live key is found among any number of expired ones.
func TestRandomKeyAmongExpired(t *testing.T) {
	c := clock.NewManual(someDay)
	cl := newInProcess(t, c).client(resp.RESP2)
	for i := range 1000 {
		cl.do("SET", "ends:"+strconv.Itoa(i), "v", "PX", "1")
	}
	cl.do("SET", "stays", "v")
	c.Advance(time.Second)
	for range 12 { // the expired ones become fewer at each
		cl.expect([2]string{"RANDOMKEY", "$5\r\nstays"})
	}
	cl.expect([2]string{"DEL stays", ":1"})
	for range 11 {
		cl.expect([2]string{"RANDOMKEY", "$-1"})
	}
	cl.expect([2]string{"DBSIZE", ":0"})
}

// TestRandomKeyIsFair counts which keys are chosen.
func TestRandomKeyIsFair(t *testing.T) {
	cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	const keys, draws = 50, 20_000
	for i := range keys {
		cl.do("SET", "key:"+strconv.Itoa(i), "v")
	}
	chosen := map[string]int{}
	for range draws {
		chosen[cl.do("RANDOMKEY")]++
	}
	for name, n := range chosen {
		// Ten standard deviations of a fair draw, which is 20.
		if n < draws/keys-200 || n > draws/keys+200 {
			t.Errorf("%q was chosen %d times of %d, want about %d", name, n, draws, draws/keys)
		}
	}
	if len(chosen) != keys {
		t.Errorf("%d of %d keys were ever chosen", len(chosen), keys)
	}
}

// TestKeyCommandsAllocateNothing covers what clients call all the time.
func TestKeyCommandsAllocateNothing(t *testing.T) {
	cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	cl.do("MSET", "a", "v", "b", "v")
	for _, command := range []string{
		"EXISTS a", "EXISTS a b absent", "TYPE a", "TTL a", "PTTL a", "TOUCH a b", "DEL absent", "UNLINK absent also",
		"EXPIRE a 1000", "PEXPIRE a 1000000 GT", "PERSIST a", "EXPIRETIME a", "OBJECT ENCODING a", "RENAME a a", "COPY a b REPLACE",
		"DUMP a", "DBSIZE", "SELECT 0",
	} {
		request := resp.AppendCommand(nil, bytesOf(strings.Fields(command))...)
		cl.feed(request)
		if n := testing.AllocsPerRun(100, func() { cl.feed(request) }); n != 0 {
			t.Errorf("%s allocates %v times", command, n)
		}
	}
}

func bytesOf(list []string) (b [][]byte) {
	for _, s := range list {
		b = append(b, []byte(s))
	}
	return b
}
