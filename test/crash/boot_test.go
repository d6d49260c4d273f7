// Shows what a server does that starts on a broken file: it says what is wrong and where, ends with
// an error, and leaves the file alone. It must not start empty: the next save would replace what
// can perhaps still be rescued.

package crash

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

func TestBrokenFile(t *testing.T) {
	seed := newSeed(t)
	chance := rand.New(rand.NewPCG(seed, 3))
	tarn := harness.Tarn(t)
	s := tarn.Start(t)
	c := s.Dial(t)
	for i := range 200 {
		c.Must(t, "SET", "key:"+strconv.Itoa(i), strings.Repeat(strconv.Itoa(i), i))
	}
	c.Must(t, "SAVE")
	whole, err := os.ReadFile(filepath.Join(s.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	s.Kill()
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1 << chance.IntN(8)
		return b
	}
	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"no RDB file", []byte("not an RDB file at all")},
		{"cut off in the header", whole[:7]},
		{"cut off somewhere", whole[:9+chance.IntN(len(whole)-18)]},
		{"cut off before the checksum", whole[:len(whole)-8]},
		{"cut off in the checksum", whole[:len(whole)-1]},
		{"a bit flipped somewhere", flipped(9 + chance.IntN(len(whole)-9))},
		{"a bit of the checksum flipped", flipped(len(whole) - 1 - chance.IntN(8))},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "dump.rdb")
		if err := os.WriteFile(file, tc.data, 0o600); err != nil {
			t.Fatal(err)
		}
		output, code := tarn.StartError(t, `dir `+harness.Quote(dir))
		for _, want := range []string{file + ": rdb: offset ", "Terminating server after rdb file reading failure."} {
			if !strings.Contains(output, want) {
				t.Errorf("%s, seed %d: it says\n%s\nwant %q in it", tc.name, seed, output, want)
			}
		}
		if code != 1 {
			t.Errorf("%s, seed %d: exit code %d, want 1", tc.name, seed, code)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, tc.data) {
			t.Errorf("%s, seed %d: the file is no longer what it was (%v)", tc.name, seed, err)
		}
	}
}
