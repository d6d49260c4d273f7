// Redis's order: which sections INFO has, when they are shown, and how names follow one another.
//
// The names are those of Redis 7.2 with the few that 7.4 added. Programs find a field by its name,
// people by its place, so both are kept. A name that ends in * is a pattern.

package info

import "strings"

// standing says when a section is part of INFO's answer.
type standing uint8

const (
	inDefault standing = iota // without arguments too
	inAll                     // with "all" or "everything"
	onlyNamed                 // when it is asked for by name
)

var sectionOrder = []struct {
	name     string
	standing standing
}{
	{"server", inDefault},
	{"clients", inDefault},
	{"memory", inDefault},
	{"persistence", inDefault},
	{"threads", inAll}, // Redis 8 has it, between these two
	{"stats", inDefault},
	{"replication", inDefault},
	{"cpu", inDefault},
	{"modules", inDefault},
	{"commandstats", inAll},
	{"errorstats", inDefault},
	{"latencystats", inAll},
	{"cluster", inDefault},
	{"keyspace", inDefault},
	{"debug", onlyNamed},
}

// sectionPlace orders sections; those of Tarn's own come last.
func sectionPlace(name string) int {
	for i := range sectionOrder {
		if sectionOrder[i].name == name {
			return i
		}
	}
	return len(sectionOrder)
}

// standingOf a section of Tarn's own is inAll: default output stays what Redis's users know.
func standingOf(name string) standing {
	if i := sectionPlace(name); i < len(sectionOrder) {
		return sectionOrder[i].standing
	}
	return inAll
}

// fieldOrder lists a section's names as Redis prints them; _human lines only where they do not
// follow their number.
var fieldOrder = map[string]string{
	"server": `
		redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits monotonic_clock
		multiplexing_api atomicvar_api gcc_version process_id process_supervised run_id tcp_port
		server_time_usec uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file
		io_threads_active listener* shutdown_in_milliseconds`,
	"clients": `
		connected_clients cluster_connections maxclients client_recent_max_input_buffer
		client_recent_max_output_buffer blocked_clients tracking_clients pubsub_clients
		watching_clients clients_in_timeout_table total_watched_keys total_blocking_keys total_blocking_keys_on_nokey`,
	"memory": `
		used_memory used_memory_rss used_memory_peak used_memory_peak_perc used_memory_overhead
		used_memory_startup used_memory_dataset used_memory_dataset_perc allocator_allocated allocator_active
		allocator_resident total_system_memory used_memory_lua used_memory_vm_eval used_memory_lua_human used_memory_scripts_eval
		number_of_cached_scripts number_of_functions number_of_libraries used_memory_vm_functions
		used_memory_vm_total used_memory_functions used_memory_scripts maxmemory maxmemory_policy
		allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes rss_overhead_ratio
		rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes mem_not_counted_for_evict
		mem_replication_backlog mem_total_replication_buffers mem_clients_slaves mem_clients_normal
		mem_cluster_links mem_aof_buffer mem_allocator active_defrag_running lazyfree_pending_objects
		lazyfreed_objects`,
	"persistence": `
		loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc
		current_save_keys_processed current_save_keys_total rdb_changes_since_last_save rdb_bgsave_in_progress
		rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec
		rdb_saves rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded
		rdb_last_load_keys_left_out rdb_last_load_bytes_left_out rdb_partly_loaded_kept_as rdb_last_save_losses
		aof_last_rewrite_losses aof_enabled
		aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec aof_current_rewrite_time_sec
		aof_last_bgrewrite_status aof_rewrites aof_rewrites_consecutive_failures aof_last_write_status
		aof_last_cow_size module_fork_in_progress module_fork_last_cow_size aof_current_size aof_base_size
		aof_pending_rewrite aof_buffer_length aof_pending_bio_fsync aof_delayed_fsync aof_unsynced_bytes
		aof_unsynced_ms aof_fsync_usec aof_fsync_max_usec aof_fsyncs loading_start_time
		async_loading_start_time loading_total_bytes loading_rdb_used_mem loading_loaded_bytes
		loading_loaded_perc loading_eta_seconds backup_enabled backup_in_progress backup_scheduled
		backup_verify_in_progress backup_last_status backup_last_error backup_last_time backup_last_time_sec
		backup_last_verified_time backup_next_time backup_count backup_unverified backup_damaged backup_bytes
		backup_runs backup_failures save_lock_status save_lock_holder save_lock_error save_lock_waits`,
	"stats": `
		total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
		total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps
		instantaneous_output_kbps instantaneous_input_repl_kbps instantaneous_output_repl_kbps
		rejected_connections sync_full sync_partial_ok sync_partial_err expired_subkeys expired_keys expired_stale_perc
		expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys evicted_clients
		evicted_scripts total_eviction_exceeded_time current_eviction_exceeded_time keyspace_hits
		keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec total_forks
		migrate_cached_sockets slave_expires_tracked_keys active_defrag_hits active_defrag_misses
		active_defrag_key_hits active_defrag_key_misses total_active_defrag_time current_active_defrag_time
		tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies
		total_error_replies dump_payload_sanitizations total_reads_processed total_writes_processed
		io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks reply_buffer_expands
		eventloop_cycles eventloop_duration_sum eventloop_duration_cmd_sum
		instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec acl_access_denied_auth
		acl_access_denied_cmd acl_access_denied_key acl_access_denied_channel`,
	"replication": `
		role master_host master_port master_link_status master_last_io_seconds_ago master_sync_in_progress
		slave_read_repl_offset slave_repl_offset master_sync_total_bytes master_sync_read_bytes
		master_sync_left_bytes master_sync_perc master_sync_last_io_seconds_ago master_link_down_since_seconds
		slave_priority slave_read_only replica_announced connected_slaves min_slaves_good_slaves slave*
		master_failover_state master_replid master_replid2 master_repl_offset second_repl_offset
		repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen`,
	"cpu": `
		used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread
		used_cpu_user_main_thread`,
	"cluster": `
		cluster_enabled`,
	"debug": `
		eventloop_duration_aof_sum eventloop_duration_cron_sum eventloop_duration_max
		eventloop_cmd_per_cycle_max`,
}

// fieldPlaces is fieldOrder turned round: "section/name" to place.
var fieldPlaces = func() map[string]int {
	places := map[string]int{}
	for section, names := range fieldOrder {
		for i, name := range strings.Fields(names) {
			places[section+"/"+name] = i
		}
	}
	return places
}()

// fieldPlace orders the fields of a section; those of Tarn's own come last.
func fieldPlace(f Field) int {
	if place, ok := fieldPlaces[f.Section+"/"+f.Name]; ok {
		return place
	}
	return len(fieldPlaces)
}
