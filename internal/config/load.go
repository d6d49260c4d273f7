// Start-up: from arguments and files to a Store.
//
// What the server is told is one text: the file, then standard input if asked for, then a line for
// each --directive of the command line. So line numbers count through, and later lines win wherever
// they stand. The text is read line by line into one Config; include reads another text in
// between. A mistake ends the start with a FileError, whose text is what Redis prints.
//
// A value that this version cannot honour, and that would cost data or safety if it were neglected
// (Directive.Needs), is a mistake too, reported at the line that set it last.

package config

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// Env is what Load needs of the world.
type Env struct {
	Files   vfs.FS
	Stdin   io.Reader // read when the arguments ask for it
	Dir     string    // the process's working folder, absolute
	Product string    // named by error messages: "Redis 7.2.0"
	// Command tells whether there is a command of that name; rename-command asks. Nil: there is.
	Command func(name string) bool
}

// Startup is what a file can say that is not a value.
type Startup struct {
	File    string // absolute path of the configuration file, "" if there is none
	Stdin   bool   // standard input was read
	Renames []Rename
}

// Rename gives a command another name; an empty To takes the command away.
type Rename struct{ From, To string }

// FileError is a mistake in the configuration. Its text goes to standard error as it stands.
type FileError struct {
	Product string
	Line    int    // counted from 1; 0 if the mistake is not in one line
	Text    string // of the line
	Reason  string
}

func (e *FileError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("Reading the configuration file, at line %d\n>>> '%s'\n", e.Line, e.Text)
	}
	return fmt.Sprintf("\n*** FATAL CONFIG FILE ERROR (%s) ***\n%s%s\n", e.Product, where, e.Reason)
}

// OpenError says that a configuration file cannot be read. Its text goes to the log.
type OpenError struct {
	Path string
	Err  error
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("Fatal error, can't open config file '%s': %v", e.Path, systemError(e.Err))
}

func (e *OpenError) Unwrap() error { return e.Err }

// maxIncludes is how deep files may include one another.
const maxIncludes = 32

// loader is the state of one Load.
type loader struct {
	env      Env
	cfg      Config
	startup  Startup
	explicit map[*Directive]origin
	commands map[string]bool // what rename-command has added and taken away
	users    map[string]bool
	saved    bool // a save line was seen
	depth    int  // of includes
	beyond   *FileError
}

// Load reads the arguments that follow the program's name. Errors: *FileError, *OpenError, or that
// of reading standard input.
func Load(args []string, env Env) (*Store, *Startup, error) {
	path, stdin, options := commandLine(args)
	l := &loader{env: env, cfg: *defaults, explicit: map[*Directive]origin{},
		commands: map[string]bool{}, users: map[string]bool{}}
	l.cfg.Dir = env.Dir
	l.startup.Stdin = stdin

	var text strings.Builder
	if path != "" || len(args) > 0 && args[0] == "" {
		l.startup.File = absolute(path, env.Dir)
		content, err := vfs.ReadFile(env.Files, l.startup.File)
		if err != nil {
			return nil, nil, &OpenError{l.startup.File, err}
		}
		text.Write(content)
	}
	if stdin {
		if _, err := io.Copy(&text, env.Stdin); err != nil {
			return nil, nil, fmt.Errorf("reading the configuration from standard input: %w", err)
		}
	}
	if options != "" {
		text.WriteByte('\n')
		text.WriteString(options)
	}
	if err := l.text(text.String()); err != nil {
		return nil, nil, err
	}
	if err := l.whole(); err != nil {
		return nil, nil, err
	}
	s := &Store{files: env.Files, path: l.startup.File, explicit: l.explicit}
	s.now.Store(&l.cfg)
	return s, &l.startup, nil
}

// text reads lines.
func (l *loader) text(text string) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		at := origin{i + 1, line}
		words, ok := splitLine(line)
		if !ok {
			return l.mistake(at, string(errUnbalanced))
		}
		if len(words) == 0 {
			continue
		}
		if err := l.line(at, strings.ToLower(words[0]), words[1:]); err != nil {
			return err
		}
	}
	return nil
}

const errUnbalanced reason = "Unbalanced quotes in configuration line"

func splitLine(line string) ([]string, bool) {
	parts, ok := resp.SplitArgs([]byte(line))
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return words, ok
}

func (l *loader) mistake(at origin, reason string) *FileError {
	return &FileError{l.env.Product, at.line, at.text, reason}
}

// forgotten are directives of older servers; they are read over.
var forgotten = []string{"list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"}

// line follows one line of words.
func (l *loader) line(at origin, name string, words []string) error {
	if d := byName[name]; d != nil {
		if err := l.value(d, words); err != nil {
			return l.mistake(at, err.Error())
		}
		l.explicit[d] = at
		return nil
	}
	switch {
	case slices.Contains(forgotten, name) && len(words) == 1:
		return nil
	case name == "include" && len(words) == 1:
		return l.include(at, words[0])
	case name == "rename-command" && len(words) == 2:
		return l.rename(at, words[0], words[1])
	case name == "user" && len(words) >= 1:
		return l.user(at, words[0])
	case name == "loadmodule" && len(words) >= 1:
		l.putOff(at, "tarn: loadmodule "+words[0]+" needs modules, which this version does not have")
		return nil
	case name == "sentinel":
		return l.mistake(at, "sentinel directive while not in sentinel mode")
	case strings.Contains(name, ".") && len(words) == 0:
		return l.mistake(at, "Module config specified without value")
	case strings.Contains(name, "."):
		l.putOff(at, "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting")
		return nil
	}
	return l.mistake(at, "Bad directive or wrong number of arguments")
}

// value gives a directive the words of a line.
func (l *loader) value(d *Directive, words []string) error {
	if !d.manyWords && len(words) != 1 {
		return errWordCount
	}
	if d.manyWords && len(words) == 1 && words[0] != "" {
		// The words may also stand in one pair of quotes.
		split, ok := splitLine(words[0])
		if !ok {
			return errUnbalanced
		}
		words = split
	}
	dir, points := l.cfg.Dir, l.cfg.Save
	if err := d.parse(&l.cfg, words); err != nil {
		return err
	}
	if l.cfg.Dir != dir {
		return isFolder(l.env.Files, l.cfg.Dir)
	}
	if d.Name == "save" {
		// Lines add up, but the first replaces the default, and one without points clears.
		if l.saved && len(l.cfg.Save) > 0 {
			l.cfg.Save = slices.Concat(points, l.cfg.Save)
		}
		l.saved = true
	}
	return nil
}

// include reads a file, or all that match a pattern; none need match.
func (l *loader) include(at origin, path string) error {
	if l.depth == maxIncludes {
		return l.mistake(at, "Files include one another too deeply")
	}
	l.depth++
	defer func() { l.depth-- }()
	paths := []string{path}
	if strings.ContainsAny(path, "*?[") {
		paths = match(l.env.Files, absolute(path, l.cfg.Dir))
	}
	for _, path := range paths {
		if path == "" {
			return &OpenError{path, fs.ErrNotExist} // joined with the folder it would name that
		}
		content, err := vfs.ReadFile(l.env.Files, absolute(path, l.cfg.Dir))
		if err != nil {
			return &OpenError{path, err}
		}
		if err := l.text(string(content)); err != nil {
			return err
		}
	}
	return nil
}

// match returns the paths that a pattern stands for, sorted. Each part of the path is matched by
// itself; names that begin with a dot must be asked for.
func match(files vfs.FS, pattern string) []string {
	paths := []string{"/"}
	for part := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		var longer []string
		for _, folder := range paths {
			if !strings.ContainsAny(part, "*?[") {
				if path := filepath.Join(folder, part); exists(files, path) {
					longer = append(longer, path)
				}
				continue
			}
			entries, err := files.ReadDir(folder)
			if err != nil {
				continue // a file, or a folder that may not be read: nothing matches there
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(part, ".") {
					continue
				}
				if ok, err := filepath.Match(strings.ReplaceAll(part, "[!", "[^"), e.Name()); ok && err == nil {
					longer = append(longer, filepath.Join(folder, e.Name()))
				}
			}
		}
		paths = longer
	}
	slices.Sort(paths)
	return paths
}

func exists(files vfs.FS, path string) bool {
	_, err := files.Stat(path)
	return err == nil
}

func (l *loader) rename(at origin, from, to string) error {
	if !l.isCommand(from) {
		return l.mistake(at, "No such command in rename-command")
	}
	l.commands[strings.ToLower(from)] = false
	if to != "" {
		if l.isCommand(to) {
			return l.mistake(at, "Target command name already exists")
		}
		l.commands[strings.ToLower(to)] = true
	}
	l.startup.Renames = append(l.startup.Renames, Rename{from, to})
	return nil
}

func (l *loader) isCommand(name string) bool {
	if there, told := l.commands[strings.ToLower(name)]; told {
		return there
	}
	if strings.Contains(name, "|") {
		return false // a subcommand has no name of its own
	}
	return l.env.Command == nil || l.env.Command(name)
}

func (l *loader) user(at origin, name string) error {
	if l.users[name] {
		return l.mistake(at, "Error in user declaration '"+name+"': Duplicate user found. A user can only be defined once in config files")
	}
	l.users[name] = true
	l.putOff(at, "tarn: user "+name+" needs access control lists, which this version does not have")
	return nil
}

// putOff keeps a mistake that is reported only if the rest of the text is sound.
func (l *loader) putOff(at origin, reason string) {
	if l.beyond == nil {
		l.beyond = l.mistake(at, reason)
	}
}

// whole looks at the finished Config.
func (l *loader) whole() error {
	settle(&l.cfg)
	if l.cfg.ClusterEnabled && l.cfg.ReplicaOf.Host != "" {
		return l.mistake(origin{}, "replicaof directive not allowed in cluster mode")
	}
	rows := slices.SortedFunc(maps.Keys(l.explicit), func(a, b *Directive) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range rows {
		if text := d.refusal(&l.cfg); text != "" {
			return l.mistake(l.explicit[d], text)
		}
	}
	if l.beyond != nil {
		return l.beyond
	}
	return nil
}

// A Notice names a directive that was set at start and has no effect, and says why.
type Notice struct{ Name, Why string }

// Ineffective returns the directives set by the file or the arguments that have no effect in this
// version, in the order of rows. A switch that was set to off is in effect.
func (s *Store) Ineffective() []Notice {
	c := s.Current()
	var notices []Notice
	for i := range directives {
		d := &directives[i]
		_, set := s.explicit[d]
		if !set || d.Effective() || d.Needs != "" || d.isSwitch && d.print(c) == d.print(defaults) {
			continue
		}
		why := d.Moot
		if d.Later != "" {
			why = "this version does not have " + d.Later
		}
		notices = append(notices, Notice{d.Name, why})
	}
	return notices
}
