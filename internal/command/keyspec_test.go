// Shown here: keys are found where commands say they are, by a table; whatever the arguments, the
// positions found are arguments and none is found twice, an error leaves the list as it was,
// and for commands without movable keys the legacy range says the same (fuzzed, all commands).
// reference_keys_test.go compares with a real server.

package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestExtractKeys(t *testing.T) {
	table := NewTable()
	for _, tc := range []struct {
		line string
		want []KeyRef
		err  error
	}{
		{line: "get k", want: []KeyRef{{1, RO | Access}}},
		{line: "del a b c", want: []KeyRef{{1, RM | Delete}, {2, RM | Delete}, {3, RM | Delete}}},
		{line: "mset a 1 b 2", want: []KeyRef{{1, OW | Update}, {3, OW | Update}}},
		{line: "mset a 1 b", want: []KeyRef{{1, OW | Update}, {3, OW | Update}}},
		{line: "rename a b", want: []KeyRef{{1, RW | Access | Delete}, {2, OW | Update}}},
		{line: "bitop and d a b", want: []KeyRef{{2, OW | Update}, {3, RO | Access}, {4, RO | Access}}},
		{line: "object encoding k", want: []KeyRef{{2, RO}}},
		{line: "set k v", want: []KeyRef{{1, OW | Update}}},
		{line: "set k v ex 5 Get", want: []KeyRef{{1, RW | Access | Update}}},
		{line: "set get get", want: []KeyRef{{1, OW | Update}}},
		{line: "bitfield k get u8 0", want: []KeyRef{{1, RO | Access}}},
		{line: "bitfield k get u8 0 set u8 0 1", want: []KeyRef{{1, RW | Access | Update}}},
		{line: "sort k by w get s store d", want: []KeyRef{{1, RO | Access}, {6 + 1, OW | Update}}},
		{line: "eval s 2 a b c", want: []KeyRef{{3, RW | Access | Update}, {4, RW | Access | Update}}},
		{line: "eval s 0 a"},
		{line: "eval s 9 a"},
		{line: "zunionstore d 2 a b", want: []KeyRef{{1, OW | Update}, {3, RO | Access}, {4, RO | Access}}},
		{line: "zunionstore d 3 a b", err: ErrKeyArguments},
		{line: "xread streams a b 0 0", want: []KeyRef{{2, RO | Access}, {3, RO | Access}}},
		{line: "xread count 1 block 2", err: ErrKeyArguments},
		{line: "migrate h 1  0 9 keys a b", want: []KeyRef{{7, RW | Access | Delete}, {8, RW | Access | Delete}}},
		{line: "migrate h 1 k 0 9 keys a b", err: ErrKeyArguments},
		{line: "pfmerge d", want: []KeyRef{{1, RW | Access | Insert}}},
		{line: "ssubscribe a"},
		{line: "ping"},
	} {
		args := split(tc.line)
		spec, _ := table.Find(args)
		if spec == nil || !spec.Accepts(len(args)) {
			t.Fatalf("%q is no whole command", tc.line)
		}
		got, err := spec.ExtractKeys(args, nil)
		if !slices.Equal(got, tc.want) || err != tc.err {
			t.Errorf("ExtractKeys(%q) = %v, %v; want %v, %v", tc.line, got, err, tc.want, tc.err)
		}
	}
}

// split cuts a line at single blanks, so that two make an empty argument.
func split(line string) [][]byte {
	var args [][]byte
	for _, word := range strings.Split(line, " ") {
		args = append(args, []byte(word))
	}
	return args
}

func FuzzExtractKeys(f *testing.F) {
	for _, line := range []string{"k v", "k v get", "2 a b", "s 1 k", "streams a b", "h 1  0 9 keys a b", "k by x store y", ""} {
		f.Add(line)
	}
	table := NewTable()
	f.Fuzz(func(t *testing.T, line string) {
		for s := range table.All(true) {
			args := [][]byte{[]byte(s.Name)}
			if s.Parent != nil {
				args = [][]byte{[]byte(s.Parent.Name), []byte(s.Name)}
			}
			args = append(args, bytes.Split([]byte(line), []byte(" "))...)
			if s.Accepts(len(args)) {
				checkExtracted(t, s, args)
			}
		}
	})
}

func checkExtracted(t *testing.T, s *Spec, args [][]byte) {
	t.Helper()
	before := KeyRef{-1, NotKey}
	got, err := s.ExtractKeys(args, []KeyRef{before})
	if len(got) == 0 || got[0] != before || err != nil && len(got) != 1 {
		t.Fatalf("%q: ExtractKeys = %v, %v: what was in the list is lost, or more is there", args, got, err)
	}
	got = got[1:]
	seen := make(map[int]bool)
	for _, key := range got {
		if key.Pos <= 0 || key.Pos >= len(args) || seen[key.Pos] {
			t.Fatalf("%q: ExtractKeys = %v: position %d", args, got, key.Pos)
		}
		seen[key.Pos] = true
	}
	if s.Flags.Has(MovableKeys) || err != nil || len(s.Keys) > 0 && s.Keys[0].Flags&NotKey != 0 {
		return
	}
	for _, pos := range s.rangeOf(len(args)) {
		if !seen[pos] {
			t.Fatalf("%q: ExtractKeys = %v, but the range %d..%d by %d has %d", args, got, s.FirstKey, s.LastKey, s.KeyStep, pos)
		}
		delete(seen, pos)
	}
	if len(seen) != 0 {
		t.Fatalf("%q: ExtractKeys = %v, not all in the range %d..%d by %d", args, got, s.FirstKey, s.LastKey, s.KeyStep)
	}
}

// rangeOf lists the positions in the legacy range of a command of args arguments.
func (s *Spec) rangeOf(args int) []int {
	if s.FirstKey == 0 {
		return nil
	}
	last := s.LastKey
	if last < 0 {
		last += args
	}
	var list []int
	for pos := s.FirstKey; pos <= last; pos += s.KeyStep {
		list = append(list, pos)
	}
	return list
}
