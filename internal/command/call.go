// Call: what a handler may touch.
//
// The dispatcher fills a Call, locks the shards of the command's keys (or all of them, for commands
// that concern the whole keyspace), and runs the handler. The handler reads its arguments, checks
// everything, changes keys, says so with Changed, and replies. Its return value, when not nil, is
// the whole reply and promises that nothing was changed.

package command

import (
	"sync/atomic"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/journal"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

// Call is one command being run. Everything in it is borrowed until the handler returns.
type Call struct {
	Args    [][]byte // Args[0] is the command's name as sent
	Spec    *Spec
	Reply   *resp.Writer
	Session *Session
	Tx      *keyspace.Tx
	Env     *Env

	Unit   *journal.Unit // of the effects; nil: nobody wants them
	Logged bool          // the handler has said itself what the effects are

	Runner any  // the dispatcher's worker that runs it
	InExec bool // run by EXEC

	ready []byte // ReadyKey's

	hashed  int // index of the argument whose hash is known, 0: none
	hash    uint64
	scratch []byte          // Scratch's
	key     keyspace.Key    // held's
	fields  value.HashState // room for the hash that the command is about
}

// Env is what all calls of a server share.
type Env struct {
	Table    *Table
	Config   *config.Store
	Keyspace *keyspace.Keyspace
	Clock    clock.Clock
	Info     *info.Registry
	Commands *info.CommandStats
	Errors   *info.ErrorStats
	SlowLog  *info.SlowLog
	Latency  *info.LatencyMonitor
	Saver    Saver
	Clients  Clients
	Host     Host
	Exec     Executor

	// SkipChecksum makes RESTORE take payloads with a wrong checksum: DEBUG SET-SKIP-CHECKSUM-VALIDATION.
	SkipChecksum atomic.Bool
}

// Executor runs transactions; the dispatcher is one.
type Executor interface {
	// Exec runs the session's queue and replies. The caller is the handler of EXEC.
	Exec(c *Call) error
	// IsLoading tells whether the data set is being loaded.
	IsLoading() bool
	// Block makes the client of a call whose handler is under way wait, as Call.Block tells.
	Block(c *Call, w *Wait)
}

// Saver puts the keyspace on disk and back; persist.Store is one.
type Saver interface {
	// Save writes the RDB file before it returns.
	Save() error
	// BGSave starts writing it. With schedule set, a save that cannot start now starts later, and
	// scheduled is true.
	BGSave(tx *keyspace.Tx, schedule bool) (scheduled bool, err error)
	// Schedule makes one start when the command under way is over: a transaction is half done.
	Schedule() error
	// LastSave is the Unix time of the last good save.
	LastSave() int64
	// BGRewrite starts a rewrite of the append-only log. One that cannot start now starts later, and
	// scheduled is true.
	BGRewrite(inTransaction bool) (scheduled bool, err error)
	// Backup starts a backup. One that cannot start now starts later, and scheduled is true.
	Backup(tx *keyspace.Tx, inTransaction bool) (scheduled bool, err error)
	// CancelBackup ends a backup that is under way or waits.
	CancelBackup() error
	// EachBackup calls fn for each backup, newest first, with the Unix time of its cut.
	EachBackup(fn func(name, state string, seconds, bytes int64)) error
	// VerifyBackups reads the backup of this name back, or with "" all, and returns how many it will.
	VerifyBackups(name string) (files int, err error)
	// Reread empties the keyspace and loads the append-only log.
	Reread() error
	// Transaction says whether the CONFIG SET that follows is in a transaction.
	Transaction(in bool)
	// SetFlushSleep makes each write to the append-only log wait so many microseconds before.
	SetFlushSleep(micros int64)
	// Abort stops a background save that is running, as FLUSHALL does.
	Abort()
	// FlushedAll is called after FLUSHALL: with save points, the empty keyspace is saved.
	FlushedAll() error
	// Reload saves (unless noSave), empties (unless noFlush) and loads the keyspace.
	Reload(noSave, noFlush, merge bool) error
}

// Host is the server as a process.
type Host interface {
	// Shutdown ends the process in an orderly way; on success it does not return to the client.
	Shutdown(c *Call, o ShutdownOptions) error
	// AbortShutdown stops one that waits.
	AbortShutdown() error
	// PauseCron stops the periodic job, or lets it go on.
	PauseCron(paused bool)
	// Crash ends the process as a broken invariant would, after logging why.
	Crash(why string)
	// Log writes a line at level notice.
	Log(text string)
	// Warn writes a line at level warning.
	Warn(text string)
	// ResetStats zeroes the counters that CONFIG RESETSTAT does and no room of their own keeps.
	ResetStats()
}

// ShutdownOptions are SHUTDOWN's modifiers.
type ShutdownOptions struct {
	Save, NoSave, Now, Force bool
}

// Begin prepares c for a command. hash is that of the argument at index hashed, 0: unknown.
func (c *Call) Begin(spec *Spec, args [][]byte, hashed int, hash uint64) {
	c.Spec, c.Args, c.hashed, c.hash = spec, args, hashed, hash
}

// BeginAgain prepares c for running a command that blocked, on account of a key that is ready. After
// it the caller sets ready to nil.
func (c *Call) BeginAgain(spec *Spec, args [][]byte, ready []byte) {
	c.Begin(spec, args, 0, 0)
	c.ready = ready
}

// Read looks up the key at argument i for a command that reads it: it counts a hit or a miss.
func (c *Call) Read(i int) keyspace.Key {
	return c.Tx.KeyHashed(int(c.Session.DB), c.Args[i], c.hashOf(i), keyspace.ForRead)
}

// Write looks up the key at argument i for a command that may change it.
func (c *Call) Write(i int) keyspace.Key {
	return c.Tx.KeyHashed(int(c.Session.DB), c.Args[i], c.hashOf(i), keyspace.ForWrite)
}

// Inspect looks up the key at argument i for a command that asks about it: it counts a hit or a
// miss, and the key is not marked as used.
func (c *Call) Inspect(i int) keyspace.Key {
	return c.Tx.KeyHashed(int(c.Session.DB), c.Args[i], c.hashOf(i), keyspace.Inspect)
}

// Peek looks up the key at argument i without counting or marking it as used.
func (c *Call) Peek(i int) keyspace.Key {
	return c.Tx.KeyHashed(int(c.Session.DB), c.Args[i], c.hashOf(i), keyspace.Peek)
}

// Logs tells whether effects are kept: a command that changed something is, as it was sent, unless its
// handler says by Log or LogNothing how it is to be done again elsewhere, or later.
func (c *Call) Logs() bool { return c.Unit != nil && c.Unit.Active() }

// Log begins a command of so many arguments, its name among them, that stands for the one that runs;
// there may be several. Only when Logs.
func (c *Call) Log(args int) *journal.Unit {
	c.Logged = true
	return c.Unit.Op(c.DB(), args)
}

// LogNothing says that the change is none for anybody else.
func (c *Call) LogNothing() { c.Logged = true }

// held keeps a key in the call, for values that hold on to it: as a variable of its handler it would be
// an allocation. A call holds one key.
func (c *Call) held(k keyspace.Key) *keyspace.Key {
	c.key = k
	return &c.key
}

func (c *Call) hashOf(i int) uint64 {
	if i == c.hashed {
		return c.hash
	}
	return c.Tx.Hash(c.Args[i])
}

// DB returns the number of the session's database.
func (c *Call) DB() int { return int(c.Session.DB) }

// Now returns the time of the command in Unix ms.
func (c *Call) Now() int64 { return c.Tx.Now() }

// Scratch returns an empty buffer, reused by every command of this executor.
func (c *Call) Scratch() []byte { return c.scratch[:0] }

// KeepScratch keeps a scratch buffer that has grown for later commands, unless it is large.
func (c *Call) KeepScratch(b []byte) {
	if cap(b) <= maxScratch {
		c.scratch = b[:0]
	}
}

// trimScratch lets go of a scratch buffer that has become large.
func (c *Call) trimScratch() {
	if cap(c.scratch) > maxScratch {
		c.scratch = nil
	}
}

const maxScratch = 64 << 10
