// Errors: what is wrong with a file, and where.
//
// Every error of this room is an *Error, or wraps the sink's or the source's own. One sentinel says
// what kind it is, for errors.Is; the rest is for the person who has to find the place in the file.

package rdb

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a file or a payload.
var (
	ErrCorrupt     = errors.New("the data is corrupt")
	ErrTruncated   = errors.New("the data ends early")
	ErrVersion     = errors.New("the format version is not supported")
	ErrChecksum    = errors.New("the checksum does not match")
	ErrUnsupported = errors.New("objects of this kind are not loaded")
)

// keyShownBytes is how much of a key an error shows.
const keyShownBytes = 128

// Error is one thing wrong at one place.
type Error struct {
	Offset int64  // bytes from the start of the file to the opcode, type or footer concerned
	What   string // what was being read, or what is wrong with it; may be empty
	Key    []byte // the key concerned, or nil; cut to keyShownBytes
	Err    error  // one of the sentinels above, or what a callback returned

	Byte   byte   // the opcode or type at Offset, where the walk from one to the next ends
	Module string // whose value is there, if it is of one

	Stored, Computed uint64 // checksums, of an ErrChecksum
}

// Error returns the place, the thing, the key and the kind, in that order.
func (e *Error) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "rdb: offset %d: ", e.Offset)
	if e.What != "" {
		s.WriteString(e.What + ": ")
	}
	if e.Key != nil {
		fmt.Fprintf(&s, "key %q: ", e.Key)
	}
	s.WriteString(e.Err.Error())
	return s.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// shownKey returns a copy of as much of key as an error shows.
func shownKey(key []byte) []byte {
	return append([]byte{}, key[:min(len(key), keyShownBytes)]...)
}

// placed returns err with its place, unless it already has one.
func placed(offset int64, what string, key []byte, err error) error {
	if _, has := err.(*Error); has {
		return err
	}
	e := &Error{Offset: offset, What: what, Err: err}
	if key != nil {
		e.Key = shownKey(key)
	}
	return e
}
