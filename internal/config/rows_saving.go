// Saving: when a snapshot is written, where, and how it is read back.

package config

import (
	"math"

	"tarn/internal/cron"
)

var savingRows = group("Saving",
	savePoints("save", "3600 1 300 100 60 10000", func(c *Config) *[]SavePoint { return &c.Save },
		"Save after so many seconds if at least so many changes were made; may repeat, and an empty text clears what came before."),
	text("dbfilename", "dump.rdb", Live, func(c *Config) *string { return &c.DBFilename },
		"Name of the snapshot file in dir.").checked(plainName("dbfilename can't be a path, just a filename", "")).protected(),
	directory("dir", ".", func(c *Config) *string { return &c.Dir },
		"Working folder: snapshots, the log and relative paths start here.").protected().notLoading(),
	boolean("rdbcompression", "yes", Live, func(c *Config) *bool { return &c.RDBCompression },
		"Compress long strings in snapshots."),
	boolean("rdbchecksum", "yes", AtStart, func(c *Config) *bool { return &c.RDBChecksum },
		"End snapshots with a checksum, and test it when loading."),
	integer("rdb-version", "0", Live, 0, 12, func(c *Config) *int64 { return &c.RDBVersion },
		"Version of the RDB format to write, 9 to 12; 0 is that of Redis 7.0, 10. What a version cannot express is logged at each save.").checked(rdbVersion).since(Tarn),
	boolean("load-what-you-can", "no", Live, func(c *Config) *bool { return &c.LoadWhatYouCan },
		"Load what is known of a snapshot that a newer server wrote, that holds values of modules, or that is damaged; list the rest, and keep the file.").since(Tarn),
	boolean("rdb-del-sync-files", "no", Live, func(c *Config) *bool { return &c.RDBDelSyncFiles },
		"Delete snapshot files that were only made for replication.").later("replication"),
	boolean("rdb-save-incremental-fsync", "yes", Live, func(c *Config) *bool { return &c.RDBSaveIncrementalFsync },
		"Push a snapshot to disk as it is written and not all at its end."),
	boolean("stop-writes-on-bgsave-error", "yes", Live, func(c *Config) *bool { return &c.StopWritesOnBgsaveError },
		"Refuse writes after a failed save until one succeeds."),
	enum("sanitize-dump-payload", "no", Live, sanitizeWords, func(c *Config) *Sanitize { return &c.SanitizeDumpPayload },
		"Whether values that arrive whole are examined in depth; clients means those of RESTORE. All always are, in files too, whatever is said here."),
	micros("rdb-key-save-delay", "0", Live, math.MinInt32, maxInt32, func(c *Config) *int64 { return &c.RDBKeySaveDelay },
		"For tests: microseconds to sleep after each key saved; negative: keys for each microsecond.").hidden(),
	micros("key-load-delay", "0", Live, math.MinInt32, maxInt32, func(c *Config) *int64 { return &c.KeyLoadDelay },
		"For tests: the same for loading.").hidden(),
	integer("loading-process-events-interval-bytes", "2097152", Live, 1024, maxInt32, func(c *Config) *int64 { return &c.LoadingProcessEventsIntervalBytes },
		"For tests: bytes loaded between two looks at the clients.").hidden().moot("clients are served all the while"),
	bytes("snapshot-buffer-limit", "16mb", Live, 1<<20, maxInt64, func(c *Config) *int64 { return &c.SnapshotBufferLimit },
		"Memory for old values that a running save has not written yet; writers are slowed when it is used up.").since(Tarn),
	boolean("save-space-check", "yes", Live, func(c *Config) *bool { return &c.SaveSpaceCheck },
		"Begin no save and no rewrite of the log that the disk, a quota or a limit has no room for, and leave some to the log.").since(Tarn),
	percent("snapshot-walker-duty", "25", Live, 1, 100, func(c *Config) *int64 { return &c.SnapshotWalkerDuty },
		"Share of one CPU that a running save may take.").since(Tarn),
	text("save-lock-file", "", Live, func(c *Config) *string { return &c.SaveLockFile },
		"File whose lock saves in the background, rewrites and backups take, so that servers that name the same file do not disturb one another; empty: none.").protected().since(Tarn),
	text("backup-dir", "backups", Live, func(c *Config) *string { return &c.BackupDir },
		"Folder of the backups, made when there is none; empty: no backups.").protected().since(Tarn),
	integer("backup-keep", "7", Live, 0, maxInt32, func(c *Config) *int64 { return &c.BackupKeep },
		"How many verified backups are kept; 0: all.").since(Tarn),
	schedule("backup-schedule", "", func(c *Config) *cron.Schedule { return &c.BackupSchedule },
		"When a backup is made, by the server's local time; empty: only by BACKUP NOW.").since(Tarn),
)
