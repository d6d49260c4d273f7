// CRC-64/Jones: the checksum at the end of files and DUMP payloads.
//
// Polynomial 0xad93d23594c935a9, bits reflected, initial value 0, nothing inverted at the end, so
// that the standard library's tables do not serve. Sixteen bytes are folded at a time through
// sixteen tables, each of which advances one byte past all that follow it in the group.

package rdb

import "encoding/binary"

// jonesReflected is the polynomial with its bits in reverse order.
const jonesReflected = 0x95ac9329ac4bc9b5

// crcGroup is how many bytes are folded at once.
const crcGroup = 16

// crcTables[k][b] is the checksum of byte b followed by k zero bytes.
var crcTables = func() (t [crcGroup][256]uint64) {
	for b := range 256 {
		crc := uint64(b)
		for range 8 {
			crc = crc>>1 ^ jonesReflected&-(crc&1)
		}
		t[0][b] = crc
	}
	for k := 1; k < crcGroup; k++ {
		for b := range 256 {
			t[k][b] = t[0][byte(t[k-1][b])] ^ t[k-1][b]>>8
		}
	}
	return t
}()

// CRC64 returns the checksum of what crc is the checksum of, followed by p. The checksum of
// nothing is 0.
func CRC64(crc uint64, p []byte) uint64 {
	t := &crcTables
	for len(p) >= crcGroup {
		lo := crc ^ binary.LittleEndian.Uint64(p)
		hi := binary.LittleEndian.Uint64(p[8:])
		crc = t[15][byte(lo)] ^ t[14][byte(lo>>8)] ^ t[13][byte(lo>>16)] ^ t[12][byte(lo>>24)] ^
			t[11][byte(lo>>32)] ^ t[10][byte(lo>>40)] ^ t[9][byte(lo>>48)] ^ t[8][lo>>56] ^
			t[7][byte(hi)] ^ t[6][byte(hi>>8)] ^ t[5][byte(hi>>16)] ^ t[4][byte(hi>>24)] ^
			t[3][byte(hi>>32)] ^ t[2][byte(hi>>40)] ^ t[1][byte(hi>>48)] ^ t[0][hi>>56]
		p = p[crcGroup:]
	}
	for _, b := range p {
		crc = t[0][byte(crc)^b] ^ crc>>8
	}
	return crc
}
