// Rows: geo indexes: sorted sets of places.

package command

// geoRows are the commands of the group; their handlers follow this order.
var geoRows = []Spec{
	{
		Name: "geoadd", Arity: -5, Flags: Write | DenyOOM, Categories: CatGeo, Since: "3.2.0",
		Cost: "O(log(N)) per place, for an index of N", Summary: "Adds places to a geo index, or moves them.",
		Keys:    []KeySpec{{Flags: RW | Update, At: 1}},
		History: []Change{{"6.2.0", "Gained `CH`, `NX` and `XX`."}},
		Args: "key@0 [condition(NX|XX)#6.2.0] [change='CH'#6.2.0] " +
			"longitude_latitude_member{longitude:double latitude:double member}...",
		Run: geoadd,
	},
	{
		Name: "geodist", Arity: -4, Flags: ReadOnly, Categories: CatGeo, Since: "3.2.0",
		Cost: "O(log(N))", Summary: "Measures the distance of two places.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0 member1 member2 [unit(M|KM|FT|MI)]",
		Run:  geodist,
	},
	{
		Name: "geohash", Arity: -2, Flags: ReadOnly, Categories: CatGeo, Since: "3.2.0",
		Cost:    "O(log(N)) per member, for an index of N places",
		Summary: "Replies with the geohash strings of places.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		Args:    "key@0 member...",
		Run:     geohash,
	},
	{
		Name: "geopos", Arity: -2, Flags: ReadOnly, Categories: CatGeo, Since: "3.2.0",
		Cost: "O(N) for N members", Summary: "Replies with the coordinates of places.",
		Keys: []KeySpec{{Flags: RO | Access, At: 1}},
		Args: "key@0 member...",
		Run:  geopos,
	},
	{
		Name: "georadius", Arity: -6, Flags: Write | DenyOOM, Categories: CatGeo, Since: "3.2.0",
		Cost:    "O(N+log(M)) for N places in the square round the circle and M places in the index",
		Summary: "Finds the places around a point, and may store them.",
		Keys: []KeySpec{
			{Flags: RO | Access, At: 1},
			{Flags: OW | Update, Keyword: "STORE", From: 6},
			{Flags: OW | Update, Keyword: "STOREDIST", From: 6},
		},
		History:         []Change{{"6.2.0", "Gained `ANY` for `COUNT`."}, {"7.0.0", "Takes units in upper case too."}},
		DeprecatedSince: "6.2.0", ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
		Args: "key@0 longitude:double latitude:double radius:double unit(M|KM|FT|MI) [WITHCOORD] " +
			"[WITHDIST] [WITHHASH] [count{COUNT=count:int [ANY#6.2.0]}] [order(ASC|DESC)] " +
			"[STORE=key@1] [STOREDIST=key@2]",
		Run: georadius,
	},
	{
		Name: "georadius_ro", Arity: -6, Flags: ReadOnly, Categories: CatGeo, Since: "3.2.10",
		Cost:            "O(N+log(M)) for N places in the square round the circle and M places in the index",
		Summary:         "Finds the places around a point.",
		Keys:            []KeySpec{{Flags: RO | Access, At: 1}},
		History:         []Change{{"6.2.0", "Gained `ANY` for `COUNT`."}},
		DeprecatedSince: "6.2.0", ReplacedBy: "`GEOSEARCH` with the `BYRADIUS` argument",
		Args: "key@0 longitude:double latitude:double radius:double unit(M|KM|FT|MI) [WITHCOORD] " +
			"[WITHDIST] [WITHHASH] [count{COUNT=count:int [ANY#6.2.0]}] [order(ASC|DESC)]",
		Run: georadiusRO,
	},
	{
		Name: "georadiusbymember", Arity: -5, Flags: Write | DenyOOM, Categories: CatGeo, Since: "3.2.0",
		Cost:    "O(N+log(M)) for N places in the square round the circle and M places in the index",
		Summary: "Finds the places around a member, and may store them.",
		Keys: []KeySpec{
			{Flags: RO | Access, At: 1},
			{Flags: OW | Update, Keyword: "STORE", From: 5},
			{Flags: OW | Update, Keyword: "STOREDIST", From: 5},
		},
		History:         []Change{{"7.0.0", "Takes units in upper case too."}},
		DeprecatedSince: "6.2.0", ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
		Args: "key@0 member radius:double unit(M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] " +
			"[count{COUNT=count:int [ANY]}] [order(ASC|DESC)] [STORE=key@1] [STOREDIST=key@2]",
		Run: georadiusbymember,
	},
	{
		Name: "georadiusbymember_ro", Arity: -5, Flags: ReadOnly, Categories: CatGeo, Since: "3.2.10",
		Cost:            "O(N+log(M)) for N places in the square round the circle and M places in the index",
		Summary:         "Finds the places around a member.",
		Keys:            []KeySpec{{Flags: RO | Access, At: 1}},
		DeprecatedSince: "6.2.0", ReplacedBy: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
		Args: "key@0 member radius:double unit(M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] " +
			"[count{COUNT=count:int [ANY]}] [order(ASC|DESC)]",
		Run: georadiusbymemberRO,
	},
	{
		Name: "geosearch", Arity: -7, Flags: ReadOnly, Categories: CatGeo, Since: "6.2.0",
		Cost:    "O(N+log(M)) for N places in the grid cells round the shape and M places inside it",
		Summary: "Finds the places inside a circle or a box.",
		Keys:    []KeySpec{{Flags: RO | Access, At: 1}},
		History: []Change{{"7.0.0", "Takes units in upper case too."}},
		Args: "key@0 from(FROMMEMBER=member|FROMLONLAT=longitude_latitude{longitude:double " +
			"latitude:double}) by(circle{BYRADIUS=radius:double unit(M|KM|FT|MI)}|" +
			"box{BYBOX=width:double height:double unit(M|KM|FT|MI)}) [order(ASC|DESC)] " +
			"[count{COUNT=count:int [ANY]}] [WITHCOORD] [WITHDIST] [WITHHASH]",
		Run: geosearch,
	},
	{
		Name: "geosearchstore", Arity: -8, Flags: Write | DenyOOM, Categories: CatGeo, Since: "6.2.0",
		Cost:    "O(N+log(M)) for N places in the grid cells round the shape and M places inside it",
		Summary: "Stores the places inside a circle or a box.",
		Keys:    []KeySpec{{Flags: OW | Update, At: 1}, {Flags: RO | Access, At: 2}},
		History: []Change{{"7.0.0", "Takes units in upper case too."}},
		Args: "destination@0 source@1 from(FROMMEMBER=member|" +
			"FROMLONLAT=longitude_latitude{longitude:double latitude:double}) " +
			"by(circle{BYRADIUS=radius:double unit(M|KM|FT|MI)}|box{BYBOX=width:double " +
			"height:double unit(M|KM|FT|MI)}) [order(ASC|DESC)] [count{COUNT=count:int [ANY]}] " +
			"[STOREDIST]",
		Run: geosearchstore,
	},
}
