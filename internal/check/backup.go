// Backups: every file in a folder, and the folders in it, that a server could be started from.
//
// What a file is, its content tells. A manifest stands for its files: they are checked as one log, in
// order, and not again on their own. Of good files there is a line each; what is wrong with the others is
// said in full.

package check

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"tarn/internal/aof"
	"tarn/internal/vfs"
)

// backup is the check of a folder.
type backup struct {
	t                 *Tool
	good, bad, passed int
	bytes             int64
	parts             map[string]bool // files that a manifest lists
}

// Backup checks every file in a folder and tells whether all are good, and there is at least one.
func (t *Tool) Backup(dir string) bool {
	b := &backup{t: t, parts: map[string]bool{}}
	if err := b.folder(dir); err != nil {
		t.say("Cannot read folder %s: %s\n", dir, reason(err))
		return false
	}
	t.say("%d good, %d bad, %d passed over, %d bytes in good ones\n", b.good, b.bad, b.passed, b.bytes)
	if b.good+b.bad == 0 {
		t.say("There is nothing in %s that a server could be started from\n", dir)
	}
	return b.bad == 0 && b.good > 0
}

// folder checks the manifests of a folder, then its other files, then its folders.
func (b *backup) folder(dir string) error {
	entries, err := b.t.Files.ReadDir(dir)
	if err != nil {
		return err
	}
	var files, folders []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		st, err := b.t.Files.Stat(path)
		switch {
		case err != nil:
			b.result(path, false, "cannot be read: "+reason(err)+"\n")
		case st.IsDir():
			folders = append(folders, path)
		case strings.HasSuffix(path, ".manifest"):
			b.manifest(path)
		default:
			files = append(files, path)
		}
	}
	for _, path := range files {
		if !b.parts[path] {
			b.file(path)
		}
	}
	for _, path := range folders {
		if err := b.folder(path); err != nil {
			b.result(path, false, "cannot be read: "+reason(err)+"\n")
		}
	}
	return nil
}

// manifest checks a log of many files.
func (b *backup) manifest(path string) {
	var m aof.Manifest
	var unseen error
	text, err := vfs.ReadFile(b.t.Files, path)
	if err == nil {
		m, err = aof.ParseManifest(text)
	}
	for _, f := range append(m.Live(), m.History...) {
		part := filepath.Join(filepath.Dir(path), f.Name)
		b.parts[part] = true
		switch st, err := b.t.Files.Stat(part); {
		case f.Type == aof.History:
		case err != nil:
			unseen = err
		default:
			b.bytes += st.Size()
		}
	}
	b.check(path, func(t *Tool) bool {
		good := t.Log(path, LogOptions{Look: Commands})
		if unseen != nil {
			t.say("%s\n", unseen)
		}
		if err == nil && len(m.Live()) == 0 {
			t.say("It lists no file that holds data\n")
		}
		return good && unseen == nil && len(m.Live()) > 0
	})
}

// file checks a file that no manifest lists.
func (b *backup) file(path string) {
	f, err := b.t.Files.Open(path)
	if err != nil {
		b.result(path, false, "cannot be read: "+reason(err)+"\n")
		return
	}
	var start [6]byte
	n, err := f.ReadAt(start[:], 0)
	size := int64(0)
	if st, statErr := f.Stat(); statErr == nil {
		size = st.Size()
	} else {
		err = statErr
	}
	_ = f.Close() // of reading
	if err != nil && err != io.EOF {
		b.result(path, false, "cannot be read: "+reason(err)+"\n")
		return
	}
	name := filepath.Base(path)
	switch {
	case strings.HasPrefix(name, "temp-"):
		b.pass(path, "a save or rewrite that did not end left it")
		return
	case strings.HasSuffix(name, ".rdb"):
		b.check(path, func(t *Tool) bool { return t.RDB(path, RDBOptions{}) })
	case aof.IsSnapshot(start[:n]), strings.HasSuffix(name, ".aof"), bytes.HasPrefix(start[:n], []byte("*")):
		b.check(path, func(t *Tool) bool { return t.Log(path, LogOptions{Look: Commands}) })
	default:
		b.pass(path, "neither an RDB file nor a log")
		return
	}
	b.bytes += size
}

// check runs a check and shows what it said when it failed.
func (b *backup) check(path string, run func(t *Tool) bool) {
	var said bytes.Buffer
	quiet := *b.t
	quiet.Out, quiet.Terminal = &said, false
	b.result(path, run(&quiet), said.String())
}

func (b *backup) result(path string, good bool, said string) {
	if good {
		b.good++
		b.t.say("good  %s%s\n", path, summary(said))
		return
	}
	b.bad++
	b.t.say("BAD   %s\n", path)
	for line := range strings.Lines(said) {
		b.t.say("  %s", line)
	}
}

// summary returns the number of keys that a check counted.
func summary(said string) string {
	for line := range strings.Lines(said) {
		var keys int64
		if n, _ := fmt.Sscanf(line, "[info] %d keys read", &keys); n == 1 {
			return fmt.Sprintf(" (RDB, %d keys)", keys)
		}
	}
	return ""
}

func (b *backup) pass(path, why string) {
	b.passed++
	b.t.say("      %s: passed over, %s\n", path, why)
}
