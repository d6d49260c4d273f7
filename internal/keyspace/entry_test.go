// Shown here: an entry says what was written into it, for all lengths where a varint or a size class
// ends; a key's costs, encodings and clocks are as documented.

package keyspace

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"tarn/internal/mem"
)

func TestEntryLayout(t *testing.T) {
	lengths := []int{0, 1, 7, 44, 127, 128, 129, 4000, 16383, 16384, 16385, 100_000}
	buf := make([]byte, 300_000)
	for _, keyLen := range lengths {
		for _, valueLen := range lengths {
			for _, deadline := range []int64{NoDeadline, 0, 1, math.MaxInt64, math.MinInt64} {
				p := parts{typ: Stream, encoding: encRaw, epoch: 11, clock: 0xabcdef, deadline: deadline,
					key: bytes.Repeat([]byte{'k'}, keyLen), valueLen: valueLen}
				clear(buf[:p.size()+16])
				e := entry{unsafe.Pointer(&buf[0])}
				wrote := e.write(&p)
				copy(e.valueRaw(wrote), bytes.Repeat([]byte{'v'}, valueLen))
				l := e.layout()
				where := fmt.Sprintf("key of %d, value of %d, deadline %d", keyLen, valueLen, deadline)
				if l != wrote || l.size() != p.size() {
					t.Fatalf("%s: layout %+v, %d bytes; written %+v, %d", where, l, l.size(), wrote, p.size())
				}
				if e.typ() != Stream || e.encoding() != encRaw || e.epoch() != 11 || e.clock() != 0xabcdef || e.deadline(l) != deadline {
					t.Fatalf("%s: type %v, encoding %d, epoch %d, clock %#x, deadline %d", where, e.typ(), e.encoding(), e.epoch(), e.clock(), e.deadline(l))
				}
				if string(e.keyBytes(l)) != string(p.key) || strings.Trim(string(e.valueRaw(l)), "v") != "" {
					t.Fatalf("%s: key %.50q, value %.50q", where, e.keyBytes(l), e.valueRaw(l))
				}
				if tail := buf[p.size() : p.size()+16]; strings.Trim(string(tail), "\x00") != "" {
					t.Fatalf("%s: written past the end: %q", where, tail)
				}
				e.setEpoch(4)
				e.setClock(1)
				if e.layout() != l || e.epoch() != 4 || e.clock() != 1 || e.deadline(l) != deadline {
					t.Fatalf("%s: stamping changed more than the stamp", where)
				}
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	buf := make([]byte, 64)
	for _, n := range []int64{0, 1, -1, math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, math.MinInt32 - 1, math.MaxInt64, math.MinInt64} {
		p := parts{encoding: encInt, key: []byte("k"), valueLen: integerSize(n), deadline: NoDeadline}
		e := entry{unsafe.Pointer(&buf[0])}
		l := e.write(&p)
		e.putInteger(l, n)
		if got := e.integer(e.layout()); got != n {
			t.Errorf("%d in %d bytes reads as %d", n, l.valueLen, got)
		}
		if got, want := decimalLen(n), len(fmt.Sprint(n)); got != want {
			t.Errorf("decimalLen(%d) = %d, want %d", n, got, want)
		}
	}
}

// TestEncodings: what OBJECT ENCODING says, by length of key and value.
func TestEncodings(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 1, Databases: 1})
	tx := ks.NewTx()
	tx.LockAll()
	defer tx.Unlock()
	long := strings.Repeat("k", 6000)
	for _, tc := range []struct {
		key, value string
		form       Form
		want       string
	}{
		{"k", "12", Auto, "int"},
		{"k", "12", Plain, "embstr"},
		{"k", "12", Raw, "raw"},
		{"k", strings.Repeat("v", 44), Auto, "embstr"},
		{"k", strings.Repeat("v", 45), Auto, "raw"},
		{"k", strings.Repeat("v", 10_000), Auto, "raw"},
		{long, "12", Auto, "int"},
		{long, "", Auto, "embstr"},
		{long, strings.Repeat("v", 44), Auto, "embstr"},
		{long, strings.Repeat("v", 44), Raw, "raw"},
		{long, strings.Repeat("v", 45), Auto, "raw"},
	} {
		k := tx.Key(0, []byte(tc.key), ForWrite)
		if err := k.SetString([]byte(tc.value), tc.form, NoDeadline); err != nil {
			t.Fatal(err)
		}
		if k.Encoding() != tc.want || string(k.StringBytes(nil)) != tc.value {
			t.Errorf("key of %d, %.20q of %d in form %d: %s %.20q, want %s", len(tc.key), tc.value, len(tc.value), tc.form,
				k.Encoding(), k.StringBytes(nil), tc.want)
		}
		moved := tx.Key(0, []byte("another"), ForWrite)
		if err := k.MoveTo(&moved); err != nil || moved.Encoding() != tc.want {
			t.Errorf("moved: %v, %s, want %s", err, moved.Encoding(), tc.want)
		}
	}
}

// TestCosts: MEMORY USAGE of a key is its block and its share of the index, and all keys together cost
// what the heap says.
func TestCosts(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 1, Databases: 1})
	tx := ks.NewTx()
	tx.LockAll()
	defer tx.Unlock()
	var sum uint64
	for i := range 5000 {
		k := tx.Key(0, fmt.Appendf(nil, "key:%d", i), ForWrite)
		if err := k.SetString(bytes.Repeat([]byte{'v'}, i*3), Auto, int64(1e12+i)); err != nil {
			t.Fatal(err)
		}
	}
	tx.Each(0, func(k *Key) { sum += k.Bytes() })
	used := ks.UsedMemory()
	if diff := math.Abs(float64(sum)-float64(used)) / float64(used); diff > 0.01 {
		t.Errorf("keys cost %d bytes together, the heap holds %d", sum, used)
	}
	if held := tx.Memory(); held.ByPurpose[mem.Keys].Blocks != 5000 || held.Used != used {
		t.Errorf("%d entries in %d bytes, want 5000 in %d", held.ByPurpose[mem.Keys].Blocks, held.Used, used)
	}
	tx.SetNow(1e12 + 2499)
	if c := tx.Contents(0); c.Keys != 5000 || c.Expires != 5000 || c.AvgTTL < 1100 || c.AvgTTL > 1400 {
		t.Errorf("contents %+v, want 5000 keys that expire in 1250 ms on average", c)
	}
	keys, bytes := tx.ExpiredHeld()
	if keys != 2500 || bytes > used/3 || bytes < used/5 {
		t.Errorf("%d expired keys in %d bytes are held, want 2500 in about a quarter of %d", keys, bytes, used)
	}
}

// TestClocks: idle seconds under LRU, counters under LFU, by what kind of look-up touches them.
func TestClocks(t *testing.T) {
	ks := newKeyspace(t, Options{Shards: 1, Databases: 2})
	tx := ks.NewTx()
	const start = int64(1_700_000_000_000)
	tx.LockAll()
	defer tx.Unlock()
	set := func() {
		k := tx.Key(0, []byte("k"), ForWrite)
		if err := k.SetString([]byte("v"), Auto, NoDeadline); err != nil {
			t.Fatal(err)
		}
	}
	tx.SetNow(start)
	set()
	for _, tc := range []struct {
		mode Mode
		want int64
	}{{Peek, 10}, {Inspect, 20}, {ForRead, 0}, {Peek, 10}, {ForWrite, 0}} {
		tx.SetNow(tx.Now() + 10_000)
		if k := tx.Key(0, []byte("k"), tc.mode); k.IdleSeconds() != tc.want {
			t.Errorf("idle %d s after mode %d, want %d", k.IdleSeconds(), tc.mode, tc.want)
		}
	}
	tx.SetNoTouch(true)
	tx.SetNow(tx.Now() + 10_000)
	k := tx.Key(0, []byte("k"), ForRead)
	if k.IdleSeconds() != 10 {
		t.Errorf("idle %d s after a read that does not touch, want 10", k.IdleSeconds())
	}
	tx.SetNoTouch(false)
	to := tx.Key(1, []byte("k"), ForWrite)
	if err := k.CopyTo(&to); err != nil || to.IdleSeconds() != 0 {
		t.Errorf("a copy is idle %d s, %v; want 0", to.IdleSeconds(), err)
	}
	to = tx.Key(1, []byte("m"), ForWrite)
	if err := k.MoveTo(&to); err != nil || to.IdleSeconds() != 10 {
		t.Errorf("a moved key is idle %d s, %v; want 10", to.IdleSeconds(), err)
	}
	to.SetIdleSeconds(1000)
	if to.IdleSeconds() != 1000 {
		t.Errorf("idle %d s, set to 1000", to.IdleSeconds())
	}

	ks.SetLFU(true, 10, 1)
	tx.SetNow(tx.Now() + 60_000)
	set()
	k = tx.Key(0, []byte("k"), Peek)
	if k.Frequency() != lfuStart {
		t.Errorf("a new key has frequency %d, want %d", k.Frequency(), lfuStart)
	}
	for range 1000 {
		tx.Key(0, []byte("k"), ForRead)
	}
	often := k.Frequency()
	if often < 10 || often > 60 {
		t.Errorf("frequency %d after 1000 uses at log factor 10, want about 18", often)
	}
	tx.SetNow(tx.Now() + 5*60_000)
	if k.Frequency() != often-5 {
		t.Errorf("frequency %d five minutes later, want %d", k.Frequency(), often-5)
	}
	set()
	if k = tx.Key(0, []byte("k"), Peek); k.Frequency() < often-6 {
		t.Errorf("frequency %d after overwriting, want about %d", k.Frequency(), often-5)
	}
	k.SetFrequency(200)
	if k.Frequency() != 200 {
		t.Errorf("frequency %d, set to 200", k.Frequency())
	}
}
