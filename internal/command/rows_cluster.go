// Rows: the cluster.

package command

// clusterRows are the commands of the group; their handlers follow this order.
var clusterRows = []Spec{
	{
		Name: "asking", Arity: 1, Flags: Fast, Categories: CatConnection, Since: "3.0.0",
		Cost: "O(1)", Summary: "Lets the next command touch a slot that is being imported.",
	},
	{
		Name: "cluster", Arity: -2, Since: "3.0.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about the cluster.",
		Sub: []Spec{
			{
				Name: "addslots", Arity: -3, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(N) for N slots", Summary: "Gives hash slots to this node.",
				Args: "slot:int...",
			},
			{
				Name: "addslotsrange", Arity: -4, Flags: Admin | Stale | NoAsyncLoading, Since: "7.0.0",
				Cost: "O(N) for N slots in all the ranges", Summary: "Gives ranges of hash slots to this node.",
				Args: "start-slot_end-slot{start-slot:int end-slot:int}...",
			},
			{
				Name: "bumpepoch", Arity: 2, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Raises the configuration epoch of this node.",
				Tips: []string{"nondeterministic_output"},
			},
			{
				Name: "count-failure-reports", Arity: 3, Flags: Admin | Stale, Since: "3.0.0",
				Cost: "O(N) for N reports", Summary: "Counts the reports of failure against a node.",
				Tips: []string{"nondeterministic_output"},
				Args: "node-id",
			},
			{
				Name: "countkeysinslot", Arity: 3, Flags: Stale, Since: "3.0.0",
				Cost: "O(1)", Summary: "Counts the keys in a hash slot.",
				Args: "slot:int",
			},
			{
				Name: "delslots", Arity: -3, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(N) for N slots", Summary: "Takes hash slots away from this node.",
				Args: "slot:int...",
			},
			{
				Name: "delslotsrange", Arity: -4, Flags: Admin | Stale | NoAsyncLoading, Since: "7.0.0",
				Cost:    "O(N) for N slots in all the ranges",
				Summary: "Takes ranges of hash slots away from this node.",
				Args:    "start-slot_end-slot{start-slot:int end-slot:int}...",
			},
			{
				Name: "failover", Arity: -2, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Makes this replica take over from its master.",
				Args: "[options(FORCE|TAKEOVER)]",
			},
			{
				Name: "flushslots", Arity: 2, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Takes every hash slot away from this node.",
			},
			{
				Name: "forget", Arity: 3, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Drops a node from this node's list.",
				Args: "node-id",
			},
			{
				Name: "getkeysinslot", Arity: 4, Flags: Stale, Since: "3.0.0",
				Cost: "O(log(N)) for N keys asked for", Summary: "Lists some keys of a hash slot.",
				Tips: []string{"nondeterministic_output"},
				Args: "slot:int count:int",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the subcommands of CLUSTER.",
			},
			{
				Name: "info", Arity: 2, Flags: Stale, Since: "3.0.0",
				Cost: "O(1)", Summary: "Describes the state of the cluster as this node sees it.",
				Tips: []string{"nondeterministic_output"},
			},
			{
				Name: "keyslot", Arity: 3, Flags: Stale, Since: "3.0.0",
				Cost: "O(N) for a key of N bytes", Summary: "Computes the hash slot of a key.",
				Args: "key",
			},
			{
				Name: "links", Arity: 2, Flags: Stale, Since: "7.0.0",
				Cost: "O(N) for N nodes", Summary: "Lists the links to and from the other nodes.",
				Tips: []string{"nondeterministic_output"},
			},
			{
				Name: "meet", Arity: -4, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Introduces this node to another one.",
				History: []Change{{"4.0.0", "Gained `cluster_bus_port`."}},
				Args:    "ip port:int [cluster_bus_port:int#4.0.0]",
			},
			{
				Name: "myid", Arity: 2, Flags: Stale, Since: "3.0.0",
				Cost: "O(1)", Summary: "Replies with the ID of this node.",
			},
			{
				Name: "myshardid", Arity: 2, Flags: Stale, Since: "7.2.0",
				Cost: "O(1)", Summary: "Replies with the ID of this node's shard.",
				Tips: []string{"nondeterministic_output"},
			},
			{
				Name: "nodes", Arity: 2, Flags: Stale, Since: "3.0.0",
				Cost: "O(N) for N nodes", Summary: "Describes the nodes, one line each.",
				Tips: []string{"nondeterministic_output"},
			},
			{
				Name: "replicas", Arity: 3, Flags: Admin | Stale, Since: "5.0.0",
				Cost: "O(1)", Summary: "Lists the replicas of a master.",
				Tips: []string{"nondeterministic_output"},
				Args: "node-id",
			},
			{
				Name: "replicate", Arity: 3, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Makes this node a replica of a master.",
				Args: "node-id",
			},
			{
				Name: "reset", Arity: -2, Flags: Admin | NoScript | Stale, Since: "3.0.0",
				Cost:    "O(N) for N known nodes, and that of FLUSHALL on a replica",
				Summary: "Makes this node forget the cluster.",
				Args:    "[hard_soft(HARD|SOFT)]",
			},
			{
				Name: "saveconfig", Arity: 2, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Writes the cluster's state to disk.",
			},
			{
				Name: "set-config-epoch", Arity: 3, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Sets the configuration epoch of a new node.",
				Args: "config-epoch:int",
			},
			{
				Name: "setslot", Arity: -4, Flags: Admin | Stale | NoAsyncLoading, Since: "3.0.0",
				Cost: "O(1)", Summary: "Ties a hash slot to a node, or marks it as moving.",
				Args: "slot:int subcommand(IMPORTING=node-id|MIGRATING=node-id|NODE=node-id|STABLE)",
			},
			{
				Name: "shards", Arity: 2, Flags: Stale, Since: "7.0.0",
				Cost: "O(N) for N nodes", Summary: "Describes the shards: their slots and their nodes.",
				Tips: []string{"nondeterministic_output"},
			},
			{
				Name: "slaves", Arity: 3, Flags: Admin | Stale, Since: "3.0.0",
				Cost: "O(1)", Summary: "Lists the replicas of a master.",
				DeprecatedSince: "5.0.0", ReplacedBy: "`CLUSTER REPLICAS`",
				Tips: []string{"nondeterministic_output"},
				Args: "node-id",
			},
			{
				Name: "slots", Arity: 2, Flags: Stale, Since: "3.0.0",
				Cost: "O(N) for N nodes", Summary: "Maps ranges of hash slots to nodes.",
				History:         []Change{{"4.0.0", "Shows node IDs."}, {"7.0.0", "Shows more of a node's network."}},
				DeprecatedSince: "7.0.0", ReplacedBy: "`CLUSTER SHARDS`",
				Tips: []string{"nondeterministic_output"},
			},
		},
	},
	{
		Name: "readonly", Arity: 1, Flags: Loading | Stale | Fast, Categories: CatConnection, Since: "3.0.0",
		Cost: "O(1)", Summary: "Lets this connection read from a cluster replica.",
	},
	{
		Name: "readwrite", Arity: 1, Flags: Loading | Stale | Fast, Categories: CatConnection, Since: "3.0.0",
		Cost: "O(1)", Summary: "Ends the effect of READONLY.",
	},
}
