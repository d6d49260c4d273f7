// Execute: one command, from its row to its effects.

package dispatch

import (
	"bytes"
	"errors"
	"math"
	"strings"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/resp"
)

// lockKind says what a command needs locked while it runs.
type lockKind uint8

const (
	lockNone  lockKind = iota
	lockOne            // the shard of its only key
	lockKeys           // the shards of its keys
	lockAll            // every shard
	lockWorld          // the world stopped; it locks shards itself
	lockQueue          // what the commands queued in MULTI need
)

// Commands that concern more than their keys. Containers stand for all their subcommands.
var special = map[string]lockKind{
	"keys": lockAll, "scan": lockAll, "randomkey": lockAll, "dbsize": lockAll, "swapdb": lockAll,
	"flushdb": lockAll, "flushall": lockAll,
	"client": lockWorld, "config": lockWorld, "debug": lockWorld, "info": lockWorld, "latency": lockWorld,
	"slowlog": lockWorld, "shutdown": lockWorld, "save": lockWorld, "bgsave": lockWorld,
	"bgrewriteaof": lockWorld, "backup": lockWorld,
	"exec": lockQueue,
}

func lockKinds(t *command.Table) []lockKind {
	kinds := make([]lockKind, t.Size())
	for s := range t.All(true) {
		name := s.Name
		if s.Parent != nil {
			name = s.Parent.Name
		}
		switch kind, ok := special[name]; {
		case ok:
			kinds[s.Index] = kind
		case !s.HasKeys():
		case s.FirstKey > 0 && s.LastKey == s.FirstKey && s.AnyKey == nil && !s.Flags.Has(command.MovableKeys):
			kinds[s.Index] = lockOne
		default:
			kinds[s.Index] = lockKeys
		}
	}
	return kinds
}

// namers are the commands that name an element of their key's value, and the argument where.
var namers = map[string]uint8{
	"hset": 2, "hget": 2, "hmget": 2, "hmset": 2, "hsetnx": 2, "hdel": 2, "hexists": 2, "hstrlen": 2, "hincrby": 2, "hincrbyfloat": 2,
	"sadd": 2, "srem": 2, "sismember": 2, "smismember": 2,
	"zadd": 3, "zincrby": 3, "zrem": 2, "zscore": 2, "zmscore": 2, "zrank": 2, "zrevrank": 2,
}

func elementArgs(t *command.Table) []uint8 {
	args := make([]uint8, t.Size())
	for s := range t.All(true) {
		if s.Parent == nil {
			args[s.Index] = namers[s.Name]
		}
	}
	return args
}

// run executes one command. It reports false, with nothing done, when the command must wait.
func (w *Worker) run(s *command.Session, r *request) bool {
	spec := r.spec
	mark := w.Writer.Mark()
	if isHTTP(r) {
		w.d.env.Host.Warn("A connection that speaks HTTP was closed: somebody may be trying to reach this server through a browser. It came from " + s.Conn.Addr())
		s.State |= command.Killed
		return true
	}
	if e := w.sound(s, r); e != "" {
		if w.replayer != nil {
			w.cannotReplay(s, r)
			return true
		}
		w.refuse(s, spec, e)
		w.muffle(s, mark)
		return true
	}
	s.LastCmd = spec
	if uint32(s.State&command.Unusual)|w.d.state.Load() != 0 || spec.Flags&command.Protected != 0 {
		switch w.gates(s, r) {
		case wait:
			return false
		case done:
			w.muffle(s, mark)
			return true
		}
	}
	w.call.Begin(spec, r.args, r.hashed, r.hash)
	w.tx.SetNoTouch(s.State&command.NoTouch != 0)
	if !w.lock(s, r) {
		return false
	}
	err := w.perform(s, spec, r.args)
	w.unlock(spec)
	w.finish(s, spec, r.args, err)
	if s.State&command.Unusual != 0 {
		w.muffle(s, mark)
	}
	if w.tx.Stirred() && w.replayer == nil {
		w.serve()
	}
	return true
}

// sound returns why a request is no command that can run, or "".
func (w *Worker) sound(s *command.Session, r *request) resp.Error {
	switch spec := r.spec; {
	case spec == nil:
		return unknownCommand(r)
	case !spec.Accepts(len(r.args)):
		return wrongArity(spec)
	case spec.Run == nil && spec.Sub == nil && s.State&command.Unauthenticated == 0:
		return later(spec)
	}
	return ""
}

// isHTTP tells whether a request is a line of an HTTP request rather than a command.
func isHTTP(r *request) bool {
	if r.spec != nil || r.container != nil {
		return false
	}
	name := r.args[0]
	return len(name) == 4 && bytes.EqualFold(name, []byte("post")) || len(name) == 5 && bytes.EqualFold(name, []byte("host:"))
}

// nested runs one command of a transaction, whose locks are held.
func (w *Worker) nested(s *command.Session, q *command.Queued) {
	s.LastCmd = q.Spec
	w.call.Begin(q.Spec, q.Args, 0, 0)
	err := w.perform(s, q.Spec, q.Args)
	w.finish(s, q.Spec, q.Args, err)
}

// finish writes the reply of a handler that failed and takes the command into the statistics.
func (w *Worker) finish(s *command.Session, spec *command.Spec, args [][]byte, err error) {
	if err != nil {
		w.fail(err)
	}
	now := clock.Ticks()
	spent := now - w.ticks
	w.ticks = now
	w.stats.Record(spec.Index, spent)
	w.totals.commands.Add(1)
	w.totals.ticks.Add(spent)
	if err != nil {
		w.stats.Failed(spec.Index)
		if w.replayer != nil {
			w.replayer.failed(spec, err)
		}
	}
	if spent >= w.slowTicks {
		w.slow(s, spec, args, spent)
	}
	if now-w.nowTicks > w.msTicks/2 && !w.call.InExec { // no key expires in the middle of a transaction
		w.readClock(now)
	}
}

// fail replies with an error and counts it.
func (w *Worker) fail(err error) {
	var e resp.Error
	if !errors.As(err, &e) {
		e = resp.Error("ERR " + err.Error())
	}
	w.Writer.Error(e)
	w.d.env.Errors.Count([]byte(e))
}

// refuse replies to a command that was not run. While queueing it dooms the transaction.
func (w *Worker) refuse(s *command.Session, spec *command.Spec, e resp.Error) {
	if s.State&command.InMulti != 0 {
		s.State |= command.MultiError
	}
	if spec != nil {
		w.stats.Rejected(spec.Index)
		if spec.Name == "exec" { // also outside MULTI, as in Redis
			s.DropQueue()
			s.Unwatch(w.tx)
			e = "EXECABORT Transaction discarded because of: " + resp.Error(strings.TrimPrefix(string(e), "ERR "))
		}
	}
	w.Writer.Error(e)
	w.d.env.Errors.Count([]byte(e))
}

// lock takes the locks that a command needs. It reports false, holding none, when the command must
// wait for the running save. Whoever waits for keys that are ready, in the shards locked, is served
// first.
func (w *Worker) lock(s *command.Session, r *request) bool {
	kind := w.d.locks[r.spec.Index]
	if kind == lockNone {
		return true
	}
	for w.lockAs(kind, s, r) {
		if w.replayer != nil || !w.tx.Unserved() {
			return true
		}
		if kind == lockQueue {
			w.tx.Unnest()
		}
		w.unlock(r.spec)
		w.serve()
	}
	return false
}

func (w *Worker) lockAs(kind lockKind, s *command.Session, r *request) bool {
	spec := r.spec
	switch kind {
	case lockOne:
		w.tx.LockHash(r.hash)
		if spec.Flags&command.Write != 0 && !w.tx.Ready(int(s.DB), r.args[r.hashed], r.hash) {
			w.tx.Unlock()
			return false
		}
	case lockKeys:
		w.wantKeys(spec, r.args)
		w.tx.LockWanted()
		if spec.Flags&command.Write != 0 && !w.keysReady(s, spec, r.args) {
			w.tx.Unlock()
			return false
		}
	case lockAll:
		w.tx.LockAll()
	case lockWorld:
		w.stopWorld()
	case lockQueue:
		return w.lockQueue(s)
	}
	return true
}

func (w *Worker) unlock(spec *command.Spec) {
	switch w.d.locks[spec.Index] {
	case lockNone:
	case lockWorld:
		w.unit.Commit(w.tx.Now())
		w.resumeWorld()
	case lockQueue:
		w.unlockQueue()
	default:
		w.tx.Unlock()
	}
}

func (w *Worker) stopWorld() {
	w.d.World.Stop()
	w.d.alone = w
}

func (w *Worker) resumeWorld() {
	w.d.alone = nil
	w.d.World.Resume()
	w.follow() // CONFIG SET may have run
}

// wantKeys marks the shards of a command's keys. A command whose keys cannot be told will fail in
// its handler before it touches any.
func (w *Worker) wantKeys(spec *command.Spec, args [][]byte) {
	if spec.AnyKey != nil && spec.AnyKey(args) {
		w.tx.WantAll()
	}
	w.keys, _ = spec.ExtractKeys(args, w.keys[:0])
	w.hashes = w.hashes[:0]
	for _, k := range w.keys {
		h := w.tx.Hash(args[k.Pos])
		w.hashes = append(w.hashes, h)
		w.tx.Want(h)
	}
}

// keysReady tells whether the running save lets a command change its keys, which were just locked.
func (w *Worker) keysReady(s *command.Session, spec *command.Spec, args [][]byte) bool {
	for i, k := range w.keys {
		if k.Flags&command.RO == 0 && !w.tx.Ready(int(s.DB), args[k.Pos], w.hashes[i]) {
			return false
		}
	}
	return true
}

// muffle drops the reply written since mark when the client wants none, and ends a skip.
func (w *Worker) muffle(s *command.Session, mark int) {
	if s.State&(command.ReplyOff|command.ReplySkip) != 0 {
		w.Writer.Truncate(mark)
	}
	s.State &^= command.ReplySkip
	if s.State&command.ReplySkipNext != 0 {
		s.State = s.State&^command.ReplySkipNext | command.ReplySkip
	}
}

// slowest returns the number of ticks from which a command is of interest to the slow log or the
// latency monitor.
func slowest(c *config.Config) int64 {
	nanos := int64(math.MaxInt64)
	if c.SlowlogLogSlowerThan >= 0 {
		nanos = c.SlowlogLogSlowerThan * 1000
	}
	if c.LatencyMonitorThreshold > 0 {
		nanos = min(nanos, c.LatencyMonitorThreshold*1e6)
	}
	if nanos == math.MaxInt64 {
		return nanos
	}
	return clock.NanosToTicks(nanos)
}

// slow tells the slow log and the latency monitor of a command that took its time.
func (w *Worker) slow(s *command.Session, spec *command.Spec, args [][]byte, spent int64) {
	env, micros := w.d.env, clock.TicksToMicros(spent)
	if limit := w.cfg.SlowlogLogSlowerThan; limit >= 0 && micros >= limit && spec.Flags&command.SkipSlowlog == 0 {
		env.SlowLog.Add(info.SlowEntry{
			UnixTime: env.Clock.Millis() / 1000, Micros: micros, ClientAddr: s.Conn.Addr(), ClientName: s.Name(),
		}, args)
	}
	if limit := w.cfg.LatencyMonitorThreshold; limit > 0 && micros >= limit*1000 {
		event := "command"
		if spec.Flags.Has(command.Fast) {
			event = "fast-command"
		}
		env.Latency.Observe(event, micros/1000)
	}
}
