// Introspect: COMMAND and its subcommands, the commands about commands.

package command

import (
	"tarn/internal/glob"
	"tarn/internal/resp"
)

// Errors of COMMAND GETKEYS beside those of ExtractKeys.
const (
	errInvalidCommand resp.Error = "ERR Invalid command specified"
	errArgumentCount  resp.Error = "ERR Invalid number of arguments specified for command"
)

// commandAll replies with what there is to know of every command.
func commandAll(c *Call) error {
	writeAllInfo(c.Reply, c.Env.Table)
	return nil
}

// commandCount replies with the number of commands.
func commandCount(c *Call) error {
	c.Reply.Int(int64(c.Env.Table.Count()))
	return nil
}

// commandDocs replies with the documentation of the commands named, or of all. Unknown names are
// left out.
func commandDocs(c *Call) error {
	w, table := c.Reply, c.Env.Table
	count := 0
	length := w.Deferred()
	write := func(s *Spec) {
		w.BulkString(s.FullName)
		writeDocs(w, s)
		count++
	}
	if len(c.Args) == 2 {
		for s := range table.All(false) {
			write(s)
		}
	}
	for _, name := range c.Args[2:] {
		if s := table.FindFullName(name); s != nil {
			write(s)
		}
	}
	w.SetMapLen(length, count)
	return nil
}

// commandGetKeys replies with the keys among the arguments of a whole command.
func commandGetKeys(c *Call) error {
	args := c.Args[2:]
	keys, err := keysOf(c.Env.Table, args)
	if err != nil {
		return err
	}
	c.Reply.Array(len(keys))
	for _, key := range keys {
		c.Reply.Bulk(args[key.Pos])
	}
	return nil
}

// commandGetKeysAndFlags replies with the keys of a whole command and what it does to each.
func commandGetKeysAndFlags(c *Call) error {
	args := c.Args[2:]
	keys, err := keysOf(c.Env.Table, args)
	if err != nil {
		return err
	}
	c.Reply.Array(len(keys))
	for _, key := range keys {
		c.Reply.Array(2)
		c.Reply.Bulk(args[key.Pos])
		writeNames(c.Reply, key.Flags.Names(), "")
	}
	return nil
}

// keysOf finds the keys of a whole command.
func keysOf(table *Table, args [][]byte) ([]KeyRef, error) {
	spec, _ := table.Find(args)
	switch {
	case spec == nil:
		return nil, errInvalidCommand
	case !spec.HasKeys():
		return nil, ErrNoKeyArguments
	case !spec.Accepts(len(args)):
		return nil, errArgumentCount
	}
	return spec.ExtractKeys(args, nil)
}

// containerHelp replies with the subcommands of the container it is called on.
func containerHelp(c *Call) error {
	writeHelp(c.Reply, c.Spec.Parent)
	return nil
}

// commandInfo replies with what there is to know of the commands named, or of all. An unknown name
// gets a null.
func commandInfo(c *Call) error {
	if len(c.Args) == 2 {
		return commandAll(c)
	}
	w := c.Reply
	w.Array(len(c.Args) - 2)
	for _, name := range c.Args[2:] {
		if s := c.Env.Table.FindFullName(name); s != nil {
			writeInfo(w, s)
		} else {
			w.Null()
		}
	}
	return nil
}

// writeAllInfo writes every command.
func writeAllInfo(w *resp.Writer, table *Table) {
	w.Array(table.Count())
	for s := range table.All(false) {
		writeInfo(w, s)
	}
}

// commandList replies with the names of all commands and subcommands, or of those that pass a filter.
func commandList(c *Call) error {
	keep := func(*Spec) bool { return true }
	if len(c.Args) > 2 {
		if len(c.Args) != 5 || !isToken(c.Args[2], "FILTERBY") {
			return errListSyntax
		}
		if keep = listFilter(c.Args[3], c.Args[4]); keep == nil {
			return errListSyntax
		}
	}
	count := 0
	length := c.Reply.Deferred()
	for s := range c.Env.Table.All(true) {
		if keep(s) {
			c.Reply.BulkString(s.FullName)
			count++
		}
	}
	c.Reply.SetArrayLen(length, count)
	return nil
}

// errListSyntax refuses COMMAND LIST.
const errListSyntax resp.Error = "ERR syntax error"

// listFilter returns the filter that COMMAND LIST names, or nil when there is none of that name.
func listFilter(name, value []byte) func(*Spec) bool {
	switch {
	case isToken(name, "MODULE"):
		return func(*Spec) bool { return false }
	case isToken(name, "ACLCAT"):
		category := CategoryByName(value)
		return func(s *Spec) bool { return s.Categories&category != 0 }
	case isToken(name, "PATTERN"):
		return func(s *Spec) bool { return glob.Match(value, []byte(s.FullName), true) }
	}
	return nil
}
