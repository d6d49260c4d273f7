// Directives whose value is one word of a list, or several: a type and its constants for each.
//
// A constant's number is the place of its word in the list beside the type, which is also the order
// of the words in the error text a client sees.

package config

// LogLevel is the least important kind of message that is logged.
type LogLevel uint8

// The levels, most talkative first.
const (
	LogDebug LogLevel = iota
	LogVerbose
	LogNotice
	LogWarning
	LogNothing
)

var logLevelWords = []string{"debug", "verbose", "notice", "warning", "nothing"}

// Policy says which keys may be evicted when memory is full.
type Policy uint8

// The policies. LRU takes the longest unused, LFU the least often used, TTL the soonest to expire.
const (
	VolatileLRU Policy = iota
	VolatileLFU
	VolatileRandom
	VolatileTTL
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
	NoEviction
)

var policyWords = []string{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
	"allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"}

// LFU tells whether the policy counts accesses rather than remembering the last one.
func (p Policy) LFU() bool { return p == VolatileLFU || p == AllKeysLFU }

// String returns the policy's word.
func (p Policy) String() string { return policyWords[p] }

// Access says who may use a group of commands or directives.
type Access uint8

// Nobody, everybody, or clients on the same machine.
const (
	ProtectedNo Access = iota
	ProtectedYes
	ProtectedLocal
)

var accessWords = []string{"no", "yes", "local"}

// Allows tells whether a client may pass; local says that it is on the same machine.
func (a Access) Allows(local bool) bool { return a == ProtectedYes || a == ProtectedLocal && local }

// AppendFsync says when the append-only log is forced to disk.
type AppendFsync uint8

// Once a second, before each reply, or when the system likes.
const (
	FsyncEverySec AppendFsync = iota
	FsyncAlways
	FsyncNo
)

var appendFsyncWords = []string{"everysec", "always", "no"}

// Supervisor is the init system to report to.
type Supervisor uint8

// The supervisors.
const (
	SupervisedUpstart Supervisor = iota
	SupervisedSystemd
	SupervisedAuto
	SupervisedNo
)

var supervisorWords = []string{"upstart", "systemd", "auto", "no"}

// SyslogFacility is the facility that log messages carry in syslog.
type SyslogFacility uint8

var syslogFacilityWords = []string{"user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// OOMScoreAdj says whether and how oom-score-adj-values are given to the kernel.
type OOMScoreAdj uint8

// Not at all; added to the score at start (two words for it); as they stand.
const (
	OOMNo OOMScoreAdj = iota
	OOMYes
	OOMRelative
	OOMAbsolute
)

var oomScoreAdjWords = []string{"no", "yes", "relative", "absolute"}

// PubsubDefault is the right to channels that a new user starts with.
type PubsubDefault uint8

// All channels or none.
const (
	AllChannels PubsubDefault = iota
	ResetChannels
)

var pubsubDefaultWords = []string{"allchannels", "resetchannels"}

// Sanitize says whether values received whole are examined before use.
type Sanitize uint8

// Never, always, or when a client sent them by RESTORE.
const (
	SanitizeNo Sanitize = iota
	SanitizeYes
	SanitizeClients
)

var sanitizeWords = []string{"no", "yes", "clients"}

// DisklessLoad says whether a replica may load a full sync from the socket.
type DisklessLoad uint8

// From a file; from the socket if there is nothing to lose; beside the old data.
const (
	DisklessDisabled DisklessLoad = iota
	DisklessOnEmptyDB
	DisklessSwapDB
)

var disklessLoadWords = []string{"disabled", "on-empty-db", "swapdb"}

// EndpointType is what a cluster node calls itself in redirections.
type EndpointType uint8

// An address, a name, or nothing.
const (
	EndpointIP EndpointType = iota
	EndpointHostname
	EndpointUnknown
)

var endpointTypeWords = []string{"ip", "hostname", "unknown-endpoint"}

// PropagationError says what happens when a propagated command fails where it is applied.
type PropagationError uint8

// Go on; stop the process; stop it on a replica.
const (
	PropagationIgnore PropagationError = iota
	PropagationPanic
	PropagationPanicOnReplicas
)

var propagationErrorWords = []string{"ignore", "panic", "panic-on-replicas"}

// AuthClients says whether a TLS client must show a certificate.
type AuthClients uint8

// It need not, it must, it may.
const (
	AuthClientsNo AuthClients = iota
	AuthClientsYes
	AuthClientsOptional
)

var authClientsWords = []string{"no", "yes", "optional"}

// ShutdownFlags says how a signal ends the server; 0 is the default way: save if there are save
// points, wait for replicas, give up when the save fails.
type ShutdownFlags uint8

// The flags.
const (
	ShutdownSave   ShutdownFlags = 1 << iota // save even without save points
	ShutdownNoSave                           // do not save
	ShutdownNow                              // do not wait for replicas
	ShutdownForce                            // end even when saving fails
)

var shutdownWords = []string{"save", "nosave", "now", "force"}

// NotifyFlags are the classes of events that are published, and the channels they go to.
type NotifyFlags uint32

// The classes, in the order in which they print.
const (
	NotifyGeneric  NotifyFlags = 1 << iota // g
	NotifyString                           // $
	NotifyList                             // l
	NotifySet                              // s
	NotifyHash                             // h
	NotifyZSet                             // z
	NotifyExpired                          // x
	NotifyEvicted                          // e
	NotifyStream                           // t
	NotifyModule                           // d
	NotifyNew                              // n
	NotifyKeyspace                         // K
	NotifyKeyevent                         // E
	NotifyMiss                             // m

	// NotifyAll is the letter A: every class of change to a key, but not misses and new keys.
	NotifyAll = NotifyGeneric | NotifyString | NotifyList | NotifySet | NotifyHash | NotifyZSet |
		NotifyExpired | NotifyEvicted | NotifyStream | NotifyModule
)

const notifyLetters = "g$lshzxetdnKEm"
