// IDs of stream entries: a time in Unix ms and a number among the entries of that ms.

package value

import (
	"cmp"
	"encoding/binary"
	"math"
	"strconv"
)

// StreamID names an entry. IDs are ordered by Ms, then Seq.
type StreamID struct{ Ms, Seq uint64 }

// MaxStreamID is the greatest of all IDs.
var MaxStreamID = StreamID{math.MaxUint64, math.MaxUint64}

const streamIDSize = 16 // bytes of an ID in a block or an item

// Compare returns -1, 0 or +1 as id stands before other, equals it, or stands behind it.
func (id StreamID) Compare(other StreamID) int {
	if c := cmp.Compare(id.Ms, other.Ms); c != 0 {
		return c
	}
	return cmp.Compare(id.Seq, other.Seq)
}

// Less tells whether id stands before other.
func (id StreamID) Less(other StreamID) bool {
	return id.Ms < other.Ms || id.Ms == other.Ms && id.Seq < other.Seq
}

// IsZero tells whether id is 0-0, which no entry has.
func (id StreamID) IsZero() bool { return id == StreamID{} }

// Next returns the ID behind id, and false when id is the greatest.
func (id StreamID) Next() (StreamID, bool) {
	if id.Seq != math.MaxUint64 {
		return StreamID{id.Ms, id.Seq + 1}, true
	}
	return StreamID{id.Ms + 1, 0}, id.Ms != math.MaxUint64
}

// Prev returns the ID before id, and false when id is 0-0.
func (id StreamID) Prev() (StreamID, bool) {
	if id.Seq != 0 {
		return StreamID{id.Ms, id.Seq - 1}, true
	}
	return StreamID{id.Ms - 1, math.MaxUint64}, id.Ms != 0
}

// AppendTo appends the ID as clients read it.
func (id StreamID) AppendTo(dst []byte) []byte {
	dst = strconv.AppendUint(dst, id.Ms, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// String returns the ID as clients read it.
func (id StreamID) String() string { return string(id.AppendTo(nil)) }

func appendStreamID(dst []byte, id StreamID) []byte {
	dst = binary.BigEndian.AppendUint64(dst, id.Ms)
	return binary.BigEndian.AppendUint64(dst, id.Seq)
}

func putStreamID(b []byte, id StreamID) {
	binary.BigEndian.PutUint64(b, id.Ms)
	binary.BigEndian.PutUint64(b[8:], id.Seq)
}

func readStreamID(b []byte) StreamID {
	return StreamID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}
