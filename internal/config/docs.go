// The documents made from the rows: docs/configuration.md and tarn.conf.
//
// `go generate` writes them; TestGenerated fails when they are not what the rows say.

package config

import (
	"fmt"
	"strings"
)

//go:generate go test -count=1 -run ^TestGenerated$ . -update

// lineWidth is where comments in tarn.conf are broken.
const lineWidth = 100

// Sample returns the text of tarn.conf: every directive that is not for tests, explained and
// commented out at its default.
func Sample() string {
	var b strings.Builder
	b.WriteString(`# Configuration of Tarn. Generated from the server's table of directives: see docs/configuration.md.
#
# Every directive stands here with its default. To change one, remove the "#" before it. Sizes take
# units: 1k is 1000 bytes, 1kb 1024 bytes, likewise m, mb, g and gb, in any case. Later lines win.
# Other files can be read by: include /path/to/*.conf
`)
	heading := ""
	for i := range directives {
		d := &directives[i]
		if d.Hidden {
			continue
		}
		if d.Group != heading {
			heading = d.Group
			fmt.Fprintf(&b, "\n##### %s\n", heading)
		}
		b.WriteByte('\n')
		for _, line := range wrap(d.sentence(), lineWidth-2) {
			b.WriteString("# " + line + "\n")
		}
		lines := d.lines(defaults)
		if len(lines) == 0 {
			lines = []string{`""`}
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "# %s %s\n", d.Name, line)
		}
	}
	return b.String()
}

// Reference returns the text of docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceIntro)
	for heading, rows := range grouped() {
		fmt.Fprintf(&b, "\n## %s\n\n| directive | default | values | changes | what it does |\n|---|---|---|---|---|\n", heading)
		for _, d := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.namesCell(), code(d.defaultShown()), d.valuesCell(), d.changesCell(), cell(d.sentence()))
		}
	}
	return b.String()
}

const referenceIntro = `# Configuration

Generated from the table of directives in internal/config (` + "`make generate`" + `); edit the rows, not this page.

` + "`tarn server [file.conf] [-] [--directive value ...]`" + ` reads the file, then standard input if there is a ` + "`-`" + `, then the
arguments. Each line is a directive and its values; ` + "`#`" + ` begins a comment line; values may be quoted as in a shell, with
` + "`\\n \\r \\t \\a \\b \\xHH`" + ` in double quotes. Later lines win, but ` + "`save`" + ` lines add up, and ` + "`save \"\"`" + ` clears them. Sizes take units in
any case: 1k is 1000 bytes, 1kb 1024, likewise m, mb, g and gb.

Besides the directives below, a file may hold:

| line | meaning |
|---|---|
| ` + "`include path`" + ` | reads another file at this place, or all files that match a pattern; a pattern that matches nothing is no mistake |
| ` + "`rename-command name new`" + ` | gives a command another name, or takes it away when the new name is ` + "`\"\"`" + ` |
| ` + "`user ...`, `loadmodule ...`" + ` | refused: this version has neither access control lists nor modules |

` + "`CONFIG SET`" + ` changes several directives at once or none of them. Those that change "at start" only cannot be set by it;
those marked "protected" need ` + "`enable-protected-configs`" + `. ` + "`CONFIG REWRITE`" + ` writes the values in force into the file and keeps
its comments and order.

A directive whose description says that something is needed first is known but has no effect in this version; the server
says so once when it starts with one of them set. Where neglect would cost data or safety, any value but the default is
refused. Names in parentheses are other names for the same directive. ` + "`CONFIG GET`" + ` shows hidden ones only to who names them.
`

// grouped yields the headings in order, each with its rows.
func grouped() func(yield func(string, []*Directive) bool) {
	return func(yield func(string, []*Directive) bool) {
		for i := 0; i < len(directives); {
			heading := directives[i].Group
			var rows []*Directive
			for ; i < len(directives) && directives[i].Group == heading; i++ {
				rows = append(rows, &directives[i])
			}
			if !yield(heading, rows) {
				return
			}
		}
	}
}

// sentence is what the directive does, and whether it does.
func (d *Directive) sentence() string {
	switch {
	case d.Needs != "":
		return d.Doc + " Refused in this version: needs " + d.Needs + "."
	case d.Later != "":
		return d.Doc + " No effect yet: needs " + d.Later + " first."
	case d.Moot != "":
		return d.Doc + " No effect: " + d.Moot + "."
	}
	return d.Doc
}

func (d *Directive) namesCell() string {
	cell := code(d.Name)
	for _, alias := range d.Aliases {
		cell += " (" + code(alias) + ")"
	}
	return cell
}

func (d *Directive) defaultShown() string {
	if d.Default == "" {
		return `""`
	}
	return d.Default
}

func (d *Directive) valuesCell() string {
	if d.Range == "" {
		return d.Kind
	}
	return cell(d.Kind + ": " + d.Range)
}

func (d *Directive) changesCell() string {
	words := []string{"any time"}
	if d.When == AtStart {
		words = []string{"at start"}
	}
	if d.Protected {
		words = append(words, "protected")
	}
	if d.DenyLoading {
		words = append(words, "not while loading")
	}
	if d.Hidden {
		words = append(words, "hidden")
	}
	switch d.Origin {
	case Redis72:
		words = append(words, "since Redis 7.2")
	case Tarn:
		words = append(words, "Tarn only")
	}
	return strings.Join(words, ", ")
}

func code(s string) string { return "`" + s + "`" }

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// wrap breaks text into lines of at most width bytes, at blanks.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
