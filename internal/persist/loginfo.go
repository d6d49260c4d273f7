// What INFO says of the append-only log. The fields that a redis-server has come as it has them; those
// that begin with aof_unsynced and aof_fsync are more: how far the log is behind, and how the disk does.

package persist

import (
	"time"

	"tarn/internal/info"
)

// logFields returns the log's fields.
func (p *Store) logFields() []info.Field {
	const section = "persistence"
	locked := func(read func(l *appendLog) int64) func() int64 {
		return func() int64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			return read(&p.log)
		}
	}
	status := func(bad func() bool) func() string {
		return func() string {
			if bad() {
				return "err"
			}
			return "ok"
		}
	}
	written := func(read func(w *logWriter) int64) func() int64 {
		return func() int64 {
			if w := p.writer(); w != nil {
				return read(w)
			}
			return 0
		}
	}
	configured := func() bool { return p.o.Config.Current().AppendOnly }
	return []info.Field{
		info.Flag(section, "aof_enabled", "The append-only log is on.", p.LogOn),
		info.Flag(section, "aof_rewrite_in_progress", "The append-only log is being rewritten.", p.Rewriting),
		info.Flag(section, "aof_rewrite_scheduled", "A rewrite waits for what is under way to end.", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.log.scheduled
		}),
		info.Seconds(section, "aof_last_rewrite_time_sec", "How long the last rewrite took; -1: there was none.", locked(func(l *appendLog) int64 { return l.lastSecs })),
		info.Seconds(section, "aof_current_rewrite_time_sec", "How long the rewrite under way has run; -1: there is none.", func() int64 {
			j := p.running()
			if j == nil || j.kind != jobRewrite {
				return -1
			}
			return int64((p.mono() - j.began) / time.Second)
		}),
		info.Text(section, "aof_last_bgrewrite_status", "How the last rewrite ended.", status(func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.log.failed
		})),
		info.Count(section, "aof_rewrites", "Rewrites since the server started.", p.log.rewrites.Load),
		info.Count(section, "aof_rewrites_consecutive_failures", "Rewrites that failed since the last good one.", locked(func(l *appendLog) int64 { return int64(l.failures) })),
		info.Text(section, "aof_last_write_status", "How the last write to the append-only log, and the last sync, ended.", status(func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.logRefusal() != ""
		})),
		info.Bytes(section, "aof_last_cow_size", "Most bytes kept aside for the last rewrite.", locked(func(l *appendLog) int64 { return l.lastHeld })),
		info.Bytes(section, "aof_current_size", "Size of the log's files.", p.log.size.Load).Only(configured),
		info.Bytes(section, "aof_base_size", "Size of the log's files after the last rewrite, or of the base at start.", locked(func(l *appendLog) int64 { return l.baseSize })).Only(configured),
		info.Flag(section, "aof_pending_rewrite", "A rewrite waits, in ways that are no more: 0.", func() bool { return false }).Only(configured),
		info.Bytes(section, "aof_buffer_length", "Bytes of changes that are not in the log's file yet.", written(func(w *logWriter) int64 {
			bytes, _ := w.unwritten()
			return bytes
		})).Only(configured),
		info.Count(section, "aof_pending_bio_fsync", "Syncs under way.", written(func(w *logWriter) int64 {
			if w.inSync.Load() {
				return 1
			}
			return 0
		})).Only(configured),
		info.Count(section, "aof_delayed_fsync", "Writes beside a sync that had run for two seconds and more.", func() int64 {
			return p.log.delayed.Load() + written(func(w *logWriter) int64 { return w.delayed.Load() })()
		}).Only(configured),
		info.Bytes(section, "aof_unsynced_bytes", "Bytes of changes, as the journal counts them, that a power cut would take.", written(func(w *logWriter) int64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return max(p.o.Journal.End()-w.synced, 0)
		})).Only(configured),
		info.Count(section, "aof_unsynced_ms", "Age of the oldest change in the log's file that is not on the disk, in ms.", written(func(w *logWriter) int64 {
			return w.age().Milliseconds()
		})).Only(configured),
		info.Count(section, "aof_fsync_usec", "Microseconds that the latest sync of the log took.", written(func(w *logWriter) int64 { return w.syncs.lastMicros.Load() })).Only(configured),
		info.Count(section, "aof_fsync_max_usec", "Microseconds that the longest sync of the log took.", written(func(w *logWriter) int64 { return w.syncs.worstMicros.Load() })).Only(configured),
		info.Count(section, "aof_fsyncs", "Syncs of the log since it was switched on.", written(func(w *logWriter) int64 { return w.syncs.count.Load() })).Only(configured),
	}
}

// age returns how long the oldest byte in the file has waited for a sync.
func (w *logWriter) age() time.Duration {
	now := w.p.mono()
	w.mu.Lock()
	defer w.mu.Unlock()
	age := time.Duration(0)
	for _, at := range []time.Duration{w.begun, w.inflight} {
		if at != 0 {
			age = max(age, now-at)
		}
	}
	return age
}
