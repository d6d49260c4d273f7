// Shows that a server which reads a backup back finds every byte that is not as it was written, in files with a
// value of each type, written by a real redis-server; that it decodes what a checksum that fits hides; and that
// it rests, ends and says nothing when told to.

package check

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/rdb"
	"tarn/internal/vfs"
	"tarn/test/chance"
)

func verifyFile(path string, rest func() error) (keys int64, damage, err error) {
	if rest == nil {
		rest = func() error { return nil }
	}
	return (&Tool{Files: vfs.OS{}, Clock: clock.System{}}).Verify(path, rest)
}

func TestVerify(t *testing.T) {
	good := dump(t)
	path := write(t, filepath.Join(t.TempDir(), "dump.rdb"), good)
	keys, damage, err := verifyFile(path, nil)
	if keys < 10 || damage != nil || err != nil {
		t.Fatalf("a file of redis-server: %d keys, damage %v, %v", keys, damage, err)
	}

	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		text := []byte(good)
		at, bit := r.IntN(len(text)), byte(1)<<r.IntN(8)
		text[at] ^= bit
		write(t, path, string(text))
		if _, damage, err := verifyFile(path, nil); damage == nil || err != nil {
			t.Errorf("bit %#x of byte %d of %d is wrong: damage %v, %v (seed %d)", bit, at, len(text), damage, err, seed)
		}
	}
	for _, length := range []int{0, 1, 8, 9, len(good) / 2, len(good) - 8, len(good) - 1} {
		write(t, path, good[:length])
		if _, damage, err := verifyFile(path, nil); damage == nil || err != nil {
			t.Errorf("%d of %d bytes: damage %v, %v", length, len(good), damage, err)
		}
	}
	for name, text := range map[string]string{
		"follow the end": good + "x",
		"checksum":       good[:len(good)-8] + strings.Repeat("\x00", 8),
	} {
		write(t, path, text)
		if _, damage, err := verifyFile(path, nil); damage == nil || err != nil || !strings.Contains(damage.Error(), name) {
			t.Errorf("%s: damage %v, %v", name, damage, err)
		}
	}
}

// TestVerifyDecodes: a value that does not decode is found under a checksum that fits.
func TestVerifyDecodes(t *testing.T) {
	for name, value := range map[string]string{
		"a small listpack": "\x08\x00\x00\x00\x02\x00\x05\xff",
		"a large listpack": "\x90\x5f\x01\x00\x02\x00" + strings.Repeat("\x00\x01", 44997) + "\x00\xff",
	} {
		var text strings.Builder
		w := rdb.NewWriter(&text, true)
		if err := w.Begin(11); err != nil {
			t.Fatal(err)
		}
		entry := rdb.AppendSelectDB(nil, 0)
		const hashListpack = 16
		entry = append(entry, hashListpack, 4)
		entry = append(entry, "hash"...)
		entry = append(entry, 0x80, byte(len(value)>>24), byte(len(value)>>16), byte(len(value)>>8), byte(len(value)))
		entry = append(entry, value...)
		if _, err := w.Write(entry); err != nil {
			t.Fatal(err)
		}
		if err := w.End(); err != nil {
			t.Fatal(err)
		}
		path := write(t, filepath.Join(t.TempDir(), "dump.rdb"), text.String())
		if _, damage, err := verifyFile(path, nil); damage == nil || err != nil {
			t.Errorf("%s with a length that is wrong: damage %v, %v", name, damage, err)
		}
	}
}

func TestVerifyStops(t *testing.T) {
	var text strings.Builder
	w := rdb.NewWriter(&text, true)
	if err := w.Begin(11); err != nil {
		t.Fatal(err)
	}
	var enc rdb.Encoder
	entries := rdb.AppendSelectDB(nil, 0)
	for i := range 20 {
		entries = enc.AppendStringEntry(entries, []byte{byte(i)}, make([]byte, 50<<10))
	}
	if _, err := w.Write(entries); err != nil {
		t.Fatal(err)
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	path := write(t, filepath.Join(t.TempDir(), "dump.rdb"), text.String())
	stop := errors.New("stop")
	asked := 0
	if _, damage, err := verifyFile(path, func() error { asked++; return nil }); damage != nil || err != nil || asked < 2 {
		t.Fatalf("asked %d times to rest: damage %v, %v", asked, damage, err)
	}
	for at := 1; at <= asked; at++ {
		n := 0
		_, damage, err := verifyFile(path, func() error {
			if n++; n == at {
				return stop
			}
			return nil
		})
		if damage != nil || err != stop || n != at {
			t.Errorf("stopped at read %d of %d: damage %v, %v, after %d", at, asked, damage, err, n)
		}
	}
	if _, damage, err := verifyFile(path+".gone", nil); damage != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: damage %v, %v", damage, err)
	}
}
