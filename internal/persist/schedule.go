// Schedule: when a save, a rewrite or a backup starts by itself.

package persist

import (
	"errors"
	"fmt"

	"tarn/internal/config"
	"tarn/internal/keyspace"
)

// retrySeconds is how long a failed save in the background is not tried again by itself.
const retrySeconds = 5

// Cron starts what is due, in Redis's order: a rewrite of the log that was scheduled, a save whose save
// point is met, a rewrite since the log has grown, a save that was scheduled; then a backup. It is called hz
// times a second, with the world stopped: what it starts must not meet a command that saves, or a shutdown.
func (p *Store) Cron() {
	c := p.o.Config.Current()
	p.backupCron(c)
	if p.awaitsLock() {
		return
	}
	p.mu.Lock()
	refused := p.host.refused
	p.mu.Unlock()
	p.startDue(c)
	p.noteWait(refused)
}

// startDue starts the first of what is due.
func (p *Store) startDue(c *config.Config) {
	now := p.o.Clock.Millis() / 1000
	p.mu.Lock()
	busy, scheduled := p.job != nil, p.scheduled
	mayTry := !p.failed || now-p.lastTry > retrySeconds
	rewrite := !busy && p.log.scheduled && !p.limited(now)
	p.mu.Unlock()
	if rewrite {
		p.rewriteDue("")
	}
	if busy || p.running() != nil {
		return
	}
	if mayTry && p.savePoint(c, now) {
		return
	}
	if growth, due := p.grown(c, now); due {
		p.rewriteDue(fmt.Sprintf("Starting automatic rewriting of AOF on %d%% growth", growth))
		return
	}
	if mayTry && scheduled && p.start(p.cronTx(), "") == nil {
		p.mu.Lock()
		p.scheduled = false
		p.mu.Unlock()
	}
	if p.running() == nil && p.backupDue() {
		_ = p.startBackup(p.cronTx()) // a failure is logged, and seen in INFO
	}
}

// rewriteDue starts a rewrite that is due. One that is refused counts as failed: nobody was told of it, and it
// would be refused again at once.
func (p *Store) rewriteDue(why string) {
	err := p.startRewrite(why)
	var held *heldError
	if err == nil || err == ErrInProgress || errors.As(err, &held) {
		return
	}
	p.mu.Lock()
	p.log.failures++
	p.mu.Unlock()
}

// savePoint starts a save if a save point is met, and tells whether one is.
func (p *Store) savePoint(c *config.Config, now int64) bool {
	changes := p.Changes()
	for _, point := range c.Save {
		if changes >= point.Changes && now-p.LastSave() > point.Seconds {
			why := fmt.Sprintf("%d changes in %d seconds. Saving...", point.Changes, point.Seconds)
			_ = p.start(p.cronTx(), why) // a failure is logged and tried again
			return true
		}
	}
	return false
}

// grown tells whether the log has grown so much, in percent, that it is to be rewritten.
func (p *Store) grown(c *config.Config, now int64) (growth int64, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := p.log.size.Load()
	if p.log.state != logOn || c.AutoAOFRewritePercentage == 0 || size <= c.AutoAOFRewriteMinSize {
		return 0, false
	}
	growth = size*100/max(p.log.baseSize, 1) - 100
	return growth, growth >= c.AutoAOFRewritePercentage && !p.limited(now)
}

// cronTx returns the Tx that Cron cuts with: Cron has one goroutine.
func (p *Store) cronTx() *keyspace.Tx {
	if p.cron == nil {
		p.cron = p.o.Keyspace.NewTx()
	}
	return p.cron
}
