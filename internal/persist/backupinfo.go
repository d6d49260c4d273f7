// INFO persistence on backups, and on the lock between servers of a host.

package persist

import (
	"strings"

	"tarn/internal/info"
)

// backupFields returns the fields about backups. Those that count files are of the latest look into the folder.
func (p *Store) backupFields() []info.Field {
	const section = "persistence"
	flag := func(name, doc string, read func(b *backups) bool) info.Field {
		return info.Flag(section, name, doc, func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return read(&p.backups)
		})
	}
	number := func(read func(b *backups) int64) func() int64 {
		return func() int64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			return read(&p.backups)
		}
	}
	count := func(state backupState) func() int64 {
		return number(func(b *backups) (files int64) {
			for _, f := range b.list {
				if f.state == state {
					files++
				}
			}
			return files
		})
	}
	failure := func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return oneLine(p.backups.failure)
	}
	return []info.Field{
		flag("backup_enabled", "Backups are made by a schedule.", func(b *backups) bool { return !b.next.IsZero() }),
		flag("backup_in_progress", "A backup is being written.", func(*backups) bool { return p.job != nil && p.job.kind == jobBackup }),
		flag("backup_scheduled", "A backup is due, or was asked for, and waits.", func(b *backups) bool { return b.scheduled }),
		flag("backup_verify_in_progress", "A backup is being read back.", func(b *backups) bool { return b.check.current != nil }),
		info.Text(section, "backup_last_status", "How the last backup ended: err, until one is written and verified.", func() string {
			if failure() != "" {
				return "err"
			}
			return "ok"
		}),
		info.Text(section, "backup_last_error", "Why, if it is err.", failure).Only(func() bool { return failure() != "" }),
		info.Seconds(section, "backup_last_time", "Unix time at which the last backup began; 0: there was none.", number(func(b *backups) int64 { return b.lastTry })),
		info.Seconds(section, "backup_last_time_sec", "How long writing it took; -1: there was none.", number(func(b *backups) int64 { return b.lastSecs })),
		info.Seconds(section, "backup_last_verified_time", "Unix time of the cut of the newest verified backup; 0: there is none.", number(func(b *backups) int64 {
			if f := newestVerified(b.list); f != nil {
				return f.at.Unix()
			}
			return 0
		})),
		info.Seconds(section, "backup_next_time", "Unix time at which the next backup is due; 0: never.", number(func(b *backups) int64 {
			if b.next.IsZero() {
				return 0
			}
			return b.next.Unix()
		})),
		info.Count(section, "backup_count", "Verified backups in the folder.", count(verified)),
		info.Count(section, "backup_unverified", "Backups that have not been read back yet.", count(unverified)),
		info.Count(section, "backup_damaged", "Damaged backups in the folder.", count(damaged)),
		info.Bytes(section, "backup_bytes", "Size of all backups in the folder.", number(func(b *backups) (sum int64) {
			for _, f := range b.list {
				sum += f.bytes
			}
			return sum
		})),
		info.Count(section, "backup_runs", "Backups begun since the server started.", number(func(b *backups) int64 { return b.runs })),
		info.Count(section, "backup_failures", "Backups that failed since then, were found damaged, or could not be read or removed.", number(func(b *backups) int64 { return b.failures })),
	}
}

// oneLine makes a text fit for a line of INFO.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// lockFields returns the fields about the host's lock.
func (p *Store) lockFields() []info.Field {
	const section = "persistence"
	return []info.Field{
		info.Text(section, "save_lock_status", "The lock of save-lock-file: off, free, held, waiting for another server, or err.", p.lockStatus),
		info.Text(section, "save_lock_holder", "The server that a save waits for.", func() string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.host.holder
		}).Only(func() bool { return p.lockStatus() == "waiting" }),
		info.Text(section, "save_lock_error", "Why the lock could not be taken, if it is err.", func() string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return oneLine(p.host.failure)
		}).Only(func() bool { return p.lockStatus() == "err" }),
		info.Count(section, "save_lock_waits", "How often a save that was due had to wait for another server.", p.host.waits.Load),
	}
}
