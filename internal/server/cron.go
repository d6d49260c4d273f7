// Cron: what is done from time to time, apart from commands.
//
// Four jobs, each with a goroutine of its own: the cron proper, hz times a second (clients, save
// points, samples, title); the sweep of expired keys, which sleeps until the next deadline; the
// timeouts of blocked clients; and the freeing of what was flushed in the background. Only cron's look at clients and
// save points stops the world.

package server

import (
	"runtime"
	"time"

	"tarn/internal/clock"
	"tarn/internal/info"
	"tarn/internal/keyspace"
)

const (
	// sweepCap is how long one sweep of expired keys may work, and sweepRest how long it then
	// rests: a quarter of a processor, in slices too short to be seen as a stall.
	sweepCap  = time.Millisecond
	sweepRest = 3 * time.Millisecond
	sweepIdle = 100 * time.Millisecond

	freeRest = 200 * time.Microsecond // between slices of background freeing
	freeIdle = 100 * time.Millisecond

	// Go looks for garbage on its heap when the heap has doubled. After a large reply, or a command's
	// long arguments, that may never be, and meanwhile they count as memory in use: above garbageFloor
	// bytes it is told to look every garbageRest.
	garbageFloor = 32 << 20
	garbageRest  = 5 * time.Second

	sampleEvery = 100 * time.Millisecond
)

// rates are the instantaneous_* figures.
type rates struct {
	commands, netIn, netOut, cycles info.Rate
}

// cron runs the periodic job until the process ends.
func (s *Server) cron() {
	sampled, tidied := s.clock.Mono(), s.unixSeconds()
	for {
		hz := max(s.cfg().Hz, 1)
		time.Sleep(time.Second / time.Duration(hz))
		s.seconds.Store(uint32(s.clock.Millis() / 1000))
		if s.cronPaused.Load() {
			continue
		}
		began := s.clock.Mono()
		s.dispatcher.World.Alone(func() {
			if now := s.unixSeconds(); now != tidied {
				// Limits on clients are in seconds, and looking at all of them is work.
				tidied = now
				s.clients.tidy(s.cfg(), now)
			}
			if !s.dispatcher.IsLoading() {
				s.persist.Cron()
			}
		})
		if s.dispatcher.PauseOver(s.clock.Millis()) {
			s.resume()
		}
		if now := s.clock.Mono(); time.Duration(now-sampled) >= sampleEvery {
			sampled = now
			s.sample()
		}
		s.dispatcher.Journal().Kick() // of what no executor has
		s.network.release()           // perhaps replies need not wait for the disk any more
		clock.Refine()
		s.stats.cronTurns.Add(1)
		s.stats.cronNanos.Add(s.clock.Mono() - began)
	}
}

// sample takes the figures that are shown as rates and peaks.
func (s *Server) sample() {
	now := s.clock.Millis()
	const perSecond = 1000
	s.rates.commands.Sample(s.commandsProcessed(), now, perSecond)
	s.rates.netIn.Sample(s.stats.netIn.Load(), now, perSecond)
	s.rates.netOut.Sample(s.stats.netOut.Load(), now, perSecond)
	s.rates.cycles.Sample(s.turns(), now, perSecond)
	s.dispatcher.SetOverhead(goHeap())
	s.notePeak(s.usedMemory())
}

func (s *Server) notePeak(used int64) {
	for {
		peak := s.stats.peakMemory.Load()
		if used <= peak {
			return
		}
		if s.stats.peakMemory.CompareAndSwap(peak, used) {
			s.stats.peakSeconds.Store(s.clock.Millis() / 1000)
			return
		}
	}
}

// sweep deletes keys whose deadline has passed.
func (s *Server) sweep(tx *keyspace.Tx) {
	for {
		if s.cronPaused.Load() || s.dispatcher.IsLoading() {
			time.Sleep(sweepIdle)
			continue
		}
		began := s.clock.Mono()
		now := s.clock.Millis()
		next := tx.Sweep(now, sweepCap, func() time.Duration { return time.Duration(s.clock.Mono() - began) })
		s.stats.sweepNanos.Add(s.clock.Mono() - began)
		s.dispatcher.Sweep(tx)
		s.dispatcher.Journal().Kick()
		if next <= now+1 {
			time.Sleep(sweepRest)
			continue
		}
		time.Sleep(min(time.Duration(next-now)*time.Millisecond, sweepIdle))
	}
}

// free gives back the memory of what was flushed in the background, what the heaps hold idle, and
// what is garbage.
func (s *Server) free(tx *keyspace.Tx) {
	collected := s.clock.Mono()
	for {
		switch {
		case tx.FreeLazily():
			time.Sleep(freeRest)
		case s.keyspace.Trim():
			time.Sleep(freeRest)
		case s.clock.Mono()-collected > int64(garbageRest) && goHeap() > garbageFloor:
			runtime.GC()
			collected = s.clock.Mono()
		default:
			time.Sleep(freeIdle)
		}
	}
}

// resume lets every executor try its waiting commands again.
func (s *Server) resume() {
	s.network.resume()
	s.dispatcher.Retry()
}

// keeperNap is the longest that the keeper of time sleeps while somebody waits with a timeout: the
// wall clock may be set meanwhile.
const keeperNap = time.Second

// keepTime ends the waits of blocked clients when their time is over, until the process ends.
func (s *Server) keepTime() {
	w := s.dispatcher.NewWorker()
	world := &s.dispatcher.World
	timer := time.NewTimer(keeperNap)
	for {
		select {
		case <-timer.C:
		case <-s.dispatcher.Nudge:
		}
		world.Enter()
		w.Turn()
		now := s.clock.Millis()
		next, ok := w.Keep(now)
		s.dispatcher.Journal().Kick()
		world.Leave()
		timer.Stop()
		if ok {
			timer.Reset(min(time.Duration(next-now)*time.Millisecond, keeperNap))
		}
	}
}
