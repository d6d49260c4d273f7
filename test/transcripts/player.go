// Playing a script on a server: send each step, collect the reply as the step shows it.
//
// A Mode is a condition that must not show in the replies. Some modes are only other directives;
// others act before or after each line: they save and load, keep a snapshot running, or wrap the
// line in MULTI and EXEC.

package transcripts

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tarn/test/harness"
)

// Mode is a condition under which scripts are played.
type Mode struct {
	Name       string // as a script opts out of it, but for a number after "="
	Directives []string
	RESP3      bool
	Tiny       bool                              // collections leave their small shapes at once: Shapeless, Unordered
	Multi      bool                              // wrap single lines in MULTI and EXEC
	Before     func(control *harness.Conn) error // runs before each line, or batch
	After      func(control *harness.Conn) error // runs after each line, or batch
}

// Skips tells whether the script opts out of the mode.
func (m *Mode) Skips(s *Script) bool {
	name, _, _ := strings.Cut(m.Name, "=")
	return slices.Contains(s.OptOut, name) || m.RESP3 && s.RESP3 || m.Tiny && s.configures()
}

const untilTimeout = 15 * time.Second

// Player plays one script on one server. Make a new one for each.
type Player struct {
	server *harness.Server
	mode   *Mode
	script *Script
	conns  map[string]*harness.Conn
	vars   map[string]string
}

// Play plays the script and calls got with each step, in order, and the lines of its reply. Errors
// are of the connection or of the script: a reply missing, a line that cannot be sent.
func Play(server *harness.Server, script *Script, mode *Mode, got func(step *Step, lines []string)) error {
	p := &Player{server: server, mode: mode, script: script,
		conns: map[string]*harness.Conn{}, vars: map[string]string{}}
	defer p.close()
	steps := script.Steps
	for len(steps) > 0 {
		batch := 1
		for batch < len(steps) && steps[0].Batch != 0 && steps[batch].Batch == steps[0].Batch {
			batch++
		}
		replies, err := p.playBatch(steps[:batch])
		for i, lines := range replies {
			got(&steps[i], lines)
		}
		if err != nil {
			at := steps[min(len(replies), batch-1)]
			return fmt.Errorf("%s.txt:%d: %s: %w", script.Name, at.Line, at.Text, err)
		}
		steps = steps[batch:]
	}
	return nil
}

func (p *Player) close() {
	for _, c := range p.conns {
		c.Close()
	}
}

// control is the name of the connection for what is not in the script. Scripts cannot use it.
const control = "control"

// conn returns the connection of that name, opening it at first use and after it was closed.
func (p *Player) conn(name string) (*harness.Conn, error) {
	if c := p.conns[name]; c != nil {
		return c, nil
	}
	c, err := harness.Dial(p.server.Addr)
	if err != nil {
		return nil, err
	}
	p.conns[name] = c
	if name != control && (p.script.RESP3 || p.mode.RESP3) {
		if v, err := c.Do("HELLO", "3"); err != nil || v.IsError() {
			return nil, fmt.Errorf("HELLO 3: %v, %w", v, err)
		}
	}
	return c, nil
}

func (p *Player) playBatch(steps []Step) (replies [][]string, err error) {
	if err := p.act(p.mode.Before); err != nil {
		return nil, err
	}
	if steps[0].Batch == 0 {
		lines, err := p.playStep(&steps[0])
		if err != nil {
			return nil, err
		}
		replies = [][]string{lines}
	} else if replies, err = p.pipeline(steps); err != nil {
		return replies, err
	}
	return replies, p.act(p.mode.After)
}

// act does what the mode asks for, if anything, on the control connection.
func (p *Player) act(action func(*harness.Conn) error) error {
	if action == nil {
		return nil
	}
	c, err := p.conn(control)
	if err != nil {
		return err
	}
	return action(c)
}

// pipeline writes all steps at once and then reads their replies.
func (p *Player) pipeline(steps []Step) (replies [][]string, err error) {
	c, err := p.conn(steps[0].Conn)
	if err != nil {
		return nil, err
	}
	var out []byte
	for i := range steps {
		args, err := p.expand(steps[i].Args)
		if err != nil {
			return nil, err
		}
		out = p.appendRequest(out, &steps[i], args)
	}
	if err := c.Write(out); err != nil {
		return nil, err
	}
	for i := range steps {
		lines, err := p.receive(c, &steps[i])
		if err != nil {
			return replies, err
		}
		replies = append(replies, lines)
	}
	return replies, nil
}

func (p *Player) playStep(s *Step) ([]string, error) {
	c, err := p.conn(s.Conn)
	if err != nil {
		return nil, err
	}
	args, err := p.expand(s.Args)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Has("read"):
		return p.receive(c, s)
	case s.Has("part"):
		return nil, c.Write([]byte(strings.Join(args, "")))
	case s.Has("raw"):
		return p.raw(c, s, strings.Join(args, ""))
	case s.Has("until"):
		return p.until(c, s, args)
	}
	return p.exchange(c, s, args)
}

func (p *Player) exchange(c *harness.Conn, s *Step, args []string) ([]string, error) {
	if err := c.Write(p.appendRequest(nil, s, args)); err != nil {
		return nil, err
	}
	return p.receive(c, s)
}

// wraps tells whether the mode wraps the step in MULTI and EXEC.
func (p *Player) wraps(s *Step) bool { return p.mode.Multi && !s.Silent() && !s.Has("read") }

func (p *Player) appendRequest(out []byte, s *Step, args []string) []byte {
	if !p.wraps(s) {
		return harness.AppendCommand(out, args...)
	}
	out = harness.AppendCommand(out, "MULTI")
	out = harness.AppendCommand(out, args...)
	return harness.AppendCommand(out, "EXEC")
}

// receive reads the reply of a step already sent.
func (p *Player) receive(c *harness.Conn, s *Step) ([]string, error) {
	if s.Silent() {
		return nil, nil
	}
	v, err := c.Read()
	if err == nil && p.wraps(s) {
		v, err = unwrap(c, v)
	}
	if errors.Is(err, io.EOF) {
		p.hungUp(c, s)
		return []string{"(closed)"}, nil
	}
	if err != nil {
		return nil, err
	}
	if s.As != "" {
		p.vars[s.As] = v.Text
	}
	return s.present(v), nil
}

// unwrap reads on after the reply of MULTI and returns what EXEC says of the one command between:
// its reply, or why it was not queued.
func unwrap(c *harness.Conn, multi harness.Value) (harness.Value, error) {
	if multi.Text != "OK" {
		return multi, fmt.Errorf("MULTI: %v", multi)
	}
	queued, err := c.Read()
	if err != nil {
		return queued, err
	}
	exec, err := c.Read()
	switch {
	case err != nil:
		return exec, err
	case queued.IsError() && exec.IsError():
		return queued, nil
	case queued.Text != "QUEUED" || len(exec.Elem) != 1:
		return exec, fmt.Errorf("in MULTI: %v; EXEC: %v", queued, exec)
	}
	return exec.Elem[0], nil
}

func (p *Player) hungUp(c *harness.Conn, s *Step) {
	c.Close()
	delete(p.conns, s.Conn)
}

// raw sends bytes and a command that no server knows after them, and returns the bytes that came
// before the error reply. That is answered even where nothing else is, before AUTH.
func (p *Player) raw(c *harness.Conn, s *Step, data string) ([]string, error) {
	const mark = "the.end"
	if err := c.Write(harness.AppendCommand([]byte(data), mark)); err != nil {
		return nil, err
	}
	got, closed, err := c.ReadUntil([]byte("-ERR unknown command '" + mark + "', with args beginning with: \r\n"))
	if err != nil {
		return nil, fmt.Errorf("%w after %q", err, got)
	}
	lines := harness.RawLines(got)
	if closed {
		p.hungUp(c, s)
		lines = append(lines, "(closed)")
	}
	return lines, nil
}

// until repeats the step until its reply is the expected one.
func (p *Player) until(c *harness.Conn, s *Step, args []string) ([]string, error) {
	timer := time.NewTimer(untilTimeout)
	defer timer.Stop()
	for {
		lines, err := p.exchange(c, s, args)
		if err != nil || s.Want == nil || s.Matches(p.asWritten(lines)) {
			return lines, err
		}
		select {
		case <-timer.C:
			return nil, fmt.Errorf("not %q within %v, but still %q", s.Want, untilTimeout, lines)
		default:
		}
	}
}

// asWritten turns a reply in protocol 3 into what it would be in protocol 2, in which files that say
// nothing of it are written. It knows the replies that are waited for: scalars and nulls.
func (p *Player) asWritten(lines []string) []string {
	if !p.mode.RESP3 {
		return lines
	}
	lines = slices.Clone(lines)
	for i, line := range lines {
		if strings.TrimSpace(line) == "_" {
			lines[i] = strings.Replace(line, "_", "$-1", 1)
		}
		lines[i] = strings.Replace(lines[i], `="txt:`, `"`, 1)
	}
	return lines
}

// expand puts in the values of ${...} in words.
func (p *Player) expand(words []string) ([]string, error) {
	out := make([]string, len(words))
	for i, word := range words {
		for {
			before, rest, found := strings.Cut(word, "${")
			out[i] += before
			if !found {
				break
			}
			name, after, closed := strings.Cut(rest, "}")
			if !closed {
				return nil, fmt.Errorf("no } in %q", words[i])
			}
			value, err := p.value(name)
			if err != nil {
				return nil, err
			}
			out[i] += value
			word = after
		}
	}
	return out, nil
}

// value gives the text for ${name}.
func (p *Player) value(name string) (string, error) {
	if text, times, ok := strings.Cut(name, "*"); ok {
		count, err := strconv.Atoi(times)
		return strings.Repeat(text, count), err
	}
	if kept, ok := p.vars[name]; ok {
		return kept, nil
	}
	offset := int64(0)
	if i := strings.IndexAny(name, "+-"); i > 0 {
		var err error
		if offset, err = strconv.ParseInt(name[i:], 10, 64); err != nil {
			return "", err
		}
		name = name[:i]
	}
	switch name {
	case "now", "now_ms":
		return p.now(name == "now_ms", offset)
	case "port":
		return strconv.Itoa(p.server.Port), nil
	case "pid":
		return strconv.Itoa(p.server.Pid), nil
	case "dir":
		return p.server.Dir, nil
	}
	return "", fmt.Errorf("nothing is known of ${%s}", name)
}

// now reads the server's clock and adds an offset in the same unit.
func (p *Player) now(millis bool, offset int64) (string, error) {
	c, err := p.conn(control)
	if err != nil {
		return "", err
	}
	v, err := c.Do("TIME")
	if err != nil || len(v.Elem) != 2 {
		return "", fmt.Errorf("TIME: %v, %w", v, err)
	}
	seconds, err1 := strconv.ParseInt(v.Elem[0].Text, 10, 64)
	micros, err2 := strconv.ParseInt(v.Elem[1].Text, 10, 64)
	if millis {
		seconds = seconds*1000 + micros/1000
	}
	return strconv.FormatInt(seconds+offset, 10), errors.Join(err1, err2)
}
