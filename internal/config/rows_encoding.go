// Encodings: up to which size a collection is kept in its compact form.

package config

import "math"

var encodingRows = group("Encodings",
	integer("hash-max-listpack-entries", "512", Live, 0, maxInt64, func(c *Config) *int64 { return &c.HashMaxListpackEntries },
		"Most fields of a compact hash.").also("hash-max-ziplist-entries"),
	bytes("hash-max-listpack-value", "64", Live, 0, maxInt64, func(c *Config) *int64 { return &c.HashMaxListpackValue },
		"Longest field or value of a compact hash.").also("hash-max-ziplist-value"),
	integer("list-max-listpack-size", "-2", Live, math.MinInt32, maxInt32, func(c *Config) *int64 { return &c.ListMaxListpackSize },
		"Most elements of a compact list or node; -1 to -5 are 4, 8, 16, 32 and 64 KiB.").also("list-max-ziplist-size"),
	integer("list-compress-depth", "0", Live, 0, maxInt32, func(c *Config) *int64 { return &c.ListCompressDepth },
		"How many nodes at each end of a list are not compressed in memory; 0 compresses none."),
	integer("set-max-intset-entries", "512", Live, 0, maxInt64, func(c *Config) *int64 { return &c.SetMaxIntsetEntries },
		"Most elements of a set of integers that is kept as a sorted array."),
	integer("set-max-listpack-entries", "128", Live, 0, maxInt64, func(c *Config) *int64 { return &c.SetMaxListpackEntries },
		"Most elements of a compact set.").since(Redis72),
	bytes("set-max-listpack-value", "64", Live, 0, maxInt64, func(c *Config) *int64 { return &c.SetMaxListpackValue },
		"Longest element of a compact set.").since(Redis72),
	integer("zset-max-listpack-entries", "128", Live, 0, maxInt64, func(c *Config) *int64 { return &c.ZSetMaxListpackEntries },
		"Most elements of a compact sorted set.").also("zset-max-ziplist-entries"),
	bytes("zset-max-listpack-value", "64", Live, 0, maxInt64, func(c *Config) *int64 { return &c.ZSetMaxListpackValue },
		"Longest element of a compact sorted set.").also("zset-max-ziplist-value"),
	bytes("hll-sparse-max-bytes", "3000", Live, 0, maxInt64, func(c *Config) *int64 { return &c.HLLSparseMaxBytes },
		"Size up to which a HyperLogLog is kept sparse."),
	bytes("stream-node-max-bytes", "4kb", Live, 0, maxInt64, func(c *Config) *int64 { return &c.StreamNodeMaxBytes },
		"Most bytes of one node of a stream; 0 no limit."),
	integer("stream-node-max-entries", "100", Live, 0, maxInt64, func(c *Config) *int64 { return &c.StreamNodeMaxEntries },
		"Most entries of one node of a stream; 0 no limit."),
)
