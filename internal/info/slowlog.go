// The slow log: the last commands that took longer than a limit.
//
// Whoever runs commands compares the duration with the limit itself, which is one comparison, and
// calls Add for the few that exceed it. What is kept of a command is bounded: 32 arguments of 128
// bytes each, with a note of what was left out.

package info

import (
	"strconv"
	"sync"
)

const (
	slowArgsMax     = 32
	slowArgBytesMax = 128
)

// SlowEntry is one command that was slow. It is not changed once it is in the log.
type SlowEntry struct {
	ID         int64 // grows by 1 from 0, also across Reset
	UnixTime   int64 // seconds
	Micros     int64 // how long it took
	Args       []string
	ClientAddr string
	ClientName string
}

// SlowLog keeps the most recent slow commands. Its methods may be called from any goroutine.
type SlowLog struct {
	mu      sync.Mutex // guards what follows
	nextID  int64
	limit   int
	entries []SlowEntry // oldest first
}

// NewSlowLog returns a log that keeps up to limit entries (slowlog-max-len).
func NewSlowLog(limit int) *SlowLog { return &SlowLog{limit: limit} }

// SetLimit changes how many entries are kept. Superfluous ones go at the next Add, as in Redis.
func (l *SlowLog) SetLimit(limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = limit
}

// Add logs a command. args are copied, entry's ID and Args are filled in.
func (l *SlowLog) Add(entry SlowEntry, args [][]byte) {
	entry.Args = keepArgs(args)
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.ID = l.nextID
	l.nextID++
	l.entries = append(l.entries, entry)
	if extra := len(l.entries) - l.limit; extra > 0 {
		clear(l.entries[:extra]) // so that what they point to is freed
		l.entries = l.entries[extra:]
	}
}

// keepArgs copies what the log keeps of a command.
func keepArgs(args [][]byte) []string {
	kept := make([]string, 0, min(len(args), slowArgsMax))
	for i, arg := range args {
		if i == slowArgsMax-1 && len(args) > slowArgsMax {
			left := strconv.Itoa(len(args) - i)
			return append(kept, "... ("+left+" more arguments)")
		}
		if extra := len(arg) - slowArgBytesMax; extra > 0 {
			kept = append(kept, string(arg[:slowArgBytesMax])+"... ("+strconv.Itoa(extra)+" more bytes)")
			continue
		}
		kept = append(kept, string(arg))
	}
	return kept
}

// Latest returns up to count entries, newest first; all of them if count is negative.
func (l *SlowLog) Latest(count int) []SlowEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if count < 0 || count > len(l.entries) {
		count = len(l.entries)
	}
	latest := make([]SlowEntry, count)
	for i := range latest {
		latest[i] = l.entries[len(l.entries)-1-i]
	}
	return latest
}

// Len is the number of entries.
func (l *SlowLog) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// Reset removes all entries.
func (l *SlowLog) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}
