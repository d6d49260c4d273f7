// Large values: whatever part of one is read, in whatever amounts, the rest of the file is found
// and the checksum holds; one that does not decode to what it claims is an error; memory stays at
// the fixed buffers.

package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"tarn/internal/lzf"
	"testing/iotest"
)

// largeFile has a large random value, a large one that compresses, and small ones round them.
func largeFile(t *testing.T) (file []byte, values map[string][]byte) {
	r := rand.New(rand.NewPCG(11, 0))
	values = map[string][]byte{
		"random": benchValue(r, "random", 900000), "json": benchValue(r, "json", 900000), "small": []byte("value"),
	}
	enc := &Encoder{Compress: true}
	var sink bytes.Buffer
	w := NewWriter(&sink, true)
	w.Begin(DefaultVersion)
	for _, key := range []string{"small", "random", "json", "small", "json"} {
		head, p := enc.BeginLarge(AppendExpireMs(nil, 5), []byte(key), values[key])
		w.Write(head)
		for p.More() {
			w.Write(p.AppendTo(nil))
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return sink.Bytes(), values
}

func TestLargeValuesReadInPart(t *testing.T) {
	file, values := largeFile(t)
	for _, bufferBytes := range []int{64, 1000, 100000} {
		for _, part := range []int{0, 1, 5000, 899999, 900000} {
			for name, source := range map[string]io.Reader{"whole": bytes.NewReader(file), "halves": iotest.HalfReader(bytes.NewReader(file))} {
				context := fmt.Sprintf("buffers of %d, %d bytes read, source %s", bufferBytes, part, name)
				large := 0
				o := Options{BufferBytes: bufferBytes, Size: int64(len(file)), Large: func(rec *Record, value *LargeValue) error {
					large++
					got := make([]byte, part)
					_, err := io.ReadFull(value, got)
					if !bytes.Equal(got, values[string(rec.Key)][:part]) || value.Len() != 900000 || rec.ExpireMs != 5 {
						t.Fatalf("%s: key %q has not the %d bytes written, or not all, or another deadline %d", context, rec.Key, value.Len(), rec.ExpireMs)
					}
					return err
				}}
				small := 0
				result, err := Scan(source, o, func(rec *Record) error { small++; return nil })
				if err != nil || !result.Checked || result.Records != 5 || large != 3 || small != 2 {
					t.Fatalf("%s: %+v, %v, %d large and %d small values", context, result, err, large, small)
				}
			}
		}
	}
}

func TestLargeValuesThatLie(t *testing.T) {
	value := bytes.Repeat([]byte("some text "), 3000)
	var c lzf.Compressor
	packed := appendAll(&c, string(value))
	for _, tc := range []struct {
		name   string
		length int
		packed []byte
		want   error
	}{
		{"right", len(value), packed, nil},
		{"shorter", len(value) - 1, packed, ErrCorrupt},
		{"longer", len(value) + 1, packed, ErrCorrupt},
		{"much longer", len(packed) * lzf.Expansion, packed, ErrCorrupt},
		{"empty", 0, packed, ErrCorrupt},
		{"a token cut off", len(value), packed[:len(packed)-1], ErrCorrupt},
		{"a copy from before the start", len(value), append([]byte{0x20, 0x05}, packed...), ErrCorrupt},
	} {
		file := append(AppendHeader(nil, DefaultVersion), TypeString, 1, 'k')
		file = append(appendCompressedHeader(file, len(tc.packed), tc.length), tc.packed...)
		file = append(file, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
		_, err := Scan(bytes.NewReader(file), Options{BufferBytes: 64, Large: drain}, func(*Record) error { return nil })
		if !errors.Is(err, tc.want) || err != nil && err.Error() != `rdb: offset 9: type 0 (string): key "k": `+tc.want.Error() {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.want)
		}
	}
}

// TestLargeValueWithMore reads as much as a value claims to have, when it has more.
func TestLargeValueWithMore(t *testing.T) {
	value := benchValue(rand.New(rand.NewPCG(5, 0)), "json", 300000)
	for _, claimed := range []int{1000, 65535, 65536, 65537, 100000, 299999} {
		var c lzf.Compressor
		packed := appendAll(&c, string(value))
		file := append(AppendHeader(nil, DefaultVersion), TypeString, 1, 'k')
		file = append(appendCompressedHeader(file, len(packed), claimed), packed...)
		file = append(file, opEOF, 0, 0, 0, 0, 0, 0, 0, 0)
		o := Options{BufferBytes: 4096, Large: func(_ *Record, value *LargeValue) error {
			_, err := io.ReadFull(value, make([]byte, value.Len()))
			return err
		}}
		if _, err := Scan(bytes.NewReader(file), o, func(*Record) error { return nil }); !errors.Is(err, ErrCorrupt) {
			t.Errorf("300000 bytes that claim to be %d: error %v, want %v", claimed, err, ErrCorrupt)
		}
	}
}

// TestKnownSize shows that what cannot be whole is refused before it is read.
func TestKnownSize(t *testing.T) {
	boom := errors.New("the source was read on")
	for name, o := range map[string]Options{"batch": {Size: 1000}, "large": {Size: 1000, Large: drain}} {
		head := append([]byte("REDIS0010\x00\x01k"), AppendLength(nil, 1<<20)...)
		source := io.MultiReader(bytes.NewReader(head), iotest.ErrReader(boom))
		_, err := Scan(source, o, func(*Record) error { return nil })
		if !errors.Is(err, ErrTruncated) {
			t.Errorf("%s: error %v, want %v", name, err, ErrTruncated)
		}
	}
}

// TestGrownBuffersAreDropped shows that one long entry does not leave its buffer in the pool.
func TestGrownBuffersAreDropped(t *testing.T) {
	file := encodeFile(t, []entry{{0, "key", string(benchValue(rand.New(rand.NewPCG(1, 0)), "random", 100000)), None, None, None}}, DefaultVersion, false)
	grown := 0
	_, err := Split(bytes.NewReader(file), Options{BufferBytes: 1000}, func(b *Batch) error {
		if len(b.buf) > 1000 {
			grown++
			home := b.home
			b.Release()
			if b := <-home.free; len(b.buf) > 1000 {
				t.Errorf("a buffer of %d bytes went back to the pool", len(b.buf))
			}
			return nil
		}
		b.Release()
		return nil
	})
	if err != nil || grown != 1 {
		t.Errorf("%d batches were grown, error %v", grown, err)
	}
}
