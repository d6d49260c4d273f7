// Scanner: a log to whole commands.
//
// A log is commands, one after the other, as clients send them in RESP; between two of them there may
// be lines that begin with '#'. The Scanner reads pieces, finds where commands end, and hands out runs
// of whole ones, without the lines between. It knows of transactions, since one without its EXEC at
// the log's end has not happened: a run never ends a log amid one without saying so.
//
// What can be wrong is of two kinds. The log is short when its end is what a write would have left
// that was cut off: that is repaired by cutting at Damage.Good. It is bad when bytes stand where none
// that a server writes could. A line or a length that is not ended by CR LF is bad (where a
// redis-server loads on, whatever the two bytes after an argument are), and a '#' line without its end
// at the end of the log makes it short (a redis-server would append to it).
//
// What must hold: beside one buffer of a run's size, memory is only taken for bytes that have
// arrived, and never more than twice what the command at hand has.

package aof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// What can be wrong with a log. A *Damage is one of them.
var (
	ErrShort = errors.New("the log ends early")
	ErrBad   = errors.New("the log is damaged")
)

// Damage is why a log cannot be read to its end.
type Damage struct {
	Kind       error  // ErrShort or ErrBad
	At         int64  // offset in the file of what is wrong; with ErrShort, the file's size
	Good       int64  // offset up to which the log is whole: no command and no transaction is cut there
	Commands   int64  // offset of the end of the last command before Good; '#' lines may lie between
	What       string // what was met, for people
	Unfinished bool   // a transaction began at Good and has no EXEC before At
	From       int64  // offset of the command or '#' line concerned, or At
	Lines      int64  // how many lines of commands there are before At, as redis-check-aof counts them
}

// Error returns the place and what was met there.
func (d *Damage) Error() string {
	return fmt.Sprintf("offset %d: %s (whole up to offset %d)", d.At, d.What, d.Good)
}

// Unwrap returns Kind.
func (d *Damage) Unwrap() error { return d.Kind }

const (
	defaultRun = 256 << 10
	// maxNote is how long a line that begins with '#' may be, with its end, as in Redis.
	maxNote = 1023
	// maxLength is how long the line may be that counts arguments or bytes, with its end.
	maxLength = 32
)

// ScanOptions say how a log is read. The zero value is good.
type ScanOptions struct {
	Offset   int64 // of the reader's first byte in the file, when a snapshot comes before the log
	Size     int64 // of the whole file, when known: one argument's memory is then taken at once
	RunBytes int   // about how many bytes a run has at most; 0 means 256 KiB
	Strict   bool  // a MULTI within a transaction and an EXEC outside of one are bad: a server loads them

	// Note is shown each line that begins with '#', borrowed and with its end. What came before it
	// has been handed out, nothing after it. An error from it ends the reading.
	Note func(offset int64, line []byte) error
}

// Run is some commands that follow each other. Its bytes are borrowed until the next one is asked for.
type Run struct {
	Bytes    []byte
	Offset   int64 // in the file, of the first of them
	Commands int
}

// End returns the offset in the file of what follows the run.
func (r *Run) End() int64 { return r.Offset + int64(len(r.Bytes)) }

// Scanner reads one log.
type Scanner struct {
	r    io.Reader
	o    ScanOptions
	buf  []byte
	at   int   // of what is not handed out yet, in buf
	base int64 // offset in the file of buf[0]
	eof  bool
	err  error // why there is no more

	good     int64 // offset in the file: as Damage.Good
	commands int64 // as Damage.Commands
	opened   bool  // a transaction, at good
	lines    int64 // of the commands handed out
}

// NewScanner returns a Scanner of what r holds.
func NewScanner(r io.Reader, o ScanOptions) *Scanner {
	if o.RunBytes == 0 {
		o.RunBytes = defaultRun
	}
	return &Scanner{r: r, o: o, base: o.Offset, good: o.Offset, commands: o.Offset, buf: make([]byte, 0, o.RunBytes)}
}

// Good returns the offset up to which what was handed out is whole: the end of the last command, or
// the beginning of the transaction that is open.
func (s *Scanner) Good() int64 { return s.good }

// Lines returns how many lines there are in the commands handed out: one, and two an argument.
func (s *Scanner) Lines() int64 { return s.lines }

// Open tells whether what was handed out ends amid a transaction.
func (s *Scanner) Open() bool { return s.opened }

// Next returns the next run of whole commands, at least one. Errors: io.EOF at the end of a log that
// is whole; *Damage; those of the reader and of Note.
func (s *Scanner) Next() (Run, error) { return s.next(math.MaxInt) }

// Command returns the next command as a run of one, and its arguments, appended to args and borrowed
// like it. Errors: as Next.
func (s *Scanner) Command(args [][]byte) (Run, [][]byte, error) {
	run, err := s.next(1)
	if err != nil {
		return run, args, err
	}
	return run, Args(run.Bytes, args), nil
}

// next is Next with at most limit commands.
func (s *Scanner) next(limit int) (Run, error) {
	for s.err == nil {
		run, need := s.cut(limit)
		if run.Commands > 0 {
			return run, nil
		}
		if s.err == nil {
			s.fill(need)
		}
	}
	return Run{}, s.err
}

// cut takes whole commands off the front of what is in the buffer. When there is none, need is how
// many bytes there must be before there can be one, as far as can be said.
func (s *Scanner) cut(limit int) (run Run, need int) {
	start := s.at
	run.Offset = s.base + int64(start)
	for run.Commands < limit && s.at < len(s.buf) {
		if s.buf[s.at] == '#' {
			if run.Commands > 0 {
				break // the line shall be shown after the commands before it
			}
			if !s.note() {
				return run, 0
			}
			start, run.Offset = s.at, s.base+int64(s.at)
			continue
		}
		w := walk{b: s.buf[s.at:]}
		if need = w.command(); need != 0 {
			if need < 0 && run.Commands == 0 {
				s.bad(w)
			}
			break
		}
		if wrong := s.misplaced(w); wrong != "" {
			if run.Commands == 0 {
				s.lines += w.lines
				s.fail(ErrBad, s.base+int64(s.at), wrong)
			}
			break
		}
		s.at += w.at
		s.lines += w.lines
		s.track(w)
		run.Commands++
	}
	run.Bytes = s.buf[start:s.at:s.at]
	return run, need
}

// misplaced says what is wrong with a command that is whole, if one must be strict.
func (s *Scanner) misplaced(w walk) string {
	if !s.o.Strict || w.count != 1 {
		return ""
	}
	switch {
	case s.opened && bytes.EqualFold(w.first, []byte("MULTI")):
		return "MULTI within a transaction"
	case !s.opened && bytes.EqualFold(w.first, []byte("EXEC")):
		return "EXEC without MULTI"
	}
	return ""
}

// track takes note of what ends at at: a command, a transaction's first or its last.
func (s *Scanner) track(w walk) {
	if w.count == 1 {
		switch {
		case !s.opened && bytes.EqualFold(w.first, []byte("MULTI")):
			s.opened = true
		case s.opened && bytes.EqualFold(w.first, []byte("EXEC")):
			s.opened = false
		}
	}
	if !s.opened {
		s.good = s.base + int64(s.at)
		s.commands = s.good
	}
}

// note passes a line that begins with '#'. It tells whether it could.
func (s *Scanner) note() bool {
	line := s.buf[s.at:min(s.at+maxNote, len(s.buf))]
	end := bytes.IndexByte(line, '\n')
	if end < 0 {
		if len(line) == maxNote {
			s.fail(ErrBad, s.base+int64(s.at), fmt.Sprintf("a line of more than %d bytes", maxNote))
		}
		return false
	}
	offset := s.base + int64(s.at)
	s.at += end + 1
	if s.o.Note != nil {
		s.err = s.o.Note(offset, line[:end+1])
	}
	if s.err == nil && !s.opened {
		s.good = s.base + int64(s.at)
	}
	return s.err == nil
}

// fill reads on, until the buffer is full or there is no more.
func (s *Scanner) fill(need int) {
	if end := s.base + int64(s.at) + int64(need); s.eof || s.o.Size > 0 && end > s.o.Size {
		s.finish()
		return
	}
	rest := s.buf[s.at:]
	size := s.o.RunBytes
	if need > size || len(rest) >= size {
		size = max(size, s.room(len(rest), need))
	}
	if size != cap(s.buf) {
		s.buf = append(make([]byte, 0, size), rest...)
	} else {
		s.buf = s.buf[:copy(s.buf[:cap(s.buf)], rest)]
	}
	s.base += int64(s.at)
	s.at = 0
	n, err := io.ReadFull(s.r, s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		s.eof = true
	case err != nil:
		s.err = err
	}
}

// room returns how large the buffer should be that holds have bytes of a command of at least need:
// half as large again, or as need says if the file is known to be long enough, or twice as large.
func (s *Scanner) room(have, need int) int {
	more := have + have/2 + 1
	if s.o.Size > 0 {
		if rest := s.o.Size - s.base - int64(s.at); int64(need) <= rest {
			return max(need, int(min(int64(more), rest)), have+1)
		}
	}
	return max(more, min(need, 2*max(have, s.o.RunBytes)))
}

// finish says how a log ends.
func (s *Scanner) finish() {
	end := s.base + int64(len(s.buf))
	if !s.eof {
		end = s.o.Size
	}
	switch {
	case s.at < len(s.buf):
		w := walk{b: s.buf[s.at:]}
		if s.buf[s.at] != '#' {
			w.command()
		}
		s.lines += w.lines
		s.fail(ErrShort, end, "the file ends amid what begins at offset "+strconv.FormatInt(s.base+int64(s.at), 10))
	case s.opened:
		s.fail(ErrShort, end, "the file ends before the EXEC of a transaction")
	default:
		s.err = io.EOF
	}
}

func (s *Scanner) bad(w walk) {
	s.lines += w.lines
	s.fail(ErrBad, s.base+int64(s.at+w.at), w.wrong())
}

func (s *Scanner) fail(kind error, at int64, what string) {
	s.err = &Damage{Kind: kind, At: at, Good: s.good, Commands: s.commands, What: what, Unfinished: s.opened,
		From: min(s.base+int64(s.at), at), Lines: s.lines}
}

// Args appends the arguments of the command that b begins with, a whole one, to args.
func Args(b []byte, args [][]byte) [][]byte {
	w := walk{b: b, args: args, keep: true}
	if w.command() != 0 {
		return args
	}
	return w.args
}

// walk goes through one command.
type walk struct {
	b     []byte
	at    int
	count int
	lines int64  // that end before at
	first []byte // argument

	keep bool // append the arguments to args
	args [][]byte

	want string // that is not at at
}

// command walks to the end of a command. It returns 0 when that is there; how many bytes there must
// be at least, when it is not; -1 when what is at at cannot be.
func (w *walk) command() (need int) {
	count, need := w.length('*')
	if need != 0 {
		return need
	}
	if count < 1 || count > math.MaxInt32 {
		w.at, w.want = 0, "a count of arguments"
		return -1
	}
	w.count = int(count)
	for i := range w.count {
		header := w.at
		size, need := w.length('$')
		if need != 0 {
			return need
		}
		if size < 0 || size > math.MaxInt/4 {
			w.at, w.want = header, "the length of an argument"
			return -1
		}
		end := w.at + int(size)
		if len(w.b) < end+2 {
			return end + 2
		}
		if w.b[end] != '\r' || w.b[end+1] != '\n' {
			w.at, w.want = end, "the line end after an argument"
			return -1
		}
		if i == 0 {
			w.first = w.b[w.at:end:end]
		}
		if w.keep {
			w.args = append(w.args, w.b[w.at:end:end])
		}
		w.at = end + 2
		w.lines++
	}
	return 0
}

// length reads a line of the mark, a number and a line end. need is as command's.
func (w *walk) length(mark byte) (n int64, need int) {
	b := w.b[w.at:]
	if len(b) > 0 && b[0] != mark {
		w.want = "'" + string(rune(mark)) + "'"
		return 0, -1
	}
	i, digits, minus := 1, 0, false
	if len(b) > 1 && b[1] == '-' {
		i, minus = 2, true
	}
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9' && i < maxLength; i++ {
		if n > (math.MaxInt64-9)/10 {
			break
		}
		n = n*10 + int64(b[i]-'0')
		digits++
	}
	if minus {
		n = -n
	}
	switch {
	case i >= len(b):
		return 0, w.at + i + 2
	case digits > 0 && b[i] == '\r' && i+1 == len(b):
		return 0, w.at + i + 2
	case digits > 0 && b[i] == '\r' && b[i+1] == '\n':
		w.at += i + 2
		w.lines++
		return n, 0
	}
	w.at, w.want = w.at+i, "a number and a line end"
	return 0, -1
}

// wrong says what is at at, and what should be.
func (w *walk) wrong() string {
	got := w.b[w.at:min(w.at+16, len(w.b))]
	return fmt.Sprintf("%s expected, %q found", w.want, got)
}
