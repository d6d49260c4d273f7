// How often each error code was replied.
//
// A code is the first word of an error reply. Codes are few, but scripts make up their own, so the
// table is bounded: the 129th code empties it, leaves the one entry ERRORSTATS_DISABLED, and stops the
// counting by code until CONFIG RESETSTAT. The total goes on. This is Redis 7.2's behaviour, by its
// documentation and tests.

package info

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"sync"
)

const (
	errorCodesMax      = 128
	errorCodeBytesMax  = 30
	errorStatsDisabled = "ERRORSTATS_DISABLED"
)

// ErrorStats counts error replies. Its methods may be called from any goroutine.
type ErrorStats struct {
	// OnFlood, unless nil, is called when there are too many codes, with those counted so far.
	// It must not call back.
	OnFlood func(codes []string)

	mu       sync.Mutex // guards what follows
	counts   map[string]*int64
	total    int64
	disabled bool
}

// Count counts an error reply, given by its text without the leading '-'. The code is the first
// word; when it would be longer than 30 bytes or there is no second word, it is ERR. It does not
// allocate for a code that is known.
func (e *ErrorStats) Count(text []byte) {
	code := []byte("ERR")
	if end := bytes.IndexByte(text[:min(len(text), errorCodeBytesMax+1)], ' '); end >= 0 {
		code = text[:end]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.total++
	if e.disabled {
		return
	}
	if count := e.counts[string(code)]; count != nil {
		*count++
		return
	}
	if len(e.counts) >= errorCodesMax {
		e.disable()
		return
	}
	if e.counts == nil {
		e.counts = map[string]*int64{}
	}
	first := int64(1)
	e.counts[string(code)] = &first
}

func (e *ErrorStats) disable() {
	codes := slices.Sorted(maps.Keys(e.counts))
	once := int64(1)
	e.counts = map[string]*int64{errorStatsDisabled: &once}
	e.disabled = true
	if e.OnFlood != nil {
		e.OnFlood(codes)
	}
}

// Total is the number of error replies (total_error_replies).
func (e *ErrorStats) Total() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total
}

// Reset forgets everything and counts by code again.
func (e *ErrorStats) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts, e.total, e.disabled = nil, 0, false
}

// InfoFields are the section errorstats and the total.
func (e *ErrorStats) InfoFields() []Field {
	return []Field{
		Lines("errorstats", "errorstat_*", "Error replies with this code.", e.appendErrorStats),
		Count("stats", "total_error_replies", "Error replies sent, also those of scripts and transactions.", e.Total),
	}
}

func (e *ErrorStats) appendErrorStats(b []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, code := range slices.Sorted(maps.Keys(e.counts)) {
		b = appendSafe(append(b, "errorstat_"...), code)
		b = strconv.AppendInt(append(b, ":count="...), *e.counts[code], 10)
		b = append(b, "\r\n"...)
	}
	return b
}
