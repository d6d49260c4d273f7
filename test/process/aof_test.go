// The append-only log as a folder that another server wrote, or that something happened to: both
// servers read it, decide about it and say so alike. What Tarn writes, redis-server and its
// redis-check-aof read, and the reverse.

package process

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tarn/test/harness"
)

const (
	logFolder   = "appendonlydir"
	manifestOf  = logFolder + "/appendonly.aof.manifest"
	firstIncr   = logFolder + "/appendonly.aof.1.incr.aof"
	secondIncr  = logFolder + "/appendonly.aof.2.incr.aof"
	firstBase   = logFolder + "/appendonly.aof.1.base.aof"
	oneIncr     = "file appendonly.aof.1.incr.aof seq 1 type i\n"
	twoIncrs    = oneIncr + "file appendonly.aof.2.incr.aof seq 2 type i\n"
	baseAndIncr = "file appendonly.aof.1.base.aof seq 1 type b\n" + oneIncr
)

// respOf returns commands as a log holds them.
func respOf(commands ...string) string {
	var b []byte
	for _, c := range commands {
		b = harness.AppendCommand(b, strings.Fields(c)...)
	}
	return string(b)
}

// brokenLogs are folders, by what they hold.
var brokenLogs = []struct {
	name  string
	files map[string]string
	args  []string
}{ // see apart for where Tarn is to differ
	{"nothing", nil, nil},
	{"an empty folder", map[string]string{logFolder + "/": ""}, nil},
	{"one increment", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1", "incr a")}, nil},
	{"base and increment", map[string]string{manifestOf: baseAndIncr, firstBase: respOf("set a 1"), firstIncr: respOf("incr a")}, nil},
	{"empty files", map[string]string{manifestOf: baseAndIncr, firstBase: "", firstIncr: ""}, nil},
	{"empty base", map[string]string{manifestOf: baseAndIncr, firstBase: "", firstIncr: respOf("incr a")}, nil},
	{"files that no manifest names", map[string]string{firstBase: respOf("set a 1"), firstIncr: respOf("incr a")}, nil},
	{"a new increment where one lies", map[string]string{manifestOf: "file appendonly.aof.1.base.aof seq 1 type b\n", firstBase: respOf("set a 1")}, nil},
	{"old file", map[string]string{"appendonly.aof": respOf("set a 1", "select 3", "set b 2")}, nil},
	{"old file, cut off", map[string]string{"appendonly.aof": respOf("set a 1") + "*3\r\n$3\r\nset\r\n$1\r\n"}, nil},
	{"old file beside a log", map[string]string{"appendonly.aof": respOf("set old 1"), manifestOf: oneIncr, firstIncr: respOf("set a 1")}, nil},
	{"old file beside a folder", map[string]string{"appendonly.aof": respOf("set old 1"), firstIncr: respOf("set a 1")}, nil},
	{"old file, upgrade interrupted", map[string]string{"appendonly.aof": respOf("set old 1"), manifestOf: "file appendonly.aof seq 1 type b\n"}, nil},
	{"old file, upgraded before", map[string]string{logFolder + "/appendonly.aof": respOf("set old 1"), manifestOf: "file appendonly.aof seq 1 type b\n" + oneIncr, firstIncr: respOf("set b 1")}, nil},
	{"cut off amid a command", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1", "set b 2") + "*3\r\n$3\r\nset\r\n$1\r\nc\r\n$3\r\n12"}, nil},
	{"cut off, not to be loaded", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1") + "*3\r\n$3\r\nse"}, []string{"--aof-load-truncated", "no"}},
	{"cut off at nothing", map[string]string{manifestOf: oneIncr, firstIncr: "*3\r\n$3\r\nse"}, nil},
	{"cut off, not the last", map[string]string{manifestOf: twoIncrs, firstIncr: respOf("set a 1") + "*3\r\n", secondIncr: respOf("set b 2")}, nil},
	{"cut off, base", map[string]string{manifestOf: baseAndIncr, firstBase: respOf("set a 1") + "*3\r\n", firstIncr: respOf("set b 2")}, nil},
	{"transaction without end", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1", "multi", "set b 2")}, nil},
	{"transaction", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1", "multi", "set b 2", "exec", "set c 3")}, nil},
	{"garbage at the start", map[string]string{manifestOf: oneIncr, firstIncr: "garbage\r\n" + respOf("set a 1")}, nil},
	{"garbage amid", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1") + "!!!\r\n" + respOf("set b 1")}, nil},
	{"garbage for a length", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1") + "*2\r\n!1\r\n" + respOf("set b 1")}, nil},
	{"no arguments", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1") + "*0\r\n"}, nil},
	{"unknown command", map[string]string{manifestOf: oneIncr, firstIncr: respOf("set a 1", "bla x y", "set b 1")}, nil},
	{"notes", map[string]string{manifestOf: oneIncr, firstIncr: "#TS:1628217473\r\n" + respOf("set a 1") + "#a note\r\n" + respOf("incr a")}, nil},
	{"increment missing", map[string]string{manifestOf: twoIncrs, firstIncr: respOf("set a 1")}, nil},
	{"base missing", map[string]string{manifestOf: baseAndIncr, firstIncr: respOf("set a 1")}, nil},
	{"base of no known format", map[string]string{manifestOf: baseAndIncr, firstBase: "REDIS0009 and no more", firstIncr: respOf("set a 1")}, nil},
	{"manifest: empty", map[string]string{manifestOf: ""}, nil},
	{"manifest: two bases", map[string]string{manifestOf: baseAndIncr + "file x seq 2 type b\n"}, nil},
	{"manifest: falling numbers", map[string]string{manifestOf: "file a seq 2 type i\nfile b seq 1 type i\n"}, nil},
	{"manifest: unknown type", map[string]string{manifestOf: "file a seq 1 type x\n"}, nil},
	{"manifest: no format", map[string]string{manifestOf: "file a seq\n"}, nil},
	{"manifest: no number", map[string]string{manifestOf: "file a seq b type i\n"}, nil},
	{"manifest: a path", map[string]string{manifestOf: "file a/b seq 1 type i\n"}, nil},
	{"manifest: blank line", map[string]string{manifestOf: oneIncr + "\n"}, nil},
	{"manifest: a long line", map[string]string{manifestOf: "# " + strings.Repeat("x", 2000) + "\n" + oneIncr}, nil},
	{"manifest: remarks", map[string]string{manifestOf: "# a remark\n" + oneIncr, firstIncr: respOf("set a 1")}, nil},
	{"manifest: history", map[string]string{manifestOf: "file appendonly.aof.1.base.aof seq 1 type h\n" + twoIncrs, firstBase: "old", firstIncr: respOf("set a 1"), secondIncr: respOf("incr a")}, nil},
	{"manifest: history to be kept", map[string]string{manifestOf: "file appendonly.aof.1.base.aof seq 1 type h\n" + twoIncrs, firstBase: "old", firstIncr: respOf("set a 1"), secondIncr: respOf("incr a")}, []string{"--aof-disable-auto-gc", "yes"}},
	{"other names", map[string]string{"a dir/my log.manifest": "file \"my log.1.incr.aof\" seq 1 type i\n", "a dir/my log.1.incr.aof": respOf("set a 1")}, []string{"--appenddirname", "a dir", "--appendfilename", "my log"}},
}

// apart are folders of which the servers make different ones, or say it differently, and why.
var apart = map[string]string{
	"files that no manifest names": "redis-server goes on writing into an increment that it has not loaded; Tarn puts it aside",
	"old file beside a folder":     "the same",
	"base of no known format":      "redis-server then prints what redis-check-rdb would",
}

// outcome is what a server makes of a folder.
type outcome struct {
	code  string // of its end, or "serves"
	log   []string
	files map[string]string
	keys  []string
}

var (
	logPrefix = regexp.MustCompile(`^\d+:[A-Z] \d+ \w+ \d{4} [\d:.]+ [.\-*#] `)
	logTopic  = regexp.MustCompile(`(?i)aof|append|manifest|truncat|DB loaded|>>>|MULTI|Fatal`)
	logExtra  = regexp.MustCompile(`^(Dropped from |What is cut off )|: (offset|rdb: offset|command) |^Warning: |Loading RDB|RDB is base`)
	logNumber = regexp.MustCompile(`\d+\.\d+ seconds`)
)

// outcomeOf lets a server start in a folder.
func outcomeOf(t *testing.T, p program, files map[string]string, args []string) outcome {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		mkdir(t, dir, filepath.Dir(name+"x"))
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	port := harness.Port(t)
	s := p.launch(t, dir, append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "yes"}, args...)...)
	s.port = port
	o := outcome{files: map[string]string{}}
	if s.readyOrEnded() {
		o.code = "serves"
		c := s.dial()
		for db := range 4 {
			c.Must(t, "SELECT", strconv.Itoa(db))
			for _, k := range c.Must(t, "KEYS", "*").Elem {
				o.keys = append(o.keys, fmt.Sprintf("%d/%s=%s", db, k.Text, c.Must(t, "GET", k.Text).Text))
			}
		}
		slices.Sort(o.keys)
		s.signal(syscall.SIGKILL)
		s.wait()
	} else {
		o.code = strconv.Itoa(s.code())
	}
	for line := range strings.Lines(s.log()) {
		line = strings.TrimSpace(logPrefix.ReplaceAllString(line, ""))
		if logTopic.MatchString(line) && !logExtra.MatchString(line) {
			o.log = append(o.log, logNumber.ReplaceAllString(line, "N seconds"))
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		if strings.HasSuffix(name, ".rdb") {
			b = b[:min(len(b), 5)]
		}
		o.files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// readyOrEnded waits until a server serves, or has ended.
func (s *process) readyOrEnded() bool {
	s.t.Helper()
	serves := false
	await(s.t, "it serves or has ended", func() bool {
		select {
		case <-s.ended:
			return true
		default:
		}
		serves = strings.Contains(s.log(), "Ready to accept connections")
		return serves
	})
	return serves
}

func TestBrokenLogs(t *testing.T) {
	redis, ours := oracle(t), tarn(t)
	for _, tc := range brokenLogs {
		t.Run(tc.name, func(t *testing.T) {
			want := outcomeOf(t, redis, tc.files, tc.args)
			got := outcomeOf(t, ours, tc.files, tc.args)
			if got.code != want.code {
				t.Errorf("exit code %s, want %s", got.code, want.code)
			}
			if !slices.Equal(got.keys, want.keys) {
				t.Errorf("it holds %q, want %q", got.keys, want.keys)
			}
			if apart[tc.name] != "" {
				return
			}
			if !slices.Equal(got.log, want.log) {
				t.Errorf("it says\n  %s\nwant\n  %s", strings.Join(got.log, "\n  "), strings.Join(want.log, "\n  "))
			}
			if !maps.Equal(got.files, want.files) {
				t.Errorf("the folder then holds\n  %q\nwant\n  %q", got.files, want.files)
			}
		})
	}
}

// fill makes values of all types and shapes, small and large, in two databases.
func fill(t *testing.T, c *harness.Conn) {
	t.Helper()
	for db := range 2 {
		c.Must(t, "SELECT", strconv.Itoa(db))
		for i := range 300 {
			n := strconv.Itoa(i)
			c.Must(t, "RPUSH", "list", strings.Repeat("e", i)+n)
			c.Must(t, "SADD", "set", "m"+n)
			c.Must(t, "SADD", "ints", n)
			c.Must(t, "ZADD", "zset", strconv.FormatFloat(float64(i)/4, 'g', -1, 64), "m"+n)
			c.Must(t, "HSET", "hash", "f"+n, strings.Repeat("v", i))
			c.Must(t, "XADD", "stream", n+"-1", "f", n, "g", "x")
		}
		for _, cmd := range []string{
			"SET int 12", "SET text hello", "SET end x PXAT 99999999999999", "RPUSH l 1 b -3", "SADD s a b", "SADD si 1 2",
			"ZADD z 1 a 1.5 b inf c -inf d", "HSET h a 1 b 2", "XDEL stream 5-1", "XGROUP CREATE stream g 0", "XGROUP CREATECONSUMER stream g idle",
			"XREADGROUP GROUP g c COUNT 70 STREAMS stream >", "XACK stream g 3-1", "XADD empty 7-7 a b", "XDEL empty 7-7", "SETBIT bits 7 1",
		} {
			c.Must(t, strings.Fields(cmd)...)
		}
	}
}

// look returns what a server holds, in the words of both.
func look(t *testing.T, c *harness.Conn) (all []string) {
	t.Helper()
	for db := range 2 {
		c.Must(t, "SELECT", strconv.Itoa(db))
		for _, cmd := range []string{
			"DBSIZE", "GET int", "GET text", "PEXPIRETIME end", "LRANGE list 0 -1", "LRANGE l 0 -1", "SORT set ALPHA", "SORT ints", "SORT s ALPHA", "SMEMBERS si",
			"ZRANGE zset 0 -1 WITHSCORES", "ZRANGE z 0 -1 WITHSCORES", "HGETALL h", "HLEN hash", "HGET hash f77", "XRANGE stream - +", "XLEN empty",
			"XPENDING stream g - + 1000", "XINFO STREAM stream", "XINFO STREAM empty", "XINFO GROUPS stream", "GETBIT bits 7",
		} {
			v := c.Must(t, strings.Fields(cmd)...)
			text := v.String()
			if strings.HasPrefix(cmd, "XPENDING") || strings.HasPrefix(cmd, "XINFO STREAM") { // idle times, shapes of trees
				text = ""
				for i, e := range v.Elem {
					if len(e.Elem) > 3 {
						text += fmt.Sprint(e.Elem[0].Text, e.Elem[1].Text, e.Elem[3].String(), ";")
					} else if i < 4 || i > 5 {
						text += e.String() + ";"
					}
				}
				text = regexp.MustCompile(`radix-tree-\w+;\d*;?`).ReplaceAllString(text, "")
			}
			all = append(all, fmt.Sprintf("%d %s: %s", db, cmd, text))
		}
	}
	return all
}

// TestLogsAreExchanged has each server write a log, with a base in each format and increments after
// it, and the other start from it.
func TestLogsAreExchanged(t *testing.T) {
	check := harness.LookPath(t, "redis-check-aof")
	redis, ours := oracle(t), tarn(t)
	for _, way := range [][2]program{{ours, redis}, {redis, ours}, {ours, ours}} {
		for _, format := range []string{"yes", "no"} {
			t.Run(way[0].name+" to "+way[1].name+", preamble "+format, func(t *testing.T) {
				dir := t.TempDir()
				args := []string{"--save", "", "--appendonly", "yes", "--aof-use-rdb-preamble", format, "--aof-timestamp-enabled", format}
				s := way[0].serveIn(t, dir, args...)
				c := s.dial()
				fill(t, c)
				c.Must(t, "BGREWRITEAOF")
				c.Must(t, "INCR", "int")
				await(t, "the rewrite has ended", func() bool {
					info := c.Must(t, "INFO", "persistence").Text
					return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
				})
				for _, cmd := range []string{"INCR int", "LPOP list", "MULTI", "SET text bye", "DEL h", "EXEC", "SELECT 0", "SREM set m7", "ZREM zset m9"} {
					c.Must(t, strings.Fields(cmd)...)
				}
				want := look(t, c)
				s.signal(syscall.SIGTERM)
				s.wait()
				if out, err := exec.Command(check, filepath.Join(dir, manifestOf)).CombinedOutput(); err != nil {
					t.Errorf("redis-check-aof: %v\n%s", err, out)
				}
				again := way[1].serveIn(t, dir, args...)
				got := look(t, again.dial())
				for i := range want {
					if got[i] != want[i] {
						t.Errorf("%.600s\nwant\n%.600s", got[i], want[i])
					}
				}
				again.signal(syscall.SIGTERM)
				again.wait()
			})
		}
	}
}

// TestBasesOfCommands compares, byte for byte, the bases that both servers write as commands, of data
// whose order both keep.
func TestBasesOfCommands(t *testing.T) {
	many := func(command string, count int, element func(i int) string) string {
		for i := range count {
			command += " " + element(i)
		}
		return command
	}
	scripts := [][]string{
		{"SET k v", "PEXPIREAT k 99999999999999"},
		{"SET k 12345", "SELECT 3", "SET other -7"},
		{many("RPUSH k", 200, func(i int) string { return "e" + strconv.Itoa(i) })},
		{many("RPUSH k", 64, strconv.Itoa)},
		{"RPUSH k " + strings.Repeat("long", 5000) + " 1 -2 x"},
		{many("SADD k", 130, strconv.Itoa)},
		{many("ZADD k", 100, func(i int) string { return strconv.FormatFloat(float64(i*i)/7, 'g', -1, 64) + " m" + strconv.Itoa(i) })},
		{"ZADD k inf a -inf b 1e300 c -0.1 d 3 e 1e-7 f"},
		{many("HSET k", 65, func(i int) string { return "f" + strconv.Itoa(i) + " " + strconv.Itoa(i) })},
		{many("XADD k 1-1", 5, func(i int) string { return "f" + strconv.Itoa(i) + " v" }), "XADD k 1-2 f0 v", "XADD k 5-0 a b", "XDEL k 1-2"},
		{"XADD k 1-1 a b", "XDEL k 1-1"},
		{"XADD k 1-1 a b", "XADD k 2-1 a b", "XGROUP CREATE k g 0", "XGROUP CREATE k h 2-1", "XGROUP CREATECONSUMER k g c", "XCLAIM k g d 0 1-1 TIME 1600000000000 RETRYCOUNT 7 FORCE JUSTID"},
	}
	var bases [2][]string
	for i, p := range []program{oracle(t), tarn(t)} {
		dir := t.TempDir()
		settings := []string{"--save", "", "--aof-use-rdb-preamble", "no"}
		if p.tarn { // databases come in order within a shard
			settings = append(settings, "--keyspace-shards", "1")
		}
		s := p.serveIn(t, dir, settings...)
		c := s.dial()
		for n, script := range scripts {
			c.Must(t, "FLUSHALL")
			c.Must(t, "SELECT", "0")
			for _, cmd := range script {
				c.Must(t, strings.Fields(cmd)...)
			}
			c.Must(t, "BGREWRITEAOF")
			await(t, "the rewrite has ended", func() bool {
				return strings.Contains(c.Must(t, "INFO", "persistence").Text, "aof_rewrite_in_progress:0")
			})
			b, err := os.ReadFile(filepath.Join(dir, logFolder, fmt.Sprintf("appendonly.aof.%d.base.aof", n+1)))
			if err != nil {
				t.Fatal(err)
			}
			bases[i] = append(bases[i], string(b))
		}
	}
	for i, script := range scripts {
		if bases[1][i] != bases[0][i] {
			t.Errorf("%.100q becomes\n%.800q\nwant\n%.800q", script, bases[1][i], bases[0][i])
		}
	}
}

// TestRepliesAfterTheLog shows that what a client is told of is in the file by then, so that a killed process takes
// nothing with it, on a disk that takes writes at once. A machine in distress may make it slow for a while.
func TestRepliesAfterTheLog(t *testing.T) {
	for _, policy := range []string{"always", "everysec", "no"} {
		for name, commands := range map[string]string{"a reply": "SET k v\r\n", "a large reply": "SET k v\r\nGET large\r\n"} {
			t.Run(policy+", "+name, func(t *testing.T) {
				dir := t.TempDir()
				s := tarn(t).serveIn(t, dir, "--save", "", "--appendonly", "yes", "--appendfsync", policy)
				c := s.dial()
				c.Must(t, "SET", "large", strings.Repeat("x", 100_000))
				size := func() int64 {
					st, err := os.Stat(filepath.Join(dir, firstIncr))
					if err != nil {
						t.Fatal(err)
					}
					return st.Size()
				}
				await(t, "the file has what fifty replies in a row tell of", func() bool {
					for range 50 {
						before := size()
						if err := c.Write([]byte(commands)); err != nil {
							t.Fatal(err)
						}
						for range strings.Count(commands, "\n") {
							if v, err := c.Read(); err != nil || v.IsError() {
								t.Fatal(v, err)
							}
						}
						if size() == before {
							return false
						}
					}
					return true
				})
			})
		}
	}
}
