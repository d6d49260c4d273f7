// Keys of a command: where they stand among its arguments, and what is done to each.
//
// A KeySpec is Redis 7's key specification: first where to begin, by position or after a keyword,
// then how to go on, over a range or by a count. Most commands have one range, which the hot path
// reads as three plain integers of the Spec. The few whose keys, or whose access, no specification
// tells (SORT, MIGRATE, SET with GET, BITFIELD) also have a KeyFinder. A command whose arguments
// break its specifications has no keys here, and its handler must refuse it before touching any.

package command

import "tarn/internal/resp"

// Errors of ExtractKeys and COMMAND GETKEYS.
const (
	ErrNoKeyArguments resp.Error = "ERR The command has no key arguments"
	ErrKeyArguments   resp.Error = "ERR Invalid arguments specified for command"
)

// KeyFlags say what a command does to a key. Their order is the one COMMAND INFO prints.
type KeyFlags uint16

const (
	RO            KeyFlags = 1 << iota // reads the value or its metadata
	RW                                 // reads and changes the value
	OW                                 // overwrites the value whatever it was
	RM                                 // deletes the key
	Access                             // replies with, copies or moves the user's data
	Update                             // changes data
	Insert                             // adds data, changing none
	Delete                             // takes data away
	NotKey                             // is not a key, but has a slot as a key has
	Incomplete                         // the specification misses some keys
	VariableFlags                      // the arguments decide the flags: FindKeys knows
)

var keyFlagNames = [...]string{
	"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags",
}

// Names lists the flags as Redis prints them, in its order.
func (f KeyFlags) Names() []string { return namesOf(uint32(f), keyFlagNames[:]) }

// KeySpec tells where some keys of a command are. The search begins at argument At or, when that
// is 0, behind Keyword; with neither, the keys cannot be told. Positions count the command's name
// (and its subcommand's).
type KeySpec struct {
	Flags   KeyFlags
	At      int
	Keyword string
	From    int // where the search for Keyword begins; negative counts from the end, backwards

	Counted bool // the argument found counts the keys, which follow it; else they are a range:
	Last    int  // from the argument found to this one after it; negative counts from the end
	Step    int  // 0 means 1
	Limit   int  // with Last -1: the range is this fraction of what is left; 0 and 1: all

	Note string
}

// step returns the distance of two keys.
func (k *KeySpec) step() int { return max(k.Step, 1) }

// KeyRef is a key among a command's arguments.
type KeyRef struct {
	Pos   int // index among the arguments
	Flags KeyFlags
}

// KeyFinder appends to dst the keys among args, which hold at least as many as the arity asks for.
// It returns dst as it was when the arguments make no sense.
type KeyFinder func(args [][]byte, dst []KeyRef) []KeyRef

// HasKeys tells whether the command can have keys.
func (s *Spec) HasKeys() bool {
	for i := range s.Keys {
		if s.Keys[i].Flags&NotKey == 0 {
			return true
		}
	}
	return s.FindKeys != nil
}

// ExtractKeys appends to dst the keys among args, a command that s accepts, in the order of its
// specifications. It allocates only when dst is too short.
// Errors: ErrKeyArguments when the arguments hold no keys where s expects some; dst is then as it was.
func (s *Spec) ExtractKeys(args [][]byte, dst []KeyRef) ([]KeyRef, error) {
	start := len(dst)
	sound := true
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.Flags&NotKey != 0 {
			continue
		}
		if k.Flags&VariableFlags != 0 {
			sound = false
			break
		}
		if dst, sound = k.appendKeys(args, dst); !sound {
			break
		}
	}
	if !sound {
		dst = dst[:start]
		if s.FindKeys != nil {
			dst = s.FindKeys(args, dst)
		}
	}
	if len(dst) == start && !s.Flags.Has(NoMandatoryKeys) && s.HasKeys() {
		return dst, ErrKeyArguments
	}
	return dst, nil
}

// appendKeys appends the keys k finds in args. It reports false when args break the specification
// or k cannot tell the keys.
func (k *KeySpec) appendKeys(args [][]byte, dst []KeyRef) ([]KeyRef, bool) {
	first := k.At
	if first == 0 {
		if k.Keyword == "" {
			return dst, false
		}
		first = k.behindKeyword(args)
		if first == 0 {
			return dst, true
		}
	}
	last := 0
	switch {
	case k.Counted:
		if first >= len(args) {
			return dst, false
		}
		keys, ok := parseKeyCount(args[first])
		if !ok {
			return dst, false
		}
		first++
		last = first + (keys-1)*k.step()
	case k.Last >= 0:
		last = first + k.Last
	case k.Limit > 1:
		last = first + (len(args)-first)/k.Limit + k.Last
	default:
		last = len(args) + k.Last
		if last == first-1 { // an open range may be empty: PFMERGE with no source
			return dst, k.Flags&Incomplete == 0
		}
	}
	if first >= len(args) || last >= len(args) || last < first {
		return dst, false
	}
	for pos := first; pos <= last; pos += k.step() {
		dst = append(dst, KeyRef{pos, k.Flags})
	}
	return dst, k.Flags&Incomplete == 0
}

// behindKeyword returns the position after the keyword, or 0 when args lack it. A keyword with
// nothing behind it is none.
func (k *KeySpec) behindKeyword(args [][]byte) int {
	if k.From > 0 {
		for pos := k.From; pos < len(args)-1; pos++ {
			if isToken(args[pos], k.Keyword) {
				return pos + 1
			}
		}
		return 0
	}
	for pos := len(args) + k.From; pos > 0; pos-- {
		if isToken(args[pos], k.Keyword) {
			return pos + 1
		}
	}
	return 0
}

// parseKeyCount reads a count of keys, a decimal number of 0 or more without leading zeros.
func parseKeyCount(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 9 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// isToken tells whether arg is upper, an upper-case word, in any case.
func isToken(arg []byte, upper string) bool {
	if len(arg) != len(upper) {
		return false
	}
	for i, c := range arg {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}

// deriveRange sets the legacy key range and MovableKeys from s.Keys. Specifications by position and
// range are joined: in a row, each goes on where the one before ended.
func (s *Spec) deriveRange() {
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.At == 0 || k.Counted {
			s.Flags |= MovableKeys
			continue
		}
		if s.FirstKey == 0 {
			s.FirstKey, s.KeyStep = k.At, k.step()
		}
		s.LastKey = k.Last
		if k.Last >= 0 {
			s.LastKey += k.At
		}
	}
}
