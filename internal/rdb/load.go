// Loading: a file read by one goroutine and decoded by several.
//
// Split finds the entries, workers take its batches from a channel in which all of them fit, so
// that the reader waits only for a free buffer. After an error the workers go on only with batches
// before its place: so the error returned is that of the first bad place in the file.

package rdb

import (
	"errors"
	"io"
	"math"
	"sync"
)

// Load reads a file from r and calls insert for every record on one of workers goroutines, each
// with its number from 0 on: records are in no order. Values longer than half a buffer go to
// o.Large, if that is set, on the calling goroutine, at the same time. When Load returns, no
// call of insert is under way. Errors: as Split, those of insert and of decoding what it decodes
// with their place.
func Load(r io.Reader, o Options, workers int, insert func(worker int, rec *Record) error) (Result, error) {
	l := loader{insert: insert, ahead: o.Ahead, stopAt: math.MaxInt64}
	if o.Buffers == 0 {
		o.Buffers = defaultBuffers
	}
	batches := make(chan *Batch, max(o.Buffers, 2))
	var working sync.WaitGroup
	for worker := range max(workers, 1) {
		working.Go(func() {
			for b := range batches {
				l.work(worker, b)
				b.Release()
			}
		})
	}
	result, err := Split(r, o, func(b *Batch) error {
		batches <- b
		return l.stopped()
	})
	close(batches)
	working.Wait()
	return result, l.first(err)
}

// Scan reads a file from r and calls fn for every record, in order, on the calling goroutine.
// Errors: as Split, those of fn.
func Scan(r io.Reader, o Options, fn func(*Record) error) (Result, error) {
	return Split(r, o, func(b *Batch) error {
		defer b.Release()
		return b.Each(fn)
	})
}

// errStopped ends the splitting after a worker's error, which is the one returned.
var errStopped = errors.New("rdb: stopped by another error")

// loader is what the workers of one Load share.
type loader struct {
	insert func(worker int, rec *Record) error
	ahead  func(worker int, rec *Record)

	mu     sync.Mutex // guards what follows
	stopAt int64      // the offset of the first bad place so far
	err    error      // what is wrong there
}

// work decodes one batch, unless all of it lies behind an error.
func (l *loader) work(worker int, b *Batch) {
	l.mu.Lock()
	stopAt := l.stopAt
	l.mu.Unlock()
	if b.Offset() > stopAt {
		return
	}
	var err error
	if l.ahead != nil {
		err = b.Each(func(rec *Record) error { l.ahead(worker, rec); return nil })
	}
	if err == nil {
		err = b.Each(func(rec *Record) error { return l.insert(worker, rec) })
	}
	if err == nil {
		return
	}
	place := b.Offset()
	if e := (*Error)(nil); errors.As(err, &e) {
		place = e.Offset
	}
	l.fail(place, err)
}

// fail notes what is wrong at a place, unless something is wrong before it.
func (l *loader) fail(place int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if place < l.stopAt {
		l.stopAt, l.err = place, err
	}
}

// stopped returns errStopped once a worker has failed.
func (l *loader) stopped() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return errStopped
	}
	return nil
}

// first returns the error of the first bad place, of the workers' and of the splitter's.
func (l *loader) first(splitErr error) error {
	if l.err == nil {
		return splitErr
	}
	if e := (*Error)(nil); errors.As(splitErr, &e) && e.Offset < l.stopAt {
		return splitErr
	}
	return l.err
}
