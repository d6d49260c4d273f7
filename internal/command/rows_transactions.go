// Rows: transactions.

package command

// transactionRows are the commands of the group; their handlers follow this order.
var transactionRows = []Spec{
	{
		Name: "discard", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Since: "2.0.0",
		Cost:  "O(N) for N queued commands", Summary: "Drops a transaction.",
		Run: discard,
	},
	{
		Name: "exec", Arity: 1, Flags: NoScript | Loading | Stale | SkipSlowlog, Categories: CatTransaction,
		Since: "1.2.0",
		Cost:  "Depends on the queued commands", Summary: "Runs the queued commands of a transaction.",
		Run: exec,
	},
	{
		Name: "multi", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Since: "1.2.0",
		Cost:  "O(1)", Summary: "Starts a transaction.",
		Run: multi,
	},
	{
		Name: "unwatch", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Since: "2.2.0",
		Cost:  "O(1)", Summary: "Forgets the keys being watched.",
		Run: unwatch,
	},
	{
		Name: "watch", Arity: -2, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Since: "2.2.0",
		Cost:  "O(1) per key", Summary: "Makes EXEC depend on keys staying unchanged.",
		Keys: []KeySpec{{Flags: RO, At: 1, Last: -1}},
		Args: "key@0...",
		Run:  watch,
	},
}
