// Shown here: values of many blocks that lose their key, in whatever way and whatever the lazyfree-*
// directives say, wait to be freed; INFO's figures count each once, when it waits and when it is
// freed; and no memory is left behind.

package command_test

import (
	"strconv"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// largeValues make one value of each type that has a large shape.
var largeValues = [][]string{
	{"SADD", "k", "%i"}, {"HSET", "k", "%i", "v"}, {"ZADD", "k", "1", "%i"}, {"RPUSH", "k", "%i"}, {"XADD", "k", "*", "f", "%i"},
}

// lazyState returns how many values wait to be freed and how many were, in all; with free, it frees
// them before it looks.
func (p *inProcess) lazyState(free bool) (pending, freed int64) {
	tx := p.env.Keyspace.NewTx()
	defer p.env.Keyspace.CloseTx(tx)
	for free && tx.FreeLazily() {
	}
	tx.LockAll()
	defer tx.Unlock()
	var s keyspace.Stats
	p.env.Keyspace.Sum(&s)
	return tx.LazyPending(), s.LazyFreed.Load()
}

func TestLargeValuesAreFreedInTheBackground(t *testing.T) {
	ways := map[string]func(c *client, now *clock.Manual){
		"DEL":    func(c *client, _ *clock.Manual) { c.do("DEL", "k") },
		"UNLINK": func(c *client, _ *clock.Manual) { c.do("UNLINK", "k") },
		"SET":    func(c *client, _ *clock.Manual) { c.do("SET", "k", "v") },
		"RENAME": func(c *client, _ *clock.Manual) { c.do("SET", "other", "v"); c.do("RENAME", "other", "k") },
		"expiry": func(c *client, now *clock.Manual) {
			c.do("PEXPIRE", "k", "1")
			now.Advance(time.Second)
			c.do("EXISTS", "k")
		},
		"FLUSHALL":               func(c *client, _ *clock.Manual) { c.do("FLUSHALL") },
		"SINTERSTORE of nothing": func(c *client, _ *clock.Manual) { c.do("SINTERSTORE", "k", "none") },
	}
	for way, lose := range ways {
		for _, fill := range largeValues {
			for _, lazily := range []bool{false, true} {
				now := clock.NewManual(someDay)
				p := newInProcess(t, now)
				p.env.Saver = &noSaver{env: p.env}
				p.env.Config.Update(func(c *config.Config) {
					c.LazyfreeLazyExpire, c.LazyfreeLazyServerDel, c.LazyfreeLazyUserDel = lazily, lazily, lazily
				})
				c := p.client(resp.RESP2)
				for i := range 2000 {
					args := append([]string(nil), fill...)
					for at := range args {
						if args[at] == "%i" {
							args[at] = "element number " + strconv.Itoa(i)
						}
					}
					c.do(args...)
				}
				lose(c, now)
				context := way + " of " + fill[0] + ", lazily " + strconv.FormatBool(lazily)
				if pending, freed := p.lazyState(false); pending != 1 || freed != 0 {
					t.Errorf("%s: %d values wait and %d were freed, want 1 and 0", context, pending, freed)
				}
				if pending, freed := p.lazyState(true); pending != 0 || freed != 1 {
					t.Errorf("%s, and freeing: %d values wait and %d were freed, want 0 and 1", context, pending, freed)
				}
				c.do("SET", "k", "v")
				checkMemory(t, p, context, map[string]bool{}, 0)
			}
		}
	}
}

// TestFlushedValuesAreCountedOnce has a flushed database hold small values and large ones.
func TestFlushedValuesAreCountedOnce(t *testing.T) {
	p := newInProcess(t, clock.NewManual(someDay))
	p.env.Saver = &noSaver{env: p.env}
	c := p.client(resp.RESP2)
	const small, large = 500, 3
	for i := range small {
		c.do("SET", "small:"+strconv.Itoa(i), "v")
	}
	for i := range large {
		for j := range 1000 {
			c.do("SADD", "large:"+strconv.Itoa(i), "member "+strconv.Itoa(j))
		}
	}
	c.do("FLUSHALL", "ASYNC")
	if pending, freed := p.lazyState(false); pending != small+large || freed != 0 {
		t.Errorf("%d values wait and %d were freed, want %d and 0", pending, freed, small+large)
	}
	if pending, freed := p.lazyState(true); pending != 0 || freed != small+large {
		t.Errorf("after freeing: %d values wait and %d were freed, want 0 and %d", pending, freed, small+large)
	}
}
