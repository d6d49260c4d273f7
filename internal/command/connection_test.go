// Shown here: what AUTH, HELLO and RESET make of a session, and that passwords do not reach the slow
// log.

package command_test

import (
	"slices"
	"strings"
	"testing"

	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/resp"
)

// TestAuthentication shows that a password concerns those who come after it.
func TestAuthentication(t *testing.T) {
	a := newAdmin(t)
	early := a.connect()
	a.talk(early, []exchange{{"CONFIG SET requirepass secret", "+OK\r\n", ""}, {"PING", "+PONG\r\n", ""}})
	late := a.connect()
	const noAuth = "-NOAUTH Authentication required.\r\n"
	const wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
	a.talk(late, []exchange{
		{"PING", noAuth, ""},
		{"AUTH secre", wrong, ""},
		{"AUTH secrets", wrong, ""},
		{"AUTH other secret", wrong, ""},
		{"AUTH Default secret", wrong, ""},
		{"PING", noAuth, ""},
		{"AUTH secret", "+OK\r\n", ""},
		{"PING", "+PONG\r\n", ""},
		{"AUTH wrong", wrong, ""},
		{"PING", "+PONG\r\n", ""},
	})
	a.talk(early, []exchange{
		{"PING", "+PONG\r\n", ""},
		{"RESET", "+RESET\r\n", ""},
		{"PING", noAuth, ""},
		{"HELLO 2 AUTH default wrong", wrong, ""},
		{"AUTH default secret", "+OK\r\n", ""},
		{"CONFIG SET requirepass other", "+OK\r\n", ""},
		{"PING", "+PONG\r\n", ""},
	})
	a.talk(a.connect(), []exchange{{"AUTH secret", wrong, ""}, {"AUTH other", "+OK\r\n", ""}})
	waiting := a.connect()
	a.set(func(c *config.Config) { c.RequirePass = "" })
	a.talk(waiting, []exchange{{"PING", "+PONG\r\n", ""}})
}

func TestReset(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	for _, request := range []string{
		"HELLO 3 SETNAME me", "CLIENT SETINFO lib-name lib", "CLIENT SETINFO lib-ver 9", "CLIENT NO-EVICT on",
		"CLIENT NO-TOUCH on", "WATCH a b", "MULTI", "GET a", "NOSUCH",
	} {
		a.ask(c, strings.Fields(request)...)
	}
	s := c.session
	s.DB = 1
	s.State |= command.ReplyOff
	if got, _ := a.ask(c, "RESET"); got != "+RESET\r\n" {
		t.Fatalf("RESET while replies are off: %q", got)
	}
	if s.State != 0 || s.DB != 0 || s.Proto != resp.RESP2 || s.Name() != "" || s.More.Queue != nil || s.More.Watched != nil {
		t.Errorf("after RESET the session is %+v with %+v", s, s.More)
	}
	if s.More.LibName != "lib" || s.More.LibVersion != "9" {
		t.Errorf("after RESET the library is %q %q, want it kept", s.More.LibName, s.More.LibVersion)
	}
	a.ask(c, "SET", "a", "1")
	if s.Changed() {
		t.Error("a key is still watched after RESET")
	}
}

// TestHelloRefused shows that a HELLO that fails changes nothing.
func TestHelloRefused(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	a.ask(c, "HELLO", "2", "SETNAME", "before")
	for _, request := range []string{
		"HELLO 3 SETNAME after NOSUCH", "HELLO 3 AUTH nobody x SETNAME after", "HELLO 3 SETNAME after SETNAME", "HELLO 4 SETNAME after",
	} {
		got, _ := a.ask(c, strings.Fields(request)...)
		if got[0] != '-' || c.session.Name() != "before" || c.session.Proto != resp.RESP2 {
			t.Errorf("%s: %q; the name is %s, the protocol %d", request, got, c.session.Name(), c.session.Proto)
		}
	}
}

func TestSecretsStayOutOfTheSlowLog(t *testing.T) {
	a := newAdmin(t)
	a.env.SlowLog.SetLimit(100)
	a.set(func(c *config.Config) { c.SlowlogLogSlowerThan = 0; c.RequirePass = "hidden" })
	c := a.connect()
	for _, request := range []string{
		"AUTH hidden", "AUTH default hidden", "AUTH wrong-hidden", "HELLO 3 AUTH default hidden SETNAME me",
		"CONFIG SET requirepass hidden timeout 5 masterauth hidden", "CONFIG SET masteruser hidden requirepass hidden",
	} {
		a.ask(c, strings.Fields(request)...)
	}
	want := [][]string{
		{"AUTH", "(redacted)"},
		{"AUTH", "(redacted)", "(redacted)"},
		{"AUTH", "(redacted)"},
		{"HELLO", "3", "AUTH", "(redacted)", "(redacted)", "SETNAME", "me"},
		{"CONFIG", "SET", "requirepass", "(redacted)", "timeout", "5", "masterauth", "(redacted)"},
		{"CONFIG", "SET", "masteruser", "(redacted)", "requirepass", "(redacted)"},
	}
	entries := a.env.SlowLog.Latest(-1)
	slices.Reverse(entries)
	if len(entries) != len(want) {
		t.Fatalf("%d entries, want %d", len(entries), len(want))
	}
	for i, e := range entries {
		if !slices.Equal(e.Args, want[i]) {
			t.Errorf("entry %d is %q, want %q", i, e.Args, want[i])
		}
	}
}

// TestRepliesOff shows which replies CLIENT REPLY drops.
func TestRepliesOff(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	for _, x := range []struct{ request, want string }{
		{"CLIENT REPLY SKIP", ""},
		{"PING", ""},
		{"PING", "+PONG\r\n"},
		{"CLIENT REPLY SKIP", ""},
		{"NOSUCH", ""},
		{"CLIENT REPLY OFF", ""},
		{"PING", ""},
		{"GET", ""},
		{"CLIENT REPLY SKIP", ""},
		{"MULTI", ""},
		{"PING", ""},
		{"EXEC", ""},
		{"CLIENT REPLY ON", "+OK\r\n"},
		{"PING", "+PONG\r\n"},
		{"CLIENT REPLY SKIP", ""},
		{"CLIENT REPLY ON", "+OK\r\n"},
	} {
		if got, _ := a.ask(c, strings.Fields(x.request)...); got != x.want {
			t.Errorf("%s: %q, want %q", x.request, got, x.want)
		}
	}
}
