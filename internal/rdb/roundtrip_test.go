// What was written is what is read: every shape of string as key and as value, with and without
// compression, deadlines, use counts and databases, through every way of reading (in order, by
// workers, from a source that returns a byte at a time, through buffers so small that each entry is
// cut), against a plain list kept beside.

package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"tarn/test/chance"
)

// entry is a record with its key and value decoded.
type entry struct {
	DB       int
	Key      string
	Value    string
	ExpireMs int64
	Idle     int64
	Freq     int
}

// entryOf decodes a record.
func entryOf(rec *Record) (entry, error) {
	s, err := rec.Value.AsString()
	if err != nil {
		return entry{}, err
	}
	value, err := s.AppendTo(nil)
	if err == nil && len(value) != s.Len() {
		err = fmt.Errorf("a string of %d bytes says it has %d", len(value), s.Len())
	}
	return entry{rec.DB, string(rec.Key), string(value), rec.ExpireMs, rec.Idle, rec.Freq}, err
}

// stringShapes are strings at the edges of every form and length.
func stringShapes(r *rand.Rand) []string {
	shapes := []string{
		"", "0", "-0", "00", "01", "-", "+1", " 1", "1 ", "-1", "9", "10", "-128", "-129", "127", "128",
		"32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649",
		"99999999999", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "3.14", "1e3",
		"\x00", "\xff\xfe\xfd", "a\r\nb", strings.Repeat("\x00", 21), "key with blanks", "ключ",
	}
	for _, length := range []int{1, 2, 19, 20, 21, 22, 33, 63, 64, 65, 255, 256, 263, 264, 265, 400, 4096, 8191,
		8192, 8193, 8200, 16383, 16384, 16385, 32 << 10, 32<<10 + 1, 65535, 65536, 70000} {
		random := make([]byte, length)
		words := make([]byte, 0, length+16)
		for i := range random {
			random[i] = byte(r.Uint32())
		}
		for len(words) < length {
			words = fmt.Appendf(words, "field%d=%d;", r.IntN(20), r.IntN(1000))
		}
		shapes = append(shapes, string(random), string(words[:length]), strings.Repeat("x", length))
	}
	return shapes
}

// randomEntries makes entries of every shape, with distinct keys, ordered by database.
func randomEntries(r *rand.Rand) []entry {
	var entries []entry
	shapes := stringShapes(r)
	keys := map[string]bool{}
	for i, shape := range shapes {
		e := entry{DB: i * 3 / len(shapes) * 7, Key: "k" + strconv.Itoa(i), Value: shape, ExpireMs: None, Idle: None, Freq: None}
		if i%3 == 0 && len(shape) > 0 && !keys[shape+shape] { // No server writes a key twice, or loads it.
			e.Key, e.Value = shape+shape, shapes[r.IntN(len(shapes))]
		}
		keys[e.Key] = true
		if r.IntN(3) == 0 {
			e.ExpireMs = r.Int64N(1 << 45)
		}
		switch r.IntN(4) {
		case 0:
			e.Idle = r.Int64N(1 << uint(r.IntN(33)))
		case 1:
			e.Freq = r.IntN(256)
		}
		entries = append(entries, e)
	}
	return entries
}

// encodeFile writes a file with the entries.
func encodeFile(t testing.TB, entries []entry, version int, compress bool) []byte {
	t.Helper()
	var file bytes.Buffer
	w := NewWriter(&file, true)
	if err := w.Begin(version); err != nil {
		t.Fatal(err)
	}
	enc := &Encoder{Compress: compress}
	buf := enc.AppendAux(nil, "redis-ver", "7.0.15")
	buf = enc.AppendAux(buf, "redis-bits", "64")
	db := -1
	for i := range entries {
		if entries[i].DB != db {
			db = entries[i].DB
			buf = AppendResizeDB(AppendSelectDB(buf, db), uint64(len(entries)), 70000)
		}
		buf = appendEntry(buf, enc, &entries[i])
	}
	if _, err := w.Write(buf); err != nil {
		t.Fatal(err)
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	if w.Written() != int64(file.Len()) {
		t.Fatalf("Written = %d, want %d", w.Written(), file.Len())
	}
	return file.Bytes()
}

func appendEntry(dst []byte, enc *Encoder, e *entry) []byte {
	start := len(dst)
	if e.ExpireMs != None {
		dst = AppendExpireMs(dst, e.ExpireMs)
	}
	if e.Idle != None {
		dst = AppendIdle(dst, uint64(e.Idle))
	}
	if e.Freq != None {
		dst = AppendFreq(dst, byte(e.Freq))
	}
	if n, err := strconv.ParseInt(e.Value, 10, 64); err == nil && strconv.FormatInt(n, 10) == e.Value {
		dst = enc.AppendIntEntry(dst, []byte(e.Key), n)
	} else {
		dst = enc.AppendStringEntry(dst, []byte(e.Key), []byte(e.Value))
	}
	if most := MaxEntryBytes(len(e.Key), len(e.Value)); len(dst)-start > most {
		panic(fmt.Sprintf("entry of %d bytes, MaxEntryBytes says %d", len(dst)-start, most))
	}
	return dst
}

// checkEntries compares and reports the first difference.
func checkEntries(t *testing.T, context string, got, want []entry) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: entry %d is %.200q, want %.200q", context, i, fmt.Sprintf("%+v", got[i]), fmt.Sprintf("%+v", want[i]))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d entries, want %d", context, len(got), len(want))
	}
}

func sorted(entries []entry) []entry {
	out := append([]entry{}, entries...)
	sort.Slice(out, func(i, j int) bool {
		return out[i].DB < out[j].DB || out[i].DB == out[j].DB && out[i].Key < out[j].Key
	})
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, seed := range []uint64{
		4331036001955217026, // what was left to parse filled the next buffer to its last byte
		rand.Uint64(),
	} {
		roundTrip(t, seed)
	}
}

func roundTrip(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	entries := randomEntries(r)
	for _, compress := range []bool{false, true} {
		file := encodeFile(t, entries, DefaultVersion, compress)
		for _, o := range []Options{{}, {BufferBytes: 64, Buffers: 2}, {BufferBytes: 700}, {BufferBytes: 100000, SkipChecksum: true}} {
			for _, withLarge := range []bool{false, true} {
				for name, source := range map[string]io.Reader{
					"whole": bytes.NewReader(file), "bytes": iotest.OneByteReader(bytes.NewReader(file)),
					"halves": iotest.HalfReader(bytes.NewReader(file)), "data with EOF": iotest.DataErrReader(bytes.NewReader(file)),
				} {
					context := fmt.Sprintf("seed %d, compress %t, %+v, large %t, source %s", seed, compress, o, withLarge, name)
					if name != "whole" && o.BufferBytes != 700 {
						continue // TestEveryCut has more of this
					}
					got, result := scanAll(t, context, source, o, withLarge)
					checkEntries(t, context, sorted(got), sorted(entries))
					want := Result{Version: DefaultVersion, Records: int64(len(entries)), Bytes: int64(len(file)), Checked: !o.SkipChecksum}
					if result != want {
						t.Errorf("%s: result %+v, want %+v", context, result, want)
					}
				}
			}
		}
	}
}

// scanAll reads everything, values by Large when withLarge.
func scanAll(t *testing.T, context string, source io.Reader, o Options, withLarge bool) ([]entry, Result) {
	t.Helper()
	var got []entry
	if withLarge {
		o.Large = func(rec *Record, value *LargeValue) error {
			b, err := io.ReadAll(value)
			if int64(len(b)) != value.Len() {
				t.Errorf("%s: large value of %d bytes says it has %d", context, len(b), value.Len())
			}
			got = append(got, entry{rec.DB, string(rec.Key), string(b), rec.ExpireMs, rec.Idle, rec.Freq})
			return err
		}
	}
	result, err := Scan(source, o, func(rec *Record) error {
		e, err := entryOf(rec)
		got = append(got, e)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", context, err)
	}
	return got, result
}

func TestLoadByWorkers(t *testing.T) {
	seed := chance.Seed(t)
	entries := randomEntries(rand.New(rand.NewPCG(seed, 0)))
	file := encodeFile(t, entries, DefaultVersion, true)
	for _, workers := range []int{1, 2, 5} {
		var mu sync.Mutex
		var got []entry
		o := Options{BufferBytes: 2000, Buffers: 3, Size: int64(len(file))}
		o.Large = func(rec *Record, value *LargeValue) error {
			b, err := io.ReadAll(value)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, entry{rec.DB, string(rec.Key), string(b), rec.ExpireMs, rec.Idle, rec.Freq})
			return err
		}
		result, err := Load(bytes.NewReader(file), o, workers, func(worker int, rec *Record) error {
			e, err := entryOf(rec)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, e)
			return err
		})
		if err != nil || !result.Checked || result.Records != int64(len(entries)) {
			t.Fatalf("seed %d, %d workers: %+v, %v", seed, workers, result, err)
		}
		checkEntries(t, fmt.Sprintf("seed %d, %d workers", seed, workers), sorted(got), sorted(entries))
	}
}

// TestLoadErrors shows that Load returns the error of the first bad place, whoever met it, and
// that nothing is called after it has returned.
func TestLoadErrors(t *testing.T) {
	entries := randomEntries(rand.New(rand.NewPCG(1, 0)))
	file := encodeFile(t, entries, DefaultVersion, true)
	boom := errors.New("boom")
	for _, broken := range []bool{false, true} {
		for victim := 0; victim < len(entries); victim += 7 {
			source := file
			if broken {
				source = file[:len(file)-20]
			}
			_, err := Load(bytes.NewReader(source), Options{BufferBytes: 3000}, 3, func(_ int, rec *Record) error {
				if string(rec.Key) == entries[victim].Key {
					return boom
				}
				return nil
			})
			var e *Error
			if !errors.Is(err, boom) || !errors.As(err, &e) || string(e.Key) != string(shownKey([]byte(entries[victim].Key))) {
				t.Fatalf("broken %t, victim %d: error %v", broken, victim, err)
			}
		}
	}
}

// TestLoadErrorIsTheFirst lets every record fail, the first one last.
func TestLoadErrorIsTheFirst(t *testing.T) {
	entries := randomEntries(rand.New(rand.NewPCG(1, 0)))
	file := encodeFile(t, entries, DefaultVersion, true)
	var once sync.Once
	another := make(chan struct{})
	_, err := Load(bytes.NewReader(file), Options{BufferBytes: 1000}, 2, func(_ int, rec *Record) error {
		if string(rec.Key) == entries[0].Key {
			<-another
		} else {
			once.Do(func() { close(another) })
		}
		return errors.New("boom")
	})
	var e *Error
	if !errors.As(err, &e) || string(e.Key) != string(shownKey([]byte(entries[0].Key))) {
		t.Errorf("error %v, want that of key %.200q", err, entries[0].Key)
	}
}

func TestFirstOfSeveralErrors(t *testing.T) {
	l := loader{stopAt: math.MaxInt64}
	for _, place := range []int64{20, 30, 10, 40} {
		l.fail(place, fmt.Errorf("at %d", place))
	}
	for _, tc := range []struct {
		split error
		want  string
	}{
		{nil, "at 10"},
		{errStopped, "at 10"},
		{&Error{Offset: 50, Err: ErrTruncated}, "at 10"},
		{&Error{Offset: 5, Err: ErrTruncated}, "rdb: offset 5: the data ends early"},
	} {
		if got := l.first(tc.split); got.Error() != tc.want {
			t.Errorf("first(%v) = %v, want %s", tc.split, got, tc.want)
		}
	}
}

// TestEvents shows that what is not a key is told of, in order, with its content.
func TestEvents(t *testing.T) {
	enc := &Encoder{Compress: true}
	library := "#!lua name=lib\n" + strings.Repeat("redis.register_function('f', function() return 1 end)\n", 20)
	b := AppendHeader(nil, 11)
	b = enc.AppendAux(b, "redis-ver", "7.2.4")
	b = enc.AppendAux(b, "ctime", "1700000000")
	b = enc.AppendString(append(b, opFunction2), []byte(library))
	// Module data: identity, when (2, 1), an int, a float, a double, a string, the end.
	b = AppendLength(append(b, opModuleAux), moduleID("ReJSON-RL", 3))
	b = append(b, moduleUint, 1, moduleInt, 5, moduleFloat, 0, 0, 0, 0, moduleDouble, 0, 0, 0, 0, 0, 0, 0, 0)
	b = enc.AppendString(append(b, moduleString), []byte(strings.Repeat("data", 100)))
	b = append(b, moduleEnd)
	b = AppendResizeDB(AppendSelectDB(b, 4), 1000, 20)
	b = append(b, opSlotInfo, 5, 1, 0)
	b = append(b, opExpire, 0x00, 0xe1, 0x0b, 0x5e) // seconds, of old files
	b = enc.AppendAux(b, "between", "deadline and key")
	b = enc.AppendStringEntry(b, []byte("k"), []byte("v"))
	b = enc.AppendIntEntry(b, []byte("17"), math.MaxInt64)
	b = append(b, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, "what follows is not the file's"...)

	for _, bufferBytes := range []int{64, 1000, 1 << 20} {
		var got []string
		say := func(format string, args ...any) error {
			got = append(got, fmt.Sprintf(format, args...))
			return nil
		}
		o := Options{
			BufferBytes: bufferBytes,
			Aux:         func(name, fact []byte) error { return say("aux %s=%s", name, fact) },
			ResizeDB:    func(db int, keys, deadlines uint64) error { return say("resize %d: %d %d", db, keys, deadlines) },
			Function:    func(code []byte) error { return say("function %t", string(code) == library) },
			Skipped:     func(what string) error { return say("skipped %s", what) },
		}
		result, err := Scan(bytes.NewReader(b), o, func(rec *Record) error {
			e, err := entryOf(rec)
			say("%+v", e)
			return err
		})
		want := []string{
			"aux redis-ver=7.2.4", "aux ctime=1700000000", "function true", `skipped data of module "ReJSON-RL"`,
			"resize 4: 1000 20", "aux between=deadline and key",
			"{DB:4 Key:k Value:v ExpireMs:1577836800000 Idle:-1 Freq:-1}",
			"{DB:4 Key:17 Value:9223372036854775807 ExpireMs:-1 Idle:-1 Freq:-1}",
		}
		if bufferBytes == 64 { // the records come after, in batches; the order among each kind holds
			sort.Strings(want)
			sort.Strings(got)
		}
		wantResult := Result{Version: 11, Records: 2, Bytes: int64(bytes.LastIndexByte(b, opEOF) + 9)}
		if err != nil || !reflect.DeepEqual(got, want) || result != wantResult {
			t.Errorf("buffers of %d: got %q, %+v, %v; want %q, %+v", bufferBytes, got, result, err, want, wantResult)
		}
	}
}

// moduleID is the inverse of moduleName.
func moduleID(name string, version uint64) (id uint64) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, c := range []byte(name) {
		id = id<<6 | uint64(strings.IndexByte(letters, c))
	}
	return id<<10 | version
}

// TestEveryCut reads one file through buffers of every small size, from a source that returns
// random amounts, so that a buffer ends at every place of an entry.
func TestEveryCut(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	var entries []entry
	for i := range 60 {
		value := strings.Repeat(strconv.Itoa(r.IntN(1000)), r.IntN(200))
		entries = append(entries, entry{i / 20, fmt.Sprintf("%0*d", 1+r.IntN(150), i), value, None, None, r.IntN(256)})
	}
	for _, compress := range []bool{false, true} {
		file := encodeFile(t, entries, DefaultVersion, compress)
		for bufferBytes := leastBufferBytes; bufferBytes < 700; bufferBytes++ {
			for _, withLarge := range []bool{false, true} {
				source := &chunkReader{r: r, rest: file}
				context := fmt.Sprintf("seed %d, compress %t, buffers of %d, large %t", seed, compress, bufferBytes, withLarge)
				got, result := scanAll(t, context, source, Options{BufferBytes: bufferBytes, Buffers: 2}, withLarge)
				if !result.Checked || result.Bytes != int64(len(file)) {
					t.Fatalf("%s: %+v", context, result)
				}
				checkEntries(t, context, sorted(got), sorted(entries))
			}
		}
	}
}

// chunkReader returns random amounts.
type chunkReader struct {
	r    *rand.Rand
	rest []byte
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:1+c.r.IntN(min(len(c.rest), 1000))])
	c.rest = c.rest[n:]
	return n, nil
}
