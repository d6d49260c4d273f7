// Rows: bitmaps and bit fields: strings seen as bits.

package command

// bitmapRows are the commands of the group; their handlers follow this order.
var bitmapRows = []Spec{
	{
		Name: "bitcount", Arity: -2, Flags: ReadOnly, Categories: CatBitmap, Since: "2.6.0",
		Cost: "O(N)", Summary: "Counts the bits set to 1 in a string.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		History: []Change{{"7.0.0", "Gained `BYTE|BIT`."}},
		Args:    "key@0 [index{start:int end:int [index_unit(BYTE|BIT)#7.0.0]}]",
		Run:     bitCount,
	},
	{
		Name: "bitfield", Arity: -2, Flags: Write | DenyOOM, Categories: CatBitmap, Since: "3.2.0",
		Cost: "O(1) per operation", Summary: "Reads and writes integers of any width inside a string.",
		Keys:     []KeySpec{{Flags: RW | Access | Update | VariableFlags, At: 1, Note: "Reads, writes, or both."}},
		FindKeys: findBitfieldKeys,
		Args: "key@0 [operation(GET=encoding_offset{encoding offset:int}|" +
			"write{[OVERFLOW=wrap_sat_fail(WRAP|SAT|FAIL)] " +
			"write_operation(SET=encoding_offset_value{encoding offset:int value:int}|" +
			"INCRBY=encoding_offset_increment{encoding offset:int increment:int})})...]",
		Run: bitField,
	},
	{
		Name: "bitfield_ro", Arity: -2, Flags: ReadOnly | Fast, Categories: CatBitmap, Since: "6.0.0",
		Cost: "O(1) per operation", Summary: "Reads integers of any width inside a string.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0 [GET=encoding_offset{encoding offset:int}...+]",
		Run:  bitFieldRO,
	},
	{
		Name: "bitop", Arity: -4, Flags: Write | DenyOOM, Categories: CatBitmap, Since: "2.6.0",
		Cost: "O(N)", Summary: "Combines strings bit by bit and stores the outcome.",
		Keys: []KeySpec{{Flags: OW | Update, At: 2}, {Flags: RO | Access, At: 3, Last: -1}},
		Args: "operation destkey@0 key@1...",
		Run:  bitOp,
	},
	{
		Name: "bitpos", Arity: -3, Flags: ReadOnly, Categories: CatBitmap, Since: "2.8.7",
		Cost: "O(N)", Summary: "Finds the first bit that is 0, or 1, in a string.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		History: []Change{{"7.0.0", "Gained `BYTE|BIT`."}},
		Args:    "key@0 bit:int [index{start:int [end_index{end:int [index_unit(BYTE|BIT)#7.0.0]}]}]",
		Run:     bitPos,
	},
	{
		Name: "getbit", Arity: 3, Flags: ReadOnly | Fast, Categories: CatBitmap, Since: "2.2.0",
		Cost: "O(1)", Summary: "Reads one bit of a string.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0 offset:int",
		Run:  getBit,
	},
	{
		Name: "setbit", Arity: 4, Flags: Write | DenyOOM, Categories: CatBitmap, Since: "2.2.0",
		Cost: "O(1)", Summary: "Writes one bit of a string and replies with the old one.",
		Keys: []KeySpec{{Flags: RW | Access | Update, At: 1}},
		Args: "key@0 offset:int value:int",
		Run:  setBit,
	},
}
