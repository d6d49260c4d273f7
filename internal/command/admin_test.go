// What the tests of administrative commands stand in for: the list of clients, the saver and the
// host, all of which note what is asked of them.

package command_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/dispatch"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// admin is a server without sockets whose surroundings are notes.
type admin struct {
	*inProcess
	clock    *clock.Manual
	sessions []*command.Session
	notes    []string
	fail     error // what the saver and the host answer
	byCron   bool  // the saver puts BGSAVE off
}

func newAdmin(t *testing.T) *admin {
	c := clock.NewManual(someDay)
	a := &admin{inProcess: newInProcess(t, c), clock: c}
	a.env.Clients, a.env.Host, a.env.Saver = (*noteClients)(a), (*noteHost)(a), (*noteSaver)(a)
	return a
}

func (a *admin) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// taken returns the notes since the last call.
func (a *admin) taken() string {
	notes := strings.Join(a.notes, "; ")
	a.notes = nil
	return notes
}

// connect opens a session as the server does.
func (a *admin) connect() *client {
	c := a.client(resp.RESP2)
	c.session.ID = int64(len(a.sessions) + 1)
	c.session.Created = uint32(a.clock.Millis() / 1000)
	c.session.Active = c.session.Created
	if a.env.Config.Current().RequirePass != "" {
		c.session.State |= command.Unauthenticated
	}
	a.sessions = append(a.sessions, c.session)
	return c
}

// ask runs one command on c, which may be closed by it, and returns the reply.
func (a *admin) ask(c *client, args ...string) (reply string, closed bool) {
	a.tb.Helper()
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	request := resp.AppendCommand(nil, raw...)
	w := a.worker
	w.Writer.Truncate(0)
	a.dis.World.Enter()
	defer a.dis.World.Leave()
	w.Turn()
	consumed, verdict := w.Feed(c.session, &c.parser, request)
	if consumed != len(request) || verdict != dispatch.Hungry && verdict != dispatch.Close {
		a.tb.Fatalf("%.100q: %d bytes consumed, verdict %d", args, consumed, verdict)
	}
	return string(w.Writer.Buffer()), verdict == dispatch.Close
}

// set changes a directive as the server does at start.
func (a *admin) set(change func(*config.Config)) { a.env.Config.Update(change) }

type noteClients admin

func (l *noteClients) note(format string, args ...any) { (*admin)(l).note(format, args...) }

func (l *noteClients) Each(f func(*command.Session) bool) {
	for _, s := range slices.Clone(l.sessions) {
		if !f(s) {
			return
		}
	}
}

func (l *noteClients) Kill(s, caller *command.Session) {
	if s == caller {
		s.State |= command.Closing
	} else {
		s.State |= command.Killed
	}
	l.note("kill %d", s.ID)
}

func (l *noteClients) Pause(until int64, all bool) {
	l.note("pause %d ms, all %t", until-l.clock.Millis(), all)
}

func (l *noteClients) Unpause() { l.note("unpause") }

func (l *noteClients) Unblock(s *command.Session, withError bool) bool {
	l.note("unblock %d, error %t", s.ID, withError)
	return s.State&command.Parked != 0
}

type noteHost admin

func (h *noteHost) note(format string, args ...any) { (*admin)(h).note(format, args...) }

func (h *noteHost) Shutdown(_ *command.Call, o command.ShutdownOptions) error {
	h.note("shutdown %+v", o)
	return h.fail
}

func (h *noteHost) AbortShutdown() error  { h.note("abort"); return h.fail }
func (h *noteHost) PauseCron(paused bool) { h.note("cron paused %t", paused) }
func (h *noteHost) Crash(why string)      { h.note("crash: %s", why) }
func (h *noteHost) Log(text string)       { h.note("log: %s", text) }
func (h *noteHost) Warn(text string)      { h.note("warn: %s", text) }
func (h *noteHost) ResetStats()           { h.note("reset") }

type noteSaver admin

func (s *noteSaver) note(format string, args ...any) { (*admin)(s).note(format, args...) }

func (s *noteSaver) Save() error { s.note("save"); return s.fail }

func (s *noteSaver) BGSave(_ *keyspace.Tx, schedule bool) (bool, error) {
	s.note("bgsave, schedule %t", schedule)
	return s.byCron, s.fail
}

func (s *noteSaver) BGRewrite(inTransaction bool) (bool, error) {
	s.note("bgrewrite %t", inTransaction)
	return inTransaction, s.fail
}

func (s *noteSaver) Backup(_ *keyspace.Tx, inTransaction bool) (bool, error) {
	s.note("backup %t", inTransaction)
	return s.byCron || inTransaction, s.fail
}

func (s *noteSaver) CancelBackup() error { s.note("cancel backup"); return s.fail }

func (s *noteSaver) EachBackup(fn func(name, state string, seconds, bytes int64)) error {
	if s.fail != nil {
		return s.fail
	}
	fn("new.rdb.unverified", "unverified", 2000, 200)
	fn("old.rdb", "verified", 1000, 100)
	return nil
}

func (s *noteSaver) VerifyBackups(name string) (int, error) {
	s.note("verify backup %q", name)
	return 2, s.fail
}

func (s *noteSaver) Reread() error              { s.note("reread"); return s.fail }
func (s *noteSaver) Transaction(bool)           {}
func (s *noteSaver) SetFlushSleep(micros int64) { s.note("sleep %d", micros) }

func (s *noteSaver) Schedule() error   { s.note("schedule"); return s.fail }
func (s *noteSaver) LastSave() int64   { return 1234 }
func (s *noteSaver) Abort()            { s.note("abort save") }
func (s *noteSaver) FlushedAll() error { s.note("flushed"); return s.fail }

func (s *noteSaver) Reload(noSave, noFlush, merge bool) error {
	s.note("reload %t %t %t", noSave, noFlush, merge)
	return s.fail
}

// exchange is a request, its reply, and what was noted meanwhile.
type exchange struct {
	request string // words, separated by blanks
	want    string // the reply as it is sent
	notes   string
}

// talk runs exchanges in one session.
func (a *admin) talk(c *client, list []exchange) {
	a.tb.Helper()
	for _, x := range list {
		got, _ := a.ask(c, strings.Fields(x.request)...)
		if notes := a.taken(); got != x.want || notes != x.notes {
			a.tb.Errorf("%s: got %q and notes %q, want %q and %q", x.request, got, notes, x.want, x.notes)
		}
	}
}
