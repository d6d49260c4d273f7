// Append: what stands in a log beside the commands.

package aof

import (
	"bytes"
	"strconv"
)

// Multi and Exec are the commands around those that make one transaction.
const (
	Multi = "*1\r\n$5\r\nMULTI\r\n"
	Exec  = "*1\r\n$4\r\nEXEC\r\n"
)

// AppendSelect appends the command that says which database the commands that follow concern.
func AppendSelect(dst []byte, db int) []byte {
	var digits [20]byte
	number := strconv.AppendInt(digits[:0], int64(db), 10)
	dst = append(dst, "*2\r\n$6\r\nSELECT\r\n$"...)
	dst = strconv.AppendInt(dst, int64(len(number)), 10)
	dst = append(dst, "\r\n"...)
	dst = append(dst, number...)
	return append(dst, "\r\n"...)
}

// AppendTimestamp appends the line that says when what follows happened, in Unix seconds.
func AppendTimestamp(dst []byte, unix int64) []byte {
	dst = append(dst, "#TS:"...)
	dst = strconv.AppendInt(dst, unix, 10)
	return append(dst, "\r\n"...)
}

// Timestamp returns what AppendTimestamp wrote. ok is false for another line.
func Timestamp(line []byte) (unix int64, ok bool) {
	digits, ok := bytes.CutPrefix(line, []byte("#TS:"))
	if !ok {
		return 0, false
	}
	unix, err := strconv.ParseInt(string(bytes.TrimRight(digits, "\r\n")), 10, 64)
	return unix, err == nil
}

// IsSnapshot tells whether a file that begins with start, 6 bytes or more of it, begins with a
// snapshot in RDB format.
func IsSnapshot(start []byte) bool {
	return bytes.HasPrefix(start, []byte("REDIS")) || bytes.HasPrefix(start, []byte("VALKEY"))
}
