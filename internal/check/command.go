// Commands: would a server run what a log holds? And which one does a person mean?

package check

import (
	"bytes"

	"tarn/internal/command"
	"tarn/internal/glob"
	"tarn/internal/rdb"
	"tarn/internal/resp"
)

// Looking is how closely the commands of a log are looked at.
type Looking uint8

const (
	// Nothing of them is looked at, as redis-check-aof does.
	Nothing Looking = iota
	// Commands are looked at: that they exist, have as many arguments as they need, and that
	// values within them decode.
	Commands
)

// shownProblems is how many commands are named that a server would not load.
const shownProblems = 20

// lookup is what looking at commands takes.
type lookup struct {
	table *command.Table
	place *scratch
}

func (l *lookup) close() {
	if l.place != nil {
		_ = l.place.close() // memory of this process, which is about to end
	}
}

// look says what is wrong with a command, if it is looked at.
func (w *walk) look(offset int64, args [][]byte) {
	if w.c.o.Look == Nothing {
		return
	}
	l := &w.c.table
	if l.table == nil {
		l.table = command.NewTable()
	}
	if wrong := l.wrong(args); wrong != "" {
		if w.problems++; w.problems <= shownProblems {
			w.c.t.say("0x%16x: %s: %s\n", offset, wrong, shownCommand(args))
		}
	}
}

// wrong returns what is wrong with a command, or "".
func (l *lookup) wrong(args [][]byte) string {
	spec, _ := l.table.Find(args)
	switch {
	case spec == nil:
		return "unknown command"
	case spec.Run == nil:
		return "a command that this version does not run"
	case !spec.Accepts(len(args)):
		return "wrong number of arguments"
	case spec.FullName == "restore" || spec.FullName == "restore-asking":
		return l.wrongPayload(args[3])
	}
	return ""
}

// wrongPayload returns what is wrong with a value as DUMP gives it.
func (l *lookup) wrongPayload(payload []byte) string {
	v, err := rdb.ParseDump(payload, true)
	if err == nil && l.place == nil {
		l.place, err = newScratch()
	}
	if err == nil {
		err = l.place.hold(v)
	}
	if err != nil {
		return "a value that does not decode: " + err.Error()
	}
	return ""
}

// Match is a pattern of a command: its name, then patterns of its first arguments.
type Match struct {
	text  string
	words [][]byte
}

// ParseMatch reads a pattern as a person types it: words, quoted where they have blanks. ok is false
// when a quote is not closed, or there is no word.
func ParseMatch(text string) (m *Match, ok bool) {
	words, ok := resp.SplitArgs([]byte(text))
	if !ok || len(words) == 0 {
		return nil, false
	}
	return &Match{text, words}, true
}

// String returns the pattern as it was given.
func (m *Match) String() string { return m.text }

// fits tells whether a command's name is that of m, in any case, and its first arguments are as m says.
func (m *Match) fits(args [][]byte) bool {
	if len(args) < len(m.words) || !bytes.EqualFold(args[0], m.words[0]) {
		return false
	}
	for i, pattern := range m.words[1:] {
		if !glob.Match(pattern, args[i+1], false) {
			return false
		}
	}
	return true
}
