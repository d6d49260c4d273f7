// Rows: channels and their subscribers.

package command

// pubsubRows are the commands of the group; their handlers follow this order.
var pubsubRows = []Spec{
	{
		Name: "psubscribe", Arity: -2, Flags: PubSub | NoScript | Loading | Stale, Since: "2.0.0",
		Cost: "O(N) for N patterns the client has", Summary: "Listens to the channels that match patterns.",
		Args: "pattern{pattern:pattern}...",
	},
	{
		Name: "publish", Arity: 3, Flags: PubSub | Loading | Stale | Fast | MayReplicate, Since: "2.0.0",
		Cost:    "O(N+M) for N subscribers of the channel and M patterns of all clients",
		Summary: "Sends a message to a channel.",
		Args:    "channel message",
	},
	{
		Name: "pubsub", Arity: -2, Since: "2.8.0",
		Cost: "Depends on the subcommand", Summary: "Groups the commands about subscriptions.",
		Sub: []Spec{
			{
				Name: "channels", Arity: -2, Flags: PubSub | Loading | Stale, Since: "2.8.0",
				Cost:    "O(N) for N active channels, if matching one is constant time",
				Summary: "Lists the channels that have subscribers.",
				Args:    "[pattern:pattern]",
			},
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Since: "6.2.0",
				Cost: "O(1)", Summary: "Lists the subcommands of PUBSUB.",
			},
			{
				Name: "numpat", Arity: 2, Flags: PubSub | Loading | Stale, Since: "2.8.0",
				Cost: "O(1)", Summary: "Counts the patterns subscribed to.",
			},
			{
				Name: "numsub", Arity: -2, Flags: PubSub | Loading | Stale, Since: "2.8.0",
				Cost: "O(N) for N channels asked about", Summary: "Counts the subscribers of channels.",
				Args: "[channel...]",
			},
			{
				Name: "shardchannels", Arity: -2, Flags: PubSub | Loading | Stale, Since: "7.0.0",
				Cost:    "O(N) for N active shard channels, if matching one is constant time",
				Summary: "Lists the shard channels that have subscribers.",
				Args:    "[pattern:pattern]",
			},
			{
				Name: "shardnumsub", Arity: -2, Flags: PubSub | Loading | Stale, Since: "7.0.0",
				Cost: "O(N) for N channels asked about", Summary: "Counts the subscribers of shard channels.",
				Args: "[shardchannel...]",
			},
		},
	},
	{
		Name: "punsubscribe", Arity: -1, Flags: PubSub | NoScript | Loading | Stale, Since: "2.0.0",
		Cost: "O(N+M) for N patterns of the client and M of all clients", Summary: "Stops listening to patterns.",
		Args: "[pattern:pattern...]",
	},
	{
		Name: "spublish", Arity: 3, Flags: PubSub | Loading | Stale | Fast | MayReplicate, Since: "7.0.0",
		Cost: "O(N) for N subscribers of the shard channel", Summary: "Sends a message to a shard channel.",
		Keys: []KeySpec{{Flags: NotKey, At: 1}},
		Args: "shardchannel message",
	},
	{
		Name: "ssubscribe", Arity: -2, Flags: PubSub | NoScript | Loading | Stale, Since: "7.0.0",
		Cost: "O(N) for N shard channels", Summary: "Listens to shard channels.",
		Keys: []KeySpec{{Flags: NotKey, At: 1, Last: -1}},
		Args: "shardchannel...",
	},
	{
		Name: "subscribe", Arity: -2, Flags: PubSub | NoScript | Loading | Stale, Since: "2.0.0",
		Cost: "O(N) for N channels", Summary: "Listens to channels.",
		Args: "channel...",
	},
	{
		Name: "sunsubscribe", Arity: -1, Flags: PubSub | NoScript | Loading | Stale, Since: "7.0.0",
		Cost: "O(N) for N subscribers of the shard channels", Summary: "Stops listening to shard channels.",
		Keys: []KeySpec{{Flags: NotKey, At: 1, Last: -1}},
		Args: "[shardchannel...]",
	},
	{
		Name: "unsubscribe", Arity: -1, Flags: PubSub | NoScript | Loading | Stale, Since: "2.0.0",
		Cost: "O(N) for N subscribers of the channels", Summary: "Stops listening to channels.",
		Args: "[channel...]",
	},
}
