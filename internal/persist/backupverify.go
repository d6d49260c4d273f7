// Backup verification: files are read back, one at a time, by a goroutine that is there while there are any.
//
// It rests as the walker of a save does, so that it takes snapshot-walker-duty percent of one processor. It has no
// lower priority than the rest of the process: a thread that the kernel keeps waiting would keep Go's collector
// waiting too, and with it all clients.
//
// A file gets its final name here, and only the one that got it lets older ones go.

package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"tarn/internal/keyspace"
)

// verifyRetry is how long an unverified backup that could not be read is left alone.
const verifyRetry = time.Minute

// check is a backup to be read back.
type check struct {
	at    backupPlace
	stem  string
	keys  int64 // that were written; -1: nobody knows
	fresh bool  // it was not verified yet; the next backup waits for it
}

// verification is what is to be read back. Guarded by Store.mu.
type verification struct {
	queue   []check
	current *check
	stopped *atomic.Bool  // the current one is to end
	done    chan struct{} // closed when the goroutine ends; nil: there is none
	retryAt time.Duration // monotonic; Cron queues nothing before
}

// fresh tells whether a backup waits to be read that never was.
func (v *verification) fresh() bool {
	return v.current != nil && v.current.fresh || slices.ContainsFunc(v.queue, func(k check) bool { return k.fresh })
}

func (v *verification) has(k check) bool {
	same := func(other check) bool { return other.at == k.at && other.stem == k.stem }
	return v.current != nil && same(*v.current) || slices.ContainsFunc(v.queue, same)
}

// first puts a backup before all others.
func (v *verification) first(k check) {
	if !v.has(k) {
		v.queue = slices.Insert(v.queue, 0, k)
	}
}

func (v *verification) last(k check) {
	if !v.has(k) {
		v.queue = append(v.queue, k)
	}
}

// stop forgets the queue and ends the current one soon.
func (v *verification) stop() {
	v.queue = nil
	if v.current != nil {
		v.stopped.Store(true)
	}
}

// VerifyBackups has backups read back in the background: the one of this name, or with "" all. It returns how
// many. Errors: ErrNoBackupDir, ErrNoBackup; the disk's, as a resp.Error.
func (p *Store) VerifyBackups(name string) (files int, err error) {
	at := placeOf(p.o.Config.Current())
	var names []string
	err = p.EachBackup(func(each, _ string, _, _ int64) {
		if name == "" || name == each {
			names = append(names, each)
		}
	})
	if err == nil && len(names) == 0 {
		err = ErrNoBackup
	}
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range names {
		f, _ := at.parse(each)
		p.backups.check.last(check{at: at, stem: f.stem, keys: -1, fresh: f.state == unverified})
	}
	p.verify()
	return len(names), nil
}

// verifyLeft queues what is there and was never read, since the server ended before or it could not be read.
func (p *Store) verifyLeft(at backupPlace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &p.backups
	if b.place != at || b.check.retryAt > p.mono() || p.job != nil && p.job.kind == jobBackup {
		return
	}
	for _, f := range slices.Backward(b.list) {
		if f.state == unverified {
			b.check.last(check{at: at, stem: f.stem, keys: -1, fresh: true})
		}
	}
	p.verify()
}

// verify starts the goroutine if there is work and none at it. mu is held.
func (p *Store) verify() {
	v := &p.backups.check
	if v.done != nil || len(v.queue) == 0 {
		return
	}
	v.done = make(chan struct{})
	go p.verifyAll(v)
}

// AwaitVerified returns when nothing is being read back.
func (p *Store) AwaitVerified() {
	p.mu.Lock()
	done := p.backups.check.done
	p.mu.Unlock()
	if done != nil {
		<-done
	}
}

// verifyAll reads back what is queued, until there is nothing left.
func (p *Store) verifyAll(v *verification) {
	for {
		p.mu.Lock()
		if len(v.queue) == 0 {
			close(v.done)
			v.done = nil
			p.mu.Unlock()
			return
		}
		k := v.queue[0]
		v.queue = v.queue[1:]
		stopped := new(atomic.Bool)
		v.current, v.stopped = &k, stopped
		p.mu.Unlock()
		text := p.verifyOne(k, stopped)
		_, _ = p.lookAt(placeOf(p.o.Config.Current())) // what cannot be read is said when it matters
		p.mu.Lock()
		v.current = nil
		switch {
		case stopped.Load():
		case text != "":
			p.backupFailed(text)
		case k.fresh:
			p.backups.failure = ""
		}
		p.mu.Unlock()
	}
}

// verifyOne reads one back and does with it what follows. It returns what went wrong, or "".
func (p *Store) verifyOne(k check, stopped *atomic.Bool) (failure string) {
	list, err := p.listBackups(k.at)
	i := slices.IndexFunc(list, func(f backupFile) bool { return f.stem == k.stem })
	if err == nil && i < 0 {
		err = fs.ErrNotExist
	}
	var keys int64
	var damage error
	began := p.mono()
	if err == nil {
		keys, damage, err = p.o.Verify(k.at.path(list[i].name()), p.rest(stopped))
	}
	if err == nil && damage == nil && k.keys >= 0 && keys != k.keys {
		damage = fmt.Errorf("it holds %d keys, %d were written", keys, k.keys)
	}
	switch {
	case stopped.Load():
		return ""
	case errors.Is(err, fs.ErrNotExist) && !k.fresh:
		return "" // it was removed since it was asked for
	case err != nil:
		return p.notVerified(k, err)
	case damage != nil:
		return p.condemn(k, list[i], damage)
	}
	f := list[i]
	if err := p.restate(k.at, &f, verified); err != nil {
		return p.notVerified(k, err)
	}
	p.o.Log.Notice("Backup %s verified: %d keys, %d bytes, in %d seconds", f.name(), keys, f.bytes, (p.mono()-began)/time.Second)
	if !k.fresh {
		return ""
	}
	return p.removeOld(k)
}

// rest returns what is called between two reads.
func (p *Store) rest(stopped *atomic.Bool) func() error {
	woke := p.mono()
	return func() error {
		if stopped.Load() {
			return keyspace.ErrCancelled
		}
		if pause := p.pace(p.mono() - woke); pause > 0 {
			time.Sleep(pause)
		}
		woke = p.mono()
		return nil
	}
}

// restate gives a file the name of another state, durably.
func (p *Store) restate(at backupPlace, f *backupFile, to backupState) error {
	if f.state == to {
		return nil
	}
	as := *f
	as.state = to
	if err := p.o.Files.Rename(at.path(f.name()), at.path(as.name())); err != nil {
		return err
	}
	*f = as
	return p.o.Files.SyncDir(at.folder)
}

// notVerified says that nothing could be told of a backup.
func (p *Store) notVerified(k check, err error) string {
	p.o.Log.Warning("Backup %s could not be verified: %s", k.stem, err)
	p.mu.Lock()
	p.backups.check.retryAt = p.mono() + verifyRetry
	p.mu.Unlock()
	return fmt.Sprintf("%s could not be verified: %s", k.stem, err)
}

// condemn gives a damaged file a name that says so. It is kept: part of it may be all that is left.
func (p *Store) condemn(k check, f backupFile, damage error) string {
	p.o.Log.Warning("Backup %s is DAMAGED: %s", f.name(), damage)
	text := fmt.Sprintf("%s is damaged: %s", f.stem, damage)
	if err := p.restate(k.at, &f, damaged); err != nil {
		p.o.Log.Warning("Backup %s could not be renamed: %s", f.name(), err)
		return text
	}
	p.o.Log.Warning("It is kept as %s, and does not count.", f.name())
	return text
}

// removeOld removes what is superfluous now that a backup has been verified.
func (p *Store) removeOld(k check) (failure string) {
	list, err := p.listBackups(k.at)
	for _, f := range superfluous(list, k.stem, int(p.o.Config.Current().BackupKeep)) {
		if gone := p.o.Files.Remove(k.at.path(f.name())); gone != nil {
			err = errors.Join(err, gone)
			continue
		}
		p.o.Log.Notice("Backup %s removed: %d newer ones are verified", f.name(), p.o.Config.Current().BackupKeep)
	}
	if err == nil {
		return ""
	}
	p.o.Log.Warning("Old backups could not be removed: %s", err)
	return "old backups could not be removed: " + err.Error()
}
