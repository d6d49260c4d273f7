// DEBUG: what tests and tools ask of a server beyond its service.
//
// The subcommands are rows of a table, as commands are, but apart from these: they come and go with
// what there is to debug, and COMMAND does not list them. The world is stopped while one runs, and
// no shard is locked but inside EXEC, where all are.

package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
	"tarn/internal/resp"
)

// Errors of DEBUG.
const (
	errPopulate     resp.Error = "ERR value is out of range, must be positive"
	errDebugDB      resp.Error = "ERR Out of range database"
	errNoHashTable  resp.Error = "ERR The value stored at the specified key is not represented using an hash table"
	errPacked       resp.Error = "ERR argument must be a memory value bigger than 1 and smaller than 4gb"
	errReloadOption resp.Error = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
	errLoadInExec   resp.Error = "ERR tarn: DEBUG LOADAOF cannot run inside a transaction"
	errReloadInExec resp.Error = "ERR tarn: DEBUG RELOAD cannot run inside a transaction"
)

// debugCommand is a subcommand of DEBUG.
type debugCommand struct {
	name     string // upper case
	min, max int    // arguments behind the name; max -1: any number
	args     string
	help     string
	run      Handler // nil: it comes in a later version
}

var debugCommands = [...]debugCommand{
	{"AOF-FLUSH-SLEEP", 1, 1, "<microseconds>", "Waits before every write to the append-only file.", debugFlushSleep},
	{"ASSERT", 0, 0, "", "Ends the server as a broken invariant does.", debugCrash("assertion failed: DEBUG ASSERT")},
	{"CHANGE-REPL-ID", 0, 0, "", "Gives the server other replication IDs.", nil},
	{"CLIENT-EVICTION", 0, 0, "", "Shows the pools from which clients are evicted.", nil},
	{"CLUSTERLINK", 3, 3, "KILL <to|from|all> <node-id>", "Closes links of the cluster bus.", nil},
	{"CONFIG-REWRITE-FORCE-ALL", 0, 0, "", "Is CONFIG REWRITE, but writes every directive.", debugRewriteAll},
	{"DICT-RESIZING", 1, 1, "<0|1>", "Changes nothing: tables grow a bucket at a time.", debugIgnored},
	{"DIGEST", 0, 0, "", "Replies with a digest of all data, the same for the same data.", debugDigest},
	{"DIGEST-VALUE", 0, -1, "[<key> ...]", "Replies with a digest of each key's value and deadline.", debugDigestValue},
	{"DROP-CLUSTER-PACKET-FILTER", 1, 1, "<type>", "Drops packets of the cluster bus; -1 drops none.", nil},
	{"ERROR", 1, 1, "<text>", "Replies with this error.", debugError},
	{"HTSTATS", 1, 2, "<db> [FULL]", "Describes the tables of a database.", debugTables},
	{"HTSTATS-KEY", 1, 2, "<key> [FULL]", "Describes the table of a key's value.", debugTableOfKey},
	{"LISTPACK", 1, 1, "<key>", "Shows the listpack of a key's value.", nil},
	{"LOADAOF", 0, 0, "", "Writes the append-only file out and loads it.", debugLoadLog},
	{"LOG", 1, 1, "<text>", "Writes a line to the log.", debugLog},
	{"OBJECT", 1, 2, "<key>", "Describes how a key's value is kept.", debugObject},
	{"OOM", 0, 0, "", "Ends the server as a lack of memory does.", debugCrash("out of memory: DEBUG OOM")},
	{"PANIC", 0, 0, "", "Ends the server as an unexpected state does.", debugCrash("panic: DEBUG PANIC")},
	{"PAUSE-CRON", 1, 1, "<0|1>", "Stops the periodic job, or lets it go on.", debugPauseCron},
	{"POPULATE", 1, 3, "<count> [<prefix>] [<size>]", "Makes strings prefix:0, prefix:1 and so on; keys that exist stay.", debugPopulate},
	{"PROTOCOL", 1, 1, "<type>", "Replies with a sample of a type: " + strings.ReplaceAll(protocolNames, "|", ", ") + ".", debugProtocol},
	{"QUICKLIST", 1, 2, "<key> [<0|1>]", "Shows the nodes of a list.", nil},
	{"QUICKLIST-PACKED-THRESHOLD", 1, 1, "<size>", "Changes nothing: long elements stand alone anyway.", debugPackedThreshold},
	{"RELOAD", 0, -1, "[MERGE] [NOFLUSH] [NOSAVE]", "Saves, empties and loads the data set.", debugReload},
	{"REPLICATE", 1, -1, "<word> ...", "Puts a command into the replication stream.", nil},
	{"REPLYBUFFER", 2, 2, "PEAK-RESET-TIME <NEVER|RESET|ms> | RESIZING <0|1>", "Changes nothing: idle connections have no buffer to resize.", debugReplyBuffer},
	{"SEGFAULT", 0, 0, "", "Ends the server as a bad memory access does.", debugCrash("segmentation fault: DEBUG SEGFAULT")},
	{"SET-ACTIVE-EXPIRE", 1, 1, "<0|1>", "Stops the sweep of keys past their deadline, or lets it go on.", debugActiveExpire},
	{"SET-DISABLE-DENY-SCRIPTS", 1, 1, "<0|1>", "Changes nothing: there are no scripts yet.", debugIgnored},
	{"SET-SKIP-CHECKSUM-VALIDATION", 1, 1, "<0|1>", "Makes RESTORE take payloads with a wrong checksum.", debugSkipChecksum},
	{"SLEEP", 1, 1, "<seconds>", "Stops the server for so long.", debugSleep},
	{"VERIFY", 0, 0, "", "Checks every table, tree, heap and entry.", debugVerify},
}

func debug(c *Call) error {
	name, args := c.Args[1], len(c.Args)-2
	if isToken(name, "HELP") && args == 0 {
		writeDebugHelp(c.Reply)
		return nil
	}
	for i := range debugCommands {
		d := &debugCommands[i]
		switch {
		case !isToken(name, d.name):
		case args < d.min || d.max >= 0 && args > d.max:
			return c.errSubcommand()
		case d.run == nil:
			return resp.Error("ERR tarn: the command 'debug|" + strings.ToLower(d.name) + "' comes in a later version")
		default:
			return d.run(c)
		}
	}
	return c.errSubcommand()
}

func writeDebugHelp(w *resp.Writer) {
	w.Array(2*len(debugCommands) + 3)
	w.Simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for i := range debugCommands {
		d := &debugCommands[i]
		w.Simple(strings.TrimSpace(d.name + " " + d.args))
		help := d.help
		if d.run == nil {
			help += " In a later version."
		}
		w.Simple("    " + help)
	}
	w.Simple("HELP")
	w.Simple("    Prints these lines.")
}

// isOn reads a switch as C's atoi does: what is no number is off.
func isOn(arg []byte) bool {
	n, _ := resp.ParseInt(arg)
	return n != 0
}

// debugCrash returns the handler of a subcommand that ends the process.
func debugCrash(why string) Handler {
	return func(c *Call) error {
		c.Env.Host.Crash(why)
		return nil
	}
}

// debugIgnored agrees to what has no meaning here.
func debugIgnored(c *Call) error {
	c.Reply.OK()
	return nil
}

func debugRewriteAll(c *Call) error {
	if err := c.Env.Config.Rewrite(true); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// debugError replies with the text as an error, which is not counted as one.
func debugError(c *Call) error {
	c.Reply.RawString("-" + strings.NewReplacer("\r", " ", "\n", " ").Replace(string(c.Args[2])) + "\r\n")
	return nil
}

func debugTables(c *Call) error {
	db, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	if db < 0 || db >= int64(c.Env.Keyspace.Databases()) {
		return errDebugDB
	}
	full := len(c.Args) == 4 && isToken(c.Args[3], "FULL")
	c.Tx.LockAll()
	text := c.Tx.AppendTableStats(c.Scratch(), int(db), full)
	c.Tx.Unlock()
	c.Reply.Verbatim("txt", text)
	return nil
}

// debugTableOfKey finds no table: no value of this version has one.
func debugTableOfKey(c *Call) (err error) {
	c.withKey(2, func(k *keyspace.Key) {
		err = errNoHashTable
		if !k.Exists() {
			err = ErrNoSuchKey
		}
	})
	return err
}

func debugLog(c *Call) error {
	c.Env.Host.Warn("DEBUG LOG: " + string(c.Args[2]))
	c.Reply.OK()
	return nil
}

// debugObject describes a key in words of name:value, of which tests read the second and some others.
func debugObject(c *Call) (err error) {
	c.withKey(2, func(k *keyspace.Key) {
		if !k.Exists() {
			err = ErrNoSuchKey
			return
		}
		clock := k.Clock()
		var length int
		if length, err = c.serializedLength(k); err != nil {
			return
		}
		c.Reply.Simple(fmt.Sprintf("Value at:%#x refcount:1 encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d",
			k.Address(), k.Encoding(), length, clock, c.Env.Keyspace.IdleSeconds(clock, c.Now())))
	})
	return err
}

// serializedLength returns how many bytes the value of a key takes in an RDB file. Errors:
// keyspace.ErrOutOfMemory.
func (c *Call) serializedLength(k *keyspace.Key) (int, error) {
	e := c.encoder()
	defer encoders.Put(e)
	payload, err := object.Dump(e, c.Scratch(), k)
	if err != nil {
		return 0, err
	}
	c.KeepScratch(payload)
	return len(payload) - rdb.DumpOverhead, nil
}

func debugPauseCron(c *Call) error {
	c.Env.Host.PauseCron(isOn(c.Args[2]))
	c.Reply.OK()
	return nil
}

// debugPopulate makes keys that do not exist. As in Redis they do not count as changes.
func debugPopulate(c *Call) error {
	count, ok := resp.ParseInt(c.Args[2])
	if !ok || count < 0 {
		return errPopulate
	}
	prefix, size := "key", int64(0)
	if len(c.Args) > 3 {
		prefix = string(c.Args[3])
	}
	if len(c.Args) > 4 {
		if size, ok = resp.ParseInt(c.Args[4]); !ok || size < 0 {
			return errPopulate
		}
	}
	var name, text []byte
	value := make([]byte, size)
	for i := range count {
		name = strconv.AppendInt(append(append(name[:0], prefix...), ':'), i, 10)
		text = strconv.AppendInt(append(text[:0], "value:"...), i, 10)
		stored := text
		if size > 0 {
			clear(value)
			copy(value, text)
			stored = value
		}
		if err := c.populate(name, stored); err != nil {
			return err
		}
	}
	c.Reply.OK()
	return nil
}

// populate makes one key unless it exists.
func (c *Call) populate(name, value []byte) error {
	hash := c.Tx.Hash(name)
	c.Tx.LockHash(hash)
	defer c.Tx.Unlock()
	if !c.Tx.Ready(c.DB(), name, hash) {
		return nil // it exists, and a save needs it as it is
	}
	k := c.Tx.KeyHashed(c.DB(), name, hash, keyspace.ForWrite)
	if k.Exists() {
		return nil
	}
	if err := k.SetString(value, keyspace.Auto, keyspace.NoDeadline); err != nil {
		return err
	}
	k.ChangedBy("set", 0)
	return nil
}

func debugPackedThreshold(c *Call) error {
	n, ok := parseMemory(c.Args[2])
	if !ok || n > 4<<30-1<<20 {
		return errPacked
	}
	c.Reply.OK()
	return nil
}

// parseMemory reads a number of bytes that may have a unit: b, k, kb, m, mb, g, gb.
func parseMemory(arg []byte) (n uint64, ok bool) {
	digits := 0
	for digits < len(arg) && arg[digits]-'0' <= 9 {
		digits++
	}
	units := map[string]uint64{"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30}
	unit, known := units[strings.ToLower(string(arg[digits:]))]
	if ok = digits == 0; !ok { // a unit alone is none of it
		n, ok = resp.ParseUint(arg[:digits])
	}
	return n * unit, ok && known
}

func debugFlushSleep(c *Call) error {
	micros, err := parseInt(c.Args[2])
	if err != nil {
		return err
	}
	c.Env.Saver.SetFlushSleep(micros)
	c.Reply.OK()
	return nil
}

func debugLoadLog(c *Call) error {
	if c.InExec {
		return errLoadInExec
	}
	if err := c.Env.Saver.Reread(); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

func debugReload(c *Call) error {
	var noSave, noFlush, merge bool
	for _, arg := range c.Args[2:] {
		switch {
		case isToken(arg, "MERGE"):
			merge = true
		case isToken(arg, "NOFLUSH"):
			noFlush = true
		case isToken(arg, "NOSAVE"):
			noSave = true
		default:
			return errReloadOption
		}
	}
	if c.InExec {
		return errReloadInExec
	}
	if err := c.Env.Saver.Reload(noSave, noFlush, merge); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// debugReplyBuffer takes what Redis takes. A connection of Tarn has a reply buffer only while
// replies wait in it.
func debugReplyBuffer(c *Call) error {
	switch what, value := c.Args[2], c.Args[3]; {
	case isToken(what, "PEAK-RESET-TIME"):
		if !isToken(value, "NEVER") && !isToken(value, "RESET") {
			if _, err := parseInt(value); err != nil {
				return err
			}
		}
	case !isToken(what, "RESIZING"):
		return c.errSubcommand()
	}
	c.Reply.OK()
	return nil
}

func debugActiveExpire(c *Call) error {
	c.Env.Keyspace.SetActiveExpire(isOn(c.Args[2]))
	c.Reply.OK()
	return nil
}

func debugSkipChecksum(c *Call) error {
	c.Env.SkipChecksum.Store(isOn(c.Args[2]))
	c.Reply.OK()
	return nil
}

// debugSleep keeps the world stopped. What is no number is no time.
func debugSleep(c *Call) error {
	seconds, _ := strconv.ParseFloat(string(c.Args[2]), 64)
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	c.Reply.OK()
	return nil
}

func debugVerify(c *Call) error {
	c.Tx.LockAll()
	err := c.Tx.Verify()
	c.Tx.Unlock()
	if err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}
