// Shown here: what the commands about the whole server ask of it, and what they make of its answers.

package command_test

import (
	"strings"
	"testing"
	"time"

	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

const errBusy resp.Error = "ERR Background save already in progress"

func TestSaving(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	a.talk(c, []exchange{
		{"SAVE", "+OK\r\n", "save"},
		{"BGREWRITEAOF", "+Background append only file rewriting started\r\n", "bgrewrite false"},
		{"BGSAVE", "+Background saving started\r\n", "bgsave, schedule false"},
		{"BGSAVE schedule", "+Background saving started\r\n", "bgsave, schedule true"},
		{"BGSAVE SCHEDULE SCHEDULE", "-ERR syntax error\r\n", ""},
		{"BGSAVE NOW", "-ERR syntax error\r\n", ""},
		{"LASTSAVE", ":1234\r\n", ""},
		{"MULTI", "+OK\r\n", ""},
		{"SAVE", "-ERR Command not allowed inside a transaction\r\n", ""},
		{"DISCARD", "+OK\r\n", ""},
		// The cut must not fall between two commands of a transaction.
		{"MULTI", "+OK\r\n", ""},
		{"SET a 1", "+QUEUED\r\n", ""},
		{"BGSAVE", "+QUEUED\r\n", ""},
		{"SET a 2", "+QUEUED\r\n", ""},
		{"EXEC", "*3\r\n+OK\r\n+Background saving scheduled\r\n+OK\r\n", "schedule"},
	})
	a.byCron = true
	a.talk(c, []exchange{{"BGSAVE SCHEDULE", "+Background saving scheduled\r\n", "bgsave, schedule true"}})
	a.fail = errBusy
	a.talk(c, []exchange{
		{"SAVE", "-" + string(errBusy) + "\r\n", "save"},
		{"BGSAVE", "-" + string(errBusy) + "\r\n", "bgsave, schedule false"},
		{"BGREWRITEAOF", "-" + string(errBusy) + "\r\n", "bgrewrite false"},
		{"MULTI", "+OK\r\n", ""},
		{"BGSAVE", "+QUEUED\r\n", ""},
		{"EXEC", "*1\r\n-" + string(errBusy) + "\r\n", "schedule"},
	})
}

func TestBackups(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	const syntax = "-ERR syntax error\r\n"
	list := func(header string) string {
		entry := func(name, status, seconds, bytes string) string {
			return header + "$4\r\nname\r\n" + name + "$6\r\nstatus\r\n" + status + "$4\r\ntime\r\n:" + seconds + "\r\n$5\r\nbytes\r\n:" + bytes + "\r\n"
		}
		return "*2\r\n" + entry("$18\r\nnew.rdb.unverified\r\n", "$10\r\nunverified\r\n", "2000", "200") +
			entry("$7\r\nold.rdb\r\n", "$8\r\nverified\r\n", "1000", "100")
	}
	a.talk(c, []exchange{
		{"BACKUP NOW", "+Background backup started\r\n", "backup false"},
		{"BACKUP LIST", list("*8\r\n"), ""},
		{"BACKUP VERIFY", ":2\r\n", `verify backup ""`},
		{"BACKUP verify old.rdb", ":2\r\n", `verify backup "old.rdb"`},
		{"BACKUP VERIFY a b", syntax, ""},
		{"BACKUP CANCEL", "+Background backup cancelled\r\n", "cancel backup"},
		{"BACKUP NOW NOW", "-ERR wrong number of arguments for 'backup|now' command\r\n", ""},
		{"BACKUP", "-ERR wrong number of arguments for 'backup' command\r\n", ""},
		{"BACKUP LATER", "-ERR unknown subcommand 'LATER'. Try BACKUP HELP.\r\n", ""},
		{"MULTI", "+OK\r\n", ""},
		{"BACKUP NOW", "+QUEUED\r\n", ""},
		{"EXEC", "*1\r\n+Background backup scheduled\r\n", "backup true"},
	})
	a.byCron = true
	a.talk(c, []exchange{{"BACKUP NOW", "+Background backup scheduled\r\n", "backup false"}})
	a.fail = errBusy
	for request, note := range map[string]string{"BACKUP NOW": "backup false", "BACKUP CANCEL": "cancel backup", "BACKUP VERIFY": `verify backup ""`, "BACKUP LIST": ""} {
		a.talk(c, []exchange{{request, "-" + string(errBusy) + "\r\n", note}})
	}
}

func TestShutdown(t *testing.T) {
	a := newAdmin(t)
	a.fail = resp.Error("ERR no")
	c := a.connect()
	const no, syntax = "-ERR no\r\n", "-ERR syntax error\r\n"
	a.talk(c, []exchange{
		{"SHUTDOWN", no, "shutdown {Save:false NoSave:false Now:false Force:false}"},
		{"SHUTDOWN save", no, "shutdown {Save:true NoSave:false Now:false Force:false}"},
		{"SHUTDOWN NOSAVE now FORCE", no, "shutdown {Save:false NoSave:true Now:true Force:true}"},
		{"SHUTDOWN NOW NOW", no, "shutdown {Save:false NoSave:false Now:true Force:false}"},
		{"SHUTDOWN abort", no, "abort"},
		{"SHUTDOWN ABORT ABORT", no, "abort"},
		{"SHUTDOWN ABORT NOW", syntax, ""},
		{"SHUTDOWN SAVE NOSAVE", syntax, ""},
		{"SHUTDOWN SOON", syntax, ""},
	})
	a.fail = nil
	a.talk(c, []exchange{
		{"SHUTDOWN ABORT", "+OK\r\n", "abort"},
		{"SHUTDOWN NOSAVE", "", "shutdown {Save:false NoSave:true Now:false Force:false}"},
	})
}

func TestTime(t *testing.T) {
	a := newAdmin(t)
	a.clock.Set(time.Unix(1700000000, 123_456_789))
	a.talk(a.connect(), []exchange{{"TIME", "*2\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n", ""}})
	a.clock.Set(time.Unix(1700000001, 7_999))
	a.talk(a.connect(), []exchange{{"TIME", "*2\r\n$10\r\n1700000001\r\n$1\r\n7\r\n", ""}})
}

func TestInfoText(t *testing.T) {
	a := newAdmin(t)
	one := func() int64 { return 1 }
	a.env.Info.Add(info.Count("server", "first", "One.", one), info.Count("stats", "second", "Two.", one), info.Count("debug", "third", "Three.", one))
	c := a.connect()
	a.talk(c, []exchange{
		{"INFO", "$40\r\n# Server\r\nfirst:1\r\n\r\n# Stats\r\nsecond:1\r\n\r\n", ""},
		{"INFO stats DEBUG", "$39\r\n# Stats\r\nsecond:1\r\n\r\n# Debug\r\nthird:1\r\n\r\n", ""},
		{"INFO nosuch", "$0\r\n\r\n", ""},
		{"HELLO 3", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n" + command.RedisVersion +
			"\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n", ""},
		{"INFO server", "=23\r\ntxt:# Server\r\nfirst:1\r\n\r\n", ""},
	})
}

// TestLolwut shows the size of the picture and the line that clients look for.
func TestLolwut(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	for _, tc := range []struct {
		request       string
		columns, rows int
	}{
		{"LOLWUT", 60, 16},
		{"LOLWUT VERSION 5", 60, 16},
		{"LOLWUT version 7 30 9", 30, 9},
		{"LOLWUT 5", 5, 16},
		{"LOLWUT 0 -1", 4, 4},
		{"LOLWUT 1000000000 1000000000", 256, 256},
	} {
		got, _ := a.ask(c, strings.Fields(tc.request)...)
		_, text, _ := strings.Cut(got, "\r\n")
		lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\n")
		want := tc.rows + 3 // an empty line, the version, what follows its end
		if len(lines) != want || lines[tc.rows] != "" || lines[tc.rows+1] != "Redis ver. "+command.RedisVersion {
			t.Errorf("%s: %d lines, the last ones %q", tc.request, len(lines), lines[max(len(lines)-3, 0):])
			continue
		}
		for i, line := range lines[:tc.rows] {
			if len(line) != tc.columns {
				t.Errorf("%s: line %d is %d wide: %q", tc.request, i, len(line), line)
			}
		}
	}
	a.talk(c, []exchange{
		{"LOLWUT VERSION x", "-ERR value is not an integer or out of range\r\n", ""},
		{"LOLWUT 5 x", "-ERR value is not an integer or out of range\r\n", ""},
	})
}

func TestRole(t *testing.T) {
	a := newAdmin(t)
	a.talk(a.connect(), []exchange{{"ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", ""}})
}

// TestResetStat shows that every counter begins anew, but the number of changes, which save points
// count.
func TestResetStat(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	for _, request := range []string{"SET k v", "GET k", "GET absent", "GET", "NOSUCH", "INCR k"} {
		a.ask(c, strings.Fields(request)...)
	}
	a.talk(c, []exchange{{"CONFIG RESETSTAT", "+OK\r\n", "reset"}})
	var sum keyspace.Stats
	a.env.Keyspace.Sum(&sum)
	if sum.Hits.Load() != 0 || sum.Misses.Load() != 0 || sum.Dirty.Load() != 1 {
		t.Errorf("hits %d, misses %d, changes %d; want 0, 0, 1", sum.Hits.Load(), sum.Misses.Load(), sum.Dirty.Load())
	}
	if n := a.env.Errors.Total(); n != 0 {
		t.Errorf("%d errors counted", n)
	}
	for s := range a.env.Table.All(true) {
		want := info.CommandTotals{}
		if s.FullName == "config|resetstat" {
			want = info.CommandTotals{Calls: 1}
		}
		got := a.env.Commands.Totals(s.Index)
		got.Micros = 0
		if got != want {
			t.Errorf("%s: %+v, want %+v", s.FullName, got, want)
		}
	}
}

// TestConfigInPipeline shows that a change holds from the next command of the same read on.
func TestConfigInPipeline(t *testing.T) {
	a := newAdmin(t)
	a.env.SlowLog.SetLimit(10)
	c := a.connect()
	got := string(c.feed([]byte("CONFIG SET slowlog-log-slower-than 0\r\nPING\r\nSLOWLOG LEN\r\n" +
		"CONFIG SET slowlog-log-slower-than -1\r\nPING\r\nSLOWLOG LEN\r\n")))
	// CONFIG SET itself is judged by the value it sets.
	if want := "+OK\r\n+PONG\r\n:2\r\n+OK\r\n+PONG\r\n:3\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestConfigRights shows who may change what is protected.
func TestConfigRights(t *testing.T) {
	const refused = "-ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config\r\n"
	for _, tc := range []struct {
		access config.Access
		addr   string
		unix   bool
		want   string
	}{
		{config.ProtectedNo, "127.0.0.1:5", false, refused},
		{config.ProtectedNo, "/tmp/socket:0", true, refused},
		{config.ProtectedLocal, "127.0.0.1:5", false, "+OK\r\n"},
		{config.ProtectedLocal, "127.9.9.9:5", false, "+OK\r\n"},
		{config.ProtectedLocal, "[::1]:5", false, "+OK\r\n"},
		{config.ProtectedLocal, "/tmp/socket:0", true, "+OK\r\n"},
		{config.ProtectedLocal, "10.0.0.1:5", false, refused},
		{config.ProtectedLocal, "[::2]:5", false, refused},
		{config.ProtectedYes, "10.0.0.1:5", false, "+OK\r\n"},
	} {
		a := newAdmin(t)
		a.set(func(c *config.Config) { c.EnableProtectedConfigs = tc.access })
		c := a.connect()
		c.session.Conn = somewhere{addr: tc.addr}
		if tc.unix {
			c.session.State |= command.Unix
		}
		if got, _ := a.ask(c, "CONFIG", "SET", "dbfilename", "other.rdb"); got != tc.want {
			t.Errorf("from %s with access %d: %q, want %q", tc.addr, tc.access, got, tc.want)
		}
	}
}

// TestConfigWhileLoading shows that what a load relies on cannot change under it.
func TestConfigWhileLoading(t *testing.T) {
	a := newAdmin(t)
	a.set(func(c *config.Config) { c.EnableProtectedConfigs = config.ProtectedYes })
	c := a.connect()
	a.dis.SetLoading(true)
	for _, d := range config.Directives() {
		if !d.DenyLoading {
			continue
		}
		got, _ := a.ask(c, "CONFIG", "SET", d.Name, d.Default)
		if want := "-" + string(config.ErrLoading) + "\r\n"; got != want {
			t.Errorf("CONFIG SET %s while loading: %q, want %q", d.Name, got, want)
		}
	}
	a.talk(c, []exchange{{"CONFIG SET timeout 5", "+OK\r\n", ""}})
}
