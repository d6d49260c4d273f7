// Shown here: the keyspace answers as plain maps do, and is sound, whatever is done to it in whatever
// order, in one shard and in many. An iteration by Scan sees each key that stays. Fuzzing draws
// the operations from its input instead.

package keyspace

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"

	"tarn/internal/mem"
	"tarn/test/chance"
)

// oddTexts read nearly as integers.
var oddTexts = []string{"", "0", "-0", "-", "+1", "01", "-01", " 1", "1 ", "1e3", "9223372036854775807", "9223372036854775808",
	"-9223372036854775808", "-9223372036854775809", "2147483648", "99999999999999999999", "000000000000000000001", "1\x00"}

// isInteger tells whether a text is the one that a 64-bit integer is written as.
func isInteger(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}

func TestAgainstModel(t *testing.T) {
	rounds := 24
	if underRace {
		rounds = 6
	}
	for round := range rounds {
		seed := chance.Seed(t)
		r := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, seed, Options{Shards: 1 << (2 * (round % 3)), Databases: 3})
		a := w.newActor(r, swarm(r), 1<<r.IntN(12))
		a.large = []int{0, 0, 50, 10}[r.IntN(4)]
		s := &scanning{a: a}
		for step := range 1500 {
			a.step()
			s.step()
			if step%250 == 0 || a.keys < 10 && step%10 == 0 {
				a.check()
			}
		}
		a.check()
		if t.Failed() {
			return
		}
	}
}

// scanning is an iteration by Scan that goes on between other operations.
type scanning struct {
	a      *actor
	db     int
	cursor uint64
	under  bool
	stays  map[string]bool // keys that have been there since the iteration began
	seen   map[string]bool
}

// step takes the iteration one call further. What has been deleted or flushed, or has expired, in
// between is not among the keys that stay.
func (s *scanning) step() {
	a := s.a
	a.tx.LockAll()
	defer a.tx.Unlock()
	a.tx.SetNow(a.now.Load())
	if !s.under {
		*s = scanning{a: a, db: a.db(), under: true, stays: map[string]bool{}, seen: map[string]bool{}}
		for name, h := range a.clone()[s.db] {
			if h.live(a.tx.Now()) {
				s.stays[name] = true
			}
		}
	}
	for name := range s.stays {
		if h, ok := a.model(s.db, []byte(name))[name]; !ok || !h.live(a.tx.Now()) {
			delete(s.stays, name)
		}
	}
	s.cursor = a.tx.Scan(s.db, s.cursor, func(k *Key) {
		h, ok := a.model(s.db, k.Name())[string(k.Name())]
		if !ok || !h.live(a.tx.Now()) {
			a.fatalf("Scan finds %.60q of %d: %v, %t", k.Name(), s.db, h, ok)
		}
		s.seen[string(k.Name())] = true
	})
	if s.cursor != 0 {
		return
	}
	s.under = false
	for name := range s.stays {
		if !s.seen[name] {
			a.fatalf("Scan of %d has missed %.60q, which was there all the time", s.db, name)
		}
	}
}

// tape is a source of chance that is read from bytes, and from a generator when they are used up.
type tape struct {
	b    []byte
	rest rand.PCG
}

func (t *tape) Uint64() uint64 {
	if len(t.b) < 4 {
		return t.rest.Uint64()
	}
	word := binary.LittleEndian.Uint32(t.b)
	t.b = t.b[4:]
	return uint64(word)<<32 | 1<<31
}

func FuzzOperations(f *testing.F) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(uint8(seed), b)
	}
	f.Fuzz(func(t *testing.T, shards uint8, b []byte) {
		r := rand.New(&tape{b: b[:min(len(b), 4000)]})
		w := newWorld(t, 0, Options{Shards: 1 << (shards % 4), Databases: 2, Heap: mem.Options{Reserve: 64 << 20}})
		a := w.newActor(r, usual, 40)
		a.large = 30
		for range min(len(b), 4000) / 16 {
			a.step()
		}
		a.check()
	})
}
