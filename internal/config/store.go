// The Store: the Config in force, and the only way to change it.
//
// Readers take Current once per command and keep it: a Config never changes. A change is made to a
// copy, checked whole, published by one atomic store, and told to the rooms that watch the directives
// which changed. If one of them cannot follow, the old Config is published again and those that had
// followed are called with old and new exchanged: all or nothing, as CONFIG SET promises.
//
// What must hold: one change at a time (mu); a hook neither calls Set nor Update; a hook that fails
// leaves its room as it was.

// Package config holds every directive, declared once: the server's settings, where they come from
// (defaults, a file, the command line, CONFIG SET) and how they are printed and written back.
package config

import (
	"slices"
	"sync"
	"sync/atomic"

	"tarn/internal/vfs"
)

// A Hook makes a room follow a change from old to new. If it fails it must have changed nothing; its
// error is what the client is shown.
type Hook func(old, new *Config) error

type watcher struct {
	rows []*Directive
	hook Hook
}

// Store holds the Config in force. It is made by New or Load. Methods may be called from any
// goroutine.
type Store struct {
	now atomic.Pointer[Config]

	mu       sync.Mutex // one change at a time; guards the rest
	watchers []watcher
	files    vfs.FS
	path     string // of the file that was loaded, absolute, or ""
	explicit map[*Directive]origin
}

// origin is where a directive was set at start.
type origin struct {
	line int
	text string
}

// New returns a Store with all defaults and the given working folder, which must be absolute.
func New(files vfs.FS, dir string) *Store {
	s := &Store{files: files, explicit: map[*Directive]origin{}}
	c := *defaults
	c.Dir = dir
	s.now.Store(&c)
	return s
}

// Current returns the Config in force, which the caller must not change.
func (s *Store) Current() *Config { return s.now.Load() }

// Default returns a Config with all defaults, which the caller must not change.
func Default() *Config { return defaults }

// Watch has hook called after each change of one of the named directives, in the order of the calls
// of Watch. It panics when there is no such directive.
func (s *Store) Watch(hook Hook, names ...string) {
	w := watcher{hook: hook}
	for _, name := range names {
		d := Lookup(name)
		if d == nil {
			panic("config: watching an unknown directive: " + name)
		}
		w.rows = append(w.rows, d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, w)
}

// Update lets the server itself change directives, AtStart ones too, when a command other than CONFIG SET has
// that effect or the system grants less than was asked for. Hooks are not called.
func (s *Store) Update(change func(c *Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := *s.now.Load()
	change(&c)
	s.now.Store(&c)
}

// failure is a hook's refusal and the directive it may be about.
type failure struct {
	row *Directive
	err error
}

// publish puts new in force and calls the hooks that watch a changed row. The caller holds mu.
func (s *Store) publish(old, new *Config, changed []*Directive) *failure {
	s.now.Store(new)
	var followed []Hook
	for _, w := range s.watchers {
		row := firstCommon(changed, w.rows)
		if row == nil {
			continue
		}
		if err := w.hook(old, new); err != nil {
			s.now.Store(old)
			for _, hook := range slices.Backward(followed) {
				// Going back to what held a moment ago is not refused; if the world has changed
				// meanwhile the room keeps what it can, and the Config says what was asked for.
				_ = hook(new, old)
			}
			return &failure{row, err}
		}
		followed = append(followed, w.hook)
	}
	return nil
}

// firstCommon returns the first of changed that is also in rows, or nil.
func firstCommon(changed, rows []*Directive) *Directive {
	for _, d := range changed {
		if slices.Contains(rows, d) {
			return d
		}
	}
	return nil
}
