// Room: a save does not begin that the disk has no place for, and does not take the last of it.
//
// A save that fills the disk fails, and until it does, everything else that writes there fails too, the
// append-only log first. So before a save or a rewrite the disk is asked, the quotas, and the limit that
// the process has for its files. How large a file will be is told from the last one, in proportion to
// the memory then and now; and it has at least a certain part of what the data take in memory, which is
// all that is known before the first. Besides, while the log is on, a long file is given up when less is
// left than the log may need at any moment.
//
// save-space-check no is for who knows better.

package persist

import (
	"fmt"
	"math"
	"time"

	"tarn/internal/config"
	"tarn/internal/vfs"
)

const (
	// The least part of what keys and values take in memory that a file is believed to have. Small ones
	// shrink by the heads of their blocks, compressed text can be a hundredth.
	leastPart           = 8
	leastPartCompressed = 100

	// logReserve is what is left to the log: all that may wait to be written, but not more than a
	// sixty-fourth of a small disk.
	logReserve      = behindBytes
	logReserveShare = 64

	// roomPatience is how long everybody stands still for the disk to say how much room there is.
	roomPatience = 20 * time.Millisecond
)

func reserve(r vfs.Room) int64 { return min(logReserve, r.Size/logReserveShare) }

// sizeMemo is how large the latest file of a kind was, and how much memory was used then; zero: there
// was none. Guarded by Store.mu.
type sizeMemo struct{ bytes, used int64 }

// noteSize takes note of a file that has been written or loaded.
func (p *Store) noteSize(m *sizeMemo, bytes int64) {
	used := p.o.UsedMemory()
	p.mu.Lock()
	defer p.mu.Unlock()
	*m = sizeMemo{bytes, used}
}

// noRoomError says what is lacking.
type noRoomError struct {
	bound     string // that there is no room within
	dir       string
	need, has int64 // bytes
}

func (e *noRoomError) Error() string {
	return fmt.Sprintf("not enough room %s: about %d MB are needed in %s, %d MB are free (save-space-check no tries nevertheless)",
		e.bound, e.need>>20+1, e.dir, e.has>>20)
}

// roomFor tells whether there is room for the next file of a kind; compressed tells how it is written.
// What cannot be told speaks for it. Errors: *noRoomError.
func (p *Store) roomFor(m *sizeMemo, c *config.Config, compressed bool) error {
	if !c.SaveSpaceCheck {
		return nil
	}
	need := p.willTake(m, compressed)
	room, err := p.o.Files.Room(c.Dir)
	if err != nil {
		return nil
	}
	if need > room.File {
		return &noRoomError{"within the limit of a file's size (RLIMIT_FSIZE)", c.Dir, need, room.File}
	}
	if need > syncBytes && p.LogOn() {
		need += reserve(room)
	}
	if need > room.Free {
		return &noRoomError{room.Bound, c.Dir, need, room.Free}
	}
	return nil
}

// roomSoon is roomFor for who has stopped the world. told is false when the disk does not answer soon:
// then who writes the file asks again.
func (p *Store) roomSoon(m *sizeMemo, c *config.Config, compressed bool) (told bool, err error) {
	answer := make(chan error, 1)
	go func() { answer <- p.roomFor(m, c, compressed) }()
	select {
	case err = <-answer:
		return true, err
	case <-p.patience():
		return false, nil
	}
}

// willTake is how many bytes the next file of a kind will take, as far as can be told.
func (p *Store) willTake(m *sizeMemo, compressed bool) int64 {
	part := uint64(leastPart)
	if compressed {
		part = leastPartCompressed
	}
	need := int64(p.o.Keyspace.DataMemory() / part)
	used := p.o.UsedMemory()
	p.mu.Lock()
	last := *m
	p.mu.Unlock()
	if last.bytes > 0 && last.used > 0 {
		need = max(need, int64(math.Min(float64(last.bytes)*(float64(used)/float64(last.used)), 1<<62)))
	}
	return need
}

// sparing returns what a file is asked from time to time while it grows: whether enough is left to the
// log. nil: it is not asked.
func (p *Store) sparing(c *config.Config) func() error {
	if !c.SaveSpaceCheck {
		return nil
	}
	return func() error {
		if !p.LogOn() {
			return nil
		}
		room, err := p.o.Files.Room(c.Dir)
		if err != nil || room.Free >= reserve(room) {
			return nil
		}
		return &scarceError{room}
	}
}

// scarceError says that a file would have taken what the log may need.
type scarceError struct{ vfs.Room }

func (e *scarceError) Error() string {
	return fmt.Sprintf("only %d MB are left %s, which the append-only file may need (save-space-check no goes on nevertheless)", e.Free>>20, e.Bound)
}
