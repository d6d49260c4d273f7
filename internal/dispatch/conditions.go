// Conditions: what other rooms tell the dispatcher about the server's state.

package dispatch

import "tarn/internal/resp"

// set makes a condition hold or not.
func (d *Dispatcher) set(bit uint32, on bool) {
	if on {
		d.state.Or(bit)
	} else {
		d.state.And(^bit)
	}
}

// SetLoading says whether the data set is being loaded: most commands are refused meanwhile.
func (d *Dispatcher) SetLoading(on bool) { d.set(Loading, on) }

// IsLoading tells whether the data set is being loaded.
func (d *Dispatcher) IsLoading() bool { return d.state.Load()&Loading != 0 }

// RefuseWrites makes commands that change keys fail with reason; "" lets them again.
func (d *Dispatcher) RefuseWrites(reason resp.Error) {
	if reason != "" {
		d.reason.Store(&reason)
	}
	d.set(Misconf, reason != "")
}

// SetBehind puts off commands that change keys, or lets them run again: the log is behind. The caller
// then has the commands that wait tried again.
func (d *Dispatcher) SetBehind(on bool) { d.set(Behind, on) }

// SetOverhead tells how much memory is used besides the keyspace's, in bytes.
func (d *Dispatcher) SetOverhead(bytes int64) { d.overhead.Store(bytes) }

// checkMemory finds out whether more memory is used than limit allows; 0 is no limit.
func (d *Dispatcher) checkMemory(limit int64) {
	over := limit > 0 && int64(d.env.Keyspace.UsedMemory())+d.overhead.Load() > limit
	if over != (d.state.Load()&OverMemory != 0) {
		d.set(OverMemory, over)
	}
}

// Pause holds commands back until a Unix time in ms: all, or those that may change keys. It is
// never shortened or weakened by a later one that runs at the same time.
func (d *Dispatcher) Pause(until int64, all bool) {
	if d.state.Load()&Paused != 0 {
		until = max(until, d.pauseUntil.Load())
		all = all || d.pauseAll.Load()
	}
	d.pauseUntil.Store(until)
	d.pauseAll.Store(all)
	d.set(Paused, true)
	d.env.Keyspace.PauseExpiry(true)
}

// Unpause ends Pause. The caller wakes the commands that wait.
func (d *Dispatcher) Unpause() {
	d.set(Paused, false)
	d.env.Keyspace.PauseExpiry(false)
}

// PauseOver ends a pause whose time is over, and tells whether it did. now is Unix ms.
func (d *Dispatcher) PauseOver(now int64) bool {
	if d.state.Load()&Paused == 0 || now < d.pauseUntil.Load() {
		return false
	}
	d.Unpause()
	return true
}
