// Server: what a running server consists of, and how a connection is let in and out.
//
// Run boots in Redis's order (log, files, sockets, data) and serves until SHUTDOWN or a signal.
// Connections are served by event loops on Linux and by a goroutine each elsewhere; both feed the
// same dispatcher. Background jobs (cron, sweep, saver) have goroutines of their own.

// Package server is the process: sockets, sessions, boot, the periodic job, and the end.
package server

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/dispatch"
	"tarn/internal/info"
	"tarn/internal/keyspace"
	"tarn/internal/persist"
	"tarn/internal/vfs"
)

// Versions. RedisVersion is the Redis whose commands and replies Tarn gives.
const (
	Version      = "0.1.0"
	RedisVersion = "7.2.6"
)

// RedisVersionLine is what redis-server --version prints, for programs that read it.
func RedisVersionLine() string {
	return fmt.Sprintf("Redis server v=%s sha=00000000:0 malloc=tarn-%s bits=%d build=0\n", RedisVersion, Version, strconv.IntSize)
}

// Server is a running server.
type Server struct {
	store      *config.Store
	log        *Log
	files      vfs.FS
	clock      clock.System
	keyspace   *keyspace.Keyspace
	table      *command.Table
	dispatcher *dispatch.Dispatcher
	env        *command.Env
	persist    *persist.Store
	network    network
	clients    clients
	stats      stats
	runID      string
	started    time.Time
	configFile string
	pidPath    string // of the pid file written, ""

	supervisor   string // "systemd", "upstart"; "": nobody
	notifySocket string // of systemd, ""

	onDisk     atomic.Int64  // position up to which the journal is on disk
	seconds    atomic.Uint32 // Unix s, renewed by cron
	cronPaused atomic.Bool
	ending     atomic.Bool
	rates      rates

	startupMemory int64
	oomScoreSet   bool
	oomScoreBase  int64
	looked        memory // the latest look, used with the world stopped
	lookedAt      int64  // monotonic ns
}

// stats are counters that no room of their own keeps.
type stats struct {
	netIn, netOut        atomic.Int64
	connections          atomic.Int64 // accepted
	rejected             atomic.Int64 // over maxclients
	queryLimit           atomic.Int64 // closed for their input
	outputLimit          atomic.Int64 // closed for their output
	peakMemory           atomic.Int64
	peakSeconds          atomic.Int64
	cronTurns, cronNanos atomic.Int64
	sweepNanos           atomic.Int64
}

func (s *Server) cfg() *config.Config { return s.store.Current() }

func (s *Server) unixSeconds() uint32 { return s.seconds.Load() }

// New builds a server from its settings. Nothing is opened yet.
func New(store *config.Store, files vfs.FS) (*Server, error) {
	cfg := store.Current()
	ks, err := keyspace.New(keyspace.Options{Shards: int(cfg.KeyspaceShards), Databases: int(cfg.Databases)})
	if err != nil {
		return nil, err
	}
	ks.OnFieldsDue(command.ExpireFields)
	s := &Server{store: store, files: files, keyspace: ks, runID: newRunID()}
	s.started = s.clock.Now()
	s.seconds.Store(uint32(s.started.Unix()))
	s.log = newLog(files, s.clock.Now)
	s.table = command.NewTable()
	names := make([]string, s.table.Size())
	for spec := range s.table.All(true) {
		names[spec.Index] = spec.FullName
	}
	s.env = &command.Env{
		Table: s.table, Config: store, Keyspace: ks, Clock: s.clock,
		Info: &info.Registry{}, Commands: info.NewCommandStats(names), Errors: &info.ErrorStats{},
		SlowLog: info.NewSlowLog(int(cfg.SlowlogMaxLen)), Latency: info.NewLatencyMonitor(s.clock),
		Clients: &s.clients, Host: s,
	}
	s.env.Errors.OnFlood = s.errorFlood
	s.clients.srv = s
	s.dispatcher = dispatch.New(s.env)
	s.dispatcher.Deliver = func(by *dispatch.Worker, to *command.Session, reply []byte) {
		c := to.Conn.(*conn)
		c.link.deliver(c, reply, by)
	}
	s.persist = persist.New(persist.Options{
		Files: files, Config: store, Keyspace: ks, Clock: s.clock, Log: s.log, Latency: s.env.Latency,
		UsedMemory: s.usedMemory, Resume: s.resume, Refuse: s.dispatcher.RefuseWrites,
		Loading: s.dispatcher.SetLoading, Version: RedisVersion, Pid: os.Getpid(),
		Journal: s.dispatcher.Journal(), Durable: s.durable, Behind: s.logBehind, Replay: s.replayer, Exit: os.Exit,
		Alone: s.dispatcher.World.Alone, Verify: s.verifyBackup,
	})
	s.env.Saver = s.persist
	return s, s.follow()
}

// follow applies the settings that rooms keep copies of, now and when they change.
func (s *Server) follow() error {
	apply := func(_, c *config.Config) error {
		s.log.configure(c.LogLevel, c.LogFile)
		s.env.SlowLog.SetLimit(int(c.SlowlogMaxLen))
		s.env.Latency.SetThreshold(c.LatencyMonitorThreshold)
		s.env.Commands.SetTracking(c.LatencyTracking)
		s.env.Commands.SetPercentiles(c.LatencyTrackingInfoPercentiles)
		s.keyspace.SetLFU(c.MaxMemoryPolicy.LFU(), int(c.LFULogFactor), int(c.LFUDecayTime))
		return nil
	}
	s.store.Watch(apply, "loglevel", "logfile", "slowlog-max-len", "latency-monitor-threshold", "latency-tracking",
		"latency-tracking-info-percentiles", "maxmemory-policy", "lfu-log-factor", "lfu-decay-time")
	limits := func(_, c *config.Config) error {
		s.keyspace.SetLimits(limitsOf(c))
		return nil
	}
	s.store.Watch(limits, "hash-max-listpack-entries", "hash-max-listpack-value", "set-max-listpack-entries", "set-max-listpack-value",
		"set-max-intset-entries", "zset-max-listpack-entries", "zset-max-listpack-value", "list-max-listpack-size", "list-compress-depth",
		"stream-node-max-bytes", "stream-node-max-entries", "hll-sparse-max-bytes")
	if err := limits(nil, s.cfg()); err != nil {
		return err
	}
	s.store.Watch(s.rebind, "port", "bind")
	s.store.Watch(s.changeDir, "dir")
	s.store.Watch(s.changeMaxClients, "maxclients")
	s.store.Watch(s.changeProcess, "proc-title-template", "oom-score-adj", "oom-score-adj-values")
	return apply(nil, s.cfg())
}

// admit decides whether a new connection is let in, and gives it its place; else it returns what
// the client is told.
func (s *Server) admit(c *conn) (refusal string) {
	cfg := s.cfg()
	s.stats.connections.Add(1)
	if int64(s.clients.len()) >= cfg.MaxClients {
		s.stats.rejected.Add(1)
		return "-ERR max number of clients reached\r\n"
	}
	c.Conn = c
	if c.link.unix {
		c.State |= command.Unix
	} else if cfg.ProtectedMode && cfg.RequirePass == "" && !s.fromHere(c) {
		s.stats.rejected.Add(1)
		return protectedText
	}
	if cfg.RequirePass != "" {
		c.State |= command.Unauthenticated
	}
	c.Proto = 2
	c.Created = s.unixSeconds()
	c.Active = c.Created
	s.clients.add(c)
	return ""
}

const protectedText = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"

// fromHere tells whether a connection comes over the loopback interface.
func (s *Server) fromHere(c *conn) bool {
	host, _, err := net.SplitHostPort(c.Addr())
	return err == nil && net.ParseIP(host).IsLoopback()
}

// forget takes a connection that ends out of the server. tx is its executor's.
func (s *Server) forget(c *conn, tx *keyspace.Tx) {
	s.dispatcher.Forget(&c.Session, tx)
	c.DropRest()
	c.Unwatch(tx)
	c.DropQueue()
	s.clients.remove(c)
	c.in, c.out = nil, nil
}

// overOutputLimit tells whether a client leaves too much unread, and logs it.
func (s *Server) overOutputLimit(c *conn) bool {
	cfg := s.cfg()
	limit := cfg.ClientOutputBufferLimit.Normal
	if c.State&command.Unauthenticated != 0 && cfg.RequirePass != "" {
		limit = config.BufferLimit{HardBytes: maxStrangerOutput}
	}
	if !c.overLimit(&limit, s.unixSeconds()) {
		return false
	}
	s.stats.outputLimit.Add(1)
	s.log.Warning("Client %s closed for overcoming of output buffer limits.", s.describe(c))
	return true
}

// overInputLimit tells whether a client has sent more than its next command may be long, and logs it.
func (s *Server) overInputLimit(c *conn) bool {
	if int64(len(c.in)) <= s.cfg().ClientQueryBufferLimit {
		return false
	}
	s.stats.queryLimit.Add(1)
	s.log.Warning("Closing client that reached max query buffer length: %s", s.describe(c))
	return true
}

// maxStrangerOutput is how many bytes of replies a client may leave unread before it has told who it
// is.
const maxStrangerOutput = 1024

// describe names a connection in the log, as CLIENT LIST does.
func (s *Server) describe(c *conn) string {
	return command.DescribeClient(&c.Session, s.clock.Millis())
}

// listen opens the listeners that the settings ask for. A word of bind whose kind of address the
// machine does not have is passed over, as is one that begins with '-' and is not the machine's.
func (s *Server) listen(c *config.Config) ([]*listener, error) {
	var list []*listener
	if c.Port == 0 {
		return nil, nil
	}
	for _, word := range c.Bind {
		host, optional := strings.CutPrefix(word, "-")
		l, err := listenTCP(host, int(c.Port), int(c.TCPBacklog))
		if err == nil {
			list = append(list, l)
			continue
		}
		s.log.Warning("Warning: Could not create server TCP listening socket %s:%d: %s", host, c.Port, bindText(err))
		if !passedOver(err, optional) {
			closeAll(list)
			return nil, fmt.Errorf("listen on port %d: %w", c.Port, err)
		}
	}
	return list, nil
}

func closeAll(list []*listener) {
	for _, l := range list {
		l.close()
	}
}

// limitsOf are the limits of collections that a configuration sets.
func limitsOf(c *config.Config) *keyspace.Limits {
	return &keyspace.Limits{
		HashPackEntries: int(c.HashMaxListpackEntries), HashPackValue: int(c.HashMaxListpackValue),
		SetPackEntries: int(c.SetMaxListpackEntries), SetPackValue: int(c.SetMaxListpackValue), SetIntsetEntries: int(c.SetMaxIntsetEntries),
		ZSetPackEntries: int(c.ZSetMaxListpackEntries), ZSetPackValue: int(c.ZSetMaxListpackValue),
		ListPackSize: int(c.ListMaxListpackSize), ListCompressDepth: int(c.ListCompressDepth),
		StreamNodeBytes: c.StreamNodeMaxBytes, StreamNodeEntries: c.StreamNodeMaxEntries, HLLSparseBytes: int(c.HLLSparseMaxBytes),
	}
}
