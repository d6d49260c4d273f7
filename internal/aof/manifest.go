// Manifest: which files make up a log, and in which order.
//
// A line per file: `file NAME seq N type T`. Type b is the base, all data at some moment; i is an
// increment, commands since; h is history, a file that a rewrite made superfluous and that is yet to
// be removed. There is at most one base, and the numbers of increments rise. Further pairs of words
// on a line are passed over, as are lines that begin with '#'.
//
// A Manifest is a value: its methods return a changed one and leave it alone. So a rewrite prepares
// the next one, puts it on the disk, and only then lets it take the place of the old.
//
// Everything, the texts of the errors too, is as Redis 7 has it.

package aof

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"tarn/internal/resp"
)

// Type is what a file is to its log.
type Type byte

// Types.
const (
	Base    Type = 'b'
	History Type = 'h'
	Incr    Type = 'i'
)

// File is one file of a log. The zero File stands for none: a real one has a number.
type File struct {
	Name string // without folder
	Seq  int64  // not 0
	Type Type
}

// Manifest is the list of a log's files. The zero Manifest is that of a log without files.
type Manifest struct {
	Base    File   // zero: there is none
	History []File // latest first
	Incrs   []File // oldest first

	baseSeq int64 // last number given to a base
	incrSeq int64 // last number given to an increment
}

// maxLine is how many bytes a line may have, with its end.
const maxLine = 1024

// What can be wrong with a manifest, as Redis says it.
const (
	errEmpty     = "Found an empty AOF manifest"
	errLongLine  = "The AOF manifest file contains too long line"
	errFormat    = "Invalid AOF manifest file format"
	errPath      = "File can't be a path, just a filename"
	errTwoBases  = "Found duplicate base file information"
	errSequence  = "Found a non-monotonic sequence number"
	errWrongType = "Unknown AOF file type"
)

// ManifestError says what is wrong with a manifest, in Redis's words.
type ManifestError struct {
	Line int    // from 1 on; 0: it is not about one line that could be read
	Text string // the line, without the blanks around it
	What string
}

// Error returns what is wrong, with the line if there is one.
func (e *ManifestError) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return "line " + strconv.Itoa(e.Line) + ": " + e.What + ": " + strconv.Quote(e.Text)
}

// ParseManifest reads a manifest file. Errors: *ManifestError.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if len(data) == 0 {
		return m, &ManifestError{What: errEmpty}
	}
	for number := 1; len(data) > 0; number++ {
		line, whole := nextLine(data)
		data = data[len(line):]
		if line[0] == '#' {
			continue
		}
		if !whole {
			return Manifest{}, &ManifestError{What: errLongLine}
		}
		line = bytes.Trim(line, " \t\r\n")
		file, wrong := parseLine(line)
		if wrong == "" {
			wrong = m.add(file)
		}
		if wrong != "" {
			return Manifest{}, &ManifestError{Line: number, Text: string(line), What: wrong}
		}
	}
	return m, nil
}

// nextLine returns the first line, or the first maxLine bytes of it. whole tells whether its end is
// there and can be seen: nothing is seen behind a NUL.
func nextLine(data []byte) (line []byte, whole bool) {
	line = data[:min(len(data), maxLine)]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
		return line, bytes.IndexByte(line, 0) < 0
	}
	return line, false
}

// parseLine returns the file of a line, or what is wrong with the line.
func parseLine(line []byte) (f File, wrong string) {
	words, ok := resp.SplitArgs(line)
	if !ok || len(words) < 6 || len(words)%2 != 0 {
		return f, errFormat
	}
	named := false
	for ; len(words) > 0; words = words[2:] {
		value, _, _ := strings.Cut(string(words[1]), "\x00")
		switch strings.ToLower(string(words[0])) {
		case "file":
			if strings.ContainsAny(value, `/\`) {
				return f, errPath
			}
			f.Name, named = value, true
		case "seq":
			f.Seq = leadingInt(value)
		case "type":
			f.Type = 0
			if value != "" {
				f.Type = Type(value[0])
			}
		}
	}
	if !named || f.Seq == 0 || f.Type == 0 {
		return f, errFormat
	}
	return f, ""
}

// leadingInt returns the integer that s begins with: 0 for none, the nearest one that fits when it
// does not fit.
func leadingInt(s string) int64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // out of range: the nearest; no digits: 0
	return n
}

// add takes a file in, or returns what speaks against it.
func (m *Manifest) add(f File) (wrong string) {
	switch f.Type {
	case Base:
		if m.Base.Seq != 0 {
			return errTwoBases
		}
		m.Base, m.baseSeq = f, f.Seq
	case History:
		m.History = append(m.History, f)
	case Incr:
		if f.Seq <= m.incrSeq {
			return errSequence
		}
		m.Incrs, m.incrSeq = append(m.Incrs, f), f.Seq
	default:
		return errWrongType
	}
	return ""
}

// AppendTo appends the manifest as the file that ParseManifest reads.
func (m Manifest) AppendTo(dst []byte) []byte {
	if m.Base.Seq != 0 {
		dst = m.Base.appendTo(dst)
	}
	for _, f := range m.History {
		dst = f.appendTo(dst)
	}
	for _, f := range m.Incrs {
		dst = f.appendTo(dst)
	}
	return dst
}

func (f File) appendTo(dst []byte) []byte {
	dst = append(dst, "file "...)
	dst = appendName(dst, f.Name)
	dst = append(dst, " seq "...)
	dst = strconv.AppendInt(dst, f.Seq, 10)
	return append(dst, " type "+string(rune(f.Type))+"\n"...)
}

// appendName appends a name, in quotes when it could not be read otherwise.
func appendName(dst []byte, name string) []byte {
	plain := name != "" // Redis writes nothing for an empty name, and could not read that
	for i := 0; i < len(name); i++ {
		plain = plain && name[i] > ' ' && name[i] <= '~' && name[i] != '"' && name[i] != '\\'
	}
	// A quote that opens a word would open a quoted one.
	if plain && !strings.Contains(name, "'") {
		return append(dst, name...)
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(name); i++ {
		c := name[i]
		short := strings.IndexByte("\n\r\t\a\b", c)
		switch {
		case c == '\\' || c == '"':
			dst = append(dst, '\\', c)
		case short >= 0:
			dst = append(dst, '\\', "nrtab"[short])
		case c < ' ' || c > '~':
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// Live returns the files that hold the data, in the order in which they are to be loaded.
func (m Manifest) Live() []File {
	files := make([]File, 0, 1+len(m.Incrs))
	if m.Base.Seq != 0 {
		files = append(files, m.Base)
	}
	return append(files, m.Incrs...)
}

// LastIncr returns the increment that is being written. ok is false when there is none.
func (m Manifest) LastIncr() (f File, ok bool) {
	if len(m.Incrs) == 0 {
		return File{}, false
	}
	return m.Incrs[len(m.Incrs)-1], true
}

// NextIncr returns the increment that WithIncr adds, for the log called name.
func (m Manifest) NextIncr(name string) File {
	return File{Name: IncrName(name, m.incrSeq+1), Seq: m.incrSeq + 1, Type: Incr}
}

// WithIncr returns the manifest with a further increment.
func (m Manifest) WithIncr(name string) (Manifest, File) {
	f := m.NextIncr(name)
	m.Incrs = append(slices.Clip(m.Incrs), f)
	m.incrSeq = f.Seq
	return m, f
}

// Rewritten returns the manifest after a rewrite: with a new base, in RDB format or not, that stands
// for the old base and for all increments but the last keep ones. What it stands for is history.
func (m Manifest) Rewritten(name string, rdb bool, keep int) (Manifest, File) {
	f := File{Name: BaseName(name, m.baseSeq+1, rdb), Seq: m.baseSeq + 1, Type: Base}
	done := max(len(m.Incrs)-keep, 0)
	var history []File
	history = append(history, m.Incrs[:done]...)
	if m.Base.Seq != 0 {
		history = append(history, m.Base)
	}
	for i := range history {
		history[i].Type = History
	}
	m.History = append(history, m.History...)
	m.Base, m.baseSeq = f, f.Seq
	m.Incrs = slices.Clone(m.Incrs[done:])
	return m, f
}

// WithoutHistory returns the manifest without the files that are to be removed: for when they are.
func (m Manifest) WithoutHistory() Manifest {
	m.History = nil
	return m
}

// Upgraded returns the manifest of a log that was one file, called name, before there were
// manifests: it is the base.
func Upgraded(name string) Manifest {
	return Manifest{Base: File{Name: name, Seq: 1, Type: Base}, baseSeq: 1}
}

// IsUpgraded tells whether m is Upgraded(name): if the process ended amid the upgrade, the file
// itself may not be in the log's folder yet.
func (m Manifest) IsUpgraded(name string) bool {
	return m.Base.Name == name && m.Base.Seq != 0 && len(m.Incrs) == 0 && len(m.History) == 0
}
