// Collections of every type and encoding, as a real redis-server dumps them: each is decoded, written
// again in every form we have, from its bytes and from its items, and restored there, with the same
// digest as before. So both directions are the server's own word.

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/listpack"
	"tarn/test/chance"
)

// makeCollections makes keys of every type in the oracle, small and large, and returns their names.
func makeCollections(o *oracle, r *rand.Rand) (names []string) {
	text := func(i int) string {
		switch i % 4 {
		case 0:
			return strconv.Itoa(i - 50)
		case 1:
			return strconv.FormatInt(int64(i)<<(r.IntN(40)), 10)
		case 2:
			return strings.Repeat("ab", r.IntN(40)) + strconv.Itoa(i)
		}
		return string([]byte{byte(i), byte(i >> 8), 0, 'x', byte(r.IntN(256))})
	}
	for _, size := range []int{1, 2, 30, 127, 600} {
		add := func(kind string, command string, args func(i int) []string) {
			name := fmt.Sprintf("%s-%d", kind, size)
			names = append(names, name)
			for i := range size {
				o.must(append([]string{command, name}, args(i)...)...)
			}
		}
		add("list", "RPUSH", func(i int) []string { return []string{text(i)} })
		add("longlist", "RPUSH", func(i int) []string { return []string{strings.Repeat(text(i), 1+r.IntN(300))} })
		add("set", "SADD", func(i int) []string { return []string{text(i)} })
		add("ints", "SADD", func(i int) []string { return []string{strconv.Itoa(i*i*1000 - 77)} })
		add("hash", "HSET", func(i int) []string { return []string{text(i), text(i + 1)} })
		add("zset", "ZADD", func(i int) []string {
			return []string{strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(i%9)), 'g', -1, 64), text(i)}
		})
		add("wholes", "ZADD", func(i int) []string { return []string{[]string{"inf", "-inf", "7", "-3"}[i%4], text(i)} })
		add("stream", "XADD", func(i int) []string {
			return []string{strconv.Itoa(i+1) + "-5", text(i), text(i + 1), "f", text(i + 2)}
		})
		name := fmt.Sprintf("stream-%d", size)
		o.must("XDEL", name, "1-5")
		o.must("XGROUP", "CREATE", name, "empty", "0")
		for _, group := range []string{"g", "7"} {
			o.must("XGROUP", "CREATE", name, group, "0")
			for consumer := range 3 {
				o.must("XREADGROUP", "GROUP", group, "c"+strconv.Itoa(consumer), "COUNT", strconv.Itoa(1+size/5), "STREAMS", name, ">")
			}
			o.must("XGROUP", "CREATECONSUMER", name, group, "idle")
		}
	}
	o.must("XGROUP", "CREATE", "stream-none", "g", "$", "MKSTREAM")
	return append(names, "stream-none")
}

// rewritten returns the value of a payload as we write it: packed, or item by item.
func rewritten(t *testing.T, enc *Encoder, v Value, packed bool) []byte {
	t.Helper()
	var it Items
	if err := it.Open(v); err != nil {
		t.Fatal(err)
	}
	h := Head{Kind: it.Kind(), Payload: true}
	if b, form, err := it.Packed(); err != nil {
		t.Fatal(err)
	} else if packed && form != NotPacked {
		return EndDump(enc.AppendPacked(nil, &h, form, b), 0)
	}
	var items, facts, nodes []byte
	groupless := false
	for {
		item, err := it.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		h.Count++
		switch {
		case h.Kind == StreamKind && item.Key[0] == 'N' && !groupless:
			nodes = appendItem(nodes, item.Key)
		case h.Kind == StreamKind && item.Key[0]|0x20 == 'h':
			groupless = true
			facts = appendItem(nil, item.Key)
		case h.Kind == StreamKind:
			items = appendItem(items, item.Key)
		case item.Node != nil:
			items = appendItem(items, append([]byte{quicklistPackedNode}, item.Node...))
			if enc.CountsElements() {
				h.Count += listpack.Count(item.Node) - 1
			}
		case h.Kind == ListKind:
			items = appendItem(items, append([]byte{quicklistPlainNode}, item.Key...))
		default:
			items = appendItem(items, item.Key)
			if h.Kind == HashKind {
				items = appendItem(items, item.Value)
			}
			if h.Kind == ZSetKind {
				items = appendItem(items, binary.LittleEndian.AppendUint64(nil, math.Float64bits(item.Score)))
			}
		}
	}
	items = append(append(facts, nodes...), items...)
	dst, c := enc.BeginCollection(nil, &h)
	return EndDump(c.AppendItems(dst, withConsumers(items)), 0)
}

func appendItem(dst, item []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(item))), item...)
}

// withConsumers tells a stream's groups how many consumers they have, which is not known when they
// are read.
func withConsumers(items []byte) []byte {
	var group []byte
	for rest := items; len(rest) > 0; {
		var item []byte
		switch item, rest = cut(rest); {
		case len(item) >= groupItemBytes && item[0] == 'G':
			group = item
			binary.LittleEndian.PutUint64(group[17:], 0)
		case group != nil && item[0]|0x20 == 'c' && len(item) >= consumerItemBytes:
			item[0] = 'C'
			binary.LittleEndian.PutUint64(group[17:], number(group[1:], 2)+1)
		}
	}
	return items
}

func TestCollectionsOfTheOracle(t *testing.T) {
	seed := chance.Seed(t)
	o := startOracle(t, t.TempDir())
	names := makeCollections(o, rand.New(rand.NewPCG(seed, 0)))
	for _, compress := range []bool{true, false} {
		for _, version := range []int{0, 9} {
			enc := &Encoder{Compress: compress, Version: version}
			for _, name := range names {
				v, err := ParseDump([]byte(o.must("DUMP", name)), true)
				if err != nil {
					t.Fatalf("seed %d, %s: %v", seed, name, err)
				}
				if strings.HasPrefix(name, "stream") && version == 9 {
					continue // type 15 does not hold all of it
				}
				want := o.must("DEBUG", "DIGEST-VALUE", name)
				for _, packed := range []bool{true, false} {
					payload := rewritten(t, enc, v, packed)
					if reply, err := o.do("RESTORE", "copy", "0", string(payload), "REPLACE"); err != nil || reply != "OK" {
						t.Fatalf("seed %d, %s, type %d, packed %t: RESTORE says %v", seed, name, payload[0], packed, err)
					}
					if got := o.must("DEBUG", "DIGEST-VALUE", "copy"); got != want {
						t.Errorf("seed %d, %s, type %d, packed %t: digest %s, want %s", seed, name, payload[0], packed, got, want)
					}
					if v.Type == typeStream2 && o.must("DUMP", "copy") != o.must("DUMP", name) { // digests know no groups
						t.Errorf("seed %d, %s: the stream restored is %q, was %q", seed, name, o.must("DUMP", "copy"), o.must("DUMP", name))
					}
				}
			}
		}
	}
}

// listing decodes all of a payload's collection as a listing.
func listing(v Value) (lines []string, err error) {
	var it Items
	if err := it.Open(v); err != nil {
		return nil, err
	}
	for {
		item, err := it.Next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf("%q %q %q %v %d", item.Key, item.Value, item.Node, item.Score, item.Deadline))
	}
}

// TestItemsReadOn shows that a collection read on in small windows is the same as one that is there as
// a whole.
func TestItemsReadOn(t *testing.T) {
	seed := chance.Seed(t)
	o := startOracle(t, t.TempDir())
	names := makeCollections(o, rand.New(rand.NewPCG(seed, 0)))
	file := AppendHeader(nil, DefaultVersion)
	var enc Encoder
	want := map[string]string{}
	for _, name := range names {
		payload := []byte(o.must("DUMP", name))
		v, err := ParseDump(payload, true)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := listing(v)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = strings.Join(lines, "\n")
		file = append(enc.AppendString(append(file, v.Type), []byte(name)), v.Body...)
	}
	file = append(append(file, opEOF), make([]byte, checksumBytes)...)
	for _, bufferBytes := range []int{64, 500, 1 << 20} {
		got, large := map[string]string{}, 0
		collect := func(rec *Record, it *Items) error {
			var lines []string
			for {
				item, err := it.Next()
				if errors.Is(err, io.EOF) {
					got[string(rec.Key)] = strings.Join(lines, "\n")
					return nil
				}
				if err != nil {
					return err
				}
				lines = append(lines, fmt.Sprintf("%q %q %q %v %d", item.Key, item.Value, item.Node, item.Score, item.Deadline))
			}
		}
		o := Options{BufferBytes: bufferBytes, Size: int64(len(file)), Large: func(rec *Record, v *LargeValue) error {
			large++
			return collect(rec, v.Items())
		}}
		result, err := Scan(strings.NewReader(string(file)), o, func(rec *Record) error {
			var it Items
			if err := it.Open(rec.Value); err != nil {
				return err
			}
			return collect(rec, &it)
		})
		if err != nil || result.Records != int64(len(names)) || result.Bytes != int64(len(file)) || (large > 0) != (bufferBytes < 1<<20) {
			t.Fatalf("seed %d, buffer %d: %+v, %d large, %v", seed, bufferBytes, result, large, err)
		}
		for _, name := range names {
			if got[name] != want[name] {
				t.Errorf("seed %d, buffer %d, %s: %.300s, want %.300s", seed, bufferBytes, name, got[name], want[name])
			}
		}
	}
}
