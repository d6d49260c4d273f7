// World: stopping everything for an instant.
//
// Every executor enters the world for a turn of work and leaves it to wait. Commands that look at
// other connections, or change what all commands rely on (CLIENT LIST, CONFIG SET, DEBUG, SAVE,
// SHUTDOWN), stop the world: they wait for the others' turns to end and then run alone. So the
// state of sessions and of the server needs no locks of its own. World comes before all shard locks.

package dispatch

import "sync"

// World is entered by all executors.
type World struct{ mu sync.RWMutex }

// Enter begins a turn of work.
func (w *World) Enter() { w.mu.RLock() }

// Leave ends it.
func (w *World) Leave() { w.mu.RUnlock() }

// Stop makes the caller, who is inside, be alone there.
func (w *World) Stop() {
	w.mu.RUnlock()
	w.mu.Lock()
}

// Resume lets the others in again.
func (w *World) Resume() {
	w.mu.Unlock()
	w.mu.RLock()
}

// Alone runs f with the world stopped, for a caller outside of it.
func (w *World) Alone(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}
