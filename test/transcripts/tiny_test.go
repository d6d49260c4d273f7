// The mode in which collections leave their small shapes at once. What clients are told of the shape
// itself is not compared, and what has no order is compared without one.

package transcripts

import (
	"slices"
	"strings"
)

// shapeCommands tell of the shape, or walk it.
var shapeCommands = []string{"object", "memory", "debug", "dump", "restore", "hscan", "sscan", "zscan", "hrandfield", "srandmember", "zrandmember", "spop", "pfdebug", "info", "strlen", "get", "xinfo"}

// unorderedCommands reply with members in the order of the shape.
var unorderedCommands = []string{"hgetall", "hkeys", "hvals", "smembers", "sinter", "sunion", "sdiff", "sort", "sort_ro", "exec"}

func (m *Mode) excuses(s *Step) bool {
	return m.Tiny && len(s.Args) > 0 && slices.Contains(shapeCommands, strings.ToLower(s.Args[0]))
}

func (m *Mode) disorders(s *Step) bool {
	return m.Tiny && len(s.Args) > 0 && slices.Contains(unorderedCommands, strings.ToLower(s.Args[0]))
}

// sameLines tells whether two replies have the same lines in some order.
func sameLines(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
