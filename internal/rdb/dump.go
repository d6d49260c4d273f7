// DUMP payloads: one value, with the version it needs and a checksum.
//
// A payload is the type byte, the value, two bytes of version and eight of checksum, both little
// endian (docs/formats/rdb.md#dump). It claims the oldest version that can hold the value, so that
// servers older than ours restore it.

package rdb

import (
	"encoding/binary"
	"fmt"
)

// DumpOverhead is how many bytes a payload has beside the value.
const DumpOverhead = 1 + dumpFooterBytes

// AppendDump appends the payload of a string value.
func (e *Encoder) AppendDump(dst, value []byte) []byte {
	start := len(dst)
	return appendDumpFooter(e.AppendString(append(dst, TypeString), value), start)
}

// AppendDumpInt appends the payload of a string value that is an integer.
func (e *Encoder) AppendDumpInt(dst []byte, value int64) []byte {
	start := len(dst)
	return appendDumpFooter(AppendInt(append(dst, TypeString), value), start)
}

// EndDump appends the footer of the payload of a collection that begins at dst[start].
func EndDump(dst []byte, start int) []byte { return appendDumpFooter(dst, start) }

// appendDumpFooter appends the footer of the payload that dst[start:] has so far.
func appendDumpFooter(dst []byte, start int) []byte {
	version := VersionFor(dst[start])
	dst = binary.LittleEndian.AppendUint16(dst, uint16(version))
	return binary.LittleEndian.AppendUint64(dst, CRC64(0, dst[start:]))
}

// ParseDump checks a payload and returns the value in it, which borrows its bytes. With checksum
// false the checksum is not looked at. Errors: ErrVersion (also when it is too short to have one)
// and ErrChecksum, where Redis says that version or checksum are wrong; ErrCorrupt, ErrTruncated
// and ErrUnsupported, where it says that the format is bad. An ErrCorrupt may also show up later,
// in decoding the value.
func ParseDump(payload []byte, checksum bool) (Value, error) {
	body := len(payload) - dumpFooterBytes
	if body < 0 {
		return Value{}, fmt.Errorf("dump payload of %d bytes: %w", len(payload), ErrVersion)
	}
	version := int(binary.LittleEndian.Uint16(payload[body:]))
	if version != 0 && !Readable(version) { // Redis takes 0
		return Value{}, fmt.Errorf("dump payload of version %d: %w", version, ErrVersion)
	}
	sum := binary.LittleEndian.Uint64(payload[body+2:])
	if checksum && sum != CRC64(0, payload[:body+2]) {
		return Value{}, fmt.Errorf("dump payload: %w", ErrChecksum)
	}
	if body == 0 {
		return Value{}, fmt.Errorf("dump payload without a value: %w", ErrTruncated)
	}
	t := meant(payload[0], version)
	if int(t) >= len(types) || types[t].name == "" || types[t].refused {
		return Value{}, fmt.Errorf("dump payload of type %d (%s): %w", t, TypeName(t), ErrUnsupported)
	}
	end, st := skipValue(t, payload[:body], 1)
	switch st {
	case short:
		return Value{}, fmt.Errorf("dump payload: %w", ErrTruncated)
	case bad:
		return Value{}, fmt.Errorf("dump payload: %w", ErrCorrupt)
	}
	return Value{Type: t, Body: payload[1:end]}, nil
}
