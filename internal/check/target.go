// Targets: would another server load the file, and if not, what of it could be written for that one?
//
// A server refuses a file as a whole when its version is too new, and stops at the first value of a type
// that it does not know. A file written anew in an older version has neither; then what counts is what that
// version cannot express, which the writer itself says (expressed.go).

package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tarn/internal/keyspace"
	"tarn/internal/rdb"
)

// Target is a server that is to load a file.
type Target struct {
	Name    string
	Version int // the newest RDB version that it reads
}

// targets are the servers that have a name.
var targets = []Target{
	{"redis-2.6", 6}, {"redis-2.8", 6}, {"redis-3.0", 6}, {"redis-3.2", 7}, {"redis-4.0", 8}, {"redis-5.0", 9}, {"redis-6.0", 9},
	{"redis-6.2", 9}, {"redis-7.0", 10}, {"redis-7.2", 11}, {"redis-7.4", 12}, {"redis-8.0", 12}, {"valkey-7.2", 11}, {"valkey-8.0", 11},
	{"valkey-8.1", 11}, {"valkey-9.0", rdb.ValkeyVersion},
}

// ParseTarget returns the server that a name or an RDB version stands for. Errors: there is none.
func ParseTarget(text string) (Target, error) {
	var names []string
	for _, t := range targets {
		if t.Name == strings.ToLower(text) {
			return t, nil
		}
		names = append(names, t.Name)
	}
	if n, err := strconv.Atoi(text); err == nil && rdb.Readable(n) {
		return Target{"RDB version " + text, n}, nil
	}
	return Target{}, fmt.Errorf("%q is none of %s, nor an RDB version from 1 to %d, nor %d",
		text, strings.Join(names, ", "), rdb.NewestVersion, rdb.ValkeyVersion)
}

// reads tells whether the server reads files of a version. Valkey 9 refuses those that are Redis's alone.
func (t Target) reads(version int) bool {
	if t.Version == rdb.ValkeyVersion {
		return version < rdb.NewestVersion || version == rdb.ValkeyVersion
	}
	return version <= t.Version
}

// written is the newest version that can be written and that the server reads; 0: there is none.
func (t Target) written() int {
	switch {
	case t.Version < rdb.OldestVersion:
		return 0
	case t.Version > rdb.NewestVersion:
		return rdb.NewestVersion - 1
	}
	return t.Version
}

// functionsSince is the version that brought libraries of functions.
const functionsSince = 10

// listedKeys is how many keys are listed at most.
const listedKeys = 100000

// fit is what of a file its target would not load.
type fit struct {
	Target

	mu      sync.Mutex // guards what follows
	unknown map[byte]*unknownType
	lines   []keyLine
	count   int64 // of things that a file written anew could not express
	modules int64 // of those, values that need their module there
}

// unknownType is a type that the target does not know.
type unknownType struct {
	keys   int64
	first  string
	offset int64 // of the first
}

// keyLine is what is said of one key.
type keyLine struct {
	offset int64
	text   string
}

// see takes note of the type of a record's value.
func (f *fit) see(rec *rdb.Record) {
	if rdb.Holds(f.Version, rec.Value.Type) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.unknown[rec.Value.Type]
	if u == nil {
		u = &unknownType{}
		f.unknown[rec.Value.Type] = u
	}
	if u.keys++; u.keys == 1 || rec.Offset < u.offset {
		u.first, u.offset = keyName(rec.DB, rec.Key), rec.Offset
	}
}

// add takes note of something that a new file could not express either.
func (f *fit) add(offset int64, where, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; len(f.lines) < listedKeys {
		f.lines = append(f.lines, keyLine{offset, where + ": " + what})
	}
}

// look returns what a scratch asks of each key that it holds, for the record that is set then.
func (f *fit) look(rec **rdb.Record) func(k *keyspace.Key) error {
	if f == nil || f.written() == 0 {
		return nil
	}
	var x expressed
	return func(k *keyspace.Key) error {
		lost, err := x.in(k, f.written())
		if lost == 0 {
			return err
		}
		lost.Each(func(one rdb.Loss) { f.add((*rec).Offset, keyName((*rec).DB, (*rec).Key), one.String()) })
		return err
	}
}

// module takes note of the value of a module.
func (f *fit) module(l *rdb.LeftOut) {
	f.add(l.Offset, keyName(l.DB, l.Key), l.What+", which needs that module there, and is not converted")
	f.modules++
}

// report says what was found of a file of a version, which can be read to its end or not, and tells whether the
// target loads it as it is.
func (f *fit) report(t *Tool, version int, functions int64, whole bool) bool {
	say := func(format string, args ...any) { t.say("[for %s] "+format+"\n", append([]any{f.Name}, args...)...) }
	fits := f.reads(version) && (functions == 0 || f.Version >= functionsSince)
	if whole && fits && len(f.unknown) == 0 && f.modules == 0 {
		say("It loads there as it is")
		return true
	}
	if functions > 0 {
		f.add(0, "the file", fmt.Sprintf("%d libraries of functions, which are not converted, and need version %d", functions, functionsSince))
	}
	if !f.reads(version) {
		say("The file is of version %d: it is refused as a whole", version)
	}
	for _, typ := range slices.Sorted(maps.Keys(f.unknown)) {
		u := f.unknown[typ]
		say("type %d (%s) is not known there: %d keys, the first %s", rdb.TypeNumber(typ), rdb.TypeName(typ), u.keys, u.first)
	}
	slices.SortStableFunc(f.lines, func(a, b keyLine) int { return int(max(min(a.offset-b.offset, 1), -1)) })
	for _, l := range f.lines {
		say("%s", l.text)
	}
	if more := f.count - int64(len(f.lines)); more > 0 {
		say("%d more", more)
	}
	switch written := f.written(); {
	case !whole:
		say("It does not load there as it is: it cannot be read to its end, or not all of it is sound")
	case written == 0:
		say("It does not load there as it is, and files for it cannot be written: version %d is the oldest", rdb.OldestVersion)
	case f.count == 0:
		say("It does not load there as it is, but written anew it does, and nothing is lost: tarn convert FILE OUT --rdb-version %d", written)
	default:
		say("It does not load there as it is, but written anew it does, without the %d things above: tarn convert FILE OUT --rdb-version %d --lossy", f.count, written)
	}
	return false
}

// RDBOptions say how an RDB file is checked.
type RDBOptions struct {
	WhatYouCan bool    // as a server with load-what-you-can would load it; else as one without
	For        *Target // also, whether that one would
}
