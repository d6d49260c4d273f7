// Backups: files with the data of one moment, of which the newest N are kept that could be read back.
//
// A backup is written like a save, from the same kind of snapshot, into a folder of its own; it cannot run at the
// same time as a save or a rewrite. Then it is read back beside everything else (backupverify.go), and only when
// it has proved whole do older ones go (backupfile.go). Cron starts what backup-schedule has made due. What is
// due while it cannot start is not lost but late; what came due while no server ran is: a start is no time for
// a backup, and a data set that was just loaded is in its files.
//
// A backup that fails refuses no writes, is tried again when the next is due, and shows in INFO until one is good.

package persist

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// Errors of BACKUP.
const (
	ErrBackingUp    resp.Error = "ERR Background backup already in progress"
	ErrNoBackupDir  resp.Error = "ERR Backups are off: backup-dir is empty"
	ErrNoBackup     resp.Error = "ERR No such backup"
	ErrNoBackupNow  resp.Error = "ERR No backup in progress"
	backupErrPrefix            = "ERR Can't back up: "
)

var errNoChecker = errors.New("there is nothing to read backups with")

// backups is what a Store knows of its backups. Guarded by Store.mu.
type backups struct {
	place backupPlace  // that list is of
	seen  backupPlace  // that stock was taken of
	list  []backupFile // oldest first

	schedule string    // that next is of
	armed    time.Time // when next was worked out
	next     time.Time // when the next is due; zero: never

	scheduled bool   // one is due, or was asked for
	runs      int64  // since the start of the server
	failures  int64  // of those; also backups found damaged later
	lastTry   int64  // Unix s; 0: there was none
	lastSecs  int64  // how long writing took; -1: there was none
	failure   string // of the latest; "": there was none
	check     verification
}

// Backup starts a backup, or schedules one if something is in its way. The world is stopped. Errors:
// ErrBackingUp, ErrNoBackupDir; why it cannot start, as a resp.Error.
func (p *Store) Backup(tx *keyspace.Tx, inTransaction bool) (scheduled bool, err error) {
	if p.o.Config.Current().BackupDir == "" {
		return false, ErrNoBackupDir
	}
	p.mu.Lock()
	b, j := &p.backups, p.job
	switch {
	case j != nil && j.kind == jobBackup && !j.cancelled.Load():
		err = ErrBackingUp
	case p.busy || inTransaction || b.check.fresh():
		b.scheduled, scheduled = true, true
	}
	p.mu.Unlock()
	if err != nil || scheduled {
		return scheduled, err
	}
	err = p.startBackup(tx)
	var held *heldError
	switch {
	case errors.As(err, &held):
		p.mu.Lock()
		b.scheduled = true
		p.mu.Unlock()
		return true, nil
	case err != nil:
		return false, resp.Error(backupErrPrefix + err.Error())
	}
	return false, nil
}

// CancelBackup makes a backup under way end without a file, and one that waits not start. The world is stopped.
// Errors: ErrNoBackupNow.
func (p *Store) CancelBackup() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.backups.scheduled
	p.backups.scheduled = false
	if !p.cancelBackup() && !had {
		return ErrNoBackupNow
	}
	return nil
}

// EndBackups makes a backup and the reading of one end soon, since the process will. It does not wait. What was
// not read to its end is read after the next start.
func (p *Store) EndBackups() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancelBackup() {
		p.o.Log.Notice("There is a backup under way. Stopping it!")
	}
	p.backups.check.stop()
}

// cancelBackup cancels a backup under way, and tells whether there was one. mu is held.
func (p *Store) cancelBackup() bool {
	j := p.job
	if j == nil || j.kind != jobBackup || j.cancelled.Swap(true) {
		return false
	}
	if j.snapshot != nil {
		j.snapshot.Cancel()
	}
	return true
}

// EachBackup looks into the folder and calls fn for each backup, newest first. Errors: ErrNoBackupDir; the
// disk's, as a resp.Error.
func (p *Store) EachBackup(fn func(name, state string, seconds, bytes int64)) error {
	at := placeOf(p.o.Config.Current())
	if at.folder == "" {
		return ErrNoBackupDir
	}
	list, err := p.lookAt(at)
	if err != nil {
		return resp.Error("ERR Can't read the folder of backups: " + systemText(err))
	}
	for i := len(list) - 1; i >= 0; i-- {
		f := &list[i]
		fn(f.name(), backupStates[f.state], f.at.Unix(), f.bytes)
	}
	return nil
}

// lookAt reads the folder of backups, and takes note of what is there.
func (p *Store) lookAt(at backupPlace) ([]backupFile, error) {
	if at.folder == "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.backups.place, p.backups.list = at, nil
		return nil, nil
	}
	p.backupLook.Lock()
	defer p.backupLook.Unlock()
	list, err := p.listBackups(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &p.backups
	b.place = at
	if err == nil {
		b.list = list
	}
	return list, err
}

// backupCron works out what is due, looks into a folder that is new to it, and has unverified backups read.
func (p *Store) backupCron(c *config.Config) {
	at := placeOf(c)
	p.mu.Lock()
	b := &p.backups
	look := b.seen != at
	b.seen = at
	p.followSchedule(c)
	p.mu.Unlock()
	if look {
		p.firstLook(c, at)
	}
	p.verifyLeft(at)
}

// followSchedule keeps the time of the next backup, and makes one due whose time has come. The time is worked out
// anew when the schedule is another, or the clock was put back. mu is held.
func (p *Store) followSchedule(c *config.Config) {
	b, now := &p.backups, p.o.Clock.Now().Round(0) // the wall's time, which may be put back
	if c.BackupSchedule.IsZero() || c.BackupDir == "" {
		b.schedule, b.next = "", time.Time{}
		return
	}
	text := c.BackupSchedule.String()
	came := !b.next.IsZero() && !now.Before(b.next)
	if b.schedule == text && !came && !now.Before(b.armed) {
		return
	}
	b.scheduled = b.scheduled || b.schedule == text && came
	b.schedule, b.armed, b.next = text, now, c.BackupSchedule.Next(now)
}

// firstLook takes stock of a folder: after a start, and when the settings name another.
func (p *Store) firstLook(c *config.Config, at backupPlace) {
	list, err := p.lookAt(at)
	if at.folder == "" {
		return
	}
	p.cleanBackups(at)
	if err != nil {
		p.o.Log.Warning("The folder of backups %s cannot be read: %s", at.folder, systemText(err))
		return
	}
	p.mu.Lock()
	next := p.backups.next
	p.mu.Unlock()
	if next.IsZero() {
		return
	}
	newest := newestVerified(list)
	switch now := p.o.Clock.Now(); {
	case newest == nil:
		p.o.Log.Notice("There is no verified backup in %s yet. The next is due at %s.", at.folder, next.Format(time.DateTime))
	case !c.BackupSchedule.Next(newest.at.In(now.Location())).After(now):
		p.o.Log.Warning("Backups were missed while no server ran: the newest is %s. The next is due at %s; BACKUP NOW makes one at once.",
			newest.name(), next.Format(time.DateTime))
	}
}

func newestVerified(list []backupFile) *backupFile {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].state == verified {
			return &list[i]
		}
	}
	return nil
}

// backupDue tells whether a backup is to start now. The one before is read back first.
func (p *Store) backupDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.backups.scheduled && !p.backups.check.fresh()
}

// backupRun is a backup being written.
type backupRun struct {
	at   backupPlace
	cut  time.Time
	file backupFile
	w    *rdbWriter
}

// startBackup cuts now, and waits for no disk. What goes wrong is logged. Errors: ErrBackingUp, *heldError; why
// it cannot begin.
func (p *Store) startBackup(tx *keyspace.Tx) error {
	j := p.newJob()
	j.kind = jobBackup
	if err := p.enter(j, "BACKUP", ErrBackingUp); err != nil {
		return err
	}
	p.mu.Lock()
	b := &p.backups
	b.scheduled, b.lastTry = false, p.o.Clock.Millis()/1000
	b.runs++
	p.mu.Unlock()
	c := p.o.Config.Current()
	r := &backupRun{at: placeOf(c), cut: p.o.Clock.Now()}
	own := *c
	own.Dir, own.RDBChecksum = r.at.folder, true
	r.w = &rdbWriter{store: p, cfg: &own, cancelled: j.cancelled.Load,
		file: tempFile{files: p.o.Files, name: r.at.path("temp-backup-" + strconv.Itoa(p.o.Pid) + ".rdb"), gradual: true, spare: p.sparing(&own)}}
	err := p.mayBackup(c, r.at.folder)
	if err == nil {
		err = p.cut(tx, j, p.pace, nil)
	}
	if err != nil {
		p.o.Log.Warning("Can't back up: %s", err)
		p.mu.Lock()
		p.backupFailed(err.Error())
		p.mu.Unlock()
		p.release()
		close(j.done)
		return err
	}
	p.o.Log.Notice("Background backup started by pid %d", p.o.Pid)
	go func() {
		p.backupEnded(j, r, r.w.writeAll(j, r.create))
		close(j.done)
	}()
	return nil
}

// mayBackup finds what forbids a backup and can be told without writing. Errors: that.
func (p *Store) mayBackup(c *config.Config, folder string) error {
	if folder == "" {
		return errors.New("backup-dir is empty")
	}
	st, err := p.o.Files.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder = filepath.Dir(folder) // in which it will be made
	case err == nil && !st.IsDir():
		return &fs.PathError{Op: "open", Path: folder, Err: syscall.ENOTDIR}
	case err != nil:
		return err
	}
	if err := p.o.Files.MayWrite(folder); err != nil {
		return err
	}
	there := *c
	there.Dir = folder
	return p.roomFor(&p.rdbSize, &there, c.RDBCompression)
}

// create makes the folder, durably, if it is not there, chooses a name that is free, and makes the temporary
// file.
func (r *backupRun) create() error {
	p := r.w.store
	err := p.o.Files.Mkdir(r.at.folder, 0o755)
	if err == nil {
		err = p.o.Files.SyncDir(filepath.Dir(r.at.folder))
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return &stepError{"make " + r.at.folder, err}
	}
	list, err := p.lookAt(r.at)
	if err != nil {
		return &stepError{"read " + r.at.folder, err}
	}
	r.file.state = unverified
	r.file.stem, r.file.at = r.at.freeStem(r.cut, list)
	r.w.cfg.DBFilename = r.file.name()
	return r.w.create()
}

// backupEnded takes note of how writing a backup ended, and has it read back.
func (p *Store) backupEnded(j *job, r *backupRun, err error) {
	r.file.bytes = r.w.file.written
	switch {
	case err == nil:
		p.o.Log.Notice("Backup %s written: %d keys, %d bytes. Reading it back.", r.file.name(), r.w.keys, r.file.bytes)
	case isCancelled(err):
		p.o.Log.Warning("Background backup terminated by request")
	default:
		p.o.Log.Warning("%s", saveText(err))
		p.o.Log.Warning("Background backup error")
		_, _ = p.lookAt(r.at) // if its name alone could not be made durable, the file is there
	}
	p.mu.Lock()
	p.free()
	b := &p.backups
	b.lastSecs = int64((p.mono() - j.began) / time.Second)
	switch {
	case err == nil:
		b.list = append(b.list, r.file)
		b.check.first(check{at: r.at, stem: r.file.stem, keys: r.w.keys, fresh: true})
		p.verify()
	case !isCancelled(err):
		p.backupFailed(saveText(err))
	}
	p.mu.Unlock()
	p.letSync()
}

// backupFailed takes note of a failure. mu is held.
func (p *Store) backupFailed(text string) {
	p.backups.failures++
	p.backups.failure = text
}
