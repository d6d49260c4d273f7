// Syntax: the notation of Spec.Args, from which COMMAND DOCS gets its argument tree.
//
//	key@0 value [condition(NX|XX)#2.6.12] [GET#6.2.0] [expiration(EX=seconds:int|KEEPTTL)] member...
//
//	name            an argument; ":int", ":double", ":pattern" or ":time" behind the name says that
//	                it is a number, a glob pattern or a Unix time, and "@2" behind that, that it is
//	                a key (or makes one) by the key specification of that index
//	WORD            the word itself, an argument called "word"; name='w' is the word w under a name
//	WORD=argument   the argument preceded by the word
//	name(a|b)       one of several; name{a b} a group
//	#1.2.3 #-1.2.3  since when the argument is there, and since when deprecated
//	argument...     may be repeated; "...+" together with the word before it
//	[argument]      may be left out
//
// Suffixes come in the order @ # #- ... and inside the brackets. A notation is ours: a wrong one
// panics, and a test parses them all.

package command

import (
	"strconv"
	"strings"
)

// argument is a node of a command's argument tree.
type argument struct {
	name, kind    string // kind is what COMMAND DOCS calls type
	token         string
	hasToken      bool // since a token may be ""
	since         string
	deprecated    string
	keySpec       int // index into Spec.Keys, or -1
	optional      bool
	multiple      bool
	multipleToken bool
	parts         []argument // of a oneof or block
}

// parseSyntax returns the arguments that a notation describes. It panics on a wrong notation.
func parseSyntax(notation string) []argument {
	if notation == "" {
		return nil
	}
	p := syntaxParser{rest: notation, whole: notation}
	args := p.list(' ')
	p.must(p.rest == "")
	return args
}

// syntaxParser reads a notation from left to right.
type syntaxParser struct {
	rest, whole string
}

// must panics when the notation is wrong.
func (p *syntaxParser) must(right bool) {
	if !right {
		panic("command: bad syntax " + strconv.Quote(p.whole) + " near " + strconv.Quote(p.rest))
	}
}

// skip consumes prefix if it comes next.
func (p *syntaxParser) skip(prefix string) bool {
	rest, found := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return found
}

// word consumes up to the next character with a meaning of its own.
func (p *syntaxParser) word() string {
	end := strings.IndexAny(p.rest, " ()[]{}|@#=.+'")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// list reads arguments with separators between them.
func (p *syntaxParser) list(separator byte) []argument {
	args := []argument{p.argument()}
	for p.skip(string(separator)) {
		args = append(args, p.argument())
	}
	return args
}

// argument reads one argument with its suffixes and brackets.
func (p *syntaxParser) argument() argument {
	optional := p.skip("[")
	a := p.core()
	a.optional = optional
	a.keySpec = -1
	if p.skip("@") {
		index, err := strconv.Atoi(p.word())
		p.must(err == nil)
		a.keySpec = index
		if a.kind == "string" {
			a.kind = "key"
		}
	}
	for p.skip("#") {
		version := &a.since
		if p.skip("-") {
			version = &a.deprecated
		}
		*version = p.version()
	}
	a.multiple = p.skip("...")
	a.multipleToken = p.skip("+")
	p.must(p.skip("]") == optional)
	return a
}

// core reads an argument up to its suffixes.
func (p *syntaxParser) core() argument {
	word := p.word()
	p.must(word != "")
	if p.skip("='") {
		token, rest, closed := strings.Cut(p.rest, "'")
		p.must(closed)
		p.rest = rest
		return argument{name: word, kind: "pure-token", token: token, hasToken: true}
	}
	if p.skip("=") {
		a := p.core()
		a.token, a.hasToken = word, true
		return a
	}
	switch {
	case p.skip("("):
		a := argument{name: word, kind: "oneof", parts: p.list('|')}
		p.must(p.skip(")"))
		return a
	case p.skip("{"):
		a := argument{name: word, kind: "block", parts: p.list(' ')}
		p.must(p.skip("}"))
		return a
	case 'A' <= word[0] && word[0] <= 'Z':
		return argument{name: strings.ToLower(word), kind: "pure-token", token: word, hasToken: true}
	}
	name, kind := word, "string"
	for suffix, k := range syntaxKinds {
		if n, found := strings.CutSuffix(word, suffix); found {
			name, kind = n, k
		}
	}
	return argument{name: name, kind: kind}
}

// version reads a version of three numbers.
func (p *syntaxParser) version() string {
	start := p.rest
	for i := range 3 {
		p.must(i == 0 || p.skip("."))
		_, err := strconv.Atoi(p.word())
		p.must(err == nil)
	}
	return start[:len(start)-len(p.rest)]
}

// syntaxKinds are the suffixes of a name that say what the argument is.
var syntaxKinds = map[string]string{
	":int":     "integer",
	":double":  "double",
	":pattern": "pattern",
	":time":    "unix-time",
	":key":     "key", // one that no specification tells
}
