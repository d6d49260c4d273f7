// Schedules: times that come again, as crontab writes them.
//
// An expression has five fields (minute, hour, day of the month, month, day of the week) or a name such as
// @daily; a schedule is one or more of them. What the fields mean is the library's affair (docs/decisions/0022).
// Added here is what a server wants that must do its work on every day: a time that the clock leaps over in
// spring comes when the clock has leapt, and an expression that never comes is refused.

// Package cron reads schedules as crontab writes them, and tells when they come next.
package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

const fieldCount = 5

// names are the words that stand for an expression.
var names = map[string]bool{"@hourly": true, "@daily": true, "@midnight": true, "@weekly": true, "@monthly": true, "@yearly": true, "@annually": true}

// A Schedule is a set of times. The zero Schedule has none.
type Schedule struct {
	text    string
	entries []*cronexpr.Expression
}

// Parse reads expressions with a semicolon between two; an empty text is the zero Schedule. Errors say what
// is wrong, in words for the person who wrote it.
func Parse(text string) (Schedule, error) {
	if strings.TrimSpace(text) == "" {
		return Schedule{}, nil
	}
	var s Schedule
	var texts []string
	for part := range strings.SplitSeq(text, ";") {
		entry, words, err := parseEntry(part)
		if err != nil {
			return Schedule{}, err
		}
		s.entries = append(s.entries, entry)
		texts = append(texts, words)
	}
	s.text = strings.Join(texts, "; ")
	return s, nil
}

// parseEntry reads one expression, and returns it with single blanks too.
func parseEntry(text string) (entry *cronexpr.Expression, words string, err error) {
	fields := strings.Fields(text)
	words = strings.Join(fields, " ")
	switch {
	case len(fields) == 0:
		return nil, "", errors.New("an expression is missing at a semicolon")
	case len(fields) == 1 && names[strings.ToLower(words)]:
		words = strings.ToLower(words)
	case strings.HasPrefix(words, "@"):
		return nil, "", fmt.Errorf("unknown name '%s': there are @hourly, @daily, @weekly, @monthly and @yearly", words)
	case len(fields) != fieldCount:
		return nil, "", fmt.Errorf("'%s' has %d fields; five are needed: minute, hour, day of the month, month, day of the week", words, len(fields))
	}
	entry, err = cronexpr.Parse(words)
	if err != nil {
		return nil, "", fmt.Errorf("'%s': %w", words, err)
	}
	// A leap year is at most eight years away.
	if entry.Next(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, "", fmt.Errorf("'%s' never comes", words)
	}
	return entry, words, nil
}

// String returns what Parse reads, with single blanks.
func (s Schedule) String() string { return s.text }

// IsZero tells whether the schedule has no times.
func (s Schedule) IsZero() bool { return len(s.entries) == 0 }

// Next returns the first time of the schedule after t, on the clocks of t's zone; the zero time when there is
// none.
func (s Schedule) Next(t time.Time) time.Time {
	var next time.Time
	for _, entry := range s.entries {
		if at := nextOf(entry, t); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// nextOf returns the first time of an expression after t. The library passes over a time that is not on the
// clock that day. So the clock's face is asked too, as if there were no leaps: a time that it shows and the
// zone does not have comes as much later as the leap is wide.
func nextOf(entry *cronexpr.Expression, t time.Time) time.Time {
	next := entry.Next(t)
	face := entry.Next(asFace(t))
	if next.IsZero() || face.IsZero() {
		return next
	}
	at := time.Date(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), 0, 0, t.Location())
	missed := face.Sub(asFace(at)) // Date takes the hour before the leap, or that after it
	if missed == 0 {
		return next
	}
	if at = at.Add(max(missed, 0)); at.After(t) && at.Before(next) {
		return at
	}
	return next
}

// asFace is what a clock on the wall shows at t.
func asFace(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}
