// What the format is made of: versions, opcodes and object types, each named once.
//
// A file is a header, a run of opcodes, and a footer (docs/formats/rdb.md#file). A byte where an
// opcode may stand is either one of the opcodes below or the type of an object that follows its key.
// Each object type is a row of types: one that no value is made of is refused by name.

// Package rdb turns values, with their deadlines and use counts, into Redis's RDB format and back:
// whole files, from any io.Reader in bounded memory, and the payloads of DUMP and RESTORE.
//
// It works on bytes. It knows no keyspace: writers append encoded entries to buffers of their own,
// readers get records in batches that other goroutines may decode.
package rdb

import "fmt"

// Versions of the format. Every version from 1 to NewestVersion is read, and ValkeyVersion.
const (
	// OldestVersion is the oldest version that a file of ours may claim (CheckVersion).
	OldestVersion = 9
	// DefaultVersion is the version of Redis 7.0, and can hold everything that Redis 7.0 can.
	DefaultVersion = 10
	// NewestVersion is the newest version that a file of ours may claim: that of Redis 7.4.
	NewestVersion = 12

	// ValkeyVersion is the version of Valkey 9.0, which keeps away from 12 to 79.
	ValkeyVersion = 80

	checksumSince = 5  // files of older versions end at the EOF opcode
	keyMetaSince  = 13 // opcode 243 is Redis's from here on to Valkey's versions
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
	opSlotImport = 243 // of Valkey; of Redis, metadata of the next key
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
)

// LowestOpcode is the least byte that is an opcode and no type.
const LowestOpcode = opSlotImport

// TypeString is the object type of a string.
const TypeString = 0

// objectType is what is known of one object type.
type objectType struct {
	name  string
	kind  Kind
	since int // the format version that introduced it

	refused bool // objects of this type are not loaded
}

// types has a row for each object type that Redis ever wrote, and for Valkey 9's meaning of 22.
var types = [...]objectType{
	TypeString:         {"string", StringKind, 1, false},
	typeList:           {"list", ListKind, 1, false},
	typeSet:            {"set", SetKind, 1, false},
	typeZSet:           {"zset", ZSetKind, 1, false},
	typeHash:           {"hash", HashKind, 1, false},
	typeZSet2:          {"zset with binary scores", ZSetKind, 8, false},
	typeModulePre:      {"module value (pre-release)", ModuleKind, 8, true},
	typeModule:         {"module value", ModuleKind, 9, true},
	typeHashZipmap:     {"hash as zipmap", HashKind, 2, false},
	typeListZiplist:    {"list as ziplist", ListKind, 2, false},
	typeSetIntset:      {"set as intset", SetKind, 2, false},
	typeZSetZiplist:    {"zset as ziplist", ZSetKind, 3, false},
	typeHashZiplist:    {"hash as ziplist", HashKind, 4, false},
	typeQuicklist:      {"list as quicklist", ListKind, 7, false},
	typeStream:         {"stream", StreamKind, 9, false},
	typeHashListpack:   {"hash as listpack", HashKind, 10, false},
	typeZSetListpack:   {"zset as listpack", ZSetKind, 10, false},
	typeQuicklist2:     {"list as quicklist of listpacks", ListKind, 10, false},
	typeStream2:        {"stream, second form", StreamKind, 10, false},
	typeSetListpack:    {"set as listpack", SetKind, 11, false},
	typeStream3:        {"stream, third form", StreamKind, 11, false},
	typeHashDeadlinesA: {"hash with field deadlines (pre-release)", HashKind, 12, false},
	typeHashTriplesA:   {"hash with field deadlines as listpack (pre-release)", HashKind, 12, false},
	typeHashDeadlines:  {"hash with field deadlines", HashKind, 12, false},
	typeHashTriples:    {"hash with field deadlines as listpack", HashKind, 12, false},
	typeStream4:        {"stream, fourth form", StreamKind, 13, true},
	typeStream5:        {"stream, fifth form", StreamKind, 14, true},
	typeHashValkey:     {"hash with field deadlines, Valkey's", HashKind, ValkeyVersion, false},
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

// TypeNumber returns the number that the type t of a Value has in files.
func TypeNumber(t byte) byte {
	if t == typeHashValkey {
		return typeHashDeadlinesA
	}
	return t
}

// Readable tells whether files and payloads of this version are understood in full.
func Readable(version int) bool {
	return version >= 1 && version <= NewestVersion || version == ValkeyVersion
}

// Holds tells whether a server that reads files up to a version, and those alone, knows objects of type t
// of a Value. Redis's and Valkey's forms of deadlines of fields exclude each other.
func Holds(version int, t byte) bool {
	if int(t) >= len(types) || types[t].name == "" {
		return false
	}
	since := types[t].since
	if version >= ValkeyVersion {
		return since < NewestVersion || since == ValkeyVersion
	}
	return since <= version
}

// meant returns the type that t means in files and payloads of a version: Valkey's hashes with field
// deadlines have the number of a pre-release of Redis's. It is one that no row of types has for a
// type of ours that has no number.
func meant(t byte, version int) byte {
	switch {
	case t == typeHashDeadlinesA && version >= ValkeyVersion:
		return typeHashValkey
	case t == typeHashValkey:
		return noType
	}
	return t
}

// parseHeader returns the version named by the first headerBytes of a file; with newer, any that is
// known or newer. Errors: ErrCorrupt when it is no RDB file, ErrVersion.
func parseHeader(b []byte, newer bool) (version int, err error) {
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
	if !Readable(version) && !(newer && version > NewestVersion) {
		return version, &Error{What: fmt.Sprintf("version %d", version), Err: ErrVersion}
	}
	return version, nil
}
