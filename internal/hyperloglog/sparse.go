// The sparse encoding: registers as runs of equal ones.
//
//	00nnnnnn           1 to 64 zeros
//	01nnnnnn nnnnnnnn  1 to 16384 zeros, high bits first
//	1rrrrrnn           1 to 4 registers of rank 1 to 32
//
// Raising a register splits its run into up to three, and then joins equal neighbours among the few
// runs from the one before it on. It is done in Redis's order, since the bytes are seen by clients and
// by replicas: the encoding has many forms for the same registers.

package hyperloglog

import (
	"slices"
	"strconv"
)

const (
	tagLong      = 0x40
	tagRank      = 0x80
	maxShortZero = 64
	maxRankRun   = 4
	sparseRank   = 32 // the highest that a run can have
	joinReach    = 5  // runs looked at for joining
)

// run is a run, decoded.
type run struct {
	rank   uint8 // 0: zeros
	length int   // registers
	bytes  int   // of the run itself
}

// runAt decodes the run at at. A long run that lacks its second byte counts as having a zero there.
func runAt(b []byte, at int) run {
	c := b[at]
	switch {
	case c >= tagRank:
		return run{rank: c>>2&31 + 1, length: int(c&3) + 1, bytes: 1}
	case c < tagLong:
		return run{length: int(c) + 1, bytes: 1}
	}
	low := 0
	if at+1 < len(b) {
		low = int(b[at+1])
	}
	return run{length: int(c&0x3F)<<8 | low + 1, bytes: 2}
}

// appendZeros appends a run of zeros, short where that will do.
func appendZeros(dst []byte, length int) []byte {
	if length > maxShortZero {
		return append(dst, tagLong|byte((length-1)>>8), byte(length-1))
	}
	return append(dst, byte(length-1))
}

func rankRun(rank uint8, length int) byte { return tagRank | (rank-1)<<2 | byte(length-1) }

// appendRun appends a run of any rank, if it has any registers.
func appendRun(dst []byte, rank uint8, length int) []byte {
	switch {
	case length == 0:
		return dst
	case rank == 0:
		return appendZeros(dst, length)
	}
	return append(dst, rankRun(rank, length))
}

// position is a run in a HyperLogLog.
type position struct {
	at       int // its offset
	first    int // its first register
	previous int // offset of the run before, 0: none
}

var start = position{at: headBytes}

// raiseSparse is Raise for a sparse HyperLogLog.
func (e *Editor) raiseSparse(index int, rank uint8) (changed bool, err error) {
	if rank > sparseRank {
		return e.promote(index, rank)
	}
	before, at, ok := e.find(index)
	if !ok {
		return false, ErrCorrupt
	}
	r := runAt(e.b, at.at)
	if r.rank >= rank {
		return false, nil
	}
	if r.length == 1 && r.bytes == 1 {
		e.b[at.at] = rankRun(rank, 1)
	} else {
		var parts [5]byte
		split := appendRun(parts[:0], r.rank, index-at.first)
		split = append(split, rankRun(rank, 1))
		split = appendRun(split, r.rank, at.first+r.length-1-index)
		if more := len(split) - r.bytes; more > 0 && len(e.b)+more > e.sparseMax {
			return e.promote(index, rank)
		}
		e.b = slices.Replace(e.b, at.at, min(at.at+r.bytes, len(e.b)), split...)
	}
	e.from = before
	e.join(before.at)
	Outdate(e.b)
	return true, nil
}

// find returns the run of a register, and the run before that, or the run itself when it is the first.
func (e *Editor) find(index int) (before, at position, ok bool) {
	at = e.from
	if index < at.first {
		at = start
	}
	before = at
	for at.at < len(e.b) {
		r := runAt(e.b, at.at)
		if index < at.first+r.length {
			break
		}
		before = at
		at = position{at.at + r.bytes, at.first + r.length, at.at}
	}
	if before == at && at.previous != 0 { // joined with its neighbours, from reaches this far
		e.from = start
		return e.find(index)
	}
	return before, at, at.at < len(e.b)
}

// join joins equal neighbours among the runs from at on.
func (e *Editor) join(at int) {
	for reach := joinReach; reach > 0 && at < len(e.b); reach-- {
		r := runAt(e.b, at)
		if r.rank == 0 {
			at += r.bytes
			continue
		}
		if at+1 < len(e.b) {
			if next := runAt(e.b, at+1); next.rank == r.rank && r.length+next.length <= maxRankRun {
				e.b[at+1] = rankRun(r.rank, r.length+next.length)
				e.b = slices.Delete(e.b, at, at+1)
				continue
			}
		}
		at++
	}
}

// promote makes the HyperLogLog dense and raises a register.
func (e *Editor) promote(index int, rank uint8) (changed bool, err error) {
	if err := e.MakeDense(); err != nil {
		return false, err
	}
	return e.raiseDense(index, rank), nil
}

// AppendRuns appends the runs of b, which is sparse, as text: Z:n and z:n for long and short runs of
// n zeros, v:rank,n for others, with blanks between them.
func AppendRuns(dst, b []byte) []byte {
	for at := headBytes; at < len(b); {
		if at > headBytes {
			dst = append(dst, ' ')
		}
		r := runAt(b, at)
		switch {
		case r.rank > 0:
			dst = strconv.AppendInt(append(dst, "v:"...), int64(r.rank), 10)
			dst = append(dst, ',')
		case r.bytes == 2:
			dst = append(dst, "Z:"...)
		default:
			dst = append(dst, "z:"...)
		}
		dst = strconv.AppendInt(dst, int64(r.length), 10)
		at += r.bytes
	}
	return dst
}
