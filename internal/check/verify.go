// Verify: an RDB file read back inside a running server, that has written it as a backup.
//
// The difference to RDB is in the manners: one goroutine, which rests when it is told to; the page cache is
// neither believed nor filled; memory does not grow with the values. Small ones are loaded as at a start. Large
// ones are only decoded to their end, item by item.

package check

import (
	"errors"
	"fmt"
	"io"

	"tarn/internal/rdb"
	"tarn/internal/vfs"
)

// verifyDrop is how many bytes are read between two hints that they need not stay in the page cache.
const verifyDrop = 4 << 20

// Verify reads the RDB file at path to its end, and returns how many keys it holds and what is wrong with it,
// if anything is. It calls rest before each read of the file and ends when that returns an error. err says why
// nothing can be said: it is rest's, or that of opening the file.
func (t *Tool) Verify(path string, rest func() error) (keys int64, damage, err error) {
	f, err := t.Files.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, nil, err
	}
	place, err := newScratch()
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		if closing := place.close(); err == nil {
			err = closing
		}
	}()
	_ = f.DontNeed(0, st.Size()) // a hint
	r := &restingReader{f: f, rest: rest}
	s := &snapshot{}
	result, readErr := rdb.Scan(r, rdb.Options{
		Size: st.Size(), Buffers: 2,
		Large: func(rec *rdb.Record, v *rdb.LargeValue) error {
			err := readThrough(v)
			if errors.Is(err, rdb.ErrTruncated) {
				return err
			}
			s.note(rec, err)
			return nil
		},
	}, func(rec *rdb.Record) error {
		s.note(rec, place.hold(rec.Value))
		return nil
	})
	s.sort()
	switch {
	case r.stopped != nil:
		return 0, nil, r.stopped
	case readErr != nil:
		return result.Records, readErr, nil
	case s.breaks > 0:
		b := s.broken[0]
		return result.Records, fmt.Errorf("%d of %d values do not decode; the first: offset %d: key %q of database %d: %w",
			s.breaks, result.Records, b.offset, b.key, b.db, b.err), nil
	case result.Bytes != st.Size():
		return result.Records, fmt.Errorf("offset %d: %d bytes follow the end", result.Bytes, st.Size()-result.Bytes), nil
	case !result.Checked:
		return result.Records, errors.New("there is no checksum"), nil
	}
	return result.Records, nil, nil
}

// readThrough decodes a large value to its end.
func readThrough(v *rdb.LargeValue) error {
	it := v.Items()
	if it == nil {
		_, err := io.Copy(io.Discard, v)
		return err
	}
	for {
		if _, err := it.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// restingReader reads a file, with rests, and lets go of what it has read.
type restingReader struct {
	f             vfs.File
	rest          func() error
	stopped       error // what rest returned
	read, dropped int64
}

func (r *restingReader) Read(b []byte) (int, error) {
	if r.stopped = r.rest(); r.stopped != nil {
		return 0, r.stopped
	}
	n, err := r.f.Read(b)
	if r.read += int64(n); r.read-r.dropped >= verifyDrop {
		_ = r.f.DontNeed(r.dropped, r.read-r.dropped) // a hint
		r.dropped = r.read
	}
	return n, err
}
