// Table: the commands a server answers, found by name.
//
// Rows are prepared once per process and then shared by every Table; a Table itself only holds the
// names in use, since rename-command may change or remove one. Names are looked up in any case and
// straight from the read buffer: the first and the last eight bytes, folded to lower case eight at
// a time, both choose the slot and, up to 16 bytes of length, are the whole comparison.

package command

import (
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
	"sync"
)

// Errors of Table.Rename.
var (
	ErrNoSuchCommand = errors.New("No such command in rename-command")  //nolint:staticcheck // Redis's text
	ErrNameTaken     = errors.New("Target command name already exists") //nolint:staticcheck // Redis's text
)

// Table finds commands by name. It may be read from any number of goroutines; Rename must not run
// beside other calls.
type Table struct {
	specs []*Spec // all, by Index; through here so that handlers do not lead back to the rows
	slots []slot  // open addressing, a power of two of them, at most half taken
	names int
}

// slot is a place in the table; free when spec is nil.
type slot struct {
	key  nameKey
	spec *Spec
	name string // the name in use, lower case
}

// nameKey is what a lookup compares: the first and the last eight bytes of a name in lower case,
// and its length. Shorter names have the same two words, padded with zeros.
type nameKey struct {
	head, tail uint64
	length     int
}

// NewTable returns a table of all commands under their own names.
func NewTable() *Table {
	specs := prepared()
	t := &Table{specs: specs, slots: make([]slot, tableSlots(len(specs)))}
	for _, s := range specs {
		if s.Parent == nil {
			t.insert(s.Name, s)
		}
	}
	return t
}

// Size returns the number of commands and subcommands, renamed and removed ones included: one more
// than the largest Spec.Index.
func (t *Table) Size() int { return len(t.specs) }

// Count returns the number of commands, subcommands not counted.
func (t *Table) Count() int { return t.names }

// Lookup returns the command of that name in any case, or nil. It allocates nothing.
func (t *Table) Lookup(name []byte) *Spec {
	if s := t.find(name); s != nil {
		return s.spec
	}
	return nil
}

// Find returns what args, at least one, call: a command, or the subcommand of a container. When
// there is none, spec is nil, and container is the one that lacks the subcommand or nil. It
// allocates nothing.
func (t *Table) Find(args [][]byte) (spec, container *Spec) {
	spec = t.Lookup(args[0])
	if spec == nil || spec.Sub == nil || len(args) == 1 {
		return spec, nil
	}
	return spec.Subcommand(args[1]), spec
}

// FindFullName returns the command called "get", or "config|get", in any case, or nil.
func (t *Table) FindFullName(name []byte) *Spec {
	for i, c := range name {
		if c == '|' {
			if s := t.Lookup(name[:i]); s != nil {
				return s.Subcommand(name[i+1:])
			}
			return nil
		}
	}
	return t.Lookup(name)
}

// All yields the commands in use in the order of their Index, subcommands behind their container
// when wanted.
func (t *Table) All(subcommands bool) iter.Seq[*Spec] {
	return func(yield func(*Spec) bool) {
		used := make([]bool, t.Size())
		for i := range t.slots {
			if s := t.slots[i].spec; s != nil {
				used[s.Index] = true
			}
		}
		for _, s := range t.specs {
			in := used[s.Index]
			if s.Parent != nil {
				in = subcommands && used[s.Parent.Index]
			}
			if in && !yield(s) {
				return
			}
		}
	}
}

// Rename gives the command called oldName the name newName instead; with newName empty the command
// can no longer be called. Errors: ErrNoSuchCommand, ErrNameTaken.
func (t *Table) Rename(oldName, newName string) error {
	old := t.find([]byte(oldName))
	if old == nil {
		return ErrNoSuchCommand
	}
	spec := old.spec
	if newName != "" && t.find([]byte(newName)) != nil {
		return ErrNameTaken
	}
	keep := t.slots
	t.slots, t.names = make([]slot, tableSlots(t.names+1)), 0
	for i := range keep {
		if keep[i].spec != nil && &keep[i] != old {
			t.insert(keep[i].name, keep[i].spec)
		}
	}
	if newName != "" {
		t.insert(lowerASCII(newName), spec)
	}
	return nil
}

// tableSlots returns how many slots hold that many names well.
func tableSlots(names int) int { return 2 << bits.Len(uint(names)) }

// insert adds a lower-case name that the table does not hold.
func (t *Table) insert(name string, s *Spec) {
	key := keyOf([]byte(name))
	pos := key.hash() & uint64(len(t.slots)-1)
	for t.slots[pos].spec != nil {
		pos = (pos + 1) & uint64(len(t.slots)-1)
	}
	t.slots[pos] = slot{key, s, name}
	t.names++
}

// find returns the slot of that name in any case, or nil.
func (t *Table) find(name []byte) *slot {
	key := keyOf(name)
	mask := uint64(len(t.slots) - 1)
	for pos := key.hash() & mask; ; pos = (pos + 1) & mask {
		s := &t.slots[pos]
		if s.spec == nil {
			return nil
		}
		if s.key == key && (key.length <= 16 || equalFold(name, s.name)) {
			return s
		}
	}
}

// hash spreads names over slots: the low bits are used.
func (k nameKey) hash() uint64 {
	h := (k.head ^ bits.RotateLeft64(k.tail, 29) + uint64(k.length)) * 0x9E3779B97F4A7C15
	return h >> 40
}

// keyOf returns the key of a name.
func keyOf(name []byte) nameKey {
	n := len(name)
	if n >= 8 {
		return nameKey{
			head:   lowerWord(binary.LittleEndian.Uint64(name)),
			tail:   lowerWord(binary.LittleEndian.Uint64(name[n-8:])),
			length: n,
		}
	}
	var word uint64
	switch {
	case n >= 4:
		word = uint64(binary.LittleEndian.Uint32(name)) | uint64(binary.LittleEndian.Uint32(name[n-4:]))<<(8*(n-4))
	case n == 3:
		word = uint64(name[0]) | uint64(name[1])<<8 | uint64(name[2])<<16
	case n == 2:
		word = uint64(name[0]) | uint64(name[1])<<8
	case n == 1:
		word = uint64(name[0])
	}
	return nameKey{head: lowerWord(word), length: n}
}

// lowerWord turns the ASCII capitals among the eight bytes of w to lower case. Adding to the low
// seven bits of a byte carries into its top bit exactly when a bound is passed.
func lowerWord(w uint64) uint64 {
	const ones = 0x0101010101010101
	low := w & (0x7F * ones)
	fromA := low + (0x80-'A')*ones
	beyondZ := low + (0x80-'Z'-1)*ones
	capitals := (fromA &^ beyondZ) &^ w & (0x80 * ones)
	return w | capitals>>2 // 0x80>>2 is 0x20, the difference of cases
}

// lowerASCII returns name with its ASCII capitals in lower case.
func lowerASCII(name string) string {
	lower := []byte(name)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	return string(lower)
}

// prepared returns every command and subcommand by Index, with what follows from its row filled in.
var prepared = sync.OnceValue(func() []*Spec {
	var specs []*Spec
	for _, g := range rowGroups {
		for i := range g.rows {
			specs = g.rows[i].prepare(g.name, nil, specs)
		}
	}
	return specs
})

// prepare sets the derived fields of s and of its subcommands and appends them to specs.
func (s *Spec) prepare(group string, parent *Spec, specs []*Spec) []*Spec {
	s.Index, s.FullName, s.Group, s.Parent = len(specs), s.Name, group, parent
	if parent != nil {
		s.FullName = parent.Name + "|" + s.Name
	}
	s.Categories |= s.implied()
	s.deriveRange()
	specs = append(specs, s)
	for i := range s.Sub {
		specs = s.Sub[i].prepare(group, s, specs)
	}
	return specs
}

// rowGroups are the rows by the group that COMMAND DOCS names, in the order of docs/commands.md.
var rowGroups = [...]struct {
	name string
	rows []Spec
}{
	{"string", stringRows},
	{"bitmap", bitmapRows},
	{"generic", genericRows},
	{"list", listRows},
	{"hash", hashRows},
	{"set", setRows},
	{"sorted-set", zsetRows},
	{"stream", streamRows},
	{"geo", geoRows},
	{"hyperloglog", hyperloglogRows},
	{"pubsub", pubsubRows},
	{"transactions", transactionRows},
	{"scripting", scriptingRows},
	{"connection", connectionRows},
	{"server", serverRows},
	{"cluster", clusterRows},
}
