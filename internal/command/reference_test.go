// Shown here, against Debian's redis-server (7.0.15): every row says what Redis says. COMMAND INFO
// and COMMAND DOCS are compared reply by reply and type by type in both protocols, but for the
// order of what Redis keeps in a dictionary and for the sentences, of which only the facts must
// agree: formulas, versions, words in backquotes. What Redis 7.2 changed, by its documentation, is
// listed and must differ in just that way. Needs redis-server: go test -tags oracle -count=1.

//go:build oracle

package command

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	osexec "os/exec" // exec is a command
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/resp"
)

// oracle is a connection to a real server.
type oracle struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader
}

// startOracle starts a server and connects to it.
func startOracle(t *testing.T, directives ...string) *oracle {
	t.Helper()
	binary, err := osexec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server to compare with")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	args := []string{"--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir}
	server := osexec.Command(binary, append(args, directives...)...)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	log := bufio.NewScanner(out)
	for log.Scan() && !strings.Contains(log.Text(), "eady to accept connections") &&
		!strings.Contains(log.Text(), "now ready to accept") {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &oracle{t, conn, bufio.NewReader(conn)}
}

// do sends a command and returns the reply.
func (o *oracle) do(args ...string) reply {
	o.t.Helper()
	var raw [][]byte
	for _, arg := range args {
		raw = append(raw, []byte(arg))
	}
	if _, err := o.conn.Write(resp.AppendCommand(nil, raw...)); err != nil {
		o.t.Fatal(err)
	}
	r, err := readReply(o.reader)
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// reply is a decoded reply: the type's first byte, with its text or its elements. Keys and values
// of a map alternate.
type reply struct {
	kind byte
	text string
	elem []reply
}

func readReply(r *bufio.Reader) (reply, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return reply{}, err
	}
	v := reply{kind: line[0], text: strings.TrimSuffix(line[1:], "\r\n")}
	if !strings.ContainsRune("$*~%", rune(v.kind)) {
		return v, nil
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 0 {
		return v, err
	}
	if v.kind == '$' {
		body := make([]byte, n+2)
		_, err := io.ReadFull(r, body)
		v.text = string(body[:n])
		return v, err
	}
	if v.kind == '%' {
		n *= 2
	}
	v.text = ""
	for range n {
		e, err := readReply(r)
		if err != nil {
			return v, err
		}
		v.elem = append(v.elem, e)
	}
	return v, nil
}

// String renders a reply on one line.
func (v reply) String() string {
	if !strings.ContainsRune("*~%", rune(v.kind)) || v.text != "" {
		return string(v.kind) + v.text
	}
	var b strings.Builder
	b.WriteByte(v.kind)
	b.WriteByte('(')
	for i, e := range v.elem {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.String())
	}
	return b.String() + ")"
}

// field returns the value of a map's field, or a reply of kind 0. RESP2 writes maps as arrays.
func (v reply) field(name string) *reply {
	for i := 0; i+1 < len(v.elem); i += 2 {
		if v.elem[i].text == name {
			return &v.elem[i+1]
		}
	}
	return &reply{}
}

// without returns a map with one field left out.
func (v reply) without(name string) reply {
	for i := 0; i+1 < len(v.elem); i += 2 {
		if v.elem[i].text == name {
			v.elem = slices.Delete(slices.Clone(v.elem), i, i+2)
			return v
		}
	}
	return v
}

// sortBy orders elements, taken width at a time, by the text of the first.
func (v *reply) sortBy(width int, name func(reply) string) {
	groups := slices.Collect(slices.Chunk(v.elem, width))
	slices.SortFunc(groups, func(a, b []reply) int { return strings.Compare(name(a[0]), name(b[0])) })
	v.elem = slices.Concat(groups...)
}

// ours runs a command on our table.
func ours(t *testing.T, table *Table, proto int, args ...string) reply {
	t.Helper()
	var w resp.Writer
	w.SetProto(proto)
	var raw [][]byte
	for _, arg := range args {
		raw = append(raw, []byte(arg))
	}
	spec, _ := table.Find(raw)
	if spec == nil || spec.Run == nil || !spec.Accepts(len(args)) {
		t.Fatalf("%q is not run by this table", args)
	}
	c := &Call{Args: raw, Spec: spec, Reply: &w, Env: &Env{Table: table}}
	if err := spec.Run(c); err != nil {
		w.Error(err.(resp.Error))
	}
	r := bufio.NewReader(bytes.NewReader(w.Buffer()))
	v, err := readReply(r)
	if err != nil {
		t.Fatalf("%q: %v in %q", args, err, w.Buffer())
	}
	if r.Buffered() > 0 {
		t.Fatalf("%q: more than one reply: %q", args, w.Buffer())
	}
	return v
}

// newIn72 are the commands that Redis 7.2 added to 7.0, by its documentation.
var newIn72 = []string{"client|no-touch", "client|setinfo", "cluster|myshardid", "waitaof"}

// infoIn72 says how 7.2 changed COMMAND INFO of 7.0's commands: blocking commands may run in
// scripts, where they do not wait; two commands gained an option.
var infoIn72 = map[string]struct{ old, new string }{
	"blmove":     {"+noscript ", ""},
	"blpop":      {"+noscript ", ""},
	"brpop":      {"+noscript ", ""},
	"brpoplpush": {"+noscript ", ""},
	"bzpopmax":   {"+noscript ", ""},
	"bzpopmin":   {"+noscript ", ""},
	"wait":       {"(+noscript)", "()"},
	"zrank":      {":3 ", ":-3 "},
	"zrevrank":   {":3 ", ":-3 "},
}

// TestInfoEqualsReference compares COMMAND INFO of every command, one by one and all together.
func TestInfoEqualsReference(t *testing.T) {
	server, table := startOracle(t), NewTable()
	for _, proto := range []int{resp.RESP2, resp.RESP3} {
		server.do("HELLO", strconv.Itoa(proto))
		for s := range table.All(true) {
			if slices.Contains(newIn72, s.FullName) {
				continue
			}
			got := infoFacts(ours(t, table, proto, "COMMAND", "INFO", s.FullName).elem[0])
			want := infoFacts(server.do("COMMAND", "INFO", s.FullName).elem[0])
			if change, ok := infoIn72[s.FullName]; ok {
				if !strings.Contains(want, change.old) {
					t.Errorf("%s: 7.0 does not have %q, which 7.2 changed", s.FullName, change.old)
				}
				want = strings.Replace(want, change.old, change.new, 1)
			}
			if got != want {
				t.Errorf("COMMAND INFO %s, RESP%d\n got %s\nwant %s", s.FullName, proto, got, want)
			}
		}
		for _, args := range [][]string{{"COMMAND"}, {"COMMAND", "INFO"}} {
			var got, want []string
			for _, e := range ours(t, table, proto, args...).elem {
				if name := e.elem[0].text; !slices.Contains(newIn72, name) && infoIn72[name].old == "" {
					got = append(got, infoFacts(e))
				}
			}
			for _, e := range server.do(args...).elem {
				if infoIn72[e.elem[0].text].old == "" {
					want = append(want, infoFacts(e))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s, RESP%d: %d entries, want %d, or one of them differs", args, proto, len(got), len(want))
			}
		}
	}
}

// infoFacts renders an entry of COMMAND INFO with what may differ taken out: notes, and the order
// of subcommands, of which those of 7.2 are dropped.
func infoFacts(entry reply) string {
	if len(entry.elem) != 10 {
		return entry.String()
	}
	entry.elem = slices.Clone(entry.elem)
	specs := &entry.elem[8]
	specs.elem = slices.Clone(specs.elem)
	for i, s := range specs.elem {
		specs.elem[i] = noted(s)
	}
	subs := &entry.elem[9]
	subs.elem = slices.DeleteFunc(slices.Clone(subs.elem), func(s reply) bool {
		return slices.Contains(newIn72, s.elem[0].text)
	})
	subs.sortBy(1, func(s reply) string { return s.elem[0].text })
	for i, s := range subs.elem {
		subs.elem[i] = reply{kind: '+', text: infoFacts(s)}
	}
	return entry.String()
}

// noted replaces the note of a key specification by the fact that there is one.
func noted(spec reply) reply {
	if spec.field("notes").kind == 0 {
		return spec
	}
	spec = spec.without("notes")
	spec.elem = append([]reply{{kind: '+', text: "noted"}}, spec.elem...)
	return spec
}

// docsIn72 are the commands whose documentation 7.2 changed, with the lines it added to it.
var docsIn72 = map[string][]string{
	"acl|log":         {"history 7.2.0"},
	"client|list":     {"history 7.2.0 `lib-name` `lib-ver`"},
	"quit":            {"doc_flags deprecated", "deprecated_since 7.2.0", "replaced_by just closing the connection"},
	"xinfo|consumers": {"history 7.2.0 `inactive`"},
	"xinfo|stream":    {"history 7.2.0 `active-time` `seen-time`"},
	"zrank":           {"history 7.2.0 `WITHSCORE`", "argument 2 withscore pure-token token=WITHSCORE optional"},
	"zrevrank":        {"history 7.2.0 `WITHSCORE`", "argument 2 withscore pure-token token=WITHSCORE optional"},
}

// TestDocsEqualReference compares COMMAND DOCS of every command.
func TestDocsEqualReference(t *testing.T) {
	server, table := startOracle(t), NewTable()
	for _, proto := range []int{resp.RESP2, resp.RESP3} {
		server.do("HELLO", strconv.Itoa(proto))
		for s := range table.All(true) {
			if slices.Contains(newIn72, s.FullName) {
				continue
			}
			got := docsFacts(ours(t, table, proto, "COMMAND", "DOCS", s.FullName).elem[1], table)
			want := docsFacts(server.do("COMMAND", "DOCS", s.FullName).elem[1], nil)
			for _, line := range docsIn72[s.FullName] {
				if slices.Contains(want, line) {
					t.Errorf("%s: 7.0 has %q, which 7.2 is listed to have added", s.FullName, line)
				}
				want = append(want, line)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("COMMAND DOCS %s, RESP%d\nonly got  %q\nonly want %q", s.FullName, proto,
					missing(got, want), missing(want, got))
			}
		}
	}
}

// missing lists the lines of a that b lacks.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}

var (
	quotedWord   = regexp.MustCompile("`[^`]*`")
	orderFormula = regexp.MustCompile(`O\(`)
)

// docsFacts renders an entry of COMMAND DOCS as lines. Sentences are cut down to their facts.
func docsFacts(entry reply, table *Table) []string {
	lines := []string{"fields " + string(entry.kind)}
	for i := 0; i < len(entry.elem); i += 2 {
		name, value := entry.elem[i].text, entry.elem[i+1]
		switch name {
		case "summary":
			if value.text == "" {
				lines = append(lines, "no summary")
			}
		case "complexity":
			lines = append(lines, "complexity "+strings.Join(formulas(value.text), " "))
		case "doc_flags":
			for _, flag := range value.elem {
				lines = append(lines, "doc_flags "+flag.text)
			}
		case "history":
			for _, change := range value.elem {
				words := quotedWord.FindAllString(change.elem[1].text, -1)
				slices.Sort(words)
				words = slices.Compact(words)
				lines = append(lines, strings.Join(append([]string{"history", change.elem[0].text}, words...), " "))
			}
		case "arguments":
			for i, arg := range value.elem {
				lines = append(lines, argumentFacts(fmt.Sprintf("argument %d", i), arg)...)
			}
		case "subcommands":
			for i := 0; i < len(value.elem); i += 2 {
				if !slices.Contains(newIn72, value.elem[i].text) {
					lines = append(lines, "subcommand "+value.elem[i].text)
				}
			}
		default:
			lines = append(lines, name+" "+value.text)
		}
	}
	return lines
}

// formulas lists the distinct O(...) in a text.
func formulas(text string) []string {
	var list []string
	for _, at := range orderFormula.FindAllStringIndex(text, -1) {
		depth := 0
		for i := at[0] + 1; i < len(text); i++ {
			switch text[i] {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				list = append(list, text[at[0]:i+1])
				break
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// argumentFacts renders an argument and its parts, but for display_text, which came with 7.2 and
// must be the name of an argument without parts.
func argumentFacts(path string, arg reply) []string {
	line := path
	var lines []string
	name, leaf := arg.field("name").text, arg.field("arguments").kind == 0
	if d := arg.field("display_text"); d.kind != 0 {
		if d.text != name || !leaf {
			line += " display_text=" + d.text
		}
		arg = arg.without("display_text")
	}
	for i := 0; i < len(arg.elem); i += 2 {
		field, value := arg.elem[i].text, arg.elem[i+1]
		switch field {
		case "name", "type":
			line += " " + value.text
		case "flags":
			for _, flag := range value.elem {
				line += " " + flag.text
			}
		case "arguments":
			for i, part := range value.elem {
				lines = append(lines, argumentFacts(fmt.Sprintf("%s.%d", path, i), part)...)
			}
		default:
			line += " " + field + "=" + value.text
		}
	}
	return append(lines, line)
}
