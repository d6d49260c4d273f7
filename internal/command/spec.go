// Spec: the row that holds all the server knows of a command.
//
// Rows are static data in the rows_*.go files, one file per group, so that starting the server
// costs nothing for them; what follows from a row (its index, the legacy key range, its ACL
// categories) is worked out once, by the first NewTable. The facts in a row are those of Redis 7.2,
// the sentences are Tarn's. A handler must reach the table through its Call, never through a
// package variable: rows name handlers, and Go refuses the circle.

// Package command holds the table of commands and their handlers: what a client may ask, and how it
// is answered.
package command

import "math/bits"

// Handler runs one command. A resp.Error it returns is written to the client as the reply, and
// promises that nothing was changed.
type Handler func(*Call) error

// Spec describes a command, or a subcommand. It must not be changed once in a Table.
type Spec struct {
	Name       string // lower case; a subcommand's is without its container's
	Arity      int    // arguments with the name (and the subcommand); -n means at least n
	Flags      Flags
	Categories Categories               // those that Flags do not imply; complete once in a Table
	Keys       []KeySpec                // where the keys are
	FindKeys   KeyFinder                // nil, or finds the keys that Keys cannot tell
	AnyKey     func(args [][]byte) bool // nil, or tells whether it looks at keys that no argument names: every shard is locked
	Since      string
	Cost       string // complexity: a formula, and what its letters count
	Summary    string
	History    []Change

	DeprecatedSince string // "": not deprecated
	ReplacedBy      string
	System          bool     // meant for servers, not for clients
	Tips            []string // hints for clients and proxies
	Args            string   // what follows the name, in the notation of syntax.go

	Sub []Spec  // subcommands; a container has no arguments of its own
	Run Handler // nil: the command comes in a later version of Tarn

	// Derived; set by NewTable.
	Index    int    // 0 ≤ Index < Table.Size, the same in every Table
	FullName string // "get", "config|get"
	Group    string // as COMMAND DOCS names it
	Parent   *Spec  // the container of a subcommand, or nil

	// The legacy key range: keys are at FirstKey, FirstKey+KeyStep, ... LastKey. LastKey < 0
	// counts from the end, -1 being the last argument; FirstKey 0: no keys, or none that a
	// range tells. When MovableKeys is in Flags, only ExtractKeys finds all the keys. The range of
	// SPUBLISH and its like holds channels: HasKeys is false.
	FirstKey, LastKey, KeyStep int
}

// Change is one line of a command's history.
type Change struct {
	Since string
	Text  string
}

// Accepts tells whether a command of args arguments, its name included, has as many as it needs.
func (s *Spec) Accepts(args int) bool {
	if s.Arity < 0 {
		return args >= -s.Arity
	}
	return args == s.Arity
}

// Subcommand returns the subcommand of that name in any case, or nil. It allocates nothing.
func (s *Spec) Subcommand(name []byte) *Spec {
	for i := range s.Sub {
		if equalFold(name, s.Sub[i].Name) {
			return &s.Sub[i]
		}
	}
	return nil
}

// Flags say what a command does and when it may run. Their order is the one COMMAND INFO prints.
type Flags uint32

const (
	Write           Flags = 1 << iota // may change keys
	ReadOnly                          // reads keys and changes none
	DenyOOM                           // may take memory: refused over maxmemory
	Module                            // comes from a module
	Admin                             // administers the server
	PubSub                            // is about channels
	NoScript                          // refused in scripts
	Blocking                          // may wait
	Loading                           // runs while the data is loaded
	Stale                             // runs on a replica that lost its master
	SkipMonitor                       // not shown by MONITOR
	SkipSlowlog                       // not kept in the slow log
	Asking                            // may touch a slot that is being imported
	Fast                              // constant or logarithmic time
	NoAuth                            // runs without authentication
	NoMandatoryKeys                   // may be called with no key at all
	NoAsyncLoading                    // refused while a replica loads beside its old data
	NoMulti                           // refused in a transaction
	MovableKeys                       // derived: the legacy key range does not tell all keys
	AllowBusy                         // runs while a script is over its time

	// Not printed.
	MayReplicate // is replicated though it changes no key, or may be
	Protected    // refused unless a directive enables it: enable-debug-command, enable-module-command
)

var flagNames = [...]string{
	"write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
	"skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "no_mandatory_keys", "no_async_loading",
	"no_multi", "movablekeys", "allow_busy",
}

// Has tells whether all of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Names lists the flags as Redis prints them, in its order.
func (f Flags) Names() []string { return namesOf(uint32(f), flagNames[:]) }

// Categories are the ACL categories a command belongs to. Their order is the one ACL CAT prints.
type Categories uint32

const (
	CatKeyspace Categories = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
)

var categoryNames = [...]string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
	"stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
}

// Names lists the categories without their '@', in Redis's order.
func (c Categories) Names() []string { return namesOf(uint32(c), categoryNames[:]) }

// CategoryByName returns the category of that name in any case, without '@', or 0.
func CategoryByName(name []byte) Categories {
	for i, n := range categoryNames {
		if equalFold(name, n) {
			return 1 << i
		}
	}
	return 0
}

// implied returns the categories that the flags of s imply.
func (s *Spec) implied() Categories {
	var c Categories
	for _, rule := range [...]struct {
		flag Flags
		cats Categories
	}{
		{Write, CatWrite},
		{Admin, CatAdmin | CatDangerous},
		{PubSub, CatPubSub},
		{Fast, CatFast},
		{Blocking, CatBlocking},
	} {
		if s.Flags.Has(rule.flag) {
			c |= rule.cats
		}
	}
	if s.Flags.Has(ReadOnly) && s.Categories&CatScripting == 0 {
		c |= CatRead
	}
	if !s.Flags.Has(Fast) {
		c |= CatSlow
	}
	return c
}

// namesOf lists the names of the bits set, lowest first; bits without a name are left out.
func namesOf(set uint32, names []string) []string {
	list := make([]string, 0, bits.OnesCount32(set))
	for i, name := range names {
		if set&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// equalFold tells whether name is lower, a lower-case name, but for the case of ASCII letters.
func equalFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
