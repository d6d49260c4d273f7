// Host lock: servers of one machine that do not save at the same time.
//
// Servers that name the same save-lock-file take its lock before they cut, and keep it until what they write in
// the background is in place. The lock is the kernel's, so what a killed server leaves is free. Who has it is
// written into the file, for people and for the others' INFO.
//
// A save that finds it taken has not been tried: nothing of it is counted. What Cron starts is started later;
// what a client asks for is scheduled or refused, as when something is under way in this server. SAVE, FLUSHALL
// and SHUTDOWN neither take the lock nor wait for it. A lock that cannot be had for another reason, a wrong path
// say, keeps nobody from saving: data on the disk is worth more than a calm disk. It is said in the log and in
// INFO.

package persist

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

const (
	lockMark  = "tarn save lock: " // at the beginning of a lock's file
	lockRetry = time.Second        // between two tries of Cron
	maxHolder = 100                // bytes shown of who has the lock
)

// hostLock is the lock and who waits for it. Guarded by Store.mu but for the counter.
type hostLock struct {
	file    vfs.File      // while this server has it
	waiting bool          // something that is due has found it taken
	holder  string        // who had it then
	refused int64         // how often it was found taken
	retryAt time.Duration // monotonic; Cron tries nothing before
	failure string        // why the file could not be used at the latest try
	waits   atomic.Int64  // how often something that was due had to wait
}

// heldError says that another server has the lock.
type heldError struct{ holder string }

func (e *heldError) Error() string { return "another server of this host is saving: " + e.holder }

// refusal is what a client is told who wants to save at once.
func (e *heldError) refusal() resp.Error {
	return resp.Error("ERR Another server of this host is saving (" + e.holder + "): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
}

// lockHost takes the lock for what a job does, after the job was claimed. free gives it back. Errors:
// *heldError.
func (p *Store) lockHost(what string) error {
	c := p.o.Config.Current()
	if c.SaveLockFile == "" {
		p.mu.Lock()
		p.host.failure = ""
		p.mu.Unlock()
		return nil
	}
	path := besides(c, c.SaveLockFile)
	f, err := p.openLock(path)
	if err == nil && f.Truncate(0) == nil {
		// On a full disk nobody learns who has it; it is had all the same.
		_, _ = fmt.Fprintf(f, "%spid %d, port %d, %s\n", lockMark, p.o.Pid, c.Port, what)
	}
	var held *heldError
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.host
	l.failure = ""
	switch {
	case err == nil:
		l.file = f
		if l.waiting {
			p.o.Log.Notice("The lock %s is free. Going on with %s.", path, what)
		}
	case errors.As(err, &held):
		l.refused++
		l.holder = held.holder
		return held
	default:
		l.failure = systemText(err)
		p.o.Log.Warning("The lock %s cannot be taken: %s. Other servers of this host may save at the same time.", path, l.failure)
	}
	return nil
}

// openLock opens and locks the file, which must be empty or a lock's. Errors: *heldError; the disk's.
func (p *Store) openLock(path string) (vfs.File, error) {
	f, err := p.o.Files.Lock(path, 0o666)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, &heldError{p.lockHolder(path)}
	}
	if err != nil {
		return nil, err
	}
	var start [len(lockMark)]byte
	n, err := f.ReadAt(start[:], 0)
	if err == nil || err == io.EOF {
		err = nil
		if !strings.HasPrefix(lockMark, string(start[:n])) { // one that a full disk cut short is a lock too
			err = errors.New("the file holds something else")
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// lockHolder returns who has written that he has the lock.
func (p *Store) lockHolder(path string) string {
	const nobody = "it has not said which"
	f, err := p.o.Files.Open(path)
	if err != nil {
		return nobody
	}
	defer f.Close()
	var text [len(lockMark) + maxHolder]byte
	n, _ := f.ReadAt(text[:], 0) // what can be read is shown
	who, ok := strings.CutPrefix(string(text[:n]), lockMark)
	who = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, who)
	if !ok || who == "" {
		return nobody
	}
	return who
}

// unlockHost gives the lock back, if this server has it. mu is held.
func (p *Store) unlockHost() {
	if f := p.host.file; f != nil {
		p.host.file = nil
		_ = f.Close() // this frees it, whatever is returned
	}
}

// besides returns a path that may start in dir.
func besides(c *config.Config, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Dir, path)
}

// checkLockFile is the hook of save-lock-file: it is best said at once that a file will not do.
func (p *Store) checkLockFile(_, c *config.Config) error {
	if c.SaveLockFile == "" {
		return nil
	}
	path := besides(c, c.SaveLockFile)
	if path == p.path() {
		return errors.New("saves replace this file")
	}
	f, err := p.openLock(path)
	var held *heldError
	switch {
	case errors.As(err, &held):
		return nil
	case err != nil:
		return errors.New(systemText(err))
	}
	return f.Close()
}

// awaitsLock tells whether Cron is to start nothing yet, since the lock was taken a moment ago.
func (p *Store) awaitsLock() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.host.waiting && p.mono() < p.host.retryAt
}

// noteWait takes note of whether something that is due has just found the lock taken; before is how often
// that had happened until now.
func (p *Store) noteWait(before int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.host
	waited := l.waiting
	l.waiting = l.refused > before
	if !l.waiting {
		return
	}
	l.retryAt = p.mono() + lockRetry
	if !waited {
		l.waits.Add(1)
		p.o.Log.Notice("A save that is due waits: another server of this host has the lock %s (%s)", p.o.Config.Current().SaveLockFile, l.holder)
	}
}

// lockStatus is save_lock_status of INFO.
func (p *Store) lockStatus() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch l := &p.host; {
	case l.file != nil:
		return "held"
	case p.o.Config.Current().SaveLockFile == "":
		return "off"
	case l.waiting:
		return "waiting"
	case l.failure != "":
		return "err"
	}
	return "free"
}
