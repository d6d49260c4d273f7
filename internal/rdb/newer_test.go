// Files of newer servers, and with values of modules: what is known of them is read, what ends where it
// says is passed over and told, and what does not ends the reading at its place. Shown with buffers of
// every size, cut at every byte.

package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"tarn/test/chance"
)

// enc encodes what stands in the files below.
var enc Encoder

// moduleValue appends the value of a module, one item of which is a string.
func moduleValue(dst []byte, name, text string) []byte {
	dst = AppendLength(dst, moduleID(name, 1))
	dst = append(dst, moduleInt, 0x40, 5, moduleFloat, 0, 0, 0, 0, moduleDouble, 0, 0, 0, 0, 0, 0, 0, 0, moduleString, 0xC1, 1, 2)
	dst = enc.AppendBlob(append(dst, moduleString), []byte(text))
	return append(dst, moduleUint, 7, moduleEnd)
}

// newerFile returns a file with everything that is passed over, and what is to be told of it.
func newerFile(header string, long int) (file []byte, want []string) {
	at := func(what string, begin int) {
		key, _, _ := strings.Cut(what, ":")
		want = append(want, fmt.Sprintf("left out: db 3 %s at %d, %d bytes", what, begin, len(file)-begin-2-len(key)))
	}
	file = AppendSelectDB([]byte(header), 3)
	file = moduleValue(append(file, opModuleAux), "aux-data1", strings.Repeat("x", long))
	want = append(want, `skipped data of module "aux-data1"`)
	file = enc.AppendStringEntry(file, []byte("first"), []byte("1"))
	file = AppendExpireMs(file, 1<<41)
	begin := len(file)
	file = moduleValue(enc.AppendString(append(file, typeModule), []byte("json")), "ReJSON-RL", strings.Repeat("{}", long/2))
	at(`json: type 7 (module value of "ReJSON-RL")`, begin)
	if strings.HasPrefix(header, valkeyMagic) {
		file = append(enc.AppendString(append(file, opSlotImport), []byte("job")), 2, 0, 5, 0x41, 0, 0x42, 0)
		want = append(want, "skipped import of slots")
	} else {
		file = append(file, opSlotImport, 2, 'a', 'b', 'c', 0, moduleInt, 1, moduleEnd, 'd', 'e', 'f', 0, moduleString, 1, 'x', moduleEnd)
		want = append(want, "skipped metadata of a key")
	}
	file = AppendFreq(file, 9)
	file = enc.AppendStringEntry(file, []byte("second"), []byte("2"))
	begin = len(file)
	file = moduleValue(enc.AppendString(append(file, typeModule), []byte("bloom")), "MBbloom--", "")
	at(`bloom: type 7 (module value of "MBbloom--")`, begin)
	file = enc.AppendStringEntry(file, []byte("third"), []byte("3"))
	want = append(want, "{DB:3 Key:first Value:1 ExpireMs:-1 Idle:-1 Freq:-1}", "{DB:3 Key:second Value:2 ExpireMs:-1 Idle:-1 Freq:9}",
		"{DB:3 Key:third Value:3 ExpireMs:-1 Idle:-1 Freq:-1}")
	sort.Strings(want)
	return sealed(append(file, opEOF)), want
}

// told reads a file and returns what is told of it, sorted.
func told(source *chunkReader, o Options, lenient bool) (got []string, result Result, err error) {
	say := func(format string, args ...any) error {
		got = append(got, fmt.Sprintf(format, args...))
		return nil
	}
	o.Skipped = func(what string) error { return say("skipped %s", what) }
	if lenient {
		o.Newer = true
		o.LeaveOut = func(l *LeftOut) error {
			return say("left out: db %d %s: %s at %d, %d bytes", l.DB, l.Key, l.What, l.Offset, l.Bytes)
		}
	}
	result, err = Scan(source, o, func(rec *Record) error {
		e, err := entryOf(rec)
		_ = say("%+v", e)
		return err
	})
	sort.Strings(got)
	return got, result, err
}

func TestNewerFiles(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, header := range []string{"REDIS0013", "REDIS0079", "VALKEY080", "VALKEY081", "VALKEY999"} {
		for _, long := range []int{0, 30, 100, 5000} {
			file, want := newerFile(header, long)
			for bufferBytes := leastBufferBytes; bufferBytes < 12000; bufferBytes += 1 + bufferBytes/9 {
				context := fmt.Sprintf("seed %d, %s, strings of %d, buffers of %d", seed, header, long, bufferBytes)
				o := Options{BufferBytes: bufferBytes, Buffers: 2}
				got, result, err := told(&chunkReader{r: r, rest: file}, o, true)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: %q, %v; want %q", context, got, err, want)
				}
				if !result.Checked || result.Bytes != int64(len(file)) || result.Records != 5 || result.Broken != nil {
					t.Fatalf("%s: %+v", context, result)
				}
				if _, _, err := told(&chunkReader{r: r, rest: file}, o, false); !errors.Is(err, ErrVersion) && !errors.Is(err, ErrUnsupported) {
					t.Fatalf("%s: read without being asked to pass over anything: %v", context, err)
				}
			}
		}
	}
}

// TestNewerCutAnywhere shows that a file cut off is found broken, with all that was whole before.
func TestNewerCutAnywhere(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, header := range []string{"REDIS0013", "VALKEY080"} {
		file, want := newerFile(header, 200)
		for length := headerBytes; length < len(file); length++ {
			for _, bufferBytes := range []int{64, 1 << 16} {
				got, result, err := told(&chunkReader{r: r, rest: file[:length]}, Options{BufferBytes: bufferBytes}, true)
				e := result.Broken
				if !errors.Is(err, ErrTruncated) || e == nil || err != error(e) || e.Offset > int64(length) {
					t.Fatalf("seed %d, %s, cut to %d bytes: %v, broken %v", seed, header, length, err, e)
				}
				for _, line := range got {
					if !slices.Contains(want, line) {
						t.Fatalf("seed %d, %s, cut to %d bytes: %q was never there", seed, header, length, line)
					}
				}
			}
		}
	}
}

// TestUnknownLength shows where reading ends when nobody can tell how long a thing is.
func TestUnknownLength(t *testing.T) {
	for _, tc := range []struct {
		header, thing string
		err           error
		what          string
	}{
		{"REDIS0013", "\x63\x03bad", ErrUnsupported, "type 99 (unknown)"},
		{"REDIS0010", "\x63\x03bad", ErrCorrupt, "type 99 (unknown)"},
		{"REDIS0013", "\x1a\x03bad", ErrUnsupported, "type 26 (stream, fourth form)"},
		{"REDIS0009", "\x06\x03bad", ErrUnsupported, "type 6 (module value (pre-release))"},
		{"REDIS0010", "\xf6", ErrUnsupported, "opcode 246 (function, as before Redis 7.0's release)"},
		{"REDIS0012", "\xf3\x01", ErrUnsupported, "opcode 243 (slot import, or key metadata)"},
		{"REDIS0010", "\x07\x03bad\x01\x09", ErrCorrupt, `type 7 (module value of "AAAAAAAAA")`},
	} {
		file := enc.AppendStringEntry([]byte(tc.header), []byte("before"), []byte("v"))
		begin := int64(len(file))
		file = append(append(file, tc.thing...), "what is behind it, and cannot be told"...)
		r := rand.New(rand.NewPCG(1, 0))
		got, result, err := told(&chunkReader{r: r, rest: file}, Options{}, true)
		e := result.Broken
		if e == nil || err != error(e) || !errors.Is(e, tc.err) || e.Offset != begin || e.What != tc.what {
			t.Errorf("%q in %s: %v, broken %v; want %s at %d", tc.thing, tc.header, err, e, tc.what, begin)
		}
		if len(got) != 1 || !strings.Contains(got[0], "Key:before") {
			t.Errorf("%q in %s: read %q", tc.thing, tc.header, got)
		}
	}
	for _, header := range []string{"REDIS0000", "VALKEY000"} {
		_, err := Scan(bytes.NewReader([]byte(header+"\xff")), Options{Newer: true}, func(*Record) error { return nil })
		if !errors.Is(err, ErrVersion) {
			t.Errorf("%s: %v; want a version that is none", header, err)
		}
	}
}
