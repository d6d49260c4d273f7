// Shown here: commands on small sets make no garbage; all of a large set is replied by every command
// that does, also by SPOP, which deletes it; SSCAN meets every member that stays, while the
// set grows and shrinks under it; more is not drawn at once than fits a reply; and SORT looks only at
// keys whose shards are locked, whatever it makes out of the elements.

package command_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
	"tarn/test/chance"
)

func TestSmallSetsAllocateNothing(t *testing.T) {
	for _, members := range []string{"1 2 300 77", "a b 1 77 member-of-some-length"} {
		c := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
		c.feed(encode("SADD s " + members))
		c.feed(encode("SADD other " + members))
		for _, text := range []string{
			"SADD s 78", "SREM s 78", "SADD s 77 1 78", "SREM s 78 absent", "SISMEMBER s 77", "SISMEMBER s absent", "SMISMEMBER s 1 absent 77",
			"SCARD s", "SMEMBERS s", "SRANDMEMBER s", "SRANDMEMBER s 2", "SRANDMEMBER s -20", "SADD new 5", "SPOP new", "SADD new 5 6 7", "SPOP new 2", "SPOP new 9",
			"SMOVE s other 77", "SMOVE other s 77",
		} {
			request := encode(text)
			c.feed(request)
			if got := testing.AllocsPerRun(50, func() { c.feed(request) }); got != 0 {
				t.Errorf("sets of %s: %s allocates %v times, want 0", members, text, got)
			}
		}
		request := append(encode("SADD queue one"), append(encode("SADD queue 2 three"), append(encode("SPOP queue"), encode("SPOP queue 2")...)...)...)
		if got := testing.AllocsPerRun(50, func() { c.feed(request) }); got != 0 {
			t.Errorf("adding and popping allocates %v times, want 0", got)
		}
	}
}

func TestLargeSetsAreRepliedWhole(t *testing.T) {
	const size = 20_000
	p := newInProcess(t, clock.NewManual(someDay))
	want := map[string]bool{}
	for i := range size {
		want["member:"+strconv.Itoa(i)] = true
	}
	for _, proto := range []uint8{resp.RESP2, resp.RESP3} {
		cl := p.client(proto)
		for _, text := range []string{"SMEMBERS s", "SUNION s", "SINTER s", "SDIFF s nosuch", "SUNION s s", "SRANDMEMBER s 20000", "SPOP s 20000", "SPOP s 50000"} {
			for i := range size {
				cl.do("SADD", "s", "member:"+strconv.Itoa(i))
			}
			lines := strings.Split(cl.do(strings.Fields(text)...), "\r\n")
			if header := strconv.Itoa(size); lines[0][1:] != header {
				t.Fatalf("%s: %q, want %s", text, lines[0], header)
			}
			seen := map[string]bool{}
			for _, line := range lines[1:] {
				if strings.HasPrefix(line, "member:") {
					seen[line] = true
				}
			}
			if !maps.Equal(seen, want) {
				t.Errorf("%s replies with %d members of %d", text, len(seen), size)
			}
			if exists := cl.do("EXISTS", "s"); exists != fmt.Sprintf(":%d\r\n", presence(!strings.HasPrefix(text, "SPOP"))) {
				t.Errorf("after %s, EXISTS is %q", text, exists)
			}
		}
	}
	tx := p.worker.Tx()
	for tx.FreeLazily() {
	}
	if used := p.env.Keyspace.UsedMemory(); used != 0 {
		t.Errorf("%d bytes are left when the set is gone", used)
	}
}

func presence(there bool) int {
	if there {
		return 1
	}
	return 0
}

func TestSScanWhileMembersComeAndGo(t *testing.T) {
	for range 12 {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
		for i := range staying {
			cl.do("SADD", "s", "stays:"+strconv.Itoa(i))
		}
		most := 100 << r.IntN(6)
		count := pick(r, []string{"1", "3", "10", "50"})
		seen := map[string]bool{}
		present := 0
		for cursor := "0"; ; {
			reply := cl.do("SSCAN", "s", cursor, "COUNT", count, "MATCH", "stays:*")
			lines := strings.Split(reply, "\r\n")
			cursor = lines[2]
			for _, line := range lines[3:] {
				seen[line] = true
			}
			if cursor == "0" {
				break
			}
			target := r.IntN(most)
			for ; present < target; present++ {
				cl.do("SADD", "s", "comes:"+strconv.Itoa(present))
			}
			for ; present > target; present-- {
				cl.do("SREM", "s", "comes:"+strconv.Itoa(present-1))
			}
		}
		for i := range staying {
			if name := "stays:" + strconv.Itoa(i); !seen[name] {
				t.Errorf("seed %d: %s was not seen", seed, name)
			}
		}
	}
}

func TestSRandMemberHasALimit(t *testing.T) {
	cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	cl.do("SADD", "s", "a", "b")
	cl.expect([2]string{"SRANDMEMBER s -9223372036854775807", "-ERR value is out of range"})
	cl.expect([2]string{"SRANDMEMBER s -67108865", "-ERR value is out of range"})
}

// TestSortLocksWhatItMakesOut needs the invariants tag to see a look-up without its lock.
func TestSortLocksWhatItMakesOut(t *testing.T) {
	cl := newInProcess(t, clock.NewManual(someDay)).client(resp.RESP2)
	want := ""
	for i := range 50 {
		cl.do("SADD", "s", strconv.Itoa(i))
		cl.do("SET", fmt.Sprintf("weight:%d", i), strconv.Itoa(-i))
		cl.do("HSET", fmt.Sprintf("hash:%d", i), "field", fmt.Sprintf("text-%d", i))
		text := fmt.Sprintf("text-%d", 49-i)
		want += fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	}
	for _, start := range []string{"", "MULTI"} {
		if start != "" {
			cl.do(start)
		}
		cl.do("SORT", "s", "BY", "weight:*", "GET", "hash:*->field", "STORE", "sorted")
		cl.do("SORT", "sorted", "BY", "nosort")
		if start != "" {
			if got := cl.do("EXEC"); got != "*2\r\n:50\r\n*50\r\n"+want {
				t.Errorf("in a transaction: %q", got)
			}
		}
		if got := cl.do("SORT_RO", "s", "BY", "weight:*", "GET", "hash:*->field"); got != "*50\r\n"+want {
			t.Errorf("SORT_RO: %q, want %q", got, want)
		}
	}
}
