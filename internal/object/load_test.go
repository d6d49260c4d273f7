// Shown here: what is dumped and loaded is the same, for random values of every kind under random
// limits, whichever way it is read; damaged payloads are refused or loaded, and the keyspace is sound
// and gives all memory back either way; and where memory is refused, nothing has changed.

package object

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
	"tarn/internal/rdb"
	"tarn/internal/value"
	"tarn/test/chance"
)

// world is a keyspace of one shard that must be without memory when it has been emptied.
type world struct {
	t  *testing.T
	r  *rand.Rand
	tx *keyspace.Tx
	l  Loader
}

func newWorld(t *testing.T, r *rand.Rand, heap mem.Options) *world {
	ks, err := keyspace.New(keyspace.Options{Shards: 1, Databases: 1, Heap: heap})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, r: r, tx: ks.NewTx()}
	w.tx.SetNow(1_700_000_000_000)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		w.tx.LockAll()
		w.tx.Flush(-1, false)
		w.tx.Unlock()
		w.verify()
		if used := ks.UsedMemory(); used != 0 {
			t.Errorf("%d bytes are left", used)
		}
		if err := ks.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// verify frees what is to be freed, and demands a sound keyspace, without its streams: they count
// memory that no heap knows of.
func (w *world) verify() {
	w.t.Helper()
	for _, name := range []string{"stream", "copy", "k"} {
		w.key(name, func(k *keyspace.Key) {
			if k.Exists() && k.Type() == keyspace.Stream {
				if err := k.Big().Verify(); err != nil {
					w.t.Fatal(err)
				}
				k.Delete()
			}
		})
	}
	for w.tx.FreeLazily() {
	}
	if err := w.tx.Keyspace().Verify(); err != nil {
		w.t.Fatal(err)
	}
}

// key calls fn with a key, locked.
func (w *world) key(name string, fn func(k *keyspace.Key)) {
	hash := w.tx.Hash([]byte(name))
	w.tx.LockHash(hash)
	defer w.tx.Unlock()
	k := w.tx.KeyHashed(0, []byte(name), hash, keyspace.Peek)
	fn(&k)
}

// randomLimits are those under which values take all shapes.
func (w *world) randomLimits() {
	l := keyspace.DefaultLimits
	for _, limit := range []*int{&l.HashPackEntries, &l.HashPackValue, &l.SetPackEntries, &l.SetPackValue, &l.SetIntsetEntries, &l.ZSetPackEntries, &l.ZSetPackValue} {
		*limit = []int{0, 3, 64, 1000}[w.r.IntN(4)]
	}
	l.ListPackSize = []int{-5, -2, 1, 7, 1000}[w.r.IntN(5)]
	w.tx.Keyspace().SetLimits(&l)
}

// elements are count different strings.
func (w *world) elements(count int) (all [][]byte) {
	for i := range count {
		var e string
		switch w.r.IntN(4) {
		case 0:
			e = strconv.Itoa(i * i)
		case 1:
			e = strings.Repeat("e", w.r.IntN(100)) + strconv.Itoa(i)
		case 2:
			e = fmt.Sprint("-", i)
		default:
			e = strings.Repeat("long ", w.r.IntN(200)) + strconv.Itoa(i)
		}
		all = append(all, []byte(e))
	}
	return slices.CompactFunc(slices.SortedFunc(slices.Values(all), bytes.Compare), bytes.Equal)
}

func appendItem(dst, item []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(item))), item...)
}

func word(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// payload returns that of a random value of a kind.
func (w *world) payload(kind rdb.Kind, count int) []byte {
	enc := &rdb.Encoder{Compress: w.r.IntN(2) == 0}
	h := rdb.Head{Kind: kind, Payload: true, Deadlines: kind == rdb.HashKind && w.r.IntN(2) == 0}
	var items []byte
	elements := w.elements(count)
	for len(elements) > 0 {
		h.Count++
		e := elements[0]
		elements = elements[1:]
		switch kind {
		case rdb.ListKind:
			if w.r.IntN(2) == 0 {
				items = appendItem(items, append([]byte{1}, e...))
				continue
			}
			n := w.r.IntN(len(elements) + 1)
			lp := listpack.Append(listpack.AppendNew(nil), e)
			for _, e := range elements[:n] {
				lp = listpack.Append(lp, e)
			}
			elements = elements[n:]
			items = appendItem(items, append([]byte{2}, lp...))
		case rdb.SetKind:
			items = appendItem(items, e)
		case rdb.ZSetKind:
			items = appendItem(appendItem(items, e), word(w.r.Uint64()>>2)) // no NaN
		case rdb.HashKind:
			items = appendItem(appendItem(items, e), e[:w.r.IntN(len(e))])
			if h.Deadlines {
				items = appendItem(items, word([]uint64{0, 1_800_000_000_000, 1 << 47}[w.r.IntN(3)]))
			}
		}
	}
	dst, c := enc.BeginCollection(nil, &h)
	return rdb.EndDump(c.AppendItems(dst, items), 0)
}

// stream returns the payload of a random stream with groups.
func (w *world) stream(entries int) (payload []byte) {
	w.key("stream", func(k *keyspace.Key) {
		s := value.NewStream(k.Heap())
		for i := range entries {
			s.Append(value.StreamID{Ms: uint64(i + 1), Seq: w.r.Uint64N(3)}, [][]byte{[]byte("f"), w.elements(1)[0], []byte("g"), nil}, value.StreamLimits{NodeBytes: 400, NodeEntries: 10})
			if w.r.IntN(5) == 0 {
				s.Delete(s.LastID())
			}
		}
		for _, name := range []string{"g", "7"} {
			g := s.AddGroup([]byte(name), s.LastID(), -1)
			for i := range 3 {
				c := s.AddConsumer(g, []byte{byte(i)}, 1_600_000_000_000)
				for j := range i * 2 {
					s.AddPending(g, value.StreamPending{ID: value.StreamID{Ms: uint64(10*i + j)}, Time: 5, Count: 1, Consumer: c})
				}
			}
		}
		if err := k.SetBig(keyspace.Stream, s); err != nil {
			w.t.Fatal(err)
		}
		var err error
		if payload, err = Dump(&rdb.Encoder{Version: []int{0, 9, 12}[w.r.IntN(3)]}, nil, k); err != nil {
			w.t.Fatal(err)
		}
	})
	return payload
}

// contents returns what a payload holds: in order, that of a list, else sorted.
func (w *world) contents(payload []byte) (all []string) {
	v, err := rdb.ParseDump(payload, true)
	if err != nil {
		w.t.Fatal(err)
	}
	var it rdb.Items
	if err := it.Open(v); err != nil {
		w.t.Fatal(err)
	}
	for {
		item, err := it.Next()
		if err != nil {
			break
		}
		if item.Node == nil {
			all = append(all, fmt.Sprintf("%q %q %v %d", item.Key, item.Value, item.Score, item.Deadline))
			continue
		}
		for at := listpack.First(item.Node); at >= 0; at = listpack.Next(item.Node, at) {
			all = append(all, fmt.Sprintf("%q %q %v %d", listpack.Get(item.Node, at).AppendTo(nil), "", 0.0, 0))
		}
	}
	if it.Kind() != rdb.ListKind {
		slices.Sort(all)
	}
	return all
}

var kinds = []rdb.Kind{rdb.ListKind, rdb.SetKind, rdb.ZSetKind, rdb.HashKind}

func TestRoundTrip(t *testing.T) {
	seed := chance.Seed(t)
	w := newWorld(t, rand.New(rand.NewPCG(seed, 0)), mem.Options{})
	for step := range 300 {
		w.randomLimits()
		payload := w.payload(kinds[step%len(kinds)], 1+w.r.IntN(1<<w.r.IntN(10)))
		want := w.contents(payload)
		for hop := range 2 {
			v, err := rdb.ParseDump(payload, true)
			if err != nil {
				t.Fatal(err)
			}
			w.key(strconv.Itoa(w.r.IntN(10)), func(k *keyspace.Key) {
				if err := w.l.Load(k, v); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
				if payload, err = Dump(&rdb.Encoder{Version: []int{0, 9, 12}[w.r.IntN(3)]}, nil, k); err != nil {
					t.Fatal(err)
				}
			})
			if got := w.contents(payload); !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d, hop %d: %.500q, want %.500q", seed, step, hop, got, want)
			}
		}
		if step%20 == 0 {
			w.verify()
		}
	}
}

// TestStreams shows that the newest form keeps all of a stream, and that what older ones hold is read.
func TestStreams(t *testing.T) {
	seed := chance.Seed(t)
	w := newWorld(t, rand.New(rand.NewPCG(seed, 0)), mem.Options{})
	for step := range 50 {
		payload := w.stream(w.r.IntN(60))
		for hop := range 3 {
			v, err := rdb.ParseDump(payload, true)
			if err != nil {
				t.Fatal(err)
			}
			w.key("copy", func(k *keyspace.Key) {
				if err := w.l.Load(k, v); err != nil {
					t.Fatalf("seed %d, step %d, type %d: %v", seed, step, v.Type, err)
				}
				again, err := Dump(&rdb.Encoder{Version: 12}, nil, k)
				if err != nil {
					t.Fatal(err)
				}
				if hop > 0 && !bytes.Equal(again, payload) {
					t.Fatalf("seed %d, step %d: %q, want %q", seed, step, again, payload)
				}
				payload = again
			})
		}
	}
	w.verify()
}

// TestFieldDeadlines shows that the sweep hears of the fields of hashes that are loaded, of each shape.
func TestFieldDeadlines(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 0)), mem.Options{})
	for _, fields := range []int{3, 5000} {
		var items []byte
		for i := range fields {
			items = appendItem(appendItem(items, []byte(strconv.Itoa(i))), []byte("v"))
			items = appendItem(items, word([]uint64{0, 1_800_000_000_000 + uint64(i)}[i%2]))
		}
		dst, c := new(rdb.Encoder).BeginCollection(nil, &rdb.Head{Kind: rdb.HashKind, Payload: true, Count: fields, Deadlines: true})
		v, err := rdb.ParseDump(rdb.EndDump(c.AppendItems(dst, items), 0), true)
		if err != nil {
			t.Fatal(err)
		}
		w.key("k", func(k *keyspace.Key) {
			if err := w.l.Load(k, v); err != nil {
				t.Fatal(err)
			}
			if got := k.FieldsDue(); got != 1_800_000_000_001 {
				t.Errorf("%d fields: the soonest is due at %d, want 1800000000001", fields, got)
			}
			if got, want := k.Encoding(), map[int]string{3: "listpackex", 5000: "hashtable"}[fields]; got != want {
				t.Errorf("%d fields: encoding %s, want %s", fields, got, want)
			}
		})
		w.verify()
	}
}

func TestDamage(t *testing.T) {
	seed := chance.Seed(t)
	w := newWorld(t, rand.New(rand.NewPCG(seed, 0)), mem.Options{})
	loaded := 0
	for step := range 200 {
		w.randomLimits()
		whole := w.payload(kinds[step%len(kinds)], 1+w.r.IntN(40))
		if step%5 == 0 {
			whole = w.stream(w.r.IntN(40))
		}
		for range 20 {
			payload := bytes.Clone(whole[:len(whole)-8])
			for range 1 + w.r.IntN(3) {
				payload[w.r.IntN(len(payload)-2)] = byte(w.r.Uint32())
			}
			v, err := rdb.ParseDump(binary.LittleEndian.AppendUint64(payload, rdb.CRC64(0, payload)), true)
			if err != nil || v.Type == rdb.TypeString {
				continue
			}
			w.key("k", func(k *keyspace.Key) {
				err = w.l.Load(k, v)
				if err == nil {
					loaded++
					if _, err := Dump(&rdb.Encoder{}, nil, k); err != nil {
						t.Fatal(err)
					}
				}
			})
			if err != nil && !errors.Is(err, rdb.ErrCorrupt) && !errors.Is(err, rdb.ErrTruncated) && !errors.Is(err, rdb.ErrUnsupported) && !errors.Is(err, ErrEmpty) {
				t.Fatalf("seed %d, step %d: payload %q: %v", seed, step, payload, err)
			}
		}
		w.verify()
	}
	if loaded == 0 {
		t.Errorf("seed %d: no damaged payload was loaded", seed)
	}
}

func TestMemoryRefused(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, r, mem.Options{Limit: 1 << 20})
	refused := 0
	for step := range 200 {
		w.randomLimits()
		v, err := rdb.ParseDump(w.payload(kinds[step%len(kinds)], 1+r.IntN(6000)), true)
		if err != nil {
			t.Fatal(err)
		}
		name := strconv.Itoa(r.IntN(6))
		var before, after []byte
		dump := func(k *keyspace.Key) []byte {
			if !k.Exists() {
				return nil
			}
			payload, err := Dump(&rdb.Encoder{}, nil, k)
			if err != nil {
				t.Fatal(err)
			}
			return payload
		}
		w.key(name, func(k *keyspace.Key) {
			before = dump(k)
			err = w.l.Load(k, v)
			after = dump(k)
		})
		if err != nil {
			refused++
			if err != keyspace.ErrOutOfMemory || !bytes.Equal(before, after) {
				t.Fatalf("seed %d, step %d: error %v; the key has changed: %t", seed, step, err, !bytes.Equal(before, after))
			}
		}
		w.verify()
	}
	if refused == 0 {
		t.Errorf("seed %d: memory was never refused", seed)
	}
}
