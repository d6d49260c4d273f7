// Session: what the server remembers of a connection between its commands.
//
// It is kept small, since most connections are idle: what few of them use stands behind More. The
// fields are the session's own loop's; others read or change them only while the world is stopped
// (dispatch.World), except for Touch.

package command

import (
	"sync/atomic"

	"tarn/internal/keyspace"
)

// State holds a session's unusual conditions, as bits. Zero is the common case.
type State uint32

// Conditions of a session.
const (
	Unauthenticated State = 1 << iota // AUTH is needed first
	InMulti                           // commands are queued
	MultiError                        // a command was refused while queueing: EXEC aborts
	ReplyOff                          // CLIENT REPLY OFF
	ReplySkipNext                     // CLIENT REPLY SKIP was this command: the next one's reply is dropped
	ReplySkip                         // this command's reply is dropped
	Closing                           // to be closed once its replies are sent
	Killed                            // to be closed at once
	Parked                            // a command waits: for a save, for a pause to end
	Blocked                           // a blocking command waits for its keys
	Streaming                         // the rest of a long reply is being written: More.Rest
	Watching                          // has keys watched
	Replaying                         // runs what a log holds

	// The conditions below do not change what a command does.
	NoEvict // CLIENT NO-EVICT
	NoTouch // CLIENT NO-TOUCH
	Unix    // came over the unix socket
	Pausing // parked by CLIENT PAUSE
)

// Unusual are the conditions under which a command cannot take the shortest way.
const Unusual = Unauthenticated | InMulti | MultiError | ReplyOff | ReplySkipNext | ReplySkip | Killed | Replaying

// Session is one connection's state.
type Session struct {
	ID      int64
	Conn    Conn
	LastCmd *Spec
	More    *More
	State   State
	DB      int32
	Created uint32 // Unix s
	Active  uint32 // Unix s of the last command
	Proto   uint8  // resp.RESP2 or resp.RESP3
	changed atomic.Bool
}

// More is what few sessions have.
type More struct {
	Name, LibName, LibVersion string
	User                      string // "" is the default user
	Queue                     []Queued
	QueueBytes                int64 // memory that the queue takes
	Watched                   []WatchedKey
	Rest                      *keyspace.Reading // of the reply under way, in state Streaming
}

// Queued is a command that waits for EXEC. Its arguments are its own.
type Queued struct {
	Spec *Spec
	Args [][]byte
}

// WatchedKey is a key under WATCH. Expired says that its deadline had already passed.
type WatchedKey struct {
	DB      int
	Name    string
	Expired bool
}

// Conn is a session's connection.
type Conn interface {
	Addr() string      // of the peer, "ip:port" or "path:0"
	LocalAddr() string // of the server
	FD() int
	Buffers() Buffers
}

// Buffers are the bytes that a connection holds.
type Buffers struct {
	Query, QueryFree   int // unprocessed input; room left for more
	Args               int // of the command under way
	Reply, ReplyPeak   int // size of the reply buffer now, and its highest
	ReplyUsed          int // bytes in it not yet sent
	Output             int // bytes beyond it not yet sent
	OutputChunks       int
	Total              int
	Readable, Writable bool // polled for
}

// Clients are the sessions of a server. The world is stopped while its methods run.
type Clients interface {
	// Each calls f with every session, oldest first, until it returns false.
	Each(f func(*Session) bool)
	// Kill closes a session: after its replies when it is the caller's own.
	Kill(s, caller *Session)
	// Pause holds back commands until a Unix time in ms: all, or those that may change keys.
	Pause(until int64, all bool)
	// Unpause ends Pause.
	Unpause()
	// Unblock ends a session's blocking command, with an error or as by timeout. It reports false
	// when the session is not blocked.
	Unblock(s *Session, withError bool) bool
}

// Extra returns the session's More, made on first use.
func (s *Session) Extra() *More {
	if s.More == nil {
		s.More = new(More)
	}
	return s.More
}

// Aside returns the bytes of the long reply under way that had to be made before they could be sent.
func (s *Session) Aside() int64 {
	if s.More == nil || s.More.Rest == nil {
		return 0
	}
	return s.More.Rest.Aside()
}

// DropRest ends the long reply that is being written, if there is one. No shard is locked.
func (s *Session) DropRest() {
	if s.State&Streaming != 0 {
		s.State &^= Streaming
		s.More.Rest.Drop()
		s.More.Rest = nil
	}
}

// Name returns the name given by CLIENT SETNAME.
func (s *Session) Name() string {
	if s.More == nil {
		return ""
	}
	return s.More.Name
}

// Touch tells the session that a key it watches has changed. Any thread may call it.
func (s *Session) Touch() { s.changed.Store(true) }

// Changed tells whether a watched key has changed since WATCH.
func (s *Session) Changed() bool { return s.changed.Load() }

// Unwatch forgets all watched keys. Their shards must not be locked.
func (s *Session) Unwatch(tx *keyspace.Tx) {
	if s.State&Watching != 0 {
		for _, w := range s.More.Watched {
			name := []byte(w.Name)
			tx.LockHash(tx.Hash(name))
			tx.Unwatch(w.DB, name, s)
			tx.Unlock()
		}
		s.More.Watched = nil
		s.State &^= Watching
	}
	s.changed.Store(false)
}

// DropQueue ends MULTI: what was queued is forgotten.
func (s *Session) DropQueue() {
	s.State &^= InMulti | MultiError
	if s.More != nil {
		s.More.Queue, s.More.QueueBytes = nil, 0
	}
}
