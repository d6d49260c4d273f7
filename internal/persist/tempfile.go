// Temporary files: what is written has no name of its own until it is whole.
//
// What is written is sent to the disk and dropped from the page cache as the file grows, so that a save
// neither floods the disk at its end nor pushes out other programs' pages. What an earlier process left
// behind when it ended amid a save is removed at start.

package persist

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"tarn/internal/vfs"
)

// syncBytes is written between two hints to the disk.
const syncBytes = 4 << 20

// tempFile is a file being written.
type tempFile struct {
	files   vfs.FS
	name    string
	gradual bool         // sent to the disk as it grows
	spare   func() error // asked as it grows whether it may; nil: it may
	file    vfs.File
	written int64
	synced  int64 // bytes that were sent to the disk
	dropped int64 // bytes that were dropped from the page cache
	asked   int64 // bytes that there were when spare was last asked
}

func (t *tempFile) create() (err error) {
	t.file, err = t.files.OpenFile(t.name, vfs.New|vfs.WriteOnly|vfs.Empty, 0o644)
	return err
}

// Write implements io.Writer.
func (t *tempFile) Write(b []byte) (int, error) {
	n, err := t.file.Write(b)
	t.written += int64(n)
	if err == nil && t.spare != nil && t.written-t.asked >= syncBytes {
		t.asked = t.written
		err = t.spare()
	}
	if err != nil || !t.gradual || t.written-t.synced < syncBytes {
		return n, err
	}
	// The part before last has had time to reach the disk: waiting for it is short, and keeps the
	// writing at the disk's pace.
	if err := t.file.SyncRange(t.dropped, t.synced-t.dropped, true); err != nil {
		return n, err
	}
	_ = t.file.DontNeed(t.dropped, t.synced-t.dropped)
	t.dropped = t.synced
	err = t.file.SyncRange(t.synced, t.written-t.synced, false)
	t.synced = t.written
	return n, err
}

// finish makes the content durable, and closes the file.
func (t *tempFile) finish() error {
	if err := t.file.Sync(); err != nil {
		return &stepError{"fsync", err}
	}
	err := t.file.Close()
	t.file = nil
	if err != nil {
		return &stepError{"close", err}
	}
	return nil
}

// abandon removes the file.
func (t *tempFile) abandon() {
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
	_ = t.files.Remove(t.name)
}

// openError is the failure to open a temporary file.
type openError struct {
	name, dir string
	err       error
}

func (e *openError) Error() string {
	return fmt.Sprintf("Failed opening the temp RDB file %s (in server root dir %s) for saving: %s", e.name, e.dir, systemText(e.err))
}

func (e *openError) Unwrap() error { return e.err }

// moveError is the failure to give a complete file its name.
type moveError struct {
	from, to, dir string
	err           error
}

func (e *moveError) Error() string {
	return fmt.Sprintf("Error moving temp DB file %s on the final destination %s (in server root dir %s): %s", e.from, e.to, e.dir, systemText(e.err))
}

func (e *moveError) Unwrap() error { return e.err }

// stepError is the failure of another step.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string {
	return fmt.Sprintf("Write error saving DB on disk(%s): %s", e.step, systemText(e.err))
}

func (e *stepError) Unwrap() error { return e.err }

// saveText is what the log says of a save that failed.
func saveText(err error) string {
	switch err.(type) {
	case *openError, *moveError, *stepError, *keepError:
		return err.Error()
	case *noRoomError:
		return "Can't save: " + err.Error()
	}
	return (&stepError{"write", err}).Error()
}

// systemText is what the system said, without operation and path, in the words of C's library, which
// all logs have.
func systemText(err error) string {
	var code syscall.Errno
	if !errors.As(err, &code) {
		return err.Error()
	}
	text := code.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

var (
	tempPattern       = regexp.MustCompile(`^temp-(?:(?:bg-)?(\d+)\.rdb|rewriteaof-(?:bg-)?(\d+)\.aof)$`)
	tempBackupPattern = regexp.MustCompile(`^temp-backup-(\d+)()\.rdb$`)
)

// CleanTemp removes temporary files of saves that were cut short by the end of their process, also those that have this
// process's number: none of its own is under way, or the process ends.
func (p *Store) CleanTemp() {
	c := p.o.Config.Current()
	p.clean(c.Dir, tempPattern, true)
	if at := placeOf(c); at.folder != "" {
		p.clean(at.folder, tempBackupPattern, true)
	}
	_, _ = p.lookAt(placeOf(c)) // for INFO while data are loaded; Cron says what is wrong
}

// cleanBackups is CleanTemp of a folder of backups that is new to the server. Its own may be under way there.
func (p *Store) cleanBackups(at backupPlace) { p.clean(at.folder, tempBackupPattern, false) }

// clean removes the files of a folder that fit a pattern, unless the process that they name is alive. own: those of
// this process too.
func (p *Store) clean(dir string, pattern *regexp.Regexp, own bool) {
	entries, err := p.o.Files.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		m := pattern.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		if pid, _ := strconv.Atoi(m[1] + m[2]); pid == p.o.Pid && !own || pid != p.o.Pid && alive(pid) {
			continue
		}
		if err := p.o.Files.Remove(filepath.Join(dir, e.Name())); err == nil {
			p.o.Log.Notice("Removed the temporary file %s of a save that did not end", e.Name())
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
