// The fields of a Config: one for each directive, under the directive's name in Go's spelling.
//
// Numbers are int64 whatever their range, so that rows stay uniform; the unit stands beside the
// field when the directive's name does not say it. The order is that of the rows. A test demands
// that every field is written by exactly one row.

package config

import "tarn/internal/cron"

// Config is one consistent set of all directives' values. It is never changed once published, and
// neither is anything its slices hold: a change makes a new Config.
type Config struct {
	// Network.
	Bind           []string // "*" and "::*" are every address; a leading "-" makes failure harmless
	BindSourceAddr string
	Port           int64
	ProtectedMode  bool
	TCPBacklog     int64
	TCPKeepalive   int64 // seconds
	Timeout        int64 // seconds, 0 never
	UnixSocket     string
	UnixSocketPerm int64 // mode bits
	SocketMarkID   int64
	MaxClients     int64

	// Limits on what a client may send and leave unread.
	MaxMemoryClients        int64 // bytes; negative: percent of MaxMemory
	ProtoMaxBulkLen         int64 // bytes
	ClientQueryBufferLimit  int64 // bytes
	ClientOutputBufferLimit BufferLimits

	// Process.
	Daemonize         bool
	PIDFile           string
	Supervised        Supervisor
	SetProcTitle      bool
	ProcTitleTemplate string
	LocaleCollate     string
	Databases         int64
	IOThreads         int64
	IOThreadsDoReads  bool
	Hz                int64
	DynamicHz         bool
	OOMScoreAdj       OOMScoreAdj
	OOMScoreAdjValues [3]int64 // primary, replica, saving
	DisableTHP        bool
	ServerCPUList     string
	BioCPUList        string
	AOFRewriteCPUList string
	BgsaveCPUList     string
	JemallocBgThread  bool
	ShutdownTimeout   int64 // seconds
	ShutdownOnSigint  ShutdownFlags
	ShutdownOnSigterm ShutdownFlags
	KeyspaceShards    int64

	// Logs and diagnosis.
	LogLevel                       LogLevel
	LogFile                        string
	SyslogEnabled                  bool
	SyslogIdent                    string
	SyslogFacility                 SyslogFacility
	AlwaysShowLogo                 bool
	CrashLogEnabled                bool
	CrashMemcheckEnabled           bool
	UseExitOnPanic                 bool
	IgnoreWarnings                 string
	SlowlogLogSlowerThan           int64 // microseconds, 0 every command, negative none
	SlowlogMaxLen                  int64
	LatencyMonitorThreshold        int64 // milliseconds, 0 off
	LatencyTracking                bool
	LatencyTrackingInfoPercentiles []float64
	WatchdogPeriod                 int64 // milliseconds

	// Access.
	RequirePass            string
	ACLFile                string
	ACLPubsubDefault       PubsubDefault
	ACLLogMaxLen           int64
	EnableProtectedConfigs Access
	EnableDebugCommand     Access
	EnableModuleCommand    Access

	// Saving.
	Save                              []SavePoint
	DBFilename                        string
	Dir                               string // absolute
	RDBCompression                    bool
	RDBChecksum                       bool
	RDBVersion                        int64
	LoadWhatYouCan                    bool
	RDBDelSyncFiles                   bool
	RDBSaveIncrementalFsync           bool
	StopWritesOnBgsaveError           bool
	SanitizeDumpPayload               Sanitize
	RDBKeySaveDelay                   int64 // microseconds; negative: keys per microsecond
	KeyLoadDelay                      int64 // the same
	LoadingProcessEventsIntervalBytes int64
	SnapshotBufferLimit               int64 // bytes
	SaveSpaceCheck                    bool
	SnapshotWalkerDuty                int64 // percent
	SaveLockFile                      string
	BackupDir                         string
	BackupKeep                        int64
	BackupSchedule                    cron.Schedule

	// Append-only log.
	AppendOnly                 bool
	AppendFilename             string
	AppendDirname              string
	AppendFsync                AppendFsync
	NoAppendfsyncOnRewrite     bool
	AutoAOFRewritePercentage   int64
	AutoAOFRewriteMinSize      int64 // bytes
	AOFLoadTruncated           bool
	AOFUseRDBPreamble          bool
	AOFTimestampEnabled        bool
	AOFRewriteIncrementalFsync bool
	AOFDisableAutoGC           bool

	// Memory.
	MaxMemory                 int64 // bytes, 0 no limit
	MaxMemoryPolicy           Policy
	MaxMemorySamples          int64
	MaxMemoryEvictionTenacity int64
	LFULogFactor              int64
	LFUDecayTime              int64 // minutes
	ActiveExpireEffort        int64
	ActiveRehashing           bool
	LazyfreeLazyEviction      bool
	LazyfreeLazyExpire        bool
	LazyfreeLazyServerDel     bool
	LazyfreeLazyUserDel       bool
	LazyfreeLazyUserFlush     bool
	ActiveDefrag              bool
	ActiveDefragIgnoreBytes   int64
	ActiveDefragThresholdLow  int64 // percent
	ActiveDefragThresholdHigh int64 // percent
	ActiveDefragCycleMin      int64 // percent
	ActiveDefragCycleMax      int64 // percent
	ActiveDefragMaxScanFields int64

	// Encodings.
	HashMaxListpackEntries int64
	HashMaxListpackValue   int64 // bytes
	ListMaxListpackSize    int64 // elements, or -1 to -5: 4, 8, 16, 32, 64 KiB
	ListCompressDepth      int64
	SetMaxIntsetEntries    int64
	SetMaxListpackEntries  int64
	SetMaxListpackValue    int64 // bytes
	ZSetMaxListpackEntries int64
	ZSetMaxListpackValue   int64 // bytes
	HLLSparseMaxBytes      int64
	StreamNodeMaxBytes     int64
	StreamNodeMaxEntries   int64

	// Events, tracking, scripts.
	NotifyKeyspaceEvents     NotifyFlags
	TrackingTableMaxKeys     int64
	BusyReplyThreshold       int64 // milliseconds
	LuaEnableDeprecatedAPI   bool
	PropagationErrorBehavior PropagationError

	// Replication.
	ReplicaOf                   Address
	MasterAuth                  string
	MasterUser                  string
	ReplicaServeStaleData       bool
	ReplicaReadOnly             bool
	ReplicaLazyFlush            bool
	ReplicaIgnoreMaxMemory      bool
	ReplicaIgnoreDiskErrors     bool
	ReplicaPriority             int64
	ReplicaAnnounced            bool
	ReplicaAnnounceIP           string
	ReplicaAnnouncePort         int64
	ReplDisklessSync            bool
	ReplDisklessSyncDelay       int64 // seconds
	ReplDisklessSyncMaxReplicas int64
	ReplDisklessLoad            DisklessLoad
	ReplDisableTCPNodelay       bool
	ReplBacklogSize             int64 // bytes
	ReplBacklogTTL              int64 // seconds
	ReplTimeout                 int64 // seconds
	ReplPingReplicaPeriod       int64 // seconds
	MinReplicasToWrite          int64
	MinReplicasMaxLag           int64 // seconds

	// Cluster.
	ClusterEnabled                  bool
	ClusterPort                     int64
	ClusterConfigFile               string
	ClusterNodeTimeout              int64 // milliseconds
	ClusterPingInterval             int64 // milliseconds
	ClusterReplicaValidityFactor    int64
	ClusterMigrationBarrier         int64
	ClusterAllowReplicaMigration    bool
	ClusterRequireFullCoverage      bool
	ClusterReplicaNoFailover        bool
	ClusterAllowReadsWhenDown       bool
	ClusterAllowPubsubshardWhenDown bool
	ClusterLinkSendbufLimit         int64 // bytes
	ClusterAnnounceIP               string
	ClusterAnnouncePort             int64
	ClusterAnnounceTLSPort          int64
	ClusterAnnounceBusPort          int64
	ClusterAnnounceHostname         string
	ClusterAnnounceHumanNodename    string
	ClusterPreferredEndpointType    EndpointType

	// TLS.
	TLSPort                int64
	TLSCertFile            string
	TLSKeyFile             string
	TLSKeyFilePass         string
	TLSClientCertFile      string
	TLSClientKeyFile       string
	TLSClientKeyFilePass   string
	TLSDHParamsFile        string
	TLSCACertFile          string
	TLSCACertDir           string
	TLSAuthClients         AuthClients
	TLSReplication         bool
	TLSCluster             bool
	TLSProtocols           string
	TLSCiphers             string
	TLSCiphersuites        string
	TLSPreferServerCiphers bool
	TLSSessionCaching      bool
	TLSSessionCacheSize    int64
	TLSSessionCacheTimeout int64 // seconds
}

// SavePoint asks for a save once Changes writes have been made and Seconds have passed.
type SavePoint struct{ Seconds, Changes int64 }

// Address is a host and its port; an empty Host is no address.
type Address struct {
	Host string
	Port int64
}

// BufferLimit bounds the replies a client has not read: it is cut off at HardBytes, or when it has
// stayed above SoftBytes for SoftSeconds. 0 is no limit.
type BufferLimit struct{ HardBytes, SoftBytes, SoftSeconds int64 }

// BufferLimits holds a BufferLimit for each class of client.
type BufferLimits struct{ Normal, Replica, PubSub BufferLimit }
