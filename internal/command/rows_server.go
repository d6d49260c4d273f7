// Rows: the server: access, configuration, persistence, replication, memory, diagnosis.

package command

// serverRows are the commands of the group; their handlers follow this order.
var serverRows = []Spec{
	{
		Name: "acl", Arity: -2, Since: "6.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about access control.",
		Sub: []Spec{
			{
				Name: "cat", Arity: -2, Flags: NoScript | Loading | Stale, Since: "6.0.0",
				Cost:    "O(1), as categories and commands are given",
				Summary: "Lists the categories, or the commands of one.",
				Args:    "[categoryname]",
			},
			{
				Name: "deluser", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(1) on average", Summary: "Deletes users and closes their connections.",
				Args: "username...",
			},
			{
				Name: "dryrun", Arity: -4, Flags: Admin | NoScript | Loading | Stale, Since: "7.0.0",
				Cost: "O(1)", Summary: "Tells whether a user could run a command, without running it.",
				Args: "username command [arg...]",
			},
			{
				Name: "genpass", Arity: -2, Flags: NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(1)", Summary: "Makes up a password.",
				Args: "[bits:int]",
			},
			{
				Name: "getuser", Arity: 3, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N rules of the user", Summary: "Lists the rules of a user.",
				History: []Change{
					{"6.2.0", "Shows channel patterns."},
					{"7.0.0", "Shows selectors; key and channel patterns became rules instead of lists."},
				},
				Args: "username",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "6.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of ACL.",
			},
			{
				Name: "list", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N users", Summary: "Describes the users, one rule line each.",
			},
			{
				Name: "load", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N users", Summary: "Reads the users from the ACL file.",
			},
			{
				Name: "log", Arity: -2, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N entries shown", Summary: "Lists what was refused lately, or clears that list.",
				History: []Change{{"7.2.0", "Shows the ID of an entry and when it was made and last changed."}},
				Args:    "[operation(count:int|RESET)]",
			},
			{
				Name: "save", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N users", Summary: "Writes the users to the ACL file.",
			},
			{
				Name: "setuser", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N rules given", Summary: "Creates a user or changes its rules.",
				History: []Change{
					{"6.2.0", "Takes channel patterns."},
					{"7.0.0", "Takes selectors and permissions by key."},
				},
				Args: "username [rule...]",
			},
			{
				Name: "users", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(N) for N users", Summary: "Lists the names of the users.",
			},
			{
				Name: "whoami", Arity: 2, Flags: NoScript | Loading | Stale, Since: "6.0.0",
				Cost: "O(1)", Summary: "Names the user of the connection.",
			},
		},
	},
	{
		Name: "backup", Arity: -2, Since: "7.2.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about backups. Tarn only.",
		Sub: []Spec{
			{
				Name: "cancel", Arity: 2, Flags: Admin | NoScript | NoAsyncLoading, Since: "7.2.0",
				Cost: "O(1)", Summary: "Ends the backup under way, or the wait for its turn.",
				Run: backupCancel,
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "7.2.0",
				Cost: "O(1)", Summary: "Lists the subcommands of BACKUP.",
				Run: containerHelp,
			},
			{
				Name: "list", Arity: 2, Flags: Admin | NoScript, Since: "7.2.0",
				Cost: "O(N) for N files in the folder of backups", Summary: "Lists the backups, newest first.",
				Tips: []string{"nondeterministic_output"},
				Run:  backupList,
			},
			{
				Name: "now", Arity: 2, Flags: Admin | NoScript | NoAsyncLoading, Since: "7.2.0",
				Cost: "O(1)", Summary: "Makes a backup in the background, and reads it back.",
				Run: backupNow,
			},
			{
				Name: "verify", Arity: -2, Flags: Admin | NoScript, Since: "7.2.0",
				Cost: "O(N) for N files in the folder of backups", Summary: "Reads a backup, or all, back in the background.",
				Args: "[name]",
				Run:  backupVerify,
			},
		},
	},
	{
		Name: "bgrewriteaof", Arity: 1, Flags: Admin | NoScript | NoAsyncLoading, Since: "1.0.0",
		Cost: "O(1)", Summary: "Rewrites the append-only file in the background.",
		Run: bgrewriteaof,
	},
	{
		Name: "bgsave", Arity: -1, Flags: Admin | NoScript | NoAsyncLoading, Since: "1.0.0",
		Cost: "O(1)", Summary: "Saves the data to disk in the background.",
		History: []Change{{"3.2.2", "Gained `SCHEDULE`."}},
		Args:    "[SCHEDULE#3.2.2]",
		Run:     bgsave,
	},
	{
		Name: "command", Arity: -1, Flags: Loading | Stale, Categories: CatConnection, Since: "2.8.13",
		Cost: "O(N) for N commands of the server", Summary: "Describes every command.",
		Tips: []string{"nondeterministic_output_order"},
		Run:  commandAll,
		Sub: []Spec{
			{
				Name: "count", Arity: 2, Flags: Loading | Stale, Categories: CatConnection, Since: "2.8.13",
				Cost: "O(1)", Summary: "Counts the commands.",
				Run: commandCount,
			},
			{
				Name: "docs", Arity: -2, Flags: Loading | Stale, Categories: CatConnection, Since: "7.0.0",
				Cost: "O(N) for N commands asked about", Summary: "Documents commands.",
				Tips: []string{"nondeterministic_output_order"},
				Args: "[command-name...]",
				Run:  commandDocs,
			},
			{
				Name: "getkeys", Arity: -4, Flags: Loading | Stale, Categories: CatConnection, Since: "2.8.13",
				Cost: "O(N) for N arguments", Summary: "Finds the keys in a full command.",
				Run: commandGetKeys,
			},
			{
				Name: "getkeysandflags", Arity: -4, Flags: Loading | Stale, Categories: CatConnection,
				Since: "7.0.0",
				Cost:  "O(N) for N arguments", Summary: "Finds the keys in a full command and what is done to each.",
				Run: commandGetKeysAndFlags,
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatConnection, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of COMMAND.",
				Run: containerHelp,
			},
			{
				Name: "info", Arity: -2, Flags: Loading | Stale, Categories: CatConnection, Since: "2.8.13",
				Cost: "O(N) for N commands asked about", Summary: "Describes commands.",
				History: []Change{{"7.0.0", "Without names, describes every command."}},
				Tips:    []string{"nondeterministic_output_order"},
				Args:    "[command-name...]",
				Run:     commandInfo,
			},
			{
				Name: "list", Arity: -2, Flags: Loading | Stale, Categories: CatConnection, Since: "7.0.0",
				Cost: "O(N) for N commands of the server", Summary: "Lists the names of commands.",
				Tips: []string{"nondeterministic_output_order"},
				Args: "[FILTERBY=filterby(MODULE=module-name|ACLCAT=category|PATTERN=pattern:pattern)]",
				Run:  commandList,
			},
		},
	},
	{
		Name: "config", Arity: -2, Since: "2.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about configuration.",
		Sub: []Spec{
			{
				Name: "get", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Since: "2.0.0",
				Cost: "O(N) for N directives", Summary: "Reads directives that match patterns.",
				History: []Change{{"7.0.0", "Takes several patterns."}},
				Args:    "parameter{parameter}...",
				Run:     configGet,
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of CONFIG.",
				Run: containerHelp,
			},
			{
				Name: "resetstat", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "2.0.0",
				Cost: "O(1)", Summary: "Sets the statistics of INFO back to zero.",
				Run: configResetStat,
			},
			{
				Name: "rewrite", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "2.8.0",
				Cost: "O(1)", Summary: "Writes the configuration in force to its file.",
				Run: configRewrite,
			},
			{
				Name: "set", Arity: -4, Flags: Admin | NoScript | Loading | Stale, Since: "2.0.0",
				Cost: "O(N) for N directives", Summary: "Changes directives while the server runs.",
				History: []Change{{"7.0.0", "Takes several directives."}},
				Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Args:    "parameter_value{parameter value}...",
				Run:     configSet,
			},
		},
	},
	{
		Name: "dbsize", Arity: 1, Flags: ReadOnly | Fast, Categories: CatKeyspace, Since: "1.0.0",
		Cost: "O(1)", Summary: "Counts the keys of the database.",
		Tips: []string{"request_policy:all_shards", "response_policy:agg_sum"},
		Run:  dbsize,
	},
	{
		Name: "debug", Arity: -2, Flags: Admin | NoScript | Loading | Stale | Protected, Since: "1.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands for debugging the server.",
		System: true,
		Run:    debug,
	},
	{
		Name: "failover", Arity: -1, Flags: Admin | NoScript | Stale, Since: "6.2.0",
		Cost: "O(1)", Summary: "Hands the role of master over to a replica.",
		Args: "[TO=target{host port:int [FORCE]}] [ABORT] [TIMEOUT=milliseconds:int]",
	},
	{
		Name: "flushall", Arity: -1, Flags: Write, Categories: CatKeyspace | CatDangerous, Since: "1.0.0",
		Cost: "O(N) for N keys in all databases", Summary: "Deletes every key of every database.",
		History: []Change{{"4.0.0", "Gained `ASYNC`."}, {"6.2.0", "Gained `SYNC`."}},
		Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Args:    "[async(ASYNC#4.0.0|SYNC#6.2.0)]",
		Run:     flushAll,
	},
	{
		Name: "flushdb", Arity: -1, Flags: Write, Categories: CatKeyspace | CatDangerous, Since: "1.0.0",
		Cost: "O(N) for N keys in the database", Summary: "Deletes every key of the database.",
		History: []Change{{"4.0.0", "Gained `ASYNC`."}, {"6.2.0", "Gained `SYNC`."}},
		Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Args:    "[async(ASYNC#4.0.0|SYNC#6.2.0)]",
		Run:     flushDB,
	},
	{
		Name: "info", Arity: -1, Flags: Loading | Stale, Categories: CatDangerous, Since: "1.0.0",
		Cost: "O(1)", Summary: "Describes the server and counts what it does.",
		History: []Change{{"7.0.0", "Takes several sections."}},
		Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
		Args:    "[section...]",
		Run:     infoText,
	},
	{
		Name: "lastsave", Arity: 1, Flags: Loading | Stale | Fast, Categories: CatAdmin | CatDangerous,
		Since: "1.0.0",
		Cost:  "O(1)", Summary: "Tells the Unix time of the last good save.",
		Tips: []string{"nondeterministic_output"},
		Run:  lastSave,
	},
	{
		Name: "latency", Arity: -2, Since: "2.8.13",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about latency.",
		Sub: []Spec{
			{
				Name: "doctor", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "2.8.13",
				Cost: "O(1)", Summary: "Explains the latency that was seen.",
				Tips: []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
				Run:  latencyDoctor,
			},
			{
				Name: "graph", Arity: 3, Flags: Admin | NoScript | Loading | Stale, Since: "2.8.13",
				Cost: "O(1)", Summary: "Draws the latency of an event as text.",
				Tips: []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
				Args: "event",
				Run:  latencyGraph,
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "2.8.13",
				Cost: "O(1)", Summary: "Lists the subcommands of LATENCY.",
				Run: containerHelp,
			},
			{
				Name: "histogram", Arity: -2, Flags: Admin | NoScript | Loading | Stale, Since: "7.0.0",
				Cost:    "O(N) for N commands that have a histogram",
				Summary: "Shows how long commands take, as histograms.",
				Tips:    []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
				Args:    "[command...]",
				Run:     latencyHistogram,
			},
			{
				Name: "history", Arity: 3, Flags: Admin | NoScript | Loading | Stale, Since: "2.8.13",
				Cost: "O(1)", Summary: "Lists the latency samples of an event.",
				Tips: []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
				Args: "event",
				Run:  latencyHistory,
			},
			{
				Name: "latest", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Since: "2.8.13",
				Cost: "O(1)", Summary: "Shows the latest latency sample of every event.",
				Tips: []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
				Run:  latencyLatest,
			},
			{
				Name: "reset", Arity: -2, Flags: Admin | NoScript | Loading | Stale, Since: "2.8.13",
				Cost: "O(1)", Summary: "Forgets the latency samples of events.",
				Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Args: "[event...]",
				Run:  latencyReset,
			},
		},
	},
	{
		Name: "lolwut", Arity: -1, Flags: ReadOnly | Fast, Since: "5.0.0",
		Summary: "Draws a piece of computer art and tells the version.",
		Args:    "[VERSION=version:int]",
		Run:     lolwut,
	},
	{
		Name: "memory", Arity: -2, Since: "4.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about memory.",
		Sub: []Spec{
			{
				Name: "doctor", Arity: 2, Since: "4.0.0",
				Cost: "O(1)", Summary: "Explains problems of memory.",
				Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "4.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of MEMORY.",
				Run: containerHelp,
			},
			{
				Name: "malloc-stats", Arity: 2, Since: "4.0.0",
				Cost: "Depends on how much memory is allocated", Summary: "Shows the statistics of the allocator.",
				Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			},
			{
				Name: "purge", Arity: 2, Since: "4.0.0",
				Cost: "Depends on how much memory is allocated", Summary: "Asks the allocator to give memory back.",
				Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			},
			{
				Name: "stats", Arity: 2, Since: "4.0.0",
				Cost: "O(1)", Summary: "Counts memory by use.",
				Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			},
			{
				Name: "usage", Arity: -3, Flags: ReadOnly, Since: "4.0.0",
				Cost: "O(N) for N samples", Summary: "Measures the memory of a key and its value.",
				Keys: []KeySpec{{Flags: RO, At: 2}},
				Args: "key@0 [SAMPLES=count:int]",
				Run:  memoryUsage,
			},
		},
	},
	{
		Name: "module", Arity: -2, Since: "4.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about modules.",
		Sub: []Spec{
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of MODULE.",
			},
			{
				Name: "list", Arity: 2, Flags: Admin | NoScript, Since: "4.0.0",
				Cost: "O(N) for N modules", Summary: "Describes the loaded modules.",
				Tips: []string{"nondeterministic_output_order"},
			},
			{
				Name: "load", Arity: -3, Flags: Admin | NoScript | NoAsyncLoading | Protected, Since: "4.0.0",
				Cost: "O(1)", Summary: "Loads a module.",
				Args: "path [arg...]",
			},
			{
				Name: "loadex", Arity: -3, Flags: Admin | NoScript | NoAsyncLoading | Protected, Since: "7.0.0",
				Cost: "O(1)", Summary: "Loads a module with configuration and arguments.",
				Args: "path [CONFIG=configs{name value}...+] [ARGS=args{arg}...]",
			},
			{
				Name: "unload", Arity: 3, Flags: Admin | NoScript | NoAsyncLoading | Protected, Since: "4.0.0",
				Cost: "O(1)", Summary: "Unloads a module.",
				Args: "name",
			},
		},
	},
	{
		Name: "monitor", Arity: 1, Flags: Admin | NoScript | Loading | Stale, Since: "1.0.0",
		Summary: "Streams every command the server runs.",
	},
	{
		Name: "psync", Arity: -3, Flags: Admin | NoScript | NoAsyncLoading | NoMulti, Since: "2.8.0",
		Summary: "Starts replication, partial when possible.",
		Args:    "replicationid offset:int",
	},
	{
		Name: "replconf", Arity: -1, Flags: Admin | NoScript | Loading | Stale | AllowBusy, Since: "3.0.0",
		Cost: "O(1)", Summary: "Configures a replication link.",
		System: true,
	},
	{
		Name: "replicaof", Arity: 3, Flags: Admin | NoScript | Stale | NoAsyncLoading, Since: "5.0.0",
		Cost: "O(1)", Summary: "Makes the server a replica, or a master again.",
		Args: "args(host-port{host port:int}|no-one{NO ONE})",
	},
	{
		Name: "restore-asking", Arity: -4, Flags: Write | DenyOOM | Asking, Categories: CatKeyspace | CatDangerous,
		Since:   "3.0.0",
		Cost:    "O(1) to create the key and O(N*M) for N objects of M bytes on average: O(1)+O(1*M), or O(1), for a short string; O(N*M*log(N)) for a sorted set, as each insertion is O(log(N))",
		Summary: "Creates a key from a serialized value while its slot is being imported.",
		Keys:    []KeySpec{{Flags: OW | Update, At: 1}},
		History: []Change{
			{"3.0.0", "Gained `REPLACE`."},
			{"5.0.0", "Gained `ABSTTL`."},
			{"5.0.0", "Gained `IDLETIME` and `FREQ`."},
		},
		System: true,
		Args: "key@0 ttl:int serialized-value [REPLACE#3.0.0] [ABSTTL#5.0.0] " +
			"[IDLETIME=seconds:int#5.0.0] [FREQ=frequency:int#5.0.0]",
	},
	{
		Name: "role", Arity: 1, Flags: NoScript | Loading | Stale | Fast, Categories: CatAdmin | CatDangerous,
		Since: "2.8.12",
		Cost:  "O(1)", Summary: "Tells the role of the server in replication.",
		Run: role,
	},
	{
		Name: "save", Arity: 1, Flags: Admin | NoScript | NoAsyncLoading | NoMulti, Since: "1.0.0",
		Cost: "O(N) for N keys in all databases", Summary: "Saves the data to disk and waits for it.",
		Run: save,
	},
	{
		Name: "shutdown", Arity: -1, Flags: Admin | NoScript | Loading | Stale | NoMulti | AllowBusy,
		Since:   "1.0.0",
		Cost:    "O(N) for N keys to save, O(1) without a save",
		Summary: "Saves if so configured and stops the server.",
		History: []Change{{"7.0.0", "Gained `NOW`, `FORCE` and `ABORT`."}},
		Args:    "[nosave_save(NOSAVE|SAVE)] [NOW#7.0.0] [FORCE#7.0.0] [ABORT#7.0.0]",
		Run:     shutdown,
	},
	{
		Name: "slaveof", Arity: 3, Flags: Admin | NoScript | Stale | NoAsyncLoading, Since: "1.0.0",
		Cost: "O(1)", Summary: "Makes the server a replica, or a master again.",
		DeprecatedSince: "5.0.0", ReplacedBy: "`REPLICAOF`",
		Args: "args(host-port{host port:int}|no-one{NO ONE})",
	},
	{
		Name: "slowlog", Arity: -2, Since: "2.2.12",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about the slow log.",
		Sub: []Spec{
			{
				Name: "get", Arity: -2, Flags: Admin | Loading | Stale, Since: "2.2.12",
				Cost: "O(N) for N entries replied", Summary: "Lists entries of the slow log.",
				History: []Change{{"4.0.0", "Shows the address, port and name of the client."}},
				Tips:    []string{"request_policy:all_nodes", "nondeterministic_output"},
				Args:    "[count:int]",
				Run:     slowlogGet,
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "6.2.0",
				Cost: "O(1)", Summary: "Lists the subcommands of SLOWLOG.",
				Run: containerHelp,
			},
			{
				Name: "len", Arity: 2, Flags: Admin | Loading | Stale, Since: "2.2.12",
				Cost: "O(1)", Summary: "Counts the entries of the slow log.",
				Tips: []string{"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"},
				Run:  slowlogLen,
			},
			{
				Name: "reset", Arity: 2, Flags: Admin | Loading | Stale, Since: "2.2.12",
				Cost: "O(N) for N entries", Summary: "Empties the slow log.",
				Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Run:  slowlogReset,
			},
		},
	},
	{
		Name: "swapdb", Arity: 3, Flags: Write | Fast, Categories: CatKeyspace | CatDangerous, Since: "4.0.0",
		Cost:    "O(N) for N clients that watch keys, or wait for keys, of either database",
		Summary: "Swaps two databases.",
		Args:    "index1:int index2:int",
		Run:     swapDB,
	},
	{
		Name: "sync", Arity: 1, Flags: Admin | NoScript | NoAsyncLoading | NoMulti, Since: "1.0.0",
		Summary: "Starts full replication.",
	},
	{
		Name: "time", Arity: 1, Flags: Loading | Stale | Fast, Since: "2.6.0",
		Cost: "O(1)", Summary: "Tells the server's time.",
		Tips: []string{"nondeterministic_output"},
		Run:  timeNow,
	},
}
