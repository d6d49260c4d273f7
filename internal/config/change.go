// CONFIG GET and CONFIG SET: what a client sees of the directives and how it changes them.
//
// A SET of several directives happens wholly or not at all. Which mistake is reported, when there
// are several, is Redis's order: first names and rights, then values, each from left to right.

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"tarn/internal/glob"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// ErrLoading is the reply to a change that has to wait until the data set is loaded.
const ErrLoading resp.Error = "LOADING Redis is loading the dataset in memory"

// A Pair is a directive's name and value.
type Pair struct{ Name, Value string }

// Rights says what a CONFIG SET may do.
type Rights struct {
	Protected bool // change protected directives (EnableProtectedConfigs.Allows)
	Loading   bool // the data set is being loaded
}

// Get returns the directives that match any of the patterns, each name once, aliases like other
// names. A pattern without wildcards finds hidden directives too, and is itself the name returned.
func (s *Store) Get(patterns ...string) []Pair {
	c := s.Current()
	var found []Pair
	seen := map[string]bool{}
	add := func(name string, d *Directive) {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			found = append(found, Pair{name, d.print(c)})
		}
	}
	for _, pattern := range patterns {
		if !strings.ContainsAny(pattern, "*?[") {
			if d := Lookup(pattern); d != nil {
				add(pattern, d)
			}
			continue
		}
		for i := range directives {
			d := &directives[i]
			if d.Hidden {
				continue
			}
			for _, name := range d.names() {
				if glob.Match([]byte(pattern), []byte(name), true) {
					add(name, d)
				}
			}
		}
	}
	return found
}

// Set changes all the pairs' directives or none. The error, if any, is a resp.Error.
func (s *Store) Set(pairs []Pair, may Rights) error {
	rows := make([]*Directive, len(pairs))
	for i, p := range pairs {
		rows[i] = Lookup(p.Name)
		if rows[i] == nil {
			return resp.Error("ERR Unknown option or number of arguments for CONFIG SET - '" + p.Name + "'")
		}
		if err := mayChange(pairs[:i+1], rows[i], may); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.now.Load()
	c := *old
	for i, p := range pairs {
		if err := s.parse(&c, old, rows[i], p.Value); err != nil {
			return refused(strings.ToLower(p.Name), err)
		}
	}
	settle(&c)
	var changed []*Directive
	for _, d := range rows {
		if d.refreshes || d.print(&c) != d.print(old) {
			changed = append(changed, d)
		}
	}
	if failed := s.publish(old, &c, changed); failed != nil {
		for i, d := range rows {
			if d == failed.row {
				return refused(strings.ToLower(pairs[i].Name), failed.err)
			}
		}
	}
	return nil
}

// parse puts one directive's value into c, and makes sure that it can be had.
func (s *Store) parse(c, old *Config, d *Directive, value string) error {
	if err := d.set(c, value); err != nil {
		return err
	}
	if text := d.refusal(c); text != "" {
		return reason(text)
	}
	if c.Dir != old.Dir {
		return isFolder(s.files, c.Dir)
	}
	return nil
}

// mayChange tells what speaks against changing row, named by the last of pairs.
func mayChange(pairs []Pair, row *Directive, may Rights) error {
	last := len(pairs) - 1
	name := pairs[last].Name
	switch {
	case row.When == AtStart:
		return refused(name, reason("can't set immutable config"))
	case row.Protected && !may.Protected:
		return refused(name, reason("can't set protected config"))
	case row.DenyLoading && may.Loading:
		return ErrLoading
	}
	for _, p := range pairs[:last] {
		if strings.EqualFold(p.Name, name) {
			return refused(name, reason("duplicate parameter"))
		}
	}
	return nil
}

// refused returns the error reply about a value.
func refused(name string, err error) error {
	return resp.Error(fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %v", name, err))
}

// settle brings values that are only hints into the range that is used.
func settle(c *Config) {
	c.Hz = min(max(c.Hz, 1), 500)
}

// isFolder tells why path is not a folder.
func isFolder(files vfs.FS, path string) error {
	info, err := files.Stat(path)
	if err != nil {
		return systemError(err)
	}
	if !info.IsDir() {
		return systemError(&fs.PathError{Op: "chdir", Path: path, Err: syscall.ENOTDIR})
	}
	return nil
}

// systemError returns what the system said, without operation and path, in the words of C's
// strerror.
func systemError(err error) error {
	var code syscall.Errno
	switch {
	case errors.As(err, &code):
	case errors.Is(err, fs.ErrNotExist):
		code = syscall.ENOENT
	case errors.Is(err, fs.ErrPermission):
		code = syscall.EACCES
	default:
		return reason(err.Error())
	}
	text := code.Error()
	return reason(strings.ToUpper(text[:1]) + text[1:])
}
