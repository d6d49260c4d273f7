// Random commands on lists, for the differential test. Those that would block are left out, and so
// are the least of all integers, which 7.0 takes for a count or a rank and 7.2 does not.

package transcripts

import (
	"slices"
	"strconv"
)

func (g *generator) lists(int) call {
	c := g.list()
	if least := "-9223372036854775808"; c.args[0] == "LREM" || c.args[0] == "LPOS" {
		for i := range c.args {
			if c.args[i] == least {
				c.args[i] = "-1"
			}
		}
	}
	return c
}

func (g *generator) list() call {
	key := func() string {
		if g.oneIn(10) {
			return g.key()
		}
		return "list:" + strconv.Itoa(g.r.IntN(4))
	}
	side := func() string { return pick(g.r, "LEFT", "RIGHT", "left", "right", "LEFT", "nosuch") }
	values := func() (values []string) {
		for range 1 + g.r.IntN(5) {
			values = append(values, g.value())
		}
		return values
	}
	element := func() string { return pick(g.r, "v", "hello", "0", "1", "-1", g.value()) }
	switch g.r.IntN(14) {
	case 0, 1, 2:
		return call{args: append([]string{pick(g.r, "LPUSH", "RPUSH", "RPUSH", "LPUSHX", "RPUSHX"), key()}, values()...)}
	case 3:
		return call{args: append([]string{pick(g.r, "LPOP", "RPOP"), key()}, pick(g.r, nil, nil, []string{g.integer()})...)}
	case 4:
		return call{args: []string{pick(g.r, "LLEN", "TYPE"), key()}}
	case 5:
		return call{args: []string{"LINDEX", key(), g.integer()}}
	case 6:
		return call{args: []string{"LSET", key(), g.integer(), g.value()}}
	case 7:
		return call{args: []string{"LINSERT", key(), pick(g.r, "BEFORE", "AFTER", "after", "nosuch"), element(), g.value()}}
	case 8:
		return call{args: []string{"LRANGE", key(), g.integer(), g.integer()}}
	case 9:
		return call{args: []string{"LREM", key(), g.integer(), element()}}
	case 10:
		if g.oneIn(3) {
			return call{args: []string{"LTRIM", key(), g.integer(), g.integer()}}
		}
		return call{args: []string{"LTRIM", key(), strconv.Itoa(g.r.IntN(3)), strconv.Itoa(-g.r.IntN(3))}}
	case 11:
		options := g.some([]string{"RANK", g.integer()}, []string{"COUNT", g.integer()}, []string{"MAXLEN", g.integer()})
		return call{args: append([]string{"LPOS", key(), element()}, options...)}
	case 12:
		if g.oneIn(2) {
			return call{args: []string{"RPOPLPUSH", key(), key()}}
		}
		return call{args: []string{"LMOVE", key(), key(), side(), side()}}
	}
	keys := []string{key(), key()}
	args := slices.Concat([]string{"LMPOP", pick(g.r, "1", "2", "2", "2", "3", "0")}, keys, []string{side()})
	return call{args: append(args, g.some([]string{"COUNT", g.integer()})...)}
}
