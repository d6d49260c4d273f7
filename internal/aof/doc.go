// Story of the room: a log lies in a folder of its own, as files that a manifest lists. This room knows
// their names, the manifest's lines and the log's commands; it opens no file.

// Package aof holds the formats of the append-only log: the names of its files, its manifest, and the
// commands and lines within.
package aof
