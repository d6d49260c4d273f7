// Benchmarks of single-key commands' work on a keyspace of 16-byte keys and 64-byte values, what a key
// costs in memory, and the pause of a cut.

package keyspace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"tarn/internal/clock"
)

const (
	benchShards = 16
	benchValue  = 64
)

func putName(name []byte, i int) {
	binary.LittleEndian.PutUint64(name, uint64(i))
	binary.LittleEndian.PutUint64(name[8:], uint64(i)*0x9e3779b97f4a7c15)
}

// filled returns a keyspace of keys 0 to keys-1, set in random order.
func filled(b *testing.B, keys int) (*Keyspace, *Tx) {
	b.Helper()
	ks, err := New(Options{Shards: benchShards, Databases: 16})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		tx := ks.NewTx()
		tx.LockAll()
		tx.Flush(-1, false)
		tx.Unlock()
		if err := ks.Close(); err != nil {
			b.Error(err)
		}
	})
	tx := ks.NewTx()
	tx.SetNow(1_700_000_000_000)
	name, value := make([]byte, 16), make([]byte, benchValue)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(keys) {
		putName(name, i)
		benchSet(b, tx, name, tx.Hash(name), value, NoDeadline)
	}
	return ks, tx
}

func benchSet(b *testing.B, tx *Tx, name []byte, hash uint64, value []byte, deadline int64) {
	tx.LockHash(hash)
	k := tx.KeyHashed(0, name, hash, ForWrite)
	if err := k.SetString(value, Auto, deadline); err != nil {
		b.Fatal(err)
	}
	k.Changed("set")
	tx.Unlock()
}

// eachBatch runs f on random keys, after the memory of a batch of them was asked for.
func eachBatch(b *testing.B, tx *Tx, keys, batch int, f func(name []byte, hash uint64)) {
	ks, r := tx.Keyspace(), rand.New(rand.NewPCG(3, 4))
	names, hashes := make([][16]byte, batch), make([]uint64, batch)
	for left := 0; b.Loop(); left-- {
		if left == 0 {
			left = batch
			for i := range names {
				putName(names[i][:], r.IntN(keys))
				hashes[i] = tx.Hash(names[i][:])
				if batch > 1 {
					ks.PrefetchBucket(0, hashes[i])
				}
			}
			for i := range names {
				if batch > 1 {
					ks.PrefetchEntry(0, hashes[i])
				}
			}
		}
		f(names[left-1][:], hashes[left-1])
	}
}

func BenchmarkOneKey(b *testing.B) {
	for _, keys := range []int{10_000, 1_000_000} {
		_, tx := filled(b, keys)
		value := make([]byte, benchValue)
		length := 0
		for _, batch := range []int{1, 16} {
			where := fmt.Sprintf("keys=%d/batch=%d", keys, batch)
			b.Run("get/"+where, func(b *testing.B) {
				b.ReportAllocs()
				eachBatch(b, tx, keys, batch, func(name []byte, hash uint64) {
					tx.LockHash(hash)
					k := tx.KeyHashed(0, name, hash, ForRead)
					length += len(k.StringBytes(nil))
					tx.Unlock()
				})
			})
			b.Run("set/"+where, func(b *testing.B) {
				b.ReportAllocs()
				eachBatch(b, tx, keys, batch, func(name []byte, hash uint64) {
					benchSet(b, tx, name, hash, value, NoDeadline)
				})
			})
		}
		b.Run(fmt.Sprintf("expire/keys=%d", keys), func(b *testing.B) {
			r := rand.New(rand.NewPCG(5, 6))
			eachBatch(b, tx, keys, 1, func(name []byte, hash uint64) {
				benchSet(b, tx, name, hash, value, tx.Now()+1000+r.Int64N(1_000_000))
			})
		})
		b.Run(fmt.Sprintf("delete-insert/keys=%d", keys), func(b *testing.B) {
			eachBatch(b, tx, keys, 1, func(name []byte, hash uint64) {
				tx.LockHash(hash)
				k := tx.KeyHashed(0, name, hash, ForWrite)
				k.Delete()
				if err := k.SetString(value, Auto, NoDeadline); err != nil {
					b.Fatal(err)
				}
				tx.Unlock()
			})
		})
	}
}

// BenchmarkMemory reports what a key costs: blocks, and the spans, runs and records that hold them.
func BenchmarkMemory(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			ks, tx := filled(b, keys)
			for b.Loop() {
				tx.LockAll()
				tx.Unlock()
			}
			tx.LockAll()
			st := tx.Memory()
			tx.Unlock()
			b.ReportMetric(float64(ks.UsedMemory())/float64(keys), "B/key")
			b.ReportMetric(float64(st.Spans+st.Runs+st.Held+st.Metadata)/float64(keys), "resident-B/key")
		})
	}
}

// BenchmarkCut reports the pause of a cut, and what the walk costs for each key.
func BenchmarkCut(b *testing.B) {
	mono := clock.System{}
	elapsed := func() time.Duration { return time.Duration(mono.Mono()) }
	for _, keys := range []int{10_000, 1_000_000} {
		b.Run("keys="+strconv.Itoa(keys), func(b *testing.B) {
			_, tx := filled(b, keys)
			var pause, walk time.Duration
			turns := 0
			for b.Loop() {
				before, locked := elapsed(), time.Duration(0)
				s, err := tx.Begin(SnapshotOptions{Limit: 16 << 20, AtCut: func() { locked = elapsed() }})
				if err != nil {
					b.Fatal(err)
				}
				pause += locked - before
				if err := s.Run(func(*Record) error { return nil }, elapsed); err != nil {
					b.Fatal(err)
				}
				walk += elapsed() - locked
				turns++
			}
			b.ReportMetric(float64(pause.Nanoseconds())/float64(turns), "ns/cut")
			b.ReportMetric(float64(walk.Nanoseconds())/float64(turns)/float64(keys), "ns/key")
		})
	}
}

// BenchmarkSetDuringSave overwrites keys that a save has not reached: each is handed over.
func BenchmarkSetDuringSave(b *testing.B) {
	const keys = 1_000_000
	_, tx := filled(b, keys)
	value := make([]byte, benchValue)
	s, err := tx.Begin(SnapshotOptions{Limit: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	name, i := make([]byte, 16), 0
	for b.Loop() {
		putName(name, i%keys)
		i++
		benchSet(b, tx, name, tx.Hash(name), value, NoDeadline)
	}
	s.Cancel()
	_ = s.Run(func(*Record) error { return nil }, noTime)
}
