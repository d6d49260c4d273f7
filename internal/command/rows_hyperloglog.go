// Rows: HyperLogLogs: estimates of how many distinct elements were seen.

package command

// hyperloglogRows are the commands of the group; their handlers follow this order.
var hyperloglogRows = []Spec{
	{
		Name: "pfadd", Arity: -2, Flags: Write | DenyOOM | Fast, Categories: CatHyperLogLog, Since: "2.8.9",
		Cost: "O(1) per element", Summary: "Adds elements to a HyperLogLog.",
		Keys: []KeySpec{{Flags: RW | Insert, At: 1}},
		Args: "key@0 [element...]",
		Run:  pfAdd,
	},
	{
		Name: "pfcount", Arity: -2, Flags: ReadOnly | MayReplicate, Categories: CatHyperLogLog, Since: "2.8.9",
		Cost:    "O(1) for one key; O(N), far slower per key, for N keys",
		Summary: "Estimates how many distinct elements HyperLogLogs have seen.",
		Keys:    []KeySpec{{Flags: RW | Access, At: 1, Last: -1, Note: "May update the cached count."}},
		Args:    "key@0...",
		Run:     pfCount,
	},
	{
		Name: "pfdebug", Arity: 3, Flags: Write | DenyOOM | Admin, Categories: CatHyperLogLog, Since: "2.8.9",
		Cost: "N/A", Summary: "Shows the inside of a HyperLogLog.",
		Keys:   []KeySpec{{Flags: RW | Access, At: 2}},
		System: true,
		Args:   "subcommand key@0",
		Run:    pfDebug,
	},
	{
		Name: "pfmerge", Arity: -2, Flags: Write | DenyOOM, Categories: CatHyperLogLog, Since: "2.8.9",
		Cost: "O(N) for N HyperLogLogs, with a large constant", Summary: "Merges HyperLogLogs into one.",
		Keys: []KeySpec{{Flags: RW | Access | Insert, At: 1}, {Flags: RO | Access, At: 2, Last: -1}},
		Args: "destkey@0 sourcekey@1...",
		Run:  pfMerge,
	},
	{
		Name: "pfselftest", Arity: 1, Flags: Admin, Categories: CatHyperLogLog, Since: "2.8.9",
		Cost: "N/A", Summary: "Tests the HyperLogLog code of the server.",
		System: true,
		Run:    pfSelfTest,
	},
}
