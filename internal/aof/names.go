// Names: what the files of a log are called.
//
// With appendfilename "appendonly.aof" they are appendonly.aof.1.base.rdb (or .aof),
// appendonly.aof.1.incr.aof and appendonly.aof.manifest. What is not yet what it will be has a name
// that begins with "temp-", so that a name without it always stands for a whole file.

package aof

import "strconv"

// ManifestName returns the name of the manifest of the log called name.
func ManifestName(name string) string { return name + ".manifest" }

// TempManifestName returns the name that a manifest has until it is whole.
func TempManifestName(name string) string { return "temp-" + ManifestName(name) }

// TempIncrName returns the name that an increment has while the base before it is not written:
// when the log is switched on at run time.
func TempIncrName(name string) string { return "temp-" + name + ".incr" }

// TempBaseName returns the name that a base has until it is whole; pid is the process that writes it.
func TempBaseName(pid int) string { return "temp-rewriteaof-bg-" + strconv.Itoa(pid) + ".aof" }

// BaseName returns the name of a base: with rdb, of one in RDB format.
func BaseName(name string, seq int64, rdb bool) string {
	if rdb {
		return name + "." + strconv.FormatInt(seq, 10) + ".base.rdb"
	}
	return name + "." + strconv.FormatInt(seq, 10) + ".base.aof"
}

// IncrName returns the name of an increment.
func IncrName(name string, seq int64) string {
	return name + "." + strconv.FormatInt(seq, 10) + ".incr.aof"
}
