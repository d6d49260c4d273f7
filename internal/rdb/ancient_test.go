// Forms that no server at hand writes: ziplists, zipmaps, quicklists of ziplists, scores in text, sets
// as listpacks, and fields with deadlines as of 7.4. They are built here by the documented formats
// (docs/formats/rdb.md), decoded, and compared with what went in.

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/intset"
	"tarn/internal/listpack"
	"tarn/test/chance"
)

// ziplistOf builds a ziplist as servers did: integers in the shortest form. With wide, links back take
// five bytes where one would do, as they did after a shrinking.
func ziplistOf(elements []string, wide bool) []byte {
	z := make([]byte, ziplistHeadBytes)
	last, before := ziplistHeadBytes, 0
	for _, e := range elements {
		last = len(z)
		if before < 254 && !wide {
			z = append(z, byte(before))
		} else {
			z = binary.LittleEndian.AppendUint32(append(z, 0xfe), uint32(before))
		}
		n, isInt := listpack.Integer([]byte(e))
		switch {
		case isInt && n >= 0 && n <= 12:
			z = append(z, 0xf1+byte(n))
		case isInt && n == int64(int8(n)):
			z = append(z, 0xfe, byte(n))
		case isInt && n == int64(int16(n)):
			z = append(z, 0xc0, byte(n), byte(n>>8))
		case isInt && n == n<<40>>40:
			z = append(z, 0xf0, byte(n), byte(n>>8), byte(n>>16))
		case isInt && n == int64(int32(n)):
			z = binary.LittleEndian.AppendUint32(append(z, 0xd0), uint32(n))
		case isInt:
			z = binary.LittleEndian.AppendUint64(append(z, 0xe0), uint64(n))
		case len(e) < 1<<6:
			z = append(append(z, byte(len(e))), e...)
		case len(e) < 1<<14:
			z = append(append(z, 0x40|byte(len(e)>>8), byte(len(e))), e...)
		default:
			z = append(binary.BigEndian.AppendUint32(append(z, 0x80), uint32(len(e))), e...)
		}
		before = len(z) - last
	}
	z = append(z, 0xff)
	binary.LittleEndian.PutUint32(z, uint32(len(z)))
	binary.LittleEndian.PutUint32(z[4:], uint32(last))
	binary.LittleEndian.PutUint16(z[8:], uint16(min(len(elements), 0xffff)))
	return z
}

// zipmapOf builds a zipmap, with spare bytes behind some values.
func zipmapOf(r *rand.Rand, pairs []string) []byte {
	z := []byte{byte(min(len(pairs)/2, 254))}
	length := func(n int) {
		if n < 254 {
			z = append(z, byte(n))
		} else {
			z = binary.LittleEndian.AppendUint32(append(z, 254), uint32(n))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		length(len(pairs[i]))
		z = append(z, pairs[i]...)
		length(len(pairs[i+1]))
		spare := r.IntN(4)
		z = append(append(append(z, byte(spare)), pairs[i+1]...), make([]byte, spare)...)
	}
	return append(z, 0xff)
}

func listpackOf(elements []string) []byte {
	lp := listpack.AppendNew(nil)
	for _, e := range elements {
		lp = listpack.Append(lp, []byte(e))
	}
	return lp
}

// ancientElements are count different elements of all lengths and sizes of integers.
func ancientElements(r *rand.Rand, count int) (elements []string) {
	for i := range count {
		switch r.IntN(5) {
		case 0:
			elements = append(elements, strconv.Itoa(i))
		case 1:
			elements = append(elements, strconv.FormatInt(int64(r.Uint64())>>(r.IntN(64)), 10))
		case 2:
			elements = append(elements, strings.Repeat("x", r.IntN(300))+fmt.Sprint(i))
		case 3:
			elements = append(elements, fmt.Sprint("-", i))
		case 4:
			elements = append(elements, strings.Repeat("long", r.IntN(5)*1000)+fmt.Sprint("!", i))
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(elements, func(e string) bool { was := seen[e]; seen[e] = true; return was })
}

// decoded returns all that a value holds, flat: elements; fields, values and deadlines; and so on.
func decoded(v Value) (out []string, err error) {
	var it Items
	if err := it.Open(v); err != nil {
		return nil, err
	}
	for {
		item, err := it.Next()
		if err != nil {
			if err.Error() == "EOF" {
				err = nil
			}
			return out, err
		}
		if item.Node != nil {
			for at := listpack.First(item.Node); at >= 0; at = listpack.Next(item.Node, at) {
				out = append(out, string(listpack.Get(item.Node, at).AppendTo(nil)))
			}
			continue
		}
		out = append(out, string(item.Key))
		switch it.Kind() {
		case HashKind:
			out = append(out, string(item.Value))
			if it.Deadlines() {
				out = append(out, strconv.FormatInt(item.Deadline, 10))
			}
		case ZSetKind:
			out = append(out, strconv.FormatFloat(item.Score, 'g', -1, 64))
		}
	}
}

// TestValkeyHash shows that 22 is another type in files and payloads of Valkey 9, and that the number by
// which it is known here is none outside.
func TestValkeyHash(t *testing.T) {
	body := []byte("\x02\x01a\x01b\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01c\x01d\xff\xff\xff\xff\xff\xff\xff\xff")
	want := []string{"a", "b", "1000000000000", "c", "d", "0"}
	payload := func(t byte, version uint16) []byte {
		return sealed(binary.LittleEndian.AppendUint16(append([]byte{t}, body...), version))
	}
	v, err := ParseDump(payload(22, ValkeyVersion), true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decoded(v); err != nil || !slices.Equal(got, want) {
		t.Errorf("payload: %q, %v; want %q", got, err, want)
	}
	if _, err := ParseDump(payload(typeHashValkey, ValkeyVersion), true); !errors.Is(err, ErrUnsupported) {
		t.Errorf("type %d: %v", typeHashValkey, err)
	}
	file := slices.Concat([]byte("VALKEY080\x16\x01k"), body, []byte{opEOF}, make([]byte, checksumBytes))
	var got []string
	for _, bufferBytes := range []int{64, 1 << 16} {
		if _, err = Scan(strings.NewReader(string(file)), Options{BufferBytes: bufferBytes}, func(rec *Record) error {
			got, err = decoded(rec.Value)
			return err
		}); err != nil || !slices.Equal(got, want) {
			t.Errorf("file: %q, %v; want %q", got, err, want)
		}
	}
	file[9] = LowestOpcode - 1 // as high as a type can be
	if _, err = Scan(strings.NewReader(string(file)), Options{}, func(rec *Record) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("type %d in a file: %v", file[9], err)
	}
}

func TestAncientForms(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	enc := &Encoder{Compress: true}
	for _, count := range []int{6, 20, 60, 600} {
		for round := range max(1, 60/count) {
			members := ancientElements(r, count)
			pairs, triples, scores, texts := []string{}, []string{}, []string{}, []byte{}
			relative, absolute, binaries := []byte{}, []byte{}, []byte{}
			ints := intset.AppendNew(nil)
			const soonest = 1700000000000
			for i, m := range members {
				value := members[len(members)-1-i]
				deadline, score := int64(0), float64(i)*1.25-3
				if i%3 == 0 {
					deadline = soonest + int64(i)*1000
				}
				pairs = append(pairs, m, value)
				triples = append(triples, m, value, strconv.FormatInt(deadline, 10))
				text := strconv.FormatFloat(score, 'g', -1, 64)
				scores = append(scores, m, text)
				texts = append(append(enc.AppendString(texts, []byte(m)), byte(len(text))), text...)
				binaries = binary.LittleEndian.AppendUint64(enc.AppendString(binaries, []byte(m)), math.Float64bits(score))
				rel := deadline
				if rel != 0 {
					rel -= soonest - 1
				}
				relative = enc.AppendString(enc.AppendString(AppendLength(relative, uint64(rel)), []byte(m)), []byte(value))
				absolute = enc.AppendString(enc.AppendString(AppendLength(absolute, uint64(deadline)), []byte(m)), []byte(value))
				ints, _ = intset.Add(ints, int64(i*i)<<(8*round%40))
			}
			numbers := []string{}
			for i := range intset.Len(ints) {
				numbers = append(numbers, strconv.FormatInt(intset.At(ints, i), 10))
			}
			blob := func(b []byte) []byte { return enc.AppendBlob(nil, b) }
			counted := func(b []byte) []byte { return append(AppendLength(nil, uint64(len(members))), b...) }
			half := len(members) / 2
			due := binary.LittleEndian.AppendUint64(nil, soonest)
			for _, tc := range []struct {
				typ  byte
				body []byte
				want []string
			}{
				{typeHashZipmap, blob(zipmapOf(r, pairs)), pairs},
				{typeListZiplist, blob(ziplistOf(members, round%2 == 0)), members},
				{typeSetIntset, blob(ints), numbers},
				{typeZSetZiplist, blob(ziplistOf(scores, round%2 == 0)), scores},
				{typeHashZiplist, blob(ziplistOf(pairs, round%2 == 0)), pairs},
				{typeQuicklist, slices.Concat([]byte{2}, blob(ziplistOf(members[:half], false)), blob(ziplistOf(members[half:], true))), members},
				{typeQuicklist2, slices.Concat([]byte{3, 2}, blob(listpackOf(members[:half])), []byte{1}, blob([]byte(members[half])),
					[]byte{2}, blob(listpackOf(members[half+1:]))), members},
				{typeZSet, counted(texts), scores},
				{typeZSet2, counted(binaries), scores},
				{typeSetListpack, blob(listpackOf(members)), members},
				{typeHashListpack, blob(listpackOf(pairs)), pairs},
				{typeZSetListpack, blob(listpackOf(scores)), scores},
				{typeHashDeadlines, slices.Concat(due, counted(relative)), triples},
				{typeHashDeadlinesA, counted(absolute), triples},
				{typeHashTriples, slices.Concat(due, blob(listpackOf(triples))), triples},
				{typeHashTriplesA, blob(listpackOf(triples)), triples},
			} {
				if tc.typ == typeQuicklist2 && len(members) == half+1 {
					continue // the last node would be empty
				}
				payload := EndDump(append([]byte{tc.typ}, tc.body...), 0)
				v, err := ParseDump(payload, true)
				var got []string
				if err == nil {
					got, err = decoded(v)
				}
				if err != nil || !slices.Equal(got, tc.want) {
					t.Fatalf("seed %d, type %d (%s), %d elements: %v; %.300q, want %.300q", seed, tc.typ, TypeName(tc.typ), count, err, got, tc.want)
				}
				damage(t, r, payload)
			}
		}
	}
}

// damage changes a payload in a few random ways and demands that it is refused or decoded.
func damage(t *testing.T, r *rand.Rand, payload []byte) {
	t.Helper()
	for range 10 {
		bad := slices.Clone(payload[:len(payload)-checksumBytes])
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad)-2)] = byte(r.Uint32())
		}
		decodeAny(t, sealed(bad))
	}
}

// decodeAny decodes a payload, whatever it is, and demands an error of ours if there is one.
func decodeAny(t *testing.T, payload []byte) {
	t.Helper()
	v, err := ParseDump(payload, false)
	if err == nil && v.Type != TypeString {
		_, err = decoded(v)
	}
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrVersion) {
		t.Fatalf("payload %q: %v", payload, err)
	}
}

// TestBadObjects has a row for each thing that can be wrong with a collection's bytes by itself.
func TestBadObjects(t *testing.T) {
	enc := &Encoder{}
	blob := func(b []byte) []byte { return enc.AppendBlob(nil, b) }
	lp := func(e ...string) []byte { return blob(listpackOf(e)) }
	zl := func(change func(z []byte) []byte, e ...string) []byte { return blob(change(ziplistOf(e, false))) }
	set := func(at int, b byte) func([]byte) []byte { return func(z []byte) []byte { z[at] = b; return z } }
	for _, tc := range []struct {
		name string
		typ  byte
		body []byte
	}{
		{"a member twice", typeSetListpack, lp("a", "b", "a")},
		{"an integer twice", typeSetListpack, lp("1", "1")},
		{"an integer as text and as such", typeSetListpack, blob([]byte{12, 0, 0, 0, 2, 0, 0x81, '1', 2, 1, 1, 0xff})},
		{"a field twice", typeHashListpack, lp("a", "1", "a", "2")},
		{"half a field", typeHashListpack, lp("a", "1", "b")},
		{"a score that is none", typeZSetListpack, lp("a", "x")},
		{"a score that is NaN", typeZSetListpack, lp("a", "nan")},
		{"scores out of order", typeZSetListpack, lp("a", "2", "b", "1")},
		{"members out of order", typeZSetListpack, lp("b", "1", "a", "1")},
		{"a deadline that is no number", typeHashTriplesA, lp("a", "1", "soon")},
		{"a deadline before 1970", typeHashTriplesA, lp("a", "1", "-5")},
		{"a deadline that never comes", typeHashDeadlinesA, append(AppendLength([]byte{1}, 1<<50), 1, 'a', 1, 'b')},
		{"a node of no kind", typeQuicklist2, append([]byte{1, 3}, lp("a")...)},
		{"an intset out of order", typeSetIntset, blob([]byte{2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 4, 0})},
		{"an intset of no width", typeSetIntset, blob([]byte{3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 4})},
		{"a ziplist's size", typeListZiplist, zl(set(0, 99), "a", "b")},
		{"a ziplist's tail", typeListZiplist, zl(set(4, 10), "a", "b")},
		{"a ziplist's count", typeListZiplist, zl(set(8, 3), "a", "b")},
		{"a ziplist's link back", typeListZiplist, zl(set(13, 1), "a", "b")},
		{"a ziplist's encoding", typeListZiplist, zl(set(11, 0xff), "a", "b")},
		{"a ziplist's length", typeListZiplist, zl(set(14, 9), "a", "b")},
		{"a ziplist's end", typeListZiplist, zl(set(16, 0), "a", "b")},
		{"a zipmap's end", typeHashZipmap, blob([]byte{1, 1, 'a', 1, 0, 'b', 0})},
		{"a zipmap's count", typeHashZipmap, blob([]byte{2, 1, 'a', 1, 0, 'b', 0xff})},
		{"a zipmap's spare bytes", typeHashZipmap, blob([]byte{1, 1, 'a', 1, 9, 'b', 0xff})},
		{"a stream's node ID", typeStream, append(append([]byte{1, 3, 'a', 'b', 'c'}, lp("1")...), 0, 0, 0, 0)},
	} {
		v, err := ParseDump(EndDump(append([]byte{tc.typ}, tc.body...), 0), true)
		var got []string
		if err == nil {
			got, err = decoded(v)
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %q, error %v, want %v", tc.name, got, err, ErrCorrupt)
		}
	}
}

func FuzzObjects(f *testing.F) {
	enc := &Encoder{}
	members := []string{"a", "5", "-70000", strings.Repeat("long", 30)}
	for _, z := range [][]byte{ziplistOf(members, false), ziplistOf(members, true), listpackOf(members),
		zipmapOf(rand.New(rand.NewPCG(1, 1)), members), listpackOf([]string{"a", "1", "b", "2"}), {2, 0, 0, 0, 1, 0, 0, 0, 5, 0}} {
		for t := range types {
			f.Add(byte(t), enc.AppendBlob(nil, z))
			f.Add(byte(t), append([]byte{1, 2}, enc.AppendBlob(nil, z)...))
		}
	}
	f.Add(byte(typeStream3), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01g\x00\x00\x00\x00\x01\x01c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		decodeAny(t, payloadOf(typ, body))
	})
}

// payloadOf returns the payload of a value.
func payloadOf(typ byte, body []byte) []byte {
	p := append([]byte{typ}, body...)
	return sealed(binary.LittleEndian.AppendUint16(p, DefaultVersion))
}
