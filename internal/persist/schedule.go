// Schedule: when a save starts by itself.

package persist

import "tarn/internal/keyspace"

// retrySeconds is how long a failed save in the background is not tried again by itself.
const retrySeconds = 5

// Cron starts a save when a save point is met or one was scheduled. It is called hz times a second,
// with the world stopped: what it starts must not meet a command that saves, or a shutdown.
func (p *Store) Cron() {
	c := p.o.Config.Current()
	now := p.o.Clock.Millis() / 1000
	p.mu.Lock()
	busy, scheduled := p.job != nil, p.scheduled
	mayTry := !p.failed || now-p.lastTry > retrySeconds
	p.mu.Unlock()
	if busy || !mayTry {
		return
	}
	changes := p.Changes()
	for _, point := range c.Save {
		if changes >= point.Changes && now-p.LastSave() > point.Seconds {
			p.o.Log.Notice("%d changes in %d seconds. Saving...", point.Changes, point.Seconds)
			_ = p.start(p.cronTx()) // a failure is logged and tried again
			return
		}
	}
	if scheduled && p.start(p.cronTx()) == nil {
		p.mu.Lock()
		p.scheduled = false
		p.mu.Unlock()
	}
}

// cronTx returns the Tx that Cron cuts with: Cron has one goroutine.
func (p *Store) cronTx() *keyspace.Tx {
	if p.cron == nil {
		p.cron = p.o.Keyspace.NewTx()
	}
	return p.cron
}
