// Benchmarks of a Table whose entries hold a 16-byte key and a 64-byte value, as a keyspace's do.

package hashtable

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"tarn/internal/mem"
)

const (
	benchKey   = 16
	benchEntry = 2 + 5 + benchKey + 64
	valueEnd   = 'v'
)

// benchSizes are the numbers of keys measured.
var benchSizes = []int{10_000, 1_000_000}

// putKey writes the i-th key into key.
func putKey(key []byte, i int) {
	binary.LittleEndian.PutUint64(key, uint64(i))
	binary.LittleEndian.PutUint64(key[8:], uint64(i)*0x9e3779b97f4a7c15)
}

// filled makes a table of the keys below n, inserted in random order.
func filled(b *testing.B, n int) *fixture {
	f := newFixture(b, 0, allBits)
	for _, i := range rand.New(rand.NewPCG(5, 6)).Perm(n) {
		f.add(i)
	}
	return f
}

func (f *fixture) add(i int) {
	r := f.heap.Alloc(benchEntry, mem.Keys)
	entry := f.heap.Bytes(r, benchEntry)
	binary.LittleEndian.PutUint16(entry, benchKey)
	putKey(entry[2:], i)
	entry[benchEntry-1] = valueEnd
	if !f.table.Insert(hashOf(entry[2:2+benchKey]), r) {
		f.t.Fatal("Insert refused")
	}
}

// get reads the end of the value at a slot, as GET does.
func (f *fixture) get(slot Slot) {
	if f.heap.Bytes(f.table.Ref(slot), benchEntry)[benchEntry-1] != valueEnd {
		f.t.Fatal("wrong value")
	}
}

// forget gives all blocks back.
func (f *fixture) forget() {
	for !f.table.Drain(1<<20, func(r mem.Ref) { f.heap.Free(r, mem.Keys) }) {
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range benchSizes {
		f := filled(b, n)
		random := rand.New(rand.NewPCG(7, 8))
		key := make([]byte, benchKey)
		b.Run(fmt.Sprintf("hit/keys=%d", n), func(b *testing.B) {
			for b.Loop() {
				putKey(key, random.IntN(n))
				f.get(f.table.Find(hashOf(key), key))
			}
			b.ReportMetric(float64(f.table.Bytes())/float64(n), "B/key")
		})
		b.Run(fmt.Sprintf("miss/keys=%d", n), func(b *testing.B) {
			for b.Loop() {
				putKey(key, n+random.IntN(n))
				if f.table.Find(hashOf(key), key).Found() {
					b.Fatal("present")
				}
			}
		})
		for _, batch := range []int{16, 64} {
			b.Run(fmt.Sprintf("hit/keys=%d/batch=%d", n, batch), func(b *testing.B) {
				keys := make([][benchKey]byte, batch)
				hashes := make([]uint64, batch)
				for left := 0; b.Loop(); left-- {
					if left == 0 {
						left = batch
						for i := range keys {
							putKey(keys[i][:], random.IntN(n))
							hashes[i] = hashOf(keys[i][:])
							f.table.PrefetchBucket(hashes[i])
						}
						for _, hash := range hashes {
							f.table.PrefetchEntry(hash)
						}
					}
					f.get(f.table.Find(hashes[left-1], keys[left-1][:]))
				}
			})
		}
		f.forget()
	}
}

// BenchmarkInsert inserts n keys into an empty table; the blocks they need are part of the cost.
func BenchmarkInsert(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			f := newFixture(b, 0, allBits)
			for i := 0; b.Loop(); i++ {
				if i == n {
					b.StopTimer()
					f.forget()
					i = 0
					b.StartTimer()
				}
				f.add(i)
			}
			f.forget()
		})
	}
}

func BenchmarkRemoveInsert(b *testing.B) {
	for _, n := range benchSizes {
		f := filled(b, n)
		random := rand.New(rand.NewPCG(9, 10))
		key := make([]byte, benchKey)
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			for b.Loop() {
				putKey(key, random.IntN(n))
				hash := hashOf(key)
				slot := f.table.Find(hash, key)
				r := f.table.Ref(slot)
				f.table.Remove(slot)
				f.table.Insert(hash, r)
			}
		})
		f.forget()
	}
}

func BenchmarkScan(b *testing.B) {
	f := filled(b, 1_000_000)
	entries, cursor := 0, uint64(0)
	for b.Loop() {
		cursor = f.table.Scan(cursor, func(mem.Ref) { entries++ })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(entries), "ns/entry")
	f.forget()
}
