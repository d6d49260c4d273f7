// Logs: a manifest and its files, or one file, read to the end; and the cutting of their ends.
//
// A file is cut where it is whole (Fix), before what happened after a moment (Through), or before the
// first command that fits a pattern (Until): never within a transaction. Only a log's last file is: what
// follows in other files would else be run on data that it was not meant for.

package check

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"tarn/internal/aof"
	"tarn/internal/vfs"
)

// LogOptions say what is done with a log beside reading it.
type LogOptions struct {
	Fix     bool
	Yes     bool    // without asking
	Through int64   // Unix s: what happened later is cut off; 0: nothing is
	Until   *Match  // the first command that fits, and all after it, are cut off
	Look    Looking // at commands
	Redis   bool    // as redis-check-aof: questions are only asked for Fix, and only content tells manifests
}

// Log checks a log and tells whether it is good, or good now: a folder, a manifest, or one file.
func (t *Tool) Log(path string, o LogOptions) bool {
	path, err := t.find(path, o)
	if err != nil {
		t.say("%s\n", err)
		return false
	}
	manifest, err := t.isManifest(path, o)
	if err != nil {
		t.say("%s\n", err)
		return false
	}
	c := &logCheck{t: t, o: o}
	defer c.table.close()
	if manifest {
		return c.parts(path)
	}
	t.say("Start checking Old-Style AOF\n")
	return c.file(part{name: path, path: path, title: "AOF", last: true, snapshot: true}) && c.found(path)
}

// find returns the manifest, or the one file, of the log that a path names.
func (t *Tool) find(path string, o LogOptions) (string, error) {
	st, err := t.Files.Stat(path)
	if err != nil {
		return "", fmt.Errorf("Cannot open file %s: %s", path, reason(err))
	}
	if !st.IsDir() {
		return path, nil
	}
	if o.Redis {
		return "", fmt.Errorf("Cannot read file: %s", path)
	}
	var found []string
	for _, dir := range []string{path, filepath.Join(path, "appendonlydir")} {
		entries, err := t.Files.ReadDir(dir)
		if err != nil && (dir == path || !errors.Is(err, fs.ErrNotExist)) {
			return "", fmt.Errorf("Cannot read folder %s: %s", dir, reason(err))
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".manifest") && !strings.HasPrefix(e.Name(), "temp-") {
				found = append(found, filepath.Join(dir, e.Name()))
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("No manifest of a log in %s", path)
	}
	return "", fmt.Errorf("More than one manifest, name one: %s", strings.Join(found, ", "))
}

// isManifest tells whether a file is a manifest: by its first line that is no comment, as
// redis-check-aof tells it, or by its name.
func (t *Tool) isManifest(path string, o LogOptions) (bool, error) {
	f, err := t.Files.Open(path)
	if err != nil {
		return false, fmt.Errorf("Cannot open file %s: %s", path, reason(err))
	}
	defer f.Close()
	if !o.Redis && strings.HasSuffix(path, ".manifest") {
		return true, nil
	}
	r := bufio.NewReader(io.LimitReader(f, 64<<10))
	for {
		line, err := r.ReadString('\n')
		switch {
		case err != nil && err != io.EOF:
			return false, fmt.Errorf("Cannot read file %s: %s", path, reason(err))
		case !strings.HasPrefix(line, "#"):
			return strings.HasPrefix(line, "file"), nil
		case err != nil:
			return false, nil
		}
	}
}

// part is one file of a log.
type part struct {
	name     string // as shown
	path     string
	title    string
	last     bool
	snapshot bool // it may begin with one
}

// logCheck is the check of one log.
type logCheck struct {
	t       *Tool
	o       LogOptions
	lines   int64 // of commands in the files before, as redis-check-aof counts them
	matched bool
	table   lookup
}

// parts checks a log of many files.
func (c *logCheck) parts(path string) bool {
	c.t.say("Start checking Multi Part AOF\n")
	text, err := vfs.ReadFile(c.t.Files, path)
	if err != nil {
		c.t.say("Cannot open file %s: %s\n", path, reason(err))
		return false
	}
	m, err := aof.ParseManifest(text)
	var wrong *aof.ManifestError
	if errors.As(err, &wrong) {
		c.t.say("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")
		if wrong.Line > 0 {
			c.t.say("Reading the manifest file, at line %d\n>>> '%s'\n", wrong.Line, wrong.Text)
		}
		c.t.say("%s\n", wrong.What)
		return false
	}
	dir := filepath.Dir(path)
	if m.Base.Seq != 0 {
		p := part{name: m.Base.Name, path: filepath.Join(dir, m.Base.Name), title: "BASE AOF", last: len(m.Incrs) == 0, snapshot: true}
		format, err := c.format(p.path)
		if err != nil {
			c.t.say("Cannot open file %s: %s\n", p.path, reason(err))
			return false
		}
		c.t.say("Start to check BASE AOF (%s format).\n", format)
		if !c.file(p) {
			return false
		}
	}
	if len(m.Incrs) > 0 {
		c.t.say("Start to check INCR files.\n")
	}
	for i, f := range m.Incrs {
		p := part{name: f.Name, path: filepath.Join(dir, f.Name), title: "INCR AOF", last: i == len(m.Incrs)-1}
		if !c.file(p) {
			return false
		}
		if c.matched {
			break
		}
	}
	if !c.found(path) {
		return false
	}
	c.t.say("All AOF files and manifest are valid\n")
	return true
}

// found tells whether the command of Until was there, or none was asked for.
func (c *logCheck) found(path string) bool {
	if c.o.Until != nil && !c.matched {
		c.t.say("No command in %s fits '%s': nothing is cut\n", path, c.o.Until)
		return false
	}
	return true
}

// format names the format that a base is in.
func (c *logCheck) format(path string) (string, error) {
	f, err := c.t.Files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	snapshot, err := startsWithSnapshot(f)
	if snapshot {
		return "RDB", nil
	}
	return "RESP", err
}

// startsWithSnapshot tells whether a file does. Errors: the file's.
func startsWithSnapshot(f io.ReaderAt) (bool, error) {
	var start [6]byte
	n, err := f.ReadAt(start[:], 0)
	if err == io.EOF {
		err = nil
	}
	return aof.IsSnapshot(start[:n]), err
}

// file checks one file, and cuts it if it is to be. It tells whether the file is good now.
func (c *logCheck) file(p part) bool {
	t := c.t
	f, err := t.Files.Open(p.path)
	if err != nil {
		t.say("Cannot open file %s: %s, aborting...\n", p.path, reason(err))
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.say("Cannot stat file: %s, aborting...\n", p.name)
		return false
	}
	if st.IsDir() {
		t.say("Cannot read file: %s\n", p.path)
		return false
	}
	if st.Size() == 0 {
		t.say("%s %s is empty\n", p.title, p.name)
		return true
	}
	start, hybrid := int64(0), false
	if p.snapshot {
		if hybrid, err = startsWithSnapshot(f); err != nil {
			t.say("Cannot read file %s: %s, aborting...\n", p.path, reason(err))
			return false
		}
	}
	if hybrid {
		t.say("[offset 0] Checking RDB file %s\n", p.name)
		s, good := t.snapshot(p.name, io.NewSectionReader(f, 0, st.Size()), st.Size(), RDBOptions{})
		if !good {
			t.say("RDB preamble of AOF file is not sane, aborting.\n")
			return false
		}
		start = s.Bytes
		t.say("RDB preamble is OK, proceeding with AOF tail...\n")
	}
	w := &walk{c: c, part: p, file: f, size: st.Size(), start: start}
	return w.judge(w.run())
}

// walk is one reading of the commands of a file.
type walk struct {
	c        *logCheck
	part     part
	file     vfs.File
	start    int64 // offset of the first command
	size     int64
	commands int64
	problems int64
	buf      []byte // of nextStar
}

// cutting is why a reading ended early: the file is to be cut there.
type cutting struct {
	at  int64
	why string
}

func (c *cutting) Error() string { return c.why }

// run reads the commands. Errors: *aof.Damage, *cutting, the file's.
func (w *walk) run() error {
	p := w.c.t.watch(w.part.name, io.NewSectionReader(w.file, w.start, w.size-w.start), w.size-w.start)
	defer p.end()
	var s *aof.Scanner
	s = aof.NewScanner(p, aof.ScanOptions{Offset: w.start, Size: w.size, Strict: true, Note: func(offset int64, line []byte) error {
		if at, ok := aof.Timestamp(line); ok && w.c.o.Through != 0 && at > w.c.o.Through {
			return &cutting{at: min(offset, s.Good()), why: fmt.Sprintf("to timestamp %d", w.c.o.Through)}
		}
		return nil
	}})
	defer func() { w.c.lines += s.Lines() }()
	if w.c.o.Until == nil && w.c.o.Look == Nothing {
		for {
			run, err := s.Next()
			if err != nil {
				return err
			}
			w.commands += int64(run.Commands)
		}
	}
	var args [][]byte
	for {
		good := s.Good()
		run, list, err := s.Command(args[:0])
		if err != nil {
			return err
		}
		args = list
		if w.c.o.Until != nil && !w.c.matched && w.c.o.Until.fits(args) {
			w.c.matched = true
			return &cutting{at: good, why: fmt.Sprintf("before the command at offset %d: %s", run.Offset, shownCommand(args))}
		}
		w.commands++
		w.look(run.Offset, args)
	}
}

// judge says what a reading found, and cuts the file if that is wanted.
func (w *walk) judge(err error) bool {
	t, p, o := w.c.t, w.part, w.c.o
	var cut *cutting
	damage := &aof.Damage{At: w.size, Good: w.size}
	if errors.As(err, &cut) {
		return w.cut(cut)
	}
	if errors.As(err, &damage) {
		err = w.describe(damage)
	}
	if err != nil && err != io.EOF {
		t.say("Cannot read file %s: %s, aborting...\n", p.path, reason(err))
		return false
	}
	lost := w.size - damage.Good
	if lost == 0 && o.Through != 0 {
		t.say("Truncate nothing in AOF %s to timestamp %d\n", p.name, o.Through)
	} else {
		t.say("AOF analyzed: filename=%s, size=%d, ok_up_to=%d, ok_up_to_line=%d, diff=%d\n", p.name, w.size, damage.Good, w.c.lines+1, lost)
	}
	if lost > 0 && !w.fix(damage) {
		return false
	}
	if w.problems > 0 {
		t.say("%s %s has %d commands that this server does not load\n", p.title, p.name, w.problems)
		return false
	}
	if lost == 0 {
		t.say("%s %s is valid\n", p.title, p.name)
	}
	return true
}

// describe says what is wrong with a file. Errors: the file's.
func (w *walk) describe(d *aof.Damage) error {
	if d.Kind == aof.ErrBad && d.At == d.From {
		w.c.t.say("AOF %s format error\n", w.part.name)
	}
	w.c.t.say("0x%16x: %s\n", d.At, d.What)
	loss, err := w.countLoss(d)
	if err != nil {
		return err
	}
	more := ""
	if loss.more {
		more = "at least "
	}
	w.c.t.say("[info] %d commands are good, up to offset %d; a repair loses the %d bytes from there on: %s%d whole commands\n",
		w.commands-loss.open, d.Good, w.size-d.Good, more, loss.commands)
	if loss.first != "" {
		w.c.t.say("[info] the first command lost is at offset %d: %s\n", loss.firstAt, loss.first)
	}
	return nil
}

// fix cuts a damaged file where it is whole, if that is wanted.
func (w *walk) fix(d *aof.Damage) bool {
	t, p := w.c.t, w.part
	switch {
	case !w.c.o.Fix:
		t.say("AOF %s is not valid. Use the --fix option to try fixing it.\n", p.name)
		return false
	case !p.last:
		t.say("Failed to truncate AOF %s because it is not the last file\n", p.name)
		return false
	}
	if !w.ask(d.Good) {
		return false
	}
	if err := w.truncate(d.Good); err != nil {
		t.say("Failed to truncate AOF %s: %s\n", p.name, reason(err))
		return false
	}
	t.say("Successfully truncated AOF %s\n", p.name)
	return true
}

// cut cuts a file where a moment or a command says.
func (w *walk) cut(cut *cutting) bool {
	t, p := w.c.t, w.part
	switch {
	case cut.at == 0 && w.c.o.Through != 0:
		t.say("AOF %s has nothing before timestamp %d, aborting...\n", p.name, w.c.o.Through)
		return false
	case !p.last:
		t.say("Failed to truncate AOF %s %s to offset %d because it is not the last file.\n", p.path, cut.why, cut.at)
		t.say("If you insist, please delete all files after this file according to the manifest file " +
			"and delete the corresponding records in manifest file manually. Then re-run the check.\n")
		return false
	}
	if !w.c.o.Redis {
		loss, err := w.countLoss(&aof.Damage{At: cut.at, Good: cut.at})
		if err != nil {
			t.say("Cannot read file %s: %s, aborting...\n", p.path, reason(err))
			return false
		}
		t.say("[info] %d bytes from offset %d on are to be cut off, %d whole commands\n", w.size-cut.at, cut.at, loss.commands)
		if !w.ask(cut.at) {
			return false
		}
	}
	if err := w.truncate(cut.at); err != nil {
		t.say("Failed to truncate AOF %s %s: %s\n", p.name, cut.why, reason(err))
		return false
	}
	t.say("Successfully truncated AOF %s %s\n", p.name, cut.why)
	return true
}

// ask tells whether the file is to be cut.
func (w *walk) ask(at int64) bool {
	if w.c.o.Yes {
		return true
	}
	w.c.t.say("This will shrink the AOF %s from %d bytes, with %d bytes, to %d bytes\n", w.part.name, w.size, w.size-at, at)
	if !w.c.t.agrees() {
		w.c.t.say("Aborting...\n")
		return false
	}
	return true
}

// truncate cuts the file, durably.
func (w *walk) truncate(at int64) error {
	f, err := w.c.t.Files.OpenFile(w.part.path, vfs.ReadWrite, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(at)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// shownCommand returns the beginning of a command, for people.
func shownCommand(args [][]byte) string {
	const words, size = 4, 40
	var s strings.Builder
	for i, arg := range args[:min(len(args), words)] {
		if i > 0 {
			s.WriteByte(' ')
		}
		if plain := len(arg) <= size && len(arg) > 0 && !bytes.ContainsFunc(arg, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }); plain {
			s.Write(arg)
			continue
		}
		fmt.Fprintf(&s, "%q", arg[:min(len(arg), size)])
		if len(arg) > size {
			s.WriteString("...")
		}
	}
	if len(args) > words {
		fmt.Fprintf(&s, " ... (%d arguments)", len(args))
	}
	return s.String()
}

// reason returns why an operation on a file failed, without the file's name, as C's strerror says it.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied"
	}
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}
