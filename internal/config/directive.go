// A directive as a row: everything the server knows of it, said once.
//
// A row is made by one of the constructors (boolean, integer, bytes, enum, text, ... in kinds.go and
// compound.go), which give it a way to parse, to print and to be rewritten; what most rows lack is
// added by the methods below (also, hidden, later, ...). The rows themselves are in rows_*.go. From
// them come the defaults, the file parser, CONFIG GET, SET and REWRITE, docs/configuration.md and
// tarn.conf. What must hold is in rows_test.go.

package config

import (
	"fmt"
	"slices"
	"strings"
)

// When says when a directive may change.
type When uint8

// At any time by CONFIG SET, or only at start.
const (
	Live When = iota
	AtStart
)

// Origin says where a directive comes from.
type Origin uint8

// Redis 7.0, Redis 7.2, or Tarn itself.
const (
	Redis70 Origin = iota
	Redis72
	Tarn
)

// A Directive is one row.
type Directive struct {
	Name    string
	Aliases []string // other names for the same value
	Kind    string   // what a value looks like, for documents: "bytes", "yes or no", ...
	Range   string   // what values are taken, for documents; may be empty
	Default string   // as it is written in a file
	When    When
	Doc     string // one sentence
	Group   string // heading it stands under in documents
	Origin  Origin

	Hidden      bool // CONFIG GET shows it only to who names it
	Protected   bool // CONFIG SET asks enable-protected-configs
	Secret      bool // the value must not be logged
	DenyLoading bool // not while the data set is loading

	// At most one of these is set; each completes a sentence.
	Later string // what must exist before it has an effect: "eviction"
	Moot  string // why Tarn has nothing to switch: "every thread reads"
	Needs string // what any value but the default needs; such a value is refused

	manyWords   bool // takes several words, which CONFIG SET gives as one value
	isSwitch    bool // the default says that the thing is off
	omitEmpty   bool // an empty value is not written by CONFIG REWRITE
	alwaysWrite bool // CONFIG REWRITE writes it even at its default
	refreshes   bool // names a file: setting it to the same value runs the hooks again

	parse func(c *Config, words []string) error
	print func(c *Config) string
	// rewrite returns what follows the name in a file, one element for each line. Nil means that
	// print's text is written as it stands.
	rewrite func(c *Config) []string
}

// A reason says what is wrong with a value, in the words a client or a terminal is shown.
type reason string

func (r reason) Error() string { return string(r) }

func reasonf(format string, args ...any) error { return reason(fmt.Sprintf(format, args...)) }

const errWordCount reason = "wrong number of arguments"

func (d Directive) also(names ...string) Directive { d.Aliases = names; return d }
func (d Directive) hidden() Directive              { d.Hidden = true; return d }
func (d Directive) protected() Directive           { d.Protected = true; return d }
func (d Directive) secret() Directive              { d.Secret = true; return d }
func (d Directive) notLoading() Directive          { d.DenyLoading = true; return d }
func (d Directive) later(thing string) Directive   { d.Later = thing; return d }
func (d Directive) moot(why string) Directive      { d.Moot = why; return d }
func (d Directive) needs(thing string) Directive   { d.Needs = thing; return d }
func (d Directive) since(o Origin) Directive       { d.Origin = o; return d }
func (d Directive) omittedEmpty() Directive        { d.omitEmpty = true; return d }
func (d Directive) refreshing() Directive          { d.refreshes = true; return d }

// Effective tells whether the directive does something in this version.
func (d *Directive) Effective() bool { return d.Later == "" && d.Moot == "" && d.Needs == "" }

// Value returns the directive's value in c as CONFIG GET prints it.
func (d *Directive) Value(c *Config) string { return d.print(c) }

// set parses value as CONFIG SET gives it: a directive of several words has them in one value, with
// exactly one blank between two.
func (d *Directive) set(c *Config, value string) error {
	if d.manyWords && value == "" {
		return d.parse(c, nil)
	}
	if d.manyWords {
		return d.parse(c, strings.Split(value, " "))
	}
	return d.parse(c, []string{value})
}

// refusal returns why the value in c cannot be had, or "".
func (d *Directive) refusal(c *Config) string {
	if d.Needs == "" || d.print(c) == d.print(defaults) {
		return ""
	}
	return fmt.Sprintf("tarn: %s %s needs %s, which this version does not have", d.Name, d.shown(c), d.Needs)
}

// shown returns the value for a message: never a password.
func (d *Directive) shown(c *Config) string {
	if d.Secret {
		return "(hidden)"
	}
	return d.print(c)
}

// group sets the heading of rows.
func group(heading string, rows ...Directive) []Directive {
	for i := range rows {
		rows[i].Group = heading
	}
	return rows
}

// directives are all rows, in the order of documents and of CONFIG GET.
var directives = slices.Concat(networkRows, processRows, logRows, accessRows, savingRows, appendRows,
	memoryRows, encodingRows, scriptRows, replicationRows, clusterRows, tlsRows)

// byName finds a row by its name or an alias, in lower case.
var byName = index(directives)

// defaults is the Config of a server that was told nothing.
var defaults = parseDefaults(directives)

func index(rows []Directive) map[string]*Directive {
	m := make(map[string]*Directive, 2*len(rows))
	for i := range rows {
		for _, name := range rows[i].names() {
			if m[name] != nil {
				panic("config: two rows are named " + name)
			}
			m[name] = &rows[i]
		}
	}
	return m
}

func (d *Directive) names() []string { return append([]string{d.Name}, d.Aliases...) }

func parseDefaults(rows []Directive) *Config {
	c := new(Config)
	for i := range rows {
		d := &rows[i]
		if d.Default == "" {
			continue // the zero value
		}
		if err := d.set(c, d.Default); err != nil {
			panic(fmt.Sprintf("config: default %q of %s: %v", d.Default, d.Name, err))
		}
	}
	return c
}

// Lookup returns the row of a directive, by any of its names in any case, or nil.
func Lookup(name string) *Directive { return byName[strings.ToLower(name)] }

// Directives returns all rows, which the caller must not change.
func Directives() []Directive { return directives }
