// Large collections need no memory of their size: read on, they pass through the buffer; and what they
// claim to hold makes no room. What a caller leaves unread of one is passed over, and what is behind
// it is read.

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// allocated returns how many bytes fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLargeCollectionsPassThrough(t *testing.T) {
	const members = 300000
	enc := &Encoder{}
	file := AppendHeader(nil, DefaultVersion)
	file, c := enc.BeginCollection(file, &Head{Kind: SetKind, Key: []byte("large"), Count: members})
	var items []byte
	for i := range members {
		member := fmt.Appendf(nil, "member:%d", i)
		items = append(binary.AppendUvarint(items[:0], uint64(len(member))), member...)
		file = c.AppendItems(file, items)
	}
	file = append(enc.AppendStringEntry(file, []byte("behind"), []byte("it")), opEOF)
	file = binary.LittleEndian.AppendUint64(file, CRC64(0, file))
	for _, read := range []int{0, 1, 1000, members} {
		var got, behind int
		took := allocated(func() {
			o := Options{BufferBytes: 64 << 10, Buffers: 2, Large: func(rec *Record, v *LargeValue) error {
				it := v.Items()
				for ; got < read; got++ {
					if item, err := it.Next(); err != nil || string(item.Key) != fmt.Sprintf("member:%d", got) {
						return fmt.Errorf("member %d: %v, %w", got, item, err)
					}
				}
				if read < members {
					return nil
				}
				if _, err := it.Next(); err != io.EOF {
					return fmt.Errorf("after the last member: %w", err)
				}
				return nil
			}}
			result, err := Scan(bytes.NewReader(file), o, func(rec *Record) error { behind++; return nil })
			if err != nil || !result.Checked || result.Records != 2 || got != read || behind != 1 {
				t.Fatalf("%d members read of %d: %+v, %d behind, %v", got, members, result, behind, err)
			}
		})
		// The test's own strings aside, there is no more than the buffers.
		if read < members && took > 400<<10 {
			t.Errorf("%d members read: %d bytes allocated for a file of %d", read, took, len(file))
		}
	}
}

// TestLyingCounts shows that a count alone makes no room, in files and in payloads.
func TestLyingCounts(t *testing.T) {
	huge := AppendLength(nil, 1<<39)
	for typ := range types {
		if types[typ].name == "" || types[typ].refused || typ == TypeString {
			continue
		}
		due := make([]byte, 8)
		for _, body := range [][]byte{huge, append(due, huge...), append([]byte{1, 2}, huge...), append([]byte{0, 1, 0, 0}, huge...)} {
			body = append(body, make([]byte, 1000)...)
			var err error
			took := allocated(func() {
				file := io.MultiReader(strings.NewReader("REDIS0012"), bytes.NewReader([]byte{byte(typ), 1, 'k'}), bytes.NewReader(body), bytes.NewReader(make([]byte, 1<<20)))
				_, err = Scan(file, Options{}, func(rec *Record) error { _, err := decoded(rec.Value); return err })
				decodeAny(t, payloadOf(byte(typ), body))
			})
			if err != nil && !isOurs(err) {
				t.Errorf("type %d: %v", typ, err)
			}
			// The buffer doubles from 256 KiB to 2 MiB; what zeros decode to is about as large.
			if took > 64<<20 {
				t.Errorf("type %d, %q: %d bytes allocated for a file of 1 MiB", typ, body[:16], took)
			}
		}
	}
	payload := payloadOf(typeSet, append(AppendLength(nil, 1<<39), 1, 'a'))
	if _, err := ParseDump(payload, true); !errors.Is(err, ErrTruncated) {
		t.Errorf("a set of 2^39 members in %d bytes: %v", len(payload), err)
	}
}
