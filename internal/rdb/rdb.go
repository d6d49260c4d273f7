// What the format is made of: versions, opcodes and object types, each named once.
//
// A file is a header, a run of opcodes, and a footer (docs/formats/rdb.md#file). A byte where an
// opcode may stand is either one of the opcodes below or the type of an object that follows its key.
// Each object type is a row of types, and reading one is dispatched through that row and nowhere
// else: a type whose row has no skip function is refused by name.

// Package rdb turns strings, with their deadlines and use counts, into Redis's RDB format and back:
// whole files, from any io.Reader in bounded memory, and the payloads of DUMP and RESTORE.
//
// It works on bytes. It knows no keyspace: writers append encoded entries to buffers of their own,
// readers get records in batches that other goroutines may decode.
package rdb

import "fmt"

// Versions of the format. Every version from 1 to NewestVersion is read, and Valkey 9's.
const (
	// OldestVersion is the oldest version that a file of ours may claim (CheckVersion).
	OldestVersion = 9
	// DefaultVersion is the version of Redis 7.0, and can hold everything that Redis 7.0 can.
	DefaultVersion = 10
	// NewestVersion is the newest version that a file of ours may claim: that of Redis 7.4.
	NewestVersion = 12

	valkeyVersion = 80 // of Valkey 9.0, which keeps away from 12 to 79
	checksumSince = 5  // files of older versions end at the EOF opcode
)

// The frame of a file, and of a DUMP payload.
const (
	redisMagic      = "REDIS"
	valkeyMagic     = "VALKEY"
	headerBytes     = 9
	checksumBytes   = 8
	dumpFooterBytes = 2 + checksumBytes
)

// None stands for "no deadline" in Record.ExpireMs, and for "not given" in Record.Idle and
// Record.Freq.
const None = -1

// Opcodes (docs/formats/rdb.md#opcodes).
const (
	opSlotImport = 243
	opSlotInfo   = 244
	opFunction2  = 245
	opFunction   = 246
	opModuleAux  = 247
	opIdle       = 248
	opFreq       = 249
	opAux        = 250
	opResizeDB   = 251
	opExpireMs   = 252
	opExpire     = 253
	opSelectDB   = 254
	opEOF        = 255

	lowestOpcode = opSlotImport
)

// TypeString is the object type of a string.
const TypeString = 0

// objectType is what is known of one object type.
type objectType struct {
	name  string
	since int // the format version that introduced it

	// skip returns where the object at b[pos:] ends, without decoding it. The end may lie beyond
	// b, as far as is known yet, when the status is short. Nil: the type is not loaded.
	skip func(b []byte, pos int) (end int, st status)
}

// types has a row for each object type that Redis ever wrote. Valkey 9 gives 22 another meaning.
var types = [...]objectType{
	TypeString: {name: "string", since: 1, skip: skipString},
	1:          {name: "list", since: 1},
	2:          {name: "set", since: 1},
	3:          {name: "zset", since: 1},
	4:          {name: "hash", since: 1},
	5:          {name: "zset with binary scores", since: 8},
	6:          {name: "module value (pre-release)", since: 8},
	7:          {name: "module value", since: 8},
	9:          {name: "hash as zipmap", since: 2},
	10:         {name: "list as ziplist", since: 2},
	11:         {name: "set as intset", since: 2},
	12:         {name: "zset as ziplist", since: 3},
	13:         {name: "hash as ziplist", since: 4},
	14:         {name: "list as quicklist", since: 7},
	15:         {name: "stream", since: 9},
	16:         {name: "hash as listpack", since: 10},
	17:         {name: "zset as listpack", since: 10},
	18:         {name: "list as quicklist of listpacks", since: 10},
	19:         {name: "stream, second form", since: 10},
	20:         {name: "set as listpack", since: 11},
	21:         {name: "stream, third form", since: 11},
	22:         {name: "hash with field deadlines (pre-release, or Valkey's)", since: 12},
	23:         {name: "hash with field deadlines as listpack (pre-release)", since: 12},
	24:         {name: "hash with field deadlines", since: 12},
	25:         {name: "hash with field deadlines as listpack", since: 12},
}

// TypeName returns a name for the object type t, for messages: "unknown" when there is no such type.
func TypeName(t byte) string {
	if int(t) < len(types) && types[t].name != "" {
		return types[t].name
	}
	return "unknown"
}

// VersionFor returns the oldest format version, but DefaultVersion at least, that holds every one
// of the object types given.
func VersionFor(objectTypes ...byte) int {
	version := DefaultVersion
	for _, t := range objectTypes {
		if int(t) < len(types) {
			version = max(version, types[t].since)
		}
	}
	return version
}

// readable tells whether files and payloads of this version are understood.
func readable(version int) bool {
	return version >= 1 && version <= NewestVersion || version == valkeyVersion
}

// parseHeader returns the version named by the first headerBytes of a file.
// Errors: ErrCorrupt when it is no RDB file, ErrVersion.
func parseHeader(b []byte) (version int, err error) {
	digits := b[len(redisMagic):headerBytes]
	if string(b[:len(valkeyMagic)]) == valkeyMagic {
		digits = b[len(valkeyMagic):headerBytes]
	} else if string(b[:len(redisMagic)]) != redisMagic {
		return 0, &Error{What: fmt.Sprintf("signature %q is not an RDB file's", b[:headerBytes]), Err: ErrCorrupt}
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, &Error{What: fmt.Sprintf("version %q is no number", digits), Err: ErrCorrupt}
		}
		version = version*10 + int(c-'0')
	}
	if !readable(version) {
		return version, &Error{What: fmt.Sprintf("version %d", version), Err: ErrVersion}
	}
	return version, nil
}
