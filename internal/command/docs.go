// Docs: rows as COMMAND INFO, COMMAND DOCS and HELP show them.
//
// The shapes are Redis 7.2's: of its documentation where Debian's 7.0.15 is older (display_text),
// else of 7.0.15, field by field and type by type. The sentences are our own.

package command

import (
	"strings"

	"tarn/internal/resp"
)

// writeInfo writes a command as COMMAND INFO shows it, with its subcommands.
func writeInfo(w *resp.Writer, s *Spec) {
	w.Array(10)
	w.BulkString(s.FullName)
	w.Int(int64(s.Arity))
	writeNames(w, s.Flags.Names(), "")
	w.Int(int64(s.FirstKey))
	w.Int(int64(s.LastKey))
	w.Int(int64(s.KeyStep))
	writeNames(w, s.Categories.Names(), "@")
	w.Set(len(s.Tips))
	for _, tip := range s.Tips {
		w.BulkString(tip)
	}
	w.Set(len(s.Keys))
	for i := range s.Keys {
		writeKeySpec(w, &s.Keys[i])
	}
	if len(s.Sub) == 0 {
		w.Set(0)
		return
	}
	w.Array(len(s.Sub))
	for i := range s.Sub {
		writeInfo(w, &s.Sub[i])
	}
}

// writeNames writes a set of names, each behind the prefix.
func writeNames(w *resp.Writer, names []string, prefix string) {
	w.Set(len(names))
	for _, name := range names {
		w.Simple(prefix + name)
	}
}

// writeKeySpec writes a key specification: what begins the search, and how keys follow.
func writeKeySpec(w *resp.Writer, k *KeySpec) {
	fields := 3
	if k.Note != "" {
		fields++
	}
	w.Map(fields)
	if k.Note != "" {
		w.BulkString("notes")
		w.BulkString(k.Note)
	}
	w.BulkString("flags")
	writeNames(w, k.Flags.Names(), "")

	w.BulkString("begin_search")
	switch {
	case k.At > 0:
		writeSearch(w, "index", 1)
		writeField(w, "index", k.At)
	case k.Keyword != "":
		writeSearch(w, "keyword", 2)
		w.BulkString("keyword")
		w.BulkString(k.Keyword)
		writeField(w, "startfrom", k.From)
	default:
		writeSearch(w, "unknown", 0)
	}

	w.BulkString("find_keys")
	switch {
	case k.At == 0 && k.Keyword == "":
		writeSearch(w, "unknown", 0)
	case k.Counted:
		writeSearch(w, "keynum", 3)
		writeField(w, "keynumidx", 0)
		writeField(w, "firstkey", 1)
		writeField(w, "keystep", k.step())
	default:
		writeSearch(w, "range", 3)
		writeField(w, "lastkey", k.Last)
		writeField(w, "keystep", k.step())
		writeField(w, "limit", k.Limit)
	}
}

// writeSearch opens a step of a key specification, whose fields follow.
func writeSearch(w *resp.Writer, kind string, fields int) {
	w.Map(2)
	w.BulkString("type")
	w.BulkString(kind)
	w.BulkString("spec")
	w.Map(fields)
}

func writeField(w *resp.Writer, name string, value int) {
	w.BulkString(name)
	w.Int(int64(value))
}

func writeText(w *resp.Writer, name, text string) {
	w.BulkString(name)
	w.BulkString(text)
}

// writeDocs writes a command as COMMAND DOCS shows it, with its subcommands.
func writeDocs(w *resp.Writer, s *Spec) {
	fields := w.Deferred()
	count := 3
	writeText(w, "summary", s.Summary)
	writeText(w, "since", s.Since)
	writeText(w, "group", s.Group)
	if s.Cost != "" {
		count++
		writeText(w, "complexity", s.Cost)
	}
	if s.System || s.DeprecatedSince != "" {
		count++
		w.BulkString("doc_flags")
		writeNames(w, s.docFlags(), "")
	}
	if s.DeprecatedSince != "" {
		count += 2
		writeText(w, "deprecated_since", s.DeprecatedSince)
		writeText(w, "replaced_by", s.ReplacedBy)
	}
	if len(s.History) > 0 {
		count++
		w.BulkString("history")
		w.Set(len(s.History))
		for _, change := range s.History {
			w.Array(2)
			w.BulkString(change.Since)
			w.BulkString(change.Text)
		}
	}
	if s.Args != "" {
		count++
		w.BulkString("arguments")
		writeArguments(w, parseSyntax(s.Args))
	}
	if len(s.Sub) > 0 {
		count++
		w.BulkString("subcommands")
		w.Map(len(s.Sub))
		for i := range s.Sub {
			w.BulkString(s.Sub[i].FullName)
			writeDocs(w, &s.Sub[i])
		}
	}
	w.SetMapLen(fields, count)
}

// docFlags lists what COMMAND DOCS says of a command's standing.
func (s *Spec) docFlags() []string {
	var flags []string
	if s.DeprecatedSince != "" {
		flags = append(flags, "deprecated")
	}
	if s.System {
		flags = append(flags, "syscmd")
	}
	return flags
}

// writeArguments writes an argument tree.
func writeArguments(w *resp.Writer, args []argument) {
	w.Array(len(args))
	for i := range args {
		a := &args[i]
		fields := w.Deferred()
		count := 2
		writeText(w, "name", a.name)
		writeText(w, "type", a.kind)
		if len(a.parts) == 0 {
			count++
			writeText(w, "display_text", a.name)
		}
		if a.keySpec >= 0 {
			count++
			writeField(w, "key_spec_index", a.keySpec)
		}
		if a.hasToken {
			count++
			writeText(w, "token", a.token)
		}
		if a.since != "" {
			count++
			writeText(w, "since", a.since)
		}
		if a.deprecated != "" {
			count++
			writeText(w, "deprecated_since", a.deprecated)
		}
		if flags := a.flags(); len(flags) > 0 {
			count++
			w.BulkString("flags")
			writeNames(w, flags, "")
		}
		if len(a.parts) > 0 {
			count++
			w.BulkString("arguments")
			writeArguments(w, a.parts)
		}
		w.SetMapLen(fields, count)
	}
}

// flags lists how an argument may be given.
func (a *argument) flags() []string {
	var flags []string
	if a.optional {
		flags = append(flags, "optional")
	}
	if a.multiple {
		flags = append(flags, "multiple")
	}
	if a.multipleToken {
		flags = append(flags, "multiple_token")
	}
	return flags
}

// writeHelp writes the subcommands of a container, each with its syntax and its summary.
func writeHelp(w *resp.Writer, s *Spec) {
	name := strings.ToUpper(s.FullName)
	lines := []string{name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	add := func(call, text string) { lines = append(lines, call, "    "+text) }
	if s.Arity == -1 {
		add("(no subcommand)", s.Summary)
	}
	for i := range s.Sub {
		sub := &s.Sub[i]
		if sub.Name != "help" {
			add(strings.TrimSpace(strings.ToUpper(sub.Name)+" "+sub.Syntax()), sub.Summary)
		}
	}
	add("HELP", "Prints these lines.")
	w.Array(len(lines))
	for _, line := range lines {
		w.Simple(line)
	}
}

// Syntax returns the arguments behind the command's name as people write them:
// "key value [NX | XX] [GET]".
func (s *Spec) Syntax() string {
	var b strings.Builder
	writeSyntax(&b, parseSyntax(s.Args), " ")
	return b.String()
}

// writeSyntax writes arguments with a separator between them.
func writeSyntax(b *strings.Builder, args []argument, separator string) {
	for i := range args {
		if i > 0 {
			b.WriteString(separator)
		}
		args[i].writeSyntax(b)
	}
}

// writeSyntax writes one argument. What may be left out is in brackets, and alternatives are in
// angles where nothing else holds them together.
func (a *argument) writeSyntax(b *strings.Builder) {
	if a.optional {
		b.WriteByte('[')
		defer b.WriteByte(']')
	}
	if a.kind == "pure-token" {
		b.WriteString(quoteToken(a.token))
		return
	}
	token := ""
	if a.hasToken {
		token = quoteToken(a.token) + " "
	}
	var core strings.Builder
	switch {
	case a.kind == "oneof" && a.optional && !a.multiple && token == "", a.kind == "oneof" && onlyOptional(a.parts):
		writeSyntax(&core, a.parts, " | ")
	case a.kind == "oneof":
		core.WriteByte('<')
		writeSyntax(&core, a.parts, " | ")
		core.WriteByte('>')
	case a.kind == "block":
		writeSyntax(&core, a.parts, " ")
	default:
		core.WriteString(a.name)
	}
	b.WriteString(token)
	b.WriteString(core.String())
	if a.multiple {
		repeated := core.String()
		if a.multipleToken {
			repeated = token + repeated
		}
		b.WriteString(" [" + repeated + " ...]")
	}
}

// quoteToken makes an empty word visible.
func quoteToken(token string) string {
	if token == "" {
		return `""`
	}
	return token
}

// onlyOptional tells whether each of several arguments stands in brackets of its own.
func onlyOptional(args []argument) bool {
	for i := range args {
		if !args[i].optional {
			return false
		}
	}
	return true
}
