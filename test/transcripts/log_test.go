// The append-only log: every transcript is played on redis-server and on Tarn, both of which keep a
// log, and what they have appended must be the same, command by command and word by word. Only what
// chance and time decide may differ: times by a minute, and which member SPOP takes.
//
// Where Tarn goes by Redis 7.2 it keeps more of consumer groups: how far one has read, and consumers
// that got nothing. And it keeps a BITFIELD that did nothing but make the string longer.

package transcripts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

// logged are the directives of a server that keeps a log whose end is on disk with each reply.
var logged = Mode{Name: "log", Directives: []string{"appendonly yes", "appendfsync always", "hz 100"}}

// logMark is a key that no transcript writes.
const logMark = "\x01mark"

func TestLogs(t *testing.T) {
	right, judged := newStage(t, harness.Oracle(t), &logged), newStage(t, harness.Tarn(t), &logged)
	for _, script := range load(t) {
		if script.TarnOnly != "" || script.Later || script.Ends || script.Fresh || len(script.Config) > 0 || rewritesLog(script) {
			continue
		}
		t.Run(script.Name, func(t *testing.T) {
			want, got := right.playLogged(t, script), judged.playLogged(t, script)
			if script.Name == "blocking/swapdb" { // redis-server serves what SWAPDB made ready in any order
				inAnyOrder(want)
				inAnyOrder(got)
			}
			if err := compareLogs(got, want, !waitsOrReads(script)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRandomLogs does the same with a random stream of commands. Then both kinds of server start on
// Tarn's log, and must have the data set that redis-server has.
func TestRandomLogs(t *testing.T) {
	right, judged := harness.Oracle(t).Start(t, logged.Directives...), harness.Tarn(t).Start(t, logged.Directives...)
	g := newRig(t, right, judged)
	g.run(*stepsFlag/4, func(int) {})
	var logs [2][]logEntry
	for i, server := range []*harness.Server{right, judged} {
		entries, err := readLog(server.Dir)
		if err != nil {
			t.Fatalf("%s: %v", server.Program.Name, err)
		}
		logs[i] = slices.DeleteFunc(entries, func(e logEntry) bool { return len(e.args) > 1 && e.args[1] == scratch })
	}
	if err := compareLogs(logs[1], logs[0], true); err != nil {
		t.Errorf("-seed=%d: %v", g.seed, err)
	}
	judged.Stop()
	for _, reader := range []harness.Program{harness.Oracle(t), harness.Tarn(t)} {
		restarted := reader.Start(t, append(logged.Directives, "dir "+harness.Quote(judged.Dir))...)
		again := newRig(t, right, restarted)
		again.reread = true // INCRBYFLOAT is logged as SET, which makes integers of whole numbers
		if err := again.compareKeys(); err != nil {
			t.Errorf("-seed=%d: %s on Tarn's log: %v", g.seed, reader.Name, err)
		}
		restarted.Stop()
	}
}

// TestLogComparisonNotices shows that no difference passes for none.
func TestLogComparisonNotices(t *testing.T) {
	entry := func(db int, line string) logEntry { return logEntry{db: db, args: strings.Fields(line)} }
	want := []logEntry{entry(0, "SET k v"), entry(0, "SREM s a"), entry(1, "PEXPIREAT k 1709208000000")}
	same := []logEntry{entry(0, "SET k v"), entry(0, "SREM s b"), entry(0, "XGROUP CREATECONSUMER s g c"), entry(1, "PEXPIREAT k 1709208000009")}
	if err := compareLogs(same, want, true); err != nil {
		t.Errorf("logs that say the same: %v", err)
	}
	for i, other := range []logEntry{
		entry(0, "set k v"), entry(1, "SET k v"), entry(0, "SET k v x"), entry(1, "SREM s a"), entry(0, "SREM t a"),
		entry(0, "PEXPIREAT k 1709208000000"), entry(1, "PEXPIREAT k 1709209000000"), entry(1, "PEXPIREAT k 5"),
		{db: 0, args: []string{"SET", "k", "v"}, grouped: true},
	} {
		for at := range want {
			changed := slices.Clone(want)
			changed[at] = other
			if compareLogs(changed, want, true) == nil {
				t.Errorf("change %d of command %d goes unnoticed", i, at)
			}
		}
	}
	if compareLogs(want[:2], want, true) == nil || compareLogs(append(slices.Clone(want), want[0]), want, true) == nil {
		t.Error("a log that is shorter or longer goes unnoticed")
	}
}

// waitsOrReads tells whether redis-server's transactions are others: it makes one of all clients that
// a key serves, and of what Tarn keeps more of.
func waitsOrReads(s *Script) bool {
	return strings.HasPrefix(s.Name, "blocking/") || strings.HasPrefix(s.Name, "stream/")
}

func inAnyOrder(log []logEntry) {
	slices.SortStableFunc(log, func(a, b logEntry) int { return slices.Compare(a.args, b.args) })
}

// rewritesLog tells whether a script makes servers begin their logs anew, which they do in their own
// time.
func rewritesLog(s *Script) bool {
	return slices.ContainsFunc(s.Steps, func(step Step) bool {
		return len(step.Args) > 0 && (strings.EqualFold(step.Args[0], "bgrewriteaof") || strings.EqualFold(step.Args[0], "debug"))
	})
}

// playLogged plays a script on the shared server and returns what it has appended to its log.
func (st *stage) playLogged(t *testing.T, script *Script) []logEntry {
	t.Helper()
	if err := st.play(t, script, func(*Step, []string) {}); err != nil {
		t.Fatalf("%s: %v", st.program.Name, err)
	}
	control := st.shared.Dial(t)
	defer control.Close()
	control.Must(t, "SET", logMark, script.Name)
	entries, err := readLog(st.shared.Dir)
	if err != nil {
		t.Fatalf("%s: %v", st.program.Name, err)
	}
	isMark := func(e logEntry) bool { return len(e.args) > 1 && e.args[1] == logMark }
	if len(entries) == 0 || !isMark(entries[len(entries)-1]) {
		t.Fatalf("%s: the log does not end with the last command:\n\t%s", st.program.Name, around(entries, len(entries)-1))
	}
	entries = entries[:len(entries)-1]
	for i, e := range slices.Backward(entries) {
		if isMark(e) {
			return entries[i+1:]
		}
	}
	return entries
}

// logEntry is a command of a log.
type logEntry struct {
	db      int
	args    []string
	grouped bool // between MULTI and EXEC
	first   bool // behind MULTI
}

// readLog returns the commands in the increments of the log of a server.
func readLog(dir string) (entries []logEntry, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	slices.SortFunc(paths, func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) })
	for _, path := range paths {
		text, readErr := os.ReadFile(path)
		if readErr != nil {
			return nil, readErr
		}
		db, grouped, first := 0, false, false
		for rest := string(text); rest != ""; {
			var args []string
			if args, rest, err = cutCommand(rest); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			switch args[0] {
			case "SELECT":
				db, err = strconv.Atoi(args[1])
			case "MULTI", "EXEC":
				grouped = args[0] == "MULTI"
				first = grouped
			default:
				entries = append(entries, logEntry{db, args, grouped, first})
				first = false
			}
		}
	}
	return entries, err
}

// cutCommand cuts the first command off a log.
func cutCommand(text string) (args []string, rest string, err error) {
	count, rest, ok := strings.Cut(text, "\r\n")
	n, err := strconv.Atoi(strings.TrimPrefix(count, "*"))
	if !ok || err != nil || n < 1 {
		return nil, "", fmt.Errorf("no command: %.100q", text)
	}
	for range n {
		var size string
		size, rest, _ = strings.Cut(rest, "\r\n")
		length, err := strconv.Atoi(strings.TrimPrefix(size, "$"))
		if err != nil || len(rest) < length+2 {
			return nil, "", fmt.Errorf("no argument in %.100q", text)
		}
		args = append(args, rest[:length])
		rest = rest[length+2:]
	}
	return args, rest, nil
}

// compareLogs returns where a log is not what it should be; grouped: transactions matter.
func compareLogs(got, want []logEntry, grouped bool) error {
	at := 0
	for i, w := range want {
		for at < len(got) && !got[at].matches(w) && got[at].isExtra() {
			at++
		}
		if at == len(got) || !got[at].matches(w) || grouped && (got[at].grouped != w.grouped || got[at].first != w.first) {
			return fmt.Errorf("command %d of the log:\ngot:\n\t%s\nwant:\n\t%s", i, around(got, at), around(want, i))
		}
		at++
	}
	for _, g := range got[at:] {
		if !g.isExtra() {
			return fmt.Errorf("more than redis-server logs: %q", g.args)
		}
	}
	return nil
}

// around shows some commands of a log.
func around(log []logEntry, at int) string {
	var lines []string
	for _, e := range log[min(len(log), max(at-2, 0)):min(len(log), at+4)] {
		lines = append(lines, fmt.Sprintf("%d %t %.300q", e.db, e.grouped, e.args))
	}
	return strings.Join(lines, "\n\t")
}

// isExtra tells whether a command is one that Redis 7.0 does not log: a BITFIELD that failed may have made
// the string longer.
func (e logEntry) isExtra() bool {
	return strings.EqualFold(e.args[0], "BITFIELD") || e.args[0] == "XGROUP" && (e.args[1] == "SETID" && len(e.args) == 7 || e.args[1] == "CREATECONSUMER")
}

// matches tells whether a command is the wanted one.
func (e logEntry) matches(want logEntry) bool {
	if e.db != want.db || len(e.args) != len(want.args) {
		return false
	}
	for i, arg := range e.args {
		picked := i == 2 && want.args[0] == "SREM" && e.args[0] == "SREM" && len(e.args) == 3
		packed := i == 3 && want.args[0] == "RESTORE" && strings.HasPrefix(arg, "\x00\xc3") // compressors choose
		if !packed && arg != want.args[i] && !nearTimes(arg, want.args[i]) && !picked {
			return false
		}
	}
	return true
}

// nearTimes tells whether two words are Unix times in ms, or IDs made of such, a minute apart at most.
func nearTimes(a, b string) bool {
	const aMinute, old = 60_000, 1_000_000_000_000
	a, aTail, _ := strings.Cut(a, "-")
	b, bTail, _ := strings.Cut(b, "-")
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	return errX == nil && errY == nil && x > old && y > old && x-y < aMinute && y-x < aMinute && (aTail == "") == (bTail == "")
}
