// Clocks: the 24 bits an entry keeps about its use, for OBJECT IDLETIME and FREQ and for eviction.
//
// Under an LRU policy they are the seconds of the last use; under LFU, 16 bits of minutes and an
// 8-bit counter that grows with the logarithm of the uses and shrinks with time, as Redis's does.

package keyspace

import "sync/atomic"

// clockPolicy says what an entry's clock means: 0 LRU, 1 LFU.
type clockPolicy = uint32

// LFU's start value: a new key is not the first to be evicted (Redis's LFU_INIT_VAL).
const lfuStart = 5

const (
	clockBits = 1<<24 - 1
	lruUnitMs = 1000
	lfuUnitMs = 60_000
)

// SetLFU makes entries' clocks count use frequency, or the time of last use. logFactor and
// decayMinutes are lfu-log-factor and lfu-decay-time.
func (ks *Keyspace) SetLFU(on bool, logFactor, decayMinutes int) {
	ks.lfuLog.Store(int32(logFactor))
	ks.lfuDecay.Store(int32(decayMinutes))
	var p clockPolicy
	if on {
		p = 1
	}
	ks.policy.Store(p)
}

func (ks *Keyspace) clockPolicy() clockPolicy { return ks.policy.Load() }

func clockOf(p clockPolicy, ms int64) uint32 {
	if p == 0 {
		return uint32(ms/lruUnitMs) & clockBits
	}
	return uint32(ms/lfuUnitMs)&0xffff<<8 | lfuStart
}

// touch marks an entry as used now.
func (tx *Tx) touch(e entry) {
	if tx.ks.policy.Load() != 0 {
		e.setClock(tx.clock&^0xff | tx.lfuUse(e.clock()))
		return
	}
	if e.clock() != tx.clock {
		e.setClock(tx.clock)
	}
}

// lfuUse returns the counter after one more use: aged by the minutes since the last, then raised
// with a chance that falls as it grows.
func (tx *Tx) lfuUse(clock uint32) uint32 {
	counter := lfuAged(clock, tx.clock>>8, tx.ks.lfuDecay.Load())
	if counter == 255 {
		return counter
	}
	base := 0.0
	if counter > lfuStart {
		base = float64(counter - lfuStart)
	}
	if float64(tx.random()>>11)/(1<<53) < 1/(base*float64(tx.ks.lfuLog.Load())+1) {
		counter++
	}
	return counter
}

// lfuAged returns the counter of clock as of nowMinutes (16 bits).
func lfuAged(clock, nowMinutes uint32, decayMinutes int32) uint32 {
	counter := clock & 0xff
	if decayMinutes == 0 {
		return counter
	}
	idle := (nowMinutes - clock>>8) & 0xffff
	return counter - min(counter, idle/uint32(decayMinutes))
}

// IdleSeconds returns how long ago the existing key was used, by its LRU clock.
func (k *Key) IdleSeconds() int64 {
	return k.tx.ks.IdleSeconds(k.e.clock(), k.tx.now)
}

// Frequency returns the existing key's LFU counter.
func (k *Key) Frequency() int64 {
	return int64(k.tx.ks.Frequency(k.e.clock(), k.tx.now))
}

// SetIdleSeconds sets the clock of the existing key to s seconds ago; under LFU it does nothing.
func (k *Key) SetIdleSeconds(s int64) {
	if k.tx.ks.policy.Load() == 0 {
		k.e.setClock(uint32(k.tx.now/lruUnitMs-s) & clockBits)
	}
}

// Touch marks the existing key as used now, even where SetNoTouch says otherwise.
func (k *Key) Touch() { k.tx.touch(k.e) }

// Renew sets the clock of the existing key to that of a new one.
func (k *Key) Renew() { k.e.setClock(k.tx.clock) }

// SetFrequency sets the counter of the existing key; under LRU it does nothing.
func (k *Key) SetFrequency(f uint8) {
	if k.tx.ks.policy.Load() != 0 {
		k.e.setClock(k.tx.clock&^0xff | uint32(f))
	}
}

func (k *Key) clockOfNew() uint32 {
	if k.ref != 0 && k.tx.ks.policy.Load() != 0 {
		return k.e.clock()
	}
	return k.tx.clock
}

func (tx *Tx) random() uint64 {
	tx.rand ^= tx.rand << 13
	tx.rand ^= tx.rand >> 7
	tx.rand ^= tx.rand << 17
	return tx.rand
}

// lfuSettings are read by every touch under LFU.
type lfuSettings struct{ lfuLog, lfuDecay atomic.Int32 }

// Frequency returns the LFU counter of an entry whose clock is clock, as of now in Unix ms.
func (ks *Keyspace) Frequency(clock uint32, now int64) uint8 {
	return uint8(lfuAged(clock, uint32(now/lfuUnitMs)&0xffff, ks.lfuDecay.Load()))
}

// IdleSeconds returns how long ago an entry was used whose LRU clock is clock. now is Unix ms.
func (ks *Keyspace) IdleSeconds(clock uint32, now int64) int64 {
	return int64((uint32(now/lruUnitMs) - clock) & clockBits)
}
