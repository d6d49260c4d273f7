// Ziplists and zipmaps: what servers before 7.0 kept small collections in, read into listpacks.
//
// Both are one string of the file (docs/formats/rdb.md#old-forms). Everything in them is checked: a
// length, a link back or a count that does not fit refuses the whole.

package rdb

import (
	"encoding/binary"

	"tarn/internal/listpack"
)

const (
	ziplistHeadBytes = 10
	ziplistEnd       = 0xff
	ziplistMany      = 0xffff // the count is not kept
	ziplistLongBack  = 0xfe   // four bytes of link back follow
)

// appendZiplist appends to dst, which is empty, a listpack of the elements of the ziplist z.
func appendZiplist(dst, z []byte) ([]byte, error) {
	if len(z) <= ziplistHeadBytes || uint64(binary.LittleEndian.Uint32(z)) != uint64(len(z)) || z[len(z)-1] != ziplistEnd {
		return dst, ErrCorrupt
	}
	tail, count := int(binary.LittleEndian.Uint32(z[4:])), int(binary.LittleEndian.Uint16(z[8:]))
	end := len(z) - 1
	dst = listpack.AppendNew(dst)
	last, elements := ziplistHeadBytes, 0
	for at, before := ziplistHeadBytes, 0; at < end; elements++ {
		back, pos := 0, at
		if z[pos] != ziplistLongBack {
			back, pos = int(z[pos]), pos+1
		} else if pos += 5; pos < end {
			back = int(binary.LittleEndian.Uint32(z[at+1:]))
		}
		if pos >= end || back != before {
			return dst, ErrCorrupt
		}
		var ok bool
		if dst, pos, ok = appendZiplistElement(dst, z[:end], pos); !ok {
			return dst, ErrCorrupt
		}
		last, before, at = at, pos-at, pos
	}
	if last != tail || count != ziplistMany && count != elements {
		return dst, ErrCorrupt
	}
	return dst, nil
}

// appendZiplistElement appends the element whose encoding is at z[pos:], which is not empty, to a
// listpack.
func appendZiplistElement(dst, z []byte, pos int) (out []byte, end int, ok bool) {
	c, rest := z[pos], len(z)-pos-1
	length, head := 0, 0
	switch c >> 6 {
	case 0:
		length, head = int(c), 1
	case 1:
		if rest < 1 {
			return dst, pos, false
		}
		length, head = int(c&0x3f)<<8|int(z[pos+1]), 2
	case 2:
		if rest < 4 || c != 0x80 {
			return dst, pos, false
		}
		length, head = int(binary.BigEndian.Uint32(z[pos+1:])), 5
	default:
		n, size, ok := ziplistInt(z, pos)
		if !ok {
			return dst, pos, false
		}
		return listpack.AppendInt(dst, n), pos + 1 + size, true
	}
	if length > len(z)-pos-head {
		return dst, pos, false
	}
	end = pos + head + length
	return listpack.Append(dst, z[pos+head:end]), end, true
}

// ziplistInt returns the integer whose encoding is at z[pos:], and how many bytes follow that.
func ziplistInt(z []byte, pos int) (n int64, size int, ok bool) {
	c := z[pos]
	b := z[pos+1:]
	switch c {
	case 0xc0:
		size = 2
	case 0xd0:
		size = 4
	case 0xe0:
		size = 8
	case 0xf0:
		size = 3
	case 0xfe:
		size = 1
	default:
		return int64(c&0xf) - 1, 0, c >= 0xf1 && c <= 0xfd
	}
	if len(b) < size {
		return 0, 0, false
	}
	var wide [8]byte
	copy(wide[8-size:], b[:size])
	return int64(binary.LittleEndian.Uint64(wide[:])) >> (64 - 8*size), size, true
}

const (
	zipmapEnd  = 0xff
	zipmapLong = 0xfe // four bytes of length follow
	zipmapMany = 0xfe // from this count on it is not kept
)

// appendZipmap appends to dst, which is empty, a listpack of the fields and values of the zipmap z.
func appendZipmap(dst, z []byte) ([]byte, error) {
	if len(z) < 2 || z[len(z)-1] != zipmapEnd {
		return dst, ErrCorrupt
	}
	count, z := int(z[0]), z[1:len(z)-1]
	dst = listpack.AppendNew(dst)
	pairs := 0
	for len(z) > 0 {
		field, rest, ok := cutZipmap(z, 0)
		if !ok {
			return dst, ErrCorrupt
		}
		value, rest, ok := cutZipmap(rest, 1)
		if !ok {
			return dst, ErrCorrupt
		}
		dst = listpack.Append(listpack.Append(dst, field), value)
		z = rest
		pairs++
	}
	if count < zipmapMany && count != pairs {
		return dst, ErrCorrupt
	}
	return dst, nil
}

// cutZipmap returns the string that z begins with and what follows it. With spare 1, a byte after
// the length says how many unused bytes are behind the string.
func cutZipmap(z []byte, spare int) (s, rest []byte, ok bool) {
	if len(z) == 0 || z[0] > zipmapLong {
		return nil, nil, false
	}
	length, head := int(z[0]), 1
	if z[0] == zipmapLong {
		if len(z) < 5 {
			return nil, nil, false
		}
		length, head = int(binary.LittleEndian.Uint32(z[1:])), 5
	}
	unused := 0
	if spare > 0 {
		if len(z) <= head {
			return nil, nil, false
		}
		unused = int(z[head])
		head++
	}
	if head+length+unused > len(z) {
		return nil, nil, false
	}
	return z[head : head+length], z[head+length+unused:], true
}
