// Damaged files: cut at every byte, every bit flipped, lengths that lie, versions and types that
// are not ours. Each gives an error of the right kind that says where; none makes us panic, take
// memory that the file does not justify, or invent a record before the damage.

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// smallEntries have every form of string, deadlines and use counts, in little space.
var smallEntries = []entry{
	{0, "plain", "value", None, None, None},
	{0, "int8", "-7", None, None, None},
	{0, "12345", "1234567", 1700000000123, 77, None},
	{0, strings.Repeat("key ", 9), strings.Repeat("ab", 60), None, None, 200},
	{9, "long", strings.Repeat("z", 70) + "0123456789qwertyuiopasdfghjklzxcvbnm", 1 << 41, None, None},
	{9, "", "", None, None, None},
}

// readers are the ways of reading that must agree about damage.
var readers = []struct {
	name string
	o    Options
}{
	{"one buffer", Options{BufferBytes: 4096}},
	{"small buffers", Options{BufferBytes: 64}},
	{"no checksum", Options{BufferBytes: 4096, SkipChecksum: true}},
	{"large", Options{BufferBytes: 64, Large: drain}},
}

// allReaders are readers, and one that passes over what it can.
var allReaders = append(slices.Clone(readers), struct {
	name string
	o    Options
}{"what can be", Options{BufferBytes: 64, Newer: true, LeaveOut: func(*LeftOut) error { return nil }}})

// drain is a Large that reads all.
func drain(_ *Record, value *LargeValue) error {
	_, err := io.Copy(io.Discard, value)
	return err
}

// scanDecoded reads and decodes everything.
func scanDecoded(file []byte, o Options) ([]entry, Result, error) {
	var got []entry
	result, err := Scan(bytes.NewReader(file), o, func(rec *Record) error {
		e, err := entryOf(rec)
		if err == nil {
			got = append(got, e)
		}
		return err
	})
	return got, result, err
}

// isOurs tells whether err has a place and one of the room's kinds.
func isOurs(err error) bool {
	var e *Error
	return errors.As(err, &e) && (errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTruncated) ||
		errors.Is(err, ErrVersion) || errors.Is(err, ErrChecksum) || errors.Is(err, ErrUnsupported))
}

func TestTruncatedAtEveryByte(t *testing.T) {
	file := encodeFile(t, smallEntries, DefaultVersion, true)
	for _, reader := range allReaders {
		for length := range len(file) {
			got, _, err := scanDecoded(file[:length], reader.o)
			if !errors.Is(err, ErrTruncated) || !isOurs(err) {
				t.Fatalf("%s, cut to %d of %d bytes: error %v", reader.name, length, len(file), err)
			}
			if reader.o.Large == nil {
				checkEntries(t, fmt.Sprintf("%s, cut to %d bytes", reader.name, length), got, smallEntries[:len(got)])
			}
			o := reader.o
			o.Size = int64(length)
			if _, _, sized := scanDecoded(file[:length], o); !errors.Is(sized, ErrTruncated) {
				t.Fatalf("%s, cut to %d of %d bytes, size known: error %v", reader.name, length, len(file), sized)
			}
		}
	}
}

func TestEveryBitFlipped(t *testing.T) {
	for _, compress := range []bool{true, false} {
		file := encodeFile(t, smallEntries, DefaultVersion, compress)
		for _, reader := range allReaders {
			for bit := range len(file) * 8 {
				file[bit/8] ^= 1 << (bit % 8)
				_, result, err := scanDecoded(file, reader.o)
				if err != nil && !isOurs(err) || err == nil && !reader.o.SkipChecksum {
					t.Fatalf("%s, bit %d of byte %d flipped: %+v, error %v", reader.name, bit%8, bit/8, result, err)
				}
				file[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

// TestBadFiles has one row for each thing that can be wrong by itself.
func TestBadFiles(t *testing.T) {
	long := func(n uint64) []byte { return AppendLength(nil, n) }
	for _, tc := range []struct {
		name    string
		body    any // []byte, or a string; after the header
		want    error
		message string
	}{
		{"empty", "", ErrTruncated, "rdb: offset 9: an opcode: the data ends early"},
		{"no such type", "\x08\x01k", ErrCorrupt, `rdb: offset 9: type 8 (unknown): key "k": the data is corrupt`},
		{"no such opcode", "\xf0\x01k", ErrCorrupt, `rdb: offset 9: type 240 (unknown): key "k": the data is corrupt`},
		{"a module's value", slices.Concat([]byte("\xfe\x00\x07\x04name"), long(moduleID("ReJSON-RL", 3))), ErrUnsupported,
			`rdb: offset 11: type 7 (module value of "ReJSON-RL"): key "name": objects of this kind are not loaded`},
		{"a newer stream", "\x1a\x01k\x01", ErrUnsupported,
			`rdb: offset 9: type 26 (stream, fourth form): key "k": objects of this kind are not loaded`},
		{"a module's value, numeric key", "\x06\xc0\x07", ErrUnsupported,
			`rdb: offset 9: type 6 (module value (pre-release)): key "7": objects of this kind are not loaded`},
		{"a list that ends early", "\xfe\x00\x12\x04list\x01", ErrTruncated,
			`rdb: offset 11: type 18 (list as quicklist of listpacks): key "list": the data ends early`},
		{"a set that lies", slices.Concat([]byte("\x02\x01k"), long(1<<41)), ErrCorrupt, `rdb: offset 9: type 2 (set): key "k": the data is corrupt`},
		{"old functions", "\xf6", ErrUnsupported, "rdb: offset 9: opcode 246 (function, as before Redis 7.0's release): objects of this kind are not loaded"},
		{"slot import", "\xf3", ErrUnsupported, "rdb: offset 9: opcode 243 (slot import, or key metadata): objects of this kind are not loaded"},
		{"length form", "\x00\x82", ErrCorrupt, "rdb: offset 9: type 0 (string): the data is corrupt"},
		{"string form", "\x00\x01k\xc4", ErrCorrupt, `rdb: offset 9: type 0 (string): key "k": the data is corrupt`},
		{"database in string form", "\xfe\xc0\x01", ErrCorrupt, "rdb: offset 9: opcode 254: the data is corrupt"},
		{"database number", slices.Concat([]byte{0xfe}, long(1<<60)), ErrCorrupt, "rdb: offset 9: opcode 254: the data is corrupt"},
		{"module item", "\xf7\x01\x09", ErrCorrupt, "rdb: offset 9: opcode 247: the data is corrupt"},
		{"string too long", slices.Concat([]byte("\x00\x01k"), long(1<<60)), ErrCorrupt, `rdb: offset 9: type 0 (string): key "k": the data is corrupt`},
		{"string that lies", slices.Concat([]byte("\x00\x01k"), long(1<<45)), ErrTruncated, `rdb: offset 9: type 0 (string): key "k": the data ends early`},
		{"compression beyond what is possible", slices.Concat([]byte("\x00\x01k\xc3\x03"), long(265), []byte("abc")), ErrCorrupt,
			`rdb: offset 9: type 0 (string): key "k": the data is corrupt`},
		{"compressed key that is shorter", "\x00\xc3\x02\x05\x00a\x01v", ErrCorrupt, "rdb: offset 9: type 0 (string): the key: the data is corrupt"},
		{"compressed value that is shorter", "\x00\x01k\xc3\x02\x05\x00a\xff", ErrCorrupt, `rdb: offset 9: type 0 (string): key "k": the data is corrupt`},
		{"copy from before the start", "\x00\x01k\xc3\x04\x04\x00a\x20\x01\xff", ErrCorrupt, `rdb: offset 9: type 0 (string): key "k": the data is corrupt`},
		{"aux that does not decode", "\xfa\xc3\x02\x05\x00a\x01v", ErrCorrupt, "rdb: offset 9: opcode 250: the data is corrupt"},
		{"no checksum", "\xff\x01\x02", ErrTruncated, "rdb: offset 10: the checksum: the data ends early"},
		{"wrong checksum", "\xff\x01\x02\x03\x04\x05\x06\x07\x08", ErrChecksum,
			"rdb: offset 10: checksum 0807060504030201 in the file, " + fmt.Sprintf("%016x", CRC64(0, []byte("REDIS0010\xff"))) +
				" of the file: the checksum does not match"},
	} {
		file := slices.Concat([]byte("REDIS0010"), toBytes(tc.body))
		for _, reader := range readers {
			reader.o.Aux = func(_, _ []byte) error { return nil }
			if reader.o.SkipChecksum && tc.want == ErrChecksum {
				continue
			}
			_, _, err := scanDecoded(file, reader.o)
			if !errors.Is(err, tc.want) || err.Error() != tc.message {
				t.Errorf("%s, %s: error %q, want %q", tc.name, reader.name, err, tc.message)
			}
		}
	}
}

func toBytes(body any) []byte {
	if s, ok := body.(string); ok {
		return []byte(s)
	}
	return body.([]byte)
}

// TestDeadlinesInSeconds shows that those of old files are signed, and scaled.
func TestDeadlinesInSeconds(t *testing.T) {
	got, _, err := scanDecoded([]byte("REDIS0002\xfd\xfe\xff\xff\xff\x00\x01k\x01v\xfd\x00\x00\x00\x7f\x00\x01l\x01v\xff"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkEntries(t, "deadlines in seconds", got, []entry{{0, "k", "v", -2000, None, None}, {0, "l", "v", 0x7f000000 * 1000, None, None}})
}

func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		header string
		want   error
	}{
		{"REDIS0001", nil}, {"REDIS0002", nil}, {"REDIS0003", nil}, {"REDIS0004", nil}, {"REDIS0005", nil},
		{"REDIS0006", nil}, {"REDIS0007", nil}, {"REDIS0008", nil}, {"REDIS0009", nil}, {"REDIS0010", nil},
		{"REDIS0011", nil}, {"REDIS0012", nil}, {"VALKEY080", nil},
		{"REDIS0000", ErrVersion}, {"REDIS0013", ErrVersion}, {"REDIS0079", ErrVersion}, {"REDIS0081", ErrVersion},
		{"VALKEY081", ErrVersion}, {"REDIS9999", ErrVersion},
		{"redis0010", ErrCorrupt}, {"REDIS00-1", ErrCorrupt}, {"REDIS 010", ErrCorrupt}, {"\x00\x00\x00\x00\x00\x00\x00\x00\x00", ErrCorrupt},
	} {
		body := slices.Concat([]byte(tc.header), []byte("\xfe\x01\xfd\x01\x00\x00\x00\x00\x01k\x01v\x00\x02k2\xc1\x00\x80\xff"))
		file := binary.LittleEndian.AppendUint64(bytes.Clone(body), CRC64(0, body))
		checked := true
		if tc.header < "REDIS0005" { // files of those versions end here
			file, checked = body, false
		}
		got, result, err := scanDecoded(file, Options{})
		if !errors.Is(err, tc.want) {
			t.Errorf("%q: error %v, want %v", tc.header, err, tc.want)
			continue
		}
		if tc.want != nil {
			if len(got) != 0 || !isOurs(err) {
				t.Errorf("%q: %d entries, %v", tc.header, len(got), err)
			}
			continue
		}
		checkEntries(t, tc.header, got, []entry{{1, "k", "v", 1000, None, None}, {1, "k2", "-32768", None, None, None}})
		if result.Checked != checked || result.Bytes != int64(len(file)) {
			t.Errorf("%q: %+v", tc.header, result)
		}
	}
	if got := VersionFor(); got != DefaultVersion {
		t.Errorf("VersionFor() = %d, want %d", got, DefaultVersion)
	}
	if got := VersionFor(TypeString, 20, 15); got != 11 {
		t.Errorf("VersionFor(string, set as listpack, stream) = %d, want 11", got)
	}
	for version := range 20 {
		if err := CheckVersion(version); (err == nil) != (version >= 9 && version <= 12) || err != nil && !errors.Is(err, ErrVersion) {
			t.Errorf("CheckVersion(%d) = %v", version, err)
		}
	}
}

// TestNoChecksum shows that eight zero bytes are no checksum, as Writer writes them when asked.
func TestNoChecksum(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, false)
	if err := errors.Join(w.Begin(9), w.End()); err != nil {
		t.Fatal(err)
	}
	if got, want := file.String(), "REDIS0009\xff\x00\x00\x00\x00\x00\x00\x00\x00"; got != want {
		t.Fatalf("wrote %q, want %q", got, want)
	}
	_, result, err := scanDecoded(file.Bytes(), Options{})
	if want := (Result{Version: 9, Bytes: 18}); err != nil || result != want {
		t.Errorf("read %+v, %v; want %+v", result, err, want)
	}
}

// TestLyingLengths shows that a length alone makes no room, wherever it stands.
func TestLyingLengths(t *testing.T) {
	huge := AppendLength(nil, 1<<45)
	packed := append(append([]byte{0xc3}, huge...), huge...)
	whole := append(append([]byte("\x00\x01k\xc3\x03"), huge...), "abc"...)
	if _, _, err := scanDecoded(append([]byte("REDIS0010"), whole...), Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("3 bytes that claim to be 2^45: error %v", err)
	}
	for name, body := range map[string][]byte{
		"key":              append([]byte{0}, huge...),
		"value":            append([]byte("\x00\x01k"), huge...),
		"compressed value": append([]byte("\x00\x01k"), packed...),
		"aux":              append([]byte{opAux}, huge...),
		"fact":             append([]byte{opAux, 1, 'a'}, packed...),
		"function":         append([]byte{opFunction2}, huge...),
		"module string":    append([]byte{opModuleAux, 1, 5}, huge...),
	} {
		for _, large := range []func(*Record, *LargeValue) error{nil, drain} {
			file := io.MultiReader(strings.NewReader("REDIS0010"), bytes.NewReader(body), bytes.NewReader(make([]byte, 1<<20)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Scan(file, Options{Large: large, Aux: func(_, _ []byte) error { return nil }}, func(*Record) error { return nil })
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("%s: error %v, want %v", name, err, ErrTruncated)
			}
			// The buffer doubles from 256 KiB to 2 MiB, and no longer lives beside more than its half.
			if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
				t.Errorf("%s: %d bytes allocated for a file of 1 MiB", name, took)
			}
		}
	}
}

// TestSourceFails shows that the source's own error comes through, with the place.
func TestSourceFails(t *testing.T) {
	file := encodeFile(t, smallEntries, DefaultVersion, true)
	boom := errors.New("boom")
	for length := range len(file) {
		source := io.MultiReader(bytes.NewReader(file[:length]), iotest.ErrReader(boom))
		_, err := Scan(source, Options{BufferBytes: 64, Large: drain}, func(*Record) error { return nil })
		if !errors.Is(err, boom) || !strings.Contains(err.Error(), fmt.Sprintf("offset %d", length)) && length%64 == 0 {
			t.Fatalf("source failing after %d bytes: error %v", length, err)
		}
	}
}

// TestSinkFails shows that a sink's error comes through from each write, and a short write is one.
func TestSinkFails(t *testing.T) {
	for fails := range 3 {
		w := NewWriter(&failingSink{after: fails}, true)
		err := w.Begin(DefaultVersion)
		if err == nil {
			_, err = w.Write([]byte("body"))
		}
		if err == nil {
			err = w.End()
		}
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("sink failing after %d writes: error %v", fails, err)
		}
	}
}

// failingSink takes so many writes whole, then all but a byte of each.
type failingSink struct{ after int }

func (s *failingSink) Write(p []byte) (int, error) {
	s.after--
	if s.after >= 0 {
		return len(p), nil
	}
	return len(p) - 1, nil
}

// TestNoAllocations proves the promise for what runs under a shard's lock and for each record.
func TestNoAllocations(t *testing.T) {
	enc := &Encoder{Compress: true}
	value := bytes.Repeat([]byte("value "), 100)
	random := make([]byte, 500)
	r := rand.New(rand.NewPCG(3, 0))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	key := []byte("key:000000000001")
	buf := make([]byte, 0, 10000)
	if n := testing.AllocsPerRun(100, func() {
		buf = AppendResizeDB(AppendSelectDB(buf[:0], 3), 10, 10)
		buf = AppendFreq(AppendIdle(AppendExpireMs(buf, 1), 9), 8)
		buf = enc.AppendStringEntry(buf, key, value)
		buf = enc.AppendStringEntry(buf, key, random)
		buf = enc.AppendIntEntry(buf, key, -1<<60)
		buf = enc.AppendDump(buf, value)
	}); n != 0 {
		t.Errorf("encoding allocates %v times", n)
	}

	file := encodeFile(t, randomEntries(r), DefaultVersion, true)
	var batch *Batch
	dst := make([]byte, 100000)
	if _, err := Split(bytes.NewReader(file), Options{BufferBytes: len(file) + 1}, func(b *Batch) error {
		batch = b
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	batch.keys = make([]byte, 0, len(file))
	if n := testing.AllocsPerRun(10, func() {
		batch.keys = batch.keys[:0]
		err := batch.Each(func(rec *Record) error {
			s, err := rec.Value.AsString()
			if err != nil {
				return err
			}
			return s.DecodeInto(dst[:s.Len()])
		})
		if err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("decoding a batch of %d records allocates %v times", batch.Records(), n)
	}
}

func FuzzScan(f *testing.F) {
	f.Add(encodeFile(f, smallEntries, DefaultVersion, true), 64, true)
	f.Add(encodeFile(f, smallEntries, 11, false), 1000, false)
	f.Add([]byte("REDIS0011\xf7\x01\x02\x02\x00\xff"), 64, false)
	f.Fuzz(func(t *testing.T, file []byte, bufferBytes int, large bool) {
		o := Options{BufferBytes: max(64, bufferBytes%5000), SkipChecksum: true}
		if large {
			o.Large = drain
		}
		for _, tell := range []bool{false, true} {
			if tell {
				o.Aux = func(_, _ []byte) error { return nil }
				o.Function = func([]byte) error { return nil }
				o.Skipped = func(string) error { return nil }
				o.LeaveOut, o.Newer = func(*LeftOut) error { return nil }, true
			}
			got, result, err := scanDecoded(file, o)
			if err != nil && !isOurs(err) || result.Bytes > int64(len(file)) || int64(len(got)) > result.Records {
				t.Fatalf("%+v, error %v", result, err)
			}
			if err == nil && !large {
				again, _, err := scanDecoded(encodeFile(t, got, DefaultVersion, true), Options{})
				if err != nil {
					t.Fatalf("what was read, written and read again: %v", err)
				}
				checkEntries(t, "written and read again", again, got)
			}
		}
	})
}

func FuzzParseDump(f *testing.F) {
	enc := &Encoder{Compress: true}
	for _, e := range smallEntries {
		f.Add(enc.AppendDump(nil, []byte(e.Value)))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := restore(payload, false)
		if err != nil {
			return
		}
		again, err := restore(enc.AppendDump(nil, []byte(got)), true)
		if err != nil || again != got {
			t.Fatalf("%q dumped and restored is %q, %v", got, again, err)
		}
	})
}
