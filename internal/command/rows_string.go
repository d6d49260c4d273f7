// Rows: strings.

package command

// stringRows are the commands of the group; their handlers follow this order.
var stringRows = []Spec{
	{
		Name: "append", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "2.0.0",
		Cost: "O(1); O(1) on average too when the string must grow", Summary: "Appends to the string at a key.",
		Keys: []KeySpec{{Flags: RW | Insert, At: 1}},
		Args: "key@0 value",
	},
	{
		Name: "decr", Arity: 2, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Takes one from the integer value of a key.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0",
	},
	{
		Name: "decrby", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Takes a number from the integer value of a key.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0 decrement:int",
	},
	{
		Name: "get", Arity: 2, Flags: ReadOnly | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Reads the string at a key.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0",
	},
	{
		Name: "getdel", Arity: 2, Flags: Write | Fast, Categories: CatString, Since: "6.2.0",
		Cost: "O(1)", Summary: "Reads the string at a key and deletes the key.",
		Keys: []KeySpec{{Flags: RW | Access | Delete, At: 1}},
		Args: "key@0",
	},
	{
		Name: "getex", Arity: -2, Flags: Write | Fast, Categories: CatString, Since: "6.2.0",
		Cost: "O(1)", Summary: "Reads the string at a key and changes its deadline.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1, Note: "Updates the deadline."}},
		Args: "key@0 [expiration(EX=seconds:int|PX=milliseconds:int|EXAT=unix-time-seconds:time|" +
			"PXAT=unix-time-milliseconds:time|PERSIST)]",
	},
	{
		Name: "getrange", Arity: 4, Flags: ReadOnly, Categories: CatString, Since: "2.4.0",
		Cost:    "O(N) for N bytes replied, O(1) in effect for short strings",
		Summary: "Reads part of the string at a key.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		Args:    "key@0 start:int end:int",
	},
	{
		Name: "getset", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Writes the string at a key and replies with the old one.",
		Keys:            []KeySpec{{Flags: RW | Access | Update, At: 1}},
		DeprecatedSince: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument",
		Args: "key@0 value",
	},
	{
		Name: "incr", Arity: 2, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Adds one to the integer value of a key.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0",
	},
	{
		Name: "incrby", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Adds a number to the integer value of a key.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0 increment:int",
	},
	{
		Name: "incrbyfloat", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "2.6.0",
		Cost: "O(1)", Summary: "Adds a floating-point number to the value of a key.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0 increment:double",
	},
	{
		Name: "lcs", Arity: -3, Flags: ReadOnly, Categories: CatString, Since: "7.0.0",
		Cost:    "O(N*M) for strings of N and M bytes",
		Summary: "Finds the longest common subsequence of two strings.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1, Last: 1}},
		Args:    "key1@0 key2@0 [LEN] [IDX] [MINMATCHLEN=len:int] [WITHMATCHLEN]",
	},
	{
		Name: "mget", Arity: -2, Flags: ReadOnly | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(N) for N keys", Summary: "Reads the strings at several keys.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1, Last: -1}},
		Tips: []string{"request_policy:multi_shard"},
		Args: "key@0...",
	},
	{
		Name: "mset", Arity: -3, Flags: Write | DenyOOM, Categories: CatString, Since: "1.0.1",
		Cost: "O(N) for N keys written", Summary: "Writes the strings at several keys.",
		Keys: []KeySpec{{Flags: OW | Update, At: 1, Last: -1, Step: 2}},
		Tips: []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
		Args: "key_value{key@0 value}...",
	},
	{
		Name: "msetnx", Arity: -3, Flags: Write | DenyOOM, Categories: CatString, Since: "1.0.1",
		Cost:    "O(N) for N keys written",
		Summary: "Writes the strings at several keys unless one of the keys exists.",
		Keys:    []KeySpec{{Flags: OW | Insert, At: 1, Last: -1, Step: 2}},
		Tips:    []string{"request_policy:multi_shard", "response_policy:agg_min"},
		Args:    "key_value{key@0 value}...",
	},
	{
		Name: "psetex", Arity: 4, Flags: Write | DenyOOM, Categories: CatString, Since: "2.6.0",
		Cost: "O(1)", Summary: "Writes the string at a key with a time to live in milliseconds.",
		Keys: []KeySpec{{Flags: OW | Update, At: 1}},
		Args: "key@0 milliseconds:int value",
	},
	{
		Name: "set", Arity: -3, Flags: Write | DenyOOM, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Writes the string at a key, whatever it held.",
		Keys:     []KeySpec{{Flags: RW | Access | Update | VariableFlags, At: 1, Note: "Reads when GET is given."}},
		FindKeys: findSetKeys,
		History: []Change{
			{"2.6.12", "Gained `EX`, `PX`, `NX` and `XX`."},
			{"6.0.0", "Gained `KEEPTTL`."},
			{"6.2.0", "Gained `GET`, `EXAT` and `PXAT`."},
			{"7.0.0", "`NX` and `GET` go together."},
		},
		Args: "key@0 value [condition(NX|XX)#2.6.12] [GET#6.2.0] [expiration(EX=seconds:int#2.6.12|" +
			"PX=milliseconds:int#2.6.12|EXAT=unix-time-seconds:time#6.2.0|" +
			"PXAT=unix-time-milliseconds:time#6.2.0|KEEPTTL#6.0.0)]",
	},
	{
		Name: "setex", Arity: 4, Flags: Write | DenyOOM, Categories: CatString, Since: "2.0.0",
		Cost: "O(1)", Summary: "Writes the string at a key with a time to live in seconds.",
		Keys: []KeySpec{{Flags: OW | Update, At: 1}},
		Args: "key@0 seconds:int value",
	},
	{
		Name: "setnx", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString, Since: "1.0.0",
		Cost: "O(1)", Summary: "Writes the string at a key unless the key exists.",
		Keys: []KeySpec{{Flags: OW | Insert, At: 1}},
		Args: "key@0 value",
	},
	{
		Name: "setrange", Arity: 4, Flags: Write | DenyOOM, Categories: CatString, Since: "2.2.0",
		Cost:    "O(1) for a short value, the copy aside; O(M) for a value of M bytes",
		Summary: "Overwrites part of the string at a key.",
		Keys:    []KeySpec{{Flags: RW | Update, At: 1}},
		Args:    "key@0 offset:int value",
	},
	{
		Name: "strlen", Arity: 2, Flags: ReadOnly | Fast, Categories: CatString, Since: "2.2.0",
		Cost: "O(1)", Summary: "Tells the length of the string at a key.",
		Keys: []KeySpec{{Flags: RO, At: 1}},
		Args: "key@0",
	},
	{
		Name: "substr", Arity: 4, Flags: ReadOnly, Categories: CatString, Since: "1.0.0",
		Cost:            "O(N) for N bytes replied, O(1) in effect for short strings",
		Summary:         "Reads part of the string at a key.",
		Keys:            []KeySpec{{Flags: RO | Access, At: 1}},
		DeprecatedSince: "2.0.0", ReplacedBy: "`GETRANGE`",
		Args: "key@0 start:int end:int",
	},
}
