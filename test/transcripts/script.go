// The file format of transcripts: what is sent, and under it what comes back.
//
//	! opt-out reload            options, before the first line sent; see Options
//	# A sentence.               comments and blank lines mean nothing
//	> SET k "a b\x00"           sent as one command; words and quotes as in redis-cli
//	+OK                         the reply, as harness.Value.Lines renders it
//	A> GET k                    the same on a connection of that name; ">" alone is one more
//	{                           between braces everything is written at once, replies follow
//	}                           under each line; all on one connection
//	>sorted KEYS *              elements of the reply, or lines of a text, in sorted order
//	>like CLIENT LIST           expected lines are patterns: <n> number, <hex> 40 hex digits,
//	                            <*> anything; a line "..." stands for any lines
//	>near TTL k                 an integer reply at most 2 % off the expected one
//	>fields INFO memory         only the names of name:value lines or name=value words; the server
//	                            may have more names between
//	>until EXISTS k             sent again and again until the expected reply comes
//	>as:v GET k                 a scalar reply, also kept as ${v} for later lines
//	>send BLPOP l 0             sent, and no reply awaited
//	>read                       nothing sent, one reply read; "(closed)" when the server hung up
//	>raw "PING\r\n"             these bytes, and then all bytes that come back, up to the reply to
//	                            an unknown command sent behind; "(closed)" when the server hung up
//	>part "*1\r\n"              these bytes, and nothing awaited
//
// Words may hold ${name}: a kept reply, now or now_ms (the server's clock, with an offset as in
// ${now+100}), port, pid or dir of the server, or text repeated as in ${ab*300}. The expected
// replies are never written by hand: the oracle writes them. A file is parsed into steps, each
// keeping its own text, so that writing it back changes the replies and nothing else.

// Package transcripts shows what a client sees: text files of commands and replies, replayed
// against a real redis-server, which also writes the replies, and against Tarn under conditions
// that must not show. docs/testing.md tells how to use them.
package transcripts

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tarn/test/harness"
)

// Script is one parsed file.
type Script struct {
	Name string // the path below the folder of the transcripts, without .txt
	Options
	Steps []Step
	Tail  []string // what stands after the last reply
}

// Options are the lines that begin with "! ".
type Options struct {
	OptOut   []string // opt-out MODE...: modes in which the replies rightly differ
	Config   []string // config DIRECTIVE: a config line; the file then has a server of its own
	Fresh    bool     // fresh: a server of its own, for files that change it for good
	Ends     bool     // ends: the server is gone at the end of the file
	RESP3    bool     // proto 3: connections begin with HELLO 3
	TarnOnly string   // tarn-only REASON, or since VERSION by documentation: no oracle for it
	Later    bool     // later: needs commands that Tarn does not have yet
}

// Step is one line sent and what is expected of it.
type Step struct {
	Before []string // lines before it that are not sent
	Line   int      // its line number
	Text   string   // the line as written
	Conn   string   // the connection's name; "" for the unnamed one
	Mods   []string // sorted, like, ...
	As     string   // the name after as:
	Args   []string // words, variables not yet put in
	Batch  int      // steps of one batch share a number above 0
	Want   []string // reply lines
}

// configures tells whether the file sets the server's configuration.
func (s *Script) configures() bool {
	return len(s.Config) > 0 || slices.ContainsFunc(s.Steps, func(step Step) bool {
		return len(step.Args) > 1 && strings.EqualFold(step.Args[0], "config") && strings.EqualFold(step.Args[1], "set")
	})
}

// Has tells whether the step carries a modifier.
func (s *Step) Has(mod string) bool { return slices.Contains(s.Mods, mod) }

// Silent tells whether nothing is read for the step.
func (s *Step) Silent() bool { return s.Has("send") || s.Has("part") }

var (
	sendLine = regexp.MustCompile(`^([A-Z]?)>([a-z0-9:,]*)(?: (.*))?$`)
	modsOf   = []string{"sorted", "like", "near", "fields", "until", "send", "read", "raw", "part"}
	modesOf  = []string{"reload", "log", "snapshot", "shards", "resp3", "multi", "io-threads"}
)

// parser holds what Parse has read so far.
type parser struct {
	s       *Script
	before  []string
	replies bool // the lines now read belong to the last step's reply
	batches int
	batch   int // the open batch, or 0
}

// Parse reads the text of one file. Errors name the line.
func Parse(name, text string) (*Script, error) {
	p := parser{s: &Script{Name: name}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(i+1, line); err != nil {
			return nil, fmt.Errorf("%s.txt:%d: %w", name, i+1, err)
		}
	}
	if p.batch != 0 {
		return nil, fmt.Errorf("%s.txt: no } at the end", name)
	}
	p.s.Tail = p.before
	return p.s, nil
}

func (p *parser) line(number int, line string) error {
	switch {
	case line == "" || line == "#" || strings.HasPrefix(line, "# "):
		p.aside(line)
	case strings.HasPrefix(line, "! "):
		p.aside(line)
		if len(p.s.Steps) > 0 {
			return fmt.Errorf("option after the first line sent")
		}
		return p.s.option(line[2:])
	case line == "{":
		p.aside(line)
		if p.batch != 0 {
			return fmt.Errorf("{ inside {")
		}
		p.batches++
		p.batch = p.batches
	case line == "}":
		p.aside(line)
		if p.batch == 0 {
			return fmt.Errorf("} without {")
		}
		p.batch = 0
	case sendLine.MatchString(line):
		return p.send(number, line)
	case !p.replies:
		return fmt.Errorf("reply %q under no line sent", line)
	default:
		last := &p.s.Steps[len(p.s.Steps)-1]
		last.Want = append(last.Want, line)
	}
	return nil
}

func (p *parser) aside(line string) {
	p.before = append(p.before, line)
	p.replies = false
}

func (p *parser) send(number int, line string) error {
	m := sendLine.FindStringSubmatch(line)
	step := Step{Before: p.before, Line: number, Text: line, Conn: m[1], Batch: p.batch}
	for _, mod := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' }) {
		if name, ok := strings.CutPrefix(mod, "as:"); ok {
			step.As = name
			continue
		}
		if !slices.Contains(modsOf, mod) {
			return fmt.Errorf("unknown modifier %q", mod)
		}
		step.Mods = append(step.Mods, mod)
	}
	var err error
	if step.Args, err = harness.SplitArgs(m[3]); err != nil {
		return err
	}
	if step.Has("read") != (len(step.Args) == 0) {
		return fmt.Errorf("a line sends words, unless it is >read")
	}
	if p.batch != 0 && (step.Has("until") || step.Has("raw") || step.Has("part") || step.Has("read")) {
		return fmt.Errorf("%v inside a batch", step.Mods)
	}
	if last := len(p.s.Steps) - 1; p.batch != 0 && last >= 0 {
		if prev := p.s.Steps[last]; prev.Batch == p.batch && prev.Conn != step.Conn {
			return fmt.Errorf("two connections in one batch")
		}
	}
	p.before, p.replies = nil, !step.Silent()
	p.s.Steps = append(p.s.Steps, step)
	return nil
}

func (o *Options) option(text string) error {
	name, rest, _ := strings.Cut(text, " ")
	switch name {
	case "opt-out":
		for _, mode := range strings.Fields(rest) {
			if !slices.Contains(modesOf, mode) {
				return fmt.Errorf("unknown mode %q", mode)
			}
			o.OptOut = append(o.OptOut, mode)
		}
	case "config":
		o.Config = append(o.Config, rest)
	case "fresh":
		o.Fresh = true
	case "ends":
		o.Fresh, o.Ends = true, true
	case "proto":
		if rest != "3" {
			return fmt.Errorf("proto %q: files are in protocol 2 unless they say 3", rest)
		}
		o.RESP3 = true
	case "tarn-only", "since":
		o.TarnOnly = text
	case "later":
		o.Later = true
	default:
		return fmt.Errorf("unknown option %q", text)
	}
	return nil
}

// Text writes the script back, with the replies it now holds.
func (s *Script) Text() string {
	var lines []string
	for _, step := range s.Steps {
		lines = append(append(lines, step.Before...), step.Text)
		lines = append(lines, step.Want...)
	}
	return strings.Join(append(lines, s.Tail...), "\n") + "\n"
}
