// Encoding: the append functions that a writer calls, under a shard's lock or not.
//
// An entry is what precedes a key (its deadline, its idle time or use count), then the object's
// type, the key and the value. Each part is one append, into memory that the caller provides; with
// room in it (MaxEntryBytes) nothing is allocated. Which database entries belong to is said by the
// SELECTDB before them, so whoever interleaves databases appends that too.

package rdb

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"tarn/internal/lzf"
)

const (
	// Strings of more bytes than this are tried for compression, as Redis does.
	compressAbove = 20
	// A compressed string must save this many bytes, or it is stored as it is.
	leastSaving = 4
	// The most that a string can need beyond its own bytes: two lengths and a form.
	maxStringOverhead = 1 + 9 + 9
)

// Encoder appends strings and entries. One goroutine uses it at a time; it holds 64 KiB.
type Encoder struct {
	// Compress says whether strings of more than 20 bytes are compressed where it saves 4.
	Compress bool
	// Version is that of the format, on which the types of collections depend; 0 means
	// DefaultVersion.
	Version int
	// Lost gathers what the version could not express of the collections appended. Who wants to know of
	// which one clears it before.
	Lost Loss

	lzf lzf.Compressor
}

// MaxStringBytes returns the most that AppendString can append for a string of length bytes.
func MaxStringBytes(length int) int { return maxStringOverhead + length }

// MaxEntryBytes returns the most that SELECTDB, a deadline, an idle time or use count, a type, a
// key and a value of these lengths can take, all together.
func MaxEntryBytes(keyLength, valueLength int) int {
	const selectDB, deadline, idle, objectType = 10, 9, 10, 1
	return selectDB + deadline + idle + objectType + MaxStringBytes(keyLength) + MaxStringBytes(valueLength)
}

// AppendHeader appends a file's header.
func AppendHeader(dst []byte, version int) []byte {
	return fmt.Appendf(dst, "%s%04d", redisMagic, version)
}

// AppendSelectDB says that the entries that follow are of database db.
func AppendSelectDB(dst []byte, db int) []byte {
	return AppendLength(append(dst, opSelectDB), uint64(db))
}

// AppendResizeDB says, as a hint, how many keys the current database has, and how many deadlines.
func AppendResizeDB(dst []byte, keys, deadlines uint64) []byte {
	return AppendLength(AppendLength(append(dst, opResizeDB), keys), deadlines)
}

// AppendExpireMs says that the next key's deadline is unixMs.
func AppendExpireMs(dst []byte, unixMs int64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, opExpireMs), uint64(unixMs))
}

// AppendIdle says that the next key was last used so many seconds ago. Servers write it when
// maxmemory-policy is one of the LRU ones.
func AppendIdle(dst []byte, seconds uint64) []byte {
	return AppendLength(append(dst, opIdle), seconds)
}

// AppendFreq gives the next key's logarithmic use count. Servers write it when maxmemory-policy is
// one of the LFU ones.
func AppendFreq(dst []byte, count byte) []byte {
	return append(dst, opFreq, count)
}

// AppendAux appends a named fact about the file.
func (e *Encoder) AppendAux(dst []byte, name, fact string) []byte {
	dst = e.AppendString(append(dst, opAux), []byte(name))
	return e.AppendString(dst, []byte(fact))
}

// AppendStringEntry appends a key with a string value.
func (e *Encoder) AppendStringEntry(dst, key, value []byte) []byte {
	return e.AppendString(e.AppendString(append(dst, TypeString), key), value)
}

// AppendIntEntry appends a key with a string value that is an integer.
func (e *Encoder) AppendIntEntry(dst, key []byte, value int64) []byte {
	return AppendInt(e.AppendString(append(dst, TypeString), key), value)
}

// AppendString appends s in its shortest form: as an integer, compressed, or as it is.
func (e *Encoder) AppendString(dst, s []byte) []byte {
	if n, ok := smallInt(s); ok {
		return AppendInt(dst, n)
	}
	if e.Compress && len(s) > compressAbove {
		if out, ok := e.appendCompressed(dst, s); ok {
			return out
		}
	}
	return append(AppendLength(dst, uint64(len(s))), s...)
}

// AppendInt appends the string that is n's decimal form.
func AppendInt(dst []byte, n int64) []byte {
	switch {
	case n >= math.MinInt8 && n <= math.MaxInt8:
		return append(dst, specialForm+formInt8, byte(n))
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return binary.LittleEndian.AppendUint16(append(dst, specialForm+formInt16), uint16(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.LittleEndian.AppendUint32(append(dst, specialForm+formInt32), uint32(n))
	}
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	return append(append(dst, byte(len(text))), text...)
}

// appendCompressed appends s in compressed form, with its header, if that saves enough. The header
// is written after the bytes, whose length it holds: room for its longest form is left, and the
// bytes move down over what is not needed of it.
func (e *Encoder) appendCompressed(dst, s []byte) (out []byte, ok bool) {
	start := len(dst)
	var room [maxStringOverhead]byte
	out, ok = e.lzf.Append(append(dst, room[:]...), s, len(s)-leastSaving)
	if !ok {
		return dst, false
	}
	packed := out[start+maxStringOverhead:]
	out = appendCompressedHeader(out[:start], len(packed), len(s))
	return append(out, packed...), true
}

// appendCompressedHeader appends what precedes the bytes of a compressed string.
func appendCompressedHeader(dst []byte, packed, length int) []byte {
	return AppendLength(AppendLength(append(dst, specialForm+formLZF), uint64(packed)), uint64(length))
}
