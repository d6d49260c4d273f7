// Rows: Lua scripts and functions.

package command

// scriptingRows are the commands of the group; their handlers follow this order.
var scriptingRows = []Spec{
	{
		Name: "eval", Arity: -3, Flags: NoScript | Stale | SkipMonitor | NoMandatoryKeys | MayReplicate,
		Categories: CatScripting, Since: "2.6.0",
		Cost: "Depends on what the script does", Summary: "Runs a Lua script.",
		Keys: []KeySpec{
			{Flags: RW | Access | Update, At: 2, Counted: true, Note: "The script decides: the worst is assumed."},
		},
		Args: "script numkeys:int [key@0...] [arg...]",
	},
	{
		Name: "eval_ro", Arity: -3, Flags: ReadOnly | NoScript | Stale | SkipMonitor | NoMandatoryKeys,
		Categories: CatScripting, Since: "7.0.0",
		Cost: "Depends on what the script does", Summary: "Runs a Lua script that may not write.",
		Keys: []KeySpec{
			{Flags: RO | Access, At: 2, Counted: true, Note: "The script decides: the worst is assumed."},
		},
		Args: "script numkeys:int [key@0...] [arg...]",
	},
	{
		Name: "evalsha", Arity: -3, Flags: NoScript | Stale | SkipMonitor | NoMandatoryKeys | MayReplicate,
		Categories: CatScripting, Since: "2.6.0",
		Cost: "Depends on what the script does", Summary: "Runs a cached Lua script, named by its SHA1.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 2, Counted: true}},
		Args: "sha1 numkeys:int [key@0...] [arg...]",
	},
	{
		Name: "evalsha_ro", Arity: -3, Flags: ReadOnly | NoScript | Stale | SkipMonitor | NoMandatoryKeys,
		Categories: CatScripting, Since: "7.0.0",
		Cost:    "Depends on what the script does",
		Summary: "Runs a cached Lua script that may not write, named by its SHA1.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 2, Counted: true}},
		Args:    "sha1 numkeys:int [key@0...] [arg...]",
	},
	{
		Name: "fcall", Arity: -3, Flags: NoScript | Stale | SkipMonitor | NoMandatoryKeys | MayReplicate,
		Categories: CatScripting, Since: "7.0.0",
		Cost: "Depends on what the function does", Summary: "Calls a function.",
		Keys: []KeySpec{
			{Flags: RW | Access | Update, At: 2, Counted: true, Note: "The function decides: the worst is assumed."},
		},
		Args: "function numkeys:int [key@0...] [arg...]",
	},
	{
		Name: "fcall_ro", Arity: -3, Flags: ReadOnly | NoScript | Stale | SkipMonitor | NoMandatoryKeys,
		Categories: CatScripting, Since: "7.0.0",
		Cost: "Depends on what the function does", Summary: "Calls a function that may not write.",
		Keys: []KeySpec{
			{Flags: RO | Access, At: 2, Counted: true, Note: "The function decides: the worst is assumed."},
		},
		Args: "function numkeys:int [key@0...] [arg...]",
	},
	{
		Name: "function", Arity: -2, Since: "7.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about functions.",
		Sub: []Spec{
			{
				Name: "delete", Arity: 3, Flags: Write | NoScript, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(1)", Summary: "Deletes a library and its functions.",
				Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Args: "library-name",
			},
			{
				Name: "dump", Arity: 2, Flags: NoScript, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(N) for N functions", Summary: "Serializes every library.",
			},
			{
				Name: "flush", Arity: -2, Flags: Write | NoScript, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(N) for N functions", Summary: "Deletes every library.",
				Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Args: "[async(ASYNC|SYNC)]",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of FUNCTION.",
			},
			{
				Name: "kill", Arity: 2, Flags: NoScript | AllowBusy, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(1)", Summary: "Stops the function that is running.",
				Tips: []string{"request_policy:all_shards", "response_policy:one_succeeded"},
			},
			{
				Name: "list", Arity: -2, Flags: NoScript, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(N) for N functions", Summary: "Describes the libraries.",
				Tips: []string{"nondeterministic_output_order"},
				Args: "[LIBRARYNAME=library-name-pattern] [WITHCODE]",
			},
			{
				Name: "load", Arity: -3, Flags: Write | DenyOOM | NoScript, Categories: CatScripting,
				Since: "7.0.0",
				Cost:  "O(1), compilation aside", Summary: "Creates a library.",
				Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Args: "[REPLACE] function-code",
			},
			{
				Name: "restore", Arity: -3, Flags: Write | DenyOOM | NoScript, Categories: CatScripting,
				Since: "7.0.0",
				Cost:  "O(N) for N functions", Summary: "Creates libraries from a serialized payload.",
				Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Args: "serialized-value [policy(FLUSH|APPEND|REPLACE)]",
			},
			{
				Name: "stats", Arity: 2, Flags: NoScript | AllowBusy, Categories: CatScripting, Since: "7.0.0",
				Cost: "O(1)", Summary: "Describes the function that is running and the engines.",
				Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			},
		},
	},
	{
		Name: "script", Arity: -2, Since: "2.6.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about Lua scripts.",
		Sub: []Spec{
			{
				Name: "debug", Arity: 3, Flags: NoScript, Categories: CatScripting, Since: "3.2.0",
				Cost: "O(1)", Summary: "Sets how EVAL debugs scripts.",
				Args: "mode(YES|SYNC|NO)",
			},
			{
				Name: "exists", Arity: -3, Flags: NoScript, Categories: CatScripting, Since: "2.6.0",
				Cost: "O(N) for N digests, so O(1) for one", Summary: "Tells which scripts are cached.",
				Tips: []string{"request_policy:all_shards", "response_policy:agg_logical_and"},
				Args: "sha1...",
			},
			{
				Name: "flush", Arity: -2, Flags: NoScript, Categories: CatScripting, Since: "2.6.0",
				Cost: "O(N) for N cached scripts", Summary: "Empties the script cache.",
				History: []Change{{"6.2.0", "Gained `ASYNC` and `SYNC`."}},
				Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Args:    "[async(ASYNC|SYNC)#6.2.0]",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatScripting, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of SCRIPT.",
			},
			{
				Name: "kill", Arity: 2, Flags: NoScript | AllowBusy, Categories: CatScripting, Since: "2.6.0",
				Cost: "O(1)", Summary: "Stops the script that is running.",
				Tips: []string{"request_policy:all_shards", "response_policy:one_succeeded"},
			},
			{
				Name: "load", Arity: 3, Flags: NoScript | Stale, Categories: CatScripting, Since: "2.6.0",
				Cost: "O(N) for a script of N bytes", Summary: "Caches a Lua script and replies with its SHA1.",
				Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Args: "script",
			},
		},
	},
}
