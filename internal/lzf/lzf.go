// LZF: the compression that Redis uses, in files and in memory.
//
// A stream is a run of tokens (docs/formats/rdb.md#lzf): up to 32 literal bytes, or a copy of 3 to
// 264 bytes from at most 8192 bytes back. The Compressor remembers in a small hash table where it
// last saw each three bytes. It keeps one table for all its inputs and never clears it between
// them: entries are positions in the sequence of all inputs so far, and one that lies before the
// current input is stale.
//
// An input may be compressed in segments, one call each, so that no buffer of its size is needed:
// copies reach back into earlier segments, tokens do not cross the ends. The output is a function
// of the input and the segment size alone, so a first pass may count and a second one emit.

// Package lzf compresses bytes in the LZF format, and back.
package lzf

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	MaxLiterals = 32
	minCopy     = 3
	MaxCopy     = 264
	Window      = 8192 // the farthest a copy reaches back
	longCopy    = 7    // in the token's length field: a further byte of length follows
	Expansion   = 88   // a token of 3 bytes yields 264: no stream grows by a larger factor

	maxSkip      = 31
	maxTableBits = 14
	minTableBits = 8

	// MaxInput bounds an input so that positions fit the table's 32 bits with room to spare.
	MaxInput = math.MaxInt32
)

// Compressor is the memory of one writer of compressed bytes, 64 KiB. Its zero value is ready; one
// goroutine uses it at a time.
type Compressor struct {
	base   uint32 // position of the current input's first byte; every older position is below it
	length uint32 // of the current input
	shift  uint   // 32 less the bits of hash in use
	seen   [1 << maxTableBits]uint32
}

// Begin starts an input of length bytes, at most MaxInput.
func (c *Compressor) Begin(length int) {
	if next := uint64(c.base) + uint64(c.length); c.base == 0 || next+uint64(length) > math.MaxUint32 {
		clear(c.seen[:])
		c.base = 1
	} else {
		c.base = uint32(next)
	}
	c.length = uint32(length)
	// A short input uses a small part of the table, which stays in the cache.
	c.shift = 32 - uint(min(max(bits.Len(uint(length)), minTableBits), maxTableBits))
}

// AppendSegment appends in[from:to] in compressed form to dst, and gives up when more than limit
// bytes would have been appended: it then returns dst with ok false. Segments of one input are
// given in order, after Begin. Without ok, what lies beyond the returned dst is garbage.
func (c *Compressor) AppendSegment(dst, in []byte, from, to, limit int) (out []byte, ok bool) {
	stop := len(dst) + limit
	literals, i := from, from
	in = in[:to]
	for i+4 <= len(in) {
		word := binary.LittleEndian.Uint32(in[i:])
		slot := (word << 8 * 2654435761) >> (c.shift & 31) & (1<<maxTableBits - 1)
		at := int(int64(c.seen[slot]) - int64(c.base))
		c.seen[slot] = c.base + uint32(i)
		if at < 0 || i-at > Window || (binary.LittleEndian.Uint32(in[at:])^word)<<8 != 0 {
			// Steps grow where nothing is found, so that incompressible data costs little.
			i += 1 + min((i-literals)>>6, maxSkip)
			continue
		}
		copied := minCopy + matching(in[at+minCopy:], in[i+minCopy:min(len(in), i+MaxCopy)])
		if dst, ok = appendLiterals(dst, in[literals:i], stop); !ok {
			return dst, false
		}
		dst = appendCopy(dst, i-at-1, copied-2)
		i += copied
		literals = i
		if i+4 <= len(in) { // The end of a copy often begins the next one.
			word = binary.LittleEndian.Uint32(in[i-1:])
			c.seen[(word<<8*2654435761)>>(c.shift&31)&(1<<maxTableBits-1)] = c.base + uint32(i-1)
		}
	}
	return appendLiterals(dst, in[literals:], stop)
}

// matching returns how many leading bytes of b equal those of a, which is at least as long.
func matching(a, b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		if diff := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); diff != 0 {
			return n + bits.TrailingZeros64(diff)/8
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// appendLiterals appends tokens for p unless dst would become longer than stop.
func appendLiterals(dst, p []byte, stop int) (out []byte, ok bool) {
	if len(dst)+len(p)+(len(p)+MaxLiterals-1)/MaxLiterals > stop {
		return dst, false
	}
	for len(p) > 0 {
		n := min(len(p), MaxLiterals)
		dst = append(dst, byte(n-1))
		dst = append(dst, p[:n]...)
		p = p[n:]
	}
	return dst, true
}

// appendCopy appends the token for distance-1 back and length-2 bytes.
func appendCopy(dst []byte, back, length int) []byte {
	if length < longCopy {
		return append(dst, byte(length<<5|back>>8), byte(back))
	}
	return append(dst, byte(longCopy<<5|back>>8), byte(length-longCopy), byte(back))
}

// Append appends p in compressed form to dst, unless that takes more than limit bytes:
// then it returns dst with ok false.
func (c *Compressor) Append(dst, p []byte, limit int) (out []byte, ok bool) {
	if len(p) > MaxInput {
		return dst, false
	}
	c.Begin(len(p))
	out, ok = c.AppendSegment(dst, p, 0, len(p), limit)
	if !ok {
		return dst, false
	}
	return out, true
}

// Decompress fills dst, all of it and nothing beyond it, from the tokens of src, all of them. It
// reports false when they do not fit, and dst is then partly filled.
func Decompress(dst, src []byte) bool {
	out, in, ok := DecompressTokens(dst, 0, src)
	return ok && out == len(dst) && in == len(src)
}

// DecompressTokens decodes tokens of src into dst from dst[out:] on, where dst[:out] was decoded
// before, until a token is cut off by the end of src or does not fit dst. It returns how much of
// both is used; ok is false when a copy reaches back beyond the start of dst.
func DecompressTokens(dst []byte, out int, src []byte) (newOut, in int, ok bool) {
	for in < len(src) {
		token := int(src[in])
		if token < MaxLiterals {
			n, from := token+1, in+1
			if from+n > len(src) || out+n > len(dst) {
				break
			}
			if from+MaxLiterals <= len(src) && out+MaxLiterals <= len(dst) {
				*(*[MaxLiterals]byte)(dst[out:]) = *(*[MaxLiterals]byte)(src[from:])
			} else {
				copy(dst[out:out+n], src[from:])
			}
			in, out = from+n, out+n
			continue
		}
		length, used := token>>5, 2
		if length == longCopy {
			used = 3
		}
		if in+used > len(src) {
			break
		}
		if used == 3 {
			length += int(src[in+1])
		}
		length += 2
		if out+length > len(dst) {
			break
		}
		from := out - (token&31<<8 | int(src[in+used-1])) - 1
		if from < 0 {
			return out, in, false
		}
		in += used
		copyBack(dst, from, out, length)
		out += length
	}
	return out, in, true
}

// copyBack copies length bytes within dst from from to out, where from < out, as if one at a time:
// what is copied may contain what the same copy wrote. It may also write what comes after them.
func copyBack(dst []byte, from, out, length int) {
	const word = 8
	back := out - from
	if back >= word && out+length+word <= len(dst) {
		for end := out + length; out < end; from, out = from+word, out+word {
			*(*[word]byte)(dst[out:]) = *(*[word]byte)(dst[from:])
		}
		return
	}
	for length > back {
		copy(dst[out:out+back], dst[from:out])
		out, length, back = out+back, length-back, back*2
	}
	copy(dst[out:out+length], dst[from:])
}
