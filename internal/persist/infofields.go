// INFO persistence, and what the section stats says of cuts.

package persist

import (
	"slices"
	"time"

	"tarn/internal/info"
)

// InfoFields returns the fields that a Store knows.
func (p *Store) InfoFields() []info.Field {
	const section = "persistence"
	loading := func() bool { return p.load.active.Load() }
	zero := func() int64 { return 0 }
	held := func(pick func(now, peak int64) int64) func() int64 {
		return func() int64 {
			j := p.current()
			if j == nil {
				return 0
			}
			now, peak, _ := j.snapshot.Held()
			return pick(now, peak)
		}
	}
	keys := func(pick func(total, done int64) int64) func() int64 {
		return func() int64 {
			j := p.current()
			if j == nil {
				return 0
			}
			return pick(j.snapshot.Keys())
		}
	}
	fields := []info.Field{
		info.Flag(section, "loading", "A data set is being loaded.", loading),
		info.Flag(section, "async_loading", "A data set is being loaded while the old one is served.", func() bool { return false }),
		info.Bytes(section, "current_cow_peak", "Most bytes that writers had kept aside for the save under way.", held(func(_, peak int64) int64 { return peak })),
		info.Bytes(section, "current_cow_size", "Bytes that writers keep aside for the save under way.", held(func(now, _ int64) int64 { return now })),
		info.Seconds(section, "current_cow_size_age", "Age of current_cow_size: it is always of now.", zero),
		info.Ratio(section, "current_fork_perc", "Share of the keys that the save under way has written.", func() float64 {
			j := p.current()
			if j == nil {
				return 0
			}
			total, done := j.snapshot.Keys()
			if total == 0 {
				return 0
			}
			return 100 * float64(done) / float64(total)
		}),
		info.Count(section, "current_save_keys_processed", "Keys that the save under way has written.", keys(func(_, done int64) int64 { return done })),
		info.Count(section, "current_save_keys_total", "Keys at the cut of the save under way.", keys(func(total, _ int64) int64 { return total })),
		info.Count(section, "rdb_changes_since_last_save", "Changes since the last good save.", p.Changes),
		info.Flag(section, "rdb_bgsave_in_progress", "A save is under way in the background.", p.Saving),
		info.Seconds(section, "rdb_last_save_time", "Unix time of the last good save.", p.LastSave),
		info.Text(section, "rdb_last_bgsave_status", "How the last save in the background ended.", func() string {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.failed {
				return "err"
			}
			return "ok"
		}),
		info.Seconds(section, "rdb_last_bgsave_time_sec", "How long the last save in the background took; -1: there was none.", func() int64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.lastSecs
		}),
		info.Seconds(section, "rdb_current_bgsave_time_sec", "How long the save under way has run; -1: there is none.", func() int64 {
			j := p.currentSave()
			if j == nil {
				return -1
			}
			return int64((p.mono() - j.began) / time.Second)
		}),
		info.Count(section, "rdb_saves", "Saves by SAVE, BGSAVE and save points since the server started.", p.saves.Load),
		info.Bytes(section, "rdb_last_cow_size", "Most bytes kept aside for the last save in the background.", func() int64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.lastHeld
		}),
		info.Count(section, "rdb_last_load_keys_expired", "Keys of the last file loaded that had expired.", p.load.expired.Load),
		info.Count(section, "rdb_last_load_keys_loaded", "Keys of the last file loaded.", p.load.keys.Load),
		info.Flag(section, "module_fork_in_progress", "A module's child process runs.", func() bool { return false }),
		info.Bytes(section, "module_fork_last_cow_size", "Copy-on-write bytes of the last module's child process.", zero),
		info.Seconds(section, "loading_start_time", "Unix time at which loading began.", p.load.began.Load).Only(loading),
		info.Bytes(section, "loading_total_bytes", "Size of the file being loaded.", p.load.total.Load).Only(loading),
		info.Bytes(section, "loading_rdb_used_mem", "Memory that the file's writer used.", p.load.usedMem.Load).Only(loading),
		info.Bytes(section, "loading_loaded_bytes", "Bytes of the file that are loaded.", p.load.loaded.Load).Only(loading),
		info.Ratio(section, "loading_loaded_perc", "Share of the file that is loaded.", func() float64 {
			if total := p.load.total.Load(); total > 0 {
				return 100 * float64(p.load.loaded.Load()) / float64(total)
			}
			return 0
		}).Only(loading),
		info.Seconds(section, "loading_eta_seconds", "Seconds that loading will go on, at its present rate.", p.loadETA).Only(loading),
		info.Count("stats", "total_forks", "Cuts of the keyspace made for saves.", p.cuts.Load),
		info.Count("stats", "latest_fork_usec", "Microseconds that everybody stood still at the latest cut.", p.cutMicros.Load),
	}
	return slices.Concat(fields, p.partFields(), p.logFields(), p.backupFields(), p.lockFields())
}

// current returns the save or rewrite in the background, once it has cut, or nil.
func (p *Store) current() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.job == nil || p.job.snapshot == nil {
		return nil
	}
	return p.job
}

// currentSave is current of a save only.
func (p *Store) currentSave() *job {
	if j := p.current(); j != nil && j.kind == jobSave {
		return j
	}
	return nil
}

func (p *Store) loadETA() int64 {
	spent := p.o.Clock.Millis()/1000 - p.load.began.Load()
	done := p.load.loaded.Load()
	if done == 0 || spent <= 0 {
		return 1
	}
	return (p.load.total.Load() - done) * spent / done
}

// partFields are of what was left out, of a load or of a save. A server that leaves out nothing does not show
// them.
func (p *Store) partFields() []info.Field {
	const section = "persistence"
	return []info.Field{
		info.Count(section, "rdb_last_load_keys_left_out", "Keys of the last file loaded that were left out.", p.partly.keys.Load).Only(p.partly.any),
		info.Bytes(section, "rdb_last_load_bytes_left_out", "Bytes at the end of the last file loaded that could not be read.", p.partly.bytes.Load).Only(p.partly.any),
		info.Text(section, "rdb_partly_loaded_kept_as", "Where the file, or the log, is kept that was loaded only in part; nothing: not yet.", p.partly.keptAs).Only(p.partly.any),
		info.Count(section, "rdb_last_save_losses", "Keys of the last RDB file saved that hold what rdb-version cannot express.", p.saveLosses.Load).Only(p.losesSome),
		info.Count(section, "aof_last_rewrite_losses", "The same of the last base of the log.", p.baseLosses.Load).Only(p.losesSome),
	}
}
