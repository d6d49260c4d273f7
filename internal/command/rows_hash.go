// Rows: hashes.

package command

// hashRows are the commands of the group; their handlers follow this order.
var hashRows = []Spec{
	{
		Name: "hdel", Arity: -3, Flags: Write | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(N) for N fields", Summary: "Deletes fields of a hash.",
		Keys:    []KeySpec{{Flags: RW | Delete, At: 1}},
		History: []Change{{"2.4.0", "Takes several `field` arguments."}},
		Args:    "key@0 field...",
	},
	{
		Name: "hexists", Arity: 3, Flags: ReadOnly | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(1)", Summary: "Tells whether a field is in a hash.",
		Keys: []KeySpec{{Flags: RO, At: 1}},
		Args: "key@0 field",
	},
	{
		Name: "hget", Arity: 3, Flags: ReadOnly | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(1)", Summary: "Reads one field of a hash.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0 field",
	},
	{
		Name: "hgetall", Arity: 2, Flags: ReadOnly, Categories: CatHash, Since: "2.0.0",
		Cost: "O(N) for a hash of N fields", Summary: "Reads every field of a hash with its value.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Tips: []string{"nondeterministic_output_order"},
		Args: "key@0",
	},
	{
		Name: "hincrby", Arity: 4, Flags: Write | DenyOOM | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(1)", Summary: "Adds an integer to a field of a hash.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0 field increment:int",
	},
	{
		Name: "hincrbyfloat", Arity: 4, Flags: Write | DenyOOM | Fast, Categories: CatHash, Since: "2.6.0",
		Cost: "O(1)", Summary: "Adds a floating-point number to a field of a hash.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0 field increment:double",
	},
	{
		Name: "hkeys", Arity: 2, Flags: ReadOnly, Categories: CatHash, Since: "2.0.0",
		Cost: "O(N) for a hash of N fields", Summary: "Lists the fields of a hash.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Tips: []string{"nondeterministic_output_order"},
		Args: "key@0",
	},
	{
		Name: "hlen", Arity: 2, Flags: ReadOnly | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(1)", Summary: "Counts the fields of a hash.",
		Keys: []KeySpec{{Flags: RO, At: 1}},
		Args: "key@0",
	},
	{
		Name: "hmget", Arity: -3, Flags: ReadOnly | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(N) for N fields", Summary: "Reads several fields of a hash.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0 field...",
	},
	{
		Name: "hmset", Arity: -4, Flags: Write | DenyOOM | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(N) for N fields written", Summary: "Writes several fields of a hash.",
		Keys:            []KeySpec{{Flags: RW | Update, At: 1}},
		DeprecatedSince: "4.0.0", ReplacedBy: "`HSET` with multiple field-value pairs",
		Args: "key@0 field_value{field value}...",
	},
	{
		Name: "hrandfield", Arity: -2, Flags: ReadOnly, Categories: CatHash, Since: "6.2.0",
		Cost: "O(N) for N fields replied", Summary: "Picks fields of a hash at random.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Tips: []string{"nondeterministic_output"},
		Args: "key@0 [options{count:int [WITHVALUES]}]",
	},
	{
		Name: "hscan", Arity: -3, Flags: ReadOnly, Categories: CatHash, Since: "2.8.0",
		Cost:    "O(1) per call, O(N) for a whole walk over N items",
		Summary: "Walks the fields of a hash step by step.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		Tips:    []string{"nondeterministic_output"},
		Args:    "key@0 cursor:int [MATCH=pattern:pattern] [COUNT=count:int]",
	},
	{
		Name: "hset", Arity: -4, Flags: Write | DenyOOM | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(1) per field, O(N) for N of them", Summary: "Writes fields of a hash and counts the new ones.",
		Keys:    []KeySpec{{Flags: RW | Update, At: 1}},
		History: []Change{{"4.0.0", "Takes several `field` and `value` pairs."}},
		Args:    "key@0 field_value{field value}...",
	},
	{
		Name: "hsetnx", Arity: 4, Flags: Write | DenyOOM | Fast, Categories: CatHash, Since: "2.0.0",
		Cost: "O(1)", Summary: "Writes a field of a hash unless it is there.",
		Keys: []KeySpec{{Flags: RW | Insert, At: 1}},
		Args: "key@0 field value",
	},
	{
		Name: "hstrlen", Arity: 3, Flags: ReadOnly | Fast, Categories: CatHash, Since: "3.2.0",
		Cost: "O(1)", Summary: "Tells the length of a field's value.",
		Keys: []KeySpec{{Flags: RO, At: 1}},
		Args: "key@0 field",
	},
	{
		Name: "hvals", Arity: 2, Flags: ReadOnly, Categories: CatHash, Since: "2.0.0",
		Cost: "O(N) for a hash of N fields", Summary: "Lists the values of a hash.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Tips: []string{"nondeterministic_output_order"},
		Args: "key@0",
	},
}
