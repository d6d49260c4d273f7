// Rows: connections and the clients behind them.

package command

// connectionRows are the commands of the group; their handlers follow this order.
var connectionRows = []Spec{
	{
		Name: "auth", Arity: -2, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		Categories: CatConnection, Since: "1.0.0",
		Cost: "O(N) for N passwords of the user", Summary: "Authenticates the connection.",
		History: []Change{{"6.0.0", "Takes a username beside the password (ACL)."}},
		Args:    "[username#6.0.0] password",
		Run:     auth,
	},
	{
		Name: "client", Arity: -2, Since: "2.4.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about client connections.",
		Sub: []Spec{
			{
				Name: "caching", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "6.0.0",
				Cost:  "O(1)", Summary: "Tells tracking whether to watch the next command's keys.",
				Args: "mode(YES|NO)",
			},
			{
				Name: "getname", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "2.6.9",
				Cost:  "O(1)", Summary: "Replies with the name of the connection.",
				Run: clientGetName,
			},
			{
				Name: "getredir", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "6.0.0",
				Cost:  "O(1)", Summary: "Replies with the client that gets this one's invalidations.",
				Run: clientGetRedir,
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatConnection, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of CLIENT.",
				Run: containerHelp,
			},
			{
				Name: "id", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection, Since: "5.0.0",
				Cost: "O(1)", Summary: "Replies with the ID of the connection.",
				Run: clientID,
			},
			{
				Name: "info", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "6.2.0",
				Cost:  "O(1)", Summary: "Describes this connection.",
				Tips: []string{"nondeterministic_output"},
				Run:  clientInfo,
			},
			{
				Name: "kill", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
				Since: "2.4.0",
				Cost:  "O(N) for N connections", Summary: "Closes connections.",
				History: []Change{
					{"2.8.12", "Gained the filter form."},
					{"2.8.12", "Gained `ID`."},
					{"3.2.0", "`TYPE` may be `master`."},
					{"5.0.0", "`TYPE` may be `replica`; `slave` still works."},
					{"6.2.0", "Gained `LADDR`."},
				},
				Args: "filter(ip:port#-2.8.12|new-format([ID=client-id:int#2.8.12]|" +
					"[TYPE=normal_master_slave_pubsub(NORMAL|MASTER#3.2.0|SLAVE|REPLICA#5.0.0|" +
					"PUBSUB)#2.8.12]|[USER=username]|[ADDR=ip:port]|[LADDR=ip:port#6.2.0]|" +
					"[SKIPME=yes/no])...)",
				Run: clientKill,
			},
			{
				Name: "list", Arity: -2, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
				Since: "2.4.0",
				Cost:  "O(N) for N connections", Summary: "Describes the connections, one line each.",
				History: []Change{
					{"2.8.12", "Shows `id`, which no other client has."},
					{"5.0.0", "Can filter by `TYPE`."},
					{"6.0.0", "Shows `user`."},
					{"6.2.0", "Shows `argv-mem`, `tot-mem`, `laddr` and `redir`; can filter by `ID`."},
					{"7.0.0", "Shows `resp`, `multi-mem`, `rbs` and `rbp`."},
					{"7.0.3", "Shows `ssub`."},
					{"7.2.0", "Shows `lib-name` and `lib-ver`."},
				},
				Tips: []string{"nondeterministic_output"},
				Args: "[TYPE=normal_master_replica_pubsub(NORMAL|MASTER|REPLICA|PUBSUB)#5.0.0] " +
					"[ID=id{client-id:int...}#6.2.0]",
				Run: clientList,
			},
			{
				Name: "no-evict", Arity: 3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
				Since: "7.0.0",
				Cost:  "O(1)", Summary: "Shields this connection from client eviction, or ends that.",
				Args: "enabled(ON|OFF)",
				Run:  clientNoEvict,
			},
			{
				Name: "no-touch", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "7.2.0",
				Cost:  "O(1)", Summary: "Stops this connection's reads from counting as use of a key, or ends that.",
				Args: "enabled(ON|OFF)",
				Run:  clientNoTouch,
			},
			{
				Name: "pause", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
				Since: "2.9.50",
				Cost:  "O(1)", Summary: "Holds back commands of the clients for a while.",
				History: []Change{{"6.2.0", "Gained `mode` and with it `CLIENT PAUSE WRITE`."}},
				Args:    "timeout:int [mode(WRITE|ALL)#6.2.0]",
				Run:     clientPause,
			},
			{
				Name: "reply", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "3.2.0",
				Cost:  "O(1)", Summary: "Turns the replies to this connection off or on.",
				Args: "on_off_skip(ON|OFF|SKIP)",
				Run:  clientReply,
			},
			{
				Name: "setinfo", Arity: 4, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "7.2.0",
				Cost:  "O(1)", Summary: "Records a fact about the client, such as its library.",
				Args: "attr(lib-name=libname|lib-ver=libver)",
				Run:  clientSetInfo,
			},
			{
				Name: "setname", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "2.6.9",
				Cost:  "O(1)", Summary: "Names the connection.",
				Args: "connection-name",
				Run:  clientSetName,
			},
			{
				Name: "tracking", Arity: -3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since:   "6.0.0",
				Cost:    "O(1), more with some options",
				Summary: "Turns invalidation messages for client-side caching on or off.",
				Args: "status(ON|OFF) [REDIRECT=client-id:int] [PREFIX=prefix...+] [BCAST] [OPTIN] " +
					"[OPTOUT] [NOLOOP]",
			},
			{
				Name: "trackinginfo", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
				Since: "6.2.0",
				Cost:  "O(1)", Summary: "Describes the state of tracking on this connection.",
			},
			{
				Name: "unblock", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
				Since: "5.0.0",
				Cost:  "O(log N) for N connections", Summary: "Wakes a client that waits in a blocking command.",
				Args: "client-id:int [timeout_error(TIMEOUT|ERROR)]",
				Run:  clientUnblock,
			},
			{
				Name: "unpause", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
				Since: "6.2.0",
				Cost:  "O(N) for N paused clients", Summary: "Ends CLIENT PAUSE.",
				Run: clientUnpause,
			},
		},
	},
	{
		Name: "echo", Arity: 2, Flags: Loading | Stale | Fast, Categories: CatConnection, Since: "1.0.0",
		Cost: "O(1)", Summary: "Replies with its argument.",
		Args: "message",
		Run:  echo,
	},
	{
		Name: "hello", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		Categories: CatConnection, Since: "6.0.0",
		Cost: "O(1)", Summary: "Chooses the protocol version and describes the server.",
		History: []Change{{"6.2.0", "`protover` may be left out, to ask about the connection as it is."}},
		Args:    "[arguments{protover:int [AUTH=username_password{username password}] [SETNAME=clientname]}]",
		Run:     hello,
	},
	{
		Name: "ping", Arity: -1, Flags: Fast, Categories: CatConnection, Since: "1.0.0",
		Cost: "O(1)", Summary: "Replies with PONG, or with its argument.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Args: "[message]",
		Run:  ping,
	},
	{
		Name: "quit", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		Categories: CatConnection, Since: "1.0.0",
		Cost: "O(1)", Summary: "Closes the connection.",
		DeprecatedSince: "7.2.0", ReplacedBy: "just closing the connection",
		Run: quit,
	},
	{
		Name: "reset", Arity: 1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		Categories: CatConnection, Since: "6.2.0",
		Cost: "O(1)", Summary: "Brings the connection back to its first state.",
		Run: reset,
	},
	{
		Name: "select", Arity: 2, Flags: Loading | Stale | Fast, Categories: CatConnection, Since: "1.0.0",
		Cost: "O(1)", Summary: "Chooses the database of the connection.",
		Args: "index:int",
		Run:  selectDB,
	},
}
