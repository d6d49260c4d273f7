//go:build invariants

// Shown here: in invariants builds a heap knows whether its shard is locked, and Verify finds what is
// broken.

package keyspace

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestHeapKnowsItsLock(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 2, Databases: 1})
	tx := ks.NewTx()
	defer func() {
		if broken := recover(); broken == nil || !strings.Contains(broken.(string), "lock") {
			t.Errorf("a key was made without its shard's lock: %v", broken)
		}
	}()
	k := tx.Key(0, []byte("k"), ForWrite)
	_ = k.SetInt(1)
}

func TestVerifyFinds(t *testing.T) {
	for name, spoil := range map[string]func(sh *shard, e entry){
		"flags":            func(_ *shard, e entry) { *e.flags() |= 1 << 2 },
		"epoch":            func(_ *shard, e entry) { e.setEpoch(9) },
		"type":             func(_ *shard, e entry) { e.setKind(Hash, encRaw) },
		"encoding":         func(_ *shard, e entry) { e.setKind(String, 9) },
		"length":           func(_ *shard, e entry) { e.putVarint(lensAt+1, 100) },
		"deadline":         func(_ *shard, e entry) { e.putDeadline(e.layout(), 1_700_000_000_999) },
		"soonest deadline": func(sh *shard, _ entry) { sh.soonest.Store(never) },
		"key of another shard": func(sh *shard, e entry) {
			for name := e.keyBytes(e.layout()); ; {
				if name[0]++; int(sh.keyer.hash.sum(name)&1) != sh.number {
					break
				}
			}
		},
		"note of a key that is not there": func(sh *shard, _ entry) {
			hash := uint64(sh.number) // of no key
			sh.strays = &strays{map[uint64]*shard{hash: {dbs: sh.dbs}}, []uint64{hash}}
		},
		"count of strays": func(sh *shard, _ entry) { sh.guests++ },
	} {
		w := newWorld(t, 1, Options{Shards: 2, Databases: 1})
		a := w.newActor(rand.New(rand.NewPCG(1, 2)), usual, 1)
		a.tx.LockAll()
		k := a.tx.Key(0, []byte("the key"), ForWrite)
		if err := k.SetString([]byte("value"), Plain, 1_700_000_000_500); err != nil {
			t.Fatal(err)
		}
		l := k.e.layout()
		was := string(k.e.bytes(0, l.size()))
		soonest := k.sh.soonest.Load()
		spoil(k.sh, k.e)
		if err := a.tx.Verify(); err == nil {
			t.Errorf("%s: Verify finds nothing", name)
		}
		copy(k.e.bytes(0, l.size()), was)
		k.sh.soonest.Store(soonest)
		k.sh.strays, k.sh.guests = nil, 0
		if err := a.tx.Verify(); err != nil {
			t.Errorf("%s, put right: %v", name, err)
		}
		a.tx.Unlock()
	}
}
