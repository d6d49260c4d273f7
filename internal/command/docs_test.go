// Shown here: docs/commands.md says what the rows say; every notation in the rows parses and wrong
// ones panic; syntax is written as people know it; HELP lists what a container has; documentation
// follows the rows' rules (own sentences, whole and short).

package command

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tarn/internal/resp"
)

//go:generate go test -run TestCommandsPage -update .

var update = flag.Bool("update", false, "write docs/commands.md anew")

// TestCommandsPage compares docs/commands.md with the rows.
func TestCommandsPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "commands.md")
	want := commandsPage(NewTable())
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("docs/commands.md is not what the rows say, from line %d: go generate ./internal/command", i+1)
		}
	}
}

// commandsPage writes the rows as a page.
func commandsPage(table *Table) string {
	var b strings.Builder
	var commands, subcommands, run int
	for s := range table.All(true) {
		if s.Parent == nil {
			commands++
		} else {
			subcommands++
		}
		if s.Run != nil {
			run++
		}
	}
	fmt.Fprintf(&b, `# Commands

The %d commands and %d subcommands of Redis 7.2, by group. This version of Tarn runs %d of them, marked ●;
the others answer with an error that says so. Complexity is as Redis documents it.

Written from the rows in internal/command by `+"`go generate ./internal/command`"+`.
`, commands, subcommands, run)
	group := ""
	for s := range table.All(true) {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n\n| | command | what it does | complexity | since |\n|---|---|---|---|---|\n", group)
		}
		mark := " "
		if s.Run != nil {
			mark = "●"
		}
		name := strings.ToUpper(strings.Replace(s.FullName, "|", " ", 1))
		summary := s.Summary
		if s.DeprecatedSince != "" {
			summary += " Deprecated since " + s.DeprecatedSince + "; instead: " + s.ReplacedBy + "."
		}
		cells := []string{mark, "`" + strings.TrimSpace(name+" "+s.Syntax()) + "`", summary, s.Cost, s.Since}
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// TestSyntax parses every row's notation, demands that it comes out whole, and pins some.
func TestSyntax(t *testing.T) {
	table := NewTable()
	for s := range table.All(true) {
		keys := 0
		for _, a := range parseSyntax(s.Args) {
			if a.keySpec >= len(s.Keys) {
				t.Errorf("%s: argument %s refers to key specification %d of %d", s.FullName, a.name, a.keySpec, len(s.Keys))
			}
			keys++
		}
		if s.Args != "" && keys == 0 {
			t.Errorf("%s: %q gives no arguments", s.FullName, s.Args)
		}
	}
	for name, want := range map[string]string{
		"get": "key",
		"set": "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | " +
			"PXAT unix-time-milliseconds | KEEPTTL]",
		"mset":          "key value [key value ...]",
		"del":           "key [key ...]",
		"pfadd":         "key [element [element ...]]",
		"blmove":        "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
		"sort":          "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]",
		"xadd":          "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]",
		"xread":         "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
		"migrate":       `host port <key | ""> destination-db timeout [COPY] [REPLACE] [[AUTH password] | [AUTH2 username password]] [KEYS key [key ...]]`,
		"bitcount":      "key [start end [BYTE | BIT]]",
		"zinter":        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
		"client|list":   "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
		"flushall":      "[ASYNC | SYNC]",
		"config|set":    "parameter value [parameter value ...]",
		"command|count": "",
	} {
		if got := table.FindFullName([]byte(name)).Syntax(); got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestWrongNotationPanics(t *testing.T) {
	for _, notation := range []string{
		" ", "[a", "a]", "a(b", "a{b", "a(b|)", "a b)", "a='b", "a@x", "a@0@1", "a#1.2", "a#1.2.x", "a...b", "=a", "a  b", "a|b", "[]",
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("parseSyntax(%q) did not panic", notation)
				}
			}()
			parseSyntax(notation)
		}()
	}
}

// TestRowsAreWritten demands what every row owes its reader.
func TestRowsAreWritten(t *testing.T) {
	for s := range NewTable().All(true) {
		words := strings.Fields(s.Summary)
		if len(words) < 2 || !strings.HasSuffix(s.Summary, ".") || !strings.HasSuffix(words[0], "s") || len(s.Summary) > 90 {
			t.Errorf("%s: summary %q is not a short sentence in the third person", s.FullName, s.Summary)
		}
		if strings.HasSuffix(s.Cost, ".") {
			t.Errorf("%s: cost %q ends in a full stop", s.FullName, s.Cost)
		}
		if s.Since == "" || s.Arity == 0 || s.Name != strings.ToLower(s.Name) {
			t.Errorf("%s: since %q, arity %d", s.FullName, s.Since, s.Arity)
		}
		if (s.DeprecatedSince == "") != (s.ReplacedBy == "") {
			t.Errorf("%s: deprecated since %q, replaced by %q", s.FullName, s.DeprecatedSince, s.ReplacedBy)
		}
		if len(s.Sub) > 0 && s.Args != "" {
			t.Errorf("%s: a container has arguments: %q", s.FullName, s.Args)
		}
	}
}

// TestHelp demands that the help of a container names each of its subcommands, in either protocol.
func TestHelp(t *testing.T) {
	table := NewTable()
	for s := range table.All(false) {
		if s.Subcommand([]byte("help")) == nil {
			continue
		}
		var w resp.Writer
		c := &Call{Spec: s.Subcommand([]byte("HELP")), Reply: &w, Env: &Env{Table: table}}
		if err := containerHelp(c); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(w.Buffer()), "\r\n"), "\r\n")
		if count := fmt.Sprintf("*%d", len(lines)-1); lines[0] != count {
			t.Errorf("%s help announces %s lines, has %s", s.Name, lines[0], count)
		}
		head := "+" + strings.ToUpper(s.Name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
		if lines[1] != head {
			t.Errorf("%s help begins %q, want %q", s.Name, lines[1], head)
		}
		for i := range s.Sub {
			sub := strings.ToUpper(s.Sub[i].Name)
			if !slices.ContainsFunc(lines, func(l string) bool { return l == "+"+sub || strings.HasPrefix(l, "+"+sub+" ") }) {
				t.Errorf("%s help lacks %s", s.Name, sub)
			}
		}
	}
}
