// Shown here: the lines of CLIENT LIST field by field; that CLIENT KILL meets exactly those that
// fulfil all conditions; and what CLIENT asks of the server. Replies to single commands are compared
// with Redis's in admin_oracle_test.go and in test/transcripts.

package command_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tarn/internal/command"
	"tarn/internal/resp"
)

// somewhere is a connection with a say about everything.
type somewhere struct{ addr, laddr string }

func (s somewhere) Addr() string      { return s.addr }
func (s somewhere) LocalAddr() string { return s.laddr }
func (s somewhere) FD() int           { return 42 }

func (s somewhere) Buffers() command.Buffers {
	return command.Buffers{
		Query: 1, QueryFree: 2, Args: 3, Reply: 4, ReplyPeak: 5, ReplyUsed: 6, Output: 7, OutputChunks: 8,
		Total: 9, Readable: true, Writable: true,
	}
}

func TestDescribeClient(t *testing.T) {
	s := &command.Session{
		ID: 7, Conn: somewhere{"1.2.3.4:5", "6.7.8.9:10"}, DB: 3, Proto: resp.RESP3, Created: 1000, Active: 1060,
		State:   command.InMulti | command.NoEvict | command.Watching,
		LastCmd: command.NewTable().FindFullName([]byte("client|list")),
		More: &command.More{
			Name: "worker", LibName: "lib", LibVersion: "1.2", QueueBytes: 11,
			Queue: make([]command.Queued, 2), Watched: make([]command.WatchedKey, 4),
		},
	}
	want := "id=7 addr=1.2.3.4:5 laddr=6.7.8.9:10 fd=42 name=worker age=65 idle=5 flags=xe db=3 sub=0 psub=0 ssub=0 " +
		"multi=2 watch=4 qbuf=1 qbuf-free=2 argv-mem=3 multi-mem=11 rbs=4 rbp=5 obl=6 oll=8 omem=7 tot-mem=9 events=rw " +
		"cmd=client|list user=default redir=-1 resp=3 lib-name=lib lib-ver=1.2"
	if got := command.DescribeClient(s, 1_065_999); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	plain := &command.Session{ID: 1, Conn: nowhere{}, Proto: resp.RESP2, Created: 2000, Active: 2000}
	want = "id=1 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=1 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 " +
		"multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events= " +
		"cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver="
	if got := command.DescribeClient(plain, 1_999_000); got != want { // the clock went back
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClientFlags(t *testing.T) {
	for _, tc := range []struct {
		state   command.State
		touched bool
		want    string
	}{
		{0, false, "N"},
		{command.Unauthenticated | command.ReplyOff | command.Watching | command.MultiError, false, "N"},
		{command.InMulti, true, "xd"},
		{command.Parked | command.Pausing, false, "b"},
		{command.Closing, true, "dc"},
		{command.Killed | command.Unix | command.NoEvict | command.NoTouch, false, "AUeT"},
	} {
		s := &command.Session{Conn: nowhere{}, State: tc.state}
		if tc.touched {
			s.Touch()
		}
		_, rest, _ := strings.Cut(command.DescribeClient(s, 0), " flags=")
		if got, _, _ := strings.Cut(rest, " "); got != tc.want {
			t.Errorf("state %b, watched key touched %t: flags=%s, want %s", tc.state, tc.touched, got, tc.want)
		}
	}
}

func TestClientKill(t *testing.T) {
	addrs := []string{"10.0.0.1:1", "10.0.0.2:1", "10.0.0.1:2"}
	for _, tc := range []struct {
		request string
		want    string
		killed  string // IDs; the asker's is 1, and its address the first
	}{
		{"10.0.0.2:1", "+OK\r\n", "2"},
		{"10.0.0.1:1", "+OK\r\n", "1"}, // the old form kills oneself
		{"10.0.0.9:1", "-ERR No such client\r\n", ""},
		{"ADDR 10.0.0.2:1", ":1\r\n", "2"},
		{"ADDR 10.0.0.1:1", ":0\r\n", ""},
		{"ADDR 10.0.0.1:1 SKIPME no", ":1\r\n", "1"},
		{"LADDR 127.0.0.1:9", ":2\r\n", "2 3"},
		{"LADDR 127.0.0.1:8", ":0\r\n", ""},
		{"ID 3", ":1\r\n", "3"},
		{"id 3 addr 10.0.0.1:2 type normal user default", ":1\r\n", "3"},
		{"ID 3 ADDR 10.0.0.2:1", ":0\r\n", ""},
		{"ID 3 ID 2", ":1\r\n", "2"}, // the last one holds
		{"TYPE normal", ":2\r\n", "2 3"},
		{"TYPE NORMAL SKIPME NO", ":3\r\n", "1 2 3"},
		{"SKIPME no SKIPME yes", ":2\r\n", "2 3"},
		{"TYPE master", ":0\r\n", ""},
		{"TYPE slave", ":0\r\n", ""},
		{"ID 3 NOSUCH x", "-ERR syntax error\r\n", ""},
		{"ID 3 ADDR", "-ERR syntax error\r\n", ""},
		{"ID 3 USER nobody", "-ERR No such user 'nobody'\r\n", ""},
	} {
		a := newAdmin(t)
		var clients []*client
		for _, addr := range addrs {
			c := a.connect()
			c.session.Conn = somewhere{addr, "127.0.0.1:9"}
			clients = append(clients, c)
		}
		got, closed := a.ask(clients[0], strings.Fields("CLIENT KILL "+tc.request)...)
		killed := strings.ReplaceAll(strings.ReplaceAll(a.taken(), "kill ", ""), ";", "")
		if got != tc.want || killed != tc.killed {
			t.Errorf("CLIENT KILL %s: got %q and killed %s, want %q and %s", tc.request, got, killed, tc.want, tc.killed)
		}
		if own := strings.Contains(tc.killed, "1"); closed != own {
			t.Errorf("CLIENT KILL %s: own connection closed %t, want %t", tc.request, closed, own)
		}
	}
}

func TestClientAsks(t *testing.T) {
	a := newAdmin(t)
	c, other := a.connect(), a.connect()
	a.talk(c, []exchange{
		{"CLIENT PAUSE 100", "+OK\r\n", "pause 100 ms, all true"},
		{"CLIENT PAUSE 100 all", "+OK\r\n", "pause 100 ms, all true"},
		{"CLIENT PAUSE 7 write", "+OK\r\n", "pause 7 ms, all false"},
		{"CLIENT PAUSE 0", "+OK\r\n", ""},
		{fmt.Sprint("CLIENT PAUSE ", int64(math.MaxInt64)), "-ERR timeout is out of range\r\n", ""},
		{fmt.Sprint("CLIENT PAUSE ", math.MaxInt64-a.clock.Millis()), "+OK\r\n", fmt.Sprintf("pause %d ms, all true", math.MaxInt64-a.clock.Millis())},
		{"CLIENT UNPAUSE", "+OK\r\n", "unpause"},
		{"CLIENT UNBLOCK 2", ":0\r\n", "unblock 2, error false"},
		{"CLIENT UNBLOCK 9", ":0\r\n", ""},
	})
	other.session.State |= command.Parked
	a.talk(c, []exchange{
		{"CLIENT UNBLOCK 2 timeout", ":1\r\n", "unblock 2, error false"},
		{"CLIENT UNBLOCK 2 error", ":1\r\n", "unblock 2, error true"},
	})
}

// TestClientList shows which sessions are listed, and in which order.
func TestClientList(t *testing.T) {
	a := newAdmin(t)
	c := a.connect()
	a.connect()
	a.connect()
	for _, tc := range []struct{ request, want string }{
		{"CLIENT LIST", "1 2 3"},
		{"CLIENT LIST TYPE normal", "1 2 3"},
		{"CLIENT LIST TYPE pubsub", ""},
		{"CLIENT LIST ID 3 1 9 3", "3 1 3"},
		{"CLIENT INFO", "1"},
	} {
		got, _ := a.ask(c, strings.Fields(tc.request)...)
		var ids []string
		for _, line := range strings.Split(got, "\n") {
			if id, _, ok := strings.Cut(strings.TrimPrefix(line, "id="), " addr="); ok {
				ids = append(ids, id)
			}
		}
		if got := strings.Join(ids, " "); got != tc.want {
			t.Errorf("%s lists %s, want %s", tc.request, got, tc.want)
		}
	}
	a.ask(c, "HELLO", "3")
	if got, _ := a.ask(c, "CLIENT", "INFO"); !strings.HasPrefix(got, "=") || !strings.Contains(got, "txt:id=1 ") {
		t.Errorf("CLIENT INFO in protocol 3 is %q, want a verbatim string", got)
	}
}
