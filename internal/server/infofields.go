// INFO: what the server itself knows. Rooms with figures of their own return their rows.

package server

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"

	"tarn/internal/host"
	"tarn/internal/info"
	"tarn/internal/keyspace"
	"tarn/internal/mem"
	"tarn/internal/vfs"
)

// registerInfo puts all rows into the registry. Their readers run with the world stopped.
func (s *Server) registerInfo() {
	r := s.env.Info
	r.Add(s.serverFields()...)
	r.Add(s.clientFields()...)
	r.Add(s.memoryFields()...)
	r.Add(s.persist.InfoFields()...)
	r.Add(s.threadFields()...)
	r.Add(s.statsFields()...)
	r.Add(s.debugFields()...)
	r.Add(s.env.Commands.InfoFields()...)
	r.Add(s.env.Errors.InfoFields()...)
	r.Add(s.keyspaceFields()...)
}

func (s *Server) serverFields() []info.Field {
	const section = "server"
	executable, _ := os.Executable()
	constant := func(text string) func() string { return func() string { return text } }
	uptime := func() int64 { return (s.clock.Millis() - s.started.UnixMilli()) / 1000 }
	return []info.Field{
		info.Text(section, "redis_version", "The Redis whose commands and replies are given.", constant(RedisVersion)),
		info.Text(section, "redis_git_sha1", "Redis's field; zeros.", constant("00000000")),
		info.Text(section, "redis_git_dirty", "Redis's field; zero.", constant("0")),
		info.Text(section, "redis_build_id", "Redis's field; zero.", constant("0")),
		info.Text(section, "redis_mode", "standalone, sentinel or cluster.", constant("standalone")),
		info.Text(section, "os", "The operating system.", constant(systemName())),
		info.Text(section, "arch_bits", "Width of a pointer.", constant(strconv.Itoa(strconv.IntSize))),
		info.Text(section, "monotonic_clock", "What durations are measured with.", constant(monotonic)),
		info.Text(section, "multiplexing_api", "How sockets are waited for.", constant(multiplexing)),
		info.Text(section, "atomicvar_api", "How counters are shared.", constant("Go sync/atomic")),
		info.Text(section, "gcc_version", "Redis's field; Tarn is built by Go.", constant("0.0.0")),
		info.Count(section, "process_id", "Pid of the server.", func() int64 { return int64(os.Getpid()) }),
		info.Text(section, "process_supervised", "What supervises the process.", func() string { return cmp.Or(s.supervisor, "no") }),
		info.Text(section, "run_id", "Random name of this run of the server.", func() string { return s.runID }),
		info.Count(section, "tcp_port", "Port listened on.", func() int64 { return s.cfg().Port }),
		info.Count(section, "server_time_usec", "Unix time in microseconds.", s.clock.Micros),
		info.Seconds(section, "uptime_in_seconds", "Seconds since the start.", uptime),
		info.Count(section, "uptime_in_days", "Days since the start.", func() int64 { return uptime() / 86400 }),
		info.Count(section, "hz", "Turns of the periodic job a second.", func() int64 { return s.cfg().Hz }),
		info.Count(section, "configured_hz", "The hz directive.", func() int64 { return s.cfg().Hz }),
		info.Count(section, "lru_clock", "The clock that entries' idle times are measured with.", func() int64 { return s.clock.Millis() / 1000 & (1<<24 - 1) }),
		info.Text(section, "executable", "Path of the program.", constant(executable)),
		info.Text(section, "config_file", "Path of the configuration file.", func() string { return s.configFile }),
		info.Flag(section, "io_threads_active", "More than one event loop serves.", func() bool { return s.cfg().IOThreads > 1 }),
		info.Text(section, "server_name", "The program.", constant("tarn")),
		info.Text(section, "tarn_version", "Version of the program.", constant(Version)),
		info.Text(section, "go_version", "What it was built with.", constant(runtime.Version())),
	}
}

func (s *Server) clientFields() []info.Field {
	const section = "clients"
	zero := func() int64 { return 0 }
	return []info.Field{
		info.Count(section, "connected_clients", "Connections.", func() int64 { return int64(s.clients.len()) }),
		info.Count(section, "cluster_connections", "Connections used by the cluster bus.", zero),
		info.Count(section, "maxclients", "Most connections allowed.", func() int64 { return s.cfg().MaxClients }),
		info.Bytes(section, "client_recent_max_input_buffer", "Largest input that a connection holds.", func() int64 { return s.clients.totals().maxInput }),
		info.Bytes(section, "client_recent_max_output_buffer", "Largest output that a connection holds.", func() int64 { return s.clients.totals().maxOutput }),
		info.Count(section, "blocked_clients", "Connections whose command waits.", func() int64 { return int64(s.clients.totals().blocked) }),
		info.Count(section, "tracking_clients", "Connections that track keys.", zero),
		info.Count(section, "clients_in_timeout_table", "Blocked connections with a timeout.", func() int64 { _, timed := s.dispatcher.Blocked(); return int64(timed) }),
		info.Count(section, "total_blocking_keys", "Keys that connections wait for.", func() int64 { keys, _ := s.waited(); return keys }),
		info.Count(section, "total_blocking_keys_on_nokey", "Of those, the ones waited for to be deleted.", func() int64 { _, gone := s.waited(); return gone }),
	}
}

// waited counts the keys that connections wait for, and those of them waited for to go.
func (s *Server) waited() (keys, gone int64) {
	s.locked(func(tx *keyspace.Tx) { keys, gone = tx.Waited() })
	return keys, gone
}

// usedMemory is what the process uses for data, index, connections and buffers, in bytes.
func (s *Server) usedMemory() int64 { return int64(s.keyspace.UsedMemory()) + goHeap() }

// goHeap returns the bytes of live and not yet collected objects on Go's heap.
func goHeap() int64 { return readMetric("/memory/classes/heap/objects:bytes") }

func readMetric(name string) int64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// memory is one look at where the memory is, in bytes.
type memory struct {
	used, rss, peak  int64
	dataset, index   int64
	opened           int64 // spans taken from the system by the heaps
	goHeap, goSystem int64
	clients          int64
	startup          int64
}

// lookMillis is how long one look serves: one INFO reads many fields of it.
const lookMillis = 2

// lookAtMemory is called with the world stopped.
func (s *Server) lookAtMemory() memory {
	if now := s.clock.Mono(); s.lookedAt == 0 || now-s.lookedAt > lookMillis*1e6 {
		s.looked, s.lookedAt = s.measureMemory(), now
	}
	return s.looked
}

func (s *Server) measureMemory() memory {
	m := memory{goHeap: goHeap(), goSystem: readMetric("/memory/classes/total:bytes"), startup: s.startupMemory}
	var total mem.Stats
	s.locked(func(tx *keyspace.Tx) { total = tx.Memory() })
	of := func(p mem.Purpose) int64 { return int64(total.ByPurpose[p].Bytes) }
	m.used = int64(total.Used) + m.goHeap
	m.opened = int64(total.Spans + total.Runs)
	m.dataset = of(mem.Keys) + of(mem.Values)
	m.index = of(mem.Index) + of(mem.Deadlines)
	m.rss = int64(host.ReadProcess(vfs.OS{}).RSSBytes)
	m.clients = s.clients.totals().memory
	s.notePeak(m.used)
	m.peak = s.stats.peakMemory.Load()
	return m
}

func ratio(a, b int64) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (s *Server) memoryFields() []info.Field {
	const section = "memory"
	zero := func() int64 { return 0 }
	of := func(f func(memory) int64) func() int64 { return func() int64 { return f(s.lookAtMemory()) } }
	ofRatio := func(f func(memory) float64) func() float64 { return func() float64 { return f(s.lookAtMemory()) } }
	overhead := func(m memory) int64 { return m.index + m.goHeap }
	total := func() int64 { return int64(host.ReadMachine(vfs.OS{}).LimitBytes()) }
	return []info.Field{
		info.BytesAndHuman(section, "used_memory", "Bytes taken for data, index, connections and buffers.", s.usedMemory),
		info.BytesAndHuman(section, "used_memory_rss", "Bytes of the process in memory, as the system counts.", of(func(m memory) int64 { return m.rss })),
		info.BytesAndHuman(section, "used_memory_peak", "Highest used_memory.", of(func(m memory) int64 { return m.peak })),
		info.Percent(section, "used_memory_peak_perc", "used_memory as a share of its peak.", ofRatio(func(m memory) float64 { return 100 * ratio(m.used, m.peak) })),
		info.Bytes(section, "used_memory_overhead", "Of used_memory, what is not keys and values.", of(overhead)),
		info.Bytes(section, "used_memory_startup", "used_memory of the empty server.", of(func(m memory) int64 { return m.startup })),
		info.Bytes(section, "used_memory_dataset", "Of used_memory, keys and values.", of(func(m memory) int64 { return m.dataset })),
		info.Percent(section, "used_memory_dataset_perc", "Keys' and values' share of what came after the start.", ofRatio(func(m memory) float64 {
			return 100 * min(ratio(m.dataset, max(m.used-m.startup, m.dataset)), 1)
		})),
		info.Bytes(section, "allocator_allocated", "Bytes of blocks in the heaps.", of(func(m memory) int64 { return m.used - m.goHeap })),
		info.Bytes(section, "allocator_active", "Bytes of spans that hold blocks.", of(func(m memory) int64 { return m.opened })),
		info.Bytes(section, "allocator_resident", "Bytes of spans that hold blocks, with Go's own memory.", of(func(m memory) int64 { return m.opened + m.goSystem })),
		info.BytesAndHuman(section, "total_system_memory", "Memory of the machine, or the container's limit.", total),
		info.Bytes(section, "used_memory_lua", "Memory of scripts.", zero),
		info.Text(section, "used_memory_lua_human", "The same, for people.", func() string { return "0B" }),
		info.BytesAndHuman(section, "used_memory_vm_total", "Memory of script engines.", zero),
		info.Bytes(section, "used_memory_vm_eval", "Memory of the EVAL engine.", zero),
		info.Bytes(section, "used_memory_vm_functions", "Memory of the engine of functions.", zero),
		info.BytesAndHuman(section, "used_memory_scripts", "Memory of scripts' texts.", zero),
		info.Bytes(section, "used_memory_scripts_eval", "Memory of EVAL's texts.", zero),
		info.Bytes(section, "used_memory_functions", "Memory of functions' texts.", zero),
		info.Count(section, "number_of_cached_scripts", "Scripts kept.", zero),
		info.Count(section, "number_of_functions", "Functions kept.", zero),
		info.Count(section, "number_of_libraries", "Libraries of functions kept.", zero),
		info.BytesAndHuman(section, "maxmemory", "Limit on used_memory; 0: none.", func() int64 { return s.cfg().MaxMemory }),
		info.Text(section, "maxmemory_policy", "What happens at the limit.", func() string { return s.cfg().MaxMemoryPolicy.String() }),
		info.Ratio(section, "allocator_frag_ratio", "Spans that hold blocks over blocks.", ofRatio(func(m memory) float64 { return ratio(m.opened, m.used-m.goHeap) })),
		info.Bytes(section, "allocator_frag_bytes", "Bytes of spans not in blocks.", of(func(m memory) int64 { return m.opened - (m.used - m.goHeap) })),
		info.Ratio(section, "allocator_rss_ratio", "Spans with Go's own memory, over spans.", ofRatio(func(m memory) float64 { return ratio(m.opened+m.goSystem, m.opened) })),
		info.Bytes(section, "allocator_rss_bytes", "Go's own memory.", of(func(m memory) int64 { return m.goSystem })),
		info.Ratio(section, "rss_overhead_ratio", "used_memory_rss over spans with Go's own memory.", ofRatio(func(m memory) float64 { return ratio(m.rss, m.opened+m.goSystem) })),
		info.Bytes(section, "rss_overhead_bytes", "used_memory_rss less spans and Go's own memory.", of(func(m memory) int64 { return m.rss - m.opened - m.goSystem })),
		info.Ratio(section, "mem_fragmentation_ratio", "used_memory_rss over used_memory.", ofRatio(func(m memory) float64 { return ratio(m.rss, m.used) })),
		info.Bytes(section, "mem_fragmentation_bytes", "used_memory_rss less used_memory.", of(func(m memory) int64 { return m.rss - m.used })),
		info.Bytes(section, "mem_not_counted_for_evict", "Buffers that eviction does not count.", zero),
		info.Bytes(section, "mem_replication_backlog", "Memory of the replication backlog.", zero),
		info.Bytes(section, "mem_total_replication_buffers", "Memory of all replication buffers.", zero),
		info.Bytes(section, "mem_clients_slaves", "Memory of replicas' connections.", zero),
		info.Bytes(section, "mem_clients_normal", "Memory of clients' connections.", of(func(m memory) int64 { return m.clients })),
		info.Bytes(section, "mem_cluster_links", "Memory of the cluster bus.", zero),
		info.Bytes(section, "mem_aof_buffer", "Memory of changes that are not in the append-only log's file yet.", s.dispatcher.Journal().Held),
		info.Text(section, "mem_allocator", "What blocks are taken from.", func() string { return "tarn" }),
		info.Flag(section, "active_defrag_running", "Blocks are being moved together.", func() bool { return false }),
		info.Count(section, "lazyfree_pending_objects", "Values that wait to be freed.", func() (n int64) {
			s.locked(func(tx *keyspace.Tx) { n = tx.LazyPending() })
			return n
		}),
		info.Count(section, "lazyfreed_objects", "Values freed in the background.", func() int64 { return s.sums().LazyFreed.Load() }),
		info.Bytes(section, "mem_go_heap", "Objects on Go's heap.", of(func(m memory) int64 { return m.goHeap })),
		info.Bytes(section, "mem_go_total", "All memory that Go took from the system.", of(func(m memory) int64 { return m.goSystem })),
		info.Bytes(section, "mem_index", "Tables and trees that find keys.", of(func(m memory) int64 { return m.index })),
	}
}

// locked runs f with every shard locked, unless the caller's transaction has done so.
func (s *Server) locked(f func(*keyspace.Tx)) {
	s.dispatcher.WithAll(f)
}

func (s *Server) contents(db int) (c keyspace.Contents) {
	s.locked(func(tx *keyspace.Tx) { c = tx.Contents(db) })
	return c
}

// sums adds up the executors' counters.
func (s *Server) sums() *keyspace.Stats {
	var sum keyspace.Stats
	s.keyspace.Sum(&sum)
	return &sum
}

func (s *Server) commandsProcessed() int64 { return s.dispatcher.Commands() }

func (s *Server) turns() int64 {
	_, turns := s.network.busy()
	return turns
}

func (s *Server) threadFields() []info.Field {
	const section = "cpu"
	cpu := func(who int, pick func(*syscall.Rusage) syscall.Timeval) func() string {
		return func() string {
			var u syscall.Rusage
			if syscall.Getrusage(who, &u) != nil {
				return "0.000000"
			}
			t := pick(&u)
			return fmt.Sprintf("%d.%06d", t.Sec, t.Usec)
		}
	}
	system := func(u *syscall.Rusage) syscall.Timeval { return u.Stime }
	user := func(u *syscall.Rusage) syscall.Timeval { return u.Utime }
	fields := []info.Field{
		info.Text(section, "used_cpu_sys", "Processor seconds in the kernel.", cpu(syscall.RUSAGE_SELF, system)),
		info.Text(section, "used_cpu_user", "Processor seconds in the program.", cpu(syscall.RUSAGE_SELF, user)),
		info.Text(section, "used_cpu_sys_children", "The same of child processes.", cpu(syscall.RUSAGE_CHILDREN, system)),
		info.Text(section, "used_cpu_user_children", "The same of child processes.", cpu(syscall.RUSAGE_CHILDREN, user)),
	}
	return append(fields, mainThreadFields(cpu)...)
}

func (s *Server) statsFields() []info.Field {
	const section = "stats"
	zero := func() int64 { return 0 }
	sum := func(pick func(*keyspace.Stats) int64) func() int64 { return func() int64 { return pick(s.sums()) } }
	kib := func(r *info.Rate) func() float64 { return func() float64 { return float64(r.Mean()) / 1024 } }
	st := &s.stats
	fields := []info.Field{
		info.Count(section, "total_connections_received", "Connections accepted.", st.connections.Load),
		info.Count(section, "total_commands_processed", "Commands run.", s.commandsProcessed),
		info.Count(section, "instantaneous_ops_per_sec", "Commands a second, of late.", s.rates.commands.Mean),
		info.Bytes(section, "total_net_input_bytes", "Bytes read from connections.", st.netIn.Load),
		info.Bytes(section, "total_net_output_bytes", "Bytes written to connections.", st.netOut.Load),
		info.Bytes(section, "total_net_repl_input_bytes", "Bytes read from a primary.", zero),
		info.Bytes(section, "total_net_repl_output_bytes", "Bytes written to replicas.", zero),
		info.Ratio(section, "instantaneous_input_kbps", "KiB read a second, of late.", kib(&s.rates.netIn)),
		info.Ratio(section, "instantaneous_output_kbps", "KiB written a second, of late.", kib(&s.rates.netOut)),
		info.Ratio(section, "instantaneous_input_repl_kbps", "KiB read from a primary a second, of late.", func() float64 { return 0 }),
		info.Ratio(section, "instantaneous_output_repl_kbps", "KiB written to replicas a second, of late.", func() float64 { return 0 }),
		info.Count(section, "rejected_connections", "Connections refused.", st.rejected.Load),
		info.Count(section, "expired_subkeys", "Fields of hashes deleted because their deadline had passed.", sum(func(k *keyspace.Stats) int64 { return k.ExpiredFields.Load() })),
		info.Count(section, "expired_keys", "Keys deleted because their deadline had passed.", sum(func(k *keyspace.Stats) int64 { return k.Expired.Load() })),
		info.Ratio(section, "expired_stale_perc", "Share of keys with a deadline that are past it and still held.", s.stalePercent),
		info.Count(section, "expired_time_cap_reached_count", "Sweeps of expired keys that ended by their time cap.", sum(func(k *keyspace.Stats) int64 { return k.CapReached.Load() })),
		info.Count(section, "expire_cycle_cpu_milliseconds", "Processor time of the sweeps.", func() int64 { return st.sweepNanos.Load() / 1e6 }),
		info.Count(section, "expired_held_keys", "Keys past their deadline and still held.", func() int64 { n, _ := s.expiredHeld(); return int64(n) }),
		info.Bytes(section, "expired_held_bytes", "Bytes of keys past their deadline and still held.", func() int64 { _, b := s.expiredHeld(); return int64(b) }),
		info.Count(section, "keyspace_hits", "Look-ups by reading commands that found a key.", sum(func(k *keyspace.Stats) int64 { return k.Hits.Load() })),
		info.Count(section, "keyspace_misses", "Look-ups by reading commands that found none.", sum(func(k *keyspace.Stats) int64 { return k.Misses.Load() })),
		info.Count(section, "snapshot_handed_over", "Entries that writers kept aside for saves.", sum(func(k *keyspace.Stats) int64 { return k.HandedOver.Load() })),
		info.Count(section, "snapshot_waits", "Commands put off because a save could not keep up.", sum(func(k *keyspace.Stats) int64 { return k.Waits.Load() })),
		info.Count(section, "client_query_buffer_limit_disconnections", "Connections closed for their input.", st.queryLimit.Load),
		info.Count(section, "client_output_buffer_limit_disconnections", "Connections closed for their output.", st.outputLimit.Load),
		info.Count(section, "eventloop_cycles", "Turns of the event loops.", s.turns),
		info.Count(section, "eventloop_duration_sum", "Microseconds in turns of the event loops.", func() int64 { n, _ := s.network.busy(); return n / 1000 }),
		info.Count(section, "eventloop_duration_cmd_sum", "Microseconds in commands.", s.dispatcher.CommandMicros),
		info.Count(section, "instantaneous_eventloop_cycles_per_sec", "Turns a second, of late.", s.rates.cycles.Mean),
		info.Count(section, "instantaneous_eventloop_duration_usec", "Mean duration of a turn, of late.", func() int64 {
			nanos, turns := s.network.busy()
			return nanos / 1000 / max(turns, 1)
		}),
	}
	for _, name := range laterStats {
		fields = append(fields, info.Count(section, name, "Of a part that comes later.", zero))
	}
	return fields
}

// laterStats are Redis's fields of parts that Tarn does not have yet. They are zero, truly.
var laterStats = []string{
	"sync_full", "sync_partial_ok", "sync_partial_err", "evicted_keys", "evicted_clients", "evicted_scripts",
	"total_eviction_exceeded_time", "current_eviction_exceeded_time", "pubsub_channels", "pubsub_patterns",
	"pubsubshard_channels", "migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits",
	"active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time",
	"current_active_defrag_time", "tracking_total_keys", "tracking_total_items", "tracking_total_prefixes",
	"unexpected_error_replies", "dump_payload_sanitizations", "total_reads_processed", "total_writes_processed",
	"io_threaded_reads_processed", "io_threaded_writes_processed", "reply_buffer_shrinks", "reply_buffer_expands",
	"acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel",
}

func (s *Server) stalePercent() float64 {
	var expires int64
	for db := range s.keyspace.Databases() {
		expires += int64(s.contents(db).Expires)
	}
	held, _ := s.expiredHeld()
	return 100 * ratio(int64(held), expires)
}

func (s *Server) expiredHeld() (keys, bytes uint64) {
	s.locked(func(tx *keyspace.Tx) {
		keys, bytes = tx.ExpiredHeld()
	})
	return keys, bytes
}

func (s *Server) debugFields() []info.Field {
	const section = "debug"
	zero := func() int64 { return 0 }
	return []info.Field{
		info.Count(section, "eventloop_duration_aof_sum", "Microseconds in the append-only log.", zero),
		info.Count(section, "eventloop_duration_cron_sum", "Microseconds in the periodic job.", func() int64 { return s.stats.cronNanos.Load() / 1000 }),
		info.Count(section, "eventloop_duration_max", "Longest turn of an event loop, in microseconds.", s.network.longestTurn),
		info.Count(section, "eventloop_cmd_per_cycle_max", "Most commands run in one turn.", s.network.fullestTurn),
	}
}

func (s *Server) keyspaceFields() []info.Field {
	return []info.Field{info.Lines("keyspace", "db*", "Keys, keys with a deadline, and their mean time to live in ms, by database.", func(b []byte) []byte {
		for db := range s.keyspace.Databases() {
			if c := s.contents(db); c.Keys > 0 {
				b = fmt.Appendf(b, "db%d:keys=%d,expires=%d,avg_ttl=%d", db, c.Keys, c.Expires, c.AvgTTL)
				if c.FieldExpires > 0 { // Redis 7.2 has no such field
					b = fmt.Appendf(b, ",subexpiry=%d", c.FieldExpires)
				}
				b = append(b, "\r\n"...)
			}
		}
		return b
	})}
}
