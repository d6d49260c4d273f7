// Buckets: one cache line of tags, references and a link.
//
// A tag is one byte of the hash, never 0; 0 is a free lane. The lanes in use are the first ones, so
// that the number used is the place of the first 0. All twelve tags are compared in two words: a
// byte of `word ^ pattern` is zero where the tag matches, and zeroBytes finds such bytes exactly, so
// that a lane it names is always one in use.

package hashtable

import (
	"encoding/binary"
	"math/bits"

	"tarn/internal/mem"
)

const (
	lanes       = 12
	bucketSize  = 64
	bucketUnits = bucketSize / 8 // a bucket in units of mem.Ref
)

type bucket struct {
	tags     [lanes]uint8
	overflow mem.Ref // the next bucket of the chain, or 0
	refs     [lanes]mem.Ref
}

const (
	everyByte = 0x0101010101010101
	lowSeven  = 0x7f7f7f7f7f7f7f7f
)

// zeroBytes returns a word with the top bit of each byte set where the byte of x is zero.
func zeroBytes(x uint64) uint64 {
	return ^((x&lowSeven + lowSeven) | x | lowSeven)
}

// match returns one bit for each lane whose tag is tag, to be read by laneOf.
func (b *bucket) match(tag uint8) uint64 {
	pattern := uint64(tag) * everyByte
	first := binary.LittleEndian.Uint64(b.tags[0:8])
	// The upper half is the pattern itself, which has no zero byte.
	second := uint64(binary.LittleEndian.Uint32(b.tags[8:12]))
	return zeroBytes(first^pattern) | zeroBytes(second^pattern)>>1
}

// laneOf returns the lane of the lowest bit of m, a result of match: bits 8i+7 are the lanes i, and
// bits 8i+6 the lanes 8+i.
func laneOf(m uint64) uint8 {
	bit := uint8(bits.TrailingZeros64(m))
	return bit>>3 + ^bit&1<<3
}

// used returns how many lanes are in use.
func (b *bucket) used() int {
	if free := zeroBytes(binary.LittleEndian.Uint64(b.tags[0:8])); free != 0 {
		return bits.TrailingZeros64(free) >> 3
	}
	// The upper half is zero, which puts the end after the last lane.
	second := uint64(binary.LittleEndian.Uint32(b.tags[8:12]))
	return 8 + bits.TrailingZeros64(zeroBytes(second))>>3
}

func (b *bucket) put(lane int, tag uint8, r mem.Ref) {
	b.tags[lane], b.refs[lane] = tag, r
}

func (b *bucket) clear(lane int) {
	b.tags[lane], b.refs[lane] = 0, 0
}

// tagOf returns the hash's tag.
func tagOf(hash uint64) uint8 {
	return max(uint8(hash>>tagShift), 1)
}

// maskFor returns the mask of the smallest power of two that is at least count.
func maskFor(count uint32) uint32 {
	return uint32(1)<<bits.Len32(count-1) - 1
}

// bucketIndex returns the bucket of a hash among count buckets, from 1 to 2^31.
func bucketIndex(hash uint64, count uint32) uint32 {
	mask := maskFor(count)
	i := uint32(hash>>indexShift) & mask
	// Without a branch, since it would be guessed wrong as often as not: past is all ones if i is
	// not below count, and then i loses its top bit.
	past := uint32(int32(count-1-i) >> 31)
	return i &^ (past & (mask>>1 + 1))
}
