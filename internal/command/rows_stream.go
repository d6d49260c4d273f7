// Rows: streams and their consumer groups.

package command

// streamRows are the commands of the group; their handlers follow this order.
var streamRows = []Spec{
	{
		Name: "xack", Arity: -4, Flags: Write | Fast, Categories: CatStream, Since: "5.0.0",
		Cost: "O(1) per entry", Summary: "Marks entries as processed by a consumer group.",
		Keys: []KeySpec{{Flags: RW | Update, At: 1}},
		Args: "key@0 group id...",
	},
	{
		Name: "xadd", Arity: -5, Flags: Write | DenyOOM | Fast, Categories: CatStream, Since: "5.0.0",
		Cost: "O(1), and O(N) for N entries trimmed", Summary: "Appends an entry to a stream.",
		Keys: []KeySpec{{Flags: RW | Update, At: 1, Note: "Update, not Insert, since it may trim."}},
		History: []Change{
			{"6.2.0", "Gained `NOMKSTREAM`, `MINID` and `LIMIT`."},
			{"7.0.0", "Takes IDs of the form `<ms>-*`."},
		},
		Tips: []string{"nondeterministic_output"},
		Args: "key@0 [NOMKSTREAM#6.2.0] [trim{strategy(MAXLEN|MINID#6.2.0) [operator(equal='='|" +
			"approximately='~')] threshold [LIMIT=count:int#6.2.0]}] id_or_auto(auto_id='*'|id) " +
			"field_value{field value}...",
	},
	{
		Name: "xautoclaim", Arity: -6, Flags: Write | Fast, Categories: CatStream, Since: "6.2.0",
		Cost:    "O(1) while COUNT is small",
		Summary: "Hands a group's entries that were left too long to a consumer, step by step.",
		Keys:    []KeySpec{{Flags: RW | Delete, At: 1}},
		History: []Change{{"7.0.0", "The reply also lists deleted entries that left the pending list."}},
		Tips:    []string{"nondeterministic_output"},
		Args:    "key@0 group consumer min-idle-time start [COUNT=count:int] [JUSTID]",
	},
	{
		Name: "xclaim", Arity: -6, Flags: Write | Fast, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(log N) for N pending entries of the group",
		Summary: "Hands pending entries of a group to a consumer.",
		Keys:    []KeySpec{{Flags: RW | Update, At: 1}},
		Tips:    []string{"nondeterministic_output"},
		Args: "key@0 group consumer min-idle-time id... [IDLE=ms:int] " +
			"[TIME=unix-time-milliseconds:time] [RETRYCOUNT=count:int] [FORCE] [JUSTID] " +
			"[LASTID=id]",
	},
	{
		Name: "xdel", Arity: -3, Flags: Write | Fast, Categories: CatStream, Since: "5.0.0",
		Cost: "O(1) per entry deleted, however long the stream", Summary: "Deletes entries of a stream.",
		Keys: []KeySpec{{Flags: RW | Delete, At: 1}},
		Args: "key@0 id...",
	},
	{
		Name: "xgroup", Arity: -2, Since: "5.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about consumer groups.",
		Sub: []Spec{
			{
				Name: "create", Arity: -5, Flags: Write | DenyOOM, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Creates a consumer group.",
				Keys:    []KeySpec{{Flags: RW | Insert, At: 2}},
				History: []Change{{"7.0.0", "Gained `entries_read`."}},
				Args:    "key@0 groupname id(id|new_id='$') [MKSTREAM] [ENTRIESREAD=entries_read:int]",
			},
			{
				Name: "createconsumer", Arity: 5, Flags: Write | DenyOOM, Categories: CatStream, Since: "6.2.0",
				Cost: "O(1)", Summary: "Creates a consumer in a group.",
				Keys: []KeySpec{{Flags: RW | Insert, At: 2}},
				Args: "key@0 groupname consumername",
			},
			{
				Name: "delconsumer", Arity: 5, Flags: Write, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Deletes a consumer of a group.",
				Keys: []KeySpec{{Flags: RW | Delete, At: 2}},
				Args: "key@0 groupname consumername",
			},
			{
				Name: "destroy", Arity: 4, Flags: Write, Categories: CatStream, Since: "5.0.0",
				Cost: "O(N) for N pending entries of the group", Summary: "Deletes a consumer group.",
				Keys: []KeySpec{{Flags: RW | Delete, At: 2}},
				Args: "key@0 groupname",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of XGROUP.",
			},
			{
				Name: "setid", Arity: -5, Flags: Write, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Sets the last entry a group was given.",
				Keys:    []KeySpec{{Flags: RW | Update, At: 2}},
				History: []Change{{"7.0.0", "Gained `entries_read`."}},
				Args:    "key@0 groupname id(id|new_id='$') [ENTRIESREAD=entries_read:int]",
			},
		},
	},
	{
		Name: "xinfo", Arity: -2, Since: "5.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands that describe streams.",
		Sub: []Spec{
			{
				Name: "consumers", Arity: 4, Flags: ReadOnly, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Describes the consumers of a group.",
				Keys:    []KeySpec{{Flags: RO | Access, At: 2}},
				History: []Change{{"7.2.0", "Shows `inactive`."}},
				Tips:    []string{"nondeterministic_output"},
				Args:    "key@0 groupname",
			},
			{
				Name: "groups", Arity: 3, Flags: ReadOnly, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Describes the consumer groups of a stream.",
				Keys:    []KeySpec{{Flags: RO | Access, At: 2}},
				History: []Change{{"7.0.0", "Shows `entries-read` and `lag`."}},
				Args:    "key@0",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of XINFO.",
			},
			{
				Name: "stream", Arity: -3, Flags: ReadOnly, Categories: CatStream, Since: "5.0.0",
				Cost: "O(1)", Summary: "Describes a stream.",
				Keys: []KeySpec{{Flags: RO | Access, At: 2}},
				History: []Change{
					{"6.0.0", "Gained `FULL`."},
					{"7.0.0", "Shows `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`."},
					{"7.2.0", "Shows `active-time`; `seen-time` changed its meaning."},
				},
				Args: "key@0 [FULL=full{[COUNT=count:int]}]",
			},
		},
	},
	{
		Name: "xlen", Arity: 2, Flags: ReadOnly | Fast, Categories: CatStream, Since: "5.0.0",
		Cost: "O(1)", Summary: "Counts the entries of a stream.",
		Keys: []KeySpec{{Flags: RO, At: 1}},
		Args: "key@0",
	},
	{
		Name: "xpending", Arity: -3, Flags: ReadOnly, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(N) for N entries replied, which is O(1) while the count is small; O(M) for M entries looked at with IDLE; the summary is O(1), and O(N) for N consumers",
		Summary: "Describes the entries given out by a group and not yet acknowledged.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		History: []Change{{"6.2.0", "Gained `IDLE`; a range may exclude its ends."}},
		Tips:    []string{"nondeterministic_output"},
		Args:    "key@0 group [filters{[IDLE=min-idle-time:int#6.2.0] start end count:int [consumer]}]",
	},
	{
		Name: "xrange", Arity: -4, Flags: ReadOnly, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(N) for N entries replied, which is O(1) while COUNT bounds N",
		Summary: "Lists the entries within a range of IDs.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		History: []Change{{"6.2.0", "A range may exclude its ends."}},
		Args:    "key@0 start end [COUNT=count:int]",
	},
	{
		Name: "xread", Arity: -4, Flags: ReadOnly | Blocking, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(N) per stream for N entries replied, which is O(1) while COUNT bounds N; XADD then pays O(M) to serve M blocked clients",
		Summary: "Reads new entries of streams, waiting if asked.",
		Keys:    []KeySpec{{Flags: RO | Access, Keyword: "STREAMS", From: 1, Last: -1, Limit: 2}},
		Args:    "[COUNT=count:int] [BLOCK=milliseconds:int] STREAMS=streams{key@0... id...}",
	},
	{
		Name: "xreadgroup", Arity: -7, Flags: Write | Blocking, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(M) per stream for M entries replied, which is O(1) while COUNT bounds M; XADD then pays O(N) to serve N blocked clients",
		Summary: "Reads entries of streams as a consumer of a group, waiting if asked.",
		Keys:    []KeySpec{{Flags: RO | Access, Keyword: "STREAMS", From: 4, Last: -1, Limit: 2}},
		Args: "GROUP=group_consumer{group consumer} [COUNT=count:int] [BLOCK=milliseconds:int] " +
			"[NOACK] STREAMS=streams{key@0... id...}",
	},
	{
		Name: "xrevrange", Arity: -4, Flags: ReadOnly, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(N) for N entries replied, which is O(1) while COUNT bounds N",
		Summary: "Lists the entries within a range of IDs, last first.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		History: []Change{{"6.2.0", "A range may exclude its ends."}},
		Args:    "key@0 end start [COUNT=count:int]",
	},
	{
		Name: "xsetid", Arity: -3, Flags: Write | DenyOOM | Fast, Categories: CatStream, Since: "5.0.0",
		Cost: "O(1)", Summary: "Sets the last ID of a stream.",
		Keys:    []KeySpec{{Flags: RW | Update, At: 1}},
		History: []Change{{"7.0.0", "Gained `entries_added` and `max_deleted_entry_id`."}},
		Args:    "key@0 last-id [ENTRIESADDED=entries_added:int#7.0.0] [MAXDELETEDID=max_deleted_entry_id#7.0.0]",
	},
	{
		Name: "xtrim", Arity: -4, Flags: Write, Categories: CatStream, Since: "5.0.0",
		Cost:    "O(N) for N entries removed, a whole block of them at a time",
		Summary: "Deletes the oldest entries of a stream.",
		Keys:    []KeySpec{{Flags: RW | Delete, At: 1}},
		History: []Change{{"6.2.0", "Gained `MINID` and `LIMIT`."}},
		Tips:    []string{"nondeterministic_output"},
		Args: "key@0 trim{strategy(MAXLEN|MINID#6.2.0) [operator(equal='='|approximately='~')] " +
			"threshold [LIMIT=count:int#6.2.0]}",
	},
}
