// Loss: what a repair gives up.
//
// What lies between where a log is whole and its end is looked through for commands: those of the
// transaction that is not finished, then those behind the damage, wherever one can be made out. In
// garbage that looks like commands it is an estimate, and it does not look at more than so many places.

package check

import (
	"bytes"
	"errors"
	"io"

	"tarn/internal/aof"
)

const (
	lossTries  = 10000    // places that look like a command and are none
	lossBuffer = 64 << 10 // that is looked through at a time
)

// loss is what a cut would lose.
type loss struct {
	commands int64
	open     int64 // of them, those before the damage
	more     bool  // there may be more
	first    string
	firstAt  int64
}

// countLoss counts what is lost when the file is cut at d.Good. Errors: the file's.
func (w *walk) countLoss(d *aof.Damage) (l loss, err error) {
	var before loss
	if _, err = w.commandsIn(d.Good, d.At, &before); err != nil {
		return l, err
	}
	l.open = before.commands
	at, err := w.commandsIn(d.Good, w.size, &l)
	if at = max(at, d.Good+1); d.Kind == aof.ErrBad {
		at = max(at, d.At)
	}
	for tries := 0; err == nil && at < w.size; tries++ {
		if tries == lossTries {
			l.more = true
			break
		}
		var next int64
		if next, err = w.nextStar(at); err != nil || next < 0 {
			break
		}
		at, err = w.commandsIn(next, w.size, &l)
		at = max(at, next+1)
	}
	return l, err
}

// commandsIn counts the whole commands that there are from an offset on and before another, one after the
// other, and returns where they end.
func (w *walk) commandsIn(offset, until int64, l *loss) (end int64, err error) {
	s := aof.NewScanner(io.NewSectionReader(w.file, offset, until-offset), aof.ScanOptions{Offset: offset, Size: until, RunBytes: 4 << 10})
	for end = offset; ; {
		run, err := s.Next()
		var d *aof.Damage
		switch {
		case errors.As(err, &d):
			if d.Kind == aof.ErrBad && end > offset {
				return d.At, nil
			}
			return end, nil
		case err == io.EOF:
			return end, nil
		case err != nil:
			return end, err
		}
		if l.commands == 0 {
			l.first, l.firstAt = shownCommand(aof.Args(run.Bytes, nil)), run.Offset
		}
		l.commands += int64(run.Commands)
		end = run.End()
	}
}

// nextStar returns the offset of the next line, from at on, that begins with '*', or -1. Errors: the file's.
func (w *walk) nextStar(at int64) (int64, error) {
	if w.buf == nil {
		w.buf = make([]byte, lossBuffer)
	}
	for at--; ; { // the line's end is before it
		n, err := w.file.ReadAt(w.buf, at)
		if i := bytes.Index(w.buf[:n], []byte("\n*")); i >= 0 {
			return at + int64(i) + 1, nil
		}
		if err == io.EOF {
			return -1, nil
		}
		if err != nil {
			return -1, err
		}
		at += int64(n) - 1
	}
}
