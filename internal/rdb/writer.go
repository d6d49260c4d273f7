// Writer: the frame of a file round entries that others encoded.
//
// It writes the header, keeps the checksum of all that passes, and ends with the EOF opcode and
// the checksum, or eight zero bytes in its place, which readers take for "none".

package rdb

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Writer writes one file to a sink. It buffers nothing: give it large pieces.
type Writer struct {
	sink     io.Writer
	checksum bool
	crc      uint64
	written  int64
}

// NewWriter returns a Writer that has written nothing yet. Without checksum, the file says that it
// has none.
func NewWriter(sink io.Writer, checksum bool) *Writer {
	return &Writer{sink: sink, checksum: checksum}
}

// CheckVersion returns an error unless version is one that files may claim. Errors: ErrVersion.
func CheckVersion(version int) error {
	if version < OldestVersion || version > NewestVersion {
		return fmt.Errorf("rdb: version %d is not between %d and %d: %w", version, OldestVersion, NewestVersion, ErrVersion)
	}
	return nil
}

// Begin writes the header.
func (w *Writer) Begin(version int) error {
	_, err := w.Write(AppendHeader(nil, version))
	return err
}

// Write writes encoded opcodes and entries, or a part of one. Errors: the sink's, with the place.
func (w *Writer) Write(p []byte) (int, error) {
	if w.checksum {
		w.crc = CRC64(w.crc, p)
	}
	n, err := w.sink.Write(p)
	w.written += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return n, fmt.Errorf("rdb: write at offset %d: %w", w.written, err)
	}
	return n, nil
}

// End writes the EOF opcode and the checksum. The sink is neither flushed nor closed.
func (w *Writer) End() error {
	if _, err := w.Write([]byte{opEOF}); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint64(nil, w.crc))
	return err
}

// Written returns how many bytes the sink took.
func (w *Writer) Written() int64 { return w.written }
