// Estimates: all registers of one HyperLogLog, or of several together, and what they tell.
//
// The estimator is Otmar Ertl's improved one ("New cardinality estimation algorithms for HyperLogLog
// sketches", arXiv:1702.01284, algorithm 6), computed in the order in which Redis does, so that
// the rounded estimates are the same. Products are converted to float64 before they are added, which
// keeps the compiler from fusing the two on machines that can.

package hyperloglog

import (
	"encoding/binary"
	"math"
)

// Ranks are registers, a byte each.
type Ranks [Registers]uint8

// histogram tells how many registers have each rank.
type histogram [64]int

// Merge raises each register to that of b. Errors: ErrCorrupt, and then some may have been raised.
func (all *Ranks) Merge(b []byte) error {
	if IsDense(b) {
		all.mergeDense(b[headBytes:])
		return nil
	}
	index := 0
	for at := headBytes; at < len(b); {
		r := runAt(b, at)
		if r.rank > 0 {
			if index+r.length > Registers {
				return ErrCorrupt
			}
			for i := range r.length {
				all[index+i] = max(all[index+i], r.rank)
			}
		}
		index += r.length
		at += r.bytes
	}
	if index != Registers {
		return ErrCorrupt
	}
	return nil
}

func (all *Ranks) mergeDense(regs []byte) {
	for i := 0; i < Registers; i += 4 {
		at := i * 6 / 8
		v := uint32(regs[at]) | uint32(regs[at+1])<<8 | uint32(regs[at+2])<<16
		r := all[i : i+4 : i+4]
		r[0] = max(r[0], uint8(v&63))
		r[1] = max(r[1], uint8(v>>6&63))
		r[2] = max(r[2], uint8(v>>12&63))
		r[3] = max(r[3], uint8(v>>18&63))
	}
}

// Estimate returns how many distinct elements the registers have seen.
func (all *Ranks) Estimate() uint64 {
	var h histogram
	for _, rank := range all {
		h[rank&63]++
	}
	return h.estimate()
}

// Estimate returns how many distinct elements b has seen, whether its own estimate is out of date or
// not. Errors: ErrCorrupt.
func Estimate(b []byte) (uint64, error) {
	var h histogram
	if IsDense(b) {
		h.addDense(b[headBytes:])
		return h.estimate(), nil
	}
	index := 0
	for at := headBytes; at < len(b); {
		r := runAt(b, at)
		h[r.rank] += r.length
		index += r.length
		at += r.bytes
	}
	if index != Registers {
		return 0, ErrCorrupt
	}
	return h.estimate(), nil
}

func (h *histogram) addDense(regs []byte) {
	for ; len(regs) >= 12; regs = regs[12:] { // 16 registers
		low := binary.LittleEndian.Uint64(regs)
		high := uint64(binary.LittleEndian.Uint32(regs[8:]))<<4 | low>>60
		for range 10 {
			h[low&63]++
			low >>= 6
		}
		for range 6 {
			h[high&63]++
			high >>= 6
		}
	}
}

func (h *histogram) estimate() uint64 {
	const (
		m     = float64(Registers)
		alpha = 0.721347520444481703680 // 1 / (2 ln 2)
	)
	z := float64(m * tau((m-float64(h[maxRank]))/m))
	for rank := maxRank - 1; rank >= 1; rank-- {
		z += float64(h[rank])
		z *= 0.5
	}
	z += float64(m * sigma(float64(h[0])/m))
	n := math.Round(alpha * m * m / z)
	if n >= 1<<63 { // of ranks that no element has
		return 1 << 63
	}
	return uint64(n)
}

// sigma and tau correct for registers that have met nothing, and for those of the highest rank.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		if z == before {
			return z
		}
		y += y
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64((1 - x) * (1 - x) * y)
		if z == before {
			return z / 3
		}
	}
}
