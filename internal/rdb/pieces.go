// Large strings: written in pieces, so that no buffer of their size is needed.
//
// The compressed length stands before the compressed bytes. So a large string is compressed twice:
// once to count, keeping nothing, and once to write. Both passes go by the same segments and thus
// say the same (package lzf). The string must stay as it is from the first call to the last.

package rdb

import "tarn/internal/lzf"

const (
	segmentBytes = 32 << 10

	// PieceBytes is the most that one Pieces.AppendTo appends.
	PieceBytes = segmentBytes + segmentBytes/lzf.MaxLiterals + 1
)

// Pieces is what is left to write of one large string.
type Pieces struct {
	lzf   *lzf.Compressor // nil: the string is written as it is
	value []byte
	next  int // the first byte of value not yet written
}

// BeginLarge appends a key's type and name and the header of its string value, and returns the
// rest of the value: for p.More() { buf = p.AppendTo(buf) }. It reads all of value when Compress
// is set. The encoder is not used for anything else until nothing more is left.
func (e *Encoder) BeginLarge(dst, key, value []byte) ([]byte, Pieces) {
	dst = e.AppendString(append(dst, TypeString), key)
	if _, small := smallInt(value); !small && e.Compress && len(value) <= lzf.MaxInput {
		packed := countSegments(&e.lzf, value)
		if packed <= len(value)-leastSaving {
			e.lzf.Begin(len(value))
			return appendCompressedHeader(dst, packed, len(value)), Pieces{lzf: &e.lzf, value: value}
		}
	}
	return AppendLength(dst, uint64(len(value))), Pieces{value: value}
}

// More tells whether a piece is left.
func (p *Pieces) More() bool { return p.next < len(p.value) }

// AppendTo appends the next piece: at least one byte, at most PieceBytes.
func (p *Pieces) AppendTo(dst []byte) []byte {
	from, to := p.next, min(p.next+segmentBytes, len(p.value))
	p.next = to
	if p.lzf == nil {
		return append(dst, p.value[from:to]...)
	}
	dst, _ = p.lzf.AppendSegment(dst, p.value, from, to, PieceBytes)
	return dst
}

// countSegments returns how many bytes in takes when compressed segment by segment.
func countSegments(c *lzf.Compressor, in []byte) int {
	var scratch [PieceBytes]byte
	total := 0
	c.Begin(len(in))
	for from := 0; from < len(in); from += segmentBytes {
		out, _ := c.AppendSegment(scratch[:0], in, from, min(from+segmentBytes, len(in)), PieceBytes)
		total += len(out)
	}
	return total
}
