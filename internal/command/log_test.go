// Shown here: what the journal keeps of single commands, where redis-server 7.0 cannot be asked: of
// newer commands, by their documentation, and where directives or time decide; that what changes
// nothing leaves nothing; and that a warm server whose journal is read makes no garbage.

package command_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tarn/internal/config"
	"tarn/internal/resp"
)

// words shows a command of the journal.
func words(op string) string {
	_, rest, _ := strings.Cut(op, "\r\n")
	var list []string
	for rest != "" {
		_, tail, _ := strings.Cut(rest, "\r\n")
		word, tail, _ := strings.Cut(tail, "\r\n")
		list = append(list, word)
		rest = tail
	}
	return strings.Join(list, " ")
}

// Someday is 1709208000000.
var loggedForms = []struct {
	before []string
	run    string
	want   []string
}{
	{[]string{"HSET h a 1 b 2 c 3"}, "HEXPIRE h 100 NX FIELDS 3 a none c", []string{"HPEXPIREAT h 1709208100000 NX FIELDS 2 a c"}},
	{[]string{"HSET h a 1 b 2"}, "HPEXPIREAT h 1709208100000 FIELDS 1 b", []string{"HPEXPIREAT h 1709208100000 FIELDS 1 b"}},
	{[]string{"HSET h a 1 b 2"}, "HPEXPIREAT h 1 FIELDS 3 a none b", []string{"HDEL h a", "HDEL h b"}},
	{[]string{"HSET h a 1"}, "HEXPIRE h 100 XX FIELDS 1 a", nil},
	{[]string{"HSET h a 1", "HEXPIRE h 100 FIELDS 1 a"}, "HPERSIST h FIELDS 1 a", []string{"HPERSIST h FIELDS 1 a"}},
	{[]string{"HSET h a 1"}, "HPERSIST h FIELDS 1 a", nil},
	{[]string{"HSET h a 1 b 2"}, "HGETEX h EX 100 FIELDS 2 a none", []string{"HPEXPIREAT h 1709208100000 FIELDS 2 a none"}},
	{[]string{"HSET h a 1 b 2"}, "HGETEX h PXAT 5 FIELDS 2 a none", []string{"HDEL h a"}},
	{[]string{"HSET h a 1", "HEXPIRE h 100 FIELDS 1 a"}, "HGETEX h PERSIST FIELDS 1 a", []string{"HPERSIST h FIELDS 1 a"}},
	{[]string{"HSET h a 1"}, "HGETEX h FIELDS 1 a", nil},
	{[]string{"HSET h a 1 b 2"}, "HGETDEL h FIELDS 2 a none", []string{"HDEL h a none"}},
	{[]string{"HSET h a 1"}, "HGETDEL h FIELDS 1 none", nil},
	{nil, "HSETEX h FNX EX 100 FIELDS 1 a 1", []string{"HSETEX h FNX PXAT 1709208100000 FIELDS 1 a 1"}},
	{nil, "HSETEX h FIELDS 1 ex 1", []string{"HSETEX h FIELDS 1 ex 1"}},
	{nil, "HSETEX h KEEPTTL FIELDS 1 a 1", []string{"HSETEX h KEEPTTL FIELDS 1 a 1"}},
	{[]string{"HSET h a 1 b 2"}, "HSETEX h PXAT 1 FIELDS 2 a 5 none 6", []string{"HDEL h a"}},
	{[]string{"HSET h a 1", "HEXPIRE h 100 FIELDS 1 a"}, "HINCRBYFLOAT h a 0.5", []string{"HSET h a 1.5", "HPEXPIREAT h 1709208100000 FIELDS 1 a"}},
	{[]string{"SADD s a"}, "SPOP s", []string{"SREM s a"}},
	{[]string{"SADD s a"}, "SPOP s 5", []string{"DEL s"}},
	{[]string{"SET k v"}, "GETDEL k", []string{"DEL k"}},
	{[]string{"SET k v"}, "EXPIRE k -1", []string{"DEL k"}},
	{[]string{"SET k v"}, "GETEX k PXAT 1", []string{"DEL k"}},
	{nil, "SET k v EX 100 GET NX", []string{"SET k v PXAT 1709208100000"}},
	{[]string{"SET k v"}, "SET k v NX", nil},
	{nil, "FLUSHDB", []string{"FLUSHDB"}},
	{[]string{"XADD x 1-1 a 1", "XGROUP CREATE x g 0"}, "XREADGROUP GROUP g c STREAMS x >", []string{
		"XCLAIM x g c 0 1-1 TIME 1709208000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1", "XGROUP SETID x g 1-1 ENTRIESREAD 1"}},
	{[]string{"XADD x 1-1 a 1", "XGROUP CREATE x g $"}, "XREADGROUP GROUP g c STREAMS x >", []string{"XGROUP CREATECONSUMER x g c"}},
	{[]string{"XADD x 1-1 a 1", "XGROUP CREATE x g 0"}, "XCLAIM x g c 0 1-1", []string{"XGROUP CREATECONSUMER x g c"}},
}

func TestLoggedForms(t *testing.T) {
	for _, lazily := range []bool{false, true} {
		for _, form := range loggedForms {
			p := newRecorded(t)
			p.env.Config.Update(func(c *config.Config) {
				c.LazyfreeLazyExpire, c.LazyfreeLazyServerDel, c.LazyfreeLazyUserDel = lazily, lazily, lazily
			})
			c := p.client(resp.RESP2)
			for _, line := range form.before {
				c.do(strings.Fields(line)...)
			}
			p.drain()
			reply := c.do(strings.Fields(form.run)...)
			var got, want []string
			for _, op := range p.drain() {
				got = append(got, words(op))
			}
			for _, line := range form.want {
				if lazily && strings.HasPrefix(line, "DEL ") {
					line = "UNLINK " + line[4:]
				}
				want = append(want, line)
			}
			if reply[0] == '-' || !slices.Equal(got, want) {
				t.Errorf("%q, then %s (lazily: %t): the reply is %q, the journal got\n\t%q, want\n\t%q", form.before, form.run, lazily, reply, got, want)
			}
		}
	}
}

func TestEndsAreLogged(t *testing.T) {
	for _, swept := range []bool{false, true} {
		p := newRecorded(t)
		c := p.client(resp.RESP2)
		c.do("SET", "k", "v", "PX", "5")
		c.do("HSET", "h", "a", "1", "b", "2", "c", "3")
		c.do("HPEXPIRE", "h", "5", "FIELDS", "2", "a", "b")
		c.do("HSET", "big", "long", strings.Repeat("x", 1000), "a", "1")
		c.do("HPEXPIRE", "big", "5", "FIELDS", "2", "a", "long")
		p.drain()
		p.clock.Advance(6 * time.Millisecond)
		if swept {
			p.env.Keyspace.NewTx().Sweep(p.clock.Millis(), time.Second, func() time.Duration { return 0 })
		} else {
			c.do("GET", "k")
			c.do("HDEL", "h", "none")
			c.do("HDEL", "big", "none")
		}
		var got []string
		for _, op := range p.drain() {
			got = append(got, words(op))
		}
		slices.Sort(got)
		if want := []string{"DEL k", "HDEL big a", "HDEL big long", "HDEL h a", "HDEL h b"}; !slices.Equal(got, want) {
			t.Errorf("swept %t: the journal got %q, want %q", swept, got, want)
		}
	}
}

// TestHeldFieldsLive shows that fields past their deadline are seen while a log is read, as keys are.
func TestHeldFieldsLive(t *testing.T) {
	p := newRecorded(t)
	c := p.client(resp.RESP2)
	c.do("HSET", "h", "a", "1")
	c.do("HPEXPIRE", "h", "5", "FIELDS", "1", "a")
	p.clock.Advance(6 * time.Millisecond)
	p.env.Keyspace.HoldExpired(true)
	if got := c.do("HINCRBY", "h", "a", "1"); got != ":2\r\n" {
		t.Errorf("HINCRBY of a held field replies %q", got)
	}
	p.env.Keyspace.HoldExpired(false)
	if got := c.do("HEXISTS", "h", "a"); got != ":0\r\n" {
		t.Errorf("HEXISTS of a field that has ended replies %q", got)
	}
}

func TestJournalAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	p := newRecorded(t)
	c := p.client(resp.RESP2)
	room := make([]byte, 0, 1<<20)
	for _, text := range []string{
		"SET k value", "SET k value EX 100", "SET k value GET", "INCR n", "EXPIRE k 100", "GETEX k EX 100", "HSET h a 1 b 2", "HSET h a 1",
		"HINCRBY h n 1", "LPUSH l a", "LPOP l", "RPUSH l a", "BLPOP l 0", "ZADD z 1 a", "ZADD z 2 a", "ZINCRBY z 1 a", "SADD s a b", "SREM s b",
		"XADD x MAXLEN ~ 10 * a 1", "XADD x * a 1", "XTRIM x MAXLEN 5", "DEL k", "MSET a 1 b 2", "GEOADD g 1 1 here",
	} {
		request := encode(text)
		run := func() {
			c.do("RPUSH", "l", "x", "y") // that LPOP finds something
			c.feed(request)
			room, _ = p.reader.Next(room[:0], 1<<20, -1)
		}
		push := func() {
			c.do("RPUSH", "l", "x", "y")
			room, _ = p.reader.Next(room[:0], 1<<20, -1)
		}
		run()
		if reply := c.feed(request); reply[0] == '-' {
			t.Errorf("%s: %q", text, reply)
		}
		base := testing.AllocsPerRun(100, push)
		if got := testing.AllocsPerRun(100, run) - base; got > 0 {
			t.Errorf("%s allocates %v times with the journal, want 0", text, got)
		}
	}
}
