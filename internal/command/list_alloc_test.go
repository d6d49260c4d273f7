// Shown here: commands on lists make no garbage, from the request's bytes to the reply's, whether the
// list is a listpack or many leaves, compressed ones too; and what they cost.

package command_test

import (
	"fmt"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
)

// frugalLists are commands that allocate nothing, l standing for the list; each line leaves its
// length as it is.
var frugalLists = []string{
	"RPUSH l element; LPOP l", "LPUSH l element; RPOP l", "LPUSH l 1 22 333; LPOP l 3", "RPUSHX l 12345; RPOP l",
	"RPOPLPUSH l l", "LMOVE l l LEFT RIGHT", "RPUSH other x; LMOVE l other LEFT LEFT; LMOVE other l LEFT LEFT; DEL other",
	"LINDEX l 20", "LINDEX l -20", "LSET l 20 element-of-another-length; LSET l 20 element:20", "LRANGE l 10 49", "LLEN l",
	"LPOS l element:30", "LPOS l element:30 RANK -1", "LPOS l absent COUNT 0",
	"LINSERT l BEFORE element:30 new; LREM l 1 new", "LINSERT l AFTER element:30 new; LREM l -1 new",
	"RPUSH l last; LTRIM l 0 -2", "LMPOP 1 l LEFT; LPUSH l element:0", "BLPOP l 0; LPUSH l element:0",
	"RPUSH fresh a b c; LPOP fresh 3", "LINDEX l 5000", "LRANGE l 4000 6000", "LINSERT l BEFORE element:5000 new; LREM l 1 new",
}

// listServer holds a list that is a listpack and two of many leaves, and compresses if the name of the
// last of them is given.
func listServer(tb testing.TB, list string) *client {
	p := newInProcess(tb, clock.NewManual(someDay))
	if list == "squeezed" {
		limits := *p.env.Keyspace.Limits()
		limits.ListCompressDepth = 1
		p.env.Keyspace.SetLimits(&limits)
	}
	c := p.client(resp.RESP2)
	for key, length := range map[string]int{"small": 50, "large": 10_000, "squeezed": 10_000} {
		for i := range length {
			c.do("RPUSH", key, fmt.Sprintf("element:%d", i))
		}
	}
	return c
}

// listRequests returns what a line sends, about a list.
func listRequests(line, list string) (requests []byte) {
	for command := range strings.SplitSeq(line, "; ") {
		words := strings.Fields(command)
		for i := range words {
			if words[i] == "l" {
				words[i] = list
			}
		}
		requests = append(requests, encode(strings.Join(words, " "))...)
	}
	return requests
}

func TestListsAllocateNothing(t *testing.T) {
	for _, list := range []string{"small", "large", "squeezed"} {
		if list == "squeezed" && underRace { // its leaves are read in buffers of a pool, which the race detector empties
			continue
		}
		c := listServer(t, list)
		for _, line := range frugalLists {
			requests := listRequests(line, list)
			for range 3 {
				if replies := string(c.feed(requests)); replies[0] == '-' || strings.Contains(replies, "\r\n-") {
					t.Errorf("%s, %s: %q", line, list, replies)
				}
			}
			if got := testing.AllocsPerRun(100, func() { c.feed(requests) }); got != 0 {
				t.Errorf("%s, %s allocates %v times, want 0", line, list, got)
			}
		}
	}
}

func BenchmarkLists(b *testing.B) {
	for _, list := range []string{"small", "large", "squeezed"} {
		for _, line := range frugalLists {
			b.Run(fmt.Sprintf("list=%s/commands=%s", list, strings.ReplaceAll(line, " ", "_")), func(b *testing.B) {
				c := listServer(b, list)
				requests := listRequests(line, list)
				b.ReportAllocs()
				for b.Loop() {
					c.feed(requests)
				}
			})
		}
	}
}
