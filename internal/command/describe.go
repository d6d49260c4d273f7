// Describe: a session as a line of CLIENT LIST.

package command

import (
	"fmt"
	"strings"
)

// sessionFlags are the letters of the field flags, in Redis's order.
var sessionFlags = [...]struct {
	state  State
	letter byte
}{
	{InMulti, 'x'},
	{Parked | Blocked, 'b'},
	{Closing, 'c'},
	{Killed, 'A'},
	{Unix, 'U'},
	{NoEvict, 'e'},
	{NoTouch, 'T'},
}

// DescribeClient returns the line of CLIENT LIST about a session, without its end. The session is
// the caller's own, or the world is stopped.
func DescribeClient(s *Session, nowMs int64) string { return string(AppendClient(nil, s, nowMs)) }

// AppendClient appends what DescribeClient returns.
func AppendClient(b []byte, s *Session, nowMs int64) []byte {
	m := s.More
	if m == nil {
		m = new(More)
	}
	now := nowMs / 1000
	b = fmt.Appendf(b, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=0 psub=0 ssub=0",
		s.ID, s.Conn.Addr(), s.Conn.LocalAddr(), s.Conn.FD(), m.Name,
		max(now-int64(s.Created), 0), max(now-int64(s.Active), 0), s.flags(), s.DB)
	queued := -1
	if s.State&InMulti != 0 {
		queued = len(m.Queue)
	}
	held := s.Conn.Buffers()
	b = fmt.Appendf(b, " multi=%d watch=%d qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=%d obl=%d oll=%d omem=%d tot-mem=%d",
		queued, len(m.Watched), held.Query, held.QueryFree, held.Args, m.QueueBytes,
		held.Reply, held.ReplyPeak, held.ReplyUsed, held.OutputChunks, held.Output, held.Total)
	b = append(b, " events="...)
	if held.Readable {
		b = append(b, 'r')
	}
	if held.Writable {
		b = append(b, 'w')
	}
	last, user := "NULL", m.User
	if s.LastCmd != nil {
		last = s.LastCmd.FullName
	}
	if user == "" {
		user = defaultUser
	}
	return fmt.Appendf(b, " cmd=%s user=%s redir=-1 resp=%d lib-name=%s lib-ver=%s", last, user, s.Proto, m.LibName, m.LibVersion)
}

// flags returns the letters that tell the session's conditions: N when there are none.
func (s *Session) flags() string {
	letters := make([]byte, 0, len(sessionFlags)+1)
	for _, f := range sessionFlags {
		if f.state == Closing && s.Changed() {
			letters = append(letters, 'd')
		}
		if s.State&f.state != 0 {
			letters = append(letters, f.letter)
		}
	}
	if len(letters) == 0 {
		return "N"
	}
	return string(letters)
}

// IsLocal tells whether the client is on this machine.
func (s *Session) IsLocal() bool {
	addr := s.Conn.Addr()
	return s.State&Unix != 0 || strings.HasPrefix(addr, "127.") || strings.HasPrefix(addr, "[::1]")
}
