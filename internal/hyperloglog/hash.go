// The hash of elements: MurmurHash64A, by Austin Appleby (public domain), with the seed that Redis
// uses. It must never change: it is part of what HyperLogLogs at rest mean.

package hyperloglog

import "encoding/binary"

const (
	hashSeed   = 0xadc83b19
	hashFactor = 0xc6a4a7935bd1e995
	hashShift  = 47
)

func hash(b []byte) uint64 {
	h := hashSeed ^ uint64(len(b))*hashFactor
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * hashFactor
		k ^= k >> hashShift
		h = (h ^ k*hashFactor) * hashFactor
	}
	if len(b) > 0 {
		tail := uint64(0)
		for i, c := range b {
			tail |= uint64(c) << (8 * i)
		}
		h = (h ^ tail) * hashFactor
	}
	h ^= h >> hashShift
	h *= hashFactor
	return h ^ h>>hashShift
}
