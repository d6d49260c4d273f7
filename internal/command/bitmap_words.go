// Counting and finding bits, eight bytes at a time.

package command

import (
	"encoding/binary"
	"math/bits"
)

var le = binary.LittleEndian

// countBits returns how many bits of p from one position to another, both inside, are set.
func countBits(p []byte, from, to int64) int64 {
	first, last := p[from>>3], p[to>>3]
	before := bits.OnesCount8(first >> (8 - from&7))
	after := bits.OnesCount8(last << (1 + to&7))
	return int64(countOnes(p[from>>3:to>>3+1]) - before - after)
}

// countOnes returns how many bits of p are set.
func countOnes(p []byte) int {
	var a, b, c, d int // apart, so that one sum need not wait for another
	for ; len(p) >= 32; p = p[32:] {
		a += bits.OnesCount64(le.Uint64(p))
		b += bits.OnesCount64(le.Uint64(p[8:]))
		c += bits.OnesCount64(le.Uint64(p[16:]))
		d += bits.OnesCount64(le.Uint64(p[24:]))
	}
	for ; len(p) >= 8; p = p[8:] {
		a += bits.OnesCount64(le.Uint64(p))
	}
	for _, x := range p {
		b += bits.OnesCount8(x)
	}
	return a + b + c + d
}

// firstBit returns the first position from one to another, both inside p, whose bit is bit, or -1.
func firstBit(p []byte, bit, from, to int64) int64 {
	none := byte(bit) - 1 // a byte that has no such bit
	at, last := from>>3, to>>3
	found := (p[at] ^ none) & (0xff >> (from & 7))
	if found == 0 {
		at++
		at += int64(countLeading(p[at:last+1], none))
		if at > last {
			return -1
		}
		found = p[at] ^ none
	}
	pos := 8*at + int64(bits.LeadingZeros8(found))
	if pos > to {
		return -1
	}
	return pos
}

// countLeading returns how many bytes at the front of p are b.
func countLeading(p []byte, b byte) int {
	word := uint64(b) * 0x0101010101010101
	at := 0
	for len(p)-at >= 32 {
		q := p[at : at+32]
		if (le.Uint64(q)^word)|(le.Uint64(q[8:])^word)|(le.Uint64(q[16:])^word)|(le.Uint64(q[24:])^word) != 0 {
			break
		}
		at += 32
	}
	for at < len(p) && p[at] == b {
		at++
	}
	return at
}
